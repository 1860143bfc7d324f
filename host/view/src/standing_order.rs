//! Keeps the order of entries that instances make again, in lists that are `ordered-by user`.
//!
//! The controller has removed what the instances had created from what a commit reads. Made again, entries would go to the end
//! of their list. They go where they stand.

use confine_tree::{EntryPosition, HashMap, HashSet, NodeId, Overlay, Pattern, ResolveError};

use crate::{CommitDraft, Error, patterns::list_of, refusal::refused};

/// The entries of one list that are to be made again.
struct ListEntries {
    /// The path of the keys of all entries.
    keys: Pattern,
    /// The entries, in the draft of what stands.
    entries: HashSet<NodeId>,
}

impl CommitDraft {
    /// Returns an entry of each list that is `ordered-by user` in which the runs have made or set some, and the keys of which
    /// were read.
    pub fn entries_of_set_lists(&mut self) -> Vec<Pattern> {
        let entries = self.overlay.entries_of_set_lists();
        let entries = entries.into_iter().map(|entry| self.overlay.pattern(entry)).collect::<Vec<_>>();
        let is_read =
            |entry: &Pattern| self.neighbours_to_read(entry).is_some_and(|keys| self.overlay.covers(&keys));
        entries.into_iter().filter(is_read).collect()
    }

    /// Notes the entries that are in `all` and not here: the user may not read them. `entries` are of their lists, the
    /// [keys](Self::neighbours_to_read) of which both drafts have read. Only after the runs: no module must learn of them, not even
    /// by what they cost.
    pub fn place_hidden(&mut self, entries: &[Pattern], all: &mut CommitDraft) -> Result<(), Error> {
        let mut seen = HashSet::default();
        for entry in entries {
            self.step()?;
            let (Some(keys), Some(list)) = (self.neighbours_to_read(entry), list_of(entry)) else { continue };
            let is_read = self.overlay.covers(&keys) && all.overlay.covers(&keys);
            if !is_read || !seen.insert(keys) {
                continue;
            }
            let mut previous = None;
            for entry in all.overlay.find(&list) {
                let place = all.overlay.pattern(entry.node());
                self.steps().steps(place.steps.len())?;
                let position = previous.map_or(EntryPosition::First, EntryPosition::After);
                let here = self.standing(&place).map(|here| here.node());
                previous = Some(match here.filter(|&here| self.overlay.in_base(here)) {
                    Some(here) => here,
                    None => {
                        let hidden = self.overlay.place_hidden(&place, position);
                        let hidden = hidden.map_err(|error| refused(error).at(place.to_string()))?;
                        self.originals.hidden.insert(place, hidden);
                        hidden
                    }
                });
            }
        }
        Ok(())
    }

    /// Has entries that are made again go where they are in `standing`. `created` are paths of what instances had created, and
    /// of which nothing is here. Both drafts have [read](Self::neighbours_to_read) the lists.
    pub fn keep_standing_order(
        &mut self,
        created: &[Pattern],
        standing: &mut CommitDraft,
    ) -> Result<(), Error> {
        self.place_among_standing(created, standing, Overlay::place_stripped)
    }

    /// As [`keep_standing_order`](Self::keep_standing_order), of what was placed so already, now that it is known what is hidden.
    pub fn correct_standing_order(
        &mut self,
        created: &[Pattern],
        standing: &mut CommitDraft,
    ) -> Result<(), Error> {
        self.place_among_standing(created, standing, Overlay::place_again)
    }

    fn place_among_standing(
        &mut self,
        created: &[Pattern],
        standing: &mut CommitDraft,
        place: PlaceEntry,
    ) -> Result<(), Error> {
        let mut lists: HashMap<Pattern, ListEntries> = HashMap::default();
        for created in created {
            self.step()?;
            let Some(keys) = self.neighbours_to_read(created) else { continue };
            let Some(entry) = standing.standing(created) else { continue };
            let Some(list) = list_of(created) else { continue };
            let list = lists.entry(list).or_insert_with(|| ListEntries { keys, entries: HashSet::default() });
            list.entries.insert(entry.node());
        }
        for ListEntries { keys, entries } in lists.into_values() {
            if self.overlay.covers(&keys) && standing.overlay.covers(&keys) {
                self.keep_order_of(&entries, standing, place)?;
            }
        }
        Ok(())
    }

    fn keep_order_of(
        &mut self,
        entries: &HashSet<NodeId>,
        standing: &mut CommitDraft,
        place_entry: PlaceEntry,
    ) -> Result<(), Error> {
        let Some(&one) = entries.iter().next() else { return Ok(()) };
        let place_at = |draft: &mut Self, place: &Pattern, position| {
            let placed = place_entry(&mut draft.overlay, place, position);
            placed.map_err(|error| refused(error).at(place.to_string()))
        };
        let mut previous = None;
        // What is before all that is here.
        let mut first = Vec::new();
        for entry in standing.overlay.stored_entries(one) {
            let place = standing.overlay.pattern(entry);
            self.steps().steps(place.steps.len())?;
            if !entries.contains(&entry) {
                let here = self.standing(&place).map(|here| here.node());
                let here = here.or_else(|| self.originals.hidden.get(&place).copied());
                let Some(here) = here else { continue };
                for place in first.drain(..) {
                    place_at(self, &place, EntryPosition::Before(here))?;
                }
                previous = Some(here);
            } else if let Some(after) = previous {
                previous = Some(place_at(self, &place, EntryPosition::After(after))?);
            } else {
                first.push(place);
            }
        }
        let mut position = EntryPosition::First;
        for place in first {
            position = EntryPosition::After(place_at(self, &place, position)?);
        }
        Ok(())
    }
}

/// Puts an entry to a position in its list.
type PlaceEntry = fn(&mut Overlay, &Pattern, EntryPosition) -> Result<NodeId, ResolveError>;
