//! Schemas mounted in another one: the models of devices in the controller's list of devices (RFC 8528).

use std::sync::Arc;

use confine_tree::{
    BoundValue, ChoiceCase, DataNodeKind, DefaultDeny, HashMap, LexicalForms, QName, SchemaNode, ValueError,
};

use crate::{
    YangModule, YangNode, YangSchema,
    link::number_of,
    node_arena::{SchemaNodeId, SchemaNodeKind},
};

/// A schema with a mount point in the entries of a list, and the schema mounted in each entry.
///
/// In the controller, the mount point is `/ctrl:devices/ctrl:device/ctrl:config` with the label `device`: each device
/// has its own model. [`entry`](confine_tree::Schema::entry) of the list leads to the nodes of one device. If a device
/// has no model, its mount point [is not complete](confine_tree::Schema::is_complete) and has no nodes.
///
/// Mounting is cheap: if the model of a device changes, create a new value from the same schemas.
///
/// # Node numbers
/// The nodes of the outer schema keep their numbers. Each distinct mounted schema has a block of numbers after them:
/// the list entry that leads to it, then its own nodes, of which the root is the mount point.
#[derive(Debug)]
pub struct MountedSchema {
    outer: Arc<YangSchema>,
    point: Option<MountPoint>,
    blocks: Vec<NumberBlock>,
    /// Blocks by the address of their schema, which the block keeps alive.
    by_schema: HashMap<usize, usize>,
    /// Blocks by the first key of the list entry.
    by_entry: HashMap<Box<str>, usize>,
    /// The block of all other entries.
    default_block: Option<usize>,
}

/// The node at which schemas are mounted, and the list around it.
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

/// The meaning of a node number.
enum NumberMeaning<'a> {
    Outer(SchemaNode),
    /// An entry of the list, with the first number of its block.
    Entry(MountPoint, u32),
    /// The root of a mounted schema.
    Root(MountPoint, &'a NumberBlock),
    /// Any other node of a mounted schema.
    Inner(&'a NumberBlock, SchemaNode),
}

impl MountedSchema {
    /// Creates a value for the mount point of this label. If the schema has no such mount point directly in a list,
    /// nothing can be mounted.
    pub fn new(outer: Arc<YangSchema>, label: &str) -> Self {
        let point = outer.mount_point(label).and_then(|node| {
            let list = node.parent().filter(|parent| parent.kind() == SchemaNodeKind::List)?;
            Some(MountPoint { list: list.id(), node: node.id() })
        });
        Self {
            outer,
            point,
            blocks: Vec::new(),
            by_schema: HashMap::default(),
            by_entry: HashMap::default(),
            default_block: None,
        }
    }

    /// Mounts a schema in the list entry of this first key. Entries with the same schema share its numbers.
    pub fn mount(&mut self, key: &str, schema: Arc<YangSchema>) {
        if let Some(block) = self.block(schema) {
            self.by_entry.insert(key.into(), block);
        }
    }

    /// Mounts a schema in all entries without one of their own.
    pub fn mount_default(&mut self, schema: Arc<YangSchema>) {
        self.default_block = self.block(schema);
    }

    /// Returns the block of a schema, or `None` if all numbers are taken: after some thousand large schemas.
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

    fn meaning(&self, node: SchemaNode) -> NumberMeaning<'_> {
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

    /// Returns the outer schema.
    pub fn outer(&self) -> &YangSchema {
        &self.outer
    }

    /// Returns the schema that is mounted in the entry of this key.
    pub fn mounted(&self, key: &str) -> Option<&YangSchema> {
        let index = self.by_entry.get(key).copied().or(self.default_block)?;
        self.blocks.get(index).map(|block| &*block.schema)
    }

    /// Returns the outer schema, then the mounted ones.
    fn schemas(&self) -> impl Iterator<Item = &YangSchema> {
        std::iter::once(&*self.outer).chain(self.blocks.iter().map(|block| &*block.schema))
    }

    /// Returns the modules of the outer schema and of the mounted ones. A module may occur in several revisions.
    pub fn modules(&self) -> impl Iterator<Item = &YangModule> {
        self.schemas().flat_map(|schema| schema.modules())
    }

    /// Returns a node by number. The mount point is that of the outer schema.
    pub fn node(&self, node: SchemaNode) -> Option<YangNode<'_>> {
        let (schema, node) = self.node_itself(node);
        schema.node(node)
    }

    /// Returns the schema and the node in it that answer for the node itself.
    fn node_itself(&self, node: SchemaNode) -> (&YangSchema, SchemaNode) {
        match self.meaning(node) {
            NumberMeaning::Outer(node) => (&self.outer, node),
            NumberMeaning::Entry(point, _) => (&self.outer, point.list),
            NumberMeaning::Root(point, _) => (&self.outer, point.node),
            NumberMeaning::Inner(block, node) => (&block.schema, node),
        }
    }

    /// Returns the schema and the node in it that answer for the children of the node.
    fn children_of(&self, node: SchemaNode) -> (&YangSchema, SchemaNode) {
        match self.meaning(node) {
            NumberMeaning::Root(_, block) => (&block.schema, SchemaNode(SchemaNodeId::ROOT.0)),
            _ => self.node_itself(node),
        }
    }
}

