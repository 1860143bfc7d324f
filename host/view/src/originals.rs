//! What stood before instances changed it: the original values, kept in the controller's datastore.
//!
//! The container `originals` of the module `confine-originals` has an entry for each node that instances have set or removed
//! without having created it, or want to be there. The controller neither notifies nor strips it.

use std::collections::{BTreeMap, BTreeSet};

use confine_tree::{
    BoundValue, CONTROLLER, Error as TreeError, NETCONF, NodeId, Path, Pattern, PatternStep, QName, Tree, xml,
};
use sha2::{Digest, Sha256};

use crate::{CreatedObject, InstanceRef, patterns::first_key};

/// The namespace of `confine-originals`.
pub const ORIGINALS: &str = "urn:confine:originals";

/// The bytes of the hash of a value that are kept.
const HASH_BYTES: usize = 16;

/// A node that instances have set or removed without having created it, or want to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// The path, with namespaces.
    pub place: Pattern,
    /// What stood there before, as XML: a leaf, or a node with everything below it. Empty if nothing did. Of an entry that was
    /// moved, its position alone.
    pub before: String,
    /// The hash of the value that the instances have set; none if they have removed the node. Of an entry that they have moved,
    /// where they have left it: `moved` and the hashes of the paths of the entries before and after it, `-` for none.
    pub written: Option<String>,
    /// The instances that have set, removed or moved it, by [`owner_name`].
    pub owners: BTreeSet<String>,
    /// The instances that want it to be there.
    pub wanted_by: BTreeSet<String>,
}

/// The originals of all instances.
#[derive(Clone, Debug, Default)]
pub struct Originals {
    /// By path, in the form of [`path_text`].
    by_path: BTreeMap<String, Original>,
    /// The paths by place. What is below a node is next to it.
    places: BTreeMap<Pattern, String>,
    /// The paths of each owner's originals. Ordered, so that the instances of a list are next to each other.
    by_owner: BTreeMap<InstanceRef, BTreeSet<String>>,
    /// The same, of what instances want to be there.
    by_wanting: BTreeMap<InstanceRef, BTreeSet<String>>,
}

/// A change of the originals: the path, and what is there now.
pub type OriginalChange = (String, Option<Original>);

impl Originals {
    /// Reads the container from a tree. Entries that cannot be read are left out.
    pub fn read(tree: &Tree) -> Self {
        let mut originals = Self::default();
        let services = tree.child(Tree::ROOT, QName::new(CONTROLLER, "services"));
        let container = services.and_then(|services| tree.child(services, name("originals")));
        for entry in container.into_iter().flat_map(|container| tree.children(container)) {
            if let Some((path, original)) = read_entry(tree, entry) {
                originals.replace(path, Some(original));
            }
        }
        originals
    }

    /// Returns the path of the container.
    pub fn path() -> Pattern {
        let services = PatternStep::new(QName::new(CONTROLLER, "services"));
        Pattern { steps: vec![services, PatternStep::new(name("originals"))] }
    }

    /// Returns the path of the node that the YANG module got last.
    pub fn newest_node() -> Pattern {
        let below = ["original", "wanted-by"].map(|local| PatternStep::new(name(local)));
        Pattern { steps: Self::path().steps.into_iter().chain(below).collect() }
    }

    /// Replaces what is known of a path.
    pub fn replace(&mut self, path: String, original: Option<Original>) {
        if let Some(before) = self.by_path.remove(&path) {
            self.places.remove(&before.place);
            remove_path(&mut self.by_owner, &before.owners, &path);
            remove_path(&mut self.by_wanting, &before.wanted_by, &path);
        }
        if let Some(original) = original {
            add_path(&mut self.by_owner, &original.owners, &path);
            add_path(&mut self.by_wanting, &original.wanted_by, &path);
            self.places.insert(original.place.clone(), path.clone());
            self.by_path.insert(path, original);
        }
    }

    /// Returns the original of a path.
    pub fn get(&self, path: &str) -> Option<&Original> {
        self.by_path.get(path)
    }

    /// Returns the original of a path, with the path.
    pub(crate) fn get_key_value(&self, path: &str) -> Option<(&str, &Original)> {
        self.by_path.get_key_value(path).map(|(path, original)| (&**path, original))
    }

