//! Gives orphans back to the instances of a commit.

use std::{collections::HashSet, sync::Arc};

use confine_tree::{Pattern, StepCounter, text::ShownLine};
use confine_view::{InstanceRef, OwnerIndex};

use crate::{
    Error,
    controller::{
        orphans::{OrphanedObjects, Orphans},
        owner_ledger::RecordedObject,
    },
};

/// The most instances that a message names.
const SHOWN: usize = 5;

/// The instances of a list, or those with certain keys.
pub(crate) struct NamedInstances {
    /// What they all match.
    pub(crate) named: Pattern,
    /// The same with those keys only that come first in the list: in the order of paths, what matches it stands together.
    pub(crate) leading: Pattern,
    /// Whether all keys of the list are named.
    pub(crate) is_one: bool,
}

/// The owner index with the orphans of the instances that a commit asks for, except those that other instances need.
pub(crate) struct OrphanAdoption<'a> {
    orphans: &'a Orphans,
    pub(crate) owners: Arc<OwnerIndex>,
}

impl NamedInstances {
    /// Returns what is known of orphans of instances with this name.
    fn orphaned<'o>(
        &self,
        orphans: &'o Orphans,
        steps: &mut StepCounter,
    ) -> Result<Vec<(&'o InstanceRef, &'o OrphanedObjects)>, Error> {
        let mut orphaned = Vec::new();
        for (instance, objects) in orphans.range(InstanceRef::new(self.leading.clone())..) {
            steps.step().map_err(confine_view::Error::from)?;
            if !self.leading.covers(instance.path()) {
                break;
            }
            if self.named.covers(instance.path()) {
                orphaned.push((instance, objects));
            }
        }
        Ok(orphaned)
    }

    /// Returns whether it depends on what exists whether the name means what deleted instances have left.
    pub(crate) fn may_mean_deleted(&self, orphans: &Orphans, steps: &mut StepCounter) -> Result<bool, Error> {
        let is_unclear = self.named.values() > 0 && !self.is_one && !orphans.is_empty();
        Ok(is_unclear && self.orphaned(orphans, steps)?.into_iter().any(|(_, orphaned)| has_left(orphaned)))
    }
}

/// Returns whether an instance has left something when it was deleted.
fn has_left(orphaned: &OrphanedObjects) -> bool {
    orphaned.objects.iter().any(|object| object.is_left)
}

impl<'a> OrphanAdoption<'a> {
    pub(crate) fn new(orphans: &'a Orphans, owners: Arc<OwnerIndex>) -> Self {
        Self { orphans, owners }
    }

    /// Existing instances are in one of the lists of `targets`, or match the keys that are named there. What was left when
    /// instances were deleted stays: whoever makes one of the same name again may not mean it.
    pub(crate) fn adopt(&mut self, targets: &[NamedInstances], steps: &mut StepCounter) -> Result<(), Error> {
        targets.iter().filter(|_| !self.orphans.is_empty()).try_for_each(|named| {
            let orphaned = named.orphaned(self.orphans, steps)?;
            orphaned
                .into_iter()
                .try_for_each(|(instance, orphaned)| self.give_back(instance, orphaned, false, steps))
        })
    }

    /// As [`adopt`](Self::adopt), in a commit that changes nothing itself: what instances have left that are named is meant,
    /// too. If some of that name are among the `living`, those are meant; else the one that was deleted.
    ///
    /// # Errors
    /// [`Error::AmbiguousInstance`] if several were deleted that may be meant.
    pub(crate) fn adopt_forced(
        &mut self,
        targets: &[NamedInstances],
        living: &HashSet<InstanceRef>,
        steps: &mut StepCounter,
    ) -> Result<(), Error> {
        for named in targets.iter().filter(|_| !self.orphans.is_empty()) {
            let orphaned = named.orphaned(self.orphans, steps)?;
            steps.steps(living.len()).map_err(confine_view::Error::from)?;
            let is_list = named.named.values() == 0;
            let means_living = living.iter().any(|instance| named.named.covers(instance.path()));
            let left = orphaned.iter().filter(|(_, orphaned)| !is_list && has_left(orphaned));
            let deleted: Vec<&InstanceRef> =
                left.map(|&(instance, _)| instance).filter(|&instance| !living.contains(instance)).collect();
            if means_living && !deleted.is_empty() {
                tracing::warn!(
                    instances = %ShownLine(names(&deleted)),
                    "leaving what deleted instances have left on devices: to remove it, name all keys of one of them"
                );
            } else if deleted.len() > 1 {
                let name = InstanceRef::new(named.named.clone()).to_string();
                return Err(Error::AmbiguousInstance { name, instances: names(&deleted) });
            }
            for (instance, orphaned) in orphaned {
                let is_meant = !is_list && (!means_living || living.contains(instance));
                self.give_back(instance, orphaned, is_meant, steps)?;
            }
        }
        Ok(())
    }

    fn give_back(
        &mut self,
        instance: &InstanceRef,
        orphaned: &OrphanedObjects,
        means_left: bool,
        steps: &mut StepCounter,
    ) -> Result<(), Error> {
        steps.step().map_err(confine_view::Error::from)?;
        let mut adopted = Vec::new();
        for RecordedObject { object, is_left, .. } in &orphaned.objects {
            if !(orphaned.is_alive && !is_left || means_left) {
                continue;
            }
            let place = object.place.as_ref();
            let is_needed = place.map(|place| self.owners.others_have_changed(place, instance, steps));
            if is_needed.transpose().map_err(confine_view::Error::from)?.unwrap_or_default() {
                tracing::warn!(
                    instance = %ShownLine(instance),
                    path = %ShownLine(&object.path),
                    "leaving an object that the instance had created and has lost: another instance has changed it since"
                );
            } else {
                adopted.push(object.clone());
            }
        }
        if adopted.is_empty() {
            return Ok(());
        }
        tracing::info!(
            instance = %ShownLine(instance),
            objects = adopted.len(),
            "the instance takes back its orphans: what it does not make again is removed"
        );
        Arc::make_mut(&mut self.owners).add(instance, adopted);
        Ok(())
    }
}

/// Returns the first of these instances for a message.
fn names(instances: &[&InstanceRef]) -> String {
    let named: Vec<String> = instances.iter().take(SHOWN).map(|instance| format!("`{instance}`")).collect();
    named.join(", ")
}
