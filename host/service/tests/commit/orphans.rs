//! What instances had created when they were deleted, or lost their `created` lists, without a commit of services.

use std::{path::Path, sync::Arc, time::Duration};

use confine_author::LoadedServices;
use confine_backend::ActionsMode;
use confine_controller::{Datastore, PushPhase};
use confine_sandbox::Limits;
use confine_service::{
    Host, HostOptions,
    status::{OrphanStatus, OrphansStatus},
};
use confine_test_support::{
    guests::guests_with,
    testbed::{DaemonTestbed, interface, probe, removed, replaced, services, succeeded},
};

/// A daemon that keeps what instances own in a directory.
struct OrphanTestbed {
    base: DaemonTestbed,
    host: Arc<Host>,
    directory: tempfile::TempDir,
}

async fn daemon(directory: &Path) -> LoadedServices {
    let options = HostOptions { ledgers: Some(directory.to_owned()), ..HostOptions::default() };
    guests_with(&["probe", "second"], &Limits::default(), options).await.unwrap()
}

impl OrphanTestbed {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let services = daemon(directory.path()).await;
        let host = services.host.clone();
        Self { base: DaemonTestbed::start(services, "", "alice").await, host, directory }
    }

    async fn restart(&mut self) {
        self.host = daemon(self.directory.path()).await.host;
        self.base.restart_as(self.host.clone()).await;
    }

    /// Adds an instance that makes an interface of its name.
    async fn add(&mut self, name: &str) {
        succeeded(&self.base.commit(&makes(name, name)).await);
    }

    /// Changes `/services` by a local commit.
    async fn past_services(&mut self, instances: &str) {
        self.base.change_elsewhere(&services(instances)).await;
    }

    fn has(&self, interface: &str) -> bool {
        self.base.device().contains(&format!("<interface><name>{interface}</name>"))
    }

    /// Returns the orphans when all changes that the daemon knows of have been looked at.
    async fn orphans(&self) -> String {
        // The daemon notices what is done past it a moment later.
        for _ in 0..40 {
            self.host.wait_until_orphans_known().await;
            if self.host.status().orphans.instances > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let OrphansStatus { instances, shown, are_looked_for } = self.host.status().orphans;
        assert!(are_looked_for);
        let line = |orphan: &OrphanStatus| {
            let kind = if orphan.is_deleted { "deleted" } else { "alive" };
            format!("\n{} {kind}: {} {}", orphan.instance, orphan.objects, orphan.first)
        };
        format!("{instances}{}", shown.iter().map(line).collect::<String>())
    }
}

