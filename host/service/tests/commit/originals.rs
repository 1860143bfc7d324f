//! What stood before an instance changed it comes back when no instance changes it any more.

use confine_author::CommitEnd;
use confine_backend::ActionsMode;
use confine_controller::Controller;
use confine_test_support::{
    guests::guests,
    testbed::{DaemonTestbed, between, probe, removed, replaced, succeeded},
};

/// A device's model in the place of `openconfig-system`, whose prefix the test modules have.
const MODEL: &str = r#"module openconfig-system {
  yang-version 1.1; namespace "http://openconfig.net/yang/system"; prefix oc-sys;
  identity KIND; identity A { base KIND; }
  container system {
    leaf mtu { type uint16; } leaf name { type string; }
    list unit { key number; leaf number { type uint16; } leaf mtu { type uint16; } leaf text { type string; }
      container present { presence p; leaf x { type string; } } leaf-list server { type string; ordered-by user; } }
    list rule { key name; ordered-by user; leaf name { type string; } leaf text { type string; } leaf note { type string; } }
    list group { key name; leaf name { type string; }
      list member { key kind; leaf kind { type identityref { base KIND; } } leaf text { type string; } } }
    choice rate { leaf cir { type uint32; } leaf pir { type uint32; } }
    choice how { case one { leaf a1 { type string; } leaf a2 { type string; } } leaf b1 { type string; } }
    container on { presence p; leaf level { type uint8; } leaf note { type string; } }
  }
  container elsewhere { leaf x { type string; } } }"#;

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system";

/// A daemon with the probes, and a device with this system.
async fn testbed(system: &str) -> DaemonTestbed {
    testbed_of(&["probe", "second"], system).await
}

/// The same with these modules.
async fn testbed_of(modules: &[&str], system: &str) -> DaemonTestbed {
    let device = format!("<system xmlns='http://openconfig.net/yang/system'>{system}</system>");
    let builder = Controller::builder()
        .device_model("openconfig-system.yang", MODEL)
        .service_model("confine-originals.yang", confine_service::ORIGINALS_MODULE)
        .device("openconfig1", device);
    DaemonTestbed::with_controller(builder, guests(modules).await.unwrap(), "alice").await
}

fn set(leaf: &str, value: &str) -> String {
    format!("set {SYSTEM}/{leaf} {value}")
}

fn remove(path: &str) -> String {
    format!("remove {SYSTEM}/{path}")
}

async fn by_hand(testbed: &mut DaemonTestbed, system: &str) {
    let edit = format!(
        "<devices xmlns='http://clicon.org/controller' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0'><device>\
         <name>openconfig1</name><config><system xmlns='http://openconfig.net/yang/system'>{system}</system></config>\
         </device></devices>"
    );
    testbed.change_elsewhere(&edit).await;
}

/// Returns the device's system without white space.
fn device(testbed: &DaemonTestbed) -> String {
    let config: String = testbed.device().lines().map(str::trim).collect();
    between(&config, "<system xmlns=\"http://openconfig.net/yang/system\">", "</system>").to_owned()
}

/// Returns the number of originals that the controller keeps.
fn kept(testbed: &DaemonTestbed) -> usize {
    let running = testbed.base.controller().datastore(confine_controller::Datastore::Running).unwrap();
    running.matches("<before>").count()
}

#[track_caller]
fn failed(committed: &CommitEnd) -> &str {
    assert!(!committed.succeeded(), "the commit has succeeded");
    committed.reason()
}

