//! Builds the tree of nodes from the statements of all modules: expands data definitions and groupings, then applies
//! refinements, augments and deviations.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    Error, ModuleSet, SourcePosition,
    build_context::BuildContext,
    finish,
    keyword::Keyword,
    link::{ModuleId, ModuleLinks, StmtRef, number_of},
    node_arena::{
        NO_NODE, NO_TYPE, NodeArena, NodeFlags, NodeNames, NodeRecord, Overrides, SchemaNodeId,
        SchemaNodeKind,
    },
    problem_list::ProblemList,
    statement::StatementRef,
    type_resolver::TypeResolver,
    types::{IdentityDefinition, LeafType},
};

/// The result of compiling a set of modules.
pub(crate) struct CompiledSet {
    pub(crate) nodes: NodeArena,
    pub(crate) identities: Vec<IdentityDefinition>,
    pub(crate) problems: Vec<Error>,
}

pub(crate) struct SchemaBuilder<'a> {
    resolver: TypeResolver<'a>,
    nodes: Vec<NodeRecord>,
    node_types: Vec<Arc<LeafType>>,
    type_numbers: HashMap<*const LeafType, u32>,
    names: Vec<Box<str>>,
    name_numbers: HashMap<&'a str, u32>,
    /// Nodes by parent, name and module.
    children: HashMap<(SchemaNodeId, u32, ModuleId), SchemaNodeId>,
    /// Nodes with a child that an `if-feature` left out: a missing child is no problem there.
    featureless: HashSet<SchemaNodeId>,
    overrides: Overrides,
    /// The groupings that are being expanded.
    open_groupings: Vec<StmtRef>,
    /// The number of statements that may still be visited.
    budget: usize,
    is_full: bool,
}

/// The number of statements that may be visited for each allowed node: see
/// [`YangLimits::nodes`](crate::YangLimits::nodes).
const STATEMENTS_PER_NODE: usize = 8;

/// What all nodes of one expansion have in common.
#[derive(Clone, Copy)]
struct ExpansionContext {
    /// The module whose namespace the nodes get: that of the `uses` (RFC 7950, section 7.13).
    module: ModuleId,
    depth: usize,
}

impl ExpansionContext {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

impl<'a> SchemaBuilder<'a> {
    pub(crate) fn new(set: &'a ModuleSet, links: &'a ModuleLinks, problems: ProblemList) -> Self {
        Self {
            resolver: TypeResolver::new(BuildContext::new(set, links, problems)),
            nodes: vec![NodeRecord::root()],
            node_types: Vec::new(),
            type_numbers: HashMap::new(),
            names: vec!["".into()],
            name_numbers: HashMap::from([("", 0)]),
            children: HashMap::new(),
            featureless: HashSet::new(),
            overrides: Overrides::new(),
            open_groupings: Vec::new(),
            budget: set.limits.nodes.saturating_mul(STATEMENTS_PER_NODE),
            is_full: false,
        }
    }

    pub(crate) fn build(mut self) -> CompiledSet {
        self.build_modules();
        if self.is_full {
            for node in &mut self.nodes {
                node.flags |= NodeFlags::INCOMPLETE;
            }
        }
        let nodes = NodeArena {
            nodes: self.nodes,
            names: NodeNames::new(self.names),
            types: self.node_types,
            overrides: self.overrides,
            keys: Vec::new(),
            order: Vec::new(),
            sorted: Vec::new(),
            has_default_denies: false,
        };
        let TypeResolver { context, identities, .. } = self.resolver;
        let nodes = finish::finish(nodes, context.links, &context.set.files);
        CompiledSet { nodes, identities, problems: context.problems.list }
    }

    /// Builds the nodes of all implemented modules, then applies their augments and deviations.
    fn build_modules(&mut self) {
        let links = self.links();
        let implemented = (0..number_of(links.modules.len()))
            .map(ModuleId)
            .filter(|&id| links.module(id).is_some_and(|module| module.is_implemented));
        let mut augments = Vec::new();
        let mut deviations = Vec::new();
        for module in implemented {
            for (unit, root) in links.roots(&self.set().files, module) {
                self.expand(
                    SchemaNodeId::ROOT,
                    StmtRef { unit, id: 0 },
                    ExpansionContext { module, depth: 0 },
                );
                let at = |statement: StatementRef<'_>| StmtRef { unit, id: statement.id() };
                augments.extend(root.all(Keyword::Augment).map(at));
                deviations.extend(root.all(Keyword::Deviation).map(at));
            }
        }
        // An augment may add to the nodes of another one, but only of one with a shorter path.
        augments.sort_by_key(|&at| {
            self.statement(at).map_or(0, |augment| augment.argument().matches('/').count())
        });
        for augment in augments {
            let module = links.module_of(augment.unit);
            self.apply_augment(SchemaNodeId::ROOT, augment, ExpansionContext { module, depth: 0 });
        }
        for deviation in deviations {
            if self.budget == 0 {
                break;
            }
            self.apply_deviation(deviation);
        }
    }

