//! What finishing a commit costs the host: in proportion to what modules did, and paid for by them.

use super::*;
use crate::{CreatedObject, ViewEdit};

const INTERFACES: &str = "/devices/device[name='r1']/config/if:interfaces";

/// A device with so many interfaces, all of which an instance has created.
struct Finishing {
    commit: Commit,
    owners: OwnerIndex,
    paid: u64,
}

fn entry(n: usize) -> String {
    format!("{INTERFACES}/interface[name='i{n}']")
}

/// Removes, sets or creates a batch of nodes.
async fn edit(view: &mut View, operation: &str, paths: impl Iterator<Item = String>) {
    let value = (operation == "set").then(|| "1".to_owned());
    let edit = |path| ViewEdit { operation: operation.into(), path, value: value.clone() };
    view.edit(&paths.map(edit).collect::<Vec<_>>()).await.unwrap();
}

impl Finishing {
    fn new(count: usize, scope: Scope) -> Self {
        let interface = |n: usize| format!("<interface><name>i{n}</name><mtu>1</mtu></interface>");
        let interfaces: String = (0..count).map(interface).collect();
        let datastore = format!(
            "<services xmlns='{CONTROLLER}'><bench xmlns='urn:bench'><id>s1</id></bench></services>\
             <devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>{interfaces}\
             </interfaces></config></device></devices>"
        );
        let commit =
            Commit::on(&datastore, scope).declare("/devices/device/config/if:interfaces/interface[name]");
        Self { commit, owners: OwnerIndex::new(), paid: 0 }
    }

    fn owned_by(mut self, id: &str, count: usize) -> Self {
        let object = |n: usize| {
            let path = entry(n).replace("if:", "").replace('\'', "\"");
            CreatedObject::parse(&path)
        };
        self.owners.replace(&instance(id), (0..count).map(object));
        self
    }

    fn run(&mut self, id: &str, run: impl AsyncFnOnce(&mut View)) {
        self.paid += self.commit.run(id, async |view| {
            let before = view.meter().host_work();
            run(view).await;
            view.meter().host_work() - before
        });
    }

    /// Returns the steps of finishing, and what was paid.
    fn finish(mut self, ids: &[&str]) -> (u64, u64) {
        let before = self.commit.draft().steps().taken();
        let finished = self.commit.finish(ids, &self.owners);
        assert!(!finished.starts_with("access denied"), "{finished}");
        (self.commit.draft().steps().taken() - before, self.paid)
    }
}

/// Finishing takes steps in proportion to the edits, and no more than they have paid for.
#[track_caller]
fn assert_paid(what: &str, finish: impl Fn(usize, Scope) -> (u64, u64)) {
    let rules = (0..20).map(|n| {
        let path = rules::config(&format!("if:interfaces/if:interface[if:name='no {n}']"));
        rules::rule(&format!("rule {n}"), &path, "*", "deny")
    });
    let plain = Scope::new("bench", [service("bench")], Vec::new());
    for (name, scope) in [("plain", plain), ("with rules", rules::scope(&rules.collect::<String>()))] {
        let [(once, _), (four, paid)] = [200, 800].map(|count| finish(count, scope.clone()));
        eprintln!("{what}, {name}: {once} steps for 200, {four} for 800, {paid} paid");
        assert!(four <= 4 * once + once / 2, "{what}, {name}: {once} steps, then {four}");
        assert!(four >= 3 * once, "{what}, {name}, is not counted: {once} steps, then {four}");
        assert!(four <= paid, "{what}, {name}: {four} steps, {paid} paid");
    }
}

#[test]
fn finishing_new_nodes_is_linear() {
    for operation in ["create", "set"] {
        assert_paid(operation, |count, scope| {
            let mut finishing = Finishing::new(0, scope);
            let leaf = if operation == "set" { "/mtu" } else { "" };
            finishing.run("s1", async |view| {
                edit(view, operation, (0..count).map(|n| entry(n) + leaf)).await;
            });
            finishing.finish(&["s1"])
        });
    }
}

