//! Timestamps.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

/// Where the controller's timestamps come from. Timeouts are not its matter.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that shows `next` and moves on by `step` each time that it is looked at, so that a session
    /// played twice has the same timestamps.
    Steps {
        /// What it shows next.
        next: SystemTime,
        /// How far it moves when it is looked at.
        step: Duration,
    },
}

impl Clock {
    /// A clock that begins at 2026-01-01T00:00:00Z and moves on by a millisecond.
    pub fn steps() -> Self {
        Self::Steps {
            next: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600),
            step: Duration::from_millis(1),
        }
    }

    /// The time in the controller's form of RFC 3339: UTC, with microseconds.
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
    fn a_stepping_clock_is_the_same_each_time() {
        let mut clock = Clock::steps();
        assert_eq!(clock.now(), "2026-01-01T00:00:00.000000Z");
        assert_eq!(clock.now(), "2026-01-01T00:00:00.001000Z");
    }
}
