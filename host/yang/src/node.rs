//! One node of a schema, and the lookups that lead to it.

use std::sync::Arc;

use confine_tree::{BoundValue, ChoiceCase, SchemaNode};

use crate::{
    BaseType, LeafType, YangSchema,
    keyword::Keyword,
    link::{ModuleId, PrefixMeaning, YangModule, number_of},
    node_arena::{self, NodeFlags, SchemaNodeId, SchemaNodeKind},
    statement::{StatementId, StatementRef},
};

/// The longest chain of leafrefs that lead to leafrefs.
const MAX_LEAFREF_CHAIN: usize = 32;

/// A node of a [`YangSchema`].
#[derive(Clone, Copy)]
pub struct YangNode<'a> {
    schema: &'a YangSchema,
    id: SchemaNodeId,
    node: &'a node_arena::NodeRecord,
}

/// The status of a definition (RFC 7950, section 7.21.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefinitionStatus {
    /// In use.
    Current,
    /// Obsolete, but still implemented by some.
    Deprecated,
    /// No longer to be used.
    Obsolete,
}

impl YangSchema {
    /// Returns a node by number. Returns `None` for a number of another schema.
    pub fn node(&self, node: SchemaNode) -> Option<YangNode<'_>> {
        YangNode::new(self, SchemaNodeId(node.0))
    }

    /// Returns the root, the parent of the top-level nodes.
    pub fn root_node(&self) -> YangNode<'_> {
        YangNode::root(self)
    }

    /// Returns the data node of a path with module names, such as `/module:name/name`. A name without a module is in
    /// the module of the node before it (RFC 7951, section 4, without values). Operations, notifications, `input`
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

    /// Returns the first node that is a mount point of this label (RFC 8528).
    pub(crate) fn mount_point(&self, label: &str) -> Option<YangNode<'_>> {
        let all =
            (0..number_of(self.nodes.nodes.len())).filter_map(|id| YangNode::new(self, SchemaNodeId(id)));
        let mut containers =
            all.filter(|node| matches!(node.kind(), SchemaNodeKind::Container | SchemaNodeKind::List));
        containers.find(|node| node.mount_point() == Some(label))
    }
}

impl<'a> YangNode<'a> {
    pub(crate) fn new(schema: &'a YangSchema, id: SchemaNodeId) -> Option<Self> {
        Some(Self { schema, id, node: schema.nodes.get(id)? })
    }

    pub(crate) fn root(schema: &'a YangSchema) -> Self {
        Self {
            schema,
            id: SchemaNodeId::ROOT,
            node: schema.nodes.get(SchemaNodeId::ROOT).unwrap_or(&node_arena::BARE_ROOT),
        }
    }

