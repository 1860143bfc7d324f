//! How to connect to the backend.

use std::path::PathBuf;
use std::time::Duration;

use confine_netconf::{DEFAULT_MESSAGE_LIMIT, Hello, RequestSession};
use nix::unistd::{User, geteuid};
use tokio::net::UnixStream;

use crate::Error;

/// The transport in our `hello`. Users see it if they find the candidate locked.
const TRANSPORT: &str = "ctrl:services";

/// The user of a request, whose rights the backend checks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestUser {
    /// The host user: [`ConnectOptions::host_user`].
    Host,
    /// This user, usually the committing user.
    User(String),
}

/// How to connect to the backend.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The path of the backend's socket, its option `CLICON_SOCK`.
    pub socket: PathBuf,
    /// The user of the host's own requests. See [`process_user`].
    pub host_user: String,
    /// The time limit of connecting, including `hello`, and of each request. The backend does one thing at a time, so
    /// requests of other clients count, too. Default: 60 s.
    pub request_timeout: Duration,
    /// The largest message from the backend, in octets. Default: 1 GiB.
    pub message_limit: usize,
    /// The file in which the backend stores `running`: `running_db` in its `CLICON_XMLDB_DIR`. Default: none.
    pub running_file: Option<PathBuf>,
}

impl ConnectOptions {
    /// Creates options for the backend at `socket`, with defaults otherwise. Fails if this process's user has no name.
    pub fn new(socket: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self::with_host_user(socket, process_user()?))
    }

    /// Creates options as [`new`](Self::new) does, with a given host user.
    pub fn with_host_user(socket: impl Into<PathBuf>, host_user: impl Into<String>) -> Self {
        Self {
            socket: socket.into(),
            host_user: host_user.into(),
            request_timeout: Duration::from_secs(60),
            message_limit: DEFAULT_MESSAGE_LIMIT,
            running_file: None,
        }
    }

    pub(crate) fn user_name<'a>(&'a self, user: &'a RequestUser) -> &'a str {
        match user {
            RequestUser::Host => &self.host_user,
            RequestUser::User(user) => user,
        }
    }

    /// Connects and exchanges `hello`.
    pub(crate) async fn open(&self) -> Result<RequestSession<UnixStream>, Error> {
        self.exchange_hello(self.connect().await?).await
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> Result<UnixStream, Error> {
        let timed_out = |_| self.connect_error(std::io::ErrorKind::TimedOut.into());
        let connection = tokio::time::timeout(self.request_timeout, UnixStream::connect(&self.socket)).await;
        connection.map_err(timed_out)?.map_err(|source| self.connect_error(source))
    }

    pub(crate) fn connect_error(&self, source: std::io::Error) -> Error {
        Error::Connect { socket: self.socket.clone(), source }
    }

    /// Exchanges `hello`.
    pub(crate) async fn exchange_hello(
        &self,
        stream: UnixStream,
    ) -> Result<RequestSession<UnixStream>, Error> {
        let limit = self.request_timeout;
        let hello = Hello::client(&self.host_user, TRANSPORT);
        RequestSession::open_with_message_limit(stream, &hello, limit, self.message_limit)
            .await
            .map_err(Error::session("hello"))
    }
}

/// Returns the name of the user of this process, which the backend takes for the peer.
pub fn process_user() -> Result<String, Error> {
    let uid = geteuid();
    let user = User::from_uid(uid).map_err(Error::UserDatabase)?;
    user.map(|user| user.name).ok_or(Error::NoSuchUser { uid: uid.as_raw() })
}