impl NumberBlock {
    /// Returns the first number after the block.
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
        match self.meaning(parent) {
            NumberMeaning::Outer(node) => self.outer.child(node, name),
            NumberMeaning::Entry(point, first) => {
                let child = self.outer.child(point.list, name)?;
                Some(if child == point.node { SchemaNode(first + 1) } else { child })
            }
            NumberMeaning::Root(_, block) | NumberMeaning::Inner(block, _) => {
                let (schema, node) = self.children_of(parent);
                schema.child(node, name).map(|inner| block.number(inner))
            }
        }
    }

    fn entry(&self, list: SchemaNode, keys: &[&str]) -> SchemaNode {
        let is_list = self.point.is_some_and(|point| point.list == list);
        let index = keys
            .first()
            .filter(|_| is_list)
            .and_then(|key| self.by_entry.get(*key).copied().or(self.default_block));
        index.and_then(|index| self.blocks.get(index)).map_or(list, |block| SchemaNode(block.first))
    }

    fn has_entry_models(&self, list: SchemaNode) -> bool {
        !self.blocks.is_empty() && self.point.is_some_and(|point| point.list == list)
    }

    fn entries(&self, list: SchemaNode) -> Vec<SchemaNode> {
        if !self.has_entry_models(list) {
            return vec![list];
        }
        self.blocks.iter().map(|block| SchemaNode(block.first)).collect()
    }

    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let (schema, node) = self.children_of(parent);
        schema.children(node)
    }

    fn children_named(&self, parent: SchemaNode, local: &str) -> Vec<QName<'_>> {
        let (schema, node) = self.children_of(parent);
        schema.children_named(node, local)
    }

    fn is_complete(&self, parent: SchemaNode) -> bool {
        let (schema, node) = self.children_of(parent);
        schema.is_complete(node)
    }

    fn excludes(&self, parent: SchemaNode, name: QName<'_>) -> bool {
        let (schema, node) = self.children_of(parent);
        schema.excludes(node, name)
    }

    fn module(&self, namespace: &str) -> Option<&str> {
        self.schemas().find_map(|schema| schema.module(namespace))
    }

    fn prefixed(&self, prefix: &str) -> Vec<&str> {
        let mut namespaces: Vec<&str> = self.schemas().flat_map(|schema| schema.prefixed(prefix)).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces
    }

    fn prefixed_in(&self, config: SchemaNode, prefix: &str) -> Vec<&str> {
        let is_default = |block: &NumberBlock| {
            let default = self.default_block.and_then(|index| self.blocks.get(index));
            default.is_some_and(|default| default.first == block.first)
        };
        match self.meaning(config) {
            NumberMeaning::Root(_, block) | NumberMeaning::Inner(block, _) if !is_default(block) => {
                block.schema.prefixed(prefix)
            }
            _ => Vec::new(),
        }
    }

    fn default_deny(&self, node: SchemaNode) -> Option<DefaultDeny> {
        let (schema, inner) = self.node_itself(node);
        // The flags of the mount point hold below it.
        let above = match self.meaning(node) {
            NumberMeaning::Inner(..) => self.point.and_then(|point| self.outer.default_deny(point.node)),
            NumberMeaning::Outer(_) | NumberMeaning::Entry(..) | NumberMeaning::Root(..) => None,
        };
        schema.default_deny(inner).max(above)
    }

    fn has_default_denies(&self) -> bool {
        self.schemas().any(|schema| schema.has_default_denies())
    }

    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        let (schema, node) = self.node_itself(node);
        schema.kind(node)
    }

    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        let (schema, node) = self.node_itself(node);
        schema.keys(node)
    }

    fn shared_keys(&self, node: SchemaNode) -> Arc<[Box<str>]> {
        let (schema, node) = self.node_itself(node);
        schema.shared_keys(node)
    }

    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        let (schema, node) = self.node_itself(node);
        schema.ordered_by_user(node)
    }

    fn position(&self, node: SchemaNode) -> u32 {
        let (schema, node) = self.node_itself(node);
        schema.position(node)
    }

    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        let (schema, node) = self.node_itself(node);
        schema.canonical(node, value, namespace)
    }

    fn normal(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Option<BoundValue> {
        let (schema, node) = self.node_itself(node);
        schema.normal(node, value, namespace)
    }

    fn cases(&self, node: SchemaNode) -> Vec<ChoiceCase> {
        let (schema, inner) = self.node_itself(node);
        let mut cases = schema.cases(inner);
        if let NumberMeaning::Inner(block, _) = self.meaning(node) {
            for case in &mut cases {
                (case.choice, case.case) = (block.number(case.choice), block.number(case.case));
            }
        }
        cases
    }

    fn defaults(&self, node: SchemaNode) -> Vec<BoundValue> {
        let (schema, node) = self.node_itself(node);
        schema.defaults(node)
    }

    fn lexical_forms(&self, node: SchemaNode) -> LexicalForms {
        let (schema, node) = self.node_itself(node);
        schema.lexical_forms(node)
    }
}
