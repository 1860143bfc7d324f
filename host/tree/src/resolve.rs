//! Resolves paths as written to patterns.

mod located;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::located::PathLocator;
use crate::{
    BoundValue, CONTROLLER, LocatedPath, NodeKind, Overlay, Path, PathStep, Pattern, PatternStep, Predicate,
    PrefixMap, QName, ResolveError, SchemaLocation, resolve_error::below,
};

/// The most models in which one path is resolved.
const MOST_MODELS: usize = 256;

/// The model of the entries of a list that a path does not name.
#[derive(Clone, Copy)]
struct EntryModel {
    list: crate::SchemaNode,
    entry: crate::SchemaNode,
}

impl Overlay {
    /// Resolves a path, relative to `base` unless it is absolute.
    ///
    /// A step with a prefix is in the namespace of that prefix in `prefixes`. A step without one is in its
    /// parent's namespace if the parent has, or may have, such a child there. Otherwise it is the only child
    /// with that name in another namespace, or the only one of them that `prefixes` declares: one in the model, one that
    /// was seen in the data, or, directly below `/services` or a device's `config`, one in the only declared namespace.
    pub fn resolve(
        &self,
        path: &Path,
        base: &Pattern,
        prefixes: &PrefixMap,
    ) -> Result<Pattern, ResolveError> {
        self.resolve_seeing(path, base, prefixes, &mut |_, _| true).map(LocatedPath::into_pattern)
    }

    /// As [`resolve`](Self::resolve), with what is known of the nodes on the path, for somebody who sees only a part of the data:
    /// where no model is known, what was seen or declared below a path counts only if `sees` says so. The result, and the error,
    /// tell nothing else. `sees` is asked from the top down.
    pub fn resolve_seeing(
        &self,
        path: &Path,
        base: &Pattern,
        prefixes: &PrefixMap,
        sees: &mut dyn FnMut(&Pattern, &PatternStep) -> bool,
    ) -> Result<LocatedPath, ResolveError> {
        self.resolve_in(None, path, base, prefixes, sees)
    }

    /// Resolves one more step of a path that [is modelled](LocatedPath::is_modelled). None unless models explain it.
    pub fn resolve_below(
        &self,
        mut above: LocatedPath,
        step: &PathStep,
        prefixes: &PrefixMap,
    ) -> Option<LocatedPath> {
        let inside = self.inside(&above);
        let resolved = self.resolve_step(inside, step, &above.pattern, prefixes, &mut |_, _| false);
        let (step, spot) = resolved.ok().filter(|(_, spot)| spot.schema.is_some())?;
        above.push(step, spot);
        Some(above)
    }

    /// As [`resolve`](Self::resolve), once for each model that the path may be about: the entries of a list that it does not
    /// name may have models of their own, as devices do. Empty if there is one meaning at most, whatever the models.
    pub fn resolve_in_models(
        &self,
        path: &Path,
        base: &Pattern,
        prefixes: &PrefixMap,
    ) -> Vec<Result<Pattern, ResolveError>> {
        let schema = self.schema_view().schema();
        let mut open = None;
        let mut resolved = if path.absolute { Pattern::default() } else { base.clone() };
        let mut location = self.locate_below(&resolved);
        for step in &path.steps {
            let Ok((step, at)) = self.resolve_step(location, step, &resolved, prefixes, &mut |_, _| true)
            else {
                break;
            };
            let inside = self.below(at, &step);
            if let (Some(list), None) = (at.schema, step.key_values()) {
                let entries = schema.entries(list);
                if entries != [list] {
                    open = Some((list, entries));
                    break;
                }
            }
            location = inside;
            resolved.steps.push(step);
        }
        let (list, entries) = open.unwrap_or((crate::SchemaNode(0), Vec::new()));
        let in_entry = |entry| {
            let model = Some(EntryModel { list, entry });
            let resolved = self.resolve_in(model, path, base, prefixes, &mut |_, _| true);
            resolved.map(LocatedPath::into_pattern)
        };
        entries.into_iter().take(MOST_MODELS).map(in_entry).collect()
    }

