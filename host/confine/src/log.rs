//! The log: where lines go, and which lines are logged.
//!
//! The daemon must never wait for a reader of its log: a terminal stopped with Ctrl-S or a log daemon that hangs would
//! keep it from draining the controller's socket, and that stops the controller. A thread of its own writes the lines
//! for a stream, lines for syslog are sent without waiting, and lines that find no room are lost.
//!
//! The filter can be changed while the daemon runs ([`LogLevels`]).

mod escape;
mod syslog;

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use clap::ValueEnum;
use confine_sandbox::text::line;
use serde::Deserialize;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

use self::{
    escape::{EscapedJson, escaped_fields},
    syslog::{IDENTIFIER, Syslog},
};
#[cfg(feature = "otel")]
use crate::traces;
use crate::{address::CollectorAddress, names::read_from_text};

/// The most lines that wait to be written. More are lost.
const MAX_WAITING_LINES: usize = 16_384;

/// The most that a message shows of a text, in bytes.
const SHOWN: usize = 100;

/// The directive that logs the messages exchanged with the controller (see `confine-netconf`).
const XML: &str = "xml=trace";

/// Where log lines go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogTarget {
    /// Standard error
    #[default]
    Stderr,
    /// Standard output
    Stdout,
    /// The log of the system, through `/dev/log`
    Syslog,
    /// The systemd journal, with all fields
    Journald,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text, one line per event
    #[default]
    Text,
    /// JSON, one object per line
    Json,
}

/// Which lines are logged: a level, or levels per part of the program, as in `info,confine_backend=trace`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LogFilter(String);

/// Why a text is no [`LogFilter`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a log filter: write a level (error, warn, info, debug, trace, off) or levels per part of the program, as in `info,confine_backend=trace`",
    line(.0, SHOWN)
)]
pub(crate) struct LogFilterError(String);

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot connect to the journal\nhint: without systemd, log to `syslog` or to `stderr`")]
    Journal(#[source] io::Error),
    #[error("cannot use syslog")]
    Syslog(#[source] io::Error),
    #[cfg(feature = "otel")]
    #[error("cannot send spans to `{collector}`")]
    Traces { collector: CollectorAddress, source: opentelemetry_otlp::ExporterBuildError },
}

/// Writes the waiting lines, and sends the waiting spans, when it is dropped.
#[must_use]
pub(crate) struct LogGuard {
    _worker: Option<WorkerGuard>,
    #[cfg(feature = "otel")]
    _exported: Option<traces::TraceExport>,
    levels: LogLevels,
}

/// Writes the events that it gets.
type LogLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Changes the filter of a running log.
#[derive(Clone)]
pub(crate) struct LogLevels {
    handle: reload::Handle<Targets, Registry>,
    filter: Arc<Mutex<LogFilter>>,
}

impl LogGuard {
    /// Returns a handle that changes the filter.
    pub(crate) fn levels(&self) -> LogLevels {
        self.levels.clone()
    }
}

impl LogLevels {
    /// The current filter.
    pub(crate) fn filter(&self) -> LogFilter {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the filter.
    pub(crate) fn change(&self, filter: LogFilter) {
        let mut current = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        // Without the subscriber there is no log any more.
        if self.handle.reload(filter.targets()).is_ok() {
            *current = filter;
        }
    }
}

impl LogFilter {
    /// The debug level.
    pub(crate) fn debug() -> Self {
        Self("debug".into())
    }

    /// This filter, and the messages exchanged with the controller.
    pub(crate) fn with_xml(self) -> Self {
        Self(format!("{},{XML}", self.0))
    }

    fn targets(&self) -> Targets {
        // It was parsed when it was created.
        self.0.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO))
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".into())
    }
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        // A single word has to be a level. It could be a part of the program too, but then a misspelt level would turn
        // everything off.
        let is_known = text.split(',').all(|directive| {
            let level = directive.rsplit('=').next().unwrap_or_default().trim();
            !level.is_empty() && level.parse::<LevelFilter>().is_ok()
        });
        match text.parse::<Targets>() {
            Ok(_) if is_known => Ok(Self(text.into())),
            _ => Err(LogFilterError(text.into())),
        }
    }
}

