//! The tree itself: an arena of nodes.

use crate::{Error, HashMap, Name, Names, QName, xml::XmlFault};

const NONE: u32 = u32::MAX;

/// A node of one [`Tree`], identified by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    fn some(id: u32) -> Option<Self> {
        (id != NONE).then_some(Self(id))
    }

    /// Returns the number, as an index into tables kept beside the tree. Nodes are numbered from 0 (the root)
    /// without gaps.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The prefixes that a value uses, with their namespaces, as in an identityref (RFC 7950, section 9.10.3).
/// They are copied along with the value.
pub type Bindings = Box<[(Box<str>, Box<str>)]>;

/// The number of [`Bindings`] in one [`Tree`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindingsId(u32);

impl BindingsId {
    /// No prefixes.
    pub(crate) const NONE: Self = Self(0);
}

#[derive(Clone, Debug)]
struct NodeData {
    name: Name,
    parent: u32,
    first_child: u32,
    last_child: u32,
    previous: u32,
    next: u32,
    value: NodeValue,
    /// The index of a set in `Tree::bindings`; 0 for none.
    bindings: u32,
}

impl NodeData {
    /// Returns a node without relatives and value.
    fn detached(name: Name) -> Self {
        Self {
            name,
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            previous: NONE,
            next: NONE,
            value: NodeValue::ABSENT,
            bindings: 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct NodeValue {
    start: u32,
    length: u32,
}

impl NodeValue {
    const ABSENT: Self = Self { start: NONE, length: 0 };
}

/// A value, with its prefixes, that is stored in one [`Tree`]. The tree keeps it until it is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenValue {
    value: NodeValue,
    bindings: u32,
}

/// A tree of named nodes, each with a value or with children. The root has no name and is not an element:
/// its children are the top-level nodes of a datastore.
///
/// A detached node keeps its number and its memory until the tree is dropped. That is cheap enough, because a
/// tree lives no longer than a commit.
#[derive(Clone, Debug)]
pub struct Tree {
    names: Names,
    nodes: Vec<NodeData>,
    text: String,
    bindings: Vec<Bindings>,
    binding_ids: HashMap<Bindings, u32>,
    attributes: HashMap<NodeId, Vec<(Name, Box<str>)>>,
    faults: HashMap<NodeId, XmlFault>,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// The root of every tree.
    pub const ROOT: NodeId = NodeId(0);

    /// Creates a tree that holds only the root.
    pub fn new() -> Self {
        let mut names = Names::default();
        let name = names.intern(QName::new("", ""));
        Self {
            names,
            nodes: vec![NodeData::detached(name)],
            text: String::new(),
            bindings: vec![Bindings::default()],
            binding_ids: HashMap::default(),
            attributes: HashMap::default(),
            faults: HashMap::default(),
        }
    }

    /// Returns the number of nodes in the arena, including detached ones and the root.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns whether the root has no children.
    pub fn is_empty(&self) -> bool {
        self.first_child(Self::ROOT).is_none()
    }

    /// Returns the names of this tree.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Returns the number of a name in this tree, and assigns one if the name is new.
    pub fn intern(&mut self, name: QName<'_>) -> Name {
        self.names.intern(name)
    }

    pub(crate) fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Reserves memory for this many more nodes.
    pub fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve(nodes);
    }

    /// Returns the size in bytes of all stored values, and of how many more there is room.
    #[inline]
    pub(crate) fn text_room(&self) -> (usize, usize) {
        (self.text.len(), self.text.capacity() - self.text.len())
    }

    /// Reserves memory for so many bytes more of values.
    pub(crate) fn reserve_text(&mut self, bytes: usize) {
        self.text.reserve_exact(bytes);
    }

    // The number of a node of another tree is a caller's bug. It reads as the root, so that the bug does not
    // crash the daemon.
    #[allow(clippy::indexing_slicing)] // the root, nodes[0], always exists
    fn node(&self, id: NodeId) -> &NodeData {
        self.nodes.get(id.index()).unwrap_or(&self.nodes[0])
    }

    fn update(&mut self, id: u32, change: impl FnOnce(&mut NodeData)) {
        if let Some(node) = self.nodes.get_mut(id as usize) {
            change(node);
        }
    }

    /// Returns the node's name as a number.
    pub fn name(&self, node: NodeId) -> Name {
        self.node(node).name
    }

    /// Returns the node's qualified name.
    pub fn qname(&self, node: NodeId) -> QName<'_> {
        self.names.resolve(self.node(node).name)
    }

