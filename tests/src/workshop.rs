//! Services, built once for all tests of a program, and loaded.

use std::path::{Path, PathBuf};

use confine_author::{Error, Services};
use confine_sandbox::Compiler;
use tokio::sync::Mutex;

/// Cargo builds one thing at a time.
static BUILDING: Mutex<()> = Mutex::const_new(());

/// The directory of the example services in this checkout.
pub fn example_services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../example-services")
}

/// The example services, with a host of their own.
///
/// # Errors
/// Why they cannot be built or loaded.
pub async fn examples() -> Result<Services, Error> {
    let _building = BUILDING.lock().await;
    Services::examples(&example_services(), Compiler::in_process()).await
}

/// Some of the modules in `guests`, in this order.
///
/// # Errors
/// Why they cannot be built or loaded.
pub async fn guests(packages: &[&str]) -> Result<Services, Error> {
    let _building = BUILDING.lock().await;
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/probe");
    Services::build(&probe, packages, std::slice::from_ref(&probe), Compiler::in_process()).await
}
