//! Each limit, by a guest that runs into it: it holds, and its text says which, how much is allowed and
//! how much was used.

use std::{sync::Arc, time::Duration};

use crate::guest::{FOREVER, Guest, OK};
use crate::host::{load, run, run_on, run_one, runner, told};
use confine_sandbox::{Budget, Compiler, EntryPoint, HostSecret, Limits, Runner, ScaledLimit};
use confine_tree::Pattern;
use confine_view::{Fetch, Source};

/// What no test should need more than a moment for.
fn small() -> Limits {
    Limits { fuel: ScaledLimit { base: 10_000_000, per_instance: 1_000_000 }, ..Limits::default() }
}

/// Fuel for ever and a second of time, which loading is given more of: only the wall clock can end a run.
fn endless() -> Limits {
    Limits {
        fuel: ScaledLimit { base: u64::MAX / 2, per_instance: 0 },
        host_work: ScaledLimit { base: u64::MAX / 2, per_instance: 0 },
        bytes_in: ScaledLimit { base: u64::MAX / 2, per_instance: 0 },
        bytes_out: ScaledLimit { base: u64::MAX / 2, per_instance: 0 },
        wall_clock: ScaledLimit { base: Duration::from_secs(1), per_instance: Duration::ZERO },
        ..Limits::default()
    }
}

/// The text up to the number that depends on the machine.
fn upto_used(text: &str) -> &str {
    text.split(", used").next().unwrap_or(text)
}

#[tokio::test]
async fn fuel_ends_a_loop_in_apply() {
    let run = run(Guest::new().apply(&format!("{FOREVER} unreachable")), small()).await;
    assert_eq!(
        told(&run),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000"#
    );
    assert_eq!(run.usage.fuel, 10_000_000);
    assert!(run.draft.is_some());
}

#[tokio::test]
async fn fuel_ends_a_loop_in_describe() {
    let error = load(Guest::new().describe(FOREVER), &small()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"module `bench` cannot be loaded: it cannot be started: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000"#
    );
}

#[tokio::test]
async fn fuel_ends_a_loop_in_a_start_function() {
    let guest = Guest::new().fields(&format!("(func $start {FOREVER}) (start $start)"));
    let error = load(guest, &small()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"module `bench` cannot be loaded: it cannot be started: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000"#
    );
}

#[tokio::test]
async fn fuel_ends_a_loop_in_an_allocation() {
    let run = run(Guest::new().realloc(FOREVER), small()).await;
    assert_eq!(
        told(&run),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000"#
    );
}

#[tokio::test]
async fn fuel_counts_each_byte_of_a_fill() {
    let fill = "(loop $again (memory.fill (global.get $scratch) (i32.const 0) (i32.const 65536)) (br $again)) unreachable";
    let run = run(Guest::new().apply(fill), small()).await;
    assert_eq!(
        told(&run),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000"#
    );
}

/// About 4 million units of fuel.
const WORK: &str = "(local $n i32)
    (loop $again
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 500000))))
    (global.get $ok)";

#[tokio::test]
async fn instances_share_the_fuel_of_a_commit() {
    let limits = Limits { fuel: ScaledLimit { base: 5_000_000, per_instance: 500_000 }, ..Limits::default() };
    let runner = runner();
    let module = runner.load("bench", Guest::new().apply(WORK).build(), &limits).await.unwrap();
    let mut budget = Budget::new(&limits, 3);
    let mut told_of = Vec::new();
    for name in ["s1", "s2", "s3"] {
        told_of.push(told(&run_one(&runner, &module, &mut budget, EntryPoint::Apply, name).await));
    }
    assert_eq!(told_of.join("\n"), [
            r#"fine"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s2']` (2 of 3): fuel limit reached: allowed 6,500,000 for the commit, used 6,500,000"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s3']` (3 of 3): fuel limit reached: allowed 6,500,000 for the commit, used 6,500,000"#,
        ]
        .join("\n"));
}

#[tokio::test]
async fn the_wall_clock_ends_a_loop_of_guest_code() {
    let run = run(Guest::new().apply(&format!("{FOREVER} unreachable")), endless()).await;
    assert_eq!(
        upto_used(&told(&run)),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: wall clock limit reached: allowed 1,000 ms for one instance"#
    );
    assert!(run.draft.is_some(), "the thread was given back");
}

