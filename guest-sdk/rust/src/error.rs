//! Errors that fail a commit.

use std::fmt;

use crate::bindings::confine::service::types;

/// A result whose error fails the commit.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that fails the commit. The committing user reads its message.
///
/// `?` converts any [`std::error::Error`], and appends its sources after colons. [`bail!`](crate::bail!) and
/// [`ensure!`](crate::ensure!) create one from a message.
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
/// It does not implement [`std::error::Error`]: otherwise `?` could not convert every other error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    tag: String,
    message: String,
    path: Option<String>,
}

impl Error {
    /// Creates an error with the error-tag `operation-failed`.
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

    /// Returns the error-tag, as set by the host or by [`with_tag`](Self::with_tag).
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns the path of the node that the error is about.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

/// Writes the message alone: the host shows the tag and the path beside it.
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

/// Converts an error of the host, with its tag and path. This is not `From`, which is implemented for every
/// [`std::error::Error`] and keeps neither.
pub(crate) fn from_host(error: types::Error) -> Error {
    let types::Error { tag, message, path } = error;
    Error { tag, message, path }
}

/// Converts an error to the form that the host expects.
pub(crate) fn to_host(error: Error) -> types::Error {
    let Error { tag, message, path } = error;
    types::Error { tag, message, path }
}

/// Returns an [`Error`] with a message built as by [`format!`]. The committing user reads it.
///
/// ```
/// # use confine_sdk::prelude::*;
/// fn speed(port: &str) -> Result<u32> {
///     match port.split('-').next() {
///         Some("ge") => Ok(1_000),
///         Some("xe") => Ok(10_000),
///         _ => bail!("port `{port}` has no known speed"),
///     }
/// }
/// assert_eq!(speed("lo0").unwrap_err().to_string(), "port `lo0` has no known speed");
/// ```
#[macro_export]
macro_rules! bail {
    ($($message:tt)+) => {
        return ::core::result::Result::Err($crate::Error::new(::std::format!($($message)+)))
    };
}

/// Returns an [`Error`] with a message built as by [`format!`] if a condition does not hold.
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
            f.write_str("not a VLAN")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn converted_error_includes_its_sources() {
        let error = Error::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(error.to_string(), "not a VLAN: invalid digit found in string");
        assert_eq!(error.tag(), "operation-failed");
    }

    #[test]
    fn host_error_passes_through_unchanged() {
        let host =
            types::Error { tag: "access-denied".into(), message: "no".into(), path: Some("/x".into()) };
        let back = to_host(from_host(host.clone()));
        assert_eq!((back.tag, back.message, back.path), (host.tag, host.message, host.path));
    }
}
