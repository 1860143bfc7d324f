//! Nodes that exist now.

use crate::{NodeId, Tree};

/// A node that exists now. Valid until the overlay is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveNode {
    pub(super) node: NodeId,
    /// The time of the last removal of the node or of an ancestor.
    pub(super) removed_at: u32,
}

impl LiveNode {
    /// The root.
    pub const ROOT: Self = Self { node: Tree::ROOT, removed_at: 0 };

    /// Returns the node in the overlay's arena.
    pub fn node(self) -> NodeId {
        self.node
    }
}
