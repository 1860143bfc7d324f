//! Which instances a commit runs, and which modules run them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use confine_backend::ServiceRef;
use confine_sandbox::Module;
use confine_tree::{CONTROLLER, NodeId, Pattern, PatternStep, QName, StepCounter, Tree};
use confine_view::{InstanceRef, ORIGINALS, OwnerIndex};

use crate::{
    Error,
    controller::orphan_adoption::NamedInstances,
    modules::{
        membership::{ManagedService, SERVICES},
        registry::ModuleRegistry,
    },
};

/// What a notification asks for, and which modules do it.
#[derive(Debug)]
pub(crate) struct CommitPlan {
    /// Every list under `/services` is asked for, so each list there must have a module.
    pub(crate) everything: bool,
    /// In notified order, then what is included.
    targets: Vec<PlanTarget>,
    /// How many of them are notified.
    notified: usize,
}

/// Some instances of one service.
#[derive(Debug)]
struct PlanTarget {
    service: Arc<ManagedService>,
    /// Names and values of keys, in the order of the list; none for every instance of the list. What has changed is named by
    /// the first key alone.
    keys: InstanceKeys,
    /// What a user who forces instances may have meant besides: see [`ServiceRef::forced_keys`].
    forced_keys: InstanceKeys,
}

/// Names and values of keys.
type InstanceKeys = Vec<(Box<str>, String)>;

/// An instance that exists and the modules that run for it, in order.
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

impl CommitPlan {
    /// Plans what `notified` asks for. An empty notification asks for everything (`apply services` (FORCE) without
    /// an instance). Unmanaged lists are left out.
    ///
    /// # Errors
    /// [`Error::NoModule`], [`Error::Suspended`] and [`Error::Unready`].
    pub(crate) fn new(
        notified: &[ServiceRef],
        registry: &ModuleRegistry,
        unmanaged: &HashSet<String>,
    ) -> Result<Self, Error> {
        let mut plan = Self { everything: notified.is_empty(), targets: Vec::new(), notified: 0 };
        if plan.everything {
            plan.targets.extend(registry.services().map(|service| PlanTarget {
                service,
                keys: Vec::new(),
                forced_keys: Vec::new(),
            }));
        } else {
            plan.include(notified, registry, unmanaged)?;
        }
        plan.notified = plan.targets.len();
        Ok(plan)
    }

