//! Random sequences of commits: the device always has what running all living instances over its own configuration gives.

use std::collections::BTreeMap;

use super::played_device::*;

/// A generator of numbers, so that a sequence can be played again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// What stood by hand, and in which order instances put it.
struct Base {
    search: String,
    rules: String,
    orders: [String; 2],
}

impl Base {
    fn new(numbers: &mut Numbers) -> Self {
        let [search, rules] = [0, 1].map(|_| "a b c d e f"[..2 * (2 + numbers.below(5)) - 1].to_owned());
        let orders = [&search, &rules].map(|list| {
            let mut order: Vec<&str> = list.split(' ').filter(|_| numbers.below(2) > 0).collect();
            let count = order.len();
            (0..count).for_each(|at| order.swap(at, numbers.below(count)));
            order.join(" ")
        });
        Self { search, rules, orders }
    }

    fn device(&self) -> PlayedDevice {
        PlayedDevice::new(&self.search, &self.rules)
    }

    /// Returns what an instance does.
    fn lines(&self, id: &str, numbers: &mut Numbers) -> Vec<String> {
        let all = ["a", "b", "c", "d", "e", "f"];
        let mut lines: Vec<String> = Vec::new();
        for _ in 0..=numbers.below(5) {
            let entry = numbers.one_of(&all);
            let what = [
                "remove",
                "remove-rule",
                "no-text",
                "no-note",
                "set",
                "create-rule",
                "text",
                "note",
                "make",
                "order",
            ];
            let line = match numbers.one_of(&what) {
                "order" if numbers.below(2) == 0 => format!("search {}", self.orders[0]),
                "order" => format!("rule {}", self.orders[1]),
                "make" => format!("set {id}-{}", numbers.below(3)),
                "text" => format!("text {entry} {entry}"),
                "note" => format!("note {entry} {}", numbers.one_of(&["n", "m"])),
                // Whatever is not there is what services make.
                what => format!("{what} {entry}"),
            };
            // What one instance removes and makes again depends on the order in which the others run.
            let is_remade = |other: &String| {
                let (other, made) = (touched(other), touched(&line));
                other.iter().any(|(list, entry, leaf, removes)| {
                    made.iter().any(|(list2, entry2, leaf2, removes2)| {
                        list == list2
                            && entry == entry2
                            && removes != removes2
                            && (leaf == leaf2 || leaf.is_empty() || leaf2.is_empty())
                    })
                })
            };
            if !lines.iter().any(is_remade) && !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

/// Returns what a line touches: list, entry, leaf, and whether it removes it.
fn touched(line: &str) -> Vec<(&str, &str, &str, Option<bool>)> {
    let (what, entries) = line.split_once(' ').unwrap();
    let entry = entries.split(' ').next().unwrap();
    match what {
        "remove" => vec![("search", entry, "", Some(true))],
        "set" => vec![("search", entry, "", Some(false))],
        "remove-rule" => vec![("rule", entry, "", Some(true))],
        "create-rule" => vec![("rule", entry, "", Some(false))],
        "no-text" => vec![("rule", entry, "text", Some(true))],
        "no-note" => vec![("rule", entry, "note", Some(true))],
        "text" => vec![("rule", entry, "text", Some(false))],
        "note" => vec![("rule", entry, "note", Some(false))],
        list => entries.split(' ').map(|entry| (list, entry, "", None)).collect(),
    }
}

type Living = BTreeMap<&'static str, Vec<String>>;

fn try_play(device: &mut PlayedDevice, ids: &[&'static str], living: &Living) -> Result<bool, String> {
    let lines: Vec<(&str, Option<Vec<&str>>)> = ids
        .iter()
        .map(|id| (*id, living.get(id).map(|lines| lines.iter().map(String::as_str).collect())))
        .collect();
    let lines: Vec<(&str, Option<&[&str]>)> =
        lines.iter().map(|(id, lines)| (*id, lines.as_deref())).collect();
    device.try_commit(&lines)
}

/// Runs all instances until nothing changes. What one instance makes may go elsewhere once more, if another one has moved those
/// beside which it was made.
fn force(device: &mut PlayedDevice, living: &Living, log: &mut Vec<String>) {
    let all: Vec<&str> = living.keys().copied().collect();
    log.push(format!("force {all:?}"));
    if !all.is_empty() {
        let mut play = || try_play(device, &all, living).unwrap_or_else(|error| panic!("{error} {log:#?}"));
        assert!((0..3).any(|_| !play()), "{log:#?}");
    }
}

/// Returns the entries that stood by hand, in order, and what instances have made.
fn parts(device: &PlayedDevice, base: &Base) -> (Vec<Element>, Vec<Element>) {
    let stood = |(list, key, _): &Element| {
        let known = if list == "search" { &base.search } else { &base.rules };
        known.split(' ').any(|name| name == key)
    };
    let (mut by_hand, mut made): (Vec<Element>, Vec<Element>) =
        device.system.iter().cloned().partition(stood);
    made.sort();
    by_hand.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    (by_hand, made)
}

/// As many sequences as `CONFINE_SEQUENCES` says, from the one that `CONFINE_SEED` says.
#[test]
fn device_has_what_all_living_instances_give() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("CONFINE_SEED").unwrap_or(1);
    let (mut commits, mut refused) = (0, 0);
    for seed in first..first + number("CONFINE_SEQUENCES").unwrap_or(40) {
        let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut base = Base::new(&mut numbers);
        let mut device = base.device();
        let mut living = Living::new();
        let mut log = vec![format!("seed {seed}: {} / {}", base.search, base.rules)];
        for step in 0..12 {
            let id = ["s1", "s2", "s3"][numbers.below(3)];
            match numbers.below(8) {
                0 | 1 if living.remove(id).is_some() => {
                    log.push(format!("delete {id}"));
                    try_play(&mut device, &[id], &living).unwrap_or_else(|error| panic!("{error} {log:#?}"));
                }
                2 => {
                    let name = format!("h{step}");
                    log.push(format!("{name} by hand"));
                    for (list, known) in [("search", &mut base.search), ("rule", &mut base.rules)] {
                        *known = format!("{known} {name}");
                        let stands = format!("{} {name}", device.list(list));
                        device.by_hand(list, &stands);
                    }
                    force(&mut device, &living, &mut log);
                }
                3 => force(&mut device, &living, &mut log),
                _ => {
                    let before = living.insert(id, base.lines(id, &mut numbers));
                    commits += 1;
                    match try_play(&mut device, &[id], &living) {
                        Ok(_) => log.push(format!("{id} does {:?}", living[id])),
                        Err(error) => {
                            refused += 1;
                            assert!(error.starts_with("conflict: "), "{error} {log:#?}");
                            log.push(format!("{id} would do {:?}: {error}", living[id]));
                            device.living.remove(id);
                            match before {
                                Some(before) => {
                                    device.living.insert(id.into(), before.clone());
                                    living.insert(id, before);
                                }
                                None => drop(living.remove(id)),
                            }
                        }
                    }
                }
            }
            let mut fresh = base.device();
            let all: Vec<&str> = living.keys().copied().collect();
            let gives = try_play(&mut fresh, &all, &living);
            assert!(gives.is_ok(), "{gives:?} {log:#?}");
            assert_eq!(parts(&device, &base), parts(&fresh, &base), "{log:#?}");
        }
        for id in living.keys().copied().collect::<Vec<_>>() {
            living.remove(id);
            log.push(format!("delete {id}"));
            try_play(&mut device, &[id], &living).unwrap();
        }
        assert_eq!((parts(&device, &base), device.changes()), (parts(&base.device(), &base), 0), "{log:#?}");
    }
    // One sequence may be of contradictions.
    assert!(commits < 100 || refused * 2 < commits, "{refused} of {commits} commits were refused");
}
