//! NACM rules (RFC 8341) that narrow the scope of a module.

use std::sync::Arc;

use confine_nacm::{AccessOperation, DecisionReason, NacmModel, module_group};
use confine_tree::{Pattern, PatternStep, QName};

use crate::{ScopeDecision, ScopeRules};

/// The number of rules that are evaluated at the cost of one node.
const RULES_PER_UNIT: u64 = 4;

/// The rules of one source, such as `/nacm`, that apply to one module.
pub struct ModuleRules {
    access: confine_nacm::AccessRules,
    model: Arc<dyn NacmModel + Send + Sync>,
    module: Box<str>,
    source: Arc<str>,
}

impl ModuleRules {
    /// Creates the rules for a module. `access` has those that apply to it. Messages name the `source` of the
    /// rules as ``"`/nacm`"``.
    pub fn new(
        access: confine_nacm::AccessRules,
        model: Arc<dyn NacmModel + Send + Sync>,
        module: &str,
        source: Arc<str>,
    ) -> Self {
        Self { access, model, module: module.into(), source }
    }
}

impl ScopeRules for ModuleRules {
    fn decide(&self, operation: AccessOperation, node: &Pattern) -> ScopeDecision {
        let mut decision = self.access.decide(&*self.model, node, operation);
        if decision.permitted && operation == AccessOperation::Read {
            // A path names a list entry by its keys: who may not read them does not see the entry.
            let keys = key_leaves(node);
            let mut decisions = keys.iter().map(|key| self.access.decide(&*self.model, key, operation));
            decision = decisions.find(|key| !key.permitted).unwrap_or(decision);
        }
        if decision.permitted {
            let below = self.access.permits_below(&*self.model, node, operation);
            return ScopeDecision::Permit { below };
        }
        let (source, group) = (&self.source, module_group(&self.module));
        let reason = match decision.reason {
            DecisionReason::Rule { list, rule } => format!(
                "rule `{rule}` of rule-list `{list}` in {source} denies it\n\
                 hint: a rule before it that permits `{operation}` there to the group `{group}` would allow it"
            ),
            other => format!(
                "{other}\nhint: a rule in {source} that permits `{operation}` there to the group `{group}` would \
                 allow it"
            ),
        };
        ScopeDecision::Deny { reason: reason.into() }
    }

    fn cost(&self) -> u64 {
        1 + self.access.len() as u64 / RULES_PER_UNIT
    }
}

/// Returns the key leaves of a list entry.
fn key_leaves(entry: &Pattern) -> Vec<Pattern> {
    let Some(step) = entry.steps.last() else { return Vec::new() };
    let key = |(key, _): &(Box<str>, Option<String>)| {
        let leaf = PatternStep::new(QName::new(&step.namespace, key));
        Pattern { steps: entry.steps.iter().cloned().chain([leaf]).collect() }
    };
    step.keys.iter().map(key).collect()
}
