//! The daemon: subscribes, runs commits, and answers each one.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use confine_backend::{
    Backend, ConnectOptions, ControllerEvent, Error as BackendError, EventReceiver, EventStream, RequestUser,
    ServicesCommit, Subscription, Transaction,
};
use confine_tree::StopSignal;
use tokio::{sync::Mutex, task::JoinError, time::timeout};
use tracing::Instrument as _;

use crate::{
    Error, EventKind, Host,
    activity::CommitReport,
    backoff::Backoff,
    commit::{
        answer::{TransactionAnswer, answer},
        hooks::HookQueue,
        originals::keeps_originals,
        orphans::search_orphans,
        running::{RunningData, read_rules, read_service_timeout},
        state::CommitState,
        work::CommitOutcome,
    },
    controller::{SharedBackend, host_rights, known::KnownController, models::keep_models},
    modules::manager::ModuleManager,
    status::{self, LastCommit, microseconds},
};

/// Serves the controller until `shutdown`: reconnects when the connection is lost, and runs every commit that is
/// notified. A commit in progress at the shutdown is answered with an error before this returns; one in progress
/// when the host is [requested to exit](Host::request_exit) is run to its end.
///
/// Waits for a controller that is away, so there is no error to return.
pub async fn serve(host: Arc<Host>, options: ConnectOptions, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(fuse(shutdown));
    let mut backoff = Backoff::for_controller();
    let hooks = HookQueue::start(host.modules.clone(), host.controller.clone(), options.clone(), host.work());
    let (socket, user) = (options.socket.display().to_string(), options.host_user.clone());
    loop {
        let connected = tokio::select! {
            connected = ControllerConnection::open(&options) => connected,
            () = &mut shutdown => return,
            () = host.activity.wait_until_exiting() => return,
        };
        let lost = match connected {
            Ok(mut connection) => match connection.serve(&host, &hooks, shutdown.as_mut()).await {
                Ok(()) => {
                    host.controller.models.set_incomplete();
                    return host.activity.stopped_serving();
                }
                Err(error) => {
                    // A controller that drops every connection at once has not been served.
                    if host.activity.is_connected() {
                        backoff.reset();
                    }
                    error
                }
            },
            Err(error) => error,
        };
        if lost.is_denied() {
            let rules = host_rights::all_rules(&user);
            tracing::error!("access control denies what the daemon needs; {}:\n{rules}", host_rights::HINT);
        }
        let (wait, error) = (backoff.next(), Error::from(lost).reason());
        tracing::warn!(error, retry_ms = wait.as_millis(), "no connection to the controller");
        host.activity.disconnected(socket.clone(), user.clone(), error);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut shutdown => return,
            () = host.activity.wait_until_exiting() => return,
        }
    }
}

