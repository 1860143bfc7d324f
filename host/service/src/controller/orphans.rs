//! Orphans: what instances had created when they were deleted past the services, or lost their `created` lists.
//!
//! A local commit, RESTCONF or a replace of `/services` is not notified: the objects stay on the devices, and no list names
//! them. What this host knows of each instance is compared with the lists whenever these were read. What is gone from
//! all lists and still there is an orphan: it is reported, whoever writes it owns it, and it becomes the instance's own again
//! when that runs, or is removed when a commit (FORCE) names the deleted instance.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use confine_tree::{Pattern, PatternStep, StepCounter, text::ShownLine};
use confine_view::{CreatedObject, InstanceRef, OwnerIndex};
use tokio::sync::watch;

use crate::{
    Error,
    controller::{
        owner_index::OwnerChanges,
        owner_ledger::{self, OwnerLedger, RecordedObject},
    },
    modules::registry::ModuleRegistry,
    status::{OrphanStatus, OrphansStatus},
};

/// The most instances that the status names.
const SHOWN: usize = 100;

/// The orphans of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrphanedObjects {
    /// Whether the instance exists.
    pub(crate) is_alive: bool,
    /// Each with its namespaces.
    pub(crate) objects: Vec<RecordedObject>,
}

impl OrphanedObjects {
    fn warn(&self, instance: &InstanceRef) {
        let objects = self.objects.len();
        let first =
            self.objects.first().map(|first| ShownLine(&first.object.path).to_string()).unwrap_or_default();
        let instance = ShownLine(instance);
        if self.is_alive {
            tracing::warn!(
                %instance,
                objects,
                first,
                "objects on devices are missing from the `created` list of their instance: `apply services` with the instance gives them back, and removes those that it no longer makes"
            );
        } else {
            tracing::warn!(
                %instance,
                objects,
                first,
                "an instance was deleted without a commit of services, and what it had created is still on devices: to remove it, commit the instance by name (see Orphans in the troubleshooting chapter)"
            );
        }
    }
}

/// The orphans, by the instances that had created them.
pub(crate) type Orphans = BTreeMap<InstanceRef, OrphanedObjects>;

/// Keeps what each instance has created, and what was found of orphans.
#[derive(Debug, Default)]
pub(crate) struct OrphanKeeper {
    /// Where the record is kept. Without a directory, no orphans are found.
    directory: Option<PathBuf>,
    /// The socket of the controller that is served.
    controller: Mutex<String>,
    /// Used by one thread that works for commits, or between them, at a time. Never by one that answers.
    ledger: Mutex<Option<OpenLedger>>,
    found: Mutex<FoundOrphans>,
    /// How often something happened that may have made orphans, and how much of that a search has looked at.
    happened: AtomicU64,
    searched: watch::Sender<u64>,
    /// The record cannot be kept.
    is_broken: AtomicBool,
    /// The last search has failed.
    has_failed: AtomicBool,
}

/// What was found, and what is no longer needed. Dropping that may take long: whoever finds orphans does it.
#[derive(Debug, Default)]
struct FoundOrphans {
    current: Arc<Orphans>,
    discarded: Vec<Arc<Orphans>>,
}

#[derive(Debug)]
struct OpenLedger {
    controller: String,
    ledger: OwnerLedger,
}

/// An instance whose list is not what is recorded.
pub(crate) struct ChangedInstance {
    pub(crate) instance: InstanceRef,
    /// What its list has now.
    created: Vec<RecordedObject>,
    /// What is recorded and in nobody's list.
    pub(crate) missing: Vec<RecordedObject>,
    /// The part of it of which it is not known whether it is there.
    pub(crate) unknown: Vec<RecordedObject>,
}

