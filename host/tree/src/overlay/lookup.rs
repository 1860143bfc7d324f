//! Finding the children of an overlay that a step of a path matches.

use super::{
    LiveNode, NodeKind, Overlay, PrefixedText, SchemaLocation,
    child_lookup::{EntryKey, EntryKeys, FirstEntry},
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
        let location = self.child_location(parent, name);
        if let Some(Some(value)) = &step.entry {
            let keys = self.entry_keys(location, name, &[]);
            let key = keys.entry([PrefixedText { value, bindings: &[] }]);
            return one(self.lookup.entry(&self.tree, (parent, name), &keys, &key));
        }
        match self.schema_view.kind(location) {
            NodeKind::List { keys } if !keys.is_empty() => {
                let values: Option<Vec<&str>> = keys.iter().map(|key| step.key(key)).collect();
                // A path may name more leaves than the known keys.
                let Some(values) = values.filter(|_| keys.len() == step.keys.len()) else {
                    return StepMatch::Any;
                };
                let keys = self.entry_keys(location, name, &keys);
                let key = keys.entry(values.into_iter().map(|value| PrefixedText { value, bindings: &[] }));
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

    /// Returns the child that a step with all its keys matches now.
    pub fn child_matching(&mut self, parent: LiveNode, step: &PatternStep) -> Option<LiveNode> {
        match self.find_step(parent.node, step) {
            StepMatch::One(Some(node)) => self.live_child(parent, node),
            StepMatch::One(None) | StepMatch::Any => None,
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
        keys: &EntryKeys,
        key: &EntryKey,
    ) -> Option<NodeId> {
        self.lookup.entry(&self.tree, (parent, name), keys, key).map(|entry| entry.node)
    }

    /// Returns what identifies the entries of the list or leaf-list at a location.
    pub(super) fn entry_keys(
        &mut self,
        location: SchemaLocation,
        list: Name,
        keys: &[Box<str>],
    ) -> EntryKeys {
        let forms = location.schema.and_then(|node| {
            let namespace = self.tree.names().resolve(list).namespace;
            self.schema_view.key_forms(node, namespace)
        });
        EntryKeys { names: self.key_names(list, keys), forms }
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
