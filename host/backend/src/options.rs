//! Where the backend is, and who we are to it.

use std::path::PathBuf;
use std::time::Duration;

use confine_netconf::{DEFAULT_MESSAGE_LIMIT, Hello, RequestSession};
use nix::unistd::{User, geteuid};
use tokio::net::UnixStream;

use crate::Error;

/// By what way the backend is told that we come, shown to users who find the candidate locked.
const TRANSPORT: &str = "ctrl:services";

/// The user that a request is made for. The backend checks that user's rights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestUser {
    /// The host itself: [`ConnectOptions::host_user`].
    Host,
    /// This user, mostly the one who commits.
    User(String),
}

/// Where the backend is, and who we are to it.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Path of the backend's socket, its option `CLICON_SOCK`.
    pub socket: PathBuf,
    /// The user of requests that are the host's own. See [`process_user`].
    pub host_user: String,
    /// How long a connection with its `hello`, and each request, may take. The backend does one thing at a
    /// time, so this is also for what others ask of it. Default: 60 s.
    pub request_timeout: Duration,
    /// The largest message accepted from the backend, in octets. Default: 1 GiB.
    pub message_limit: usize,
    /// The file in which the backend keeps `running`: `running_db` in its `CLICON_XMLDB_DIR`. Default: none.
    pub running_file: Option<PathBuf>,
}

impl ConnectOptions {
    /// The backend at `socket`, with all else by default. Fails if this process's user has no name.
    pub fn new(socket: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self::with_host_user(socket, process_user()?))
    }

    /// As [`new`](Self::new), with a given host user.
    pub fn with_host_user(socket: impl Into<PathBuf>, host_user: impl Into<String>) -> Self {
        Self {
            socket: socket.into(),
            host_user: host_user.into(),
            request_timeout: Duration::from_secs(60),
            message_limit: DEFAULT_MESSAGE_LIMIT,
            running_file: None,
        }
    }

    pub(crate) fn user<'a>(&'a self, identity: &'a RequestUser) -> &'a str {
        match identity {
            RequestUser::Host => &self.host_user,
            RequestUser::User(user) => user,
        }
    }

    /// Connects and says hello.
    pub(crate) async fn open(&self) -> Result<RequestSession<UnixStream>, Error> {
        self.exchange_hello(self.connect().await?).await
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<UnixStream, Error> {
        let late = |_| self.connect_error(std::io::ErrorKind::TimedOut.into());
        let connection = tokio::time::timeout(self.request_timeout, UnixStream::connect(&self.socket)).await;
        connection.map_err(late)?.map_err(|source| self.connect_error(source))
    }

    pub(crate) fn connect_error(&self, source: std::io::Error) -> Error {
        Error::Connect { socket: self.socket.clone(), source }
    }

    /// Says hello.
    pub(crate) async fn exchange_hello(
        &self,
        stream: UnixStream,
    ) -> Result<RequestSession<UnixStream>, Error> {
        let limit = self.request_timeout;
        let hello = Hello::client(&self.host_user, TRANSPORT);
        RequestSession::open_with_message_limit(stream, &hello, limit, self.message_limit)
            .await
            .map_err(|source| Error::Session { operation: "hello", source })
    }
}

/// The name of the user that this process runs as, which is who the backend takes the peer for.
pub fn process_user() -> Result<String, Error> {
    let uid = geteuid();
    let user = User::from_uid(uid).map_err(Error::UserDatabase)?;
    user.map(|user| user.name).ok_or(Error::NoSuchUser { uid: uid.as_raw() })
}
