//! Values, keys and choices: what a service makes is on the device once, and goes with it.

use confine_author::{CommitEnd, LoadedServices};
use confine_backend::ActionsMode;
use confine_controller::Controller;
use confine_sandbox::Limits;
use confine_service::{HostOptions, ModulePolicy};
use confine_test_support::{
    guests::{guests, guests_with},
    testbed::{DaemonTestbed, probe, removed, replaced, succeeded},
};

/// A device's model in the place of `openconfig-system`, whose prefix the test modules have.
const MODEL: &str = r#"module openconfig-system {
  yang-version 1.1; namespace "http://openconfig.net/yang/system"; prefix oc-sys;
  import ietf-inet-types { prefix inet; }
  identity PROTOCOL; identity BGP { base PROTOCOL; }
  container system {
    list protocol { key "identifier name";
      leaf identifier { type identityref { base PROTOCOL; } } leaf name { type string; }
      leaf as { type uint32; } }
    list unit { key number; leaf number { type uint16; } leaf description { type string; }
      leaf enabled { type boolean; default true; } leaf mtu { type uint16; } }
    list peer { key address; leaf address { type inet:ipv6-address; } leaf as { type uint32; } }
    choice rate { case a { leaf cir { type uint32; } } case b { leaf pir { type uint32; } } }
  } }"#;

const INET: &str =
    "module ietf-inet-types { namespace urn:ietf:params:xml:ns:yang:ietf-inet-types; prefix inet;
  typedef ipv6-address { type string { pattern '[0-9a-fA-F:.]*'; } } }";

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system";

/// A daemon with the probes, and a device with the model.
async fn testbed() -> DaemonTestbed {
    testbed_of(guests(&["probe", "second"]).await.unwrap()).await
}

async fn testbed_of(services: LoadedServices) -> DaemonTestbed {
    let builder = Controller::builder()
        .device_model("ietf-inet-types.yang", INET)
        .device_model("openconfig-system.yang", MODEL)
        .device("openconfig1", "");
    DaemonTestbed::with_controller(builder, services, "alice").await
}

fn set(leaf: &str, value: &str) -> String {
    format!("set {SYSTEM}/{leaf} {value}")
}

/// Changes the system of the device by hand: in `running` of the controller, and on the device at the next push.
async fn by_hand(testbed: &mut DaemonTestbed, system: &str) {
    let edit = format!(
        "<devices xmlns='http://clicon.org/controller' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0'><device>\
         <name>openconfig1</name><config><system xmlns='http://openconfig.net/yang/system'>{system}</system></config>\
         </device></devices>"
    );
    testbed.change_elsewhere(&edit).await;
}

/// Returns the device's system without white space.
fn device(testbed: &DaemonTestbed) -> String {
    let config: String = testbed.device().lines().map(str::trim).collect();
    let inner = config.split_once("<system xmlns=\"http://openconfig.net/yang/system\">");
    inner.map_or("", |(_, rest)| rest).replace("</system>", "")
}

