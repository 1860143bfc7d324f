//! What a module may read and write.

use std::{fmt, sync::Arc};

use confine_tree::{CONTROLLER, Coverage, Pattern, PatternStep, QName};

/// What is done to a node (RFC 8341, section 3.2.2; there is no `exec` of a data node that matters
/// here).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It is read.
    Read,
    /// It is not there, and is made.
    Create,
    /// It is there, and gets another value.
    Update,
    /// It is taken away.
    Delete,
}

impl fmt::Display for Access {
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
pub enum Verdict {
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
pub trait Rules: Send + Sync {
    /// Whether this may be done to the one node that `node` names, with all its keys. Where keys are open it
    /// is about every entry, and [`Verdict::Permit`] only where each of them is.
    fn decide(&self, access: Access, node: &Pattern) -> Verdict;

    /// What deciding costs for each step of the node's path, in units of a [`Meter`](crate::Meter).
    fn cost(&self) -> u64 {
        1
    }
}

/// What one module may read and write.
///
/// It reads `/devices`, `/services/properties`, which services have in common, and the instances of the
/// services that it serves, without what Confine keeps in them (`created`). It writes below `/devices/device/config`, and there what it declared, if it
/// declared anything. Nothing widens that; [`Rules`] may narrow it.
#[derive(Clone)]
pub struct Scope {
    module: Arc<str>,
    services: Vec<PatternStep>,
    writes: Option<Coverage>,
    declared: Vec<Pattern>,
    rules: Vec<Arc<dyn Rules>>,
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
    pub fn with_rules(mut self, rules: Arc<dyn Rules>) -> Self {
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
    pub fn decide(&self, access: Access, node: &Pattern) -> Verdict {
        self.narrowed(self.own(access, node), access, node)
    }

    /// As [`decide`](Self::decide), by Confine's own rules alone.
    pub(crate) fn own(&self, access: Access, node: &Pattern) -> Verdict {
        match access {
            Access::Read => self.read(node),
            Access::Create | Access::Update | Access::Delete => self.write(node),
        }
    }

    fn narrowed(&self, verdict: Verdict, access: Access, node: &Pattern) -> Verdict {
        self.rules.iter().fold(verdict, |verdict, rules| match verdict {
            Verdict::Permit { below } => match rules.decide(access, node) {
                Verdict::Permit { below: also } => Verdict::Permit { below: below && also },
                deny @ Verdict::Deny { .. } => deny,
            },
            deny @ Verdict::Deny { .. } => deny,
        })
    }

    /// Which node may not be made where this one is made, and why: itself or, with an entry, one of its keys.
    /// Only [`Rules`] are asked: that an entry is made for what is in it need not be declared.
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
            match self.narrowed(Verdict::Permit { below: true }, Access::Create, &node) {
                Verdict::Permit { .. } => None,
                Verdict::Deny { reason } => Some((node, reason)),
            }
        })
    }

    fn serves(&self, step: &PatternStep) -> bool {
        self.services.iter().any(|service| service.name() == step.name())
    }

    fn read(&self, node: &Pattern) -> Verdict {
        let hidden = || Verdict::Deny {
            reason: "a module reads `/devices`, `/services/properties` and the instances of its own services"
                .into(),
        };
        match &node.steps[..] {
            [] => Verdict::Permit { below: false },
            [top, ..] if top.name() == DEVICES => Verdict::Permit { below: true },
            [top] if top.name() == SERVICES => Verdict::Permit { below: false },
            [top, child, ..] if top.name() == SERVICES && child.name() == PROPERTIES => {
                Verdict::Permit { below: true }
            }
            [top, list, rest @ ..] if top.name() == SERVICES && self.serves(list) => match rest {
                [] => Verdict::Permit { below: false },
                [child, ..] if &*child.local == "created" => hidden(),
                [..] => Verdict::Permit { below: true },
            },
            [..] => hidden(),
        }
    }

    fn write(&self, node: &Pattern) -> Verdict {
        if !is_device_configuration(node) {
            return Verdict::Deny { reason: "a module writes below `/devices/device/config` only".into() };
        }
        match &self.writes {
            Some(_) if self.declared.is_empty() => Verdict::Deny {
                reason: "what the module's description declares that it writes is in no model here".into(),
            },
            Some(writes) if !writes.covers(node) => Verdict::Deny {
                reason: format!(
                    "the module's description declares that it writes {}; add it to `writes` there",
                    listed(&self.declared)
                ),
            },
            _ => Verdict::Permit { below: true },
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
                Verdict::Permit { .. } => vec![pattern.clone()],
                Verdict::Deny { .. } => Vec::new(),
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
