//! The error type of the crate.

use crate::{CreatedError, PathError, xml::XmlError};

/// An error of an operation on a tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tree has more nodes or text than the arena can number.
    #[error("the tree is too large: it holds at most {} nodes and {} bytes of text", u32::MAX, u32::MAX)]
    TooLarge,
    /// A path with a syntax error.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A path that cannot be recorded in an instance's `created` list.
    #[error(transparent)]
    Created(#[from] CreatedError),
    /// List entries that cannot be identified.
    #[error(
        "the entries of the list `{list}` are already loaded and cannot be told apart, because its keys are not known: \
         provide the YANG module that defines the list, or name its keys in the path, as in `{list}[key]`"
    )]
    UnknownKeys {
        /// The path of the list.
        list: String,
    },
    /// XML that is not well-formed or exceeds a limit.
    #[error(transparent)]
    Xml(Box<XmlError>),
    /// The work took too long, or nobody waits for it any more: see [`StopSignal`](crate::StopSignal).
    #[error("the work was stopped")]
    Stopped,
    /// A node that cannot be written as XML.
    #[error("`{node}` cannot be written as XML: {reason}")]
    Unwritable {
        /// The path of the node.
        node: String,
        /// The reason.
        reason: String,
    },
}
