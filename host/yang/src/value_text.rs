//! Ranges and names in messages about values.

use crate::{
    number::decimal64_text,
    types::{ANY_LENGTH, ValueRanges},
};

/// The values of `boolean`, `empty` and `instance-identifier`.
pub(crate) const BOOLEAN: &str = "`true` or `false`";
pub(crate) const EMPTY: &str = "no value: the leaf is present or absent";
pub(crate) const INSTANCE_IDENTIFIER: &str = "a path to a node, such as `/p:list[p:key='1']/p:leaf`";

/// Writes the values of an integer type.
pub(crate) fn integer_text(range: &ValueRanges) -> String {
    format!("a number {}", ranges_text(range, |n| n.to_string()))
}

/// Writes the values of `decimal64`.
pub(crate) fn decimal_text(fraction_digits: u8, range: &ValueRanges) -> String {
    let digits = if fraction_digits == 1 { "digit" } else { "digits" };
    let range = ranges_text(range, |n| decimal(n, fraction_digits));
    format!("a decimal number {range} with at most {fraction_digits} {digits} after the decimal point")
}

/// Writes a bound of `decimal64`.
pub(crate) fn decimal(bound: i128, fraction_digits: u8) -> String {
    i64::try_from(bound).map_or_else(|_| bound.to_string(), |bound| decimal64_text(bound, fraction_digits))
}

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
fn ranges_text(ranges: &ValueRanges, text: impl Fn(i128) -> String) -> String {
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
