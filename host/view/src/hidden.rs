//! What access control hides from a module, as far as that may change what the module makes.
//!
//! A node that rules hide looks absent to a module (RFC 8341, section 3.2.4). That must not empty a run: what an instance had
//! created and does not create again is removed from devices. So a module must see all of the instance that it runs for,
//! and the draft keeps which reads came back empty, or without a part, because of rules, for whoever looks at what would be removed.

use std::sync::Arc;

use confine_tree::{LiveNode, Pattern};

use crate::{
    CallRefusal, CommitDraft, Error, ErrorTag, HiddenRead, InstanceRef, PartialSight, Scope, ScopeDecision,
    finished_commit::created_list, read_scope::SERVICES,
};

impl Scope {
    /// Returns why rules hide a node from the module: the node itself, or one above it. Confine's own rules do not count.
    pub fn hides(&self, node: &Pattern) -> Option<Arc<str>> {
        if !self.has_rules() {
            return None;
        }
        let mut above = Pattern::default();
        for step in &node.steps {
            above.steps.push(step.clone());
            match self.rules_on_reading(&above) {
                ScopeDecision::Permit { below: true } => return None,
                ScopeDecision::Permit { below: false } => {}
                ScopeDecision::Deny { reason } => return Some(reason),
            }
        }
        None
    }
}

impl CommitDraft {
    /// Keeps that a module did not see something.
    pub(crate) fn note_hidden(&mut self, read: HiddenRead) {
        // One for each run is enough to tell why.
        let is_known = |known: &HiddenRead| known.instance == read.instance && known.module == read.module;
        if !self.hidden_reads.last().is_some_and(is_known) {
            self.hidden_reads.push(read);
        }
    }

    /// Returns the first read of each run that was answered with nothing because of rules, or refused.
    pub fn hidden_reads(&self) -> &[HiddenRead] {
        &self.hidden_reads
    }

    /// Keeps that a module did not see some of the nodes that it has read, the first one of them, and the hashes of all. Returns
    /// how many of these are new.
    pub(crate) fn note_partly_hidden(&mut self, first: HiddenRead, all: Vec<u64>) -> usize {
        let is_known = |known: &PartialSight| {
            known.first.instance == first.instance && known.first.module == first.module
        };
        if !self.partial_sights.last().is_some_and(is_known) {
            self.partial_sights.push(PartialSight { first, nodes: Default::default() });
        }
        let Some(sight) = self.partial_sights.last_mut() else { return 0 };
        let before = sight.nodes.len();
        sight.nodes.extend(all);
        sight.nodes.len() - before
    }

    /// Returns what each run did not see of data that it saw in part, because of rules.
    pub fn partial_sights(&self) -> &[PartialSight] {
        &self.partial_sights
    }

    /// Refuses a run whose module may not see all of its instance. The instance has been loaded.
    ///
    /// # Errors
    /// A refusal that names the node and the rule.
    pub fn check_instance(&mut self, instance: &InstanceRef, scope: &Scope) -> Result<(), Error> {
        if !scope.has_rules() {
            return Ok(());
        }
        self.overlay.steps().steps(scope.steps(instance.path()))?;
        if let Some(reason) = scope.hides(instance.path()) {
            return Err(hidden_part(instance, scope, instance.path(), &reason));
        }
        let created = created_list(instance);
        let mut walk: Vec<LiveNode> = match scope.rules_on_reading(instance.path()) {
            ScopeDecision::Permit { below: true } => Vec::new(),
            _ => self.overlay.find(instance.path()),
        };
        while let Some(live) = walk.pop() {
            let children: Vec<LiveNode> = self.overlay.places(live).flatten().collect();
            for child in children {
                let node = self.overlay.pattern(child.node());
                self.overlay.steps().steps(scope.steps(&node))?;
                if created.covers(&node) {
                    continue;
                }
                match scope.rules_on_reading(&node) {
                    ScopeDecision::Permit { below: true } => {}
                    ScopeDecision::Permit { below: false } => walk.push(child),
                    ScopeDecision::Deny { reason } => {
                        return Err(hidden_part(instance, scope, &node, &reason));
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns a node of these instances that `all` has and this draft does not: whoever this draft was read as does not see
    /// it. The instances themselves are in both, and what they have created does not count.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn first_missing<'i>(
        &mut self,
        all: &mut Self,
        instances: impl IntoIterator<Item = &'i InstanceRef>,
    ) -> Result<Option<Pattern>, Error> {
        for instance in instances {
            let created = created_list(instance);
            let mut walk = all.overlay.find(instance.path());
            while let Some(live) = walk.pop() {
                let node = all.overlay.pattern(live.node());
                self.overlay.steps().steps(node.steps.len())?;
                if created.covers(&node) {
                    continue;
                }
                if self.overlay.find(&node).is_empty() {
                    return Ok(Some(node));
                }
                walk.extend(all.overlay.places(live).flatten());
            }
        }
        Ok(None)
    }
}

/// Returns whether a node is below `/services`, where a module reads its input.
pub(crate) fn is_input(node: &Pattern) -> bool {
    node.steps.first().is_some_and(|top| top.name() == SERVICES)
}

fn hidden_part(instance: &InstanceRef, scope: &Scope, node: &Pattern, reason: &str) -> Error {
    let message = format!(
        "access denied: module `{}` may not read `{node}`, and would run for `{instance}` without it: {reason}",
        scope.module()
    );
    CallRefusal::new(ErrorTag::AccessDenied, message).into()
}
