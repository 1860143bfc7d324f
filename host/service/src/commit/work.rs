//! One commit, from its notification to the edit.
//!
//! ```text
//! who     transaction → user (asked as the host user)
//! plan    what was notified → instances and their modules
//! read    `created` from `running`; then all that is declared, from `actions`, as the user
//! strip   what the instances had created goes, unless others own it too
//! run     each instance, in a sandbox of its own
//! settle  what was written without having been read is read
//! write   one edit, as the user
//! ```
//!
//! Nothing is written before every module has succeeded.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use confine_backend::{Datastore, PushMode, RequestUser, ServicesCommit, Transaction};
use confine_nacm::Nacm;
use confine_sandbox::{Budget, CommitContext, EntryPoint, Module, RunReport, Usage};
use confine_tree::{Path, Pattern, Tree};
use confine_view::{
    AccessVerdict, CommitDraft, ErrorTag, FinishedCommit, InstanceRef, NodeAccess, OwnerIndex, Scope, View,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{
    Error, ManagedService, ModuleRegistry,
    commit::{
        created_paths::{places, the_one},
        hooks::{self, HookedCommit},
        plan::{CommitPlan, PlannedInstance},
        read::{self, DatastoreSource, Shared, condense},
    },
    controller::{nacm::CommitRules, owner_index::PendingOwnerChange},
    error::chain,
    host::{Host, RunningData},
};

/// The service-timeout that a controller has by default.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(300);

/// What a commit did.
#[derive(Debug, Default)]
pub(crate) struct CommitOutcome {
    /// The service lists, by name.
    pub(crate) services: Vec<String>,
    /// How many instances were run.
    pub(crate) instances: usize,
    /// Each run of a module.
    pub(crate) runs: Vec<(Module, InstanceRef, Usage)>,
    /// The size of the edit.
    pub(crate) bytes: usize,
}

/// What is known of a commit, once it is: for whoever has to answer, even if the commit is ended.
pub(crate) struct CommitState {
    began: Instant,
    /// How long the controller waits for the answer.
    service_timeout: watch::Sender<Duration>,
    found: Mutex<(Option<String>, Option<HookedCommit>)>,
}

impl CommitState {
    /// Of one that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            service_timeout: watch::Sender::new(SERVICE_TIMEOUT),
            found: Mutex::default(),
        }
    }

    /// How long it has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The controller waits so long for an answer; where it does not say, as long as by default.
    pub(crate) fn set_service_timeout(&self, timeout: Option<Duration>) {
        self.service_timeout.send_replace(timeout.unwrap_or(SERVICE_TIMEOUT));
    }

    /// When it has to be done: the answer is to arrive in time.
    fn deadline(&self) -> Instant {
        self.began + limit(*self.service_timeout.borrow())
    }

    /// Waits until it is late, by what is known of the service-timeout then.
    pub(crate) async fn late(&self) -> Error {
        let mut timeout = self.service_timeout.subscribe();
        loop {
            let limit = limit(*timeout.borrow_and_update());
            // The sender is ours, and so is there.
            if timeout_at(self.began + limit, timeout.changed()).await.is_err() {
                return Error::Late { seconds: limit.as_secs() };
            }
        }
    }

    /// Who commits.
    pub(crate) fn user(&self) -> Option<String> {
        self.lock().0.clone()
    }

    /// The commit for its hooks, if it has any that run when it is over.
    pub(crate) fn take_hooked(&self) -> Option<HookedCommit> {
        self.lock().1.take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Option<String>, Option<HookedCommit>)> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of the service-timeout a commit may take. The leaf is a `uint32`, but who sent it is only a peer.
fn limit(service_timeout: Duration) -> Duration {
    service_timeout.min(Duration::from_secs(u32::MAX.into())) / 5 * 4
}

