//! The compiled schema: its modules, identities and problems.

use std::{collections::BTreeSet, fmt};

use confine_tree::{HashMap, HashSet};

use crate::{
    Error, ModuleSet,
    build::CompiledSet,
    link::{ModuleId, ModuleLinks, YangModule},
    node_arena::{NODE_MEMORY, NodeArena, NodeFlags, NodeRecord, SchemaNodeId},
    set::ModuleFileText,
    types::{BaseType, Identity, IdentityDefinition},
};

/// The data model of a set of modules: their data nodes, operations and notifications.
///
/// It implements [`confine_tree::Schema`], and [`node`](Self::node) answers further questions about a node. A
/// [`SchemaNode`](confine_tree::SchemaNode) is valid for the schema that returned it only.
pub struct YangSchema {
    set: ModuleSet,
    pub(crate) links: ModuleLinks,
    pub(crate) nodes: NodeArena,
    pub(crate) identities: Vec<IdentityDefinition>,
    /// Identities by local name.
    identity_names: HashMap<Box<str>, Vec<Identity>>,
    /// By identity: those derived directly from it.
    derived: Vec<Vec<Identity>>,
    problems: Vec<Error>,
    /// Whether no module is missing that has nodes.
    knows_all_modules: bool,
    /// Whether no module lacks nodes.
    has_whole_modules: bool,
}

impl fmt::Debug for YangSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YangSchema")
            .field("modules", &self.links.modules.len())
            .field("nodes", &self.nodes.nodes.len())
            .field("problems", &self.problems.len())
            .finish_non_exhaustive()
    }
}

impl YangSchema {
    pub(crate) fn new(set: ModuleSet, links: ModuleLinks, compiled: CompiledSet) -> Self {
        let CompiledSet { nodes, identities, problems } = compiled;
        let mut identity_names: HashMap<Box<str>, Vec<Identity>> = HashMap::default();
        let mut derived = vec![Vec::new(); identities.len()];
        for (identity, number) in identities.iter().zip(0..) {
            identity_names.entry(identity.name.clone()).or_default().push(Identity(number));
            for base in &identity.bases {
                if let Some(derived) = derived.get_mut(base.0 as usize) {
                    derived.push(Identity(number));
                }
            }
        }
        let knows_all_modules = set.is_complete() && !links.lacks_modules;
        let has_whole_modules = links.modules.iter().all(|module| is_whole(&set, module));
        Self {
            set,
            links,
            nodes,
            identities,
            identity_names,
            derived,
            problems,
            knows_all_modules,
            has_whole_modules,
        }
    }

    /// Returns whether all children of a node are known, of whichever module.
    pub(crate) fn knows_all_children(&self, node: SchemaNodeId) -> bool {
        let mut missing = self.nodes.incomplete.range((node, ModuleId(0))..=(node, ModuleId(u32::MAX)));
        self.has_whole_modules && self.knows_all_modules && missing.next().is_none()
    }

    /// Returns whether all children of a node are known whose names are in a namespace.
    pub(crate) fn knows_children(&self, node: SchemaNodeId, namespace: &str) -> bool {
        match self.links.module_by_namespace(namespace) {
            Some(module) => {
                let is_whole = self.links.module(module).is_some_and(|module| is_whole(&self.set, module));
                is_whole && !self.nodes.incomplete.contains(&(node, module))
            }
            None => self.knows_all_modules,
        }
    }

    /// Returns the problems of compiling, each once. The statement of a problem was left out; the rest is usable.
    /// Only the first [`YangLimits::problems`](crate::YangLimits::problems) are kept.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Returns all modules, in the order in which they were added. Submodules are part of their module.
    pub fn modules(&self) -> &[YangModule] {
        &self.links.modules
    }

    /// Returns the latest module of this name.
    pub fn module_by_name(&self, name: &str) -> Option<&YangModule> {
        self.links.module(self.links.module_by_name(name)?)
    }

