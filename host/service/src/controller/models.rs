//! The YANG models of the controller and its devices, and when they are read.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use confine_backend::{Backend, ModelStore, RequestGate};
use confine_tree::Schema;
use tokio::{
    sync::{MutexGuard, Notify, watch},
    time::Instant,
};

use crate::{Error, backoff::Backoff, controller::SharedBackend};

/// The time after which the models are read again when a request for them has failed.
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// The shortest and the longest time after which the controller is asked again for models that it did not provide.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LAST_RETRY: Duration = Duration::from_secs(15 * 60);

/// The known models. A task of the connection keeps them up to date; a commit keeps those that it began with.
pub(crate) struct ModelRefresher {
    schema: Mutex<Arc<dyn Schema>>,
    models: tokio::sync::Mutex<ModelStore>,
    /// Notified when devices may have been added or removed.
    devices_changed: Notify,
    /// Notified when YANG files may have come with service modules.
    modules_scanned: Arc<Notify>,
    /// Notified when other models are known.
    changed: Arc<Notify>,
    /// Whether all models that the controller provides have been read.
    complete: watch::Sender<bool>,
    progress: watch::Sender<ReadingProgress>,
    committing: watch::Sender<bool>,
}

/// How far the models are read. Both are counts of events after which models may be missing.
#[derive(Clone, Debug, Default)]
struct ReadingProgress {
    /// The events until now.
    events: u64,
    /// The events until the models were last read, or could not be read.
    handled: u64,
    /// The device whose models are being read; the controller itself if `None`.
    device: Option<String>,
}

impl ModelRefresher {
    pub(crate) fn new(models: ModelStore, modules_scanned: Arc<Notify>, changed: Arc<Notify>) -> Self {
        Self {
            schema: Mutex::new(Arc::new(models.schema())),
            models: tokio::sync::Mutex::new(models),
            devices_changed: Notify::new(),
            modules_scanned,
            changed,
            complete: watch::Sender::new(false),
            progress: watch::Sender::default(),
            committing: watch::Sender::new(false),
        }
    }

    /// Returns the models that are known now.
    pub(crate) fn schema(&self) -> Arc<dyn Schema> {
        self.schema.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn update(&self, models: &ModelStore) {
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(models.schema());
    }

    /// Another controller may have other models.
    pub(crate) fn set_incomplete(&self) {
        self.complete.send_replace(false);
        self.models_may_be_missing();
    }

    fn models_may_be_missing(&self) {
        self.progress.send_modify(|progress| progress.events += 1);
    }

    /// Waits until the models have been read that may have been missing when the call began, or could not be read.
    pub(crate) async fn wait_until_current(&self) {
        let mut progress = self.progress.subscribe();
        let events = progress.borrow().events;
        // Cannot fail: the sender lives as long as `self`.
        let _ = progress.wait_for(|progress| progress.handled >= events).await;
    }

    /// Returns whose models are being read.
    pub(crate) fn being_read(&self) -> String {
        let device = self.progress.borrow().device.as_ref().map(|device| format!("device `{device}`"));
        device.unwrap_or_else(|| "the controller".to_owned())
    }

    /// Waits until all models that the controller provides have been read.
    pub(crate) async fn wait_until_complete(&self) {
        // Cannot fail: the sender lives as long as `self`.
        let _ = self.complete.subscribe().wait_for(|&complete| complete).await;
    }

    /// Returns whether all models that the controller provides have been read.
    pub(crate) fn is_complete(&self) -> bool {
        *self.complete.borrow()
    }

    /// Reads no models while a commit runs. One that waits for models does not run yet.
    pub(crate) fn set_committing(&self, committing: bool) {
        self.committing.send_replace(committing);
    }

    pub(crate) fn devices_may_have_changed(&self) {
        self.models_may_be_missing();
        self.devices_changed.notify_one();
    }

    /// Reads the models of the controller, then those of devices whenever these may have changed, those that come with
    /// service modules whenever modules were scanned, and from time to time those that the controller did not provide.
    /// Returns when a request fails.
    async fn refresh(&self, backend: &SharedBackend) -> Result<Infallible, confine_backend::Error> {
        let idle =
            IdleConnection { committing: self.committing.subscribe(), progress: &self.progress, backend };
        let mut retry = RetrySchedule::new();
        // Never contended: the task of one connection ends before that of the next begins.
        let mut models = self.models.lock().await;
        let mut events = self.progress.borrow().events;
        models.read_controller_models(&idle).await?;
        self.update(&models);
        let mut changed = models.read_device_models(&idle).await?;
        loop {
            if changed {
                self.update(&models);
            }
            self.complete.send_replace(true);
            self.progress.send_modify(|progress| progress.handled = events);
            self.changed.notify_one();
            retry.set_gaps(models.has_gaps());
            changed = tokio::select! {
                () = self.devices_changed.notified() => {
                    events = self.progress.borrow().events;
                    models.read_device_models(&idle).await?
                }
                () = self.modules_scanned.notified() => {
                    idle.wait().await;
                    models.read_service_models().await
                }
                () = retry.due() => models.retry_missing(&idle).await?,
            };
        }
    }
}

/// When to ask again for models that the controller did not provide. Other events do not postpone it.
struct RetrySchedule {
    backoff: Backoff,
    at: Option<Instant>,
}

impl RetrySchedule {
    fn new() -> Self {
        Self { backoff: Backoff::new(FIRST_RETRY, LAST_RETRY), at: None }
    }

