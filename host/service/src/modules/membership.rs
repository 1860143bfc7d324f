//! The modules of one list: those that run, and those that should and do not.

use std::collections::{BTreeSet, HashMap, HashSet};

use confine_sandbox::Module;
use confine_tree::{CONTROLLER, NodeId, Pattern, PatternStep, QName, Schema, Tree};
use confine_view::SharingServices;

/// `/services`, which holds the list of each service.
pub(crate) const SERVICES: QName<'_> = QName::new(CONTROLLER, "services");

/// A list under `/services` and the modules that serve it.
#[derive(Clone, Debug)]
pub struct ManagedService {
    /// The list, without keys.
    pub name: PatternStep,
    /// The names of the list's keys in order, if a module declares them or the YANG module of the list is known. Otherwise it
    /// has one key.
    pub keys: Vec<Box<str>>,
    /// Whether a module declares the keys.
    declares_keys: bool,
    /// In the order in which they run.
    pub modules: Vec<Module>,
    /// The suspended modules. The others run without them.
    pub suspended: Vec<SuspendedModule>,
    /// The modules that are not loaded. The others do not run without them.
    pub unready: Vec<UnreadyModule>,
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
    /// It waits for the approval of an operator.
    Held {
        /// Why, with a hint.
        reason: String,
    },
}

/// A commit needs a module that is suspended, and no other module serves its list. Without it, what it creates would be
/// deleted from devices.
#[derive(Clone, Debug, thiserror::Error)]
#[error("module `{module}`{}, which serves `{service}`, is {}", shown_version(version), reason.text(module))]
pub struct SuspendedModule {
    /// The list under `/services`.
    pub service: String,
    /// The module's name.
    pub module: String,
    /// The module's version; none if it is not known.
    pub version: Option<String>,
    /// Why it is suspended.
    pub reason: SuspendReason,
}

/// A commit needs a module that is not loaded, or not yet. The other modules of the list do not run without it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("module `{module}`, which serves `{service}`, {}", problem.as_deref().map_or_else(being_loaded, |problem| not_loaded(module, problem)))]
pub struct UnreadyModule {
    /// The list under `/services`.
    pub service: String,
    /// The module's name.
    pub module: String,
    /// Why it cannot be loaded; none while it is being loaded.
    pub problem: Option<String>,
}

fn shown_version(version: &Option<String>) -> String {
    version.as_ref().map(|version| format!(" {version}")).unwrap_or_default()
}

fn being_loaded() -> String {
    "is being loaded\nhint: commit again when it is loaded".into()
}

fn not_loaded(module: &str, problem: &str) -> String {
    format!(
        "is not loaded: {problem}\nhint: replace its file, or let the other modules of the list run without it: `confine modules disable {module}`"
    )
}

impl SuspendReason {
    /// Returns the state as one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Quarantined { .. } => "quarantined",
            Self::Retired => "retired",
            Self::Held { .. } => "held",
        }
    }

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
            Self::Held { reason } => format!("held: {reason}"),
        }
    }
}

impl ManagedService {
    pub(crate) fn new(name: QName<'_>) -> Self {
        Self {
            name: PatternStep::new(name),
            keys: Vec::new(),
            declares_keys: false,
            modules: Vec::new(),
            suspended: Vec::new(),
            unready: Vec::new(),
        }
    }

    /// Returns whether the keys are those of the YANG module of the list.
    pub(crate) fn has_model_keys(&self) -> bool {
        !self.declares_keys && !self.keys.is_empty()
    }

    /// Returns the service with the keys that its YANG module has, if these are others than it has now.
    pub(crate) fn with_model_keys(&self, schema: &dyn Schema) -> Option<Self> {
        let services = schema.root().and_then(|root| schema.child(root, SERVICES));
        let list = services.and_then(|services| schema.child(services, self.name.name()));
        let keys = list.map_or_else(Vec::new, |list| schema.keys(list).to_vec());
        (!self.declares_keys && self.keys != keys).then(|| Self { keys, ..self.clone() })
    }

    /// Returns the pattern of every entry of the list.
    pub(crate) fn list(&self) -> Pattern {
        let mut list = self.name.clone();
        list.keys.extend(self.keys.iter().map(|key| (key.clone(), None)));
        Pattern { steps: vec![PatternStep::new(SERVICES), list] }
    }

