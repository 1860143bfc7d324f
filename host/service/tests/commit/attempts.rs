//! A commit during which others change `running` is tried again, within bounds.

use std::{collections::HashSet, fs, path::PathBuf, sync::Arc, time::Duration};

use confine_author::LoadedServices;
use confine_sandbox::{Compiler, HostSecret, Limits, Runner, ScaledLimit};
use confine_service::{FoundFile, Host, HostOptions, ModuleRegistry, status::ModuleState};
use confine_test_support::{
    guests::{guest_of_version, guests},
    testbed::{DaemonTestbed, interface, probe, replaced, succeeded},
};
use tokio::task::JoinHandle;

/// What the text of the error begins with.
const ERROR: &str = "others changed `running` during the commit, 3 times in a row";

/// A daemon that relies on the file of `running`: it has seen a commit of its own write it.
async fn relying_on_the_file(services: LoadedServices) -> DaemonTestbed {
    let host = services.host.clone();
    let mut testbed = DaemonTestbed::start(services, "", "alice").await;
    for mtu in [1500, 1600] {
        succeeded(&testbed.commit(&set_mtu(mtu, &[])).await);
    }
    // The last hook of a commit is called after its answer.
    while host.status().modules.iter().any(|module| module.name == "hooked" && module.hook_runs < 4) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    testbed.tap.take();
    testbed
}

fn set_mtu(mtu: u16, hooks: &[&str]) -> String {
    let [name, kind] = interface("x");
    let mtu = format!(
        "set /devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config/mtu {mtu}"
    );
    replaced("a", &[&name, &kind, &mtu], hooks)
}

/// Somebody who writes `running` all the time, which only happens past the lock of the candidate.
fn write_all_the_time(testbed: &DaemonTestbed) -> JoinHandle<()> {
    let file: PathBuf = testbed.base.running_file();
    // Between two replies, there is time for a write.
    testbed.tap.delay(Duration::from_millis(20));
    tokio::spawn(async move {
        loop {
            fs::write(&file, "written by somebody else").unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
}

fn edits(testbed: &DaemonTestbed) -> usize {
    testbed.tap.take().iter().filter(|request| request.contains("<edit-config>")).count()
}

/// Runs and hook calls of a module.
fn runs(host: &Host, module: &str) -> (u64, u64) {
    let modules = host.status().modules;
    let module = modules.iter().find(|status| status.name == module).unwrap();
    (module.runs, module.hook_runs)
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_gives_up_after_three_attempts_and_calls_hooks_once() {
    let services = guests(&["hooked", "probe"]).await.unwrap();
    let host = services.host.clone();
    let mut testbed = relying_on_the_file(services).await;
    let (before, hooks_before) = (runs(&host, "probe"), runs(&host, "hooked"));
    let device = testbed.device();

    let writer = write_all_the_time(&testbed);
    let committed = testbed.commit(&set_mtu(9000, &[])).await;
    writer.abort();
    let _ = writer.await;
    assert!(committed.reason().starts_with(ERROR), "{}", committed.reason());
    assert!(committed.reason().contains("hint: "), "{}", committed.reason());
    assert_eq!(edits(&testbed), 0, "nothing is written by a commit that is given up");
    assert_eq!(testbed.device(), device);
    assert_eq!(runs(&host, "probe"), (before.0 + 3, before.1));
    // `pre-commit` once; `post-commit-failed` may have been called as well by now.
    let hook_calls = runs(&host, "hooked").1 - hooks_before.1;
    assert!((1..=2).contains(&hook_calls), "{hook_calls} hook calls");

    // The candidate still has it, and nobody else writes any more.
    testbed.tap.delay(Duration::ZERO);
    succeeded(&testbed.commit(&set_mtu(9000, &[])).await);
    assert!(testbed.device().contains("<mtu>9000</mtu>"));
}

/// A hook that fails the commit does so at the first attempt, so it is not called for a second one.
#[tokio::test(flavor = "multi_thread")]
async fn failing_pre_commit_ends_the_first_attempt() {
    let services = guests(&["hooked", "probe"]).await.unwrap();
    let host = services.host.clone();
    let mut testbed = relying_on_the_file(services).await;
    let before = runs(&host, "probe");
    let writer = write_all_the_time(&testbed);
    let committed =
        testbed.commit(&set_mtu(9000, &["pre say /devices/device[name='openconfig1']/name"])).await;
    writer.abort();
    assert!(committed.reason().contains("pre-commit"), "{}", committed.reason());
    assert_eq!(runs(&host, "probe"), before);
}

/// The budget is the commit's: a second attempt has what the first one has left.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_a_commit_share_the_budget() {
    // Three edits a run.
    let five = ScaledLimit { base: 5, per_instance: 0 };
    let limits = Limits { edits: five, ..Limits::default() };
    let runner = Runner::new(&limits, Compiler::in_process(), HostSecret::known()).unwrap();
    let bytes = guest_of_version("probe", "0.1.0").await.unwrap();
    let file = FoundFile { name: "probe".into(), path: "probe.wasm".into(), bytes: Ok(bytes) };
    let registry = ModuleRegistry::load(vec![file], &runner, |_| limits.clone()).await;
    let models = guests(&["probe"]).await.unwrap().models;
    let host = Arc::new(Host::new(runner, &registry, HostOptions::default()).unwrap());
    let mut testbed = relying_on_the_file(LoadedServices { models, host: host.clone() }).await;
    let before = runs(&host, "probe").0;

    let writer = write_all_the_time(&testbed);
    let committed = testbed.commit(&set_mtu(9000, &[])).await;
    writer.abort();
    insta::assert_snapshot!(committed.reason(), @r"
    others changed `running` during the commit, and attempt 2 has exceeded what was left of a budget: module `probe` 0.1.0, instance `probe[name='a']`: edits limit reached: allowed 5 for the commit, used 6
    ");
    let module = host.status().modules.remove(0);
    assert_eq!(module.state, ModuleState::Active);

    assert_eq!(runs(&host, "probe").0 - before, 2);
}

/// Every instance that runs is called once in each attempt, and once only where nobody interferes.
#[tokio::test(flavor = "multi_thread")]
async fn undisturbed_commit_runs_each_instance_once() {
    let services = guests(&["hooked", "probe"]).await.unwrap();
    let host = services.host.clone();
    let mut testbed = relying_on_the_file(services).await;
    let before = runs(&host, "probe").0;
    let names: HashSet<String> = (0..3).map(|number| format!("n{number}")).collect();
    let instances: String = names.iter().map(|name| probe(name, &[], &[])).collect();
    succeeded(&testbed.commit(&instances).await);
    assert_eq!(runs(&host, "probe").0 - before, 3);
}
