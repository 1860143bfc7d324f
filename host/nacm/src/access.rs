//! The decision: RFC 8341, section 3.4.5.

use std::fmt;

use confine_tree::{CONTROLLER, DefaultDeny, Path, Pattern, PatternStep, Predicate, path::QuotedValue};

use crate::{
    read::RuleProblem,
    rules::{AccessOperation, AccessOperations, Nacm, NacmModel, Rule, RuleAction, RuleTarget},
};

/// Whether something may be done, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessDecision<'a> {
    /// Whether.
    pub permitted: bool,
    /// Why.
    pub reason: DecisionReason<'a>,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionReason<'a> {
    /// Nothing is enforced.
    Disabled,
    /// The first rule that matched.
    Rule {
        /// Its rule-list.
        list: &'a str,
        /// Its name.
        rule: &'a str,
    },
    /// The node's own model: `default-deny-write` or `default-deny-all`.
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
    /// None where it could not be resolved: any (only in a rule that denies).
    namespace: Option<Box<str>>,
    local: Box<str>,
    keys: Vec<(Box<str>, String)>,
    entry: Option<String>,
}

impl RuleStep {
    /// Whether the nodes that a step of a path means are those of this one: none where they are not; where
    /// they are, whether all of them, or only some because the step leaves open what this one asks for.
    fn matches(&self, step: &PatternStep) -> Option<bool> {
        let is_named = self.local == step.local
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == step.namespace);
        let keys = self.keys.iter().map(|(key, value)| (value, step.key(key)));
        let said = step.entry.as_ref().and_then(|entry| entry.as_deref());
        let entry = self.entry.iter().map(|value| (value, said));
        let mut all = true;
        for (wanted, said) in keys.chain(entry) {
            match said {
                Some(said) if said == wanted => {}
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

/// What a rule is about.
#[derive(Clone, Debug)]
enum RuleSubject {
    Everything,
    /// The nodes at and below a path.
    Nodes(Vec<RuleStep>),
    /// A protocol operation; `*` for all.
    Operation(Box<str>),
}

/// The rules that concern one user, or one module, in the order in which they decide.
#[derive(Clone, Debug)]
pub struct AccessRules {
    enabled: bool,
    read_default: RuleAction,
    write_default: RuleAction,
    exec_default: RuleAction,
    rules: Vec<CompiledRule>,
}

/// The group that every service module is in.
pub const MODULES_GROUP: &str = "modules";

/// The group that one service module is in.
pub fn module_group(module: &str) -> String {
    format!("module:{module}")
}

impl Nacm {
    /// What concerns the members of `groups`. `user` is what `$USER` in a path stands for. The problems
    /// are rules that cannot be resolved: one that permits is left out, one that denies, denies.
    pub fn user_access(&self, user: &str, groups: &[&str]) -> (AccessRules, Vec<RuleProblem>) {
        let concerned = |group: &String| group == "*" || groups.contains(&&**group);
        let (rules, problems) = self.compile(user, concerned);
        let access = AccessRules {
            enabled: self.enabled,
            read_default: self.read_default,
            write_default: self.write_default,
            exec_default: self.exec_default,
            rules,
        };
        (access, problems)
    }

    /// What narrows a service module when it acts for `user`: the rule-lists for the group `module:NAME` and
    /// for the group [`MODULES_GROUP`]. No module is a member of any other group, and what no rule is about is
    /// permitted, whatever the defaults are: `*`, and the defaults, are about users, whose rights a module
    /// does not exceed anyway.
    pub fn module_access(&self, module: &str, user: &str) -> (AccessRules, Vec<RuleProblem>) {
        let own = module_group(module);
        let (rules, problems) = self.compile(user, |group| *group == own || group == MODULES_GROUP);
        let access = AccessRules { enabled: self.enabled, rules, ..AccessRules::permit_all() };
        (access, problems)
    }

    fn compile(
        &self,
        user: &str,
        concerned: impl Fn(&String) -> bool,
    ) -> (Vec<CompiledRule>, Vec<RuleProblem>) {
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        for list in self.rule_lists.iter().filter(|list| list.groups.iter().any(&concerned)) {
            for rule in &list.rules {
                let mut problem = |what: String| {
                    problems.push(RuleProblem {
                        rule_list: list.name.clone(),
                        rule: rule.name.clone(),
                        what,
                    });
                };
                if let Some(subject) = compile(rule, user, &mut problem) {
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

/// What a rule is about; none where the rule is to be left out.
fn compile(rule: &Rule, user: &str, problem: &mut dyn FnMut(String)) -> Option<RuleSubject> {
    let (text, prefixes) = match &rule.target {
        RuleTarget::Path { path, prefixes } => (path, prefixes),
        RuleTarget::Any => return Some(RuleSubject::Everything),
        RuleTarget::Operation(name) => return Some(RuleSubject::Operation(name.as_str().into())),
        RuleTarget::Notification => return None,
    };
    let means = match rule.action {
        RuleAction::Permit => "it permits nothing",
        RuleAction::Deny => "it denies all that it might mean",
    };
    let path = match Path::parse(&substitute(text, user)) {
        Ok(path) if path.absolute => path,
        Ok(_) => {
            problem(format!("its path `{text}` does not begin with `/`: {means}"));
            return (rule.action == RuleAction::Deny).then_some(RuleSubject::Everything);
        }
        Err(error) => {
            problem(format!("its path is not an instance-identifier ({error}): {means}"));
            return (rule.action == RuleAction::Deny).then_some(RuleSubject::Everything);
        }
    };
    let mut steps: Vec<RuleStep> = Vec::with_capacity(path.steps.len());
    let mut resolved = true;
    for step in &path.steps {
        let namespace = match &step.prefix {
            Some(prefix) => prefixes
                .iter()
                .find(|(known, _)| **known == **prefix)
                .map(|(_, namespace)| namespace.as_str().into()),
            // The controller takes its own names without a prefix.
            None if steps.is_empty() => Some(CONTROLLER.into()),
            None => None,
        };
        if namespace.is_none() {
            resolved = false;
            problem(match &step.prefix {
                Some(prefix) => {
                    format!("the prefix `{prefix}` in its path `{text}` is not declared: {means}")
                }
                None => format!("`{}` in its path `{text}` has no prefix: {means}", step.name),
            });
        }
        let mut compiled = RuleStep { namespace, local: step.name.clone(), keys: Vec::new(), entry: None };
        for predicate in &step.predicates {
            match predicate {
                Predicate::Key { name, value: Some(value), .. } => {
                    compiled.keys.push((name.clone(), value.clone()))
                }
                Predicate::Entry { value: Some(value) } => compiled.entry = Some(value.clone()),
                Predicate::Key { value: None, .. } | Predicate::Entry { value: None } => {}
            }
        }
        steps.push(compiled);
    }
    (resolved || rule.action == RuleAction::Deny).then_some(RuleSubject::Nodes(steps))
}

/// The path with the value of `$USER` (RFC 8341, `node-instance-identifier`) where that stands outside
/// of quotes.
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
    /// Nothing is enforced: everything is permitted.
    pub fn permit_all() -> Self {
        Self {
            enabled: false,
            read_default: RuleAction::Permit,
            write_default: RuleAction::Permit,
            exec_default: RuleAction::Permit,
            rules: Vec::new(),
        }
    }

    /// Nothing is permitted.
    pub fn nothing() -> Self {
        Self {
            enabled: true,
            read_default: RuleAction::Deny,
            write_default: RuleAction::Deny,
            exec_default: RuleAction::Deny,
            rules: Vec::new(),
        }
    }

    /// Whether nothing is denied to anybody here.
    pub fn permits_everything(&self, model: &dyn NacmModel) -> bool {
        let operations = [
            AccessOperation::Read,
            AccessOperation::Create,
            AccessOperation::Update,
            AccessOperation::Delete,
        ];
        operations.iter().all(|&operation| self.permits_below(model, &Pattern::default(), operation))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether the defaults alone decide.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether `operation` on the node at `path` is permitted. A path whose keys are open means every
    /// entry, and is permitted where all of them are.
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
            // What an open path means only in part is denied by a rule that denies, and is not permitted by
            // one that permits. So it is with a node whose module is not known.
            let matches = match rule.reach(path) {
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

    /// Whether the protocol operation of this name, which the YANG module `module` defines, may be carried
    /// out (section 3.4.4).
    pub fn decide_rpc(&self, module: &str, operation: &str) -> AccessDecision<'_> {
        if !self.enabled {
            return AccessDecision { permitted: true, reason: DecisionReason::Disabled };
        }
        let is_meant = |rule: &&CompiledRule| {
            let named = match &rule.subject {
                RuleSubject::Everything => true,
                RuleSubject::Operation(name) => **name == *operation || &**name == "*",
                RuleSubject::Nodes(_) => false,
            };
            named
                && rule.operations.contains(AccessOperation::Exec)
                && rule.module.as_ref().is_none_or(|wanted| **wanted == *module)
        };
        match self.rules.iter().find(is_meant) {
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

    /// Whether `operation` is certain to be permitted on all that may be below `path`, so that nobody need
    /// ask for each node. It is about what is below only.
    pub fn permits_below(&self, model: &dyn NacmModel, path: &Pattern, operation: AccessOperation) -> bool {
        if !self.enabled {
            return true;
        }
        for rule in self.rules.iter().filter(|rule| rule.operations.contains(operation)) {
            match (rule.reach(path), rule.action) {
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

/// Where the nodes that a path means lie, as a rule sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RuleReach {
    /// All of them at or below the rule's path.
    Whole,
    /// Some of the entries that an open path means do.
    Part,
    /// The rule's path leads to somewhere below them, or may.
    Below,
    /// Neither.
    Elsewhere,
}

impl CompiledRule {
    fn reach(&self, path: &Pattern) -> RuleReach {
        let steps = match &self.subject {
            RuleSubject::Everything => return RuleReach::Whole,
            RuleSubject::Nodes(steps) => steps,
            RuleSubject::Operation(_) => return RuleReach::Elsewhere,
        };
        let mut all = true;
        for (mine, step) in steps.iter().zip(&path.steps) {
            match mine.matches(step) {
                Some(certain) => all &= certain,
                None => return RuleReach::Elsewhere,
            }
        }
        match (steps.len() <= path.steps.len(), all) {
            (true, true) => RuleReach::Whole,
            (true, false) => RuleReach::Part,
            (false, _) => RuleReach::Below,
        }
    }
}
