//! What test suites share.
//!
//! - [`testbed`]: a controller, a daemon in this process and a user, with modules that obey their instances.
//! - [`faulty_testbed`]: the same, with a faulty wire between the daemon and the controller.
//! - [`faulty_wire`]: forwards everything between a client and a controller until a given request, and spoils its reply.
//! - [`tap`]: forwards everything and keeps the client's requests.
//! - [`script`]: a backend that plays a written session and nothing else. It expects given requests, sends given replies,
//!   and reports where a client leaves the script. It proves what a client sends; for the effect, use the embedded
//!   controller.
//! - [`replay`]: a daemon against such a script.
//! - [`guests`]: the modules of this repository, built and loaded.
//! - [`canonical`]: XML in a form in which two texts are equal if they mean the same.

pub mod canonical;
pub mod faulty_testbed;
pub mod faulty_wire;
pub mod guests;
pub mod replay;
pub mod script;
pub mod tap;
pub mod testbed;

use std::path::{Path, PathBuf};

/// Longer than anything takes on the slowest machine.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

/// Returns the top directory of this checkout.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
