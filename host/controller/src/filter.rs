//! XPath filters of `get` and `get-config` (RFC 6241, section 8.9), as far as anyone sends them.
//!
//! A filter is a union of paths from the root, with a prefix at each step and at each key:
//! `/ctrl:services | /ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config`. As with the controller, a
//! step without a prefix and a name that no node has select nothing. A path that ends in `/*` selects what is
//! in the nodes of the path before that.

use std::collections::{HashMap, HashSet};

use confine_tree::{
    Error, Name, NodeId, Path, PathError, Pattern, PatternStep, Predicate, QName, SchemaNode, Tree,
};

use crate::tree_model::TreeModel;

/// Children of a parent with at most this many are searched one by one.
const FEW: usize = 16;

/// A filter that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XPathFilterError {
    /// One of its paths.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A prefix that is not bound where the filter stands.
    #[error("the prefix `{prefix}` in the filter `{path}` is not bound to a namespace")]
    UnboundPrefix {
        /// The prefix.
        prefix: String,
        /// The path that uses it.
        path: String,
    },
}

/// What a filter selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XPathFilter {
    branches: Vec<UnionBranch>,
}

/// One path of the union.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UnionBranch {
    pattern: Pattern,
    /// Whether what is in the nodes is selected, and not they.
    inside: bool,
}

impl XPathFilter {
    /// Reads the value of `select`. `namespaces` are the prefixes that are bound where it stands.
    pub fn parse(select: &str, namespaces: &[(&str, &str)]) -> Result<Self, XPathFilterError> {
        let namespaces: HashMap<&str, &str> = namespaces.iter().copied().collect();
        let mut branches = Vec::new();
        for path in union(select) {
            let path = path.trim_matches([' ', '\t', '\n', '\r']);
            let (path, inside) = path.strip_suffix("/*").map_or((path, false), |above| (above, true));
            let pattern = match path {
                // What is in the root.
                "" if inside => Some(Pattern::default()),
                path => resolve(&Path::parse_xpath(path)?, &namespaces)?,
            };
            branches.extend(pattern.map(|pattern| UnionBranch { pattern, inside }));
        }
        Ok(Self { branches })
    }

    /// The nodes that it selects, each once; the root stands for everything. [`prune`] has them in
    /// document order.
    pub fn select(&self, tree: &Tree) -> Vec<NodeId> {
        let mut index = EntryIndex::new(tree);
        let mut seen = HashSet::new();
        let selected = self.branches.iter().flat_map(|UnionBranch { pattern, inside }| {
            let nodes = index.matches(pattern);
            match inside {
                true => nodes.into_iter().flat_map(|node| tree.children(node)).collect(),
                false => nodes,
            }
        });
        selected.filter(|&node| seen.insert(node)).collect()
    }
}

/// The paths of a union: what is between `|` outside of quotes.
fn union(select: &str) -> impl Iterator<Item = &str> {
    let mut open = None;
    select.split(move |character| {
        match open {
            Some(quote) if quote == character => open = None,
            None if matches!(character, '\'' | '"') => open = Some(character),
            _ => {}
        }
        open.is_none() && character == '|'
    })
}

/// The path with namespaces for prefixes; none where it can't match anything.
fn resolve(path: &Path, namespaces: &HashMap<&str, &str>) -> Result<Option<Pattern>, XPathFilterError> {
    let namespace = |prefix: &Option<Box<str>>| match prefix.as_deref() {
        None => Ok(""),
        Some(prefix) => namespaces
            .get(prefix)
            .copied()
            .ok_or_else(|| XPathFilterError::UnboundPrefix { prefix: prefix.into(), path: path.to_string() }),
    };
    let mut can_match = true;
    let mut pattern = Pattern::default();
    for step in &path.steps {
        let mut resolved = PatternStep::new(QName::new(namespace(&step.prefix)?, &step.name));
        can_match &= step.prefix.is_some();
        for predicate in &step.predicates {
            match predicate {
                Predicate::Key { prefix, name, value } => {
                    // The keys of a list are in its own namespace.
                    can_match &= prefix.is_some() && namespace(prefix)? == &*resolved.namespace;
                    resolved.keys.push((name.clone(), value.clone()));
                }
                Predicate::Entry { value } => resolved.entry = Some(value.clone()),
            }
        }
        pattern.steps.push(resolved);
    }
    Ok(can_match.then_some(pattern))
}

/// Entries of a list by the values of some of their leaves.
type KeyTable<'t> = HashMap<Vec<&'t str>, Vec<NodeId>>;

/// Tables that find the children of a node by name, and the entries of a list by their keys, each built when it
/// is first needed: a filter may name each of thousands of entries.
struct EntryIndex<'t> {
    tree: &'t Tree,
    by_name: HashMap<NodeId, HashMap<Name, Vec<NodeId>>>,
    /// By the values of the leaves with these names. No leaves stand for the value of the node itself.
    by_key: HashMap<(NodeId, Name, Vec<Name>), KeyTable<'t>>,
}

impl<'t> EntryIndex<'t> {
    fn new(tree: &'t Tree) -> Self {
        Self { tree, by_name: HashMap::new(), by_key: HashMap::new() }
    }

    /// The nodes that a pattern matches.
    fn matches(&mut self, pattern: &Pattern) -> Vec<NodeId> {
        let names = self.tree.names();
        let mut nodes = vec![Tree::ROOT];
        for step in &pattern.steps {
            let Some(name) = names.get(step.name()) else { return Vec::new() };
            let keys = step.keys.iter().filter_map(|(local, value)| Some((local, value.as_deref()?)));
            let keys =
                keys.map(|(local, value)| Some((names.get(QName::new(&step.namespace, local))?, value)));
            let Some(keys) = keys.collect::<Option<(Vec<Name>, Vec<&str>)>>() else { return Vec::new() };
            let (keys, values) = match &step.entry {
                Some(Some(value)) => (Vec::new(), vec![value.as_str()]),
                _ => keys,
            };
            let below = nodes.into_iter().flat_map(|parent| match &*values {
                [] => self.named(parent, name),
                values => self.entries(parent, name, &keys, values),
            });
            nodes = below.collect();
        }
        nodes
    }

