//! Access control for users and modules: the controller's `/nacm`, and rules in the operator's file.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use confine_nacm::{AccessOperation, AccessRules, NACM, Nacm, NacmModel, RuleProblem};
use confine_tree::{
    CONTROLLER, DefaultDeny, Path, Pattern, PatternStep, QName, Schema, Tree, text::ShownLine,
};
use confine_view::{
    CallRefusal, CommitDraft, CreatedObject, ErrorTag, InstanceRef, ModuleRules, OwnerIndex, Scope,
    UndeclaredReads,
};

use crate::{
    Error,
    controller::{host_rights, read_warnings::ReadWarnings},
    modules::registry::ModuleRegistry,
    status::BrokenRule,
};

/// Rules of the operator's file about modules, in addition to the controller's `/nacm`.
#[derive(Clone, Debug, Default)]
pub struct ModulePolicy {
    /// What the prefixes in the paths of rules mean to the operator, also in those of `/nacm`: prefix and namespace.
    pub prefixes: Vec<(String, String)>,
    /// The rules and the name of the file that has them.
    pub rules: Option<(Arc<str>, Nacm)>,
    /// The modules that may override what another instance sets.
    pub last_wins: HashSet<String>,
    /// The modules that may read what their descriptions do not declare. Each such read is logged once.
    pub undeclared_reads: HashSet<String>,
}

/// `/nacm` and its leaf `enable-nacm`, which has a default: a user for whom it is absent although defaults are
/// requested may not read it.
const ROOT: QName<'_> = QName::new(NACM, "nacm");
const ENABLED: QName<'_> = QName::new(NACM, "enable-nacm");

/// Returns what must be read to know the rules.
pub(crate) fn pattern() -> Pattern {
    Pattern { steps: vec![PatternStep::new(ROOT)] }
}

/// How the controller's rules are called in messages.
const CONTROLLER_RULES: &str = "`/nacm`";

/// The rules as they were last read.
#[derive(Default)]
pub(crate) struct NacmRules {
    policy: ModulePolicy,
    last_read: Mutex<LastReadRules>,
    /// The rules that do not work, as they were last found.
    broken: Mutex<Vec<BrokenRule>>,
    /// What they were last found with.
    found_with: Mutex<Option<FoundWith>>,
    warnings: Arc<ReadWarnings>,
}

/// On what it depends which rules work.
struct FoundWith {
    nacm: Arc<Nacm>,
    schema: Weak<dyn Schema>,
    registry: Weak<ModuleRegistry>,
}

#[derive(Default)]
struct LastReadRules {
    /// The rules, as they were read.
    nacm: Option<Arc<Nacm>>,
    /// Those that could not be read.
    unreadable: Vec<RuleProblem>,
    /// The rights that the host user was last found to lack.
    lacking: Option<String>,
}

impl NacmRules {
    pub(crate) fn new(policy: ModulePolicy) -> Self {
        let rules = Self { policy, ..Self::default() };
        rules.report(rules.broken_in_policy().collect());
        rules
    }

    /// Forgets the rules: another controller may have others.
    pub(crate) fn forget(&self) {
        *self.lock() = LastReadRules::default();
    }

    /// Takes the rules from what was read of `running` as the host user, defaults included (see [`pattern`]).
    ///
    /// # Errors
    /// [`Error::Rules`] if the host user may not read all of them.
    pub(crate) fn take(
        &self,
        running: &Tree,
        host_user: &str,
        registry: &ModuleRegistry,
        schema: &dyn Schema,
    ) -> Result<Arc<Nacm>, Error> {
        let node = running.child(Tree::ROOT, ROOT);
        let readable = node.filter(|&node| running.child(node, ENABLED).is_some());
        let refuse = |lacking: Option<String>| {
            let mut last = self.lock();
            last.nacm = None;
            last.report(lacking, host_user);
            Err(Error::Rules { user: host_user.to_owned() })
        };
        // There may be many rules. The lock, which an answering thread takes too, is not held while they are looked at.
        let Some(node) = readable else { return refuse(host_rights::lacking(None, host_user, registry)) };
        let (nacm, unreadable) = Nacm::read(running, node);
        // The models may have changed though the rules have not.
        let bound = Arc::new(nacm.clone().with_prefixes(|prefix| self.namespaces(schema, prefix)));
        if let Some(hidden) = host_rights::hidden(&bound, host_user) {
            return refuse(Some(hidden));
        }
        let last = self.lock().nacm.clone();
        if last.is_some_and(|last| *last == nacm) {
            return Ok(bound);
        }
        let lacking = host_rights::lacking(Some(&bound), host_user, registry);
        let mut last = self.lock();
        last.report(lacking, host_user);
        last.nacm = Some(Arc::new(nacm));
        last.unreadable = unreadable;
        Ok(bound)
    }

