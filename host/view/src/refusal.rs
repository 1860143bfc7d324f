//! The error-tags of RFC 6241 for errors of the tree.

use confine_tree::{Error, ResolveError};

use crate::{CallRefusal, ErrorTag};

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
        | ResolveError::Tree(Error::UnknownKeys { .. }) => ErrorTag::MissingElement,
        ResolveError::NotAKey { .. }
        | ResolveError::RepeatedKey { .. }
        | ResolveError::NoPredicates { .. }
        | ResolveError::Unfit { .. }
        | ResolveError::Value { .. } => ErrorTag::InvalidValue,
        ResolveError::Tree(Error::Path(_)) => ErrorTag::InvalidValue,
        ResolveError::Tree(Error::Xml(_)) => ErrorTag::MalformedMessage,
        _ => ErrorTag::OperationFailed,
    };
    match error {
        // The refusal has the path as the module wrote it.
        ResolveError::Value { reason, .. } => CallRefusal::new(tag, reason),
        error => CallRefusal::new(tag, error.to_string()),
    }
}
