//! What is known of the nodes of a tree: by a [`Schema`], and where that knows nothing by [`ListKeys`].

use std::collections::HashMap;

use crate::{
    DataNodeKind, ListKeys, Name, NodeId, Pattern, PatternStep, QName, Schema, SchemaNode, Tree, ValueError,
    keys::LearnedKeys,
};

/// Everything that is known, in one hand.
#[derive(Clone, Copy)]
pub struct TreeModel<'a> {
    schema: &'a dyn Schema,
    keys: &'a ListKeys,
}

/// Where a node stands in a [`TreeModel`]. Nothing may be known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelPlace {
    schema: Option<SchemaNode>,
    learned: Option<u32>,
}

/// What tells a node apart from its siblings of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SiblingKey<'t> {
    /// There is only one.
    Alone,
    /// The values of its keys, in the order of the list's keys.
    Entry(Vec<&'t str>),
    /// Its value.
    Value(&'t str),
}

/// A child of a node, as [`TreeModel::children`] gives it.
#[derive(Clone, Debug)]
pub struct KeyedNode<'t> {
    /// The child.
    pub node: NodeId,
    /// Its place; for a list entry that of the list, see [`TreeModel::at`].
    pub place: ModelPlace,
    /// What tells it apart from its siblings.
    pub identity: Result<SiblingKey<'t>, SiblingKeyError>,
}

/// Why it can't be said what tells a node apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SiblingKeyError {
    /// A list entry without one of its keys.
    #[error("`{node}` lacks its key `{key}`")]
    MissingKey {
        /// Where the entry is.
        node: String,
        /// The key's local name.
        key: String,
    },
    /// There are several of the same name and it is not known what tells them apart.
    #[error(
        "the keys of the list `{node}` are not known; name the entry by its keys, as in `{node}[key='value']`"
    )]
    UnknownKeys {
        /// Where the list is.
        node: String,
    },
}

impl<'a> TreeModel<'a> {
    /// What this schema and these keys know together. What the schema knows comes first.
    pub fn new(schema: &'a dyn Schema, keys: &'a ListKeys) -> Self {
        Self { schema, keys }
    }

    /// The place above all top-level nodes.
    pub fn root(&self) -> ModelPlace {
        ModelPlace { schema: self.schema.root(), learned: Some(0) }
    }

    /// The place of a child.
    pub fn child(&self, place: ModelPlace, name: QName<'_>) -> ModelPlace {
        ModelPlace {
            schema: place.schema.and_then(|node| self.schema.child(node, name)),
            learned: place.learned.and_then(|node| self.keys.child(node, name)),
        }
    }

    /// The place of one entry of the list at `place`: below it, a model of its own may be mounted.
    pub fn entry(&self, place: ModelPlace, keys: &[&str]) -> ModelPlace {
        ModelPlace { schema: place.schema.map(|list| self.schema.entry(list, keys)), ..place }
    }

    /// The place of what this node is: with an [`SiblingKey`] of its keys that of the entry.
    pub fn at(&self, place: ModelPlace, identity: &SiblingKey<'_>) -> ModelPlace {
        match identity {
            SiblingKey::Entry(keys) => self.entry(place, keys),
            SiblingKey::Alone | SiblingKey::Value(_) => place,
        }
    }

    /// The place of a node of a tree, that of a list where it is an entry.
    pub fn place(&self, tree: &Tree, node: NodeId) -> ModelPlace {
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

    /// What kind of node stands at a place.
    pub fn kind(&self, place: ModelPlace) -> Option<DataNodeKind> {
        match (place.schema, self.learned(place)) {
            (Some(node), _) => Some(self.schema.kind(node)),
            (None, Some(LearnedKeys::List(_))) => Some(DataNodeKind::List),
            (None, Some(LearnedKeys::LeafList)) => Some(DataNodeKind::LeafList),
            (None, None) => None,
        }
    }

    /// The local names of the keys of the list at a place, in order; none for a list without keys and
    /// for anything else.
    pub fn keys(&self, place: ModelPlace) -> &'a [Box<str>] {
        match (place.schema, self.learned(place)) {
            (Some(node), _) => self.schema.keys(node),
            (None, Some(LearnedKeys::List(keys))) => keys,
            (None, _) => &[],
        }
    }

