//! From paths as written to places in the tree.

mod error;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use self::error::ResolveError;
use crate::{
    CONTROLLER, NodeKind, Overlay, Path, PathStep, Pattern, PatternStep, Predicate, QName, SchemaLocation,
};

/// What the prefixes in a module's paths stand for.
#[derive(Clone, Debug)]
pub struct PrefixMap {
    by_prefix: HashMap<Box<str>, Box<str>>,
}

/// A prefix is declared twice, for two namespaces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("prefix `{prefix}` is declared for `{first}` and for `{second}`: give one of them another prefix")]
pub struct PrefixError {
    /// The prefix.
    pub prefix: String,
    /// What it stood for first.
    pub first: String,
    /// What it was to stand for then.
    pub second: String,
}

impl PrefixMap {
    /// These prefixes with their namespaces, and `ctrl` for the controller's.
    pub fn new<P, N>(declared: impl IntoIterator<Item = (P, N)>) -> Result<Self, PrefixError>
    where
        P: Into<Box<str>>,
        N: Into<Box<str>>,
    {
        let mut by_prefix = HashMap::from([(Box::from("ctrl"), Box::from(CONTROLLER))]);
        for (prefix, namespace) in declared {
            let (prefix, namespace) = (prefix.into(), namespace.into());
            match by_prefix.get(&prefix) {
                Some(first) if *first != namespace => {
                    return Err(PrefixError {
                        prefix: prefix.into(),
                        first: first.to_string(),
                        second: namespace.into(),
                    });
                }
                Some(_) => {}
                None => {
                    by_prefix.insert(prefix, namespace);
                }
            }
        }
        Ok(Self { by_prefix })
    }

    /// The namespace that a prefix stands for.
    pub fn namespace(&self, prefix: &str) -> Option<&str> {
        self.by_prefix.get(prefix).map(|namespace| &**namespace)
    }

    /// A prefix that stands for a namespace: of several the first in the order of letters.
    pub fn prefix(&self, namespace: &str) -> Option<&str> {
        let all = self.by_prefix.iter().filter(|(_, bound)| ***bound == *namespace);
        all.map(|(prefix, _)| &**prefix).min()
    }

    /// The bytes of the longest namespace.
    pub fn longest(&self) -> usize {
        self.by_prefix.values().map(|namespace| namespace.len()).max().unwrap_or_default()
    }

    /// The prefixes, in the order of letters.
    pub fn prefixes(&self) -> Vec<&str> {
        let mut prefixes: Vec<&str> = self.by_prefix.keys().map(|prefix| &**prefix).collect();
        prefixes.sort_unstable();
        prefixes
    }

    /// The namespaces that are declared beside the controller's own, in the order of letters.
    fn declared(&self) -> Vec<&str> {
        let all = self.by_prefix.values().map(|namespace| &**namespace);
        let mut declared: Vec<&str> = all.filter(|&namespace| namespace != CONTROLLER).collect();
        declared.sort_unstable();
        declared.dedup();
        declared
    }

    /// A name as one could write it.
    fn show(&self, name: QName<'_>) -> String {
        match self.prefix(name.namespace) {
            Some(prefix) => format!("{prefix}:{}", name.local),
            None => format!("{} of `{}`", name.local, name.namespace),
        }
    }
}

/// A value with the prefixes in it that stand for something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundValue {
    /// The value, in its canonical form where the model is known.
    pub value: String,
    /// Prefixes and namespaces.
    pub bindings: Vec<(String, String)>,
}

impl Overlay {
    /// What a path means: relative to `base`, unless it is absolute.
    ///
    /// A step with a prefix is in the namespace that `prefixes` says. One without is in its parent's
    /// namespace where the parent has, or may have, such a child there; else it is the only child of
    /// that name in another namespace: one that the model knows, or that has been seen there, or, right
    /// below the root of a device's or the services' models, that of the one namespace that is declared.
    pub fn resolve(
        &self,
        path: &Path,
        base: &Pattern,
        prefixes: &PrefixMap,
    ) -> Result<Pattern, ResolveError> {
        let mut resolved = if path.absolute { Pattern::default() } else { base.clone() };
        let mut spot = self.schema_view().root();
        for step in &resolved.steps {
            spot = self.descend(spot, step).1;
        }
        for step in &path.steps {
            let resolved_step = self.resolve_step(spot, step, &resolved, prefixes)?;
            spot = self.descend(spot, &resolved_step).1;
            resolved.steps.push(resolved_step);
        }
        Ok(resolved)
    }

