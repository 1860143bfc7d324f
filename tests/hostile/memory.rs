//! Modules that have the host keep more than it lent them.

use wasm_encoder::{
    Component, ComponentInstanceSection, ComponentSection as _, InstanceSection, ModuleSection,
    NestedComponentSection,
};
use wasmparser::{Parser, Payload};

use crate::{
    Own, Part,
    case::{Case, Ends::*, HostileTestbed, Module::*, count_into, good, hostile, instance, obedient},
    guest::{ERROR, OK},
    runtime,
    time::READ,
};

/// Room for a module to make a large value of its own, which it is to hand over.
const ROOM: &str = "memory = '512 MiB'";

/// A log line of which a list of this many pairs is part, which lies at this address.
fn log_fields(address: u32, pairs: u32) -> String {
    format!(
        "(call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const {address}) (i32.const {pairs}))"
    )
}

/// A component of nothing but core instances.
fn core_instances(count: u32) -> Component {
    let mut component = Component::new();
    component.section(&ModuleSection(&wasm_encoder::Module::new()));
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate::<_, &str>(0, []);
    }
    component.section(&instances);
    component
}

/// A component of nothing but instances of another.
fn instances(of: &Component, count: u32) -> Component {
    let mut component = Component::new();
    component.section(&NestedComponentSection(of));
    component.section(&instantiated(0, count));
    component
}

fn instantiated(component: u32, count: u32) -> ComponentInstanceSection {
    let mut instances = ComponentInstanceSection::new();
    for _ in 0..count {
        instances.instantiate::<_, &str>(component, []);
    }
    instances
}

/// A module with ten instances of another component. One component has no more than a thousand by itself: the runtime
/// finds no more valid.
fn with_ten(inner: &Component) -> Vec<u8> {
    let mut bytes = hostile().build().to_vec();
    let components = components(&bytes);
    NestedComponentSection(inner).append_to_component(&mut bytes);
    instantiated(components, 10).append_to_component(&mut bytes);
    bytes
}

/// How many components are in a component, without those that are in these.
fn components(component: &[u8]) -> u32 {
    let (mut components, mut depth) = (0, 0u32);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } => depth += 1,
            Payload::ComponentSection { .. } => {
                components += u32::from(depth == 0);
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    components
}

/// `$stdout`, which returns a handle, and `$print`, which takes it, bytes and an address for the result.
const STDOUT: (&str, &str, &str) = (
    "wasi:cli/stdout@0.2.3",
    "package wasi:cli@0.2.3 {
        interface stdout { use wasi:io/streams@0.2.3.{output-stream}; get-stdout: func() -> output-stream; }
    }
    package wasi:io@0.2.3 {
        interface error { resource error; }
        interface streams {
            use error.{error};
            variant stream-error { last-operation-failed(error), closed }
            resource output-stream {
                blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
            }
        }
    }",
    r#"(import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
        (func $print (param i32 i32 i32 i32)))"#,
);

/// Writes 100,000 log lines.
const LOG_FLOOD: &str = "(local $n i32)
    (loop $again
        (call $log (global.get $level) (global.get $level.len)
            (global.get $message) (global.get $message.len) (i32.const 4) (i32.const 0))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 100000))))
    (global.get $ok)";

