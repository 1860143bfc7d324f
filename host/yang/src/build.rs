//! Builds the tree of nodes from the statements of all modules: expands data definitions and groupings, then applies
//! refinements, augments and deviations. What is inside operations and notifications comes last: it is most of some
//! models, and a limit must not cost configuration for its sake.

mod postponed;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use confine_tree::{HashMap, HashSet};

use self::postponed::{ExpansionContext, Postponed, TargetNode};

use crate::{
    Error, ModuleSet,
    build_context::BuildContext,
    error::COMPILED_TREE,
    finish,
    keyword::Keyword,
    link::{ModuleId, ModuleLinks, number_of},
    node_arena::{
        NO_NODE, NO_TYPE, NODE_MEMORY, NodeArena, NodeFlags, NodeNames, NodeRecord, Overrides, SchemaNodeId,
        SchemaNodeKind,
    },
    problem_list::ProblemList,
    statement::{StatementId, StatementRef},
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
    /// The nodes with a child that could not be built, and the module of that child.
    incomplete: BTreeSet<(SchemaNodeId, ModuleId)>,
    /// What is left to do inside operations and notifications. None once that has begun: nothing is postponed any more.
    postponed: Option<VecDeque<Postponed<'a>>>,
    overrides: Overrides,
    /// The groupings that are being expanded.
    open_groupings: Vec<StatementId>,
    /// The number of nodes that the memory has room for.
    max_nodes: usize,
    /// The number of statements that may still be visited.
    budget: usize,
    is_full: bool,
}

/// The number of statements that may be visited for each allowed node: see
/// [`YangLimits::memory`](crate::YangLimits::memory).
const STATEMENTS_PER_NODE: usize = 8;

/// The substatements that a refinement or a deviation replaces. Neither may have all of them.
const REPLACED: [Keyword; 10] = [
    Keyword::Config,
    Keyword::Default,
    Keyword::Description,
    Keyword::Mandatory,
    Keyword::MaxElements,
    Keyword::MinElements,
    Keyword::Presence,
    Keyword::Reference,
    Keyword::Type,
    Keyword::Units,
];

impl<'a> SchemaBuilder<'a> {
    pub(crate) fn new(set: &'a ModuleSet, links: &'a ModuleLinks, problems: ProblemList) -> Self {
        let max_nodes = set.limits.memory / NODE_MEMORY;
        Self {
            resolver: TypeResolver::new(BuildContext::new(set, links, problems)),
            nodes: vec![NodeRecord::root()],
            node_types: Vec::new(),
            type_numbers: HashMap::default(),
            names: vec!["".into()],
            name_numbers: [("", 0)].into_iter().collect(),
            children: HashMap::default(),
            featureless: HashSet::default(),
            incomplete: BTreeSet::new(),
            postponed: Some(VecDeque::new()),
            overrides: Overrides::default(),
            open_groupings: Vec::new(),
            max_nodes,
            budget: max_nodes.saturating_mul(STATEMENTS_PER_NODE),
            is_full: false,
        }
    }

    /// Builds the tree, also inside operations and notifications if `has_operations`.
    pub(crate) fn build(mut self, has_operations: bool) -> CompiledSet {
        self.build_modules();
        if has_operations {
            self.build_operations();
        }
        let nodes = NodeArena {
            nodes: self.nodes,
            names: NodeNames::new(self.names),
            types: self.node_types,
            overrides: self.overrides,
            incomplete: self.incomplete,
            keys: Vec::new(),
            order: Vec::new(),
            sorted: Vec::new(),
            has_default_denies: false,
        };
        let TypeResolver { context, identities, .. } = self.resolver;
        let nodes = finish::finish(nodes, context.links, &context.set.files);
        CompiledSet { nodes, identities, problems: context.problems.list }
    }

    /// Builds the nodes of all implemented modules, then applies their augments and deviations; operations and
    /// notifications without what is inside them.
    fn build_modules(&mut self) {
        let links = self.links();
        let implemented = (0..number_of(links.modules.len()))
            .map(ModuleId)
            .filter(|&id| links.module(id).is_some_and(|module| module.is_implemented));
        let mut augments = Vec::new();
        let mut deviations = Vec::new();
        for module in implemented {
            for root in links.roots(&self.set().files, module) {
                self.expand(SchemaNodeId::ROOT, root, ExpansionContext { module, depth: 0 });
                augments.extend(root.all(Keyword::Augment));
                deviations.extend(root.all(Keyword::Deviation));
            }
        }
        // An augment may add to the nodes of another one, but only of one with a shorter path.
        augments.sort_by_key(|augment| augment.argument().matches('/').count());
        for augment in augments {
            let module = links.module_of(augment.at().unit);
            self.apply_augment(SchemaNodeId::ROOT, augment, ExpansionContext { module, depth: 0 });
        }
        for deviation in deviations {
            if self.budget == 0 {
                break;
            }
            self.apply_deviation(deviation);
        }
    }

