//! The calls that edit.

use confine_nacm::AccessOperation;
use confine_tree::{BoundValue, LiveNode, LocatedPath, NodeKind, Pattern, PatternStep, SchemaLocation, xml};

use super::{View, ViewEdit, admission::ReadExtent, denied};
use crate::{
    CallRefusal, CommitDraft, Error, ErrorTag, ScopeDecision, crypt,
    patterns::{child, names_of, size},
    refusal::refused,
    scope::is_device_configuration,
};

/// How many times the path of an edited node is followed, and decided about, when the commit is finished. A test compares
/// what is charged with the steps that are taken.
const FINISHING_ROUNDS: u64 = 6;

impl View {
    /// Sets a leaf, and creates missing nodes above it.
    pub async fn set(&mut self, path: &str, value: &str) -> Result<(), Error> {
        // What asks no rules never waits.
        let result = match self.scope.has_rules() {
            false => self.set_without_rules(path, value),
            true => Box::pin(self.set_by_rules(path, value)).await,
        };
        self.meter.pause().await;
        result.map_err(|error| error.at(path))
    }

    /// Creates a presence container, an empty leaf, or a list entry with its keys.
    pub async fn create(&mut self, path: &str) -> Result<(), Error> {
        let result = self.try_create(path).await;
        result.map_err(|error| error.at(path))
    }

    /// Removes every node that matches, with its subtree.
    pub async fn remove(&mut self, path: &str) -> Result<(), Error> {
        let result = self.try_remove(path).await;
        result.map_err(|error| error.at(path))
    }

    /// Applies all edits, or none after an error. The error has the path of the edit that failed.
    pub async fn edit(&mut self, edits: &[ViewEdit]) -> Result<(), Error> {
        let mark = self.draft.mark();
        for edit in edits {
            let result = match (&*edit.operation, &edit.value) {
                ("set", Some(value)) => self.set(&edit.path, value).await,
                ("set", None) => Err(CallRefusal::new(ErrorTag::InvalidValue, "`set` needs a value").into()),
                ("create", None) => self.create(&edit.path).await,
                ("remove", None) => self.remove(&edit.path).await,
                ("create" | "remove", Some(_)) => {
                    let message = format!("`{}` takes no value", edit.operation);
                    Err(CallRefusal::new(ErrorTag::InvalidValue, message).into())
                }
                (other, _) => {
                    let message = format!(
                        "the operation `{}` is not known: `set`, `create` and `remove` are",
                        other.escape_debug()
                    );
                    Err(CallRefusal::new(ErrorTag::OperationNotSupported, message).into())
                }
            };
            if let Err(error) = result {
                self.draft.rollback(mark);
                return Err(error.at(&edit.path));
            }
        }
        self.draft.keep(mark);
        Ok(())
    }

    /// Resolves the path of an edit, and refuses what the module may not write.
    fn resolve_to_write(&mut self, path: &str, access: AccessOperation) -> Result<LocatedPath, Error> {
        let mut located = self.resolve(path)?;
        self.permit_scope(located.pattern(), access)?;
        self.learn(&mut located, path.len())?;
        Ok(located)
    }

    fn set_without_rules(&mut self, path: &str, value: &str) -> Result<(), Error> {
        let (located, value) = self.resolve_set(path, value)?;
        self.check_settable(&located, &value)?;
        self.set_permitted(&located, &value)
    }

    async fn set_by_rules(&mut self, path: &str, value: &str) -> Result<(), Error> {
        let (located, value) = self.resolve_set(path, value)?;
        self.set_bound(&located, value).await
    }

    /// Returns the node that a call sets, and the value with bound prefixes.
    fn resolve_set(&mut self, path: &str, value: &str) -> Result<(LocatedPath, BoundValue), Error> {
        self.writable()?;
        let located = self.resolve_to_write(path, AccessOperation::Create)?;
        self.meter.charge_bytes_sync(value.len())?;
        let overlay = &self.draft.overlay;
        let bound = overlay.bind(overlay.spot(&located), value, &self.prefixes, located.pattern());
        Ok((located, bound.map_err(refused)?))
    }

