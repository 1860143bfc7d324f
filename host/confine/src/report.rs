//! The status of the daemon as text for a person.
//!
//! Nothing shown here is trusted: modules, users and other programs have written it. Each text becomes one line
//! without anything that a terminal would interpret.

use std::{fmt, iter, time::Duration};

use confine_sandbox::text::{grouped, line};
use confine_service::{
    AuditEvent, DaemonStatus, EventKind,
    status::{
        BrokenRule, CommitCounts, ConnectionStatus, DroppedLogLines, HeldFile, KeptVersion, LastCommit,
        ModuleState, ModuleStatus, OrphanStatus, OrphansStatus, RunUsage,
    },
};

use crate::{admin::ModuleReport, columns::table};

/// The most that is shown of a text, in bytes.
const TEXT: usize = 1000;
/// The most that is shown of a name in a table, in bytes.
const NAME: usize = 60;

/// `confine status`: the controller, the commits and the modules.
pub(crate) struct StatusText<'a>(pub(crate) &'a DaemonStatus);

impl fmt::Display for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        controller(f, &status.connection)?;
        row(f, "uptime", &period(status.uptime_s))?;
        commits(f, &status.commits)?;
        let broken = status.broken_rules.iter().map(|BrokenRule { source, rule_list, rule, problem }| {
            shown(&format!("rule `{rule}` of rule-list `{rule_list}` in {source} does not work: {problem}"))
        });
        rows(f, "rules", broken)?;
        if status.keeps_originals == Some(false) {
            row(f, "originals", "not kept: what services change on devices is not restored when they go")?;
            row(f, "", "hint: `confine yang install`, then restart the controller")?;
        }
        orphans(f, &status.orphans)?;
        writeln!(f)?;
        write!(f, "{}", ModulesText(&status.modules))
    }
}

/// The most instances with orphans that a page shows.
const FEW_ORPHANS: usize = 10;

/// What instances have lost without a commit of services.
fn orphans(
    f: &mut fmt::Formatter<'_>,
    OrphansStatus { are_looked_for, instances, shown: all }: &OrphansStatus,
) -> fmt::Result {
    let text = |OrphanStatus { instance, is_deleted, objects, first }: &OrphanStatus| {
        let more = match objects.saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let made = if *is_deleted { ", which was deleted, had" } else { " has" };
        shown(&format!("`{instance}`{made} created `{first}`{more}; no instance owns that now"))
    };
    let few = all.iter().take(FEW_ORPHANS);
    let more = instances.saturating_sub(few.len());
    rows(f, "orphans", few.map(text))?;
    if more > 0 {
        row(f, "", &format!("and those of {more} more instances"))?;
    }
    if !are_looked_for {
        row(f, "orphans", "not all are known: the log has the reason")?;
    }
    if *instances > 0 {
        row(
            f,
            "",
            "hint: `apply services` gives an instance its objects back, and removes those that it no longer makes;",
        )?;
        row(f, "", "for what deleted instances left, see Orphans in the troubleshooting chapter")?;
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, title: &str, text: &str) -> fmt::Result {
    writeln!(f, "{title:<12}{text}")
}

fn controller(f: &mut fmt::Formatter<'_>, connection: &ConnectionStatus) -> fmt::Result {
    let ConnectionStatus { connected, socket, user, since, error, losses } = connection;
    let since = shown(since);
    let text =
        if *connected { format!("connected since {since}") } else { format!("not connected since {since}") };
    row(f, "controller", &text)?;
    if let Some(socket) = socket {
        let user = user.as_ref().map(|user| format!(", as `{}`", shown(user))).unwrap_or_default();
        row(f, "", &format!("at `{}`{user}", shown(socket)))?;
    }
    if let Some(error) = error {
        paragraph(f, error)?;
    }
    match losses {
        0 => Ok(()),
        1 => row(f, "", "disconnected once before"),
        losses => row(f, "", &format!("disconnected {} times before", grouped(*losses))),
    }
}

fn commits(f: &mut fmt::Formatter<'_>, commits: &CommitCounts) -> fmt::Result {
    let CommitCounts { done, failed, running, last } = commits;
    let running = running.map(|tid| format!("; transaction {tid} in progress")).unwrap_or_default();
    row(f, "commits", &format!("{} done, {} failed{running}", grouped(*done), grouped(*failed)))?;
    let Some(LastCommit { tid, user, at, elapsed_us, instances, bytes, error }) = last else { return Ok(()) };
    let user = user.as_ref().map(|user| format!(" by `{}`", shown(user))).unwrap_or_default();
    let text = format!(
        "transaction {tid}{user} at {}: {} instances, {} bytes, {}",
        shown(at),
        grouped(*instances as u64),
        grouped(*bytes as u64),
        span(*elapsed_us)
    );
    row(f, "last", &text)?;
    match error {
        Some(error) => paragraph(f, &format!("failed: {error}")),
        None => Ok(()),
    }
}

/// Each line of a text as a row.
fn paragraph(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.lines().try_for_each(|text| row(f, "", &shown(text)))
}

/// Rows of which the first has a title.
fn rows(f: &mut fmt::Formatter<'_>, title: &str, texts: impl Iterator<Item = String>) -> fmt::Result {
    let titles = iter::once(title).chain(iter::repeat(""));
    texts.zip(titles).try_for_each(|(text, title)| row(f, title, &text))
}

/// `confine modules`: a table, with problems below each row.
pub(crate) struct ModulesText<'a>(pub(crate) &'a [ModuleStatus]);

