//! Which cases of choices the edits have chosen.

use crate::{HashMap, NodeId, SchemaNode};

/// A choice in one parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChoiceInstance {
    /// The node that has the nodes of the choice as children.
    pub parent: NodeId,
    /// The choice.
    pub choice: SchemaNode,
}

/// Which cases the edits have chosen, the last one of which exists.
#[derive(Clone, Debug, Default)]
pub(super) struct ChosenCases {
    chosen: HashMap<ChoiceInstance, Vec<SchemaNode>>,
    /// The choices of which a case was chosen, in order.
    log: Vec<ChoiceInstance>,
}

impl ChosenCases {
    /// Chooses a case.
    pub(super) fn choose(&mut self, choice: ChoiceInstance, case: SchemaNode) {
        self.chosen.entry(choice).or_default().push(case);
        self.log.push(choice);
    }

    /// Returns whether no case was chosen.
    pub(super) fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// Forgets how to go back.
    pub(super) fn forget_log(&mut self) {
        self.log.clear();
    }

    /// Returns how many times a case was chosen since then.
    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    /// Goes back to when so many cases had been chosen.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.log.len() > len
            && let Some(choice) = self.log.pop()
        {
            let cases = self.chosen.get_mut(&choice);
            if cases.is_some_and(|cases| cases.pop().is_some() && cases.is_empty()) {
                self.chosen.remove(&choice);
            }
        }
    }

    /// Returns the cases that were chosen, in order.
    pub(super) fn of(&self, choice: ChoiceInstance) -> &[SchemaNode] {
        self.chosen.get(&choice).map_or(&[], |cases| cases)
    }

    /// Returns all choices, each with the case that was chosen, if it is the only one.
    pub(super) fn all(&self) -> impl Iterator<Item = (ChoiceInstance, Option<SchemaNode>)> {
        self.chosen.iter().map(|(&choice, cases)| {
            let first = cases.first().copied();
            (choice, first.filter(|first| cases.iter().all(|case| case == first)))
        })
    }
}
