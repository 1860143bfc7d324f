//! Notes which nodes instances want to be there that stood before: no other instance may remove them.
//!
//! They have no value that could be another one, so nothing of them is restored: entries of lists and leaf-lists, presence
//! containers, empty leaves. Who wants a node is kept beside its original, if it has one.

use std::collections::{BTreeMap, BTreeSet};

use confine_tree::{HashSet, NodeId, NodeKind, Pattern};

use crate::{
    CommitDraft, Error, Original, OriginalChange, OwnerIndex,
    originals::{owner_name, path_text},
    run_writes::RunWrites,
};

/// The most bytes of paths that are kept of one commit.
const LONGEST_OF_ALL: usize = 4 << 20;

/// The nodes that instances want, by path, each with the names of the instances.
type WantedNodes = BTreeMap<String, (Pattern, BTreeSet<String>)>;

impl CommitDraft {
    /// Returns how the originals change: to `now`, with who wants what.
    pub(crate) fn changes_with_wanted(
        &mut self,
        mut now: BTreeMap<String, Original>,
        (written, unowned): (&[RunWrites], &HashSet<NodeId>),
        owners: &OwnerIndex,
    ) -> Result<Vec<OriginalChange>, Error> {
        let known = owners.originals();
        let mut wanted = self.still_wanted(&now, owners)?;
        let mut bytes = 0;
        for run in written {
            let owner = owner_name(&run.instance);
            for &node in run.nodes.iter().filter(|node| unowned.contains(node)) {
                self.step()?;
                if !self.is_there_only(node) || !self.stood(node) || self.overlay.place(node).is_none() {
                    continue;
                }
                let place = self.overlay.pattern(node);
                self.overlay.steps().steps(place.steps.len())?;
                let Some(path) = path_text(&place) else { continue };
                // What is on record stays there, however much it is.
                if known.get(&path).is_none_or(|known| known.wanted_by.is_empty()) {
                    bytes += path.len();
                    if bytes > LONGEST_OF_ALL {
                        continue;
                    }
                }
                let others = || self.others_want(known.get(&path));
                let (_, names) = wanted.entry(path.clone()).or_insert_with(|| (place, others()));
                names.insert(owner.clone());
            }
        }
        let paths: BTreeSet<String> = now
            .keys()
            .chain(self.originals.taken.keys())
            .chain(self.originals.kept.keys())
            .chain(wanted.keys())
            .cloned()
            .collect();
        let change = |path: String| {
            let before = known.get(&path);
            let is_taken = self.originals.taken.contains_key(&path);
            let of_others = || before.filter(|known| !is_taken && !known.owners.is_empty()).cloned();
            let changed = now.remove(&path).or_else(of_others);
            let after = match (changed, wanted.remove(&path)) {
                (Some(original), wanted) => {
                    let wanted_by = wanted.map(|(_, names)| names).unwrap_or_default();
                    Some(Original { wanted_by, ..original })
                }
                (None, Some((place, wanted_by))) if !wanted_by.is_empty() => {
                    Some(Original { wanted_by, ..Original::only_wanted(place) })
                }
                (None, _) => None,
            };
            (before != after.as_ref()).then_some((path, after))
        };
        Ok(paths.into_iter().filter_map(change).collect())
    }

    /// Returns what instances that the commit does not run or delete want, of what the others want or change.
    fn still_wanted(
        &mut self,
        now: &BTreeMap<String, Original>,
        owners: &OwnerIndex,
    ) -> Result<WantedNodes, Error> {
        let known = owners.originals();
        let mut wanted = WantedNodes::new();
        let changed = now.keys().chain(self.originals.taken.keys()).chain(self.originals.kept.keys());
        let concerned = self.originals.concerned.iter().flat_map(|instance| known.wanted_by(instance));
        let paths: BTreeSet<&str> = changed.map(String::as_str).chain(concerned).collect();
        for path in paths {
            self.overlay.steps().step()?;
            if let Some(original) = known.get(path).filter(|original| !original.wanted_by.is_empty()) {
                let others = self.others_want(Some(original));
                wanted.insert(path.to_owned(), (original.place.clone(), others));
            }
        }
        Ok(wanted)
    }

    /// Returns who wants a node of those that the commit neither runs nor deletes.
    fn others_want(&self, original: Option<&Original>) -> BTreeSet<String> {
        let names = original.into_iter().flat_map(|original| &original.wanted_by);
        names.filter(|name| !self.originals.concerned_names.contains(*name)).cloned().collect()
    }

    /// Returns whether a node has no value that could be another one: it is there, or not.
    fn is_there_only(&mut self, node: NodeId) -> bool {
        match self.overlay.kind(node) {
            NodeKind::List { .. }
            | NodeKind::LeafList
            | NodeKind::PresenceContainer
            | NodeKind::EmptyLeaf => true,
            NodeKind::Leaf | NodeKind::Container | NodeKind::AnyData | NodeKind::Unknown { .. } => false,
        }
    }
}