const HEADS: [&str; 7] = ["MODULE", "VERSION", "STATE", "SERVICES", "RUNS", "FAILED", "LAST RUN"];
/// Columns of numbers, which are aligned to the right.
const NUMBERS: [usize; 2] = [4, 5];

impl fmt::Display for ModulesText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "No modules.");
        }
        let cells: Vec<_> = iter::once(HEADS.map(str::to_owned)).chain(self.0.iter().map(cells)).collect();
        let mut lines = table(&cells, &NUMBERS).into_iter();
        lines.by_ref().take(1).try_for_each(|heads| writeln!(f, "{heads}"))?;
        for (module, line) in self.0.iter().zip(lines) {
            writeln!(f, "{line}")?;
            for text in complaints(module) {
                text.lines().try_for_each(|text| writeln!(f, "  {}", shown(text)))?;
            }
        }
        Ok(())
    }
}

fn cells(module: &ModuleStatus) -> [String; HEADS.len()] {
    let name = |text: &str| line(text, NAME);
    [
        name(&module.name),
        module.version.as_deref().map_or_else(|| "-".into(), name),
        module.state.name().into(),
        name(&module.services.join(",")),
        grouped(module.runs),
        grouped(module.failures),
        module.last_run.as_ref().map_or_else(|| "-".into(), usage),
    ]
}

/// What an operator should know of a module.
fn complaints(module: &ModuleStatus) -> Vec<String> {
    let mut complaints = Vec::new();
    match &module.state {
        ModuleState::Broken { error } => complaints.push(error.clone()),
        ModuleState::Quarantined { reason } | ModuleState::Held { reason } => complaints.push(reason.clone()),
        ModuleState::Active | ModuleState::Loading | ModuleState::Disabled | ModuleState::Retired => {}
    }
    if let Some(file) = &module.loading {
        complaints.push(format!("its file is being loaded since {}", file.since));
    }
    // Where nothing runs, the file was refused for just that.
    if let Some(refused) = &module.refused
        && !matches!(module.state, ModuleState::Broken { .. })
    {
        complaints.push(format!("its file was refused at {}: {}", refused.at, refused.error));
    }
    if let Some(HeldFile { at, version, reason, .. }) = &module.held {
        complaints.push(format!("its version {version} is held since {at}: {reason}"));
    }
    if let Some(dropped) = &module.log_dropped {
        let DroppedLogLines { tid, lines } = dropped;
        let lines = if *lines == 1 { "1 log line".into() } else { format!("{} log lines", grouped(*lines)) };
        complaints.push(format!("{lines} dropped in transaction {tid}: see its limit `log`"));
    }
    complaints
}

