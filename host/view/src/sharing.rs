//! Which instances may own an object together.
//!
//! Instances of one service may. Instances of two services may only if the modules of both say so, or the operator:
//! otherwise a module that copies what another made would keep it from being changed and removed.

use confine_tree::{HashMap, HashSet, NodeId};

use crate::{
    CallRefusal, CommitDraft, CreatedObject, Error, ErrorTag, InstanceRef, OwnerIndex,
    path_trie::{PathFront, PathId},
};

/// Who makes what in a commit, as far as it matters to sharing.
#[derive(Default)]
pub(crate) struct SharingCheck<'a> {
    ran: HashSet<&'a InstanceRef>,
    /// The first instance of each service that makes an object in this commit, in the order of the runs.
    makers: HashMap<NodeId, Vec<&'a InstanceRef>>,
    /// Of the owners that the commit does not run, the first of each service.
    resting: HashMap<PathId, Vec<InstanceRef>>,
}

impl<'a> SharingCheck<'a> {
    /// Begins a check of a commit that runs these instances.
    pub(crate) fn new(ran: &'a [InstanceRef]) -> Self {
        Self { ran: ran.iter().collect(), ..Self::default() }
    }

    /// Refuses an object that an instance makes if an instance of a service that does not share it owns it, or the nearest
    /// owned node above. Instances that own it together already may continue. The error names the instance that came later.
    pub(crate) fn check(
        &mut self,
        draft: &mut CommitDraft,
        owners: &OwnerIndex,
        instance: &'a InstanceRef,
        (node, (front, owned_above)): (NodeId, (PathFront, Option<PathFront>)),
        object: &CreatedObject,
    ) -> Result<(), Error> {
        let owned_before = |instance: &InstanceRef| owners.owns(instance, front);
        let is_owner = owned_before(instance);
        if !is_owner {
            for front in [Some(front), owned_above].into_iter().flatten() {
                self.check_resting(draft, owners, instance, front, object)?;
            }
        }
        let makers = self.makers.entry(node).or_default();
        for &maker in makers.iter() {
            draft.step()?;
            if draft.sharing.allows(instance, maker) {
                continue;
            }
            match (owned_before(maker), is_owner) {
                (true, true) => {}
                (false, true) => return Err(refusal(maker, instance, object).into()),
                (_, false) => return Err(refusal(instance, maker, object).into()),
            }
        }
        if !makers.iter().any(|maker| maker.list() == instance.list()) {
            makers.push(instance);
        }
        Ok(())
    }

    /// Refuses what an instance makes at or below what an instance that the commit does not run owns.
    fn check_resting(
        &mut self,
        draft: &mut CommitDraft,
        owners: &OwnerIndex,
        instance: &InstanceRef,
        front: PathFront,
        object: &CreatedObject,
    ) -> Result<(), Error> {
        if owners.owns(instance, front) {
            return Ok(());
        }
        for path in front.paths() {
            let resting = match self.resting.get(&path) {
                Some(known) => known,
                None => {
                    let found = self.resting_owners(draft, owners, path)?;
                    self.resting.entry(path).or_insert(found)
                }
            };
            for owner in resting {
                draft.step()?;
                if !draft.sharing.allows(instance, owner) {
                    return Err(refusal(instance, owner, object).into());
                }
            }
        }
        Ok(())
    }

    fn resting_owners(
        &self,
        draft: &mut CommitDraft,
        owners: &OwnerIndex,
        path: PathId,
    ) -> Result<Vec<InstanceRef>, Error> {
        let mut lists = HashSet::default();
        let mut found = Vec::new();
        for owner in owners.owners_at(path).filter(|owner| !self.ran.contains(owner)) {
            draft.step()?;
            if lists.insert(owner.list()) {
                found.push(owner.clone());
            }
        }
        Ok(found)
    }
}

fn refusal(instance: &InstanceRef, owner: &InstanceRef, object: &CreatedObject) -> CallRefusal {
    let message = format!(
        "conflict: `{instance}` creates `{}`, which `{owner}` of another service owns\n\
         hint: let only one of the services create it; or let both own it{}, or with the other's list as `shares-with` in \
         the options of the description of each module",
        object.path,
        setting(instance, owner)
    );
    CallRefusal::new(ErrorTag::OperationFailed, message).at(object.path.clone())
}

/// Returns the setting that lets the services of these instances share, for a message. The settings do not tell lists of one
/// name apart.
fn setting(instance: &InstanceRef, owner: &InstanceRef) -> String {
    match (instance.service(), owner.service()) {
        (one, other) if one == other => String::new(),
        (one, other) => format!(", with `shares_with = [\"{other}\"]` in `[service.{one}]` in confine.toml"),
    }
}
