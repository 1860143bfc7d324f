//! Modules are added, replaced and removed while a controller is served.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use confine_author::Testbed;
use confine_backend::{ActionsMode, ModelStore, PushMode, YangDirectories};
use confine_controller::Controller;
use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{
    EventKind, Host, HostOptions, ModuleLibrary, QuarantinePolicy, VersionStore,
    status::{ModuleState, ModuleStatus},
};
use confine_test_support::{
    PATIENCE,
    guests::{guest_of_version, test_guest},
    testbed::{replaced, services},
};
use confine_tree::{CONTROLLER, QName};
use tempfile::TempDir;

const BANNER: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";

/// A controller, and a daemon that watches its module directory.
pub(super) struct WatchedTestbed {
    pub(super) base: Testbed,
    pub(super) host: Arc<Host>,
    pub(super) top: TempDir,
    watching: WatchingTask,
}

/// A task that watches the directory, and ends with this.
struct WatchingTask(tokio::task::JoinHandle<()>);

impl WatchingTask {
    async fn end(&self) {
        self.0.abort();
        while !self.0.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for WatchingTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn modules(top: &Path) -> PathBuf {
    top.join("modules")
}

pub(super) fn library(top: &Path) -> ModuleLibrary {
    ModuleLibrary {
        directories: vec![modules(top)],
        store: Some(VersionStore::open(top.join("state")).unwrap()),
        quarantine: QuarantinePolicy { failures: Some(3), window: Duration::from_secs(3600) },
        ..ModuleLibrary::default()
    }
}

pub(super) async fn host(top: &Path) -> Arc<Host> {
    host_of(top, library(top)).await
}

pub(super) async fn host_of(top: &Path, library: ModuleLibrary) -> Arc<Host> {
    let runner = Runner::new(&Limits::default(), Compiler::in_process(), HostSecret::known()).unwrap();
    let models = ModelStore::new(YangDirectories::default(), vec![modules(top)], None);
    {
        let host =
            Host::of_library(runner, library, HostOptions { models, ..HostOptions::default() }).unwrap();
        host.modules().load().await;
        Arc::new(host)
    }
}

impl WatchedTestbed {
    /// Starts with the first version of `probe`.
    async fn open() -> Self {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir(modules(top.path())).unwrap();
        fs::write(modules(top.path()).join("probe.wasm"), version("00001").await).unwrap();
        Self::open_in(top).await
    }

    async fn open_in(top: TempDir) -> Self {
        let library = library(top.path());
        Self::open_with(top, library).await
    }

    /// Starts with the modules of a library.
    pub(super) async fn open_with(top: TempDir, library: ModuleLibrary) -> Self {
        let host = host_of(top.path(), library).await;
        let yang = test_guest("probe").join("probe@2026-11-23.yang");
        let builder =
            Controller::builder().devices(2).service_model("probe", fs::read_to_string(yang).unwrap());
        let testbed = Testbed::open(builder, host.clone(), top.path(), "alice").await.unwrap();
        let watched = host.clone();
        let watching = WatchingTask(tokio::spawn(async move { match watched.modules().watch().await {} }));
        Self { base: testbed, host, top, watching }
    }

    /// Ends the daemon and the controller, and returns the directories.
    pub(super) async fn close(self) -> TempDir {
        self.watching.end().await;
        self.base.close().await;
        self.top
    }

    fn file(&self) -> PathBuf {
        modules(self.top.path()).join("probe.wasm")
    }

    fn module(&self) -> ModuleStatus {
        let modules = self.host.status().modules;
        modules.into_iter().find(|module| module.name == "probe").expect("probe is known")
    }

    /// Waits until this holds of the module's status.
    async fn until(&self, what: &str, is: impl Fn(&ModuleStatus) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !self.host.status().modules.iter().any(|module| module.name == "probe" && is(module)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("not {what}: {:?}", self.host.status().modules));
    }

    async fn runs(&self, version: &str) {
        self.until(version, |module| {
            module.state == ModuleState::Active && module.version.as_deref() == Some(version)
        })
        .await;
    }

    /// Commits an instance that executes these lines, and returns what the user reads if it fails.
    async fn commit(&mut self, does: &str) -> Result<(), String> {
        self.base.discard().await.unwrap();
        self.base.edit(&services(&replaced("a", &[does], &[]))).await.unwrap();
        let committed =
            self.base.commit(PushMode::Commit, ActionsMode::Force(Some("probe[name='a']"))).await.unwrap();
        if committed.succeeded() { Ok(()) } else { Err(committed.reason().to_owned()) }
    }

    /// Returns the version that a commit writes to the device.
    async fn committed_version(&mut self) -> String {
        self.commit(&format!("stamp {BANNER}")).await.unwrap();
        let device = self.base.controller().device("openconfig1").unwrap();
        let (_, rest) = device.split_once("<login-banner>").expect("a banner");
        rest.split_once('<').unwrap().0.to_owned()
    }

    /// Returns the kinds of the events since the last call.
    pub(super) fn kinds(
        events: &mut tokio::sync::broadcast::Receiver<confine_service::AuditEvent>,
    ) -> Vec<&'static str> {
        std::iter::from_fn(|| events.try_recv().ok())
            .map(|event| event.what.kind())
            .filter(|kind| *kind != "commit")
            .collect()
    }
}

pub(super) async fn version(version: &str) -> Vec<u8> {
    guest_of_version("probe", version).await.unwrap()
}

/// Renames a new file into place, as package managers do.
pub(super) fn rename_into_place(file: &Path, content: &[u8]) {
    let aside = file.with_file_name(".aside");
    fs::write(&aside, content).unwrap();
    fs::rename(aside, file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn new_version_replaces_the_old_however_it_is_written() {
    let mut yard = WatchedTestbed::open().await;
    let mut events = yard.host.events();
    assert_eq!(yard.committed_version().await, "00001");

    rename_into_place(&yard.file(), &version("00002").await);
    yard.runs("00002").await;
    assert_eq!(yard.committed_version().await, "00002");

    // Over the old content, as `cp` does.
    fs::write(yard.file(), version("00003").await).unwrap();
    yard.runs("00003").await;
    assert_eq!(yard.committed_version().await, "00003");

    // As editors that keep a backup do.
    fs::rename(yard.file(), yard.file().with_extension("wasm~")).unwrap();
    fs::write(yard.file(), version("00004").await).unwrap();
    yard.runs("00004").await;
    assert_eq!(yard.committed_version().await, "00004");
    let kinds = WatchedTestbed::kinds(&mut events);
    assert_eq!(kinds.iter().filter(|kind| **kind == "swap").count(), 3, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_written_file_is_not_loaded_until_complete() {
    let mut yard = WatchedTestbed::open().await;
    let new = version("00002").await;
    let (head, tail) = new.split_at(new.len() / 2);
    let mut file = fs::File::create(yard.file()).unwrap();
    file.write_all(head).unwrap();
    // The copy is so slow that half of it is taken for the whole.
    yard.until("refused", |module| module.refused.is_some()).await;
    let refused = yard.module().refused.unwrap().error;
    assert!(refused.contains("it is truncated"), "{refused}");
    assert_eq!(yard.committed_version().await, "00001");
    file.write_all(tail).unwrap();
    yard.runs("00002").await;
    assert_eq!(yard.committed_version().await, "00002");
    assert_eq!(yard.module().refused, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_fails_to_load_changes_nothing_and_is_reported() {
    let mut yard = WatchedTestbed::open().await;
    let mut events = yard.host.events();
    fs::write(yard.file(), "#!/usr/bin/python3").unwrap();
    yard.until("refused", |module| module.refused.is_some()).await;
    let module = yard.module();
    assert_eq!((module.state, module.version.as_deref()), (ModuleState::Active, Some("00001")));
    insta::assert_snapshot!(module.refused.unwrap().error, @"module `probe` cannot be loaded: it is not a WebAssembly component");
    assert_eq!(yard.committed_version().await, "00001");
    assert_eq!(WatchedTestbed::kinds(&mut events), ["refusal"]);
    // Nothing is retried or reported again while the file does not change.
    yard.host.modules().refresh().await;
    assert_eq!(WatchedTestbed::kinds(&mut events), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_file_retires_its_module_and_loses_nothing() {
    let mut yard = WatchedTestbed::open().await;
    assert_eq!(yard.committed_version().await, "00001");
    let before = yard.base.controller().device("openconfig1").unwrap();
    fs::remove_file(yard.file()).unwrap();
    yard.until("retired", |module| module.state == ModuleState::Retired).await;
    let error = yard.commit(&format!("stamp {BANNER}")).await.unwrap_err();
    insta::assert_snapshot!(error, @r"
    module `probe` 00001, which serves `probe`, is retired: its file is gone
    hint: put the file back or, if it is gone for good, run `confine modules forget probe`
    ");
    assert_eq!(yard.base.controller().device("openconfig1").unwrap(), before);

    // A restart loses nothing either.
    let again = host(yard.top.path()).await;
    assert_eq!(again.status().modules.first().map(|module| module.state.clone()), Some(ModuleState::Retired));

    rename_into_place(&yard.file(), &version("00001").await);
    yard.runs("00001").await;
    assert_eq!(yard.committed_version().await, "00001");
    assert!(yard.host.modules().forget("probe").await.is_err());

    fs::remove_file(yard.file()).unwrap();
    yard.until("retired", |module| module.state == ModuleState::Retired).await;
    yard.host.modules().forget("probe").await.unwrap();
    let error = yard.commit(&format!("stamp {BANNER}")).await.unwrap_err();
    assert!(error.starts_with("no module serves `probe`"), "{error}");
    assert!(host(yard.top.path()).await.status().modules.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_rolls_back_to_the_previous_version() {
    let mut yard = WatchedTestbed::open().await;
    assert!(
        yard.host.modules().rollback("probe").await.unwrap_err().to_string().contains("no older version")
    );
    let mut events = yard.host.events();
    for number in ["00002", "00003"] {
        rename_into_place(&yard.file(), &version(number).await);
        yard.runs(number).await;
    }
    yard.host.modules().rollback("probe").await.unwrap();
    assert_eq!(yard.committed_version().await, "00002");
    assert_eq!(WatchedTestbed::kinds(&mut events), ["swap", "swap", "rollback"]);
    // The file still exists, but is not loaded again.
    yard.host.modules().refresh().await;
    assert_eq!(yard.module().version.as_deref(), Some("00002"));

    // A restart does not change that.
    let again = host(yard.top.path()).await;
    let module = again.status().modules.remove(0);
    assert_eq!(module.version.as_deref(), Some("00002"));
    let kept: Vec<_> = module.kept.iter().map(|kept| (kept.version.as_str(), kept.running)).collect();
    assert_eq!(kept, [("00003", false), ("00002", true), ("00001", false)]);
    again.modules().rollback("probe").await.unwrap();
    assert_eq!(again.status().modules.remove(0).version.as_deref(), Some("00001"));
    again.modules().reload("probe").await.unwrap();
    assert_eq!(again.status().modules.remove(0).version.as_deref(), Some("00003"));

    // A new file is loaded.
    rename_into_place(&yard.file(), &version("00004").await);
    yard.runs("00004").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_version_at_start_keeps_the_last_good_one() {
    let mut yard = WatchedTestbed::open().await;
    fs::write(yard.file(), "rubbish").unwrap();
    yard.until("refused", |module| module.refused.is_some()).await;
    let again = host(yard.top.path()).await;
    let module = again.status().modules.remove(0);
    assert_eq!((module.state, module.version.as_deref()), (ModuleState::Active, Some("00001")));
    assert!(module.refused.is_some());
    assert_eq!(yard.committed_version().await, "00001");
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_module_stays_disabled_until_enabled() {
    let mut yard = WatchedTestbed::open().await;
    yard.host.modules().disable("probe").await.unwrap();
    insta::assert_snapshot!(yard.commit("").await.unwrap_err(), @r"
    module `probe` 00001, which serves `probe`, is disabled
    hint: run `confine modules enable probe`
    ");
    assert_eq!(host(yard.top.path()).await.status().modules.remove(0).state, ModuleState::Disabled);
    // Another version does not enable the module.
    rename_into_place(&yard.file(), &version("00002").await);
    yard.until("swapped", |module| module.version.as_deref() == Some("00002")).await;
    assert_eq!(yard.module().state, ModuleState::Disabled);
    yard.host.modules().enable("probe").await.unwrap();
    assert_eq!(yard.committed_version().await, "00002");
    insta::assert_snapshot!(yard.host.modules().enable("prob").await.unwrap_err(), @r"
    no module is called `prob`
    hint: the modules are probe
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn module_that_keeps_trapping_is_quarantined() {
    let mut yard = WatchedTestbed::open().await;
    let mut events = yard.host.events();
    // A module may fail on purpose: that does not count.
    for _ in 0..5 {
        yard.commit("fail no").await.unwrap_err();
    }
    for _ in 0..3 {
        assert!(yard.commit("panic oops").await.unwrap_err().contains("trap"));
    }
    let error = yard.commit(&format!("stamp {BANNER}")).await.unwrap_err();
    let (error, output) = error.split_once("; it wrote:").unwrap();
    insta::assert_snapshot!(error, @"module `probe` 00001, which serves `probe`, is quarantined: 3 of its runs reached a limit or trapped within 3600 s; the last error: module `probe` 00001, instance `probe[name='a']`: trap: wasm `unreachable` instruction executed");
    insta::assert_snapshot!(output.lines().last().unwrap(), @"hint: replace its file with one that works, or run `confine modules release probe`");
    let module = yard.module();
    assert_eq!((module.runs, module.failures), (8, 8));
    assert!(matches!(module.state, ModuleState::Quarantined { .. }));
    assert_eq!(WatchedTestbed::kinds(&mut events), ["trap", "trap", "trap", "quarantine"]);
    // A restart does not end the quarantine.
    let again = host(yard.top.path()).await;
    assert!(matches!(again.status().modules.remove(0).state, ModuleState::Quarantined { .. }));

    yard.host.modules().release("probe").await.unwrap();
    assert_eq!(yard.committed_version().await, "00001");
    assert!(yard.host.modules().release("probe").await.is_err());

    for _ in 0..3 {
        yard.commit("panic oops").await.unwrap_err();
    }
    assert!(matches!(yard.module().state, ModuleState::Quarantined { .. }));
    rename_into_place(&yard.file(), &version("00002").await);
    yard.runs("00002").await;
    assert_eq!(yard.committed_version().await, "00002");
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_together_take_no_more_than_allowed() {
    let yard = WatchedTestbed::open().await;
    // From here on, the directories are those of another daemon.
    yard.watching.end().await;
    fs::write(yard.file().with_file_name("second.wasm"), version("00002").await).unwrap();
    let mut library = library(yard.top.path());
    // Enough for one of the two.
    library.limits.total_resident = yard.module().resident.unwrap() * 3 / 2;
    let again = host_of(yard.top.path(), library).await;
    let [probe, second] = again.status().modules.try_into().unwrap();
    assert_eq!(probe.state, ModuleState::Active);
    let ModuleState::Broken { error } = second.state else { panic!("{:?}", second.state) };
    assert!(error.contains("and with it all loaded modules take"), "{error}");
    assert!(error.ends_with("raise `total_resident` in `[limits]`"), "{error}");
    // A version that replaces another needs no room for both.
    rename_into_place(&yard.file(), &version("00003").await);
    again.modules().reload("probe").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn held_modules_take_memory_too() {
    let yard = WatchedTestbed::open().await;
    yard.watching.end().await;
    let mut library = library(yard.top.path());
    // Enough for two of the three: the one that runs, and the first that claims the same list.
    library.limits.total_resident = yard.module().resident.unwrap() * 5 / 2;
    fs::write(yard.file().with_file_name("second.wasm"), version("00002").await).unwrap();
    fs::write(yard.file().with_file_name("third.wasm"), version("00003").await).unwrap();
    let again = host_of(yard.top.path(), library).await;
    let states: Vec<ModuleState> = again.status().modules.into_iter().map(|module| module.state).collect();
    let [ModuleState::Active, ModuleState::Held { .. }, ModuleState::Broken { error }] = &states[..] else {
        panic!("{states:?}")
    };
    assert!(error.contains("and with it all loaded modules take"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_created_later_is_found_without_inotify() {
    let yard = WatchedTestbed::open_in(tempfile::tempdir().unwrap()).await;
    assert!(yard.host.status().modules.is_empty());
    fs::create_dir(modules(yard.top.path())).unwrap();
    fs::write(yard.file(), version("00001").await).unwrap();
    yard.runs("00001").await;
    // So is a directory that replaces it.
    fs::rename(modules(yard.top.path()), yard.top.path().join("old")).unwrap();
    fs::create_dir(modules(yard.top.path())).unwrap();
    fs::write(yard.file(), version("00002").await).unwrap();
    yard.runs("00002").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_event_names_module_and_versions() {
    let yard = WatchedTestbed::open().await;
    let mut events = yard.host.events();
    rename_into_place(&yard.file(), &version("00002").await);
    let event = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
    let EventKind::Swap { module, from, to } = event.what else { panic!("{event:?}") };
    assert_eq!(module, "probe");
    assert!(from.starts_with("00001 (") && to.starts_with("00002 ("), "{from} {to}");
}

#[tokio::test(flavor = "multi_thread")]
async fn yang_model_added_with_a_module_is_read() {
    let yard = WatchedTestbed::open().await;
    // For a device without models, those that came with services are used.
    let level = || {
        let (schema, name) = (yard.host.schema(), |local| QName::new(CONTROLLER, local));
        let list = schema.child(schema.child(schema.root()?, name("devices"))?, name("device"))?;
        let config = schema.child(schema.entry(list, &["silent"]), name("config"))?;
        let lamp = schema.child(config, QName::new("urn:lamp", "lamp"))?;
        schema.canonical(lamp, "101", &|_| None).err().map(|error| error.to_string())
    };
    let told = async |expected: Option<&str>| {
        let waited = tokio::time::timeout(PATIENCE, async {
            while level().as_deref() != expected {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{:?}, not {expected:?}", level()));
    };
    let file = modules(yard.top.path()).join("lamp.yang");
    let yang = |most: &str| {
        format!(
            "module lamp {{ namespace urn:lamp; prefix l; leaf lamp {{ type uint8 {{ range 0..{most}; }} }} }}"
        )
    };
    assert_eq!(level(), None);
    fs::write(&file, yang("100")).unwrap();
    told(Some("`101` is not a value of `lamp`: a number from 0 to 100 (`uint8`)")).await;
    fs::write(&file, yang("9")).unwrap();
    told(Some("`101` is not a value of `lamp`: a number from 0 to 9 (`uint8`)")).await;
    fs::remove_file(&file).unwrap();
    told(None).await;
}
