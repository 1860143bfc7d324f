//! What modules read of the datastore besides what each commit reads in advance.

use confine_tree::{Coverage, CoverageFront, HashSet, Pattern};

use crate::patterns::size;

/// The most bytes of paths that are kept of one instance. A module that reads more reads it on demand each time.
const MOST: usize = 16 << 10;

/// What the runs of one instance ask for, so that the next commit may read it in advance. Bounded, as modules choose it.
#[derive(Default)]
pub(crate) struct OnDemandReads {
    /// What each commit reads in advance.
    in_advance: Coverage,
    seen: HashSet<Pattern>,
    /// In the order of the calls.
    asked: Vec<Pattern>,
    bytes: usize,
}

impl OnDemandReads {
    /// Adds what each commit reads in advance.
    pub(crate) fn read_in_advance(&mut self, patterns: &[Pattern]) {
        patterns.iter().for_each(|pattern| self.in_advance.insert(pattern));
    }

    /// Notes what a call reads. Returns what that costs.
    pub(crate) fn note(&mut self, wanted: &[Pattern]) -> usize {
        let mut cost = 0;
        for pattern in wanted {
            let front = CoverageFront::top();
            let front = pattern.steps.iter().fold(front, |front, step| self.in_advance.step(&front, step));
            cost += pattern.steps.len() + front.visited();
            if self.in_advance.is_whole(&front) || self.bytes > MOST || self.seen.contains(pattern) {
                continue;
            }
            self.bytes += size(pattern);
            self.seen.insert(pattern.clone());
            self.asked.push(pattern.clone());
        }
        cost
    }

    /// Returns what was noted since the last call; nothing if it is too much.
    pub(crate) fn take(&mut self) -> Vec<Pattern> {
        let Self { seen, asked, bytes, .. } = self;
        seen.clear();
        let asked = std::mem::take(asked);
        if std::mem::take(bytes) > MOST { Vec::new() } else { asked }
    }
}

#[cfg(test)]
mod tests {
    use confine_tree::{PatternStep, QName};

    use super::*;

    #[test]
    fn noted_paths_are_bounded() {
        let mut reads = OnDemandReads::default();
        for number in 0..20_000 {
            let step = PatternStep::new(QName::new("urn:x", &format!("leaf-{number}")));
            reads.note(&[Pattern { steps: vec![step] }]);
        }
        assert!(reads.asked.iter().map(size).sum::<usize>() < 2 * MOST);
        assert_eq!(reads.take(), []);
        reads.note(&[Pattern::default()]);
        assert_eq!(reads.take(), [Pattern::default()], "of the next instance");
    }
}
