//! From the paths of `created` lists, which have no namespaces, to patterns.

use std::collections::BTreeSet;

use confine_tree::{CONTROLLER, Path, Pattern, PatternStep, Predicate, QName};
use confine_view::OwnedObject;

use crate::modules::registry::ManagedService;

/// The steps of a path to an object on a device that belong to the controller's own model:
/// `/devices/device[…]/config`.
const CONTROLLER_STEPS: usize = 3;

/// Returns the patterns that a path may mean. That is the pattern noted when the path was written; otherwise those
/// among the modules' `writes` that have the same names; otherwise one for each namespace that the modules declare.
/// Reading them shows which exists.
///
/// Empty for a path that is not that of an object on a device.
pub(crate) fn candidate_patterns<'a>(
    object: OwnedObject<'_>,
    service: &ManagedService,
    writes: impl Iterator<Item = &'a Pattern>,
) -> Vec<Pattern> {
    if let Some(place) = object.place() {
        return vec![place];
    }
    let path = object.path();
    let Ok(parsed) = Path::parse_unescaped(&path) else {
        tracing::warn!(path, service = &*service.name.local, "ignoring a `created` path that cannot be read");
        return Vec::new();
    };
    if parsed.steps.len() <= CONTROLLER_STEPS {
        return Vec::new();
    }
    let declared: BTreeSet<Pattern> = writes
        .filter_map(|pattern| with_namespaces(&parsed, |index| step_namespace(&parsed, pattern, index)))
        .collect();
    if !declared.is_empty() {
        return declared.into_iter().collect();
    }
    let namespaces = service.modules.iter().flat_map(|module| {
        let prefixes = &module.description().prefixes;
        prefixes.prefixes().into_iter().filter_map(|prefix| prefixes.namespace(prefix))
    });
    let namespaces: BTreeSet<&str> = namespaces.filter(|&namespace| namespace != CONTROLLER).collect();
    namespaces.into_iter().filter_map(|namespace| with_namespaces(&parsed, |_| Some(namespace))).collect()
}

/// Returns the one candidate that exists and may be deleted. `None` if several exist or the modules may not delete
/// it: the object may belong to somebody else.
pub(crate) fn single_match(
    path: &str,
    candidates: Vec<Pattern>,
    mut exists: impl FnMut(&Pattern) -> bool,
    may_delete: impl Fn(&Pattern) -> bool,
) -> Option<Pattern> {
    let mut existing = candidates.into_iter().filter(|candidate| exists(candidate));
    let (first, second) = (existing.next()?, existing.next());
    if second.is_some() || !may_delete(&first) {
        tracing::warn!(path, "ignoring a `created` path that may name the object of another instance");
        return None;
    }
    Some(first)
}

/// Returns the namespace of a step by a declared pattern, if the path has the names of all its steps.
fn step_namespace<'a>(path: &Path, pattern: &'a Pattern, index: usize) -> Option<&'a str> {
    let mut steps = path.steps.iter().zip(&pattern.steps);
    let has_same_names =
        pattern.steps.len() > CONTROLLER_STEPS && steps.all(|(step, other)| step.name == other.local);
    let step = pattern.steps.get(index).or(pattern.steps.last())?;
    has_same_names.then_some(&*step.namespace)
}

fn with_namespaces<'a>(path: &Path, namespace: impl Fn(usize) -> Option<&'a str>) -> Option<Pattern> {
    let mut steps = Vec::with_capacity(path.steps.len());
    for (index, step) in path.steps.iter().enumerate() {
        let namespace = if index < CONTROLLER_STEPS { CONTROLLER } else { namespace(index)? };
        let mut resolved = PatternStep::new(QName::new(namespace, &step.name));
        for predicate in &step.predicates {
            match predicate {
                Predicate::Key { name, value, .. } => resolved.keys.push((name.clone(), value.clone())),
                Predicate::Entry { value } => resolved.entry = Some(value.clone()),
            }
        }
        steps.push(resolved);
    }
    Some(Pattern { steps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_created_path_is_ignored() {
        let at = |namespace: &str| Pattern { steps: vec![PatternStep::new(QName::new(namespace, "x"))] };
        let found = |existing: &[&str], permitted: bool| {
            let exists = |place: &Pattern| existing.iter().any(|namespace| *place == at(namespace));
            single_match("/x", vec![at("urn:a"), at("urn:b")], exists, |_| permitted)
        };
        assert_eq!(found(&["urn:b"], true), Some(at("urn:b")));
        assert_eq!(found(&[], true), None);
        assert_eq!(found(&["urn:b"], false), None);
        assert_eq!(found(&["urn:a", "urn:b"], true), None);
    }
}
