//! Counts what a module's calls cost the host.
//!
//! Fuel counts what a guest executes, and none of what the host does for it. A [`Meter`] counts that: work,
//! edits, and the bytes that the host keeps.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// How much the calls of one run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkAllowance {
    /// Units of work. One unit is one node visited or [`BYTES_PER_UNIT`] bytes copied, and takes about 50 ns.
    pub host_work: u64,
    /// Nodes set, created or removed.
    pub edits: u64,
    /// Bytes of paths and values that the host keeps until the commit ends.
    pub edit_bytes: u64,
    /// Bytes that one call returns. The view stops building a longer result, which the module could not
    /// receive.
    pub bytes_per_call: u64,
    /// Units of work after which a call yields its thread. This bounds how late a deadline can fire.
    pub quantum: u64,
}

/// The number of copied bytes that count as one unit of work.
pub const BYTES_PER_UNIT: u64 = 64;

/// A limit that a [`Meter`] enforces.
///
/// `confine-sandbox` turns each into one of its own limits, in a `match` without a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MeteredLimit {
    /// [`WorkAllowance::host_work`]
    HostWork,
    /// [`WorkAllowance::edits`]
    Edits,
    /// [`WorkAllowance::edit_bytes`]
    EditBytes,
    /// [`WorkAllowance::bytes_per_call`]
    BytesPerCall,
}

impl MeteredLimit {
    /// The name in messages, and in the label of a metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostWork => "host work",
            Self::Edits => "edits",
            Self::EditBytes => "edit bytes",
            Self::BytesPerCall => "bytes per call",
        }
    }
}

impl fmt::Display for MeteredLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl WorkAllowance {
    /// About 0.5 ms of work.
    pub const QUANTUM: u64 = 10_000;

    /// No limit, for the host's own work.
    pub const UNLIMITED: Self = Self {
        host_work: u64::MAX,
        edits: u64::MAX,
        edit_bytes: u64::MAX,
        bytes_per_call: u64::MAX,
        quantum: Self::QUANTUM,
    };
}

/// An allowance is used up. The module does not see this error: its run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} limit reached: allowed {allowed}, used {used}")]
pub struct AllowanceExceeded {
    /// The limit.
    pub limit: MeteredLimit,
    /// The amount that is allowed.
    pub allowed: u64,
    /// The amount that is used, including what was refused.
    pub used: u64,
}

/// Counts what a module's calls cost, and yields the thread to other tasks.
#[derive(Clone, Debug)]
pub struct Meter {
    allowance: WorkAllowance,
    host_work: u64,
    edits: u64,
    edit_bytes: u64,
    since_yield: u64,
}

impl Meter {
    /// A meter of which nothing is used yet.
    pub fn new(allowance: WorkAllowance) -> Self {
        Self { allowance, host_work: 0, edits: 0, edit_bytes: 0, since_yield: 0 }
    }

    /// Charges work, and yields the thread once a quantum is used.
    pub(crate) async fn charge(&mut self, units: u64) -> Result<(), AllowanceExceeded> {
        self.charge_sync(units)?;
        self.pause().await;
        Ok(())
    }

    /// Yields the thread if a quantum was used since that was done last.
    pub(crate) async fn pause(&mut self) {
        if self.since_yield >= self.allowance.quantum {
            self.since_yield = 0;
            YieldOnce { yielded: false }.await;
        }
    }

    /// Charges work where the thread is not yielded: the next [`pause`](Self::pause), or [`charge`](Self::charge), does that.
    pub(crate) fn charge_sync(&mut self, units: u64) -> Result<(), AllowanceExceeded> {
        self.host_work = count(MeteredLimit::HostWork, self.host_work, units, self.allowance.host_work)?;
        self.since_yield = self.since_yield.saturating_add(units);
        Ok(())
    }

    /// Charges the copying of `bytes` bytes.
    pub async fn charge_bytes(&mut self, bytes: usize) -> Result<(), AllowanceExceeded> {
        self.charge(copying_cost(bytes)).await
    }

    /// As [`charge_bytes`](Self::charge_bytes), where the thread cannot be yielded.
    pub fn charge_bytes_sync(&mut self, bytes: usize) -> Result<(), AllowanceExceeded> {
        self.charge_sync(copying_cost(bytes))
    }

