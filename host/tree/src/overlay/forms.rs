//! Keys and leaf-list entries that may be written differently and are the same.
//!
//! In the paths of the overlay, and in its tables, such a value has its [normal form](crate::Schema::normal). The nodes keep
//! the text that the datastore has: it goes into requests, because the controller compares texts.

use std::{borrow::Cow, sync::Arc};

use super::{LiveNode, NodeEdit, NodeKind, Overlay, PrefixedText, key_forms::KeyForms, lookup::StepMatch};
use crate::{BoundValue, NodeId, Pattern, PatternStep, QName, SchemaLocation, Tree};

impl Overlay {
    /// Returns the forms of the keys of the list, or the entries of the leaf-list, at a location.
    pub(super) fn key_forms(&mut self, location: SchemaLocation, namespace: &str) -> Option<Arc<KeyForms>> {
        self.schema_view.key_forms(location.schema?, namespace)
    }

    /// Returns the namespaces of the prefixes in the normal form of a key's value; `.` is a leaf-list entry.
    pub(super) fn key_bindings(&mut self, entry: NodeId, key: &str, value: &str) -> Vec<(String, String)> {
        let location = self.schema_location(entry);
        let namespace = self.tree.qname(entry).namespace.to_owned();
        let Some(forms) = self.key_forms(location, &namespace) else { return Vec::new() };
        let Some(key) = (if key == "." { Some(0) } else { forms.key(key) }) else { return Vec::new() };
        forms
            .bound(key, PrefixedText { value, bindings: &[] })
            .map(|bound| bound.bindings)
            .unwrap_or_default()
    }

    /// Returns the namespaces of the prefixes in the values of a node's step, for each key in order or for the leaf-list entry.
    pub fn bound_step(&mut self, node: NodeId) -> Vec<Vec<(String, String)>> {
        match self.kind(node) {
            NodeKind::List { keys } => {
                let mut leaf = |key: &str| self.lookup.key(&self.tree, node, key);
                let leaves: Vec<Option<NodeId>> = keys.iter().map(|key| leaf(key)).collect();
                let mut bound = |leaf: Option<NodeId>| leaf.map(|leaf| self.normal_value(leaf).bindings);
                leaves.into_iter().map(|leaf| bound(leaf).unwrap_or_default()).collect()
            }
            NodeKind::LeafList => vec![self.normal_value(node).bindings],
            _ => Vec::new(),
        }
    }

    /// Returns the value of a leaf or leaf-list entry in its [normal form](crate::Schema::normal); as it is if it has none.
    pub fn normal_value(&mut self, node: NodeId) -> BoundValue {
        let forms = self.leaf_forms(node);
        normal_value(forms, self.text(node))
    }

    /// As [`normal_value`](Self::normal_value), of the value that the datastore has.
    pub fn normal_base_value(&mut self, node: NodeId) -> BoundValue {
        let forms = self.leaf_forms(node);
        normal_value(forms, self.base_text(node))
    }

    fn leaf_forms(&mut self, leaf: NodeId) -> Option<Arc<KeyForms>> {
        let location = self.schema_location(leaf);
        self.key_forms(location, "")
    }

