//! Timestamps.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// The source of the controller's timestamps. It does not affect timeouts.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The system clock.
    #[default]
    System,
    /// A clock that returns `next` and advances by `step` each time it is read, so that a session that is
    /// played twice has the same timestamps.
    Steps {
        /// The next timestamp.
        next: SystemTime,
        /// How far the clock advances each time it is read.
        step: Duration,
    },
}

impl Clock {
    /// Returns a clock that starts at 2026-01-01T00:00:00Z and advances by a millisecond.
    pub fn steps() -> Self {
        Self::Steps {
            next: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600),
            step: Duration::from_millis(1),
        }
    }

    /// Returns the time in the controller's form of RFC 3339: UTC, with microseconds.
    pub(crate) fn now(&mut self) -> String {
        let now = match self {
            Self::System => SystemTime::now(),
            Self::Steps { next, step } => {
                let now = *next;
                *next += *step;
                now
            }
        };
        let now = OffsetDateTime::from(now);
        let (date, hour, minute, second) = (now.date(), now.hour(), now.minute(), now.second());
        format!("{date}T{hour:02}:{minute:02}:{second:02}.{:06}Z", now.microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stepping_clock_advances_from_a_fixed_start() {
        let mut clock = Clock::steps();
        assert_eq!(clock.now(), "2026-01-01T00:00:00.000000Z");
        assert_eq!(clock.now(), "2026-01-01T00:00:00.001000Z");
    }
}
