//! What a user reads where a module writes what the models of a device do not have: without opening them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use confine_author::Stage;
use confine_backend::{Actions, Push};
use confine_controller::Controller;
use confine_tests::{tap::Tap, workshop::guests};

const INTERFACE: &str = "/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']";

/// A controller with a device, and a daemon that obeys what instances of `probe` say.
struct Play {
    stage: Stage,
    tap: Tap,
    _directory: tempfile::TempDir,
}

impl Play {
    async fn begin() -> Self {
        let services = guests(&["probe"]).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (front, back) = (directory.path().join("tap.sock"), directory.path().join("controller.sock"));
        let mut builder = Controller::builder().devices(1);
        for (file, yang) in services.models {
            builder = builder.service_model(file, yang);
        }
        let tap = Tap::listen(&front, &back).unwrap();
        let stage = Stage::open_behind(builder, services.host, back, &front, "alice").await.unwrap();
        Self { stage, tap, _directory: directory }
    }

    /// How a commit of an instance that does this ends, as its user reads it.
    async fn told(&mut self, what: &str) -> String {
        let what = what.replace('&', "&amp;").replace('<', "&lt;");
        let config = format!(
            "<services xmlns='http://clicon.org/controller'><probe xmlns='urn:example:probe'>\
             <name>a</name><do>{what}</do></probe></services>"
        );
        self.stage.edit(&config).await.unwrap();
        let committed = self.stage.commit(Push::Commit, Actions::Change).await.unwrap();
        if committed.succeeded() {
            return "done".to_owned();
        }
        self.stage.discard().await.unwrap();
        committed.reason().to_owned()
    }

    fn edits(&self) -> usize {
        self.tap.take().iter().filter(|message| message.contains("<edit-config>")).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_is_told_at_once_with_what_would_be_right() {
    let mut play = Play::begin().await;
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
        told.push(format!("{what}\n  {}", play.told(&what).await.replace('\n', "\n  ")));
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
      module `probe` 0.1.0, instance `probe[name='a']`: `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config` has no value but children: name a leaf, or use `create` (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config`)
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
      module `probe` 0.1.0, instance `probe[name='a']`: `/devices/device[name='openconfig1']/config/interfaces/interface[name='x']/config` is a container that is there whenever something is in it: set what belongs there (invalid-value, at `/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config`)
    ");
    assert_eq!(play.edits(), 0, "nothing is sent of what is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_sent_in_its_canonical_form() {
    let mut play = Play::begin().await;
    assert_eq!(play.told("set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='eth0']/config/mtu 0x10").await, "done");
    let device = play.stage.controller().device("openconfig1").unwrap();
    assert!(device.contains("<mtu>16</mtu>"), "{device}");
}
