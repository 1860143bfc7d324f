//! Returns memory to the system.
//!
//! A large commit takes a hundred megabytes for seconds. The allocator of the C library keeps them: one small value that
//! lives on at the end of its heap keeps all before it. mimalloc returns a page once nothing on it is used, if its delay for
//! that is zero; with another delay it would wait for the thread that used the page, which may not run for hours. It reads
//! the delay from the environment when a program starts.

use std::{env, io, os::unix::process::CommandExt as _, process::Command};

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The time in milliseconds after which an unused page is returned.
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");

/// Restarts the program in place, with the delay in its environment, unless one is there already.
///
/// # Errors
/// Why the program cannot be restarted: it continues as it is.
pub(crate) fn return_to_system() -> io::Result<()> {
    let (name, delay) = PURGE_DELAY;
    if env::var_os(name).is_some() {
        return Ok(());
    }
    let mut words = env::args_os();
    let name_of_program = words.next().unwrap_or_default();
    Err(Command::new(env::current_exe()?).arg0(name_of_program).args(words).env(name, delay).exec())
}
