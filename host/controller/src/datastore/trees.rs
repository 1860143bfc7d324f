//! Trees of datastores: copied for an edit, thinned out, and as text.

use confine_tree::{DataNodeKind, Error, NodeId, Tree, xml};

use crate::tree_model::TreeModel;

/// A copy to be edited. Nodes that edits have taken out of a tree stay in its memory; where they are more
/// than what is left, they are not copied.
pub(crate) fn editable(tree: &Tree) -> Result<Tree, Error> {
    let left = tree.descendants(Tree::ROOT).count();
    if tree.len() < left * 2 + 1000 {
        return Ok(tree.clone());
    }
    let mut copy = Tree::new();
    copy_children(tree, Tree::ROOT, &mut copy, Tree::ROOT)?;
    Ok(copy)
}

/// Copies all that is below a node of one tree to below a node of another.
pub(crate) fn copy_children(from: &Tree, node: NodeId, tree: &mut Tree, to: NodeId) -> Result<(), Error> {
    from.children(node).try_for_each(|child| tree.append_copy(to, from, child).map(drop))
}

/// A copy without some nodes, and without the containers that are left empty by that.
pub(crate) fn without(tree: &Tree, nodes: &[NodeId], model: &TreeModel<'_>) -> Tree {
    let mut left = tree.clone();
    for &node in nodes {
        let mut above = left.parent(node);
        left.detach(node);
        while let Some(container) = above {
            let hollow = left.first_child(container).is_none()
                && model.kind(model.place(&left, container)) == Some(DataNodeKind::Container);
            if !hollow {
                break;
            }
            above = left.parent(container);
            left.detach(container);
        }
    }
    left
}

/// A node and what is below it as XML; for the root, all top-level nodes.
pub(crate) fn to_xml(tree: &Tree, node: NodeId) -> Result<String, Error> {
    xml::write(tree, node)
}

/// What is below a node as XML.
pub(crate) fn children_to_xml(tree: &Tree, node: NodeId) -> Result<String, Error> {
    xml::XmlTreeWriter::new().write(tree, tree.children(node))
}