    /// Returns the schema of the node.
    pub fn schema(self) -> &'a YangSchema {
        self.schema
    }

    /// Returns the node's number in its schema.
    pub fn id(self) -> SchemaNode {
        SchemaNode(self.id.0)
    }

    /// Returns the node's name; empty for the root.
    pub fn name(self) -> &'a str {
        self.schema.nodes.names.text(self.node.name)
    }

    /// Returns the module of the node's namespace: for a node of a grouping, the module that uses the grouping.
    /// Returns `None` for the root.
    pub fn module(self) -> Option<&'a YangModule> {
        self.schema.links.module(self.node.module)
    }

    pub(crate) fn module_id(self) -> ModuleId {
        self.node.module
    }

    /// Returns the kind of statement that defines the node.
    pub fn kind(self) -> SchemaNodeKind {
        self.node.kind
    }

    /// Returns whether the node is configuration: neither state nor part of an operation or a notification
    /// (section 7.21.1).
    pub fn is_config(self) -> bool {
        self.node.has(NodeFlags::CONFIG)
    }

    /// Returns whether the node is a key of its list.
    pub fn is_key(self) -> bool {
        self.node.has(NodeFlags::KEY)
    }

    /// Returns whether models define the node's children: not for `anydata` and mount points.
    pub(crate) fn is_closed(self) -> bool {
        !matches!(self.node.kind, SchemaNodeKind::AnyData | SchemaNodeKind::AnyXml)
            && self.mount_point().is_none()
    }

    /// Returns whether the node is mandatory (section 7.6.5), as keys are.
    pub fn is_mandatory(self) -> bool {
        self.is_key() || self.text(Keyword::Mandatory) == Some("true")
    }

    /// Returns what the existence of a presence container means (section 7.5.5).
    pub fn presence(self) -> Option<&'a str> {
        if self.node.has(NodeFlags::PRESENCE) { self.text(Keyword::Presence) } else { None }
    }

    /// Returns the node's status: the least current one of the node and its ancestors.
    pub fn status(self) -> DefinitionStatus {
        let own = match self.text(Keyword::Status) {
            Some("deprecated") => DefinitionStatus::Deprecated,
            Some("obsolete") => DefinitionStatus::Obsolete,
            _ => DefinitionStatus::Current,
        };
        self.schema_parent().map_or(own, |parent| own.max(parent.status()))
    }

    /// Returns the type of a leaf or leaf-list. Returns `None` for other nodes, and if the type has an error.
    pub fn leaf_type(self) -> Option<&'a LeafType> {
        self.schema.nodes.types.get(self.node.type_number as usize).map(|of| &**of)
    }

    /// Returns the default values as the model writes them: the node's own, else those of its type. A leaf has one
    /// at most, a mandatory leaf none.
    pub fn defaults(self) -> Vec<&'a str> {
        let own: Vec<&str> = self.properties(Keyword::Default).map(StatementRef::argument).collect();
        if own.is_empty() && self.node.kind != SchemaNodeKind::Choice && !self.is_mandatory() {
            self.leaf_type().and_then(LeafType::default).into_iter().collect()
        } else {
            own
        }
    }

    /// Returns the [defaults](Self::defaults) of a leaf or leaf-list in their [normal form](Self::normal). Those that are not
    /// values of the type are left out.
    pub(crate) fn normal_defaults(self) -> Vec<BoundValue> {
        let is_leaf = matches!(self.kind(), SchemaNodeKind::Leaf | SchemaNodeKind::LeafList);
        let texts = if is_leaf { self.defaults() } else { Vec::new() };
        // The prefixes are those of the module that has the statement: of a type's default, that of the type.
        let unit = self.node.origin.unit;
        let namespace = |prefix: &str| match self.schema.links.prefix(unit, prefix) {
            PrefixMeaning::Module(module) => {
                self.schema.links.module(module).map(|of| of.namespace().to_owned())
            }
            _ => None,
        };
        texts.into_iter().filter_map(|text| self.normal_default(text, &namespace)).collect()
    }

    /// Returns the units of a leaf's value: the leaf's own, else those of its type.
    pub fn units(self) -> Option<&'a str> {
        self.text(Keyword::Units).or_else(|| self.leaf_type().and_then(LeafType::units))
    }

    /// Returns the least number of entries of a list or leaf-list.
    pub fn min_elements(self) -> u32 {
        self.text(Keyword::MinElements).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Returns the greatest number of entries of a list or leaf-list, or `None` if there is no limit.
    pub fn max_elements(self) -> Option<u32> {
        self.text(Keyword::MaxElements).and_then(|text| text.parse().ok())
    }

    /// Returns the description.
    pub fn description(self) -> Option<&'a str> {
        self.text(Keyword::Description)
    }

    /// Returns the `must` conditions, as XPath (section 7.5.3).
    pub fn musts(self) -> impl Iterator<Item = &'a str> {
        self.properties(Keyword::Must).map(StatementRef::argument)
    }

    /// Returns the `when` condition, as XPath (section 7.21.5).
    pub fn when(self) -> Option<&'a str> {
        self.text(Keyword::When)
    }

    /// Returns the argument of an extension that the node uses, such as `default-deny-all` of
    /// `ietf-netconf-acm`. It is empty if the extension has no argument.
    pub fn extension(self, module: &str, name: &str) -> Option<&'a str> {
        self.own()?
            .all(Keyword::Extension)
            .find(|use_| self.is_extension(*use_, module, name))
            .map(StatementRef::argument)
    }

    fn is_extension(self, statement: StatementRef<'_>, module: &str, name: &str) -> bool {
        let Some((prefix, local)) = statement.name().split_once(':') else { return false };
        let links = &self.schema.links;
        local == name
            && match links.prefix(self.node.origin.unit, prefix) {
                PrefixMeaning::Module(id) => links.module(id).is_some_and(|found| found.name() == module),
                _ => false,
            }
    }

    /// Returns the `if-feature` expressions, all of which hold (section 7.20.2).
    pub fn if_features(self) -> impl Iterator<Item = &'a str> {
        self.properties(Keyword::IfFeature).map(StatementRef::argument)
    }

    /// Returns the local names of a list's keys, in order.
    pub fn keys(self) -> &'a [Box<str>] {
        self.schema.nodes.keys.get(self.node.keys as usize).map(|keys| &**keys).unwrap_or_default()
    }

    /// Returns [`keys`](Self::keys) to hold on to.
    pub(crate) fn shared_keys(self) -> Arc<[Box<str>]> {
        self.schema.nodes.keys.get(self.node.keys as usize).cloned().unwrap_or_default()
    }

    /// Returns the label of a mount point (RFC 8528, section 3.1).
    pub fn mount_point(self) -> Option<&'a str> {
        self.extension("ietf-yang-schema-mount", "mount-point")
    }

    /// Returns the parent: a data node, operation or notification. `choice` and `case` are transparent. Returns
    /// `None` for the root.
    pub fn parent(self) -> Option<Self> {
        let mut parent = self.schema_parent()?;
        while parent.node.kind.is_transparent() {
            parent = parent.schema_parent()?;
        }
        Some(parent)
    }

    /// Returns the parent schema node, which may be a `choice` or a `case`.
    pub fn schema_parent(self) -> Option<Self> {
        Self::new(self.schema, self.node.parent)
    }

    /// Returns the cases that the node is in, from the outermost to the innermost, below its parent data node.
    pub(crate) fn cases(self) -> Vec<ChoiceCase> {
        let mut cases = Vec::new();
        let mut node = self;
        while let Some(case) = node.schema_parent().filter(|case| case.kind() == SchemaNodeKind::Case)
            && let Some(choice) = case.schema_parent()
        {
            let is_default = choice.text(Keyword::Default) == Some(case.name());
            cases.push(ChoiceCase { choice: choice.id(), case: case.id(), is_default });
            node = choice;
        }
        cases.reverse();
        cases
    }

    /// Returns the child data nodes, in the order of the model, keys first.
    pub fn children(self) -> impl Iterator<Item = Self> {
        self.schema.nodes.data_children(self.id).iter().filter_map(move |&id| Self::new(self.schema, id))
    }

    /// Returns all child schema nodes in the order of the model, including `choice`, operations and notifications.
    pub fn schema_children(self) -> impl Iterator<Item = Self> {
        self.schema.nodes.schema_children(self.id).filter_map(move |id| Self::new(self.schema, id))
    }

    /// Returns the child of this name: a data node, operation, notification, `input` or `output`.
    pub(crate) fn step(self, name: &str, module: ModuleId) -> Option<Self> {
        let number = self.schema.nodes.names.number(name)?;
        let data = self.schema.nodes.data_child(self.id, number, Some(module));
        let other = || {
            self.schema_children().find(|child| {
                child.node.name == number && child.node.module == module && !child.node.kind.is_transparent()
            })
        };
        data.and_then(|id| Self::new(self.schema, id)).or_else(other)
    }

    /// Returns the path of the node, as [`YangSchema::find`] takes it.
    pub fn path(self) -> String {
        let mut steps = Vec::new();
        let mut node = Some(self);
        while let Some(this) = node.filter(|node| node.node.kind != SchemaNodeKind::Root) {
            node = this.parent();
            let is_new = node.is_none_or(|parent| parent.node.module != this.node.module);
            let module = this.module().filter(|_| is_new).map(|module| format!("{}:", module.name()));
            steps.push(format!("/{}{}", module.unwrap_or_default(), this.name()));
        }
        steps.reverse();
        if steps.is_empty() { "/".to_owned() } else { steps.concat() }
    }

    /// Returns the node that the path of a leafref leads to (section 9.9.2). Predicates are skipped: they select
    /// entries, not schema nodes.
    fn leafref_target(self, of: &LeafType) -> Option<Self> {
        let BaseType::Leafref { path, unit, .. } = of.base() else { return None };
        let mut node = if path.starts_with('/') { Self::root(self.schema) } else { self };
        for step in steps(path) {
            match step {
                ".." => node = node.parent()?,
                "." => {}
                _ => {
                    let (prefix, name) = step.split_once(':').unwrap_or(("", step));
                    let module = match self.schema.links.prefix(*unit, prefix) {
                        PrefixMeaning::Module(module) if !prefix.is_empty() => module,
                        // Without a prefix, it is the module of the node with the leafref, which differs from the
                        // unit's if the node comes from a grouping (section 6.4.1).
                        _ => self.node.module,
                    };
                    let own_prefix = module == self.schema.links.module_of(*unit);
                    let found = node.step(name, module);
                    node =
                        if own_prefix { found.or_else(|| node.step(name, self.node.module)) } else { found }?;
                }
            }
        }
        Some(node)
    }

    /// Returns the type of the values, with the node that has it. Leafrefs are followed to their target.
    pub fn value_type(self) -> Option<(Self, &'a LeafType)> {
        self.value_type_of(self.leaf_type()?)
    }

    /// Returns the same as [`value_type`](Self::value_type) for a type of this node, such as a member of a union.
    pub fn value_type_of(self, of: &'a LeafType) -> Option<(Self, &'a LeafType)> {
        let mut found = (self, of);
        for _ in 0..MAX_LEAFREF_CHAIN {
            let (node, of) = found;
            if !matches!(of.base(), BaseType::Leafref { .. }) {
                return Some(found);
            }
            let target = node.leafref_target(of)?;
            found = (target, target.leaf_type()?);
        }
        None
    }

    fn own(self) -> Option<StatementRef<'a>> {
        self.statement(self.node.origin)
    }

    fn statement(self, at: StatementId) -> Option<StatementRef<'a>> {
        self.schema.links.statement(self.schema.files(), at)
    }

    /// Returns the substatements of a keyword, after refinements and deviations.
    fn properties(self, keyword: Keyword) -> impl Iterator<Item = StatementRef<'a>> {
        let overridden = self.schema.nodes.overrides.get(&(self.id, keyword));
        // An implicit case has no substatements of its own.
        let is_own = overridden.is_none()
            && self.own().is_some_and(|own| SchemaNodeKind::of(own.keyword()) == Some(self.kind()));
        let own = self.own().filter(|_| is_own).into_iter().flat_map(move |own| own.all(keyword));
        overridden.into_iter().flatten().filter_map(move |&at| self.statement(at)).chain(own)
    }

    fn text(self, keyword: Keyword) -> Option<&'a str> {
        self.properties(keyword).next().map(StatementRef::argument)
    }
}

/// Splits a path into its steps, without predicates.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let is_between = move |c: char| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '/' && depth == 0
    };
    let names = path.split(is_between).map(|step| step.split('[').next().unwrap_or_default().trim());
    names.filter(|step| !step.is_empty())
}
