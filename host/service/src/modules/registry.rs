//! The modules of a daemon and the services that they serve, as one commit sees them.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use confine_sandbox::{Limits, LoadError, Module, Runner, shown_bytes};
use confine_tree::{NodeId, Schema, Tree};
use confine_view::{InstanceRef, OwnerIndex, SharingServices};

use crate::{
    error_chain::error_chain,
    modules::{
        claims::claims_of,
        files::{FoundFile, ModuleFileError},
        membership::{ManagedService, Membership, SERVICES, ServingModule, ServingState},
        unserved::{ServiceProblem, UnservedClaims, UnservedLists},
    },
};

/// The modules of each list, and those that could not be loaded: a commit that may need one of them fails with the reason.
///
/// A registry does not change; another one replaces it between two commits.
#[derive(Clone, Debug, Default)]
pub struct ModuleRegistry {
    files: Vec<ModuleFile>,
    services: Vec<Arc<ManagedService>>,
    by_name: HashMap<Arc<str>, Vec<usize>>,
    unserved: UnservedLists,
    /// The former names of the modules that have any.
    former: HashMap<String, Vec<String>>,
    sharing: Arc<SharingServices>,
}

/// A module file and its module.
#[derive(Clone, Debug)]
pub struct ModuleFile {
    /// The module's name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The module, or why it could not be loaded.
    pub module: Result<Module, Arc<NotLoaded>>,
    /// The names that the module had before its file was renamed. Rules for them apply to it too.
    pub former: Vec<String>,
}

/// Why a file is not loaded as a module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotLoaded {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] ModuleFileError),
    /// Its content is not a module that works.
    #[error(transparent)]
    Module(#[from] LoadError),
    /// It was refused before, and would be again.
    #[error("module `{module}` cannot be loaded: {error}")]
    Remembered {
        /// The module's name.
        module: String,
        /// The reason.
        error: String,
    },
    /// All loaded modules together would take more memory than is allowed.
    #[error(
        "it takes {} of the daemon's memory, and with it all loaded modules take {}: `total_resident` allows {}. Remove modules that are not needed, or raise `total_resident` in `[limits]`",
        shown_bytes(*resident), shown_bytes(*total), shown_bytes(*allowed)
    )]
    NoRoom {
        /// Bytes that the module takes.
        resident: u64,
        /// Bytes that all take.
        total: u64,
        /// Bytes that are allowed.
        allowed: u64,
    },
    /// Another file has the same name and is in use.
    #[error("`{}` has the same name and stays in use: rename one of them", incumbent.display())]
    Duplicate {
        /// The other file.
        incumbent: PathBuf,
    },
}

impl NotLoaded {
    /// Returns the error with its causes.
    pub fn reason(&self) -> String {
        error_chain(self)
    }
}

impl ModuleRegistry {
    /// Loads the modules of these files. Of two with the same name, the first is used.
    pub async fn load(files: Vec<FoundFile>, runner: &Runner, limits: impl Fn(&str) -> Limits) -> Self {
        let mut loaded: Vec<ModuleFile> = Vec::with_capacity(files.len());
        for FoundFile { name, path, bytes } in files {
            let incumbent = loaded.iter().find(|file| file.name == name && !file.is_duplicate());
            let module = match (incumbent, bytes) {
                (Some(incumbent), _) => Err(NotLoaded::Duplicate { incumbent: incumbent.path.clone() }),
                (None, Err(error)) => Err(error.into()),
                (None, Ok(bytes)) => {
                    runner.load(&name, bytes.into(), &limits(&name)).await.map_err(Into::into)
                }
            };
            let file = ModuleFile { name, path, module: module.map_err(Arc::new), former: Vec::new() };
            file.log();
            loaded.push(file);
        }
        Self::new(loaded)
    }

    /// Creates a registry of these files. Every module that is loaded serves what it claims, in this order.
    pub fn new(files: Vec<ModuleFile>) -> Self {
        let serving = files.iter().filter_map(|file| {
            let module = file.module.as_ref().ok()?.clone();
            let (name, lists) = (file.name.clone(), claims_of(&module));
            Some(ServingModule { name, lists, state: ServingState::Active(module) })
        });
        let serving: Vec<_> = serving.collect();
        Self::of(files, &serving, HashMap::new(), SharingServices::default())
    }

