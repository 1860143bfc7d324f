//! Files that are to be modules and are something else, and what they do to who looks at them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use confine_sandbox::{Compiler, Digest, Limits, Runner};
use confine_service::Registry;

use crate::{
    Elsewhere, Own, Part,
    case::{Case, Ends::*, Module::*, Play, hostile},
    runtime,
};

/// No module that is worth anything takes a second.
const SECOND: &str = "compile_cpu = '1 s'";

const HANDLER: &str = r#"(instance $i) (export "confine:service/handler@0.1.0" (instance $i))"#;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text} {HANDLER})")).unwrap()
}

/// So many locals that all live to the end.
fn live_locals(count: usize) -> String {
    let set: String =
        (0..count).map(|n| format!("(local.set {n} (i64.load (i32.const {})))", n % 64 * 8)).collect();
    let used: String = (0..count).map(|n| format!("(i64.store (i32.const 0) (local.get {n}))")).collect();
    format!("(func {} {set} (loop $again {used} (br $again)))", "(local i64)".repeat(count))
}

/// A function that is as long as functions may be, about.
fn huge_function() -> String {
    let step = "(local.set 0 (i64.rem_u (i64.mul (local.get 0) (local.get 1)) (local.get 0)))
        (br_if 0 (i64.eqz (local.get 0)))";
    format!("(func (local i64 i64) (block {}))", step.repeat(200_000))
}

/// Loops inside each other, in the innermost of which all locals change: each has its own value at the head of each
/// loop.
fn nested_loops(depth: usize, locals: usize) -> String {
    let change: String =
        (0..locals).map(|n| format!("(local.set {n} (i64.add (local.get {n}) (i64.const 1)))")).collect();
    let close: String = (0..depth).map(|_| "(br_if 0 (i64.eqz (local.get 0))))".to_owned()).collect();
    format!("(func {} {}{change}{close})", "(local i64)".repeat(locals), "(loop ".repeat(depth))
}

fn nested_blocks(depth: usize) -> String {
    let open = "(block (br_if 0 (i64.eqz (local.get 0))) (local.set 1 (i64.add (local.get 1) (local.get 0)))";
    let function = format!("(func (param i64) (local i64) {} {})", open.repeat(depth), ")".repeat(depth));
    function.repeat(60)
}

