//! What can be wrong with a module.

use std::{fmt, sync::Arc};

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourcePosition {
    /// The file, as it was named when it was added.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The statement: its keyword and argument, such as `leaf mtu`. Empty where none was read yet.
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

/// What is wrong with a module.
///
/// Those that [`ModuleSet::add`](crate::ModuleSet::add) gives mean that the module was not taken. Those
/// of [`YangSchema::problems`](crate::Schema::problems) mean that the statement named was left out and the rest is usable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the text of a module.
    #[error("{place}: expected {expected}, found {found}")]
    Syntax {
        /// Where.
        place: SourcePosition,
        /// What may stand there.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A statement in a place where its parent has none of its kind.
    #[error("{place} cannot stand in `{parent}`{hint}")]
    Misplaced {
        /// Where.
        place: SourcePosition,
        /// The statement around it.
        parent: Box<str>,
        /// What was meant perhaps, as the end of the sentence; may be empty.
        hint: String,
    },
    /// A substatement too many or too few.
    #[error("{place} has {found} `{substatement}`, expected {expected}")]
    Cardinality {
        /// The statement around them.
        place: SourcePosition,
        /// The keyword of the substatement.
        substatement: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        expected: &'static str,
    },
    /// An argument that is none for its statement.
    #[error("{place}: expected {expected}")]
    Argument {
        /// Where.
        place: SourcePosition,
        /// What the argument may be.
        expected: String,
    },
    /// A name that nothing stands for.
    #[error("{place}: there is no {what} `{name}`{hint}")]
    Unresolved {
        /// Where it is used.
        place: SourcePosition,
        /// What it would be, such as "grouping".
        what: &'static str,
        /// The name.
        name: Box<str>,
        /// The way out, as the end of the sentence; may be empty.
        hint: String,
    },
    /// Something that is defined by itself.
    #[error("{place}: {what} `{name}` is defined by itself")]
    Cycle {
        /// Where the circle closes.
        place: SourcePosition,
        /// What it is, such as "grouping".
        what: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// Two things of one name in one place.
    #[error("{place}: {what} `{name}` is there already")]
    Duplicate {
        /// Where the second one is.
        place: SourcePosition,
        /// What they are, such as "node".
        what: &'static str,
        /// Their name.
        name: Box<str>,
    },
    /// A [limit](crate::Limits) that the module passes.
    #[error("{place}: {what} are limited to {limit}")]
    Limit {
        /// Where it is passed.
        place: SourcePosition,
        /// What is limited, such as "nodes of the compiled tree".
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

impl Error {
    /// Where it is wrong.
    pub fn place(&self) -> &SourcePosition {
        match self {
            Self::Syntax { place, .. }
            | Self::Misplaced { place, .. }
            | Self::Cardinality { place, .. }
            | Self::Argument { place, .. }
            | Self::Unresolved { place, .. }
            | Self::Cycle { place, .. }
            | Self::Duplicate { place, .. }
            | Self::Limit { place, .. } => place,
        }
    }
}
