//! The daemon: subscribes, runs commits for ever, and answers each one.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use confine_backend::{
    Backend, ConnectOptions, ControllerEvent, ControllerTransaction, Error as BackendError, EventReceiver,
    EventStream, RequestUser, ServicesCommit, Subscription, Transaction, TransactionState,
};
use tokio::{
    sync::Mutex,
    task::{JoinError, JoinSet},
};
use tracing::Instrument as _;

use crate::{
    Error, EventKind,
    backoff::Backoff,
    commit::{
        answer::{self, TransactionAnswer},
        hooks::HookQueue,
        read::Shared,
        work::{self, CommitOutcome, CommitState},
    },
    controller::{host_rights, models::ModelReaderTask},
    host::{CommitReport, Host},
    modules::slots::microseconds,
    status::{self, LastCommit},
};

/// How soon a controller that is away is looked for again, at first and at last.
pub(crate) const SOONEST: Duration = Duration::from_millis(100);
pub(crate) const LATEST: Duration = Duration::from_secs(15);

/// Serves the controller until `shutdown`: loses the connection, finds it again, and runs every commit
/// in between. A commit that is running at the shutdown is answered with an error before this returns;
/// one that is running when the host is to [leave](Host::leave) is run to its end.
///
/// # Errors
/// None that time might heal: a controller that is away is waited for.
pub async fn serve(host: Arc<Host>, options: ConnectOptions, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(lasting(shutdown));
    let mut backoff = Backoff::new(SOONEST, LATEST);
    let hooks = HookQueue::start(host.clone(), options.clone());
    let (socket, user) = (options.socket.display().to_string(), options.host_user.clone());
    loop {
        let connected = tokio::select! {
            connected = ControllerConnection::open(&options) => connected,
            () = &mut shutdown => return,
            () = host.left() => return,
        };
        let lost = match connected {
            Ok(mut connection) => {
                match connection.serve(&host, &hooks, shutdown.as_mut()).await {
                    Ok(()) => return host.leave_controller(),
                    Err(error) => {
                        // A controller that drops everyone at once has not been served.
                        if host.is_connected() {
                            backoff.reset();
                        }
                        error
                    }
                }
            }
            Err(error) => error,
        };
        if lost.is_denied() {
            let rules = host_rights::everything(&user);
            tracing::error!("the daemon is not permitted what it needs; {}:\n{rules}", host_rights::HINT);
        }
        let (wait, error) = (backoff.next(), Error::from(lost).reason());
        tracing::warn!(error, retry_ms = wait.as_millis(), "no connection to the controller");
        host.disconnect(socket.clone(), user.clone(), error);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut shutdown => return,
            () = host.left() => return,
        }
    }
}

