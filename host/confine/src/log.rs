//! Where log lines go, and which.
//!
//! The daemon must never wait for whoever reads its log: a terminal that is stopped with ctrl-s or a log
//! daemon that hangs would keep it from draining the controller's socket, and that stops the controller.
//! So lines for a stream are written by a thread of their own, lines for syslog are sent without waiting,
//! and what finds no room is lost.
//!
//! Which lines there are can be changed while the daemon runs ([`LogLevels`]).

mod syslog;

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
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

use self::syslog::Syslog;
use crate::traces::{self, CollectorAddress, TraceExport};

/// Lines that may wait to be written. More are lost.
const WAITING: usize = 16_384;

/// How a program is known to syslog and to the journal.
const IDENTIFIER: &str = "confine";

/// What a message shows of a text, in bytes.
const NAME: usize = 100;

/// What shows the messages that are exchanged with the controller (see `confine-netconf`).
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
    /// The system's log, through `/dev/log`
    Syslog,
    /// The journal of systemd, with all fields
    Journald,
}

/// What log lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// A line for a person
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

/// Which log lines there are: a level, or levels by part of the program, as in
/// `info,confine_backend=trace`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LogFilter(String);

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` does not say what to log: write a level (error, warn, info, debug, trace, off) or levels by part of the program, as in `info,confine_backend=trace`",
    line(.0, NAME)
)]
pub(crate) struct LogFilterError(String);

/// Why there can be no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("the journal cannot be reached\nhint: log to `syslog` or to `stderr` where there is no systemd")]
    Journal(#[source] io::Error),
    #[error("syslog cannot be used")]
    Syslog(#[source] io::Error),
    #[error("spans cannot be sent to `{collector}`")]
    Traces { collector: CollectorAddress, source: opentelemetry_otlp::ExporterBuildError },
}

/// Writes and sends what waits for it when it is dropped.
#[must_use]
pub(crate) struct LogGuard {
    _worker: Option<WorkerGuard>,
    _exported: Option<TraceExport>,
    levels: LogLevels,
}

/// Which log lines there are, from now on.
#[derive(Clone)]
pub(crate) struct LogLevels {
    handle: reload::Handle<Targets, Registry>,
    filter: Arc<Mutex<LogFilter>>,
}

impl LogGuard {
    /// What changes it.
    pub(crate) fn levels(&self) -> LogLevels {
        self.levels.clone()
    }
}

impl LogLevels {
    /// What is logged now.
    pub(crate) fn filter(&self) -> LogFilter {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on, this is logged.
    pub(crate) fn change(&self, filter: LogFilter) {
        let mut current = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to log for if the subscriber is gone.
        if self.handle.reload(filter.targets()).is_ok() {
            *current = filter;
        }
    }
}

impl LogFilter {
    /// Everything that helps to find a fault.
    pub(crate) fn debug() -> Self {
        Self("debug".into())
    }

    /// As well as this, the messages that are exchanged with the controller.
    pub(crate) fn with_xml(self) -> Self {
        Self(format!("{},{XML}", self.0))
    }

    fn targets(&self) -> Targets {
        // It was parsed before, when it was made.
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
        // A word that stands alone has to be a level. It might be a part of the program too, but a level
        // that is misspelt would turn everything off.
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

impl TryFrom<String> for LogFilter {
    type Error = LogFilterError;

    fn try_from(text: String) -> Result<Self, LogFilterError> {
        text.parse()
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stderr => "stderr",
            Self::Stdout => "stdout",
            Self::Syslog => "syslog",
            Self::Journald => "journald",
        })
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// From now on, what the program does is logged, and its spans go to the collector if there is one.
pub(crate) fn start(
    filter: &LogFilter,
    target: LogTarget,
    format: LogFormat,
    collector: Option<&CollectorAddress>,
) -> Result<LogGuard, LogError> {
    let mut worker = None;
    let layer = match target {
        LogTarget::Stderr => {
            lines(format, io::stderr().is_terminal(), true, aside(io::stderr(), &mut worker))
        }
        LogTarget::Stdout => {
            lines(format, io::stdout().is_terminal(), true, aside(io::stdout(), &mut worker))
        }
        // Who receives it knows what time it is.
        LogTarget::Syslog => lines(format, false, false, Syslog::new().map_err(LogError::Syslog)?),
        LogTarget::Journald => {
            let journal = tracing_journald::layer().map_err(LogError::Journal)?;
            journal.with_syslog_identifier(IDENTIFIER.into()).boxed()
        }
    };
    let (targets, handle) = reload::Layer::new(filter.targets());
    let (spans, exported) = match collector {
        Some(collector) => {
            let failed = |source| LogError::Traces { collector: collector.clone(), source };
            let (spans, exported) = traces::export(collector).map_err(failed)?;
            (Some(spans), Some(exported))
        }
        None => (None, None),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(targets)).with(spans);
    // There is one already only if this is called twice.
    let _ = subscriber.try_init();
    let levels = LogLevels { handle, filter: Arc::new(Mutex::new(filter.clone())) };
    Ok(LogGuard { _worker: worker, _exported: exported, levels })
}

/// A writer that never waits, with a thread that writes.
fn aside(
    stream: impl Write + Send + 'static,
    worker: &mut Option<WorkerGuard>,
) -> tracing_appender::non_blocking::NonBlocking {
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING).thread_name("log");
    let (writer, guard) = builder.finish(stream);
    *worker = Some(guard);
    writer
}

fn lines<W>(
    format: LogFormat,
    coloured: bool,
    timed: bool,
    writer: W,
) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_ansi(coloured).with_writer(writer);
    match (format, timed) {
        (LogFormat::Text, true) => layer.boxed(),
        (LogFormat::Text, false) => layer.without_time().boxed(),
        (LogFormat::Json, true) => layer.json().boxed(),
        (LogFormat::Json, false) => layer.json().without_time().boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_levels_by_part() {
        for text in
            ["info", "WARN", "off", "info,confine_backend=trace", "confine_service::daemon=debug, info"]
        {
            assert!(text.parse::<LogFilter>().is_ok(), "{text}");
        }
        for text in ["", "inof", "info,", "confine_backend", "confine_backend=loud", "info,\u{1b}[31m"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text}");
        }
        insta::assert_snapshot!("inof\n".parse::<LogFilter>().unwrap_err(), @r"`inof\n` does not say what to log: write a level (error, warn, info, debug, trace, off) or levels by part of the program, as in `info,confine_backend=trace`");
    }
}
