//! `apply services` of one instance commits the whole candidate: the other instances that differ in it run too.

use confine_backend::ActionsMode;
use confine_test_support::testbed::{DaemonTestbed, probe, removed, replaced, services, succeeded};

fn set(leaf: &str, text: &str) -> String {
    format!("set /devices/device[name='openconfig1']/config/oc-sys:system/config/{leaf} {text}")
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_instances_run_with_one_that_is_forced() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let instances =
        [probe("a", &[&set("login-banner", "a")], &[]), probe("gone", &[&set("motd-banner", "x")], &[])];
    succeeded(&testbed.commit(&instances.concat()).await);

    // Somebody else's new, changed and removed instances.
    let candidate = [
        probe("new", &[&set("hostname", "new")], &[]),
        replaced("a", &[&set("login-banner", "b")], &[]),
        removed("gone"),
        probe("mine", &[&set("domain-name", "mine")], &[]),
    ];
    testbed.base.edit(&services(&candidate.concat())).await.unwrap();
    succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='mine']"))).await);
    insta::assert_snapshot!(testbed.device(), @r#"<interfaces xmlns="http://openconfig.net/yang/interfaces"><interface><name>eth0</name><config><name>eth0</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type><mtu>1500</mtu><description>Uplink</description><enabled>true</enabled></config></interface><interface><name>lo0</name><config><name>lo0</name><type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:softwareLoopback</type><enabled>true</enabled></config></interface></interfaces><system xmlns="http://openconfig.net/yang/system"><config><hostname>new</hostname><domain-name>mine</domain-name><login-banner>b</login-banner></config><aaa><authentication><users><user><username>admin</username><config><username>admin</username><role>admin</role></config></user></users></authentication></aaa></system>"#);
    insta::assert_snapshot!(testbed.created().join("\n"), @"
    a: …/system/config/login-banner
    mine: 
    new:
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_is_forced_alone_runs_alone() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let instances =
        [probe("a", &[&set("login-banner", "a")], &[]), probe("b", &[&set("motd-banner", "x")], &[])];
    succeeded(&testbed.commit(&instances.concat()).await);
    testbed.edits();
    testbed.change_elsewhere(
        "<devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
         <system xmlns='http://openconfig.net/yang/system'><config>\
         <login-banner>by hand</login-banner><motd-banner>by hand</motd-banner></config></system></config></device></devices>",
    )
    .await;
    succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='a']"))).await);
    let edits = testbed.edits().concat();
    assert!(edits.contains("login-banner") && !edits.contains("motd-banner"), "{edits}");
}