    /// Charges `bytes` more bytes of a call's result, which has `so_far` bytes already.
    pub async fn charge_result(&mut self, so_far: &mut u64, bytes: usize) -> Result<(), AllowanceExceeded> {
        let allowed = self.allowance.bytes_per_call;
        *so_far = count(MeteredLimit::BytesPerCall, *so_far, bytes as u64, allowed)?;
        self.charge_bytes(bytes).await
    }

    /// Charges one edit, of which the host keeps `bytes` bytes.
    pub fn charge_edit(&mut self, bytes: usize) -> Result<(), AllowanceExceeded> {
        self.edits = count(MeteredLimit::Edits, self.edits, 1, self.allowance.edits)?;
        self.charge_edit_bytes(bytes)
    }

    /// Charges bytes that the host keeps until the commit ends.
    pub fn charge_edit_bytes(&mut self, bytes: usize) -> Result<(), AllowanceExceeded> {
        let allowed = self.allowance.edit_bytes;
        self.edit_bytes = count(MeteredLimit::EditBytes, self.edit_bytes, bytes as u64, allowed)?;
        Ok(())
    }

    /// Returns the units of work used so far.
    pub fn host_work(&self) -> u64 {
        self.host_work
    }

    /// Returns the number of edits so far.
    pub fn edits(&self) -> u64 {
        self.edits
    }

    /// Returns the number of bytes kept so far.
    pub fn edit_bytes(&self) -> u64 {
        self.edit_bytes
    }
}

/// Returns the units of work that copying this many bytes costs.
fn copying_cost(bytes: usize) -> u64 {
    1 + bytes as u64 / BYTES_PER_UNIT
}

fn count(limit: MeteredLimit, used: u64, more: u64, allowed: u64) -> Result<u64, AllowanceExceeded> {
    let used = used.saturating_add(more);
    if used > allowed { Err(AllowanceExceeded { limit, allowed, used }) } else { Ok(used) }
}

/// Is pending once and wakes itself, so that the executor runs other tasks first.
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

    /// Runs a future to its end, and returns how often it was pending.
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
    fn meter_yields_once_per_quantum() {
        let mut meter = Meter::new(WorkAllowance { quantum: 100, ..WorkAllowance::UNLIMITED });
        let ((), yields) = drive(async {
            for _ in 0..1000 {
                meter.charge(1).await.unwrap();
            }
        });
        assert_eq!((yields, meter.host_work()), (10, 1000));
    }

    #[test]
    fn copying_is_charged_by_bytes() {
        let mut meter = Meter::new(WorkAllowance::UNLIMITED);
        drive(meter.charge_bytes(0)).0.unwrap();
        drive(meter.charge_bytes(100 * BYTES_PER_UNIT as usize)).0.unwrap();
        meter.charge_bytes_sync(100 * BYTES_PER_UNIT as usize).unwrap();
        let mut so_far = 5;
        drive(meter.charge_result(&mut so_far, 100 * BYTES_PER_UNIT as usize)).0.unwrap();
        assert_eq!((meter.host_work(), so_far), (1 + 3 * 101, 6405));
    }

    #[test]
    fn exceeded_allowance_names_limit_and_amounts() {
        let allowance =
            WorkAllowance { host_work: 100, edits: 2, edit_bytes: 10, ..WorkAllowance::UNLIMITED };
        let mut meter = Meter::new(allowance);
        let (result, _) = drive(async {
            meter.charge(90).await?;
            meter.charge(20).await
        });
        assert_eq!(result.unwrap_err().to_string(), "host work limit reached: allowed 100, used 110");
        meter.charge_edit(9).unwrap();
        assert_eq!(
            meter.charge_edit(9).unwrap_err().to_string(),
            "edit bytes limit reached: allowed 10, used 18"
        );
        assert_eq!(meter.charge_edit(0).unwrap_err().to_string(), "edits limit reached: allowed 2, used 3");
    }

    #[test]
    fn meter_saturates() {
        let mut meter = Meter::new(WorkAllowance { host_work: 100, ..WorkAllowance::UNLIMITED });
        let (result, _) = drive(async {
            meter.charge(1).await?;
            meter.charge(u64::MAX).await
        });
        assert_eq!(
            result,
            Err(AllowanceExceeded { limit: MeteredLimit::HostWork, allowed: 100, used: u64::MAX })
        );
    }
}
