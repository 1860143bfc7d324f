//! Gives back what stood before instances changed it.
//!
//! Before the runs, what the instances of a commit have set or removed takes its original value, unless another instance
//! has set it too. A run that sets it again makes no edit; if none does, the original value is restored. What somebody has
//! changed by hand meanwhile is left alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use confine_tree::{BoundValue, HashSet, NodeId, NodeKind, Pattern, Tree, xml};

use crate::{
    CallRefusal, CommitDraft, Error, ErrorTag, Original, OriginalChange, OwnerIndex,
    displaced::DisplacedNodes,
    moved_entries::ChangedLists,
    original_position::OriginalPosition,
    originals::{hash, owner_name, path_text},
    patterns::child,
    refusal::refused,
    restored_originals::{ConcernedInstances, TakenOriginal},
    still_removed::StillRemoved,
};

/// The most bytes of XML that are kept of one node, and of all nodes of a commit.
const LONGEST: usize = 64 << 10;
const LONGEST_OF_ALL: usize = 4 << 20;

impl CommitDraft {
    /// Says that the controller can keep original values.
    pub fn keep_originals(&mut self) {
        self.originals.are_kept = true;
    }

    /// Gives what these instances had changed its original value.
    pub fn restore_originals(
        &mut self,
        owners: &OwnerIndex,
        concerned: &ConcernedInstances<'_>,
    ) -> Result<(), Error> {
        let ConcernedInstances { run, deleted, may_write, unseen } = concerned;
        let concerned = run.iter().chain(deleted).copied();
        self.originals.concerned = concerned.clone().cloned().collect();
        self.originals.concerned_names = concerned.clone().map(owner_name).collect();
        let names_of_deleted: HashSet<String> = deleted.iter().copied().map(owner_name).collect();
        // What is above goes first: it may have what is below it.
        let mut places: BTreeMap<&Pattern, (&str, &Original, bool)> = BTreeMap::new();
        for instance in concerned {
            for (path, original) in owners.originals().of(instance) {
                self.steps().steps(original.place.steps.len())?;
                let (.., is_declared) = places.entry(&original.place).or_insert((path, original, false));
                *is_declared = *is_declared || may_write(instance, &original.place);
            }
        }
        for (path, original, is_declared) in places.into_values() {
            self.step()?;
            let others = self.other_owners(original);
            if !others.is_empty() {
                let kept = self.originals.kept.entry(path.to_owned());
                kept.or_insert_with(|| Original { owners: others, ..original.clone() });
                continue;
            }
            if !is_declared && !original.before.is_empty() {
                self.originals.note_unrestored(
                    path,
                    "no module that serves its instances declares this path in its `writes`".into(),
                );
            }
            let is_seen = !original.is_moved() || !unseen.contains(&original.place);
            if !is_seen {
                let reason =
                    "the user may not read all of the entry and of its list, so it is not moved back";
                self.originals.note_unrestored(path, reason.into());
                let mut left = original.clone();
                left.owners.retain(|owner| !names_of_deleted.contains(owner));
                if !left.owners.is_empty() {
                    self.originals.unseen.insert(original.place.clone());
                    self.originals.kept.insert(path.to_owned(), left);
                    continue;
                }
            }
            let is_stale = !is_declared || !is_seen || !self.restore(original, owners)?;
            self.originals
                .taken
                .insert(path.to_owned(), TakenOriginal { original: original.clone(), is_stale });
        }
        self.place_restored(owners)?;
        self.overlay.forget_edits();
        self.recorded_at = self.overlay.now();
        Ok(())
    }

    /// Restores an original, unless what was written is no longer there. Returns whether it did.
    fn restore(&mut self, original: &Original, owners: &OwnerIndex) -> Result<bool, Error> {
        if original.is_moved() {
            return self.restore_position(original, owners);
        }
        let standing = self.overlay.find(&original.place).into_iter().next();
        if original.before.is_empty() {
            return Ok(standing.is_none());
        }
        let Ok(before) = xml::parse(&original.before) else { return Ok(false) };
        let Some(top) = before.first_child(Tree::ROOT) else { return Ok(false) };
        match (&original.written, standing) {
            (Some(written), Some(live)) => {
                if hash(&self.overlay.normal_value(live.node())) != *written {
                    return Ok(false);
                }
            }
            (None, None) if self.has_entries_above(&original.place) => {}
            _ => return Ok(false),
        }
        let mut removed = self.still_removed(&original.place, owners)?;
        let mark = self.mark();
        match self.graft(&original.place, &Arc::new(before), top, &mut removed) {
            Ok(()) => self.keep(mark),
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(error) => {
                // The device may have other models now.
                self.rollback(mark);
                self.originals.note_unrestored(&original.place.to_string(), error.to_string());
                return Ok(false);
            }
        }
        self.originals.places.insert(&original.place);
        if let Some(position) = OriginalPosition::of(&original.before) {
            self.originals.positions.push((original.place.clone(), position));
        }
        Ok(true)
    }

