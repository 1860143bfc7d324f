//! The view that one call of a module receives.

mod admission;
mod defaults;
mod edit_xml;
mod read;
mod write;

use std::sync::Arc;

use confine_nacm::AccessOperation;
use confine_tree::{
    BoundValue, DataNodeKind, LiveNode, LocatedPath, NodeId, Pattern, PatternStep, PrefixMap, StepParts,
};

use crate::{
    CallRefusal, CommitDraft, Error, ErrorTag, InstanceRef, Meter, Scope, ScopeDecision,
    path_sight::PathSight,
    patterns::{child, size},
};

/// One node of a subtree, as [`View::read`] returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewNode {
    /// The depth: 0 for the node that was requested, 1 for its children.
    pub depth: u32,
    /// The name, without a prefix.
    pub name: String,
    /// The namespace if it differs from the parent's, and always at depth 0.
    pub namespace: Option<String>,
    /// The value of a leaf or leaf-list entry. None for a node with children.
    pub value: Option<String>,
}

/// One edit of a batch, as [`View::edit`] takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewEdit {
    /// `set`, `create` or `remove`.
    pub operation: String,
    /// The path of the node.
    pub path: String,
    /// The value, for `set` only.
    pub value: Option<String>,
}

/// What one module sees and does during one call. The methods are those of the contract, which documents them.
pub struct View {
    draft: CommitDraft,
    scope: Arc<Scope>,
    instance: InstanceRef,
    prefixes: Arc<PrefixMap>,
    meter: Meter,
    read_only: bool,
    /// The last path below which the description permits to write everything.
    writable: Pattern,
}

impl View {
    /// Creates the view that `instance` has of a draft, for a module with this scope whose paths use `prefixes`.
    pub fn new(
        mut draft: CommitDraft,
        scope: Arc<Scope>,
        instance: InstanceRef,
        prefixes: Arc<PrefixMap>,
        meter: Meter,
    ) -> Self {
        // The module is not charged for nodes that the host visited before.
        draft.overlay.take_visited();
        draft.known_parents.begin(&prefixes);
        let writable = Pattern::default();
        Self { draft, scope, instance, prefixes, meter, read_only: false, writable }
    }

    /// Makes the view read-only, as hooks receive it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Returns the draft with the edits, and the meter.
    pub fn into_parts(mut self) -> (CommitDraft, Meter) {
        self.draft.record(&self.instance, &self.scope);
        (self.draft, self.meter)
    }

    /// Returns the meter.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Resolves a path, and charges for it: the next charge that may yield the thread does so. Where no model is known, only what
    /// the module may see counts.
    fn resolve(&mut self, path: &str) -> Result<LocatedPath, Error> {
        self.meter.charge_bytes_sync(path.len())?;
        let base = self.instance.path();
        let CommitDraft { known_parents, overlay, .. } = &mut self.draft;
        let located = match known_parents.resolve(path, base, overlay, &self.prefixes) {
            Some(located) => located,
            None => {
                let mut sight = PathSight::new(&self.scope, base);
                let mut sees = |above: &Pattern, step: &PatternStep| sight.sees(above, step);
                let located = self.draft.resolve_seeing(path, base, &self.prefixes, &mut sees);
                let cost = sight.cost();
                self.meter.charge_sync(cost)?;
                let located = located?;
                let CommitDraft { known_parents, overlay, .. } = &mut self.draft;
                known_parents.remember(path, &located, base, overlay);
                located
            }
        };
        check_length(located.pattern())?;
        self.meter.charge_sync(located.pattern().steps.len() as u64)?;
        Ok(located)
    }

    /// Learns the keys that a path of so many bytes names, which must be in the module's scope.
    fn learn(&mut self, path: &mut LocatedPath, bytes: usize) -> Result<(), Error> {
        if path.pattern().steps.iter().any(|step| !step.keys.is_empty() || step.entry.is_some()) {
            let before = self.draft.overlay.size();
            if self.draft.overlay.learn_located(path) {
                self.meter.charge_edit_bytes(bytes)?;
            }
            self.draft.charge_growth(before, &mut self.meter)?;
        }
        Ok(())
    }

    /// Charges a decision about a node. What decides about many pauses after each.
    fn charge_decision(&mut self, node: &Pattern) -> Result<(), Error> {
        self.meter.charge_bytes_sync(size(node))?;
        Ok(self.meter.charge_sync(node.steps.len() as u64 * self.scope.cost())?)
    }