/// What one instance does, one after the other, and what is there then; in the end it goes.
async fn in_turn(before: &str, steps: &[(&[&str], &str)]) {
    let mut testbed = testbed(before).await;
    for (index, (does, expected)) in steps.iter().enumerate() {
        let instance = if index == 0 { probe("a", does, &[]) } else { replaced("a", does, &[]) };
        succeeded(&testbed.commit(&instance).await);
        assert_eq!(device(&testbed), *expected, "step {index} on {before}");
        for force in [None, Some("probe[name='a']")] {
            succeeded(&testbed.push(ActionsMode::Force(force)).await);
            assert_eq!(device(&testbed), *expected, "forced after step {index} on {before}");
        }
        testbed.restart().await;
    }
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), before);
    assert_eq!(kept(&testbed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_stood_before_comes_back() {
    let unit = "<unit><number>1</number><mtu>1400</mtu></unit>";
    in_turn("<mtu>1400</mtu>", &[(&[&set("mtu", "9000")], "<mtu>9000</mtu>")]).await;
    let (first, second) = (set("mtu", "9000"), set("mtu", "9100"));
    let changed = [(&[&*first][..], "<mtu>9000</mtu>"), (&[&second], "<mtu>9100</mtu>")];
    in_turn("<mtu>1400</mtu>", &changed).await;
    in_turn("<mtu>1400</mtu>", &[(&[&set("mtu", "9000")], "<mtu>9000</mtu>"), (&[], "<mtu>1400</mtu>")])
        .await;
    in_turn("<mtu>1400</mtu>", &[(&[&set("mtu", "1400")], "<mtu>1400</mtu>")]).await;
    // A leaf that the instance adds goes, beside one that it changes.
    let both = [set("unit[number='1']/mtu", "9000"), set("unit[number='1']/text", "x")];
    let made = "<unit><number>1</number><mtu>9000</mtu><text>x</text></unit>";
    in_turn(unit, &[(&[&both[0], &both[1]], made)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_module_has_removed_comes_back() {
    let unit = "<unit><number>1</number><mtu>1400</mtu><text>x</text></unit>";
    in_turn(unit, &[(&[&remove("unit[number='1']")], "")]).await;
    in_turn(unit, &[(&[&remove("unit[number='1']/text")], "<unit><number>1</number><mtu>1400</mtu></unit>")])
        .await;
    let remade = "<unit><number>1</number><mtu>1</mtu></unit>";
    in_turn(unit, &[(&[&remove("unit[number='1']"), &set("unit[number='1']/mtu", "1")], remade)]).await;
    let group = "<group><name>g</name><member><kind xmlns:k=\"http://openconfig.net/yang/system\">k:A</kind><text>x</text>\
                 </member></group>";
    in_turn(group, &[(&[&remove("group[name='g']")], "")]).await;
    in_turn("<cir>7</cir>", &[(&[&set("pir", "1")], "<pir>1</pir>")]).await;
    let present = "<unit><number>1</number><present><x>1</x></present></unit>";
    in_turn(present, &[(&[&remove("unit[number='1']/present")], "<unit><number>1</number></unit>")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_on_the_way_goes_with_its_instance() {
    let (hand, unit) = ("<name>h</name>", "<name>h</name><unit><number>1</number></unit>");
    let (made, gone) = (set("unit[number='1']/mtu", "1"), remove("unit[number='1']/mtu"));
    in_turn(hand, &[(&[&made, &gone], unit)]).await;
    in_turn(
        hand,
        &[(&[&made], "<name>h</name><unit><number>1</number><mtu>1</mtu></unit>"), (&[&made, &gone], unit)],
    )
    .await;
    // What stood before stays.
    in_turn(unit, &[(&[&made, &gone], unit)]).await;
    let group = (set("group[name='g']/member[kind='oc-sys:A']/text", "x"), remove("group[name='g']/member"));
    in_turn(hand, &[(&[&group.0, &group.1], "<name>h</name><group><name>g</name></group>")]).await;
    // A presence container is there with what is in it, and is not left empty.
    let inside = set("unit[number='1']/present/x", "1");
    let present = "<name>h</name><unit><number>1</number><present><x>1</x></present></unit>";
    in_turn(unit, &[(&[&inside], present)]).await;
    in_turn(unit, &[(&[&inside, &remove("unit[number='1']/present/x")], unit)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_module_empties_goes_with_its_instance() {
    let mut testbed = testbed("<name>h</name>").await;
    let services = [
        probe("a", &[&set("unit[number='1']/mtu", "1")], &[]),
        probe("b", &[&set("unit[number='1']/text", "x"), &remove("unit[number='1']/text")], &[]),
    ];
    succeeded(&testbed.commit(&services.concat()).await);
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), "<name>h</name><unit><number>1</number></unit>");
    succeeded(&testbed.commit(&removed("b")).await);
    assert_eq!(device(&testbed), "<name>h</name>");
}

#[tokio::test(flavor = "multi_thread")]
async fn value_comes_back_when_the_last_owner_goes() {
    for order in [["a", "b"], ["b", "a"]] {
        let mut testbed = testbed("<mtu>1400</mtu>").await;
        for name in ["a", "b"] {
            succeeded(&testbed.commit(&probe(name, &[&set("mtu", "9000")], &[])).await);
        }
        succeeded(&testbed.commit(&removed(order[0])).await);
        assert_eq!(device(&testbed), "<mtu>9000</mtu>", "{order:?}");
        succeeded(&testbed.commit(&removed(order[1])).await);
        assert_eq!(device(&testbed), "<mtu>1400</mtu>", "{order:?}");
        assert_eq!(kept(&testbed), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn value_that_was_changed_by_hand_is_left_alone() {
    let mut testbed = testbed("<mtu>1400</mtu><name>old</name>").await;
    let both = [set("mtu", "9000"), set("name", "new")];
    succeeded(&testbed.commit(&probe("a", &[&both[0], &both[1]], &[])).await);
    by_hand(&mut testbed, "<mtu>1500</mtu>").await;
    // It is what the next run finds, and so the new original value.
    succeeded(&testbed.push(ActionsMode::Force(Some("probe[name='a']"))).await);
    assert_eq!(device(&testbed), "<mtu>9000</mtu><name>new</name>");
    by_hand(&mut testbed, "<name>hand</name>").await;
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), "<mtu>1500</mtu><name>hand</name>");
    assert_eq!(kept(&testbed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_value_than_an_instance_has_set_is_a_conflict() {
    for stood in ["1400", "9000"] {
        let mut testbed = testbed(&format!("<mtu>{stood}</mtu>")).await;
        succeeded(&testbed.commit(&probe("a", &[&set("mtu", "9000")], &[])).await);
        let committed = testbed.commit(&probe("b", &[&set("mtu", "9100")], &[])).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(failed(&committed), @r#"
            conflict: `probe[name='b']` sets `/devices/device[name='openconfig1']/config/system/mtu`, which `probe[name='a']` has set or removed
            hint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `probe` in Confine's own file
            "#);
        }
        testbed.base.discard().await.unwrap();
        let committed = testbed.commit(&probe("b", &[&remove("mtu")], &[])).await;
        assert!(failed(&committed).starts_with("conflict: "), "{}", committed.reason());
        testbed.base.discard().await.unwrap();
        assert_eq!(device(&testbed), "<mtu>9000</mtu>");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_and_failed_commit_leave_no_original() {
    let stood = format!("<mtu>1400</mtu>{}", rules("a b c"));
    let mut testbed = testbed(&stood).await;
    let edits = [vec![set("mtu", "9000")], put("c b a")].concat();
    let instance = confine_test_support::testbed::services(&probe("a", &lines(&edits), &[]));
    testbed.base.edit(&instance).await.unwrap();
    let dry = testbed.base.commit(confine_backend::PushMode::None, ActionsMode::Change).await.unwrap();
    succeeded(&dry);
    assert_eq!((device(&testbed).as_str(), kept(&testbed)), (&*stood, 0));
    testbed.base.discard().await.unwrap();
    let committed =
        testbed.commit(&probe("a", &[lines(&edits), vec!["fail on purpose"]].concat(), &[])).await;
    failed(&committed);
    testbed.base.discard().await.unwrap();
    assert_eq!((device(&testbed).as_str(), kept(&testbed)), (&*stood, 0));
}

/// Adds an original that Confine has not kept: `before` is said to have stood at a path in the device's configuration.
async fn forge(testbed: &mut DaemonTestbed, path: &str, before: &str) {
    let original = format!(
        "<services xmlns='http://clicon.org/controller'><originals xmlns='urn:confine:originals'><original>\
         <path>/devices/device[name=\"openconfig1\"]/config/{path}[false()][\"http://openconfig.net/yang/system\"]</path>\
         <before>&lt;{before} xmlns='http://openconfig.net/yang/system'>forged&lt;/{before}></before>\
         <owner>{{urn:example:probe}}probe[name='a']</owner></original></originals></services>"
    );
    testbed.change_elsewhere(&original).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn original_is_restored_only_where_a_module_may_write() {
    // The other one declares nothing, and may write any device.
    let mut testbed = testbed_of(&["probe"], "<mtu>1400</mtu>").await;
    succeeded(&testbed.commit(&probe("a", &[&set("mtu", "9000")], &[])).await);
    // In the scope of no module of the instance; not in the model; and one that may be written.
    for (path, leaf) in [("elsewhere/x", "x"), ("system/gone", "gone"), ("system/name", "name")] {
        forge(&mut testbed, path, leaf).await;
    }
    assert_eq!(kept(&testbed), 4);
    succeeded(&testbed.commit(&replaced("a", &[&set("mtu", "9100")], &[])).await);
    assert_eq!(testbed.device().matches("forged").count(), 1, "{}", testbed.device());
    assert_eq!(device(&testbed), "<mtu>9100</mtu><name>forged</name>");
    assert_eq!(kept(&testbed), 1);
    succeeded(&testbed.commit(&removed("a")).await);
    assert!(device(&testbed).starts_with("<mtu>1400</mtu>"), "{}", device(&testbed));
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_entry_comes_back_to_its_position() {
    let rules = |names: &[&str]| {
        let rule = |name: &&str| format!("<rule><name>{name}</name><text>x</text></rule>");
        names.iter().map(rule).collect::<String>()
    };
    let all = rules(&["a", "b", "c", "d"]);
    let removes: Vec<String> =
        ["a", "b", "c", "d"].map(|name| remove(&format!("rule[name='{name}']"))).into();
    in_turn(&all, &[(&[&removes[1]], &rules(&["a", "c", "d"]))]).await;
    in_turn(&all, &[(&[&removes[0]], &rules(&["b", "c", "d"])), (&[&removes[2]], &rules(&["a", "b", "d"]))])
        .await;
    in_turn(
        &all,
        &[
            (&[&removes[1], &removes[0], &removes[2]], &rules(&["d"])),
            (&[&removes[3]], &rules(&["a", "b", "c"])),
        ],
    )
    .await;
    in_turn(&all, &[(&[&remove("rule")], "")]).await;
    // An entry that the instance makes is not one that stood there.
    let made = set("rule[name='e']/text", "x");
    in_turn(&all, &[(&[&removes[3], &made], &rules(&["a", "b", "c", "e"]))]).await;
    let servers = "<unit><number>1</number><server>a</server><server>b</server><server>c</server></unit>";
    let server = |name: &str| remove(&format!("unit[number='1']/server[.='{name}']"));
    let left = servers.replace("<server>a</server><server>b</server>", "");
    in_turn(servers, &[(&[&server("a"), &server("b")], &left)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_several_instances_come_back_in_order() {
    let rule = |name: &str| format!("<rule><name>{name}</name></rule>");
    let rules = |names: &str| names.split(' ').map(rule).collect::<String>();
    for order in [["a", "b"], ["b", "a"]] {
        let mut testbed = testbed(&rules("v w x y z")).await;
        // The one removes what stands before what the other one removes.
        let a = [remove("rule[name='w']"), remove("rule[name='y']")];
        succeeded(&testbed.commit(&probe("a", &[&a[0], &a[1]], &[])).await);
        succeeded(&testbed.commit(&probe("b", &[&remove("rule[name='x']")], &[])).await);
        assert_eq!(device(&testbed), rules("v z"));
        testbed.restart().await;
        succeeded(&testbed.commit(&removed(order[0])).await);
        assert_eq!(device(&testbed), if order[0] == "a" { rules("v w y z") } else { rules("v x z") });
        succeeded(&testbed.commit(&removed(order[1])).await);
        assert_eq!(device(&testbed), rules("v w x y z"), "{order:?}");
        assert_eq!(kept(&testbed), 0);
    }
    // What stood beside it is gone by hand.
    let mut testbed = testbed(&rules("v w x")).await;
    succeeded(&testbed.commit(&probe("a", &[&remove("rule[name='w']")], &[])).await);
    by_hand(&mut testbed, "<rule xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove'><name>v</name></rule>")
        .await;
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), rules("w x"));
}

/// The rules with these names, each with a text.
fn rules(names: &str) -> String {
    names
        .split_whitespace()
        .map(|name| format!("<rule><name>{name}</name><text>{name}</text></rule>"))
        .collect()
}

/// What removes rules, and makes them again in this order.
fn put(names: &str) -> Vec<String> {
    let removes = names.split(' ').map(|name| remove(&format!("rule[name='{name}']")));
    let sets = names.split(' ').map(|name| set(&format!("rule[name='{name}']/text"), name));
    removes.chain(sets).collect()
}

fn lines(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn order_that_a_service_changes_comes_back() {
    let all = rules("a b c d");
    let [first, second, third] = ["c a b", "d b", "a b c d"].map(put);
    // What is new goes behind.
    let new = [put("d c"), vec![set("rule[name='x']/text", "x")]].concat();
    let steps = [
        (&*lines(&first), &*rules("c d a b")),
        (&*lines(&second), &*rules("a c d b")),
        (&*lines(&third), &*all),
        (&*lines(&new), &*rules("a b d c x")),
    ];
    for step in steps {
        in_turn(&all, &[step]).await;
    }
    in_turn(&all, &steps).await;
    let servers = |names: &str| {
        let servers = names.split(' ').map(|name| format!("<server>{name}</server>"));
        format!("<unit><number>1</number>{}</unit>", servers.collect::<String>())
    };
    let server = |name: &str| format!("unit[number='1']/server[.='{name}']");
    let edits = ["b", "a"].map(|name| remove(&server(name))).into_iter();
    let edits: Vec<String> = edits.chain(["b", "a"].map(|name| set(&server(name), name))).collect();
    in_turn(&servers("a b c"), &[(&lines(&edits), &servers("b c a")), (&[], &servers("a b c"))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_comes_back_when_the_last_owner_goes() {
    for order in [["a", "b"], ["b", "a"]] {
        let mut testbed = testbed(&rules("v w x y z")).await;
        for name in ["a", "b"] {
            succeeded(&testbed.commit(&probe(name, &lines(&put("z w v")), &[])).await);
            assert_eq!(device(&testbed), rules("x y z w v"));
        }
        testbed.restart().await;
        succeeded(&testbed.commit(&removed(order[0])).await);
        assert_eq!(device(&testbed), rules("x y z w v"), "{order:?}");
        let another = testbed.commit(&probe("c", &lines(&put("x z v w y")), &[])).await;
        assert!(failed(&another).starts_with("conflict: "), "{}", another.reason());
        testbed.base.discard().await.unwrap();
        succeeded(&testbed.commit(&removed(order[1])).await);
        assert_eq!((device(&testbed), kept(&testbed)), (rules("v w x y z"), 0), "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_that_was_moved_by_hand_stays_there() {
    let mut testbed = testbed(&rules("v w x y z")).await;
    succeeded(&testbed.commit(&probe("a", &lines(&put("z y x")), &[])).await);
    // Two are behind others now, and the texts of three were set.
    assert_eq!((device(&testbed), kept(&testbed)), (rules("v w z y x"), 5));
    let moved = rules("y").replacen('>', " xmlns:y='urn:ietf:params:xml:ns:yang:1' y:insert='first'>", 1);
    by_hand(&mut testbed, &moved).await;
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!((device(&testbed), kept(&testbed)), (rules("y v w x z"), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_that_the_user_sees_in_part_is_not_moved_back() {
    let host = confine_backend::process_user().unwrap();
    let mut testbed = testbed(&rules("a b c")).await;
    succeeded(&testbed.commit(&probe("a", &lines(&put("c b")), &[])).await);
    by_hand(&mut testbed, "<rule><name>b</name><note>n</note></rule>").await;
    let nacm = format!(
        "<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm' xmlns:c='http://clicon.org/controller' \
         xmlns:s='http://openconfig.net/yang/system'><enable-nacm>true</enable-nacm><write-default>permit</write-default>\
         <groups><group><name>hosts</name><user-name>{host}</user-name></group>\
         <group><name>users</name><user-name>alice</user-name></group></groups>\
         <rule-list><name>hosts</name><group>hosts</group><rule><name>all</name><action>permit</action></rule></rule-list>\
         <rule-list><name>users</name><group>users</group><rule><name>hide</name>\
         <path>/c:devices/c:device/c:config/s:system/s:rule/s:note</path><access-operations>read</access-operations>\
         <action>deny</action></rule></rule-list></nacm>"
    );
    testbed.change_elsewhere(&nacm).await;
    succeeded(&testbed.commit(&removed("a")).await);
    let left = rules("a c b").replace("<text>b</text>", "<text>b</text><note>n</note>");
    assert_eq!((device(&testbed), kept(&testbed)), (left, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_that_an_instance_makes_stays_where_it_is() {
    let mut testbed = testbed(&rules("v w")).await;
    let a = [set("rule[name='x']/text", "x"), set("rule[name='y']/text", "y")];
    succeeded(&testbed.commit(&probe("a", &lines(&a), &[])).await);
    by_hand(&mut testbed, &rules("z")).await;
    succeeded(&testbed.commit(&probe("b", &[&set("rule[name='q']/text", "q")], &[])).await);
    let all = rules("v w x y z q");
    assert_eq!(device(&testbed), all);
    // A run of one, of both, or of all, and a run that makes something else too.
    for forced in [Some("probe[name='a']"), Some("probe[name='b']"), Some("probe"), None] {
        for is_fresh in [false, true] {
            if is_fresh {
                testbed.restart().await;
            }
            succeeded(&testbed.push(ActionsMode::Force(forced)).await);
            assert_eq!(device(&testbed), all, "{forced:?} {is_fresh}");
        }
    }
    let more = [&a[..], &[set("mtu", "9")]].concat();
    let one = replaced("a", &lines(&more), &[]);
    succeeded(&testbed.commit(&one).await);
    assert_eq!(device(&testbed).replace("<mtu>9</mtu>", ""), all);
    // What somebody has put before it stays there, and what was before it may go.
    let first = rules("p").replacen('>', " xmlns:y='urn:ietf:params:xml:ns:yang:1' y:insert='first'>", 1);
    by_hand(&mut testbed, &first).await;
    let removes = |name: &str| {
        format!(
            "<rule xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove'><name>{name}</name></rule>"
        )
    };
    by_hand(&mut testbed, &["v", "w"].map(removes).concat()).await;
    succeeded(&testbed.commit(&replaced("a", &lines(&a), &[])).await);
    assert_eq!(device(&testbed), rules("p x y z q"));
    // One that it no longer makes goes, and others are new: each is where the instance makes it.
    let other = ["n", "y", "m"].map(|name| set(&format!("rule[name='{name}']/text"), name));
    succeeded(&testbed.commit(&replaced("a", &lines(&other), &[])).await);
    assert_eq!(device(&testbed), rules("p n y z q m"));
    // The order of two instances means nothing: `q` of the other one stays between.
    for forced in [None, Some("probe[name='b']"), Some("probe[name='a']"), Some("probe")] {
        succeeded(&testbed.push(ActionsMode::Force(forced)).await);
        assert_eq!(device(&testbed), rules("p n y z q m"), "{forced:?}");
    }
    let another = ["m", "y", "n"].map(|name| set(&format!("rule[name='{name}']/text"), name));
    succeeded(&testbed.commit(&replaced("a", &lines(&another), &[])).await);
    let made = device(&testbed);
    let order = ["<name>m<", "<name>y<", "<name>n<"].map(|name| made.find(name).unwrap());
    assert!(order.is_sorted(), "{made}");
    succeeded(&testbed.push(ActionsMode::Force(None)).await);
    assert_eq!(device(&testbed), made);
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), rules("p z q"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_in_an_entry_that_goes_is_on_record() {
    let mut testbed = testbed("").await;
    let (text, mtu) = ("unit[number='1']/text", set("unit[number='2']/mtu", "2"));
    succeeded(&testbed.commit(&probe("b", &[&mtu], &[])).await);
    succeeded(&testbed.commit(&probe("c", &[&set(text, "n"), &mtu], &[])).await);
    for again in [false, true] {
        if again {
            testbed.restart().await;
        }
        succeeded(&testbed.commit(&replaced("c", &[&set("cir", "1"), &remove(text)], &[])).await);
        let refused = testbed.commit(&probe("a", &[&set(text, "n")], &[])).await;
        assert!(failed(&refused).starts_with("conflict: "), "{again} {}", refused.reason());
        testbed.base.discard().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_container_that_stood_is_not_taken() {
    for stands in ["<on><level>3</level></on>", "<on/>", "<on><note>n</note></on>"] {
        for lines in [&["set on/note p"][..], &["create on", "set on/note p"]] {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| line.replacen("set ", &format!("set {SYSTEM}/"), 1))
                .map(|line| line.replacen("create ", &format!("create {SYSTEM}/"), 1))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let mut testbed = testbed(stands).await;
            let before = device(&testbed);
            succeeded(&testbed.commit(&probe("a", &lines, &[])).await);
            testbed.restart().await;
            succeeded(&testbed.push(ActionsMode::Force(None)).await);
            let has_level = device(&testbed).contains("<level>3</level>");
            assert_eq!(has_level, stands.contains("level"), "{}", device(&testbed));
            succeeded(&testbed.commit(&removed("a")).await);
            assert_eq!((device(&testbed), kept(&testbed)), (before, 0), "{stands} {lines:?}");
        }
    }
    // One that an instance makes goes with it.
    let mut testbed = testbed("<mtu>1</mtu>").await;
    succeeded(&testbed.commit(&probe("a", &[&set("on/note", "p")], &[])).await);
    succeeded(&testbed.commit(&removed("a")).await);
    assert_eq!(device(&testbed), "<mtu>1</mtu>");
}

#[tokio::test(flavor = "multi_thread")]
async fn leaf_stays_when_another_of_its_case_goes() {
    let (a1, a2) = (set("a1", "B"), set("a2", "C"));
    for (first, left) in [("a", "<a1>B</a1>"), ("b", "<a2>C</a2>")] {
        for restarts in [false, true] {
            let mut testbed = testbed("<b1>D</b1>").await;
            succeeded(&testbed.commit(&probe("a", &[&a2], &[])).await);
            succeeded(&testbed.commit(&probe("b", &[&a1], &[])).await);
            if restarts {
                testbed.restart().await;
            }
            succeeded(&testbed.commit(&removed(first)).await);
            assert_eq!(device(&testbed), left, "{first}");
            succeeded(&testbed.commit(&removed(if first == "a" { "b" } else { "a" })).await);
            assert_eq!((&*device(&testbed), kept(&testbed)), ("<b1>D</b1>", 0), "{first}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_an_entry_comes_back_with_what_is_beside_it() {
    // The controller loses what is read of the entry if the path of what is beside it comes later.
    let before = format!("<mtu>1400</mtu>{}", rules("a b c"));
    let (text, name) = (set("rule[name='b']/text", "t"), set("name", "n"));
    for lines in [[&*text, &*name], [&*name, &*text], [&*text, &*set("mtu", "9000")]] {
        let mut testbed = testbed(&before).await;
        succeeded(&testbed.commit(&probe("a", &lines, &[])).await);
        testbed.restart().await;
        succeeded(&testbed.push(ActionsMode::Force(None)).await);
        succeeded(&testbed.commit(&removed("a")).await);
        assert_eq!((&device(&testbed), kept(&testbed)), (&before, 0), "{lines:?}");
    }
}
