//! Resolved paths with what is known of their nodes.

use crate::{Pattern, PatternStep, SchemaLocation};

/// A path with resolved names, and what is known of the node of each step. One walk finds it; it is valid until the overlay
/// learns more.
#[derive(Clone, Debug, Default)]
pub struct LocatedPath {
    pub(crate) pattern: Pattern,
    /// Of each step, from the top down.
    pub(crate) spots: Vec<SchemaLocation>,
    /// So many of the first steps are known to name one node each, by models, which do not change.
    pub(crate) exact: usize,
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
        let spots = self.spots.get(..steps)?.to_vec();
        Some(Self { pattern: Pattern { steps: above.to_vec() }, spots, exact: self.exact.min(steps) })
    }

    /// Returns the path of a child, with what is known of it.
    pub fn child(&self, step: PatternStep, spot: SchemaLocation) -> Self {
        let length = self.spots.len() + 1;
        let mut child = Self {
            pattern: Pattern { steps: Vec::with_capacity(length) },
            spots: Vec::with_capacity(length),
            exact: self.exact,
        };
        child.pattern.steps.extend(self.pattern.steps.iter().cloned().chain([step]));
        child.spots.extend_from_slice(&self.spots);
        child.spots.push(spot);
        child
    }

    /// Goes one step down, to a child of which this is known.
    pub fn push(&mut self, step: PatternStep, spot: SchemaLocation) {
        self.pattern.steps.push(step);
        self.spots.push(spot);
    }

    /// Returns whether models explain all nodes on the path.
    pub fn is_modelled(&self) -> bool {
        self.spots.iter().all(|spot| spot.schema.is_some())
    }
}