    /// Returns whether the rules have been read.
    pub(crate) fn are_read(&self) -> bool {
        self.lock().nacm.is_some()
    }

    /// Finds the rules that do not work, by the models that are known now: those of modules that are loaded.
    pub(crate) fn find_broken(&self, registry: &Arc<ModuleRegistry>, schema: &Arc<dyn Schema>) {
        let (nacm, unreadable) = {
            let last = self.lock();
            (last.nacm.clone(), last.unreadable.clone())
        };
        let Some(nacm) = nacm else { return };
        let is_same = |with: &FoundWith| {
            Arc::ptr_eq(&with.nacm, &nacm)
                && with.schema.upgrade().is_some_and(|known| Arc::ptr_eq(&known, schema))
                && with.registry.upgrade().is_some_and(|known| Arc::ptr_eq(&known, registry))
        };
        let mut found_with = self.found_with.lock().unwrap_or_else(PoisonError::into_inner);
        if found_with.as_ref().is_some_and(is_same) {
            return;
        }
        let (schema_now, registry_now) = (Arc::downgrade(schema), Arc::downgrade(registry));
        *found_with = Some(FoundWith { nacm: nacm.clone(), schema: schema_now, registry: registry_now });
        drop(found_with);
        let bound = (*nacm).clone().with_prefixes(|prefix| self.namespaces(&**schema, prefix));
        let of_modules = problems(&bound, Some(registry)).into_iter().map(|(_, problem)| problem);
        let of_controller = unreadable.into_iter().chain(of_modules);
        let of_controller = of_controller.map(|problem| broken_rule(CONTROLLER_RULES, problem));
        self.report(of_controller.chain(self.broken_in_policy()).take(MOST_BROKEN).collect());
    }

    /// Returns the rules that do not work, and what they do instead.
    pub(crate) fn broken(&self) -> Vec<BrokenRule> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn broken_in_policy(&self) -> impl Iterator<Item = BrokenRule> {
        self.policy.rules.iter().flat_map(|(file, nacm)| {
            let problems = problems(nacm, None).into_iter();
            problems.map(|(_, problem)| broken_rule(file, problem))
        })
    }

    /// Warns of the rules that were not known to be broken.
    fn report(&self, broken: Vec<BrokenRule>) {
        let known = std::mem::replace(
            &mut *self.broken.lock().unwrap_or_else(PoisonError::into_inner),
            broken.clone(),
        );
        let known: HashSet<BrokenRule> = known.into_iter().collect();
        for BrokenRule { source, rule_list, rule, problem } in
            broken.iter().filter(|rule| !known.contains(rule))
        {
            tracing::warn!(source, rule_list, rule, "a rule does not work: {problem}");
        }
    }