#[track_caller]
fn failed(committed: &CommitEnd) -> &str {
    assert!(!committed.succeeded(), "the commit has succeeded");
    committed.reason()
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_with_an_identity_as_key_goes_with_its_instance() {
    let mut testbed = testbed().await;
    let bgp = "protocol[identifier='oc-sys:BGP'][name='main']";
    succeeded(&testbed.commit(&probe("a", &[&set(&format!("{bgp}/as"), "1")], &[])).await);
    let own = "xmlns:oc-sys=\"http://openconfig.net/yang/system\">oc-sys:BGP</identifier><name>main</name><as>1</as>";
    assert!(device(&testbed).contains(own), "{}", device(&testbed));

    // The device answers with a prefix of its own.
    let answered = "<protocol nc:operation='remove'><identifier xmlns:oc-sys='http://openconfig.net/yang/system'>\
                    oc-sys:BGP</identifier><name>main</name></protocol>";
    by_hand(&mut testbed, answered).await;
    let answered = "<protocol><identifier xmlns:idx='http://openconfig.net/yang/system'>idx:BGP</identifier>\
                    <name>main</name><as>1</as></protocol>";
    by_hand(&mut testbed, answered).await;
    for as_number in ["1", "2"] {
        succeeded(&testbed.commit(&replaced("a", &[&set(&format!("{bgp}/as"), as_number)], &[])).await);
        succeeded(&testbed.push(ActionsMode::Force(None)).await);
        let now = device(&testbed);
        assert_eq!(now.matches("<protocol>").count(), 1, "{now}");
        assert!(now.contains(&format!("idx:BGP</identifier><name>main</name><as>{as_number}</as>")), "{now}");
    }
    testbed.restart().await;
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn address_that_stands_in_another_form_is_the_same_entry() {
    let mut testbed = testbed().await;
    by_hand(&mut testbed, "<peer><address>2001:DB8:0:0::1</address><as>1</as></peer>").await;
    by_hand(&mut testbed, "<unit><number>010</number><mtu>1</mtu></unit>").await;
    let does = [
        set("peer[address='2001:db8::1']/as", "2"),
        set("unit[number='10']/mtu", "2"),
        set("unit[number='10']/description", "x"),
    ];
    let does: Vec<&str> = does.iter().map(String::as_str).collect();
    succeeded(&testbed.commit(&probe("a", &does, &[])).await);
    let now = device(&testbed);
    assert!(now.contains("<peer><address>2001:DB8:0:0::1</address><as>2</as></peer>"), "{now}");
    assert!(now.contains("<number>010</number><description>x</description><mtu>2</mtu>"), "{now}");
    assert_eq!((now.matches("<peer>").count(), now.matches("<unit>").count()), (1, 1), "{now}");
    succeeded(&testbed.commit(&removed("a")).await);
    let now = device(&testbed);
    assert!(now.contains("2001:DB8:0:0::1") && now.contains("<number>010</number>"), "{now}");
    assert!(!now.contains("description"), "{now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn second_case_of_a_choice_is_a_conflict() {
    let mut testbed = testbed().await;
    succeeded(&testbed.commit(&probe("a", &[&set("cir", "1")], &[])).await);
    let committed = testbed.commit(&probe("b", &[&set("pir", "2")], &[])).await;
    insta::assert_snapshot!(failed(&committed), @r#"
    conflict: `probe[name='b']` sets another case than `/devices/device[name='openconfig1']/config/system/cir`, which `probe[name='a']` has created
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `probe` in Confine's own file
    "#);
    testbed.base.discard().await.unwrap();
    assert_eq!(device(&testbed), "<cir>1</cir>");
    // One instance may change its mind.
    succeeded(&testbed.commit(&replaced("a", &[&set("pir", "2")], &[])).await);
    assert_eq!(device(&testbed), "<pir>2</pir>");
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn displaced_case_comes_back_when_the_other_goes() {
    let policy = ModulePolicy { last_wins: ["probe".to_owned()].into(), ..ModulePolicy::default() };
    let options = HostOptions { policy, ..HostOptions::default() };
    let services = guests_with(&["probe", "second"], &Limits::default(), options).await.unwrap();
    let mut testbed = testbed_of(services).await;
    for (name, leaf) in [("a", "cir"), ("b", "pir")] {
        succeeded(&testbed.commit(&probe(name, &[&set(leaf, "1")], &[])).await);
    }
    assert_eq!(device(&testbed), "<pir>1</pir>");
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(device(&testbed), "<cir>1</cir>");
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_leaf_with_a_default_does_not_stop_the_controller() {
    for last in [ActionsMode::Force(Some("probe[name='a']")), ActionsMode::Force(None), ActionsMode::Change] {
        let mut testbed = testbed().await;
        by_hand(&mut testbed, "<unit><number>1</number></unit>").await;
        succeeded(&testbed.commit(&probe("a", &[&set("unit[number='1']/enabled", "false")], &[])).await);
        by_hand(&mut testbed, "<unit><number>1</number><enabled nc:operation='remove'/></unit>").await;
        if last == ActionsMode::Change {
            succeeded(&testbed.commit(&removed("a")).await);
            assert!(!device(&testbed).contains("enabled"), "{}", device(&testbed));
        } else {
            succeeded(&testbed.push(last).await);
            assert!(device(&testbed).contains("<enabled>false</enabled>"), "{}", device(&testbed));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_above_keeps_what_it_set_below() {
    let description = |text: &str| set("unit[number='1']/description", text);
    for last in ["gone", "other"] {
        let mut testbed = testbed().await;
        by_hand(&mut testbed, "<unit><number>1</number></unit>").await;
        succeeded(&testbed.commit(&probe("a", &[&description("hello")], &[])).await);
        by_hand(&mut testbed, "<unit nc:operation='remove'><number>1</number></unit>").await;
        succeeded(&testbed.commit(&probe("b", &[&description("hello")], &[])).await);
        let made = device(&testbed);
        assert!(made.contains("<description>hello</description>"), "{made}");
        if last == "gone" {
            succeeded(&testbed.commit(&removed("a")).await);
            assert_eq!(device(&testbed), made);
            succeeded(&testbed.commit(&removed("b")).await);
            assert_eq!(device(&testbed), "");
        } else {
            let committed = testbed.commit(&replaced("a", &[&description("other")], &[])).await;
            assert!(failed(&committed).starts_with("conflict: "), "{}", committed.reason());
            assert_eq!(device(&testbed), made);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn default_that_the_device_does_not_tell_is_written_once() {
    for own_entry in [true, false] {
        let mut testbed = testbed().await;
        if !own_entry {
            by_hand(&mut testbed, "<unit><number>1</number></unit>").await;
        }
        let does = [set("unit[number='1']/enabled", "true"), set("unit[number='1']/mtu", "7")];
        let does: Vec<&str> = does.iter().map(String::as_str).collect();
        succeeded(&testbed.commit(&probe("a", &does, &[])).await);
        assert!(device(&testbed).contains("<enabled>true</enabled>"), "{}", device(&testbed));
        // The device leaves defaults out of its reply.
        by_hand(&mut testbed, "<unit><number>1</number><enabled nc:operation='remove'/></unit>").await;
        for force in [None, Some("probe"), Some("probe[name='a']")] {
            testbed.edits();
            succeeded(&testbed.push(ActionsMode::Force(force)).await);
            let edits = testbed.edits().concat();
            assert!(!edits.contains("<enabled"), "{force:?}, own entry: {own_entry}: {edits}");
        }
        succeeded(
            &testbed
                .commit(&replaced("a", &[does[0], does[1], &set("unit[number='1']/description", "x")], &[]))
                .await,
        );
        assert!(!testbed.edits().concat().contains("<enabled"));
        assert!(device(&testbed).contains("<description>x</description>"));
        succeeded(&testbed.commit(&removed("a")).await);
        let rest = if own_entry { "" } else { "<unit><number>1</number></unit>" };
        assert_eq!(device(&testbed), rest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_that_the_device_has_hashed_is_not_set_again() {
    const HASHED: &str = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
    for own_entry in [true, false] {
        let mut testbed = testbed().await;
        if !own_entry {
            by_hand(&mut testbed, "<unit><number>1</number></unit>").await;
        }
        let password = |text: &str| set("unit[number='1']/description", &format!("$0${text}"));
        succeeded(&testbed.commit(&probe("a", &[&password("Hello world!")], &[])).await);
        by_hand(&mut testbed, &format!("<unit><number>1</number><description>{HASHED}</description></unit>"))
            .await;
        succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='a']"))).await);
        succeeded(&testbed.push(ActionsMode::Force(None)).await);
        assert!(device(&testbed).contains(HASHED), "{}", device(&testbed));
        // Another password is set.
        succeeded(&testbed.commit(&replaced("a", &[&password("other")], &[])).await);
        assert!(device(&testbed).contains("$0$other"), "{}", device(&testbed));
    }
}
