//! Validates a datastore against its schema, as far as the controller does before a commit: types, keys, and
//! mandatory nodes. Checks an edit before it is applied.

use std::collections::HashMap;

use confine_tree::{DataNodeKind, NodeId, QName, Schema, SchemaNode, Tree};
use confine_yang::{SchemaNodeKind, YangNode};

use crate::datastore::trees::ModelledTree;
use crate::models::{defining_file, file_name};
use crate::refusal::{self, RpcRefusal};

impl ModelledTree<'_> {
    /// Checks a whole datastore.
    ///
    /// # Errors
    /// The first violation, in the words of the real controller.
    pub(crate) fn check(self) -> Result<(), RpcRefusal> {
        let Some(root) = self.schema.root() else { return Ok(()) };
        self.tree.children(Tree::ROOT).try_for_each(|child| self.check_node(child, root))
    }

    fn check_node(self, node: NodeId, parent: SchemaNode) -> Result<(), RpcRefusal> {
        let Some(schema_node) = self.schema_node(node, Some(parent)) else { return Ok(()) };
        match self.schema.kind(schema_node) {
            DataNodeKind::Leaf | DataNodeKind::EmptyLeaf | DataNodeKind::LeafList => {
                self.check_value(node, schema_node)
            }
            DataNodeKind::AnyData => Ok(()),
            DataNodeKind::List => {
                self.check_keys(node, schema_node)?;
                self.check_below(node, self.schema_below(node, schema_node))
            }
            DataNodeKind::Container | DataNodeKind::PresenceContainer => self.check_below(node, schema_node),
        }
    }

    fn check_below(self, parent: NodeId, schema_node: SchemaNode) -> Result<(), RpcRefusal> {
        self.tree.children(parent).try_for_each(|child| self.check_node(child, schema_node))?;
        self.check_choices(parent, schema_node)?;
        self.check_mandatory(parent, schema_node)
    }

    /// Checks that each choice has nodes of one case only.
    fn check_choices(self, parent: NodeId, schema_node: SchemaNode) -> Result<(), RpcRefusal> {
        let mut chosen = HashMap::new();
        for child in self.tree.children(parent) {
            let cases = self.schema_node(child, Some(schema_node)).map(|child| self.schema.cases(child));
            for case in cases.into_iter().flatten() {
                if *chosen.entry(case.choice).or_insert(case.case) != case.case {
                    let local = self.tree.qname(child).local;
                    return Err(refusal::bad_element(local, "Element in choice statement already exists"));
                }
            }
        }
        Ok(())
    }

    /// Checks that all mandatory children are there.
    fn check_mandatory(self, parent: NodeId, schema_node: SchemaNode) -> Result<(), RpcRefusal> {
        let Some(schema_node) = self.schema.node(schema_node) else { return Ok(()) };
        for child in schema_node.children().filter(|child| child.is_mandatory() && child.is_config()) {
            let (Some(module), name) = (child.module(), child.name()) else { continue };
            if self.tree.child(parent, QName::new(module.namespace(), name)).is_none() {
                let description = describe(child, &self.path_of(parent));
                let message = format!("Missing mandatory XML {name} node. {description}");
                return Err(refusal::missing_element(name, &message));
            }
        }
        Ok(())
    }

    fn check_value(self, leaf: NodeId, schema_node: SchemaNode) -> Result<(), RpcRefusal> {
        let text = self.tree.value(leaf).unwrap_or_default();
        let bindings = self.tree.bindings(leaf);
        let namespace = |prefix: &str| {
            let bound = bindings.iter().find(|(bound, _)| **bound == *prefix);
            bound.map(|(_, namespace)| namespace.to_string())
        };
        let Some(schema_node) = self.schema.node(schema_node) else { return Ok(()) };
        let Err(invalid) = schema_node.canonical_in_c(text, &namespace) else { return Ok(()) };
        if invalid.backend.starts_with("Identityref") {
            return Err(refusal::failed(invalid.backend));
        }
        // For text that is not a number the real controller names no location, for other invalid values it
        // does.
        let has_location =
            invalid.backend.contains("does not match") || invalid.backend.starts_with("String length");
        let location = has_location.then(|| format!(": {}", describe(schema_node, &self.path_of(leaf))));
        let message = format!("{}{}", invalid.backend, location.unwrap_or_default());
        Err(refusal::bad_element(&invalid.leaf, &message))
    }

    /// Checks that a list entry has its keys.
    fn check_keys(self, entry: NodeId, list: SchemaNode) -> Result<(), RpcRefusal> {
        let QName { namespace, local } = self.tree.qname(entry);
        for key in self.schema.keys(list) {
            if self.tree.child(entry, QName::new(namespace, key)).is_none() {
                let module = self.schema.node(list).and_then(|list| list.module());
                let module = module.map(|module| module.name()).unwrap_or_default();
                let message = format!("Mandatory key in 'list {local}' in {module}.yang");
                return Err(refusal::missing_element(key, &message));
            }
        }
        Ok(())
    }

    /// Checks that the schema has all nodes of an edit, and that list entries have their keys.
    pub(crate) fn check_edit(self) -> Result<(), RpcRefusal> {
        self.check_edit_below(Tree::ROOT, self.schema.root())
    }

    fn check_edit_below(self, node: NodeId, parent: Option<SchemaNode>) -> Result<(), RpcRefusal> {
        let Self { tree, schema } = self;
        for child in tree.children(node) {
            let Some(schema_node) = self.schema_node(child, parent) else {
                let file = parent.and_then(|parent| defining_file(schema, parent));
                let parent = if node == Tree::ROOT { "config" } else { tree.qname(node).local };
                return Err(refusal::unknown_node(tree.qname(child), parent, file.as_deref()));
            };
            if let Some(state) = schema.node(schema_node).filter(|known| !known.is_config()) {
                let module = state.module().map(|module| module.name()).unwrap_or_default();
                let message = format!("module {module}: state data node unexpected");
                return Err(refusal::bad_element(state.name(), &message));
            }
            self.check_keys(child, schema_node)?;
            if schema.kind(schema_node) != DataNodeKind::AnyData {
                self.check_edit_below(child, Some(self.schema_below(child, schema_node)))?;
            }
        }
        Ok(())
    }
}

/// Describes a schema node and the path of its instance, as the real controller does.
fn describe(node: YangNode<'_>, path: &str) -> String {
    let statement = |node: YangNode<'_>| format!("{} {}", keyword(node.kind()), node.name());
    let parent = node.parent().map(|parent| format!(" with parent: \"{}\"", statement(parent)));
    let file = node.module().map(|module| format!(" in file \"{}\"", file_name(module)));
    let (parent, file) = (parent.unwrap_or_default(), file.unwrap_or_default());
    format!("yang node: \"{}\"{parent}{file} error-path: {path}", statement(node))
}

fn keyword(kind: SchemaNodeKind) -> &'static str {
    match kind {
        SchemaNodeKind::Container => "container",
        SchemaNodeKind::Leaf => "leaf",
        SchemaNodeKind::LeafList => "leaf-list",
        SchemaNodeKind::List => "list",
        SchemaNodeKind::Choice => "choice",
        SchemaNodeKind::Case => "case",
        _ => "module",
    }
}
