//! `edit-config` (RFC 6241, section 7.2): one tree applied to another.

use std::cmp::Ordering;
use std::collections::HashMap;

use confine_tree::{DataNodeKind, Error, NETCONF, NodeId, QName, Schema, SchemaNode, Tree};
use confine_yang::MountedSchema;

use crate::created;
use crate::insert::{InsertAnchor, InsertPosition};
use crate::model::defining_file;
use crate::refusal::{self, RpcRefusal};

const OPERATION: QName<'static> = QName::new(NETCONF, "operation");

/// What an edit does with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EditOperation {
    None,
    Merge,
    Create,
    Replace,
    Delete,
    Remove,
}

impl EditOperation {
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
    default: EditOperation,
    model: &MountedSchema,
) -> Result<(), RpcRefusal> {
    check(edit, Tree::ROOT, model.root(), model)?;
    if default == EditOperation::Replace {
        clear(tree, Tree::ROOT);
    }
    run(tree, edit, default, model)
}

/// Merges state that the controller has made itself.
pub(crate) fn merge_state(tree: &mut Tree, state: &Tree, model: &MountedSchema) -> Result<(), RpcRefusal> {
    run(tree, state, EditOperation::Merge, model)
}

fn run(
    tree: &mut Tree,
    edit: &Tree,
    default: EditOperation,
    model: &MountedSchema,
) -> Result<(), RpcRefusal> {
    let root = EditLocation { node: Tree::ROOT, model: model.root() };
    let mut editing = EditContext { tree, edit, model, indexes: HashMap::new() };
    editing.children(root, Tree::ROOT, default).map(|_| ())
}

/// Checks that the model has all of an edit, and that entries have their keys.
fn check(edit: &Tree, node: NodeId, at: Option<SchemaNode>, model: &MountedSchema) -> Result<(), RpcRefusal> {
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
        if model.kind(known) != DataNodeKind::AnyData {
            check(edit, child, Some(below(edit, child, known, model)), model)?;
        }
    }
    Ok(())
}

/// The node to go on with below a node: in an entry, that of the entry.
pub(crate) fn below(tree: &Tree, node: NodeId, known: SchemaNode, model: &MountedSchema) -> SchemaNode {
    match model.kind(known) {
        DataNodeKind::List => model.entry(known, &created::keys(tree, node, model, known)),
        _ => known,
    }
}

/// Checks that an entry has its keys.
pub(crate) fn check_keys(
    tree: &Tree,
    entry: NodeId,
    list: SchemaNode,
    model: &MountedSchema,
) -> Result<(), RpcRefusal> {
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
struct EditLocation {
    node: NodeId,
    model: Option<SchemaNode>,
}

/// What tells a node from its siblings: its name, and its keys or its value.
type Identity = (confine_tree::Name, Vec<Box<str>>);

struct EditContext<'t> {
    tree: &'t mut Tree,
    edit: &'t Tree,
    model: &'t MountedSchema,
    /// The children of nodes that were edited.
    indexes: HashMap<NodeId, HashMap<Identity, NodeId>>,
}

