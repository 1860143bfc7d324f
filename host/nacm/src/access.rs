//! Access decisions: RFC 8341, section 3.4.5.

use std::fmt;

use confine_tree::{
    CONTROLLER, DefaultDeny, Path, PathStep, Pattern, PatternStep, Predicate, path::QuotedValue,
};

use crate::{
    read::RuleProblem,
    rules::{AccessOperation, AccessOperations, Nacm, NacmModel, Rule, RuleAction, RuleTarget},
};

/// Whether an operation is permitted, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessDecision<'a> {
    /// Whether the operation is permitted.
    pub permitted: bool,
    /// The reason.
    pub reason: DecisionReason<'a>,
}

/// The reason of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionReason<'a> {
    /// Access control is disabled.
    Disabled,
    /// The first rule that matched.
    Rule {
        /// The name of its rule-list.
        list: &'a str,
        /// The name of the rule.
        rule: &'a str,
    },
    /// The model of the node: `default-deny-write` or `default-deny-all`.
    Model,
    /// `read-default` or `write-default`.
    Default,
}

impl fmt::Display for DecisionReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("access control is off"),
            Self::Rule { list, rule } => write!(f, "rule `{rule}` of rule-list `{list}`"),
            Self::Model => f.write_str("the node's model denies it unless a rule permits it"),
            Self::Default => f.write_str("no rule permits it, and the default denies"),
        }
    }
}

/// One step of a rule's path.
#[derive(Clone, Debug)]
struct RuleStep {
    /// What its prefix may mean. Empty if it could not be resolved: any namespace (only in a rule that denies).
    namespaces: Box<[Box<str>]>,
    /// Its prefix, if that may mean several namespaces.
    shared_prefix: Option<Box<str>>,
    local: Box<str>,
    keys: Vec<(Box<str>, String)>,
    entry: Option<String>,
}

impl RuleStep {
    fn new(namespaces: Box<[Box<str>]>, step: &PathStep) -> Self {
        let shared_prefix = step.prefix.clone().filter(|_| namespaces.len() > 1);
        let local = step.name.clone();
        let mut compiled = Self { namespaces, shared_prefix, local, keys: Vec::new(), entry: None };
        for predicate in &step.predicates {
            match predicate {
                Predicate::Key { name, value: Some(value), .. } => {
                    compiled.keys.push((name.clone(), value.clone()));
                }
                Predicate::Entry { value: Some(value) } => compiled.entry = Some(value.clone()),
                Predicate::Key { value: None, .. } | Predicate::Entry { value: None } => {}
            }
        }
        compiled
    }

    /// Matches a step of a path. Returns `None` if no node of the step matches; otherwise whether all of them match, or
    /// only some because the step leaves a key open.
    fn matches(&self, step: &PatternStep) -> Option<bool> {
        let is_named = *self.local == *step.local
            && (self.namespaces.is_empty() || self.namespaces.iter().any(|known| **known == *step.namespace));
        let keys = self.keys.iter().map(|(key, value)| (value, step.key(key)));
        let step_entry = step.entry.as_ref().and_then(|entry| entry.as_deref());
        let entry = self.entry.iter().map(|value| (value, step_entry));
        let mut all = true;
        for (wanted, value) in keys.chain(entry) {
            match value {
                Some(value) if value == wanted => {}
                Some(_) => return None,
                None => all = false,
            }
        }
        is_named.then_some(all)
    }
}

#[derive(Clone, Debug)]
struct CompiledRule {
    list: Box<str>,
    rule: Box<str>,
    action: RuleAction,
    operations: AccessOperations,
    module: Option<Box<str>>,
    subject: RuleSubject,
}

/// The subject of a rule.
#[derive(Clone, Debug)]
enum RuleSubject {
    Everything,
    /// The nodes at and below a path.
    Nodes(Vec<RuleStep>),
    /// A protocol operation; `*` for all.
    Operation(Box<str>),
}

