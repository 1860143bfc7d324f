//! What a run is given besides its instance and its view: random bytes and the date.

use std::time::Duration;

use confine_sandbox::{
    Budget, CommitContext, EntryPoint, Hook, HostSecret, Limits, Module, RunReport, Runner, interfaces,
};

use crate::{
    guest::{Guest, OK, told_bytes},
    host::{instance, runner, runner_of, view},
};

const EIGHT_BYTES: &str = "(call $random (i64.const 8) (global.get $scratch))
    (call $tell (i32.load (global.get $scratch)) (i32.const 8))";

/// Tells random bytes twice, in `apply` and in `pre-commit`.
fn random() -> Guest {
    let twice = format!("{EIGHT_BYTES} {EIGHT_BYTES} {OK}");
    Guest::new().random().tells().apply(&twice).hooks(&twice)
}

async fn load(runner: &Runner, name: &str, guest: Guest) -> Module {
    runner.load(name, guest.build(), &Limits::default()).await.unwrap()
}

/// Runs a module for an instance in a commit at this time.
async fn run_at(
    runner: &Runner,
    module: &Module,
    entry: EntryPoint,
    name: &str,
    commit: &CommitContext,
) -> RunReport {
    let mut budget = Budget::new(module.limits(), 1);
    let instance = instance(name);
    let view = |meter| view(module, crate::host::draft(), instance.clone(), meter);
    runner.run(module, &mut budget, entry, commit, &instance, view).await
}

/// What a run tells.
async fn told(runner: &Runner, module: &Module, entry: EntryPoint, name: &str) -> Vec<Vec<u8>> {
    bytes(run_at(runner, module, entry, name, &CommitContext::default()).await)
}

fn bytes(run: RunReport) -> Vec<Vec<u8>> {
    run.outcome.unwrap();
    run.log.iter().map(|line| told_bytes(&line.message)).collect()
}

#[tokio::test]
async fn random_bytes_of_an_instance_are_the_same_in_every_run() {
    let secret = HostSecret::new(&[7; 32]);
    let first = runner_of(secret.clone());
    let module = load(&first, "bench", random()).await;
    let expected = told(&first, &module, EntryPoint::Apply, "s1").await;
    assert_eq!(expected.len(), 2);
    assert_ne!(expected[0], expected[1]);
    assert_eq!(told(&first, &module, EntryPoint::Apply, "s1").await, expected);
    let other_commit = CommitContext {
        transaction: "8".into(),
        user: "ann".into(),
        dry_run: true,
        time: Duration::from_secs(5),
        options: Vec::new(),
    };
    assert_eq!(bytes(run_at(&first, &module, EntryPoint::Apply, "s1", &other_commit).await), expected);

    // After a restart, with a new version under another name.
    let second = runner_of(secret);
    let renamed = load(&second, "renamed", random().text("more", "code")).await;
    assert_ne!(renamed.digest(), module.digest());
    assert_eq!(told(&second, &renamed, EntryPoint::Apply, "s1").await, expected);
}

#[tokio::test]
async fn random_bytes_of_other_instances_hooks_and_hosts_differ() {
    let (one, other) = (runner_of(HostSecret::new(&[7; 32])), runner_of(HostSecret::new(&[8; 32])));
    let mut all = Vec::new();
    for runner in [&one, &other] {
        let module = load(runner, "bench", random()).await;
        for entry in [EntryPoint::Apply, EntryPoint::Hook(Hook::PreCommit)] {
            for name in ["s1", "s2", "s1/", "s1'][x='"] {
                all.extend(told(runner, &module, entry, name).await);
            }
        }
    }
    let count = all.len();
    assert_eq!(count, 2 * 2 * 4 * 2);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[tokio::test]
async fn random_bytes_of_a_description_have_no_secret_in_them() {
    // The module can be loaded only with the bytes that everybody knows.
    let known = "(call $random (i64.const 8) (global.get $scratch))
        (if (i64.ne (i64.load (i32.load (global.get $scratch))) (i64.const 4376060000487917008)) (then unreachable))";
    let guest = || Guest::new().random().describe(known);
    for runner in [runner_of(HostSecret::new(&[7; 32])), runner()] {
        load(&runner, "bench", guest()).await;
    }
}

#[tokio::test]
async fn insecure_numbers_are_the_same_for_everybody() {
    let tell = format!(
        "{EIGHT_BYTES} (call $seed (global.get $scratch)) (call $tell (global.get $scratch) (i32.const 16)) {OK}"
    );
    let guest = || Guest::new().insecure_random().tells().apply(&tell);
    let (one, other) = (runner_of(HostSecret::new(&[7; 32])), runner());
    let (here, there) = (load(&one, "a", guest()).await, load(&other, "b", guest()).await);
    let expected = told(&one, &here, EntryPoint::Apply, "s1").await;
    assert_eq!(expected.len(), 2);
    assert_eq!(told(&other, &there, EntryPoint::Apply, "s2").await, expected);
}

#[tokio::test]
async fn wall_clock_is_fixed_unless_the_module_asks_for_the_commit() {
    let tell =
        format!("(call $date (global.get $scratch)) (call $tell (global.get $scratch) (i32.const 12)) {OK}");
    let guest = || Guest::new().wall_clock().tells().apply(&tell).hooks(&tell);
    let runner = runner();
    let fixed = load(&runner, "fixed", guest()).await;
    let asks = load(&runner, "asks", guest().option("wall-clock", "commit")).await;
    let commit = CommitContext { time: Duration::from_millis(1_780_000_000_999), ..CommitContext::default() };
    let mut dates = Vec::new();
    for module in [&fixed, &asks] {
        for entry in [EntryPoint::Hook(Hook::PreCommit), EntryPoint::Apply] {
            let told = bytes(run_at(&runner, module, entry, "s1", &commit).await).concat();
            let (seconds, rest) = told.split_first_chunk().unwrap();
            assert_eq!(rest, [0; 4]);
            dates.push(u64::from_le_bytes(*seconds));
        }
    }
    assert_eq!(dates, [946_684_800, 946_684_800, 1_780_000_000, 1_780_000_000]);

    let unknown = guest().option("wall-clock", "host").build();
    let error = runner.load("bench", unknown, &Limits::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "module `bench` cannot be loaded: its description is wrong at `wall-clock`, `host`: write `commit`, or leave it out for a clock that stands still"
    );
}

#[tokio::test]
async fn module_knows_which_interfaces_it_imports() {
    let runner = runner();
    let all = [
        interfaces::RANDOM,
        interfaces::INSECURE,
        interfaces::INSECURE_SEED,
        interfaces::WALL_CLOCK,
        interfaces::MONOTONIC_CLOCK,
    ];
    let mut imported = Vec::new();
    for guest in [
        Guest::new(),
        Guest::new().random(),
        Guest::new().insecure_random(),
        Guest::new().wall_clock(),
        Guest::new().clock(),
    ] {
        let module = load(&runner, "bench", guest).await;
        imported.push(all.iter().filter(|interface| module.imports(interface)).count());
    }
    assert_eq!(imported, [0, 1, 2, 1, 1]);
}
