//! A device whose lists are `ordered-by user`, over several commits.

use std::collections::{BTreeMap, BTreeSet};

use confine_tree::{HashSet, NodeId, QName, StepCounter, YANG};

use super::*;
use crate::{ConcernedInstances, CreatedObject, Original, Originals, OutsideOwners, edit_of};

pub(super) static MODELS: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| {
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

pub(super) const SYSTEM: &str = "/devices/device[name='r1']/config/sys:system";

/// An element of a system: its name, its key or value, and the leaves in it, without value if an edit removes them.
pub(super) type Element = (String, String, Vec<(String, Option<String>)>);

/// A device whose configuration lasts over commits, and what the controller keeps of the instances.
pub(super) struct PlayedDevice {
    pub(super) system: Vec<Element>,
    pub(super) living: BTreeMap<String, Vec<String>>,
    pub(super) created: BTreeMap<String, Vec<CreatedObject>>,
    pub(super) originals: BTreeMap<String, Original>,
    /// The steps of finishing the last commit, and what its runs have paid.
    pub(super) steps: u64,
    pub(super) paid: u64,
    pub(super) scope: fn() -> Scope,
    /// Keys hidden from the committing user.
    pub(super) hidden: Vec<String>,
    /// Whether the controller strips.
    pub(super) strips: bool,
}

pub(super) fn is_removed(tree: &Tree, node: NodeId) -> bool {
    tree.attribute(node, QName::new(confine_tree::NETCONF, "operation")).is_some()
}

/// Returns the elements in a node of a tree.
pub(super) fn elements(tree: &Tree, above: NodeId) -> Vec<(NodeId, Element)> {
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
    pub(super) fn new(search: &str, rules: &str) -> Self {
        let mut device = Self {
            system: Vec::new(),
            living: BTreeMap::new(),
            created: BTreeMap::new(),
            originals: BTreeMap::new(),
            steps: 0,
            paid: 0,
            scope: open_scope,
            hidden: Vec::new(),
            strips: true,
        };
        device.by_hand("search", search);
        device.by_hand("rule", rules);
        device
    }

    /// Replaces a list by hand. Of an entry that was there, what is in it stays.
    pub(super) fn by_hand(&mut self, list: &str, entries: &str) {
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

    pub(super) fn list(&self, list: &str) -> String {
        let entries = self.system.iter().filter(|(name, ..)| name == list).map(|(_, key, _)| &**key);
        entries.collect::<Vec<_>>().join(" ")
    }

    /// Returns how many entries have been moved or removed, as far as it is kept.
    pub(super) fn changes(&self) -> usize {
        self.originals
            .values()
            .filter(|original| {
                original.is_moved() || original.written.is_none() && !original.owners.is_empty()
            })
            .count()
    }

    pub(super) fn search(&self) -> String {
        self.list("search")
    }

    pub(super) fn xml(&self) -> String {
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

    pub(super) fn owners(&self) -> OwnerIndex {
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
    pub(super) fn try_commit(&mut self, instances: &[(&str, Option<&[&str]>)]) -> Result<bool, String> {
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
        let running_xml = self.xml();
        for (id, _) in instances.iter().filter(|_| self.strips) {
            // The controller removes what it has created, unless others own it too.
            for object in self.created.get(*id).into_iter().flatten() {
                let place = object.place.as_ref().unwrap().steps.last().unwrap();
                let others =
                    self.created.iter().filter(|(other, _)| instances.iter().all(|(id, _)| id != other));
                if !others.flat_map(|(_, created)| created).any(|other| other.place == object.place) {
                    self.system.retain(|(name, key, _)| {
                        *name != *place.local
                            || place
                                .entry
                                .clone()
                                .or_else(|| place.keys.first().map(|(_, value)| value.clone()))
                                != Some(Some(key.clone()))
                    });
                }
            }
        }
        // Those who own something with them run too.
        let notified: HashSet<InstanceRef> = instances.iter().map(|(id, _)| instance(id)).collect();
        let co_owners = owners.co_owners(&notified, &**MODELS, &mut StepCounter::default()).unwrap();
        let co_owners: Vec<(String, Vec<String>)> = co_owners
            .into_iter()
            .map(|owner| (owner.key().to_owned(), self.living[owner.key()].clone()))
            .collect();
        let lines: Vec<(&str, Vec<&str>)> =
            co_owners.iter().map(|(id, lines)| (&**id, lines.iter().map(String::as_str).collect())).collect();
        let co_owners = lines.iter().map(|(id, lines)| (*id, Some(&**lines)));
        let instances: Vec<(&str, Option<&[&str]>)> = instances.iter().copied().chain(co_owners).collect();
        let names: Vec<InstanceRef> = instances.iter().map(|(id, _)| instance(id)).collect();
        let concerned: HashSet<&InstanceRef> = names.iter().collect();
        let (all, all_xml) = (self.system.clone(), self.xml());
        let hidden = self.hidden.clone();
        self.system.retain(|(_, key, _)| !hidden.contains(key));
        let seen_xml = self.xml();
        self.system = all;
        let mut commit = Commit::with(MODELS.clone(), &seen_xml, (self.scope)());
        let draft = commit.draft();
        draft.keep_originals();
        let mut outside = OutsideOwners::new(&owners, &concerned);
        let created = names.iter().flat_map(|name| owners.created_by(name));
        let created = created.filter(|object| !outside.own(*object, draft.steps()).unwrap());
        let created: BTreeSet<Pattern> = created.map(|object| object.place().unwrap()).collect();
        let mut wanted: Vec<Pattern> = created.iter().cloned().collect();
        for original in
            names.iter().flat_map(|name| owners.originals().of(name)).map(|(_, original)| original)
        {
            wanted.extend(original.places_to_read());
        }
        wanted.extend(created.iter().filter_map(|place| draft.neighbours_to_read(place)).collect::<Vec<_>>());
        block(draft.read(&wanted)).unwrap();
        let gone: Vec<Pattern> =
            created.iter().filter(|place| draft.lacks(&[(*place).clone()])).cloned().collect();
        if !gone.is_empty() {
            let mut running = standing_draft(draft, &gone, &running_xml);
            draft.keep_standing_order(&gone, running.draft()).unwrap();
        }
        for place in &created {
            draft.strip(place).unwrap();
        }
        let (run, deleted) = concerned.iter().partition(|instance| self.living.contains_key(instance.key()));
        let unseen = &HashSet::default();
        let of_commit = ConcernedInstances { run, deleted, may_write: &|_, _| true, unseen };
        draft.restore_originals(&owners, &of_commit).unwrap();
        for (id, lines) in &instances {
            if let Some(lines) = lines {
                commit.run(id, async |view| play(view, lines).await);
            }
        }
        self.paid = commit.meter.host_work();
        block(commit.draft().settle(&names)).unwrap();
        if !self.hidden.is_empty() {
            let draft = commit.draft();
            let entries = draft.entries_of_set_lists();
            note_hidden(draft, &entries, &all_xml);
            let mut running = standing_draft(draft, &gone, &running_xml);
            draft.correct_standing_order(&gone, running.draft()).unwrap();
        }
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
    pub(super) fn apply(&mut self, edit: &Tree) {
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
                (None, Some("before")) => self.system.iter().position(anchor).unwrap(),
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
    pub(super) fn commit(&mut self, instances: &[(&str, Option<&[&str]>)]) {
        self.try_commit(instances).unwrap();
        let (originals, system) = (self.originals.clone(), self.system.clone());
        let alive: Vec<_> = instances.iter().filter(|(_, lines)| lines.is_some()).copied().collect();
        assert_eq!(self.try_commit(&alive), Ok(false), "{}", self.xml());
        assert_eq!((&self.originals, &self.system), (&originals, &system));
    }

    /// Deletes an instance.
    #[track_caller]
    pub(super) fn delete(&mut self, id: &str) {
        self.try_commit(&[(id, None)]).unwrap();
    }
}

/// Returns what stands of these entries and beside them.
fn standing_draft(draft: &CommitDraft, gone: &[Pattern], running: &str) -> Commit {
    let mut running = Commit::with(MODELS.clone(), running, open_scope());
    let beside = gone.iter().filter_map(|place| draft.neighbours_to_read(place));
    let read: Vec<Pattern> = gone.iter().cloned().chain(beside).collect();
    block(running.draft().read(&read)).unwrap();
    running
}

/// Notes what the user may not read of the lists of these entries.
fn note_hidden(draft: &mut CommitDraft, entries: &[Pattern], all: &str) {
    let mut all = Commit::with(MODELS.clone(), all, open_scope());
    let all = all.draft();
    let keys: Vec<Pattern> = entries.iter().filter_map(|entry| draft.neighbours_to_read(entry)).collect();
    block(all.read(&keys)).unwrap();
    draft.place_hidden(entries, all).unwrap();
}

/// Plays lines: `search c a b` and `rule c a b` remove these entries and make them again, an entry of `rule` with its text;
/// `text a v` and `no-note a` set and remove leaves of a rule.
pub(super) async fn play(view: &mut View, lines: &[&str]) {
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
            "text" | "note" => {
                view.set(&format!("{}/{what}", rule(words[0])), words[1]).await.unwrap();
            }
            "no-text" | "no-note" => {
                view.remove(&format!("{}/{}", rule(words[0]), &what[3..])).await.unwrap();
            }
            "make-rule" => view.set(&format!("{}/text", rule(words[0])), words[0]).await.unwrap(),
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
