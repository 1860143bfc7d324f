//! Where guests run.
//!
//! Each run has a store of its own, on a thread that has nothing else to do for as long as it takes. The
//! thread ends the run at its deadline wherever the guest or the host function that it called gives it
//! back, which they do at least every millisecond. Whoever asked for the run waits in a runtime of his
//! own, with a deadline of his own: should a guest ever keep its thread, the answer comes all the same,
//! and that thread is left behind.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use confine_view::{CommitDraft, InstanceRef, Meter, View};
use tokio::sync::oneshot;
use tracing::Instrument as _;
use wasmtime::{Engine, Store, component::Linker};

use crate::{
    Budget, CommitContext, Compiler, Description, Digest, EntryPoint, FailureCause, HostFault,
    InstancePosition, Limit, Limits, LoadError, LoadFault, LogLine, Module, RunFailure, Usage, engine,
    guest_log::GuestLog,
    guest_thread::GuestThread,
    limits::microseconds,
    module::{self, BoundComponent},
    run::{self, EndedRun, Entered, RunGrants, RunRemains},
    store_state::StoreState,
    text,
};

/// How long after a run's deadline its answer is awaited, where nobody says otherwise. It is due a
/// millisecond after; the rest is for a busy machine.
const GRACE: Duration = Duration::from_millis(50);

/// Loads modules and runs them.
pub struct Runner {
    engine: Engine,
    linker: Linker<StoreState>,
    compiler: Compiler,
    grace: Duration,
    idle: Mutex<Vec<GuestThread>>,
}

/// How a run went.
pub struct RunReport {
    /// Whether it succeeded.
    pub outcome: Result<(), RunFailure>,
    /// The draft that the view was made of: with the run's edits after a success, and with some of them
    /// after a failure. None if a thread was left behind with it.
    pub draft: Option<CommitDraft>,
    /// What it used.
    pub usage: Usage,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// How many log lines were dropped.
    pub log_dropped: u64,
}

/// How a run is named.
struct RunLabel {
    module: Arc<str>,
    version: Option<Arc<str>>,
    instance: Option<InstancePosition>,
}

impl Runner {
    /// A runner with the stack that `limits` allow. The other limits come with each module.
    pub fn new(limits: &Limits, compiler: Compiler) -> Result<Self, HostFault> {
        let fault = |error: wasmtime::Error| HostFault::Runtime(format!("{error:#}"));
        let engine = engine::engine(limits).map_err(fault)?;
        let linker = module::linker(&engine).map_err(fault)?;
        Ok(Self { engine, linker, compiler, grace: GRACE, idle: Mutex::default() })
    }

    /// The same runner with another time, 50 ms if this is not called, that a thread has after a run's
    /// deadline to give itself back before it is left behind.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Makes a module of a component's bytes: checks and compiles it, binds it to the contract, and asks
    /// it what it is, all within `limits`. `name` is what people know it by.
    ///
    /// Needs a runtime with timers, and with I/O for a [`Compiler::worker`].
    pub async fn load(&self, name: &str, bytes: Arc<[u8]>, limits: &Limits) -> Result<Module, LoadError> {
        let name: Arc<str> = text::line(name, limits.text).into();
        let digest = Digest::of(&bytes);
        let loaded = async {
            let component = self.compiler.compile(&self.engine, bytes, digest, limits).await?;
            let program = BoundComponent::bind(&self.linker, &component)
                .map_err(|error| LoadFault::Refused(does_not_fit(&error, limits)))?;
            let description = self.describe(&name, &program, limits).await?;
            Ok((program, description))
        };
        match loaded.await {
            Ok((program, description)) => Ok(Module::new(name, digest, limits.clone(), description, program)),
            Err(fault) => Err(LoadError { name, fault }),
        }
    }

    async fn describe(
        &self,
        name: &Arc<str>,
        program: &BoundComponent,
        limits: &Limits,
    ) -> Result<Description, LoadFault> {
        let label = RunLabel { module: name.clone(), version: None, instance: None };
        let mut budget = Budget::new(limits, 0);
        let (described, _) = self.enter(program, &mut budget, label, None, run::describe).await;
        let raw = described.map_err(|failure| LoadFault::Start(Box::new(failure)))?;
        Ok(Description::check(raw)?)
    }

