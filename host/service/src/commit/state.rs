//! What is known of a commit in progress, for whoever must answer it even if it is aborted.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use confine_tree::StopSignal;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::{Error, commit::hooks::HookedCommit};

/// The controller's default for `/services/service-timeout`.
const DEFAULT_SERVICE_TIMEOUT: Duration = Duration::from_secs(300);

/// A commit in progress.
pub(crate) struct CommitState {
    began: Instant,
    /// How long the controller waits for the answer.
    service_timeout: watch::Sender<Duration>,
    found: Mutex<FoundOut>,
    stop: StopSignal,
}

/// What the commit has found out so far.
#[derive(Default)]
struct FoundOut {
    user: Option<String>,
    hooked: Option<HookedCommit>,
}

impl CommitState {
    /// The state of a commit that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            service_timeout: watch::Sender::new(DEFAULT_SERVICE_TIMEOUT),
            found: Mutex::default(),
            stop: StopSignal::default(),
        }
    }

    /// Returns what ends the work for the commit where it would go on without waiting for anything.
    pub(crate) fn stop_signal(&self) -> StopSignal {
        self.stop.clone()
    }

    /// Ends the work: nobody waits for it any more.
    pub(crate) fn stop(&self) {
        self.stop.stop();
    }

    /// Returns the time since the notification.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Sets how long the controller waits for the answer; `None` is the controller's default.
    pub(crate) fn set_service_timeout(&self, timeout: Option<Duration>) {
        self.service_timeout.send_replace(timeout.unwrap_or(DEFAULT_SERVICE_TIMEOUT));
    }

    /// Returns how long the controller waits for the answer, as far as it is known.
    pub(crate) fn service_timeout(&self) -> Duration {
        *self.service_timeout.borrow()
    }

    /// Returns when the commit must be done, so that the answer arrives in time.
    pub(crate) fn deadline(&self) -> Instant {
        self.began + time_limit(*self.service_timeout.borrow())
    }

    /// Waits until the deadline, which moves with the service-timeout, and returns the error.
    pub(crate) async fn late(&self) -> Error {
        let mut timeout = self.service_timeout.subscribe();
        loop {
            let limit = time_limit(*timeout.borrow_and_update());
            // `changed` cannot fail: the sender lives as long as `self`.
            if timeout_at(self.began + limit, timeout.changed()).await.is_err() {
                return Error::Late { seconds: limit.as_secs() };
            }
        }
    }

    /// Returns the committing user, once it is known.
    pub(crate) fn user(&self) -> Option<String> {
        self.found().user.clone()
    }

    pub(crate) fn set_user(&self, user: String) {
        self.found().user = Some(user);
    }

    /// Takes the commit for the hooks that run after it, if there are any.
    pub(crate) fn take_hooked(&self) -> Option<HookedCommit> {
        self.found().hooked.take()
    }

    pub(crate) fn set_hooked(&self, hooked: Option<HookedCommit>) {
        self.found().hooked = hooked;
    }

    fn found(&self) -> MutexGuard<'_, FoundOut> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how much of the service-timeout a commit may take. The leaf is a `uint32`, but a peer may send more.
fn time_limit(service_timeout: Duration) -> Duration {
    service_timeout.min(Duration::from_secs(u32::MAX.into())) / 5 * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the error of a commit whose controller reports this service-timeout after ten seconds.
    async fn late(service_timeout: Option<u64>) -> String {
        let state = CommitState::begin();
        let report = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            state.set_service_timeout(service_timeout.map(Duration::from_secs));
            std::future::pending().await
        };
        tokio::select! {
            error = state.late() => error.reason(),
            () = report => String::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_is_four_fifths_of_service_timeout() {
        let mut errors = Vec::new();
        for service_timeout in [None, Some(900), Some(60), Some(5), Some(u64::MAX)] {
            errors.push(late(service_timeout).await.lines().next().unwrap().to_owned());
        }
        insta::assert_snapshot!(errors.join("\n"), @r"
        the commit was not done in 240 s, which is what the controller's service-timeout leaves
        the commit was not done in 720 s, which is what the controller's service-timeout leaves
        the commit was not done in 48 s, which is what the controller's service-timeout leaves
        the commit was not done in 4 s, which is what the controller's service-timeout leaves
        the commit was not done in 3435973836 s, which is what the controller's service-timeout leaves
        ");
    }
}
