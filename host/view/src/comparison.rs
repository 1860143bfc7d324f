//! The order of entries in two drafts, such as the result of a commit and `running`.

use std::collections::{BTreeMap, HashSet};

use confine_tree::{Pattern, PatternStep};

use crate::{CommitDraft, Error};

impl CommitDraft {
    /// Returns the first of these places, in the order in which they are written, that is an entry of a list which is
    /// `ordered-by user` and comes elsewhere in it than in another draft, which has read the whole lists. What is written goes
    /// to the end.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn first_moved(&mut self, other: &mut Self, written: &[Pattern]) -> Result<Option<Pattern>, Error> {
        let mut by_list: BTreeMap<Pattern, Vec<Pattern>> = BTreeMap::new();
        for place in written {
            self.steps().steps(place.steps.len())?;
            if let Some(list) = self.list_ordered_by_user(place) {
                by_list.entry(list).or_default().push(self.overlay.normal_pattern(place).into_owned());
            }
        }
        for (list, entries) in by_list {
            let before: Vec<Pattern> = other.find(&list);
            other.steps().steps(before.len())?;
            let written: HashSet<&Pattern> = entries.iter().collect();
            let stood: HashSet<&Pattern> = before.iter().collect();
            let kept = before.iter().filter(|entry| !written.contains(entry));
            let after = kept.chain(entries.iter().filter(|entry| stood.contains(entry)));
            if let Some((_, moved)) = before.iter().zip(after).find(|(before, after)| before != after) {
                return Ok(Some(moved.clone()));
            }
        }
        Ok(None)
    }

    /// Returns all entries of the list that a place is an entry of, if that is `ordered-by user`.
    pub fn list_ordered_by_user(&self, place: &Pattern) -> Option<Pattern> {
        let node = self.overlay.locate(place).schema()?;
        if !self.overlay.schema_view().schema().ordered_by_user(node) {
            return None;
        }
        let (last, above) = place.steps.split_last()?;
        Some(Pattern { steps: above.iter().cloned().chain([PatternStep::new(last.name())]).collect() })
    }
}
