//! Refuses commits in which instances want different values of the same node.
//!
//! If one instance sets a leaf to another value than a second one, or removes what the second one creates, the
//! order of the runs would decide, and it may differ in the next commit. That is an error, unless the operator
//! lets the last module win.

use confine_tree::{HashMap, HashSet, NodeId, NodeKind};

use crate::{
    CommitDraft, Error, InstanceRef, OwnerIndex,
    displaced::DisplacedNodes,
    originals::owner_name,
    path_trie::{PathFront, PathId},
    run_writes::RunWrites,
    written_values::conflict,
};

impl CommitDraft {
    /// Refuses a commit in which one instance contradicts another. `ran` are the instances that the commit ran.
    pub(crate) fn check_conflicts(&mut self, ran: &[InstanceRef], owners: &OwnerIndex) -> Result<(), Error> {
        if let Some(conflict) = self.written_values.take_conflict() {
            return Err(conflict.into());
        }
        let written = std::mem::take(&mut self.written);
        let check = ConflictCheck {
            draft: self,
            written: &written,
            ran: ran.iter().collect(),
            first_removers: HashMap::default(),
            written_by_removers: HashMap::default(),
            names: ran.iter().map(owner_name).collect(),
            owners,
            own: HashSet::default(),
            own_exactly: HashSet::default(),
        };
        let checked = check.run();
        self.written = written;
        checked
    }
}

/// Which runs removed a node. Those that may override others do not count.
struct Removers {
    /// The last one, and the last one for another instance.
    last: usize,
    other: Option<usize>,
    /// The first one for each instance, in order. Some instances may be there twice.
    firsts: Vec<usize>,
}

struct ConflictCheck<'a> {
    draft: &'a mut CommitDraft,
    written: &'a [RunWrites],
    ran: HashSet<&'a InstanceRef>,
    /// The first run that has removed what is at or above a node without making the node, by both. Many instances may put the
    /// same entries in the same order.
    first_removers: HashMap<(NodeId, NodeId), Option<usize>>,
    /// The nodes that the instances which have removed something have written.
    written_by_removers: HashMap<&'a InstanceRef, HashSet<NodeId>>,
    /// Their names as owners of originals.
    names: HashSet<String>,
    owners: &'a OwnerIndex,
    /// Paths of which nothing at or below them belongs to an instance that the commit does not run.
    own: HashSet<PathId>,
    /// The same, of what is exactly there.
    own_exactly: HashSet<PathId>,
}