    /// Returns the parent; none for the root and for a detached node.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        NodeId::some(self.node(node).parent)
    }

    /// Returns the first child in document order.
    pub fn first_child(&self, node: NodeId) -> Option<NodeId> {
        NodeId::some(self.node(node).first_child)
    }

    /// Returns the last child in document order.
    pub fn last_child(&self, node: NodeId) -> Option<NodeId> {
        NodeId::some(self.node(node).last_child)
    }

    /// Returns the next sibling in document order.
    pub fn next_sibling(&self, node: NodeId) -> Option<NodeId> {
        NodeId::some(self.node(node).next)
    }

    /// Returns the previous sibling in document order.
    pub fn previous_sibling(&self, node: NodeId) -> Option<NodeId> {
        NodeId::some(self.node(node).previous)
    }

    /// Returns the children in document order.
    pub fn children(&self, node: NodeId) -> Children<'_> {
        Children { tree: self, next: self.first_child(node) }
    }

    /// Returns the children with this name, in document order.
    pub fn children_named(&self, node: NodeId, name: Name) -> impl Iterator<Item = NodeId> + '_ {
        self.children(node).filter(move |&child| self.name(child) == name)
    }

    /// Returns the first child with this name.
    pub fn child(&self, node: NodeId, name: QName<'_>) -> Option<NodeId> {
        let name = self.names.get(name)?;
        self.children_named(node, name).next()
    }

    /// Returns the node and its descendants in document order, each with its depth below `node`.
    pub fn descendants(&self, node: NodeId) -> Descendants<'_> {
        Descendants { tree: self, top: node, next: Some((node, 0)) }
    }

    /// Returns the path of the node for a message: the local names from the top, as in
    /// `/devices/device/name`.
    pub fn location(&self, node: NodeId) -> String {
        self.path_to(node).into_iter().fold(String::new(), |path, node| path + "/" + self.qname(node).local)
    }

    /// Returns what of a node could not be read, if a [tolerant reader](crate::xml::XmlTreeReader::tolerant) got over it.
    pub fn fault(&self, node: NodeId) -> Option<&XmlFault> {
        self.faults.get(&node)
    }

    /// Returns all nodes of which something could not be read.
    pub fn faults(&self) -> impl Iterator<Item = (NodeId, &XmlFault)> {
        self.faults.iter().map(|(&node, fault)| (node, fault))
    }

    pub(crate) fn set_fault(&mut self, node: NodeId, fault: XmlFault) {
        self.faults.insert(node, fault);
    }

    /// Returns the nodes from the top level down to this one, without the root.
    pub fn path_to(&self, node: NodeId) -> Vec<NodeId> {
        let up = std::iter::successors(Some(node), |&node| self.parent(node));
        let mut path: Vec<_> = up.take_while(|&node| node != Self::ROOT).collect();
        path.reverse();
        path
    }

    /// Returns the node's text, or none if it was never set, as in a container. An element without content
    /// (`<a/>`) has none either: only a data model can tell whether it is an empty leaf, an empty string or a
    /// container.
    pub fn value(&self, node: NodeId) -> Option<&str> {
        self.value_of(self.given(node))
    }

    /// Returns the prefixes that the node's value uses, with their namespaces.
    pub fn bindings(&self, node: NodeId) -> &[(Box<str>, Box<str>)] {
        self.bindings_of(self.given(node))
    }

    pub(crate) fn value_of(&self, given: GivenValue) -> Option<&str> {
        let NodeValue { start, length } = given.value;
        if start == NONE {
            return None;
        }
        self.text.get(start as usize..start as usize + length as usize)
    }

    pub(crate) fn bindings_of(&self, given: GivenValue) -> &[(Box<str>, Box<str>)] {
        self.bindings.get(given.bindings as usize).map_or(&[], |bindings| bindings)
    }

    /// Sets the node's text and the prefixes that it uses.
    pub fn set_value(&mut self, node: NodeId, value: &str, bindings: &[(&str, &str)]) -> Result<(), Error> {
        let given = self.keep(value, bindings)?;
        self.give(node, given);
        Ok(())
    }

    /// Sets the node's text, which uses these prefixes.
    #[inline]
    pub(crate) fn set_value_of(
        &mut self,
        node: NodeId,
        value: &str,
        bindings: BindingsId,
    ) -> Result<(), Error> {
        let value = self.store(value)?;
        self.give(node, GivenValue { value, bindings: bindings.0 });
        Ok(())
    }

    /// Stores a value, which [`give`](Self::give) can then assign to nodes.
    pub(crate) fn keep(&mut self, value: &str, bindings: &[(&str, &str)]) -> Result<GivenValue, Error> {
        let value = self.store(value)?;
        Ok(GivenValue { value, bindings: self.intern_bindings(bindings).0 })
    }

    #[inline]
    fn store(&mut self, value: &str) -> Result<NodeValue, Error> {
        let start = u32::try_from(self.text.len()).map_err(|_| Error::TooLarge)?;
        let length = u32::try_from(value.len()).map_err(|_| Error::TooLarge)?;
        if start.checked_add(length).is_none_or(|end| end == NONE) {
            return Err(Error::TooLarge);
        }
        self.text.push_str(value);
        Ok(NodeValue { start, length })
    }

    /// Returns the node's current value.
    pub(crate) fn given(&self, node: NodeId) -> GivenValue {
        let node = self.node(node);
        GivenValue { value: node.value, bindings: node.bindings }
    }

    /// Assigns a stored value of this tree to a node.
    pub(crate) fn give(&mut self, node: NodeId, given: GivenValue) {
        self.update(node.0, |node| (node.value, node.bindings) = (given.value, given.bindings));
    }

    /// Returns the size in bytes of all stored values.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.text.len()
    }

    /// Returns the number of a set of prefixes, and assigns one if the set is new.
    pub(crate) fn intern_bindings(&mut self, bindings: &[(&str, &str)]) -> BindingsId {
        if bindings.is_empty() {
            return BindingsId::NONE;
        }
        let bindings: Bindings =
            bindings.iter().map(|&(prefix, namespace)| (prefix.into(), namespace.into())).collect();
        if let Some(&id) = self.binding_ids.get(&bindings) {
            return BindingsId(id);
        }
        let id = u32::try_from(self.bindings.len()).unwrap_or(0);
        self.bindings.push(bindings.clone());
        self.binding_ids.insert(bindings, id);
        BindingsId(id)
    }

    /// Removes the node's text.
    pub fn clear_value(&mut self, node: NodeId) {
        self.give(node, GivenValue { value: NodeValue::ABSENT, bindings: 0 });
    }

    /// Returns the node's attributes in the order in which they were set, without namespace declarations.
    pub fn attributes(&self, node: NodeId) -> impl Iterator<Item = (QName<'_>, &str)> {
        let attributes = self.attributes.get(&node).map_or(&[][..], Vec::as_slice);
        attributes.iter().map(|(name, value)| (self.names.resolve(*name), &**value))
    }

    /// Returns one attribute of the node.
    pub fn attribute(&self, node: NodeId, name: QName<'_>) -> Option<&str> {
        let name = self.names.get(name)?;
        self.attributes.get(&node)?.iter().find_map(|(other, value)| (*other == name).then_some(&**value))
    }

    /// Sets an attribute of the node, replacing its previous value.
    pub fn set_attribute(&mut self, node: NodeId, name: QName<'_>, value: &str) {
        let name = self.names.intern(name);
        let attributes = self.attributes.entry(node).or_default();
        match attributes.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value.into(),
            None => attributes.push((name, value.into())),
        }
    }

    /// Adds an attribute to the node. Returns false, and changes nothing, if the node already has it.
    pub(crate) fn add_attribute(&mut self, node: NodeId, name: Name, value: &str) -> bool {
        let attributes = self.attributes.entry(node).or_default();
        let new = attributes.iter().all(|(other, _)| *other != name);
        if new {
            attributes.push((name, value.into()));
        }
        new
    }

    /// Adds a node as the last child of `parent`.
    #[inline]
    pub fn append(&mut self, parent: NodeId, name: Name) -> Result<NodeId, Error> {
        let id = u32::try_from(self.nodes.len()).ok().filter(|&id| id != NONE).ok_or(Error::TooLarge)?;
        let previous = self.node(parent).last_child;
        self.nodes.push(NodeData { parent: parent.0, previous, ..NodeData::detached(name) });
        self.update(previous, |node_before| node_before.next = id);
        self.update(parent.0, |parent| {
            if previous == NONE {
                parent.first_child = id;
            }
            parent.last_child = id;
        });
        Ok(NodeId(id))
    }

    /// Copies a node of another tree, with its descendants, and adds the copy as the last child of `parent`.
    pub fn append_copy(&mut self, parent: NodeId, other: &Self, node: NodeId) -> Result<NodeId, Error> {
        self.append_copy_to(parent, other, node, usize::MAX)
    }

    /// As [`append_copy`](Self::append_copy), but copies at most this many levels below the node.
    pub fn append_copy_to(
        &mut self,
        parent: NodeId,
        other: &Self,
        node: NodeId,
        levels: usize,
    ) -> Result<NodeId, Error> {
        let mut names = HashMap::default();
        let mut above = vec![parent];
        for (node, depth) in other.descendants(node).filter(|&(_, depth)| depth <= levels) {
            above.truncate(depth + 1);
            let under = above.last().copied().unwrap_or(parent);
            let name = *names.entry(other.name(node)).or_insert_with(|| self.intern(other.qname(node)));
            let copy = self.append(under, name)?;
            self.copy_content(copy, other, node)?;
            above.push(copy);
        }
        Ok(above.get(1).copied().unwrap_or(parent))
    }

    /// Copies the value and the attributes of a node of another tree to a node of this one.
    pub(crate) fn copy_content(&mut self, to: NodeId, other: &Self, from: NodeId) -> Result<(), Error> {
        match other.value(from) {
            None => self.clear_value(to),
            Some(value) => {
                let bindings = other.bindings(from).iter();
                let bindings: Vec<_> = bindings.map(|(prefix, ns)| (&**prefix, &**ns)).collect();
                self.set_value(to, value, &bindings)?;
            }
        }
        for (name, value) in other.attributes(from) {
            self.set_attribute(to, name, value);
        }
        Ok(())
    }

    /// Makes a detached node a child of `parent`: directly before `before`, or else the last.
    pub fn attach(&mut self, node: NodeId, parent: NodeId, before: Option<NodeId>) {
        let next = before.map_or(NONE, |before| before.0);
        let previous = match before {
            Some(before) => self.node(before).previous,
            None => self.node(parent).last_child,
        };
        self.update(node.0, |node| {
            node.parent = parent.0;
            node.previous = previous;
            node.next = next;
        });
        self.update(previous, |node_before| node_before.next = node.0);
        self.update(next, |node_after| node_after.previous = node.0);
        self.update(parent.0, |parent| {
            if previous == NONE {
                parent.first_child = node.0;
            }
            if next == NONE {
                parent.last_child = node.0;
            }
        });
    }

    /// Detaches a node, with its descendants, from its parent.
    pub fn detach(&mut self, node: NodeId) {
        let NodeData { parent, previous, next, .. } = *self.node(node);
        if parent == NONE {
            return;
        }
        self.update(previous, |node_before| node_before.next = next);
        self.update(next, |node_after| node_after.previous = previous);
        self.update(parent, |parent| {
            if previous == NONE {
                parent.first_child = next;
            }
            if next == NONE {
                parent.last_child = previous;
            }
        });
        self.update(node.0, |node| {
            node.parent = NONE;
            node.previous = NONE;
            node.next = NONE;
        });
    }
}

