//! What one run wrote.

use std::sync::Arc;

use confine_tree::NodeId;

use crate::{InstanceRef, Scope};

/// The nodes that one run of a module wrote and removed.
pub(crate) struct RunWrites {
    pub(crate) instance: InstanceRef,
    pub(crate) scope: Arc<Scope>,
    /// Nodes that were set or created and existed when the run ended; of those that did not, the list entries above them that
    /// did. A later run may have removed them.
    pub(crate) nodes: Vec<NodeId>,
    /// Nodes that were removed, each once.
    pub(crate) removed: Vec<NodeId>,
    /// Those of them that are entries of lists which are `ordered-by user` and were made again, in the order in which they were.
    pub(crate) remade: Vec<NodeId>,
}
