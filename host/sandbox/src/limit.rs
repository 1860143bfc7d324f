//! What a limit says that was reached.

use std::fmt;

use crate::text::grouped;

/// A limit that stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::fuel`](crate::Limits::fuel)
    Fuel,
    /// [`Limits::wall_clock`](crate::Limits::wall_clock)
    WallClock,
    /// [`Limits::host_work`](crate::Limits::host_work)
    HostWork,
    /// [`Limits::memory`](crate::Limits::memory)
    Memory,
    /// [`Limits::stack`](crate::Limits::stack)
    Stack,
    /// [`Limits::core_instances`](crate::Limits::core_instances)
    CoreInstances,
    /// [`Limits::memories`](crate::Limits::memories)
    Memories,
    /// [`Limits::tables`](crate::Limits::tables)
    Tables,
    /// [`Limits::handles`](crate::Limits::handles)
    Handles,
    /// [`Limits::bytes_out`](crate::Limits::bytes_out)
    BytesOut,
    /// [`Limits::bytes_in`](crate::Limits::bytes_in)
    BytesIn,
    /// [`Limits::bytes_per_call`](crate::Limits::bytes_per_call)
    BytesPerCall,
    /// [`Limits::edits`](crate::Limits::edits)
    Edits,
    /// [`Limits::bytes_out`](crate::Limits::bytes_out), for what of it the host keeps as edits.
    EditBytes,
}

impl Limit {
    /// For people, and for the label of a metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::WallClock => "wall clock",
            Self::HostWork => "host work",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::CoreInstances => "core instances",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::Handles => "handles",
            Self::BytesOut => "bytes out",
            Self::BytesIn => "bytes in",
            Self::BytesPerCall => "bytes per call",
            Self::Edits => "edits",
            Self::EditBytes => "edit bytes",
        }
    }

    fn amount(self, value: u64) -> ShownAmount {
        match self {
            Self::WallClock => ShownAmount::Microseconds(value),
            Self::Memory
            | Self::Stack
            | Self::BytesOut
            | Self::BytesIn
            | Self::BytesPerCall
            | Self::EditBytes => ShownAmount::Bytes(value),
            _ => ShownAmount::Count(value),
        }
    }
}

/// For what a limit is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPer {
    /// For the module in the whole commit.
    Commit,
    /// For one instance of it.
    Instance,
    /// For one call of the host.
    Call,
    /// Until the commit has to be answered.
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

/// A limit that was reached, with its numbers: units of fuel or work, bytes, microseconds or pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// Which.
    pub limit: Limit,
    /// For what.
    pub per: LimitPer,
    /// How much is allowed.
    pub allowed: u64,
    /// How much was used, with what was asked for last; for memory, how much was in use. None where
    /// nobody counts beyond the limit.
    pub used: Option<u64>,
    /// How much more was asked for, where nothing was used of that.
    pub asked: Option<u64>,
}

impl LimitReached {
    pub(crate) fn new(limit: Limit, per: LimitPer, allowed: u64, used: u64) -> Self {
        Self { limit, per, allowed, used: Some(used), asked: None }
    }

    /// For one instance, where nobody counts beyond the limit.
    pub(crate) fn uncounted(limit: Limit, allowed: u64) -> Self {
        Self { limit, per: LimitPer::Instance, allowed, used: None, asked: None }
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

/// An amount, for a person.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ShownAmount {
    Count(u64),
    Bytes(u64),
    Microseconds(u64),
}

impl fmt::Display for ShownAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        match *self {
            Self::Count(count) => f.write_str(&grouped(count)),
            Self::Bytes(bytes) if bytes >= MIB && bytes % MIB == 0 => {
                write!(f, "{} MiB", grouped(bytes / MIB))
            }
            Self::Bytes(bytes) if bytes >= 10 * MIB => write!(f, "{:.1} MiB", bytes as f64 / MIB as f64),
            Self::Bytes(bytes) if bytes >= KIB && bytes % KIB == 0 => {
                write!(f, "{} KiB", grouped(bytes / KIB))
            }
            Self::Bytes(bytes) => write!(f, "{} bytes", grouped(bytes)),
            Self::Microseconds(time) if time >= 10_000_000 => {
                write!(f, "{:.1} s", time as f64 / 1_000_000.0)
            }
            Self::Microseconds(time) => write!(f, "{} ms", grouped(time / 1000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_say_their_numbers() {
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
            LimitReached::uncounted(Limit::Stack, 512 << 10),
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