pub const PART: Part = Part {
    cases: &[
        Case {
            id: "one-memory",
            module: Guest(|| {
                hostile().apply(
                    "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
                )
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: memory limit reached: allowed 64 MiB for one instance, in use 63.9 MiB, asked for 64 KiB more",
            ),
        },
        Case {
            id: "eight-memories",
            module: Guest(|| hostile().fields(&"(memory 1000)".repeat(8))),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it cannot be started: memory limit reached: allowed 64 MiB for one instance, in use 62.6 MiB, asked for 62.5 MiB more",
            ),
        },
        Case {
            id: "many-memories",
            module: Guest(|| hostile().fields(&"(memory 0)".repeat(20))),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it cannot be started: memories limit reached: allowed 16 for one instance",
            ),
        },
        Case {
            id: "big-table",
            module: Guest(|| hostile().fields("(table 5000000 funcref) (table 5000000 funcref)")),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it cannot be started: memory limit reached: allowed 64 MiB for one instance, in use 38.3 MiB, asked for 38.1 MiB more",
            ),
        },
        Case {
            id: "growing-table",
            module: Guest(|| {
                hostile().fields("(table $table 1 funcref)").apply(
                    "(loop $again (br_if $again
                        (i32.ne (table.grow $table (ref.null func) (i32.const 100000)) (i32.const -1)))) unreachable",
                )
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: memory limit reached: allowed 64 MiB for one instance, in use 63.4 MiB, asked for 800,000 bytes more",
            ),
        },
        Case {
            id: "core-instances",
            module: File(|| with_ten(&core_instances(900))),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it cannot be started: core instances limit reached: allowed 256 for one instance",
            ),
        },
        Case {
            id: "nested-instances",
            module: File(|| with_ten(&instances(&core_instances(1), 100))),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it cannot be started: core instances limit reached: allowed 256 for one instance",
            ),
        },
        Case {
            id: "handles",
            module: Guest(|| {
                hostile()
                    .clock()
                    .apply("(loop $again (drop (call $timer (i64.const 0))) (br $again)) unreachable")
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: handles limit reached: allowed 10,000 for one instance",
            ),
        },
        Case {
            id: "long-string",
            module: Guest(|| {
                hostile().pages(3300).text("path", "/devices").apply(
                    "(call $set (local.get $view) (global.get $path) (global.get $path.len)
                        (i32.const 131072) (i32.const 209715200) (global.get $scratch)) (global.get $ok)",
                )
            }),
            limits: ROOM,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes per call limit reached: allowed 8 MiB for one call",
            ),
        },
        Case {
            id: "long-list",
            module: Guest(|| hostile().pages(700).apply(&format!("{} {OK}", log_fields(131_072, 2_500_000)))),
            limits: ROOM,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes per call limit reached: allowed 8 MiB for one call",
            ),
        },
        Case {
            id: "aliases",
            module: Guest(|| {
                hostile().pages(20).apply(&format!(
                    "(local $at i32) (local.set $at (global.get $scratch))
                    (loop $again
                        (i32.store (local.get $at) (i32.const 131072))
                        (i32.store offset=4 (local.get $at) (i32.const 1048576))
                        (local.set $at (i32.add (local.get $at) (i32.const 8)))
                        (br_if $again (i32.lt_u (local.get $at) (i32.add (global.get $scratch) (i32.const 800)))))
                    (call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                        (global.get $scratch) (i32.const 50))
                    {OK}"
                ))
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes per call limit reached: allowed 8 MiB for one call",
            ),
        },
        Case {
            // A leaf with each of two values in turn, so that each is an edit.
            id: "many-edits",
            module: Guest(|| {
                let set = |value: &str| {
                    format!(
                        "(call $set (local.get $view) (global.get $path) (global.get $path.len)
                            (global.get ${value}) (global.get ${value}.len) (global.get $scratch))"
                    )
                };
                hostile()
                    .text("path", "/devices/device[name='openconfig1']/config/sys:system/config/login-banner")
                    .text("a", "a")
                    .text("b", "b")
                    .apply(&format!("(loop $again {} {} (br $again)) unreachable", set("a"), set("b")))
            }),
            limits: "edits = { base = 1_000, per_instance = 0 }",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: edits limit reached: allowed 1,000 for one instance, used 1,001",
            ),
        },
        Case {
            id: "kept-values",
            module: Guest(|| {
                hostile()
                    .pages(130)
                    .realloc("(return (i32.const 131072))")
                    .text("path", "/devices/device[name='openconfig1']/config/sys:system/config/login-banner")
                    .apply(
                        "(loop $again
                            (memory.fill (i32.const 131072) (i32.const 97) (i32.const 7340032))
                            (call $set (local.get $view) (global.get $path) (global.get $path.len)
                                (i32.const 131072) (i32.const 7340032) (global.get $scratch))
                            (br $again)) unreachable",
                    )
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes out limit reached: allowed 64 MiB for one instance, used 70.0 MiB",
            ),
        },
        Case {
            // A path is short, and what it makes is not.
            id: "kept-nodes",
            module: Guest(|| {
                let path = "/devices/device[name='openconfig1']/config/if:interfaces/interface[name='aaaa']/config/name";
                let digits = count_into("path", path);
                hostile()
                    .pages(8)
                    .realloc("(return (i32.const 131072))")
                    .text("path", path)
                    .text("value", "x")
                    .apply(&format!(
                        "(local $n i32)
                        (loop $again
                            (local.set $n (i32.add (local.get $n) (i32.const 1)))
                            {digits}
                            (call $set (local.get $view) (global.get $path) (global.get $path.len)
                                (global.get $value) (global.get $value.len) (global.get $scratch))
                            (br $again)) unreachable"
                    ))
            }),
            limits: "bytes_out = { base = '1 MiB', per_instance = '0 B' }",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: edit bytes limit reached: allowed 1 MiB for one instance, used 1,049,419 bytes",
            ),
        },
        Case {
            // The path of each of 150,000 nodes holds 60 KiB.
            id: "long-key",
            module: Guest(|| {
                let append = |text: &str| {
                    format!(
                        "(memory.copy (local.get $at) (global.get ${text}) (global.get ${text}.len))
                        (local.set $at (i32.add (local.get $at) (global.get ${text}.len)))"
                    )
                };
                let [head, middle, leaf, tail] = ["head", "middle", "leaf", "tail"].map(append);
                hostile()
                    .pages(140)
                    .calls(
                        r#"(import "confine:service/tree@0.1.0" "[method]view.edit-xml"
                            (func $edit_xml (param i32 i32 i32 i32)))"#,
                    )
                    .text(
                        "head",
                        "<devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
                         <interfaces xmlns='http://openconfig.net/yang/interfaces'><interface><name>",
                    )
                    .text("middle", "</name><config>")
                    .text("leaf", "<description>x</description>")
                    .text("tail", "</config></interface></interfaces></config></device></devices>")
                    .apply(&format!(
                        "(local $at i32) (local $n i32)
                        (local.set $at (i32.const 131072))
                        {head}
                        (memory.fill (local.get $at) (i32.const 107) (i32.const 61440))
                        (local.set $at (i32.add (local.get $at) (i32.const 61440)))
                        {middle}
                        (loop $again
                            {leaf}
                            (local.set $n (i32.add (local.get $n) (i32.const 1)))
                            (br_if $again (i32.lt_u (local.get $n) (i32.const 150000))))
                        {tail}
                        (call $edit_xml (local.get $view) (i32.const 131072)
                            (i32.sub (local.get $at) (i32.const 131072)) (global.get $scratch))
                        unreachable"
                    ))
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: edit bytes limit reached: allowed 64 MiB for one instance, used 64.0 MiB",
            ),
        },
        Case {
            // Lines of a hundred thousand fields, each without a name and a value.
            id: "kept-log",
            module: Guest(|| {
                let log = log_fields(131_072, 100_000);
                hostile().pages(30).apply(&format!("(loop $again {log} (br $again)) unreachable"))
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes out limit reached: allowed 64 MiB for one instance, used 64.1 MiB",
            ),
        },
        Case {
            id: "long-answers",
            module: Guest(|| {
                let read = "(call $read (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))";
                hostile().text("path", "/devices/device/config").calls(READ).apply(&format!("{read} {OK}"))
            }),
            limits: "bytes_per_call = '1 KiB'",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes per call limit reached: allowed 1 KiB for one call, used 1,060 bytes",
            ),
        },
        Case {
            id: "random-at-once",
            module: Guest(|| {
                hostile()
                    .random()
                    .apply("(call $random (i64.const 67108864) (global.get $scratch)) (global.get $ok)")
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: trap: it requested 67108864 random bytes in one call, the maximum is 4096",
            ),
        },
        Case {
            id: "random-for-ever",
            module: Guest(|| {
                hostile().random().pages(8).realloc("(return (i32.const 131072))").apply(
                    "(loop $again (call $random (i64.const 4096) (global.get $scratch)) (br $again)) unreachable",
                )
            }),
            limits: "",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes in limit reached: allowed 64 MiB for one instance, used 64.0 MiB",
            ),
        },
        Case {
            id: "stdout-flood",
            module: Guest(|| {
                let (interface, package, core) = STDOUT;
                hostile().import(interface, package, core).pages(8).apply(
                    "(loop $again
                        (call $print (call $stdout) (i32.const 131072) (i32.const 65536) (global.get $scratch))
                        (br $again)) unreachable",
                )
            }),
            limits: "handles = 100_000_000",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes out limit reached: allowed 64 MiB for one instance, used 64.1 MiB",
            ),
        },
        Case {
            id: "stderr-flood",
            module: Guest(|| {
                hostile().stdio().pages(8).apply(
                    "(loop $again
                        (call $write (call $stderr) (i32.const 131072) (i32.const 65536) (global.get $scratch))
                        (br $again)) unreachable",
                )
            }),
            limits: "handles = 100_000_000",
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes out limit reached: allowed 64 MiB for one instance, used 64.1 MiB",
            ),
        },
        Case {
            id: "log-flood",
            module: Guest(|| hostile().text("level", "info").text("message", "again").apply(LOG_FLOOD)),
            limits: "",
            ends: Logged("because the limit `log` of the module was reached"),
        },
        Case {
            id: "log-flood-in-a-hook",
            module: Guest(|| hostile().text("level", "info").text("message", "again").hooks(LOG_FLOOD)),
            limits: "",
            ends: Logged("because the limit `log` of the module was reached"),
        },
        Case {
            id: "large-description",
            module: Guest(|| hostile().option("x", &"x".repeat(6 << 20))),
            limits: "resident = '8 MiB'",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: loaded, it takes … of the daemon's memory: 8 MiB are allowed. Look for generated exports, globals, tables and instances, or raise the limit `resident`",
            ),
        },
        Case {
            id: "long-failure",
            module: Guest(|| {
                hostile().pages(1700).apply(&format!(
                    "(i32.store offset=16 (global.get $error) (i32.const 104857600)) {ERROR}"
                ))
            }),
            limits: ROOM,
            ends: Refused(
                "module `hostile` 6.6.6, instance `hostile[name='h']`: bytes per call limit reached: allowed 8 MiB for one call",
            ),
        },
    ],
    own: &[Own("remembered-reads", remembered_reads), Own("long-path", long_path)],
    elsewhere: &[],
};

