//! The calls around commits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use confine_author::{Committed, Stage};
use confine_backend::{Actions, Options, Push};
use confine_controller::{Builder, Controller, PushPhase};
use confine_service::{Event, Happened, Host};
use confine_tests::{
    wire::{Fault, Wire},
    workshop::guests,
};
use tokio::{sync::broadcast, task::JoinHandle};

const BANNER: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";
/// Longer than anything takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A controller and a daemon with a module that does something, and one whose hooks do.
struct Play {
    stage: Stage,
    host: Arc<Host>,
    events: broadcast::Receiver<Event>,
    /// Between the daemon and the controller.
    wire: Wire,
    daemon: JoinHandle<()>,
    directory: tempfile::TempDir,
}

impl Drop for Play {
    fn drop(&mut self) {
        self.daemon.abort();
    }
}

fn builder(models: &[(String, String)]) -> Builder {
    Controller::builder().devices(2).service_models(models.iter().cloned())
}

impl Play {
    async fn begin() -> Self {
        Self::with_latency(Duration::ZERO).await
    }

    /// With devices that take so long.
    async fn with_latency(latency: Duration) -> Self {
        let services = guests(&["hooked", "probe"]).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("wire.sock"), directory.path().join("controller.sock"));
        let (host, events) = (services.host.clone(), services.host.events());
        let builder = builder(&services.models).device_latency(latency);
        let wire = Wire::listen(&front, &back).unwrap();
        let stage = Stage::without_daemon(builder, back, "alice").await.unwrap();
        let options = Options::new(front).unwrap();
        let daemon = tokio::spawn(confine_service::serve(services.host, options, std::future::pending()));
        let ready = async {
            host.connected().await;
            host.modelled().await;
        };
        tokio::time::timeout(PATIENCE, ready).await.unwrap();
        Self { stage, host, events, wire, daemon, directory }
    }

    async fn commit(&mut self, push: Push, does: &str, hooks: &[String]) -> Committed {
        self.edit(does, hooks).await;
        self.stage.commit(push, Actions::Change).await.unwrap()
    }

    /// Commits, and loses the connection when that was answered, before the devices are done.
    async fn commit_and_lose(&mut self, does: &str, hooks: &[String]) -> u64 {
        self.edit(does, hooks).await;
        let tid = self.stage.begin(Push::Commit, Actions::Change).await.unwrap();
        let answered = async {
            while self.host.status().commits.done == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.unwrap();
        self.wire.spoil("<hello", Fault::End);
        self.wire.cut();
        tokio::time::timeout(PATIENCE, self.host.disconnected()).await.unwrap();
        tid
    }

    async fn edit(&mut self, does: &str, hooks: &[String]) {
        let hooks: String = hooks.iter().map(|line| format!("<also>{line}</also>")).collect();
        let config = format!(
            "<services xmlns='http://clicon.org/controller'>\
             <probe xmlns='urn:example:probe' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='replace'>\
             <name>a</name><do>{does}</do>{hooks}</probe></services>"
        );
        self.stage.discard().await.unwrap();
        self.stage.edit(&config).await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_not_heard_is_looked_up() {
    let mut play = Play::with_latency(Duration::from_secs(1)).await;
    let tid = play.commit_and_lose(&set("one"), &[say("post")]).await;
    let over = tokio::time::timeout(PATIENCE, play.stage.end(tid)).await.unwrap().unwrap();
    assert_eq!(over.reason, None);
    play.wire.mend();
    let (hook, error) = play.failed().await;
    assert_eq!(hook, "post-commit");
    assert!(error.contains(&format!("{tid} alice dry-run=false result=SUCCESS running=changed")), "{error}");
}

/// A controller that is started again gives other transactions the same numbers.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_another_transaction_is_not_taken_for_it() {
    let mut play = Play::with_latency(Duration::from_secs(3600)).await;
    let lost = play.commit_and_lose(&set("one"), &[say("post"), say("failed")]).await;
    let services = guests(&["hooked", "probe"]).await.unwrap();
    let back = play.directory.path().join("controller.sock");
    std::fs::remove_file(&back).unwrap();
    play.stage = Stage::without_daemon(builder(&services.models), back, "bob").await.unwrap();
    play.wire.mend();
    tokio::time::timeout(PATIENCE, play.host.connected()).await.unwrap();
    // One that no services take part in.
    let other = play.stage.commit(Push::None, Actions::Change).await.unwrap();
    assert_eq!(other.transaction.tid, lost);
    let committed = play.commit(Push::Commit, &set("two"), &[say("post")]).await;
    assert!(committed.succeeded(), "{}", committed.reason());
    let (_, error) = play.failed().await;
    assert!(error.contains(&format!("{} bob", committed.transaction.tid)), "{error}");
}
