//! The modules of this repository, built and loaded.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs,
    path::PathBuf,
    sync::Arc,
};

use confine_author::{BuiltServices, Error, LoadedServices};
use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{FoundFile, Host, HostOptions, ModuleRegistry};
use tokio::sync::Mutex;

use crate::repository;

/// Held while cargo builds guests: it builds one thing at a time.
static BUILDING: Mutex<()> = Mutex::const_new(());

/// What was built and compiled already, by the names of the packages. Tests start many daemons.
static BUILT: Mutex<BTreeMap<String, BuiltServices>> = Mutex::const_new(BTreeMap::new());

/// Returns the directory of the example services.
pub fn example_services() -> PathBuf {
    repository().join("example-services")
}

/// Returns the directory of a guest in `tests/guests`.
pub fn test_guest(name: &str) -> PathBuf {
    repository().join("tests/guests").join(name)
}

/// Loads the example services into a new host.
///
/// # Errors
/// The reason why they cannot be built or loaded.
pub async fn examples() -> Result<LoadedServices, Error> {
    let _building = BUILDING.lock().await;
    match BUILT.lock().await.entry("examples".into()) {
        Entry::Occupied(built) => built.get().load(),
        Entry::Vacant(free) => {
            let built = BuiltServices::examples(&example_services(), Compiler::in_process()).await?;
            free.insert(built).load()
        }
    }
}

/// Loads some of the modules in `tests/guests`, in this order.
///
/// # Errors
/// The reason why they cannot be built or loaded.
pub async fn guests(packages: &[&str]) -> Result<LoadedServices, Error> {
    let _building = BUILDING.lock().await;
    match BUILT.lock().await.entry(packages.join(" ")) {
        Entry::Occupied(built) => built.get().load(),
        Entry::Vacant(free) => {
            let probe = test_guest("probe");
            let models = std::slice::from_ref(&probe);
            free.insert(BuiltServices::build(&probe, packages, models, Compiler::in_process()).await?).load()
        }
    }
}

/// As [`guests`], with these limits for each module.
///
/// # Errors
/// The reason why they cannot be built or loaded.
pub async fn guests_with_limits(packages: &[&str], limits: &Limits) -> Result<LoadedServices, Error> {
    guests_with(packages, limits, HostOptions::default()).await
}

/// As [`guests`], with these limits for each module, in a host with these options.
///
/// # Errors
/// The reason why they cannot be built or loaded.
pub async fn guests_with(
    packages: &[&str],
    limits: &Limits,
    options: HostOptions,
) -> Result<LoadedServices, Error> {
    let models = guests(packages).await?.models;
    let _building = BUILDING.lock().await;
    let runner = Runner::new(limits, Compiler::in_process(), HostSecret::known())?;
    let mut files = Vec::new();
    for (name, path) in packages.iter().zip(confine_author::build(&test_guest("probe"), packages)?) {
        let bytes = fs::read(&path).map_err(|source| Error::Read { file: path.clone(), source })?;
        files.push(FoundFile { name: (*name).to_owned(), path, bytes: Ok(bytes) });
    }
    let registry = ModuleRegistry::load(files, &runner, |_| limits.clone()).await;
    let host = Arc::new(Host::new(runner, &registry, options)?);
    Ok(LoadedServices { models, host })
}

/// Loads the module that implements the example service `interfaces` on the output of `confine bindings`.
///
/// # Errors
/// The reason why it cannot be built or loaded.
pub async fn typed() -> Result<LoadedServices, Error> {
    let _building = BUILDING.lock().await;
    let typed = test_guest("typed");
    let models = [example_services().join("interfaces"), typed.clone()];
    BuiltServices::build(&typed, &["typed"], &models, Compiler::in_process()).await?.load()
}

/// Returns the component of a module in `tests/guests` with another version, of five characters, in place of `0.1.0`: as
/// if it had been built again.
///
/// # Errors
/// The reason why it cannot be built.
pub async fn guest_of_version(package: &str, version: &str) -> Result<Vec<u8>, Error> {
    const BUILT: &[u8] = b"0.1.0";
    let _building = BUILDING.lock().await;
    let probe = test_guest("probe");
    let files = confine_author::build(&probe, &[package])?;
    let mut component = Vec::new();
    for file in files {
        component = fs::read(&file).map_err(|source| Error::Read { file, source })?;
    }
    // The contract has the same version, as in `confine:service/tree@0.1.0`, and keeps it.
    let found: Vec<usize> = (1..component.len())
        .filter(|&at| {
            component.get(at..at + BUILT.len()) == Some(BUILT) && component.get(at - 1) != Some(&b'@')
        })
        .collect();
    for at in found {
        if let Some(found) = component.get_mut(at..at + BUILT.len()) {
            found.copy_from_slice(version.as_bytes());
        }
    }
    Ok(component)
}