/// The children of a node in document order.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    tree: &'a Tree,
    next: Option<NodeId>,
}

impl Iterator for Children<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let node = self.next?;
        self.next = self.tree.next_sibling(node);
        Some(node)
    }
}

/// A node and its descendants in document order, each with its depth below the first.
#[derive(Clone, Debug)]
pub struct Descendants<'a> {
    tree: &'a Tree,
    top: NodeId,
    next: Option<(NodeId, usize)>,
}

impl Iterator for Descendants<'_> {
    type Item = (NodeId, usize);

    fn next(&mut self) -> Option<(NodeId, usize)> {
        let (node, depth) = self.next?;
        self.next = self.tree.first_child(node).map(|child| (child, depth + 1)).or_else(|| {
            let (mut up, mut depth) = (node, depth);
            while up != self.top {
                if let Some(sibling) = self.tree.next_sibling(up) {
                    return Some((sibling, depth));
                }
                up = self.tree.parent(up)?;
                depth -= 1;
            }
            None
        });
        Some((node, depth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(tree: &mut Tree, parent: NodeId, local: &str) -> NodeId {
        let name = tree.intern(QName::new("urn:x", local));
        tree.append(parent, name).unwrap()
    }

    fn names(tree: &Tree) -> Vec<(&str, usize)> {
        tree.descendants(Tree::ROOT).skip(1).map(|(node, depth)| (tree.qname(node).local, depth)).collect()
    }

    #[test]
    fn children_keep_their_order() {
        let mut tree = Tree::new();
        let a = add(&mut tree, Tree::ROOT, "a");
        let c = add(&mut tree, Tree::ROOT, "c");
        add(&mut tree, a, "a1");
        let b = add(&mut tree, Tree::ROOT, "b");
        tree.detach(b);
        tree.attach(b, Tree::ROOT, Some(c));
        assert_eq!(names(&tree), [("a", 1), ("a1", 2), ("b", 1), ("c", 1)]);
        tree.detach(a);
        assert_eq!(names(&tree), [("b", 1), ("c", 1)]);
        tree.attach(a, Tree::ROOT, None);
        assert_eq!(names(&tree), [("b", 1), ("c", 1), ("a", 1), ("a1", 2)]);
        tree.detach(c);
        assert_eq!(names(&tree), [("b", 1), ("a", 1), ("a1", 2)]);
    }

    #[test]
    fn empty_value_differs_from_missing_value() {
        let mut tree = Tree::new();
        let a = add(&mut tree, Tree::ROOT, "a");
        assert_eq!(tree.value(a), None);
        tree.set_value(a, "", &[]).unwrap();
        assert_eq!(tree.value(a), Some(""));
        tree.set_value(a, "p:x", &[("p", "urn:p")]).unwrap();
        assert_eq!(tree.bindings(a), [("p".into(), "urn:p".into())]);
        tree.clear_value(a);
        assert_eq!(tree.value(a), None);
        assert!(tree.bindings(a).is_empty());
    }

    #[test]
    fn names_in_different_namespaces_differ() {
        let mut tree = Tree::new();
        let x = tree.intern(QName::new("urn:x", "a"));
        let y = tree.intern(QName::new("urn:y", "a"));
        assert_ne!(x, y);
        tree.append(Tree::ROOT, y).unwrap();
        assert!(tree.child(Tree::ROOT, QName::new("urn:x", "a")).is_none());
        assert!(tree.child(Tree::ROOT, QName::new("urn:y", "a")).is_some());
    }
}
