//! Every known module: which version of it runs, or why none does, and how its runs went.
//!
//! Slots change at any time. Commits see a [`ModuleRegistry`] made of them.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use confine_sandbox::{EntryPoint, Module, RunReport};
use confine_view::InstanceRef;

use crate::{
    EventKind,
    modules::{
        files::FileStamp,
        library::ModuleLibrary,
        refusals::Refusals,
        registry::{ModuleFile, ModuleRegistry, NotLoaded},
        slot::{ModuleSlot, PendingFile},
        statistics::{fault_event, is_fault},
        store::{StoredIndex, VersionStoreError},
    },
    status::{self, ModuleStatus},
};

/// All known modules.
pub(crate) struct ModuleSlots {
    pub(crate) library: ModuleLibrary,
    slots: Mutex<BTreeMap<String, ModuleSlot>>,
    refusals: Mutex<Refusals>,
    /// Held while something is written to the store, so that the newest is written last.
    writing: Mutex<()>,
}

/// Which modules are loaded one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadLane {
    /// Those that have run before. They do not wait for others.
    Known,
    /// The others.
    New,
}

/// What is to be loaded next.
#[derive(Debug)]
pub(crate) enum NextLoad {
    /// The stored version of this module.
    Stored(String),
    /// The file of this module.
    File(String, PendingFile),
    /// Something, but not before what ran before the restart.
    Later,
    /// Nothing.
    Nothing,
}

impl ModuleSlots {
    pub(crate) fn new(library: ModuleLibrary) -> Self {
        Self { library, slots: Mutex::default(), refusals: Mutex::default(), writing: Mutex::default() }
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

    pub(crate) fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stamp of a file when it was last read.
    pub(crate) fn stamp(&self, path: &Path) -> Option<FileStamp> {
        self.slots().values().find(|slot| slot.path == path)?.stamp
    }

    /// Returns whether anything is to be loaded or is being loaded.
    pub(crate) fn is_loading(&self) -> bool {
        self.slots().values().any(|slot| slot.restoring || slot.pending.is_some())
    }

    /// Returns whether a version that ran before the restart is not loaded yet.
    pub(crate) fn is_restoring(&self) -> bool {
        self.slots().values().any(|slot| slot.restoring)
    }

    /// Returns what is to be loaded next in a lane, and takes it if it is a file. Versions that ran before the restart
    /// come first.
    pub(crate) fn next_load(&self, lane: LoadLane) -> NextLoad {
        let mut slots = self.slots();
        let restoring = slots.iter().find(|(_, slot)| slot.restoring).map(|(name, _)| name.clone());
        let lane_of = |slot: &ModuleSlot| match slot.index.running {
            Some(_) => LoadLane::Known,
            None => LoadLane::New,
        };
        let waits = |slot: &ModuleSlot| {
            lane_of(slot) == lane && slot.pending.as_ref().is_some_and(|file| !file.taken)
        };
        match (restoring, lane) {
            (Some(name), LoadLane::Known) => return NextLoad::Stored(name),
            (Some(_), LoadLane::New) if slots.values().any(waits) => return NextLoad::Later,
            _ => {}
        }
        let found = slots.iter_mut().find(|(_, slot)| waits(slot));
        let Some((name, Some(file))) = found.map(|(name, slot)| (name, slot.pending.as_mut())) else {
            return NextLoad::Nothing;
        };
        file.taken = true;
        NextLoad::File(name.clone(), file.clone())
    }

    /// Reserves memory for a version of a module that is to be loaded in addition to all other modules, given the bytes
    /// that it takes. The version that it replaces does not count.
    pub(crate) fn reserve(&self, name: &str, resident: u64) -> Result<(), NotLoaded> {
        let mut slots = self.slots();
        let others = slots.iter().filter(|(other, _)| *other != name).map(|(_, slot)| match slot.reserved {
            0 => slot.module.as_ref().map(Module::resident).unwrap_or_default(),
            reserved => reserved,
        });
        let total = others.fold(resident, u64::saturating_add);
        let allowed = self.library.limits.total_resident;
        if total > allowed {
            return Err(NotLoaded::NoRoom { resident, total, allowed });
        }
        if let Some(slot) = slots.get_mut(name) {
            slot.reserved = resident;
        }
        Ok(())
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
            kept.extend(slot.pending.as_ref().map(|file| file.digest.to_string()));
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
        let mut slots = self.slots();
        let taken =
            slots.iter_mut().map(|(name, slot)| (name.clone(), slot.statistics.take_dropped_lines(tid)));
        taken.filter(|(_, lines)| *lines > 0).collect()
    }

    /// Stores which files are refused.
    pub(crate) fn persist_refusals(&self) -> Result<(), VersionStoreError> {
        let Some(store) = &self.library.store else { return Ok(()) };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = self.refusals().clone();
        store.write_refusals(&refusals)
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
        note_older_version(tid, module, slot);
        let is_current = slot.module.as_ref().is_some_and(|current| current.digest() == module.digest());
        slot.statistics.count(tid, entry, instance, run, is_current);
        let Err(failure) = &run.outcome else { return (Vec::new(), false) };
        let error = failure.to_string();
        let mut events: Vec<_> = fault_event(module, instance, &failure.cause, &error).into_iter().collect();
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
            events.push(EventKind::Quarantine { module: module.name().to_string(), reason });
            return (events, true);
        }
        (events, false)
    }
}

/// Logs that a commit ran another version than the file on disk, once for each file. An operator who has rolled back
/// knows it.
fn note_older_version(tid: u64, module: &Module, slot: &mut ModuleSlot) {
    let Some(file) = slot.file_digest else { return };
    let is_passed_over = slot.index.passed_over == Some(file.to_string());
    if file == module.digest() || is_passed_over || slot.passed_by == Some(file) {
        return;
    }
    slot.passed_by = Some(file);
    let why = match (&slot.pending, &slot.refused) {
        (Some(_), _) => "is still being loaded",
        (None, Some(_)) => "was refused",
        (None, None) => "was loaded during the commit",
    };
    tracing::warn!(
        tid,
        %module,
        file = %slot.path.display(),
        "a commit ran an older version of a module than its file, which {why}"
    );
}
