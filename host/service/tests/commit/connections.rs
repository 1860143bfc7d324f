//! Devices without a connection: the controller would wait for them for ever.

use confine_backend::{ActionsMode, ControllerCommit, Datastore, PushMode, RequestUser, TransactionOutcome};
use confine_controller::Controller;
use confine_test_support::{
    guests::guests,
    testbed::{DaemonTestbed, probe, removed, replaced, services, succeeded},
};

fn banner(device: u8, text: &str) -> String {
    format!("set /devices/device[name='openconfig{device}']/config/oc-sys:system/config/login-banner {text}")
}

fn motd(device: u8) -> String {
    format!("set /devices/device[name='openconfig{device}']/config/oc-sys:system/config/motd-banner x")
}

const CLOSED: &str = "the connection of device `openconfig2` is `CLOSED`, and this commit would change the device\n\
                      hint: open it first (`connection open openconfig2` in the CLI), or take the device out of the commit";

/// Commits the candidate, which must be refused because of the second device, and gives it up.
async fn assert_refused(testbed: &mut DaemonTestbed, instances: &str) {
    let committed = testbed.commit(instances).await;
    assert!(committed.reason().ends_with(CLOSED), "{}", committed.reason());
    testbed.base.discard().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_that_changes_a_device_without_a_connection_fails() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let both = probe("both", &[&banner(1, "a"), &banner(2, "a")], &[]);
    succeeded(&testbed.commit(&(both + &probe("first", &[&motd(1)], &[]))).await);
    testbed.base.controller().set_connection("openconfig2", false).unwrap();

    let changed = replaced("both", &[&banner(1, "b"), &banner(2, "b")], &[]);
    assert_refused(&mut testbed, &changed).await;
    // A new object, one that goes, one that is not made again.
    assert_refused(&mut testbed, &probe("new", &[&motd(2)], &[])).await;
    assert_refused(&mut testbed, &removed("both")).await;
    assert_refused(&mut testbed, &replaced("both", &[&banner(1, "a")], &[])).await;
    assert!(testbed.device().contains("<login-banner>a</login-banner>"), "{}", testbed.device());

    // What changes nothing there is committed: other instances, and the same one elsewhere.
    succeeded(&testbed.commit(&removed("first")).await);
    let same_there = [banner(1, "c"), banner(2, "a")];
    succeeded(&testbed.commit(&replaced("both", &[&same_there[0], &same_there[1]], &[])).await);
    assert!(testbed.device().contains("<login-banner>c</login-banner>"), "{}", testbed.device());
    succeeded(&testbed.push(ActionsMode::Force(None)).await);

    // A dry run reaches no device.
    testbed.base.edit(&services(&changed)).await.unwrap();
    succeeded(&testbed.base.commit(PushMode::None, ActionsMode::Change).await.unwrap());
    testbed.base.controller().set_connection("openconfig2", true).unwrap();
    succeeded(&testbed.push(ActionsMode::Change).await);
    let second = testbed.base.controller().device("openconfig2").unwrap();
    assert!(second.contains("<login-banner>b</login-banner>"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_local_commit_left_for_a_closed_device_counts() {
    let mut testbed = DaemonTestbed::with_probes().await;
    succeeded(&testbed.commit(&probe("a", &[&banner(1, "a")], &[])).await);
    testbed.base.controller().set_connection("openconfig2", false).unwrap();
    let by_hand = "<devices xmlns='http://clicon.org/controller'><device><name>openconfig2</name><config>\
                   <system xmlns='http://openconfig.net/yang/system'><config><motd-banner>x</motd-banner>\
                   </config></system></config></device></devices>";
    // The controller refuses this itself if it is in the candidate.
    testbed.base.edit(by_hand).await.unwrap();
    assert!(testbed.base.commit(PushMode::Commit, ActionsMode::Change).await.is_err());
    testbed.base.discard().await.unwrap();
    testbed.change_elsewhere(by_hand).await;
    assert_refused(&mut testbed, &replaced("a", &[&banner(1, "b")], &[])).await;
    testbed.base.controller().set_connection("openconfig2", true).unwrap();
    succeeded(&testbed.commit(&replaced("a", &[&banner(1, "b")], &[])).await);
    assert!(testbed.base.controller().device("openconfig2").unwrap().contains("<motd-banner>x<"));
}

/// Returns an edit of a device: of its own settings, and of its configuration.
fn by_hand(device: &str, settings: &str, system: &str) -> String {
    format!(
        "<devices xmlns='http://clicon.org/controller'><device><name>{device}</name>{settings}<config>\
         <system xmlns='http://openconfig.net/yang/system' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
         xmlns:yang='urn:ietf:params:xml:ns:yang:1'>{system}</system></config></device></devices>"
    )
}

const MOTD: &str = "<config><motd-banner>x</motd-banner></config>";

#[tokio::test(flavor = "multi_thread")]
async fn closed_device_outside_of_the_commit_does_not_count() {
    let mut testbed = DaemonTestbed::with_probes().await;
    testbed.base.controller().set_connection("openconfig2", false).unwrap();
    testbed.change_elsewhere(&by_hand("openconfig2", "", MOTD)).await;
    let instance = probe("a", &[&banner(1, "a")], &[]);
    assert_refused(&mut testbed, &instance).await;
    testbed.base.edit(&services(&instance)).await.unwrap();
    let commit = ControllerCommit {
        device: "openconfig1",
        push: PushMode::Commit,
        actions: ActionsMode::Change,
        source: Datastore::Candidate,
    };
    let alice = RequestUser::User("alice".into());
    let tid = testbed.base.client().controller_commit(commit, &alice).await.unwrap();
    let ended = testbed.base.end(tid).await.unwrap();
    assert_eq!(ended.result, TransactionOutcome::Success, "{ended:?}");
    assert!(testbed.device().contains("<login-banner>a<"), "{}", testbed.device());
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_device_needs_no_connection() {
    let mut testbed = DaemonTestbed::with_probes().await;
    testbed.base.controller().set_connection("openconfig2", false).unwrap();
    testbed.change_elsewhere(&by_hand("openconfig2", "<enabled>false</enabled>", MOTD)).await;
    succeeded(&testbed.commit(&probe("a", &[&banner(1, "a")], &[])).await);
    succeeded(&testbed.commit(&probe("b", &[&banner(2, "b")], &[])).await);
    // What was written is pushed when the device is enabled and open.
    testbed.change_elsewhere(&by_hand("openconfig2", "<enabled>true</enabled>", "")).await;
    assert_refused(&mut testbed, &replaced("a", &[&banner(1, "c")], &[])).await;
    testbed.base.controller().set_connection("openconfig2", true).unwrap();
    succeeded(&testbed.commit(&replaced("a", &[&banner(1, "c")], &[])).await);
    let second = testbed.base.controller().device("openconfig2").unwrap();
    assert!(second.contains("<login-banner>b<") && second.contains("<motd-banner>x<"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn device_that_was_never_open_is_not_written() {
    let mut testbed = DaemonTestbed::with_probes().await;
    testbed.change_elsewhere(&by_hand("openconfig3", "<addr>192.0.2.3</addr>", "")).await;
    succeeded(&testbed.commit(&probe("a", &[&banner(1, "a")], &[])).await);
    let committed = testbed.commit(&probe("b", &[&banner(3, "b")], &[])).await;
    insta::assert_snapshot!(committed.reason(), @r"
    the controller has never read device `openconfig3`: it can push nothing to it, and no commit that the device takes part in succeeds
    hint: open it first (`connection open openconfig3` in the CLI), disable it, or take it out of the commit
    ");
    testbed.base.discard().await.unwrap();
    // Not even by a dry run: the controller takes the device for one of its own as soon as there is configuration of it.
    testbed.tap.take();
    testbed.base.edit(&services(&probe("b", &[&banner(3, "b")], &[]))).await.unwrap();
    assert!(!testbed.base.commit(PushMode::None, ActionsMode::Change).await.unwrap().succeeded());
    testbed.base.discard().await.unwrap();
    assert_eq!(testbed.edits(), [""; 0]);
    // Nothing is pushed to a disabled device.
    testbed
        .change_elsewhere(&by_hand("openconfig3", "<addr>192.0.2.3</addr><enabled>false</enabled>", ""))
        .await;
    succeeded(&testbed.commit(&probe("b", &[&banner(3, "b")], &[])).await);
}

/// A model with a leaf-list whose order counts.
const ORDERED: &str = "module openconfig-system {
    namespace \"http://openconfig.net/yang/system\"; prefix oc-sys; revision 2026-11-30;
    container system { leaf-list search { type string; ordered-by user; } } }";

#[tokio::test(flavor = "multi_thread")]
async fn order_of_entries_on_a_device_without_a_connection_counts() {
    let devices = Controller::builder()
        .device_model("openconfig-system.yang", ORDERED)
        .device("openconfig1", "")
        .device("openconfig2", "");
    let mut testbed =
        DaemonTestbed::with_controller(devices, guests(&["probe", "second"]).await.unwrap(), "alice").await;
    let search = |name: &str| {
        format!("set /devices/device[name='openconfig2']/config/oc-sys:system/search[.='{name}'] {name}")
    };
    let (a, b) = (search("a"), search("b"));
    succeeded(&testbed.commit(&probe("dns", &[&a, &b], &[])).await);
    testbed.base.controller().set_connection("openconfig2", false).unwrap();
    assert_refused(&mut testbed, &replaced("dns", &[&b, &a], &[])).await;
    // The same order.
    succeeded(&testbed.push(ActionsMode::Force(None)).await);
    // Entries of others among them: what an instance makes again stays where it is.
    testbed.base.controller().set_connection("openconfig2", true).unwrap();
    succeeded(&testbed.commit(&probe("other", &[&search("c")], &[])).await);
    testbed.base.controller().set_connection("openconfig2", false).unwrap();
    succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='other']"))).await);
    succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='dns']"))).await);
    assert_refused(&mut testbed, &replaced("dns", &[&b, &a], &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_of_many_devices_without_a_connection_counts() {
    let name = |number: usize| format!("openconfig{number:03}");
    let devices = (0..100)
        .fold(Controller::builder().device_model("openconfig-system.yang", ORDERED), |devices, number| {
            devices.device(name(number), "")
        });
    let mut testbed =
        DaemonTestbed::with_controller(devices, guests(&["probe", "second"]).await.unwrap(), "alice").await;
    for number in 1..100 {
        testbed.base.controller().set_connection(&name(number), false).unwrap();
    }
    let search = |number: usize, value: &str| {
        let system = format!("/devices/device[name='{}']/config/oc-sys:system", name(number));
        format!("set {system}/search[.='{value}'] {value}")
    };
    succeeded(&testbed.commit(&probe("open", &[&search(0, "a")], &[])).await);
    for number in [1, 99] {
        let edit = |operation: &str| {
            format!(
                "<devices xmlns='http://clicon.org/controller'><device><name>{}</name><config>\
                 <system xmlns='http://openconfig.net/yang/system' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0'>\
                 <search{operation}>x</search></system></config></device></devices>",
                name(number)
            )
        };
        testbed.change_elsewhere(&edit("")).await;
        let committed = testbed.commit(&replaced("open", &[&search(0, "b")], &[])).await;
        let closed = format!("the connection of device `{}` is `CLOSED`", name(number));
        assert!(committed.reason().contains(&closed), "{}", committed.reason());
        testbed.base.discard().await.unwrap();
        testbed.change_elsewhere(&edit(" nc:operation='remove'")).await;
    }
    // What a module writes to one of them.
    let committed = testbed.commit(&probe("closed", &[&search(50, "a")], &[])).await;
    assert!(committed.reason().contains("`openconfig050` is `CLOSED`"), "{}", committed.reason());
    testbed.base.discard().await.unwrap();
    succeeded(&testbed.commit(&replaced("open", &[&search(0, "b")], &[])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn order_that_comes_back_counts_without_a_connection() {
    let system =
        "<system xmlns='http://openconfig.net/yang/system'><search>a</search><search>b</search></system>";
    let devices = Controller::builder()
        .device_model("openconfig-system.yang", ORDERED)
        .service_model("confine-originals.yang", confine_service::ORIGINALS_MODULE)
        .device("openconfig1", "")
        .device("openconfig2", system);
    let mut testbed =
        DaemonTestbed::with_controller(devices, guests(&["probe", "second"]).await.unwrap(), "alice").await;
    let search =
        |name: &str| format!("/devices/device[name='openconfig2']/config/oc-sys:system/search[.='{name}']");
    let lines = ["a", "b"].map(|name| format!("remove {}", search(name)));
    let sets = ["b", "a"].map(|name| format!("set {} {name}", search(name)));
    let lines: Vec<&str> = lines.iter().chain(&sets).map(String::as_str).collect();
    succeeded(&testbed.commit(&probe("dns", &lines, &[])).await);
    testbed.base.controller().set_connection("openconfig2", false).unwrap();
    succeeded(&testbed.push(ActionsMode::Force(None)).await);
    assert_refused(&mut testbed, &removed("dns")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_that_a_local_commit_changed_on_a_closed_device_counts() {
    let system =
        "<system xmlns='http://openconfig.net/yang/system'><search>a</search><search>b</search></system>";
    let devices = Controller::builder()
        .device_model("openconfig-system.yang", ORDERED)
        .device("openconfig1", "")
        .device("openconfig2", system);
    let mut testbed =
        DaemonTestbed::with_controller(devices, guests(&["probe", "second"]).await.unwrap(), "alice").await;
    testbed.base.controller().set_connection("openconfig2", false).unwrap();
    let line = "set /devices/device[name='openconfig1']/config/oc-sys:system/search[.='x'] x";
    succeeded(&testbed.commit(&probe("dns", &[line], &[])).await);
    let first =
        |name: &str| by_hand("openconfig2", "", &format!("<search yang:insert='first'>{name}</search>"));
    testbed.change_elsewhere(&first("b")).await;
    assert_refused(&mut testbed, &removed("dns")).await;
    testbed.change_elsewhere(&first("a")).await;
    succeeded(&testbed.commit(&removed("dns")).await);
}
