//! Finds who else depends on what instances own.

use std::{collections::BTreeSet, sync::Arc};

use confine_tree::{Error as TreeError, HashMap, HashSet, Pattern, QName, Schema, SchemaNode, StepCounter};

use crate::{
    InstanceRef, OwnedObject, OwnerIndex,
    path_trie::{PathFront, PathId, SamePaths, entry_pattern},
};

/// Finds objects that instances outside of a set own: the objects, or something above them. Looks at the owners of each
/// object once, however many instances of the set own it.
pub struct OutsideOwners<'a> {
    index: &'a OwnerIndex,
    set: &'a HashSet<&'a InstanceRef>,
    known: HashMap<PathId, bool>,
}

impl<'a> OutsideOwners<'a> {
    /// Begins a search with nothing known.
    pub fn new(index: &'a OwnerIndex, set: &'a HashSet<&'a InstanceRef>) -> Self {
        Self { index, set, known: HashMap::default() }
    }

    /// Returns whether an instance outside of the set owns the object, or one that may be the same, or one above it.
    ///
    /// # Errors
    /// [`Error::Stopped`](confine_tree::Error::Stopped).
    pub fn own(&mut self, object: OwnedObject<'_>, steps: &mut StepCounter) -> Result<bool, TreeError> {
        let SamePaths { paths, above } = self.index.same(object.path, steps)?;
        let mut owned = false;
        for path in above.into_iter().chain(paths) {
            steps.step()?;
            let known = match self.known.get(&path) {
                Some(&known) => known,
                None => {
                    let outside = self.index.owner_outside(path, self.set, steps)?.is_some();
                    self.known.insert(path, outside);
                    outside
                }
            };
            owned |= known;
        }
        Ok(owned)
    }
}

impl OwnerIndex {
    /// Returns who would lose something if what these instances own was removed and made again by them alone; each once, in
    /// order. That is who else owns one of their objects, or something above or below it: an owner of what is above may have
    /// set it. Those that are returned run as well, so what is below their objects counts too. An owner of a node in another
    /// case of a choice counts as well: the node may have been displaced, and comes back.
    ///
    /// # Errors
    /// [`Error::Stopped`](confine_tree::Error::Stopped).
    pub fn co_owners<'a>(
        &'a self,
        instances: &HashSet<InstanceRef>,
        schema: &dyn Schema,
        steps: &mut StepCounter,
    ) -> Result<BTreeSet<&'a InstanceRef>, TreeError> {
        let mut cases = OtherCases { schema, known: HashMap::default() };
        let mut seen_beside = HashSet::default();
        let mut search = Search {
            index: self,
            instances,
            steps,
            found: BTreeSet::new(),
            todo: Vec::new(),
            seen: HashSet::default(),
            seen_below: HashSet::default(),
        };
        let mut whole = HashSet::default();
        for object in instances.iter().flat_map(|instance| self.created_by(instance)) {
            search.steps.step()?;
            if !whole.contains(&object.path) {
                // The controller removes all nodes of a path without namespaces.
                let SamePaths { paths, above } = self.same_names(object.path, search.steps)?;
                whole.extend(paths.iter().copied());
                let place = entry_pattern(&object.path()).unwrap_or_default();
                for (depth, names) in cases.beside(&place, search.steps)?.iter() {
                    for &parent in above.iter().filter(|&&parent| self.depth(parent) == *depth) {
                        if seen_beside.insert((parent, names.clone())) {
                            let named = self.children_named(parent, names, search.steps)?;
                            search.owners_at_or_below(named)?;
                        }
                    }
                }
                above.into_iter().try_for_each(|path| search.owners_at(path))?;
                search.owners_at_or_below(paths)?;
            }
        }
        // What comes back of another case displaces what others have made in this one.
        for (_, original) in instances.iter().flat_map(|instance| self.originals().of(instance)) {
            search.steps.steps(original.place.steps.len())?;
            let is_removed = original.written.is_none();
            let beside =
                if is_removed { cases.beside(&original.place, search.steps)? } else { Arc::default() };
            for (depth, names) in beside.iter() {
                let above = original.place.steps.iter().take(*depth);
                let front = above.fold(PathFront::ROOT, |front, step| self.step(front, step));
                for parent in front.paths() {
                    if seen_beside.insert((parent, names.clone())) {
                        let named = self.children_named(parent, names, search.steps)?;
                        search.owners_at_or_below(named)?;
                    }
                }
            }
        }
        while let Some(owner) = search.todo.pop() {
            for object in self.created_by(owner) {
                search.steps.step()?;
                if whole.insert(object.path) {
                    let paths = self.same(object.path, search.steps)?.paths;
                    let below = paths.into_iter().flat_map(|path| self.paths_below(path));
                    search.owners_at_or_below(below.collect())?;
                }
            }
        }
        Ok(search.found)
    }
}

