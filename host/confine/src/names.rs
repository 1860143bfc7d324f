//! Names that settings and the command line are made of, checked where they come in.

use std::{fmt, str::FromStr};

use confine_sandbox::text::line;
use serde::Deserialize;

/// The longest name of a user or a group that Linux knows, in bytes.
const MAX_ACCOUNT: usize = 255;
/// The longest name of a file without `.wasm`.
const MAX_MODULE: usize = 250;

/// The most that a message shows of a text, in bytes.
const SHOWN: usize = 100;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingValueError {
    #[error(
        "`{}` is not a user name: write 1 to {MAX_ACCOUNT} bytes without blanks and control characters",
        line(.0, SHOWN)
    )]
    User(String),
    #[error(
        "`{}` is not a group name: write 1 to {MAX_ACCOUNT} bytes without blanks, control characters, `:`, `,` and `/`",
        line(.0, SHOWN)
    )]
    Group(String),
    #[error(
        "`{}` is not a list name: write the name of a list under `/services`, without prefix, keys or path",
        line(.0, SHOWN)
    )]
    List(String),
    #[error(
        "`{}` is not a module name: write the file name without `.wasm`, made of at most {MAX_MODULE} letters, digits, `-`, `_` and `.`",
        line(.0, SHOWN)
    )]
    Module(String),
}

/// Lets serde read a type from text, as [`FromStr`] does.
macro_rules! read_from_text {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = <Self as FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    )*};
}
pub(crate) use read_from_text;

/// Declares texts that settings are made of. A function returns the text to keep, or none for another text, from which
/// the error is made.
macro_rules! setting_texts {
    ($($(#[$about:meta])* $visible:vis struct $name:ident: $kept:expr, $error:path;)*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        $visible struct $name(String);

        impl FromStr for $name {
            type Err = SettingValueError;

            fn from_str(text: &str) -> Result<Self, SettingValueError> {
                let kept: Option<&str> = $kept(text);
                kept.map(|kept| Self(kept.into())).ok_or_else(|| $error(text.into()))
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

setting_texts! {
    /// The name of a NETCONF user.
    pub(crate) struct UserName: account, SettingValueError::User;
    /// The name of a group of the operating system.
    pub(crate) struct GroupName: group, SettingValueError::Group;
    /// The name of a list under `/services`.
    pub(crate) struct ListName: list, SettingValueError::List;
    /// The name of a module.
    pub(crate) struct ModuleName: module, SettingValueError::Module;
}

read_from_text!(UserName, GroupName, ListName, ModuleName);

fn account(text: &str) -> Option<&str> {
    let is_plain = line(text, usize::MAX) == text && !text.contains(char::is_whitespace);
    (is_plain && (1..=MAX_ACCOUNT).contains(&text.len())).then_some(text)
}

/// Accepts what can be a name in `/etc/group`.
fn group(text: &str) -> Option<&str> {
    account(text).filter(|text| !text.contains([':', ',', '/']))
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Accepts a YANG identifier (RFC 7950, section 6.2).
fn list(text: &str) -> Option<&str> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts && text.chars().all(is_name_character)).then_some(text)
}

/// Accepts the name with or without `.wasm`.
fn module(text: &str) -> Option<&str> {
    let name = text.strip_suffix(".wasm").unwrap_or(text);
    let is_name = name.chars().all(is_name_character) && name.chars().any(|c| c != '.');
    (is_name && name.len() <= MAX_MODULE).then_some(name)
}

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
