//! What a user reads if a module writes something that is not in the device's YANG models.

use confine_controller::{Controller, ControllerBuilder};
use confine_test_support::{
    guests::guests,
    testbed::{DaemonTestbed, replaced},
};

const INTERFACE: &str = "/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']";

/// Starts a daemon with the module `probe`.
async fn begin(builder: ControllerBuilder) -> DaemonTestbed {
    DaemonTestbed::with_controller(builder, guests(&["probe"]).await.unwrap(), "alice").await
}

/// Commits the instance with these lines instead of the earlier ones, and returns what the user reads.
async fn ends(testbed: &mut DaemonTestbed, what: &[&str]) -> String {
    let committed = testbed.commit(&replaced("a", what, &[])).await;
    if committed.succeeded() {
        return "done".to_owned();
    }
    testbed.base.discard().await.unwrap();
    committed.reason().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_write_is_refused_with_a_suggestion() {
    let mut testbed = begin(Controller::builder().devices(1)).await;
    let interface = |rest: &str| format!("set {INTERFACE}/{rest}");
    let mut told = Vec::new();
    for what in [
        interface("config/mtuu 1500"),
        interface("config/mtu fast"),
        interface("config/mtu 70000"),
        interface("config/enabled yes"),
        interface("config/type ianaift:ethernetCsmacdd"),
        interface("config 1500"),
        interface("confg/mtu 1500"),
        format!("set {INTERFACE}/oc-sys:config/mtu 1500"),
        "set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[nam='x']/config/mtu 1"
            .into(),
        "set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface/config/mtu 1".into(),
        "set /devices/device[name='openconfig1']/config/oc-if:interface/x 1".into(),
        "set /services/p:prob[name='a']/name b".into(),
        format!("create {INTERFACE}/config/mtu"),
        format!("create {INTERFACE}/config"),
    ] {
        told.push(format!("{what}\n  {}", ends(&mut testbed, &[&what]).await.replace('\n', "\n  ")));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtuu 1500
      module `probe` 0.1.0, instance `probe[name='a']`: the model has no `mtuu` below `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config`; did you mean `mtu`? (unknown-element, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtuu`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtu fast
      module `probe` 0.1.0, instance `probe[name='a']`: `fast` is not a value of `mtu`: a number from 0 to 65535 (`uint16`) (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtu`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtu 70000
      module `probe` 0.1.0, instance `probe[name='a']`: `70000` is not a value of `mtu`: a number from 0 to 65535 (`uint16`) (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtu`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/enabled yes
      module `probe` 0.1.0, instance `probe[name='a']`: `yes` is not a value of `enabled`: `true` or `false` (`boolean`) (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/enabled`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/type ianaift:ethernetCsmacdd
      module `probe` 0.1.0, instance `probe[name='a']`: `ianaift:ethernetCsmacdd` is not a value of `type`: an identity derived from `ietf-interfaces:interface-type` (`identityref`); did you mean `ethernetCsmacd`? (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/type`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config 1500
      module `probe` 0.1.0, instance `probe[name='a']`: `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config` has children and no value: name a leaf, or use `create` (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/confg/mtu 1500
      module `probe` 0.1.0, instance `probe[name='a']`: the model has no `confg` below `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']`; did you mean `config`? (unknown-element, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/confg/mtu`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/oc-sys:config/mtu 1500
      module `probe` 0.1.0, instance `probe[name='a']`: the model has no `oc-sys:config` below `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']`; did you mean `oc-if:config`? (unknown-element, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/oc-sys:config/mtu`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[nam='x']/config/mtu 1
      module `probe` 0.1.0, instance `probe[name='a']`: `nam` is not a key of `/devices/device[name='openconfig1']/config/interfaces/interface`: its keys are `name` (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[nam='x']/config/mtu`)
    set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface/config/mtu 1
      module `probe` 0.1.0, instance `probe[name='a']`: `/devices/device[name='openconfig1']/config/interfaces/interface` does not say which entry: write `/devices/device[name='openconfig1']/config/interfaces/interface[name='…']` (missing-element, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface/config/mtu`)
    set /devices/device[name='openconfig1']/config/oc-if:interface/x 1
      module `probe` 0.1.0, instance `probe[name='a']`: the model has no `interface` below `/devices/device[name='openconfig1']/config`; did you mean `interfaces`? (unknown-element, at `/devices/device[name='openconfig1']/config/oc-if:interface/x`)
    set /services/p:prob[name='a']/name b
      module `probe` 0.1.0, instance `probe[name='a']`: the model has no `prob` below `/services`; did you mean `probe`? (unknown-element, at `/services/p:prob[name='a']/name`)
    create /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtu
      module `probe` 0.1.0, instance `probe[name='a']`: `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config/mtu` is a leaf: use `set` with a value (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtu`)
    create /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config
      module `probe` 0.1.0, instance `probe[name='a']`: `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config` is a container without presence, which exists only if it has children: set its children instead (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config`)
    ");
    assert_eq!(testbed.edits().len(), 0, "nothing is sent of what is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn value_is_sent_in_canonical_form() {
    let mut testbed = begin(Controller::builder().devices(1)).await;
    assert_eq!(ends(&mut testbed, &["set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='eth0']/config/mtu 016"]).await, "done");
    let device = testbed.base.controller().device("openconfig1").unwrap();
    assert!(device.contains("<mtu>16</mtu>"), "{device}");
}

const ORDERED: &str = "module openconfig-system {
  namespace \"http://openconfig.net/yang/system\"; prefix oc-sys; revision 2020-01-01;
  container system {
    leaf-list search { type string; ordered-by user; }
    list server { key name; ordered-by user; leaf name { type string; } leaf port { type uint16; } }
  }
}";

#[tokio::test(flavor = "multi_thread")]
async fn ordered_by_user_entries_keep_the_order_of_the_module() {
    let builder = Controller::builder().device_model("openconfig-system.yang", ORDERED).device("r1", "");
    let mut testbed = begin(builder).await;
    let search =
        |name: &str| format!("set /devices/device[name='r1']/config/oc-sys:system/search[.='{name}'] {name}");
    let server = |name: &str, port: &str| {
        format!("set /devices/device[name='r1']/config/oc-sys:system/server[name='{name}']/port {port}")
    };
    let mut devices = Vec::new();
    for what in [
        vec![search("b"), search("a"), server("y", "1"), server("x", "2")],
        vec![search("a"), search("b"), server("x", "2"), server("y", "3")],
        vec![search("c"), search("b"), server("z", "4"), server("x", "2")],
        vec![search("c"), search("b"), server("z", "4"), server("x", "2")],
    ] {
        let what: Vec<&str> = what.iter().map(String::as_str).collect();
        assert_eq!(ends(&mut testbed, &what).await, "done");
        devices.push(testbed.base.controller().device("r1").unwrap());
    }
    insta::assert_snapshot!(devices.join("\n"), @r#"
    <system xmlns="http://openconfig.net/yang/system"><search>b</search><search>a</search><server><name>y</name><port>1</port></server><server><name>x</name><port>2</port></server></system>
    <system xmlns="http://openconfig.net/yang/system"><search>a</search><search>b</search><server><name>x</name><port>2</port></server><server><name>y</name><port>3</port></server></system>
    <system xmlns="http://openconfig.net/yang/system"><search>c</search><search>b</search><server><name>z</name><port>4</port></server><server><name>x</name><port>2</port></server></system>
    <system xmlns="http://openconfig.net/yang/system"><search>c</search><search>b</search><server><name>z</name><port>4</port></server><server><name>x</name><port>2</port></server></system>
    "#);
}
