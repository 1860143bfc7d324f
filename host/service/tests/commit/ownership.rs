//! Objects with several owners: they stay until the last owner is gone, whatever changes.

use std::{fs, path::PathBuf, time::Instant};

use confine_author::CommitEnd;
use confine_backend::{ActionsMode, PushMode, TransactionOutcome};
use confine_controller::Datastore;
use confine_test_support::{
    PATIENCE,
    testbed::{DaemonTestbed, interface, probe, removed, replaced, services, succeeded},
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

/// Commits two instances that create the same interface, and returns the device's earlier configuration too.
async fn two_owners() -> (DaemonTestbed, String) {
    let mut testbed = DaemonTestbed::with_probes().await;
    let untouched = testbed.device();
    let x = interface("x");
    for name in ["a", "b"] {
        succeeded(&testbed.commit(&probe(name, &[&x[0], &x[1]], &[])).await);
    }
    (testbed, untouched)
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_object_stays_until_both_owners_are_gone() {
    let (mut testbed, untouched) = two_owners().await;
    let made = testbed.device();
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(testbed.device(), made);
    let running = testbed.base.controller().datastore(Datastore::Running).unwrap();
    assert_eq!(running.matches("</path>").count(), 1, "{running}");
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(testbed.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_owners_of_an_object_change_and_go_in_one_commit() {
    let (mut testbed, untouched) = two_owners().await;
    let x = interface("x");
    let mtu = format!("set {INTERFACES}/interface[name='x']/config/mtu 1600");
    let both = ["a", "b"].map(|name| probe(name, &[&x[0], &x[1], &mtu], &[])).concat();
    succeeded(&testbed.commit(&both).await);
    assert!(testbed.device().contains("<mtu>1600</mtu>"), "{}", testbed.device());
    for force in [None, Some("probe"), Some("probe[name='a']"), Some("probe[name='b']")] {
        let made = testbed.device();
        succeeded(&testbed.push(ActionsMode::Force(force)).await);
        assert_eq!(testbed.device(), made, "{force:?}");
    }
    succeeded(&testbed.commit(&(removed("a") + &removed("b"))).await);
    assert_eq!(testbed.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_instances_are_reported() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let both =
        probe("a", &[&set("login-banner", "one")], &[]) + &probe("b", &[&set("login-banner", "two")], &[]);
    let committed = testbed.commit(&both).await;
    insta::assert_snapshot!(failed(&committed), @r#"
    conflict: `probe[name='a']` sets `/devices/device[name='openconfig1']/config/system/config/login-banner` to `one`, and `probe[name='b']` to `two` in the same commit
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `probe` in Confine's own file
    "#);
    testbed.base.discard().await.unwrap();

    // One of them was committed before and created what the other changes.
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "one")], &[])).await);
    let committed = testbed.commit(&probe("b", &[&set("login-banner", "two")], &[])).await;
    insta::assert_snapshot!(failed(&committed), @r#"
    conflict: `probe[name='b']` sets `/devices/device[name='openconfig1']/config/system/config/login-banner`, which `probe[name='a']` has created
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `probe` in Confine's own file
    "#);
    assert!(testbed.device().contains("<login-banner>one</login-banner>"));
    testbed.base.discard().await.unwrap();
    succeeded(&testbed.commit(&probe("b", &[&set("login-banner", "one")], &[])).await);
    assert_eq!(
        testbed.created(),
        ["a: …/system/config/login-banner", "b: …/system/config/login-banner[false()]"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_objects_survive_in_a_chain_of_owners() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let untouched = testbed.device();
    let (x, y) = (interface("x"), interface("y"));
    let (x, y) = (x.each_ref().map(String::as_str), y.each_ref().map(String::as_str));
    let all = [probe("a", &x, &[]), probe("b", &[&x[..], &y[..]].concat(), &[]), probe("c", &y, &[])];
    succeeded(&testbed.commit(&all.concat()).await);
    let owned = |created: Vec<String>| created.join("\n");
    insta::assert_snapshot!(owned(testbed.created()), @r#"
    a: …/interfaces/interface[name="x"]
    b: …/interfaces/interface[name="x"][false()], …/interfaces/interface[name="y"]
    c: …/interfaces/interface[name="y"][false()]
    "#);
    let made = testbed.device();

    // The notification names only `a`; stripping `a` took something from `b`, and `c` shares an object with `b`.
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(testbed.device(), made);
    insta::assert_snapshot!(owned(testbed.created()), @r#"
    b: …/interfaces/interface[name="x"], …/interfaces/interface[name="y"]
    c: …/interfaces/interface[name="y"][false()]
    "#);

    // Another session strips without notifying the daemon: the controller removes what `c` shares with `b` by `b`'s list,
    // and nothing by `c`'s.
    for (instance, stays) in [("probe[name='c']", true), ("probe[name='b']", false)] {
        let stripped = testbed.push(ActionsMode::Delete(Some(instance))).await;
        succeeded(&stripped);
        assert_eq!(testbed.device().contains("<name>y</name>"), stays, "{instance}");
    }
    succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='b']"))).await);
    assert_eq!(testbed.device(), made);
    insta::assert_snapshot!(owned(testbed.created()), @r#"
    b: …/interfaces/interface[name="x"], …/interfaces/interface[name="y"]
    c:
    "#);

    succeeded(&testbed.commit(&removed("b")).await);
    succeeded(&testbed.commit(&removed("c")).await);
    assert_eq!(testbed.device(), untouched);
}

/// Of three owners, exactly one has the object in its list as the controller reads it.
#[tokio::test(flavor = "multi_thread")]
async fn later_owner_is_marked_so_the_controller_finds_one_list() {
    let (mut testbed, untouched) = two_owners().await;
    let x = interface("x");
    succeeded(&testbed.commit(&removed("a")).await);
    succeeded(&testbed.commit(&probe("c", &[&x[0], &x[1]], &[])).await);
    let owned = [r#"b: …/interfaces/interface[name="x"]"#, r#"c: …/interfaces/interface[name="x"][false()]"#];
    assert_eq!(testbed.created(), owned);
    let made = testbed.device();
    succeeded(&testbed.push(ActionsMode::Force(None)).await);
    assert_eq!(testbed.device(), made);
    succeeded(&testbed.commit(&(removed("b") + &removed("c"))).await);
    assert_eq!(testbed.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_daemon_knows_the_owners() {
    let (mut testbed, untouched) = two_owners().await;
    let made = testbed.device();
    testbed.restart().await;
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(testbed.device(), made);
    assert_eq!(testbed.created(), [r#"b: …/interfaces/interface[name="x"]"#]);
    testbed.restart().await;
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(testbed.device(), untouched);
}

/// The file that shows the daemon changes of `running` by others, after two that show nothing.
fn files(testbed: &DaemonTestbed) -> [PathBuf; 3] {
    let file = testbed.base.running_file();
    let another = file.with_extension("another");
    fs::write(&another, "of another controller").unwrap();
    [file.with_extension("missing"), another, file]
}

/// `b` as in an older configuration that is loaded again: its `created` list names what it made.
fn brought_back(does: &[&str], created: &str) -> String {
    let list =
        format!("<created><path>/devices/device[name=\"openconfig1\"]/config/{created}</path></created>");
    services(&probe("b", does, &[]).replace("</probe>", &format!("{list}</probe>")))
}

/// A local commit removes the instance and its list from `running`, and does not touch the device.
#[tokio::test(flavor = "multi_thread")]
async fn owner_removed_by_a_local_commit_is_no_owner() {
    let (mut testbed, untouched) = two_owners().await;
    let x = interface("x");
    for file in files(&testbed) {
        testbed.restart_with(file).await;
        succeeded(
            &testbed.commit(&(probe("a", &[&x[0], &x[1]], &[]) + &probe("b", &[&x[0], &x[1]], &[]))).await,
        );
        testbed.change_elsewhere(&services(&removed("b"))).await;
        assert_eq!(testbed.created(), [r#"a: …/interfaces/interface[name="x"]"#]);
        succeeded(&testbed.commit(&removed("a")).await);
        assert_eq!(testbed.device(), untouched);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_restored_by_a_local_commit_is_an_owner() {
    let (mut testbed, untouched) = two_owners().await;
    let made = testbed.device();
    let x = interface("x");
    for file in files(&testbed) {
        testbed.restart_with(file).await;
        succeeded(&testbed.commit(&probe("a", &[&x[0], &x[1]], &[])).await);
        succeeded(&testbed.commit(&removed("b")).await);
        testbed
            .change_elsewhere(&brought_back(&[&x[0], &x[1]], "interfaces/interface[name=\"x\"][false()]"))
            .await;
        succeeded(&testbed.commit(&removed("a")).await);
        assert_eq!(testbed.device(), made);
        assert_eq!(testbed.created(), [r#"b: …/interfaces/interface[name="x"]"#]);
    }
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(testbed.device(), untouched);
}

/// The backend strips the whole interface, and the notification names only the first owner.
#[tokio::test(flavor = "multi_thread")]
async fn restored_owner_keeps_nodes_inside_another_owners_object() {
    let (mut testbed, _) = two_owners().await;
    let (x, y) = (interface("x"), interface("y"));
    let mtu = format!("set {INTERFACES}/interface[name='x']/config/mtu 1600");
    let replaced = |does: &[&str]| replaced("a", does, &[]);
    for file in files(&testbed) {
        testbed.restart_with(file).await;
        // The shared object, and a node below it.
        for created in
            ["interfaces/interface[name=\"x\"][false()]", "interfaces/interface[name=\"x\"]/config/mtu"]
        {
            // `a` keeps the interface, gives it up, and goes.
            for then in [replaced(&[&x[0], &x[1], &y[0], &y[1]]), replaced(&[&y[0], &y[1]]), removed("a")] {
                succeeded(&testbed.commit(&(replaced(&[&x[0], &x[1]]) + &removed("b"))).await);
                let b = brought_back(&[&x[0], &x[1], &mtu], created);
                testbed.change_elsewhere(&b).await;
                succeeded(&testbed.commit(&then).await);
                let device = testbed.device();
                assert!(device.contains("<mtu>1600</mtu>"), "{created}, then {then}: {device}");
            }
        }
    }
}

/// While nobody else changes `running`, a commit reads no `created` lists.
#[tokio::test(flavor = "multi_thread")]
async fn created_lists_are_read_after_changes_by_others() {
    let (mut testbed, _) = two_owners().await;
    let x = interface("x");
    let mtu = |mtu: u16| format!("set {INTERFACES}/interface[name='x']/config/mtu {mtu}");
    let lists_read = |testbed: &DaemonTestbed| {
        let reads = testbed.tap.take().into_iter().filter(|request| request.contains("<running"));
        reads.filter(|request| request.contains("created")).count()
    };
    let mut changes = (1600..).map(|value| probe("a", &[&x[0], &x[1], &mtu(value)], &[]));
    let mut change = || changes.next().unwrap();
    lists_read(&testbed);
    succeeded(&testbed.commit(&change()).await);
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(lists_read(&testbed), 0);

    testbed.change_elsewhere(&services("<service-timeout>100</service-timeout>")).await;
    succeeded(&testbed.commit(&change()).await);
    assert_eq!(lists_read(&testbed), 1);
    succeeded(&testbed.commit(&change()).await);
    assert_eq!(lists_read(&testbed), 0);

    // A failed commit leaves `running` as it was.
    let failing = probe("c", &["set /devices/device[name='nowhere']/name nowhere"], &[]);
    failed(&testbed.commit(&failing).await);
    testbed.base.discard().await.unwrap();
    succeeded(&testbed.commit(&change()).await);
    assert_eq!(lists_read(&testbed), 0);

    // Without that file, each commit reads the lists.
    let [missing, another, _] = files(&testbed);
    for file in [missing, another] {
        testbed.restart_with(file).await;
        lists_read(&testbed);
        for _ in 0..3 {
            succeeded(&testbed.commit(&change()).await);
            assert_eq!(lists_read(&testbed), 1);
        }
    }
}

/// One instance owns an object inside another's, and both write the same value.
#[tokio::test(flavor = "multi_thread")]
async fn node_inside_another_owners_object_stays_with_it() {
    let (mut testbed, untouched) = two_owners().await;
    let x = interface("x");
    let mtu = format!("set {INTERFACES}/interface[name='x']/config/mtu 1600");
    succeeded(&testbed.commit(&removed("b")).await);
    let all = probe("a", &[&x[0], &x[1], &mtu], &[]);
    succeeded(&testbed.commit(&all).await);
    succeeded(&testbed.commit(&probe("b", &[&mtu], &[])).await);
    let made = testbed.device();
    for force in ["probe[name='b']", "probe[name='a']", "probe"] {
        succeeded(&testbed.push(ActionsMode::Force(Some(force))).await);
        assert_eq!(testbed.device(), made, "{force}");
    }
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(testbed.device(), made);
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(testbed.device(), untouched);
}

/// A commit that ran with outdated owners runs again with the current ones.
#[tokio::test(flavor = "multi_thread")]
async fn owners_changed_during_a_commit_are_read_again() {
    let (mut testbed, _) = two_owners().await;
    let y = interface("y");
    testbed.tap.take();
    testbed.tap.hold("<actions ");
    let began = Instant::now();
    testbed.base.edit(&services(&probe("a", &[&y[0], &y[1]], &[]))).await.unwrap();
    let tid = testbed.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
    let is_read = |requests: &[String]| requests.iter().any(|request| request.contains("<actions "));
    let mut requests = testbed.tap.take();
    while !is_read(&requests) {
        assert!(began.elapsed() < PATIENCE, "{requests:#?}");
        tokio::task::yield_now().await;
        requests.extend(testbed.tap.take());
    }
    // As a process would that writes while the candidate is locked. The content does not matter.
    fs::write(testbed.base.running_file(), "written meanwhile").unwrap();
    testbed.tap.release();
    let over = testbed.base.end(tid).await.unwrap();
    assert_eq!((over.result, over.reason), (TransactionOutcome::Success, None));
    requests.extend(testbed.tap.take());
    let lists: Vec<bool> = requests
        .iter()
        .filter(|request| request.contains("<running"))
        .map(|request| request.contains("created"))
        .collect();
    // The first attempt had them already, the second read them.
    let read = lists.iter().filter(|&&lists| lists).count();
    assert_eq!((lists[0], read), (false, 1), "{requests:#?}");
    assert_eq!(requests.iter().filter(|request| request.contains("<edit-config>")).count(), 1);
}
