//! What differs between two drafts, such as the result of a commit and `running`.

use confine_tree::Pattern;

use crate::{CommitDraft, Error};

impl CommitDraft {
    /// Returns the first of these places, or node below one, that is not the same here and in another draft. Both have read
    /// all of them. The order of entries does not count.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn first_difference(
        &mut self,
        other: &mut Self,
        places: &[Pattern],
    ) -> Result<Option<Pattern>, Error> {
        match self.first_not_in(other, places)? {
            None => other.first_not_in(self, places),
            found => Ok(found),
        }
    }

    fn first_not_in(&mut self, other: &mut Self, places: &[Pattern]) -> Result<Option<Pattern>, Error> {
        for place in places {
            let mut walk = self.overlay.find(place);
            while let Some(live) = walk.pop() {
                let node = self.overlay.pattern(live.node());
                other.overlay.steps().steps(node.steps.len())?;
                let found = other.overlay.find(&node);
                let is_same = |other_live| self.overlay.value(live) == other.overlay.value(other_live);
                if !found.first().copied().is_some_and(is_same) {
                    return Ok(Some(node));
                }
                walk.extend(self.overlay.places(live).flatten());
            }
        }
        Ok(None)
    }
}