/// Runs a commit up to its answer.
pub(crate) async fn run(
    host: Arc<Host>,
    backend: Shared,
    notified: ServicesCommit,
    known: Arc<CommitState>,
) -> Result<CommitOutcome, Error> {
    let registry = host.registry();
    // Before anything is asked of the controller: it has already taken the services' objects away.
    let plan = CommitPlan::new(&notified.services, &registry, &host.unmanaged)?;
    let transaction = {
        let mut backend = backend.lock().await;
        let transaction = backend.transaction(notified.tid, &RequestUser::Host).await?;
        let committing =
            transaction.and_then(|transaction| Some((transaction.username.clone()?, transaction)));
        committing.ok_or_else(|| Error::Committer {
            user: backend.options().host_user.clone(),
            tid: notified.tid,
        })?
    };
    let (user, transaction) = transaction;
    tracing::Span::current().record("user", &user);
    known.lock().0 = Some(user.clone());
    let services = plan.services().iter().map(|service| service.name.local.to_string()).collect();
    if plan.is_empty() {
        return Ok(CommitOutcome { services, ..CommitOutcome::default() });
    }
    let push = !notified.diff && transaction.push() == Some(PushMode::Commit);
    let work = CommitWork {
        host: &host,
        backend: &backend,
        registry: &registry,
        transaction,
        user,
        push,
        known: &known,
    };
    loop {
        let extract = work.read_books(&plan).await?;
        match work.carry_out(&plan, &extract).await? {
            Some(done) => return Ok(CommitOutcome { services, ..done }),
            None => tracing::info!(tid = notified.tid, "`running` was changed meanwhile: once more"),
        }
    }
}

/// A commit whose user is known.
struct CommitWork<'a> {
    host: &'a Arc<Host>,
    backend: &'a Shared,
    registry: &'a Arc<ModuleRegistry>,
    transaction: Transaction,
    user: String,
    push: bool,
    known: &'a CommitState,
}

/// What the books say about the instances of one commit.
struct OwnershipSnapshot {
    /// Who owns what, of all services.
    owners: Arc<OwnerIndex>,
    /// The notified instances that have created something; some of them may be gone.
    notified: HashSet<InstanceRef>,
    /// Other instances that own some of that too, and lost it with the notified ones: they run again.
    also: Vec<PlannedInstance>,
    /// The controller's rules.
    nacm: Arc<Nacm>,
    /// How often the file of `running` had been written.
    writes: Option<u64>,
}

