//! From the statements of all modules to one tree of nodes: definitions and groupings are put in their
//! places, then what refines, augments and deviates them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    Error, Keyword, ModuleSet, SourcePosition,
    definitions::Definitions,
    features::{self, FeatureSet},
    finish,
    link::{ModuleId, ModuleLinks, PrefixMeaning, ProblemList, StmtRef, number_of, place},
    nodes::{
        AugmentedChildren, NO_NODE, NO_TYPE, NodeArena, NodeFlags, NodeNames, NodeRecord, SchemaNodeId,
        SchemaNodeKind,
    },
    resolve::ResolvedType,
    statement::StatementRef,
    types::{Identity, IdentityDefinition, LeafType},
};

/// What compiling makes of a set.
pub(crate) struct CompiledSet {
    pub(crate) nodes: NodeArena,
    pub(crate) identities: Vec<IdentityDefinition>,
    pub(crate) problems: Vec<Error>,
}

/// What a refine or a deviation says in the place of a node's own substatements of that keyword.
pub(crate) type Overrides = HashMap<(SchemaNodeId, Keyword), Vec<StmtRef>>;

pub(crate) struct SchemaBuilder<'a> {
    pub(crate) set: &'a ModuleSet,
    pub(crate) links: &'a ModuleLinks,
    pub(crate) definitions: Definitions<'a>,
    pub(crate) problems: ProblemList,
    pub(crate) types: HashMap<StmtRef, ResolvedType>,
    pub(crate) identities: Vec<IdentityDefinition>,
    pub(crate) identity_numbers: HashMap<StmtRef, Identity>,
    /// The units whose patterns are POSIX's, as they say by `regexp-posix` of `openconfig-extensions`.
    pub(crate) posix_units: HashSet<u32>,
    features: FeatureSet,
    nodes: Vec<NodeRecord>,
    node_types: Vec<Arc<LeafType>>,
    type_numbers: HashMap<*const LeafType, u32>,
    names: Vec<Box<str>>,
    name_numbers: HashMap<&'a str, u32>,
    /// Nodes by parent, name and module.
    children: HashMap<(SchemaNodeId, u32, ModuleId), SchemaNodeId>,
    /// Nodes under which a feature that is not there left something out: what is missing there is no problem.
    featureless: HashSet<SchemaNodeId>,
    overrides: Overrides,
    augments: Vec<AugmentedChildren>,
    /// The groupings around what is being expanded.
    open_groupings: Vec<StmtRef>,
    /// How many statements may still be looked at.
    budget: usize,
    is_full: bool,
}

/// How many statements may be looked at for each node that the tree may have: see [`YangLimits::nodes`](crate::Limits::nodes).
const STATEMENTS_PER_NODE: usize = 8;

/// What is the same for everything within one expansion.
#[derive(Clone, Copy)]
struct ExpansionContext {
    /// The module whose namespace the nodes get (RFC 7950, section 7.13: that of the `uses`).
    module: ModuleId,
    depth: usize,
}

impl ExpansionContext {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

impl<'a> SchemaBuilder<'a> {
    pub(crate) fn new(set: &'a ModuleSet, links: &'a ModuleLinks, mut problems: ProblemList) -> Self {
        let definitions = Definitions::gather(&set.files, links, &mut problems);
        let units = 0..number_of(links.units.len());
        let is_posix = |unit: &u32| {
            let root = links.statement(&set.files, StmtRef { unit: *unit, id: 0 });
            root.is_some_and(|root| {
                root.all(Keyword::Extension).any(|use_| use_.name().ends_with(":regexp-posix"))
            })
        };
        Self {
            set,
            links,
            definitions,
            problems,
            types: HashMap::new(),
            identities: Vec::new(),
            identity_numbers: HashMap::new(),
            posix_units: units.filter(is_posix).collect(),
            features: FeatureSet::default(),
            nodes: vec![NodeRecord::root()],
            node_types: Vec::new(),
            type_numbers: HashMap::new(),
            names: vec!["".into()],
            name_numbers: HashMap::from([("", 0)]),
            children: HashMap::new(),
            featureless: HashSet::new(),
            overrides: Overrides::new(),
            augments: Vec::new(),
            open_groupings: Vec::new(),
            budget: set.limits.nodes.saturating_mul(STATEMENTS_PER_NODE),
            is_full: false,
        }
    }

