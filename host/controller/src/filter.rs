//! XPath filters of `get` and `get-config` (RFC 6241, section 8.9): the part that services daemons use.
//!
//! A filter is a union of paths from the root, with a prefix at each step and at each key:
//! `/ctrl:services | /ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config`. As with the real
//! controller, a step without a prefix and a name that no node has select nothing. A path that ends in `/*`
//! selects the children of the nodes before it.

pub(crate) mod lost_entries;

use std::collections::{HashMap, HashSet};

use confine_tree::{
    Error, Name, NodeId, Path, PathError, Pattern, PatternStep, Predicate, QName, SchemaNode, Tree,
};

use crate::models::tree_model::TreeModel;

/// Up to this many children are searched one by one, without an index.
const LINEAR_SEARCH_LIMIT: usize = 16;

/// Why a filter cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XPathFilterError {
    /// A path in it cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A prefix is not bound to a namespace where the filter is.
    #[error("the prefix `{prefix}` in the filter `{path}` is not bound to a namespace")]
    UnboundPrefix {
        /// The prefix.
        prefix: String,
        /// The path that uses it.
        path: String,
    },
}

/// An XPath filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XPathFilter {
    branches: Vec<UnionBranch>,
}

/// One path of the union.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UnionBranch {
    pattern: Pattern,
    /// Whether the filter selects the children of the nodes instead of the nodes.
    selects_children: bool,
}

impl XPathFilter {
    /// Parses the value of `select`. `namespaces` are the prefixes in scope and their namespaces.
    pub fn parse(select: &str, namespaces: &[(&str, &str)]) -> Result<Self, XPathFilterError> {
        let namespaces: HashMap<&str, &str> = namespaces.iter().copied().collect();
        let mut branches = Vec::new();
        for path in split_union(select) {
            let path = path.trim_matches([' ', '\t', '\n', '\r']);
            let (path, selects_children) =
                path.strip_suffix("/*").map_or((path, false), |above| (above, true));
            let pattern = match path {
                // The children of the root.
                "" if selects_children => Some(Pattern::default()),
                path => resolve(&Path::parse_xpath(path)?, &namespaces)?,
            };
            branches.extend(pattern.map(|pattern| UnionBranch { pattern, selects_children }));
        }
        Ok(Self { branches })
    }

    /// Returns the nodes that the filter selects, each once; the root stands for everything. [`prune`] returns
    /// them in document order.
    pub fn select(&self, tree: &Tree) -> Vec<NodeId> {
        let mut seen = HashSet::new();
        let selected = self.select_each(tree).into_iter().flatten();
        selected.filter(|&node| seen.insert(node)).collect()
    }

    /// As [`select`](Self::select), without what the real controller loses: see [`lost_entries`].
    pub(crate) fn select_some(&self, tree: &Tree) -> Vec<NodeId> {
        let mut selected = self.select_each(tree);
        let found = self.branches.iter().zip(&selected).map(|(branch, nodes)| (branch, !nodes.is_empty()));
        let lost = lost_entries::lost_branches(found.map(
            |(UnionBranch { pattern, selects_children }, is_found)| (pattern, *selects_children, is_found),
        ));
        lost.into_iter().filter_map(|lost| selected.get_mut(lost).map(Vec::clear)).for_each(drop);
        let mut seen = HashSet::new();
        selected.into_iter().flatten().filter(|&node| seen.insert(node)).collect()
    }

    /// Returns the nodes that each path selects.
    fn select_each(&self, tree: &Tree) -> Vec<Vec<NodeId>> {
        let mut index = EntryIndex::new(tree);
        let mut select = |UnionBranch { pattern, selects_children }: &UnionBranch| {
            let nodes = index.matches(pattern);
            match selects_children {
                true => nodes.into_iter().flat_map(|node| tree.children(node)).collect(),
                false => nodes,
            }
        };
        self.branches.iter().map(&mut select).collect()
    }
}

/// Returns the paths of a union: the text between each `|` outside quotes.
fn split_union(select: &str) -> impl Iterator<Item = &str> {
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

/// Replaces the prefixes of a path by namespaces. Returns `None` if the path cannot match anything.
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

/// Indexes of the children of a node by name, and of the entries of a list by keys. Each is built on first
/// use: a filter may name each of thousands of entries.
struct EntryIndex<'t> {
    tree: &'t Tree,
    by_name: HashMap<NodeId, HashMap<Name, Vec<NodeId>>>,
    /// By the values of the leaves with these names; without names, by the value of the node itself.
    by_key: HashMap<(NodeId, Name, Vec<Name>), KeyTable<'t>>,
}

impl<'t> EntryIndex<'t> {
    fn new(tree: &'t Tree) -> Self {
        Self { tree, by_name: HashMap::new(), by_key: HashMap::new() }
    }

