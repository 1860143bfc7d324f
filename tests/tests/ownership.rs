//! What several instances own: it stays until the last of them is gone, whoever changes what.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use confine_author::Committed;
use confine_backend::Actions;
use confine_controller::Datastore;
use confine_tests::play::{Play, interface, probe, succeeded, without};

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config";
const INTERFACES: &str = "/devices/device[name='openconfig1']/config/oc-if:interfaces";

fn set(leaf: &str, value: &str) -> String {
    format!("set {SYSTEM}/{leaf} {value}")
}

#[track_caller]
fn failed(committed: &Committed) -> &str {
    assert!(!committed.succeeded());
    committed.reason()
}

/// Two instances that have made the same interface; and the device as it was before.
async fn two_owners() -> (Play, String) {
    let mut play = Play::probes().await;
    let untouched = play.device();
    let x = interface("x");
    for name in ["a", "b"] {
        succeeded(&play.commit(&probe(name, &[&x[0], &x[1]], &[])).await);
    }
    (play, untouched)
}

/// In `running` as somebody else writes it.
fn services(content: &str) -> String {
    format!("<services xmlns='http://clicon.org/controller'>{content}</services>")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_instances_made_stays_until_both_are_gone() {
    let (mut play, untouched) = two_owners().await;
    let made = play.device();
    succeeded(&play.commit(&without("a")).await);
    assert_eq!(play.device(), made);
    let running = play.stage.controller().datastore(Datastore::Running).unwrap();
    assert_eq!(running.matches("</path>").count(), 1, "{running}");
    succeeded(&play.commit(&without("b")).await);
    assert_eq!(play.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_of_an_object_may_change_and_go_in_one_commit() {
    let (mut play, untouched) = two_owners().await;
    let x = interface("x");
    let mtu = format!("set {INTERFACES}/interface[name='x']/config/mtu 1600");
    let both = ["a", "b"].map(|name| probe(name, &[&x[0], &x[1], &mtu], &[])).concat();
    succeeded(&play.commit(&both).await);
    assert!(play.device().contains("<mtu>1600</mtu>"), "{}", play.device());
    for force in [None, Some("probe"), Some("probe[name='a']"), Some("probe[name='b']")] {
        let made = play.device();
        succeeded(&play.push(Actions::Force(force)).await);
        assert_eq!(play.device(), made, "{force:?}");
    }
    succeeded(&play.commit(&(without("a") + &without("b"))).await);
    assert_eq!(play.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_do_not_agree_are_told() {
    let mut play = Play::probes().await;
    let both =
        probe("a", &[&set("login-banner", "one")], &[]) + &probe("b", &[&set("login-banner", "two")], &[]);
    let committed = play.commit(&both).await;
    insta::assert_snapshot!(failed(&committed), @r#"
    conflict: `probe[name='a']` sets `/devices/device[name='openconfig1']/config/system/config/login-banner` to `one`, and `probe[name='b']` to `two` in the same commit
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `probe` in Confine's own file
    "#);
    play.stage.discard().await.unwrap();

    // One of them was there before: it has created what the other changes.
    succeeded(&play.commit(&probe("a", &[&set("login-banner", "one")], &[])).await);
    let committed = play.commit(&probe("b", &[&set("login-banner", "two")], &[])).await;
    insta::assert_snapshot!(failed(&committed), @r#"
    conflict: `probe[name='b']` sets `/devices/device[name='openconfig1']/config/system/config/login-banner`, which `probe[name='a']` has created
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `probe` in Confine's own file
    "#);
    assert!(play.device().contains("<login-banner>one</login-banner>"));
    play.stage.discard().await.unwrap();
    succeeded(&play.commit(&probe("b", &[&set("login-banner", "one")], &[])).await);
    assert_eq!(
        play.created(),
        ["a: …/system/config/login-banner", "b: …/system/config/login-banner[false()]"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_objects_survive_in_a_chain() {
    let mut play = Play::probes().await;
    let untouched = play.device();
    let (x, y) = (interface("x"), interface("y"));
    let (x, y) = (x.each_ref().map(String::as_str), y.each_ref().map(String::as_str));
    let all = [probe("a", &x, &[]), probe("b", &[&x[..], &y[..]].concat(), &[]), probe("c", &y, &[])];
    succeeded(&play.commit(&all.concat()).await);
    let owned = |created: Vec<String>| created.join("\n");
    insta::assert_snapshot!(owned(play.created()), @r#"
    a: …/interfaces/interface[name="x"]
    b: …/interfaces/interface[name="x"][false()], …/interfaces/interface[name="y"]
    c: …/interfaces/interface[name="y"][false()]
    "#);
    let made = play.device();

    // Only `a` is told of; `b` lost something to its stripping, and `c` shares with `b`.
    succeeded(&play.commit(&without("a")).await);
    assert_eq!(play.device(), made);
    insta::assert_snapshot!(owned(play.created()), @r#"
    b: …/interfaces/interface[name="x"], …/interfaces/interface[name="y"]
    c: …/interfaces/interface[name="y"][false()]
    "#);

    // What another session does without a word to the daemon: the controller finds by `b`'s list what `c`
    // shares with it, and by `c`'s nothing.
    for (instance, stays) in [("probe[name='c']", true), ("probe[name='b']", false)] {
        let stripped = play.push(Actions::Delete(Some(instance))).await;
        succeeded(&stripped);
        assert_eq!(play.device().contains("<name>y</name>"), stays, "{instance}");
    }
    succeeded(&play.push(Actions::Force(Some("probe[name='b']"))).await);
    assert_eq!(play.device(), made);
    insta::assert_snapshot!(owned(play.created()), @r#"
    b: …/interfaces/interface[name="x"], …/interfaces/interface[name="y"]
    c:
    "#);

    succeeded(&play.commit(&without("b")).await);
    succeeded(&play.commit(&without("c")).await);
    assert_eq!(play.device(), untouched);
}

/// Of three owners the controller finds the object in one list at any time.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_after_the_first_owner_has_gone_is_not_found_beside_the_next() {
    let (mut play, untouched) = two_owners().await;
    let x = interface("x");
    succeeded(&play.commit(&without("a")).await);
    succeeded(&play.commit(&probe("c", &[&x[0], &x[1]], &[])).await);
    let owned = [r#"b: …/interfaces/interface[name="x"]"#, r#"c: …/interfaces/interface[name="x"][false()]"#];
    assert_eq!(play.created(), owned);
    let made = play.device();
    succeeded(&play.push(Actions::Force(None)).await);
    assert_eq!(play.device(), made);
    succeeded(&play.commit(&(without("b") + &without("c"))).await);
    assert_eq!(play.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_started_again_knows_the_owners() {
    let (mut play, untouched) = two_owners().await;
    let made = play.device();
    play.restart().await;
    succeeded(&play.commit(&without("a")).await);
    assert_eq!(play.device(), made);
    assert_eq!(play.created(), [r#"b: …/interfaces/interface[name="x"]"#]);
    play.restart().await;
    succeeded(&play.commit(&without("b")).await);
    assert_eq!(play.device(), untouched);
}

/// A local commit takes the instance from `running`, with its list, and leaves the device alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_a_local_commit_took_away_is_none() {
    let (mut play, untouched) = two_owners().await;
    play.change_elsewhere(&services(&without("b"))).await;
    assert_eq!(play.created(), [r#"a: …/interfaces/interface[name="x"]"#]);
    succeeded(&play.commit(&without("a")).await);
    assert_eq!(play.device(), untouched);
}

/// As when an older configuration is loaded: the instance is there again, and its list says what it made.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_a_local_commit_brought_back_is_one() {
    let (mut play, _) = two_owners().await;
    let made = play.device();
    succeeded(&play.commit(&without("b")).await);
    let x = interface("x");
    let list = "<created><path>/devices/device[name=\"openconfig1\"]/config/interfaces/interface[name=\"x\"][false()]</path></created>";
    let b = probe("b", &[&x[0], &x[1]], &[]).replace("</probe>", &format!("{list}</probe>"));
    play.change_elsewhere(&services(&b)).await;
    succeeded(&play.commit(&without("a")).await);
    assert_eq!(play.device(), made);
    assert_eq!(play.created(), [r#"b: …/interfaces/interface[name="x"]"#]);
}

/// What a change does not ask for again is looked after as well.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_brought_back_keeps_what_another_gives_up() {
    let (mut play, _) = two_owners().await;
    let made = play.device();
    succeeded(&play.commit(&without("b")).await);
    let (x, mtu) = (interface("x"), format!("set {INTERFACES}/interface[name='x']/config/mtu 1600"));
    let list = "<created><path>/devices/device[name=\"openconfig1\"]/config/interfaces/interface[name=\"x\"]</path></created>";
    let b = probe("b", &[&x[0], &x[1], &mtu], &[]).replace("</probe>", &format!("{list}</probe>"));
    play.change_elsewhere(&services(&b)).await;
    let y = interface("y");
    let replaced = probe("a", &[&y[0], &y[1]], &[]).replace(
        "<probe ",
        "<probe nc:operation='replace' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' ",
    );
    succeeded(&play.commit(&replaced).await);
    assert!(play.device().contains("<mtu>1600</mtu>"), "{}", play.device());
    assert_ne!(play.device(), made);
}

/// Among many, those who share and nobody else are asked about; and once more where something goes, so that
/// it goes from nobody.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_shared_is_looked_up_by_name() {
    let (mut play, _) = two_owners().await;
    let others: String = (0..50)
        .map(|number| {
            let own = interface(&format!("o{number}"));
            probe(&format!("other{number}"), &[&own[0], &own[1]], &[])
        })
        .collect();
    succeeded(&play.commit(&others).await);
    let x = interface("x");
    let mtu = format!("set {INTERFACES}/interface[name='x']/config/mtu 1600");
    play.tap.take();
    succeeded(&play.commit(&probe("a", &[&x[0], &x[1], &mtu], &[])).await);
    let reads = |requests: Vec<String>| -> Vec<String> {
        requests.into_iter().filter(|request| request.contains("<running")).collect()
    };
    let changed = reads(play.tap.take());
    assert_eq!(changed.len(), 1, "{changed:#?}");
    assert!(changed[0].contains("&apos;a&apos;") && changed[0].contains("&apos;b&apos;"), "{changed:#?}");
    assert!(!changed[0].contains("other"), "{changed:#?}");

    succeeded(&play.commit(&without("other7")).await);
    let gone = reads(play.tap.take());
    assert_eq!(gone.len(), 2, "{gone:#?}");
    assert!(gone[1].contains("o7") && !gone[1].contains("o8"), "{gone:#?}");
}
