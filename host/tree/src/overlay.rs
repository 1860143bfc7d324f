//! A working copy of a datastore, and the cost of its operations.
//!
//! An operation on behalf of a module costs as much as the number of nodes it visits, and the module pays for
//! them: see [`Overlay::take_visited`].
//!
//! | operation | cost |
//! |---|---|
//! | find a child by name, a list entry by all its keys, a leaf-list entry by its value | constant, after one pass over the siblings that builds the table of the parent or list |
//! | find by a path that leaves out keys or filters by another leaf | one visit per sibling |
//! | use other leaves than before as the keys of a list | rebuilds the table of the list |
//! | load a fragment | linear in the fragment, whether or not parts of it were loaded before |
//! | set, create, remove | the length of the path; removing a node does not visit its descendants |
//! | roll back | the number of edits since the mark |
//! | `knows`, `covers` | the length of the path, however many patterns were read |
//! | `unread`, `edit_config` | the edited nodes and their ancestors, with their siblings; both count [steps](Overlay::steps) |
//!
//! `lookup.rs` holds the tables. `schema_view.rs` holds what is known about each schema path: from YANG; from
//! the patterns that a module declares; from the built-in list of the controller's own lists; and, for a
//! device whose YANG is not known, from the keys that paths name. A path that is only used for reading may
//! name a leaf that is not a key, so the keys it names may still be replaced. The keys of a path that is used
//! for an edit stay. Keys are never guessed from data: a list whose keys are not named anywhere can be read,
//! but it can neither be edited nor partly read again ([`Error::UnknownKeys`](crate::Error)).

mod base;
mod change;
mod child_lookup;
mod choices;
mod chosen_cases;
mod difference;
mod entry_position;
mod forms;
mod key_forms;
mod last_path;
#[cfg(test)]
mod linear;
mod live_node;
mod load;
mod lookup;
mod made_order;
mod node_paths;
mod nodes_in_choices;
mod order;
mod positions;
mod prefixed_text;
mod ranked_entries;
mod schema_view;
mod search;
mod set_entries;
mod state;
#[cfg(test)]
mod tests;
mod undo;
mod unread;

use std::sync::Arc;

use self::{
    child_lookup::{ChildLookup, EntryKeys},
    chosen_cases::ChosenCases,
    last_path::LastPath,
    nodes_in_choices::NodesInChoices,
    prefixed_text::{LONGEST_COMPARED, PrefixedText},
    set_entries::SetEntries,
    state::{NodeEdit, NodeModel, NodeState},
    undo::UndoJournal,
};
pub use self::{
    chosen_cases::ChoiceInstance,
    entry_position::EntryPosition,
    live_node::LiveNode,
    load::FragmentLoad,
    node_paths::NodePaths,
    order::{KnownOrders, ListOrder},
    schema_view::{NodeKind, SchemaLocation, SchemaView},
    search::{PatternSearch, SearchProgress},
    undo::OverlayMark,
};
use crate::{
    Coverage, Error, HashMap, HashSet, LocatedPath, Name, Names, NodeId, Pattern, PatternStep, QName, Schema,
    SchemaNode, StepCounter, StopSignal, Tree, tree::GivenValue,
};

