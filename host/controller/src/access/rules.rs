//! The one door that every request passes: may this user do that?
//!
//! The rules are those of `/nacm` in `running` (RFC 8341). Without any of that there is no access control, as in
//! a controller that is set up with `CLICON_NACM_DISABLED_ON_EMPTY`.

use confine_nacm::{AccessDecision, AccessOperation, DecisionReason, NACM, Nacm};
use confine_netconf::namespace::{BASE, SUBSCRIPTION};
use confine_tree::{
    CONTROLLER, DataNodeKind, NodeId, Pattern, PatternStep, QName, Schema as _, SchemaNode, Tree,
};
use confine_yang::MountedSchema;

use crate::edit;
use crate::refusal::{self, RpcRefusal};

/// What one user may do. The words of a refusal are the real controller's.
pub(crate) struct UserAccess<'m> {
    rules: confine_nacm::AccessRules,
    schema: &'m MountedSchema,
}

impl<'m> UserAccess<'m> {
    /// What `running` says of a user; none for what is done for nobody.
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
    pub(crate) fn execute(&self, operation: QName<'_>) -> Result<(), RpcRefusal> {
        let module = match operation.namespace {
            BASE => "ietf-netconf",
            SUBSCRIPTION => "clixon-rfc5277",
            CONTROLLER => "clixon-controller",
            _ => "",
        };
        // Everybody may leave (RFC 8341, section 3.4.4).
        if operation.local == "close-session" {
            return Ok(());
        }
        match self.rules.decide_rpc(module, operation.local).permitted {
            true => Ok(()),
            false => Err(refusal::access_denied("access denied")),
        }
    }

    /// Checks the right to make of one tree another.
    pub(crate) fn write(&self, before: &Tree, after: &Tree) -> Result<(), RpcRefusal> {
        if self.rules.permits_everything(self.schema) {
            return Ok(());
        }
        let (old, new) = (TreeSide::top(before), TreeSide::top(after));
        self.changed(old, new, self.schema.root(), &Pattern::default())
    }

    /// Checks what is different below a node that both trees have.
    fn changed(
        &self,
        old: TreeSide<'_>,
        new: TreeSide<'_>,
        at: Option<SchemaNode>,
        place: &Pattern,
    ) -> Result<(), RpcRefusal> {
        let (was, is) = (old.children(at, self.schema), new.children(at, self.schema));
        for child in is.values() {
            let here = self.place(new.tree, child, place);
            let Some(before) = was.get(&child.identity) else {
                self.all(new.tree, child, &here, AccessOperation::Create)?;
                continue;
            };
            if old.tree.value(before.node) != new.tree.value(child.node) {
                self.decide(&here, AccessOperation::Update)?;
            }
            let (old, new) = (old.at(before.node), new.at(child.node));
            self.changed(old, new, child.below(new.tree, self.schema), &here)?;
        }
        for child in was.values().filter(|child| !is.contains_key(&child.identity)) {
            let here = self.place(old.tree, child, place);
            self.all(old.tree, child, &here, AccessOperation::Delete)?;
        }
        Ok(())
    }

    /// Checks a node and all below it.
    fn all(
        &self,
        tree: &Tree,
        child: &KeyedChild,
        place: &Pattern,
        operation: AccessOperation,
    ) -> Result<(), RpcRefusal> {
        self.decide(place, operation)?;
        let side = TreeSide { tree, node: child.node };
        for below in side.children(child.below(tree, self.schema), self.schema).values() {
            self.all(tree, below, &self.place(tree, below, place), operation)?;
        }
        Ok(())
    }

    fn decide(&self, place: &Pattern, operation: AccessOperation) -> Result<(), RpcRefusal> {
        match self.rules.decide(self.schema, place, operation) {
            AccessDecision { permitted: true, .. } => Ok(()),
            AccessDecision { reason: DecisionReason::Rule { .. }, .. } => {
                Err(refusal::access_denied("access denied"))
            }
            AccessDecision { .. } => Err(refusal::access_denied("default deny")),
        }
    }

    /// Takes what the user may not read out of what was read.
    pub(crate) fn prune(&self, mut read: Tree) -> Tree {
        if self.rules.permits_below(self.schema, &Pattern::default(), AccessOperation::Read) {
            return read;
        }
        let mut denied = Vec::new();
        let mut todo = vec![(Tree::ROOT, self.schema.root(), Pattern::default())];
        while let Some((node, at, place)) = todo.pop() {
            for child in (TreeSide { tree: &read, node }).children(at, self.schema).into_values() {
                let here = self.place(&read, &child, &place);
                match self.rules.decide(self.schema, &here, AccessOperation::Read).permitted {
                    true => todo.push((child.node, child.below(&read, self.schema), here)),
                    false => denied.push(child.node),
                }
            }
        }
        for node in denied {
            read.detach(node);
        }
        read
    }

    fn place(&self, tree: &Tree, child: &KeyedChild, above: &Pattern) -> Pattern {
        let mut step = PatternStep::new(tree.qname(child.node));
        match child.known.map(|known| (known, self.schema.kind(known))) {
            Some((list, DataNodeKind::List)) => {
                let values = child.identity.1.iter().map(|value| Some(value.to_string()));
                step.keys.extend(self.schema.keys(list).iter().cloned().zip(values));
            }
            Some((_, DataNodeKind::LeafList)) => {
                step.entry = Some(child.identity.1.first().map(|value| value.to_string()));
            }
            _ => {}
        }
        Pattern { steps: above.steps.iter().cloned().chain([step]).collect() }
    }
}

/// A node of one of two trees.
#[derive(Clone, Copy)]
struct TreeSide<'t> {
    tree: &'t Tree,
    node: NodeId,
}

/// A child, with what tells it from its siblings.
struct KeyedChild {
    node: NodeId,
    known: Option<SchemaNode>,
    identity: Identity,
}

/// Namespace and name, and the keys of an entry or the value of a leaf-list's.
type Identity = ((Box<str>, Box<str>), Vec<Box<str>>);

impl<'t> TreeSide<'t> {
    fn top(tree: &'t Tree) -> Self {
        Self { tree, node: Tree::ROOT }
    }

    fn at(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    fn children(
        self,
        at: Option<SchemaNode>,
        schema: &MountedSchema,
    ) -> std::collections::BTreeMap<Identity, KeyedChild> {
        let children = self.tree.children(self.node).map(|node| {
            let name = self.tree.qname(node);
            let known = at.and_then(|at| schema.child(at, name));
            let keys = edit::identity(self.tree, node, known, schema);
            let identity: Identity = ((name.namespace.into(), name.local.into()), keys);
            (identity.clone(), KeyedChild { node, known, identity })
        });
        children.collect()
    }
}

impl KeyedChild {
    /// The model of what is below it.
    fn below(&self, tree: &Tree, schema: &MountedSchema) -> Option<SchemaNode> {
        self.known.map(|known| edit::below(tree, self.node, known, schema))
    }
}
