//! Events of modules and commits: sent to subscribers, counted, and logged.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::status::{self, EventCounts};

/// How many events wait for a subscriber that is slower than they come.
const BUFFERED_EVENTS: usize = 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The event's number since the start of the daemon, from 1, without gaps.
    pub number: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are what their names say")]
pub enum EventKind {
    /// A new module was loaded.
    Load { module: String, version: String, digest: String },
    /// A version replaced another.
    Swap { module: String, from: String, to: String },
    /// An operator rolled back to an older version.
    Rollback { module: String, from: String, to: String },
    /// A file was refused; the previous version keeps running.
    Refusal { module: String, file: String, error: String },
    /// A limit ended a run.
    Limit { module: String, version: String, instance: String, limit: String, error: String },
    /// A run ended in a trap.
    Trap { module: String, version: String, instance: String, error: String },
    /// A module was quarantined.
    Quarantine { module: String, reason: String },
    /// An operator released a module from quarantine.
    Release { module: String },
    /// An operator enabled a module.
    Enable { module: String },
    /// An operator disabled a module.
    Disable { module: String },
    /// A module's file is gone.
    Retire { module: String },
    /// An operator removed a retired module from the list.
    Forget { module: String },
    /// A version claims lists that others serve: it waits for an operator.
    Hold { module: String, version: String, reason: String },
    /// An operator lets a module serve the lists that it claims.
    Approve { module: String },
    /// A module's file was renamed; its state is that of the module with the old name.
    Rename { module: String, from: String },
    /// A hook failed.
    HookFailure { module: String, hook: String, instance: String, error: String },
    /// The controller is served.
    Connected { socket: String },
    /// The connection to the controller was lost.
    Disconnected { error: String },
    /// A transaction that a previous daemon left behind was ended, or could not be.
    Abandoned { tid: u64, ended: bool },
    /// A commit was answered.
    Commit { tid: u64, user: Option<String>, elapsed_us: u64, error: Option<String> },
}

impl EventKind {
    /// Returns the kind as one word, for people and for the label of a metric.
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
            Self::Hold { .. } => "hold",
            Self::Approve { .. } => "approve",
            Self::Rename { .. } => "rename",
            Self::HookFailure { .. } => "hook-failure",
            Self::Connected { .. } => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Abandoned { .. } => "abandoned",
            Self::Commit { .. } => "commit",
        }
    }
}

/// Counts and logs events, and sends them to subscribers.
#[derive(Debug)]
pub(crate) struct Audit {
    totals: Mutex<EventTotals>,
    subscribers: broadcast::Sender<AuditEvent>,
}

#[derive(Debug, Default)]
struct EventTotals {
    number: u64,
    events: BTreeMap<&'static str, u64>,
    limits: BTreeMap<String, u64>,
}

impl Audit {
    pub(crate) fn new() -> Self {
        Self { totals: Mutex::default(), subscribers: broadcast::Sender::new(BUFFERED_EVENTS) }
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<AuditEvent> {
        self.subscribers.subscribe()
    }

    pub(crate) fn record(&self, what: EventKind) {
        log(&what);
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.number += 1;
        *totals.events.entry(what.kind()).or_default() += 1;
        if let EventKind::Limit { limit, .. } = &what {
            *totals.limits.entry(limit.clone()).or_default() += 1;
        }
        // Sent under the lock, in the order of the numbers. Fails if nobody has subscribed.
        let _ = self.subscribers.send(AuditEvent { number: totals.number, at: status::now(), what });
    }

    pub(crate) fn counts(&self) -> EventCounts {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let events = totals.events.iter().map(|(&kind, &count)| (kind.to_owned(), count)).collect();
        EventCounts { events, limits: totals.limits.clone() }
    }
}

/// Logs an event with the target `audit`.
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
        EventKind::Hold { module, version, reason } => line!(warn, "module held", module, version, reason),
        EventKind::Approve { module } => line!(info, "module approved", module),
        EventKind::Rename { module, from } => {
            line!(info, "module renamed: its state is carried over", module, from)
        }
        EventKind::HookFailure { module, hook, instance, error } => {
            line!(warn, "hook failed", module, hook, instance, error)
        }
        EventKind::Connected { socket } => line!(info, "serving the controller", socket),
        EventKind::Disconnected { error } => line!(warn, "lost the connection to the controller", error),
        EventKind::Abandoned { tid, ended } => {
            line!(warn, "a previous daemon left a commit behind", tid, ended)
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
        let mut subscriber = audit.subscribe();
        audit.record(EventKind::Retire { module: "x".into() });
        let limit = EventKind::Limit {
            module: "x".into(),
            version: "1".into(),
            instance: "i".into(),
            limit: "fuel".into(),
            error: "e".into(),
        };
        audit.record(limit.clone());
        audit.record(limit);
        let counts = audit.counts();
        assert_eq!((counts.events["retire"], counts.events["limit"], counts.limits["fuel"]), (1, 2, 2));
        let first = subscriber.try_recv().unwrap();
        let json = serde_json::to_value(&first).unwrap();
        assert_eq!(
            (&json["number"], &json["event"], &json["module"]),
            (&1.into(), &"retire".into(), &"x".into())
        );
        assert_eq!(serde_json::from_value::<AuditEvent>(json).unwrap(), first);
        assert_eq!(subscriber.try_recv().unwrap().number, 2);
    }
}
