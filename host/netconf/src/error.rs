//! The errors of sessions and messages.

use std::time::Duration;

use crate::{FramingError, RpcErrors};

/// An error of a session or of a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading from or writing to the peer failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// The peer closed the connection, between two messages.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer violated RFC 6242. Nothing after that can be read on this connection.
    #[error("the peer violated the chunked framing of RFC 6242")]
    Framing(#[from] FramingError),
    /// A message is not UTF-8, which RFC 6241 section 3 requires.
    #[error("the message is not UTF-8")]
    Utf8(#[from] std::string::FromUtf8Error),
    /// A message is not well-formed XML.
    #[error("the message is not well-formed XML at byte {offset}: {problem}")]
    Xml {
        /// The offset in bytes from the start of the message or of the payload.
        offset: u64,
        /// The message of the XML reader.
        problem: String,
    },
    /// A message is XML but not valid NETCONF.
    #[error("the message is not valid NETCONF: {problem}")]
    Invalid {
        /// The problem and its position.
        problem: String,
    },
    /// The peer sent a message of an unexpected kind.
    #[error("expected `{expected}` but the peer sent `{found}`")]
    Unexpected {
        /// The expected kind.
        expected: &'static str,
        /// The received kind.
        found: &'static str,
    },
    /// A reply to a request other than the pending one.
    #[error("the reply is to message-id `{found}`, not to `{expected}`")]
    MessageId {
        /// The id of the request.
        expected: u64,
        /// The id in the reply.
        found: String,
    },
    /// A character that XML 1.0 does not allow (section 2.2, `Char`), such as NUL or an escape code.
    #[error("the character U+{:04X} in `{name}` cannot be sent in XML: remove it", u32::from(*character))]
    Character {
        /// The character.
        character: char,
        /// The element or attribute.
        name: String,
    },
    /// An invalid name of an element or an attribute, or an invalid prefix.
    #[error("`{name}` is not a valid XML name")]
    Name {
        /// The name.
        name: String,
    },
    /// A duplicate attribute, such as the declaration of a prefix.
    #[error("the attribute `{name}` occurs twice")]
    DuplicateAttribute {
        /// The attribute.
        name: String,
    },
    /// The peer did not reply in time. The session is closed: replies need not have a message-id, so a late one would be
    /// taken for the reply to the next request.
    #[error("the peer did not answer within {limit:?}")]
    Timeout {
        /// The time limit.
        limit: Duration,
    },
    /// A request on a session that an earlier error, a timeout or a dropped request has closed.
    #[error("the session was closed by an earlier error: open a new one")]
    SessionClosed,
    /// The peer replied with `rpc-error`. The session stays open.
    #[error(transparent)]
    Rpc(#[from] RpcErrors),
}

impl Error {
    pub(crate) fn xml(offset: u64, problem: impl Into<quick_xml::Error>) -> Self {
        Self::Xml { offset, problem: problem.into().to_string() }
    }

    pub(crate) fn invalid(problem: impl Into<String>) -> Self {
        Self::Invalid { problem: problem.into() }
    }

    /// Returns whether the connection is still usable: the peer sent one complete but bad message.
    pub fn is_recoverable(&self) -> bool {
        !matches!(
            self,
            Self::Io(_)
                | Self::Closed
                | Self::Framing(_)
                | Self::MessageId { .. }
                | Self::Timeout { .. }
                | Self::SessionClosed
        )
    }
}
