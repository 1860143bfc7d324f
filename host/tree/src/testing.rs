//! What the tests of several modules need.

use proptest::prelude::*;

use crate::{DataNodeKind, ModelPlace, NodeId, QName, Schema, SchemaNode, Tree, TreeModel, ValueError};

/// One node of a tree for comparison and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    depth: usize,
    name: String,
    value: Option<String>,
    bindings: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
}

/// What a tree holds under a node, numbers and memory aside. An empty value counts as none.
pub(crate) fn content(tree: &Tree, top: NodeId) -> Vec<Line> {
    let owned = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    let lines = tree.descendants(top).map(|(node, depth)| Line {
        depth,
        name: tree.qname(node).to_string(),
        value: tree.value(node).filter(|value| !value.is_empty()).map(Into::into),
        bindings: tree.bindings(node).iter().map(|(prefix, ns)| owned((prefix, ns))).collect(),
        attributes: tree.attributes(node).map(|(name, value)| owned((&name.to_string(), value))).collect(),
    });
    lines.collect()
}

/// A random element for [`build`].
#[derive(Clone, Debug)]
pub(crate) struct Element {
    name: (usize, usize),
    value: Option<(String, Option<usize>)>,
    attributes: Vec<((usize, usize), String)>,
    children: Vec<Element>,
}

const NAMESPACES: [&str; 5] = [
    "urn:a",
    "http://b/?x=1&y=\"2\"",
    "urn:ietf:params:xml:ns:netconf:base:1.0",
    "",
    "http://clicon.org/lib",
];
const LOCALS: [&str; 4] = ["a", "b-c.d", "_é", "xml"];
const PREFIXES: [&str; 4] = ["p", "nc", "a1", "cl"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ a-z<>&'\"\\r\\n\\t\\]é\u{85}\u{2028}\u{fffd}𝄞-]{0,8}",
        Just("]]>".to_owned()),
        Just("&amp;#13;".to_owned()),
        Just("http://x:80/".to_owned()),
    ]
}

/// Elements with nasty values, names of the same local part in several namespaces, attributes, and
/// values with prefixes that mean different things in different places.
pub(crate) fn elements() -> impl Strategy<Value = Vec<Element>> {
    let name = || (0..NAMESPACES.len(), 0..LOCALS.len());
    let attributes = proptest::collection::vec((name(), text()), 0..3);
    let leaf = (name(), proptest::option::of((text(), proptest::option::of(0..PREFIXES.len()))), attributes)
        .prop_map(|(name, value, attributes)| Element { name, value, attributes, children: Vec::new() });
    let element = leaf.prop_recursive(4, 24, 4, |inner| {
        (inner.clone(), proptest::collection::vec(inner, 1..4)).prop_map(|(element, children)| Element {
            value: None,
            children,
            ..element
        })
    });
    proptest::collection::vec(element, 0..3)
}

/// The elements as children of `parent`.
pub(crate) fn build(tree: &mut Tree, parent: NodeId, elements: &[Element]) {
    for Element { name, value, attributes, children } in elements {
        let qname = |&(ns, local): &(usize, usize)| QName::new(NAMESPACES[ns], LOCALS[local]);
        let interned = tree.intern(qname(name));
        let node = tree.append(parent, interned).unwrap();
        for (name, value) in attributes {
            tree.set_attribute(node, qname(name), value);
        }
        match value {
            Some((text, Some(prefix))) => {
                // The meaning of the prefix depends on the element.
                let binding = (PREFIXES[*prefix], NAMESPACES[if name.0 == 3 { 0 } else { name.0 }]);
                tree.set_value(node, &format!("{}:x {text}", binding.0), &[binding]).unwrap();
            }
            Some((text, None)) if !text.is_empty() => tree.set_value(node, text, &[]).unwrap(),
            Some(_) | None => {}
        }
        build(tree, node, children);
    }
}

/// A data model for tests, from lines such as `list l k1 k2`, indented by what they are in. Kinds are
/// `container`, `presence`, `list`, `leaf`, `empty`, `leaf-list` and `any`; a `!` after a kind means
/// ordered by the user. All is in one namespace.
#[derive(Debug)]
pub(crate) struct TestSchema {
    nodes: Vec<TestNode>,
}

#[derive(Debug)]
struct TestNode {
    name: String,
    kind: DataNodeKind,
    by_user: bool,
    keys: Vec<Box<str>>,
    children: Vec<u32>,
    position: u32,
}

/// The namespace of [`TestSchema`].
pub(crate) const TEST: &str = "urn:test";

impl TestSchema {
    pub(crate) fn new(text: &str) -> Self {
        let node = |name: &str, kind, by_user, keys, position| TestNode {
            name: name.into(),
            kind,
            by_user,
            keys,
            children: Vec::new(),
            position,
        };
        let mut nodes = vec![node("", DataNodeKind::Container, false, Vec::new(), 0)];
        let mut above: Vec<(usize, usize)> = vec![(0, 0)];
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let indent = 1 + line.len() - line.trim_start().len();
            above.retain(|&(other, _)| other < indent);
            let parent = above.last().unwrap().1;
            let mut words = line.split_whitespace();
            let kind = words.next().unwrap();
            let name = words.next().unwrap();
            let (kind, by_user) = (kind.trim_end_matches('!'), kind.ends_with('!'));
            let kind = match kind {
                "container" => DataNodeKind::Container,
                "presence" => DataNodeKind::PresenceContainer,
                "list" => DataNodeKind::List,
                "leaf" => DataNodeKind::Leaf,
                "empty" => DataNodeKind::EmptyLeaf,
                "leaf-list" => DataNodeKind::LeafList,
                "any" => DataNodeKind::AnyData,
                other => panic!("{other}"),
            };
            let number = nodes.len();
            let position = u32::try_from(number).unwrap();
            nodes.push(node(name, kind, by_user, words.map(Into::into).collect(), position));
            nodes[parent].children.push(position);
            above.push((indent, number));
        }
        Self { nodes }
    }

    fn node(&self, node: SchemaNode) -> &TestNode {
        &self.nodes[node.0 as usize]
    }
}