impl OrphanKeeper {
    /// Keeps the record in this directory.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, ..Self::default() }
    }

    /// A connection to the controller at this socket begins.
    pub(crate) fn begin(&self, controller: &str) {
        *self.controller.lock().unwrap_or_else(PoisonError::into_inner) = controller.to_owned();
        let mut found = self.found();
        let before = std::mem::take(&mut found.current);
        found.discarded.push(before);
        self.want_search();
        self.is_broken.store(false, Ordering::Relaxed);
    }

    /// Something may be an orphan that is not known to be one: the `created` lists were read anew.
    pub(crate) fn want_search(&self) {
        self.happened.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns what a search would look at, if one is needed.
    pub(crate) fn wanted_search(&self) -> Option<u64> {
        let happened = self.happened.load(Ordering::Relaxed);
        (self.directory.is_some() && happened != *self.searched.borrow()).then_some(happened)
    }

    /// A [wanted](Self::wanted_search) search is over. If it has failed, the next one comes when something has happened.
    pub(crate) fn end_search(&self, wanted: u64, has_failed: bool) {
        self.has_failed.store(has_failed, Ordering::Relaxed);
        self.searched.send_replace(wanted);
    }

    /// Waits until no search is needed.
    pub(crate) async fn wait_until_searched(&self) {
        let mut searched = self.searched.subscribe();
        // The sender is here.
        let _ = searched.wait_for(|searched| *searched == self.happened.load(Ordering::Relaxed)).await;
    }

    /// Records what commits have changed in the lists, which had been those in `before`. What is recorded and was not in the
    /// lists stays: it was not found yet, or the commit has removed it, which the next search shows.
    pub(crate) fn record(&self, changes: &OwnerChanges, before: Option<&OwnerIndex>) {
        let OwnerChanges { created: changes, failed, .. } = changes;
        self.note_refused(failed);
        if changes.is_empty() {
            return;
        }
        let mut kept_some = false;
        self.with_ledger((), |ledger| {
            for (instance, created) in changes {
                let listed = before.map_or_else(Vec::new, |before| listed(before, instance));
                let mut now: Vec<RecordedObject> = created.iter().cloned().map(Into::into).collect();
                if !ledger.is_recorded(instance, &listed) {
                    let known: HashSet<&str> =
                        listed.iter().chain(&now).map(|known| known.object.path.as_str()).collect();
                    let mut all: Vec<RecordedObject> = ledger.created(instance)?;
                    all.retain(|recorded| !known.contains(recorded.object.path.as_str()));
                    kept_some |= !all.is_empty();
                    now.extend(all);
                }
                ledger.record(instance, &now)?;
            }
            Ok(())
        });
        let found = self.known();
        // A known orphan may have an owner now.
        if kept_some || !found.is_empty() {
            self.want_search();
        }
        let is_concerned = |(instance, _): &(InstanceRef, _)| found.contains_key(instance);
        if changes.iter().any(is_concerned) {
            let concerned: HashSet<&InstanceRef> = changes.iter().map(|(instance, _)| instance).collect();
            let rest = found.iter().filter(|(instance, _)| !concerned.contains(instance));
            self.replace(rest.map(|(instance, orphaned)| (instance.clone(), orphaned.clone())).collect());
        }
    }

    /// Notes what commits that have failed would have removed: a device may have refused it after `running` had changed. If
    /// `running` has not, the next search finds it in the lists.
    fn note_refused(&self, failed: &[(InstanceRef, Vec<CreatedObject>)]) {
        if failed.is_empty() {
            return;
        }
        let noted = self.with_ledger(false, |ledger| {
            let mut noted = false;
            for (instance, created) in failed {
                let made: HashSet<&str> = created.iter().map(|object| object.path.as_str()).collect();
                let mut recorded = ledger.created(instance)?;
                for object in recorded.iter_mut().filter(|known| !made.contains(known.object.path.as_str())) {
                    object.is_refused |= !object.is_left;
                    noted |= object.is_refused;
                }
                ledger.record(instance, &recorded)?;
            }
            Ok(noted)
        });
        if noted {
            self.want_search();
        }
    }

    /// Replaces what is known of orphans by what remains of `changed`.
    pub(crate) fn keep(&self, changed: Vec<ChangedInstance>, alive: &HashSet<InstanceRef>) {
        let mut found = Orphans::new();
        self.with_ledger((), |ledger| {
            for ChangedInstance { instance, mut created, mut missing, unknown } in changed {
                let is_alive = alive.contains(&instance);
                missing.iter_mut().for_each(|missing| missing.is_left |= !is_alive);
                created.extend(missing.iter().chain(&unknown).cloned());
                ledger.record(&instance, &created)?;
                if !missing.is_empty() {
                    found.insert(instance, OrphanedObjects { is_alive, objects: missing });
                }
            }
            Ok(())
        });
        let before = self.known();
        let new = found.iter().filter(|(instance, _)| !before.contains_key(*instance));
        new.take(SHOWN).for_each(|(instance, orphaned)| orphaned.warn(instance));
        self.replace(found);
    }

    /// Returns the instances of served lists that have other objects than are recorded, with what is in nobody's list.
    pub(crate) fn changed(
        &self,
        registry: &ModuleRegistry,
        owners: &OwnerIndex,
        steps: &mut StepCounter,
    ) -> Result<Vec<ChangedInstance>, Error> {
        let served: HashSet<PatternStep> = registry.services().map(|service| service.name.clone()).collect();
        let is_served = |instance: &&InstanceRef| {
            let list = instance.path().steps.last().map(|list| PatternStep::new(list.name()));
            list.is_some_and(|list| served.contains(&list))
        };
        let mut stopped = Ok(());
        let changed = self.with_ledger(Vec::new(), |ledger| {
            let all: HashSet<InstanceRef> =
                ledger.instances().filter(is_served).chain(owners.instances()).cloned().collect();
            let mut changed = Vec::new();
            for instance in all {
                stopped = steps.step().map_err(confine_view::Error::from);
                if stopped.is_err() {
                    break;
                }
                let created = listed(owners, &instance);
                if ledger.is_recorded(&instance, &created) {
                    continue;
                }
                let mut missing = Vec::new();
                for recorded in ledger.created(&instance)? {
                    match owners.owns_namesake(&recorded.object, steps) {
                        Ok(true) => {}
                        Ok(false) => missing.push(recorded),
                        Err(error) => stopped = Err(confine_view::Error::from(error)),
                    }
                }
                changed.push(ChangedInstance { instance, created, missing, unknown: Vec::new() });
            }
            Ok(changed)
        });
        stopped?;
        Ok(changed)
    }

    /// Returns the orphans that are known.
    pub(crate) fn known(&self) -> Arc<Orphans> {
        self.found().current.clone()
    }

    /// Returns the orphans for operators.
    pub(crate) fn status(&self) -> OrphansStatus {
        let found = self.known();
        let shown = found.iter().take(SHOWN).map(|(instance, orphaned)| OrphanStatus {
            instance: instance.to_string(),
            is_deleted: !orphaned.is_alive,
            objects: orphaned.objects.len(),
            first: orphaned.objects.first().map(|first| first.object.path.clone()).unwrap_or_default(),
        });
        OrphansStatus {
            are_looked_for: self.directory.is_some()
                && !self.is_broken.load(Ordering::Relaxed)
                && !self.has_failed.load(Ordering::Relaxed),
            instances: found.len(),
            shown: shown.collect(),
        }
    }

    fn replace(&self, found: Orphans) {
        let (before, discarded) = {
            let mut state = self.found();
            (std::mem::replace(&mut state.current, Arc::new(found)), std::mem::take(&mut state.discarded))
        };
        drop((before, discarded));
    }

    /// Uses the record, if there is one. One that cannot be read or written is not used until the next connection.
    fn with_ledger<T>(&self, otherwise: T, run: impl FnOnce(&mut OwnerLedger) -> io::Result<T>) -> T {
        let Some(directory) = &self.directory else { return otherwise };
        let mut state = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_broken.load(Ordering::Relaxed) {
            return otherwise;
        }
        let controller = self.controller.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let path = directory.join(owner_ledger::file_name(&controller));
        let open = state.take().filter(|open| open.controller == controller);
        let opened =
            open.map(|open| Ok(open.ledger)).unwrap_or_else(|| OwnerLedger::open(&path, &controller));
        let run = |mut ledger: OwnerLedger| {
            let result = run(&mut ledger)?;
            ledger.flush()?;
            Ok((result, ledger))
        };
        match opened.and_then(run) {
            Ok((result, ledger)) => {
                *state = Some(OpenLedger { controller, ledger });
                result
            }
            Err(error) => {
                self.is_broken.store(true, Ordering::Relaxed);
                tracing::warn!(file = %path.display(), %error, "cannot use the record of what instances have created, so orphans are not found: let the daemon's user read and write the file, and restart the daemon");
                otherwise
            }
        }
    }

    fn found(&self) -> MutexGuard<'_, FoundOrphans> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what an instance has created according to its list.
fn listed(owners: &OwnerIndex, instance: &InstanceRef) -> Vec<RecordedObject> {
    owners.created_by(instance).map(|object| CreatedObject::from(object).into()).collect()
}

/// Returns where all orphans are.
pub(crate) fn places(orphans: &Orphans) -> impl Iterator<Item = &Pattern> {
    orphans.values().flat_map(|orphaned| &orphaned.objects).filter_map(|orphan| orphan.object.place.as_ref())
}
