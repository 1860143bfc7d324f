//! Finding children by name, and list entries by key, without going through all siblings.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use crate::{Name, NodeId, Tree};

/// The children of a parent with at most this many are gone through.
const FEW: usize = 16;

/// Tables beside a [`Tree`] that find children by name, list entries by their keys and leaf-list entries
/// by their value.
///
/// A table is built when a parent is first asked. From then on, children that are put under it must be
/// told with [`add`](Self::add), when they have their keys; children that are taken out need not be told.
/// What is found is looked at again before it is handed out, so it is always there.
#[derive(Clone, Debug, Default)]
pub struct ChildIndex {
    /// By name a child, and whether there may be others.
    names: HashMap<NodeId, HashMap<Name, (NodeId, bool)>>,
    lists: HashMap<(NodeId, Name), Vec<ChildTable>>,
    state: RandomState,
}

#[derive(Clone, Debug)]
struct ChildTable {
    /// The leaves that were asked by; none for a leaf-list, whose entries are found by their value.
    keys: Box<[Name]>,
    /// By hash of the values. An entry whose place is taken stands at the next number.
    entries: HashMap<u64, NodeId>,
}

impl ChildIndex {
    /// No tables yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A child of this name, if there is one, and whether there may be others.
    pub fn child(&mut self, tree: &Tree, parent: NodeId, name: Name) -> Option<(NodeId, bool)> {
        let is_there = |child: NodeId| tree.parent(child) == Some(parent);
        let first = || {
            let mut children = tree.children_named(parent, name);
            children.next().map(|first| (first, children.next().is_some()))
        };
        let Some(names) = self.names.get_mut(&parent) else {
            if tree.children(parent).nth(FEW).is_none() {
                return first();
            }
            let names = self.names.entry(parent).or_default();
            for child in tree.children(parent) {
                names.entry(tree.name(child)).and_modify(|known| known.1 = true).or_insert((child, false));
            }
            return names.get(&name).copied();
        };
        match *names.get(&name)? {
            known @ (child, _) if is_there(child) => Some(known),
            (_, false) => None,
            // The one that is known has gone, another may be there.
            (_, true) => {
                let found = first();
                match found {
                    Some(known) => names.insert(name, known),
                    None => names.remove(&name),
                };
                found
            }
        }
    }

    /// All children of this name.
    pub fn children(&mut self, tree: &Tree, parent: NodeId, name: Name) -> Vec<NodeId> {
        match self.child(tree, parent, name) {
            None => Vec::new(),
            Some((child, false)) => vec![child],
            Some((_, true)) => tree.children_named(parent, name).collect(),
        }
    }

    /// The first entry with these keys. With no keys at all: the first of that name.
    pub fn find(&mut self, tree: &Tree, parent: NodeId, list: Name, keys: &[(Name, &str)]) -> Option<NodeId> {
        self.matches(tree, parent, list, keys).into_iter().next()
    }

    /// The first entry of a leaf-list with this value.
    pub fn find_value(&mut self, tree: &Tree, parent: NodeId, list: Name, value: &str) -> Option<NodeId> {
        self.values(tree, parent, list, value).into_iter().next()
    }

    /// All entries of a leaf-list with this value.
    pub fn values(&mut self, tree: &Tree, parent: NodeId, list: Name, value: &str) -> Vec<NodeId> {
        self.lookup(tree, parent, list, &[], &[value])
    }

    /// All entries in which these leaves have these values. There are several where the leaves are not
    /// all keys.
    pub fn matches(&mut self, tree: &Tree, parent: NodeId, list: Name, keys: &[(Name, &str)]) -> Vec<NodeId> {
        if keys.is_empty() {
            return self.children(tree, parent, list);
        }
        let (names, values): (Vec<Name>, Vec<&str>) = keys.iter().copied().unzip();
        self.lookup(tree, parent, list, &names, &values)
    }

    /// Takes note of a child that was attached, or given its keys, after its parent was first asked.
    pub fn add(&mut self, tree: &Tree, entry: NodeId) {
        let Some(parent) = tree.parent(entry) else { return };
        if let Some(names) = self.names.get_mut(&parent) {
            let known = names.entry(tree.name(entry)).or_insert((entry, false));
            *known = (known.0, known.1 || known.0 != entry);
        }
        for table in self.lists.get_mut(&(parent, tree.name(entry))).into_iter().flatten() {
            table.add(&self.state, tree, parent, entry);
        }
    }

    fn lookup(
        &mut self,
        tree: &Tree,
        parent: NodeId,
        list: Name,
        keys: &[Name],
        values: &[&str],
    ) -> Vec<NodeId> {
        let tables = self.lists.get_mut(&(parent, list));
        if tables.is_none() && tree.children(parent).nth(FEW).is_none() {
            let entries = tree.children_named(parent, list);
            return entries.filter(|&entry| has(tree, entry, keys, values)).collect();
        }
        let tables = self.lists.entry((parent, list)).or_default();
        let position = tables.iter().position(|table| *table.keys == *keys).unwrap_or_else(|| {
            tables.push(ChildTable::new(&self.state, tree, parent, list, keys));
            tables.len() - 1
        });
        let table = tables.get(position).into_iter();
        table.flat_map(|table| table.matches(&self.state, tree, parent, values)).collect()
    }
}

impl ChildTable {
    fn new(state: &RandomState, tree: &Tree, parent: NodeId, list: Name, keys: &[Name]) -> Self {
        let mut table = Self { keys: keys.into(), entries: HashMap::new() };
        for entry in tree.children_named(parent, list) {
            table.add(state, tree, parent, entry);
        }
        table
    }

