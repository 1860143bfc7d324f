//! Helpers for the tests of several modules: a schema with every kind of node, and random trees of it.

use std::sync::Arc;

use confine_tree::{DataNodeKind, NodeId, Pattern, PatternStep, QName, Schema, SchemaNode, Tree};
use confine_yang::{ModuleSet, MountedSchema};
use proptest::prelude::*;

use crate::models::tree_model::{SiblingKey, TreeModel};

/// The namespace of [`test_schema`].
pub(crate) const TEST: &str = "urn:test";

const TEST_MODULE: &str = r#"module test {
  yang-version 1.1; namespace urn:test; prefix t;
  container c {
    leaf a { type string; }
    leaf e { type empty; }
    container p { presence p; leaf a { type string; } }
    container n {
      leaf-list s { type string; }
      leaf-list u { type string; ordered-by user; }
    }
    list l { key k;
      leaf k { type string; }
      leaf v { type string; }
      container d { leaf a { type string; } }
      list m { key "x y"; ordered-by user;
        leaf x { type string; }
        leaf y { type string; }
        leaf v { type string; }
      }
    }
    list o { key k; ordered-by user;
      leaf k { type string; }
      leaf v { type string; }
      leaf-list u { type string; ordered-by user; }
    }
  }
  leaf t { type string; }
  leaf-list u { type string; ordered-by user; }
  anydata x;
}"#;

/// Compiles a schema from these YANG modules.
pub(crate) fn schema_of(modules: &[&str]) -> MountedSchema {
    let mut set = ModuleSet::default();
    for module in modules {
        set.add("test.yang", module.as_bytes()).unwrap();
    }
    let schema = set.compile();
    assert!(schema.problems().is_empty(), "{:?}", schema.problems());
    MountedSchema::new(Arc::new(schema), "none")
}

/// Returns a schema with every kind of node.
pub(crate) fn test_schema() -> MountedSchema {
    schema_of(&[TEST_MODULE])
}

/// Generates the choices that a random tree is made of. When they end, the tree stays as small as possible.
pub(crate) fn choices() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..160)
}

/// Returns the random tree of the schema that these choices make.
pub(crate) fn random_tree(schema: &MountedSchema, choices: &[u8]) -> Tree {
    let mut tree = Tree::new();
    let mut choices = choices.iter().copied();
    grow(&mut tree, Tree::ROOT, schema, schema.root().unwrap(), &mut choices);
    tree
}

fn grow(
    tree: &mut Tree,
    parent: NodeId,
    schema: &MountedSchema,
    schema_node: SchemaNode,
    choices: &mut dyn Iterator<Item = u8>,
) {
    const VALUES: [&str; 5] = ["1", "2", "it's", "\"", "a b"];
    for qname in Schema::children(schema, schema_node) {
        let child = schema.child(schema_node, qname).unwrap();
        let name = tree.intern(qname);
        let choice = choices.next().unwrap_or(0);
        if choice < 80 {
            continue;
        }
        let value = VALUES[usize::from(choice) % VALUES.len()];
        let kind = schema.kind(child);
        match kind {
            DataNodeKind::Leaf if schema.keys(schema_node).iter().any(|key| **key == *qname.local) => {}
            DataNodeKind::Leaf | DataNodeKind::AnyData => {
                let leaf = tree.append(parent, name).unwrap();
                tree.set_value(leaf, value, &[]).unwrap();
            }
            DataNodeKind::EmptyLeaf => drop(tree.append(parent, name).unwrap()),
            DataNodeKind::PresenceContainer | DataNodeKind::Container => {
                let container = tree.append(parent, name).unwrap();
                grow(tree, container, schema, child, choices);
                if kind == DataNodeKind::Container && tree.first_child(container).is_none() {
                    tree.detach(container);
                }
            }
            DataNodeKind::LeafList | DataNodeKind::List => {
                let mut seen = Vec::new();
                for _ in 0..choice % 5 {
                    let count = schema.keys(child).len().max(1);
                    let keys: Vec<&str> = (0..count)
                        .map(|_| VALUES[usize::from(choices.next().unwrap_or(0)) % VALUES.len()])
                        .collect();
                    if seen.contains(&keys) {
                        continue;
                    }
                    let entry = tree.append(parent, name).unwrap();
                    if kind == DataNodeKind::LeafList {
                        tree.set_value(entry, keys[0], &[]).unwrap();
                    } else {
                        for (key, value) in schema.keys(child).iter().zip(&keys) {
                            let key = tree.intern(QName::new(TEST, key));
                            let leaf = tree.append(entry, key).unwrap();
                            tree.set_value(leaf, value, &[]).unwrap();
                        }
                        grow(tree, entry, schema, child, choices);
                    }
                    seen.push(keys);
                }
            }
        }
    }
}

/// Returns what a tree means: its nodes with siblings sorted, except entries that are `ordered-by user`.
pub(crate) fn meaning(model: &TreeModel<'_>, tree: &Tree) -> String {
    fn write(
        model: &TreeModel<'_>,
        tree: &Tree,
        node: NodeId,
        schema_node: Option<SchemaNode>,
        depth: usize,
    ) -> String {
        let children = model.children(schema_node, tree, node).into_iter().enumerate().map(|(at, child)| {
            let identity = child.identity.unwrap();
            let at = if model.ordered_by_user(child.schema_node) { at } else { 0 };
            let below = write(model, tree, child.node, model.below(child.schema_node, &identity), depth + 1);
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

/// Returns the pattern that matches a node of a tree and no other.
pub(crate) fn pattern_of(model: &TreeModel<'_>, tree: &Tree, node: NodeId) -> Pattern {
    let mut schema_node = model.root();
    let steps = tree.path_to(node).into_iter().map(|node| {
        schema_node = model.child(schema_node, tree.qname(node));
        let identity = model.identify(schema_node, tree, node, || false).unwrap();
        let mut step = PatternStep::new(tree.qname(node));
        match &identity {
            SiblingKey::Single => {}
            SiblingKey::Entry(values) => {
                let values = values.iter().map(|&value| Some(value.to_owned()));
                step.keys = model.keys(schema_node).iter().cloned().zip(values).collect();
            }
            SiblingKey::Value(value) => step.entry = Some(Some((*value).to_owned())),
        }
        schema_node = model.below(schema_node, &identity);
        step
    });
    Pattern { steps: steps.collect() }
}
