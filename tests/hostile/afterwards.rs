//! Modules that leave work to the host: what they did is gone through after their run.
//!
//! How many steps that takes is counted in `host/view`. Here the work is part of whole commits: it ends, the daemon answers
//! meanwhile, and its memory comes back.

use confine_backend::{ActionsMode, PushMode, TransactionOutcome};

use crate::{
    Elsewhere, Own, Part,
    case::{HostileTestbed, bulk, instance},
    runtime,
};

pub const PART: Part = Part {
    cases: &[],
    own: &[
        Own("many-removals", many_removals),
        Own("nested-removals", nested_removals),
        Own("terminated-after-a-run", terminated_after_a_run),
    ],
    elsewhere: &[
        Elsewhere(
            "long-value",
            "host/yang/tests/yang/hostile.rs",
            "long_value_is_not_compared_with_an_expensive_pattern",
        ),
        Elsewhere("many-owners", "host/view/src/tests/finishing_cost.rs", "node_of_many_instances_is_linear"),
        Elsewhere(
            "made-and-removed",
            "host/view/src/tests/finishing_cost.rs",
            "runs_that_remove_what_others_made_are_linear",
        ),
    ],
};

const LIST: &str = "/devices/device[name='openconfig1']/config/if:interfaces";

/// More than by default, for many edits.
const MUCH: &str = "edits.base = 1_000_000
    memory = '256 MiB'
    bytes_per_call = '32 MiB'
    bytes_out.base = '1 GiB'";

/// Commits an instance twice, with these lines and then with those.
async fn commit_in_turn(testbed: &mut HostileTestbed, first: &[&str], second: &[&str]) {
    for lines in [first, second] {
        let replaced = instance(lines).replacen(
            "<hostile ",
            "<hostile xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='replace' ",
            1,
        );
        let committed = testbed.commit(&replaced).await;
        assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
    }
}

/// Plays two commits of an instance, and a good one.
fn in_turn(first: &[&str], second: &[&str]) {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(bulk(), MUCH).await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        commit_in_turn(&mut testbed, first, second).await;
        testbed.commit_good("third").await;
        testbed.settle(before);
        testbed.end();
    });
}

fn many_removals() {
    let create = format!("20000 create {LIST}/interface[name='i#']");
    let remove = format!("20000 remove {LIST}");
    in_turn(&[&create], &[&create, &remove]);
}

fn nested_removals() {
    let create = format!("10000 create {LIST}/interface[name='i#']");
    let inner = format!("10000 remove {LIST}/interface[name='i#']/config");
    let entry = format!("10000 remove {LIST}/interface[name='i#']");
    let list = format!("10000 remove {LIST}");
    in_turn(&[&create], &[&create, &inner, &entry, &list]);
}

/// A signal ends the daemon while the host works for a module that has ended.
fn terminated_after_a_run() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(bulk(), MUCH).await;
        testbed.commit_good("first").await;
        let create = format!("50000 create {LIST}/interface[name='i#']");
        testbed.tap.take();
        testbed.edit(&instance(&[&create])).await;
        let tid = testbed.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
        tokio::task::block_in_place(|| testbed.daemon.await_runs("hostile", 1));
        testbed.daemon.terminate();
        let end = testbed.base.end(tid).await.unwrap();
        assert_eq!(
            (end.result, end.reason.as_deref()),
            (
                TransactionOutcome::Failed,
                Some("the services daemon is shutting down\nhint: commit again when it has been restarted")
            )
        );
        assert_eq!(testbed.edits(), [""; 0]);
        assert_eq!(testbed.daemon.ended().code(), Some(0));
    });
}
