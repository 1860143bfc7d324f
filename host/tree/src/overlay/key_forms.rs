//! Which keys and leaf-list entries may be written differently and are the same.

use std::{borrow::Cow, sync::Arc};

use super::prefixed_text::{LONGEST_COMPARED, PrefixedText};
use crate::{BoundValue, DataNodeKind, LexicalForms, Pattern, PatternStep, QName, Schema, SchemaNode};

/// The keys of a list, or the entries of a leaf-list, of which at least one value may be written differently.
#[derive(Clone)]
pub(super) struct KeyForms {
    schema: Arc<dyn Schema>,
    /// The keys in order; none of a leaf-list.
    keys: Arc<[Box<str>]>,
    /// For each key, or for the leaf-list: where its type is defined, if its values may be written differently.
    leaves: Box<[Option<SchemaNode>]>,
}

impl std::fmt::Debug for KeyForms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyForms").field("leaves", &self.leaves).finish_non_exhaustive()
    }
}

impl KeyForms {
    /// Returns the keys of a list, or the entries of a leaf-list, if a value may be written differently.
    pub(super) fn of(schema: &Arc<dyn Schema>, list: SchemaNode, namespace: &str) -> Option<Arc<Self>> {
        let keys: Arc<[Box<str>]> = schema.shared_keys(list);
        let leaves: Vec<Option<SchemaNode>> = match schema.kind(list) {
            DataNodeKind::List => {
                keys.iter().map(|key| schema.child(list, QName::new(namespace, key))).collect()
            }
            _ => vec![Some(list)],
        };
        let has_forms = |&leaf: &SchemaNode| schema.lexical_forms(leaf) != LexicalForms::One;
        let leaves: Box<_> = leaves.into_iter().map(|leaf| leaf.filter(has_forms)).collect();
        let has_any = leaves.iter().any(Option::is_some);
        has_any.then(|| Arc::new(Self { schema: schema.clone(), keys, leaves }))
    }

    /// Returns the normal form of the value of a key; the text itself if it has none.
    pub(super) fn normal<'t>(&self, key: usize, text: PrefixedText<'t>) -> Cow<'t, str> {
        match self.bound(key, text) {
            Some(bound) if bound.value != text.value => Cow::Owned(bound.value),
            _ => Cow::Borrowed(text.value),
        }
    }

    /// Returns the normal form of the value of a key with its namespaces.
    pub(super) fn bound(&self, key: usize, text: PrefixedText<'_>) -> Option<BoundValue> {
        let leaf = self.leaves.get(key).copied().flatten()?;
        let short = Some(text.value).filter(|value| value.len() <= LONGEST_COMPARED)?;
        self.schema.normal(leaf, short, &|prefix| text.namespace(prefix).map(str::to_owned))
    }

    /// Returns which key this is, if its values may be written differently.
    pub(super) fn key(&self, name: &str) -> Option<usize> {
        let key = self.keys.iter().position(|key| **key == *name)?;
        self.leaves.get(key)?.is_some().then_some(key)
    }
}

impl KeyForms {
    /// Returns the keys of the entries that the step of a path would match without the values that may be written
    /// differently.
    pub(super) fn open(&self, pattern: &Pattern, index: usize) -> Vec<Pattern> {
        let mut steps: Vec<PatternStep> = pattern.steps.iter().take(index + 1).cloned().collect();
        let Some(step) = steps.last_mut() else { return Vec::new() };
        if step.entry.is_some() {
            step.entry = Some(None);
            return vec![Pattern { steps }];
        }
        for (name, value) in &mut step.keys {
            if self.key(name).is_some() {
                *value = None;
            }
        }
        let namespace = step.namespace.clone();
        let key = |name: &str| {
            let leaf = PatternStep::new(QName::new(&namespace, name));
            Pattern { steps: steps.iter().cloned().chain([leaf]).collect() }
        };
        self.keys.iter().map(|name| key(name)).collect()
    }
}
