//! What a module may read.
//!
//! It is decided by the module's description and the path alone, so a refusal tells nothing of the data. Without a
//! declaration, a module reads
//!
//! - the instance that it runs for, and `/services/properties`;
//! - what its description declares that it writes: all device configuration if it declares nothing;
//! - of the list entries above something that it may read, the keys.
//!
//! What a path compares with a value is read too. Whether a leaf is a key is taken from the models and from the
//! module's own description, and never from what paths name.

use std::sync::Arc;

use confine_tree::{CONTROLLER, Coverage, CoverageFront, Pattern, PatternStep, QName};

pub(crate) const DEVICES: QName<'_> = QName::new(CONTROLLER, "devices");
pub(crate) const SERVICES: QName<'_> = QName::new(CONTROLLER, "services");
const PROPERTIES: QName<'_> = QName::new(CONTROLLER, "properties");

/// What happens to a read that the description of a module does not declare.
#[derive(Clone, Default)]
pub enum UndeclaredReads {
    /// It is refused.
    #[default]
    Refuse,
    /// It is permitted, as if it were declared, and reported.
    Report(Arc<dyn UndeclaredReadReporter>),
}

/// Learns of the undeclared reads of modules that may make some.
pub trait UndeclaredReadReporter: Send + Sync {
    /// Reports a read of `module`, with the path that would declare it. The same path may be reported often.
    fn undeclared(&self, module: &str, path: &str);
}

/// What a module may read.
#[derive(Clone)]
pub(crate) struct ReadScope {
    /// The lists that the module serves.
    pub(crate) services: Vec<PatternStep>,
    /// What the description declares as read, and the keys that any declared path names.
    pub(crate) reads: Coverage,
    /// What the module may write.
    pub(crate) writes: Coverage,
    pub(crate) undeclared_reads: UndeclaredReads,
}

/// Whether a module may read a node.
pub(crate) enum ReadDecision {
    /// It may; and everything below it too, if `below`.
    Permit { below: bool },
    /// It may not, for this reason.
    Deny(&'static str),
}

impl ReadScope {
    /// Returns why nothing that a pattern matches is for modules to read, if that is so, or if some of it is not.
    pub(crate) fn unreadable(&self, pattern: &Pattern) -> Option<&'static str> {
        match &pattern.steps[..] {
            [top, list, child, ..]
                if top.name() == SERVICES && self.serves(list) && &*child.local == "created" =>
            {
                Some("only Confine reads what an instance has created")
            }
            [top, ..] if top.name() == DEVICES => None,
            [top, child, ..] if top.name() == SERVICES && (is_properties(child) || self.serves(child)) => {
                None
            }
            [..] => Some(
                "a module reads only `/devices`, `/services/properties` and instances of its own services",
            ),
        }
    }

    /// Returns whether the description declares that the module reads, or writes, all that a pattern matches, on devices.
    pub(crate) fn declares(&self, pattern: &Pattern) -> bool {
        pattern.steps.first().is_some_and(|top| top.name() == DEVICES)
            && (self.reads.covers(pattern) || self.writes.covers(pattern))
    }

