//! Which instances may own an object together.
//!
//! Instances of one service may. Instances of two services may only if both say so: otherwise a module that copies what
//! another made would keep it from being changed and removed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use confine_tree::{NodeId, QName};

use crate::{
    CallRefusal, CommitDraft, CreatedObject, Error, ErrorTag, InstanceRef, OwnerIndex,
    path_trie::{PathFront, PathId},
};

/// Namespace and name of a list under `/services`.
type ListName = (Box<str>, Box<str>);

/// Which services may own objects together.
#[derive(Clone, Debug, Default)]
pub struct SharingServices {
    /// By list: for each of its modules, the lists that the module serves or shares with.
    named: HashMap<ListName, Vec<Arc<HashSet<ListName>>>>,
}

impl SharingServices {
    /// Adds a module: the lists that it serves, and those that it shares objects with.
    pub fn add_module<'n>(
        &mut self,
        serves: impl Iterator<Item = QName<'n>>,
        shares_with: impl Iterator<Item = QName<'n>>,
    ) {
        let serves: Vec<ListName> = serves.map(list_name).collect();
        let named = Arc::new(serves.iter().cloned().chain(shares_with.map(list_name)).collect());
        for list in serves {
            self.named.entry(list).or_default().push(Arc::clone(&named));
        }
    }

    /// Returns whether the instances may own an object together.
    pub(crate) fn allows(&self, one: &InstanceRef, other: &InstanceRef) -> bool {
        let (Some(one), Some(other)) = (list(one), list(other)) else { return false };
        one == other || {
            let (one, other) = (list_name(one), list_name(other));
            self.names(&one, &other) && self.names(&other, &one)
        }
    }

    /// Returns whether all modules of a list name the other one.
    fn names(&self, list: &ListName, other: &ListName) -> bool {
        self.named.get(list).is_some_and(|modules| modules.iter().all(|named| named.contains(other)))
    }
}

fn list_name(list: QName<'_>) -> ListName {
    (list.namespace.into(), list.local.into())
}

fn list(instance: &InstanceRef) -> Option<QName<'_>> {
    instance.path().steps.last().map(|entry| entry.name())
}

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

    /// Refuses an object that an instance makes if an instance of a service that does not share it owns it. Instances that
    /// own it together already go on. The refusal is told to whoever came later.
    pub(crate) fn check(
        &mut self,
        draft: &mut CommitDraft,
        owners: &OwnerIndex,
        instance: &'a InstanceRef,
        (node, front): (NodeId, PathFront),
        object: &CreatedObject,
    ) -> Result<(), Error> {
        let owned_before = |instance: &InstanceRef| owners.owns(instance, front);
        let is_owner = owned_before(instance);
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
                if !is_owner && !draft.sharing.allows(instance, owner) {
                    return Err(refusal(instance, owner, object).into());
                }
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
        if !makers.iter().any(|maker| list(maker) == list(instance)) {
            makers.push(instance);
        }
        Ok(())
    }

    fn resting_owners(
        &self,
        draft: &mut CommitDraft,
        owners: &OwnerIndex,
        path: PathId,
    ) -> Result<Vec<InstanceRef>, Error> {
        let mut lists = HashSet::new();
        let mut found = Vec::new();
        for owner in owners.owners_at(path).filter(|owner| !self.ran.contains(owner)) {
            draft.step()?;
            if lists.insert(list(owner)) {
                found.push(owner.clone());
            }
        }
        Ok(found)
    }
}

fn refusal(instance: &InstanceRef, owner: &InstanceRef, object: &CreatedObject) -> CallRefusal {
    let message = format!(
        "conflict: `{instance}` creates `{}`, which `{owner}` of another service owns\n\
         hint: let only one of the services create it; or let the module of each name the other's list as `shares-with` \
         in the options of its description",
        object.path
    );
    CallRefusal::new(ErrorTag::OperationFailed, message).at(object.path.clone())
}
