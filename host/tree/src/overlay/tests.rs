//! Tests of the overlay against a model: a map of leaves.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{CONTROLLER, NETCONF, NoSchema, Path, Predicate, PrefixMap, ResolveError, xml};

/// Leaves and leaf-list entries by path, keys included: what a datastore holds.
type Leaves = BTreeMap<Pattern, String>;

/// Leaves that a failed test prints one per line.
#[derive(Clone)]
struct Base(Leaves);

impl std::fmt::Debug for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&lines(&self.0))
    }
}

fn lines(leaves: &Leaves) -> String {
    leaves.iter().fold(String::new(), |lines, (path, value)| format!("{lines}{path} {value}\n"))
}

/// Parses a path. The prefix `x` stands for `urn:x`; steps before it are in the controller's namespace.
fn pattern(path: &str) -> Pattern {
    let mut namespace = CONTROLLER;
    let steps = Path::parse(path).unwrap().steps.into_iter().map(|step| {
        if step.prefix.is_some() {
            namespace = "urn:x";
        }
        let mut resolved = PatternStep::new(QName::new(namespace, &step.name));
        for predicate in step.predicates {
            match predicate {
                Predicate::Key { name, value, .. } => resolved.keys.push((name, value)),
                Predicate::Entry { value } => resolved.entry = Some(value),
            }
        }
        resolved
    });
    Pattern { steps: steps.collect() }
}

/// Returns the keys of the entries on a path, as leaves.
fn keys(pattern: &Pattern) -> Leaves {
    let mut keys = Leaves::new();
    for (index, step) in pattern.steps.iter().enumerate() {
        for (key, value) in &step.keys {
            let mut steps = pattern.steps[..=index].to_vec();
            steps.push(PatternStep::new(QName::new(&step.namespace, key)));
            keys.insert(Pattern { steps }, value.clone().unwrap());
        }
    }
    keys
}

/// Returns the reply of a datastore: the matching leaves and the keys of their entries.
fn filtered(leaves: &Leaves, read: &[Pattern]) -> Leaves {
    let mut answer = Leaves::new();
    for (path, value) in leaves {
        if read.iter().any(|pattern| pattern.covers(path)) {
            answer.extend(keys(path));
            answer.insert(path.clone(), value.clone());
        }
    }
    answer
}

fn tree(leaves: &Leaves) -> Tree {
    let mut tree = Tree::new();
    let mut nodes: BTreeMap<Pattern, NodeId> = BTreeMap::new();
    // Keys come first: they have the longer names.
    let mut order: Vec<(&Pattern, &String)> = leaves.iter().collect();
    order.sort_by_key(|(path, _)| std::cmp::Reverse(path.steps.last().unwrap().local.len()));
    for (path, value) in order {
        let mut node = Tree::ROOT;
        for length in 1..=path.steps.len() {
            let above = Pattern { steps: path.steps[..length].to_vec() };
            node = *nodes.entry(above).or_insert_with_key(|above| {
                let name = tree.intern(above.steps.last().unwrap().name());
                tree.append(node, name).unwrap()
            });
        }
        tree.set_value(node, value, &[]).unwrap();
    }
    tree
}

/// Returns the leaves of the datastore after an edit-config.
fn merged(mut leaves: Leaves, edit: &Tree) -> Leaves {
    fn walk(leaves: &mut Leaves, edit: &Tree, node: NodeId, above: &Pattern) {
        let name = edit.qname(node);
        let mut step = PatternStep::new(name);
        match name.local {
            "device" | "item" => {
                let key = if name.local == "device" { "name" } else { "key" };
                // Keys come first.
                let leaf = edit.first_child(node).unwrap();
                assert_eq!(edit.qname(leaf).local, key);
                step.keys.push((key.into(), edit.value(leaf).map(Into::into)));
            }
            "tag" => step.entry = Some(edit.value(node).map(Into::into)),
            _ => {}
        }
        let mut here = above.clone();
        here.steps.push(step);
        let twins = edit.children(edit.parent(node).unwrap()).filter(|&other| other != node);
        if !matches!(name.local, "device" | "item" | "tag") {
            assert!(twins.clone().all(|other| edit.name(other) != edit.name(node)), "twice: {here}");
        }
        if edit.attribute(node, QName::new(NETCONF, "operation")) == Some("remove") {
            let before = leaves.len();
            leaves.retain(|path, _| !here.covers(path));
            assert!(leaves.len() < before, "nothing to remove: {here}");
            return;
        }
        if let Some(value) = edit.value(node) {
            let is_key = above.steps.last().unwrap().keys.iter().any(|(key, _)| **key == *name.local);
            let old = leaves.insert(here.clone(), value.into());
            assert!(is_key || old.as_deref() != Some(value), "nothing to change: {here}");
        }
        edit.children(node).for_each(|child| walk(leaves, edit, child, &here));
    }
    edit.children(Tree::ROOT).for_each(|top| walk(&mut leaves, edit, top, &Pattern::default()));
    leaves
}

