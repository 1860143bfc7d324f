//! When a module that fails is quarantined.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How many runs of a module may reach a limit or trap within a window before the module is quarantined: each of them
/// costs a user a commit and the controller its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantinePolicy {
    /// This many failures quarantine the module; `None` for never.
    pub failures: Option<u32>,
    /// Older failures do not count.
    pub window: Duration,
}

impl Default for QuarantinePolicy {
    fn default() -> Self {
        Self { failures: Some(5), window: Duration::from_secs(600) }
    }
}

/// When a module failed.
#[derive(Debug, Default)]
pub(crate) struct FaultHistory(VecDeque<Instant>);

impl FaultHistory {
    /// Adds a failure. Returns whether there are too many now.
    pub(crate) fn add(&mut self, now: Instant, quarantine: &QuarantinePolicy) -> bool {
        let Some(most) = quarantine.failures else { return false };
        self.0.retain(|&fault| now.saturating_duration_since(fault) < quarantine.window);
        self.0.push_back(now);
        self.0.len() >= most as usize
    }

    /// Forgets all failures.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_within_the_window_quarantine() {
        let quarantine = QuarantinePolicy { failures: Some(3), window: Duration::from_secs(10) };
        let began = Instant::now();
        let mut faults = FaultHistory::default();
        let mut add = |second| faults.add(began + Duration::from_secs(second), &quarantine);
        assert_eq!([add(0), add(1), add(10)], [false, false, false]);
        assert!(add(10), "the failure at 1 s still counts");
        assert_eq!([add(30), add(30)], [false, false]);
        assert!(add(39));
        faults.clear();
        assert!(!faults.add(began + Duration::from_secs(39), &quarantine));
    }

    #[test]
    fn quarantine_can_be_switched_off() {
        let never = QuarantinePolicy { failures: None, window: Duration::MAX };
        let mut faults = FaultHistory::default();
        assert!((0..1000).all(|_| !faults.add(Instant::now(), &never)));
    }
}
