//! What the models say about the lists on the way of a path, whichever device it is about.

use std::sync::LazyLock;

use crate::{
    DataNodeKind, Pattern, PatternStep, Schema, SchemaNode,
    keys::{LearnedKeys, ListKeys},
};

/// The keys of the controller's own lists, which are known without a model.
static OWN: LazyLock<ListKeys> = LazyLock::new(ListKeys::default);

/// The most nodes of a model below a small one.
const SMALL: usize = 64;

/// Returns whether everything that a pattern matches is little: it leads through at most one list without saying which
/// entry, and no list and no more than a few nodes are below it. That is so for a leaf of every device, and not for a
/// whole device. False if no model is known.
pub fn is_small(schema: &dyn Schema, pattern: &Pattern) -> bool {
    let (mut front, mut open) = (ModelFront::top(schema), 0);
    let mut keys = None;
    for step in &pattern.steps {
        let is_key =
            keys.take().is_some_and(|keys: Vec<Box<str>>| keys.iter().any(|key| **key == *step.local));
        front.enter(step);
        if is_key {
            // A leaf, even if no model is known.
            front = ModelFront { small: true, ..front };
            continue;
        }
        keys = front.keys();
        let is_open =
            |keys: &Vec<Box<str>>| keys.is_empty() || keys.iter().any(|key| step.key(key).is_none());
        open += usize::from(keys.as_ref().is_some_and(is_open));
    }
    open <= 1 && front.is_small()
}

/// Where a path has come to in the models, going down step by step: in those of all devices that it may be about.
pub struct ModelFront<'s> {
    schema: &'s dyn Schema,
    /// The nodes that the last step names.
    at: Vec<SchemaNode>,
    /// The nodes whose children the next step names.
    inside: Vec<SchemaNode>,
    /// The place among the controller's own lists.
    own: Option<u32>,
    /// This is a leaf.
    small: bool,
}

impl<'s> ModelFront<'s> {
    /// Returns the place above all nodes.
    pub fn top(schema: &'s dyn Schema) -> Self {
        let root: Vec<SchemaNode> = schema.root().into_iter().collect();
        Self { schema, at: root.clone(), inside: root, own: Some(0), small: false }
    }

    /// Goes one step down.
    pub fn enter(&mut self, step: &PatternStep) {
        let child = |&above: &SchemaNode| self.schema.child(above, step.name());
        self.at = self.inside.iter().filter_map(child).collect();
        self.own = self.own.and_then(|own| OWN.child(own, step.name()));
        self.inside = match step.key_values() {
            Some(values) => self.at.iter().map(|&list| self.schema.entry(list, &values)).collect(),
            None => self.at.iter().flat_map(|&list| self.schema.entries(list)).collect(),
        };
        self.small = false;
    }

    /// Returns the number of models that have the node of the last step.
    pub fn width(&self) -> usize {
        self.inside.len()
    }

    /// Returns the keys of the list that the last step names, if a model defines it, or if it is one of the controller's
    /// own. `None` if the models differ.
    pub fn keys(&self) -> Option<Vec<Box<str>>> {
        if let Some(Some(LearnedKeys::List(keys))) = self.own.map(|own| OWN.kind(own)) {
            return Some(keys.to_vec());
        }
        let (first, others) = self.at.split_first()?;
        let keys =
            |node: SchemaNode| (self.schema.kind(node) == DataNodeKind::List).then(|| self.schema.keys(node));
        let all = keys(*first)?;
        others.iter().all(|&other| keys(other) == Some(all)).then(|| all.to_vec())
    }

    fn is_small(&self) -> bool {
        self.small || !self.inside.is_empty() && self.inside.iter().all(|&node| self.is_small_node(node))
    }

    fn is_small_node(&self, node: SchemaNode) -> bool {
        let (mut walk, mut visited) = (vec![(node, true)], 0);
        while let Some((node, is_top)) = walk.pop() {
            visited += 1;
            match self.schema.kind(node) {
                DataNodeKind::Leaf | DataNodeKind::EmptyLeaf | DataNodeKind::LeafList => continue,
                DataNodeKind::Container | DataNodeKind::PresenceContainer => {}
                DataNodeKind::List if is_top => {}
                DataNodeKind::List | DataNodeKind::AnyData => return false,
            }
            let children = self.schema.children(node);
            if !self.schema.is_complete(node) || visited + walk.len() + children.len() > SMALL {
                return false;
            }
            let below = children.into_iter().filter_map(|name| self.schema.child(node, name));
            walk.extend(below.map(|node| (node, false)));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CONTROLLER, NoSchema, QName};

    fn at(path: &str) -> Pattern {
        let step = |text: &str| {
            let (local, key) = text.split_once('=').map_or((text, None), |(local, key)| (local, Some(key)));
            let mut step = PatternStep::new(QName::new(CONTROLLER, local));
            step.keys.extend(key.map(|key| ("name".into(), Some(key.to_owned()))));
            step
        };
        Pattern { steps: path.split('/').skip(1).map(step).collect() }
    }

    #[test]
    fn keys_of_own_lists_are_known_without_a_model() {
        let keys = |path: &str| {
            let mut front = ModelFront::top(&NoSchema);
            at(path).steps.iter().for_each(|step| front.enter(step));
            front.keys()
        };
        assert_eq!(keys("/devices/device"), Some(vec!["name".into()]));
        assert_eq!((keys("/devices/device/config"), keys("/devices"), keys("/x")), (None, None, None));
    }

    #[test]
    fn only_keys_are_known_to_be_small_without_a_model() {
        let small = |path: &str| is_small(&NoSchema, &at(path));
        assert!(small("/devices/device/name") && small("/devices/device=r1/name"));
        for path in ["/devices", "/devices/device", "/devices/device=r1", "/devices/device/config/x", "/x"] {
            assert!(!small(path), "{path}");
        }
    }
}
