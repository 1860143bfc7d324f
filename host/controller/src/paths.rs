//! Paths as the controller writes and reads them: in `created/path`, in the tag `cl:creator`, and in what
//! it notifies.
//!
//! They are XPath without prefixes: a name matches in any namespace. The real controller writes keys in
//! double quotes and escapes nothing, so a value that holds one makes a path that it cannot read back;
//! the same is true here.

use std::collections::HashMap;

use confine_tree::{DataNodeKind, NodeId, Schema, SchemaNode, Tree};

/// One step: a name, and what the node's children (`.` for the node itself) must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreatedStep<'a> {
    pub(crate) name: &'a str,
    pub(crate) predicates: Vec<(&'a str, &'a str)>,
}

/// Reads a path; none where XPath has no such expression, or has one that the controller never writes.
pub(crate) fn parse(path: &str) -> Option<Vec<CreatedStep<'_>>> {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    let mut steps = Vec::new();
    loop {
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        let (predicates, after) = predicates(after)?;
        steps.push(CreatedStep { name, predicates });
        match after.strip_prefix('/') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(steps),
            None => return None,
        }
    }
}

/// The predicates at the beginning of `text`, and what follows them.
fn predicates(mut text: &str) -> Option<(Vec<(&str, &str)>, &str)> {
    let mut predicates = Vec::new();
    while let Some(inside) = text.strip_prefix('[') {
        let (name, after) = inside.split_once('=')?;
        let quote = after.chars().next().filter(|&quote| quote == '\'' || quote == '"')?;
        let (value, after) = after.get(1..)?.split_once(quote)?;
        predicates.push((name, value));
        text = after.strip_prefix(']')?;
    }
    Some((predicates, text))
}

/// The path of a node, as the controller writes it into `created`.
pub(crate) fn path_of(tree: &Tree, node: NodeId, schema: &dyn Schema) -> String {
    let mut above: Vec<_> = std::iter::successors(Some(node), |&node| tree.parent(node)).collect();
    above.pop(); // the root
    let mut path = String::new();
    let mut at = schema.root();
    for node in above.into_iter().rev() {
        path.push('/');
        path.push_str(tree.qname(node).local);
        let known = at.and_then(|parent| schema.child(parent, tree.qname(node)));
        at = known;
        match known.map(|known| (known, schema.kind(known))) {
            Some((list, DataNodeKind::List)) => {
                let keys = keys(tree, node, schema, list);
                for (name, value) in schema.keys(list).iter().zip(&keys) {
                    path.push_str(&format!("[{name}=\"{value}\"]"));
                }
                at = Some(schema.entry(list, &keys));
            }
            Some((_, DataNodeKind::LeafList)) => {
                path.push_str(&format!("[.=\"{}\"]", tree.value(node).unwrap_or_default()));
            }
            _ => {}
        }
    }
    path
}

/// The values of an entry's keys, in the order of the model; empty for one that is missing.
pub(crate) fn keys<'t>(tree: &'t Tree, entry: NodeId, schema: &dyn Schema, list: SchemaNode) -> Vec<&'t str> {
    schema.keys(list).iter().map(|key| child_value(tree, entry, key).unwrap_or_default()).collect()
}

/// The value of the first child of this local name.
pub(crate) fn child_value<'t>(tree: &'t Tree, node: NodeId, local: &str) -> Option<&'t str> {
    let child = tree.children(node).find(|&child| tree.qname(child).local == local)?;
    Some(tree.value(child).unwrap_or_default())
}

/// What an index of siblings is for: their parent, their name, and the name of the child that tells them
/// apart.
type Siblings = (NodeId, Box<str>, Box<str>);

/// Finds nodes of one tree by path. Siblings of one name are indexed when they are first asked for, so
/// that finding each entry of a long list stays linear.
pub(crate) struct CreatedPaths<'t> {
    tree: &'t Tree,
    indexed: HashMap<Siblings, HashMap<&'t str, Vec<NodeId>>>,
}

impl<'t> CreatedPaths<'t> {
    pub(crate) fn new(tree: &'t Tree) -> Self {
        Self { tree, indexed: HashMap::new() }
    }

    /// The first node in document order that the path names, as XPath has it: from the root down.
    pub(crate) fn first(&mut self, steps: &[CreatedStep<'_>]) -> Option<NodeId> {
        self.first_below(Tree::ROOT, steps)
    }

    /// The same from `node` down.
    pub(crate) fn first_below(&mut self, node: NodeId, steps: &[CreatedStep<'_>]) -> Option<NodeId> {
        let Some((step, rest)) = steps.split_first() else { return Some(node) };
        self.children(node, step).into_iter().find_map(|child| self.first_below(child, rest))
    }

    fn children(&mut self, node: NodeId, step: &CreatedStep<'_>) -> Vec<NodeId> {
        let tree = self.tree;
        let named = |child: &NodeId| tree.qname(*child).local == step.name;
        let Some((&(key, value), others)) = step.predicates.split_first() else {
            return tree.children(node).filter(named).collect();
        };
        let index = self.indexed.entry((node, step.name.into(), key.into())).or_insert_with(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for child in tree.children(node).filter(named) {
                if let Some(value) = tested(tree, child, key) {
                    index.entry(value).or_default().push(child);
                }
            }
            index
        });
        let found = index.get(value).into_iter().flatten().copied();
        found
            .filter(|&child| others.iter().all(|&(key, value)| tested(tree, child, key) == Some(value)))
            .collect()
    }
}

fn tested<'t>(tree: &'t Tree, node: NodeId, name: &str) -> Option<&'t str> {
    match name {
        "." => Some(tree.value(node).unwrap_or_default()),
        name => child_value(tree, node, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_controller_can_read_and_what_it_cannot() {
        let steps = parse(r#"/devices/device[name="r 1/]"]/config/search[.='a"b']"#).unwrap();
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["devices", "device", "config", "search"]);
        assert_eq!(steps[1].predicates, [("name", "r 1/]")]);
        assert_eq!(steps[3].predicates, [(".", "a\"b")]);
        assert_eq!(parse("link[site='a'][number='1']").unwrap()[0].predicates.len(), 2);
        for unreadable in ["", "/", "/a//b", "/a[b]", "/a[b=1]", "bench[service-name='o'x']", "a[b='c'"] {
            assert_eq!(parse(unreadable), None, "{unreadable}");
        }
    }
}
