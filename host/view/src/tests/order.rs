//! The order of entries that services remove and make again comes back.

use std::collections::BTreeMap;

use super::played_device::*;

#[test]
fn order_comes_back_when_the_last_owner_goes() {
    for (wanted, expected, moved) in [
        ("c a b", "c a b", 2),
        ("b a c", "b a c", 2),
        ("c b a", "c b a", 2),
        ("b a", "b c a", 1),
        ("a b c", "a b c", 0),
        ("b", "a b c", 0),
    ] {
        let mut device = PlayedDevice::new("a b c", "");
        device.commit(&[("s1", Some(&[&format!("search {wanted}")]))]);
        assert_eq!((&*device.search(), device.changes()), (expected, moved), "{wanted}");
        device.delete("s1");
        assert_eq!((&*device.search(), device.changes()), ("a b c", 0), "{wanted}");
    }
}

#[test]
fn what_is_in_entries_moves_with_them() {
    let shown = |device: &PlayedDevice| {
        let entry = |(_, key, leaves): &Element| {
            leaves
                .iter()
                .fold(key.clone(), |text, (leaf, value)| text + " " + leaf + "=" + value.as_deref().unwrap())
        };
        device.system.iter().map(entry).collect::<Vec<_>>().join(", ")
    };
    let mut device = PlayedDevice::new("", "a b c");
    let before = shown(&device);
    assert_eq!(before, "a text=a note=n, b text=b note=n, c text=c note=n");
    device.commit(&[("s1", Some(&["rule c a b"]))]);
    assert_eq!(shown(&device), "c text=c, a text=a, b text=b");
    device.delete("s1");
    assert_eq!(shown(&device), before);
    assert!(device.originals.is_empty());
}

#[test]
fn order_stays_until_the_last_of_two_owners_goes() {
    for order in [["s1", "s2"], ["s2", "s1"]] {
        for together in [false, true] {
            let mut device = PlayedDevice::new("a b c d", "");
            let lines: Option<&[&str]> = Some(&["search d b a"]);
            if together {
                device.commit(&[("s1", lines), ("s2", lines)]);
            } else {
                device.commit(&[("s1", lines)]);
                device.commit(&[("s2", lines)]);
            }
            assert_eq!(device.search(), "c d b a");
            device.delete(order[0]);
            assert_eq!(device.search(), "c d b a", "{order:?}");
            device.commit(&[(order[1], lines)]);
            device.delete(order[1]);
            assert_eq!((&*device.search(), device.changes()), ("a b c d", 0), "{order:?}");
        }
    }
}

#[test]
fn owners_of_other_entries_of_a_list_go_in_any_order() {
    for order in [["s1", "s2", "s3"], ["s3", "s1", "s2"], ["s2", "s3", "s1"], ["s3", "s2", "s1"]] {
        let mut device = PlayedDevice::new("a b c d e f", "");
        device.commit(&[("s1", Some(&["search c b"]))]);
        assert_eq!(device.search(), "a c d e f b");
        // One removes what stood beside what was moved, the other one moves what stood beside that.
        device.commit(&[("s2", Some(&["remove d"]))]);
        device.commit(&[("s3", Some(&["search f e"]))]);
        assert_eq!(device.search(), "a c f b e");
        for id in order {
            device.delete(id);
        }
        assert_eq!((&*device.search(), device.changes()), ("a b c d e f", 0), "{order:?}");
    }
}

#[test]
fn order_of_a_changed_instance_is_that_of_its_last_run() {
    let mut device = PlayedDevice::new("a b c d", "");
    device.commit(&[("s1", Some(&["search d a b c"]))]);
    assert_eq!(device.search(), "d a b c");
    device.commit(&[("s1", Some(&["search b a"]))]);
    assert_eq!(device.search(), "b c d a");
    device.commit(&[("s1", Some(&["remove c", "search d b"]))]);
    assert_eq!(device.search(), "a d b");
    device.commit(&[("s1", Some(&["search c b"]))]);
    assert_eq!(device.search(), "a c d b");
    // It moves nothing any more.
    device.commit(&[("s1", Some(&[]))]);
    assert_eq!((&*device.search(), device.changes()), ("a b c d", 0));
}

#[test]
fn run_sees_the_original_order() {
    let mut device = PlayedDevice::new("a b c", "");
    let lines: &[&str] = &["see a b c", "search c a b"];
    device.commit(&[("s1", Some(lines))]);
    device.commit(&[("s1", Some(lines))]);
}

