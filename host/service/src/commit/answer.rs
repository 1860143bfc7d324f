//! The one answer that every commit gets.

use confine_backend::{Backend, Error as BackendError, RequestUser};

use crate::{Error, commit::read::Shared};

/// What a transaction is told.
#[derive(Debug)]
pub(crate) enum TransactionAnswer {
    /// Its actions are done, for these service lists.
    Done(Vec<String>),
    /// It fails.
    Failed(Error),
}

/// The name by which the daemon appears in answers.
const ORIGIN: &str = "confine";

/// Answers as the host user or, where access control does not let that one, as the user who commits.
/// Where "done" is refused, an error is given instead: without any answer the candidate would stay
/// locked until the service-timeout. Not so where the reply says nothing of what became of it: the devices
/// may be getting it, and an error would end that.
pub(crate) async fn give(
    backend: &Shared,
    tid: u64,
    answer: TransactionAnswer,
    user: Option<&str>,
) -> Result<(), BackendError> {
    let mut backend = backend.lock().await;
    match (as_either(&mut backend, tid, &answer, user).await, answer) {
        (Err(error), TransactionAnswer::Done(_))
            if error.is_denied() || matches!(error, BackendError::Refused { .. }) =>
        {
            as_either(&mut backend, tid, &TransactionAnswer::Failed(error.into()), user).await
        }
        (given, _) => given,
    }
}

async fn as_either(
    backend: &mut Backend,
    tid: u64,
    answer: &TransactionAnswer,
    user: Option<&str>,
) -> Result<(), BackendError> {
    match (say(backend, tid, answer, &RequestUser::Host).await, user) {
        (Err(error), Some(user)) if error.is_denied() => {
            tracing::warn!(tid, user, %error, "answered as the user who commits instead");
            say(backend, tid, answer, &RequestUser::User(user.to_owned())).await
        }
        (given, _) => given,
    }
}

async fn say(
    backend: &mut Backend,
    tid: u64,
    answer: &TransactionAnswer,
    identity: &RequestUser,
) -> Result<(), BackendError> {
    match answer {
        TransactionAnswer::Done(services) => {
            let services: Vec<_> = services.iter().map(String::as_str).collect();
            backend.actions_done(tid, &services, identity).await
        }
        TransactionAnswer::Failed(error) => {
            backend.transaction_error(tid, ORIGIN, &error.reason(), identity).await
        }
    }
}
