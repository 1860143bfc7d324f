//! Tables to find children by name and entries by key without visiting all siblings.

use std::sync::Arc;

use super::{key_forms::KeyForms, prefixed_text::PrefixedText};
use crate::{HashMap, Name, NodeId, Tree};

/// The most children that are scanned. A parent with more has a table.
const MAX_SCANNED_CHILDREN: usize = 16;

/// The bytes of keys whose copying costs about as much as visiting a node.
const KEY_BYTES_PER_VISIT: usize = 64;

/// Tables over the arena, built on first use. They hold the nodes of the base and of the edits, including
/// those that do not exist now: nodes never leave the arena, and entries never change their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct ChildLookup {
    /// For parents with many children: the first child of each name.
    first_by_name: HashMap<NodeId, HashMap<Name, FirstEntry>>,
    /// For the lists and leaf-lists below a parent: the entries by keys or value.
    entries: HashMap<(NodeId, Name), EntryTable>,
    /// How many nodes were visited to find others or to build tables.
    pub(super) visited: usize,
}

/// What identifies the entries of a list or leaf-list.
#[derive(Clone, Debug)]
pub(super) struct EntryKeys {
    /// The keys; empty for a leaf-list.
    pub(super) names: Arc<[Name]>,
    /// Set if equal values may be written differently.
    pub(super) forms: Option<Arc<KeyForms>>,
}

/// What identifies one entry: entries are the same if it is. Values never contain NUL, which XML cannot carry.
#[derive(Clone, Debug)]
pub(super) struct EntryKey {
    /// The values of the keys, or the one value of a leaf-list entry, in their normal form.
    normal: String,
    /// The values as they are written, if that is different.
    text: Option<String>,
}

impl EntryKeys {
    /// Returns what identifies the entry with these values of the keys.
    pub(super) fn entry<'t>(&self, values: impl IntoIterator<Item = PrefixedText<'t>>) -> EntryKey {
        let (mut normal, mut text) = (String::new(), String::new());
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                normal.push('\0');
                text.push('\0');
            }
            if let Some(forms) = &self.forms {
                normal.push_str(&forms.normal(index, value));
                text.push_str(value.value);
            } else {
                normal.push_str(value.value);
            }
        }
        let text = Some(text).filter(|text| self.forms.is_some() && *text != normal);
        EntryKey { normal, text }
    }
}

#[derive(Clone, Debug)]
struct EntryTable {
    /// The keys the table was built for; empty for a leaf-list.
    keys: Arc<[Name]>,
    by_key: HashMap<Box<str>, FirstEntry>,
}

/// The first of the children with a certain name, or of the entries with certain keys. Several entries have
/// the same keys if the leaves used as keys are not all the keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstEntry {
    pub(super) node: NodeId,
    pub(super) several: bool,
}

impl FirstEntry {
    fn of(node: NodeId) -> Self {
        Self { node, several: false }
    }

    fn add_another(&mut self, node: NodeId) {
        self.several |= self.node != node;
    }
}

impl EntryTable {
    fn insert(&mut self, key: EntryKey, node: NodeId) {
        let EntryKey { normal, text } = key;
        match self.by_key.get_mut(&*normal) {
            Some(entry) => entry.add_another(node),
            None => drop(self.by_key.insert(normal.into(), FirstEntry::of(node))),
        }
        if let Some(text) = text {
            self.by_key.entry(text.into()).or_insert(FirstEntry::of(node));
        }
    }
}

impl ChildLookup {
    pub(super) fn add_child(&mut self, parent: NodeId, name: Name, node: NodeId) {
        if let Some(names) = self.first_by_name.get_mut(&parent) {
            names.entry(name).and_modify(|entry| entry.add_another(node)).or_insert(FirstEntry::of(node));
        }
    }