#[test]
fn entry_that_is_moved_by_hand_stays() {
    let mut device = PlayedDevice::new("a b c d e", "");
    device.commit(&[("s1", Some(&["search e d"]))]);
    assert_eq!((&*device.search(), device.changes()), ("a b c e d", 1));
    device.by_hand("search", "d a b c e");
    device.delete("s1");
    assert_eq!((&*device.search(), device.changes()), ("d a b c e", 0));
    // What was not moved by hand goes back.
    let mut device = PlayedDevice::new("a b c d e", "");
    device.commit(&[("s1", Some(&["search e d c"]))]);
    assert_eq!((&*device.search(), device.changes()), ("a b e d c", 2));
    device.by_hand("search", "c a b e d");
    device.delete("s1");
    assert_eq!((&*device.search(), device.changes()), ("c a b d e", 0));
    // The next run takes the order by hand as the original one.
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s1", Some(&["search c b"]))]);
    device.by_hand("search", "b a c");
    device.commit(&[("s1", Some(&["search c b"]))]);
    assert_eq!(device.search(), "a c b");
    device.delete("s1");
    assert_eq!((&*device.search(), device.changes()), ("b a c", 0));
}

#[test]
fn entry_goes_back_beside_the_nearest_that_is_there() {
    for (by_hand, expected) in [
        ("a b c e d", "a b c d e"),
        ("a b e d", "a b d e"),
        ("a e d", "a d e"),
        // New entries beside it do not count.
        ("a b c e x d", "a b c d e x"),
        ("x a b c e d y", "x a b c d e y"),
        // Nothing is there beside which it stood.
        ("x d", "x d"),
    ] {
        let mut device = PlayedDevice::new("a b c d e", "");
        device.commit(&[("s1", Some(&["search e d"]))]);
        device.by_hand("search", by_hand);
        device.delete("s1");
        assert_eq!((&*device.search(), device.changes()), (expected, 0), "{by_hand}");
    }
}

#[test]
fn entry_goes_back_beside_one_whose_keys_can_be_written() {
    for (stands, removed) in
        [("a d\"q b c", "b"), ("d\"q b c e", "b"), ("d\"q b c e", "b c"), ("a b d\"q", "b")]
    {
        for list in ["search", "rule"] {
            let [search, rules] = if list == "search" { [stands, ""] } else { ["", stands] };
            let mut device = PlayedDevice::new(search, rules);
            let remove = if list == "search" { "remove" } else { "remove-rule" };
            let lines: Vec<String> = removed.split(' ').map(|entry| format!("{remove} {entry}")).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            device.commit(&[("s1", Some(&lines))]);
            device.delete("s1");
            assert_eq!(device.list(list), stands);
        }
    }
}

#[test]
fn new_entries_are_no_originals() {
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s1", Some(&["set x", "search c b", "set y"]))]);
    assert_eq!((&*device.search(), device.changes()), ("a x c b y", 1));
    device.delete("s1");
    assert_eq!((&*device.search(), device.changes()), ("a b c", 0));
    // Others have made some meanwhile.
    device.commit(&[("s1", Some(&["set x", "search c b", "set y"]))]);
    device.commit(&[("s2", Some(&["set z"]))]);
    device.delete("s1");
    assert_eq!((&*device.search(), device.changes()), ("a b c z", 0));
}

