//! The defaults of leaves that are not set (RFC 6243, `report-all`).

use confine_tree::{DataNodeKind, Error, NodeId, Schema as _, SchemaNode, Tree};
use confine_yang::MountedSchema;

use crate::edit;

/// A copy with the defaults of the controller's own models, not those of devices.
pub(crate) fn with_defaults(tree: &Tree, schema: &MountedSchema) -> Result<Tree, Error> {
    let mut full = tree.clone();
    if let Some(root) = schema.root() {
        add(&mut full, Tree::ROOT, root, schema)?;
    }
    Ok(full)
}

fn add(tree: &mut Tree, node: NodeId, at: SchemaNode, schema: &MountedSchema) -> Result<(), Error> {
    for child in schema.children(at) {
        let known = schema.child(at, child);
        let Some((known, leaf)) = known.and_then(|known| Some((known, schema.node(known)?))) else {
            continue;
        };
        if !leaf.is_config() || leaf.mount_point().is_some() {
            continue;
        }
        let there: Vec<NodeId> = tree.children(node).filter(|&node| tree.qname(node) == child).collect();
        match (schema.kind(known), there.is_empty()) {
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
                add(tree, container, known, schema)?;
                if tree.first_child(container).is_none() {
                    tree.detach(container);
                }
            }
            (DataNodeKind::Container | DataNodeKind::PresenceContainer | DataNodeKind::List, false) => {
                for child in there {
                    let below = edit::below(tree, child, known, schema);
                    add(tree, child, below, schema)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
