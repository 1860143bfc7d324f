//! Finding the children of an overlay that a step of a path matches.

use super::{
    NodeKind, Overlay, SchemaLocation,
    child_lookup::{FirstEntry, join},
};
use crate::{Name, NodeId, PatternStep};

/// The children of a node that a step may match.
pub(super) enum StepMatch {
    /// At most this one, whether or not it exists now.
    One(Option<NodeId>),
    /// Possibly several.
    Any,
}

impl Overlay {
    /// Returns the child that a step matches, if it can match only one.
    pub(super) fn find_step(&mut self, parent: NodeId, step: &PatternStep) -> StepMatch {
        let Some(name) = self.tree.names().get(step.name()) else { return StepMatch::One(None) };
        let one = |entry: Option<FirstEntry>| match entry {
            Some(FirstEntry { several: true, .. }) => StepMatch::Any,
            entry => StepMatch::One(entry.map(|entry| entry.node)),
        };
        if let Some(Some(value)) = &step.entry {
            return one(self.lookup.entry(&self.tree, (parent, name), &[], value));
        }
        let location = self.child_location(parent, name);
        match self.schema_view.kind(location) {
            NodeKind::List { keys } if !keys.is_empty() => {
                let values: Option<Vec<&str>> = keys.iter().map(|key| step.key(key)).collect();
                // A path may name more leaves than the known keys.
                let Some(values) = values.filter(|_| keys.len() == step.keys.len()) else {
                    return StepMatch::Any;
                };
                let (keys, key) = (self.key_names(name, &keys), join(values));
                one(self.lookup.entry(&self.tree, (parent, name), &keys, &key))
            }
            NodeKind::Container
            | NodeKind::PresenceContainer
            | NodeKind::Leaf
            | NodeKind::EmptyLeaf
            | NodeKind::AnyData => StepMatch::One(self.child_node(parent, name)),
            NodeKind::List { .. } | NodeKind::LeafList | NodeKind::Unknown { .. } => StepMatch::Any,
        }
    }

    /// Returns the only child with this name, or the first of several, whether or not it exists now.
    pub(super) fn child_node(&mut self, parent: NodeId, name: Name) -> Option<NodeId> {
        self.lookup.child(&self.tree, parent, name)
    }

    /// Returns the list entry with these keys (in the order of the list), whether or not it exists now.
    pub(super) fn entry_node(
        &mut self,
        parent: NodeId,
        name: Name,
        keys: &[Name],
        key: &str,
    ) -> Option<NodeId> {
        self.lookup.entry(&self.tree, (parent, name), keys, key).map(|entry| entry.node)
    }

    /// Returns the schema location of the children with this name.
    pub(super) fn child_location(&mut self, parent: NodeId, name: Name) -> SchemaLocation {
        let above = self.location_below(parent);
        let schema_path = self.schema_view.schema_path(self.state(parent).schema_path, name, &self.tree);
        let qname = self.tree.names().resolve(name);
        SchemaLocation {
            schema_path: Some(schema_path),
            ..self.schema_view.child(self.tree.names(), above, qname)
        }
    }
}
