//! Where among its siblings a node goes.

use std::collections::HashMap;

use super::{EditError, apply::Applying};
use crate::{DataNodeKind, Error, ModelPlace, Name, NodeId, Path, Predicate, QName, Tree, TreeModel, YANG};

const INSERT: QName<'_> = QName::new(YANG, "insert");
const KEY: QName<'_> = QName::new(YANG, "key");
const VALUE: QName<'_> = QName::new(YANG, "value");

/// The first and the last child of a name, for parents that were asked.
#[derive(Default)]
pub(super) struct Order {
    ends: HashMap<(NodeId, Name), Option<(NodeId, NodeId)>>,
}

impl Order {
    fn ends(&mut self, tree: &Tree, parent: NodeId, name: Name) -> Option<(NodeId, NodeId)> {
        *self.ends.entry((parent, name)).or_insert_with(|| {
            let mut children = tree.children_named(parent, name);
            children.next().map(|first| (first, children.last().unwrap_or(first)))
        })
    }

    /// To be told before a child is taken out.
    pub(super) fn forget(&mut self, tree: &Tree, child: NodeId) {
        let Some(parent) = tree.parent(child) else { return };
        let name = tree.name(child);
        let Some(Some((first, last))) = self.ends.get_mut(&(parent, name)) else { return };
        let twin = |other: Option<NodeId>| other.filter(|&other| tree.name(other) == name);
        let ends = match (*first == child, *last == child) {
            (false, false) => return,
            (true, false) => twin(tree.next_sibling(child)).map(|next| (next, *last)),
            (false, true) => twin(tree.previous_sibling(child)).map(|previous| (*first, previous)),
            (true, true) => None,
        };
        match ends {
            Some(ends) => drop(self.ends.insert((parent, name), Some(ends))),
            // There is none left, or another name stands between.
            None => drop(self.ends.remove(&(parent, name))),
        }
    }

    /// A new child: after the last of its name, or where the model has the first of its name.
    pub(super) fn append(
        &mut self,
        tree: &mut Tree,
        model: &TreeModel<'_>,
        (parent, parent_place): (NodeId, ModelPlace),
        name: Name,
        place: ModelPlace,
    ) -> Result<NodeId, Error> {
        let ends = self.ends(tree, parent, name);
        let before = match (ends, model.position(place)) {
            (Some((_, last)), _) => tree.next_sibling(last),
            (None, Some(position)) => first_after(tree, model, parent, parent_place, position),
            (None, None) => None,
        };
        let child = match before {
            Some(sibling) => tree.insert_before(sibling, name)?,
            None => tree.append(parent, name)?,
        };
        self.ends.insert((parent, name), Some((ends.map_or(child, |(first, _)| first), child)));
        Ok(child)
    }

    /// Puts a child elsewhere among those of its name.
    fn put(&mut self, tree: &mut Tree, parent: NodeId, child: NodeId, to: Spot) {
        let name = tree.name(child);
        self.forget(tree, child);
        let after = tree.next_sibling(child);
        tree.detach(child);
        let Some((first, last)) = self.ends(tree, parent, name) else {
            // It is the only one: it has no other place.
            tree.attach(child, parent, after);
            self.ends.insert((parent, name), Some((child, child)));
            return;
        };
        let before = match to {
            Spot::First => Some(first),
            Spot::Last => tree.next_sibling(last),
            Spot::Before(sibling) => Some(sibling),
            Spot::After(sibling) => tree.next_sibling(sibling),
        };
        tree.attach(child, parent, before);
        let first = if before == Some(first) { child } else { first };
        let last = if tree.previous_sibling(child) == Some(last) { child } else { last };
        self.ends.insert((parent, name), Some((first, last)));
    }
}