    /// All children of a name.
    fn named(&mut self, parent: NodeId, name: Name) -> Vec<NodeId> {
        let tree = self.tree;
        if tree.children(parent).nth(FEW).is_none() {
            return tree.children_named(parent, name).collect();
        }
        let names = self.by_name.entry(parent).or_insert_with(|| {
            let mut names: HashMap<Name, Vec<NodeId>> = HashMap::new();
            tree.children(parent).for_each(|child| names.entry(tree.name(child)).or_default().push(child));
            names
        });
        names.get(&name).cloned().unwrap_or_default()
    }

    /// All children of a name in which these leaves have these values.
    fn entries(&mut self, parent: NodeId, name: Name, keys: &[Name], values: &[&str]) -> Vec<NodeId> {
        let tree = self.tree;
        let children = self.named(parent, name);
        if children.len() <= FEW {
            return children
                .into_iter()
                .filter(|&entry| key_values(tree, entry, keys).is_some_and(|found| found == values))
                .collect();
        }
        let table = self.by_key.entry((parent, name, keys.to_vec())).or_insert_with(|| {
            let mut table = KeyTable::new();
            for entry in children {
                if let Some(values) = key_values(tree, entry, keys) {
                    table.entry(values).or_default().push(entry);
                }
            }
            table
        });
        table.get(values).cloned().unwrap_or_default()
    }
}

/// The values of the leaves of an entry, or its own value where no leaves are named.
fn key_values<'t>(tree: &'t Tree, entry: NodeId, keys: &[Name]) -> Option<Vec<&'t str>> {
    if keys.is_empty() {
        return Some(vec![tree.value(entry).unwrap_or_default()]);
    }
    let leaf = |&key: &Name| tree.children_named(entry, key).next();
    keys.iter().map(|key| Some(tree.value(leaf(key)?).unwrap_or_default())).collect()
}

/// The answer to a filter: the selected nodes with all below them, in document order, and what they are
/// in: every element above, with the keys of list entries. With `depth` no more than so many levels from
/// the top; 1 is only the top-level nodes. A value is a level of its own, as Clixon counts: nodes of the last
/// level have none.
pub fn prune(
    tree: &Tree,
    selected: &[NodeId],
    model: &TreeModel<'_>,
    depth: Option<usize>,
) -> Result<Tree, Error> {
    let mut pruning = Pruning { tree, model, marks: HashMap::new(), pruned: Tree::new() };
    for &node in selected {
        pruning.marks.insert(node, SelectionMark::Selected);
        let mut at = tree.parent(node);
        while let Some(above) = at {
            if pruning.marks.contains_key(&above) {
                break;
            }
            pruning.marks.insert(above, SelectionMark::Above);
            at = tree.parent(above);
        }
    }
    let levels = depth.unwrap_or(usize::MAX);
    match pruning.marks.get(&Tree::ROOT) {
        _ if levels == 0 => {}
        None => {}
        Some(SelectionMark::Selected) => {
            for child in tree.children(Tree::ROOT) {
                pruning.pruned.append_copy_to(Tree::ROOT, tree, child, levels - 1)?;
            }
        }
        Some(SelectionMark::Above) => pruning.children(Tree::ROOT, Tree::ROOT, model.root(), levels)?,
    }
    let mut pruned = pruning.pruned;
    if let Some(depth) = depth {
        let last = pruned.descendants(Tree::ROOT).filter(|&(_, at)| at == depth).map(|(node, _)| node);
        let last: Vec<NodeId> = last.filter(|&node| pruned.value(node).is_some()).collect();
        last.into_iter().try_for_each(|node| pruned.set_value(node, "", &[]))?;
    }
    Ok(pruned)
}

/// Why a node is in the answer.
#[derive(Clone, Copy)]
enum SelectionMark {
    Selected,
    /// Something below it is selected.
    Above,
}

struct Pruning<'a> {
    tree: &'a Tree,
    model: &'a TreeModel<'a>,
    marks: HashMap<NodeId, SelectionMark>,
    pruned: Tree,
}

impl Pruning<'_> {
    fn children(
        &mut self,
        from: NodeId,
        to: NodeId,
        place: Option<SchemaNode>,
        levels: usize,
    ) -> Result<(), Error> {
        let Some(levels) = levels.checked_sub(1) else { return Ok(()) };
        let tree = self.tree;
        for child in tree.children(from) {
            match self.marks.get(&child) {
                None => {}
                Some(SelectionMark::Selected) => drop(self.pruned.append_copy_to(to, tree, child, levels)?),
                Some(SelectionMark::Above) => {
                    let qname = tree.qname(child);
                    let name = self.pruned.intern(qname);
                    let copy = self.pruned.append(to, name)?;
                    let list = self.model.child(place, qname);
                    let mut values = Vec::new();
                    for key in self.model.keys(list) {
                        let Some(key) = tree.child(child, QName::new(qname.namespace, key)) else { continue };
                        values.push(tree.value(key).unwrap_or_default());
                        // A key that is selected itself comes among the children.
                        if levels > 0 && !self.marks.contains_key(&key) {
                            self.pruned.append_copy(copy, tree, key)?;
                        }
                    }
                    let below = if values.is_empty() { list } else { self.model.entry(list, &values) };
                    self.children(child, copy, below, levels)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
