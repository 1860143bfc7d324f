//! Validates a datastore against its schema, as far as the controller does before a commit: types, keys, and
//! mandatory nodes.

use confine_tree::{DataNodeKind, NodeId, QName, Schema, SchemaNode, Tree};
use confine_yang::{MountedSchema, SchemaNodeKind, YangNode};

use crate::datastore::trees::schema_below;
use crate::models::file_name;
use crate::paths;
use crate::refusal::{self, RpcRefusal};

/// Checks a whole datastore.
///
/// # Errors
/// The first violation, in the words of the real controller.
pub(crate) fn check_datastore(tree: &Tree, schema: &MountedSchema) -> Result<(), RpcRefusal> {
    let Some(root) = schema.root() else { return Ok(()) };
    tree.children(Tree::ROOT).try_for_each(|child| check_node(tree, child, root, schema))
}

fn check_node(
    tree: &Tree,
    node: NodeId,
    parent: SchemaNode,
    schema: &MountedSchema,
) -> Result<(), RpcRefusal> {
    let Some(schema_node) = schema.child(parent, tree.qname(node)) else { return Ok(()) };
    match schema.kind(schema_node) {
        DataNodeKind::Leaf | DataNodeKind::EmptyLeaf | DataNodeKind::LeafList => {
            check_value(tree, node, schema_node, schema)
        }
        DataNodeKind::AnyData => Ok(()),
        DataNodeKind::List => {
            check_keys(tree, node, schema_node, schema)?;
            check_below(tree, node, schema_below(tree, node, schema_node, schema), schema)
        }
        DataNodeKind::Container | DataNodeKind::PresenceContainer => {
            check_below(tree, node, schema_node, schema)
        }
    }
}

fn check_below(
    tree: &Tree,
    parent: NodeId,
    schema_node: SchemaNode,
    schema: &MountedSchema,
) -> Result<(), RpcRefusal> {
    tree.children(parent).try_for_each(|child| check_node(tree, child, schema_node, schema))?;
    check_mandatory(tree, parent, schema_node, schema)
}

/// Checks that all mandatory children are there.
fn check_mandatory(
    tree: &Tree,
    parent: NodeId,
    schema_node: SchemaNode,
    schema: &MountedSchema,
) -> Result<(), RpcRefusal> {
    let Some(schema_node) = schema.node(schema_node) else { return Ok(()) };
    for child in schema_node.children().filter(|child| child.is_mandatory() && child.is_config()) {
        let Some(module) = child.module() else { continue };
        if tree.child(parent, QName::new(module.namespace(), child.name())).is_none() {
            let message = format!(
                "Missing mandatory XML {} node. {}",
                child.name(),
                describe(child, &paths::path_of(tree, parent, schema))
            );
            return Err(refusal::missing_element(child.name(), &message));
        }
    }
    Ok(())
}

fn check_value(
    tree: &Tree,
    leaf: NodeId,
    schema_node: SchemaNode,
    schema: &MountedSchema,
) -> Result<(), RpcRefusal> {
    let text = tree.value(leaf).unwrap_or_default();
    let bindings = tree.bindings(leaf);
    let namespace = |prefix: &str| {
        let bound = bindings.iter().find(|(bound, _)| **bound == *prefix);
        bound.map(|(_, namespace)| namespace.to_string())
    };
    let Some(schema_node) = schema.node(schema_node) else { return Ok(()) };
    let Err(invalid) = schema_node.canonical(text, &namespace) else { return Ok(()) };
    if invalid.backend.starts_with("Identityref") {
        return Err(refusal::failed(invalid.backend));
    }
    // For text that is not a number the real controller names no location, for other invalid values it does.
    let has_location =
        invalid.backend.contains("does not match") || invalid.backend.starts_with("String length");
    let location =
        has_location.then(|| format!(": {}", describe(schema_node, &paths::path_of(tree, leaf, schema))));
    let message = format!("{}{}", invalid.backend, location.unwrap_or_default());
    Err(refusal::bad_element(&invalid.leaf, &message))
}

/// Checks that a list entry has its keys.
pub(crate) fn check_keys(
    tree: &Tree,
    entry: NodeId,
    list: SchemaNode,
    schema: &MountedSchema,
) -> Result<(), RpcRefusal> {
    let QName { namespace, local } = tree.qname(entry);
    for key in schema.keys(list) {
        if tree.child(entry, QName::new(namespace, key)).is_none() {
            let module = schema.node(list).and_then(|list| list.module());
            let module = module.map(|module| module.name()).unwrap_or_default();
            let message = format!("Mandatory key in 'list {local}' in {module}.yang");
            return Err(refusal::missing_element(key, &message));
        }
    }
    Ok(())
}

/// Describes a schema node and the path of its instance, as the real controller does.
fn describe(node: YangNode<'_>, path: &str) -> String {
    let statement = |node: YangNode<'_>| format!("{} {}", keyword(node.kind()), node.name());
    let parent = node.parent().map(|parent| format!(" with parent: \"{}\"", statement(parent)));
    let file = node.module().map(|module| format!(" in file \"{}\"", file_name(module)));
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