    /// Returns the nodes that a pattern matches.
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
            let children = nodes.into_iter().flat_map(|parent| match &*values {
                [] => self.children_with_name(parent, name),
                values => self.children_with_keys(parent, name, &keys, values),
            });
            nodes = children.collect();
        }
        nodes
    }

    /// Returns all children with this name.
    fn children_with_name(&mut self, parent: NodeId, name: Name) -> Vec<NodeId> {
        let tree = self.tree;
        if tree.children(parent).nth(LINEAR_SEARCH_LIMIT).is_none() {
            return tree.children_named(parent, name).collect();
        }
        let names = self.by_name.entry(parent).or_insert_with(|| {
            let mut names: HashMap<Name, Vec<NodeId>> = HashMap::new();
            tree.children(parent).for_each(|child| names.entry(tree.name(child)).or_default().push(child));
            names
        });
        names.get(&name).cloned().unwrap_or_default()
    }

    /// Returns all children with this name in which these leaves have these values.
    fn children_with_keys(
        &mut self,
        parent: NodeId,
        name: Name,
        keys: &[Name],
        values: &[&str],
    ) -> Vec<NodeId> {
        let tree = self.tree;
        let children = self.children_with_name(parent, name);
        if children.len() <= LINEAR_SEARCH_LIMIT {
            return children
                .into_iter()
                .filter(|&entry| index_key(tree, entry, keys).is_some_and(|found| found == values))
                .collect();
        }
        let table = self.by_key.entry((parent, name, keys.to_vec())).or_insert_with(|| {
            let mut table = KeyTable::new();
            for entry in children {
                if let Some(values) = index_key(tree, entry, keys) {
                    table.entry(values).or_default().push(entry);
                }
            }
            table
        });
        table.get(values).cloned().unwrap_or_default()
    }
}

/// Returns the values of these leaves of an entry, or its own value if no leaves are named.
fn index_key<'t>(tree: &'t Tree, entry: NodeId, keys: &[Name]) -> Option<Vec<&'t str>> {
    if keys.is_empty() {
        return Some(vec![tree.value(entry).unwrap_or_default()]);
    }
    let leaf = |&key: &Name| tree.children_named(entry, key).next();
    keys.iter().map(|key| Some(tree.value(leaf(key)?).unwrap_or_default())).collect()
}

/// Returns the reply to a filter: the selected nodes with everything below them, in document order, within
/// their ancestors and the keys of those. `depth` limits the number of levels; 1 means the top-level nodes
/// only. Clixon counts a value as a level, so nodes of the last level have no value.
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
            pruning.marks.insert(above, SelectionMark::Ancestor);
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
        Some(SelectionMark::Ancestor) => {
            pruning.prune_children(Tree::ROOT, Tree::ROOT, model.root(), levels)?
        }
    }
    let mut pruned = pruning.pruned;
    if let Some(depth) = depth {
        let last = pruned.descendants(Tree::ROOT).filter(|&(_, at)| at == depth).map(|(node, _)| node);
        let last: Vec<NodeId> = last.filter(|&node| pruned.value(node).is_some()).collect();
        last.into_iter().try_for_each(|node| pruned.set_value(node, "", &[]))?;
    }
    Ok(pruned)
}

/// Why a node is in the reply.
#[derive(Clone, Copy)]
enum SelectionMark {
    Selected,
    /// A node below it is selected.
    Ancestor,
}

struct Pruning<'a> {
    tree: &'a Tree,
    model: &'a TreeModel<'a>,
    marks: HashMap<NodeId, SelectionMark>,
    pruned: Tree,
}

impl Pruning<'_> {
    fn prune_children(
        &mut self,
        from: NodeId,
        to: NodeId,
        schema_node: Option<SchemaNode>,
        levels: usize,
    ) -> Result<(), Error> {
        let Some(levels) = levels.checked_sub(1) else { return Ok(()) };
        let tree = self.tree;
        for child in tree.children(from) {
            match self.marks.get(&child) {
                None => {}
                Some(SelectionMark::Selected) => drop(self.pruned.append_copy_to(to, tree, child, levels)?),
                Some(SelectionMark::Ancestor) => {
                    let qname = tree.qname(child);
                    let name = self.pruned.intern(qname);
                    let copy = self.pruned.append(to, name)?;
                    let list = self.model.child(schema_node, qname);
                    let mut values = Vec::new();
                    for key in self.model.keys(list) {
                        let Some(key) = tree.child(child, QName::new(qname.namespace, key)) else { continue };
                        values.push(tree.value(key).unwrap_or_default());
                        // A selected key is copied with the other children.
                        if levels > 0 && !self.marks.contains_key(&key) {
                            self.pruned.append_copy(copy, tree, key)?;
                        }
                    }
                    let below = if values.is_empty() { list } else { self.model.entry(list, &values) };
                    self.prune_children(child, copy, below, levels)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