    /// Returns whether all list entries above a node exist.
    fn has_entries_above(&mut self, place: &Pattern) -> bool {
        let above = (1..place.steps.len()).rev().map(|depth| place.steps.iter().take(depth));
        let entries =
            above.filter(|steps| steps.clone().next_back().is_some_and(|step| !step.keys.is_empty()));
        let entries: Vec<Pattern> =
            entries.map(|steps| Pattern { steps: steps.cloned().collect() }).collect();
        entries.iter().all(|entry| !self.overlay.find(entry).is_empty())
    }

    /// Makes a node of another tree, with everything below it, at a path; but not what others have `removed`.
    fn graft(
        &mut self,
        place: &Pattern,
        tree: &Arc<Tree>,
        top: NodeId,
        removed: &mut StillRemoved,
    ) -> Result<(), Error> {
        let mut walk = vec![(top, place.clone())];
        let mut made = Vec::new();
        while let Some((node, path)) = walk.pop() {
            self.step()?;
            let overlay = &mut self.overlay;
            let bindings: Vec<(&str, &str)> =
                tree.bindings(node).iter().map(|(prefix, namespace)| (&**prefix, &**namespace)).collect();
            overlay.check_model(&path).and_then(|()| overlay.check_exact(&path)).map_err(refused)?;
            let location = overlay.locate(&path);
            match (overlay.schema_view().kind(location), tree.value(node)) {
                (_, Some(value)) => drop(overlay.set(&path, value, &bindings).map_err(refused)?),
                (NodeKind::Container, None) => {}
                (_, None) => drop(overlay.create(&path).map_err(refused)?),
            }
            made.push((path.clone(), node));
            let mut steps = HashSet::default();
            let from = walk.len();
            for below in tree.children(node) {
                let step = self.overlay.step_of(&path, tree, below);
                if !steps.insert(step.clone()) {
                    let message = format!("the keys of `{path}/{step}` are not known");
                    return Err(CallRefusal::new(ErrorTag::MissingElement, message).into());
                }
                let at = child(&path, step);
                let removed = match removed.is_empty() {
                    true => None,
                    false => removed.remove(&*self.overlay.normal_pattern(&at)),
                };
                match removed {
                    Some(removed) => self.keep_away(removed, &path, (tree, below))?,
                    None => walk.push((below, at)),
                }
            }
            // The first one is made first: their order may matter.
            if let Some(below) = walk.get_mut(from..) {
                below.reverse();
            }
        }
        // Containers are there now, too.
        for (path, node) in made {
            self.step()?;
            if let Some(live) = self.overlay.find(&path).into_iter().next() {
                self.originals.grafted.insert(live.node(), Some((tree.clone(), node)));
                for above in self.overlay.ancestors(live.node()) {
                    self.originals.grafted.entry(above).or_insert(None);
                }
            }
        }
        Ok(())
    }

    /// Returns whether a node belongs to what stood before the instances changed anything: the datastore has it, or it was
    /// made again.
    pub(crate) fn stood(&self, node: NodeId) -> bool {
        self.overlay.in_base(node) || self.originals.grafted.contains_key(&node)
    }

    /// Returns an instance that the commit does not run and that a run contradicts by what it does to a node: one that has set
    /// or removed the node or, if the run removes it, something below; or one that has removed what is above, if the run
    /// makes the node. `ran` are the [names](owner_name) of those that the commit runs.
    pub(crate) fn owner_of_original(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
        ran: &HashSet<String>,
    ) -> Result<Option<String>, Error> {
        let originals = owners.originals();
        if originals.is_empty() {
            return Ok(None);
        }
        let place = self.overlay.pattern(node);
        let (is_there, was_there) = (self.overlay.place(node).is_some(), self.overlay.in_base(node));
        let mut names: Vec<&String> = Vec::new();
        if is_there && !was_there {
            let removed = originals.at_or_above(&place).filter(|at| at.written.is_none());
            names.extend(removed.flat_map(|original| &original.owners));
        } else {
            for original in originals.at_or_below(&place) {
                self.step()?;
                let is_below = original.place != place;
                // An entry may have been made again without all that was in it.
                let is_gone = !is_there || is_below && self.standing(&original.place).is_none();
                let contradicts = match is_below {
                    // What both remove is no contradiction.
                    true => is_gone && original.written.is_some(),
                    // It may have been set again, or to what the other one has set. Of what was moved, only another order is a
                    // contradiction.
                    false if is_gone => true,
                    false if original.is_moved() => false,
                    false => self.overlay.is_changed(node) && !self.has_as_written(node, original),
                };
                names.extend(contradicts.then_some(&original.owners).into_iter().flatten());
                names.extend(is_gone.then_some(&original.wanted_by).into_iter().flatten());
            }
        }
        self.overlay.steps().steps(names.len() + place.steps.len())?;
        let other = names.into_iter().find(|owner| !ran.contains(*owner));
        Ok(other.map(|owner| owner.split_once('}').map_or(owner.as_str(), |(_, name)| name).to_owned()))
    }

