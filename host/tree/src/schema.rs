//! What the tree asks of a data model.

use crate::{Pattern, QName};

/// A node of a data model, as the number that one [`Schema`] gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaNode(pub u32);

/// The kinds of data nodes (RFC 7950, section 3 and 7.5 to 7.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataNodeKind {
    /// A container that exists only to hold others.
    Container,
    /// A container whose existence means something.
    PresenceContainer,
    /// A list: its nodes are entries, told apart by their keys.
    List,
    /// A leaf.
    Leaf,
    /// A leaf of type `empty`.
    EmptyLeaf,
    /// A leaf-list: its nodes are entries, told apart by their values.
    LeafList,
    /// Any well-formed XML: `anydata` and `anyxml`.
    AnyData,
}

/// What a node's own model says of access to it where no rule does (RFC 8341, section 9: the extensions
/// `default-deny-write` and `default-deny-all`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DefaultDeny {
    /// Without a rule nobody writes it.
    Write,
    /// Without a rule nobody reads or writes it.
    All,
}

/// Why a string is not a value of a leaf's type: a sentence for a person, such as
/// "`fast` is not a number from 0 to 65535 (type `uint16`)".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// What is known of a data model. Every answer may be "not known": then the tree does what can be done
/// without, or says what it would have to be told.
pub trait Schema: Send + Sync {
    /// The node above all top-level data nodes, where any model is known at all.
    fn root(&self) -> Option<SchemaNode>;

    /// The data node of this name right under `parent`; `choice` and `case` are looked through
    /// (RFC 7950, section 7.9: they are not in the data tree).
    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode>;

    /// The node to go on with below the entry of `list` that has these keys. A model that is mounted
    /// (RFC 8528) may be another one under each entry: each device has its own.
    fn entry(&self, list: SchemaNode, keys: &[&str]) -> SchemaNode {
        let _ = keys;
        list
    }

    /// The names of all data nodes right under `parent`, in the order of the model.
    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>>;

    /// Whether [`children`](Self::children) of this node is all there can be. False for the root of an
    /// unknown mounted model, where anything may stand.
    fn is_complete(&self, parent: SchemaNode) -> bool;

    /// Whether it is certain that `parent` has no child of this name. That can be known of a name whose
    /// module is known, even where others may add to `parent` that nobody has read.
    fn excludes(&self, parent: SchemaNode, name: QName<'_>) -> bool {
        self.is_complete(parent) && self.child(parent, name).is_none()
    }

    /// The name of the module that defines a namespace, where that is known.
    fn module(&self, namespace: &str) -> Option<&str> {
        let _ = namespace;
        None
    }

    /// The namespaces of the modules that call themselves by a prefix, each once. Prefixes are not unique.
    fn prefixed(&self, prefix: &str) -> Vec<&str> {
        let _ = prefix;
        Vec::new()
    }

    /// What the model says of access to a node where no rule does: the strictest of what it says at the
    /// node and above.
    fn default_deny(&self, node: SchemaNode) -> Option<DefaultDeny> {
        let _ = node;
        None
    }

    /// Whether [`default_deny`](Self::default_deny) may ever answer something.
    fn has_default_denies(&self) -> bool {
        false
    }

    /// The node that a path leads to, through the models of the entries that it names.
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

    /// The node's kind.
    fn kind(&self, node: SchemaNode) -> DataNodeKind;

    /// The local names of a list's keys, in order; they are in the list's own namespace (RFC 7950,
    /// section 7.8.2). Empty for a list without keys and for anything else.
    fn keys(&self, node: SchemaNode) -> &[Box<str>];

    /// Whether the entries of a list or leaf-list are `ordered-by user` (RFC 7950, section 7.7.7).
    fn ordered_by_user(&self, node: SchemaNode) -> bool;

    /// The position of the node among the children of its parent, for canonical order.
    fn position(&self, node: SchemaNode) -> u32;

    /// The canonical form of a value of a leaf or leaf-list entry (RFC 7950, section 9.1), where the
    /// string is a value of its type. `namespace` resolves a prefix in the value.
    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError>;
}

/// No model is known.
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
