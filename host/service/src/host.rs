//! A daemon without its connection: its modules, what it knows of the controller, and its activity.

use std::{collections::HashSet, path::PathBuf, sync::Arc};

use confine_backend::ModelStore;
use confine_sandbox::{HostFault, Runner};
use confine_tree::Schema;
use tokio::sync::broadcast;

use crate::{
    activity::{Activity, CommitReport},
    audit::{Audit, AuditEvent},
    commit::originals::keeps_originals,
    commit::work::CommitRunner,
    controller::{known::KnownController, nacm::ModulePolicy},
    modules::{library::ModuleLibrary, manager::ModuleManager, registry::ModuleRegistry},
    status::DaemonStatus,
    work_threads::WorkThreads,
};

/// The options of a host. The default is empty.
#[derive(Default)]
pub struct HostOptions {
    /// Where YANG models come from.
    pub models: ModelStore,
    /// The lists under `/services` that no module serves: their instances are left alone.
    pub unmanaged: HashSet<String>,
    /// Rules of the operator's file about modules, in addition to the controller's.
    pub policy: ModulePolicy,
    /// The directory of the files that keep what each instance has created, one for each controller. Without it, objects that
    /// lose their owner without a commit of services are not found.
    pub ledgers: Option<PathBuf>,
}

/// Everything that outlives a connection to the controller.
pub struct Host {
    pub(crate) modules: Arc<ModuleManager>,
    pub(crate) controller: Arc<KnownController>,
    pub(crate) commits: Arc<CommitRunner>,
    pub(crate) activity: Activity,
    pub(crate) audit: Arc<Audit>,
    work: WorkThreads,
}

impl Host {
    /// A host with the modules of a registry, which are loaded already: nothing is watched or stored.
    ///
    /// # Errors
    /// [`HostFault::Thread`].
    pub fn new(runner: Runner, registry: &ModuleRegistry, options: HostOptions) -> Result<Self, HostFault> {
        let audit = Arc::new(Audit::new());
        let modules = ModuleManager::of_registry(runner, registry, audit.clone());
        Self::with_modules(modules, options, audit)
    }

    /// A host with the modules of a library. Commits wait until they are [loaded](ModuleManager::load).
    ///
    /// # Errors
    /// [`HostFault::Thread`].
    pub fn of_library(
        runner: Runner,
        library: ModuleLibrary,
        options: HostOptions,
    ) -> Result<Self, HostFault> {
        let audit = Arc::new(Audit::new());
        let modules = ModuleManager::new(runner, library, audit.clone());
        Self::with_modules(modules, options, audit)
    }

    fn with_modules(
        modules: ModuleManager,
        options: HostOptions,
        audit: Arc<Audit>,
    ) -> Result<Self, HostFault> {
        let HostOptions { models, unmanaged, policy, ledgers } = options;
        let modules = Arc::new(modules);
        let controller =
            Arc::new(KnownController::new(models, unmanaged, policy, modules.scanned(), ledgers));
        Ok(Self {
            commits: Arc::new(CommitRunner::new(modules.clone(), controller.clone())),
            activity: Activity::new(audit.clone()),
            modules,
            controller,
            audit,
            work: WorkThreads::start().map_err(HostFault::Thread)?,
        })
    }

    /// Returns the threads for whatever may take long, such as loading modules.
    pub fn work(&self) -> &WorkThreads {
        &self.work
    }

    /// The modules, and what operators do with them.
    pub fn modules(&self) -> &ModuleManager {
        &self.modules
    }

    /// Returns the state of the daemon. Never blocks on a commit.
    pub fn status(&self) -> DaemonStatus {
        DaemonStatus {
            uptime_s: self.activity.uptime().as_secs(),
            connection: self.activity.connection(),
            commits: self.activity.commits(),
            modules: self.modules.status(),
            broken_rules: self.controller.nacm.broken(),
            keeps_originals: (self.controller.models.is_complete())
                .then(|| keeps_originals(&*self.controller.schema())),
            orphans: self.controller.orphans.status(),
            counts: self.audit.counts(),
        }
    }

    /// Returns the events from now on. A receiver that is too slow learns how many events it has missed.
    pub fn events(&self) -> broadcast::Receiver<AuditEvent> {
        self.audit.subscribe()
    }

    /// Makes [`serve`](crate::serve) return once every commit that has been notified is answered.
    pub fn request_exit(&self) {
        self.activity.request_exit();
    }

    /// Waits until a controller is served.
    pub async fn wait_until_connected(&self) {
        self.activity.wait_until_connected(true).await;
    }

    /// Waits until no controller is served.
    pub async fn wait_until_disconnected(&self) {
        self.activity.wait_until_connected(false).await;
    }

    /// Waits until it is known what instances have lost, as far as the daemon knows of changes. Never, if nothing is kept of
    /// what they own.
    pub async fn wait_until_orphans_known(&self) {
        self.controller.orphans.wait_until_searched().await;
    }

    /// Waits until the models of the controller that is served have been read, as far as it provides them.
    pub async fn wait_until_models_read(&self) {
        self.controller.models.wait_until_complete().await;
    }

    /// Returns the models that are known now.
    pub fn schema(&self) -> Arc<dyn Schema> {
        self.controller.schema()
    }

    /// Returns what the last successful commit did.
    pub fn last_commit(&self) -> Option<Arc<CommitReport>> {
        self.activity.last_report()
    }
}
