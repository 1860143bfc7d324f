//! Amounts as people write them: `64 MiB`, `10 s`, `2_000_000_000`.

use std::{fmt, str::FromStr};

use confine_sandbox::text::line;
use serde::{Deserialize, Deserializer, de};

/// The most that a message shows of a text, in bytes.
const NAME: usize = 100;

/// An amount of something, in its smallest unit.
pub(crate) trait Quantity: Copy + fmt::Display {
    /// The number of bytes, microseconds or items.
    fn amount(self) -> u64;
    /// The quantity of a number of bytes, microseconds or items.
    fn of(amount: u64) -> Self;
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteUnit(pub(crate) u64);

/// Time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeUnit(pub(crate) u64);

/// A count: instances, edits, units of fuel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountUnit(pub(crate) u64);

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuantityError {
    #[error(
        "`{}` is not {what}: write a whole number and a unit, as in `{example}`; the units are {units}",
        line(text, NAME)
    )]
    Form { text: String, what: &'static str, example: &'static str, units: String },
    #[error("`{}` is too large to be counted: write a smaller number", line(text, NAME))]
    TooLarge { text: String },
}

/// Units and their factors. An amount is shown in the first unit that divides it.
type Units = [(&'static str, u64)];

const SIZES: &Units = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

const TIMES: &Units =
    &[("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

macro_rules! quantities {
    ($($name:ident),*) => {$(
        impl Quantity for $name {
            fn amount(self) -> u64 {
                self.0
            }

            fn of(amount: u64) -> Self {
                Self(amount)
            }
        }
    )*};
}

quantities!(ByteUnit, TimeUnit, CountUnit);

/// Quantities with units: what they are, an example, and their units.
macro_rules! quantities_with_unit {
    ($($name:ident: $what:literal, $example:literal, $units:ident;)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                show(f, self.0, $units)
            }
        }

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                match parse(text, $units) {
                    Some(u64::MAX) => Err(QuantityError::TooLarge { text: text.to_owned() }),
                    Some(amount) => Ok(Self(amount)),
                    None => Err(refused(text, $what, $example, $units)),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text(concat!($what, " with its unit, as in \"", $example, "\""), deserializer)
            }
        }
    )*};
}

quantities_with_unit! {
    ByteUnit: "a size", "64 MiB", SIZES;
    TimeUnit: "a time", "10 s", TIMES;
}

/// With `_` between groups of three digits, as TOML allows.
impl fmt::Display for CountUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str("_")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, amount: u64, units: &Units) -> fmt::Result {
    let fits = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
    match units.iter().find(fits).or_else(|| units.last()) {
        Some((name, factor)) => write!(f, "{} {name}", amount / factor),
        None => Ok(()),
    }
}

/// Parses a number, which may have `_` between its digits, optional blanks, and a unit. An amount that is too large is
/// [`u64::MAX`].
fn parse(text: &str, units: &Units) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '_')?;
    let (number, unit) = text.split_at_checked(end)?;
    let digits = number.replace('_', "");
    let (_, factor) = units.iter().find(|(name, _)| !digits.is_empty() && *name == unit.trim_start())?;
    Some(digits.parse().unwrap_or(u64::MAX).saturating_mul(*factor))
}

fn refused(text: &str, what: &'static str, example: &'static str, units: &Units) -> QuantityError {
    let names: Vec<_> = units.iter().rev().map(|(name, _)| *name).collect();
    QuantityError::Form { text: text.to_owned(), what, example, units: names.join(", ") }
}

impl<'de> Deserialize<'de> for CountUnit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityNumber;

        impl de::Visitor<'_> for QuantityNumber {
            type Value = CountUnit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, as in 2_000_000")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<CountUnit, E> {
                let number = u64::try_from(number);
                number.map(CountUnit).map_err(|_| E::custom("a limit cannot be negative"))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<CountUnit, E> {
                Ok(CountUnit(number))
            }
        }

        deserializer.deserialize_u64(QuantityNumber)
    }
}

fn text<'de, T, D>(expected: &'static str, deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err = QuantityError>,
    D: Deserializer<'de>,
{
    struct QuantityText<T>(&'static str, std::marker::PhantomData<T>);

    impl<T: FromStr<Err = QuantityError>> de::Visitor<'_> for QuantityText<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(QuantityText(expected, std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_in_any_unit() {
        let size = |text: &str| text.parse::<ByteUnit>().unwrap().0;
        assert_eq!(size("64 MiB"), 64 << 20);
        assert_eq!(size(" 1_024KiB "), 1 << 20);
        assert_eq!(size("10 MB"), 10_000_000);
        assert_eq!(size("0 B"), 0);
        let time = |text: &str| text.parse::<TimeUnit>().unwrap().0;
        assert_eq!(time("10 s"), 10_000_000);
        assert_eq!(time("250ms"), 250_000);
        assert_eq!(time("2 min"), 120_000_000);
    }

    #[test]
    fn amounts_are_shown_in_the_largest_unit_that_fits() {
        let shown = [
            ByteUnit(64 << 20).to_string(),
            ByteUnit(1500).to_string(),
            ByteUnit(0).to_string(),
            TimeUnit(10_000_000).to_string(),
            TimeUnit(90_000_000).to_string(),
            CountUnit(2_000_000_000).to_string(),
        ];
        assert_eq!(shown, ["64 MiB", "1500 B", "0 B", "10 s", "90 s", "2_000_000_000"]);
    }

    #[test]
    fn other_texts_are_refused_with_an_example() {
        let refused = [
            "64",
            "64 pies",
            "MiB",
            "-1 B",
            "1.5 GiB",
            "",
            "99999999999 GiB",
            "99999999999999999999 B",
            "64 mib",
        ];
        let texts: Vec<_> =
            refused.iter().map(|text| text.parse::<ByteUnit>().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        `64` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        `64 pies` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        `MiB` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        `-1 B` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        `1.5 GiB` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        `` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        `99999999999 GiB` is too large to be counted: write a smaller number
        `99999999999999999999 B` is too large to be counted: write a smaller number
        `64 mib` is not a size: write a whole number and a unit, as in `64 MiB`; the units are B, kB, MB, GB, KiB, MiB, GiB
        ");
        insta::assert_snapshot!("10 S\u{1b}".parse::<TimeUnit>().unwrap_err(), @r"`10 S\u{1b}` is not a time: write a whole number and a unit, as in `10 s`; the units are us, ms, s, min, h");
    }

    proptest! {
        #[test]
        fn shown_amounts_are_read_back(amount in 0..u64::MAX) {
            prop_assert_eq!(ByteUnit(amount).to_string().parse(), Ok(ByteUnit(amount)));
            prop_assert_eq!(TimeUnit(amount).to_string().parse(), Ok(TimeUnit(amount)));
            let toml: std::collections::BTreeMap<String, CountUnit> =
                toml::from_str(&format!("n = {}", CountUnit(amount >> 1))).unwrap();
            prop_assert_eq!(toml["n"], CountUnit(amount >> 1));
        }

        #[test]
        fn round_amounts_are_short(number in 1u64..1000, unit in 0..3usize) {
            let (_, factor) = SIZES[unit];
            prop_assert!(ByteUnit(number * factor).to_string().len() <= "1000 MiB".len());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[0-9_]{0,30} ?(B|KiB|GiB|s|h)?") {
            if let Ok(size) = text.parse::<ByteUnit>() {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
            let _ = text.parse::<TimeUnit>();
        }
    }
}
