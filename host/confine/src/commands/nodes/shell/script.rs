//! A script: commands from a file or from another program.

use std::io::BufRead;

use tokio::runtime::Runtime;

use super::{AfterCommand, ShellState, words::CommandLines};
use crate::error::Error;

/// Runs a script to its end, or to the first command that cannot be done.
pub(super) fn run(runtime: &Runtime, mut shell: ShellState, input: impl BufRead) -> Result<(), Error> {
    for command in CommandLines::of(input.lines()) {
        let (number, line) = command.map_err(Error::Input)?;
        match runtime.block_on(shell.run(&line)) {
            Ok(AfterCommand::GoOn) => {}
            Ok(AfterCommand::End) => break,
            Err(error) => return Err(stopped(&shell, number, &line, error)),
        }
    }
    match runtime.block_on(shell.has_changes())? {
        true => Err(Error::Uncommitted),
        false => Ok(()),
    }
}

fn stopped(shell: &ShellState, number: usize, line: &str, source: Error) -> Error {
    let line = line.trim().lines().next().unwrap_or_default().to_owned();
    let source = Box::new(source);
    match (&*source, shell.changes.has_set()) {
        // It says so itself.
        (Error::NotCommitted { .. }, _) | (_, false) => Error::Script { number, line, source },
        (_, true) => {
            let discard = shell.session.discarding().to_owned();
            Error::ScriptWithChanges { number, line, source, discard }
        }
    }
}
