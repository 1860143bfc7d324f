//! The state of the daemon as values that are written as JSON and read back.
//!
//! Durations are in microseconds of a monotonic clock. Points in time are RFC 3339 in UTC, for people: they are as
//! good as the system's clock.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The state of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Seconds since the start.
    pub uptime_s: u64,
    /// The connection to the controller.
    pub connection: ConnectionStatus,
    /// The commits so far.
    pub commits: CommitCounts,
    /// Every known module by name, also those that do not run.
    pub modules: Vec<ModuleStatus>,
    /// The access control rules for modules that do not work.
    #[serde(default)]
    pub broken_rules: Vec<BrokenRule>,
    /// Whether the controller keeps what stood on devices before instances changed it; none as long as that is not known.
    #[serde(default)]
    pub keeps_originals: Option<bool>,
    /// What instances had created and no instance owns any more.
    #[serde(default)]
    pub orphans: OrphansStatus,
    /// How often each kind of event has happened.
    pub counts: EventCounts,
}

/// What instances had created when they were deleted, or lost their `created` lists, without a commit of services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrphansStatus {
    /// Whether they are known: false if what instances have created cannot be kept in the state directory, or the last search has
    /// failed.
    pub are_looked_for: bool,
    /// How many instances have lost something.
    pub instances: usize,
    /// The first of them.
    pub shown: Vec<OrphanStatus>,
}

/// What one instance has lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrphanStatus {
    /// The instance, as a commit names it.
    pub instance: String,
    /// Whether the instance is gone.
    pub is_deleted: bool,
    /// How many objects are still on devices.
    pub objects: usize,
    /// The path of the first one.
    pub first: String,
}

/// A rule of access control that cannot be applied as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BrokenRule {
    /// Where the rule is: `/nacm` in backticks, or the name of the operator's file.
    pub source: String,
    /// The name of its rule-list.
    pub rule_list: String,
    /// The name of the rule.
    pub rule: String,
    /// Why it does not work, and what it does instead.
    pub problem: String,
}

/// The connection to the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Whether the controller is connected, with both subscriptions.
    pub connected: bool,
    /// The controller's socket; `None` before the first attempt to connect.
    pub socket: Option<String>,
    /// The host user.
    pub user: Option<String>,
    /// Since when it has been connected, or not.
    pub since: String,
    /// Why it is not connected.
    pub error: Option<String>,
    /// How often the connection was lost.
    pub losses: u64,
}

/// The commits so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitCounts {
    /// Commits answered with "done".
    pub done: u64,
    /// Commits answered with an error.
    pub failed: u64,
    /// The transaction of the commit in progress.
    pub running: Option<u64>,
    /// The last commit that was answered.
    pub last: Option<LastCommit>,
}

/// A commit that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCommit {
    /// The transaction.
    pub tid: u64,
    /// The committing user, if it is known.
    pub user: Option<String>,
    /// When the commit was answered.
    pub at: String,
    /// Time from the notification to the answer.
    pub elapsed_us: u64,
    /// Instances that were run.
    pub instances: usize,
    /// Bytes of the edit.
    pub bytes: usize,
    /// Why the commit failed.
    pub error: Option<String>,
}

/// One module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleStatus {
    /// The module's name: that of its file without `.wasm`.
    pub name: String,
    /// The module's file.
    pub file: String,
    /// Whether the module runs, or why not.
    #[serde(flatten)]
    pub state: ModuleState,
    /// The version that runs or, if it does not run, would.
    pub version: Option<String>,
    /// SHA-256 of that version.
    pub digest: Option<String>,
    /// Bytes of the daemon's memory that this version takes.
    #[serde(default)]
    pub resident: Option<u64>,
    /// The lists under `/services` that this version serves.
    pub services: Vec<String>,
    /// Since when the module has been in this state, with this version.
    pub since: String,
    /// The file that is being loaded, or that waits for it.
    #[serde(default)]
    pub loading: Option<LoadingFile>,
    /// Why the file was refused, if an older version runs instead of it.
    pub refused: Option<RefusedFile>,
    /// The version that waits for an operator, if another one runs.
    #[serde(default)]
    pub held: Option<HeldFile>,
    /// The stored versions, newest first.
    pub kept: Vec<KeptVersion>,
    /// Calls of `apply`.
    pub runs: u64,
    /// Calls of `apply` that failed.
    pub failures: u64,
    /// Calls of hooks.
    pub hook_runs: u64,
    /// Calls of hooks that failed.
    pub hook_failures: u64,
    /// The last log lines of this version that were dropped.
    #[serde(default)]
    pub log_dropped: Option<DroppedLogLines>,
    /// The last call that failed, of a hook or of `apply`.
    pub last_error: Option<LastError>,
    /// The last run of this version.
    pub last_run: Option<RunUsage>,
    /// The run of this version that used the most fuel.
    pub worst_run: Option<RunUsage>,
}

