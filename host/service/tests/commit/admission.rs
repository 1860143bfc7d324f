//! What is decided about modules while others are not loaded yet, and about those of which no version runs.

use std::{fs, path::Path, sync::Arc};

use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{Host, HostOptions, ManagedService};

use super::{
    hot_swap::{library, version},
    serving::{ServingTestbed, claiming, claiming_with, file, second, shown},
};

/// Starts a daemon that knows its modules, and has loaded none of them.
async fn unloaded(top: &Path) -> Host {
    let runner = Runner::new(&Limits::default(), Compiler::in_process(), HostSecret::known()).unwrap();
    let host = Host::of_library(runner, library(top), HostOptions::default()).unwrap();
    host.modules().rescan().await;
    host
}

fn list(host: &Host, name: &str) -> Arc<ManagedService> {
    let mut lists = host.modules().registry().serving(name).collect::<Vec<_>>();
    assert_eq!(lists.len(), 1, "{lists:?}");
    lists.remove(0)
}

/// Makes all that is stored of a module unusable.
fn damage_stored(top: &Path, name: &str) {
    for entry in fs::read_dir(top.join("state").join(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            fs::write(path, "rubbish").unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_waits_for_each_version_that_ran_before_a_restart() {
    let testbed = ServingTestbed::with_two().await;
    let top = testbed.close().await;
    let host = unloaded(top.path()).await;
    host.modules().reload("probe").await.unwrap();
    assert_eq!(["probe", "second"].map(|name| shown(&host, name)), ["00001 active", " loading"]);
    let unready = |host| list(host, "probe").unready.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        unready(&host),
        ["module `second`, which serves `probe`, is being loaded\nhint: commit again when it is loaded"]
    );
    host.modules().load().await;
    assert_eq!(shown(&host, "second"), "00001 active");
    assert_eq!(unready(&host), [""; 0]);
}

/// Also if an operator loads it first, and nothing tells who serves the list.
#[tokio::test(flavor = "multi_thread")]
async fn newcomer_waits_for_each_version_that_ran_before() {
    let testbed = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    let top = testbed.close().await;
    fs::remove_file(top.path().join("state/services.json")).unwrap();
    fs::write(file(top.path(), "second"), second().await).unwrap();
    let host = unloaded(top.path()).await;
    host.modules().reload("second").await.unwrap();
    assert_eq!(["probe", "second"].map(|name| shown(&host, name)), [" loading", "00001 loading"]);
    host.modules().load().await;
    assert_eq!(shown(&host, "probe"), "00001 active");
    insta::assert_snapshot!(shown(&host, "second"), @r"
    00001 held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve second` to let it serve too
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_held_beside_another_needs_memory_too() {
    let files = [("other", &*claiming("1", &["e:else"])), ("probe", &version("00001").await)];
    let testbed = ServingTestbed::open(&files).await;
    let resident = |name: &str| {
        let modules = testbed.host().status().modules;
        modules.into_iter().find(|module| module.name == name).and_then(|module| module.resident).unwrap()
    };
    let [other, probe] = ["other", "probe"].map(resident);
    let top = testbed.close().await;
    let mut library = library(top.path());
    // Enough for all that runs, and half a version more.
    library.limits.total_resident = probe + other + other / 2;
    let mut testbed = ServingTestbed::open_with(top, library).await;
    testbed.place("other", &claiming("2", &["e:else", "p:probe"])).await;
    assert_eq!(testbed.state("other"), "1 active");
    let modules = testbed.host().status().modules;
    let refused = modules.into_iter().find_map(|module| module.refused).unwrap();
    assert!(refused.error.contains("and with it all loaded modules take"), "{}", refused.error);
    assert_eq!(testbed.commit().await.unwrap(), "first");
    // One that takes its place needs no room for both.
    testbed.place("other", &claiming("3", &["e:else"])).await;
    assert_eq!(testbed.state("other"), "3 active");
}

/// What the held module has made is removed, so the operator is told.
#[tokio::test(flavor = "multi_thread")]
async fn list_runs_without_a_module_that_is_only_held() {
    let mut testbed = ServingTestbed::with_two().await;
    testbed.place("other", &claiming("1", &["e:else"])).await;
    assert_eq!(testbed.commit().await.unwrap(), "first second");
    let top = testbed.close().await;
    damage_stored(top.path(), "second");
    fs::write(file(top.path(), "second"), claiming("2", &["e:else", "p:probe"])).unwrap();
    let library = library(top.path());
    let mut testbed = ServingTestbed::open_with(top, library).await;
    let suspended =
        list(testbed.host(), "probe").suspended.iter().map(ToString::to_string).collect::<Vec<_>>();
    insta::assert_snapshot!(suspended.join("\n"), @r"
    module `second` 00001, which serves `probe`, is held: it claims the list `else`, which `other` serves
    hint: replace or remove its file, or run `confine modules approve second` to let it serve too
    ");
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

/// No version of it can be loaded, so only the names of its lists are known.
#[tokio::test(flavor = "multi_thread")]
async fn lists_of_a_suspended_module_are_known_by_name() {
    let mut testbed = ServingTestbed::with_two().await;
    assert_eq!(testbed.commit().await.unwrap(), "first second");
    let top = testbed.close().await;
    damage_stored(top.path(), "second");
    fs::remove_file(file(top.path(), "second")).unwrap();
    let suspended = |host: &Host| {
        let list = list(host, "probe");
        list.suspended.iter().map(|module| module.module.clone()).collect::<Vec<_>>()
    };
    let opened = library(top.path());
    let mut testbed = ServingTestbed::open_with(top, opened).await;
    assert_eq!(suspended(testbed.host()), ["second"]);
    assert_eq!(testbed.commit().await.unwrap(), "first");

    let top = testbed.close().await;
    damage_stored(top.path(), "probe");
    fs::remove_file(file(top.path(), "probe")).unwrap();
    let opened = library(top.path());
    let mut testbed = ServingTestbed::open_with(top, opened).await;
    insta::assert_snapshot!(testbed.commit().await.unwrap_err(), @r"
    module `probe` 00001, which serves `probe`, is retired: its file is gone
    hint: put the file back or, if it is gone for good, run `confine modules forget probe`
    ");
}

/// It is known only once the module is loaded.
#[tokio::test(flavor = "multi_thread")]
async fn descriptions_take_memory_too() {
    const BYTES: usize = 4 << 20;
    let yard = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    let probe = yard.host().status().modules[0].resident.unwrap();
    let top = yard.close().await;
    let large = claiming_with("1", &["e:else"], &"x".repeat(BYTES));
    fs::write(file(top.path(), "other"), large).unwrap();
    let mut library = library(top.path());
    // Enough for its code, in which its description is too.
    library.limits.total_resident = probe + BYTES as u64 * 3 / 2;
    let mut testbed = ServingTestbed::open_with(top, library).await;
    assert!(testbed.state("other").contains("broken"), "{}", testbed.state("other"));
    assert_eq!(testbed.commit().await.unwrap(), "first");
}
