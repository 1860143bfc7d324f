//! Notifies the service manager, if one has started the daemon (systemd; see sd_notify(3)).

use std::{convert::Infallible, time::Duration};

use sd_notify::NotifyState;

/// Notifies the service manager, if there is one. The daemon does not depend on it.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}

/// The daemon is set up, and serves the controller as soon as it can connect.
pub(crate) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The daemon stops.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Notifies the watchdog of the service manager for ever, twice as often as required. Runs among the tasks of the
/// daemon, so that it stops when they get no processor time.
pub(crate) async fn keep_alive() -> Infallible {
    let Some(period) = sd_notify::watchdog_enabled().filter(|period| *period > Duration::ZERO) else {
        return std::future::pending().await;
    };
    let mut beats = tokio::time::interval(period / 2);
    loop {
        beats.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}
