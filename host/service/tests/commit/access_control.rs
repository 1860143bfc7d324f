//! Access control, from the rules in the controller to the requests that are sent.

use std::{path::Path, time::Duration};

use confine_author::CommitEnd;
use confine_backend::{ActionsMode, ConnectOptions};
use confine_test_support::{
    guests::guests,
    script::{self, Script},
    testbed::{self, DaemonTestbed, between, removed, succeeded},
};
use tokio::net::UnixListener;

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config";

/// The rules of a careful operator: only `alice` and the host user may write.
fn nacm(host: &str, more: &str) -> String {
    format!(
        "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm' xmlns:c='http://clicon.org/controller' \
         xmlns:oc-sys='http://openconfig.net/yang/system'><write-default>deny</write-default>\
         <groups><group><name>hosts</name><user-name>{host}</user-name></group>\
         <group><name>users</name><user-name>alice</user-name></group>\
         <group><name>readers</name><user-name>bob</user-name></group></groups>{more}\
         <rule-list><name>hosts</name><group>hosts</group><rule><name>all</name><action>permit</action></rule></rule-list>\
         <rule-list><name>users</name><group>users</group><rule><name>all</name><action>permit</action></rule></rule-list>\
         <rule-list><name>readers</name><group>readers</group><rule><name>services</name>\
         <path>/c:services</path><action>permit</action></rule></rule-list></nacm>"
    )
}

/// The user of this process, which is the daemon's host user.
fn host() -> String {
    confine_backend::process_user().unwrap()
}

/// Starts a testbed with these rules and this committing user.
async fn begin(nacm: &str, user: &str) -> DaemonTestbed {
    DaemonTestbed::start(guests(&["probe", "second"]).await.unwrap(), nacm, user).await
}

/// An instance of `probe` that executes these lines.
fn probe(name: &str, does: &[&str]) -> String {
    testbed::probe(name, does, &[])
}

fn set(leaf: &str, value: &str) -> String {
    format!("set {SYSTEM}/{leaf} {value}")
}