    /// Adds instances that are not notified, and that the commit includes all the same.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn include(
        &mut self,
        references: &[ServiceRef],
        registry: &ModuleRegistry,
        unmanaged: &HashSet<String>,
    ) -> Result<(), Error> {
        let mut targets = HashSet::new();
        for reference in references {
            if reference.is_unclear {
                return Err(Error::UnclearInstance { name: reference.to_string() });
            }
            if unmanaged.contains(&reference.name) {
                tracing::info!(service = reference.name, "ignoring an unmanaged list");
                continue;
            }
            let services: Vec<_> = registry.serving(&reference.name).collect();
            // A list of the same name in another namespace may lack its module: it is checked where it has instances.
            let checked = services.iter().map(|service| service.check()).reduce(Result::or);
            checked.unwrap_or_else(|| Err(registry.unserved(&reference.name)))?;
            let named = |keys: &mut dyn Iterator<Item = &(String, String)>| {
                keys.map(|(name, value)| (name.as_str().into(), value.clone())).collect()
            };
            let keys: InstanceKeys = named(&mut reference.key.iter());
            let forced_keys: InstanceKeys = named(&mut reference.forced_keys.iter());
            for service in services {
                let (namespace, local) = (service.name.namespace.clone(), service.name.local.clone());
                // Entries with the same first key are notified once for each.
                let is_new = targets.insert((namespace, local, keys.clone(), forced_keys.clone()));
                if is_new {
                    let (keys, forced_keys) = (keys.clone(), forced_keys.clone());
                    self.targets.push(PlanTarget { service, keys, forced_keys });
                }
            }
        }
        Ok(())
    }

    /// Takes what was notified as what a user has written who forces instances: any keys of their list. The controller passes
    /// the text on as it is, while it names an instance that has changed by its first key alone.
    ///
    /// # Errors
    /// [`Error::UnclearInstance`] if something else than keys is named: what that matches is not known to Confine.
    pub(crate) fn name_all_keys(&mut self) -> Result<(), Error> {
        for target in self.targets.iter_mut().take(self.notified) {
            let place = |key: &(Box<str>, String)| target.service.keys.iter().position(|name| *name == key.0);
            let mut keys = std::mem::take(&mut target.forced_keys);
            let is_plain = keys.is_empty();
            if is_plain {
                keys = std::mem::take(&mut target.keys);
            }
            // A list is named by its first key where no model says which that is.
            let is_known = keys.iter().all(|key| place(key).is_some());
            if !is_known && (!is_plain || target.service.has_model_keys()) {
                let named = PlanTarget { keys, forced_keys: Vec::new(), service: target.service.clone() };
                return Err(Error::UnclearInstance { name: InstanceRef::new(named.pattern()).to_string() });
            }
            keys.sort_by_key(place);
            target.keys = keys;
        }
        Ok(())
    }

    /// Checks that nothing is named by several keys: what has changed never is, unless a key looks like several.
    ///
    /// # Errors
    /// [`Error::UnclearInstance`].
    pub(crate) fn check_changed(&self) -> Result<(), Error> {
        match self.targets.iter().find(|target| !target.forced_keys.is_empty()) {
            Some(target) => {
                Err(Error::UnclearInstance { name: InstanceRef::new(target.pattern()).to_string() })
            }
            None => Ok(()),
        }
    }

    /// Returns whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty() && !self.everything
    }

    /// Returns what was notified, and then what is included besides: lists, or entries by their keys.
    pub(crate) fn notified_and_included(&self) -> (Vec<NamedInstances>, Vec<NamedInstances>) {
        let (notified, included) = self.targets.split_at(self.notified.min(self.targets.len()));
        let named = |target: &PlanTarget| NamedInstances {
            named: target.pattern(),
            leading: target.leading_pattern(),
            is_one: !target.service.keys.is_empty() && target.keys.len() == target.service.keys.len(),
        };
        (notified.iter().map(named).collect(), included.iter().map(named).collect())
    }

    /// Returns the instances that are asked for and have created or changed something; some of them may be deleted.
    pub(crate) fn owners(&self, owners: &OwnerIndex) -> confine_tree::HashSet<InstanceRef> {
        let originals = owners.originals();
        if self.everything {
            return owners.instances().chain(originals.instances()).cloned().collect();
        }
        let of = |target: &PlanTarget| {
            let pattern = target.pattern();
            let changed = originals.instances_of(target.leading_pattern());
            let instances = owners.instances_of(target.leading_pattern()).chain(changed);
            instances.filter(|instance| pattern.covers(instance.path())).cloned().collect::<Vec<_>>()
        };
        self.targets.iter().flat_map(of).collect()
    }

    /// Returns where what was created by the instances that are asked for is, as far as it is known: the controller has removed
    /// it from `actions`, unless everything is asked for.
    ///
    /// # Errors
    /// [`Error::Draft`] if the work was stopped.
    pub(crate) fn stripped(
        &self,
        owners: &OwnerIndex,
        steps: &mut StepCounter,
    ) -> Result<Vec<Pattern>, Error> {
        let mut stripped = Vec::new();
        let targets = self.targets.iter().filter(|_| !self.everything);
        let instances = targets.flat_map(|target| {
            let pattern = target.pattern();
            let leading = owners.instances_of(target.leading_pattern());
            leading.filter(move |instance| pattern.covers(instance.path()))
        });
        for instance in instances {
            for object in owners.created_by(instance) {
                steps.step().map_err(confine_view::Error::from)?;
                stripped.extend(object.place());
            }
        }
        Ok(stripped)
    }

    /// Returns the services that are asked for, each once.
    pub(crate) fn services(&self) -> Vec<Arc<ManagedService>> {
        let mut services: Vec<Arc<ManagedService>> = Vec::new();
        for target in &self.targets {
            if !services.iter().any(|service| Arc::ptr_eq(service, &target.service)) {
                services.push(target.service.clone());
            }
        }
        services
    }

    /// Returns what must be read to know the instances.
    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        if self.everything {
            return vec![Pattern { steps: vec![PatternStep::new(SERVICES)] }];
        }
        self.targets.iter().map(PlanTarget::pattern).collect()
    }

    /// Returns the instances that are asked for and exist, in notified order, each once.
    pub(crate) fn instances(&self, tree: &Tree) -> Vec<PlannedInstance> {
        let Some(services) = tree.child(Tree::ROOT, SERVICES) else { return Vec::new() };
        let mut seen = HashSet::new();
        let mut planned = Vec::new();
        // One pass over all entries, however many targets there are.
        let entries = ServiceEntries::new(tree, services);
        for target in &self.targets {
            for entry in entries.of(target) {
                if seen.insert(entry) {
                    let instance = InstanceRef::new(target.service.instance(tree, entry));
                    planned.push(PlannedInstance { instance, service: target.service.clone() });
                }
            }
        }
        planned
    }

    /// Returns the instances that are asked for one by one and do not exist: they are deleted, or the reader may not
    /// see them.
    pub(crate) fn absent(&self, tree: &Tree) -> Vec<Pattern> {
        let services = tree.child(Tree::ROOT, SERVICES);
        let entries = services.map(|services| ServiceEntries::new(tree, services));
        let is_absent =
            |target: &&PlanTarget| entries.as_ref().is_none_or(|entries| entries.of(target).next().is_none());
        self.targets
            .iter()
            .filter(|target| !target.keys.is_empty())
            .filter(is_absent)
            .map(PlanTarget::pattern)
            .collect()
    }

    /// Checks that every list under `/services` in `tree` is served, if everything is asked for.
    pub(crate) fn check_served(
        &self,
        tree: &Tree,
        unmanaged: &HashSet<String>,
        registry: &ModuleRegistry,
    ) -> Result<(), Error> {
        let services = tree.child(Tree::ROOT, SERVICES).filter(|_| self.everything);
        let Some(services) = services else { return Ok(()) };
        // The controller's own leaves and containers (`service-timeout`, `properties`), and ours, are not services.
        let unserved = tree.children(services).map(|node| tree.qname(node)).find(|name| {
            name.namespace != CONTROLLER
                && name.namespace != ORIGINALS
                && !unmanaged.contains(name.local)
                && registry.serving(name.local).next().is_none()
        });
        unserved.map_or(Ok(()), |list| Err(registry.unserved(list.local).into()))
    }
}

