//! What the data model says of the nodes of a tree.

use std::collections::HashMap;

use confine_tree::{DataNodeKind, Name, NodeId, QName, Schema, SchemaNode, Tree};

/// A data model, asked by the place of a node in a tree. A place is `None` where the model has no such node.
#[derive(Clone, Copy)]
pub struct TreeModel<'a> {
    schema: &'a dyn Schema,
}

/// What tells a node apart from its siblings of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SiblingKey<'t> {
    /// It is the only one.
    Alone,
    /// The values of its keys, in the order of the model.
    Entry(Vec<&'t str>),
    /// Its value.
    Value(&'t str),
}

/// A child of a node, as [`TreeModel::children`] returns it.
#[derive(Clone, Debug)]
pub(crate) struct KeyedNode<'t> {
    pub(crate) node: NodeId,
    /// Its place; for a list entry the place of the list, see [`TreeModel::at`].
    pub(crate) place: Option<SchemaNode>,
    pub(crate) identity: Result<SiblingKey<'t>, SiblingKeyError>,
}

/// Why a node cannot be told apart from its siblings.
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
    /// Several nodes of one name that the model does not have.
    #[error(
        "the keys of the list `{node}` are not known; name the entry by its keys, as in `{node}[key='value']`"
    )]
    UnknownKeys {
        /// The path of the list.
        node: String,
    },
}

impl<'a> TreeModel<'a> {
    /// The nodes of `schema`.
    pub fn new(schema: &'a dyn Schema) -> Self {
        Self { schema }
    }

    /// The place above all top-level nodes.
    pub(crate) fn root(&self) -> Option<SchemaNode> {
        self.schema.root()
    }

    /// The place of a child.
    pub(crate) fn child(&self, place: Option<SchemaNode>, name: QName<'_>) -> Option<SchemaNode> {
        place.and_then(|node| self.schema.child(node, name))
    }

    /// The place of one entry of the list at `place`: a model of its own may be mounted below it.
    pub(crate) fn entry(&self, place: Option<SchemaNode>, keys: &[&str]) -> Option<SchemaNode> {
        place.map(|list| self.schema.entry(list, keys))
    }

    /// The place below which the children of a node stand: for a list entry that of the entry.
    pub(crate) fn at(&self, place: Option<SchemaNode>, identity: &SiblingKey<'_>) -> Option<SchemaNode> {
        match identity {
            SiblingKey::Entry(keys) => self.entry(place, keys),
            SiblingKey::Alone | SiblingKey::Value(_) => place,
        }
    }

    /// The place of a node of a tree; for a list entry the place of the list.
    pub(crate) fn place(&self, tree: &Tree, node: NodeId) -> Option<SchemaNode> {
        let mut place = self.root();
        for step in tree.path_to(node) {
            place = self.child(place, tree.qname(step));
            if step != node
                && let Ok(identity) = self.identify(place, tree, step, || false)
            {
                place = self.at(place, &identity);
            }
        }
        place
    }

    /// The kind of the node at a place.
    pub(crate) fn kind(&self, place: Option<SchemaNode>) -> Option<DataNodeKind> {
        place.map(|node| self.schema.kind(node))
    }

    /// The local names of the keys of the list at a place, in order. Empty for a list without keys and for
    /// anything else.
    pub(crate) fn keys(&self, place: Option<SchemaNode>) -> &'a [Box<str>] {
        place.map_or(&[], |node| self.schema.keys(node))
    }

    /// Whether the entries at a place are `ordered-by user`.
    pub(crate) fn ordered_by_user(&self, place: Option<SchemaNode>) -> bool {
        place.is_some_and(|node| self.schema.ordered_by_user(node))
    }

    /// The children of a node at a place, in document order.
    pub(crate) fn children<'t>(
        &self,
        place: Option<SchemaNode>,
        tree: &'t Tree,
        node: NodeId,
    ) -> Vec<KeyedNode<'t>> {
        let mut names: HashMap<Name, (Option<SchemaNode>, usize)> = HashMap::new();
        for child in tree.children(node) {
            let name = tree.name(child);
            let known = names.entry(name).or_insert_with(|| (self.child(place, tree.qname(child)), 0));
            known.1 += 1;
        }
        let children = tree.children(node).map(|child| {
            let (place, count) = names.get(&tree.name(child)).copied().unwrap_or_default();
            KeyedNode { node: child, place, identity: self.identify(place, tree, child, || count > 1) }
        });
        children.collect()
    }

    /// What tells a node apart from its siblings. A node that the model does not have must be the only one of
    /// its name: keys are never guessed.
    pub(crate) fn identify<'t>(
        &self,
        place: Option<SchemaNode>,
        tree: &'t Tree,
        node: NodeId,
        has_twin: impl FnOnce() -> bool,
    ) -> Result<SiblingKey<'t>, SiblingKeyError> {
        let unknown = || SiblingKeyError::UnknownKeys { node: tree.location(node) };
        match self.kind(place) {
            Some(DataNodeKind::List) => {
                let namespace = tree.qname(node).namespace;
                let key = |local: &str| match tree.child(node, QName::new(namespace, local)) {
                    Some(leaf) => Ok(tree.value(leaf).unwrap_or_default()),
                    None => Err(SiblingKeyError::MissingKey { node: tree.location(node), key: local.into() }),
                };
                match self.keys(place) {
                    [] => Err(unknown()),
                    keys => {
                        keys.iter().map(|local| key(local)).collect::<Result<_, _>>().map(SiblingKey::Entry)
                    }
                }
            }
            Some(DataNodeKind::LeafList) => Ok(SiblingKey::Value(tree.value(node).unwrap_or_default())),
            None if has_twin() => Err(unknown()),
            Some(_) | None => Ok(SiblingKey::Alone),
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
        let children = model.children(model.place(&tree, top), &tree, top);
        children.last().map(|child| format!("{:?}", child.identity)).unwrap()
    }

    #[test]
    fn sibling_key_is_what_the_model_says() {
        let identities = ["<l><v>1</v><k>2</k></l>", "<l><v>1</v></l>", "<z/>", "<z/><z/>", "<a>1</a>"];
        insta::assert_snapshot!(identities.map(identity).join("\n"), @r#"
        Ok(Entry(["2"]))
        Err(MissingKey { node: "/c/l", key: "k" })
        Ok(Alone)
        Err(UnknownKeys { node: "/c/z" })
        Ok(Alone)
        "#);
    }
}
