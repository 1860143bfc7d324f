//! Reproducible random numbers.

use std::time::{Duration, SystemTime};

/// The environment variable with the seed.
const VARIABLE: &str = "CONFINE_SOAK_SEED";

/// A random number generator (SplitMix64) for the moments of a test.
pub(crate) struct SeededRandom(u64);

impl SeededRandom {
    /// Takes the seed from the environment, or a new one each time, and prints it.
    pub(crate) fn new() -> Self {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64;
        let seed = std::env::var(VARIABLE).map_or_else(|_| now(), |seed| seed.parse().unwrap());
        eprintln!("the moments are those of {VARIABLE}={seed}");
        Self(seed)
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns another generator, whose numbers do not depend on how often this one is used.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.throw())
    }

    /// Returns a number from 0 to below `count`.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.throw() % count
    }

    /// Returns a duration below this one.
    pub(crate) fn moment(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64))
    }

    /// Puts these things in a random order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
