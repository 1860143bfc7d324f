//! What a tree's errors are called in RFC 6241.

use confine_tree::{Error, ResolveError};

use crate::{Refusal, Tag};

/// A tree's error as a module is told it.
pub(crate) fn refused(error: ResolveError) -> Refusal {
    let tag = match &error {
        ResolveError::UnknownPrefix { .. }
        | ResolveError::Ambiguous { .. }
        | ResolveError::Unplaced { .. } => Tag::UnknownNamespace,
        ResolveError::UnknownNode { .. } => Tag::UnknownElement,
        ResolveError::MissingKeys { .. }
        | ResolveError::UnknownKeys { .. }
        | ResolveError::EntryNeeded { .. } => Tag::MissingElement,
        ResolveError::NotAKey { .. }
        | ResolveError::RepeatedKey { .. }
        | ResolveError::NoPredicates { .. }
        | ResolveError::Unfit { .. }
        | ResolveError::Value { .. } => Tag::InvalidValue,
        ResolveError::Tree(Error::Path(_)) => Tag::InvalidValue,
        ResolveError::Tree(Error::Xml(_)) => Tag::MalformedMessage,
        _ => Tag::OperationFailed,
    };
    match error {
        // The path is told beside it, as the module wrote it.
        ResolveError::Value { reason, .. } => Refusal::new(tag, reason),
        error => Refusal::new(tag, error.to_string()),
    }
}
