//! Random sequences of commits: the device always has what running all living instances over its own configuration gives.
//!
//! `CONFINE_SEQUENCES` sets how many sequences are played, `CONFINE_SEED` the first one.

use std::{collections::BTreeMap, fmt::Write as _};

use confine_backend::ActionsMode;
use confine_controller::Controller;
use confine_test_support::{
    guests::guests,
    testbed::{DaemonTestbed, probe, removed, replaced},
};
use confine_tree::{NodeId, Tree, xml};

/// How many sequences are played by default, and how many commits each has.
const SEQUENCES: u64 = 12;
const STEPS: usize = 12;

/// A device's model in the place of `openconfig-system`, whose prefix the test modules have.
const MODEL: &str = r#"module openconfig-system {
  yang-version 1.1; namespace "http://openconfig.net/yang/system"; prefix oc-sys;
  identity PROTOCOL; identity BGP { base PROTOCOL; } identity OSPF { base PROTOCOL; }
  container system {
    leaf mtu { type uint16; } leaf name { type string; default n; }
    list unit { key number; leaf number { type uint16; } leaf mtu { type uint16; }
      leaf enabled { type boolean; default true; } leaf text { type string; } }
    list protocol { key "identifier name"; leaf identifier { type identityref { base PROTOCOL; } }
      leaf name { type string; } leaf as { type uint32; } }
    choice rate { leaf cir { type uint32; } leaf pir { type uint32; } }
    leaf-list search { type string; ordered-by user; }
    list rule { key name; ordered-by user; leaf name { type string; } leaf text { type string; } }
  } }"#;

const SYSTEM: &str = "/devices/device[name='openconfig1']/config/oc-sys:system";

/// Leaves by path, such as `unit[1]/mtu`; each list entry has its keys.
type Leaves = BTreeMap<String, String>;

/// A generator of numbers (SplitMix64), so that a sequence can be played again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    fn shuffle(&mut self, all: &mut [String]) {
        for at in 0..all.len() {
            let other = self.below(all.len() as u64) as usize;
            all.swap(at, other);
        }
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// What an instance does to a leaf or an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Edit {
    Set(String, String),
    Remove(String),
}

impl Edit {
    fn random(numbers: &mut Numbers) -> Self {
        let paths = [
            "mtu",
            "name",
            "cir",
            "pir",
            "unit[1]/mtu",
            "unit[1]/enabled",
            "unit[1]/text",
            "unit[2]/mtu",
            "unit[2]/text",
            "unit[2]/enabled",
            "protocol[BGP]/as",
            "protocol[OSPF]/as",
        ];
        match numbers.below(6) {
            0 => Self::Remove(
                numbers.one_of(&["mtu", "name", "unit[1]", "unit[1]/text", "protocol[BGP]"]).to_owned(),
            ),
            _ => {
                let path = numbers.one_of(&paths);
                let value = match path.rsplit('/').next().unwrap() {
                    "enabled" => numbers.one_of(&["true", "false"]),
                    "name" | "text" => numbers.one_of(&["n", "x"]),
                    _ => numbers.one_of(&["1", "2"]),
                };
                Self::Set(path.to_owned(), value.to_owned())
            }
        }
    }

    /// Returns whether this sets what the other one removes, or something in it. `is_later` is whether the other one comes
    /// later: a leaf that is set and then removed is only removed.
    fn is_remade(&self, other: &Self, is_later: bool) -> bool {
        match (self, other) {
            (Self::Set(path, _), Self::Remove(above)) => {
                path == above && !is_later || path.starts_with(&format!("{above}/"))
            }
            _ => false,
        }
    }

    /// The line that the probe executes.
    fn line(&self) -> String {
        let path = |path: &str| {
            let path = path.replace("protocol[", "protocol[name='p'][identifier='oc-sys:");
            let path = path.replace("unit[", "unit[number='").replace(']', "']");
            format!("{SYSTEM}/{}", path.replace("'']", "']").replace("name='p''", "name='p'"))
        };
        match self {
            Self::Set(at, value) => format!("set {} {value}", path(at)),
            Self::Remove(at) => format!("remove {}", path(at)),
        }
    }

    fn apply(&self, leaves: &mut Leaves) {
        match self {
            Self::Set(path, value) => {
                for (one, other) in [("cir", "pir"), ("pir", "cir")] {
                    if path == one {
                        leaves.remove(other);
                    }
                }
                if let Some((entry, _)) = path.split_once('/') {
                    leaves.insert(entry.to_owned(), String::new());
                }
                leaves.insert(path.clone(), value.clone());
            }
            Self::Remove(path) => {
                leaves.retain(|leaf, _| leaf != path && !leaf.starts_with(&format!("{path}/")))
            }
        }
    }
}

