//! The errors of requests to the backend.

use std::path::PathBuf;

use confine_netconf::RpcErrors;

/// An error of a request to the backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing listens on the socket, or this process may not use it.
    #[error(
        "cannot connect to the controller at `{}`\nhint: is it running, and is this user in the socket's group?",
        socket.display()
    )]
    Connect {
        /// The path of the socket.
        socket: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The user of this process has no name.
    #[error(
        "user {uid}, which this process runs as, has no name on this system\n\
         hint: name one to ask for: `--user NAME`, or `user` in confine.toml for the daemon"
    )]
    NoSuchUser {
        /// The effective user id.
        uid: u32,
    },
    /// The system's user database cannot be read.
    #[error("cannot look up the name of the user that this process runs as")]
    UserDatabase(#[source] nix::Error),
    /// Another daemon is subscribed to the stream `services-commit`, which allows only one subscriber.
    #[error(
        "another services daemon is subscribed to the controller's service commits\n\
         hint: stop it first; the CLI's `processes services stop` stops the one that the controller has started"
    )]
    AlreadyRegistered(#[source] RpcErrors),
    /// The backend does not let this process act for other users.
    #[error(
        "the controller does not let `{peer}` act for `{user}`\n\
         hint: set CLICON_NACM_CREDENTIALS to `except`, and run as root or as CLICON_BACKEND_USER"
    )]
    Impersonation {
        /// The user that the backend takes this process for.
        peer: String,
        /// The user of the request.
        user: String,
        /// The backend's errors.
        source: RpcErrors,
    },
    /// Access control denies the operation, or one of its nodes, to the user of the request.
    #[error("`{user}` may not `{operation}`")]
    Denied {
        /// The user of the request.
        user: String,
        /// The operation.
        operation: &'static str,
        /// The backend's errors.
        source: RpcErrors,
    },
    /// The answer to a transaction was too late, or the transaction does not expect one.
    #[error("the controller does not accept an answer to transaction {tid}: {rejection}")]
    Rejected {
        /// The transaction.
        tid: u64,
        /// The reason.
        rejection: AnswerRejection,
        /// The backend's errors.
        source: RpcErrors,
    },
    /// The backend rejected the operation for another reason.
    #[error("the controller rejected `{operation}`")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// The backend's errors.
        source: RpcErrors,
    },
    /// The connection failed, or a message on it is invalid.
    #[error("`{operation}` failed")]
    Session {
        /// The operation.
        operation: &'static str,
        /// The error of the session.
        source: confine_netconf::Error,
    },
    /// A message of the backend does not conform to its model.
    #[error("the controller sent an invalid `{message}`: {problem}")]
    Answer {
        /// The operation or the notification.
        message: String,
        /// The problem.
        problem: String,
    },
}

/// The reason why the backend does not accept an answer to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerRejection {
    /// There is no such transaction.
    #[error("there is no such transaction")]
    NoSuchTransaction,
    /// The transaction does not wait for actions: it has not reached them, or is already past them.
    #[error("it is not waiting for one")]
    UnexpectedState,
    /// The transaction has completed, for instance because the service-timeout has passed.
    #[error("it is already completed, perhaps by the service-timeout")]
    AlreadyCompleted,
}

impl AnswerRejection {
    fn of(message: &str) -> Option<Self> {
        match message {
            "No such transaction" => Some(Self::NoSuchTransaction),
            "Transaction in unexpected state" => Some(Self::UnexpectedState),
            // One of its two occurrences ends with "(timeout?)".
            message if message.starts_with("Transaction already completed") => Some(Self::AlreadyCompleted),
            _ => None,
        }
    }
}

impl Error {
    /// Converts the errors of a reply to `operation` of `user`.
    pub(crate) fn from_rpc_errors(operation: &'static str, user: &str, source: RpcErrors) -> Self {
        if source
            .iter()
            .any(|error| error.message.as_deref() == Some("services-commit client already registered"))
        {
            return Self::AlreadyRegistered(source);
        }
        if !source.iter().any(|error| error.tag == "access-denied") {
            return Self::Refused { operation, source };
        }
        let peer = source.iter().filter_map(|error| error.message.as_deref()).find_map(impersonator);
        match peer.map(str::to_owned) {
            Some(peer) => Self::Impersonation { peer, user: user.to_owned(), source },
            None => Self::Denied { user: user.to_owned(), operation, source },
        }
    }

    /// Converts a rejected answer to transaction `tid`.
    pub(crate) fn for_transaction(self, tid: u64) -> Self {
        match self {
            Self::Refused { operation, source } => {
                let mut messages = source.iter().filter_map(|error| error.message.as_deref());
                match messages.find_map(AnswerRejection::of) {
                    Some(rejection) => Self::Rejected { tid, rejection, source },
                    None => Self::Refused { operation, source },
                }
            }
            other => other,
        }
    }

    /// Returns the function that makes an error of the session an error of an operation.
    pub(crate) fn session(operation: &'static str) -> impl Fn(confine_netconf::Error) -> Self + Copy {
        move |source| Self::Session { operation, source }
    }

    pub(crate) fn invalid_answer(message: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Answer { message: message.into(), problem: problem.into() }
    }

    /// Returns whether the backend does not know the operation because it is older.
    pub fn is_unknown_operation(&self) -> bool {
        let is_unknown = |tag: &str| matches!(tag, "unknown-element" | "operation-not-supported");
        matches!(self, Self::Refused { source, .. } if source.iter().any(|error| is_unknown(&error.tag)))
    }

    /// Returns whether access control denied the request, so that another user may succeed.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Impersonation { .. })
    }

    /// Returns whether the connection is still usable: the backend has replied, or sent one invalid message.
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::Session { source, .. } => source.is_recoverable(),
            Self::Connect { .. } => false,
            _ => true,
        }
    }
}

/// Returns the user that the backend takes this process for, if it may not act for another one.
fn impersonator(message: &str) -> Option<&str> {
    message.strip_prefix("User ")?.split_once(" credential not matching NACM user ").map(|(peer, _)| peer)
}
