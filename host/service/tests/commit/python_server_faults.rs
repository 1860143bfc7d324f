//! Shows that Confine has none of the Python server's faults. The numbers are those in `FAULTS.md`.

use std::{fs, time::Duration};

use confine_author::Testbed;
use confine_backend::{ActionsMode, PushMode};
use confine_controller::{Controller, Datastore};
use confine_netconf::FrameDecoder;
use confine_test_support::{
    PATIENCE,
    guests::{examples, guests},
    replay::replay,
    repository,
    testbed::{DaemonTestbed, probe, removed, replaced, services, succeeded},
};
use confine_tree::{NodeId, Tree, xml};

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system/config";

fn set(leaf: &str, value: &str) -> String {
    format!("set {SYSTEM}/{leaf} {value}")
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_1_the_edits_of_every_module_arrive() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let (first, second) = (set("motd-banner", "from the first"), set("login-banner", "from the second"));
    succeeded(&testbed.commit(&probe("a", &[&first], &[&second])).await);
    assert!(testbed.device().contains("<motd-banner>from the first</motd-banner>"), "{}", testbed.device());
    assert!(
        testbed.device().contains("<login-banner>from the second</login-banner>"),
        "{}",
        testbed.device()
    );
    let before = testbed.device();
    succeeded(&testbed.push(ActionsMode::Force(None)).await);
    assert_eq!(testbed.device(), before);
    assert_eq!(testbed.edits().len(), 2, "one edit for each commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_1_modules_run_in_the_order_of_their_files() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let (first, second) = (set("login-banner", "first"), set("login-banner", "second"));
    let seen = format!("expect {SYSTEM}/login-banner first");
    succeeded(&testbed.commit(&probe("a", &[&first], &[&seen, &second])).await);
    assert!(testbed.device().contains("<login-banner>second</login-banner>"), "{}", testbed.device());
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_applying_everything_loses_track_of_nothing() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let untouched = testbed.device();
    let interface = "/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='x']/config";
    let (name, kind) =
        (format!("set {interface}/name x"), format!("set {interface}/type ianaift:ethernetCsmacd"));
    let both = probe("a", &[&set("login-banner", "a")], &[]) + &probe("b", &[&name, &kind], &[]);
    succeeded(&testbed.commit(&both).await);
    let made = testbed.device();
    for force in [None, Some("probe"), Some("probe[name='b']")] {
        succeeded(&testbed.push(ActionsMode::Force(force)).await);
        assert_eq!(testbed.device(), made, "{force:?}");
    }
    succeeded(&testbed.commit(&(removed("a") + &removed("b"))).await);
    assert_eq!(testbed.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_applying_everything_keeps_lists_with_two_keys() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let untouched = testbed.device();
    let pair = |left: &str, right: &str, leaf: &str| {
        let what = set(leaf, &format!("{left}{right}"));
        format!(
            "<pair xmlns='urn:example:probe'><left>{left}</left><right>{right}</right><do>{what}</do></pair>"
        )
    };
    let both = pair("l", "1", "login-banner") + &pair("l", "2", "motd-banner");
    succeeded(&testbed.commit(&both).await);
    let made = testbed.device();
    for force in [None, Some("pair"), Some("pair[left='l']")] {
        succeeded(&testbed.push(ActionsMode::Force(force)).await);
        assert_eq!(testbed.device(), made, "{force:?}");
        let running = testbed.base.controller().datastore(Datastore::Running).unwrap();
        assert_eq!(running.matches("</path>").count(), 2, "{force:?}: {running}");
    }
    // One after the other: a notification names only the first key, so the controller would strip what `l`,`1` created
    // twice, and the real one crashes on that.
    for number in ["1", "2"] {
        let gone = pair("l", number, "login-banner").replace(
            "<pair ",
            "<pair xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove' ",
        );
        succeeded(&testbed.commit(&gone).await);
    }
    assert_eq!(testbed.device(), untouched);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_3_service_without_module_fails_and_loses_nothing() {
    let mut testbed = DaemonTestbed::with_probes().await;
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "kept")], &[])).await);
    let before = testbed.device();

    // The same controller with a daemon that has no module for the service.
    let models = guests(&["probe"]).await.unwrap().models;
    let other = examples().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let running = testbed.base.controller().datastore(Datastore::Running).unwrap();
    let tree = xml::parse(&running).unwrap();
    let kept = tree.children(Tree::ROOT).find(|&node| tree.qname(node).local == "services").unwrap();
    let builder = Controller::builder()
        .device("openconfig1", before.clone())
        .service_models(models)
        .config(xml::write(&tree, kept).unwrap());
    let mut testbed = Testbed::open(builder, other.host, directory.path(), "alice").await.unwrap();
    let change = probe("a", &[&set("login-banner", "changed")], &[]);
    testbed.edit(&services(&change)).await.unwrap();
    for actions in [ActionsMode::Change, ActionsMode::Force(None)] {
        let committed = testbed.commit(PushMode::Commit, actions).await.unwrap();
        assert!(!committed.succeeded());
        assert!(committed.reason().contains("no module serves `probe`"), "{}", committed.reason());
        assert_eq!(testbed.controller().device("openconfig1").unwrap(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_4_changes_and_removals_by_a_module_are_sent() {
    let mut testbed = DaemonTestbed::with_probes().await;
    succeeded(
        &testbed.commit(&probe("a", &[&set("login-banner", "one"), &set("motd-banner", "two")], &[])).await,
    );
    let change = [set("login-banner", "three"), format!("remove {SYSTEM}/hostname")];
    succeeded(&testbed.commit(&replaced("a", &[&change[0], &change[1]], &[])).await);
    let device = testbed.device();
    assert!(device.contains("<login-banner>three</login-banner>"), "{device}");
    assert!(!device.contains("motd-banner") && !device.contains("hostname"), "{device}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_5_line_breaks_stay_and_untouched_nodes_are_not_sent() {
    let mut testbed = DaemonTestbed::with_probes().await;
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", "line 1\nline 2\n\tline 3")], &[])).await);
    assert!(
        testbed.device().contains("<login-banner>line 1\nline 2\n\tline 3</login-banner>"),
        "{}",
        testbed.device()
    );
    let edits = testbed.edits();
    assert_eq!(edits.len(), 1);
    assert!(!edits[0].contains("hostname") && !edits[0].contains("openconfig2"), "{}", edits[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_6_markup_in_a_value_is_text() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let value = r#"a & <b> "c" 'd' ]]>"#;
    let read = format!("expect {SYSTEM}/login-banner {value}");
    succeeded(&testbed.commit(&probe("a", &[&set("login-banner", value)], &[&read])).await);
    let device = xml::parse(&testbed.device()).unwrap();
    let banner = device.descendants(Tree::ROOT).find(|&(node, _)| device.qname(node).local == "login-banner");
    assert_eq!(device.value(banner.unwrap().0), Some(value));
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_7_markup_in_an_error_reaches_the_user() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let committed = testbed.commit(&probe("a", &["fail '<' not supported & so on"], &[])).await;
    assert!(!committed.succeeded());
    assert!(committed.reason().contains("'<' not supported & so on"), "{}", committed.reason());
    assert!(
        committed.reason().contains("module `probe` 0.1.0, instance `probe[name='a']`"),
        "{}",
        committed.reason()
    );
    // The candidate is unlocked again.
    testbed.base.discard().await.unwrap();
    succeeded(&testbed.commit(&probe("b", &[&set("login-banner", "b")], &[])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_9_nothing_is_written_after_a_commit_has_failed() {
    let mut testbed = DaemonTestbed::with_probes().await;
    testbed
        .base
        .controller()
        .refuse_push("openconfig1", confine_controller::PushPhase::Commit, "no")
        .unwrap();
    let committed = testbed.commit(&probe("a", &[&set("login-banner", "a")], &[])).await;
    assert!(!committed.succeeded());
    testbed.base.discard().await.unwrap();
    succeeded(&testbed.commit(&probe("b", &[&set("motd-banner", "b")], &[])).await);
    let edits = testbed.edits();
    assert_eq!(edits.len(), 2, "each commit's own: {edits:#?}");
    assert!(edits[0].contains("<login-banner") && edits[1].contains("<motd-banner"), "{edits:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_10_nothing_is_sent_of_a_commit_that_fails() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let before = testbed.device();
    let both = probe("a", &[&set("login-banner", "a")], &[])
        + &probe("b", &[&set("motd-banner", "b"), "fail late"], &[]);
    assert!(!testbed.commit(&both).await.succeeded());
    assert_eq!(testbed.edits().len(), 0);
    assert_eq!(testbed.device(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_11_a_key_may_hold_anything() {
    let mut testbed = DaemonTestbed::with_probes().await;
    let untouched = testbed.device();
    for name in ["with blanks in it", "o'x", "a\"b", "br[ack]ets/and='more'", "<&>", "é ü"] {
        let interface =
            "/devices/device[name='openconfig1']/config/oc-if:interfaces/interface[name='a~\"b']~c']/config";
        let interface = interface.replace("a~\"b']~c'", "a~\"b\"~]~c'");
        let lines = [
            format!("set {interface}/name a \"b\" ] c"),
            format!("set {interface}/type ianaift:ethernetCsmacd"),
        ];
        succeeded(&testbed.commit(&probe(name, &[&lines[0], &lines[1]], &[])).await);
        assert!(testbed.device().contains("c</name>"), "{name}: {}", testbed.device());
        let escaped = name.replace('&', "&amp;").replace('<', "&lt;");
        succeeded(&testbed.commit(&removed(&escaped)).await);
        assert_eq!(testbed.device(), untouched, "{name}");
    }
}

#[test]
fn fault_12_messages_arrive_however_they_are_cut() {
    let message = "<a>é</a>";
    let (head, tail) = message.as_bytes().split_at(4);
    let mut wire = Vec::new();
    for chunk in [head, tail] {
        wire.extend(format!("\n#{}\n", chunk.len()).as_bytes());
        wire.extend(chunk);
    }
    wire.extend(b"\n##\n");
    for cut in 0..=wire.len() {
        let mut decoder = FrameDecoder::new();
        decoder.push(&wire[..cut]);
        let early = decoder.next();
        decoder.push(&wire[cut..]);
        assert_eq!(early.or_else(|| decoder.next()).unwrap().unwrap(), message.as_bytes(), "cut at {cut}");
        assert!(decoder.next().is_none() && decoder.finish().is_ok());
    }
    let mut decoder = FrameDecoder::new();
    decoder.push(&wire[..wire.len() - 6]);
    assert!(decoder.next().is_none() && decoder.finish().is_err(), "an end in the middle is told");
}

/// Replays a script to a daemon with the module `probe`.
async fn script(text: &str) {
    replay(text, guests(&["probe"]).await.unwrap().host).await.unwrap();
}

const OPENING: &str = r#"
?? <get cl:content="nonconfig"><more xmlns=""/></get>
<< <data/>
-- subscribed
?? <get-config><source><running/></source><more xmlns=""/></get-config>
<< <data><nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm"><enable-nacm>false</enable-nacm></nacm></data>
?? <get-config><source><ctrl:actions/></source><more xmlns=""/></get-config>
<< <data><services xmlns="http://clicon.org/controller"><probe xmlns="urn:example:probe"><name>a</name></probe></services></data>
"#;
const KNOWN: &str = r#"
?? <get cl:content="nonconfig"><more xmlns=""/></get>
<< <data><transactions xmlns="http://clicon.org/controller"><transaction><tid>5</tid><username>alice</username><result>INIT</result><state>ACTIONS</state><description>Controller commit actions:CHANGE push:COMMIT</description></transaction></transactions></data>
"#;
const COMMIT: &str = r#"
<< <services-commit xmlns="http://clicon.org/controller"><tid>5</tid><source>actions</source><target>actions</target><service>probe[name='a']</service></services-commit>
"#;

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_a_notification_is_never_taken_for_a_reply() {
    let other = r#"<< <controller-transaction xmlns="http://clicon.org/controller"><tid>77</tid><username>bob</username><result>SUCCESS</result></controller-transaction>"#;
    let done = r#">> <ctrl:transaction-actions-done><ctrl:tid>5</ctrl:tid><more xmlns=""/></ctrl:transaction-actions-done>"#;
    script(&format!("{OPENING}{KNOWN}{other}{COMMIT}{other}\n{other}\n{done}\n<< <ok/>\n")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_14_a_commit_whose_user_is_hidden_is_answered() {
    let error = r#">> root <ctrl:transaction-error><ctrl:tid>5</ctrl:tid><ctrl:origin>{any}</ctrl:origin><ctrl:reason>{any}</ctrl:reason></ctrl:transaction-error>"#;
    script(&format!("{OPENING}{COMMIT}{error}\n<< <ok/>\n")).await;
}

/// Returns the edit of a commit that sets leaves on two devices.
async fn edit() -> Tree {
    let mut testbed = DaemonTestbed::with_probes().await;
    let second = SYSTEM.replace("openconfig1", "openconfig2");
    let lines = [set("login-banner", "a"), set("motd-banner", "b"), format!("set {second}/login-banner c")];
    succeeded(&testbed.commit(&probe("a", &[&lines[0], &lines[1], &lines[2]], &[])).await);
    let edits = testbed.edits();
    assert_eq!(edits.len(), 1);
    xml::parse(&edits[0]).unwrap()
}

/// Names that some languages cannot tell apart or reserve.
const NAMES: &str = "module openconfig-system {
  namespace \"http://openconfig.net/yang/system\"; prefix oc-sys; revision 2020-01-01;
  container system {
    leaf foo-bar { type string; }
    leaf foo_bar { type string; }
    leaf foo.bar { type string; }
    leaf delete { type string; }
    leaf parent { type string; }
    list len { key name; leaf name { type string; } }
  }
}";

#[tokio::test(flavor = "multi_thread")]
async fn fault_15_similar_names_stay_distinct() {
    let entries = "<system xmlns='http://openconfig.net/yang/system'><len><name>a</name></len><len><name>b</name></len></system>";
    let builder = Controller::builder().device_model("openconfig-system.yang", NAMES).device("r1", entries);
    let mut testbed =
        DaemonTestbed::with_controller(builder, guests(&["probe"]).await.unwrap(), "alice").await;
    let names = "/devices/device[name='r1']/config/oc-sys:system";
    let leaves = ["foo-bar", "foo_bar", "foo.bar", "delete", "parent"];
    let set = leaves.map(|name| format!("set {names}/{name} {name}'s"));
    let expect = leaves.map(|name| format!("expect {names}/{name} {name}'s"));
    let all = ["count 2", "remove", "count 0"].map(|does| format!("{does} {names}/len"));
    let lines = [&set[..], &expect, &all].concat();
    succeeded(&testbed.commit(&probe("a", &lines.iter().map(String::as_str).collect::<Vec<_>>(), &[])).await);
    let device = testbed.base.controller().device("r1").unwrap();
    insta::assert_snapshot!(device, @r#"<system xmlns="http://openconfig.net/yang/system"><foo-bar>foo-bar's</foo-bar><foo_bar>foo_bar's</foo_bar><foo.bar>foo.bar's</foo.bar><delete>delete's</delete><parent>parent's</parent></system>"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_16_path_finds_all_matching_entries() {
    let groups = "<devices xmlns='http://clicon.org/controller'>\
         <device-group><name>some</name><device-name>openconfig1</device-name></device-group>\
         <device-group><name>all of them</name><device-name>openconfig2</device-name>\
         <device-group>some</device-group></device-group></devices>";
    let mut testbed = DaemonTestbed::start(guests(&["second"]).await.unwrap(), groups, "alice").await;
    let group = "/devices/device-group[name='all~of~them']";
    let lines = [
        "count 2 /devices/device",
        "count 2 /devices/device/config",
        &format!("count 1 {group}/device-group"),
        &format!("count 1 {group}/device-group[.='some']"),
        &format!("count 1 {group}/device-name"),
        "expect /devices/device-group[name='some']/device-name[.='openconfig1'] openconfig1",
    ];
    succeeded(&testbed.commit(&probe("a", &[], &lines)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_17_no_container_is_repeated_in_an_edit() {
    let edit = edit().await;
    for (node, _) in edit.descendants(Tree::ROOT) {
        let mut names: Vec<_> =
            edit.children(node).map(|child| (edit.qname(child).to_string(), key(&edit, child))).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }
}

/// Returns what distinguishes a node from its siblings: the value of a leaf, or of the first leaf of an entry.
fn key(tree: &Tree, node: NodeId) -> String {
    let leaf = tree.first_child(node).unwrap_or(node);
    tree.value(leaf).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_18_nothing_is_echoed() {
    let edit = edit().await;
    let names: Vec<_> = edit.descendants(Tree::ROOT).map(|(node, _)| edit.qname(node).local).collect();
    for unwanted in
        ["do", "also", "hostname", "interfaces", "addr", "enabled", "processes", "service-timeout"]
    {
        assert!(!names.contains(&unwanted), "{unwanted}: {names:?}");
    }
    assert_eq!(names.iter().filter(|&&name| name == "path").count(), 3, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_19_denied_answer_is_sent_as_the_other_user() {
    let done = |user: &str| {
        format!(
            r#">> {user} <ctrl:transaction-actions-done><ctrl:tid>5</ctrl:tid><more xmlns=""/></ctrl:transaction-actions-done>"#
        )
    };
    let denied = "<< <rpc-error><error-type>application</error-type><error-tag>access-denied</error-tag><error-severity>error</error-severity><error-message>access denied</error-message></rpc-error>";
    script(&format!("{OPENING}{KNOWN}{COMMIT}{}\n{denied}\n{}\n<< <ok/>\n", done("root"), done("alice")))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_a_commit_leaves_nothing_behind() {
    let services = guests(&["probe"]).await.unwrap();
    let host = services.host.clone();
    let mut testbed = DaemonTestbed::start(services, "", "alice").await;
    for number in 0..50 {
        succeeded(&testbed.commit(&probe("a", &[&set("login-banner", &number.to_string())], &[])).await);
        succeeded(&testbed.commit(&removed("a")).await);
    }
    // The user is notified a moment before the daemon has finished the commit.
    let last = testbed.base.controller().transactions().last().unwrap().tid;
    let done = async {
        while host.status().commits.last.is_none_or(|commit| commit.tid != last) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, done).await.unwrap();
    let commits = host.status().commits;
    assert_eq!((commits.done, commits.failed, commits.running), (100, 0, None));
}

/// Every row of `FAULTS.md` names tests that exist, and every test of this file is in the row of its number.
#[test]
fn every_fault_is_shown() {
    let top = repository();
    let read =
        |file: &str| fs::read_to_string(top.join(file)).unwrap_or_else(|_| panic!("there is no `{file}`"));
    let table = read("host/service/tests/commit/FAULTS.md");
    // | number | in words | `test`, `file`: `test` |
    let rows: Vec<(usize, &str)> = table
        .lines()
        .filter_map(|line| {
            let mut cells = line.trim_matches('|').split(" | ");
            Some((cells.next()?.trim().parse().ok()?, cells.nth(1)?))
        })
        .collect();
    assert!(rows.iter().map(|&(number, _)| number).eq(1..=20), "{rows:?}");
    let mut shown = Vec::new();
    for (number, tests) in &rows {
        for test in tests.trim_end_matches([' ', '|']).split(", ") {
            let (file, test) = test.split_once(": ").unwrap_or(("`python_server_faults.rs`", test));
            let (file, test) = (file.trim_matches('`'), test.trim_matches('`'));
            let file = if file.contains('/') {
                file.to_owned()
            } else {
                format!("host/service/tests/commit/{file}")
            };
            let text = read(&file);
            let is_there = text.contains(&format!("fn {test}(")) || text.contains(&format!("    {test}: \""));
            assert!(is_there, "row {number}: there is no test `{test}` in `{file}`");
            shown.push((number, test));
        }
    }
    for line in read("host/service/tests/commit/python_server_faults.rs").lines() {
        let Some((test, _)) =
            line.strip_prefix("async fn ").or(line.strip_prefix("fn ")).and_then(|rest| rest.split_once('('))
        else {
            continue;
        };
        let Some(number) = test.strip_prefix("fault_").and_then(|rest| rest.split('_').next()) else {
            continue;
        };
        let number = number.parse().unwrap();
        assert!(shown.contains(&(&number, test)), "`{test}` is not in row {number}");
    }
}