impl CommitWork<'_> {
    /// Who owns what, and who shares with what was notified.
    async fn read_books(&self, plan: &CommitPlan) -> Result<OwnershipSnapshot, Error> {
        let RunningData { mut owners, nacm, service_timeout, writes } =
            self.host.read_running(self.backend).await?;
        self.known.set_service_timeout(service_timeout);
        if nacm.denies_writes_by_default() {
            Arc::make_mut(&mut owners).keep_from_backend();
        }
        let notified: HashSet<InstanceRef> =
            owners.instances().filter(|instance| plan.covers(instance)).cloned().collect();
        let mut also: Vec<PlannedInstance> = Vec::new();
        for owner in sharers(&owners, &notified) {
            match self.registry.of(owner) {
                Some(service) => also.push(PlannedInstance { instance: owner.clone(), service }),
                None => {
                    tracing::warn!(instance = %owner, "its module is gone, and what it shares may be lost")
                }
            }
        }
        tracing::debug!(
            tid = self.transaction.tid,
            created = notified.len(),
            also = also.len(),
            "read the books"
        );
        Ok(OwnershipSnapshot { owners, notified, also, nacm, writes })
    }

    /// Reads, strips, runs and writes. None, and nothing written, if the books turn out to be old.
    async fn carry_out(
        &self,
        plan: &CommitPlan,
        extract: &OwnershipSnapshot,
    ) -> Result<Option<CommitOutcome>, Error> {
        let source = Arc::new(DatastoreSource {
            backend: self.backend.clone(),
            datastore: Datastore::Actions,
            identity: RequestUser::User(self.user.clone()),
            runtime: tokio::runtime::Handle::current(),
        });
        let schema = self.host.schema();
        let mut draft = CommitDraft::new(schema.clone(), source);
        let mut services = plan.services();
        services.extend(extract.also.iter().map(|also| also.service.clone()));
        let rules = &self.host.rules;
        let rules = rules.of_commit(extract.nacm.clone(), &self.user, schema);
        let parts = DeclaredPaths::new(self.registry, &services, &rules, &mut draft)?;
        let wanted = condense(self.wanted(plan, extract, &parts));
        let identity = RequestUser::User(self.user.clone());
        let tree = read::read(self.backend, Datastore::Actions, &wanted, &identity).await?;
        if let Some(missing) = plan.unserved(&tree, &self.host.unmanaged, self.registry) {
            return Err(missing.into());
        }
        let mut planned = plan.instances(&tree);
        let named: HashSet<InstanceRef> = planned.iter().map(|planned| planned.instance.clone()).collect();
        self.check_absent(plan, &tree, &named).await?;
        // An entry is told from the next by its keys: they have to be known before it is taken in.
        planned.iter().for_each(|planned| draft.declare(planned.instance.path()));
        draft.load(&tree, &wanted)?;
        planned.extend(extract.also.iter().filter(|also| !named.contains(&also.instance)).cloned());
        // Where everything was asked for, or something is shared, not every service was named.
        planned.iter().try_for_each(|planned| planned.service.check_whole())?;
        if self.push {
            let hooked = HookedCommit::prepare(
                &self.transaction,
                &self.user,
                &extract.nacm,
                self.registry,
                &planned,
                self.backend,
            );
            self.known.lock().1 = hooked.await?;
        }
        let gone = self.strip(&mut draft, extract, &parts, &planned)?;
        let run = self.run(draft, planned.clone(), &parts).await?;

        let RunOutputs { mut draft, fetched, runs } = run;
        let mut instances: Vec<InstanceRef> = planned.into_iter().map(|planned| planned.instance).collect();
        draft.settle(&instances).await?;
        for (instance, fetched) in fetched {
            self.host.remember(&instance, fetched);
        }
        let count = instances.len();
        instances.extend(gone);
        let finished = draft.finish(&instances, &extract.owners).map_err(|error| rules.explain(error))?;
        if self.host.books.outdated(extract.writes) {
            return Ok(None);
        }
        if self.user != self.backend.lock().await.options().host_user {
            rules.check_seen(&finished.created, &extract.owners)?;
        }
        let bytes = finished.edit.as_ref().map_or(0, String::len);
        self.write(&finished, &mut draft, &rules).await?;
        self.host.books.expect(PendingOwnerChange {
            tid: self.transaction.tid,
            push: self.push,
            edited: finished.edit.is_some(),
            created: finished.created,
        });
        Ok(Some(CommitOutcome { services: Vec::new(), instances: count, runs, bytes }))
    }

    /// The union of what has to be read to begin with.
    fn wanted(
        &self,
        plan: &CommitPlan,
        extract: &OwnershipSnapshot,
        parts: &DeclaredPaths<'_>,
    ) -> Vec<Pattern> {
        let mut wanted = plan.patterns();
        wanted.extend(extract.also.iter().map(|planned| planned.instance.path().clone()));
        wanted.extend(parts.reads.iter().cloned());
        for instance in extract.notified.iter().chain(extract.also.iter().map(|planned| &planned.instance)) {
            let created = extract.owners.created_by(instance).iter();
            wanted.extend(created.flat_map(|path| parts.places(path, instance, &extract.owners)));
            wanted.extend(self.host.remembered(instance));
        }
        wanted
    }

    /// An instance that was named and is not there has been deleted; unless the user just may not see it.
    async fn check_absent(
        &self,
        plan: &CommitPlan,
        tree: &Tree,
        named: &HashSet<InstanceRef>,
    ) -> Result<(), Error> {
        let absent = plan.absent(tree);
        if absent.is_empty() || self.user == self.backend.lock().await.options().host_user {
            return Ok(());
        }
        let seen =
            read::read(self.backend, Datastore::Actions, &condense(absent), &RequestUser::Host).await?;
        match plan.instances(&seen).into_iter().find(|seen| !named.contains(&seen.instance)) {
            Some(hidden) => {
                let instance = hidden.instance.path().to_string();
                Err(Error::Unreadable { user: self.user.clone(), instance })
            }
            None => Ok(()),
        }
    }

    /// Takes away what the instances that run, and those that are gone, had created: where nobody else
    /// owns it. Returns those that are gone.
    fn strip(
        &self,
        draft: &mut CommitDraft,
        extract: &OwnershipSnapshot,
        parts: &DeclaredPaths<'_>,
        planned: &[PlannedInstance],
    ) -> Result<Vec<InstanceRef>, Error> {
        let run: HashSet<&InstanceRef> = planned.iter().map(|planned| &planned.instance).collect();
        let concerned: HashSet<&InstanceRef> = run.iter().copied().chain(&extract.notified).collect();
        for &instance in &concerned {
            for path in extract.owners.created_by(instance) {
                if extract.owners.owners_of(path).any(|owner| !concerned.contains(owner)) {
                    continue;
                }
                if let Some(place) = parts.owned(path, instance, &extract.owners, draft) {
                    draft.strip(&place).map_err(confine_view::Error::from)?;
                }
            }
        }
        Ok(extract.notified.iter().filter(|instance| !run.contains(instance)).cloned().collect())
    }

    /// Runs every instance with each of its modules.
    async fn run(
        &self,
        mut draft: CommitDraft,
        planned: Vec<PlannedInstance>,
        parts: &DeclaredPaths<'_>,
    ) -> Result<RunOutputs, Error> {
        let deadline = self.known.deadline().into_std();
        let commit = CommitContext {
            transaction: self.transaction.tid.to_string(),
            user: self.user.clone(),
            dry_run: !self.push,
            options: Vec::new(),
        };
        draft =
            hooks::before(self.host, self.transaction.tid, &commit, draft, &planned, parts, deadline).await?;
        let mut runs: HashMap<Arc<str>, u64> = HashMap::new();
        for module in planned.iter().flat_map(PlannedInstance::modules) {
            *runs.entry(module.name().clone()).or_default() += 1;
        }
        let mut budgets: HashMap<Arc<str>, Budget> = HashMap::new();
        let mut fetched = Vec::new();
        let mut used = Vec::new();
        for PlannedInstance { instance, service } in planned {
            let before = draft.fetched().len();
            for module in &service.modules {
                let name = module.name();
                let budget = budgets.entry(name.clone()).or_insert_with(|| {
                    let runs = runs.get(name).copied().unwrap_or(1);
                    Budget::new(module.limits(), runs).answer_by(deadline)
                });
                let scope = parts.scope(module)?;
                let prefixes = module.description().prefixes.clone();
                let run = self
                    .host
                    .runner
                    .run(module, budget, EntryPoint::Apply, &commit, &instance, |meter| {
                        View::new(draft, scope, instance.clone(), prefixes, meter)
                    })
                    .await;
                tell(module, &instance, &run);
                self.host.record(self.transaction.tid, module, EntryPoint::Apply, &instance, &run);
                run.outcome.map_err(Box::new)?;
                used.push((module.clone(), instance.clone(), run.usage));
                draft = run.draft.ok_or(Error::Internal)?;
            }
            let patterns = draft.fetched().get(before..).unwrap_or_default().to_vec();
            fetched.push((instance, patterns));
        }
        Ok(RunOutputs { draft, fetched, runs: used })
    }

    /// Sends the edit as the user; what only the host may write, as the host.
    async fn write(
        &self,
        finished: &FinishedCommit,
        draft: &mut CommitDraft,
        rules: &CommitRules<'_>,
    ) -> Result<(), Error> {
        let mut explain = |error: confine_backend::Error| match error.is_denied() {
            true => rules.explain_denial(error, &draft.edits()),
            false => error.into(),
        };
        let Some(edit) = &finished.edit else { return Ok(()) };
        let user = RequestUser::User(self.user.clone());
        let mut backend = self.backend.lock().await;
        let written = backend.edit_config(Datastore::Actions, edit, &user).await;
        let Some(services) = &finished.services else { return written.map_err(explain) };
        match written {
            Err(error) if error.is_denied() => {
                tracing::info!(tid = self.transaction.tid, user = self.user, %error, "the books are kept as the host user");
                if let Some(devices) = &finished.devices {
                    backend.edit_config(Datastore::Actions, devices, &user).await.map_err(&mut explain)?;
                }
                Ok(backend.edit_config(Datastore::Actions, services, &RequestUser::Host).await?)
            }
            written => Ok(written?),
        }
    }
}

