//! What stays away although something above it is restored: other instances have removed it too.
//!
//! One instance removes a list entry, and another one a leaf in it, which may be gone already. When the first one goes, the entry
//! comes back without the leaf, and what is on record for the second one takes over what the leaf was. So the record of a node
//! always has all that stood in it, also what others had removed before.

use std::collections::{BTreeMap, BTreeSet};

use confine_tree::{HashMap, HashSet, NodeId, Pattern, Tree, xml};

use crate::{
    CommitDraft, Error, Original, OwnerIndex, original_position::OriginalPosition, originals::path_text,
    patterns::child, refusal::refused,
};

/// What other instances have removed below a node, by its path with the keys in their normal form.
pub(crate) type StillRemoved = HashMap<Pattern, Original>;

impl CommitDraft {
    /// Returns what instances that the commit neither runs nor deletes have removed below a node.
    pub(crate) fn still_removed(
        &mut self,
        place: &Pattern,
        owners: &OwnerIndex,
    ) -> Result<StillRemoved, Error> {
        let mut removed = StillRemoved::default();
        for original in owners.originals().at_or_below(place) {
            self.steps().steps(1 + original.owners.len())?;
            let others = self.other_owners(original);
            if original.written.is_none() && original.place != *place && !others.is_empty() {
                let at = self.overlay.normal_pattern(&original.place).into_owned();
                removed.insert(at, Original { owners: others, ..original.clone() });
            }
        }
        Ok(removed)
    }

    /// Returns the owners of an original that the commit neither runs nor deletes.
    pub(crate) fn other_owners(&self, original: &Original) -> BTreeSet<String> {
        let names = original.owners.iter();
        names.filter(|&name| !self.originals.concerned_names.contains(name)).cloned().collect()
    }

    /// Has the record of a node that stays away take over what it was in the original of something above, which is not kept any
    /// more.
    pub(crate) fn keep_away(
        &mut self,
        mut removed: Original,
        above: &Pattern,
        (tree, node): (&Tree, NodeId),
    ) -> Result<(), Error> {
        let Some(path) = path_text(&removed.place) else { return Ok(()) };
        if removed.before.is_empty() {
            removed.before = self.original_text(above, tree, node)?;
        }
        // Some of its owners may be in this commit.
        self.originals.kept.insert(path, removed);
        Ok(())
    }

    /// Returns the XML of a node in an original, with its position if it matters.
    fn original_text(&mut self, above: &Pattern, tree: &Tree, node: NodeId) -> Result<String, Error> {
        let text = xml::write(tree, node).map_err(|error| refused(error.into()))?;
        let place = child(above, self.overlay.step_of(above, tree, node));
        if self.neighbours_to_read(&place).is_none() {
            return Ok(text);
        }
        let mut entry = |next: fn(&Tree, NodeId) -> Option<NodeId>| {
            let mut others = std::iter::successors(next(tree, node), |&other| next(tree, other));
            let other = others.find(|&other| tree.name(other) == tree.name(node))?;
            Some(child(above, self.overlay.step_of(above, tree, other)))
        };
        let position =
            OriginalPosition { after: entry(Tree::previous_sibling), before: entry(Tree::next_sibling) };
        let mut copy = xml::parse(&text).map_err(|error| refused(error.into()))?;
        let Some(top) = copy.first_child(Tree::ROOT) else { return Ok(text) };
        position.write(&mut copy, top);
        Ok(xml::write(&copy, top).map_err(|error| refused(error.into()))?)
    }

