//! Orphans: objects that an instance has created, that are still there, and that no instance owns.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
};

use confine_tree::{Error as TreeError, NodeId, PatternStep, StepCounter, Tree};

use crate::{
    CreatedObject, InstanceRef, OwnedObject, OwnerIndex,
    path_trie::{CONTROLLER_STEPS, entry_pattern},
};

impl CreatedObject {
    /// Parses what [`record`](Self::record) returns.
    pub fn from_record(record: &str) -> Self {
        Self { shared: true, ambiguous: false, ..Self::parse(record) }
    }

    /// Returns the object as text, with its namespaces if they are known.
    pub fn record(&self) -> String {
        Self { ambiguous: true, shared: true, ..self.clone() }.entry()
    }

    /// Returns the name of the device that it is on.
    pub fn device(&self) -> Option<String> {
        let path = entry_pattern(&self.path)?;
        Some(path.steps.get(1).filter(|_| path.steps.len() > CONTROLLER_STEPS)?.key("name")?.to_owned())
    }
}

impl From<OwnedObject<'_>> for CreatedObject {
    fn from(object: OwnedObject<'_>) -> Self {
        Self { path: object.path(), place: object.place(), shared: true, ambiguous: object.is_ambiguous() }
    }
}

impl OwnerIndex {
    /// Adds objects to those of an instance.
    pub fn add(&mut self, instance: &InstanceRef, objects: impl IntoIterator<Item = CreatedObject>) {
        let all: Vec<CreatedObject> =
            self.created_by(instance).map(CreatedObject::from).chain(objects).collect();
        self.replace(instance, all);
    }

    /// Returns whether an instance owns a node with the names of an object, or one above it.
    ///
    /// # Errors
    /// [`Error::Stopped`](confine_tree::Error::Stopped).
    pub fn owns_namesake(&self, object: &CreatedObject, steps: &mut StepCounter) -> Result<bool, TreeError> {
        let place = match (&object.place, entry_pattern(&object.path)) {
            (Some(place), _) => Cow::Borrowed(place),
            (None, Some(place)) => Cow::Owned(place),
            (None, None) => return Ok(false),
        };
        self.owns_names_of(&place, steps)
    }
}

/// Entries by the value of one key.
type NodesByValue<'t> = HashMap<&'t str, Vec<NodeId>>;

/// Finds the nodes of objects in a tree, by their names and keys.
pub struct NodeFinder<'t> {
    tree: &'t Tree,
    /// The children of a node with a local name, by the value of a key, of a leaf-list entry (`.`), or all together.
    children: HashMap<(NodeId, Box<str>, Box<str>), NodesByValue<'t>>,
}

impl<'t> NodeFinder<'t> {
    /// Prepares to search a tree.
    pub fn new(tree: &'t Tree) -> Self {
        Self { tree, children: HashMap::new() }
    }

    /// Returns whether the node of an object is there.
    ///
    /// # Errors
    /// [`Error::Stopped`](confine_tree::Error::Stopped).
    pub fn has(&mut self, object: &CreatedObject, steps: &mut StepCounter) -> Result<bool, TreeError> {
        let Some(path) = object.place.clone().or_else(|| entry_pattern(&object.path)) else {
            return Ok(false);
        };
        let mut at = vec![Tree::ROOT];
        for step in &path.steps {
            let mut below = Vec::new();
            for parent in at {
                below.extend(self.matching(parent, step, steps)?);
            }
            at = below;
        }
        Ok(!at.is_empty())
    }

