//! Modules that do not give back what they were lent: the processor, the thread, the user's time.

use std::time::Duration;

use crate::{
    Own, Part,
    case::{Case, Ends::*, Module::*, count_into, hostile},
    daemon::Machine,
    guest::FOREVER,
    runtime,
};

/// Ten million units of fuel, and no more for the second run than for the first.
const LITTLE_FUEL: &str = "fuel = { base = 10_000_000, per_instance = 1 }";

/// Only the clock can end a run, and does not end the loading.
const ONLY_TIME: &str = "fuel.base = 1_000_000_000_000
    host_work.base = 1_000_000_000_000
    bytes_in.base = '1000 GiB'
    bytes_out.base = '1000 GiB'
    wall_clock = { base = '10 s', per_instance = '1 us' }";

/// Only the host's work can: that of a few calls.
const LITTLE_WORK: &str = "fuel.base = 1_000_000_000_000
    host_work = { base = 100_000, per_instance = 1 }";

/// A list of results is written over the one before: no memory is taken.
const OVERWRITE: &str = "(return (i32.const 131072))";

/// One call with the path again and again.
macro_rules! again {
    ($function:literal, $path:expr) => {
        || {
            let call = concat!(
                "(loop $again (call ",
                $function,
                " (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
                (br $again)) unreachable"
            );
            hostile().text("path", $path).realloc(OVERWRITE).pages(64).calls(READ).apply(call)
        }
    };
}

pub const READ: &str =
    r#"(import "confine:service/tree@0.1.0" "[method]view.read" (func $read (param i32 i32 i32 i32)))"#;

