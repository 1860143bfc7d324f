//! The demo: services are committed, previewed, changed and deleted on an embedded controller.

use std::{io::Write, path::PathBuf, sync::Arc, time::Duration};

use anstyle::{AnsiColor, Style};
use confine_backend::{ActionsMode, DatastoreDiff, DeviceConfigType, PushMode, RequestUser};
use confine_controller::Controller;
use confine_service::{CommitReport, Host};

use crate::{CommitEnd, Error, LoadedServices, Testbed};

/// The user who commits in the demo.
const USER: &str = "alice";

const HEADING: Style = Style::new().bold();
const ADDED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const REMOVED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
const QUIET: Style = Style::new().dimmed();

/// One step of the demo.
struct DemoStep {
    name: &'static str,
    /// What the user does, in a sentence or two.
    description: &'static str,
    edit: &'static str,
    push: PushMode,
    /// A part of the error, if the commit must fail.
    expected_error: Option<&'static str>,
}

const SERVICES: &str = "http://clicon.org/controller";

/// The edit of the dry run and of the commit that follows it.
const BANNER_AND_MTU: &str = concat!(
    "<banner xmlns='urn:example:banner'><service-name>legal</service-name><text>Authorised use only</text></banner>",
    "<interfaces xmlns='urn:example:interfaces'><service-name>uplink</service-name><mtu>9000</mtu></interfaces>",
);

const STEPS: [DemoStep; 7] = [
    DemoStep {
        name: "commit",
        description: "Create an account on every device, and an interface on two of them.",
        edit: concat!(
            "<ssh-users xmlns='http://clicon.org/ssh-users'><service-name>operators</service-name>",
            "<username><name>ann</name><ssh-key>ssh-ed25519 AAAAC3Nz</ssh-key><role>admin</role></username></ssh-users>",
            "<interfaces xmlns='urn:example:interfaces'><service-name>uplink</service-name><name>ge-0/0/1</name>",
            "<type>ethernet</type><mtu>1500</mtu><description>to the core</description>",
            "<device>openconfig1</device><device>openconfig2</device></interfaces>",
        ),
        push: PushMode::Commit,
        expected_error: None,
    },
    DemoStep {
        name: "dry run",
        description: "Preview a login banner and a larger MTU. Nothing is sent to a device.",
        edit: BANNER_AND_MTU,
        push: PushMode::None,
        expected_error: None,
    },
    DemoStep {
        name: "change",
        description: "Commit what the dry run showed.",
        edit: BANNER_AND_MTU,
        push: PushMode::Commit,
        expected_error: None,
    },
    DemoStep {
        name: "delete",
        description: "Delete the interface service. Everything it configured is removed with it.",
        edit: concat!(
            "<interfaces xmlns='urn:example:interfaces' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' ",
            "nc:operation='remove'><service-name>uplink</service-name></interfaces>",
        ),
        push: PushMode::Commit,
        expected_error: None,
    },
    DemoStep {
        name: "failing module",
        description: "Request an interface on a device that does not exist. The module refuses, and nothing changes.",
        edit: concat!(
            "<interfaces xmlns='urn:example:interfaces'><service-name>nowhere</service-name><name>ge-0/0/9</name>",
            "<type>ethernet</type><device>openconfig1</device><device>openconfig9</device></interfaces>",
        ),
        push: PushMode::Commit,
        expected_error: Some("there is no device `openconfig9`"),
    },
    DemoStep {
        name: "misspelled leaf",
        description: "Run a module that writes `mtuu`. Confine rejects the edit before any device sees it.",
        edit: "<mistaken xmlns='urn:example:mistaken'><service-name>one</service-name><mistake>name</mistake></mistaken>",
        push: PushMode::Commit,
        expected_error: Some("did you mean `mtu`?"),
    },
    DemoStep {
        name: "invalid value",
        description: "Run a module that sets `mtu` to `fast`. Confine checks values against the device's YANG.",
        edit: "<mistaken xmlns='urn:example:mistaken'><service-name>two</service-name><mistake>value</mistake></mistaken>",
        push: PushMode::Commit,
        expected_error: Some("`fast` is not a value of `mtu`: a number from 0 to 65535"),
    },
];

