//! What the daemon says of itself: values that are written as JSON and read back from it.
//!
//! Durations are in microseconds, and come from a clock that nobody sets. Points in time are RFC 3339 in
//! UTC, for people: what is computed with them is as good as the system's clock.

use std::{collections::BTreeMap, time::SystemTime};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The daemon at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Seconds since it has started.
    pub uptime_s: u64,
    /// The controller that it serves.
    pub connection: ConnectionStatus,
    /// What it has done for it.
    pub commits: CommitCounts,
    /// Every module that is known, by name, also those that do not run.
    pub modules: Vec<ModuleStatus>,
    /// How often what has happened.
    pub counts: EventCounts,
}

/// The connection to the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Whether it stands, with both subscriptions.
    pub connected: bool,
    /// The controller's socket; none before the daemon has begun to serve.
    pub socket: Option<String>,
    /// The host user.
    pub user: Option<String>,
    /// Since when it stands, or has not stood.
    pub since: String,
    /// Why it does not stand.
    pub error: Option<String>,
    /// How often it was lost.
    pub losses: u64,
}

/// The commits that were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitCounts {
    /// With "done".
    pub done: u64,
    /// With an error.
    pub failed: u64,
    /// The transaction of the one that is running.
    pub running: Option<u64>,
    /// The last one that was answered.
    pub last: Option<LastCommit>,
}

/// A commit that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCommit {
    /// The transaction.
    pub tid: u64,
    /// Who committed, if that was found out.
    pub user: Option<String>,
    /// When it was answered.
    pub at: String,
    /// From the notification to the answer.
    pub elapsed_us: u64,
    /// How many instances were run.
    pub instances: usize,
    /// The size of the edit.
    pub bytes: usize,
    /// Why it failed.
    pub error: Option<String>,
}

/// One module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleStatus {
    /// Its name, which is that of its file without `.wasm`.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Whether it runs, or why not.
    #[serde(flatten)]
    pub state: ModuleState,
    /// The version that runs or, if it does not run, would.
    pub version: Option<String>,
    /// SHA-256 of that version.
    pub digest: Option<String>,
    /// The lists under `/services` that this version serves.
    pub services: Vec<String>,
    /// Since when it has been in this state, with this version.
    pub since: String,
    /// Why its file is not what runs: it was refused, and an older version goes on.
    pub refused: Option<RefusedFile>,
    /// The versions that can be rolled back to and the one that was kept last, newest first.
    pub kept: Vec<KeptVersion>,
    /// How often it was called for an instance.
    pub runs: u64,
    /// How many of these runs failed.
    pub failures: u64,
    /// How often one of its hooks was called.
    pub hook_runs: u64,
    /// How many of these failed.
    pub hook_failures: u64,
    /// The last run, of a hook too, that failed.
    pub last_error: Option<LastError>,
    /// The last run of this version.
    pub last_run: Option<RunUsage>,
    /// The run of this version that used the most fuel.
    pub worst_run: Option<RunUsage>,
}

/// Whether a module runs. Where it does not, a commit of its services fails, so that nothing is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ModuleState {
    /// It runs.
    Active,
    /// An operator has disabled it.
    Disabled,
    /// No version of it can be loaded.
    Broken {
        /// Why not.
        error: String,
    },
    /// It has failed too often.
    Quarantined {
        /// How.
        reason: String,
    },
    /// Its file is gone.
    Retired,
}

impl ModuleState {
    /// One word, also for the label of a metric.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Broken { .. } => "broken",
            Self::Quarantined { .. } => "quarantined",
            Self::Retired => "retired",
        }
    }
}

/// A file that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFile {
    /// When.
    pub at: String,
    /// Why.
    pub error: String,
}

/// A version that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptVersion {
    /// As the module calls it.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: String,
    /// Whether it is the one that runs or would.
    pub running: bool,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When.
    pub at: String,
    /// The transaction.
    pub tid: u64,
    /// What the user who committed has read.
    pub error: String,
}

/// What a run used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUsage {
    /// The transaction.
    pub tid: u64,
    /// The instance.
    pub instance: String,
    /// Units of fuel.
    pub fuel: u64,
    /// Time on the wall.
    pub wall_us: u64,
    /// Bytes of memory and tables.
    pub memory: u64,
}

/// How often what has happened since the daemon has started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCounts {
    /// By the kind of the event, see [`EventKind::kind`](crate::EventKind::kind).
    pub events: BTreeMap<String, u64>,
    /// By the name of the limit that ended a run.
    pub limits: BTreeMap<String, u64>,
}

/// A point in time as text: RFC 3339, UTC, whole seconds.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    // Years after 9999 cannot be written, and neither can they be waited for.
    whole.format(&Rfc3339).unwrap_or_default()
}

/// The time now, as text.
pub(crate) fn now() -> String {
    timestamp(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_state_stands_beside_the_other_fields_and_is_read_back() {
        let module = ModuleStatus {
            name: "x".into(),
            file: "/m/x.wasm".into(),
            state: ModuleState::Quarantined { reason: "5 limits".into() },
            version: Some("1.0.0".into()),
            digest: None,
            services: vec!["bench".into()],
            since: timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_999)),
            refused: None,
            kept: vec![],
            runs: 1,
            failures: 1,
            hook_runs: 0,
            hook_failures: 0,
            last_error: None,
            last_run: None,
            worst_run: None,
        };
        let json = serde_json::to_value(&module).unwrap();
        assert_eq!(json["state"], "quarantined");
        assert_eq!(json["reason"], "5 limits");
        assert_eq!(json["since"], "2026-01-01T00:00:00Z");
        assert_eq!(serde_json::from_value::<ModuleStatus>(json).unwrap(), module);
    }
}
