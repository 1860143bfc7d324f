//! The owner index: the `created` lists of all service instances.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use confine_tree::{CONTROLLER, NodeId, Path, Pattern, PatternStep, Predicate, QName, Tree};

use crate::InstanceRef;

/// The end of the path of a shared object: a predicate that no node satisfies (XPath 1.0, section 4.3).
const SHARED: &str = "[false()]";

/// An object that an instance created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedObject {
    /// The path in the form of [`Pattern::created`].
    pub path: String,
    /// The path with namespaces, which the form of `created` lists lacks. None if they are not known.
    pub place: Option<Pattern>,
    /// Whether this list must hide the object from the controller, which finds it in another instance's list or
    /// in none. The controller removes what the instances of a commit had created, and crashes if two of them
    /// name the same object (seen with 1.8.0).
    pub shared: bool,
}

impl CreatedObject {
    /// Parses an entry of a `created` list.
    pub(crate) fn parse(entry: &str) -> Self {
        let (path, shared) = entry.strip_suffix(SHARED).map_or((entry, false), |path| (path, true));
        Self { path: normalized(path), place: None, shared }
    }

    /// Returns the entry of the instance's `created` list. The controller's XPath finds nothing with the entry of
    /// a shared object.
    pub fn entry(&self) -> String {
        let ending = if self.shared { SHARED } else { "" };
        format!("{}{ending}", self.path)
    }
}

/// An index of what all service instances have created.
#[derive(Clone, Debug, Default)]
pub struct OwnerIndex {
    by_path: BTreeMap<String, OwnedObject>,
    by_instance: HashMap<InstanceRef, Vec<String>>,
    /// See [`hide_from_controller`](Self::hide_from_controller).
    hidden_from_controller: bool,
}

