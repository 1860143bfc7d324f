//! Every known module: which version of it runs, or why none does, and how its runs went.
//!
//! Slots change at any time. Commits see a [`ModuleRegistry`] made of them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use confine_sandbox::{EntryPoint, FailureCause, LimitPer, Limits, Module, RunReport};
use confine_view::InstanceRef;

use crate::{
    EventKind,
    modules::{
        files::FileStamp,
        quarantine::{FaultHistory, QuarantinePolicy},
        registry::{ModuleFile, ModuleRegistry, NotLoaded, SuspendReason},
        store::{StoredIndex, VersionStore, VersionStoreError},
    },
    status::{
        self, DroppedLogLines, KeptVersion, LastError, ModuleState, ModuleStatus, RefusedFile, RunUsage,
        microseconds,
    },
};

/// Where modules come from, their limits, and what happens to those that fail.
#[derive(Debug, Default)]
pub struct ModuleLibrary {
    /// The directories that are searched for module files, in this order.
    pub directories: Vec<PathBuf>,
    /// The names of modules that are ignored.
    pub exclude: HashSet<String>,
    /// The limits of modules.
    pub limits: ModuleLimits,
    /// Where versions are stored; `None` to store none.
    pub store: Option<VersionStore>,
    /// When a module that fails is quarantined.
    pub quarantine: QuarantinePolicy,
}

/// The limits of modules.
#[derive(Clone, Debug)]
pub struct ModuleLimits {
    /// The limits of a module that has none of its own.
    pub all: Limits,
    /// The limits of modules that have their own, by name.
    pub own: HashMap<String, Limits>,
    /// Bytes of the daemon's memory that all loaded modules may take together: for [`Limits::resident`] of each.
    pub total_resident: u64,
}

impl Default for ModuleLimits {
    fn default() -> Self {
        Self { all: Limits::default(), own: HashMap::new(), total_resident: 1 << 30 }
    }
}

impl ModuleLimits {
    /// Returns the limits of the module of this name.
    pub fn of(&self, module: &str) -> &Limits {
        self.own.get(module).unwrap_or(&self.all)
    }

    /// Returns the most bytes that the file of any module may have. Each module's own limit applies when it is loaded.
    pub(crate) fn largest_file(&self) -> u64 {
        let limits = self.own.values().chain([&self.all]);
        limits.map(|limits| limits.component).max().unwrap_or_default()
    }
}

/// All known modules.
pub(crate) struct ModuleSlots {
    pub(crate) library: ModuleLibrary,
    slots: Mutex<BTreeMap<String, ModuleSlot>>,
    /// Held while an index is written, so that the newest one is written last.
    writing: Mutex<()>,
}

/// One module.
pub(crate) struct ModuleSlot {
    pub(crate) path: PathBuf,
    /// The version that runs, or would if the module were not suspended.
    pub(crate) module: Option<Module>,
    /// Why the file was refused, and when.
    pub(crate) refused: Option<(Arc<NotLoaded>, String)>,
    /// Whether the module's file is gone.
    pub(crate) retired: bool,
    /// The stamp of the file when it was last read.
    pub(crate) stamp: Option<FileStamp>,
    pub(crate) file_digest: Option<String>,
    pub(crate) index: StoredIndex,
    since: String,
    faults: FaultHistory,
    statistics: RunStatistics,
}

/// How the runs of a module went.
#[derive(Default)]
struct RunStatistics {
    runs: u64,
    failures: u64,
    hook_runs: u64,
    hook_failures: u64,
    last_error: Option<LastError>,
    last_run: Option<RunUsage>,
    worst_run: Option<RunUsage>,
    log_dropped: Option<DroppedLogLines>,
    /// How many of them were reported.
    reported: u64,
}

impl ModuleSlot {
    pub(crate) fn new(path: PathBuf, index: StoredIndex) -> Self {
        Self {
            path,
            module: None,
            refused: None,
            retired: false,
            stamp: None,
            file_digest: None,
            index,
            since: status::now(),
            faults: FaultHistory::default(),
            statistics: RunStatistics::default(),
        }
    }

    /// Records that the version or the state has changed.
    pub(crate) fn changed(&mut self) {
        self.since = status::now();
        self.faults.clear();
    }

    /// Makes a version the one that runs.
    pub(crate) fn install(&mut self, module: Module) {
        self.module = Some(module);
        self.statistics.last_run = None;
        self.statistics.worst_run = None;
        (self.statistics.log_dropped, self.statistics.reported) = (None, 0);
        self.changed();
    }

    /// Returns why the module is suspended, if it is.
    pub(crate) fn suspended(&self) -> Option<SuspendReason> {
        if self.retired {
            return Some(SuspendReason::Retired);
        }
        if self.index.disabled {
            return Some(SuspendReason::Disabled);
        }
        let reason = self.index.quarantined.clone()?;
        Some(SuspendReason::Quarantined { reason })
    }

