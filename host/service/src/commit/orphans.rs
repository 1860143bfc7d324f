//! Finds orphans: what instances had created when they were deleted past the services, or lost their `created` lists.

use std::collections::{BTreeMap, HashSet};

use confine_backend::{Datastore, RequestUser};
use confine_tree::{CONTROLLER, Pattern, PatternStep, QName, StepCounter};
use confine_view::{CreatedObject, InstanceRef, NodeFinder, OwnerIndex};

use crate::{
    Error,
    commit::read,
    controller::{
        SharedBackend,
        orphans::{ChangedInstance, OrphanKeeper},
    },
    modules::registry::ModuleRegistry,
};

/// Finds what has lost its owner, by the `created` lists of these modules' services.
pub(super) async fn find_orphans(
    keeper: &OrphanKeeper,
    registry: &ModuleRegistry,
    backend: &SharedBackend,
    owners: &OwnerIndex,
) -> Result<(), Error> {
    // No deadline is known yet, and nothing else waits.
    let mut steps = StepCounter::default();
    let mut changed = keeper.changed(registry, owners, &mut steps)?;
    keep_standing(backend, &mut changed, &mut steps).await?;
    let alive = living(registry, backend, &changed).await?;
    keeper.keep(changed, &alive);
    Ok(())
}

/// Leaves of what is missing what is still on a device. One device is read at a time.
async fn keep_standing(
    backend: &SharedBackend,
    changed: &mut [ChangedInstance],
    steps: &mut StepCounter,
) -> Result<(), Error> {
    let mut by_device: BTreeMap<String, Vec<(usize, CreatedObject)>> = BTreeMap::new();
    for (index, changed) in changed.iter_mut().enumerate() {
        for object in std::mem::take(&mut changed.missing) {
            if let Some(device) = object.device() {
                by_device.entry(device).or_default().push((index, object));
            }
        }
    }
    for (device, objects) in by_device {
        let [devices, mut entry, config] =
            ["devices", "device", "config"].map(|local| PatternStep::new(QName::new(CONTROLLER, local)));
        entry.keys.push(("name".into(), Some(device)));
        let wanted = [Pattern { steps: vec![devices, entry, config] }];
        let tree = read::read(backend, Datastore::Running, &wanted, &RequestUser::Host).await?;
        let mut finder = NodeFinder::new(&tree);
        for (index, object) in objects {
            if finder.has(&object, steps).map_err(confine_view::Error::from)?
                && let Some(changed) = changed.get_mut(index)
            {
                changed.missing.push(object);
            }
        }
    }
    Ok(())
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