/// A working copy of a datastore: the nodes read from it, and the edits made since.
///
/// Both are kept in one arena. Each node records whether the datastore has it (its *base*) and how it was
/// edited (its *edit*). The two are independent: a node may be read before or after it is edited, and a
/// rollback does not affect what was read. [`edit_config`](Self::edit_config) computes the difference once,
/// at the end.
///
/// Removing a node does not visit its descendants. The node records the time of its removal on the overlay's
/// clock; of its descendants, only those made after that time exist.
#[derive(Clone)]
pub struct Overlay {
    /// The nodes of the base and of the edits. A leaf has its latest value.
    tree: Tree,
    /// Indexed by node.
    states: Vec<NodeState>,
    /// The datastore's values of the leaves whose value was edited.
    replaced: HashMap<NodeId, GivenValue>,
    schema_view: SchemaView,
    /// What the models have at those children that were looked for and are in them.
    schema_children: HashMap<(SchemaNode, Name), SchemaNode>,
    /// What identifies the entries of lists and leaf-lists that are in the models.
    modelled_keys: HashMap<SchemaNode, EntryKeys>,
    lookup: ChildLookup,
    coverage: Coverage,
    /// Counts edits; 0 is the time before the first.
    clock: u32,
    journal: UndoJournal,
    /// The nodes that were set or created: see [`Overlay::take_written`].
    written: Vec<NodeId>,
    /// The nodes that were removed by other means than [`Overlay::strip`]: see [`Overlay::take_removed`].
    removed: Vec<NodeId>,
    /// The nodes that [`Overlay::strip`] removed.
    stripped: HashSet<NodeId>,
    chosen: ChosenCases,
    in_choices: NodesInChoices,
    /// The entries that have a position in their list besides those that the datastore has, or another one than there.
    placed: HashSet<NodeId>,
    /// The entries of lists that are `ordered-by user` which edits have made or set.
    set_entries: SetEntries,
    /// Entries of such lists that services have made, as far as it is known.
    made: HashSet<NodeId>,
    /// Entries of such lists that the datastore has and the user may not read.
    hidden: HashSet<NodeId>,
    /// The times at which what is made for an instance ends.
    sections: Vec<u32>,
    section_ranks: HashMap<usize, usize>,
    /// The order that the datastore has in lists of which entries were placed elsewhere.
    stored_orders: HashMap<(NodeId, Name), Vec<NodeId>>,
    /// What the datastore has of the lists in a node, as of so many loads.
    stored_lists: HashMap<NodeId, (u32, HashMap<Name, Vec<NodeId>>)>,
    /// How often something was loaded.
    loads: u32,
    /// The path that was made last.
    last_made: LastPath,
    /// The path that was found last.
    last_found: LastPath,
    /// The steps of [`Overlay::unread`] and [`Overlay::edit_config`], and of its user.
    steps: StepCounter,
}

impl Overlay {
    /// Returns an overlay into which nothing has been read yet.
    pub fn new(schema: Arc<dyn Schema>) -> Self {
        let mut tree = Tree::new();
        let schema_view = SchemaView::new(schema, &mut tree);
        let root = NodeState {
            in_base: true,
            edit: NodeEdit::Keep,
            edited_at: 0,
            removed_at: 0,
            dirty: false,
            schema_path: SchemaView::ROOT,
            schema: NodeModel::NotLookedUp,
        };
        Self {
            tree,
            states: vec![root],
            replaced: HashMap::default(),
            schema_view,
            schema_children: HashMap::default(),
            modelled_keys: HashMap::default(),
            lookup: ChildLookup::default(),
            coverage: Coverage::default(),
            clock: 0,
            journal: UndoJournal::default(),
            written: Vec::new(),
            removed: Vec::new(),
            stripped: HashSet::default(),
            chosen: ChosenCases::default(),
            in_choices: NodesInChoices::default(),
            placed: HashSet::default(),
            set_entries: SetEntries::default(),
            made: HashSet::default(),
            hidden: HashSet::default(),
            sections: Vec::new(),
            section_ranks: HashMap::default(),
            stored_orders: HashMap::default(),
            stored_lists: HashMap::default(),
            loads: 0,
            last_made: LastPath::default(),
            last_found: LastPath::default(),
            steps: StepCounter::default(),
        }
    }

    /// Makes long work on the overlay end when `stop` says so.
    pub fn stop_with(&mut self, stop: StopSignal) {
        self.steps = StepCounter::new(stop);
    }

    /// Returns the counter of the steps of long work on the overlay.
    pub fn steps(&mut self) -> &mut StepCounter {
        &mut self.steps
    }

    /// Returns the names that occur.
    pub fn names(&self) -> &Names {
        self.tree.names()
    }

    /// Returns what is known about lists and their keys.
    pub fn schema_view(&self) -> &SchemaView {
        &self.schema_view
    }

    /// Declares the keys of lists, as in `/devices/device[name]`. A declaration takes precedence over the
    /// keys that paths name. The values of the keys do not matter. If the pattern names keys below its two
    /// top steps, its steps without keys, except the last, are declared as containers.
    pub fn declare(&mut self, pattern: &Pattern) {
        self.schema_view.learn(&mut self.tree, pattern, &mut Vec::new(), true);
    }

