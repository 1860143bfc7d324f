//! The calls around commits that a module may want.
//!
//! `pre-commit` is part of the commit: it runs before any module does, and its failure is the commit's.
//! What comes after a commit holds up nobody: it is put in a queue, has a connection and budgets of its
//! own, and reads `running`. Only commits that were to reach the devices have an after.

use std::{collections::HashMap, sync::Arc};

use confine_backend::{
    Backend, ConnectOptions, ControllerTransaction, Datastore, RequestUser, Transaction, TransactionOutcome,
};
use confine_nacm::Nacm;
use confine_sandbox::{Budget, CommitContext, Digest, EntryPoint, Hook, Module};
use confine_tree::{Pattern, Tree, xml};
use confine_view::{CommitDraft, InstanceRef, View};
use tokio::sync::{Mutex, mpsc};
use tracing::Instrument as _;

use crate::{
    Error, EventKind, Host, ModuleRegistry,
    backoff::Backoff,
    commit::{
        plan::{PlannedInstance, SERVICES},
        read::{self, DatastoreSource, Shared, condense},
        work::DeclaredPaths,
    },
    daemon,
    error::chain,
};

/// The most commits whose hooks may wait. Whoever commits faster than hooks run loses some.
const WAITING: usize = 256;

/// A commit whose hooks run when it is over.
pub(crate) struct HookedCommit {
    pub(crate) tid: u64,
    /// When the transaction began, as the controller says it.
    pub(crate) began: Option<String>,
    user: String,
    /// The controller's rules, as the commit had them.
    nacm: Arc<Nacm>,
    registry: Arc<ModuleRegistry>,
    /// The instances that have modules with hooks.
    planned: Vec<PlannedInstance>,
    /// What `running` said of these instances before the commit, to compare: the text may be long, and many
    /// may wait.
    before: Digest,
}

impl HookedCommit {
    /// None where no module wants to hear of it.
    pub(crate) async fn prepare(
        transaction: &Transaction,
        user: &str,
        nacm: &Arc<Nacm>,
        registry: &Arc<ModuleRegistry>,
        planned: &[PlannedInstance],
        backend: &Shared,
    ) -> Result<Option<Self>, Error> {
        let has_hooks = |planned: &&PlannedInstance| planned.modules().iter().any(Module::has_hooks);
        let planned: Vec<PlannedInstance> = planned.iter().filter(has_hooks).cloned().collect();
        if planned.is_empty() {
            return Ok(None);
        }
        let before = in_running(&planned, backend).await?;
        Ok(Some(Self {
            tid: transaction.tid,
            began: transaction.started_at.clone(),
            user: user.to_owned(),
            nacm: nacm.clone(),
            registry: registry.clone(),
            planned,
            before,
        }))
    }
}

/// What `running` says of these instances, their `created` lists included, to compare.
async fn in_running(planned: &[PlannedInstance], backend: &Shared) -> Result<Digest, Error> {
    let wanted: Vec<Pattern> = planned.iter().map(|planned| planned.instance.path().clone()).collect();
    let tree = read::read(backend, Datastore::Running, &condense(wanted), &RequestUser::Host).await?;
    let text = tree.child(Tree::ROOT, SERVICES).map(|services| xml::write(&tree, services)).transpose();
    Ok(Digest::of(text.map_err(Error::Datastore)?.unwrap_or_default().as_bytes()))
}

/// Calls `pre-commit` of every module that has hooks, for each of its instances.
pub(crate) async fn before(
    host: &Host,
    tid: u64,
    commit: &CommitContext,
    draft: CommitDraft,
    planned: &[PlannedInstance],
    parts: &DeclaredPaths<'_>,
    deadline: std::time::Instant,
) -> Result<CommitDraft, Error> {
    let mut calls = HookCalls::new(host, tid, planned, Some(deadline));
    let mut draft = draft;
    for (module, instance) in hooked(planned) {
        let (outcome, rest) = calls.call(module, instance, Hook::PreCommit, commit, draft, parts).await;
        outcome.map_err(Error::PreCommit)?;
        draft = rest.ok_or(Error::Internal)?;
    }
    Ok(draft)
}

