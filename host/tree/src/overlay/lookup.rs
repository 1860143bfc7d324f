//! Finding children by name, and entries by key, without going through all siblings.

use std::collections::HashMap;

use super::{NodeKind, Overlay, SchemaLocation};
use crate::{Name, NodeId, PatternStep, QName, Tree};

/// A parent with more children than this gets a table of its own.
const NARROW: usize = 16;

/// Copying so many bytes of keys is about as much as looking at a node.
const BYTES: usize = 64;

/// Tables over the arena, built where they are first needed. They hold nodes of either side, also such
/// as are not there now: nodes never leave the arena and entries never change their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct ChildLookup {
    /// For parents with many children: by name, the first of that name.
    wide: HashMap<NodeId, HashMap<Name, FirstEntry>>,
    /// For lists and leaf-lists under a parent: by keys or value.
    entries: HashMap<(NodeId, Name), EntryTable>,
    /// How many nodes were gone through to find others or to make tables.
    pub(super) visited: usize,
}

#[derive(Clone, Debug)]
struct EntryTable {
    /// The keys that the table was built for; empty for a leaf-list.
    keys: Vec<Name>,
    by_key: HashMap<Box<str>, FirstEntry>,
}

/// The first of several nodes: children of one name, or entries with the same keys. There is more than one
/// of these where what was taken for the keys is not all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstEntry {
    pub(super) node: NodeId,
    pub(super) several: bool,
}

impl FirstEntry {
    fn of(node: NodeId) -> Self {
        Self { node, several: false }
    }

    fn and(&mut self, node: NodeId) {
        self.several |= self.node != node;
    }
}

impl EntryTable {
    fn enter(&mut self, key: &str, node: NodeId) {
        match self.by_key.get_mut(key) {
            Some(entry) => entry.and(node),
            None => drop(self.by_key.insert(key.into(), FirstEntry::of(node))),
        }
    }
}

impl ChildLookup {
    pub(super) fn added(&mut self, parent: NodeId, name: Name, node: NodeId) {
        if let Some(names) = self.wide.get_mut(&parent) {
            names.entry(name).and_modify(|entry| entry.and(node)).or_insert(FirstEntry::of(node));
        }
    }

    /// Enters an entry in the table, where there is one.
    pub(super) fn keyed(&mut self, parent: NodeId, name: Name, key: &str, node: NodeId) {
        if let Some(entries) = self.entries.get_mut(&(parent, name)) {
            entries.enter(key, node);
        }
    }

    /// Whether new entries have to be entered.
    pub(super) fn has_table(&self, parent: NodeId, name: Name) -> bool {
        self.entries.contains_key(&(parent, name))
    }

    fn child(&mut self, tree: &Tree, parent: NodeId, name: Name) -> Option<NodeId> {
        if !self.wide.contains_key(&parent) {
            let mut children = tree.children(parent);
            if let Some(child) = children.by_ref().take(NARROW).find(|&child| tree.name(child) == name) {
                return Some(child);
            }
            children.next()?;
        }
        self.named(tree, parent, name).map(|entry| entry.node)
    }

    /// The children of a name.
    pub(super) fn named(&mut self, tree: &Tree, parent: NodeId, name: Name) -> Option<FirstEntry> {
        if let Some(names) = self.wide.get(&parent) {
            return names.get(&name).copied();
        }
        if tree.children(parent).nth(NARROW).is_none() {
            let mut named = tree.children_named(parent, name);
            return named.next().map(|node| FirstEntry { node, several: named.next().is_some() });
        }
        let mut names: HashMap<Name, FirstEntry> = HashMap::new();
        for child in tree.children(parent) {
            self.visited += 1;
            names
                .entry(tree.name(child))
                .and_modify(|entry| entry.and(child))
                .or_insert(FirstEntry::of(child));
        }
        let found = names.get(&name).copied();
        self.wide.insert(parent, names);
        found
    }

    /// A key of a list entry. It need not be among the first of its children: what a path names as a key may
    /// be none.
    pub(super) fn key(&mut self, tree: &Tree, entry: NodeId, key: &str) -> Option<NodeId> {
        let name = tree.names().get(QName::new(tree.qname(entry).namespace, key))?;
        self.child(tree, entry, name)
    }

