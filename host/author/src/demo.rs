//! The demonstration: services committed, shown, changed and deleted on an embedded controller.

use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

use anstyle::{AnsiColor, Style};
use confine_backend::{ActionsMode, DatastoreDiff, DeviceConfigType, PushMode, RequestUser};
use confine_controller::Controller;
use confine_service::{CommitReport, Host};

use crate::{CommitEnd, Error, LoadedServices, Testbed};

/// Who commits in the demonstration.
const USER: &str = "alice";

const HEADING: Style = Style::new().bold();
const ADDED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const REMOVED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const QUIET: Style = Style::new().dimmed();

/// One step of the play.
struct DemoStep {
    name: &'static str,
    /// What the user does, in a sentence.
    what: &'static str,
    edit: &'static str,
    push: PushMode,
    /// What the reason of the failure has in it, where it is to fail.
    fails: Option<&'static str>,
}

const SERVICES: &str = "http://clicon.org/controller";

const STEPS: [DemoStep; 7] = [
    DemoStep {
        name: "commit",
        what: "An account for operators on every device, and an interface on two of them.",
        edit: concat!(
            "<ssh-users xmlns='http://clicon.org/ssh-users'><service-name>operators</service-name>",
            "<username><name>ann</name><ssh-key>ssh-ed25519 AAAAC3Nz</ssh-key><role>admin</role></username></ssh-users>",
            "<interfaces xmlns='urn:example:interfaces'><service-name>uplink</service-name><name>ge-0/0/1</name>",
            "<type>ethernet</type><mtu>1500</mtu><description>to the core</description>",
            "<device>openconfig1</device><device>openconfig2</device></interfaces>",
        ),
        push: PushMode::Commit,
        fails: None,
    },
    DemoStep {
        name: "dry run",
        what: "What would a banner and a larger MTU change? Nothing is sent to a device.",
        edit: concat!(
            "<banner xmlns='urn:example:banner'><service-name>legal</service-name><text>Authorised use only</text></banner>",
            "<interfaces xmlns='urn:example:interfaces'><service-name>uplink</service-name><mtu>9000</mtu></interfaces>",
        ),
        push: PushMode::None,
        fails: None,
    },
    DemoStep {
        name: "change",
        what: "The same, for real.",
        edit: concat!(
            "<banner xmlns='urn:example:banner'><service-name>legal</service-name><text>Authorised use only</text></banner>",
            "<interfaces xmlns='urn:example:interfaces'><service-name>uplink</service-name><mtu>9000</mtu></interfaces>",
        ),
        push: PushMode::Commit,
        fails: None,
    },
    DemoStep {
        name: "deletion",
        what: "The interface goes, and what the service had made goes with it.",
        edit: concat!(
            "<interfaces xmlns='urn:example:interfaces' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' ",
            "nc:operation='remove'><service-name>uplink</service-name></interfaces>",
        ),
        push: PushMode::Commit,
        fails: None,
    },
    DemoStep {
        name: "failure",
        what: "An interface on a device that is not there: the module refuses, and nothing is changed.",
        edit: concat!(
            "<interfaces xmlns='urn:example:interfaces'><service-name>nowhere</service-name><name>ge-0/0/9</name>",
            "<type>ethernet</type><device>openconfig1</device><device>openconfig9</device></interfaces>",
        ),
        push: PushMode::Commit,
        fails: Some("there is no device `openconfig9`"),
    },
    DemoStep {
        name: "misspelt leaf",
        what: "A module writes `mtuu`: its user is told at once, and no device is asked.",
        edit: "<mistaken xmlns='urn:example:mistaken'><service-name>one</service-name><mistake>name</mistake></mistaken>",
        push: PushMode::Commit,
        fails: Some("did you mean `mtu`?"),
    },
    DemoStep {
        name: "wrong value",
        what: "It sets `mtu` to `fast`: the YANG of the device says what an MTU is.",
        edit: "<mistaken xmlns='urn:example:mistaken'><service-name>two</service-name><mistake>value</mistake></mistaken>",
        push: PushMode::Commit,
        fails: Some("`fast` is not a value of `mtu`: a number from 0 to 65535"),
    },
];

