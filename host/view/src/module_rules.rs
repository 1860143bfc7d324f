//! Rules of RFC 8341 as what narrows a module's scope.

use std::sync::Arc;

use confine_nacm::{AccessOperation, DecisionReason, NacmModel, module_group};
use confine_tree::{Pattern, PatternStep, QName};

use crate::{AccessVerdict, NodeAccess, ScopeRules};

/// How many rules are looked at for the price of one node.
const RULES_PER_UNIT: u64 = 4;

/// The rules of one place, such as `/nacm`, for one module.
pub struct ModuleRules {
    access: confine_nacm::AccessRules,
    model: Arc<dyn NacmModel + Send + Sync>,
    module: Box<str>,
    place: Arc<str>,
}

impl ModuleRules {
    /// What concerns this module of the rules that stand in `place`, which is named in messages: ``"`/nacm`"``.
    pub fn new(
        access: confine_nacm::AccessRules,
        model: Arc<dyn NacmModel + Send + Sync>,
        module: &str,
        place: Arc<str>,
    ) -> Self {
        Self { access, model, module: module.into(), place }
    }
}

/// The access operation of RFC 8341, section 3.4.
impl From<NodeAccess> for AccessOperation {
    fn from(access: NodeAccess) -> Self {
        match access {
            NodeAccess::Read => Self::Read,
            NodeAccess::Create => Self::Create,
            NodeAccess::Update => Self::Update,
            NodeAccess::Delete => Self::Delete,
        }
    }
}

impl ScopeRules for ModuleRules {
    fn decide(&self, access: NodeAccess, node: &Pattern) -> AccessVerdict {
        let operation = access.into();
        let mut decision = self.access.decide(&*self.model, node, operation);
        if decision.permitted && access == NodeAccess::Read {
            // A path names an entry by its keys: who may not read them does not see it.
            let keys = keys(node);
            let mut decisions = keys.iter().map(|key| self.access.decide(&*self.model, key, operation));
            decision = decisions.find(|key| !key.permitted).unwrap_or(decision);
        }
        if decision.permitted {
            let below = self.access.permits_below(&*self.model, node, operation);
            return AccessVerdict::Permit { below };
        }
        let (place, group) = (&self.place, module_group(&self.module));
        let reason = match decision.reason {
            DecisionReason::Rule { list, rule } => format!(
                "rule `{rule}` of rule-list `{list}` in {place} denies it\n\
                 hint: a rule before it that permits `{access}` there to the group `{group}` would allow it"
            ),
            other => format!(
                "{other}\nhint: a rule in {place} that permits `{access}` there to the group `{group}` would \
                 allow it"
            ),
        };
        AccessVerdict::Deny { reason }
    }

    fn cost(&self) -> u64 {
        1 + self.access.len() as u64 / RULES_PER_UNIT
    }
}

/// The keys of an entry.
fn keys(entry: &Pattern) -> Vec<Pattern> {
    let Some(step) = entry.steps.last() else { return Vec::new() };
    let key = |(key, _): &(Box<str>, Option<String>)| {
        let leaf = PatternStep::new(QName::new(&step.namespace, key));
        Pattern { steps: entry.steps.iter().cloned().chain([leaf]).collect() }
    };
    step.keys.iter().map(key).collect()
}
