//! OpenTelemetry spans of commits, of the runs of modules in them, and of every request to the controller, for a
//! collector that speaks OTLP over HTTP.
//!
//! A thread of its own sends the spans from a bounded queue: a collector that is slow or away costs spans, never a
//! commit. Spans have no configuration data, only the instance, the committing user and the outcome; events are those
//! of the default log level.

use std::{
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
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::address::CollectorAddress;

/// The name of this program for the collector.
const SERVICE: &str = "confine";

/// How long the collector may take to answer.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the exit of the daemon waits for the last spans.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The most that a message shows of a text, in bytes.
const SHOWN: usize = 200;

/// Sends the last spans when it is dropped.
#[must_use]
pub(crate) struct TraceExport(SdkTracerProvider);

impl Drop for TraceExport {
    fn drop(&mut self) {
        // The log has ended: there is nowhere to report a failure.
        let _ = self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
    }
}

/// Sends spans to the collector, until the returned value is dropped.
pub(crate) fn export<S>(
    collector: &CollectorAddress,
) -> Result<(impl Layer<S> + Send + Sync, TraceExport), ExporterBuildError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(collector.as_ref())
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let exporter = ExportHealth { exporter, collector: collector.clone(), fails: AtomicBool::new(false) };
    let resource = Resource::builder().with_service_name(SERVICE).with_attribute(version());
    let provider =
        SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SERVICE));
    Ok((layer.with_filter(filter_fn(is_exported)), TraceExport(provider)))
}

fn version() -> opentelemetry::KeyValue {
    opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))
}

/// Confine's own spans, and its own events up to the default log level.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    let is_ours = metadata.target().starts_with("confine") || metadata.target() == "audit";
    is_ours && (metadata.is_span() || *metadata.level() <= Level::INFO)
}

/// Logs once when the collector stops accepting spans, and once when it accepts them again.
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
                let error = line(&error.to_string(), SHOWN);
                tracing::warn!(collector = %self.collector, spans, error, "the collector rejects spans: dropping them");
            }
            Ok(()) if failed => {
                tracing::info!(collector = %self.collector, "the collector accepts spans again")
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
