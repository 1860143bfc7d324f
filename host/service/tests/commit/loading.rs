//! Modules are loaded while commits run, and what was refused is not compiled again.

use std::{fs, sync::Arc};

use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{Host, HostOptions, ModuleLibrary, ModuleLimits, status::ModuleState};
use tempfile::TempDir;

use super::hot_swap::{library, modules};

/// A component that only a compiler can refuse.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
const REFUSED: &str = "module `empty` cannot be loaded: it exports no `confine:service/handler@0.1.0`: it is a component, but not a service module. Compile it against the world `confine:service/service`";

struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        fs::create_dir(modules(directory.0.path())).unwrap();
        fs::write(modules(directory.0.path()).join("empty.wasm"), EMPTY).unwrap();
        directory
    }

    /// Starts a host and loads its modules.
    async fn host(&self, compiler: Compiler, limits: Limits) -> Arc<Host> {
        let runner = Runner::new(&Limits::default(), compiler, HostSecret::known()).unwrap();
        let limits = ModuleLimits { all: limits, ..ModuleLimits::default() };
        let library = ModuleLibrary { limits, ..library(self.0.path()) };
        let host = Arc::new(Host::of_library(runner, library, HostOptions::default()).unwrap());
        host.modules().load().await;
        host
    }

    /// Starts one whose compiler is a program that compiles nothing.
    async fn host_without_compiler(&self, limits: Limits) -> Arc<Host> {
        self.host(Compiler::worker_of("/bin/false"), limits).await
    }
}

fn error(host: &Host) -> String {
    match host.status().modules.remove(0).state {
        ModuleState::Broken { error } => error,
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn refused_file_is_not_compiled_after_a_restart() {
    let directory = Directory::new();
    assert_eq!(error(&*directory.host(Compiler::in_process(), Limits::default()).await), REFUSED);
    let again = directory.host_without_compiler(Limits::default()).await;
    assert_eq!(error(&again), REFUSED);

    // Another name is no other file.
    let file = modules(directory.0.path()).join("empty.wasm");
    fs::rename(&file, file.with_file_name("other.wasm")).unwrap();
    let again = directory.host_without_compiler(Limits::default()).await;
    assert_eq!(error(&again), REFUSED.replace("`empty`", "`other`"));
}

#[tokio::test]
async fn refused_file_is_loaded_again_within_other_limits() {
    let directory = Directory::new();
    directory.host(Compiler::in_process(), Limits::default()).await;
    let raised = Limits { resident: Limits::default().resident + 1, ..Limits::default() };
    let again = directory.host_without_compiler(raised).await;
    assert!(error(&again).contains("the compiler ended on it"), "{}", error(&again));
}

#[tokio::test]
async fn refused_file_is_loaded_again_for_an_operator() {
    let directory = Directory::new();
    directory.host(Compiler::in_process(), Limits::default()).await;
    let again = directory.host_without_compiler(Limits::default()).await;
    let refusal = again.modules().reload("empty").await.unwrap_err().to_string();
    assert!(refusal.contains("the compiler ended on it"), "{refusal}");
}

#[tokio::test]
async fn fault_of_the_host_is_not_remembered() {
    let directory = Directory::new();
    let without = directory.host(Compiler::worker_of("/nowhere"), Limits::default()).await;
    assert!(error(&without).contains("the compiler could not be run"), "{}", error(&without));
    assert_eq!(error(&*directory.host(Compiler::in_process(), Limits::default()).await), REFUSED);
}
