//! The compiled tree of schema nodes, in one arena.

use std::{collections::BTreeSet, sync::Arc};

use confine_tree::HashMap;

use crate::{keyword::Keyword, link::ModuleId, statement::StatementId, types::LeafType};

/// The index of a node in the arena. A parent's is smaller than its children's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SchemaNodeId(pub(crate) u32);

impl SchemaNodeId {
    pub(crate) const ROOT: Self = Self(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// No node: the arena never has that many nodes.
pub(crate) const NO_NODE: SchemaNodeId = SchemaNodeId(u32::MAX);
/// No type: the node has none, or its type has an error.
pub(crate) const NO_TYPE: u32 = u32::MAX;

/// The kinds of schema nodes (RFC 7950, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the statements")]
pub enum SchemaNodeKind {
    /// The node above the top-level nodes.
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

impl SchemaNodeKind {
    /// Returns the kind of node that a statement defines. `input` and `output` come with their operation.
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

    /// Returns whether it is a node of the data tree.
    pub(crate) fn is_data(self) -> bool {
        matches!(
            self,
            Self::AnyData | Self::AnyXml | Self::Container | Self::Leaf | Self::LeafList | Self::List
        )
    }

    /// Returns whether the data tree has its children in its place.
    pub(crate) fn is_transparent(self) -> bool {
        matches!(self, Self::Choice | Self::Case)
    }
}

/// The flags of a node, as bits.
pub(crate) struct NodeFlags;

impl NodeFlags {
    /// Removed by a deviation or a feature.
    pub(crate) const REMOVED: u16 = 1;
    /// Configuration (RFC 7950, section 7.21.1).
    pub(crate) const CONFIG: u16 = 1 << 1;
    /// A list or leaf-list that is `ordered-by user`.
    pub(crate) const USER_ORDERED: u16 = 1 << 2;
    /// A container with `presence`.
    pub(crate) const PRESENCE: u16 = 1 << 3;
    /// In an operation or a notification: neither configuration nor state.
    pub(crate) const OPERATION: u16 = 1 << 4;
    /// A key of its list.
    pub(crate) const KEY: u16 = 1 << 5;
    /// At or below a node with `default-deny-write` (RFC 8341, section 9).
    pub(crate) const DENY_WRITE: u16 = 1 << 6;
    /// At or below a node with `default-deny-all`.
    pub(crate) const DENY_ALL: u16 = 1 << 7;
}

/// A schema node.
#[derive(Debug)]
pub(crate) struct NodeRecord {
    pub(crate) name: u32,
    pub(crate) module: ModuleId,
    pub(crate) kind: SchemaNodeKind,
    pub(crate) flags: u16,
    pub(crate) parent: SchemaNodeId,
    pub(crate) first: SchemaNodeId,
    pub(crate) last: SchemaNodeId,
    pub(crate) next: SchemaNodeId,
    /// The statement that defines it.
    pub(crate) origin: StatementId,
    pub(crate) type_number: u32,
    /// The index of a list's keys in [`NodeArena::keys`].
    pub(crate) keys: u32,
    /// Its index among the data nodes of its parent.
    pub(crate) position: u32,
    /// Its data nodes, as a range of [`NodeArena::order`] and [`NodeArena::sorted`].
    pub(crate) data: (u32, u32),
}

impl NodeRecord {
    pub(crate) const fn new(
        name: u32,
        module: ModuleId,
        kind: SchemaNodeKind,
        parent: SchemaNodeId,
        origin: StatementId,
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
        let nowhere = StatementId { unit: u32::MAX, number: 0 };
        Self::new(0, ModuleId(u32::MAX), SchemaNodeKind::Root, NO_NODE, nowhere)
    }

    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// The memory of one node, in bytes: its record, its places in the indexes, and its place in the index that is needed to
/// build the tree, which may be half empty.
pub(crate) const NODE_MEMORY: usize = size_of::<NodeRecord>()
    + size_of::<SchemaNodeId>()
    + size_of::<(u32, ModuleId, SchemaNodeId)>()
    + 2 * size_of::<((SchemaNodeId, u32, ModuleId), SchemaNodeId)>();

/// The root of an empty tree: the first node of every arena.
pub(crate) static BARE_ROOT: NodeRecord = NodeRecord::root();

/// The names of nodes, by number.
#[derive(Debug, Default)]
pub(crate) struct NodeNames {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl NodeNames {
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

/// The substatements that refinements and deviations give a node instead of its own, by node and keyword.
pub(crate) type Overrides = HashMap<(SchemaNodeId, Keyword), Vec<StatementId>>;

/// The whole tree.
#[derive(Debug)]
pub(crate) struct NodeArena {
    pub(crate) nodes: Vec<NodeRecord>,
    pub(crate) names: NodeNames,
    pub(crate) types: Vec<Arc<LeafType>>,
    pub(crate) overrides: Overrides,
    /// The nodes with a child that could not be built, and the module of that child.
    pub(crate) incomplete: BTreeSet<(SchemaNodeId, ModuleId)>,
    pub(crate) keys: Vec<Arc<[Box<str>]>>,
    /// The data nodes of each parent, in the order of the model.
    pub(crate) order: Vec<SchemaNodeId>,
    /// The same, sorted by name and module for lookups.
    pub(crate) sorted: Vec<(u32, ModuleId, SchemaNodeId)>,
    /// Whether any node has a `default-deny` extension.
    pub(crate) has_default_denies: bool,
}

impl NodeArena {
    pub(crate) fn get(&self, id: SchemaNodeId) -> Option<&NodeRecord> {
        self.nodes.get(id.index())
    }

    /// Returns the data nodes that are children of a node. `choice` and `case` are transparent.
    pub(crate) fn data_children(&self, parent: SchemaNodeId) -> &[SchemaNodeId] {
        self.get(parent).and_then(|node| self.order.get(range(node.data))).unwrap_or_default()
    }

    /// Returns the child data node of this name; of any module if none is given.
    pub(crate) fn data_child(
        &self,
        parent: SchemaNodeId,
        name: u32,
        module: Option<ModuleId>,
    ) -> Option<SchemaNodeId> {
        let sorted = self.get(parent).and_then(|node| self.sorted.get(range(node.data)))?;
        let wanted = (name, module.unwrap_or(ModuleId(0)));
        let index = sorted.partition_point(|&(name, module, _)| (name, module) < wanted);
        let &(found, in_module, node) = sorted.get(index)?;
        (found == name && module.is_none_or(|module| module == in_module)).then_some(node)
    }

    /// Returns the child data nodes of this name, of all modules.
    pub(crate) fn data_children_named(
        &self,
        parent: SchemaNodeId,
        name: u32,
    ) -> impl Iterator<Item = SchemaNodeId> {
        let sorted = self.get(parent).and_then(|node| self.sorted.get(range(node.data))).unwrap_or_default();
        let first = sorted.partition_point(|&(found, ..)| found < name);
        let named = sorted.iter().skip(first).take_while(move |&&(found, ..)| found == name);
        named.map(|&(.., node)| node)
    }

    /// Returns the child schema nodes of a node, including `choice`, `case`, operations and notifications.
    pub(crate) fn schema_children(&self, parent: SchemaNodeId) -> impl Iterator<Item = SchemaNodeId> {
        let first = self.get(parent).map_or(NO_NODE, |node| node.first);
        std::iter::successors(Some(first), |&id| self.get(id).map(|node| node.next))
            .take_while(|&id| id != NO_NODE)
            .filter(|&id| self.get(id).is_some_and(|node| !node.has(NodeFlags::REMOVED)))
    }
}

fn range((start, end): (u32, u32)) -> std::ops::Range<usize> {
    start as usize..end as usize
}
