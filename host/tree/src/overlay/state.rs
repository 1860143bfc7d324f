//! The state of one node of an overlay.

use crate::SchemaNode;

/// What the overlay knows of a node besides its name and value.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeState {
    /// The datastore is known to have the node.
    pub(super) in_base: bool,
    pub(super) edit: NodeEdit,
    /// The time of that edit.
    pub(super) edited_at: u32,
    /// The time of the last removal of the node; 0 if it was never removed.
    pub(super) removed_at: u32,
    /// This node or a descendant was edited.
    pub(super) dirty: bool,
    pub(super) schema_path: u32,
    pub(super) schema: NodeModel,
}

/// How a node was edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeEdit {
    /// Unchanged.
    Keep,
    /// Made because a descendant was.
    Implied,
    /// Set or created.
    Made,
    /// Removed.
    Removed,
}

/// The schema node of a data node, looked up on first use.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeModel {
    NotLookedUp,
    Unknown,
    Node(SchemaNode),
}