/// Makes a future that may be awaited again after it has completed: the shutdown is awaited again if the last
/// commit cannot be answered.
fn fuse(future: impl Future<Output = ()>) -> impl Future<Output = ()> {
    let (mut future, mut is_done) = (Box::pin(future), false);
    poll_fn(move |context| {
        is_done = is_done || future.as_mut().poll(context).is_ready();
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// The two sessions with the controller: one receives notifications, one makes requests.
struct ControllerConnection {
    events: EventReceiver,
    /// Events that were received while something else was awaited.
    waiting: VecDeque<ControllerEvent>,
    backend: SharedBackend,
    /// Commits that wait for the answer of a daemon that is gone.
    abandoned: Vec<Transaction>,
}

impl ControllerConnection {
    async fn open(options: &ConnectOptions) -> Result<Self, BackendError> {
        let mut subscription = Subscription::open(options).await?;
        subscription.add(EventStream::ServicesCommit).await?;
        let mut backend = Backend::connect_to_subscribed(&subscription).await?;
        let open = backend.open_transactions(&RequestUser::Host).await?;
        // A commit is notified before its transaction waits for actions, so the notifications of those in `open`
        // that are ours arrive before the reply to this.
        subscription.add(EventStream::ControllerTransaction).await?;
        let mut events = subscription.into_receiver()?;
        let mut waiting = VecDeque::new();
        while let Some(event) = events.next_buffered() {
            match event {
                Ok(event) => waiting.push_back(event),
                Err(error) => skip_unreadable(error)?,
            }
        }
        let is_ours = |tid: u64| {
            let commit = |event: &ControllerEvent| matches!(event, ControllerEvent::ServicesCommit(commit) if commit.tid == tid);
            waiting.iter().any(commit)
        };
        let abandoned = open.into_iter().filter(|open| !is_ours(open.tid)).collect();
        Ok(Self { events, waiting, backend: Arc::new(Mutex::new(backend)), abandoned })
    }

    /// Serves until the shutdown (`Ok`), or until the connection is lost.
    async fn serve(
        &mut self,
        host: &Arc<Host>,
        hooks: &HookQueue,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), BackendError> {
        let ConnectOptions { socket, host_user, running_file, .. } =
            self.backend.lock().await.options().clone();
        host.controller.connecting(&socket, running_file.as_deref());
        self.end_abandoned(host).await;
        hooks.find_missed_end(&self.backend).await?;
        host.controller.models.set_incomplete();
        host.activity.connected(socket.display().to_string(), host_user);
        let _models = host.work().run(keep_models(host.controller.models.clone(), self.backend.clone()));
        let _owners =
            host.work().run(keep_known(host.controller.clone(), host.modules.clone(), self.backend.clone()));
        loop {
            host.controller.owners_may_have_changed.notify_one();
            let event = tokio::select! {
                biased;
                () = &mut shutdown => return Ok(()),
                event = self.next_event() => event?,
                // Last: a commit that has been notified is run.
                () = host.activity.wait_until_exiting() => return Ok(()),
            };
            match event {
                ControllerEvent::ServicesCommit(commit) => {
                    let is_shutdown = self.run_commit(host, hooks, commit, shutdown.as_mut()).await;
                    host.controller.models.set_committing(false);
                    if is_shutdown? {
                        return Ok(());
                    }
                }
                ControllerEvent::ControllerTransaction(over) => {
                    host.controller.transaction_over(&over);
                    hooks.transaction_over(over);
                }
            }
        }
    }

    /// Returns the next event.
    async fn next_event(&mut self) -> Result<ControllerEvent, BackendError> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(event);
            }
            match self.events.next().await {
                Ok(event) => return Ok(event),
                Err(error) => skip_unreadable(error)?,
            }
        }
    }

    /// Waits until the connection is lost. Events that arrive until then wait for their turn.
    async fn wait_until_lost(&mut self) -> BackendError {
        loop {
            match self.events.next().await {
                Ok(event) => self.waiting.push_back(event),
                Err(error) => {
                    if let Err(lost) = skip_unreadable(error) {
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
            let failed = TransactionAnswer::Failed(Error::Abandoned);
            let answered = answer(&self.backend, tid, failed, username.as_deref()).await;
            host.audit.record(EventKind::Abandoned { tid, ended: answered.is_ok() });
        }
    }

    /// Runs a commit and answers it. Returns whether a shutdown was requested meanwhile.
    async fn run_commit(
        &mut self,
        host: &Arc<Host>,
        hooks: &HookQueue,
        notified: ServicesCommit,
        shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<bool, BackendError> {
        let tid = notified.tid;
        host.activity.commit_began(tid);
        let state = Arc::new(CommitState::begin());
        let span = tracing::info_span!("commit", tid, user = tracing::field::Empty);
        let backend = self.backend.clone();
        let mut is_shutdown = false;
        let result = tokio::select! {
            result = run_to_outcome(host, backend, notified, &state, span.clone()) => result,
            late = state.late() => Err(late),
            () = shutdown => {
                is_shutdown = true;
                Err(Error::Stopped)
            }
            // Most likely nobody waits for the answer any more, and the next controller has commits of its own.
            lost = self.wait_until_lost() => Err(lost.into()),
        };
        // Work that does not wait for anything ends at its next step.
        state.stop();
        let user = state.user();
        let mut last = LastCommit::new(tid, user.clone());
        let commit_answer = match result {
            Ok(CommitOutcome { services, instances, runs, bytes }) => {
                (last.instances, last.bytes) = (instances, bytes);
                host.activity.set_last_report(CommitReport { tid, runs, bytes, elapsed: state.elapsed() });
                TransactionAnswer::Done(services)
            }
            Err(error) => {
                last.error = Some(error.reason());
                TransactionAnswer::Failed(error)
            }
        };
        hooks.commit_answered(state.take_hooked());
        let answered =
            answer(&self.backend, tid, commit_answer, user.as_deref()).instrument(span.clone()).await;
        (last.at, last.elapsed_us) = (status::now(), microseconds(state.elapsed()));
        host.modules.commit_ended();
        host.modules.report_dropped_lines(tid);
        span.in_scope(|| host.activity.commit_ended(last));
        match answered {
            Ok(()) => Ok(is_shutdown),
            Err(error) if error.is_recoverable() => {
                let error = Error::from(error).reason();
                tracing::error!(tid, error, "the controller rejected the answer to a commit");
                Ok(is_shutdown)
            }
            Err(error) => Err(error),
        }
    }
}

/// How often the file of `running` is looked at.
const LOOK_AT_RUNNING: Duration = Duration::from_secs(5);

/// How long a commit waits for models before it asks how long it may wait.
const SHORT_WAIT: Duration = Duration::from_millis(500);
/// The longest time that a commit waits for models, whatever the service-timeout: the candidate is locked meanwhile.
const LONGEST_WAIT_FOR_MODELS: Duration = Duration::from_secs(60);

/// Keeps the owner index up to date while there is nothing else to do, so that the next commit need not read it, and finds
/// the rules that do not work.
async fn keep_known(
    controller: Arc<KnownController>,
    modules: Arc<ModuleManager>,
    backend: SharedBackend,
) -> Infallible {
    let mut said = false;
    loop {
        let is_about_owners = tokio::select! {
            () = controller.owners_may_have_changed.notified() => true,
            () = controller.models_changed.notified() => false,
            // Nobody notifies of a local commit.
            () = tokio::time::sleep(LOOK_AT_RUNNING) => {
                let registry = modules.registry_by_model(&*controller.schema());
                if !controller.owner_index.wants_reading(&registry) && controller.wanted_search().is_none() {
                    continue;
                }
                true
            }
        };
        modules.wait_until_restored().await;
        let registry = modules.registry_by_model(&*controller.schema());
        let mut owners = {
            let _reading = controller.owner_reading.lock().await;
            // What the last commit has changed is applied.
            controller.known_owners(&registry)
        };
        if owners.is_none()
            && (controller.wanted_search().is_some()
                || is_about_owners && controller.owner_index.wants_reading(&registry))
        {
            match RunningData::read(&controller, &registry, &backend, |_| Ok(Vec::new())).await {
                Ok(running) => owners = Some(running.owners),
                Err(error) => {
                    tracing::warn!(
                        error = error.reason(),
                        "cannot read the `created` lists: check that the host user may read them"
                    );
                    if let Some(search) = controller.wanted_search() {
                        controller.orphans.end_search(search, true);
                    }
                }
            }
        }
        if let Some(owners) = owners {
            search_orphans(&controller, &registry, &backend, owners, StopSignal::default()).await;
        }
        // Before, a prefix may only seem to be in no model.
        if controller.models.is_complete() {
            if !keeps_originals(&*controller.schema()) && !std::mem::replace(&mut said, true) {
                tracing::warn!(
                    "what services change on devices is not restored when they go: `confine yang install`, and restart the controller"
                );
            }
            if !controller.nacm.are_read() {
                // Why it fails is reported by `take`, or by the next commit.
                let _ = read_rules(&controller, &registry, &backend).await;
            }
            controller.nacm.find_broken(&registry, &controller.schema());
        }
    }
}

/// Runs a commit on threads of its own, so that it is answered even if it panics or does not wait for anything. It is ended
/// when the result is no longer awaited.
async fn run_to_outcome(
    host: &Arc<Host>,
    backend: SharedBackend,
    notified: ServicesCommit,
    state: &Arc<CommitState>,
    span: tracing::Span,
) -> Result<CommitOutcome, Error> {
    let tid = notified.tid;
    wait_for_models(host, &backend, tid, state).instrument(span.clone()).await?;
    host.controller.models.set_committing(true);
    let mut progress = host.modules.progress();
    loop {
        progress.borrow_and_update();
        let is_loading = host.modules.is_loading();
        if host.modules.is_known() {
            host.modules.commit_began();
            let commit = host.commits.clone().run(backend.clone(), notified.clone(), state.clone());
            match task_outcome(tid, host.work().run(commit.instrument(span.clone())).await) {
                // The module that the commit needs may be one that is still being loaded.
                Err(error) if is_loading && error.is_missing_module() => {}
                outcome => return outcome,
            }
            host.modules.commit_ended();
        }
        // Loading may take longer than the controller waits.
        learn_service_timeout(&backend, tid, state).await;
        // Cannot fail: the sender lives as long as the host.
        let _ = progress.changed().await;
    }
}

/// Waits for models that are being read, because the daemon, the controller or a connection to a device is new. Without them,
/// the commit would take one entry or value for another, and lose what it keeps of devices.
async fn wait_for_models(
    host: &Host,
    backend: &SharedBackend,
    tid: u64,
    state: &CommitState,
) -> Result<(), Error> {
    let models = &host.controller.models;
    if timeout(SHORT_WAIT, models.wait_until_current()).await.is_ok() {
        return Ok(());
    }
    tracing::info!(tid, "the commit waits for YANG models");
    learn_service_timeout(backend, tid, state).await;
    let limit = LONGEST_WAIT_FOR_MODELS.min(state.service_timeout() / 2);
    let rest = limit.saturating_sub(state.elapsed());
    let late = |_| Error::ModelsNotRead { of: models.being_read(), seconds: limit.as_secs() };
    timeout(rest, models.wait_until_current()).await.map_err(late)
}

async fn learn_service_timeout(backend: &SharedBackend, tid: u64, state: &CommitState) {
    match read_service_timeout(backend).await {
        Ok(timeout) => state.set_service_timeout(timeout),
        Err(error) => tracing::warn!(tid, error = error.reason(), "cannot read the service-timeout"),
    }
}

/// Logs a notification that cannot be read.
///
/// # Errors
/// The error itself if no more notifications will follow.
fn skip_unreadable(error: BackendError) -> Result<(), BackendError> {
    if !error.is_recoverable() {
        return Err(error);
    }
    tracing::error!(%error, "cannot read a notification");
    Ok(())
}

/// Returns the outcome of a commit's task: an internal error if it has panicked.
fn task_outcome(
    tid: u64,
    ended: Result<Result<CommitOutcome, Error>, JoinError>,
) -> Result<CommitOutcome, Error> {
    ended.unwrap_or_else(|ended| {
        tracing::error!(tid, error = %ended, "the task of a commit ended");
        Err(Error::Internal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_of_a_commit_task_is_an_answer() {
        let task = tokio::spawn(async { panic!("a fault of ours") });
        let error = task_outcome(7, task.await).unwrap_err();
        insta::assert_snapshot!(error.reason(), @"an internal error ended the commit: see the daemon's log");
    }

    #[tokio::test]
    async fn fused_future_may_be_awaited_again() {
        let mut shutdown = pin!(fuse(async {}));
        shutdown.as_mut().await;
        shutdown.as_mut().await;
    }
}
