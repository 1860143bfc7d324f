//! The values that the runs of a commit set, and the first two that differ.

use std::collections::hash_map::Entry;

use confine_tree::{HashMap, NodeId, Overlay, Pattern};

use crate::{CallRefusal, ErrorTag, InstanceRef, Scope, run_writes::RunWrites};

/// Who has set what in this commit.
#[derive(Default)]
pub(crate) struct WrittenValues {
    /// The instance that set a node last, and the value in a form that can be compared.
    by_node: HashMap<NodeId, (InstanceRef, String)>,
    /// The first two values that differ.
    conflict: Option<CallRefusal>,
}

impl WrittenValues {
    /// Takes the first conflict, if there is one.
    pub(crate) fn take_conflict(&mut self) -> Option<CallRefusal> {
        self.conflict.take()
    }

    /// Records what a run has set.
    pub(crate) fn record(&mut self, overlay: &mut Overlay, run: &RunWrites) {
        for &node in &run.nodes {
            let value = overlay.meaning(node);
            let known = match self.by_node.entry(node) {
                Entry::Vacant(unset) => {
                    unset.insert((run.instance.clone(), value));
                    continue;
                }
                Entry::Occupied(known) => known.into_mut(),
            };
            let (other, before) = std::mem::replace(known, (run.instance.clone(), value));
            let (_, value) = known;
            let differs = other != run.instance && before != *value;
            if differs && self.conflict.is_none() && !run.scope.last_wins() {
                let place = overlay.pattern(node);
                let (before, value) = (shown(&before), shown(value));
                let what = format!(
                    "`{other}` sets `{place}` to `{before}`, and `{}` to `{value}` in the same commit",
                    run.instance
                );
                self.conflict = Some(conflict(&what, &place, &run.scope));
            }
        }
    }
}

/// Returns the refusal of a commit in which two instances disagree about a node.
pub(crate) fn conflict(what: &str, place: &Pattern, scope: &Scope) -> CallRefusal {
    let message = format!(
        "conflict: {what}\n\
         hint: let only one of them do it; or let the last one win with `conflicts = \"last-wins\"` in the \
         table of module `{}` in Confine's own file",
        scope.module()
    );
    CallRefusal::new(ErrorTag::OperationFailed, message).at(place.to_string())
}

/// Returns a value in the form that is compared as messages show it, without its namespace.
fn shown(value: &str) -> &str {
    value.rsplit('\0').next().unwrap_or_default()
}
