//! Entries of lists whose keys are not known, found again by the leaves that they begin with.
//!
//! Keys are the first of an entry, in one order for all of its list (RFC 7950, section 7.8.5). So two that
//! begin with the same leaves, one of which has other values, are two entries; and by as many leaves as the
//! list has keys each is told from all others.

use std::collections::{BTreeMap, HashMap};

use super::{Overlay, load::has_twin};
use crate::{Name, NodeId, Tree};

/// No list that is known has more keys.
const MOST_KEYS: usize = 16;

/// So many that begin alike are not told apart any further.
const FEW: usize = 4;

/// The entries under one parent of lists whose keys are not known, as they were in the base when they were first
/// asked for.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    known: Option<HashMap<Name, Vec<NodeId>>>,
    lists: HashMap<Name, Alike>,
}

/// Entries that begin with the same leaves.
#[derive(Debug, Default)]
struct Alike {
    /// Those that go on with no leaf, or are not told apart any further.
    entries: Vec<NodeId>,
    /// The others, by name and value of their next leaf.
    longer: BTreeMap<Name, BTreeMap<Box<str>, Self>>,
}

impl Siblings {
    /// The entry that is the same as one of a fragment: it begins with the same leaf, and no other differs.
    pub(super) fn same(
        &mut self,
        overlay: &mut Overlay,
        parent: NodeId,
        name: Name,
        fragment: &Tree,
        child: NodeId,
    ) -> Option<NodeId> {
        let known = self.known.get_or_insert_with(|| {
            let mut known: HashMap<Name, Vec<NodeId>> = HashMap::new();
            for node in overlay.tree.children(parent) {
                overlay.lookup.looked += 1;
                if overlay.in_base(node) {
                    known.entry(overlay.tree.name(node)).or_default().push(node);
                }
            }
            known
        });
        if let Some(entries) = known.remove(&name) {
            self.lists.insert(name, Alike::new(overlay, entries, 0));
        }
        let mut found = Vec::new();
        self.lists.get(&name)?.find(overlay, fragment, child, 0, &mut found);
        overlay.lookup.looked += found.len();
        found.into_iter().find(|&node| !overlay.differ(node, fragment, child))
    }
}

impl Alike {
    /// Of entries whose first so many leaves are the same.
    fn new(overlay: &mut Overlay, entries: Vec<NodeId>, leaves: usize) -> Self {
        let mut alike = Self::default();
        if leaves > 0 && entries.len() <= FEW || leaves == MOST_KEYS {
            alike.entries = entries;
            return alike;
        }
        let mut longer: BTreeMap<(Name, Box<str>), Vec<NodeId>> = BTreeMap::new();
        for entry in entries {
            overlay.lookup.looked += 1 + leaves;
            match next_leaf(overlay, entry, leaves) {
                Some(leaf) => longer.entry(leaf).or_default().push(entry),
                None => alike.entries.push(entry),
            }
        }
        for ((name, value), entries) in longer {
            let longer = Self::new(overlay, entries, leaves + 1);
            alike.longer.entry(name).or_default().insert(value, longer);
        }
        alike
    }

    /// Those that may be the same as one of a fragment.
    fn find(
        &self,
        overlay: &Overlay,
        fragment: &Tree,
        child: NodeId,
        leaves: usize,
        found: &mut Vec<NodeId>,
    ) {
        let leaf = fragment.children(child).nth(leaves).filter(|&leaf| is_lone_leaf(fragment, leaf));
        let next = leaf.and_then(|leaf| {
            let value = local(fragment.value(leaf).unwrap_or_default());
            Some((overlay.tree.names().get(fragment.qname(leaf))?, value))
        });
        if leaves > 0 {
            found.extend(&self.entries);
        }
        for (name, longer) in &self.longer {
            match next {
                Some((other, value)) if other == *name => {
                    let longer = longer.get(value).into_iter();
                    longer.for_each(|alike| alike.find(overlay, fragment, child, leaves + 1, found));
                }
                // The keys have come to an end: what follows may not have been read of both.
                _ if leaves > 0 => longer.values().for_each(|alike| alike.all(found)),
                _ => {}
            }
        }
    }

    fn all(&self, found: &mut Vec<NodeId>) {
        found.extend(&self.entries);
        self.longer.values().flat_map(BTreeMap::values).for_each(|alike| alike.all(found));
    }
}

/// Name and value of the leaf that stands behind the first so many leaves of an entry, as it is in the base.
fn next_leaf(overlay: &Overlay, entry: NodeId, leaves: usize) -> Option<(Name, Box<str>)> {
    let leaf = overlay.tree.children(entry).filter(|&leaf| overlay.in_base(leaf)).nth(leaves)?;
    let name = overlay.tree.name(leaf);
    let is_leaf = is_lone_leaf(&overlay.tree, leaf)
        && !overlay.knowledge.is_leaf_list(overlay.state(entry).shape, name);
    is_leaf.then(|| (name, local(overlay.base_text(leaf).value).into()))
}

fn is_lone_leaf(tree: &Tree, node: NodeId) -> bool {
    tree.first_child(node).is_none() && !has_twin(tree, node)
}

/// What two values have in common that mean the same, however the prefix is called that they may use.
fn local(value: &str) -> &str {
    value.split_once(':').map_or(value, |(_, local)| local)
}
