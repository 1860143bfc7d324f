//! What the daemon keeps from one commit to the next.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use confine_backend::{ControllerTransaction, ModelStore};
use confine_nacm::Nacm;
use confine_sandbox::{EntryPoint, Limits, Module, RunReport, Runner, Usage};
use confine_tree::{CONTROLLER, Pattern, PatternStep, QName, Schema, Tree};
use confine_view::{InstanceRef, OwnerIndex};
use tokio::sync::{broadcast, watch};

use crate::{
    AuditEvent, DaemonStatus, Error, EventKind, ManagedService, ModuleLibrary, ModuleRegistry,
    audit::Audit,
    commit::{
        hooks::HookedCommit,
        plan::SERVICES,
        read::{self, Shared},
        undeclared_reads::UndeclaredReads,
    },
    controller::{
        models::ModelRefresher,
        nacm::{self, ModulePolicy, NacmRules},
        owner_index::OwnerIndexCache,
    },
    modules::{slots::ModuleSlots, swap::ReportedProblems},
    status::{self, CommitCounts, ConnectionStatus, LastCommit},
};

/// Everything that a commit needs and that outlives it.
pub struct Host {
    pub(crate) runner: Runner,
    pub(crate) knowledge: ModelRefresher,
    /// Lists under `/services` that are none of our business.
    pub(crate) unmanaged: HashSet<String>,
    pub(crate) modules: Arc<ModuleSlots>,
    /// One change of the modules is made after the other.
    pub(crate) changing: tokio::sync::Mutex<ReportedProblems>,
    pub(crate) audit: Audit,
    registries: Mutex<ActiveRegistry>,
    /// Who owns what.
    pub(crate) books: OwnerIndexCache,
    /// What instances turned out to read without their module having declared it.
    remembered: Mutex<UndeclaredReads>,
    /// The commit that was answered last, if its hooks wait for its end.
    hooked: Mutex<Option<HookedCommit>>,
    pub(crate) rules: NacmRules,
    began: Instant,
    connection: watch::Sender<ConnectionStatus>,
    commits: Mutex<CommitCounts>,
    last: Mutex<Option<Arc<CommitReport>>>,
    leaving: watch::Sender<bool>,
    /// Whether the modules have been loaded that there were at the start.
    loaded: watch::Sender<bool>,
}

/// The modules that commits run.
struct ActiveRegistry {
    current: Arc<ModuleRegistry>,
    /// What takes its place as soon as the commit that is running is over.
    next: Option<Arc<ModuleRegistry>>,
    /// Whether one is.
    running: bool,
}

/// What the last commit did.
#[derive(Clone, Debug)]
pub struct CommitReport {
    /// The transaction.
    pub tid: u64,
    /// Every run of a module, in order.
    pub runs: Vec<(Module, InstanceRef, Usage)>,
    /// The size of the edit that was sent.
    pub bytes: usize,
    /// From the notification to the answer.
    pub elapsed: Duration,
}

/// What `running` says that a commit has to know.
pub(crate) struct RunningData {
    /// Who owns what, of all services that have modules.
    pub(crate) owners: Arc<OwnerIndex>,
    /// The controller's rules.
    pub(crate) nacm: Arc<Nacm>,
    /// How long the controller waits for the answer to a commit.
    pub(crate) service_timeout: Option<Duration>,
    /// How often its file had been written before it was read.
    pub(crate) writes: Option<u64>,
}

impl Host {
    /// A host that runs these modules, which somebody else has loaded: nothing is watched or kept.
    pub fn new(
        runner: Runner,
        models: ModelStore,
        unmanaged: HashSet<String>,
        registry: ModuleRegistry,
    ) -> Self {
        let host = Self::with_modules(runner, models, unmanaged, ModuleSlots::of(&registry));
        host.loaded.send_replace(true);
        host
    }

