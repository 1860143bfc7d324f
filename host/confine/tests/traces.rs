//! The daemon's spans, at a collector.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::Stdio,
    sync::mpsc::{Receiver, channel},
};

use common::{
    Daemon, PATIENCE,
    bench::{commit, serve_controller},
    serve,
};
use confine_backend::Options;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message as _;

/// What a collector was sent, request by request.
struct Collector {
    address: String,
    requests: Receiver<ExportTraceServiceRequest>,
}

impl Collector {
    /// Answers every request, each with a connection of its own.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut length = 0;
                let mut line = String::new();
                while stream.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.get_mut().write_all(answer).unwrap();
                if sender.send(ExportTraceServiceRequest::decode(&*body).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { address, requests }
    }

    /// What comes until there is a span of this name.
    fn spans_until(&self, name: &str) -> Vec<Span> {
        let mut spans = Vec::new();
        while !spans.iter().any(|span: &Span| span.name == name) {
            let request = self.requests.recv_timeout(PATIENCE).unwrap();
            for resource in request.resource_spans {
                let attributes = attributes(&resource.resource.unwrap().attributes);
                assert_eq!(attributes["service.name"], "confine");
                assert_eq!(attributes["service.version"], env!("CARGO_PKG_VERSION"));
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        spans
    }
}

fn attributes(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> BTreeMap<String, String> {
    let shown = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .iter()
        .map(|attribute| {
            (attribute.key.clone(), shown(attribute.value.clone().and_then(|value| value.value)))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_and_its_requests_are_one_trace() {
    let collector = Collector::start();
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    serve_controller(&here.join("controller.sock"));
    fs::write(here.join("confine.toml"), format!("[traces]\ncollector = '{}'\n", collector.address)).unwrap();
    let mut daemon = Daemon::start(serve(here).stderr(Stdio::piped()));
    daemon.errors().wait_for("serving the controller");
    let transaction = commit(&Options::new(here.join("controller.sock")).unwrap()).await;

    // Its end sends what is left.
    assert_eq!(daemon.terminate(), Some(0));
    let spans = collector.spans_until("commit");
    let commit = spans.iter().find(|span| span.name == "commit").unwrap();
    assert_eq!(attributes(&commit.attributes)["tid"], transaction.tid.to_string());
    let ended = commit.events.last().unwrap();
    assert_eq!(ended.name, "commit failed");
    let error = &attributes(&ended.attributes)["error"];
    assert!(error.contains("no module serves `bench`"), "{error}");
    let requests: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "request" && span.trace_id == commit.trace_id)
        .map(|span| attributes(&span.attributes)["operation"].clone())
        .collect();
    assert!(requests.contains(&"transaction-error".to_owned()), "{requests:?}");
    assert!(spans.iter().all(|span| span.trace_id != commit.trace_id
        || span.span_id == commit.span_id
        || span.parent_span_id == commit.span_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_no_commit_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    serve_controller(&here.join("controller.sock"));
    // Was given to nobody else meanwhile, or answers nonsense: both are no collector.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fs::write(here.join("confine.toml"), format!("[traces]\ncollector = 'http://{nobody}/'\n")).unwrap();
    let mut command = serve(here);
    let mut daemon = Daemon::start(command.env("OTEL_BSP_SCHEDULE_DELAY", "50").stderr(Stdio::piped()));
    let lines = daemon.errors();
    lines.wait_for("serving the controller");
    let transaction = commit(&Options::new(here.join("controller.sock")).unwrap()).await;
    assert!(transaction.reason.unwrap().contains("no module serves `bench`"));
    lines.wait_for("The collector takes no spans: they are lost until it does");
    assert_eq!(daemon.terminate(), Some(0));
}
