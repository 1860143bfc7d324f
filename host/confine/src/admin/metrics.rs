//! The status as numbers, in the text format of Prometheus.
//!
//! Every label has few values: the name of a module, which is that of a file in the module directories, or a word
//! of Confine's own. Users, instances and texts of modules are no labels, so that the number of metrics does not grow
//! with use.

use std::fmt;

use confine_service::{
    DaemonStatus,
    status::{ModuleStatus, RunUsage},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// The content type of a response with metrics.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The states of a module.
const STATES: [&str; 5] = ["active", "disabled", "broken", "quarantined", "retired"];

/// The metrics of a status.
pub(super) fn text(status: DaemonStatus) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("confine");
    registry.register_collector(Box::new(MetricLabels(status)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct MetricLabels(DaemonStatus);

impl Collector for MetricLabels {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(status) = self;
        let page = &mut MetricsPage(&mut encoder);
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        page.gauges("build_info", "The program", None, [(&build[..], 1.0)])?;
        let uptime = status.uptime_s as f64;
        page.gauges("uptime", "Time since the daemon started", Some(Unit::Seconds), [(&[][..], uptime)])?;

        let connected = f64::from(u8::from(status.connection.connected));
        page.gauges(
            "controller_connected",
            "Whether the daemon is connected to the controller",
            None,
            [(&[][..], connected)],
        )?;
        let losses = status.connection.losses;
        page.counters("controller_losses", "Lost connections to the controller", [(&[][..], losses)])?;

        let commits = &status.commits;
        let [done, failed] = ["done", "failed"].map(|result| [("result", result)]);
        let answered = [(&done[..], commits.done), (&failed[..], commits.failed)];
        page.counters("commits", "Answered commits", answered)?;
        let running = f64::from(u8::from(commits.running.is_some()));
        page.gauges("commit_running", "Whether a commit is in progress", None, [(&[][..], running)])?;
        let last = commits.last.as_ref();
        let elapsed = last.map(|last| (&[][..], seconds(last.elapsed_us)));
        page.gauges("last_commit", "Duration of the last commit", Some(Unit::Seconds), elapsed)?;

        let events: Vec<_> =
            status.counts.events.iter().map(|(kind, &count)| ([("event", kind.as_str())], count)).collect();
        page.counters("events", "Events by kind", labelled(&events))?;
        let limits: Vec<_> =
            status.counts.limits.iter().map(|(limit, &count)| ([("limit", limit.as_str())], count)).collect();
        page.counters("limits_reached", "Runs ended by a limit", labelled(&limits))?;
        modules(page, &status.modules)
    }
}

fn modules(page: &mut MetricsPage<'_, '_>, modules: &[ModuleStatus]) -> fmt::Result {
    let states: Vec<_> = modules
        .iter()
        .flat_map(|module| {
            STATES.map(|state| {
                let is = f64::from(u8::from(module.state.name() == state));
                ([("module", module.name.as_str()), ("state", state)], is)
            })
        })
        .collect();
    page.gauges("module_state", "Whether a module is in this state", None, labelled(&states))?;

    let counts: [Count; 4] = [
        ("module_runs", "Runs for an instance", |module| module.runs),
        ("module_failures", "Failed runs for an instance", |module| module.failures),
        ("module_hook_runs", "Runs of hooks", |module| module.hook_runs),
        ("module_hook_failures", "Failed runs of hooks", |module| module.hook_failures),
    ];
    for (name, help, count) in counts {
        let counts: Vec<_> =
            modules.iter().map(|module| ([("module", module.name.as_str())], count(module))).collect();
        page.counters(name, help, labelled(&counts))?;
    }

    let amounts: [Amount; 3] = [
        ("module_run_fuel", "Fuel of a run", None, |run| run.fuel as f64),
        ("module_run_time", "Time of a run", Some(Unit::Seconds), |run| seconds(run.wall_us)),
        ("module_run_memory", "Memory and tables of a run", Some(Unit::Bytes), |run| run.memory as f64),
    ];
    for (name, help, unit, amount) in amounts {
        let amounts: Vec<_> = modules
            .iter()
            .flat_map(|module| {
                [("last", &module.last_run), ("worst", &module.worst_run)].map(|(which, run)| {
                    let labels = [("module", module.name.as_str()), ("run", which)];
                    run.as_ref().map(|run| (labels, amount(run)))
                })
            })
            .flatten()
            .collect();
        page.gauges(name, help, unit, labelled(&amounts))?;
    }
    Ok(())
}

/// A counter of each module: its name, its help, and its value.
type Count = (&'static str, &'static str, fn(&ModuleStatus) -> u64);

/// A measurement of each run of a module: its name, its help, its unit, and its value.
type Amount = (&'static str, &'static str, Option<Unit>, fn(&RunUsage) -> f64);

type Labels<'a> = &'a [(&'a str, &'a str)];

fn labelled<'a, const N: usize, V: Copy>(
    values: &'a [([(&'a str, &'a str); N], V)],
) -> impl Iterator<Item = (Labels<'a>, V)> {
    values.iter().map(|(labels, value)| (&labels[..], *value))
}

fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

/// Writes families of metrics, each with its values. A family without values is omitted.
struct MetricsPage<'p, 'e>(&'p mut DescriptorEncoder<'e>);

impl MetricsPage<'_, '_> {
    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        self.family(name, help, None, MetricType::Counter, values, |value, encoder| {
            ConstCounter::new(value).encode(encoder)
        })
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        values: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Gauge, values, |value, encoder| {
            ConstGauge::new(value).encode(encoder)
        })
    }

    fn family<'a, V>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        kind: MetricType,
        values: impl IntoIterator<Item = (Labels<'a>, V)>,
        encode: impl Fn(V, MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, value) in values {
            encode(value, family.encode_family(&labels)?)?;
        }
        Ok(())
    }
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
        confine_module_state{module="interfaces",state="disabled"} 0.0
        confine_module_state{module="interfaces",state="broken"} 0.0
        confine_module_state{module="interfaces",state="quarantined"} 1.0
        confine_module_state{module="interfaces",state="retired"} 0.0
        confine_module_state{module="ssh-users",state="active"} 1.0
        confine_module_state{module="ssh-users",state="disabled"} 0.0
        confine_module_state{module="ssh-users",state="broken"} 0.0
        confine_module_state{module="ssh-users",state="quarantined"} 0.0
        confine_module_state{module="ssh-users",state="retired"} 0.0
        confine_module_state{module="zz-broken",state="active"} 0.0
        confine_module_state{module="zz-broken",state="disabled"} 0.0
        confine_module_state{module="zz-broken",state="broken"} 1.0
        confine_module_state{module="zz-broken",state="quarantined"} 0.0
        confine_module_state{module="zz-broken",state="retired"} 0.0
        # HELP confine_module_runs_total Runs for an instance
        # TYPE confine_module_runs_total counter
        confine_module_runs_total{module="interfaces"} 0
        confine_module_runs_total{module="ssh-users"} 12345
        confine_module_runs_total{module="zz-broken"} 0
        # HELP confine_module_failures_total Failed runs for an instance
        # TYPE confine_module_failures_total counter
        confine_module_failures_total{module="interfaces"} 0
        confine_module_failures_total{module="ssh-users"} 3
        confine_module_failures_total{module="zz-broken"} 0
        # HELP confine_module_hook_runs_total Runs of hooks
        # TYPE confine_module_hook_runs_total counter
        confine_module_hook_runs_total{module="interfaces"} 0
        confine_module_hook_runs_total{module="ssh-users"} 7
        confine_module_hook_runs_total{module="zz-broken"} 0
        # HELP confine_module_hook_failures_total Failed runs of hooks
        # TYPE confine_module_hook_failures_total counter
        confine_module_hook_failures_total{module="interfaces"} 0
        confine_module_hook_failures_total{module="ssh-users"} 1
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