impl PlanTarget {
    /// Returns the list, or the instances that are named.
    fn pattern(&self) -> Pattern {
        self.pattern_with(&self.keys)
    }

    /// Returns the list with those named keys that come first in it: in the order of paths, its entries stand together.
    fn leading_pattern(&self) -> Pattern {
        let leading =
            self.keys.iter().zip(&self.service.keys).take_while(|((key, _), name)| key == *name).count();
        // A list whose keys are not known is named by the first.
        let leading = if self.service.keys.is_empty() { self.keys.len() } else { leading };
        self.pattern_with(self.keys.get(..leading).unwrap_or_default())
    }

    fn pattern_with(&self, keys: &[(Box<str>, String)]) -> Pattern {
        let mut step = self.service.name.clone();
        step.keys.extend(keys.iter().map(|(key, value)| (key.clone(), Some(value.clone()))));
        Pattern { steps: vec![PatternStep::new(SERVICES), step] }
    }

    /// Returns whether the first key of the list is named.
    fn names_first_key(&self) -> bool {
        self.keys.first().is_some_and(|(key, _)| self.service.keys.first().is_none_or(|first| first == key))
    }
}

/// The entries of the lists under `/services`, by list and by first key.
struct ServiceEntries<'a> {
    tree: &'a Tree,
    by_list: HashMap<QName<'a>, Vec<NodeId>>,
    by_key: HashMap<(QName<'a>, &'a str, &'a str), Vec<NodeId>>,
}

impl<'a> ServiceEntries<'a> {
    fn new(tree: &'a Tree, services: NodeId) -> Self {
        let mut entries = Self { tree, by_list: Default::default(), by_key: Default::default() };
        for entry in tree.children(services) {
            let name = tree.qname(entry);
            entries.by_list.entry(name).or_default().push(entry);
            // The keys are the first children (RFC 7950, section 7.8.5).
            if let Some(key) = tree.first_child(entry) {
                let value = tree.value(key).unwrap_or_default();
                entries.by_key.entry((name, tree.qname(key).local, value)).or_default().push(entry);
            }
        }
        entries
    }

