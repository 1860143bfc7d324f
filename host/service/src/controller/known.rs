//! Everything that is kept of the controller between commits, in one value.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use confine_backend::{ControllerTransaction, ModelStore};
use confine_tree::Schema;
use confine_view::OwnerIndex;
use tokio::sync::Notify;

use crate::{
    controller::{
        models::ModelRefresher,
        nacm::{ModulePolicy, NacmRules},
        orphans::OrphanKeeper,
        owner_index::OwnerIndexCache,
    },
    modules::registry::ModuleRegistry,
};

/// What is known of the controller that is served.
pub(crate) struct KnownController {
    pub(crate) models: Arc<ModelRefresher>,
    pub(crate) owner_index: OwnerIndexCache,
    pub(crate) orphans: OrphanKeeper,
    /// Held by whoever reads the owner index from `running`: a commit that comes meanwhile waits, and need not read it again.
    pub(crate) owner_reading: tokio::sync::Mutex<()>,
    /// Held by whoever searches for orphans.
    pub(crate) orphan_search: tokio::sync::Mutex<()>,
    /// Notified when the owner index may have to be brought up to date.
    pub(crate) owners_may_have_changed: Notify,
    /// Notified when other models are known, by which rules may mean something else.
    pub(crate) models_changed: Arc<Notify>,
    pub(crate) nacm: NacmRules,
    /// The lists under `/services` that no module serves.
    pub(crate) unmanaged: HashSet<String>,
}

impl KnownController {
    /// Nothing is known yet. `modules_scanned` is notified when YANG may have come with modules. What each instance
    /// has created is kept in the directory `ledgers`.
    pub(crate) fn new(
        models: ModelStore,
        unmanaged: HashSet<String>,
        policy: ModulePolicy,
        modules_scanned: Arc<Notify>,
        ledgers: Option<PathBuf>,
    ) -> Self {
        let models_changed = Arc::new(Notify::new());
        Self {
            models: Arc::new(ModelRefresher::new(models, modules_scanned, models_changed.clone())),
            owner_index: OwnerIndexCache::default(),
            orphans: OrphanKeeper::new(ledgers),
            owner_reading: tokio::sync::Mutex::default(),
            orphan_search: tokio::sync::Mutex::default(),
            owners_may_have_changed: Notify::new(),
            models_changed,
            nacm: NacmRules::new(policy),
            unmanaged,
        }
    }

    /// Returns the models that are known now.
    pub(crate) fn schema(&self) -> Arc<dyn Schema> {
        self.models.schema()
    }

    /// A connection begins: anything may have changed since the last one.
    pub(crate) fn connecting(&self, socket: &Path, running_file: Option<&Path>) {
        self.owner_index.begin(running_file);
        self.orphans.begin(&socket.to_string_lossy());
        self.nacm.forget();
    }

    /// Returns the owners of objects of these modules' services, if they are known to be true; see
    /// [`OwnerIndexCache::owners`]. What commits have changed is recorded.
    pub(crate) fn known_owners(&self, registry: &Arc<ModuleRegistry>) -> Option<Arc<OwnerIndex>> {
        self.owner_index.owners(registry, |changes, before| self.orphans.record(changes, before))
    }

    /// Returns what a search of orphans would look at, if one is needed and possible: before the models are known, a path may
    /// mean nothing.
    pub(crate) fn wanted_search(&self) -> Option<u64> {
        self.orphans.wanted_search().filter(|_| self.models.is_complete())
    }

    /// A transaction of the controller is over.
    pub(crate) fn transaction_over(&self, over: &ControllerTransaction) {
        if !self.owner_index.transaction_over(over) {
            // Not a commit of ours: the notification does not say whether devices have changed.
            self.models.devices_may_have_changed();
        }
    }
}
