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

use crate::datastore::trees::ModelledTree;
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
        let top = |tree| AccessedNode { tree, node: Tree::ROOT, schema_below: self.schema.root() };
        self.check_changes(top(before), top(after), &Pattern::default())
    }

    /// Checks the differences below a node that both trees have.
    fn check_changes(
        &self,
        old: AccessedNode<'_>,
        new: AccessedNode<'_>,
        path: &Pattern,
    ) -> Result<(), RpcRefusal> {
        let (old_children, new_children) = (self.children(old), self.children(new));
        for (identity, (step, child)) in &new_children {
            let child_path = child_path(path, step);
            let Some((_, before)) = old_children.get(identity) else {
                self.check_subtree(*child, &child_path, AccessOperation::Create)?;
                continue;
            };
            if before.tree.value(before.node) != child.tree.value(child.node) {
                self.check(&child_path, AccessOperation::Update)?;
            }
            self.check_changes(*before, *child, &child_path)?;
        }
        for (_, (step, child)) in old_children.iter().filter(|(old, _)| !new_children.contains_key(*old)) {
            self.check_subtree(*child, &child_path(path, step), AccessOperation::Delete)?;
        }
        Ok(())
    }

    /// Checks a node and everything below it.
    fn check_subtree(
        &self,
        node: AccessedNode<'_>,
        path: &Pattern,
        operation: AccessOperation,
    ) -> Result<(), RpcRefusal> {
        self.check(path, operation)?;
        let mut children = self.children(node).into_values();
        children.try_for_each(|(step, child)| self.check_subtree(child, &child_path(path, &step), operation))
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
        while let Some((node, schema_below, path)) = todo.pop() {
            let node = AccessedNode { tree: &read, node, schema_below };
            for (step, child) in self.children(node).into_values() {
                let child_path = child_path(&path, &step);
                match self.rules.decide(self.schema, &child_path, AccessOperation::Read).permitted {
                    true => todo.push((child.node, child.schema_below, child_path)),
                    false => denied.push(child.node),
                }
            }
        }
        for node in denied {
            read.detach(node);
        }
        read
    }

    /// Returns the children of a node, each with its step of a path, by what distinguishes it.
    fn children<'t>(
        &self,
        parent: AccessedNode<'t>,
    ) -> BTreeMap<ChildIdentity, (PatternStep, AccessedNode<'t>)> {
        let AccessedNode { tree, node, schema_below } = parent;
        let of_schema = ModelledTree { tree, schema: self.schema };
        let child = |node| {
            let name = tree.qname(node);
            let schema_node = of_schema.schema_node(node, schema_below);
            let values = of_schema.identity(node, schema_node);
            let mut step = PatternStep::new(name);
            match schema_node.map(|schema_node| (schema_node, self.schema.kind(schema_node))) {
                Some((list, DataNodeKind::List)) => {
                    let values = values.iter().map(|value| Some(value.to_string()));
                    step.keys.extend(self.schema.keys(list).iter().cloned().zip(values));
                }
                Some((_, DataNodeKind::LeafList)) => {
                    step.entry = Some(values.first().map(|value| value.to_string()));
                }
                _ => {}
            }
            let schema_below = schema_node.map(|schema_node| of_schema.schema_below(node, schema_node));
            let identity = ((name.namespace.into(), name.local.into()), values);
            (identity, (step, AccessedNode { tree, node, schema_below }))
        };
        tree.children(node).map(child).collect()
    }
}

fn child_path(parent: &Pattern, step: &PatternStep) -> Pattern {
    Pattern { steps: parent.steps.iter().chain([step]).cloned().collect() }
}

/// A node of one of two trees.
#[derive(Clone, Copy)]
struct AccessedNode<'t> {
    tree: &'t Tree,
    node: NodeId,
    /// The schema node that its children belong to.
    schema_below: Option<SchemaNode>,
}

/// Namespace and name, and the keys of a list entry or the value of a leaf-list entry.
type ChildIdentity = ((Box<str>, Box<str>), Vec<Box<str>>);
