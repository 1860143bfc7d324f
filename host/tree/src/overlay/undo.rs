//! What it takes to roll edits back.

use super::state::NodeEdit;
use crate::{NodeId, tree::GivenValue};

/// The steps that undo edits, kept while an [`OverlayMark`] is open.
#[derive(Clone, Debug, Default)]
pub(super) struct UndoJournal {
    pub(super) undo: Vec<UndoStep>,
    pub(super) open: usize,
}

/// The state of a node before an edit.
#[derive(Clone, Debug)]
pub(super) struct UndoStep {
    pub(super) node: NodeId,
    pub(super) edit: NodeEdit,
    pub(super) edited_at: u32,
    pub(super) removed_at: u32,
    /// The previous value, if the edit changed it.
    pub(super) text: Option<GivenValue>,
}

/// A point to roll back to: see [`Overlay::mark`](super::Overlay::mark).
#[derive(Debug)]
#[must_use = "an open mark keeps a journal: keep the edits or roll them back"]
pub struct OverlayMark {
    pub(super) undo: usize,
    pub(super) written: usize,
    pub(super) removed: usize,
    pub(super) chosen: usize,
    pub(super) set_entries: usize,
}