impl ConflictCheck<'_> {
    fn run(mut self) -> Result<(), Error> {
        let removers = self.removers()?;
        self.find_remade(&removers)?;
        let mut displaced = DisplacedNodes::default();
        for (index, run) in self.written.iter().enumerate() {
            for &node in &run.nodes {
                self.draft.step()?;
                let is_gone = self.draft.overlay.place(node).is_none();
                if !removers.is_empty() {
                    self.check_removed(index, node, &removers, is_gone)?;
                }
                if is_gone {
                    continue;
                }
                if !self.draft.overlay.in_base(node) {
                    self.check_removed_by_others(run, node)?;
                } else if self.draft.overlay.is_changed(node) {
                    self.check_owned(run, node, "sets")?;
                }
            }
            for &node in &run.removed {
                self.draft.step()?;
                if self.draft.overlay.in_base(node) && !self.is_set_again(node) {
                    self.check_owned(run, node, "removes")?;
                }
            }
            for node in displaced.of(self.draft, run)? {
                self.check_owned(run, node, "sets another case than")?;
            }
        }
        Ok(())
    }

    fn instance(&self, run: usize) -> Option<&InstanceRef> {
        self.written.get(run).map(|run| &run.instance)
    }

    /// Returns whether a leaf that was removed has been set to what it was: its run has set another case of a choice meanwhile, say.
    fn is_set_again(&mut self, node: NodeId) -> bool {
        let overlay = &mut self.draft.overlay;
        let is_leaf = matches!(overlay.kind(node), NodeKind::Leaf | NodeKind::EmptyLeaf);
        is_leaf && overlay.place(node).is_some() && !overlay.is_changed(node)
    }

    /// Returns who removed each node.
    fn removers(&mut self) -> Result<HashMap<NodeId, Removers>, Error> {
        let mut removers: HashMap<NodeId, Removers> = HashMap::default();
        for (index, run) in self.written.iter().enumerate().filter(|(_, run)| !run.scope.last_wins()) {
            for &node in &run.removed {
                self.draft.step()?;
                let removed = removers.entry(node);
                let removed =
                    removed.or_insert_with(|| Removers { last: index, other: None, firsts: vec![index] });
                if self.instance(removed.last) != Some(&run.instance) {
                    removed.other = Some(removed.last);
                    removed.firsts.push(index);
                }
                removed.last = index;
            }
        }
        Ok(removers)
    }

    /// Checks a node that a run created: only the same instance may have removed it, before or, if it is gone, later.
    fn check_removed(
        &mut self,
        run: usize,
        node: NodeId,
        removers: &HashMap<NodeId, Removers>,
        is_gone: bool,
    ) -> Result<(), Error> {
        let Some(instance) = self.written.get(run).map(|run| &run.instance) else { return Ok(()) };
        let ancestors = self.draft.overlay.ancestors(node);
        self.draft.overlay.steps().steps(ancestors.len())?;
        let mut remover = None;
        for &above in &ancestors {
            let Some(removers) = removers.get(&above) else { continue };
            remover = if is_gone {
                let others = [Some(removers.last), removers.other].into_iter().flatten();
                others.filter(|&other| other > run).find(|&other| self.instance(other) != Some(instance))
            } else {
                self.first_remover((above, node), removers)?.filter(|&other| other < run)
            };
            if remover.is_some() {
                break;
            }
        }
        let remover = remover.and_then(|remover| self.written.get(remover));
        let Some(remover) = remover else { return Ok(()) };
        let place = self.draft.overlay.pattern(node);
        let removes = match ancestors.iter().any(|&above| !self.draft.overlay.choices(above).is_empty()) {
            true => "removes it, or sets another case of its choice,",
            false => "removes it",
        };
        let what = format!(
            "`{instance}` creates `{place}`, and `{}` {removes} in the same commit",
            remover.instance
        );
        Err(conflict(&what, &place, &remover.scope).into())
    }

    /// Returns the first run that has removed what is at or above a node without making the node.
    fn first_remover(
        &mut self,
        (above, node): (NodeId, NodeId),
        removers: &Removers,
    ) -> Result<Option<usize>, Error> {
        if let Some(&known) = self.first_removers.get(&(above, node)) {
            return Ok(known);
        }
        let mut found = None;
        // As many as have made the node are passed over, at most.
        for &run in &removers.firsts {
            self.draft.step()?;
            if self.instance(run).is_some_and(|instance| !self.makes(instance, node)) {
                found = Some(run);
                break;
            }
        }
        self.first_removers.insert((above, node), found);
        Ok(found)
    }

    /// Finds what the instances that have removed something have written, too.
    fn find_remade(&mut self, removers: &HashMap<NodeId, Removers>) -> Result<(), Error> {
        for removers in removers.values() {
            self.draft.overlay.steps().steps(removers.firsts.len())?;
            let instances = removers.firsts.iter().filter_map(|&run| Some(&self.written.get(run)?.instance));
            self.written_by_removers.extend(instances.map(|instance| (instance, HashSet::default())));
        }
        for run in self.written {
            if let Some(nodes) = self.written_by_removers.get_mut(&run.instance) {
                self.draft.overlay.steps().steps(run.nodes.len() + run.remade.len())?;
                nodes.extend(run.nodes.iter().chain(&run.remade));
            }
        }
        Ok(())
    }

    /// Returns whether an instance that has removed something makes a node, perhaps again.
    fn makes(&self, instance: &InstanceRef, node: NodeId) -> bool {
        self.written_by_removers.get(instance).is_some_and(|nodes| nodes.contains(&node))
    }

    /// Refuses what a run makes and an instance that this commit does not run has removed.
    fn check_removed_by_others(&mut self, run: &RunWrites, node: NodeId) -> Result<(), Error> {
        if run.scope.last_wins() {
            return Ok(());
        }
        let owner = self.draft.owner_of_original(node, self.owners, &self.names)?;
        let Some(owner) = owner else { return Ok(()) };
        let place = self.draft.overlay.pattern(node);
        let what = format!("`{}` creates `{place}`, which `{owner}` removes", run.instance);
        Err(conflict(&what, &place, &run.scope).into())
    }

    /// Refuses a change of what an instance has created that this commit does not run.
    fn check_owned(&mut self, run: &RunWrites, node: NodeId, does: &str) -> Result<(), Error> {
        if run.scope.last_wins() {
            return Ok(());
        }
        let place = self.draft.overlay.pattern(node);
        let what = match self.owner(node)? {
            Some(owner) => format!("`{}` {does} `{place}`, which `{owner}` has created", run.instance),
            None => match self.draft.owner_of_original(node, self.owners, &self.names)? {
                Some(owner) => {
                    format!("`{}` {does} `{place}`, which `{owner}` has set or removed", run.instance)
                }
                None => return Ok(()),
            },
        };
        Err(conflict(&what, &place, &run.scope).into())
    }

    /// Returns an instance that the commit does not run and that owns the node, or one above or below it.
    fn owner(&mut self, node: NodeId) -> Result<Option<InstanceRef>, Error> {
        let mut front = PathFront::ROOT;
        for node in self.draft.overlay.ancestors(node) {
            self.draft.step()?;
            front = self.draft.owners_front(self.owners, front, node);
            for path in front.paths() {
                if !self.own_exactly.insert(path) {
                    continue;
                }
                if let Some(owner) = self.owner_at(path)? {
                    return Ok(Some(owner));
                }
            }
        }
        for path in front.paths() {
            if let Some(owner) = self.owner_below(path)? {
                return Ok(Some(owner));
            }
        }
        Ok(None)
    }

    /// Returns an instance that the commit does not run and that owns the node at this path, or one below it. No path is
    /// visited twice, however many removed nodes it is below.
    fn owner_below(&mut self, path: PathId) -> Result<Option<InstanceRef>, Error> {
        let mut stack = vec![path];
        while let Some(path) = stack.pop() {
            self.draft.step()?;
            if !self.own.insert(path) {
                continue;
            }
            if let Some(owner) = self.owner_at(path)? {
                return Ok(Some(owner));
            }
            stack.extend(self.owners.paths_below(path));
        }
        Ok(None)
    }

    /// Returns an instance that the commit does not run and that owns what is exactly there.
    fn owner_at(&mut self, path: PathId) -> Result<Option<InstanceRef>, Error> {
        let owner = self.owners.owner_outside(path, &self.ran, self.draft.steps())?;
        Ok(owner.cloned())
    }
}