/// The rules for one user or one module, in the order of their precedence.
#[derive(Clone, Debug)]
pub struct AccessRules {
    enabled: bool,
    read_default: RuleAction,
    write_default: RuleAction,
    exec_default: RuleAction,
    rules: Vec<CompiledRule>,
}

/// The group of all service modules.
pub const MODULES_GROUP: &str = "modules";

/// Returns the group of one service module.
pub fn module_group(module: &str) -> String {
    format!("module:{module}")
}

impl Nacm {
    /// Returns the rules for a member of `groups`. `user` replaces `$USER` in paths. The problems are rules that cannot be
    /// resolved: a rule that permits is ignored, a rule that denies still denies.
    pub fn user_access(&self, user: &str, groups: &[&str]) -> (AccessRules, Vec<RuleProblem>) {
        let applies_to = |group: &String| group == "*" || groups.contains(&&**group);
        let (rules, problems) = self.compile(user, applies_to);
        let access = AccessRules {
            enabled: self.enabled,
            read_default: self.read_default,
            write_default: self.write_default,
            exec_default: self.exec_default,
            rules,
        };
        (access, problems)
    }

    /// Returns the rules that restrict a service module when it acts for `user`: the rule-lists of the groups
    /// `module:NAME` and [`MODULES_GROUP`]. A module is in no other group. Without a matching rule, access is permitted:
    /// the group `*` and the defaults apply to users, whose rights a module does not exceed anyway.
    pub fn module_access(&self, module: &str, user: &str) -> (AccessRules, Vec<RuleProblem>) {
        let own = module_group(module);
        let (rules, problems) = self.compile(user, |group| *group == own || group == MODULES_GROUP);
        let access = AccessRules { enabled: self.enabled, rules, ..AccessRules::permit_all() };
        (access, problems)
    }

    fn compile(
        &self,
        user: &str,
        applies_to: impl Fn(&String) -> bool,
    ) -> (Vec<CompiledRule>, Vec<RuleProblem>) {
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        for list in self.rule_lists.iter().filter(|list| list.groups.iter().any(&applies_to)) {
            for rule in &list.rules {
                let mut report = |message: String| {
                    problems.push(RuleProblem {
                        rule_list: list.name.clone(),
                        rule: rule.name.clone(),
                        message,
                    });
                };
                if let Some(subject) = compile(rule, user, &mut report) {
                    rules.push(CompiledRule {
                        list: list.name.as_str().into(),
                        rule: rule.name.as_str().into(),
                        action: rule.action,
                        operations: rule.operations,
                        module: rule.module.as_deref().map(Into::into),
                        subject,
                    });
                }
            }
        }
        (rules, problems)
    }
}

/// Compiles the subject of a rule. Returns `None` if the rule is to be ignored.
fn compile(rule: &Rule, user: &str, report: &mut dyn FnMut(String)) -> Option<RuleSubject> {
    let (text, prefixes) = match &rule.target {
        RuleTarget::Path { path, prefixes } => (path, prefixes),
        RuleTarget::Any => return Some(RuleSubject::Everything),
        RuleTarget::Operation(name) => return Some(RuleSubject::Operation(name.as_str().into())),
        RuleTarget::Notification => return None,
    };
    let consequence = match rule.action {
        RuleAction::Permit => "it permits nothing",
        RuleAction::Deny => "it denies all nodes it may match",
    };
    let path = match Path::parse(&substitute(text, user)) {
        Ok(path) if path.absolute => path,
        Ok(_) => {
            report(format!("its path `{text}` does not begin with `/`: {consequence}"));
            return (rule.action == RuleAction::Deny).then_some(RuleSubject::Everything);
        }
        Err(error) => {
            report(format!("its path is not an instance-identifier ({error}): {consequence}"));
            return (rule.action == RuleAction::Deny).then_some(RuleSubject::Everything);
        }
    };
    let mut steps: Vec<RuleStep> = Vec::with_capacity(path.steps.len());
    let mut is_resolved = true;
    for step in &path.steps {
        let namespaces: Box<[Box<str>]> = match &step.prefix {
            Some(prefix) => {
                let bound = prefixes.iter().filter(|(declared, _)| **declared == **prefix);
                bound.map(|(_, namespace)| namespace.as_str().into()).collect()
            }
            // The controller accepts its own names without a prefix.
            None if steps.is_empty() => [CONTROLLER.into()].into(),
            None => [].into(),
        };
        if namespaces.is_empty() {
            is_resolved = false;
            report(match &step.prefix {
                Some(prefix) => format!(
                    "the prefix `{prefix}` in its path `{text}` is neither declared nor that of a known YANG module: \
                     {consequence}"
                ),
                None => format!("`{}` in its path `{text}` has no prefix: {consequence}", step.name),
            });
        }
        steps.push(RuleStep::new(namespaces, step));
    }
    (is_resolved || rule.action == RuleAction::Deny).then_some(RuleSubject::Nodes(steps))
}

