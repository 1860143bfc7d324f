//! Numbers as YANG writes them (RFC 7950, sections 9.2.1 and 9.3.1).

/// Reads an integer: decimal digits with an optional sign. Leading zeros do not count.
pub(crate) fn integer(text: &str) -> Option<i128> {
    let (is_negative, digits) = sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let value = if significant.is_empty() { 0 } else { significant.parse::<i128>().ok()? };
    Some(if is_negative { -value } else { value })
}

/// Reads an integer as the defaults in YANG modules are written, and as Clixon's backend reads every integer: decimal,
/// hexadecimal after `0x` or octal after `0`, with an optional sign.
pub(crate) fn c_integer(text: &str) -> Option<i128> {
    let (is_negative, digits) = sign(text);
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.bytes().next()?.is_ascii_hexdigit() {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if is_negative { -value } else { value })
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    }
}

/// Reads a decimal number as its value times ten to the power of `fraction_digits`. Returns `None` if the text is not a
/// number, has more digits after the decimal point, or does not fit in 64 bits.
pub(crate) fn decimal64(text: &str, fraction_digits: u8) -> Option<i64> {
    let (is_negative, digits) = sign(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (digits, ""),
    };
    let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    // Trailing zeros are not counted.
    let fraction = fraction.trim_end_matches('0');
    let missing = usize::from(fraction_digits).checked_sub(fraction.len())?;
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing)) {
        value = value * 10 + i128::from(digit - b'0');
        if value > i128::from(u64::MAX) {
            return None;
        }
    }
    i64::try_from(if is_negative { -value } else { value }).ok()
}

/// Returns the canonical form of a decimal number (section 9.3.2): at least one digit on both sides of the point, and no
/// other leading or trailing zeros.
pub(crate) fn decimal64_text(value: i64, fraction_digits: u8) -> String {
    let width = usize::from(fraction_digits) + 1;
    let digits = format!("{:0width$}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(fraction_digits));
    let fraction = fraction.trim_end_matches('0');
    format!(
        "{}{whole}.{}",
        if value < 0 { "-" } else { "" },
        if fraction.is_empty() { "0" } else { fraction }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("010", Some(10)),
            ("08", Some(8)),
            ("-007", Some(-7)),
            ("+7", Some(7)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("", None),
            ("-", None),
            ("+-1", None),
            ("0x10", None),
            ("1.0", None),
            (" 1", None),
            ("\u{661}", None),
            ("1_000", None),
        ] {
            assert_eq!(integer(text), value, "{text}");
        }
        assert_eq!(integer(&"0".repeat(10_000)), Some(0));
        assert_eq!(integer(&"9".repeat(10_000)), None);
    }

    #[test]
    fn integers_in_the_notation_of_c() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+7", Some(7)),
            ("-0x1F", Some(-31)),
            ("0xff", Some(255)),
            ("017", Some(15)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("", None),
            ("-", None),
            ("+-1", None),
            ("0x", None),
            ("0x-1", None),
            ("08", None),
            ("1.0", None),
            (" 1", None),
            ("fast", None),
            ("1_000", None),
        ] {
            assert_eq!(c_integer(text), value, "{text}");
        }
    }

    #[test]
    fn decimal64_values_are_read_and_written() {
        for (text, digits, value) in [
            ("0", 1, Some("0.0")),
            ("-0.0", 2, Some("0.0")),
            ("3.14", 2, Some("3.14")),
            ("+03.140000", 2, Some("3.14")),
            ("-0.05", 2, Some("-0.05")),
            ("3.141", 2, None),
            ("922337203685477580.7", 1, Some("922337203685477580.7")),
            ("922337203685477580.8", 1, None),
            ("-922337203685477580.8", 1, Some("-922337203685477580.8")),
            ("-9.223372036854775808", 18, Some("-9.223372036854775808")),
            (".5", 1, None),
            ("5.", 1, None),
            ("1e3", 1, None),
            ("", 1, None),
        ] {
            let read = decimal64(text, digits).map(|value| decimal64_text(value, digits));
            assert_eq!(read.as_deref(), value, "{text}");
        }
        assert_eq!(decimal64(&"9".repeat(10_000), 1), None);
    }

    proptest! {
        #[test]
        fn decimal64_round_trips(value: i64, digits in 1_u8..=18) {
            prop_assert_eq!(decimal64(&decimal64_text(value, digits), digits), Some(value));
        }

        #[test]
        fn integer_is_read_in_any_radix(value: i64) {
            let sign = if value < 0 { "-" } else { "" };
            let size = value.unsigned_abs();
            prop_assert_eq!(integer(&format!("{sign}00{size}")), Some(value.into()));
            prop_assert_eq!(integer(&value.to_string()), Some(value.into()));
            prop_assert_eq!(c_integer(&format!("{sign}0x{size:x}")), Some(value.into()));
            prop_assert_eq!(c_integer(&format!("{sign}0{size:o}")), Some(value.into()));
        }
    }
}
