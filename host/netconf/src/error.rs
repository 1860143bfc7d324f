//! What can go wrong on a session.

use std::time::Duration;

use crate::{FramingError, RpcErrors};

/// What can go wrong on a session, or with a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading from or writing to the peer failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// The peer closed the connection, between two messages.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer broke RFC 6242. Nothing that follows on this connection can be read.
    #[error("the peer broke the chunked framing of RFC 6242")]
    Framing(#[from] FramingError),
    /// A message isn't UTF-8, which RFC 6241 section 3 demands.
    #[error("the message is not UTF-8")]
    Utf8(#[from] std::string::FromUtf8Error),
    /// A message isn't well-formed XML.
    #[error("the message is not well-formed XML at byte {offset}: {problem}")]
    Xml {
        /// Where, in bytes from the start of the message or of the payload that was read.
        offset: u64,
        /// What the XML reader says.
        problem: String,
    },
    /// A message is XML, but not what NETCONF allows at this place.
    #[error("the message is not valid NETCONF: {problem}")]
    Invalid {
        /// What is wrong, and where.
        problem: String,
    },
    /// The peer sent a message of another kind than the one that is due.
    #[error("expected `{expected}` but the peer sent `{found}`")]
    Unexpected {
        /// The kind that is due.
        expected: &'static str,
        /// The kind that came.
        found: &'static str,
    },
    /// A reply to another request than the one in flight.
    #[error("the reply is to message-id `{found}`, not to `{expected}`")]
    MessageId {
        /// What the request carried.
        expected: u64,
        /// What the reply carries.
        found: String,
    },
    /// Text that XML 1.0 has no way to write (section 2.2, `Char`), such as NUL or an escape code.
    #[error("the character U+{:04X} in `{place}` cannot be sent in XML: remove it", u32::from(*character))]
    Character {
        /// The character.
        character: char,
        /// The element or attribute that it was meant for.
        place: String,
    },
    /// The name of an element or an attribute, or a prefix, that XML doesn't allow.
    #[error("`{name}` is not a name that XML allows")]
    Name {
        /// The name.
        name: String,
    },
    /// An attribute that an element was to have twice, such as the declaration of a prefix.
    #[error("the attribute `{name}` is given twice")]
    DuplicateAttribute {
        /// The attribute.
        name: String,
    },
    /// The peer didn't answer in time. The session is closed: replies needn't carry a message-id, so a late
    /// one would be taken for the answer to the next request.
    #[error("the peer did not answer within {limit:?}")]
    Timeout {
        /// The time that was allowed.
        limit: Duration,
    },
    /// A request on a session that an earlier error, a timeout or a dropped request has closed.
    #[error("the session was closed by an earlier error: open a new one")]
    SessionClosed,
    /// The peer answered with `rpc-error`. The session lives on.
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

    /// Whether the connection is still good: what came was one whole message, but a bad one.
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
