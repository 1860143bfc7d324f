//! Going through an edit, node by node.

use super::{Edit, EditError, Operation, operation, order::Order};
use crate::{
    ChildIndex, DataNodeKind, Error, ModelPlace, Name, NodeId, QName, SiblingKey, Tree, model::KeyedNode,
    value::same_value,
};

pub(super) fn apply(edit: &Edit<'_>, tree: &mut Tree, config: &Tree) -> Result<(), EditError> {
    if edit.default == Operation::Replace {
        while let Some(child) = tree.first_child(Tree::ROOT) {
            tree.detach(child);
        }
    }
    let mut applying = Applying { edit, tree, config, index: ChildIndex::new(), order: Order::default() };
    applying.children(Tree::ROOT, Tree::ROOT, edit.model.root(), edit.default)
}

pub(super) struct Applying<'a, 't> {
    pub(super) edit: &'a Edit<'a>,
    pub(super) tree: &'t mut Tree,
    pub(super) config: &'a Tree,
    pub(super) index: ChildIndex,
    pub(super) order: Order,
}

impl Applying<'_, '_> {
    /// The children of one node of the edit, under the node of the tree that it stands for.
    fn children(
        &mut self,
        from: NodeId,
        to: NodeId,
        place: ModelPlace,
        inherited: Operation,
    ) -> Result<(), EditError> {
        let config = self.config;
        for child in self.edit.model.children(place, config, from) {
            self.child(child, to, place, inherited)?;
        }
        Ok(())
    }

    fn child(
        &mut self,
        child: KeyedNode<'_>,
        parent: NodeId,
        parent_place: ModelPlace,
        inherited: Operation,
    ) -> Result<(), EditError> {
        let KeyedNode { node, place, identity } = child;
        let (config, model) = (self.config, self.edit.model);
        let name = config.qname(node);
        if model.is_unknown(parent_place, name) {
            let above = config.parent(node).map(|above| config.location(above));
            return Err(EditError::UnknownElement {
                name: name.local.into(),
                namespace: name.namespace.into(),
                parent: above.filter(|above| !above.is_empty()).unwrap_or_else(|| "/".into()),
            });
        }
        let identity = identity?;
        let operation = operation(config, node)?.unwrap_or(inherited);
        let found = self.find(parent, name, place, &identity, node)?;
        let target = match (operation, found) {
            (Operation::Delete | Operation::None, None) => {
                return Err(EditError::DataMissing(self.name(node)));
            }
            (Operation::Create, Some(_)) => return Err(EditError::DataExists(self.name(node))),
            (Operation::Remove, None) => return Ok(()),
            (Operation::Delete | Operation::Remove, Some(target)) => {
                self.detach(target);
                return Ok(());
            }
            (Operation::Replace, Some(target)) => {
                self.clear(target);
                target
            }
            (Operation::Merge | Operation::None, Some(target)) => target,
            (Operation::Merge | Operation::Replace | Operation::Create, None) => {
                self.make((parent, parent_place), node, place)?
            }
        };
        if matches!(identity, SiblingKey::Entry(_)) && (found.is_none() || operation == Operation::Replace) {
            self.make_keys(target, node, place)?;
        }
        if found.is_none() {
            self.index.add(self.tree, target);
        }
        if operation != Operation::None {
            self.insert(node, target, parent, place)?;
        }
        self.content(node, target, place, &identity, operation)
    }

    /// What is in a node of the edit: its value, or its children.
    fn content(
        &mut self,
        node: NodeId,
        target: NodeId,
        place: ModelPlace,
        identity: &SiblingKey<'_>,
        operation: Operation,
    ) -> Result<(), EditError> {
        let config = self.config;
        let kind = self.edit.model.kind(place);
        let is_leaf = match kind {
            Some(DataNodeKind::Leaf | DataNodeKind::EmptyLeaf | DataNodeKind::LeafList) => true,
            Some(DataNodeKind::Container | DataNodeKind::PresenceContainer | DataNodeKind::List) => false,
            Some(DataNodeKind::AnyData) => return self.opaque(node, target),
            None => config.first_child(node).is_none() && self.tree.first_child(target).is_none(),
        };
        if is_leaf {
            return if operation == Operation::None { Ok(()) } else { self.set_value(node, target, place) };
        }
        self.tree.clear_value(target);
        let below = self.edit.model.at(place, identity);
        let inherited = if operation == Operation::None { operation } else { Operation::Merge };
        for child in self.edit.model.children(below, config, node) {
            if self.is_key(place, identity, node, child.node) {
                self.keep_key(child.node)?;
            } else {
                self.child(child, target, below, inherited)?;
            }
        }
        if kind == Some(DataNodeKind::Container) && self.tree.first_child(target).is_none() {
            self.detach(target);
        }
        Ok(())
    }