    /// A host that runs the modules of a library. Until they are [loaded](Self::load_modules), commits wait.
    pub fn of(
        runner: Runner,
        models: ModelStore,
        unmanaged: HashSet<String>,
        library: ModuleLibrary,
    ) -> Self {
        Self::with_modules(runner, models, unmanaged, ModuleSlots::new(library))
    }

    /// As [`of`](Self::of), with modules that are loaded.
    pub async fn open(
        runner: Runner,
        models: ModelStore,
        unmanaged: HashSet<String>,
        library: ModuleLibrary,
    ) -> Self {
        let host = Self::of(runner, models, unmanaged, library);
        host.load_modules().await;
        host
    }

    /// Loads the modules that there are, once, before they are [watched](Self::watch). A controller may be
    /// served already: what its users lost with the daemon before this one is not to wait for a compiler.
    pub async fn load_modules(&self) {
        /// Whatever becomes of the modules, a commit gets its answer.
        struct Over<'a>(&'a watch::Sender<bool>);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.send_replace(true);
            }
        }
        let _over = Over(&self.loaded);
        self.restore().await;
    }

    /// Whether that is over.
    pub(crate) fn is_loaded(&self) -> bool {
        *self.loaded.borrow()
    }

    /// Waits until it is.
    pub(crate) async fn loaded(&self) {
        // The sender is this host's own, and so is there.
        let _ = self.loaded.subscribe().wait_for(|&loaded| loaded).await;
    }

    fn with_modules(
        runner: Runner,
        models: ModelStore,
        unmanaged: HashSet<String>,
        modules: ModuleSlots,
    ) -> Self {
        let current = Arc::new(modules.registry());
        Self {
            runner,
            knowledge: ModelRefresher::new(models),
            unmanaged,
            modules: Arc::new(modules),
            changing: tokio::sync::Mutex::default(),
            audit: Audit::new(),
            registries: Mutex::new(ActiveRegistry { current, next: None, running: false }),
            books: OwnerIndexCache::default(),
            remembered: Mutex::default(),
            hooked: Mutex::default(),
            rules: NacmRules::default(),
            began: Instant::now(),
            connection: watch::Sender::new(ConnectionStatus {
                since: status::now(),
                ..ConnectionStatus::default()
            }),
            commits: Mutex::default(),
            last: Mutex::default(),
            leaving: watch::Sender::new(false),
            loaded: watch::Sender::new(false),
        }
    }

    /// Narrows modules by what the operator's file says, beside the controller's own rules.
    #[must_use]
    pub fn with_policy(mut self, policy: ModulePolicy) -> Self {
        self.rules = NacmRules::new(policy);
        self
    }

    /// The daemon as it is now. Waits for nothing.
    pub fn status(&self) -> DaemonStatus {
        DaemonStatus {
            uptime_s: self.began.elapsed().as_secs(),
            connection: self.connection.borrow().clone(),
            commits: lock(&self.commits).clone(),
            modules: self.modules.status(),
            counts: self.audit.counts(),
        }
    }

    /// What a module may use.
    pub fn limits_of(&self, module: &str) -> &Limits {
        self.modules.library.limits.of(module)
    }

    /// What happens from now on. A listener that is too slow is told how many events it has missed.
    pub fn events(&self) -> broadcast::Receiver<AuditEvent> {
        self.audit.listen()
    }

    /// Has [`serve`](crate::serve) return once the commits that it has been told of are answered: what an
    /// operator asks for who wants none of them lost.
    pub fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Waits until that is asked for.
    pub(crate) async fn left(&self) {
        // The sender is this host's own, and so is there.
        let _ = self.leaving.subscribe().wait_for(|&leaving| leaving).await;
    }

    /// Waits until a controller is served.
    pub async fn connected(&self) {
        // The sender is this host's own, and so is there.
        let _ = self.connection.subscribe().wait_for(|connection| connection.connected).await;
    }

    /// Waits until none is.
    pub async fn disconnected(&self) {
        // The sender is this host's own, and so is there.
        let _ = self.connection.subscribe().wait_for(|connection| !connection.connected).await;
    }

    /// Waits until the models of the controller that is served have been read, as far as they are to be had.
    pub async fn modelled(&self) {
        self.knowledge.complete().await;
    }

    /// What is known of the models now.
    pub fn schema(&self) -> Arc<dyn Schema> {
        self.knowledge.schema()
    }

    /// Whether a controller is served.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.borrow().connected
    }

    pub(crate) fn connect(&self, socket: String, user: String) {
        self.knowledge.begin();
        self.audit.tell(EventKind::Connected { socket: socket.clone() });
        self.connection.send_modify(|connection| {
            *connection = ConnectionStatus {
                connected: true,
                socket: Some(socket),
                user: Some(user),
                since: status::now(),
                error: None,
                losses: connection.losses,
            };
        });
    }

    /// No controller is served any more, because the daemon was told to end.
    pub(crate) fn leave_controller(&self) {
        self.knowledge.begin();
        self.connection.send_modify(|connection| connection.connected = false);
    }

    /// The connection is lost, or could not be made.
    pub(crate) fn disconnect(&self, socket: String, user: String, error: String) {
        let mut was_connected = false;
        self.connection.send_modify(|connection| {
            was_connected = connection.connected;
            if was_connected {
                connection.since = status::now();
                connection.losses += 1;
            }
            connection.connected = false;
            (connection.socket, connection.user) = (Some(socket), Some(user));
            connection.error = Some(error.clone());
        });
        if was_connected {
            self.audit.tell(EventKind::Disconnected { error });
        }
    }

    /// A commit begins.
    pub(crate) fn begin(&self, tid: u64) {
        lock(&self.commits).running = Some(tid);
    }

    /// It keeps the modules that there are now to its end.
    pub(crate) fn keep_modules(&self) {
        lock(&self.registries).running = true;
    }

    /// It was answered.
    pub(crate) fn end(&self, last: LastCommit) {
        let (tid, user, elapsed_us, error) =
            (last.tid, last.user.clone(), last.elapsed_us, last.error.clone());
        {
            let mut commits = lock(&self.commits);
            match error {
                None => commits.done += 1,
                Some(_) => commits.failed += 1,
            }
            commits.running = None;
            commits.last = Some(last);
        }
        let is_replaced = {
            let mut registries = lock(&self.registries);
            registries.running = false;
            let next = registries.next.take();
            next.map(|next| registries.current = next).is_some()
        };
        if is_replaced {
            self.books.forget();
        }
        self.audit.tell(EventKind::Commit { tid, user, elapsed_us, error });
    }

    /// Has the commits to come run the modules as they are now.
    pub(crate) fn update_registry(&self) {
        self.knowledge.packages_may_have_changed();
        {
            let mut registries = lock(&self.registries);
            let registry = Arc::new(self.modules.registry());
            if registries.running {
                registries.next = Some(registry);
                return;
            }
            registries.current = registry;
        }
        // Other modules, other lists to know the owners of.
        self.books.forget();
    }

    /// Takes note of a run.
    pub(crate) fn record(
        &self,
        tid: u64,
        module: &Module,
        entry: EntryPoint,
        instance: &InstanceRef,
        run: &RunReport,
    ) {
        let (happened, is_set_aside) = self.modules.record(tid, module, entry, instance, run);
        if is_set_aside {
            self.update_registry();
            self.persist_or_warn(module.name());
        }
        happened.into_iter().for_each(|what| self.audit.tell(what));
    }

    /// What the last commit did that was answered with "done".
    pub fn last_commit(&self) -> Option<Arc<CommitReport>> {
        lock(&self.last).clone()
    }

    pub(crate) fn report(&self, report: CommitReport) {
        *lock(&self.last) = Some(Arc::new(report));
    }

    /// The modules that are in use now. A commit keeps those that it began with.
    pub fn registry(&self) -> Arc<ModuleRegistry> {
        lock(&self.registries).current.clone()
    }

    /// Reads what a commit has to know of `running`: all `created` lists only where the books are not known
    /// to be true.
    pub(crate) async fn read_running(&self, backend: &Shared) -> Result<RunningData, Error> {
        let host_user = backend.lock().await.options().host_user.clone();
        let writes = self.books.writes();
        let registry = self.registry();
        let known = self.books.owners();
        let mut wanted = vec![nacm::place(), service_timeout_place()];
        if known.is_none() {
            wanted.extend(registry.services().map(|service| created_of(&service)));
        }
        let tree = read::read_running(backend, &wanted).await?;
        let nacm = self.rules.take(&tree, &host_user, &registry, &*self.schema());
        let owners = known.unwrap_or_else(|| {
            let owners = Arc::new(registry.owners(&tree));
            tell_held_twice(&owners);
            // Other modules may have come meanwhile, and have other lists.
            if Arc::ptr_eq(&registry, &self.registry()) {
                self.books.keep(owners.clone(), writes);
            }
            owners
        });
        Ok(RunningData { owners, nacm: nacm?, service_timeout: service_timeout(&tree), writes })
    }

    /// Reads how long the controller waits for the answer to a commit.
    pub(crate) async fn read_service_timeout(&self, backend: &Shared) -> Result<Option<Duration>, Error> {
        Ok(service_timeout(&read::read_running(backend, &[service_timeout_place()]).await?))
    }

    /// A commit is about to be answered, and its hooks wait for its end.
    pub(crate) fn await_end(&self, hooked: Option<HookedCommit>) {
        *lock(&self.hooked) = hooked;
    }

    /// The transaction for whose end hooks wait, and when that began.
    pub(crate) fn awaited(&self) -> Option<(u64, Option<String>)> {
        lock(&self.hooked).as_ref().map(|hooked| (hooked.tid, hooked.began.clone()))
    }

    /// The hooks that wait for the end of this transaction.
    pub(crate) fn take_hooked(&self, tid: u64) -> Option<HookedCommit> {
        lock(&self.hooked).take_if(|hooked| hooked.tid == tid)
    }

    /// A transaction is over.
    pub(crate) fn transaction_over(&self, over: &ControllerTransaction) {
        if !self.books.transaction_over(over) {
            // What others do nobody says.
            self.knowledge.devices_may_have_changed();
        }
    }

    /// What an instance turned out to read the last time.
    pub(crate) fn remembered(&self, instance: &InstanceRef) -> Vec<Pattern> {
        lock(&self.remembered).of(instance).to_vec()
    }

    /// Remembers what an instance turned out to read.
    pub(crate) fn remember(&self, instance: &InstanceRef, patterns: Vec<Pattern>) {
        lock(&self.remembered).replace(instance, patterns);
    }
}

