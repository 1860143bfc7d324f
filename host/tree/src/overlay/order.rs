//! The order of entries in lists that are `ordered-by user`.

use std::collections::hash_map::Entry;

use super::{
    LiveNode, NodeEdit, Overlay,
    made_order::{MadeEntry, MadeKind, order_made},
    ranked_entries::{moved_among, ranked},
    set_entries::{ListInNode, SetEntries},
};
use crate::{Error, HashMap, HashSet, Name, NodeId, Pattern};

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
    /// Then it goes to the end, and what is made again after it goes there too, in the order in which it was made. What was
    /// [stripped](Self::strip) and is made again stays where it was, if it can: what is made for each instance is in the order in
    /// which it was, before and behind what the instance has set although it was there: see [`order_made`].
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn orders(&mut self, parent: LiveNode) -> Result<Vec<ListOrder>, Error> {
        if !self.schema_view.has_model() || !self.state(parent.node).dirty {
            return Ok(Vec::new());
        }
        let mut lists: Vec<(Name, Vec<NodeId>)> = Vec::new();
        let mut names: HashMap<Name, usize> = HashMap::default();
        let children: Vec<NodeId> = self.tree.children(parent.node).collect();
        for &node in &children {
            self.steps.step()?;
            let name = self.tree.name(node);
            let is_edited = self.is_remade(parent, node)
                || self.placed.contains(&node)
                || !self.set_entries.of((parent.node, name)).is_empty();
            if is_edited && !names.contains_key(&name) && self.is_ordered_by_user(node) {
                names.insert(name, lists.len());
                lists.push((name, Vec::new()));
            }
        }
        if lists.is_empty() {
            return Ok(Vec::new());
        }
        for node in children {
            self.steps.step()?;
            let list = names.get(&self.tree.name(node)).and_then(|&list| lists.get_mut(list));
            let is_there = || self.hidden.contains(&node) || self.live_child(parent, node).is_some();
            if let Some((_, list)) = list.filter(|_| is_there()) {
                list.push(node);
            }
        }
        let orders = lists.into_iter().map(|(name, list)| self.order(parent, name, list));
        orders.filter_map(Result::transpose).collect()
    }

    fn order(&mut self, parent: LiveNode, name: Name, list: Vec<NodeId>) -> Result<Option<ListOrder>, Error> {
        // Sorting, and finding what keeps its order.
        self.steps.steps(list.len().saturating_mul(2))?;
        let remade = list.iter().enumerate().filter(|(_, node)| self.is_remade(parent, **node));
        let mut remade: Vec<(u32, usize, NodeId)> =
            remade.map(|(position, &node)| (self.state(node).edited_at, position, node)).collect();
        remade.sort_unstable();
        let above = self.ancestors(parent.node);
        self.steps.steps(above.len())?;
        let all_stripped = above.iter().any(|above| self.stripped.contains(above));
        // What a service had created is new each time, and does not push away what stood before.
        let mut stood = RemadeOrder::default();
        let late = remade.iter().filter(|(_, _, node)| !all_stripped && !self.stripped.contains(node));
        let late = late.filter(|(_, position, _)| stood.is_late(*position));
        let late: Vec<NodeId> = late.map(|&(_, _, node)| node).collect();
        let moved: HashSet<NodeId> = late.iter().copied().collect();
        let mut entries = list.clone();
        entries.retain(|node| !moved.contains(node));
        let kind = |node| self.made_kind(node, all_stripped);
        // What services have made behind what stood stays behind it.
        let stood = |node| kind(node) == MadeKind::Stays && !self.made.contains(&node);
        let end = entries.iter().rposition(|&node| stood(node));
        let end = end.map_or(0, |last| last + 1);
        entries.splice(end..end, late);
        let made = self.made_entries((parent.node, name), &kind);
        let entries = order_made(&entries, &made, &mut self.steps)?;
        let stored = self.stored_orders.get(&(parent.node, name));
        if stored.is_none() && entries == list && !list.iter().any(|node| self.placed.contains(node)) {
            return Ok(None);
        }
        let base: Vec<NodeId> = match stored {
            Some(stored) => stored.clone(),
            None => list.iter().copied().filter(|&node| self.is_stored(node)).collect(),
        };
        let is_read = self.is_list_read(&entries);
        let may_move = |node| self.is_remade(parent, node) || self.placed.contains(&node);
        let mut positioned = match is_read {
            true => moved_among(&ranked(&entries, &base, &may_move)),
            // There may be others among them.
            false => moved_among(&ranked(&entries, &list, &may_move)).union(&moved).copied().collect(),
        };
        positioned.extend(entries.iter().filter(|&&node| !self.is_stored(node)));
        Ok(Some(ListOrder { entries, moved, positioned }))
    }

    /// Returns what the run of each instance has made and set in a list, in the order in which it did.
    fn made_entries(&self, list: ListInNode, kind: &dyn Fn(NodeId) -> MadeKind) -> Vec<Vec<MadeEntry>> {
        let section = |at: u32| self.sections.partition_point(|&end| end < at);
        let set = self.set_entries.of(list).iter().filter_map(|&(at, node)| {
            // What the same instance has removed since is made again later, if it is there.
            let is_later = |live: LiveNode| at > live.removed_at || section(at) != section(live.removed_at);
            let is_there = self.place(node).is_some_and(is_later);
            is_there.then(|| MadeEntry { node, at, kind: kind(node) })
        });
        let all: Vec<MadeEntry> = set.collect();
        let rank = |made: &MadeEntry| self.section_ranks.get(&section(made.at)).copied();
        let mut sections: Vec<&[MadeEntry]> =
            all.chunk_by(|one, next| section(one.at) == section(next.at)).collect();
        sections.sort_by_key(|section| section.first().and_then(rank));
        // What several make goes where the first of them makes it.
        let (mut seen, mut made) = (HashSet::default(), HashSet::default());
        let mut of_section = |section: &[MadeEntry]| {
            seen.clear();
            let own = section.iter().copied().filter(|entry| seen.insert(entry.node));
            let kind = |entry: MadeEntry| match made.insert(entry.node) {
                true => entry,
                false => MadeEntry { kind: MadeKind::Stays, ..entry },
            };
            own.map(kind).collect()
        };
        sections.into_iter().map(&mut of_section).collect()
    }

    /// Returns the keys of the lists in which edits have made or set several entries and of which not all are in the datastore,
    /// as far as it was read: all are to be read, so that the new ones go to their place.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub fn lists_to_order(&mut self) -> Result<Vec<Pattern>, Error> {
        self.steps.steps(self.set_entries.len())?;
        let several = |set: &[(u32, NodeId)]| {
            let &(_, first) = set.first()?;
            let is_one = set.iter().all(|&(_, entry)| entry == first);
            let mut new = set.iter().map(|&(_, entry)| entry).filter(|&entry| !self.in_base(entry));
            new.next().filter(|_| !is_one)
        };
        let new: Vec<NodeId> = self.set_entries.all().filter_map(several).collect();
        Ok(new.into_iter().filter_map(|entry| self.pattern(entry).list_keys()).collect())
    }

    /// What was made until then was made for one service instance, and what is later for another one. Returns the number of the
    /// section that begins.
    pub fn end_section_at(&mut self, time: u32) -> usize {
        self.sections.push(time);
        self.sections.len()
    }

    /// Says that a run has ended.
    pub fn end_run(&mut self) {
        self.set_entries.end_run(self.clock);
        self.last_made.forget();
    }

    /// Says which sections come before others, where entries are made in several, by their numbers.
    pub fn rank_sections(&mut self, ranks: HashMap<usize, usize>) {
        self.section_ranks = ranks;
    }

    /// Returns an entry of each list of which edits have made or set some.
    pub fn entries_of_set_lists(&self) -> Vec<NodeId> {
        self.set_entries.all().filter_map(|set| set.first()).map(|&(_, entry)| entry).collect()
    }

    /// Returns whether the datastore has an entry, even if the user may not read it.
    fn is_stored(&self, node: NodeId) -> bool {
        self.in_base(node) || self.hidden.contains(&node)
    }

    /// Notes an entry that a service has made, whether or not it runs.
    pub fn note_made(&mut self, entry: NodeId) {
        self.made.insert(entry);
    }

    /// Returns the node above an entry, and the name of its list.
    pub fn list_of(&self, entry: NodeId) -> (Option<NodeId>, Name) {
        (self.tree.parent(entry), self.tree.name(entry))
    }

    /// Forgets what was set, created and removed: it was not for an instance.
    pub fn forget_edits(&mut self) {
        self.take_written();
        self.take_removed();
        self.set_entries = SetEntries::default();
        self.end_section_at(self.clock);
    }

    /// `all_stripped`: whether something above was stripped.
    fn made_kind(&self, node: NodeId, all_stripped: bool) -> MadeKind {
        match () {
            () if !self.is_stored(node) && !self.placed.contains(&node) => MadeKind::New,
            () if all_stripped || self.stripped.contains(&node) => MadeKind::Again,
            () => MadeKind::Stays,
        }
    }

    /// Returns whether the keys of all entries of a list were read.
    fn is_list_read(&mut self, entries: &[NodeId]) -> bool {
        let keys = entries.first().and_then(|&entry| self.pattern(entry).list_keys());
        keys.is_none_or(|keys| self.coverage.covers(&keys))
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
