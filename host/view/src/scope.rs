//! What a module may read and write.
//!
//! A [`Scope`] decides by Confine's own rules and by the [`ScopeRules`] that narrow it. Its [`ScopeDecision`] is
//! not the `AccessDecision` of `confine-nacm`. That is what the rules of RFC 8341 say about one node, and which
//! rule says so. A scope decision is the sum of all rules, also says whether it holds for everything below the
//! node, and has the reason as the module's author reads it.

use std::{fmt, sync::Arc};

use confine_nacm::AccessOperation;
use confine_tree::{CONTROLLER, Coverage, CoverageFront, Path, Pattern, PatternStep, QName};

use crate::read_scope::{DEVICES, ReadDecision, ReadScope, UndeclaredReads, insert_named_keys};

/// Whether a module may perform an access operation on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeDecision {
    /// The operation is permitted.
    Permit {
        /// Whether it is permitted on every node below too, so that no further decision is needed there.
        below: bool,
    },
    /// The operation is denied, on the node and on every node below.
    Deny {
        /// What denies it and what would permit it: a sentence without the node's path. Cheap to clone, because many nodes
        /// may be denied for the same reason.
        reason: Arc<str>,
    },
}

/// Rules that narrow a scope, such as those of `/nacm`.
pub trait ScopeRules: Send + Sync {
    /// Decides about the node that `node` names with all its keys. A pattern without a key is about every entry
    /// of the list, and is permitted only if each entry is.
    fn decide(&self, operation: AccessOperation, node: &Pattern) -> ScopeDecision;

    /// Returns what a decision costs for each step of the path, in units of a [`Meter`](crate::Meter).
    fn cost(&self) -> u64 {
        1
    }
}

/// What one module may read and write.
///
/// A module reads its own instance, `/services/properties`, what it may write, and what its description declares that
/// it reads (see `read_scope.rs`): below `/devices`, or instances of its own services without their `created` lists.
/// It writes below `/devices/device/config`, and there only what its description declares, if it declares anything.
/// Nothing widens a scope; [`ScopeRules`] narrow it.
#[derive(Clone)]
pub struct Scope {
    module: Arc<str>,
    pub(crate) reading: ReadScope,
    declares_writes: bool,
    /// Why what is not declared may not be written; the text is made once, because paths may be long.
    undeclared: Arc<str>,
    /// How much finding a node among what is declared costs for each step of its path.
    declared_cost: u64,
    rules: Vec<Arc<dyn ScopeRules>>,
    last_wins: bool,
}

/// The steps of the shortest path that a module may write: below `/devices/device/config`.
const LEAST_WRITABLE: usize = 4;

const DEVICE: QName<'_> = QName::new(CONTROLLER, "device");
const CONFIG: QName<'_> = QName::new(CONTROLLER, "config");

impl Scope {
    /// Creates the scope of a module that serves the lists `services` under `/services` and declares the
    /// patterns `writes`. Without patterns it may write any device configuration.
    pub fn new(
        module: impl Into<Arc<str>>,
        services: impl IntoIterator<Item = PatternStep>,
        writes: Vec<Pattern>,
    ) -> Self {
        let (mut reads, mut covered) = (Coverage::default(), Coverage::default());
        let everything = writes.is_empty().then(Pattern::default);
        for pattern in writes.iter().chain(&everything).filter_map(writable_part) {
            covered.insert(&pattern);
            insert_named_keys(&mut reads, &pattern);
        }
        Self {
            module: module.into(),
            declared_cost: (reads.most_key_sets() + covered.most_key_sets()) as u64,
            reading: ReadScope {
                services: services.into_iter().collect(),
                reads,
                writes: covered,
                undeclared_reads: UndeclaredReads::default(),
            },
            declares_writes: !writes.is_empty(),
            undeclared: undeclared(&writes),
            rules: Vec::new(),
            last_wins: false,
        }
    }

    /// Restricts writing to the declared patterns even if there are none, because no model here has what the
    /// description declares.
    #[must_use]
    pub fn only_declared(mut self) -> Self {
        if !self.declares_writes {
            self.reading.writes = Coverage::default();
        }
        self.declares_writes = true;
        self
    }

