//! Modules that would do something else each time.

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
    own: &[Own("clocks", clocks), Own("order-of-maps", order_of_maps), Own("randomness", order_of_maps)],
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
