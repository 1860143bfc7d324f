//! Whether a datastore is what its models say, as far as the controller looks before a commit: types, keys,
//! and what is mandatory.

use confine_netconf::{ErrorType, RpcError};
use confine_tree::{Kind, NodeId, QName, Schema, SchemaNode, Tree};

use crate::created;
use crate::edit::check_keys;
use crate::model::Model;
use crate::refusal;

/// Checks a whole datastore.
///
/// # Errors
/// The first thing that is wrong, in the real controller's words.
pub(crate) fn datastore(tree: &Tree, model: &Model) -> Result<(), RpcError> {
    let Some(root) = model.root() else { return Ok(()) };
    tree.children(Tree::ROOT).try_for_each(|child| node(tree, child, root, model))
}

fn node(tree: &Tree, node: NodeId, parent: SchemaNode, model: &Model) -> Result<(), RpcError> {
    let Some(known) = model.child(parent, tree.qname(node)) else { return Ok(()) };
    match model.kind(known) {
        Kind::Leaf | Kind::EmptyLeaf | Kind::LeafList => value(tree, node, known, model),
        Kind::AnyData => Ok(()),
        Kind::List => {
            check_keys(tree, node, known, model)?;
            below(tree, node, known, model)
        }
        Kind::Container | Kind::PresenceContainer => below(tree, node, known, model),
    }
}

fn below(tree: &Tree, parent: NodeId, known: SchemaNode, model: &Model) -> Result<(), RpcError> {
    tree.children(parent).try_for_each(|child| node(tree, child, known, model))?;
    if model.mount() == Some(known) {
        return Ok(());
    }
    mandatory(tree, parent, known, model)
}

/// Checks that what must be there is there.
fn mandatory(tree: &Tree, parent: NodeId, known: SchemaNode, model: &Model) -> Result<(), RpcError> {
    let Some(known) = model.node(known) else { return Ok(()) };
    for child in known.children().filter(|child| child.is_mandatory() && child.is_config()) {
        let Some(module) = child.module() else { continue };
        if tree.child(parent, QName::new(module.namespace(), child.name())).is_none() {
            let parent_path = created::path_of(tree, parent, model);
            let message = format!(
                "Missing mandatory XML {} node. yang node: \"leaf {0}\" with parent: \"container {}\" \
                 error-path: {parent_path}",
                child.name(),
                known.name()
            );
            return Err(refusal::missing_element(ErrorType::Application, child.name(), &message));
        }
    }
    Ok(())
}

fn value(tree: &Tree, leaf: NodeId, known: SchemaNode, model: &Model) -> Result<(), RpcError> {
    let text = tree.value(leaf).unwrap_or_default();
    let bindings = tree.bindings(leaf);
    let namespace = |prefix: &str| {
        let bound = bindings.iter().find(|(known, _)| **known == *prefix);
        bound.map(|(_, namespace)| namespace.to_string())
    };
    let Some(known) = model.node(known) else { return Ok(()) };
    let Err(wrong) = known.canonical(text, &namespace) else { return Ok(()) };
    match wrong.backend.starts_with("Identityref") {
        true => Err(refusal::failed(wrong.backend)),
        false => Err(refusal::bad_element(&wrong.leaf, &wrong.backend)),
    }
}
