//! Schemas mounted in another one: the models of devices under the controller's list of devices (RFC 8528).

use std::{collections::HashMap, sync::Arc};

use confine_tree::{DataNodeKind, DefaultDeny, QName, SchemaNode, ValueError};

use crate::{
    YangModule, YangNode, YangSchema,
    link::number_of,
    nodes::{SchemaNodeId, SchemaNodeKind},
};

/// A schema with a mount point in the entries of a list, and what is mounted in each entry.
///
/// In the controller that is `/ctrl:devices/ctrl:device/ctrl:config`, whose label is `device`: each device has its own
/// model. [`entry`](confine_tree::Schema::entry) of the list leads to the nodes of one device; where that device has no
/// model, its mount point [is not complete](confine_tree::Schema::is_complete) and has no nodes.
///
/// Mounting is cheap: where the model of a device changes, make a new one of the same schemas.
///
/// # Numbers
/// The nodes of the outer schema keep theirs. Each distinct mounted schema has a block of numbers behind them: the
/// list entry that leads to it, then its own nodes, of which the root stands for the mount point.
#[derive(Debug)]
pub struct MountedSchema {
    outer: Arc<YangSchema>,
    point: Option<MountPoint>,
    blocks: Vec<NumberBlock>,
    /// By the address of its schema, which the block keeps.
    by_schema: HashMap<usize, usize>,
    by_entry: HashMap<Box<str>, usize>,
    others: Option<usize>,
}

/// Where schemas are mounted.
#[derive(Clone, Copy, Debug)]
struct MountPoint {
    list: SchemaNode,
    node: SchemaNode,
}

#[derive(Debug)]
struct NumberBlock {
    schema: Arc<YangSchema>,
    first: u32,
}

/// What a number stands for.
enum NumberMeaning<'a> {
    Outer(SchemaNode),
    /// An entry of the list, with the number of its block.
    Entry(MountPoint, u32),
    /// The root of a mounted schema.
    Root(MountPoint, &'a NumberBlock),
    /// Any other node of a mounted schema.
    Inner(&'a NumberBlock, SchemaNode),
}

impl MountedSchema {
    /// The schema, and the mount point of this label in it. Where there is none right in a list, nothing can be
    /// mounted and the schema is as it is.
    pub fn new(outer: Arc<YangSchema>, label: &str) -> Self {
        let point = outer.mount_point(label).and_then(|node| {
            let list = node.parent().filter(|parent| parent.kind() == SchemaNodeKind::List)?;
            Some(MountPoint { list: list.id(), node: node.id() })
        });
        Self {
            outer,
            point,
            blocks: Vec::new(),
            by_schema: HashMap::new(),
            by_entry: HashMap::new(),
            others: None,
        }
    }

    /// Mounts a schema in the entry of this first key. Entries that share a schema share its numbers.
    pub fn mount(&mut self, key: &str, schema: Arc<YangSchema>) {
        if let Some(block) = self.block(schema) {
            self.by_entry.insert(key.into(), block);
        }
    }

    /// Mounts a schema in all entries that have none of their own.
    pub fn mount_default(&mut self, schema: Arc<YangSchema>) {
        self.others = self.block(schema);
    }

    /// `None` where all numbers are taken: after some thousand large schemas.
    fn block(&mut self, schema: Arc<YangSchema>) -> Option<usize> {
        let address = Arc::as_ptr(&schema).addr();
        if let Some(&known) = self.by_schema.get(&address) {
            return Some(known);
        }
        let first = match self.blocks.last() {
            None => number_of(self.outer.nodes.nodes.len()),
            Some(last) => last.end(),
        };
        let block = NumberBlock { schema, first };
        if block.end() == u32::MAX {
            return None;
        }
        self.by_schema.insert(address, self.blocks.len());
        self.blocks.push(block);
        Some(self.blocks.len() - 1)
    }

    fn at(&self, node: SchemaNode) -> NumberMeaning<'_> {
        let Some(point) = self.point else { return NumberMeaning::Outer(node) };
        let before = self.blocks.partition_point(|block| block.first <= node.0);
        match before.checked_sub(1).and_then(|index| self.blocks.get(index)) {
            None => NumberMeaning::Outer(node),
            Some(block) => match node.0 - block.first {
                0 => NumberMeaning::Entry(point, block.first),
                1 => NumberMeaning::Root(point, block),
                inner => NumberMeaning::Inner(block, SchemaNode(inner - 1)),
            },
        }
    }

    /// The outer schema.
    pub fn outer(&self) -> &YangSchema {
        &self.outer
    }

    /// The schema that is mounted in the entry of this key.
    pub fn mounted(&self, key: &str) -> Option<&YangSchema> {
        let index = self.by_entry.get(key).copied().or(self.others)?;
        self.blocks.get(index).map(|block| &*block.schema)
    }

    /// All modules, of the outer schema and of those that are mounted; one may be there in several revisions.
    pub fn modules(&self) -> impl Iterator<Item = &YangModule> {
        let mounted = self.blocks.iter().map(|block| &block.schema);
        std::iter::once(&self.outer).chain(mounted).flat_map(|schema| schema.modules())
    }

    /// All that is known of a node; the mount point is that of the outer schema.
    pub fn node(&self, node: SchemaNode) -> Option<YangNode<'_>> {
        match self.at(node) {
            NumberMeaning::Outer(node) => self.outer.node(node),
            NumberMeaning::Entry(point, _) => self.outer.node(point.list),
            NumberMeaning::Root(point, _) => self.outer.node(point.node),
            NumberMeaning::Inner(block, node) => block.schema.node(node),
        }
    }

    /// As [`YangSchema::unknown_child`].
    pub fn unknown_child(&self, parent: SchemaNode, name: &str) -> String {
        match self.at(parent) {
            NumberMeaning::Outer(node) => self.outer.unknown_child(node, name),
            NumberMeaning::Entry(point, _) => self.outer.unknown_child(point.list, name),
            NumberMeaning::Root(_, block) => {
                block.schema.unknown_child(SchemaNode(SchemaNodeId::ROOT.0), name)
            }
            NumberMeaning::Inner(block, node) => block.schema.unknown_child(node, name),
        }
    }

    /// The schema and the node in it that answers what stands for itself there: all but what is within.
    fn own(&self, node: SchemaNode) -> (&YangSchema, SchemaNode) {
        match self.at(node) {
            NumberMeaning::Outer(node) => (&self.outer, node),
            NumberMeaning::Entry(point, _) => (&self.outer, point.list),
            NumberMeaning::Root(point, _) => (&self.outer, point.node),
            NumberMeaning::Inner(block, node) => (&block.schema, node),
        }
    }

    /// The schema and the node in it that answers what is within.
    fn within(&self, node: SchemaNode) -> (&YangSchema, SchemaNode) {
        match self.at(node) {
            NumberMeaning::Root(_, block) => (&block.schema, SchemaNode(SchemaNodeId::ROOT.0)),
            _ => self.own(node),
        }
    }
}

