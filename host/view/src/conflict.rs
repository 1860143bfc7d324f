//! Refuses commits in which instances want different values of the same node.
//!
//! If one instance sets a leaf to another value than a second one, or removes what the second one creates, the
//! order of the runs would decide, and it may differ in the next commit. That is an error, unless the operator
//! lets the last module win.

use std::collections::{HashMap, HashSet};

use confine_tree::{NodeId, Pattern};

use crate::{
    CallRefusal, CommitDraft, InstanceRef, OwnerIndex, run_writes::RunWrites, written_values::conflict,
};

impl CommitDraft {
    /// Refuses a commit in which one instance contradicts another. `ran` are the instances that the commit ran.
    pub(crate) fn check_conflicts(
        &mut self,
        ran: &[InstanceRef],
        owners: &OwnerIndex,
    ) -> Result<(), CallRefusal> {
        if let Some(conflict) = self.written_values.take_conflict() {
            return Err(conflict);
        }
        let written = std::mem::take(&mut self.written);
        let check = ConflictCheck { draft: self, written: &written, ran: ran.iter().collect(), owners };
        let checked = check.run();
        self.written = written;
        checked
    }
}

struct ConflictCheck<'a> {
    draft: &'a mut CommitDraft,
    written: &'a [RunWrites],
    ran: HashSet<&'a InstanceRef>,
    owners: &'a OwnerIndex,
}

impl ConflictCheck<'_> {
    fn run(mut self) -> Result<(), CallRefusal> {
        let mut removals: HashMap<NodeId, Vec<usize>> = HashMap::new();
        for (index, run) in self.written.iter().enumerate() {
            run.removed.iter().for_each(|&node| removals.entry(node).or_default().push(index));
        }
        for (index, run) in self.written.iter().enumerate() {
            for &node in &run.nodes {
                if self.draft.overlay.place(node).is_none() {
                    self.check_gone(index, node, &removals)?;
                } else if self.draft.overlay.in_base(node) && self.draft.overlay.is_changed(node) {
                    self.check_owned(run, node, "sets")?;
                }
            }
            for &node in &run.removed {
                if self.draft.overlay.in_base(node) {
                    self.check_owned(run, node, "removes")?;
                }
            }
        }
        Ok(())
    }

    /// Checks a node that a run created and that is gone: only the same instance may have removed it.
    fn check_gone(
        &mut self,
        run: usize,
        node: NodeId,
        removals: &HashMap<NodeId, Vec<usize>>,
    ) -> Result<(), CallRefusal> {
        let Some(instance) = self.written.get(run).map(|run| &run.instance) else { return Ok(()) };
        let overlay = &mut self.draft.overlay;
        let above = overlay.lineage(node).into_iter().filter_map(|(above, _)| removals.get(&above));
        let later = above.flatten().filter(|&&index| index > run);
        let remover = later
            .filter_map(|&index| self.written.get(index))
            .find(|later| later.instance != *instance && !later.scope.last_wins());
        let Some(remover) = remover else { return Ok(()) };
        let place = overlay.pattern(node);
        let what = format!(
            "`{instance}` creates `{place}`, and `{}` removes it in the same commit",
            remover.instance
        );
        Err(conflict(&what, &place, &remover.scope))
    }

    /// Refuses a change of what an instance has created that this commit does not run.
    fn check_owned(&mut self, run: &RunWrites, node: NodeId, does: &str) -> Result<(), CallRefusal> {
        if run.scope.last_wins() {
            return Ok(());
        }
        let place = self.draft.overlay.pattern(node);
        let Some(owner) = self.owner(&place, &run.instance) else { return Ok(()) };
        let what = format!("`{}` {does} `{place}`, which `{owner}` has created", run.instance);
        Err(conflict(&what, &place, &run.scope))
    }

    /// Returns an instance that the commit does not run and that owns the node, or one above or below it.
    fn owner(&self, place: &Pattern, not: &InstanceRef) -> Option<&InstanceRef> {
        let is_other = |owner: &&InstanceRef| *owner != not && !self.ran.contains(owner);
        let mut path = String::new();
        for step in &place.steps {
            path.push_str(&Pattern { steps: vec![step.clone()] }.created().ok()?);
            if let Some(owner) = self.owners.owners_of(&path).find(is_other) {
                return Some(owner);
            }
        }
        self.owners.at_or_below(&path).map(|(_, owner)| owner).find(is_other)
    }
}