pub const PART: Part = Part {
    cases: &[
        Case {
            id: "bomb-of-blocks",
            module: Guest(|| hostile().fields(&nested_blocks(3_000))),
            limits: SECOND,
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. No code that is worth it is so hard to compile: look for generated functions of extreme size, or raise the limit `compile_cpu`",
            ),
        },
        Case {
            id: "bomb-of-locals",
            module: Guest(|| hostile().fields(&live_locals(40_000))),
            limits: SECOND,
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. No code that is worth it is so hard to compile: look for generated functions of extreme size, or raise the limit `compile_cpu`",
            ),
        },
        Case {
            id: "bomb-of-functions",
            module: Guest(|| {
                let function = "(func (param i64) (result i64)
                    (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 1)) (else (i64.load (i32.wrap_i64 (local.get 0))))))";
                hostile().fields(&function.repeat(100_000))
            }),
            limits: SECOND,
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. No code that is worth it is so hard to compile: look for generated functions of extreme size, or raise the limit `compile_cpu`",
            ),
        },
        Case {
            id: "bomb-of-one-function",
            module: Guest(|| hostile().fields(&huge_function())),
            limits: SECOND,
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. No code that is worth it is so hard to compile: look for generated functions of extreme size, or raise the limit `compile_cpu`",
            ),
        },
        Case {
            id: "bomb-of-memory",
            module: Guest(|| hostile().fields(&nested_loops(1_000, 2_000))),
            limits: "compile_memory = '512 MiB'",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much memory: 512 MiB are allowed. No code that is worth it is so hard to compile: look for generated functions of extreme size, or raise the limit `compile_memory`",
            ),
        },
        Case {
            id: "slow-compiler",
            module: Guest(|| hostile().fields(&huge_function())),
            limits: "compile_wall_clock = '1 s'",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much time: 1 s are allowed. No code that is worth it is so hard to compile: look for generated functions of extreme size, or raise the limit `compile_wall_clock`",
            ),
        },
        Case {
            id: "large-file",
            module: File(|| vec![0; 2_000]),
            limits: "component = '1 KiB'",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: the file has 2000 bytes, 1024 are allowed: strip its debug information, or raise the limit `component`",
            ),
        },
        Case {
            id: "much-code",
            module: Guest(hostile),
            limits: "compiled = '8 KiB'",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it compiles to more code than a module may have: 8 KiB are allowed. Look for generated functions of extreme size, or raise the limit `compiled`",
            ),
        },
        Case {
            id: "core-module",
            module: File(|| wat::parse_str("(module)").unwrap()),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it is a core WebAssembly module and not a component: compile it for `wasm32-wasip2`, or turn it into a component with `wasm-tools component new`",
            ),
        },
        Case {
            id: "compiled-code",
            module: File(|| wasmtime::Engine::default().precompile_component(&component("")).unwrap()),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it is compiled code: Confine runs only what it compiled itself, give it the `.wasm` that this was made of",
            ),
        },
        Case {
            id: "text",
            module: File(|| b"(component)".to_vec()),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it is WebAssembly text: turn it into a binary with `wasm-tools parse`",
            ),
        },
        Case {
            id: "program",
            module: File(|| fs::read("/proc/self/exe").unwrap()),
            limits: "component = '1 GiB'",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it is a native program: compile the module for `wasm32-wasip2`",
            ),
        },
        Case {
            id: "cut-short",
            module: File(|| {
                let whole = hostile().build();
                whole[..whole.len() - 100].to_vec()
            }),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it ends in the middle: copy it whole, under another name, and rename it into place",
            ),
        },
        Case {
            id: "half-written",
            module: File(|| {
                let whole = hostile().build();
                whole[..whole.len() / 2].to_vec()
            }),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it ends in the middle: copy it whole, under another name, and rename it into place",
            ),
        },
        Case {
            id: "unknown-import",
            module: File(|| component(r#"(import "wasi:http/outgoing-handler@0.2.0" (instance))"#)),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it needs `wasi:http/outgoing-handler@0.2.0`, which Confine does not offer: a module has no network, files or environment. It may import `confine:service@0.1.0`, and of WASI 0.2 what language runtimes need to start",
            ),
        },
        Case {
            id: "other-contract",
            module: File(|| {
                wat::parse_str(
                    r#"(component (instance $i) (export "confine:service/handler@0.9.0" (instance $i)))"#,
                )
                .unwrap()
            }),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it is made for version 0.9.0 of `confine:service`, and this is 0.1.0: compile it again with the SDK of this Confine",
            ),
        },
        Case {
            id: "many-imports",
            module: File(|| {
                let import = |n: usize| format!(r#"(import "wasi:cli/exit@0.2.{n}" (instance))"#);
                component(&(0..1_000).map(import).collect::<String>())
            }),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it has 1000 imports, 150 are the most: there are not so many interfaces",
            ),
        },
        Case {
            id: "wide-import",
            module: File(|| {
                let export = |n: usize| format!(r#"(export "f{n}" (func))"#);
                let exports: String = (0..10_000).map(export).collect();
                component(&format!(r#"(import "wasi:cli/exit@0.2.0" (instance {exports}))"#))
            }),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: it does not fit the contract: it names 10000 functions and types of `wasi:cli/exit@0.2.0`, 200 are the most",
            ),
        },
        Case {
            id: "hostile-prefix",
            module: Guest(|| {
                hostile().description(crate::guest::Description {
                    services: &["h:hostile"],
                    version: "6.6.6",
                    prefixes: &[("h", "urn:example:hostile"), ("<a xmlns='urn:x'>\u{1b}[2J", "urn:b")],
                })
            }),
            limits: "",
            ends: Refused(
                "no module serves `hostile`; not loaded: `hostile.wasm`: module `hostile` cannot be loaded: its description is wrong at `prefixes`, `<a xmlns='urn:x'>\\u{1b}[2J`: it is no name: write one such as `oc-if`",
            ),
        },
    ],
    own: &[
        Own("replaced-while-loading", replaced_while_loading),
        Own("damaged-cache", damaged_cache),
        Own("cache-cut-short", cache_cut_short),
    ],
    elsewhere: &[
        Elsewhere("link", "host/service/src/files.rs", "what_is_no_regular_file_is_refused_with_its_kind"),
        Elsewhere("fifo", "host/service/src/files.rs", "what_is_no_regular_file_is_refused_with_its_kind"),
        Elsewhere(
            "directory",
            "host/service/src/files.rs",
            "what_is_no_regular_file_is_refused_with_its_kind",
        ),
        Elsewhere(
            "name-of-parents",
            "host/service/src/files.rs",
            "what_is_no_regular_file_is_refused_with_its_kind",
        ),
        Elsewhere(
            "name-of-lines",
            "host/service/src/files.rs",
            "what_is_no_regular_file_is_refused_with_its_kind",
        ),
        Elsewhere(
            "name-of-terminal-codes",
            "host/service/src/files.rs",
            "what_is_no_regular_file_is_refused_with_its_kind",
        ),
        Elsewhere(
            "taken-compiler-files",
            "host/sandbox/tests/worker.rs",
            "landlock_keeps_files_programs_and_ports_away",
        ),
        Elsewhere(
            "taken-compiler-calls",
            "host/sandbox/tests/worker.rs",
            "seccomp_keeps_every_other_call_away",
        ),
        Elsewhere("foreign-cache", "host/sandbox/src/cache.rs", "a_file_that_others_may_write_is_not_loaded"),
        Elsewhere("cache-of-another", "host/sandbox/src/cache.rs", "code_of_another_component_is_seen"),
    ],
};

/// What is hashed and what is compiled are the bytes that were read once.
fn replaced_while_loading() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hostile.wasm");
    let honest = hostile().build();
    fs::write(&file, &honest).unwrap();
    let (files, _) = confine_service::find(&[directory.path().into()], 1 << 20);
    fs::write(&file, hostile().apply("unreachable").build()).unwrap();
    let registry = runtime().block_on(async {
        let runner = Runner::new(&Limits::default(), Compiler::in_process()).unwrap();
        Registry::load(files, &runner, |_| Limits::default()).await
    });
    assert_eq!(registry.entries()[0].module.as_ref().unwrap().digest(), Digest::of(&honest));
}

/// Does something to every file of the cache, starts the daemon again, and has it do its work.
fn with_cache(change: fn(Vec<u8>) -> Vec<u8>) {
    runtime().block_on(async {
        let mut play = Play::begin(&hostile().build(), "").await;
        play.commit_good("first").await;
        for entry in fs::read_dir(play.directory.path().join("cache")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue; // of models
            }
            fs::write(&path, change(fs::read(&path).unwrap())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        // The one that runs has what it needs in memory of its own.
        play.commit_good("second").await;
        play.restart().await;
        play.daemon.await_log("Cached code is not trusted, the module is compiled again");
        play.commit_good("third").await;
        play.end();
    });
}

fn damaged_cache() {
    with_cache(|mut code| {
        let middle = code.len() / 2;
        code[middle] ^= 1;
        code
    });
}

fn cache_cut_short() {
    with_cache(|code| code[..code.len() / 2].to_vec());
}
