//! The operator's side of the interface.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};

use super::messages::RequestProblem;

/// The most that a response may have, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// How often the daemon is looked for while it stops.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A client of the daemon that listens on an admin socket.
pub(crate) struct AdminClient {
    socket: PathBuf,
}

/// Why a request to the daemon failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminClientError {
    #[error("cannot connect to the Confine daemon at `{}`: {}", socket.display(), connect_problem(error))]
    Connect { socket: PathBuf, error: io::Error },
    #[error("the daemon closed the connection without a complete response\nhint: try again")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the response of the daemon has more than {MAX_RESPONSE_BYTES} bytes")]
    ResponseTooLong,
    #[error(
        "cannot parse the response of the daemon\nhint: check that this program and the daemon have the same version"
    )]
    Response(#[source] serde_json::Error),
    #[error("{0}")]
    Refused(String),
}

/// The cause, and what to do about it.
fn connect_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "no such file. Start one with `confine serve`, or name its socket with `--admin`".to_owned()
        }
        io::ErrorKind::ConnectionRefused => "no process listens there. Start one with `confine serve`".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied. Run this as root, as the user of the daemon, or as a member of the group that `[admin]` in confine.toml names".to_owned()
        }
        _ => error.to_string(),
    }
}

impl AdminClient {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.into() }
    }

    /// Reads the JSON at a path of version 1.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AdminClientError> {
        let body = self.get_text(path).await?;
        serde_json::from_slice(&body).map_err(AdminClientError::Response)
    }

    /// Reads a path of version 1 as the daemon has written it.
    pub(crate) async fn get_text(&self, path: &str) -> Result<Bytes, AdminClientError> {
        self.request(Method::GET, path, Vec::new()).await
    }

    /// Has an operation carried out. The body of the response may be empty.
    pub(crate) async fn post(&self, path: &str) -> Result<Bytes, AdminClientError> {
        self.request(Method::POST, path, Vec::new()).await
    }

    /// Replaces the value at a path, and returns the new one.
    pub(crate) async fn put<T, U>(&self, path: &str, value: &T) -> Result<U, AdminClientError>
    where
        T: Serialize,
        U: DeserializeOwned,
    {
        let body = serde_json::to_vec(value).map_err(AdminClientError::Response)?;
        let body = self.request(Method::PUT, path, body).await?;
        serde_json::from_slice(&body).map_err(AdminClientError::Response)
    }

    async fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, AdminClientError> {
        let connect = |error| AdminClientError::Connect { socket: self.socket.clone(), error };
        let stream = UnixStream::connect(&self.socket).await.map_err(connect)?;
        let (status, body) = exchange(stream, method, &format!("/v1/{path}"), body).await?;
        if status.is_success() {
            return Ok(body);
        }
        let problem: RequestProblem = serde_json::from_slice(&body).map_err(AdminClientError::Response)?;
        Err(AdminClientError::Refused(problem.error))
    }

    /// Waits until the daemon no longer listens.
    pub(crate) async fn gone(&self) {
        while UnixStream::connect(&self.socket).await.is_ok() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Sends a request and waits for the response, however long it takes.
async fn exchange<S>(
    stream: S,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Bytes), AdminClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = |error: hyper::Error| AdminClientError::Http(Box::new(error));
    let request = Request::builder().method(method).uri(path).header(HOST, "confine");
    let request =
        request.body(Full::<Bytes>::from(body)).map_err(|error| AdminClientError::Http(Box::new(error)))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let response = async {
        let response = sender.send_request(request).await.map_err(http)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => AdminClientError::ResponseTooLong,
            false => AdminClientError::Http(error),
        })?;
        Ok((status, body.to_bytes()))
    };
    // The connection moves the bytes. It may end before its last response is looked at.
    let moved = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        response = response => response,
        never = moved => never,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::{
        super::{
            connection::{self, PeerTimeouts},
            messages::{AdminRequest, response},
        },
        *,
    };

    #[tokio::test]
    async fn response_is_read() {
        let body = "ä".repeat(100_000).into_bytes();
        let (mut server, client) = duplex(1 << 10);
        let answer = async |request: AdminRequest| {
            assert_eq!((request.method().as_str(), request.uri().path()), ("PUT", "/v1/log"));
            assert_eq!(request.body().as_ref(), b"{\"a\":1}");
            response(StatusCode::CONFLICT, "text/plain", body.clone())
        };
        let served = connection::serve(&mut server, PeerTimeouts::default(), answer);
        let read = exchange(client, Method::PUT, "/v1/log", b"{\"a\":1}".to_vec());
        let (read, served) = tokio::join!(read, served);
        served.unwrap();
        assert_eq!(read.unwrap(), (StatusCode::CONFLICT, Bytes::from(body)));
    }

    #[tokio::test]
    async fn response_that_is_too_long_is_not_read_to_its_end() {
        let (mut server, client) = duplex(1 << 20);
        let piece = vec![b'a'; 1 << 20];
        let sent = async move {
            server.read_u8().await.unwrap();
            server.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await.unwrap();
            for _ in 0..=MAX_RESPONSE_BYTES / piece.len() {
                // The client may have stopped reading.
                let _ = server.write_all(&piece).await;
            }
        };
        let read = exchange(client, Method::GET, "/", Vec::new());
        let (read, ()) = tokio::join!(read, sent);
        assert!(matches!(read, Err(AdminClientError::ResponseTooLong)), "{read:?}");
    }

    #[tokio::test]
    async fn half_a_response_is_an_error() {
        let (mut server, client) = duplex(1 << 10);
        let sent = async move {
            server.read_u8().await.unwrap();
            server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
            server.shutdown().await.unwrap();
        };
        let (read, ()) = tokio::join!(exchange(client, Method::GET, "/", Vec::new()), sent);
        let error = confine_service::error_chain(&read.unwrap_err());
        assert!(error.contains("end of file before message length reached"), "{error}");
    }
}
