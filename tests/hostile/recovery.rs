//! What is left when something goes wrong: nothing that was half done, and a daemon that goes on.

use confine_backend::{ActionsMode, PushMode, TransactionOutcome};

use crate::{
    Elsewhere, Own, Part,
    case::{HostileTestbed, good, good_module, hostile, instance, without_measures},
    guest::{FOREVER, Guest},
    runtime,
    traced::Stopped,
};

pub const PART: Part = Part {
    cases: &[],
    own: &[
        Own("trap-in-the-third-of-five", trap_in_the_third_of_five),
        Own("ten-failures", ten_failures),
        Own("backend-gone-during-a-run", backend_gone_during_a_run),
        Own("terminated-during-a-run", terminated_during_a_run),
        Own("clock-in-a-call", clock_in_a_call),
        Own("thread-kept", thread_kept),
    ],
    elsewhere: &[Elsewhere("host-panics", "host/sandbox/tests/outcomes.rs", "host_panic_ends_only_one_run")],
};

/// Says so, and does not end.
fn looping() -> Guest {
    let apply = format!(
        "(call $log (global.get $level) (global.get $level.len) (global.get $message) (global.get $message.len)
            (i32.const 4) (i32.const 0))
        {FOREVER} unreachable"
    );
    hostile().text("level", "info").text("message", "it loops").apply(&apply)
}

const SECONDS: &str = "wall_clock = { base = '5 s', per_instance = '1 us' }";

const OUT_OF_TIME: &str = "module `hostile` 6.6.6, instance `hostile[name='h']`: wall clock limit reached: allowed 5,000 ms for one instance, used …";

const TIME: &str = "fuel.base = 1_000_000_000_000";

fn trap_in_the_third_of_five() {
    let set = |value: &str| {
        let guest = hostile()
            .text("value", value)
            .text("path", "/devices/device[name='openconfig1']/config/sys:system/config/motd-banner");
        let apply = "(call $set (local.get $view) (global.get $path) (global.get $path.len)
            (global.get $value) (global.get $value.len) (global.get $scratch)) (global.get $ok)";
        guest.apply(apply).build()
    };
    let [one, two, four, five] = ["one", "two", "four", "five"].map(set);
    let three = hostile().apply("unreachable").build();
    runtime().block_on(async {
        let modules = [
            ("good", good_module()),
            ("m1", &*one),
            ("m2", &*two),
            ("m3", &*three),
            ("m4", &*four),
            ("m5", &*five),
        ];
        let mut testbed = HostileTestbed::with(&modules, "").await;
        testbed.commit_good("first").await;
        for number in 1..=5 {
            testbed.daemon.ask(&format!("POST /v1/modules/m{number}/approve"));
        }
        let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
        assert!(!committed.succeeded());
        assert_eq!(
            committed.reason(),
            "module `m3` 6.6.6, instance `hostile[name='h']`: trap: wasm `unreachable` instruction executed"
        );
        assert_eq!(testbed.edits(), [""; 0]);
        assert!(
            !testbed.device().contains("motd-banner>one") && !testbed.device().contains("motd-banner>two")
        );
        testbed.base.discard().await.unwrap();
        testbed.commit_good("third").await;
        testbed.end();
    });
}

fn ten_failures() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&hostile().apply("unreachable").build(), "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        for _ in 0..10 {
            let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
            assert!(committed.reason().contains("trap"), "{}", committed.reason());
            assert_eq!(testbed.edits(), [""; 0]);
            testbed.base.discard().await.unwrap();
        }
        testbed.settle(before);
        testbed.commit_good("third").await;
        testbed.end();
    });
}

/// Commits both services, and waits until the hostile module runs. The transaction.
async fn run(testbed: &mut HostileTestbed) -> u64 {
    testbed.tap.take();
    testbed.edit(&(good("second") + &instance(&[]))).await;
    let tid = testbed.base.begin(PushMode::Commit, ActionsMode::Change).await.unwrap();
    tokio::task::block_in_place(|| testbed.daemon.await_log("it loops"));
    tid
}

fn terminated_during_a_run() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&looping().build(), TIME).await;
        testbed.commit_good("first").await;
        let tid = run(&mut testbed).await;
        testbed.daemon.terminate();
        let over = testbed.base.end(tid).await.unwrap();
        assert_eq!(over.result, TransactionOutcome::Failed);
        assert_eq!(
            over.reason.as_deref(),
            Some("the services daemon is shutting down\nhint: commit again when it has been restarted")
        );
        let HostileTestbed { base: mut testbed, daemon, directory, .. } = testbed;
        let status = tokio::task::block_in_place(|| daemon.ended());
        assert_eq!(status.code(), Some(0));
        // Nothing is left locked.
        testbed.discard().await.unwrap();
        drop(directory);
    });
}

fn backend_gone_during_a_run() {
    runtime().block_on(async {
        let limits = format!("{TIME}\nwall_clock.base = '10 s'");
        let mut testbed = HostileTestbed::begin(&looping().build(), &limits).await;
        testbed.commit_good("first").await;
        run(&mut testbed).await;
        testbed.new_controller().await;
        // The same daemon, which has found the new one.
        testbed.commit_good("third").await;
        testbed.end();
    });
}

/// A call waits for the controller, which does not answer.
fn clock_in_a_call() {
    let read = "(call $get (local.get $view) (global.get $path) (global.get $path.len) (global.get $scratch))
        (global.get $ok)";
    let guest =
        hostile().text("path", "/devices/device[name='slow']/config/sys:system/config/hostname").apply(read);
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&guest.build(), SECONDS).await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        testbed.tap.hold("slow");
        let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
        testbed.assert_failed(&committed, OUT_OF_TIME);
        testbed.tap.release();
        testbed.base.discard().await.unwrap();
        testbed.settle(before);
        testbed.commit_good("third").await;
        testbed.end();
    });
}

/// The system does not let the guest's thread run any more, and so it can do nothing about it.
fn thread_kept() {
    runtime().block_on(async {
        let limits = format!("{TIME}\n{SECONDS}");
        let mut testbed = HostileTestbed::begin(&looping().build(), &limits).await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        let tid = run(&mut testbed).await;
        let stopped = Stopped::thread(testbed.daemon.id(), "guest");
        let over = testbed.base.end(tid).await.unwrap();
        assert_eq!(over.reason.as_deref().map(without_measures).as_deref(), Some(OUT_OF_TIME));
        assert_eq!(testbed.edits(), [""; 0]);
        testbed.daemon.await_log("abandoned the thread of a guest that does not yield");
        testbed.base.discard().await.unwrap();
        // It is still there, and others do their work.
        testbed.commit_good("third").await;
        drop(stopped);
        testbed.settle(before);
        testbed.commit_good("fourth").await;
        testbed.end();
    });
}
