//! The paths of owned objects, as a tree of steps that paths share.
//!
//! A hundred thousand objects of a few dozen devices differ in their last steps only. Each step is kept once, as a number;
//! a path is the number of its last node.

use std::collections::BTreeMap;

use confine_tree::{CONTROLLER, Error as TreeError, Path, Pattern, PatternStep, QName, StepCounter};

use crate::step_names::{StepName, StepNames};

/// The number of steps of a path to a device's configuration, `/devices/device[…]/config`. They belong to the
/// controller's own model, so their namespace is known even where a path has none.
pub const CONTROLLER_STEPS: usize = 3;

/// The namespace of a step of which only the name is known.
const UNKNOWN: &str = "";

/// The namespace of a path that cannot be parsed: it is kept as one step.
const UNREADABLE: &str = "\0";

/// The number of a path in one [`PathTrie`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PathId(u32);

/// The paths that a path with namespaces may be in a trie: as it is, and without namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathFront {
    known: Option<PathId>,
    unknown: Option<PathId>,
    depth: usize,
}

/// Paths that may name the same node, and the paths above them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SamePaths {
    /// Those that may name the node itself.
    pub(crate) paths: Vec<PathId>,
    /// Those that may name a node above it, the root excepted.
    pub(crate) above: Vec<PathId>,
}

/// Paths, each with a value.
#[derive(Clone, Debug)]
pub(crate) struct PathTrie<T> {
    /// A step is a name: its namespace, and its local name with its predicates as [`PatternStep::created`] writes them.
    names: StepNames,
    nodes: Vec<PathNode<T>>,
    /// By parent and step.
    children: BTreeMap<(u32, StepName), u32>,
    /// Nodes that may be used again.
    free: Vec<u32>,
    /// How many nodes were freed since the trie was built, and the bytes of their names, which are still kept.
    freed: usize,
    freed_bytes: usize,
}

#[derive(Clone, Debug)]
struct PathNode<T> {
    parent: u32,
    name: StepName,
    /// The number of children, and of reasons to keep the node. A node without any is freed.
    uses: u32,
    value: T,
}

impl<T: Default> Default for PathTrie<T> {
    fn default() -> Self {
        let mut names = StepNames::default();
        let name = names.intern(QName::new(UNKNOWN, ""));
        let root = PathNode { parent: 0, name, uses: 1, value: T::default() };
        Self {
            names,
            nodes: vec![root],
            children: BTreeMap::new(),
            free: Vec::new(),
            freed: 0,
            freed_bytes: 0,
        }
    }
}

impl PathFront {
    /// The root.
    pub(crate) const ROOT: Self = Self { known: Some(PathId(0)), unknown: None, depth: 0 };

    /// Returns the paths, of which there are at most two.
    pub(crate) fn paths(self) -> impl Iterator<Item = PathId> {
        [self.known, self.unknown].into_iter().flatten()
    }

    /// Returns the number of steps to it.
    pub(crate) fn depth(self) -> usize {
        self.depth
    }
}

impl<T: Default> PathTrie<T> {
    /// Adds a path, and keeps it until it is [released](Self::release). Returns none for a path that cannot be written in
    /// the form of `created` lists.
    pub(crate) fn insert(&mut self, pattern: &Pattern) -> Option<PathId> {
        let steps: Option<Vec<StepName>> = pattern.steps.iter().map(|step| self.intern(step)).collect();
        Some(self.insert_names(steps?))
    }

    /// As [`insert`](Self::insert), for a path of a `created` list, which has no namespaces.
    pub(crate) fn insert_entry(&mut self, path: &str) -> PathId {
        let steps = match entry_pattern(path) {
            Some(pattern) => pattern.steps.iter().map(|step| self.intern(step)).collect(),
            None => None,
        };
        let steps = steps.unwrap_or_else(|| vec![self.names.intern(QName::new(UNREADABLE, path))]);
        self.insert_names(steps)
    }

    fn intern(&mut self, step: &PatternStep) -> Option<StepName> {
        let text = step.created().ok()?;
        Some(self.names.intern(QName::new(&step.namespace, &text)))
    }

    fn insert_names(&mut self, steps: Vec<StepName>) -> PathId {
        let mut at = 0;
        for name in steps {
            at = match self.children.get(&(at, name)) {
                Some(&child) => child,
                None => self.add(at, name),
            };
        }
        self.count(at, 1);
        PathId(at)
    }

