//! What narrows modules: rules in the controller's own `/nacm`, and in the operator's file.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use confine_nacm::{AccessOperation, NACM, Nacm, NacmModel, RuleProblem};
use confine_tree::{CONTROLLER, DefaultDeny, Path, Pattern, PatternStep, Predicate, QName, Schema, Tree};
use confine_view::{
    CallRefusal, CreatedObject, ErrorTag, InstanceRef, ModuleRules, NodeAccess, OwnerIndex, Scope,
};

use crate::{Error, ModuleRegistry, controller::host_rights};

/// What the operator's file says of modules, beside the controller's own `/nacm`.
#[derive(Clone, Debug, Default)]
pub struct ModulePolicy {
    /// Rules, with the place where they stand: the name of the file.
    pub rules: Option<(Arc<str>, Nacm)>,
    /// The modules that may override what another instance has set.
    pub last_wins: HashSet<String>,
}

/// `/nacm`, whose leaf `enable-nacm` has a default: with defaults asked for, who sees nothing may not see it.
const ROOT: QName<'_> = QName::new(NACM, "nacm");
const ENABLED: QName<'_> = QName::new(NACM, "enable-nacm");

/// What is to be read of the controller to know its rules.
pub(crate) fn place() -> Pattern {
    Pattern { steps: vec![PatternStep::new(ROOT)] }
}

/// The rules as they were when they were read last, and what it takes to apply them.
#[derive(Default)]
pub(crate) struct NacmRules {
    policy: ModulePolicy,
    known: Mutex<LastReadRules>,
}

#[derive(Default)]
struct LastReadRules {
    /// As it was read.
    nacm: Option<Arc<Nacm>>,
    /// What the host user was last found to lack.
    lacking: Option<String>,
}

impl NacmRules {
    pub(crate) fn new(policy: ModulePolicy) -> Self {
        for (module, problem) in policy.rules.iter().flat_map(|(_, nacm)| problems(nacm, None)) {
            tracing::warn!(module, "{problem}");
        }
        Self { policy, known: Mutex::default() }
    }

    /// Another controller may be at the other end.
    pub(crate) fn forget(&self) {
        *self.lock() = LastReadRules::default();
    }

    /// Takes the rules from what was read of `running` as the host user, defaults included: [`place`].
    ///
    /// # Errors
    /// [`Error::Rules`] where the host user may not read them, or not all of them.
    pub(crate) fn take(
        &self,
        running: &Tree,
        host_user: &str,
        registry: &ModuleRegistry,
        schema: &dyn Schema,
    ) -> Result<Arc<Nacm>, Error> {
        let node = running.child(Tree::ROOT, ROOT);
        let seen = node.filter(|&node| running.child(node, ENABLED).is_some());
        let mut known = self.lock();
        let Some(node) = seen else {
            known.nacm = None;
            known.tell(host_rights::lacking(None, host_user, registry), host_user);
            return Err(Error::Rules { user: host_user.to_owned() });
        };
        let (nacm, unread) = Nacm::read(running, node);
        // The models may be others though the rules are the same.
        let bound = Arc::new(nacm.clone().with_prefixes(|prefix| namespace(schema, prefix)));
        if let Some(hidden) = host_rights::hidden(&bound, host_user) {
            known.nacm = None;
            known.tell(Some(hidden), host_user);
            return Err(Error::Rules { user: host_user.to_owned() });
        }
        if known.nacm.as_ref().is_some_and(|known| **known == nacm) {
            return Ok(bound);
        }
        for problem in unread {
            tracing::warn!("in `/nacm`, {problem}");
        }
        for (module, problem) in problems(&bound, Some(registry)) {
            tracing::warn!(module, "in `/nacm`, {problem}");
        }
        known.tell(host_rights::lacking(Some(&bound), host_user, registry), host_user);
        known.nacm = Some(Arc::new(nacm));
        Ok(bound)
    }

    /// The rules for one commit, from what [`take`](Self::take) gave.
    pub(crate) fn of_commit(&self, nacm: Arc<Nacm>, user: &str, schema: Arc<dyn Schema>) -> CommitRules<'_> {
        CommitRules { policy: &self.policy, nacm, user: user.to_owned(), model: Arc::new(RuleModels(schema)) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LastReadRules> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LastReadRules {
    /// Says what the host user lacks, once.
    fn tell(&mut self, lacking: Option<String>, host_user: &str) {
        if self.lacking == lacking {
            return;
        }
        if let Some(lacking) = &lacking {
            tracing::error!(user = host_user, "{lacking}");
        }
        self.lacking = lacking;
    }
}

/// Rules for the modules that one user's commit runs.
pub(crate) struct CommitRules<'a> {
    policy: &'a ModulePolicy,
    nacm: Arc<Nacm>,
    user: String,
    model: Arc<RuleModels>,
}

impl CommitRules<'_> {
    /// Narrows the scope of a module.
    pub(crate) fn narrow(&self, module: &str, scope: Scope) -> Scope {
        let of_file = self.policy.rules.iter().map(|(place, nacm)| (place.clone(), nacm));
        let all = std::iter::once(("`/nacm`".into(), &*self.nacm)).chain(of_file);
        let scope = all.fold(scope, |scope, (place, nacm)| {
            // What cannot be resolved has been told when the rules were read.
            let (access, _) = nacm.module_access(module, &self.user);
            if access.permits_everything(&*self.model) {
                return scope;
            }
            scope.with_rules(Arc::new(ModuleRules::new(access, self.model.clone(), module, place)))
        });
        scope.with_last_wins(self.policy.last_wins.contains(module))
    }

