//! What is the same in two drafts, such as the result of a commit and `running`.

use confine_tree::Pattern;

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
}
