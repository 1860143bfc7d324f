//! The limits of modules in the operator's file.

use std::{ops::Range, time::Duration};

use confine_sandbox::{Limits, ScaledLimit};
use serde::Deserialize;
use toml::Spanned;

use super::quantity::{ByteUnit, CountUnit, Quantity, TimeUnit};

/// A value that cannot be a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitMisfit {
    /// Its position in the file.
    pub(crate) span: Range<usize>,
    /// The problem.
    pub(crate) what: String,
}

/// A [`ScaledLimit`]. Omitted values stay unchanged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table, as in { base = …, per_instance = … }")]
pub(crate) struct LimitPair<Q> {
    base: Option<Spanned<Q>>,
    per_instance: Option<Spanned<Q>>,
}

/// One table for all limits: the name of each field of [`Limits`], which is also its key; the type of its value; and
/// its minimum and maximum, in bytes, microseconds or a count.
macro_rules! limits {
    ($($field:ident: $kind:ty, $least:expr, $most:expr;)*) => {
        /// The table `limits` of the operator's file. Omitted keys stay unchanged.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct LimitsTable {
            $($field: Option<$kind>,)*
            /// Of all modules together.
            total_resident: Option<Spanned<ByteUnit>>,
        }

        impl LimitsTable {
            /// Whether the table sets any limit.
            pub(crate) fn is_set(&self) -> bool {
                $(self.$field.is_some())||*
            }

            /// Changes the limits that the table sets.
            pub(crate) fn apply(&self, limits: &mut Limits) -> Result<(), LimitMisfit> {
                // Every field is named: a new one does not compile until it has a key.
                let Limits { $($field),* } = limits;
                $(if let Some(value) = &self.$field {
                    value.set($field, $least, $most)?;
                })*
                Ok(())
            }
        }

        /// The limits as lines of such a table.
        pub(crate) fn lines(limits: &Limits) -> Vec<String> {
            let Limits { $($field),* } = limits;
            vec![$(format!("{} = {}", stringify!($field), <$kind>::show($field)),)*]
        }
    };
}

pub(super) const MAX: u64 = u64::MAX;
pub(super) const SECOND: u64 = 1_000_000;

limits! {
    fuel: LimitPair<CountUnit>, 1, MAX;
    wall_clock: LimitPair<TimeUnit>, 1_000, MAX;
    host_work: LimitPair<CountUnit>, 1, MAX;
    memory: Spanned<ByteUnit>, 64 << 10, MAX;
    // A page of the host is below it, and the thread of every module reserves it.
    stack: Spanned<ByteUnit>, 64 << 10, 64 << 20;
    core_instances: Spanned<CountUnit>, 1, MAX;
    memories: Spanned<CountUnit>, 1, MAX;
    tables: Spanned<CountUnit>, 1, MAX;
    handles: Spanned<CountUnit>, 1, MAX;
    bytes_out: LimitPair<ByteUnit>, 1 << 10, MAX;
    bytes_in: LimitPair<ByteUnit>, 1 << 10, MAX;
    bytes_per_call: Spanned<ByteUnit>, 1 << 10, MAX;
    edits: LimitPair<CountUnit>, 1, MAX;
    log: LimitPair<ByteUnit>, 0, MAX;
    text: Spanned<ByteUnit>, 64, 1 << 20;
    component: Spanned<ByteUnit>, 1 << 10, 1 << 30;
    compiled: Spanned<ByteUnit>, 1 << 10, 1 << 31;
    resident: Spanned<ByteUnit>, 1 << 10, MAX;
    compile_cpu: Spanned<TimeUnit>, SECOND, MAX;
    compile_wall_clock: Spanned<TimeUnit>, SECOND, MAX;
    // The program itself has to fit.
    compile_memory: Spanned<ByteUnit>, 512 << 20, MAX;
}

impl LimitsTable {
    /// The problem of a table of one module with a limit that is not of one module.
    pub(crate) fn shared(&self) -> Option<LimitMisfit> {
        let stack = self.stack.as_ref().map(|stack| (stack, "the stack is the same for all modules"));
        let total = self.total_resident.as_ref().map(|total| (total, "this is for all modules together"));
        let (value, problem) = stack.or(total)?;
        Some(LimitMisfit { span: value.span(), what: format!("{problem}: set it in `[limits]`") })
    }

