//! Writes to the host's log.

use std::fmt;

use crate::bindings::confine::service::log as host;

/// Writes a line with `fields` to the host's log.
#[doc(hidden)]
pub fn log(level: &str, message: fmt::Arguments<'_>, fields: &[(&str, &dyn fmt::Display)]) {
    let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
    host::log(level, &message.to_string(), &fields);
}

/// Logs a problem that does not fail the commit. The message is built as by [`format!`]. Fields for a
/// structured log may precede it, before a semicolon.
///
/// ```no_run
/// # use confine_sdk::prelude::*;
/// # let (device, code) = ("r1", 3);
/// error!("`{device}` has no models");
/// error!(device, code = code + 1; "`{device}` has no models");
/// ```
#[macro_export]
macro_rules! error {
    ($($line:tt)+) => { $crate::__log!("error", $($line)+) };
}

/// Logs what an operator should look at. Syntax as for [`error!`](crate::error!).
#[macro_export]
macro_rules! warn {
    ($($line:tt)+) => { $crate::__log!("warn", $($line)+) };
}

/// Logs what an operator may want to know. Syntax as for [`error!`](crate::error!).
#[macro_export]
macro_rules! info {
    ($($line:tt)+) => { $crate::__log!("info", $($line)+) };
}

/// Logs what the module's author may want to know. Syntax as for [`error!`](crate::error!).
#[macro_export]
macro_rules! debug {
    ($($line:tt)+) => { $crate::__log!("debug", $($line)+) };
}

/// Logs every step. Syntax as for [`error!`](crate::error!).
#[macro_export]
macro_rules! trace {
    ($($line:tt)+) => { $crate::__log!("trace", $($line)+) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:literal, $($field:ident $(= $value:expr)?),+ ; $($message:tt)+) => {
        $crate::__private::log(
            $level,
            ::core::format_args!($($message)+),
            &[$((::core::stringify!($field), &$crate::__field!($field $(= $value)?))),+],
        )
    };
    ($level:literal, $($message:tt)+) => {
        $crate::__private::log($level, ::core::format_args!($($message)+), &[])
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __field {
    ($field:ident) => {
        $field
    };
    ($field:ident = $value:expr) => {
        $value
    };
}
