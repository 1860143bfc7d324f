//! Instances that do not agree.

use super::*;
use crate::CreatedObject;

const MTU: &str = "/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu";
const MINE: &str = "/devices/device[name='r1']/config/if:interfaces/interface[name='mine']";

fn lenient() -> Commit {
    Commit::of(open_scope().with_last_wins(true))
}

fn set(commit: &mut Commit, id: &str, path: &str, value: &str) {
    commit.run(id, async |view| view.set(path, value).await.unwrap());
}

fn remove(commit: &mut Commit, id: &str, path: &str) {
    commit.run(id, async |view| view.remove(path).await.unwrap());
}

#[test]
fn two_values_of_one_leaf_conflict() {
    let mut commit = Commit::new();
    set(&mut commit, "s1", MTU, "1");
    set(&mut commit, "s2", MTU, "2");
    insta::assert_snapshot!(commit.finish(&["s1", "s2"], &owners()), @r#"
    conflict: `bench[id='s1']` sets `/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu` to `1`, and `bench[id='s2']` to `2` in the same commit
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `bench` in Confine's own file
    "#);

    let mut commit = lenient();
    set(&mut commit, "s1", MTU, "1");
    set(&mut commit, "s2", MTU, "2");
    assert!(commit.finish(&["s1", "s2"], &owners()).contains("<mtu>2</mtu>"));
}

#[test]
fn same_value_or_same_instance_does_not_conflict() {
    let mut commit = Commit::new();
    for id in ["s1", "s2"] {
        set(&mut commit, id, MTU, "1");
    }
    let kind = "/devices/device[name='r1']/config/if:interfaces/interface[name='a']/type";
    set(&mut commit, "s1", kind, "ty:ppp");
    // Another module of the same instance.
    set(&mut commit, "s1", kind, "ty:eth");
    remove(&mut commit, "s1", kind);
    assert!(commit.finish(&["s1", "s2"], &owners()).contains("<mtu>1</mtu>"));
}

#[test]
fn own_removal_does_not_hide_that_of_another_instance() {
    let interfaces = "/devices/device[name='r1']/config/if:interfaces";
    let mut commit = Commit::new();
    set(&mut commit, "s1", MTU, "1");
    remove(&mut commit, "s2", interfaces);
    commit.run("s1", async |view| {
        view.set(&MTU.replace("'a'", "'b'"), "1").await.unwrap();
        view.remove(interfaces).await.unwrap();
    });
    let conflict = commit.finish(&["s1", "s2"], &OwnerIndex::new());
    assert!(conflict.contains("and `bench[id='s2']` removes it"), "{conflict}");
}

#[test]
fn removing_what_another_instance_creates_conflicts() {
    let interfaces = "/devices/device[name='r1']/config/if:interfaces";
    let mut commit = Commit::new();
    set(&mut commit, "s1", MTU, "1");
    remove(&mut commit, "s2", interfaces);
    insta::assert_snapshot!(commit.finish(&["s1", "s2"], &OwnerIndex::new()), @r#"
    conflict: `bench[id='s1']` creates `/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu`, and `bench[id='s2']` removes it in the same commit
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `bench` in Confine's own file
    "#);

    let mut commit = lenient();
    set(&mut commit, "s1", MTU, "1");
    remove(&mut commit, "s2", interfaces);
    assert!(commit.finish(&["s1", "s2"], &OwnerIndex::new()).contains("operation=\"remove\""));

    // In whatever order they run: it may be another one in the next commit.
    let mut commit = Commit::new();
    remove(&mut commit, "s2", interfaces);
    set(&mut commit, "s1", MTU, "1");
    let conflict = commit.finish(&["s1", "s2"], &OwnerIndex::new());
    assert!(conflict.contains("and `bench[id='s2']` removes it"), "{conflict}");
}

#[test]
fn objects_of_instances_that_do_not_run_are_protected() {
    let mut commit = Commit::new();
    set(&mut commit, "s2", &format!("{MINE}/mtu"), "2");
    insta::assert_snapshot!(commit.finish(&["s2"], &owners()), @r#"
    conflict: `bench[id='s2']` sets `/devices/device[name='r1']/config/interfaces/interface[name='mine']/mtu`, which `bench[id='s1']` has created
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `bench` in Confine's own file
    "#);

    let mut commit = Commit::new();
    remove(&mut commit, "s2", "/devices/device[name='r1']/config/if:interfaces");
    insta::assert_snapshot!(commit.finish(&["s2"], &owners()), @r#"
    conflict: `bench[id='s2']` removes `/devices/device[name='r1']/config/interfaces`, which `bench[id='s1']` has created
    hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `bench` in Confine's own file
    "#);

    // The same value, or something more, is shared.
    let mut commit = Commit::new();
    set(&mut commit, "s2", &format!("{MINE}/mtu"), "1");
    set(&mut commit, "s2", &format!("{MINE}/more"), "1");
    assert!(commit.finish(&["s2"], &owners()).contains("<more>1</more>"));

    let mut commit = lenient();
    set(&mut commit, "s2", &format!("{MINE}/mtu"), "2");
    assert!(commit.finish(&["s2"], &owners()).contains("<mtu>2</mtu>"));

    // What it owns itself is its own affair.
    let mut owners = owners();
    let path = "/devices/device[name=\"r1\"]/config/interfaces/interface[name=\"mine\"]";
    owners.replace(&instance("s1"), []);
    owners.replace(
        &instance("s2"),
        [CreatedObject { path: path.into(), place: None, shared: false, ambiguous: false }],
    );
    let mut commit = Commit::new();
    set(&mut commit, "s2", &format!("{MINE}/mtu"), "2");
    assert!(commit.finish(&["s2"], &owners).contains("<mtu>2</mtu>"));
}
