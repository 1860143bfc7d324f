//! Files that are to be modules and are something else, and what they do to who looks at them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use confine_sandbox::Digest;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::{
    Own, Part,
    case::{Case, Ends::*, HostileTestbed, Module::*, good, good_module, hostile, instance},
    guest, runtime, taken,
    traced::soon,
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
pub fn huge_function() -> String {
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

pub fn nested_blocks(depth: usize) -> String {
    let open = "(block (br_if 0 (i64.eqz (local.get 0))) (local.set 1 (i64.add (local.get 1) (local.get 0)))";
    let function = format!("(func (param i64) (local i64) {} {})", open.repeat(depth), ")".repeat(depth));
    function.repeat(60)
}

/// A module that would be loaded, in a file of this name.
fn named(directory: &Path, name: &str) {
    fs::write(directory.join(name), hostile().build()).unwrap();
}

pub const PART: Part = Part {
    cases: &[
        Case {
            id: "bomb-of-blocks",
            module: Guest(|| hostile().fields(&nested_blocks(3_000))),
            limits: SECOND,
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. Ordinary code compiles within that: look for generated functions of extreme size, or raise the limit `compile_cpu`",
            ),
        },
        Case {
            id: "bomb-of-locals",
            module: Guest(|| hostile().fields(&live_locals(40_000))),
            limits: SECOND,
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. Ordinary code compiles within that: look for generated functions of extreme size, or raise the limit `compile_cpu`",
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
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. Ordinary code compiles within that: look for generated functions of extreme size, or raise the limit `compile_cpu`",
            ),
        },
        Case {
            id: "bomb-of-one-function",
            module: Guest(|| hostile().fields(&huge_function())),
            limits: SECOND,
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much processor time: 1 s are allowed. Ordinary code compiles within that: look for generated functions of extreme size, or raise the limit `compile_cpu`",
            ),
        },
        Case {
            id: "bomb-of-memory",
            module: Guest(|| hostile().fields(&nested_loops(1_000, 2_000))),
            limits: "compile_memory = '512 MiB'",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much memory: 512 MiB are allowed. Ordinary code compiles within that: look for generated functions of extreme size, or raise the limit `compile_memory`",
            ),
        },
        Case {
            id: "slow-compiler",
            module: Guest(|| hostile().fields(&huge_function())),
            limits: "compile_wall_clock = '1 s'",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: compiling it takes too much time: 1 s are allowed. Ordinary code compiles within that: look for generated functions of extreme size, or raise the limit `compile_wall_clock`",
            ),
        },
        Case {
            id: "large-file",
            module: File(|| vec![0; 2_000]),
            limits: "component = '1 KiB'",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: the file has 2000 bytes, 1024 are allowed: strip its debug information, or raise the limit `component`",
            ),
        },
        Case {
            id: "much-code",
            module: Guest(hostile),
            limits: "compiled = '8 KiB'",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it compiles to more code than a module may have: 8 KiB are allowed. Look for generated functions of extreme size, or raise the limit `compiled`",
            ),
        },
        Case {
            id: "many-exports",
            module: File(|| {
                guest::with_core_modules(&hostile().build(), &guest::memory_exported(990_000), 5).to_vec()
            }),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it has 4,950,017 exports, 25 imports, 7 functions, 4 globals, 11 types, which take at least 472.1 MiB of the daemon's memory: 128 MiB are allowed. Look for generated names, or raise the limit `resident`",
            ),
        },
        Case {
            id: "large-tables",
            module: File(|| guest::with_core_modules(&hostile().build(), &guest::large_table(), 20).to_vec()),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: loaded, it takes … of the daemon's memory: 128 MiB are allowed. Look for generated exports, globals, tables and instances, or raise the limit `resident`",
            ),
        },
        Case {
            id: "modules-together",
            module: Guest(hostile),
            limits: "wall_clock.base = '3 min'\n[limits]\ntotal_resident = '100 KiB'",
            ends: NotLoaded(
                "`hostile.wasm`: it takes … of the daemon's memory, and with it all loaded modules take …: `total_resident` allows 100 KiB. Remove modules that are not needed, or raise `total_resident` in `[limits]`",
            ),
        },
        Case {
            id: "core-module",
            module: File(|| wat::parse_str("(module)").unwrap()),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it is a core WebAssembly module and not a component: compile it for `wasm32-wasip2`, or turn it into a component with `wasm-tools component new`",
            ),
        },
        Case {
            id: "compiled-code",
            module: File(|| wasmtime::Engine::default().precompile_component(&component("")).unwrap()),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it is compiled code: Confine runs only what it compiled itself, give it the `.wasm` that this was made of",
            ),
        },
        Case {
            id: "text",
            module: File(|| b"(component)".to_vec()),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it is WebAssembly text: turn it into a binary with `wasm-tools parse`",
            ),
        },
        Case {
            id: "program",
            module: File(|| fs::read("/proc/self/exe").unwrap()),
            limits: "component = '1 GiB'",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it is a native program: compile the module for `wasm32-wasip2`",
            ),
        },
        Case {
            id: "cut-short",
            module: File(|| {
                let whole = hostile().build();
                whole[..whole.len() - 100].to_vec()
            }),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it is truncated: copy it under another name, then rename it",
            ),
        },
        Case {
            id: "half-written",
            module: File(|| {
                let whole = hostile().build();
                whole[..whole.len() / 2].to_vec()
            }),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it is truncated: copy it under another name, then rename it",
            ),
        },
        Case {
            id: "unknown-import",
            module: File(|| component(r#"(import "wasi:http/outgoing-handler@0.2.0" (instance))"#)),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it needs `wasi:http/outgoing-handler@0.2.0`, which Confine does not offer: a module has no network, files or environment. It may import `confine:service@0.1.0`, and of WASI 0.2 what language runtimes need to start",
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
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it is made for version 0.9.0 of `confine:service`, and this is 0.1.0: compile it again with the SDK of this Confine",
            ),
        },
        Case {
            id: "many-imports",
            module: File(|| {
                let import = |n: usize| format!(r#"(import "wasi:cli/exit@0.2.{n}" (instance))"#);
                component(&(0..1_000).map(import).collect::<String>())
            }),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it has 1000 imports, more than the 150 that the contract and WASI could need",
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
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: it does not fit the contract: it names 10000 functions and types of `wasi:cli/exit@0.2.0`, the maximum is 200",
            ),
        },
        Case {
            // To a module that would be loaded.
            id: "link",
            module: Placed(|directory| {
                let file = directory.with_file_name("elsewhere.wasm");
                fs::write(&file, hostile().build()).unwrap();
                symlink(file, directory.join("hostile.wasm")).unwrap();
            }),
            limits: "",
            ends: NotLoaded("`hostile.wasm`: it is a link, not a regular file: copy the module itself here"),
        },
        Case {
            id: "fifo",
            module: Placed(|directory| {
                mknodat(CWD, directory.join("hostile.wasm"), FileType::Fifo, Mode::RUSR, 0).unwrap();
            }),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: it is a special file, not a regular file: copy the module itself here",
            ),
        },
        Case {
            id: "directory",
            module: Placed(|directory| fs::create_dir(directory.join("hostile.wasm")).unwrap()),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: it is a directory, not a regular file: copy the module itself here",
            ),
        },
        Case {
            id: "links-of-directories",
            module: Placed(|directory| {
                symlink(directory, directory.join("again")).unwrap();
                symlink("/", directory.join("all")).unwrap();
                fs::create_dir(directory.join("below")).unwrap();
                symlink("../..", directory.join("below/up")).unwrap();
            }),
            limits: "",
            ends: Refused(
                "no module serves `hostile`\nhint: put its module into a module directory (`modules` in confine.toml), or add the list to `unmanaged` there",
            ),
        },
        Case {
            id: "name-of-parents",
            module: Placed(|directory| named(directory, "up..\\..\\hostile.wasm")),
            limits: "",
            ends: NotLoaded(
                "`up..\\\\..\\\\hostile.wasm`: its name has characters other than letters, digits, `-`, `_` and `.`: rename it",
            ),
        },
        Case {
            id: "name-of-lines",
            module: Placed(|directory| named(directory, "good.wasm`\nall is well\n.wasm")),
            limits: "",
            ends: NotLoaded(
                "`good.wasm`\\nall is well\\n.wasm`: its name has characters other than letters, digits, `-`, `_` and `.`: rename it",
            ),
        },
        Case {
            id: "name-of-terminal-codes",
            module: Placed(|directory| named(directory, "hostile\u{1b}[2J\u{202e}.wasm")),
            limits: "",
            ends: NotLoaded(
                "`hostile\\u{1b}[2J\\u{202e}.wasm`: its name has characters other than letters, digits, `-`, `_` and `.`: rename it",
            ),
        },
        Case {
            id: "hostile-prefix",
            module: Guest(|| {
                hostile().description(crate::guest::Description {
                    services: &["h:hostile"],
                    version: "6.6.6",
                    prefixes: &[("h", "urn:example:hostile"), ("<a xmlns='urn:x'>\u{1b}[2J", "urn:b")],
                    reads: &[],
                })
            }),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: its description is wrong at `prefixes`, `<a xmlns='urn:x'>\\u{1b}[2J`: it is not a valid prefix: write one such as `oc-if`",
            ),
        },
        Case {
            id: "long-namespace",
            module: Guest(|| {
                let long: &str = Box::leak("n".repeat(2 << 20).into_boxed_str());
                hostile().description(crate::guest::Description {
                    services: &["h:hostile"],
                    version: "6.6.6",
                    prefixes: Box::leak(Box::new([("h", "urn:example:hostile"), ("n", long)])),
                    reads: &[],
                })
            }),
            limits: "",
            ends: NotLoaded(
                "`hostile.wasm`: module `hostile` cannot be loaded: its description is wrong at `prefixes`, `n`: its namespace has more than 1024 bytes",
            ),
        },
    ],
    own: &[
        Own("replaced-while-loading", replaced_while_loading),
        Own("many-versions", many_versions),
        Own("damaged-cache", damaged_cache),
        Own("cache-cut-short", cache_cut_short),
        Own("foreign-cache", foreign_cache),
        Own("cache-of-another", cache_of_another),
        Own("taken-compiler-files", taken::files),
        Own("taken-compiler-calls", taken::calls),
    ],
    elsewhere: &[],
};

