//! A working copy of a datastore, and what its operations cost.
//!
//! Every operation on a module's behalf must cost what it visits, and the module pays for it: see
//! [`Overlay::take_visited`].
//!
//! | operation | cost |
//! |---|---|
//! | find a child by name, a list entry by all its keys, a leaf-list entry by its value | constant, after one pass over the siblings that builds a table for each parent or list |
//! | find by a path that leaves keys out, or filters by another leaf | one visit for each sibling |
//! | use other leaves as keys of a list than before | the table of the list is built anew |
//! | load what was read | linear in the fragment, whether or not parts of it were loaded before |
//! | set, create, remove | the length of the path; removing a node does not visit what is below it |
//! | roll back | the number of edits since the mark |
//! | `knows`, `covers` | the length of the path, however many patterns were read |
//! | `unread`, `edit_config` | the edited nodes and those above them, with their siblings |
//!
//! `lookup.rs` holds the tables, `schema_view.rs` what is known of each place in the schema: from YANG; from the
//! patterns that a module declares; of the controller's own lists; and, for a device whose YANG is not known, from the
//! keys that paths name. A path that is only read with may name a leaf that is no key, so its keys may still be
//! replaced; the keys of a path that is edited with stay. Keys are never guessed from data: a list whose keys
//! nothing names can be read, but not edited, and not read again in part ([`Error::UnknownKeys`](crate::Error)).

mod change;
mod difference;
#[cfg(test)]
mod linear;
mod load;
mod lookup;
mod schema_view;
mod search;
#[cfg(test)]
mod tests;
mod unread;

use std::{collections::HashMap, sync::Arc};

pub use self::{
    change::OverlayMark,
    load::FragmentLoad,
    schema_view::{NodeKind, SchemaLocation, SchemaView},
    search::{PatternSearch, SearchProgress},
};
use self::{change::UndoJournal, lookup::ChildLookup};
use crate::{
    Coverage, Error, Name, Names, NodeId, Pattern, PatternStep, QName, Schema, SchemaNode, Tree,
    tree::GivenValue,
};

/// A working copy of a datastore: what was read of it, and the edits made since.
///
/// Both are kept in one arena. Each node knows whether the datastore has it (its *base*) and how it was edited (its
/// *edit*). The two are independent: a node may be read before or after it is edited, and a rollback does not affect
/// what was read. [`edit_config`](Self::edit_config) computes the difference, once, at the end.
///
/// Removing a node does not visit what is below it. The node is *cut* at a moment of the overlay's clock, and below a
/// cut only nodes exist that were made after that moment.
#[derive(Clone)]
pub struct Overlay {
    /// The nodes of the base and of the edits. A leaf has the value that it was given last.
    tree: Tree,
    /// By number of the node.
    states: Vec<NodeState>,
    /// The values that the datastore has in leaves whose value was edited.
    replaced: HashMap<NodeId, GivenValue>,
    schema_view: SchemaView,
    lookup: ChildLookup,
    coverage: Coverage,
    /// Counts edits; 0 is before the first.
    clock: u32,
    journal: UndoJournal,
    /// The nodes that were set or created: see [`Overlay::take_written`].
    written: Vec<NodeId>,
    /// The nodes that were removed other than by stripping: see [`Overlay::take_removed`].
    removed: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug)]
struct NodeState {
    /// The datastore is known to have the node.
    in_base: bool,
    edit: NodeEdit,
    /// When that edit was.
    at: u32,
    /// When the node was last removed; 0 for never.
    cut: u32,
    /// Something was edited here or below.
    dirty: bool,
    shape: u32,
    schema: NodeModel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NodeEdit {
    /// As in the base.
    Keep,
    /// Made because something below was.
    Implied,
    /// Set or created.
    Made,
    /// Taken away.
    Gone,
}

/// A node's place in the data model, looked up when it is first needed.
#[derive(Clone, Copy, Debug)]
enum NodeModel {
    NotAsked,
    Unknown,
    Node(SchemaNode),
}

/// A value and the prefixes that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PrefixedText<'t> {
    value: &'t str,
    bindings: &'t [(Box<str>, Box<str>)],
}