/// What is in other cases of the choices on a path: the number of steps to the parent, and the local names of its children.
type CasesBeside = Arc<[(usize, Arc<[Box<str>]>)]>;

/// Finds what is in other cases. Most objects have paths of the same names.
struct OtherCases<'a> {
    schema: &'a dyn Schema,
    known: HashMap<String, CasesBeside>,
}

impl OtherCases<'_> {
    /// `path` may be without namespaces.
    fn beside(&mut self, path: &Pattern, steps: &mut StepCounter) -> Result<CasesBeside, TreeError> {
        let device = path.steps.get(1).and_then(|device| device.key("name")).unwrap_or_default();
        let names: Vec<&str> = path.steps.iter().map(|step| &*step.local).collect();
        let key = format!("{device}\0{}", names.join("/"));
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let beside = self.find(path, steps)?;
        self.known.insert(key, beside.clone());
        Ok(beside)
    }

    /// A step may be a child of any namespace.
    fn find(&self, path: &Pattern, steps: &mut StepCounter) -> Result<CasesBeside, TreeError> {
        let schema = self.schema;
        let mut found = Vec::new();
        let mut at: Vec<SchemaNode> = schema.root().into_iter().collect();
        for (depth, step) in path.steps.iter().enumerate() {
            let mut names = BTreeSet::new();
            let mut below = Vec::new();
            for &parent in &at {
                for name in schema.children_named(parent, &step.local) {
                    let Some(child) = schema.child(parent, name) else { continue };
                    below.push(step.key_values().map_or(child, |values| schema.entry(child, &values)));
                    let cases = schema.cases(child);
                    let is_beside = |sibling: &QName<'_>| {
                        let others = schema.child(parent, *sibling).map(|other| schema.cases(other));
                        others.into_iter().flatten().any(|other| {
                            cases.iter().any(|case| case.choice == other.choice && case.case != other.case)
                        })
                    };
                    if !cases.is_empty() {
                        let children = schema.children(parent);
                        steps.steps(children.len())?;
                        names.extend(children.iter().filter(|name| is_beside(name)).map(|name| name.local));
                    }
                }
            }
            if !names.is_empty() {
                found.push((depth, names.into_iter().map(Into::into).collect()));
            }
            at = below;
        }
        Ok(found.into())
    }
}

/// What is known during a search for co-owners.
struct Search<'a, 's> {
    index: &'a OwnerIndex,
    /// The instances whose co-owners are looked for.
    instances: &'s HashSet<InstanceRef>,
    steps: &'s mut StepCounter,
    found: BTreeSet<&'a InstanceRef>,
    /// Those found whose own objects have not been looked at.
    todo: Vec<&'a InstanceRef>,
    /// The paths whose owners have been looked at.
    seen: HashSet<PathId>,
    /// The paths at and below which all owners have been looked at.
    seen_below: HashSet<PathId>,
}

impl Search<'_, '_> {
    fn owners_at(&mut self, path: PathId) -> Result<(), TreeError> {
        if !self.seen.insert(path) {
            return Ok(());
        }
        for owner in self.index.owners_at(path) {
            self.steps.step()?;
            if !self.instances.contains(owner) && self.found.insert(owner) {
                self.todo.push(owner);
            }
        }
        Ok(())
    }

    fn owners_at_or_below(&mut self, mut stack: Vec<PathId>) -> Result<(), TreeError> {
        while let Some(path) = stack.pop() {
            self.steps.step()?;
            if !self.seen_below.insert(path) {
                continue;
            }
            self.owners_at(path)?;
            stack.extend(self.index.paths_below(path));
        }
        Ok(())
    }
}
