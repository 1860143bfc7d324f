//! Notes and restores the order of entries that services remove and make again in another order.
//!
//! Of a list that is `ordered-by user`, an original is kept for each entry that services put behind those that were after it,
//! however few of them the edit moves.

use std::collections::{BTreeMap, BTreeSet};

use confine_tree::{HashMap, HashSet, KnownOrders, ListOrder, NodeId, Pattern, PatternStep};

use crate::{
    CommitDraft, Error, Original, OwnerIndex,
    original_position::{OriginalPosition, left_beside},
    originals::{owner_name, path_text},
    patterns::list_of,
    run_writes::RunWrites,
    written_values::conflict,
};

/// The lists of which runs have removed entries, or made them again.
#[derive(Default)]
pub(crate) struct ChangedLists {
    /// One entry of each.
    entries: BTreeMap<Pattern, NodeId>,
    known: HashMap<Pattern, ListAfter>,
    orders: KnownOrders,
}

/// A list after the runs.
#[derive(Default)]
struct ListAfter {
    positions: HashMap<NodeId, usize>,
    moved: HashSet<NodeId>,
    /// Where each entry that stood before is left.
    left: HashMap<NodeId, String>,
}

impl ChangedLists {
    /// Notes that an entry of a list is gone, or elsewhere.
    pub(crate) fn note(&mut self, place: &Pattern, entry: NodeId) {
        if let Some(list) = list_of(place) {
            self.entries.entry(list).or_insert(entry);
        }
    }

    /// Returns a list after the runs.
    fn after(
        &mut self,
        list: &Pattern,
        entry: NodeId,
        draft: &mut CommitDraft,
        owners: &OwnerIndex,
    ) -> Result<&ListAfter, Error> {
        if !self.known.contains_key(list) {
            let ListOrder { entries, moved, .. } = draft.overlay.order_of(entry, &mut self.orders)?;
            let left = draft.beside(&entries, owners)?;
            let positions = entries.into_iter().zip(0..).collect();
            self.known.insert(list.clone(), ListAfter { positions, moved, left });
        }
        Ok(self.known.entry(list.clone()).or_default())
    }
}

impl CommitDraft {
    /// Has an entry that services have moved go back to its position, unless somebody has moved it by hand. Returns whether
    /// it does.
    pub(crate) fn restore_position(
        &mut self,
        original: &Original,
        owners: &OwnerIndex,
    ) -> Result<bool, Error> {
        let (Some(position), Some(keys), Some(list)) =
            (OriginalPosition::of(&original.before), original.entries_beside(), list_of(&original.place))
        else {
            return Ok(false);
        };
        let Some(entry) = self.standing(&original.place).map(|entry| entry.node()) else { return Ok(false) };
        // An edit that moves an entry has all that is in it.
        let is_read = self.overlay.covers(&keys) && self.overlay.covers(&original.place);
        if !is_read || !self.overlay.in_base(entry) || !self.overlay.is_ordered_by_user(entry) {
            return Ok(false);
        }
        let beside = self.standing_beside(&list, entry, owners)?.get(&entry);
        if !beside.is_some_and(|beside| original.is_as_left(beside)) {
            return Ok(false);
        }
        self.originals.places.insert(&original.place);
        self.originals.positions.push((original.place.clone(), position));
        Ok(true)
    }

    /// Returns where an entry stood before any instance removed or moved it.
    pub(crate) fn original_position(
        &mut self,
        path: &str,
        entry: NodeId,
        owners: &OwnerIndex,
    ) -> Result<Option<OriginalPosition>, Error> {
        let known = self.taken(path).or_else(|| self.originals.kept.get(path));
        match known.and_then(|known| OriginalPosition::of(&known.before)) {
            Some(position) => Ok(Some(position)),
            None => self.position_of(entry, owners),
        }
    }

