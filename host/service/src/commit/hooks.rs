//! Calls of modules around a commit.
//!
//! `pre-commit` is part of the commit: it is called before any module runs, once for each instance, and its failure
//! is the commit's. Hooks after a commit hold up nobody: they are queued, have a connection and budgets of their
//! own, and read `running`. They follow only commits that were to reach devices.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use confine_backend::{
    Backend, ConnectOptions, ControllerTransaction, Datastore, Error as BackendError, RequestUser,
    Transaction, TransactionOutcome, TransactionState,
};
use confine_nacm::Nacm;
use confine_sandbox::{Budget, CommitContext, Digest, EntryPoint, Hook, Module, RunFailure};
use confine_tree::{Pattern, Tree, xml};
use confine_view::{CommitDraft, InstanceRef, View};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::{
    Error,
    backoff::Backoff,
    commit::{
        declared::DeclaredPaths,
        plan::PlannedInstance,
        read::{self, DatastoreSource, condense},
    },
    controller::{SharedBackend, known::KnownController},
    error_chain::error_chain,
    modules::{
        manager::ModuleManager,
        membership::{ManagedService, SERVICES},
        registry::ModuleRegistry,
    },
    work_threads::WorkThreads,
};

/// The most commits whose hooks may wait. If commits come faster than hooks run, the hooks of some are not run.
const QUEUE_LENGTH: usize = 256;

/// A commit whose hooks run when it is over.
pub(crate) struct HookedCommit {
    tid: u64,
    /// When the transaction began, in the controller's words.
    began: Option<String>,
    user: String,
    /// When it began: the time that all its calls are given.
    time: Duration,
    /// The controller's rules, as the commit had them.
    nacm: Arc<Nacm>,
    registry: Arc<ModuleRegistry>,
    /// The instances whose modules have hooks.
    planned: Vec<PlannedInstance>,
    /// Digest of these instances in `running` before the commit: the text may be long, and many commits may wait.
    before: Digest,
}

impl HookedCommit {
    /// Prepares a commit for its hooks. `None` if no module has any.
    pub(crate) async fn prepare(
        transaction: &Transaction,
        context: &CommitContext,
        nacm: &Arc<Nacm>,
        registry: &Arc<ModuleRegistry>,
        planned: &[PlannedInstance],
        backend: &SharedBackend,
    ) -> Result<Option<Self>, Error> {
        let has_hooks = |planned: &&PlannedInstance| planned.modules().iter().any(Module::has_hooks);
        let planned: Vec<PlannedInstance> = planned.iter().filter(has_hooks).cloned().collect();
        if planned.is_empty() {
            return Ok(None);
        }
        let before = digest_in_running(&planned, backend).await?;
        Ok(Some(Self {
            tid: transaction.tid,
            began: transaction.started_at.clone(),
            user: context.user.clone(),
            time: context.time,
            nacm: nacm.clone(),
            registry: registry.clone(),
            planned,
            before,
        }))
    }

    /// Creates a draft of `running` as the user reads it, and resolves what the modules declare.
    fn draft(
        &self,
        controller: &KnownController,
        backend: &SharedBackend,
    ) -> (CommitDraft, DeclaredPaths<'_>) {
        let source = Arc::new(DatastoreSource {
            backend: backend.clone(),
            datastore: Datastore::Running,
            user: RequestUser::User(self.user.clone()),
            runtime: tokio::runtime::Handle::current(),
        });
        let schema = controller.schema();
        let rules = controller.nacm.of_commit(self.nacm.clone(), &self.user, schema.clone());
        let mut draft = CommitDraft::new(schema.clone(), source);
        let mut services: Vec<Arc<ManagedService>> = Vec::new();
        for planned in &self.planned {
            draft.declare(planned.instance.path());
            if !services.iter().any(|service| Arc::ptr_eq(service, &planned.service)) {
                services.push(planned.service.clone());
            }
        }
        let declared = DeclaredPaths::new(&self.registry, &services, &rules, &*schema, &mut draft);
        (draft, declared)
    }
}

/// Returns the digest of what `running` says of these instances, their `created` lists included.
async fn digest_in_running(planned: &[PlannedInstance], backend: &SharedBackend) -> Result<Digest, Error> {
    let wanted: Vec<Pattern> = planned.iter().map(|planned| planned.instance.path().clone()).collect();
    let tree = read::read(backend, Datastore::Running, &condense(wanted), &RequestUser::Host).await?;
    let text = tree.child(Tree::ROOT, SERVICES).map(|services| xml::write(&tree, services)).transpose();
    Ok(Digest::of(text.map_err(Error::Datastore)?.unwrap_or_default().as_bytes()))
}

/// The `pre-commit` calls of one commit, however often the commit is tried: each is made once.
#[derive(Default)]
pub(crate) struct PreCommitHooks {
    budgets: HookBudgets,
    called: HashSet<(Arc<str>, InstanceRef)>,
}

