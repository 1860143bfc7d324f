//! Whether two places hold the same configuration.

use std::collections::HashMap;

use confine_tree::{Kind, NodeId, QName, Schema, SchemaNode, Tree};

use crate::created::keys;

/// A node of a tree, and what the model has for it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) node: NodeId,
    /// The node to go on with below; none where nothing is known.
    pub(crate) model: Option<SchemaNode>,
}

/// What tells a node from its siblings: the name and, for an entry, its keys or its value.
pub(crate) type Identity<'t> = (QName<'t>, Vec<&'t str>);

impl<'t> Place<'t> {
    /// The root of a datastore.
    pub(crate) fn root(tree: &'t Tree, schema: &dyn Schema) -> Self {
        Self { tree, node: Tree::ROOT, model: schema.root() }
    }

    /// The child of this name.
    pub(crate) fn child(self, name: QName<'_>, schema: &dyn Schema) -> Option<Self> {
        let node = self.tree.child(self.node, name)?;
        Some(self.below(node, schema).1)
    }

    /// Each child with what tells it from its siblings.
    pub(crate) fn children(self, schema: &dyn Schema) -> Vec<(Identity<'t>, Self)> {
        self.tree.children(self.node).map(|node| self.below(node, schema)).collect()
    }

    fn below(self, node: NodeId, schema: &dyn Schema) -> (Identity<'t>, Self) {
        let name = self.tree.qname(node);
        let place = |model| Self { tree: self.tree, node, model };
        let Some(known) = self.model.and_then(|parent| schema.child(parent, name)) else {
            return ((name, Vec::new()), place(None));
        };
        match schema.kind(known) {
            Kind::List => {
                let keys = keys(self.tree, node, schema, known);
                let model = Some(schema.entry(known, &keys));
                ((name, keys), place(model))
            }
            Kind::LeafList => ((name, vec![self.tree.value(node).unwrap_or_default()]), place(Some(known))),
            _ => ((name, Vec::new()), place(Some(known))),
        }
    }

    /// Whether both hold the same. The order of entries does not matter; what the model does not know is
    /// compared in order.
    pub(crate) fn same(self, other: Place<'_>, schema: &dyn Schema) -> bool {
        if std::ptr::eq(self.tree, other.tree) && self.node == other.node {
            return true;
        }
        let text = |place: Place<'t>| place.tree.value(place.node).unwrap_or_default();
        let (mine, theirs) = (self.children(schema), other.children(schema));
        if mine.len() != theirs.len() {
            return false;
        }
        if mine.is_empty() {
            return text(self) == other.tree.value(other.node).unwrap_or_default();
        }
        if mine.iter().zip(&theirs).all(|((mine, _), (theirs, _))| mine == theirs) {
            return mine.iter().zip(&theirs).all(|((_, mine), (_, theirs))| mine.same(*theirs, schema));
        }
        let theirs: HashMap<_, _> = theirs.into_iter().collect();
        theirs.len() == mine.len()
            && mine
                .iter()
                .all(|(identity, mine)| theirs.get(identity).is_some_and(|theirs| mine.same(*theirs, schema)))
    }
}
