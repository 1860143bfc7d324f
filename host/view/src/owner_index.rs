//! The owner index: the `created` lists of all service instances.

use std::collections::{BTreeMap, BTreeSet};

use confine_tree::{
    CONTROLLER, Error as TreeError, HashMap, HashSet, NodeId, Pattern, PatternStep, QName, StepCounter, Tree,
};

use crate::{
    CreatedObject, InstanceRef, ORIGINALS, OriginalChange, Originals, SharingServices,
    path_trie::{CONTROLLER_STEPS, PathFront, PathId, PathTrie, SamePaths},
};

/// An index of what all service instances have created.
///
/// Two objects are the same if their paths have the same namespaces. The controller's `created` lists have none, so an
/// object that was read from one may be any with the same names. An object takes less than 200 bytes.
#[derive(Clone, Debug, Default)]
pub struct OwnerIndex {
    paths: PathTrie<ObjectOwners>,
    /// Ordered, so that the instances of a list are next to each other.
    by_instance: BTreeMap<InstanceRef, Box<[PathId]>>,
    /// See [`CreatedObject::ambiguous`].
    ambiguous: HashSet<PathId>,
    originals: Originals,
}

/// The instances that own an object, and those of them whose lists show it to the controller. Of these there is one,
/// except in lists that this host has not written; then the last counts.
#[derive(Clone, Debug, Default)]
enum ObjectOwners {
    /// Nobody owns it.
    #[default]
    None,
    One {
        owner: InstanceRef,
        holds: bool,
    },
    Several(Box<SharedOwners>),
}

#[derive(Clone, Debug, Default)]
struct SharedOwners {
    all: BTreeSet<InstanceRef>,
    holders: BTreeSet<InstanceRef>,
}

impl ObjectOwners {
    fn insert(&mut self, instance: &InstanceRef, holds: bool) {
        let mut shared = match std::mem::take(self) {
            Self::None => {
                *self = Self::One { owner: instance.clone(), holds };
                return;
            }
            Self::One { owner, holds: held } => {
                let holders = held.then(|| owner.clone()).into_iter().collect();
                Box::new(SharedOwners { all: BTreeSet::from([owner]), holders })
            }
            Self::Several(shared) => shared,
        };
        shared.all.insert(instance.clone());
        if holds {
            shared.holders.insert(instance.clone());
        }
        *self = Self::Several(shared);
    }