#[tokio::test]
async fn the_wall_clock_ends_a_loop_of_calls() {
    let log = "(loop $again
        (call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0))
        (br $again)) unreachable";
    let get = "(loop $again
        (call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
        (br $again)) unreachable";
    let now = "(loop $again (drop (call $now)) (br $again)) unreachable";
    for guest in [
        Guest::new().apply(log),
        // The arena for results is used again, or memory would end the run.
        Guest::new().text("path", "/devices").realloc("(return (i32.const 131072))").pages(8).apply(get),
        Guest::new().clock().apply(now),
    ] {
        let run = run(guest, endless()).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(upto_used(&told(&run)), @"module `bench` 1.0.0, instance `bench[service-name='s1']`: wall clock limit reached: allowed 1,000 ms for one instance");
        }
        assert!(run.draft.is_some(), "the thread was given back");
    }
}

#[tokio::test]
async fn run_ends_before_commit_must_be_answered() {
    let limits = Limits { fuel: endless().fuel, ..Limits::default() };
    let runner = runner();
    let guest = Guest::new().apply(&format!("{FOREVER} unreachable"));
    let module = runner.load("bench", guest.build(), &limits).await.unwrap();
    let soon = std::time::Instant::now() + Duration::from_millis(100);
    let mut budget = Budget::new(&limits, 1).answer_by(soon);
    let run = run_one(&runner, &module, &mut budget, EntryPoint::Apply, "s1").await;
    assert!(told(&run).contains("until the commit must be answered"), "{}", told(&run));
}

/// Reads something that has to be fetched.
fn reader() -> Guest {
    let get = "(call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
        (global.get $ok)";
    Guest::new().text("path", "/devices/device[name='r1']/config/b:banner").apply(get)
}

/// A backend that does not answer.
struct Silent;

impl Source for Silent {
    fn fetch<'a>(&'a self, _: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn the_wall_clock_ends_a_call_that_waits() {
    let run = run_on(&runner(), reader(), endless(), Arc::new(Silent)).await;
    assert_eq!(
        upto_used(&told(&run)),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: wall clock limit reached: allowed 1,000 ms for one instance"#
    );
    assert!(run.draft.is_some(), "the thread was given back");
}

/// Keeps the thread, as no source may.
struct Stuck;

impl Source for Stuck {
    fn fetch<'a>(&'a self, _: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(async {
            std::thread::sleep(Duration::from_secs(3600));
            unreachable!()
        })
    }
}

#[tokio::test]
async fn thread_that_never_yields_is_abandoned() {
    let runner = runner().with_grace(Duration::ZERO);
    let run = run_on(&runner, reader(), endless(), Arc::new(Stuck));
    // It would be an hour otherwise.
    let run = tokio::time::timeout(Duration::from_secs(120), run).await.unwrap();
    assert_eq!(
        upto_used(&told(&run)),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: wall clock limit reached: allowed 1,000 ms for one instance"#
    );
    assert!(run.draft.is_none(), "the thread has it");
}

#[tokio::test]
async fn host_work_is_limited() {
    let again = "(loop $again
        (call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
        (br $again)) unreachable";
    let guest = reader().realloc("(return (i32.const 131072))").pages(8).apply(again);
    let limits = Limits { host_work: ScaledLimit { base: 100_000, per_instance: 100 }, ..Limits::default() };
    let run = run(guest, limits).await;
    assert_eq!(
        upto_used(&told(&run)),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: host work limit reached: allowed 100,000 for one instance"#
    );
    assert!(run.usage.host_work > 90_000, "{:?}", run.usage);
}

#[tokio::test]
async fn edits_are_limited() {
    // A leaf with each of two values in turn, so that each is an edit.
    let set = "(loop $again
        (call $set (local.get $view) (global.get $path) (global.get $path.len)
            (global.get $a) (global.get $a.len) (global.get $scratch))
        (call $set (local.get $view) (global.get $path) (global.get $path.len)
            (global.get $b) (global.get $b.len) (global.get $scratch))
        (br $again)) unreachable";
    let guest =
        || reader().text("a", "a").text("b", "b").realloc("(return (i32.const 131072))").pages(8).apply(set);
    let few = Limits { edits: ScaledLimit { base: 100, per_instance: 10 }, ..Limits::default() };
    let small = Limits { bytes_out: ScaledLimit { base: 60_000, per_instance: 0 }, ..Limits::default() };
    let told_of = [told(&run(guest(), few).await), told(&run(guest(), small).await)];
    assert_eq!(
        told_of[0],
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: edits limit reached: allowed 100 for one instance, used 101"#
    );
    assert_eq!(
        upto_used(&told_of[1]),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: edit bytes limit reached: allowed 60,000 bytes for one instance"#
    );
}

