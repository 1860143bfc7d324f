//! Interned steps of paths.

use std::hash::BuildHasher as _;

use confine_tree::{HashState, QName};
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
    namespace_table: HashTable<u32>,
    texts: String,
    /// Where each text ends, and the number of its namespace.
    steps: Vec<(u32, u32)>,
    /// The last step of each text.
    last_of_text: HashTable<u32>,
    /// The steps whose text is in several namespaces, each with the one before it that has the same text. They are few.
    several: HashTable<(u32, Option<u32>)>,
    hasher: HashState,
}

impl StepNames {
    /// Returns the number of a step, and assigns one if the step is new.
    pub(crate) fn intern(&mut self, step: QName<'_>) -> StepName {
        if let Some(known) = self.get(step) {
            return known;
        }
        let namespace = self.intern_namespace(step.namespace);
        self.texts.push_str(step.local);
        let number = number(self.steps.len());
        self.steps.push((self::number(self.texts.len()), namespace));
        let Self { namespaces, texts, steps, last_of_text, several, hasher, .. } = self;
        let resolve = |other: u32| resolve(namespaces, texts, steps, other);
        let of_text = |&other: &u32| hasher.hash_one(resolve(other).local);
        match last_of_text.find_mut(of_text(&number), |&other| resolve(other).local == step.local) {
            None => drop(last_of_text.insert_unique(of_text(&number), number, of_text)),
            Some(last) => {
                let before = std::mem::replace(last, number);
                let of_step = |&(other, _): &(u32, _)| hasher.hash_one(resolve(other));
                if several.find(of_step(&(before, None)), |&(other, _)| other == before).is_none() {
                    several.insert_unique(of_step(&(before, None)), (before, None), of_step);
                }
                several.insert_unique(of_step(&(number, None)), (number, Some(before)), of_step);
            }
        }
        StepName(number)
    }

    fn intern_namespace(&mut self, namespace: &str) -> u32 {
        let Self { namespaces, namespace_table, hasher, .. } = self;
        let text = |number: u32| namespaces.get(number as usize).map_or("", |namespace| namespace);
        let hash = hasher.hash_one(namespace);
        if let Some(&known) = namespace_table.find(hash, |&other| text(other) == namespace) {
            return known;
        }
        let number = number(namespaces.len());
        namespace_table.insert_unique(hash, number, |&other| hasher.hash_one(text(other)));
        namespaces.push(namespace.into());
        number
    }

    /// Returns the number of a step, if it has one.
    pub(crate) fn get(&self, step: QName<'_>) -> Option<StepName> {
        let last = self.last_of_text(step.local)?;
        if self.resolve(last) == step {
            return Some(last);
        }
        let is_step = |&(other, _): &(u32, _)| self.resolve(StepName(other)) == step;
        self.several.find(self.hasher.hash_one(step), is_step).map(|&(step, _)| StepName(step))
    }

    fn last_of_text(&self, text: &str) -> Option<StepName> {
        let is_last = |&other: &u32| self.resolve(StepName(other)).local == text;
        self.last_of_text.find(self.hasher.hash_one(text), is_last).copied().map(StepName)
    }

    /// Returns the number of bytes of all texts.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Returns the step with this number.
    pub(crate) fn resolve(&self, step: StepName) -> QName<'_> {
        resolve(&self.namespaces, &self.texts, &self.steps, step.0)
    }

    /// Returns the steps that have this text, in all namespaces.
    pub(crate) fn of_text(&self, text: &str) -> impl Iterator<Item = StepName> {
        std::iter::successors(self.last_of_text(text), |&step| {
            let hash = self.hasher.hash_one(self.resolve(step));
            let (_, before) = self.several.find(hash, |&(other, _)| other == step.0)?;
            before.map(StepName)
        })
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
    use std::collections::HashSet;

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
            for (_, text) in &steps {
                let of_text: HashSet<&str> = names.of_text(text).map(|step| names.resolve(step).namespace).collect();
                let all = steps.iter().filter(|(_, other)| other == text).map(|(namespace, _)| &**namespace);
                prop_assert_eq!(names.of_text(text).count(), of_text.len());
                prop_assert_eq!(of_text, all.collect::<HashSet<&str>>());
            }
            prop_assert_eq!(names.of_text("w").count(), 0);
        }
    }
}