/// The names of the lists that are `ordered-by user`.
const LISTS: [&str; 2] = ["search", "rule"];

/// What an instance does to a list that is `ordered-by user`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ListEdit {
    /// Removes these entries, and makes them again.
    Order(usize, Vec<String>),
    Remove(usize, String),
    /// Adds entries that the device does not have.
    Make(usize, Vec<String>),
    /// Sets an entry that may stand by hand.
    Want(usize, String),
}

impl ListEdit {
    /// The lines that the probe executes.
    fn lines(&self) -> Vec<String> {
        let entry = |list: usize, name: &str| match list {
            0 => format!("{SYSTEM}/search[.='{name}']"),
            _ => format!("{SYSTEM}/rule[name='{name}']"),
        };
        let remove = |list: usize, name: &str| format!("remove {}", entry(list, name));
        let set = |list: usize, name: &str| match list {
            0 => format!("set {} {name}", entry(0, name)),
            _ => format!("set {}/text {name}", entry(1, name)),
        };
        match self {
            Self::Order(list, names) => {
                let removes = names.iter().map(|name| remove(*list, name));
                removes.chain(names.iter().map(|name| set(*list, name))).collect()
            }
            Self::Remove(list, name) => vec![remove(*list, name)],
            Self::Make(list, names) => names.iter().map(|name| set(*list, name)).collect(),
            Self::Want(list, name) => vec![set(*list, name)],
        }
    }
}

/// The entries of the lists that are `ordered-by user`.
type Entries = [Vec<String>; 2];

/// Returns what edits make of the lists.
fn ordered<'a>(base: &Entries, edits: impl Iterator<Item = &'a ListEdit> + Clone) -> Entries {
    let mut entries = base.clone();
    for (index, entries) in entries.iter_mut().enumerate() {
        let is_removed = |name: &str| {
            edits
                .clone()
                .any(|edit| matches!(edit, ListEdit::Remove(list, other) if *list == index && other == name))
        };
        entries.retain(|name| !is_removed(name));
        // All instances put them in the same order.
        let order = edits.clone().find_map(|edit| match edit {
            ListEdit::Order(list, names) if *list == index => Some(names),
            _ => None,
        });
        let (mut furthest, mut last) = (0, Vec::new());
        for name in order.into_iter().flatten() {
            let position = entries.iter().position(|entry| entry == name).unwrap();
            if position < furthest || !last.is_empty() {
                last.push(name.clone());
            }
            furthest = furthest.max(position);
        }
        entries.retain(|name| !last.contains(name));
        entries.extend(last);
    }
    entries
}

/// Returns the XML of entries of a list.
fn list_xml(list: usize, names: &[String]) -> String {
    let entry = |name: &String| match list {
        0 => format!("<search>{name}</search>"),
        _ => format!("<rule><name>{name}</name><text>{name}</text></rule>"),
    };
    names.iter().map(entry).collect()
}

/// Returns the XML of a system with these leaves and entries.
fn system(leaves: &Leaves, entries: &Entries) -> String {
    let mut text: String = entries.iter().enumerate().map(|(list, names)| list_xml(list, names)).collect();
    for (path, value) in leaves {
        match path.split_once(['[', ']']) {
            None => write!(text, "<{path}>{value}</{path}>").unwrap(),
            Some((list, rest)) if path.ends_with(']') => {
                let key = rest.trim_end_matches(']');
                let keys = match list {
                    "unit" => format!("<number>{key}</number>"),
                    _ => format!(
                        "<identifier xmlns:o='http://openconfig.net/yang/system'>o:{key}</identifier><name>p</name>"
                    ),
                };
                let below = leaves.iter().filter_map(|(leaf, value)| {
                    let leaf = leaf.strip_prefix(path.as_str())?.strip_prefix('/')?;
                    Some(format!("<{leaf}>{value}</{leaf}>"))
                });
                write!(text, "<{list}>{keys}{}</{list}>", below.collect::<String>()).unwrap();
            }
            Some(_) => {}
        }
    }
    format!("<system xmlns='http://openconfig.net/yang/system'>{text}</system>")
}

