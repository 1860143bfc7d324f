//! The configuration of access control: RFC 8341, section 3.5.

use std::{collections::BTreeMap, fmt};

use confine_tree::{DefaultDeny, Pattern, Schema};
use serde::Deserialize;

/// The action of a rule (`action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// Grants access.
    Permit,
    /// Denies access.
    Deny,
}

/// An access operation (RFC 8341, section 3.2, `access-operations-type`). Serde reads those on data nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessOperation {
    /// Create a node.
    Create,
    /// Read a node.
    Read,
    /// Change the value of an existing node.
    Update,
    /// Delete a node.
    Delete,
    /// Execute a protocol operation: the only operation that is not on data nodes.
    #[serde(skip_deserializing)]
    Exec,
}

impl AccessOperation {
    /// The operations on data nodes.
    pub const DATA: [Self; 4] = [Self::Create, Self::Read, Self::Update, Self::Delete];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::DATA.into_iter().chain([Self::Exec]).find(|operation| operation.name() == name)
    }

    /// Returns the name in `access-operations`.
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

impl fmt::Display for AccessOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of operations (`access-operations`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessOperations(u8);

impl AccessOperations {
    /// All operations: `*`, and the default of a rule.
    pub const ALL: Self = Self(0b1_1111);
    /// No operation.
    pub const NONE: Self = Self(0);

    const fn bit(operation: AccessOperation) -> u8 {
        1 << operation as u8
    }

    /// Returns the set with this operation added.
    pub const fn with(self, operation: AccessOperation) -> Self {
        Self(self.0 | Self::bit(operation))
    }

    /// Returns whether the set contains the operation.
    pub const fn contains(self, operation: AccessOperation) -> bool {
        self.0 & Self::bit(operation) != 0
    }
}

/// The target of a rule (`rule-type`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleTarget {
    /// All requests: the rule has no `rule-type`.
    Any,
    /// A protocol operation, by its name; `*` for all.
    Operation(String),
    /// A notification.
    Notification,
    /// The data nodes at and below a path. The path is as written and may have the variable `$USER`.
    Path {
        /// The instance-identifier.
        path: String,
        /// The namespaces of its prefixes. A prefix that is not declared may have several.
        prefixes: Vec<(String, String)>,
    },
}

/// One access control rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name, unique in its rule-list.
    pub name: String,
    /// The YANG module that defines the nodes, or `None` for any (`*`).
    pub module: Option<String>,
    /// The target.
    pub target: RuleTarget,
    /// The operations.
    pub operations: AccessOperations,
    /// The action.
    pub action: RuleAction,
}

/// A list of rules for some groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleList {
    /// The name.
    pub name: String,
    /// The groups it applies to; `*` for all.
    pub groups: Vec<String>,
    /// The rules. The first match decides.
    pub rules: Vec<Rule>,
}

/// The access control of a server (`/nacm`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nacm {
    /// Whether access control is enabled (`enable-nacm`).
    pub enabled: bool,
    /// The action for reading if no rule matches.
    pub read_default: RuleAction,
    /// The action for writing if no rule matches.
    pub write_default: RuleAction,
    /// The action for protocol operations if no rule matches.
    pub exec_default: RuleAction,
    /// The members of each group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// The rule-lists. The first match decides.
    pub rule_lists: Vec<RuleList>,
}

impl Default for Nacm {
    /// Returns the defaults of RFC 8341, section 3.5.
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
    /// Binds the undeclared prefixes in paths. A server may keep the text of a path and lose its namespaces, as the
    /// controller does. `namespaces` returns what a prefix may mean: several modules may have it.
    #[must_use]
    pub fn with_prefixes(mut self, namespaces: impl Fn(&str) -> Vec<String>) -> Self {
        let rules = self.rule_lists.iter_mut().flat_map(|list| &mut list.rules);
        for rule in rules {
            let RuleTarget::Path { path, prefixes } = &mut rule.target else { continue };
            // A path that cannot be read is reported when the rule is compiled.
            let names = path.split(|c: char| !(c.is_alphanumeric() || "-_.:".contains(c)));
            for prefix in names.filter_map(|name| Some(name.split_once(':')?.0)) {
                if !prefixes.iter().any(|(declared, _)| declared == prefix) {
                    let all = namespaces(prefix).into_iter();
                    prefixes.extend(all.map(|namespace| (prefix.to_owned(), namespace)));
                }
            }
        }
        self
    }

    /// Returns whether writing needs a rule that permits it. Returns `false` if there are no groups: the defaults alone
    /// do not mean that access control is used.
    pub fn denies_writes_by_default(&self) -> bool {
        self.enabled && self.write_default == RuleAction::Deny && !self.groups.is_empty()
    }

    /// Returns the groups of a user (RFC 8341, section 3.4.4, step 4).
    pub fn groups_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a str> {
        let is_member = move |members: &Vec<String>| members.iter().any(|member| member == user);
        self.groups.iter().filter(move |(_, members)| is_member(members)).map(|(group, _)| &**group)
    }
}

/// What access control needs from the data models. Every [`Schema`] implements it.
pub trait NacmModel {
    /// Returns the YANG module of a namespace, if it is known.
    fn module(&self, namespace: &str) -> Option<&str>;

    /// Returns the namespaces that a prefix means at this node: those of the modules of the node's own device. Empty if that
    /// is not known, or if none of them has the prefix.
    fn meanings(&self, prefix: &str, path: &Pattern) -> Vec<&str> {
        let _ = (prefix, path);
        Vec::new()
    }

    /// Returns the default that the node's model sets (RFC 8341, section 3.2.4).
    fn default_deny(&self, path: &Pattern) -> Option<DefaultDeny> {
        let _ = path;
        None
    }

    /// Returns whether [`default_deny`](Self::default_deny) is `Some` for any node.
    fn has_default_denies(&self) -> bool {
        false
    }
}

impl<S: Schema + ?Sized> NacmModel for S {
    fn module(&self, namespace: &str) -> Option<&str> {
        Schema::module(self, namespace)
    }

    fn meanings(&self, prefix: &str, path: &Pattern) -> Vec<&str> {
        // `/ctrl:devices/ctrl:device[ctrl:name='…']/ctrl:config`.
        let config = Pattern { steps: path.steps.iter().take(3).cloned().collect() };
        let is_device = config.steps.get(1).is_some_and(|device| device.key("name").is_some());
        let config = self.locate(&config).filter(|_| is_device);
        config.map(|config| self.prefixed_in(config, prefix)).unwrap_or_default()
    }

    fn default_deny(&self, path: &Pattern) -> Option<DefaultDeny> {
        Schema::default_deny(self, self.locate(path)?)
    }

    fn has_default_denies(&self) -> bool {
        Schema::has_default_denies(self)
    }
}
