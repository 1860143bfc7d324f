//! The same module in every language passes the same cases with byte-identical edits.
//!
//! A test without its toolchain says so and passes.

use std::{path::PathBuf, process::Command, sync::Arc};

use confine_author::{CaseResult, LoadedServices, ServiceCase};
use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{FoundFile, Host, HostOptions, ModuleRegistry};
use confine_test_support::{
    guests::{example_services, examples, guests},
    tap::RequestTap,
    testbed::{self, DaemonTestbed},
};

/// The exit status of a build that lacks a tool: `EX_UNAVAILABLE`.
const UNAVAILABLE: i32 = 69;

/// Builds the example module of a language; none without its toolchain.
fn built(language: &str) -> Option<PathBuf> {
    built_of(language, "examples/banner")
}

/// Builds the module in a directory relative to that of its language.
fn built_of(language: &str, module: &str) -> Option<PathBuf> {
    let directory = example_services().join("../guest-sdk").join(language);
    let script = directory.join("build");
    let output = Command::new(&script).arg(directory.join(module)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())),
        Some(UNAVAILABLE) => {
            eprintln!("skipped: {language}: {said}");
            None
        }
        code => panic!("`{}` ended with {code:?}: {said}", script.display()),
    }
}

async fn host(module: PathBuf) -> Arc<Host> {
    let limits = Limits::default();
    let runner = Runner::new(&limits, Compiler::in_process(), HostSecret::known()).unwrap();
    let bytes = std::fs::read(&module).unwrap();
    let file = FoundFile { name: "banner".into(), path: module, bytes: Ok(bytes) };
    let registry = ModuleRegistry::load(vec![file], &runner, |_| limits.clone()).await;
    if let Err(error) = &registry.files()[0].module {
        panic!("{error}");
    }
    Arc::new(Host::new(runner, &registry, HostOptions::default()).unwrap())
}

/// The result of all cases of a service.
#[derive(Debug, PartialEq)]
struct Played {
    /// The edits, in order.
    edits: Vec<String>,
    /// For each case, the fuel of each run of the last successful commit, and of the last run.
    fuel: Vec<Vec<u64>>,
}

/// Plays every case of an example service.
async fn play(host: &Arc<Host>, models: &[(String, String)], service: &str) -> Played {
    let mut played = Played { edits: Vec::new(), fuel: Vec::new() };
    for case in ServiceCase::all(&example_services().join(service).join("cases")).unwrap() {
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("tap.sock"), directory.path().join("controller.sock"));
        let tap = RequestTap::listen(&front, &back).unwrap();
        match case.play_behind(host.clone(), models, back, &front).await.unwrap() {
            CaseResult::Passed => {}
            CaseResult::Failed(how) => panic!("{}: {how}", case.directory.display()),
        }
        // Without the envelope: requests for models come in between and change the message-id.
        let edit = |message: String| Some(message[message.find("<edit-config>")?..].to_owned());
        played.edits.extend(tap.take().into_iter().filter_map(edit));
        let report = host.last_commit();
        let runs = report.iter().flat_map(|report| &report.runs).map(|(_, _, usage)| usage.fuel);
        let status = host.status();
        let module = status.modules.iter().find(|module| module.name == service).unwrap();
        played.fuel.push(runs.chain(module.last_run.iter().map(|run| run.fuel)).collect());
    }
    played
}

async fn as_in_rust(language: &str) {
    if let Some(module) = built(language) {
        same_as_rust(module).await;
    }
}

async fn same_as_rust(module: PathBuf) {
    let rust = examples().await.unwrap();
    let expected = play(&rust.host, &rust.models, "banner").await.edits;
    assert!(!expected.is_empty());
    let host = host(module).await;
    let found = play(&host, &rust.models, "banner").await;
    assert_eq!(found.edits, expected);
    twice(found, play(&host, &rust.models, "banner").await);
}

/// The same input gives byte-identical edits and the same fuel.
fn twice(first: Played, second: Played) {
    assert!(first.fuel.iter().flatten().any(|&fuel| fuel > 0), "{first:?}");
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_module_matches_rust_and_is_deterministic() {
    as_in_rust("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_module_runs_hooks() {
    let Some(module) = built_of("python", "../../tests/guests/python/hooked_python") else { return };
    let models = guests(&["probe"]).await.unwrap().models;
    let mut testbed =
        DaemonTestbed::start(LoadedServices { models, host: host(module).await }, "", "alice").await;
    let committed = testbed.commit(&testbed::probe("a", &[], &["x & y"])).await;
    insta::assert_snapshot!(committed.reason(), @"the pre-commit hook failed: module `banner` 0.1.0, instance `probe[name='a']`: x &amp; y alice (operation-failed)");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_server_module_matches_rust_and_is_deterministic() {
    if let Some(module) = built_of("python", "examples/server/login_banner.py") {
        same_as_rust(module).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript_module_matches_rust_and_is_deterministic() {
    as_in_rust("javascript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c_module_matches_rust_and_is_deterministic() {
    as_in_rust("c").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_deterministic() {
    for service in ["banner", "interfaces", "mistaken", "ssh-users"] {
        let services = examples().await.unwrap();
        let first = play(&services.host, &services.models, service).await;
        // A host with what it learned the first time, and a new one.
        let again = play(&services.host, &services.models, service).await;
        let services = examples().await.unwrap();
        let anew = play(&services.host, &services.models, service).await;
        assert_eq!(first, again, "{service}");
        twice(first, anew);
    }
}
