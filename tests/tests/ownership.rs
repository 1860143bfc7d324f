//! What several instances own: it stays until the last of them is gone, whoever changes what.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{fs, path::PathBuf, time::Instant};

use confine_author::CommitEnd;
use confine_backend::{ActionsMode, PushMode, TransactionOutcome};
use confine_controller::DatastoreName;
use confine_tests::{
    PATIENCE,
    play::{Play, instead, interface, probe, services, succeeded, without},
};

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config";
const INTERFACES: &str = "/devices/device[name='openconfig1']/config/oc-if:interfaces";

fn set(leaf: &str, value: &str) -> String {
    format!("set {SYSTEM}/{leaf} {value}")
}

#[track_caller]
fn failed(committed: &CommitEnd) -> &str {
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

#[tokio::test(flavor = "multi_thread")]
async fn what_two_instances_made_stays_until_both_are_gone() {
    let (mut play, untouched) = two_owners().await;
    let made = play.device();
    succeeded(&play.commit(&without("a")).await);
    assert_eq!(play.device(), made);
    let running = play.stage.controller().datastore(DatastoreName::Running).unwrap();
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
        succeeded(&play.push(ActionsMode::Force(force)).await);
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
        let stripped = play.push(ActionsMode::Delete(Some(instance))).await;
        succeeded(&stripped);
        assert_eq!(play.device().contains("<name>y</name>"), stays, "{instance}");
    }
    succeeded(&play.push(ActionsMode::Force(Some("probe[name='b']"))).await);
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
    succeeded(&play.push(ActionsMode::Force(None)).await);
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

/// What tells the daemon that somebody else has changed `running`, and files that tell it nothing.
fn files(play: &Play) -> [PathBuf; 3] {
    let file = play.stage.running_file();
    let another = file.with_extension("another");
    fs::write(&another, "of another controller").unwrap();
    [file.with_extension("missing"), another, file]
}

/// `b` as an older configuration has it, which is loaded again: its list says what it made.
fn brought_back(does: &[&str], created: &str) -> String {
    let list =
        format!("<created><path>/devices/device[name=\"openconfig1\"]/config/{created}</path></created>");
    services(&probe("b", does, &[]).replace("</probe>", &format!("{list}</probe>")))
}

/// A local commit takes the instance from `running`, with its list, and leaves the device alone.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_a_local_commit_took_away_is_none() {
    let (mut play, untouched) = two_owners().await;
    let x = interface("x");
    for file in files(&play) {
        play.restart_with(file).await;
        succeeded(
            &play.commit(&(probe("a", &[&x[0], &x[1]], &[]) + &probe("b", &[&x[0], &x[1]], &[]))).await,
        );
        play.change_elsewhere(&services(&without("b"))).await;
        assert_eq!(play.created(), [r#"a: …/interfaces/interface[name="x"]"#]);
        succeeded(&play.commit(&without("a")).await);
        assert_eq!(play.device(), untouched);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_a_local_commit_brought_back_is_one() {
    let (mut play, untouched) = two_owners().await;
    let made = play.device();
    let x = interface("x");
    for file in files(&play) {
        play.restart_with(file).await;
        succeeded(&play.commit(&probe("a", &[&x[0], &x[1]], &[])).await);
        succeeded(&play.commit(&without("b")).await);
        play.change_elsewhere(&brought_back(&[&x[0], &x[1]], "interfaces/interface[name=\"x\"][false()]"))
            .await;
        succeeded(&play.commit(&without("a")).await);
        assert_eq!(play.device(), made);
        assert_eq!(play.created(), [r#"b: …/interfaces/interface[name="x"]"#]);
    }
    succeeded(&play.commit(&without("b")).await);
    assert_eq!(play.device(), untouched);
}

/// The backend takes the interface away with all that is in it, and only the first owner is told of.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_brought_back_keeps_what_it_has_in_an_object_of_another() {
    let (mut play, _) = two_owners().await;
    let (x, y) = (interface("x"), interface("y"));
    let mtu = format!("set {INTERFACES}/interface[name='x']/config/mtu 1600");
    let replaced = |does: &[&str]| instead("a", does, &[]);
    for file in files(&play) {
        play.restart_with(file).await;
        // What it shares, and what it has below that.
        for created in
            ["interfaces/interface[name=\"x\"][false()]", "interfaces/interface[name=\"x\"]/config/mtu"]
        {
            // `a` keeps the interface, gives it up, and goes.
            for then in [replaced(&[&x[0], &x[1], &y[0], &y[1]]), replaced(&[&y[0], &y[1]]), without("a")] {
                succeeded(&play.commit(&(replaced(&[&x[0], &x[1]]) + &without("b"))).await);
                let b = brought_back(&[&x[0], &x[1], &mtu], created);
                play.change_elsewhere(&b).await;
                succeeded(&play.commit(&then).await);
                let device = play.device();
                assert!(device.contains("<mtu>1600</mtu>"), "{created}, then {then}: {device}");
            }
        }
    }
}

/// What nobody else has changed is known, and one commit among many reads no list of the others.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_when_somebody_else_has_changed_them() {
    let (mut play, _) = two_owners().await;
    let x = interface("x");
    let mtu = |mtu: u16| format!("set {INTERFACES}/interface[name='x']/config/mtu {mtu}");
    let lists_read = |play: &Play| {
        let reads = play.tap.take().into_iter().filter(|request| request.contains("<running"));
        reads.filter(|request| request.contains("created")).count()
    };
    let mut changes = (1600..).map(|value| probe("a", &[&x[0], &x[1], &mtu(value)], &[]));
    let mut change = || changes.next().unwrap();
    lists_read(&play);
    succeeded(&play.commit(&change()).await);
    succeeded(&play.commit(&without("b")).await);
    assert_eq!(lists_read(&play), 0);

    play.change_elsewhere(&services("<service-timeout>100</service-timeout>")).await;
    succeeded(&play.commit(&change()).await);
    assert_eq!(lists_read(&play), 1);
    succeeded(&play.commit(&change()).await);
    assert_eq!(lists_read(&play), 0);

    // A commit that fails, or that nobody gets, leaves `running` as it was.
    let failing = probe("c", &["set /devices/device[name='nowhere']/name nowhere"], &[]);
    failed(&play.commit(&failing).await);
    play.stage.discard().await.unwrap();
    succeeded(&play.commit(&change()).await);
    assert_eq!(lists_read(&play), 0);

    // Where nothing tells, each commit asks.
    let [missing, another, _] = files(&play);
    for file in [missing, another] {
        play.restart_with(file).await;
        lists_read(&play);
        for _ in 0..3 {
            succeeded(&play.commit(&change()).await);
            assert_eq!(lists_read(&play), 1);
        }
    }
}

/// The object of one is in the object of another, who says the same of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_an_object_of_another_stays_with_that() {
    let (mut play, untouched) = two_owners().await;
    let x = interface("x");
    let mtu = format!("set {INTERFACES}/interface[name='x']/config/mtu 1600");
    succeeded(&play.commit(&without("b")).await);
    let all = probe("a", &[&x[0], &x[1], &mtu], &[]);
    succeeded(&play.commit(&all).await);
    succeeded(&play.commit(&probe("b", &[&mtu], &[])).await);
    let made = play.device();
    for force in ["probe[name='b']", "probe[name='a']", "probe"] {
        succeeded(&play.push(ActionsMode::Force(Some(force))).await);
        assert_eq!(play.device(), made, "{force}");
    }
    succeeded(&play.commit(&without("b")).await);
    assert_eq!(play.device(), made);
    succeeded(&play.commit(&without("a")).await);
    assert_eq!(play.device(), untouched);
}

/// What a commit did with the owners of before is done again with those of now.
#[tokio::test(flavor = "multi_thread")]
async fn owners_that_change_while_a_commit_runs_are_read_anew() {
    let (mut play, _) = two_owners().await;
    let y = interface("y");
    play.tap.take();
    play.tap.hold("<actions ");
    let began = Instant::now();
    play.stage.edit(&services(&probe("a", &[&y[0], &y[1]], &[]))).await.unwrap();
    let tid = play.stage.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
    let is_read = |requests: &[String]| requests.iter().any(|request| request.contains("<actions "));
    let mut requests = play.tap.take();
    while !is_read(&requests) {
        assert!(began.elapsed() < PATIENCE, "{requests:#?}");
        tokio::task::yield_now().await;
        requests.extend(play.tap.take());
    }
    // Written by who can do that while the candidate is locked: the content does not matter.
    fs::write(play.stage.running_file(), "written meanwhile").unwrap();
    play.tap.release();
    let over = play.stage.end(tid).await.unwrap();
    assert_eq!((over.result, over.reason), (TransactionOutcome::Success, None));
    requests.extend(play.tap.take());
    let lists: Vec<bool> = requests
        .iter()
        .filter(|request| request.contains("<running"))
        .map(|request| request.contains("created"))
        .collect();
    assert_eq!(lists, [false, true], "{requests:#?}");
    assert_eq!(requests.iter().filter(|request| request.contains("<edit-config>")).count(), 1);
}
