//! Sets of patterns that have been read.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use smallvec::{SmallVec, smallvec};

use crate::{HashMap, Pattern, PatternStep, QName};

/// A set of [`Pattern`]s that says whether another lies within one of them. Asking costs what the path
/// is long, however many patterns there are.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    nodes: Vec<CoverageNode>,
}

#[derive(Clone, Debug, Default)]
struct CoverageNode {
    /// A pattern ends here: all that is below is in the set.
    whole: bool,
    /// By local name of the next step; then by its namespace, of which there are few.
    children: HashMap<Arc<str>, Namesakes>,
}

/// The ways to go on with steps of one local name, by namespace.
type Namesakes = SmallVec<[(Arc<str>, CoverageBranch); 1]>;

/// The ways to go on with steps of one name.
#[derive(Clone, Debug, Default)]
struct CoverageBranch {
    /// Where steps go on that say no value: any entry.
    any: Option<usize>,
    /// Which sets of keys steps say values of.
    key_sets: BTreeSet<Vec<Box<str>>>,
    /// By those keys and their values: see [`push_predicate`].
    entries: HashMap<Box<str>, usize>,
}

/// Keys and their values in the order of the keys' names; `.` for a leaf-list entry.
type Predicates<'a> = Vec<(&'a str, &'a str)>;

/// The most sets of keys by which entries of one list may be named. Going one step down tries each of them. A list has one
/// set of keys, and paths that name only some of them have few; a set beyond that is not added.
const MAX_KEY_SETS: usize = 64;

/// The number of predicates whose comparison costs about as much as a visit.
const PREDICATES_PER_VISIT: usize = 8;

impl Coverage {
    /// Returns the largest number of sets of keys by which patterns name entries of one list. Going one step down may
    /// cost that many visits.
    pub fn most_key_sets(&self) -> usize {
        let branches = self.nodes.iter().flat_map(|node| node.children.values().flatten());
        branches.map(|(_, branch)| branch.key_sets.len()).max().unwrap_or_default()
    }

    /// Adds a pattern, unless it names the entries of a list by keys of which there are too many sets already.
    pub fn insert(&mut self, pattern: &Pattern) {
        if self.nodes.is_empty() {
            self.nodes.push(CoverageNode::default());
        }
        let mut at = 0;
        for step in &pattern.steps {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            if node.whole {
                return;
            }
            let namesakes = node.children.entry(step.local.clone()).or_default();
            let known = namesakes.iter().position(|(namespace, _)| *namespace == step.namespace);
            let place = known.unwrap_or(namesakes.len());
            if known.is_none() {
                namesakes.push((step.namespace.clone(), CoverageBranch::default()));
            }
            let Some((_, branch)) = namesakes.get_mut(place) else { return };
            let predicates = predicates(step);
            at = if predicates.is_empty() {
                *branch.any.get_or_insert(next)
            } else {
                let keys: Vec<Box<str>> = predicates.iter().map(|&(key, _)| key.into()).collect();
                if branch.key_sets.len() >= MAX_KEY_SETS && !branch.key_sets.contains(&keys) {
                    return;
                }
                branch.key_sets.insert(keys);
                let mut text = String::new();
                predicates.iter().for_each(|&predicate| push_predicate(&mut text, predicate));
                *branch.entries.entry(text.into()).or_insert(next)
            };
            if at == next {
                self.nodes.push(CoverageNode::default());
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.whole = true;
        }
    }

    /// Whether everything that `pattern` matches is in the set.
    pub fn covers(&self, pattern: &Pattern) -> bool {
        self.covered_from(pattern).is_some()
    }

    /// Returns how many of the first steps of `pattern` lead to where everything is in the set; none if they do not.
    pub fn covered_from(&self, pattern: &Pattern) -> Option<usize> {
        if self.nodes.is_empty() {
            return None;
        }
        let mut front = CoverageFront::top();
        for (depth, step) in pattern.steps.iter().enumerate() {
            if self.is_whole(&front) {
                return Some(depth);
            }
            front = self.step(&front, step);
            if front.at.is_empty() {
                return None;
            }
        }
        self.is_whole(&front).then_some(pattern.steps.len())
    }

    /// Whether all below the place that `front` has come to is in the set.
    pub fn is_whole(&self, front: &CoverageFront) -> bool {
        front.at.iter().any(|&at| self.nodes.get(at).is_some_and(|node| node.whole))
    }

    /// Whether a pattern in the set leads on from the place that `front` has come to, or ends there.
    pub fn leads_on(&self, front: &CoverageFront) -> bool {
        front
            .at
            .iter()
            .any(|&at| self.nodes.get(at).is_some_and(|node| node.whole || !node.children.is_empty()))
    }

    /// Goes one step down. Once a place is whole, so is all below.
    pub fn step(&self, front: &CoverageFront, step: &PatternStep) -> CoverageFront {
        if self.is_whole(front) {
            return front.clone();
        }
        let (mut next, mut visited) = (SmallVec::new(), front.visited);
        // Most steps have no predicates, and most branches compare none.
        let mut known: Option<Predicates<'_>> = None;
        for node in front.at.iter().filter_map(|&at| self.nodes.get(at)) {
            let Some(branch) = node.branch(step.name()) else { continue };
            visited += 1;
            next.extend(branch.any);
            if branch.key_sets.is_empty() {
                continue;
            }
            let predicates = &**known.get_or_insert_with(|| predicates(step));
            for keys in &branch.key_sets {
                visited += 1 + predicates.len() / PREDICATES_PER_VISIT;
                next.extend(branch.entry(keys, predicates));
            }
        }
        CoverageFront { at: next, visited }
    }
}

impl CoverageNode {
    fn branch(&self, name: QName<'_>) -> Option<&CoverageBranch> {
        let namesakes = self.children.get(name.local)?;
        let (_, branch) = namesakes.iter().find(|(namespace, _)| **namespace == *name.namespace)?;
        Some(branch)
    }
}

impl CoverageBranch {
    /// Returns where a step goes on that says the values of these keys.
    fn entry(&self, keys: &[Box<str>], predicates: &[(&str, &str)]) -> Option<usize> {
        // Both are sorted.
        let mut rest = predicates.iter();
        let mut text = String::new();
        for key in keys {
            push_predicate(&mut text, *rest.find(|(name, _)| *name == &**key)?);
        }
        self.entries.get(&*text).copied()
    }
}

/// Appends a key with its value, and the value's length: whatever a value contains, it is taken for no other predicates.
fn push_predicate(text: &mut String, (key, value): (&str, &str)) {
    // Writing to a string does not fail.
    let _ = write!(text, "{key}={}:{value}", value.len());
}

/// Where one has come to in a [`Coverage`], going down step by step.
#[derive(Clone, Debug)]
pub struct CoverageFront {
    /// Few patterns go on from one place.
    at: SmallVec<[usize; 2]>,
    /// How many ways to go on were looked at.
    pub(crate) visited: usize,
}

impl CoverageFront {
    /// Returns the place above all patterns.
    pub fn top() -> Self {
        Self { at: smallvec![0], visited: 0 }
    }