#[track_caller]
fn failed(committed: &CommitEnd) -> &str {
    assert!(!committed.succeeded());
    committed.reason()
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_user_commits_under_write_default_deny() {
    let mut testbed = begin(&nacm(&host(), ""), "alice").await;
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "hello")])).await);
    assert!(testbed.device().contains("<login-banner>hello</login-banner>"));
    assert_eq!(testbed.created(), ["a: …/system/config/login-banner[false()]"]);
    let edits: Vec<_> =
        testbed.tap.take().into_iter().filter(|sent| sent.contains("<edit-config>")).collect();
    assert_eq!(edits.len(), 1, "{edits:#?}");
    assert!(edits[0].contains("username=\"alice\""), "{}", edits[0]);
    succeeded(&testbed.commit(&removed("a")).await);
    assert!(!testbed.device().contains("login-banner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_user_reads_which_node_and_which_rule() {
    let mut testbed = begin(&nacm(&host(), ""), "bob").await;
    let committed = testbed.commit(&probe("a", &[&set("login-banner", "hello")])).await;
    insta::assert_snapshot!(failed(&committed), @r#"
    access denied: `bob` may not create `/devices/device[name='openconfig1']/config/system/config/login-banner`: no rule permits it, and the default denies
    hint: permit it with a rule in `/nacm`, or commit as another user
    "#);
    assert!(!testbed.device().contains("login-banner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn created_list_denied_to_the_user_is_written_as_host_user() {
    // The user may write devices but not `created` lists.
    let rules = "<rule-list><name>books</name><group>users</group><rule><name>books</name>\
                 <path xmlns:p='urn:example:probe'>/c:services/p:probe/p:created</path><action>deny</action></rule></rule-list>";
    let mut testbed = begin(&nacm(&host(), rules), "alice").await;
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "hello")])).await);
    assert_eq!(testbed.created(), ["a: …/system/config/login-banner[false()]"]);
    let edits: Vec<_> =
        testbed.tap.take().into_iter().filter(|sent| sent.contains("<edit-config>")).collect();
    let users: Vec<&str> = edits.iter().map(|edit| between(edit, "username=\"", "\"")).collect();
    assert_eq!(users, ["alice", "alice", &host()], "{edits:#?}");
    assert!(!edits[1].contains("<created>") && !edits[2].contains("<config><devices"), "{edits:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn module_rule_applies_from_next_commit_without_extra_request() {
    let mut testbed = begin(&nacm(&host(), ""), "alice").await;
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "one")])).await);
    let rule = |action: &str| {
        let list = format!(
            "<rule-list><name>modules</name><group>module:probe</group><rule><name>banners</name>\
             <path>/c:devices/c:device/c:config/oc-sys:system/oc-sys:config/oc-sys:login-banner</path>\
             <access-operations>create update</access-operations><action>{action}</action></rule></rule-list>"
        );
        nacm(&host(), &list)
    };
    testbed.change_elsewhere(&rule("deny")).await;
    let committed = testbed.commit(&probe("a", &[&set("login-banner", "two")])).await;
    assert!(!committed.succeeded());
    insta::assert_snapshot!(committed.reason(), @r#"
    module `probe` 0.1.0, instance `probe[name='a']`: access denied: create of `/devices/device[name='openconfig1']/config/system/config/login-banner`: rule `banners` of rule-list `modules` in `/nacm` denies it (access-denied, at `/devices/device[name='openconfig1']/config/oc-sys:system/config/login-banner`)
    hint: a rule before it that permits `create` there to the group `module:probe` would allow it
    "#);
    assert!(testbed.device().contains("<login-banner>one</login-banner>"));
    testbed.base.discard().await.unwrap();
    testbed.tap.take();

    testbed.change_elsewhere(&rule("permit")).await;
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "two")])).await);
    assert!(testbed.device().contains("<login-banner>two</login-banner>"));
    // The daemon's other requests are for models.
    let sent = testbed.tap.take();
    let about = ["co:transactions", "<running", "<actions", "<edit-config>", "<transaction-actions-done"];
    let from = sent.iter().position(|request| request.contains(about[0])).unwrap();
    let of_commit =
        sent[from..].iter().filter_map(|request| about.iter().find(|text| request.contains(**text)));
    let of_commit: Vec<&str> = of_commit.copied().collect();
    assert_eq!(
        of_commit,
        ["co:transactions", "<running", "<actions", "<actions", "<transaction-actions-done"]
    );
    assert_eq!(sent.iter().filter(|request| request.contains("<edit-config>")).count(), 1);
}

/// Otherwise a node that existed before would be deleted together with the instance.
#[tokio::test(flavor = "multi_thread")]
async fn node_hidden_from_the_user_does_not_count_as_new() {
    let rules = "<rule-list><name>banners</name><group>users</group><rule><name>motd</name>\
                 <path>/c:devices/c:device/c:config/oc-sys:system/oc-sys:config/oc-sys:motd-banner</path>\
                 <access-operations>read</access-operations><action>deny</action></rule></rule-list>";
    let mut testbed = begin(&nacm(&host(), rules), "alice").await;
    let committed =
        testbed.commit(&probe("a", &[&set("login-banner", "one"), &set("motd-banner", "two")])).await;
    insta::assert_snapshot!(failed(&committed), @r"
    access denied: `alice` may not read `/devices/device[name='openconfig1']/config/system/config/motd-banner`, which `probe[name='a']` would create: if it exists already, it would be taken for new and deleted with the instance
    hint: permit reading it with a rule in `/nacm`, or commit as another user
    ");
    assert!(!testbed.device().contains("banner"));
    testbed.base.discard().await.unwrap();
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "one")])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_hidden_by_a_module_rule_is_absent() {
    let rules = "<rule-list><name>modules</name><group>modules</group>\
                 <rule><name>system</name><path>/c:devices/c:device/c:config/oc-sys:system</path>\
                 <access-operations>read</access-operations><action>deny</action></rule>\
                 <rule><name>second</name><path>/c:devices/c:device[c:name='openconfig2']</path>\
                 <action>deny</action></rule></rule-list>";
    let mut testbed = begin(&nacm(&host(), rules), "alice").await;
    let does = [
        format!("absent {SYSTEM}/hostname"),
        "count 1 /devices/device".to_owned(),
        "absent /devices/device[name='openconfig2']".to_owned(),
        "count 2 /devices/device/config/oc-if:interfaces/interface".to_owned(),
    ];
    succeeded(&testbed.commit(&probe("a", &does.each_ref().map(String::as_str))).await);
    let other = "set /devices/device[name='openconfig2']/config/oc-sys:system/config/login-banner x";
    let committed = testbed.commit(&probe("b", &[other])).await;
    assert!(failed(&committed).contains("rule `second` of rule-list `modules`"), "{}", committed.reason());
}

