//! What the daemon does and reports if the backend does not reply as it should. The table in SECURITY.md names these tests.

use std::time::Duration;

use confine_author::CommitEnd;
use confine_backend::{ActionsMode, PushMode};
use confine_controller::Controller;
use confine_service::EventKind;
use confine_test_support::{
    PATIENCE, faulty_testbed::FaultyTestbed, faulty_wire::WireFault, guests::guests, testbed::replaced,
};

/// A controller, and a daemon at the other end of a faulty wire.
struct BackendFaultTestbed(FaultyTestbed);

impl BackendFaultTestbed {
    /// Starts with a wire that is faulty before the daemon connects.
    async fn begin(asked: &'static str, fault: WireFault, request_timeout: Duration) -> Self {
        let services = guests(&["probe"]).await.unwrap();
        let builder = Controller::builder().devices(1);
        Self(FaultyTestbed::start(builder, services, Some((asked, fault)), request_timeout).await)
    }

    /// Starts a daemon that serves.
    async fn serving() -> Self {
        Self::serving_within(PATIENCE).await
    }

    async fn serving_within(request_timeout: Duration) -> Self {
        let services = guests(&["probe"]).await.unwrap();
        Self(FaultyTestbed::serving(Controller::builder().devices(1), services, request_timeout).await)
    }

    async fn commit(&mut self, banner: &str) -> CommitEnd {
        let set = format!(
            "set /devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner {banner}"
        );
        self.0.edit(&replaced("a", &[&set], &[])).await;
        let committed = self.0.base.commit(PushMode::Commit, ActionsMode::Change);
        tokio::time::timeout(PATIENCE, committed).await.expect("the commit is not answered").unwrap()
    }

    /// Returns what the user reads if the reply to a given request of the commit is spoilt.
    async fn spoilt_commit(&mut self, asked: &'static str, fault: WireFault) -> String {
        self.0.wire.spoil(asked, fault);
        let committed = self.commit("spoilt").await;
        self.0.wire.mend();
        assert!(!committed.succeeded());
        // The operator sees the same.
        self.0.until(|host| host.status().commits.failed == 1).await;
        assert_eq!(self.0.host.status().commits.last.unwrap().error.as_deref(), Some(committed.reason()));
        committed.reason().to_owned()
    }

    /// Returns the error in the status of a daemon that cannot serve the controller.
    async fn refused(&self) -> String {
        self.0.until(|host| host.status().connection.error.is_some()).await;
        let connection = self.0.host.status().connection;
        assert!(!connection.connected);
        connection.error.unwrap()
    }

