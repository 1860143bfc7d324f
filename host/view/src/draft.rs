//! What one commit works on.

use std::sync::Arc;

use confine_tree::{Pattern, Schema};

use crate::Source;

/// What one commit works on: what was read of the datastore, and what the modules have made of it so
/// far. Each view of the commit owns it in turn.
pub struct Draft {
    pub(crate) schema: Arc<dyn Schema>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) fetched: Vec<Pattern>,
}

impl Draft {
    /// Nothing is read yet.
    pub fn new(schema: Arc<dyn Schema>, source: Arc<dyn Source>) -> Self {
        Self { schema, source, fetched: Vec::new() }
    }

    /// What had to be read during the calls because nobody had declared it, in order: what the next
    /// commit had better ask for at once.
    pub fn fetched(&self) -> &[Pattern] {
        &self.fetched
    }
}
