//! Loads modules and runs them.
//!
//! Each run has its own store, on a thread that does nothing else meanwhile. The guest, and the host functions
//! that it calls, yield the thread at least every millisecond, and the thread ends the run there if its deadline
//! has passed. The caller waits in another runtime with another deadline: if a guest never yields, the caller
//! still gets its answer, and the thread is abandoned.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use confine_view::{CommitDraft, InstanceRef, Meter, View};
use tokio::sync::{Semaphore, oneshot};
use tracing::Instrument as _;
use wasmtime::{Engine, Store, component::Linker};

use crate::{
    Budget, CommitContext, CompiledModule, Compiler, Description, Digest, EntryPoint, FailureCause,
    HostFault, HostSecret, InstancePosition, Limit, Limits, LoadError, LoadFault, LogLine, Module,
    RunFailure, Usage,
    compile::{blocking, check_resident},
    engine,
    guest_log::GuestLog,
    guest_thread::GuestThread,
    limits::microseconds,
    module::{self, BoundComponent},
    random::RandomBytes,
    run::{self, EndedRun, Entered, RunGrants, RunRemains},
    store_state::{RunInputs, StoreState},
    text, wasi,
};

/// The default time that a thread has after a run's deadline. A run ends about a millisecond after its deadline;
/// the rest is for a busy machine.
const GRACE: Duration = Duration::from_millis(50);

/// Loads modules and runs them.
pub struct Runner {
    engine: Engine,
    linker: Linker<StoreState>,
    compiler: Compiler,
    secret: HostSecret,
    grace: Duration,
    idle: Mutex<Vec<GuestThread>>,
    /// One permit for each store that may exist.
    stores: Arc<Semaphore>,
}

/// The result of a run.
pub struct RunReport {
    /// Whether it succeeded.
    pub outcome: Result<(), RunFailure>,
    /// The draft of the view: with the run's edits after a success, and with some of them after a failure. None
    /// if an abandoned thread still has it.
    pub draft: Option<CommitDraft>,
    /// What the run used.
    pub usage: Usage,
    /// The log lines of the run.
    pub log: Vec<LogLine>,
    /// The number of dropped log lines.
    pub log_dropped: u64,
}

/// How messages name a run.
struct RunLabel {
    module: Arc<str>,
    version: Option<Arc<str>>,
    instance: Option<InstancePosition>,
}

impl Runner {
    /// Creates a runner whose guests have the stack that `limits` allow, and random bytes that derive from `secret`. Each
    /// module has its own other limits: those of memory, memories, tables and core instances must not be higher.
    pub fn new(limits: &Limits, compiler: Compiler, secret: HostSecret) -> Result<Self, HostFault> {
        let fault = |error: wasmtime::Error| HostFault::Runtime(format!("{error:#}"));
        let engine = engine::pooled(limits).map_err(fault)?;
        let linker = module::linker(&engine).map_err(fault)?;
        let stores = Arc::new(Semaphore::new(engine::STORES as usize));
        Ok(Self { engine, linker, compiler, secret, grace: GRACE, idle: Mutex::default(), stores })
    }

    /// A runner with threads of its own that runs the same modules, in the same memory.
    #[must_use]
    pub fn another(&self) -> Self {
        let Self { engine, linker, compiler, secret, grace, stores, .. } = self;
        let (engine, linker, stores) = (engine.clone(), linker.clone(), stores.clone());
        let (compiler, secret) = (compiler.clone(), secret.clone());
        Self { engine, linker, compiler, secret, grace: *grace, idle: Mutex::default(), stores }
    }

    /// Sets the time that a thread has after a run's deadline before it is abandoned. The default is 50 ms.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Loads a module: [compiles](Self::compile) and [binds](Self::bind) it. Messages call the module `name`.
    ///
    /// Needs a runtime with timers, and with I/O for a [`Compiler::worker`].
    pub async fn load(&self, name: &str, bytes: Arc<[u8]>, limits: &Limits) -> Result<Module, LoadError> {
        let compiled = self.compile(name, bytes, limits).await?;
        self.bind(compiled, limits).await
    }

    /// Checks and compiles a component, within `limits`. With a [`Compiler::worker`], this process executes and keeps
    /// nothing of it yet.
    pub async fn compile(
        &self,
        name: &str,
        bytes: Arc<[u8]>,
        limits: &Limits,
    ) -> Result<CompiledModule, LoadError> {
        let name: Arc<str> = text::line(name, limits.text).into();
        let digest = Digest::of(&bytes);
        match self.compiler.compile(&self.engine, bytes, digest, limits).await {
            Ok(component) => Ok(CompiledModule { name, digest, component }),
            Err(fault) => Err(LoadError { name, fault }),
        }
    }

