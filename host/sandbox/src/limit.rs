//! The limits that end a run, and the message about one that was reached.
//!
//! Every limit that ends a run has a variant in [`Limit`], which does not compile without a name, a unit, an amount
//! and a scope. Limits that end no run, such as those of loading, are fields of [`Limits`] only. The metric and the
//! event of a limit are labelled by its name. `docs/src/extending.md` has the steps to add a limit.

use std::fmt;

use confine_view::MeteredLimit;

use crate::{Limits, amount::ShownAmount, limits::microseconds};

/// A limit that ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`Limits::fuel`]
    Fuel,
    /// [`Limits::wall_clock`]
    WallClock,
    /// [`Limits::host_work`]
    HostWork,
    /// [`Limits::memory`]
    Memory,
    /// [`Limits::stack`]
    Stack,
    /// [`Limits::core_instances`]
    CoreInstances,
    /// [`Limits::memories`]
    Memories,
    /// [`Limits::tables`]
    Tables,
    /// [`Limits::handles`]
    Handles,
    /// [`Limits::bytes_out`]
    BytesOut,
    /// [`Limits::bytes_in`]
    BytesIn,
    /// [`Limits::bytes_per_call`]
    BytesPerCall,
    /// [`Limits::edits`]
    Edits,
    /// [`Limits::bytes_out`], for the part of it that the host keeps as edits.
    EditBytes,
}

impl Limit {
    /// The name in messages, and in the label of a metric.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::WallClock => "wall clock",
            Self::HostWork => MeteredLimit::HostWork.name(),
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::CoreInstances => "core instances",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::Handles => "handles",
            Self::BytesOut => "bytes out",
            Self::BytesIn => "bytes in",
            Self::BytesPerCall => MeteredLimit::BytesPerCall.name(),
            Self::Edits => MeteredLimit::Edits.name(),
            Self::EditBytes => MeteredLimit::EditBytes.name(),
        }
    }

    /// Returns an amount with the unit of the limit.
    fn amount(self, value: u64) -> ShownAmount {
        match self {
            Self::WallClock => ShownAmount::Microseconds(value),
            Self::Memory
            | Self::Stack
            | Self::BytesOut
            | Self::BytesIn
            | Self::BytesPerCall
            | Self::EditBytes => ShownAmount::Bytes(value),
            Self::Fuel
            | Self::HostWork
            | Self::CoreInstances
            | Self::Memories
            | Self::Tables
            | Self::Handles
            | Self::Edits => ShownAmount::Count(value),
        }
    }

    /// Returns how much one run may use, and for what that is allowed.
    ///
    /// The instances of a commit share some of the limits: of those, [`Budget`](crate::Budget) may allow less.
    pub(crate) fn allowed(self, limits: &Limits) -> (u64, LimitPer) {
        match self {
            Self::Fuel => (limits.fuel.base, LimitPer::Instance),
            Self::WallClock => (microseconds(limits.wall_clock.base), LimitPer::Instance),
            Self::HostWork => (limits.host_work.base, LimitPer::Instance),
            Self::Memory => (limits.memory, LimitPer::Instance),
            Self::Stack => (limits.stack as u64, LimitPer::Instance),
            Self::CoreInstances => (limits.core_instances as u64, LimitPer::Instance),
            Self::Memories => (limits.memories as u64, LimitPer::Instance),
            Self::Tables => (limits.tables as u64, LimitPer::Instance),
            Self::Handles => (limits.handles as u64, LimitPer::Instance),
            Self::BytesOut | Self::EditBytes => (limits.bytes_out.base, LimitPer::Instance),
            Self::BytesIn => (limits.bytes_in.base, LimitPer::Instance),
            Self::BytesPerCall => (limits.bytes_per_call as u64, LimitPer::Call),
            Self::Edits => (limits.edits.base, LimitPer::Instance),
        }
    }
}

/// What an amount is allowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPer {
    /// The module in the whole commit.
    Commit,
    /// One service instance.
    Instance,
    /// One call of a host function.
    Call,
    /// The time that is left until the commit must be answered.
    Answer,
}

impl fmt::Display for LimitPer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "for the commit",
            Self::Instance => "for one instance",
            Self::Call => "for one call",
            Self::Answer => "until the commit must be answered",
        })
    }
}

/// A limit that was reached. Its numbers are units of fuel or work, bytes, microseconds or items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// The limit.
    pub limit: Limit,
    /// What the amount is allowed for.
    pub per: LimitPer,
    /// The amount that is allowed.
    pub allowed: u64,
    /// The amount that is used, including what was refused; for memory, without it. None if nothing counts
    /// beyond the limit.
    pub used: Option<u64>,
    /// The amount that was asked for and refused, where `used` does not include it.
    pub asked: Option<u64>,
}

impl LimitReached {
    pub(crate) fn new(limit: Limit, per: LimitPer, allowed: u64, used: u64) -> Self {
        Self { limit, per, allowed, used: Some(used), asked: None }
    }

    /// A limit that one run has reached, where nothing counts beyond it.
    pub(crate) fn uncounted(limit: Limit, limits: &Limits) -> Self {
        let (allowed, per) = limit.allowed(limits);
        Self { limit, per, allowed, used: None, asked: None }
    }
}

/// `fuel limit reached: allowed 2,000,000,000 for one instance, used 2,000,000,000`
impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, per, allowed, used, asked } = self;
        write!(f, "{} limit reached: allowed {} {per}", limit.name(), limit.amount(*allowed))?;
        match (used, asked) {
            (Some(used), Some(asked)) => {
                write!(f, ", in use {}, asked for {} more", limit.amount(*used), limit.amount(*asked))
            }
            (Some(used), None) => write!(f, ", used {}", limit.amount(*used)),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for LimitReached {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reached_limit_shows_its_amounts() {
        let memory = LimitReached {
            limit: Limit::Memory,
            per: LimitPer::Instance,
            allowed: 64 << 20,
            used: Some(63 << 20),
            asked: Some(2 << 20),
        };
        let texts: Vec<_> = [
            LimitReached::new(Limit::Fuel, LimitPer::Instance, 2_000_000_000, 2_000_000_000),
            LimitReached::new(Limit::WallClock, LimitPer::Commit, 10_010_000, 10_012_000),
            LimitReached::new(Limit::WallClock, LimitPer::Answer, 200_000, 210_000),
            memory,
            LimitReached::uncounted(Limit::Stack, &Limits::default()),
            LimitReached::new(
                Limit::BytesOut,
                LimitPer::Commit,
                (64 << 20) + (256 << 10),
                (64 << 20) + 300_000,
            ),
            LimitReached::new(Limit::Edits, LimitPer::Commit, 101_000, 101_001),
        ]
        .iter()
        .map(LimitReached::to_string)
        .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        fuel limit reached: allowed 2,000,000,000 for one instance, used 2,000,000,000
        wall clock limit reached: allowed 10.0 s for the commit, used 10.0 s
        wall clock limit reached: allowed 200 ms until the commit must be answered, used 210 ms
        memory limit reached: allowed 64 MiB for one instance, in use 63 MiB, asked for 2 MiB more
        stack limit reached: allowed 512 KiB for one instance
        bytes out limit reached: allowed 64.2 MiB for the commit, used 64.3 MiB
        edits limit reached: allowed 101,000 for the commit, used 101,001
        ");
    }
}
