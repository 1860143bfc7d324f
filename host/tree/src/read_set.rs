//! The patterns to read in one request, as few as possible.

use std::collections::BTreeMap;

use crate::{Coverage, HashSet, Pattern, PatternStep};

/// A set of patterns to read, kept as a tree of steps: steps that several patterns share are kept once.
///
/// Only [`patterns`](Self::patterns) decides how much is read beyond what was requested.
///
/// ```
/// use confine_tree::{Pattern, PatternStep, QName, ReadSet};
///
/// let leaf = |key: usize| {
///     let mut entry = PatternStep::new(QName::new("urn:x", "interface"));
///     entry.keys.push(("name".into(), Some(key.to_string())));
///     Pattern { steps: vec![entry, PatternStep::new(QName::new("urn:x", "mtu"))] }
/// };
/// let few: ReadSet = (0..2).map(leaf).collect();
/// let paths: Vec<String> = few.patterns().iter().map(ToString::to_string).collect();
/// assert_eq!(paths, ["/interface[name='0']/mtu", "/interface[name='1']/mtu"]);
///
/// let many: ReadSet = (0..1000).map(leaf).collect();
/// let paths: Vec<String> = many.patterns().iter().map(ToString::to_string).collect();
/// assert_eq!(paths, ["/interface[name]/mtu"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    /// This node is to be read with all its descendants.
    whole: bool,
    /// A step may occur twice until the set is [settled](Self::settle).
    below: Vec<(PatternStep, Self)>,
    /// The number of patterns, once the set is settled.
    count: usize,
}

impl ReadSet {
    /// The most entries of one list that a request names. The controller walks its tree for each path of a
    /// filter, so more entries are faster to read by requesting all entries of the list.
    pub const MAX_ENTRIES: usize = 64;

    /// The most patterns in one request.
    pub const MAX_PATTERNS: usize = 1000;

    /// Returns the set of one node with all its descendants.
    pub(crate) fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Adds a set one step further down.
    pub(crate) fn push(&mut self, step: PatternStep, below: Self) {
        if below.whole || !below.below.is_empty() {
            self.below.push((step, below));
        }
    }

    /// Adds everything in another set.
    pub(crate) fn merge(&mut self, other: Self) {
        self.whole |= other.whole;
        self.below.extend(other.below);
    }

    /// Returns the patterns to request, in the order of their steps: at most
    /// [`MAX_PATTERNS`](Self::MAX_PATTERNS), none of which covers another. Together they cover everything
    /// that was added, and may cover more.
    ///
    /// If more than [`MAX_ENTRIES`](Self::MAX_ENTRIES) entries of a list are named, all its entries are
    /// requested, except that an entry that is to be read whole keeps its own pattern. If there are still too
    /// many patterns, those that share the longest path are merged.
    pub fn patterns(self) -> Vec<Pattern> {
        self.patterns_up_to(Self::MAX_PATTERNS)
    }

    fn patterns_up_to(self, most: usize) -> Vec<Pattern> {
        let patterns = self.settled_patterns(usize::MAX);
        if patterns.len() <= most {
            return patterns;
        }
        patterns.into_iter().collect::<Self>().settled_patterns(most)
    }

    fn settled_patterns(mut self, most: usize) -> Vec<Pattern> {
        self.settle();
        self.bound(most);
        let mut patterns = Vec::with_capacity(self.count);
        self.collect(&mut Pattern::default(), &mut patterns);
        without_covered(patterns)
    }

    /// Joins equal steps and widens lists of which too many entries are named.
    fn settle(&mut self) {
        if self.whole {
            *self = Self { count: 1, ..Self::whole() };
            return;
        }
        self.join();
        self.widen();
        // The recursion is as deep as the longest path, which the parser limits.
        self.below.iter_mut().for_each(|(_, set)| set.settle());
        self.count = self.below.iter().map(|(_, set)| set.count).sum();
    }