    fn remove(&mut self, instance: &InstanceRef) {
        match self {
            Self::One { owner, .. } if owner == instance => *self = Self::None,
            Self::None | Self::One { .. } => {}
            Self::Several(shared) => {
                shared.all.remove(instance);
                shared.holders.remove(instance);
                *self = match (shared.all.first(), shared.all.len()) {
                    (None, _) => Self::None,
                    (Some(owner), 1) => Self::One { owner: owner.clone(), holds: !shared.holders.is_empty() },
                    _ => return,
                };
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &InstanceRef> {
        let (one, several) = match self {
            Self::None => (None, None),
            Self::One { owner, .. } => (Some(owner), None),
            Self::Several(shared) => (None, Some(&shared.all)),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    fn contains(&self, instance: &InstanceRef) -> bool {
        match self {
            Self::None => false,
            Self::One { owner, .. } => owner == instance,
            Self::Several(shared) => shared.all.contains(instance),
        }
    }

    fn holder(&self) -> Option<&InstanceRef> {
        match self {
            Self::One { owner, holds: true } => Some(owner),
            Self::Several(shared) => shared.holders.last(),
            Self::None | Self::One { .. } => None,
        }
    }
}

/// An object in an [`OwnerIndex`].
#[derive(Clone, Copy, Debug)]
pub struct OwnedObject<'a> {
    index: &'a OwnerIndex,
    pub(crate) path: PathId,
}

impl<'a> OwnedObject<'a> {
    /// Returns the path in the form of [`Pattern::created`].
    pub fn path(self) -> String {
        self.index.paths.text(self.path)
    }

    /// Returns the path with its namespaces, if they are known. None for a path that is not on a device.
    pub fn place(self) -> Option<Pattern> {
        self.index.paths.pattern(self.path).filter(|place| place.steps.len() > CONTROLLER_STEPS)
    }

    /// Returns whether its `created` entry names the namespaces. Whoever may write the list may have written them.
    pub fn is_ambiguous(self) -> bool {
        self.index.ambiguous.contains(&self.path)
    }

    /// Returns the instances that own it, or an object that may be the same.
    #[cfg(test)]
    pub(crate) fn owners(self) -> impl Iterator<Item = &'a InstanceRef> {
        let index = self.index;
        let same = index.paths.same(self.path, &mut StepCounter::default()).unwrap();
        same.paths.into_iter().flat_map(|path| index.owners_at(path))
    }
}

impl OwnerIndex {
    /// Creates an empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds the index from a tree with `/services`. `keys` returns the keys of a service list, if they are known;
    /// otherwise the first leaf of an instance is taken as its key (RFC 7950, section 7.8.5).
    pub fn from_services(tree: &Tree, keys: impl Fn(QName<'_>) -> Option<Vec<Box<str>>>) -> Self {
        let mut owners = Self { originals: Originals::read(tree), ..Self::default() };
        let services = tree.child(Tree::ROOT, QName::new(CONTROLLER, "services"));
        let entries = services.into_iter().flat_map(|services| tree.children(services));
        let services = PatternStep::new(QName::new(CONTROLLER, "services"));
        // Instances of one list share its name.
        let mut list = PatternStep::default();
        for entry in entries.filter(|&entry| tree.qname(entry).namespace != ORIGINALS) {
            if list.name() != tree.qname(entry) {
                list = PatternStep::new(tree.qname(entry));
            }
            if let Some(step) = entry_step(tree, entry, list.clone(), &keys) {
                let instance = InstanceRef::new(Pattern { steps: vec![services.clone(), step] });
                owners.replace(&instance, created(tree, entry));
            }
        }
        owners
    }

    /// Returns what stood before instances changed it.
    pub fn originals(&self) -> &Originals {
        &self.originals
    }

    /// Applies what a commit has changed of the originals.
    pub fn change_originals(&mut self, changes: impl IntoIterator<Item = OriginalChange>) {
        changes.into_iter().for_each(|(path, original)| self.originals.replace(path, original));
    }

    /// Replaces the objects of an instance.
    pub fn replace(&mut self, instance: &InstanceRef, created: impl IntoIterator<Item = CreatedObject>) {
        let before = self.by_instance.remove(instance).unwrap_or_default();
        let (mut objects, mut seen) = (Vec::new(), HashSet::default());
        for CreatedObject { path, place, shared, ambiguous } in created {
            let known = place.as_ref().and_then(|place| self.paths.insert(place));
            let object = known.unwrap_or_else(|| self.paths.insert_entry(&path));
            // A list may name an object several times, in several forms.
            if !seen.insert(object) {
                self.paths.release(object);
                continue;
            }
            if ambiguous {
                self.ambiguous.insert(object);
            }
            objects.push((object, !shared));
        }
        // The old objects are released after the new ones are kept: most of them are the same.
        self.release(instance, &before);
        for &(object, holds) in &objects {
            if let Some(owners) = self.paths.get_mut(object) {
                // Another instance may still be a holder: its list may be replaced after this one.
                owners.insert(instance, holds);
            }
        }
        if !objects.is_empty() {
            let objects = objects.into_iter().map(|(object, _)| object).collect();
            self.by_instance.insert(instance.clone(), objects);
        }
        self.tidy();
    }

    fn release(&mut self, instance: &InstanceRef, objects: &[PathId]) {
        for &object in objects {
            if let Some(owners) = self.paths.get_mut(object) {
                owners.remove(instance);
            }
            if self.paths.release(object) {
                self.ambiguous.remove(&object);
            }
        }
    }

    /// Builds the index anew if it keeps more of what is gone than of what is there.
    fn tidy(&mut self) {
        if !self.paths.is_wasteful() {
            return;
        }
        let mut paths = PathTrie::<ObjectOwners>::default();
        let mut ambiguous = HashSet::default();
        for (instance, objects) in &mut self.by_instance {
            for object in objects {
                let holds = self.paths.get(*object).is_some_and(|owners| match owners {
                    ObjectOwners::None => false,
                    ObjectOwners::One { holds, .. } => *holds,
                    ObjectOwners::Several(shared) => shared.holders.contains(instance),
                });
                let was_ambiguous = self.ambiguous.contains(object);
                *object = paths.insert_from(&self.paths, *object);
                if was_ambiguous {
                    ambiguous.insert(*object);
                }
                if let Some(owners) = paths.get_mut(*object) {
                    owners.insert(instance, holds);
                }
            }
        }
        (self.paths, self.ambiguous) = (paths, ambiguous);
    }

    /// Returns what an instance has created, in the order of its list.
    pub fn created_by(&self, instance: &InstanceRef) -> impl Iterator<Item = OwnedObject<'_>> {
        let objects = self.by_instance.get(instance).map_or(&[][..], |objects| objects);
        objects.iter().map(|&path| OwnedObject { index: self, path })
    }

    /// Returns the owner whose list shows an object to the controller.
    fn holder_of(&self, object: &CreatedObject) -> Option<&InstanceRef> {
        let place = object.place.as_ref()?;
        self.paths.find(place).paths().find_map(|path| self.paths.get(path)?.holder())
    }

    /// Returns whether an instance owns a node that differs from this one in its namespaces only.
    pub(crate) fn has_namesake(&self, place: &Pattern, steps: &mut StepCounter) -> Result<bool, TreeError> {
        let own: Vec<PathId> = self.paths.find(place).paths().collect();
        let mut namesakes =
            self.paths.with_names_of(place, steps)?.into_iter().filter(|path| !own.contains(path));
        Ok(namesakes.any(|path| self.owners_at(path).next().is_some()))
    }

    /// Returns the objects that several lists show to the controller, with their instances. The controller crashes
    /// if these are in one commit.
    pub fn held_twice(&self) -> impl Iterator<Item = (String, &BTreeSet<InstanceRef>)> {
        self.paths.all().filter_map(|path| match self.paths.get(path)? {
            ObjectOwners::Several(shared) if shared.holders.len() > 1 => {
                Some((self.paths.text(path), &shared.holders))
            }
            _ => None,
        })
    }

    /// Returns the objects that instances of two services own together though the services do not share: each with two of
    /// its owners.
    pub fn shared_against<'a>(
        &'a self,
        sharing: &'a SharingServices,
    ) -> impl Iterator<Item = (String, &'a InstanceRef, &'a InstanceRef)> {
        self.paths.all().filter_map(move |path| {
            let mut owners = self.owners_at(path);
            let first = owners.next()?;
            let other = owners.find(|other| !sharing.allows(first, other))?;
            Some((self.paths.text(path), first, other))
        })
    }

    /// Marks objects as shared so that at most one list shows each to the controller: the list that did, if its
    /// instance is still an owner, else the first of these.
    ///
    /// # Errors
    /// [`Error::Stopped`](confine_tree::Error::Stopped).
    pub(crate) fn mark_shared(
        &self,
        all: &mut [(InstanceRef, Vec<CreatedObject>)],
        steps: &mut StepCounter,
    ) -> Result<(), TreeError> {
        let namesakes = mark_namesakes(all, steps)?;
        // The same objects have the same number. Their paths are compared once.
        let mut numbers: HashMap<(&str, Option<&Pattern>), usize> = HashMap::default();
        let mut holders: Vec<Option<&InstanceRef>> = Vec::new();
        let run: HashSet<&InstanceRef> = all.iter().map(|(instance, _)| instance).collect();
        let objects = all.iter().flat_map(|(instance, created)| created.iter().map(move |of| (instance, of)));
        let mut numbered: Vec<(&InstanceRef, usize)> = Vec::new();
        for (instance, object) in objects {
            steps.step()?;
            let next = numbers.len();
            // Most are the only one of their path.
            let place = object.place.as_ref().filter(|_| namesakes.contains(&object.path));
            let number = *numbers.entry((&object.path, place)).or_insert(next);
            if number == next {
                holders.push(None);
            }
            numbered.push((instance, number));
            let before = self.holder_of(object);
            let stays = before.filter(|&before| before == instance || !run.contains(before));
            if let Some(holder) = holders.get_mut(number) {
                *holder = stays.or(*holder).or(Some(instance));
            }
        }
        let holder = |number: usize| holders.get(number).copied().flatten();
        let is_shared = |(instance, number)| holder(number).is_some_and(|holder| holder != instance);
        let shared: Vec<bool> = numbered.into_iter().map(is_shared).collect();
        let objects = all.iter_mut().flat_map(|(_, created)| created);
        objects.zip(shared).for_each(|(object, shared)| object.shared |= shared);
        Ok(())
    }

    /// Returns the instances that have created something.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceRef> {
        self.by_instance.keys()
    }

    /// Returns the instances in a list that have created something. `list` is the path of the list with the values of none
    /// of its keys, or of the first ones.
    pub fn instances_of(&self, list: Pattern) -> impl Iterator<Item = &InstanceRef> {
        let from = self.by_instance.range(InstanceRef::new(list.clone())..).map(|(instance, _)| instance);
        from.take_while(move |instance| list.covers(instance.path()))
    }

    /// Returns whether an instance owns this node, or a node that may be the same.
    pub fn is_owned(&self, place: &Pattern) -> bool {
        self.is_owned_at(self.paths.find(place))
    }

    /// Returns whether an instance owns this node, or one above it.
    pub(crate) fn is_owned_at_or_above(&self, place: &Pattern) -> bool {
        let mut front = PathFront::ROOT;
        place.steps.iter().any(|step| {
            front = self.step(front, step);
            self.is_owned_at(front)
        })
    }

    /// Returns whether an instance owns a node that differs from this one in its namespaces at most, or one above it.
    pub(crate) fn owns_names_of(&self, place: &Pattern, steps: &mut StepCounter) -> Result<bool, TreeError> {
        let found = self.paths.prefixes_with_names_of(place, steps)?;
        Ok(found.into_iter().any(|path| self.owners_at(path).next().is_some()))
    }

    pub(crate) fn is_owned_at(&self, front: PathFront) -> bool {
        front.paths().any(|path| !matches!(self.paths.get(path), None | Some(ObjectOwners::None)))
    }

    /// Returns whether an instance owns what is there.
    pub(crate) fn owns(&self, instance: &InstanceRef, front: PathFront) -> bool {
        front.paths().any(|path| self.paths.get(path).is_some_and(|owners| owners.contains(instance)))
    }

    /// Goes one step down a path.
    pub(crate) fn step(&self, front: PathFront, step: &PatternStep) -> PathFront {
        self.paths.step(front, step)
    }

    /// Returns the paths that may name the same node as this one, and those above them.
    pub(crate) fn same(&self, path: PathId, steps: &mut StepCounter) -> Result<SamePaths, TreeError> {
        self.paths.same(path, steps)
    }

    /// Returns the paths that differ from this one in their namespaces only, and those above them.
    pub(crate) fn same_names(&self, path: PathId, steps: &mut StepCounter) -> Result<SamePaths, TreeError> {
        self.paths.same_names(path, steps)
    }

    /// Returns the paths that are one step longer and whose last step has one of these local names.
    pub(crate) fn children_named(
        &self,
        parent: PathId,
        names: &[Box<str>],
        steps: &mut StepCounter,
    ) -> Result<Vec<PathId>, TreeError> {
        let mut named = Vec::new();
        for path in self.paths.children_of(parent) {
            steps.step()?;
            if names.iter().any(|name| **name == *self.paths.local_name(path)) {
                named.push(path);
            }
        }
        Ok(named)
    }

    /// Returns the number of steps.
    pub(crate) fn depth(&self, path: PathId) -> usize {
        self.paths.depth(path)
    }

    /// Returns the paths that are one step longer.
    pub(crate) fn paths_below(&self, path: PathId) -> impl Iterator<Item = PathId> + '_ {
        self.paths.children_of(path)
    }

