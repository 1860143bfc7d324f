//! Files that take the compiler long: nothing waits for them but what needs them.

use std::{
    borrow::Cow,
    fs,
    sync::{Arc, OnceLock},
};

use confine_sandbox::Digest;

use crate::{
    Elsewhere, Own, Part,
    case::{HostileTestbed, good, good_module, hostile, instance},
    load::{huge_function, nested_blocks},
    runtime,
    traced::soon,
};

pub const PART: Part = Part {
    cases: &[],
    own: &[
        Own("slow-files", slow_files),
        Own("slow-first-version", slow_first_version),
        Own("slow-next-version", slow_next_version),
    ],
    elsewhere: &[Elsewhere(
        "refused-before",
        "host/service/tests/commit/loading.rs",
        "refused_file_is_not_compiled_after_a_restart",
    )],
};

/// A module that takes the compiler longer than anything else here. Each has a custom section with its name.
fn slow(name: &str) -> Vec<u8> {
    static BYTES: OnceLock<Arc<[u8]>> = OnceLock::new();

    let slow = BYTES.get_or_init(|| hostile().fields(&huge_function().repeat(4)).build());
    let name = wasm_encoder::CustomSection { name: name.into(), data: Cow::Borrowed(&[]) };
    let mut bytes = slow.to_vec();
    wasm_encoder::ComponentSection::append_to_component(&name, &mut bytes);
    bytes
}

const SLOW: [&str; 3] = ["slow1", "slow2", "slow3"];

fn slow_files() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::with(&[("good", good_module())], "").await;
        testbed.commit_good("first").await;
        let before = testbed.daemon.memory();
        SLOW.iter().for_each(|name| testbed.place(name, &slow(name)));
        testbed.daemon.worker();
        testbed.commit_good("second").await;
        testbed.daemon.ask("POST /v1/modules/slow1/disable");
        testbed.daemon.ask("POST /v1/modules/good/disable");
        testbed.daemon.ask("POST /v1/modules/good/enable");
        testbed.commit_good("third").await;
        soon("their state", || (testbed.daemon.modules_in("loading") == 3).then_some(()));

        // They are still there after a restart.
        testbed.restart().await;
        testbed.daemon.worker();
        testbed.commit_good("fourth").await;
        soon("their state", || (testbed.daemon.modules_in("loading") == 3).then_some(()));
        for name in SLOW {
            fs::remove_file(testbed.directory.path().join(format!("modules/{name}.wasm"))).unwrap();
        }
        testbed.daemon.await_log("stopped loading a file that is gone");
        soon("the end of the worker", || testbed.daemon.find_worker().is_none().then_some(()));
        testbed.settle(before);
        testbed.commit_good("fifth").await;
        testbed.end();
    });
}

/// A commit waits for the only module that may serve it.
fn slow_first_version() {
    runtime().block_on(async {
        let mut testbed = HostileTestbed::with(&[("good", good_module())], "").await;
        testbed.commit_good("first").await;
        testbed.place("hostile", &hostile().fields(&nested_blocks(200)).build());
        testbed.daemon.worker();
        let committed = testbed.commit(&(good("second") + &instance(&[]))).await;
        assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
        assert!(
            testbed.daemon.log().contains("module loaded module=\"hostile\""),
            "{}",
            testbed.daemon.log()
        );
        testbed.end();
    });
}

/// Commits run the last good version meanwhile, and the log says so once. Another file ends it.
fn slow_next_version() {
    const NOTED: &str =
        "a commit ran an older version of a module than its file, which is still being loaded";
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&hostile().build(), "").await;
        let next = slow("next");
        testbed.place("hostile", &next);
        testbed.daemon.worker();
        for banner in ["first", "second"] {
            let committed = testbed.commit(&(good(banner) + &instance(&[]))).await;
            assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
        }
        let log = testbed.daemon.log();
        assert_eq!(log.matches(NOTED).count(), 1, "{log}");
        assert!(testbed.daemon.ask("GET /v1/modules/hostile").contains(&Digest::of(&next).to_string()));
        // What was found is waited for.
        let last = hostile().apply("unreachable").build();
        testbed.place("hostile", &last);
        testbed.daemon.ask("POST /v1/refresh");
        let committed = testbed.commit(&(good("third") + &instance(&["x"]))).await;
        assert!(
            committed.reason().contains("wasm `unreachable` instruction executed"),
            "{}",
            committed.reason()
        );
        testbed.end();
    });
}
