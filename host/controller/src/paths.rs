//! Paths as the controller writes and reads them: in `created/path`, in the attribute `cl:creator`, and in
//! notifications.
//!
//! They are XPath without prefixes: a name matches in any namespace. The real controller writes keys in
//! double quotes and escapes nothing, so it cannot read back a path with a double quote in a value. Neither
//! can this one.

use std::collections::HashMap;

use confine_tree::{DataNodeKind, NodeId, Schema, Tree};

use crate::datastore::trees::{ModelledTree, child_value};

/// One step: a name, and the values that the node's children (`.` for the node itself) must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreatedStep<'a> {
    pub(crate) name: &'a str,
    pub(crate) predicates: Vec<(&'a str, &'a str)>,
}

/// Parses a path. Returns `None` for text that is not XPath, or that the controller never writes.
pub(crate) fn parse_path(path: &str) -> Option<Vec<CreatedStep<'_>>> {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    let mut steps = Vec::new();
    loop {
        let end = rest.find(['/', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        if name.is_empty() {
            return None;
        }
        let (predicates, after) = parse_predicates(after)?;
        steps.push(CreatedStep { name, predicates });
        match after.strip_prefix('/') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(steps),
            None => return None,
        }
    }
}

/// Returns the predicates at the beginning of `text`, and the rest of it.
fn parse_predicates(mut text: &str) -> Option<(Vec<(&str, &str)>, &str)> {
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

impl ModelledTree<'_> {
    /// Returns the path of a node, as the controller writes it into `created`.
    pub(crate) fn path_of(self, node: NodeId) -> String {
        let Self { tree, schema } = self;
        let mut path = String::new();
        let mut at = schema.root();
        for node in tree.path_to(node) {
            path.push('/');
            path.push_str(tree.qname(node).local);
            at = self.schema_node(node, at);
            match at.map(|schema_node| (schema_node, schema.kind(schema_node))) {
                Some((list, DataNodeKind::List)) => {
                    let keys = self.key_values(node, list);
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
}

/// The key of an index of siblings: their parent, their name, and the name of the child whose value
/// distinguishes them.
type SiblingSet = (NodeId, Box<str>, Box<str>);

/// Finds nodes of a tree by path. Siblings of the same name are indexed on first use, so that finding each
/// entry of a long list takes linear time in total.
pub(crate) struct CreatedPathSearch<'t> {
    tree: &'t Tree,
    indexed: HashMap<SiblingSet, HashMap<&'t str, Vec<NodeId>>>,
}

impl<'t> CreatedPathSearch<'t> {
    pub(crate) fn new(tree: &'t Tree) -> Self {
        Self { tree, indexed: HashMap::new() }
    }

    /// Returns the first node in document order that the path names, from the root down.
    pub(crate) fn first(&mut self, steps: &[CreatedStep<'_>]) -> Option<NodeId> {
        self.first_below(Tree::ROOT, steps)
    }

    /// Returns the first node in document order that the path names, from `node` down.
    pub(crate) fn first_below(&mut self, node: NodeId, steps: &[CreatedStep<'_>]) -> Option<NodeId> {
        let Some((step, rest)) = steps.split_first() else { return Some(node) };
        self.children(node, step).into_iter().find_map(|child| self.first_below(child, rest))
    }

    fn children(&mut self, node: NodeId, step: &CreatedStep<'_>) -> Vec<NodeId> {
        let tree = self.tree;
        let has_name = |child: &NodeId| tree.qname(*child).local == step.name;
        let Some((&(key, value), others)) = step.predicates.split_first() else {
            return tree.children(node).filter(has_name).collect();
        };
        let index = self.indexed.entry((node, step.name.into(), key.into())).or_insert_with(|| {
            let mut index: HashMap<_, Vec<_>> = HashMap::new();
            for child in tree.children(node).filter(has_name) {
                if let Some(value) = tested_value(tree, child, key) {
                    index.entry(value).or_default().push(child);
                }
            }
            index
        });
        let found = index.get(value).into_iter().flatten().copied();
        found
            .filter(|&child| others.iter().all(|&(key, value)| tested_value(tree, child, key) == Some(value)))
            .collect()
    }
}

/// Returns the value that a predicate tests.
fn tested_value<'t>(tree: &'t Tree, node: NodeId, name: &str) -> Option<&'t str> {
    match name {
        "." => Some(tree.value(node).unwrap_or_default()),
        name => child_value(tree, node, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_unescaped_quotes_cannot_be_parsed() {
        let steps = parse_path(r#"/devices/device[name="r 1/]"]/config/search[.='a"b']"#).unwrap();
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["devices", "device", "config", "search"]);
        assert_eq!(steps[1].predicates, [("name", "r 1/]")]);
        assert_eq!(steps[3].predicates, [(".", "a\"b")]);
        assert_eq!(parse_path("link[site='a'][number='1']").unwrap()[0].predicates.len(), 2);
        for unreadable in ["", "/", "/a//b", "/a[b]", "/a[b=1]", "bench[service-name='o'x']", "a[b='c'"] {
            assert_eq!(parse_path(unreadable), None, "{unreadable}");
        }
    }
}
