//! Modules that leave work to the host: what they did is gone through after their run.
//!
//! How many steps that takes is counted in `host/view`. Here the work is part of whole commits: it ends, the daemon answers
//! meanwhile, and its memory comes back.

use confine_backend::{ActionsMode, PushMode, TransactionOutcome};
use confine_controller::Controller;
use libtest_mimic::{Measurement, Trial};

use crate::{
    Elsewhere, Own, Part,
    case::{HostileTestbed, bulk, good_module, hostile, instance},
    runtime,
};

pub const PART: Part = Part {
    cases: &[],
    own: &[
        Own("many-removals", many_removals),
        Own("nested-removals", nested_removals),
        Own("terminated-after-a-run", terminated_after_a_run),
        Own("two-modules-of-many-edits", two_modules_of_many_edits),
        Own("reversed-entries", reversed_entries),
        Own("many-originals", many_originals),
        Own("many-key-sets", many_key_sets),
        Own("many-cases", many_cases),
        Own("long-keys", long_keys),
        Own("deep-leaves", deep_leaves),
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

/// The commits that a benchmark measures.
const COMMITS: u64 = 50;

/// Benchmarks of commits of one instance of a daemon with 20 modules, with and without 100,000 objects of another service: the
/// processor time of the daemon, in nanoseconds for each commit.
pub fn trials() -> impl Iterator<Item = Trial> {
    [("beside-no-objects", 0), ("beside-100000-objects", 10)].into_iter().map(|(name, batches)| {
        Trial::bench(format!("commit-{name}"), move |_| {
            let avg = runtime().block_on(processor_time(batches));
            Ok(Some(Measurement { avg, variance: 0 }))
        })
    })
}

async fn processor_time(batches: usize) -> u64 {
    let limits = format!("{MUCH}\nwall_clock.base = '10 min'");
    let mut testbed = HostileTestbed::begin(bulk(), &limits).await;
    testbed.commit_good("first").await;
    // They claim what others serve, and are held.
    for number in 0..18 {
        testbed.place(&format!("held-{number}"), good_module());
    }
    testbed.daemon.ask("POST /v1/refresh");
    let lines: Vec<String> =
        (0..batches).map(|batch| format!("10000 create {LIST}/interface[name='b{batch}-#']")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let committed = testbed.commit(&instance(&lines)).await;
    assert!(committed.succeeded(), "{}", committed.reason());
    // The first one after it brings the owner index up to date.
    testbed.commit_good("second").await;
    let before = testbed.daemon.processor_time();
    for number in 0..COMMITS {
        testbed.commit_good(&format!("banner {number}")).await;
    }
    let took = testbed.daemon.processor_time() - before;
    testbed.end();
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / COMMITS
}

/// More than by default, for many edits.
const MUCH: &str = "edits.base = 1_000_000
    memory = '256 MiB'
    bytes_per_call = '32 MiB'
    bytes_out.base = '1 GiB'";

/// Commits an instance twice, with these lines and then with those.
async fn commit_in_turn(testbed: &mut HostileTestbed, first: &[&str], second: &[&str]) {
    commit_all_in_turn(testbed, &[first, second]).await;
}

/// Commits an instance, each time with other lines.
async fn commit_all_in_turn(testbed: &mut HostileTestbed, commits: &[&[&str]]) {
    for lines in commits {
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

/// Two modules do the same to one instance, so each node has been made and removed by both.
fn two_modules_of_many_edits() {
    let create = format!("15000 create {LIST}/interface[name='i#']");
    let remove = format!("15000 remove {LIST}/interface[name='i#']");
    runtime().block_on(async {
        let much = format!("{MUCH}\nwall_clock.base = '3 min'");
        let limits = format!("{much}\n[module.second.limits]\n{much}");
        let modules = [("good", good_module()), ("hostile", bulk()), ("second", bulk())];
        let mut testbed = HostileTestbed::with(&modules, &limits).await;
        for name in ["hostile", "second"] {
            testbed.daemon.ask(&format!("POST /v1/modules/{name}/approve"));
        }
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        commit_in_turn(&mut testbed, &[&create], &[&create, &remove]).await;
        testbed.commit_good("third").await;
        testbed.settle(before);
        testbed.end();
    });
}

/// A model with a leaf-list whose order counts.
const ORDERED: &str = "module openconfig-system {
    namespace \"http://openconfig.net/yang/system\"; prefix oc-sys; revision 2026-11-30;
    container system {
        container config { leaf hostname { type string; } leaf login-banner { type string; } }
        leaf-list search { type string; ordered-by user; }
    } }";

/// Makes all entries again, the last one first: each moves.
fn reversed_entries() {
    let entry = "/devices/device[name='openconfig1']/config/sys:system/search[.='e#']";
    // The instance owns them at the end, which takes memory, too.
    let forwards = format!("15000 set {entry} e#");
    let backwards = format!("-15000 set {entry} e#");
    runtime().block_on(async {
        let devices =
            Controller::builder().device_model("openconfig-system.yang", ORDERED).device("openconfig1", "");
        let mut testbed = HostileTestbed::on(devices, bulk(), MUCH).await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        commit_in_turn(&mut testbed, &[&forwards], &[&backwards]).await;
        assert!(testbed.device().contains("<search>e1</search><search>e0</search>"));
        testbed.commit_good("third").await;
        testbed.settle(before);
        testbed.end();
    });
}

/// Changes and removes what stood on a device before, and gives it up again: all of it comes back.
fn many_originals() {
    const COUNT: usize = 1_000;
    let interface = |number: usize| {
        format!(
            "<interface><name>i{number}</name><config><name>i{number}</name>\
             <type xmlns:t='urn:ietf:params:xml:ns:yang:iana-if-type'>t:ethernetCsmacd</type><mtu>1400</mtu></config></interface>"
        )
    };
    let before: String = (0..COUNT).map(interface).collect();
    let before = format!("<interfaces xmlns='http://openconfig.net/yang/interfaces'>{before}</interfaces>");
    let change = format!("{COUNT} set {LIST}/interface[name='i#']/config/mtu 9000");
    let remove = format!("{COUNT} remove {LIST}/interface[name='i#']");
    runtime().block_on(async {
        let devices = Controller::builder()
            .service_model("confine-originals.yang", confine_service::ORIGINALS_MODULE)
            .device("openconfig1", before);
        let mut testbed = HostileTestbed::on(devices, bulk(), MUCH).await;
        testbed.commit_good("first").await;
        let memory = testbed.daemon.memory();
        commit_in_turn(&mut testbed, &[&change], &[&remove]).await;
        assert_eq!(testbed.device().matches("<mtu>").count(), 0);
        testbed.commit_good("second").await;
        commit_all_in_turn(&mut testbed, &[&[&change], &[]]).await;
        assert_eq!(testbed.device().matches("<mtu>1400</mtu>").count(), COUNT);
        testbed.commit_good("third").await;
        testbed.settle(memory);
        testbed.end();
    });
}

/// Declares entries of one list by as many sets of keys as it can, of which the list has none.
fn many_key_sets() {
    // Nobody has a model of the list, so its keys are what paths name.
    let declared = (0..900_usize).map(|set| {
        let keys: String = (0..64)
            .filter(|key| key % 10 != set % 10 || set / 10 % 10 == 0)
            .map(|key| format!("[k{key}{}]", set / 100))
            .collect();
        &*format!("/devices/device/config/h:list{keys}").leak()
    });
    let declared: Vec<&str> = declared.chain(["/devices/device/config/sys:system"]).collect();
    let guest = hostile()
        .writes(declared.leak())
        .text("path", "/devices/device[name='openconfig1']/config/sys:system/config/motd-banner")
        .text("value", "x")
        .apply(
            "(local $n i32) (local.set $n (i32.const 5000))
            (loop $again
                (call $set (local.get $view) (global.get $path) (global.get $path.len)
                    (global.get $value) (global.get $value.len) (global.get $scratch))
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n)))
            (global.get $ok)",
        );
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&guest.build(), "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        let committed = testbed.commit(&instance(&[])).await;
        assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
        testbed.commit_good("third").await;
        testbed.settle(before);
        testbed.end();
    });
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

/// Sets one case of a choice after the other: each displaces what was set before.
fn many_cases() {
    const CASES: usize = 1_000;
    let leaves: String = (0..CASES).map(|n| format!("leaf c{n} {{ type string; }} ")).collect();
    let model = format!(
        "module openconfig-system {{ namespace \"http://openconfig.net/yang/system\"; prefix oc-sys; revision 2026-11-30;
            container system {{
                container config {{ leaf hostname {{ type string; }} leaf login-banner {{ type string; }} }}
                choice case {{ {leaves} }}
            }} }}"
    );
    let system = "/devices/device[name='openconfig1']/config/sys:system";
    let cases = format!("{CASES} set {system}/c# x");
    runtime().block_on(async {
        let devices =
            Controller::builder().device_model("openconfig-system.yang", model).device("openconfig1", "");
        let mut testbed = HostileTestbed::on(devices, bulk(), MUCH).await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        commit_in_turn(&mut testbed, &[&cases, &cases], &[&cases]).await;
        testbed.commit_good("third").await;
        testbed.settle(before);
        testbed.end();
    });
}

