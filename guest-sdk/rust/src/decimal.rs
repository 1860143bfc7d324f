//! The YANG type `decimal64`.

use std::{fmt, str::FromStr};

/// A value of the YANG type `decimal64` (RFC 7950, section 9.3) with `FRACTION_DIGITS` digits after the decimal
/// point. Unlike a floating-point number it is exact.
///
/// ```
/// use confine_sdk::Decimal64;
///
/// let price: Decimal64<2> = "1.5".parse().unwrap();
/// assert_eq!(price, Decimal64::new(150));
/// assert_eq!(Decimal64::<2>::new(price.number() * 3).to_string(), "4.5");
/// assert!("1.555".parse::<Decimal64<2>>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal64<const FRACTION_DIGITS: u8>(i64);

/// The error for a text that is not a [`Decimal64`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecimalError {
    fraction_digits: u8,
}

impl<const FRACTION_DIGITS: u8> Decimal64<FRACTION_DIGITS> {
    /// Returns the value `number` × 10^-`FRACTION_DIGITS`: with two digits, 150 is 1.5.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// Returns the value × 10^`FRACTION_DIGITS`.
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// Writes the canonical form: at least one digit on either side of the decimal point, and no other leading or
/// trailing zeros.
impl<const FRACTION_DIGITS: u8> fmt::Display for Decimal64<FRACTION_DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let behind = usize::from(FRACTION_DIGITS);
        let digits = format!("{:0width$}", self.0.unsigned_abs(), width = behind + 1);
        let (whole, fraction) = digits.split_at(digits.len() - behind);
        let fraction = fraction.trim_end_matches('0');
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{whole}.{}", if fraction.is_empty() { "0" } else { fraction })
    }
}

impl<const FRACTION_DIGITS: u8> FromStr for Decimal64<FRACTION_DIGITS> {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let error = DecimalError { fraction_digits: FRACTION_DIGITS };
        let (sign, unsigned) = match text.strip_prefix(['-', '+']) {
            Some(unsigned) if text.starts_with('-') => ("-", unsigned),
            Some(unsigned) => ("", unsigned),
            None => ("", text),
        };
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(error),
            Some((whole, fraction)) => (whole, fraction.trim_end_matches('0')),
            None => (unsigned, ""),
        };
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let behind = usize::from(FRACTION_DIGITS);
        if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) || fraction.len() > behind {
            return Err(error);
        }
        let number = format!("{sign}{whole}{fraction:0<behind$}").parse();
        number.map(Self).map_err(|_| error)
    }
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a decimal number with at most {} fraction digits", self.fraction_digits)
    }
}

impl std::error::Error for DecimalError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimal_is_written_in_canonical_form() {
        for (text, number, written) in [
            ("0", 0, "0.0"),
            ("1.5", 150, "1.5"),
            ("+1.50", 150, "1.5"),
            ("-0.01", -1, "-0.01"),
            ("01.500", 150, "1.5"),
            ("-3", -300, "-3.0"),
            ("92233720368547758.07", i64::MAX, "92233720368547758.07"),
            ("-92233720368547758.08", i64::MIN, "-92233720368547758.08"),
        ] {
            let read: Decimal64<2> = text.parse().unwrap();
            assert_eq!((read.number(), &*read.to_string()), (number, written), "{text}");
        }
        for wrong in ["", ".", "1.", ".5", "1.555", "1,5", "1e3", "--1", "- 1", "92233720368547758.08", "0x1"]
        {
            assert!(wrong.parse::<Decimal64<2>>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn decimal_reads_back_as_written(number: i64) {
            prop_assert_eq!(Decimal64::<1>::new(number).to_string().parse(), Ok(Decimal64::<1>::new(number)));
            prop_assert_eq!(Decimal64::<18>::new(number).to_string().parse(), Ok(Decimal64::<18>::new(number)));
        }
    }
}
