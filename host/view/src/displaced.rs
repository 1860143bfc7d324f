//! What the runs displace by setting nodes of another case of a choice (RFC 7950, section 7.9).

use std::sync::Arc;

use confine_tree::{ChoiceInstance, HashSet, NodeId, SchemaNode};

use crate::{CommitDraft, Error, Scope, run_writes::RunWrites};

/// Finds displaced nodes.
#[derive(Default)]
pub(crate) struct DisplacedNodes {
    /// The cases that runs of each scope have set. Many runs may write nodes of one case.
    seen: HashSet<(*const Scope, ChoiceInstance, SchemaNode)>,
}

impl DisplacedNodes {
    /// Returns what the datastore has, does not exist now, and is in another case than a node that a run wrote; unless it was
    /// returned for an earlier run of the same scope, which decides what a run may displace.
    pub(crate) fn of(&mut self, draft: &mut CommitDraft, run: &RunWrites) -> Result<Vec<NodeId>, Error> {
        let mut displaced = Vec::new();
        if !draft.overlay.has_chosen() {
            return Ok(displaced);
        }
        let scope = Arc::as_ptr(&run.scope);
        // What a run has set and removed again has displaced other cases too.
        for &node in run.nodes.iter().chain(&run.removed) {
            for above in draft.overlay.ancestors(node) {
                draft.step()?;
                let choices = draft.overlay.choices(above);
                for (choice, case) in choices {
                    if draft.overlay.is_chosen(choice, case) && self.seen.insert((scope, choice, case)) {
                        let mut others = draft.overlay.in_other_cases(choice, case);
                        let visited = draft.overlay.take_visited();
                        draft.steps().steps(visited)?;
                        others.retain(|&other| {
                            draft.overlay.in_base(other) && draft.overlay.place(other).is_none()
                        });
                        displaced.extend(others);
                    }
                }
            }
        }
        Ok(displaced)
    }
}