/// A node that exists now. It stays valid until the overlay is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveNode {
    node: NodeId,
    /// The last cut at the node or above it.
    cut: u32,
}

impl LiveNode {
    /// The root.
    pub const ROOT: Self = Self { node: Tree::ROOT, cut: 0 };

    /// The node in the overlay's arena.
    pub fn node(self) -> NodeId {
        self.node
    }
}

impl Overlay {
    /// Nothing is read yet.
    pub fn new(schema: Arc<dyn Schema>) -> Self {
        let mut tree = Tree::new();
        let schema_view = SchemaView::new(schema, &mut tree);
        let root = NodeState {
            in_base: true,
            edit: NodeEdit::Keep,
            at: 0,
            cut: 0,
            dirty: false,
            shape: SchemaView::ROOT,
            schema: NodeModel::NotAsked,
        };
        Self {
            tree,
            states: vec![root],
            replaced: HashMap::new(),
            schema_view,
            lookup: ChildLookup::default(),
            coverage: Coverage::default(),
            clock: 0,
            journal: UndoJournal::default(),
            written: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// The names that occur.
    pub fn names(&self) -> &Names {
        self.tree.names()
    }

    /// What is known of lists and their keys.
    pub fn schema_view(&self) -> &SchemaView {
        &self.schema_view
    }

    /// Declares the keys of lists, as in `/devices/device[name]`. A declaration takes precedence over the keys that
    /// paths name. The values of the keys do not matter. In a pattern with the keys of a list below the two top
    /// steps, the other steps except the last are declared containers.
    pub fn declare(&mut self, pattern: &Pattern) {
        self.schema_view.learn(&mut self.tree, pattern, true);
    }

    /// Learns the keys that a path names, as [`declare`](Self::declare) does from a declaration. Returns whether
    /// anything was new.
    pub fn learn(&mut self, pattern: &Pattern) -> bool {
        self.schema_view.learn(&mut self.tree, pattern, false)
    }

    /// Returns how many nodes and schema paths the overlay keeps. Its memory is proportional to that and never
    /// shrinks.
    pub fn size(&self) -> usize {
        self.states.len() + self.schema_view.size()
    }

    /// Returns how many nodes were visited to build tables since the last call. A [`PatternSearch`] and
    /// [`load_some`](Self::load_some) report their own visits.
    pub fn take_visited(&mut self) -> usize {
        std::mem::take(&mut self.lookup.visited)
    }

    /// Whether everything that `pattern` matches has been read.
    pub fn covers(&self, pattern: &Pattern) -> bool {
        self.coverage.covers(pattern)
    }

    /// The node's name.
    pub fn qname(&self, place: LiveNode) -> QName<'_> {
        self.tree.qname(place.node)
    }

    /// The value of a leaf or leaf-list entry: none for a node that has children. An empty leaf's is
    /// empty; so is that of a container in which nothing is, where no model tells them apart.
    pub fn value(&self, place: LiveNode) -> Option<&str> {
        match self.tree.value(place.node) {
            None if !self.is_container(place.node) => Some(""),
            value => value,
        }
    }

    /// Whether the node has a text of its own, as only leaves and leaf-list entries have.
    pub fn has_text(&self, place: LiveNode) -> bool {
        self.tree.value(place.node).is_some()
    }

    /// The prefixes that the value uses.
    pub fn bindings(&self, place: LiveNode) -> &[(Box<str>, Box<str>)] {
        self.tree.bindings(place.node)
    }

    /// The children that are there now, in document order.
    pub fn children(&self, place: LiveNode) -> impl Iterator<Item = LiveNode> + '_ {
        self.places(place).flatten()
    }

