//! What a module does.

use confine_tree::{BoundValue, Form, Pattern, xml};

use super::{Edit, View, denied};
use crate::{Access, Error, Refusal, Tag, Verdict, refusal::refused};

impl View {
    /// Sets a leaf; creates what is missing above it.
    pub async fn set(&mut self, path: &str, value: &str) -> Result<(), Error> {
        let result = self.try_set(path, value).await;
        result.map_err(|error| located(error, path))
    }

    /// Makes a presence container, an empty leaf, or a list entry with its keys.
    pub async fn create(&mut self, path: &str) -> Result<(), Error> {
        let result = self.try_create(path).await;
        result.map_err(|error| located(error, path))
    }

    /// Takes away every node that matches, with all below it.
    pub async fn remove(&mut self, path: &str) -> Result<(), Error> {
        let result = self.try_remove(path).await;
        result.map_err(|error| located(error, path))
    }

    /// Many edits: all of them or, after an error, none. The error's path is that of the edit.
    pub async fn edit(&mut self, edits: &[Edit]) -> Result<(), Error> {
        let mark = self.draft.overlay.mark();
        for edit in edits {
            let result = match (&*edit.operation, &edit.value) {
                ("set", Some(value)) => self.set(&edit.path, value).await,
                ("set", None) => Err(Refusal::new(Tag::InvalidValue, "`set` needs a value").into()),
                ("create", None) => self.create(&edit.path).await,
                ("remove", None) => self.remove(&edit.path).await,
                ("create" | "remove", Some(_)) => {
                    let message = format!("`{}` takes no value", edit.operation);
                    Err(Refusal::new(Tag::InvalidValue, message).into())
                }
                (other, _) => {
                    let message = format!(
                        "the operation `{}` is not known: `set`, `create` and `remove` are",
                        other.escape_debug()
                    );
                    Err(Refusal::new(Tag::OperationNotSupported, message).into())
                }
            };
            if let Err(error) = result {
                self.draft.overlay.rollback(mark);
                return Err(located(error, &edit.path));
            }
        }
        self.draft.overlay.keep(mark);
        Ok(())
    }

    async fn try_set(&mut self, path: &str, value: &str) -> Result<(), Error> {
        self.writable()?;
        let pattern = self.resolve(path).await?;
        self.meter.charge_bytes(value.len()).await?;
        let spot = self.draft.overlay.locate(&pattern);
        let bound = self.draft.overlay.bind(spot, value, &self.prefixes, &pattern.to_string());
        self.set_bound(&pattern, bound.map_err(refused)?).await
    }

    /// Sets a leaf to a value whose prefixes are bound.
    pub(super) async fn set_bound(&mut self, pattern: &Pattern, value: BoundValue) -> Result<(), Error> {
        self.check_exact(pattern)?;
        if let Some(character) = xml::unrepresentable(&value.value) {
            let message = format!(
                "`{pattern}`: XML cannot carry the character `{}`: take it out of the value",
                character.escape_unicode()
            );
            return Err(Refusal::new(Tag::InvalidValue, message).into());
        }
        let overlay = &self.draft.overlay;
        let refuse = |message| Error::from(Refusal::new(Tag::InvalidValue, message));
        match overlay.knowledge().form(overlay.locate(pattern)) {
            Form::Container | Form::PresenceContainer | Form::List { .. } => {
                return Err(refuse(format!(
                    "`{pattern}` has no value but children: name a leaf, or use `create`"
                )));
            }
            _ => {}
        }
        if let Some(Some(Some(entry))) = pattern.steps.last().map(|step| &step.entry)
            && *entry != value.value
        {
            return Err(refuse(format!(
                "`{pattern}` is the entry `{entry}` and cannot be set to `{}`: remove it and set another",
                value.value
            )));
        }
        if let Some(key) = self.key_value(pattern)
            && key != value.value
        {
            return Err(refuse(format!(
                "`{pattern}` is a key and `{key}` in the path: it cannot be set to `{}`; make another entry",
                value.value
            )));
        }
        self.permit_write(pattern).await?;
        self.meter.edit(cost(pattern) + value.value.len())?;
        let bindings: Vec<(&str, &str)> = value.bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
        self.draft.overlay.set(pattern, &value.value, &bindings).map_err(refused)?;
        Ok(())
    }

    async fn try_create(&mut self, path: &str) -> Result<(), Error> {
        self.writable()?;
        let pattern = self.resolve(path).await?;
        self.create_resolved(&pattern).await
    }

    pub(super) async fn create_resolved(&mut self, pattern: &Pattern) -> Result<(), Error> {
        self.check_exact(pattern)?;
        let overlay = &self.draft.overlay;
        let spot = overlay.locate(pattern);
        let problem = match overlay.knowledge().form(spot) {
            Form::Leaf => Some("is a leaf: use `set` with a value"),
            Form::Container if overlay.knowledge().is_certain(spot) => {
                Some("is a container that is there whenever something is in it: set what belongs there")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Refusal::new(Tag::InvalidValue, format!("`{pattern}` {problem}")).into());
        }
        self.permit_write(pattern).await?;
        self.meter.edit(cost(pattern))?;
        self.draft.overlay.create(pattern).map_err(refused)?;
        Ok(())
    }

