//! What the daemon knows of the models, and when it reads them.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use confine_backend::{Backend, ModelStore, RequestGate};
use confine_tree::Schema;
use tokio::{
    sync::{MutexGuard, Notify, watch},
    task::AbortHandle,
    time::Instant,
};

use crate::{Error, backoff::Backoff, commit::read::Shared, host::Host};

/// When the models are read again after a request for them has failed.
const AGAIN: Duration = Duration::from_secs(30);
/// How soon the controller is asked again for what it has not told, at first and at last.
const SOONEST: Duration = Duration::from_secs(2);
const LATEST: Duration = Duration::from_secs(15 * 60);

/// The models as they are known, which a task of the connection keeps up to date. A commit keeps what it
/// began with.
pub(crate) struct ModelRefresher {
    schema: Mutex<Arc<dyn Schema>>,
    models: tokio::sync::Mutex<ModelStore>,
    /// Something has happened by which devices may have come or gone.
    devices_changed: Notify,
    /// Modules were looked for, which may have brought models.
    packages_changed: Notify,
    /// Whether all that is to be had of the controller that is served has been read.
    complete: watch::Sender<bool>,
    committing: watch::Sender<bool>,
}

impl ModelRefresher {
    pub(crate) fn new(models: ModelStore) -> Self {
        Self {
            schema: Mutex::new(Arc::new(models.schema())),
            models: tokio::sync::Mutex::new(models),
            devices_changed: Notify::new(),
            packages_changed: Notify::new(),
            complete: watch::Sender::new(false),
            committing: watch::Sender::new(false),
        }
    }

    /// What is known now.
    pub(crate) fn schema(&self) -> Arc<dyn Schema> {
        self.schema.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, models: &ModelStore) {
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(models.schema());
    }

    /// Another controller, other models.
    pub(crate) fn begin(&self) {
        self.complete.send_replace(false);
    }

    /// Waits until what is to be had has been read.
    pub(crate) async fn complete(&self) {
        // The sender is this one's own, and so is there; below as well.
        let _ = self.complete.subscribe().wait_for(|&complete| complete).await;
    }

    /// While a commit runs, nothing is read.
    pub(crate) fn set_committing(&self, committing: bool) {
        self.committing.send_replace(committing);
    }

    pub(crate) fn devices_may_have_changed(&self) {
        self.devices_changed.notify_one();
    }

    pub(crate) fn packages_may_have_changed(&self) {
        self.packages_changed.notify_one();
    }

    /// Reads the models of the controller, and then those of its devices whenever they may have changed,
    /// those that came with services whenever modules were looked for, and every now and then what the
    /// controller has not told: until a request fails.
    async fn keep(&self, backend: &Shared) -> Result<Infallible, confine_backend::Error> {
        let quiet = IdleConnection { committing: self.committing.subscribe(), backend };
        let mut again = RetrySchedule::new();
        // Nobody else reads models: the task of one connection ends before that of the next begins.
        let mut models = self.models.lock().await;
        models.read_controller_models(&quiet).await?;
        self.update(&models);
        let mut changed = models.read_device_models(&quiet).await?;
        loop {
            if changed {
                self.update(&models);
            }
            self.complete.send_replace(true);
            again.note(models.has_gaps());
            changed = tokio::select! {
                () = self.devices_changed.notified() => models.read_device_models(&quiet).await?,
                () = self.packages_changed.notified() => {
                    quiet.begin().await;
                    models.read_service_models().await
                }
                () = again.due() => models.retry_missing(&quiet).await?,
            };
        }
    }
}

/// When to ask again for what the controller has not told. Whatever else happens puts it off no further.
struct RetrySchedule {
    backoff: Backoff,
    at: Option<Instant>,
}

impl RetrySchedule {
    fn new() -> Self {
        Self { backoff: Backoff::new(SOONEST, LATEST), at: None }
    }

    fn note(&mut self, has_gaps: bool) {
        if !has_gaps {
            self.backoff.reset();
            self.at = None;
        } else if self.at.is_none() {
            self.at = Some(Instant::now() + self.backoff.next());
        }
    }

    /// Waits until then; for ever where there is nothing to ask for.
    async fn due(&mut self) {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        self.at = None;
    }
}

/// The connection, while nothing is committed.
struct IdleConnection<'a> {
    committing: watch::Receiver<bool>,
    backend: &'a Shared,
}

impl IdleConnection<'_> {
    async fn begin(&self) {
        // The sender is as lasting as what holds the receiver.
        let _ = self.committing.clone().wait_for(|&committing| !committing).await;
    }
}

impl RequestGate for IdleConnection<'_> {
    async fn acquire(&self) -> MutexGuard<'_, Backend> {
        self.begin().await;
        self.backend.lock().await
    }
}

/// The task that reads models. Ends when it is dropped.
pub(crate) struct ModelReaderTask(AbortHandle);

impl ModelReaderTask {
    pub(crate) fn start(host: &Arc<Host>, backend: &Shared) -> Self {
        let (host, backend) = (host.clone(), backend.clone());
        let task = tokio::spawn(async move {
            loop {
                let Err(error) = host.knowledge.keep(&backend).await;
                // Who is told of commits will notice too, if the controller is really gone.
                tracing::warn!(error = Error::from(error).reason(), "models cannot be read");
                tokio::time::sleep(AGAIN).await;
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for ModelReaderTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_again_ever_more_rarely_whatever_happens_meanwhile_until_the_gaps_end() {
        let mut again = RetrySchedule::new();
        // Each wait is between half of this and all of it.
        let seconds = [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];
        for bound in seconds.map(Duration::from_secs) {
            let before = Instant::now();
            again.note(true);
            loop {
                // Devices come and go, and modules are looked for.
                let happens = tokio::time::sleep(Duration::from_millis(700));
                tokio::select! {
                    () = again.due() => break,
                    () = happens => again.note(true),
                }
            }
            let wait = before.elapsed();
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} {bound:?}");
        }
        again.note(false);
        let day = Duration::from_secs(24 * 60 * 60);
        assert!(tokio::time::timeout(day, again.due()).await.is_err(), "there is nothing to ask for");
        // What is missing later begins anew.
        let before = Instant::now();
        again.note(true);
        again.due().await;
        assert!(before.elapsed() <= SOONEST);
    }
}
