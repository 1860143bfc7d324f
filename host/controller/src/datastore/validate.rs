//! Whether a datastore is what its models say, as far as the controller looks before a commit: types, keys,
//! and what is mandatory.

use confine_tree::{DataNodeKind, NodeId, QName, Schema, SchemaNode, Tree};
use confine_yang::{MountedSchema, SchemaNodeKind, YangNode};

use crate::created;
use crate::edit::{self, check_keys};
use crate::model::file;
use crate::refusal::{self, RpcRefusal};

/// Checks a whole datastore.
///
/// # Errors
/// The first thing that is wrong, in the real controller's words.
pub(crate) fn datastore(tree: &Tree, model: &MountedSchema) -> Result<(), RpcRefusal> {
    let Some(root) = model.root() else { return Ok(()) };
    tree.children(Tree::ROOT).try_for_each(|child| node(tree, child, root, model))
}

fn node(tree: &Tree, node: NodeId, parent: SchemaNode, model: &MountedSchema) -> Result<(), RpcRefusal> {
    let Some(known) = model.child(parent, tree.qname(node)) else { return Ok(()) };
    match model.kind(known) {
        DataNodeKind::Leaf | DataNodeKind::EmptyLeaf | DataNodeKind::LeafList => {
            value(tree, node, known, model)
        }
        DataNodeKind::AnyData => Ok(()),
        DataNodeKind::List => {
            check_keys(tree, node, known, model)?;
            below(tree, node, edit::below(tree, node, known, model), model)
        }
        DataNodeKind::Container | DataNodeKind::PresenceContainer => below(tree, node, known, model),
    }
}

fn below(tree: &Tree, parent: NodeId, known: SchemaNode, model: &MountedSchema) -> Result<(), RpcRefusal> {
    tree.children(parent).try_for_each(|child| node(tree, child, known, model))?;
    mandatory(tree, parent, known, model)
}

/// Checks that what must be there is there.
fn mandatory(
    tree: &Tree,
    parent: NodeId,
    known: SchemaNode,
    model: &MountedSchema,
) -> Result<(), RpcRefusal> {
    let Some(known) = model.node(known) else { return Ok(()) };
    for child in known.children().filter(|child| child.is_mandatory() && child.is_config()) {
        let Some(module) = child.module() else { continue };
        if tree.child(parent, QName::new(module.namespace(), child.name())).is_none() {
            let message = format!(
                "Missing mandatory XML {} node. {}",
                child.name(),
                described(child, &created::path_of(tree, parent, model))
            );
            return Err(refusal::missing_element(child.name(), &message));
        }
    }
    Ok(())
}

fn value(tree: &Tree, leaf: NodeId, known: SchemaNode, model: &MountedSchema) -> Result<(), RpcRefusal> {
    let text = tree.value(leaf).unwrap_or_default();
    let bindings = tree.bindings(leaf);
    let namespace = |prefix: &str| {
        let bound = bindings.iter().find(|(known, _)| **known == *prefix);
        bound.map(|(_, namespace)| namespace.to_string())
    };
    let Some(known) = model.node(known) else { return Ok(()) };
    let Err(wrong) = known.canonical(text, &namespace) else { return Ok(()) };
    if wrong.backend.starts_with("Identityref") {
        return Err(refusal::failed(wrong.backend));
    }
    // What is no number at all says only that; what is a value of the wrong kind says where.
    let placed = wrong.backend.contains("does not match") || wrong.backend.starts_with("String length");
    let place = placed.then(|| format!(": {}", described(known, &created::path_of(tree, leaf, model))));
    let message = format!("{}{}", wrong.backend, place.unwrap_or_default());
    Err(refusal::bad_element(&wrong.leaf, &message))
}

/// What the model has for a node, and where it stands.
fn described(node: YangNode<'_>, path: &str) -> String {
    let statement = |node: YangNode<'_>| format!("{} {}", keyword(node.kind()), node.name());
    let parent = node.parent().map(|parent| format!(" with parent: \"{}\"", statement(parent)));
    let file = node.module().map(|module| format!(" in file \"{}\"", file(module)));
    let (parent, file) = (parent.unwrap_or_default(), file.unwrap_or_default());
    format!("yang node: \"{}\"{parent}{file} error-path: {path}", statement(node))
}

fn keyword(kind: SchemaNodeKind) -> &'static str {
    match kind {
        SchemaNodeKind::Container => "container",
        SchemaNodeKind::Leaf => "leaf",
        SchemaNodeKind::LeafList => "leaf-list",
        SchemaNodeKind::List => "list",
        SchemaNodeKind::Choice => "choice",
        SchemaNodeKind::Case => "case",
        _ => "module",
    }
}