    pub(crate) fn build(mut self) -> CompiledSet {
        self.gather_identities();
        let implemented: Vec<ModuleId> = (0..number_of(self.links.modules.len()))
            .map(ModuleId)
            .filter(|&id| self.links.module(id).is_some_and(|module| module.is_implemented))
            .collect();
        let mut augments = Vec::new();
        let mut deviations = Vec::new();
        for &module in &implemented {
            let links = self.links;
            for (unit, root) in links.roots(&self.set.files, module) {
                self.data(SchemaNodeId::ROOT, StmtRef { unit, id: 0 }, ExpansionContext { module, depth: 0 });
                let at = |statement: StatementRef<'_>| StmtRef { unit, id: statement.id() };
                augments.extend(root.all(Keyword::Augment).map(at));
                deviations.extend(root.all(Keyword::Deviation).map(at));
            }
        }
        // What an augment adds to can come from another one, but only from one with a shorter path.
        augments.sort_by_key(|&at| {
            self.statement(at).map_or(0, |augment| augment.argument().matches('/').count())
        });
        for augment in augments {
            let module = self.links.module_of(augment.unit);
            self.augment(SchemaNodeId::ROOT, augment, ExpansionContext { module, depth: 0 });
        }
        for deviation in deviations {
            if self.budget == 0 {
                break;
            }
            self.deviation(deviation);
        }
        if self.is_full {
            for node in &mut self.nodes {
                node.flags |= NodeFlags::INCOMPLETE;
            }
        }
        self.augments.sort_by_key(|augmented| (augmented.at.unit, augmented.at.id));
        let nodes = NodeArena {
            nodes: self.nodes,
            names: NodeNames::new(self.names),
            types: self.node_types,
            overrides: self.overrides,
            augments: self.augments,
            keys: Vec::new(),
            order: Vec::new(),
            sorted: Vec::new(),
            has_default_denies: false,
        };
        let nodes = finish::finish(nodes, self.links, &self.set.files);
        CompiledSet { nodes, identities: self.identities, problems: self.problems.list }
    }

    pub(crate) fn statement(&self, at: StmtRef) -> Option<StatementRef<'a>> {
        self.links.statement(&self.set.files, at)
    }

    pub(crate) fn place(&self, at: StmtRef) -> SourcePosition {
        place(self.links, &self.set.files, at)
    }

    pub(crate) fn features_hold(&mut self, at: StmtRef) -> bool {
        let mut context = features::FeatureContext {
            set: self.set,
            links: self.links,
            definitions: &self.definitions,
            problems: &mut self.problems,
        };
        self.features.hold(at, &mut context)
    }

    fn mark_incomplete(&mut self, node: SchemaNodeId) {
        if let Some(node) = self.nodes.get_mut(node.index()) {
            node.flags |= NodeFlags::INCOMPLETE;
        }
    }

