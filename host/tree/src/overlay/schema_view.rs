//! What is known about schema paths: which are lists, and what their keys are.

use std::{collections::HashMap, sync::Arc};

use crate::{
    CONTROLLER, DataNodeKind, Name, Names, Pattern, QName, Schema, SchemaNode, Tree,
    keys::{LearnedKeys, ListKeys},
};

/// What is known about lists and their keys: from YANG; from declarations; from the built-in list of the
/// controller's own lists; and from paths. Keys are never guessed from data.
#[derive(Clone)]
pub struct SchemaView {
    schema: Arc<dyn Schema>,
    /// The keys of the controller's own lists.
    known: ListKeys,
    shapes: Vec<SchemaPath>,
    by_name: HashMap<(u32, Name), u32>,
    /// The names of the children, of any namespace, by schema path and local name.
    by_local: HashMap<(u32, Box<str>), Vec<Name>>,
}

/// A path of names without keys: all interfaces of all devices share one.
#[derive(Clone, Debug)]
struct SchemaPath {
    learned: LearnedList,
    certainty: KeyCertainty,
    /// More than one node with children has been seen under one parent.
    many: bool,
    /// A node was seen at this path, or the path was declared; it was not merely requested.
    seen: bool,
    /// The index in [`SchemaView::known`].
    known: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LearnedList {
    Nothing,
    Container,
    LeafList,
    List(Keys),
}

/// How certain the keys of a list are if YANG does not define them. A more certain source replaces a less
/// certain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyCertainty {
    /// Named by a path that was only read. It may filter by a leaf that is not a key.
    Weak,
    /// Used by an edit, or for a leaf-list shown by the data. They stay.
    Used,
    /// Declared.
    Declared,
}

/// The keys of a list, in order.
type Keys = Arc<[Box<str>]>;

/// What is known about one schema path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaLocation {
    /// `None` if the path is new.
    pub(super) shape: Option<u32>,
    /// `None` if no YANG model is known.
    pub(crate) schema: Option<SchemaNode>,
}

impl SchemaLocation {
    /// Returns the schema node, if the YANG model is known.
    pub fn schema(&self) -> Option<SchemaNode> {
        self.schema
    }
}

/// The kind of a node, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Nothing is known. One parent may have several of these nodes.
    Unknown {
        /// One parent has several, so this is a list whose keys are not known.
        many: bool,
    },
    /// A container that exists only to hold other nodes, or one about which nothing else is known.
    Container,
    /// A container whose existence has a meaning.
    PresenceContainer,
    /// A list.
    List {
        /// Its keys, in order; empty for a list without keys.
        keys: Arc<[Box<str>]>,
    },
    /// A leaf with a value.
    Leaf,
    /// A leaf of type `empty`.
    EmptyLeaf,
    /// A leaf-list.
    LeafList,
    /// Arbitrary XML (`anydata` or `anyxml`).
    AnyData,
}

/// The most namespaces that are candidates for one local name below one schema path.
const MOST_NAMESPACES: usize = 64;

/// The controller's containers that are not on the path to one of its lists.
const CONTAINERS: [&[&str]; 3] =
    [&["devices", "device", "config"], &["services"], &["services", "properties"]];

impl SchemaView {
    pub(super) const ROOT: u32 = 0;

    pub(super) fn new(schema: Arc<dyn Schema>, tree: &mut Tree) -> Self {
        let mut schema_view = Self {
            schema,
            known: ListKeys::default(),
            shapes: vec![SchemaPath {
                learned: LearnedList::Container,
                certainty: KeyCertainty::Declared,
                many: false,
                seen: true,
                known: Some(0),
            }],
            by_name: HashMap::new(),
            by_local: HashMap::new(),
        };
        for path in CONTAINERS {
            let path = path.iter().map(|local| QName::new(CONTROLLER, local));
            let shape = path.fold(Self::ROOT, |above, name| {
                let name = tree.intern(name);
                let shape = schema_view.shape(above, name, tree);
                schema_view.mark_seen(shape);
                shape
            });
            if let Some(shape) = schema_view.shapes.get_mut(shape as usize) {
                (shape.learned, shape.certainty) = (LearnedList::Container, KeyCertainty::Declared);
            }
        }
        schema_view
    }

