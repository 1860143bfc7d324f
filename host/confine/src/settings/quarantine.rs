//! When a module is put into quarantine, in the operator's file.

use std::time::Duration;

use confine_service::QuarantinePolicy;
use serde::Deserialize;
use toml::Spanned;

use super::{
    limits::{LimitMisfit, literal},
    quantity::{CountUnit, Quantity as _, TimeUnit},
};

/// The table `quarantine` of the operator's file. Omitted keys stay unchanged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuarantineTable {
    /// 0 to disable quarantine.
    failures: Option<Spanned<CountUnit>>,
    window: Option<Spanned<TimeUnit>>,
}

const SECOND: TimeUnit = TimeUnit(1_000_000);

impl QuarantineTable {
    /// Changes the settings that the table has.
    pub(crate) fn apply(&self, quarantine: &mut QuarantinePolicy) -> Result<(), LimitMisfit> {
        if let Some(failures) = &self.failures {
            let failures_limit = u32::try_from(failures.get_ref().0).map_err(|_| LimitMisfit {
                span: failures.span(),
                what: format!("{} is too large: at most {}", failures.get_ref(), CountUnit(u32::MAX.into())),
            })?;
            quarantine.failures = Some(failures_limit).filter(|&limit| limit > 0);
        }
        if let Some(window) = &self.window {
            if window.get_ref().0 < SECOND.0 {
                let what = format!("{} is too small: at least {SECOND}", window.get_ref());
                return Err(LimitMisfit { span: window.span(), what });
            }
            quarantine.window = Duration::from_micros(window.get_ref().0);
        }
        Ok(())
    }
}

/// The settings as lines of the table.
pub(crate) fn lines(quarantine: &QuarantinePolicy) -> [String; 2] {
    let window = u64::try_from(quarantine.window.as_micros()).unwrap_or(u64::MAX);
    [
        format!("failures = {}", literal(CountUnit::of(quarantine.failures.unwrap_or_default().into()))),
        format!("window = {}", literal(TimeUnit::of(window))),
    ]
}

#[cfg(test)]
mod tests {
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
        let texts = ["failures = 5_000_000_000", "window = '10 ms'", "window = 10", "fails = 3"];
        let texts: Vec<_> = texts.map(|text| apply(text).unwrap_err()).into();
        insta::assert_snapshot!(texts.join("\n"), @r#"
        5_000_000_000: 5_000_000_000 is too large: at most 4_294_967_295
        '10 ms': 10 ms is too small: at least 1 s
        invalid type: integer `10`, expected a time with its unit, as in "10 s"
        unknown field `fails`, expected `failures` or `window`
        "#);
    }
}
