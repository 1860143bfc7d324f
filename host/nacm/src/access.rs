//! The decision: RFC 8341, section 3.4.5.

use std::fmt;

use confine_tree::{CONTROLLER, Path, Pattern, PatternStep, Predicate, QName, path::Quoted};

use crate::{
    read::Problem,
    rules::{Action, DefaultDeny, Model, Nacm, Operation, Operations, Rule, Target},
};

/// Whether something may be done, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether.
    pub permitted: bool,
    /// Why.
    pub reason: Reason<'a>,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
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

impl fmt::Display for Reason<'_> {
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
struct Step {
    /// None where it could not be resolved: any (only in a rule that denies).
    namespace: Option<Box<str>>,
    local: Box<str>,
    keys: Vec<(Box<str>, String)>,
    entry: Option<String>,
}

impl Step {
    fn matches(&self, step: &PatternStep) -> bool {
        self.local == step.local
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == step.namespace)
            && self.keys.iter().all(|(key, value)| step.key(key) == Some(value))
            && self.entry.as_ref().is_none_or(|value| step.entry == Some(Some(value.clone())))
    }

    /// Whether the step means one entry rather than all.
    fn has_predicates(&self) -> bool {
        !self.keys.is_empty() || self.entry.is_some()
    }
}

#[derive(Clone, Debug)]
struct Compiled {
    list: Box<str>,
    rule: Box<str>,
    action: Action,
    operations: Operations,
    module: Option<Box<str>>,
    /// None for a rule without a path.
    path: Option<Vec<Step>>,
}

/// The rules that concern one user, or one module, in the order in which they decide.
#[derive(Clone, Debug)]
pub struct Access {
    enabled: bool,
    read_default: Action,
    write_default: Action,
    rules: Vec<Compiled>,
}

impl Nacm {
    /// What concerns the members of `groups`. `user` is what `$USER` in a path stands for. The problems
    /// are rules that cannot be resolved: one that permits is left out, one that denies, denies.
    pub fn access(&self, user: &str, groups: &[&str]) -> (Access, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        let concerned = |group: &String| group == "*" || groups.contains(&&**group);
        for list in self.rule_lists.iter().filter(|list| list.groups.iter().any(concerned)) {
            for rule in list.rules.iter().filter(|rule| rule.target != Target::NotData) {
                let mut problem = |what: String| {
                    problems.push(Problem { rule_list: list.name.clone(), rule: rule.name.clone(), what });
                };
                if let Some(path) = compile(rule, user, &mut problem) {
                    rules.push(Compiled {
                        list: list.name.as_str().into(),
                        rule: rule.name.as_str().into(),
                        action: rule.action,
                        operations: rule.operations,
                        module: rule.module.as_deref().map(Into::into),
                        path,
                    });
                }
            }
        }
        let access = Access {
            enabled: self.enabled,
            read_default: self.read_default,
            write_default: self.write_default,
            rules,
        };
        (access, problems)
    }
}

/// The path of a rule; none where the rule is to be left out.
fn compile(rule: &Rule, user: &str, problem: &mut dyn FnMut(String)) -> Option<Option<Vec<Step>>> {
    let Target::Path { path: text, prefixes } = &rule.target else { return Some(None) };
    let means = match rule.action {
        Action::Permit => "it permits nothing",
        Action::Deny => "it denies all that it might mean",
    };
    let path = match Path::parse(&substitute(text, user)) {
        Ok(path) if path.absolute => path,
        Ok(_) => {
            problem(format!("its path `{text}` does not begin with `/`: {means}"));
            return (rule.action == Action::Deny).then_some(None);
        }
        Err(error) => {
            problem(format!("its path is not an instance-identifier ({error}): {means}"));
            return (rule.action == Action::Deny).then_some(None);
        }
    };
    let mut steps: Vec<Step> = Vec::with_capacity(path.steps.len());
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
        let mut compiled = Step { namespace, local: step.name.clone(), keys: Vec::new(), entry: None };
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
    (resolved || rule.action == Action::Deny).then_some(Some(steps))
}

