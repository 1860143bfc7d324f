//! What a commit must know of `running`: who owns what, the controller's rules and its service-timeout.

use std::{sync::Arc, time::Duration};

use confine_nacm::Nacm;
use confine_tree::{CONTROLLER, Pattern, PatternStep, QName, Tree, text::ShownLine};
use confine_view::{Originals, OwnerIndex};

use crate::{
    Error,
    commit::read::{condense, read_running},
    controller::{SharedBackend, known::KnownController, nacm},
    modules::{
        membership::{ManagedService, SERVICES},
        registry::ModuleRegistry,
    },
};

/// `/services/service-timeout`, in seconds.
const SERVICE_TIMEOUT: QName<'_> = QName::new(CONTROLLER, "service-timeout");

/// What `running` says before a commit.
pub(crate) struct RunningData {
    /// Who owns what, of all services that have modules.
    pub(crate) owners: Arc<OwnerIndex>,
    /// The controller's rules.
    pub(crate) nacm: Arc<Nacm>,
    /// How long the controller waits for the answer to a commit.
    pub(crate) service_timeout: Option<Duration>,
    /// How many times the file of `running` had been written before it was read.
    pub(crate) writes: Option<u64>,
    /// What the notified instances have created.
    pub(crate) standing: StandingObjects,
}

/// What was read of objects in `running` that the controller has removed from `actions`.
pub(crate) struct StandingObjects {
    /// The objects, and whatever was read with them.
    pub(crate) tree: Tree,
    /// Their paths; as many of them as are known.
    pub(crate) paths: Vec<Pattern>,
}

impl RunningData {
    /// Reads it, the `created` lists only if the cached owner index is not known to be true. `stripped` returns what was
    /// created by the instances of which the controller has removed it from `actions`.
    pub(crate) async fn read(
        controller: &KnownController,
        registry: &Arc<ModuleRegistry>,
        backend: &SharedBackend,
        stripped: impl FnOnce(&OwnerIndex) -> Result<Vec<Pattern>, Error>,
    ) -> Result<Self, Error> {
        let host_user = backend.lock().await.options().host_user.clone();
        let _reading = controller.owner_reading.lock().await;
        let writes = controller.owner_index.writes();
        let cached = controller.known_owners(registry);
        let mut wanted = vec![nacm::pattern(), service_timeout_pattern()];
        if cached.is_none() {
            wanted.extend(registry.services().map(|service| created_lists(&service)));
            // Nothing, if the controller does not know the module.
            wanted.push(Originals::path());
        }
        let standing = cached.as_deref().map(stripped).transpose()?.unwrap_or_default();
        wanted.extend(condense(standing.clone()));
        let tree = read_running(backend, &wanted).await?;
        let nacm = controller.nacm.take(&tree, &host_user, registry, &*controller.schema());
        let owners = match cached {
            Some(owners) => owners,
            None => {
                let owners = Arc::new(registry.owners(&tree));
                warn_of_shared_entries(&owners);
                warn_of_services_that_do_not_share(&owners, registry);
                controller.owner_index.keep(owners.clone(), registry, writes);
                // Without the file, each commit reads them, and nothing says whether they have changed.
                if writes.is_some() {
                    controller.orphans.want_search();
                }
                owners
            }
        };
        let service_timeout = service_timeout(&tree);
        Ok(Self {
            owners,
            nacm: nacm?,
            service_timeout,
            writes,
            standing: StandingObjects { tree, paths: standing },
        })
    }
}

/// Reads the controller's rules.
pub(crate) async fn read_rules(
    controller: &KnownController,
    registry: &ModuleRegistry,
    backend: &SharedBackend,
) -> Result<(), Error> {
    let host_user = backend.lock().await.options().host_user.clone();
    let tree = read_running(backend, &[nacm::pattern()]).await?;
    controller.nacm.take(&tree, &host_user, registry, &*controller.schema()).map(drop)
}

/// Reads how long the controller waits for the answer to a commit.
pub(crate) async fn read_service_timeout(backend: &SharedBackend) -> Result<Option<Duration>, Error> {
    Ok(service_timeout(&read_running(backend, &[service_timeout_pattern()]).await?))
}

fn service_timeout_pattern() -> Pattern {
    Pattern { steps: [SERVICES, SERVICE_TIMEOUT].map(PatternStep::new).into() }
}

fn service_timeout(running: &Tree) -> Option<Duration> {
    let leaf = running.child(running.child(Tree::ROOT, SERVICES)?, SERVICE_TIMEOUT)?;
    running.value(leaf)?.trim().parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

/// The `created` lists of a service's instances.
fn created_lists(service: &ManagedService) -> Pattern {
    let created = PatternStep::new(QName::new(&service.name.namespace, "created"));
    Pattern { steps: vec![PatternStep::new(SERVICES), service.name.clone(), created] }
}

/// Warns of instances whose commit crashes the controller (1.8.0) if both are in it. The Python API server leaves
/// such lists behind.
fn warn_of_shared_entries(owners: &OwnerIndex) {
    let mut shared = owners.held_twice();
    let Some((path, holders)) = shared.next() else { return };
    let mut holders = holders.iter();
    let (Some(first), Some(second)) = (holders.next().map(ShownLine), holders.next().map(ShownLine)) else {
        return;
    };
    let more = shared.count();
    tracing::warn!(
        path,
        more,
        "the `created` lists of `{first}` and `{second}` both name this object, and a commit of both crashes the controller: apply one of them alone first, with `apply services` in the CLI"
    );
}

/// Warns of objects of services that may not own objects together. They stay as they are.
fn warn_of_services_that_do_not_share(owners: &OwnerIndex, registry: &ModuleRegistry) {
    let sharing = registry.sharing();
    let mut shared = owners.shared_against(&sharing);
    let Some((path, first, second)) = shared.next() else { return };
    let (first, second) = (ShownLine(first), ShownLine(second));
    let more = shared.count();
    tracing::warn!(
        path,
        more,
        "`{first}` and `{second}` of two services own this object together: it stays until both are gone"
    );
}
