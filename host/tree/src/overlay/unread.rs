//! What has to be read before the difference can be told.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edit, Form, Overlay, coverage::Front, lookup::Met};
use crate::{CONTROLLER, Coverage, NodeId, Pattern, PatternStep, QName, Tree};

/// From this many entries of one list on, all of it is read: one request with thousands of paths costs
/// the backend more than what it need not have read.
const WIDEN: usize = 64;

impl Overlay {
    /// Whether everything that `pattern` matches is known: it has been read, or an entry above it is
    /// known not to be there.
    pub fn knows(&mut self, pattern: &Pattern) -> bool {
        let mut front = Front::top();
        // The node that the steps so far mean, if it has been met; and whether they mean one at all.
        let (mut node, mut one) = (Some(Tree::ROOT), true);
        for step in &pattern.steps {
            if self.coverage.is_whole(&front) {
                return true;
            }
            front = self.coverage.step(&front, step);
            node = match node.map(|node| (node, self.met(node, step))) {
                Some((_, Met::One(node))) => node,
                Some((parent, Met::Any)) => {
                    let lone = self.lone(parent, step);
                    one &= lone.is_some();
                    lone.flatten()
                }
                None => None,
            };
            let exact = one && !step.keys.is_empty() && step.keys.iter().all(|(_, value)| value.is_some());
            if exact && !node.is_some_and(|node| self.in_base(node)) && self.keys_are_read(&front, step) {
                return true;
            }
        }
        self.coverage.is_whole(&front)
    }

    /// The child that a step without keys means, where nothing says that there are several.
    fn lone(&mut self, parent: NodeId, step: &PatternStep) -> Option<Option<NodeId>> {
        let Some(name) = self.tree.names().get(step.name()) else { return Some(None) };
        let spot = self.child_spot(parent, name);
        let is_lone = step.keys.is_empty()
            && step.entry.is_none()
            && matches!(self.knowledge.form(spot), Form::Unknown { many: false });
        is_lone.then(|| self.child_node(parent, name))
    }

    /// Whether the keys of an entry have been read, so that it is known whether it is there.
    fn keys_are_read(&self, front: &Front, step: &PatternStep) -> bool {
        let mut keys = step.keys.iter().map(|(key, _)| PatternStep::new(QName::new(&step.namespace, key)));
        keys.all(|key| self.coverage.is_whole(&self.coverage.step(front, &key)))
    }

    /// What to read, in one request, before [`edit_config`](Self::edit_config): the places that have been
    /// edited without having been read, and what of `also` has not been read. Of a list entry in which
    /// something was edited all is asked for, and of a list in which many entries were edited all entries.
    pub fn unread(&mut self, also: impl IntoIterator<Item = Pattern>) -> Vec<Pattern> {
        let mut walk = Walk { path: Vec::new(), entry: None, wanted: BTreeSet::new() };
        self.walk_unread(Tree::ROOT, &Front::top(), &mut walk);
        walk.wanted.extend(also.into_iter().filter(|pattern| !self.knows(pattern)));
        let mut covered = Coverage::default();
        let mut wanted = widen(walk.wanted);
        wanted.sort_by_key(|pattern| pattern.steps.len());
        wanted.retain(|pattern| {
            let new = !covered.covers(pattern);
            covered.insert(pattern);
            new
        });
        wanted
    }

    fn walk_unread(&mut self, parent: NodeId, front: &Front, walk: &mut Walk) {
        let keys = match self.form(parent) {
            Form::List { keys } => self.key_names(self.tree.name(parent), &keys),
            _ => Vec::new(),
        };
        let mut next = self.tree.first_child(parent);
        while let Some(node) = next {
            next = self.tree.next_sibling(node);
            let state = *self.state(node);
            if !state.dirty || keys.contains(&self.tree.name(node)) {
                continue;
            }
            let step = self.step(node);
            let below = self.coverage.step(front, &step);
            if self.coverage.is_whole(&below) {
                continue;
            }
            let entry = !step.keys.is_empty();
            if entry && !state.in_base && self.keys_are_read(&below, &step) {
                continue;
            }
            let outer = walk.entry;
            walk.path.push(step);
            if entry {
                if !state.in_base {
                    walk.want_keys();
                }
                if walk.path.last().is_some_and(|step| &*step.namespace != CONTROLLER) {
                    walk.entry = Some(walk.path.len());
                }
            }
            if state.edit == Edit::Gone || state.cut > 0 {
                walk.want(walk.path.len());
            } else if self.tree.first_child(node).is_none() {
                if !state.in_base {
                    walk.want(walk.entry.unwrap_or(walk.path.len()));
                }
            } else {
                // As deep as the tree, which who reads it and who parses paths bound.
                self.walk_unread(node, &below, walk);
            }
            walk.path.pop();
            walk.entry = outer;
        }
    }
}

struct Walk {
    path: Vec<PatternStep>,
    /// How many steps lead to the innermost list entry that is not the controller's own.
    entry: Option<usize>,
    wanted: BTreeSet<Pattern>,
}

impl Walk {
    fn want(&mut self, steps: usize) {
        self.wanted.insert(Pattern { steps: self.path.iter().take(steps).cloned().collect() });
    }

    fn want_keys(&mut self) {
        let Some(entry) = self.path.last() else { return };
        for (key, _) in &entry.keys {
            let key = PatternStep::new(QName::new(&entry.namespace, key));
            self.wanted.insert(Pattern { steps: self.path.iter().cloned().chain([key]).collect() });
        }
    }
}

/// Replaces many patterns that differ in the keys of one step by one for all entries.
fn widen(patterns: BTreeSet<Pattern>) -> Vec<Pattern> {
    let deepest = patterns.iter().map(|pattern| pattern.steps.len()).max().unwrap_or(0);
    let mut patterns: Vec<Pattern> = patterns.into_iter().collect();
    for depth in (0..deepest).rev() {
        let mut groups: BTreeMap<Pattern, Vec<Pattern>> = BTreeMap::new();
        for pattern in patterns {
            groups.entry(opened(&pattern, depth)).or_default().push(pattern);
        }
        patterns = Vec::new();
        for (wide, narrow) in groups {
            if narrow.len() >= WIDEN {
                patterns.push(wide);
            } else {
                patterns.extend(narrow);
            }
        }
    }
    patterns
}

/// The pattern without the values of the keys of one step.
fn opened(pattern: &Pattern, depth: usize) -> Pattern {
    let mut opened = pattern.clone();
    if let Some(step) = opened.steps.get_mut(depth) {
        step.keys.iter_mut().for_each(|(_, value)| *value = None);
        if let Some(value) = &mut step.entry {
            *value = None;
        }
    }
    opened
}
