//! Names and paths that settings and the command line are made of, checked where they come in.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use confine_sandbox::text::line;
use serde::Deserialize;

/// The most that a message shows of a text, in bytes.
const SHOWN: usize = 100;

/// Why a text is no name or path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingValueError {
    #[error("a path cannot be empty")]
    EmptyPath,
    #[error("`{}` is not a valid user name", line(.0, SHOWN))]
    User(String),
    #[error("`{}` is not a valid group name", line(.0, SHOWN))]
    Group(String),
    #[error(
        "`{}` is not a list name: write the name of a list under `/services`, without prefix, keys or path",
        line(.0, SHOWN)
    )]
    List(String),
    #[error(
        "`{}` is not a module name: write the file name without `.wasm`, made of letters, digits, `-`, `_` and `.`",
        line(.0, SHOWN)
    )]
    Module(String),
}

/// A path that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FilePath(PathBuf);

/// The name of a NETCONF user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct UserName(String);

/// The name of a group of the operating system.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct GroupName(String);

/// The name of a list under `/services`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ListName(String);

/// The name of a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ModuleName(String);

/// The names of modules, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModuleNames(Vec<ModuleName>);

impl ModuleNames {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ModuleName> {
        self.0.iter()
    }
}

impl FromStr for ModuleNames {
    type Err = SettingValueError;

    /// Accepts an empty list and superfluous commas.
    fn from_str(text: &str) -> Result<Self, SettingValueError> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FilePath {
    /// The path; a relative one starts from this directory.
    pub(crate) fn within(&self, directory: &Path) -> PathBuf {
        directory.join(&self.0)
    }
}

impl FromStr for FilePath {
    type Err = SettingValueError;

    fn from_str(text: &str) -> Result<Self, SettingValueError> {
        if text.is_empty() { Err(SettingValueError::EmptyPath) } else { Ok(Self(text.into())) }
    }
}

impl FromStr for UserName {
    type Err = SettingValueError;

    fn from_str(text: &str) -> Result<Self, SettingValueError> {
        if is_account(text) { Ok(Self(text.into())) } else { Err(SettingValueError::User(text.into())) }
    }
}

impl FromStr for GroupName {
    type Err = SettingValueError;

    fn from_str(text: &str) -> Result<Self, SettingValueError> {
        if is_account(text) { Ok(Self(text.into())) } else { Err(SettingValueError::Group(text.into())) }
    }
}

/// Whether the text can be the name of a user or a group.
fn is_account(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_control() || c.is_whitespace())
}

impl FromStr for ListName {
    type Err = SettingValueError;

    /// Accepts a YANG identifier (RFC 7950, section 6.2).
    fn from_str(text: &str) -> Result<Self, SettingValueError> {
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_name = starts && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if is_name { Ok(Self(text.into())) } else { Err(SettingValueError::List(text.into())) }
    }
}

impl FromStr for ModuleName {
    type Err = SettingValueError;

    /// Accepts the name with or without `.wasm`.
    fn from_str(text: &str) -> Result<Self, SettingValueError> {
        let name = text.strip_suffix(".wasm").unwrap_or(text);
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if is_name { Ok(Self(name.into())) } else { Err(SettingValueError::Module(text.into())) }
    }
}

/// Conversions of each name.
macro_rules! text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = SettingValueError;

            fn try_from(text: String) -> Result<Self, SettingValueError> {
                text.parse()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text!(UserName, GroupName, ListName, ModuleName);

impl TryFrom<String> for FilePath {
    type Error = SettingValueError;

    fn try_from(text: String) -> Result<Self, SettingValueError> {
        text.parse()
    }
}
