//! What the modules of a commit declare in their descriptions, resolved against the known models.

use std::{collections::HashMap, sync::Arc};

use confine_nacm::AccessOperation;
use confine_sandbox::Module;
use confine_tree::{Path, Pattern, Schema, is_small};
use confine_view::{CommitDraft, ErrorTag, InstanceRef, OwnedObject, Scope, ScopeDecision};

use crate::{
    Error,
    commit::created_paths::{CreatedPaths, single_match},
    controller::nacm::CommitRules,
    error_chain::error_chain,
    modules::{membership::ManagedService, registry::ModuleRegistry},
};

/// The most declared reads of one module that are fetched in advance.
const MOST_IN_ADVANCE: usize = 100;

/// The declarations of the modules of some services.
pub(crate) struct DeclaredPaths<'a> {
    registry: &'a ModuleRegistry,
    in_advance: Vec<Pattern>,
    /// By service: its namespace and name.
    created: HashMap<(Arc<str>, Arc<str>), CreatedPaths>,
    /// By module.
    scopes: HashMap<Arc<str>, Arc<Scope>>,
}

impl<'a> DeclaredPaths<'a> {
    /// Resolves what the modules of `services` declare. A path that cannot be resolved permits nothing: a module may
    /// serve several vendors, not all of which are there.
    pub(crate) fn new(
        registry: &'a ModuleRegistry,
        services: &[Arc<ManagedService>],
        rules: &CommitRules<'_>,
        schema: &dyn Schema,
        draft: &mut CommitDraft,
    ) -> Self {
        let mut declared =
            Self { registry, in_advance: Vec::new(), created: HashMap::new(), scopes: HashMap::new() };
        services.iter().for_each(|service| draft.declare(&service.list()));
        // All are resolved before any is declared: what one module declares does not change what another one means.
        let mut modules: Vec<(&Module, ResolvedPaths)> = Vec::new();
        for service in services {
            let list = service.list();
            let mut written: Vec<Pattern> = Vec::new();
            for module in &service.modules {
                let paths = ResolvedPaths::new(module, &list, rules, draft);
                written.extend(paths.writes.iter().cloned());
                match modules.iter_mut().find(|(known, _)| known.name() == module.name()) {
                    // The same, but for what is relative.
                    Some((_, known)) => known.in_instance.extend(paths.in_instance),
                    None => modules.push((module, paths)),
                }
            }
            let prefixes = service.modules.iter().map(|module| &module.description().prefixes);
            let namespaces = prefixes.flat_map(|prefixes| {
                prefixes.prefixes().into_iter().filter_map(|prefix| prefixes.namespace(prefix))
            });
            declared.created.insert(
                (service.name.namespace.clone(), service.name.local.clone()),
                CreatedPaths::new(&written, namespaces),
            );
        }
        for (module, ResolvedPaths { reads, in_instance, writes }) in modules {
            reads.iter().chain(&in_instance).chain(&writes).for_each(|pattern| draft.declare(pattern));
            declared.in_advance.extend(worth_reading(&reads, schema));
            let (name, description) = (module.name(), module.description());
            let scope = Scope::new(name.clone(), description.services.clone(), writes);
            let scope = scope.declared_as(&description.writes).with_reads(&reads);
            let scope = if description.writes.is_empty() { scope } else { scope.only_declared() };
            declared
                .scopes
                .insert(name.clone(), Arc::new(rules.restrict(name, registry.former_names(name), scope)));
        }
        declared
    }

    /// Returns what every commit of these services reads in advance: of what the modules declare that they read, all
    /// that is little. A declaration is authority in the first place.
    pub(crate) fn in_advance(&self) -> &[Pattern] {
        &self.in_advance
    }

    /// Returns what a module of these services may do.
    pub(crate) fn scope(&self, module: &Module) -> Result<Arc<Scope>, Error> {
        self.scopes.get(module.name()).cloned().ok_or(Error::Internal)
    }

    /// Returns where an object that an instance has created is, if it is there and the instance's modules may
    /// delete it.
    pub(crate) fn created_object(
        &self,
        object: OwnedObject<'_>,
        instance: &InstanceRef,
        draft: &mut CommitDraft,
    ) -> Option<Pattern> {
        if let Some(place) = object.place().filter(|_| !object.is_ambiguous()) {
            return Some(place);
        }
        let service = self.registry.service_of(instance)?;
        let scopes = || service.modules.iter().filter_map(|module| self.scopes.get(module.name()));
        let may_delete = |pattern: &Pattern| {
            let permits = |scope: &Arc<Scope>| {
                matches!(scope.decide(AccessOperation::Delete, pattern), ScopeDecision::Permit { .. })
            };
            scopes().any(permits)
        };
        let candidates = self.candidates(object, instance);
        single_match(&object.path(), candidates, |pattern| draft.has_created(pattern), may_delete)
    }

