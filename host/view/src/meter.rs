//! What a module's calls cost the host.
//!
//! Fuel counts what a guest executes and sees nothing of what the host does for it. A [`Meter`] counts
//! that: work, edits and bytes that stay. Its budgets belong to one module for one commit, so one meter
//! goes from view to view.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// What one module may ask of the host in one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkAllowance {
    /// Units of work. One unit is a node looked at, or [`BYTES_PER_UNIT`] bytes copied: in the order of
    /// 50 ns.
    pub work: u64,
    /// Nodes set, created or removed.
    pub edits: u64,
    /// Bytes of paths and values that the host keeps until the commit ends.
    pub kept: u64,
    /// Bytes of one answer. A longer one would be made for nothing, since the module is not given it.
    pub answer: u64,
    /// Units of work between two times that a call gives the thread to others. It is what bounds how late
    /// a deadline can fire.
    pub quantum: u64,
}

/// How many copied bytes count as one unit of work.
pub const BYTES_PER_UNIT: u64 = 64;

impl WorkAllowance {
    /// About 0.5 ms of work.
    pub const QUANTUM: u64 = 10_000;

    /// No limit, for the host's own work.
    pub const UNLIMITED: Self =
        Self { work: u64::MAX, edits: u64::MAX, kept: u64::MAX, answer: u64::MAX, quantum: Self::QUANTUM };
}

/// A budget is spent. The module does not see it: its run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} limit reached: allowed {allowed}, used {used}")]
pub struct Exceeded {
    /// Which: `host work`, `edits`, `edit bytes` or `bytes per call`.
    pub limit: &'static str,
    /// The budget.
    pub allowed: u64,
    /// What it came to with the call that was refused.
    pub used: u64,
}

/// Counts what a module's calls cost, and lets others run in between.
#[derive(Clone, Debug)]
pub struct Meter {
    allowance: WorkAllowance,
    work: u64,
    edits: u64,
    kept: u64,
    since_yield: u64,
}

impl Meter {
    /// Nothing is used yet.
    pub fn new(allowance: WorkAllowance) -> Self {
        Self { allowance, work: 0, edits: 0, kept: 0, since_yield: 0 }
    }

    /// Pays for work, and gives the thread to others once a quantum has been worked.
    pub async fn charge(&mut self, units: u64) -> Result<(), Exceeded> {
        self.pay(units)?;
        if self.since_yield >= self.allowance.quantum {
            self.since_yield = 0;
            YieldOnce { yielded: false }.await;
        }
        Ok(())
    }

    /// Pays for work where the thread cannot be given to others: the next charge does.
    pub(crate) fn pay(&mut self, units: u64) -> Result<(), Exceeded> {
        self.work = count("host work", self.work, units, self.allowance.work)?;
        self.since_yield = self.since_yield.saturating_add(units);
        Ok(())
    }

    /// Pays for copying so many bytes.
    pub async fn charge_bytes(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.charge(units(bytes)).await
    }

    /// Pays for copying so many bytes where the thread cannot be given to others: the next charge does.
    pub fn pay_bytes(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.pay(units(bytes))
    }

    /// Pays for an answer's growing from `so_far` by so many bytes.
    pub async fn answer(&mut self, so_far: &mut u64, bytes: usize) -> Result<(), Exceeded> {
        *so_far = count("bytes per call", *so_far, bytes as u64, self.allowance.answer)?;
        self.charge_bytes(bytes).await
    }

    /// Counts an edit and the bytes that are kept of it.
    pub fn edit(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.edits = count("edits", self.edits, 1, self.allowance.edits)?;
        self.keep(bytes)
    }

    /// Counts bytes that are kept.
    pub fn keep(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.kept = count("edit bytes", self.kept, bytes as u64, self.allowance.kept)?;
        Ok(())
    }

    /// Units of work so far.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// Edits so far.
    pub fn edits(&self) -> u64 {
        self.edits
    }

    /// Bytes kept so far.
    pub fn kept(&self) -> u64 {
        self.kept
    }
}

/// What copying so many bytes costs.
fn units(bytes: usize) -> u64 {
    1 + bytes as u64 / BYTES_PER_UNIT
}

fn count(limit: &'static str, used: u64, more: u64, allowed: u64) -> Result<u64, Exceeded> {
    let used = used.saturating_add(more);
    if used > allowed { Err(Exceeded { limit, allowed, used }) } else { Ok(used) }
}

/// Is pending once, having woken itself: whatever else the executor has to do comes first.
struct YieldOnce {
    yielded: bool,
}

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Waker};

    use super::*;

    /// Runs to the end; how often it was pending.
    fn drive<T>(future: impl Future<Output = T>) -> (T, usize) {
        let (mut future, mut context, mut pending) = (pin!(future), Context::from_waker(Waker::noop()), 0);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(value) => return (value, pending),
                Poll::Pending => pending += 1,
            }
        }
    }

    #[test]
    fn yields_once_in_a_quantum() {
        let mut meter = Meter::new(WorkAllowance { quantum: 100, ..WorkAllowance::UNLIMITED });
        let ((), yields) = drive(async {
            for _ in 0..1000 {
                meter.charge(1).await.unwrap();
            }
        });
        assert_eq!((yields, meter.work()), (10, 1000));
    }

    #[test]
    fn copying_costs_what_is_copied() {
        let mut meter = Meter::new(WorkAllowance::UNLIMITED);
        drive(meter.charge_bytes(0)).0.unwrap();
        drive(meter.charge_bytes(100 * BYTES_PER_UNIT as usize)).0.unwrap();
        meter.pay_bytes(100 * BYTES_PER_UNIT as usize).unwrap();
        let mut so_far = 5;
        drive(meter.answer(&mut so_far, 100 * BYTES_PER_UNIT as usize)).0.unwrap();
        assert_eq!((meter.work(), so_far), (1 + 3 * 101, 6405));
    }

    #[test]
    fn a_spent_budget_says_which_and_how_much() {
        let mut meter =
            Meter::new(WorkAllowance { work: 100, edits: 2, kept: 10, ..WorkAllowance::UNLIMITED });
        let (result, _) = drive(async {
            meter.charge(90).await?;
            meter.charge(20).await
        });
        assert_eq!(result.unwrap_err().to_string(), "host work limit reached: allowed 100, used 110");
        meter.edit(9).unwrap();
        assert_eq!(meter.edit(9).unwrap_err().to_string(), "edit bytes limit reached: allowed 10, used 18");
        assert_eq!(meter.edit(0).unwrap_err().to_string(), "edits limit reached: allowed 2, used 3");
    }

    #[test]
    fn numbers_do_not_run_over() {
        let mut meter = Meter::new(WorkAllowance { work: 100, ..WorkAllowance::UNLIMITED });
        let (result, _) = drive(async {
            meter.charge(1).await?;
            meter.charge(u64::MAX).await
        });
        assert_eq!(result, Err(Exceeded { limit: "host work", allowed: 100, used: u64::MAX }));
    }
}