#[tokio::test]
async fn sleep_takes_no_real_time() {
    let hours = "(call $block (call $timer (i64.const 36000000000000)))
        (if (i64.ne (call $now) (i64.const 36000000000000)) (then unreachable))
        (global.get $ok)";
    let run = run(Guest::new().clock().apply(hours), endless()).await;
    assert_eq!(told(&run), "fine");
}

#[tokio::test]
async fn memory_is_limited() {
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let run = run(Guest::new().apply(grow), Limits::default()).await;
    assert_eq!(
        told(&run),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: memory limit reached: allowed 64 MiB for one instance, in use 63.9 MiB, asked for 64 KiB more"#
    );
    // The adapters of a component have a small table, so that the last page does not fit.
    assert!(run.usage.memory > 63 << 20 && run.usage.memory < 64 << 20);
}

#[tokio::test]
async fn memory_is_summed_over_memories_and_tables() {
    let guest = |fields: &str| Guest::new().fields(fields);
    let nine_mebibytes = "(memory 144)".repeat(8);
    let at_start = guest(&nine_mebibytes);
    let tables = guest("(table 5000000 funcref) (table 5000000 funcref)");
    let mut told_of = Vec::new();
    for guest in [at_start, tables] {
        told_of.push(load(guest, &Limits::default()).await.unwrap_err().to_string());
    }
    let grown = guest("(table $table 1 funcref)").apply(
        "(loop $again (br_if $again
            (i32.ne (table.grow $table (ref.null func) (i32.const 100000)) (i32.const -1)))) unreachable",
    );
    told_of.push(told(&run(grown, Limits::default()).await));
    assert_eq!(told_of.join("\n"), [
            r#"module `bench` cannot be loaded: it cannot be started: memory limit reached: allowed 64 MiB for one instance, in use 63.1 MiB, asked for 9 MiB more"#,
            r#"module `bench` cannot be loaded: it cannot be started: memory limit reached: allowed 64 MiB for one instance, in use 38.3 MiB, asked for 38.1 MiB more"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: memory limit reached: allowed 64 MiB for one instance, in use 63.4 MiB, asked for 800,000 bytes more"#,
        ]
        .join("\n"));
}

#[tokio::test]
async fn guest_may_continue_without_refused_memory() {
    let grow = "(drop (memory.grow (i32.const 60000))) (global.get $ok)";
    assert_eq!(told(&run(Guest::new().apply(grow), Limits::default()).await), "fine");
}

#[tokio::test]
async fn memories_tables_and_core_instances_are_counted() {
    let memories = load(Guest::new().fields(&"(memory 0)".repeat(20)), &Limits::default()).await;
    let tables = load(
        Guest::new().fields(&"(table 0 funcref)".repeat(20)),
        &Limits { tables: 10, ..Limits::default() },
    )
    .await;
    let instances = load(Guest::new(), &Limits { core_instances: 2, ..Limits::default() }).await;
    let told_of = [memories, tables, instances].map(|loaded| loaded.unwrap_err().to_string());
    assert_eq!(told_of.join("\n"), [
            r#"module `bench` cannot be loaded: it cannot be started: memories limit reached: allowed 16 for one instance"#,
            r#"module `bench` cannot be loaded: it cannot be started: tables limit reached: allowed 10 for one instance"#,
            r#"module `bench` cannot be loaded: it cannot be started: core instances limit reached: allowed 2 for one instance"#,
        ]
        .join("\n"));
}

