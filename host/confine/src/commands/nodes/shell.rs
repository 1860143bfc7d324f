//! `confine shell`: browses and edits a controller's configuration.
//!
//! A shell has a current node, where paths begin, and edits the candidate as `confine edit` does: immediately, without
//! a lock, and only what the user writes. Changes that are neither committed nor discarded at the end make the shell
//! ask, or a script fail; they stay in the candidate either way, because all users share it.

mod commands;
mod complete;
mod describe;
mod list;
mod names;
mod script;
mod state;
mod terminal;
mod words;

use std::io::{self, IsTerminal as _};

use self::state::ShellState;
use crate::{cli::ShellArgs, commands::connect::runtime, error::Error};

pub(in crate::commands) fn run(request: &ShellArgs) -> Result<(), Error> {
    let runtime = runtime()?;
    let shell = runtime.block_on(ShellState::open(&request.controller))?;
    let input = io::stdin();
    if input.is_terminal() {
        terminal::run(runtime, shell)
    } else {
        script::run(&runtime, shell, input.lock())
    }
}
