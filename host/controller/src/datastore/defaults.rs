//! The default values of leaves that are not set (RFC 6243, `report-all`).

use confine_tree::{DataNodeKind, Error, NodeId, Schema as _, SchemaNode, Tree};
use confine_yang::MountedSchema;

use crate::datastore::trees::ModelledTree;

/// Returns a copy with the defaults of the controller's own YANG modules, but not those of devices.
pub(crate) fn with_defaults(tree: &Tree, schema: &MountedSchema) -> Result<Tree, Error> {
    let mut complete = tree.clone();
    if let Some(root) = schema.root() {
        add_defaults(&mut complete, Tree::ROOT, root, schema)?;
    }
    Ok(complete)
}

fn add_defaults(
    tree: &mut Tree,
    node: NodeId,
    parent: SchemaNode,
    schema: &MountedSchema,
) -> Result<(), Error> {
    for child in schema.children(parent) {
        let Some(schema_node) = schema.child(parent, child) else { continue };
        let Some(leaf) = schema.node(schema_node) else { continue };
        if !leaf.is_config() || leaf.mount_point().is_some() {
            continue;
        }
        let existing: Vec<NodeId> = tree.children(node).filter(|&node| tree.qname(node) == child).collect();
        match (schema.kind(schema_node), existing.is_empty()) {
            (DataNodeKind::Leaf, true) => {
                if let Some(default) = leaf.defaults().first() {
                    let name = tree.intern(child);
                    let leaf = tree.append(node, name)?;
                    tree.set_value(leaf, default, &[])?;
                }
            }
            (DataNodeKind::Container, true) => {
                let name = tree.intern(child);
                let container = tree.append(node, name)?;
                add_defaults(tree, container, schema_node, schema)?;
                if tree.first_child(container).is_none() {
                    tree.detach(container);
                }
            }
            (DataNodeKind::Container | DataNodeKind::PresenceContainer | DataNodeKind::List, false) => {
                for child in existing {
                    let below = ModelledTree { tree, schema }.schema_below(child, schema_node);
                    add_defaults(tree, child, below, schema)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
