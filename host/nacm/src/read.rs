//! Reading `/nacm`.

use std::fmt;

use confine_tree::{NodeId, QName, Tree};

use crate::rules::{AccessOperation, AccessOperations, Nacm, Rule, RuleAction, RuleList, RuleTarget};

/// The namespace of ietf-netconf-acm (RFC 8341, section 3.5.2).
pub const NACM: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm";

/// A problem of a rule, and its consequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleProblem {
    /// The name of the rule-list.
    pub rule_list: String,
    /// The name of the rule.
    pub rule: String,
    /// The problem and its consequence.
    pub message: String,
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}` of rule-list `{}`: {}", self.rule, self.rule_list, self.message)
    }
}

impl Nacm {
    /// Reads the container `nacm` at `node`. Also returns the problems of single rules. A rule with a problem never
    /// permits anything.
    pub fn read(tree: &Tree, node: NodeId) -> (Self, Vec<RuleProblem>) {
        let mut nacm = Self::default();
        let mut problems = Vec::new();
        nacm.enabled = text(tree, node, "enable-nacm") != Some("false");
        if text(tree, node, "read-default") == Some("deny") {
            nacm.read_default = RuleAction::Deny;
        }
        if text(tree, node, "write-default") == Some("permit") {
            nacm.write_default = RuleAction::Permit;
        }
        if text(tree, node, "exec-default") == Some("deny") {
            nacm.exec_default = RuleAction::Deny;
        }
        if let Some(groups) = tree.child(node, QName::new(NACM, "groups")) {
            for group in children(tree, groups, "group") {
                let members = values(tree, group, "user-name");
                nacm.groups.insert(text(tree, group, "name").unwrap_or_default().into(), members);
            }
        }
        for list in children(tree, node, "rule-list") {
            let name = text(tree, list, "name").unwrap_or_default().to_owned();
            let rules = children(tree, list, "rule").map(|rule| {
                let (rule, problem) = read_rule(tree, rule);
                let problem = problem.map(|message| RuleProblem {
                    rule_list: name.clone(),
                    rule: rule.name.clone(),
                    message,
                });
                problems.extend(problem);
                rule
            });
            let rules = rules.collect();
            nacm.rule_lists.push(RuleList { groups: values(tree, list, "group"), rules, name });
        }
        (nacm, problems)
    }
}

fn read_rule(tree: &Tree, node: NodeId) -> (Rule, Option<String>) {
    let mut problem = None;
    let target = match tree.child(node, QName::new(NACM, "path")) {
        Some(path) => RuleTarget::Path {
            path: tree.value(path).unwrap_or_default().trim().to_owned(),
            prefixes: tree.bindings(path).iter().map(|(p, n)| (p.to_string(), n.to_string())).collect(),
        },
        None => match (text(tree, node, "rpc-name"), text(tree, node, "notification-name")) {
            (Some(operation), _) => RuleTarget::Operation(operation.to_owned()),
            (None, Some(_)) => RuleTarget::Notification,
            (None, None) => RuleTarget::Any,
        },
    };
    let action = match text(tree, node, "action") {
        Some("permit") => RuleAction::Permit,
        Some("deny") => RuleAction::Deny,
        other => {
            problem = Some(format!(
                "its action is `{}`, not `permit` or `deny`: it denies",
                other.unwrap_or_default()
            ));
            RuleAction::Deny
        }
    };
    let operations = match text(tree, node, "access-operations") {
        None | Some("*") => AccessOperations::ALL,
        Some(bits) => {
            let operations = bits.split_whitespace().filter_map(AccessOperation::parse);
            operations.fold(AccessOperations::NONE, AccessOperations::with)
        }
    };
    let name = text(tree, node, "name").unwrap_or_default().to_owned();
    let module = text(tree, node, "module-name").filter(|&name| name != "*").map(str::to_owned);
    (Rule { name, module, target, operations, action }, problem)
}

fn children<'a>(tree: &'a Tree, node: NodeId, local: &'static str) -> impl Iterator<Item = NodeId> + 'a {
    tree.children(node).filter(move |&child| tree.qname(child) == QName::new(NACM, local))
}

fn text<'a>(tree: &'a Tree, node: NodeId, local: &'static str) -> Option<&'a str> {
    tree.child(node, QName::new(NACM, local)).and_then(|child| tree.value(child)).map(str::trim)
}

fn values(tree: &Tree, node: NodeId, local: &'static str) -> Vec<String> {
    children(tree, node, local)
        .filter_map(|child| tree.value(child))
        .map(|value| value.trim().to_owned())
        .collect()
}
