//! When a module is set aside.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How many runs of a module may end by a limit or in a trap, within what time, before it is set aside:
/// each of them costs a user a commit, and the controller its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantinePolicy {
    /// So many are too many; none for never.
    pub failures: Option<u32>,
    /// Those that are longer ago do not count.
    pub window: Duration,
}

impl Default for QuarantinePolicy {
    fn default() -> Self {
        Self { failures: Some(5), window: Duration::from_secs(600) }
    }
}

/// When a module failed so.
#[derive(Debug, Default)]
pub(crate) struct FaultHistory(VecDeque<Instant>);

impl FaultHistory {
    /// One more. True if that is too many.
    pub(crate) fn add(&mut self, now: Instant, quarantine: &QuarantinePolicy) -> bool {
        let Some(most) = quarantine.failures else { return false };
        self.0.retain(|&fault| now.saturating_duration_since(fault) < quarantine.window);
        self.0.push_back(now);
        self.0.len() >= most as usize
    }

    /// None of them counts any more.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_within_the_window_are_too_many() {
        let quarantine = QuarantinePolicy { failures: Some(3), window: Duration::from_secs(10) };
        let began = Instant::now();
        let mut faults = FaultHistory::default();
        let mut add = |second| faults.add(began + Duration::from_secs(second), &quarantine);
        assert_eq!([add(0), add(1), add(10)], [false, false, false]);
        assert!(add(10), "the one at 1 still counts");
        assert_eq!([add(30), add(30)], [false, false]);
        assert!(add(39));
        faults.clear();
        assert!(!faults.add(began + Duration::from_secs(39), &quarantine));
    }

    #[test]
    fn there_need_not_be_any() {
        let never = QuarantinePolicy { failures: None, window: Duration::MAX };
        let mut faults = FaultHistory::default();
        assert!((0..1000).all(|_| !faults.add(Instant::now(), &never)));
    }
}
