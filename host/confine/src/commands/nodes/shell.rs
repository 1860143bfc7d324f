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
    candidate,
    edit::{self, Change},
    place::{Place, is_managed, parsed},
    runtime,
    session::{Reach, Session},
};
use crate::{cli, error::Error};

pub(in crate::commands) fn run(request: &cli::Shell) -> Result<(), Error> {
    let runtime = runtime()?;
    let shell = runtime.block_on(Shell::open(&request.controller))?;
    let input = io::stdin();
    if input.is_terminal() {
        terminal::run(runtime, shell)
    } else {
        script::run(&runtime, shell, input.lock())
    }
}

/// A place in a controller's configuration, and what was set from there.
struct Shell {
    session: Session,
    /// One node, which has others below it.
    at: Pattern,
    /// Something was set that is neither committed nor discarded.
    has_set: bool,
    /// The candidate has, or may have, something that a commit by the controller is for.
    is_managed: bool,
}

/// What to do after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

impl Shell {
    async fn open(controller: &cli::Controller) -> Result<Self, Error> {
        let session = Session::open(controller).await?;
        Ok(Self { session, at: Pattern::default(), has_set: false, is_managed: false })
    }

    /// Finds out what a path means here.
    async fn find(&mut self, path: &str, value: Option<&str>, reach: Reach) -> Result<Place, Error> {
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

    /// Makes a change in the candidate. Before the first one, it is looked for what others have left there;
    /// whether there is something.
    async fn change(&mut self, path: &str, change: Change<'_>) -> Result<bool, Error> {
        let place = self.find(path, change.value(), Reach::Node).await?;
        let is_managed = is_managed(&place.pattern());
        let is_shared = !self.has_set && candidate::differences(&mut self.session).await?.is_some();
        edit::send(&mut self.session, place, change).await?;
        self.has_set = true;
        self.is_managed |= is_managed || is_shared;
        Ok(is_shared)
    }

    /// Commits the candidate, and says what came of it.
    async fn commit(&mut self) -> Result<String, Error> {
        if candidate::differences(&mut self.session).await?.is_none() {
            self.forget();
            return Ok(candidate::NOTHING.to_owned());
        }
        // What others have set may be managed.
        let said = candidate::commit(&mut self.session, self.is_managed || !self.has_set).await?;
        self.forget();
        Ok(said)
    }

    /// Makes the candidate what `running` is.
    async fn discard(&mut self) -> Result<(), Error> {
        self.session.backend().discard_changes(&confine_backend::Identity::Host).await?;
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        (self.has_set, self.is_managed) = (false, false);
    }

    /// Whether something that was set here may still be in the candidate.
    async fn has_changes(&mut self) -> Result<bool, Error> {
        Ok(self.has_set && candidate::differences(&mut self.session).await?.is_some())
    }
}