    fn resolve_in(
        &self,
        model: Option<EntryModel>,
        path: &Path,
        base: &Pattern,
        prefixes: &PrefixMap,
        sees: &mut dyn FnMut(&Pattern, &PatternStep) -> bool,
    ) -> Result<LocatedPath, ResolveError> {
        let mut resolved = if path.absolute { Pattern::default() } else { base.clone() };
        resolved.steps.reserve(path.steps.len());
        let mut spots = Vec::with_capacity(resolved.steps.len() + path.steps.len());
        let mut location = self.schema_view().root();
        for step in &resolved.steps {
            let at;
            (at, location) = self.descend(location, step);
            spots.push(at);
        }
        for step in &path.steps {
            let (resolved_step, at) = self.resolve_step(location, step, &resolved, prefixes, sees)?;
            location = self.below(at, &resolved_step);
            let is_open = |list| at.schema == Some(list) && resolved_step.key_values().is_none();
            if let Some(EntryModel { entry, .. }) = model.filter(|model| is_open(model.list)) {
                location.schema = Some(entry);
            }
            resolved.steps.push(resolved_step);
            spots.push(at);
        }
        Ok(LocatedPath { pattern: resolved, spots, exact: 0 })
    }

    /// Returns what is known of the node that a pattern matches.
    pub fn locate(&self, pattern: &Pattern) -> SchemaLocation {
        self.spots(pattern).last().unwrap_or_else(|| self.schema_view().root())
    }

    /// Returns what is known of the node of each step, from the top down.
    pub fn spots(&self, pattern: &Pattern) -> impl Iterator<Item = SchemaLocation> {
        let mut inside = self.schema_view().root();
        pattern.steps.iter().map(move |step| {
            let (at, below) = self.descend(inside, step);
            inside = below;
            at
        })
    }

    /// Returns what is known of where the children of the node that a pattern matches are defined.
    pub fn locate_below(&self, pattern: &Pattern) -> SchemaLocation {
        let root = self.schema_view().root();
        pattern.steps.iter().fold(root, |location, step| self.descend(location, step).1)
    }

    /// Returns the location of a step's node, and the location from which its children are found.
    fn descend(&self, location: SchemaLocation, step: &PatternStep) -> (SchemaLocation, SchemaLocation) {
        let (_, at) = self.locate_child(location, step.name());
        (at, self.below(at, step))
    }

    /// Returns the location from which the children of the node that a path names are found.
    pub fn inside(&self, path: &LocatedPath) -> SchemaLocation {
        let last = path.spots.last().zip(path.pattern.steps.last());
        last.map_or_else(|| self.schema_view().root(), |(&at, step)| self.below(at, step))
    }

    /// Returns the location from which the children of a step's node are found.
    fn below(&self, at: SchemaLocation, step: &PatternStep) -> SchemaLocation {
        let schema = self.schema_view().schema();
        if at.schema.is_none_or(|list| !schema.has_entry_models(list)) {
            return at;
        }
        step.key_values().map_or(at, |values| self.schema_view().entry(at, &values))
    }

    /// Returns the step with its namespace and what is known of its node.
    fn resolve_step(
        &self,
        parent: SchemaLocation,
        step: &PathStep,
        parent_path: &Pattern,
        prefixes: &PrefixMap,
        sees: &mut dyn FnMut(&Pattern, &PatternStep) -> bool,
    ) -> Result<(PatternStep, SchemaLocation), ResolveError> {
        let (namespace, known, at) = match &step.prefix {
            Some(prefix) => {
                let namespace = prefixes.namespace(prefix).ok_or_else(|| ResolveError::UnknownPrefix {
                    prefix: prefix.to_string(),
                    known: prefixes.prefixes().into_iter().map(Into::into).collect(),
                })?;
                let (known, at) = self.locate_child(parent, QName::new(namespace, &step.name));
                if at.schema.is_none() {
                    self.check_known(parent, QName::new(namespace, &step.name), parent_path, Some(prefixes))?;
                }
                (namespace, known, at)
            }
            None => {
                let own = parent_path.steps.last().map_or(CONTROLLER, |step| &*step.namespace);
                let (known, at) = self.locate_child(parent, QName::new(own, &step.name));
                if at.schema.is_some() {
                    (own, known, at)
                } else {
                    let namespace = self.guess_namespace(parent, &step.name, parent_path, prefixes, sees)?;
                    let (known, at) = self.locate_child(parent, QName::new(namespace, &step.name));
                    (namespace, known, at)
                }
            }
        };
        let mut resolved = match known {
            Some(known) => self.names().step(known),
            None => PatternStep::new(QName::new(namespace, &step.name)),
        };
        if step.predicates.is_empty() {
            return Ok((resolved, at));
        }
        let mut location = at;
        let is_learned = location.schema.is_none()
            && !matches!(self.schema_view().kind(location), NodeKind::Unknown { .. });
        if is_learned && !sees(parent_path, &resolved) {
            location = SchemaLocation::UNKNOWN;
        }
        let kind = self.schema_view().kind(location);
        for predicate in &step.predicates {
            self.resolve_predicate(predicate, location, &kind, prefixes, parent_path, &mut resolved)?;
        }
        if let NodeKind::List { keys } = &kind {
            let position = |name: &str| keys.iter().position(|key| **key == *name);
            resolved.keys.sort_by_key(|(name, _)| position(name).unwrap_or(usize::MAX));
        }
        Ok((resolved, at))
    }