    /// Loads a compiled component, binds it to the contract and calls `describe`, within `limits`.
    pub async fn bind(&self, compiled: CompiledModule, limits: &Limits) -> Result<Module, LoadError> {
        let CompiledModule { name, digest, component } = compiled;
        let resident = component.resident;
        let bound = async {
            let engine = self.engine.clone();
            let component =
                blocking(move || component.load(&engine).map_err(|error| LoadFault::of_compiler(&error)))
                    .await?;
            let program = BoundComponent::bind(&self.linker, &component)
                .map_err(|error| LoadFault::Refused(contract_mismatch(&error, limits)))?;
            let description = self.describe(&name, &program, limits).await?;
            let resident = resident.saturating_add(description.resident());
            check_resident(resident, limits.resident)?;
            Ok((program, description, resident))
        };
        match bound.await {
            Ok((program, description, resident)) => {
                Ok(Module::new((name, digest, resident), limits.clone(), description, program))
            }
            Err(fault) => Err(LoadError { name, fault }),
        }
    }

    /// Returns what identifies the engine: another version or configuration has another.
    pub fn engine_id(&self) -> String {
        engine::id(&self.engine)
    }

    /// Removes the compiled code of this daemon from the cache that `is_needed` does not want, given the digest of a
    /// component in hexadecimal digits. Blocks.
    pub fn retain_cached(&self, is_needed: &dyn Fn(&str) -> bool) {
        self.compiler.retain_cached(&self.engine, is_needed);
    }

    async fn describe(
        &self,
        name: &Arc<str>,
        program: &BoundComponent,
        limits: &Limits,
    ) -> Result<Description, LoadFault> {
        let label = RunLabel { module: name.clone(), version: None, instance: None };
        let mut budget = Budget::new(limits, 0);
        let random = RandomBytes::of_description();
        let inputs = RunInputs { view: None, wall_clock: wasi::FIXED_TIME, random };
        let (described, remains) = self.enter(program, &mut budget, label, inputs, run::describe).await;
        if remains.log_dropped > 0 {
            let dropped = text::grouped(remains.log_dropped);
            tracing::warn!(
                module = &**name,
                "log lines dropped while the module described itself: {dropped}, because its limit `log` was reached"
            );
        }
        let raw = described.map_err(|failure| LoadFault::Start(Box::new(failure)))?;
        Ok(Description::check(raw)?)
    }

    /// Calls a module for one instance, within what is left of its budget. `view` creates the module's view with
    /// the meter that counts its calls.
    ///
    /// A hook succeeds if the module has no hooks. Needs a runtime with timers.
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
        let wall_clock = if module.description().commit_time { commit.time } else { wasi::FIXED_TIME };
        let random = RandomBytes::of_instance(&self.secret, entry, instance);
        let inputs = RunInputs { view: Some(Box::new(view(budget.meter()))), wall_clock, random };
        let (commit, instance) = (commit.into(), instance.into());
        let (outcome, remains) = self
            .enter(module.program(), budget, label, inputs, move |store, program| {
                run::call(store, program, entry, commit, instance)
            })
            .instrument(span.clone())
            .await;
        span.record("fuel", remains.usage.fuel);
        span.record("failed", outcome.is_err());
        let RunRemains { draft, usage, log, log_dropped } = remains;
        RunReport { outcome, draft, usage, log, log_dropped }
    }

    /// Runs part of a program on a thread, and charges the budget for it.
    async fn enter<T: Send + 'static>(
        &self,
        program: &BoundComponent,
        budget: &mut Budget,
        label: RunLabel,
        inputs: RunInputs,
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
        let state = StoreState::new(budget, inputs, console);
        let (time, wall_clock) = budget.time();
        let grants = RunGrants { fuel: budget.fuel.grant(), time, wall_clock };
        let program = program.clone();
        // The spans of the guest's thread, and of its requests, belong to the caller's span.
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

    /// Runs `work` on a thread, and waits for it a little longer than its time.
    async fn on_thread<T, F>(
        &self,
        time: Duration,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, LostThread>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let store = match tokio::time::timeout(time, self.stores.clone().acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => {
                let busy = format!("{} guests run already", engine::STORES);
                return Err(LostThread::Never(std::io::Error::other(busy)));
            }
        };
        let thread = match self.idle().pop() {
            Some(thread) => thread,
            None => GuestThread::start().map_err(LostThread::Never)?,
        };
        let began = Instant::now();
        let (done, answer) = oneshot::channel();
        thread.run(Box::pin(async move {
            let ended = work().await;
            drop(store);
            // Nobody waits for an abandoned thread.
            let _ = done.send(ended);
        }));
        match tokio::time::timeout(time.saturating_add(self.grace), answer).await {
            Ok(Ok(value)) => {
                self.idle().push(thread);
                Ok(value)
            }
            Ok(Err(_)) => Err(LostThread::Ended),
            Err(_) => {
                tracing::error!("abandoned the thread of a guest that does not yield");
                Err(LostThread::Stuck(began.elapsed()))
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<GuestThread>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a thread did not answer.
enum LostThread {
    /// The thread could not be started.
    Never(std::io::Error),
    /// The thread ended in a panic.
    Ended,
    /// The thread did not yield within this time.
    Stuck(Duration),
}

fn contract_mismatch(error: &wasmtime::Error, limits: &Limits) -> String {
    format!("it does not fit the contract: {}", text::line(&format!("{error:#}"), limits.text))
}
