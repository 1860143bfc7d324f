//! How the runs of a module went.

use confine_sandbox::{EntryPoint, FailureCause, LimitPer, Module, RunReport};
use confine_view::InstanceRef;

use crate::{
    EventKind,
    status::{self, DroppedLogLines, LastError, RunUsage, microseconds},
};

/// How the runs of a module went.
#[derive(Default)]
pub(crate) struct RunStatistics {
    pub(crate) runs: u64,
    pub(crate) failures: u64,
    pub(crate) hook_runs: u64,
    pub(crate) hook_failures: u64,
    pub(crate) last_error: Option<LastError>,
    pub(crate) last_run: Option<RunUsage>,
    pub(crate) worst_run: Option<RunUsage>,
    pub(crate) log_dropped: Option<DroppedLogLines>,
    /// How many of them were reported.
    reported: u64,
}

impl RunStatistics {
    /// Another version runs from now on.
    pub(crate) fn version_changed(&mut self) {
        self.last_run = None;
        self.worst_run = None;
        (self.log_dropped, self.reported) = (None, 0);
    }

    /// Returns how many log lines were dropped in a transaction that were not taken yet.
    pub(crate) fn take_dropped_lines(&mut self, tid: u64) -> u64 {
        let dropped = self.log_dropped.as_ref().filter(|dropped| dropped.tid == tid);
        let lines = dropped.map_or(0, |dropped| dropped.lines - self.reported);
        self.reported += lines;
        lines
    }

    /// Counts a run. What it used is kept if it was of the current version.
    pub(crate) fn count(
        &mut self,
        tid: u64,
        entry: EntryPoint,
        instance: &InstanceRef,
        run: &RunReport,
        is_current: bool,
    ) {
        let is_hook = match entry {
            EntryPoint::Apply => false,
            EntryPoint::Hook(_) => true,
        };
        match is_hook {
            true => self.hook_runs += 1,
            false => self.runs += 1,
        }
        if is_current {
            let usage = RunUsage {
                tid,
                instance: instance.to_string(),
                fuel: run.usage.fuel,
                wall_us: microseconds(run.usage.wall_clock),
                memory: run.usage.memory,
            };
            if self.worst_run.as_ref().is_none_or(|worst| worst.fuel <= usage.fuel) {
                self.worst_run = Some(usage.clone());
            }
            self.last_run = Some(usage);
        }
        if run.log_dropped > 0 {
            let dropped = self.log_dropped.get_or_insert(DroppedLogLines { tid, lines: 0 });
            if dropped.tid != tid {
                (*dropped, self.reported) = (DroppedLogLines { tid, lines: 0 }, 0);
            }
            dropped.lines = dropped.lines.saturating_add(run.log_dropped);
        }
        let Err(failure) = &run.outcome else { return };
        match is_hook {
            true => self.hook_failures += 1,
            false => self.failures += 1,
        }
        self.last_error = Some(LastError { at: status::now(), tid, error: failure.to_string() });
    }
}

/// Returns the event of a run that a limit or a trap has ended.
pub(crate) fn fault_event(
    module: &Module,
    instance: &InstanceRef,
    cause: &FailureCause,
    error: &str,
) -> Option<EventKind> {
    let (name, version) = (module.name().to_string(), module.description().version.to_string());
    let (instance, error) = (instance.to_string(), error.to_owned());
    match cause {
        FailureCause::Limit(reached) => {
            let limit = reached.limit.name().to_owned();
            Some(EventKind::Limit { module: name, version, instance, limit, error })
        }
        FailureCause::Trap(_) => Some(EventKind::Trap { module: name, version, instance, error }),
        FailureCause::Refused(_) | FailureCause::Host(_) => None,
    }
}

/// Returns whether a run failed through the module's own fault. It is not if others have used up the commit's time.
pub(crate) fn is_fault(cause: &FailureCause) -> bool {
    match cause {
        FailureCause::Limit(reached) => match reached.per {
            LimitPer::Commit | LimitPer::Instance | LimitPer::Call => true,
            LimitPer::Answer => false,
        },
        FailureCause::Trap(_) => true,
        FailureCause::Refused(_) | FailureCause::Host(_) => false,
    }
}
