//! Hooks: the calls before and after commits.

use std::time::Duration;

use confine_author::{CommitEnd, Testbed};
use confine_backend::{ActionsMode, PushMode};
use confine_controller::{Controller, ControllerBuilder, PushPhase};
use confine_sandbox::Limits;
use confine_service::EventKind;
use confine_test_support::{
    PATIENCE,
    faulty_testbed::FaultyTestbed,
    faulty_wire::WireFault,
    guests::{guests, guests_with_limits},
    testbed::replaced,
};

const BANNER: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";

/// A controller, and a daemon with two modules: `probe`, and `hooked`, whose hooks execute lines.
struct HookTestbed(FaultyTestbed);

impl HookTestbed {
    async fn begin() -> Self {
        Self::with_latency(Duration::ZERO).await
    }

    /// Starts with devices of this latency.
    async fn with_latency(latency: Duration) -> Self {
        Self::on(Controller::builder().devices(2).device_latency(latency)).await
    }

    async fn on(builder: ControllerBuilder) -> Self {
        // On a busy machine too, the fuel limit is reached before the wall clock limit.
        let mut limits = Limits::default();
        limits.wall_clock.base = Duration::from_secs(3600);
        let services = guests_with_limits(&["hooked", "probe"], &limits).await.unwrap();
        Self(FaultyTestbed::serving(builder, services, PATIENCE).await)
    }

    async fn commit(&mut self, push: PushMode, does: &str, hooks: &[String]) -> CommitEnd {
        self.edit(does, hooks).await;
        self.0.base.commit(push, ActionsMode::Change).await.unwrap()
    }

    /// Commits, and cuts the connection after the answer, before the devices are done.
    async fn commit_and_lose(&mut self, does: &str, hooks: &[String]) -> u64 {
        self.edit(does, hooks).await;
        let tid = self.0.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
        self.0.until(|host| host.status().commits.done == 1).await;
        self.0.wire.spoil("<hello", WireFault::Closed);
        self.0.wire.cut();
        tokio::time::timeout(PATIENCE, self.0.host.wait_until_disconnected()).await.unwrap();
        tid
    }

    async fn edit(&mut self, does: &str, hooks: &[String]) {
        let hooks: Vec<&str> = hooks.iter().map(String::as_str).collect();
        self.0.edit(&replaced("a", &[does], &hooks)).await;
    }

