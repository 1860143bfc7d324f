//! What a module may still use in one commit.

use std::time::{Duration, Instant};

use confine_view::{Meter, WorkAllowance};

use crate::{Limit, LimitPer, LimitReached, Limits, ScaledLimit, limits::microseconds};

/// What one module may use in one commit, shared by the instances that it runs for.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    instances: u64,
    runs: u64,
    answer_by: Option<Instant>,
    pub(crate) fuel: BudgetAccount,
    pub(crate) wall_clock: BudgetAccount,
    pub(crate) host_work: BudgetAccount,
    pub(crate) edits: BudgetAccount,
    pub(crate) edit_bytes: BudgetAccount,
    pub(crate) bytes_out: BudgetAccount,
    pub(crate) bytes_in: BudgetAccount,
    pub(crate) log: BudgetAccount,
}

/// What one run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Units of fuel.
    pub fuel: u64,
    /// The elapsed time.
    pub wall_clock: Duration,
    /// The maximum number of bytes of memory and tables.
    pub memory: u64,
    /// Units of work of the host for calls of the view.
    pub host_work: u64,
    /// Nodes set, created or removed.
    pub edits: u64,
    /// Bytes that the host keeps of those edits.
    pub edit_bytes: u64,
    /// Bytes that the guest passed to the host.
    pub bytes_out: u64,
    /// Bytes that the host passed to the guest.
    pub bytes_in: u64,
    /// Bytes of log lines and output that were kept.
    pub log: u64,
}

impl Budget {
    /// Creates the budget of a module with these limits in a commit that runs `instances` of its instances.
    pub fn new(limits: &Limits, instances: u64) -> Self {
        // Every field is named: a new limit does not compile until it is decided whether instances share it.
        let Limits {
            fuel,
            wall_clock,
            host_work,
            memory: _,
            stack: _,
            core_instances: _,
            memories: _,
            tables: _,
            handles: _,
            bytes_out,
            bytes_in,
            bytes_per_call: _,
            edits,
            log,
            text: _,
            component: _,
            compiled: _,
            resident: _,
            compile_cpu: _,
            compile_wall_clock: _,
            compile_memory: _,
        } = limits;
        let account = |total, one| BudgetAccount { total, one, used: 0 };
        let shared = |limit: &ScaledLimit<u64>| account(limit.total(instances), limit.base);
        Self {
            instances,
            runs: 0,
            answer_by: None,
            fuel: shared(fuel),
            wall_clock: account(microseconds(wall_clock.total(instances)), microseconds(wall_clock.base)),
            host_work: shared(host_work),
            edits: shared(edits),
            edit_bytes: shared(bytes_out),
            bytes_out: shared(bytes_out),
            bytes_in: shared(bytes_in),
            log: shared(log),
            limits: limits.clone(),
        }
    }

    /// Sets the time by which the commit must be answered. No run continues past it, whatever the budget.
    #[must_use]
    pub fn answer_by(mut self, deadline: Instant) -> Self {
        self.answer_by = Some(deadline);
        self
    }

    /// Returns the limits of the module.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the number of the next run, and the total number of runs.
    pub(crate) fn begin(&mut self) -> (u64, u64) {
        self.runs += 1;
        (self.runs, self.instances.max(self.runs))
    }

    /// Prepares for another attempt of the commit, which may run more instances and have another deadline. Runs are
    /// numbered from one. What was used stays used.
    pub fn begin_attempt(&mut self, instances: u64, deadline: Instant) {
        let mut next = Self::new(&self.limits, instances.max(self.instances)).answer_by(deadline);
        for (next, spent) in next.accounts().into_iter().zip(self.accounts()) {
            next.used = spent.used;
        }
        *self = next;
    }

    fn accounts(&mut self) -> [&mut BudgetAccount; 8] {
        let Self { fuel, wall_clock, host_work, edits, edit_bytes, bytes_out, bytes_in, log, .. } = self;
        [fuel, wall_clock, host_work, edits, edit_bytes, bytes_out, bytes_in, log]
    }

