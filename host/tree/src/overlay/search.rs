//! The search for the nodes that a pattern matches.

use super::{LiveNode, Overlay, child_lookup::FirstEntry, lookup::StepMatch};
use crate::{NodeId, Pattern, PatternStep, QName};

/// A search for the nodes that a pattern matches now, in document order.
///
/// It advances in small steps, so that the caller can count them and yield in between. The overlay must not
/// be edited during the search.
#[derive(Clone, Debug)]
pub struct PatternSearch {
    pattern: Pattern,
    stack: Vec<SearchFrame>,
}

#[derive(Clone, Copy, Debug)]
struct SearchFrame {
    live: LiveNode,
    /// How many steps of the pattern lead here.
    depth: usize,
    /// The child to visit next, if the children are visited one by one.
    next: Option<Option<NodeId>>,
}

/// The result of one step of a [`PatternSearch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchProgress {
    /// A node was visited.
    Visited,
    /// The pattern matches this node.
    Found(LiveNode),
    /// The search is complete.
    Done,
}

impl PatternSearch {
    /// Returns a search for the nodes that the pattern matches.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, stack: vec![SearchFrame { live: LiveNode::ROOT, depth: 0, next: None }] }
    }

    /// Visits one more node.
    pub fn advance(&mut self, overlay: &mut Overlay) -> SearchProgress {
        let Some(frame) = self.stack.last_mut() else { return SearchProgress::Done };
        let (live, depth) = (frame.live, frame.depth);
        let Some(step) = self.pattern.steps.get(depth) else {
            self.stack.pop();
            return SearchProgress::Found(live);
        };
        let child = match frame.next {
            Some(next) => next,
            None => match overlay.find_step(live.node, step) {
                StepMatch::One(child) => {
                    self.stack.pop();
                    let child = child.and_then(|child| overlay.live_child(live, child));
                    self.stack.extend(child.map(|live| SearchFrame { live, depth: depth + 1, next: None }));
                    return SearchProgress::Visited;
                }
                StepMatch::Any => overlay.tree.first_child(live.node),
            },
        };
        let Some(child) = child else {
            self.stack.pop();
            return SearchProgress::Visited;
        };
        frame.next = Some(overlay.tree.next_sibling(child));
        if overlay.tree.qname(child) == step.name()
            && let Some(found) = overlay.live_child(live, child)
            && overlay.matches(found, step)
        {
            self.stack.push(SearchFrame { live: found, depth: depth + 1, next: None });
        }
        SearchProgress::Visited
    }
}

impl Overlay {
    /// Returns the node that a pattern matches now, or that it matches none, and how many steps that took; nothing if each step
    /// of a [`PatternSearch`] must look at several nodes.
    pub fn find_one(&mut self, pattern: &Pattern) -> (Option<Option<LiveNode>>, usize) {
        let last = pattern.steps.len().saturating_sub(1);
        let (common, mut live) = self.last_found.common(&pattern.steps, self.schema_view.changes());
        for (taken, step) in pattern.steps.iter().enumerate().skip(common) {
            let found = match self.find_step(live.node, step) {
                StepMatch::One(child) => child.and_then(|child| self.live_child(live, child)),
                StepMatch::Any => return (None, taken),
            };
            match found {
                Some(found) => live = found,
                None => return (Some(None), taken + 1),
            }
            if taken < last {
                self.last_found.push(taken, step, live);
            }
        }
        (Some(Some(live)), pattern.steps.len())
    }

    /// Returns the nodes that a pattern matches now, in document order. Counts [steps](Self::steps).
    pub fn find(&mut self, pattern: &Pattern) -> Vec<LiveNode> {
        if let (Some(found), steps) = self.find_one(pattern) {
            // Stopped work does not need the result.
            return if self.steps.steps(steps).is_ok() { found.into_iter().collect() } else { Vec::new() };
        }
        let mut search = PatternSearch::new(pattern.clone());
        let mut found = Vec::new();
        loop {
            // Stopped work does not need the rest.
            if self.steps.step().is_err() {
                return found;
            }
            match search.advance(self) {
                SearchProgress::Visited => {}
                SearchProgress::Found(live) => found.push(live),
                SearchProgress::Done => return found,
            }
        }
    }

    /// Returns whether a node with the name of a step satisfies its predicates.
    fn matches(&mut self, live: LiveNode, step: &PatternStep) -> bool {
        let keys = step.keys.iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
        for (key, value) in keys {
            let Some(name) = self.tree.names().get(QName::new(&step.namespace, key)) else { return false };
            let leaf = self.lookup.named(&self.tree, live.node, name);
            let is = |leaf: NodeId| {
                self.live_child(live, leaf).is_some() && self.tree.value(leaf).unwrap_or_default() == value
            };
            let found = leaf.is_some_and(|FirstEntry { node, several }| {
                is(node) || several && self.tree.children_named(live.node, name).any(is)
            });
            if leaf.is_some_and(|leaf| leaf.several) {
                self.lookup.visited += self.tree.children(live.node).count();
            }
            if !found {
                return false;
            }
        }
        match &step.entry {
            Some(Some(value)) => self.tree.value(live.node).unwrap_or_default() == value,
            _ => true,
        }
    }
}
