//! The errors of a view.

use crate::AllowanceExceeded;

/// An error-tag of RFC 6241, appendix A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorTag {
    /// The user or the module's scope does not permit it.
    AccessDenied,
    /// Data that is needed does not exist.
    DataMissing,
    /// A value, a path or an operation is invalid.
    InvalidValue,
    /// XML cannot be parsed.
    MalformedMessage,
    /// A required key is missing.
    MissingElement,
    /// The YANG model has no such node.
    UnknownElement,
    /// A prefix has no namespace, or a name exists in several.
    UnknownNamespace,
    /// A path is too long.
    TooBig,
    /// The contract does not have the operation.
    OperationNotSupported,
    /// Any other error.
    OperationFailed,
}

impl ErrorTag {
    /// Returns the tag as RFC 6241 spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access-denied",
            Self::DataMissing => "data-missing",
            Self::InvalidValue => "invalid-value",
            Self::MalformedMessage => "malformed-message",
            Self::MissingElement => "missing-element",
            Self::UnknownElement => "unknown-element",
            Self::UnknownNamespace => "unknown-namespace",
            Self::TooBig => "too-big",
            Self::OperationNotSupported => "operation-not-supported",
            Self::OperationFailed => "operation-failed",
        }
    }
}

/// The refusal of a call, as the module receives it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallRefusal {
    /// The error-tag.
    pub tag: ErrorTag,
    /// The message.
    pub message: String,
    /// The path of the node, as the module wrote it.
    pub path: Option<String>,
}

impl CallRefusal {
    pub(crate) fn new(tag: ErrorTag, message: impl Into<String>) -> Self {
        Self { tag, message: message.into(), path: None }
    }

    pub(crate) fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

/// The datastore could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// The message: who read what, and the reply.
    pub message: String,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why a call of a view failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call was refused. The module receives the refusal and goes on.
    #[error(transparent)]
    Refused(#[from] CallRefusal),
    /// A limit was reached. The run ends, and the module does not learn why.
    #[error(transparent)]
    Limit(#[from] AllowanceExceeded),
    /// The datastore could not be read. The run ends, because a module that took this for missing data would write
    /// a wrong configuration.
    #[error("cannot read the configuration")]
    Source(#[from] SourceError),
    /// Nobody waits for the commit any more: see [`StopSignal`](confine_tree::StopSignal).
    #[error("the commit was ended")]
    Stopped,
}

impl Error {
    /// Adds the path as the module wrote it to a refusal that has none.
    pub(crate) fn at(self, path: &str) -> Self {
        match self {
            Self::Refused(refusal) if refusal.path.is_none() => refusal.at(path).into(),
            other => other,
        }
    }
}