    /// Adds what the description declares as read.
    #[must_use]
    pub fn with_reads(mut self, reads: &[Pattern]) -> Self {
        for pattern in reads {
            self.reading.reads.insert(pattern);
            insert_named_keys(&mut self.reading.reads, pattern);
        }
        let ReadScope { reads, writes, .. } = &self.reading;
        self.declared_cost = (reads.most_key_sets() + writes.most_key_sets()) as u64;
        self
    }

    /// Sets what happens to reads that the description does not declare.
    #[must_use]
    pub fn with_undeclared_reads(mut self, undeclared_reads: UndeclaredReads) -> Self {
        self.reading.undeclared_reads = undeclared_reads;
        self
    }

    /// Says in messages what the module declares that it writes in the words of its description, which has prefixes.
    #[must_use]
    pub fn declared_as(mut self, writes: &[Path]) -> Self {
        if self.declares_writes {
            self.undeclared = undeclared(writes);
        }
        self
    }

    /// Adds rules that narrow the scope.
    #[must_use]
    pub fn with_rules(mut self, rules: Arc<dyn ScopeRules>) -> Self {
        self.rules.push(rules);
        self
    }

    /// Sets whether the module may override what another instance sets, in the same commit or an earlier one.
    /// If not, that is an error.
    #[must_use]
    pub fn with_last_wins(mut self, last_wins: bool) -> Self {
        self.last_wins = last_wins;
        self
    }

    /// Returns the module's name.
    pub fn module(&self) -> &Arc<str> {
        &self.module
    }

    pub(crate) fn last_wins(&self) -> bool {
        self.last_wins
    }

    /// Returns whether there are rules besides Confine's own. Only those depend on whether a written node
    /// existed.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Returns what a decision costs for each step of a path.
    pub(crate) fn cost(&self) -> u64 {
        self.rules.iter().map(|rules| rules.cost()).sum::<u64>().max(1) + self.declared_cost
    }

    /// Returns how many steps a decision about a node takes.
    pub fn steps(&self, node: &Pattern) -> usize {
        usize::try_from(self.cost()).unwrap_or(usize::MAX).saturating_mul(node.steps.len())
    }

    /// Returns whether the operation is permitted.
    pub(crate) fn permits(&self, operation: AccessOperation, node: &Pattern) -> bool {
        matches!(self.decide(operation, node), ScopeDecision::Permit { .. })
    }

    /// Decides about the node that `node` names with all its keys. A module also reads the instance that it runs for.
    pub fn decide(&self, operation: AccessOperation, node: &Pattern) -> ScopeDecision {
        self.narrow(self.decide_without_rules(operation, node), operation, node)
    }

    /// Decides whether a node may be read that the description permits to read: a call that reads it was admitted, or the
    /// module may write it.
    pub(crate) fn decide_admitted(&self, node: &Pattern) -> ScopeDecision {
        self.narrow(self.reading.decide_admitted(node).into(), AccessOperation::Read, node)
    }

    /// As [`decide`](Self::decide), by Confine's own rules only.
    pub(crate) fn decide_without_rules(&self, operation: AccessOperation, node: &Pattern) -> ScopeDecision {
        match operation {
            AccessOperation::Read => self.reading.decide(node).into(),
            AccessOperation::Create | AccessOperation::Update | AccessOperation::Delete => {
                self.decide_write(node)
            }
            AccessOperation::Exec => {
                ScopeDecision::Deny { reason: "a module executes no protocol operations".into() }
            }
        }
    }

    /// Decides whether the rules let the module read a node that Confine's own rules permit.
    pub(crate) fn rules_on_reading(&self, node: &Pattern) -> ScopeDecision {
        self.narrow(ScopeDecision::Permit { below: true }, AccessOperation::Read, node)
    }

    fn narrow(&self, decision: ScopeDecision, operation: AccessOperation, node: &Pattern) -> ScopeDecision {
        self.rules.iter().fold(decision, |decision, rules| match decision {
            ScopeDecision::Permit { below } => match rules.decide(operation, node) {
                ScopeDecision::Permit { below: also } => ScopeDecision::Permit { below: below && also },
                deny @ ScopeDecision::Deny { .. } => deny,
            },
            deny @ ScopeDecision::Deny { .. } => deny,
        })
    }