    /// The node of the tree that a node of the edit stands for.
    fn find(
        &mut self,
        parent: NodeId,
        name: QName<'_>,
        place: ModelPlace,
        identity: &SiblingKey<'_>,
        node: NodeId,
    ) -> Result<Option<NodeId>, EditError> {
        let list = self.tree.intern(name);
        match identity {
            SiblingKey::Alone => match self.index.child(self.tree, parent, list) {
                // Of a node that may be a list entry it must be known which one.
                Some((_, true)) if self.edit.model.kind(place).is_none() => {
                    let node = self.config.location(node);
                    Err(crate::SiblingKeyError::UnknownKeys { node }.into())
                }
                found => Ok(found.map(|(child, _)| child)),
            },
            SiblingKey::Value(value) => Ok(self.index.find_value(self.tree, parent, list, value)),
            SiblingKey::Entry(values) => Ok(self.find_entry(parent, list, name.namespace, place, values)),
        }
    }

    /// The list entry with these values of its keys.
    pub(super) fn find_entry(
        &mut self,
        parent: NodeId,
        list: Name,
        namespace: &str,
        place: ModelPlace,
        values: &[&str],
    ) -> Option<NodeId> {
        let keys = self.edit.model.keys(place).iter().zip(values);
        let keys: Vec<_> =
            keys.map(|(local, value)| (self.tree.intern(QName::new(namespace, local)), *value)).collect();
        self.index.find(self.tree, parent, list, &keys)
    }

    fn make(
        &mut self,
        parent: (NodeId, ModelPlace),
        node: NodeId,
        place: ModelPlace,
    ) -> Result<NodeId, EditError> {
        let name = self.tree.intern(self.config.qname(node));
        Ok(self.order.append(self.tree, &self.edit.model, parent, name, place)?)
    }

    /// The keys of a new entry, in the order of the list.
    fn make_keys(&mut self, entry: NodeId, node: NodeId, place: ModelPlace) -> Result<(), EditError> {
        let config = self.config;
        let namespace = config.qname(node).namespace;
        let entry_place = place;
        for local in self.edit.model.keys(place) {
            let name = QName::new(namespace, local);
            let Some(from) = config.child(node, name) else { continue };
            let interned = self.tree.intern(name);
            let leaf = self.tree.append(entry, interned)?;
            self.set_value(from, leaf, self.edit.model.child(entry_place, name))?;
        }
        Ok(())
    }

    fn is_key(&self, place: ModelPlace, identity: &SiblingKey<'_>, entry: NodeId, child: NodeId) -> bool {
        let (list, name) = (self.config.qname(entry), self.config.qname(child));
        matches!(identity, SiblingKey::Entry(_))
            && list.namespace == name.namespace
            && self.edit.model.keys(place).iter().any(|key| **key == *name.local)
    }

    fn keep_key(&self, key: NodeId) -> Result<(), EditError> {
        match operation(self.config, key)? {
            Some(Operation::Delete | Operation::Remove) => {
                Err(EditError::KeyRemoved(self.config.location(key)))
            }
            _ => Ok(()),
        }
    }

    fn set_value(&mut self, from: NodeId, to: NodeId, place: ModelPlace) -> Result<(), EditError> {
        let config = self.config;
        if self.edit.check_values {
            let bindings = config.bindings(from);
            let namespace = |prefix: &str| {
                bindings.iter().find(|(bound, _)| **bound == *prefix).map(|(_, ns)| ns.to_string())
            };
            let value = config.value(from).unwrap_or_default();
            self.edit
                .model
                .canonical(place, value, &namespace)
                .map_err(|error| EditError::InvalidValue { node: self.name(from), error })?;
        }
        if self.tree.value(to) != config.value(from) || !same_value(self.tree, to, config, from) {
            self.copy_value(from, to)?;
        }
        Ok(())
    }

    fn copy_value(&mut self, from: NodeId, to: NodeId) -> Result<(), Error> {
        match self.config.value(from) {
            None => self.tree.clear_value(to),
            Some(value) => {
                let bindings = self.config.bindings(from).iter();
                let bindings: Vec<_> = bindings.map(|(prefix, ns)| (&**prefix, &**ns)).collect();
                self.tree.set_value(to, value, &bindings)?;
            }
        }
        Ok(())
    }

    /// Content that can only be changed as a whole (RFC 7950, section 7.10.3).
    fn opaque(&mut self, node: NodeId, target: NodeId) -> Result<(), EditError> {
        self.clear(target);
        self.copy_value(node, target)?;
        for child in self.config.children(node) {
            self.tree.append_copy(target, self.config, child)?;
        }
        Ok(())
    }

    fn clear(&mut self, target: NodeId) {
        while let Some(child) = self.tree.first_child(target) {
            self.detach(child);
        }
        self.tree.clear_value(target);
    }

    fn detach(&mut self, target: NodeId) {
        self.order.forget(self.tree, target);
        self.tree.detach(target);
    }

    /// How a message names a node of the edit: with keys where they are known.
    pub(super) fn name(&self, node: NodeId) -> String {
        let pattern = self.edit.model.pattern(self.config, node);
        pattern.map_or_else(|_| self.config.location(node), |pattern| pattern.to_string())
    }
}