    fn state(&self) -> ModuleState {
        if self.module.is_none() {
            let error = self.refused.as_ref().map(|(error, _)| error.reason()).unwrap_or_default();
            return ModuleState::Broken { error };
        }
        match self.suspended() {
            None => ModuleState::Active,
            Some(SuspendReason::Disabled) => ModuleState::Disabled,
            Some(SuspendReason::Quarantined { reason }) => ModuleState::Quarantined { reason },
            Some(SuspendReason::Retired) => ModuleState::Retired,
        }
    }

    fn status(&self, name: &str, has_store: bool) -> ModuleStatus {
        let RunStatistics { runs, failures, hook_runs, hook_failures, .. } = self.statistics;
        let description = self.module.as_ref().map(Module::description);
        let kept = self.index.versions.iter().rev().filter(|_| has_store).map(|version| KeptVersion {
            version: version.version.clone(),
            digest: version.digest.clone(),
            running: self.index.running.as_ref() == Some(&version.digest),
        });
        ModuleStatus {
            name: name.to_owned(),
            file: self.path.to_string_lossy().escape_debug().to_string(),
            state: self.state(),
            version: description.map(|description| description.version.to_string()),
            digest: self.module.as_ref().map(|module| module.digest().to_string()),
            resident: self.module.as_ref().map(Module::resident),
            services: description
                .map(|description| description.services.iter().map(|list| list.local.to_string()).collect())
                .unwrap_or_default(),
            since: self.since.clone(),
            refused: self
                .refused
                .as_ref()
                .map(|(error, at)| RefusedFile { at: at.clone(), error: error.reason() }),
            kept: kept.collect(),
            runs,
            failures,
            hook_runs,
            hook_failures,
            log_dropped: self.statistics.log_dropped.clone(),
            last_error: self.statistics.last_error.clone(),
            last_run: self.statistics.last_run.clone(),
            worst_run: self.statistics.worst_run.clone(),
        }
    }
}

impl ModuleSlots {
    pub(crate) fn new(library: ModuleLibrary) -> Self {
        Self { library, slots: Mutex::default(), writing: Mutex::default() }
    }

    /// Creates the slots of a registry that is loaded already. Of two files with the same name, the registry has refused
    /// the second.
    pub(crate) fn of_registry(registry: &ModuleRegistry) -> Self {
        let modules = Self::new(ModuleLibrary::default());
        for file in registry.files() {
            let mut slots = modules.slots();
            if slots.contains_key(&file.name) {
                continue;
            }
            let mut slot = ModuleSlot::new(file.path.clone(), StoredIndex::default());
            match &file.module {
                Ok(module) => slot.module = Some(module.clone()),
                Err(error) => slot.refused = Some((error.clone(), status::now())),
            }
            slots.insert(file.name.clone(), slot);
        }
        modules
    }

    pub(crate) fn slots(&self) -> MutexGuard<'_, BTreeMap<String, ModuleSlot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stamp of a file when it was last read.
    pub(crate) fn stamp(&self, path: &Path) -> Option<FileStamp> {
        self.slots().values().find(|slot| slot.path == path)?.stamp
    }

    /// Checks that a version of a module may be loaded in addition to all other modules, given the bytes of memory that
    /// it takes. The version that it replaces does not count.
    pub(crate) fn check_total(&self, name: &str, resident: u64) -> Result<(), NotLoaded> {
        let slots = self.slots();
        let others = slots.iter().filter(|(other, _)| *other != name);
        let loaded = others.filter_map(|(_, slot)| slot.module.as_ref()).map(Module::resident);
        let total = loaded.fold(resident, u64::saturating_add);
        let allowed = self.library.limits.total_resident;
        if total <= allowed { Ok(()) } else { Err(NotLoaded::NoRoom { resident, total, allowed }) }
    }

    /// Creates a registry of the modules as they are now.
    pub(crate) fn registry(&self) -> ModuleRegistry {
        let slots = self.slots();
        let files = slots.iter().filter_map(|(name, slot)| {
            let module = match (&slot.module, &slot.refused) {
                (Some(module), _) => Ok(module.clone()),
                (None, Some((error, _))) => Err(error.clone()),
                (None, None) => return None,
            };
            Some(ModuleFile {
                name: name.clone(),
                path: slot.path.clone(),
                module,
                suspended: slot.suspended(),
            })
        });
        ModuleRegistry::new(files.collect())
    }

    /// Returns the digests of all versions that are kept, also of modules that are not loaded.
    pub(crate) fn kept_digests(&self) -> Result<HashSet<String>, VersionStoreError> {
        let mut kept = HashSet::new();
        if let Some(store) = &self.library.store {
            for name in store.names()? {
                kept.extend(store.index(&name)?.digests());
            }
        }
        for slot in self.slots().values() {
            kept.extend(slot.index.digests());
            kept.extend(slot.module.as_ref().map(|module| module.digest().to_string()));
        }
        Ok(kept)
    }

