//! Warnings about modules without which a commit runs.

use std::collections::HashSet;

use crate::{commit::plan::PlannedInstance, modules::membership::SuspendedModule};

/// Warnings about modules without which the others of their lists run: one for each module and list.
#[derive(Default)]
pub(crate) struct SuspendedWarnings(HashSet<(String, String)>);

impl SuspendedWarnings {
    /// Warns of the modules without which these instances run, unless it has warned of them.
    pub(crate) fn warn(&mut self, tid: u64, planned: &[PlannedInstance]) {
        for suspended in planned.iter().flat_map(|planned| &planned.service.suspended) {
            let SuspendedModule { service, module, reason, .. } = suspended;
            if self.0.insert((service.clone(), module.clone())) {
                tracing::warn!(
                    tid,
                    module,
                    service,
                    state = reason.name(),
                    "a commit runs without a module of its service: what the module has made for the instances of the commit is removed"
                );
            }
        }
    }
}
