//! The order of entries that services remove and make again comes back.

use std::collections::{BTreeMap, BTreeSet};

use confine_tree::{HashSet, NodeId, QName, YANG};

use super::*;
use crate::{CreatedObject, Original, Originals, edit_of};

static MODELS: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| {
    let modules = [
        r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
          container services { }
          container devices { list device { key name; leaf name { type string; } container config { } } } }"#,
        "module bench { namespace urn:bench; prefix b; import ctrl { prefix c; }
          augment /c:services { list bench { key id; leaf id { type string; }
            container created { leaf-list path { type string; } } } } }",
        "module sys { yang-version 1.1; namespace urn:sys; prefix s; import ctrl { prefix c; }
          augment /c:devices/c:device/c:config { container system {
            leaf-list search { type string; ordered-by user; } leaf mtu { type uint16; }
            list rule { key name; ordered-by user; leaf name { type string; } leaf text { type string; }
              leaf note { type string; } } } } }",
    ];
    compiled(modules)
});

const SYSTEM: &str = "/devices/device[name='r1']/config/sys:system";

/// An element of a system: its name, its key or value, and the leaves in it, without value if an edit removes them.
type Element = (String, String, Vec<(String, Option<String>)>);

/// A device whose configuration lasts over commits, and what the controller keeps of the instances.
struct PlayedDevice {
    system: Vec<Element>,
    living: BTreeMap<String, Vec<String>>,
    created: BTreeMap<String, Vec<CreatedObject>>,
    originals: BTreeMap<String, Original>,
    /// The steps of finishing the last commit, and what its runs have paid.
    steps: u64,
    paid: u64,
}

fn is_removed(tree: &Tree, node: NodeId) -> bool {
    tree.attribute(node, QName::new(confine_tree::NETCONF, "operation")).is_some()
}

/// Returns the elements in a node of a tree.
fn elements(tree: &Tree, above: NodeId) -> Vec<(NodeId, Element)> {
    let element = |node: NodeId| {
        let value = |node: NodeId| tree.value(node).unwrap_or_default().to_owned();
        let key = tree.first_child(node).map_or_else(|| value(node), value);
        let leaf = |leaf| {
            let value = (!is_removed(tree, leaf)).then(|| value(leaf));
            (tree.qname(leaf).local.to_owned(), value)
        };
        (node, (tree.qname(node).local.to_owned(), key, tree.children(node).skip(1).map(leaf).collect()))
    };
    tree.children(above).map(element).collect()
}

impl PlayedDevice {
    /// A device with these entries of `search`, and with an entry of `rule` by the name and the text of each.
    fn new(search: &str, rules: &str) -> Self {
        let mut device = Self {
            system: Vec::new(),
            living: BTreeMap::new(),
            created: BTreeMap::new(),
            originals: BTreeMap::new(),
            steps: 0,
            paid: 0,
        };
        device.by_hand("search", search);
        device.by_hand("rule", rules);
        device
    }

    /// Replaces a list by hand. Of an entry that was there, what is in it stays.
    fn by_hand(&mut self, list: &str, entries: &str) {
        let text = |entry: &str| {
            let stood = self.system.iter().find(|(name, key, _)| name == list && key == entry);
            let leaves =
                [("text".to_owned(), Some(entry.to_owned())), ("note".to_owned(), Some("n".to_owned()))];
            let new = if list == "rule" { leaves.to_vec() } else { Vec::new() };
            stood.map_or(new, |(_, _, leaves)| leaves.clone())
        };
        let entries: Vec<Element> = entries
            .split_whitespace()
            .map(|entry| (list.to_owned(), entry.to_owned(), text(entry)))
            .collect();
        self.system.retain(|(name, ..)| name != list);
        self.system.extend(entries);
    }

    fn list(&self, list: &str) -> String {
        let entries = self.system.iter().filter(|(name, ..)| name == list).map(|(_, key, _)| &**key);
        entries.collect::<Vec<_>>().join(" ")
    }

    /// Returns how many entries have been moved or removed, as far as it is kept.
    fn changes(&self) -> usize {
        self.originals.values().filter(|original| original.is_moved() || original.written.is_none()).count()
    }

    fn search(&self) -> String {
        self.list("search")
    }

