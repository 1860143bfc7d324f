//! What was read of the datastore, put under what has been edited.

use std::collections::{HashMap, HashSet};

use super::{
    Edit, Form, Overlay, Text,
    lookup::{join, key_of},
};
use crate::{Error, Name, NodeId, Pattern, QName, Tree};

impl Overlay {
    /// Takes in what was read of the datastore: everything that `read` matches. What is in `read` and not
    /// in `fragment` is not there. It may hold what was read before, and what was edited meanwhile.
    ///
    /// The same node in two fragments is found by its name, list entries by their keys and leaf-list
    /// entries by their values. Entries of a list whose keys are not known are the same where their
    /// first leaf has the same value (a key, if the list has any: RFC 7950, section 7.8.5) and no other
    /// leaf differs: it is one datastore that was read twice.
    pub fn load(&mut self, fragment: &Tree, read: &[Pattern]) -> Result<(), Error> {
        let mut loading = self.begin_load(read);
        while self.load_some(fragment, &mut loading)? > 0 {}
        Ok(())
    }

    /// Begins to take in what was read, as [`load`](Self::load) does in one go. Until it has ended, what
    /// is in `read` may wrongly seem not to be there.
    pub fn begin_load(&mut self, read: &[Pattern]) -> Loading {
        for pattern in read {
            self.knowledge.learn(&mut self.tree, pattern, false);
            self.coverage.insert(pattern);
        }
        Loading { names: NameMap::default(), todo: vec![(Tree::ROOT, Tree::ROOT)] }
    }

    /// Goes on by the children of one node of the fragment; how many that were and one more, or 0 at the
    /// end.
    pub fn load_some(&mut self, fragment: &Tree, loading: &mut Loading) -> Result<usize, Error> {
        let Loading { names, todo } = loading;
        let Some((node, from)) = todo.pop() else { return Ok(0) };
        self.load_children(node, fragment, from, names, todo)
    }

    fn load_children(
        &mut self,
        parent: NodeId,
        fragment: &Tree,
        from: NodeId,
        names: &mut NameMap,
        todo: &mut Vec<(NodeId, NodeId)>,
    ) -> Result<usize, Error> {
        let fresh = self.tree.first_child(parent).is_none();
        let mut siblings = Siblings::default();
        // The last node of the base that was met, and the new ones since.
        let mut behind = None;
        let mut new: Vec<NodeId> = Vec::new();
        let mut order: Vec<NodeId> = Vec::new();
        let mut count = 1;
        for child in fragment.children(from) {
            count += 1;
            let name = names.of(self, fragment, fragment.name(child));
            let several = has_twin(fragment, child);
            let leaf = fragment.first_child(child).is_none();
            if several {
                let shape = self.knowledge.shape(self.state(parent).shape, name, &self.tree);
                if leaf { self.knowledge.learn_leaf_list(shape) } else { self.knowledge.learn_many(shape) }
            }
            let met =
                if fresh { None } else { self.same(parent, name, fragment, child, several, &mut siblings) };
            let node = match met {
                Some(node) if self.in_base(node) => {
                    new.drain(..).for_each(|new| self.tree.attach(new, parent, Some(node)));
                    order.push(node);
                    behind = Some(node);
                    if !leaf {
                        todo.push((node, child));
                    }
                    continue;
                }
                Some(node) => node,
                None => {
                    let node = self.add(parent, name)?;
                    if self.lookup.has_table(parent, name) {
                        self.enter(parent, name, fragment, child, node);
                    }
                    node
                }
            };
            self.load_text(node, fragment, child)?;
            self.with(node, |state| state.in_base = true);
            self.knowledge.see(self.state(node).shape);
            if !leaf {
                todo.push((node, child));
            }
            if !fresh {
                self.tree.detach(node);
                new.push(node);
                order.push(node);
            }
        }
        // Behind what was met last; before what only the edits have.
        let before = match behind {
            Some(behind) => self.tree.next_sibling(behind),
            None if new.is_empty() => None,
            None => self.first_not_in_base(parent),
        };
        new.into_iter().for_each(|new| self.tree.attach(new, parent, before));
        self.restore_order(parent, &order);
        Ok(count)
    }

