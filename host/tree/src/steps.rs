//! Counts the steps of long work, and ends it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::Error;

/// Tells long work to stop. Clones share the signal.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Makes all work that has this signal stop at its next step.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether the work should stop.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts the steps of work whose length somebody else decides, and ends it when it should stop.
///
/// A loop over what a module, a device or a datastore can make long takes a step each time round. Tests compare the steps
/// for once and four times as much.
#[derive(Clone, Debug, Default)]
pub struct StepCounter {
    taken: u64,
    stop: StopSignal,
}

impl StepCounter {
    /// A counter that ends the work when `stop` says so.
    pub fn new(stop: StopSignal) -> Self {
        Self { taken: 0, stop }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn step(&mut self) -> Result<(), Error> {
        self.steps(1)
    }

    /// Takes several steps at once.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn steps(&mut self, count: usize) -> Result<(), Error> {
        self.taken = self.taken.saturating_add(count as u64);
        if self.stop.is_stopped() { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Returns the number of steps so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopped_work_ends_at_its_next_step() {
        let stop = StopSignal::default();
        let mut counter = StepCounter::new(stop.clone());
        counter.step().unwrap();
        counter.steps(3).unwrap();
        assert_eq!(counter.taken(), 4);
        stop.stop();
        assert_eq!(counter.step().unwrap_err().to_string(), "the work was stopped");
    }
}
