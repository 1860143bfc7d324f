//! Access control never removes anything from a device: where it hides what decides about that, the commit fails.

use std::time::Duration;

use confine_author::CommitEnd;
use confine_backend::ActionsMode;
use confine_test_support::{
    guests::guests,
    testbed::{self, DaemonTestbed, removed, replaced, succeeded},
};

/// The time between two looks at the status.
const PAUSE: Duration = Duration::from_millis(10);

const CONFIG: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config";

/// Nothing is denied but by these rule-lists. `host` is the user that the daemon connects as.
fn nacm(rule_lists: &str) -> String {
    let host = confine_backend::process_user().unwrap();
    format!(
        "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm' xmlns:c='http://clicon.org/controller' \
         xmlns:p='urn:example:probe' xmlns:oc-sys='http://openconfig.net/yang/system'>\
         <write-default>permit</write-default><groups><group><name>hosts</name><user-name>{host}</user-name></group>\
         <group><name>users</name><user-name>alice</user-name></group></groups>\
         <rule-list><name>hosts</name><group>hosts</group><rule><name>all</name><action>permit</action></rule></rule-list>\
         {rule_lists}</nacm>"
    )
}

/// Denies a group to read something.
fn hidden_from(group: &str, path: &str) -> String {
    let list = format!(
        "<rule-list><name>{group}</name><group>{group}</group><rule><name>hide</name><path>{path}</path>\
         <access-operations>read</access-operations><action>deny</action></rule></rule-list>"
    );
    nacm(&list)
}

fn banner(leaf: &str) -> String {
    format!("set {CONFIG}/{leaf}-banner hello")
}

/// Starts a testbed in which the instance `a` has set both banners of the device.
async fn with_banners() -> DaemonTestbed {
    let services = guests(&["probe", "second"]).await.unwrap();
    let mut testbed = DaemonTestbed::start(services, &nacm(""), "alice").await;
    succeeded(&testbed.commit(&testbed::probe("a", &[&banner("login"), &banner("motd")], &[])).await);
    testbed
}

/// Replaces the rules of the controller.
async fn set_rules(testbed: &mut DaemonTestbed, nacm: &str) {
    let replace = "<nacm xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='replace'";
    testbed.change_elsewhere(&nacm.replacen("<nacm", replace, 1)).await;
}

/// Commits the instance `a` with these lines, which must fail and change nothing. Returns why.
async fn refused(testbed: &mut DaemonTestbed, does: &[&str]) -> String {
    let before = testbed.device();
    let committed = testbed.commit(&replaced("a", does, &[])).await;
    let reason = failed(&committed);
    assert_eq!(testbed.device(), before);
    testbed.base.discard().await.unwrap();
    reason
}

