//! Loading of what was read from the datastore into an overlay that may have edits.

use std::{collections::VecDeque, sync::Arc};

use super::{
    LiveNode, NodeEdit, NodeKind, Overlay, PrefixedText,
    child_lookup::{EntryKey, EntryKeys, FirstEntry},
};
use crate::{Error, HashMap, HashSet, Name, NodeId, Pattern, PatternStep, QName, Tree, xml::XmlFault};

impl Overlay {
    /// Loads what was read from the datastore: everything that `read` matches. A node that `read` matches and
    /// that is not in `fragment` does not exist. The fragment may hold nodes that were read before, and nodes
    /// that have been edited since.
    ///
    /// Nodes of two fragments are the same if they have the same name, list entries if they have the same
    /// keys and leaf-list entries if they have the same value.
    ///
    /// # Errors
    /// [`Error::UnknownKeys`] if a list whose keys are not known was partly read before. What was loaded up
    /// to then stays, but does not count as read.
    pub fn load(&mut self, fragment: &Tree, read: &[Pattern]) -> Result<(), Error> {
        let mut loading = self.begin_load(read);
        while self.load_some(fragment, &mut loading)? > 0 {}
        Ok(())
    }

    /// Starts loading what was read; [`load`](Self::load) does all of it in one call. It counts as read once
    /// [`load_some`](Self::load_some) has returned 0.
    pub fn begin_load(&mut self, read: &[Pattern]) -> FragmentLoad {
        self.forget_last_paths();
        for pattern in read {
            self.schema_view.learn(&mut self.tree, pattern, &mut Vec::new(), false);
        }
        FragmentLoad {
            read: read.to_vec(),
            names: NameMap::default(),
            todo: vec![(Tree::ROOT, Tree::ROOT)],
            current: None,
            repeats: None,
        }
    }

    /// Returns what of a node that was loaded, and not edited since, could not be read: see [`Tree::fault`].
    pub fn fault(&self, live: LiveNode) -> Option<&XmlFault> {
        self.tree.fault(live.node).filter(|_| self.state(live.node).edit == NodeEdit::Keep)
    }

    /// Loads one more node of the fragment. Returns how many nodes it visited, or 0 at the end.
    pub fn load_some(&mut self, fragment: &Tree, loading: &mut FragmentLoad) -> Result<usize, Error> {
        self.forget_last_paths();
        self.loads = self.loads.wrapping_add(1);
        let FragmentLoad { read, names, todo, current, repeats } = loading;
        let repeats = *repeats.get_or_insert_with(|| has_top_level_node_twice(fragment));
        if current.is_none() {
            *current = todo.pop().map(|(parent, from)| LoadingChildren {
                parent,
                next: fragment.first_child(from),
                fresh: !repeats && self.tree.first_child(parent).is_none(),
                read_before: HashMap::default(),
                last_in_base: None,
                new: Vec::new(),
                order: Vec::new(),
                loaded: Vec::new(),
            });
        }
        let before = self.lookup.visited;
        match current {
            Some(children) if children.next.is_some() => {
                let loaded = self.load_child(fragment, children, names, todo);
                if loaded.is_err() {
                    current.take().into_iter().for_each(|children| self.arrange(children));
                }
                loaded?;
            }
            Some(_) => current.take().into_iter().for_each(|children| self.arrange(children)),
            None => {
                for pattern in read.drain(..) {
                    let normal = self.normal_pattern(&pattern);
                    self.coverage.insert(&normal);
                }
                return Ok(0);
            }
        }
        Ok(1 + std::mem::replace(&mut self.lookup.visited, before).saturating_sub(before))
    }