    fn add(&mut self, parent: u32, name: StepName) -> u32 {
        let node = PathNode { parent, name, uses: 0, value: T::default() };
        let added = match self.free.pop() {
            Some(free) => {
                if let Some(slot) = self.nodes.get_mut(free as usize) {
                    *slot = node;
                }
                free
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.children.insert((parent, name), added);
        self.count(parent, 1);
        added
    }

    fn count(&mut self, node: u32, more: u32) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.uses += more;
        }
    }

    /// Keeps a path once less. A path that is kept no more is removed, with those above it that nothing else needs. Returns
    /// whether it is.
    pub(crate) fn release(&mut self, path: PathId) -> bool {
        let mut at = path.0;
        while let Some(node) = self.nodes.get_mut(at as usize) {
            node.uses = node.uses.saturating_sub(1);
            if node.uses > 0 || at == 0 {
                break;
            }
            node.value = T::default();
            let (parent, name) = (node.parent, node.name);
            self.children.remove(&(parent, name));
            self.free.push(at);
            self.freed += 1;
            self.freed_bytes += self.names.resolve(name).local.len();
            at = parent;
        }
        at != path.0
    }

    /// Returns the number of steps.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// Returns the number of steps whose names are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.children.len() + self.freed
    }

    /// Returns the number of bytes that are kept of names.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.names.bytes()
    }

    /// Returns whether more is kept of paths that were removed than of those that are there.
    pub(crate) fn is_wasteful(&self) -> bool {
        const FEW: usize = 1024;
        const FEW_BYTES: usize = 64 << 10;
        self.freed > FEW && self.freed > self.children.len()
            || self.freed_bytes > FEW_BYTES && self.freed_bytes > self.names.bytes() / 2
    }

    /// Adds a path of another trie, as [`insert`](Self::insert).
    pub(crate) fn insert_from(&mut self, other: &Self, path: PathId) -> PathId {
        let steps = other.steps(path).into_iter().map(|name| self.names.intern(other.names.resolve(name)));
        let steps = steps.collect();
        self.insert_names(steps)
    }

    /// Returns all paths, those below after those above.
    pub(crate) fn all(&self) -> impl Iterator<Item = PathId> + '_ {
        let mut stack = vec![PathId(0)];
        std::iter::from_fn(move || {
            let at = stack.pop()?;
            stack.extend(self.children_of(at));
            Some(at)
        })
    }

    /// Returns the value of a path.
    pub(crate) fn get(&self, path: PathId) -> Option<&T> {
        self.nodes.get(path.0 as usize).map(|node| &node.value)
    }

    /// Returns the value of a path.
    pub(crate) fn get_mut(&mut self, path: PathId) -> Option<&mut T> {
        self.nodes.get_mut(path.0 as usize).map(|node| &mut node.value)
    }

    /// Goes one step down a path with namespaces. Paths without namespaces are followed too.
    pub(crate) fn step(&self, front: PathFront, step: &PatternStep) -> PathFront {
        let mut next = PathFront { depth: front.depth + 1, ..PathFront::default() };
        if front.known.is_none() && front.unknown.is_none() {
            return next;
        }
        let Ok(text) = step.created() else { return next };
        let child = |parent: Option<PathId>, namespace: &str| {
            let name = self.names.get(QName::new(namespace, &text))?;
            self.children.get(&(parent?.0, name)).copied().map(PathId)
        };
        next.known = child(front.known, &step.namespace);
        next.unknown = match front.depth {
            depth if depth < CONTROLLER_STEPS => None,
            CONTROLLER_STEPS => child(front.known, UNKNOWN),
            _ => child(front.unknown, UNKNOWN),
        };
        next
    }

    /// Returns where a path with namespaces is.
    pub(crate) fn find(&self, pattern: &Pattern) -> PathFront {
        pattern.steps.iter().fold(PathFront::ROOT, |front, step| self.step(front, step))
    }

    /// Returns all paths that may name the same node as this one: itself, and the same with or without namespaces.
    pub(crate) fn same(&self, path: PathId, counter: &mut StepCounter) -> Result<SamePaths, TreeError> {
        let steps = self.steps(path).into_iter().map(|name| self.names.resolve(name));
        let names = |depth: usize, step: QName<'_>| match step.namespace {
            UNKNOWN if depth >= CONTROLLER_STEPS => self.names.of_text(step.local).collect(),
            UNKNOWN | UNREADABLE => self.names.get(step).into_iter().collect(),
            _ => [step, QName::new(UNKNOWN, step.local)]
                .into_iter()
                .filter_map(|s| self.names.get(s))
                .collect(),
        };
        self.with_names(steps, names, counter)
    }

    /// Returns all paths that differ from this one in their namespaces only, and itself.
    pub(crate) fn same_names(&self, path: PathId, counter: &mut StepCounter) -> Result<SamePaths, TreeError> {
        let steps = self.steps(path).into_iter().map(|name| self.names.resolve(name));
        self.with_names(steps, |depth, step| self.any_namespace(depth, step), counter)
    }

    /// As [`same_names`](Self::same_names), of a path that need not be there.
    pub(crate) fn with_names_of(
        &self,
        path: &Pattern,
        counter: &mut StepCounter,
    ) -> Result<Vec<PathId>, TreeError> {
        Ok(self.all_with_names_of(path, counter)?.paths)
    }

    /// As [`with_names_of`](Self::with_names_of), with the paths above them.
    pub(crate) fn prefixes_with_names_of(
        &self,
        path: &Pattern,
        counter: &mut StepCounter,
    ) -> Result<Vec<PathId>, TreeError> {
        let SamePaths { mut paths, above } = self.all_with_names_of(path, counter)?;
        paths.extend(above);
        Ok(paths)
    }

    fn all_with_names_of(&self, path: &Pattern, counter: &mut StepCounter) -> Result<SamePaths, TreeError> {
        let texts: Option<Vec<String>> = path.steps.iter().map(|step| step.created().ok()).collect();
        let texts = texts.unwrap_or_default();
        let steps = path.steps.iter().zip(&texts).map(|(step, text)| QName::new(&step.namespace, text));
        self.with_names(steps, |depth, step| self.any_namespace(depth, step), counter)
    }

    fn any_namespace(&self, depth: usize, step: QName<'_>) -> Vec<StepName> {
        match step.namespace {
            UNREADABLE => self.names.get(step).into_iter().collect(),
            _ if depth < CONTROLLER_STEPS => self.names.get(step).into_iter().collect(),
            _ => self.names.of_text(step.local).collect(),
        }
    }

    /// Returns the paths whose steps have the names that `names` returns for each depth and step.
    fn with_names<'n>(
        &self,
        steps: impl Iterator<Item = QName<'n>>,
        names: impl Fn(usize, QName<'n>) -> Vec<StepName>,
        counter: &mut StepCounter,
    ) -> Result<SamePaths, TreeError> {
        let (mut at, mut above) = (vec![0], Vec::new());
        for (depth, step) in steps.enumerate() {
            above.extend(at.iter().filter(|&&path| path != 0).copied().map(PathId));
            let mut names = names(depth, step);
            names.sort_unstable();
            let mut below = Vec::new();
            for parent in at {
                let all = self.children.range((parent, StepName::FIRST)..);
                let all =
                    all.take_while(|((of, _), _)| *of == parent).map(|((_, name), &child)| (name, child));
                // A parent may have fewer children than there are names, or more.
                let some: Vec<_> = all.take(names.len()).collect();
                counter.steps(1 + some.len())?;
                if some.len() < names.len() {
                    let named = some.into_iter().filter(|(name, _)| names.binary_search(name).is_ok());
                    below.extend(named.map(|(_, child)| child));
                } else {
                    counter.steps(names.len())?;
                    let child = |&name: &StepName| self.children.get(&(parent, name)).copied();
                    below.extend(names.iter().filter_map(child));
                }
            }
            at = below;
        }
        Ok(SamePaths { paths: at.into_iter().map(PathId).collect(), above })
    }

    /// Returns the number of steps.
    pub(crate) fn depth(&self, path: PathId) -> usize {
        self.steps(path).len()
    }

    /// Returns the local name of the last step, without predicates.
    pub(crate) fn local_name(&self, path: PathId) -> &str {
        let name = self.nodes.get(path.0 as usize).map_or("", |node| self.names.resolve(node.name).local);
        name.split_once('[').map_or(name, |(local, _)| local)
    }

    /// Returns the paths that are one step longer.
    pub(crate) fn children_of(&self, parent: PathId) -> impl Iterator<Item = PathId> + '_ {
        let all = self.children.range((parent.0, StepName::FIRST)..);
        all.take_while(move |((of, _), _)| *of == parent.0).map(|(_, &child)| PathId(child))
    }

    /// Returns the names of the steps, from the top down.
    fn steps(&self, path: PathId) -> Vec<StepName> {
        let mut steps = Vec::new();
        let mut at = path.0;
        while let Some(node) = self.nodes.get(at as usize).filter(|_| at != 0) {
            steps.push(node.name);
            at = node.parent;
        }
        steps.reverse();
        steps
    }

    /// Returns a path in the form of `created` lists.
    pub(crate) fn text(&self, path: PathId) -> String {
        let mut text = String::new();
        for name in self.steps(path) {
            let QName { namespace, local } = self.names.resolve(name);
            if namespace != UNREADABLE {
                text.push('/');
            }
            text.push_str(local);
        }
        text
    }

    /// Returns a path with its namespaces, if they are known.
    pub(crate) fn pattern(&self, path: PathId) -> Option<Pattern> {
        let steps = self.steps(path).into_iter().map(|name| {
            let QName { namespace, local } = self.names.resolve(name);
            let known = namespace != UNKNOWN && namespace != UNREADABLE;
            let parsed = Path::parse_unescaped(&format!("/{local}")).ok().filter(|_| known)?;
            parsed.steps.into_iter().next().map(|step| PatternStep::in_namespace(namespace, step))
        });
        steps.collect::<Option<Vec<_>>>().map(|steps| Pattern { steps })
    }
}

