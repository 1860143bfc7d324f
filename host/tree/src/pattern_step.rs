//! The steps of paths with resolved names.

use std::{
    cmp::Ordering,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use crate::QName;

/// One step of a [`Pattern`](crate::Pattern).
///
/// Copies share what they consist of: paths are copied often, and differ in few steps. A copy that is changed gets its own.
#[derive(Clone, Debug, Default, Eq, Hash)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "the same is equal as if it were derived")]
pub struct PatternStep(Arc<StepParts>);

/// What a [`PatternStep`] consists of.
#[derive(Clone, Debug, Default, Eq, Hash)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "the same is equal as if it were derived")]
pub struct StepParts {
    /// The namespace of the node. Names are shared, because there are many steps of one name.
    pub namespace: Arc<str>,
    /// The name of the node without a prefix.
    pub local: Arc<str>,
    /// The keys of a list entry, as local name (a key is in its list's namespace) and value; none for any
    /// value.
    pub keys: Vec<(Box<str>, Option<String>)>,
    /// Set if the node is known to be an entry of a leaf-list: its value, or none for any value.
    pub entry: Option<Option<String>>,
}

impl Deref for PatternStep {
    type Target = StepParts;

    #[inline]
    fn deref(&self) -> &StepParts {
        &self.0
    }
}

impl DerefMut for PatternStep {
    #[inline]
    fn deref_mut(&mut self) -> &mut StepParts {
        Arc::make_mut(&mut self.0)
    }
}

impl PartialEq for PatternStep {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl PartialEq for StepParts {
    fn eq(&self, other: &Self) -> bool {
        self.has_name_of(other) && self.keys == other.keys && self.entry == other.entry
    }
}

impl PartialOrd for PatternStep {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PatternStep {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for StepParts {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By namespace, local name, keys and value.
impl Ord for StepParts {
    fn cmp(&self, other: &Self) -> Ordering {
        let names = |one: &Arc<str>, other: &Arc<str>| match Arc::ptr_eq(one, other) {
            true => Ordering::Equal,
            false => one.cmp(other),
        };
        names(&self.namespace, &other.namespace)
            .then_with(|| names(&self.local, &other.local))
            .then_with(|| self.keys.cmp(&other.keys))
            .then_with(|| self.entry.cmp(&other.entry))
    }
}

impl StepParts {
    /// Returns whether two steps have the same name.
    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        // Most names that are compared are shared.
        let is_same = |one: &Arc<str>, other: &Arc<str>| Arc::ptr_eq(one, other) || one == other;
        is_same(&self.local, &other.local) && is_same(&self.namespace, &other.namespace)
    }
}

impl PatternStep {
    /// Returns whether two steps are copies of one.
    pub(crate) fn is_copy_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Creates a step without predicates.
    pub fn new(name: QName<'_>) -> Self {
        Self::shared(name.namespace.into(), name.local.into())
    }

    /// Creates a step without predicates of a name that is shared.
    pub(crate) fn shared(namespace: Arc<str>, local: Arc<str>) -> Self {
        Self(Arc::new(StepParts { namespace, local, keys: Vec::new(), entry: None }))
    }

    /// Returns the step's name.
    pub fn name(&self) -> QName<'_> {
        QName::new(&self.namespace, &self.local)
    }
}
