//! Modules that would do something else each time.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    Elsewhere, Own, Part,
    case::{Case, Ends::*, HostileTestbed, Module::*, good, hostile, instance, obedient},
    runtime,
};

pub const PART: Part = Part {
    cases: &[Case {
        // Whatever makes it, it has the same bits.
        id: "nan-bits",
        module: Guest(|| {
            let same = |nan: &str| {
                format!(
                    "(if (i64.ne (i64.reinterpret_f64 {nan}) (i64.const 0x7ff8000000000000)) (then unreachable))"
                )
            };
            let checks = [
                "(f64.div (f64.load (global.get $scratch)) (f64.load (global.get $scratch)))",
                "(f64.add (f64.const nan:0x123) (f64.load (global.get $scratch)))",
                "(f64.sqrt (f64.sub (f64.load (global.get $scratch)) (f64.const 1)))",
                "(f64.promote_f32 (f32.demote_f64 (f64.const -nan:0xfffff)))",
            ]
            .map(same);
            hostile().apply(&format!("{} (global.get $ok)", checks.concat()))
        }),
        limits: "",
        ends: Well,
    }],
    own: &[
        Own("clocks", clocks),
        Own("order-of-maps", order_of_maps),
        Own("randomness", order_of_maps),
        Own("commit-time", commit_time),
        Own("random-bytes-of-another", random_bytes_of_another),
    ],
    elsewhere: &[
        Elsewhere("fuel", "host/sandbox/tests/outcomes.rs", "same_input_uses_same_fuel"),
        Elsewhere("examples", "tests/tests/system/languages.rs", "every_example_is_deterministic"),
        Elsewhere(
            "python",
            "tests/tests/system/languages.rs",
            "python_module_matches_rust_and_is_deterministic",
        ),
        Elsewhere(
            "javascript",
            "tests/tests/system/languages.rs",
            "javascript_module_matches_rust_and_is_deterministic",
        ),
        Elsewhere("c", "tests/tests/system/languages.rs", "c_module_matches_rust_and_is_deterministic"),
    ],
};

const BANNER: &str = "/devices/device[name='openconfig1']/config/sys:system/config/motd-banner";

fn clocks() {
    same("clocks");
}

/// The order comes from random numbers.
fn order_of_maps() {
    same("order");
}

/// Two daemons are given the same: they send the same edits and have used the same fuel.
fn same(command: &str) {
    let line = format!("{command} {BANNER}");
    let [first, second] = [(); 2].map(|()| {
        runtime().block_on(async {
            let mut testbed = HostileTestbed::begin(obedient(), "").await;
            let committed = testbed.commit(&(good("banner") + &instance(&[&line]))).await;
            assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
            for module in ["good", "hostile"] {
                tokio::task::block_in_place(|| testbed.daemon.await_runs(module, 1));
            }
            let log = testbed.daemon.log();
            let fuel: Vec<String> =
                log.split_whitespace().filter(|word| word.contains("fuel")).map(Into::into).collect();
            assert_eq!(fuel.len(), 2, "{log}");
            let edits = testbed.edits();
            assert_eq!(edits.len(), 1);
            testbed.end();
            (edits, fuel)
        })
    });
    assert_eq!(first, second);
}

/// A module that tells its random bytes learns only those of its own instance, whatever that is called.
fn random_bytes_of_another() {
    const TELL: &str = "(call $random (i64.const 16) (global.get $scratch))
        (call $tell (i32.load (global.get $scratch)) (i32.const 16)) (global.get $ok)";
    let module = hostile().random().tells().apply(TELL).build();
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&module, "").await;
        let mut told = Vec::new();
        for (name, run) in [("h", 1), ("i", 2), ("h'][name=i", 3)] {
            told.push(bytes_told(&mut testbed, name, "first", run).await);
        }
        assert_eq!(bytes_told(&mut testbed, "h", "second", 4).await, told[0]);
        testbed.restart().await;
        assert_eq!(bytes_told(&mut testbed, "h", "third", 1).await, told[0]);
        let secret = testbed.directory.path().join("state/.secret");
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o7777, 0o600);
        let secret = fs::read_to_string(secret).unwrap();
        let shown = [testbed.daemon.log(), testbed.daemon.ask("GET /v1/status")];
        assert!(shown.iter().all(|text| !text.contains(secret.trim())));
        testbed.end();

        let mut other_host = HostileTestbed::begin(&module, "").await;
        told.push(bytes_told(&mut other_host, "h", "first", 1).await);
        other_host.end();
        let different: HashSet<_> = told.iter().collect();
        assert_eq!(different.len(), 4, "{told:?}");
    });
}

/// A module learns one instant of a commit, in all its calls.
fn commit_time() {
    const TELL: &str = "(call $date (global.get $scratch)) (call $tell (global.get $scratch) (i32.const 16))
        (global.get $ok)";
    let guest = hostile().wall_clock().tells().option("wall-clock", "commit");
    let module = guest.apply(TELL).hooks(TELL).build();
    runtime().block_on(async {
        let mut testbed = HostileTestbed::begin(&module, "").await;
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let began = now();
        let committed = testbed.commit(&instance(&[])).await;
        assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
        tokio::task::block_in_place(|| testbed.daemon.await_runs("hostile", 1));
        let told = told(&testbed);
        let [hook, run] = &told[..] else { panic!("{told:?}") };
        assert_eq!(hook, run);
        let bytes = crate::guest::told_bytes(run);
        let seconds = u64::from_le_bytes(*bytes.first_chunk().unwrap());
        assert!((began..=now()).contains(&seconds), "{seconds}");
        testbed.end();
    });
}

/// Commits an instance of this name with another note, which is this run of the daemon, and returns the bytes that it tells,
/// as letters.
async fn bytes_told(testbed: &mut HostileTestbed, name: &str, note: &str, run: usize) -> String {
    let entry = format!("<name>{name}</name><do>{note}</do>");
    let committed = testbed.commit(&instance(&[]).replace("<name>h</name>", &entry)).await;
    assert!(committed.succeeded(), "{}\n{}", committed.reason(), testbed.daemon.log());
    tokio::task::block_in_place(|| testbed.daemon.await_runs("hostile", run));
    let told = told(testbed);
    assert_eq!(told.len(), run, "{}", testbed.daemon.log());
    told[run - 1].clone()
}

/// Returns what the module has told since the daemon began: 16 bytes each time, as letters.
fn told(testbed: &HostileTestbed) -> Vec<String> {
    let is_told = |word: &&str| word.len() == 32 && word.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
    testbed.daemon.log().split_whitespace().filter(is_told).map(Into::into).collect()
}
