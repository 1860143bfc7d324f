//! What is known about schema paths: which are lists, and what their keys are.

use std::sync::Arc;

use super::key_forms::KeyForms;
use crate::{
    BoundValue, CONTROLLER, ChoiceCase, DataNodeKind, HashMap, Name, Names, Pattern, PatternStep, QName,
    Schema, SchemaNode, Tree,
    keys::{LearnedKeys, ListKeys},
};

/// What is known about lists and their keys: from YANG; from declarations; from the built-in list of the
/// controller's own lists; and from paths. Keys are never guessed from data.
#[derive(Clone)]
pub struct SchemaView {
    schema: Arc<dyn Schema>,
    /// The keys of the controller's own lists.
    known: ListKeys,
    schema_paths: Vec<SchemaPath>,
    by_name: HashMap<(u32, Name), u32>,
    /// The names of the children, of any namespace, by schema path and local name.
    by_local: HashMap<(u32, Box<str>), Vec<Name>>,
    /// What is known of the keys of lists and the entries of leaf-lists that were met.
    key_forms: HashMap<SchemaNode, Option<Arc<KeyForms>>>,
    /// The cases that the nodes that were met are in.
    cases: HashMap<SchemaNode, Option<Arc<[ChoiceCase]>>>,
    /// The default values of the leaves and leaf-lists that were met, in their normal form.
    defaults: HashMap<SchemaNode, Option<Arc<[BoundValue]>>>,
    /// The paths that were learned last, one on devices and one of a service instance for most modules.
    learned: [LearnedPath; 2],
    /// See [`changes`](Self::changes).
    changes: u64,
}

/// A path that was learned when so much was known. To learn it again changes nothing until more is known.
#[derive(Clone, Debug, Default)]
struct LearnedPath {
    steps: Vec<PatternStep>,
    changes: u64,
}

/// A path of names without keys: all interfaces of all devices share one.
#[derive(Clone, Debug)]
struct SchemaPath {
    learned: LearnedList,
    certainty: KeyCertainty,
    /// More than one node with children has been seen under one parent.
    is_repeated: bool,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SchemaLocation {
    /// `None` if the path is new.
    pub(super) schema_path: Option<u32>,
    /// `None` if no YANG model is known.
    pub(crate) schema: Option<SchemaNode>,
}

impl SchemaLocation {
    /// Where nothing is known.
    pub(crate) const UNKNOWN: Self = Self { schema_path: None, schema: None };

    /// Returns the schema node, if the YANG model is known.
    pub fn schema(&self) -> Option<SchemaNode> {
        self.schema
    }

    /// Returns whether a path to here has been met.
    pub fn is_met(&self) -> bool {
        self.schema_path.is_some()
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
            schema_paths: vec![SchemaPath {
                learned: LearnedList::Container,
                certainty: KeyCertainty::Declared,
                is_repeated: false,
                seen: true,
                known: Some(0),
            }],
            by_name: HashMap::default(),
            by_local: HashMap::default(),
            key_forms: HashMap::default(),
            cases: HashMap::default(),
            defaults: HashMap::default(),
            learned: Default::default(),
            changes: 0,
        };
        for path in CONTAINERS {
            let path = path.iter().map(|local| QName::new(CONTROLLER, local));
            let schema_path = path.fold(Self::ROOT, |above, name| {
                let name = tree.intern(name);
                let schema_path = schema_view.schema_path(above, name, tree);
                schema_view.mark_seen(schema_path);
                schema_path
            });
            if let Some(schema_path) = schema_view.schema_paths.get_mut(schema_path as usize) {
                (schema_path.learned, schema_path.certainty) =
                    (LearnedList::Container, KeyCertainty::Declared);
            }
        }
        schema_view
    }

    /// Returns the schema path of a child, adding it if necessary.
    pub(super) fn schema_path(&mut self, parent: u32, name: Name, tree: &Tree) -> u32 {
        if let Some(&schema_path) = self.by_name.get(&(parent, name)) {
            return schema_path;
        }
        let schema_path = u32::try_from(self.schema_paths.len()).unwrap_or(u32::MAX);
        let qname = tree.names().resolve(name);
        let above = self.schema_paths.get(parent as usize).and_then(|above| above.known);
        let known = above.and_then(|above| self.known.child(above, qname));
        let learned = match known.map(|known| self.known.kind(known)) {
            Some(Some(LearnedKeys::List(keys))) => LearnedList::List(keys.clone().into()),
            Some(Some(LearnedKeys::LeafList)) => LearnedList::LeafList,
            // It is on the path to a list and is not a list itself.
            Some(None) => LearnedList::Container,
            None => LearnedList::Nothing,
        };
        let certainty = if known.is_some() { KeyCertainty::Declared } else { KeyCertainty::Weak };
        self.schema_paths.push(SchemaPath { learned, certainty, is_repeated: false, seen: false, known });
        self.by_name.insert((parent, name), schema_path);
        self.by_local.entry((parent, qname.local.into())).or_default().push(name);
        schema_path
    }