    async fn try_remove(&mut self, path: &str) -> Result<(), Error> {
        self.writable()?;
        let pattern = self.resolve(path).await?;
        self.remove_resolved(&pattern).await
    }

    pub(super) async fn remove_resolved(&mut self, pattern: &Pattern) -> Result<(), Error> {
        if self.key_value(pattern).is_some() {
            let message = format!("`{pattern}` is a key: remove the whole entry");
            return Err(Refusal::new(Tag::InvalidValue, message).into());
        }
        if let Some(reason) = self.forbidden(Access::Delete, pattern) {
            return Err(denied(pattern, Access::Delete, &reason).into());
        }
        self.meter.edit(cost(pattern))?;
        if self.names_one(pattern) && !self.scope.has_rules() {
            // No need to know whether it is there.
            self.draft.overlay.remove(pattern).map_err(refused)?;
            return Ok(());
        }
        let wanted = vec![pattern.clone()];
        let wanted = if self.scope.has_rules() { wanted } else { self.keys_only(pattern, wanted) };
        self.draft.need(&wanted, &mut self.meter).await?;
        let found = self.draft.search(pattern.clone(), &mut self.meter).await?;
        self.need_keys(pattern, &found)?;
        let mut nodes = Vec::with_capacity(found.len());
        for live in found {
            let node = self.draft.overlay.pattern(live.node());
            self.permit_delete(live, &node).await?;
            nodes.push(node);
        }
        for node in nodes {
            self.meter.edit(cost(&node))?;
            self.draft.overlay.remove(&node).map_err(refused)?;
        }
        Ok(())
    }

    pub(super) fn writable(&self) -> Result<(), Refusal> {
        if self.read_only {
            return Err(Refusal::new(Tag::AccessDenied, "access denied: this view is for reading only"));
        }
        Ok(())
    }

    fn check_exact(&self, pattern: &Pattern) -> Result<(), Refusal> {
        if pattern.steps.is_empty() {
            return Err(Refusal::new(Tag::InvalidValue, "the root cannot be edited: name a node"));
        }
        self.draft.overlay.check_exact(pattern).map_err(refused)
    }

    /// Whether a pattern is known to name one node.
    fn names_one(&self, pattern: &Pattern) -> bool {
        let overlay = &self.draft.overlay;
        let known = |at: usize| {
            let above = Pattern { steps: pattern.steps.iter().take(at + 1).cloned().collect() };
            let said =
                pattern.steps.get(at).is_some_and(|step| !step.keys.is_empty() || step.entry.is_some());
            said || !matches!(overlay.knowledge().form(overlay.locate(&above)), Form::Unknown { .. })
        };
        overlay.check_exact(pattern).is_ok() && (0..pattern.steps.len()).all(known)
    }

    /// The value of the key that a pattern names, where its last step is a key of the step before.
    fn key_value<'p>(&self, pattern: &'p Pattern) -> Option<&'p str> {
        let [.., entry, leaf] = &pattern.steps[..] else { return None };
        if entry.namespace != leaf.namespace {
            return None;
        }
        entry.key(&leaf.local)
    }

    /// Refuses to write a node outside of the scope. Where rules ask whether it was there, that is read.
    async fn permit_write(&mut self, pattern: &Pattern) -> Result<(), Error> {
        let mut access = Access::Create;
        if self.scope.has_rules() {
            self.draft.need(std::slice::from_ref(pattern), &mut self.meter).await?;
            let found = self.draft.search(pattern.clone(), &mut self.meter).await?;
            access = if found.is_empty() { Access::Create } else { Access::Update };
        }
        match self.forbidden(access, pattern) {
            Some(reason) => Err(denied(pattern, access, &reason).into()),
            None => Ok(()),
        }
    }

    /// Refuses to take away a node in which there is one that may not be (RFC 8341, section 3.2.2).
    async fn permit_delete(&mut self, live: confine_tree::Live, node: &Pattern) -> Result<(), Error> {
        let mut walk = vec![(live, node.clone())];
        while let Some((live, node)) = walk.pop() {
            self.meter.charge(node.steps.len() as u64).await?;
            match self.scope.decide(Access::Delete, &node) {
                Verdict::Permit { below: true } => {}
                Verdict::Permit { below: false } => {
                    let children: Vec<_> = self.draft.overlay.children(live).collect();
                    for child in children {
                        let step = self.draft.overlay.step(child.node());
                        walk.push((child, super::child(&node, step)));
                    }
                }
                Verdict::Deny { reason } => return Err(denied(&node, Access::Delete, &reason).into()),
            }
        }
        Ok(())
    }
}

/// The bytes that an edit keeps, about.
fn cost(pattern: &Pattern) -> usize {
    let values = |value: &Option<String>| value.as_ref().map_or(0, String::len);
    let step = |step: &confine_tree::PatternStep| {
        let keys: usize = step.keys.iter().map(|(key, value)| key.len() + values(value)).sum();
        step.local.len() + keys + step.entry.as_ref().map_or(0, values)
    };
    pattern.steps.iter().map(step).sum()
}

/// The error with the path as the module wrote it, where it has none yet.
pub(super) fn located(error: Error, path: &str) -> Error {
    match error {
        Error::Refused(refusal) if refusal.path.is_none() => refusal.at(path).into(),
        error => error,
    }
}