/// Returns the pattern of a path of a `created` list: with the controller's namespace for its own steps, and no namespace
/// for the others. None if it cannot be parsed.
pub(crate) fn entry_pattern(path: &str) -> Option<Pattern> {
    let parsed = Path::parse_unescaped(path).ok()?;
    let own = ["devices", "device", "config"];
    let is_own =
        parsed.steps.len() >= own.len() && parsed.steps.iter().zip(own).all(|(step, own)| *step.name == *own);
    let steps = parsed.steps.into_iter().enumerate().map(|(depth, step)| {
        let namespace = if is_own && depth < CONTROLLER_STEPS { CONTROLLER } else { UNKNOWN };
        PatternStep::in_namespace(namespace, step)
    });
    Some(Pattern { steps: steps.collect() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values with everything that a path gives a meaning to, but not both kinds of quotes.
    fn value() -> impl Strategy<Value = String> {
        "[ab/=. \\[\\]'\"]{0,6}".prop_filter("XPath has no literal for it", |value| {
            !(value.contains('"') && value.contains('\''))
        })
    }

    /// A step, with no key, one or two, or the value of a leaf-list entry.
    fn step() -> impl Strategy<Value = PatternStep> {
        let keys = prop::collection::vec(value(), 0..3);
        ("urn:[ab]", "[xy]", keys, prop::option::of(value())).prop_map(|(namespace, local, keys, entry)| {
            let mut step = PatternStep::new(QName::new(&namespace, &local));
            let named = ["k", "l"].into_iter().zip(keys);
            step.keys.extend(named.map(|(key, value)| (key.into(), Some(value))));
            if step.keys.is_empty() {
                step.entry = entry.map(Some);
            }
            step
        })
    }

    /// The path of something on a device.
    fn place() -> impl Strategy<Value = Pattern> {
        (value(), prop::collection::vec(step(), 1..4)).prop_map(|(device, steps)| {
            let mut above =
                ["devices", "device", "config"].map(|local| PatternStep::new(QName::new(CONTROLLER, local)));
            above[1].keys.push(("name".into(), Some(device)));
            Pattern { steps: above.into_iter().chain(steps).collect() }
        })
    }

    proptest! {
        #[test]
        fn path_is_found_and_read_back_as_it_was(places in prop::collection::vec(place(), 1..8)) {
            let mut trie = PathTrie::<()>::default();
            let known: Vec<PathId> = places.iter().map(|place| trie.insert(place).unwrap()).collect();
            let unknown: Vec<PathId> =
                places.iter().map(|place| trie.insert_entry(&place.created().unwrap())).collect();
            for ((place, &known), &unknown) in places.iter().zip(&known).zip(&unknown) {
                prop_assert_eq!(trie.pattern(known), Some(place.clone()));
                prop_assert_eq!(trie.pattern(unknown), None);
                prop_assert_eq!(trie.text(known), place.created().unwrap());
                prop_assert_eq!(trie.text(unknown), place.created().unwrap());
                prop_assert_eq!(trie.find(place).paths().collect::<Vec<_>>(), [known, unknown]);
                let mut counter = StepCounter::default();
                prop_assert!(trie.same(known, &mut counter).unwrap().paths.contains(&unknown));
                prop_assert!(trie.same(unknown, &mut counter).unwrap().paths.contains(&known));
            }
            for path in known.into_iter().chain(unknown) {
                trie.release(path);
            }
            prop_assert_eq!(trie.len(), 0);
        }
    }
}
