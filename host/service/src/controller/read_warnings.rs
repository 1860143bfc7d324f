//! Warnings about what modules read, each logged once.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use confine_sandbox::{Module, text};
use confine_view::{CallRefusal, UndeclaredReadReporter};

use crate::error_chain::error_chain;

/// The most warnings that are remembered. Modules choose what they read and declare.
const MOST: usize = 1000;

/// The most bytes of a path in a warning.
const PATH: usize = 1000;

/// The warnings that have been logged.
#[derive(Debug, Default)]
pub(crate) struct ReadWarnings(Mutex<HashSet<(String, String)>>);

impl ReadWarnings {
    /// Warns that a declared path permits nothing, because it cannot be resolved.
    pub(crate) fn unresolved(&self, module: &Module, refusal: &CallRefusal) {
        let reason = error_chain(refusal);
        if self.is_new(module.to_string(), &reason) {
            let path = text::line(refusal.path.as_deref().unwrap_or_default(), PATH);
            tracing::warn!(%module, path, reason, "a path in the description of a module permits nothing");
        }
    }

    fn is_new(&self, module: String, what: &str) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = logged.len() < MOST && logged.insert((module, text::line(what, PATH)));
        if is_new && logged.len() == MOST {
            tracing::warn!("no more warnings of this kind are logged: there are too many");
        }
        is_new
    }
}

impl UndeclaredReadReporter for ReadWarnings {
    fn undeclared(&self, module: &str, path: &str) {
        if self.is_new(module.to_owned(), path) {
            let path = text::line(path, PATH);
            tracing::warn!(
                module,
                path,
                "a module reads what its description does not declare: add the path to `reads` there"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_is_new_once_and_their_number_is_limited() {
        let warnings = ReadWarnings::default();
        assert!(warnings.is_new("a".into(), "/x"));
        assert!(!warnings.is_new("a".into(), "/x"));
        assert!(warnings.is_new("b".into(), "/x"));
        let new = (0..2 * MOST).filter(|number| warnings.is_new("a".into(), &number.to_string()));
        assert_eq!(new.count(), MOST - 2);
    }
}