    /// Brings children into the order that the datastore has them in: those that were read one by one came
    /// in the order in which they were asked for.
    fn restore_order(&mut self, parent: NodeId, order: &[NodeId]) {
        if order.len() < 2 {
            return;
        }
        let wanted: HashSet<NodeId> = order.iter().copied().collect();
        let mut children: Vec<NodeId> = self.tree.children(parent).collect();
        if children.iter().filter(|child| wanted.contains(child)).eq(order) {
            return;
        }
        let places = children.iter_mut().filter(|child| wanted.contains(child));
        places.zip(order).for_each(|(place, &child)| *place = child);
        for child in children {
            self.tree.detach(child);
            self.tree.attach(child, parent, None);
        }
    }

    /// The first of the nodes at the end that the datastore does not have.
    fn first_not_in_base(&self, parent: NodeId) -> Option<NodeId> {
        let from_the_end =
            std::iter::successors(self.tree.last_child(parent), |&node| self.tree.previous_sibling(node));
        from_the_end.take_while(|&node| !self.in_base(node)).last()
    }

    /// Takes in the value of a node that was not known to be in the base.
    fn load_text(&mut self, node: NodeId, fragment: &Tree, from: NodeId) -> Result<(), Error> {
        let value = fragment.value(from);
        if self.state(node).edit == Edit::Keep {
            let bindings = fragment.bindings(from);
            match value {
                Some(value) if bindings.is_empty() => self.tree.set_value(node, value, &[])?,
                Some(value) => self.tree.set_value(node, value, &Text::new("", bindings).borrowed())?,
                None => self.tree.clear_value(node),
            }
            return Ok(());
        }
        let base = Text::new(value.unwrap_or_default(), fragment.bindings(from));
        if fragment.first_child(from).is_none() && self.text(node) != base {
            self.replaced.insert(node, base);
        }
        Ok(())
    }

    /// The node that is the same as one of a fragment.
    fn same(
        &mut self,
        parent: NodeId,
        name: Name,
        fragment: &Tree,
        child: NodeId,
        several: bool,
        siblings: &mut Siblings,
    ) -> Option<NodeId> {
        let spot = self.child_spot(parent, name);
        match self.knowledge.form(spot) {
            Form::List { keys } if !keys.is_empty() => {
                if let Some(key) = entry_key(fragment, child, &keys) {
                    let keys = self.key_names(name, &keys);
                    let node = self.entry_node(parent, name, &keys, &key);
                    // What a path called keys may not be all of them.
                    if self.knowledge.is_certain(spot)
                        || !node.is_some_and(|node| self.differ(node, fragment, child))
                    {
                        return node;
                    }
                }
                siblings.same(self, parent, name, fragment, child)
            }
            Form::LeafList => self.entry_node(parent, name, &[], fragment.value(child).unwrap_or_default()),
            Form::Container | Form::PresenceContainer | Form::Leaf | Form::EmptyLeaf | Form::AnyData => {
                self.child_node(parent, name)
            }
            _ if fragment.first_child(child).is_none() => {
                let node = self.child_node(parent, name)?;
                let text = Text::new(fragment.value(child).unwrap_or_default(), fragment.bindings(child));
                if self.in_base(node) && !self.base_text(node).means(&text) {
                    // One leaf has one value: these are two entries of a leaf-list.
                    if let Some(shape) = spot.shape {
                        self.knowledge.learn_leaf_list(shape);
                    }
                    return None;
                }
                Some(node)
            }
            form => {
                let node = self.child_node(parent, name)?;
                let many = several || matches!(form, Form::List { .. } | Form::Unknown { many: true });
                if !many && !self.differ(node, fragment, child) {
                    return Some(node);
                }
                if let Some(shape) = spot.shape {
                    self.knowledge.learn_many(shape);
                }
                siblings.same(self, parent, name, fragment, child)
            }
        }
    }

    /// Whether a leaf right below has another value in the fragment than in the base.
    fn differ(&self, node: NodeId, fragment: &Tree, from: NodeId) -> bool {
        let shape = self.state(node).shape;
        fragment.children(from).filter(|&leaf| fragment.value(leaf).is_some()).any(|leaf| {
            let Some(name) = self.tree.names().get(fragment.qname(leaf)) else { return false };
            if has_twin(fragment, leaf) || self.knowledge.is_leaf_list(shape, name) {
                return false;
            }
            let mut same = self.tree.children_named(node, name);
            let met = same.next().filter(|&met| self.in_base(met) && same.next().is_none());
            let text = Text::new(fragment.value(leaf).unwrap_or_default(), fragment.bindings(leaf));
            met.is_some_and(|met| !self.base_text(met).means(&text))
        })
    }