    /// Replaces the entries of each list of which too many are named with one step for all entries. Entries
    /// that are to be read whole stay unless they are too many themselves: one of them must not cause the
    /// whole list to be read.
    fn widen(&mut self) {
        let (mut named, mut whole): (BTreeMap<_, usize>, BTreeMap<_, usize>) = Default::default();
        for (step, entry) in self.below.iter().filter(|(step, _)| is_entry(step)) {
            let list = without_values(step);
            if entry.whole {
                *whole.entry(list.clone()).or_default() += 1;
            }
            *named.entry(list).or_default() += 1;
        }
        let too_many = |counts: &BTreeMap<PatternStep, usize>, list: &PatternStep| {
            counts.get(list).is_some_and(|&count| count > Self::MAX_ENTRIES)
        };
        let mut widened = false;
        for (step, entry) in self.below.iter_mut().filter(|(step, _)| is_entry(step)) {
            let list = without_values(step);
            if too_many(if entry.whole { &whole } else { &named }, &list) {
                *step = list;
                widened = true;
            }
        }
        if widened {
            self.join();
        }
    }

    fn join(&mut self) {
        self.below.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.below.dedup_by(|(step, set), (previous, into)| {
            let same = step == previous;
            if same {
                into.merge(std::mem::take(set));
            }
            same
        });
    }

    /// Reduces the set to at most `most` patterns. The smallest branches keep theirs.
    fn bound(&mut self, most: usize) {
        if self.count <= most {
            return;
        }
        if self.below.len() > most {
            *self = Self { count: 1, ..Self::whole() };
            return;
        }
        let mut below: Vec<&mut Self> = self.below.iter_mut().map(|(_, set)| set).collect();
        below.sort_by_key(|set| set.count);
        let (mut left, mut branches) = (most, below.len());
        for set in below {
            set.bound(left / branches.max(1));
            left = left.saturating_sub(set.count);
            branches -= 1;
        }
        self.count = most - left;
    }

    fn collect(self, path: &mut Pattern, patterns: &mut Vec<Pattern>) {
        if self.whole {
            patterns.push(path.clone());
        }
        for (step, set) in self.below {
            path.steps.push(step);
            set.collect(path, patterns);
            path.steps.pop();
        }
    }
}

impl Extend<Pattern> for ReadSet {
    fn extend<I: IntoIterator<Item = Pattern>>(&mut self, patterns: I) {
        for pattern in patterns {
            self.merge(
                pattern.steps.into_iter().rev().fold(Self::whole(), |below, step| Self {
                    below: vec![(step, below)],
                    ..Self::default()
                }),
            );
        }
    }
}

impl FromIterator<Pattern> for ReadSet {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut all = Self::default();
        all.extend(patterns);
        all
    }
}

/// Drops each pattern that another one covers.
fn without_covered(patterns: Vec<Pattern>) -> Vec<Pattern> {
    // A pattern that covers another has fewer steps or fewer values.
    let mut order: Vec<usize> = (0..patterns.len()).collect();
    order.sort_by_key(|&index| patterns.get(index).map(|pattern| (pattern.steps.len(), pattern.values())));
    let (mut coverage, mut kept) = (Coverage::default(), HashSet::default());
    for index in order {
        if let Some(pattern) = patterns.get(index).filter(|pattern| !coverage.covers(pattern)) {
            coverage.insert(pattern);
            kept.insert(index);
        }
    }
    let numbered = patterns.into_iter().enumerate();
    numbered.filter_map(|(index, pattern)| kept.contains(&index).then_some(pattern)).collect()
}

/// Returns whether a step has the value of a key or of a leaf-list entry.
fn is_entry(step: &PatternStep) -> bool {
    step.values() > 0
}

