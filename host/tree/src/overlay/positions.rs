//! Where entries go in a list that is `ordered-by user` (RFC 7950, sections 7.7.9 and 7.8.6).

use super::{Overlay, entry_position::EntryPosition};
use crate::{NodeId, Pattern, QName, ResolveError, YANG};

impl Overlay {
    /// Puts an entry to a position in its list, where the datastore lacks it or has it elsewhere. It is not one of what a run
    /// does. All entries of the list were read, and all that is in this one.
    pub fn place_entry(&mut self, entry: NodeId, position: EntryPosition) {
        let Some(parent) = self.tree.parent(entry) else { return };
        let name = self.tree.name(entry);
        if self.in_base(entry) && !self.stored_orders.contains_key(&(parent, name)) {
            let stored = self.stored_entries(entry);
            self.stored_orders.insert((parent, name), stored);
        }
        self.attach_at(entry, position);
        self.placed.insert(entry);
        self.mark_dirty(entry);
    }

    /// Puts an entry that the datastore lacks to a position in its list, and removes it as [`strip`](Self::strip) does: made
    /// again, it goes there. All entries of the list were read.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn place_stripped(
        &mut self,
        pattern: &Pattern,
        position: EntryPosition,
    ) -> Result<NodeId, ResolveError> {
        let entry = self.strip_node(pattern)?;
        self.place_entry(entry, position);
        Ok(entry)
    }

    /// Puts an entry to another position in its list, whether or not it exists.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn place_again(
        &mut self,
        pattern: &Pattern,
        position: EntryPosition,
    ) -> Result<NodeId, ResolveError> {
        let entry = self.find_or_add(pattern)?;
        self.attach_at(entry, position);
        Ok(entry)
    }

    /// Puts an entry to a position in its list that the datastore has and the user may not read: it does not exist, but others are
    /// before and behind it.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn place_hidden(
        &mut self,
        pattern: &Pattern,
        position: EntryPosition,
    ) -> Result<NodeId, ResolveError> {
        let entry = self.find_or_add(pattern)?;
        if !self.in_base(entry) {
            self.attach_at(entry, position);
            self.hidden.insert(entry);
        }
        Ok(entry)
    }

    fn attach_at(&mut self, entry: NodeId, position: EntryPosition) {
        let Some(parent) = self.tree.parent(entry) else { return };
        let before = match position {
            EntryPosition::First => self.tree.children_named(parent, self.tree.name(entry)).next(),
            EntryPosition::Before(next) => Some(next),
            EntryPosition::After(previous) => self.tree.next_sibling(previous),
        };
        if before != Some(entry) {
            self.tree.detach(entry);
            self.tree.attach(entry, parent, before);
        }
    }

    /// Returns whether a node is an entry of a list that is `ordered-by user`.
    pub fn is_ordered_by_user(&mut self, node: NodeId) -> bool {
        let location = self.schema_location(node);
        self.schema_view.is_ordered_by_user(location)
    }

    /// Returns the entry before a node in its list, whether or not it exists now.
    pub fn entry_before(&self, node: NodeId) -> Option<NodeId> {
        self.tree.previous_sibling(node).filter(|&other| self.tree.name(other) == self.tree.name(node))
    }

    /// Returns the entry after a node in its list, whether or not it exists now.
    pub fn entry_after(&self, node: NodeId) -> Option<NodeId> {
        self.tree.next_sibling(node).filter(|&other| self.tree.name(other) == self.tree.name(node))
    }

    /// Returns the attributes that insert an entry after another one in an edit, or before all; none if the keys of the other
    /// one cannot be written.
    pub(super) fn insert_after(&mut self, previous: Option<NodeId>) -> Vec<(QName<'static>, String)> {
        let attribute = |local: &'static str, value: String| (QName::new(YANG, local), value);
        let Some(previous) = previous else { return vec![attribute("insert", "first".into())] };
        let step = self.stored_step(previous);
        let (name, text) = match &step.entry {
            Some(Some(value)) => ("value", Some(value.clone()).filter(|value| !value.contains('\''))),
            _ => {
                let keys = step.keys.iter().map(|(key, value)| {
                    let value = value.as_deref()?;
                    let quote = ['\'', '"'].into_iter().find(|&quote| !value.contains(quote))?;
                    Some(format!("[{key}={quote}{value}{quote}]"))
                });
                ("key", keys.collect::<Option<String>>().filter(|keys| !keys.is_empty()))
            }
        };
        text.map_or_else(Vec::new, |text| vec![attribute("insert", "after".into()), attribute(name, text)])
    }
}
