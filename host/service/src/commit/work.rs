//! One commit, from its notification to the edit.
//!
//! ```text
//! user    transaction → committing user (asked as the host user)
//! plan    notification → instances and their modules
//! read    owners and rules from `running`; then what the modules declare, from `actions`, as the user
//! strip   remove what the instances had created, unless another instance owns it too
//! run     each instance with each of its modules, in a sandbox of its own
//! settle  read what was written without having been read
//! write   one edit, as the user
//! ```
//!
//! Nothing is written before every module has succeeded. If somebody else changes `running` meanwhile, what follows
//! the plan is done again, [`ATTEMPTS`] times at most, within the same budgets.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use confine_backend::{
    ActionsKind, Datastore, DeviceConnections, PushMode, RequestUser, ServicesCommit, Transaction,
};
use confine_nacm::Nacm;
use confine_sandbox::{Budget, CommitContext, EntryPoint, FailureCause, LimitPer, Module, RunReport, Usage};
use confine_tree::{HashSet, Pattern, Schema, StepCounter, text::ShownLine};
use confine_view::{CommitDraft, FinishedCommit, InstanceRef, OwnerIndex, View};

use crate::{
    Error,
    commit::{
        declared::DeclaredPaths,
        hooks::{HookedCommit, PreCommitHooks},
        known_orders::DeviceOrders,
        losses::LossCheck,
        originals::keeps_originals,
        pending::pending_instances,
        plan::{CommitPlan, PlannedInstance},
        read::{self, DatastoreSource, condense},
        remembered_reads::RememberedReads,
        remembered_sights::RememberedSights,
        running::StandingObjects,
        state::CommitState,
        suspended::SuspendedWarnings,
    },
    controller::{
        SharedBackend,
        known::KnownController,
        nacm::CommitRules,
        orphans::{self, Orphans},
        owner_index::PendingOwnerChange,
    },
    modules::{manager::ModuleManager, registry::ModuleRegistry},
};

/// How often a commit is tried while others change `running`.
pub(crate) const ATTEMPTS: u32 = 3;

/// The time between two attempts, in which a foreign commit may finish.
const PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// What a commit did.
#[derive(Debug, Default)]
pub(crate) struct CommitOutcome {
    /// The service lists, by name.
    pub(crate) services: Vec<String>,
    /// How many instances were run.
    pub(crate) instances: usize,
    /// Each run of a module.
    pub(crate) runs: Vec<(Module, InstanceRef, Usage)>,
    /// Bytes of the edit.
    pub(crate) bytes: usize,
}

/// Runs commits.
pub(crate) struct CommitRunner {
    modules: Arc<ModuleManager>,
    pub(super) controller: Arc<KnownController>,
    remembered_reads: Mutex<RememberedReads>,
    remembered_sights: Mutex<RememberedSights>,
    known_orders: Mutex<DeviceOrders>,
}

impl CommitRunner {
    pub(crate) fn new(modules: Arc<ModuleManager>, controller: Arc<KnownController>) -> Self {
        let (remembered_reads, remembered_sights) = (Mutex::default(), Mutex::default());
        Self { modules, controller, remembered_reads, remembered_sights, known_orders: Mutex::default() }
    }

