//! What a user may do. Every request passes here.
//!
//! The rules are those of `/nacm` in `running` (RFC 8341). Without `/nacm` there is no access control, as in a
//! controller that is configured with `CLICON_NACM_DISABLED_ON_EMPTY`.

use std::collections::BTreeMap;

use confine_nacm::{AccessDecision, AccessOperation, DecisionReason, NACM, Nacm};
use confine_netconf::namespace::{BASE, SUBSCRIPTION};
use confine_tree::{
    CONTROLLER, DataNodeKind, NodeId, Pattern, PatternStep, QName, Schema as _, SchemaNode, Tree,
};
use confine_yang::MountedSchema;

use crate::datastore::trees::{distinguishing_values, schema_below};
use crate::refusal::{self, RpcRefusal};

/// The rights of a user. Refusals are in the words of the real controller.
pub(crate) struct UserAccess<'m> {
    rules: confine_nacm::AccessRules,
    schema: &'m MountedSchema,
}

impl<'m> UserAccess<'m> {
    /// Reads the rights of a user from `running`; `None` stands for a request on behalf of no user.
    pub(crate) fn new(running: &Tree, user: Option<&str>, schema: &'m MountedSchema) -> Self {
        let rules = match running.child(Tree::ROOT, QName::new(NACM, "nacm")) {
            Some(node) => {
                let (nacm, _) = Nacm::read(running, node);
                let groups: Vec<&str> = user.into_iter().flat_map(|user| nacm.groups_of(user)).collect();
                nacm.user_access(user.unwrap_or_default(), &groups).0
            }
            None => confine_nacm::AccessRules::permit_all(),
        };
        Self { rules, schema }
    }

    /// Checks the right to execute an operation such as `transaction-actions-done`.
    pub(crate) fn check_execute(&self, operation: QName<'_>) -> Result<(), RpcRefusal> {
        let module = match operation.namespace {
            BASE => "ietf-netconf",
            SUBSCRIPTION => "clixon-rfc5277",
            CONTROLLER => "clixon-controller",
            _ => "",
        };
        // Every user may close the session (RFC 8341, section 3.4.4).
        if operation.local == "close-session" {
            return Ok(());
        }
        match self.rules.decide_rpc(module, operation.local).permitted {
            true => Ok(()),
            false => Err(refusal::access_denied("access denied")),
        }
    }

    /// Checks the right to change one tree into another.
    pub(crate) fn check_write(&self, before: &Tree, after: &Tree) -> Result<(), RpcRefusal> {
        if self.rules.permits_everything(self.schema) {
            return Ok(());
        }
        let (old, new) = (TreeSide::top(before), TreeSide::top(after));
        self.check_changes(old, new, self.schema.root(), &Pattern::default())
    }

    /// Checks the differences below a node that both trees have.
    fn check_changes(
        &self,
        old: TreeSide<'_>,
        new: TreeSide<'_>,
        parent: Option<SchemaNode>,
        path: &Pattern,
    ) -> Result<(), RpcRefusal> {
        let old_children = old.children(parent, self.schema);
        let new_children = new.children(parent, self.schema);
        for child in new_children.values() {
            let child_path = self.child_path(new.tree, child, path);
            let Some(before) = old_children.get(&child.identity) else {
                self.check_subtree(new.tree, child, &child_path, AccessOperation::Create)?;
                continue;
            };
            if old.tree.value(before.node) != new.tree.value(child.node) {
                self.check(&child_path, AccessOperation::Update)?;
            }
            let (old, new) = (old.at(before.node), new.at(child.node));
            self.check_changes(old, new, child.schema_below(new.tree, self.schema), &child_path)?;
        }
        for child in old_children.values().filter(|child| !new_children.contains_key(&child.identity)) {
            let child_path = self.child_path(old.tree, child, path);
            self.check_subtree(old.tree, child, &child_path, AccessOperation::Delete)?;
        }
        Ok(())
    }

