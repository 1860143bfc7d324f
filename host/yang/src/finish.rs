//! The last pass over the tree: inherited flags, keys, order and the index for lookups.

use std::rc::Rc;

use confine_tree::HashMap;

use crate::{
    keyword::Keyword,
    link::{ModuleLinks, PrefixMeaning, number_of},
    node_arena::{NO_NODE, NodeArena, NodeFlags, SchemaNodeId, SchemaNodeKind},
    set::ModuleFileText,
    statement::{StatementId, StatementRef},
};

pub(crate) fn finish(nodes: NodeArena, links: &ModuleLinks, files: &[ModuleFileText]) -> NodeArena {
    let mut finisher = SchemaFinisher { nodes, links, files, keys: HashMap::default() };
    for index in 0..finisher.nodes.nodes.len() {
        let id = SchemaNodeId(number_of(index));
        finisher.inherit(id);
        finisher.order_keys(id);
    }
    for index in 0..finisher.nodes.nodes.len() {
        finisher.index_children(SchemaNodeId(number_of(index)));
    }
    finisher.nodes
}

struct SchemaFinisher<'a> {
    nodes: NodeArena,
    links: &'a ModuleLinks,
    files: &'a [ModuleFileText],
    /// By the statement of the list.
    keys: HashMap<StatementId, Rc<KeyLeaves>>,
}

/// The keys of a list.
struct KeyLeaves {
    /// Their index in [`NodeArena::keys`].
    number: u32,
    /// The position of each key, by the number of its name.
    positions: HashMap<u32, usize>,
}

