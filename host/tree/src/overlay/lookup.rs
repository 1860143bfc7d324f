//! Finding the children of an overlay that a step of a path matches.

use super::{
    LiveNode, NodeKind, Overlay, PrefixedText, SchemaLocation,
    child_lookup::{EntryKey, EntryKeys, FirstEntry},
};
use crate::{Name, NodeId, PatternStep, QName, SchemaNode};

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
        let Some(name) = self.tree.names().of_step(step) else { return StepMatch::One(None) };
        let one = |entry: Option<FirstEntry>| match entry {
            Some(FirstEntry { several: true, .. }) => StepMatch::Any,
            entry => StepMatch::One(entry.map(|entry| entry.node)),
        };
        let location = self.child_location(parent, name);
        let kind = self.schema_view.kind(location);
        // A list has no entries that are values: a search looks at each, and finds none.
        if let (Some(Some(value)), false) = (&step.entry, matches!(kind, NodeKind::List { .. })) {
            let keys = self.entry_keys(location, name, &[]);
            let key = keys.entry([PrefixedText { value, bindings: &[] }]);
            return one(self.lookup.entry(&self.tree, (parent, name), &keys, &key));
        }
        match kind {
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
        // What a model says of a list is always the same.
        let known = location.schema.and_then(|node| self.modelled_keys.get(&node));
        if let Some(known) = known.filter(|known| known.names.len() == keys.len()) {
            return known.clone();
        }
        let forms = location.schema.and_then(|node| {
            let namespace = self.tree.names().resolve(list).namespace;
            self.schema_view.key_forms(node, namespace)
        });
        let entry_keys = EntryKeys { names: self.key_names(list, keys).into(), forms };
        if let Some(node) = location.schema.filter(|&node| self.schema_view.model_keys(node) == keys) {
            self.modelled_keys.insert(node, entry_keys.clone());
        }
        entry_keys
    }

    /// Returns the schema location of the children with this name.
    pub(super) fn child_location(&mut self, parent: NodeId, name: Name) -> SchemaLocation {
        let above = self.location_below(parent);
        let schema_path = self.schema_view.schema_path(self.state(parent).schema_path, name, &self.tree);
        let schema = above.schema.and_then(|above| self.schema_child(above, name));
        SchemaLocation { schema_path: Some(schema_path), schema }
    }

    /// Returns the number of a name, and what is known of a child with that name.
    pub(crate) fn locate_child(
        &self,
        parent: SchemaLocation,
        name: QName<'_>,
    ) -> (Option<Name>, SchemaLocation) {
        let known = self.tree.names().get(name);
        let above = parent.schema.zip(known);
        match above.and_then(|(above, known)| self.schema_children.get(&(above, known))) {
            Some(&child) => {
                let schema_path = self.schema_view.known_path(parent, known);
                (known, SchemaLocation { schema_path, schema: Some(child) })
            }
            None => (known, self.schema_view.child(self.tree.names(), parent, name)),
        }
    }

    /// Returns what a model has at a child of a node, if it has something there.
    pub(super) fn schema_child(&mut self, above: SchemaNode, name: Name) -> Option<SchemaNode> {
        if let Some(&known) = self.schema_children.get(&(above, name)) {
            return Some(known);
        }
        let child = self.schema_view.schema().child(above, self.tree.names().resolve(name))?;
        // What is not there is not kept: there may be much of it.
        self.schema_children.insert((above, name), child);
        Some(child)
    }
}
