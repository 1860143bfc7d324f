//! What an operator configured: RFC 8341, section 3.5.

use std::collections::BTreeMap;

use confine_tree::{DefaultDeny, Pattern, Schema};

/// What a rule does (`action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// Access is granted.
    Permit,
    /// Access is refused.
    Deny,
}

/// An access operation (RFC 8341, section 3.2, `access-operations-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessOperation {
    /// A new node.
    Create,
    /// Any operation that returns the node.
    Read,
    /// A new value of a node that is there.
    Update,
    /// Taking a node away.
    Delete,
    /// Carrying out a protocol operation; the only one that is not about data nodes.
    Exec,
}

impl AccessOperation {
    /// As `access-operations` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Exec => "exec",
        }
    }
}

/// A set of operations (`access-operations`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessOperations(u8);

impl AccessOperations {
    /// Every one: `*`, and what a rule means that names none.
    pub const ALL: Self = Self(0b1_1111);
    /// None.
    pub const NONE: Self = Self(0);

    const fn bit(operation: AccessOperation) -> u8 {
        1 << operation as u8
    }

    /// The set with one more.
    pub const fn with(self, operation: AccessOperation) -> Self {
        Self(self.0 | Self::bit(operation))
    }

    /// Whether the operation is in the set.
    pub const fn contains(self, operation: AccessOperation) -> bool {
        self.0 & Self::bit(operation) != 0
    }
}

/// What a rule is about (`rule-type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleTarget {
    /// All requests: the rule names no type.
    Any,
    /// A protocol operation, by its name; `*` for all.
    Operation(String),
    /// A notification.
    Notification,
    /// The data nodes at and below a path, as written: it may name the variable `$USER`.
    Path {
        /// The instance-identifier.
        path: String,
        /// What its prefixes stand for.
        prefixes: Vec<(String, String)>,
    },
}

/// One access control rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name within the list.
    pub name: String,
    /// The YANG module that defines the nodes that it is about, none for any (`*`).
    pub module: Option<String>,
    /// What it is about.
    pub target: RuleTarget,
    /// Which operations.
    pub operations: AccessOperations,
    /// What it does.
    pub action: RuleAction,
}

/// Rules in order, for some groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleList {
    /// Its name.
    pub name: String,
    /// The groups that it is for; `*` for all.
    pub groups: Vec<String>,
    /// First match wins.
    pub rules: Vec<Rule>,
}

/// The access control of a server (`/nacm`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nacm {
    /// Whether anything is enforced (`enable-nacm`).
    pub enabled: bool,
    /// What holds for reading where no rule matches.
    pub read_default: RuleAction,
    /// What holds for writing where no rule matches.
    pub write_default: RuleAction,
    /// What holds for protocol operations where no rule matches.
    pub exec_default: RuleAction,
    /// The members of each group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// In order: first match wins.
    pub rule_lists: Vec<RuleList>,
}

impl Default for Nacm {
    /// As RFC 8341, section 3.5 has it for an empty `/nacm`.
    fn default() -> Self {
        Self {
            enabled: true,
            read_default: RuleAction::Permit,
            write_default: RuleAction::Deny,
            exec_default: RuleAction::Permit,
            groups: BTreeMap::new(),
            rule_lists: Vec::new(),
        }
    }
}

impl Nacm {
    /// Binds the prefixes in paths that are not declared there: a server may keep the text of a path and lose
    /// its namespaces (the controller does). `namespace` is what a prefix means by itself.
    #[must_use]
    pub fn with_prefixes(mut self, namespace: impl Fn(&str) -> Option<String>) -> Self {
        let rules = self.rule_lists.iter_mut().flat_map(|list| &mut list.rules);
        for rule in rules {
            let RuleTarget::Path { path, prefixes } = &mut rule.target else { continue };
            // What cannot be read, or is about `$USER`, is told of when the rule is applied.
            let used = path.split(|c: char| !(c.is_alphanumeric() || "-_.:".contains(c)));
            for prefix in used.filter_map(|name| Some(name.split_once(':')?.0)) {
                if !prefixes.iter().any(|(declared, _)| declared == prefix)
                    && let Some(namespace) = namespace(prefix)
                {
                    prefixes.push((prefix.to_owned(), namespace));
                }
            }
        }
        self
    }

    /// Whether nobody may write without a rule. Where there are no groups, the defaults that stand in the
    /// model are no sign that access control is used at all.
    pub fn denies_writes_by_default(&self) -> bool {
        self.enabled && self.write_default == RuleAction::Deny && !self.groups.is_empty()
    }

    /// The groups that a user is in (RFC 8341, section 3.4.4, step 4).
    pub fn groups_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a str> {
        let is_member = move |members: &Vec<String>| members.iter().any(|member| member == user);
        self.groups.iter().filter(move |(_, members)| is_member(members)).map(|(group, _)| &**group)
    }
}

/// What access control must know of the data models. Every [`Schema`] knows it.
pub trait NacmModel {
    /// The YANG module that defines a namespace, where that is known.
    fn module(&self, namespace: &str) -> Option<&str>;

    /// The default that a node's own model sets (RFC 8341, section 3.2.4).
    fn default_deny(&self, path: &Pattern) -> Option<DefaultDeny> {
        let _ = path;
        None
    }

    /// Whether [`default_deny`](Self::default_deny) may ever answer something.
    fn has_default_denies(&self) -> bool {
        false
    }
}

impl<S: Schema + ?Sized> NacmModel for S {
    fn module(&self, namespace: &str) -> Option<&str> {
        Schema::module(self, namespace)
    }

    fn default_deny(&self, path: &Pattern) -> Option<DefaultDeny> {
        Schema::default_deny(self, self.locate(path)?)
    }

    fn has_default_denies(&self) -> bool {
        Schema::has_default_denies(self)
    }
}
