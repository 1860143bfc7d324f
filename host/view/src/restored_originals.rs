//! What a commit knows of original values.

use std::sync::Arc;

use confine_tree::{Coverage, HashMap, HashSet, Name, NodeId, Pattern, Tree};

use crate::{
    InstanceRef, Original,
    entry_order::EntryOrder,
    original_position::{OriginalPosition, RemovedEntries},
};

/// The instances of a commit, whose originals are restored before the runs.
pub struct ConcernedInstances<'a> {
    /// Those that run.
    pub run: HashSet<&'a InstanceRef>,
    /// Those that are deleted.
    pub deleted: HashSet<&'a InstanceRef>,
    /// Tells whether the modules of an instance declare that they write a node: the record is configuration, which others may
    /// have written.
    pub may_write: &'a dyn Fn(&InstanceRef, &Pattern) -> bool,
    /// The entries of which, or of whose lists, the user may not read all. They are not moved.
    pub unseen: &'a HashSet<Pattern>,
}

/// What a commit knows of original values.
#[derive(Default)]
pub(crate) struct RestoredOriginals {
    /// Whether they can be kept: the controller has the YANG module.
    pub(crate) are_kept: bool,
    /// The instances that the commit runs or deletes, and their [names](crate::originals::owner_name).
    pub(crate) concerned: Vec<InstanceRef>,
    pub(crate) concerned_names: HashSet<String>,
    /// The entries that the user may not read, as far as others are put beside them.
    pub(crate) hidden: HashMap<Pattern, NodeId>,
    /// Those that took their original value, or would have if they had not been changed by hand.
    pub(crate) taken: HashMap<String, TakenOriginal>,
    /// Those that other instances have set too: the owners that the commit does not run.
    pub(crate) kept: HashMap<String, Original>,
    /// The entries of them that may have been moved and are not seen well enough to be moved back.
    pub(crate) unseen: HashSet<Pattern>,
    /// What may be edited whatever the scopes are.
    pub(crate) places: Coverage,
    /// The nodes that were made again, each with what it was, and the containers above them. They count as base.
    pub(crate) grafted: HashMap<NodeId, Option<(Arc<Tree>, NodeId)>>,
    /// Where entries that were made again go in their lists.
    pub(crate) positions: Vec<(Pattern, OriginalPosition)>,
    /// What other instances have removed of lists that are `ordered-by user`, if it was needed.
    pub(crate) removed: Option<RemovedEntries>,
    /// The entries of lists in which something was removed, when the runs have ended.
    pub(crate) entries: HashMap<(Option<NodeId>, Name), EntryOrder>,
    /// Where the entries of lists stand in the datastore: see [`left_beside`](crate::original_position::left_beside).
    pub(crate) standing_beside: HashMap<Pattern, HashMap<NodeId, String>>,
    /// The first paths of what is too long to be kept.
    pub(crate) too_long: Vec<String>,
    /// The first paths of what could not be restored, with the reasons.
    pub(crate) unrestored: Vec<(String, String)>,
}

/// An original that no instance has changed besides those of the commit.
pub(crate) struct TakenOriginal {
    pub(crate) original: Original,
    /// Somebody has changed it by hand.
    pub(crate) is_stale: bool,
}

/// The most paths that are kept for the log.
const MOST_NAMED: usize = 10;

impl RestoredOriginals {
    /// Notes why something could not be restored.
    pub(crate) fn note_unrestored(&mut self, path: &str, reason: String) {
        if self.unrestored.len() < MOST_NAMED {
            self.unrestored.push((path.to_owned(), reason));
        }
    }

    /// Notes what is too long to be kept.
    pub(crate) fn note_too_long(&mut self, place: &Pattern) {
        if self.too_long.len() < MOST_NAMED {
            self.too_long.push(place.to_string());
        }
    }
}