    fn xml(&self) -> String {
        let leaf = |(name, value): &(String, Option<String>)| {
            format!("<{name}>{}</{name}>", value.as_deref().unwrap())
        };
        let element = |(name, key, leaves): &Element| match &**name {
            "rule" => {
                format!("<rule><name>{key}</name>{}</rule>", leaves.iter().map(leaf).collect::<String>())
            }
            _ => format!("<{name}>{key}</{name}>"),
        };
        let system: String = self.system.iter().map(element).collect();
        let instances: String =
            self.living.keys().map(|id| format!("<bench xmlns='urn:bench'><id>{id}</id></bench>")).collect();
        format!(
            "<services xmlns='{CONTROLLER}'>{instances}</services><devices xmlns='{CONTROLLER}'><device><name>r1</name>\
             <config><system xmlns='urn:sys'>{system}</system></config></device></devices>"
        )
    }

    fn owners(&self) -> OwnerIndex {
        let mut owners = OwnerIndex::new();
        for (id, created) in &self.created {
            owners.replace(&instance(id), created.clone());
        }
        // As they are read after a restart.
        let all = self.originals.iter().map(|(path, original)| (path.clone(), Some(original.clone())));
        if let Some(edit) = edit_of(&all.clone().collect::<Vec<_>>()).unwrap() {
            let read = Originals::read(&xml::parse(&edit).unwrap());
            owners.change_originals(all.map(|(path, _)| (path.clone(), read.get(&path).cloned())));
        }
        owners
    }

    /// Commits instances, each with its lines; one without lines is deleted. Returns whether the device changes.
    fn try_commit(&mut self, instances: &[(&str, Option<&[&str]>)]) -> Result<bool, String> {
        for (id, lines) in instances {
            match lines {
                Some(lines) => {
                    self.living.insert((*id).into(), lines.iter().map(ToString::to_string).collect())
                }
                None => self.living.remove(*id),
            };
        }
        let owners = self.owners();
        let stood = self.system.clone();
        for (id, _) in instances {
            // The controller removes what it has created, unless others own it too.
            for object in self.created.get(*id).into_iter().flatten() {
                let place = object.place.as_ref().unwrap().steps.last().unwrap();
                let others =
                    self.created.iter().filter(|(other, _)| instances.iter().all(|(id, _)| id != other));
                if !others.flat_map(|(_, created)| created).any(|other| other.place == object.place) {
                    self.system.retain(|(name, key, _)| {
                        *name != *place.local || place.entry != Some(Some(key.clone()))
                    });
                }
            }
        }
        let names: Vec<InstanceRef> = instances.iter().map(|(id, _)| instance(id)).collect();
        let concerned: HashSet<&InstanceRef> = names.iter().collect();
        let mut commit = Commit::with(MODELS.clone(), &self.xml(), open_scope());
        let draft = commit.draft();
        draft.keep_originals();
        let created =
            names.iter().flat_map(|name| owners.created_by(name)).map(|object| object.place().unwrap());
        let created: BTreeSet<Pattern> = created.collect();
        let mut wanted: Vec<Pattern> = created.iter().cloned().collect();
        if !owners.originals().is_empty() {
            // The entry that they are in.
            wanted.push(
                draft.resolve("/devices/device[name='r1']/name", &Pattern::default(), &prefixes()).unwrap(),
            );
        }
        for original in
            names.iter().flat_map(|name| owners.originals().of(name)).map(|(_, original)| original)
        {
            wanted.push(original.place.clone());
            wanted.extend(original.entries_beside());
        }
        block(draft.read(&wanted)).unwrap();
        for place in &created {
            draft.strip(place).unwrap();
        }
        draft.restore_originals(&owners, &concerned, &|_, _| true, &HashSet::default()).unwrap();
        for (id, lines) in instances {
            if let Some(lines) = lines {
                commit.run(id, async |view| play(view, lines).await);
            }
        }
        self.paid = commit.meter.host_work();
        block(commit.draft().settle(&names)).unwrap();
        let before = commit.draft().steps().taken();
        let finished = commit.draft().finish(&names, &owners).map_err(|error| error.to_string());
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => {
                self.system = stood;
                return Err(error);
            }
        };
        self.steps = commit.draft().steps().taken() - before;
        for (path, original) in finished.originals {
            match original {
                Some(original) => self.originals.insert(path, original),
                None => self.originals.remove(&path),
            };
        }
        for (instance, created) in finished.created {
            self.created.insert(instance.key().to_owned(), created);
        }
        if let Some(edit) = finished.devices {
            self.apply(&xml::parse(&edit).unwrap());
        }
        Ok(self.system != stood)
    }

    /// Applies an edit as controller 1.8.0 does.
    fn apply(&mut self, edit: &Tree) {
        let system =
            edit.descendants(Tree::ROOT).find(|(node, _)| edit.qname(*node).local == "system").unwrap().0;
        for (node, (name, key, leaves)) in elements(edit, system) {
            let attribute = |local| edit.attribute(node, QName::new(YANG, local));
            let stood = self.system.iter().position(|(other, of, _)| *other == name && *of == key);
            if is_removed(edit, node) {
                self.system.remove(stood.unwrap());
                continue;
            }
            let insert = attribute("insert");
            // A merge that moves an entry makes it anew.
            let stood = match insert {
                Some(_) => stood.and_then(|at| Some(self.system.remove(at)).and(None)),
                None => stood,
            };
            let of_list = |(other, ..): &Element| *other == name;
            let end = self.system.iter().rposition(of_list).map_or(self.system.len(), |last| last + 1);
            let anchor = attribute("value").or_else(|| attribute("key")?.split('\'').nth(1));
            let anchor = |entry: &Element| entry.0 == name && Some(&*entry.1) == anchor;
            let at = match (stood, insert) {
                (Some(at), _) => at,
                (None, None | Some("last")) => end,
                (None, Some("first")) => self.system.iter().position(of_list).unwrap_or(end),
                (None, Some("after")) => self.system.iter().position(anchor).unwrap() + 1,
                (None, Some(other)) => panic!("{other}"),
            };
            if stood.is_none() {
                self.system.insert(at, (name, key, Vec::new()));
            }
            let stands = &mut self.system[at].2;
            for (leaf, value) in leaves {
                stands.retain(|(other, _)| *other != leaf);
                stands.extend(value.map(|value| (leaf, Some(value))));
            }
            stands.sort_by(|a, b| b.cmp(a));
        }
    }

    /// Commits instances, and again: the second time nothing changes.
    #[track_caller]
    fn commit(&mut self, instances: &[(&str, Option<&[&str]>)]) {
        self.try_commit(instances).unwrap();
        let (originals, system) = (self.originals.clone(), self.system.clone());
        let alive: Vec<_> = instances.iter().filter(|(_, lines)| lines.is_some()).copied().collect();
        assert_eq!(self.try_commit(&alive), Ok(false), "{}", self.xml());
        assert_eq!((&self.originals, &self.system), (&originals, &system));
    }

    /// Deletes an instance.
    #[track_caller]
    fn delete(&mut self, id: &str) {
        self.try_commit(&[(id, None)]).unwrap();
    }
}

