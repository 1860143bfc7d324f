//! The order of entries in lists that are `ordered-by user`.

use std::collections::hash_map::Entry;

use super::{
    LiveNode, NodeEdit, Overlay,
    made_order::{MadeEntry, order_made},
};
use crate::{Error, HashMap, HashSet, Name, NodeId, PatternStep, QName};

/// The order of the entries of one list that is `ordered-by user`.
#[derive(Clone, Debug, Default)]
pub struct ListOrder {
    /// The entries that exist now, in the order that the edits give them.
    pub entries: Vec<NodeId>,
    /// Those that edits have put to the end.
    pub moved: HashSet<NodeId>,
    /// Those that must be moved in the datastore, as few as possible, or be made in it at their position.
    pub(super) positioned: HashSet<NodeId>,
}

/// The orders of all lists in those nodes of which one was asked for.
#[derive(Debug, Default)]
pub struct KnownOrders(HashMap<NodeId, HashMap<Name, ListOrder>>);

impl ListOrder {
    /// Returns whether the edits give some entry a position.
    pub fn is_given(&self) -> bool {
        !self.positioned.is_empty()
    }
}

impl Overlay {
    /// Returns the entries that the datastore has of the list of an entry, in the order of the datastore, as far as they were
    /// read.
    pub fn stored_entries(&mut self, entry: NodeId) -> Vec<NodeId> {
        let Some(parent) = self.tree.parent(entry) else { return Vec::new() };
        let name = self.tree.name(entry);
        if let Some(order) = self.stored_orders.get(&(parent, name)) {
            return order.clone();
        }
        // Those of all lists beside it are found at once.
        let is_known = self.stored_lists.get(&parent).is_some_and(|(loads, _)| *loads == self.loads);
        if !is_known {
            let mut lists: HashMap<Name, Vec<NodeId>> = HashMap::default();
            for node in self.tree.children(parent).filter(|&node| self.in_base(node)) {
                lists.entry(self.tree.name(node)).or_default().push(node);
            }
            self.stored_lists.insert(parent, (self.loads, lists));
        }
        let lists = self.stored_lists.get(&parent);
        lists.and_then(|(_, lists)| lists.get(&name)).cloned().unwrap_or_default()
    }

    /// Returns the time of the last edit.
    pub fn now(&self) -> u32 {
        self.clock
    }

    /// Returns when an entry of a list that is `ordered-by user` was made again, if it stood before and was removed.
    pub fn remade_at(&mut self, entry: NodeId) -> Option<u32> {
        let parent = self.tree.parent(entry).and_then(|parent| self.place(parent))?;
        let is_remade = self.is_remade(parent, entry) && self.is_ordered_by_user(entry);
        is_remade.then(|| self.state(entry).edited_at)
    }

