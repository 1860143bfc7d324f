//! From the paths of `created` lists, which have no namespaces, to patterns.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use confine_tree::{CONTROLLER, Path, PathStep, Pattern, PatternStep};
use confine_view::{CONTROLLER_STEPS, OwnedObject};

/// The most nodes that a path may mean. Of a path that may mean more, none is considered.
const MOST_CANDIDATES: usize = 16;

/// What the paths of one service's `created` lists may mean: what the modules declare that they write, by the names of its
/// steps, or else the namespaces that they declare.
#[derive(Debug, Default)]
pub(crate) struct CreatedPaths {
    nodes: Vec<NameNode>,
    namespaces: BTreeSet<Arc<str>>,
    /// Whether a path that is ignored was logged: there may be as many as objects.
    has_warned: AtomicBool,
}

/// The declared patterns whose first steps have the same names.
#[derive(Debug, Default)]
struct NameNode {
    /// By local name.
    below: HashMap<Arc<str>, usize>,
    /// The namespaces of the steps up to here, of the patterns that end here.
    ending: BTreeSet<Namespaces>,
    /// The same of all that go through here.
    passing: BTreeSet<Namespaces>,
}

/// The namespace of each step.
type Namespaces = Vec<Arc<str>>;

impl CreatedPaths {
    /// Collects what is declared: patterns of what is written, and namespaces.
    pub(crate) fn new<'a>(
        writes: impl IntoIterator<Item = &'a Pattern>,
        namespaces: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let namespaces = namespaces.into_iter().filter(|&namespace| namespace != CONTROLLER);
        let mut paths = Self {
            nodes: vec![NameNode::default()],
            namespaces: namespaces.map(Into::into).collect(),
            has_warned: AtomicBool::new(false),
        };
        writes.into_iter().filter(|pattern| pattern.steps.len() > CONTROLLER_STEPS).for_each(|pattern| {
            paths.insert(pattern);
        });
        paths
    }

    fn insert(&mut self, pattern: &Pattern) {
        let (mut at, mut namespaces) = (0, Namespaces::new());
        for step in &pattern.steps {
            namespaces.push(step.namespace.clone());
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = *node.below.entry(step.local.clone()).or_insert(next);
            if at == next {
                self.nodes.push(NameNode::default());
            }
            if let Some(node) = self.nodes.get_mut(at) {
                node.passing.insert(namespaces.clone());
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.ending.insert(namespaces);
        }
    }

    /// Returns the patterns that an object's path may mean. That is the one noted when the path was written; otherwise those
    /// that the modules declare with the same names; otherwise one for each namespace that they declare. Reading them shows
    /// which exists.
    ///
    /// Empty for a path that is not that of an object on a device.
    pub(crate) fn candidates(&self, object: OwnedObject<'_>) -> Vec<Pattern> {
        if let Some(place) = object.place() {
            return vec![place];
        }
        let path = object.path();
        let Ok(parsed) = Path::parse_unescaped(&path) else {
            return self.ignored(&path, "it cannot be read");
        };
        if parsed.steps.len() <= CONTROLLER_STEPS {
            return Vec::new();
        }
        let mut found = self.declared(&parsed);
        if found.is_empty() {
            found = self.namespaces.iter().map(|namespace| vec![namespace.clone()]).collect();
        }
        if found.len() > MOST_CANDIDATES {
            return self.ignored(&path, "it may mean too many nodes");
        }
        found.iter().map(|namespaces| with_namespaces(&parsed, namespaces)).collect()
    }

    /// Warns of the first path of a commit that means nothing.
    fn ignored(&self, path: &str, reason: &str) -> Vec<Pattern> {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(path, reason, "ignoring a `created` path, and others like it");
        }
        Vec::new()
    }

    /// Returns the namespaces of the steps of a path, by the patterns that have the same names as far as both go.
    fn declared(&self, path: &Path) -> BTreeSet<Namespaces> {
        let mut found = BTreeSet::new();
        let mut at = self.nodes.first();
        for step in &path.steps {
            at = at.and_then(|node| self.nodes.get(*node.below.get(&*step.name)?));
            found.extend(at.into_iter().flat_map(|node| node.ending.iter().take(MOST_CANDIDATES + 1)));
        }
        found.extend(at.into_iter().flat_map(|node| node.passing.iter().take(MOST_CANDIDATES + 1)));
        found.into_iter().take(MOST_CANDIDATES + 1).cloned().collect()
    }
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

