//! Instances of two services own one object only if the operator says so, where their modules do not.

use confine_author::CommitEnd;
use confine_backend::{ActionsMode, PushMode};
use confine_controller::Datastore;
use confine_service::ModuleLibrary;
use confine_test_support::{
    guests::guest_of_version,
    testbed::{between, probe, removed, services, succeeded},
};

use super::{
    guest::{Description, Guest, OK},
    hot_swap::{WatchedTestbed, library},
    serving::directory,
};

const BANNER: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner";

/// The description of a module that serves these lists.
fn serving(services: &'static [&'static str]) -> Description<'static> {
    let prefixes = &[("p", "urn:example:probe"), ("oc-sys", "http://openconfig.net/yang/system")];
    Description { services, version: "1", prefixes, reads: &[] }
}

/// A module that sets the banner to `shared`.
fn setting_the_banner(services: &'static [&'static str]) -> Guest {
    let set = "(call $set (local.get $view) (global.get $path) (global.get $path.len)
            (global.get $value) (global.get $value.len) (global.get $scratch))
        (if (i32.load8_u (global.get $scratch)) (then unreachable))";
    Guest::new()
        .description(serving(services))
        .writes(&["/devices/device/config/oc-sys:system/config/login-banner"])
        .text("path", BANNER)
        .text("value", "shared")
        .apply(&format!("{set} {OK}"))
}

/// A module of the service `pair`.
fn pairs() -> Guest {
    setting_the_banner(&["p:pair[left][right]"])
}

/// Starts a daemon with a module for each of the services `probe` and `pair`, where the operator lets these lists share.
async fn sharing(lists: &[(&str, &str)]) -> WatchedTestbed {
    let second = guest_of_version("second", "00001").await.unwrap();
    let top = directory(&[("pairs", &pairs().build()), ("second", &second)]);
    let shares_with = lists.iter().map(|&(list, other)| (list.to_owned(), [other.to_owned()].into()));
    let library = ModuleLibrary { shares_with: shares_with.collect(), ..library(top.path()) };
    WatchedTestbed::open_with(top, library).await
}

/// An instance of `probe` that sets the banner, too.
fn of_probe() -> String {
    probe("a", &[], &[&format!("set {BANNER} shared")])
}

fn of_pair(operation: &str) -> String {
    format!(
        "<pair xmlns='urn:example:probe' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
         nc:operation='{operation}'><left>l</left><right>r</right></pair>"
    )
}

async fn commit(testbed: &mut WatchedTestbed, instances: &str) -> CommitEnd {
    testbed.base.edit(&services(instances)).await.unwrap();
    testbed.base.commit(PushMode::Commit, ActionsMode::Change).await.unwrap()
}

fn device(testbed: &WatchedTestbed) -> String {
    testbed.base.controller().device("openconfig1").unwrap()
}

/// Returns what all `created` lists in `running` name.
fn created(testbed: &WatchedTestbed) -> Vec<String> {
    let running = testbed.base.controller().datastore(Datastore::Running).unwrap();
    let paths = running.split("<path>").skip(1).map(|rest| between(rest, "", "</path>"));
    let mut paths: Vec<_> =
        paths.map(|path| path.replace("/devices/device[name=\"openconfig1\"]/config", "…")).collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_lets_two_services_own_one_object() {
    let (probe, pair) = ((of_probe(), removed("a")), (of_pair("merge"), of_pair("remove")));
    // It does not matter which of the two lists names the other, nor which is committed or deleted first.
    for (lists, first, second) in [(("probe", "pair"), &probe, &pair), (("pair", "probe"), &pair, &probe)] {
        let mut testbed = sharing(&[lists]).await;
        let untouched = device(&testbed);
        succeeded(&commit(&mut testbed, &first.0).await);
        let made = device(&testbed);
        assert!(made.contains("<login-banner>shared<"), "{made}");
        succeeded(&commit(&mut testbed, &second.0).await);
        let banner = "…/system/config/login-banner";
        assert_eq!(created(&testbed), [banner.to_owned(), format!("{banner}[false()]")]);

        succeeded(&commit(&mut testbed, &first.1).await);
        assert_eq!(device(&testbed), made);
        assert_eq!(created(&testbed), [banner]);
        succeeded(&commit(&mut testbed, &second.1).await);
        assert_eq!(device(&testbed), untouched);
        testbed.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_do_not_share_without_the_setting() {
    let mut testbed = sharing(&[("probe", "other"), ("other", "pair")]).await;
    let untouched = device(&testbed);
    succeeded(&commit(&mut testbed, &of_probe()).await);
    let made = device(&testbed);
    let committed = commit(&mut testbed, &of_pair("merge")).await;
    assert!(!committed.succeeded());
    insta::assert_snapshot!(committed.reason(), @r#"
    conflict: `pair[left='l'][right='r']` creates `/devices/device[name="openconfig1"]/config/system/config/login-banner`, which `probe[name='a']` of another service owns
    hint: let only one of the services create it; or let both own it, with `shares_with = ["probe"]` in `[service.pair]` in confine.toml, or with the other's list as `shares-with` in the options of the description of each module
    "#);
    assert_eq!(device(&testbed), made);
    testbed.base.discard().await.unwrap();
    // The owner is not kept from being deleted.
    succeeded(&commit(&mut testbed, &removed("a")).await);
    assert_eq!(device(&testbed), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_module_has_no_say_about_sharing() {
    let pairs = pairs().option("shares-with", "p:probe").build();
    let probes = setting_the_banner(&["p:probe"]).option("shares-with", "p:pair").build();
    let silent = Guest::new().description(serving(&["p:probe"])).apply(OK).build();
    let top = directory(&[("pairs", &pairs), ("probes", &probes), ("silent", &silent)]);
    let services = [("probe".to_owned(), ["probes", "silent"].map(str::to_owned).into())];
    let library = ModuleLibrary { services: services.into(), ..library(top.path()) };
    let mut testbed = WatchedTestbed::open_with(top, library).await;
    succeeded(&commit(&mut testbed, &probe("a", &[], &[])).await);
    let refused = commit(&mut testbed, &of_pair("merge")).await;
    assert!(refused.reason().contains("of another service owns"), "{}", refused.reason());
    testbed.base.discard().await.unwrap();
    testbed.host.modules().disable("silent").await.unwrap();
    succeeded(&commit(&mut testbed, &of_pair("merge")).await);
    assert_eq!(created(&testbed).len(), 2);
    testbed.close().await;
}