    /// Adds an entry to the table of its list, if there is one.
    pub(super) fn add_entry(&mut self, parent: NodeId, name: Name, key: EntryKey, node: NodeId) {
        if let Some(entries) = self.entries.get_mut(&(parent, name)) {
            entries.insert(key, node);
        }
    }

    /// Returns whether the list has a table, to which new entries must be added.
    pub(super) fn has_table(&self, parent: NodeId, name: Name) -> bool {
        self.entries.contains_key(&(parent, name))
    }

    pub(super) fn child(&mut self, tree: &Tree, parent: NodeId, name: Name) -> Option<NodeId> {
        if !self.first_by_name.contains_key(&parent) {
            let mut children = tree.children(parent);
            if let Some(child) =
                children.by_ref().take(MAX_SCANNED_CHILDREN).find(|&child| tree.name(child) == name)
            {
                return Some(child);
            }
            children.next()?;
        }
        self.named(tree, parent, name).map(|entry| entry.node)
    }

    /// Returns the first child with a name.
    pub(super) fn named(&mut self, tree: &Tree, parent: NodeId, name: Name) -> Option<FirstEntry> {
        if let Some(names) = self.first_by_name.get(&parent) {
            return names.get(&name).copied();
        }
        if tree.children(parent).nth(MAX_SCANNED_CHILDREN).is_none() {
            let mut named = tree.children_named(parent, name);
            return named.next().map(|node| FirstEntry { node, several: named.next().is_some() });
        }
        let mut names: HashMap<Name, FirstEntry> = HashMap::default();
        for child in tree.children(parent) {
            self.visited += 1;
            names
                .entry(tree.name(child))
                .and_modify(|entry| entry.add_another(child))
                .or_insert(FirstEntry::of(child));
        }
        let found = names.get(&name).copied();
        self.first_by_name.insert(parent, names);
        found
    }

    /// Returns a key of a list entry. It may be anywhere among the children: a leaf that a path names as a
    /// key may not be one.
    pub(super) fn key(&mut self, tree: &Tree, entry: NodeId, key: &str) -> Option<NodeId> {
        let name = tree.names().beside(tree.name(entry), key)?;
        self.child(tree, entry, name)
    }

    pub(super) fn entry(
        &mut self,
        tree: &Tree,
        list: (NodeId, Name),
        keys: &EntryKeys,
        key: &EntryKey,
    ) -> Option<FirstEntry> {
        let known = self.entries.get(&list).filter(|entries| entries.keys == keys.names);
        if known.is_none() {
            let entries = self.table(tree, list, keys);
            self.entries.insert(list, entries);
        }
        let by_key = &self.entries.get(&list)?.by_key;
        let found = by_key.get(&*key.normal).or_else(|| by_key.get(key.text.as_deref()?));
        found.copied()
    }

    fn table(&mut self, tree: &Tree, (parent, name): (NodeId, Name), keys: &EntryKeys) -> EntryTable {
        let mut entries = EntryTable { keys: keys.names.clone(), by_key: HashMap::default() };
        for node in tree.children(parent) {
            self.visited += 1;
            if tree.name(node) != name {
                continue;
            }
            self.visited += keys.names.len();
            if let Some(key) = self.key_of(tree, node, keys) {
                self.visited += key.normal.len() / KEY_BYTES_PER_VISIT;
                entries.insert(key, node);
            }
        }
        entries
    }

    /// Returns the key of a node in the table: its keys joined, or its value for a leaf-list.
    fn key_of(&mut self, tree: &Tree, node: NodeId, keys: &EntryKeys) -> Option<EntryKey> {
        let text = |leaf| PrefixedText {
            value: tree.value(leaf).unwrap_or_default(),
            bindings: tree.bindings(leaf),
        };
        if keys.names.is_empty() {
            return Some(keys.entry([text(node)]));
        }
        let leaves: Option<Vec<NodeId>> = keys.names.iter().map(|&key| self.child(tree, node, key)).collect();
        Some(keys.entry(leaves?.into_iter().map(text)))
    }
}