#[tokio::test]
async fn stack_is_limited() {
    let host = Guest::new()
        .fields("(func $deep (param i32) (result i32) (i32.add (local.get 0) (call $deep (local.get 0))))")
        .apply("(call $deep (i32.const 1))");
    // As compilers do it: a stack of their own that runs down to the bottom of memory.
    let own = Guest::new()
        .fields(
            "(global $stack (mut i32) (i32.const 60000))
            (func $deep
                (global.set $stack (i32.sub (global.get $stack) (i32.const 64)))
                (i32.store (global.get $stack) (i32.const 1))
                (call $deep))",
        )
        .apply("(call $deep) (global.get $ok)");
    for guest in [host, own] {
        let run = run(guest, Limits::default()).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(told(&run), @"module `bench` 1.0.0, instance `bench[service-name='s1']`: stack limit reached: allowed 512 KiB for one instance");
        }
    }
}

#[tokio::test]
async fn stack_has_the_configured_size() {
    let deep = "(func $deep (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0))
            (then (i32.const 0))
            (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))))";
    let mut told_of = Vec::new();
    for stack in [64 << 10, 4 << 20] {
        let limits = Limits { stack, ..Limits::default() };
        let runner = Runner::new(&limits, Compiler::in_process(), HostSecret::known())
            .unwrap()
            .with_grace(crate::host::PATIENCE);
        let guest = Guest::new().fields(deep).apply("(drop (call $deep (i32.const 10000))) (global.get $ok)");
        told_of.push(told(&run_on(&runner, guest, limits, Arc::new(crate::host::Empty)).await));
    }
    assert_eq!(
        told_of,
        [
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: stack limit reached: allowed 64 KiB for one instance"#,
            "fine"
        ]
    );
}

#[tokio::test]
async fn handles_are_limited() {
    let open = "(local $n i32)
        (loop $again
            (drop (call $timer (i64.const 0)))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 200))))
        (global.get $ok)";
    let guest = || Guest::new().clock().apply(open);
    assert_eq!(told(&run(guest(), Limits::default()).await), "fine");
    let few = Limits { handles: 100, ..Limits::default() };
    assert_eq!(
        told(&run(guest(), few).await),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: handles limit reached: allowed 100 for one instance"#
    );
}

#[tokio::test]
async fn bytes_are_limited() {
    // The address is that of nothing: its content does not matter.
    let set = |bytes: u32| {
        let body = format!(
            "(loop $again
                (call $set (local.get $view) (i32.const 4) (i32.const 0)
                    (i32.const 131072) (i32.const {bytes}) (global.get $scratch))
                (br $again)) unreachable"
        );
        Guest::new().pages(200).realloc("(return (i32.const 131072))").apply(&body)
    };
    let random =
        "(loop $again (call $random (i64.const 4096) (global.get $scratch)) (br $again)) unreachable";
    let random = Guest::new().random().pages(8).realloc("(return (i32.const 131072))").apply(random);
    // The length of the message, in the error that is already there.
    let refusal = "(i32.store offset=16 (global.get $error) (i32.const 9437184)) (global.get $error)";
    let refusal = Guest::new().pages(200).apply(refusal);
    // Random bytes take their time.
    let limits = Limits { bytes_in: ScaledLimit { base: 4 << 20, per_instance: 0 }, ..Limits::default() };
    let mut told_of = Vec::new();
    for guest in [set(1 << 20), set(9 << 20), random, refusal] {
        told_of.push(told(&run(guest, limits.clone()).await));
    }
    assert_eq!(told_of.join("\n"), [
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: bytes out limit reached: allowed 64 MiB for one instance, used 65 MiB"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: bytes per call limit reached: allowed 8 MiB for one call"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: bytes in limit reached: allowed 4 MiB for one instance, used 4,100 KiB"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: bytes per call limit reached: allowed 8 MiB for one call"#,
        ]
        .join("\n"));
}

