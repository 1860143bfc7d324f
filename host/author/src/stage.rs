//! A controller and a services daemon in this process, to play on.

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

/// How long a daemon may take to find the controller.
const PATIENCE: Duration = Duration::from_secs(30);

/// An embedded controller, a services daemon that serves it, and a user who commits.
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
    /// What the controller says.
    pub transaction: ControllerTransaction,
    /// From the user's request to that.
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

    /// What the user reads of a commit that failed.
    pub fn reason(&self) -> &str {
        self.transaction.reason.as_deref().unwrap_or_default()
    }
}

impl Testbed {
    /// Starts the controller on a socket in `directory`, and the daemon; ready when the daemon has
    /// subscribed and knows the models. `user` is who commits.
    pub async fn open(
        builder: ControllerBuilder,
        host: Arc<Host>,
        directory: &Path,
        user: &str,
    ) -> Result<Self, Error> {
        Self::open_at(builder, host, directory.join("controller.sock"), user).await
    }

    /// As [`open`](Self::open), on this socket.
    pub async fn open_at(
        builder: ControllerBuilder,
        host: Arc<Host>,
        socket: PathBuf,
        user: &str,
    ) -> Result<Self, Error> {
        let daemons = socket.clone();
        Self::open_behind(builder, host, socket, &daemons, user).await
    }

    /// As [`open_at`](Self::open_at), with a daemon that finds the controller at another socket: somebody
    /// stands in between.
    pub async fn open_behind(
        builder: ControllerBuilder,
        host: Arc<Host>,
        socket: PathBuf,
        daemons: &Path,
        user: &str,
    ) -> Result<Self, Error> {
        let mut stage = Self::without_daemon(builder, socket, user).await?;
        let stopped = until(stage.stop.subscribe());
        let options =
            ConnectOptions { running_file: Some(stage.running_file()), ..ConnectOptions::new(daemons)? };
        stage.tasks.spawn(confine_service::serve(host.clone(), options, stopped));
        let ready = async {
            host.wait_until_connected().await;
            // What the daemon knows of the models is not to depend on how fast it is.
            host.wait_until_models_read().await;
        };
        timeout(PATIENCE, ready).await.map_err(|_| Error::NoDaemon)?;
        Ok(stage)
    }

    /// The controller and the user alone: the daemon is somebody else's to start.
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
            let (controller, stopped) = (controller.clone(), until(stopped));
            async move {
                if let Err(error) = controller.serve(listener, stopped).await {
                    tracing::error!(%error, "the embedded controller has ended");
                }
            }
        });
        let events = EventReceiver::subscribe(&options, &[EventStream::ControllerTransaction]).await?;
        let client = Backend::connect(options).await?;
        Ok(Self { controller, user: RequestUser::User(user.into()), client, events, socket, stop, tasks })
    }

    /// The controller.
    pub fn controller(&self) -> &Controller {
        &self.controller
    }

    /// The user's own connection.
    pub fn client(&mut self) -> &mut Backend {
        &mut self.client
    }

    /// The socket that the controller listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where the controller keeps `running`.
    pub fn running_file(&self) -> PathBuf {
        running_file(&self.socket)
    }

    /// Edits the candidate as the user.
    pub async fn edit(&mut self, config: &str) -> Result<(), Error> {
        Ok(self.client.edit_config(Datastore::Candidate, config, &self.user).await?)
    }

    /// Makes the candidate what `running` is.
    pub async fn discard(&mut self) -> Result<(), Error> {
        Ok(self.client.discard_changes(&self.user).await?)
    }

    /// Commits the candidate as the user, and waits for the end.
    pub async fn commit(&mut self, push: PushMode, actions: ActionsMode<'_>) -> Result<CommitEnd, Error> {
        let began = Instant::now();
        let tid = self.begin(push, actions).await?;
        let transaction = self.end(tid).await?;
        Ok(CommitEnd { transaction, elapsed: began.elapsed() })
    }

    /// Commits the candidate as the user; the transaction.
    pub async fn begin(&mut self, push: PushMode, actions: ActionsMode<'_>) -> Result<u64, Error> {
        let commit = ControllerCommit { device: "*", push, actions, source: Datastore::Candidate };
        Ok(self.client.controller_commit(commit, &self.user).await?)
    }

    /// Waits for the end of a transaction.
    pub async fn end(&mut self, tid: u64) -> Result<ControllerTransaction, Error> {
        Ok(self.events.wait_for_transaction(tid).await?)
    }

    /// Stops the daemon and the controller, and waits for them.
    pub async fn close(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Until somebody ends it from outside.
    pub async fn stay(mut self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            _ = self.tasks.join_next() => {}
        }
        self.close().await;
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stopped| stopped).await;
}
