//! Where the value of a setting comes from.

use std::{fmt, path::PathBuf};

/// A setting and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourcedValue<T> {
    pub(crate) value: T,
    pub(crate) origin: SettingOrigin,
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingOrigin {
    CommandLine,
    /// An environment variable.
    Environment(&'static str),
    /// `confine.toml`, or a file of the controller's configuration.
    File(PathBuf),
    Default,
}

impl<T> SourcedValue<T> {
    pub(super) fn command_line(value: T) -> Self {
        Self { value, origin: SettingOrigin::CommandLine }
    }

    pub(super) fn default(value: T) -> Self {
        Self { value, origin: SettingOrigin::Default }
    }

    /// Changes the value; its origin stays.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> SourcedValue<U> {
        SourcedValue { value: change(self.value), origin: self.origin }
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Environment(variable) => write!(f, "environment, {variable}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}