    /// Checks a node and everything below it.
    fn check_subtree(
        &self,
        tree: &Tree,
        child: &KeyedChild,
        path: &Pattern,
        operation: AccessOperation,
    ) -> Result<(), RpcRefusal> {
        self.check(path, operation)?;
        let side = TreeSide { tree, node: child.node };
        for below in side.children(child.schema_below(tree, self.schema), self.schema).values() {
            self.check_subtree(tree, below, &self.child_path(tree, below, path), operation)?;
        }
        Ok(())
    }

    fn check(&self, path: &Pattern, operation: AccessOperation) -> Result<(), RpcRefusal> {
        match self.rules.decide(self.schema, path, operation) {
            AccessDecision { permitted: true, .. } => Ok(()),
            AccessDecision { reason: DecisionReason::Rule { .. }, .. } => {
                Err(refusal::access_denied("access denied"))
            }
            AccessDecision { .. } => Err(refusal::access_denied("default deny")),
        }
    }

    /// Removes the nodes that the user may not read.
    pub(crate) fn remove_unreadable(&self, mut read: Tree) -> Tree {
        if self.rules.permits_below(self.schema, &Pattern::default(), AccessOperation::Read) {
            return read;
        }
        let mut denied = Vec::new();
        let mut todo = vec![(Tree::ROOT, self.schema.root(), Pattern::default())];
        while let Some((node, parent, path)) = todo.pop() {
            for child in (TreeSide { tree: &read, node }).children(parent, self.schema).into_values() {
                let child_path = self.child_path(&read, &child, &path);
                match self.rules.decide(self.schema, &child_path, AccessOperation::Read).permitted {
                    true => todo.push((child.node, child.schema_below(&read, self.schema), child_path)),
                    false => denied.push(child.node),
                }
            }
        }
        for node in denied {
            read.detach(node);
        }
        read
    }

    fn child_path(&self, tree: &Tree, child: &KeyedChild, parent: &Pattern) -> Pattern {
        let mut step = PatternStep::new(tree.qname(child.node));
        match child.schema_node.map(|schema_node| (schema_node, self.schema.kind(schema_node))) {
            Some((list, DataNodeKind::List)) => {
                let values = child.identity.1.iter().map(|value| Some(value.to_string()));
                step.keys.extend(self.schema.keys(list).iter().cloned().zip(values));
            }
            Some((_, DataNodeKind::LeafList)) => {
                step.entry = Some(child.identity.1.first().map(|value| value.to_string()));
            }
            _ => {}
        }
        Pattern { steps: parent.steps.iter().cloned().chain([step]).collect() }
    }
}

/// A node of one of two trees.
#[derive(Clone, Copy)]
struct TreeSide<'t> {
    tree: &'t Tree,
    node: NodeId,
}

/// A child, with what distinguishes it from its siblings.
struct KeyedChild {
    node: NodeId,
    schema_node: Option<SchemaNode>,
    identity: ChildIdentity,
}

/// Namespace and name, and the keys of a list entry or the value of a leaf-list entry.
type ChildIdentity = ((Box<str>, Box<str>), Vec<Box<str>>);

impl<'t> TreeSide<'t> {
    fn top(tree: &'t Tree) -> Self {
        Self { tree, node: Tree::ROOT }
    }

    fn at(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    fn children(
        self,
        parent: Option<SchemaNode>,
        schema: &MountedSchema,
    ) -> BTreeMap<ChildIdentity, KeyedChild> {
        let children = self.tree.children(self.node).map(|node| {
            let name = self.tree.qname(node);
            let schema_node = parent.and_then(|parent| schema.child(parent, name));
            let keys = distinguishing_values(self.tree, node, schema_node, schema);
            let identity: ChildIdentity = ((name.namespace.into(), name.local.into()), keys);
            (identity.clone(), KeyedChild { node, schema_node, identity })
        });
        children.collect()
    }
}

impl KeyedChild {
    /// Returns the schema node that its children belong to.
    fn schema_below(&self, tree: &Tree, schema: &MountedSchema) -> Option<SchemaNode> {
        self.schema_node.map(|schema_node| schema_below(tree, self.node, schema_node, schema))
    }
}
