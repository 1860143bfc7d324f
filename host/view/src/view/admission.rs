//! Which reads are admitted: decided before anything is read, by the path and the module's description.

use confine_tree::{LocatedPath, ModelFront, NodeKind, Pattern, PatternStep, QName, SchemaLocation};

use super::View;
use crate::{
    CallRefusal, Error, ErrorTag, UndeclaredReads,
    patterns::{child, size},
    read_scope::ReadFront,
};

/// What a call reads of the nodes that its path matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadExtent {
    /// Nothing besides what the path compares with values.
    Selection,
    /// Whether there is one.
    Existence,
    /// Their paths, with the keys of all list entries on them.
    Paths,
    /// All of them.
    Content,
}

/// A read that a description does not declare.
struct UndeclaredRead {
    /// What was read, in words.
    what: String,
    /// The path that would declare it.
    declaration: Pattern,
}

impl View {
    /// Resolves the path of a call that reads, and refuses what the module may not read.
    pub(super) fn resolve_to_read(&mut self, path: &str, extent: ReadExtent) -> Result<Pattern, Error> {
        let mut located = self.resolve(path)?;
        if self.is_declared(&located, extent) {
            self.charge_decision(located.pattern())?;
        } else {
            self.admit(located.pattern(), extent).map_err(|error| error.at(path))?;
        }
        self.learn(&mut located, path.len())?;
        Ok(located.into_pattern())
    }

    /// Returns whether the description declares all that a path leads to, and models say that it names entries by their keys only:
    /// a quick answer for most reads.
    fn is_declared(&self, located: &LocatedPath, extent: ReadExtent) -> bool {
        // A path that is found has the keys of all entries on it, whether or not they were named.
        if extent == ReadExtent::Paths && !located.is_modelled() {
            return false;
        }
        let (overlay, pattern) = (&self.draft.overlay, located.pattern());
        let names_keys = |(step, spot): (&PatternStep, &SchemaLocation)| {
            step.keys.is_empty()
                || matches!(overlay.schema_view().kind(*spot), NodeKind::List { keys }
                    if spot.schema().is_some() && step.keys.iter().all(|(key, _)| keys.contains(key)))
        };
        self.scope.reading.declares(pattern) && pattern.steps.iter().zip(located.spots()).all(names_keys)
    }

    /// Refuses a read that reaches outside of what the module may read, as a whole: what is not seen must never look
    /// absent.
    pub(super) fn admit(&mut self, pattern: &Pattern, extent: ReadExtent) -> Result<(), Error> {
        if let Some(reason) = self.scope.reading.unreadable(pattern) {
            let message = format!("access denied: read of `{}`: {reason}", self.named(pattern));
            return Err(CallRefusal::new(ErrorTag::AccessDenied, message).into());
        }
        if self.instance.path().covers(pattern) {
            return Ok(());
        }
        let (undeclared, cost) = self.undeclared(pattern, extent);
        self.meter.charge_sync(cost as u64)?;
        let Some(UndeclaredRead { what, declaration }) = undeclared else { return Ok(()) };
        self.meter.charge_bytes_sync(size(&declaration))?;
        let (module, path) = (self.scope.module().clone(), self.shown(&declaration));
        match &self.scope.reading.undeclared_reads {
            UndeclaredReads::Report(reporter) => {
                reporter.undeclared(&module, &path);
                Ok(())
            }
            UndeclaredReads::Refuse => {
                let message = format!(
                    "access denied: read of {what}: the description of module `{module}` does not declare it\n\
                     hint: add `{path}` to `reads` there"
                );
                let reason = "the module's description does not declare that it reads it";
                self.note_hidden(declaration, reason.into());
                Err(CallRefusal::new(ErrorTag::AccessDenied, message).into())
            }
        }
    }

    /// Returns what of a read the description does not declare, and what it cost to find out.
    fn undeclared(&self, pattern: &Pattern, extent: ReadExtent) -> (Option<UndeclaredRead>, usize) {
        let overlay = &self.draft.overlay;
        let mut walk =
            ReadWalk::new(self.scope.reading.front(), ModelFront::top(overlay.schema_view().schema()));
        let names_only = matches!(extent, ReadExtent::Existence | ReadExtent::Paths);
        for (index, (step, location)) in pattern.steps.iter().zip(overlay.spots(pattern)).enumerate() {
            let is_last = index + 1 == pattern.steps.len();
            let is_key = walk.enter(step, overlay.schema_view().kind(location));
            if walk.front.is_whole() || is_key && is_last {
                return (None, walk.cost());
            }
            if extent == ReadExtent::Paths {
                walk.name_keys();
            }
            if let Some(key) = walk.hidden_key() {
                let leaf = self.named(&walk.list_key(&key));
                let what = format!("`{leaf}`, by which `{}` selects", self.named(pattern));
                let below = pattern.steps.iter().skip(index + 1).cloned();
                let steps = walk.here.steps.iter().cloned().chain(below);
                let steps = steps.chain((is_last && names_only).then_some(key)).collect();
                return (Some(self.undeclared_read(what, &Pattern { steps })), walk.cost());
            }
        }
        let undeclared = match extent {
            ReadExtent::Selection => None,
            ReadExtent::Content => Some(self.undeclared_read(format!("`{}`", self.named(pattern)), pattern)),
            ReadExtent::Existence | ReadExtent::Paths => self.undeclared_entries(&mut walk, pattern),
        };
        (undeclared, walk.cost())
    }