    /// Each child on either side, in document order: none where it is not there now.
    pub fn places(&self, place: LiveNode) -> impl Iterator<Item = Option<LiveNode>> + '_ {
        self.tree.children(place.node).map(move |child| self.below(place, child))
    }

    /// A node as it is seen from its parent: none if it is not there now.
    fn below(&self, parent: LiveNode, node: NodeId) -> Option<LiveNode> {
        let state = self.state(node);
        let there = match state.edit {
            NodeEdit::Keep => state.in_base && parent.cut == 0,
            NodeEdit::Implied | NodeEdit::Made => state.at > parent.cut,
            NodeEdit::Gone => false,
        };
        there.then(|| LiveNode { node, cut: state.cut.max(parent.cut) })
    }

    /// The node as it is now: none if it is not there.
    pub fn place(&self, node: NodeId) -> Option<LiveNode> {
        self.ancestors(node).into_iter().try_fold(LiveNode::ROOT, |place, node| self.below(place, node))
    }

    /// The node and those above it, from the top down, without the root.
    pub fn ancestors(&self, node: NodeId) -> Vec<NodeId> {
        let up = std::iter::successors(Some(node), |&node| self.tree.parent(node));
        let mut nodes: Vec<NodeId> = up.take_while(|&node| node != Tree::ROOT).collect();
        nodes.reverse();
        nodes
    }

    /// Whether the datastore is known to have the node.
    pub fn in_base(&self, node: NodeId) -> bool {
        self.state(node).in_base
    }

    /// Whether the datastore, as far as it has been read, lacks the node or has another value for it.
    pub fn is_changed(&self, node: NodeId) -> bool {
        !self.state(node).in_base || self.has_other_text(node)
    }

    /// The value of a node in a form in which two values are equal if they mean the same.
    pub fn meaning(&self, node: NodeId) -> String {
        let text = self.text(node);
        match text.expanded() {
            (Some(namespace), local) => format!("{namespace}\0{local}"),
            (None, value) => value.to_owned(),
        }
    }

    /// The path of a node, with all keys that are known.
    pub fn pattern(&mut self, node: NodeId) -> Pattern {
        let steps = self.ancestors(node).into_iter().map(|node| self.step(node)).collect();
        Pattern { steps }
    }

    /// The patterns of a node and of those above it, from the top down, each with its node.
    pub fn lineage(&mut self, node: NodeId) -> Vec<(NodeId, PatternStep)> {
        self.ancestors(node).into_iter().map(|node| (node, self.step(node))).collect()
    }

    /// The last step of a node's path.
    pub fn step(&mut self, node: NodeId) -> PatternStep {
        let mut step = PatternStep::new(self.tree.qname(node));
        match self.kind(node) {
            NodeKind::List { keys } => {
                for key in keys.iter() {
                    let leaf = self.lookup.key(&self.tree, node, key);
                    let value = leaf.and_then(|leaf| self.tree.value(leaf)).unwrap_or_default();
                    step.keys.push((key.clone(), Some(value.to_owned())));
                }
            }
            NodeKind::LeafList => {
                step.entry = Some(Some(self.tree.value(node).unwrap_or_default().to_owned()))
            }
            _ => {}
        }
        step
    }

    /// The kind of a node, as far as it is known.
    pub fn kind(&mut self, node: NodeId) -> NodeKind {
        let spot = self.schema_location(node);
        self.schema_view.kind(spot)
    }

    /// What is known of the place of a node.
    pub fn schema_location(&mut self, node: NodeId) -> SchemaLocation {
        let state = *self.state(node);
        let schema = match state.schema {
            NodeModel::Node(schema) => Some(schema),
            NodeModel::Unknown => None,
            NodeModel::NotAsked => {
                let schema = self.ask_model(node);
                self.with(node, |state| state.schema = schema.map_or(NodeModel::Unknown, NodeModel::Node));
                schema
            }
        };
        SchemaLocation { shape: Some(state.shape), schema }
    }

    fn ask_model(&mut self, node: NodeId) -> Option<SchemaNode> {
        if !self.schema_view.has_model() {
            return None;
        }
        let Some(parent) = self.tree.parent(node) else { return self.schema_view.root().schema };
        // As deep as the tree, which who reads it bounds; and once for each node.
        let above = self.location_below(parent);
        self.schema_view.child(self.tree.names(), above, self.tree.qname(node)).schema
    }

    /// What is known of the place right below a node.
    fn location_below(&mut self, node: NodeId) -> SchemaLocation {
        let spot = self.schema_location(node);
        let keys = spot.schema.map_or(&[][..], |node| self.schema_view.model_keys(node));
        let leaves = keys.iter().map(|key| self.lookup.key(&self.tree, node, key));
        let values: Option<Vec<&str>> =
            leaves.map(|leaf| leaf.map(|leaf| self.tree.value(leaf).unwrap_or_default())).collect();
        let Some(values) = values.filter(|values| !values.is_empty()) else { return spot };
        self.schema_view.entry(spot, &values)
    }

    /// Whether the node is known to be one that has children, or has had some.
    fn is_container(&self, node: NodeId) -> bool {
        let state = self.state(node);
        self.tree.first_child(node).is_some()
            || match state.schema {
                NodeModel::Node(schema) => self.schema_view.is_model_container(schema),
                _ => state.edit == NodeEdit::Implied || self.schema_view.is_learned_container(state.shape),
            }
    }

    #[allow(clippy::indexing_slicing)] // the root's is always there
    fn state(&self, node: NodeId) -> &NodeState {
        self.states.get(node.index()).unwrap_or(&self.states[0])
    }

    fn with(&mut self, node: NodeId, change: impl FnOnce(&mut NodeState)) {
        if let Some(state) = self.states.get_mut(node.index()) {
            change(state);
        }
    }

    /// A new node that is on neither side yet, after all its siblings.
    fn add(&mut self, parent: NodeId, name: Name) -> Result<NodeId, Error> {
        let shape = self.schema_view.shape(self.state(parent).shape, name, &self.tree);
        let node = self.tree.append(parent, name)?;
        self.states.push(NodeState {
            in_base: false,
            edit: NodeEdit::Keep,
            at: 0,
            cut: 0,
            dirty: false,
            shape,
            schema: NodeModel::NotAsked,
        });
        self.lookup.added(parent, name, node);
        Ok(node)
    }

    /// Whether the value of a node in the base means something else than the one that it has now.
    fn has_other_text(&self, node: NodeId) -> bool {
        self.replaced.contains_key(&node) && !self.base_text(node).means(&self.text(node))
    }

    fn base_text(&self, node: NodeId) -> PrefixedText<'_> {
        self.given_text(self.replaced.get(&node).copied().unwrap_or_else(|| self.tree.given(node)))
    }

    fn text(&self, node: NodeId) -> PrefixedText<'_> {
        self.given_text(self.tree.given(node))
    }

    fn given_text(&self, given: GivenValue) -> PrefixedText<'_> {
        let value = self.tree.value_of(given).unwrap_or_default();
        PrefixedText { value, bindings: self.tree.bindings_of(given) }
    }
}

impl<'t> PrefixedText<'t> {
    fn borrowed(&self) -> Vec<(&'t str, &'t str)> {
        self.bindings.iter().map(|(prefix, namespace)| (&**prefix, &**namespace)).collect()
    }

    /// Whether two values mean the same: a prefix counts as the namespace that it stands for.
    fn means(&self, other: &Self) -> bool {
        if self.bindings.is_empty() || other.bindings.is_empty() {
            return self.value == other.value;
        }
        self.expanded() == other.expanded()
    }

    /// The value with its prefix, where it has a bound one, replaced by the namespace.
    fn expanded(&self) -> (Option<&'t str>, &'t str) {
        let bound = self.value.split_once(':').and_then(|(prefix, local)| {
            let (_, namespace) = self.bindings.iter().find(|(bound, _)| **bound == *prefix)?;
            Some((Some(&**namespace), local))
        });
        bound.unwrap_or((None, self.value))
    }
}