/// Returns the leaves that the overlay shows.
fn shown(overlay: &mut Overlay) -> Leaves {
    fn walk(overlay: &mut Overlay, live: LiveNode, leaves: &mut Leaves) {
        let children: Vec<LiveNode> = overlay.children(live).collect();
        for child in &children {
            walk(overlay, *child, leaves);
        }
        if let Some(value) = overlay.value(live).map(str::to_owned)
            && !value.is_empty()
        {
            let mut path = overlay.pattern(live.node());
            // A leaf-list with one entry that no path has named looks like a leaf.
            let last = path.steps.last_mut().unwrap();
            if &*last.local == "tag" {
                last.entry = Some(Some(value.clone()));
            }
            assert!(leaves.insert(path, value).is_none());
        }
    }
    let mut leaves = Leaves::new();
    walk(overlay, LiveNode::ROOT, &mut leaves);
    leaves
}

#[derive(Clone)]
enum Step {
    Set(Pattern, String),
    Create(Pattern),
    Remove(Pattern),
    Load(Vec<Pattern>),
    /// Steps that are rolled back.
    RolledBack(Vec<Step>),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set(path, value) => write!(f, "set {path} {value}"),
            Self::Create(path) => write!(f, "create {path}"),
            Self::Remove(path) => write!(f, "remove {path}"),
            Self::Load(read) => {
                write!(f, "load")?;
                read.iter().try_for_each(|path| write!(f, " {path}"))
            }
            Self::RolledBack(steps) => write!(f, "rolled back {steps:?}"),
        }
    }
}

fn config() -> impl Strategy<Value = String> {
    "r[12]".prop_map(|device| format!("/devices/device[name='{device}']/config/x:box"))
}

fn item() -> impl Strategy<Value = String> {
    (config(), "[12]").prop_map(|(config, key)| format!("{config}/item[key='{key}']"))
}

fn leaf() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        4 => (item(), "a|b|c/a").prop_map(|(item, leaf)| format!("{item}/{leaf}")),
        1 => config().prop_map(|config| config + "/top"),
        2 => (config(), "[uv]").prop_map(|(config, tag)| format!("{config}/tag[.='{tag}']")),
    ]
    .prop_map(|path| pattern(&path))
}

/// Generates a leaf with a value. The value of a leaf-list entry is the one in its path.
fn assignment() -> impl Strategy<Value = (Pattern, String)> {
    (leaf(), "[12]").prop_map(|(path, value)| {
        let own = path.steps.last().unwrap().entry.clone().flatten();
        (path, own.unwrap_or(value))
    })
}

fn removable() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        3 => leaf(),
        3 => item().prop_map(|item| pattern(&item)),
        1 => item().prop_map(|item| pattern(&(item + "/c"))),
        1 => config().prop_map(|config| pattern(&config)),
    ]
}

fn readable() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        2 => removable(),
        1 => "(a|b|key)".prop_map(|leaf| pattern(&format!("/devices/device/config/x:box/item/{leaf}"))),
        1 => Just(pattern("/devices/device/name")),
        1 => Just(pattern("/devices/device/config/x:box/tag")),
        1 => Just(pattern("/devices/device[name='r1']")),
        1 => Just(Pattern::default()),
    ]
}

