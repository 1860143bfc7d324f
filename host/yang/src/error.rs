//! The errors of reading and compiling modules.

use std::{fmt, sync::Arc};

/// A position in a module's source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourcePosition {
    /// The file name that was passed with the source.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The statement: its keyword and argument, such as `leaf mtu`. Empty if no statement was read yet.
    pub statement: Box<str>,
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if !self.statement.is_empty() {
            write!(f, ": `{}`", self.statement)?;
        }
        Ok(())
    }
}

/// What is limited by [`YangLimits::memory`](crate::YangLimits::memory).
pub(crate) const COMPILED_TREE: &str = "bytes of the compiled tree";

/// An error in a module.
///
/// If [`ModuleSet::add`](crate::ModuleSet::add) returns it, the module was not added. If it is one of
/// [`YangSchema::problems`](crate::YangSchema::problems), the statement at its position was left out and the
/// rest of the schema is usable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source is not a YANG module.
    #[error("{position}: expected {expected}, found {found}")]
    Syntax {
        /// The position.
        position: SourcePosition,
        /// What is allowed at the position.
        expected: &'static str,
        /// What is at the position.
        found: String,
    },
    /// A statement that its parent statement does not allow.
    #[error("{position} is not allowed in `{parent}`{hint}")]
    Misplaced {
        /// The statement.
        position: SourcePosition,
        /// The parent statement.
        parent: Box<str>,
        /// The end of the message: a reason or a suggestion; may be empty.
        hint: String,
    },
    /// Too many or too few substatements of one keyword.
    #[error("{position} has {found} `{substatement}`, expected {expected}")]
    Cardinality {
        /// The parent statement.
        position: SourcePosition,
        /// The keyword of the substatement.
        substatement: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        expected: &'static str,
    },
    /// An argument that its statement does not allow.
    #[error("{position}: expected {expected}")]
    Argument {
        /// The statement.
        position: SourcePosition,
        /// What the argument may be.
        expected: String,
    },
    /// A name without a definition.
    #[error("{position}: there is no {what} `{name}`{hint}")]
    Unresolved {
        /// The statement that uses the name.
        position: SourcePosition,
        /// The kind of definition, such as "grouping".
        what: &'static str,
        /// The name.
        name: Box<str>,
        /// The end of the message: a reason or a suggestion; may be empty.
        hint: String,
    },
    /// A definition that refers to itself.
    #[error("{position}: {what} `{name}` refers to itself")]
    Cycle {
        /// The statement that closes the cycle.
        position: SourcePosition,
        /// The kind of definition, such as "grouping".
        what: &'static str,
        /// The name of the definition.
        name: Box<str>,
    },
    /// A second definition of the same name in the same scope.
    #[error("{position}: {what} `{name}` is already defined")]
    Duplicate {
        /// The second definition.
        position: SourcePosition,
        /// The kind of definition, such as "node".
        what: &'static str,
        /// The name.
        name: Box<str>,
    },
    /// The module exceeds one of the [limits](crate::YangLimits).
    #[error("{position}: {what} are limited to {limit}")]
    Limit {
        /// The statement that exceeds the limit.
        position: SourcePosition,
        /// What is limited, such as "bytes of the compiled tree".
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// Returns whether the compiled tree had no more room, so that nodes are missing: see
    /// [`YangLimits::memory`](crate::YangLimits::memory).
    pub fn is_memory_limit(&self) -> bool {
        matches!(self, Self::Limit { what: COMPILED_TREE, .. })
    }

    /// Returns the position of the error.
    pub fn position(&self) -> &SourcePosition {
        match self {
            Self::Syntax { position, .. }
            | Self::Misplaced { position, .. }
            | Self::Cardinality { position, .. }
            | Self::Argument { position, .. }
            | Self::Unresolved { position, .. }
            | Self::Cycle { position, .. }
            | Self::Duplicate { position, .. }
            | Self::Limit { position, .. } => position,
        }
    }
}