    pub(crate) fn status(&self) -> Vec<ModuleStatus> {
        let has_store = self.library.store.is_some();
        self.slots().iter().map(|(name, slot)| slot.status(name, has_store)).collect()
    }

    /// Stores the state of a module.
    pub(crate) fn persist(&self, name: &str) -> Result<(), VersionStoreError> {
        let Some(store) = &self.library.store else { return Ok(()) };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = self.slots().get(name).map(|slot| slot.index.clone()) else { return Ok(()) };
        store.write_index(name, &index)
    }

    /// Returns the modules whose log lines were dropped in a transaction, and how many that are not reported yet.
    pub(crate) fn take_dropped_lines(&self, tid: u64) -> Vec<(String, u64)> {
        let mut taken = Vec::new();
        for (name, slot) in self.slots().iter_mut() {
            let dropped = slot.statistics.log_dropped.as_ref().filter(|dropped| dropped.tid == tid);
            let lines = dropped.map_or(0, |dropped| dropped.lines - slot.statistics.reported);
            if lines > 0 {
                slot.statistics.reported += lines;
                taken.push((name.clone(), lines));
            }
        }
        taken
    }

    /// Records a run. Returns its events, and whether the module was quarantined for it.
    pub(crate) fn record(
        &self,
        tid: u64,
        module: &Module,
        entry: EntryPoint,
        instance: &InstanceRef,
        run: &RunReport,
        may_be_fault: bool,
    ) -> (Vec<EventKind>, bool) {
        let mut slots = self.slots();
        let Some(slot) = slots.get_mut(&**module.name()) else { return (Vec::new(), false) };
        let is_hook = match entry {
            EntryPoint::Apply => false,
            EntryPoint::Hook(_) => true,
        };
        let is_current = slot.module.as_ref().is_some_and(|current| current.digest() == module.digest());
        let statistics = &mut slot.statistics;
        let usage = RunUsage {
            tid,
            instance: instance.to_string(),
            fuel: run.usage.fuel,
            wall_us: microseconds(run.usage.wall_clock),
            memory: run.usage.memory,
        };
        match is_hook {
            true => statistics.hook_runs += 1,
            false => statistics.runs += 1,
        }
        if is_current {
            if statistics.worst_run.as_ref().is_none_or(|worst| worst.fuel <= usage.fuel) {
                statistics.worst_run = Some(usage.clone());
            }
            statistics.last_run = Some(usage);
        }
        if run.log_dropped > 0 {
            let dropped = statistics.log_dropped.get_or_insert(DroppedLogLines { tid, lines: 0 });
            if dropped.tid != tid {
                (*dropped, statistics.reported) = (DroppedLogLines { tid, lines: 0 }, 0);
            }
            dropped.lines = dropped.lines.saturating_add(run.log_dropped);
        }
        let Err(failure) = &run.outcome else { return (Vec::new(), false) };
        match is_hook {
            true => statistics.hook_failures += 1,
            false => statistics.failures += 1,
        }
        let error = failure.to_string();
        statistics.last_error = Some(LastError { at: status::now(), tid, error: error.clone() });

        let (name, version) = (module.name().to_string(), module.description().version.to_string());
        let mut events = Vec::new();
        match &failure.cause {
            FailureCause::Limit(reached) => events.push(EventKind::Limit {
                module: name.clone(),
                version,
                instance: instance.to_string(),
                limit: reached.limit.name().to_owned(),
                error: error.clone(),
            }),
            FailureCause::Trap(_) => events.push(EventKind::Trap {
                module: name.clone(),
                version,
                instance: instance.to_string(),
                error: error.clone(),
            }),
            FailureCause::Refused(_) | FailureCause::Host(_) => {}
        }
        let quarantine = &self.library.quarantine;
        let too_many = may_be_fault
            && is_current
            && is_fault(&failure.cause)
            && slot.faults.add(Instant::now(), quarantine);
        if too_many && slot.index.quarantined.is_none() {
            let reason = format!(
                "{} of its runs reached a limit or trapped within {} s; the last error: {error}",
                quarantine.failures.unwrap_or_default(),
                quarantine.window.as_secs()
            );
            slot.index.quarantined = Some(reason.clone());
            slot.changed();
            events.push(EventKind::Quarantine { module: name, reason });
            return (events, true);
        }
        (events, false)
    }
}

/// Returns whether a run failed through the module's own fault. It is not if others have used up the commit's time.
fn is_fault(cause: &FailureCause) -> bool {
    match cause {
        FailureCause::Limit(reached) => match reached.per {
            LimitPer::Commit | LimitPer::Instance | LimitPer::Call => true,
            LimitPer::Answer => false,
        },
        FailureCause::Trap(_) => true,
        FailureCause::Refused(_) | FailureCause::Host(_) => false,
    }
}