    /// Learns the keys that a path names, as [`declare`](Self::declare) does from a declaration. Returns
    /// whether it learned anything new.
    pub fn learn(&mut self, pattern: &Pattern) -> bool {
        self.schema_view.learn(&mut self.tree, pattern, &mut Vec::new(), false)
    }

    /// As [`learn`](Self::learn), of a path whose nodes were looked up.
    pub fn learn_located(&mut self, path: &mut LocatedPath) -> bool {
        let LocatedPath { pattern, spots, .. } = path;
        self.schema_view.learn(&mut self.tree, pattern, spots, false)
    }

    /// Returns how many nodes and schema paths the overlay holds. Its memory is proportional to that number
    /// and never shrinks.
    pub fn size(&self) -> usize {
        self.states.len() + self.schema_view.size()
    }

    /// Returns how many nodes were visited since the last call to build tables. A [`PatternSearch`] and
    /// [`load_some`](Self::load_some) report their own visits.
    pub fn take_visited(&mut self) -> usize {
        std::mem::take(&mut self.lookup.visited)
    }

    /// Returns whether everything that `pattern` matches has been read.
    pub fn covers(&self, pattern: &Pattern) -> bool {
        self.coverage.covers(pattern)
    }

    /// Returns the node's name.
    pub fn qname(&self, live: LiveNode) -> QName<'_> {
        self.tree.qname(live.node)
    }

    /// Returns the value of a leaf or leaf-list entry, or `None` for a node that has children. The value of
    /// an empty leaf is empty. So is that of an empty container if no YANG model distinguishes the two.
    pub fn value(&self, live: LiveNode) -> Option<&str> {
        match self.tree.value(live.node) {
            None if !self.is_container(live.node) => Some(""),
            value => value,
        }
    }

    /// Returns whether the node has text of its own, which only leaves and leaf-list entries have.
    pub fn has_text(&self, live: LiveNode) -> bool {
        self.tree.value(live.node).is_some()
    }

    /// Returns the bindings of the prefixes that the value uses.
    pub fn bindings(&self, live: LiveNode) -> &[(Box<str>, Box<str>)] {
        self.tree.bindings(live.node)
    }

    /// Returns the children that exist now, in document order.
    pub fn children(&self, live: LiveNode) -> impl Iterator<Item = LiveNode> + '_ {
        self.places(live).flatten()
    }

    /// Returns an item for each child in the arena, in document order: `None` if the child does not exist
    /// now.
    pub fn places(&self, live: LiveNode) -> impl Iterator<Item = Option<LiveNode>> + '_ {
        self.tree.children(live.node).map(move |child| self.live_child(live, child))
    }

    /// Returns a child of `parent`, or `None` if it does not exist now.
    fn live_child(&self, parent: LiveNode, node: NodeId) -> Option<LiveNode> {
        let state = self.state(node);
        let there = match state.edit {
            NodeEdit::Keep => state.in_base && parent.removed_at == 0,
            NodeEdit::Implied | NodeEdit::Made => state.edited_at > parent.removed_at,
            NodeEdit::Removed => false,
        };
        there.then(|| LiveNode { node, removed_at: state.removed_at.max(parent.removed_at) })
    }

    /// Returns the node, or `None` if it does not exist now.
    pub fn place(&self, node: NodeId) -> Option<LiveNode> {
        let mut at = node;
        while at != Tree::ROOT {
            // Most commits remove little: each node on the path exists, or not, by itself.
            if self.state(at).removed_at != 0 {
                return self.place_below_removed(node);
            }
            // What does not exist there does not exist below something that was removed either.
            self.live_child(LiveNode::ROOT, at)?;
            at = self.tree.parent(at)?;
        }
        Some(LiveNode { node, removed_at: 0 })
    }

    fn place_below_removed(&self, node: NodeId) -> Option<LiveNode> {
        self.ancestors(node).into_iter().try_fold(LiveNode::ROOT, |live, node| self.live_child(live, node))
    }

    /// Returns the node and its ancestors, from the top down, without the root.
    pub fn ancestors(&self, node: NodeId) -> Vec<NodeId> {
        let up = std::iter::successors(Some(node), |&node| self.tree.parent(node));
        let mut nodes: Vec<NodeId> = up.take_while(|&node| node != Tree::ROOT).collect();
        nodes.reverse();
        nodes
    }

    /// Returns the node above; none for one at the top.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.tree.parent(node).filter(|&parent| parent != Tree::ROOT)
    }

    /// Returns whether the datastore is known to have the node.
    pub fn in_base(&self, node: NodeId) -> bool {
        self.state(node).in_base
    }

    /// Returns whether the datastore, as far as it has been read, lacks the node or has a different value for
    /// it.
    pub fn is_changed(&mut self, node: NodeId) -> bool {
        !self.state(node).in_base || self.has_other_text(node)
    }

    /// Returns the value of a node in a normal form: two values that mean the same are equal.
    pub fn meaning(&self, node: NodeId) -> String {
        let text = self.text(node);
        match text.expanded() {
            (Some(namespace), local) => format!("{namespace}\0{local}"),
            (None, value) => value.to_owned(),
        }
    }

    /// Returns the path of a node, with all known keys.
    pub fn pattern(&mut self, node: NodeId) -> Pattern {
        let steps = self.ancestors(node).into_iter().map(|node| self.step(node)).collect();
        Pattern { steps }
    }

    /// Returns the steps of a node's path, from the top down, each with its node.
    pub fn lineage(&mut self, node: NodeId) -> Vec<(NodeId, PatternStep)> {
        self.ancestors(node).into_iter().map(|node| (node, self.step(node))).collect()
    }

    /// Returns the last step of a node's path.
    pub fn step(&mut self, node: NodeId) -> PatternStep {
        let stored = self.stored_step(node);
        self.step_of_stored(node, stored)
    }

    /// Returns the last step of a node's path, from the one with the texts that the datastore has.
    pub fn step_of_stored(&mut self, node: NodeId, mut step: PatternStep) -> PatternStep {
        if step.values() == 0 {
            return step;
        }
        let location = self.schema_location(node);
        let Some(forms) = self.key_forms(location, &step.namespace) else { return step };
        for (index, (key, value)) in step.keys.iter_mut().enumerate() {
            let leaf = self.lookup.key(&self.tree, node, key);
            *value = leaf.map(|leaf| forms.normal(index, self.text(leaf)).into_owned());
        }
        if let Some(entry) = &mut step.entry {
            *entry = Some(forms.normal(0, self.text(node)).into_owned());
        }
        step
    }

    /// Returns whether a node is a key of the list entry above it.
    pub fn is_key(&mut self, node: NodeId) -> bool {
        let Some(entry) = self.tree.parent(node) else { return false };
        let NodeKind::List { keys } = self.kind(entry) else { return false };
        let (leaf, entry) = (self.tree.qname(node), self.tree.qname(entry));
        leaf.namespace == entry.namespace && keys.iter().any(|key| **key == *leaf.local)
    }

    /// Returns the other namespaces in which the node may have a sibling with the same local name. Without namespaces, a path
    /// may name either.
    pub fn namesakes(&mut self, node: NodeId) -> Vec<Box<str>> {
        let Some(parent) = self.tree.parent(node) else { return Vec::new() };
        let location = self.location_below(parent);
        let QName { namespace, local } = self.tree.qname(node);
        let candidates = self.schema_view.candidates(self.tree.names(), location, local).into_iter();
        candidates.filter(|name| name.namespace != namespace).map(|name| name.namespace.into()).collect()
    }

    /// Returns whether a node is an entry of a list that has keys.
    pub fn is_keyed_entry(&mut self, node: NodeId) -> bool {
        matches!(self.kind(node), NodeKind::List { keys } if !keys.is_empty())
    }

    /// Returns the kind of a node, as far as it is known.
    pub fn kind(&mut self, node: NodeId) -> NodeKind {
        let location = self.schema_location(node);
        self.schema_view.kind(location)
    }

    /// Returns whether the node is a leaf or leaf-list entry that has a default value, or may have one as far as is known.
    pub fn may_have_default(&mut self, node: NodeId) -> bool {
        let is_leaf = matches!(self.kind(node), NodeKind::Leaf | NodeKind::LeafList);
        match self.schema_location(node).schema {
            Some(schema_node) => is_leaf && self.schema_view.defaults(schema_node).is_some(),
            None => is_leaf || self.tree.value(node).is_some(),
        }
    }

    /// Returns the schema location of a node.
    pub fn schema_location(&mut self, node: NodeId) -> SchemaLocation {
        let state = *self.state(node);
        let schema = match state.schema {
            NodeModel::Node(schema) => Some(schema),
            NodeModel::Unknown => None,
            NodeModel::NotLookedUp => {
                let schema = self.look_up_schema_node(node);
                self.update_state(node, |state| {
                    state.schema = schema.map_or(NodeModel::Unknown, NodeModel::Node)
                });
                schema
            }
        };
        SchemaLocation { schema_path: Some(state.schema_path), schema }
    }

    fn look_up_schema_node(&mut self, node: NodeId) -> Option<SchemaNode> {
        if !self.schema_view.has_model() {
            return None;
        }
        let Some(parent) = self.tree.parent(node) else { return self.schema_view.root().schema };
        // The recursion is as deep as the tree, which its reader limits, and happens once per node.
        let above = self.location_below(parent).schema?;
        self.schema_child(above, self.tree.name(node))
    }

    /// Returns the schema location from which the children of a node are looked up.
    fn location_below(&mut self, node: NodeId) -> SchemaLocation {
        let location = self.schema_location(node);
        let list = location.schema.filter(|&node| self.schema_view.schema().has_entry_models(node));
        let keys = list.map_or(&[][..], |node| self.schema_view.model_keys(node));
        if keys.is_empty() {
            return location;
        }
        let leaves = keys.iter().map(|key| self.lookup.key(&self.tree, node, key));
        let values: Option<Vec<&str>> =
            leaves.map(|leaf| leaf.map(|leaf| self.tree.value(leaf).unwrap_or_default())).collect();
        let Some(values) = values.filter(|values| !values.is_empty()) else { return location };
        self.schema_view.entry(location, &values)
    }

    /// Returns whether the node is known to be a container or list entry, or has had children.
    fn is_container(&self, node: NodeId) -> bool {
        let state = self.state(node);
        self.tree.first_child(node).is_some()
            || match state.schema {
                NodeModel::Node(schema) => self.schema_view.is_model_container(schema),
                _ => {
                    state.edit == NodeEdit::Implied
                        || self.schema_view.is_learned_container(state.schema_path)
                }
            }
    }

    #[allow(clippy::indexing_slicing)] // the state of the root always exists
    fn state(&self, node: NodeId) -> &NodeState {
        self.states.get(node.index()).unwrap_or(&self.states[0])
    }

    fn update_state(&mut self, node: NodeId, change: impl FnOnce(&mut NodeState)) {
        if let Some(state) = self.states.get_mut(node.index()) {
            change(state);
        }
    }

    /// Adds a node that belongs neither to the base nor to the edits yet, after all its siblings.
    fn add(&mut self, parent: NodeId, name: Name) -> Result<NodeId, Error> {
        let schema_path = self.schema_view.schema_path(self.state(parent).schema_path, name, &self.tree);
        let node = self.tree.append(parent, name)?;
        self.states.push(NodeState {
            in_base: false,
            edit: NodeEdit::Keep,
            edited_at: 0,
            removed_at: 0,
            dirty: false,
            schema_path,
            schema: NodeModel::NotLookedUp,
        });
        self.lookup.add_child(parent, name, node);
        self.note_in_choices(parent, node);
        Ok(node)
    }

    /// Returns whether the base value of a node differs in meaning from its current one.
    fn has_other_text(&mut self, node: NodeId) -> bool {
        if !self.replaced.contains_key(&node) || self.base_text(node).means(&self.text(node)) {
            return false;
        }
        let Some(schema_node) = self.schema_location(node).schema else { return true };
        let normal = |text: PrefixedText<'_>| {
            let short = Some(text.value).filter(|value| value.len() <= LONGEST_COMPARED)?;
            let namespace = |prefix: &str| text.namespace(prefix).map(str::to_owned);
            self.schema_view.schema().normal(schema_node, short, &namespace)
        };
        let base = normal(self.base_text(node));
        base.is_none() || base != normal(self.text(node))
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
