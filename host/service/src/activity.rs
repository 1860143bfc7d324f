//! What the daemon is doing and has done: its connection, its commits, and whether it is to exit.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use confine_sandbox::{Module, Usage};
use confine_view::InstanceRef;
use tokio::sync::watch;

use crate::{
    audit::{Audit, EventKind},
    status::{self, CommitCounts, ConnectionStatus, LastCommit},
};

/// What the last successful commit did.
#[derive(Clone, Debug)]
pub struct CommitReport {
    /// The transaction.
    pub tid: u64,
    /// Every run of a module, in order.
    pub runs: Vec<(Module, InstanceRef, Usage)>,
    /// Bytes of the edit that was sent.
    pub bytes: usize,
    /// Time from the notification to the answer.
    pub elapsed: Duration,
}

/// The activity of a daemon.
pub(crate) struct Activity {
    audit: Arc<Audit>,
    started: Instant,
    connection: watch::Sender<ConnectionStatus>,
    commits: Mutex<CommitCounts>,
    last_report: Mutex<Option<Arc<CommitReport>>>,
    /// Whether the daemon is to exit after the commit in progress.
    exiting: watch::Sender<bool>,
}

impl Activity {
    pub(crate) fn new(audit: Arc<Audit>) -> Self {
        Self {
            audit,
            started: Instant::now(),
            connection: watch::Sender::new(ConnectionStatus {
                since: status::now(),
                ..ConnectionStatus::default()
            }),
            commits: Mutex::default(),
            last_report: Mutex::default(),
            exiting: watch::Sender::new(false),
        }
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn connection(&self) -> ConnectionStatus {
        self.connection.borrow().clone()
    }

    pub(crate) fn commits(&self) -> CommitCounts {
        lock(&self.commits).clone()
    }

    pub(crate) fn request_exit(&self) {
        self.exiting.send_replace(true);
    }

    pub(crate) async fn wait_until_exiting(&self) {
        // Cannot fail, here and below: the sender lives as long as `self`.
        let _ = self.exiting.subscribe().wait_for(|&exiting| exiting).await;
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.borrow().connected
    }

    pub(crate) async fn wait_until_connected(&self, connected: bool) {
        let _ = self.connection.subscribe().wait_for(|connection| connection.connected == connected).await;
    }

    /// The controller is served from now on.
    pub(crate) fn connected(&self, socket: String, user: String) {
        self.audit.record(EventKind::Connected { socket: socket.clone() });
        self.connection.send_modify(|connection| {
            *connection = ConnectionStatus {
                connected: true,
                socket: Some(socket),
                user: Some(user),
                since: status::now(),
                error: None,
                losses: connection.losses,
            };
        });
    }

    /// The daemon stops serving the controller.
    pub(crate) fn stopped_serving(&self) {
        self.connection.send_modify(|connection| connection.connected = false);
    }

    /// The connection is lost, or could not be made.
    pub(crate) fn disconnected(&self, socket: String, user: String, error: String) {
        let mut was_connected = false;
        self.connection.send_modify(|connection| {
            was_connected = connection.connected;
            if was_connected {
                connection.since = status::now();
                connection.losses += 1;
            }
            connection.connected = false;
            (connection.socket, connection.user) = (Some(socket), Some(user));
            connection.error = Some(error.clone());
        });
        if was_connected {
            self.audit.record(EventKind::Disconnected { error });
        }
    }

    pub(crate) fn commit_began(&self, tid: u64) {
        lock(&self.commits).running = Some(tid);
    }

    pub(crate) fn commit_ended(&self, last: LastCommit) {
        let (tid, user, elapsed_us, error) =
            (last.tid, last.user.clone(), last.elapsed_us, last.error.clone());
        {
            let mut commits = lock(&self.commits);
            match error {
                None => commits.done += 1,
                Some(_) => commits.failed += 1,
            }
            commits.running = None;
            commits.last = Some(last);
        }
        self.audit.record(EventKind::Commit { tid, user, elapsed_us, error });
    }

    pub(crate) fn last_report(&self) -> Option<Arc<CommitReport>> {
        lock(&self.last_report).clone()
    }

    pub(crate) fn set_last_report(&self, report: CommitReport) {
        *lock(&self.last_report) = Some(Arc::new(report));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
