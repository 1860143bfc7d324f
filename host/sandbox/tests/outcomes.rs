//! What runs end in, and what a user reads of it.

use std::{error::Error as _, sync::Arc};

use crate::guest::{Description, ERROR, Guest};
use crate::host::{load, run, run_on, run_one, runner, told};
use confine_sandbox::{Budget, EntryPoint, FailureCause, Hook, HostFault, Limits};
use confine_tree::Pattern;
use confine_view::{Fetch, Source, SourceError};

#[tokio::test]
async fn returned_error_reaches_the_user() {
    let guest =
        Guest::new().error("invalid-value", "no such \u{1b}[1muser\nat all", Some("/a/b")).apply(ERROR);
    let run = run(guest, Limits::default()).await;
    assert_eq!(
        told(&run),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: no such \u{1b}[1muser
at all (invalid-value, at `/a/b`)"#
    );
    let silent = Guest::new().error("", "", None).apply(ERROR);
    assert_eq!(
        told(&crate::host::run(silent, Limits::default()).await),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: it failed and does not say why (operation-failed)"#
    );
}

#[tokio::test]
async fn trap_has_output_and_backtrace() {
    let write =
        "(call $write (call $stderr) (global.get $panic) (global.get $panic.len) (global.get $scratch))
        (call $boom) (global.get $ok)";
    let guest = Guest::new()
        .stdio()
        .text("panic", "thread 'main' panicked at src/lib.rs:7:5:\nno such user\u{7}\n")
        .fields("(func $boom unreachable)")
        .apply(write);
    let run = run(guest, Limits::default()).await;
    assert_eq!(
        told(&run),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: trap: wasm `unreachable` instruction executed; it wrote:
thread 'main' panicked at src/lib.rs:7:5:
no such user\u{7}"#
    );
    let FailureCause::Trap(trap) = run.outcome.unwrap_err().cause else { panic!("no trap") };
    assert_eq!(trap.backtrace[..2], ["boom", "apply"]);
}

#[tokio::test]
async fn traps_have_distinct_messages() {
    let mut told_of = Vec::new();
    for body in [
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        "(drop (i32.load (i32.const -4)))",
        "(call $exit (i32.const 1))",
    ] {
        let guest = Guest::new().stdio().apply(&format!("{body} (global.get $ok)"));
        told_of.push(told(&run(guest, Limits::default()).await));
    }
    assert_eq!(told_of.join("\n"), [
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: trap: integer divide by zero"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: trap: out of bounds memory access"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: trap: it called exit (with failure) where it should return"#,
        ]
        .join("\n"));
}

#[tokio::test]
async fn hooks_are_called_if_exported() {
    let runner = runner();
    let limits = Limits::default();
    let with = Guest::new().hooks(ERROR).error("x", "not now", None);
    let with = runner.load("with", with.build(), &limits).await.unwrap();
    let without = runner.load("without", Guest::new().build(), &limits).await.unwrap();
    assert!(with.has_hooks() && !without.has_hooks());

    let mut budget = Budget::new(&limits, 1);
    let mut told_of = Vec::new();
    for entry in [Hook::PreCommit, Hook::PostCommit, Hook::PostCommitFailed].map(EntryPoint::Hook) {
        for module in [&with, &without] {
            told_of.push(told(&run_one(&runner, module, &mut budget, entry, "s1").await));
        }
    }
    assert_eq!(told_of[1..], ["fine"; 5]);
    assert_eq!(told_of[0], r#"module `with` 1.0.0, instance `bench[service-name='s1']`: not now (x)"#);
}

#[tokio::test]
async fn same_input_uses_same_fuel() {
    // Random numbers decide how long it runs.
    let apply = "(local $n i32)
        (call $random (i64.const 2) (global.get $scratch))
        (local.set $n (i32.load16_u (i32.load (global.get $scratch))))
        (loop $again
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_if $again (i32.gt_s (local.get $n) (i32.const 0))))
        (global.get $ok)";
    let runner = runner();
    let guest = Guest::new().random().apply(apply).build();
    let mut used = Vec::new();
    for _ in 0..2 {
        let module = runner.load("bench", guest.clone(), &Limits::default()).await.unwrap();
        let mut budget = Budget::new(module.limits(), 3);
        for name in ["s1", "s2", "s1"] {
            used.push(run_one(&runner, &module, &mut budget, EntryPoint::Apply, name).await.usage.fuel);
        }
    }
    let [s1, s2] = [used[0], used[1]];
    assert_eq!(used, [s1, s2, s1, s1, s2, s1]);
    // Each instance has random numbers of its own.
    assert!(s1 > 1000 && s1 != s2, "{used:?}");
}

#[tokio::test]
async fn invalid_description_is_refused() {
    let description = Description { services: &["bench"], version: "1", prefixes: &[], reads: &[] };
    let error = load(Guest::new().description(description), &Limits::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"module `bench` cannot be loaded: its description is wrong at `services`, `bench`: write `prefix:name`, with its keys where it has several: `p:name[k1][k2]`"#
    );
}

#[tokio::test]
async fn module_has_its_description() {
    let module = load(Guest::new(), &Limits::default()).await.unwrap();
    assert_eq!((&**module.name(), module.to_string()), ("bench", "bench 1.0.0".into()));
    assert_eq!(module.description().services.len(), 1);
}

/// Reads something that has to be fetched, and ignores the answer.
fn reader() -> Guest {
    let get = "(call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
        (global.get $ok)";
    Guest::new().text("path", "/devices/device[name='r1']/config/b:banner").apply(get)
}

struct Broken;

impl Source for Broken {
    fn fetch<'a>(&'a self, _: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(async { Err(SourceError { message: "the backend has gone away".into(), source: None }) })
    }
}

#[tokio::test]
async fn failed_read_ends_the_run() {
    let failure = run_on(&runner(), reader(), Limits::default(), Arc::new(Broken)).await.outcome.unwrap_err();
    let mut texts = vec![failure.to_string()];
    let mut source = failure.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    assert_eq!(
        texts.join("\n"),
        [
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: the host failed"#,
            r#"cannot read the configuration"#,
            r#"the backend has gone away"#
        ]
        .join("\n")
    );
}

struct Panics;

impl Source for Panics {
    fn fetch<'a>(&'a self, _: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(async { panic!("a fault of the host") })
    }
}

#[tokio::test]
async fn host_panic_ends_only_one_run() {
    let run = run_on(&runner(), reader(), Limits::default(), Arc::new(Panics)).await;
    assert!(matches!(run.outcome.unwrap_err().cause, FailureCause::Host(HostFault::Lost)));
}