    fn load_child(
        &mut self,
        fragment: &Tree,
        children: &mut LoadingChildren,
        names: &mut NameMap,
        todo: &mut Vec<(NodeId, NodeId)>,
    ) -> Result<(), Error> {
        let Some(child) = children.next else { return Ok(()) };
        children.next = fragment.next_sibling(child);
        let parent = children.parent;
        let name = names.of(self, fragment, fragment.name(child));
        let several = has_neighbor_of_same_name(fragment, child);
        let leaf = fragment.first_child(child).is_none();
        let is_root = parent == Tree::ROOT;
        if several && !is_root {
            let schema_path = self.schema_view.schema_path(self.state(parent).schema_path, name, &self.tree);
            if leaf {
                self.schema_view.learn_leaf_list(schema_path)
            } else {
                self.schema_view.learn_repeated(schema_path)
            }
        }
        let found = if children.fresh {
            SameNode::None
        } else {
            self.same_node(parent, name, fragment, child, several)
        };
        let node = match found {
            SameNode::Unknown => {
                return match self.was_read_whole(children, name) {
                    true => Ok(()),
                    false => Err(Error::UnknownKeys { list: fragment.location(child) }),
                };
            }
            SameNode::Some(node) if self.in_base(node) => {
                // A list of which entries were placed was read whole, and keeps the order that it has now.
                if !self.stored_orders.contains_key(&(parent, name)) {
                    children.new.drain(..).for_each(|new| self.tree.attach(new, parent, Some(node)));
                    children.order.push(node);
                    children.last_in_base = Some(node);
                }
                if !leaf {
                    todo.push((node, child));
                }
                return Ok(());
            }
            SameNode::Some(node) => node,
            SameNode::None => {
                let node = self.add(parent, name)?;
                if self.lookup.has_table(parent, name) {
                    self.add_to_table(parent, name, fragment, child, node);
                }
                node
            }
        };
        self.load_text(node, fragment, child)?;
        if let Some(fault) = fragment.fault(child) {
            self.tree.set_fault(node, fault.clone());
        }
        self.update_state(node, |state| state.in_base = true);
        self.hidden.remove(&node);
        if !self.chosen.is_empty() {
            children.loaded.push(node);
        }
        self.schema_view.mark_seen(self.state(node).schema_path);
        if !leaf {
            todo.push((node, child));
        }
        // At the top a container that comes again must be found.
        if !children.fresh && !is_root {
            self.tree.detach(node);
            children.new.push(node);
            children.order.push(node);
        }
        Ok(())
    }

    /// Moves the new children of a node to their position: after the last one found in the base, and before
    /// those that only the edits have.
    fn arrange(&mut self, children: LoadingChildren) {
        let LoadingChildren { parent, last_in_base, new, order, loaded, .. } = children;
        let before = match last_in_base {
            Some(last_in_base) => self.tree.next_sibling(last_in_base),
            None if new.is_empty() => None,
            None => self.first_not_in_base(parent),
        };
        new.into_iter().for_each(|new| self.tree.attach(new, parent, before));
        self.restore_order(parent, &order);
        // The model of an entry depends on its keys, which are in their place only now.
        loaded.into_iter().for_each(|node| self.displace_loaded(node));
    }

    /// Restores the order that the datastore has of the entries of each list: those that were read one by one are in the order
    /// of the requests. Entries may be between them that were not read now, so nothing else moves.
    fn restore_order(&mut self, parent: NodeId, order: &[NodeId]) {
        if order.len() < 2 {
            return;
        }
        let wanted: HashSet<NodeId> = order.iter().copied().collect();
        let mut children: Vec<NodeId> = self.tree.children(parent).collect();
        self.lookup.visited += children.len();
        if children.iter().filter(|child| wanted.contains(child)).eq(order) {
            return;
        }
        let mut lists: HashMap<Name, VecDeque<NodeId>> = HashMap::default();
        order.iter().for_each(|&child| lists.entry(self.tree.name(child)).or_default().push_back(child));
        let mut is_changed = false;
        for slot in children.iter_mut().filter(|child| wanted.contains(child)) {
            let next = lists.get_mut(&self.tree.name(*slot)).and_then(VecDeque::pop_front);
            is_changed |= next.is_some_and(|next| next != *slot);
            *slot = next.unwrap_or(*slot);
        }
        if !is_changed {
            return;
        }
        for child in children {
            self.tree.detach(child);
            self.tree.attach(child, parent, None);
        }
    }

    /// Returns the first of the trailing nodes that the datastore does not have.
    fn first_not_in_base(&mut self, parent: NodeId) -> Option<NodeId> {
        let mut first = None;
        let mut at = self.tree.last_child(parent);
        while let Some(node) = at.filter(|&node| !self.in_base(node)) {
            self.lookup.visited += 1;
            first = Some(node);
            at = self.tree.previous_sibling(node);
        }
        first
    }