#[track_caller]
fn failed(committed: &CommitEnd) -> String {
    assert!(!committed.succeeded(), "the commit has succeeded");
    committed.reason().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn module_that_does_not_see_its_instance_does_not_run() {
    let mut testbed = with_banners().await;
    let mut reasons = Vec::new();
    for path in [
        // The quote makes the path unreadable, so it may mean anything.
        "/c:devices/c:device/c:config/oc-sys:system\"",
        "/c:services",
        "/c:services/p:probe",
        "/c:services/p:probe[p:name='a']",
        "/c:services/p:probe/p:do",
        "/c:services/p:probe/p:name",
    ] {
        set_rules(&mut testbed, &hidden_from("modules", path)).await;
        let reason = refused(&mut testbed, &[&banner("login"), &banner("motd"), "log 1 x"]).await;
        reasons.push(reason.lines().next().unwrap().to_owned());
        // What the notification names in vain.
        failed(&testbed.push(ActionsMode::Force(None)).await);
        set_rules(&mut testbed, &nacm("")).await;
    }
    insta::assert_snapshot!(reasons.join("\n"), @r#"
        access denied: module `probe` may not read `/services/probe[name='a']`, and would run for `probe[name='a']` without it: rule `hide` of rule-list `modules` in `/nacm` denies it
        access denied: module `probe` may not read `/services/probe[name='a']`, and would run for `probe[name='a']` without it: rule `hide` of rule-list `modules` in `/nacm` denies it
        access denied: module `probe` may not read `/services/probe[name='a']`, and would run for `probe[name='a']` without it: rule `hide` of rule-list `modules` in `/nacm` denies it
        access denied: module `probe` may not read `/services/probe[name='a']`, and would run for `probe[name='a']` without it: rule `hide` of rule-list `modules` in `/nacm` denies it
        access denied: module `probe` may not read `/services/probe[name='a']/do[.="set /devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner hello"]`, and would run for `probe[name='a']` without it: rule `hide` of rule-list `modules` in `/nacm` denies it
        access denied: module `probe` may not read `/services/probe[name='a']`, and would run for `probe[name='a']` without it: rule `hide` of rule-list `modules` in `/nacm` denies it
        "#);
    // Nothing of the other instance is hidden.
    set_rules(&mut testbed, &hidden_from("modules", "/c:services/p:probe[p:name='b']")).await;
    succeeded(&testbed.commit(&replaced("a", &[&banner("login")], &[])).await);
    assert!(!testbed.device().contains("motd-banner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn object_hidden_from_its_module_is_not_lost() {
    let mut testbed = with_banners().await;
    for path in [
        "/c:devices",
        "/c:devices/c:device[c:name='openconfig1']",
        "/c:devices/c:device/c:config/oc-sys:system/oc-sys:config/oc-sys:motd-banner",
    ] {
        set_rules(&mut testbed, &hidden_from("modules", path)).await;
        let reason = refused(&mut testbed, &[&banner("login")]).await;
        insta::allow_duplicates! { insta::assert_snapshot!(reason, @"
        access denied: module `probe` may not read `/devices/device[name='openconfig1']/config/system/config/motd-banner`, which `probe[name='a']` had created and would lose: rule `hide` of rule-list `modules` in `/nacm` denies it
        hint: a rule before it that permits `read` there to the group `module:probe` would allow it
        ") };
        set_rules(&mut testbed, &nacm("")).await;
    }
    // What is hidden and stays, or is not hidden and goes.
    let motd = "/c:devices/c:device/c:config/oc-sys:system/oc-sys:config/oc-sys:motd-banner";
    set_rules(&mut testbed, &hidden_from("modules", motd)).await;
    succeeded(&testbed.commit(&replaced("a", &[&banner("motd")], &[])).await);
    assert!(testbed.device().contains("motd-banner") && !testbed.device().contains("login-banner"));
    // A deleted instance runs no module.
    succeeded(&testbed.commit(&removed("a")).await);
    assert!(!testbed.device().contains("banner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_because_a_read_came_back_empty() {
    let mut testbed = with_banners().await;
    let hostname = format!("if {CONFIG}/hostname {}", banner("motd"));
    succeeded(&testbed.commit(&replaced("a", &[&banner("login"), &hostname], &[])).await);
    let path = "/c:devices/c:device/c:config/oc-sys:system/oc-sys:config/oc-sys:hostname";
    set_rules(&mut testbed, &hidden_from("modules", path)).await;
    insta::assert_snapshot!(refused(&mut testbed, &[&banner("login"), &hostname, "log 1 x"]).await, @"
    access denied: module `probe` may not read `/devices/device[name='openconfig1']/config/system/config/hostname`, and `probe[name='a']` would lose `/devices/device[name='openconfig1']/config/system/config/motd-banner`, which it had created: rule `hide` of rule-list `modules` in `/nacm` denies it
    hint: a rule before it that permits `read` there to the group `module:probe` would allow it
    ");
    // As long as nothing is lost, a hidden node is absent.
    succeeded(&testbed.commit(&replaced("a", &[&banner("login"), &banner("motd"), &hostname], &[])).await);

    // A module that goes on after a refused read.
    set_rules(&mut testbed, &nacm("")).await;
    let address = format!("try if /devices/device[name='openconfig1']/addr {}", banner("motd"));
    insta::assert_snapshot!(refused(&mut testbed, &[&banner("login"), &address]).await, @"access denied: module `probe` may not read `/devices/device/addr`, and `probe[name='a']` would lose `/devices/device[name='openconfig1']/config/system/config/motd-banner`, which it had created: the module's description does not declare that it reads it");
    succeeded(&testbed.commit(&replaced("a", &[&banner("login"), &banner("motd"), &address], &[])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_because_a_read_came_back_in_part() {
    let interfaces = "/devices/device[name='openconfig1']/config/oc-if:interfaces/interface";
    let (login, motd) = (banner("login"), banner("motd"));
    for read in [format!("try count 0 {interfaces}"), format!("try count 0 {interfaces}/config/name")] {
        let mut testbed = with_banners().await;
        let interface = testbed::interface("hidden");
        let [first, second] = testbed::interface("seen");
        succeeded(
            &testbed
                .commit(&testbed::probe("b", &[&interface[0], &interface[1], &first, &second], &[]))
                .await,
        );
        succeeded(&testbed.commit(&replaced("a", &[&login, &motd, &read], &[])).await);
        // A rule comes that hides one of several.
        let path = "/c:devices/c:device/c:config/oc-if:interfaces/oc-if:interface[oc-if:name='hidden']";
        let rule = hidden_from("modules", path).replacen(
            "<nacm",
            "<nacm xmlns:oc-if='http://openconfig.net/yang/interfaces'",
            1,
        );
        set_rules(&mut testbed, &rule).await;
        let reason = refused(&mut testbed, &[&login, &read]).await;
        let hidden = format!("{}[name='hidden']", interfaces.replace("oc-if:", ""));
        let reason = reason.replace(&hidden, "HIDDEN").replace("HIDDEN/config/name", "HIDDEN");
        insta::allow_duplicates! { insta::assert_snapshot!(reason, @"
        access denied: module `probe` may not read `HIDDEN`, and `probe[name='a']` would lose `/devices/device[name='openconfig1']/config/system/config/motd-banner`, which it had created: rule `hide` of rule-list `modules` in `/nacm` denies it
        hint: a rule before it that permits `read` there to the group `module:probe` would allow it
        "); }
        // What a run that lost nothing did not see either is not why something goes.
        succeeded(&testbed.commit(&replaced("a", &[&login, &motd, &read, "log 1 x"], &[])).await);
        succeeded(&testbed.commit(&replaced("a", &[&login, &read], &[])).await);
        assert!(testbed.device().contains("login-banner") && !testbed.device().contains("motd-banner"));
        // That something is there is seen as long as one of several is.
        let exists = format!("if {interfaces}/config log 1 x");
        succeeded(&testbed.commit(&replaced("a", &[&login, &motd, &exists], &[])).await);
        testbed.restart().await;
        succeeded(&testbed.commit(&replaced("a", &[&login, &exists], &[])).await);
        succeeded(&testbed.commit(&replaced("a", &[&login, &read], &[])).await);
        // Nothing is known of earlier runs after a restart.
        testbed.restart().await;
        assert!(refused(&mut testbed, &[&read]).await.contains("rule `hide`"));
        succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='a']"))).await);
        succeeded(&testbed.commit(&replaced("a", &[&read], &[])).await);
        assert!(!testbed.device().contains("banner"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_that_the_user_sees_in_part_does_not_run() {
    let mut testbed = with_banners().await;
    set_rules(&mut testbed, &hidden_from("users", "/c:services/p:probe/p:also")).await;
    // Nothing of the kind is there yet.
    succeeded(&testbed.commit(&replaced("a", &[&banner("login"), &banner("motd"), "log 1 x"], &[])).await);
    set_rules(&mut testbed, &nacm("")).await;
    succeeded(&testbed.commit(&testbed::probe("a", &[], &["log 1 y"])).await);
    set_rules(&mut testbed, &hidden_from("users", "/c:services/p:probe/p:also")).await;
    let before = testbed.device();
    let committed = testbed.commit(&testbed::probe("a", &["log 2 x"], &[])).await;
    insta::assert_snapshot!(failed(&committed), @"
    `alice` may not read `/services/probe[name='a']/also[.='log 1 y']`
    hint: permit it with a rule in `/nacm`, or commit as another user
    ");
    assert_eq!(testbed.device(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_hidden_from_the_user_is_not_lost() {
    let mut testbed = with_banners().await;
    let path = "/c:devices/c:device/c:config/oc-sys:system/oc-sys:config/oc-sys:motd-banner";
    set_rules(&mut testbed, &hidden_from("users", path)).await;
    insta::assert_snapshot!(refused(&mut testbed, &[&banner("login")]).await, @"
    access denied: `alice` may not read `/devices/device[name='openconfig1']/config/system/config/motd-banner`, which `probe[name='a']` had created and would lose: rule `hide` of rule-list `users`
    hint: permit it with a rule in `/nacm`, or commit as another user
    ");
    // If it is gone already, nothing is lost.
    let gone = "<devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
         <system xmlns='http://openconfig.net/yang/system'><config><motd-banner \
         xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove'/></config></system></config></device></devices>";
    testbed.change_elsewhere(gone).await;
    succeeded(&testbed.commit(&replaced("a", &[&banner("login")], &[])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_that_does_not_work_is_in_the_status() {
    let services = guests(&["probe"]).await.unwrap();
    let host = services.host.clone();
    let mut testbed = DaemonTestbed::start(services, &nacm(""), "alice").await;
    let list = |rules: &[(&str, &str, &str)]| {
        let rules = rules.iter().map(|(name, path, action)| {
            format!("<rule><name>{name}</name><path>{path}</path><action>{action}</action></rule>")
        });
        let rules: String = rules.collect();
        nacm(&format!("<rule-list><name>modules</name><group>modules</group>{rules}</rule-list>"))
    };
    let works = ("works", "/c:devices/c:device/c:config/oc-sys:system/oc-sys:clock", "deny");
    set_rules(
        &mut testbed,
        &list(&[works, ("quote", "/c:devices\"", "permit"), ("prefix", "/c:devices/x:y", "permit")]),
    )
    .await;
    succeeded(&testbed.commit(&testbed::probe("a", &["log 1 x"], &[])).await);
    let mut broken = Vec::new();
    while broken.is_empty() {
        tokio::time::sleep(PAUSE).await;
        broken = host.status().broken_rules;
    }
    let shown: Vec<String> = broken
        .iter()
        .map(|rule| format!("{} {} {}: {}", rule.source, rule.rule_list, rule.rule, rule.problem))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    `/nacm` modules quote: its path is not an instance-identifier (the path `/c:devices"` cannot be read at character 11: `"` is unexpected here: a step is followed by `/`, `[` or the end of the path): it permits nothing
    `/nacm` modules prefix: the prefix `x` in its path `/c:devices/x:y` is neither declared nor that of a known YANG module: it permits nothing
    "#);
    // It is mended.
    set_rules(&mut testbed, &list(&[works])).await;
    succeeded(&testbed.commit(&testbed::probe("a", &["log 1 y"], &[])).await);
    while !host.status().broken_rules.is_empty() {
        tokio::time::sleep(PAUSE).await;
    }
}
