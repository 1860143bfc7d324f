//! A position in a list that is `ordered-by user`.

use crate::NodeId;

/// Where an entry goes among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPosition {
    /// Before all others.
    First,
    /// Right before this entry.
    Before(NodeId),
    /// Right after this entry.
    After(NodeId),
}
