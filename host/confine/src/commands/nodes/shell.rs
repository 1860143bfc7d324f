//! `confine shell`: going about a controller's configuration.
//!
//! A shell has a place, which paths begin at, and edits the candidate as `confine edit` does: at once, without
//! a lock, and nothing that it has not said. What it has set and neither committed nor discarded when it ends
//! is asked about, or makes a script fail; it stays where it is either way, because the candidate is
//! everybody's.

mod commands;
mod complete;
mod describe;
mod list;
mod names;
mod script;
mod terminal;
mod words;

use std::io::{self, IsTerminal as _};

use confine_tree::{Path, Pattern};

use super::{
    candidate::PendingChanges,
    place::{DataPath, parsed},
    runtime,
    session::{ControllerSession, ModelDepth},
};
use crate::{cli, error::Error};

pub(in crate::commands) fn run(request: &cli::ShellArgs) -> Result<(), Error> {
    let runtime = runtime()?;
    let shell = runtime.block_on(ShellState::open(&request.controller))?;
    let input = io::stdin();
    if input.is_terminal() {
        terminal::run(runtime, shell)
    } else {
        script::run(&runtime, shell, input.lock())
    }
}

/// A place in a controller's configuration, and what was set from there.
struct ShellState {
    session: ControllerSession,
    /// One node, which has others below it.
    at: Pattern,
    changes: PendingChanges,
}

/// What to do after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterCommand {
    GoOn,
    End,
}

impl ShellState {
    async fn open(controller: &cli::ControllerArgs) -> Result<Self, Error> {
        let session = ControllerSession::open(controller).await?;
        Ok(Self { session, at: Pattern::default(), changes: PendingChanges::default() })
    }

    /// Finds out what a path means here.
    async fn find(&mut self, path: &str, value: Option<&str>, reach: ModelDepth) -> Result<DataPath, Error> {
        let (above, path) = self.read_path(path)?;
        self.session.find(&above, &path, value, reach).await
    }

    /// A path as it is written here, and where it begins: `..` is one place up, and a `/` at its end is nothing.
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

    /// Whether something that was set here may still be in the candidate.
    async fn has_changes(&mut self) -> Result<bool, Error> {
        self.changes.are_there(&mut self.session).await
    }
}