/// The first sibling of the group at the end whose positions in the model come after this one.
fn first_after(
    tree: &Tree,
    model: &TreeModel<'_>,
    parent: NodeId,
    place: ModelPlace,
    position: u32,
) -> Option<NodeId> {
    let mut first = None;
    let mut known = None;
    let mut sibling = tree.last_child(parent);
    while let Some(node) = sibling {
        let name = tree.name(node);
        let comes_after = match known {
            Some((other, comes_after)) if other == name => comes_after,
            _ => model.position(model.child(place, tree.qname(node))).is_some_and(|other| other > position),
        };
        if !comes_after {
            break;
        }
        known = Some((name, comes_after));
        first = Some(node);
        sibling = tree.previous_sibling(node);
    }
    first
}

/// Where `insert` says that an entry goes.
enum Spot {
    First,
    Last,
    Before(NodeId),
    After(NodeId),
}

impl Applying<'_, '_> {
    /// Puts an entry where its attributes say (RFC 7950, sections 7.7.9 and 7.8.6).
    pub(super) fn insert(
        &mut self,
        node: NodeId,
        target: NodeId,
        parent: NodeId,
        place: ModelPlace,
    ) -> Result<(), EditError> {
        let config = self.config;
        let Some(insert) = config.attribute(node, INSERT) else { return Ok(()) };
        let model = self.edit.model;
        let known = matches!(model.kind(place), Some(DataNodeKind::List | DataNodeKind::LeafList));
        let spot = match insert {
            // Only a model says that the order means nothing.
            _ if !known || (model.is_modelled(place) && !model.ordered_by_user(place)) => None,
            "first" => Some(Spot::First),
            "last" => Some(Spot::Last),
            "before" => Some(Spot::Before(self.anchor(node, parent, place)?)),
            "after" => Some(Spot::After(self.anchor(node, parent, place)?)),
            _ => None,
        };
        match spot {
            None => Err(self.bad_attribute(node, "insert", insert)),
            // It stays where it is.
            Some(Spot::Before(sibling) | Spot::After(sibling)) if sibling == target => Ok(()),
            Some(spot) => {
                self.order.put(self.tree, parent, target, spot);
                Ok(())
            }
        }
    }

    /// The entry that another is to be inserted before or after.
    fn anchor(&mut self, node: NodeId, parent: NodeId, place: ModelPlace) -> Result<NodeId, EditError> {
        let config = self.config;
        let is_list = self.edit.model.kind(place) == Some(DataNodeKind::List);
        let (name, attribute) = if is_list { (KEY, "key") } else { (VALUE, "value") };
        let Some(text) = config.attribute(node, name) else {
            return Err(EditError::MissingAttribute { node: self.name(node), attribute });
        };
        let qname = config.qname(node);
        let list = self.tree.intern(qname);
        let found = if is_list {
            let Some(values) = self.key_values(place, text) else {
                return Err(self.bad_attribute(node, attribute, text));
            };
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            self.find_entry(parent, list, qname.namespace, place, &values)
        } else {
            self.index.find_value(self.tree, parent, list, text)
        };
        found.ok_or_else(|| EditError::MissingInstance {
            node: self.name(node),
            attribute,
            value: text.into(),
        })
    }

    /// The values of the list's keys, in order, in a text such as `[name='a'][p:id='1']`. A prefix says
    /// nothing: keys are in the namespace of their list.
    fn key_values(&self, place: ModelPlace, text: &str) -> Option<Vec<String>> {
        let step = Path::parse(&format!("entry{text}")).ok()?.steps.into_iter().next()?;
        let value = |key: &str| {
            step.predicates.iter().find_map(|predicate| match predicate {
                Predicate::Key { name, value, .. } if **name == *key => value.clone(),
                _ => None,
            })
        };
        self.edit.model.keys(place).iter().map(|key| value(key)).collect()
    }

    fn bad_attribute(&self, node: NodeId, attribute: &'static str, value: &str) -> EditError {
        EditError::BadAttribute { node: self.name(node), attribute, value: value.into() }
    }
}