impl NumberBlock {
    /// The first number behind it.
    fn end(&self) -> u32 {
        self.first.saturating_add(1).saturating_add(number_of(self.schema.nodes.nodes.len()))
    }

    fn number(&self, inner: SchemaNode) -> SchemaNode {
        SchemaNode(self.first + 1 + inner.0)
    }
}

impl confine_tree::Schema for MountedSchema {
    fn root(&self) -> Option<SchemaNode> {
        self.outer.root()
    }

    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        match self.at(parent) {
            NumberMeaning::Outer(node) => self.outer.child(node, name),
            NumberMeaning::Entry(point, first) => {
                let child = self.outer.child(point.list, name)?;
                Some(if child == point.node { SchemaNode(first + 1) } else { child })
            }
            NumberMeaning::Root(_, block) => {
                block.schema.child(SchemaNode(SchemaNodeId::ROOT.0), name).map(|inner| block.number(inner))
            }
            NumberMeaning::Inner(block, node) => {
                block.schema.child(node, name).map(|inner| block.number(inner))
            }
        }
    }

    fn entry(&self, list: SchemaNode, keys: &[&str]) -> SchemaNode {
        let is_list = self.point.is_some_and(|point| point.list == list);
        let index =
            keys.first().filter(|_| is_list).and_then(|key| self.by_entry.get(*key).copied().or(self.others));
        index.and_then(|index| self.blocks.get(index)).map_or(list, |block| SchemaNode(block.first))
    }

    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let (schema, node) = self.within(parent);
        schema.children(node)
    }

    fn is_complete(&self, parent: SchemaNode) -> bool {
        let (schema, node) = self.within(parent);
        schema.is_complete(node)
    }

    fn excludes(&self, parent: SchemaNode, name: QName<'_>) -> bool {
        let (schema, node) = self.within(parent);
        schema.excludes(node, name)
    }

    fn module(&self, namespace: &str) -> Option<&str> {
        let mounted = self.blocks.iter().map(|block| &block.schema);
        std::iter::once(&self.outer).chain(mounted).find_map(|schema| schema.module(namespace))
    }

    fn prefixed(&self, prefix: &str) -> Vec<&str> {
        let mounted = self.blocks.iter().map(|block| &block.schema);
        let schemas = std::iter::once(&self.outer).chain(mounted);
        let mut namespaces: Vec<&str> = schemas.flat_map(|schema| schema.prefixed(prefix)).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces
    }

    fn default_deny(&self, node: SchemaNode) -> Option<DefaultDeny> {
        let (schema, inner) = self.own(node);
        // What stands above the mount point holds below it.
        let above = match self.at(node) {
            NumberMeaning::Inner(..) => self.point.and_then(|point| self.outer.default_deny(point.node)),
            NumberMeaning::Outer(_) | NumberMeaning::Entry(..) | NumberMeaning::Root(..) => None,
        };
        schema.default_deny(inner).max(above)
    }

    fn has_default_denies(&self) -> bool {
        let mut all = self.blocks.iter().map(|block| &block.schema).chain([&self.outer]);
        all.any(|schema| schema.has_default_denies())
    }

    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        let (schema, node) = self.own(node);
        schema.kind(node)
    }

    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        let (schema, node) = self.own(node);
        schema.keys(node)
    }

    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        let (schema, node) = self.own(node);
        schema.ordered_by_user(node)
    }

    fn position(&self, node: SchemaNode) -> u32 {
        let (schema, node) = self.own(node);
        schema.position(node)
    }

    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        let (schema, node) = self.own(node);
        schema.canonical(node, value, namespace)
    }
}
