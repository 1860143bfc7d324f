//! The compiled schema: what the tree and others ask of it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use confine_tree::{DataNodeKind, DefaultDeny, QName, SchemaNode, ValueError, nearest};

use crate::{
    Error, ModuleSet, YangNode,
    build::CompiledSet,
    link::{ModuleId, ModuleLinks, YangModule, number_of},
    nearest::did_you_mean,
    nodes::{NodeArena, NodeFlags, SchemaNodeId, SchemaNodeKind},
    set::ModuleFileText,
    types::{BaseType, Identity, IdentityDefinition},
};

/// The data model of a set of modules: all that their data nodes, operations and notifications are.
///
/// It implements [`confine_tree::Schema`] and answers more through [`node`](Self::node). A [`SchemaNode`] means
/// something to the schema that gave it only.
pub struct YangSchema {
    set: ModuleSet,
    pub(crate) links: ModuleLinks,
    pub(crate) nodes: NodeArena,
    pub(crate) identities: Vec<IdentityDefinition>,
    /// Identities by their local name.
    identity_names: HashMap<Box<str>, Vec<Identity>>,
    /// By identity: those right below it.
    derived: Vec<Vec<Identity>>,
    problems: Vec<Error>,
    /// By module: whether something of it could not be built.
    flawed: Vec<bool>,
}

impl fmt::Debug for YangSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("modules", &self.links.modules.len())
            .field("nodes", &self.nodes.nodes.len())
            .field("problems", &self.problems.len())
            .finish_non_exhaustive()
    }
}

impl YangSchema {
    pub(crate) fn new(set: ModuleSet, links: ModuleLinks, compiled: CompiledSet) -> Self {
        let CompiledSet { nodes, identities, problems } = compiled;
        let mut identity_names: HashMap<Box<str>, Vec<Identity>> = HashMap::new();
        let mut derived = vec![Vec::new(); identities.len()];
        for (identity, number) in identities.iter().zip(0..) {
            identity_names.entry(identity.name.clone()).or_default().push(Identity(number));
            for base in &identity.bases {
                if let Some(derived) = derived.get_mut(base.0 as usize) {
                    derived.push(Identity(number));
                }
            }
        }
        let mut schema =
            Self { set, links, nodes, identities, identity_names, derived, problems, flawed: Vec::new() };
        schema.flawed = schema.find_flawed();
        schema
    }

    fn find_flawed(&self) -> Vec<bool> {
        let files: HashSet<&str> = self.problems.iter().map(|problem| &*problem.place().file).collect();
        // Problems beyond the limit are not kept, and may be of any module.
        let too_many = self.problems.len() >= self.set.limits.problems;
        let is_flawed = |module: &YangModule| {
            let units = module.units.iter().filter_map(|&unit| self.links.unit(unit));
            let mut named =
                units.filter_map(|unit| self.set.files.get(unit.file)).map(ModuleFileText::place_name);
            too_many || self.set.is_abridged(module.name()) || named.any(|file| files.contains(file))
        };
        self.links.modules.iter().map(is_flawed).collect()
    }

    /// Whether these are all modules that there are, and each was read to its end.
    fn is_whole(&self) -> bool {
        self.set.is_whole() && self.problems.is_empty()
    }

    /// Whether all nodes of a namespace are known.
    fn knows_whole(&self, namespace: &str) -> bool {
        let id = self.links.module_by_namespace(namespace);
        id.is_some_and(|id| self.flawed.get(id.0 as usize) == Some(&false))
    }

    /// What could not be made of the modules: each was left out alone, the rest is usable. Each is told once, and only the first [`YangLimits::problems`](crate::Limits::problems) are kept.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// All modules, in the order they were added; of submodules, those that they belong to.
    pub fn modules(&self) -> &[YangModule] {
        &self.links.modules
    }

    /// The module of this name: the implemented one, or else its latest revision.
    pub fn module_by_name(&self, name: &str) -> Option<&YangModule> {
        self.links.module(self.links.module_by_name(name)?)
    }

