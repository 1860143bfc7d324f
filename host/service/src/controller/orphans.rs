//! Orphans: what instances had created when they were deleted past the services, or lost their `created` lists.
//!
//! A local commit, RESTCONF or a replace of `/services` is not notified: the objects stay on the devices, and no list names
//! them. What this host knows of each instance is compared with the lists whenever these are read. What is gone from
//! all lists and still there is an orphan: it is reported, and becomes the instance's own again when that runs, or is
//! removed when a commit (FORCE) names the deleted instance.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use confine_tree::{PatternStep, StepCounter, text::ShownLine};
use confine_view::{CreatedObject, InstanceRef, OwnerIndex};

use crate::{
    Error,
    controller::owner_ledger::OwnerLedger,
    modules::registry::ModuleRegistry,
    status::{OrphanStatus, OrphansStatus},
};

/// The most instances that the status names.
const SHOWN: usize = 100;

/// The orphans of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrphanedObjects {
    /// Whether the instance exists.
    is_alive: bool,
    objects: Vec<CreatedObject>,
}

impl OrphanedObjects {
    fn warn(&self, instance: &InstanceRef) {
        let objects = self.objects.len();
        let first =
            self.objects.first().map(|object| ShownLine(&object.path).to_string()).unwrap_or_default();
        let instance = ShownLine(instance);
        if self.is_alive {
            tracing::warn!(
                %instance,
                objects,
                first,
                "the `created` list of an instance has lost what is still on devices: commit the instance with `apply services`"
            );
        } else {
            tracing::warn!(
                %instance,
                objects,
                first,
                "an instance was deleted without a commit of services, and what it had created is still on devices: to remove it, commit the instance by name with `confine rpc`"
            );
        }
    }
}

type Orphans = BTreeMap<InstanceRef, OrphanedObjects>;

/// Keeps what each instance has created, and finds orphans.
#[derive(Debug, Default)]
pub(crate) struct OrphanKeeper {
    /// Without a file, no orphans are found.
    file: Option<PathBuf>,
    ledger: Mutex<LedgerState>,
    found: Mutex<Arc<Orphans>>,
}

/// Reading the file may take long, so it is opened by whoever needs it first, and not when a connection begins.
#[derive(Debug, Default)]
enum LedgerState {
    #[default]
    Unusable,
    /// To be opened for the controller at this socket.
    Closed(String),
    Open(Box<OwnerLedger>),
}

/// An instance whose list is not what is recorded.
pub(crate) struct ChangedInstance {
    pub(crate) instance: InstanceRef,
    /// What its list has now.
    created: Vec<CreatedObject>,
    /// What is recorded and in nobody's list.
    pub(crate) missing: Vec<CreatedObject>,
}

impl OrphanKeeper {
    /// Keeps the record in this file.
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// A connection to the controller at this socket begins.
    pub(crate) fn begin(&self, controller: &str) {
        if self.file.is_some() {
            *self.ledger() = LedgerState::Closed(controller.to_owned());
        }
        *self.found() = Arc::default();
    }

    /// Records what a commit has changed.
    pub(crate) fn record(&self, instance: &InstanceRef, created: &[CreatedObject]) {
        self.with_ledger((), |ledger| ledger.record(instance, created));
        let mut found = self.found();
        if found.contains_key(instance) {
            Arc::make_mut(&mut found).remove(instance);
        }
    }

    /// Replaces what is known of orphans by what remains of `changed`.
    pub(crate) fn keep(&self, changed: Vec<ChangedInstance>, alive: &HashSet<InstanceRef>) {
        let mut found = Orphans::new();
        self.with_ledger((), |ledger| {
            for ChangedInstance { instance, mut created, missing } in changed {
                created.extend(missing.iter().cloned());
                ledger.record(&instance, &created)?;
                if !missing.is_empty() {
                    let is_alive = alive.contains(&instance);
                    found.insert(instance, OrphanedObjects { is_alive, objects: missing });
                }
            }
            Ok(())
        });
        let found = Arc::new(found);
        let before = std::mem::replace(&mut *self.found(), found.clone());
        let new = found.iter().filter(|(instance, _)| !before.contains_key(*instance));
        new.take(SHOWN).for_each(|(instance, orphaned)| orphaned.warn(instance));
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
                let created: Vec<CreatedObject> =
                    owners.created_by(&instance).map(CreatedObject::from).collect();
                if ledger.is_recorded(&instance, &created) {
                    continue;
                }
                let mut missing = Vec::new();
                for object in ledger.created(&instance)? {
                    match owners.owns_namesake(&object, steps) {
                        Ok(true) => {}
                        Ok(false) => missing.push(object),
                        Err(error) => stopped = Err(confine_view::Error::from(error)),
                    }
                }
                changed.push(ChangedInstance { instance, created, missing });
            }
            Ok(changed)
        });
        stopped?;
        Ok(changed)
    }

    /// Returns the owner index with the orphans of the instances that a commit asks for. `asks_for` is told whether the
    /// instance exists.
    pub(crate) fn adopt(
        &self,
        mut owners: Arc<OwnerIndex>,
        asks_for: impl Fn(&InstanceRef, bool) -> bool,
    ) -> Arc<OwnerIndex> {
        let found = self.found().clone();
        for (instance, orphaned) in
            found.iter().filter(|(instance, orphaned)| asks_for(instance, orphaned.is_alive))
        {
            Arc::make_mut(&mut owners).add(instance, orphaned.objects.iter().cloned());
        }
        owners
    }

    /// Returns the orphans for operators.
    pub(crate) fn status(&self) -> OrphansStatus {
        let found = self.found().clone();
        let shown = found.iter().take(SHOWN).map(|(instance, orphaned)| OrphanStatus {
            instance: instance.to_string(),
            is_deleted: !orphaned.is_alive,
            objects: orphaned.objects.len(),
            first: orphaned.objects.first().map(|object| object.path.clone()).unwrap_or_default(),
        });
        OrphansStatus { instances: found.len(), shown: shown.collect() }
    }

    /// Uses the ledger, if there is one. One that cannot be read or written is used no more.
    fn with_ledger<T>(&self, otherwise: T, run: impl FnOnce(&mut OwnerLedger) -> io::Result<T>) -> T {
        let Some(path) = &self.file else { return otherwise };
        let mut state = self.ledger();
        let opened = match std::mem::take(&mut *state) {
            LedgerState::Unusable => return otherwise,
            LedgerState::Closed(controller) => OwnerLedger::open(path, &controller).map(Box::new),
            LedgerState::Open(ledger) => Ok(ledger),
        };
        let used = opened.and_then(|mut ledger| Ok((run(&mut ledger)?, ledger)));
        match used {
            Ok((result, ledger)) => {
                *state = LedgerState::Open(ledger);
                result
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot keep what instances own: what loses its owner past the services is not found");
                otherwise
            }
        }
    }

    fn ledger(&self) -> MutexGuard<'_, LedgerState> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self) -> MutexGuard<'_, Arc<Orphans>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