    fn set_gaps(&mut self, has_gaps: bool) {
        if !has_gaps {
            self.backoff.reset();
            self.at = None;
        } else if self.at.is_none() {
            self.at = Some(Instant::now() + self.backoff.next());
        }
    }

    /// Waits until then; for ever if no model is missing.
    async fn due(&mut self) {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        self.at = None;
    }
}

/// The connection while no commit runs.
struct IdleConnection<'a> {
    committing: watch::Receiver<bool>,
    progress: &'a watch::Sender<ReadingProgress>,
    backend: &'a SharedBackend,
}

impl IdleConnection<'_> {
    async fn wait(&self) {
        // Cannot fail: the sender outlives the task that holds the receiver.
        let _ = self.committing.clone().wait_for(|&committing| !committing).await;
    }
}

impl RequestGate for IdleConnection<'_> {
    async fn acquire(&self) -> MutexGuard<'_, Backend> {
        self.wait().await;
        self.backend.lock().await
    }

    fn reading(&self, device: Option<&str>) {
        self.progress.send_modify(|progress| progress.device = device.map(str::to_owned));
    }
}

/// Keeps the models of a controller up to date, for ever.
pub(crate) async fn keep_models(models: Arc<ModelRefresher>, backend: SharedBackend) -> Infallible {
    loop {
        let Err(error) = models.refresh(&backend).await;
        // If the controller is gone, the session that receives notifications ends as well.
        tracing::warn!(error = Error::from(error).reason(), "cannot read the models");
        // Commits run without them, rather than never.
        models.progress.send_modify(|progress| progress.handled = progress.events);
        tokio::time::sleep(RETRY_AFTER_FAILURE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn missing_models_are_requested_with_backoff() {
        let mut retry = RetrySchedule::new();
        // Each wait is between half of this and all of it.
        let seconds = [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900];
        for bound in seconds.map(Duration::from_secs) {
            let before = Instant::now();
            retry.set_gaps(true);
            loop {
                // Devices come and go, and modules are scanned.
                let event = tokio::time::sleep(Duration::from_millis(700));
                tokio::select! {
                    () = retry.due() => break,
                    () = event => retry.set_gaps(true),
                }
            }
            let wait = before.elapsed();
            assert!(wait >= bound / 2 && wait <= bound, "{wait:?} {bound:?}");
        }
        retry.set_gaps(false);
        let day = Duration::from_secs(24 * 60 * 60);
        assert!(tokio::time::timeout(day, retry.due()).await.is_err(), "no model is missing");
        // The backoff starts again for models that are missing later.
        let before = Instant::now();
        retry.set_gaps(true);
        retry.due().await;
        assert!(before.elapsed() <= FIRST_RETRY);
    }
}
