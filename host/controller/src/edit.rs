//! `edit-config` (RFC 6241, section 7.2): one tree applied to another.

use std::cmp::Ordering;
use std::collections::HashMap;

use confine_tree::{Error, Kind, NETCONF, NodeId, QName, Schema, SchemaNode, Tree};
use confine_yang::Mounted;

use crate::created;
use crate::insert::{Beside, Insert};
use crate::model::defining_file;
use crate::refusal::{self, Refusal};

const OPERATION: QName<'static> = QName::new(NETCONF, "operation");

/// What an edit does with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    None,
    Merge,
    Create,
    Replace,
    Delete,
    Remove,
}

impl Operation {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "merge" => Some(Self::Merge),
            "create" => Some(Self::Create),
            "replace" => Some(Self::Replace),
            "delete" => Some(Self::Delete),
            "remove" => Some(Self::Remove),
            _ => None,
        }
    }

    /// What an edit may do where it does not say.
    pub(crate) fn parse_default(name: &str) -> Option<Self> {
        Self::parse(name).filter(|known| matches!(known, Self::None | Self::Merge | Self::Replace))
    }
}

/// Applies an edit. After an error the tree is half edited: apply to a copy.
///
/// Of several siblings in the edit that mean the same node, the last counts and the others are passed over
/// without a word, as the real controller does when it is set up for Python services.
///
/// # Errors
/// What is not in the model, an entry without its keys, and the operations' own refusals.
pub(crate) fn apply(
    tree: &mut Tree,
    edit: &Tree,
    default: Operation,
    model: &Mounted,
) -> Result<(), Refusal> {
    check(edit, Tree::ROOT, model.root(), model)?;
    if default == Operation::Replace {
        clear(tree, Tree::ROOT);
    }
    run(tree, edit, default, model)
}

/// Merges state that the controller has made itself.
pub(crate) fn merge_state(tree: &mut Tree, state: &Tree, model: &Mounted) -> Result<(), Refusal> {
    run(tree, state, Operation::Merge, model)
}

fn run(tree: &mut Tree, edit: &Tree, default: Operation, model: &Mounted) -> Result<(), Refusal> {
    let root = Spot { node: Tree::ROOT, model: model.root() };
    let mut editing = Editing { tree, edit, model, indexes: HashMap::new() };
    editing.children(root, Tree::ROOT, default).map(|_| ())
}

/// Checks that the model has all of an edit, and that entries have their keys.
fn check(edit: &Tree, node: NodeId, at: Option<SchemaNode>, model: &Mounted) -> Result<(), Refusal> {
    for child in edit.children(node) {
        let name = edit.qname(child);
        let known = at.and_then(|at| model.child(at, name));
        let Some(known) = known else {
            let file = at.and_then(|at| defining_file(model, at));
            let parent = if node == Tree::ROOT { "config" } else { edit.qname(node).local };
            return Err(refusal::unknown_node(name, parent, file.as_deref()));
        };
        if let Some(state) = model.node(known).filter(|known| !known.is_config()) {
            let module = state.module().map(|module| module.name()).unwrap_or_default();
            let message = format!("module {module}: state data node unexpected");
            return Err(refusal::bad_element(state.name(), &message));
        }
        check_keys(edit, child, known, model)?;
        if model.kind(known) != Kind::AnyData {
            check(edit, child, Some(below(edit, child, known, model)), model)?;
        }
    }
    Ok(())
}

/// The node to go on with below a node: in an entry, that of the entry.
pub(crate) fn below(tree: &Tree, node: NodeId, known: SchemaNode, model: &Mounted) -> SchemaNode {
    match model.kind(known) {
        Kind::List => model.entry(known, &created::keys(tree, node, model, known)),
        _ => known,
    }
}

/// Checks that an entry has its keys.
pub(crate) fn check_keys(
    tree: &Tree,
    entry: NodeId,
    list: SchemaNode,
    model: &Mounted,
) -> Result<(), Refusal> {
    let QName { namespace, local } = tree.qname(entry);
    for key in model.keys(list) {
        if tree.child(entry, QName::new(namespace, key)).is_none() {
            let module = model.node(list).and_then(|list| list.module());
            let module = module.map(|module| module.name()).unwrap_or_default();
            let message = format!("Mandatory key in 'list {local}' in {module}.yang");
            return Err(refusal::missing_element(key, &message));
        }
    }
    Ok(())
}

