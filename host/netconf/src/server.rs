//! The server side of a session, in two halves: [`RequestReader`] reads while [`ResponseWriter`] writes, so that a
//! notification need not wait for the client's next request.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::channel::Channel;
use crate::{Error, ErrorType, Hello, IncomingMessage, IncomingRpc, RpcError, XmlWriter, namespace};

/// A message from a client.
#[derive(Debug)]
pub enum ServerMessage {
    /// `hello`. Clients of the controller may send it twice, or never.
    Hello(Hello),
    /// `rpc`.
    Request(IncomingRpc),
    /// A complete message that is neither, or not XML: reply with this error. The session stays open.
    Malformed(RpcError),
}

/// The reading half of a server session.
#[derive(Debug)]
pub struct RequestReader<R> {
    channel: Channel<R>,
}

impl<R: AsyncRead + Unpin> RequestReader<R> {
    /// Creates a reader of messages of up to `message_limit` octets.
    pub fn new(stream: R, message_limit: usize) -> Self {
        Self { channel: Channel::new(stream, message_limit) }
    }

    /// Returns the next message, or `None` if the client closed the connection after a complete message. Cancel-safe: no
    /// message is lost if the future is dropped.
    ///
    /// A client must wait for a reply before its next request: requests that arrive together are refused together, with
    /// one error. After an error of this function the connection must be closed.
    pub async fn next(&mut self) -> Result<Option<ServerMessage>, Error> {
        let Some(message) = self.channel.receive().await? else { return Ok(None) };
        if self.channel.ready_count() > 0 {
            while self.channel.ready_count() > 0 {
                self.channel.receive().await?;
            }
            return Ok(Some(malformed("More than one message in netconf rpc frame")));
        }
        Ok(Some(match IncomingMessage::parse(message) {
            Ok(IncomingMessage::Hello(hello)) => ServerMessage::Hello(hello),
            Ok(IncomingMessage::Request(request)) => ServerMessage::Request(request),
            Ok(IncomingMessage::Reply(_) | IncomingMessage::Notification(_)) => ServerMessage::Malformed(
                RpcError::new(ErrorType::Protocol, "unknown-element", "Unrecognized netconf operation"),
            ),
            Err(error @ Error::Invalid { .. }) => malformed(&error.to_string()),
            Err(_) => malformed("XML parse error"),
        }))
    }
}

fn malformed(message: &str) -> ServerMessage {
    ServerMessage::Malformed(RpcError::new(ErrorType::Rpc, "malformed-message", message))
}

/// The reply to a request. XML must be complete elements that declare their own namespaces.
#[derive(Debug, Clone, Copy)]
pub enum RpcAnswer<'a> {
    /// `ok`.
    Ok,
    /// `data` with this XML.
    Data(&'a str),
    /// This XML, as the output of an operation.
    Output(&'a str),
    /// These errors.
    Errors(&'a [RpcError]),
}

/// The writing half of a server session. After an error the connection must be closed.
#[derive(Debug)]
pub struct ResponseWriter<W> {
    channel: Channel<W>,
}

impl<W: AsyncWrite + Unpin> ResponseWriter<W> {
    /// Creates a writer to `stream`.
    pub fn new(stream: W) -> Self {
        Self { channel: Channel::new(stream, 0) }
    }

    /// Sends the server's `hello`. Like the controller's, it announces no capabilities.
    pub async fn hello(&mut self, session_id: u32) -> Result<(), Error> {
        let hello = Hello { session_id: Some(session_id), ..Hello::default() };
        self.channel.send(&hello.write()?).await
    }

    /// Replies to a request. `message_id` is repeated in the reply; the controller mostly does not repeat it.
    pub async fn reply(&mut self, message_id: Option<&str>, answer: RpcAnswer<'_>) -> Result<(), Error> {
        let mut attributes = vec![("xmlns", namespace::BASE)];
        attributes.extend(message_id.map(|id| ("message-id", id)));
        let mut xml = XmlWriter::new();
        xml.element("rpc-reply", &attributes, |xml| match answer {
            RpcAnswer::Ok => xml.empty("ok", &[]),
            RpcAnswer::Data(data) => xml.element("data", &[], |xml| xml.fragment(data)),
            RpcAnswer::Output(output) => xml.fragment(output),
            RpcAnswer::Errors(errors) => errors.iter().try_for_each(|error| error.write(xml)),
        })?;
        self.channel.send(&xml.finish()).await
    }

    /// Sends a notification. `event` is one element, `event_time` is in the format of RFC 3339.
    pub async fn notify(&mut self, event_time: &str, event: &str) -> Result<(), Error> {
        let mut xml = XmlWriter::new();
        xml.element("notification", &[("xmlns", namespace::NOTIFICATION)], |xml| {
            xml.leaf("eventTime", &[], event_time)?;
            xml.fragment(event)
        })?;
        self.channel.send(&xml.finish()).await
    }
}
