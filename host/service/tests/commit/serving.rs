//! Who serves a list is decided once: what a stranger's file changes, and what operators decide.

use std::{fs, path::Path, sync::Arc};

use confine_backend::{ActionsMode, PushMode};
use confine_service::{AuditEvent, Host, ModuleLibrary};
use confine_test_support::{
    guests::guest_of_version,
    testbed::{replaced, services},
};
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;

use super::{
    guest::{Description, Guest},
    hot_swap::{WatchedTestbed, host, host_of, library, modules, rename_into_place, version},
};

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config";

/// A controller with the service `probe`, and a daemon with any modules.
pub(super) struct ServingTestbed {
    yard: WatchedTestbed,
    events: Receiver<AuditEvent>,
}

/// A module that claims these lists and traps.
pub(super) fn claiming(version: &'static str, services: &'static [&'static str]) -> Vec<u8> {
    claiming_with(version, services, "")
}

/// As [`claiming`], with this in an option of its description.
pub(super) fn claiming_with(
    version: &'static str,
    services: &'static [&'static str],
    option: &str,
) -> Vec<u8> {
    const PREFIXES: &[(&str, &str)] = &[("p", "urn:example:probe"), ("e", "urn:example:else")];
    let description = Description { services, version, prefixes: PREFIXES, reads: &[] };
    Guest::new().description(description).option("x", option).apply("unreachable").build().to_vec()
}

pub(super) async fn second() -> Vec<u8> {
    guest_of_version("second", "00001").await.unwrap()
}

/// Returns a directory with these modules.
pub(super) fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(modules(top.path())).unwrap();
    for (name, bytes) in files {
        fs::write(file(top.path(), name), bytes).unwrap();
    }
    top
}

pub(super) fn file(top: &Path, name: &str) -> std::path::PathBuf {
    modules(top).join(name).with_extension("wasm")
}

/// Returns the state of a module, or what is held of it, with the reason.
pub(super) fn shown(host: &Host, name: &str) -> String {
    let Some(module) = host.status().modules.into_iter().find(|module| module.name == name) else {
        return "unknown".into();
    };
    let state = serde_json::to_value(&module.state).unwrap();
    let version = module.version.unwrap_or_default();
    let held = module.held.map(|held| format!("; {} held: {}", held.version, held.reason));
    let reason = state["reason"].as_str().map(|reason| format!(": {reason}"));
    format!(
        "{version} {}{}{}",
        state["state"].as_str().unwrap(),
        reason.unwrap_or_default(),
        held.unwrap_or_default()
    )
}

fn decided(top: &Path) -> String {
    fs::read_to_string(top.join("state/services.json")).unwrap().split_whitespace().collect()
}

impl ServingTestbed {
    pub(super) async fn open(files: &[(&str, &[u8])]) -> Self {
        let top = directory(files);
        let library = library(top.path());
        Self::open_with(top, library).await
    }

    pub(super) async fn open_with(top: TempDir, library: ModuleLibrary) -> Self {
        let yard = WatchedTestbed::open_with(top, library).await;
        let events = yard.host.events();
        Self { yard, events }
    }

    /// Starts with `probe`, which serves its list, and `second`, which an operator has approved.
    pub(super) async fn with_two() -> Self {
        let testbed = Self::open(&[("probe", &version("00001").await)]).await;
        testbed.place("second", &second().await).await;
        testbed.host().modules().approve("second").await.unwrap();
        testbed
    }

    /// Ends the daemon and the controller, and returns the directories.
    pub(super) async fn close(self) -> TempDir {
        self.yard.close().await
    }

    pub(super) fn host(&self) -> &Host {
        &self.yard.host
    }

    fn top(&self) -> &Path {
        self.yard.top.path()
    }

    pub(super) async fn place(&self, name: &str, bytes: &[u8]) {
        rename_into_place(&file(self.top(), name), bytes);
        self.host().modules().refresh().await;
    }

    async fn rename(&self, from: &str, to: &str) {
        fs::rename(file(self.top(), from), file(self.top(), to)).unwrap();
        self.host().modules().refresh().await;
    }

    async fn remove(&self, name: &str) {
        fs::remove_file(file(self.top(), name)).unwrap();
        self.host().modules().refresh().await;
    }

    pub(super) fn state(&self, name: &str) -> String {
        shown(self.host(), name)
    }

