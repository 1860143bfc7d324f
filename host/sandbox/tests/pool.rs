//! Instances have memory, tables and stacks one after another, and are isolated all the same.

use std::sync::Arc;

use confine_sandbox::{Budget, Compiler, EntryPoint, HostSecret, Limits, Runner};
use tokio::task::JoinSet;

use crate::{
    guest::{Guest, OK},
    host::{PATIENCE, run_one, runner, told},
};

/// Fails if it finds anything but what its module defines, and then writes wherever it can: into its data, an untouched page,
/// one that it grows, its tables and its globals.
fn untidy() -> Guest {
    Guest::new()
        .text("data", "as it was")
        .pages(40)
        .fields(
            r#"(memory $own 1)
            (table $table 100 funcref)
            (elem declare func $nothing)
            (func $nothing)
            (global $written (mut i32) (i32.const 0))
            (func $check (param $is i32) (if (i32.eqz (local.get $is)) (then unreachable)))"#,
        )
        .apply(
            "(local $grown i32)
            (call $check (i32.eqz (global.get $written)))
            (call $check (i32.eq (i32.load8_u (global.get $data)) (i32.const 97)))
            (call $check (i64.eqz (i64.load (i32.const 2000000))))
            (call $check (i64.eqz (i64.load $own (i32.const 100))))
            (call $check (ref.is_null (table.get $table (i32.const 7))))
            (call $check (i32.eq (table.size $table) (i32.const 100)))
            (local.set $grown (i32.mul (memory.grow (i32.const 3)) (i32.const 65536)))
            (call $check (i32.lt_u (local.get $grown) (i32.const 2800000)))
            (call $check (i64.eqz (i64.load offset=100000 (local.get $grown))))
            (call $check (i32.eq (table.grow $table (ref.null func) (i32.const 2000)) (i32.const 100)))
            (call $check (ref.is_null (table.get $table (i32.const 1999))))

            (global.set $written (i32.const 1))
            (i32.store8 (global.get $data) (i32.const 98))
            (i64.store (i32.const 2000000) (i64.const -1))
            (i64.store $own (i32.const 100) (i64.const -1))
            (i64.store offset=100000 (local.get $grown) (i64.const -1))
            (table.fill $table (i32.const 0) (ref.func $nothing) (i32.const 2100))
            (global.get $ok)",
        )
}

#[tokio::test]
async fn instance_finds_nothing_of_earlier_ones() {
    let runner = runner();
    let module = runner.load("bench", untidy().build(), &Limits::default()).await.unwrap();
    let mut budget = Budget::new(&Limits::default(), 20);
    for _ in 0..20 {
        let run = run_one(&runner, &module, &mut budget, EntryPoint::Apply, "s1").await;
        assert_eq!(told(&run), "fine");
    }
}

#[tokio::test]
async fn modules_run_without_a_pool_where_there_is_no_room() {
    // More than any processor can address.
    let limits = Limits { memories: 1 << 20, ..Limits::default() };
    let runner = Runner::new(&limits, Compiler::in_process(), HostSecret::known()).unwrap();
    let module = runner.load("bench", untidy().build(), &Limits::default()).await.unwrap();
    let mut budget = Budget::new(&Limits::default(), 1);
    let run = run_one(&runner, &module, &mut budget, EntryPoint::Apply, "s1").await;
    assert_eq!(told(&run), "fine");
}

#[tokio::test]
async fn runs_wait_for_their_turn_where_many_begin_at_once() {
    let runner = Arc::new(runner().with_grace(PATIENCE));
    // As many memories and tables as one may have.
    let guest = Guest::new().fields(&"(memory 1) (table 10 funcref)".repeat(14)).apply(OK);
    let module = runner.load("bench", guest.build(), &Limits::default()).await.unwrap();
    let mut runs = JoinSet::new();
    for number in 0..50 {
        let (runner, module) = (runner.clone(), module.clone());
        runs.spawn(async move {
            let mut budget = Budget::new(&Limits::default(), 1);
            told(&run_one(&runner, &module, &mut budget, EntryPoint::Apply, &format!("s{number}")).await)
        });
    }
    assert_eq!(runs.join_all().await, ["fine"; 50]);
}