const MAKE: &str = "set /devices/device[name='openconfig1']/config/sys:system/config/motd-banner mine";

/// In a path that is almost as long as one may be, an error of the host's own is cut.
fn long_path() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(obedient(), "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        for (length, says) in
            [(60_000, "bytes more)"), (70_000, "the maximum is 65536 (too-big, at `/devices/")]
        {
            let device = "x\u{202e}".repeat(length / 4);
            let line = format!("set /devices/device[name='{device}']/config/sys:system/config/motd-banner x");
            let committed = testbed.commit(&(good("second") + &instance(&[&line]))).await;
            let reason = committed.reason();
            assert!(!committed.succeeded() && reason.len() < 20_000, "{length}: {}", reason.len());
            assert!(reason.contains(says) && !reason.contains('\u{202e}'), "{length}: {reason}");
            assert!(testbed.daemon.log().lines().all(|line| line.len() < 20_000));
            assert_eq!(testbed.edits(), [""; 0]);
            testbed.base.discard().await.unwrap();
        }
        testbed.settle(before);
        testbed.commit_good("third").await;
        testbed.end();
    });
}

/// What a module reads on demand is asked for at once from the next time on, unless it is too much to be kept.
fn remembered_reads() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(obedient(), "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        for (count, remembered) in [(10, true), (1_000, false)] {
            let absent =
                |number| format!("absent /devices/device[name='no{number}']/config/sys:system/config/x");
            let lines: Vec<String> = (0..count).map(absent).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            // The second time it reads one more.
            for (time, lines) in [&lines[1..], &lines, &lines].into_iter().enumerate() {
                let make = format!("{MAKE} {time}");
                let lines = [&[&*make][..], lines].concat();
                let committed = testbed.commit(&instance(&lines)).await;
                assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
            }
            let requests = testbed.tap.take();
            let at_once = requests.iter().any(|request| request.contains("no0") && request.contains("no9"));
            assert_eq!(at_once, remembered, "{count}");
        }
        testbed.settle(before);
        testbed.commit_good("third").await;
        testbed.end();
    });
}
