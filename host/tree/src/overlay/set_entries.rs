//! The entries that edits make or set in lists that are `ordered-by user`: their order matters.

use crate::{HashMap, Name, NodeId, Tree};

/// A list in a node.
pub(super) type ListInNode = (NodeId, Name);

/// The entries that edits have made or set, by list, each with when that was.
#[derive(Clone, Debug, Default)]
pub(super) struct SetEntries {
    entries: HashMap<ListInNode, Vec<(u32, NodeId)>>,
    /// The lists of the entries, in order.
    log: Vec<ListInNode>,
    /// When the last run ended.
    run_ended_at: u32,
}

impl SetEntries {
    /// Notes an entry, unless it was the last one of its list in the same run.
    pub(super) fn note(&mut self, entry: NodeId, at: u32, tree: &Tree) {
        let Some(parent) = tree.parent(entry) else { return };
        let list = (parent, tree.name(entry));
        let entries = self.entries.entry(list).or_default();
        let is_noted = |&(noted_at, last): &(u32, NodeId)| last == entry && noted_at > self.run_ended_at;
        if !entries.last().is_some_and(is_noted) {
            entries.push((at, entry));
            self.log.push(list);
        }
    }

    /// A run has ended: what the next one makes or sets is noted again.
    pub(super) fn end_run(&mut self, at: u32) {
        self.run_ended_at = at;
    }

    /// Returns the entries of a list, in order. One may be there several times.
    pub(super) fn of(&self, list: ListInNode) -> &[(u32, NodeId)] {
        self.entries.get(&list).map_or(&[], |entries| entries)
    }

    /// Returns the entries of each list.
    pub(super) fn all(&self) -> impl Iterator<Item = &[(u32, NodeId)]> {
        self.entries.values().map(Vec::as_slice)
    }

    /// Returns how many entries were noted.
    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    /// Goes back to when so many had been noted.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.log.len() > len
            && let Some(list) = self.log.pop()
        {
            let entries = self.entries.get_mut(&list);
            if entries.is_some_and(|entries| entries.pop().is_some() && entries.is_empty()) {
                self.entries.remove(&list);
            }
        }
    }
}
