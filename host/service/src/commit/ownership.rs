//! Who owns what of the instances of a commit, and what else runs because of it.

use confine_backend::{ActionsKind, Datastore, RequestUser};
use confine_tree::{Pattern, StepCounter, text::ShownLine};
use confine_view::{InstanceRef, OwnerIndex};

use crate::{
    Error,
    commit::{
        orphans::search_orphans,
        plan::{CommitPlan, PlannedInstance},
        read::{self, condense},
        running::{RunningData, StandingObjects},
        work::{CommitWork, OwnershipSnapshot},
    },
    controller::{
        orphan_adoption::{NamedInstances, OrphanAdoption},
        orphans::Orphans,
    },
};

impl CommitWork<'_> {
    /// Reads who owns what, and finds the co-owners of what was notified; and what the notified had created.
    pub(super) async fn read_ownership(
        &self,
        plan: &CommitPlan,
    ) -> Result<(OwnershipSnapshot, StandingObjects), Error> {
        let mut steps = StepCounter::new(self.state.stop_signal());
        let lists = self.as_host_user(Datastore::Running);
        let stripped = |owners: &OwnerIndex| {
            let objects = plan.stripped(owners, &mut steps)?;
            let beside = objects.iter().filter_map(|object| lists.neighbours_to_read(object));
            let beside: Vec<Pattern> = beside.collect();
            Ok([objects, beside].concat())
        };
        let running =
            RunningData::read(&self.runner.controller, self.registry, self.backend, stripped).await?;
        let RunningData { owners, nacm, service_timeout, writes, standing } = running;
        self.state.set_service_timeout(service_timeout);
        let (notified, included) = plan.notified_and_included();
        let is_forced = self.transaction.actions() == Some(ActionsKind::Force);
        if is_forced && notified.iter().any(|named| named.named.values() > 0) {
            // What the user names may have been deleted just now, which only the file of `running` shows.
            if writes.is_none() {
                self.runner.controller.orphans.want_search();
            }
            let stop = self.state.stop_signal();
            search_orphans(&self.runner.controller, self.registry, self.backend, owners.clone(), stop).await;
        }
        let orphans = self.runner.controller.orphans.known();
        let mut adopting = OrphanAdoption::new(&orphans, owners);
        if is_forced {
            let living = self.living(plan, &notified, &orphans, &mut steps).await?;
            adopting.adopt_forced(&notified, &living, &mut steps)?;
        } else {
            adopting.adopt(&notified, &mut steps)?;
        }
        adopting.adopt(&included, &mut steps)?;
        let OrphanAdoption { owners, .. } = adopting;
        let notified = plan.owners(&owners);
        let mut co_owners = Vec::new();
        let found =
            owners.co_owners(&notified, &**self.schema, &mut steps).map_err(confine_view::Error::from)?;
        for owner in found {
            match self.registry.service_of(owner) {
                Some(service) => co_owners.push(PlannedInstance { instance: owner.clone(), service }),
                None => {
                    tracing::warn!(instance = %ShownLine(owner), "no module serves another owner of a shared object: the object may be deleted")
                }
            }
        }
        tracing::debug!(
            tid = self.transaction.tid,
            notified = notified.len(),
            co_owners = co_owners.len(),
            "read the owner index"
        );
        Ok((OwnershipSnapshot { owners, notified, co_owners, orphans, nacm, writes }, standing))
    }

    /// Returns the instances that exist, as far as names may mean them or deleted ones that have left something.
    async fn living(
        &self,
        plan: &CommitPlan,
        notified: &[NamedInstances],
        orphans: &Orphans,
        steps: &mut StepCounter,
    ) -> Result<std::collections::HashSet<InstanceRef>, Error> {
        let mut unclear = Vec::new();
        for named in notified {
            if named.may_mean_deleted(orphans, steps)? {
                unclear.push(named.named.clone());
            }
        }
        let wanted = condense(unclear);
        let tree = read::read(self.backend, Datastore::Actions, &wanted, &RequestUser::Host).await?;
        Ok(plan.instances(&tree).into_iter().map(|planned| planned.instance).collect())
    }
}
