//! Services, built once for all tests of a program, and loaded.

use std::{
    fs,
    path::{Path, PathBuf},
};

use confine_author::{Error, LoadedServices};
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
pub async fn examples() -> Result<LoadedServices, Error> {
    let _building = BUILDING.lock().await;
    LoadedServices::examples(&example_services(), Compiler::in_process()).await
}

/// Some of the modules in `guests`, in this order.
///
/// # Errors
/// Why they cannot be built or loaded.
pub async fn guests(packages: &[&str]) -> Result<LoadedServices, Error> {
    let _building = BUILDING.lock().await;
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/probe");
    LoadedServices::build(&probe, packages, std::slice::from_ref(&probe), Compiler::in_process()).await
}

/// The module that serves the example service `interfaces` on what `confine bindings` writes.
///
/// # Errors
/// Why it cannot be built or loaded.
pub async fn typed() -> Result<LoadedServices, Error> {
    let _building = BUILDING.lock().await;
    let typed = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/typed");
    let models = [example_services().join("interfaces"), typed.clone()];
    LoadedServices::build(&typed, &["typed"], &models, Compiler::in_process()).await
}

/// The component of a module in `guests`, with this version of five characters in the place of `0.1.0`:
/// as if it had been built anew.
///
/// # Errors
/// Why it cannot be built.
pub async fn guest_of_version(package: &str, version: &str) -> Result<Vec<u8>, Error> {
    const BUILT: &[u8] = b"0.1.0";
    let _building = BUILDING.lock().await;
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/probe");
    let files = confine_author::build(&probe, &[package])?;
    let mut component = Vec::new();
    for file in files {
        component = fs::read(&file).map_err(|source| Error::Read { file, source })?;
    }
    // The contract has the same version, as in `confine:service/tree@0.1.0`.
    let found: Vec<usize> = (1..component.len())
        .filter(|&at| {
            component.get(at..at + BUILT.len()) == Some(BUILT) && component.get(at - 1) != Some(&b'@')
        })
        .collect();
    for at in found {
        if let Some(place) = component.get_mut(at..at + BUILT.len()) {
            place.copy_from_slice(version.as_bytes());
        }
    }
    Ok(component)
}
