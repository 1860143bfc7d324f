//! The compiled schema: what the tree and others ask of it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use confine_tree::{DefaultDeny, Kind, QName, SchemaNode, ValueError, nearest};

use crate::{
    Error, ModuleSet, Node,
    build::Compiled,
    link::{Links, Module, ModuleId, number_of},
    nearest::did_you_mean,
    nodes::{Flags, NodeId, NodeKind, Nodes},
    set::File,
    types::{Base, Identity, IdentityDefinition},
};

/// The data model of a set of modules: all that their data nodes, operations and notifications are.
///
/// It implements [`confine_tree::Schema`] and answers more through [`node`](Self::node). A [`SchemaNode`] means
/// something to the schema that gave it only.
pub struct Schema {
    set: ModuleSet,
    pub(crate) links: Links,
    pub(crate) nodes: Nodes,
    pub(crate) identities: Vec<IdentityDefinition>,
    /// Identities by their local name.
    identity_names: HashMap<Box<str>, Vec<Identity>>,
    /// By identity: those right below it.
    derived: Vec<Vec<Identity>>,
    problems: Vec<Error>,
    /// By module: whether something of it could not be built.
    flawed: Vec<bool>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("modules", &self.links.modules.len())
            .field("nodes", &self.nodes.nodes.len())
            .field("problems", &self.problems.len())
            .finish_non_exhaustive()
    }
}

impl Schema {
    pub(crate) fn new(set: ModuleSet, links: Links, compiled: Compiled) -> Self {
        let Compiled { nodes, identities, problems } = compiled;
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
        let is_flawed = |module: &Module| {
            let units = module.units.iter().filter_map(|&unit| self.links.unit(unit));
            let mut named = units.filter_map(|unit| self.set.files.get(unit.file)).map(File::place_name);
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

    /// What could not be made of the modules: each was left out alone, the rest is usable. Each is told once, and only the first [`Limits::problems`](crate::Limits::problems) are kept.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// All modules, in the order they were added; of submodules, those that they belong to.
    pub fn modules(&self) -> &[Module] {
        &self.links.modules
    }

    /// The module of this name: the implemented one, or else its latest revision.
    pub fn module_by_name(&self, name: &str) -> Option<&Module> {
        self.links.module(self.links.module_by_name(name)?)
    }

    /// The module of this namespace.
    pub fn module_by_namespace(&self, namespace: &str) -> Option<&Module> {
        self.links.module(self.links.module_by_namespace(namespace)?)
    }

    /// The modules that call themselves by this prefix. Prefixes are not unique, module names and namespaces are.
    pub fn modules_by_prefix(&self, prefix: &str) -> impl Iterator<Item = &Module> {
        self.links.modules.iter().filter(move |module| &*module.prefix == prefix)
    }

    /// All that is known of a node. `None` for a number of another schema.
    pub fn node(&self, node: SchemaNode) -> Option<Node<'_>> {
        Node::new(self, NodeId(node.0))
    }

    /// The node above all others.
    pub fn root_node(&self) -> Node<'_> {
        Node::root(self)
    }

