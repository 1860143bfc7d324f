//! What a module may know of the data on the way down a path.

use confine_tree::{Pattern, PatternStep};

use crate::{Scope, ScopeDecision, patterns::child, read_scope::ReadFront};

/// Follows a path step by step, and says which steps the module may know of: for resolving it where no model is known.
pub(crate) struct PathSight<'s> {
    scope: &'s Scope,
    instance: &'s Pattern,
    /// Where `depth` steps of the path have led.
    front: ReadFront<'s>,
    depth: usize,
    cost: u64,
}

impl<'s> PathSight<'s> {
    pub(crate) fn new(scope: &'s Scope, instance: &'s Pattern) -> Self {
        Self { scope, instance, front: scope.reading.front(), depth: 0, cost: 0 }
    }

    /// Returns whether the module may know that there is such a step below the path, which is the path of the last call
    /// or longer.
    pub(crate) fn sees(&mut self, path: &Pattern, step: &PatternStep) -> bool {
        for step in path.steps.iter().skip(self.depth) {
            self.front = self.front.step(step);
        }
        self.cost += 1 + (path.steps.len() - self.depth) as u64;
        self.depth = path.steps.len();
        let is_known = self.instance.covers(path)
            || self.scope.reading.is_own_list(path, step)
            || self.front.step(step).leads_on();
        if !is_known || !self.scope.has_rules() {
            return is_known;
        }
        let node = child(path, step.clone());
        self.cost += self.scope.steps(&node) as u64;
        matches!(self.scope.decide_admitted(&node), ScopeDecision::Permit { .. })
    }

    /// Returns what it cost to find out.
    pub(crate) fn cost(&self) -> u64 {
        self.cost + self.front.visited() as u64
    }
}
