//! The operator's side of the interface.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

use super::{
    RequestProblem,
    http::{self, Request},
};

/// A daemon that can be asked.
pub(crate) struct AdminClient {
    socket: PathBuf,
}

/// Why a daemon did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminClientError {
    #[error(
        "no daemon can be asked at `{}`\n\
         hint: is it running, and with this admin socket? may this user use it (root, the daemon's own user, and the group that `[admin]` names)?",
        socket.display()
    )]
    Connect { socket: PathBuf, source: io::Error },
    #[error("the daemon does not answer as it should")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(
        "the daemon's answer is not understood\nhint: is this program of the same version as the daemon?"
    )]
    Answer(#[source] serde_json::Error),
    #[error("{0}")]
    Refused(String),
}

impl AdminClient {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.into() }
    }

    /// What stands at this path of version 1.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AdminClientError> {
        let body = self.ask("GET", path, Vec::new()).await?;
        serde_json::from_slice(&body).map_err(AdminClientError::Answer)
    }

    /// As the daemon has written it.
    pub(crate) async fn get_text(&self, path: &str) -> Result<Vec<u8>, AdminClientError> {
        self.ask("GET", path, Vec::new()).await
    }

    /// Has something done. The body may be empty.
    pub(crate) async fn post(&self, path: &str) -> Result<Vec<u8>, AdminClientError> {
        self.ask("POST", path, Vec::new()).await
    }

    /// Puts something in its place.
    pub(crate) async fn put<T, U>(&self, path: &str, value: &T) -> Result<U, AdminClientError>
    where
        T: Serialize,
        U: DeserializeOwned,
    {
        let body = serde_json::to_vec(value).map_err(AdminClientError::Answer)?;
        let body = self.ask("PUT", path, body).await?;
        serde_json::from_slice(&body).map_err(AdminClientError::Answer)
    }

    async fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> Result<Vec<u8>, AdminClientError> {
        let connect = |source| AdminClientError::Connect { socket: self.socket.clone(), source };
        let mut stream = UnixStream::connect(&self.socket).await.map_err(connect)?;
        let request = Request { method: method.into(), path: format!("/v1/{path}"), body };
        let asked = http::ask(&mut stream, &request).await;
        let (status, body) = asked.map_err(|error| AdminClientError::Http(Box::new(error)))?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let problem: RequestProblem = serde_json::from_slice(&body).map_err(AdminClientError::Answer)?;
        Err(AdminClientError::Refused(problem.error))
    }

    /// Until the daemon can no longer be asked.
    pub(crate) async fn gone(&self) {
        while UnixStream::connect(&self.socket).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