    /// Sets a leaf to a value with bound prefixes.
    pub(super) async fn set_bound(&mut self, located: &LocatedPath, value: BoundValue) -> Result<(), Error> {
        self.meter.pause().await;
        self.check_settable(located, &value)?;
        self.permit_scope(located.pattern(), AccessOperation::Create)?;
        self.permit_by_rules(located, Some(&value)).await?;
        self.set_permitted(located, &value)?;
        self.meter.pause().await;
        Ok(())
    }

    /// Refuses a value that the node cannot have.
    fn check_settable(&self, located: &LocatedPath, value: &BoundValue) -> Result<(), CallRefusal> {
        self.check_exact(located)?;
        let pattern = located.pattern();
        if let Some(character) = xml::unrepresentable(&value.value) {
            let message = format!(
                "`{pattern}`: XML cannot carry the character `{}`: take it out of the value",
                character.escape_unicode()
            );
            return Err(CallRefusal::new(ErrorTag::InvalidValue, message));
        }
        let overlay = &self.draft.overlay;
        overlay.check_value(pattern, overlay.spot(located), &value.value).map_err(refused)
    }

    fn set_permitted(&mut self, located: &LocatedPath, value: &BoundValue) -> Result<(), Error> {
        let pattern = located.pattern();
        let bindings: Vec<(&str, &str)> = value.bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
        let bound: usize = bindings.iter().map(|(prefix, namespace)| prefix.len() + namespace.len()).sum();
        self.charge_edit(pattern, value.value.len() + bound)?;
        if crypt::is_cleartext(&value.value) {
            // It may be compared with the hash that the device has of it.
            self.meter.charge_sync(crypt::COST)?;
        }
        let before = self.draft.overlay.size();
        self.draft.overlay.set(pattern, &value.value, &bindings).map_err(refused)?;
        Ok(self.draft.charge_growth(before, &mut self.meter)?)
    }

    async fn try_create(&mut self, path: &str) -> Result<(), Error> {
        self.writable()?;
        let located = self.resolve_to_write(path, AccessOperation::Create)?;
        self.create_resolved(&located).await
    }

    pub(super) async fn create_resolved(&mut self, located: &LocatedPath) -> Result<(), Error> {
        self.check_exact(located)?;
        let pattern = located.pattern();
        let overlay = &self.draft.overlay;
        overlay.check_without_value(pattern, overlay.spot(located)).map_err(refused)?;
        self.permit_scope(pattern, AccessOperation::Create)?;
        self.permit_by_rules(located, None).await?;
        self.charge_edit(pattern, 0)?;
        self.meter.pause().await;
        let before = self.draft.overlay.size();
        self.draft.overlay.create(pattern).map_err(refused)?;
        Ok(self.draft.charge_growth(before, &mut self.meter)?)
    }

    async fn try_remove(&mut self, path: &str) -> Result<(), Error> {
        self.writable()?;
        let located = self.resolve_to_write(path, AccessOperation::Delete)?;
        self.remove_resolved(located.pattern()).await
    }

