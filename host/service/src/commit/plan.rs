//! Which instances a commit runs, and which modules run them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use confine_backend::ServiceRef;
use confine_sandbox::Module;
use confine_tree::{CONTROLLER, NodeId, Pattern, PatternStep, QName, Tree};
use confine_view::InstanceRef;

use crate::{Error, ManagedService, ModuleRegistry};

/// `/services`, under which every service has its list.
pub(crate) const SERVICES: QName<'_> = QName::new(CONTROLLER, "services");

/// What a notification asks for, with who does it.
#[derive(Debug)]
pub(crate) struct CommitPlan {
    /// Every list under `/services` was asked for, so whatever stands there has to have a module.
    pub(crate) everything: bool,
    /// In notified order.
    targets: Vec<PlanTarget>,
    /// Namespace and name of the lists that are asked for whole.
    lists: HashSet<(Box<str>, Box<str>)>,
    /// The same with the first key, of what is asked for one by one.
    entries: HashSet<(Box<str>, Box<str>, String)>,
}

/// Some instances of one service.
#[derive(Debug)]
struct PlanTarget {
    service: Arc<ManagedService>,
    /// Name and value of the list's first key; none for every instance of the list.
    key: Option<(Box<str>, String)>,
}

/// An instance that is there, and the modules that run it, in order.
#[derive(Clone, Debug)]
pub(crate) struct PlannedInstance {
    pub(crate) instance: InstanceRef,
    pub(crate) service: Arc<ManagedService>,
}

impl PlannedInstance {
    pub(crate) fn modules(&self) -> &[Module] {
        &self.service.modules
    }
}

/// A service that a commit needs and that no healthy module serves.
#[derive(Debug, thiserror::Error)]
#[error(
    "no module serves `{service}`{}\n\
     hint: put its module in a module directory (`modules`), or name the list in `unmanaged`, both in confine.toml",
    not_loaded(broken)
)]
pub struct NoModule {
    /// The list under `/services`.
    pub service: String,
    /// The modules that could not be loaded, each with its file and why: one of them may be the one.
    pub broken: Vec<String>,
}

fn not_loaded(broken: &[String]) -> String {
    match broken {
        [] => String::new(),
        broken => format!("; not loaded: {}", broken.join("; ")),
    }
}

impl CommitPlan {
    /// What `notified` asks for: nothing at all means everything (`apply services` (FORCE) without an
    /// instance). Lists that are `unmanaged` are left out.
    pub(crate) fn new(
        notified: &[ServiceRef],
        registry: &ModuleRegistry,
        unmanaged: &HashSet<String>,
    ) -> Result<Self, Error> {
        let mut plan = Self {
            everything: notified.is_empty(),
            targets: Vec::new(),
            lists: HashSet::new(),
            entries: HashSet::new(),
        };
        if plan.everything {
            plan.targets.extend(registry.services().map(|service| PlanTarget { service, key: None }));
            return Ok(plan);
        }
        for reference in notified {
            if unmanaged.contains(&reference.name) {
                tracing::info!(service = reference.name, "left alone: the list is unmanaged");
                continue;
            }
            let mut services = registry.serving(&reference.name).peekable();
            if services.peek().is_none() {
                let missing = NoModule { service: reference.name.clone(), broken: registry.broken() };
                return Err(missing.into());
            }
            let key = reference.key.as_ref().map(|(name, value)| (name.as_str().into(), value.clone()));
            for service in services {
                service.check_whole()?;
                let (namespace, local) = (service.name.namespace.clone(), service.name.local.clone());
                match &reference.key {
                    None => drop(plan.lists.insert((namespace, local))),
                    Some((_, value)) => drop(plan.entries.insert((namespace, local, value.clone()))),
                }
                plan.targets.push(PlanTarget { service, key: key.clone() });
            }
        }
        Ok(plan)
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty() && !self.everything
    }

    /// Whether an instance is among those that are asked for, be it there or gone.
    pub(crate) fn covers(&self, instance: &InstanceRef) -> bool {
        let Some(list) = instance.path().steps.last() else { return false };
        self.everything || self.lists.contains(&(list.name().namespace.into(), list.local.clone())) || {
            let name = (list.namespace.clone(), list.local.clone(), instance.key().to_owned());
            self.entries.contains(&name)
        }
    }

    /// The services that are asked for, each once.
    pub(crate) fn services(&self) -> Vec<Arc<ManagedService>> {
        let mut services: Vec<Arc<ManagedService>> = Vec::new();
        for target in &self.targets {
            if !services.iter().any(|service| Arc::ptr_eq(service, &target.service)) {
                services.push(target.service.clone());
            }
        }
        services
    }

