//! Amounts in messages.

use std::fmt;

use crate::text::grouped;

/// An amount with its unit, as messages show it.
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

/// Returns a number of bytes with a unit, as messages show it.
pub fn shown_bytes(bytes: u64) -> String {
    ShownAmount::Bytes(bytes).to_string()
}
