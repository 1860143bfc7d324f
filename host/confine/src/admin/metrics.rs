//! The status as numbers, in the text format of Prometheus.
//!
//! Every label has few values: the name of a module, which is that of a file in the module directories, or a word
//! of Confine's own. Users, instances and texts of modules are no labels, so that the number of metrics does not grow
//! with use.

use std::{collections::BTreeMap, fmt};

use confine_service::{
    DaemonStatus,
    status::{ModuleStatus, RunUsage},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use self::MetricKind::{Amount, Count};

/// The content type of a response with metrics.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The states of a module.
const STATES: [&str; 7] = ["active", "loading", "held", "disabled", "broken", "quarantined", "retired"];

/// The metrics of a status.
pub(super) fn text(status: DaemonStatus) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("confine");
    registry.register_collector(Box::new(StatusMetrics(status)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct StatusMetrics(DaemonStatus);

impl Collector for StatusMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let families = daemon_metrics(&self.0).into_iter().chain(module_metrics(&self.0.modules));
        // A family without values is left out.
        for (name, help, kind, values) in families.filter(|(.., values)| !values.is_empty()) {
            let (kind, unit) = match kind {
                Count => (MetricType::Counter, None),
                Amount(unit) => (MetricType::Gauge, unit),
            };
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for (labels, value) in values {
                let encoder = family.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => ConstCounter::new(value as u64).encode(encoder)?,
                    _ => ConstGauge::new(value).encode(encoder)?,
                }
            }
        }
        Ok(())
    }
}

/// What a metric is: a count that only grows, or an amount with its unit, if it has one.
enum MetricKind {
    Count,
    Amount(Option<Unit>),
}

/// Values with their labels.
type LabelledValues<'a> = Vec<(Vec<(&'a str, &'a str)>, f64)>;
/// Name, help, kind and values.
type MetricFamily<'a> = (&'static str, &'static str, MetricKind, LabelledValues<'a>);

fn daemon_metrics(status: &DaemonStatus) -> Vec<MetricFamily<'_>> {
    let DaemonStatus { connection, commits, counts, .. } = status;
    let alone = |value: f64| vec![(Vec::new(), value)];
    let answered = [("done", commits.done), ("failed", commits.failed)];
    let answered = answered.map(|(result, count)| (vec![("result", result)], count as f64));
    let last = commits.last.iter().map(|last| (Vec::new(), seconds(last.elapsed_us))).collect();
    let build = vec![(vec![("version", env!("CARGO_PKG_VERSION"))], 1.0)];
    vec![
        ("build_info", "The program", Amount(None), build),
        (
            "uptime",
            "Time since the daemon started",
            Amount(Some(Unit::Seconds)),
            alone(status.uptime_s as f64),
        ),
        (
            "controller_connected",
            "Whether the daemon is connected to the controller",
            Amount(None),
            alone(truth(connection.connected)),
        ),
        ("controller_losses", "Lost connections to the controller", Count, alone(connection.losses as f64)),
        ("commits", "Answered commits", Count, answered.into()),
        (
            "commit_running",
            "Whether a commit is in progress",
            Amount(None),
            alone(truth(commits.running.is_some())),
        ),
        ("last_commit", "Duration of the last commit", Amount(Some(Unit::Seconds)), last),
        ("events", "Events by kind", Count, each("event", &counts.events)),
        ("limits_reached", "Runs ended by a limit", Count, each("limit", &counts.limits)),
    ]
}