    /// Returns the schema path of a child, adding it if necessary.
    pub(super) fn shape(&mut self, parent: u32, name: Name, tree: &Tree) -> u32 {
        if let Some(&shape) = self.by_name.get(&(parent, name)) {
            return shape;
        }
        let shape = u32::try_from(self.shapes.len()).unwrap_or(u32::MAX);
        let qname = tree.names().resolve(name);
        let above = self.shapes.get(parent as usize).and_then(|above| above.known);
        let known = above.and_then(|above| self.known.child(above, qname));
        let learned = match known.map(|known| self.known.kind(known)) {
            Some(Some(LearnedKeys::List(keys))) => LearnedList::List(keys.clone().into()),
            Some(Some(LearnedKeys::LeafList)) => LearnedList::LeafList,
            // It is on the path to a list and is not a list itself.
            Some(None) => LearnedList::Container,
            None => LearnedList::Nothing,
        };
        let certainty = if known.is_some() { KeyCertainty::Declared } else { KeyCertainty::Weak };
        self.shapes.push(SchemaPath { learned, certainty, many: false, seen: false, known });
        self.by_name.insert((parent, name), shape);
        self.by_local.entry((parent, qname.local.into())).or_default().push(name);
        shape
    }

    /// Returns how many schema paths are known.
    pub(super) fn size(&self) -> usize {
        self.shapes.len()
    }

    /// Records that a node exists, or may exist, at this path.
    pub(super) fn mark_seen(&mut self, shape: u32) {
        if let Some(shape) = self.shapes.get_mut(shape as usize) {
            shape.seen = true;
        }
    }

    /// Returns the location of the root.
    pub fn root(&self) -> SchemaLocation {
        SchemaLocation { shape: Some(Self::ROOT), schema: self.schema.root() }
    }

    /// Returns the location below the list entry that has these keys, in order: each device may have YANG
    /// models of its own.
    pub fn entry(&self, list: SchemaLocation, keys: &[&str]) -> SchemaLocation {
        SchemaLocation { schema: list.schema.map(|node| self.schema.entry(node, keys)), ..list }
    }

    /// Returns the location of a child.
    pub fn child(&self, names: &Names, parent: SchemaLocation, name: QName<'_>) -> SchemaLocation {
        let shape = parent.shape.zip(names.get(name)).and_then(|place| self.by_name.get(&place).copied());
        SchemaLocation { shape, schema: parent.schema.and_then(|above| self.schema.child(above, name)) }
    }

    /// Returns whether the kind of a node is certain: known from the YANG model, or declared.
    pub fn is_certain(&self, spot: SchemaLocation) -> bool {
        spot.schema.is_some() || self.certainty(spot) >= Some(KeyCertainty::Declared)
    }

    /// Returns whether the kind of a node is final: it is certain, or an edit relied on it.
    pub(crate) fn is_fixed(&self, spot: SchemaLocation) -> bool {
        spot.schema.is_some() || self.certainty(spot) >= Some(KeyCertainty::Used)
    }

    fn certainty(&self, spot: SchemaLocation) -> Option<KeyCertainty> {
        self.shapes.get(spot.shape? as usize).map(|shape| shape.certainty)
    }

    /// Returns the kind of the node at a location.
    pub fn kind(&self, spot: SchemaLocation) -> NodeKind {
        if let Some(node) = spot.schema {
            return match self.schema.kind(node) {
                DataNodeKind::Container => NodeKind::Container,
                DataNodeKind::PresenceContainer => NodeKind::PresenceContainer,
                DataNodeKind::List => NodeKind::List { keys: self.schema.keys(node).into() },
                DataNodeKind::Leaf => NodeKind::Leaf,
                DataNodeKind::EmptyLeaf => NodeKind::EmptyLeaf,
                DataNodeKind::LeafList => NodeKind::LeafList,
                DataNodeKind::AnyData => NodeKind::AnyData,
            };
        }
        let Some(shape) = spot.shape.and_then(|shape| self.shapes.get(shape as usize)) else {
            return NodeKind::Unknown { many: false };
        };
        match &shape.learned {
            LearnedList::Nothing => NodeKind::Unknown { many: shape.many },
            LearnedList::Container => NodeKind::Container,
            LearnedList::LeafList => NodeKind::LeafList,
            LearnedList::List(keys) => NodeKind::List { keys: keys.clone() },
        }
    }

    /// Returns the YANG schema.
    pub fn schema(&self) -> &dyn Schema {
        &*self.schema
    }