    /// Returns a path with all values of keys in their normal form: that of the nodes as far as they are known, whose prefixes
    /// are bound.
    pub fn normal_pattern<'p>(&mut self, pattern: &'p Pattern) -> Cow<'p, Pattern> {
        let mut normal = Cow::Borrowed(pattern);
        if !self.names_forms(pattern) {
            return normal;
        }
        let (mut node, mut inside) = (Some(Tree::ROOT), self.schema_view.root());
        for (index, step) in pattern.steps.iter().enumerate() {
            let at = self.schema_view.child(self.tree.names(), inside, step.name());
            let found = node.map(|node| self.find_step(node, step));
            node = match found {
                Some(StepMatch::One(found)) => found,
                Some(StepMatch::Any) | None => None,
            };
            let changed = match node {
                Some(node) if step.values() > 0 && self.has_key_forms(at, step) => Some(self.step(node)),
                _ => self.normal_step(at, step),
            };
            if let Some(changed) = changed
                && let Some(step) = normal.to_mut().steps.get_mut(index)
            {
                *step = changed;
            }
            let step = normal.steps.get(index).unwrap_or(step);
            inside = step.key_values().map_or(at, |values| self.schema_view.entry(at, &values));
        }
        normal
    }

    /// Returns whether a path names values that may be written differently.
    fn names_forms(&mut self, pattern: &Pattern) -> bool {
        let mut inside = self.schema_view.root();
        for step in &pattern.steps {
            let at = self.schema_view.child(self.tree.names(), inside, step.name());
            if step.values() > 0 && self.has_key_forms(at, step) {
                return true;
            }
            inside = step.key_values().map_or(at, |values| self.schema_view.entry(at, &values));
        }
        false
    }

    fn has_key_forms(&mut self, at: SchemaLocation, step: &PatternStep) -> bool {
        self.key_forms(at, &step.namespace).is_some()
    }

    /// Returns a step with its values in their normal form, if one of them is not.
    pub(super) fn normal_step(&mut self, at: SchemaLocation, step: &PatternStep) -> Option<PatternStep> {
        if step.values() == 0 {
            return None;
        }
        let forms = self.key_forms(at, &step.namespace)?;
        let normal =
            |key: usize, value: &str| forms.normal(key, PrefixedText { value, bindings: &[] }).into_owned();
        let mut changed = step.clone();
        for (name, value) in &mut changed.keys {
            if let (Some(key), Some(value)) = (forms.key(name), value) {
                *value = normal(key, value);
            }
        }
        if let Some(Some(value)) = &mut changed.entry {
            *value = normal(0, value);
        }
        (changed != *step).then_some(changed)
    }

    /// Returns the step of a node of another tree below a path, with all values in their normal form.
    pub fn step_of(&mut self, above: &Pattern, tree: &Tree, node: NodeId) -> PatternStep {
        let mut step = PatternStep::new(tree.qname(node));
        let mut at = above.clone();
        at.steps.push(step.clone());
        let location = self.locate(&at);
        let forms = self.key_forms(location, &step.namespace);
        let normal = |key: usize, leaf: NodeId| {
            let text =
                PrefixedText { value: tree.value(leaf).unwrap_or_default(), bindings: tree.bindings(leaf) };
            forms.as_ref().map_or(Cow::Borrowed(text.value), |forms| forms.normal(key, text)).into_owned()
        };
        match self.schema_view.kind(location) {
            NodeKind::List { keys } => {
                for (index, key) in keys.iter().enumerate() {
                    let leaf = tree.child(node, QName::new(&step.namespace, key));
                    step.keys.push((key.clone(), leaf.map(|leaf| normal(index, leaf))));
                }
            }
            NodeKind::LeafList => step.entry = Some(Some(normal(0, node))),
            _ => {}
        }
        step
    }

    /// Returns the path of a node with the values of keys as the datastore has them.
    pub fn stored_pattern(&mut self, node: NodeId) -> Pattern {
        let steps = self.ancestors(node).into_iter().map(|node| self.stored_step(node)).collect();
        Pattern { steps }
    }

    /// Returns the last step of [`stored_pattern`](Self::stored_pattern).
    pub fn stored_step(&mut self, node: NodeId) -> PatternStep {
        let mut step = self.tree.names().step(self.tree.name(node));
        match self.kind(node) {
            NodeKind::List { keys } => {
                let named = &mut step.keys;
                named.reserve_exact(keys.len());
                for key in keys.iter() {
                    let leaf = self.lookup.key(&self.tree, node, key);
                    let value = leaf.and_then(|leaf| self.tree.value(leaf)).unwrap_or_default();
                    named.push((key.clone(), Some(value.to_owned())));
                }
            }
            NodeKind::LeafList => {
                step.entry = Some(Some(self.tree.value(node).unwrap_or_default().to_owned()))
            }
            _ => {}
        }
        step
    }

    /// Returns a path with the values of keys as the datastore has them, as far as that is known.
    pub fn as_stored<'p>(&mut self, pattern: &'p Pattern) -> Cow<'p, Pattern> {
        let mut stored = Cow::Borrowed(pattern);
        if !self.names_forms(pattern) {
            return stored;
        }
        let mut node = Tree::ROOT;
        for (index, step) in pattern.steps.iter().enumerate() {
            let above = self.location_below(node);
            let at = self.schema_view.child(self.tree.names(), above, step.name());
            let StepMatch::One(Some(found)) = self.find_step(node, step) else { break };
            if step.values() > 0
                && self.in_base(found)
                && self.has_key_forms(at, step)
                && let text = self.stored_step(found)
                && let Some(step) = stored.to_mut().steps.get_mut(index)
            {
                *step = text;
            }
            node = found;
        }
        stored
    }

    /// Returns what to read to know whether the first entry on each path that is not known to be there is there in another
    /// form: the keys of its list.
    pub fn other_forms(&mut self, patterns: &[Pattern]) -> Vec<Pattern> {
        let mut wanted = Vec::new();
        for pattern in patterns {
            if !self.names_forms(pattern) {
                continue;
            }
            let (mut node, mut inside) = (Some(Tree::ROOT), self.schema_view.root());
            for (index, step) in pattern.steps.iter().enumerate() {
                let at = self.schema_view.child(self.tree.names(), inside, step.name());
                let found = node.map(|node| self.find_step(node, step));
                node = match found {
                    Some(StepMatch::One(found)) => found.filter(|&found| self.in_base(found)),
                    Some(StepMatch::Any) => break,
                    None => None,
                };
                inside = step.key_values().map_or(at, |values| self.schema_view.entry(at, &values));
                if node.is_some() || step.values() == 0 {
                    continue;
                }
                let forms = self.key_forms(at, &step.namespace);
                let above = Pattern { steps: pattern.steps.iter().take(index + 1).cloned().collect() };
                match forms {
                    Some(forms) => wanted.extend(forms.open(pattern, index)),
                    // The entry was read and is not there. Otherwise nothing was found in it, and it may be.
                    None if self.coverage.covers(&above) => {}
                    None => continue,
                }
                break;
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|pattern| !self.coverage.covers(pattern));
        wanted
    }

    /// Takes the texts of the keys of an entry from the same entry in another overlay.
    pub fn take_identifiers(&mut self, entry: NodeId, other: &Self, from: LiveNode) {
        let NodeKind::List { keys } = self.kind(entry) else { return };
        let namespace = self.tree.qname(entry).namespace.to_owned();
        for key in keys.iter() {
            let name = QName::new(&namespace, key);
            let (own, others) = (self.tree.child(entry, name), other.tree.child(from.node, name));
            if let (Some(own), Some(others)) = (own, others) {
                self.copy_text(own, other, others);
            }
        }
    }

    /// Takes the text of a leaf or leaf-list entry from another overlay, where its value is equal.
    pub fn take_text(&mut self, node: NodeId, other: &Self, from: LiveNode) {
        self.copy_text(node, other, from.node);
    }

    fn copy_text(&mut self, node: NodeId, other: &Self, from: NodeId) {
        let text = other.text(from);
        // A text that was kept in one tree is not too much for another.
        if let Ok(text) = self.tree.keep(text.value, &text.borrowed()) {
            self.tree.give(node, text);
        }
    }

    /// Returns the value that the datastore has of a node.
    pub fn base_value(&self, node: NodeId) -> String {
        self.base_text(node).value.to_owned()
    }

    /// Takes back the text that the datastore has of a node.
    pub fn take_base_text(&mut self, node: NodeId) {
        if let Some(base) = self.replaced.remove(&node) {
            self.tree.give(node, base);
        }
    }

    /// Returns whether a leaf is set to its default value.
    pub fn is_default(&mut self, node: NodeId) -> bool {
        let (kind, location) = (self.kind(node), self.schema_location(node));
        let Some(schema_node) = location.schema.filter(|_| kind == NodeKind::Leaf) else { return false };
        let Some(defaults) = self.schema_view.defaults(schema_node) else { return false };
        let text = self.text(node);
        let namespace = |prefix: &str| text.namespace(prefix).map(str::to_owned);
        self.schema_view.schema().normal(schema_node, text.value, &namespace).as_ref() == defaults.first()
    }

    /// Takes back what the edits did to a node that the datastore does not have.
    pub fn leave_out(&mut self, node: NodeId) {
        self.forget_last_paths();
        self.update_state(node, |state| state.edit = NodeEdit::Keep);
    }
}

fn normal_value(forms: Option<Arc<KeyForms>>, text: PrefixedText<'_>) -> BoundValue {
    let normal = forms.and_then(|forms| forms.bound(0, text));
    normal.unwrap_or_else(|| text.to_bound())
}