impl ModuleStatus {
    /// Returns whether a version of the module waits for an operator.
    pub fn is_held(&self) -> bool {
        self.held.is_some() || matches!(self.state, ModuleState::Held { .. })
    }
}

impl LastCommit {
    /// A commit of which nothing else is known yet.
    pub(crate) fn new(tid: u64, user: Option<String>) -> Self {
        Self { tid, user, at: String::new(), elapsed_us: 0, instances: 0, bytes: 0, error: None }
    }
}

/// Whether a module runs. If it does not, a commit of its services fails, so that nothing is deleted from devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ModuleState {
    /// The module runs.
    Active,
    /// The first version of the module is being loaded.
    Loading,
    /// An operator has disabled the module.
    Disabled,
    /// No version of the module can be loaded.
    Broken {
        /// Why not.
        error: String,
    },
    /// The module has failed too often.
    Quarantined {
        /// How it failed.
        reason: String,
    },
    /// The module's file is gone.
    Retired,
    /// The module claims lists that are not its own, and waits for an operator.
    Held {
        /// Why, with a hint.
        reason: String,
    },
}

impl ModuleState {
    /// Returns the state as one word, for people and for the label of a metric.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Loading => "loading",
            Self::Disabled => "disabled",
            Self::Broken { .. } => "broken",
            Self::Quarantined { .. } => "quarantined",
            Self::Retired => "retired",
            Self::Held { .. } => "held",
        }
    }
}

/// A file that is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadingFile {
    /// Since when.
    pub since: String,
    /// SHA-256 of the file.
    pub digest: String,
}

/// A file that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFile {
    /// When.
    pub at: String,
    /// Why.
    pub error: String,
}

/// A version that claims lists that are not the module's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFile {
    /// Since when it is held.
    pub at: String,
    /// The version, in the module's own words.
    pub version: String,
    /// SHA-256 of the version's file.
    pub digest: String,
    /// Why it is held, with a hint.
    pub reason: String,
}

/// A stored version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptVersion {
    /// The version, in the module's own words.
    pub version: String,
    /// SHA-256 of the version's file.
    pub digest: String,
    /// Whether this version runs, or would if the module were not suspended.
    pub running: bool,
}

/// Log lines over the limit `log` that were dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedLogLines {
    /// The transaction.
    pub tid: u64,
    /// How many lines all of its runs have lost.
    pub lines: u64,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When.
    pub at: String,
    /// The transaction.
    pub tid: u64,
    /// The error, as the committing user reads it.
    pub error: String,
}

/// What a call used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUsage {
    /// The transaction.
    pub tid: u64,
    /// The instance.
    pub instance: String,
    /// Units of fuel.
    pub fuel: u64,
    /// Wall-clock time.
    pub wall_us: u64,
    /// Bytes of memory and tables.
    pub memory: u64,
}

/// How often each kind of event has happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCounts {
    /// By the kind of the event, see [`EventKind::kind`](crate::EventKind::kind).
    pub events: BTreeMap<String, u64>,
    /// By the name of the limit that was reached.
    pub limits: BTreeMap<String, u64>,
}

/// Returns a point in time as text: RFC 3339, UTC, whole seconds.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    // Fails for years after 9999 only.
    whole.format(&Rfc3339).unwrap_or_default()
}

/// Returns the current time as text.
pub(crate) fn now() -> String {
    timestamp(SystemTime::now())
}

/// Returns a duration in microseconds.
pub(crate) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_status_round_trips_through_json() {
        let module = ModuleStatus {
            name: "x".into(),
            file: "/m/x.wasm".into(),
            state: ModuleState::Quarantined { reason: "5 limits".into() },
            version: Some("1.0.0".into()),
            digest: None,
            resident: None,
            services: vec!["bench".into()],
            since: timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_999)),
            loading: None,
            refused: None,
            held: None,
            kept: vec![],
            runs: 1,
            failures: 1,
            hook_runs: 0,
            hook_failures: 0,
            last_error: None,
            last_run: None,
            worst_run: None,
            log_dropped: None,
        };
        let json = serde_json::to_value(&module).unwrap();
        assert_eq!(json["state"], "quarantined");
        assert_eq!(json["reason"], "5 limits");
        assert_eq!(json["since"], "2026-01-01T00:00:00Z");
        assert_eq!(serde_json::from_value::<ModuleStatus>(json).unwrap(), module);
    }
}
