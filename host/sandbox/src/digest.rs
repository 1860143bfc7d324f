//! The digest that identifies the bytes of a module.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a module's file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// In hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the first bytes of a digest in hexadecimal digits.
pub(crate) fn short_hex(digest: &[u8]) -> String {
    digest.iter().take(8).fold(String::new(), |name, byte| format!("{name}{byte:02x}"))
}