/// What made the daemon hang: each removal went through all that the instance had created.
#[test]
fn removing_a_list_many_times_is_linear() {
    assert_paid("the same container", |count, scope| {
        let mut finishing = Finishing::new(count, scope).owned_by("s1", count);
        finishing.run("s1", async |view| {
            edit(view, "remove", (0..count).map(|_| INTERFACES.to_owned())).await;
        });
        finishing.finish(&["s1"])
    });
    assert_paid("the same container, by many instances", |count, scope| {
        let ids: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        let mut finishing = Finishing::new(count, scope).owned_by("s1", count);
        for id in &ids {
            finishing.run(id, async |view| view.remove(INTERFACES).await.unwrap());
        }
        finishing.finish(&ids.iter().map(String::as_str).collect::<Vec<_>>())
    });
    assert_paid("each entry, and the container", |count, scope| {
        let mut finishing = Finishing::new(count, scope).owned_by("s1", count);
        finishing.run("s1", async |view| {
            edit(view, "remove", (0..count).map(entry).chain([INTERFACES.to_owned()])).await;
        });
        finishing.finish(&["s1"])
    });
}

#[test]
fn node_that_a_run_writes_many_times_is_finished_once() {
    let steps = |count: usize, removes: bool| {
        let mut finishing = Finishing::new(1, Scope::new("bench", [service("bench")], Vec::new()));
        let leaf = entry(0) + "/mtu";
        finishing.run("s1", async |view| {
            for _ in 0..count {
                if removes {
                    view.remove(&leaf).await.unwrap();
                }
                view.set(&leaf, "2").await.unwrap();
            }
        });
        finishing.finish(&["s1"]).0
    };
    for removes in [false, true] {
        assert_eq!(steps(10, removes), steps(100, removes), "{removes}");
    }
}