/// Every module that has hooks with every instance that it serves.
fn hooked(planned: &[PlannedInstance]) -> impl Iterator<Item = (&Module, &InstanceRef)> {
    planned.iter().flat_map(|planned| {
        let modules = planned.modules().iter().filter(|module| module.has_hooks());
        modules.map(|module| (module, &planned.instance))
    })
}

/// Calls of hooks, each module within a budget that its other work does not share.
struct HookCalls<'a> {
    host: &'a Host,
    tid: u64,
    budgets: HashMap<Arc<str>, Budget>,
}

impl<'a> HookCalls<'a> {
    fn new(
        host: &'a Host,
        tid: u64,
        planned: &[PlannedInstance],
        deadline: Option<std::time::Instant>,
    ) -> Self {
        let mut runs: HashMap<Arc<str>, (&Module, u64)> = HashMap::new();
        for (module, _) in hooked(planned) {
            runs.entry(module.name().clone()).or_insert((module, 0)).1 += 1;
        }
        let budgets = runs.into_iter().map(|(name, (module, runs))| {
            let budget = Budget::new(module.limits(), runs);
            (name, deadline.into_iter().fold(budget, Budget::answer_by))
        });
        Self { host, tid, budgets: budgets.collect() }
    }

    async fn call(
        &mut self,
        module: &Module,
        instance: &InstanceRef,
        hook: Hook,
        commit: &CommitContext,
        draft: CommitDraft,
        parts: &DeclaredPaths<'_>,
    ) -> (Result<(), Box<confine_sandbox::RunFailure>>, Option<CommitDraft>) {
        let name = module.name();
        let budget = self.budgets.entry(name.clone()).or_insert_with(|| Budget::new(module.limits(), 1));
        let scope = match parts.scope(module) {
            Ok(scope) => scope,
            Err(error) => {
                tracing::error!(%module, error = error.reason(), "a hook is not called");
                return (Ok(()), Some(draft));
            }
        };
        let prefixes = module.description().prefixes.clone();
        let view = |meter| View::new(draft, scope, instance.clone(), prefixes, meter).read_only();
        let entry = EntryPoint::Hook(hook);
        let run = self.host.runner.run(module, budget, entry, commit, instance, view).await;
        self.host.record(self.tid, module, entry, instance, &run);
        if let Err(failure) = &run.outcome {
            self.host.audit.tell(EventKind::HookFailure {
                module: name.to_string(),
                hook: hook.name().to_owned(),
                instance: instance.to_string(),
                error: failure.to_string(),
            });
        }
        (run.outcome.map_err(Box::new), run.draft)
    }
}

/// Commits that are over and whose hooks wait to be run, one after the other.
#[derive(Clone)]
pub(crate) struct HookQueue(mpsc::Sender<(HookedCommit, ControllerTransaction)>);

impl HookQueue {
    /// The queue, and the task that works it off. That ends with the queue.
    pub(crate) fn start(host: Arc<Host>, options: ConnectOptions) -> Self {
        let (queue, mut over) = mpsc::channel::<(HookedCommit, ControllerTransaction)>(WAITING);
        tokio::spawn(async move {
            let mut connection: Option<Shared> = None;
            while let Some((hooked, transaction)) = over.recv().await {
                let tid = hooked.tid;
                let (host, options, backend) = (host.clone(), options.clone(), connection.take());
                // A task of its own: if it panics, the next commit's hooks run all the same.
                let span = tracing::info_span!("after_commit", tid, user = hooked.user);
                let after = async move {
                    let (backend, running) = reach(&hooked, backend, &options).await?;
                    after(&host, &hooked, &transaction, running, &backend).await?;
                    Ok::<_, Error>(backend)
                };
                match tokio::spawn(after.instrument(span)).await {
                    Ok(Ok(backend)) => connection = Some(backend),
                    Ok(Err(error)) => {
                        tracing::error!(tid, error = chain(&error), "the hooks of a commit could not be run")
                    }
                    Err(ended) => tracing::error!(tid, error = %ended, "the hooks of a commit ended"),
                }
            }
        });
        Self(queue)
    }

