//! Playing a script on a socket.

use std::collections::HashMap;

use confine_netconf::namespace::{BASE, CLIXON, NOTIFICATION};
use confine_netconf::{DEFAULT_MESSAGE_LIMIT, FrameDecoder, IncomingMessage, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::{Action, Expected, Script, Step};
use crate::canonical::CanonicalXml;

/// How a client left the script.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptMismatch {
    /// A request that the script does not expect at this point.
    #[error("line {line} of the script expects\n{expected}\nbut the client sent\n{found}")]
    Unexpected {
        /// The current step.
        line: usize,
        /// The request that it expects.
        expected: String,
        /// The request that arrived.
        found: String,
    },
    /// The client left before the script was over.
    #[error("line {line} of the script was not reached: the client has disconnected")]
    Left {
        /// The first step that was not played.
        line: usize,
    },
    /// A reply without a request.
    #[error("line {line} of the script has a reply, but there is no request")]
    NoRequest {
        /// The step.
        line: usize,
    },
    /// The client did not send a message, or the connection broke.
    #[error("the client did not send a valid message")]
    Message(#[from] confine_netconf::Error),
    /// The socket failed.
    #[error("the socket failed")]
    Io(#[from] std::io::Error),
    /// A request that cannot be compared.
    #[error("a request cannot be read: {0}")]
    Unreadable(String),
}

/// Something that happened on the connection with this number.
enum ConnectionEvent {
    Opened(u64, OwnedWriteHalf),
    Received(u64, Vec<u8>),
    Ended(u64),
    Broke(confine_netconf::Error),
}

/// A backend that plays one script.
#[derive(Debug)]
pub struct ScriptedBackend {
    script: Script,
    connections: HashMap<u64, OwnedWriteHalf>,
    /// Each subscription: the stream and the connection.
    subscribed: Vec<(String, u64)>,
    always: Vec<(Expected, String)>,
    /// The connection of the last expected request, until it gets its reply.
    request_from: Option<u64>,
    /// Whether a client has connected since the start, or since all connections were closed.
    visited: bool,
}

impl ScriptedBackend {
    /// Creates a backend for this script.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            connections: HashMap::new(),
            subscribed: Vec::new(),
            always: Vec::new(),
            request_from: None,
            visited: false,
        }
    }

    /// Plays the script once, for all clients together, and closes their connections.
    ///
    /// # Errors
    /// How the client left the script. A request that is never sent is waited for without a limit: set a timeout.
    pub async fn play(mut self, listener: UnixListener) -> Result<(), ScriptMismatch> {
        let (sender, mut events) = mpsc::unbounded_channel();
        let acceptor = tokio::spawn(accept(listener, sender));
        let played = self.steps(&mut events).await;
        acceptor.abort();
        played
    }

    async fn steps(
        &mut self,
        events: &mut mpsc::UnboundedReceiver<ConnectionEvent>,
    ) -> Result<(), ScriptMismatch> {
        for Step { line, action } in std::mem::take(&mut self.script.steps) {
            match action {
                Action::Always(expected, answer) => {
                    self.always.retain(|(other, _)| *other != expected);
                    self.always.push((expected, answer));
                }
                Action::Answer(answer) => {
                    let connection = self.request_from.take().ok_or(ScriptMismatch::NoRequest { line })?;
                    self.reply(connection, &answer).await?;
                }
                Action::Notify { stream, event } => self.notify(&stream, &event).await?,
                Action::Close => {
                    self.connections.clear();
                    self.subscribed.clear();
                    self.visited = false;
                }
                Action::Subscribed => {
                    let is_subscribed = |backend: &Self| {
                        let has = |name| backend.subscribed.iter().any(|(stream, _)| stream == name);
                        has("services-commit") && has("controller-transaction")
                    };
                    while !is_subscribed(self) {
                        self.step(events, line, None).await?;
                    }
                }
                Action::Closed => {
                    while !self.visited || !self.connections.is_empty() {
                        self.step(events, line, None).await?;
                    }
                    self.visited = false;
                }
                Action::Expect(expected) => {
                    while self.request_from.is_none() {
                        self.step(events, line, Some(&expected)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Handles the next event: the expected request, or one with a standing reply.
    async fn step(
        &mut self,
        events: &mut mpsc::UnboundedReceiver<ConnectionEvent>,
        line: usize,
        expected: Option<&Expected>,
    ) -> Result<(), ScriptMismatch> {
        match events.recv().await.ok_or(ScriptMismatch::Left { line })? {
            ConnectionEvent::Opened(connection, write) => {
                self.connections.insert(connection, write);
                self.visited = true;
                Ok(())
            }
            ConnectionEvent::Ended(connection) => {
                self.connections.remove(&connection);
                self.subscribed.retain(|(_, other)| *other != connection);
                Ok(())
            }
            ConnectionEvent::Broke(error) => Err(error.into()),
            ConnectionEvent::Received(connection, _) if !self.connections.contains_key(&connection) => Ok(()),
            ConnectionEvent::Received(connection, message) => {
                self.receive(connection, message, line, expected).await
            }
        }
    }

    async fn receive(
        &mut self,
        connection: u64,
        message: Vec<u8>,
        line: usize,
        expected: Option<&Expected>,
    ) -> Result<(), ScriptMismatch> {
        let text = String::from_utf8_lossy(&message).into_owned();
        let request = match IncomingMessage::parse(message)? {
            IncomingMessage::Hello(_) => {
                let hello = format!(r#"<hello xmlns="{BASE}"><session-id>{connection}</session-id></hello>"#);
                return self.send(connection, &hello).await;
            }
            IncomingMessage::Request(request) => request,
            other => {
                return Err(ScriptMismatch::Unreadable(format!("a client must not send {}", other.kind())));
            }
        };
        let user = request.username.as_deref();
        let operation = CanonicalXml::parse_inner(&text, &["message-id"])
            .map_err(|error| ScriptMismatch::Unreadable(error.to_string()))?;
        if expected.is_some_and(|expected| expected.matches(user, &operation)) {
            self.request_from = Some(connection);
            return Ok(());
        }
        let always = self.always.iter().find(|(expected, _)| expected.matches(user, &operation));
        if let Some((_, answer)) = always {
            let answer = answer.clone();
            return self.reply(connection, &answer).await;
        }
        match request.operation.name() {
            "create-subscription" => {
                let stream = request.operation.child_text("stream")?.unwrap_or_default();
                self.subscribed.push((stream.trim().to_owned(), connection));
                self.reply(connection, "<ok/>").await
            }
            "close-session" => self.reply(connection, "<ok/>").await,
            _ => {
                let expected = expected.map_or_else(|| "no request".to_owned(), ToString::to_string);
                let found = Expected { user: user.map(str::to_owned), operation };
                Err(ScriptMismatch::Unexpected { line, expected, found: found.to_string() })
            }
        }
    }

    async fn reply(&mut self, connection: u64, answer: &str) -> Result<(), ScriptMismatch> {
        self.send(connection, &format!(r#"<rpc-reply xmlns="{BASE}" xmlns:ctrl="http://clicon.org/controller" xmlns:cl="{CLIXON}">{answer}</rpc-reply>"#)).await
    }

    async fn notify(&mut self, stream: &str, event: &str) -> Result<(), ScriptMismatch> {
        let message = format!(
            r#"<notification xmlns="{NOTIFICATION}"><eventTime>2026-01-01T00:00:00.000000Z</eventTime>{event}</notification>"#
        );
        let subscribed: Vec<u64> =
            self.subscribed.iter().filter(|(name, _)| name == stream).map(|(_, id)| *id).collect();
        for connection in subscribed {
            self.send(connection, &message).await?;
        }
        Ok(())
    }

    async fn send(&mut self, connection: u64, message: &str) -> Result<(), ScriptMismatch> {
        let Some(write) = self.connections.get_mut(&connection) else { return Ok(()) };
        let framed = encode(message.as_bytes()).map_err(confine_netconf::Error::from)?;
        Ok(write.write_all(&framed).await?)
    }
}

async fn accept(listener: UnixListener, sender: mpsc::UnboundedSender<ConnectionEvent>) {
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        number += 1;
        let (read, write) = stream.into_split();
        if sender.send(ConnectionEvent::Opened(number, write)).is_err() {
            return;
        }
        tokio::spawn(receive(number, read, sender.clone()));
    }
}

async fn receive(connection: u64, mut read: OwnedReadHalf, sender: mpsc::UnboundedSender<ConnectionEvent>) {
    let mut decoder = FrameDecoder::with_limit(DEFAULT_MESSAGE_LIMIT);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        while let Some(message) = decoder.next() {
            let event = match message {
                Ok(message) => ConnectionEvent::Received(connection, message),
                Err(error) => ConnectionEvent::Broke(error.into()),
            };
            let broken = matches!(event, ConnectionEvent::Broke(_));
            if sender.send(event).is_err() || broken {
                return;
            }
        }
        match read.read(&mut buffer).await {
            Ok(count @ 1..) => decoder.push(buffer.get(..count).unwrap_or_default()),
            _ => {
                // There is no receiver once the play is over.
                let _ = sender.send(ConnectionEvent::Ended(connection));
                return;
            }
        }
    }
}
