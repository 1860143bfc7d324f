//! Commits that wait for a daemon that is gone: which of them the next daemon ends, and which it leaves alone.

use std::{sync::Arc, time::Duration};

use confine_author::Testbed;
use confine_backend::{
    ActionsMode, Backend, ConnectOptions, EventReceiver, EventStream, PushMode, RequestUser,
    TransactionOutcome,
};
use confine_controller::{Controller, TransactionState};
use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{Host, HostOptions, ModuleLibrary};
use confine_test_support::{
    PATIENCE,
    guests::{guest_of_version, guests},
    replay::replay,
    testbed::{probe, services},
};

/// Standing replies to a daemon's requests, and a commit of the instance `a` of `probe` with the number 9.
const QUIET: &str = r#"
?? <get-config><source><running/></source><more xmlns=""/></get-config>
<< <data><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>false</enable-nacm></nacm></data>
?? <get-config><source><ctrl:actions/></source><more xmlns=""/></get-config>
<< <data><services xmlns="http://clicon.org/controller"><probe xmlns="urn:example:probe"><name>a</name></probe></services></data>
"#;
const COMMIT: &str = r#"
<< <services-commit xmlns="http://clicon.org/controller"><tid>9</tid><source>actions</source><target>actions</target><service>probe[name='a']</service></services-commit>
"#;
const DONE: &str = r#"
>> root <ctrl:transaction-actions-done><ctrl:tid>9</ctrl:tid><more xmlns=""/></ctrl:transaction-actions-done>
<< <ok/>
"#;

/// The reply to a request for transactions.
fn transactions(transactions: &[(u64, &str)]) -> String {
    let transaction = |(tid, state): &(u64, &str)| {
        format!(
            "<transaction><tid>{tid}</tid><username>alice</username><result>INIT</result><state>{state}</state>\
             <description>Controller commit actions:CHANGE push:COMMIT</description></transaction>"
        )
    };
    let transactions: String = transactions.iter().map(transaction).collect();
    format!(
        "<< <data><transactions xmlns=\"http://clicon.org/controller\">{transactions}</transactions></data>\n"
    )
}

const ASK: &str = r#"<get cl:content="nonconfig"><more xmlns=""/></get>"#;

async fn play(script: &str) {
    replay(script, guests(&["probe"]).await.unwrap().host).await.unwrap();
}

/// An error would also end a commit that is being pushed to devices or cleaned up.
#[tokio::test(flavor = "multi_thread")]
async fn next_daemon_ends_only_commits_waiting_for_actions() {
    let found = transactions(&[(3, "DONE"), (4, "RESOLVED"), (5, "ACTIONS"), (6, "INIT")]);
    let ended = r#"
>> root <ctrl:transaction-error><ctrl:tid>5</ctrl:tid><ctrl:origin>confine</ctrl:origin><ctrl:reason>the commit began before this services daemon was running
hint: commit again</ctrl:reason></ctrl:transaction-error>
<< <ok/>
"#;
    let known = format!("?? {ASK}\n{}", transactions(&[(9, "ACTIONS")]));
    play(&format!("?? {ASK}\n{found}{QUIET}{ended}-- subscribed\n{known}{COMMIT}{DONE}")).await;
}

/// A commit that begins between the subscription and the request for transactions.
#[tokio::test(flavor = "multi_thread")]
async fn commit_notified_to_this_daemon_runs_and_is_not_ended() {
    let found = transactions(&[(9, "ACTIONS")]);
    play(&format!(">> {ASK}\n{COMMIT}{found}?? {ASK}\n{found}{QUIET}{DONE}")).await;
}

/// A controller, a user, and another daemon that is notified of commits.
struct TwoDaemonTestbed {
    base: Testbed,
    host: Arc<Host>,
    other: EventReceiver,
    directory: tempfile::TempDir,
}

impl TwoDaemonTestbed {
    async fn begin(device_latency: Duration) -> Self {
        let services = guests(&["probe"]).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let builder =
            Controller::builder().devices(1).device_latency(device_latency).service_models(services.models);
        let socket = directory.path().join("controller.sock");
        let testbed = Testbed::without_daemon(builder, socket, "alice").await.unwrap();
        let options = ConnectOptions::new(testbed.socket()).unwrap();
        let other = EventReceiver::subscribe(&options, &[EventStream::ServicesCommit]).await.unwrap();
        Self { base: testbed, host: services.host, other, directory }
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions::new(self.base.socket()).unwrap()
    }

    /// Begins a commit and waits until the other daemon is notified.
    async fn commit(&mut self) -> u64 {
        self.base.edit(&services(&probe("a", &[], &[]))).await.unwrap();
        let tid = self.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
        self.other.next().await.unwrap();
        tid
    }

    /// Answers a commit as the other daemon, after changing a device in it.
    async fn answer(&self, tid: u64) {
        let banner = "<devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
             <system xmlns='http://openconfig.net/yang/system'><config><login-banner>other</login-banner></config></system>\
             </config></device></devices>";
        let mut backend = Backend::connect(self.options()).await.unwrap();
        let actions = confine_backend::Datastore::Actions;
        backend.edit_config(actions, banner, &RequestUser::Host).await.unwrap();
        backend.actions_done(tid, &["probe"], &RequestUser::Host).await.unwrap();
    }

