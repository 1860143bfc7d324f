//! Every known module: which version of it runs, or why none does, and how its runs went.
//!
//! Slots change at any time. Commits see a [`ModuleRegistry`] made of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use confine_sandbox::{EntryPoint, Module, RunReport};
use confine_view::InstanceRef;

use crate::{
    EventKind,
    modules::{
        approvals::Approvals,
        claims::claims_of,
        files::FileStamp,
        hold_reason::HoldReason,
        library::ModuleLibrary,
        membership::ServingModule,
        refusals::Refusals,
        registry::{ModuleFile, ModuleRegistry, NotLoaded},
        slot::{HeldVersion, ModuleSlot, PendingFile},
        statistics::{fault_event, is_fault},
        store::{StoredIndex, VersionStoreError},
        unserved::UnservedClaims,
    },
    status::{self, ModuleStatus},
};

/// All known modules.
pub(crate) struct ModuleSlots {
    pub(crate) library: ModuleLibrary,
    slots: Mutex<BTreeMap<String, ModuleSlot>>,
    refusals: Mutex<Refusals>,
    /// Locked after the slots.
    approvals: Mutex<Approvals>,
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
        Self {
            library,
            slots: Mutex::default(),
            refusals: Mutex::default(),
            approvals: Mutex::default(),
            writing: Mutex::default(),
        }
    }

    /// Creates the slots of a registry that is loaded already. Whoever loads modules has approved them. Of two files with the
    /// same name, the registry has refused the second.
    pub(crate) fn of_registry(registry: &ModuleRegistry) -> Self {
        let modules = Self::new(ModuleLibrary::default());
        for file in registry.files() {
            let mut slots = modules.slots();
            if slots.contains_key(&file.name) {
                continue;
            }
            let mut slot = ModuleSlot::new(file.path.clone(), StoredIndex::default());
            match &file.module {
                Ok(module) => {
                    modules.approvals().serve(&file.name, &claims_of(module), |_| true);
                    slot.module = Some(module.clone());
                }
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

    pub(crate) fn approvals(&self) -> MutexGuard<'_, Approvals> {
        self.approvals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stamp of a file when it was last read.
    pub(crate) fn stamp(&self, path: &Path) -> Option<FileStamp> {
        self.slots().values().find(|slot| slot.path == path)?.stamp
    }

    /// Returns whether anything is to be loaded, is being loaded, or waits for others to be loaded.
    pub(crate) fn is_loading(&self) -> bool {
        self.slots().values().any(|slot| slot.restoring || slot.pending.is_some() || slot.is_undecided())
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
        let others = slots.iter().filter(|(other, _)| *other != name).map(|(_, slot)| slot.resident());
        self.check_total_resident(resident, others)?;
        if let Some(slot) = slots.get_mut(name) {
            slot.reserved = resident;
        }
        Ok(())
    }

    /// Checks that a version fits into the memory of all modules, given the bytes that it and each other takes.
    pub(super) fn check_total_resident(
        &self,
        resident: u64,
        others: impl Iterator<Item = u64>,
    ) -> Result<(), NotLoaded> {
        let total = others.fold(resident, u64::saturating_add);
        let allowed = self.library.limits.total_resident;
        if total > allowed {
            return Err(NotLoaded::NoRoom { resident, total, allowed });
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
            let former = slot.index.former.clone();
            Some(ModuleFile { name: name.clone(), path: slot.path.clone(), module, former })
        });
        let approvals = self.approvals();
        let serving = self.serving(&slots, &approvals);
        ModuleRegistry::of(files.collect(), &serving, unserved_claims(&slots), self.library.sharing())
    }

    /// Returns the modules that serve lists, in the order in which they run.
    fn serving(&self, slots: &BTreeMap<String, ModuleSlot>, approvals: &Approvals) -> Vec<ServingModule> {
        let assigned = &self.library.services;
        let decided = approvals.lists().filter(|(list, _)| !assigned.contains_key(*list));
        let all = decided.chain(assigned.iter().map(|(list, modules)| (list.as_str(), modules)));
        let mut lists: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (list, modules) in all {
            for module in modules {
                lists.entry(module).or_default().insert(list.to_owned());
            }
        }
        let serving = lists.into_iter().filter_map(|(name, lists)| {
            let state = slots.get(name)?.serving_state(name)?;
            Some(ServingModule { name: name.to_owned(), lists, state })
        });
        serving.collect()
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
            kept.extend(slot.held.as_ref().map(|held| held.module.digest().to_string()));
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

    /// Stores which modules serve which list.
    pub(crate) fn persist_approvals(&self) -> Result<(), VersionStoreError> {
        let Some(store) = &self.library.store else { return Ok(()) };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let approvals = self.approvals().clone();
        store.write_approvals(&approvals)
    }

    /// Gives a module the name that its file has now, in place of the one that was found there. What the store has of it
    /// is renamed too.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), VersionStoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut slots = self.slots();
            let Some(found) = slots.remove(to) else { return Ok(()) };
            let Some(mut slot) = slots.remove(from) else {
                slots.insert(to.to_owned(), found);
                return Ok(());
            };
            slot.renamed(from, to, found, self.library.limits.of(to));
            slots.insert(to.to_owned(), slot);
            self.approvals().rename(from, to);
        }
        let Some(store) = &self.library.store else { return Ok(()) };
        store.rename(from, to)
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

/// Returns the lists that held modules claim.
fn unserved_claims(slots: &BTreeMap<String, ModuleSlot>) -> HashMap<String, UnservedClaims> {
    let mut claims: HashMap<String, UnservedClaims> = HashMap::new();
    for (name, slot) in slots {
        let Some(HeldVersion { module, why: Some(why), .. }) = &slot.held else { continue };
        for list in claims_of(module) {
            let claims = claims.entry(list).or_default();
            match why {
                HoldReason::Contested { .. } => claims.contested.push(name.clone()),
                _ => {
                    claims.held.get_or_insert_with(|| (name.clone(), why.text(name)));
                }
            }
        }
    }
    claims
}

/// Logs that a commit ran another version than the file on disk, once for each file. An operator who has rolled back
/// knows it.
fn note_older_version(tid: u64, module: &Module, slot: &mut ModuleSlot) {
    let Some(file) = slot.file_digest else { return };
    if file == module.digest() || slot.passed_by == Some(file) {
        return;
    }
    if slot.index.passed_over == Some(file.to_string()) {
        return;
    }
    slot.passed_by = Some(file);
    let why = match (&slot.pending, &slot.refused, &slot.held) {
        (Some(_), _, _) => "is still being loaded",
        (None, Some(_), _) => "was refused",
        (None, None, Some(_)) => "is held",
        (None, None, None) => "was loaded during the commit",
    };
    tracing::warn!(
        tid,
        %module,
        file = %slot.path.display(),
        "a commit ran an older version of a module than its file, which {why}"
    );
}

#[cfg(test)]
mod tests {
    use confine_sandbox::Digest;

    use super::*;

    /// Modules of which files are to be loaded: each with its name, and whether it has run before.
    fn slots(modules: &[(&str, bool)]) -> ModuleSlots {
        let slots = ModuleSlots::new(ModuleLibrary::default());
        for (name, has_run) in modules {
            let index = StoredIndex { running: has_run.then(|| "0".into()), ..StoredIndex::default() };
            let mut slot = ModuleSlot::new(name.into(), index);
            slot.pending = Some(PendingFile::new(name.into(), Digest::of(name.as_bytes())));
            slots.slots().insert((*name).to_owned(), slot);
        }
        slots
    }

    fn next(slots: &ModuleSlots, lane: LoadLane) -> String {
        match slots.next_load(lane) {
            NextLoad::Stored(name) => format!("stored {name}"),
            NextLoad::File(name, _) => name,
            NextLoad::Later => "later".into(),
            NextLoad::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn known_module_does_not_wait_for_files_of_others() {
        let slots = slots(&[("a", false), ("b", true), ("c", false)]);
        // One that is being loaded keeps its lane.
        assert_eq!([LoadLane::New, LoadLane::Known].map(|lane| next(&slots, lane)), ["a", "b"]);
        assert_eq!([LoadLane::Known, LoadLane::New].map(|lane| next(&slots, lane)), ["nothing", "c"]);
    }

    #[test]
    fn what_ran_before_a_restart_is_loaded_first() {
        let slots = slots(&[("a", false), ("b", true), ("c", true)]);
        let restoring = |is: bool| slots.slots().get_mut("c").unwrap().restoring = is;
        restoring(true);
        assert_eq!([LoadLane::Known, LoadLane::New].map(|lane| next(&slots, lane)), ["stored c", "later"]);
        restoring(false);
        assert_eq!([LoadLane::Known, LoadLane::New].map(|lane| next(&slots, lane)), ["b", "a"]);
    }
}
