//! Data as JSON (RFC 7951).

use confine_tree::{DataNodeKind, Name, NodeId, QName, Schema as _, SchemaNode, Tree};
use confine_yang::{BaseType, IntegerKind, MountedSchema};
use serde_json::Value;

/// Writes a tree. Nodes that are in no model become arrays if several have the same name, and their values
/// become strings.
pub(super) struct JsonWriter<'a> {
    tree: &'a Tree,
    models: &'a MountedSchema,
    text: String,
    depth: usize,
}

impl<'a> JsonWriter<'a> {
    /// The whole tree, indented.
    pub(super) fn of(tree: &'a Tree, models: &'a MountedSchema) -> String {
        let mut json = Self { tree, models, text: String::new(), depth: 0 };
        json.object(Tree::ROOT, models.root(), "");
        json.text + "\n"
    }

    /// The children of a node, whose namespace is `around`, as the members of an object (section 5).
    fn object(&mut self, parent: NodeId, schema_node: Option<SchemaNode>, around: &str) {
        let mut members: Vec<(Name, Vec<NodeId>)> = Vec::new();
        for child in self.tree.children(parent) {
            let name = self.tree.name(child);
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, nodes)) => nodes.push(child),
                None => members.push((name, vec![child])),
            }
        }
        self.between('{', '}', members, |json, (name, nodes)| {
            let tree = json.tree;
            let name = tree.names().resolve(name);
            let at = schema_node.and_then(|parent| json.models.child(parent, name));
            json.text += &Value::from(json.member(name, around)).to_string();
            json.text += ": ";
            match at.map(|at| json.models.kind(at)) {
                Some(DataNodeKind::List | DataNodeKind::LeafList) => json.array(nodes, at, name.namespace),
                None if nodes.len() > 1 => json.array(nodes, at, name.namespace),
                _ => nodes.into_iter().take(1).for_each(|node| json.node(node, at, name.namespace)),
            }
        });
    }

    fn array(&mut self, nodes: Vec<NodeId>, at: Option<SchemaNode>, namespace: &str) {
        self.between('[', ']', nodes, |json, node| {
            // Each entry of a list may have a model of its own.
            let tree = json.tree;
            let value = |key: &str| tree.value(tree.child(node, QName::new(namespace, key))?);
            let keys: Option<Vec<&str>> =
                at.map(|list| json.models.keys(list).iter().filter_map(|key| value(key)).collect());
            let at = at.zip(keys).map(|(list, keys)| json.models.entry(list, &keys));
            json.node(node, at, namespace);
        });
    }

    fn node(&mut self, node: NodeId, at: Option<SchemaNode>, namespace: &str) {
        let kind = at.map(|at| self.models.kind(at));
        let is_leaf = match kind {
            Some(kind) => {
                matches!(kind, DataNodeKind::Leaf | DataNodeKind::EmptyLeaf | DataNodeKind::LeafList)
            }
            None => self.tree.first_child(node).is_none(),
        };
        match is_leaf {
            true => self.text += &self.value(node, at).to_string(),
            false => self.object(node, at, namespace),
        }
    }

    /// Members, each on its own line.
    fn between<T>(&mut self, open: char, close: char, all: Vec<T>, mut each: impl FnMut(&mut Self, T)) {
        self.text.push(open);
        self.depth += 1;
        let is_empty = all.is_empty();
        for (index, one) in all.into_iter().enumerate() {
            self.text += if index > 0 { ",\n" } else { "\n" };
            self.text += &"  ".repeat(self.depth);
            each(self, one);
        }
        self.depth -= 1;
        if !is_empty {
            self.text.push('\n');
            self.text += &"  ".repeat(self.depth);
        }
        self.text.push(close);
    }

    /// A name, with its module where that differs from the module of its parent (section 4).
    fn member(&self, name: QName<'_>, around: &str) -> String {
        if name.namespace == around {
            return name.local.to_owned();
        }
        let module = self.models.module(name.namespace).unwrap_or(name.namespace);
        format!("{module}:{}", name.local)
    }

    /// A value (section 6).
    fn value(&self, node: NodeId, at: Option<SchemaNode>) -> Value {
        let text = self.tree.value(node).unwrap_or_default();
        let namespace = |prefix: &str| {
            let bindings = self.tree.bindings(node).iter();
            let mut bound = bindings.filter(|(bound, _)| **bound == *prefix);
            bound.next().map(|(_, namespace)| namespace.to_string())
        };
        let of = at.and_then(|at| self.models.node(at)?.type_of_value(text, &namespace));
        match of.map(|of| of.base()) {
            Some(BaseType::Integer { kind: IntegerKind::Int64 | IntegerKind::Uint64, .. }) => text.into(),
            Some(BaseType::Integer { .. }) => text.trim().parse::<i64>().map_or(text.into(), Value::from),
            Some(BaseType::Boolean) => text.parse::<bool>().map_or(text.into(), Value::from),
            Some(BaseType::Empty) => Value::Array(vec![Value::Null]),
            Some(BaseType::Identityref(_)) => {
                let named = text.split_once(':').and_then(|(prefix, local)| {
                    let namespace = namespace(prefix)?;
                    Some(format!("{}:{local}", self.models.module(&namespace)?))
                });
                named.map_or(text.into(), Value::from)
            }
            _ => text.into(),
        }
    }
}
