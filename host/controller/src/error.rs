//! What can go wrong with an embedded controller.

use std::path::PathBuf;

use crate::diff::DiffError;

/// What can go wrong with an embedded controller: while it is set up, or looked into. What its clients do
/// wrong, they are told on the wire.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A YANG module that cannot be read.
    #[error("the YANG module cannot be used")]
    Yang(#[from] confine_yang::Error),
    /// A configuration that is not XML, or one that XML cannot carry.
    #[error("the configuration cannot be used")]
    Tree(#[from] confine_tree::Error),
    /// Two configurations whose difference cannot be shown.
    #[error("the difference cannot be shown")]
    Diff(#[from] DiffError),
    /// A configuration that the models do not allow.
    #[error("the configuration of `{device}` is not what its models allow: {reason}")]
    Config {
        /// The device; `the controller` for its own.
        device: String,
        /// What is wrong.
        reason: String,
    },
    /// Two devices of one name.
    #[error("there are two devices called `{name}`: give one of them another name")]
    DuplicateDevice {
        /// The name.
        name: String,
    },
    /// A file that `running` cannot be kept in.
    #[error("`running` cannot be kept in `{}`", file.display())]
    Keep {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A device that there is not.
    #[error("there is no device `{name}`")]
    NoDevice {
        /// The name.
        name: String,
    },
}

impl Error {
    pub(crate) fn no_device(name: &str) -> Self {
        Self::NoDevice { name: name.to_owned() }
    }
}