impl Schema for TestSchema {
    fn root(&self) -> Option<SchemaNode> {
        Some(SchemaNode(0))
    }
    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let children = self.node(parent).children.iter().map(|&child| SchemaNode(child));
        children.filter(|_| name.namespace == TEST).find(|&child| self.node(child).name == name.local)
    }
    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let children = self.node(parent).children.iter();
        children.map(|&child| QName::new(TEST, &self.node(SchemaNode(child)).name)).collect()
    }
    fn is_complete(&self, parent: SchemaNode) -> bool {
        self.kind(parent) != DataNodeKind::AnyData
    }
    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        self.node(node).kind
    }
    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        &self.node(node).keys
    }
    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        self.node(node).by_user
    }
    fn position(&self, node: SchemaNode) -> u32 {
        self.node(node).position
    }
    fn canonical(
        &self,
        _: SchemaNode,
        value: &str,
        _: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        match value {
            "bad" => Err(ValueError("`bad` is no value of a test".into())),
            value => Ok(value.into()),
        }
    }
}

/// A model with every kind of node.
pub(crate) fn test_schema() -> TestSchema {
    TestSchema::new(
        "
        container c
          leaf a
          empty e
          presence p
            leaf a
          container n
            leaf-list s
            leaf-list! u
          list l k
            leaf k
            leaf v
            container d
              leaf a
            list! m x y
              leaf x
              leaf y
              leaf v
          list! o k
            leaf k
            leaf v
            leaf-list! u
        leaf t
        leaf-list! u
        any x
        ",
    )
}

/// Numbers that a random tree is made of; when they end, as little as possible is made.
pub(crate) fn choices() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..160)
}

/// A random tree of the model, made of these choices.
pub(crate) fn random_tree(schema: &TestSchema, choices: &[u8]) -> Tree {
    let mut tree = Tree::new();
    let mut choices = choices.iter().copied();
    grow(&mut tree, Tree::ROOT, schema, SchemaNode(0), &mut choices);
    tree
}

fn grow(
    tree: &mut Tree,
    parent: NodeId,
    schema: &TestSchema,
    place: SchemaNode,
    choices: &mut dyn Iterator<Item = u8>,
) {
    const VALUES: [&str; 5] = ["1", "2", "it's", "\"", "a b"];
    for &child in &schema.node(place).children {
        let node = schema.node(SchemaNode(child));
        let name = tree.intern(QName::new(TEST, &node.name));
        let choice = choices.next().unwrap_or(0);
        if choice < 80 {
            continue;
        }
        let value = VALUES[usize::from(choice) % VALUES.len()];
        match node.kind {
            DataNodeKind::Leaf if schema.node(place).keys.iter().any(|key| **key == *node.name) => {}
            DataNodeKind::Leaf | DataNodeKind::AnyData => {
                let leaf = tree.append(parent, name).unwrap();
                tree.set_value(leaf, value, &[]).unwrap();
            }
            DataNodeKind::EmptyLeaf => drop(tree.append(parent, name).unwrap()),
            DataNodeKind::PresenceContainer | DataNodeKind::Container => {
                let container = tree.append(parent, name).unwrap();
                grow(tree, container, schema, SchemaNode(child), choices);
                if node.kind == DataNodeKind::Container && tree.first_child(container).is_none() {
                    tree.detach(container);
                }
            }
            DataNodeKind::LeafList | DataNodeKind::List => {
                let mut seen = Vec::new();
                for _ in 0..choice % 5 {
                    let count = node.keys.len().max(1);
                    let keys: Vec<&str> = (0..count)
                        .map(|_| VALUES[usize::from(choices.next().unwrap_or(0)) % VALUES.len()])
                        .collect();
                    if seen.contains(&keys) {
                        continue;
                    }
                    let entry = tree.append(parent, name).unwrap();
                    if node.kind == DataNodeKind::LeafList {
                        tree.set_value(entry, keys[0], &[]).unwrap();
                    } else {
                        for (key, value) in node.keys.iter().zip(&keys) {
                            let key = tree.intern(QName::new(TEST, key));
                            let leaf = tree.append(entry, key).unwrap();
                            tree.set_value(leaf, value, &[]).unwrap();
                        }
                        grow(tree, entry, schema, SchemaNode(child), choices);
                    }
                    seen.push(keys);
                }
            }
        }
    }
}

/// What a tree means: siblings sorted, except entries that the user orders.
pub(crate) fn meaning(model: &TreeModel<'_>, tree: &Tree) -> String {
    fn write(model: &TreeModel<'_>, tree: &Tree, node: NodeId, place: ModelPlace, depth: usize) -> String {
        let children = model.children(place, tree, node).into_iter().enumerate().map(|(at, child)| {
            let identity = child.identity.unwrap();
            let at = if model.ordered_by_user(child.place) { at } else { 0 };
            let below = write(model, tree, child.node, model.at(child.place, &identity), depth + 1);
            let name = tree.qname(child.node).local;
            let value = tree.value(child.node).unwrap_or_default();
            (name, at, format!("{:depth$}{name} {value:?}\n{below}", ""))
        });
        let mut children: Vec<_> = children.collect();
        children.sort();
        children.into_iter().map(|(_, _, text)| text).collect()
    }
    write(model, tree, Tree::ROOT, model.root(), 0)
}