    /// Returns how the originals change.
    pub(crate) fn original_changes(&mut self, owners: &OwnerIndex) -> Result<Vec<OriginalChange>, Error> {
        if !self.originals.are_kept {
            return Ok(Vec::new());
        }
        let mut now: BTreeMap<String, Original> = self.originals.kept.clone().into_iter().collect();
        let unowned = std::mem::take(&mut self.unowned);
        let (mut displaced, mut bytes) = (DisplacedNodes::default(), 0);
        let mut lists = ChangedLists::default();
        let written = std::mem::take(&mut self.written);
        self.check_orders(&written, &mut lists, owners)?;
        for run in &written {
            let owner = owner_name(&run.instance);
            for &node in run.nodes.iter().filter(|node| unowned.contains(node)) {
                self.step()?;
                let stood = self.stood(node);
                let overlay = &mut self.overlay;
                if overlay.kind(node) != NodeKind::Leaf || !stood || overlay.is_key(node) {
                    continue;
                }
                let value = self.overlay.normal_value(node);
                self.note_original(node, Some(hash(&value)), &owner, owners, (&mut now, &mut bytes))?;
            }
            let removed: Vec<NodeId> = run.removed.iter().copied().chain(displaced.of(self, run)?).collect();
            let by_run: HashSet<NodeId> = removed.iter().copied().collect();
            for node in removed {
                let GoneNodes { gone, remade } = self.gone_from_base(node, &by_run, owners)?;
                for node in gone {
                    self.note_original(node, None, &owner, owners, (&mut now, &mut bytes))?;
                    if self.overlay.is_ordered_by_user(node) {
                        lists.note(&self.overlay.pattern(node), node);
                    }
                }
                for node in remade {
                    self.note_still_removed(node, &owner, owners, &mut now)?;
                    self.note_moved(node, run, &mut lists, owners, (&mut now, &mut bytes))?;
                }
            }
        }
        self.note_left(lists, owners, &mut now)?;
        let changes = self.changes_with_wanted(now, (&written, &unowned), owners);
        self.written = written;
        changes
    }

    /// Returns the first paths of what was not restored although nobody has changed it, each with the reason.
    pub fn unrestored_originals(&self) -> &[(String, String)] {
        &self.originals.unrestored
    }

    /// Returns the paths of what was too long to be kept.
    pub fn too_long_originals(&self) -> &[String] {
        &self.originals.too_long
    }

    /// Notes that an instance has set a node to a value, or removed it.
    fn note_original(
        &mut self,
        node: NodeId,
        written: Option<String>,
        owner: &str,
        owned: &OwnerIndex,
        (now, bytes): (&mut BTreeMap<String, Original>, &mut usize),
    ) -> Result<(), Error> {
        let place = self.overlay.pattern(node);
        self.overlay.steps().steps(place.steps.len())?;
        let Some(path) = path_text(&place) else { return Ok(()) };
        let mut owners = BTreeSet::from([owner.to_owned()]);
        if let Some(known) = now.get_mut(&path) {
            known.owners.insert(owner.to_owned());
            if !known.is_moved() {
                known.written = written;
                return Ok(());
            }
            // Of one that was moved, nothing is kept but its position.
            owners.extend(known.owners.iter().cloned());
        }
        let taken = self.taken(&path).filter(|taken| !taken.is_moved()).map(|taken| taken.before.clone());
        let before = match (taken, owned.originals().get(&path)) {
            (Some(before), _) => before,
            // Other instances have set it, and it is as they have set it.
            (None, Some(known))
                if !known.owners.is_empty()
                    && !self.originals.grafted.contains_key(&node)
                    && self.is_written(node, known) =>
            {
                owners.extend(known.owners.iter().cloned());
                known.before.clone()
            }
            _ if !self.stood(node) || owned.is_owned_at_or_above(&place) => String::new(),
            _ if let Some(Some((tree, before))) = self.originals.grafted.get(&node) => {
                xml::write(tree, *before).map_err(|error| refused(error.into()))?
            }
            _ => {
                let most = LONGEST.min(LONGEST_OF_ALL.saturating_sub(*bytes));
                let grafted = &self.originals.grafted;
                let restored = |node: NodeId| {
                    let known = grafted.get(&node)?.as_ref();
                    Some(known.and_then(|(tree, before)| bound(tree, *before)))
                };
                let Some(mut base) = self.overlay.base_subtree(node, most, &restored)? else {
                    self.originals.note_too_long(&place);
                    return Ok(());
                };
                let top = base.first_child(Tree::ROOT).unwrap_or(Tree::ROOT);
                if written.is_none() {
                    self.add_removed(&mut base, (top, &place), owned)?;
                }
                if written.is_none()
                    && let Some(position) = self.original_position(&path, node, owned)?
                {
                    position.write(&mut base, top);
                }
                xml::write(&base, top).map_err(|error| refused(error.into()))?
            }
        };
        // Somebody has changed by hand what others have set to the same value.
        let same =
            owned.originals().get(&path).filter(|known| known.written.is_some() && known.written == written);
        owners.extend(same.into_iter().flat_map(|known| self.other_owners(known)));
        let original = Original { before, written, owners, ..Original::only_wanted(place) };
        self.keep_original(path, original, owned, (now, bytes));
        Ok(())
    }