    /// Does what was postponed inside operations and notifications, in the same order.
    fn build_operations(&mut self) {
        for work in self.postponed.take().unwrap_or_default() {
            match work {
                Postponed::Children(node, statement, context) => self.expand(node, statement, context),
                Postponed::Refine(from, refine, context) => self.apply_refine(from, refine, context),
                Postponed::Augment(from, augment, context) => self.apply_augment(from, augment, context),
                Postponed::Deviation(deviation) => self.apply_deviation(deviation),
            }
        }
    }

    /// Postpones work inside an operation.
    fn postpone(&mut self, work: Postponed<'a>) {
        if let Some(postponed) = &mut self.postponed {
            postponed.push_back(work);
        }
    }

    /// Returns whether what is inside a node is not built yet.
    fn is_postponed(&self, node: SchemaNodeId) -> bool {
        let is_operation = matches!(
            self.kind(node),
            SchemaNodeKind::Rpc | SchemaNodeKind::Action | SchemaNodeKind::Notification
        );
        is_operation && self.postponed.is_some()
    }

    /// Builds the children of an `input`, an `output` or a notification, now or later.
    fn expand_operation(
        &mut self,
        node: SchemaNodeId,
        statement: StatementRef<'a>,
        context: ExpansionContext,
    ) {
        match &mut self.postponed {
            Some(postponed) => postponed.push_back(Postponed::Children(node, statement, context)),
            None => self.expand(node, statement, context),
        }
    }