impl PreCommitHooks {
    /// Calls `pre-commit` of every module that has hooks, for each of its instances that it was not called for yet.
    #[allow(clippy::too_many_arguments, reason = "each is a different part of the commit")]
    pub(crate) async fn call(
        &mut self,
        modules: &ModuleManager,
        tid: u64,
        context: &CommitContext,
        mut draft: CommitDraft,
        planned: &[PlannedInstance],
        declared: &DeclaredPaths<'_>,
        deadline: Instant,
    ) -> Result<CommitDraft, Error> {
        self.budgets.extend(planned, Some(deadline));
        let calls = HookCalls { modules, tid, context, hook: Hook::PreCommit };
        for (module, instance) in hook_targets(planned) {
            if !self.called.insert((module.name().clone(), instance.clone())) {
                continue;
            }
            let (outcome, rest) =
                calls.call(module, instance, self.budgets.of(module), draft, declared).await;
            outcome.map_err(Error::PreCommit)?;
            draft = rest.ok_or(Error::Internal)?;
        }
        Ok(draft)
    }
}

/// Returns every module that has hooks with every instance that it serves.
fn hook_targets(planned: &[PlannedInstance]) -> impl Iterator<Item = (&Module, &InstanceRef)> {
    planned.iter().flat_map(|planned| {
        let modules = planned.modules().iter().filter(|module| module.has_hooks());
        modules.map(|module| (module, &planned.instance))
    })
}

/// The budgets of hooks, by module. The other runs of a module have another one.
#[derive(Default)]
struct HookBudgets(HashMap<Arc<str>, Budget>);

impl HookBudgets {
    /// Adds a budget for each module that has none yet.
    fn extend(&mut self, planned: &[PlannedInstance], deadline: Option<Instant>) {
        let mut counts: HashMap<&Arc<str>, (&Module, u64)> = HashMap::new();
        for (module, _) in hook_targets(planned) {
            counts.entry(module.name()).or_insert((module, 0)).1 += 1;
        }
        for (name, (module, count)) in counts {
            self.0.entry(name.clone()).or_insert_with(|| {
                let budget = Budget::new(module.limits(), count);
                deadline.into_iter().fold(budget, Budget::answer_by)
            });
        }
    }

    fn of(&mut self, module: &Module) -> &mut Budget {
        self.0.entry(module.name().clone()).or_insert_with(|| Budget::new(module.limits(), 1))
    }
}

/// Calls of one hook.
struct HookCalls<'a> {
    modules: &'a ModuleManager,
    tid: u64,
    context: &'a CommitContext,
    hook: Hook,
}

impl HookCalls<'_> {
    /// Calls the hook of a module for an instance, with a view that is read-only. The draft is lost only with a thread
    /// that had to be abandoned.
    async fn call(
        &self,
        module: &Module,
        instance: &InstanceRef,
        budget: &mut Budget,
        draft: CommitDraft,
        declared: &DeclaredPaths<'_>,
    ) -> (Result<(), Box<RunFailure>>, Option<CommitDraft>) {
        let scope = match declared.scope(module) {
            Ok(scope) => scope,
            Err(error) => {
                tracing::error!(%module, error = error.reason(), "a hook is not called");
                return (Ok(()), Some(draft));
            }
        };
        let entry = EntryPoint::Hook(self.hook);
        let prefixes = module.description().prefixes.clone();
        let view = |meter| View::new(draft, scope, instance.clone(), prefixes, meter).read_only();
        let run = self.modules.runner.run(module, budget, entry, self.context, instance, view).await;
        self.modules.record(self.tid, module, entry, instance, &run, true);
        (run.outcome.map_err(Box::new), run.draft)
    }
}

/// Commits whose hooks wait: for the end of the commit, or for their turn.
pub(crate) struct HookQueue {
    /// The commit that was answered last, until its transaction is over.
    unfinished: Mutex<Option<HookedCommit>>,
    finished: mpsc::Sender<(HookedCommit, ControllerTransaction)>,
}

impl HookQueue {
    /// Starts the queue and the task that calls the hooks, which ends with the queue.
    pub(crate) fn start(
        modules: Arc<ModuleManager>,
        controller: Arc<KnownController>,
        options: ConnectOptions,
        work: &WorkThreads,
    ) -> Self {
        let (finished, mut queue) = mpsc::channel::<(HookedCommit, ControllerTransaction)>(QUEUE_LENGTH);
        work.complete(async move {
            let mut connection: Option<SharedBackend> = None;
            while let Some((hooked, transaction)) = queue.recv().await {
                let tid = hooked.tid;
                let (modules, controller) = (modules.clone(), controller.clone());
                let (options, backend) = (options.clone(), connection.take());
                // A task of its own: if it panics, the next commit's hooks run all the same.
                let span = tracing::info_span!("after_commit", tid, user = hooked.user);
                let call = async move {
                    let (backend, now) = connect(&hooked, backend, &options).await?;
                    call_after_commit(&modules, &controller, &hooked, &transaction, now, &backend).await?;
                    Ok::<_, Error>(backend)
                };
                match tokio::spawn(call.instrument(span)).await {
                    Ok(Ok(backend)) => connection = Some(backend),
                    Ok(Err(error)) => {
                        tracing::error!(tid, error = error_chain(&error), "the hooks after a commit failed")
                    }
                    Err(ended) => {
                        tracing::error!(tid, error = %ended, "the task of the hooks after a commit ended")
                    }
                }
            }
        });
        Self { unfinished: Mutex::default(), finished }
    }