/// Plays lines: `search c a b` and `rule c a b` remove these entries and make them again, an entry of `rule` with its text.
async fn play(view: &mut View, lines: &[&str]) {
    for line in lines {
        let mut words = line.split(' ');
        let (what, words): (&str, Vec<&str>) =
            (words.next().unwrap(), words.filter(|word| !word.is_empty()).collect());
        let search = |entry: &str| format!("{SYSTEM}/search[.='{entry}']");
        let rule = |entry: &str| format!("{SYSTEM}/rule[name='{entry}']");
        match what {
            "search" => {
                for entry in &words {
                    view.remove(&search(entry)).await.unwrap();
                }
                for entry in &words {
                    view.set(&search(entry), entry).await.unwrap();
                }
            }
            "rule" => {
                for entry in &words {
                    view.remove(&rule(entry)).await.unwrap();
                }
                for entry in &words {
                    view.set(&format!("{}/text", rule(entry)), entry).await.unwrap();
                }
            }
            "set" => view.set(&search(words[0]), words[0]).await.unwrap(),
            "create-rule" => view.create(&rule(words[0])).await.unwrap(),
            "remove" => view.remove(&search(words[0])).await.unwrap(),
            "remove-rule" => view.remove(&rule(words[0])).await.unwrap(),
            "see" => {
                let found = view.find(&format!("{SYSTEM}/search")).await.unwrap();
                let found: Vec<&str> = found.iter().map(|path| path.split('\'').nth(3).unwrap()).collect();
                assert_eq!(found, words);
            }
            _ => panic!("{line}"),
        }
    }
}

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
fn new_entries_are_no_originals() {
    let mut device = PlayedDevice::new("a b c", "");
    device.commit(&[("s1", Some(&["set x", "search c b", "set y"]))]);
    assert_eq!((&*device.search(), device.changes()), ("a c x b y", 1));
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
