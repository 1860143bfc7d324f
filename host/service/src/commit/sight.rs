//! What the user or a module may not see must not be taken for what is not configured: before anything runs, and before what
//! is lost is written.

use confine_backend::{Datastore, RequestUser};
use confine_tree::{Pattern, Tree};
use confine_view::CommitDraft;

use crate::{
    Error,
    commit::{
        declared::DeclaredPaths,
        plan::{CommitPlan, PlannedInstance},
        read::{self, condense},
        work::{CommitWork, OwnershipSnapshot},
    },
    controller::nacm::CommitRules,
    error::HiddenLoss,
};

impl CommitWork<'_> {
    /// Checks that the instances that are not in the tree have been deleted, and are not just hidden from the user: those
    /// that were notified, those that own something that would be removed, and those that share it.
    pub(super) async fn check_absent(
        &self,
        plan: &CommitPlan,
        snapshot: &OwnershipSnapshot,
        tree: &Tree,
    ) -> Result<(), Error> {
        let shared = snapshot.co_owners.iter().map(|owner| &owner.instance);
        let found = self.registry.instances(tree);
        let unseen = snapshot.notified.iter().chain(shared).filter(|instance| !found.contains(*instance));
        let mut absent: Vec<Pattern> = unseen.map(|instance| instance.path().clone()).collect();
        absent.extend(plan.absent(tree));
        if absent.is_empty() || self.is_host_user().await {
            return Ok(());
        }
        let seen =
            read::read(self.backend, Datastore::Actions, &condense(absent), &RequestUser::Host).await?;
        match self.registry.instances(&seen).difference(&found).next() {
            Some(hidden) => {
                let instance = hidden.path().to_string();
                Err(Error::Unreadable { user: self.user.clone(), instance })
            }
            None => Ok(()),
        }
    }

    /// Checks that the user and the modules see all of the instances that run. A module would take what it does not see for
    /// what is not configured.
    pub(super) async fn check_sight(
        &self,
        planned: &[PlannedInstance],
        declared: &DeclaredPaths<'_>,
        rules: &CommitRules<'_>,
        draft: &mut CommitDraft,
    ) -> Result<(), Error> {
        for planned in planned {
            for module in planned.modules() {
                draft.check_instance(&planned.instance, &*declared.scope(module)?)?;
            }
        }
        if planned.is_empty() || rules.restricted_reading().is_none() || self.is_host_user().await {
            return Ok(());
        }
        let instances = || planned.iter().map(|planned| &planned.instance);
        let wanted = condense(instances().map(|instance| instance.path().clone()).collect());
        let mut all = self.as_host_user(Datastore::Actions);
        instances().for_each(|instance| all.declare(instance.path()));
        let tree = read::read(self.backend, Datastore::Actions, &wanted, &RequestUser::Host).await?;
        all.load(&tree, &wanted)?;
        match draft.first_missing(&mut all, instances())? {
            Some(hidden) => {
                Err(Error::Unreadable { user: self.user.clone(), instance: rules.shown(&hidden) })
            }
            None => Ok(()),
        }
    }

    /// Fails if something is still there that an instance would lose although that may not be meant.
    pub(super) async fn check_losses(&self, losses: Vec<(Pattern, HiddenLoss)>) -> Result<(), Error> {
        if losses.is_empty() {
            return Ok(());
        }
        let mut running = self.as_host_user(Datastore::Running);
        let wanted: Vec<Pattern> = losses.iter().map(|(place, _)| place.clone()).collect();
        running.read(&wanted).await?;
        for (place, loss) in losses {
            running.step()?;
            if running.has_created(&place) {
                return Err(Box::new(loss).into());
            }
        }
        Ok(())
    }
}
