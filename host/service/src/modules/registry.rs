//! The modules that are there, and the services that they serve.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use confine_sandbox::{Limits, LoadError, Module, Runner};
use confine_tree::{NodeId, Pattern, PatternStep, QName, Tree};
use confine_view::{InstanceRef, OwnerIndex};

use crate::{FoundFile, ModuleFileError, commit::plan::SERVICES, error::chain};

/// The modules that were found, the broken ones too: a commit that needs one of those is refused with
/// what is wrong with it.
///
/// A registry does not change. Another one is put in its place between two commits.
#[derive(Debug, Default)]
pub struct ModuleRegistry {
    files: Vec<ModuleFile>,
    services: Vec<Arc<ManagedService>>,
    by_name: HashMap<Box<str>, Vec<usize>>,
}

/// A module file and what became of it.
#[derive(Debug)]
pub struct ModuleFile {
    /// The module's name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The module, or why there is none.
    pub module: Result<Module, Arc<NotLoaded>>,
    /// Why the module does not run, where it is there.
    pub aside: Option<SuspendReason>,
}

/// Why a module that is there does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuspendReason {
    /// An operator has disabled it.
    Disabled,
    /// It has failed too often.
    Quarantined {
        /// How.
        reason: String,
    },
    /// Its file is gone.
    Retired,
}

/// A commit needs a module that is set aside. To go on without it would take away from the devices what
/// it makes.
#[derive(Debug, thiserror::Error)]
#[error("module `{module}` {version}, which serves `{service}`, is {aside}")]
pub struct SuspendedModule {
    /// The list under `/services`.
    pub service: String,
    /// The module's name.
    pub module: String,
    /// Its version.
    pub version: String,
    /// Why it does not run, and the way out.
    pub aside: String,
}

/// Why a file is no module of the registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotLoaded {
    /// The file is not one to take.
    #[error(transparent)]
    File(#[from] ModuleFileError),
    /// What it holds is no module.
    #[error(transparent)]
    Module(#[from] LoadError),
    /// Another file has the same name, and is in use.
    #[error("`{}` has the same name and stays in use: rename one of them", incumbent.display())]
    Duplicate {
        /// That file.
        incumbent: PathBuf,
    },
}

impl NotLoaded {
    /// The error with its causes.
    pub fn reason(&self) -> String {
        chain(self)
    }
}

/// A list under `/services` and the modules that serve it.
#[derive(Debug)]
pub struct ManagedService {
    /// The list, without keys.
    pub name: PatternStep,
    /// The names of its keys in order, where a module says them; a list that has one need not.
    pub keys: Vec<Box<str>>,
    /// In the order in which they run.
    pub modules: Vec<Module>,
    /// Those that ought to run too and are set aside.
    pub aside: Vec<(Module, SuspendReason)>,
}

impl ModuleRegistry {
    /// Loads the modules of these files. Of two with the same name the first stays.
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
            let file = ModuleFile { name, path, module: module.map_err(Arc::new), aside: None };
            file.tell();
            loaded.push(file);
        }
        Self::new(loaded)
    }

    /// A registry of these files, whose modules run in their order.
    pub fn new(files: Vec<ModuleFile>) -> Self {
        let mut services: Vec<ManagedService> = Vec::new();
        let there = files.iter().filter_map(|file| Some((file.module.as_ref().ok()?, &file.aside)));
        for (module, aside) in there {
            for list in &module.description().services {
                let index = services.iter().position(|service| service.name.name() == list.name());
                let index = index.unwrap_or_else(|| {
                    let name = PatternStep::new(list.name());
                    services.push(ManagedService {
                        name,
                        keys: Vec::new(),
                        modules: Vec::new(),
                        aside: Vec::new(),
                    });
                    services.len() - 1
                });
                if let Some(service) = services.get_mut(index) {
                    match aside {
                        None => service.modules.push(module.clone()),
                        Some(aside) => service.aside.push((module.clone(), aside.clone())),
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
        Self { files, services, by_name }
    }

    /// All that was found, in the order in which modules run.
    pub fn files(&self) -> &[ModuleFile] {
        &self.files
    }

    /// Every service that a module serves.
    pub fn services(&self) -> impl Iterator<Item = Arc<ManagedService>> + '_ {
        self.services.iter().cloned()
    }

    /// The services whose list has this name, which is all that a notification says: more than one if
    /// the name is used in several namespaces.
    pub fn serving(&self, list: &str) -> impl Iterator<Item = Arc<ManagedService>> + '_ {
        let indices = self.by_name.get(list).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(|&index| self.services.get(index).cloned())
    }

    /// The service that an instance is of.
    pub(crate) fn of(&self, instance: &InstanceRef) -> Option<Arc<ManagedService>> {
        let list = instance.path().steps.last()?;
        self.serving(&list.local).find(|service| service.name.name() == list.name())
    }

    /// What the `created` lists in a tree of `/services` say.
    pub(crate) fn owners(&self, tree: &Tree) -> OwnerIndex {
        OwnerIndex::from_services(tree, |list| {
            let service = self.serving(list.local).find(|service| service.name.name() == list)?;
            Some(service.keys.clone()).filter(|keys| !keys.is_empty())
        })
    }

    /// The modules that could not be loaded, each with its file and why, for a message.
    pub fn broken(&self) -> Vec<String> {
        let broken = self.files.iter().filter_map(|file| {
            let error = file.module.as_ref().err().filter(|_| !file.is_duplicate())?;
            Some(format!("`{}`: {}", file_name(&file.path), error.reason()))
        });
        broken.collect()
    }
}

impl SuspendReason {
    /// Why, and what to do.
    fn way_out(&self, module: &str) -> String {
        match self {
            Self::Disabled => format!("disabled\nhint: `confine modules enable {module}`"),
            Self::Quarantined { reason } => format!(
                "quarantined: {reason}\nhint: replace its file by one that works, or `confine modules release {module}`"
            ),
            Self::Retired => format!(
                "retired: its file is gone\nhint: put the file back, or `confine modules forget {module}` if it is \
                 gone for good"
            ),
        }
    }
}

impl ModuleFile {
    fn is_duplicate(&self) -> bool {
        self.module.as_ref().is_err_and(|error| matches!(**error, NotLoaded::Duplicate { .. }))
    }

    fn tell(&self) {
        let file = self.path.display();
        match &self.module {
            Ok(module) => tracing::info!(%file, %module, digest = %module.digest(), "module loaded"),
            Err(error) => tracing::error!(%file, error = %error, "module not loaded"),
        }
    }
}

impl ManagedService {
    /// An error where a module of the service is set aside.
    pub(crate) fn check_whole(&self) -> Result<(), SuspendedModule> {
        match self.aside.first() {
            None => Ok(()),
            Some((module, aside)) => Err(SuspendedModule {
                service: self.name.local.to_string(),
                module: module.name().to_string(),
                version: module.description().version.to_string(),
                aside: aside.way_out(module.name()),
            }),
        }
    }

    /// The place of the list, with its keys open where they are known.
    pub(crate) fn list(&self) -> Pattern {
        let mut list = self.name.clone();
        list.keys.extend(self.keys.iter().map(|key| (key.clone(), None)));
        Pattern { steps: vec![PatternStep::new(SERVICES), list] }
    }

    /// The place of an entry of this list, with all its keys. A list whose keys nobody names has one:
    /// keys come first (RFC 7950, section 7.8.5), so it is the first leaf.
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