    /// Returns a meter for the view of the next run.
    pub(crate) fn meter(&self) -> Meter {
        Meter::new(WorkAllowance {
            host_work: self.host_work.grant().allowed,
            edits: self.edits.grant().allowed,
            edit_bytes: self.edit_bytes.grant().allowed,
            bytes_per_call: self.limits.bytes_per_call as u64,
            quantum: WorkAllowance::QUANTUM,
        })
    }

    /// Returns how long the next run may take.
    pub(crate) fn time(&self) -> (Duration, RunAllowance) {
        let mut grant = self.wall_clock.grant();
        if let Some(deadline) = self.answer_by {
            let left = microseconds(deadline.saturating_duration_since(Instant::now()));
            if left < grant.allowed {
                grant = RunAllowance { per: LimitPer::Answer, allowed: left, before: 0 };
            }
        }
        (Duration::from_micros(grant.allowed), grant)
    }

    /// Subtracts what a run used.
    pub(crate) fn settle(&mut self, usage: &Usage) {
        self.fuel.spend(usage.fuel);
        self.wall_clock.spend(microseconds(usage.wall_clock));
        self.host_work.spend(usage.host_work);
        self.edits.spend(usage.edits);
        self.edit_bytes.spend(usage.edit_bytes);
        self.bytes_out.spend(usage.bytes_out);
        self.bytes_in.spend(usage.bytes_in);
        self.log.spend(usage.log);
    }
}

/// One amount of a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BudgetAccount {
    total: u64,
    one: u64,
    used: u64,
}

impl BudgetAccount {
    fn left(&self) -> u64 {
        self.total.saturating_sub(self.used)
    }

    fn spend(&mut self, used: u64) {
        self.used = self.used.saturating_add(used);
    }

    /// Returns what the next run may use.
    pub(crate) fn grant(&self) -> RunAllowance {
        if self.one <= self.left() {
            RunAllowance { per: LimitPer::Instance, allowed: self.one, before: 0 }
        } else {
            RunAllowance { per: LimitPer::Commit, allowed: self.left(), before: self.used }
        }
    }
}

/// What one run may use of one amount of a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunAllowance {
    per: LimitPer,
    /// The amount for this run.
    pub(crate) allowed: u64,
    /// The amount that earlier runs used, if they share it.
    before: u64,
}

