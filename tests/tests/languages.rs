//! The same module in every language: the same cases, and the same edits to the byte.
//!
//! A language whose toolchain is not there is skipped, and says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{collections::HashSet, path::PathBuf, process::Command, sync::Arc};

use confine_author::{Case, Verdict};
use confine_backend::Models;
use confine_sandbox::{Compiler, Limits, Runner};
use confine_service::{File, Host, Registry};
use confine_tests::{
    tap::Tap,
    workshop::{example_services, examples},
};

/// What a build says where a tool is missing: `EX_UNAVAILABLE`.
const UNAVAILABLE: i32 = 69;

/// The module of a language, built; none where its toolchain is not there.
fn built(language: &str) -> Option<PathBuf> {
    let script = example_services().join("../guest-sdk").join(language).join("build");
    let output = Command::new(&script).output().unwrap();
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
    let runner = Runner::new(&limits, Compiler::in_process()).unwrap();
    let bytes = std::fs::read(&module).unwrap();
    let file = File { name: "banner".into(), path: module, bytes: Ok(bytes) };
    let registry = Registry::load(vec![file], &runner, |_| limits.clone()).await;
    if let Err(error) = &registry.entries()[0].module {
        panic!("{error}");
    }
    Arc::new(Host::new(runner, Models::default(), HashSet::new(), registry))
}

/// Plays every case; the edits that were sent, in order.
async fn edits(host: &Arc<Host>, models: &[(String, String)]) -> Vec<String> {
    let mut edits = Vec::new();
    for case in Case::all(&example_services().join("banner/cases")).unwrap() {
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("tap.sock"), directory.path().join("controller.sock"));
        let tap = Tap::listen(&front, &back).unwrap();
        match case.play_behind(host.clone(), models, back, &front).await.unwrap() {
            Verdict::Passed => {}
            Verdict::Failed(how) => panic!("{}: {how}", case.directory.display()),
        }
        // From there on: what the daemon asks about models comes in between, and counts in the message-id.
        let edit = |message: String| Some(message[message.find("<edit-config>")?..].to_owned());
        edits.extend(tap.take().into_iter().filter_map(edit));
    }
    edits
}

async fn as_in_rust(language: &str) {
    let Some(module) = built(language) else { return };
    let rust = examples().await.unwrap();
    let expected = edits(&rust.host, &rust.models).await;
    assert!(!expected.is_empty());
    let found = edits(&host(module).await, &rust.models).await;
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    as_in_rust("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn javascript() {
    as_in_rust("javascript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c() {
    as_in_rust("c").await;
}
