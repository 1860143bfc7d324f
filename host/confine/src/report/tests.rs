//! The texts that operators read.

use std::collections::BTreeMap;

use confine_service::status::{
    DroppedLogLines, EventCounts, HeldFile, KeptVersion, LastError, LoadingFile, RefusedFile,
};
use proptest::prelude::*;

use super::*;

/// The status of a daemon with something of everything.
pub(crate) fn example() -> DaemonStatus {
    let run = |tid, fuel, wall_us| RunUsage {
        tid,
        instance: "ssh-users[group='ops']".into(),
        fuel,
        wall_us,
        memory: 1_114_112,
    };
    let module = |name: &str, state| ModuleStatus {
        name: name.into(),
        file: format!("/modules/{name}.wasm"),
        state,
        version: Some("1.2.0".into()),
        digest: Some("5e".repeat(32)),
        resident: Some(5_668_864),
        services: vec![name.into()],
        since: "2026-11-25T10:00:00Z".into(),
        loading: None,
        refused: None,
        held: None,
        kept: vec![],
        runs: 0,
        failures: 0,
        hook_runs: 0,
        hook_failures: 0,
        last_error: None,
        last_run: None,
        worst_run: None,
        log_dropped: None,
    };
    let ssh_users = ModuleStatus {
        runs: 12_345,
        failures: 3,
        hook_runs: 7,
        hook_failures: 1,
        last_run: Some(run(41, 1_234_567, 950)),
        worst_run: Some(run(7, 1_999_999_999, 1_250_000)),
        log_dropped: Some(DroppedLogLines { tid: 41, lines: 199_000 }),
        last_error: Some(LastError {
            at: "2026-11-25T11:00:00Z".into(),
            tid: 40,
            error: "module `ssh-users` 1.2.0: no such group\nhint: name one".into(),
        }),
        refused: Some(RefusedFile { at: "2026-11-25T11:30:00Z".into(), error: "it is truncated".into() }),
        kept: vec![
            KeptVersion { version: "1.2.0".into(), digest: "5e".repeat(32), running: true },
            KeptVersion { version: "1.1.0".into(), digest: "0a".repeat(32), running: false },
        ],
        ..module("ssh-users", ModuleState::Active)
    };
    let loading = ModuleStatus {
        version: None,
        digest: None,
        resident: None,
        services: vec![],
        loading: Some(LoadingFile { since: "2026-11-25T11:45:00Z".into(), digest: "b1".repeat(32) }),
        ..module("vlans", ModuleState::Loading)
    };
    let broken = ModuleStatus {
        version: None,
        digest: None,
        resident: None,
        services: vec![],
        ..module("zz-broken", ModuleState::Broken { error: "it is no component".into() })
    };
    let reason = "5 limits in 10 min\nhint: replace its file".into();
    DaemonStatus {
        uptime_s: 93_784,
        connection: ConnectionStatus {
            connected: true,
            socket: Some("/run/controller.sock".into()),
            user: Some("clicon".into()),
            since: "2026-11-25T09:00:00Z".into(),
            error: None,
            losses: 2,
        },
        commits: CommitCounts {
            done: 1_234,
            failed: 5,
            running: Some(42),
            last: Some(LastCommit {
                tid: 41,
                user: Some("alice".into()),
                at: "2026-11-25T12:00:00Z".into(),
                elapsed_us: 64_200,
                instances: 430,
                bytes: 65_536,
                error: None,
            }),
        },
        modules: vec![module("interfaces", ModuleState::Quarantined { reason }), ssh_users, loading, broken],
        broken_rules: vec![BrokenRule {
            source: "`/nacm`".into(),
            rule_list: "modules".into(),
            rule: "no-aaa".into(),
            problem: "its path is not an instance-identifier: it denies all nodes it may match".into(),
        }],
        keeps_originals: Some(false),
        orphans: OrphansStatus {
            are_looked_for: true,
            instances: 102,
            shown: vec![
                OrphanStatus {
                    instance: "ssh-users[service-name='gone']".into(),
                    is_deleted: true,
                    objects: 2,
                    first: "/devices/device[name=\"r1\"]/config/system/aaa/user[username=\"ann\"]".into(),
                },
                OrphanStatus {
                    instance: "ssh-users[service-name='ops']".into(),
                    is_deleted: false,
                    objects: 1,
                    first: "/devices/device[name=\"r1\"]/config/system/config/hostname".into(),
                },
            ],
        },
        counts: EventCounts {
            events: BTreeMap::from([("limit".into(), 5), ("load".into(), 2)]),
            limits: BTreeMap::from([("fuel".into(), 4), ("wall clock".into(), 1)]),
        },
    }
}