    /// Puts a commit in the queue, unless that is full.
    pub(crate) fn put(&self, hooked: HookedCommit, over: ControllerTransaction) {
        let tid = hooked.tid;
        if self.0.try_send((hooked, over)).is_err() {
            tracing::error!(tid, "the hooks of a commit are not run: too many wait");
        }
    }
}

/// A connection, the one that there was if it still is one, and what `running` says of the instances of a
/// commit. A controller that is away is waited for: a hook is not lost for that.
async fn reach(
    hooked: &HookedCommit,
    mut backend: Option<Shared>,
    options: &ConnectOptions,
) -> Result<(Shared, Digest), Error> {
    let mut backoff = Backoff::new(daemon::SOONEST, daemon::LATEST);
    loop {
        let reached = async {
            let backend = match backend.take() {
                Some(backend) => backend,
                None => Arc::new(Mutex::new(Backend::connect(options.clone()).await?)),
            };
            let running = in_running(&hooked.planned, &backend).await?;
            Ok((backend, running))
        };
        match reached.await {
            Err(Error::Backend(error)) if !error.is_recoverable() => {
                tracing::debug!(tid = hooked.tid, %error, "the hooks of a commit wait for the controller");
                tokio::time::sleep(backoff.next()).await;
            }
            reached => return reached,
        }
    }
}

/// Calls what comes after a commit, of which `running` says this.
async fn after(
    host: &Host,
    hooked: &HookedCommit,
    over: &ControllerTransaction,
    running: Digest,
    backend: &Shared,
) -> Result<(), Error> {
    let hook = match over.result {
        TransactionOutcome::Success => Hook::PostCommit,
        _ => Hook::PostCommitFailed,
    };
    let changed = running != hooked.before;
    let mut options = vec![
        ("result".to_owned(), over.result.as_str().to_owned()),
        ("running".to_owned(), if changed { "changed" } else { "unchanged" }.to_owned()),
    ];
    let said = [("origin", &over.origin), ("reason", &over.reason)];
    options.extend(said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?))));
    let commit = CommitContext {
        transaction: hooked.tid.to_string(),
        user: hooked.user.clone(),
        dry_run: false,
        options,
    };
    let mut calls = HookCalls::new(host, hooked.tid, &hooked.planned, None);
    let (mut draft, mut parts) = parts(host, hooked, backend)?;
    for (module, instance) in self::hooked(&hooked.planned) {
        let (_, rest) = calls.call(module, instance, hook, &commit, draft, &parts).await;
        // What one hook has read is there for the next, unless a thread was left behind with it.
        (draft, parts) = match rest {
            Some(rest) => (rest, parts),
            None => self::parts(host, hooked, backend)?,
        };
    }
    Ok(())
}

/// A draft of `running` as the user sees it, and what the modules declared.
fn parts<'a>(
    host: &Host,
    hooked: &'a HookedCommit,
    backend: &Shared,
) -> Result<(CommitDraft, DeclaredPaths<'a>), Error> {
    let source = Arc::new(DatastoreSource {
        backend: backend.clone(),
        datastore: Datastore::Running,
        identity: RequestUser::User(hooked.user.clone()),
        runtime: tokio::runtime::Handle::current(),
    });
    let rules = host.rules.of_commit(hooked.nacm.clone(), &hooked.user, host.schema());
    let mut draft = CommitDraft::new(host.schema(), source);
    let mut services: Vec<Arc<crate::ManagedService>> = Vec::new();
    for planned in &hooked.planned {
        draft.declare(planned.instance.path());
        if !services.iter().any(|service| Arc::ptr_eq(service, &planned.service)) {
            services.push(planned.service.clone());
        }
    }
    let parts = DeclaredPaths::new(&hooked.registry, &services, &rules, &mut draft)?;
    Ok((draft, parts))
}
