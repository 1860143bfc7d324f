//! Finds orphans: what instances had created when they were deleted past the services, or lost their `created` lists.
//!
//! It is done between commits. Only a commit that names instances (FORCE) waits for it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use confine_backend::{Datastore, RequestUser};
use confine_tree::{Pattern, PatternStep, PrefixMap, QName, Schema, StepCounter, StopSignal};
use confine_view::{CommitDraft, CreatedObject, InstanceRef, OwnerIndex};

use crate::{
    Error,
    commit::read::{self, DatastoreSource},
    controller::{
        SharedBackend,
        known::KnownController,
        orphans::{ChangedInstance, OrphanKeeper},
        owner_ledger::RecordedObject,
    },
    modules::registry::ModuleRegistry,
};

/// How long a commit waits for a search that goes on.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How many objects are looked for at a time.
const AT_A_TIME: usize = 1_000;

/// Finds what has lost its owner since the last search, if anything may have, by the `created` lists of these modules' services.
pub(crate) async fn search_orphans(
    controller: &KnownController,
    registry: &ModuleRegistry,
    backend: &SharedBackend,
    owners: Arc<OwnerIndex>,
    stop: StopSignal,
) {
    let Ok(_searching) = tokio::time::timeout(LONGEST_WAIT, controller.orphan_search.lock()).await else {
        tracing::warn!(
            "going on without a search for orphans that takes long: what was deleted just now stays on devices"
        );
        return;
    };
    let Some(wanted) = controller.wanted_search() else { return };
    let found =
        find_orphans(&controller.orphans, registry, backend, owners, &controller.schema(), stop).await;
    if matches!(found, Err(Error::Draft(confine_view::Error::Stopped))) {
        // The next one searches.
        return;
    }
    if let Err(error) = &found {
        tracing::warn!(
            error = error.reason(),
            "cannot search for orphans: check that the host user may read `/devices`; the next change of `running` starts another search"
        );
    }
    controller.orphans.end_search(wanted, found.is_err());
}

async fn find_orphans(
    keeper: &OrphanKeeper,
    registry: &ModuleRegistry,
    backend: &SharedBackend,
    owners: Arc<OwnerIndex>,
    schema: &Arc<dyn Schema>,
    stop: StopSignal,
) -> Result<(), Error> {
    let mut changed = keeper.changed(registry, &owners, &mut StepCounter::new(stop.clone()))?;
    // The next commit changes the owners where they are.
    drop(owners);
    let mut wanted = Vec::new();
    for (index, changed) in changed.iter_mut().enumerate() {
        wanted.extend(std::mem::take(&mut changed.missing).into_iter().map(|object| (index, object)));
    }
    let mut wanted = wanted.into_iter().peekable();
    while wanted.peek().is_some() {
        let some: Vec<(usize, RecordedObject)> = wanted.by_ref().take(AT_A_TIME).collect();
        look_for(some, &mut changed, backend, schema, stop.clone()).await?;
    }
    let alive = living(registry, backend, &changed).await?;
    keeper.keep(changed, &alive);
    Ok(())
}

/// Sorts objects into those that are there, those that are gone, and those of which that is not known: the device is not in the
/// controller's configuration now, no model says what the path means, or the device may have refused to remove it.
async fn look_for(
    objects: Vec<(usize, RecordedObject)>,
    changed: &mut [ChangedInstance],
    backend: &SharedBackend,
    schema: &Arc<dyn Schema>,
    stop: StopSignal,
) -> Result<(), Error> {
    let source = DatastoreSource {
        backend: backend.clone(),
        datastore: Datastore::Running,
        user: RequestUser::Host,
        runtime: tokio::runtime::Handle::current(),
    };
    let mut running = CommitDraft::new(schema.clone(), Arc::new(source));
    running.stop_with(stop);
    let no_prefixes = PrefixMap::new::<&str, &str>([]).ok();
    let place = |CreatedObject { path, place, .. }: &CreatedObject, running: &CommitDraft| {
        // The paths of lists have no namespaces, but the models may leave only one choice.
        let resolved = |prefixes| running.resolve(path, &Pattern::default(), prefixes).ok();
        place.clone().or_else(|| resolved(no_prefixes.as_ref()?))
    };
    let placed: Vec<(usize, RecordedObject, Option<Pattern>)> = objects
        .into_iter()
        .map(|(index, object)| {
            let place = place(&object.object, &running);
            (index, object, place)
        })
        .collect();
    let mut devices: HashMap<String, Pattern> = HashMap::new();
    let mut wanted: Vec<Pattern> = Vec::new();
    for place in placed.iter().filter_map(|(_, _, place)| place.as_ref()) {
        wanted.push(place.clone());
        if let Some((name, leaf)) = device(place) {
            devices.insert(name.to_owned(), leaf);
        }
    }
    wanted.extend(devices.values().cloned());
    running.read(&read::condense(wanted)).await?;
    let mut known: HashSet<String> = HashSet::new();
    for (name, leaf) in devices {
        if running.has_created(&leaf) {
            known.insert(name);
        }
    }
    for (index, object, place) in placed {
        running.step()?;
        let Some(changed) = changed.get_mut(index) else { continue };
        match place {
            Some(place) if device(&place).is_some_and(|(name, _)| known.contains(name)) => {
                if running.has_created(&place) {
                    let found = CreatedObject { place: Some(place), ..object.object };
                    changed.missing.push(RecordedObject { object: found, is_refused: false, ..object });
                } else if object.is_refused {
                    changed.unknown.push(object);
                }
            }
            _ => changed.unknown.push(object),
        }
    }
    Ok(())
}

/// Returns the name of the device that a place is on, and where that name is.
fn device(place: &Pattern) -> Option<(&str, Pattern)> {
    let entry = place.steps.get(1)?;
    let mut steps: Vec<PatternStep> = place.steps.iter().take(2).cloned().collect();
    steps.push(PatternStep::new(QName::new(&entry.namespace, "name")));
    Some((entry.key("name")?, Pattern { steps }))
}

/// Returns which of the instances that have lost something exist.
async fn living(
    registry: &ModuleRegistry,
    backend: &SharedBackend,
    changed: &[ChangedInstance],
) -> Result<HashSet<InstanceRef>, Error> {
    let lost = changed.iter().filter(|changed| !changed.missing.is_empty());
    let wanted: Vec<Pattern> = lost.map(|changed| changed.instance.path().clone()).collect();
    let tree = read::read(backend, Datastore::Running, &read::condense(wanted), &RequestUser::Host).await?;
    Ok(registry.instances(&tree))
}