impl RunAllowance {
    /// Returns the message for the limit, of which this run used `used`.
    pub(crate) fn reached(&self, limit: Limit, used: u64) -> LimitReached {
        LimitReached::new(
            limit,
            self.per,
            self.before.saturating_add(self.allowed),
            self.before.saturating_add(used),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn spent(fuel: u64) -> Usage {
        Usage { fuel, ..Usage::default() }
    }

    #[test]
    fn budget_grows_with_instances_and_one_gets_the_base() {
        let mut budget = Budget::new(&Limits::default(), 100);
        assert_eq!(budget.fuel.left(), 7_000_000_000);
        let grant = budget.fuel.grant();
        assert_eq!(grant.allowed, 2_000_000_000);
        insta::assert_snapshot!(grant.reached(Limit::Fuel, 2_000_000_000), @"fuel limit reached: allowed 2,000,000,000 for one instance, used 2,000,000,000");

        for _ in 0..3 {
            budget.settle(&spent(2_000_000_000));
        }
        let grant = budget.fuel.grant();
        assert_eq!(grant.allowed, 1_000_000_000);
        insta::assert_snapshot!(grant.reached(Limit::Fuel, 1_000_000_007), @"fuel limit reached: allowed 7,000,000,000 for the commit, used 7,000,000,007");

        budget.settle(&spent(u64::MAX));
        assert_eq!(budget.fuel.grant().allowed, 0);
    }

    #[test]
    fn every_budget_is_shared_and_one_instance_gets_the_base() {
        let each = ScaledLimit { base: 10, per_instance: 5 };
        let time = ScaledLimit { base: Duration::from_micros(10), per_instance: Duration::from_micros(5) };
        let limits = Limits {
            fuel: each,
            wall_clock: time,
            host_work: each,
            bytes_out: each,
            bytes_in: each,
            edits: each,
            log: each,
            ..Limits::default()
        };
        let used = Usage {
            fuel: 8,
            wall_clock: Duration::from_micros(8),
            memory: 8,
            host_work: 8,
            edits: 8,
            edit_bytes: 8,
            bytes_out: 8,
            bytes_in: 8,
            log: 8,
        };
        let allowed = |budget: &Budget| {
            let Budget { fuel, wall_clock, host_work, edits, edit_bytes, bytes_out, bytes_in, log, .. } =
                budget;
            [fuel, wall_clock, host_work, edits, edit_bytes, bytes_out, bytes_in, log]
                .map(|account| account.grant().allowed)
        };
        let mut budget = Budget::new(&limits, 2);
        assert_eq!(allowed(&budget), [10; 8]);
        budget.settle(&used);
        assert_eq!(allowed(&budget), [10; 8]);
        budget.settle(&used);
        assert_eq!(allowed(&budget), [4; 8]);
        assert_eq!(budget.time().0, Duration::from_micros(4));
    }

    #[test]
    fn meter_of_the_view_has_the_limits_of_the_budget() {
        let two = ScaledLimit { base: 2, per_instance: 0 };
        let limits =
            Limits { host_work: two, edits: two, bytes_out: two, bytes_per_call: 2, ..Limits::default() };
        let meter = || Budget::new(&limits, 1).meter();
        let mut work = meter();
        work.charge_bytes_sync(0).and_then(|()| work.charge_bytes_sync(0)).unwrap();
        let mut edits = meter();
        edits.charge_edit(0).and_then(|()| edits.charge_edit(0)).unwrap();
        let mut kept = meter();
        kept.charge_edit_bytes(2).unwrap();
        let (mut answer, mut so_far) = (meter(), 0);
        let mut context = Context::from_waker(Waker::noop());
        let mut call = pin!(answer.charge_result(&mut so_far, 3));
        let Poll::Ready(answered) = call.as_mut().poll(&mut context) else { panic!("it is no work") };
        let told = [work.charge_bytes_sync(0), edits.charge_edit(0), kept.charge_edit_bytes(1), answered];
        insta::assert_snapshot!(told.map(|told| told.unwrap_err().to_string()).join("\n"), @"
        host work limit reached: allowed 2, used 3
        edits limit reached: allowed 2, used 3
        edit bytes limit reached: allowed 2, used 3
        bytes per call limit reached: allowed 2, used 3
        ");
    }

    #[test]
    fn run_time_ends_when_the_commit_must_be_answered() {
        let budget = Budget::new(&Limits::default(), 1).answer_by(Instant::now());
        let (time, grant) = budget.time();
        assert_eq!(time, Duration::ZERO);
        insta::assert_snapshot!(grant.reached(Limit::WallClock, 0), @"wall clock limit reached: allowed 0 ms until the commit must be answered, used 0 ms");
        let later = Budget::new(&Limits::default(), 1).answer_by(Instant::now() + Duration::from_secs(99));
        assert_eq!(later.time().0, Duration::from_secs(10));
    }

    #[test]
    fn attempts_share_a_budget_that_grows_with_the_commit() {
        let mut budget = Budget::new(&Limits::default(), 1);
        budget.settle(&spent(1_500_000_000));
        assert_eq!(budget.begin(), (1, 1));
        budget.begin_attempt(3, Instant::now() + Duration::from_secs(1));
        assert_eq!(budget.begin(), (1, 3));
        assert_eq!(budget.fuel.left(), 2_000_000_000 + 3 * 50_000_000 - 1_500_000_000);
        assert!(budget.time().0 <= Duration::from_secs(1));
    }

    #[test]
    fn budget_numbers_the_runs() {
        let mut budget = Budget::new(&Limits::default(), 2);
        assert_eq!([budget.begin(), budget.begin(), budget.begin()], [(1, 2), (2, 2), (3, 3)]);
    }
}