fn module_metrics(modules: &[ModuleStatus]) -> Vec<MetricFamily<'_>> {
    let count = |count: fn(&ModuleStatus) -> u64| {
        modules.iter().map(|module| (vec![("module", module.name.as_str())], count(module) as f64)).collect()
    };
    let of_runs = |amount: fn(&RunUsage) -> f64| {
        let runs = modules.iter().flat_map(|module| {
            let runs = [("last", &module.last_run), ("worst", &module.worst_run)];
            runs.map(|(which, run)| (module.name.as_str(), which, run.as_ref()))
        });
        let of_run = |(module, which, run): (_, _, Option<&RunUsage>)| {
            Some((vec![("module", module), ("run", which)], amount(run?)))
        };
        runs.filter_map(of_run).collect()
    };
    vec![
        (
            "module_state",
            "Whether a module is in this state",
            Amount(None),
            modules.iter().flat_map(states).collect(),
        ),
        (
            "module_version_held",
            "Whether a version of a module waits for approval",
            Amount(None),
            modules
                .iter()
                .map(|module| (vec![("module", module.name.as_str())], truth(module.is_held())))
                .collect(),
        ),
        ("module_runs", "Runs for an instance", Count, count(|module| module.runs)),
        ("module_failures", "Failed runs for an instance", Count, count(|module| module.failures)),
        ("module_hook_runs", "Runs of hooks", Count, count(|module| module.hook_runs)),
        ("module_hook_failures", "Failed runs of hooks", Count, count(|module| module.hook_failures)),
        ("module_run_fuel", "Fuel of a run", Amount(None), of_runs(|run| run.fuel as f64)),
        (
            "module_run_time",
            "Time of a run",
            Amount(Some(Unit::Seconds)),
            of_runs(|run| seconds(run.wall_us)),
        ),
        (
            "module_run_memory",
            "Memory and tables of a run",
            Amount(Some(Unit::Bytes)),
            of_runs(|run| run.memory as f64),
        ),
    ]
}

fn each<'a>(label: &'static str, counts: &'a BTreeMap<String, u64>) -> LabelledValues<'a> {
    counts.iter().map(|(name, &count)| (vec![(label, name.as_str())], count as f64)).collect()
}

fn states(module: &ModuleStatus) -> LabelledValues<'_> {
    let state =
        |state| (vec![("module", &*module.name), ("state", state)], truth(module.state.name() == state));
    STATES.map(state).into()
}

fn truth(is_true: bool) -> f64 {
    f64::from(u8::from(is_true))
}

fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_becomes_metrics() {
        insta::assert_snapshot!(text(crate::report::tests::example()).unwrap(), @r#"
        # HELP confine_build_info The program
        # TYPE confine_build_info gauge
        confine_build_info{version="0.1.0"} 1.0
        # HELP confine_uptime_seconds Time since the daemon started
        # TYPE confine_uptime_seconds gauge
        confine_uptime_seconds 93784.0
        # HELP confine_controller_connected Whether the daemon is connected to the controller
        # TYPE confine_controller_connected gauge
        confine_controller_connected 1.0
        # HELP confine_controller_losses_total Lost connections to the controller
        # TYPE confine_controller_losses_total counter
        confine_controller_losses_total 2
        # HELP confine_commits_total Answered commits
        # TYPE confine_commits_total counter
        confine_commits_total{result="done"} 1234
        confine_commits_total{result="failed"} 5
        # HELP confine_commit_running Whether a commit is in progress
        # TYPE confine_commit_running gauge
        confine_commit_running 1.0
        # HELP confine_last_commit_seconds Duration of the last commit
        # TYPE confine_last_commit_seconds gauge
        confine_last_commit_seconds 0.0642
        # HELP confine_events_total Events by kind
        # TYPE confine_events_total counter
        confine_events_total{event="limit"} 5
        confine_events_total{event="load"} 2
        # HELP confine_limits_reached_total Runs ended by a limit
        # TYPE confine_limits_reached_total counter
        confine_limits_reached_total{limit="fuel"} 4
        confine_limits_reached_total{limit="wall clock"} 1
        # HELP confine_module_state Whether a module is in this state
        # TYPE confine_module_state gauge
        confine_module_state{module="interfaces",state="active"} 0.0
        confine_module_state{module="interfaces",state="loading"} 0.0
        confine_module_state{module="interfaces",state="held"} 0.0
        confine_module_state{module="interfaces",state="disabled"} 0.0
        confine_module_state{module="interfaces",state="broken"} 0.0
        confine_module_state{module="interfaces",state="quarantined"} 1.0
        confine_module_state{module="interfaces",state="retired"} 0.0
        confine_module_state{module="ssh-users",state="active"} 1.0
        confine_module_state{module="ssh-users",state="loading"} 0.0
        confine_module_state{module="ssh-users",state="held"} 0.0
        confine_module_state{module="ssh-users",state="disabled"} 0.0
        confine_module_state{module="ssh-users",state="broken"} 0.0
        confine_module_state{module="ssh-users",state="quarantined"} 0.0
        confine_module_state{module="ssh-users",state="retired"} 0.0
        confine_module_state{module="vlans",state="active"} 0.0
        confine_module_state{module="vlans",state="loading"} 1.0
        confine_module_state{module="vlans",state="held"} 0.0
        confine_module_state{module="vlans",state="disabled"} 0.0
        confine_module_state{module="vlans",state="broken"} 0.0
        confine_module_state{module="vlans",state="quarantined"} 0.0
        confine_module_state{module="vlans",state="retired"} 0.0
        confine_module_state{module="zz-broken",state="active"} 0.0
        confine_module_state{module="zz-broken",state="loading"} 0.0
        confine_module_state{module="zz-broken",state="held"} 0.0
        confine_module_state{module="zz-broken",state="disabled"} 0.0
        confine_module_state{module="zz-broken",state="broken"} 1.0
        confine_module_state{module="zz-broken",state="quarantined"} 0.0
        confine_module_state{module="zz-broken",state="retired"} 0.0
        # HELP confine_module_version_held Whether a version of a module waits for approval
        # TYPE confine_module_version_held gauge
        confine_module_version_held{module="interfaces"} 0.0
        confine_module_version_held{module="ssh-users"} 0.0
        confine_module_version_held{module="vlans"} 0.0
        confine_module_version_held{module="zz-broken"} 0.0
        # HELP confine_module_runs_total Runs for an instance
        # TYPE confine_module_runs_total counter
        confine_module_runs_total{module="interfaces"} 0
        confine_module_runs_total{module="ssh-users"} 12345
        confine_module_runs_total{module="vlans"} 0
        confine_module_runs_total{module="zz-broken"} 0
        # HELP confine_module_failures_total Failed runs for an instance
        # TYPE confine_module_failures_total counter
        confine_module_failures_total{module="interfaces"} 0
        confine_module_failures_total{module="ssh-users"} 3
        confine_module_failures_total{module="vlans"} 0
        confine_module_failures_total{module="zz-broken"} 0
        # HELP confine_module_hook_runs_total Runs of hooks
        # TYPE confine_module_hook_runs_total counter
        confine_module_hook_runs_total{module="interfaces"} 0
        confine_module_hook_runs_total{module="ssh-users"} 7
        confine_module_hook_runs_total{module="vlans"} 0
        confine_module_hook_runs_total{module="zz-broken"} 0
        # HELP confine_module_hook_failures_total Failed runs of hooks
        # TYPE confine_module_hook_failures_total counter
        confine_module_hook_failures_total{module="interfaces"} 0
        confine_module_hook_failures_total{module="ssh-users"} 1
        confine_module_hook_failures_total{module="vlans"} 0
        confine_module_hook_failures_total{module="zz-broken"} 0
        # HELP confine_module_run_fuel Fuel of a run
        # TYPE confine_module_run_fuel gauge
        confine_module_run_fuel{module="ssh-users",run="last"} 1234567.0
        confine_module_run_fuel{module="ssh-users",run="worst"} 1999999999.0
        # HELP confine_module_run_time_seconds Time of a run
        # TYPE confine_module_run_time_seconds gauge
        confine_module_run_time_seconds{module="ssh-users",run="last"} 0.00095
        confine_module_run_time_seconds{module="ssh-users",run="worst"} 1.25
        # HELP confine_module_run_memory_bytes Memory and tables of a run
        # TYPE confine_module_run_memory_bytes gauge
        confine_module_run_memory_bytes{module="ssh-users",run="last"} 1114112.0
        confine_module_run_memory_bytes{module="ssh-users",run="worst"} 1114112.0
        "#);
    }
}
