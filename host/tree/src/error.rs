//! What can go wrong with a tree.

use crate::{CreatedError, PathError, xml::XmlError};

/// What can go wrong with a tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More nodes or text than the arena can number.
    #[error("the tree is too large: it holds at most {} nodes and {} bytes of text", u32::MAX, u32::MAX)]
    TooLarge,
    /// A path that can't be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A place that can't be written into an instance's `created` list.
    #[error(transparent)]
    Created(#[from] CreatedError),
    /// Entries that cannot be told apart.
    #[error(
        "the entries of the list `{list}` have been read before and cannot be told apart, as its keys are not known: \
         provide the YANG module that defines the list, or name its keys in the path, as in `{list}[key]`"
    )]
    UnknownKeys {
        /// The path of the list.
        list: String,
    },
    /// XML that can't be read.
    #[error(transparent)]
    Xml(Box<XmlError>),
    /// A node that XML can't carry.
    #[error("`{node}` cannot be written as XML: {reason}")]
    Unwritable {
        /// Where the node is.
        node: String,
        /// What XML can't carry.
        reason: String,
    },
}