    /// Fails if the model certainly has no such child.
    fn check_known(
        &self,
        parent: SchemaLocation,
        name: QName<'_>,
        parent_path: &Pattern,
        prefixes: Option<&PrefixMap>,
    ) -> Result<(), ResolveError> {
        let schema = self.schema_view().schema();
        match parent.schema {
            Some(node) if schema.excludes(node, name) => {
                Err(ResolveError::unknown_node(name, parent_path, &schema.children(node), prefixes))
            }
            _ => Ok(()),
        }
    }

    fn guess_namespace<'a>(
        &'a self,
        parent: SchemaLocation,
        local: &str,
        parent_path: &'a Pattern,
        prefixes: &'a PrefixMap,
        sees: &mut dyn FnMut(&Pattern, &PatternStep) -> bool,
    ) -> Result<&'a str, ResolveError> {
        let own = parent_path.steps.last().map_or(CONTROLLER, |step| &*step.namespace);
        let schema = self.schema_view().schema();
        let mut known = self.schema_view().candidates(self.names(), parent, local);
        known.retain(|&name| {
            let is_in_model = || parent.schema.is_some_and(|node| schema.child(node, name).is_some());
            is_in_model() || sees(parent_path, &PatternStep::new(name))
        });
        if known.iter().any(|name| name.namespace == own) {
            return Ok(own);
        }
        match &known[..] {
            [name] => return Ok(name.namespace),
            [] => {}
            several => {
                // A module means what it has a prefix for, whatever other models the device has.
                let declared = prefixes.declared();
                let mut meant = several.iter().filter(|name| declared.contains(&name.namespace));
                return match (meant.next(), meant.next()) {
                    (Some(one), None) => Ok(one.namespace),
                    _ => Err(ResolveError::ambiguous(local, parent_path, several, prefixes)),
                };
            }
        }
        let name = QName::new(own, local);
        // A child of such a root is in another namespace than the root, perhaps in an unknown one.
        let is_foreign_root = is_foreign_root(parent_path);
        let mut declared = prefixes.declared();
        let is_certain = |&node: &crate::SchemaNode| {
            if is_foreign_root {
                let had_any = !declared.is_empty();
                declared.retain(|namespace| !schema.excludes(node, QName::new(namespace, local)));
                schema.is_complete(node) || had_any && declared.is_empty()
            } else {
                schema.excludes(node, name)
            }
        };
        if let Some(node) = parent.schema.filter(is_certain) {
            return Err(ResolveError::unknown_node(
                name,
                parent_path,
                &schema.children(node),
                Some(prefixes),
            ));
        }
        if !is_foreign_root {
            return Ok(own);
        }
        match &declared[..] {
            [namespace] => Ok(namespace),
            [] => Err(ResolveError::Unplaced { name: local.into(), parent: parent_path.to_string() }),
            several => {
                let names: Vec<QName<'_>> =
                    several.iter().map(|namespace| QName::new(namespace, local)).collect();
                Err(ResolveError::ambiguous(local, parent_path, &names, prefixes))
            }
        }
    }

    fn resolve_predicate(
        &self,
        predicate: &Predicate,
        location: SchemaLocation,
        kind: &NodeKind,
        prefixes: &PrefixMap,
        parent_path: &Pattern,
        step: &mut PatternStep,
    ) -> Result<(), ResolveError> {
        let node = || format!("{}/{}", below(parent_path), step.local);
        // Keys that were only learned from earlier paths are no reason to refuse this one.
        let kind =
            if self.schema_view().is_fixed(location) { kind } else { &NodeKind::Unknown { many: false } };
        match (predicate, kind) {
            (Predicate::Entry { value }, NodeKind::LeafList | NodeKind::Unknown { .. }) => {
                let value = match value {
                    Some(value) => Some(
                        self.bind(location, value, prefixes, fmt::from_fn(|f| f.write_str(&node())))?.value,
                    ),
                    None => None,
                };
                step.entry = Some(value);
            }
            (Predicate::Key { prefix, name, value }, NodeKind::List { .. } | NodeKind::Unknown { .. }) => {
                let bound = prefix.as_ref().map(|prefix| prefixes.namespace(prefix));
                let foreign = bound.is_some_and(|bound| bound != Some(&*step.namespace));
                let keys = if let NodeKind::List { keys } = kind { Some(&**keys) } else { None };
                if foreign || keys.is_some_and(|keys| !keys.contains(name)) {
                    return Err(ResolveError::not_a_key(name, node(), keys.unwrap_or_default()));
                }
                if step.keys.iter().any(|(key, _)| key == name) {
                    return Err(ResolveError::RepeatedKey { key: name.to_string(), list: node() });
                }
                let value = match value {
                    Some(value) => {
                        let key = QName::new(&step.namespace, name);
                        let leaf = self.schema_view().child(self.names(), location, key);
                        let place = fmt::from_fn(|f| write!(f, "{}/{name}", node()));
                        Some(self.bind(leaf, value, prefixes, place)?.value)
                    }
                    None => None,
                };
                step.keys.push((name.clone(), value));
            }
            (_, NodeKind::LeafList) => return Err(ResolveError::EntryNeeded { path: node() }),
            (Predicate::Entry { .. }, NodeKind::List { keys }) => {
                return Err(ResolveError::not_a_key(".", node(), keys));
            }
            (_, _) => return Err(ResolveError::NoPredicates { path: node() }),
        }
        Ok(())
    }

    /// Returns a value for a leaf or leaf-list entry: in its [normal form](crate::Schema::normal) if the model is known, else as
    /// it is, with the namespace of the prefix that it may use.
    ///
    /// # Errors
    /// [`ResolveError::Value`] if the model says that the value is not of the node's type.
    pub fn bind(
        &self,
        location: SchemaLocation,
        value: &str,
        prefixes: &PrefixMap,
        path: impl fmt::Display,
    ) -> Result<BoundValue, ResolveError> {
        let namespace = |prefix: &str| prefixes.namespace(prefix).map(str::to_owned);
        let value = match location.schema {
            Some(node) => {
                let schema = self.schema_view().schema();
                if let Some(normal) = schema.normal(node, value, &namespace) {
                    return Ok(normal);
                }
                let canonical = schema.canonical(node, value, &namespace);
                canonical.map_err(|reason| ResolveError::Value {
                    path: path.to_string(),
                    reason: reason.to_string(),
                })?
            }
            None => value.to_owned(),
        };
        let bound = value.split_once(':').and_then(|(prefix, local)| {
            let is_name = !local.is_empty() && !local.contains([':', '/', ' ']);
            Some((prefix.to_owned(), namespace(prefix).filter(|_| is_name)?))
        });
        let bindings = bound.into_iter().collect();
        Ok(BoundValue { value, bindings })
    }

    /// Fails if the model certainly has no node for the last step of the pattern.
    pub fn check_model(&self, pattern: &Pattern) -> Result<(), ResolveError> {
        let Some((last, above)) = pattern.steps.split_last() else { return Ok(()) };
        let above = Pattern { steps: above.to_vec() };
        self.check_known(self.locate_below(&above), last.name(), &above, None)
    }
}

/// Returns whether the children of the node are in other namespaces than the node itself: `/services` and the
/// configuration of a device.
fn is_foreign_root(pattern: &Pattern) -> bool {
    let locals: Vec<&str> = pattern.steps.iter().map(|step| &*step.local).collect();
    let ours = pattern.steps.iter().all(|step| &*step.namespace == CONTROLLER);
    ours && matches!(&locals[..], ["services"] | ["devices", "device", "config"])
}