    /// The memory that all modules may take together, if the table sets it.
    pub(crate) fn total_resident(&self) -> Result<Option<u64>, LimitMisfit> {
        let mut bytes = 0;
        let Some(total) = &self.total_resident else { return Ok(None) };
        total.set(&mut bytes, 1 << 10, MAX)?;
        Ok(Some(bytes))
    }
}

/// The memory that all modules may take together, as a line of such a table.
pub(crate) fn total_line(total_resident: u64) -> String {
    format!("total_resident = {}", literal(ByteUnit::of(total_resident)))
}

/// A value in the operator's file for a limit of type `T`.
pub(super) trait LimitEntry<T> {
    fn set(&self, limit: &mut T, least: u64, most: u64) -> Result<(), LimitMisfit>;
    fn show(limit: &T) -> String;
}

impl<Q: Quantity, T: LimitAmount> LimitEntry<T> for Spanned<Q> {
    fn set(&self, limit: &mut T, least: u64, most: u64) -> Result<(), LimitMisfit> {
        let value = *self.get_ref();
        let misfit = |what| Err(LimitMisfit { span: self.span(), what });
        if value.amount() < least {
            return misfit(format!("{value} is too small: at least {}", Q::of(least)));
        }
        if value.amount() > most {
            return misfit(format!("{value} is too large: at most {}", Q::of(most)));
        }
        *limit = T::of(value.amount());
        Ok(())
    }

    fn show(limit: &T) -> String {
        literal(Q::of(limit.amount()))
    }
}

impl<Q: Quantity, T: LimitAmount> LimitEntry<ScaledLimit<T>> for LimitPair<Q> {
    fn set(&self, limit: &mut ScaledLimit<T>, least: u64, most: u64) -> Result<(), LimitMisfit> {
        self.base.iter().try_for_each(|base| base.set(&mut limit.base, least, most))?;
        self.per_instance.iter().try_for_each(|more| more.set(&mut limit.per_instance, 0, most))
    }

    fn show(limit: &ScaledLimit<T>) -> String {
        let ScaledLimit { base, per_instance } = limit;
        let [base, per_instance] = [base, per_instance].map(Spanned::<Q>::show);
        format!("{{ base = {base}, per_instance = {per_instance} }}")
    }
}

/// The quantity in TOML: numbers as they are, amounts with a unit in quotes.
fn literal(quantity: impl Quantity) -> String {
    let text = quantity.to_string();
    if text.contains(' ') { format!("\"{text}\"") } else { text }
}

/// A field of [`Limits`] as a number of bytes, microseconds or a count.
trait LimitAmount {
    fn amount(&self) -> u64;
    fn of(amount: u64) -> Self;
}

impl LimitAmount for u64 {
    fn amount(&self) -> u64 {
        *self
    }

    fn of(amount: u64) -> Self {
        amount
    }
}

impl LimitAmount for usize {
    fn amount(&self) -> u64 {
        *self as u64
    }

    fn of(amount: u64) -> Self {
        Self::try_from(amount).unwrap_or(Self::MAX)
    }
}

impl LimitAmount for Duration {
    fn amount(&self) -> u64 {
        u64::try_from(self.as_micros()).unwrap_or(u64::MAX)
    }

