//! What commands write to standard output.

use std::io::{self, IsTerminal as _, Write as _};

use confine_sandbox::text;

use crate::error::Error;

/// Text from a controller for a person: what a terminal would interpret is escaped.
pub(super) fn plain(text: &str) -> String {
    text::block(text, usize::MAX)
}

/// Writes data: unchanged for a program, [`plain`] for a person.
pub(super) fn show(data: &str) -> Result<(), Error> {
    if io::stdout().is_terminal() { print(plain(data).as_bytes()) } else { print(data.as_bytes()) }
}

/// Writes text. A reader that has read enough (`| head`) may close its end.
pub(super) fn print(text: &[u8]) -> Result<(), Error> {
    let mut output = anstream::stdout();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}
