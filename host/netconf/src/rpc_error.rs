//! `rpc-error`, RFC 6241 section 4.3.

use std::fmt;

use crate::{Error, Payload, XmlElement, XmlWriter};

/// The layer at which an error occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorType {
    /// Secure transport.
    Transport,
    /// Messages.
    Rpc,
    /// Operations.
    Protocol,
    /// Content. Also what an unknown type is read as.
    #[default]
    Application,
}

impl ErrorType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Rpc => "rpc",
            Self::Protocol => "protocol",
            Self::Application => "application",
        }
    }

    fn parse(text: &str) -> Self {
        let all = [Self::Transport, Self::Rpc, Self::Protocol];
        all.into_iter().find(|known| known.as_str() == text.trim()).unwrap_or_default()
    }
}

/// How bad an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorSeverity {
    /// The operation failed. Also what an unknown severity is read as.
    #[default]
    Error,
    /// The operation was carried out.
    Warning,
}

impl ErrorSeverity {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }

    fn parse(text: &str) -> Self {
        match text.trim() {
            "warning" => Self::Warning,
            _ => Self::Error,
        }
    }
}

/// One `rpc-error` with all its fields.
///
/// It reads as a user of the CLI should see it: the message, then in brackets the tag and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RpcError {
    /// `error-type`.
    pub error_type: ErrorType,
    /// `error-tag`, RFC 6241 appendix A. Text, as peers use others too.
    pub tag: String,
    /// `error-severity`.
    pub severity: ErrorSeverity,
    /// `error-app-tag`.
    pub app_tag: Option<String>,
    /// `error-path`, an XPath expression.
    pub path: Option<String>,
    /// `error-message`.
    pub message: Option<String>,
    /// `error-info`: name and text of each element in it, such as `bad-element`; of one that holds
    /// elements, its XML.
    pub info: Vec<(String, String)>,
}

impl RpcError {
    /// An error with `tag` and `message`, and nothing else.
    pub fn new(error_type: ErrorType, tag: &str, message: &str) -> Self {
        Self { error_type, tag: tag.to_owned(), message: Some(message.to_owned()), ..Self::default() }
    }

    pub(crate) fn read(element: &XmlElement<'_>) -> Result<Self, Error> {
        let mut error = Self::default();
        for field in element.children() {
            let field = field?;
            match field.name() {
                "error-type" => error.error_type = ErrorType::parse(&field.text()?),
                "error-tag" => error.tag = field.text()?.trim().to_owned(),
                "error-severity" => error.severity = ErrorSeverity::parse(&field.text()?),
                "error-app-tag" => error.app_tag = Some(field.text()?.trim().to_owned()),
                "error-path" => error.path = Some(field.text()?.trim().to_owned()),
                "error-message" => error.message = Some(field.text()?),
                "error-info" => error.info = info(field.content())?,
                _ => {}
            }
        }
        Ok(error)
    }

    /// Writes the element `rpc-error`. What XML can't carry is replaced, so that an error always gets
    /// through.
    pub(crate) fn write(&self, xml: &mut XmlWriter) -> Result<(), Error> {
        let leaf = |xml: &mut XmlWriter, name: &str, text: &str| {
            xml.leaf(name, &[], &crate::replace_invalid_characters(text))
        };
        let optional = |xml: &mut XmlWriter, name: &str, text: &Option<String>| match text {
            Some(text) => leaf(xml, name, text),
            None => Ok(()),
        };
        xml.element("rpc-error", &[], |xml| {
            leaf(xml, "error-type", self.error_type.as_str())?;
            leaf(xml, "error-tag", &self.tag)?;
            leaf(xml, "error-severity", self.severity.as_str())?;
            optional(xml, "error-app-tag", &self.app_tag)?;
            optional(xml, "error-path", &self.path)?;
            optional(xml, "error-message", &self.message)?;
            if self.info.is_empty() {
                return Ok(());
            }
            xml.element("error-info", &[], |xml| {
                self.info.iter().try_for_each(|(name, text)| leaf(xml, name, text))
            })
        })
    }
}

fn info(content: &Payload<'_>) -> Result<Vec<(String, String)>, Error> {
    let field = |element: XmlElement<'_>| {
        let text = element.text().unwrap_or_else(|_| element.content().as_str().to_owned());
        (element.name().to_owned(), text)
    };
    content.children().map(|element| element.map(field)).collect()
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

/// All that a reply refused a request with: one `rpc-error` or more. Reads as one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcErrors(Vec<RpcError>);

impl RpcErrors {
    pub(crate) fn new(errors: Vec<RpcError>) -> Self {
        Self(errors)
    }

    /// The errors, in the order of the reply.
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