#[test]
fn status_is_a_page() {
    insta::assert_snapshot!(StatusText(&example()), @r#"
    controller  connected since 2026-11-25T09:00:00Z
                at `/run/controller.sock`, as `clicon`
                disconnected 2 times before
    uptime      1 d 2 h
    commits     1,234 done, 5 failed; transaction 42 in progress
    last        transaction 41 by `alice` at 2026-11-25T12:00:00Z: 430 instances, 65,536 bytes, 64.2 ms
    rules       rule `no-aaa` of rule-list `modules` in `/nacm` does not work: its path is not an instance-identifier: it denies all nodes it may match
    originals   not kept: what services change on devices is not restored when they go
                hint: `confine yang install`, then restart the controller
    orphans     `ssh-users[service-name='gone']`, which was deleted, had created `/devices/device[name="r1"]/config/system/aaa/user[username="ann"]` and 1 more; no instance owns that now
                `ssh-users[service-name='ops']` has created `/devices/device[name="r1"]/config/system/config/hostname`; no instance owns that now
                and those of 100 more instances
                hint: `apply services` gives an instance its objects back, and removes those that it no longer makes;
                for what deleted instances left, see Orphans in the troubleshooting chapter

    MODULE      VERSION  STATE        SERVICES      RUNS  FAILED  LAST RUN
    interfaces  1.2.0    quarantined  interfaces       0       0  -
      5 limits in 10 min
      hint: replace its file
    ssh-users   1.2.0    active       ssh-users   12,345       3  1,234,567 fuel, 950 µs
      its file was refused at 2026-11-25T11:30:00Z: it is truncated
      199,000 log lines dropped in transaction 41: see its limit `log`
    vlans       -        loading                       0       0  -
      its file is being loaded since 2026-11-25T11:45:00Z
    zz-broken   -        broken                        0       0  -
      it is no component
    "#);
}

#[test]
fn held_modules_and_versions_are_explained() {
    let reason = || "it claims the list `x`, which `a` serves\nhint: approve it".to_owned();
    let [mut held, mut beside, ..] = <[ModuleStatus; 4]>::try_from(example().modules).unwrap();
    held.state = ModuleState::Held { reason: reason() };
    held.services.clear();
    (beside.refused, beside.log_dropped) = (None, None);
    beside.held = Some(HeldFile {
        at: "2026-11-25T11:50:00Z".into(),
        version: "1.3.0".into(),
        digest: "77".repeat(32),
        reason: reason(),
    });
    insta::assert_snapshot!(ModulesText(&[held, beside]), @r"
    MODULE      VERSION  STATE   SERVICES     RUNS  FAILED  LAST RUN
    interfaces  1.2.0    held                    0       0  -
      it claims the list `x`, which `a` serves
      hint: approve it
    ssh-users   1.2.0    active  ssh-users  12,345       3  1,234,567 fuel, 950 µs
      its version 1.3.0 is held since 2026-11-25T11:50:00Z: it claims the list `x`, which `a` serves
      hint: approve it
    ");
}

#[test]
fn status_of_new_daemon_is_short() {
    let status = DaemonStatus {
        uptime_s: 3,
        connection: ConnectionStatus {
            since: "2026-11-25T09:00:00Z".into(),
            socket: Some("/run/controller.sock".into()),
            user: Some("clicon".into()),
            error: Some("cannot connect to the controller\nhint: is it running?".into()),
            ..ConnectionStatus::default()
        },
        commits: CommitCounts::default(),
        modules: vec![],
        broken_rules: vec![],
        keeps_originals: None,
        orphans: OrphansStatus { are_looked_for: true, ..OrphansStatus::default() },
        counts: EventCounts::default(),
    };
    insta::assert_snapshot!(StatusText(&status), @r"
    controller  not connected since 2026-11-25T09:00:00Z
                at `/run/controller.sock`, as `clicon`
                cannot connect to the controller
                hint: is it running?
    uptime      3 s
    commits     0 done, 0 failed

    No modules.
    ");
}

#[test]
fn module_is_shown_with_all_details() {
    let status = example().modules.remove(1);
    let limits = vec!["fuel = { base = 5, per_instance = 1 }".into(), "memory = \"64 MiB\"".into()];
    insta::assert_snapshot!(ModuleReport { status, limits }, @r#"
    module      ssh-users 1.2.0
    state       active since 2026-11-25T10:00:00Z
                its file was refused at 2026-11-25T11:30:00Z: it is truncated
                199,000 log lines dropped in transaction 41: see its limit `log`
    file        /modules/ssh-users.wasm
    digest      sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e
    memory      5,668,864 bytes while it is loaded
    services    ssh-users
    runs        12,345, 3 failed
    hooks       7, 1 failed
    last run    1,234,567 fuel, 950 µs, 1,114,112 bytes of memory
                transaction 41, ssh-users[group='ops']
    worst run   1,999,999,999 fuel, 1.25 s, 1,114,112 bytes of memory
                transaction 7, ssh-users[group='ops']
    last error  transaction 40 at 2026-11-25T11:00:00Z
                module `ssh-users` 1.2.0: no such group
                hint: name one
    versions    1.2.0  sha256:5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e  (running)
                1.1.0  sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
    limits      fuel = { base = 5, per_instance = 1 }
                memory = "64 MiB"
    "#);
}

#[test]
fn event_is_a_line() {
    let module = || "ssh-users".to_owned();
    let events = [
        EventKind::Load { module: module(), version: "1.0.0".into(), digest: "5e".into() },
        EventKind::Swap { module: module(), from: "1.0.0 (5e)".into(), to: "1.1.0 (0a)".into() },
        EventKind::Refusal {
            module: module(),
            file: "/m/x.wasm".into(),
            error: "it ends\nin the middle".into(),
        },
        EventKind::Quarantine { module: module(), reason: "5 limits".into() },
        EventKind::Hold { module: module(), version: "1.2.0".into(), reason: "it claims\na list".into() },
        EventKind::Approve { module: module() },
        EventKind::Rename { module: module(), from: "ssh".into() },
        EventKind::Disconnected { error: "closed".into() },
        EventKind::Abandoned { tid: 4, ended: true },
        EventKind::Commit { tid: 5, user: Some("alice".into()), elapsed_us: 12_345_678, error: None },
        EventKind::Commit { tid: 6, user: None, elapsed_us: 99, error: Some("\u{1b}[31mno".into()) },
    ];
    let lines: Vec<_> = events
        .into_iter()
        .map(|what| event(&AuditEvent { number: 1, at: "2026-11-25T12:00:00Z".into(), what }))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    2026-11-25T12:00:00Z  `ssh-users` loaded: 1.0.0
    2026-11-25T12:00:00Z  `ssh-users` swapped: 1.0.0 (5e) → 1.1.0 (0a)
    2026-11-25T12:00:00Z  `ssh-users` refused: it ends\nin the middle
    2026-11-25T12:00:00Z  `ssh-users` quarantined: 5 limits
    2026-11-25T12:00:00Z  `ssh-users` 1.2.0 held: it claims\na list
    2026-11-25T12:00:00Z  `ssh-users` approved
    2026-11-25T12:00:00Z  `ssh` renamed to `ssh-users`
    2026-11-25T12:00:00Z  disconnected: closed
    2026-11-25T12:00:00Z  transaction 4, left by another daemon, ended
    2026-11-25T12:00:00Z  transaction 5 by `alice` done (12.35 s)
    2026-11-25T12:00:00Z  transaction 6 by `?` failed: \u{1b}[31mno (99 µs)
    ");
}

#[test]
fn times_are_short() {
    let spans = [0, 999, 1_000, 64_200, 1_000_000, 12_345_678].map(span);
    assert_eq!(spans, ["0 µs", "999 µs", "1.0 ms", "64.2 ms", "1.00 s", "12.35 s"]);
    let periods = [59, 60, 3_600, 86_400].map(period);
    assert_eq!(periods, ["59 s", "1 min 0 s", "1 h 0 min", "1 d 0 h"]);
}

proptest! {
    /// Whatever a module writes is text, and nothing that a terminal interprets.
    #[test]
    fn terminal_interprets_nothing_from_outside(text in "\\PC*|[\u{0}-\u{ffff}]{0,40}") {
        let mut status = example();
        status.connection.error = Some(text.clone());
        status.connection.user = Some(text.clone());
        if let Some(last) = &mut status.commits.last {
            last.user = Some(text.clone());
            last.error = Some(text.clone());
        }
        for module in &mut status.modules {
            module.name.clone_from(&text);
            module.version = Some(text.clone());
            module.services = vec![text.clone()];
            module.file.clone_from(&text);
            module.state = ModuleState::Broken { error: text.clone() };
            module.last_error = Some(LastError { at: text.clone(), tid: 1, error: text.clone() });
            module.refused = Some(RefusedFile { at: text.clone(), error: text.clone() });
            module.held = Some(HeldFile {
                at: text.clone(), version: text.clone(), digest: text.clone(), reason: text.clone(),
            });
            if let Some(run) = &mut module.last_run {
                run.instance.clone_from(&text);
            }
        }
        let happened = EventKind::Limit {
            module: text.clone(), version: text.clone(), instance: text.clone(), limit: text.clone(), error: text.clone(),
        };
        let shown = [
            StatusText(&status).to_string(),
            ModuleReport { status: status.modules.remove(1), limits: vec![text.clone()] }.to_string(),
            event(&AuditEvent { number: 1, at: text, what: happened }),
        ];
        for shown in shown {
            let interpreted = shown.chars().find(|&c| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{200b}')));
            prop_assert!(interpreted.is_none(), "{:?} in {}", interpreted, shown);
        }
    }
}
