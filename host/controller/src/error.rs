//! Errors of setting up and inspecting an embedded controller.

use std::path::PathBuf;

use crate::diff::DiffError;

/// An error of setting up or inspecting an embedded controller. Errors of its clients are replies on the wire.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A YANG module cannot be read.
    #[error("cannot use the YANG module")]
    Yang(#[from] confine_yang::Error),
    /// A configuration is malformed XML, or XML cannot carry it.
    #[error("cannot use the configuration")]
    Tree(#[from] confine_tree::Error),
    /// The difference of two configurations cannot be written.
    #[error("cannot write the difference")]
    Diff(#[from] DiffError),
    /// A configuration that does not match its YANG modules.
    #[error("the configuration of `{device}` does not match its YANG modules: {reason}")]
    Config {
        /// The device, or `the controller`.
        device: String,
        /// The violation.
        reason: String,
    },
    /// Two devices have the same name.
    #[error("there are two devices named `{name}`; rename one of them")]
    DuplicateDevice {
        /// The name.
        name: String,
    },
    /// The file for `running` cannot be written.
    #[error("cannot write `running` to `{}`", file.display())]
    RunningFile {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// There is no device of this name.
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