    fn entry(&mut self, tree: &Tree, place: (NodeId, Name), keys: &[Name], key: &str) -> Option<FirstEntry> {
        let known = self.entries.get(&place).filter(|entries| entries.keys == keys);
        if known.is_none() {
            let entries = self.table(tree, place, keys);
            self.entries.insert(place, entries);
        }
        self.entries.get(&place)?.by_key.get(key).copied()
    }

    fn table(&mut self, tree: &Tree, (parent, name): (NodeId, Name), keys: &[Name]) -> EntryTable {
        let mut entries = EntryTable { keys: keys.to_vec(), by_key: HashMap::new() };
        for node in tree.children(parent) {
            self.visited += 1;
            if tree.name(node) != name {
                continue;
            }
            self.visited += keys.len();
            if let Some(key) = self.key_of(tree, node, keys) {
                self.visited += key.len() / BYTES;
                entries.enter(&key, node);
            }
        }
        entries
    }

    /// What a node is entered under: its keys joined, or its value if the list has none.
    fn key_of(&mut self, tree: &Tree, node: NodeId, keys: &[Name]) -> Option<String> {
        if keys.is_empty() {
            return Some(tree.value(node).unwrap_or_default().to_owned());
        }
        let leaves = keys.iter().map(|&key| self.child(tree, node, key));
        let values: Option<Vec<&str>> =
            leaves.map(|leaf| Some(tree.value(leaf?).unwrap_or_default())).collect();
        values.map(join)
    }
}

/// Joins the values of keys into one. Values hold no NUL: XML cannot carry it.
pub(super) fn join<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            joined.push('\0');
        }
        joined.push_str(value);
    }
    joined
}

/// Which children of a node a step means.
pub(super) enum StepMatch {
    /// At most this one, whether it is there now or not.
    One(Option<NodeId>),
    /// Perhaps several.
    Any,
}

impl Overlay {
    /// The child that a step means, where it can mean one only.
    pub(super) fn find_step(&mut self, parent: NodeId, step: &PatternStep) -> StepMatch {
        let Some(name) = self.tree.names().get(step.name()) else { return StepMatch::One(None) };
        let one = |entry: Option<FirstEntry>| match entry {
            Some(FirstEntry { several: true, .. }) => StepMatch::Any,
            entry => StepMatch::One(entry.map(|entry| entry.node)),
        };
        if let Some(Some(value)) = &step.entry {
            return one(self.lookup.entry(&self.tree, (parent, name), &[], value));
        }
        let spot = self.child_location(parent, name);
        match self.schema_view.kind(spot) {
            NodeKind::List { keys } if !keys.is_empty() => {
                let values: Option<Vec<&str>> = keys.iter().map(|key| step.key(key)).collect();
                // A path may ask for more than the keys that are known.
                let Some(values) = values.filter(|_| keys.len() == step.keys.len()) else {
                    return StepMatch::Any;
                };
                let (keys, key) = (self.key_names(name, &keys), join(values));
                one(self.lookup.entry(&self.tree, (parent, name), &keys, &key))
            }
            NodeKind::Container
            | NodeKind::PresenceContainer
            | NodeKind::Leaf
            | NodeKind::EmptyLeaf
            | NodeKind::AnyData => StepMatch::One(self.child_node(parent, name)),
            NodeKind::List { .. } | NodeKind::LeafList | NodeKind::Unknown { .. } => StepMatch::Any,
        }
    }

    /// The one child of this name, or the first of several, whether it is there now or not.
    pub(super) fn child_node(&mut self, parent: NodeId, name: Name) -> Option<NodeId> {
        self.lookup.child(&self.tree, parent, name)
    }

    /// The entry of a list with these keys (in the order of the list's own), whether it is there now or
    /// not.
    pub(super) fn entry_node(
        &mut self,
        parent: NodeId,
        name: Name,
        keys: &[Name],
        key: &str,
    ) -> Option<NodeId> {
        self.lookup.entry(&self.tree, (parent, name), keys, key).map(|entry| entry.node)
    }

    /// What is known of the children of this name.
    pub(super) fn child_location(&mut self, parent: NodeId, name: Name) -> SchemaLocation {
        let above = self.location_below(parent);
        let shape = self.schema_view.shape(self.state(parent).shape, name, &self.tree);
        let qname = self.tree.names().resolve(name);
        SchemaLocation { shape: Some(shape), ..self.schema_view.child(self.tree.names(), above, qname) }
    }
}
