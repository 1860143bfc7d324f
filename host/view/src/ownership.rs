//! Decides which of the nodes that a run wrote its instance owns.

use std::collections::{HashMap, HashSet};

use confine_tree::{NodeId, NodeKind, Pattern, PatternStep};

use crate::{CallRefusal, CommitDraft, CreatedObject, ErrorTag, InstanceRef, OwnerIndex};

/// What ownership depends on for one node.
#[derive(Clone, Copy)]
struct Ownership {
    /// Whether the node is in base.
    in_base: bool,
    /// The first list entry on the path that is not in base.
    entry: Option<NodeId>,
}

impl CommitDraft {
    /// Returns what each of these instances owns of what it wrote. For every node that is the first list entry on
    /// its path that is not in base, else the leaf, leaf-list entry or presence container if it is not in base.
    ///
    /// *Base* is what was read, without what any instance has created, these included. So two instances that
    /// create the same object own it both. A plain container, a key and what is in base are never owned.
    pub(crate) fn created_objects(
        &mut self,
        instances: &[InstanceRef],
        owners: &OwnerIndex,
    ) -> Result<Vec<(InstanceRef, Vec<CreatedObject>)>, CallRefusal> {
        let mut ownerships = HashMap::new();
        let mut by_instance: HashMap<&InstanceRef, Vec<NodeId>> = HashMap::new();
        let written = std::mem::take(&mut self.written);
        for run in &written {
            by_instance.entry(&run.instance).or_default().extend(&run.nodes);
        }
        let mut all = Vec::with_capacity(instances.len());
        for instance in instances {
            let mut seen = HashSet::new();
            let mut created = Vec::new();
            for &node in by_instance.get(instance).into_iter().flatten() {
                let Some(object) = self.owned_object(node, owners, &mut ownerships) else { continue };
                if seen.insert(object) {
                    let place = self.overlay.pattern(object);
                    let path = place.created().map_err(|error| {
                        CallRefusal::new(ErrorTag::InvalidValue, error.to_string()).at(place.to_string())
                    })?;
                    created.push(CreatedObject { path, place: Some(place), shared: false });
                }
            }
            all.push((instance.clone(), created));
        }
        self.written = written;
        owners.mark_shared(&mut all);
        Ok(all)
    }

    /// Returns the object that is owned because this node was written.
    fn owned_object(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
        ownerships: &mut HashMap<NodeId, Ownership>,
    ) -> Option<NodeId> {
        let live = self.overlay.place(node)?;
        let ownership = self.ownership(node, owners, ownerships);
        if ownership.entry.is_some() {
            return ownership.entry;
        }
        let lone = match self.overlay.kind(node) {
            NodeKind::Leaf
            | NodeKind::EmptyLeaf
            | NodeKind::LeafList
            | NodeKind::PresenceContainer
            | NodeKind::AnyData => true,
            NodeKind::Container | NodeKind::List { .. } => false,
            // Either a leaf, or a container that was created and is still empty.
            NodeKind::Unknown { .. } => self.overlay.children(live).next().is_none(),
        };
        (lone && !ownership.in_base && !self.is_key(node)).then_some(node)
    }

    fn ownership(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
        ownerships: &mut HashMap<NodeId, Ownership>,
    ) -> Ownership {
        let lineage = self.overlay.lineage(node);
        let is_made = |node: &NodeId| ownerships.get(node).is_some_and(|ownership| !ownership.in_base);
        let from = lineage.iter().rposition(|(node, _)| is_made(node)).unwrap_or_default();
        let mut ownership = Ownership { in_base: true, entry: None };
        // The path in the form of `created` lists; none if it has no such form. Paths are not kept, because those
        // of all nodes together may be much longer than what was written.
        let mut path = Some(String::new());
        for (node, step) in lineage.into_iter().skip(from) {
            let list = !step.keys.is_empty();
            if ownership.in_base {
                path = path.and_then(|above| Some(above + &Pattern { steps: vec![step] }.created().ok()?));
            }
            ownership = match ownerships.get(&node) {
                Some(known) => *known,
                None => {
                    let is_owned = || path.as_deref().is_some_and(|path| owners.is_owned(path));
                    let in_base = ownership.in_base && self.overlay.in_base(node) && !is_owned();
                    let entry = ownership.entry.or((list && !in_base).then_some(node));
                    Ownership { in_base, entry }
                }
            };
            ownerships.insert(node, ownership);
        }
        ownership
    }

    fn is_key(&mut self, node: NodeId) -> bool {
        let lineage = self.overlay.lineage(node);
        let [.., (_, entry), (_, leaf)] = &lineage[..] else { return false };
        let is_key = |step: &PatternStep| step.key(&leaf.local).is_some() && step.namespace == leaf.namespace;
        is_key(entry)
    }
}
