//! `rpc-error`, RFC 6241 section 4.3.

use std::fmt;

use crate::words;

words! {
    /// The layer at which an error occurred.
    #[derive(Default)]
    pub enum ErrorType {
        /// Secure transport.
        Transport = "transport",
        /// Messages.
        Rpc = "rpc",
        /// Operations.
        Protocol = "protocol",
        /// Content. An unknown type is read as this one.
        #[default]
        Application = "application",
    }

    /// How bad an error is.
    #[derive(Default)]
    pub enum ErrorSeverity {
        /// The operation failed. An unknown severity is read as this one.
        #[default]
        Error = "error",
        /// The operation was executed.
        Warning = "warning",
    }
}

/// One `rpc-error` with all its fields.
///
/// It is displayed for users: the message, then the tag and the path in parentheses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RpcError {
    /// `error-type`.
    pub error_type: ErrorType,
    /// `error-tag`, RFC 6241 appendix A. It is text because peers use other tags too.
    pub tag: String,
    /// `error-severity`.
    pub severity: ErrorSeverity,
    /// `error-app-tag`.
    pub app_tag: Option<String>,
    /// `error-path`, an XPath expression.
    pub path: Option<String>,
    /// `error-message`.
    pub message: Option<String>,
    /// `error-info`: the name and the text of each child element, such as `bad-element`. If a child has elements, the text
    /// is their XML.
    pub info: Vec<(String, String)>,
}

impl RpcError {
    /// Creates an error with a tag and a message only.
    pub fn new(error_type: ErrorType, tag: &str, message: &str) -> Self {
        Self { error_type, tag: tag.to_owned(), message: Some(message.to_owned()), ..Self::default() }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == ErrorSeverity::Warning {
            f.write_str("warning: ")?;
        }
        let message = self.message.as_deref().map(str::trim).filter(|message| !message.is_empty());
        match message {
            Some(message) => write!(f, "{message} ({}", self.tag)?,
            None => f.write_str(&self.tag)?,
        }
        let mut details = Vec::new();
        details.extend(self.app_tag.iter().map(|tag| format!("error-app-tag `{tag}`")));
        details.extend(self.path.iter().map(|path| format!("at `{path}`")));
        details.extend(self.info.iter().map(|(name, text)| format!("{name} `{text}`")));
        match (message, details.is_empty()) {
            (Some(_), true) => f.write_str(")"),
            (Some(_), false) => write!(f, ", {})", details.join(", ")),
            (None, true) => Ok(()),
            (None, false) => write!(f, " ({})", details.join(", ")),
        }
    }
}

/// The errors of a reply: one `rpc-error` or more. Displayed one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcErrors(Vec<RpcError>);

impl RpcErrors {
    pub(crate) fn new(errors: Vec<RpcError>) -> Self {
        Self(errors)
    }

    /// Returns the errors, in the order of the reply.
    pub fn iter(&self) -> std::slice::Iter<'_, RpcError> {
        self.0.iter()
    }
}

impl fmt::Display for RpcErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RpcErrors {}