    /// Loads the value of a node that was not known to be in the base.
    fn load_text(&mut self, node: NodeId, fragment: &Tree, from: NodeId) -> Result<(), Error> {
        let value = fragment.value(from);
        let base = fragment_text(fragment, from);
        if self.state(node).edit == NodeEdit::Keep {
            match value {
                Some(value) => self.tree.set_value(node, value, &base.borrowed())?,
                None => self.tree.clear_value(node),
            }
        } else if fragment.first_child(from).is_none() && self.text(node) != base {
            let base = self.tree.keep(base.value, &base.borrowed())?;
            self.replaced.insert(node, base);
            self.keep_equal_text(node);
        }
        Ok(())
    }

    /// Returns whether an earlier load read all children of a name. If so, the fragment has no others.
    fn was_read_whole(&mut self, children: &mut LoadingChildren, name: Name) -> bool {
        if let Some(&known) = children.read_before.get(&name) {
            return known;
        }
        let mut pattern = self.pattern(children.parent);
        self.lookup.visited += pattern.steps.len();
        pattern.steps.push(PatternStep::new(self.tree.names().resolve(name)));
        let covered = self.coverage.covers(&pattern);
        children.read_before.insert(name, covered);
        covered
    }

    /// Finds the node that is the same as one of the fragment.
    fn same_node(
        &mut self,
        parent: NodeId,
        name: Name,
        fragment: &Tree,
        child: NodeId,
        several: bool,
    ) -> SameNode {
        let location = self.child_location(parent, name);
        match self.schema_view.kind(location) {
            NodeKind::List { keys } if !keys.is_empty() => {
                let entry_keys = self.entry_keys(location, name, &keys);
                if let Some(key) = entry_key(fragment, child, &keys, &entry_keys) {
                    let node = self.entry_node(parent, name, &entry_keys, &key);
                    // The leaves that a path named as keys may not be all the keys.
                    if self.schema_view.is_certain(location)
                        || !node.is_some_and(|node| self.leaf_values_differ(node, fragment, child))
                    {
                        return node.into();
                    }
                }
                SameNode::Unknown
            }
            NodeKind::LeafList => {
                let keys = self.entry_keys(location, name, &[]);
                let key = keys.entry([fragment_text(fragment, child)]);
                self.entry_node(parent, name, &keys, &key).into()
            }
            NodeKind::Container
            | NodeKind::PresenceContainer
            | NodeKind::Leaf
            | NodeKind::EmptyLeaf
            | NodeKind::AnyData => self.child_node(parent, name).into(),
            _ if fragment.first_child(child).is_none() => {
                let Some(node) = self.child_node(parent, name) else { return SameNode::None };
                let text = fragment_text(fragment, child);
                if self.in_base(node) && !self.base_text(node).means(&text) {
                    // A leaf has one value, so these are two entries of a leaf-list.
                    if let Some(schema_path) = location.schema_path {
                        self.schema_view.learn_leaf_list(schema_path);
                    }
                    return SameNode::None;
                }
                SameNode::Some(node)
            }
            form => {
                let Some(node) = self.child_node(parent, name) else { return SameNode::None };
                let many =
                    several || matches!(form, NodeKind::List { .. } | NodeKind::Unknown { many: true });
                if !many && !self.leaf_values_differ(node, fragment, child) {
                    return SameNode::Some(node);
                }
                if let Some(schema_path) = location.schema_path {
                    self.schema_view.learn_repeated(schema_path);
                }
                SameNode::Unknown
            }
        }
    }

    /// Returns whether a child leaf has a different value in the fragment than in the base.
    pub(super) fn leaf_values_differ(&mut self, node: NodeId, fragment: &Tree, from: NodeId) -> bool {
        let schema_path = self.state(node).schema_path;
        fragment.children(from).any(|leaf| {
            self.lookup.visited += 1;
            let Some(value) = fragment.value(leaf) else { return false };
            let Some(name) = self.tree.names().get(fragment.qname(leaf)) else { return false };
            if has_neighbor_of_same_name(fragment, leaf) || self.schema_view.is_leaf_list(schema_path, name) {
                return false;
            }
            let met = match self.lookup.named(&self.tree, node, name) {
                Some(FirstEntry { node: met, several: false }) if self.in_base(met) => met,
                _ => return false,
            };
            !self.base_text(met).means(&PrefixedText { value, bindings: fragment.bindings(leaf) })
        })
    }