/// Returns the path with these namespaces, the last of which is that of all further steps.
fn with_namespaces(path: &Path, namespaces: &[Arc<str>]) -> Pattern {
    let step = |(index, step): (usize, &PathStep)| {
        let namespace = namespaces.get(index).or(namespaces.last()).map_or("", |namespace| namespace);
        let namespace = if index < CONTROLLER_STEPS { CONTROLLER } else { namespace };
        PatternStep::in_namespace(namespace, step.clone())
    };
    Pattern { steps: path.steps.iter().enumerate().map(step).collect() }
}

#[cfg(test)]
mod tests {
    use confine_tree::QName;
    use confine_view::{CreatedObject, InstanceRef, OwnerIndex};

    use super::*;

    /// Returns the namespaces of the steps on the device that a path may have, by what is declared.
    fn candidates(writes: &[&[(&str, &str)]], namespaces: &[&str], path: &str) -> Vec<Vec<String>> {
        let step = |(namespace, local): &(&str, &str)| PatternStep::new(QName::new(namespace, local));
        let above = ["devices", "device", "config"].map(|local| (CONTROLLER, local));
        let writes: Vec<Pattern> = writes
            .iter()
            .map(|steps| Pattern { steps: above.iter().chain(steps.iter()).map(step).collect() })
            .collect();
        let paths = CreatedPaths::new(&writes, namespaces.iter().copied());
        let mut owners = OwnerIndex::new();
        let instance = InstanceRef::new(Pattern::default());
        let object = CreatedObject {
            path: format!("/devices/device[name=\"r1\"]/config{path}"),
            place: None,
            shared: false,
            ambiguous: false,
        };
        owners.replace(&instance, [object]);
        let found = owners.created_by(&instance).flat_map(|object| paths.candidates(object));
        let device = |pattern: Pattern| {
            let steps = pattern.steps.iter().skip(CONTROLLER_STEPS);
            steps.map(|step| step.namespace.to_string()).collect()
        };
        found.map(device).collect()
    }

    #[test]
    fn created_path_has_the_namespaces_of_what_is_declared() {
        let writes: &[&[(&str, &str)]] = &[
            &[("a", "x")],
            &[("b", "x"), ("c", "y"), ("d", "z")],
            &[("b", "x"), ("c", "other")],
            &[("e", "w")],
        ];
        let found = |path| candidates(writes, &["n"], path);
        assert_eq!(found("/x"), [["a"], ["b"]]);
        assert_eq!(found("/x/y[k=\"1\"]"), [["a", "a"], ["b", "c"]]);
        assert_eq!(found("/x/y/z/v"), [["a", "a", "a", "a"], ["b", "c", "d", "d"]]);
        // Nothing is declared with these names.
        assert_eq!(found("/v/u"), [["n", "n"]]);
        assert_eq!(candidates(&[], &[CONTROLLER, "n", "m"], "/v"), [["m"], ["n"]]);
        assert_eq!(found(""), [[""; 0]; 0]);
    }

    #[test]
    fn path_that_may_mean_too_many_nodes_is_ignored() {
        let names: Vec<String> = (0..=MOST_CANDIDATES).map(|n| format!("n{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(candidates(&[], &names[1..], "/v").len(), MOST_CANDIDATES);
        assert!(candidates(&[], &names, "/v").is_empty());
    }

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