    /// The data node that a path of module names leads to: `/module:name/name`, where a name without a module
    /// is in that of the node before it (RFC 7951, section 4, without values). Operations, notifications, `input`
    /// and `output` are steps as well.
    pub fn find(&self, path: &str) -> Option<Node<'_>> {
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
        nearest(name, self.nodes.data_children(NodeId(parent.0)).iter().map(|&child| self.name_of(child)))
    }

    /// That `parent` has no such child, as a sentence for a person, with what was meant perhaps.
    pub fn unknown_child(&self, parent: SchemaNode, name: &str) -> String {
        let parent = NodeId(parent.0);
        let around = match self.nodes.get(parent) {
            Some(node) if node.kind != NodeKind::Root => {
                let module = self.links.module(node.module).map_or("", Module::name);
                format!("`{}` in `{module}`", self.name_of(parent))
            }
            _ => "the top level of any module".to_owned(),
        };
        let names = self.nodes.data_children(parent).iter().map(|&child| self.name_of(child));
        format!("`{name}` is not a node of {around}{}", did_you_mean(name, names))
    }

    /// All identities that a value of the type may name, as module and name. Empty for other types.
    pub fn identities(&self, of: &Base) -> Vec<(&Module, &str)> {
        let Base::Identityref(bases) = of else { return Vec::new() };
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
    pub fn bases(&self, of: &Base) -> Vec<(&Module, &str)> {
        let Base::Identityref(bases) = of else { return Vec::new() };
        let definitions = bases.iter().filter_map(|&base| self.identity_definition(base));
        definitions.filter_map(|found| Some((self.links.module(found.module)?, &*found.name))).collect()
    }

    /// The first node that is the mount point of this label (RFC 8528).
    pub(crate) fn mount_point(&self, label: &str) -> Option<Node<'_>> {
        let all = (0..number_of(self.nodes.nodes.len())).filter_map(|id| Node::new(self, NodeId(id)));
        let mut containers = all.filter(|node| matches!(node.kind(), NodeKind::Container | NodeKind::List));
        containers.find(|node| node.mount_point() == Some(label))
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.set.files
    }

    pub(crate) fn name_of(&self, node: NodeId) -> &str {
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

impl confine_tree::Schema for Schema {
    fn root(&self) -> Option<SchemaNode> {
        Some(SchemaNode(NodeId::ROOT.0))
    }

    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let number = self.nodes.names.number(name.local)?;
        let module = self.links.module_by_namespace(name.namespace)?;
        self.nodes.data_child(NodeId(parent.0), number, Some(module)).map(|node| SchemaNode(node.0))
    }

    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let children = self.nodes.data_children(NodeId(parent.0)).iter();
        let name = |&child: &NodeId| {
            let node = self.nodes.get(child)?;
            Some(QName::new(self.links.module(node.module)?.namespace(), self.nodes.names.text(node.name)))
        };
        children.filter_map(name).collect()
    }

    fn is_complete(&self, parent: SchemaNode) -> bool {
        self.is_whole() && self.node(parent).is_some_and(Node::is_closed)
    }

    fn excludes(&self, parent: SchemaNode, name: QName<'_>) -> bool {
        let Some(node) = self.node(parent) else { return false };
        let knows_all = || self.is_whole() || self.knows_whole(name.namespace);
        node.is_closed() && knows_all() && self.child(parent, name).is_none()
    }

    fn module(&self, namespace: &str) -> Option<&str> {
        self.module_by_namespace(namespace).map(Module::name)
    }

    fn prefixed(&self, prefix: &str) -> Vec<&str> {
        let mut namespaces: Vec<&str> = self.modules_by_prefix(prefix).map(Module::namespace).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces
    }

    fn default_deny(&self, node: SchemaNode) -> Option<DefaultDeny> {
        let node = self.nodes.get(NodeId(node.0))?;
        if node.has(Flags::DENY_ALL) {
            Some(DefaultDeny::All)
        } else {
            node.has(Flags::DENY_WRITE).then_some(DefaultDeny::Write)
        }
    }

    fn has_default_denies(&self) -> bool {
        self.nodes.has_default_denies
    }

    fn kind(&self, node: SchemaNode) -> Kind {
        let Some(node) = self.nodes.get(NodeId(node.0)) else { return Kind::AnyData };
        match node.kind {
            NodeKind::AnyData | NodeKind::AnyXml => Kind::AnyData,
            NodeKind::List => Kind::List,
            NodeKind::LeafList => Kind::LeafList,
            NodeKind::Leaf => match self.nodes.types.get(node.type_number as usize).map(|of| of.base()) {
                Some(Base::Empty) => Kind::EmptyLeaf,
                _ => Kind::Leaf,
            },
            _ if node.has(Flags::PRESENCE) => Kind::PresenceContainer,
            _ => Kind::Container,
        }
    }

    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        self.node(node).map(Node::keys).unwrap_or_default()
    }

    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        self.nodes.get(NodeId(node.0)).is_some_and(|node| node.has(Flags::USER_ORDERED))
    }

    fn position(&self, node: SchemaNode) -> u32 {
        self.nodes.get(NodeId(node.0)).map_or(0, |node| node.position)
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
