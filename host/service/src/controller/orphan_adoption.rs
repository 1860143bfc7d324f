//! Gives orphans back to the instances of a commit.

use std::sync::Arc;

use confine_tree::{Pattern, StepCounter, text::ShownLine};
use confine_view::{InstanceRef, OwnerIndex};

use crate::{
    Error,
    controller::{
        orphans::{OrphanedObjects, Orphans},
        owner_ledger::RecordedObject,
    },
};

/// The most instances that an error names.
const SHOWN: usize = 5;

/// The instances of a list, or those with certain keys.
pub(crate) struct NamedInstances {
    /// What they all match.
    pub(crate) named: Pattern,
    /// The same with those keys only that come first in the list: in the order of paths, what matches it stands together.
    pub(crate) leading: Pattern,
}

/// The owner index with the orphans of the instances that a commit asks for, except those that other instances need.
pub(crate) struct OrphanAdoption<'a> {
    orphans: &'a Orphans,
    pub(crate) owners: Arc<OwnerIndex>,
    /// What was named and may mean several deleted instances.
    pub(crate) ambiguous: Vec<AmbiguousName>,
}

/// The first key of several deleted instances that have left something. The controller passes on what the user has named, but
/// the command line and other clients name the first key alone.
pub(crate) struct AmbiguousName {
    target: Pattern,
    instances: Vec<InstanceRef>,
}

impl AmbiguousName {
    /// Refuses the commit, unless it runs instances of that name: then these are meant.
    pub(crate) fn check<'i>(&self, mut runs: impl Iterator<Item = &'i InstanceRef>) -> Result<(), Error> {
        let named: Vec<String> =
            self.instances.iter().take(SHOWN).map(|instance| format!("`{instance}`")).collect();
        let named = named.join(", ");
        if runs.any(|instance| self.target.covers(instance.path())) {
            tracing::warn!(
                instances = %ShownLine(&named),
                "leaving what deleted instances have left on devices: only the first of their keys was named"
            );
            return Ok(());
        }
        Err(Error::AmbiguousInstance {
            name: InstanceRef::new(self.target.clone()).to_string(),
            instances: named,
        })
    }
}

impl<'a> OrphanAdoption<'a> {
    pub(crate) fn new(orphans: &'a Orphans, owners: Arc<OwnerIndex>) -> Self {
        Self { orphans, owners, ambiguous: Vec::new() }
    }

    /// Existing instances are in one of the lists of `targets`, or match the keys that are named there. What deleted ones have
    /// left is only meant if they are named, in a commit that changes nothing itself (`names_deleted`): whoever makes an
    /// instance of the same name again may not mean it. Nor is it if a name may mean several of them.
    pub(crate) fn adopt(
        &mut self,
        targets: &[NamedInstances],
        names_deleted: bool,
        steps: &mut StepCounter,
    ) -> Result<(), Error> {
        let orphans = self.orphans;
        if orphans.is_empty() {
            return Ok(());
        }
        for NamedInstances { named: target, leading } in targets {
            let all = orphans.range(InstanceRef::new(leading.clone())..);
            let all = || {
                let together = all.clone().take_while(|(instance, _)| leading.covers(instance.path()));
                together.filter(|(instance, _)| target.covers(instance.path()))
            };
            let mut means_left = target.values() > 0 && names_deleted;
            if means_left {
                let left = all().filter(|(_, orphaned)| orphaned.objects.iter().any(|object| object.is_left));
                let instances: Vec<InstanceRef> = left.map(|(instance, _)| instance.clone()).collect();
                steps.steps(instances.len()).map_err(confine_view::Error::from)?;
                if instances.len() > 1 {
                    means_left = false;
                    self.ambiguous.push(AmbiguousName { target: target.clone(), instances });
                }
            }
            for (instance, orphaned) in all() {
                self.give_back(instance, orphaned, means_left, steps)?;
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
