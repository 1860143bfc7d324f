//! The edit-config that makes the datastore equal to the overlay.

use super::{ChoiceInstance, ListOrder, LiveNode, NodeEdit, NodeKind, Overlay};
use crate::{Error, HashSet, NETCONF, Name, NodeId, QName, SchemaNode, Tree, YANG};

const OPERATION: QName<'_> = QName::new(NETCONF, "operation");
pub(super) const INSERT: QName<'_> = QName::new(YANG, "insert");

impl Overlay {
    /// Returns the smallest edit-config (RFC 6241, section 7.2; default operation `merge`) that makes the
    /// datastore equal to the overlay, as the content of `<config>`. It has each container and list entry
    /// once, keys first, without unchanged values, and removed nodes with `nc:operation="remove"`. Returns
    /// `None` if nothing has changed.
    ///
    /// Nodes that have not been read count as absent, but those that were removed are removed from the
    /// datastore, too. Read [`unread`](Self::unread) first.
    pub fn edit_config(&mut self) -> Result<Option<Tree>, Error> {
        let mut writing =
            DifferenceWriter { overlay: self, out: Tree::new(), names: Vec::new(), whole: false };
        writing.children(LiveNode::ROOT, Tree::ROOT, true, &[])?;
        Ok((!writing.out.is_empty()).then_some(writing.out))
    }
}

struct DifferenceWriter<'o> {
    overlay: &'o mut Overlay,
    out: Tree,
    /// The names of the overlay in the edit, as far as they occur in it.
    names: Vec<Option<Name>>,
    /// Whether everything is written of what exists, whatever the datastore has of it.
    whole: bool,
}