    /// Runs a commit up to its answer.
    pub(crate) async fn run(
        self: Arc<Self>,
        backend: SharedBackend,
        notified: ServicesCommit,
        state: Arc<CommitState>,
    ) -> Result<CommitOutcome, Error> {
        let schema = self.controller.schema();
        let registry = self.modules.registry_by_model(&*schema);
        // Checked before anything is asked of the controller, which has stripped the services' objects already.
        let mut plan = CommitPlan::new(&notified.services, &registry, &self.controller.unmanaged)?;
        let (user, transaction, connections) = committing_user(&backend, notified.tid).await?;
        tracing::Span::current().record("user", &user);
        state.set_user(user.clone());
        let is_forced = transaction.actions() == Some(ActionsKind::Force);
        if !is_forced {
            plan.check_changed()?;
        } else if !plan.everything {
            plan.name_all_keys()?;
            let mut steps = StepCounter::new(state.stop_signal());
            let pending =
                pending_instances(&backend, &notified.services, &registry, &*schema, &mut steps).await?;
            if !pending.is_empty() {
                tracing::info!(
                    tid = notified.tid,
                    count = pending.len(),
                    "other changed instances run too: this commit includes their changes"
                );
                plan.include(&pending, &registry, &self.controller.unmanaged)?;
            }
        }
        let services = plan.services().iter().map(|service| service.name.local.to_string()).collect();
        if plan.is_empty() {
            return Ok(CommitOutcome { services, ..CommitOutcome::default() });
        }
        let push = !notified.diff && transaction.push() == Some(PushMode::Commit);
        let work = CommitWork {
            runner: &self,
            backend: &backend,
            registry: &registry,
            schema: &schema,
            context: CommitContext {
                transaction: notified.tid.to_string(),
                user: user.clone(),
                dry_run: !push,
                time: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
                options: Vec::new(),
            },
            transaction,
            user,
            push,
            reaches_devices: !notified.diff,
            connections,
            state: &state,
        };
        let mut spent = SpentOnce::default();
        for attempt in 1..=ATTEMPTS {
            if attempt > 1 {
                // A foreign commit writes `running` more than once.
                tokio::time::sleep(PAUSE_BETWEEN_ATTEMPTS).await;
            }
            let (snapshot, standing) = work.read_ownership(&plan).await?;
            if let Some(outcome) = work.attempt(&plan, &snapshot, standing, &mut spent, attempt).await? {
                return Ok(CommitOutcome { services, ..outcome });
            }
            tracing::info!(
                tid = notified.tid,
                attempt,
                attempts = ATTEMPTS,
                "`running` has changed during the commit"
            );
        }
        Err(Error::RunningChanges { attempts: ATTEMPTS })
    }

    fn remembered_sights(&self) -> std::sync::MutexGuard<'_, RememberedSights> {
        self.remembered_sights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known_orders(&self) -> std::sync::MutexGuard<'_, DeviceOrders> {
        self.known_orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered_reads(&self) -> std::sync::MutexGuard<'_, RememberedReads> {
        self.remembered_reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the user of a transaction, the transaction, and the connections of devices.
async fn committing_user(
    backend: &SharedBackend,
    tid: u64,
) -> Result<(String, Transaction, DeviceConnections), Error> {
    let mut backend = backend.lock().await;
    let (transaction, connections) = backend.transaction_and_devices(tid, &RequestUser::Host).await?;
    let found =
        transaction.and_then(|transaction| Some((transaction.username.clone()?, transaction, connections)));
    found.ok_or_else(|| Error::UnknownUser { host_user: backend.options().host_user.clone(), tid })
}

/// What a commit has only once, however often it is tried.
#[derive(Default)]
struct SpentOnce {
    /// What each module may still use.
    budgets: HashMap<Arc<str>, Budget>,
    pre_commit: PreCommitHooks,
    suspended: SuspendedWarnings,
}

/// A commit whose user is known.
pub(super) struct CommitWork<'a> {
    pub(super) runner: &'a CommitRunner,
    pub(super) backend: &'a SharedBackend,
    pub(super) registry: &'a Arc<ModuleRegistry>,
    /// The models that the commit began with: keys of lists are taken from them.
    pub(super) schema: &'a Arc<dyn Schema>,
    context: CommitContext,
    pub(super) transaction: Transaction,
    pub(super) user: String,
    push: bool,
    /// Whether the devices get the result, if only to validate it.
    pub(super) reaches_devices: bool,
    /// The connections of devices.
    pub(super) connections: DeviceConnections,
    pub(super) state: &'a CommitState,
}

/// What `running` says about the ownership of the instances of one commit.
pub(super) struct OwnershipSnapshot {
    /// Who owns what, of all services.
    pub(super) owners: Arc<OwnerIndex>,
    /// The notified instances that have created something; some of them may be deleted.
    pub(super) notified: HashSet<InstanceRef>,
    /// Other instances that own some of that too and lose it with the notified ones: they run again.
    pub(super) co_owners: Vec<PlannedInstance>,
    /// What no instance owns any more.
    pub(super) orphans: Arc<Orphans>,
    /// The controller's rules.
    pub(super) nacm: Arc<Nacm>,
    /// The writes of the file of `running` before it was read.
    pub(super) writes: Option<u64>,
}

/// What the runs of modules left.
struct RunOutputs {
    draft: CommitDraft,
    /// What each instance read besides what every commit reads in advance.
    on_demand: Vec<(InstanceRef, Vec<Pattern>)>,
    runs: Vec<(Module, InstanceRef, Usage)>,
}

