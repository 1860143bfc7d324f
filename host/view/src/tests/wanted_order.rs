//! Entries that services make or want stay where they are.

use std::collections::BTreeMap;

use super::{played_device::*, *};
use crate::CreatedObject;

#[test]
fn first_entries_come_back_behind_what_was_put_before_them() {
    for (removed, by_hand, expected) in [
        ("a", "h b c", "h a b c"),
        ("a b", "h c", "h a b c"),
        ("b a", "h c i", "h a b c i"),
        ("a b c", "h", "a b c h"),
        ("b", "h a c", "h a b c"),
    ] {
        let lines: Vec<String> = removed.split(' ').map(|entry| format!("remove {entry}")).collect();
        let mut device = PlayedDevice::new("a b c", "");
        device.commit(&[("s1", Some(&lines.iter().map(String::as_str).collect::<Vec<_>>()))]);
        device.by_hand("search", by_hand);
        device.delete("s1");
        assert_eq!((&*device.search(), device.originals.len()), (expected, 0), "{removed} {by_hand}");
    }
}

#[test]
fn new_entries_go_before_those_that_are_set_after_them() {
    let mut device = PlayedDevice::new("a b", "b e d");
    device
        .try_commit(&[("s1", Some(&["make-rule m", "rule b e d", "make-rule n", "set x", "set b"]))])
        .unwrap();
    assert_eq!((&*device.search(), &*device.list("rule")), ("a x b", "m b e d n"));
}