    /// Charges building or looking up the path of a node. A key may be as long as a value, and is in the path of
    /// every node below.
    async fn charge_path(&mut self, node: &Pattern) -> Result<(), Error> {
        Ok(self.meter.charge_bytes(size(node)).await?)
    }

    /// Returns why an operation on the one node that a pattern names is denied, or none if it is permitted. A
    /// denial above the node counts too.
    fn forbidden(&self, access: AccessOperation, node: &Pattern) -> Option<Arc<str>> {
        let mut above = Pattern::default();
        if access != AccessOperation::Read {
            return match self.scope.decide(access, node) {
                ScopeDecision::Permit { .. } => None,
                ScopeDecision::Deny { reason } => Some(reason),
            };
        }
        for step in &node.steps {
            above.steps.push(step.clone());
            match self.scope.decide_admitted(&above) {
                ScopeDecision::Permit { below: true } => return None,
                ScopeDecision::Permit { below: false } => {}
                ScopeDecision::Deny { reason } => return Some(reason),
            }
        }
        None
    }

    /// Returns a path as the module writes paths: with a prefix where the namespace differs from the parent's and the
    /// module has declared one.
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

    /// Returns the path of a node as the module writes paths, with its own prefixes in the values of keys too.
    fn shown_node(&mut self, node: NodeId) -> String {
        let mut steps = Vec::new();
        for (node, mut step) in self.draft.overlay.lineage(node) {
            let StepParts { keys, entry, .. } = &mut *step;
            let values = keys.iter_mut().map(|(_, value)| value).chain(entry);
            for (value, bindings) in values.zip(self.draft.overlay.bound_step(node)) {
                *value = value.take().map(|value| self.with_own_prefix(value, &bindings));
            }
            steps.push(step);
        }
        self.shown(&Pattern { steps })
    }

    /// Returns the value of a node as the module writes values: with its own prefixes.
    async fn value(&mut self, live: LiveNode) -> Result<Option<String>, Error> {
        self.refuse_fault(live)?;
        if self.scope.has_rules() && !self.draft.overlay.has_text(live) {
            return Ok(Box::pin(self.seems_empty(live)).await?.then(String::new));
        }
        Ok(self.text(live))
    }

    /// Returns whether a node without a value looks like an empty leaf: the module sees nothing in it, and its
    /// YANG model does not say otherwise. Data that the module does not see does not count.
    async fn seems_empty(&mut self, live: LiveNode) -> Result<bool, Error> {
        let node = self.draft.overlay.pattern(live.node());
        for below in self.draft.children(live, &mut self.meter).await? {
            let node = child(&node, self.draft.overlay.step(below.node()));
            self.charge_decision(&node)?;
            self.meter.pause().await;
            if let ScopeDecision::Permit { .. } = self.scope.decide_admitted(&node) {
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

    fn text(&mut self, live: LiveNode) -> Option<String> {
        if !self.draft.overlay.has_text(live) {
            return self.draft.overlay.value(live).map(Into::into);
        }
        let BoundValue { value, bindings } = self.draft.overlay.normal_value(live.node());
        Some(self.with_own_prefix(value, &bindings))
    }

    /// Returns a value with the module's own prefix instead of another one.
    fn with_own_prefix(&self, value: String, bindings: &[(String, String)]) -> String {
        let own = value.split_once(':').and_then(|(prefix, local)| {
            let (_, namespace) = bindings.iter().find(|(bound, _)| **bound == *prefix)?;
            if self.prefixes.namespace(prefix) == Some(namespace) {
                return None;
            }
            Some(format!("{}:{local}", self.prefixes.prefix(namespace)?))
        });
        own.unwrap_or(value)
    }
}

/// The maximum number of bytes of a node's path, with a namespace for each step. Every node that is written has a
/// path, and so has every node above it.
const MAX_PATH_BYTES: usize = 64 << 10;

/// Refuses a path that is too long.
fn check_length(pattern: &Pattern) -> Result<(), CallRefusal> {
    let size = size(pattern);
    if size <= MAX_PATH_BYTES {
        return Ok(());
    }
    let message = format!(
        "a path has {size} bytes with its keys and the namespaces of its steps, the maximum is {MAX_PATH_BYTES}"
    );
    Err(CallRefusal::new(ErrorTag::TooBig, message))
}

fn denied(draft: &CommitDraft, node: &Pattern, access: AccessOperation, reason: &str) -> CallRefusal {
    let node = draft.overlay.schema_view().schema().shown(node);
    CallRefusal::new(ErrorTag::AccessDenied, format!("access denied: {access} of `{node}`: {reason}"))
}
