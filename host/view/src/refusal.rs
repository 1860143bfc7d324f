//! The error-tags of RFC 6241 for errors of the tree.

use confine_tree::{Error as TreeError, ResolveError};

use crate::{CallRefusal, Error, ErrorTag};

/// Returns an error of the tree as the module receives it.
pub(crate) fn refused(error: ResolveError) -> CallRefusal {
    let tag = match &error {
        ResolveError::UnknownPrefix { .. }
        | ResolveError::Ambiguous { .. }
        | ResolveError::Unplaced { .. } => ErrorTag::UnknownNamespace,
        ResolveError::UnknownNode { .. } => ErrorTag::UnknownElement,
        ResolveError::MissingKeys { .. }
        | ResolveError::UnknownKeys { .. }
        | ResolveError::EntryNeeded { .. }
        | ResolveError::Tree(TreeError::UnknownKeys { .. }) => ErrorTag::MissingElement,
        ResolveError::NotAKey { .. }
        | ResolveError::RepeatedKey { .. }
        | ResolveError::NoPredicates { .. }
        | ResolveError::Unfit { .. }
        | ResolveError::Value { .. } => ErrorTag::InvalidValue,
        ResolveError::Tree(TreeError::Path(_)) => ErrorTag::InvalidValue,
        ResolveError::Tree(TreeError::Xml(_)) => ErrorTag::MalformedMessage,
        _ => ErrorTag::OperationFailed,
    };
    match error {
        // The refusal has the path as the module wrote it.
        ResolveError::Value { reason, .. } => CallRefusal::new(tag, reason),
        error => CallRefusal::new(tag, error.to_string()),
    }
}

impl From<ResolveError> for Error {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Tree(TreeError::Stopped) => Self::Stopped,
            error => Self::Refused(refused(error)),
        }
    }
}

impl From<TreeError> for Error {
    fn from(error: TreeError) -> Self {
        ResolveError::from(error).into()
    }
}
