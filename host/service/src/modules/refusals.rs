//! The files that were refused, so that none is compiled again after a restart.

use std::collections::VecDeque;

use confine_sandbox::{Digest, Limits};
use serde::{Deserialize, Serialize};

use crate::status;

/// The most refusals that are remembered: the newest.
const REMEMBERED: usize = 200;

/// The files that were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Refusals {
    files: VecDeque<StoredRefusal>,
}

/// A file that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRefusal {
    /// SHA-256 of the file.
    digest: String,
    /// The module's name at that time.
    module: String,
    /// What the refusal depends on besides the file.
    basis: String,
    /// Why it was refused.
    error: String,
    at: String,
}

/// Returns what a refusal depends on besides the file: limits, engine and program. If any of them changes, the file is
/// loaded again.
pub(crate) fn basis(engine: &str, limits: &Limits) -> String {
    let basis = format!("{engine} {} {limits:?}", env!("CARGO_PKG_VERSION"));
    Digest::of(basis.as_bytes()).to_string()
}

impl Refusals {
    /// Returns why a file was refused, if it would be again.
    pub(crate) fn find(&self, digest: Digest, basis: &str) -> Option<&str> {
        let digest = digest.to_string();
        let refusal = self.files.iter().find(|refusal| refusal.digest == digest && refusal.basis == basis)?;
        Some(&refusal.error)
    }

    /// Remembers a refusal.
    pub(crate) fn add(&mut self, digest: Digest, module: &str, basis: String, error: String) {
        self.forget(digest);
        let digest = digest.to_string();
        self.files.push_back(StoredRefusal {
            digest,
            module: module.into(),
            basis,
            error,
            at: status::now(),
        });
        let over = self.files.len().saturating_sub(REMEMBERED);
        self.files.drain(..over);
    }

    /// Forgets the refusal of a file. Returns whether there was one.
    pub(crate) fn forget(&mut self, digest: Digest) -> bool {
        let (digest, before) = (digest.to_string(), self.files.len());
        self.files.retain(|refusal| refusal.digest != digest);
        self.files.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_holds_for_the_same_limits_and_engine() {
        let digest = Digest::of(b"file");
        let limits = Limits::default();
        let raised = Limits { resident: limits.resident + 1, ..limits.clone() };
        let mut refusals = Refusals::default();
        refusals.add(digest, "m", basis("engine", &limits), "too large".into());
        assert_eq!(refusals.find(digest, &basis("engine", &limits)), Some("too large"));
        assert_eq!(refusals.find(digest, &basis("engine", &raised)), None);
        assert_eq!(refusals.find(digest, &basis("other", &limits)), None);
        assert_eq!(refusals.find(Digest::of(b"other"), &basis("engine", &limits)), None);
        assert!(refusals.forget(digest) && !refusals.forget(digest));
        assert_eq!(refusals, Refusals::default());
    }

    #[test]
    fn newest_refusals_are_remembered() {
        let mut refusals = Refusals::default();
        let digest = |n: usize| Digest::of(n.to_string().as_bytes());
        for n in 0..=REMEMBERED {
            refusals.add(digest(n), "m", String::new(), n.to_string());
        }
        assert_eq!(refusals.find(digest(0), ""), None);
        assert!((1..=REMEMBERED).all(|n| refusals.find(digest(n), "") == Some(&n.to_string())));
    }
}