read_from_text!(LogFilter);

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Starts the log, and sends spans to the collector if there is one.
pub(crate) fn start(
    filter: &LogFilter,
    target: LogTarget,
    format: LogFormat,
    collector: Option<&CollectorAddress>,
) -> Result<LogGuard, LogError> {
    let (layer, worker) = match target {
        LogTarget::Stderr => stream_layer(format, io::stderr()),
        LogTarget::Stdout => stream_layer(format, io::stdout()),
        // The receiver adds the time.
        LogTarget::Syslog => {
            (line_layer(format, false, false, Syslog::new().map_err(LogError::Syslog)?), None)
        }
        LogTarget::Journald => {
            let journal = tracing_journald::layer().map_err(LogError::Journal)?;
            (journal.with_syslog_identifier(IDENTIFIER.into()).boxed(), None)
        }
    };
    let (targets, handle) = reload::Layer::new(filter.targets());
    #[cfg(feature = "otel")]
    let (spans, exported) = match collector {
        Some(collector) => {
            let failed = |source| LogError::Traces { collector: collector.clone(), source };
            let (spans, exported) = traces::export(collector).map_err(failed)?;
            (Some(spans), Some(exported))
        }
        None => (None, None),
    };
    // Without the feature, settings with a collector are refused.
    #[cfg(not(feature = "otel"))]
    let spans = collector.and(None::<tracing_subscriber::layer::Identity>);
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(targets)).with(spans);
    // This fails only if a log is started twice.
    let _ = subscriber.try_init();
    let levels = LogLevels { handle, filter: Arc::new(Mutex::new(filter.clone())) };
    Ok(LogGuard {
        _worker: worker,
        #[cfg(feature = "otel")]
        _exported: exported,
        levels,
    })
}

/// A layer that never waits: a thread of its own writes the lines.
fn stream_layer(
    format: LogFormat,
    stream: impl IsTerminal + Write + Send + 'static,
) -> (LogLayer, Option<WorkerGuard>) {
    let coloured = stream.is_terminal();
    let builder =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(MAX_WAITING_LINES).thread_name("log");
    let (writer, guard) = builder.finish(stream);
    (line_layer(format, coloured, true, writer), Some(guard))
}

fn line_layer<W>(format: LogFormat, coloured: bool, timed: bool, writer: W) -> LogLayer
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_ansi(coloured);
    match format {
        LogFormat::Text => {
            let layer = layer.fmt_fields(escaped_fields()).with_writer(writer);
            if timed { layer.boxed() } else { layer.without_time().boxed() }
        }
        LogFormat::Json => {
            let layer = layer.json().with_writer(EscapedJson(writer));
            if timed { layer.boxed() } else { layer.without_time().boxed() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is logged of texts that a terminal would interpret.
    fn logged(format: LogFormat) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let layer = line_layer(format, true, false, Mutex::new(file.reopen().unwrap()));
        let user = "a\u{202e}b\u{9b}2J";
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _span = tracing::info_span!("commit", user).entered();
            tracing::info!(target: "t", instance = %user, key = %"a\nINFO b", error = ?user, number = 7, "a {user}\u{1b}[31m\n\tb");
        });
        std::fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn texts_in_lines_of_the_log_are_escaped() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&logged(LogFormat::Text)), @r#"
        INFO commit{user="a\u{202e}b\u{9b}2J"}: t: a a\u{202e}b\u{9b}2J\u{1b}[31m
        b instance=a\u{202e}b\u{9b}2J key=a\nINFO b error="a\u{202e}b\u{9b}2J" number=7
        "#);
        insta::assert_snapshot!(logged(LogFormat::Json), @r#"{"level":"INFO","fields":{"message":"a a\u202eb\u009b2J\u001b[31m\n\tb","instance":"a\u202eb\u009b2J","key":"a\nINFO b","error":"\"a\\u{202e}b\\u{9b}2J\"","number":7},"target":"t","span":{"user":"a\u202eb\u009b2J","name":"commit"},"spans":[{"user":"a\u202eb\u009b2J","name":"commit"}]}"#);
    }

    #[test]
    fn filter_is_a_level_or_levels_per_part() {
        for text in
            ["info", "WARN", "off", "info,confine_backend=trace", "confine_service::daemon=debug, info"]
        {
            assert!(text.parse::<LogFilter>().is_ok(), "{text}");
        }
        for text in ["", "inof", "info,", "confine_backend", "confine_backend=loud", "info,\u{1b}[31m"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text}");
        }
        insta::assert_snapshot!("inof\n".parse::<LogFilter>().unwrap_err(), @r"`inof\n` is not a log filter: write a level (error, warn, info, debug, trace, off) or levels per part of the program, as in `info,confine_backend=trace`");
    }
}
