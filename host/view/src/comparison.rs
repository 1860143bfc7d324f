//! What is the same in two drafts, such as the result of a commit and `running`.

use std::collections::{BTreeMap, HashSet};

use confine_tree::{KnownOrders, Pattern, PatternStep};

use crate::{CommitDraft, Error};

impl CommitDraft {
    /// Returns whether a node has as many nodes below it as in another draft. Both have read all that they may.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn has_as_much(&mut self, other: &mut Self, place: &Pattern) -> Result<bool, Error> {
        Ok(self.nodes_below(place)? == other.nodes_below(place)?)
    }

    fn nodes_below(&mut self, place: &Pattern) -> Result<usize, Error> {
        let (mut walk, mut count) = (self.overlay.find(place), 0);
        while let Some(node) = walk.pop() {
            self.step()?;
            count += 1;
            walk.extend(self.overlay.children(node));
        }
        Ok(count)
    }

    /// Returns the first of these places, in the order in which they are written, that is an entry of a list which is
    /// `ordered-by user` and comes elsewhere in it than in another draft, which has read the whole lists. What is written goes
    /// to the end, unless edits move entries of the list.
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
        let mut orders = KnownOrders::default();
        for (list, entries) in by_list {
            let before: Vec<Pattern> = other.find(&list);
            other.steps().steps(before.len())?;
            let written: HashSet<&Pattern> = entries.iter().collect();
            let stood: HashSet<&Pattern> = before.iter().collect();
            let kept = before.iter().filter(|entry| !written.contains(entry));
            let mut after: Vec<&Pattern> = kept.chain(&entries).collect();
            let given = self.given_order(&entries, &mut orders)?;
            if !given.is_empty() {
                after = given.iter().collect();
            }
            after.retain(|entry| stood.contains(entry));
            if let Some((_, moved)) = before.iter().zip(after).find(|(before, after)| *before != *after) {
                return Ok(Some(moved.clone()));
            }
        }
        Ok(None)
    }

    /// Returns all entries of the list that these are in, in their order, if edits move entries of it.
    fn given_order(&mut self, entries: &[Pattern], orders: &mut KnownOrders) -> Result<Vec<Pattern>, Error> {
        let Some(entry) = entries.first().and_then(|entry| self.standing(entry)) else {
            return Ok(Vec::new());
        };
        let order = self.overlay.order_of(entry.node(), orders)?;
        let all = if order.is_given() { order.entries } else { Vec::new() };
        self.steps().steps(all.len())?;
        Ok(all.into_iter().map(|entry| self.overlay.pattern(entry)).collect())
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