impl EditContext<'_> {
    /// Applies the children of a node of the edit to a node of the tree. Whether that changed anything.
    fn children(
        &mut self,
        spot: EditLocation,
        edit: NodeId,
        inherited: EditOperation,
    ) -> Result<bool, RpcRefusal> {
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
        parent: EditLocation,
        edit: NodeId,
        known: Option<SchemaNode>,
        identity: Identity,
        inherited: EditOperation,
    ) -> Result<bool, RpcRefusal> {
        let operation = match self.edit.attribute(edit, OPERATION) {
            None => inherited,
            Some(name) => EditOperation::parse(name)
                .ok_or_else(|| refusal::protocol_failed(format!("Bad-attribute operation: {name}")))?,
        };
        let found = self.find(parent, &identity);
        let insert = match known {
            Some(known) => InsertPosition::read(self.edit, edit, known, self.model)?,
            None => None,
        };
        match (operation, found) {
            (EditOperation::Create, Some(_)) => {
                return Err(refusal::failed_with(
                    "data-exists",
                    "Data already exists; cannot create new resource",
                ));
            }
            (EditOperation::Delete, None) => {
                return Err(refusal::failed_with(
                    "data-missing",
                    "Data does not exist; cannot delete resource",
                ));
            }
            (EditOperation::Remove, None) => return Ok(false),
            (EditOperation::Delete | EditOperation::Remove, Some(node)) => {
                self.detach(parent, &identity, node);
                return Ok(true);
            }
            (EditOperation::Replace, Some(node)) => self.detach(parent, &identity, node),
            // An entry that is given a place is made anew: what it had and is not said again is gone.
            (EditOperation::Merge, Some(node)) if insert.is_some() => self.detach(parent, &identity, node),
            _ => {}
        }
        let found = found
            .filter(|_| operation != EditOperation::Replace)
            .filter(|_| operation != EditOperation::Merge || insert.is_none());
        let (node, mut changed) = match found {
            Some(node) => (node, false),
            None => (self.add(parent, identity.clone())?, operation != EditOperation::None),
        };
        if let Some(insert) = insert.filter(|_| found.is_none()) {
            self.place(parent, node, identity.0, &insert)?;
        }
        let model = known.map(|known| {
            let keys: Vec<&str> = identity.1.iter().map(|key| &**key).collect();
            if self.model.kind(known) == DataNodeKind::List { self.model.entry(known, &keys) } else { known }
        });
        // A key identifies its entry, whatever is done to that.
        let is_key = known.and_then(|known| self.model.node(known)).is_some_and(|known| known.is_key());
        if operation != EditOperation::None || is_key {
            changed |= self.set_value(node, edit)? && !is_key;
        }
        let inherited = match operation {
            EditOperation::Create | EditOperation::Replace => EditOperation::Merge,
            other => other,
        };
        changed |= self.children(EditLocation { node, model }, edit, inherited)?;
        let hollow = known.is_some_and(|known| self.model.kind(known) == DataNodeKind::Container)
            && self.tree.first_child(node).is_none();
        if hollow || (found.is_none() && operation == EditOperation::None && !changed && !is_key) {
            self.detach(parent, &identity, node);
            return Ok(found.is_some());
        }
        Ok(changed)
    }

    fn set_value(&mut self, node: NodeId, edit: NodeId) -> Result<bool, RpcRefusal> {
        let Some(value) = self.edit.value(edit) else { return Ok(false) };
        let bindings: Vec<(&str, &str)> =
            self.edit.bindings(edit).iter().map(|(prefix, namespace)| (&**prefix, &**namespace)).collect();
        if self.tree.value(node) == Some(value) && self.tree.bindings(node) == self.edit.bindings(edit) {
            return Ok(false);
        }
        self.tree.set_value(node, value, &bindings).map_err(too_large)?;
        Ok(true)
    }

    fn find(&mut self, parent: EditLocation, identity: &Identity) -> Option<NodeId> {
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

    fn add(&mut self, parent: EditLocation, identity: Identity) -> Result<NodeId, RpcRefusal> {
        let node = self.tree.append(parent.node, identity.0).map_err(too_large)?;
        self.indexes.entry(parent.node).or_default().insert(identity, node);
        Ok(node)
    }

    /// Puts an entry, which is the last one, where it is to be.
    fn place(
        &mut self,
        parent: EditLocation,
        node: NodeId,
        name: confine_tree::Name,
        insert: &InsertPosition,
    ) -> Result<(), RpcRefusal> {
        let mut there = |beside: &InsertAnchor| {
            let found = self.find(parent, &(name, beside.identity.clone()));
            found.ok_or_else(|| beside.missing())
        };
        let before = match insert {
            InsertPosition::Last => return Ok(()),
            InsertPosition::First => self.tree.children_named(parent.node, name).find(|&other| other != node),
            InsertPosition::Before(beside) => Some(there(beside)?),
            InsertPosition::After(beside) => {
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

    fn detach(&mut self, parent: EditLocation, identity: &Identity, node: NodeId) {
        self.tree.detach(node);
        if let Some(index) = self.indexes.get_mut(&parent.node) {
            index.remove(identity);
        }
    }

    /// Brings the children of a node into the order that the controller keeps them in: that of the model,
    /// and entries by their keys unless the user orders them.
    fn sort(&mut self, spot: EditLocation) {
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
    model: &MountedSchema,
) -> Vec<Box<str>> {
    match known.map(|known| (known, model.kind(known))) {
        Some((list, DataNodeKind::List)) => {
            let namespace = tree.qname(node).namespace;
            let key = |key: &str| {
                let key = tree.child(node, QName::new(namespace, key))?;
                Some(tree.value(key).unwrap_or_default().into())
            };
            model.keys(list).iter().filter_map(|name| key(name)).collect()
        }
        Some((_, DataNodeKind::LeafList)) => vec![tree.value(node).unwrap_or_default().into()],
        _ => Vec::new(),
    }
}

fn clear(tree: &mut Tree, node: NodeId) {
    while let Some(child) = tree.first_child(node) {
        tree.detach(child);
    }
}

fn too_large(error: Error) -> RpcRefusal {
    refusal::failed(error.to_string())
}

#[cfg(test)]
mod tests;