    /// Returns the forms of the keys of a list, or of the entries of a leaf-list.
    pub(super) fn key_forms(&mut self, node: SchemaNode, namespace: &str) -> Option<Arc<KeyForms>> {
        let forms = self.key_forms.entry(node);
        forms.or_insert_with(|| KeyForms::of(&self.schema, node, namespace)).clone()
    }

    /// Returns the cases of choices that a node is in, from the outermost to the innermost.
    pub(super) fn cases(&mut self, node: SchemaNode) -> Option<Arc<[ChoiceCase]>> {
        let cases = self.cases.entry(node).or_insert_with(|| {
            let cases = self.schema.cases(node);
            (!cases.is_empty()).then(|| cases.into())
        });
        cases.clone()
    }

    /// Returns the default values of a leaf or leaf-list in their normal form, if it has any.
    pub(super) fn defaults(&mut self, node: SchemaNode) -> Option<Arc<[BoundValue]>> {
        let defaults = self.defaults.entry(node).or_insert_with(|| {
            let defaults = self.schema.defaults(node);
            (!defaults.is_empty()).then(|| defaults.into())
        });
        defaults.clone()
    }

    /// Returns how many schema paths are known.
    pub(super) fn size(&self) -> usize {
        self.schema_paths.len()
    }

    /// Records that a node exists, or may exist, at this path.
    pub(super) fn mark_seen(&mut self, schema_path: u32) {
        if let Some(schema_path) = self.schema_paths.get_mut(schema_path as usize) {
            schema_path.seen = true;
        }
    }

    /// Returns the location of the root.
    pub fn root(&self) -> SchemaLocation {
        SchemaLocation { schema_path: Some(Self::ROOT), schema: self.schema.root() }
    }

    /// Returns the location below the list entry that has these keys, in order: each device may have YANG
    /// models of its own.
    pub fn entry(&self, list: SchemaLocation, keys: &[&str]) -> SchemaLocation {
        SchemaLocation { schema: list.schema.map(|node| self.schema.entry(node, keys)), ..list }
    }

    /// Returns the location of a child.
    pub fn child(&self, names: &Names, parent: SchemaLocation, name: QName<'_>) -> SchemaLocation {
        let schema_path = self.known_path(parent, names.get(name));
        SchemaLocation { schema_path, schema: parent.schema.and_then(|above| self.schema.child(above, name)) }
    }

    /// Returns the schema path of a child with a name, if it has one.
    pub(super) fn known_path(&self, parent: SchemaLocation, name: Option<Name>) -> Option<u32> {
        parent.schema_path.zip(name).and_then(|key| self.by_name.get(&key).copied())
    }

    /// Returns whether the kind of a node is certain: known from the YANG model, or declared.
    pub fn is_certain(&self, location: SchemaLocation) -> bool {
        location.schema.is_some() || self.certainty(location) >= Some(KeyCertainty::Declared)
    }

    /// Returns whether the kind of a node is final: it is certain, or an edit relied on it.
    pub(crate) fn is_fixed(&self, location: SchemaLocation) -> bool {
        location.schema.is_some() || self.certainty(location) >= Some(KeyCertainty::Used)
    }

    fn certainty(&self, location: SchemaLocation) -> Option<KeyCertainty> {
        self.schema_paths.get(location.schema_path? as usize).map(|schema_path| schema_path.certainty)
    }

    /// Returns the kind of the node at a location.
    pub fn kind(&self, location: SchemaLocation) -> NodeKind {
        if let Some(node) = location.schema {
            return match self.schema.kind(node) {
                DataNodeKind::Container => NodeKind::Container,
                DataNodeKind::PresenceContainer => NodeKind::PresenceContainer,
                DataNodeKind::List => NodeKind::List { keys: self.schema.shared_keys(node) },
                DataNodeKind::Leaf => NodeKind::Leaf,
                DataNodeKind::EmptyLeaf => NodeKind::EmptyLeaf,
                DataNodeKind::LeafList => NodeKind::LeafList,
                DataNodeKind::AnyData => NodeKind::AnyData,
            };
        }
        let Some(schema_path) =
            location.schema_path.and_then(|schema_path| self.schema_paths.get(schema_path as usize))
        else {
            return NodeKind::Unknown { many: false };
        };
        match &schema_path.learned {
            LearnedList::Nothing => NodeKind::Unknown { many: schema_path.is_repeated },
            LearnedList::Container => NodeKind::Container,
            LearnedList::LeafList => NodeKind::LeafList,
            LearnedList::List(keys) => NodeKind::List { keys: keys.clone() },
        }
    }