    /// Waits for the next failure of a hook, and returns the hook and the error.
    async fn failed(&mut self) -> (String, String) {
        loop {
            let event =
                tokio::time::timeout(PATIENCE, self.0.events.recv()).await.expect("no hook fails").unwrap();
            if let EventKind::HookFailure { hook, error, module, .. } = event.what {
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
async fn failing_pre_commit_fails_the_commit_before_apply() {
    let mut testbed = HookTestbed::begin().await;
    let before = testbed.0.base.controller().device("openconfig1").unwrap();
    for (push, dry_run) in [(PushMode::Commit, false), (PushMode::None, true)] {
        let committed = testbed.commit(push, "panic it must not come to that", &[say("pre")]).await;
        assert!(!committed.succeeded());
        let tid = committed.transaction.tid;
        assert_eq!(
            committed.reason(),
            format!(
                "the pre-commit hook failed: module `hooked` 0.1.0, instance `probe[name='a']`: {tid} alice dry-run={dry_run} \
                 result=- running=- reason=- found=- (operation-failed)"
            )
        );
        assert_eq!(testbed.failed().await.0, "pre-commit");
    }
    assert_eq!(testbed.0.base.controller().device("openconfig1").unwrap(), before);
    // The next commit is not affected.
    assert!(testbed.commit(PushMode::Commit, &set("b"), &[]).await.succeeded());
}

#[tokio::test(flavor = "multi_thread")]
async fn hook_cannot_write() {
    let mut testbed = HookTestbed::begin().await;
    let committed = testbed.commit(PushMode::Commit, &set("a"), &[format!("pre {}", set("b"))]).await;
    assert!(committed.reason().contains("access-denied"), "{}", committed.reason());
    assert!(testbed.commit(PushMode::Commit, &set("a"), &[format!("post {}", set("b"))]).await.succeeded());
    assert_eq!(testbed.failed().await.0, "pre-commit");
    let (hook, error) = testbed.failed().await;
    assert_eq!(hook, "post-commit");
    assert!(error.contains("access-denied"), "{error}");
    assert!(testbed.0.base.controller().device("openconfig1").unwrap().contains("<login-banner>a<"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hook_reads_with_the_rights_of_the_committing_user() {
    let hostname = BANNER.replace("login-banner", "hostname");
    let hidden = "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm' xmlns:c='http://clicon.org/controller' \
         xmlns:oc-sys='http://openconfig.net/yang/system'><write-default>permit</write-default>\
         <groups><group><name>users</name><user-name>alice</user-name></group></groups>\
         <rule-list><name>users</name><group>users</group><rule><name>hostname</name>\
         <path>/c:devices/c:device/c:config/oc-sys:system/oc-sys:config/oc-sys:hostname</path>\
         <access-operations>read</access-operations><action>deny</action></rule></rule-list></nacm>";
    for (builder, found) in [
        (Controller::builder().devices(2), "openconfig1"),
        (Controller::builder().devices(2).config(hidden), "-"),
    ] {
        let mut testbed = HookTestbed::on(builder).await;
        testbed.0.base.controller().refuse_push("openconfig1", PushPhase::Commit, "no thanks").unwrap();
        let committed =
            testbed.commit(PushMode::Commit, &set("one"), &[format!("failed say {hostname}")]).await;
        assert!(!committed.succeeded());
        let (hook, error) = testbed.failed().await;
        assert_eq!(hook, "post-commit-failed");
        assert!(error.contains(&format!("found={found} ")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_runs_only_after_a_real_push_and_reads_running() {
    let mut testbed = HookTestbed::begin().await;
    let hooks = [say("post"), say("failed")];
    assert!(testbed.commit(PushMode::None, &set("one"), &hooks).await.succeeded());
    assert!(testbed.commit(PushMode::Validate, &set("two"), &hooks).await.succeeded());
    let committed = testbed.commit(PushMode::Commit, &set("three"), &hooks).await;
    assert!(committed.succeeded(), "{}", committed.reason());
    let (hook, error) = testbed.failed().await;
    assert_eq!(hook, "post-commit");
    let tid = committed.transaction.tid;
    let told = format!("{tid} alice dry-run=false result=SUCCESS running=changed reason=- found=three");
    assert!(error.contains(&told), "{error}");
    let module = testbed.0.host.status().modules.remove(0);
    assert_eq!((module.name.as_str(), module.hook_failures), ("hooked", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn post_commit_failed_gets_reason_and_whether_running_changed() {
    let mut testbed = HookTestbed::begin().await;
    let hooks = [say("post"), say("failed")];
    // A device refuses; `running` has the committed configuration anyway.
    testbed.0.base.controller().refuse_push("openconfig1", PushPhase::Commit, "no thanks").unwrap();
    let committed = testbed.commit(PushMode::Commit, &set("one"), &hooks).await;
    assert!(!committed.succeeded());
    let (hook, error) = testbed.failed().await;
    assert_eq!(hook, "post-commit-failed");
    let running = testbed.0.base.controller().datastore(confine_controller::Datastore::Running).unwrap();
    let changed = if running.contains("<login-banner>one<") { "changed" } else { "unchanged" };
    assert!(error.contains(&format!("result=FAILED running={changed}")), "{error}");
    assert!(error.contains("no thanks"), "{error}");
    // A module refuses; nothing has changed.
    let committed = testbed.commit(PushMode::Commit, "fail never", &hooks).await;
    assert!(!committed.succeeded());
    let (hook, error) = testbed.failed().await;
    assert_eq!(hook, "post-commit-failed");
    let tid = committed.transaction.tid;
    assert!(error.contains(&format!("{tid} alice dry-run=false result=FAILED running=unchanged")), "{error}");
    assert!(error.contains("never"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_hook_delays_no_commit() {
    let mut testbed = HookTestbed::begin().await;
    assert!(testbed.commit(PushMode::Commit, &set("one"), &["post spin".into()]).await.succeeded());
    assert!(testbed.commit(PushMode::Commit, &set("two"), &[]).await.succeeded());
    let (hook, error) = testbed.failed().await;
    assert_eq!(hook, "post-commit");
    assert!(error.contains("fuel limit reached"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_end_of_a_transaction_is_looked_up() {
    let mut testbed = HookTestbed::with_latency(Duration::from_secs(1)).await;
    let tid = testbed.commit_and_lose(&set("one"), &[say("post")]).await;
    let over = tokio::time::timeout(PATIENCE, testbed.0.base.end(tid)).await.unwrap().unwrap();
    assert_eq!(over.reason, None);
    testbed.0.wire.mend();
    let (hook, error) = testbed.failed().await;
    assert_eq!(hook, "post-commit");
    assert!(error.contains(&format!("{tid} alice dry-run=false result=SUCCESS running=changed")), "{error}");
}

/// A restarted controller reuses transaction numbers.
#[tokio::test(flavor = "multi_thread")]
async fn reused_transaction_number_is_not_mistaken_for_the_lost_one() {
    let mut testbed = HookTestbed::with_latency(Duration::from_secs(3600)).await;
    let lost = testbed.commit_and_lose(&set("one"), &[say("post"), say("failed")]).await;
    let services = guests(&["hooked", "probe"]).await.unwrap();
    let builder = Controller::builder().devices(2).service_models(services.models);
    let back = testbed.0.directory.path().join("controller.sock");
    std::fs::remove_file(&back).unwrap();
    testbed.0.base = Testbed::without_daemon(builder, back, "bob").await.unwrap();
    testbed.0.wire.mend();
    tokio::time::timeout(PATIENCE, testbed.0.host.wait_until_connected()).await.unwrap();
    // A transaction without services.
    let other = testbed.0.base.commit(PushMode::None, ActionsMode::Change).await.unwrap();
    assert_eq!(other.transaction.tid, lost);
    let committed = testbed.commit(PushMode::Commit, &set("two"), &[say("post")]).await;
    assert!(committed.succeeded(), "{}", committed.reason());
    let (_, error) = testbed.failed().await;
    assert!(error.contains(&format!("{} bob", committed.transaction.tid)), "{error}");
}
