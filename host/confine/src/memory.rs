//! Returns memory to the system.
//!
//! The C library gives a large value pages of its own, and returns them with it. Its threshold for large values grows
//! with the values it has seen, unless the environment fixes it; then the daemon would keep tens of megabytes after a
//! module has passed large values. The C library reads the environment when a program starts.

use std::{env, io, os::unix::process::CommandExt as _, process::Command};

/// Fixes the threshold at its initial value (mallopt(3)).
const MMAP_THRESHOLD: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "131072");

/// Restarts the program in place, with the threshold in its environment, unless it is there already.
///
/// # Errors
/// Why the program cannot be restarted: it continues as it is.
pub(crate) fn return_to_system() -> io::Result<()> {
    let (name, bytes) = MMAP_THRESHOLD;
    if env::var_os(name).is_some() {
        return Ok(());
    }
    let mut words = env::args_os();
    let name_of_program = words.next().unwrap_or_default();
    Err(Command::new(env::current_exe()?).arg0(name_of_program).args(words).env(name, bytes).exec())
}