#[tokio::test]
async fn call_that_cannot_yield_passes_few_bytes() {
    let random = |bytes: u32| {
        let call = format!("(call $random (i64.const {bytes}) (global.get $scratch)) (global.get $ok)");
        Guest::new().random().apply(&call)
    };
    let write = |bytes: u32| {
        let call = format!(
            "(call $print (call $stdout) (i32.const 0) (i32.const {bytes}) (global.get $scratch)) (global.get $ok)"
        );
        let guest = Guest::new().import(
            "wasi:cli/stdout@0.2.3",
            "package wasi:cli@0.2.3 {
                interface stdout {
                    use wasi:io/streams@0.2.3.{output-stream};
                    get-stdout: func() -> output-stream;
                }
            }
            package wasi:io@0.2.3 {
                interface error { resource error; }
                interface streams {
                    use error.{error};
                    variant stream-error { last-operation-failed(error), closed }
                    resource output-stream { write: func(contents: list<u8>) -> result<_, stream-error>; }
                }
            }",
            r#"(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
            (import "wasi:io/streams@0.2.3" "[method]output-stream.write"
                (func $print (param i32 i32 i32 i32)))"#,
        );
        guest.apply(&call)
    };
    let mut told_of = Vec::new();
    for guest in [random(4096), write(4096), random(4097), write(4097)] {
        told_of.push(told(&run(guest, Limits::default()).await));
    }
    assert_eq!(told_of.join("\n"), [
            r#"fine"#,
            r#"fine"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: trap: it requested 4097 random bytes in one call, the maximum is 4096"#,
            r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: trap: it wrote 4097 bytes where an output stream takes 4096"#,
        ]
        .join("\n"));
}

#[tokio::test]
async fn log_lines_over_the_limit_are_dropped() {
    let flood = "(local $n i32)
        (loop $again
            (call $log (global.get $level) (global.get $level.len)
                (global.get $message) (global.get $message.len) (i32.const 4) (i32.const 0))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 10000))))
        (global.get $ok)";
    let guest = Guest::new().text("level", "warn").text("message", "again\u{1b}[2J").apply(flood);
    let run = run(guest, Limits::default()).await;
    assert_eq!(told(&run), "fine");
    assert_eq!(run.log.len() as u64 + run.log_dropped, 10_000);
    assert!(run.usage.log <= 65 << 10 && run.log.len() > 1000);
    assert_eq!(run.log[0].message, "again\\u{1b}[2J");
}

#[tokio::test]
async fn long_text_is_cut() {
    let guest = Guest::new().error("x", &"m".repeat(1 << 20), None).apply(crate::guest::ERROR);
    let run = run(guest, Limits::default()).await;
    assert_eq!(
        told(&run).replace(&"m".repeat(4096), "(4,096 times m)"),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: (4,096 times m)… (1044480 bytes more) (x)"#
    );
}

#[tokio::test]
async fn failed_run_leaves_no_trace() {
    let limits = small();
    let runner = runner();
    let build = |apply: &str| Guest::new().apply(apply).build();
    let bad = runner.load("bad", build(&format!("{FOREVER} unreachable")), &limits).await.unwrap();
    let good = runner.load("good", build(OK), &limits).await.unwrap();
    for _ in 0..20 {
        let mut budget = Budget::new(&limits, 1);
        assert!(run_one(&runner, &bad, &mut budget, EntryPoint::Apply, "s1").await.outcome.is_err());
        let mut budget = Budget::new(&limits, 1);
        assert!(run_one(&runner, &good, &mut budget, EntryPoint::Apply, "s1").await.outcome.is_ok());
    }
}

/// Keeps the thread for 5 ms each time, and counts.
#[derive(Default)]
struct Slow(std::sync::atomic::AtomicUsize);

impl Source for Slow {
    fn fetch<'a>(&'a self, _: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(async {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(5));
            Ok(confine_tree::Tree::default())
        })
    }
}

#[tokio::test]
async fn the_wall_clock_ends_a_loop_of_slow_calls() {
    // Another entry each time, so that it has to be fetched.
    let digits: String = (0..4u32)
        .map(|digit| {
            format!(
                "(i32.store8 offset={} (global.get $path)
                    (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const {})) (i32.const 15))))",
                22 + digit,
                4 * digit
            )
        })
        .collect();
    let apply = format!(
        "(local $n i32)
        (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            {digits}
            (call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 4000))))
        (global.get $ok)"
    );
    let guest = Guest::new()
        .text("path", "/devices/device[name='aaaa']/name")
        .realloc("(return (i32.const 131072))")
        .pages(8)
        .apply(&apply);
    let source = Arc::new(Slow::default());
    let run = run_on(&runner(), guest, endless(), source.clone()).await;
    assert_eq!(
        upto_used(&told(&run)),
        r#"module `bench` 1.0.0, instance `bench[service-name='s1']`: wall clock limit reached: allowed 1,000 ms for one instance"#
    );
    // It ended between two of them, and not after all: that would be 4,000.
    let fetched = source.0.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..2000).contains(&fetched), "{fetched}");
}