    pub(super) async fn remove_resolved(&mut self, pattern: &Pattern) -> Result<(), Error> {
        if pattern.key_value().is_some() {
            let message = format!("`{pattern}` is a key: remove the whole entry");
            return Err(CallRefusal::new(ErrorTag::InvalidValue, message).into());
        }
        self.permit_scope(pattern, AccessOperation::Delete)?;
        self.admit(pattern, ReadExtent::Selection)?;
        self.charge_edit(pattern, 0)?;
        self.charge_decision(pattern)?;
        self.meter.pause().await;
        let permitted =
            self.scope.decide(AccessOperation::Delete, pattern) == ScopeDecision::Permit { below: true };
        if self.draft.originals.are_kept {
            // What stood there is kept, and comes back with the last instance that removes it.
            let neighbours = self.draft.neighbours_to_read(pattern);
            let wanted: Vec<Pattern> = std::iter::once(pattern.clone()).chain(neighbours).collect();
            self.draft.ensure_read(&wanted, &mut self.meter).await?;
        }
        if permitted && self.names_one(pattern) {
            // It need not be known whether the node exists.
            let before = self.draft.overlay.size();
            self.draft.overlay.remove(pattern).map_err(refused)?;
            return Ok(self.draft.charge_growth(before, &mut self.meter)?);
        }
        let wanted = vec![pattern.clone()];
        let wanted = if permitted { self.keys_only(pattern, wanted) } else { wanted };
        self.draft.note(&wanted, &mut self.meter)?;
        self.draft.ensure_read(&wanted, &mut self.meter).await?;
        let mut found = self.draft.search(pattern, &mut self.meter).await?;
        if !permitted {
            (found, _) = self.filter_visible(found).await?;
        }
        self.require_keys(pattern, &found).await?;
        if !permitted {
            for &live in &found {
                let node = self.draft.overlay.pattern(live.node());
                self.permit_delete(live, &node).await?;
            }
        }
        // The paths of all nodes together may be more than the commit may keep.
        for live in found {
            let node = self.draft.overlay.pattern(live.node());
            self.charge_edit(&node, 0)?;
            self.meter.pause().await;
            let before = self.draft.overlay.size();
            self.draft.overlay.remove(&node).map_err(refused)?;
            self.draft.charge_growth(before, &mut self.meter)?;
        }
        Ok(())
    }

    /// Charges one edit of a node, of which the host keeps the path and `bytes` bytes, and what it will cost to finish the commit
    /// with it: to find conflicts and owners, to decide about it twice more, and to write it.
    fn charge_edit(&mut self, node: &Pattern, bytes: usize) -> Result<(), Error> {
        let size = size(node);
        self.meter.charge_edit(size + bytes)?;
        let steps = self.scope.steps(node) as u64;
        self.meter.charge_sync(FINISHING_ROUNDS.saturating_mul(steps))?;
        Ok(self.meter.charge_bytes_sync(size.saturating_mul(FINISHING_ROUNDS as usize))?)
    }

    pub(super) fn writable(&self) -> Result<(), CallRefusal> {
        if self.read_only {
            return Err(CallRefusal::new(ErrorTag::AccessDenied, "access denied: this view is read-only"));
        }
        Ok(())
    }

    /// Refuses an edit that the module's description or Confine's own rules do not permit.
    pub(super) fn permit_scope(
        &mut self,
        pattern: &Pattern,
        access: AccessOperation,
    ) -> Result<(), CallRefusal> {
        if !self.writable.steps.is_empty() && self.writable.covers(pattern) {
            return Ok(());
        }
        if let Some(depth) = self.scope.declared_from(pattern) {
            let names = names_of(pattern);
            let any_entry = self.scope.declared_from(&names) == Some(depth);
            self.writable = if any_entry { names } else { pattern.clone() };
            self.writable.steps.truncate(depth);
            return Ok(());
        }
        match self.scope.decide_without_rules(access, pattern) {
            ScopeDecision::Permit { .. } => Ok(()),
            ScopeDecision::Deny { reason } => Err(denied(&self.draft, pattern, access, &reason)),
        }
    }

    fn check_exact(&self, located: &LocatedPath) -> Result<(), CallRefusal> {
        if located.pattern().steps.is_empty() {
            return Err(CallRefusal::new(ErrorTag::InvalidValue, "the root cannot be edited: name a node"));
        }
        self.draft.overlay.check_exact_located(located).map_err(refused)
    }

    /// Returns whether a pattern certainly names one node.
    fn names_one(&self, pattern: &Pattern) -> bool {
        let overlay = &self.draft.overlay;
        let known = |(step, spot): (&PatternStep, SchemaLocation)| {
            let said = !step.keys.is_empty() || step.entry.is_some();
            said || !matches!(overlay.schema_view().kind(spot), NodeKind::Unknown { .. })
        };
        overlay.check_exact(pattern).is_ok() && pattern.steps.iter().zip(overlay.spots(pattern)).all(known)
    }

