//! The interface through which the tree uses a data model.

use std::{fmt::Write as _, sync::Arc};

use crate::{BoundValue, Pattern, QName};

/// A node of a data model, identified by the number that its [`Schema`] assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaNode(pub u32);

/// The kinds of data nodes (RFC 7950, sections 3 and 7.5 to 7.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataNodeKind {
    /// A container that exists only to hold other nodes.
    Container,
    /// A container whose existence means something.
    PresenceContainer,
    /// A list. Its nodes are list entries, identified by their keys.
    List,
    /// A leaf.
    Leaf,
    /// A leaf of type `empty`.
    EmptyLeaf,
    /// A leaf-list. Its nodes are entries, identified by their values.
    LeafList,
    /// Any well-formed XML: `anydata` and `anyxml`.
    AnyData,
}

/// The access that a node's own YANG module denies unless a rule permits it (RFC 8341, section 9: the
/// extensions `default-deny-write` and `default-deny-all`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DefaultDeny {
    /// Nobody may write the node unless a rule permits it.
    Write,
    /// Nobody may read or write the node unless a rule permits it.
    All,
}

/// Whether a value of a type has several lexical representations (RFC 7950, section 9.1), and whether the controller knows
/// them as equal. As keys they identify one entry (section 7.8.2), but the controller keeps the text that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LexicalForms {
    /// It has one, as far as is known.
    One,
    /// It has several, which are one key for the controller: those of numbers.
    EqualKeys,
    /// It has several, which are different keys for the controller: those of identities and addresses.
    DifferentKeys,
}

/// One case of a choice, of which only one exists in a parent (RFC 7950, section 7.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChoiceCase {
    /// The choice.
    pub choice: SchemaNode,
    /// The case.
    pub case: SchemaNode,
    /// Whether the defaults of this case are in use if no case exists (section 7.9.3).
    pub is_default: bool,
}

/// Why a string is not a value of a leaf's type, as an error text such as
/// "`fast` is not a number from 0 to 65535 (type `uint16`)".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// A data model, as far as it is known. Every answer may be "not known". The tree then works without it, or
/// fails with an error that names the missing information.
pub trait Schema: Send + Sync {
    /// Returns the parent of all top-level data nodes, or none if no model is known.
    fn root(&self) -> Option<SchemaNode>;

    /// Returns the child of `parent` with this name. `choice` and `case` are skipped, because they are not in
    /// the data tree (RFC 7950, section 7.9).
    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode>;

    /// Returns the schema node whose children are those of the entry of `list` with these keys. A mounted
    /// model (RFC 8528) may differ from entry to entry: each device has its own.
    fn entry(&self, list: SchemaNode, keys: &[&str]) -> SchemaNode {
        let _ = keys;
        list
    }

    /// Returns what [`entry`](Self::entry) may return for the entries of `list`, each once: more than one node if the
    /// models that are known of them differ.
    fn entries(&self, list: SchemaNode) -> Vec<SchemaNode> {
        vec![list]
    }

    /// Returns whether [`entry`](Self::entry) may return another node than `list`.
    fn has_entry_models(&self, list: SchemaNode) -> bool {
        self.entries(list) != [list]
    }

    /// Returns the names of all children of `parent`, in the order of the model.
    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>>;

