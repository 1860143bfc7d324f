//! Why a commit fails, as its user reads it.

use std::fmt;

use crate::bindings::confine::service::types;

/// A result whose error fails the commit.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that fails the commit. The user who commits reads its message.
///
/// `?` makes one of any [`std::error::Error`], with its sources after colons; [`bail!`](crate::bail!)
/// and [`ensure!`](crate::ensure!) make one of a message.
///
/// ```
/// use confine_sdk::prelude::*;
///
/// fn vlan(text: &str) -> Result<u16> {
///     let id = text.parse()?;
///     ensure!((1..=4094).contains(&id), "VLAN {id} is not in 1..4094");
///     Ok(id)
/// }
///
/// assert_eq!(vlan("17").unwrap(), 17);
/// assert_eq!(vlan("x").unwrap_err().to_string(), "invalid digit found in string");
/// assert_eq!(vlan("4095").unwrap_err().to_string(), "VLAN 4095 is not in 1..4094");
/// ```
///
/// It is not an [`std::error::Error`] itself: `?` could not convert every other error if it were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    tag: String,
    message: String,
    path: Option<String>,
}

impl Error {
    /// An error with the error-tag `operation-failed`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { tag: "operation-failed".to_owned(), message: message.into(), path: None }
    }

    /// Sets the error-tag, one of RFC 6241, appendix A: `invalid-value`, `data-missing`, ….
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }

    /// Sets the path of the node that the error is about.
    #[must_use]
    pub fn with_path(mut self, path: impl AsRef<str>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// The error-tag, as the host gave it or [`with_tag`](Self::with_tag) set it.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The path of the node that the error is about.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

/// The message alone: the host shows tag and path beside it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            message = format!("{message}: {error}");
            source = error.source();
        }
        Self::new(message)
    }
}

/// An error of the host, unconverted. Not `From`: that is taken by every [`std::error::Error`], and
/// would lose tag and path.
pub(crate) fn from_host(error: types::Error) -> Error {
    let types::Error { tag, message, path } = error;
    Error { tag, message, path }
}

/// The error as it is given back to the host.
pub(crate) fn to_host(error: Error) -> types::Error {
    let Error { tag, message, path } = error;
    types::Error { tag, message, path }
}

/// Returns an [`Error`] with a message built as by [`format!`]. The user who commits reads it.
///
/// ```
/// # use confine_sdk::prelude::*;
/// fn speed(port: &str) -> Result<u32> {
///     match port.split('-').next() {
///         Some("ge") => Ok(1_000),
///         Some("xe") => Ok(10_000),
///         _ => bail!("no speed is known for port `{port}`"),
///     }
/// }
/// assert_eq!(speed("lo0").unwrap_err().to_string(), "no speed is known for port `lo0`");
/// ```
#[macro_export]
macro_rules! bail {
    ($($message:tt)+) => {
        return ::core::result::Result::Err($crate::Error::new(::std::format!($($message)+)))
    };
}

/// Returns an [`Error`] with a message built as by [`format!`] unless a condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            $crate::bail!($($message)+);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no VLAN")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn conversion_names_the_sources() {
        let error = Error::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(error.to_string(), "no VLAN: invalid digit found in string");
        assert_eq!(error.tag(), "operation-failed");
    }

    #[test]
    fn an_error_of_the_host_passes_through_unchanged() {
        let host =
            types::Error { tag: "access-denied".into(), message: "no".into(), path: Some("/x".into()) };
        let back = to_host(from_host(host.clone()));
        assert_eq!((back.tag, back.message, back.path), (host.tag, host.message, host.path));
    }
}