/// An embedded controller with four devices that knows these services, and a daemon, on `socket`.
pub async fn open(services: LoadedServices, socket: PathBuf) -> Result<(Testbed, Arc<Host>), Error> {
    let builder = Controller::builder().devices(4).service_models(services.models);
    let stage = Testbed::open_at(builder, services.host.clone(), socket, USER).await?;
    Ok((stage, services.host))
}

/// Plays every step and shows what the user would see.
///
/// # Errors
/// [`Error::Unexpected`] where a step does not end as it should.
pub async fn play(stage: &mut Testbed, host: &Host, out: &mut dyn Write) -> Result<(), Error> {
    for (number, step) in STEPS.iter().enumerate() {
        writeln!(out, "{HEADING}{}. {}{HEADING:#}  {}", number + 1, step.name, step.what)?;
        let before = pushes(stage)?;
        stage.edit(&format!("<services xmlns='{SERVICES}'>{}</services>", step.edit)).await?;
        let committed = stage.commit(step.push, ActionsMode::Change).await?;
        let differences = match step.push {
            PushMode::Commit => pushes(stage)?
                .into_iter()
                .zip(before)
                .filter(|(now, was)| now != was)
                .map(|(now, _)| now)
                .collect(),
            PushMode::None | PushMode::Validate => previews(stage).await?,
        };
        check(step, &committed, &differences)?;
        for difference in &differences {
            show_difference(difference, out)?;
        }
        if step.fails.is_some() {
            writeln!(out, "{REMOVED}{}{REMOVED:#}", committed.reason())?;
        }
        match host.last_commit().filter(|report| report.tid == committed.transaction.tid) {
            Some(report) => show_report(&report, committed.elapsed, out)?,
            None => writeln!(out, "{QUIET}answered in {}{QUIET:#}\n", milliseconds(committed.elapsed))?,
        }
        if step.push != PushMode::Commit || step.fails.is_some() {
            stage.discard().await?;
        }
    }
    Ok(())
}

fn check(step: &DemoStep, committed: &CommitEnd, differences: &[(String, String)]) -> Result<(), Error> {
    let unexpected = |found: String| Err(Error::Unexpected { step: step.name, found });
    match step.fails {
        None if !committed.succeeded() => unexpected(committed.reason().to_owned()),
        None if differences.is_empty() => unexpected("no device is changed".into()),
        Some(_) if committed.succeeded() => unexpected("it succeeded".into()),
        Some(_) if !differences.is_empty() => unexpected("a device is changed".into()),
        Some(text) if !committed.reason().contains(text) => unexpected(committed.reason().to_owned()),
        _ => Ok(()),
    }
}

/// Each device with what the last push changed on it.
fn pushes(stage: &Testbed) -> Result<Vec<(String, String)>, Error> {
    let devices = stage.controller().devices().into_iter();
    devices
        .map(|name| {
            Ok((stage.controller().last_push(&name)?.unwrap_or_default(), name))
                .map(|(text, name)| (name, text))
        })
        .collect()
}

/// Each device that would be changed, with the change.
async fn previews(stage: &mut Testbed) -> Result<Vec<(String, String)>, Error> {
    let mut previews = Vec::new();
    for name in stage.controller().devices() {
        let diff = DatastoreDiff::Devices(&name, DeviceConfigType::Running, DeviceConfigType::Actions);
        let texts = stage.client().datastore_diff(diff, &RequestUser::User(USER.into())).await?;
        let text = texts.concat();
        if !text.trim().is_empty() {
            previews.push((name, text));
        }
    }
    Ok(previews)
}

fn show_difference((device, text): &(String, String), out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "{HEADING}{device}{HEADING:#}")?;
    for line in text.lines().filter(|line| line.trim_end_matches(':') != device) {
        match line.as_bytes().first() {
            Some(b'+') => writeln!(out, "{ADDED}{line}{ADDED:#}")?,
            Some(b'-') => writeln!(out, "{REMOVED}{line}{REMOVED:#}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn show_report(report: &CommitReport, elapsed: Duration, out: &mut dyn Write) -> Result<(), Error> {
    write!(out, "{QUIET}done in {}; an edit of {} bytes", milliseconds(elapsed), report.bytes)?;
    for (module, instance, usage) in &report.runs {
        write!(out, "; {module} for {instance}: {} fuel, {}", usage.fuel, milliseconds(usage.wall_clock))?;
    }
    Ok(writeln!(out, "{QUIET:#}\n")?)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