    /// Returns where a path starts.
    pub(crate) fn front(&self) -> ReadFront<'_> {
        let (reads, writes) = (CoverageFront::top(), CoverageFront::top());
        ReadFront { scope: self, reads, writes, place: ReadPlace::Top }
    }

    /// Decides about the node that `node` names with all its keys.
    pub(crate) fn decide(&self, node: &Pattern) -> ReadDecision {
        if let Some(reason) = self.unreadable(node) {
            return ReadDecision::Deny(reason);
        }
        let mut front = self.front();
        let mut is_key = false;
        let mut above: Option<&PatternStep> = None;
        for step in &node.steps {
            is_key = front.leads_on() && above.is_some_and(|entry| is_key_of(step, entry));
            front = front.step(step);
            above = Some(step);
        }
        match (front.is_whole() || is_key, front.leads_on()) {
            (true, _) => self.decide_admitted(node),
            (false, true) => ReadDecision::Permit { below: false },
            (false, false) => ReadDecision::Deny("the module's description does not declare it"),
        }
    }

    /// As [`decide`](Self::decide), of a node that the description permits to read.
    pub(crate) fn decide_admitted(&self, node: &Pattern) -> ReadDecision {
        match &node.steps[..] {
            // Above instances, which have a list `created`.
            [top] | [top, _] if top.name() == SERVICES => ReadDecision::Permit { below: false },
            [..] => match self.unreadable(node) {
                Some(reason) => ReadDecision::Deny(reason),
                None => ReadDecision::Permit { below: true },
            },
        }
    }

    /// Returns whether a step leads to a list that the module serves.
    pub(crate) fn is_own_list(&self, above: &Pattern, step: &PatternStep) -> bool {
        matches!(&above.steps[..], [top] if top.name() == SERVICES) && self.serves(step)
    }

    fn serves(&self, list: &PatternStep) -> bool {
        self.services.iter().any(|service| service.name() == list.name())
    }
}

/// Where a path has come to among what a module may read, going down step by step.
pub(crate) struct ReadFront<'s> {
    scope: &'s ReadScope,
    reads: CoverageFront,
    writes: CoverageFront,
    place: ReadPlace,
}

/// Where a path is, as far as that matters for `/services/properties`, which every module reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadPlace {
    Top,
    Services,
    Properties,
    Elsewhere,
}

impl ReadFront<'_> {
    /// Goes one step down.
    pub(crate) fn step(&self, step: &PatternStep) -> Self {
        let ReadScope { reads, writes, .. } = self.scope;
        let place = match self.place {
            ReadPlace::Top if step.name() == SERVICES => ReadPlace::Services,
            ReadPlace::Services if is_properties(step) => ReadPlace::Properties,
            ReadPlace::Properties => ReadPlace::Properties,
            _ => ReadPlace::Elsewhere,
        };
        Self {
            scope: self.scope,
            reads: reads.step(&self.reads, step),
            writes: writes.step(&self.writes, step),
            place,
        }
    }

    /// Returns whether the module may read everything here.
    pub(crate) fn is_whole(&self) -> bool {
        let ReadScope { reads, writes, .. } = self.scope;
        self.place == ReadPlace::Properties || reads.is_whole(&self.reads) || writes.is_whole(&self.writes)
    }

    /// Returns whether the module may read something here.
    pub(crate) fn leads_on(&self) -> bool {
        let ReadScope { reads, writes, .. } = self.scope;
        matches!(self.place, ReadPlace::Services | ReadPlace::Properties)
            || reads.leads_on(&self.reads)
            || writes.leads_on(&self.writes)
    }

    /// Returns how many ways to go on were looked at on the way here.
    pub(crate) fn visited(&self) -> usize {
        self.reads.visited() + self.writes.visited()
    }
}

/// Returns whether a step names a key that the step of the list entry above it has.
fn is_key_of(step: &PatternStep, entry: &PatternStep) -> bool {
    entry.namespace == step.namespace && entry.keys.iter().any(|(key, _)| **key == *step.local)
}

/// Returns whether a child of `/services` is the container that all services share.
fn is_properties(child: &PatternStep) -> bool {
    child.name() == PROPERTIES
}

/// Adds the keys that a declared pattern names. Who reads below an entry reads its keys.
pub(crate) fn insert_named_keys(coverage: &mut Coverage, pattern: &Pattern) {
    for (index, step) in pattern.steps.iter().enumerate() {
        for (key, _) in &step.keys {
            let leaf = PatternStep::new(QName::new(&step.namespace, key));
            let steps = pattern.steps.iter().take(index + 1).cloned().chain([leaf]).collect();
            coverage.insert(&Pattern { steps });
        }
    }
}