    /// Puts a new entry into the table of its list.
    fn enter(&mut self, parent: NodeId, name: Name, fragment: &Tree, child: NodeId, node: NodeId) {
        let spot = self.child_spot(parent, name);
        let key = match self.knowledge.form(spot) {
            Form::List { keys } if !keys.is_empty() => entry_key(fragment, child, &keys),
            Form::LeafList => Some(fragment.value(child).unwrap_or_default().to_owned()),
            _ => None,
        };
        if let Some(key) = key {
            self.lookup.keyed(parent, name, &key, node);
        }
    }

    /// The names of a list's keys, which are in the list's namespace.
    pub(super) fn key_names(&mut self, list: Name, keys: &[Box<str>]) -> Vec<Name> {
        let namespace = self.tree.names().resolve(list).namespace.to_owned();
        keys.iter().map(|key| self.tree.intern(QName::new(&namespace, key))).collect()
    }
}

/// Whether a node of the same name stands right beside it.
fn has_twin(fragment: &Tree, node: NodeId) -> bool {
    let same = |other: Option<NodeId>| other.is_some_and(|other| fragment.name(other) == fragment.name(node));
    same(fragment.next_sibling(node)) || same(fragment.previous_sibling(node))
}

/// The keys of an entry of a fragment, joined, where it has them all.
fn entry_key(fragment: &Tree, entry: NodeId, keys: &[Box<str>]) -> Option<String> {
    let namespace = fragment.qname(entry).namespace;
    let values: Option<Vec<&str>> = keys
        .iter()
        .map(|key| {
            let leaf = fragment.child(entry, QName::new(namespace, key))?;
            Some(fragment.value(leaf).unwrap_or_default())
        })
        .collect();
    values.map(join)
}

/// How far a fragment has been taken in.
#[derive(Debug)]
pub struct Loading {
    names: NameMap,
    /// Nodes of the overlay and of the fragment whose children are to come.
    todo: Vec<(NodeId, NodeId)>,
}

/// The names of a fragment as those of the overlay.
#[derive(Debug, Default)]
struct NameMap(Vec<Option<Name>>);

impl NameMap {
    fn of(&mut self, overlay: &mut Overlay, fragment: &Tree, name: Name) -> Name {
        if let Some(Some(known)) = self.0.get(name.index()) {
            return *known;
        }
        let known = overlay.tree.intern(fragment.names().resolve(name));
        if self.0.len() <= name.index() {
            self.0.resize(name.index() + 1, None);
        }
        if let Some(slot) = self.0.get_mut(name.index()) {
            *slot = Some(known);
        }
        known
    }
}

/// The entries under one parent of lists whose keys are not known, by their first leaf.
#[derive(Default)]
struct Siblings {
    by_first_leaf: HashMap<Name, HashMap<FirstLeaf, Vec<NodeId>>>,
}

/// Name and value.
type FirstLeaf = (Name, Box<str>);

impl Siblings {
    fn same(
        &mut self,
        overlay: &Overlay,
        parent: NodeId,
        name: Name,
        fragment: &Tree,
        child: NodeId,
    ) -> Option<NodeId> {
        let entries = self.by_first_leaf.entry(name).or_insert_with(|| {
            let mut entries: HashMap<_, Vec<NodeId>> = HashMap::new();
            let known = overlay.tree.children_named(parent, name).filter(|&node| overlay.in_base(node));
            for node in known {
                let first = overlay.tree.first_child(node);
                if let Some(first) = first.filter(|&leaf| overlay.tree.first_child(leaf).is_none()) {
                    let value = key_of(&overlay.tree, first, &[]).unwrap_or_default().into();
                    entries.entry((overlay.tree.name(first), value)).or_default().push(node);
                }
            }
            entries
        });
        let first = fragment.first_child(child)?;
        let leaf = overlay.tree.names().get(fragment.qname(first))?;
        let alike = entries.get(&(leaf, fragment.value(first).unwrap_or_default().into()))?;
        alike.iter().copied().find(|&node| !overlay.differ(node, fragment, child))
    }
}