    /// Keeps an original, unless it is too long.
    pub(crate) fn keep_original(
        &mut self,
        path: String,
        original: Original,
        owners: &OwnerIndex,
        (now, bytes): (&mut BTreeMap<String, Original>, &mut usize),
    ) {
        // What is kept already stays, however much it is.
        if owners.originals().get(&path).is_none_or(|known| known.before != original.before) {
            *bytes += path.len() + original.before.len();
            if *bytes > LONGEST_OF_ALL {
                self.originals.note_too_long(&original.place);
                return;
            }
        }
        now.insert(path, original);
    }

    /// Returns an original that has been restored.
    pub(crate) fn taken(&self, path: &str) -> Option<&Original> {
        let taken = self.originals.taken.get(path).filter(|taken| !taken.is_stale)?;
        Some(&taken.original)
    }

    /// Returns whether a node has the value that instances have set in the place of an original.
    fn has_as_written(&mut self, node: NodeId, original: &Original) -> bool {
        original.written.is_some()
            && self.overlay.kind(node) == NodeKind::Leaf
            && original.written == Some(hash(&self.overlay.normal_value(node)))
    }

    /// Returns whether the datastore has what instances have set in the place of an original.
    fn is_written(&mut self, node: NodeId, original: &Original) -> bool {
        let stands = self.overlay.in_base(node).then(|| hash(&self.overlay.normal_base_value(node)));
        stands == original.written
    }

    /// Returns what the datastore has at or below a node that a run has removed. What instances have created does not count.
    /// `by_run` is all that the run has removed.
    fn gone_from_base(
        &mut self,
        top: NodeId,
        by_run: &HashSet<NodeId>,
        owners: &OwnerIndex,
    ) -> Result<GoneNodes, Error> {
        let (mut found, mut walk) = (GoneNodes::default(), vec![top]);
        let mut ancestors = self.overlay.ancestors(top);
        ancestors.pop();
        self.overlay.steps().steps(ancestors.len())?;
        ancestors.retain(|&above| self.overlay.is_removed(above));
        if !ancestors.is_empty() {
            // It went with what is above it. If another run has removed that, this is on record for when it comes back.
            if !ancestors.iter().any(|above| by_run.contains(above)) {
                found.gone.push(top);
            }
            return Ok(found);
        }
        while let Some(node) = walk.pop() {
            let place = self.overlay.pattern(node);
            self.overlay.steps().steps(place.steps.len())?;
            let is_restored = path_text(&place).is_some_and(|path| self.taken(&path).is_some());
            let is_base = self.stood(node) && !owners.is_owned_at_or_above(&place);
            // That a run removes what is not there is on record too.
            if !is_restored && !is_base && node != top {
                continue;
            }
            match self.overlay.place(node) {
                None => found.gone.push(node),
                // It was made again, perhaps without all that was in it.
                Some(_) => {
                    if is_base && self.overlay.is_ordered_by_user(node) {
                        found.remade.push(node);
                    }
                    walk.extend(self.overlay.known_children(node));
                }
            }
        }
        Ok(found)
    }
}

/// What a run has removed of what stood.
#[derive(Default)]
struct GoneNodes {
    /// What is gone: the topmost nodes.
    gone: Vec<NodeId>,
    /// The entries of lists that are `ordered-by user` which were made again.
    remade: Vec<NodeId>,
}

/// Returns the value of a node with its bindings.
fn bound(tree: &Tree, node: NodeId) -> Option<BoundValue> {
    let bindings = tree.bindings(node).iter();
    let bindings = bindings.map(|(prefix, namespace)| (prefix.to_string(), namespace.to_string()));
    Some(BoundValue { value: tree.value(node)?.to_owned(), bindings: bindings.collect() })
}
