//! The view that one call of a module is handed.

mod edit_xml;
mod read;
mod write;

use std::sync::Arc;

use confine_tree::{DataNodeKind, LiveNode, Pattern, PrefixMap};

use crate::{
    AccessVerdict, CallRefusal, CommitDraft, Error, ErrorTag, InstanceRef, Meter, NodeAccess, Scope,
    patterns::{child, size},
};

/// One node of a subtree, as [`View::read`] returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewNode {
    /// 0 for the node that was asked for, 1 for its children, and so on.
    pub depth: u32,
    /// The name without a prefix.
    pub name: String,
    /// The namespace where it is not the parent's. Always there at depth 0.
    pub namespace: Option<String>,
    /// The value of a leaf or a leaf-list entry; none for a node that has children.
    pub value: Option<String>,
}

/// One edit of a batch, as [`View::edit`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewEdit {
    /// `set`, `create` or `remove`.
    pub operation: String,
    /// What to edit.
    pub path: String,
    /// The value to `set`.
    pub value: Option<String>,
}

/// What one module sees and does during one call: the methods are those of the contract, and mean what
/// it says.
pub struct View {
    draft: CommitDraft,
    scope: Arc<Scope>,
    instance: InstanceRef,
    prefixes: Arc<PrefixMap>,
    meter: Meter,
    read_only: bool,
}

impl View {
    /// The view of `instance` on a draft, for a module that may do what `scope` says and whose paths use
    /// `prefixes`.
    pub fn new(
        mut draft: CommitDraft,
        scope: Arc<Scope>,
        instance: InstanceRef,
        prefixes: Arc<PrefixMap>,
        meter: Meter,
    ) -> Self {
        // What the host has looked at before is not the module's to pay for.
        draft.overlay.take_visited();
        Self { draft, scope, instance, prefixes, meter, read_only: false }
    }

    /// A view that reads and does not write, as hooks are handed.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The draft, with what was done, and the meter.
    pub fn into_parts(mut self) -> (CommitDraft, Meter) {
        self.draft.record(&self.instance, &self.scope);
        (self.draft, self.meter)
    }

    /// What has been used so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What a path means.
    async fn resolve(&mut self, path: &str) -> Result<Pattern, Error> {
        self.meter.charge_bytes(path.len()).await?;
        let pattern = self.draft.resolve(path, self.instance.path(), &self.prefixes)?;
        bounded(&pattern)?;
        self.meter.charge(pattern.steps.len() as u64).await?;
        if pattern.steps.iter().any(|step| !step.keys.is_empty() || step.entry.is_some()) {
            let before = self.draft.overlay.size();
            if self.draft.overlay.learn(&pattern) {
                self.meter.charge_edit_bytes(path.len())?;
            }
            self.draft.charge_growth(before, &mut self.meter)?;
        }
        Ok(pattern)
    }

    /// Pays for asking whether something may be done to a node.
    async fn charge_decision(&mut self, node: &Pattern) -> Result<(), Error> {
        self.charge_path(node).await?;
        Ok(self.meter.charge(node.steps.len() as u64 * self.scope.cost()).await?)
    }

    /// Pays for making the path of a node, or looking one up. A key may be as long as a value, and stands in
    /// the path of every node below.
    async fn charge_path(&mut self, node: &Pattern) -> Result<(), Error> {
        Ok(self.meter.charge_bytes(size(node)).await?)
    }

    /// Whether something may be done to the one node that a pattern names: none if it may, else why not.
    /// It may not where it may not to something above.
    fn forbidden(&self, access: NodeAccess, node: &Pattern) -> Option<String> {
        let mut above = Pattern::default();
        if !self.scope.has_rules() || access != NodeAccess::Read {
            return match self.scope.decide(access, node) {
                AccessVerdict::Permit { .. } => None,
                AccessVerdict::Deny { reason } => Some(reason),
            };
        }
        for step in &node.steps {
            above.steps.push(step.clone());
            match self.scope.decide(access, &above) {
                AccessVerdict::Permit { below: true } => return None,
                AccessVerdict::Permit { below: false } => {}
                AccessVerdict::Deny { reason } => return Some(reason),
            }
        }
        None
    }

    /// The path of a node as the module writes paths: a prefix where the namespace is not the parent's
    /// and the module has declared one.
    fn shown(&self, pattern: &Pattern) -> String {
        let mut text = String::new();
        let mut parent = confine_tree::CONTROLLER;
        for step in &pattern.steps {
            text.push('/');
            if *step.namespace != *parent
                && let Some(prefix) = self.prefixes.prefix(&step.namespace)
            {
                text.push_str(prefix);
                text.push(':');
            }
            text.push_str(&step.to_string());
            parent = &step.namespace;
        }
        if text.is_empty() { "/".into() } else { text }
    }

    /// The value of a node as the module writes values: with its own prefixes.
    async fn value(&mut self, live: LiveNode) -> Result<Option<String>, Error> {
        if self.scope.has_rules() && !self.draft.overlay.has_text(live) {
            return Ok(self.seems_empty(live).await?.then(String::new));
        }
        Ok(self.text(live))
    }

    /// Whether a node without a value looks like an empty leaf: nothing is in it that the module sees, and
    /// no model says that it is something else. What data that it does not see would teach is left aside.
    async fn seems_empty(&mut self, live: LiveNode) -> Result<bool, Error> {
        let node = self.draft.overlay.pattern(live.node());
        for below in self.draft.children(live, &mut self.meter).await? {
            let node = child(&node, self.draft.overlay.step(below.node()));
            self.charge_decision(&node).await?;
            if let AccessVerdict::Permit { .. } = self.scope.decide(NodeAccess::Read, &node) {
                return Ok(false);
            }
        }
        let schema = self.draft.overlay.schema_location(live.node()).schema();
        let kind = schema.map(|node| self.draft.overlay.schema_view().schema().kind(node));
        Ok(!matches!(
            kind,
            Some(DataNodeKind::Container | DataNodeKind::PresenceContainer | DataNodeKind::List)
        ))
    }

    fn text(&self, live: LiveNode) -> Option<String> {
        let value = self.draft.overlay.value(live)?;
        let bindings = self.draft.overlay.bindings(live);
        let own = value.split_once(':').and_then(|(prefix, local)| {
            let (_, namespace) = bindings.iter().find(|(bound, _)| **bound == *prefix)?;
            if self.prefixes.namespace(prefix) == Some(namespace) {
                return None;
            }
            Some(format!("{}:{local}", self.prefixes.prefix(namespace)?))
        });
        Some(own.unwrap_or_else(|| value.to_owned()))
    }
}

/// The bytes that the path of one node may have, with a namespace for each step. Every node that is written has a
/// path, and so has every node above it.
const LONGEST: usize = 64 << 10;

/// Refuses a path that is longer than one may be.
fn bounded(pattern: &Pattern) -> Result<(), CallRefusal> {
    let size = size(pattern);
    if size <= LONGEST {
        return Ok(());
    }
    let message = format!(
        "a path has {size} bytes with its keys and the namespaces of its steps, and {LONGEST} are the most"
    );
    Err(CallRefusal::new(ErrorTag::TooBig, message))
}

fn denied(pattern: &Pattern, access: NodeAccess, reason: &str) -> CallRefusal {
    CallRefusal::new(ErrorTag::AccessDenied, format!("access denied: {access} of `{pattern}`: {reason}"))
}