    /// Waits until the connection is lost, and returns the reported error.
    async fn lost(&mut self) -> String {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.0.events.recv()).await.expect("nothing is lost");
            if let EventKind::Disconnected { error } = event.unwrap().what {
                return error;
            }
        }
    }

    /// Checks that the daemon recovers: the next commit succeeds.
    async fn goes_on(mut self) {
        self.0.wire.mend();
        tokio::time::timeout(PATIENCE, self.0.host.wait_until_connected())
            .await
            .expect("the daemon does not come back");
        let committed = self.commit("after all").await;
        assert!(committed.succeeded(), "{}", committed.reason());
        let device = self.0.base.controller().device("openconfig1").unwrap();
        assert!(device.contains("<login-banner>after all</login-banner>"), "{device}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_is_gone_before_hello() {
    let testbed = BackendFaultTestbed::begin("<hello", WireFault::Closed, PATIENCE).await;
    insta::assert_snapshot!(testbed.refused().await, @"`hello` failed: the peer closed the connection");
    testbed.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_is_gone_between_subscription_and_notification() {
    let mut testbed = BackendFaultTestbed::serving().await;
    testbed.0.wire.cut();
    insta::assert_snapshot!(testbed.lost().await, @"`notification` failed: the peer closed the connection");
    testbed.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_is_gone_in_the_middle_of_a_reply() {
    let mut testbed = BackendFaultTestbed::serving().await;
    insta::assert_snapshot!(testbed.spoilt_commit("<edit-config>", WireFault::Truncated).await, @"`edit-config` failed: the peer violated the chunked framing of RFC 6242: the stream ended inside a message, after 37 octets of it");
    testbed.goes_on().await;
}

/// An answered commit stays answered, although the daemon gets no reply to its answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_backend_is_gone_in_the_middle_of_the_reply_to_the_answer() {
    let mut testbed = BackendFaultTestbed::serving().await;
    testbed.0.wire.spoil("<transaction-actions-done", WireFault::Truncated);
    let committed = testbed.commit("answered").await;
    testbed.0.wire.mend();
    assert!(committed.succeeded(), "{}", committed.reason());
    insta::assert_snapshot!(testbed.lost().await, @"`transaction-actions-done` failed: the peer violated the chunked framing of RFC 6242: the stream ended inside a message, after 37 octets of it");
    testbed.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_frame() {
    let mut testbed = BackendFaultTestbed::serving_within(Duration::from_secs(5)).await;
    insta::assert_snapshot!(testbed.spoilt_commit("<edit-config>", WireFault::Stalled).await, @"`edit-config` failed: the peer did not answer within 5s");
    testbed.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_instead_of_a_frame() {
    let mut testbed = BackendFaultTestbed::serving().await;
    let told = testbed.spoilt_commit("<edit-config>", WireFault::ReplacedBy(b"Segmentation fault\n")).await;
    let (before, place) = told.split_once(" at octet ").unwrap();
    let place = place.trim_start_matches(|c: char| c.is_ascii_digit());
    insta::assert_snapshot!(format!("{before} at octet N{place}"), @"`edit-config` failed: the peer violated the chunked framing of RFC 6242: expected a newline before the header of a message but found `S` at octet N of the stream");
    testbed.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_a_frame() {
    let mut testbed = BackendFaultTestbed::serving().await;
    let garbage = WireFault::ReplacedBy(b"\n#9\n<rpc-repl\n##\n");
    insta::assert_snapshot!(testbed.spoilt_commit("<edit-config>", garbage).await, @"`edit-config` failed: the message is not well-formed XML at byte 0: syntax error: tag not closed: `>` not found before end of input");
    testbed.goes_on().await;
}

/// An unreadable reply is not a rejection: the transaction may already be on its way to the devices.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_the_reply_to_the_answer() {
    let mut testbed = BackendFaultTestbed::serving().await;
    testbed.0.wire.spoil("<transaction-actions-done", WireFault::ReplacedBy(b"\n#9\n<rpc-repl\n##\n"));
    let committed = testbed.commit("answered").await;
    assert!(committed.succeeded(), "{}", committed.reason());
    testbed.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_never_comes() {
    let mut testbed = BackendFaultTestbed::serving_within(Duration::from_secs(5)).await;
    insta::assert_snapshot!(testbed.spoilt_commit("<edit-config>", WireFault::Lost).await, @"`edit-config` failed: the peer did not answer within 5s");
    testbed.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_that_never_comes() {
    let testbed = BackendFaultTestbed::begin("<hello", WireFault::Lost, Duration::from_secs(5)).await;
    insta::assert_snapshot!(testbed.refused().await, @"`hello` failed: the peer did not answer within 5s");
    testbed.goes_on().await;
}

/// Returns a reply with the configuration of the device's system, as a device may have it.
fn odd_reply(config: &str) -> WireFault {
    let reply = format!(
        "<rpc-reply xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><data>\
         <devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
         <system xmlns='http://openconfig.net/yang/system'><config>{config}</config></system>\
         </config></device></devices></data></rpc-reply>"
    );
    let framed = confine_netconf::encode(reply.as_bytes()).unwrap();
    WireFault::ReplacedBy(Box::leak(framed.into_boxed_slice()))
}

const SYSTEM_CONFIG: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config";

/// Commits an instance whose module executes commands, while requests for a leaf get this reply.
async fn commit_with(reply: &str, leaf: &'static str, commands: &[&str]) -> (CommitEnd, BackendFaultTestbed) {
    let mut testbed = BackendFaultTestbed::serving().await;
    testbed.0.edit(&replaced("a", commands, &[])).await;
    testbed.0.wire.spoil(leaf, odd_reply(reply));
    let committed = testbed.0.base.commit(PushMode::Commit, ActionsMode::Change);
    let committed = tokio::time::timeout(PATIENCE, committed).await.expect("no answer").unwrap();
    testbed.0.wire.mend();
    (committed, testbed)
}

/// One node that XML or the tree cannot represent is told where it is read, and costs nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_node_in_the_configuration_of_a_device() {
    let odd = "<hostname>r1</hostname><login-banner>text<b/></login-banner><domain-name>\u{7}</domain-name><x:lost/>";
    let expect = |leaf: &str, value: &str| format!("expect {SYSTEM_CONFIG}/{leaf} {value}");
    let (committed, _) = commit_with(odd, "login-banner", &[&expect("login-banner", "quiet")]).await;
    assert!(!committed.succeeded());
    insta::assert_snapshot!(committed.reason(), @"module `probe` 0.1.0, instance `probe[name='a']`: cannot read `/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner`: text next to elements is not allowed: a node has a value or children (operation-failed, at `/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner`)");
    let (committed, _) = commit_with(odd, "domain-name", &[&expect("domain-name", "quiet")]).await;
    assert!(!committed.succeeded());
    insta::assert_snapshot!(committed.reason(), @r#"module `probe` 0.1.0, instance `probe[name='a']`: `/devices/device[name='openconfig1']/config/oc-sys:system/config/domain-name` is Some("\u{7}"), not `quiet` (operation-failed)"#);

    let set = format!("set {SYSTEM_CONFIG}/motd-banner hello");
    let (committed, testbed) = commit_with(odd, "hostname", &[&expect("hostname", "r1"), &set]).await;
    assert!(committed.succeeded(), "{}", committed.reason());
    let device = testbed.0.base.controller().device("openconfig1").unwrap();
    assert!(device.contains("<motd-banner>hello</motd-banner>"), "{device}");
}