/// The future, which may be awaited again when it is over: as it is where the last commit cannot be
/// answered.
fn lasting(future: impl Future<Output = ()>) -> impl Future<Output = ()> {
    let (mut future, mut over) = (Box::pin(future), false);
    poll_fn(move |context| {
        over = over || future.as_mut().poll(context).is_ready();
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// The two sockets: one that is told, one that asks.
struct ControllerConnection {
    events: EventReceiver,
    /// Events that came while something else was awaited, to be dealt with first.
    waiting: VecDeque<ControllerEvent>,
    backend: Shared,
    /// Commits that wait for a daemon that is gone.
    abandoned: Vec<Transaction>,
}

impl ControllerConnection {
    async fn open(options: &ConnectOptions) -> Result<Self, BackendError> {
        let mut subscription = Subscription::open(options).await?;
        subscription.add(EventStream::ServicesCommit).await?;
        let mut backend = Backend::connect_to_subscribed(&subscription).await?;
        let open = backend.open_transactions(&RequestUser::Host).await?;
        // A commit is notified before its transaction waits for actions, so those of `open` that are ours
        // were notified before this is answered.
        subscription.add(EventStream::ControllerTransaction).await?;
        let mut events = subscription.into_receiver()?;
        let mut waiting = VecDeque::new();
        while let Some(event) = events.next_buffered() {
            match event {
                Ok(event) => waiting.push_back(event),
                Err(error) => pass_over(error)?,
            }
        }
        let is_ours = |tid: u64| {
            waiting
                .iter()
                .any(|event| matches!(event, ControllerEvent::ServicesCommit(commit) if commit.tid == tid))
        };
        let abandoned = open.into_iter().filter(|open| !is_ours(open.tid)).collect();
        Ok(Self { events, waiting, backend: Arc::new(Mutex::new(backend)), abandoned })
    }

    /// Until the shutdown (`Ok`), or until the connection is lost.
    async fn serve(
        &mut self,
        host: &Arc<Host>,
        hooks: &HookQueue,
        mut shutdown: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), BackendError> {
        let ConnectOptions { socket, host_user, running_file, .. } =
            self.backend.lock().await.options().clone();
        host.books.begin(running_file.as_deref());
        host.rules.forget();
        self.end_abandoned(host).await;
        self.find_end(host, hooks).await?;
        host.connect(socket.display().to_string(), host_user);
        let _models = ModelReaderTask::start(host, &self.backend);
        loop {
            let event = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                event = self.next(host) => event?,
                // Last: what has been notified is run.
                () = host.left() => return Ok(()),
            };
            match event {
                ControllerEvent::ServicesCommit(commit) => {
                    host.knowledge.set_committing(true);
                    let ran = self.run(host, commit, shutdown.as_mut()).await;
                    host.knowledge.set_committing(false);
                    if ran? {
                        return Ok(());
                    }
                }
                ControllerEvent::ControllerTransaction(over) => {
                    host.transaction_over(&over);
                    if let Some(hooked) = host.take_hooked(over.tid) {
                        hooks.put(hooked, over);
                    }
                }
            }
        }
    }

    /// Looks up how a commit ended whose end was not heard of: the connection was lost before.
    async fn find_end(&self, host: &Host, hooks: &HookQueue) -> Result<(), BackendError> {
        let Some((tid, began)) = host.awaited() else { return Ok(()) };
        let found = self.backend.lock().await.transaction(tid, &RequestUser::Host).await?;
        match found.filter(|found| found.started_at == began) {
            Some(found) if found.state == TransactionState::Done => {
                if let Some(hooked) = host.take_hooked(tid) {
                    let Transaction { username, result, origin, reason, .. } = found;
                    hooks.put(hooked, ControllerTransaction { tid, username, result, origin, reason });
                }
            }
            // Its end will be told.
            Some(_) => {}
            None => {
                // That number is another transaction's, or will be.
                drop(host.take_hooked(tid));
                tracing::warn!(
                    tid,
                    "the hooks of a commit are not run: the controller was started again and does not know how it ended"
                );
            }
        }
        Ok(())
    }

    /// The next event. While there is none, the books are brought up to date.
    async fn next(&mut self, host: &Host) -> Result<ControllerEvent, BackendError> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            let want_books = host.books.want_reading();
            let next = tokio::select! {
                biased;
                next = self.events.next() => next,
                () = host.loaded(), if want_books => {
                    if let Err(error) = host.read_running(&self.backend).await {
                        tracing::warn!(error = error.reason(), "the `created` lists cannot be read: is the host user allowed to?");
                    }
                    self.events.next().await
                }
            };
            match next {
                Ok(event) => return Ok(event),
                Err(error) => pass_over(error)?,
            }
        }
    }

    /// Waits until the connection is lost. What is notified until then waits for its turn.
    async fn lost(&mut self) -> BackendError {
        loop {
            match self.events.next().await {
                Ok(event) => self.waiting.push_back(event),
                Err(error) => {
                    if let Err(lost) = pass_over(error) {
                        return lost;
                    }
                }
            }
        }
    }

    /// Ends the commits that wait for a daemon that is gone: the candidate would stay locked until the
    /// service-timeout.
    async fn end_abandoned(&mut self, host: &Host) {
        for Transaction { tid, username, .. } in std::mem::take(&mut self.abandoned) {
            let given = answer::give(
                &self.backend,
                tid,
                TransactionAnswer::Failed(Error::Abandoned),
                username.as_deref(),
            )
            .await;
            host.audit.tell(EventKind::Abandoned { tid, ended: given.is_ok() });
        }
    }

    /// Runs a commit and answers it. True if the daemon was told to end meanwhile.
    async fn run(
        &mut self,
        host: &Arc<Host>,
        notified: ServicesCommit,
        shutdown: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<bool, BackendError> {
        let tid = notified.tid;
        host.begin(tid);
        let known = Arc::new(CommitState::begin());
        // A task of its own: if it panics, the commit is answered all the same.
        let span = tracing::info_span!("commit", tid, user = tracing::field::Empty);
        let commit = work::run(host.clone(), self.backend.clone(), notified, known.clone());
        let commit = commit.instrument(span.clone());
        let (backend, timed) = (self.backend.clone(), known.clone());
        let ran = async {
            if !host.is_loaded() {
                // Which may take longer than the controller waits.
                match host.read_service_timeout(&backend).await {
                    Ok(timeout) => timed.set_service_timeout(timeout),
                    Err(error) => {
                        tracing::warn!(tid, error = error.reason(), "the service-timeout is not known")
                    }
                }
                host.loaded().await;
            }
            host.keep_modules();
            // Ended when nobody waits for it any more.
            let mut task = JoinSet::new();
            task.spawn(commit);
            task.join_next().await.map_or(Err(Error::Internal), |ended| outcome(tid, ended))
        };
        let mut stopped = false;
        let result = tokio::select! {
            ran = ran => ran,
            late = known.late() => Err(late),
            () = shutdown => {
                stopped = true;
                Err(Error::Stopped)
            }
            // Most likely nobody waits for the answer any more, and the next controller has commits of its own.
            lost = self.lost() => Err(lost.into()),
        };
        let user = known.user();
        let mut last = LastCommit {
            tid,
            user: user.clone(),
            at: String::new(),
            elapsed_us: 0,
            instances: 0,
            bytes: 0,
            error: None,
        };
        let answer = match result {
            Ok(done) => {
                (last.instances, last.bytes) = (done.instances, done.bytes);
                host.report(CommitReport {
                    tid,
                    runs: done.runs,
                    bytes: done.bytes,
                    elapsed: known.elapsed(),
                });
                TransactionAnswer::Done(done.services)
            }
            Err(error) => {
                last.error = Some(error.reason());
                TransactionAnswer::Failed(error)
            }
        };
        host.await_end(known.take_hooked());
        let given = answer::give(&self.backend, tid, answer, user.as_deref()).instrument(span.clone()).await;
        (last.at, last.elapsed_us) = (status::now(), microseconds(known.elapsed()));
        span.in_scope(|| host.end(last));
        match given {
            Ok(()) => Ok(stopped),
            Err(error) if error.is_recoverable() => {
                tracing::error!(
                    tid,
                    error = Error::from(error).reason(),
                    "the controller takes no answer to a commit"
                );
                Ok(stopped)
            }
            Err(error) => Err(error),
        }
    }
}

/// Logs a notification that cannot be understood.
///
/// # Errors
/// The end of them all.
fn pass_over(error: BackendError) -> Result<(), BackendError> {
    if !error.is_recoverable() {
        return Err(error);
    }
    tracing::error!(%error, "a notification cannot be understood");
    Ok(())
}

/// What the task of a commit has come to. One that panicked has to be answered like others.
fn outcome(tid: u64, ended: Result<Result<CommitOutcome, Error>, JoinError>) -> Result<CommitOutcome, Error> {
    ended.unwrap_or_else(|ended| {
        tracing::error!(tid, error = %ended, "the task of a commit ended");
        Err(Error::Internal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let task = tokio::spawn(async { panic!("a fault of ours") });
        let error = outcome(7, task.await).unwrap_err();
        insta::assert_snapshot!(error.reason(), @"an internal error ended the commit: see the daemon's log");
    }

    #[tokio::test]
    async fn what_lasts_is_over_for_everyone_who_asks() {
        let mut shutdown = pin!(lasting(async {}));
        shutdown.as_mut().await;
        shutdown.as_mut().await;
    }
}