    /// Notes which entries instances have made, of the lists in which runs have made some again: what stood goes before them.
    pub(crate) fn note_made_entries(&mut self, owners: &OwnerIndex) -> Result<(), Error> {
        // In the order of their names: it must not depend on which of them run.
        let mut sections = std::mem::take(&mut self.sections);
        self.steps().steps(sections.len().saturating_mul(2))?;
        sections.sort_unstable();
        let ranks = sections.iter().zip(0..).map(|((_, section), rank)| (*section, rank)).collect();
        self.overlay.rank_sections(ranks);
        let mut hidden: HashMap<_, Vec<NodeId>> = HashMap::default();
        self.overlay.steps().steps(self.originals.hidden.len())?;
        for &entry in self.originals.hidden.values() {
            hidden.entry(self.overlay.list_of(entry)).or_default().push(entry);
        }
        let mut lists = HashSet::default();
        let written = std::mem::take(&mut self.written);
        for &entry in written.iter().flat_map(|run| &run.remade) {
            self.step()?;
            let list = self.overlay.list_of(entry);
            if !lists.insert(list) {
                continue;
            }
            let hidden = hidden.remove(&list).unwrap_or_default();
            for entry in self.overlay.stored_entries(entry).into_iter().chain(hidden) {
                let place = self.overlay.pattern(entry);
                self.overlay.steps().steps(place.steps.len())?;
                if owners.is_owned_at_or_above(&place) {
                    self.overlay.note_made(entry);
                }
            }
        }
        self.written = written;
        Ok(())
    }

    /// Refuses a commit in which one instance puts entries in another order than a later one.
    pub(crate) fn check_orders(
        &mut self,
        written: &[RunWrites],
        lists: &mut ChangedLists,
        owners: &OwnerIndex,
    ) -> Result<(), Error> {
        let last: HashMap<NodeId, &RunWrites> =
            written.iter().flat_map(|run| run.remade.iter().map(move |&entry| (entry, run))).collect();
        for run in written {
            let mut previous: HashMap<Pattern, (usize, NodeId)> = HashMap::default();
            for &entry in &run.remade {
                let place = self.overlay.pattern(entry);
                self.overlay.steps().steps(place.steps.len())?;
                let Some(list) = list_of(&place) else { continue };
                let position = lists.after(&list, entry, self, owners)?.positions.get(&entry).copied();
                let Some(position) = position else { continue };
                let Some((behind, before)) = previous.insert(list, (position, entry)) else { continue };
                let later = [entry, before].into_iter().filter_map(|entry| last.get(&entry));
                let mut later =
                    later.filter(|later| later.instance != run.instance && !later.scope.last_wins());
                if behind > position
                    && let Some(later) = later.next()
                {
                    let what = format!(
                        "`{}` moves `{place}`, which `{}` moves elsewhere in its list in the same commit",
                        later.instance, run.instance
                    );
                    return Err(conflict(&what, &place, &later.scope).into());
                }
            }
        }
        Ok(())
    }

    /// Notes that a run has removed an entry and made it again, if it is elsewhere now.
    pub(crate) fn note_moved(
        &mut self,
        entry: NodeId,
        run: &RunWrites,
        lists: &mut ChangedLists,
        owned: &OwnerIndex,
        (now, bytes): (&mut BTreeMap<String, Original>, &mut usize),
    ) -> Result<(), Error> {
        let place = self.overlay.pattern(entry);
        self.overlay.steps().steps(place.steps.len())?;
        let (Some(path), Some(list)) = (path_text(&place), list_of(&place)) else { return Ok(()) };
        if self.originals.unseen.contains(&place) {
            // What is on record was seen better.
            return Ok(());
        }
        let after = lists.after(&list, entry, self, owned)?;
        let (is_moved, written) = (after.moved.contains(&entry), after.left.get(&entry).cloned());
        if is_moved {
            lists.note(&place, entry);
        }
        let owner = owner_name(&run.instance);
        if let Some(others) = self.others_that_moved(&path, &list, entry, owned)? {
            let is_same = written.as_deref().is_some_and(|left| others.is_as_left(left));
            if !is_same && !run.scope.last_wins() {
                let other = others.owners.first().and_then(|other| other.split_once('}'));
                let what = format!(
                    "`{}` moves `{place}`, which `{}` has moved elsewhere in its list",
                    run.instance,
                    other.map_or("another instance", |(_, name)| name)
                );
                return Err(conflict(&what, &place, &run.scope).into());
            }
            now.entry(path.clone()).or_insert(others);
        }
        if let Some(known) = now.get_mut(&path) {
            if known.is_moved() {
                known.owners.insert(owner);
                known.written = written;
            }
            return Ok(());
        }
        if !is_moved {
            return Ok(());
        }
        let Some(position) = self.original_position(&path, entry, owned)? else { return Ok(()) };
        let name = place.steps.last().map(PatternStep::name);
        let before =
            name.map_or(Ok(None), |name| position.of_moved(name)).map_err(confine_tree::ResolveError::from);
        let Some(before) = before.map_err(crate::refusal::refused)? else { return Ok(()) };
        let owners = BTreeSet::from([owner]);
        let original = Original { before, written, owners, ..Original::only_wanted(place) };
        self.keep_original(path, original, owned, (now, bytes));
        Ok(())
    }