    /// Adds a new entry to the table of its list.
    fn add_to_table(&mut self, parent: NodeId, name: Name, fragment: &Tree, child: NodeId, node: NodeId) {
        let location = self.child_location(parent, name);
        let keys = match self.schema_view.kind(location) {
            NodeKind::List { keys } if !keys.is_empty() => keys,
            NodeKind::LeafList => Arc::default(),
            _ => return,
        };
        let entry_keys = self.entry_keys(location, name, &keys);
        let key = match keys.is_empty() {
            true => Some(entry_keys.entry([fragment_text(fragment, child)])),
            false => entry_key(fragment, child, &keys, &entry_keys),
        };
        if let Some(key) = key {
            self.lookup.add_entry(parent, name, key, node);
        }
    }

    /// Returns the names of a list's keys, which are in the namespace of the list.
    pub(super) fn key_names(&mut self, list: Name, keys: &[Box<str>]) -> Vec<Name> {
        let names = self.tree.names_mut();
        keys.iter().map(|key| names.intern_beside(list, key)).collect()
    }
}

/// Returns whether the next or previous sibling has the same name.
pub(super) fn has_neighbor_of_same_name(fragment: &Tree, node: NodeId) -> bool {
    let same = |other: Option<NodeId>| other.is_some_and(|other| fragment.name(other) == fragment.name(node));
    same(fragment.next_sibling(node)) || same(fragment.previous_sibling(node))
}

/// Returns whether a fragment has the same container twice at its top. Controller 1.8.0 returns `devices` twice if the
/// expressions of a union lead into it, then elsewhere, and into it again. Further down it does not.
fn has_top_level_node_twice(fragment: &Tree) -> bool {
    let mut names = HashSet::default();
    fragment.children(Tree::ROOT).any(|top| !names.insert(fragment.name(top)))
}

/// Returns what identifies an entry of a fragment, if it has all of them.
fn entry_key(fragment: &Tree, entry: NodeId, keys: &[Box<str>], identified: &EntryKeys) -> Option<EntryKey> {
    let namespace = fragment.qname(entry).namespace;
    let leaves: Option<Vec<NodeId>> =
        keys.iter().map(|key| fragment.child(entry, QName::new(namespace, key))).collect();
    Some(identified.entry(leaves?.into_iter().map(|leaf| fragment_text(fragment, leaf))))
}

fn fragment_text(fragment: &Tree, leaf: NodeId) -> PrefixedText<'_> {
    PrefixedText { value: fragment.value(leaf).unwrap_or_default(), bindings: fragment.bindings(leaf) }
}

/// The node of the overlay that is the same as a node of a fragment.
enum SameNode {
    Some(NodeId),
    None,
    /// The node is an entry of a list whose keys are not known.
    Unknown,
}

impl From<Option<NodeId>> for SameNode {
    fn from(node: Option<NodeId>) -> Self {
        node.map_or(Self::None, Self::Some)
    }
}

/// The progress of loading a fragment.
#[derive(Debug)]
pub struct FragmentLoad {
    /// The patterns that count as read once the whole fragment is loaded.
    read: Vec<Pattern>,
    names: NameMap,
    /// Nodes of the overlay and of the fragment whose children remain to be loaded.
    todo: Vec<(NodeId, NodeId)>,
    current: Option<LoadingChildren>,
    /// Whether the fragment has the same container twice.
    repeats: Option<bool>,
}

/// The progress of loading the children of one node.
#[derive(Debug)]
struct LoadingChildren {
    parent: NodeId,
    /// The next child, in the fragment.
    next: Option<NodeId>,
    /// The parent had no children before.
    fresh: bool,
    /// For lists whose keys are not known: whether an earlier load has read all entries.
    read_before: HashMap<Name, bool>,
    /// The last child found in the base.
    last_in_base: Option<NodeId>,
    /// The new children since then.
    new: Vec<NodeId>,
    /// All children in the order of the fragment, if the parent had children before.
    order: Vec<NodeId>,
    /// What may be in another case than the edits have chosen.
    loaded: Vec<NodeId>,
}

/// The names of a fragment, mapped to those of the overlay.
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
