//! What can go wrong between Confine and the backend.

use std::path::PathBuf;

use confine_netconf::RpcErrors;

/// What can go wrong between Confine and the backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens on the socket, or we may not use it.
    #[error(
        "cannot connect to the controller at `{}`\nhint: is it running, and is this user in the socket's group?",
        socket.display()
    )]
    Connect {
        /// Path of the socket.
        socket: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The user that this process runs as has no name.
    #[error(
        "user {uid}, which this process runs as, has no name on this system\n\
         hint: name one to ask for: `--user NAME`, or `user` in confine.toml for the daemon"
    )]
    NoSuchUser {
        /// The effective user id.
        uid: u32,
    },
    /// The system's user database can't be read.
    #[error("cannot look up the name of the user that this process runs as")]
    UserDatabase(#[source] nix::Error),
    /// Another daemon is subscribed to the stream `services-commit`, which only one client may be.
    #[error(
        "another services daemon is subscribed to the controller's service commits\n\
         hint: stop it first; the CLI's `processes services stop` stops the one that the controller has started"
    )]
    AlreadyRegistered(#[source] RpcErrors),
    /// The backend doesn't let this process act for other users.
    #[error(
        "the controller does not let `{peer}` act for `{user}`\n\
         hint: set CLICON_NACM_CREDENTIALS to `except`, and run as root or as CLICON_BACKEND_USER"
    )]
    Impersonation {
        /// Who the backend says that we are.
        peer: String,
        /// Who the request was made for.
        user: String,
        /// The backend's words.
        source: RpcErrors,
    },
    /// Access control denies the operation, or a node that it touches, to the user it was made for.
    #[error("`{user}` may not `{operation}`")]
    Denied {
        /// Who the request was made for.
        user: String,
        /// The operation.
        operation: &'static str,
        /// The backend's words.
        source: RpcErrors,
    },
    /// The answer to a transaction came too late, or to the wrong one.
    #[error("the controller does not accept an answer to transaction {tid}: {rejection}")]
    Rejected {
        /// The transaction.
        tid: u64,
        /// Why.
        rejection: AnswerRejection,
        /// The backend's words.
        source: RpcErrors,
    },
    /// The backend refuses the operation for another reason.
    #[error("the controller refuses `{operation}`")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// The backend's words.
        source: RpcErrors,
    },
    /// The connection, or a message on it, is bad.
    #[error("`{operation}` failed")]
    Session {
        /// The operation.
        operation: &'static str,
        /// What happened.
        source: confine_netconf::Error,
    },
    /// What the backend says isn't what its model promises.
    #[error("cannot make sense of the controller's `{message}`: {problem}")]
    Answer {
        /// The operation or the notification.
        message: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Why the backend doesn't accept an answer to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerRejection {
    /// There is no transaction of that number.
    #[error("there is no such transaction")]
    NoSuchTransaction,
    /// The transaction isn't waiting for actions: it is before them, or already past them.
    #[error("it is not waiting for one")]
    UnexpectedState,
    /// The transaction is over, for instance because the service-timeout has passed.
    #[error("it is already completed, perhaps by the service-timeout")]
    AlreadyCompleted,
}

impl AnswerRejection {
    fn of(message: &str) -> Option<Self> {
        match message {
            "No such transaction" => Some(Self::NoSuchTransaction),
            "Transaction in unexpected state" => Some(Self::UnexpectedState),
            // With "(timeout?)" after it in one of two places.
            message if message.starts_with("Transaction already completed") => Some(Self::AlreadyCompleted),
            _ => None,
        }
    }
}

impl Error {
    /// Types what the backend refused `operation` with, which was made for `user`.
    pub(crate) fn refused(operation: &'static str, user: &str, source: RpcErrors) -> Self {
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

    /// Types a refusal to accept an answer to transaction `tid`.
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

    pub(crate) fn answer(message: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Answer { message: message.into(), problem: problem.into() }
    }

    /// Whether the backend does not have the operation: it is older than the operation.
    pub(crate) fn is_unknown_operation(&self) -> bool {
        let is_unknown = |tag: &str| matches!(tag, "unknown-element" | "operation-not-supported");
        matches!(self, Self::Refused { source, .. } if source.iter().any(|error| is_unknown(&error.tag)))
    }

    /// Whether access control denied it, so that another identity may succeed.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::Impersonation { .. })
    }

    /// Whether the connection is still good: the backend has answered, or sent one message that can't be
    /// understood.
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::Session { source, .. } => source.is_recoverable(),
            Self::Connect { .. } => false,
            _ => true,
        }
    }
}

/// Who the backend says we are, when it says that we may not act for another.
fn impersonator(message: &str) -> Option<&str> {
    message.strip_prefix("User ")?.split_once(" credential not matching NACM user ").map(|(peer, _)| peer)
}