#[derive(Clone, Debug, Default)]
struct OwnedObject {
    owners: BTreeSet<InstanceRef>,
    /// The instances whose lists show it to the controller. There is one, except in lists that this host has not
    /// written; then the last counts.
    holders: Vec<InstanceRef>,
    place: Option<Pattern>,
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
        self.remove(instance);
        let mut paths = Vec::new();
        for CreatedObject { path, place, shared } in created {
            let path = normalized(&path);
            let owned = self.by_path.entry(path.clone()).or_default();
            owned.owners.insert(instance.clone());
            if !shared {
                // Another instance may still be a holder: its list may be replaced after this one.
                owned.holders.push(instance.clone());
            }
            owned.place = place.or(owned.place.take());
            paths.push(path);
        }
        if !paths.is_empty() {
            self.by_instance.insert(instance.clone(), paths);
        }
    }

    /// Removes an instance, and returns what it had created.
    pub fn remove(&mut self, instance: &InstanceRef) -> Vec<String> {
        let paths = self.by_instance.remove(instance).unwrap_or_default();
        for path in &paths {
            if let Some(owned) = self.by_path.get_mut(path) {
                owned.owners.remove(instance);
                owned.holders.retain(|holder| holder != instance);
                if owned.owners.is_empty() {
                    self.by_path.remove(path);
                }
            }
        }
        paths
    }

    /// Returns what an instance has created, in the order of its list.
    pub fn created_by(&self, instance: &InstanceRef) -> &[String] {
        self.by_instance.get(instance).map_or(&[], Vec::as_slice)
    }

    /// Returns the instances that created an object.
    pub fn owners_of(&self, path: &str) -> impl Iterator<Item = &InstanceRef> {
        let owned = self.by_path.get(path).or_else(|| self.by_path.get(&normalized(path)));
        owned.into_iter().flat_map(|owned| &owned.owners)
    }

    /// Returns the owner whose list shows the object to the controller.
    pub(crate) fn holder_of(&self, path: &str) -> Option<&InstanceRef> {
        self.by_path.get(path)?.holders.last()
    }

    /// Returns the objects that several lists show to the controller, with their instances. The controller crashes
    /// if these are in one commit.
    pub fn held_twice(&self) -> impl Iterator<Item = (&str, &[InstanceRef])> {
        let all = self.by_path.iter().map(|(path, owned)| (path.as_str(), owned.holders.as_slice()));
        all.filter(|(_, holders)| holders.len() > 1)
    }

    /// Hides all objects of the instances that run from the controller. It would remove them without a user, and
    /// crash if that is denied (seen with 1.8.0).
    pub fn hide_from_controller(&mut self) {
        self.hidden_from_controller = true;
    }

    /// Marks objects as shared so that at most one list shows each to the controller: the list that did, if its
    /// instance is still an owner, else the first of these.
    pub(crate) fn mark_shared(&self, all: &mut [(InstanceRef, Vec<CreatedObject>)]) {
        let mut holders: HashMap<String, InstanceRef> = HashMap::new();
        let run: HashSet<&InstanceRef> = all.iter().map(|(instance, _)| instance).collect();
        for (instance, created) in all.iter() {
            for CreatedObject { path, .. } in created {
                let before = self.holder_of(path);
                let stays = before.filter(|&before| before == instance || !run.contains(before));
                match stays {
                    Some(holder) => drop(holders.insert(path.clone(), holder.clone())),
                    None => drop(holders.entry(path.clone()).or_insert_with(|| instance.clone())),
                }
            }
        }
        for (instance, created) in all {
            for object in created {
                object.shared = self.hidden_from_controller
                    || holders.get(&object.path).is_some_and(|holder| holder != instance);
            }
        }
    }

    /// Returns an object and those below it, each with an instance that created it.
    pub fn at_or_below<'a>(&'a self, path: &str) -> impl Iterator<Item = (&'a str, &'a InstanceRef)> {
        let path = normalized(path);
        let from = self.by_path.range(path.clone()..);
        let alike = from.take_while({
            let path = path.clone();
            move |(other, _)| other.starts_with(&path)
        });
        let below = alike.filter(move |(other, _)| {
            other.get(path.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        below.flat_map(|(path, owned)| owned.owners.iter().map(move |owner| (path.as_str(), owner)))
    }

    /// Returns an object with its namespaces, if they are known.
    pub fn place(&self, path: &str) -> Option<&Pattern> {
        self.by_path.get(path).or_else(|| self.by_path.get(&normalized(path)))?.place.as_ref()
    }

    /// Returns the instances that have created something.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceRef> {
        self.by_instance.keys()
    }

    pub(crate) fn is_owned(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
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

/// Returns a path of a `created` list in the form of [`Pattern::created`], or unchanged if it cannot be parsed.
fn normalized(path: &str) -> String {
    let Ok(parsed) = Path::parse_unescaped(path) else { return path.to_owned() };
    let steps = parsed.steps.into_iter().map(|step| {
        let mut plain = PatternStep::new(QName::new("", &step.name));
        for predicate in step.predicates {
            match predicate {
                Predicate::Key { name, value, .. } => plain.keys.push((name, value)),
                Predicate::Entry { value } => plain.entry = Some(value),
            }
        }
        plain
    });
    Pattern { steps: steps.collect() }.created().unwrap_or_else(|_| path.to_owned())
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

    fn names<'a>(instances: impl Iterator<Item = &'a InstanceRef>) -> Vec<String> {
        instances.map(ToString::to_string).collect()
    }

    const X: &str = r#"/devices/device[name="r1"]/config/interfaces/interface[name="x"]"#;

    #[test]
    fn owner_lookup_ignores_the_kind_of_quotes() {
        let owners = owners();
        let both = ["p2p[site='a'][id='1']", "p2p[site='a'][id='2']"];
        assert_eq!(names(owners.owners_of(X)), both);
        assert_eq!(names(owners.owners_of(&X.replace('"', "'"))), both);
        assert_eq!(names(owners.owners_of("/devices")), [""; 0]);
    }

    #[test]
    fn objects_below_have_it_as_an_ancestor() {
        let owners = owners();
        let below: Vec<(&str, String)> =
            owners.at_or_below(X).map(|(path, owner)| (path, owner.to_string())).collect();
        let mtu = format!("{X}/config/mtu");
        let (one, two) = ("p2p[site='a'][id='1']", "p2p[site='a'][id='2']");
        assert_eq!(below, [(X, one.into()), (X, two.into()), (mtu.as_str(), two.into())]);
    }

    /// Returns the `created` lists of two instances that run.
    fn shared(owners: &OwnerIndex, paths: [&[&str]; 2]) -> [Vec<String>; 2] {
        let instances: Vec<InstanceRef> = owners.owners_of(X).cloned().collect();
        let created =
            |paths: &[&str]| paths.iter().map(|path| CreatedObject::parse(path)).collect::<Vec<_>>();
        let mut all = [0, 1].map(|at: usize| (instances[at].clone(), created(paths[at])));
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
        let both: Vec<InstanceRef> = first.owners_of(X).cloned().collect();
        first.replace(&both[1], [CreatedObject::parse(&marked)]);
        first.replace(&both[0], [CreatedObject::parse(X)]);
        assert_eq!(shared(&first, [&[X], &[X]]), [vec![held.clone()], vec![marked.clone()]]);
        // The first one no longer owns it: the other one shows it.
        assert_eq!(shared(&owners(), [&[], &[X]]), [vec![], vec![held.clone()]]);
        // The list that showed it keeps it, although it comes later; the first one shows what is new.
        let services = SERVICES.replacen("[name=\"x\"]<", "[name=\"x\"][false()]<", 1);
        let later = OwnerIndex::from_services(&xml::parse(&services).unwrap(), |list| {
            (list.local == "p2p").then(|| vec!["site".into(), "id".into()])
        });
        assert_eq!(names(later.owners_of(X)).len(), 2, "both own it all the same");
        assert_eq!(
            shared(&later, [&[X, "/y"], &["/y", X]]),
            [vec![marked, "/y".into()], vec!["/y[false()]".into(), held]]
        );
    }

    #[test]
    fn object_of_another_daemon_is_held_twice_until_shared() {
        let mut owners = owners();
        let both: Vec<InstanceRef> = owners.owners_of(X).cloned().collect();
        assert_eq!(owners.held_twice().collect::<Vec<_>>(), [(X, &both[..])]);
        owners.replace(&both[0], [CreatedObject::parse(&format!("{X}[false()]"))]);
        assert_eq!(owners.held_twice().count(), 0);
        assert_eq!(owners.holder_of(X), Some(&both[1]));
    }

    #[test]
    fn controller_finds_no_object_that_is_hidden() {
        let marked = format!("{X}[false()]");
        let mut owners = owners();
        owners.hide_from_controller();
        assert_eq!(shared(&owners, [&[X], &[X]]), [vec![marked.clone()], vec![marked]]);
    }

    #[test]
    fn replaced_objects_lose_their_owner() {
        let mut owners = owners();
        let instances: Vec<InstanceRef> = owners.owners_of(X).cloned().collect();
        let place = Pattern { steps: vec![PatternStep::new(QName::new("urn:i", "x"))] };
        owners.replace(
            &instances[0],
            [CreatedObject { path: "/x".into(), place: Some(place.clone()), shared: false }],
        );
        assert_eq!(names(owners.owners_of(X)), ["p2p[site='a'][id='2']"]);
        assert_eq!(owners.created_by(&instances[0]), ["/x"]);
        assert_eq!(owners.place("/x"), Some(&place));
        assert_eq!(owners.remove(&instances[1]).len(), 3);
        assert_eq!(names(owners.owners_of(X)), [""; 0]);
        assert_eq!(names(owners.instances()), ["p2p[site='a'][id='1']"]);
    }
}
