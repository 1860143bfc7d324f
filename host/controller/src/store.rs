//! Trees of datastores: copied for an edit, thinned out, and as text.

use confine_tree::{Error, Kind, NodeId, Schema, SchemaNode, Tree, xml};

use crate::device::Snapshot;
use crate::diff;
use crate::filter::copy_below;

/// A copy to be edited. Nodes that edits have taken out of a tree stay in its memory; where they are more
/// than what is left, they are not copied.
pub(crate) fn editable(tree: &Tree) -> Result<Tree, Error> {
    let left = tree.descendants(Tree::ROOT).count();
    if tree.len() < left * 2 + 1000 {
        return Ok(tree.clone());
    }
    let mut copy = Tree::new();
    copy_below(tree, Tree::ROOT, &mut copy, Tree::ROOT)?;
    Ok(copy)
}

/// A copy without some nodes, and without the containers that are left empty by that.
pub(crate) fn without(tree: &Tree, nodes: &[NodeId], schema: &dyn Schema) -> Tree {
    let mut left = tree.clone();
    for &node in nodes {
        let parent = left.parent(node);
        left.detach(node);
        let mut above = parent;
        while let Some(container) = above {
            let hollow = left.first_child(container).is_none()
                && known(&left, container, schema).is_some_and(|known| schema.kind(known) == Kind::Container);
            if !hollow {
                break;
            }
            above = left.parent(container);
            left.detach(container);
        }
    }
    left
}

/// What the model has for a node of a datastore.
fn known(tree: &Tree, node: NodeId, schema: &dyn Schema) -> Option<SchemaNode> {
    match tree.parent(node) {
        None if node == Tree::ROOT => schema.root(),
        None => None,
        Some(parent) => schema.child(known(tree, parent, schema)?, tree.qname(node)),
    }
}

/// A node and what is below it as XML; for the root, all top-level nodes.
pub(crate) fn to_xml(tree: &Tree, node: NodeId) -> Result<String, Error> {
    xml::write(tree, node)
}

/// What is below a node as XML.
pub(crate) fn children_to_xml(tree: &Tree, node: NodeId) -> Result<String, Error> {
    xml::Writer::new().write(tree, tree.children(node))
}

/// The difference of two configurations as text; `model` is what both nodes are.
pub(crate) fn diff(
    before: &Snapshot,
    after: &Snapshot,
    model: Option<SchemaNode>,
    schema: &dyn Schema,
) -> Result<String, Error> {
    diff::diff(before.place(model), after.place(model), schema)
}
