//! How long to wait before trying again.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// Doubles from a first wait to a longest one; each wait is between half of that and all of it, so that
/// daemons that lost a controller together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    wait: Duration,
    tries: u64,
    random: RandomState,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, wait: first, tries: 0, random: RandomState::new() }
    }

    pub(crate) fn reset(&mut self) {
        self.wait = self.first;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(self.longest);
        self.tries += 1;
        let permille = u32::try_from(self.random.hash_one(self.tries) % 500).unwrap_or(0);
        wait / 2 + wait * permille / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_anew() {
        const FIRST: Duration = Duration::from_millis(100);
        const LONGEST: Duration = Duration::from_secs(15);
        let mut backoff = Backoff::new(FIRST, LONGEST);
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
