//! Warnings about modules without which a commit runs.

use std::collections::HashSet;

use crate::{commit::plan::PlannedInstance, modules::membership::SuspendedModule};

/// Warnings about modules without which the others of their lists run: one for each module and list.
#[derive(Default)]
pub(crate) struct SuspendedWarnings(HashSet<(String, String)>);

impl SuspendedWarnings {
    /// Warns of the modules without which these instances run, unless it has warned of them.
    pub(crate) fn warn(&mut self, tid: u64, planned: &[PlannedInstance]) {
        for SuspendedModule { service, module, reason, .. } in self.add(planned) {
            tracing::warn!(
                tid,
                module,
                service,
                state = reason.name(),
                "a commit runs without a module of its service: what the module has made for the instances of the commit is removed"
            );
        }
    }

    /// Returns those that are new, each once.
    fn add<'p>(
        &mut self,
        planned: &'p [PlannedInstance],
    ) -> impl Iterator<Item = &'p SuspendedModule> + use<'p, '_> {
        let all = planned.iter().flat_map(|planned| &planned.service.suspended);
        all.filter(|suspended| self.0.insert((suspended.service.clone(), suspended.module.clone())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use confine_tree::{Pattern, QName};
    use confine_view::InstanceRef;

    use super::*;
    use crate::modules::membership::{ManagedService, SuspendReason};

    fn list(name: &str, suspended: &[&str]) -> PlannedInstance {
        let suspended = suspended.iter().map(|module| SuspendedModule {
            service: name.to_owned(),
            module: (*module).to_owned(),
            version: None,
            reason: SuspendReason::Disabled,
        });
        let mut service = ManagedService::new(QName::new("urn:x", name));
        service.suspended = suspended.collect();
        PlannedInstance { instance: InstanceRef::new(Pattern::default()), service: Arc::new(service) }
    }

    #[test]
    fn each_suspended_module_of_a_list_is_warned_of_once() {
        let planned = [list("x", &["a", "b"]), list("x", &["a", "b"]), list("y", &["a"])];
        let mut warnings = SuspendedWarnings::default();
        let mut warned = |planned: &[PlannedInstance]| {
            let new = warnings.add(planned).map(|new| format!("{} {}", new.service, new.module));
            new.collect::<Vec<_>>()
        };
        assert_eq!(warned(&planned), ["x a", "x b", "y a"]);
        // The commit is tried again.
        assert_eq!(warned(&planned), [""; 0]);
        assert_eq!(warned(&[list("y", &["a", "b"])]), ["y b"]);
    }
}