    /// Returns an instance outside of the set that owns what is exactly there.
    pub(crate) fn owner_outside(
        &self,
        path: PathId,
        set: &HashSet<&InstanceRef>,
        steps: &mut StepCounter,
    ) -> Result<Option<&InstanceRef>, TreeError> {
        for owner in self.owners_at(path) {
            steps.step()?;
            if !set.contains(owner) {
                return Ok(Some(owner));
            }
        }
        Ok(None)
    }

    pub(crate) fn owners_at(&self, path: PathId) -> impl Iterator<Item = &InstanceRef> {
        self.paths.get(path).into_iter().flat_map(ObjectOwners::all)
    }
}

/// Returns the last step to an instance: that of its list, with its keys.
fn entry_step(
    tree: &Tree,
    entry: NodeId,
    mut step: PatternStep,
    keys: &impl Fn(QName<'_>) -> Option<Vec<Box<str>>>,
) -> Option<PatternStep> {
    let name = tree.qname(entry);
    let keys = match keys(name) {
        Some(keys) => keys,
        None => vec![tree.qname(tree.first_child(entry)?).local.into()],
    };
    for key in keys {
        let leaf = tree.child(entry, QName::new(name.namespace, &key))?;
        step.keys.push((key, Some(tree.value(leaf).unwrap_or_default().to_owned())));
    }
    Some(step)
}

/// Marks the objects whose paths differ in their namespaces only. Returns their paths without namespaces.
fn mark_namesakes(
    all: &mut [(InstanceRef, Vec<CreatedObject>)],
    steps: &mut StepCounter,
) -> Result<HashSet<String>, TreeError> {
    let mut places: HashMap<&str, Option<&Pattern>> = HashMap::default();
    let mut namesakes: HashSet<String> = HashSet::default();
    for object in all.iter().flat_map(|(_, created)| created) {
        steps.step()?;
        let place = object.place.as_ref();
        if *places.entry(&object.path).or_insert(place) != place {
            namesakes.insert(object.path.clone());
        }
    }
    if namesakes.is_empty() {
        return Ok(namesakes);
    }
    for object in all.iter_mut().flat_map(|(_, created)| created) {
        if namesakes.contains(&object.path) {
            (object.shared, object.ambiguous) = (true, true);
        }
    }
    Ok(namesakes)
}

fn created(tree: &Tree, entry: NodeId) -> impl Iterator<Item = CreatedObject> {
    let created = tree.children(entry).filter(|&node| tree.qname(node).local == "created");
    let paths = created.flat_map(|created| tree.children(created));
    paths.filter_map(|path| tree.value(path).map(CreatedObject::parse))
}

#[cfg(test)]
pub(crate) mod tests;