    /// Returns the order of the list of an entry, as [`orders`](Self::orders) does, whether or not it changes. That of all lists
    /// beside it is kept in `known`, until the overlay is edited.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn order_of(&mut self, entry: NodeId, known: &mut KnownOrders) -> Result<ListOrder, Error> {
        let Some(above) = self.tree.parent(entry) else { return Ok(ListOrder::default()) };
        let lists = match known.0.entry(above) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.all_orders(above)?),
        };
        let order = lists.get(&self.tree.name(entry)).cloned().unwrap_or_default();
        self.steps.steps(order.entries.len())?;
        Ok(order)
    }

    /// Returns the order of each list in a node, by its name, whether or not it changes.
    fn all_orders(&mut self, above: NodeId) -> Result<HashMap<Name, ListOrder>, Error> {
        let mut lists: HashMap<Name, ListOrder> = HashMap::default();
        let Some(parent) = self.place(above) else { return Ok(lists) };
        let children: Vec<NodeId> = self.children(parent).map(LiveNode::node).collect();
        self.steps.steps(children.len())?;
        for child in children {
            lists.entry(self.tree.name(child)).or_default().entries.push(child);
        }
        for order in self.orders(parent)? {
            let name = order.entries.first().map(|&first| self.tree.name(first));
            lists.extend(name.map(|name| (name, order)));
        }
        Ok(lists)
    }

    /// Returns the order of the lists in a node, for those in which it may be another than in the datastore.
    ///
    /// An entry that was removed and made again keeps its position unless a later entry of the list was made again before it.
    /// Then it goes to the end, and what is made again after it, is new or was [stripped](Self::strip) goes there too, in the order
    /// in which it was made. If nothing does so, what was stripped and is made again stays where it was, and what is made for
    /// each instance is in the order in which it was: see [`order_made`].
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn orders(&mut self, parent: LiveNode) -> Result<Vec<ListOrder>, Error> {
        if !self.schema_view.has_model() || !self.state(parent.node).dirty {
            return Ok(Vec::new());
        }
        let (mut lists, mut names): (Vec<Vec<NodeId>>, HashMap<Name, usize>) = Default::default();
        let children: Vec<NodeId> = self.tree.children(parent.node).collect();
        for &node in &children {
            self.steps.step()?;
            let is_edited = self.is_remade(parent, node) || self.placed.contains(&node);
            let name = self.tree.name(node);
            if is_edited && !names.contains_key(&name) && self.is_ordered_by_user(node) {
                names.insert(name, lists.len());
                lists.push(Vec::new());
            }
        }
        if lists.is_empty() {
            return Ok(Vec::new());
        }
        for node in children {
            self.steps.step()?;
            let list = names.get(&self.tree.name(node)).and_then(|&list| lists.get_mut(list));
            if let Some(list) = list.filter(|_| self.live_child(parent, node).is_some()) {
                list.push(node);
            }
        }
        let orders = lists.into_iter().map(|list| self.order(parent, list));
        orders.filter_map(Result::transpose).collect()
    }

    fn order(&mut self, parent: LiveNode, list: Vec<NodeId>) -> Result<Option<ListOrder>, Error> {
        // Sorting, and finding what keeps its order.
        self.steps.steps(list.len().saturating_mul(2))?;
        let remade = list.iter().enumerate().filter(|(_, node)| self.is_remade(parent, **node));
        let mut remade: Vec<(u32, usize, NodeId)> =
            remade.map(|(position, &node)| (self.state(node).edited_at, position, node)).collect();
        remade.sort_unstable();
        // What a service had created is new each time, and does not push away what stood before.
        let mut stood = RemadeOrder::default();
        let late = remade.iter().filter(|(_, _, node)| !self.stripped.contains(node));
        let late = late.filter(|(_, position, _)| stood.is_late(*position));
        let mut late: HashSet<NodeId> = late.map(|&(_, _, node)| node).collect();
        let stored = list
            .first()
            .and_then(|&node| self.stored_orders.get(&(self.tree.parent(node)?, self.tree.name(node))));
        let entries = if late.is_empty() {
            order_made(&list, &self.made_entries(&list, &remade))
        } else {
            late.extend(list.iter().filter(|node| self.is_new(**node)));
            late.extend(remade.iter().map(|(_, _, node)| node).filter(|node| self.stripped.contains(node)));
            let mut last: Vec<(u32, NodeId)> =
                late.iter().map(|&node| (self.state(node).edited_at, node)).collect();
            last.sort_unstable();
            let stay = list.iter().copied().filter(|node| !late.contains(node));
            stay.chain(last.into_iter().map(|(_, node)| node)).collect()
        };
        if stored.is_none() && entries == list && !list.iter().any(|node| self.placed.contains(node)) {
            return Ok(None);
        }
        let base: Vec<NodeId> = match stored {
            Some(stored) => stored.clone(),
            None => list.iter().copied().filter(|&node| self.in_base(node)).collect(),
        };
        let is_read = self.is_list_read(&entries);
        let may_move = |node| self.is_remade(parent, node) || self.placed.contains(&node);
        let mut positioned = match is_read {
            true => moved_among(&entries, &base, &may_move),
            // There may be others among them.
            false if late.is_empty() => moved_among(&entries, &list, &may_move),
            false => late.clone(),
        };
        positioned.extend(entries.iter().filter(|&&node| !self.in_base(node)));
        Ok(Some(ListOrder { entries, moved: late, positioned }))
    }

    /// Returns what the run of each instance has made in a list, in the order in which it did. What stood before and was made
    /// again is not among it.
    fn made_entries(&self, list: &[NodeId], remade: &[(u32, usize, NodeId)]) -> Vec<Vec<MadeEntry>> {
        let again = remade.iter().filter(|(_, _, node)| self.stripped.contains(node));
        let again = again.map(|&(at, position, node)| MadeEntry { node, at, position: Some(position) });
        let new = list.iter().filter(|node| self.is_new(**node));
        let new = new.map(|&node| MadeEntry { node, at: self.state(node).edited_at, position: None });
        let mut made: Vec<MadeEntry> = again.chain(new).collect();
        made.sort_unstable_by_key(|made| made.at);
        let section = |made: &MadeEntry| self.sections.partition_point(|&end| end < made.at);
        made.chunk_by(|one, next| section(one) == section(next)).map(<[_]>::to_vec).collect()
    }

    /// Ends what is made for one service instance.
    pub fn end_section(&mut self) {
        self.sections.push(self.clock);
    }

    fn is_new(&self, node: NodeId) -> bool {
        !self.in_base(node) && !self.placed.contains(&node)
    }

    /// Returns whether the keys of all entries of a list were read.
    fn is_list_read(&mut self, entries: &[NodeId]) -> bool {
        let Some(&entry) = entries.first() else { return true };
        let mut list = self.pattern(entry);
        let Some(last) = list.steps.pop() else { return true };
        let key = last.keys.first().map(|(key, _)| PatternStep::new(QName::new(&last.namespace, key)));
        list.steps.push(PatternStep::new(last.name()));
        list.steps.extend(key);
        self.coverage.covers(&list)
    }

    /// Returns whether a node that has a position in its list was removed and made again.
    fn is_remade(&self, parent: LiveNode, node: NodeId) -> bool {
        let state = self.state(node);
        state.edit == NodeEdit::Made
            && (state.in_base || self.placed.contains(&node))
            && state.removed_at.max(parent.removed_at) > 0
            && self.live_child(parent, node).is_some()
    }
}