/// Replaces `$USER` (RFC 8341, `node-instance-identifier`) outside of quotes.
fn substitute(path: &str, user: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut quote = None;
    let mut rest = path;
    while let Some(next) = rest.chars().next() {
        if quote.is_none() && rest.starts_with("$USER") {
            out.push_str(&QuotedValue(user).to_string());
            rest = rest.get("$USER".len()..).unwrap_or_default();
            continue;
        }
        match quote {
            Some(open) if open == next => quote = None,
            None if matches!(next, '\'' | '"') => quote = Some(next),
            _ => {}
        }
        out.push(next);
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    out
}

impl AccessRules {
    /// Returns rules that permit everything.
    pub fn permit_all() -> Self {
        Self {
            enabled: false,
            read_default: RuleAction::Permit,
            write_default: RuleAction::Permit,
            exec_default: RuleAction::Permit,
            rules: Vec::new(),
        }
    }

    /// Returns whether every operation on data is certain to be permitted.
    pub fn permits_everything(&self, model: &dyn NacmModel) -> bool {
        let permits = |operation| self.permits_below(model, &Pattern::default(), operation);
        AccessOperation::DATA.into_iter().all(permits)
    }

    /// Returns the number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Returns whether there are no rules, so that the defaults decide.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Decides whether `operation` on the node at `path` is permitted. A path with an open key means every list entry, and
    /// is permitted if all of them are.
    pub fn decide(
        &self,
        model: &dyn NacmModel,
        path: &Pattern,
        operation: AccessOperation,
    ) -> AccessDecision<'_> {
        if !self.enabled {
            return AccessDecision { permitted: true, reason: DecisionReason::Disabled };
        }
        let module = path.steps.last().and_then(|step| model.module(&step.namespace));
        for rule in self.rules.iter().filter(|rule| rule.operations.contains(operation)) {
            let denies = rule.action == RuleAction::Deny;
            // A rule that matches only part of a path applies if it denies, and does not if it permits. The same holds
            // for a node whose module is not known.
            let matches = match rule.reach(model, path) {
                RuleReach::Whole => true,
                RuleReach::Part => denies,
                RuleReach::Below | RuleReach::Elsewhere => false,
            };
            let module_matches = match (&rule.module, module) {
                (None, _) => true,
                (Some(wanted), Some(module)) => **wanted == *module,
                (Some(_), None) => denies,
            };
            if matches && module_matches {
                let reason = DecisionReason::Rule { list: &rule.list, rule: &rule.rule };
                return AccessDecision { permitted: !denies, reason };
            }
        }
        let writes = operation != AccessOperation::Read;
        match model.default_deny(path) {
            Some(DefaultDeny::All) => {
                return AccessDecision { permitted: false, reason: DecisionReason::Model };
            }
            Some(DefaultDeny::Write) if writes => {
                return AccessDecision { permitted: false, reason: DecisionReason::Model };
            }
            _ => {}
        }
        let default = if writes { self.write_default } else { self.read_default };
        AccessDecision { permitted: default == RuleAction::Permit, reason: DecisionReason::Default }
    }

    /// Decides whether the protocol operation of this name, of the YANG module `module`, may be executed (section 3.4.4).
    pub fn decide_rpc(&self, module: &str, operation: &str) -> AccessDecision<'_> {
        if !self.enabled {
            return AccessDecision { permitted: true, reason: DecisionReason::Disabled };
        }
        let matches = |rule: &&CompiledRule| {
            let named = match &rule.subject {
                RuleSubject::Everything => true,
                RuleSubject::Operation(name) => **name == *operation || &**name == "*",
                RuleSubject::Nodes(_) => false,
            };
            named
                && rule.operations.contains(AccessOperation::Exec)
                && rule.module.as_ref().is_none_or(|wanted| **wanted == *module)
        };
        match self.rules.iter().find(matches) {
            Some(rule) => AccessDecision {
                permitted: rule.action == RuleAction::Permit,
                reason: DecisionReason::Rule { list: &rule.list, rule: &rule.rule },
            },
            None => AccessDecision {
                permitted: self.exec_default == RuleAction::Permit,
                reason: DecisionReason::Default,
            },
        }
    }

    /// Returns whether `operation` is certain to be permitted on all descendants of `path`, so that no decision per node is
    /// needed. The node at `path` itself is not included.
    pub fn permits_below(&self, model: &dyn NacmModel, path: &Pattern, operation: AccessOperation) -> bool {
        if !self.enabled {
            return true;
        }
        for rule in self.rules.iter().filter(|rule| rule.operations.contains(operation)) {
            match (rule.reach(model, path), rule.action) {
                (RuleReach::Elsewhere, _) => {}
                (_, RuleAction::Deny) => return false,
                (RuleReach::Whole, RuleAction::Permit) if rule.module.is_none() => return true,
                (_, RuleAction::Permit) => {}
            }
        }
        let default = if operation == AccessOperation::Read { self.read_default } else { self.write_default };
        default == RuleAction::Permit && !model.has_default_denies()
    }
}