#[tokio::test(flavor = "multi_thread")]
async fn host_user_without_read_of_nacm_runs_no_module() {
    let strict = format!(
        "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm' xmlns:c='http://clicon.org/controller'>\
         <write-default>permit</write-default>\
         <groups><group><name>hosts</name><user-name>{}</user-name></group></groups>\
         <rule-list><name>hosts</name><group>hosts</group><rule><name>rules</name>\
         <path xmlns:n='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'>/n:nacm</path><action>deny</action></rule></rule-list></nacm>",
        host()
    );
    let mut testbed = begin(&strict, "alice").await;
    let committed = testbed.commit(&probe("a", &[&set("login-banner", "hello")])).await;
    insta::assert_snapshot!(failed(&committed).replace(&host(), "HOST"), @r#"
    `HOST` cannot read `/nacm`, so the rules for modules are not known and no module runs
    hint: permit `HOST` to read `/nacm:nacm`; the daemon's log has the rule
    "#);
    assert!(!testbed.device().contains("login-banner"));
}

/// The controller strips with no user, and crashes where that is denied, so nothing is left for it to strip.
#[tokio::test(flavor = "multi_thread")]
async fn user_removes_everything_under_write_default_deny() {
    let mut testbed = begin(&nacm(&host(), ""), "alice").await;
    let untouched = testbed.device();
    let x = testbed::interface("x");
    for name in ["a", "b"] {
        succeeded(&testbed.commit(&probe(name, &[&x[0], &x[1]])).await);
    }
    let marked = |name: &str| format!("{name}: …/interfaces/interface[name=\"x\"][false()]");
    assert_eq!(testbed.created(), [marked("a"), marked("b")]);
    let made = testbed.device();
    for force in [None, Some("probe[name='a']")] {
        succeeded(&testbed.push(ActionsMode::Force(force)).await);
        assert_eq!(testbed.device(), made, "{force:?}");
    }
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!((testbed.device(), testbed.created()), (made, vec![marked("b")]));
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(testbed.device(), untouched);
}

/// If a rule hides other rules from the host user, the rules that it sees are incomplete.
#[tokio::test(flavor = "multi_thread")]
async fn host_user_without_read_of_every_rule_runs_no_module() {
    let partly = |action: &str| {
        format!(
            "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'><write-default>permit</write-default>\
             <groups><group><name>hosts</name><user-name>{}</user-name></group></groups>\
             <rule-list><name>hosts</name><group>hosts</group><rule><name>secret</name>\
             <path xmlns:n='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'>/n:nacm/n:rule-list[n:name='secret']</path>\
             <access-operations>read</access-operations><action>{action}</action></rule>\
             <rule><name>rest</name><action>permit</action></rule></rule-list>\
             <rule-list><name>secret</name><group>modules</group><rule><name>none</name>\
             <path xmlns:ctrl='http://clicon.org/controller'>/ctrl:devices</path><action>deny</action></rule></rule-list></nacm>",
            host()
        )
    };
    let mut testbed = begin(&partly("deny"), "alice").await;
    let committed = testbed.commit(&probe("a", &[&set("login-banner", "hello")])).await;
    assert!(failed(&committed).contains("cannot read `/nacm`, so the rules for modules are not known"));
    assert!(!testbed.device().contains("login-banner"));

    // Once it can read them, they apply.
    testbed.base.discard().await.unwrap();
    testbed.change_elsewhere(&partly("permit")).await;
    let committed = testbed.commit(&probe("a", &[&set("login-banner", "hello")])).await;
    assert!(failed(&committed).contains("rule `none` of rule-list `secret`"), "{}", committed.reason());
}

/// Replays a session to a daemon whose host user may not act for others.
#[tokio::test(flavor = "multi_thread")]
async fn host_user_that_may_not_act_for_others_says_so() {
    let text = r#"
?? <get cl:content="nonconfig"><more xmlns=""/></get>
<< <data/>
-- subscribed
?? <get-config><source><running/></source><more xmlns=""/></get-config>
<< <data><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>true</enable-nacm></nacm></data>
?? <get cl:content="nonconfig"><more xmlns=""/></get>
<< <data><transactions xmlns="http://clicon.org/controller"><transaction><tid>5</tid><username>alice</username><result>INIT</result><state>ACTIONS</state><description>Controller commit actions:CHANGE push:COMMIT</description></transaction></transactions></data>
<< <services-commit xmlns="http://clicon.org/controller"><tid>5</tid><source>actions</source><target>actions</target><service>probe[name='a']</service></services-commit>
>> alice <get-config><source><ctrl:actions/></source><more xmlns=""/></get-config>
<< <rpc-error><error-type>application</error-type><error-tag>access-denied</error-tag><error-severity>error</error-severity><error-message>User clicon credential not matching NACM user alice</error-message></rpc-error>
>> clicon <ctrl:transaction-error><ctrl:tid>5</ctrl:tid><ctrl:origin>confine</ctrl:origin><ctrl:reason>{any}</ctrl:reason></ctrl:transaction-error>
<< <ok/>
"#;
    let host = guests(&["probe"]).await.unwrap().host;
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("controller.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = tokio::spawn(serve(host, socket.clone()));
    let testbed = script::ScriptedBackend::new(Script::parse(text).unwrap()).play(listener);
    tokio::time::timeout(Duration::from_secs(120), testbed)
        .await
        .expect("the daemon follows the script")
        .unwrap();
    daemon.abort();
}

async fn serve(host: std::sync::Arc<confine_service::Host>, socket: impl AsRef<Path>) {
    let options = ConnectOptions::with_host_user(socket.as_ref(), "clicon");
    confine_service::serve(host, options, std::future::pending()).await;
}

/// What instances own is known to the host user, and whether they are there to the committing user. Who does not see an
/// instance does not delete what it has made.
#[tokio::test(flavor = "multi_thread")]
async fn instances_hidden_from_the_user_keep_what_they_own() {
    let hide = "<rule-list><name>hide</name><group>blind</group><rule><name>a</name>\
         <path>/c:services/p:probe[p:name='a']</path><access-operations>read</access-operations>\
         <action>deny</action></rule></rule-list>";
    let mut testbed = begin(&nacm(&host(), hide), "alice").await;
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "hello")])).await);
    let shared = [&*set("motd-banner", "both")];
    succeeded(&testbed.commit(&(probe("b", &shared) + &probe("c", &shared))).await);
    let before = testbed.device();
    testbed
        .change_elsewhere(
            "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'><groups><group><name>blind</name>\
             <user-name>alice</user-name></group></groups></nacm>",
        )
        .await;
    for force in [None, Some("probe")] {
        let committed = testbed.push(ActionsMode::Force(force)).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(failed(&committed), @r"
            `alice` may not read `/services/probe[name='a']`
            hint: permit it with a rule in `/nacm`, or commit as another user
            ");
        }
        assert_eq!(testbed.device(), before);
        testbed.base.discard().await.unwrap();
    }
}
