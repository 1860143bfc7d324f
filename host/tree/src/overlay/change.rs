//! Edits, and their rollback.

use super::{
    LiveNode, NodeKind, Overlay, PrefixedText,
    child_lookup::{EntryKey, EntryKeys},
    state::{NodeEdit, NodeState},
    undo::{OverlayMark, UndoStep},
};
use crate::{Error, NodeId, Pattern, PatternStep, ResolveError, Tree, tree::GivenValue};

/// Where a node goes that is made again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NodePosition {
    /// After its siblings.
    Last,
    /// To its old position: keys come first in their entry (RFC 7950, section 7.8.5).
    Unchanged,
}

impl Overlay {
    /// Marks a point to roll back to, until [`keep`](Self::keep) or [`rollback`](Self::rollback). Marks may
    /// be nested: the last one opened ends first.
    pub fn mark(&mut self) -> OverlayMark {
        self.journal.open += 1;
        OverlayMark {
            undo: self.journal.undo.len(),
            written: self.written.len(),
            removed: self.removed.len(),
            chosen: self.chosen.len(),
            set_entries: self.set_entries.len(),
        }
    }

    /// Keeps the edits made since a mark.
    pub fn keep(&mut self, mark: OverlayMark) {
        let OverlayMark { .. } = mark;
        self.close();
    }

    /// Rolls back the edits made since a mark. Fragments that were loaded since stay.
    pub fn rollback(&mut self, mark: OverlayMark) {
        self.forget_last_paths();
        while self.journal.undo.len() > mark.undo {
            let Some(undo) = self.journal.undo.pop() else { break };
            if let Some(text) = undo.text {
                self.put_text(undo.node, text);
            }
            self.update_state(undo.node, |state| {
                (state.edit, state.edited_at, state.removed_at) =
                    (undo.edit, undo.edited_at, undo.removed_at);
            });
            if undo.edit == NodeEdit::Keep
                && let Some(base) = self.replaced.remove(&undo.node)
            {
                self.tree.give(undo.node, base);
            }
        }
        self.written.truncate(mark.written);
        self.removed.truncate(mark.removed);
        self.chosen.truncate(mark.chosen);
        self.set_entries.truncate(mark.set_entries);
        self.close();
    }

    /// Forgets which nodes were made and found last.
    pub(super) fn forget_last_paths(&mut self) {
        self.last_made.forget();
        self.last_found.forget();
    }

    fn close(&mut self) {
        self.journal.open = self.journal.open.saturating_sub(1);
        if self.journal.open == 0 {
            self.journal.undo.clear();
            self.chosen.forget_log();
        }
    }

