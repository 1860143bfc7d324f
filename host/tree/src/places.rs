//! Places to read, as few as it takes.

use std::collections::BTreeMap;

use crate::{Pattern, PatternStep};

/// From this many entries of one list on, all of it is read: one request with thousands of paths costs the
/// backend more than what it need not have read.
const WIDEN: usize = 64;

/// Places to read, as a tree of steps: what many paths have in common is kept once.
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    /// All that is here and below is to be read.
    whole: bool,
    /// A step may be there twice until they are [settled](Self::settle).
    below: Vec<(PatternStep, Self)>,
    /// How many places there are, once they are settled.
    count: usize,
}

impl ReadSet {
    /// One place with all below it.
    pub(crate) fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// Adds what is one step further down.
    pub(crate) fn push(&mut self, step: PatternStep, below: Self) {
        if below.whole || !below.below.is_empty() {
            self.below.push((step, below));
        }
    }

    /// Adds the places of another.
    pub(crate) fn merge(&mut self, other: Self) {
        self.whole |= other.whole;
        self.below.extend(other.below);
    }

    /// The patterns of all places, at most so many (and at least one): of a list of which there are many
    /// entries, all entries; and where that is not few enough, what those places have in common that are most.
    /// They match all that was added, and may match more.
    pub fn patterns(mut self, most: usize) -> Vec<Pattern> {
        self.settle();
        self.bound(most);
        let mut patterns = Vec::with_capacity(self.count);
        self.collect(&mut Pattern::default(), &mut patterns);
        patterns
    }

    /// Each step once and in order, and one place for all entries where there are many of one list.
    fn settle(&mut self) {
        if self.whole {
            *self = Self { count: 1, ..Self::whole() };
            return;
        }
        self.join();
        let mut counts: BTreeMap<PatternStep, usize> = BTreeMap::new();
        for (step, _) in self.below.iter().filter(|(step, _)| is_entry(step)) {
            *counts.entry(opened(step)).or_default() += 1;
        }
        counts.retain(|_, count| *count >= WIDEN);
        if !counts.is_empty() {
            for (step, _) in &mut self.below {
                let opened = opened(step);
                if counts.contains_key(&opened) {
                    *step = opened;
                }
            }
            self.join();
        }
        // As deep as paths are, which who parses them bounds.
        self.below.iter_mut().for_each(|(_, place)| place.settle());
        self.count = self.below.iter().map(|(_, place)| place.count).sum();
    }

    fn join(&mut self) {
        self.below.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.below.dedup_by(|(step, place), (before, into)| {
            let same = step == before;
            if same {
                into.merge(std::mem::take(place));
            }
            same
        });
    }

    /// Leaves at most so many. What has least below it keeps what it has.
    fn bound(&mut self, most: usize) {
        if self.count <= most {
            return;
        }
        if self.below.len() > most {
            *self = Self { count: 1, ..Self::whole() };
            return;
        }
        let mut below: Vec<&mut Self> = self.below.iter_mut().map(|(_, place)| place).collect();
        below.sort_by_key(|place| place.count);
        let (mut left, mut places) = (most, below.len());
        for place in below {
            place.bound(left / places.max(1));
            left = left.saturating_sub(place.count);
            places -= 1;
        }
        self.count = most - left;
    }

    fn collect(self, path: &mut Pattern, patterns: &mut Vec<Pattern>) {
        if self.whole {
            patterns.push(path.clone());
        }
        for (step, place) in self.below {
            path.steps.push(step);
            place.collect(path, patterns);
            path.steps.pop();
        }
    }
}

impl FromIterator<Pattern> for ReadSet {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut places = Self::default();
        for pattern in patterns {
            places.merge(
                pattern.steps.into_iter().rev().fold(Self::whole(), |below, step| Self {
                    below: vec![(step, below)],
                    ..Self::default()
                }),
            );
        }
        places
    }
}

fn is_entry(step: &PatternStep) -> bool {
    step.keys.iter().any(|(_, value)| value.is_some()) || matches!(step.entry, Some(Some(_)))
}

/// The step without the values of its keys.
fn opened(step: &PatternStep) -> PatternStep {
    let mut opened = step.clone();
    opened.keys.iter_mut().for_each(|(_, value)| *value = None);
    if let Some(value) = &mut opened.entry {
        *value = None;
    }
    opened
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QName;

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
        let places: ReadSet = paths.into_iter().map(|text| path(&text)).collect();
        places.patterns(most).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_in_another_is_left_out() {
        let paths = ["a/b", "a/b/c", "a/d=1", "a/d=2/e", "a/b", "a/d=1/e"].map(str::to_owned);
        assert_eq!(patterns(paths, 9), ["/a/b", "/a/d[k='1']", "/a/d[k='2']/e"]);
    }

    #[test]
    fn many_entries_of_a_list_are_all_of_them() {
        let entries = |count: usize| (0..count).map(|n| format!("a/l={n}/{}", ["b", "c"][n % 2]));
        assert_eq!(patterns(entries(WIDEN - 1), 100).len(), WIDEN - 1);
        assert_eq!(patterns(entries(WIDEN), 100), ["/a/l[k]/b", "/a/l[k]/c"]);
        let nested = (0..WIDEN).map(|n| format!("a/l={n}/m={n}"));
        assert_eq!(patterns(nested, 100), ["/a/l[k]/m[k]"]);
    }

    #[test]
    fn there_are_never_more_than_may_be() {
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
}
