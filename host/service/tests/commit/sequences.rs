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

/// Returns the XML of a system with these leaves.
fn system(leaves: &Leaves) -> String {
    let mut text = String::new();
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
    living: BTreeMap<&'static str, Vec<Edit>>,
    /// What was done, for the message of a failure.
    log: Vec<String>,
}

impl Sequence {
    async fn new(numbers: &mut Numbers) -> Self {
        let mut base = Leaves::new();
        for _ in 0..numbers.below(6) {
            let edit = Edit::random(numbers);
            edit.apply(&mut base);
        }
        let builder = Controller::builder()
            .device_model("openconfig-system.yang", MODEL)
            .service_model("confine-originals.yang", confine_service::ORIGINALS_MODULE)
            .device("openconfig1", system(&base));
        let services = guests(&["probe", "second"]).await.unwrap();
        let testbed = DaemonTestbed::with_controller(builder, services, "alice").await;
        let log = vec![format!("base {base:?}")];
        Self { testbed, base, living: BTreeMap::new(), log }
    }

    async fn step(&mut self, numbers: &mut Numbers) {
        let name = numbers.one_of(&["a", "b", "c"]);
        match numbers.below(10) {
            0 => {
                self.log.push("restart".into());
                self.testbed.restart().await;
            }
            1 => self.force(None).await,
            2 => self.force(Some(&format!("probe[name='{name}']"))).await,
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
                let lines: Vec<String> = edits.iter().map(Edit::line).collect();
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                let instance = match self.living.contains_key(name) {
                    true => replaced(name, &lines, &[]),
                    false => probe(name, &lines, &[]),
                };
                let committed = self.testbed.commit(&instance).await;
                if committed.succeeded() {
                    self.log.push(format!("{name} does {edits:?}"));
                    self.living.insert(name, edits);
                } else {
                    let reason = committed.reason().to_owned();
                    self.log.push(format!("{name} would do {edits:?}: {reason}"));
                    assert!(reason.starts_with("conflict: "), "{reason}\n{:#?}", self.log);
                    self.testbed.base.discard().await.unwrap();
                }
            }
        }
        let mut expected = self.base.clone();
        self.living.values().flatten().for_each(|edit| edit.apply(&mut expected));
        assert_eq!(in_use(device(&self.testbed)), in_use(expected), "{:#?}", self.log);
    }

    async fn force(&mut self, instance: Option<&str>) {
        self.log.push(format!("force {instance:?}"));
        let committed = self.testbed.push(ActionsMode::Force(instance)).await;
        assert!(committed.succeeded(), "{}\n{:#?}", committed.reason(), self.log);
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
            sequence.step(&mut numbers).await;
        }
        for name in ["a", "b", "c"] {
            if sequence.living.remove(name).is_some() {
                sequence.log.push(format!("remove {name}"));
                let committed = sequence.testbed.commit(&removed(name)).await;
                assert!(committed.succeeded(), "{}\n{:#?}", committed.reason(), sequence.log);
            }
        }
        assert_eq!(device(&sequence.testbed), sequence.base, "{:#?}", sequence.log);
    }
}