#[test]
fn instance_that_puts_entries_elsewhere_is_in_conflict() {
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s1", Some(&["search c b"]))]);
    let mut refusals = Vec::new();
    for lines in [&["search c a b", "search b c"][..], &["remove b"]] {
        let refused = device.try_commit(&[("s2", Some(lines))]).unwrap_err();
        refusals.push(refused.lines().next().unwrap().to_owned());
    }
    let both: [(&str, Option<&[&str]>); 2] = [("s3", Some(&["search b a"])), ("s4", Some(&["search a b"]))];
    refusals
        .push(PlayedDevice::new("a b", "").try_commit(&both).unwrap_err().lines().next().unwrap().to_owned());
    insta::assert_snapshot!(refusals.join("\n"), @r"
    conflict: `bench[id='s2']` moves `/devices/device[name='r1']/config/system/search[.='b']`, which `bench[id='s1']` has moved elsewhere in its list
    conflict: `bench[id='s2']` removes `/devices/device[name='r1']/config/system/search[.='b']`, which `bench[id='s1']` has set or removed
    conflict: `bench[id='s4']` moves `/devices/device[name='r1']/config/system/search[.='a']`, which `bench[id='s3']` moves elsewhere in its list in the same commit
    ");
    assert_eq!((&*device.search(), device.changes()), ("a c b", 1));
}

#[test]
fn finishing_another_order_is_linear_and_paid() {
    for list in ["search", "rule"] {
        let [first, again, gone] = [100, 400]
            .map(|count| {
                let names: Vec<String> = (0..count).map(|n| format!("e{n}")).collect();
                let mut device = PlayedDevice::new("", "");
                device.by_hand(list, &names.join(" "));
                let line = format!("{list} {}", names.iter().rev().cloned().collect::<Vec<_>>().join(" "));
                let lines: Option<&[&str]> = Some(&[&line]);
                let mut steps = Vec::new();
                for instances in [("s1", lines), ("s1", lines), ("s1", None)] {
                    device.try_commit(&[instances]).unwrap();
                    steps.push((device.steps, device.paid));
                    let is_gone = instances.1.is_none();
                    let moved = device.originals.values().filter(|original| original.is_moved()).count();
                    assert_eq!(moved, if is_gone { 0 } else { count - 1 });
                }
                assert_eq!(device.list(list), names.join(" "));
                [steps[0], steps[1], steps[2]]
            })
            .into_iter()
            .reduce(|once, four| {
                let both = [0, 1, 2].map(|at| (once[at].0, four[at]));
                both.map(|(once, (four, paid))| {
                    eprintln!("{list}: {once} steps for 100, {four} for 400, {paid} paid");
                    assert!(four <= 4 * once + once / 2, "{list}: {once} steps, then {four}");
                    (four, paid)
                })
            })
            .unwrap();
        assert!(first.0 <= first.1 && again.0 <= again.1, "{list}: {first:?} {again:?}");
        assert!(gone.0 <= first.0, "{list}: {gone:?} {first:?}");
    }
}

/// Random sequences, as many as `CONFINE_SEQUENCES` says: the order of what stood by hand is always the one that running all living instances over it gives.
#[test]
fn order_is_what_all_living_instances_give() {
    let mut number = 0_u64;
    let mut below = move |most: usize| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) as usize % most
    };
    let sequences = std::env::var("CONFINE_SEQUENCES").ok().and_then(|count| count.parse().ok());
    for sequence in 0..sequences.unwrap_or(40) {
        let base: Vec<String> = ('a'..='g').take(3 + below(5)).map(String::from).collect();
        let mut base = base.join(" ");
        // What instances put in another order is the same for all of them.
        let mut order: Vec<&str> = base.split(' ').filter(|_| below(3) > 0).collect();
        let count = order.len();
        (0..count).for_each(|at| order.swap(at, below(count)));
        let (order, removed): (String, Vec<String>) = (
            format!("search {}", order.join(" ")),
            base.split(' ')
                .filter(|entry| !order.contains(entry))
                .map(|entry| format!("remove {entry}"))
                .collect(),
        );
        let mut device = PlayedDevice::new(&base, "");
        let mut living: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut log = vec![format!("sequence {sequence}: {base}")];
        for step in 0..12 {
            let id = ["s1", "s2", "s3"][below(3)];
            let mut forced = living.keys().copied().collect::<Vec<_>>();
            match below(6) {
                0 if living.remove(id).is_some() => {
                    device.delete(id);
                    forced.clear();
                }
                1 => {
                    base = format!("{base} h{step}");
                    let stands = format!("{} h{step}", device.search());
                    device.by_hand("search", &stands);
                }
                2 => {}
                _ => {
                    let mut lines = vec![order.clone(), format!("set new-{id}")];
                    lines.extend(removed.iter().cloned());
                    lines.retain(|_| below(2) == 0);
                    if below(2) == 0 {
                        lines.reverse();
                    }
                    living.insert(id, lines);
                    forced = vec![id];
                }
            }
            log.push(format!("{living:?}, of them {forced:?}"));
            let lines = |ids: Vec<&'static str>| -> Vec<(&str, Vec<String>)> {
                ids.into_iter().map(|id| (id, living[id].clone())).collect()
            };
            let play = |device: &mut PlayedDevice, all: Vec<(&str, Vec<String>)>| {
                let all: Vec<(&str, Vec<&str>)> =
                    all.iter().map(|(id, lines)| (*id, lines.iter().map(String::as_str).collect())).collect();
                let all: Vec<(&str, Option<&[&str]>)> =
                    all.iter().map(|(id, lines)| (*id, Some(&**lines))).collect();
                device.commit(&all);
            };
            if !forced.is_empty() {
                play(&mut device, lines(forced));
            }
            let mut fresh = PlayedDevice::new(&base, "");
            play(&mut fresh, lines(living.keys().copied().collect()));
            let by_hand = |device: &PlayedDevice| {
                let search = device.search();
                search
                    .split(' ')
                    .filter(|entry| !entry.starts_with("new"))
                    .map(String::from)
                    .collect::<Vec<_>>()
            };
            assert_eq!(by_hand(&device), by_hand(&fresh), "{log:#?}");
        }
        for id in living.into_keys() {
            device.delete(id);
        }
        assert_eq!((device.search(), device.changes()), (base, 0), "{log:#?}");
    }
}
