//! What instances turned out to read without their modules having declared it.

use std::collections::HashMap;

use confine_tree::Pattern;
use confine_view::InstanceRef;

/// Bytes of paths that are remembered of one instance. A module that reads more than that one by one does
/// not need the same again, or should declare it.
const ONE: usize = 16 << 10;

/// Bytes of paths that are remembered of all.
const ALL: usize = 4 << 20;

/// What instances read the last time, to be asked for at once the next. It is a help and no more, so it
/// has bounds: what modules read, a stranger chooses.
#[derive(Debug, Default)]
pub(crate) struct UndeclaredReads {
    by_instance: HashMap<InstanceRef, Vec<Pattern>>,
    bytes: usize,
}

impl UndeclaredReads {
    pub(crate) fn of(&self, instance: &InstanceRef) -> &[Pattern] {
        self.by_instance.get(instance).map_or(&[], Vec::as_slice)
    }

    /// Takes these in the place of what was known of the instance; none, if they are too many.
    pub(crate) fn replace(&mut self, instance: &InstanceRef, patterns: Vec<Pattern>) {
        if let Some(known) = self.by_instance.remove(instance) {
            self.bytes = self.bytes.saturating_sub(size(instance, &known));
        }
        let bytes = size(instance, &patterns);
        if patterns.is_empty() || bytes > ONE {
            return;
        }
        if self.bytes.saturating_add(bytes) > ALL {
            *self = Self::default();
        }
        self.bytes += bytes;
        self.by_instance.insert(instance.clone(), patterns);
    }
}

/// About the bytes that they take, each step counting a little besides its text.
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
    fn the_last_reads_are_remembered() {
        let mut remembered = UndeclaredReads::default();
        remembered.replace(&instance(1), vec![read("a"), read("b")]);
        remembered.replace(&instance(1), vec![read("c")]);
        assert_eq!(remembered.of(&instance(1)), [read("c")]);
        assert_eq!(remembered.of(&instance(2)), []);
        remembered.replace(&instance(1), Vec::new());
        assert_eq!((remembered.of(&instance(1)).len(), remembered.bytes), (0, 0));
    }

    #[test]
    fn an_instance_that_reads_everything_is_not() {
        let mut remembered = UndeclaredReads::default();
        remembered.replace(&instance(1), vec![read("a")]);
        remembered.replace(&instance(1), (0..1000).map(|number| read(&format!("a{number}"))).collect());
        assert_eq!(remembered.of(&instance(1)), []);
        remembered.replace(&instance(1), vec![read(&"a".repeat(ONE))]);
        assert_eq!((remembered.of(&instance(1)).len(), remembered.bytes), (0, 0));
    }

    #[test]
    fn all_together_have_an_end() {
        let mut remembered = UndeclaredReads::default();
        for number in 0..20_000 {
            remembered.replace(&instance(number), vec![read(&"a".repeat(400))]);
            assert!(remembered.bytes <= ALL);
        }
        assert_eq!(remembered.of(&instance(19_999)).len(), 1);
        let counted: usize = remembered.by_instance.iter().map(|(of, patterns)| size(of, patterns)).sum();
        assert_eq!(remembered.bytes, counted);
    }
}
