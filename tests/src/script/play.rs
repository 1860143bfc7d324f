//! Playing a script on a socket.

use std::collections::HashMap;

use confine_netconf::namespace::{BASE, CLIXON, NOTIFICATION};
use confine_netconf::{DEFAULT_MESSAGE_LIMIT, FrameDecoder, IncomingMessage, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::{Action, Expected, Script, Step};
use crate::xml::Canonical;

/// Where a client left the script.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// A request that is not the next one of the script, and that nothing else answers.
    #[error("line {line} of the script waits for\n{expected}\nbut the client asks\n{found}")]
    Unexpected {
        /// The step that the play has come to.
        line: usize,
        /// What it waits for.
        expected: String,
        /// What came.
        found: String,
    },
    /// The client left before the script was over.
    #[error("line {line} of the script was not reached: the client is gone")]
    Left {
        /// The first step that was not played.
        line: usize,
    },
    /// An answer where nothing was asked.
    #[error("line {line} of the script answers, but nothing was asked")]
    NothingAsked {
        /// The step.
        line: usize,
    },
    /// What the client sent is no message, or the connection broke.
    #[error("the client sent what is no message")]
    Message(#[from] confine_netconf::Error),
    /// The socket.
    #[error("the socket failed")]
    Io(#[from] std::io::Error),
    /// A request that cannot be compared.
    #[error("a request that cannot be read: {0}")]
    Unreadable(String),
}

/// What happens on connections, by their numbers.
enum Happening {
    Opened(u64, OwnedWriteHalf),
    Received(u64, Vec<u8>),
    Ended(u64),
    Broke(confine_netconf::Error),
}

/// A backend that plays one script.
#[derive(Debug)]
pub struct Backend {
    script: Script,
    connections: HashMap<u64, OwnedWriteHalf>,
    /// Streams and who has subscribed to them.
    subscribed: Vec<(String, u64)>,
    always: Vec<(Expected, String)>,
    /// The connection of the last request that the script expected.
    asked: Option<u64>,
    /// Whether a client has come since the play began, or since all connections were closed.
    visited: bool,
}

impl Backend {
    /// A backend that will play this script.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            connections: HashMap::new(),
            subscribed: Vec::new(),
            always: Vec::new(),
            asked: None,
            visited: false,
        }
    }

    /// Plays the script to its end, once, for whoever connects. The connections are closed then.
    ///
    /// # Errors
    /// Where the client leaves the script. What it never asks keeps the play waiting: put a limit on it.
    pub async fn play(mut self, listener: UnixListener) -> Result<(), PlayError> {
        let (happened, mut happenings) = mpsc::unbounded_channel();
        let acceptor = tokio::spawn(accept(listener, happened));
        let played = self.steps(&mut happenings).await;
        acceptor.abort();
        played
    }

    async fn steps(&mut self, happenings: &mut mpsc::UnboundedReceiver<Happening>) -> Result<(), PlayError> {
        for Step { line, action } in std::mem::take(&mut self.script.steps) {
            match action {
                Action::Always(expected, answer) => {
                    self.always.retain(|(other, _)| *other != expected);
                    self.always.push((expected, answer));
                }
                Action::Answer(answer) => {
                    let connection = self.asked.take().ok_or(PlayError::NothingAsked { line })?;
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
                        self.happen(happenings, line, None).await?;
                    }
                }
                Action::Closed => {
                    while !self.visited || !self.connections.is_empty() {
                        self.happen(happenings, line, None).await?;
                    }
                    self.visited = false;
                }
                Action::Expect(expected) => {
                    while self.asked.is_none() {
                        self.happen(happenings, line, Some(&expected)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes what happens next: the request that is expected, or one that is always answered.
    async fn happen(
        &mut self,
        happenings: &mut mpsc::UnboundedReceiver<Happening>,
        line: usize,
        expected: Option<&Expected>,
    ) -> Result<(), PlayError> {
        match happenings.recv().await.ok_or(PlayError::Left { line })? {
            Happening::Opened(connection, write) => {
                self.connections.insert(connection, write);
                self.visited = true;
                Ok(())
            }
            Happening::Ended(connection) => {
                self.connections.remove(&connection);
                self.subscribed.retain(|(_, other)| *other != connection);
                Ok(())
            }
            Happening::Broke(error) => Err(error.into()),
            Happening::Received(connection, _) if !self.connections.contains_key(&connection) => Ok(()),
            Happening::Received(connection, message) => {
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
    ) -> Result<(), PlayError> {
        let text = String::from_utf8_lossy(&message).into_owned();
        let request = match IncomingMessage::parse(message)? {
            IncomingMessage::Hello(_) => {
                let hello = format!(r#"<hello xmlns="{BASE}"><session-id>{connection}</session-id></hello>"#);
                return self.send(connection, &hello).await;
            }
            IncomingMessage::Request(request) => request,
            other => return Err(PlayError::Unreadable(format!("a client sends no {}", other.kind()))),
        };
        let user = request.username.as_deref();
        let operation = Canonical::parse_inner(&text, &["message-id"])
            .map_err(|error| PlayError::Unreadable(error.to_string()))?;
        if expected.is_some_and(|expected| expected.matches(user, &operation)) {
            self.asked = Some(connection);
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
                Err(PlayError::Unexpected { line, expected, found: found.to_string() })
            }
        }
    }

    async fn reply(&mut self, connection: u64, answer: &str) -> Result<(), PlayError> {
        self.send(connection, &format!(r#"<rpc-reply xmlns="{BASE}" xmlns:ctrl="http://clicon.org/controller" xmlns:cl="{CLIXON}">{answer}</rpc-reply>"#)).await
    }

    async fn notify(&mut self, stream: &str, event: &str) -> Result<(), PlayError> {
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

    async fn send(&mut self, connection: u64, message: &str) -> Result<(), PlayError> {
        let Some(write) = self.connections.get_mut(&connection) else { return Ok(()) };
        let framed = encode(message.as_bytes()).map_err(confine_netconf::Error::from)?;
        Ok(write.write_all(&framed).await?)
    }
}

async fn accept(listener: UnixListener, happened: mpsc::UnboundedSender<Happening>) {
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        number += 1;
        let (read, write) = stream.into_split();
        if happened.send(Happening::Opened(number, write)).is_err() {
            return;
        }
        tokio::spawn(receive(number, read, happened.clone()));
    }
}

async fn receive(connection: u64, mut read: OwnedReadHalf, happened: mpsc::UnboundedSender<Happening>) {
    let mut decoder = FrameDecoder::with_limit(DEFAULT_MESSAGE_LIMIT);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        while let Some(message) = decoder.next() {
            let happening = match message {
                Ok(message) => Happening::Received(connection, message),
                Err(error) => Happening::Broke(error.into()),
            };
            let broken = matches!(happening, Happening::Broke(_));
            if happened.send(happening).is_err() || broken {
                return;
            }
        }
        match read.read(&mut buffer).await {
            Ok(count @ 1..) => decoder.push(buffer.get(..count).unwrap_or_default()),
            _ => {
                // Nobody listens any more when the play is over.
                let _ = happened.send(Happening::Ended(connection));
                return;
            }
        }
    }
}