/// The path with the value of `$USER` (RFC 8341, `node-instance-identifier`) where that stands outside
/// of quotes.
fn substitute(path: &str, user: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut quote = None;
    let mut rest = path;
    while let Some(next) = rest.chars().next() {
        if quote.is_none() && rest.starts_with("$USER") {
            out.push_str(&Quoted(user).to_string());
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

impl Access {
    /// Nothing is enforced: everything is permitted.
    pub fn everything() -> Self {
        Self {
            enabled: false,
            read_default: Action::Permit,
            write_default: Action::Permit,
            rules: Vec::new(),
        }
    }

    /// Nothing is permitted.
    pub fn nothing() -> Self {
        Self { enabled: true, read_default: Action::Deny, write_default: Action::Deny, rules: Vec::new() }
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
    pub fn decide(&self, model: &dyn Model, path: &Pattern, operation: Operation) -> Decision<'_> {
        let mut cursor = self.cursor();
        for step in &path.steps {
            cursor = cursor.down(step);
        }
        cursor.decide(model, operation)
    }

    /// A place to walk down from: the root of the tree.
    pub fn cursor(&self) -> Cursor<'_> {
        let matching = self.rules.iter().map(|rule| match &rule.path {
            None => Match::Whole,
            Some(steps) if steps.is_empty() => Match::Whole,
            Some(_) => Match::Upto { certain: true },
        });
        Cursor { access: self, matching: matching.collect(), names: Vec::new() }
    }
}

/// How far a rule's path goes along with the path of a node.
#[derive(Clone, Copy, Debug)]
enum Match {
    /// The node lies at or below the rule's path.
    Whole,
    /// Some of the entries that an open path means do.
    Some,
    /// All steps so far go along and the rule's path goes on; not certain where an open step met a
    /// predicate.
    Upto { certain: bool },
    /// It lies elsewhere.
    No,
}

/// A node on the way down a tree, with what the rules say of it. Going down costs as much as there are
/// rules, however deep the tree is.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    access: &'a Access,
    matching: Vec<Match>,
    names: Vec<(Box<str>, Box<str>)>,
}

impl<'a> Cursor<'a> {
    /// The child that this step names.
    pub fn down(&self, step: &PatternStep) -> Self {
        let depth = self.names.len();
        let matching = self.access.rules.iter().zip(&self.matching).map(|(rule, &state)| {
            let Match::Upto { certain } = state else { return state };
            let Some((steps, mine)) = rule.path.as_ref().and_then(|steps| Some((steps, steps.get(depth)?)))
            else {
                return Match::No;
            };
            let open = mine.has_predicates() && is_open(mine, step);
            if !open && !mine.matches(step) {
                return Match::No;
            }
            if open
                && (mine.local != step.local
                    || mine.namespace.as_ref().is_some_and(|ns| *ns != step.namespace))
            {
                return Match::No;
            }
            let certain = certain && !open;
            match (depth + 1 == steps.len(), certain) {
                (true, true) => Match::Whole,
                (true, false) => Match::Some,
                (false, certain) => Match::Upto { certain },
            }
        });
        let matching = matching.collect();
        let mut names = self.names.clone();
        names.push((step.namespace.clone(), step.local.clone()));
        Self { access: self.access, matching, names }
    }

    /// Whether `operation` on this node is permitted.
    pub fn decide(&self, model: &dyn Model, operation: Operation) -> Decision<'a> {
        if !self.access.enabled {
            return Decision { permitted: true, reason: Reason::Disabled };
        }
        let module = self.names.last().and_then(|(namespace, _)| model.module(namespace));
        for (rule, state) in self.access.rules.iter().zip(&self.matching) {
            let denies = rule.action == Action::Deny;
            // What an open path means only in part is denied by a rule that denies, and is not permitted by
            // one that permits.
            let matches = match state {
                Match::Whole => true,
                Match::Some => denies,
                Match::Upto { .. } | Match::No => false,
            };
            let module_matches = match (&rule.module, module) {
                (None, _) => true,
                (Some(wanted), Some(module)) => **wanted == *module,
                (Some(_), None) => denies,
            };
            if matches && module_matches && rule.operations.has(operation) {
                return Decision {
                    permitted: !denies,
                    reason: Reason::Rule { list: &rule.list, rule: &rule.rule },
                };
            }
        }
        let path: Vec<_> = self.names.iter().map(|(namespace, local)| QName::new(namespace, local)).collect();
        match (model.default_deny(&path), operation) {
            (Some(DefaultDeny::All), _) => Decision { permitted: false, reason: Reason::Model },
            (Some(DefaultDeny::Write), Operation::Create | Operation::Update | Operation::Delete) => {
                Decision { permitted: false, reason: Reason::Model }
            }
            (_, Operation::Read) => {
                Decision { permitted: self.access.read_default == Action::Permit, reason: Reason::Default }
            }
            _ => Decision { permitted: self.access.write_default == Action::Permit, reason: Reason::Default },
        }
    }

    /// Whether anything below this node might be decided differently from the node itself: where not,
    /// a whole subtree is decided at once.
    pub fn may_differ_below(&self, model: &dyn Model) -> bool {
        self.access.enabled && (model.has_default_denies() || self.rules_may_differ_below())
    }

    fn rules_may_differ_below(&self) -> bool {
        self.access.rules.iter().zip(&self.matching).any(|(rule, state)| {
            matches!(state, Match::Upto { .. })
                || rule.module.is_some() && matches!(state, Match::Whole | Match::Some)
        })
    }
}

/// Whether a step leaves open what the rule's step asks for.
fn is_open(rule: &Step, step: &PatternStep) -> bool {
    let told = |key: &str| step.keys.iter().any(|(name, value)| **name == *key && value.is_some());
    let keys_agree = rule.keys.iter().all(|(key, value)| !told(key) || step.key(key) == Some(value));
    let entry_open = rule.entry.is_some() && !matches!(step.entry, Some(Some(_)));
    keys_agree && (rule.keys.iter().any(|(key, _)| !told(key)) || entry_open)
}