/// `confine modules show`: all that is known of one.
impl fmt::Display for ModuleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = &self.status;
        let version = module.version.as_deref().map(|version| format!(" {}", shown(version)));
        row(f, "module", &format!("{}{}", shown(&module.name), version.unwrap_or_default()))?;
        row(f, "state", &format!("{} since {}", module.state.name(), shown(&module.since)))?;
        for text in complaints(module) {
            paragraph(f, &text)?;
        }
        row(f, "file", &shown(&module.file))?;
        if let Some(digest) = &module.digest {
            row(f, "digest", &format!("sha256:{}", shown(digest)))?;
        }
        if let Some(resident) = module.resident {
            row(f, "memory", &format!("{} bytes while it is loaded", grouped(resident)))?;
        }
        row(f, "services", &shown(&module.services.join(", ")))?;
        row(f, "runs", &format!("{}, {} failed", grouped(module.runs), grouped(module.failures)))?;
        if module.hook_runs > 0 {
            let text = format!("{}, {} failed", grouped(module.hook_runs), grouped(module.hook_failures));
            row(f, "hooks", &text)?;
        }
        let runs = [("last run", &module.last_run), ("worst run", &module.worst_run)];
        for (title, run) in runs {
            let Some(run) = run else { continue };
            row(f, title, &format!("{}, {} bytes of memory", usage(run), grouped(run.memory)))?;
            row(f, "", &format!("transaction {}, {}", run.tid, shown(&run.instance)))?;
        }
        if let Some(last) = &module.last_error {
            row(f, "last error", &format!("transaction {} at {}", last.tid, shown(&last.at)))?;
            paragraph(f, &last.error)?;
        }
        let version = |kept: &KeptVersion| {
            let running = if kept.running { "  (running)" } else { "" };
            format!("{}  sha256:{}{running}", shown(&kept.version), shown(&kept.digest))
        };
        rows(f, "versions", module.kept.iter().map(version))?;
        rows(f, "limits", self.limits.iter().map(|limit| shown(limit)))
    }
}

/// One event, on one line.
pub(crate) fn event(event: &AuditEvent) -> String {
    let text = match &event.what {
        EventKind::Load { module, version, .. } => format!("`{module}` loaded: {version}"),
        EventKind::Swap { module, from, to } => format!("`{module}` swapped: {from} → {to}"),
        EventKind::Rollback { module, from, to } => format!("`{module}` rolled back: {from} → {to}"),
        EventKind::Refusal { module, error, .. } => format!("`{module}` refused: {error}"),
        EventKind::Limit { error, .. } | EventKind::Trap { error, .. } => error.clone(),
        EventKind::Quarantine { module, reason } => format!("`{module}` quarantined: {reason}"),
        EventKind::Release { module } => format!("`{module}` released"),
        EventKind::Enable { module } => format!("`{module}` enabled"),
        EventKind::Disable { module } => format!("`{module}` disabled"),
        EventKind::Retire { module } => format!("`{module}` retired: its file is gone"),
        EventKind::Forget { module } => format!("`{module}` forgotten"),
        EventKind::Hold { module, version, reason } => format!("`{module}` {version} held: {reason}"),
        EventKind::Approve { module } => format!("`{module}` approved"),
        EventKind::Rename { module, from } => format!("`{from}` renamed to `{module}`"),
        EventKind::HookFailure { module, hook, instance, error } => {
            format!("`{module}` {hook} for {instance}: {error}")
        }
        EventKind::Connected { socket } => format!("connected to `{socket}`"),
        EventKind::Disconnected { error } => format!("disconnected: {error}"),
        EventKind::Abandoned { tid, ended } => {
            let ended = if *ended { "ended" } else { "not ended" };
            format!("transaction {tid}, left by another daemon, {ended}")
        }
        EventKind::Commit { tid, user, elapsed_us, error } => {
            let user = user.as_deref().unwrap_or("?");
            let result = error.as_ref().map_or_else(|| "done".into(), |error| format!("failed: {error}"));
            format!("transaction {tid} by `{user}` {result} ({})", span(*elapsed_us))
        }
        // A newer daemon may have other events.
        other => other.kind().to_owned(),
    };
    format!("{}  {}", shown(&event.at), shown(&text))
}

fn usage(run: &RunUsage) -> String {
    format!("{} fuel, {}", grouped(run.fuel), span(run.wall_us))
}

fn shown(text: &str) -> String {
    line(text, TEXT)
}

/// A short time.
fn span(microseconds: u64) -> String {
    match microseconds {
        0..1_000 => format!("{microseconds} µs"),
        1_000..1_000_000 => format!("{:.1} ms", microseconds as f64 / 1e3),
        _ => format!("{:.2} s", microseconds as f64 / 1e6),
    }
}

/// A long time.
fn period(seconds: u64) -> String {
    let duration = Duration::from_secs(seconds);
    let (days, rest) = (duration.as_secs() / 86_400, duration.as_secs() % 86_400);
    let (hours, minutes, seconds) = (rest / 3600, rest % 3600 / 60, rest % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
pub(crate) mod tests;