/// Who else owns something that one of these does, or something below it; each once, in their order.
fn sharers<'o>(owners: &'o OwnerIndex, instances: &HashSet<InstanceRef>) -> BTreeSet<&'o InstanceRef> {
    let created = instances.iter().flat_map(|instance| owners.created_by(instance));
    let sharing = created.flat_map(|path| owners.at_or_below(path)).map(|(_, owner)| owner);
    sharing.filter(|owner| !instances.contains(owner)).collect()
}

/// What the runs left.
struct RunOutputs {
    draft: CommitDraft,
    /// What each instance read that nobody had declared.
    fetched: Vec<(InstanceRef, Vec<Pattern>)>,
    runs: Vec<(Module, InstanceRef, Usage)>,
}

/// What the modules of a commit declared, resolved.
pub(crate) struct DeclaredPaths<'a> {
    registry: &'a ModuleRegistry,
    reads: Vec<Pattern>,
    /// By module.
    writes: HashMap<Arc<str>, Vec<Pattern>>,
    /// By module.
    scopes: HashMap<Arc<str>, Arc<Scope>>,
}

impl<'a> DeclaredPaths<'a> {
    pub(crate) fn new(
        registry: &'a ModuleRegistry,
        services: &[Arc<ManagedService>],
        rules: &CommitRules<'_>,
        draft: &mut CommitDraft,
    ) -> Result<Self, Error> {
        let mut parts = Self { registry, reads: Vec::new(), writes: HashMap::new(), scopes: HashMap::new() };
        for service in services {
            let list = service.list();
            draft.declare(&list);
            for module in &service.modules {
                let description = module.description();
                let resolve = |path: &Path| {
                    let resolved = draft.resolve(&path.to_string(), &list, &description.prefixes);
                    match resolved {
                        // A module may be for several vendors, of which not all are there.
                        Err(nowhere) if nowhere.tag == ErrorTag::UnknownElement => {
                            let reason = chain(&nowhere);
                            tracing::debug!(%module, reason, "a declared path leads nowhere");
                            None
                        }
                        resolved => Some(
                            resolved.map_err(|source| Error::Declared { module: module.to_string(), source }),
                        ),
                    }
                };
                let resolve_all =
                    |paths: &[Path]| paths.iter().filter_map(resolve).collect::<Result<Vec<_>, _>>();
                let reads = resolve_all(&description.reads)?;
                let writes = resolve_all(&description.writes)?;
                reads.iter().chain(&writes).for_each(|pattern| draft.declare(pattern));
                parts.reads.extend(reads);
                let name = module.name();
                let scope = Scope::new(name.clone(), description.services.clone(), writes.clone());
                let scope = if description.writes.is_empty() { scope } else { scope.as_declared() };
                parts.scopes.insert(name.clone(), Arc::new(rules.narrow(name, scope)));
                parts.writes.insert(name.clone(), writes);
            }
        }
        Ok(parts)
    }