/// A node of the tree with its model.
#[derive(Clone, Copy)]
struct Spot {
    node: NodeId,
    model: Option<SchemaNode>,
}

/// What tells a node from its siblings: its name, and its keys or its value.
type Identity = (confine_tree::Name, Vec<Box<str>>);

struct Editing<'t> {
    tree: &'t mut Tree,
    edit: &'t Tree,
    model: &'t Mounted,
    /// The children of nodes that were edited.
    indexes: HashMap<NodeId, HashMap<Identity, NodeId>>,
}

impl Editing<'_> {
    /// Applies the children of a node of the edit to a node of the tree. Whether that changed anything.
    fn children(&mut self, spot: Spot, edit: NodeId, inherited: Operation) -> Result<bool, Refusal> {
        let mut last: HashMap<Identity, NodeId> = HashMap::new();
        let mut order = Vec::new();
        for child in self.edit.children(edit) {
            let known = spot.model.and_then(|parent| self.model.child(parent, self.edit.qname(child)));
            let name = self.tree.intern(self.edit.qname(child));
            let identity = (name, identity(self.edit, child, known, self.model));
            order.push((child, known, identity.clone()));
            last.insert(identity, child);
        }
        let mut changed = false;
        for (child, known, identity) in order {
            if last.get(&identity) == Some(&child) {
                changed |= self.node(spot, child, known, identity, inherited)?;
            }
        }
        if changed {
            self.sort(spot);
        }
        Ok(changed)
    }

    fn node(
        &mut self,
        parent: Spot,
        edit: NodeId,
        known: Option<SchemaNode>,
        identity: Identity,
        inherited: Operation,
    ) -> Result<bool, Refusal> {
        let operation = match self.edit.attribute(edit, OPERATION) {
            None => inherited,
            Some(name) => Operation::parse(name)
                .ok_or_else(|| refusal::protocol_failed(format!("Bad-attribute operation: {name}")))?,
        };
        let found = self.find(parent, &identity);
        let insert = match known {
            Some(known) => Insert::read(self.edit, edit, known, self.model)?,
            None => None,
        };
        match (operation, found) {
            (Operation::Create, Some(_)) => {
                return Err(refusal::failed_with(
                    "data-exists",
                    "Data already exists; cannot create new resource",
                ));
            }
            (Operation::Delete, None) => {
                return Err(refusal::failed_with(
                    "data-missing",
                    "Data does not exist; cannot delete resource",
                ));
            }
            (Operation::Remove, None) => return Ok(false),
            (Operation::Delete | Operation::Remove, Some(node)) => {
                self.detach(parent, &identity, node);
                return Ok(true);
            }
            (Operation::Replace, Some(node)) => self.detach(parent, &identity, node),
            // An entry that is given a place is made anew: what it had and is not said again is gone.
            (Operation::Merge, Some(node)) if insert.is_some() => self.detach(parent, &identity, node),
            _ => {}
        }
        let found = found
            .filter(|_| operation != Operation::Replace)
            .filter(|_| operation != Operation::Merge || insert.is_none());
        let (node, mut changed) = match found {
            Some(node) => (node, false),
            None => (self.add(parent, identity.clone())?, operation != Operation::None),
        };
        if let Some(insert) = insert.filter(|_| found.is_none()) {
            self.place(parent, node, identity.0, &insert)?;
        }
        let model = known.map(|known| {
            let keys: Vec<&str> = identity.1.iter().map(|key| &**key).collect();
            if self.model.kind(known) == Kind::List { self.model.entry(known, &keys) } else { known }
        });
        // A key identifies its entry, whatever is done to that.
        let is_key = known.and_then(|known| self.model.node(known)).is_some_and(|known| known.is_key());
        if operation != Operation::None || is_key {
            changed |= self.set_value(node, edit)? && !is_key;
        }
        let inherited = match operation {
            Operation::Create | Operation::Replace => Operation::Merge,
            other => other,
        };
        changed |= self.children(Spot { node, model }, edit, inherited)?;
        let hollow = known.is_some_and(|known| self.model.kind(known) == Kind::Container)
            && self.tree.first_child(node).is_none();
        if hollow || (found.is_none() && operation == Operation::None && !changed && !is_key) {
            self.detach(parent, &identity, node);
            return Ok(found.is_some());
        }
        Ok(changed)
    }

    fn set_value(&mut self, node: NodeId, edit: NodeId) -> Result<bool, Refusal> {
        let Some(value) = self.edit.value(edit) else { return Ok(false) };
        let bindings: Vec<(&str, &str)> =
            self.edit.bindings(edit).iter().map(|(prefix, namespace)| (&**prefix, &**namespace)).collect();
        if self.tree.value(node) == Some(value) && self.tree.bindings(node) == self.edit.bindings(edit) {
            return Ok(false);
        }
        self.tree.set_value(node, value, &bindings).map_err(too_large)?;
        Ok(true)
    }

    fn find(&mut self, parent: Spot, identity: &Identity) -> Option<NodeId> {
        let (tree, model) = (&*self.tree, self.model);
        let index = self.indexes.entry(parent.node).or_insert_with(|| {
            let identified = tree.children(parent.node).map(|child| {
                let known = parent.model.and_then(|parent| model.child(parent, tree.qname(child)));
                ((tree.name(child), self::identity(tree, child, known, model)), child)
            });
            identified.collect()
        });
        index.get(identity).copied()
    }

    fn add(&mut self, parent: Spot, identity: Identity) -> Result<NodeId, Refusal> {
        let node = self.tree.append(parent.node, identity.0).map_err(too_large)?;
        self.indexes.entry(parent.node).or_default().insert(identity, node);
        Ok(node)
    }

    /// Puts an entry, which is the last one, where it is to be.
    fn place(
        &mut self,
        parent: Spot,
        node: NodeId,
        name: confine_tree::Name,
        insert: &Insert,
    ) -> Result<(), Refusal> {
        let mut there = |beside: &Beside| {
            let found = self.find(parent, &(name, beside.identity.clone()));
            found.ok_or_else(|| beside.missing())
        };
        let before = match insert {
            Insert::Last => return Ok(()),
            Insert::First => self.tree.children_named(parent.node, name).find(|&other| other != node),
            Insert::Before(beside) => Some(there(beside)?),
            Insert::After(beside) => {
                let beside = there(beside)?;
                self.tree.next_sibling(beside)
            }
        };
        if before != Some(node) {
            self.tree.detach(node);
            self.tree.attach(node, parent.node, before);
        }
        Ok(())
    }

    fn detach(&mut self, parent: Spot, identity: &Identity, node: NodeId) {
        self.tree.detach(node);
        if let Some(index) = self.indexes.get_mut(&parent.node) {
            index.remove(identity);
        }
    }

    /// Brings the children of a node into the order that the controller keeps them in: that of the model,
    /// and entries by their keys unless the user orders them.
    fn sort(&mut self, spot: Spot) {
        let (tree, model) = (&*self.tree, self.model);
        let place = |node| {
            let known = spot.model.and_then(|parent| model.child(parent, tree.qname(node)));
            let position = known.map_or(u32::MAX, |known| model.position(known));
            let by_user = known.is_none_or(|known| model.ordered_by_user(known));
            let identity = if by_user { Vec::new() } else { identity(tree, node, known, model) };
            (position, identity)
        };
        let mut children: Vec<_> = tree.children(spot.node).map(|child| (place(child), child)).collect();
        if children.is_sorted_by(|(a, _), (b, _)| a.cmp(b) != Ordering::Greater) {
            return;
        }
        children.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, child) in children {
            self.tree.detach(child);
            self.tree.attach(child, spot.node, None);
        }
    }
}

/// The keys of an entry, or the value of a leaf-list entry.
pub(crate) fn identity(
    tree: &Tree,
    node: NodeId,
    known: Option<SchemaNode>,
    model: &Mounted,
) -> Vec<Box<str>> {
    match known.map(|known| (known, model.kind(known))) {
        Some((list, Kind::List)) => {
            let namespace = tree.qname(node).namespace;
            let key = |key: &str| {
                let key = tree.child(node, QName::new(namespace, key))?;
                Some(tree.value(key).unwrap_or_default().into())
            };
            model.keys(list).iter().filter_map(|name| key(name)).collect()
        }
        Some((_, Kind::LeafList)) => vec![tree.value(node).unwrap_or_default().into()],
        _ => Vec::new(),
    }
}

fn clear(tree: &mut Tree, node: NodeId) {
    while let Some(child) = tree.first_child(node) {
        tree.detach(child);
    }
}

fn too_large(error: Error) -> Refusal {
    refusal::failed(error.to_string())
}
