//! What a module may read and write.

use std::{fmt, sync::Arc};

use confine_tree::{CONTROLLER, Coverage, Pattern, PatternStep, QName};

/// What is done to a node (RFC 8341, section 3.2.2; there is no `exec` of a data node that matters
/// here).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeAccess {
    /// It is read.
    Read,
    /// It is not there, and is made.
    Create,
    /// It is there, and gets another value.
    Update,
    /// It is taken away.
    Delete,
}

impl fmt::Display for NodeAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// Whether something may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessVerdict {
    /// It may.
    Permit {
        /// And so it may to every node below, so that nobody need ask for each.
        below: bool,
    },
    /// It may not, nor to any node below.
    Deny {
        /// What forbids it, and what would allow it: a sentence without the node's path.
        reason: String,
    },
}

/// Rules that narrow what a module may do further than Confine's own do, such as those of `/nacm`.
pub trait ScopeRules: Send + Sync {
    /// Whether this may be done to the one node that `node` names, with all its keys. Where keys are open it
    /// is about every entry, and [`AccessVerdict::Permit`] only where each of them is.
    fn decide(&self, access: NodeAccess, node: &Pattern) -> AccessVerdict;

    /// What deciding costs for each step of the node's path, in units of a [`Meter`](crate::Meter).
    fn cost(&self) -> u64 {
        1
    }
}

/// What one module may read and write.
///
/// It reads `/devices`, `/services/properties`, which services have in common, and the instances of the
/// services that it serves, without what Confine keeps in them (`created`). It writes below `/devices/device/config`, and there what it declared, if it
/// declared anything. Nothing widens that; [`ScopeRules`] may narrow it.
#[derive(Clone)]
pub struct Scope {
    module: Arc<str>,
    services: Vec<PatternStep>,
    writes: Option<Coverage>,
    declared: Vec<Pattern>,
    rules: Vec<Arc<dyn ScopeRules>>,
    last_wins: bool,
}

const DEVICES: QName<'_> = QName::new(CONTROLLER, "devices");
const SERVICES: QName<'_> = QName::new(CONTROLLER, "services");
const PROPERTIES: QName<'_> = QName::new(CONTROLLER, "properties");
const DEVICE: QName<'_> = QName::new(CONTROLLER, "device");
const CONFIG: QName<'_> = QName::new(CONTROLLER, "config");

impl Scope {
    /// For the module of this name, which serves these lists under `/services` and declares that it writes
    /// within these patterns, or anywhere if there are none.
    pub fn new(
        module: impl Into<Arc<str>>,
        services: impl IntoIterator<Item = PatternStep>,
        writes: Vec<Pattern>,
    ) -> Self {
        let mut coverage = Coverage::default();
        writes.iter().for_each(|pattern| coverage.insert(pattern));
        Self {
            module: module.into(),
            services: services.into_iter().collect(),
            writes: (!writes.is_empty()).then_some(coverage),
            declared: writes,
            rules: Vec::new(),
            last_wins: false,
        }
    }

    /// What was declared is all, even if it is nothing: of the places that a description names, none may be
    /// there.
    #[must_use]
    pub fn as_declared(mut self) -> Self {
        self.writes.get_or_insert_default();
        self
    }

    /// Narrows it by rules, in addition to those that it has.
    #[must_use]
    pub fn with_rules(mut self, rules: Arc<dyn ScopeRules>) -> Self {
        self.rules.push(rules);
        self
    }

    /// Lets the module override what another instance has set, in the same commit or before: without that, it
    /// is an error.
    #[must_use]
    pub fn with_last_wins(mut self, last_wins: bool) -> Self {
        self.last_wins = last_wins;
        self
    }

    /// The module's name.
    pub(crate) fn module(&self) -> &str {
        &self.module
    }

    pub(crate) fn last_wins(&self) -> bool {
        self.last_wins
    }

    /// Whether there are rules beside Confine's own. They ask whether a node that is written was there.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// What a decision costs for each step of a path.
    pub(crate) fn cost(&self) -> u64 {
        self.rules.iter().map(|rules| rules.cost()).sum::<u64>().max(1)
    }

    /// Whether this may be done to the node that `node` names with all its keys.
    pub fn decide(&self, access: NodeAccess, node: &Pattern) -> AccessVerdict {
        self.narrowed(self.own(access, node), access, node)
    }

    /// As [`decide`](Self::decide), by Confine's own rules alone.
    pub(crate) fn own(&self, access: NodeAccess, node: &Pattern) -> AccessVerdict {
        match access {
            NodeAccess::Read => self.read(node),
            NodeAccess::Create | NodeAccess::Update | NodeAccess::Delete => self.write(node),
        }
    }