    fn set(&self) -> &'a ModuleSet {
        self.resolver.context.set
    }

    fn links(&self) -> &'a ModuleLinks {
        self.resolver.context.links
    }

    fn statement(&self, at: StmtRef) -> Option<StatementRef<'a>> {
        self.resolver.context.statement(at)
    }

    fn position(&self, at: StmtRef) -> SourcePosition {
        self.resolver.context.position(at)
    }

    fn report(&mut self, error: Error) {
        self.resolver.context.report(error);
    }

    fn features_hold(&mut self, at: StmtRef) -> bool {
        self.resolver.context.features_hold(at)
    }

    fn mark_incomplete(&mut self, node: SchemaNodeId) {
        if let Some(node) = self.nodes.get_mut(node.index()) {
            node.flags |= NodeFlags::INCOMPLETE;
        }
    }

    fn name_number(&mut self, name: &'a str) -> u32 {
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

    /// Builds the nodes of all substatements of a statement.
    fn expand(&mut self, parent: SchemaNodeId, at: StmtRef, context: ExpansionContext) {
        let Some(statement) = self.statement(at) else { return };
        self.charge(statement);
        for child in statement.children() {
            let at = at.beside(child);
            if let Some(kind) = SchemaNodeKind::of(child.keyword()) {
                self.build_node(parent, child, at, kind, context.deeper());
            } else if child.keyword() == Keyword::Uses {
                self.expand_uses(parent, child, at, context.deeper());
            }
            if self.is_full {
                return;
            }
        }
    }

    /// Charges the budget for visiting a statement and its substatements.
    fn charge(&mut self, statement: StatementRef<'_>) {
        self.budget = self.budget.saturating_sub(1 + statement.children().count());
    }

    /// Returns whether another node is allowed. Reports the exceeded limit otherwise.
    fn has_room(&mut self, at: StmtRef, parent: SchemaNodeId, context: ExpansionContext) -> bool {
        let limits = &self.set().limits;
        let (what, limit) = if self.nodes.len() >= limits.nodes || self.budget == 0 {
            self.is_full = true;
            ("nodes of the compiled tree", limits.nodes)
        } else if context.depth > limits.expansion_depth {
            ("nested nodes and groupings", limits.expansion_depth)
        } else {
            return true;
        };
        self.report(Error::Limit { position: self.position(at), what, limit });
        self.mark_incomplete(parent);
        false
    }

    fn build_node(
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
        // A node directly in a choice is the only node of a case of its name (section 7.9.2).
        if self.kind(parent) == SchemaNodeKind::Choice && kind != SchemaNodeKind::Case {
            match self.push(parent, statement.argument(), SchemaNodeKind::Case, at, context) {
                Some(case) => parent = case,
                None => return,
            }
        }
        let Some(node) = self.push(parent, statement.argument(), kind, at, context) else { return };
        match kind {
            SchemaNodeKind::Leaf | SchemaNodeKind::LeafList => {
                self.charge(statement);
                if let Some(of) = statement.child(Keyword::Type) {
                    self.set_type(node, at.beside(of));
                }
            }
            SchemaNodeKind::Rpc | SchemaNodeKind::Action => {
                for (keyword, kind) in
                    [(Keyword::Input, SchemaNodeKind::Input), (Keyword::Output, SchemaNodeKind::Output)]
                {
                    let own = statement.child(keyword).map(|own| at.beside(own));
                    let Some(child) = self.push(node, keyword.text(), kind, own.unwrap_or(at), context)
                    else {
                        return;
                    };
                    if let Some(own) = own {
                        self.expand(child, own, context);
                    }
                }
            }
            _ => self.expand(node, at, context),
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
        let name_number = self.name_number(name);
        let id = SchemaNodeId(number_of(self.nodes.len()));
        let key = (parent, name_number, context.module);
        if self.children.contains_key(&key) {
            self.report(Error::Duplicate {
                position: self.position(origin),
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
        let number = match self.resolver.resolve_type(at, 0) {
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

    fn expand_uses(
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
        let grouping =
            match self.resolver.context.definitions.find(Keyword::Grouping, at, statement.argument()) {
                Ok(grouping) => grouping,
                Err(error) => {
                    self.report(error);
                    return self.mark_incomplete(parent);
                }
            };
        if self.open_groupings.contains(&grouping) {
            let name = statement.argument().into();
            self.report(Error::Cycle { position: self.position(at), what: "grouping", name });
            return;
        }
        self.open_groupings.push(grouping);
        self.expand(parent, grouping, context);
        self.open_groupings.pop();
        self.charge(statement);
        for child in statement.children() {
            if self.is_full {
                return;
            }
            let at = at.beside(child);
            match child.keyword() {
                Keyword::Refine => self.apply_refine(parent, child, at, context),
                Keyword::Augment => self.apply_augment(parent, at, context.deeper()),
                _ => {}
            }
        }
    }

    fn apply_refine(
        &mut self,
        parent: SchemaNodeId,
        statement: StatementRef<'a>,
        at: StmtRef,
        context: ExpansionContext,
    ) {
        self.charge(statement);
        if !self.has_room(at, parent, context) {
            return;
        }
        let Some(node) = self.find_target(parent, statement.argument(), at, context.module) else { return };
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

    /// Replaces the node's substatements of a keyword with those of `by`, if it has any.
    fn replace(&mut self, node: SchemaNodeId, keyword: Keyword, by: StatementRef<'a>, unit: u32) {
        let new: Vec<StmtRef> = by.all(keyword).map(|new| StmtRef { unit, id: new.id() }).collect();
        if !new.is_empty() {
            self.overrides.insert((node, keyword), new);
        }
    }

    /// Adds the substatements of a keyword to the node's own.
    fn add(&mut self, node: SchemaNodeId, keyword: Keyword, from: StatementRef<'a>, unit: u32) {
        if from.child(keyword).is_some() {
            let added = from.all(keyword).map(|new| StmtRef { unit, id: new.id() });
            self.properties(node, keyword).extend(added);
        }
    }

    /// Removes the node's substatements of a keyword that have the same arguments.
    fn delete(&mut self, node: SchemaNodeId, keyword: Keyword, from: StatementRef<'a>) {
        let gone: HashSet<&str> = from.all(keyword).map(StatementRef::argument).collect();
        if gone.is_empty() {
            return;
        }
        let (links, files) = (self.links(), &self.set().files);
        let left = self.properties(node, keyword);
        let visited = left.len();
        left.retain(|&at| links.statement(files, at).is_some_and(|own| !gone.contains(own.argument())));
        self.budget = self.budget.saturating_sub(visited);
    }

    /// Returns the node's substatements of a keyword, with the changes so far, to be changed further.
    fn properties(&mut self, node: SchemaNodeId, keyword: Keyword) -> &mut Vec<StmtRef> {
        let origin = self.nodes.get(node.index()).map(|node| node.origin);
        let (links, files) = (self.links(), &self.set().files);
        self.overrides.entry((node, keyword)).or_insert_with(|| {
            let own = origin.and_then(|origin| Some((origin.unit, links.statement(files, origin)?)));
            own.into_iter()
                .flat_map(|(unit, own)| own.all(keyword).map(move |own| StmtRef { unit, id: own.id() }))
                .collect()
        })
    }

    fn apply_augment(&mut self, start: SchemaNodeId, at: StmtRef, context: ExpansionContext) {
        let Some(statement) = self.statement(at) else { return };
        if !self.features_hold(at) {
            return;
        }
        let Some(target) = self.find_target(start, statement.argument(), at, context.module) else { return };
        if matches!(
            self.kind(target),
            SchemaNodeKind::Leaf
                | SchemaNodeKind::LeafList
                | SchemaNodeKind::AnyData
                | SchemaNodeKind::AnyXml
        ) {
            let expected = "a path to a node that can have children".to_owned();
            self.report(Error::Argument { position: self.position(at), expected });
            return;
        }
        self.expand(target, at, context);
    }

    /// Returns the node that a path leads to from a node. Returns `None` after reporting a problem.
    fn find_target(
        &mut self,
        from: SchemaNodeId,
        path: &'a str,
        at: StmtRef,
        own: ModuleId,
    ) -> Option<SchemaNodeId> {
        let mut node = from;
        for step in path.split('/').map(str::trim).filter(|step| !step.is_empty()) {
            let (prefix, local) = step.split_once(':').unwrap_or(("", step));
            // The nodes of a grouping are in the module that uses it, so paths in the grouping mean that module.
            let module = match self.links().module_of_prefix(at.unit, prefix) {
                Ok(module) if module == self.links().module_of(at.unit) => own,
                Ok(module) => module,
                Err(hint) => return self.report_unresolved(at, step, hint),
            };
            let name = self.name_numbers.get(local).copied();
            // A step without a prefix is in the unit's own module. Published modules also mean that of the node before.
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
                    let hint =
                        self.resolver.context.definitions.hints.did_you_mean(local, self.child_names(node));
                    return self.report_unresolved(at, step, hint);
                }
            }
        }
        Some(node)
    }

    fn report_unresolved(&mut self, at: StmtRef, name: &str, hint: String) -> Option<SchemaNodeId> {
        self.report(Error::Unresolved { position: self.position(at), what: "node", name: name.into(), hint });
        None
    }

    fn child_names(&self, node: SchemaNodeId) -> impl Iterator<Item = &str> {
        let first = self.nodes.get(node.index()).and_then(|node| self.nodes.get(node.first.index()));
        let children = std::iter::successors(first, |child| self.nodes.get(child.next.index()));
        children.filter_map(|child| self.names.get(child.name as usize).map(|name| &**name))
    }

    fn apply_deviation(&mut self, at: StmtRef) {
        let Some(statement) = self.statement(at) else { return };
        self.charge(statement);
        let own = self.links().module_of(at.unit);
        let Some(node) = self.find_target(SchemaNodeId::ROOT, statement.argument(), at, own) else { return };
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
                        self.set_type(node, at.beside(of));
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