    /// Returns the original of an entry that other instances have moved, and that is as they left it, with those of its owners
    /// that the commit does not run.
    fn others_that_moved(
        &mut self,
        path: &str,
        list: &Pattern,
        entry: NodeId,
        owners: &OwnerIndex,
    ) -> Result<Option<Original>, Error> {
        let known = owners.originals().get(path);
        let known = known.filter(|known| known.is_moved() && !self.originals.taken.contains_key(path));
        let Some(known) = known else { return Ok(None) };
        let beside = self.standing_beside(list, entry, owners)?.get(&entry);
        if !beside.is_some_and(|beside| known.is_as_left(beside)) {
            return Ok(None);
        }
        Ok(Some(self.originals.kept.get(path).unwrap_or(known).clone()))
    }

    /// Notes where entries are left that others have moved, in lists that this commit changes.
    pub(crate) fn note_left(
        &mut self,
        mut lists: ChangedLists,
        owners: &OwnerIndex,
        now: &mut BTreeMap<String, Original>,
    ) -> Result<(), Error> {
        let restored: Vec<Pattern> = self
            .originals
            .taken
            .values()
            .filter(|taken| OriginalPosition::of(&taken.original.before).is_some())
            .map(|taken| taken.original.place.clone())
            .collect();
        for place in restored {
            self.step()?;
            if let Some(entry) = self.standing(&place) {
                lists.note(&place, entry.node());
            }
        }
        let mut by_parent: BTreeMap<Pattern, BTreeMap<Pattern, NodeId>> = BTreeMap::new();
        for (list, one) in std::mem::take(&mut lists.entries) {
            let steps = list.steps.iter().take(list.steps.len().saturating_sub(1)).cloned().collect();
            by_parent.entry(Pattern { steps }).or_default().insert(list, one);
        }
        for (above, changed) in by_parent {
            for original in owners.originals().at_or_below(&above) {
                self.step()?;
                let list = list_of(&original.place).filter(|_| original.is_moved());
                let Some((list, &one)) = list.and_then(|list| changed.get_key_value(&list)) else { continue };
                let Some(path) = path_text(&original.place) else { continue };
                let Some(entry) = self.standing(&original.place).map(|entry| entry.node()) else { continue };
                if self.originals.taken.contains_key(&path) || self.originals.unseen.contains(&original.place)
                {
                    continue;
                }
                let was_left = self.standing_beside(list, entry, owners)?.get(&entry);
                if was_left.is_some_and(|beside| original.is_as_left(beside)) {
                    let left = lists.after(list, one, self, owners)?.left.get(&entry).cloned();
                    now.entry(path).or_insert_with(|| original.clone()).written = left;
                }
            }
        }
        Ok(())
    }

    /// Returns where the entries of a list stand in the datastore.
    fn standing_beside(
        &mut self,
        list: &Pattern,
        entry: NodeId,
        owners: &OwnerIndex,
    ) -> Result<&HashMap<NodeId, String>, Error> {
        if !self.originals.standing_beside.contains_key(list) {
            let stored = self.overlay.stored_entries(entry);
            let beside = self.beside(&stored, owners)?;
            self.originals.standing_beside.insert(list.clone(), beside);
        }
        Ok(self.originals.standing_beside.entry(list.clone()).or_default())
    }

    /// Returns what is beside each of these entries, of those that stood before any instance made something.
    fn beside(&mut self, entries: &[NodeId], owners: &OwnerIndex) -> Result<HashMap<NodeId, String>, Error> {
        let mut stood = Vec::with_capacity(entries.len());
        for &entry in entries {
            let place = self.overlay.pattern(entry);
            self.overlay.steps().steps(place.steps.len())?;
            if self.stood(entry) && !owners.is_owned_at_or_above(&place) {
                stood.push((entry, place));
            }
        }
        let places = || stood.iter().map(|(_, place)| Some(place));
        let previous = std::iter::once(None).chain(places());
        let next = places().skip(1).chain([None]);
        let beside = stood.iter().zip(previous.zip(next));
        Ok(beside.map(|(&(entry, _), (previous, next))| (entry, left_beside(previous, next))).collect())
    }
}
