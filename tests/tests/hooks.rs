//! The calls around commits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use confine_author::{Committed, Stage};
use confine_backend::{Actions, Push};
use confine_controller::{Controller, PushPhase};
use confine_service::{Event, Happened, Host};
use confine_tests::workshop::guests;
use tokio::sync::broadcast;

const BANNER: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";
/// Longer than anything takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A controller and a daemon with a module that does something, and one whose hooks do.
struct Play {
    stage: Stage,
    host: Arc<Host>,
    events: broadcast::Receiver<Event>,
    _directory: tempfile::TempDir,
}

impl Play {
    async fn begin() -> Self {
        let services = guests(&["hooked", "probe"]).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut builder = Controller::builder().devices(2);
        for (file, yang) in services.models {
            builder = builder.service_model(file, yang);
        }
        let host = services.host;
        let events = host.events();
        let stage = Stage::open(builder, host.clone(), directory.path(), "alice").await.unwrap();
        Self { stage, host, events, _directory: directory }
    }

    async fn commit(&mut self, push: Push, does: &str, hooks: &[String]) -> Committed {
        let hooks: String = hooks.iter().map(|line| format!("<also>{line}</also>")).collect();
        let config = format!(
            "<services xmlns='http://clicon.org/controller'>\
             <probe xmlns='urn:example:probe' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='replace'>\
             <name>a</name><do>{does}</do>{hooks}</probe></services>"
        );
        self.stage.discard().await.unwrap();
        self.stage.edit(&config).await.unwrap();
        self.stage.commit(push, Actions::Change).await.unwrap()
    }

    /// The hook that fails next, and with what.
    async fn failed(&mut self) -> (String, String) {
        loop {
            let event =
                tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("no hook fails").unwrap();
            if let Happened::HookFailure { hook, error, module, .. } = event.what {
                assert_eq!(module, "hooked");
                return (hook, error);
            }
        }
    }
}

fn set(value: &str) -> String {
    format!("set {BANNER} {value}")
}

fn say(hook: &str) -> String {
    format!("{hook} say {BANNER}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pre_commit_that_fails_fails_the_commit_before_anything_is_made() {
    let mut play = Play::begin().await;
    let before = play.stage.controller().device("openconfig1").unwrap();
    for (push, dry_run) in [(Push::Commit, false), (Push::None, true)] {
        let committed = play.commit(push, "panic it must not come to that", &[say("pre")]).await;
        assert!(!committed.succeeded());
        let tid = committed.transaction.tid;
        assert_eq!(
            committed.reason(),
            format!(
                "pre-commit: module `hooked` 0.1.0, instance `probe[name='a']`: {tid} alice dry-run={dry_run} \
                 result=- running=- reason=- found=- (operation-failed)"
            )
        );
        assert_eq!(play.failed().await.0, "pre-commit");
    }
    assert_eq!(play.stage.controller().device("openconfig1").unwrap(), before);
    // And the next one is none the worse.
    assert!(play.commit(Push::Commit, &set("b"), &[]).await.succeeded());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_cannot_write() {
    let mut play = Play::begin().await;
    let committed = play.commit(Push::Commit, &set("a"), &[format!("pre {}", set("b"))]).await;
    assert!(committed.reason().contains("access-denied"), "{}", committed.reason());
    assert!(play.commit(Push::Commit, &set("a"), &[format!("post {}", set("b"))]).await.succeeded());
    assert_eq!(play.failed().await.0, "pre-commit");
    let (hook, error) = play.failed().await;
    assert_eq!(hook, "post-commit");
    assert!(error.contains("access-denied"), "{error}");
    assert!(play.stage.controller().device("openconfig1").unwrap().contains("<login-banner>a<"));
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_runs_for_a_real_push_alone_and_reads_running() {
    let mut play = Play::begin().await;
    let hooks = [say("post"), say("failed")];
    assert!(play.commit(Push::None, &set("one"), &hooks).await.succeeded());
    assert!(play.commit(Push::Validate, &set("two"), &hooks).await.succeeded());
    let committed = play.commit(Push::Commit, &set("three"), &hooks).await;
    assert!(committed.succeeded(), "{}", committed.reason());
    let (hook, error) = play.failed().await;
    assert_eq!(hook, "post-commit");
    let tid = committed.transaction.tid;
    let told = format!("{tid} alice dry-run=false result=SUCCESS running=changed reason=- found=three");
    assert!(error.contains(&told), "{error}");
    let module = play.host.status().modules.remove(0);
    assert_eq!((module.name.as_str(), module.hook_failures), ("hooked", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_failed_is_told_why_and_whether_running_has_changed() {
    let mut play = Play::begin().await;
    let hooks = [say("post"), say("failed")];
    // A device refuses, and `running` is what was committed all the same.
    play.stage.controller().refuse_push("openconfig1", PushPhase::Commit, "no thanks").unwrap();
    let committed = play.commit(Push::Commit, &set("one"), &hooks).await;
    assert!(!committed.succeeded());
    let (hook, error) = play.failed().await;
    assert_eq!(hook, "post-commit-failed");
    let running = play.stage.controller().datastore(confine_controller::Datastore::Running).unwrap();
    let changed = if running.contains("<login-banner>one<") { "changed" } else { "unchanged" };
    assert!(error.contains(&format!("result=FAILED running={changed}")), "{error}");
    assert!(error.contains("no thanks"), "{error}");
    // A module refuses, and nothing has changed.
    let committed = play.commit(Push::Commit, "fail never", &hooks).await;
    assert!(!committed.succeeded());
    let (hook, error) = play.failed().await;
    assert_eq!(hook, "post-commit-failed");
    let tid = committed.transaction.tid;
    assert!(error.contains(&format!("{tid} alice dry-run=false result=FAILED running=unchanged")), "{error}");
    assert!(error.contains("never"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_never_ends_holds_up_nobody() {
    let mut play = Play::begin().await;
    assert!(play.commit(Push::Commit, &set("one"), &["post spin".into()]).await.succeeded());
    assert!(play.commit(Push::Commit, &set("two"), &[]).await.succeeded());
    let (hook, error) = play.failed().await;
    assert_eq!(hook, "post-commit");
    assert!(error.contains("fuel limit reached"), "{error}");
}
