//! Builds and loads service modules from source, together with their YANG.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use confine_sandbox::{Compiler, HostSecret, Limits, Runner};
use confine_service::{FoundFile, Host, HostOptions, ModuleRegistry};

use crate::{Error, build};

/// The packages of the example services.
const EXAMPLES: [&str; 4] = ["banner", "interfaces", "mistaken", "ssh-users"];

/// Service modules that are built and compiled.
pub struct BuiltServices {
    /// The YANG modules of the services, for the controller: file name and text.
    pub models: Vec<(String, String)>,
    runner: Runner,
    registry: ModuleRegistry,
}

impl BuiltServices {
    /// Builds these cargo packages of the workspace that `directory` is in and compiles their modules, each
    /// named after its package. The YANG modules are all those in the directories `models`.
    ///
    /// # Errors
    /// The reason why they cannot be built or compiled.
    pub async fn build(
        directory: &Path,
        packages: &[&str],
        models: &[PathBuf],
        compiler: Compiler,
    ) -> Result<Self, Error> {
        let named: Vec<_> =
            packages.iter().map(|&name| name.to_owned()).zip(build(directory, packages)?).collect();
        let (runner, registry) = load(&named, compiler).await?;
        let broken = registry.files().iter().find_map(|file| Some((file, file.module.as_ref().err()?)));
        if let Some((file, error)) = broken {
            return Err(Error::Module { file: file.path.clone(), reason: error.to_string() });
        }
        let texts: Result<Vec<_>, _> = models.iter().map(|directory| yang_in(directory)).collect();
        Ok(Self { models: texts?.into_iter().flatten().collect(), runner, registry })
    }

    /// Builds and compiles the example services in the directory `examples`.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn examples(examples: &Path, compiler: Compiler) -> Result<Self, Error> {
        let models: Vec<_> = EXAMPLES.iter().map(|name| examples.join(name)).collect();
        Self::build(&examples.join("banner"), &EXAMPLES, &models, compiler).await
    }

    /// Loads them into a new host.
    ///
    /// # Errors
    /// [`Error::Host`].
    pub fn load(&self) -> Result<LoadedServices, Error> {
        let host = Arc::new(Host::new(self.runner.another(), &self.registry, HostOptions::default())?);
        Ok(LoadedServices { models: self.models.clone(), host })
    }
}

/// Service modules that are built and loaded.
pub struct LoadedServices {
    /// The YANG modules of the services, for the controller: file name and text.
    pub models: Vec<(String, String)>,
    /// A host that runs the modules.
    pub host: Arc<Host>,
}

impl LoadedServices {
    /// Builds and loads the example services in the directory `examples`.
    ///
    /// # Errors
    /// The reason why they cannot be built or loaded.
    pub async fn examples(examples: &Path, compiler: Compiler) -> Result<Self, Error> {
        BuiltServices::examples(examples, compiler).await?.load()
    }
}

/// Returns the directory of the example services in the checkout that contains `from`.
pub fn find_examples(from: &Path) -> Result<PathBuf, Error> {
    let found = from.ancestors().map(|above| above.join("example-services")).find(|path| path.is_dir());
    found.ok_or_else(|| Error::NoExamples { from: from.into() })
}

async fn load(files: &[(String, PathBuf)], compiler: Compiler) -> Result<(Runner, ModuleRegistry), Error> {
    let limits = Limits::default();
    let runner = Runner::new(&limits, compiler, HostSecret::known())?;
    let read = |(name, path): &(String, PathBuf)| {
        let bytes = fs::read(path).map_err(|source| Error::Read { file: path.clone(), source })?;
        Ok(FoundFile { name: name.clone(), path: path.clone(), bytes: Ok(bytes) })
    };
    let files = files.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
    let registry = ModuleRegistry::load(files, &runner, |_| limits.clone()).await;
    Ok((runner, registry))
}

/// Returns the YANG modules in a directory, file name and text, sorted by name.
fn yang_in(directory: &Path) -> Result<Vec<(String, String)>, Error> {
    let is_yang = |path: &Path| path.extension().is_some_and(|extension| extension == "yang");
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, read_text(path)?))
    };
    sorted_paths(directory, is_yang)?.into_iter().map(read).collect()
}

/// Returns the entries of a directory that satisfy a condition, sorted by name.
pub(crate) fn sorted_paths(directory: &Path, is_kept: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Read { file: directory.into(), source };
    let entries = fs::read_dir(directory).map_err(unreadable)?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(unreadable)?;
    paths.retain(|path| is_kept(path));
    paths.sort();
    Ok(paths)
}

/// Reads a file.
pub(crate) fn read_text(file: PathBuf) -> Result<String, Error> {
    fs::read_to_string(&file).map_err(|source| Error::Read { file, source })
}