    /// Creates a registry of these files, of which these modules serve lists, in this order. Others claim lists that nobody
    /// serves. The services that `sharing` has may own objects together, and those whose modules say so.
    pub(crate) fn of(
        files: Vec<ModuleFile>,
        serving: &[ServingModule],
        claims: HashMap<String, UnservedClaims>,
        sharing: SharingServices,
    ) -> Self {
        let Membership { services, absent, sharing } = Membership::new(serving, sharing);
        let services: Vec<_> = services.into_iter().map(Arc::new).collect();
        let mut by_name: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (index, service) in services.iter().enumerate() {
            by_name.entry(service.name.local.clone()).or_default().push(index);
        }
        let renamed = files.iter().filter(|file| !file.former.is_empty());
        let former = renamed.map(|file| (file.name.clone(), file.former.clone())).collect();
        let (unserved, sharing) = (UnservedLists { absent, claims }, Arc::new(sharing));
        Self { files, services, by_name, unserved, former, sharing }
    }

    /// Returns the files of the modules that are not held, in the order in which modules run.
    pub fn files(&self) -> &[ModuleFile] {
        &self.files
    }

    /// Returns every service that a module serves.
    pub fn services(&self) -> impl Iterator<Item = Arc<ManagedService>> + '_ {
        self.services.iter().cloned()
    }

    /// Returns the services whose list has this name: more than one if several namespaces have it. A notification
    /// gives only the name.
    pub fn serving(&self, list: &str) -> impl Iterator<Item = Arc<ManagedService>> + '_ {
        let indices = self.by_name.get(list).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|&index| self.services.get(index).cloned())
    }

    /// Returns the service of an instance.
    pub(crate) fn service_of(&self, instance: &InstanceRef) -> Option<Arc<ManagedService>> {
        let list = instance.path().steps.last()?;
        self.serving(&list.local).find(|service| service.name.name() == list.name())
    }

    /// Returns the instances of services that have modules in a tree of `/services`.
    pub(crate) fn instances(&self, tree: &Tree) -> HashSet<InstanceRef> {
        let services = tree.child(Tree::ROOT, SERVICES);
        let entries = services.into_iter().flat_map(|services| tree.children(services));
        let instance = |entry: NodeId| {
            let list = tree.qname(entry);
            let service = self.serving(list.local).find(|service| service.name.name() == list)?;
            Some(InstanceRef::new(service.instance(tree, entry)))
        };
        entries.filter_map(instance).collect()
    }

    /// Returns the registry with the keys that the YANG modules of the services have, if these are others than it has now.
    pub(crate) fn with_model_keys(&self, schema: &dyn Schema) -> Option<Self> {
        let known: Vec<Option<ManagedService>> =
            self.services.iter().map(|service| service.with_model_keys(schema)).collect();
        if known.iter().all(Option::is_none) {
            return None;
        }
        let services = self.services.iter().zip(known);
        let services =
            services.map(|(service, known)| known.map_or_else(|| service.clone(), Arc::new)).collect();
        Some(Self { services, ..self.clone() })
    }

    /// Returns the owners by the `created` lists in a tree of `/services`.
    pub(crate) fn owners(&self, tree: &Tree) -> OwnerIndex {
        OwnerIndex::from_services(tree, |list| {
            let service = self.serving(list.local).find(|service| service.name.name() == list)?;
            Some(service.keys.clone()).filter(|keys| !keys.is_empty())
        })
    }

    /// Returns which services may own objects together.
    pub(crate) fn sharing(&self) -> Arc<SharingServices> {
        self.sharing.clone()
    }

    /// Returns why no module serves a list.
    pub(crate) fn unserved(&self, list: &str) -> ServiceProblem {
        self.unserved.problem(list, self.broken())
    }

    /// Returns the names that a module had before its file was renamed.
    pub(crate) fn former_names(&self, module: &str) -> &[String] {
        self.former.get(module).map_or(&[], Vec::as_slice)
    }

    /// Returns the modules that could not be loaded, each with its file and the reason, for a message.
    pub fn broken(&self) -> Vec<String> {
        let broken = self.files.iter().filter_map(|file| {
            let error = file.module.as_ref().err().filter(|_| !file.is_duplicate())?;
            Some(format!("`{}`: {}", file_name(&file.path), error.reason()))
        });
        broken.collect()
    }
}

impl ModuleFile {
    fn is_duplicate(&self) -> bool {
        self.module.as_ref().is_err_and(|error| matches!(**error, NotLoaded::Duplicate { .. }))
    }

    fn log(&self) {
        let file = self.path.display();
        match &self.module {
            Ok(module) => tracing::info!(%file, %module, digest = %module.digest(), "module loaded"),
            Err(error) => tracing::error!(%file, error = %error, "module not loaded"),
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string()
}
