//! All that is known of one node.

use confine_tree::SchemaNode;

use crate::{
    Keyword, LeafType, YangSchema,
    link::{ModuleId, PrefixMeaning, StmtRef, YangModule},
    nodes::{self, NodeFlags, SchemaNodeId, SchemaNodeKind},
    statement::StatementRef,
    value::{ValueMismatch, ValueReader},
};

/// How far a leafref may lead to another one.
const LEAFREF_CHAIN: usize = 32;

/// A node of a [`YangSchema`].
#[derive(Clone, Copy)]
pub struct YangNode<'a> {
    schema: &'a YangSchema,
    id: SchemaNodeId,
    node: &'a nodes::NodeRecord,
}

/// Whether a definition is still to be used (RFC 7950, section 7.21.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefinitionStatus {
    /// It is.
    Current,
    /// It may be.
    Deprecated,
    /// It is not.
    Obsolete,
}

impl<'a> YangNode<'a> {
    pub(crate) fn new(schema: &'a YangSchema, id: SchemaNodeId) -> Option<Self> {
        Some(Self { schema, id, node: schema.nodes.get(id)? })
    }

    pub(crate) fn root(schema: &'a YangSchema) -> Self {
        Self {
            schema,
            id: SchemaNodeId::ROOT,
            node: schema.nodes.get(SchemaNodeId::ROOT).unwrap_or(&nodes::BARE_ROOT),
        }
    }

