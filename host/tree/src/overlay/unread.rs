//! What must be read before the difference can be computed.

use super::{NodeEdit, NodeKind, Overlay, lookup::StepMatch};
use crate::{CONTROLLER, Error, NodeId, Pattern, PatternStep, QName, ReadSet, Tree, coverage::CoverageFront};

/// The most keys that are requested of nested entries that may be new. What is nested in entries with more
/// keys is read whole, because each path includes all the keys before it.
const MOST_KEYS: usize = 8;

impl Overlay {
    /// Returns whether everything that `pattern` matches is known: it has been read, or an entry above it is
    /// known not to exist.
    pub fn knows(&mut self, pattern: &Pattern) -> bool {
        let mut front = CoverageFront::top();
        let knows = self.knows_from(&mut front, pattern);
        self.lookup.visited += front.visited;
        knows
    }

    fn knows_from(&mut self, front: &mut CoverageFront, pattern: &Pattern) -> bool {
        // The node that the steps so far match, if the overlay has it; and whether they match at most one.
        let (mut node, mut one) = (Some(Tree::ROOT), true);
        for step in &pattern.steps {
            if self.coverage.is_whole(front) {
                return true;
            }
            *front = self.coverage.step(front, step);
            node = match node.map(|node| (node, self.find_step(node, step))) {
                Some((_, StepMatch::One(node))) => node,
                Some((parent, StepMatch::Any)) => {
                    let lone = self.only_child(parent, step);
                    one &= lone.is_some();
                    lone.flatten()
                }
                None => None,
            };
            let exact = one && !step.keys.is_empty() && step.keys.iter().all(|(_, value)| value.is_some());
            if exact && !node.is_some_and(|node| self.in_base(node)) && self.keys_are_read(front, step) {
                return true;
            }
        }
        self.coverage.is_whole(front)
    }

    /// Returns the child that a step without keys matches, unless there are known to be several.
    fn only_child(&mut self, parent: NodeId, step: &PatternStep) -> Option<Option<NodeId>> {
        let Some(name) = self.tree.names().get(step.name()) else { return Some(None) };
        let location = self.child_location(parent, name);
        let is_lone = step.keys.is_empty()
            && step.entry.is_none()
            && matches!(self.schema_view.kind(location), NodeKind::Unknown { many: false });
        is_lone.then(|| self.child_node(parent, name))
    }

    /// Returns whether the keys of an entry have been read, so that it is known whether the entry exists.
    fn keys_are_read(&self, front: &CoverageFront, step: &PatternStep) -> bool {
        let mut keys = step.keys.iter().map(|(key, _)| PatternStep::new(QName::new(&step.namespace, key)));
        keys.all(|key| self.coverage.is_whole(&self.coverage.step(front, &key)))
    }

    /// Returns what to read, in one request, before [`edit_config`](Self::edit_config): the nodes that were
    /// edited without having been read, and the patterns of `also` that have not been read. A list entry with
    /// an edited node is read whole, and so is a presence container that may be new. [`ReadSet`] merges patterns
    /// that are too many for one request.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn unread(&mut self, also: impl IntoIterator<Item = Pattern>) -> Result<Vec<Pattern>, Error> {
        let mut to_read =
            self.walk_unread(Tree::ROOT, &CoverageFront::top(), EnclosingEntries::default())?.to_read;
        let mut more = ReadSet::default();
        for pattern in also {
            self.steps.steps(pattern.steps.len())?;
            if !self.knows(&pattern) {
                more.extend([pattern]);
            }
        }
        to_read.merge(more);
        Ok(to_read.patterns())
    }

    fn walk_unread(
        &mut self,
        parent: NodeId,
        front: &CoverageFront,
        around: EnclosingEntries,
    ) -> Result<UnreadBelow, Error> {
        let keys = match self.kind(parent) {
            NodeKind::List { keys } => self.key_names(self.tree.name(parent), &keys),
            _ => Vec::new(),
        };
        let mut unread = UnreadBelow::default();
        let mut next = self.tree.first_child(parent);
        while let Some(node) = next {
            next = self.tree.next_sibling(node);
            self.steps.step()?;
            let state = *self.state(node);
            if !state.dirty || keys.contains(&self.tree.name(node)) {
                continue;
            }
            let step = self.step(node);
            let below = self.coverage.step(front, &step);
            self.steps.steps(below.visited.saturating_sub(front.visited))?;
            if self.coverage.is_whole(&below) {
                continue;
            }
            let is_new = !step.keys.is_empty() && !state.in_base;
            // Whether it is there shows only in what is below it.
            let is_presence = !state.in_base
                && &*step.namespace != CONTROLLER
                && self.kind(node) == NodeKind::PresenceContainer;
            if is_new && self.keys_are_read(&below, &step) {
                continue;
            }
            let is_entry = !step.keys.is_empty() && &*step.namespace != CONTROLLER;
            let mut inside = EnclosingEntries { in_entry: around.in_entry || is_entry, ..around };
            let mut here = ReadSet::default();
            let mut entry = false;
            if is_new {
                inside.keys += step.keys.len();
                let keys = step.keys.iter().map(|(key, _)| QName::new(&step.namespace, key));
                keys.for_each(|key| here.push(PatternStep::new(key), ReadSet::whole()));
            }
            let is_whole = state.edit == NodeEdit::Removed || state.removed_at > 0;
            if is_whole || inside.keys > MOST_KEYS || is_presence && !inside.in_entry {
                here = ReadSet::whole();
            } else if self.tree.first_child(node).is_none() {
                match (state.in_base, inside.in_entry) {
                    (true, _) => {}
                    (false, true) => entry = true,
                    (false, false) => here = ReadSet::whole(),
                }
            } else {
                // The recursion is as deep as the tree, which is limited by its reader and by the path
                // parser.
                let below = self.walk_unread(node, &below, inside)?;
                here.merge(below.to_read);
                entry = below.whole_entry;
            }
            if entry && is_entry {
                here = ReadSet::whole();
            } else {
                unread.whole_entry |= entry;
            }
            unread.to_read.push(step, here);
        }
        Ok(unread)
    }
}

/// What encloses a node.
#[derive(Clone, Copy, Default)]
struct EnclosingEntries {
    /// Whether a list entry does, other than one of the controller's own lists.
    in_entry: bool,
    /// The number of keys of the enclosing entries that may be new.
    keys: usize,
}

/// What must be read below a node.
#[derive(Default)]
struct UnreadBelow {
    to_read: ReadSet,
    /// Whether the innermost list entry must be read whole.
    whole_entry: bool,
}
