//! The owner index: the `created` lists of all service instances.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use confine_tree::{CONTROLLER, NodeId, Pattern, PatternStep, QName, Tree};

use crate::{
    CreatedObject, InstanceRef, SharingServices,
    path_trie::{CONTROLLER_STEPS, PathFront, PathId, PathTrie},
};

/// An index of what all service instances have created.
///
/// Two objects are the same if their paths have the same namespaces. The controller's `created` lists have none, so an
/// object that was read from one may be any with the same names. An object takes about 150 bytes.
#[derive(Clone, Debug, Default)]
pub struct OwnerIndex {
    paths: PathTrie<ObjectOwners>,
    /// Ordered, so that the instances of a list are next to each other.
    by_instance: BTreeMap<InstanceRef, Box<[PathId]>>,
    /// See [`CreatedObject::ambiguous`].
    ambiguous: HashSet<PathId>,
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
                if let (Some(owner), 1) = (shared.all.first(), shared.all.len()) {
                    let holds = !shared.holders.is_empty();
                    *self = Self::One { owner: owner.clone(), holds };
                }
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
    path: PathId,
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
    pub fn owners(self) -> impl Iterator<Item = &'a InstanceRef> {
        let index = self.index;
        index.paths.same(self.path).into_iter().flat_map(|path| index.owners_at(path))
    }

    /// Returns the owners of it and of what is below it, and of objects that may be the same. An instance may occur
    /// several times.
    pub fn owners_at_or_below(self) -> impl Iterator<Item = &'a InstanceRef> {
        let index = self.index;
        let same = index.paths.same(self.path).into_iter();
        same.flat_map(|path| index.paths.at_or_below(path)).flat_map(|path| index.owners_at(path))
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
        let mut owners = Self::new();
        let services = tree.child(Tree::ROOT, QName::new(CONTROLLER, "services"));
        for entry in services.into_iter().flat_map(|services| tree.children(services)) {
            if let Some(instance) = instance(tree, entry, &keys) {
                owners.replace(&instance, created(tree, entry));
            }
        }
        owners
    }

    /// Replaces the objects of an instance.
    pub fn replace(&mut self, instance: &InstanceRef, created: impl IntoIterator<Item = CreatedObject>) {
        let before = self.by_instance.remove(instance).unwrap_or_default();
        let mut objects = Vec::new();
        for CreatedObject { path, place, shared, ambiguous } in created {
            let known = place.as_ref().and_then(|place| self.paths.insert(place));
            let object = known.unwrap_or_else(|| self.paths.insert_entry(&path));
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

    /// Removes an instance, and returns how many objects it had created.
    pub fn remove(&mut self, instance: &InstanceRef) -> usize {
        let objects = self.by_instance.remove(instance).unwrap_or_default();
        self.release(instance, &objects);
        self.tidy();
        objects.len()
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
        let mut ambiguous = HashSet::new();
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
    pub(crate) fn mark_shared(&self, all: &mut [(InstanceRef, Vec<CreatedObject>)]) {
        fn key(object: &CreatedObject) -> (&str, Option<&Pattern>) {
            (&object.path, object.place.as_ref())
        }
        let mut holders: HashMap<(&str, Option<&Pattern>), &InstanceRef> = HashMap::new();
        let run: HashSet<&InstanceRef> = all.iter().map(|(instance, _)| instance).collect();
        for (instance, created) in all.iter() {
            for object in created {
                let before = self.holder_of(object);
                let stays = before.filter(|&before| before == instance || !run.contains(before));
                match stays {
                    Some(holder) => drop(holders.insert(key(object), holder)),
                    None => drop(holders.entry(key(object)).or_insert(instance)),
                }
            }
        }
        let is_shared = |instance: &InstanceRef, object: &CreatedObject| {
            holders.get(&key(object)).is_some_and(|holder| *holder != instance)
        };
        let shared = |(instance, created): &(InstanceRef, Vec<CreatedObject>)| {
            created.iter().map(|object| is_shared(instance, object)).collect::<Vec<_>>()
        };
        let shared: Vec<Vec<bool>> = all.iter().map(shared).collect();
        for ((_, created), shared) in all.iter_mut().zip(shared) {
            for (object, shared) in created.iter_mut().zip(shared) {
                object.shared |= shared;
            }
        }
    }

    /// Returns the instances that have created something.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceRef> {
        self.by_instance.keys()
    }

    /// Returns the instances in a list that have created something. `list` is the path of the list with the values of none
    /// of its keys, or of the first ones.
    pub fn instances_of(&self, list: Pattern) -> impl Iterator<Item = &InstanceRef> {
        let list = InstanceRef::new(list);
        let from = self.by_instance.range(list.clone()..).map(|(instance, _)| instance);
        from.take_while(move |instance| instance.is_in(&list))
    }

    /// Returns whether an instance owns this node, or a node that may be the same.
    pub fn is_owned(&self, place: &Pattern) -> bool {
        self.is_owned_at(self.paths.find(place))
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

    /// Returns the owners of what is exactly there.
    pub(crate) fn owners_at_front(&self, front: PathFront) -> impl Iterator<Item = &InstanceRef> {
        front.paths().flat_map(|path| self.owners_at(path))
    }

    /// Returns the paths that are one step longer.
    pub(crate) fn paths_below(&self, path: PathId) -> impl Iterator<Item = PathId> + '_ {
        self.paths.children_of(path)
    }

    pub(crate) fn owners_at(&self, path: PathId) -> impl Iterator<Item = &InstanceRef> {
        self.paths.get(path).into_iter().flat_map(ObjectOwners::all)
    }
}

fn instance(
    tree: &Tree,
    entry: NodeId,
    keys: &impl Fn(QName<'_>) -> Option<Vec<Box<str>>>,
) -> Option<InstanceRef> {
    let name = tree.qname(entry);
    let mut step = PatternStep::new(name);
    let keys = match keys(name) {
        Some(keys) => keys,
        None => vec![tree.qname(tree.first_child(entry)?).local.into()],
    };
    for key in keys {
        let leaf = tree.child(entry, QName::new(name.namespace, &key))?;
        step.keys.push((key, Some(tree.value(leaf).unwrap_or_default().to_owned())));
    }
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    Some(InstanceRef::new(Pattern { steps: vec![services, step] }))
}

fn created(tree: &Tree, entry: NodeId) -> impl Iterator<Item = CreatedObject> {
    let created = tree.children(entry).filter(|&node| tree.qname(node).local == "created");
    let paths = created.flat_map(|created| tree.children(created));
    paths.filter_map(|path| tree.value(path).map(CreatedObject::parse))
}

#[cfg(test)]
mod tests {
    use confine_tree::xml;

    use super::*;

    const SERVICES: &str = r#"<services xmlns="http://clicon.org/controller">
        <service-timeout>300</service-timeout>
        <p2p xmlns="urn:p"><site>a</site><id>1</id><created>
            <path>/devices/device[name="r1"]/config/interfaces/interface[name="x"]</path>
            <path>/devices/device[name='r1']/config/system/config/login-banner</path>
        </created></p2p>
        <p2p xmlns="urn:p"><site>a</site><id>2</id><created>
            <path>/devices/device[name='r1']/config/interfaces/interface[name='x']</path>
            <path>/devices/device[name="r1"]/config/interfaces/interface[name="x"]/config/mtu</path>
            <path>/devices/device[name="r1"]/config/interfaces/interface[name="xy"]</path>
        </created></p2p>
        <bench xmlns="urn:b"><service-name>s1</service-name><mtu>1</mtu></bench>
    </services>"#;

    fn owners() -> OwnerIndex {
        let keys = |list: QName<'_>| (list.local == "p2p").then(|| vec!["site".into(), "id".into()]);
        OwnerIndex::from_services(&xml::parse(SERVICES).unwrap(), keys)
    }

    const X: &str = r#"/devices/device[name="r1"]/config/interfaces/interface[name="x"]"#;

    fn instance(id: &str) -> InstanceRef {
        let mut entry = PatternStep::new(QName::new("urn:p", "p2p"));
        entry.keys = [("site", "a"), ("id", id)].map(|(key, value)| (key.into(), Some(value.into()))).into();
        let services = PatternStep::new(QName::new(CONTROLLER, "services"));
        InstanceRef::new(Pattern { steps: vec![services, entry] })
    }

    /// Returns the object with this path of an instance.
    fn object<'a>(owners: &'a OwnerIndex, id: &str, path: &str) -> OwnedObject<'a> {
        owners.created_by(&instance(id)).find(|object| object.path() == path).unwrap()
    }

    fn names<'a>(instances: impl Iterator<Item = &'a InstanceRef>) -> Vec<String> {
        instances
            .map(|instance| instance.key().to_owned() + instance.path().steps[1].key("id").unwrap_or(""))
            .collect()
    }

    fn paths(owners: &OwnerIndex, id: &str) -> Vec<String> {
        owners.created_by(&instance(id)).map(OwnedObject::path).collect()
    }

    /// Returns the path of an interface of `r1`, in the namespace of a model.
    fn place(namespace: &str) -> Pattern {
        let step = |namespace: &str, local: &str, key: Option<&str>| {
            let mut step = PatternStep::new(QName::new(namespace, local));
            step.keys.extend(key.map(|key| ("name".into(), Some(key.to_owned()))));
            step
        };
        let steps = vec![
            step(CONTROLLER, "devices", None),
            step(CONTROLLER, "device", Some("r1")),
            step(CONTROLLER, "config", None),
            step(namespace, "interfaces", None),
            step(namespace, "interface", Some("x")),
        ];
        Pattern { steps }
    }

    fn known(namespace: &str) -> CreatedObject {
        CreatedObject { place: Some(place(namespace)), ..CreatedObject::parse(X) }
    }

    #[test]
    fn paths_are_kept_in_one_form() {
        let owners = owners();
        let mtu = format!("{X}/config/mtu");
        let banner = r#"/devices/device[name="r1"]/config/system/config/login-banner"#;
        assert_eq!(paths(&owners, "1"), [X, banner]);
        assert_eq!(paths(&owners, "2"), [X, &mtu, &X.replace("\"x\"", "\"xy\"")]);
        assert_eq!(names(object(&owners, "1", X).owners()), ["a1", "a2"]);
        assert_eq!(names(object(&owners, "2", &mtu).owners()), ["a2"]);
    }

    #[test]
    fn objects_below_have_it_as_an_ancestor() {
        let owners = owners();
        assert_eq!(names(object(&owners, "1", X).owners_at_or_below()), ["a1", "a2", "a2"]);
    }

    #[test]
    fn objects_of_two_models_with_one_path_are_two() {
        let mut owners = OwnerIndex::new();
        owners.replace(&instance("1"), [known("urn:a")]);
        owners.replace(&instance("2"), [known("urn:b")]);
        assert_eq!(names(object(&owners, "1", X).owners()), ["a1"]);
        assert_eq!(object(&owners, "1", X).place(), Some(place("urn:a")));
        assert_eq!(object(&owners, "2", X).place(), Some(place("urn:b")));
        assert!(owners.is_owned(&place("urn:a")) && !owners.is_owned(&place("urn:c")));
        // What is read of a list may be either.
        owners.replace(&instance("3"), [CreatedObject::parse(X)]);
        assert_eq!(names(object(&owners, "3", X).owners()), ["a3", "a1", "a2"]);
        assert_eq!(names(object(&owners, "1", X).owners()), ["a1", "a3"]);
        assert!(owners.is_owned(&place("urn:c")));
        assert_eq!(object(&owners, "3", X).place(), None);
    }

    /// Returns the `created` lists of two instances that run.
    fn shared(owners: &OwnerIndex, paths: [&[&str]; 2]) -> [Vec<String>; 2] {
        let created = |paths: &[&str]| {
            let object =
                |path: &&str| CreatedObject { place: Some(place("urn:i")), ..CreatedObject::parse(path) };
            paths.iter().map(object).collect::<Vec<_>>()
        };
        let mut all = [("1", paths[0]), ("2", paths[1])].map(|(id, paths)| (instance(id), created(paths)));
        owners.mark_shared(&mut all);
        all.map(|(_, created)| created.iter().map(CreatedObject::entry).collect())
    }

    #[test]
    fn controller_finds_each_object_in_one_list() {
        let (held, marked) = (X.to_owned(), format!("{X}[false()]"));
        // Both lists show it, as another daemon left them: the last one keeps it.
        assert_eq!(shared(&owners(), [&[X], &[X]]), [vec![marked.clone()], vec![held.clone()]]);
        // The first one showed it, and keeps it.
        let mut first = owners();
        first.replace(&instance("2"), [CreatedObject::parse(&marked)]);
        first.replace(&instance("1"), [CreatedObject::parse(X)]);
        assert_eq!(shared(&first, [&[X], &[X]]), [vec![held.clone()], vec![marked.clone()]]);
        // The first one no longer owns it: the other one shows it.
        assert_eq!(shared(&owners(), [&[], &[X]]), [vec![], vec![held.clone()]]);
        // The list that showed it keeps it, although it comes later.
        let services = SERVICES.replacen("[name=\"x\"]<", "[name=\"x\"][false()]<", 1);
        let later = OwnerIndex::from_services(&xml::parse(&services).unwrap(), |list| {
            (list.local == "p2p").then(|| vec!["site".into(), "id".into()])
        });
        assert_eq!(names(object(&later, "1", X).owners()).len(), 2, "both own it all the same");
        assert_eq!(shared(&later, [&[X], &[X]]), [vec![marked], vec![held]]);
        // The first one shows what is new.
        let new = OwnerIndex::new();
        assert_eq!(shared(&new, [&[X], &[X]]), [vec![X.to_owned()], vec![format!("{X}[false()]")]]);
    }

    #[test]
    fn object_of_another_daemon_is_held_twice_until_shared() {
        let mut owners = owners();
        let twice = |owners: &OwnerIndex| {
            owners.held_twice().map(|(path, holders)| (path, names(holders.iter()))).collect::<Vec<_>>()
        };
        assert_eq!(twice(&owners), [(X.to_owned(), vec!["a1".to_owned(), "a2".to_owned()])]);
        owners.replace(&instance("1"), [CreatedObject::parse(&format!("{X}[false()]"))]);
        assert_eq!(twice(&owners), []);
        assert_eq!(owners.holder_of(&known("urn:i")), Some(&instance("2")));
    }

    #[test]
    fn replaced_objects_lose_their_owner() {
        let mut owners = owners();
        owners.replace(&instance("1"), [known("urn:i")]);
        assert_eq!(names(object(&owners, "2", X).owners()), ["a2", "a1"]);
        assert_eq!(paths(&owners, "1"), [X]);
        assert_eq!(owners.remove(&instance("2")), 3);
        assert_eq!(names(object(&owners, "1", X).owners()), ["a1"]);
        assert_eq!(names(owners.instances()), ["a1"]);
        assert_eq!(owners.remove(&instance("1")), 1);
        assert!(!owners.is_owned(&place("urn:i")));
        assert_eq!(owners.paths.len(), 0, "nothing is kept of what nobody owns");
    }

    #[test]
    fn instances_of_a_list_are_found_by_their_first_keys() {
        let owners = owners();
        let first = instance("1");
        let [services, one] = &first.path().steps[..] else { panic!() };
        let list = |keys: usize| {
            let mut step = one.clone();
            step.keys.truncate(keys);
            names(owners.instances_of(Pattern { steps: vec![services.clone(), step] }))
        };
        assert_eq!(list(0), ["a1", "a2"]);
        assert_eq!(list(1), ["a1", "a2"]);
        assert_eq!(list(2), ["a1"]);
        let other = PatternStep::new(QName::new("urn:b", "ben"));
        let other = Pattern { steps: vec![services.clone(), other] };
        assert_eq!(names(owners.instances_of(other)), [""; 0]);
    }

    #[test]
    fn list_that_cannot_be_read_is_kept_as_it_is() {
        let mut owners = OwnerIndex::new();
        owners.replace(&instance("1"), ["]nonsense[", "", "/x"].map(CreatedObject::parse));
        assert_eq!(paths(&owners, "1"), ["]nonsense[", "", "/x"]);
        assert_eq!(owners.created_by(&instance("1")).filter_map(OwnedObject::place).count(), 0);
    }

    /// However often objects come and go, what is kept is bounded by those that are there.
    #[test]
    fn gone_objects_are_forgotten() {
        let mut owners = OwnerIndex::new();
        owners.replace(&instance("2"), [known("urn:a"), CreatedObject::parse(&format!("{X}/mtu[false()]"))]);
        for round in 0..10 {
            let new = (0..1000).map(|n| CreatedObject::parse(&format!("/devices/{round}-{n}")));
            owners.replace(&instance("1"), new);
        }
        assert!(owners.paths.kept() < 4500, "{}", owners.paths.kept());
        assert_eq!(paths(&owners, "1").len(), 1000);
        assert_eq!(paths(&owners, "2"), [X.to_owned(), format!("{X}/mtu")]);
        assert_eq!(object(&owners, "2", X).place(), Some(place("urn:a")));
        assert_eq!(owners.holder_of(&known("urn:a")), Some(&instance("2")));
    }
}
