//! What can go wrong with a view.

use crate::AllowanceExceeded;

/// An error-tag of RFC 6241, appendix A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorTag {
    /// The user, or the module's scope, does not allow it.
    AccessDenied,
    /// What is needed is not there.
    DataMissing,
    /// A value, a path or an operation that makes no sense.
    InvalidValue,
    /// XML that cannot be read.
    MalformedMessage,
    /// A key that has to be given is not.
    MissingElement,
    /// No such node in the model.
    UnknownElement,
    /// A prefix without a namespace, or a name that could be in several.
    UnknownNamespace,
    /// A path that is longer than one may be.
    TooBig,
    /// What the contract does not offer.
    OperationNotSupported,
    /// Anything else.
    OperationFailed,
}

impl ErrorTag {
    /// As RFC 6241 writes it.
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

/// A call that was refused: what the module is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallRefusal {
    /// Its kind.
    pub tag: ErrorTag,
    /// For a person.
    pub message: String,
    /// The node that it is about, as the module wrote it.
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

/// Why the datastore could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// For a person: who read what, and what came back.
    pub message: String,
    /// What is behind it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why a call of a view did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call was refused. The module is told, and goes on.
    #[error(transparent)]
    Refused(#[from] CallRefusal),
    /// A budget is spent. The run ends: the module is not told.
    #[error(transparent)]
    Limit(#[from] AllowanceExceeded),
    /// The datastore could not be read. The run ends: a module that took this for "not there" would
    /// write the wrong configuration.
    #[error("cannot read the configuration")]
    Source(#[from] SourceError),
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