    /// Returns the kinds of the events since the last call.
    fn kinds(&mut self) -> Vec<&'static str> {
        WatchedTestbed::kinds(&mut self.events)
    }

    /// Commits an instance whose modules set a banner each. Returns which of the two were set on the device.
    pub(super) async fn commit(&mut self) -> Result<String, String> {
        let base = &mut self.yard.base;
        base.discard().await.unwrap();
        let lines = ["login-banner first", "motd-banner second"].map(|line| format!("set {SYSTEM}/{line}"));
        base.edit(&services(&replaced("a", &[&lines[0]], &[&lines[1]]))).await.unwrap();
        let committed =
            base.commit(PushMode::Commit, ActionsMode::Force(Some("probe[name='a']"))).await.unwrap();
        if !committed.succeeded() {
            return Err(committed.reason().to_owned());
        }
        let device = base.controller().device("openconfig1").unwrap();
        let set = ["first", "second"].into_iter().filter(|banner| device.contains(&format!(">{banner}<")));
        Ok(set.collect::<Vec<_>>().join(" "))
    }

    /// Starts another daemon on the same directories. The first one goes on, but loads nothing any more.
    async fn restarted(&self) -> Arc<Host> {
        host(self.top()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stranger_of_a_served_list_waits_for_approval() {
    let mut testbed = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    assert_eq!(testbed.commit().await.unwrap(), "first");
    testbed.place("second", &second().await).await;
    insta::assert_snapshot!(testbed.state("second"), @r"
    00001 held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve second` to let it serve too
    ");
    assert_eq!(testbed.commit().await.unwrap(), "first");
    assert_eq!(testbed.kinds(), ["hold"]);
    let registry = testbed.host().modules().registry();
    assert!(registry.files().iter().all(|file| file.name == "probe"), "nobody looks at the others");

    testbed.host().modules().approve("second").await.unwrap();
    assert_eq!(testbed.kinds(), ["approve", "load"]);
    assert_eq!(testbed.commit().await.unwrap(), "first second");
    assert_eq!(decided(testbed.top()), r#"{"lists":{"pair":["probe"],"probe":["probe","second"]}}"#);
    let again = testbed.restarted().await;
    assert_eq!(["probe", "second"].map(|name| shown(&again, name)), ["00001 active"; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn approval_needs_a_held_module() {
    let testbed = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    let modules = testbed.host().modules();
    insta::assert_snapshot!(modules.approve("probe").await.unwrap_err(), @"`probe` is not held: there is nothing to approve");
    insta::assert_snapshot!(modules.approve("prob").await.unwrap_err(), @r"
    no module is called `prob`
    hint: the modules are probe
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_that_two_files_claim_is_refused_until_decided() {
    let files = [("probe", &*version("00001").await), ("second", &*second().await)];
    let mut testbed =
        ServingTestbed::open(&[files[0], files[1], ("other", &claiming("1", &["e:else"]))]).await;
    insta::assert_snapshot!(testbed.commit().await.unwrap_err(), @r"
    no module serves `probe`: `probe` and `second` claim it, and none of them is approved
    hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in `[service.probe]` in confine.toml
    ");
    let states = ["other", "probe", "second"].map(|name| testbed.state(name));
    insta::assert_snapshot!(states.join("\n"), @r"
    1 active
    00001 held: it claims the list `probe`, and so does `second`
    hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in `[service.probe]` in confine.toml
    00001 held: it claims the list `probe`, and so does `probe`
    hint: run `confine modules approve NAME` for each that is to serve it, or name them as `modules` in `[service.probe]` in confine.toml
    ");
    // A restart decides nothing.
    let again = testbed.restarted().await;
    assert_eq!(["other", "probe", "second"].map(|name| shown(&again, name)), states);

    testbed.host().modules().approve("probe").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");
    insta::assert_snapshot!(testbed.state("second"), @r"
    00001 held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve second` to let it serve too
    ");
    testbed.host().modules().approve("second").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first second");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_claimant_left_serves() {
    let files = [("probe", &*version("00001").await), ("second", &*second().await)];
    let mut testbed = ServingTestbed::open(&files).await;
    testbed.remove("second").await;
    assert_eq!(testbed.state("probe"), "00001 active");
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_that_claims_a_foreign_list_is_held() {
    let mut testbed =
        ServingTestbed::open(&[("other", &claiming("1", &["e:else"])), ("probe", &version("00001").await)])
            .await;
    testbed.place("other", &claiming("2", &["e:else", "p:probe"])).await;
    insta::assert_snapshot!(testbed.state("other"), @r"
    1 active; 2 held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve other` to let it serve too
    ");
    assert_eq!(testbed.commit().await.unwrap(), "first");
    assert_eq!(shown(&*testbed.restarted().await, "other"), testbed.state("other"));
    insta::assert_snapshot!(testbed.host().modules().reload("other").await.unwrap_err(), @r"
    this version of `other` is held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve other` to let it serve too
    ");

    // A version that claims only its own is let in.
    testbed.place("other", &claiming("3", &["e:else"])).await;
    assert_eq!(testbed.state("other"), "3 active");
    testbed.place("other", &claiming("4", &["e:else", "p:probe"])).await;
    testbed.host().modules().approve("other").await.unwrap();
    assert_eq!(testbed.state("other"), "4 active");
    assert!(testbed.commit().await.unwrap_err().contains("trap"));
    assert_eq!(testbed.kinds(), ["hold", "swap", "hold", "approve", "swap", "trap"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_to_a_foreign_list_is_held() {
    let mut testbed = ServingTestbed::open(&[("other", &claiming("1", &["p:probe"]))]).await;
    // It gives the list up, and another module takes it.
    testbed.place("other", &claiming("2", &["e:else"])).await;
    testbed.place("probe", &version("00001").await).await;
    assert_eq!(testbed.commit().await.unwrap(), "first");
    insta::assert_snapshot!(testbed.host().modules().rollback("other").await.unwrap_err(), @r"
    this version of `other` is held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve other` to let it serve too
    ");
    insta::assert_snapshot!(testbed.state("other"), @r"
    2 active; 1 held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve other` to let it serve too
    ");
    assert_eq!(testbed.commit().await.unwrap(), "first");
    testbed.host().modules().approve("other").await.unwrap();
    assert_eq!(testbed.state("other"), "1 active");
    assert!(testbed.commit().await.unwrap_err().contains("trap"));
    // The file is passed over, as after any rollback.
    testbed.host().modules().refresh().await;
    assert_eq!(testbed.state("other"), "1 active");
    testbed.host().modules().reload("other").await.unwrap();
    assert_eq!(testbed.state("other"), "2 active");
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_does_not_run_without_a_module_that_is_broken() {
    let mut testbed = ServingTestbed::with_two().await;
    assert_eq!(testbed.commit().await.unwrap(), "first second");
    // Neither its file nor what is stored can be loaded.
    fs::write(file(testbed.top(), "second"), "rubbish").unwrap();
    for entry in fs::read_dir(testbed.top().join("state/second")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            fs::write(path, "rubbish").unwrap();
        }
    }
    let ServingTestbed { yard, .. } = testbed;
    let top = yard.close().await;
    let library = library(top.path());
    let mut testbed = ServingTestbed::open_with(top, library).await;
    insta::assert_snapshot!(testbed.commit().await.unwrap_err(), @r"
    module `second`, which serves `probe`, is not loaded: module `second` cannot be loaded: it is not a WebAssembly component
    hint: replace its file, or let the other modules of the list run without it: `confine modules disable second`
    ");
    testbed.host().modules().disable("second").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_runs_without_a_suspended_module_of_several() {
    let mut testbed = ServingTestbed::with_two().await;
    assert_eq!(testbed.commit().await.unwrap(), "first second");
    testbed.host().modules().disable("second").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");
    testbed.host().modules().enable("second").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first second");
    testbed.remove("second").await;
    assert_eq!(testbed.state("second"), "00001 retired");
    assert_eq!(testbed.commit().await.unwrap(), "first");
    // The last one is needed.
    testbed.host().modules().disable("probe").await.unwrap();
    insta::assert_snapshot!(testbed.commit().await.unwrap_err(), @r"
    module `probe` 00001, which serves `probe`, is disabled
    hint: run `confine modules enable probe`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_stranger_stops_nobody() {
    let mut testbed = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    testbed.place("a-stranger", &claiming("6", &["p:probe[other]"])).await;
    assert_eq!(testbed.commit().await.unwrap(), "first");
    testbed.host().modules().approve("a-stranger").await.unwrap();
    for _ in 0..3 {
        assert!(testbed.commit().await.unwrap_err().contains("trap"));
    }
    assert!(testbed.state("a-stranger").starts_with("6 quarantined"), "{}", testbed.state("a-stranger"));
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_of_the_same_name_elsewhere_is_claimed_too() {
    let mut testbed = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    testbed.place("else", &claiming("1", &["e:probe"])).await;
    insta::assert_snapshot!(testbed.state("else"), @r"
    1 held: it claims the list `probe`, which `probe` serves
    hint: replace or remove its file, or run `confine modules approve else` to let it serve too
    ");
    // It has no instances, so nobody misses it.
    testbed.host().modules().approve("else").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");
    testbed.host().modules().disable("else").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_decides_who_serves() {
    let top = directory(&[("probe", &*version("00001").await), ("second", &*second().await)]);
    let assigned = |modules: &[&str]| ModuleLibrary {
        services: [("probe".to_owned(), modules.iter().map(|&module| module.to_owned()).collect())].into(),
        ..library(top.path())
    };
    let both = host_of(top.path(), assigned(&["probe", "second"])).await;
    assert_eq!(["probe", "second"].map(|name| shown(&both, name)), ["00001 active"; 2]);
    drop(both);
    // What served before is held, as a whole.
    let one = assigned(&["second"]);
    let mut testbed = ServingTestbed::open_with(top, one).await;
    assert_eq!(testbed.commit().await.unwrap(), "second");
    insta::assert_snapshot!(testbed.state("probe"), @r"
    00001 held: it claims the list `probe`, which `[service.probe]` in confine.toml gives to `second`
    hint: remove its file, or add `probe` to `modules` there
    ");
    insta::assert_snapshot!(testbed.host().modules().approve("probe").await.unwrap_err(), @r"
    this version of `probe` is held: it claims the list `probe`, which `[service.probe]` in confine.toml gives to `second`
    hint: remove its file, or add `probe` to `modules` there
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn renamed_file_is_the_same_module() {
    let mut testbed = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    testbed.place("probe", &version("00002").await).await;
    assert_eq!(testbed.kinds(), ["swap"]);
    testbed.rename("probe", "moved").await;
    assert_eq!(testbed.state("moved"), "00002 active");
    assert_eq!(testbed.state("probe"), "unknown");
    assert_eq!(testbed.kinds(), ["retire", "rename"]);
    assert_eq!(testbed.commit().await.unwrap(), "first");
    assert_eq!(decided(testbed.top()), r#"{"lists":{"pair":["moved"],"probe":["moved"]}}"#);
    testbed.host().modules().disable("moved").await.unwrap();
    testbed.rename("moved", "again").await;
    assert_eq!(testbed.state("again"), "00002 disabled");
    testbed.host().modules().enable("again").await.unwrap();
    testbed.host().modules().rollback("again").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");

    // Also if it was renamed while no daemon ran.
    let top = testbed.yard.close().await;
    fs::rename(file(top.path(), "again"), file(top.path(), "late")).unwrap();
    let library = library(top.path());
    let mut testbed = ServingTestbed::open_with(top, library).await;
    assert_eq!(testbed.state("late"), "00001 active");
    assert_eq!(testbed.commit().await.unwrap(), "first");
    testbed.host().modules().reload("late").await.unwrap();
    assert_eq!(testbed.state("late"), "00002 active");
}

#[tokio::test(flavor = "multi_thread")]
async fn former_names_of_a_module_are_limited() {
    let mut testbed = ServingTestbed::open(&[("m0", &version("00001").await)]).await;
    for number in 0..16 {
        testbed.rename(&format!("m{number}"), &format!("m{}", number + 1)).await;
    }
    assert_eq!(testbed.state("m16"), "00001 active");
    testbed.rename("m16", "m17").await;
    // It is a stranger now, whose lists the retired module has.
    assert!(testbed.state("m17").starts_with("00001 held: it claims"), "{}", testbed.state("m17"));
    testbed.host().modules().approve("m17").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

/// The names of lists that a module claims, which differ from those of other numbers.
fn many_lists(number: usize) -> &'static [&'static str] {
    let lists: Vec<&'static str> = (0..1_000).map(|list| &*format!("p:l{number}x{list}").leak()).collect();
    lists.leak()
}

#[tokio::test(flavor = "multi_thread")]
async fn number_of_served_lists_is_limited() {
    let greedy: Vec<(String, Vec<u8>)> =
        (0..11).map(|number| (format!("g{number:02}"), claiming("1", many_lists(number)))).collect();
    let mut files: Vec<(&str, &[u8])> = greedy.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    let probe = version("00001").await;
    files.insert(0, ("a-probe", &probe));
    let mut testbed = ServingTestbed::open(&files).await;
    let (active, held): (Vec<String>, Vec<String>) =
        greedy.iter().map(|(name, _)| testbed.state(name)).partition(|state| state == "1 active");
    assert!(!active.is_empty() && !held.is_empty(), "{active:?} {held:?}");
    for state in held {
        let reason = "1 held: all modules together would serve too many lists\nhint: remove modules that are not needed";
        assert_eq!(state, reason);
    }
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn renamed_module_that_settings_name_is_held() {
    let top = directory(&[("probe", &*version("00001").await)]);
    let library = ModuleLibrary { named: ["probe".to_owned()].into(), ..library(top.path()) };
    let mut testbed = ServingTestbed::open_with(top, library).await;
    testbed.rename("probe", "moved").await;
    insta::assert_snapshot!(testbed.state("moved"), @r"
    00001 held: its file was `probe` before, and confine.toml names `probe`
    hint: change the name in confine.toml or rename the file back; then restart Confine, or run `confine modules approve moved`
    ");
    insta::assert_snapshot!(testbed.commit().await.unwrap_err(), @r"
    module `probe` 00001, which serves `probe`, is retired: its file is gone
    hint: put the file back or, if it is gone for good, run `confine modules forget probe`
    ");
    testbed.host().modules().approve("moved").await.unwrap();
    assert_eq!(testbed.commit().await.unwrap(), "first");
    assert_eq!(testbed.kinds(), ["retire", "hold", "approve", "rename"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn copied_file_is_a_stranger() {
    let mut testbed = ServingTestbed::open(&[("probe", &version("00001").await)]).await;
    testbed.place("copy", &version("00001").await).await;
    assert!(testbed.state("copy").starts_with("00001 held"), "{}", testbed.state("copy"));
    assert_eq!(testbed.commit().await.unwrap(), "first");
    // Once the first is gone, it is that one under another name.
    testbed.remove("probe").await;
    assert_eq!([testbed.state("copy"), testbed.state("probe")], ["00001 active", "unknown"]);
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_module_frees_its_lists() {
    let mut testbed = ServingTestbed::open(&[("other", &claiming("1", &["p:probe"]))]).await;
    testbed.place("probe", &version("00001").await).await;
    testbed.remove("other").await;
    // Its file may come back, so nothing changes.
    assert!(testbed.state("probe").starts_with("00001 held"), "{}", testbed.state("probe"));
    insta::assert_snapshot!(testbed.commit().await.unwrap_err(), @r"
    module `other` 1, which serves `probe`, is retired: its file is gone
    hint: put the file back or, if it is gone for good, run `confine modules forget other`
    ");
    // Another file of its name is another version of it.
    testbed.place("other", &claiming("2", &["p:probe"])).await;
    assert_eq!(testbed.state("other"), "2 active");
    testbed.remove("other").await;
    testbed.host().modules().forget("other").await.unwrap();
    assert_eq!(testbed.state("probe"), "00001 active");
    assert_eq!(testbed.commit().await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_decisions_are_taken_from_what_ran() {
    let testbed = ServingTestbed::with_two().await;
    testbed.place("third", &claiming("3", &["p:probe"])).await;
    let before = decided(testbed.top());
    for damage in [Some("{\"lists\": 3"), None] {
        let stored = testbed.top().join("state/services.json");
        match damage {
            Some(text) => fs::write(&stored, text).unwrap(),
            None => fs::remove_file(&stored).unwrap(),
        }
        let again = testbed.restarted().await;
        assert_eq!(["probe", "second"].map(|name| shown(&again, name)), ["00001 active"; 2]);
        assert!(shown(&again, "third").starts_with("3 held"), "{}", shown(&again, "third"));
        assert_eq!(decided(testbed.top()), before);
    }
}