impl<'a> SchemaFinisher<'a> {
    fn statement(&self, at: StatementId) -> Option<StatementRef<'a>> {
        self.links.statement(self.files, at)
    }

    /// Sets the flags of a node from its parent's and from its own substatements. Parents come first.
    fn inherit(&mut self, id: SchemaNodeId) {
        let Some(node) = self.nodes.get(id) else { return };
        let inherited = match self.nodes.get(node.parent) {
            Some(parent) => {
                parent.flags
                    & (NodeFlags::REMOVED
                        | NodeFlags::CONFIG
                        | NodeFlags::OPERATION
                        | NodeFlags::DENY_WRITE
                        | NodeFlags::DENY_ALL)
            }
            None => NodeFlags::CONFIG,
        };
        let mut flags = node.flags | inherited;
        match node.kind {
            SchemaNodeKind::Rpc | SchemaNodeKind::Action | SchemaNodeKind::Notification => {
                flags = (flags & !NodeFlags::CONFIG) | NodeFlags::OPERATION;
            }
            _ => flags = self.with_own_flags(id, node.origin, flags),
        }
        flags |= self.default_deny(node.origin);
        // The order of state data is the server's (section 7.7.7).
        if flags & (NodeFlags::CONFIG | NodeFlags::OPERATION) == 0 {
            flags &= !NodeFlags::USER_ORDERED;
        }
        self.nodes.has_default_denies |= flags & (NodeFlags::DENY_WRITE | NodeFlags::DENY_ALL) != 0;
        if let Some(node) = self.nodes.nodes.get_mut(id.index()) {
            node.flags = flags;
        }
    }

    /// Applies a node's own `config`, `ordered-by` and `presence` to flags.
    fn with_own_flags(&self, id: SchemaNodeId, origin: StatementId, mut flags: u16) -> u16 {
        let mut set = |keyword, text: &str| match (keyword, text) {
            (Keyword::Config, "false") => flags &= !NodeFlags::CONFIG,
            (Keyword::OrderedBy, "user") => flags |= NodeFlags::USER_ORDERED,
            (Keyword::Presence, _) => flags |= NodeFlags::PRESENCE,
            _ => {}
        };
        let overridden = |keyword| {
            if self.nodes.overrides.is_empty() { None } else { self.nodes.overrides.get(&(id, keyword)) }
        };
        for own in self.statement(origin).into_iter().flat_map(StatementRef::children) {
            let keyword = own.keyword();
            let is_flag = matches!(keyword, Keyword::Config | Keyword::OrderedBy | Keyword::Presence);
            if is_flag && overridden(keyword).is_none() {
                set(keyword, own.argument());
            }
        }
        for keyword in [Keyword::Config, Keyword::Presence] {
            for at in overridden(keyword).into_iter().flatten() {
                set(keyword, self.statement(*at).map_or("", StatementRef::argument));
            }
        }
        flags
    }

    /// Returns the flags of a statement's `default-deny` extensions, of `ietf-netconf-acm`.
    fn default_deny(&self, origin: StatementId) -> u16 {
        let Some(own) = self.statement(origin) else { return 0 };
        let means = |extension: StatementRef<'_>| {
            let Some((prefix, local)) = extension.name().split_once(':') else { return 0 };
            let flag = match local {
                "default-deny-write" => NodeFlags::DENY_WRITE,
                "default-deny-all" => NodeFlags::DENY_ALL,
                _ => return 0,
            };
            let is_nacm = match self.links.prefix(origin.unit, prefix) {
                PrefixMeaning::Module(id) => {
                    self.links.module(id).is_some_and(|module| module.name() == "ietf-netconf-acm")
                }
                // No other module defines these names, and a model that lacks the import must not permit more.
                PrefixMeaning::Missing => true,
                PrefixMeaning::Unknown => false,
            };
            if is_nacm { flag } else { 0 }
        };
        own.all(Keyword::Extension).map(means).fold(0, |flags, flag| flags | flag)
    }

    /// Reads a list's keys and moves them before its other nodes (section 7.8.5).
    fn order_keys(&mut self, id: SchemaNodeId) {
        let Some(node) = self.nodes.get(id).filter(|node| node.kind == SchemaNodeKind::List) else { return };
        let (origin, module) = (node.origin, node.module);
        let Some(argument) = self.statement(origin).and_then(|list| list.text(Keyword::Key)) else { return };
        // A list of a grouping exists once per use, and its keys are read once.
        let keys = match self.keys.get(&origin) {
            Some(known) => Rc::clone(known),
            None => {
                let new = Rc::new(self.read_keys(argument));
                self.keys.insert(origin, Rc::clone(&new));
                new
            }
        };
        let position = |child: &SchemaNodeId| {
            let child = self
                .nodes
                .get(*child)
                .filter(|child| child.kind == SchemaNodeKind::Leaf && child.module == module)?;
            keys.positions.get(&child.name).copied()
        };
        let children = self.nodes.schema_children(id);
        let (mut front, others): (Vec<SchemaNodeId>, Vec<SchemaNodeId>) =
            children.partition(|child| position(child).is_some());
        front.sort_by_key(position);
        for &key in &front {
            if let Some(node) = self.nodes.nodes.get_mut(key.index()) {
                node.flags |= NodeFlags::KEY;
            }
        }
        front.extend(others);
        self.relink(id, &front);
        if let Some(node) = self.nodes.nodes.get_mut(id.index()) {
            node.keys = keys.number;
        }
    }

    fn read_keys(&mut self, argument: &str) -> KeyLeaves {
        let local = |name: &str| Box::from(name.rsplit(':').next().unwrap_or(name));
        let keys: Box<[Box<str>]> = argument.split_whitespace().map(local).collect();
        let positions = keys.iter().enumerate().rev();
        let positions =
            positions.filter_map(|(position, key)| Some((self.nodes.names.number(key)?, position))).collect();
        let number = number_of(self.nodes.keys.len());
        self.nodes.keys.push(keys.into());
        KeyLeaves { number, positions }
    }

    fn relink(&mut self, parent: SchemaNodeId, order: &[SchemaNodeId]) {
        let next = order.iter().skip(1).copied().chain([NO_NODE]);
        for (&id, next) in order.iter().zip(next) {
            if let Some(node) = self.nodes.nodes.get_mut(id.index()) {
                node.next = next;
            }
        }
        if let Some(node) = self.nodes.nodes.get_mut(parent.index()) {
            node.first = order.first().copied().unwrap_or(NO_NODE);
            node.last = order.last().copied().unwrap_or(NO_NODE);
        }
    }

    /// Indexes the data nodes of a parent, in order and by name.
    fn index_children(&mut self, id: SchemaNodeId) {
        let is_parent =
            self.nodes.get(id).is_some_and(|node| !node.kind.is_transparent() && node.first != NO_NODE);
        if !is_parent {
            return;
        }
        let start = self.nodes.order.len();
        let mut open: Vec<SchemaNodeId> = vec![self.nodes.get(id).map_or(NO_NODE, |node| node.first)];
        while let Some(next) = open.pop() {
            let Some(node) = self.nodes.nodes.get_mut(next.index()) else { continue };
            open.push(node.next);
            if node.has(NodeFlags::REMOVED) {
                continue;
            }
            if node.kind.is_transparent() {
                open.push(node.first);
            } else if node.kind.is_data() {
                node.position = number_of(self.nodes.order.len() - start);
                self.nodes.order.push(next);
                self.nodes.sorted.push((node.name, node.module, next));
            }
        }
        let end = self.nodes.order.len();
        if let Some(piece) = self.nodes.sorted.get_mut(start..end) {
            piece.sort_unstable();
        }
        if let Some(node) = self.nodes.nodes.get_mut(id.index()) {
            node.data = (number_of(start), number_of(end));
        }
    }
}