/// The positions of the entries that were made again so far.
#[derive(Default)]
struct RemadeOrder {
    furthest: usize,
    is_late: bool,
}

impl RemadeOrder {
    /// Returns whether the next one comes after one that was behind it, or after another one that does.
    fn is_late(&mut self, position: usize) -> bool {
        self.is_late |= position < self.furthest;
        self.furthest = self.furthest.max(position);
        self.is_late
    }
}

/// Returns which of `entries` must move so that all are in this order, if they are in the order `before` now. Those that may
/// not move are in the same order in both.
fn moved_among(entries: &[NodeId], before: &[NodeId], may_move: &dyn Fn(NodeId) -> bool) -> HashSet<NodeId> {
    let ranks: HashMap<NodeId, usize> =
        before.iter().enumerate().map(|(rank, &node)| (node, rank + 1)).collect();
    let ranked: Vec<(usize, NodeId, bool)> =
        entries.iter().filter_map(|&node| Some((*ranks.get(&node)?, node, may_move(node)))).collect();
    // What comes before an entry that may not move, and after it in the other order, moves.
    let (mut least, mut after) = (0, Vec::with_capacity(ranked.len()));
    for &(rank, _, moves) in &ranked {
        after.push(least);
        least = if moves { least } else { least.max(rank) };
    }
    let (mut most, mut backwards) = (usize::MAX, Vec::with_capacity(ranked.len()));
    for (&(rank, node, moves), least) in ranked.iter().zip(after).rev() {
        if !moves || (rank > least && rank < most) {
            // Of two parts of the same length, the one stays that was made first.
            backwards.push((usize::MAX - rank, node));
        }
        most = if moves { most } else { most.min(rank) };
    }
    let kept: HashSet<NodeId> = longest_increasing(&backwards).into_iter().collect();
    ranked
        .into_iter()
        .filter(|(_, node, moves)| *moves && !kept.contains(node))
        .map(|(_, node, _)| node)
        .collect()
}

/// Returns the entries of a longest part of a sequence in which the ranks increase.
pub(super) fn longest_increasing(sequence: &[(usize, NodeId)]) -> Vec<NodeId> {
    // The last entry of the best part of each length, and the entry before each one in its part.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(sequence.len());
    for (index, &(rank, _)) in sequence.iter().enumerate() {
        let length = ends.partition_point(|&(end, _)| end < rank);
        before.push(length.checked_sub(1).and_then(|last| ends.get(last)).map(|&(_, index)| index));
        match ends.get_mut(length) {
            Some(end) => *end = (rank, index),
            None => ends.push((rank, index)),
        }
    }
    let last = ends.last().map(|&(_, index)| index);
    let part = std::iter::successors(last, |&index| before.get(index).copied().flatten());
    part.filter_map(|index| sequence.get(index)).map(|&(_, node)| node).collect()
}
