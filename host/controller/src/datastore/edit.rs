//! `edit-config` (RFC 6241, section 7.2): one tree applied to another.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use confine_netconf::words;
use confine_tree::{DataNodeKind, Error, NETCONF, NodeId, QName, Schema, SchemaNode, Tree};

use crate::datastore::insert::{InsertAnchor, InsertPosition};
use crate::datastore::trees::ModelledTree;
use crate::refusal::{self, RpcRefusal};

const OPERATION: QName<'static> = QName::new(NETCONF, "operation");

words! {
    /// The operation of an edit on a node.
    pub(crate) enum EditOperation {
        None = "none",
        Merge = "merge",
        Create = "create",
        Replace = "replace",
        Delete = "delete",
        Remove = "remove",
    }
}

impl EditOperation {
    /// Parses a `default-operation`, which can only be one of three.
    pub(crate) fn parse_default(name: &str) -> Option<Self> {
        Self::parse(name).filter(|operation| matches!(operation, Self::None | Self::Merge | Self::Replace))
    }
}

/// Applies an edit. After an error the tree is partly edited, so apply it to a copy.
///
/// If several siblings in the edit name the same node, the last one counts and the others are silently
/// ignored, as in the real controller when it is configured for Python services.
///
/// # Errors
/// A node that is not in the schema, a list entry without its keys, and the refusals of the operations.
pub(crate) fn apply(
    tree: &mut Tree,
    edit: ModelledTree<'_>,
    default: EditOperation,
) -> Result<(), RpcRefusal> {
    edit.check_edit()?;
    if default == EditOperation::Replace {
        while let Some(child) = tree.first_child(Tree::ROOT) {
            tree.detach(child);
        }
    }
    apply_unchecked(tree, edit, default)
}

/// Merges state that the controller itself has made.
pub(crate) fn merge_state(tree: &mut Tree, state: ModelledTree<'_>) -> Result<(), RpcRefusal> {
    apply_unchecked(tree, state, EditOperation::Merge)
}

fn apply_unchecked(
    tree: &mut Tree,
    edit: ModelledTree<'_>,
    default: EditOperation,
) -> Result<(), RpcRefusal> {
    let root = EditLocation { node: Tree::ROOT, schema_node: edit.schema.root() };
    let mut context =
        EditContext { tree, edit, indexes: HashMap::new(), written: HashSet::new(), removed: HashSet::new() };
    context.apply_children(root, Tree::ROOT, default).map(|_| ())
}

/// A node of the tree with its schema node.
#[derive(Clone, Copy)]
struct EditLocation {
    node: NodeId,
    schema_node: Option<SchemaNode>,
}

/// A node of the edit to apply.
struct EditedChild {
    /// Where in the tree its parent is.
    parent: EditLocation,
    edit: NodeId,
    schema_node: Option<SchemaNode>,
    identity: SiblingIdentity,
}

/// What distinguishes a node from its siblings: its name, and its keys or its value.
type SiblingIdentity = (confine_tree::Name, Vec<Box<str>>);

struct EditContext<'t> {
    tree: &'t mut Tree,
    edit: ModelledTree<'t>,
    /// The children of the nodes that the edit touches.
    indexes: HashMap<NodeId, HashMap<SiblingIdentity, NodeId>>,
    /// The nodes that the edit has merged, created or replaced.
    written: HashSet<NodeId>,
    /// The cases of which the edit has removed a node: the parent, the choice and the case.
    removed: HashSet<(NodeId, SchemaNode, SchemaNode)>,
}

