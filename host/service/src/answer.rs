//! The one answer that every commit gets.

use confine_backend::{Backend, Error as BackendError, Identity};

use crate::{Error, reads::Shared};

/// What a transaction is told.
#[derive(Debug)]
pub(crate) enum Answer {
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
    answer: Answer,
    user: Option<&str>,
) -> Result<(), BackendError> {
    let mut backend = backend.lock().await;
    match (as_either(&mut backend, tid, &answer, user).await, answer) {
        (Err(error), Answer::Done(_))
            if error.is_denied() || matches!(error, BackendError::Refused { .. }) =>
        {
            as_either(&mut backend, tid, &Answer::Failed(error.into()), user).await
        }
        (given, _) => given,
    }
}

async fn as_either(
    backend: &mut Backend,
    tid: u64,
    answer: &Answer,
    user: Option<&str>,
) -> Result<(), BackendError> {
    match (say(backend, tid, answer, &Identity::Host).await, user) {
        (Err(error), Some(user)) if error.is_denied() => {
            tracing::warn!(tid, user, %error, "answered as the user who commits instead");
            say(backend, tid, answer, &Identity::User(user.to_owned())).await
        }
        (given, _) => given,
    }
}

async fn say(
    backend: &mut Backend,
    tid: u64,
    answer: &Answer,
    identity: &Identity,
) -> Result<(), BackendError> {
    match answer {
        Answer::Done(services) => {
            let services: Vec<_> = services.iter().map(String::as_str).collect();
            backend.actions_done(tid, &services, identity).await
        }
        Answer::Failed(error) => backend.transaction_error(tid, ORIGIN, &error.reason(), identity).await,
    }
}
