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
        &'o self,
        orphans: &'o Orphans,
    ) -> impl Iterator<Item = (&'o InstanceRef, &'o OrphanedObjects)> {
        let from = orphans.range(InstanceRef::new(self.leading.clone())..);
        let together = from.take_while(|(instance, _)| self.leading.covers(instance.path()));
        together.filter(|(instance, _)| self.named.covers(instance.path()))
    }

    /// Returns the instances with this name that have left something when they were deleted.
    fn left<'o>(&'o self, orphans: &'o Orphans) -> impl Iterator<Item = &'o InstanceRef> {
        let has_left = |orphaned: &OrphanedObjects| orphaned.objects.iter().any(|object| object.is_left);
        self.orphaned(orphans).filter(move |(_, orphaned)| has_left(orphaned)).map(|(instance, _)| instance)
    }

    /// Returns whether it depends on what exists whether the name means what deleted instances have left.
    pub(crate) fn may_mean_deleted(&self, orphans: &Orphans) -> bool {
        self.named.values() > 0 && !self.is_one && self.left(orphans).next().is_some()
    }
}

impl<'a> OrphanAdoption<'a> {
    pub(crate) fn new(orphans: &'a Orphans, owners: Arc<OwnerIndex>) -> Self {
        Self { orphans, owners }
    }

    /// Existing instances are in one of the lists of `targets`, or match the keys that are named there. What was left when
    /// instances were deleted stays: whoever makes one of the same name again may not mean it.
    pub(crate) fn adopt(&mut self, targets: &[NamedInstances], steps: &mut StepCounter) -> Result<(), Error> {
        targets.iter().try_for_each(|named| self.adopt_named(named, &|_| false, steps))
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
        for named in targets {
            if named.named.values() == 0 {
                self.adopt_named(named, &|_| false, steps)?;
                continue;
            }
            let left: Vec<&InstanceRef> = named.left(self.orphans).collect();
            steps.steps(left.len() + living.len()).map_err(confine_view::Error::from)?;
            let means_living = living.iter().any(|instance| named.named.covers(instance.path()));
            let deleted: Vec<&InstanceRef> =
                left.into_iter().filter(|&instance| !living.contains(instance)).collect();
            if means_living && !deleted.is_empty() {
                tracing::warn!(
                    instances = %ShownLine(names(&deleted)),
                    "leaving what deleted instances have left on devices: to remove it, name all keys of one of them"
                );
            } else if deleted.len() > 1 {
                let name = InstanceRef::new(named.named.clone()).to_string();
                return Err(Error::AmbiguousInstance { name, instances: names(&deleted) });
            }
            let is_meant = |instance: &InstanceRef| !means_living || living.contains(instance);
            self.adopt_named(named, &is_meant, steps)?;
        }
        Ok(())
    }

    fn adopt_named(
        &mut self,
        named: &NamedInstances,
        means_left: &dyn Fn(&InstanceRef) -> bool,
        steps: &mut StepCounter,
    ) -> Result<(), Error> {
        for (instance, orphaned) in named.orphaned(self.orphans) {
            self.give_back(instance, orphaned, means_left(instance), steps)?;
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
