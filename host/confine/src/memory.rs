//! That memory goes back to the system.
//!
//! The C library gives a large value pages of its own, which go back with it. What counts as large grows with the
//! values that it has seen, unless it is said once and for all: otherwise the daemon keeps some tens of megabytes after
//! a module has passed large values. It can only be said to a program that starts.

use std::{env, io, os::unix::process::CommandExt as _, process::Command};

/// The bytes from which on a value has pages of its own: what it is at first (mallopt(3)).
const LARGE: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Starts the program once more in its own place, where nobody has said it yet.
///
/// # Errors
/// Why it cannot be started: it goes on as it is.
pub(crate) fn give_back() -> io::Result<()> {
    let (name, bytes) = LARGE;
    if env::var_os(name).is_some() {
        return Ok(());
    }
    let mut words = env::args_os();
    let called = words.next().unwrap_or_default();
    Err(Command::new(env::current_exe()?).arg0(called).args(words).env(name, bytes).exec())
}
