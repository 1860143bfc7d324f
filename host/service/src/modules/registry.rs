//! The modules of a daemon and the services that they serve, as one commit sees them.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use confine_sandbox::{Limits, LoadError, Module, Runner, shown_bytes};
use confine_tree::{CONTROLLER, NodeId, Pattern, PatternStep, QName, Tree};
use confine_view::{InstanceRef, OwnerIndex, SharingServices};

use crate::{
    error_chain::error_chain,
    modules::files::{FoundFile, ModuleFileError},
};

/// `/services`, which holds the list of each service.
pub(crate) const SERVICES: QName<'_> = QName::new(CONTROLLER, "services");

/// All modules, also those that could not be loaded: a commit that may need one of them fails with the reason.
///
/// A registry does not change; another one replaces it between two commits.
#[derive(Debug, Default)]
pub struct ModuleRegistry {
    files: Vec<ModuleFile>,
    services: Vec<Arc<ManagedService>>,
    by_name: HashMap<Box<str>, Vec<usize>>,
    sharing: Arc<SharingServices>,
}

/// A module file and its module.
#[derive(Debug)]
pub struct ModuleFile {
    /// The module's name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The module, or why it could not be loaded.
    pub module: Result<Module, Arc<NotLoaded>>,
    /// Why the module is suspended, if it is.
    pub suspended: Option<SuspendReason>,
}

/// Why a module that could be loaded does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuspendReason {
    /// An operator has disabled the module.
    Disabled,
    /// The module has failed too often.
    Quarantined {
        /// How it failed.
        reason: String,
    },
    /// The module's file is gone.
    Retired,
}

/// A commit needs a service that no healthy module serves.
#[derive(Debug, thiserror::Error)]
#[error(
    "no module serves `{service}`{}\n\
     hint: put its module into a module directory (`modules` in confine.toml), or add the list to `unmanaged` there",
    not_loaded(broken)
)]
pub struct NoModule {
    /// The list under `/services`.
    pub service: String,
    /// The modules that could not be loaded, each with its file and the reason: one of them may serve it.
    pub broken: Vec<String>,
}

fn not_loaded(broken: &[String]) -> String {
    match broken {
        [] => String::new(),
        broken => format!("; not loaded: {}", broken.join("; ")),
    }
}

/// A commit needs a module that is suspended. Without it, what it creates would be deleted from devices.
#[derive(Debug, thiserror::Error)]
#[error("module `{module}` {version}, which serves `{service}`, is {reason}")]
pub struct SuspendedModule {
    /// The list under `/services`.
    pub service: String,
    /// The module's name.
    pub module: String,
    /// The module's version.
    pub version: String,
    /// Why it is suspended, with a hint.
    pub reason: String,
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

/// A list under `/services` and the modules that serve it.
#[derive(Debug)]
pub struct ManagedService {
    /// The list, without keys.
    pub name: PatternStep,
    /// The names of the list's keys in order, if a module declares them; a list with one key needs no declaration.
    pub keys: Vec<Box<str>>,
    /// In the order in which they run.
    pub modules: Vec<Module>,
    /// The suspended modules, which should run too.
    pub suspended: Vec<(Module, SuspendReason)>,
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
            let file = ModuleFile { name, path, module: module.map_err(Arc::new), suspended: None };
            file.log();
            loaded.push(file);
        }
        Self::new(loaded)
    }

    /// Creates a registry of these files, whose modules run in this order.
    pub fn new(files: Vec<ModuleFile>) -> Self {
        let mut services: Vec<ManagedService> = Vec::new();
        let mut by_list: HashMap<(Box<str>, Box<str>), usize> = HashMap::new();
        let modules = files.iter().filter_map(|file| Some((file.module.as_ref().ok()?, &file.suspended)));
        for (module, suspended) in modules {
            for list in &module.description().services {
                let index =
                    *by_list.entry((list.namespace.clone(), list.local.clone())).or_insert_with(|| {
                        let name = PatternStep::new(list.name());
                        services.push(ManagedService {
                            name,
                            keys: Vec::new(),
                            modules: Vec::new(),
                            suspended: Vec::new(),
                        });
                        services.len() - 1
                    });
                if let Some(service) = services.get_mut(index) {
                    match suspended {
                        None => service.modules.push(module.clone()),
                        Some(reason) => service.suspended.push((module.clone(), reason.clone())),
                    }
                    if service.keys.is_empty() {
                        service.keys = list.keys.iter().map(|(key, _)| key.clone()).collect();
                    }
                }
            }
        }
        let services: Vec<_> = services.into_iter().map(Arc::new).collect();
        let mut by_name: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        for (index, service) in services.iter().enumerate() {
            by_name.entry(service.name.local.clone()).or_default().push(index);
        }
        let mut sharing = SharingServices::default();
        for module in files.iter().filter_map(|file| file.module.as_ref().ok()) {
            let description = module.description();
            let (serves, shares_with) = (description.services.iter(), description.shares_with.iter());
            sharing.add_module(serves.map(PatternStep::name), shares_with.map(PatternStep::name));
        }
        Self { files, services, by_name, sharing: Arc::new(sharing) }
    }

    /// Returns all files, in the order in which modules run.
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

    /// Returns the modules that could not be loaded, each with its file and the reason, for a message.
    pub fn broken(&self) -> Vec<String> {
        let broken = self.files.iter().filter_map(|file| {
            let error = file.module.as_ref().err().filter(|_| !file.is_duplicate())?;
            Some(format!("`{}`: {}", file_name(&file.path), error.reason()))
        });
        broken.collect()
    }
}

impl SuspendReason {
    /// Returns the reason, with a hint.
    fn text(&self, module: &str) -> String {
        match self {
            Self::Disabled => format!("disabled\nhint: run `confine modules enable {module}`"),
            Self::Quarantined { reason } => format!(
                "quarantined: {reason}\nhint: replace its file with one that works, or run `confine modules release {module}`"
            ),
            Self::Retired => format!(
                "retired: its file is gone\nhint: put the file back or, if it is gone for good, run `confine modules forget {module}`"
            ),
        }
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

impl ManagedService {
    /// Checks that no module of the service is suspended.
    pub(crate) fn check_none_suspended(&self) -> Result<(), SuspendedModule> {
        match self.suspended.first() {
            None => Ok(()),
            Some((module, reason)) => Err(SuspendedModule {
                service: self.name.local.to_string(),
                module: module.name().to_string(),
                version: module.description().version.to_string(),
                reason: reason.text(module.name()),
            }),
        }
    }

    /// Returns the pattern of every entry of the list.
    pub(crate) fn list(&self) -> Pattern {
        let mut list = self.name.clone();
        list.keys.extend(self.keys.iter().map(|key| (key.clone(), None)));
        Pattern { steps: vec![PatternStep::new(SERVICES), list] }
    }

    /// Returns the pattern of an entry of the list, with all its keys. A list whose keys are not declared has one
    /// key, the first leaf (RFC 7950, section 7.8.5).
    pub(crate) fn instance(&self, tree: &Tree, entry: NodeId) -> Pattern {
        let mut step = self.name.clone();
        let leaf = |local: &str| tree.child(entry, QName::new(&self.name.namespace, local));
        let keys = match &self.keys[..] {
            [] => tree.first_child(entry).into_iter().collect(),
            keys => keys.iter().filter_map(|key| leaf(key)).collect::<Vec<_>>(),
        };
        for key in keys {
            let value = tree.value(key).unwrap_or_default().to_owned();
            step.keys.push((tree.qname(key).local.into(), Some(value)));
        }
        Pattern { steps: vec![PatternStep::new(SERVICES), step] }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string()
}