    /// Adds what other instances had removed of a node before, to what is kept of it.
    pub(crate) fn add_removed(
        &mut self,
        kept: &mut Tree,
        (top, place): (NodeId, &Pattern),
        owners: &OwnerIndex,
    ) -> Result<(), Error> {
        let mut all = BTreeMap::new();
        for original in owners.originals().at_or_below(place) {
            self.step()?;
            let is_removed = original.written.is_none() && original.place != *place;
            if is_removed && let Ok(before) = xml::parse(&original.before) {
                let mut position = OriginalPosition::of(&original.before);
                for beside in position.iter_mut().flat_map(OriginalPosition::both) {
                    *beside = self.overlay.normal_pattern(beside).into_owned();
                }
                let at = self.overlay.normal_pattern(&original.place).into_owned();
                all.insert(at, RemovedNode { before, position });
            }
        }
        if all.is_empty() {
            return Ok(());
        }
        let place = self.overlay.normal_pattern(place).into_owned();
        let mut known = HashMap::default();
        self.index_nodes(kept, (top, place), &mut known)?;
        let mut seen = HashSet::default();
        // What is above goes first, and so do those beside which it stood.
        for at in all.keys() {
            let mut chain = Vec::new();
            let mut next = Some(at);
            while let Some((at, removed)) = next.and_then(|at| all.get_key_value(at))
                && seen.insert(at)
            {
                self.step()?;
                chain.push((at, removed));
                next = removed.position.as_ref().and_then(|position| position.after.as_ref());
            }
            for (at, removed) in chain.into_iter().rev() {
                self.add_one(kept, at, removed, &mut known)?;
            }
        }
        Ok(())
    }

    fn add_one(
        &mut self,
        kept: &mut Tree,
        at: &Pattern,
        removed: &RemovedNode,
        known: &mut HashMap<Pattern, NodeId>,
    ) -> Result<(), Error> {
        let RemovedNode { before, position } = removed;
        let above = at.steps.len().saturating_sub(1);
        let above = known.get(&Pattern { steps: at.steps.iter().take(above).cloned().collect() });
        let (Some(&above), Some(top)) = (above, before.first_child(Tree::ROOT)) else { return Ok(()) };
        if known.contains_key(at) {
            return Ok(());
        }
        let added = kept.append_copy(above, before, top).map_err(|error| refused(error.into()))?;
        if let Some(position) = position {
            let found = |beside: &Option<Pattern>| known.get(beside.as_ref()?).copied();
            let next = match (&position.after, found(&position.after)) {
                (None, _) => kept.children_named(above, kept.name(added)).next(),
                (_, Some(after)) => kept.next_sibling(after),
                (_, None) => found(&position.before),
            };
            if next != Some(added) {
                kept.detach(added);
                kept.attach(added, above, next);
            }
        }
        self.index_nodes(kept, (added, at.clone()), known)
    }

    /// Notes the paths of the nodes of a tree, of one and all below it.
    fn index_nodes(
        &mut self,
        tree: &Tree,
        top: (NodeId, Pattern),
        known: &mut HashMap<Pattern, NodeId>,
    ) -> Result<(), Error> {
        let mut walk = vec![top];
        while let Some((node, place)) = walk.pop() {
            self.steps().steps(1 + place.steps.len())?;
            for below in tree.children(node) {
                walk.push((below, child(&place, self.overlay.step_of(&place, tree, below))));
            }
            known.insert(place, node);
        }
        Ok(())
    }

    /// Notes that an instance has removed what others had removed before, too: it has made the entry again that it was in.
    pub(crate) fn note_still_removed(
        &mut self,
        entry: NodeId,
        owner: &str,
        owners: &OwnerIndex,
        now: &mut BTreeMap<String, Original>,
    ) -> Result<(), Error> {
        let place = self.overlay.pattern(entry);
        for original in owners.originals().at_or_below(&place) {
            self.step()?;
            if original.written.is_some()
                || original.place == place
                || self.standing(&original.place).is_some()
            {
                continue;
            }
            let others = self.other_owners(original);
            if let Some(path) = path_text(&original.place).filter(|_| !others.is_empty()) {
                let known = now.entry(path);
                let known = known.or_insert_with(|| Original { owners: others, ..original.clone() });
                known.owners.insert(owner.to_owned());
            }
        }
        Ok(())
    }
}

/// What is kept of a node that other instances have removed.
struct RemovedNode {
    before: Tree,
    position: Option<OriginalPosition>,
}
