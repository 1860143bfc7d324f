//! The keys of the lists of the controller and of NACM, which are known without their YANG modules.

use crate::{CONTROLLER, HashMap, Name, Names, QName};

const NACM: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm";

/// The lists of the controller and of NACM (RFC 8341): the namespace, the path of local names, and the key.
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

/// The leaf-lists of the controller and of NACM.
const LEAF_LISTS: [(&str, &[&str]); 4] = [
    (CONTROLLER, &["devices", "device-group", "device-name"]),
    (CONTROLLER, &["devices", "device-group", "device-group"]),
    (NACM, &["nacm", "groups", "group", "user-name"]),
    (NACM, &["nacm", "rule-list", "group"]),
];

/// The lists and leaf-lists of [`LISTS`] and [`LEAF_LISTS`], as a tree of names.
#[derive(Clone, Debug)]
pub(crate) struct ListKeys {
    names: Names,
    /// The children of each node; node 0 is the root.
    children: HashMap<(u32, Name), u32>,
    /// By node.
    kinds: Vec<Option<LearnedKeys>>,
}

/// The kind of a node that is a list, with its keys, or a leaf-list.
#[derive(Clone, Debug)]
pub(crate) enum LearnedKeys {
    List(Box<[Box<str>]>),
    LeafList,
}

impl Default for ListKeys {
    fn default() -> Self {
        let mut keys = Self { names: Names::default(), children: HashMap::default(), kinds: vec![None] };
        for (namespace, names, key) in LISTS {
            let path = names.iter().map(|local| QName::new(namespace, local));
            keys.insert(path, LearnedKeys::List([key.into()].into()));
        }
        for (namespace, names) in LEAF_LISTS {
            let path = names.iter().map(|local| QName::new(namespace, local));
            keys.insert(path, LearnedKeys::LeafList);
        }
        keys
    }
}

impl ListKeys {
    fn insert<'a>(&mut self, path: impl Iterator<Item = QName<'a>>, kind: LearnedKeys) {
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

    /// Returns the child of a node with this name. Node 0 is the root.
    pub(crate) fn child(&self, node: u32, name: QName<'_>) -> Option<u32> {
        self.children.get(&(node, self.names.get(name)?)).copied()
    }

    pub(crate) fn kind(&self, node: u32) -> Option<&LearnedKeys> {
        self.kinds.get(node as usize)?.as_ref()
    }
}
