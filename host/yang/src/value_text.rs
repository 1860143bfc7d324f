//! Ranges and names in messages about values.

use crate::types::{ANY_LENGTH, ValueRanges};

/// Writes lengths: "1 to 4, 8 or at least 10".
pub(crate) fn length_text(length: &ValueRanges) -> String {
    let parts = length.parts().iter().map(|&(from, to)| match (from, to) {
        (from, to) if from == to => from.to_string(),
        (from, to) if to == ANY_LENGTH.1 => format!("at least {from}"),
        (from, to) => format!("{from} to {to}"),
    });
    or(parts.collect())
}

/// Writes ranges: "from 1 to 4, 8 or from 10 to 20".
pub(crate) fn ranges_text(ranges: &ValueRanges, text: impl Fn(i128) -> String) -> String {
    let part = |&(from, to): &(i128, i128)| {
        if from == to { text(from) } else { format!("from {} to {}", text(from), text(to)) }
    };
    or(ranges.parts().iter().map(part).collect())
}

/// Writes ranges as Clixon does: "1 - 4, 8 - 8".
pub(crate) fn backend_ranges(ranges: &ValueRanges, text: impl Fn(i128) -> String) -> String {
    let parts: Vec<String> =
        ranges.parts().iter().map(|&(from, to)| format!("{} - {}", text(from), text(to))).collect();
    parts.join(", ")
}

/// Joins alternatives: "a, b or c".
pub(crate) fn or(mut parts: Vec<String>) -> String {
    match parts.pop() {
        Some(last) if !parts.is_empty() => format!("{} or {last}", parts.join(", ")),
        last => last.unwrap_or_default(),
    }
}