    fn name(&mut self, name: &'a str) -> u32 {
        let next = number_of(self.names.len());
        let number = *self.name_numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(name.into());
        }
        number
    }

    fn kind(&self, node: SchemaNodeId) -> SchemaNodeKind {
        self.nodes.get(node.index()).map_or(SchemaNodeKind::Root, |node| node.kind)
    }

    /// Everything within a statement that makes nodes.
    fn data(&mut self, parent: SchemaNodeId, at: StmtRef, context: ExpansionContext) {
        let Some(statement) = self.statement(at) else { return };
        self.spend(statement);
        for child in statement.children() {
            let at = StmtRef { unit: at.unit, id: child.id() };
            if let Some(kind) = SchemaNodeKind::of(child.keyword()) {
                self.node(parent, child, at, kind, context.deeper());
            } else if child.keyword() == Keyword::Uses {
                self.uses(parent, child, at, context.deeper());
            }
            if self.is_full {
                return;
            }
        }
    }

    /// Takes what it costs to look at a statement and those right within it from the budget.
    fn spend(&mut self, statement: StatementRef<'_>) {
        self.budget = self.budget.saturating_sub(1 + statement.children().count());
    }

    /// Whether there is room for more; if not, it is reported.
    fn has_room(&mut self, at: StmtRef, parent: SchemaNodeId, context: ExpansionContext) -> bool {
        let limits = &self.set.limits;
        let (what, limit) = if self.nodes.len() >= limits.nodes || self.budget == 0 {
            self.is_full = true;
            ("nodes of the compiled tree", limits.nodes)
        } else if context.depth > limits.expansion_depth {
            ("nodes and groupings within each other", limits.expansion_depth)
        } else {
            return true;
        };
        self.problems.push(Error::Limit { place: self.place(at), what, limit });
        self.mark_incomplete(parent);
        false
    }

    fn node(
        &mut self,
        parent: SchemaNodeId,
        statement: StatementRef<'a>,
        at: StmtRef,
        kind: SchemaNodeKind,
        context: ExpansionContext,
    ) {
        if !self.features_hold(at) {
            self.featureless.insert(parent);
            return;
        }
        let mut parent = parent;
        // A node right in a choice stands for a case of its name with nothing else (section 7.9.2).
        if self.kind(parent) == SchemaNodeKind::Choice && kind != SchemaNodeKind::Case {
            match self.push(parent, statement.argument(), SchemaNodeKind::Case, at, context) {
                Some(case) => parent = case,
                None => return,
            }
        }
        let Some(node) = self.push(parent, statement.argument(), kind, at, context) else { return };
        match kind {
            SchemaNodeKind::Leaf | SchemaNodeKind::LeafList => {
                self.spend(statement);
                if let Some(of) = statement.child(Keyword::Type) {
                    self.set_type(node, StmtRef { unit: at.unit, id: of.id() });
                }
            }
            SchemaNodeKind::Rpc | SchemaNodeKind::Action => {
                for (keyword, kind) in
                    [(Keyword::Input, SchemaNodeKind::Input), (Keyword::Output, SchemaNodeKind::Output)]
                {
                    let own = statement.child(keyword).map(|own| StmtRef { unit: at.unit, id: own.id() });
                    let Some(child) = self.push(node, keyword.text(), kind, own.unwrap_or(at), context)
                    else {
                        return;
                    };
                    if let Some(own) = own {
                        self.data(child, own, context);
                    }
                }
            }
            _ => self.data(node, at, context),
        }
    }

    fn push(
        &mut self,
        parent: SchemaNodeId,
        name: &'a str,
        kind: SchemaNodeKind,
        origin: StmtRef,
        context: ExpansionContext,
    ) -> Option<SchemaNodeId> {
        if !self.has_room(origin, parent, context) {
            return None;
        }
        let name_number = self.name(name);
        let id = SchemaNodeId(number_of(self.nodes.len()));
        let key = (parent, name_number, context.module);
        if self.children.contains_key(&key) {
            self.problems.push(Error::Duplicate {
                place: self.place(origin),
                what: "node",
                name: name.into(),
            });
            return None;
        }
        self.children.insert(key, id);
        self.nodes.push(NodeRecord::new(name_number, context.module, kind, parent, origin));
        let last = match self.nodes.get_mut(parent.index()) {
            Some(parent) if parent.last == NO_NODE => {
                (parent.first, parent.last) = (id, id);
                None
            }
            Some(parent) => Some(std::mem::replace(&mut parent.last, id)),
            None => None,
        };
        if let Some(last) = last.and_then(|last| self.nodes.get_mut(last.index())) {
            last.next = id;
        }
        Some(id)
    }

    fn set_type(&mut self, node: SchemaNodeId, at: StmtRef) {
        let number = match self.resolve_type(at, 0) {
            Some(resolved) => {
                let next = number_of(self.node_types.len());
                let number = *self.type_numbers.entry(Arc::as_ptr(&resolved)).or_insert(next);
                if number == next {
                    self.node_types.push(resolved);
                }
                number
            }
            None => NO_TYPE,
        };
        if let Some(node) = self.nodes.get_mut(node.index()) {
            node.type_number = number;
        }
    }

    fn uses(
        &mut self,
        parent: SchemaNodeId,
        statement: StatementRef<'a>,
        at: StmtRef,
        context: ExpansionContext,
    ) {
        if !self.features_hold(at) {
            self.featureless.insert(parent);
            return;
        }
        if !self.has_room(at, parent, context) {
            return;
        }
        let grouping = match self.definitions.find(Keyword::Grouping, at, statement.argument()) {
            Ok(grouping) => grouping,
            Err(error) => {
                self.problems.push(error);
                return self.mark_incomplete(parent);
            }
        };
        if self.open_groupings.contains(&grouping) {
            let name = statement.argument().into();
            self.problems.push(Error::Cycle { place: self.place(at), what: "grouping", name });
            return;
        }
        self.open_groupings.push(grouping);
        self.data(parent, grouping, context);
        self.open_groupings.pop();
        self.spend(statement);
        for child in statement.children() {
            if self.is_full {
                return;
            }
            let at = StmtRef { unit: at.unit, id: child.id() };
            match child.keyword() {
                Keyword::Refine => self.refine(parent, child, at, context),
                Keyword::Augment => self.augment(parent, at, context.deeper()),
                _ => {}
            }
        }
    }

    fn refine(
        &mut self,
        parent: SchemaNodeId,
        statement: StatementRef<'a>,
        at: StmtRef,
        context: ExpansionContext,
    ) {
        self.spend(statement);
        if !self.has_room(at, parent, context) {
            return;
        }
        let Some(node) = self.target(parent, statement.argument(), at, context.module) else { return };
        if !self.features_hold(at) {
            self.featureless.insert(parent);
            return self.remove(node);
        }
        for keyword in [
            Keyword::Default,
            Keyword::Description,
            Keyword::Reference,
            Keyword::Config,
            Keyword::Mandatory,
            Keyword::Presence,
            Keyword::MinElements,
            Keyword::MaxElements,
        ] {
            self.replace(node, keyword, statement, at.unit);
        }
        self.add(node, Keyword::Must, statement, at.unit);
    }

    fn remove(&mut self, node: SchemaNodeId) {
        if let Some(node) = self.nodes.get_mut(node.index()) {
            node.flags |= NodeFlags::REMOVED;
        }
    }

    /// Puts the substatements of a keyword in the place of the node's own, if there are any.
    fn replace(&mut self, node: SchemaNodeId, keyword: Keyword, by: StatementRef<'a>, unit: u32) {
        let new: Vec<StmtRef> = by.all(keyword).map(|new| StmtRef { unit, id: new.id() }).collect();
        if !new.is_empty() {
            self.overrides.insert((node, keyword), new);
        }
    }

    /// Adds the substatements of a keyword to those that the node has.
    fn add(&mut self, node: SchemaNodeId, keyword: Keyword, from: StatementRef<'a>, unit: u32) {
        if from.child(keyword).is_some() {
            let added = from.all(keyword).map(|new| StmtRef { unit, id: new.id() });
            self.properties(node, keyword).extend(added);
        }
    }

    /// Takes the substatements of a keyword with these arguments from the node.
    fn delete(&mut self, node: SchemaNodeId, keyword: Keyword, from: StatementRef<'a>) {
        let gone: HashSet<&str> = from.all(keyword).map(StatementRef::argument).collect();
        if gone.is_empty() {
            return;
        }
        let (links, files) = (self.links, &self.set.files);
        let left = self.properties(node, keyword);
        let looked_at = left.len();
        left.retain(|&at| links.statement(files, at).is_some_and(|own| !gone.contains(own.argument())));
        self.budget = self.budget.saturating_sub(looked_at);
    }

    /// The node's substatements of a keyword, as refined so far, to be refined further.
    fn properties(&mut self, node: SchemaNodeId, keyword: Keyword) -> &mut Vec<StmtRef> {
        let origin = self.nodes.get(node.index()).map(|node| node.origin);
        let (links, files) = (self.links, &self.set.files);
        self.overrides.entry((node, keyword)).or_insert_with(|| {
            let own = origin.and_then(|origin| Some((origin.unit, links.statement(files, origin)?)));
            own.into_iter()
                .flat_map(|(unit, own)| own.all(keyword).map(move |own| StmtRef { unit, id: own.id() }))
                .collect()
        })
    }

    fn augment(&mut self, start: SchemaNodeId, at: StmtRef, context: ExpansionContext) {
        let Some(statement) = self.statement(at) else { return };
        if !self.features_hold(at) {
            return;
        }
        let Some(target) = self.target(start, statement.argument(), at, context.module) else { return };
        if matches!(
            self.kind(target),
            SchemaNodeKind::Leaf
                | SchemaNodeKind::LeafList
                | SchemaNodeKind::AnyData
                | SchemaNodeKind::AnyXml
        ) {
            let expected = "a path to a node that has others within it".to_owned();
            self.problems.push(Error::Argument { place: self.place(at), expected });
            return;
        }
        let from = SchemaNodeId(number_of(self.nodes.len()));
        self.data(target, at, context);
        let to = SchemaNodeId(number_of(self.nodes.len()));
        if start == SchemaNodeId::ROOT {
            self.augments.push(AugmentedChildren { at, target, from, to });
        }
    }

    /// The node that a path points to, from a node on; `None` where there is none, which is reported.
    fn target(
        &mut self,
        from: SchemaNodeId,
        path: &'a str,
        at: StmtRef,
        own: ModuleId,
    ) -> Option<SchemaNodeId> {
        let mut node = from;
        for step in path.split('/').map(str::trim).filter(|step| !step.is_empty()) {
            let (prefix, local) = step.split_once(':').unwrap_or(("", step));
            // The nodes of a grouping are in the module that uses it, and so is what its paths say.
            let module = match self.links.prefix(at.unit, prefix) {
                PrefixMeaning::Module(module) if module == self.links.module_of(at.unit) => own,
                PrefixMeaning::Module(module) => module,
                PrefixMeaning::Missing => {
                    let hint = format!(": the module of prefix `{prefix}` is not among those given");
                    return self.unresolved(at, step, hint);
                }
                PrefixMeaning::Unknown => {
                    return self.unresolved(at, step, format!(": no import binds prefix `{prefix}`"));
                }
            };
            let name = self.name_numbers.get(local).copied();
            // A step without a prefix means the module itself; published modules mean the node's before it.
            let around = self.nodes.get(node.index()).map(|node| node.module).filter(|_| prefix.is_empty());
            let found = name.and_then(|name| {
                [Some(module), around]
                    .into_iter()
                    .flatten()
                    .find_map(|m| self.children.get(&(node, name, m)).copied())
            });
            match found {
                Some(found) => node = found,
                None if self.featureless.contains(&node) => return None,
                None => {
                    let hint = self.definitions.hints.did_you_mean(local, self.child_names(node));
                    return self.unresolved(at, step, hint);
                }
            }
        }
        Some(node)
    }

    fn unresolved(&mut self, at: StmtRef, name: &str, hint: String) -> Option<SchemaNodeId> {
        self.problems.push(Error::Unresolved {
            place: self.place(at),
            what: "node",
            name: name.into(),
            hint,
        });
        None
    }

    fn child_names(&self, node: SchemaNodeId) -> impl Iterator<Item = &str> {
        let first = self.nodes.get(node.index()).and_then(|node| self.nodes.get(node.first.index()));
        let children = std::iter::successors(first, |child| self.nodes.get(child.next.index()));
        children.filter_map(|child| self.names.get(child.name as usize).map(|name| &**name))
    }

    fn deviation(&mut self, at: StmtRef) {
        let Some(statement) = self.statement(at) else { return };
        self.spend(statement);
        let own = self.links.module_of(at.unit);
        let Some(node) = self.target(SchemaNodeId::ROOT, statement.argument(), at, own) else { return };
        for deviate in statement.all(Keyword::Deviate) {
            match deviate.argument() {
                "not-supported" => self.remove(node),
                "add" => {
                    for keyword in [Keyword::Default, Keyword::Must, Keyword::Unique] {
                        self.add(node, keyword, deviate, at.unit);
                    }
                    for keyword in [
                        Keyword::Config,
                        Keyword::Mandatory,
                        Keyword::MinElements,
                        Keyword::MaxElements,
                        Keyword::Units,
                    ] {
                        self.replace(node, keyword, deviate, at.unit);
                    }
                }
                "replace" => {
                    for keyword in [
                        Keyword::Config,
                        Keyword::Default,
                        Keyword::Mandatory,
                        Keyword::MinElements,
                        Keyword::MaxElements,
                        Keyword::Type,
                        Keyword::Units,
                    ] {
                        self.replace(node, keyword, deviate, at.unit);
                    }
                    if let Some(of) = deviate.child(Keyword::Type) {
                        self.set_type(node, StmtRef { unit: at.unit, id: of.id() });
                    }
                }
                _ => {
                    for keyword in [Keyword::Default, Keyword::Must, Keyword::Unique, Keyword::Units] {
                        self.delete(node, keyword, deviate);
                    }
                }
            }
        }
    }
}
