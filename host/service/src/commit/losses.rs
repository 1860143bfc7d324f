//! Refuses commits in which access control would decide what is removed from devices.
//!
//! What an instance had created and does not create again is removed. Where rules hide that from a module or from the user,
//! or hid something that the module asked for, nobody can tell whether the instance no longer wants it. Unless an earlier run lost
//! nothing without seeing that either.

use std::sync::Arc;

use confine_nacm::AccessRules;
use confine_tree::{HashSet, Pattern};
use confine_view::{CommitDraft, FinishedCommit, HiddenRead, InstanceRef, OutsideOwners, OwnerIndex, Scope};

use crate::{
    Error,
    commit::{declared::DeclaredPaths, plan::PlannedInstance, remembered_sights::RememberedSights},
    controller::nacm::CommitRules,
    error::HiddenLoss,
};

/// What is looked at to find losses.
pub(crate) struct LossCheck<'a> {
    pub(crate) owners: &'a OwnerIndex,
    /// The instances that the commit runs or deletes.
    pub(crate) concerned: HashSet<&'a InstanceRef>,
    pub(crate) declared: &'a DeclaredPaths<'a>,
    pub(crate) rules: &'a CommitRules<'a>,
    /// The rules for the user, if they may hide anything.
    pub(crate) user: Option<AccessRules>,
    /// What runs that lost nothing did not see.
    pub(crate) sights: &'a RememberedSights,
}

impl LossCheck<'_> {
    /// Returns what the instances that ran, and those that are deleted, had created and would lose, as far as it may not be
    /// meant. It need not be there any more.
    ///
    /// # Errors
    /// [`Error::Draft`] if the work was stopped.
    pub(crate) fn losses(
        &self,
        ran: &[PlannedInstance],
        deleted: &[InstanceRef],
        finished: &FinishedCommit,
        draft: &mut CommitDraft,
    ) -> Result<Vec<(Pattern, HiddenLoss)>, Error> {
        let mut hidden_reads = draft.hidden_reads().to_vec();
        let partial = draft.partial_sights().iter().filter(|partial| !self.sights.knows(partial));
        hidden_reads.extend(partial.map(|partial| partial.first.clone()));
        let mut kept: HashSet<&str> = HashSet::default();
        for (_, created) in &finished.created {
            draft.steps().steps(created.len()).map_err(confine_view::Error::from)?;
            kept.extend(created.iter().map(|object| object.path.as_str()));
        }
        let mut losses = Vec::new();
        let mut outside = OutsideOwners::new(self.owners, &self.concerned);
        for PlannedInstance { instance, service } in ran {
            let scopes = service.modules.iter().map(|module| self.declared.scope(module));
            let scopes: Vec<Arc<Scope>> = scopes.collect::<Result<_, Error>>()?;
            let sight = Sight {
                check: self,
                scopes: scopes.into_iter().filter(|scope| scope.has_rules()).collect(),
                refused: hidden_reads.iter().find(|read| read.instance == *instance),
            };
            sight.losses(instance, &kept, &mut outside, draft, &mut losses)?;
        }
        // The controller removes what a deleted instance had created. Where it does not, this host does, as the user.
        let sight = Sight { check: self, scopes: Vec::new(), refused: None };
        let deleted = if draft.hides_created() { deleted } else { &[] };
        for instance in deleted {
            sight.losses(instance, &kept, &mut outside, draft, &mut losses)?;
        }
        Ok(losses)
    }
}

/// What is hidden from those who decide about one instance.
struct Sight<'a> {
    check: &'a LossCheck<'a>,
    /// The scopes of the modules that rules restrict.
    scopes: Vec<Arc<Scope>>,
    /// A read of one of its runs that came back empty, or without something that the run before saw.
    refused: Option<&'a HiddenRead>,
}

impl Sight<'_> {
    fn losses(
        &self,
        instance: &InstanceRef,
        kept: &HashSet<&str>,
        outside: &mut OutsideOwners<'_>,
        draft: &mut CommitDraft,
        losses: &mut Vec<(Pattern, HiddenLoss)>,
    ) -> Result<(), Error> {
        if self.scopes.is_empty() && self.refused.is_none() && self.check.user.is_none() {
            return Ok(());
        }
        for object in self.check.owners.created_by(instance) {
            let stopped = confine_view::Error::from;
            draft.step()?;
            if kept.contains(&*object.path()) || outside.own(object, draft.steps()).map_err(stopped)? {
                continue;
            }
            for place in self.check.declared.candidates(object, instance) {
                let of_modules = self.scopes.iter().map(|scope| scope.steps(&place)).sum::<usize>();
                let of_user = self.check.user.as_ref().map_or(0, AccessRules::len) * place.steps.len();
                draft.steps().steps(of_modules + of_user + 1).map_err(stopped)?;
                if let Some(loss) = self.loss(instance, &place) {
                    losses.push((place, loss));
                }
            }
        }
        Ok(())
    }

    /// Returns why the instance may lose what is there though that is not meant.
    fn loss(&self, instance: &InstanceRef, place: &Pattern) -> Option<HiddenLoss> {
        let rules = self.check.rules;
        let loss = |who: String, hidden: &Pattern, reason: &str| HiddenLoss {
            instance: instance.to_string(),
            object: rules.shown(place),
            who,
            hidden: rules.shown(hidden),
            reason: reason.to_owned(),
        };
        let of_module = |module: &str| format!("module `{module}`");
        if let Some(read) = self.refused {
            return Some(loss(of_module(&read.module), &read.node, &read.reason));
        }
        let by_module = self.scopes.iter().find_map(|scope| {
            let reason = scope.hides(place).filter(|_| scope.declares_writing(place))?;
            Some(loss(of_module(scope.module()), place, &reason))
        });
        by_module.or_else(|| {
            let reason = rules.hides_from_user(self.check.user.as_ref()?, place)?;
            Some(loss(format!("`{}`", rules.user()), place, &reason))
        })
    }
}
