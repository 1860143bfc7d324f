//! A position in a list that is `ordered-by user`.

use crate::NodeId;

/// Where a new entry goes among those that the datastore has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPosition {
    /// Before all others.
    First,
    /// Right before this entry.
    Before(NodeId),
    /// Right after this entry.
    After(NodeId),
}
