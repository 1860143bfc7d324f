//! Functions over configuration trees: copying, removing nodes, reading keys, and writing XML.

use confine_tree::{DataNodeKind, Error, LexicalForms, NodeId, QName, Schema, SchemaNode, Tree, xml};
use confine_yang::MountedSchema;

use crate::models::tree_model::TreeModel;

/// Returns a copy to be edited. Detached nodes stay in the memory of a tree; if they outnumber the rest, the
/// copy is made without them.
pub(crate) fn editable(tree: &Tree) -> Result<Tree, Error> {
    let attached = tree.descendants(Tree::ROOT).count();
    if tree.len() < attached * 2 + 1000 {
        return Ok(tree.clone());
    }
    let mut copy = Tree::new();
    copy_children(tree, Tree::ROOT, &mut copy, Tree::ROOT)?;
    Ok(copy)
}

/// Copies everything below a node of one tree to below a node of another.
pub(crate) fn copy_children(from: &Tree, node: NodeId, tree: &mut Tree, to: NodeId) -> Result<(), Error> {
    from.children(node).try_for_each(|child| tree.append_copy(to, from, child).map(drop))
}

/// Returns a copy without some nodes, and without the containers that become empty.
pub(crate) fn without(tree: &Tree, nodes: &[NodeId], model: &TreeModel<'_>) -> Tree {
    let mut remaining = tree.clone();
    for &node in nodes {
        let mut parent = remaining.parent(node);
        remaining.detach(node);
        while let Some(container) = parent {
            let is_empty_container = remaining.first_child(container).is_none()
                && model.kind(model.schema_node(&remaining, container)) == Some(DataNodeKind::Container);
            if !is_empty_container {
                break;
            }
            parent = remaining.parent(container);
            remaining.detach(container);
        }
    }
    remaining
}

/// Returns a node and everything below it as XML; for the root, all top-level nodes.
pub(crate) fn to_xml(tree: &Tree, node: NodeId) -> Result<String, Error> {
    xml::write(tree, node)
}

/// Returns everything below a node as XML.
pub(crate) fn children_to_xml(tree: &Tree, node: NodeId) -> Result<String, Error> {
    xml::XmlTreeWriter::new().write(tree, tree.children(node))
}

/// Returns the value of the first child with this local name.
pub(crate) fn child_value<'t>(tree: &'t Tree, node: NodeId, local: &str) -> Option<&'t str> {
    let child = tree.children(node).find(|&child| tree.qname(child).local == local)?;
    Some(tree.value(child).unwrap_or_default())
}

/// A tree with the schema of its nodes.
#[derive(Clone, Copy)]
pub(crate) struct ModelledTree<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) schema: &'t MountedSchema,
}

/// Returns a number in decimal: the real controller compares keys by their values if they are numbers, in the notation of
/// C, and by their texts otherwise.
fn number(schema: &MountedSchema, leaf: SchemaNode, value: &str) -> Option<Box<str>> {
    if schema.lexical_forms(leaf) != LexicalForms::EqualKeys {
        return None;
    }
    let number = schema.node(leaf)?.canonical_in_c(value, &|_| None).ok()?;
    Some(number.into())
}

impl<'t> ModelledTree<'t> {
    /// Returns the values of a list entry's keys, in the order of the schema; empty text for a missing one.
    pub(crate) fn key_values(self, entry: NodeId, list: SchemaNode) -> Vec<&'t str> {
        let keys = self.schema.keys(list).iter();
        keys.map(|key| child_value(self.tree, entry, key).unwrap_or_default()).collect()
    }

    /// Returns the schema node that the children of a node belong to: for a list entry, that of the entry.
    pub(crate) fn schema_below(self, node: NodeId, schema_node: SchemaNode) -> SchemaNode {
        match self.schema.kind(schema_node) {
            DataNodeKind::List => self.schema.entry(schema_node, &self.key_values(node, schema_node)),
            _ => schema_node,
        }
    }

    /// Returns the schema node of a node whose parent has this one.
    pub(crate) fn schema_node(self, node: NodeId, parent: Option<SchemaNode>) -> Option<SchemaNode> {
        self.schema.child(parent?, self.tree.qname(node))
    }

    /// Returns the values that distinguish a node from its siblings of the same name: the keys of a list
    /// entry, or the value of a leaf-list entry.
    pub(crate) fn identity(self, node: NodeId, schema_node: Option<SchemaNode>) -> Vec<Box<str>> {
        let Self { tree, schema } = self;
        match schema_node.map(|schema_node| (schema_node, schema.kind(schema_node))) {
            Some((list, DataNodeKind::List)) => {
                let namespace = tree.qname(node).namespace;
                let key = |key: &str| {
                    let name = QName::new(namespace, key);
                    let value = tree.value(tree.child(node, name)?).unwrap_or_default();
                    let leaf = schema.child(list, name);
                    Some(leaf.and_then(|leaf| number(schema, leaf, value)).unwrap_or_else(|| value.into()))
                };
                schema.keys(list).iter().filter_map(|name| key(name)).collect()
            }
            Some((_, DataNodeKind::LeafList)) => vec![tree.value(node).unwrap_or_default().into()],
            _ => Vec::new(),
        }
    }
}
