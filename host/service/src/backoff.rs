//! How long to wait before another attempt.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// Doubles from a first wait to a longest one. Each wait is between half of that and all of it, so that daemons
/// that lost a controller together do not return together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    wait: Duration,
    attempts: u64,
    random: RandomState,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, wait: first, attempts: 0, random: RandomState::new() }
    }

    /// Between attempts to connect to a controller that is away.
    pub(crate) fn for_controller() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(15))
    }

    pub(crate) fn reset(&mut self) {
        self.wait = self.first;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(self.longest);
        self.attempts += 1;
        let permille = u32::try_from(self.random.hash_one(self.attempts) % 500).unwrap_or(0);
        wait / 2 + wait * permille / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_bound_and_resets() {
        const FIRST: Duration = Duration::from_millis(100);
        const LONGEST: Duration = Duration::from_secs(15);
        let mut backoff = Backoff::for_controller();
        let mut bound = FIRST;
        for _ in 0..20 {
            let wait = backoff.next();
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} {bound:?}");
            bound = (bound * 2).min(LONGEST);
        }
        assert_eq!(bound, LONGEST);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
