//! Interned steps of paths.

use std::hash::{BuildHasher as _, RandomState};

use confine_tree::QName;
use hashbrown::HashTable;

/// The number of a step in one [`StepNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StepName(u32);

impl StepName {
    /// The first number.
    pub(crate) const FIRST: Self = Self(0);
}

/// Steps, each a namespace and a text. Their texts are kept one after another: most are the keys of one list entry, and a
/// string for each would take more than its text.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepNames {
    namespaces: Vec<Box<str>>,
    texts: String,
    /// Where each text ends, and the number of its namespace.
    steps: Vec<(u32, u32)>,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl StepNames {
    /// Returns the number of a step, and assigns one if the step is new.
    pub(crate) fn intern(&mut self, step: QName<'_>) -> StepName {
        if let Some(known) = self.get(step) {
            return known;
        }
        let namespace = match self.namespaces.iter().position(|namespace| **namespace == *step.namespace) {
            Some(known) => known,
            None => {
                self.namespaces.push(step.namespace.into());
                self.namespaces.len() - 1
            }
        };
        self.texts.push_str(step.local);
        let number = number(self.steps.len());
        self.steps.push((self::number(self.texts.len()), self::number(namespace)));
        let hash = self.hasher.hash_one(step);
        let Self { namespaces, texts, steps, table, hasher } = self;
        table.insert_unique(hash, number, |&other| hasher.hash_one(resolve(namespaces, texts, steps, other)));
        StepName(number)
    }

    /// Returns the number of a step, if it has one.
    pub(crate) fn get(&self, step: QName<'_>) -> Option<StepName> {
        let found =
            self.table.find(self.hasher.hash_one(step), |&other| self.resolve(StepName(other)) == step);
        found.copied().map(StepName)
    }

    /// Returns the number of bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Returns the step with this number.
    pub(crate) fn resolve(&self, step: StepName) -> QName<'_> {
        resolve(&self.namespaces, &self.texts, &self.steps, step.0)
    }

    /// Returns the namespaces in which there are steps.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(|namespace| &**namespace)
    }
}

fn resolve<'a>(namespaces: &'a [Box<str>], texts: &'a str, steps: &[(u32, u32)], step: u32) -> QName<'a> {
    let step = step as usize;
    let from = step.checked_sub(1).and_then(|before| steps.get(before)).map_or(0, |(end, _)| *end);
    let (end, namespace) = steps.get(step).copied().unwrap_or_default();
    let namespace = namespaces.get(namespace as usize).map_or("", |namespace| namespace);
    QName::new(namespace, texts.get(from as usize..end as usize).unwrap_or_default())
}

/// Numbers have 32 bits: an index of four gigabytes of text is more than any controller holds.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_are_numbered_once(steps in prop::collection::vec(("[ab]?", "[xyz]{0,3}"), 0..50)) {
            let mut names = StepNames::default();
            for (namespace, local) in &steps {
                let step = QName::new(namespace, local);
                let number = names.intern(step);
                prop_assert_eq!(names.resolve(number), step);
                prop_assert_eq!(names.intern(step), number);
            }
            for (namespace, local) in &steps {
                let step = QName::new(namespace, local);
                prop_assert_eq!(names.get(step).map(|number| names.resolve(number)), Some(step));
            }
            prop_assert_eq!(names.get(QName::new("a", "w")), None);
        }
    }
}
