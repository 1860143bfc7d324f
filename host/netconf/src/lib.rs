//! NETCONF over a byte stream: RFC 6242 framing, messages and sessions, for both sides of a connection.
//!
//! | layer | what it does | where |
//! |---|---|---|
//! | framing | bytes to messages and back, RFC 6242 section 4.2 | [`FrameDecoder`], [`encode`] |
//! | XML | reads a message as slices, writes one with all text escaped | [`XmlElement`], [`Payload`], [`XmlWriter`] |
//! | messages | `hello`, `rpc`, `rpc-reply`, `notification`, `rpc-error` | [`IncomingMessage`], [`OutgoingRpc`], [`RpcError`] |
//! | client | one request at a time, or notifications only | [`RequestSession`], [`SubscriberSession`] |
//! | server | receives requests, sends replies and notifications | [`RequestReader`], [`ResponseWriter`] |
//!
//! The content of a message (a configuration, the input of an operation) is not parsed here. It is passed on as a
//! [`Payload`]: a slice of XML with the namespaces in scope.
//!
//! Each message is logged under the `tracing` target `xml` at level `TRACE`. Values are masked if the name of their
//! node is that of a secret, or if [a model](mask_in_log) says so.
//!
//! The crate spawns no task and needs no particular transport: a session owns anything that implements
//! [`AsyncRead`](tokio::io::AsyncRead) and [`AsyncWrite`](tokio::io::AsyncWrite). Timeouts need a tokio runtime with its
//! time driver.
//!
//! ```
//! use confine_netconf::{Error, FrameDecoder, IncomingMessage, OutgoingRpc, encode};
//!
//! let rpc = OutgoingRpc::new::<Error>(|xml| xml.empty("discard-changes", &[]))?.for_user("alice");
//! let framed = encode(rpc.write(1)?.as_bytes())?;
//!
//! let mut decoder = FrameDecoder::new();
//! decoder.push(&framed);
//! let Some(message) = decoder.next() else { panic!("the message is complete") };
//! let IncomingMessage::Request(request) = IncomingMessage::parse(message?)? else { panic!("it is an rpc") };
//! assert_eq!(request.username.as_deref(), Some("alice"));
//! assert_eq!(request.operation.name(), "discard-changes");
//! # Ok::<(), Error>(())
//! ```

mod channel;
mod client;
mod error;
mod framing;
mod message;
mod message_display;
mod reader;
mod rpc_error;
mod rpc_error_xml;
mod secret_names;
mod server;
mod words;
mod writer;

pub mod namespace;

pub use client::{RequestSession, SubscriberSession};
pub use error::Error;
pub use framing::{DEFAULT_MESSAGE_LIMIT, FrameDecoder, FramingError, MAX_CHUNK, encode};
pub use message::{Hello, IncomingMessage, IncomingRpc, Notification, OutgoingRpc, ReplyBody, RpcReply};
pub use reader::{ChildElements, Payload, PrefixBindings, XmlAttribute, XmlElement};
pub use rpc_error::{ErrorSeverity, ErrorType, RpcError, RpcErrors};
pub use secret_names::mask_in_log;
pub use server::{RequestReader, ResponseWriter, RpcAnswer, ServerMessage};
pub use words::{
    ActionsKind, Datastore, DeviceConfigType, EventStream, PushMode, TransactionOutcome, TransactionState,
};
pub use writer::{XmlWriter, is_xml_character, replace_invalid_characters};