    /// Returns how many ways to go on were looked at on the way here.
    pub fn visited(&self) -> usize {
        self.visited
    }
}

fn predicates(step: &PatternStep) -> Predicates<'_> {
    let keys = step.keys.iter().filter_map(|(key, value)| Some((&**key, value.as_deref()?)));
    let entry = step.entry.as_ref().and_then(|value| Some((".", value.as_deref()?)));
    let mut predicates: Predicates<'_> = keys.chain(entry).collect();
    predicates.sort_unstable();
    predicates.dedup();
    predicates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::patterns;

    proptest! {
        #[test]
        fn covers_what_one_of_the_patterns_covers(
            read in patterns("[ab]", "[12]", 0..6),
            asked in patterns("[ab]", "[12]", 1..2),
        ) {
            let asked = &asked[0];
            let mut coverage = Coverage::default();
            read.iter().for_each(|pattern| coverage.insert(pattern));
            prop_assert_eq!(coverage.covers(asked), read.iter().any(|pattern| pattern.covers(asked)));
        }
    }

    #[test]
    fn value_is_taken_for_no_other_predicates() {
        let entry = |keys: &[(&str, &str)]| {
            let mut step = PatternStep::new(QName::new("urn:x", "l"));
            step.keys.extend(keys.iter().map(|&(key, value)| (key.into(), Some(value.to_owned()))));
            Pattern { steps: vec![step] }
        };
        let mut coverage = Coverage::default();
        coverage.insert(&entry(&[("a", "x"), ("b", "y")]));
        coverage.insert(&entry(&[("a", "z")]));
        assert!(coverage.covers(&entry(&[("a", "x"), ("b", "y")])));
        // Alone, `a` with what follows it in both.
        for value in ["x\0b\0y", "xb=1:y", "x]b=y"] {
            assert!(!coverage.covers(&entry(&[("a", value)])), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn front_leads_on_where_one_of_the_patterns_goes_on(
            set in patterns("[ab]", "[12]", 0..6),
            asked in patterns("[ab]", "[12]", 1..2),
        ) {
            let asked = &asked[0];
            let mut coverage = Coverage::default();
            set.iter().for_each(|pattern| coverage.insert(pattern));
            let front = asked.steps.iter().fold(CoverageFront::top(), |front, step| coverage.step(&front, step));
            let leads_on = |pattern: &Pattern| {
                let above = pattern.steps.iter().take(asked.steps.len()).cloned().collect();
                pattern.covers(asked) || pattern.steps.len() >= asked.steps.len() && Pattern { steps: above }.covers(asked)
            };
            prop_assert_eq!(coverage.leads_on(&front), set.iter().any(leads_on));
            prop_assert_eq!(coverage.is_whole(&front), coverage.covers(asked));
        }
    }

    #[test]
    fn nothing_is_covered_by_nothing_and_all_by_the_root() {
        let mut coverage = Coverage::default();
        assert!(!coverage.covers(&Pattern::default()));
        coverage.insert(&Pattern::default());
        assert!(coverage.covers(&Pattern::default()));
        assert!(coverage.covers(&Pattern { steps: vec![PatternStep::new(QName::new("urn:x", "a"))] }));
    }

    #[test]
    fn sets_of_keys_of_one_list_are_limited() {
        let entry = |key: usize| {
            let mut step = PatternStep::new(QName::new("urn:x", "l"));
            step.keys.push((format!("k{key}").into(), Some("1".into())));
            Pattern { steps: vec![step] }
        };
        let mut coverage = Coverage::default();
        (0..=MAX_KEY_SETS).for_each(|key| coverage.insert(&entry(key)));
        assert_eq!(coverage.most_key_sets(), MAX_KEY_SETS);
        assert!(coverage.covers(&entry(MAX_KEY_SETS - 1)) && !coverage.covers(&entry(MAX_KEY_SETS)));
    }
}
