//! The state of a shell.

use confine_tree::{Path, Pattern};

use super::words;
use crate::{
    cli::ControllerArgs,
    commands::nodes::{
        candidate::PendingChanges,
        path::{DataPath, parsed},
        session::{ControllerSession, ModelDepth},
    },
    error::Error,
};

/// A node of a controller's configuration, and the changes made from there.
pub(super) struct ShellState {
    pub(super) session: ControllerSession,
    /// The current node, which can have children.
    pub(super) at: Pattern,
    pub(super) changes: PendingChanges,
}

/// What the shell does after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterCommand {
    Continue,
    Exit,
}

impl ShellState {
    pub(super) async fn open(controller: &ControllerArgs) -> Result<Self, Error> {
        let session = ControllerSession::open(controller).await?;
        Ok(Self { session, at: Pattern::default(), changes: PendingChanges::default() })
    }

    /// Resolves a path from the current node.
    pub(super) async fn find(
        &mut self,
        path: &str,
        value: Option<&str>,
        depth: ModelDepth,
    ) -> Result<DataPath, Error> {
        let (above, path) = self.read_path(path)?;
        self.session.find(&above, &path, value, depth).await
    }

    /// Parses a path, and returns it with the node where it begins: `..` is the node above, a trailing `/` is ignored.
    fn read_path(&self, path: &str) -> Result<(Pattern, Path), Error> {
        let (root, below) = path.strip_prefix('/').map_or(("", path), |below| ("/", below));
        let mut above = if root.is_empty() { self.at.clone() } else { Pattern::default() };
        let mut steps = Vec::new();
        for step in words::steps(below.trim_end_matches('/')) {
            match step {
                "." => {}
                ".." if steps.is_empty() => drop(above.steps.pop()),
                ".." => drop(steps.pop()),
                step => steps.push(step),
            }
        }
        let path = match steps[..] {
            [] => Path::default(),
            [""] if !root.is_empty() => Path::default(),
            _ => parsed(&format!("{root}{}", steps.join("/")))?,
        };
        Ok((above, path))
    }

    /// Whether changes of this shell may still be in the candidate.
    pub(super) async fn has_changes(&mut self) -> Result<bool, Error> {
        self.changes.are_there(&mut self.session).await
    }
}
