//! The patterns to read in one request, as few as possible.

use std::collections::{BTreeMap, HashSet};

use crate::{Coverage, Pattern, PatternStep};

/// A set of patterns to read, kept as a tree of steps: what many of them have in common is kept once.
///
/// [`patterns`](Self::patterns) is the one place that decides how much more is read than was asked for.
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
    /// Everything here and below is to be read.
    whole: bool,
    /// A step may occur twice until the set is [settled](Self::settle).
    below: Vec<(PatternStep, Self)>,
    /// How many patterns there are, once the set is settled.
    count: usize,
}

impl ReadSet {
    /// The most entries of one list that a request names. The controller goes through its tree for each path of a
    /// filter, so more entries are read faster by asking for all entries of the list.
    pub const MAX_ENTRIES: usize = 64;

    /// The most patterns of one request.
    pub const MAX_PATTERNS: usize = 1000;

    /// One node with everything below it.
    pub(crate) fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Adds what is one step further down.
    pub(crate) fn push(&mut self, step: PatternStep, below: Self) {
        if below.whole || !below.below.is_empty() {
            self.below.push((step, below));
        }
    }

    /// Adds all of another set.
    pub(crate) fn merge(&mut self, other: Self) {
        self.whole |= other.whole;
        self.below.extend(other.below);
    }

    /// The patterns to ask for, in the order of their steps: at most [`MAX_PATTERNS`](Self::MAX_PATTERNS), and none
    /// that another covers. Together they cover all that was added, and may cover more.
    ///
    /// Of a list of which more than [`MAX_ENTRIES`](Self::MAX_ENTRIES) entries are named, all entries are asked for,
    /// except that an entry which is wanted whole keeps a pattern of its own. If that leaves too many patterns,
    /// those are merged that share the longest path.
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

    /// Joins equal steps, and widens lists of which many entries are named.
    fn settle(&mut self) {
        if self.whole {
            *self = Self { count: 1, ..Self::whole() };
            return;
        }
        self.join();
        self.widen();
        // The recursion is as deep as paths are long, which their parser limits.
        self.below.iter_mut().for_each(|(_, set)| set.settle());
        self.count = self.below.iter().map(|(_, set)| set.count).sum();
    }

    /// Replaces the entries of each list of which too many are named by one step for all entries. Entries that are
    /// wanted whole stay, unless they are too many themselves: one of them must not make the whole list be read.
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

    /// Leaves at most this many patterns. The smallest branches keep theirs.
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

impl FromIterator<Pattern> for ReadSet {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut all = Self::default();
        for pattern in patterns {
            all.merge(
                pattern.steps.into_iter().rev().fold(Self::whole(), |below, step| Self {
                    below: vec![(step, below)],
                    ..Self::default()
                }),
            );
        }
        all
    }
}

/// Drops each pattern that another one covers.
fn without_covered(patterns: Vec<Pattern>) -> Vec<Pattern> {
    // A pattern that covers another has fewer steps, or gives fewer values.
    let mut order: Vec<usize> = (0..patterns.len()).collect();
    order.sort_by_key(|&index| patterns.get(index).map(|pattern| (pattern.steps.len(), pattern.values())));
    let (mut coverage, mut kept) = (Coverage::default(), HashSet::new());
    for index in order {
        if let Some(pattern) = patterns.get(index).filter(|pattern| !coverage.covers(pattern)) {
            coverage.insert(pattern);
            kept.insert(index);
        }
    }
    let numbered = patterns.into_iter().enumerate();
    numbered.filter_map(|(index, pattern)| kept.contains(&index).then_some(pattern)).collect()
}

/// Whether a step gives the value of a key, or of a leaf-list entry.
fn is_entry(step: &PatternStep) -> bool {
    step.values() > 0
}

/// The step for all entries of the list.
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

    /// A path of steps, each a name or a name and the value of its key.
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
    fn pattern_that_another_covers_is_left_out() {
        let paths = ["a/b", "a/b/c", "a/d=1", "a/d=2/e", "a/b", "a/d=1/e"].map(str::to_owned);
        assert_eq!(patterns(paths, 9), ["/a/b", "/a/d[k='1']", "/a/d[k='2']/e"]);
        let paths = ["a/d=1", "a/d", "a/d=2/e"].map(str::to_owned);
        assert_eq!(patterns(paths, 9), ["/a/d"]);
    }

    #[test]
    fn list_of_which_many_entries_are_named_is_read_as_a_whole() {
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
    fn read_set_keeps_to_the_maximum_of_patterns() {
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
        /// Values from a wide range, so that lists are widened, too.
        #[test]
        fn patterns_cover_all_that_was_added_and_are_few(
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
