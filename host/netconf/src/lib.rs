//! NETCONF over a byte stream: RFC 6242 framing, messages and sessions, both sides of one wire.
//!
//! | layer | what it does | where |
//! |---|---|---|
//! | framing | bytes to messages and back, RFC 6242 section 4.2 | [`FrameDecoder`], [`encode`] |
//! | XML | reads a message as slices, writes one with everything escaped | [`XmlElement`], [`Payload`], [`XmlWriter`] |
//! | messages | `hello`, `rpc`, `rpc-reply`, `notification`, `rpc-error` | [`IncomingMessage`], [`OutgoingRpc`], [`RpcError`] |
//! | client | one request at a time; or notifications only | [`RequestSession`], [`SubscriberSession`] |
//! | server | requests in, answers and notifications out | [`RequestReader`], [`ResponseWriter`] |
//!
//! What a message carries (a configuration, the input of an operation) is not parsed here: it is handed
//! on as a [`Payload`], a slice of XML with the namespaces that are in scope at it.
//!
//! Each message is logged as it goes over the wire: `tracing` target `xml`, level `TRACE`, with the values
//! masked that are secrets by the name of their node.
//!
//! The crate spawns nothing and needs no particular transport: a session owns anything that is
//! [`AsyncRead`](tokio::io::AsyncRead) and [`AsyncWrite`](tokio::io::AsyncWrite). Timeouts need a tokio
//! runtime with its time driver.

mod channel;
mod client;
mod error;
mod framing;
mod message;
mod message_display;
mod reader;
mod rpc_error;
mod server;
mod writer;

pub mod namespace;

pub use client::{RequestSession, SubscriberSession};
pub use error::Error;
pub use framing::{DEFAULT_MESSAGE_LIMIT, FrameDecoder, FramingError, MAX_CHUNK, encode};
pub use message::{Hello, IncomingMessage, IncomingRpc, Notification, OutgoingRpc, ReplyBody, RpcReply};
pub use reader::{ChildElements, Payload, PrefixBindings, XmlAttribute, XmlElement};
pub use rpc_error::{ErrorSeverity, ErrorType, RpcError, RpcErrors};
pub use server::{RequestReader, ResponseWriter, RpcAnswer, ServerMessage};
pub use writer::{XmlWriter, is_xml_character, replace_invalid_characters};
