//! What the instances had created before: it is read as it stands, and removed before they run.

use confine_backend::Datastore;
use confine_tree::{HashMap, HashSet, Pattern};
use confine_view::{CommitDraft, ConcernedInstances, InstanceRef, OutsideOwners};

use crate::{
    Error,
    commit::{
        declared::DeclaredPaths,
        plan::PlannedInstance,
        read::condense,
        running::StandingObjects,
        work::{CommitWork, OwnershipSnapshot},
    },
};

impl CommitWork<'_> {
    /// Reads from `running` what the instances that run had created and the controller has removed from `actions`: the device
    /// may have given it another form, and made again it goes where it is in its list. Returns it, and where it was.
    pub(super) async fn read_standing(
        &self,
        known: StandingObjects,
        draft: &mut CommitDraft,
        snapshot: &OwnershipSnapshot,
        declared: &DeclaredPaths<'_>,
        planned: &[PlannedInstance],
    ) -> Result<(CommitDraft, Vec<Pattern>), Error> {
        let mut gone = Vec::new();
        for PlannedInstance { instance, .. } in planned {
            for object in snapshot.owners.created_by(instance) {
                draft.step()?;
                let candidates = declared.candidates(object, instance);
                if draft.lacks(&candidates) {
                    gone.extend(candidates);
                }
            }
        }
        let mut standing = self.as_host_user(Datastore::Running);
        let StandingObjects { tree, paths } = known;
        // Otherwise the tree has other things.
        if !paths.is_empty() {
            standing.load(&tree, &paths)?;
        }
        drop((tree, paths));
        if !gone.is_empty() {
            let beside = gone.iter().filter_map(|place| draft.neighbours_to_read(place));
            standing.read(&condense(gone.iter().cloned().chain(beside).collect())).await?;
            draft.keep_standing_order(&gone, &mut standing)?;
        }
        Ok((standing, gone))
    }

    /// Notes what the user may not read of the lists in which the runs have made or set entries, where the order matters. Of what
    /// they have made, `gone` stands.
    pub(super) async fn note_hidden(
        &self,
        gone: &[Pattern],
        draft: &mut CommitDraft,
        standing: &mut CommitDraft,
    ) -> Result<(), Error> {
        let entries = draft.entries_of_set_lists();
        let keys: Vec<Pattern> = entries.iter().filter_map(|entry| draft.neighbours_to_read(entry)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut all = self.as_host_user(Datastore::Actions);
        all.read(&condense(keys)).await?;
        draft.place_hidden(&entries, &mut all)?;
        Ok(draft.correct_standing_order(gone, standing)?)
    }

    /// Returns the entries that these instances have moved, and of which the user may not read all: they cannot be moved back
    /// without losing the rest. Or not all of their lists: whether they are where they were left cannot be seen.
    pub(super) async fn partly_unseen(
        &self,
        draft: &mut CommitDraft,
        snapshot: &OwnershipSnapshot,
        planned: &[PlannedInstance],
    ) -> Result<HashSet<Pattern>, Error> {
        let instances = planned.iter().map(|planned| &planned.instance).chain(&snapshot.notified);
        let originals = instances.flat_map(|instance| snapshot.owners.originals().of(instance));
        let moved = originals.map(|(_, original)| original).filter(|original| original.is_moved());
        let moved: HashMap<Pattern, Vec<Pattern>> =
            moved.map(|original| (original.place.clone(), original.places_to_read().collect())).collect();
        let mut unseen = HashSet::default();
        if moved.is_empty() {
            return Ok(unseen);
        }
        let mut all = self.as_host_user(Datastore::Actions);
        all.read(&condense(moved.values().flatten().cloned().collect())).await?;
        // Many of them may be in one list.
        let mut known: HashMap<Pattern, bool> = HashMap::default();
        for (entry, read) in moved {
            for place in read {
                let is_seen = match known.get(&place) {
                    Some(&is_seen) => is_seen,
                    None => draft.has_as_much(&mut all, &place)?,
                };
                known.insert(place, is_seen);
                if !is_seen {
                    unseen.insert(entry.clone());
                }
            }
        }
        Ok(unseen)
    }

    /// Removes from the draft what the instances that run, and those that are deleted, had created, unless another
    /// instance owns it, and gives what they had changed its original value, except the position of what is `unseen`. Returns
    /// the deleted instances.
    pub(super) fn strip(
        &self,
        draft: &mut CommitDraft,
        snapshot: &OwnershipSnapshot,
        declared: &DeclaredPaths<'_>,
        planned: &[PlannedInstance],
        unseen: &HashSet<Pattern>,
    ) -> Result<Vec<InstanceRef>, Error> {
        let OwnershipSnapshot { owners, notified, .. } = snapshot;
        let run: HashSet<&InstanceRef> = planned.iter().map(|planned| &planned.instance).collect();
        let concerned: HashSet<&InstanceRef> = run.iter().copied().chain(notified).collect();
        let mut outside = OutsideOwners::new(owners, &concerned);
        for &instance in &concerned {
            for object in owners.created_by(instance) {
                if outside.own(object, draft.steps()).map_err(confine_view::Error::from)? {
                    continue;
                }
                declared.candidates(object, instance).iter().for_each(|place| draft.note_owned(place));
                if let Some(place) = declared.created_object(object, instance, draft) {
                    draft.strip(&place).map_err(confine_view::Error::from)?;
                }
            }
        }
        let may_write = &|instance: &InstanceRef, place: &Pattern| declared.declares_writing(instance, place);
        let deleted: HashSet<&InstanceRef> =
            notified.iter().filter(|instance| !run.contains(instance)).collect();
        let gone = deleted.iter().copied().cloned().collect();
        draft.restore_originals(owners, &ConcernedInstances { run, deleted, may_write, unseen })?;
        Ok(gone)
    }
}