pub const PART: Part = Part {
    cases: &[
        Case {
            id: "loop-in-apply",
            module: Guest(|| hostile().apply(&format!("{FOREVER} unreachable"))),
            limits: LITTLE_FUEL,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
        Case {
            id: "loop-in-a-hook",
            module: Guest(|| hostile().hooks(&format!("{FOREVER} unreachable"))),
            limits: LITTLE_FUEL,
            ends: Refused(
                "the pre-commit hook failed: module `hostile` 6.6.6, instance `hostile[name='h']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
        Case {
            id: "loop-in-describe",
            module: Guest(|| hostile().describe(FOREVER)),
            limits: LITTLE_FUEL,
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it cannot be started: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
        Case {
            id: "loop-in-start",
            module: Guest(|| hostile().fields(&format!("(func $start {FOREVER}) (start $start)"))),
            limits: LITTLE_FUEL,
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it cannot be started: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
        Case {
            id: "loop-in-realloc",
            module: Guest(|| hostile().realloc(FOREVER)),
            limits: LITTLE_FUEL,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
        Case {
            id: "loop-in-post-return",
            module: Guest(|| {
                hostile().fields(&format!(
                    r#"(func (export "cabi_post_confine:service/handler@0.1.0#apply") (param i32) {FOREVER})"#
                ))
            }),
            limits: LITTLE_FUEL,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
        Case {
            id: "loop-in-destructor",
            module: Guest(|| {
                hostile()
                    .export(
                        "test:thing/things",
                        "package test:thing { interface things { resource thing { constructor(); } } }",
                        r#"(import "[export]test:thing/things" "[resource-new]thing" (func $new (param i32) (result i32)))
                        (import "[export]test:thing/things" "[resource-drop]thing" (func $drop (param i32)))"#,
                    )
                    .fields(&format!(
                        r#"(func (export "test:thing/things#[constructor]thing") (result i32) unreachable)
                        (func (export "test:thing/things#[dtor]thing") (param i32) {FOREVER})"#
                    ))
                    .apply("(call $drop (call $new (i32.const 1))) (global.get $ok)")
            }),
            limits: LITTLE_FUEL,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
        Case {
            id: "deep-recursion",
            module: Guest(|| {
                hostile()
                    .fields("(func $deep (param i32) (result i32) (i32.add (local.get 0) (call $deep (local.get 0))))")
                    .apply("(call $deep (i32.const 1))")
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: stack limit reached: allowed 512 KiB for one instance",
            ),
        },
        Case {
            // If it took the time, the clock would end it.
            id: "sleep",
            module: Guest(|| {
                hostile()
                    .clock()
                    .apply("(call $block (call $timer (i64.const 36000000000000))) (global.get $ok)")
            }),
            limits: "",
            ends: Well,
        },
        Case {
            id: "poll",
            module: Guest(|| {
                hostile()
                    .import(
                        "wasi:clocks/monotonic-clock@0.2.3",
                        "package wasi:clocks@0.2.3 {
                            interface monotonic-clock {
                                use wasi:io/poll@0.2.3.{pollable};
                                subscribe-duration: func(when: u64) -> pollable;
                            }
                        }
                        package wasi:io@0.2.3 {
                            interface poll {
                                resource pollable;
                                poll: func(in: list<borrow<pollable>>) -> list<u32>;
                            }
                        }",
                        r#"(import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration"
                            (func $timer (param i64) (result i32)))
                        (import "wasi:io/poll@0.2.3" "poll" (func $poll (param i32 i32 i32)))"#,
                    )
                    .apply(
                        "(i32.store (global.get $scratch) (call $timer (i64.const 36000000000000)))
                        (call $poll (global.get $scratch) (i32.const 1) (i32.add (global.get $scratch) (i32.const 8)))
                        (if (i32.ne (i32.load offset=12 (global.get $scratch)) (i32.const 1)) (then unreachable))
                        (global.get $ok)",
                    )
            }),
            limits: "",
            ends: Well,
        },
        Case {
            id: "stdin",
            module: Guest(|| {
                hostile()
                    .import(
                        "wasi:cli/stdin@0.2.3",
                        "package wasi:cli@0.2.3 {
                            interface stdin {
                                use wasi:io/streams@0.2.3.{input-stream};
                                get-stdin: func() -> input-stream;
                            }
                        }
                        package wasi:io@0.2.3 {
                            interface error { resource error; }
                            interface streams {
                                use error.{error};
                                variant stream-error { last-operation-failed(error), closed }
                                resource input-stream {
                                    blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
                                }
                            }
                        }",
                        r#"(import "wasi:cli/stdin@0.2.3" "get-stdin" (func $stdin (result i32)))
                        (import "wasi:io/streams@0.2.3" "[method]input-stream.blocking-read"
                            (func $read (param i32 i64 i32)))"#,
                    )
                    .apply(
                        "(local $stdin i32) (local.set $stdin (call $stdin))
                        (loop $until
                            (call $read (local.get $stdin) (i64.const 1) (global.get $scratch))
                            (br_if $until (i32.load8_u (global.get $scratch))))
                        unreachable",
                    )
            }),
            limits: "fuel = { base = 1_000_000, per_instance = 1 }",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: fuel limit reached: allowed 1,000,000 for one instance, used 1,000,000",
            ),
        },
        Case {
            id: "loop-of-cheap-calls",
            module: Guest(|| {
                hostile().clock().apply("(loop $again (drop (call $now)) (br $again)) unreachable")
            }),
            limits: ONLY_TIME,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: wall clock limit reached: allowed 10.0 s for one instance, used …",
            ),
        },
        Case {
            id: "find-everything",
            module: Guest(again!("$find", "/devices/device")),
            limits: LITTLE_WORK,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: host work limit reached: allowed 100,000 for one instance, used 100,003",
            ),
        },
        Case {
            id: "read-everything",
            module: Guest(again!("$read", "/devices/device/config")),
            limits: LITTLE_WORK,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: host work limit reached: allowed 100,000 for one instance, used 100,001",
            ),
        },
        Case {
            id: "long-paths",
            module: Guest(again!("$get", &"/devices".repeat(256))),
            limits: LITTLE_WORK,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: host work limit reached: allowed 100,000 for one instance, used 100,023",
            ),
        },
        Case {
            id: "many-predicates",
            module: Guest(again!("$find", &format!("/devices/device{}", "[name='openconfig1']".repeat(64)))),
            limits: LITTLE_WORK,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: host work limit reached: allowed 100,000 for one instance, used 100,002",
            ),
        },
        Case {
            id: "bulk-fill",
            module: Guest(|| {
                hostile().apply(
                    "(loop $again (memory.fill (global.get $scratch) (i32.const 0) (i32.const 65536)) (br $again))
                    unreachable",
                )
            }),
            limits: LITTLE_FUEL,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: fuel limit reached: allowed 10,000,000 for one instance, used 10,000,000",
            ),
        },
    ],
    own: &[Own("loop-of-slow-calls", loop_of_slow_calls), Own("one-thread", one_thread)],
    elsewhere: &[],
};

/// Each call asks the controller for something else, which takes it 5 ms.
fn loop_of_slow_calls() {
    let case = Case {
        id: "loop-of-slow-calls",
        module: Guest(|| {
            let path = "/devices/device[name='aaaaaaaa']/config/sys:system/config/hostname";
            let count = count_into("path", path);
            hostile().text("path", path).realloc(OVERWRITE).pages(8).apply(&format!(
                "(local $n i32)
                (loop $again
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    {count}
                    (call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
                    (br $again)) unreachable"
            ))
        }),
        limits: ONLY_TIME,
        ends: Refused(
            "module `hostile` 6.6.6, instance `hostile[name='h']`: wall clock limit reached: allowed 10.0 s for one instance, used …",
        ),
    };
    runtime().block_on(async {
        let testbed = case.begin(case.limits, Machine::Whole).await;
        testbed.tap.delay(Duration::from_millis(5));
        case.play_on(testbed).await;
    });
}

/// The daemon has one processor: who waits, who watches the clock and the guest get it in turn.
fn one_thread() {
    let case = Case {
        id: "one-thread",
        module: Guest(|| hostile().apply(&format!("{FOREVER} unreachable"))),
        limits: ONLY_TIME,
        ends: Refused(
            "module `hostile` 6.6.6, instance `hostile[name='h']`: wall clock limit reached: allowed 10.0 s for one instance, used …",
        ),
    };
    runtime().block_on(async {
        let testbed = case.begin(case.limits, Machine::OneProcessor).await;
        case.play_on(testbed).await;
    });
}
