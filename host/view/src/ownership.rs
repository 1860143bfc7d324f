//! Decides which of the nodes that a run wrote its instance owns.

use std::sync::Arc;

use confine_tree::{HashMap, HashSet, NodeId, NodeKind, NodePaths, Pattern, SchemaLocation};

use crate::{
    CONTROLLER_STEPS, CallRefusal, CommitDraft, CreatedObject, Error, ErrorTag, InstanceRef, OwnerIndex,
    path_trie::PathFront, patterns::first_key, sharing::SharingCheck,
};

/// The most nodes of which it is looked up whether they have the path of an object without its namespaces. If there may be
/// more, one of them counts as being there.
const MOST_NAMESAKES: usize = 16;

/// What ownership depends on for one node.
#[derive(Clone, Copy)]
struct Ownership {
    /// Whether the node is in base.
    in_base: bool,
    /// The first list entry or presence container on the path that is not in base.
    entry: Option<NodeId>,
    /// Where the node is in the owner index.
    front: PathFront,
    /// Where the nearest node above is that an instance owns.
    owned_above: Option<PathFront>,
    /// Whether another node may have the same path without namespaces.
    ambiguous: bool,
}

/// What is known while the owned objects of a commit are found.
#[derive(Default)]
struct OwnershipSearch {
    ownerships: HashMap<NodeId, Ownership>,
    /// The owned object of each node that was written. Many instances may write one node.
    objects: HashMap<NodeId, Option<NodeId>>,
    namesakes: KnownNamesakes,
    /// The controller compares texts.
    paths: NodePaths,
}

/// The other namespaces in which nodes there may have namesakes. All children of a node are looked at for each location, once.
type KnownNamesakes = HashMap<SchemaLocation, Arc<[Box<str>]>>;

impl CommitDraft {
    /// Returns what each of these instances owns of what it wrote. For every node that is the first list entry or presence
    /// container on its path that is not in base, else the leaf or leaf-list entry if it is not in base. Of what was removed
    /// again, it owns the entries that were made for it and are left.
    ///
    /// *Base* is what was read, without what any instance has created, these included, and those that are gone. So two
    /// instances that create the same object own it both. A plain container, a key and what is in base are never owned.
    pub(crate) fn created_objects(
        &mut self,
        instances: &[InstanceRef],
        owners: &OwnerIndex,
    ) -> Result<Vec<(InstanceRef, Vec<CreatedObject>)>, Error> {
        let mut search = OwnershipSearch { paths: NodePaths::stored(), ..OwnershipSearch::default() };
        let mut by_instance: HashMap<&InstanceRef, Vec<NodeId>> = HashMap::default();
        // The operator lets their modules override what others set.
        let mut overriding: HashSet<&InstanceRef> = HashSet::default();
        let written = std::mem::take(&mut self.written);
        for run in &written {
            by_instance.entry(&run.instance).or_default().extend(&run.nodes);
            if run.scope.last_wins() {
                overriding.insert(&run.instance);
            }
        }
        let mut all = Vec::with_capacity(instances.len());
        let mut sharing = SharingCheck::new(instances);
        for instance in instances {
            let mut seen = HashSet::default();
            let mut created = Vec::new();
            for &node in by_instance.get(instance).into_iter().flatten() {
                self.overlay.steps().step()?;
                let object = match search.objects.get(&node) {
                    Some(&object) => object,
                    None => {
                        let object = self.owned_object(node, owners, &mut search)?;
                        search.objects.insert(node, object);
                        if object.is_none() {
                            self.unowned.insert(node);
                        }
                        object
                    }
                };
                if let Some(object) = object.filter(|&object| seen.insert(object)) {
                    let Some(known) = search.ownerships.get(&object) else { continue };
                    let written = (object, known.ambiguous);
                    let place = search.paths.pattern(&mut self.overlay, object);
                    let created_object =
                        self.created_object(instance, written, place, owners, &mut search.namesakes)?;
                    if !overriding.contains(instance) {
                        let fronts = (known.front, known.owned_above);
                        sharing.check(self, owners, instance, (object, fronts), &created_object)?;
                    }
                    created.push(created_object);
                }
            }
            all.push((instance.clone(), created));
        }
        self.written = written;
        owners.mark_shared(&mut all, self.steps())?;
        Ok(all)
    }