    fn of(amount: u64) -> Self {
        Self::from_micros(amount)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(text: &str) -> Result<Limits, String> {
        let table: LimitsTable = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut limits = Limits::default();
        table.apply(&mut limits).map_err(|misfit| format!("{}: {}", &text[misfit.span], misfit.what))?;
        Ok(limits)
    }

    #[test]
    fn limits_in_the_file_change_and_no_others() {
        let limits =
            apply("memory = '128 MiB'\nfuel.per_instance = 7\nwall_clock = { base = '2 s' }").unwrap();
        let mut expected = Limits { memory: 128 << 20, ..Limits::default() };
        expected.fuel.per_instance = 7;
        expected.wall_clock.base = Duration::from_secs(2);
        assert_eq!(limits, expected);
    }

    #[test]
    fn default_limits_are_shown_as_written() {
        let lines = lines(&Limits::default()).join("\n");
        insta::assert_snapshot!(lines, @r#"
        fuel = { base = 2_000_000_000, per_instance = 50_000_000 }
        wall_clock = { base = "10 s", per_instance = "10 ms" }
        host_work = { base = 200_000_000, per_instance = 200_000 }
        memory = "64 MiB"
        stack = "512 KiB"
        core_instances = 256
        memories = 16
        tables = 256
        handles = 10_000
        bytes_out = { base = "64 MiB", per_instance = "256 KiB" }
        bytes_in = { base = "64 MiB", per_instance = "256 KiB" }
        bytes_per_call = "8 MiB"
        edits = { base = 100_000, per_instance = 1_000 }
        log = { base = "64 KiB", per_instance = "1 KiB" }
        text = "4 KiB"
        component = "64 MiB"
        compiled = "256 MiB"
        resident = "128 MiB"
        compile_cpu = "1 min"
        compile_wall_clock = "2 min"
        compile_memory = "4 GiB"
        "#);
        assert_eq!(apply(&lines), Ok(Limits::default()));
    }

    #[test]
    fn impossible_limits_are_refused() {
        let texts = [
            "fuel = 5",
            "fuel.base = 0",
            "fuel.base = -1",
            "fuel.each = 1",
            "wall_clock.base = '10 us'",
            "memory = 67108864",
            "memory = '1 KiB'",
            "stack = '1 GiB'",
            "edits.base = '3 pieces'",
            "compile_cpu = '0 s'",
            "compile_time = '1 s'",
        ];
        let texts: Vec<_> = texts.map(|text| apply(text).unwrap_err()).into();
        insta::assert_snapshot!(texts.join("\n"), @r#"
        invalid type: integer `5`, expected a table, as in { base = …, per_instance = … }
        0: 0 is too small: at least 1
        a limit cannot be negative
        unknown field `each`, expected `base` or `per_instance`
        '10 us': 10 us is too small: at least 1 ms
        invalid type: integer `67108864`, expected a size with its unit, as in "64 MiB"
        '1 KiB': 1 KiB is too small: at least 64 KiB
        '1 GiB': 1 GiB is too large: at most 64 MiB
        invalid type: string "3 pieces", expected a whole number, as in 2_000_000
        '0 s': 0 us is too small: at least 1 s
        unknown field `compile_time`, expected one of `fuel`, `wall_clock`, `host_work`, `memory`, `stack`, `core_instances`, `memories`, `tables`, `handles`, `bytes_out`, `bytes_in`, `bytes_per_call`, `edits`, `log`, `text`, `component`, `compiled`, `resident`, `compile_cpu`, `compile_wall_clock`, `compile_memory`, `total_resident`
        "#);
    }

    proptest! {
        #[test]
        fn shown_limits_are_read_back(
            counts in proptest::collection::vec(1..=u64::MAX >> 1, 10),
            sizes in proptest::collection::vec((1u64 << 29)..=1 << 40, 10),
            times in proptest::collection::vec((1u64 << 20)..=1 << 50, 6),
        ) {
            let limits = Limits {
                fuel: ScaledLimit { base: counts[0], per_instance: counts[1] },
                wall_clock: ScaledLimit { base: Duration::from_micros(times[0]), per_instance: Duration::from_micros(times[1]) },
                host_work: ScaledLimit { base: counts[2], per_instance: counts[3] },
                memory: sizes[0],
                stack: (sizes[1] >> 13).min(64 << 20) as usize,
                core_instances: counts[4] as usize,
                memories: counts[5] as usize,
                tables: counts[6] as usize,
                handles: counts[7] as usize,
                bytes_out: ScaledLimit { base: sizes[2], per_instance: sizes[3] },
                bytes_in: ScaledLimit { base: sizes[4], per_instance: sizes[5] },
                bytes_per_call: sizes[6] as usize,
                edits: ScaledLimit { base: counts[8], per_instance: counts[9] },
                log: ScaledLimit { base: sizes[7], per_instance: 0 },
                text: (sizes[8] >> 20).min(1 << 20) as usize,
                component: (sizes[8] >> 11).min(1 << 30),
                compiled: (sizes[8] >> 10).min(1 << 31),
                resident: sizes[7],
                compile_cpu: Duration::from_micros(times[2]),
                compile_wall_clock: Duration::from_micros(times[3]),
                compile_memory: sizes[9],
            };
            prop_assert_eq!(apply(&lines(&limits).join("\n")), Ok(limits));
        }
    }
}
