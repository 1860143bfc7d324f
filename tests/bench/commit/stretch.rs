//! The stretch of a commit in which the services daemon computes: from the notification to the answer.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use confine_test_support::tap::RequestTap;

use crate::process::ProcessClock;

/// Reads processor times as the two messages pass on the wire.
#[derive(Clone, Default)]
pub(crate) struct Stretch(Arc<Mutex<Times>>);

#[derive(Default)]
struct Times {
    clocks: Option<[ProcessClock; 2]>,
    notified: Option<[Duration; 2]>,
    answered: Option<[Duration; 2]>,
}

impl Stretch {
    /// Watches a wire.
    pub(crate) fn of(wire: &RequestTap) -> Self {
        let stretch = Self::default();
        let watching = stretch.clone();
        wire.probe(move |message| watching.see(message));
        stretch
    }

    /// Begins a commit that the first of these processes answers.
    pub(crate) fn begin(&self, own: ProcessClock, controller: ProcessClock) {
        *self.0.lock().unwrap() = Times { clocks: Some([own, controller]), ..Times::default() };
    }

    /// Returns the milliseconds of both since the notification until the answer.
    pub(crate) fn end(&self) -> (f64, f64) {
        let times = std::mem::take(&mut *self.0.lock().unwrap());
        let (Some([own, controller]), Some(answered)) = (times.notified, times.answered) else {
            panic!("no notification and no answer were seen");
        };
        let milliseconds = |from: Duration, to: Duration| (to - from).as_secs_f64() * 1e3;
        (milliseconds(own, answered[0]), milliseconds(controller, answered[1]))
    }

    fn see(&self, message: &[u8]) {
        let mut times = self.0.lock().unwrap();
        let Some(clocks) = times.clocks else { return };
        // What matters is at the beginning of both.
        let start = String::from_utf8_lossy(&message[..message.len().min(1 << 10)]);
        if times.notified.is_none() && start.contains("<services-commit") {
            times.notified = Some(clocks.map(ProcessClock::now));
        } else if times.answered.is_none() && start.contains("<transaction-actions-done") {
            times.answered = Some(clocks.map(ProcessClock::now));
        }
    }
}