    fn of<'s>(&'s self, target: &'s PlanTarget) -> impl Iterator<Item = NodeId> + 's {
        let name = target.service.name.name();
        let first = target.keys.first().filter(|_| target.names_first_key());
        let found = match first {
            None => self.by_list.get(&name),
            Some((key, value)) => self.by_key.get(&(name, &**key, value)),
        };
        let others = target.keys.get(usize::from(first.is_some())..).unwrap_or_default();
        found.into_iter().flatten().copied().filter(move |&entry| {
            others.iter().all(|(key, value)| {
                let leaf = self.tree.child(entry, QName::new(name.namespace, key));
                leaf.and_then(|leaf| self.tree.value(leaf)) == Some(value)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use confine_tree::StopSignal;

    use super::*;
    use crate::NoModule;

    fn plan(unmanaged: &[&str]) -> Result<CommitPlan, Error> {
        let notified = [ServiceRef::parse("legacy[name='x']")];
        CommitPlan::new(
            &notified,
            &ModuleRegistry::default(),
            &unmanaged.iter().map(|&list| list.to_owned()).collect(),
        )
    }

    #[test]
    fn unserved_list_is_an_error_unless_unmanaged() {
        insta::assert_snapshot!(plan(&["other"]).unwrap_err(), @r"
        no module serves `legacy`
        hint: put its module into a module directory (`modules` in confine.toml), or add the list to `unmanaged` there
        ");
        assert!(plan(&["legacy"]).unwrap().is_empty());
    }

    #[test]
    fn hint_of_missing_module_follows_broken_modules() {
        let broken = ["`a.wasm`: it is truncated", "`b.wasm`: it is a directory"].map(Into::into).into();
        let missing = Error::from(NoModule { service: "legacy".into(), broken, claims: Default::default() });
        insta::assert_snapshot!(missing.reason(), @r"
        no module serves `legacy`; not loaded: `a.wasm`: it is truncated; `b.wasm`: it is a directory
        hint: put its module into a module directory (`modules` in confine.toml), or add the list to `unmanaged` there
        ");
        let broken = (0..7).map(|n| format!("`{n}.wasm`: it is truncated")).collect();
        let missing = Error::from(NoModule { service: "legacy".into(), broken, claims: Default::default() });
        insta::assert_snapshot!(missing.reason(), @r"
        no module serves `legacy`; not loaded: `0.wasm`: it is truncated; `1.wasm`: it is truncated; `2.wasm`: it is truncated; `3.wasm`: it is truncated; `4.wasm`: it is truncated; and 2 more: see `confine modules list`
        hint: put its module into a module directory (`modules` in confine.toml), or add the list to `unmanaged` there
        ");
    }

    #[test]
    fn forced_instance_is_named_by_any_of_its_keys() {
        let mut service = ManagedService::new(QName::new("urn:l", "l"));
        service.keys = ["a", "b", "c"].map(Into::into).into();
        let service = Arc::new(service);
        let entry = |[a, b, c]: [&str; 3]| {
            format!("<l xmlns='urn:l'><a>{a}</a><b>{b}</b><c>{c}</c><created><path>/x</path></created></l>")
        };
        let entries = [["1", "1", "1"], ["1", "2", "1"], ["2", "1", "1"], ["1'][b='2", "1", "1"]];
        let services = format!("<services xmlns='{CONTROLLER}'>{}</services>", entries.map(entry).concat());
        let tree = confine_tree::xml::parse(&services).unwrap();
        let found = |text: &str| {
            let ServiceRef { key, forced_keys, .. } = ServiceRef::parse(text);
            let named = |keys: Vec<(String, String)>| {
                keys.into_iter().map(|(key, value)| (key.into(), value)).collect()
            };
            let target = PlanTarget {
                service: service.clone(),
                keys: named(key.into_iter().collect()),
                forced_keys: named(forced_keys),
            };
            let mut plan = CommitPlan { everything: false, targets: vec![target], notified: 1 };
            let notified = plan.instances(&tree).len();
            let changed = if plan.check_changed().is_ok() { "" } else { ", refused" };
            if let Err(error) = plan.name_all_keys() {
                return format!(
                    "{text}: {notified} notified{changed}, forced: {}",
                    error.to_string().lines().next().unwrap()
                );
            }
            let forced = plan.instances(&tree);
            let keys = |step: &PatternStep| {
                step.keys.iter().filter_map(|(_, value)| value.clone()).collect::<Vec<_>>().join(",")
            };
            let keys: Vec<_> = forced.iter().map(|planned| keys(&planned.instance.path().steps[1])).collect();
            format!("{text}: {notified} notified{changed}, forced: {}", keys.join(" "))
        };
        let texts = [
            "l",
            "l[a='1']",
            "l[a=\"1\"]",
            "l[b='1']",
            "l[b='1'][c=\"1\"]",
            "l[c='1'][b=\"2\"][a='1']",
            "l[a='1'][b='2']",
            "l[ a = '1' ][b='2']",
            "l[a='1'][d='2']",
            "l[a=\"1'][b='2\"]",
            "l[a='9'][b=\"2\"]",
        ];
        insta::assert_snapshot!(texts.map(found).join("\n"), @r#"
        l: 4 notified, forced: 1,1,1 1,2,1 2,1,1 1'][b='2,1,1
        l[a='1']: 2 notified, forced: 1,1,1 1,2,1
        l[a="1"]: 2 notified, forced: 1,1,1 1,2,1
        l[b='1']: 3 notified, forced: 1,1,1 2,1,1 1'][b='2,1,1
        l[b='1'][c="1"]: 3 notified, refused, forced: 1,1,1 2,1,1 1'][b='2,1,1
        l[c='1'][b="2"][a='1']: 0 notified, refused, forced: 1,2,1
        l[a='1'][b='2']: 1 notified, refused, forced: 1,2,1
        l[ a = '1' ][b='2']: 2 notified, refused, forced: 1,2,1
        l[a='1'][d='2']: 0 notified, refused, forced: the controller may take `l[a='1'][d='2']` for other instances than Confine
        l[a="1'][b='2"]: 1 notified, forced: 1'][b='2,1,1
        l[a='9'][b="2"]: 0 notified, refused, forced: 
        "#);
    }

    #[test]
    fn each_stripped_object_takes_a_step() {
        let stripped = |count: usize, steps: &mut StepCounter| {
            let path = |n: usize| format!("<path>/devices/device[name=\"r1\"]/config/x[k=\"{n}\"]</path>");
            let paths: String = (0..count).map(path).collect();
            let services = format!(
                "<services xmlns='{CONTROLLER}'><l xmlns='urn:l'><id>1</id><created>{paths}</created></l></services>"
            );
            let owners = OwnerIndex::from_services(&confine_tree::xml::parse(&services).unwrap(), |_| None);
            let service = Arc::new(ManagedService::new(QName::new("urn:l", "l")));
            let targets = vec![PlanTarget { service, keys: Vec::new(), forced_keys: Vec::new() }];
            let plan = CommitPlan { everything: false, targets, notified: 1 };
            plan.stripped(&owners, steps)
        };
        let mut steps = StepCounter::default();
        stripped(10, &mut steps).unwrap();
        assert_eq!(steps.taken(), 10);
        let stop = StopSignal::default();
        stop.stop();
        let ended = stripped(1, &mut StepCounter::new(stop));
        assert!(matches!(ended, Err(Error::Draft(confine_view::Error::Stopped))), "{ended:?}");
    }

    #[test]
    fn commit_of_everything_includes_unserved_lists() {
        let services = "<services xmlns='http://clicon.org/controller'><service-timeout>9</service-timeout>\
                        <legacy xmlns='urn:l'><name>x</name></legacy></services>";
        let tree = confine_tree::xml::parse(services).unwrap();
        let (registry, managed) = (ModuleRegistry::default(), HashSet::new());
        let plan = CommitPlan::new(&[], &registry, &managed).unwrap();
        let error = plan.check_served(&tree, &managed, &registry).unwrap_err();
        assert!(error.to_string().starts_with("no module serves `legacy`"), "{error}");
        plan.check_served(&tree, &HashSet::from(["legacy".to_owned()]), &registry).unwrap();
    }
}
