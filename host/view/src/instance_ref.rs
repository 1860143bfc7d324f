//! References to service instances.

use std::{fmt, sync::Arc};

use confine_tree::{Pattern, PatternStep, QName};

/// The path of a service instance, an entry of a list under `/services`, with all its keys. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceRef(Arc<Pattern>);

impl InstanceRef {
    /// Creates a reference to the instance at this path.
    pub fn new(path: Pattern) -> Self {
        Self(Arc::new(path))
    }

    /// Returns the path.
    pub fn path(&self) -> &Pattern {
        &self.0
    }

    fn entry(&self) -> Option<&PatternStep> {
        self.0.steps.last()
    }

    /// Returns the name of the list.
    pub(crate) fn list(&self) -> Option<QName<'_>> {
        self.entry().map(PatternStep::name)
    }

    /// Returns the name of the list, without a prefix.
    pub fn service(&self) -> &str {
        self.entry().map_or("", |entry| &entry.local)
    }

    /// Returns the value of the first key.
    pub fn key(&self) -> &str {
        self.entry().and_then(|entry| entry.keys.first()?.1.as_deref()).unwrap_or_default()
    }
}

/// As the controller names it: `bench[service-name='s1']`.
impl fmt::Display for InstanceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry().map_or(Ok(()), |entry| entry.fmt(f))
    }
}
