//! The daemon's spans as a collector receives them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::Stdio,
    sync::mpsc::{Receiver, channel},
};

use confine_backend::{ActionsMode, ConnectOptions, PushMode};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message as _;

use super::common::{
    DaemonProcess, PATIENCE,
    bench_service::{commit, serve_controller},
    serve,
    site::DaemonSite,
};

/// A collector and the requests that it received.
struct Collector {
    address: String,
    requests: Receiver<ExportTraceServiceRequest>,
}

impl Collector {
    /// Answers each request on a connection of its own.
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

    /// Returns the spans up to the first with this name.
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
        Some(Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .iter()
        .map(|attribute| {
            (attribute.key.clone(), shown(attribute.value.clone().and_then(|value| value.value)))
        })
        .collect()
}

/// Returns a span and its parents, each with its attributes.
fn path(span: &Span, spans: &[Span]) -> String {
    let own: String = attributes(&span.attributes)
        .iter()
        .filter(|(key, _)| {
            ["tid", "user", "module", "instance", "entry", "failed", "operation"].contains(&&***key)
        })
        .map(|(key, value)| format!(" {key}={value}"))
        .collect();
    let parent = spans.iter().find(|other| other.span_id == span.parent_span_id);
    let above = parent.map_or(String::new(), |parent| path(parent, spans) + " > ");
    format!("{above}{}{own}", span.name)
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_with_modules_and_requests_is_one_trace() {
    let collector = Collector::start();
    let mut site = DaemonSite::new().await;
    let config = site.path("confine.toml");
    let settings = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{settings}[traces]\ncollector = '{}'\n", collector.address)).unwrap();
    let served = site.serve();
    let hostname = "/devices/device[name='openconfig1']/config/oc-sys:system/config/hostname";
    site.edit(&[&format!("expect {hostname} of-another")]).await;
    let committed = site.base.commit(PushMode::Commit, ActionsMode::Change).await.unwrap();
    assert!(!committed.succeeded());

    // On exit the rest is sent.
    assert_eq!(served.daemon.terminate(), Some(0));
    let spans = collector.spans_until("commit");
    let commit = spans.iter().find(|span| span.name == "commit").unwrap();
    let ended = commit.events.last().unwrap();
    assert_eq!(ended.name, "commit failed");
    let error = &attributes(&ended.attributes)["error"];
    assert!(error.contains("openconfig1"), "{error}");
    let module = spans.iter().find(|span| span.name == "module").unwrap();
    assert!(attributes(&module.attributes)["fuel"].parse::<u64>().unwrap() > 0);
    let host = confine_backend::process_user().unwrap();
    let of_commit = spans.iter().filter(|span| span.trace_id == commit.trace_id);
    let paths: BTreeSet<String> = of_commit
        .map(|span| path(span, &spans).replace(&format!("user={host}"), "user=HOST"))
        .map(|path| path.replace(&format!("tid={}", committed.transaction.tid), "tid=TID"))
        .collect();
    insta::assert_snapshot!(paths.into_iter().collect::<Vec<_>>().join("\n"), @r"
    commit tid=TID user=alice
    commit tid=TID user=alice > module entry=apply failed=true instance=probe[name='a'] module=probe 0.1.0
    commit tid=TID user=alice > module entry=apply failed=true instance=probe[name='a'] module=probe 0.1.0 > request operation=get-config user=alice
    commit tid=TID user=alice > request operation=get user=HOST
    commit tid=TID user=alice > request operation=get-config user=HOST
    commit tid=TID user=alice > request operation=get-config user=alice
    commit tid=TID user=alice > request operation=transaction-error user=HOST
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_collector_is_reported_and_delays_no_commit() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    serve_controller(&here.join("controller.sock"));
    // The port may be free or used by another program: neither is a collector.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fs::write(here.join("confine.toml"), format!("[traces]\ncollector = 'http://{nobody}/'\n")).unwrap();
    let mut command = serve(here);
    let mut daemon =
        DaemonProcess::start(command.env("OTEL_BSP_SCHEDULE_DELAY", "50").stderr(Stdio::piped()));
    let lines = daemon.errors();
    lines.wait_for("serving the controller");
    let transaction = commit(&ConnectOptions::new(here.join("controller.sock")).unwrap()).await;
    assert!(transaction.reason.unwrap().contains("no module serves `bench`"));
    lines.wait_for("the collector rejects spans: dropping them");
    assert_eq!(daemon.terminate(), Some(0));
}
