//! The data of the store of one run.

use std::time::{Duration, Instant};

use confine_view::{AllowanceExceeded, Error, Meter, MeteredLimit, View, WorkAllowance};

use crate::{
    Budget, HostFault, Limit, LimitPer, LimitReached, Limits, Usage, budget::RunAllowance,
    guest_log::GuestLog, limits::microseconds, random::RandomBytes, store_limiter::StoreLimiter,
};

/// How long calls of the host may keep the thread, however little work they count.
const SLICE: Duration = Duration::from_micros(500);

/// The data of one store: what the host keeps of one guest while it runs.
pub(crate) struct StoreState {
    /// Memory and tables.
    pub(crate) limiter: StoreLimiter,
    /// The view of the guest. None while `describe` runs.
    pub(crate) view: Option<Box<View>>,
    /// The output of the guest.
    pub(crate) console: GuestLog,
    /// The virtual time in nanoseconds, which advances when the guest waits.
    pub(crate) now: u64,
    /// What the wall clock shows, since 1970.
    pub(crate) wall_clock: Duration,
    /// The random bytes.
    pub(crate) random: RandomBytes,
    /// The state of the generator of insecure numbers.
    pub(crate) insecure: u64,
    /// Why the host ended the run, if the trap does not say it.
    pub(crate) halt: Option<HaltReason>,
    per_call: u64,
    bytes_out: AllowanceCounter,
    bytes_in: AllowanceCounter,
    host_work: RunAllowance,
    edits: RunAllowance,
    edit_bytes: RunAllowance,
    pace: Meter,
    /// When the thread was last yielded because of the time.
    kept_thread_since: Instant,
    /// The deadline of the run.
    deadline: Option<RunDeadline>,
}

/// What a run is given besides its arguments and its limits.
pub(crate) struct RunInputs {
    /// The view of the guest. None while `describe` runs.
    pub(crate) view: Option<Box<View>>,
    /// What the wall clock shows, since 1970.
    pub(crate) wall_clock: Duration,
    /// The random bytes.
    pub(crate) random: RandomBytes,
}

/// The time at which a run must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunDeadline {
    pub(crate) began: Instant,
    pub(crate) time: Duration,
    pub(crate) wall_clock: RunAllowance,
}

impl RunDeadline {
    /// Returns the limit that is reached at the deadline.
    pub(crate) fn reached(&self) -> LimitReached {
        self.wall_clock.reached(Limit::WallClock, microseconds(self.began.elapsed()))
    }
}

/// Why the host ended a run.
#[derive(Debug)]
pub(crate) enum HaltReason {
    /// A limit was reached.
    Limit(LimitReached),
    /// The host failed.
    Fault(HostFault),
    /// The guest did something that Confine does not permit: the message.
    Trap(String),
}

/// Counts how much of an allowance is used.
struct AllowanceCounter {
    limit: Limit,
    grant: RunAllowance,
    used: u64,
}

impl AllowanceCounter {
    fn add(&mut self, bytes: u64) -> Result<(), LimitReached> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.grant.allowed {
            return Err(self.grant.reached(self.limit, self.used));
        }
        Ok(())
    }
}

impl StoreState {
    pub(crate) fn new(budget: &Budget, inputs: RunInputs, console: GuestLog) -> Self {
        let RunInputs { view, wall_clock, random } = inputs;
        let limits: &Limits = budget.limits();
        let counter = |limit, grant| AllowanceCounter { limit, grant, used: 0 };
        Self {
            limiter: StoreLimiter::new(limits),
            view,
            console,
            now: 0,
            wall_clock,
            random,
            insecure: 0,
            halt: None,
            per_call: limits.bytes_per_call as u64,
            bytes_out: counter(Limit::BytesOut, budget.bytes_out.grant()),
            bytes_in: counter(Limit::BytesIn, budget.bytes_in.grant()),
            host_work: budget.host_work.grant(),
            edits: budget.edits.grant(),
            edit_bytes: budget.edit_bytes.grant(),
            pace: Meter::new(WorkAllowance::UNLIMITED),
            kept_thread_since: Instant::now(),
            deadline: None,
        }
    }

    /// Starts the run, which ends at the deadline.
    pub(crate) fn begin(&mut self, deadline: RunDeadline) {
        self.deadline = Some(deadline);
    }

    /// Starts every host function: counts the bytes that came from the guest, and yields the thread if enough work
    /// was done. Copying arguments is work, and so is a call.
    pub(crate) async fn receive(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.count_out(bytes)?;
        self.pace(bytes).await
    }

    /// Ends every host function that returns more than a number: counts its bytes. Whether the thread was kept too long is for
    /// the next one to see, because asking for the time takes a tenth of a call.
    pub(crate) async fn send(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.count_in(bytes)?;
        self.pace.charge_bytes(bytes).await.map_err(|exceeded| self.exceeded(exceeded))
    }

    /// As [`receive`](Self::receive), in a function that cannot yield the thread. Nothing else can end the run
    /// meanwhile, so this checks the deadline.
    pub(crate) fn receive_sync(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.count_out(bytes)?;
        self.pace.charge_bytes_sync(bytes).map_err(|exceeded| self.exceeded(exceeded))?;
        match self.deadline.filter(|deadline| deadline.began.elapsed() > deadline.time) {
            Some(deadline) => Err(self.halt(HaltReason::Limit(deadline.reached()))),
            None => Ok(()),
        }
    }

