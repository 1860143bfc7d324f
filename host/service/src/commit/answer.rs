//! The one answer that every commit gets.

use confine_backend::{Backend, Error as BackendError, RequestUser};

use crate::{Error, controller::SharedBackend};

/// The answer to a commit.
#[derive(Debug)]
pub(crate) enum TransactionAnswer {
    /// The actions are done, for these service lists.
    Done(Vec<String>),
    /// The commit fails.
    Failed(Error),
}

/// The name under which the daemon appears in answers.
const ORIGIN: &str = "confine";

/// Answers a commit as the host user or, if access control denies that, as the committing user.
///
/// If "done" is refused, an error is sent instead: without any answer, the candidate would stay locked until the
/// service-timeout. No error follows a reply that does not say whether "done" was accepted: the devices may be
/// receiving the configuration already, and an error would abort that.
pub(crate) async fn answer(
    backend: &SharedBackend,
    tid: u64,
    answer: TransactionAnswer,
    user: Option<&str>,
) -> Result<(), BackendError> {
    let mut backend = backend.lock().await;
    match (send_as_either(&mut backend, tid, &answer, user).await, answer) {
        (Err(error), TransactionAnswer::Done(_))
            if error.is_denied() || matches!(error, BackendError::Refused { .. }) =>
        {
            send_as_either(&mut backend, tid, &TransactionAnswer::Failed(error.into()), user).await
        }
        (result, _) => result,
    }
}

async fn send_as_either(
    backend: &mut Backend,
    tid: u64,
    answer: &TransactionAnswer,
    user: Option<&str>,
) -> Result<(), BackendError> {
    match (send(backend, tid, answer, &RequestUser::Host).await, user) {
        (Err(error), Some(user)) if error.is_denied() => {
            tracing::warn!(tid, user, %error, "the host user may not answer: answering as the committing user");
            send(backend, tid, answer, &RequestUser::User(user.to_owned())).await
        }
        (result, _) => result,
    }
}

async fn send(
    backend: &mut Backend,
    tid: u64,
    answer: &TransactionAnswer,
    user: &RequestUser,
) -> Result<(), BackendError> {
    match answer {
        TransactionAnswer::Done(services) => {
            let services: Vec<_> = services.iter().map(String::as_str).collect();
            backend.actions_done(tid, &services, user).await
        }
        TransactionAnswer::Failed(error) => {
            backend.transaction_error(tid, ORIGIN, &error.reason(), user).await
        }
    }
}