/// Objects with long keys are known as long as they are there.
fn long_keys() {
    let key = "k".repeat(30_000);
    let create = format!("100 create {LIST}/interface[name='{key}#']");
    in_turn(&[&create], &[]);
}

/// As many leaves as a device has containers around them and more, each an object of its own.
fn deep_leaves() {
    const DEPTH: usize = 60;
    let leaves: String = (0..600).map(|n| format!("leaf l{n} {{ type string; }} ")).collect();
    let inner = (0..DEPTH).fold(leaves, |inner, n| format!("container d{n} {{ presence x; {inner} }} "));
    let model = format!(
        "module openconfig-system {{ namespace \"http://openconfig.net/yang/system\"; prefix oc-sys; revision 2026-11-30;
            container system {{
                container config {{ leaf hostname {{ type string; }} leaf login-banner {{ type string; }} }}
                {inner} }} }}"
    );
    let deep: String = (0..DEPTH).rev().map(|n| format!("/d{n}")).collect();
    let top = format!("/devices/device[name='openconfig1']/config/sys:system/d{}", DEPTH - 1);
    let set = format!("600 set /devices/device[name='openconfig1']/config/sys:system{deep}/l# x");
    let remove = format!("600 remove {top}");
    runtime().block_on(async {
        let devices =
            Controller::builder().device_model("openconfig-system.yang", model).device("openconfig1", "");
        let mut testbed = HostileTestbed::on(devices, bulk(), MUCH).await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        commit_in_turn(&mut testbed, &[&set], &[&set, &remove]).await;
        testbed.commit_good("third").await;
        testbed.settle(before);
        testbed.end();
    });
}
