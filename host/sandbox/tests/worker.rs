//! The compile worker, which is this same test program started again: so it has a `main` of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test fails by panicking"
)]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the guests are shared by several test programs, each of which uses some"
)]

#[path = "guest/mod.rs"]
mod guest;

use std::{env, process::ExitCode, sync::Arc, time::Duration};

use confine_sandbox::{Cache, Compiler, Form, Limits, LoadFault, Runner, worker};
use guest::Guest;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    if worker::is_called_for(env::args_os().nth(1).as_deref()) {
        return worker::main(arguments.by_ref().skip(1));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let wanted = arguments.find(|argument| !argument.to_string_lossy().starts_with('-'));
    for (name, test) in TESTS {
        if wanted.as_ref().is_none_or(|wanted| name.contains(&*wanted.to_string_lossy())) {
            println!("test {name}");
            runtime.block_on(test());
        }
    }
    ExitCode::SUCCESS
}

type Test = fn() -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

const TESTS: [(&str, Test); 6] = [
    ("a_worker_compiles_what_this_process_runs", || Box::pin(compiles())),
    ("a_worker_refuses_in_words", || Box::pin(refuses())),
    ("processor_time_is_limited", || Box::pin(limits_time())),
    ("memory_is_limited", || Box::pin(limits_memory())),
    ("time_on_the_wall_is_limited", || Box::pin(limits_wall_clock())),
    ("what_was_compiled_is_cached", || Box::pin(caches())),
];

fn runner(compiler: Compiler) -> Runner {
    Runner::new(&Limits::default(), compiler).unwrap()
}

async fn load(bytes: Arc<[u8]>, limits: &Limits) -> Result<confine_sandbox::Module, LoadFault> {
    runner(Compiler::worker()).load("bench", bytes, limits).await.map_err(|error| error.fault)
}

async fn compiles() {
    let module = load(Guest::new().build(), &Limits::default()).await.unwrap();
    assert_eq!(module.to_string(), "bench 1.0.0");
}

async fn refuses() {
    let fault = load(wat::parse_str("(component)").unwrap().into(), &Limits::default()).await.unwrap_err();
    assert!(matches!(&fault, LoadFault::Refused(words) if words.starts_with("it exports no")), "{fault}");
    let fault = load(b"\0asm\x01\0\0\0".as_slice().into(), &Limits::default()).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Form(Form::CoreModule)), "{fault}");
}

/// Little to read and much to compile: nested blocks with a value each that lives to the end.
fn bomb() -> Arc<[u8]> {
    let locals = "(local i64)".repeat(2000);
    let body: String = (0..20_000)
        .map(|n| {
            let (a, b) = (n % 2000, (n * 7 + 1) % 2000);
            format!(
                "(local.set {a} (i64.mul (local.get {a}) (local.get {b})))(br_if 0 (i64.eqz (local.get {b})))"
            )
        })
        .collect();
    let function = format!("(func {locals} (block {body}))");
    Guest::new().fields(&function.repeat(12)).build()
}

async fn limits_time() {
    let limits = Limits { compile_cpu: Duration::from_secs(1), ..Limits::default() };
    let fault = load(bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Compile { field: "compile_cpu", .. }), "{fault}");
}

async fn limits_memory() {
    let limits = Limits { compile_memory: 100 << 20, ..Limits::default() };
    let fault = load(bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Compile { field: "compile_memory", .. }), "{fault}");
}

async fn limits_wall_clock() {
    let limits = Limits { compile_wall_clock: Duration::from_millis(1), ..Limits::default() };
    let fault = load(bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault, LoadFault::Compile { field: "compile_wall_clock", .. }), "{fault}");
}

async fn caches() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("cache");
    let compiler = |worker: Compiler| worker.with_cache(Cache::open(&path).unwrap());
    let bytes = Guest::new().build();
    let limits = Limits::default();
    runner(compiler(Compiler::worker())).load("bench", bytes.clone(), &limits).await.unwrap();

    // A program that compiles nothing: what is loaded now comes from the cache.
    let idle = runner(compiler(Compiler::worker_of("/bin/false")));
    idle.load("bench", bytes, &limits).await.unwrap();
    let fault = idle.load("other", bomb(), &limits).await.unwrap_err();
    assert!(matches!(fault.fault, LoadFault::Refused(_)), "{fault}");
}
