//! Which nodes are list entries, and what tells them apart, as far as that is known without a model.

use std::collections::HashMap;

use crate::{CONTROLLER, Name, Names, QName};

const NACM: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm";

/// The controller's own lists and those of NACM (RFC 8341): names from the top, and the key.
const LISTS: [(&str, &[&str], &str); 15] = [
    (CONTROLLER, &["devices", "device"], "name"),
    (CONTROLLER, &["devices", "device", "module-set", "module"], "name"),
    (CONTROLLER, &["devices", "device-group"], "name"),
    (CONTROLLER, &["devices", "device-profile"], "name"),
    (CONTROLLER, &["devices", "device-profile", "module-set", "module"], "name"),
    (CONTROLLER, &["devices", "template"], "name"),
    (CONTROLLER, &["devices", "template", "variables", "variable"], "name"),
    (CONTROLLER, &["devices", "rpc-template"], "name"),
    (CONTROLLER, &["devices", "rpc-template", "variables", "variable"], "name"),
    (CONTROLLER, &["transactions", "transaction"], "tid"),
    (CONTROLLER, &["transactions", "transaction", "devices", "device"], "name"),
    (CONTROLLER, &["transactions", "transaction", "devices", "devdata"], "name"),
    (NACM, &["nacm", "groups", "group"], "name"),
    (NACM, &["nacm", "rule-list"], "name"),
    (NACM, &["nacm", "rule-list", "rule"], "name"),
];

/// The controller's own leaf-lists and those of NACM.
const LEAF_LISTS: [(&str, &[&str]); 4] = [
    (CONTROLLER, &["devices", "device-group", "device-name"]),
    (CONTROLLER, &["devices", "device-group", "device-group"]),
    (NACM, &["nacm", "groups", "group", "user-name"]),
    (NACM, &["nacm", "rule-list", "group"]),
];

/// A list that was said to have other keys than are known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys of the list `{list}` are `{known}`, not `{said}`")]
pub struct KeyConflict {
    /// The list, from the top, without prefixes.
    pub list: String,
    /// The keys that are known; `.` for a leaf-list.
    pub known: String,
    /// The keys that were said.
    pub said: String,
}

/// The keys of lists that are known without a model: the controller's own, and what was learned since,
/// such as from a path that a module wrote.
#[derive(Clone, Debug)]
pub struct ListKeys {
    names: Names,
    /// A tree of names; 0 is the root.
    children: HashMap<(u32, Name), u32>,
    kinds: Vec<Option<LearnedKeys>>,
}

/// What was learned of a name at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LearnedKeys {
    List(Box<[Box<str>]>),
    LeafList,
}

impl Default for ListKeys {
    fn default() -> Self {
        let mut keys = Self { names: Names::default(), children: HashMap::new(), kinds: vec![None] };
        for (namespace, names, key) in LISTS {
            let path = names.iter().map(|local| QName::new(namespace, local));
            keys.put(path, LearnedKeys::List([key.into()].into()));
        }
        for (namespace, names) in LEAF_LISTS {
            let path = names.iter().map(|local| QName::new(namespace, local));
            keys.put(path, LearnedKeys::LeafList);
        }
        keys
    }
}

impl ListKeys {
    /// What is known of the controller itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note that the list at this path, from the top, has these keys, in order.
    pub fn learn_list(&mut self, path: &[QName<'_>], keys: &[&str]) -> Result<(), KeyConflict> {
        self.learn(path, LearnedKeys::List(keys.iter().map(|&key| key.into()).collect()))
    }

    /// Takes note that the node at this path, from the top, is a leaf-list.
    pub fn learn_leaf_list(&mut self, path: &[QName<'_>]) -> Result<(), KeyConflict> {
        self.learn(path, LearnedKeys::LeafList)
    }

    /// Takes note of a list right under `/services`, and of the list of what its instances have
    /// created, which each of them has.
    pub fn learn_service(&mut self, service: QName<'_>, keys: &[&str]) -> Result<(), KeyConflict> {
        let list = [QName::new(CONTROLLER, "services"), service];
        self.learn_list(&list, keys)?;
        let [services, service] = list;
        let own = |local| QName::new(service.namespace, local);
        self.learn_leaf_list(&[services, service, own("created"), own("path")])
    }

    fn learn(&mut self, path: &[QName<'_>], said: LearnedKeys) -> Result<(), KeyConflict> {
        let known = path.iter().try_fold(0, |node, &name| self.child(node, name));
        match known.and_then(|node| self.kind(node)) {
            Some(known) if *known != said => Err(KeyConflict {
                list: path.iter().fold(String::new(), |path, name| path + "/" + name.local),
                known: known.to_string(),
                said: said.to_string(),
            }),
            Some(_) => Ok(()),
            None => {
                self.put(path.iter().copied(), said);
                Ok(())
            }
        }
    }

    fn put<'a>(&mut self, path: impl Iterator<Item = QName<'a>>, kind: LearnedKeys) {
        let mut node = 0;
        for name in path {
            let name = self.names.intern(name);
            let next = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
            node = *self.children.entry((node, name)).or_insert(next);
            if node == next {
                self.kinds.push(None);
            }
        }
        if let Some(known) = self.kinds.get_mut(node as usize) {
            *known = Some(kind);
        }
    }

    /// The node of this name under a node; 0 is the root.
    pub(crate) fn child(&self, node: u32, name: QName<'_>) -> Option<u32> {
        self.children.get(&(node, self.names.get(name)?)).copied()
    }

    pub(crate) fn kind(&self, node: u32) -> Option<&LearnedKeys> {
        self.kinds.get(node as usize)?.as_ref()
    }
}

impl std::fmt::Display for LearnedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::List(keys) => f.write_str(&keys.join(" ")),
            Self::LeafList => f.write_str("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_stays() {
        let mut keys = ListKeys::new();
        let bench = QName::new("http://example.com/bench", "bench");
        keys.learn_service(bench, &["service-name"]).unwrap();
        keys.learn_service(bench, &["service-name"]).unwrap();
        let error = keys.learn_service(bench, &["id", "site"]).unwrap_err();
        insta::assert_snapshot!(error, @"the keys of the list `/services/bench` are `service-name`, not `id site`");
        let error = keys.learn_leaf_list(&[QName::new(CONTROLLER, "services"), bench]).unwrap_err();
        insta::assert_snapshot!(error, @"the keys of the list `/services/bench` are `service-name`, not `.`");
        let error =
            keys.learn_list(&["devices", "device"].map(|local| QName::new(CONTROLLER, local)), &["id"]);
        insta::assert_snapshot!(error.unwrap_err(), @"the keys of the list `/devices/device` are `name`, not `id`");
    }
}
