//! What the daemon keeps from one commit to the next.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use confine_backend::{ControllerTransaction, Datastore, Identity, Outcome};
use confine_sandbox::{Module, Runner, Usage};
use confine_tree::{Pattern, PatternStep, QName, Schema};
use confine_view::{Created, InstanceRef, Owners};
use tokio::sync::watch;

use crate::{
    Error, Registry, Service,
    plan::SERVICES,
    reads::{self, Shared},
};

/// The most instances whose undeclared reads are remembered.
const REMEMBERED: usize = 10_000;

/// Everything that a commit needs and that outlives it.
pub struct Host {
    pub(crate) runner: Runner,
    pub(crate) schema: Arc<dyn Schema>,
    /// Lists under `/services` that are none of our business.
    pub(crate) unmanaged: HashSet<String>,
    registry: Mutex<Arc<Registry>>,
    books: Mutex<Books>,
    connected: watch::Sender<bool>,
    last: Mutex<Option<Arc<Report>>>,
}

/// What the last commit did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The transaction.
    pub tid: u64,
    /// Every run of a module, in order.
    pub runs: Vec<(Module, InstanceRef, Usage)>,
    /// The size of the edit that was sent.
    pub bytes: usize,
    /// From the notification to the answer.
    pub elapsed: Duration,
}

/// Who owns what, and who reads what.
#[derive(Default)]
struct Books {
    /// What the `created` lists in `running` say, where that is known.
    owners: Option<Arc<Owners>>,
    /// What the commit that was answered last changes in them, once it is through.
    pending: Option<Pending>,
    /// What instances turned out to read without their module having declared it.
    remembered: HashMap<InstanceRef, Vec<Pattern>>,
}

/// What a commit changes in the books.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) tid: u64,
    /// Whether the devices get it, and so `running` does.
    pub(crate) push: bool,
    /// The new list of each instance that ran; empty for one that is gone.
    pub(crate) created: Vec<(InstanceRef, Vec<Created>)>,
}

impl Host {
    /// A host that runs these modules.
    pub fn new(
        runner: Runner,
        schema: Arc<dyn Schema>,
        unmanaged: HashSet<String>,
        registry: Registry,
    ) -> Self {
        Self {
            runner,
            schema,
            unmanaged,
            registry: Mutex::new(Arc::new(registry)),
            books: Mutex::default(),
            connected: watch::Sender::new(false),
            last: Mutex::default(),
        }
    }

    /// Waits until a controller is served.
    pub async fn connected(&self) {
        // The sender is this host's own, and so is there.
        let _ = self.connected.subscribe().wait_for(|&connected| connected).await;
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.send_replace(connected);
    }

    /// What the last commit did that was answered with "done".
    pub fn last_commit(&self) -> Option<Arc<Report>> {
        lock(&self.last).clone()
    }

    pub(crate) fn report(&self, report: Report) {
        *lock(&self.last) = Some(Arc::new(report));
    }

    /// The modules that are in use now. A commit keeps those that it began with.
    pub fn registry(&self) -> Arc<Registry> {
        lock(&self.registry).clone()
    }

    /// Puts other modules in their place, from the next commit on.
    pub fn replace_registry(&self, registry: Registry) {
        *lock(&self.registry) = Arc::new(registry);
        // Other modules, other lists to know the owners of.
        self.forget_books();
    }

    /// Who owns what, if that is known.
    pub(crate) fn owners(&self) -> Option<Arc<Owners>> {
        lock(&self.books).owners.clone()
    }

    /// What is known of `running` is no longer true for sure.
    pub(crate) fn forget_books(&self) {
        let mut books = lock(&self.books);
        books.owners = None;
        books.pending = None;
    }

    /// Reads the `created` lists of all services that have modules.
    pub(crate) async fn read_owners(&self, backend: &Shared) -> Result<Arc<Owners>, Error> {
        let wanted: Vec<_> = self.registry().services().map(|service| created_of(&service)).collect();
        let tree = reads::read(backend, Datastore::Running, &wanted, &Identity::Host).await?;
        let owners = Arc::new(self.registry().owners(&tree));
        lock(&self.books).owners = Some(owners.clone());
        Ok(owners)
    }

    /// A commit was answered with "done": this is what it changes once it is through.
    pub(crate) fn expect(&self, pending: Pending) {
        lock(&self.books).pending = Some(pending);
    }

    /// A transaction is over.
    pub(crate) fn transaction_over(&self, over: &ControllerTransaction) {
        let mut books = lock(&self.books);
        match books.pending.take_if(|pending| pending.tid == over.tid) {
            Some(pending) if pending.push && over.result == Outcome::Success => {
                if let Some(owners) = books.owners.as_mut().map(Arc::make_mut) {
                    for (instance, created) in pending.created {
                        owners.replace(&instance, created);
                    }
                }
            }
            // A failure may come after `running` was changed, a validation may have changed it too, and what
            // others do nobody says.
            _ => books.owners = None,
        }
    }

    /// How many transactions are still to be heard of: one at most.
    pub fn transactions_kept(&self) -> usize {
        usize::from(lock(&self.books).pending.is_some())
    }

    /// What an instance turned out to read the last time.
    pub(crate) fn remembered(&self, instance: &InstanceRef) -> Vec<Pattern> {
        lock(&self.books).remembered.get(instance).cloned().unwrap_or_default()
    }

    /// Remembers what an instance turned out to read.
    pub(crate) fn remember(&self, instance: &InstanceRef, patterns: Vec<Pattern>) {
        let mut books = lock(&self.books);
        if books.remembered.len() >= REMEMBERED {
            books.remembered.clear();
        }
        if patterns.is_empty() {
            books.remembered.remove(instance);
        } else {
            books.remembered.insert(instance.clone(), patterns);
        }
    }
}

/// The `created` lists of a service's instances.
pub(crate) fn created_of(service: &Service) -> Pattern {
    let created = PatternStep::new(QName::new(&service.name.namespace, "created"));
    Pattern { steps: vec![PatternStep::new(SERVICES), service.name.clone(), created] }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
