//! What runs did not see of data that they saw in part, because of access control.
//!
//! A module takes what it does not see for absent. What its instance loses then may be lost for that reason alone, unless an
//! earlier run, which lost nothing, did not see it either.

use std::collections::{BTreeSet, HashMap};

use confine_view::{InstanceRef, PartialSight};

/// The most nodes that are remembered of one instance. If more are hidden, nothing is.
const MAX_PER_INSTANCE: usize = 1_000;

/// The most nodes that are remembered of all instances.
const MAX_TOTAL: usize = 200_000;

/// What was hidden from the last run of each instance.
#[derive(Debug, Default)]
pub(crate) struct RememberedSights {
    by_instance: HashMap<InstanceRef, BTreeSet<u64>>,
    nodes: usize,
}

impl RememberedSights {
    /// Returns whether the last run of the instance did not see any of these nodes either.
    pub(crate) fn knows(&self, sight: &PartialSight) -> bool {
        self.by_instance.get(&sight.first.instance).is_some_and(|known| sight.nodes.is_subset(known))
    }

    /// Replaces what is remembered of instances that ran, and lost nothing of which that is not certain.
    pub(crate) fn replace<'i>(
        &mut self,
        ran: impl IntoIterator<Item = &'i InstanceRef>,
        sights: &[PartialSight],
    ) {
        let mut by_instance: HashMap<&InstanceRef, BTreeSet<u64>> = HashMap::new();
        for PartialSight { first, nodes } in sights {
            by_instance.entry(&first.instance).or_default().extend(nodes);
        }
        for instance in ran {
            if let Some(before) = self.by_instance.remove(instance) {
                self.nodes = self.nodes.saturating_sub(before.len());
            }
            let Some(nodes) = by_instance.remove(instance) else { continue };
            if nodes.len() > MAX_PER_INSTANCE {
                continue;
            }
            if self.nodes.saturating_add(nodes.len()) > MAX_TOTAL {
                *self = Self::default();
            }
            self.nodes += nodes.len();
            self.by_instance.insert(instance.clone(), nodes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use confine_tree::{CONTROLLER, Pattern, PatternStep, QName};
    use confine_view::HiddenRead;

    use super::*;

    fn instance(id: usize) -> InstanceRef {
        let mut entry = PatternStep::new(QName::new("urn:s", "s"));
        entry.keys.push(("id".into(), Some(id.to_string())));
        InstanceRef::new(Pattern { steps: vec![PatternStep::new(QName::new(CONTROLLER, "services")), entry] })
    }

    fn sight(id: usize, nodes: impl IntoIterator<Item = u64>) -> PartialSight {
        let (module, reason): (Arc<str>, Arc<str>) = ("m".into(), "r".into());
        let first = HiddenRead { instance: instance(id), module, node: Pattern::default(), reason };
        PartialSight { first, nodes: nodes.into_iter().collect() }
    }

    #[test]
    fn what_was_hidden_before_is_known() {
        let mut sights = RememberedSights::default();
        assert!(!sights.knows(&sight(1, [1])));
        sights.replace([&instance(1)], &[sight(1, [1, 2]), sight(1, [3]), sight(2, [9])]);
        assert!(sights.knows(&sight(1, [1, 3])) && !sights.knows(&sight(1, [1, 4])));
        assert!(!sights.knows(&sight(2, [9])));
        // Now it sees all.
        sights.replace([&instance(1)], &[]);
        assert!(!sights.knows(&sight(1, [1])));
        assert_eq!(sights.nodes, 0);
    }

    #[test]
    fn remembered_sights_are_bounded() {
        let mut sights = RememberedSights::default();
        let most = MAX_PER_INSTANCE as u64;
        sights.replace([&instance(0)], &[sight(0, 0..most + 1)]);
        assert!(!sights.knows(&sight(0, [1])));
        for id in 0..MAX_TOTAL / MAX_PER_INSTANCE + 1 {
            sights.replace([&instance(id)], &[sight(id, 0..most)]);
            assert!(sights.nodes <= MAX_TOTAL && sights.knows(&sight(id, [1])));
        }
        assert!(!sights.knows(&sight(0, [1])));
    }
}