    /// Returns whether a module of an instance declares that it writes a node.
    pub(crate) fn declares_writing(&self, instance: &InstanceRef, place: &Pattern) -> bool {
        let service = self.registry.service_of(instance);
        let mut modules = service.iter().flat_map(|service| &service.modules);
        modules
            .any(|module| self.scopes.get(module.name()).is_some_and(|scope| scope.declares_writing(place)))
    }

    /// Returns where an object that an instance has created may be.
    pub(crate) fn candidates(&self, object: OwnedObject<'_>, instance: &InstanceRef) -> Vec<Pattern> {
        let list = instance.path().steps.last();
        let list = list.map(|list| (list.namespace.clone(), list.local.clone()));
        let paths = list.and_then(|list| self.created.get(&list));
        paths.map_or_else(Vec::new, |paths| paths.candidates(object))
    }
}

/// Returns what of the declared reads of a module is little. Not all are looked at, as the module chooses their number.
fn worth_reading(reads: &[Pattern], schema: &dyn Schema) -> impl Iterator<Item = Pattern> {
    reads.iter().take(MOST_IN_ADVANCE).filter(|read| is_small(schema, read)).cloned()
}

/// What one module declares, as far as it can be resolved.
struct ResolvedPaths {
    reads: Vec<Pattern>,
    /// What it reads of its instance, as every module may. It names keys.
    in_instance: Vec<Pattern>,
    writes: Vec<Pattern>,
}

impl ResolvedPaths {
    /// Resolves what a module declares, relative to the list of a service.
    fn new(module: &Module, list: &Pattern, rules: &CommitRules<'_>, draft: &CommitDraft) -> Self {
        let description = module.description();
        let resolve = |paths: &mut dyn Iterator<Item = &Path>| {
            paths.flat_map(|path| resolve(path, module, list, rules, draft)).collect()
        };
        Self {
            reads: resolve(&mut description.reads.iter().filter(|path| path.absolute)),
            in_instance: resolve(&mut description.reads.iter().filter(|path| !path.absolute)),
            writes: resolve(&mut description.writes.iter()),
        }
    }
}

/// Resolves a path that a module declares, relative to the list of its service: in the model of each device, because a name
/// without a prefix means each device's own.
fn resolve(
    path: &Path,
    module: &Module,
    list: &Pattern,
    rules: &CommitRules<'_>,
    draft: &CommitDraft,
) -> Vec<Pattern> {
    let (path, prefixes) = (path.to_string(), &module.description().prefixes);
    let (mut patterns, mut refusals) = (Vec::new(), Vec::new());
    for resolved in draft.resolve_in_models(&path, list, prefixes) {
        match resolved {
            Ok(pattern) if patterns.contains(&pattern) => {}
            Ok(pattern) => patterns.push(pattern),
            Err(refusal) => refusals.push(refusal),
        }
    }
    // What it means where no model is known.
    match draft.resolve(&path, list, prefixes) {
        Ok(pattern) if patterns.contains(&pattern) => {}
        Ok(pattern) => patterns.push(pattern),
        Err(refusal) if patterns.is_empty() && refusals.is_empty() => refusals.push(refusal),
        Err(_) => {}
    }
    for refusal in refusals {
        if refusal.tag == ErrorTag::UnknownElement {
            tracing::debug!(%module, reason = error_chain(&refusal), "a declared path is not in a YANG model");
        } else {
            rules.warnings().unresolved(module, &refusal);
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use confine_tree::{CONTROLLER, NoSchema, PatternStep, QName};

    use super::*;

    #[test]
    fn number_of_declared_reads_in_advance_is_limited() {
        let step = |local: &str| PatternStep::new(QName::new(CONTROLLER, local));
        let read = |number: usize, leaf: &str| {
            let mut device = step("device");
            device.keys.push(("name".into(), Some(number.to_string())));
            Pattern { steps: vec![step("devices"), device, step(leaf)] }
        };
        let names: Vec<Pattern> = (0..1000).map(|number| read(number, "name")).collect();
        assert_eq!(worth_reading(&names, &NoSchema).count(), MOST_IN_ADVANCE);
        assert_eq!(worth_reading(&[read(0, "config")], &NoSchema).count(), 0);
    }
}