    fn state(&self, tid: u64) -> TransactionState {
        let transactions = self.base.controller().transactions();
        transactions.iter().find(|transaction| transaction.tid == tid).unwrap().state
    }

    fn start_ours(&self) {
        tokio::spawn(confine_service::serve(self.host.clone(), self.options(), std::future::pending()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn next_daemon_ends_the_commit_of_a_lost_daemon() {
    let mut testbed = TwoDaemonTestbed::begin(Duration::ZERO).await;
    let tid = testbed.commit().await;
    testbed.other =
        EventReceiver::subscribe(&testbed.options(), &[EventStream::ControllerTransaction]).await.unwrap();
    testbed.start_ours();
    let over = tokio::time::timeout(PATIENCE, testbed.base.end(tid)).await.expect("it is not ended").unwrap();
    assert_eq!(over.result, TransactionOutcome::Failed);
    insta::assert_snapshot!(over.reason.unwrap(), @r"
    the commit began before this services daemon was running
    hint: commit again
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_being_pushed_to_devices_completes() {
    let mut testbed = TwoDaemonTestbed::begin(Duration::from_secs(2)).await;
    let tid = testbed.commit().await;
    testbed.answer(tid).await;
    testbed.other =
        EventReceiver::subscribe(&testbed.options(), &[EventStream::ControllerTransaction]).await.unwrap();
    testbed.start_ours();
    let over = tokio::time::timeout(PATIENCE, testbed.base.end(tid)).await.unwrap().unwrap();
    assert_eq!((over.result, over.reason), (TransactionOutcome::Success, None));
    let device = testbed.base.controller().device("openconfig1").unwrap();
    assert!(device.contains("<login-banner>other</login-banner>"), "{device}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_daemon_that_is_there_is_reported_and_keeps_commits() {
    let mut testbed = TwoDaemonTestbed::begin(Duration::ZERO).await;
    let tid = testbed.commit().await;
    testbed.start_ours();
    let refused = async {
        loop {
            if let Some(error) = testbed.host.status().connection.error {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    insta::assert_snapshot!(refused, @r"
    another services daemon is subscribed to the controller's service commits: services-commit client already registered (operation-failed)
    hint: stop it first; the CLI's `processes services stop` stops the one that the controller has started
    ");
    assert_eq!(testbed.state(tid), TransactionState::Actions);
    testbed.answer(tid).await;
    let over = tokio::time::timeout(PATIENCE, testbed.base.end(tid)).await.unwrap().unwrap();
    assert_eq!((over.result, over.reason), (TransactionOutcome::Success, None));
    // Our daemon keeps trying, and connects once the other is gone.
    testbed.other =
        EventReceiver::subscribe(&testbed.options(), &[EventStream::ControllerTransaction]).await.unwrap();
    tokio::time::timeout(PATIENCE, testbed.host.wait_until_connected()).await.expect("ours does not come");
}

/// Compiling a module may take a minute. A user who lost a daemon does not wait for that, and a commit in the meantime does
/// not fail for want of a module.
#[tokio::test(flavor = "multi_thread")]
async fn commits_wait_while_modules_load_after_lost_ones_end() {
    let mut testbed = TwoDaemonTestbed::begin(Duration::ZERO).await;
    let modules = testbed.directory.path().join("modules");
    std::fs::create_dir(&modules).unwrap();
    std::fs::write(modules.join("probe.wasm"), guest_of_version("probe", "0.1.0").await.unwrap()).unwrap();
    let runner = Runner::new(&Limits::default(), Compiler::in_process(), HostSecret::known()).unwrap();
    let library = ModuleLibrary { directories: vec![modules], ..ModuleLibrary::default() };
    testbed.host = Arc::new(Host::of_library(runner, library, HostOptions::default()).unwrap());

    let tid = testbed.commit().await;
    testbed.other =
        EventReceiver::subscribe(&testbed.options(), &[EventStream::ControllerTransaction]).await.unwrap();
    testbed.start_ours();
    let over = tokio::time::timeout(PATIENCE, testbed.base.end(tid)).await.expect("it is not ended").unwrap();
    assert!(over.reason.unwrap().starts_with("the commit began before this services daemon was running"));

    testbed.host.wait_until_connected().await;
    let tid = testbed.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
    let taken = async {
        while testbed.host.status().commits.running != Some(tid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.unwrap();
    assert_eq!(testbed.state(tid), TransactionState::Actions);
    testbed.host.modules().load().await;
    let over = tokio::time::timeout(PATIENCE, testbed.base.end(tid)).await.expect("it waits").unwrap();
    assert_eq!(over.result, TransactionOutcome::Success, "{:?}", over.reason);
    assert_eq!(testbed.host.status().modules.first().unwrap().runs, 1);
}