    /// Returns the names, of any namespace, that are known below a location and have the local name `local`:
    /// from the YANG model, or else because they were seen there or declared.
    pub fn candidates<'a>(&'a self, names: &'a Names, spot: SchemaLocation, local: &str) -> Vec<QName<'a>> {
        let mut found: Vec<QName<'_>> = match spot.schema {
            Some(node) => self.schema.children(node).into_iter().filter(|name| name.local == local).collect(),
            None => Vec::new(),
        };
        if let Some(shape) = spot.shape.filter(|_| found.is_empty())
            && let Some(seen) = self.by_local.get(&(shape, local.into()))
        {
            let seen = seen.iter().take(MOST_NAMESPACES).filter(|&&name| {
                let child =
                    self.by_name.get(&(shape, name)).and_then(|&child| self.shapes.get(child as usize));
                child.is_some_and(|child| child.seen)
            });
            found = seen.map(|&name| names.resolve(name)).collect();
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Learns the keys that a pattern names. Returns whether any of it is new.
    pub(super) fn learn(&mut self, tree: &mut Tree, pattern: &Pattern, declared: bool) -> bool {
        let (mut at, mut spot, mut new) = (Self::ROOT, self.root(), false);
        // A declaration that names the keys of one list names those of all: its other steps are not lists.
        let careful = declared && pattern.steps.iter().skip(2).any(|step| !step.keys.is_empty());
        for (index, step) in pattern.steps.iter().enumerate() {
            let before = self.shapes.len();
            let name = tree.intern(step.name());
            spot = self.child(tree.names(), spot, step.name());
            at = self.shape(at, name, tree);
            spot.shape = Some(at);
            new |= self.shapes.len() > before;
            let keys: Keys = step.keys.iter().map(|(key, _)| key.clone()).collect();
            let Some(shape) = self.shapes.get_mut(at as usize) else { return new };
            shape.seen |= declared;
            let certainty = if declared { KeyCertainty::Declared } else { KeyCertainty::Weak };
            let learned = if !keys.is_empty() {
                Some(LearnedList::List(keys))
            } else if step.entry.is_some() {
                Some(LearnedList::LeafList)
            } else {
                None
            };
            match learned {
                Some(learned) if shape.learned == learned => shape.certainty = shape.certainty.max(certainty),
                Some(learned) if shape.takes(&learned, certainty) => {
                    (shape.learned, shape.certainty) = (learned, shape.certainty.max(certainty));
                    new = true;
                }
                None if careful && index + 1 < pattern.steps.len() => self.learn_container(at),
                _ => {}
            }
            if let Some(values) = step.key_values() {
                spot = self.entry(spot, &values);
            }
        }
        new
    }

    /// Learns that a step without keys on the path of an edit is a container.
    pub(super) fn learn_container(&mut self, shape: u32) {
        if let Some(shape) = self.shapes.get_mut(shape as usize)
            && matches!(shape.learned, LearnedList::Nothing)
            && !shape.many
        {
            shape.learned = LearnedList::Container;
        }
    }

    pub(super) fn learn_leaf_list(&mut self, shape: u32) {
        self.fix(shape, LearnedList::LeafList);
    }

    pub(super) fn learn_keys(&mut self, shape: u32, keys: Keys) {
        self.fix(shape, LearnedList::List(keys));
    }

    fn fix(&mut self, shape: u32, learned: LearnedList) {
        if let Some(shape) = self.shapes.get_mut(shape as usize)
            && (shape.certainty == KeyCertainty::Weak || shape.learned == learned)
        {
            (shape.learned, shape.certainty) = (learned, shape.certainty.max(KeyCertainty::Used));
        }
    }

    pub(super) fn learn_many(&mut self, shape: u32) {
        if let Some(shape) = self.shapes.get_mut(shape as usize) {
            shape.many = true;
            if matches!(shape.learned, LearnedList::Container) {
                shape.learned = LearnedList::Nothing;
            }
        }
    }

    pub(super) fn is_learned_container(&self, shape: u32) -> bool {
        let learned = self.shapes.get(shape as usize).map(|shape| &shape.learned);
        matches!(learned, Some(LearnedList::Container | LearnedList::List(_)))
    }

    /// Returns whether the children with this name are known to be leaf-list entries.
    pub(super) fn is_leaf_list(&self, parent: u32, name: Name) -> bool {
        let shape = self.by_name.get(&(parent, name)).and_then(|&shape| self.shapes.get(shape as usize));
        matches!(shape.map(|shape| &shape.learned), Some(LearnedList::LeafList))
    }

    pub(super) fn has_model(&self) -> bool {
        self.schema.root().is_some()
    }

    pub(super) fn is_model_container(&self, node: SchemaNode) -> bool {
        matches!(
            self.schema.kind(node),
            DataNodeKind::Container | DataNodeKind::PresenceContainer | DataNodeKind::List
        )
    }

    pub(super) fn model_keys(&self, node: SchemaNode) -> &[Box<str>] {
        self.schema.keys(node)
    }

    /// Returns whether the entries at a location are known to be `ordered-by user`.
    pub(super) fn is_ordered_by_user(&self, spot: SchemaLocation) -> bool {
        spot.schema.is_some_and(|node| self.schema.ordered_by_user(node))
    }
}

impl SchemaPath {
    /// Returns whether something new replaces what is known.
    fn takes(&self, learned: &LearnedList, certainty: KeyCertainty) -> bool {
        match (&self.learned, learned) {
            _ if self.certainty < certainty => true,
            _ if self.certainty > KeyCertainty::Weak => false,
            // A path may leave out keys to match every entry.
            (LearnedList::List(known), LearnedList::List(keys)) => {
                !keys.iter().all(|key| known.contains(key))
            }
            _ => true,
        }
    }
}
