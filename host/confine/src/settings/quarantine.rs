//! When a module is put into quarantine, in the operator's file.

use confine_service::QuarantinePolicy;
use serde::Deserialize;
use toml::Spanned;

use super::{
    limits::{DAY, LimitEntry as _, LimitMisfit, SECOND},
    quantity::{CountUnit, TimeUnit},
};

/// The most failures that are counted: the time of each is kept.
const MAX_FAILURES: u64 = 10_000;

/// The table `quarantine` of the operator's file. Omitted keys stay unchanged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuarantineTable {
    /// 0 to disable quarantine.
    failures: Option<Spanned<CountUnit>>,
    window: Option<Spanned<TimeUnit>>,
}

impl QuarantineTable {
    /// Changes the settings that the table has.
    pub(crate) fn apply(&self, quarantine: &mut QuarantinePolicy) -> Result<(), LimitMisfit> {
        let mut failures = u64::from(quarantine.failures.unwrap_or_default());
        self.failures.iter().try_for_each(|value| value.set(&mut failures, 0, MAX_FAILURES))?;
        quarantine.failures = u32::try_from(failures).ok().filter(|&failures| failures > 0);
        self.window.iter().try_for_each(|value| value.set(&mut quarantine.window, SECOND, 30 * DAY))
    }
}

/// The settings as lines of the table.
pub(crate) fn lines(quarantine: &QuarantinePolicy) -> [String; 2] {
    let failures = u64::from(quarantine.failures.unwrap_or_default());
    [
        format!("failures = {}", Spanned::<CountUnit>::show(&failures)),
        format!("window = {}", Spanned::<TimeUnit>::show(&quarantine.window)),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn apply(text: &str) -> Result<QuarantinePolicy, String> {
        let table: QuarantineTable = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut quarantine = QuarantinePolicy::default();
        table.apply(&mut quarantine).map_err(|misfit| format!("{}: {}", &text[misfit.span], misfit.what))?;
        Ok(quarantine)
    }

    #[test]
    fn shown_settings_are_read_back() {
        let lines = lines(&QuarantinePolicy::default()).join("\n");
        insta::assert_snapshot!(lines, @r#"
        failures = 5
        window = "10 min"
        "#);
        let other = QuarantinePolicy { failures: None, window: Duration::from_secs(90) };
        for quarantine in [QuarantinePolicy::default(), other] {
            assert_eq!(apply(&super::lines(&quarantine).join("\n")), Ok(quarantine));
        }
    }

    #[test]
    fn impossible_values_are_refused() {
        let texts =
            ["failures = 5_000_000_000", "window = '10 ms'", "window = '1000 h'", "window = 10", "fails = 3"];
        let texts: Vec<_> = texts.map(|text| apply(text).unwrap_err()).into();
        insta::assert_snapshot!(texts.join("\n"), @r#"
        5_000_000_000: 5_000_000_000 is too large: at most 10_000
        '10 ms': 10 ms is too small: at least 1 s
        '1000 h': 1000 h is too large: at most 720 h
        invalid type: integer `10`, expected a time with its unit, as in "10 s"
        unknown field `fails`, expected `failures` or `window`
        "#);
    }
}