    /// Returns the pattern of an entry of the list, with all its keys. A list whose keys are not known has one
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

/// A module that serves lists.
#[derive(Debug)]
pub(crate) struct ServingModule {
    pub(crate) name: String,
    /// The names of the lists.
    pub(crate) lists: BTreeSet<String>,
    pub(crate) state: ServingState,
}

/// Whether a module that serves lists runs.
#[derive(Debug)]
pub(crate) enum ServingState {
    /// It runs.
    Active(Module),
    /// It is suspended. What it serves is known as far as a version is loaded.
    Suspended { module: Option<Module>, version: Option<String>, reason: SuspendReason },
    /// It is not loaded, for this reason; none while it is being loaded.
    Unready { problem: Option<String> },
}

impl ServingModule {
    fn module(&self) -> Option<&Module> {
        match &self.state {
            ServingState::Active(module) => Some(module),
            ServingState::Suspended { module, .. } => module.as_ref(),
            ServingState::Unready { .. } => None,
        }
    }

    /// Returns the lists that it serves, as its description has them, each once.
    fn served(&self) -> impl Iterator<Item = &PatternStep> {
        let lists = self.module().into_iter().flat_map(|module| &module.description().services);
        let mut seen = HashSet::new();
        lists.filter(move |list| self.lists.contains(&*list.local) && seen.insert(list.name()))
    }
}

/// The services that modules serve, and those of which none of the modules is loaded.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    pub(crate) services: Vec<ManagedService>,
    pub(crate) absent: HashMap<String, (Vec<SuspendedModule>, Vec<UnreadyModule>)>,
    /// Which services may own objects together.
    pub(crate) sharing: SharingServices,
}

impl Membership {
    /// Groups modules, which run in this order, by the lists that they serve. What a module declares about a list counts while
    /// it runs, and if it is suspended as long as no other module runs. The services that `sharing` has may share whatever
    /// modules say.
    pub(crate) fn new(modules: &[ServingModule], sharing: SharingServices) -> Self {
        let mut membership = Self { sharing, ..Self::default() };
        let mut places: HashMap<QName<'_>, usize> = HashMap::new();
        for module in modules {
            for list in module.served() {
                let index = *places.entry(list.name()).or_insert_with(|| {
                    membership.services.push(ManagedService::new(list.name()));
                    membership.services.len() - 1
                });
                let Some(service) = membership.services.get_mut(index) else { continue };
                match &module.state {
                    ServingState::Active(module) => service.modules.push(module.clone()),
                    ServingState::Suspended { .. } | ServingState::Unready { .. } => {
                        service.suspended.extend(module.suspended(&list.local));
                    }
                }
            }
        }
        modules
            .iter()
            .filter(|module| module.module().is_none())
            .for_each(|module| membership.add_absent(module));
        for module in modules {
            let is_active = matches!(module.state, ServingState::Active(_));
            let mut counted: Vec<&PatternStep> = Vec::new();
            for list in module.served() {
                let service = places.get(&list.name()).and_then(|&index| membership.services.get_mut(index));
                let Some(service) = service.filter(|service| is_active || service.modules.is_empty()) else {
                    continue;
                };
                if service.keys.is_empty() {
                    service.keys = list.keys.iter().map(|(key, _)| key.clone()).collect();
                    service.declares_keys = !service.keys.is_empty();
                }
                counted.push(list);
            }
            let shares_with =
                module.module().into_iter().flat_map(|module| &module.description().shares_with);
            membership
                .sharing
                .add_module(counted.into_iter().map(PatternStep::name), shares_with.map(PatternStep::name));
        }
        membership
    }

    /// Adds a module that is not loaded to its lists, of which only the names are known.
    fn add_absent(&mut self, module: &ServingModule) {
        for list in &module.lists {
            let (suspended, unready) = (module.suspended(list), module.unready(list));
            let mut is_served = false;
            for service in self.services.iter_mut().filter(|service| *service.name.local == **list) {
                is_served = true;
                service.suspended.extend(suspended.clone());
                service.unready.extend(unready.clone());
            }
            if !is_served {
                let absent = self.absent.entry(list.clone()).or_default();
                absent.0.extend(suspended);
                absent.1.extend(unready);
            }
        }
    }
}

impl ServingModule {
    fn suspended(&self, list: &str) -> Option<SuspendedModule> {
        let ServingState::Suspended { version, reason, .. } = &self.state else { return None };
        let (service, module) = (list.to_owned(), self.name.clone());
        Some(SuspendedModule { service, module, version: version.clone(), reason: reason.clone() })
    }

    fn unready(&self, list: &str) -> Option<UnreadyModule> {
        let ServingState::Unready { problem } = &self.state else { return None };
        Some(UnreadyModule { service: list.to_owned(), module: self.name.clone(), problem: problem.clone() })
    }
}