    /// The module of this namespace.
    pub fn module_by_namespace(&self, namespace: &str) -> Option<&YangModule> {
        self.links.module(self.links.module_by_namespace(namespace)?)
    }

    /// The modules that call themselves by this prefix. Prefixes are not unique, module names and namespaces are.
    pub fn modules_by_prefix(&self, prefix: &str) -> impl Iterator<Item = &YangModule> {
        self.links.modules.iter().filter(move |module| &*module.prefix == prefix)
    }

    /// All that is known of a node. `None` for a number of another schema.
    pub fn node(&self, node: SchemaNode) -> Option<YangNode<'_>> {
        YangNode::new(self, SchemaNodeId(node.0))
    }

    /// The node above all others.
    pub fn root_node(&self) -> YangNode<'_> {
        YangNode::root(self)
    }

    /// The data node that a path of module names leads to: `/module:name/name`, where a name without a module
    /// is in that of the node before it (RFC 7951, section 4, without values). Operations, notifications, `input`
    /// and `output` are steps as well.
    pub fn find(&self, path: &str) -> Option<YangNode<'_>> {
        let mut node = self.root_node();
        for step in path.split('/').filter(|step| !step.is_empty()) {
            node = match step.split_once(':') {
                Some((module, name)) => {
                    let module = self.links.module_by_name(module)?;
                    node.step(name, module)?
                }
                None => node.step(step, node.module_id())?,
            };
        }
        Some(node)
    }

    /// The children of a node whose names are nearest to one that it does not have, best first; at most three.
    pub fn nearest(&self, parent: SchemaNode, name: &str) -> Vec<&str> {
        nearest(
            name,
            self.nodes.data_children(SchemaNodeId(parent.0)).iter().map(|&child| self.name_of(child)),
        )
    }

    /// That `parent` has no such child, as a sentence for a person, with what was meant perhaps.
    pub fn unknown_child(&self, parent: SchemaNode, name: &str) -> String {
        let parent = SchemaNodeId(parent.0);
        let around = match self.nodes.get(parent) {
            Some(node) if node.kind != SchemaNodeKind::Root => {
                let module = self.links.module(node.module).map_or("", YangModule::name);
                format!("`{}` in `{module}`", self.name_of(parent))
            }
            _ => "the top level of any module".to_owned(),
        };
        let names = self.nodes.data_children(parent).iter().map(|&child| self.name_of(child));
        format!("`{name}` is not a node of {around}{}", did_you_mean(name, names))
    }

    /// All identities that a value of the type may name, as module and name. Empty for other types.
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

    /// The identities that those of the type are derived from, as module and name. Empty for other types.
    pub fn bases(&self, of: &BaseType) -> Vec<(&YangModule, &str)> {
        let BaseType::Identityref(bases) = of else { return Vec::new() };
        let definitions = bases.iter().filter_map(|&base| self.identity_definition(base));
        definitions.filter_map(|found| Some((self.links.module(found.module)?, &*found.name))).collect()
    }

    /// The first node that is the mount point of this label (RFC 8528).
    pub(crate) fn mount_point(&self, label: &str) -> Option<YangNode<'_>> {
        let all =
            (0..number_of(self.nodes.nodes.len())).filter_map(|id| YangNode::new(self, SchemaNodeId(id)));
        let mut containers =
            all.filter(|node| matches!(node.kind(), SchemaNodeKind::Container | SchemaNodeKind::List));
        containers.find(|node| node.mount_point() == Some(label))
    }

    pub(crate) fn files(&self) -> &[ModuleFileText] {
        &self.set.files
    }

    pub(crate) fn name_of(&self, node: SchemaNodeId) -> &str {
        self.nodes.get(node).map_or("", |node| self.nodes.names.text(node.name))
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

    /// Whether an identity is derived from another one, directly or not; no identity is from itself.
    pub(crate) fn is_derived(&self, identity: Identity, base: Identity) -> bool {
        let bases =
            |identity| self.identity_definition(identity).map(|it| it.bases.as_slice()).unwrap_or_default();
        bases(identity).contains(&base) || reachable(identity, bases).contains(&base)
    }

    fn derived_from(&self, base: Identity) -> &[Identity] {
        self.derived.get(base.0 as usize).map(Vec::as_slice).unwrap_or_default()
    }
}