#[test]
fn entry_that_an_instance_wants_is_not_removed_by_another() {
    let mut device = PlayedDevice::new("a b c", "r q");
    device.commit(&[("s1", Some(&["set b", "create-rule r"]))]);
    let stands = (device.search(), device.xml());
    let mut refusals = Vec::new();
    for lines in [&["remove b"][..], &["remove-rule r"]] {
        let refused = device.try_commit(&[("s2", Some(lines))]).unwrap_err();
        refusals.push(refused.lines().next().unwrap().to_owned());
        device.living.remove("s2");
    }
    insta::assert_snapshot!(refusals.join("\n"), @r"
    conflict: `bench[id='s2']` removes `/devices/device[name='r1']/config/system/search[.='b']`, which `bench[id='s1']` has set or removed
    conflict: `bench[id='s2']` removes `/devices/device[name='r1']/config/system/rule[name='r']`, which `bench[id='s1']` has set or removed
    ");
    assert_eq!((device.search(), device.xml()), stands);
    // Another one may want it too, and put it elsewhere in its list.
    device.commit(&[("s2", Some(&["set b", "search c a"]))]);
    device.delete("s2");
    device.delete("s1");
    assert_eq!((&*device.search(), device.originals.len()), ("a b c", 0));
    device.commit(&[("s2", Some(&["remove b", "remove-rule r"]))]);
    assert_eq!((&*device.search(), &*device.list("rule")), ("a c", "q"));
    device.delete("s2");
    assert_eq!((&*device.search(), &*device.list("rule")), ("a b c", "r q"));
}

#[test]
fn entry_that_was_wanted_and_is_removed_comes_back_whole() {
    let mut device = PlayedDevice::new("", "r q");
    let before = device.system.clone();
    device.commit(&[("s1", Some(&["create-rule r"]))]);
    device.commit(&[("s1", Some(&["remove-rule r"]))]);
    assert_eq!(device.list("rule"), "q");
    device.commit(&[("s1", Some(&["create-rule r"]))]);
    assert_eq!(device.system, before);
    device.commit(&[("s1", Some(&["remove-rule r"]))]);
    device.delete("s1");
    assert_eq!((&device.system, device.originals.len()), (&before, 0));
    // What somebody has removed by hand is not made again.
    device.commit(&[("s1", Some(&["create-rule r"]))]);
    device.by_hand("rule", "q");
    device.delete("s1");
    assert_eq!((&*device.list("rule"), device.originals.len()), ("q", 0));
}

#[test]
fn entry_that_is_made_again_after_its_removal_goes_to_its_place() {
    for last in [&["rule c", "make-rule a", "make-rule b"][..], &["make-rule b"], &["rule c", "make-rule b"]]
    {
        let mut device = PlayedDevice::new("", "a b c");
        device.commit(&[("s1", Some(&["make-rule m", "rule c", "remove-rule b"]))]);
        assert_eq!(device.list("rule"), "a m c");
        device.commit(&[("s1", Some(last))]);
        assert_eq!(device.list("rule"), "a b c", "{last:?}");
        device.delete("s1");
        assert_eq!((&*device.list("rule"), device.originals.len()), ("a b c", 0), "{last:?}");
    }
}

#[test]
fn what_stood_goes_before_hidden_entries_of_services() {
    let run = |hidden: &[&str]| {
        let mut device = PlayedDevice::new("", "a b c");
        device.commit(&[("s2", Some(&["make-rule x"]))]);
        device.hidden = hidden.iter().map(ToString::to_string).collect();
        device.try_commit(&[("s1", Some(&["rule c b"]))]).unwrap();
        let once = device.list("rule");
        device.hidden.clear();
        let again = device.try_commit(&[("s1", Some(&["rule c b"]))]);
        (once, again, device.list("rule"))
    };
    assert_eq!(run(&[]), run(&["x"]));
}

#[test]
fn order_of_an_instance_does_not_depend_on_who_runs_before() {
    let (s1, s2): (&[&str], &[&str]) = (&["make-rule x"], &["make-rule x", "make-rule m"]);
    for together in [false, true] {
        let mut device = PlayedDevice::new("", "");
        device.commit(&[("s1", Some(s1)), ("s2", Some(s2))]);
        device.by_hand("rule", "m x");
        let both = [("s1", Some(s1)), ("s2", Some(s2))];
        device.try_commit(if together { &both } else { &both[1..] }).unwrap();
        assert_eq!(device.list("rule"), "x m", "{together}");
    }
}

#[test]
fn hidden_entry_that_a_module_makes_stays_where_it_is() {
    let mut device = PlayedDevice::new("", "a h g b");
    device.hidden = vec!["h".into(), "g".into()];
    for _ in 0..3 {
        device.try_commit(&[("s1", Some(&["make-rule h", "make-rule n"]))]).unwrap();
        assert_eq!(device.list("rule"), "a h g b n");
    }
}

#[test]
fn hidden_entries_cost_a_module_nothing() {
    let paid = |hidden: usize, line: &str| {
        let names: Vec<String> = (0..hidden).map(|number| format!("h{number}")).collect();
        let mut device = PlayedDevice::new("", "");
        device.commit(&[("s1", Some(&["make-rule x"]))]);
        device.by_hand("rule", &format!("x v {}", names.join(" ")));
        device.hidden = names;
        device.try_commit(&[("s1", Some(&["make-rule x", line]))]).unwrap();
        device.paid
    };
    for line in ["make-rule h1", "make-rule g", "remove-rule h1", "see"] {
        assert_eq!(paid(0, line), paid(50, line), "{line}");
    }
}

#[test]
fn move_of_a_wanted_entry_is_on_record() {
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s1", Some(&["set b"])), ("s2", Some(&["set b"]))]);
    device.commit(&[("s2", Some(&["search c b"]))]);
    assert_eq!(device.search(), "a c b");
    device.delete("s2");
    assert_eq!(device.search(), "a b c");
}

#[test]
fn wanted_entry_that_another_removes_comes_back_whole() {
    let mut device = PlayedDevice::new("", "r q");
    let before = device.system.clone();
    device.commit(&[("s1", Some(&["create-rule r"])), ("s2", Some(&["create-rule r"]))]);
    device.scope = || open_scope().with_last_wins(true);
    device.try_commit(&[("s2", Some(&["remove-rule r"]))]).unwrap();
    assert_eq!(device.list("rule"), "q");
    device.delete("s1");
    device.delete("s2");
    assert_eq!(device.system, before);
}

#[test]
fn all_who_want_an_entry_are_on_record() {
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s1", Some(&["set b"]))]);
    device.commit(&[("s2", Some(&["set b"]))]);
    device.delete("s2");
    let refused = device.try_commit(&[("s3", Some(&["remove b"]))]);
    assert!(refused.is_err(), "{refused:?} {}", device.search());
}

#[test]
fn who_wants_an_entry_stays_on_record_when_it_is_moved() {
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s1", Some(&["set b"]))]);
    device.commit(&[("s2", Some(&["search c b"]))]);
    device.delete("s2");
    assert_eq!(device.search(), "a b c");
    let refused = device.try_commit(&[("s3", Some(&["remove b"]))]);
    assert!(refused.is_err(), "{refused:?} {}", device.search());
}

#[test]
fn record_of_a_removal_is_not_replaced() {
    let mut device = PlayedDevice::new("", "r q");
    let before = device.system.clone();
    device.commit(&[("s1", Some(&["remove-rule r"]))]);
    device.by_hand("rule", "r q");
    device.commit(&[("s2", Some(&["create-rule r"]))]);
    device.delete("s2");
    device.delete("s1");
    assert_eq!(device.system, before);
}

#[test]
fn entry_of_a_module_that_writes_only_its_leaves_stays() {
    let mut device = PlayedDevice::new("", "v");
    device.scope = || {
        let mut steps: Vec<PatternStep> = ["devices", "device", "config"]
            .map(|local| PatternStep::new(QName::new(CONTROLLER, local)))
            .into();
        steps.extend(["system", "rule", "text"].map(|local| PatternStep::new(QName::new("urn:sys", local))));
        let services = PatternStep::new(QName::new(CONTROLLER, "services"));
        let instances = Pattern { steps: vec![services, service("bench")] };
        Scope::new("bench", [service("bench")], vec![Pattern { steps }]).with_reads(&[instances])
    };
    let lines: Option<&[&str]> = Some(&["make-rule x", "make-rule y"]);
    device.commit(&[("s1", lines)]);
    assert_eq!(device.list("rule"), "v x y");
    device.by_hand("rule", "v x y z");
    assert_eq!(device.try_commit(&[("s1", lines)]), Ok(false));
    assert_eq!(device.list("rule"), "v x y z");
}

#[test]
fn entry_stays_among_those_that_the_user_may_not_read() {
    for (stands, hidden) in
        [("h x v", "h"), ("a h x v", "h"), ("a x h b", "h"), ("x h b", "h"), ("a x h", "h")]
    {
        let mut device = PlayedDevice::new("", "");
        device.commit(&[("s1", Some(&["make-rule x"]))]);
        device.by_hand("rule", stands);
        device.hidden = vec![hidden.into()];
        device.try_commit(&[("s1", Some(&["make-rule x"]))]).unwrap();
        assert_eq!(device.list("rule"), stands, "{stands}");
    }
}

#[test]
fn new_entry_goes_to_its_place_among_hidden_ones() {
    let mut device = PlayedDevice::new("", "");
    device.commit(&[("s1", Some(&["make-rule x"]))]);
    device.by_hand("rule", "h x v");
    device.hidden = vec!["h".into()];
    device.strips = false;
    device.try_commit(&[("s1", Some(&["make-rule n", "make-rule x"]))]).unwrap();
    assert_eq!(device.list("rule"), "h n x v");
}

#[test]
fn restored_entry_without_a_place_goes_to_the_end() {
    let mut device = PlayedDevice::new("a b", "");
    device.commit(&[("s1", Some(&["remove b"])), ("s2", Some(&["set x"]))]);
    assert_eq!(device.search(), "a x");
    device.by_hand("search", "h x i");
    device.try_commit(&[("s1", None), ("s2", Some(&["set x"]))]).unwrap();
    assert_eq!(device.search(), "h x i b");
}

#[test]
fn moved_entry_that_is_wanted_later_is_both_on_record() {
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s2", Some(&["search c b"]))]);
    device.commit(&[("s1", Some(&["set b"]))]);
    device.delete("s2");
    assert_eq!(device.search(), "a b c");
    let refused = device.try_commit(&[("s3", Some(&["remove b"]))]);
    assert!(refused.is_err(), "{refused:?} {}", device.search());
}

#[test]
fn wanted_entry_that_is_gone_does_not_come_back_empty() {
    let mut device = PlayedDevice::new("", "r q");
    device.commit(&[("s1", Some(&["create-rule r"])), ("s2", Some(&["create-rule r"]))]);
    device.by_hand("rule", "q");
    device.try_commit(&[("s2", Some(&["remove-rule r"]))]).unwrap();
    device.delete("s1");
    device.delete("s2");
    assert_eq!(device.list("rule"), "q");
}

#[test]
fn entries_in_an_owned_entry_are_in_the_order_of_the_instance() {
    let models = system_with(
        "list acl { key name; leaf name { type string; } list rule { key id; ordered-by user; leaf id { type string; } } }",
    );
    for stands in [["i1", "i2"].as_slice(), &["i1", "i2", "n"]] {
        let rules: String = stands.iter().map(|id| format!("<rule><id>{id}</id></rule>")).collect();
        let models = models.clone();
        let xml = format!(
            "<services xmlns='{CONTROLLER}'><bench><id>s1</id></bench></services><devices xmlns='{CONTROLLER}'><device><name>r1</name>\
         <config><system xmlns='urn:sys'><acl><name>A</name>{rules}</acl></system></config></device></devices>"
        );
        let mut commit = Commit::with(models, &xml, open_scope());
        let acl = commit.resolved("/devices/device[name='r1']/config/sys:system/acl[name='A']");
        let draft = commit.draft();
        block(draft.read(std::slice::from_ref(&acl))).unwrap();
        draft.strip(&acl).unwrap();
        commit.run("s1", async |view| {
            for id in ["n", "i1", "i2"] {
                view.create(&format!(
                    "/devices/device[name='r1']/config/sys:system/acl[name='A']/rule[id='{id}']"
                ))
                .await
                .unwrap();
            }
        });
        let mut owners = OwnerIndex::new();
        owners.replace(
            &instance("s1"),
            vec![CreatedObject {
                path: acl.created().unwrap(),
                place: Some(acl),
                shared: false,
                ambiguous: false,
            }],
        );
        let sent = commit.finish(&["s1"], &owners);
        assert!(sent.contains(r#"insert="first""#), "{stands:?}: {sent}");
    }
}

#[test]
fn runs_of_some_of_the_instances_move_nothing() {
    let mut device = PlayedDevice::new("a b c", "");
    let (s1, s2): (&[&str], &[&str]) = (&["set x"], &["search c b"]);
    device.commit(&[("s2", Some(s2)), ("s1", Some(s1))]);
    let stands = device.search();
    let mut moved = Vec::new();
    for _ in 0..3 {
        for forced in [&[("s2", Some(s2))][..], &[("s1", Some(s1))], &[("s2", Some(s2)), ("s1", Some(s1))]] {
            device.try_commit(forced).unwrap();
            moved.push(device.search());
        }
    }
    assert!(moved.iter().all(|search| *search == stands), "{stands}: {moved:?}");
}

#[test]
fn made_entries_keep_their_order_whatever_is_done_by_hand() {
    let mut number = 7_u64;
    let mut below = move |most: usize| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) as usize % most
    };
    for sequence in 0..400 {
        let mut device = PlayedDevice::new("", "h1 h2 h3");
        let mut living: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut log = Vec::new();
        for step in 0..10 {
            device.strips = below(3) > 0;
            let id = ["s1", "s2", "s3"][below(3)];
            let mut ids: Vec<&str> = living.keys().copied().collect();
            match below(5) {
                0 if living.remove(id).is_some() => {
                    device.delete(id);
                    ids.clear();
                }
                1 => {
                    let mut all: Vec<String> = device.list("rule").split(' ').map(String::from).collect();
                    let at = below(all.len() + 1);
                    all.insert(at, format!("h{step}x"));
                    device.by_hand("rule", &all.join(" "));
                }
                2 => {
                    ids.retain(|_| below(2) == 0);
                }
                _ => {
                    let mut names: Vec<String> = (0..5).map(|n| format!("make-rule {id}-{n}")).collect();
                    names.retain(|_| below(3) > 0);
                    let count = names.len();
                    (0..count).for_each(|at| names.swap(at, below(count)));
                    living.insert(id, names);
                    ids = vec![id];
                }
            }
            let before = device.list("rule");
            let all: Vec<(&str, Vec<&str>)> =
                ids.iter().map(|id| (*id, living[id].iter().map(String::as_str).collect())).collect();
            let all: Vec<(&str, Option<&[&str]>)> =
                all.iter().map(|(id, lines)| (*id, Some(&**lines))).collect();
            if !all.is_empty() {
                device.commit(&all);
            }
            let after = device.list("rule");
            log.push(format!("{} {ids:?} {:?}: {before} -> {after}", device.strips, living));
            let hands =
                |list: &str| list.split(' ').filter(|e| e.starts_with('h')).collect::<Vec<_>>().join(" ");
            assert_eq!(hands(&before), hands(&after), "{sequence} {log:#?}");
            for (id, lines) in &living {
                let made: Vec<&str> = lines.iter().map(|line| &line[10..]).collect();
                let found: Vec<&str> = after.split(' ').filter(|e| e.starts_with(id)).collect();
                assert_eq!(made, found, "{sequence} {log:#?}");
            }
        }
    }
}

#[test]
fn entry_behind_very_many_does_not_come_back_first() {
    let mut device = PlayedDevice::new("a", "");
    let lines: Vec<String> = (0..120).map(|n| format!("set x{n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    device.commit(&[("s1", Some(&lines))]);
    let stands = format!("{} b", device.search());
    device.by_hand("search", &stands);
    device.commit(&[("s1", Some(&lines))]);
    device.commit(&[("s2", Some(&["remove b"]))]);
    device.delete("s2");
    assert_eq!(device.search(), stands);
}

#[test]
fn modules_of_one_instance_make_one_order() {
    let mut device = PlayedDevice::new("", "");
    device.commit(&[("s1", Some(&["make-rule b"]))]);
    device.commit(&[("s1", Some(&["make-rule a"])), ("s1", Some(&["make-rule b"]))]);
    assert_eq!(device.list("rule"), "a b");
}