    fn count_out(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.bytes_out.add(bytes as u64).map_err(|reached| self.halt(HaltReason::Limit(reached)))
    }

    fn count_in(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let bytes = bytes as u64;
        if bytes > self.per_call {
            return Err(self.call_too_large(bytes));
        }
        self.bytes_in.add(bytes).map_err(|reached| self.halt(HaltReason::Limit(reached)))
    }

    /// Pays for work that takes as long as copying these bytes, and yields the thread if enough was done.
    pub(crate) async fn pace(&mut self, bytes: usize) -> wasmtime::Result<()> {
        self.pace.charge_bytes(bytes).await.map_err(|exceeded| self.exceeded(exceeded))?;
        // The units of work are an estimate, which is wrong on a slow machine.
        if self.kept_thread_since.elapsed() > SLICE {
            tokio::task::yield_now().await;
            self.kept_thread_since = Instant::now();
        }
        Ok(())
    }

    fn call_too_large(&mut self, bytes: u64) -> wasmtime::Error {
        let reached = LimitReached::new(Limit::BytesPerCall, LimitPer::Call, self.per_call, bytes);
        self.halt(HaltReason::Limit(reached))
    }

    /// Ends the run, and returns the error that the host function returns for it.
    pub(crate) fn halt(&mut self, why: HaltReason) -> wasmtime::Error {
        self.halt.get_or_insert(why);
        wasmtime::format_err!("ended by the host")
    }

    /// Returns the result of a call of the view for the guest, or the error that ends the run.
    pub(crate) fn answer<T>(
        &mut self,
        result: Result<T, Error>,
    ) -> wasmtime::Result<Result<T, confine_view::CallRefusal>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(Error::Refused(refusal)) => Ok(Err(refusal)),
            Err(Error::Limit(exceeded)) => Err(self.exceeded(exceeded)),
            Err(Error::Source(source)) => Err(self.halt(HaltReason::Fault(HostFault::Source(source)))),
            Err(Error::Stopped) => Err(self.halt(HaltReason::Fault(HostFault::Stopped))),
        }
    }

    fn exceeded(&mut self, exceeded: AllowanceExceeded) -> wasmtime::Error {
        let (limit, grant) = match exceeded.limit {
            MeteredLimit::HostWork => (Limit::HostWork, self.host_work),
            MeteredLimit::Edits => (Limit::Edits, self.edits),
            MeteredLimit::EditBytes => (Limit::EditBytes, self.edit_bytes),
            MeteredLimit::BytesPerCall => return self.call_too_large(exceeded.used),
        };
        self.halt(HaltReason::Limit(grant.reached(limit, exceeded.used)))
    }

    /// Returns what the host counted, without fuel and time.
    pub(crate) fn usage(&self, meter: Option<&Meter>) -> Usage {
        Usage {
            memory: self.limiter.in_use(),
            host_work: meter.map_or(0, Meter::host_work),
            edits: meter.map_or(0, Meter::edits),
            edit_bytes: meter.map_or(0, Meter::edit_bytes),
            bytes_out: self.bytes_out.used,
            bytes_in: self.bytes_in.used,
            log: self.console.used(),
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn state(limits: &Limits) -> StoreState {
        let console = GuestLog::new("m".into(), "i".into(), 0, 64);
        let inputs =
            RunInputs { view: None, wall_clock: Duration::ZERO, random: RandomBytes::of_description() };
        StoreState::new(&Budget::new(limits, 1), inputs, console)
    }

    #[test]
    fn result_is_limited_to_the_bytes_of_a_call() {
        let mut state = state(&Limits { bytes_per_call: 1000, ..Limits::default() });
        let mut context = Context::from_waker(Waker::noop());
        let mut send = |bytes| match pin!(state.send(bytes)).poll(&mut context) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Ok(()),
        };
        send(1000).unwrap();
        send(1001).unwrap_err();
        let Some(HaltReason::Limit(reached)) = state.halt else { panic!("{:?}", state.halt) };
        insta::assert_snapshot!(reached, @"bytes per call limit reached: allowed 1,000 bytes for one call, used 1,001 bytes");
    }

    #[test]
    fn call_that_cannot_yield_ends_an_overdue_run() {
        let limits = Limits::default();
        let mut state = state(&limits);
        let (_, wall_clock) = Budget::new(&limits, 1).time();
        let deadline = |time| RunDeadline { began: Instant::now(), time, wall_clock };
        state.begin(deadline(Duration::MAX));
        state.receive_sync(0).unwrap();
        state.begin(deadline(Duration::ZERO));
        state.receive_sync(0).unwrap_err();
        let Some(HaltReason::Limit(reached)) = state.halt else { panic!("{:?}", state.halt) };
        assert_eq!(reached.limit, Limit::WallClock);
    }

    #[test]
    fn call_yields_a_thread_that_was_kept_too_long() {
        let mut state = state(&Limits::default());
        let mut context = Context::from_waker(Waker::noop());
        std::thread::sleep(2 * SLICE);
        // Almost no work, and a long time.
        let mut call = pin!(state.receive(0));
        assert!(call.as_mut().poll(&mut context).is_pending());
        assert!(call.as_mut().poll(&mut context).is_ready());
    }
}
