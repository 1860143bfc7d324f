//! The compiled tree: an arena of schema nodes.

use std::{collections::HashMap, sync::Arc};

use crate::{
    Keyword,
    build::Overrides,
    link::{ModuleId, StmtRef},
    types::Type,
};

/// A node, by its place in the arena. A parent's number is smaller than its children's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    pub(crate) const ROOT: Self = Self(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// No node: the arena never has that many.
pub(crate) const NO_NODE: NodeId = NodeId(u32::MAX);
/// No type: the node has none, or it could not be resolved.
pub(crate) const NO_TYPE: u32 = u32::MAX;

/// The kinds of schema nodes (RFC 7950, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the statements")]
pub enum NodeKind {
    /// What stands above all others.
    Root,
    Action,
    AnyData,
    AnyXml,
    Case,
    Choice,
    Container,
    Input,
    Leaf,
    LeafList,
    List,
    Notification,
    Output,
    Rpc,
}

impl NodeKind {
    /// The kind of node that a statement makes. `input` and `output` are made with their operation.
    pub(crate) fn of(keyword: Keyword) -> Option<Self> {
        Some(match keyword {
            Keyword::Action => Self::Action,
            Keyword::AnyData => Self::AnyData,
            Keyword::AnyXml => Self::AnyXml,
            Keyword::Case => Self::Case,
            Keyword::Choice => Self::Choice,
            Keyword::Container => Self::Container,
            Keyword::Leaf => Self::Leaf,
            Keyword::LeafList => Self::LeafList,
            Keyword::List => Self::List,
            Keyword::Notification => Self::Notification,
            Keyword::Rpc => Self::Rpc,
            _ => return None,
        })
    }

    /// Whether it is a node of the data tree.
    pub fn is_data(self) -> bool {
        matches!(
            self,
            Self::AnyData | Self::AnyXml | Self::Container | Self::Leaf | Self::LeafList | Self::List
        )
    }

    /// Whether it is looked through in the data tree.
    pub(crate) fn is_transparent(self) -> bool {
        matches!(self, Self::Choice | Self::Case)
    }
}

/// What is true or not of a node, as bits.
pub(crate) struct Flags;

impl Flags {
    /// Something that belongs under it could not be built.
    pub(crate) const INCOMPLETE: u16 = 1;
    /// A deviation or a feature took it away.
    pub(crate) const REMOVED: u16 = 1 << 1;
    /// Configuration (RFC 7950, section 7.21.1).
    pub(crate) const CONFIG: u16 = 1 << 2;
    /// A list or leaf-list that is `ordered-by user`.
    pub(crate) const USER_ORDERED: u16 = 1 << 3;
    /// A container with `presence`.
    pub(crate) const PRESENCE: u16 = 1 << 4;
    /// Within an operation or a notification: neither configuration nor state.
    pub(crate) const OPERATION: u16 = 1 << 5;
    /// A key of the list it is in.
    pub(crate) const KEY: u16 = 1 << 6;
    /// At or below a node with `default-deny-write` (RFC 8341, section 9).
    pub(crate) const DENY_WRITE: u16 = 1 << 7;
    /// At or below a node with `default-deny-all`.
    pub(crate) const DENY_ALL: u16 = 1 << 8;
}

/// A schema node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: u32,
    pub(crate) module: ModuleId,
    pub(crate) kind: NodeKind,
    pub(crate) flags: u16,
    pub(crate) parent: NodeId,
    pub(crate) first: NodeId,
    pub(crate) last: NodeId,
    pub(crate) next: NodeId,
    /// The statement it was made of.
    pub(crate) origin: StmtRef,
    pub(crate) type_number: u32,
    /// A list's place in [`Nodes::keys`].
    pub(crate) keys: u32,
    /// Its place among the data nodes of its parent.
    pub(crate) position: u32,
    /// Its data nodes, as a piece of [`Nodes::order`] and [`Nodes::sorted`].
    pub(crate) data: (u32, u32),
}

impl Node {
    pub(crate) const fn new(
        name: u32,
        module: ModuleId,
        kind: NodeKind,
        parent: NodeId,
        origin: StmtRef,
    ) -> Self {
        Self {
            name,
            module,
            kind,
            flags: 0,
            parent,
            first: NO_NODE,
            last: NO_NODE,
            next: NO_NODE,
            origin,
            type_number: NO_TYPE,
            keys: u32::MAX,
            position: 0,
            data: (0, 0),
        }
    }

    pub(crate) const fn root() -> Self {
        let nowhere = StmtRef { unit: u32::MAX, id: 0 };
        Self::new(0, ModuleId(u32::MAX), NodeKind::Root, NO_NODE, nowhere)
    }

    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// A tree of nothing: what every arena begins with.
pub(crate) static BARE_ROOT: Node = Node::root();

/// The names of nodes and their numbers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Names {
    pub(crate) fn new(texts: Vec<Box<str>>) -> Self {
        let numbers = texts.iter().zip(0..).map(|(text, number)| (text.clone(), number)).collect();
        Self { texts, numbers }
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    pub(crate) fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }
}

/// Nodes that one augment added to a node: those children whose numbers are from `from` to before `to`.
#[derive(Debug)]
pub(crate) struct Augmented {
    pub(crate) at: StmtRef,
    pub(crate) target: NodeId,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
}

/// The whole tree.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) nodes: Vec<Node>,
    pub(crate) names: Names,
    pub(crate) types: Vec<Arc<Type>>,
    pub(crate) overrides: Overrides,
    pub(crate) augments: Vec<Augmented>,
    pub(crate) keys: Vec<Box<[Box<str>]>>,
    /// The data nodes under each parent, in the order of the model.
    pub(crate) order: Vec<NodeId>,
    /// The same by name and module, for looking up.
    pub(crate) sorted: Vec<(u32, ModuleId, NodeId)>,
    /// Whether any node is denied unless a rule permits it.
    pub(crate) has_default_denies: bool,
}

impl Nodes {
    pub(crate) fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.index())
    }

    /// The data nodes right under a node; `choice` and `case` are looked through.
    pub(crate) fn data_children(&self, parent: NodeId) -> &[NodeId] {
        self.get(parent).and_then(|node| self.order.get(range(node.data))).unwrap_or_default()
    }

    /// The data node of this name right under a node; in any module if none is given.
    pub(crate) fn data_child(&self, parent: NodeId, name: u32, module: Option<ModuleId>) -> Option<NodeId> {
        let sorted = self.get(parent).and_then(|node| self.sorted.get(range(node.data)))?;
        let wanted = (name, module.unwrap_or(ModuleId(0)));
        let at = sorted.partition_point(|&(name, module, _)| (name, module) < wanted);
        let &(found, in_module, node) = sorted.get(at)?;
        (found == name && module.is_none_or(|module| module == in_module)).then_some(node)
    }

    /// The schema nodes right under a node, `choice`, `case`, operations and notifications among them.
    pub(crate) fn schema_children(&self, parent: NodeId) -> impl Iterator<Item = NodeId> {
        let first = self.get(parent).map_or(NO_NODE, |node| node.first);
        std::iter::successors(Some(first), |&id| self.get(id).map(|node| node.next))
            .take_while(|&id| id != NO_NODE)
            .filter(|&id| self.get(id).is_some_and(|node| !node.has(Flags::REMOVED)))
    }
}

fn range((start, end): (u32, u32)) -> std::ops::Range<usize> {
    start as usize..end as usize
}
