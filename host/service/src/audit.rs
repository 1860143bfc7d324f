//! What happens to modules and commits: told to whoever listens, counted, and written to the log.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::status::{self, EventCounts};

/// How many events may wait for a listener that is slower than they come.
const BEHIND: usize = 1024;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Its number since the daemon has started, from 1, without gaps.
    pub number: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are what their names say")]
pub enum EventKind {
    /// A module was loaded that was not there before.
    Load { module: String, version: String, digest: String },
    /// A version took the place of another.
    Swap { module: String, from: String, to: String },
    /// An operator went back to an older version.
    Rollback { module: String, from: String, to: String },
    /// A file was refused; what ran before goes on.
    Refusal { module: String, file: String, error: String },
    /// A limit ended a run.
    Limit { module: String, version: String, instance: String, limit: String, error: String },
    /// A run ended in a trap.
    Trap { module: String, version: String, instance: String, error: String },
    /// A module was set aside.
    Quarantine { module: String, reason: String },
    /// It runs again.
    Release { module: String },
    /// An operator has enabled a module.
    Enable { module: String },
    /// An operator has disabled it.
    Disable { module: String },
    /// A module's file is gone.
    Retire { module: String },
    /// An operator wants no more of it.
    Forget { module: String },
    /// A hook did not succeed.
    HookFailure { module: String, hook: String, instance: String, error: String },
    /// The controller is served.
    Connected { socket: String },
    /// It is not any more.
    Disconnected { error: String },
    /// A transaction that a daemon left behind was ended, or that was tried.
    Abandoned { tid: u64, ended: bool },
    /// A commit was answered.
    Commit { tid: u64, user: Option<String>, elapsed_us: u64, error: Option<String> },
}

impl EventKind {
    /// One word: one of a few, so also for the label of a metric.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Load { .. } => "load",
            Self::Swap { .. } => "swap",
            Self::Rollback { .. } => "rollback",
            Self::Refusal { .. } => "refusal",
            Self::Limit { .. } => "limit",
            Self::Trap { .. } => "trap",
            Self::Quarantine { .. } => "quarantine",
            Self::Release { .. } => "release",
            Self::Enable { .. } => "enable",
            Self::Disable { .. } => "disable",
            Self::Retire { .. } => "retire",
            Self::Forget { .. } => "forget",
            Self::HookFailure { .. } => "hook-failure",
            Self::Connected { .. } => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Abandoned { .. } => "abandoned",
            Self::Commit { .. } => "commit",
        }
    }
}

/// Tells, counts and logs events.
#[derive(Debug)]
pub(crate) struct Audit {
    told: Mutex<EventTotals>,
    listeners: broadcast::Sender<AuditEvent>,
}

#[derive(Debug, Default)]
struct EventTotals {
    number: u64,
    events: BTreeMap<&'static str, u64>,
    limits: BTreeMap<String, u64>,
}

impl Audit {
    pub(crate) fn new() -> Self {
        Self { told: Mutex::default(), listeners: broadcast::Sender::new(BEHIND) }
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<AuditEvent> {
        self.listeners.subscribe()
    }

    pub(crate) fn tell(&self, what: EventKind) {
        log(&what);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.number += 1;
        *told.events.entry(what.kind()).or_default() += 1;
        if let EventKind::Limit { limit, .. } = &what {
            *told.limits.entry(limit.clone()).or_default() += 1;
        }
        // Under the lock, so that they come in the order of their numbers. Nobody has to listen.
        let _ = self.listeners.send(AuditEvent { number: told.number, at: status::now(), what });
    }

    pub(crate) fn counts(&self) -> EventCounts {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let events = told.events.iter().map(|(&kind, &count)| (kind.to_owned(), count)).collect();
        EventCounts { events, limits: told.limits.clone() }
    }
}

/// One line of the log for each event, whose `target` is `audit`.
fn log(what: &EventKind) {
    /// The same fields for every level.
    macro_rules! line {
        ($level:ident, $text:literal $(, $field:ident)*) => {
            tracing::$level!(target: "audit", $($field,)* $text)
        };
    }
    match what {
        EventKind::Load { module, version, digest } => line!(info, "module loaded", module, version, digest),
        EventKind::Swap { module, from, to } => line!(info, "module swapped", module, from, to),
        EventKind::Rollback { module, from, to } => line!(info, "module rolled back", module, from, to),
        EventKind::Refusal { module, file, error } => line!(error, "module refused", module, file, error),
        EventKind::Limit { module, version, instance, limit, error } => {
            line!(warn, "limit reached", module, version, instance, limit, error)
        }
        EventKind::Trap { module, version, instance, error } => {
            line!(warn, "module trapped", module, version, instance, error)
        }
        EventKind::Quarantine { module, reason } => line!(error, "module quarantined", module, reason),
        EventKind::Release { module } => line!(info, "module released from quarantine", module),
        EventKind::Enable { module } => line!(info, "module enabled", module),
        EventKind::Disable { module } => line!(info, "module disabled", module),
        EventKind::Retire { module } => line!(warn, "module retired: its file is gone", module),
        EventKind::Forget { module } => line!(info, "module forgotten", module),
        EventKind::HookFailure { module, hook, instance, error } => {
            line!(warn, "hook failed", module, hook, instance, error)
        }
        EventKind::Connected { socket } => line!(info, "serving the controller", socket),
        EventKind::Disconnected { error } => line!(warn, "the controller is lost", error),
        EventKind::Abandoned { tid, ended } => {
            line!(warn, "found a commit that its daemon had left", tid, ended)
        }
        EventKind::Commit { tid, user, elapsed_us, error: None } => {
            line!(info, "commit done", tid, user, elapsed_us)
        }
        EventKind::Commit { tid, user, elapsed_us, error } => {
            line!(warn, "commit failed", tid, user, elapsed_us, error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_numbered_counted_and_read_back() {
        let audit = Audit::new();
        let mut listener = audit.listen();
        audit.tell(EventKind::Retire { module: "x".into() });
        let limit = EventKind::Limit {
            module: "x".into(),
            version: "1".into(),
            instance: "i".into(),
            limit: "fuel".into(),
            error: "e".into(),
        };
        audit.tell(limit.clone());
        audit.tell(limit);
        let counts = audit.counts();
        assert_eq!((counts.events["retire"], counts.events["limit"], counts.limits["fuel"]), (1, 2, 2));
        let first = listener.try_recv().unwrap();
        let json = serde_json::to_value(&first).unwrap();
        assert_eq!(
            (&json["number"], &json["event"], &json["module"]),
            (&1.into(), &"retire".into(), &"x".into())
        );
        assert_eq!(serde_json::from_value::<AuditEvent>(json).unwrap(), first);
        assert_eq!(listener.try_recv().unwrap().number, 2);
    }
}