    fn learned(&self, place: ModelPlace) -> Option<&'a LearnedKeys> {
        place.learned.and_then(|node| self.keys.kind(node))
    }

    /// Whether the entries at a place are in an order that means something.
    pub fn ordered_by_user(&self, place: ModelPlace) -> bool {
        place.schema.is_some_and(|node| self.schema.ordered_by_user(node))
    }

    /// The position of a place among its siblings in the order of the model, where there is one.
    pub fn position(&self, place: ModelPlace) -> Option<u32> {
        place.schema.map(|node| self.schema.position(node))
    }

    /// Whether the schema knows the node at a place.
    pub(crate) fn is_modelled(&self, place: ModelPlace) -> bool {
        place.schema.is_some()
    }

    /// Whether a child of this name is certain to be none of the model's.
    pub fn is_unknown(&self, parent: ModelPlace, name: QName<'_>) -> bool {
        parent.schema.is_some_and(|node| self.schema.excludes(node, name))
    }

    /// The canonical form of a value at a place; the value itself where nothing is known of its type.
    pub fn canonical(
        &self,
        place: ModelPlace,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        match place.schema {
            Some(node) => self.schema.canonical(node, value, namespace),
            None => Ok(value.to_owned()),
        }
    }

    /// What tells a node at a place apart from its siblings of the same name.
    ///
    /// Where its kind is not known, it is taken for the only one if it is: keys are never guessed. To see
    /// that, all its siblings are looked at; for all children of a node use
    /// [`children`](Self::children).
    pub fn identity<'t>(
        &self,
        place: ModelPlace,
        tree: &'t Tree,
        node: NodeId,
    ) -> Result<SiblingKey<'t>, SiblingKeyError> {
        let name = tree.name(node);
        let siblings = || tree.parent(node).map(|parent| tree.children_named(parent, name).take(2).count());
        self.identify(place, tree, node, || siblings() == Some(2))
    }

    /// The children of a node at a place, in document order, each with its place and with what tells it
    /// apart from the others.
    pub fn children<'t>(&self, place: ModelPlace, tree: &'t Tree, node: NodeId) -> Vec<KeyedNode<'t>> {
        let mut names: HashMap<Name, (ModelPlace, usize)> = HashMap::new();
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

    pub(crate) fn identify<'t>(
        &self,
        place: ModelPlace,
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

    /// The pattern that names a node of a tree and no other, with the keys of every list above it.
    pub fn pattern(&self, tree: &Tree, node: NodeId) -> Result<Pattern, SiblingKeyError> {
        let mut place = self.root();
        let steps = tree.path_to(node).into_iter().map(|node| {
            place = self.child(place, tree.qname(node));
            let identity = self.identity(place, tree, node)?;
            let mut step = PatternStep::new(tree.qname(node));
            match &identity {
                SiblingKey::Alone => {}
                SiblingKey::Entry(values) => {
                    let values = values.iter().map(|&value| Some(value.to_owned()));
                    step.keys = self.keys(place).iter().cloned().zip(values).collect();
                }
                SiblingKey::Value(value) => step.entry = Some(Some((*value).to_owned())),
            }
            place = self.at(place, &identity);
            Ok(step)
        });
        Ok(Pattern { steps: steps.collect::<Result<_, _>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoSchema, xml};

    fn pattern(text: &str, last: &str) -> String {
        let tree = xml::parse(text).unwrap();
        let node = tree.descendants(Tree::ROOT).find(|&(node, _)| tree.qname(node).local == last).unwrap().0;
        let mut keys = ListKeys::new();
        keys.learn_service(QName::new("urn:b", "bench"), &["id", "site"]).unwrap();
        let pattern = TreeModel::new(&NoSchema, &keys).pattern(&tree, node);
        pattern.map_or_else(|error| error.to_string(), |pattern| pattern.to_string())
    }

    #[test]
    fn a_node_is_named_by_what_is_known() {
        let services = |inner: &str| {
            let services = "<services xmlns='http://clicon.org/controller'><bench xmlns='urn:b'>";
            format!("{services}{inner}</bench></services>")
        };
        let texts = [
            pattern(&services("<site>s</site><id>it's</id><mtu>1</mtu>"), "mtu"),
            pattern(&services("<id>1</id><mtu>1</mtu>"), "mtu"),
            pattern(&services("<site/><id>1</id><created><path>/a</path></created>"), "path"),
            pattern(&services("<site/><id>1</id><port><x>1</x></port><port/>"), "x"),
            pattern(&services("<site/><id>1</id><port><x>1</x></port>"), "x"),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r#"
        /services/bench[id="it's"][site='s']/mtu
        `/services/bench` lacks its key `site`
        /services/bench[id='1'][site='']/created/path[.='/a']
        the keys of the list `/services/bench/port` are not known; name the entry by its keys, as in `/services/bench/port[key='value']`
        /services/bench[id='1'][site='']/port/x
        "#);
    }
}
