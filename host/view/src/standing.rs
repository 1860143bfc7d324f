//! What stood before the controller took it away.
//!
//! Before a commit runs, the controller removes what its instances have created from `actions`. `running` still has it, in the
//! form that the device gave it. What a run makes again and means the same keeps that form; otherwise each commit would write
//! it to the device anew.

use confine_tree::{HashMap, HashSet, LiveNode, NodeId, NodeKind, NodePaths, Pattern, Tree};

use crate::{CommitDraft, Error, crypt, patterns::first_key};

impl CommitDraft {
    /// Takes the form of what the runs made from a draft of `running`, in which the instances' objects have been read.
    pub fn keep_standing_forms(&mut self, running: &mut CommitDraft) -> Result<(), Error> {
        let written = std::mem::take(&mut self.written);
        let root = (Tree::ROOT, StandingNode { found: Some(LiveNode::ROOT), stood: true });
        let mut forms = StandingForms { draft: self, running, known: [root].into_iter().collect() };
        let kept = written.iter().flat_map(|run| &run.nodes).try_for_each(|&node| forms.keep(node));
        self.written = written;
        kept
    }
}

impl CommitDraft {
    /// Returns what to read to know whether what has leaves that are set to their defaults was there.
    pub(crate) fn parents_of_defaults(&mut self, paths: &mut NodePaths) -> Result<Vec<Pattern>, Error> {
        let (mut wanted, mut seen) = (Vec::new(), HashSet::default());
        let written = std::mem::take(&mut self.written);
        for &node in written.iter().flat_map(|run| &run.nodes) {
            self.step()?;
            let overlay = &mut self.overlay;
            if overlay.in_base(node)
                || !overlay.is_default(node)
                || !self.owned.covers(&paths.pattern(overlay, node))
            {
                continue;
            }
            let mut above = overlay.ancestors(node);
            above.pop();
            while let Some(parent) = above.pop() {
                let path = match overlay.kind(parent) {
                    NodeKind::List { .. } => first_key(&paths.pattern(overlay, parent)),
                    NodeKind::PresenceContainer => Some(paths.pattern(overlay, parent)),
                    _ => continue,
                };
                wanted.extend(path.filter(|_| seen.insert(parent)));
                break;
            }
        }
        self.written = written;
        Ok(wanted)
    }
}

/// What is known about a node of the draft.
#[derive(Clone, Copy)]
struct StandingNode {
    /// The same node in `running`.
    found: Option<LiveNode>,
    /// Whether the nearest list entry or presence container, the node itself or one above it, was there before the commit.
    stood: bool,
}

struct StandingForms<'a> {
    draft: &'a mut CommitDraft,
    running: &'a mut CommitDraft,
    known: HashMap<NodeId, StandingNode>,
}

impl StandingForms<'_> {
    /// Keeps the form of a node and of the list entries above it.
    fn keep(&mut self, node: NodeId) -> Result<(), Error> {
        if self.draft.overlay.place(node).is_none() {
            return Ok(());
        }
        let overlay = &self.draft.overlay;
        let up = std::iter::successors(Some(node), |&node| overlay.parent(node));
        let unknown: Vec<NodeId> = up.take_while(|node| !self.known.contains_key(node)).collect();
        for at in unknown.into_iter().rev() {
            self.draft.step()?;
            let above = self.draft.overlay.parent(at).unwrap_or(Tree::ROOT);
            let standing = self.standing(at, above);
            self.known.insert(at, standing);
        }
        let above = self.draft.overlay.parent(node).unwrap_or(Tree::ROOT);
        let found = self.known.get(&node).and_then(|standing| standing.found);
        let parent_stood = self.known.get(&above).is_some_and(|above| above.stood);
        self.keep_value(node, found, parent_stood)
    }

    fn standing(&mut self, node: NodeId, above: NodeId) -> StandingNode {
        let parent = self.known.get(&above).copied();
        let step = self.draft.overlay.step(node);
        let found = parent.and_then(|parent| self.running.overlay.child_matching(parent.found?, &step));
        let is_entry = !step.keys.is_empty();
        if let (Some(found), true) = (found, is_entry) {
            self.keep_keys(node, found);
        }
        let stood = match is_entry || self.draft.overlay.kind(node) == NodeKind::PresenceContainer {
            true => found.is_some() || self.draft.overlay.in_base(node),
            false => parent.is_some_and(|parent| parent.stood),
        };
        StandingNode { found, stood }
    }

    fn keep_keys(&mut self, entry: NodeId, standing: LiveNode) {
        if !self.draft.overlay.in_base(entry) {
            self.draft.overlay.take_identifiers(entry, &self.running.overlay, standing);
        }
    }

    /// Keeps the form of a value. `parent_stood` is whether the nearest node above that can be missing was there.
    fn keep_value(
        &mut self,
        node: NodeId,
        standing: Option<LiveNode>,
        parent_stood: bool,
    ) -> Result<(), Error> {
        let overlay = &mut self.draft.overlay;
        if overlay.is_key(node) || !matches!(overlay.kind(node), NodeKind::Leaf | NodeKind::LeafList) {
            return Ok(());
        }
        if let Some(standing) = standing.filter(|_| !overlay.in_base(node)) {
            let value = overlay.normal_value(node);
            let stood = self.running.overlay.normal_value(standing.node());
            if value == stood || self.is_hash(&stood.value, &value.value)? {
                self.draft.overlay.take_text(node, &self.running.overlay, standing);
            }
            return Ok(());
        }
        if overlay.in_base(node) {
            let (before, value) = (overlay.base_value(node), overlay.normal_value(node).value);
            if overlay.is_changed(node) && self.is_hash(&before, &value)? {
                self.draft.overlay.take_base_text(node);
            }
            return Ok(());
        }
        // The device does not tell that a leaf is set to its default.
        if parent_stood && overlay.is_default(node) && self.draft.owned.covers(&overlay.pattern(node)) {
            self.draft.left_out.push(node);
        }
        Ok(())
    }

    /// Returns whether a device made one value of another.
    fn is_hash(&mut self, stored: &str, written: &str) -> Result<bool, Error> {
        self.draft.step()?;
        Ok(crypt::is_hash_of(stored, written))
    }
}