impl EditContext<'_> {
    /// Applies the children of a node of the edit to a node of the tree. Returns whether that changed anything.
    fn apply_children(
        &mut self,
        location: EditLocation,
        edit: NodeId,
        inherited: EditOperation,
    ) -> Result<bool, RpcRefusal> {
        let mut last: HashMap<SiblingIdentity, NodeId> = HashMap::new();
        let mut children = Vec::new();
        for child in self.edit.tree.children(edit) {
            let schema_node = self.edit.schema_node(child, location.schema_node);
            let name = self.tree.intern(self.edit.tree.qname(child));
            let identity = (name, self.edit.identity(child, schema_node));
            last.insert(identity.clone(), child);
            children.push(EditedChild { parent: location, edit: child, schema_node, identity });
        }
        let mut changed = false;
        for child in children {
            if last.get(&child.identity) == Some(&child.edit) {
                changed |= self.apply_node(&child, inherited)?;
            }
        }
        if changed {
            self.sort_children(location);
        }
        Ok(changed)
    }

    /// Applies a node of the edit. Returns whether that changed anything.
    fn apply_node(&mut self, child: &EditedChild, inherited: EditOperation) -> Result<bool, RpcRefusal> {
        let operation = match self.edit.tree.attribute(child.edit, OPERATION) {
            None => inherited,
            Some(name) => EditOperation::parse(name)
                .ok_or_else(|| refusal::protocol_failed(format!("Bad-attribute operation: {name}")))?,
        };
        let existing = self.find(child.parent, &child.identity);
        let insert = match child.schema_node {
            Some(schema_node) => InsertPosition::read(self.edit, child.edit, schema_node)?,
            None => None,
        };
        match (operation, existing) {
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
                let cases = child.schema_node.map(|schema_node| self.edit.schema.cases(schema_node));
                let parent = child.parent.node;
                self.removed.extend(cases.into_iter().flatten().map(|case| (parent, case.choice, case.case)));
                self.detach(child, node);
                return Ok(true);
            }
            _ => {}
        }
        // A merge with an insert position makes the entry anew: it loses what the edit does not repeat.
        let is_replaced =
            operation == EditOperation::Replace || (operation == EditOperation::Merge && insert.is_some());
        let kept = existing.filter(|_| !is_replaced);
        if let Some(node) = existing.filter(|_| is_replaced) {
            self.detach(child, node);
        }
        self.write_node(child, operation, kept, insert.as_ref())
    }

    /// Creates a node unless it is `kept`, and applies its value and children. Returns whether that changed
    /// anything.
    fn write_node(
        &mut self,
        child: &EditedChild,
        operation: EditOperation,
        kept: Option<NodeId>,
        insert: Option<&InsertPosition>,
    ) -> Result<bool, RpcRefusal> {
        let (node, mut changed) = match kept {
            Some(node) => (node, false),
            None => (self.add(child)?, operation != EditOperation::None),
        };
        if operation != EditOperation::None {
            self.written.insert(node);
            changed |= self.displace_other_cases(child, node)?;
        }
        if let Some(insert) = insert.filter(|_| kept.is_none()) {
            self.move_to(child, node, insert)?;
        }
        // A key identifies its entry, whatever the operation on the entry is.
        let schema = self.edit.schema;
        let is_key =
            child.schema_node.and_then(|known| schema.node(known)).is_some_and(|known| known.is_key());
        if operation != EditOperation::None || is_key {
            changed |= self.set_value(node, child.edit)? && !is_key;
        }
        let inherited = match operation {
            EditOperation::Create | EditOperation::Replace => EditOperation::Merge,
            other => other,
        };
        let below = child.schema_node.map(|known| self.edit.schema_below(child.edit, known));
        let location = EditLocation { node, schema_node: below };
        changed |= self.apply_children(location, child.edit, inherited)?;
        let kind = child.schema_node.map(|known| schema.kind(known));
        let is_empty_container =
            kind == Some(DataNodeKind::Container) && self.tree.first_child(node).is_none();
        if is_empty_container || (kept.is_none() && operation == EditOperation::None && !changed && !is_key) {
            self.detach(child, node);
            return Ok(kept.is_some());
        }
        Ok(changed)
    }

    /// Removes the nodes of other cases (RFC 7950, section 7.9), but not those that the same edit has written: the
    /// real controller finds them when it validates. Returns whether there were any.
    ///
    /// # Errors
    /// If the edit has removed a node of another case before: the real controller crashes.
    fn displace_other_cases(&mut self, child: &EditedChild, node: NodeId) -> Result<bool, RpcRefusal> {
        let schema = self.edit.schema;
        let cases = child.schema_node.map(|schema_node| schema.cases(schema_node)).unwrap_or_default();
        let parent = child.parent;
        let is_other = |&(removed_in, choice, case): &(NodeId, SchemaNode, SchemaNode)| {
            removed_in == parent.node
                && cases.iter().any(|other| other.choice == choice && other.case != case)
        };
        if self.removed.iter().any(is_other) {
            return Err(refusal::failed(
                "an edit that removes one case and sets another crashes the controller",
            ));
        }
        if cases.is_empty() {
            return Ok(false);
        }
        let tree = ModelledTree { tree: self.tree, schema };
        let is_displaced = |&other: &NodeId| {
            let cases_of_other = tree.schema_node(other, parent.schema_node).map(|other| schema.cases(other));
            other != node
                && !self.written.contains(&other)
                && cases_of_other.is_some_and(|others| {
                    others.iter().any(|other| {
                        cases.iter().any(|case| case.choice == other.choice && case.case != other.case)
                    })
                })
        };
        let displaced: Vec<NodeId> = tree.tree.children(parent.node).filter(is_displaced).collect();
        for &other in &displaced {
            self.tree.detach(other);
            if let Some(index) = self.indexes.get_mut(&parent.node) {
                index.retain(|_, indexed| *indexed != other);
            }
        }
        Ok(!displaced.is_empty())
    }

    fn set_value(&mut self, node: NodeId, edit: NodeId) -> Result<bool, RpcRefusal> {
        let Some(value) = self.edit.tree.value(edit) else { return Ok(false) };
        let bindings = self.edit.tree.bindings(edit);
        if self.tree.value(node) == Some(value) && self.tree.bindings(node) == bindings {
            return Ok(false);
        }
        let bindings: Vec<(&str, &str)> =
            bindings.iter().map(|(prefix, namespace)| (&**prefix, &**namespace)).collect();
        self.tree.set_value(node, value, &bindings).map_err(too_large)?;
        Ok(true)
    }

    fn find(&mut self, parent: EditLocation, identity: &SiblingIdentity) -> Option<NodeId> {
        let tree = ModelledTree { tree: self.tree, schema: self.edit.schema };
        let index = self.indexes.entry(parent.node).or_insert_with(|| {
            let identified = tree.tree.children(parent.node).map(|child| {
                let schema_node = tree.schema_node(child, parent.schema_node);
                ((tree.tree.name(child), tree.identity(child, schema_node)), child)
            });
            identified.collect()
        });
        index.get(identity).copied()
    }

    fn add(&mut self, child: &EditedChild) -> Result<NodeId, RpcRefusal> {
        let parent = child.parent.node;
        let node = self.tree.append(parent, child.identity.0).map_err(too_large)?;
        self.indexes.entry(parent).or_default().insert(child.identity.clone(), node);
        Ok(node)
    }

    /// Moves an entry, which is the last one, to its insert position.
    fn move_to(
        &mut self,
        child: &EditedChild,
        node: NodeId,
        insert: &InsertPosition,
    ) -> Result<(), RpcRefusal> {
        let (parent, name) = (child.parent, child.identity.0);
        let mut find_anchor = |anchor: &InsertAnchor| {
            let found = self.find(parent, &(name, anchor.identity.clone()));
            found.ok_or_else(|| anchor.missing())
        };
        let next = match insert {
            InsertPosition::Last => return Ok(()),
            InsertPosition::First => self.tree.children_named(parent.node, name).find(|&other| other != node),
            InsertPosition::Before(anchor) => Some(find_anchor(anchor)?),
            InsertPosition::After(anchor) => {
                let anchor = find_anchor(anchor)?;
                self.tree.next_sibling(anchor)
            }
        };
        if next != Some(node) {
            self.tree.detach(node);
            self.tree.attach(node, parent.node, next);
        }
        Ok(())
    }

    fn detach(&mut self, child: &EditedChild, node: NodeId) {
        self.tree.detach(node);
        if let Some(index) = self.indexes.get_mut(&child.parent.node) {
            index.remove(&child.identity);
        }
    }

    /// Sorts the children of a node as the controller does: in the order of the schema, and list entries by
    /// their keys unless the list is `ordered-by user`.
    fn sort_children(&mut self, location: EditLocation) {
        let schema = self.edit.schema;
        let tree = ModelledTree { tree: self.tree, schema };
        let sort_key = |node| {
            let schema_node = tree.schema_node(node, location.schema_node);
            let position = schema_node.map_or(u32::MAX, |schema_node| schema.position(schema_node));
            let by_user = schema_node.is_none_or(|schema_node| schema.ordered_by_user(schema_node));
            (position, if by_user { Vec::new() } else { tree.identity(node, schema_node) })
        };
        let mut children: Vec<_> =
            self.tree.children(location.node).map(|child| (sort_key(child), child)).collect();
        if children.is_sorted_by(|(a, _), (b, _)| a.cmp(b) != Ordering::Greater) {
            return;
        }
        children.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, child) in children {
            self.tree.detach(child);
            self.tree.attach(child, location.node, None);
        }
    }
}

fn too_large(error: Error) -> RpcRefusal {
    refusal::failed(error.to_string())
}

#[cfg(test)]
mod tests;