    /// `place`: the path of the node, with the texts of the datastore; `ambiguous`: whether the models have nodes of the same path without namespaces.
    fn created_object(
        &mut self,
        instance: &InstanceRef,
        (node, ambiguous): (NodeId, bool),
        place: Pattern,
        owners: &OwnerIndex,
        known: &mut KnownNamesakes,
    ) -> Result<CreatedObject, Error> {
        self.overlay.steps().steps(place.steps.len())?;
        let path = place.created().map_err(|error| {
            CallRefusal::new(ErrorTag::InvalidValue, format!("instance `{instance}`: {error}"))
                .at(place.to_string())
        })?;
        // Most are the only one of their path, and the controller may know of them.
        let ambiguous = ambiguous
            && (self.hides_created
                || owners.has_namesake(&place, self.overlay.steps())?
                || self.has_namesake(node, &place, known)?);
        let shared = self.hides_created || ambiguous || self.overlay.may_have_default(node);
        Ok(CreatedObject { path, place: Some(place), shared, ambiguous })
    }

    /// Returns whether one of the nodes of the same path without namespaces is there.
    fn has_namesake(
        &mut self,
        node: NodeId,
        place: &Pattern,
        known: &mut KnownNamesakes,
    ) -> Result<bool, Error> {
        let namesakes = self.namesakes(node, place, known)?;
        if namesakes.len() == MOST_NAMESAKES {
            return Ok(true);
        }
        for namesake in namesakes {
            if !self.overlay.find(&namesake).is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the paths that differ from a node's in their namespaces only: from one of its steps on, another model's.
    fn namesakes(
        &mut self,
        node: NodeId,
        place: &Pattern,
        known: &mut KnownNamesakes,
    ) -> Result<Vec<Pattern>, Error> {
        let mut namesakes = Vec::new();
        let nodes = self.overlay.ancestors(node);
        for (depth, node) in nodes.into_iter().enumerate().skip(CONTROLLER_STEPS) {
            for namespace in self.other_namespaces(node, known).iter() {
                self.overlay.steps().steps(place.steps.len())?;
                let mut namesake = place.clone();
                let own = place.steps.get(depth).map(|step| &step.namespace);
                let from = namesake.steps.iter_mut().skip(depth);
                from.filter(|step| Some(&step.namespace) == own).for_each(|step| {
                    step.namespace = (**namespace).into();
                });
                namesakes.push(namesake);
                if namesakes.len() == MOST_NAMESAKES {
                    return Ok(namesakes);
                }
            }
        }
        Ok(namesakes)
    }

    /// Returns what to read to know whether what the runs created is the only node of its path without namespaces.
    pub(crate) fn namesakes_to_read(&mut self, paths: &mut NodePaths) -> Result<Vec<Pattern>, Error> {
        let mut wanted = Vec::new();
        let (mut seen, mut known) = (HashSet::default(), KnownNamesakes::default());
        // Parents that are, or are in, an object that was seen: most nodes have siblings that were written too.
        let mut covered = HashSet::default();
        let written = std::mem::take(&mut self.written);
        for &node in written.iter().flat_map(|run| &run.nodes) {
            self.overlay.steps().step()?;
            let parent = self.overlay.parent(node);
            if parent.is_some_and(|parent| covered.contains(&parent)) {
                continue;
            }
            let nodes = self.overlay.ancestors(node);
            // The object that the instance will own, or one below it.
            let is_new = |&node: &NodeId| !self.overlay.in_base(node) && self.is_owned_whole(node);
            let object = nodes.iter().copied().skip(CONTROLLER_STEPS).find(is_new).unwrap_or(node);
            covered.extend(parent.filter(|_| object != node));
            if !seen.insert(object) {
                continue;
            }
            let place = paths.pattern(&mut self.overlay, object);
            for namesake in self.namesakes(object, &place, &mut known)? {
                // An entry is found by its first key.
                wanted.push(first_key(&namesake).unwrap_or(namesake));
            }
        }
        self.written = written;
        Ok(wanted)
    }

    /// Returns the object that is owned because this node was written.
    fn owned_object(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
        search: &mut OwnershipSearch,
    ) -> Result<Option<NodeId>, Error> {
        let Some(live) = self.overlay.place(node) else {
            // A later run has removed it.
            let Some(left) = self.entry_left_of(node) else { return Ok(None) };
            return Ok(self.ownership(left, owners, search)?.entry);
        };
        let ownership = self.ownership(node, owners, search)?;
        if ownership.entry.is_some() {
            return Ok(ownership.entry);
        }
        let lone = match self.overlay.kind(node) {
            NodeKind::Leaf | NodeKind::EmptyLeaf | NodeKind::LeafList | NodeKind::AnyData => true,
            NodeKind::Container | NodeKind::PresenceContainer | NodeKind::List { .. } => false,
            // Either a leaf, or a container that was created and is still empty.
            NodeKind::Unknown { .. } => {
                let gone = self.overlay.places(live).take_while(Option::is_none).count();
                let is_empty = self.overlay.places(live).nth(gone).is_none();
                self.overlay.steps().steps(gone)?;
                is_empty
            }
        };
        Ok((lone && !ownership.in_base && !self.overlay.is_key(node)).then_some(node))
    }

    /// Returns whether a node that an instance has made is owned with everything below it: a list entry or a presence container.
    fn is_owned_whole(&mut self, node: NodeId) -> bool {
        self.overlay.is_keyed_entry(node) || self.overlay.kind(node) == NodeKind::PresenceContainer
    }

    /// Returns the nearest list entry above a node that exists now. Nothing is left of a presence container that was made for a
    /// node which is gone.
    pub(crate) fn entry_left_of(&mut self, node: NodeId) -> Option<NodeId> {
        let mut above = self.overlay.ancestors(node);
        above.pop();
        above.retain(|&above| self.overlay.is_keyed_entry(above));
        above.into_iter().rev().find(|&above| self.overlay.place(above).is_some())
    }

    /// Returns what ownership depends on for a node, from what is known of the nearest node above.
    fn ownership(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
        search: &mut OwnershipSearch,
    ) -> Result<Ownership, Error> {
        let mut ownership = Ownership {
            in_base: true,
            entry: None,
            front: PathFront::ROOT,
            owned_above: None,
            ambiguous: false,
        };
        let mut unknown = Vec::new();
        for node in std::iter::successors(Some(node), |&node| self.overlay.parent(node)) {
            if let Some(&known) = search.ownerships.get(&node) {
                ownership = known;
                break;
            }
            unknown.push(node);
        }
        self.overlay.steps().steps(unknown.len())?;
        if ownership.entry.is_some() {
            // It is what is owned, whatever is below.
            return Ok(ownership);
        }
        for node in unknown.into_iter().rev() {
            let depth = ownership.front.depth();
            let front = self.owners_front(owners, ownership.front, node);
            let in_base = ownership.in_base
                && self.stood(node)
                && !owners.is_owned_at(front)
                && !self.is_orphaned(node);
            // What holds the configuration of a device is the controller's.
            let whole = depth >= CONTROLLER_STEPS && self.is_owned_whole(node);
            let entry = ownership.entry.or((whole && !in_base).then_some(node));
            let ambiguous =
                ownership.ambiguous || !self.other_namespaces(node, &mut search.namesakes).is_empty();
            let above = ownership.front;
            let owned_above = owners.is_owned_at(above).then_some(above).or(ownership.owned_above);
            ownership = Ownership { in_base, entry, front, owned_above, ambiguous };
            search.ownerships.insert(node, ownership);
        }
        Ok(ownership)
    }

    /// Goes one step down the paths of owned objects, to a node: by the text that the datastore has of its keys, or by an
    /// equal one that it had when the object was recorded.
    pub(crate) fn owners_front(&mut self, owners: &OwnerIndex, above: PathFront, node: NodeId) -> PathFront {
        let stored = self.overlay.stored_step(node);
        let front = owners.step(above, &stored);
        if front.paths().next().is_some() {
            return front;
        }
        let normal = self.overlay.step_of_stored(node, stored.clone());
        if normal == stored { front } else { owners.step(above, &normal) }
    }

    /// Returns whether a node is an orphan, or in one.
    fn is_orphaned(&mut self, node: NodeId) -> bool {
        if self.orphans.is_none() {
            return false;
        }
        let place = self.overlay.pattern(node);
        self.orphans.as_ref().is_some_and(|orphans| orphans.covers(&place))
    }

    fn other_namespaces(&mut self, node: NodeId, known: &mut KnownNamesakes) -> Arc<[Box<str>]> {
        let location = self.overlay.schema_location(node);
        known.entry(location).or_insert_with(|| self.overlay.namesakes(node).into()).clone()
    }
}
