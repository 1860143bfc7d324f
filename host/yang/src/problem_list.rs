//! The problems of compiling a set of modules.

use crate::Error;
use confine_tree::HashSet;

/// The problems, each once and up to a limit: every use of a grouping repeats the problems in it.
#[derive(Debug, Default)]
pub(crate) struct ProblemList {
    pub(crate) list: Vec<Error>,
    seen: HashSet<Error>,
    limit: usize,
}

impl ProblemList {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(crate) fn push(&mut self, error: Error) {
        if self.list.len() < self.limit && self.seen.insert(error.clone()) {
            self.list.push(error);
        }
    }
}