    /// The schema that it is of.
    pub fn schema(self) -> &'a YangSchema {
        self.schema
    }

    /// The node as others name it.
    pub fn id(self) -> SchemaNode {
        SchemaNode(self.id.0)
    }

    /// Its name; empty for the root.
    pub fn name(self) -> &'a str {
        self.schema.nodes.names.text(self.node.name)
    }

    /// The module whose namespace it is in (for what comes from a grouping, the one that uses it); `None` for
    /// the root.
    pub fn module(self) -> Option<&'a YangModule> {
        self.schema.links.module(self.node.module)
    }

    pub(crate) fn module_id(self) -> ModuleId {
        self.node.module
    }

    /// What statement made it.
    pub fn kind(self) -> SchemaNodeKind {
        self.node.kind
    }

    /// Whether it is configuration: not state, nor part of an operation or a notification (section 7.21.1).
    pub fn is_config(self) -> bool {
        self.node.has(NodeFlags::CONFIG)
    }

    /// Whether it is part of an operation or a notification.
    pub fn is_in_operation(self) -> bool {
        self.node.has(NodeFlags::OPERATION)
    }

    /// Whether it is within what an operation takes.
    pub fn is_in_input(self) -> bool {
        let mut around = self.schema_parent();
        while let Some(node) = around.filter(|node| node.is_in_operation()) {
            if node.kind() == SchemaNodeKind::Input {
                return true;
            }
            around = node.schema_parent();
        }
        false
    }

    /// Whether it is a key of the list it is in.
    pub fn is_key(self) -> bool {
        self.node.has(NodeFlags::KEY)
    }

    /// Whether its own model says all that can be in it: not within `anydata` and mount points, nor where
    /// something could not be built. Modules that are not known may add to it all the same.
    pub(crate) fn is_closed(self) -> bool {
        let is_open = matches!(self.node.kind, SchemaNodeKind::AnyData | SchemaNodeKind::AnyXml)
            || self.mount_point().is_some();
        !is_open && !self.node.has(NodeFlags::INCOMPLETE)
    }

    /// Whether it must be there (section 7.6.5); keys must.
    pub fn is_mandatory(self) -> bool {
        self.is_key() || self.text(Keyword::Mandatory) == Some("true")
    }

    /// What the existence of a container means, where it means something (section 7.5.5).
    pub fn presence(self) -> Option<&'a str> {
        if self.node.has(NodeFlags::PRESENCE) { self.text(Keyword::Presence) } else { None }
    }

    /// Whether it is still to be used: the least current of what it and the nodes around it say.
    pub fn status(self) -> DefinitionStatus {
        let own = match self.text(Keyword::Status) {
            Some("deprecated") => DefinitionStatus::Deprecated,
            Some("obsolete") => DefinitionStatus::Obsolete,
            _ => DefinitionStatus::Current,
        };
        self.schema_parent().map_or(own, |parent| own.max(parent.status()))
    }

    /// The type of a leaf or leaf-list; `None` for others, and where it could not be resolved.
    pub fn leaf_type(self) -> Option<&'a LeafType> {
        self.schema.nodes.types.get(self.node.type_number as usize).map(|of| &**of)
    }

    /// The default values as the model writes them: its own, or else those of its type. A leaf has one at most;
    /// a mandatory one none.
    pub fn defaults(self) -> Vec<&'a str> {
        let own: Vec<&str> = self.properties(Keyword::Default).map(StatementRef::argument).collect();
        if own.is_empty() && self.node.kind != SchemaNodeKind::Choice && !self.is_mandatory() {
            self.leaf_type().and_then(LeafType::default).into_iter().collect()
        } else {
            own
        }
    }

    /// The units of a leaf's value: its own, or else those of its type.
    pub fn units(self) -> Option<&'a str> {
        self.text(Keyword::Units).or_else(|| self.leaf_type().and_then(LeafType::units))
    }

    /// How few entries a list or leaf-list may have.
    pub fn min_elements(self) -> u32 {
        self.text(Keyword::MinElements).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// How many entries a list or leaf-list may have; `None` for any number.
    pub fn max_elements(self) -> Option<u32> {
        self.text(Keyword::MaxElements).and_then(|text| text.parse().ok())
    }

    /// What the model says of it for people.
    pub fn description(self) -> Option<&'a str> {
        self.text(Keyword::Description)
    }

    /// The conditions on its value and what is around it, as XPath (section 7.5.3).
    pub fn musts(self) -> impl Iterator<Item = &'a str> {
        self.properties(Keyword::Must).map(StatementRef::argument)
    }

    /// The condition under which it exists, as XPath (section 7.21.5).
    pub fn when(self) -> Option<&'a str> {
        self.text(Keyword::When)
    }

    /// The argument of the statement that another module's extension adds to it, such as
    /// `default-deny-all` of `ietf-netconf-acm`; empty for one without an argument.
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

    /// The expressions of features that it takes, all of which hold (section 7.20.2).
    pub fn if_features(self) -> impl Iterator<Item = &'a str> {
        self.properties(Keyword::IfFeature).map(StatementRef::argument)
    }

    /// The local names of a list's keys, in order.
    pub fn keys(self) -> &'a [Box<str>] {
        self.schema.nodes.keys.get(self.node.keys as usize).map(|keys| &**keys).unwrap_or_default()
    }

    /// The label of the mount point that it is (RFC 8528, section 3.1).
    pub fn mount_point(self) -> Option<&'a str> {
        self.extension("ietf-yang-schema-mount", "mount-point")
    }

    /// The data node, operation or notification around it; `choice` and `case` are looked through. `None` for
    /// the root.
    pub fn parent(self) -> Option<Self> {
        let mut parent = self.schema_parent()?;
        while parent.node.kind.is_transparent() {
            parent = parent.schema_parent()?;
        }
        Some(parent)
    }

    /// The schema node around it, which may be a `choice` or a `case`.
    pub fn schema_parent(self) -> Option<Self> {
        Self::new(self.schema, self.node.parent)
    }

    /// The data nodes right within it, in the order of the model; keys first.
    pub fn children(self) -> impl Iterator<Item = Self> {
        self.schema.nodes.data_children(self.id).iter().filter_map(move |&id| Self::new(self.schema, id))
    }

    /// All schema nodes right within it, in the order of the model: `choice`, operations and notifications too.
    pub fn schema_children(self) -> impl Iterator<Item = Self> {
        self.schema.nodes.schema_children(self.id).filter_map(move |id| Self::new(self.schema, id))
    }

    /// The data node, operation, notification, `input` or `output` of this name within it.
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

    /// The path of module names that [`YangSchema::find`] takes.
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

    /// The node that a path of a leafref leads to from here (section 9.9.2); predicates are skipped: they choose entries, not
    /// nodes.
    pub fn leafref_target(self, of: &LeafType) -> Option<Self> {
        let crate::BaseType::Leafref { path, unit, .. } = of.base() else { return None };
        let mut node = if path.starts_with('/') { Self::root(self.schema) } else { self };
        for step in steps(path) {
            match step {
                ".." => node = node.parent()?,
                "." => {}
                _ => {
                    let (prefix, name) = step.split_once(':').unwrap_or(("", step));
                    let module = match self.schema.links.prefix(*unit, prefix) {
                        PrefixMeaning::Module(module) if !prefix.is_empty() => module,
                        // Without a prefix: the module of the node that has the leafref, which is another one
                        // where a grouping brought it there (section 6.4.1).
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

    /// The type of the values: a leafref's is that of the node it leads to, however often that is one itself. With
    /// the node that has the type.
    pub fn value_type(self) -> Option<(Self, &'a LeafType)> {
        self.value_type_of(self.leaf_type()?)
    }

    /// As [`value_type`](Self::value_type), for a type that this node has, such as a member of a union.
    pub fn value_type_of(self, of: &'a LeafType) -> Option<(Self, &'a LeafType)> {
        let mut found = (self, of);
        for _ in 0..LEAFREF_CHAIN {
            let (node, of) = found;
            if !matches!(of.base(), crate::BaseType::Leafref { .. }) {
                return Some(found);
            }
            let target = node.leafref_target(of)?;
            found = (target, target.leaf_type()?);
        }
        None
    }

    /// The type that a value is one of: of a union's members the first that takes it (section 9.12), of a
    /// leafref the type of the node it leads to. `None` where there is none, and for unions in unions without
    /// end.
    pub fn type_of_value(
        self,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Option<&'a LeafType> {
        let (mut node, mut of) = self.value_type()?;
        let reader = ValueReader::new(self.schema, namespace);
        for _ in 0..LEAFREF_CHAIN {
            let crate::BaseType::Union(members) = of.base() else { return Some(of) };
            let member = members.iter().find(|member| reader.read(node, member, value).is_ok())?;
            (node, of) = node.value_type_of(member)?;
        }
        None
    }

    /// The canonical form of a value (section 9.1). `namespace` tells what a prefix in the value stands for, the
    /// empty one too. Where the type is not known, or the node is no leaf, any text is.
    ///
    /// # Errors
    /// Where the text is not a value of the type.
    pub fn canonical(
        self,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueMismatch> {
        let Some(of) = self.leaf_type() else { return Ok(value.to_owned()) };
        ValueReader::new(self.schema, namespace)
            .read(self, of, value)
            .map_err(|wrong| wrong.of(self.name(), value))
    }

    fn own(self) -> Option<StatementRef<'a>> {
        self.statement(self.node.origin)
    }

    fn statement(self, at: StmtRef) -> Option<StatementRef<'a>> {
        self.schema.links.statement(self.schema.files(), at)
    }

    /// Its substatements of a keyword, with what refines and deviates them.
    fn properties(self, keyword: Keyword) -> impl Iterator<Item = StatementRef<'a>> {
        let overridden = self.schema.nodes.overrides.get(&(self.id, keyword));
        // The case that stands around a node by itself has none.
        let is_own = overridden.is_none()
            && self.own().is_some_and(|own| SchemaNodeKind::of(own.keyword()) == Some(self.kind()));
        let own = self.own().filter(|_| is_own).into_iter().flat_map(move |own| own.all(keyword));
        overridden.into_iter().flatten().filter_map(move |&at| self.statement(at)).chain(own)
    }

    pub(crate) fn text(self, keyword: Keyword) -> Option<&'a str> {
        self.properties(keyword).next().map(StatementRef::argument)
    }
}

/// The steps of a path, without their predicates.
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