/// Whether a node without a model is empty is found out once, however many instances create it.
#[test]
fn creating_what_has_had_many_nodes_is_linear() {
    let [once, four] = [100, 400].map(|count| {
        let leaves: String = (0..count).map(|n| format!("<leaf-{n}>1</leaf-{n}>")).collect();
        let datastore = format!(
            "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'><box>{leaves}\
             </box></interfaces></config></device></devices>"
        );
        let commit = Commit::on(&datastore, Scope::new("bench", [service("bench")], Vec::new()));
        let mut finishing = Finishing { commit, owners: OwnerIndex::new(), paid: 0 };
        let ids: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        let place = format!("{INTERFACES}/if:box");
        finishing.run("s0", async |view| {
            view.read(INTERFACES).await.unwrap();
            view.remove(&place).await.unwrap();
        });
        for id in &ids {
            finishing.run(id, async |view| view.create(&place).await.unwrap());
        }
        finishing.finish(&ids.iter().map(String::as_str).collect::<Vec<_>>()).0
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}

#[test]
fn setting_many_nodes_below_what_many_own_is_linear() {
    let [once, four] = [200, 800].map(|count| {
        let scope = Scope::new("bench", [service("bench")], Vec::new());
        let mut finishing = Finishing::new(count, scope);
        let ids: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        for id in &ids {
            let above = INTERFACES.replace("if:", "").replace('\'', "\"");
            finishing.owners.replace(&instance(id), [CreatedObject::parse(&above)]);
        }
        finishing.run("s1", async |view| {
            for n in 0..count {
                view.set(&(entry(n) + "/mtu"), "2").await.unwrap();
            }
        });
        finishing.finish(&ids.iter().map(String::as_str).collect::<Vec<_>>()).0
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}

/// The steps of what is done after a run has set as many leaves as its device has containers around them.
fn steps_of_deep_leaves(count: usize, finish: impl FnOnce(&mut CommitDraft, CommitDraft)) -> u64 {
    let leaves: String = (0..count).map(|n| format!("<leaf-{n}>1</leaf-{n}>")).collect();
    let datastore = format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>{}{leaves}{}\
         </interfaces></config></device></devices>",
        "<box>".repeat(count),
        "</box>".repeat(count)
    );
    let draft = || Commit::on(&datastore, Scope::new("bench", [service("bench")], Vec::new()));
    let (mut commit, mut running) = (draft(), draft());
    let around = format!("{INTERFACES}{}", "/if:box".repeat(count));
    commit.run("s1", async |view| {
        view.read(INTERFACES).await.unwrap();
        edit(view, "set", (0..count).map(|n| format!("{around}/if:leaf-{n}"))).await;
    });
    let before = commit.draft().steps().taken();
    finish(commit.draft(), running.draft.take().unwrap());
    commit.draft().steps().taken() - before
}

#[test]
fn owners_of_what_is_above_many_nodes_are_found_once() {
    let [once, four] = [50, 200].map(|count| {
        steps_of_deep_leaves(count, |draft, _| {
            draft.created_objects(&[instance("s1")], &OwnerIndex::new()).unwrap();
        })
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}

#[test]
fn what_stood_above_many_nodes_is_found_once() {
    let [once, four] = [50, 200].map(|count| {
        steps_of_deep_leaves(count, |draft, mut running| draft.keep_standing_forms(&mut running).unwrap())
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}

#[test]
fn many_objects_of_others_cost_nothing() {
    let steps = |foreign: usize| {
        let scope = Scope::new("bench", [service("bench")], Vec::new());
        let mut finishing = Finishing::new(100, scope).owned_by("s1", 100);
        let elsewhere =
            |n: usize| CreatedObject::parse(&format!("/devices/device[name=\"r2\"]/config/x/y[k=\"{n}\"]"));
        finishing.owners.replace(&instance("s2"), (0..foreign).map(elsewhere));
        finishing.run("s1", async |view| {
            edit(view, "remove", (0..100).map(entry)).await;
        });
        finishing.finish(&["s1"]).0
    };
    assert_eq!(steps(10), steps(1000));
}

#[test]
fn runs_that_remove_what_others_made_are_linear() {
    assert_paid("made and removed in turn", |count, scope| {
        let mut finishing = Finishing::new(0, scope.with_last_wins(true));
        for n in 0..count {
            let id = format!("s{}", n % 2);
            finishing.run(&id, async |view| view.set(&(entry(n) + "/mtu"), "1").await.unwrap());
            finishing.run(&id, async |view| view.remove(INTERFACES).await.unwrap());
        }
        finishing.finish(&["s0", "s1"])
    });
    assert_paid("all made, then all removed by the same instance", |count, scope| {
        let mut finishing = Finishing::new(0, scope);
        for _ in 0..2 {
            finishing.run("s1", async |view| {
                edit(view, "set", (0..count).map(|n| entry(n) + "/mtu")).await;
                edit(view, "remove", (0..count).map(entry)).await;
            });
        }
        finishing.finish(&["s1"])
    });
}

#[test]
fn node_of_many_instances_is_linear() {
    assert_paid("one leaf", |count, scope| {
        let ids: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        let mut finishing = Finishing::new(0, scope);
        for id in &ids {
            finishing.run(id, async |view| view.set(&(entry(1) + "/mtu"), "1").await.unwrap());
        }
        finishing.finish(&ids.iter().map(String::as_str).collect::<Vec<_>>())
    });
}

/// After a restart, what instances have created is looked for by its paths, also where no model says what the keys are.
#[test]
fn finding_created_objects_without_a_model_is_linear() {
    let [once, four] = [200, 800].map(|count| {
        let interface = |n: usize| format!("<interface><name>i{n}</name><mtu>1</mtu></interface>");
        let interfaces: String = (0..count).map(interface).collect();
        let datastore = format!(
            "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>{interfaces}\
             </interfaces></config></device></devices>"
        );
        let mut commit = Commit::on(&datastore, Scope::new("bench", [service("bench")], Vec::new()));
        let all = commit.resolved(INTERFACES);
        block(commit.draft().read(&[all])).unwrap();
        let before = commit.draft().steps().taken();
        for n in 0..count {
            let object = commit.resolved(&entry(n));
            assert!(commit.draft().has_created(&object));
        }
        commit.draft().steps().taken() - before
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}

#[test]
fn stopped_commit_does_not_finish() {
    let stop = confine_tree::StopSignal::default();
    let mut finishing = Finishing::new(0, Scope::new("bench", [service("bench")], Vec::new()));
    finishing.commit.draft().stop_with(stop.clone());
    finishing.run("s1", async |view| view.set(&(entry(1) + "/mtu"), "1").await.unwrap());
    stop.stop();
    let settled = block(finishing.commit.draft().settle(&[instance("s1")]));
    assert!(matches!(settled, Err(Error::Stopped)), "{settled:?}");
    let finished = finishing.commit.draft().finish(&[instance("s1")], &OwnerIndex::new());
    assert!(matches!(finished, Err(Error::Stopped)), "{finished:?}");
}