impl CommitWork<'_> {
    /// Reads, strips, runs and writes. Returns `None`, with nothing written, if the snapshot is outdated by then.
    async fn attempt(
        &self,
        plan: &CommitPlan,
        snapshot: &OwnershipSnapshot,
        standing: StandingObjects,
        spent: &mut SpentOnce,
        attempt: u32,
    ) -> Result<Option<CommitOutcome>, Error> {
        let controller = &self.runner.controller;
        let schema = self.schema;
        let rules = controller.nacm.of_commit(snapshot.nacm.clone(), &self.user, schema.clone());
        let mut draft = CommitDraft::new(schema.clone(), Arc::new(self.source()));
        draft.stop_with(self.state.stop_signal());
        draft.share(self.registry.sharing());
        if snapshot.nacm.denies_writes_by_default() {
            draft.hide_created();
        }
        if keeps_originals(&**schema) {
            draft.keep_originals();
        }
        for place in orphans::places(&snapshot.orphans) {
            draft.step()?;
            draft.note_orphan(place);
        }
        let mut services = plan.services();
        services.extend(snapshot.co_owners.iter().map(|owner| owner.service.clone()));
        let declared = DeclaredPaths::new(self.registry, &services, &rules, &**schema, &mut draft);
        let planned = self.load(plan, snapshot, &declared, &mut draft).await?;
        self.check_sight(&planned, &declared, &rules, &mut draft).await?;
        spent.suspended.warn(self.transaction.tid, &planned);
        if self.push {
            let hooked = HookedCommit::prepare(
                &self.transaction,
                &self.context,
                &snapshot.nacm,
                self.registry,
                &planned,
                self.backend,
            );
            self.state.set_hooked(hooked.await?);
        }
        let is_host_user = self.is_host_user().await;
        let access = rules.restricted_reading().filter(|_| !is_host_user);
        let (mut standing, gone) =
            self.read_standing(standing, &mut draft, snapshot, &declared, &planned).await?;
        let unseen = match &access {
            Some(_) => self.partly_unseen(&mut draft, snapshot, &planned).await?,
            None => HashSet::default(),
        };
        let deleted = self.strip(&mut draft, snapshot, &declared, &planned, &unseen)?;
        let outputs = self.run(draft, planned.clone(), &declared, spent, attempt).await?;

        let RunOutputs { mut draft, on_demand, runs } = outputs;
        let mut instances: Vec<InstanceRef> =
            planned.iter().map(|planned| planned.instance.clone()).collect();
        draft.settle(&instances).await?;
        if access.is_some() {
            self.note_hidden(&gone, &mut draft, &mut standing).await?;
        }
        draft.keep_standing_forms(&mut standing)?;
        drop(standing);
        let of_deleted = deleted.iter().map(|instance| (instance.clone(), Vec::new()));
        for (instance, patterns) in on_demand.into_iter().chain(of_deleted) {
            self.runner.remembered_reads().replace(&instance, patterns);
        }
        let count = instances.len();
        instances.extend(deleted.iter().cloned());
        let finished =
            draft.finish(&instances, &snapshot.owners).map_err(|error| rules.explain_view_error(error))?;
        if controller.owner_index.is_outdated(snapshot.writes) {
            return Ok(None);
        }
        if !is_host_user {
            rules.check_readable(&finished.created, &snapshot.owners, &mut draft)?;
        }
        let losses = {
            let sights = self.runner.remembered_sights();
            let check = LossCheck {
                owners: &snapshot.owners,
                concerned: instances.iter().collect(),
                declared: &declared,
                rules: &rules,
                user: access,
                sights: &sights,
            };
            check.losses(&planned, &deleted, &finished, &mut draft)?
        };
        self.check_losses(losses).await?;
        self.runner.remembered_sights().replace(&instances, draft.partial_sights());
        self.check_never_open(&mut draft).await?;
        let bytes = finished.edit.as_ref().map_or(0, String::len);
        self.write(&finished, &mut draft, &rules).await?;
        self.write_originals(&finished, &draft).await?;
        self.check_connections(&mut draft).await?;
        controller.owner_index.expect(PendingOwnerChange {
            tid: self.transaction.tid,
            push: self.push,
            edited: finished.edit.is_some() || !finished.originals.is_empty(),
            created: finished.created,
            originals: finished.originals,
        });
        Ok(Some(CommitOutcome { services: Vec::new(), instances: count, runs, bytes }))
    }

    /// The datastore from which views read on demand.
    fn source(&self) -> DatastoreSource {
        DatastoreSource {
            backend: self.backend.clone(),
            datastore: Datastore::Actions,
            user: RequestUser::User(self.user.clone()),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// Loads what the commit is known to read into the draft, and returns the instances to run.
    async fn load(
        &self,
        plan: &CommitPlan,
        snapshot: &OwnershipSnapshot,
        declared: &DeclaredPaths<'_>,
        draft: &mut CommitDraft,
    ) -> Result<Vec<PlannedInstance>, Error> {
        let in_advance = self.in_advance(plan, snapshot, declared);
        draft.read_in_advance(&in_advance);
        let wanted = condense(self.with_known(in_advance, plan, snapshot, declared, draft)?);
        let user = RequestUser::User(self.user.clone());
        let tree = read::read(self.backend, Datastore::Actions, &wanted, &user).await?;
        plan.check_served(&tree, &self.runner.controller.unmanaged, self.registry)?;
        let mut planned = plan.instances(&tree);
        let present: HashSet<InstanceRef> = planned.iter().map(|planned| planned.instance.clone()).collect();
        self.check_absent(plan, snapshot, &tree).await?;
        // Keys must be known before entries are loaded: they tell one entry from another.
        planned.iter().for_each(|planned| draft.declare(planned.instance.path()));
        draft.load_completely(&tree, &wanted).await?;
        planned.extend(snapshot.co_owners.iter().filter(|owner| !present.contains(&owner.instance)).cloned());
        // The plan has checked the services that were named; a commit of everything, or co-owners, bring others.
        planned.iter().try_for_each(|planned| planned.service.check())?;
        Ok(planned)
    }

    /// Returns what is read in advance, whatever the instances read the last time.
    fn in_advance(
        &self,
        plan: &CommitPlan,
        snapshot: &OwnershipSnapshot,
        declared: &DeclaredPaths<'_>,
    ) -> Vec<Pattern> {
        let mut wanted = plan.patterns();
        wanted.extend(snapshot.co_owners.iter().map(|owner| owner.instance.path().clone()));
        wanted.extend(declared.in_advance().iter().cloned());
        wanted
    }

    /// Adds what the instances had created, and what they read the last time.
    fn with_known(
        &self,
        mut wanted: Vec<Pattern>,
        plan: &CommitPlan,
        snapshot: &OwnershipSnapshot,
        declared: &DeclaredPaths<'_>,
        draft: &mut CommitDraft,
    ) -> Result<Vec<Pattern>, Error> {
        let OwnershipSnapshot { owners, notified, co_owners, .. } = snapshot;
        for instance in notified.iter().chain(co_owners.iter().map(|owner| &owner.instance)) {
            for object in owners.created_by(instance) {
                draft.step()?;
                let candidates = declared.candidates(object, instance);
                wanted.extend(candidates.iter().filter_map(|place| draft.neighbours_to_read(place)));
                wanted.extend(candidates);
            }
            for (_, original) in owners.originals().of(instance) {
                draft.step()?;
                wanted.extend(original.places_to_read());
            }
        }
        let remembered_reads = self.runner.remembered_reads();
        let co_owners = co_owners.iter().map(|owner| owner.instance.path().clone());
        for list in plan.patterns().into_iter().chain(co_owners) {
            wanted.extend(remembered_reads.of(list).cloned());
        }
        Ok(wanted)
    }

    pub(super) async fn is_host_user(&self) -> bool {
        self.user == self.backend.lock().await.options().host_user
    }

    /// Returns a draft of what the host user reads.
    pub(super) fn as_host_user(&self, datastore: Datastore) -> CommitDraft {
        let source = DatastoreSource { datastore, user: RequestUser::Host, ..self.source() };
        let mut draft = CommitDraft::new(self.schema.clone(), Arc::new(source));
        draft.stop_with(self.state.stop_signal());
        draft
    }

    /// Runs every instance with each of its modules, after the hooks that come before.
    async fn run(
        &self,
        mut draft: CommitDraft,
        planned: Vec<PlannedInstance>,
        declared: &DeclaredPaths<'_>,
        spent: &mut SpentOnce,
        attempt: u32,
    ) -> Result<RunOutputs, Error> {
        let modules = &self.runner.modules;
        let tid = self.transaction.tid;
        let deadline = self.state.deadline().into_std();
        draft =
            spent.pre_commit.call(modules, tid, &self.context, draft, &planned, declared, deadline).await?;
        let mut counts: HashMap<&Arc<str>, u64> = HashMap::new();
        for module in planned.iter().flat_map(PlannedInstance::modules) {
            *counts.entry(module.name()).or_default() += 1;
        }
        for (name, budget) in &mut spent.budgets {
            budget.begin_attempt(counts.get(name).copied().unwrap_or_default(), deadline);
        }
        let (mut on_demand, mut runs) = (Vec::new(), Vec::new());
        // What hooks read is not remembered.
        draft.take_on_demand();
        for PlannedInstance { instance, service } in &planned {
            for module in &service.modules {
                let name = module.name();
                let budget = spent.budgets.entry(name.clone()).or_insert_with(|| {
                    let count = counts.get(name).copied().unwrap_or(1);
                    Budget::new(module.limits(), count).answer_by(deadline)
                });
                let scope = declared.scope(module)?;
                let prefixes = module.description().prefixes.clone();
                let view = |meter| View::new(draft, scope, instance.clone(), prefixes, meter);
                let run = modules
                    .runner
                    .run(module, budget, EntryPoint::Apply, &self.context, instance, view)
                    .await;
                log_run(module, instance, &run);
                let is_fault = !is_spent_by_others(attempt, &run);
                modules.record(tid, module, EntryPoint::Apply, instance, &run, is_fault);
                match run.outcome.map_err(Box::new) {
                    Err(source) if !is_fault => return Err(Error::NoBudgetLeft { attempt, source }),
                    outcome => outcome?,
                }
                runs.push((module.clone(), instance.clone(), run.usage));
                draft = run.draft.ok_or(Error::Internal)?;
            }
            on_demand.push((instance.clone(), draft.take_on_demand()));
        }
        Ok(RunOutputs { draft, on_demand, runs })
    }

    /// Sends the edit as the user, and as the host user what the user may not write.
    async fn write(
        &self,
        finished: &FinishedCommit,
        draft: &mut CommitDraft,
        rules: &CommitRules<'_>,
    ) -> Result<(), Error> {
        let Some(edit) = &finished.edit else { return Ok(()) };
        let user = RequestUser::User(self.user.clone());
        let written = self.backend.lock().await.edit_config(Datastore::Actions, edit, &user).await;
        let refused = match (written, &finished.services) {
            (Ok(()), _) => return Ok(()),
            (Err(error), Some(services)) if error.is_denied() => {
                tracing::info!(tid = self.transaction.tid, user = self.user, %error, "writing `created` lists as the host user");
                let mut backend = self.backend.lock().await;
                let devices = match &finished.devices {
                    Some(devices) => backend.edit_config(Datastore::Actions, devices, &user).await,
                    None => Ok(()),
                };
                match devices {
                    Ok(()) => {
                        return Ok(backend
                            .edit_config(Datastore::Actions, services, &RequestUser::Host)
                            .await?);
                    }
                    Err(error) => error,
                }
            }
            (Err(error), _) => error,
        };
        // Nothing is locked any more: the explanation may take long.
        match refused.is_denied() {
            true => Err(rules.explain_denial(refused, draft)),
            false => Err(refused.into()),
        }
    }
}

/// Returns whether a run has exceeded a budget that an earlier attempt had used in part. That others changed `running` is
/// not the module's fault.
fn is_spent_by_others(attempt: u32, run: &RunReport) -> bool {
    let Err(failure) = &run.outcome else { return false };
    attempt > 1 && matches!(&failure.cause, FailureCause::Limit(reached) if reached.per == LimitPer::Commit)
}

fn log_run(module: &Module, instance: &InstanceRef, run: &RunReport) {
    let usage = &run.usage;
    tracing::debug!(
        %module,
        instance = %ShownLine(instance),
        ok = run.outcome.is_ok(),
        fuel = usage.fuel,
        wall_us = usage.wall_clock.as_micros(),
        memory = usage.memory,
        edits = usage.edits,
        "module run"
    );
}
