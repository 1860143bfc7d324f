//! What instances read without a declaration of their modules.

use std::collections::HashMap;

use confine_tree::Pattern;
use confine_view::InstanceRef;

/// The most bytes of paths remembered for one instance. A module that reads more should declare it.
const MAX_PER_INSTANCE: usize = 16 << 10;

/// The most bytes of paths remembered for all instances.
const MAX_TOTAL: usize = 4 << 20;

/// What instances read the last time, so that the next commit reads it with its first request. Bounded, as modules
/// choose what they read.
#[derive(Debug, Default)]
pub(crate) struct UndeclaredReads {
    by_instance: HashMap<InstanceRef, Vec<Pattern>>,
    bytes: usize,
}

impl UndeclaredReads {
    pub(crate) fn of(&self, instance: &InstanceRef) -> &[Pattern] {
        self.by_instance.get(instance).map_or(&[], Vec::as_slice)
    }

    /// Replaces what is remembered of an instance. Nothing is remembered if the patterns are too large.
    pub(crate) fn replace(&mut self, instance: &InstanceRef, patterns: Vec<Pattern>) {
        if let Some(previous) = self.by_instance.remove(instance) {
            self.bytes = self.bytes.saturating_sub(size(instance, &previous));
        }
        let bytes = size(instance, &patterns);
        if patterns.is_empty() || bytes > MAX_PER_INSTANCE {
            return;
        }
        if self.bytes.saturating_add(bytes) > MAX_TOTAL {
            *self = Self::default();
        }
        self.bytes += bytes;
        self.by_instance.insert(instance.clone(), patterns);
    }
}

/// Returns about how many bytes the patterns take.
fn size(instance: &InstanceRef, patterns: &[Pattern]) -> usize {
    const STEP: usize = 64;
    let namespaces = |pattern: &Pattern| pattern.steps.iter().map(|step| step.namespace.len()).sum::<usize>();
    let one =
        |pattern: &Pattern| pattern.to_string().len() + namespaces(pattern) + STEP * pattern.steps.len();
    patterns.iter().chain([instance.path()]).map(one).sum()
}

#[cfg(test)]
mod tests {
    use confine_tree::{CONTROLLER, PatternStep, QName};

    use super::*;

    fn instance(number: usize) -> InstanceRef {
        let mut entry = PatternStep::new(QName::new("urn:b", "bench"));
        entry.keys.push(("id".into(), Some(number.to_string())));
        InstanceRef::new(Pattern { steps: vec![PatternStep::new(QName::new(CONTROLLER, "services")), entry] })
    }

    fn read(name: &str) -> Pattern {
        Pattern { steps: vec![PatternStep::new(QName::new("urn:x", name))] }
    }

    #[test]
    fn last_reads_of_an_instance_are_remembered() {
        let mut reads = UndeclaredReads::default();
        reads.replace(&instance(1), vec![read("a"), read("b")]);
        reads.replace(&instance(1), vec![read("c")]);
        assert_eq!(reads.of(&instance(1)), [read("c")]);
        assert_eq!(reads.of(&instance(2)), []);
        reads.replace(&instance(1), Vec::new());
        assert_eq!((reads.of(&instance(1)).len(), reads.bytes), (0, 0));
    }

    #[test]
    fn too_many_undeclared_reads_are_not_remembered() {
        let mut reads = UndeclaredReads::default();
        reads.replace(&instance(1), vec![read("a")]);
        reads.replace(&instance(1), (0..1000).map(|number| read(&format!("a{number}"))).collect());
        assert_eq!(reads.of(&instance(1)), []);
        reads.replace(&instance(1), vec![read(&"a".repeat(MAX_PER_INSTANCE))]);
        assert_eq!((reads.of(&instance(1)).len(), reads.bytes), (0, 0));
    }

    #[test]
    fn remembered_reads_are_bounded_in_total() {
        let mut reads = UndeclaredReads::default();
        for number in 0..20_000 {
            reads.replace(&instance(number), vec![read(&"a".repeat(400))]);
            assert!(reads.bytes <= MAX_TOTAL);
        }
        assert_eq!(reads.of(&instance(19_999)).len(), 1);
        let counted: usize = reads.by_instance.iter().map(|(of, patterns)| size(of, patterns)).sum();
        assert_eq!(reads.bytes, counted);
    }
}