/// Returns the step that matches all entries of the list.
fn without_values(step: &PatternStep) -> PatternStep {
    let mut list = step.clone();
    list.keys.iter_mut().for_each(|(_, value)| *value = None);
    if let Some(value) = &mut list.entry {
        *value = None;
    }
    list
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{QName, testing::patterns as any_patterns};

    /// A path whose steps are a name, or a name and the value of the key `k`.
    fn path(text: &str) -> Pattern {
        let step = |step: &str| {
            let (local, key) = step.split_once('=').map_or((step, None), |(local, key)| (local, Some(key)));
            let mut step = PatternStep::new(QName::new("urn:x", local));
            step.keys.extend(key.map(|key| ("k".into(), Some(key.to_owned()))));
            step
        };
        Pattern { steps: text.split('/').map(step).collect() }
    }

    fn patterns(paths: impl IntoIterator<Item = String>, most: usize) -> Vec<String> {
        let set: ReadSet = paths.into_iter().map(|text| path(&text)).collect();
        set.patterns_up_to(most).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn covered_pattern_is_left_out() {
        let paths = ["a/b", "a/b/c", "a/d=1", "a/d=2/e", "a/b", "a/d=1/e"].map(str::to_owned);
        assert_eq!(patterns(paths, 9), ["/a/b", "/a/d[k='1']", "/a/d[k='2']/e"]);
        let paths = ["a/d=1", "a/d", "a/d=2/e"].map(str::to_owned);
        assert_eq!(patterns(paths, 9), ["/a/d"]);
    }

    #[test]
    fn list_with_many_named_entries_is_read_whole() {
        let entries = |count: usize| (0..count).map(|n| format!("a/l={n}/{}", ["b", "c"][n % 2]));
        const MOST: usize = ReadSet::MAX_ENTRIES;
        assert_eq!(patterns(entries(MOST), 100).len(), MOST);
        assert_eq!(patterns(entries(MOST + 1), 100), ["/a/l[k]/b", "/a/l[k]/c"]);
        let nested = (0..=MOST).map(|n| format!("a/l={n}/m={n}"));
        assert_eq!(patterns(nested, 100), ["/a/l[k]/m[k]"]);
        let one_whole = entries(MOST + 1).chain(["a/l=1".to_owned()]);
        assert_eq!(patterns(one_whole, 100), ["/a/l[k]/b", "/a/l[k]/c", "/a/l[k='1']"]);
        let all_whole = (0..=MOST).map(|n| format!("a/l={n}"));
        assert_eq!(patterns(all_whole, 100), ["/a/l[k]"]);
    }

    #[test]
    fn read_set_never_exceeds_maximum_of_patterns() {
        let mut paths: Vec<String> = (0..5000).map(|n| format!("a/l=1/config/x{n}")).collect();
        paths.extend(["a/l=2/config/y/z".into(), "b".into()]);
        let few = ["/a/l[k='1']/config", "/a/l[k='2']/config/y/z", "/b"];
        assert_eq!(patterns(paths.clone(), 1000), few);
        assert_eq!(patterns(paths.clone(), 3), few);
        assert_eq!(patterns(paths.clone(), 2), ["/a", "/b"]);
        assert_eq!(patterns(paths, 1), ["/"]);
        let spread = (0..50).flat_map(|l| (0..50).map(move |n| format!("a/l={l}/x{n}/y")));
        let some = patterns(spread, 1000);
        assert!((50..=1000).contains(&some.len()), "{}", some.len());
        assert!(some.contains(&"/a/l[k='0']".to_owned()) || some.contains(&"/a/l[k='0']/x0/y".to_owned()));
    }

    proptest! {
        /// The values are from a wide range so that lists are widened, too.
        #[test]
        fn patterns_cover_everything_added_and_never_each_other(
            added in any_patterns("[ab]", "[0-9]{1,2}", 0..400),
            most in 1..80_usize,
        ) {
            let set: ReadSet = added.iter().cloned().collect();
            let patterns = set.patterns_up_to(most);
            prop_assert!(patterns.len() <= most);
            for pattern in &added {
                prop_assert!(patterns.iter().any(|wide| wide.covers(pattern)), "{pattern} in {patterns:?}");
            }
            for (index, pattern) in patterns.iter().enumerate() {
                let others = patterns.iter().enumerate().filter(|&(other, _)| other != index);
                prop_assert!(others.into_iter().all(|(_, other)| !other.covers(pattern)), "{pattern}");
            }
        }
    }
}
