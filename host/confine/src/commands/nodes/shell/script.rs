//! A script: commands from a file or from another program.

use std::io::BufRead;

use tokio::runtime::Runtime;

use super::{
    state::{AfterCommand, ShellState},
    words::CommandLines,
};
use crate::error::Error;

/// Runs a script to its end, or to the first command that fails.
pub(super) fn run(runtime: &Runtime, mut shell: ShellState, input: impl BufRead) -> Result<(), Error> {
    for command in CommandLines::of(input.lines()) {
        let (number, line) = command.map_err(Error::Input)?;
        match runtime.block_on(shell.run(&line)) {
            Ok(AfterCommand::Continue) => {}
            Ok(AfterCommand::Exit) => break,
            Err(error) => return Err(failed_line(&shell, number, &line, error)),
        }
    }
    match runtime.block_on(shell.has_changes())? {
        true => Err(Error::Uncommitted),
        false => Ok(()),
    }
}

fn failed_line(shell: &ShellState, number: usize, line: &str, source: Error) -> Error {
    let line = line.trim().lines().next().unwrap_or_default().to_owned();
    let source = Box::new(source);
    match (&*source, shell.changes.has_set()) {
        // Its hint is about the candidate already.
        (Error::NotCommitted { .. }, _) | (_, false) => Error::Script { number, line, source },
        (_, true) => {
            let discard = shell.session.discard_command().to_owned();
            Error::ScriptWithChanges { number, line, source, discard }
        }
    }
}