    /// Returns all of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Original> {
        self.by_path.values()
    }

    /// Returns the originals of a node and of what is below it.
    pub(crate) fn at_or_below(&self, place: &Pattern) -> impl Iterator<Item = &Original> {
        let from = self.places.range(place.clone()..);
        let below = from.take_while(|(found, _)| found.steps.starts_with(&place.steps));
        below.filter_map(|(_, path)| self.by_path.get(path))
    }

    /// Returns the originals of a node and of those above it.
    pub(crate) fn at_or_above(&self, place: &Pattern) -> impl Iterator<Item = &Original> {
        let mut above = Pattern::default();
        place.steps.iter().filter_map(move |step| {
            above.steps.push(step.clone());
            self.by_path.get(self.places.get(&above)?)
        })
    }

    /// Returns the originals that an instance has changed, with their paths.
    pub fn of(&self, instance: &InstanceRef) -> impl Iterator<Item = (&str, &Original)> {
        let paths = self.by_owner.get(instance).into_iter().flatten();
        paths.filter_map(|path| self.by_path.get_key_value(path)).map(|(path, original)| (&**path, original))
    }

    /// Returns the paths of what an instance wants to be there.
    pub(crate) fn wanted_by(&self, instance: &InstanceRef) -> impl Iterator<Item = &str> {
        self.by_wanting.get(instance).into_iter().flatten().map(String::as_str)
    }

    /// Returns all instances that have changed something, or want something to be there. Some may be there twice.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceRef> {
        self.by_owner.keys().chain(self.by_wanting.keys())
    }

    /// Returns the instances in a list that have changed something, or want something to be there. `list` is the path of the list
    /// with the values of none of its keys, or of the first ones. Some may be there twice.
    pub fn instances_of(&self, list: Pattern) -> impl Iterator<Item = &InstanceRef> {
        let of = [&self.by_owner, &self.by_wanting].map(|paths| {
            let list = list.clone();
            let from = paths.range(InstanceRef::new(list.clone())..).map(|(instance, _)| instance);
            from.take_while(move |instance| list.covers(instance.path()))
        });
        of.into_iter().flatten()
    }

    /// Returns the number of originals.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }
}

fn name(local: &str) -> QName<'_> {
    QName::new(ORIGINALS, local)
}

impl Original {
    /// Returns what to read to restore it: the node, the key of the list entry that it is in, and the keys of its list if it has a
    /// position there.
    pub fn places_to_read(&self) -> impl Iterator<Item = Pattern> {
        let above = self.place.steps.split_last().map_or(&[][..], |(_, above)| above);
        let entry = above.iter().rposition(|step| !step.keys.is_empty());
        let key = entry
            .and_then(|entry| first_key(&Pattern { steps: above.iter().take(entry + 1).cloned().collect() }));
        std::iter::once(self.place.clone()).chain(key).chain(self.entries_beside())
    }

    /// Returns an original of what no instance has changed.
    pub(crate) fn only_wanted(place: Pattern) -> Self {
        Self {
            place,
            before: String::new(),
            written: None,
            owners: BTreeSet::new(),
            wanted_by: BTreeSet::new(),
        }
    }
}

fn remove_path(paths: &mut BTreeMap<InstanceRef, BTreeSet<String>>, owners: &BTreeSet<String>, path: &str) {
    for owner in owners.iter().filter_map(|owner| read_owner(owner)) {
        if let Some(of_owner) = paths.get_mut(&owner)
            && of_owner.remove(path)
            && of_owner.is_empty()
        {
            paths.remove(&owner);
        }
    }
}

fn add_path(paths: &mut BTreeMap<InstanceRef, BTreeSet<String>>, owners: &BTreeSet<String>, path: &str) {
    for owner in owners.iter().filter_map(|owner| read_owner(owner)) {
        paths.entry(owner).or_default().insert(path.to_owned());
    }
}

fn read_entry(tree: &Tree, entry: NodeId) -> Option<(String, Original)> {
    let text = |local: &str| Some(tree.value(tree.child(entry, name(local))?)?.to_owned());
    let path = text("path")?;
    let place = CreatedObject::parse(&path).place?;
    let names = |local: &'static str| {
        let entries = tree.children(entry).filter(move |&child| tree.qname(child) == name(local));
        entries.filter_map(|entry| tree.value(entry)).map(str::to_owned).collect()
    };
    let before = text("before").unwrap_or_default();
    let (owners, wanted_by) = (names("owner"), names("wanted-by"));
    Some((path, Original { place, before, written: text("written"), owners, wanted_by }))
}

/// Returns the text by which a path is known: that of a `created` entry with its namespaces. None if it has none: a key has
/// both kinds of quotes.
pub(crate) fn path_text(place: &Pattern) -> Option<String> {
    let path = place.created().ok()?;
    let object = CreatedObject { path, place: Some(place.clone()), shared: true, ambiguous: true };
    Some(object.entry()).filter(|entry| CreatedObject::parse(entry).place.as_ref() == Some(place))
}

/// Returns the name of an instance as an owner: the namespace of its list, and its name.
pub fn owner_name(instance: &InstanceRef) -> String {
    let namespace = instance.path().steps.last().map_or("", |entry| &entry.namespace);
    format!("{{{namespace}}}{instance}")
}

