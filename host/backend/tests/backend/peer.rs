//! The other end of the socket, scripted by a test.

use confine_backend::ConnectOptions;
use confine_netconf::{FrameDecoder, encode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const BASE: &str = r#"xmlns="urn:ietf:params:xml:ns:netconf:base:1.0""#;

pub(crate) struct Peer {
    listener: UnixListener,
    directory: TempDir,
}

impl Peer {
    pub(crate) fn listen() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("sock")).unwrap();
        Self { listener, directory }
    }

    /// Returns options to connect to this peer as user `noc`.
    pub(crate) fn options(&self) -> ConnectOptions {
        ConnectOptions::with_host_user(self.directory.path().join("sock"), "noc")
    }

    /// Accepts a connection and exchanges `hello`.
    pub(crate) async fn accept(&self) -> Connection {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut connection = Connection { stream, decoder: FrameDecoder::new(), hello: String::new() };
        connection.hello = connection.receive().await.unwrap();
        connection.send(&format!("<hello {BASE}><session-id>6</session-id></hello>")).await;
        connection
    }
}

pub(crate) struct Connection {
    stream: UnixStream,
    decoder: FrameDecoder,
    pub(crate) hello: String,
}

impl Connection {
    async fn receive(&mut self) -> Option<String> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(message) = self.decoder.next() {
                return Some(String::from_utf8(message.unwrap()).unwrap());
            }
            match self.stream.read(&mut buffer).await.unwrap() {
                0 => return None,
                count => self.decoder.push(buffer.get(..count).unwrap()),
            }
        }
    }

    /// Returns the user and the operation of the next request.
    pub(crate) async fn operation(&mut self) -> (String, String) {
        self.next_operation().await.unwrap()
    }

    /// Returns the same, or `None` if the client has closed the connection.
    pub(crate) async fn next_operation(&mut self) -> Option<(String, String)> {
        let message = self.receive().await?;
        let head = format!(
            r#"<rpc {BASE} xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:cl="http://clicon.org/lib" cl:username=""#
        );
        let rest = message.strip_prefix(&head).unwrap();
        let (user, rest) = rest.split_once(r#"" message-id=""#).unwrap();
        let (_, rest) = rest.split_once("\">").unwrap();
        Some((user.to_owned(), rest.strip_suffix("</rpc>").unwrap().to_owned()))
    }

    pub(crate) async fn send(&mut self, message: &str) {
        self.stream.write_all(&encode(message.as_bytes()).unwrap()).await.unwrap();
    }

    /// Waits for the client. Returns whether it closes the connection without another message.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.receive().await.is_none()
    }
}

pub(crate) fn reply(body: &str) -> String {
    format!("<rpc-reply {BASE}>{body}</rpc-reply>")
}

pub(crate) fn ok() -> String {
    reply("<ok/>")
}

pub(crate) fn error(tag: &str, message: &str) -> String {
    reply(&format!(
        "<rpc-error><error-type>application</error-type><error-tag>{tag}</error-tag>\
         <error-severity>error</error-severity><error-message>{message}</error-message></rpc-error>"
    ))
}

pub(crate) fn notification(event: &str) -> String {
    format!(
        r#"<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-11-23T05:01:48Z</eventTime>{event}</notification>"#
    )
}