/// Returns the leaves of the device's system.
fn device(testbed: &DaemonTestbed) -> Leaves {
    let tree = xml::parse(&testbed.device()).unwrap();
    let mut leaves = Leaves::new();
    let system = tree.children(Tree::ROOT).find(|&node| tree.qname(node).local == "system");
    for node in system.into_iter().flat_map(|system| tree.children(system)) {
        let name = tree.qname(node).local;
        if LISTS.contains(&name) {
            continue;
        }
        if let Some(value) = tree.value(node) {
            leaves.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let value = |child: NodeId| tree.value(child).unwrap_or_default();
        let children: Vec<(&str, &str)> =
            tree.children(node).map(|child| (tree.qname(child).local, value(child))).collect();
        let key = children[0].1.rsplit(':').next().unwrap();
        let entry = format!("{name}[{key}]");
        for (local, value) in children {
            if !["number", "identifier", "name"].contains(&local) {
                leaves.insert(format!("{entry}/{local}"), value.to_owned());
            }
        }
        leaves.insert(entry, String::new());
    }
    leaves
}

/// What services make in the lists that are `ordered-by user`.
const MADE: [&str; 4] = ["m1", "m2", "m3", "m4"];

/// Returns the entries of the device's lists that are `ordered-by user`.
fn entries(testbed: &DaemonTestbed) -> Entries {
    let tree = xml::parse(&testbed.device()).unwrap();
    let system = tree.children(Tree::ROOT).find(|&node| tree.qname(node).local == "system");
    LISTS.map(|list| {
        let nodes = system.into_iter().flat_map(|system| tree.children(system));
        let nodes = nodes.filter(|&node| tree.qname(node).local == list);
        let names = nodes.map(|node| match tree.children(node).collect::<Vec<_>>()[..] {
            [] => tree.value(node).unwrap().to_owned(),
            [name, text] => {
                assert_eq!(tree.value(name), tree.value(text));
                tree.value(name).unwrap().to_owned()
            }
            _ => panic!("an entry has lost something: {}", testbed.device()),
        });
        names.collect()
    })
}

/// Leaves out what is set to its default. Where a device may trim defaults, it cannot be known whether it is set.
fn in_use(mut leaves: Leaves) -> Leaves {
    leaves.retain(|path, value| {
        !(path.ends_with("/enabled") && value == "true" || path == "name" && value == "n")
    });
    leaves
}

struct Sequence {
    testbed: DaemonTestbed,
    base: Leaves,
    /// What stands by hand in the lists that are `ordered-by user`, and the order in which services put some of it.
    base_entries: Entries,
    orders: Entries,
    /// The order in which services make entries.
    made: Entries,
    living: BTreeMap<&'static str, (Vec<Edit>, Vec<ListEdit>)>,
    /// What was done, for the message of a failure.
    log: Vec<String>,
    /// Instances contradict each other in what is a default: a device that trims defaults does not show that it is set, so that
    /// comes out when both run.
    is_contradictory: bool,
}

impl Sequence {
    async fn new(numbers: &mut Numbers) -> Self {
        let mut base = Leaves::new();
        for _ in 0..numbers.below(6) {
            let edit = Edit::random(numbers);
            edit.apply(&mut base);
        }
        let base_entries = LISTS.map(|_| {
            let count = 2 + numbers.below(4) as usize;
            ["a", "b", "c", "d", "e"][..count].iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        let orders = [0, 1].map(|list: usize| {
            let mut order: Vec<String> = base_entries[list].clone();
            order.retain(|_| numbers.below(4) > 0);
            numbers.shuffle(&mut order);
            order
        });
        let made = LISTS.map(|_| {
            let mut made = MADE.map(str::to_owned).to_vec();
            numbers.shuffle(&mut made);
            made
        });
        let builder = Controller::builder()
            .device_model("openconfig-system.yang", MODEL)
            .service_model("confine-originals.yang", confine_service::ORIGINALS_MODULE)
            .device("openconfig1", system(&base, &base_entries));
        let services = guests(&["probe", "second"]).await.unwrap();
        let testbed = DaemonTestbed::with_controller(builder, services, "alice").await;
        let log = vec![format!("base {base:?} {base_entries:?}")];
        Self {
            testbed,
            base,
            base_entries,
            orders,
            made,
            living: BTreeMap::new(),
            log,
            is_contradictory: false,
        }
    }

    async fn step(&mut self, numbers: &mut Numbers) {
        let name = numbers.one_of(&["a", "b", "c"]);
        match numbers.below(12) {
            10 => self.add_by_hand(numbers).await,
            11 => self.move_by_hand(numbers).await,
            0 => {
                self.log.push("restart".into());
                self.testbed.restart().await;
            }
            1 | 2 => {
                // What several make is where all of them want it when all have run.
                self.force(None).await;
                let before = self.testbed.device();
                let instance = format!("probe[name='{name}']");
                for forced in [None, Some(&*instance), None] {
                    if self.is_contradictory {
                        return;
                    }
                    self.force(forced).await;
                    assert_eq!(self.testbed.device(), before, "{:#?}", self.log);
                }
            }
            3 | 4 if self.living.contains_key(name) => {
                self.log.push(format!("remove {name}"));
                let committed = self.testbed.commit(&removed(name)).await;
                assert!(committed.succeeded(), "{}\n{:#?}", committed.reason(), self.log);
                self.living.remove(name);
            }
            _ => {
                let mut edits: Vec<Edit> = (0..=numbers.below(3)).map(|_| Edit::random(numbers)).collect();
                // What one instance removes and makes again depends on the order in which the others run.
                let all = edits.clone();
                let mut index = 0;
                edits.retain(|edit| {
                    index += 1;
                    !all.iter().enumerate().any(|(at, other)| edit.is_remade(other, at >= index))
                });
                let lists = self.list_edits(numbers);
                let lines = edits.iter().map(Edit::line);
                let lines: Vec<String> = lines.chain(lists.iter().flat_map(ListEdit::lines)).collect();
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                let instance = match self.living.contains_key(name) {
                    true => replaced(name, &lines, &[]),
                    false => probe(name, &lines, &[]),
                };
                let committed = self.testbed.commit(&instance).await;
                if committed.succeeded() {
                    self.log.push(format!("{name} does {edits:?} {lists:?}"));
                    self.living.insert(name, (edits, lists));
                } else {
                    let reason = committed.reason().to_owned();
                    self.log.push(format!("{name} would do {edits:?} {lists:?}: {reason}"));
                    assert!(reason.starts_with("conflict: "), "{reason}\n{:#?}", self.log);
                    self.testbed.base.discard().await.unwrap();
                }
            }
        }
        self.is_contradictory |= self.contradict_in_defaults();
        if self.is_contradictory {
            return;
        }
        let mut expected = self.base.clone();
        self.living.values().flat_map(|(edits, _)| edits).for_each(|edit| edit.apply(&mut expected));
        assert_eq!(in_use(device(&self.testbed)), in_use(expected), "{:#?}", self.log);
        let expected = ordered(&self.base_entries, self.living.values().flat_map(|(_, lists)| lists));
        let mut found = entries(&self.testbed);
        for (index, found) in found.iter_mut().enumerate() {
            let (made, stands): (Vec<String>, Vec<String>) =
                std::mem::take(found).into_iter().partition(|name| MADE.contains(&&**name));
            *found = stands;
            self.check_made(index, &made);
        }
        assert_eq!(found, expected, "{:#?}", self.log);
    }

    /// Returns whether living instances set a leaf that has a default to different values.
    fn contradict_in_defaults(&self) -> bool {
        let mut values: BTreeMap<&str, &str> = BTreeMap::new();
        let edits = self.living.values().flat_map(|(edits, _)| {
            let mut last: BTreeMap<&str, &str> = BTreeMap::new();
            for edit in edits {
                match edit {
                    Edit::Set(path, value) => drop(last.insert(path, value)),
                    Edit::Remove(above) => last.retain(|path, _| !path.starts_with(above.as_str())),
                }
            }
            last
        });
        let with_default = |path: &str| path == "name" || path.ends_with("/enabled");
        edits
            .filter(|(path, _)| with_default(path))
            .any(|(path, value)| values.insert(path, value).is_some_and(|other| other != value))
    }

    /// Checks that what services make is there, and what only one makes is in the order in which it does.
    fn check_made(&self, index: usize, found: &[String]) {
        let makes = self.living.values().flat_map(|(_, lists)| lists);
        let makes = makes.filter_map(|edit| match edit {
            ListEdit::Make(list, names) if *list == index => Some(names),
            _ => None,
        });
        let makes: Vec<&Vec<String>> = makes.collect();
        assert!(found.iter().all(|name| makes.iter().any(|names| names.contains(name))), "{:#?}", self.log);
        for names in &makes {
            let is_own = |name: &&String| makes.iter().filter(|others| others.contains(name)).count() == 1;
            let own: Vec<&String> = names.iter().filter(is_own).collect();
            let of_this: Vec<&String> = found.iter().filter(|name| own.contains(name)).collect();
            assert_eq!(of_this, own, "{:#?}", self.log);
        }
    }

    fn list_edits(&self, numbers: &mut Numbers) -> Vec<ListEdit> {
        let mut edits = Vec::new();
        for list in 0..LISTS.len() {
            if numbers.below(3) == 0 {
                let mut names = self.made[list].clone();
                names.retain(|_| numbers.below(2) == 0);
                edits.push(ListEdit::Make(list, names));
            }
            if numbers.below(2) == 0 {
                edits.push(ListEdit::Order(list, self.orders[list].clone()));
            }
            for name in ["a", "b", "c", "d", "e"].map(str::to_owned) {
                let stands = self.base_entries[list].contains(&name) && !self.orders[list].contains(&name);
                match numbers.below(6) {
                    0 | 1 if stands => edits.push(ListEdit::Remove(list, name)),
                    2 if stands => edits.push(ListEdit::Want(list, name)),
                    _ => {}
                }
            }
        }
        edits
    }

    /// Somebody adds an entry to a list.
    async fn add_by_hand(&mut self, numbers: &mut Numbers) {
        let list = numbers.below(2) as usize;
        let name = format!("h{}", self.log.len());
        self.log.push(format!("{name} by hand in {}", LISTS[list]));
        self.by_hand(&list_xml(list, std::slice::from_ref(&name))).await;
        self.base_entries[list].push(name);
        self.force(None).await;
    }

    /// Somebody moves the last entry of a list to the beginning, if no service has changed the list.
    async fn move_by_hand(&mut self, numbers: &mut Numbers) {
        let list = numbers.below(2) as usize;
        let mut edits = self.living.values().flat_map(|(_, lists)| lists);
        let is_changed = edits.any(|edit| match edit {
            ListEdit::Order(other, _) | ListEdit::Remove(other, _) => *other == list,
            ListEdit::Make(..) | ListEdit::Want(..) => false,
        });
        if is_changed {
            return;
        }
        let Some(name) = self.base_entries[list].pop() else { return };
        self.log.push(format!("{name} moved by hand in {}", LISTS[list]));
        let entry = list_xml(list, std::slice::from_ref(&name));
        let first = " xmlns:y='urn:ietf:params:xml:ns:yang:1' y:insert='first'>";
        self.by_hand(&entry.replacen('>', first, 1)).await;
        self.base_entries[list].insert(0, name);
        self.force(None).await;
    }

    async fn by_hand(&mut self, system: &str) {
        let edit = format!(
            "<devices xmlns='http://clicon.org/controller'><device><name>openconfig1</name><config>\
             <system xmlns='http://openconfig.net/yang/system'>{system}</system></config></device></devices>"
        );
        self.testbed.change_elsewhere(&edit).await;
    }

    async fn force(&mut self, instance: Option<&str>) {
        self.log.push(format!("force {instance:?}"));
        let committed = self.testbed.push(ActionsMode::Force(instance)).await;
        let reason = committed.reason();
        let is_default = |leaf: &str| reason.contains(leaf) && reason.starts_with("conflict: ");
        self.is_contradictory = !committed.succeeded() && (is_default("/enabled`") || is_default("/name`"));
        assert!(committed.succeeded() || self.is_contradictory, "{reason}\n{:#?}", self.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn device_has_what_all_living_instances_give() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("CONFINE_SEED").unwrap_or(1);
    for seed in first..first + number("CONFINE_SEQUENCES").unwrap_or(SEQUENCES) {
        let mut numbers = Numbers(seed);
        let mut sequence = Sequence::new(&mut numbers).await;
        sequence.log.push(format!("seed {seed}"));
        for _ in 0..STEPS {
            if !sequence.is_contradictory {
                sequence.step(&mut numbers).await;
            }
        }
        if sequence.is_contradictory {
            continue;
        }
        for name in ["a", "b", "c"] {
            if sequence.living.remove(name).is_some() {
                sequence.log.push(format!("remove {name}"));
                let committed = sequence.testbed.commit(&removed(name)).await;
                assert!(committed.succeeded(), "{}\n{:#?}", committed.reason(), sequence.log);
            }
        }
        assert_eq!(device(&sequence.testbed), sequence.base, "{:#?}", sequence.log);
        assert_eq!(entries(&sequence.testbed), sequence.base_entries, "{:#?}", sequence.log);
    }
}
