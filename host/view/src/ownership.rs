//! What a run owns of what it wrote.

use std::collections::{HashMap, HashSet};

use confine_tree::{Form, NodeId, Pattern, PatternStep};

use crate::{Created, Draft, InstanceRef, Owners, Refusal, Tag};

/// What is known of a node as an object of somebody.
#[derive(Clone)]
struct Standing {
    /// Its path as in `created` lists; none where it has no such form.
    path: Option<String>,
    /// In the configuration without anything that an instance created.
    in_base: bool,
    /// The first list entry on the way to it that is not in base.
    entry: Option<NodeId>,
}

impl Draft {
    /// What each of these instances owns of what it wrote: of every node the first list entry on the
    /// path that is not in base, else the leaf, leaf-list entry or presence container that is not.
    ///
    /// *Base* is what has been read, without anything that any instance has created, be it one of these.
    /// So what another instance has created is owned by both. A plain container, a key and what is in base
    /// are never owned.
    pub(crate) fn created(
        &mut self,
        instances: &[InstanceRef],
        owners: &Owners,
    ) -> Result<Vec<(InstanceRef, Vec<Created>)>, Refusal> {
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
                        Refusal::new(Tag::InvalidValue, error.to_string()).at(place.to_string())
                    })?;
                    created.push(Created { path, place: Some(place), shared: false });
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
        owners: &Owners,
        standings: &mut HashMap<NodeId, Standing>,
    ) -> Option<NodeId> {
        let live = self.overlay.place(node)?;
        let standing = self.standing(node, owners, standings);
        if standing.entry.is_some() {
            return standing.entry;
        }
        let lone = match self.overlay.form(node) {
            Form::Leaf | Form::EmptyLeaf | Form::LeafList | Form::PresenceContainer | Form::AnyData => true,
            Form::Container | Form::List { .. } => false,
            // A leaf, as far as one can see; or a container that was created and has stayed empty.
            Form::Unknown { .. } => self.overlay.children(live).next().is_none(),
        };
        (lone && !standing.in_base && !self.is_key(node)).then_some(node)
    }

    fn standing(
        &mut self,
        node: NodeId,
        owners: &Owners,
        standings: &mut HashMap<NodeId, Standing>,
    ) -> Standing {
        let lineage = self.overlay.lineage(node);
        let known = lineage.iter().rposition(|(node, _)| standings.contains_key(node));
        let mut standing = known
            .and_then(|at| standings.get(&lineage.get(at)?.0).cloned())
            .unwrap_or(Standing { path: Some(String::new()), in_base: true, entry: None });
        for (node, step) in lineage.into_iter().skip(known.map_or(0, |at| at + 1)) {
            let list = !step.keys.is_empty();
            let path = standing.path.and_then(|above| {
                let own = Pattern { steps: vec![step] }.created().ok()?;
                Some(above + &own)
            });
            let named = path.as_deref().is_some_and(|path| owners.is_owned(path));
            let in_base = standing.in_base && self.overlay.in_base(node) && !named;
            let entry = standing.entry.or((list && !in_base).then_some(node));
            standing = Standing { path, in_base, entry };
            standings.insert(node, standing.clone());
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