    /// Returns the YANG schema.
    pub fn schema(&self) -> &dyn Schema {
        &*self.schema
    }

    pub(super) fn shared(&self) -> Arc<dyn Schema> {
        self.schema.clone()
    }

    /// Returns the names, of any namespace, that are known below a location and have the local name `local`:
    /// from the YANG model, or else because they were seen there or declared.
    pub fn candidates<'a>(
        &'a self,
        names: &'a Names,
        location: SchemaLocation,
        local: &str,
    ) -> Vec<QName<'a>> {
        let mut found: Vec<QName<'_>> = match location.schema {
            Some(node) => self.schema.children_named(node, local),
            None => Vec::new(),
        };
        if let Some(schema_path) = location.schema_path.filter(|_| found.is_empty())
            && let Some(seen) = self.by_local.get(&(schema_path, local.into()))
        {
            let seen = seen.iter().take(MOST_NAMESPACES).filter(|&&name| {
                let child = self
                    .by_name
                    .get(&(schema_path, name))
                    .and_then(|&child| self.schema_paths.get(child as usize));
                child.is_some_and(|child| child.seen)
            });
            found = seen.map(|&name| names.resolve(name)).collect();
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Learns the keys that a pattern names. Returns whether any of it is new. `spots` is what is known of the nodes of its
    /// steps, as far as it was looked up; afterwards all of it is.
    pub(super) fn learn(
        &mut self,
        tree: &mut Tree,
        pattern: &Pattern,
        spots: &mut Vec<SchemaLocation>,
        declared: bool,
    ) -> bool {
        if declared {
            return self.learn_steps(tree, pattern, spots, true, 0);
        }
        let known = self.learned_before(pattern, spots);
        let new = self.learn_steps(tree, pattern, spots, false, known);
        let changes = self.changes;
        let [LearnedPath { steps, changes: then }, _] = &mut self.learned;
        steps.truncate(known);
        steps.extend(pattern.steps.iter().skip(known).cloned());
        *then = changes;
        new
    }

    /// Returns how many of the first steps of a path were learned, and are the first in `learned` afterwards.
    fn learned_before(&mut self, pattern: &Pattern, spots: &[SchemaLocation]) -> usize {
        let is_first = |path: &LearnedPath| {
            path.steps.first().zip(pattern.steps.first()).is_some_and(|(known, step)| known.is_copy_of(step))
        };
        let [first, second] = &mut self.learned;
        if !is_first(first) {
            std::mem::swap(first, second);
        }
        let [LearnedPath { steps, changes }, _] = &self.learned;
        if *changes != self.changes || spots.len() < pattern.steps.len() {
            return 0;
        }
        let known = steps.iter().zip(&pattern.steps).zip(spots);
        known.take_while(|((known, step), spot)| known.is_copy_of(step) && spot.is_met()).count()
    }

    /// Learns the steps of a path, but so many of the first. Those are met.
    fn learn_steps(
        &mut self,
        tree: &mut Tree,
        pattern: &Pattern,
        spots: &mut Vec<SchemaLocation>,
        declared: bool,
        from: usize,
    ) -> bool {
        let (mut inside, mut new) = (self.root(), false);
        let above = from.checked_sub(1).and_then(|above| spots.get(above)?.schema_path);
        let mut at = above.unwrap_or(Self::ROOT);
        // A declaration that names the keys of one list names those of all: its other steps are not lists.
        let careful = declared && pattern.steps.iter().skip(2).any(|step| !step.keys.is_empty());
        for (index, step) in pattern.steps.iter().enumerate().skip(from) {
            let spot = match spots.get(index) {
                Some(&known) => known,
                None => {
                    let spot = self.child(tree.names(), inside, step.name());
                    inside = step.key_values().map_or(spot, |values| self.entry(spot, &values));
                    spots.push(spot);
                    spot
                }
            };
            at = match spot.schema_path {
                Some(schema_path) => schema_path,
                None => {
                    let before = self.schema_paths.len();
                    let name = tree.intern(step.name());
                    let added = self.schema_path(at, name, tree);
                    new |= self.schema_paths.len() > before;
                    if let Some(spot) = spots.get_mut(index) {
                        spot.schema_path = Some(added);
                    }
                    added
                }
            };
            inside.schema_path = Some(at);
            let is_above = index + 1 < pattern.steps.len();
            new |= self.learn_step(at, step, declared, careful && is_above);
        }
        new
    }

    fn learn_step(&mut self, at: u32, step: &PatternStep, declared: bool, is_container: bool) -> bool {
        let Some(schema_path) = self.schema_paths.get_mut(at as usize) else { return false };
        schema_path.seen |= declared;
        let certainty = if declared { KeyCertainty::Declared } else { KeyCertainty::Weak };
        let is_known = match &schema_path.learned {
            LearnedList::List(known) => {
                !step.keys.is_empty() && known.iter().eq(step.keys.iter().map(|(key, _)| key))
            }
            LearnedList::LeafList => step.keys.is_empty() && step.entry.is_some(),
            LearnedList::Nothing | LearnedList::Container => false,
        };
        if is_known {
            schema_path.certainty = schema_path.certainty.max(certainty);
            return false;
        }
        let learned = if !step.keys.is_empty() {
            LearnedList::List(step.keys.iter().map(|(key, _)| key.clone()).collect())
        } else if step.entry.is_some() {
            LearnedList::LeafList
        } else {
            if is_container {
                self.learn_container(at);
            }
            return false;
        };
        if !schema_path.accepts(&learned, certainty) {
            return false;
        }
        (schema_path.learned, schema_path.certainty) = (learned, schema_path.certainty.max(certainty));
        self.changes += 1;
        true
    }

    /// Returns how often something about a node was learned that changes what is known of it.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Learns that a step without keys on the path of an edit is a container.
    pub(super) fn learn_container(&mut self, schema_path: u32) {
        if let Some(schema_path) = self.schema_paths.get_mut(schema_path as usize)
            && matches!(schema_path.learned, LearnedList::Nothing)
            && !schema_path.is_repeated
        {
            schema_path.learned = LearnedList::Container;
            self.changes += 1;
        }
    }

    pub(super) fn learn_leaf_list(&mut self, schema_path: u32) {
        self.set_learned(schema_path, LearnedList::LeafList);
    }

    pub(super) fn learn_keys(&mut self, schema_path: u32, keys: Keys) {
        self.set_learned(schema_path, LearnedList::List(keys));
    }

    fn set_learned(&mut self, schema_path: u32, learned: LearnedList) {
        if let Some(schema_path) = self.schema_paths.get_mut(schema_path as usize)
            && (schema_path.certainty == KeyCertainty::Weak || schema_path.learned == learned)
        {
            self.changes += u64::from(schema_path.learned != learned);
            (schema_path.learned, schema_path.certainty) =
                (learned, schema_path.certainty.max(KeyCertainty::Used));
        }
    }

    pub(super) fn learn_repeated(&mut self, schema_path: u32) {
        if let Some(schema_path) = self.schema_paths.get_mut(schema_path as usize) {
            self.changes += u64::from(!schema_path.is_repeated);
            schema_path.is_repeated = true;
            if matches!(schema_path.learned, LearnedList::Container) {
                schema_path.learned = LearnedList::Nothing;
            }
        }
    }

    pub(super) fn is_learned_container(&self, schema_path: u32) -> bool {
        let learned = self.schema_paths.get(schema_path as usize).map(|schema_path| &schema_path.learned);
        matches!(learned, Some(LearnedList::Container | LearnedList::List(_)))
    }

    /// Returns whether the children with this name are known to be leaf-list entries.
    pub(super) fn is_leaf_list(&self, parent: u32, name: Name) -> bool {
        let schema_path = self
            .by_name
            .get(&(parent, name))
            .and_then(|&schema_path| self.schema_paths.get(schema_path as usize));
        matches!(schema_path.map(|schema_path| &schema_path.learned), Some(LearnedList::LeafList))
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
    pub(super) fn is_ordered_by_user(&self, location: SchemaLocation) -> bool {
        location.schema.is_some_and(|node| self.schema.ordered_by_user(node))
    }
}

impl SchemaPath {
    /// Returns whether something new replaces what is known.
    fn accepts(&self, learned: &LearnedList, certainty: KeyCertainty) -> bool {
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
