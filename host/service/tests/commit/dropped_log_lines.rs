//! Log lines over a module's limit are dropped. The operator sees how many.

use confine_sandbox::{Limits, ScaledLimit};
use confine_service::{Host, status::DroppedLogLines};
use confine_test_support::{
    guests::guests_with_limits,
    testbed::{DaemonTestbed, probe, succeeded},
};

fn dropped(host: &Host) -> Option<u64> {
    let module = host.status().modules.remove(0);
    module.log_dropped.map(|DroppedLogLines { lines, .. }| lines)
}

/// The instances of a commit share the limit, and the last commit that lost lines is the one that is reported.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_log_lines_are_counted_for_the_commit() {
    // Three lines: each counts 16 bytes more than its text.
    let log = ScaledLimit { base: 60, per_instance: 0 };
    let services = guests_with_limits(&["probe"], &Limits { log, ..Limits::default() }).await.unwrap();
    let host = services.host.clone();
    let mut testbed = DaemonTestbed::start(services, "", "alice").await;
    assert_eq!(dropped(&host), None);
    let [a, b] = ["a", "b"].map(|name| probe(name, &["log 100000 four"], &[]));
    succeeded(&testbed.commit(&format!("{a}{b}")).await);
    assert_eq!(dropped(&host), Some(199_997));
    succeeded(&testbed.commit(&probe("c", &["log 3 four"], &[])).await);
    assert_eq!(dropped(&host), Some(199_997));
    succeeded(&testbed.commit(&probe("d", &["log 5 four"], &[])).await);
    assert_eq!(dropped(&host), Some(2));
}