    /// What is known of the node that a pattern matches.
    pub fn locate(&self, pattern: &Pattern) -> SchemaLocation {
        self.spots(pattern).last().unwrap_or_else(|| self.schema_view().root())
    }

    /// What is known of the place of each step, from the top down.
    pub fn spots(&self, pattern: &Pattern) -> impl Iterator<Item = SchemaLocation> {
        let mut inside = self.schema_view().root();
        pattern.steps.iter().map(move |step| {
            let (at, below) = self.descend(inside, step);
            inside = below;
            at
        })
    }

    /// The place of a step's node, and the one to go on from.
    fn descend(&self, spot: SchemaLocation, step: &PatternStep) -> (SchemaLocation, SchemaLocation) {
        let at = self.schema_view().child(self.names(), spot, step.name());
        let inside = step.key_values().map_or(at, |values| self.schema_view().entry(at, &values));
        (at, inside)
    }

    fn resolve_step(
        &self,
        parent: SchemaLocation,
        step: &PathStep,
        so_far: &Pattern,
        prefixes: &PrefixMap,
    ) -> Result<PatternStep, ResolveError> {
        let namespace = match &step.prefix {
            Some(prefix) => {
                let namespace = prefixes.namespace(prefix).ok_or_else(|| ResolveError::UnknownPrefix {
                    prefix: prefix.to_string(),
                    known: prefixes.prefixes().into_iter().map(Into::into).collect(),
                })?;
                self.check_known(parent, QName::new(namespace, &step.name), so_far, Some(prefixes))?;
                namespace
            }
            None => self.guess_namespace(parent, &step.name, so_far, prefixes)?,
        };
        let mut resolved = PatternStep::new(QName::new(namespace, &step.name));
        let spot = self.schema_view().child(self.names(), parent, resolved.name());
        let form = self.schema_view().kind(spot);
        for predicate in &step.predicates {
            self.resolve_predicate(predicate, spot, &form, prefixes, so_far, &mut resolved)?;
        }
        if let NodeKind::List { keys } = &form {
            let position = |name: &str| keys.iter().position(|key| **key == *name);
            resolved.keys.sort_by_key(|(name, _)| position(name).unwrap_or(usize::MAX));
        }
        Ok(resolved)
    }

    /// Refuses a name that the model is known not to have.
    fn check_known(
        &self,
        parent: SchemaLocation,
        name: QName<'_>,
        so_far: &Pattern,
        prefixes: Option<&PrefixMap>,
    ) -> Result<(), ResolveError> {
        let schema = self.schema_view().schema();
        match parent.schema {
            Some(node) if schema.excludes(node, name) => {
                Err(ResolveError::unknown_node(name, so_far, &schema.children(node), prefixes))
            }
            _ => Ok(()),
        }
    }

