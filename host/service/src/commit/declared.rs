//! What the modules of a commit declare in their descriptions, resolved against the known models.

use std::{collections::HashMap, sync::Arc};

use confine_nacm::AccessOperation;
use confine_sandbox::Module;
use confine_tree::{Path, Pattern};
use confine_view::{CommitDraft, ErrorTag, InstanceRef, OwnedObject, Scope, ScopeDecision};

use crate::{
    Error,
    commit::created_paths::{CreatedPaths, single_match},
    controller::nacm::CommitRules,
    error_chain::error_chain,
    modules::registry::{ManagedService, ModuleRegistry},
};

/// The declarations of the modules of some services.
pub(crate) struct DeclaredPaths<'a> {
    registry: &'a ModuleRegistry,
    reads: Vec<Pattern>,
    /// By service: its namespace and name.
    created: HashMap<(Box<str>, Box<str>), CreatedPaths>,
    /// By module.
    scopes: HashMap<Arc<str>, Arc<Scope>>,
}

impl<'a> DeclaredPaths<'a> {
    /// Resolves what the modules of `services` declare.
    ///
    /// # Errors
    /// [`Error::Declared`] for a path that the models cannot resolve. A path to a node that no model has is left
    /// out: a module may serve several vendors, not all of which are there.
    pub(crate) fn new(
        registry: &'a ModuleRegistry,
        services: &[Arc<ManagedService>],
        rules: &CommitRules<'_>,
        draft: &mut CommitDraft,
    ) -> Result<Self, Error> {
        let mut declared =
            Self { registry, reads: Vec::new(), created: HashMap::new(), scopes: HashMap::new() };
        for service in services {
            let list = service.list();
            draft.declare(&list);
            let mut written: Vec<Pattern> = Vec::new();
            for module in &service.modules {
                let description = module.description();
                let reads = resolve_all(&description.reads, module, &list, draft)?;
                let writes = resolve_all(&description.writes, module, &list, draft)?;
                reads.iter().chain(&writes).for_each(|pattern| draft.declare(pattern));
                declared.reads.extend(reads);
                let name = module.name();
                let scope = Scope::new(name.clone(), description.services.clone(), writes.clone())
                    .declared_as(&description.writes);
                let scope = if description.writes.is_empty() { scope } else { scope.only_declared() };
                declared.scopes.insert(name.clone(), Arc::new(rules.restrict(name, scope)));
                written.extend(writes);
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
        Ok(declared)
    }

    /// Returns what all the modules declare that they read.
    pub(crate) fn reads(&self) -> &[Pattern] {
        &self.reads
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

    /// Returns where an object that an instance has created may be.
    pub(crate) fn candidates(&self, object: OwnedObject<'_>, instance: &InstanceRef) -> Vec<Pattern> {
        let list = instance.path().steps.last();
        let list = list.map(|list| (list.namespace.clone(), list.local.clone()));
        let paths = list.and_then(|list| self.created.get(&list));
        paths.map_or_else(Vec::new, |paths| paths.candidates(object))
    }
}

/// Resolves paths that a module declares, relative to the list of its service.
fn resolve_all(
    paths: &[Path],
    module: &Module,
    list: &Pattern,
    draft: &mut CommitDraft,
) -> Result<Vec<Pattern>, Error> {
    let mut patterns = Vec::with_capacity(paths.len());
    for path in paths {
        match draft.resolve(&path.to_string(), list, &module.description().prefixes) {
            Ok(pattern) => patterns.push(pattern),
            Err(unknown) if unknown.tag == ErrorTag::UnknownElement => {
                tracing::debug!(%module, reason = error_chain(&unknown), "a declared path is in no YANG model");
            }
            Err(source) => return Err(Error::Declared { module: module.to_string(), source }),
        }
    }
    Ok(patterns)
}
