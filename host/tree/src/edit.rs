//! `edit-config` (RFC 6241, section 7.2) on a tree.

mod apply;
mod order;

use crate::{Error, NETCONF, NodeId, QName, SiblingKeyError, Tree, TreeModel, ValueError};

/// The attribute that says what to do with a node.
pub const OPERATION: QName<'_> = QName::new(NETCONF, "operation");

/// What to do with a node of an edit (RFC 6241, section 7.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Makes it if it is not there, and goes on with what is below it.
    #[default]
    Merge,
    /// Puts it in the place of what is there.
    Replace,
    /// Makes it; it must not be there.
    Create,
    /// Takes it away; it must be there.
    Delete,
    /// Takes it away if it is there.
    Remove,
    /// Only looks at what is below it; it must be there. Just as default operation.
    None,
}

impl Operation {
    /// The value of the attribute `operation`, or of `default-operation`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "merge" => Self::Merge,
            "replace" => Self::Replace,
            "create" => Self::Create,
            "delete" => Self::Delete,
            "remove" => Self::Remove,
            "none" => Self::None,
            _ => return None,
        })
    }
}

/// How to apply edits.
#[derive(Clone, Copy)]
pub struct Edit<'a> {
    /// What is known of the nodes.
    pub model: TreeModel<'a>,
    /// What to do with a node that says nothing, and has none above it that does: `Merge`, `Replace` or
    /// `None`.
    pub default: Operation,
    /// Whether values must be of their types. They are stored as they came in either case.
    pub check_values: bool,
}

impl<'a> Edit<'a> {
    /// Merges, and leaves the checking of values to others.
    pub fn new(model: TreeModel<'a>) -> Self {
        Self { model, default: Operation::Merge, check_values: false }
    }

    /// Applies the edit `config`, which begins at the root of the tree like the content of `<config>`.
    ///
    /// Lists are merged by their keys and leaf-lists by value; entries that the user orders go where
    /// `insert`, `key` and `value` say (RFC 7950, sections 7.7.9 and 7.8.6). Keys come first. A container
    /// without a meaning of its own vanishes with the last of its children. Where the model does not know
    /// a node, it is a list if its keys were learned, and else must be the only one of its name. Other
    /// attributes are left out.
    ///
    /// # Errors
    /// After an error, part of the edit has been made: edit a copy.
    pub fn apply(&self, tree: &mut Tree, config: &Tree) -> Result<(), EditError> {
        apply::apply(self, tree, config)
    }
}

/// Why an edit can't be made. Each is an `rpc-error` of RFC 6241, appendix A.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The model has no such node.
    #[error("there is no `{name}` under `{parent}` in the data model (namespace `{namespace}`)")]
    UnknownElement {
        /// The node's name without a prefix.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Where its parent is; `/` for the root.
        parent: String,
    },
    /// To create what is there.
    #[error("`{0}` is to be created and exists already")]
    DataExists(String),
    /// To delete what is not there, or to change what is below it.
    #[error("`{0}` does not exist")]
    DataMissing(String),
    /// To take a key away from its entry.
    #[error("`{0}` is a key: it goes with its list entry only")]
    KeyRemoved(String),
    /// An entry without its keys, or a list whose keys are not known.
    #[error(transparent)]
    Identity(#[from] SiblingKeyError),
    /// An attribute whose value means nothing.
    #[error("the attribute `{attribute}` of `{node}` cannot be `{value}`")]
    BadAttribute {
        /// The node.
        node: String,
        /// The attribute's local name.
        attribute: &'static str,
        /// What it says.
        value: String,
    },
    /// `insert` without the entry that it refers to.
    #[error(
        "`{node}` is to be inserted before or after another entry, and the attribute `{attribute}` does not say which"
    )]
    MissingAttribute {
        /// The node.
        node: String,
        /// The attribute's local name.
        attribute: &'static str,
    },
    /// `insert` with an entry that is not there (RFC 7950, section 15.7).
    #[error("`{node}` is to be inserted before or after `{value}`, which does not exist")]
    MissingInstance {
        /// The node.
        node: String,
        /// The attribute's local name: `key` or `value`.
        attribute: &'static str,
        /// The entry.
        value: String,
    },
    /// A value that is not of the node's type.
    #[error("`{node}`: {error}")]
    InvalidValue {
        /// The node.
        node: String,
        /// What is wrong with the value.
        error: ValueError,
    },
    /// The tree cannot take it.
    #[error(transparent)]
    Tree(#[from] Error),
}

impl EditError {
    /// The `error-tag`.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::UnknownElement { .. } => "unknown-element",
            Self::DataExists(_) => "data-exists",
            Self::DataMissing(_) => "data-missing",
            Self::KeyRemoved(_) => "bad-element",
            Self::Identity(SiblingKeyError::MissingKey { .. }) => "missing-element",
            Self::BadAttribute { .. } | Self::MissingInstance { .. } => "bad-attribute",
            Self::MissingAttribute { .. } => "missing-attribute",
            Self::InvalidValue { .. } => "invalid-value",
            Self::Tree(Error::TooLarge) => "too-big",
            Self::Identity(_) | Self::Tree(_) => "operation-failed",
        }
    }

    /// The `error-app-tag`, where RFC 7950, section 15, gives one.
    pub fn app_tag(&self) -> Option<&'static str> {
        matches!(self, Self::MissingInstance { .. }).then_some("missing-instance")
    }

    /// The content of `bad-element` in `error-info`: the name of a node.
    pub fn bad_element(&self) -> Option<&str> {
        let last = |node: &'_ str| -> usize { node.rfind('/').map_or(0, |slash| slash + 1) };
        match self {
            Self::UnknownElement { name, .. } => Some(name),
            Self::Identity(SiblingKeyError::MissingKey { key, .. }) => Some(key),
            Self::KeyRemoved(node) => node.get(last(node)..),
            _ => None,
        }
    }

    /// The content of `bad-attribute` in `error-info`: the name of an attribute.
    pub fn bad_attribute(&self) -> Option<&'static str> {
        match self {
            Self::BadAttribute { attribute, .. }
            | Self::MissingAttribute { attribute, .. }
            | Self::MissingInstance { attribute, .. } => Some(attribute),
            _ => None,
        }
    }
}

/// What the attribute `operation` of a node says, if it is there.
pub(crate) fn operation(config: &Tree, node: NodeId) -> Result<Option<Operation>, EditError> {
    match config.attribute(node, OPERATION) {
        None => Ok(None),
        Some(value) => match Operation::parse(value) {
            None | Some(Operation::None) => Err(EditError::BadAttribute {
                node: config.location(node),
                attribute: "operation",
                value: value.to_owned(),
            }),
            some => Ok(some),
        },
    }
}

#[cfg(test)]
mod tests;