/// Starts an embedded controller with four devices and the YANG of these services on `socket`, and a daemon
/// that runs the services.
pub async fn open(services: LoadedServices, socket: PathBuf) -> Result<(Testbed, Arc<Host>), Error> {
    let builder = Controller::builder().devices(4).service_models(services.models);
    let testbed = Testbed::open_behind(builder, services.host.clone(), socket.clone(), &socket, USER).await?;
    Ok((testbed, services.host))
}

/// Plays every step and writes to `out` what the user would see.
///
/// # Errors
/// [`Error::Unexpected`] if a step does not end as it should.
pub async fn play(testbed: &mut Testbed, host: &Host, out: &mut dyn Write) -> Result<(), Error> {
    for (number, step) in STEPS.iter().enumerate() {
        writeln!(out, "{HEADING}{}. {}{HEADING:#}  {}", number + 1, step.name, step.description)?;
        let pushed_before = last_pushes(testbed)?;
        testbed.edit(&format!("<services xmlns='{SERVICES}'>{}</services>", step.edit)).await?;
        let committed = testbed.commit(step.push, ActionsMode::Change).await?;
        let differences = match step.push {
            PushMode::Commit => last_pushes(testbed)?
                .into_iter()
                .zip(pushed_before)
                .filter(|(pushed, before)| pushed != before)
                .map(|(pushed, _)| pushed)
                .collect(),
            PushMode::None | PushMode::Validate => previews(testbed).await?,
        };
        check(step, &committed, &differences)?;
        for difference in &differences {
            show_difference(difference, out)?;
        }
        if step.expected_error.is_some() {
            writeln!(out, "{REMOVED}{}{REMOVED:#}", committed.reason())?;
        }
        match host.last_commit().filter(|report| report.tid == committed.transaction.tid) {
            Some(report) => show_report(&report, committed.elapsed, out)?,
            None => writeln!(out, "{QUIET}failed after {}{QUIET:#}\n", milliseconds(committed.elapsed))?,
        }
        if step.push != PushMode::Commit || step.expected_error.is_some() {
            testbed.discard().await?;
        }
    }
    Ok(())
}

fn check(step: &DemoStep, committed: &CommitEnd, differences: &[(String, String)]) -> Result<(), Error> {
    let unexpected = |found: String| Err(Error::Unexpected { step: step.name, found });
    match step.expected_error {
        None if !committed.succeeded() => unexpected(committed.reason().to_owned()),
        None if differences.is_empty() => unexpected("no device changed".into()),
        Some(_) if committed.succeeded() => unexpected("the commit succeeded".into()),
        Some(_) if !differences.is_empty() => unexpected("a device changed".into()),
        Some(text) if !committed.reason().contains(text) => unexpected(committed.reason().to_owned()),
        _ => Ok(()),
    }
}

/// Returns each device with what the last push changed on it.
fn last_pushes(testbed: &Testbed) -> Result<Vec<(String, String)>, Error> {
    let controller = testbed.controller();
    let push = |name: String| Ok((name.clone(), controller.last_push(&name)?.unwrap_or_default()));
    controller.devices().into_iter().map(push).collect()
}

/// Returns each device that the commit would change, with the change.
async fn previews(testbed: &mut Testbed) -> Result<Vec<(String, String)>, Error> {
    let mut previews = Vec::new();
    for name in testbed.controller().devices() {
        let diff = DatastoreDiff::Devices(&name, DeviceConfigType::Running, DeviceConfigType::Actions);
        let texts = testbed.client().datastore_diff(diff, &RequestUser::User(USER.into())).await?;
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
    write!(out, "{QUIET}done in {}, edit-config of {} bytes", milliseconds(elapsed), report.bytes)?;
    for (module, instance, usage) in &report.runs {
        write!(out, "\n  {module} for {instance}: {} fuel, {}", usage.fuel, milliseconds(usage.wall_clock))?;
    }
    Ok(writeln!(out, "{QUIET:#}\n")?)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
