//! The limits of modules in the operator's file.

use std::{ops::Range, time::Duration};

use confine_sandbox::{Limits, ScaledLimit};
use confine_service::ModuleLimits;
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

pub(super) const SECOND: u64 = 1_000_000;
pub(super) const DAY: u64 = 24 * 3600 * SECOND;

limits! {
    // What a processor executes in about a week.
    fuel: LimitPair<CountUnit>, 1, 1_000_000_000_000_000;
    wall_clock: LimitPair<TimeUnit>, 1_000, DAY;
    // What takes about a day, at 50 ns each.
    host_work: LimitPair<CountUnit>, 1, 1_000_000_000_000;
    memory: Spanned<ByteUnit>, 64 << 10, machine_memory();
    // A page of the host is below it, and the thread of every module reserves it.
    stack: Spanned<ByteUnit>, 64 << 10, 64 << 20;
    core_instances: Spanned<CountUnit>, 1, 10_000;
    // Each reserves 4 GiB of the address space, which has 128 TiB.
    memories: Spanned<CountUnit>, 1, 1_000;
    tables: Spanned<CountUnit>, 1, 10_000;
    handles: Spanned<CountUnit>, 1, 100_000_000;
    bytes_out: LimitPair<ByteUnit>, 1 << 10, 1 << 40;
    bytes_in: LimitPair<ByteUnit>, 1 << 10, 1 << 40;
    bytes_per_call: Spanned<ByteUnit>, 1 << 10, machine_memory();
    edits: LimitPair<CountUnit>, 1, 1_000_000_000;
    log: LimitPair<ByteUnit>, 0, 1 << 30;
    text: Spanned<ByteUnit>, 64, 1 << 20;
    component: Spanned<ByteUnit>, 1 << 10, 1 << 30;
    compiled: Spanned<ByteUnit>, 1 << 10, 1 << 31;
    resident: Spanned<ByteUnit>, 1 << 10, machine_memory();
    compile_cpu: Spanned<TimeUnit>, SECOND, DAY;
    compile_wall_clock: Spanned<TimeUnit>, SECOND, DAY;
    // The program itself has to fit, and so has this in the address space.
    compile_memory: Spanned<ByteUnit>, 512 << 20, 64 << 40;
}

/// The memory of this machine, in whole mebibytes. Nothing that is kept in memory can be larger.
fn machine_memory() -> u64 {
    let system = rustix::system::sysinfo();
    // The type depends on the platform.
    #[allow(clippy::useless_conversion)]
    let total = u64::from(system.totalram).saturating_mul(system.mem_unit.into());
    total >> 20 << 20
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
        // The default is for machines that have more.
        total.set(&mut bytes, 1 << 10, machine_memory().max(ModuleLimits::default().total_resident))?;
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
            let whose = if most == machine_memory() { ", the memory of this machine" } else { "" };
            return misfit(format!("{value} is too large: at most {}{whose}", Q::of(most)));
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
            "memory = '1048576 GiB'",
            "log.base = '9 GiB'",
            "log.per_instance = '2 GiB'",
            "fuel.base = 18_446_744_073_709_551_615",
            "fuel.base = 9_223_372_036_854_775_807",
            "memories = 100_000",
            "wall_clock.base = '25 h'",
            "wall_clock.base = '999999999999999 h'",
            "edits.base = '3 pieces'",
            "compile_cpu = '0 s'",
            "compile_time = '1 s'",
        ];
        let texts: Vec<_> = texts.map(|text| apply(text).unwrap_err()).into();
        let texts = texts.join("\n").replace(&ByteUnit(machine_memory()).to_string(), "24 GiB");
        insta::assert_snapshot!(texts, @r#"
        invalid type: integer `5`, expected a table, as in { base = …, per_instance = … }
        0: 0 is too small: at least 1
        a limit cannot be negative
        unknown field `each`, expected `base` or `per_instance`
        '10 us': 10 us is too small: at least 1 ms
        invalid type: integer `67108864`, expected a size with its unit, as in "64 MiB"
        '1 KiB': 1 KiB is too small: at least 64 KiB
        '1 GiB': 1 GiB is too large: at most 64 MiB
        '1048576 GiB': 1048576 GiB is too large: at most 24 GiB, the memory of this machine
        '9 GiB': 9 GiB is too large: at most 1 GiB
        '2 GiB': 2 GiB is too large: at most 1 GiB
        18_446_744_073_709_551_615: 18_446_744_073_709_551_615 is too large: at most 1_000_000_000_000_000
        9_223_372_036_854_775_807: 9_223_372_036_854_775_807 is too large: at most 1_000_000_000_000_000
        100_000: 100_000 is too large: at most 1_000
        '25 h': 25 h is too large: at most 24 h
        `999999999999999 h` is too large to be counted: write a smaller number
        invalid type: string "3 pieces", expected a whole number, as in 2_000_000
        '0 s': 0 us is too small: at least 1 s
        unknown field `compile_time`, expected one of `fuel`, `wall_clock`, `host_work`, `memory`, `stack`, `core_instances`, `memories`, `tables`, `handles`, `bytes_out`, `bytes_in`, `bytes_per_call`, `edits`, `log`, `text`, `component`, `compiled`, `resident`, `compile_cpu`, `compile_wall_clock`, `compile_memory`, `total_resident`
        "#);
    }

    proptest! {
        #[test]
        fn shown_limits_are_read_back(
            counts in proptest::collection::vec(1..=1_000u64, 10),
            fuel in proptest::collection::vec(1..=1_000_000_000_000u64, 4),
            sizes in proptest::collection::vec((1u64 << 28)..=1 << 29, 10),
            times in proptest::collection::vec((1u64 << 20)..=1 << 36, 6),
        ) {
            let limits = Limits {
                fuel: ScaledLimit { base: fuel[0], per_instance: fuel[1] },
                wall_clock: ScaledLimit { base: Duration::from_micros(times[0]), per_instance: Duration::from_micros(times[1]) },
                host_work: ScaledLimit { base: fuel[2], per_instance: fuel[3] },
                memory: sizes[0],
                stack: (sizes[1] >> 10).min(64 << 20) as usize,
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
                compile_memory: sizes[9] << 1,
            };
            prop_assert_eq!(apply(&lines(&limits).join("\n")), Ok(limits));
        }
    }
}
