//! What instances read the last time besides what each commit reads in advance.

use std::collections::BTreeMap;

use confine_tree::Pattern;
use confine_view::InstanceRef;

/// The most bytes of paths remembered for one instance. What reads more reads on demand.
const MAX_PER_INSTANCE: usize = 16 << 10;

/// The most bytes of paths remembered for all instances.
const MAX_TOTAL: usize = 4 << 20;

/// What instances read the last time, so that the next commit reads it with its first request. Bounded, as modules
/// choose what they read.
#[derive(Debug, Default)]
pub(crate) struct RememberedReads {
    by_instance: BTreeMap<InstanceRef, Vec<Pattern>>,
    bytes: usize,
}

impl RememberedReads {
    /// Returns what is remembered of the instances that a pattern matches: one instance, those with the same first key, all
    /// of a list or all.
    pub(crate) fn of(&self, list: Pattern) -> impl Iterator<Item = &Pattern> {
        let from = self.by_instance.range(InstanceRef::new(list.clone())..);
        let matching = from.take_while(move |(instance, _)| list.covers(instance.path()));
        matching.flat_map(|(_, patterns)| patterns)
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

    fn of(reads: &RememberedReads, number: usize) -> Vec<&Pattern> {
        reads.of(instance(number).path().clone()).collect()
    }

    #[test]
    fn last_reads_of_an_instance_are_remembered() {
        let mut reads = RememberedReads::default();
        reads.replace(&instance(1), vec![read("a"), read("b")]);
        reads.replace(&instance(1), vec![read("c")]);
        assert_eq!(of(&reads, 1), [&read("c")]);
        assert_eq!(of(&reads, 2).len(), 0);
        reads.replace(&instance(12), vec![read("d")]);
        for steps in [0, 1] {
            let mut above = Pattern { steps: instance(1).path().steps[..=steps].to_vec() };
            above.steps.last_mut().unwrap().keys.clear();
            assert_eq!(reads.of(above).collect::<Vec<_>>(), [&read("c"), &read("d")]);
        }
        assert_eq!(of(&reads, 1), [&read("c")]);
        reads.replace(&instance(12), Vec::new());
        reads.replace(&instance(1), Vec::new());
        assert_eq!((of(&reads, 1).len(), reads.bytes), (0, 0));
    }

    #[test]
    fn too_many_reads_are_not_remembered() {
        let mut reads = RememberedReads::default();
        reads.replace(&instance(1), vec![read("a")]);
        reads.replace(&instance(1), (0..1000).map(|number| read(&format!("a{number}"))).collect());
        assert_eq!(of(&reads, 1).len(), 0);
        reads.replace(&instance(1), vec![read(&"a".repeat(MAX_PER_INSTANCE))]);
        assert_eq!((of(&reads, 1).len(), reads.bytes), (0, 0));
    }

    #[test]
    fn remembered_reads_are_bounded_in_total() {
        let mut reads = RememberedReads::default();
        for number in 0..20_000 {
            reads.replace(&instance(number), vec![read(&"a".repeat(400))]);
            assert!(reads.bytes <= MAX_TOTAL);
        }
        assert_eq!(of(&reads, 19_999).len(), 1);
        let counted: usize = reads.by_instance.iter().map(|(of, patterns)| size(of, patterns)).sum();
        assert_eq!(reads.bytes, counted);
    }
}