    /// Returns the nodes that were set or created since the last call, in order. A node may occur twice.
    pub fn take_written(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.written)
    }

    /// Returns the nodes that [`remove`](Self::remove) removed since the last call, in order.
    pub fn take_removed(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.removed)
    }

    /// Sets a leaf or leaf-list entry, with the prefixes that its value uses, and creates its missing
    /// ancestors.
    ///
    /// # Errors
    /// [`ResolveError::MissingKeys`] if the pattern does not name exactly one node.
    pub fn set(
        &mut self,
        pattern: &Pattern,
        value: &str,
        bindings: &[(&str, &str)],
    ) -> Result<NodeId, ResolveError> {
        let live = self.make_path(pattern, NodeEdit::Made)?;
        let text = self.text(live.node);
        let same = self.tree.value(live.node) == Some(value) && text.borrowed() == bindings;
        if !same {
            self.journal_node(live.node, true);
            let text = self.tree.keep(value, bindings)?;
            self.put_text(live.node, text);
            self.keep_equal_text(live.node);
            let now = self.clock;
            self.update_state(live.node, |state| (state.edit, state.edited_at) = (NodeEdit::Made, now));
            self.mark_dirty(live.node);
        }
        self.written.push(live.node);
        Ok(live.node)
    }

    /// Creates a list entry with its keys, a presence container or an empty leaf, and its missing ancestors.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn create(&mut self, pattern: &Pattern) -> Result<NodeId, ResolveError> {
        let live = self.make_path(pattern, NodeEdit::Made)?;
        self.written.push(live.node);
        Ok(live.node)
    }

    /// Removes the one node that `pattern` names, with its descendants, even if it is not known whether the
    /// datastore has it. The root is never removed.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn remove(&mut self, pattern: &Pattern) -> Result<(), ResolveError> {
        let node = self.find_or_add(pattern)?;
        if node != Tree::ROOT {
            self.mark_removed(node);
            self.removed.push(node);
        }
        Ok(())
    }

    /// Removes an object that a service instance created, before the instance is applied again. Nodes that
    /// are created again unchanged are not edits; the others are removed from the datastore.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn strip(&mut self, pattern: &Pattern) -> Result<(), ResolveError> {
        self.strip_node(pattern).map(drop)
    }

    pub(super) fn strip_node(&mut self, pattern: &Pattern) -> Result<NodeId, ResolveError> {
        let node = self.find_or_add(pattern)?;
        if node != Tree::ROOT {
            self.mark_removed(node);
            self.stripped.insert(node);
        }
        Ok(node)
    }

    pub(super) fn mark_removed(&mut self, node: NodeId) {
        self.forget_last_paths();
        self.journal_node(node, false);
        self.clock += 1;
        let now = self.clock;
        self.update_state(node, |state| {
            (state.edit, state.edited_at, state.removed_at) = (NodeEdit::Removed, now, now)
        });
        self.mark_dirty(node);
    }

    /// Makes the node and its missing ancestors.
    fn make_path(&mut self, pattern: &Pattern, edit: NodeEdit) -> Result<LiveNode, ResolveError> {
        self.clock += 1;
        let last = pattern.steps.len().saturating_sub(1);
        let (common, mut live) = self.last_made.common(&pattern.steps, self.schema_view.changes());
        for (index, step) in pattern.steps.iter().enumerate().skip(common) {
            let node = self.step_down(live.node, step, pattern, index)?;
            let entry = !step.keys.is_empty() || step.entry.is_some();
            let wanted = if index == last || entry { edit } else { NodeEdit::Implied };
            if index < last && !entry {
                self.schema_view.learn_container(self.state(node).schema_path);
            }
            self.schema_view.mark_seen(self.state(node).schema_path);
            if self.live_child(live, node).is_none() {
                self.displace_other_cases(live, node);
            }
            live = self.ensure_present(live, node, wanted, NodePosition::Last);
            if entry && self.is_ordered_by_user(node) {
                self.set_entries.note(node, self.clock, &self.tree);
            }
            for leaf in self.add_identifiers(node, step)? {
                self.ensure_present(live, leaf, NodeEdit::Made, NodePosition::Unchanged);
            }
            if index < last {
                self.last_made.push(index, step, live);
            }
        }
        self.last_made.keep(self.schema_view.changes());
        Ok(live)
    }

    /// Adds the missing keys of a list entry, or the missing value of a leaf-list entry. Returns the keys.
    fn add_identifiers(&mut self, entry: NodeId, step: &PatternStep) -> Result<Vec<NodeId>, Error> {
        let mut keys = Vec::new();
        for (key, value) in &step.keys {
            let list = self.tree.name(entry);
            let name = self.tree.names_mut().intern_beside(list, key);
            let leaf = match self.child_node(entry, name) {
                Some(leaf) => leaf,
                None => {
                    let leaf = self.add(entry, name)?;
                    self.identify(leaf, entry, key, value.as_deref().unwrap_or_default())?;
                    leaf
                }
            };
            keys.push(leaf);
        }
        if let Some(Some(value)) = &step.entry
            && self.tree.value(entry).is_none()
        {
            self.identify(entry, entry, ".", value)?;
        }
        Ok(keys)
    }

    /// Sets the value that identifies an entry: of a key, or of the leaf-list entry itself.
    fn identify(&mut self, leaf: NodeId, entry: NodeId, key: &str, value: &str) -> Result<(), Error> {
        let bindings = self.key_bindings(entry, key, value);
        let bindings: Vec<(&str, &str)> = bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
        self.tree.set_value(leaf, value, &bindings)
    }

    /// Makes a node exist now. Descendants that were removed stay removed.
    fn ensure_present(
        &mut self,
        parent: LiveNode,
        node: NodeId,
        edit: NodeEdit,
        position: NodePosition,
    ) -> LiveNode {
        let state = *self.state(node);
        let there = self.live_child(parent, node);
        let stronger = edit == NodeEdit::Made && state.edit == NodeEdit::Implied;
        if let Some(live) = there
            && !stronger
        {
            return live;
        }
        self.journal_node(node, false);
        // A node that exists keeps its time: its descendants were made later.
        let at = if there.is_some() { state.edited_at } else { self.clock };
        if there.is_none() && !state.in_base && position == NodePosition::Last && !self.placed.contains(&node)
        {
            // New nodes are in the order in which they are made.
            self.tree.detach(node);
            self.tree.attach(node, parent.node, None);
        }
        self.update_state(node, |state| (state.edit, state.edited_at) = (edit, at));
        self.mark_dirty(node);
        LiveNode { node, removed_at: state.removed_at.max(parent.removed_at) }
    }

    /// Returns the node of a path, adding it if necessary to neither the base nor the edits.
    pub(super) fn find_or_add(&mut self, pattern: &Pattern) -> Result<NodeId, ResolveError> {
        let mut node = Tree::ROOT;
        for (index, step) in pattern.steps.iter().enumerate() {
            let fresh = self.states.len();
            node = self.step_down(node, step, pattern, index)?;
            if node.index() < fresh {
                continue;
            }
            self.add_identifiers(node, step)?;
        }
        Ok(node)
    }

    /// Returns the one child that a step names, adding it if necessary.
    fn step_down(
        &mut self,
        parent: NodeId,
        step: &PatternStep,
        pattern: &Pattern,
        index: usize,
    ) -> Result<NodeId, ResolveError> {
        let name = self.tree.names_mut().intern_step(step);
        let missing = |keys: &[Box<str>]| ResolveError::missing_keys(pattern, index, keys);
        let location = self.child_location(parent, name);
        let fixed = self.schema_view.is_fixed(location);
        let unbound = |value| PrefixedText { value, bindings: &[] };
        let (keys, key): (EntryKeys, EntryKey) = match (self.schema_view.kind(location), &step.entry) {
            (NodeKind::List { keys }, _) if fixed => {
                let values: Option<Vec<&str>> = keys.iter().map(|key| step.key(key)).collect();
                let values = values.filter(|values| !values.is_empty()).ok_or_else(|| missing(&keys))?;
                let keys = self.entry_keys(location, name, &keys);
                let key = keys.entry(values.into_iter().map(unbound));
                (keys, key)
            }
            (_, Some(Some(value))) => {
                if let Some(schema_path) = location.schema_path {
                    self.schema_view.learn_leaf_list(schema_path);
                }
                let keys = self.entry_keys(location, name, &[]);
                let key = keys.entry([unbound(value)]);
                (keys, key)
            }
            (NodeKind::LeafList, _) if fixed => return Err(missing(&[".".into()])),
            (_, _) if !step.keys.is_empty() => {
                let keys: Vec<Box<str>> = step.keys.iter().map(|(key, _)| key.clone()).collect();
                let values: Option<Vec<&str>> = keys.iter().map(|key| step.key(key)).collect();
                let values = values.ok_or_else(|| missing(&keys))?;
                if let Some(schema_path) = location.schema_path {
                    self.schema_view.learn_keys(schema_path, keys.as_slice().into());
                }
                let keys = self.entry_keys(location, name, &keys);
                let key = keys.entry(values.into_iter().map(unbound));
                (keys, key)
            }
            (NodeKind::List { keys }, _) => return Err(missing(&keys)),
            (NodeKind::LeafList, _) => return Err(missing(&[".".into()])),
            (NodeKind::Unknown { many: true }, _) => return Err(missing(&[])),
            (_, _) => {
                return match self.child_node(parent, name) {
                    Some(node) => Ok(node),
                    None => Ok(self.add(parent, name)?),
                };
            }
        };
        if let Some(node) = self.entry_node(parent, name, &keys, &key) {
            return Ok(node);
        }
        let node = self.add(parent, name)?;
        self.lookup.add_entry(parent, name, key, node);
        Ok(node)
    }

    /// Sets the value of a node and keeps that of the base.
    fn put_text(&mut self, node: NodeId, text: GivenValue) {
        let before = self.tree.given(node);
        self.tree.give(node, text);
        if self.state(node).in_base {
            let base = *self.replaced.entry(node).or_insert(before);
            if self.given_text(base) == self.text(node) {
                self.replaced.remove(&node);
            }
        }
    }

    /// Takes the text that the datastore has if it has the same value.
    pub(super) fn keep_equal_text(&mut self, node: NodeId) {
        if let Some(&base) = self.replaced.get(&node)
            && !self.has_other_text(node)
        {
            self.put_text(node, base);
        }
    }

    fn journal_node(&mut self, node: NodeId, with_text: bool) {
        if self.journal.open == 0 {
            return;
        }
        let NodeState { edit, edited_at, removed_at, .. } = *self.state(node);
        let text = with_text.then(|| self.tree.given(node));
        self.journal.undo.push(UndoStep { node, edit, edited_at, removed_at, text });
    }

    /// Marks a node and its ancestors as edited.
    pub(super) fn mark_dirty(&mut self, node: NodeId) {
        let mut at = Some(node);
        while let Some(node) = at.filter(|&node| !self.state(node).dirty) {
            self.update_state(node, |state| state.dirty = true);
            at = self.tree.parent(node);
        }
    }
}