/// Returns the instance of an owner's name. None for a text that is not one.
fn read_owner(name: &str) -> Option<InstanceRef> {
    let (namespace, entry) = name.strip_prefix('{')?.split_once('}')?;
    let parsed = Path::parse(&format!("/{entry}")).ok()?;
    let step = parsed.steps.into_iter().next().map(|step| PatternStep::in_namespace(namespace, step))?;
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    Some(InstanceRef::new(Pattern { steps: vec![services, step] }))
}

/// Returns the hash of a value. The value itself may be a secret.
pub(crate) fn hash(value: &BoundValue) -> String {
    let mut hash = Sha256::new();
    hash.update(&value.value);
    for (prefix, namespace) in &value.bindings {
        hash.update([0]);
        hash.update(prefix);
        hash.update([0]);
        hash.update(namespace);
    }
    hash.finalize().iter().take(HASH_BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        text
    })
}

/// Returns the edit that makes these changes: the content of `<config>`, or none if there are none.
///
/// # Errors
/// Fails if the text does not fit into a tree.
pub fn edit_of(changes: &[OriginalChange]) -> Result<Option<String>, TreeError> {
    if changes.is_empty() {
        return Ok(None);
    }
    let mut edit = Tree::new();
    let services = edit.intern(QName::new(CONTROLLER, "services"));
    let services = edit.append(Tree::ROOT, services)?;
    let container = append(&mut edit, services, "originals", None)?;
    for (path, original) in changes {
        let entry = append(&mut edit, container, "original", None)?;
        // A merge would leave owners that are gone.
        let operation = if original.is_some() { "replace" } else { "remove" };
        edit.set_attribute(entry, QName::new(NETCONF, "operation"), operation);
        append(&mut edit, entry, "path", Some(path))?;
        let Some(Original { before, written, owners, wanted_by, .. }) = original else { continue };
        append(&mut edit, entry, "before", Some(before))?;
        if let Some(written) = written {
            append(&mut edit, entry, "written", Some(written))?;
        }
        for owner in owners {
            append(&mut edit, entry, "owner", Some(owner))?;
        }
        for instance in wanted_by {
            append(&mut edit, entry, "wanted-by", Some(instance))?;
        }
    }
    xml::write(&edit, Tree::ROOT).map(Some)
}

fn append(tree: &mut Tree, parent: NodeId, local: &str, value: Option<&str>) -> Result<NodeId, TreeError> {
    let node = tree.intern(name(local));
    let node = tree.append(parent, node)?;
    if let Some(value) = value {
        tree.set_value(node, value, &[])?;
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::owner_index::tests::place;

    fn instance(id: &str) -> InstanceRef {
        let mut entry = PatternStep::new(QName::new("urn:s", "s"));
        entry.keys.push(("id".into(), Some(id.into())));
        let services = PatternStep::new(QName::new(CONTROLLER, "services"));
        InstanceRef::new(Pattern { steps: vec![services, entry] })
    }

    fn original() -> impl Strategy<Value = Original> {
        let owners = prop::collection::btree_set("[a-c'\"<]{1,3}", 1..4);
        let wanting = prop::collection::btree_set("[a-c'\"<]{1,3}", 0..3);
        (owners, wanting, "[a-z<&]{0,4}", prop::option::of("[0-9a-f]{4}")).prop_map(
            |(owners, wanting, before, written)| {
                let names = |ids: BTreeSet<String>| ids.iter().map(|id| owner_name(&instance(id))).collect();
                let (owners, wanted_by) = (names(owners), names(wanting));
                Original { place: place("urn:a"), before, written, owners, wanted_by }
            },
        )
    }

    proptest! {
        #[test]
        fn originals_are_read_as_they_were_written(all in prop::collection::vec(original(), 0..4)) {
            let mut originals = Originals::default();
            for (number, mut original) in all.into_iter().enumerate() {
                original.place.steps[4].keys[0].1 = Some(format!("x{number}"));
                originals.replace(path_text(&original.place).unwrap(), Some(original));
            }
            let all: Vec<OriginalChange> =
                originals.by_path.iter().map(|(path, original)| (path.clone(), Some(original.clone()))).collect();
            let Some(edit) = edit_of(&all).unwrap() else { return Ok(()) };
            let read = Originals::read(&xml::parse(&edit).unwrap());
            prop_assert_eq!(&read.by_path, &originals.by_path);
            prop_assert_eq!(&read.by_owner, &originals.by_owner);
            prop_assert_eq!(&read.by_wanting, &originals.by_wanting);
            for (owner, paths) in &read.by_owner {
                prop_assert_eq!(read.of(owner).count(), paths.len());
                prop_assert!(read.get(paths.first().unwrap()).unwrap().owners.contains(&owner_name(owner)));
            }
            for (path, _) in all {
                originals.replace(path, None);
            }
            prop_assert!(originals.is_empty() && originals.by_owner.is_empty() && originals.by_wanting.is_empty() && originals.places.is_empty());
        }
    }
}
