//! What a run owns of what it wrote.

use std::collections::{HashMap, HashSet};

use confine_tree::{NodeId, NodeKind, Pattern, PatternStep};

use crate::{CallRefusal, CommitDraft, CreatedObject, ErrorTag, InstanceRef, OwnerIndex};

/// What is known of a node as an object of somebody.
#[derive(Clone, Copy)]
struct Ownership {
    /// In the configuration without anything that an instance created.
    in_base: bool,
    /// The first list entry on the way to it that is not in base.
    entry: Option<NodeId>,
}

impl CommitDraft {
    /// What each of these instances owns of what it wrote: of every node the first list entry on the
    /// path that is not in base, else the leaf, leaf-list entry or presence container that is not.
    ///
    /// *Base* is what has been read, without anything that any instance has created, be it one of these.
    /// So what another instance has created is owned by both. A plain container, a key and what is in base
    /// are never owned.
    pub(crate) fn created(
        &mut self,
        instances: &[InstanceRef],
        owners: &OwnerIndex,
    ) -> Result<Vec<(InstanceRef, Vec<CreatedObject>)>, CallRefusal> {
        let mut standings = HashMap::new();
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
                let Some(object) = self.object(node, owners, &mut standings) else { continue };
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
        owners.share(&mut all);
        Ok(all)
    }

    /// The object to own for the sake of a node that was written.
    fn object(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
        standings: &mut HashMap<NodeId, Ownership>,
    ) -> Option<NodeId> {
        let live = self.overlay.place(node)?;
        let standing = self.standing(node, owners, standings);
        if standing.entry.is_some() {
            return standing.entry;
        }
        let lone = match self.overlay.kind(node) {
            NodeKind::Leaf
            | NodeKind::EmptyLeaf
            | NodeKind::LeafList
            | NodeKind::PresenceContainer
            | NodeKind::AnyData => true,
            NodeKind::Container | NodeKind::List { .. } => false,
            // A leaf, as far as one can see; or a container that was created and has stayed empty.
            NodeKind::Unknown { .. } => self.overlay.children(live).next().is_none(),
        };
        (lone && !standing.in_base && !self.is_key(node)).then_some(node)
    }

    fn standing(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
        standings: &mut HashMap<NodeId, Ownership>,
    ) -> Ownership {
        let lineage = self.overlay.lineage(node);
        let is_made = |node: &NodeId| standings.get(node).is_some_and(|standing| !standing.in_base);
        let from = lineage.iter().rposition(|(node, _)| is_made(node)).unwrap_or_default();
        let mut standing = Ownership { in_base: true, entry: None };
        // As in `created` lists, for as long as it matters: none where it has no such form. It is not kept, for
        // the paths of all nodes may be much longer than what was written.
        let mut path = Some(String::new());
        for (node, step) in lineage.into_iter().skip(from) {
            let list = !step.keys.is_empty();
            if standing.in_base {
                path = path.and_then(|above| Some(above + &Pattern { steps: vec![step] }.created().ok()?));
            }
            standing = match standings.get(&node) {
                Some(known) => *known,
                None => {
                    let is_owned = || path.as_deref().is_some_and(|path| owners.is_owned(path));
                    let in_base = standing.in_base && self.overlay.in_base(node) && !is_owned();
                    let entry = standing.entry.or((list && !in_base).then_some(node));
                    Ownership { in_base, entry }
                }
            };
            standings.insert(node, standing);
        }
        standing
    }

    fn is_key(&mut self, node: NodeId) -> bool {
        let lineage = self.overlay.lineage(node);
        let [.., (_, entry), (_, leaf)] = &lineage[..] else { return false };
        let is_key = |step: &PatternStep| step.key(&leaf.local).is_some() && step.namespace == leaf.namespace;
        is_key(entry)
    }
}
