//! What the daemon does as OpenTelemetry spans: a commit, what each module runs in it, and every request to
//! the controller, for a collector that speaks OTLP over HTTP.
//!
//! Spans are sent by a thread of their own from a queue that has an end: a collector that is slow or away
//! costs spans, never a commit. What configuration holds is not told, only whose instance it was, who
//! committed and what happened; of events, those that are in the log by default.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use confine_sandbox::text::line;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData},
};
use serde::Deserialize;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// How the program is known to the collector.
const SERVICE: &str = "confine";

/// What the collector may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the daemon's end may take longer for the last spans.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// What a message shows of a text, in bytes.
const NAME: usize = 200;

/// Where a collector takes spans: an address that starts with `http://`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct CollectorAddress(String);

/// A text that is no collector's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not where a collector takes spans: write `http://HOST:PORT/v1/traces` (there is no TLS here: have a collector on this machine, which can pass them on)",
    line(.0, NAME)
)]
pub(crate) struct CollectorAddressError(String);

impl FromStr for CollectorAddress {
    type Err = CollectorAddressError;

    fn from_str(text: &str) -> Result<Self, CollectorAddressError> {
        let after = text.strip_prefix("http://").unwrap_or_default();
        let host = after.split(['/', '?', '#']).next().unwrap_or_default();
        let is_clean = text.chars().all(|c| c.is_ascii_graphic()) && !host.contains('@');
        if host.is_empty() || !is_clean {
            return Err(CollectorAddressError(text.into()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for CollectorAddress {
    type Error = CollectorAddressError;

    fn try_from(text: String) -> Result<Self, CollectorAddressError> {
        text.parse()
    }
}

impl fmt::Display for CollectorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Sends the last spans when it is dropped.
#[must_use]
pub(crate) struct TraceExport(SdkTracerProvider);

impl Drop for TraceExport {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.0.shutdown_with_timeout(LAST_PATIENCE);
    }
}

/// From now on, spans go to the collector.
pub(crate) fn export<S>(
    collector: &CollectorAddress,
) -> Result<(impl Layer<S> + Send + Sync, TraceExport), ExporterBuildError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&collector.0)
        .with_timeout(PATIENCE)
        .build()?;
    let exporter = ExportHealth { exporter, collector: collector.clone(), fails: AtomicBool::new(false) };
    let resource = Resource::builder().with_service_name(SERVICE).with_attribute(version());
    let provider =
        SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE));
    Ok((layer.with_filter(filter_fn(is_told)), TraceExport(provider)))
}

fn version() -> opentelemetry::KeyValue {
    opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))
}

/// Our own spans, and our own events as far as they are in the log by default.
fn is_told(metadata: &Metadata<'_>) -> bool {
    let is_ours = metadata.target().starts_with("confine") || metadata.target() == "audit";
    is_ours && (metadata.is_span() || *metadata.level() <= Level::INFO)
}

/// Tells when the collector stops taking spans, and when it takes them again: once each.
#[derive(Debug)]
struct ExportHealth {
    exporter: SpanExporter,
    collector: CollectorAddress,
    fails: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for ExportHealth {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        let failed = self.fails.swap(exported.is_err(), Ordering::Relaxed);
        match &exported {
            Err(error) if !failed => {
                let error = line(&error.to_string(), NAME);
                tracing::warn!(collector = %self.collector, spans, error, "The collector takes no spans: they are lost until it does");
            }
            Ok(()) if failed => {
                tracing::info!(collector = %self.collector, "The collector takes spans again")
            }
            _ => {}
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_without_tls() {
        for text in ["http://127.0.0.1:4318/v1/traces", "http://[::1]:4318", "http://collector/v1/traces"] {
            assert_eq!(text.parse::<CollectorAddress>().unwrap().to_string(), text);
        }
        for text in ["", "127.0.0.1:4318", "http://", "http:///v1", "http://user:secret@host/", "http://a b/"]
        {
            assert!(text.parse::<CollectorAddress>().is_err(), "{text}");
        }
        insta::assert_snapshot!("https://collector:4318/v1/traces".parse::<CollectorAddress>().unwrap_err(), @"`https://collector:4318/v1/traces` is not where a collector takes spans: write `http://HOST:PORT/v1/traces` (there is no TLS here: have a collector on this machine, which can pass them on)");
    }
}