    /// The places of all that is asked for: what has to be read to know the instances.
    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        if self.everything {
            return vec![Pattern { steps: vec![PatternStep::new(SERVICES)] }];
        }
        self.targets.iter().map(PlanTarget::pattern).collect()
    }

    /// The instances that are asked for and are there, in notified order, each once.
    pub(crate) fn instances(&self, tree: &Tree) -> Vec<PlannedInstance> {
        let Some(services) = tree.child(Tree::ROOT, SERVICES) else { return Vec::new() };
        let mut seen = HashSet::new();
        let mut planned = Vec::new();
        // Every list's entries are found in one pass, however many targets there are.
        let entries = ServiceEntries::new(tree, services);
        for target in &self.targets {
            for &entry in entries.of(target) {
                if seen.insert(entry) {
                    let instance = InstanceRef::new(target.service.instance(tree, entry));
                    planned.push(PlannedInstance { instance, service: target.service.clone() });
                }
            }
        }
        planned
    }

    /// The instances that were named one by one and are not there: deleted ones, or such as the reader
    /// may not see.
    pub(crate) fn absent(&self, tree: &Tree) -> Vec<Pattern> {
        let services = tree.child(Tree::ROOT, SERVICES);
        let entries = services.map(|services| ServiceEntries::new(tree, services));
        let is_absent =
            |target: &&PlanTarget| entries.as_ref().is_none_or(|entries| entries.of(target).is_empty());
        self.targets
            .iter()
            .filter(|target| target.key.is_some())
            .filter(is_absent)
            .map(PlanTarget::pattern)
            .collect()
    }

    /// The lists under `/services` in `tree` that nobody serves, where everything was asked for.
    pub(crate) fn unserved(
        &self,
        tree: &Tree,
        unmanaged: &HashSet<String>,
        registry: &ModuleRegistry,
    ) -> Option<NoModule> {
        if !self.everything {
            return None;
        }
        let services = tree.child(Tree::ROOT, SERVICES)?;
        // The controller's own leaves and containers (`service-timeout`, `properties`) are no services.
        let list = tree.children(services).map(|node| tree.qname(node)).find(|name| {
            name.namespace != CONTROLLER
                && !unmanaged.contains(name.local)
                && registry.serving(name.local).next().is_none()
        })?;
        Some(NoModule { service: list.local.to_owned(), broken: registry.broken() })
    }
}

impl PlanTarget {
    fn pattern(&self) -> Pattern {
        let mut step = self.service.name.clone();
        if let Some((key, value)) = &self.key {
            step.keys.push((key.clone(), Some(value.clone())));
        }
        Pattern { steps: vec![PatternStep::new(SERVICES), step] }
    }
}

/// The entries of the lists under `/services`, by list and by first key.
struct ServiceEntries<'a> {
    by_list: HashMap<QName<'a>, Vec<NodeId>>,
    by_key: HashMap<(QName<'a>, &'a str, &'a str), Vec<NodeId>>,
}

impl<'a> ServiceEntries<'a> {
    fn new(tree: &'a Tree, services: NodeId) -> Self {
        let mut entries = Self { by_list: Default::default(), by_key: Default::default() };
        for entry in tree.children(services) {
            let name = tree.qname(entry);
            entries.by_list.entry(name).or_default().push(entry);
            // Keys come first (RFC 7950, section 7.8.5).
            if let Some(key) = tree.first_child(entry) {
                let value = tree.value(key).unwrap_or_default();
                entries.by_key.entry((name, tree.qname(key).local, value)).or_default().push(entry);
            }
        }
        entries
    }

    fn of<'s>(&'s self, target: &'s PlanTarget) -> &'s [NodeId] {
        let name = target.service.name.name();
        let found = match &target.key {
            None => self.by_list.get(&name),
            Some((key, value)) => self.by_key.get(&(name, &**key, value)),
        };
        found.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(unmanaged: &[&str]) -> Result<CommitPlan, Error> {
        let notified = [ServiceRef::parse("legacy[name='x']")];
        CommitPlan::new(
            &notified,
            &ModuleRegistry::default(),
            &unmanaged.iter().map(|&list| list.to_owned()).collect(),
        )
    }

    #[test]
    fn a_list_that_nobody_serves_is_an_error_unless_it_is_unmanaged() {
        insta::assert_snapshot!(plan(&["other"]).unwrap_err(), @r"
        no module serves `legacy`
        hint: put its module in a module directory (`modules`), or name the list in `unmanaged`, both in confine.toml
        ");
        assert!(plan(&["legacy"]).unwrap().is_empty());
    }

    #[test]
    fn what_is_broken_does_not_hide_the_way_out() {
        let broken =
            ["`a.wasm`: it ends in the middle", "`b.wasm`: it is a directory"].map(Into::into).into();
        let missing = Error::from(NoModule { service: "legacy".into(), broken });
        insta::assert_snapshot!(missing.reason(), @r"
        no module serves `legacy`; not loaded: `a.wasm`: it ends in the middle; `b.wasm`: it is a directory
        hint: put its module in a module directory (`modules`), or name the list in `unmanaged`, both in confine.toml
        ");
    }

    #[test]
    fn where_everything_is_asked_for_so_is_what_nobody_serves() {
        let services = "<services xmlns='http://clicon.org/controller'><service-timeout>9</service-timeout>\
                        <legacy xmlns='urn:l'><name>x</name></legacy></services>";
        let tree = confine_tree::xml::parse(services).unwrap();
        let (registry, nobody) = (ModuleRegistry::default(), HashSet::new());
        let plan = CommitPlan::new(&[], &registry, &nobody).unwrap();
        assert_eq!(plan.unserved(&tree, &nobody, &registry).unwrap().service, "legacy");
        assert!(plan.unserved(&tree, &HashSet::from(["legacy".to_owned()]), &registry).is_none());
    }
}