    /// Refuses to set or create a node that rules deny. Missing list entries and presence containers above it are created
    /// too.
    async fn permit_by_rules(
        &mut self,
        located: &LocatedPath,
        value: Option<&BoundValue>,
    ) -> Result<(), Error> {
        let pattern = located.pattern();
        if !self.scope.has_rules() {
            return Ok(());
        }
        let overlay = &self.draft.overlay;
        let is_presence = |&spot| overlay.schema_view().kind(spot) == NodeKind::PresenceContainer;
        let presence: Vec<bool> = located.spots().iter().map(is_presence).collect();
        let mut above = Pattern::default();
        for (step, presence) in pattern.steps.iter().zip(presence).take(pattern.steps.len().saturating_sub(1))
        {
            above.steps.push(step.clone());
            if (presence || !step.keys.is_empty()) && is_device_configuration(&above) {
                self.permit_one(&above, None).await?;
            }
        }
        self.permit_one(pattern, value).await
    }

    /// Refuses to create or set the one node that a pattern names, if rules deny it.
    ///
    /// Whether the node exists is read only if it matters. It must not matter if the module does not see the node,
    /// because the refusal would reveal whether it exists. There the module needs both rights.
    async fn permit_one(&mut self, node: &Pattern, value: Option<&BoundValue>) -> Result<(), Error> {
        self.charge_decision(node)?;
        self.meter.pause().await;
        let create = self.scope.forbidden_creation(node);
        let update = value.and_then(|_| match self.scope.decide(AccessOperation::Update, node) {
            ScopeDecision::Permit { .. } => None,
            ScopeDecision::Deny { reason } => Some(reason),
        });
        if create.is_none() && update.is_none() {
            return Ok(());
        }
        let refuse_create = |draft: &CommitDraft| {
            create.map(|(node, reason)| denied(draft, &node, AccessOperation::Create, &reason))
        };
        let refuse_update =
            |draft: &CommitDraft| update.map(|reason| denied(draft, node, AccessOperation::Update, &reason));
        if self.forbidden(AccessOperation::Read, node).is_some() {
            let refusal = refuse_create(&self.draft).or_else(|| refuse_update(&self.draft));
            return refusal.map_or(Ok(()), |refusal| Err(refusal.into()));
        }
        let wanted = self.keys_only(node, vec![node.clone()]);
        self.draft.note(&wanted, &mut self.meter)?;
        self.draft.ensure_read(&wanted, &mut self.meter).await?;
        let found = self.draft.search(node, &mut self.meter).await?;
        let refusal = match (found.first(), value) {
            (None, _) => refuse_create(&self.draft),
            // Creating or setting what exists already is no edit.
            (Some(_), None) => None,
            (Some(&live), Some(value)) if self.has_value(live, value) => None,
            (Some(_), Some(_)) => refuse_update(&self.draft),
        };
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    fn has_value(&mut self, live: LiveNode, value: &BoundValue) -> bool {
        self.draft.overlay.normal_value(live.node()) == *value
    }

    /// Refuses to remove a node that has a descendant which must not be removed (RFC 8341, section 3.2.2). If the
    /// module does not see that descendant, the refusal comes at the end of the commit.
    async fn permit_delete(&mut self, live: LiveNode, node: &Pattern) -> Result<(), Error> {
        let mut walk = vec![(live, node.clone(), false)];
        while let Some((live, node, mut unseen)) = walk.pop() {
            self.charge_decision(&node)?;
            self.meter.pause().await;
            unseen = unseen
                || matches!(self.scope.decide(AccessOperation::Read, &node), ScopeDecision::Deny { .. });
            match self.scope.decide(AccessOperation::Delete, &node) {
                ScopeDecision::Permit { below: true } => {}
                ScopeDecision::Permit { below: false } => {
                    for below in self.draft.children(live, &mut self.meter).await? {
                        let step = self.draft.overlay.step(below.node());
                        walk.push((below, child(&node, step), unseen));
                    }
                }
                ScopeDecision::Deny { reason } => {
                    let refusal = denied(&self.draft, &node, AccessOperation::Delete, &reason);
                    if !unseen {
                        return Err(refusal.into());
                    }
                    self.draft.refuse_at_end(refusal);
                }
            }
        }
        Ok(())
    }
}
