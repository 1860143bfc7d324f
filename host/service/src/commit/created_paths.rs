//! From the paths in `created` lists, which have no namespaces, to places in the tree.

use std::collections::BTreeSet;

use confine_tree::{CONTROLLER, Path, Pattern, PatternStep, Predicate, QName};
use confine_view::OwnerIndex;

use crate::ManagedService;

/// How many steps of a path to an object on a device are the controller's own:
/// `/devices/device[…]/config`.
const CONTROLLERS: usize = 3;

/// The places that a path may mean: the one that was noted when it was written, else those that the
/// service's modules say they write and that have the same names, else one for each namespace that the
/// modules declare. All of them are looked at; the names alone say which is there.
///
/// `writes` are the modules' resolved patterns. Empty for what is no path of an object on a device.
pub(crate) fn places(
    path: &str,
    service: &ManagedService,
    writes: &[Pattern],
    owners: &OwnerIndex,
) -> Vec<Pattern> {
    if let Some(place) = owners.place(path) {
        return vec![place.clone()];
    }
    let Ok(parsed) = Path::parse_unescaped(path) else {
        tracing::warn!(
            path,
            service = &*service.name.local,
            "a `created` path cannot be read and is left alone"
        );
        return Vec::new();
    };
    if parsed.steps.len() <= CONTROLLERS {
        return Vec::new();
    }
    let likely: BTreeSet<Pattern> =
        writes.iter().filter_map(|pattern| place(&parsed, |index| along(&parsed, pattern, index))).collect();
    if !likely.is_empty() {
        return likely.into_iter().collect();
    }
    let namespaces = service.modules.iter().flat_map(|module| {
        let prefixes = &module.description().prefixes;
        prefixes.prefixes().into_iter().filter_map(|prefix| prefixes.namespace(prefix))
    });
    let namespaces: BTreeSet<&str> = namespaces.filter(|&namespace| namespace != CONTROLLER).collect();
    namespaces.into_iter().filter_map(|namespace| place(&parsed, |_| Some(namespace))).collect()
}

/// The one of the places that a path may mean, to take away what is there; none where nothing is. What has the same
/// names in several namespaces is left alone, and so is what the modules may not take away: it may be another's.
pub(crate) fn the_one(
    path: &str,
    places: Vec<Pattern>,
    mut is_there: impl FnMut(&Pattern) -> bool,
    may_go: impl Fn(&Pattern) -> bool,
) -> Option<Pattern> {
    let mut there = places.into_iter().filter(|place| is_there(place));
    let (first, second) = (there.next()?, there.next());
    if second.is_some() || !may_go(&first) {
        tracing::warn!(path, "a `created` path may mean something of another, and is left alone");
        return None;
    }
    Some(first)
}

/// The namespace of a step, if the path goes along with the pattern as far as that goes.
fn along<'a>(path: &Path, pattern: &'a Pattern, index: usize) -> Option<&'a str> {
    let mut steps = path.steps.iter().zip(&pattern.steps);
    let is_along = pattern.steps.len() > CONTROLLERS && steps.all(|(step, other)| step.name == other.local);
    let step = pattern.steps.get(index).or(pattern.steps.last())?;
    is_along.then_some(&*step.namespace)
}

fn place<'a>(path: &Path, namespace: impl Fn(usize) -> Option<&'a str>) -> Option<Pattern> {
    let mut steps = Vec::with_capacity(path.steps.len());
    for (index, step) in path.steps.iter().enumerate() {
        let namespace = if index < CONTROLLERS { CONTROLLER } else { namespace(index)? };
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
    fn what_may_be_anothers_is_left_alone() {
        let at = |namespace: &str| Pattern { steps: vec![PatternStep::new(QName::new(namespace, "x"))] };
        let found = |there: &[&str], permitted: bool| {
            let is_there = |place: &Pattern| there.iter().any(|namespace| *place == at(namespace));
            the_one("/x", vec![at("urn:a"), at("urn:b")], is_there, |_| permitted)
        };
        assert_eq!(found(&["urn:b"], true), Some(at("urn:b")));
        assert_eq!(found(&[], true), None);
        assert_eq!(found(&["urn:b"], false), None);
        assert_eq!(found(&["urn:a", "urn:b"], true), None);
    }
}
