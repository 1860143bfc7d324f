//! What modules may read, and what is requested of the controller for it.

use std::collections::HashSet;

use confine_sandbox::Limits;
use confine_service::{HostOptions, ModulePolicy};
use confine_test_support::{
    guests::guests_with,
    testbed::{DaemonTestbed, between, probe, replaced, succeeded},
};

const HOSTNAME: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/hostname";
const ADDRESS: &str = "/devices/device[name='openconfig1']/addr";

/// Returns the requests for configuration of `actions` since the last call, each as its XPath expression.
fn reads(testbed: &DaemonTestbed) -> Vec<String> {
    let requests = testbed.tap.take().into_iter();
    let reads = requests.filter(|request| request.contains("<get-config>") && request.contains("<actions"));
    reads.map(|request| between(&request, "select=\"", "\"").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn undeclared_read_fails_the_commit_with_the_line_to_add() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let committed = testbed.commit(&probe("a", &[&format!("count 1 {ADDRESS}")], &[])).await;
    assert!(!committed.succeeded());
    insta::assert_snapshot!(committed.reason(), @"
    module `probe` 0.1.0, instance `probe[name='a']`: access denied: read of `/devices/device[name='openconfig1']/addr`: the description of module `probe` does not declare it (access-denied, at `/devices/device[name='openconfig1']/addr`)
    hint: add `/devices/device/addr` to `reads` there
    ");
    // The other module of the service declares it.
    testbed.base.discard().await.unwrap();
    succeeded(&testbed.commit(&probe("a", &[], &[&format!("count 1 {ADDRESS}")])).await);
}

/// The module `second` may read everything of every device, and reads little of it.
#[tokio::test(flavor = "multi_thread")]
async fn broad_declaration_is_not_read_in_advance() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let does = format!("expect {HOSTNAME} openconfig1");
    succeeded(&testbed.commit(&probe("a", &[], &[&does])).await);
    let first = reads(&testbed);
    insta::assert_snapshot!(first.join("\n"), @"
    /ctrl:devices/ctrl:device/ctrl:name | /ctrl:services/n2:probe[n2:name=&apos;a&apos;]/*
    /ctrl:devices/ctrl:device[ctrl:name=&apos;openconfig1&apos;]/ctrl:config/n2:system/n2:config/n2:hostname
    ");
    // What the instance read is read in advance from now on, and not forgotten.
    let mut later = Vec::new();
    for other in ["a", "b", "c"] {
        let changed = format!("absent /devices/device[name='{other}']");
        succeeded(&testbed.commit(&replaced("a", &[&changed], &[&does])).await);
        later.push(reads(&testbed).join("\n"));
    }
    insta::assert_snapshot!(later[0], @"/ctrl:devices/ctrl:device/ctrl:name | /ctrl:services/n2:probe[n2:name=&apos;a&apos;]/* | /ctrl:devices/ctrl:device[ctrl:name=&apos;openconfig1&apos;]/ctrl:config/n3:system/n3:config/n3:hostname");
    assert_eq!((&later[1], &later[2]), (&later[0], &later[0]));
    // Then it reads something else.
    succeeded(&testbed.commit(&replaced("a", &[], &[&format!("count 1 {ADDRESS}")])).await);
    insta::assert_snapshot!(reads(&testbed).join("\n"), @"
    /ctrl:devices/ctrl:device/ctrl:name | /ctrl:services/n2:probe[n2:name=&apos;a&apos;]/* | /ctrl:devices/ctrl:device[ctrl:name=&apos;openconfig1&apos;]/ctrl:config/n3:system/n3:config/n3:hostname
    /ctrl:devices/ctrl:device[ctrl:name=&apos;openconfig1&apos;]/ctrl:addr
    ");
}

/// The operator lets a module read what it does not declare, until its author adds it.
#[tokio::test(flavor = "multi_thread")]
async fn operator_may_permit_undeclared_reads_of_a_module() {
    let undeclared_reads = HashSet::from(["probe".to_owned()]);
    let policy = ModulePolicy { undeclared_reads, ..ModulePolicy::default() };
    let options = HostOptions { policy, ..HostOptions::default() };
    let services = guests_with(&["probe"], &Limits::default(), options).await.unwrap();
    let mut testbed = DaemonTestbed::start(services, "", "alice").await;
    succeeded(&testbed.commit(&probe("a", &[&format!("count 1 {ADDRESS}")], &[])).await);
    let committed = testbed.commit(&probe("b", &["absent /nacm"], &[])).await;
    assert!(committed.reason().contains("a module reads only `/devices`"), "{}", committed.reason());
}
