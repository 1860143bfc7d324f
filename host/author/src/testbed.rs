//! A controller and a services daemon in this process, for demos and tests.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use confine_backend::{
    ActionsMode, Backend, ConnectOptions, ControllerCommit, ControllerTransaction, Datastore, EventReceiver,
    EventStream, PushMode, RequestUser, TransactionOutcome,
};
use confine_controller::{Controller, ControllerBuilder};
use confine_service::Host;
use tokio::{net::UnixListener, sync::watch, task::JoinSet, time::timeout};

use crate::Error;

/// How long a daemon may take to connect to the controller.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// An embedded controller, a services daemon connected to it, and a user who commits.
pub struct Testbed {
    controller: Controller,
    user: RequestUser,
    client: Backend,
    events: EventReceiver,
    socket: PathBuf,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// How a commit ended.
#[derive(Debug)]
pub struct CommitEnd {
    /// The transaction as the controller reports it.
    pub transaction: ControllerTransaction,
    /// The time from the user's request to the end of the transaction.
    pub elapsed: Duration,
}

fn running_file(socket: &Path) -> PathBuf {
    socket.with_extension("running")
}

impl CommitEnd {
    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        self.transaction.result == TransactionOutcome::Success
    }

    /// The error that the user sees; empty if there is none.
    pub fn reason(&self) -> &str {
        self.transaction.reason.as_deref().unwrap_or_default()
    }
}

impl Testbed {
    /// Starts the controller on a socket in `directory`, and the daemon. Returns when the daemon has
    /// subscribed and read the YANG modules. `user` is the user who commits.
    pub async fn open(
        builder: ControllerBuilder,
        host: Arc<Host>,
        directory: &Path,
        user: &str,
    ) -> Result<Self, Error> {
        let socket = directory.join("controller.sock");
        Self::open_behind(builder, host, socket.clone(), &socket, user).await
    }

    /// As [`open`](Self::open), on this socket, with a daemon that connects to `daemon_socket`: the same, or one
    /// behind which something forwards to the controller.
    pub async fn open_behind(
        builder: ControllerBuilder,
        host: Arc<Host>,
        socket: PathBuf,
        daemon_socket: &Path,
        user: &str,
    ) -> Result<Self, Error> {
        let mut testbed = Self::without_daemon(builder, socket, user).await?;
        let stopped = wait_until_set(testbed.stop.subscribe());
        let options = ConnectOptions {
            running_file: Some(testbed.running_file()),
            ..ConnectOptions::new(daemon_socket)?
        };
        testbed.tasks.spawn(confine_service::serve(host.clone(), options, stopped));
        let ready = async {
            host.wait_until_connected().await;
            // Otherwise the outcome would depend on how fast the daemon reads the YANG modules.
            host.wait_until_models_read().await;
        };
        timeout(CONNECT_TIMEOUT, ready).await.map_err(|_| Error::NoDaemon)?;
        Ok(testbed)
    }

    /// Starts the controller only. The caller starts the daemon.
    pub async fn without_daemon(
        builder: ControllerBuilder,
        socket: PathBuf,
        user: &str,
    ) -> Result<Self, Error> {
        let controller = builder.running_file(running_file(&socket)).build()?;
        let listen = |source| Error::Listen { socket: socket.clone(), source };
        let listener = UnixListener::bind(&socket).map_err(listen)?;
        let options = ConnectOptions::new(&socket)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (controller, stopped) = (controller.clone(), wait_until_set(stopped));
            async move {
                if let Err(error) = controller.serve(listener, stopped).await {
                    tracing::error!(%error, "the embedded controller has stopped");
                }
            }
        });
        let events = EventReceiver::subscribe(&options, &[EventStream::ControllerTransaction]).await?;
        let client = Backend::connect(options).await?;
        Ok(Self { controller, user: RequestUser::User(user.into()), client, events, socket, stop, tasks })
    }

    /// Returns the controller.
    pub fn controller(&self) -> &Controller {
        &self.controller
    }

    /// Returns the user's own connection.
    pub fn client(&mut self) -> &mut Backend {
        &mut self.client
    }

    /// Returns the socket that the controller listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the file that the controller writes `running` to.
    pub fn running_file(&self) -> PathBuf {
        running_file(&self.socket)
    }

    /// Edits the candidate as the user.
    pub async fn edit(&mut self, config: &str) -> Result<(), Error> {
        Ok(self.client.edit_config(Datastore::Candidate, config, &self.user).await?)
    }

    /// Discards all changes in the candidate.
    pub async fn discard(&mut self) -> Result<(), Error> {
        Ok(self.client.discard_changes(&self.user).await?)
    }

    /// Commits the candidate as the user, and waits for the end of the transaction.
    pub async fn commit(&mut self, push: PushMode, actions: ActionsMode<'_>) -> Result<CommitEnd, Error> {
        let started = Instant::now();
        let tid = self.begin(push, actions).await?;
        let transaction = self.end(tid).await?;
        Ok(CommitEnd { transaction, elapsed: started.elapsed() })
    }

    /// Starts a commit of the candidate as the user, and returns the transaction id.
    pub async fn begin(&mut self, push: PushMode, actions: ActionsMode<'_>) -> Result<u64, Error> {
        let commit = ControllerCommit { device: "*", push, actions, source: Datastore::Candidate };
        Ok(self.client.controller_commit(commit, &self.user).await?)
    }

    /// Waits for the end of a transaction.
    pub async fn end(&mut self, tid: u64) -> Result<ControllerTransaction, Error> {
        Ok(self.events.wait_for_transaction(tid).await?)
    }

    /// Stops the daemon and the controller, and waits until they have ended.
    pub async fn close(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Runs until `shutdown` is ready or a task ends, then closes the testbed.
    pub async fn stay(mut self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            _ = self.tasks.join_next() => {}
        }
        self.close().await;
    }
}

/// Waits until the value is `true` or the sender is gone.
async fn wait_until_set(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stopped| stopped).await;
}
