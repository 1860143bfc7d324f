//! The order of the entries of a list, to find those beside one.

use confine_tree::{HashMap, NodeId};

use crate::original_position::Side;

/// All entries of a list, in order, whether or not they exist now.
pub(crate) struct EntryOrder {
    all: Vec<NodeId>,
    positions: HashMap<NodeId, usize>,
}

impl EntryOrder {
    pub(crate) fn new(all: Vec<NodeId>) -> Self {
        let positions = all.iter().copied().zip(0..).collect();
        Self { all, positions }
    }

    /// Returns the entry that is this many before or after another one.
    pub(crate) fn beside(&self, entry: NodeId, side: Side, distance: usize) -> Option<NodeId> {
        let &position = self.positions.get(&entry)?;
        let position = match side {
            Side::After => position.checked_sub(distance)?,
            Side::Before => position.checked_add(distance)?,
        };
        self.all.get(position).copied()
    }
}
