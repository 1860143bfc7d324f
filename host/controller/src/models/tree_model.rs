//! The schema, applied to the nodes of a tree.

use std::collections::HashMap;

use confine_tree::{DataNodeKind, Name, NodeId, QName, Schema, SchemaNode, Tree};

/// A schema, queried by the position of a node in a tree. The position is `None` for a node that is not in the
/// schema.
#[derive(Clone, Copy)]
pub struct TreeModel<'a> {
    schema: &'a dyn Schema,
}

/// What distinguishes a node from its siblings of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SiblingKey<'t> {
    /// The node is the only one of its name.
    Single,
    /// The values of its keys, in the order of the schema.
    Entry(Vec<&'t str>),
    /// Its value.
    Value(&'t str),
}

/// A child of a node, as [`TreeModel::children`] returns it.
#[derive(Clone, Debug)]
pub(crate) struct KeyedNode<'t> {
    pub(crate) node: NodeId,
    /// Its schema node; for a list entry that of the list, see [`TreeModel::below`].
    pub(crate) schema_node: Option<SchemaNode>,
    pub(crate) identity: Result<SiblingKey<'t>, SiblingKeyError>,
}

/// Why a node cannot be distinguished from its siblings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiblingKeyError {
    /// A list entry without one of its keys.
    #[error("`{node}` lacks its key `{key}`")]
    MissingKey {
        /// The path of the entry.
        node: String,
        /// The local name of the key.
        key: String,
    },
    /// Several nodes of the same name that are not in the schema.
    #[error(
        "the keys of the list `{node}` are not known; name the entry by its keys, as in `{node}[key='value']`"
    )]
    UnknownKeys {
        /// The path of the list.
        node: String,
    },
}

impl<'a> TreeModel<'a> {
    /// Returns a view of `schema`.
    pub fn new(schema: &'a dyn Schema) -> Self {
        Self { schema }
    }

    /// Returns the root, above all top-level nodes.
    pub(crate) fn root(&self) -> Option<SchemaNode> {
        self.schema.root()
    }

    /// Returns the schema node of a child.
    pub(crate) fn child(&self, schema_node: Option<SchemaNode>, name: QName<'_>) -> Option<SchemaNode> {
        schema_node.and_then(|parent| self.schema.child(parent, name))
    }

    /// Returns the schema node of an entry of a list: each entry may have its own mounted schema.
    pub(crate) fn entry(&self, schema_node: Option<SchemaNode>, keys: &[&str]) -> Option<SchemaNode> {
        schema_node.map(|list| self.schema.entry(list, keys))
    }

    /// Returns the schema node that the children of a node belong to: for a list entry, that of the entry.
    pub(crate) fn below(
        &self,
        schema_node: Option<SchemaNode>,
        identity: &SiblingKey<'_>,
    ) -> Option<SchemaNode> {
        match identity {
            SiblingKey::Entry(keys) => self.entry(schema_node, keys),
            SiblingKey::Single | SiblingKey::Value(_) => schema_node,
        }
    }

    /// Returns the schema node of a node; for a list entry, that of the list.
    pub(crate) fn schema_node(&self, tree: &Tree, node: NodeId) -> Option<SchemaNode> {
        let mut schema_node = self.root();
        for step in tree.path_to(node) {
            schema_node = self.child(schema_node, tree.qname(step));
            if step != node
                && let Ok(identity) = self.identify(schema_node, tree, step, || false)
            {
                schema_node = self.below(schema_node, &identity);
            }
        }
        schema_node
    }

    /// Returns the kind of a node.
    pub(crate) fn kind(&self, schema_node: Option<SchemaNode>) -> Option<DataNodeKind> {
        schema_node.map(|node| self.schema.kind(node))
    }

    /// Returns the local names of a list's keys, in order. Empty for a list without keys and for anything else.
    pub(crate) fn keys(&self, schema_node: Option<SchemaNode>) -> &'a [Box<str>] {
        schema_node.map_or(&[], |node| self.schema.keys(node))
    }

    /// Whether the entries of a list or leaf-list are `ordered-by user`.
    pub(crate) fn ordered_by_user(&self, schema_node: Option<SchemaNode>) -> bool {
        schema_node.is_some_and(|node| self.schema.ordered_by_user(node))
    }

    /// Returns the children of a node, in document order.
    pub(crate) fn children<'t>(
        &self,
        schema_node: Option<SchemaNode>,
        tree: &'t Tree,
        node: NodeId,
    ) -> Vec<KeyedNode<'t>> {
        let mut names: HashMap<Name, (Option<SchemaNode>, usize)> = HashMap::new();
        for child in tree.children(node) {
            let name = tree.name(child);
            let known = names.entry(name).or_insert_with(|| (self.child(schema_node, tree.qname(child)), 0));
            known.1 += 1;
        }
        let children = tree.children(node).map(|child| {
            let (schema_node, count) = names.get(&tree.name(child)).copied().unwrap_or_default();
            KeyedNode {
                node: child,
                schema_node,
                identity: self.identify(schema_node, tree, child, || count > 1),
            }
        });
        children.collect()
    }

    /// Returns what distinguishes a node from its siblings. A node that is not in the schema must be the only
    /// one of its name: keys are never guessed.
    pub(crate) fn identify<'t>(
        &self,
        schema_node: Option<SchemaNode>,
        tree: &'t Tree,
        node: NodeId,
        has_twin: impl FnOnce() -> bool,
    ) -> Result<SiblingKey<'t>, SiblingKeyError> {
        let unknown = || SiblingKeyError::UnknownKeys { node: tree.location(node) };
        match self.kind(schema_node) {
            Some(DataNodeKind::List) => {
                let namespace = tree.qname(node).namespace;
                let key = |local: &str| match tree.child(node, QName::new(namespace, local)) {
                    Some(leaf) => Ok(tree.value(leaf).unwrap_or_default()),
                    None => Err(SiblingKeyError::MissingKey { node: tree.location(node), key: local.into() }),
                };
                match self.keys(schema_node) {
                    [] => Err(unknown()),
                    keys => {
                        keys.iter().map(|local| key(local)).collect::<Result<_, _>>().map(SiblingKey::Entry)
                    }
                }
            }
            Some(DataNodeKind::LeafList) => Ok(SiblingKey::Value(tree.value(node).unwrap_or_default())),
            None if has_twin() => Err(unknown()),
            Some(_) | None => Ok(SiblingKey::Single),
        }
    }
}

#[cfg(test)]
mod tests {
    use confine_tree::xml;

    use super::*;
    use crate::testing::{TEST, test_schema};

    fn identity(text: &str) -> String {
        let tree = xml::parse(&format!("<c xmlns='{TEST}'>{text}</c>")).unwrap();
        let schema = test_schema();
        let model = TreeModel::new(&schema);
        let top = tree.first_child(Tree::ROOT).unwrap();
        let children = model.children(model.schema_node(&tree, top), &tree, top);
        children.last().map(|child| format!("{:?}", child.identity)).unwrap()
    }

    #[test]
    fn sibling_key_follows_the_schema() {
        let identities = ["<l><v>1</v><k>2</k></l>", "<l><v>1</v></l>", "<z/>", "<z/><z/>", "<a>1</a>"];
        insta::assert_snapshot!(identities.map(identity).join("\n"), @r#"
        Ok(Entry(["2"]))
        Err(MissingKey { node: "/c/l", key: "k" })
        Ok(Single)
        Err(UnknownKeys { node: "/c/z" })
        Ok(Single)
        "#);
    }
}