    /// As [`undeclared`](Self::undeclared), of reading which list entries there are. They are found by their keys.
    fn undeclared_entries(&self, walk: &mut ReadWalk<'_>, pattern: &Pattern) -> Option<UndeclaredRead> {
        walk.name_keys();
        let keys: Vec<PatternStep> = walk.key_steps().collect();
        let Some(first) = keys.first() else {
            return Some(self.undeclared_read(format!("`{}`", self.named(pattern)), pattern));
        };
        if keys.iter().all(|key| walk.may_read_key(key)) {
            return None;
        }
        let key = child(&walk.here, first.clone());
        Some(self.undeclared_read(format!("the keys of `{}`", self.named(pattern)), &key))
    }

    /// Returns a path as a message shows it.
    fn named(&self, path: &Pattern) -> String {
        self.draft.overlay.schema_view().schema().shown(path)
    }

    /// Returns a read of what a pattern matches, with the path that declares it: without values, and with the names of
    /// keys only where no model has them.
    fn undeclared_read(&self, what: String, pattern: &Pattern) -> UndeclaredRead {
        let mut model = ModelFront::top(self.draft.overlay.schema_view().schema());
        let steps = pattern.steps.iter().map(|step| {
            let mut bare = PatternStep::new(step.name());
            model.enter(&bare);
            if model.keys().is_none() {
                bare.keys.extend(step.keys.iter().map(|(key, _)| (key.clone(), None)));
            }
            bare
        });
        UndeclaredRead { what, declaration: Pattern { steps: steps.collect() } }
    }
}

/// Follows a path, step by step, through the models and through what the module may read.
struct ReadWalk<'v> {
    front: ReadFront<'v>,
    model: ModelFront<'v>,
    /// The steps so far.
    here: Pattern,
    /// The keys of the list that the last step names, by the models.
    keys: Option<Vec<Box<str>>>,
    /// What else is known of the node that the last step names.
    kind: NodeKind,
    cost: usize,
}

impl<'v> ReadWalk<'v> {
    fn new(front: ReadFront<'v>, model: ModelFront<'v>) -> Self {
        Self { front, model, here: Pattern::default(), keys: None, kind: NodeKind::Container, cost: 0 }
    }

    /// Goes one step down. Returns whether the step names a key of a list entry of which the module reads something.
    fn enter(&mut self, step: &PatternStep, kind: NodeKind) -> bool {
        let is_key = self.front.leads_on()
            && self.keys.as_ref().is_some_and(|keys| keys.iter().any(|key| **key == *step.local))
            && self.here.steps.last().is_some_and(|entry| entry.namespace == step.namespace);
        self.front = self.front.step(step);
        self.model.enter(step);
        self.here.steps.push(step.clone());
        (self.keys, self.kind) = (self.model.keys(), kind);
        self.cost += 1 + self.model.width();
        is_key
    }

    /// Adds the names of the keys to the last step, if it names a list.
    fn name_keys(&mut self) {
        let known = match (&self.keys, &self.kind) {
            (Some(keys), _) => &keys[..],
            (None, NodeKind::List { keys }) => keys,
            (None, _) => &[],
        };
        let Some(step) = self.here.steps.last_mut() else { return };
        let unnamed = known.iter().filter(|key| !step.keys.iter().any(|(named, _)| named == *key));
        let unnamed: Vec<_> = unnamed.map(|key| (key.clone(), None)).collect();
        step.keys.extend(unnamed);
    }

    /// Returns the keys that the last step names, as steps below it.
    fn key_steps(&self) -> impl Iterator<Item = PatternStep> + use<> {
        let step = self.here.steps.last().cloned().unwrap_or_default();
        let keys: Vec<Box<str>> = step.keys.iter().map(|(key, _)| key.clone()).collect();
        keys.into_iter().map(move |key| PatternStep::new(QName::new(&step.namespace, &key)))
    }

    /// Returns a key that the last step names and that the module may not read although it reads something there.
    fn hidden_key(&mut self) -> Option<PatternStep> {
        if !self.front.leads_on() {
            return None;
        }
        self.key_steps().find(|key| !self.may_read_key(key))
    }

    /// Returns whether the module may read a key of the list entries that the last step names.
    fn may_read_key(&mut self, key: &PatternStep) -> bool {
        if self.front.leads_on()
            && self.keys.as_ref().is_some_and(|keys| keys.iter().any(|name| **name == *key.local))
        {
            return true;
        }
        let leaf = self.front.step(key);
        self.cost += 1 + leaf.visited() - self.front.visited();
        leaf.is_whole()
    }

    /// Returns the path of a key without the values of others.
    fn list_key(&self, key: &PatternStep) -> Pattern {
        let steps = self.here.steps.iter().chain([key]).map(|step| PatternStep::new(step.name()));
        Pattern { steps: steps.collect() }
    }

    /// Returns how many nodes and declarations were looked at.
    fn cost(&self) -> usize {
        self.cost + self.front.visited()
    }
}