/// A file that is another one while the module that was read from it is compiled: what was read is what runs, and the
/// other one is a module of its own, which takes its place.
fn replaced_while_loading() {
    // Long enough in the compiler for another file to take its place.
    let honest = hostile().fields(&nested_blocks(200)).build();
    let other = hostile().apply("unreachable").build();
    runtime().block_on(async {
        let mut testbed = HostileTestbed::with(&[("good", good_module())], "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        testbed.place("hostile", &honest);
        testbed.daemon.worker();
        testbed.place("hostile", &other);
        testbed.daemon.await_log(&format!("module loaded module=\"hostile\" version=\"6.6.6\" digest=\"{}\"", Digest::of(&honest)));
        testbed.daemon.await_log(&format!("to=\"6.6.6 ({})\"", Digest::of(&other)));
        let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
        testbed.assert_failed(
            &committed,
            "module `hostile` 6.6.6, instance `hostile[name='h']`: trap: wasm `unreachable` instruction executed",
        );
        testbed.base.discard().await.unwrap();
        testbed.settle(before);
        testbed.commit_good("third").await;
        testbed.end();
    });
}

/// Versions one after the other, of which the daemon keeps the last five: so does the cache.
fn many_versions() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::with(&[("good", good_module())], "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        for version in 1..=12 {
            let bytes = hostile().text("version", &version.to_string()).build();
            testbed.place("hostile", &bytes);
            testbed.daemon.await_log(&format!("{}", Digest::of(&bytes)));
        }
        let cache = testbed.directory.path().join("cache");
        let files = || {
            let entries = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_file()).count()
        };
        // With that of the good module.
        soon("a tidy cache", || (files() == 6).then_some(()));
        testbed.settle(before);
        testbed.commit_good("second").await;
        testbed.end();
    });
}

