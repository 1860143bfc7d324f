//! Resolved paths with what is known of their nodes.

use crate::{Pattern, SchemaLocation};

/// A path with resolved names, and what is known of the node of each step. One walk finds it; it is valid until the overlay
/// learns more.
#[derive(Clone, Debug, Default)]
pub struct LocatedPath {
    pub(crate) pattern: Pattern,
    /// Of each step, from the top down.
    pub(crate) spots: Vec<SchemaLocation>,
}

impl LocatedPath {
    /// Returns the path.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Returns the path.
    pub fn into_pattern(self) -> Pattern {
        self.pattern
    }

    /// Returns what is known of the node of each step, from the top down.
    pub fn spots(&self) -> &[SchemaLocation] {
        &self.spots
    }

    /// Returns the first steps of the path; none if it has fewer, or if there are none.
    pub fn above(&self, steps: usize) -> Option<Self> {
        let above = self.pattern.steps.get(..steps).filter(|above| !above.is_empty())?;
        Some(Self { pattern: Pattern { steps: above.to_vec() }, spots: self.spots.get(..steps)?.to_vec() })
    }

    /// Returns whether models explain all nodes on the path.
    pub fn is_modelled(&self) -> bool {
        self.spots.iter().all(|spot| spot.schema.is_some())
    }
}
