//! What Confine calls of a module for an instance, and for which commit.

use std::{fmt, time::Duration};

/// A function that a module exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPoint {
    /// `handler.apply`
    Apply,
    /// One of the `hooks` interface, which a module need not export.
    Hook(Hook),
}

/// A function that is called before or after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `hooks.pre-commit`
    PreCommit,
    /// `hooks.post-commit`
    PostCommit,
    /// `hooks.post-commit-failed`
    PostCommitFailed,
}

impl Hook {
    /// The name of the function in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PostCommit => "post-commit",
            Self::PostCommitFailed => "post-commit-failed",
        }
    }
}

/// As the contract names the function.
impl fmt::Display for EntryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Hook(hook) => hook.name(),
        })
    }
}

/// The commit that a call belongs to, as the module receives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitContext {
    /// The controller's transaction id, in decimal.
    pub transaction: String,
    /// The committing user.
    pub user: String,
    /// Whether nothing is pushed to a device.
    pub dry_run: bool,
    /// When the commit began, since 1970: what the wall clock shows to a module that asks for it.
    pub time: Duration,
    /// Further names and values of the contract.
    pub options: Vec<(String, String)>,
}