    /// Returns the first node that may not be created where this one is created, and the reason: the node
    /// itself or, for a list entry, one of its keys. Only [`ScopeRules`] count, because a description need not
    /// declare the entries above what it declares.
    pub(crate) fn forbidden_creation(&self, node: &Pattern) -> Option<(Pattern, Arc<str>)> {
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
            match self.narrow(ScopeDecision::Permit { below: true }, AccessOperation::Create, &node) {
                ScopeDecision::Permit { .. } => None,
                ScopeDecision::Deny { reason } => Some((node, reason)),
            }
        })
    }

    /// Returns whether the description permits the module to write a node.
    pub fn declares_writing(&self, node: &Pattern) -> bool {
        self.reading.writes.covers(node)
    }

    /// Returns how many of the first steps to a node lead to where the module may write everything; none if they do not, or if
    /// rules narrow the scope.
    pub(crate) fn writable_from(&self, node: &Pattern) -> Option<usize> {
        if self.has_rules() { None } else { self.declared_from(node) }
    }

    /// As [`writable_from`](Self::writable_from), whatever the rules are.
    pub(crate) fn declared_from(&self, node: &Pattern) -> Option<usize> {
        if !is_device_configuration(node) {
            return None;
        }
        self.reading.writes.covered_from(node).map(|depth| depth.max(LEAST_WRITABLE))
    }

    /// Returns whether the module may write a node or something below it, as far as its description goes.
    pub(crate) fn writes_at_or_below(&self, node: &Pattern) -> bool {
        let writes = &self.reading.writes;
        let front = node.steps.iter().fold(CoverageFront::top(), |front, step| writes.step(&front, step));
        writes.leads_on(&front)
    }

    fn decide_write(&self, node: &Pattern) -> ScopeDecision {
        if !is_device_configuration(node) {
            return ScopeDecision::Deny {
                reason: "a module writes below `/devices/device/config` only".into(),
            };
        }
        if self.reading.writes.covers(node) {
            return ScopeDecision::Permit { below: true };
        }
        ScopeDecision::Deny { reason: self.undeclared.clone() }
    }
}

impl From<ReadDecision> for ScopeDecision {
    fn from(decision: ReadDecision) -> Self {
        match decision {
            ReadDecision::Permit { below } => Self::Permit { below },
            ReadDecision::Deny(reason) => Self::Deny { reason: reason.into() },
        }
    }
}

/// Returns whether a node is below `/devices/device/config`, the only part that modules write.
pub(crate) fn is_device_configuration(node: &Pattern) -> bool {
    matches!(&node.steps[..], [devices, device, config, _, ..]
        if devices.name() == DEVICES && device.name() == DEVICE && config.name() == CONFIG)
}

/// Returns why what is not declared may not be written.
fn undeclared(writes: &[impl fmt::Display]) -> Arc<str> {
    match writes {
        [] => "what the module's description declares that it writes is in no model here".into(),
        writes => format!(
            "the module's description declares that it writes {}; add it to `writes` there",
            listed(writes)
        )
        .into(),
    }
}

/// Returns what of a declared pattern is below or at the configuration of devices.
fn writable_part(declared: &Pattern) -> Option<Pattern> {
    let mut part = declared.clone();
    for (index, name) in [DEVICES, DEVICE, CONFIG].into_iter().enumerate() {
        match part.steps.get(index) {
            Some(step) if step.name() == name => {}
            Some(_) => return None,
            None => part.steps.push(PatternStep::new(name)),
        }
    }
    Some(part)
}

/// Returns the first few paths as a message shows them.
fn listed(paths: &[impl fmt::Display]) -> String {
    const SHOWN: usize = 3;
    let mut text: Vec<String> = paths.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
    if paths.len() > SHOWN {
        text.push(format!("{} more", paths.len() - SHOWN));
    }
    text.join(", ")
}
