//! What the runs displace by setting nodes of another case of a choice (RFC 7950, section 7.9).

use std::collections::{HashMap, HashSet};

use confine_tree::{ChoiceInstance, NodeId, Pattern, SchemaNode};

use crate::{CommitDraft, Error, run_writes::RunWrites};

/// What is known of displaced nodes. Many runs may write nodes of one case.
#[derive(Default)]
pub(crate) struct DisplacedNodes {
    known: HashMap<(ChoiceInstance, SchemaNode), Vec<NodeId>>,
}

impl DisplacedNodes {
    /// Returns what the datastore has, does not exist now, and is in another case than a node that a run wrote.
    pub(crate) fn of(&mut self, draft: &mut CommitDraft, run: &RunWrites) -> Result<Vec<NodeId>, Error> {
        let mut displaced = Vec::new();
        let mut seen = HashSet::new();
        // What a run has set and removed again has displaced other cases too.
        for &node in run.nodes.iter().chain(&run.removed) {
            for above in draft.overlay.ancestors(node) {
                draft.step()?;
                let choices = draft.overlay.choices(above);
                for (choice, case) in choices {
                    if draft.overlay.is_chosen(choice, case) && seen.insert((choice, case)) {
                        displaced.extend(self.displaced_by(draft, choice, case)?);
                    }
                }
            }
        }
        Ok(displaced)
    }

    fn displaced_by(
        &mut self,
        draft: &mut CommitDraft,
        choice: ChoiceInstance,
        case: SchemaNode,
    ) -> Result<Vec<NodeId>, Error> {
        if let Some(known) = self.known.get(&(choice, case)) {
            return Ok(known.clone());
        }
        let others = draft.overlay.in_other_cases(choice, case);
        draft.steps().steps(others.len())?;
        let is_gone = |&other: &NodeId| draft.overlay.in_base(other) && draft.overlay.place(other).is_none();
        let gone: Vec<NodeId> = others.into_iter().filter(is_gone).collect();
        self.known.insert((choice, case), gone.clone());
        Ok(gone)
    }
}

impl CommitDraft {
    /// Returns what to read to know what the runs displace.
    pub(crate) fn other_cases(&mut self) -> Result<Vec<Pattern>, Error> {
        let mut wanted = Vec::new();
        for (choice, case) in self.overlay.chosen_cases() {
            let others = self.overlay.other_cases(choice, case);
            self.overlay.steps().steps(others.len() + 1)?;
            wanted.extend(others);
        }
        Ok(wanted)
    }
}