    /// Returns all identities that a value of the type may name, as module and name. Empty for other types.
    pub fn identities(&self, of: &BaseType) -> Vec<(&YangModule, &str)> {
        let BaseType::Identityref(bases) = of else { return Vec::new() };
        let Some((first, others)) = bases.split_first() else { return Vec::new() };
        let mut all: Vec<Identity> =
            reachable(*first, |identity| self.derived_from(identity)).into_iter().collect();
        for &base in others {
            let of_base = reachable(base, |identity| self.derived_from(identity));
            all.retain(|identity| of_base.contains(identity));
        }
        all.sort_unstable();
        let definitions = all.into_iter().filter_map(|identity| self.identity_definition(identity));
        definitions.filter_map(|found| Some((self.links.module(found.module)?, &*found.name))).collect()
    }

    /// Returns the base identities of the type, as module and name. Empty for other types.
    pub fn bases(&self, of: &BaseType) -> Vec<(&YangModule, &str)> {
        let BaseType::Identityref(bases) = of else { return Vec::new() };
        let definitions = bases.iter().filter_map(|&base| self.identity_definition(base));
        definitions.filter_map(|found| Some((self.links.module(found.module)?, &*found.name))).collect()
    }

    /// Returns about how many bytes the compiled tree takes: see [`YangLimits::memory`](crate::YangLimits::memory).
    pub fn memory(&self) -> usize {
        self.nodes.nodes.len() * NODE_MEMORY
    }

    /// Returns the namespace and the name of each node whose value, or what is below it, is a secret: its type is for passwords or
    /// their hashes, or the model denies all access to it (`default-deny-all`, RFC 8341). Rules of access control are no
    /// secret.
    pub fn secret_names(&self) -> BTreeSet<(&str, &str)> {
        let mut found = BTreeSet::new();
        for node in &self.nodes.nodes {
            let of = self.nodes.types.get(node.type_number as usize);
            let is_denied = |node: &NodeRecord| node.has(NodeFlags::DENY_ALL);
            let is_outermost = || !self.nodes.get(node.parent).is_some_and(is_denied);
            if of.is_some_and(|of| of.is_secret) || is_denied(node) && is_outermost() {
                found.insert((node.module, node.name));
            }
        }
        let named = found.into_iter().filter_map(|(module, name)| {
            let module = self.links.module(module).filter(|module| module.name() != "ietf-netconf-acm")?;
            Some((module.namespace(), self.nodes.names.text(name)))
        });
        named.collect()
    }

    pub(crate) fn files(&self) -> &[ModuleFileText] {
        &self.set.files
    }

    pub(crate) fn identity(&self, module: ModuleId, name: &str) -> Option<Identity> {
        let named = self.identity_names.get(name)?;
        named
            .iter()
            .copied()
            .find(|identity| self.identity_definition(*identity).is_some_and(|it| it.module == module))
    }

    pub(crate) fn identity_definition(&self, identity: Identity) -> Option<&IdentityDefinition> {
        self.identities.get(identity.0 as usize)
    }

    /// Returns whether an identity is derived from another one, directly or not. None is derived from itself.
    pub(crate) fn is_derived(&self, identity: Identity, base: Identity) -> bool {
        let bases =
            |identity| self.identity_definition(identity).map(|it| it.bases.as_slice()).unwrap_or_default();
        bases(identity).contains(&base) || reachable(identity, bases).contains(&base)
    }

    fn derived_from(&self, base: Identity) -> &[Identity] {
        self.derived.get(base.0 as usize).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Returns whether all statements of a module that define nodes could be read.
fn is_whole(set: &ModuleSet, module: &YangModule) -> bool {
    !module.lacks_parts && !set.is_abridged(module.name())
}

/// Returns all identities that steps lead to from one.
fn reachable<'a>(from: Identity, steps: impl Fn(Identity) -> &'a [Identity]) -> HashSet<Identity> {
    let mut open = steps(from).to_vec();
    let mut seen: HashSet<Identity> = open.iter().copied().collect();
    while let Some(next) = open.pop() {
        open.extend(steps(next).iter().filter(|identity| seen.insert(**identity)));
    }
    seen
}