    /// Returns those of [`children`](Self::children) that have this local name, in any order. A model may have many children
    /// in one place: they are not gone through where they can be found by name.
    fn children_named(&self, parent: SchemaNode, local: &str) -> Vec<QName<'_>> {
        self.children(parent).into_iter().filter(|name| name.local == local).collect()
    }

    /// Returns whether [`children`](Self::children) lists every possible child of this node. It does not for
    /// the root of an unknown mounted model, which may have any child.
    fn is_complete(&self, parent: SchemaNode) -> bool;

    /// Returns whether `parent` certainly has no child with this name. This can be certain for a name whose
    /// YANG module is known, even if modules that have not been read may add other children to `parent`.
    fn excludes(&self, parent: SchemaNode, name: QName<'_>) -> bool {
        self.is_complete(parent) && self.child(parent, name).is_none()
    }

    /// Returns the name of the YANG module that defines a namespace, if known.
    fn module(&self, namespace: &str) -> Option<&str> {
        let _ = namespace;
        None
    }

    /// Returns the namespaces of the YANG modules that declare this prefix as their own, without duplicates.
    /// Prefixes are not unique.
    fn prefixed(&self, prefix: &str) -> Vec<&str> {
        let _ = prefix;
        Vec::new()
    }

    /// Returns the same of the modules of the device that the node `config` belongs to. Empty if its models are not known.
    fn prefixed_in(&self, config: SchemaNode, prefix: &str) -> Vec<&str> {
        let _ = config;
        self.prefixed(prefix)
    }

    /// Returns the access that the model denies by default: the strictest of the extensions at the node and
    /// its ancestors.
    fn default_deny(&self, node: SchemaNode) -> Option<DefaultDeny> {
        let _ = node;
        None
    }

    /// Returns whether [`default_deny`](Self::default_deny) can return a value for any node.
    fn has_default_denies(&self) -> bool {
        false
    }

    /// Returns the schema node of a path. Below a list entry that the path names, the entry's own model
    /// applies.
    fn locate(&self, path: &Pattern) -> Option<SchemaNode> {
        let (mut at, mut inside) = (self.root(), self.root());
        for step in &path.steps {
            at = inside.and_then(|parent| self.child(parent, step.name()));
            inside = match step.key_values() {
                Some(values) => at.map(|list| self.entry(list, &values)),
                None => at,
            };
        }
        at
    }

    /// Returns a path as text. Where several namespaces have nodes of one name, the step says which is meant: by the
    /// name of the module, or by the namespace in braces if its module is not known.
    fn shown(&self, path: &Pattern) -> String {
        let mut text = String::new();
        let mut inside = self.root();
        for step in &path.steps {
            let siblings = inside.map(|parent| self.children(parent)).unwrap_or_default();
            let is_namesake = |name: &QName<'_>| name.local == &*step.local && *name != step.name();
            // Writing to a string does not fail.
            let _ = match self.module(&step.namespace) {
                _ if !siblings.iter().any(is_namesake) => write!(text, "/{step}"),
                Some(module) => write!(text, "/{module}:{step}"),
                None => write!(text, "/{{{}}}{step}", step.namespace),
            };
            inside = inside.and_then(|parent| self.child(parent, step.name()));
            inside = inside.map(|node| step.key_values().map_or(node, |values| self.entry(node, &values)));
        }
        if text.is_empty() { path.to_string() } else { text }
    }

    /// Returns the node's kind.
    fn kind(&self, node: SchemaNode) -> DataNodeKind;

    /// Returns the local names of a list's keys, in order. Keys are in the list's own namespace (RFC 7950,
    /// section 7.8.2). Empty for a list without keys and for every other node.
    fn keys(&self, node: SchemaNode) -> &[Box<str>];

    /// Returns [`keys`](Self::keys) to hold on to.
    fn shared_keys(&self, node: SchemaNode) -> Arc<[Box<str>]> {
        self.keys(node).into()
    }

    /// Returns whether the entries of a list or leaf-list are `ordered-by user` (RFC 7950, section 7.7.7).
    fn ordered_by_user(&self, node: SchemaNode) -> bool;

    /// Returns the position of the node among its siblings, for canonical order.
    fn position(&self, node: SchemaNode) -> u32;

    /// Returns the canonical form of a value of a leaf or leaf-list entry (RFC 7950, section 9.1), or an
    /// error if the string is not a value of its type. `namespace` resolves a prefix in the value.
    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError>;

    /// Returns the form in which equal values of a leaf or leaf-list entry are equal: the canonical one, in which an identity
    /// has the prefix that its own module declares, with its namespace. None if the model does not tell, or the string is
    /// not a value of its type. `namespace` resolves a prefix in the value.
    fn normal(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Option<BoundValue> {
        let value = self.canonical(node, value, namespace).ok()?;
        Some(BoundValue { value, bindings: Vec::new() })
    }

    /// Returns the cases of choices that a node is in, from the outermost to the innermost, below its parent data node.
    fn cases(&self, node: SchemaNode) -> Vec<ChoiceCase> {
        let _ = node;
        Vec::new()
    }

    /// Returns the default values of a leaf or leaf-list in their [normal form](Self::normal), in order (RFC 7950, sections
    /// 7.6.1 and 7.7.2); none if there are none.
    fn defaults(&self, node: SchemaNode) -> Vec<BoundValue> {
        let _ = node;
        Vec::new()
    }

    /// Returns how many lexical representations a value of a leaf or leaf-list entry has.
    fn lexical_forms(&self, node: SchemaNode) -> LexicalForms {
        let _ = node;
        LexicalForms::One
    }
}

/// A schema for which no model is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSchema;

impl Schema for NoSchema {
    fn root(&self) -> Option<SchemaNode> {
        None
    }
    fn child(&self, _: SchemaNode, _: QName<'_>) -> Option<SchemaNode> {
        None
    }
    fn children(&self, _: SchemaNode) -> Vec<QName<'_>> {
        Vec::new()
    }
    fn is_complete(&self, _: SchemaNode) -> bool {
        false
    }
    fn kind(&self, _: SchemaNode) -> DataNodeKind {
        DataNodeKind::AnyData
    }
    fn keys(&self, _: SchemaNode) -> &[Box<str>] {
        &[]
    }
    fn ordered_by_user(&self, _: SchemaNode) -> bool {
        false
    }
    fn position(&self, _: SchemaNode) -> u32 {
        0
    }
    fn canonical(
        &self,
        _: SchemaNode,
        value: &str,
        _: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        Ok(value.to_owned())
    }
}