    fn guess_namespace<'a>(
        &'a self,
        parent: SchemaLocation,
        local: &str,
        so_far: &'a Pattern,
        prefixes: &'a PrefixMap,
    ) -> Result<&'a str, ResolveError> {
        let own = so_far.steps.last().map_or(CONTROLLER, |step| &*step.namespace);
        let schema = self.schema_view().schema();
        if parent.schema.is_some_and(|node| schema.child(node, QName::new(own, local)).is_some()) {
            return Ok(own);
        }
        let known = self.schema_view().candidates(self.names(), parent, local);
        if known.iter().any(|name| name.namespace == own) {
            return Ok(own);
        }
        match &known[..] {
            [name] => return Ok(name.namespace),
            [] => {}
            several => return Err(ResolveError::ambiguous(local, so_far, several, prefixes)),
        }
        let name = QName::new(own, local);
        // What stands below such a root is in another namespace than it, perhaps in one that is not known.
        let is_foreign_root = is_foreign_root(so_far);
        let is_certain = |&node: &crate::SchemaNode| {
            if is_foreign_root { schema.is_complete(node) } else { schema.excludes(node, name) }
        };
        if let Some(node) = parent.schema.filter(is_certain) {
            return Err(ResolveError::unknown_node(name, so_far, &schema.children(node), Some(prefixes)));
        }
        if !is_foreign_root {
            return Ok(own);
        }
        let declared = prefixes.declared();
        match &declared[..] {
            [namespace] => Ok(namespace),
            [] => Err(ResolveError::Unplaced { name: local.into(), parent: so_far.to_string() }),
            several => {
                let names: Vec<QName<'_>> =
                    several.iter().map(|namespace| QName::new(namespace, local)).collect();
                Err(ResolveError::ambiguous(local, so_far, &names, prefixes))
            }
        }
    }

    fn resolve_predicate(
        &self,
        predicate: &Predicate,
        spot: SchemaLocation,
        form: &NodeKind,
        prefixes: &PrefixMap,
        so_far: &Pattern,
        step: &mut PatternStep,
    ) -> Result<(), ResolveError> {
        let node = || format!("{}/{}", below(so_far), step.local);
        // What paths have only been read by is no reason to refuse another one.
        let form = if self.schema_view().is_fixed(spot) { form } else { &NodeKind::Unknown { many: false } };
        match (predicate, form) {
            (Predicate::Entry { value }, NodeKind::LeafList | NodeKind::Unknown { .. }) => {
                let value = match value {
                    Some(value) => Some(self.bind(spot, value, prefixes, &node())?.value),
                    None => None,
                };
                step.entry = Some(value);
            }
            (Predicate::Key { prefix, name, value }, NodeKind::List { .. } | NodeKind::Unknown { .. }) => {
                let bound = prefix.as_ref().map(|prefix| prefixes.namespace(prefix));
                let foreign = bound.is_some_and(|bound| bound != Some(&*step.namespace));
                if let NodeKind::List { keys } = form {
                    let known = keys.iter().any(|key| key == name);
                    if foreign || !known {
                        return Err(ResolveError::NotAKey {
                            key: name.to_string(),
                            list: node(),
                            keys: keys.iter().map(ToString::to_string).collect(),
                        });
                    }
                } else if foreign {
                    return Err(ResolveError::NotAKey { key: name.to_string(), list: node(), keys: vec![] });
                }
                if step.keys.iter().any(|(key, _)| key == name) {
                    return Err(ResolveError::RepeatedKey { key: name.to_string(), list: node() });
                }
                let value = match value {
                    Some(value) => {
                        let key = QName::new(&step.namespace, name);
                        let leaf = self.schema_view().child(self.names(), spot, key);
                        Some(self.bind(leaf, value, prefixes, &format!("{}/{name}", node()))?.value)
                    }
                    None => None,
                };
                step.keys.push((name.clone(), value));
            }
            (_, NodeKind::LeafList) => return Err(ResolveError::EntryNeeded { path: node() }),
            (Predicate::Entry { .. }, NodeKind::List { keys }) => {
                let keys = keys.iter().map(ToString::to_string).collect();
                return Err(ResolveError::NotAKey { key: ".".into(), list: node(), keys });
            }
            (_, _) => return Err(ResolveError::NoPredicates { path: node() }),
        }
        Ok(())
    }

    /// A value for the leaf or leaf-list entry at a place: in its canonical form where the model is
    /// known, with the namespaces of the prefix that it may use.
    ///
    /// # Errors
    /// [`ResolveError::Value`] where the model knows that it is none.
    pub fn bind(
        &self,
        spot: SchemaLocation,
        value: &str,
        prefixes: &PrefixMap,
        path: &str,
    ) -> Result<BoundValue, ResolveError> {
        let bound = value.split_once(':').and_then(|(prefix, local)| {
            let is_name = !local.is_empty() && !local.contains([':', '/', ' ']);
            let namespace = prefixes.namespace(prefix).filter(|_| is_name)?;
            Some((prefix.to_owned(), namespace.to_owned()))
        });
        let canonical = match spot.schema {
            None => value.to_owned(),
            Some(node) => {
                let namespace = |prefix: &str| prefixes.namespace(prefix).map(str::to_owned);
                let canonical = self.schema_view().schema().canonical(node, value, &namespace);
                let canonical = canonical.map_err(|reason| ResolveError::Value {
                    path: path.into(),
                    reason: reason.to_string(),
                })?;
                // The prefix is the module's own, and travels with what it stands for.
                if bound.is_some() { value.to_owned() } else { canonical }
            }
        };
        Ok(BoundValue { value: canonical, bindings: bound.into_iter().collect() })
    }

    /// Refuses to set the one node of a pattern to a value where it can have none, or is named by another.
    pub fn check_settable(&self, pattern: &Pattern, value: &str) -> Result<(), ResolveError> {
        self.check_exact(pattern)?;
        if let NodeKind::Container | NodeKind::PresenceContainer | NodeKind::List { .. } =
            self.schema_view().kind(self.locate(pattern))
        {
            let problem = "has no value but children: name a leaf, or use `create`".to_owned();
            return Err(ResolveError::Unfit { path: pattern.to_string(), problem });
        }
        let entry = pattern.steps.last().and_then(|step| step.entry.as_ref()?.as_deref());
        let problem = match (entry, pattern.key_value()) {
            (Some(entry), _) if entry != value => {
                format!("is the entry `{entry}` and cannot be set to `{value}`: remove it and set another")
            }
            (_, Some(key)) if key != value => {
                format!("is a key and `{key}` in the path: it cannot be set to `{value}`; make another entry")
            }
            _ => return Ok(()),
        };
        Err(ResolveError::Unfit { path: pattern.to_string(), problem })
    }

    /// Refuses to make the one node of a pattern where that is not enough, or nothing at all.
    pub fn check_creatable(&self, pattern: &Pattern) -> Result<(), ResolveError> {
        self.check_exact(pattern)?;
        let spot = self.locate(pattern);
        let problem = match self.schema_view().kind(spot) {
            NodeKind::Leaf => "is a leaf: use `set` with a value",
            NodeKind::Container if self.schema_view().is_certain(spot) => {
                "is a container that is there whenever something is in it: set what belongs there"
            }
            _ => return Ok(()),
        };
        Err(ResolveError::Unfit { path: pattern.to_string(), problem: problem.to_owned() })
    }

    /// Refuses a pattern whose last step the model is known not to have.
    pub fn check_model(&self, pattern: &Pattern) -> Result<(), ResolveError> {
        let Some((last, above)) = pattern.steps.split_last() else { return Ok(()) };
        let above = Pattern { steps: above.to_vec() };
        let mut inside = self.schema_view().root();
        for step in &above.steps {
            inside = self.descend(inside, step).1;
        }
        self.check_known(inside, last.name(), &above, None)
    }

    /// Refuses a pattern that does not name one node, as far as that is known.
    pub fn check_exact(&self, pattern: &Pattern) -> Result<(), ResolveError> {
        let mut spot = self.schema_view().root();
        for (index, step) in pattern.steps.iter().enumerate() {
            let (at, inside) = self.descend(spot, step);
            spot = inside;
            match self.schema_view().kind(at) {
                NodeKind::List { keys }
                    if keys.is_empty() || keys.iter().any(|key| step.key(key).is_none()) =>
                {
                    return Err(ResolveError::missing_keys(pattern, index, &keys));
                }
                NodeKind::LeafList if !matches!(step.entry, Some(Some(_))) => {
                    return Err(ResolveError::missing_keys(pattern, index, &[".".into()]));
                }
                NodeKind::Unknown { many } => {
                    let open = step.keys.iter().any(|(_, value)| value.is_none());
                    if open || many && step.keys.is_empty() && step.entry.is_none() {
                        let keys: Vec<Box<str>> = step.keys.iter().map(|(key, _)| key.clone()).collect();
                        return Err(ResolveError::missing_keys(pattern, index, &keys));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether what stands right below is in namespaces of others than the parent's: the services, and the
/// models of a device.
fn is_foreign_root(pattern: &Pattern) -> bool {
    let locals: Vec<&str> = pattern.steps.iter().map(|step| &*step.local).collect();
    let ours = pattern.steps.iter().all(|step| &*step.namespace == CONTROLLER);
    ours && matches!(&locals[..], ["services"] | ["devices", "device", "config"])
}

/// What to put before `/name`.
fn below(pattern: &Pattern) -> String {
    if pattern.steps.is_empty() { String::new() } else { pattern.to_string() }
}