/// Does something to the files of the cache, starts the daemon again, and has it do its work.
fn with_cache(spoil: impl FnOnce(&[PathBuf]), why: &str) {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&hostile().build(), "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        let entries = fs::read_dir(testbed.directory.path().join("cache")).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        // Others are of models.
        files.retain(|path| path.is_file());
        assert_eq!(files.len(), 2);
        spoil(&files);
        // The one that runs has what it needs in memory of its own.
        testbed.commit_good("second").await;
        testbed.restart().await;
        testbed.daemon.await_log(why);
        testbed.commit_good("third").await;
        testbed.settle(before);
        testbed.end();
    });
}

/// Writes to a file of the cache what this makes of it.
fn change(file: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    fs::write(file, change(fs::read(file).unwrap())).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

const ALTERED: &str = "why=\"its checksum does not match its content\"";

fn damaged_cache() {
    let damage = |mut code: Vec<u8>| {
        let middle = code.len() / 2;
        code[middle] ^= 1;
        code
    };
    with_cache(|files| files.iter().for_each(|file| change(file, damage)), ALTERED);
}

fn cache_cut_short() {
    let cut = |code: Vec<u8>| code[..code.len() / 2].to_vec();
    with_cache(|files| files.iter().for_each(|file| change(file, cut)), ALTERED);
}

fn foreign_cache() {
    with_cache(
        |files| {
            for file in files {
                fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
            }
        },
        "why=\"it is not a regular file that only this user may write\"",
    );
}

/// Each of the two modules finds the code of the other.
fn cache_of_another() {
    with_cache(
        |files| {
            let [one, other] = files else { panic!("{files:?}") };
            let [code, others] = [one, other].map(|file| fs::read(file).unwrap());
            change(one, |_| others);
            change(other, |_| code);
        },
        ALTERED,
    );
}