impl DifferenceWriter<'_> {
    /// Writes the edits of the children. Returns whether there are any. `in_base` is whether the datastore
    /// has, or may have, the parent.
    fn children(
        &mut self,
        parent: LiveNode,
        to: NodeId,
        in_base: bool,
        keys: &[NodeId],
    ) -> Result<bool, Error> {
        if self.overlay.tree.first_child(parent.node).is_none() {
            return Ok(false);
        }
        let orders = self.overlay.orders(parent)?;
        let positioned: HashSet<NodeId> =
            orders.iter().flat_map(|order| &order.positioned).copied().collect();
        let (mut any, mut displaced) = (false, Vec::new());
        let mut next = self.overlay.tree.first_child(parent.node);
        while let Some(node) = next {
            next = self.overlay.tree.next_sibling(node);
            self.overlay.steps.step()?;
            // Below a removed node every child is visited; elsewhere only those that were edited.
            let untouched = parent.removed_at == 0 && !self.whole && !self.overlay.state(node).dirty;
            if untouched || keys.contains(&node) || positioned.contains(&node) {
                continue;
            }
            if self.overlay.live_child(parent, node).is_none() && !self.overlay.choices(node).is_empty() {
                displaced.push(node);
                continue;
            }
            any |= self.node(parent, node, to, in_base)?;
        }
        for order in orders {
            any |= self.positioned(parent, &order, to, in_base)?;
        }
        // The datastore removes a node if the edit has one of another case (RFC 7950, section 7.9). The backend crashes if the
        // edit removes it as well (seen with controller 1.8.0).
        let written = if displaced.is_empty() { HashSet::default() } else { self.cases_in(parent.node, to)? };
        for node in displaced {
            self.overlay.steps.step()?;
            let choices = self.overlay.choices(node);
            let is_implied = choices.iter().any(|(choice, case)| {
                written.iter().any(|(other, other_case)| other == choice && other_case != case)
            });
            if !is_implied {
                any |= self.node(parent, node, to, in_base)?;
            }
        }
        Ok(any)
    }

    /// Returns the cases of which the edit has nodes below an element.
    fn cases_in(
        &mut self,
        node: NodeId,
        element: NodeId,
    ) -> Result<HashSet<(ChoiceInstance, SchemaNode)>, Error> {
        let mut cases = HashSet::default();
        let written: Vec<NodeId> = self.out.children(element).collect();
        for written in written {
            self.overlay.steps.step()?;
            cases.extend(self.overlay.choices_of_child(node, self.out.qname(written)));
        }
        Ok(cases)
    }

    fn node(
        &mut self,
        parent: LiveNode,
        node: NodeId,
        to: NodeId,
        parent_in_base: bool,
    ) -> Result<bool, Error> {
        let state = *self.overlay.state(node);
        let leaf = self.overlay.tree.first_child(node).is_none();
        match (state.in_base && !self.whole, self.overlay.live_child(parent, node)) {
            (true, None) => self.removal(node, to),
            (true, Some(_)) if leaf => {
                let changed = self.overlay.has_other_text(node);
                if changed {
                    self.element(node, to)?;
                }
                Ok(changed)
            }
            (true, Some(live)) => {
                let (element, keys) = self.element(node, to)?;
                let any = self.children(live, element, true, &keys)?;
                if !any {
                    self.out.detach(element);
                }
                Ok(any)
            }
            (false, Some(live)) => {
                let (element, keys) = self.element(node, to)?;
                let any = self.children(live, element, false, &keys)?;
                let written = any || state.in_base || state.edit == NodeEdit::Made;
                if !written {
                    self.out.detach(element);
                }
                Ok(written)
            }
            // Removed without having been read: the datastore may have it.
            (false, None) if state.edit == NodeEdit::Removed && parent_in_base => {
                let pattern = self.overlay.pattern(node);
                self.overlay.steps.steps(pattern.steps.len())?;
                if self.overlay.knows(&pattern) { Ok(false) } else { self.removal(node, to) }
            }
            // A descendant may have been removed without having been read.
            (false, None) if state.edit == NodeEdit::Keep && state.dirty && parent.removed_at == 0 => {
                let (element, keys) = self.element(node, to)?;
                let live = LiveNode { node, removed_at: state.removed_at };
                let any = self.children(live, element, parent_in_base, &keys)?;
                if !any {
                    self.out.detach(element);
                }
                Ok(any)
            }
            (false, None) => Ok(false),
        }
    }

    /// Writes the element of a node with its value or its keys. Returns the element and the key leaves.
    fn element(&mut self, node: NodeId, to: NodeId) -> Result<(NodeId, Vec<NodeId>), Error> {
        let element = self.copy(node, to)?;
        let mut leaves = Vec::new();
        if let NodeKind::List { keys } = self.overlay.kind(node) {
            for key in self.overlay.key_names(self.overlay.tree.name(node), &keys) {
                let leaf = self.overlay.tree.children_named(node, key).next();
                if let Some(leaf) = leaf {
                    self.copy(leaf, element)?;
                    leaves.push(leaf);
                }
            }
        }
        Ok((element, leaves))
    }

    /// Writes one node with its value, without its descendants.
    fn copy(&mut self, node: NodeId, to: NodeId) -> Result<NodeId, Error> {
        let name = self.name(node);
        let element = self.out.append(to, name)?;
        if let Some(value) = self.overlay.tree.value(node) {
            let text = self.overlay.text(node);
            self.out.set_value(element, value, &text.borrowed())?;
        }
        Ok(element)
    }

    /// Returns the name of a node in the edit.
    fn name(&mut self, node: NodeId) -> Name {
        let name = self.overlay.tree.name(node);
        if self.names.len() <= name.index() {
            self.names.resize(name.index() + 1, None);
        }
        let known = self.names.get(name.index()).copied().flatten();
        known.unwrap_or_else(|| {
            let new = self.out.intern(self.overlay.tree.qname(node));
            if let Some(place) = self.names.get_mut(name.index()) {
                *place = Some(new);
            }
            new
        })
    }

    fn removal(&mut self, node: NodeId, to: NodeId) -> Result<bool, Error> {
        match self.overlay.kind(node) {
            NodeKind::Leaf | NodeKind::EmptyLeaf => {
                let name = self.out.intern(self.overlay.tree.qname(node));
                let element = self.out.append(to, name)?;
                self.out.set_attribute(element, OPERATION, "remove");
            }
            NodeKind::Unknown { many: true } => {
                // The keys of the list are not known, but they are among its leaves.
                let element = self.copy(node, to)?;
                let leaves: Vec<NodeId> = self.overlay.tree.children(node).collect();
                self.overlay.steps.steps(leaves.len())?;
                for leaf in leaves {
                    if self.overlay.tree.first_child(leaf).is_none() && self.overlay.in_base(leaf) {
                        self.copy(leaf, element)?;
                    }
                }
                self.out.set_attribute(element, OPERATION, "remove");
            }
            NodeKind::Unknown { .. } if self.overlay.tree.first_child(node).is_none() => {
                let name = self.out.intern(self.overlay.tree.qname(node));
                let element = self.out.append(to, name)?;
                self.out.set_attribute(element, OPERATION, "remove");
            }
            _ => {
                let (element, _) = self.element(node, to)?;
                self.out.set_attribute(element, OPERATION, "remove");
            }
        }
        Ok(true)
    }

    /// Writes the entries of a list that go to a position in it. What the datastore has of them is written too: a merge that
    /// moves an entry makes it anew (seen with controller 1.8.0). Returns whether there are any.
    fn positioned(
        &mut self,
        parent: LiveNode,
        order: &ListOrder,
        to: NodeId,
        parent_in_base: bool,
    ) -> Result<bool, Error> {
        let ListOrder { entries, positioned, .. } = order;
        let last = entries.iter().rev().take_while(|entry| positioned.contains(entry)).count();
        let (mut any, mut previous) = (false, None);
        // The next one of each that stays where it is.
        let mut staying = vec![None; entries.len()];
        let mut stays = None;
        for (next, &node) in staying.iter_mut().zip(entries).rev() {
            *next = stays;
            stays = if positioned.contains(&node) { stays } else { Some(node) };
        }
        for ((left, &node), next) in (1..=entries.len()).rev().zip(entries).zip(staying) {
            self.overlay.steps.step()?;
            if positioned.contains(&node) {
                let is_moved = self.overlay.in_base(node) && !self.whole;
                let position = match left <= last {
                    false => self.overlay.insert_between(previous, next),
                    // What is new goes to the end anyway.
                    true => is_moved.then(|| (INSERT, "last".to_owned())).into_iter().collect(),
                };
                let whole = self.whole;
                self.whole = whole || is_moved;
                let written = self.node(parent, node, to, parent_in_base);
                self.whole = whole;
                if written? && let Some(element) = self.out.last_child(to) {
                    any = true;
                    for (name, value) in position {
                        self.out.set_attribute(element, name, &value);
                    }
                }
            }
            previous = Some(node);
        }
        Ok(any)
    }
}