    /// Which of the edits of a commit the controller's rules deny to the user: the controller does not say.
    pub(crate) fn explain_denial(
        &self,
        source: confine_backend::Error,
        edits: &[(NodeAccess, Pattern)],
    ) -> Error {
        let denied = edits
            .iter()
            .find_map(|(access, node)| Some((access, node, self.denied(node, (*access).into())?)));
        match denied {
            Some((access, node, reason)) => {
                let (access, path) = (access.to_string(), node.to_string());
                let refusal = Box::new(source);
                Error::Denied { user: self.user.clone(), access, path, reason, refusal }
            }
            None => source.into(),
        }
    }

    /// A device that the user may not read looks as if it were not there.
    pub(crate) fn explain(&self, error: confine_view::Error) -> Error {
        let path = match &error {
            confine_view::Error::Refused(CallRefusal {
                tag: ErrorTag::DataMissing,
                path: Some(path),
                ..
            }) => path,
            _ => return error.into(),
        };
        let parsed = Path::parse(path).ok().map(|parsed| {
            let steps = parsed.steps.iter().map(|step| {
                let mut resolved = PatternStep::new(QName::new(CONTROLLER, &step.name));
                resolved.keys.extend(step.predicates.iter().filter_map(|predicate| match predicate {
                    Predicate::Key { name, value, .. } => Some((name.clone(), value.clone())),
                    Predicate::Entry { .. } => None,
                }));
                resolved
            });
            Pattern { steps: steps.collect() }
        });
        let above = parsed.into_iter().flat_map(|node| {
            (1..=node.steps.len())
                .map(move |steps| Pattern { steps: node.steps.iter().take(steps).cloned().collect() })
        });
        match above.into_iter().find_map(|node| self.denied(&node, AccessOperation::Read)) {
            Some(_) => Error::Unreadable { user: self.user.clone(), instance: path.clone() },
            None => error.into(),
        }
    }

    /// Whether the user may read everything that these instances create anew. What it may not read looks to it
    /// as if it were not there, and the controller takes away what is created as nobody, whoever may see it.
    ///
    /// # Errors
    /// [`Error::Unseen`].
    pub(crate) fn check_seen(
        &self,
        created: &[(InstanceRef, Vec<CreatedObject>)],
        owners: &OwnerIndex,
    ) -> Result<(), Error> {
        let access = self.access();
        if access.permits_below(&*self.model, &Pattern::default(), AccessOperation::Read) {
            return Ok(());
        }
        let is_hidden = |place: &Pattern| {
            let mut above = Pattern::default();
            place.steps.iter().any(|step| {
                above.steps.push(step.clone());
                !access.decide(&*self.model, &above, AccessOperation::Read).permitted
            })
        };
        for (instance, created) in created {
            let anew = created.iter().filter(|object| owners.owners_of(&object.path).next().is_none());
            if let Some(place) =
                anew.filter_map(|object| object.place.as_ref()).find(|place| is_hidden(place))
            {
                let (user, instance, path) = (self.user.clone(), instance.to_string(), place.to_string());
                return Err(Error::Unseen { user, instance, path });
            }
        }
        Ok(())
    }

    /// What the controller's rules let the user do.
    fn access(&self) -> confine_nacm::AccessRules {
        let groups: Vec<&str> = self.nacm.groups_of(&self.user).collect();
        self.nacm.user_access(&self.user, &groups).0
    }

    /// Why the controller's rules deny something to the user, if they do.
    fn denied(&self, node: &Pattern, operation: AccessOperation) -> Option<String> {
        let access = self.access();
        let decision = access.decide(&*self.model, node, operation);
        (!decision.permitted).then(|| decision.reason.to_string())
    }
}

/// What a prefix means that a path does not declare: the controller loses the declarations, so operators write
/// the prefixes that modules call themselves by.
fn namespace(schema: &dyn Schema, prefix: &str) -> Option<String> {
    match (prefix, &schema.prefixed(prefix)[..]) {
        ("ctrl", _) => Some(CONTROLLER.to_owned()),
        (_, [one]) => Some((*one).to_owned()),
        // None, or several modules that share it.
        ("nacm", []) => Some(NACM.to_owned()),
        _ => None,
    }
}

/// What rules must know of the models.
struct RuleModels(Arc<dyn Schema>);

impl NacmModel for RuleModels {
    fn module(&self, namespace: &str) -> Option<&str> {
        self.0.module(namespace)
    }

    fn default_deny(&self, path: &Pattern) -> Option<DefaultDeny> {
        NacmModel::default_deny(&*self.0, path)
    }

    fn has_default_denies(&self) -> bool {
        self.0.has_default_denies()
    }
}

/// The rules for modules that cannot be resolved, each with the name of a module that it is for.
fn problems(nacm: &Nacm, registry: Option<&ModuleRegistry>) -> Vec<(String, RuleProblem)> {
    let in_registry = registry.into_iter().flat_map(ModuleRegistry::files).map(|file| file.name.clone());
    let in_rules = nacm.rule_lists.iter().flat_map(|list| &list.groups).filter_map(|group| {
        let named = group.strip_prefix("module:").filter(|_| registry.is_none());
        named.map(str::to_owned)
    });
    // A rule for all modules is told of once.
    let mut told = HashSet::new();
    let names = in_registry.chain(in_rules).chain(registry.is_none().then(|| "*".to_owned()));
    let of_module = names.flat_map(|name| {
        let (_, problems) = nacm.module_access(&name, "");
        problems.into_iter().map(move |problem| (name.clone(), problem))
    });
    of_module.filter(|(_, problem)| told.insert(problem.to_string())).collect()
}
