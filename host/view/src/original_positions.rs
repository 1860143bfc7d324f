//! Notes and restores the positions of entries in lists that are `ordered-by user`.

use confine_tree::{EntryPosition, HashMap, HashSet, LiveNode, NodeId, Pattern, PatternStep, QName};

use crate::{
    CommitDraft, Error, OwnerIndex,
    entry_order::EntryOrder,
    original_position::{MOST_NEIGHBOURS, OriginalPosition, RemovedEntries, Side},
    originals::path_text,
};

impl CommitDraft {
    /// Returns what to read so that the position of a node is known: the keys of its list. None if that is not
    /// `ordered-by user`.
    pub fn neighbours_to_read(&self, place: &Pattern) -> Option<Pattern> {
        let node = self.overlay.locate(place).schema()?;
        let schema = self.overlay.schema_view().schema();
        if !schema.ordered_by_user(node) {
            return None;
        }
        let (last, above) = place.steps.split_last()?;
        let list = PatternStep::new(last.name());
        let key = schema.keys(node).first().map(|key| PatternStep::new(QName::new(&last.namespace, key)));
        Some(Pattern { steps: above.iter().cloned().chain([list]).chain(key).collect() })
    }

    /// Returns where a node is in its list, if that is `ordered-by user` and all of it was read: among those that stood there
    /// before any instance made or removed anything.
    pub(crate) fn position_of(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
    ) -> Result<Option<OriginalPosition>, Error> {
        let place = self.overlay.pattern(node);
        let Some(list) = self.neighbours_to_read(&place) else { return Ok(None) };
        if !self.overlay.covers(&list) {
            return Ok(None);
        }
        let Some(mut after) = self.first_that_stood(node, Side::After, owners)? else {
            return Ok(None);
        };
        let mut before = self.first_that_stood(node, Side::Before, owners)?.flatten();
        // What others have removed next to it is nearer.
        let removed = match self.originals.removed.take() {
            Some(removed) => removed,
            None => self.removed_entries(owners)?,
        };
        for (nearer, beside) in
            [(removed.by_next.get(&place), &mut after), (removed.by_previous.get(&place), &mut before)]
        {
            if let Some(nearer) = nearer
                && !self.stands_in_place(nearer, owners)
            {
                *beside = Some(nearer.clone());
            }
        }
        self.originals.removed = Some(removed);
        Ok(Some(OriginalPosition { after, before }))
    }

    fn removed_entries(&mut self, owners: &OwnerIndex) -> Result<RemovedEntries, Error> {
        let mut removed = RemovedEntries::default();
        for original in owners.originals().all() {
            self.step()?;
            let Some(OriginalPosition { after, before }) = OriginalPosition::of(&original.before) else {
                continue;
            };
            removed.by_previous.extend(after.map(|after| (after, original.place.clone())));
            removed.by_next.extend(before.map(|before| (before, original.place.clone())));
        }
        Ok(removed)
    }

    /// Returns the first entry on a side that stood, or that there is none. Nothing if it is too far away to be found.
    fn first_that_stood(
        &mut self,
        node: NodeId,
        side: Side,
        owners: &OwnerIndex,
    ) -> Result<Option<Option<Pattern>>, Error> {
        let list = self.overlay.list_of(node);
        if !self.originals.entries.contains_key(&list) {
            // Those of all lists beside it are found at once.
            for (name, entries) in self.overlay.siblings(node)? {
                self.originals.entries.insert((list.0, name), EntryOrder::new(entries));
            }
        }
        for distance in 1..=MOST_NEIGHBOURS {
            self.step()?;
            let entries = self.originals.entries.get(&list);
            let entry = entries.and_then(|entries| entries.beside(node, side, distance));
            let Some(entry) = entry else { return Ok(Some(None)) };
            let place = self.overlay.pattern(entry);
            if self.stood(entry) && !owners.is_owned_at_or_above(&place) && !self.is_displaced(&place, owners)
            {
                return Ok(Some(Some(place)));
            }
        }
        Ok(None)
    }

    /// Puts the entries that were made again, and those that were moved, where they stood.
    pub(crate) fn place_restored(&mut self, owners: &OwnerIndex) -> Result<(), Error> {
        let all = std::mem::take(&mut self.originals.positions);
        let pending: HashMap<&Pattern, &OriginalPosition> =
            all.iter().map(|(place, position)| (place, position)).collect();
        let mut seen: HashSet<&Pattern> = HashSet::default();
        // They are there, but not in their place yet.
        let mut unplaced: HashSet<&Pattern> = pending.keys().copied().collect();
        for (place, _) in &all {
            // Those beside which it stood go first.
            let mut chain = Vec::new();
            let mut next = Some(place);
            while let Some((at, position)) = next.and_then(|at| pending.get_key_value(at))
                && seen.insert(at)
            {
                self.step()?;
                chain.push((*at, *position));
                next = position.after.as_ref();
            }
            for (place, position) in chain.into_iter().rev() {
                let Some(entry) = self.standing(place) else { continue };
                if let Some(position) = self.anchor(position, &unplaced, owners)? {
                    self.overlay.place_entry(entry.node(), position);
                }
                unplaced.remove(place);
            }
        }
        Ok(())
    }

    /// Returns whether instances have moved an entry, and it has not been moved back.
    fn is_displaced(&self, place: &Pattern, owners: &OwnerIndex) -> bool {
        let known = path_text(place).and_then(|path| owners.originals().get_key_value(&path));
        known.is_some_and(|(path, original)| original.is_moved() && self.taken(path).is_none())
    }

    fn stands_in_place(&mut self, place: &Pattern, owners: &OwnerIndex) -> bool {
        self.standing(place).is_some() && !self.is_displaced(place, owners)
    }

    pub(crate) fn standing(&mut self, place: &Pattern) -> Option<LiveNode> {
        self.overlay.find(place).into_iter().next()
    }

    /// Returns where an entry goes now: next to the nearest that is in its place. The next ones are known of those that are not.
    fn anchor(
        &mut self,
        position: &OriginalPosition,
        unplaced: &HashSet<&Pattern>,
        owners: &OwnerIndex,
    ) -> Result<Option<EntryPosition>, Error> {
        let mut was_first = false;
        for side in [Side::After, Side::Before] {
            let mut at = position.clone();
            for _ in 0..MOST_NEIGHBOURS {
                self.step()?;
                let Some(beside) = at.beside(side).cloned() else {
                    // It was at that end of the list. What somebody has put before the next one stays before it.
                    was_first |= matches!(side, Side::After);
                    break;
                };
                let is_elsewhere = unplaced.contains(&beside) || self.is_displaced(&beside, owners);
                let found = self.standing(&beside).filter(|_| !is_elsewhere);
                if let Some(found) = found.map(|found| found.node()) {
                    return Ok(Some(match side {
                        Side::After => EntryPosition::After(found),
                        Side::Before => EntryPosition::Before(found),
                    }));
                }
                let known = path_text(&beside).and_then(|path| owners.originals().get(&path));
                match known.and_then(|original| OriginalPosition::of(&original.before)) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
        Ok(was_first.then_some(EntryPosition::First))
    }
}
