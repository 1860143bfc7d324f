//! What several instances remove, one of them with what is above it.

use super::played_device::*;

type Lines = &'static [&'static str];

/// Commits two instances one after another, or together, and deletes them in both orders.
fn in_every_order(lines: [Lines; 2], left: [&str; 2]) {
    for (together, first) in [(false, 0), (true, 0), (false, 1), (true, 1)] {
        let mut device = PlayedDevice::new("", "a b c");
        let before = device.system.clone();
        let all = [("s1", Some(lines[0])), ("s2", Some(lines[1]))];
        if together {
            device.commit(&all);
        } else {
            device.commit(&[all[first]]);
            device.commit(&[all[1 - first]]);
        }
        device.commit(&all);
        device.delete(all[first].0);
        let rules = device.xml();
        let rules = &rules[rules.find("<rule>").unwrap()..rules.find("</system>").unwrap()];
        assert_eq!(rules, left[first], "{together} {first}");
        // The one that is left may run again.
        device.commit(&[all[1 - first]]);
        device.delete(all[1 - first].0);
        assert_eq!((&device.system, device.originals.len()), (&before, 0), "{together} {first}");
    }
}

#[test]
fn removed_leaf_stays_away_when_its_entry_comes_back() {
    let (a, b, c) = (
        "<rule><name>a</name><text>a</text><note>n</note></rule>",
        "<rule><name>b</name><text>b</text><note>n</note></rule>",
        "<rule><name>c</name><text>c</text><note>n</note></rule>",
    );
    let without = b.replace("<text>b</text>", "");
    in_every_order([&["remove-rule b"], &["no-text b"]], [&format!("{a}{without}{c}"), &format!("{a}{c}")]);
    // Not all that is removed was there.
    in_every_order(
        [&["remove-rule b"], &["no-text b", "no-text x"]],
        [&format!("{a}{without}{c}"), &format!("{a}{c}")],
    );
}

#[test]
fn leaf_that_is_not_made_again_with_its_entry_stays_away() {
    let a = "<rule><name>a</name><text>a</text><note>n</note></rule>";
    let [b, c] = ["b", "c"].map(|name| format!("<rule><name>{name}</name><text>{name}</text></rule>"));
    let whole = |rule: &str| rule.replace("</text>", "</text><note>n</note>");
    let (moved, back) = (format!("{a}{c}{b}"), format!("{a}{b}{}", whole(&c)));
    in_every_order([&["rule c b"], &["no-note b"]], [&back, &moved]);
}

#[test]
fn leaf_of_another_is_not_lost_when_its_entry_is_made_again() {
    let mut device = PlayedDevice::new("", "a b c");
    device.commit(&[("s1", Some(&["note b m"]))]);
    let refused = device.try_commit(&[("s2", Some(&["rule c b"]))]).unwrap_err();
    insta::assert_snapshot!(refused.lines().next().unwrap(), @"conflict: `bench[id='s2']` removes `/devices/device[name='r1']/config/system/rule[name='b']`, which `bench[id='s1']` has set or removed");
    let mut device = PlayedDevice::new("", "a b c");
    device.commit(&[("s2", Some(&["rule c b"]))]);
    let refused = device.try_commit(&[("s1", Some(&["note b m"]))]).unwrap_err();
    assert!(refused.starts_with("conflict: "), "{refused}");
}

#[test]
fn entry_that_one_puts_elsewhere_may_be_wanted_by_another() {
    for together in [false, true] {
        let mut device = PlayedDevice::new("", "a b c");
        let all: [(&str, Option<&[&str]>); 2] =
            [("s1", Some(&["rule c b"])), ("s2", Some(&["create-rule b"]))];
        if together {
            device.commit(&all);
        } else {
            all.iter().for_each(|one| device.commit(&[*one]));
        }
        assert_eq!(device.list("rule"), "a c b", "{together}");
    }
}

#[test]
fn entry_that_several_put_elsewhere_is_not_removed_by_another() {
    for remover in ["s0", "s1a", "s4"] {
        let mut device = PlayedDevice::new("", "a b c");
        let order: Option<&[&str]> = Some(&["rule c b"]);
        let mut all = vec![("s1", order), ("s2", order), ("s3", order), (remover, Some(&["remove-rule b"]))];
        all.sort_by_key(|(id, _)| *id);
        let refused = device.try_commit(&all).unwrap_err();
        assert!(refused.starts_with("conflict: "), "{remover}: {refused}");
    }
}

#[test]
fn entry_goes_back_whatever_was_read_between_those_of_its_list() {
    let mut device = PlayedDevice::new("a f", "a b c");
    device.commit(&[("s1", Some(&["no-text b", "remove-rule c", "set f", "note e n"]))]);
    device.commit(&[("s1", Some(&["set f"]))]);
    assert_eq!(device.list("rule"), "a b c");
}

#[test]
fn value_of_another_that_was_changed_by_hand_is_no_conflict() {
    let mut device = PlayedDevice::new("", "a");
    device.commit(&[("s1", Some(&["note a x"]))]);
    device.system[0].2.retain(|(leaf, _)| leaf != "note");
    device.system[0].2.push(("note".into(), Some("hand".into())));
    device.commit(&[("s2", Some(&["note a x"]))]);
    // The other one still wants it.
    device.delete("s2");
    assert!(device.xml().contains("<note>x</note>"), "{}", device.xml());
    device.delete("s1");
    assert!(device.xml().contains("<note>hand</note>"), "{}", device.xml());
    assert_eq!(device.originals.len(), 0);
}