    /// Returns the rules for one commit, from what [`take`](Self::take) has returned.
    pub(crate) fn of_commit(&self, nacm: Arc<Nacm>, user: &str, schema: Arc<dyn Schema>) -> CommitRules<'_> {
        let (policy, warnings) = (&self.policy, &self.warnings);
        let model = Arc::new(RuleModels { schema, prefixes: policy.prefixes.clone() });
        CommitRules { policy, warnings, nacm, user: user.to_owned(), model }
    }

    /// Returns what a prefix may mean that a path does not declare. The controller loses the declarations, so operators
    /// write the prefixes that YANG modules define for themselves, which several modules may share.
    fn namespaces(&self, schema: &dyn Schema, prefix: &str) -> Vec<String> {
        if prefix == "ctrl" {
            return vec![CONTROLLER.to_owned()];
        }
        let own = self.policy.prefixes.iter().filter(|(known, _)| known == prefix);
        let mut all: Vec<String> = own.map(|(_, namespace)| namespace.clone()).collect();
        all.extend(schema.prefixed(prefix).into_iter().map(str::to_owned));
        if all.is_empty() && prefix == "nacm" {
            all.push(NACM.to_owned());
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LastReadRules> {
        self.last_read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LastReadRules {
    /// Logs what the host user lacks, once.
    fn report(&mut self, lacking: Option<String>, host_user: &str) {
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
    warnings: &'a Arc<ReadWarnings>,
    nacm: Arc<Nacm>,
    user: String,
    model: Arc<RuleModels>,
}

impl CommitRules<'_> {
    /// Returns the log for warnings about what modules declare and read.
    pub(crate) fn warnings(&self) -> &ReadWarnings {
        self.warnings
    }

    /// Restricts the scope of a module, also by the rules for the names that it had before.
    pub(crate) fn restrict(&self, module: &str, former: &[String], scope: Scope) -> Scope {
        let of_former = |scope, name: &String| self.restrict_by_rules(name, scope);
        let scope = self.restrict_by_rules(module, former.iter().fold(scope, of_former));
        let scope = scope.with_last_wins(self.policy.last_wins.contains(module));
        match self.policy.undeclared_reads.contains(module) {
            true => scope.with_undeclared_reads(UndeclaredReads::Report(self.warnings.clone())),
            false => scope,
        }
    }

    fn restrict_by_rules(&self, module: &str, scope: Scope) -> Scope {
        let of_file = self.policy.rules.iter().map(|(file, nacm)| (file.clone(), nacm));
        let all = std::iter::once(("`/nacm`".into(), &*self.nacm)).chain(of_file);
        all.fold(scope, |scope, (origin, nacm)| {
            // Rules that cannot be resolved were logged when they were read.
            let (access, _) = nacm.module_access(module, &self.user);
            if access.permits_everything(&*self.model) {
                return scope;
            }
            scope.with_rules(Arc::new(ModuleRules::new(access, self.model.clone(), module, origin)))
        })
    }

    /// Finds which of the edits of a commit the controller's rules deny to the user. The controller does not report it.
    pub(crate) fn explain_denial(&self, source: confine_backend::Error, draft: &mut CommitDraft) -> Error {
        let rules = self.access();
        let denied = draft.edits().into_iter().find_map(|(access, node)| {
            draft.steps().steps(node.steps.len()).ok()?;
            let reason = self.denied(&rules, &node, access)?;
            Some((access, node, reason))
        });
        match denied {
            Some((access, node, reason)) => {
                let (access, path) = (access.to_string(), node.to_string());
                let refusal = Box::new(source);
                Error::Denied { user: self.user.clone(), access, path, reason, refusal }
            }
            None => source.into(),
        }
    }

    /// Explains an error about a missing node: a device that the user may not read appears to be missing.
    pub(crate) fn explain_view_error(&self, error: confine_view::Error) -> Error {
        let path = match &error {
            confine_view::Error::Refused(CallRefusal {
                tag: ErrorTag::DataMissing,
                path: Some(path),
                ..
            }) => path,
            _ => return error.into(),
        };
        let parsed = Path::parse(path).ok().map(|parsed| {
            let steps = parsed.steps.into_iter().map(|step| PatternStep::in_namespace(CONTROLLER, step));
            Pattern { steps: steps.collect() }
        });
        let ancestors = parsed.into_iter().flat_map(|node| {
            (1..=node.steps.len())
                .map(move |steps| Pattern { steps: node.steps.iter().take(steps).cloned().collect() })
        });
        let rules = self.access();
        match ancestors.into_iter().find_map(|node| self.denied(&rules, &node, AccessOperation::Read)) {
            Some(_) => Error::Unreadable { user: self.user.clone(), instance: path.clone() },
            None => error.into(),
        }
    }

    /// Checks that the user may read everything that these instances newly create. What the user may not read appears to
    /// be missing, would be recorded as created, and the controller would delete it without checking rights.
    ///
    /// # Errors
    /// [`Error::Unseen`].
    pub(crate) fn check_readable(
        &self,
        created: &[(InstanceRef, Vec<CreatedObject>)],
        owners: &OwnerIndex,
        draft: &mut CommitDraft,
    ) -> Result<(), Error> {
        let Some(access) = self.restricted_reading() else { return Ok(()) };
        for (instance, created) in created {
            let mut hidden = None;
            for place in created.iter().filter_map(|object| object.place.as_ref()) {
                let steps = draft.steps().steps(place.steps.len());
                steps.map_err(confine_view::Error::from)?;
                if !owners.is_owned(place) && self.hides_from_user(&access, place).is_some() {
                    hidden = Some(place);
                    break;
                }
            }
            if let Some(object) = hidden {
                let (user, instance) = (self.user.clone(), instance.to_string());
                return Err(Error::Unseen { user, instance, path: self.shown(object) });
            }
        }
        Ok(())
    }

    /// Returns the committing user.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Returns a path as a message shows it.
    pub(crate) fn shown(&self, path: &Pattern) -> String {
        self.model.schema.shown(path)
    }

    /// Returns the controller's rules for the user, if they may hide anything.
    pub(crate) fn restricted_reading(&self) -> Option<AccessRules> {
        let access = self.access();
        (!access.permits_below(&*self.model, &Pattern::default(), AccessOperation::Read)).then_some(access)
    }

    /// Returns why the controller's rules hide a node from the user, the node itself or one above it, with a hint.
    pub(crate) fn hides_from_user(&self, access: &AccessRules, node: &Pattern) -> Option<String> {
        let mut above = Pattern::default();
        let reason = node.steps.iter().find_map(|step| {
            above.steps.push(step.clone());
            self.denied(access, &above, AccessOperation::Read)
        })?;
        Some(format!("{reason}\nhint: permit it with a rule in `/nacm`, or commit as another user"))
    }

    /// Returns the controller's rules for the user.
    fn access(&self) -> AccessRules {
        let groups: Vec<&str> = self.nacm.groups_of(&self.user).collect();
        self.nacm.user_access(&self.user, &groups).0
    }

    /// Returns why the controller's rules deny an operation to the user, if they do.
    fn denied(&self, rules: &AccessRules, node: &Pattern, operation: AccessOperation) -> Option<String> {
        let decision = rules.decide(&*self.model, node, operation);
        (!decision.permitted).then(|| decision.reason.to_string())
    }
}

/// The models, as far as rules need them.
struct RuleModels {
    schema: Arc<dyn Schema>,
    /// The operator's prefixes.
    prefixes: Vec<(String, String)>,
}

impl NacmModel for RuleModels {
    fn module(&self, namespace: &str) -> Option<&str> {
        self.schema.module(namespace)
    }

    fn meanings(&self, prefix: &str, path: &Pattern) -> Vec<&str> {
        let mut own = NacmModel::meanings(&*self.schema, prefix, path);
        if !own.is_empty() {
            let of_operator = self.prefixes.iter().filter(|(known, _)| known == prefix);
            own.extend(of_operator.map(|(_, namespace)| &**namespace));
        }
        own
    }

    fn default_deny(&self, path: &Pattern) -> Option<DefaultDeny> {
        NacmModel::default_deny(&*self.schema, path)
    }

    fn has_default_denies(&self) -> bool {
        self.schema.has_default_denies()
    }
}

/// The most rules that do not work of which the status tells.
const MOST_BROKEN: usize = 100;

/// What is said of a rule stands in one line, whatever its names are.
fn broken_rule(source: &str, problem: RuleProblem) -> BrokenRule {
    let RuleProblem { rule_list, rule, message } = problem;
    let shown = |text: &str| ShownLine(text).to_string();
    BrokenRule {
        source: source.to_owned(),
        rule_list: shown(&rule_list),
        rule: shown(&rule),
        problem: shown(&message),
    }
}

/// Returns the rules that cannot be resolved, each with the name of a module that it applies to.
fn problems(nacm: &Nacm, registry: Option<&ModuleRegistry>) -> Vec<(String, RuleProblem)> {
    let in_registry = registry.into_iter().flat_map(ModuleRegistry::files).map(|file| file.name.clone());
    let in_rules = nacm.rule_lists.iter().flat_map(|list| &list.groups).filter_map(|group| {
        let named = group.strip_prefix("module:").filter(|_| registry.is_none());
        named.map(str::to_owned)
    });
    // A rule for all modules is reported once.
    let mut reported = HashSet::new();
    let names = in_registry.chain(in_rules).chain(registry.is_none().then(|| "*".to_owned()));
    let of_module = names.flat_map(|name| {
        let (_, problems) = nacm.module_access(&name, "");
        problems.into_iter().map(move |problem| (name.clone(), problem))
    });
    of_module.filter(|(_, problem)| reported.insert(problem.to_string())).collect()
}
