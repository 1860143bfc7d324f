//! Finding what a pattern matches, a step at a time.

use super::{
    Live, Overlay,
    lookup::{Entry, Met},
};
use crate::{NodeId, Pattern, PatternStep, QName};

/// A search for what a pattern matches now, in document order.
///
/// It goes on by small steps, so that who searches can count them and do something else in between. The
/// overlay must not be edited meanwhile.
#[derive(Clone, Debug)]
pub struct Search {
    pattern: Pattern,
    stack: Vec<Frame>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    place: Live,
    /// How many steps of the pattern lead here.
    depth: usize,
    /// The child to look at next, once the children are being gone through.
    next: Option<Option<NodeId>>,
}

/// What one step of a [`Search`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A node was looked at.
    Looked,
    /// The pattern matches this one.
    Found(Live),
    /// There is nothing more.
    Done,
}

impl Search {
    /// A search for what this matches.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, stack: vec![Frame { place: Live::ROOT, depth: 0, next: None }] }
    }

    /// Looks at one node more.
    pub fn advance(&mut self, overlay: &mut Overlay) -> Progress {
        let Some(frame) = self.stack.last_mut() else { return Progress::Done };
        let (place, depth) = (frame.place, frame.depth);
        let Some(step) = self.pattern.steps.get(depth) else {
            self.stack.pop();
            return Progress::Found(place);
        };
        let child = match frame.next {
            Some(next) => next,
            None => match overlay.met(place.node, step) {
                Met::One(child) => {
                    self.stack.pop();
                    let child = child.and_then(|child| overlay.below(place, child));
                    self.stack.extend(child.map(|place| Frame { place, depth: depth + 1, next: None }));
                    return Progress::Looked;
                }
                Met::Any => overlay.tree.first_child(place.node),
            },
        };
        let Some(child) = child else {
            self.stack.pop();
            return Progress::Looked;
        };
        frame.next = Some(overlay.tree.next_sibling(child));
        if overlay.tree.qname(child) == step.name()
            && let Some(found) = overlay.below(place, child)
            && overlay.matches(found, step)
        {
            self.stack.push(Frame { place: found, depth: depth + 1, next: None });
        }
        Progress::Looked
    }
}

impl Overlay {
    /// All that a pattern matches now, in document order.
    pub fn find(&mut self, pattern: &Pattern) -> Vec<Live> {
        let mut search = Search::new(pattern.clone());
        let mut found = Vec::new();
        loop {
            match search.advance(self) {
                Progress::Looked => {}
                Progress::Found(place) => found.push(place),
                Progress::Done => return found,
            }
        }
    }

    /// Whether the predicates of a step hold for a node of its name.
    fn matches(&mut self, place: Live, step: &PatternStep) -> bool {
        let keys = step.keys.iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
        for (key, value) in keys {
            let Some(name) = self.tree.names().get(QName::new(&step.namespace, key)) else { return false };
            let leaf = self.lookup.named(&self.tree, place.node, name);
            let is = |leaf: NodeId| {
                self.below(place, leaf).is_some() && self.tree.value(leaf).unwrap_or_default() == value
            };
            let found = leaf.is_some_and(|Entry { node, several }| {
                is(node) || several && self.tree.children_named(place.node, name).any(is)
            });
            if leaf.is_some_and(|leaf| leaf.several) {
                self.lookup.looked += self.tree.children(place.node).count();
            }
            if !found {
                return false;
            }
        }
        match &step.entry {
            Some(Some(value)) => self.tree.value(place.node).unwrap_or_default() == value,
            _ => true,
        }
    }
}
