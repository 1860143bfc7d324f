//! Commits that come before the daemon has read the models of the devices.

use std::time::Duration;

use confine_backend::ActionsMode;
use confine_controller::Controller;
use confine_test_support::{
    guests::guests,
    testbed::{DaemonTestbed, probe, removed, succeeded},
};

/// A device's model in the place of `openconfig-system`, whose prefix the test modules have.
const MODEL: &str = r#"module openconfig-system {
  yang-version 1.1; namespace "http://openconfig.net/yang/system"; prefix oc-sys;
  container system { presence "is there";
    list rule { key name; ordered-by user; leaf name { type string; } leaf text { type string; } } } }"#;

const SYSTEM: &str = "<system xmlns='http://openconfig.net/yang/system'><rule><name>a</name></rule>\
                      <rule><name>b</name></rule><rule><name>c</name></rule></system>";
const RULE: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/rule[name='b']";

async fn testbed() -> DaemonTestbed {
    let builder = Controller::builder()
        .device_model("openconfig-system.yang", MODEL)
        .service_model("confine-originals.yang", confine_service::ORIGINALS_MODULE)
        .device("openconfig1", SYSTEM);
    DaemonTestbed::with_controller(builder, guests(&["probe", "second"]).await.unwrap(), "alice").await
}

/// Starts a new daemon whose requests take this long.
async fn restart(testbed: &mut DaemonTestbed, delay: Duration) {
    testbed.tap.delay(delay);
    testbed.restart_without_models().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn originals_come_back_right_after_a_restart() {
    let mut testbed = testbed().await;
    let before = testbed.device();
    succeeded(&testbed.commit(&probe("remover", &[&format!("remove {RULE}")], &[])).await);
    assert!(!testbed.device().contains("<name>b<"), "{}", testbed.device());
    restart(&mut testbed, Duration::from_millis(20)).await;
    succeeded(&testbed.commit(&removed("remover")).await);
    assert_eq!(testbed.device(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_waits_for_models_no_longer_than_it_may() {
    let mut testbed = testbed().await;
    let timeout =
        "<services xmlns='http://clicon.org/controller'><service-timeout>4</service-timeout></services>";
    testbed.change_elsewhere(timeout).await;
    restart(&mut testbed, Duration::from_millis(600)).await;
    let committed = testbed.commit(&probe("a", &[&format!("set {RULE}/text x")], &[])).await;
    let reason = committed.reason().to_owned();
    assert!(reason.contains("the YANG models of the controller are still being read after 2 s"), "{reason}");
    assert!(!testbed.device().contains("<text>"), "{}", testbed.device());
    testbed.tap.delay(Duration::ZERO);
    succeeded(&testbed.push(ActionsMode::Change).await);
    assert!(testbed.device().contains("<text>x<"), "{}", testbed.device());
}
