//! The client side of a session.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::channel::Channel;
use crate::{
    DEFAULT_MESSAGE_LIMIT, Error, Hello, IncomingMessage, Notification, OutgoingRpc, RpcReply, namespace,
};

/// A session that sends one request at a time.
///
/// Replies need not have a message-id, so the next reply belongs to the pending request. Therefore
/// [`request`](Self::request) borrows the session exclusively, and any doubt ends it: after a timeout, an unreadable
/// reply or a dropped request, the connection is closed immediately. That also keeps a partly written request from
/// blocking a server that reads a whole message at a time.
#[derive(Debug)]
pub struct RequestSession<S> {
    /// `None` while a request is pending, and after a request that failed.
    channel: Option<Channel<S>>,
    session_id: u32,
    last_message_id: u64,
    /// Notifications that arrived while a reply was pending.
    notifications: VecDeque<Notification>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> RequestSession<S> {
    /// Opens a session on `stream`: sends `hello` and waits up to `limit` for the server's. Messages may have up to
    /// [`DEFAULT_MESSAGE_LIMIT`] octets.
    pub async fn open(stream: S, hello: &Hello, limit: Duration) -> Result<Self, Error> {
        Self::open_with_message_limit(stream, hello, limit, DEFAULT_MESSAGE_LIMIT).await
    }

    /// Opens a session as [`open`](Self::open) does, for messages of up to `message_limit` octets.
    pub async fn open_with_message_limit(
        stream: S,
        hello: &Hello,
        limit: Duration,
        message_limit: usize,
    ) -> Result<Self, Error> {
        let mut channel = Channel::new(stream, message_limit);
        let hello = hello.write()?;
        let exchange = async {
            channel.send(&hello).await?;
            match receive(&mut channel).await? {
                IncomingMessage::Hello(hello) => Ok(hello),
                IncomingMessage::Reply(reply) => match reply.into_body() {
                    Err(errors) => Err(errors.into()),
                    Ok(_) => Err(Error::Unexpected { expected: "hello", found: "rpc-reply" }),
                },
                other => Err(Error::Unexpected { expected: "hello", found: other.kind() }),
            }
        };
        let answer = timeout(limit, exchange).await.map_err(|_| Error::Timeout { limit })??;
        let session_id =
            answer.session_id.ok_or_else(|| Error::invalid("the server's `hello` has no `session-id`"))?;
        Ok(Self { channel: Some(channel), session_id, last_message_id: 0, notifications: VecDeque::new() })
    }

    /// Returns the session-id.
    pub fn id(&self) -> u32 {
        self.session_id
    }

    /// Returns whether the session is usable: see [`Error::SessionClosed`].
    pub fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    /// Sends a request and waits up to `limit` for its reply, from the first octet written to the last octet read.
    ///
    /// A reply with errors is `Ok` here: see [`RpcReply::into_body`]. After an `Err` the session is closed, unless the
    /// request could not be written as XML.
    pub async fn request(&mut self, rpc: &OutgoingRpc, limit: Duration) -> Result<RpcReply, Error> {
        let message_id = self.last_message_id + 1;
        let message = rpc.write(message_id)?;
        let mut channel = self.channel.take().ok_or(Error::SessionClosed)?;
        self.last_message_id = message_id;
        let exchange = async {
            channel.send(&message).await?;
            loop {
                match receive(&mut channel).await? {
                    IncomingMessage::Reply(reply) => return Ok(reply),
                    IncomingMessage::Notification(notification) => self.notifications.push_back(notification),
                    other => return Err(Error::Unexpected { expected: "rpc-reply", found: other.kind() }),
                }
            }
        };
        let reply = timeout(limit, exchange).await.map_err(|_| Error::Timeout { limit })??;
        match &reply.message_id {
            Some(found) if *found != message_id.to_string() => {
                return Err(Error::MessageId { expected: message_id, found: found.clone() });
            }
            _ => {}
        }
        self.channel = Some(channel);
        Ok(reply)
    }

    /// Subscribes to `stream` (RFC 5277 section 2.1.1) as `username`. Call [`into_subscriber`](Self::into_subscriber)
    /// after the last subscription.
    pub async fn subscribe(&mut self, stream: &str, username: &str, limit: Duration) -> Result<(), Error> {
        let rpc = OutgoingRpc::new(|xml| {
            xml.element("create-subscription", &[("xmlns", namespace::SUBSCRIPTION)], |xml| {
                xml.leaf("stream", &[], stream)
            })
        })?;
        self.request(&rpc.for_user(username), limit).await?.into_body()?.into_ok()
    }

    /// Converts the session to one that only receives notifications. Notifications that arrived before are kept.
    pub fn into_subscriber(self) -> Result<SubscriberSession<S>, Error> {
        let channel = self.channel.ok_or(Error::SessionClosed)?;
        Ok(SubscriberSession { channel, session_id: self.session_id, notifications: self.notifications })
    }
}

/// A session that only receives notifications.
///
/// Keep calling [`next`](Self::next): a server may block on a client that does not read.
#[derive(Debug)]
pub struct SubscriberSession<S> {
    channel: Channel<S>,
    session_id: u32,
    notifications: VecDeque<Notification>,
}

impl<S: AsyncRead + Unpin> SubscriberSession<S> {
    /// Returns the session-id.
    pub fn id(&self) -> u32 {
        self.session_id
    }

    /// Returns the next notification that arrived while a reply was pending.
    pub fn next_buffered(&mut self) -> Option<Notification> {
        self.notifications.pop_front()
    }

    /// Waits for the next notification, without a time limit. Cancel-safe: no notification is lost if the future is
    /// dropped.
    ///
    /// A [recoverable](Error::is_recoverable) error means one bad message: call again. Any other error ends the session.
    pub async fn next(&mut self) -> Result<Notification, Error> {
        if let Some(notification) = self.next_buffered() {
            return Ok(notification);
        }
        match receive(&mut self.channel).await? {
            IncomingMessage::Notification(notification) => Ok(notification),
            other => Err(Error::Unexpected { expected: "notification", found: other.kind() }),
        }
    }
}

async fn receive<S: AsyncRead + Unpin>(channel: &mut Channel<S>) -> Result<IncomingMessage, Error> {
    IncomingMessage::parse(channel.receive().await?.ok_or(Error::Closed)?)
}
