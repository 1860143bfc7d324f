//! One run: a store from its creation to its end.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use confine_view::{CommitDraft, InstanceRef};
use wasmtime::Store;

use crate::{
    CommitContext, EntryPoint, FailureCause, Hook, HostFault, Limits, LogLine, Usage,
    budget::RunAllowance,
    contract::{ViewHandle, confine::service::types, exports::confine::service::handler},
    engine::YIELD_INTERVAL,
    module::BoundComponent,
    outcome,
    store_state::{RunDeadline, StoreState},
};

/// A future that instantiates the program in a store and calls it.
pub(crate) type Entered<'a, T> =
    Pin<Box<dyn Future<Output = wasmtime::Result<Result<T, types::Error>>> + Send + 'a>>;

/// The allowances of a run that its state does not count.
pub(crate) struct RunGrants {
    pub(crate) fuel: RunAllowance,
    pub(crate) time: Duration,
    pub(crate) wall_clock: RunAllowance,
}

/// A run that has ended.
pub(crate) struct EndedRun<T> {
    pub(crate) result: Result<T, FailureCause>,
    pub(crate) remains: RunRemains,
}

/// What remains of a run besides its result.
#[derive(Default)]
pub(crate) struct RunRemains {
    pub(crate) draft: Option<CommitDraft>,
    pub(crate) usage: Usage,
    pub(crate) log: Vec<LogLine>,
    pub(crate) log_dropped: u64,
}

/// Runs a program in a new store until it is done or its time is over.
pub(crate) async fn execute<T>(
    program: &BoundComponent,
    mut state: StoreState,
    grants: RunGrants,
    limits: &Limits,
    enter: impl for<'a> FnOnce(&'a mut Store<StoreState>, &'a BoundComponent) -> Entered<'a, T>,
) -> EndedRun<T> {
    let deadline = RunDeadline { began: Instant::now(), time: grants.time, wall_clock: grants.wall_clock };
    state.begin(deadline);
    let mut store = Store::new(program.engine(), state);
    let prepared = prepare(&mut store, grants.fuel.allowed, limits);
    let ended = match prepared {
        // Dropping an unfinished call unwinds the guest; its store is never entered again.
        Ok(()) => tokio::time::timeout(grants.time, enter(&mut store, program)).await,
        Err(error) => Ok(Err(error)),
    };
    let wall_clock = deadline.began.elapsed();
    let fuel = grants.fuel.allowed.saturating_sub(store.get_fuel().unwrap_or_default());
    let mut state = store.into_data();
    let result = match ended {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(FailureCause::Refused(outcome::refused(&error, limits))),
        Ok(Err(error)) => Err(outcome::trapped(&error, &mut state, grants.fuel, fuel, limits)),
        Err(_) => Err(FailureCause::Limit(deadline.reached())),
    };
    let (draft, meter) = state.view.take().map(|view| view.into_parts()).unzip();
    let usage = Usage { fuel, wall_clock, ..state.usage(meter.as_ref()) };
    let (log, log_dropped) = state.console.into_lines();
    EndedRun { result, remains: RunRemains { draft, usage, log, log_dropped } }
}

/// Sets every limit of the store before any code of the guest can run. A start function runs when the component
/// is instantiated.
fn prepare(store: &mut Store<StoreState>, fuel: u64, limits: &Limits) -> wasmtime::Result<()> {
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(fuel)?;
    store.fuel_async_yield_interval(Some(YIELD_INTERVAL))?;
    store.set_hostcall_fuel(limits.bytes_per_call);
    store.set_max_component_handles(limits.handles);
    Ok(())
}

/// Calls `describe`. Binds every function that will ever be called, so that a mismatch with the contract is found
/// now.
pub(crate) fn describe<'a>(
    store: &'a mut Store<StoreState>,
    program: &'a BoundComponent,
) -> Entered<'a, handler::Description> {
    Box::pin(async move {
        let instance = program.instance.instantiate_async(&mut *store).await?;
        if let Some(hooks) = &program.hooks {
            hooks.load(&mut *store, &instance)?;
        }
        let handler = program.handler.load(&mut *store, &instance)?;
        Ok(Ok(handler.call_describe(store).await?))
    })
}

/// Calls a program for one service instance.
pub(crate) fn call<'a>(
    store: &'a mut Store<StoreState>,
    program: &'a BoundComponent,
    entry: EntryPoint,
    commit: types::Commit,
    of: types::Instance,
) -> Entered<'a, ()> {
    Box::pin(async move {
        let instance = program.instance.instantiate_async(&mut *store).await?;
        let view = ViewHandle::handle();
        let hook = match entry {
            EntryPoint::Apply => {
                let handler = program.handler.load(&mut *store, &instance)?;
                return handler.call_apply(store, &commit, &of, view).await;
            }
            EntryPoint::Hook(hook) => hook,
        };
        let Some(hooks) = &program.hooks else { return Ok(Ok(())) };
        let hooks = hooks.load(&mut *store, &instance)?;
        match hook {
            Hook::PreCommit => hooks.call_pre_commit(store, &commit, &of, view).await,
            Hook::PostCommit => hooks.call_post_commit(store, &commit, &of, view).await,
            Hook::PostCommitFailed => hooks.call_post_commit_failed(store, &commit, &of, view).await,
        }
    })
}

impl From<&CommitContext> for types::Commit {
    fn from(commit: &CommitContext) -> Self {
        Self {
            transaction: commit.transaction.clone(),
            user: commit.user.clone(),
            dry_run: commit.dry_run,
            options: commit.options.clone(),
        }
    }
}

impl From<&InstanceRef> for types::Instance {
    fn from(instance: &InstanceRef) -> Self {
        Self {
            service: instance.service().to_owned(),
            key: instance.key().to_owned(),
            path: instance.path().to_string(),
            options: Vec::new(),
        }
    }
}

impl<T> EndedRun<T> {
    pub(crate) fn lost(cause: FailureCause, wall_clock: Duration) -> Self {
        let usage = Usage { wall_clock, ..Usage::default() };
        Self { result: Err(cause), remains: RunRemains { usage, ..RunRemains::default() } }
    }

    pub(crate) fn failed(fault: HostFault) -> Self {
        Self { result: Err(FailureCause::Host(fault)), remains: RunRemains::default() }
    }
}