    /// What a module of these services may do.
    pub(crate) fn scope(&self, module: &Module) -> Result<Arc<Scope>, Error> {
        self.scopes.get(module.name()).cloned().ok_or(Error::Internal)
    }

    /// Where an object is that an instance has created.
    fn owned(
        &self,
        path: &str,
        instance: &InstanceRef,
        owners: &OwnerIndex,
        draft: &mut CommitDraft,
    ) -> Option<Pattern> {
        if let Some(noted) = owners.place(path) {
            return Some(noted.clone());
        }
        let service = self.registry.of(instance)?;
        let scopes = || service.modules.iter().filter_map(|module| self.scopes.get(module.name()));
        let may_go = |place: &Pattern| {
            let permits = |scope: &Arc<Scope>| {
                matches!(scope.decide(NodeAccess::Delete, place), AccessVerdict::Permit { .. })
            };
            scopes().any(permits)
        };
        let places = self.places(path, instance, owners);
        the_one(path, places, |place| !draft.find(place).is_empty(), may_go)
    }

    /// Where an object that an instance has created may be.
    fn places(&self, path: &str, instance: &InstanceRef, owners: &OwnerIndex) -> Vec<Pattern> {
        let Some(service) = self.registry.of(instance) else { return Vec::new() };
        let writes = service.modules.iter().filter_map(|module| self.writes.get(module.name())).flatten();
        places(path, &service, &writes.cloned().collect::<Vec<_>>(), owners)
    }
}

/// Says in the log what a run did.
fn tell(module: &Module, instance: &InstanceRef, run: &RunReport) {
    let usage = &run.usage;
    tracing::debug!(
        %module,
        %instance,
        ok = run.outcome.is_ok(),
        fuel = usage.fuel,
        wall_us = usage.wall_clock.as_micros(),
        memory = usage.memory,
        edits = usage.edits,
        "run"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a commit is told whose controller says this after ten seconds.
    async fn late(service_timeout: Option<u64>) -> String {
        let known = CommitState::begin();
        let says = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            known.set_service_timeout(service_timeout.map(Duration::from_secs));
            std::future::pending().await
        };
        tokio::select! {
            error = known.late() => error.reason(),
            () = says => String::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_has_the_time_that_the_controller_gives_it_from_its_beginning() {
        let mut told = Vec::new();
        for service_timeout in [None, Some(900), Some(60), Some(5), Some(u64::MAX)] {
            told.push(late(service_timeout).await.lines().next().unwrap().to_owned());
        }
        insta::assert_snapshot!(told.join("\n"), @r"
        the commit was not done in 240 s, which is what the controller's service-timeout leaves
        the commit was not done in 720 s, which is what the controller's service-timeout leaves
        the commit was not done in 48 s, which is what the controller's service-timeout leaves
        the commit was not done in 4 s, which is what the controller's service-timeout leaves
        the commit was not done in 3435973836 s, which is what the controller's service-timeout leaves
        ");
    }
}
