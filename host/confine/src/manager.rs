//! The service manager that may have started the daemon (systemd; see sd_notify(3)).

use std::{convert::Infallible, time::Duration};

use sd_notify::NotifyState;

/// Tells the service manager, if there is one. Nothing depends on its hearing it but its own patience.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "The service manager cannot be told of a change");
    }
}

/// The daemon is set up: it serves as soon as the controller is there.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The daemon has been told to end.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells it for ever that the daemon is alive, twice as often as it wants to hear it. Runs among the
/// daemon's own tasks, so that it falls silent when they do not get their turn.
pub(crate) async fn keep_alive() -> Infallible {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| *patience > Duration::ZERO) else {
        return std::future::pending().await;
    };
    let mut beats = tokio::time::interval(patience / 2);
    loop {
        beats.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}