/// Generates reads of whole lists below the devices, without naming their keys.
fn unkeyed() -> impl Strategy<Value = Vec<Pattern>> {
    let unkeyed = readable().prop_map(|mut pattern| {
        for step in pattern.steps.iter_mut().skip(3) {
            step.keys.clear();
        }
        pattern
    });
    proptest::collection::vec(unkeyed, 1..3)
}

fn step() -> impl Strategy<Value = Step> {
    let step = prop_oneof![
        4 => assignment().prop_map(|(path, value)| Step::Set(path, value)),
        1 => item().prop_map(|item| Step::Create(pattern(&item))),
        3 => removable().prop_map(Step::Remove),
        2 => proptest::collection::vec(readable(), 1..3).prop_map(Step::Load),
    ];
    step.prop_recursive(1, 8, 6, |step| proptest::collection::vec(step, 1..6).prop_map(Step::RolledBack))
}

fn base() -> impl Strategy<Value = Base> {
    proptest::collection::vec(assignment(), 0..10).prop_map(|assignments| {
        let mut leaves = Leaves::new();
        for device in ["r1", "r2"] {
            leaves.extend(keys(&pattern(&format!("/devices/device[name='{device}']"))));
        }
        for (path, value) in assignments {
            leaves.extend(keys(&path));
            leaves.insert(path, value);
        }
        Base(leaves)
    })
}

fn run(overlay: &mut Overlay, base: &Leaves, steps: &[Step], mut model: Option<&mut Leaves>) {
    for step in steps {
        match step {
            Step::Set(path, value) => {
                overlay.set(path, value, &[]).unwrap();
                if let Some(model) = model.as_deref_mut() {
                    model.extend(keys(path));
                    model.insert(path.clone(), value.clone());
                }
            }
            Step::Create(path) => {
                overlay.create(path).unwrap();
                if let Some(model) = model.as_deref_mut() {
                    model.extend(keys(path));
                }
            }
            Step::Remove(path) => {
                overlay.remove(path).unwrap();
                if let Some(model) = model.as_deref_mut() {
                    model.retain(|other, _| !path.covers(other));
                }
            }
            Step::Load(read) => overlay.load(&tree(&filtered(base, read)), read).unwrap(),
            Step::RolledBack(steps) => {
                let mark = overlay.mark();
                run(overlay, base, steps, None);
                overlay.rollback(mark);
            }
        }
        assert_found_anew(overlay, steps);
    }
}