    fn set(&self) -> &'a ModuleSet {
        self.resolver.context.set
    }

    fn links(&self) -> &'a ModuleLinks {
        self.resolver.context.links
    }

    fn report(&mut self, error: Error) {
        self.resolver.context.report(error);
    }

    /// Returns whether all `if-feature` of a statement under a node hold.
    fn features_hold(&mut self, parent: SchemaNodeId, statement: StatementRef<'a>) -> bool {
        let hold = self.resolver.context.features_hold(statement);
        if !hold {
            self.featureless.insert(parent);
        }
        hold
    }

    /// Marks a node as lacking a child of a module.
    fn mark_incomplete(&mut self, node: SchemaNodeId, module: ModuleId) {
        self.incomplete.insert((node, module));
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
    fn expand(&mut self, parent: SchemaNodeId, statement: StatementRef<'a>, context: ExpansionContext) {
        self.charge(statement);
        for child in statement.children() {
            if let Some(kind) = SchemaNodeKind::of(child.keyword()) {
                self.build_node(parent, child, kind, context.deeper());
            } else if child.keyword() == Keyword::Uses {
                self.expand_uses(parent, child, context.deeper());
            } else {
                continue;
            }
            if self.is_full {
                return self.mark_incomplete(parent, context.module);
            }
        }
    }

    /// Charges the budget for visiting a statement and its substatements.
    fn charge(&mut self, statement: StatementRef<'_>) {
        self.budget = self.budget.saturating_sub(1 + statement.children().count());
    }

    /// Returns whether another node is allowed. Reports the exceeded limit otherwise.
    fn has_room(&mut self, parent: SchemaNodeId, by: StatementRef<'a>, context: ExpansionContext) -> bool {
        let limits = &self.set().limits;
        let (what, limit) = if self.nodes.len() >= self.max_nodes || self.budget == 0 {
            self.is_full = true;
            (COMPILED_TREE, limits.memory)
        } else if context.depth > limits.expansion_depth {
            ("nested nodes and groupings", limits.expansion_depth)
        } else {
            return true;
        };
        self.report(Error::Limit { position: by.position(), what, limit });
        self.mark_incomplete(parent, context.module);
        false
    }

    fn build_node(
        &mut self,
        parent: SchemaNodeId,
        statement: StatementRef<'a>,
        kind: SchemaNodeKind,
        context: ExpansionContext,
    ) {
        if !self.features_hold(parent, statement) {
            return;
        }
        let mut parent = parent;
        // A node directly in a choice is the only node of a case of its name (section 7.9.2).
        if self.kind(parent) == SchemaNodeKind::Choice && kind != SchemaNodeKind::Case {
            match self.push(parent, statement.argument(), SchemaNodeKind::Case, statement, context) {
                Some(case) => parent = case,
                None => return,
            }
        }
        let Some(node) = self.push(parent, statement.argument(), kind, statement, context) else { return };
        match kind {
            SchemaNodeKind::Leaf | SchemaNodeKind::LeafList => {
                self.charge(statement);
                if let Some(of) = statement.child(Keyword::Type) {
                    self.set_type(node, of);
                }
            }
            SchemaNodeKind::Rpc | SchemaNodeKind::Action => {
                for (keyword, kind) in
                    [(Keyword::Input, SchemaNodeKind::Input), (Keyword::Output, SchemaNodeKind::Output)]
                {
                    let own = statement.child(keyword);
                    let origin = own.unwrap_or(statement);
                    let Some(child) = self.push(node, keyword.text(), kind, origin, context) else { return };
                    if let Some(own) = own {
                        self.expand_operation(child, own, context);
                    }
                }
            }
            SchemaNodeKind::Notification => self.expand_operation(node, statement, context),
            _ => self.expand(node, statement, context),
        }
    }

    fn push(
        &mut self,
        parent: SchemaNodeId,
        name: &'a str,
        kind: SchemaNodeKind,
        origin: StatementRef<'a>,
        context: ExpansionContext,
    ) -> Option<SchemaNodeId> {
        if !self.has_room(parent, origin, context) {
            return None;
        }
        let name_number = self.name_number(name);
        let id = SchemaNodeId(number_of(self.nodes.len()));
        let key = (parent, name_number, context.module);
        if let Some(&first) = self.children.get(&key) {
            self.report(Error::Duplicate { position: origin.position(), what: "node", name: name.into() });
            // The children of the second one may be meant for the first.
            self.mark_incomplete(first, context.module);
            return None;
        }
        self.children.insert(key, id);
        self.nodes.push(NodeRecord::new(name_number, context.module, kind, parent, origin.at()));
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

    fn set_type(&mut self, node: SchemaNodeId, of: StatementRef<'a>) {
        let number = match self.resolver.resolve_type(of, 0) {
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

    fn expand_uses(&mut self, parent: SchemaNodeId, uses: StatementRef<'a>, context: ExpansionContext) {
        if !self.features_hold(parent, uses) || !self.has_room(parent, uses, context) {
            return;
        }
        let grouping = match self.resolver.context.definitions.find(Keyword::Grouping, uses, uses.argument())
        {
            Ok(grouping) => grouping,
            Err(error) => {
                self.report(error);
                return self.mark_incomplete(parent, context.module);
            }
        };
        if self.open_groupings.contains(&grouping.at()) {
            let name = uses.argument().into();
            self.report(Error::Cycle { position: uses.position(), what: "grouping", name });
            return;
        }
        self.open_groupings.push(grouping.at());
        self.expand(parent, grouping, context);
        self.open_groupings.pop();
        self.charge(uses);
        for child in uses.children() {
            if self.is_full {
                return self.mark_incomplete(parent, context.module);
            }
            match child.keyword() {
                Keyword::Refine => self.apply_refine(parent, child, context),
                Keyword::Augment => self.apply_augment(parent, child, context.deeper()),
                _ => {}
            }
        }
    }

    fn apply_refine(&mut self, parent: SchemaNodeId, refine: StatementRef<'a>, context: ExpansionContext) {
        self.charge(refine);
        if !self.has_room(parent, refine, context) {
            return;
        }
        let node = match self.find_target(parent, refine, context.module) {
            TargetNode::Found(node) => node,
            TargetNode::InOperation => return self.postpone(Postponed::Refine(parent, refine, context)),
            TargetNode::None => return,
        };
        if !self.features_hold(parent, refine) {
            return self.remove(node);
        }
        REPLACED.into_iter().for_each(|keyword| self.replace(node, keyword, refine));
        self.add(node, Keyword::Must, refine);
    }

    fn remove(&mut self, node: SchemaNodeId) {
        if let Some(node) = self.nodes.get_mut(node.index()) {
            node.flags |= NodeFlags::REMOVED;
        }
    }

    /// Replaces the node's substatements of a keyword with those of `by`, if it has any.
    fn replace(&mut self, node: SchemaNodeId, keyword: Keyword, by: StatementRef<'a>) {
        let new: Vec<StatementId> = by.all(keyword).map(StatementRef::at).collect();
        if !new.is_empty() {
            self.overrides.insert((node, keyword), new);
        }
    }

    /// Adds the substatements of a keyword to the node's own.
    fn add(&mut self, node: SchemaNodeId, keyword: Keyword, from: StatementRef<'a>) {
        if from.child(keyword).is_some() {
            self.properties(node, keyword).extend(from.all(keyword).map(StatementRef::at));
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
    fn properties(&mut self, node: SchemaNodeId, keyword: Keyword) -> &mut Vec<StatementId> {
        let origin = self.nodes.get(node.index()).map(|node| node.origin);
        let (links, files) = (self.links(), &self.set().files);
        self.overrides.entry((node, keyword)).or_insert_with(|| {
            let own = origin.and_then(|origin| links.statement(files, origin));
            own.into_iter().flat_map(|own| own.all(keyword)).map(StatementRef::at).collect()
        })
    }

    fn apply_augment(&mut self, start: SchemaNodeId, augment: StatementRef<'a>, context: ExpansionContext) {
        if !self.resolver.context.features_hold(augment) {
            return;
        }
        let target = match self.find_target(start, augment, context.module) {
            TargetNode::Found(node) => node,
            TargetNode::InOperation => return self.postpone(Postponed::Augment(start, augment, context)),
            TargetNode::None => return,
        };
        if matches!(
            self.kind(target),
            SchemaNodeKind::Leaf
                | SchemaNodeKind::LeafList
                | SchemaNodeKind::AnyData
                | SchemaNodeKind::AnyXml
        ) {
            let expected = "a path to a node that can have children".to_owned();
            self.report(Error::Argument { position: augment.position(), expected });
            return;
        }
        self.expand(target, augment, context);
    }

    /// Finds the node that the path of a statement leads to from a node. Reports a problem if there is none.
    fn find_target(&mut self, from: SchemaNodeId, statement: StatementRef<'a>, own: ModuleId) -> TargetNode {
        let unit = statement.at().unit;
        let mut node = from;
        for step in statement.argument().split('/').map(str::trim).filter(|step| !step.is_empty()) {
            let (prefix, local) = step.split_once(':').unwrap_or(("", step));
            // The nodes of a grouping are in the module that uses it, so paths in the grouping mean that module.
            let module = match self.links().module_of_prefix(unit, prefix) {
                Ok(module) if module == self.links().module_of(unit) => own,
                Ok(module) => module,
                Err(hint) => return self.report_unresolved(statement, step, hint),
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
                Some(found) if self.is_postponed(found) => return TargetNode::InOperation,
                Some(found) => node = found,
                None if self.featureless.contains(&node) => return TargetNode::None,
                // The limit is reported already.
                None if self.is_full && self.incomplete.contains(&(node, module)) => return TargetNode::None,
                None => {
                    let hint =
                        self.resolver.context.definitions.hints.did_you_mean(local, self.child_names(node));
                    return self.report_unresolved(statement, step, hint);
                }
            }
        }
        TargetNode::Found(node)
    }

    fn report_unresolved(&mut self, by: StatementRef<'a>, name: &str, hint: String) -> TargetNode {
        self.report(Error::Unresolved { position: by.position(), what: "node", name: name.into(), hint });
        TargetNode::None
    }

    fn child_names(&self, node: SchemaNodeId) -> impl Iterator<Item = &str> {
        let first = self.nodes.get(node.index()).and_then(|node| self.nodes.get(node.first.index()));
        let children = std::iter::successors(first, |child| self.nodes.get(child.next.index()));
        children.filter_map(|child| self.names.get(child.name as usize).map(|name| &**name))
    }

    fn apply_deviation(&mut self, deviation: StatementRef<'a>) {
        self.charge(deviation);
        let own = self.links().module_of(deviation.at().unit);
        let node = match self.find_target(SchemaNodeId::ROOT, deviation, own) {
            TargetNode::Found(node) => node,
            TargetNode::InOperation => return self.postpone(Postponed::Deviation(deviation)),
            TargetNode::None => return,
        };
        for deviate in deviation.all(Keyword::Deviate) {
            match deviate.argument() {
                "not-supported" => self.remove(node),
                "add" => {
                    let added = [Keyword::Default, Keyword::Must, Keyword::Unique];
                    added.into_iter().for_each(|keyword| self.add(node, keyword, deviate));
                    // A node has at most one type, and it has one already.
                    let set =
                        REPLACED.into_iter().filter(|of| ![Keyword::Default, Keyword::Type].contains(of));
                    set.for_each(|keyword| self.replace(node, keyword, deviate));
                }
                "replace" => {
                    REPLACED.into_iter().for_each(|keyword| self.replace(node, keyword, deviate));
                    if let Some(of) = deviate.child(Keyword::Type) {
                        self.set_type(node, of);
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