/// All identities that steps lead to from one.
fn reachable<'a>(from: Identity, steps: impl Fn(Identity) -> &'a [Identity]) -> HashSet<Identity> {
    let mut open = steps(from).to_vec();
    let mut seen: HashSet<Identity> = open.iter().copied().collect();
    while let Some(next) = open.pop() {
        open.extend(steps(next).iter().filter(|identity| seen.insert(**identity)));
    }
    seen
}

impl confine_tree::Schema for YangSchema {
    fn root(&self) -> Option<SchemaNode> {
        Some(SchemaNode(SchemaNodeId::ROOT.0))
    }

    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let number = self.nodes.names.number(name.local)?;
        let module = self.links.module_by_namespace(name.namespace)?;
        self.nodes.data_child(SchemaNodeId(parent.0), number, Some(module)).map(|node| SchemaNode(node.0))
    }

    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let children = self.nodes.data_children(SchemaNodeId(parent.0)).iter();
        let name = |&child: &SchemaNodeId| {
            let node = self.nodes.get(child)?;
            Some(QName::new(self.links.module(node.module)?.namespace(), self.nodes.names.text(node.name)))
        };
        children.filter_map(name).collect()
    }

    fn is_complete(&self, parent: SchemaNode) -> bool {
        self.is_whole() && self.node(parent).is_some_and(YangNode::is_closed)
    }

    fn excludes(&self, parent: SchemaNode, name: QName<'_>) -> bool {
        let Some(node) = self.node(parent) else { return false };
        let knows_all = || self.is_whole() || self.knows_whole(name.namespace);
        node.is_closed() && knows_all() && self.child(parent, name).is_none()
    }

    fn module(&self, namespace: &str) -> Option<&str> {
        self.module_by_namespace(namespace).map(YangModule::name)
    }

    fn prefixed(&self, prefix: &str) -> Vec<&str> {
        let mut namespaces: Vec<&str> = self.modules_by_prefix(prefix).map(YangModule::namespace).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces
    }

    fn default_deny(&self, node: SchemaNode) -> Option<DefaultDeny> {
        let node = self.nodes.get(SchemaNodeId(node.0))?;
        if node.has(NodeFlags::DENY_ALL) {
            Some(DefaultDeny::All)
        } else {
            node.has(NodeFlags::DENY_WRITE).then_some(DefaultDeny::Write)
        }
    }

    fn has_default_denies(&self) -> bool {
        self.nodes.has_default_denies
    }

    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        let Some(node) = self.nodes.get(SchemaNodeId(node.0)) else { return DataNodeKind::AnyData };
        match node.kind {
            SchemaNodeKind::AnyData | SchemaNodeKind::AnyXml => DataNodeKind::AnyData,
            SchemaNodeKind::List => DataNodeKind::List,
            SchemaNodeKind::LeafList => DataNodeKind::LeafList,
            SchemaNodeKind::Leaf => match self.nodes.types.get(node.type_number as usize).map(|of| of.base())
            {
                Some(BaseType::Empty) => DataNodeKind::EmptyLeaf,
                _ => DataNodeKind::Leaf,
            },
            _ if node.has(NodeFlags::PRESENCE) => DataNodeKind::PresenceContainer,
            _ => DataNodeKind::Container,
        }
    }

    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        self.node(node).map(YangNode::keys).unwrap_or_default()
    }

    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        self.nodes.get(SchemaNodeId(node.0)).is_some_and(|node| node.has(NodeFlags::USER_ORDERED))
    }

    fn position(&self, node: SchemaNode) -> u32 {
        self.nodes.get(SchemaNodeId(node.0)).map_or(0, |node| node.position)
    }

    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        let Some(node) = self.node(node) else { return Ok(value.to_owned()) };
        node.canonical(value, namespace).map_err(|wrong| ValueError(wrong.to_string()))
    }
}
