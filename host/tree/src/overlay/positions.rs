//! Where entries go in a list that is `ordered-by user` (RFC 7950, sections 7.7.9 and 7.8.6).

use super::{Overlay, difference::INSERT, entry_position::EntryPosition};
use crate::{Error, HashMap, Name, NodeId, Pattern, QName, ResolveError, YANG};

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

    /// Returns the children of the parent of a node by name, in order, whether or not they exist now.
    pub fn siblings(&mut self, node: NodeId) -> Result<HashMap<Name, Vec<NodeId>>, Error> {
        let mut siblings: HashMap<Name, Vec<NodeId>> = HashMap::default();
        let Some(parent) = self.tree.parent(node) else { return Ok(siblings) };
        for sibling in self.tree.children(parent) {
            self.steps.step()?;
            siblings.entry(self.tree.name(sibling)).or_default().push(sibling);
        }
        Ok(siblings)
    }

    /// Returns the attributes that insert an entry in an edit: after another one, or before all; or else before `next`, if the keys
    /// of the other one cannot be written. None if neither can.
    pub(super) fn insert_between(
        &mut self,
        previous: Option<NodeId>,
        next: Option<NodeId>,
    ) -> Vec<(QName<'static>, String)> {
        let Some(previous) = previous else { return vec![(INSERT, "first".into())] };
        let beside = |overlay: &mut Self, where_to: &str, entry| {
            let (name, text) = overlay.insert_point(entry)?;
            Some(vec![(INSERT, where_to.to_owned()), (QName::new(YANG, name), text)])
        };
        let after = beside(self, "after", previous);
        after.or_else(|| next.and_then(|next| beside(self, "before", next))).unwrap_or_default()
    }

    /// Returns the attribute that names an entry beside which another one is inserted (RFC 7950, section 7.8.6), and its value.
    /// Controller 1.8.0 does not resolve what is escaped in it, so nothing may be.
    fn insert_point(&mut self, entry: NodeId) -> Option<(&'static str, String)> {
        let is_plain = |value: &&str| !value.contains(['\'', '"', '&', '<', '>']);
        let step = self.stored_step(entry);
        if let Some(Some(value)) = &step.entry {
            return Some(value.as_str()).filter(is_plain).map(|value| ("value", value.to_owned()));
        }
        let key = |(key, value): &(Box<str>, Option<String>)| {
            let value = value.as_deref().filter(is_plain)?;
            Some(format!("[{key}='{value}']"))
        };
        let keys = step.keys.iter().map(key).collect::<Option<String>>()?;
        Some(("key", keys)).filter(|(_, keys)| !keys.is_empty())
    }
}