/// Returns an instance that makes an interface.
fn makes(name: &str, made: &str) -> String {
    let lines = interface(made);
    probe(name, &[&lines[0], &lines[1]], &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deleted_instance_left_is_removed_when_named() {
    let mut testbed = OrphanTestbed::start().await;
    for name in ["a", "b"] {
        testbed.add(name).await;
    }
    testbed.past_services(&removed("a")).await;
    testbed.add("c").await;
    assert!(testbed.has("a"));
    let expected = "1\nprobe[name='a'] deleted: 1 \
                    /devices/device[name=\"openconfig1\"]/config/interfaces/interface[name=\"a\"]";
    assert_eq!(testbed.orphans().await, expected);

    testbed.restart().await;
    assert_eq!(testbed.orphans().await, expected);
    // Nobody has asked for its removal.
    succeeded(&testbed.base.push(ActionsMode::Force(None)).await);
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe[name='b']"))).await);
    assert!(testbed.has("a") && testbed.has("b"));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe[name='a']"))).await);
    assert!(!testbed.has("a") && testbed.has("b") && testbed.has("c"));
    testbed.add("d").await;
    assert_eq!(testbed.orphans().await, "0");
    testbed.restart().await;
    testbed.add("e").await;
    assert_eq!(testbed.orphans().await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_lost_its_list_owns_what_it_made_again() {
    let mut testbed = OrphanTestbed::start().await;
    testbed.add("a").await;
    // A replace drops the list.
    let lines = interface("a");
    testbed.past_services(&replaced("a", &[&lines[0], &lines[1]], &[])).await;
    assert_eq!(testbed.base.created(), ["a: "]);
    testbed.add("b").await;
    let expected = "1\nprobe[name='a'] alive: 1 \
                    /devices/device[name=\"openconfig1\"]/config/interfaces/interface[name=\"a\"]";
    assert_eq!(testbed.orphans().await, expected);
    succeeded(&testbed.base.push(ActionsMode::Force(None)).await);
    assert_eq!(testbed.base.created()[0], "a: …/interfaces/interface[name=\"a\"]");
    testbed.add("c").await;
    assert_eq!(testbed.orphans().await, "0");
    succeeded(&testbed.base.commit(&removed("a")).await);
    assert!(!testbed.has("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_another_owner_or_is_gone_is_no_orphan() {
    let mut testbed = OrphanTestbed::start().await;
    for (name, made) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "z")] {
        succeeded(&testbed.base.commit(&makes(name, made)).await);
    }
    testbed.past_services(&(removed("a") + &removed("c"))).await;
    testbed
        .base
        .change_elsewhere(
            "<devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
             <interfaces xmlns='http://openconfig.net/yang/interfaces'>\
             <interface xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove'><name>y</name></interface>\
             </interfaces></config></device></devices>",
        )
        .await;
    succeeded(&testbed.base.commit(&removed("d")).await);
    testbed.add("e").await;
    assert_eq!(testbed.orphans().await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_needs_an_orphan_keeps_it() {
    let mut testbed = OrphanTestbed::start().await;
    testbed.add("a").await;
    testbed.past_services(&removed("a")).await;
    testbed.add("b").await;
    assert!(testbed.orphans().await.starts_with("1\nprobe[name='a'] deleted"));
    // The new instance makes the same interface, which is still on the device. From now on the instance owns it.
    succeeded(&testbed.base.commit(&makes("other", "a")).await);
    testbed.add("c").await;
    assert_eq!(testbed.orphans().await, "0");
    assert!(testbed.base.created().contains(&"other: …/interfaces/interface[name=\"a\"]".to_owned()));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe[name='a']"))).await);
    assert!(testbed.has("a"));
    succeeded(&testbed.base.commit(&removed("other")).await);
    assert!(!testbed.has("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_made_again_removes_nothing_of_an_earlier_one() {
    let mut testbed = OrphanTestbed::start().await;
    let lines: Vec<String> = ["x", "y"].into_iter().flat_map(interface).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    succeeded(&testbed.base.commit(&probe("a", &lines, &[])).await);
    testbed.past_services(&removed("a")).await;
    testbed.add("b").await;
    assert!(testbed.orphans().await.starts_with("1\nprobe[name='a'] deleted: 2"));
    // A new instance of that name wants one of the two.
    succeeded(&testbed.base.commit(&makes("a", "x")).await);
    assert!(testbed.has("x") && testbed.has("y"));
    testbed.add("c").await;
    assert!(testbed.orphans().await.starts_with("1\nprobe[name='a'] alive: 1"));
    // Nor later, whatever restarts meanwhile, until that is asked for.
    testbed.restart().await;
    succeeded(&testbed.base.push(ActionsMode::Force(None)).await);
    succeeded(&testbed.base.commit(&replaced("a", &[], &[])).await);
    succeeded(&testbed.base.commit(&makes("a", "x")).await);
    assert!(testbed.has("x") && testbed.has("y"));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe[name='a']"))).await);
    assert!(testbed.has("x") && !testbed.has("y"));
    testbed.add("d").await;
    assert_eq!(testbed.orphans().await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn force_of_a_list_removes_no_orphans_of_deleted_instances() {
    let mut testbed = OrphanTestbed::start().await;
    testbed.add("a").await;
    testbed.past_services(&removed("a")).await;
    testbed.add("b").await;
    assert!(testbed.orphans().await.starts_with("1\n"));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe"))).await);
    assert!(testbed.has("a"));
    // At once, before anybody has looked for orphans. Without any instance, the controller would notify nobody.
    testbed.add("c").await;
    testbed.past_services(&removed("b")).await;
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe[name='b']"))).await);
    assert!(!testbed.has("b") && testbed.has("a"));
    testbed.add("d").await;
    assert!(testbed.orphans().await.starts_with("1\nprobe[name='a'] deleted: 1"));
}

/// An instance of the list with two keys that makes an interface.
fn pair(left: &str, right: &str) -> String {
    let lines = interface(&format!("{left}{right}")).map(|line| format!("<do>{line}</do>")).concat();
    format!("<pair xmlns='urn:example:probe'><left>{left}</left><right>{right}</right>{lines}</pair>")
}

fn removed_pair(left: &str, right: &str) -> String {
    pair(left, right)
        .replace("<pair ", "<pair xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove' ")
}

#[tokio::test(flavor = "multi_thread")]
async fn force_of_a_deleted_instance_leaves_what_its_siblings_left() {
    let mut testbed = OrphanTestbed::start().await;
    for right in ["1", "2", "3"] {
        succeeded(&testbed.base.commit(&pair("l", right)).await);
    }
    testbed.past_services(&["1", "2", "3"].map(|right| removed_pair("l", right)).concat()).await;
    testbed.add("b").await;
    assert!(testbed.orphans().await.starts_with("3\npair[left='l'][right='1'] deleted: 1"));
    // The first key alone may mean any of them.
    let refused = testbed.base.push(ActionsMode::Force(Some("pair[left='l']"))).await;
    assert!(!refused.succeeded());
    insta::assert_snapshot!(refused.reason(), @r"
    `pair[left='l']` may mean several deleted instances that have left something on devices: `pair[left='l'][right='1']`, `pair[left='l'][right='2']`, `pair[left='l'][right='3']`
    hint: name all keys of the instance whose objects are to be removed, as they stand here
    ");
    assert!(["l1", "l2", "l3"].iter().all(|made| testbed.has(made)));
    // All keys mean one, in any order and with any quotes.
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[left='l'][right='2']"))).await);
    assert!(testbed.has("l1") && !testbed.has("l2") && testbed.has("l3"));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[right=\"9\"][left=\"l\"]"))).await);
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[right=\"1\"][left=\"l\"]"))).await);
    assert!(!testbed.has("l1") && testbed.has("l3"));
    // An instance that exists is meant, if several deleted ones could be.
    succeeded(&testbed.base.commit(&pair("l", "4")).await);
    succeeded(&testbed.base.commit(&pair("l", "5")).await);
    testbed.past_services(&removed_pair("l", "5")).await;
    testbed.add("c").await;
    assert!(testbed.orphans().await.starts_with("2\n"));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[left='l']"))).await);
    assert!(testbed.has("l3") && testbed.has("l4") && testbed.has("l5"));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[left='l'][right='5']"))).await);
    assert!(testbed.has("l3") && testbed.has("l4") && !testbed.has("l5"));
    // So it is if one could be, by any of its keys.
    for name in ["pair[left='l']", "pair[right='3']", "pair"] {
        succeeded(&testbed.base.push(ActionsMode::Force(Some(name))).await);
        assert_eq!((testbed.has("l3"), testbed.has("l4")), (name != "pair[right='3']", true), "{name}");
        if name == "pair[right='3']" {
            // None of that name exists.
            succeeded(&testbed.base.commit(&pair("l", "3")).await);
            testbed.past_services(&removed_pair("l", "3")).await;
        }
    }
    testbed.past_services(&removed_pair("l", "4")).await;
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[right='4']"))).await);
    assert!(testbed.has("l3") && !testbed.has("l4"));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[left='l']"))).await);
    assert!(!testbed.has("l3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_instance_is_forced_by_its_second_key() {
    let mut testbed = OrphanTestbed::start().await;
    let pairs = [("l", "1"), ("m", "2"), ("n", "1")];
    for (left, right) in pairs {
        succeeded(&testbed.base.commit(&pair(left, right)).await);
    }
    testbed.past_services(&pairs.map(|(left, right)| removed_pair(left, right)).concat()).await;
    testbed.add("b").await;
    let refused = testbed.base.push(ActionsMode::Force(Some("pair[right='1']"))).await;
    assert!(
        refused.reason().contains("`pair[left='l'][right='1']`, `pair[left='n'][right='1']`"),
        "{}",
        refused.reason()
    );
    assert!(["l1", "m2", "n1"].iter().all(|made| testbed.has(made)));
    succeeded(&testbed.base.push(ActionsMode::Force(Some("pair[ right = \"2\" ]"))).await);
    assert!(testbed.has("l1") && !testbed.has("m2") && testbed.has("n1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_refused_to_remove_is_told_when_it_is_pulled() {
    let mut testbed = OrphanTestbed::start().await;
    for name in ["a", "b", "c"] {
        testbed.add(name).await;
    }
    // `running` has changed when the device refuses.
    testbed.base.base.controller().refuse_push("openconfig1", PushPhase::Commit, "no thanks").unwrap();
    let gone = removed("a") + &replaced("b", &[], &[]);
    assert!(!testbed.base.commit(&gone).await.succeeded());
    assert!(testbed.has("a") && testbed.has("b"));
    testbed.base.base.discard().await.unwrap();
    let running = testbed.base.base.controller().datastore(Datastore::Running).unwrap();
    assert!(!running.contains("<name>a</name>"), "{running}");
    assert_eq!(testbed.orphans().await, "0");
    testbed.restart().await;
    assert_eq!(testbed.orphans().await, "0");
    // As a pull does.
    let entry = |name: &str| format!("<interface>{}</interface>", entry(name));
    let pulled = format!(
        "<devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
         <interfaces xmlns='http://openconfig.net/yang/interfaces'>{}{}</interfaces></config></device></devices>",
        entry("a"),
        entry("b")
    );
    testbed.base.change_elsewhere(&pulled).await;
    testbed.restart().await;
    let path = |name: &str| {
        format!("/devices/device[name=\"openconfig1\"]/config/interfaces/interface[name=\"{name}\"]")
    };
    let expected =
        format!("2\nprobe[name='a'] deleted: 1 {}\nprobe[name='b'] alive: 1 {}", path("a"), path("b"));
    assert_eq!(testbed.orphans().await, expected);
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe[name='a']"))).await);
    succeeded(&testbed.base.push(ActionsMode::Force(Some("probe[name='b']"))).await);
    assert!(!testbed.has("a") && !testbed.has("b") && testbed.has("c"));
    testbed.add("d").await;
    assert_eq!(testbed.orphans().await, "0");
}

/// What is below an interface of this name.
fn entry(name: &str) -> String {
    format!(
        "<name>{name}</name><config><name>{name}</name>\
         <type xmlns:ianaift='urn:ietf:params:xml:ns:yang:iana-if-type'>ianaift:ethernetCsmacd</type></config>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_commit_that_changed_nothing_makes_no_orphans() {
    let mut testbed = OrphanTestbed::start().await;
    testbed.add("a").await;
    testbed.base.base.controller().refuse_push("openconfig1", PushPhase::Validate, "no thanks").unwrap();
    assert!(!testbed.base.commit(&removed("a")).await.succeeded());
    testbed.base.base.discard().await.unwrap();
    assert_eq!(testbed.orphans().await, "0");
    succeeded(&testbed.base.commit(&removed("a")).await);
    assert!(!testbed.has("a"));
    testbed.restart().await;
    assert_eq!(testbed.orphans().await, "0");
}
