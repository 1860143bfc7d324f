//! What is known of the places of a tree: which are lists, and what their keys are.

use std::{collections::HashMap, sync::Arc};

use crate::{
    CONTROLLER, DataNodeKind, Name, Names, Pattern, QName, Schema, SchemaNode, Tree,
    keys::{LearnedKeys, ListKeys},
};

/// What is known of lists and their keys: from YANG; from declarations; of the controller's own lists; and from
/// paths. Keys are never guessed from data.
#[derive(Clone)]
pub struct SchemaView {
    schema: Arc<dyn Schema>,
    /// The keys of the controller's own lists.
    known: ListKeys,
    shapes: Vec<SchemaPath>,
    by_name: HashMap<(u32, Name), u32>,
    /// By shape and local name: the children, of any namespace.
    by_local: HashMap<(u32, Box<str>), Vec<Name>>,
}

/// A path of names without keys: all interfaces of all devices share one.
#[derive(Clone, Debug)]
struct SchemaPath {
    learned: LearnedList,
    certainty: KeyCertainty,
    /// Under one parent, more than one node with children has been seen.
    many: bool,
    /// A node was seen here, or declared; the path was not only asked for.
    seen: bool,
    /// The place in [`SchemaView::known`].
    known: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LearnedList {
    Nothing,
    Container,
    LeafList,
    List(Keys),
}

/// How certain the keys of a list are that YANG does not define. A later source replaces a less certain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyCertainty {
    /// A path that was only read names them. It may filter by a leaf that is no key.
    Weak,
    /// An edit used them, or the data shows a leaf-list. They stay.
    Used,
    /// It was declared.
    Declared,
}

/// The keys of a list, in order.
type Keys = Arc<[Box<str>]>;

/// What is known of one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaLocation {
    /// None where the path is new.
    pub(super) shape: Option<u32>,
    /// None where no model is known.
    pub(crate) schema: Option<SchemaNode>,
}

impl SchemaLocation {
    /// The node of the data model, where one is known.
    pub fn schema(&self) -> Option<SchemaNode> {
        self.schema
    }
}

/// The kind of a node, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Nothing is known. There may be several of it under one parent.
    Unknown {
        /// There are, so it is a list whose keys are not known.
        many: bool,
    },
    /// A container that exists only to hold others, or one of which no more is known.
    Container,
    /// A container whose existence means something.
    PresenceContainer,
    /// A list.
    List {
        /// Its keys, in order. Empty for a list without keys.
        keys: Arc<[Box<str>]>,
    },
    /// A leaf with a value.
    Leaf,
    /// A leaf of type `empty`.
    EmptyLeaf,
    /// A leaf-list.
    LeafList,
    /// Any XML.
    AnyData,
}

/// The most namespaces that are candidates for one local name at one place.
const MOST_NAMESPACES: usize = 64;

/// The controller's containers that are on no path to one of its lists.
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

    /// The shape of a child, given now if there is none yet.
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
            // It leads to such a list, and is none.
            Some(None) => LearnedList::Container,
            None => LearnedList::Nothing,
        };
        let certainty = if known.is_some() { KeyCertainty::Declared } else { KeyCertainty::Weak };
        self.shapes.push(SchemaPath { learned, certainty, many: false, seen: false, known });
        self.by_name.insert((parent, name), shape);
        self.by_local.entry((parent, qname.local.into())).or_default().push(name);
        shape
    }

    /// How many places have been heard of.
    pub(super) fn size(&self) -> usize {
        self.shapes.len()
    }

    /// Takes note that a node is there, or may well be.
    pub(super) fn mark_seen(&mut self, shape: u32) {
        if let Some(shape) = self.shapes.get_mut(shape as usize) {
            shape.seen = true;
        }
    }

    /// The place above all others.
    pub fn root(&self) -> SchemaLocation {
        SchemaLocation { shape: Some(Self::ROOT), schema: self.schema.root() }
    }

    /// The place to go on from below the entry of a list that has these keys, in order: each device may
    /// have models of its own.
    pub fn entry(&self, list: SchemaLocation, keys: &[&str]) -> SchemaLocation {
        SchemaLocation { schema: list.schema.map(|node| self.schema.entry(node, keys)), ..list }
    }

    /// A place right below another.
    pub fn child(&self, names: &Names, parent: SchemaLocation, name: QName<'_>) -> SchemaLocation {
        let shape = parent.shape.zip(names.get(name)).and_then(|place| self.by_name.get(&place).copied());
        SchemaLocation { shape, schema: parent.schema.and_then(|above| self.schema.child(above, name)) }
    }

    /// Whether the kind of a node is known for certain: from the model, or because it was declared.
    pub fn is_certain(&self, spot: SchemaLocation) -> bool {
        spot.schema.is_some() || self.certainty(spot) >= Some(KeyCertainty::Declared)
    }

    /// Whether what is known of a node stays: it is certain, or something was edited by it.
    pub(crate) fn is_fixed(&self, spot: SchemaLocation) -> bool {
        spot.schema.is_some() || self.certainty(spot) >= Some(KeyCertainty::Used)
    }

    fn certainty(&self, spot: SchemaLocation) -> Option<KeyCertainty> {
        self.shapes.get(spot.shape? as usize).map(|shape| shape.certainty)
    }

    /// The kind of what stands at a place.
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

    /// The data model.
    pub fn schema(&self) -> &dyn Schema {
        &*self.schema
    }

    /// The names, of any namespace, that are known below a place and are called `local`: by the data
    /// model, or else because they have been seen there or declared.
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

    /// Takes what a pattern says of keys; whether any of it is new.
    pub(super) fn learn(&mut self, tree: &mut Tree, pattern: &Pattern, declared: bool) -> bool {
        let (mut at, mut spot, mut new) = (Self::ROOT, self.root(), false);
        // Who writes the keys of one list into a pattern writes those of all: the other steps are none.
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

    /// Takes a step that was edited through without a key for a container.
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

    /// Whether the children of this name are known to be entries of a leaf-list.
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

    /// Whether the order of the entries at a place is known to be the user's.
    pub(super) fn is_ordered_by_user(&self, spot: SchemaLocation) -> bool {
        spot.schema.is_some_and(|node| self.schema.ordered_by_user(node))
    }
}

impl SchemaPath {
    /// Whether something else than what is known is to be believed.
    fn takes(&self, learned: &LearnedList, certainty: KeyCertainty) -> bool {
        match (&self.learned, learned) {
            _ if self.certainty < certainty => true,
            _ if self.certainty > KeyCertainty::Weak => false,
            // A path may leave keys out, to mean every entry.
            (LearnedList::List(known), LearnedList::List(keys)) => {
                !keys.iter().all(|key| known.contains(key))
            }
            _ => true,
        }
    }
}