    /// Keeps a commit that is about to be answered until its transaction is over.
    pub(crate) fn commit_answered(&self, hooked: Option<HookedCommit>) {
        *self.unfinished() = hooked;
    }

    /// A transaction is over: queues the hooks of its commit, if there are any.
    pub(crate) fn transaction_over(&self, over: ControllerTransaction) {
        let hooked = self.unfinished().take_if(|hooked| hooked.tid == over.tid);
        let Some(hooked) = hooked else { return };
        let tid = hooked.tid;
        if self.finished.try_send((hooked, over)).is_err() {
            tracing::error!(tid, "the hooks after a commit are not called: too many commits wait");
        }
    }

    /// Finds out how a commit ended whose end was not notified because the connection was lost.
    pub(crate) async fn find_missed_end(&self, backend: &SharedBackend) -> Result<(), BackendError> {
        let waiting = self.unfinished().as_ref().map(|hooked| (hooked.tid, hooked.began.clone()));
        let Some((tid, began)) = waiting else { return Ok(()) };
        let found = backend.lock().await.transaction(tid, &RequestUser::Host).await?;
        match found.filter(|found| found.started_at == began) {
            Some(found) if found.state == TransactionState::Done => {
                let Transaction { username, result, origin, reason, .. } = found;
                self.transaction_over(ControllerTransaction { tid, username, result, origin, reason });
            }
            // Its end will be notified.
            Some(_) => {}
            None => {
                // The number belongs to another transaction, or will.
                *self.unfinished() = None;
                tracing::warn!(
                    tid,
                    "the hooks after a commit are not called: the controller was restarted and does not know how the commit ended"
                );
            }
        }
        Ok(())
    }

    fn unfinished(&self) -> std::sync::MutexGuard<'_, Option<HookedCommit>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns a connection, the previous one if it still works, and the digest of the commit's instances in `running`.
/// Waits for a controller that is away: a hook is not lost for that.
async fn connect(
    hooked: &HookedCommit,
    mut previous: Option<SharedBackend>,
    options: &ConnectOptions,
) -> Result<(SharedBackend, Digest), Error> {
    let mut backoff = Backoff::for_controller();
    loop {
        let connected = async {
            let backend = match previous.take() {
                Some(backend) => backend,
                None => Arc::new(tokio::sync::Mutex::new(Backend::connect(options.clone()).await?)),
            };
            let running = digest_in_running(&hooked.planned, &backend).await?;
            Ok((backend, running))
        };
        match connected.await {
            Err(Error::Backend(error)) if !error.is_recoverable() => {
                tracing::debug!(tid = hooked.tid, %error, "the hooks after a commit wait for the controller");
                tokio::time::sleep(backoff.next()).await;
            }
            connected => return connected,
        }
    }
}

/// Calls the hooks after a commit. `running_now` is the digest of its instances in `running`.
async fn call_after_commit(
    modules: &ModuleManager,
    controller: &KnownController,
    hooked: &HookedCommit,
    over: &ControllerTransaction,
    running_now: Digest,
    backend: &SharedBackend,
) -> Result<(), Error> {
    let hook = match over.result {
        TransactionOutcome::Success => Hook::PostCommit,
        _ => Hook::PostCommitFailed,
    };
    let running = if running_now == hooked.before { "unchanged" } else { "changed" };
    let mut options = vec![
        ("result".to_owned(), over.result.as_str().to_owned()),
        ("running".to_owned(), running.to_owned()),
    ];
    let details = [("origin", &over.origin), ("reason", &over.reason)];
    options.extend(details.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?))));
    let context = CommitContext {
        transaction: hooked.tid.to_string(),
        user: hooked.user.clone(),
        dry_run: false,
        time: hooked.time,
        options,
    };
    let mut budgets = HookBudgets::default();
    budgets.extend(&hooked.planned, None);
    let calls = HookCalls { modules, tid: hooked.tid, context: &context, hook };
    let (mut draft, mut declared) = hooked.draft(controller, backend);
    for (module, instance) in hook_targets(&hooked.planned) {
        let (_, rest) = calls.call(module, instance, budgets.of(module), draft, &declared).await;
        // The next hook finds what this one has read, unless its thread had to be abandoned.
        (draft, declared) = match rest {
            Some(rest) => (rest, declared),
            None => hooked.draft(controller, backend),
        };
    }
    modules.report_dropped_lines(hooked.tid);
    Ok(())
}