    fn matching(
        &mut self,
        parent: NodeId,
        step: &PatternStep,
        steps: &mut StepCounter,
    ) -> Result<Vec<NodeId>, TreeError> {
        let entry = step.entry.as_ref().and_then(|value| value.as_deref());
        let first = step.keys.first().and_then(|(key, value)| Some((&**key, value.as_deref()?)));
        let (key, value) = entry.map(|value| (".", value)).or(first).unwrap_or_default();
        let named = match self.children.entry((parent, (*step.local).into(), key.into())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let mut named = NodesByValue::new();
                for child in self.tree.children(parent) {
                    steps.step()?;
                    if self.tree.qname(child).local == &*step.local {
                        named.entry(key_value(self.tree, child, key)).or_default().push(child);
                    }
                }
                new.insert(named)
            }
        };
        let candidates = named.get(value).map_or(&[][..], Vec::as_slice);
        steps.steps(1 + candidates.len())?;
        let is_same = |&&node: &&NodeId| {
            let namespace = self.tree.qname(node).namespace;
            let has = |(key, value): &(Box<str>, Option<String>)| {
                value.as_deref().is_none_or(|value| key_value(self.tree, node, key) == value)
            };
            (step.namespace.is_empty() || *step.namespace == *namespace) && step.keys.iter().all(has)
        };
        Ok(candidates.iter().filter(is_same).copied().collect())
    }
}

/// Returns the value of a key of an entry, of a leaf-list entry (`.`), or nothing if there is no key.
fn key_value<'t>(tree: &'t Tree, node: NodeId, key: &str) -> &'t str {
    let leaf = match key {
        "" => None,
        "." => Some(node),
        key => tree.children(node).find(|&child| tree.qname(child).local == key),
    };
    leaf.and_then(|leaf| tree.value(leaf)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use confine_tree::xml;

    use super::*;

    fn object(path: &str) -> CreatedObject {
        CreatedObject::from_record(&format!("/devices/device[name=\"r1\"]/config{path}"))
    }

    #[test]
    fn node_of_an_object_is_found_by_names_and_keys() {
        let tree = xml::parse(
            "<devices xmlns='http://clicon.org/controller'><device><name>r1</name><config><sys xmlns='urn:s'>\
             <l><k>1</k><j>a</j><v>x</v></l><l><k>1</k><j>b</j></l><s>p</s><s>q</s></sys></config></device></devices>",
        )
        .unwrap();
        let mut finder = NodeFinder::new(&tree);
        let mut has = |object: &CreatedObject| finder.has(object, &mut StepCounter::default()).unwrap();
        for path in ["/sys", "/sys/l[k=\"1\"][j=\"b\"]", "/sys/l[k=\"1\"][j=\"a\"]/v", "/sys/s[.=\"q\"]"] {
            assert!(has(&object(path)), "{path}");
        }
        for path in
            ["/sis", "/sys/l[k=\"2\"][j=\"b\"]", "/sys/l[k=\"1\"][j=\"b\"]/v", "/sys/s[.=\"r\"]", "/sys["]
        {
            assert!(!has(&object(path)), "{path}");
        }
        // With namespaces, they count.
        assert!(has(&object("/sys[false()][\"urn:s\"]")));
        assert!(!has(&object("/sys[false()][\"urn:t\"]")));
    }

    #[test]
    fn record_of_an_object_can_be_read_again() {
        for path in ["/sys", "/sys/s[.=\"q\"]", "/sys[false()][\"urn:s\"]"] {
            let object = object(path);
            assert_eq!(CreatedObject::from_record(&object.record()), object);
        }
        assert_eq!(object("/sys").device().as_deref(), Some("r1"));
    }

    #[test]
    fn steps_do_not_grow_with_entries_times_objects() {
        let steps = |count: usize| {
            let entries: String = (0..count).map(|n| format!("<l><k>{n}</k></l>")).collect();
            let tree = xml::parse(&format!(
                "<devices xmlns='http://clicon.org/controller'><device><name>r1</name><config>\
                 <sys xmlns='urn:s'>{entries}</sys></config></device></devices>"
            ))
            .unwrap();
            let (mut finder, mut steps) = (NodeFinder::new(&tree), StepCounter::default());
            for n in 0..count {
                assert!(finder.has(&object(&format!("/sys/l[k=\"{n}\"]")), &mut steps).unwrap());
            }
            steps.taken()
        };
        assert!(steps(400) <= 4 * steps(100));
    }
}