/// The part of a path's nodes that a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleReach {
    /// All of them are at or below the rule's path.
    Whole,
    /// Some of the list entries of an open path are.
    Part,
    /// The rule's path leads below them, or may.
    Below,
    /// None of them.
    Elsewhere,
}

impl CompiledRule {
    fn reach(&self, model: &dyn NacmModel, path: &Pattern) -> RuleReach {
        let steps = match &self.subject {
            RuleSubject::Everything => return RuleReach::Whole,
            RuleSubject::Nodes(steps) => steps,
            RuleSubject::Operation(_) => return RuleReach::Elsewhere,
        };
        let mut all = true;
        for (own, step) in steps.iter().zip(&path.steps) {
            match own.matches(step) {
                Some(all_match) => all &= all_match,
                None => return RuleReach::Elsewhere,
            }
        }
        if self.action == RuleAction::Permit && !is_own(model, steps, path) {
            return RuleReach::Elsewhere;
        }
        match (steps.len() <= path.steps.len(), all) {
            (true, true) => RuleReach::Whole,
            (true, false) => RuleReach::Part,
            (false, _) => RuleReach::Below,
        }
    }
}

/// Returns whether the prefixes that several modules share mean the namespaces of a path to its own device. What another
/// module of the same prefix is meant to permit there is not known.
fn is_own(model: &dyn NacmModel, steps: &[RuleStep], path: &Pattern) -> bool {
    steps.iter().zip(&path.steps).all(|(own, step)| {
        own.shared_prefix.as_ref().is_none_or(|prefix| {
            let meanings = model.meanings(prefix, path);
            meanings.is_empty() || meanings.contains(&&*step.namespace)
        })
    })
}