    /// Puts an entry in its place, or in that of one that has gone. Without its keys it has none.
    fn add(&mut self, state: &RandomState, tree: &Tree, parent: NodeId, entry: NodeId) {
        let Some(values) = values(tree, entry, &self.keys) else { return };
        let mut place = hash(state, &values);
        while let Some(other) = self.entries.get_mut(&place) {
            if *other == entry {
                return;
            }
            let gone = tree.parent(*other) != Some(parent);
            if gone {
                *other = entry;
                return;
            }
            place = place.wrapping_add(1);
        }
        self.entries.insert(place, entry);
    }

    fn matches<'t>(
        &'t self,
        state: &RandomState,
        tree: &'t Tree,
        parent: NodeId,
        values: &'t [&str],
    ) -> impl Iterator<Item = NodeId> {
        let first = hash(state, values);
        let chain = (0..).map_while(move |step| self.entries.get(&first.wrapping_add(step)).copied());
        chain.filter(move |&entry| tree.parent(entry) == Some(parent) && has(tree, entry, &self.keys, values))
    }
}

fn hash(state: &RandomState, values: &[&str]) -> u64 {
    state.hash_one(values)
}

/// The values of an entry's keys, or its own where there are no keys.
fn values<'t>(tree: &'t Tree, entry: NodeId, keys: &[Name]) -> Option<Vec<&'t str>> {
    if keys.is_empty() {
        return Some(vec![tree.value(entry).unwrap_or_default()]);
    }
    let leaf = |&key: &Name| tree.children_named(entry, key).next();
    keys.iter().map(|key| Some(tree.value(leaf(key)?).unwrap_or_default())).collect()
}

fn has(tree: &Tree, entry: NodeId, keys: &[Name], wanted: &[&str]) -> bool {
    values(tree, entry, keys).is_some_and(|values| values == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::QName;

    /// An entry of two keys with an element between them.
    fn entry(tree: &mut Tree, [list, a, b]: [Name; 3], values: (u8, u8)) -> NodeId {
        let entry = tree.append(Tree::ROOT, list).unwrap();
        for (key, value) in [(a, values.0), (list, 7), (b, values.1)] {
            let leaf = tree.append(entry, key).unwrap();
            tree.set_value(leaf, &value.to_string(), &[]).unwrap();
        }
        entry
    }

    proptest! {
        /// What the index finds is what going through the list finds.
        #[test]
        fn finds_what_is_there(steps in proptest::collection::vec((0..4_u8, 0..6_u8, 0..3_u8), 0..120)) {
            let mut tree = Tree::new();
            let names = ["l", "a", "b"].map(|local| tree.intern(QName::new("urn:x", local)));
            let [list, a, b] = names;
            let mut index = ChildIndex::new();
            for (step, first, second) in steps {
                let wanted = [(a, &*first.to_string()), (b, &*second.to_string())];
                let found: Vec<NodeId> = tree
                    .children(Tree::ROOT)
                    .filter(|&node| has(&tree, node, &[a, b], &wanted.map(|(_, value)| value)))
                    .collect();
                match step {
                    0 | 1 => {
                        let entry = entry(&mut tree, names, (first, second));
                        index.add(&tree, entry);
                    }
                    2 => {
                        let mut matches = index.matches(&tree, Tree::ROOT, list, &wanted);
                        matches.sort();
                        prop_assert_eq!(matches, found);
                        let some = index.matches(&tree, Tree::ROOT, list, &wanted[..1]).len();
                        let all = tree.children(Tree::ROOT).filter(|&node| {
                            has(&tree, node, &[a], &[wanted[0].1])
                        });
                        prop_assert_eq!(some, all.count());
                    }
                    _ => found.into_iter().for_each(|node| tree.detach(node)),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn finds_children_by_name(steps in proptest::collection::vec((0..3_u8, 0..25_u8), 0..200)) {
            let mut tree = Tree::new();
            let mut index = ChildIndex::new();
            for (step, name) in steps {
                let name = tree.intern(QName::new("", &format!("n{name}")));
                let found: Vec<NodeId> = tree.children_named(Tree::ROOT, name).collect();
                match (step, &*found) {
                    (0, _) => {
                        let child = tree.append(Tree::ROOT, name).unwrap();
                        index.add(&tree, child);
                    }
                    (1, [first, ..]) => tree.detach(*first),
                    (_, []) => prop_assert_eq!(index.child(&tree, Tree::ROOT, name), None),
                    (_, [only]) => {
                        prop_assert_eq!(index.child(&tree, Tree::ROOT, name).map(|(child, _)| child), Some(*only));
                    }
                    (_, several) => {
                        let (child, others) = index.child(&tree, Tree::ROOT, name).unwrap();
                        prop_assert!(others && several.contains(&child));
                    }
                }
            }
        }
    }

    #[test]
    fn leaf_lists_are_found_by_value() {
        let mut tree = Tree::new();
        let name = tree.intern(QName::new("urn:x", "search"));
        let mut index = ChildIndex::new();
        for number in 0..100 {
            let entry = tree.append(Tree::ROOT, name).unwrap();
            tree.set_value(entry, &number.to_string(), &[]).unwrap();
            index.add(&tree, entry);
            assert_eq!(index.find_value(&tree, Tree::ROOT, name, &number.to_string()), Some(entry));
            assert_eq!(index.find_value(&tree, Tree::ROOT, name, "x"), None);
        }
    }
}