/// What is remembered of the path that was found last makes no difference, and paths of nodes are the same one after another.
fn assert_found_anew(overlay: &mut Overlay, steps: &[Step]) {
    let mut fresh = overlay.clone();
    let (mut paths, mut stored) = (NodePaths::default(), NodePaths::stored());
    for step in steps {
        let (Step::Set(path, _) | Step::Create(path) | Step::Remove(path)) = step else { continue };
        fresh.forget_last_paths();
        let found = overlay.find(path);
        assert_eq!(found, fresh.find(path), "{path}");
        for live in found {
            assert_eq!(paths.pattern(overlay, live.node), overlay.pattern(live.node));
            assert_eq!(stored.pattern(overlay, live.node), overlay.stored_pattern(live.node));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Whatever is read or rolled back, and when: the edit-config makes the datastore what the edits intend,
    /// mentions no node twice and changes nothing to the value it already has.
    #[test]
    fn edit_config_makes_datastore_equal_to_overlay(
        Base(base) in base(),
        steps in proptest::collection::vec(step(), 0..20),
    ) {
        let mut overlay = Overlay::new(Arc::new(NoSchema));
        overlay.declare(&pattern("/devices/device[name]/config/x:box/item[key]"));
        let mut expected = base.clone();
        run(&mut overlay, &base, &steps, Some(&mut expected));
        let unread = overlay.unread([]).unwrap();
        overlay.load(&tree(&filtered(&base, &unread)), &unread).unwrap();
        let edit = overlay.edit_config().unwrap();
        prop_assert_eq!(edit.is_none(), expected == base);
        let made = edit.map_or(base.clone(), |edit| merged(base.clone(), &edit));
        prop_assert_eq!(lines(&made), lines(&expected));
        // The overlay shows all of it once everything is read.
        overlay.load(&tree(&base), &[Pattern::default()]).unwrap();
        prop_assert_eq!(lines(&shown(&mut overlay)), lines(&expected));
    }

    /// A list whose keys are not known is read in parts. If entries cannot be told apart, the load is rejected;
    /// naming the keys makes it succeed.
    #[test]
    fn list_of_unknown_keys_is_loaded_once_or_refused(
        Base(base) in base(),
        reads in proptest::collection::vec(unkeyed(), 1..6),
    ) {
        const LIST: &str = "/devices/device/config/box/item";
        let whole = vec![Pattern::default()];
        let mut overlay = Overlay::new(Arc::new(NoSchema));
        let mut refused = false;
        for read in reads.iter().chain([&whole]) {
            match overlay.load(&tree(&filtered(&base, read)), read) {
                Ok(()) => prop_assert!(read.iter().all(|pattern| overlay.covers(pattern))),
                Err(Error::UnknownKeys { list }) => {
                    prop_assert_eq!(list, LIST);
                    refused = true;
                }
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }
        let declared = pattern("/devices/device[name]/config/x:box/item[key]");
        if refused {
            overlay = Overlay::new(Arc::new(NoSchema));
            overlay.declare(&declared);
            for read in reads.iter().chain([&whole]) {
                overlay.load(&tree(&filtered(&base, read)), read).unwrap();
            }
        }
        let leaves = |tree: &Tree| -> usize {
            tree.descendants(Tree::ROOT).filter(|&(node, _)| tree.value(node).is_some()).count()
        };
        prop_assert_eq!(leaves(&overlay.tree), base.len());
        prop_assert!(overlay.edit_config().unwrap().is_none());
        overlay.declare(&declared);
        prop_assert_eq!(lines(&shown(&mut overlay)), lines(&base));
    }
}

const DEVICE: &str = "/devices/device[name='r1']/config/x:box";

fn loaded(inner: &str) -> Overlay {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    overlay.declare(&pattern("/devices/device[name]/config/x:box/item[key]"));
    let text = format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><box xmlns='urn:x'>{inner}</box>\
         </config></device></devices>"
    );
    overlay.load(&xml::parse(&text).unwrap(), &[Pattern::default()]).unwrap();
    overlay
}

fn at(rest: &str) -> Pattern {
    pattern(&format!("{DEVICE}{rest}"))
}

fn edit(overlay: &mut Overlay) -> String {
    let Some(edit) = overlay.edit_config().unwrap() else { return "nothing".into() };
    let text = xml::write(&edit, Tree::ROOT).unwrap();
    let inner = text.split_once("<box xmlns=\"urn:x\"").and_then(|(_, text)| text.split_once('>'));
    inner.and_then(|(_, text)| text.split_once("</box>")).map_or(text.clone(), |(inner, _)| inner.into())
}

#[test]
fn stripped_node_that_is_made_again_is_no_edit() {
    let mut overlay = loaded("<item><key>1</key><a>1</a><b>1</b></item><item><key>2</key><a>1</a></item>");
    overlay.strip(&at("/item[key='1']")).unwrap();
    overlay.strip(&at("/item[key='2']")).unwrap();
    assert!(overlay.find(&at("/item")).is_empty());
    overlay.set(&at("/item[key='1']/a"), "1", &[]).unwrap();
    insta::assert_snapshot!(edit(&mut overlay), @r#"<item><key>1</key><b xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/></item><item xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"><key>2</key></item>"#);
    overlay.set(&at("/item[key='1']/b"), "1", &[]).unwrap();
    overlay.set(&at("/item[key='2']/a"), "1", &[]).unwrap();
    assert_eq!(edit(&mut overlay), "nothing");
    overlay.set(&at("/item[key='2']/a"), "2", &[]).unwrap();
    insta::assert_snapshot!(edit(&mut overlay), @"<item><key>2</key><a>2</a></item>");
}

#[test]
fn empty_value_differs_from_absent_one() {
    let mut overlay = loaded("<a/><b>x</b>");
    overlay.set(&at("/a"), "", &[]).unwrap();
    assert_eq!(edit(&mut overlay), "nothing");
    overlay.set(&at("/b"), "", &[]).unwrap();
    overlay.set(&at("/c"), "", &[]).unwrap();
    insta::assert_snapshot!(edit(&mut overlay), @"<b/><c/>");
    let values: Vec<_> = ["/a", "/b", "/c"].map(|leaf| overlay.find(&at(leaf))).concat();
    assert_eq!(values.iter().map(|&leaf| overlay.value(leaf)).collect::<Vec<_>>(), [Some(""); 3]);
}

#[test]
fn values_with_prefixes_are_compared_by_namespace() {
    let mut overlay = loaded("<type xmlns:t='urn:types'>t:eth</type>");
    overlay.set(&at("/type"), "i:eth", &[("i", "urn:types")]).unwrap();
    assert_eq!(edit(&mut overlay), "nothing");
    overlay.set(&at("/type"), "i:eth", &[("i", "urn:other")]).unwrap();
    insta::assert_snapshot!(edit(&mut overlay), @r#"<type xmlns:i="urn:other">i:eth</type>"#);
}

#[test]
fn loaded_entries_come_before_created_ones() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    overlay.declare(&pattern("/devices/device[name]/config/x:box/item[key]"));
    overlay.create(&at("/item[key='9']")).unwrap();
    overlay.create(&at("/item[key='2']")).unwrap();
    let text = |keys: &[&str]| {
        let items: String = keys.iter().map(|key| format!("<item><key>{key}</key></item>")).collect();
        let device =
            format!("<device><name>r1</name><config><box xmlns='urn:x'>{items}</box></config></device>");
        xml::parse(&format!("<devices xmlns='{CONTROLLER}'>{device}</devices>")).unwrap()
    };
    overlay.load(&text(&["3"]), &[at("/item[key='3']")]).unwrap();
    overlay.load(&text(&["1", "2", "3", "4"]), &[at("/item")]).unwrap();
    let found = overlay.find(&at("/item"));
    let keys: Vec<String> = found
        .iter()
        .map(|live| overlay.step(live.node()).key("key").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(keys, ["1", "2", "3", "4", "9"]);
}

#[test]
fn key_that_is_made_again_stays_first() {
    let mut overlay = loaded("");
    let entry = at("/item[key='1']");
    overlay.set(&at("/item[key='1']/a"), "1", &[]).unwrap();
    overlay.remove(&entry).unwrap();
    overlay.create(&entry).unwrap();
    overlay.set(&at("/item[key='1']/b"), "1", &[]).unwrap();
    let item = overlay.find(&entry)[0].node();
    let first = overlay.tree.first_child(item).unwrap();
    assert_eq!(overlay.tree.qname(first).local, "key");
    assert_eq!(edit(&mut overlay), "<item><key>1</key><b>1</b></item>");
}

#[test]
fn unread_paths_are_widened_if_many() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    overlay.load(&Tree::new(), &[pattern("/devices/device/addr")]).unwrap();
    overlay.set(&at("/item[key='1']/c/a"), "1", &[]).unwrap();
    overlay.set(&at("/item[key='1']/b"), "1", &[]).unwrap();
    overlay.set(&at("/top"), "1", &[]).unwrap();
    let paths = |overlay: &mut Overlay| {
        overlay.unread([]).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(paths(&mut overlay), @r"
    /devices/device[name='r1']/config/box/item[key='1']
    /devices/device[name='r1']/config/box/top
    /devices/device[name='r1']/name
    ");
    for key in 0..100 {
        overlay.set(&at(&format!("/item[key='{key}']/a")), "1", &[]).unwrap();
    }
    insta::assert_snapshot!(paths(&mut overlay), @r"
    /devices/device[name='r1']/config/box/item[key]
    /devices/device[name='r1']/config/box/top
    /devices/device[name='r1']/name
    ");
}

#[test]
fn device_known_to_be_absent_needs_no_read() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    overlay.load(&Tree::new(), &[pattern("/devices/device/name")]).unwrap();
    assert!(overlay.knows(&at("/item[key='1']/a")));
    assert!(!overlay.knows(&pattern("/devices/device/config")));
    overlay.set(&at("/top"), "1", &[]).unwrap();
    assert!(overlay.unread([]).unwrap().is_empty());
}

#[test]
fn pattern_that_may_match_many_nodes_is_not_edited() {
    let mut overlay = loaded("<item><key>1</key></item><entry><id>1</id></entry><entry><id>2</id></entry>");
    let mut refusals = Vec::new();
    for path in ["/item/a", "/item[key]/a", "/entry/a"] {
        refusals.push(overlay.set(&at(path), "1", &[]).unwrap_err().to_string());
    }
    overlay.learn(&at("/tag[.]"));
    refusals.push(overlay.set(&at("/tag"), "1", &[]).unwrap_err().to_string());
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    `/devices/device[name='r1']/config/box/item` does not say which entry: write `/devices/device[name='r1']/config/box/item[key='…']`
    `/devices/device[name='r1']/config/box/item[key]` does not say which entry: write `/devices/device[name='r1']/config/box/item[key='…']`
    `/devices/device[name='r1']/config/box/entry` is a list whose keys are not known: name them, as in `/devices/device[name='r1']/config/box/entry[key='…']`, or in a pattern of the module's description, as in `/devices/device[name='r1']/config/box/entry[key]`
    `/devices/device[name='r1']/config/box/tag` is a leaf-list: write the entry's value into the path, as in `/devices/device[name='r1']/config/box/tag[.='…']`
    "#);
    assert_eq!(edit(&mut overlay), "nothing");
}

/// Checks that nothing is quadratic: 5,000 entries on each of 4 devices take far less than a minute even
/// without optimization, where a quadratic step would take hours.
#[test]
fn stripping_and_remaking_many_entries_is_not_quadratic() {
    let mut base = Leaves::new();
    for device in 1..=4 {
        for item in 0..5000 {
            let path = format!("/devices/device[name='r{device}']/config/x:box/item[key='{item}']/a");
            base.extend(keys(&pattern(&path)));
            base.insert(pattern(&path), "1".into());
        }
    }
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    overlay.load(&tree(&base), &[Pattern::default()]).unwrap();
    let leaves: Vec<&Pattern> =
        base.keys().filter(|path| &*path.steps.last().unwrap().local == "a").collect();
    for leaf in &leaves {
        overlay.strip(&Pattern { steps: leaf.steps[..5].to_vec() }).unwrap();
    }
    for leaf in &leaves {
        overlay.set(leaf, "1", &[]).unwrap();
    }
    assert!(overlay.edit_config().unwrap().is_none());
    assert!(overlay.unread([]).unwrap().is_empty());
}

#[test]
fn only_controller_prefix_is_known_undeclared() {
    let prefixes = PrefixMap::new([("x", "urn:x")]).unwrap();
    assert_eq!(prefixes.namespace("ctrl"), Some(CONTROLLER));
    assert_eq!(prefixes.namespace("y"), None);
}

#[test]
fn requested_but_unseen_name_is_no_candidate() {
    let prefixes = PrefixMap::new([("x", "urn:x"), ("y", "urn:y")]).unwrap();
    let path = Path::parse("/devices/device[name='r1']/config/box/item").unwrap();
    let mut overlay = loaded("<item><key>1</key></item>");
    // The paths of `created` lists have no namespaces, so every possible one is tried.
    let mut wrong = at("/item[key='1']");
    wrong.steps.iter_mut().skip(3).for_each(|step| step.namespace = "urn:y".into());
    overlay.strip(&wrong).unwrap();
    overlay.load(&Tree::new(), &[wrong]).unwrap();
    assert_eq!(overlay.resolve(&path, &Pattern::default(), &prefixes).unwrap(), at("/item"));
    assert_eq!(edit(&mut overlay), "nothing");
}

#[test]
fn filter_by_non_key_leaf_leaves_keys_undecided() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    let items = "<item><key>1</key><a>x</a></item><item><key>2</key><a>x</a></item>";
    let text = |items: &str| {
        let device =
            format!("<device><name>r1</name><config><box xmlns='urn:x'>{items}</box></config></device>");
        xml::parse(&format!("<devices xmlns='{CONTROLLER}'>{device}</devices>")).unwrap()
    };
    // One module reads all entries with `a`, another knows the key.
    overlay.learn(&at("/item[a='x']"));
    overlay.load(&text(items), &[at("/item[a='x']")]).unwrap();
    let error = overlay.load(&text(items), &[at("/item")]).unwrap_err();
    insta::assert_snapshot!(error, @"the entries of the list `/devices/device/config/box/item` are already loaded and cannot be told apart, because its keys are not known: provide the YANG module that defines the list, or name its keys in the path, as in `/devices/device/config/box/item[key]`");
    assert!(!overlay.covers(&at("/item")));
    assert_eq!(overlay.find(&at("/item[a='x']")).len(), 2);
    overlay.learn(&at("/item[key='2']"));
    overlay.load(&text(items), &[at("")]).unwrap();
    assert_eq!(overlay.find(&at("/item")).len(), 2);
    overlay.set(&at("/item[key='2']/a"), "y", &[]).unwrap();
    assert_eq!(edit(&mut overlay), "<item><key>2</key><a>y</a></item>");
    // From now on `key` is the key of the list.
    overlay.learn(&at("/item[a='x']"));
    assert_eq!(overlay.find(&at("/item[a='x']")).len(), 1);
    overlay.learn(&at("/item[.='x']"));
    assert!(matches!(overlay.set(&at("/item/a"), "y", &[]), Err(ResolveError::MissingKeys { .. })));
}

#[test]
fn entries_loaded_one_by_one_get_datastore_order() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    let list = |keys: &[&str]| {
        let entries = keys.iter().map(|key| format!("<l><k>{key}</k></l>"));
        xml::parse(&format!("<c xmlns='urn:c'>{}</c>", entries.collect::<String>())).unwrap()
    };
    let step = |local: &str| PatternStep::new(QName::new("urn:c", local));
    let mut entry = step("l");
    entry.keys.push(("k".into(), None));
    let all = Pattern { steps: vec![step("c"), entry] };
    overlay.declare(&all);
    for key in ["2", "3", "1"] {
        let mut one = all.clone();
        one.steps[1].keys[0].1 = Some(key.into());
        overlay.load(&list(&[key]), &[one]).unwrap();
    }
    overlay.load(&list(&["0", "1", "2", "3"]), std::slice::from_ref(&all)).unwrap();
    let keys: Vec<String> =
        overlay.find(&all).iter().map(|live| overlay.pattern(live.node()).to_string()).collect();
    assert_eq!(keys, ["/c/l[k='0']", "/c/l[k='1']", "/c/l[k='2']", "/c/l[k='3']"]);
}

#[test]
fn container_that_a_reply_has_twice_is_one() {
    let fragment = xml::parse(&format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name></device><device><name>r2</name></device></devices>\
         <services xmlns='{CONTROLLER}'/>\
         <devices xmlns='{CONTROLLER}'><device><name>r2</name><config><l xmlns='urn:x'>2</l></config></device>\
         <device><name>r1</name><config><l xmlns='urn:x'>1</l></config></device></devices>"
    ))
    .unwrap();
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    overlay.load(&fragment, &[pattern("/devices"), pattern("/services")]).unwrap();
    let devices: Vec<String> = overlay
        .find(&pattern("/devices/device"))
        .into_iter()
        .map(|live| overlay.pattern(live.node()).to_string())
        .collect();
    assert_eq!(devices, ["/devices/device[name='r1']", "/devices/device[name='r2']"]);
    for (name, value) in [("r1", "1"), ("r2", "2")] {
        let found = overlay.find(&pattern(&format!("/devices/device[name='{name}']/config/x:l")));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(overlay.value(found[0]), Some(value));
    }
}