/// `/services/service-timeout`, in seconds.
const SERVICE_TIMEOUT: QName<'_> = QName::new(CONTROLLER, "service-timeout");

fn service_timeout_place() -> Pattern {
    Pattern { steps: [SERVICES, SERVICE_TIMEOUT].map(PatternStep::new).into() }
}

fn service_timeout(running: &Tree) -> Option<Duration> {
    let leaf = running.child(running.child(Tree::ROOT, SERVICES)?, SERVICE_TIMEOUT)?;
    running.value(leaf)?.trim().parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

/// Says which instances end the controller (1.8.0) when they are in one commit. Lists of the Python API server
/// are like that.
fn tell_held_twice(owners: &OwnerIndex) {
    let mut held_twice = owners.held_twice();
    let Some((path, [first, second, ..])) = held_twice.next() else { return };
    let more = held_twice.count();
    tracing::warn!(
        path,
        more,
        "the `created` lists of `{first}` and `{second}` both name this object, and a commit of both ends the controller: apply one of them alone first, with `apply services` in the CLI"
    );
}

/// The `created` lists of a service's instances.
pub(crate) fn created_of(service: &ManagedService) -> Pattern {
    let created = PatternStep::new(QName::new(&service.name.namespace, "created"));
    Pattern { steps: vec![PatternStep::new(SERVICES), service.name.clone(), created] }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