    fn narrowed(&self, verdict: AccessVerdict, access: NodeAccess, node: &Pattern) -> AccessVerdict {
        self.rules.iter().fold(verdict, |verdict, rules| match verdict {
            AccessVerdict::Permit { below } => match rules.decide(access, node) {
                AccessVerdict::Permit { below: also } => AccessVerdict::Permit { below: below && also },
                deny @ AccessVerdict::Deny { .. } => deny,
            },
            deny @ AccessVerdict::Deny { .. } => deny,
        })
    }

    /// Which node may not be made where this one is made, and why: itself or, with an entry, one of its keys.
    /// Only [`ScopeRules`] are asked: that an entry is made for what is in it need not be declared.
    pub(crate) fn forbids_making(&self, node: &Pattern) -> Option<(Pattern, String)> {
        if self.rules.is_empty() {
            return None;
        }
        let entry = node.steps.last();
        let keys = entry.into_iter().flat_map(|entry| {
            entry.keys.iter().map(|(key, _)| {
                let leaf = PatternStep::new(QName::new(&entry.namespace, key));
                Pattern { steps: node.steps.iter().cloned().chain([leaf]).collect() }
            })
        });
        std::iter::once(node.clone()).chain(keys).find_map(|node| {
            match self.narrowed(AccessVerdict::Permit { below: true }, NodeAccess::Create, &node) {
                AccessVerdict::Permit { .. } => None,
                AccessVerdict::Deny { reason } => Some((node, reason)),
            }
        })
    }

    fn serves(&self, step: &PatternStep) -> bool {
        self.services.iter().any(|service| service.name() == step.name())
    }

    fn read(&self, node: &Pattern) -> AccessVerdict {
        let hidden = || AccessVerdict::Deny {
            reason: "a module reads `/devices`, `/services/properties` and the instances of its own services"
                .into(),
        };
        match &node.steps[..] {
            [] => AccessVerdict::Permit { below: false },
            [top, ..] if top.name() == DEVICES => AccessVerdict::Permit { below: true },
            [top] if top.name() == SERVICES => AccessVerdict::Permit { below: false },
            [top, child, ..] if top.name() == SERVICES && child.name() == PROPERTIES => {
                AccessVerdict::Permit { below: true }
            }
            [top, list, rest @ ..] if top.name() == SERVICES && self.serves(list) => match rest {
                [] => AccessVerdict::Permit { below: false },
                [child, ..] if &*child.local == "created" => hidden(),
                [..] => AccessVerdict::Permit { below: true },
            },
            [..] => hidden(),
        }
    }

    fn write(&self, node: &Pattern) -> AccessVerdict {
        if !is_device_configuration(node) {
            return AccessVerdict::Deny {
                reason: "a module writes below `/devices/device/config` only".into(),
            };
        }
        match &self.writes {
            Some(_) if self.declared.is_empty() => AccessVerdict::Deny {
                reason: "what the module's description declares that it writes is in no model here".into(),
            },
            Some(writes) if !writes.covers(node) => AccessVerdict::Deny {
                reason: format!(
                    "the module's description declares that it writes {}; add it to `writes` there",
                    listed(&self.declared)
                ),
            },
            _ => AccessVerdict::Permit { below: true },
        }
    }

    /// What to ask the datastore for, so as to see all of `pattern` that may be read. Empty where none
    /// of it may.
    pub(crate) fn readable(&self, pattern: &Pattern) -> Vec<Pattern> {
        let below_services = || {
            let lists = self.services.iter().map(PatternStep::name);
            lists
                .chain([PROPERTIES])
                .map(|child| Pattern { steps: vec![PatternStep::new(SERVICES), PatternStep::new(child)] })
        };
        match &pattern.steps[..] {
            [] => {
                let devices = Pattern { steps: vec![PatternStep::new(DEVICES)] };
                std::iter::once(devices).chain(below_services()).collect()
            }
            [top] if top.name() == SERVICES => below_services().collect(),
            _ => match self.read(pattern) {
                AccessVerdict::Permit { .. } => vec![pattern.clone()],
                AccessVerdict::Deny { .. } => Vec::new(),
            },
        }
    }
}

/// Whether this is a place below `/devices/device/config`: the only one that modules write.
pub(crate) fn is_device_configuration(node: &Pattern) -> bool {
    matches!(&node.steps[..], [devices, device, config, _, ..]
        if devices.name() == DEVICES && device.name() == DEVICE && config.name() == CONFIG)
}

/// The first few of some patterns, for a message.
fn listed(patterns: &[Pattern]) -> String {
    const SHOWN: usize = 3;
    let mut text: Vec<String> = patterns.iter().take(SHOWN).map(|pattern| format!("`{pattern}`")).collect();
    if patterns.len() > SHOWN {
        text.push(format!("{} more", patterns.len() - SHOWN));
    }
    text.join(", ")
}