    /// Calls a module for one instance, within what is left of its budget. `view` makes the view that the
    /// module is handed, with the meter that counts its calls.
    ///
    /// A hook of a module that has none succeeds. Needs a runtime with timers.
    pub async fn run(
        &self,
        module: &Module,
        budget: &mut Budget,
        entry: EntryPoint,
        commit: &CommitContext,
        instance: &InstanceRef,
        view: impl FnOnce(Meter) -> View,
    ) -> RunReport {
        let (number, of) = budget.begin();
        let instance_name = text::line(&instance.to_string(), budget.limits().text);
        let label = RunLabel {
            module: module.name().clone(),
            version: Some(module.description().version.clone()),
            instance: Some(InstancePosition { instance: instance_name.clone(), number, of }),
        };
        let span = tracing::info_span!(
            "module",
            module = %module,
            instance = instance_name,
            entry = %entry,
            fuel = tracing::field::Empty,
            failed = tracing::field::Empty
        );
        let view = view(budget.meter());
        let (commit, instance) = (commit.into(), instance.into());
        let (outcome, remains) = self
            .enter(module.program(), budget, label, Some(view), move |store, program| {
                run::call(store, program, entry, commit, instance)
            })
            .instrument(span.clone())
            .await;
        span.record("fuel", remains.usage.fuel);
        span.record("failed", outcome.is_err());
        let RunRemains { draft, usage, log, log_dropped } = remains;
        RunReport { outcome, draft, usage, log, log_dropped }
    }

    /// Runs something of a program on a thread, and pays for it.
    async fn enter<T: Send + 'static>(
        &self,
        program: &BoundComponent,
        budget: &mut Budget,
        label: RunLabel,
        view: Option<View>,
        enter: impl for<'a> FnOnce(&'a mut Store<StoreState>, &'a BoundComponent) -> Entered<'a, T>
        + Send
        + 'static,
    ) -> (Result<T, RunFailure>, RunRemains) {
        let limits = budget.limits().clone();
        let instance = label.instance.as_ref().map(|position| position.instance.clone());
        let console = GuestLog::new(
            label.module.clone(),
            instance.unwrap_or_default(),
            budget.log.grant().allowed,
            limits.text,
        );
        let state = StoreState::new(budget, view, console);
        let (time, wall_clock) = budget.time();
        let grants = RunGrants { fuel: budget.fuel.grant(), time, wall_clock };
        let program = program.clone();
        // What the guest's thread does, and what it asks for, belongs to what it does it for.
        let span = tracing::Span::current();
        let ended = self
            .on_thread(time, move || async move {
                run::execute(&program, state, grants, &limits, enter).instrument(span).await
            })
            .await
            .unwrap_or_else(|lost| match lost {
                LostThread::Never(error) => EndedRun::failed(HostFault::Thread(error)),
                LostThread::Ended => EndedRun::failed(HostFault::Lost),
                LostThread::Stuck(took) => {
                    let reached = wall_clock.reached(Limit::WallClock, microseconds(took));
                    EndedRun::lost(FailureCause::Limit(reached), took)
                }
            });
        budget.settle(&ended.remains.usage);
        let RunLabel { module, version, instance } = label;
        let result = ended.result.map_err(|cause| RunFailure { module, version, instance, cause });
        (result, ended.remains)
    }

    /// Has a thread do something, and waits for it a little longer than it may take.
    async fn on_thread<T, F>(
        &self,
        time: Duration,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, LostThread>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let thread = match self.idle().pop() {
            Some(thread) => thread,
            None => GuestThread::start().map_err(LostThread::Never)?,
        };
        let began = Instant::now();
        let (done, answer) = oneshot::channel();
        thread.run(Box::pin(async move {
            // Nobody waits any more where the thread was left behind.
            let _ = done.send(work().await);
        }));
        match tokio::time::timeout(time.saturating_add(self.grace), answer).await {
            Ok(Ok(value)) => {
                self.idle().push(thread);
                Ok(value)
            }
            Ok(Err(_)) => Err(LostThread::Ended),
            Err(_) => {
                tracing::error!("A guest does not give its thread back, which is left behind");
                Err(LostThread::Stuck(began.elapsed()))
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<GuestThread>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a thread gave no answer.
enum LostThread {
    /// It could not be started.
    Never(std::io::Error),
    /// It ended, in a panic.
    Ended,
    /// It took so long.
    Stuck(Duration),
}

fn does_not_fit(error: &wasmtime::Error, limits: &Limits) -> String {
    format!("it does not fit the contract: {}", text::line(&format!("{error:#}"), limits.text))
}
