//! What rules hide is not there, however one looks; and nothing is sent that they do not permit.
//!
//! The model of the property is the standard's own sentence: a tree from which all that may not be read has
//! been cut beforehand.

use confine_nacm::{AccessOperation, AccessOperations, Nacm, Rule, RuleAction, RuleList, RuleTarget};
use confine_tree::{DataNodeKind, NodeId, Schema, SchemaNode, ValueError};
use proptest::prelude::*;

use super::*;
use crate::{ModuleRules, ViewEdit};

const M: &str = "urn:m";
const N: &str = "urn:n";

/// Parent, namespace, name, kind and key of each node; the first is the root.
const NODES: [(u32, &str, &str, DataNodeKind, &str); 23] = [
    (0, "", "", DataNodeKind::Container, ""),
    (0, CONTROLLER, "devices", DataNodeKind::Container, ""),
    (1, CONTROLLER, "device", DataNodeKind::List, "name"),
    (2, CONTROLLER, "name", DataNodeKind::Leaf, ""),
    (2, CONTROLLER, "config", DataNodeKind::Container, ""),
    (4, M, "t", DataNodeKind::Leaf, ""),
    (4, M, "c", DataNodeKind::Container, ""),
    (6, M, "a", DataNodeKind::Leaf, ""),
    (6, M, "b", DataNodeKind::Leaf, ""),
    (6, N, "x", DataNodeKind::Leaf, ""),
    (6, M, "l", DataNodeKind::List, "k"),
    (10, M, "k", DataNodeKind::Leaf, ""),
    (10, M, "v", DataNodeKind::Leaf, ""),
    (10, M, "d", DataNodeKind::Container, ""),
    (13, M, "w", DataNodeKind::Leaf, ""),
    (13, M, "s", DataNodeKind::LeafList, ""),
    (6, M, "p", DataNodeKind::PresenceContainer, ""),
    (16, M, "q", DataNodeKind::Leaf, ""),
    (0, CONTROLLER, "services", DataNodeKind::Container, ""),
    (18, "urn:bench", "bench", DataNodeKind::List, "id"),
    (19, "urn:bench", "id", DataNodeKind::Leaf, ""),
    (19, "urn:bench", "created", DataNodeKind::Container, ""),
    (21, "urn:bench", "path", DataNodeKind::LeafList, ""),
];

/// The model of [`NODES`].
struct Modelled {
    keys: Vec<Vec<Box<str>>>,
}

impl Modelled {
    fn new() -> Self {
        let keys = NODES.map(|(.., key)| if key.is_empty() { Vec::new() } else { vec![key.into()] });
        Self { keys: keys.into() }
    }
}

impl Schema for Modelled {
    fn root(&self) -> Option<SchemaNode> {
        Some(SchemaNode(0))
    }
    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let mut numbered = (0..).zip(NODES).skip(1);
        let is_named = |(above, namespace, local): (u32, &str, &str)| {
            above == parent.0 && QName::new(namespace, local) == name
        };
        numbered
            .find(|&(_, (above, namespace, local, ..))| is_named((above, namespace, local)))
            .map(|(number, _)| SchemaNode(number))
    }
    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let below = NODES.iter().skip(1).filter(|node| node.0 == parent.0);
        below.map(|&(_, namespace, local, ..)| QName::new(namespace, local)).collect()
    }
    fn is_complete(&self, _: SchemaNode) -> bool {
        true
    }
    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        NODES[node.0 as usize].3
    }
    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        &self.keys[node.0 as usize]
    }
    fn ordered_by_user(&self, _: SchemaNode) -> bool {
        false
    }
    fn position(&self, node: SchemaNode) -> u32 {
        node.0
    }
    fn canonical(
        &self,
        _: SchemaNode,
        value: &str,
        _: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        Ok(value.to_owned())
    }
}

/// Says which module defines what.
struct Defining;

impl confine_nacm::NacmModel for Defining {
    fn module(&self, namespace: &str) -> Option<&str> {
        match namespace {
            M => Some("m"),
            N => Some("n"),
            "urn:bench" => Some("bench"),
            CONTROLLER => Some("clixon-controller"),
            _ => None,
        }
    }
}

/// A datastore that answers filters.
struct Modelling(Tree);

impl Source for Modelling {
    fn fetch<'a>(&'a self, wanted: &'a [Pattern]) -> Fetch<'a> {
        let mut prefixes = PrefixTable::new();
        let paths: Vec<String> = wanted.iter().map(|pattern| pattern.xpath(&mut prefixes)).collect();
        let bound: Vec<(&str, &str)> = prefixes.iter().collect();
        let selected = XPathFilter::parse(&paths.join(" | "), &bound).unwrap().select(&self.0);
        let read = prune(&self.0, &selected, &TreeModel::new(&Modelled::new()), None).unwrap();
        Box::pin(async move { Ok(read) })
    }
}

/// The paths that calls and rules are about, below the configuration of a device.
const PLACES: [&str; 17] = [
    "",
    "/m:t",
    "/m:c",
    "/m:c/m:a",
    "/m:c/m:b",
    "/m:c/n:x",
    "/m:c/m:l",
    "/m:c/m:l[k='1']",
    "/m:c/m:l[k='1']/m:k",
    "/m:c/m:l[k='1']/m:v",
    "/m:c/m:l/m:v",
    "/m:c/m:l[k='2']/m:d",
    "/m:c/m:l[k='2']/m:d/m:w",
    "/m:c/m:l[k='2']/m:d/m:s",
    "/m:c/m:l[k='2']/m:d/m:s[.='1']",
    "/m:c/m:p",
    "/m:c/m:p/m:q",
];

fn place() -> impl Strategy<Value = String> {
    let device = prop_oneof![Just("[name='r1']"), Just("[name='r2']"), Just("")];
    let below = (device, proptest::sample::select(&PLACES[..]));
    prop_oneof![
        1 => Just("/devices".to_owned()),
        1 => Just("/".to_owned()),
        20 => below.prop_map(|(device, place)| format!("/devices/device{device}/config{place}")),
    ]
}

#[derive(Clone, Debug)]
enum Call {
    Get(String),
    Exists(String),
    Find(String),
    Read(String),
    ReadXml(String),
    Set(String, String),
    Create(String),
    Remove(String),
    Edit(Vec<ViewEdit>),
    EditXml(String),
}

fn edit() -> impl Strategy<Value = ViewEdit> {
    (prop_oneof![Just("set"), Just("create"), Just("remove")], place(), "[12]").prop_map(
        |(operation, path, value)| ViewEdit {
            operation: operation.into(),
            path,
            value: (operation == "set").then_some(value),
        },
    )
}

fn fragment() -> impl Strategy<Value = String> {
    let operation = prop_oneof![
        3 => Just(""),
        1 => Just(" xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' nc:operation='remove'"),
    ];
    let entry = (operation.clone(), "[12]", "[12]")
        .prop_map(|(operation, k, v)| format!("<l{operation}><k>{k}</k><v>{v}</v></l>"));
    let leaf = (operation, "[ab]", "[12]").prop_map(|(operation, leaf, value)| match operation {
        "" => format!("<{leaf}>{value}</{leaf}>"),
        operation => format!("<{leaf}{operation}/>"),
    });
    let inner = proptest::collection::vec(prop_oneof![entry, leaf], 1..3);
    ("r[12]", inner).prop_map(|(device, inner)| {
        format!(
            "<devices xmlns='{CONTROLLER}'><device><name>{device}</name><config><c xmlns='{M}'>{}</c></config>\
             </device></devices>",
            inner.concat()
        )
    })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        1 => place().prop_map(Call::Get),
        1 => place().prop_map(Call::Exists),
        1 => place().prop_map(Call::Find),
        1 => place().prop_map(Call::Read),
        1 => place().prop_map(Call::ReadXml),
        3 => (place(), "[12]").prop_map(|(path, value)| Call::Set(path, value)),
        1 => place().prop_map(Call::Create),
        2 => place().prop_map(Call::Remove),
        1 => proptest::collection::vec(edit(), 1..4).prop_map(Call::Edit),
        1 => fragment().prop_map(Call::EditXml),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let operations = proptest::sample::subsequence(
        vec![
            AccessOperation::Create,
            AccessOperation::Read,
            AccessOperation::Update,
            AccessOperation::Delete,
        ],
        1..4,
    );
    let target = prop_oneof![1 => Just(None), 8 => place().prop_map(Some)];
    let module = proptest::option::weighted(0.2, prop_oneof![Just("m"), Just("n")]);
    (target, operations, module, any::<bool>(), any::<bool>()).prop_map(
        |(target, operations, module, all, permit)| {
            let operations = operations.into_iter().fold(AccessOperations::NONE, AccessOperations::with);
            let prefixes = [("m", M), ("n", N)].map(|(prefix, namespace)| (prefix.into(), namespace.into()));
            // The controller's own names need a prefix after the first.
            let prefixed =
                |path: String| path.replace("/device", "/c:device").replace("/config", "/c:config");
            let prefixes = prefixes.into_iter().chain([("c".to_owned(), CONTROLLER.to_owned())]).collect();
            Rule {
                name: "r".into(),
                module: module.map(str::to_owned),
                target: match target {
                    Some(path) => RuleTarget::Path { path: prefixed(path), prefixes },
                    None => RuleTarget::Any,
                },
                operations: if all { AccessOperations::ALL } else { operations },
                action: if permit { RuleAction::Permit } else { RuleAction::Deny },
            }
        },
    )
}

fn access() -> impl Strategy<Value = confine_nacm::AccessRules> {
    proptest::collection::vec(rule(), 0..6).prop_map(|rules| {
        let list = RuleList { name: "l".into(), groups: vec!["modules".into()], rules };
        let nacm = Nacm { rule_lists: vec![list], ..Nacm::default() };
        let (access, problems) = nacm.module_access("bench", "alice");
        assert_eq!(problems, []);
        access
    })
}

/// The configuration of a device.
fn config() -> impl Strategy<Value = String> {
    let leaf = |name: &'static str| {
        proptest::option::of("[12]").prop_map(move |value| {
            value.map_or_else(String::new, |value| format!("<{name}>{value}</{name}>"))
        })
    };
    let x = proptest::option::of("[12]")
        .prop_map(|value| value.map_or_else(String::new, |value| format!("<x xmlns='{N}'>{value}</x>")));
    let s = proptest::sample::subsequence(vec!["<s>1</s>", "<s>2</s>"], 0..=2).prop_map(|s| s.concat());
    let d = proptest::option::of((leaf("w"), s).prop_map(|(w, s)| format!("<d>{w}{s}</d>")));
    let entry = |key: &'static str| {
        proptest::option::of(
            (leaf("v"), d.clone())
                .prop_map(move |(v, d)| format!("<l><k>{key}</k>{v}{}</l>", d.unwrap_or_default())),
        )
    };
    let p = proptest::option::of(leaf("q").prop_map(|q| format!("<p>{q}</p>")));
    let c = (leaf("a"), leaf("b"), x, entry("1"), entry("2"), p);
    let c = proptest::option::of(c).prop_map(|c| {
        c.map_or_else(String::new, |(a, b, x, one, two, p)| {
            let [one, two, p] = [one, two, p].map(Option::unwrap_or_default);
            format!("<c xmlns='{M}'>{a}{b}{x}{one}{two}{p}</c>")
        })
    });
    let t = proptest::option::of("[12]")
        .prop_map(|value| value.map_or_else(String::new, |value| format!("<t xmlns='{M}'>{value}</t>")));
    (t, c).prop_map(|(t, c)| t + &c)
}

fn datastore() -> impl Strategy<Value = String> {
    (config(), config()).prop_map(|(r1, r2)| {
        format!(
            "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config>{r1}</config></device>\
             <device><name>r2</name><config>{r2}</config></device></devices>\
             <services xmlns='{CONTROLLER}'><bench xmlns='urn:bench'><id>s1</id></bench></services>"
        )
    })
}

/// The last step of a node's path.
fn step(tree: &Tree, node: NodeId) -> PatternStep {
    let name = tree.qname(node);
    let mut step = PatternStep::new(name);
    let known = NODES.iter().find(|&&(_, namespace, local, ..)| QName::new(namespace, local) == name);
    match known {
        Some(&(.., DataNodeKind::List, key)) => {
            let leaf = tree.child(node, QName::new(name.namespace, key));
            let value = leaf.map(|leaf| tree.value(leaf).unwrap_or_default().to_owned());
            step.keys.push((key.into(), value));
        }
        Some((.., DataNodeKind::LeafList, _)) => {
            step.entry = Some(Some(tree.value(node).unwrap_or_default().to_owned()));
        }
        _ => {}
    }
    step
}

fn below(place: &Pattern, step: PatternStep) -> Pattern {
    Pattern { steps: place.steps.iter().cloned().chain([step]).collect() }
}

/// The nodes below a node, each with its path.
fn nodes(tree: &Tree, node: NodeId, place: &Pattern) -> Vec<(NodeId, Pattern)> {
    let children: Vec<NodeId> = tree.children(node).collect();
    let mut all = Vec::new();
    for child in children {
        let place = below(place, step(tree, child));
        all.push((child, place.clone()));
        all.extend(nodes(tree, child, &place));
    }
    all
}

fn may(access: &confine_nacm::AccessRules, operation: AccessOperation, place: &Pattern) -> bool {
    access.decide(&Defining, place, operation).permitted
}

/// The tree without what may not be read. An entry is not seen without its keys.
fn cut(tree: &Tree, access: &confine_nacm::AccessRules) -> Tree {
    let mut cut = tree.clone();
    for (node, place) in nodes(tree, Tree::ROOT, &Pattern::default()) {
        let keys = place.steps.last().into_iter().flat_map(|step| &step.keys);
        let has_keys = keys.into_iter().all(|(key, _)| {
            let namespace = &place.steps.last().unwrap().namespace;
            may(access, AccessOperation::Read, &below(&place, PatternStep::new(QName::new(namespace, key))))
        });
        if !may(access, AccessOperation::Read, &place) || !has_keys {
            cut.detach(node);
        }
    }
    cut
}

/// What a program saw, and what would be sent after it.
fn play(
    tree: &Tree,
    access: &confine_nacm::AccessRules,
    program: &[Call],
) -> (Vec<String>, Result<Tree, Error>) {
    let mut draft = CommitDraft::new(Arc::new(Modelled::new()), Arc::new(Modelling(tree.clone())));
    let rules = ModuleRules::new(access.clone(), Arc::new(Defining), "bench", "`/nacm`".into());
    let scope = open_scope().with_rules(Arc::new(rules));
    let prefixes = PrefixMap::new([("m", M), ("n", N)]).unwrap();
    let meter = Meter::new(WorkAllowance::UNLIMITED);
    draft.declare(instance("").path());
    let mut view = View::new(draft, Arc::new(scope), instance("s1"), Arc::new(prefixes), meter);
    let mut seen = Vec::new();
    for call in program {
        seen.push(match call {
            Call::Get(path) => refusal(block(view.get(path))),
            Call::Exists(path) => refusal(block(view.exists(path))),
            Call::Find(path) => refusal(block(view.find(path))),
            Call::Read(path) => refusal(block(view.read(path))),
            Call::ReadXml(path) => refusal(block(view.read_xml(path))),
            Call::Set(path, value) => refusal(block(view.set(path, value))),
            Call::Create(path) => refusal(block(view.create(path))),
            Call::Remove(path) => refusal(block(view.remove(path))),
            Call::Edit(edits) => refusal(block(view.edit(edits))),
            Call::EditXml(config) => refusal(block(view.edit_xml(config))),
        });
    }
    let (mut draft, _) = view.into_parts();
    let instances = [instance("s1")];
    let finished =
        block(draft.settle(&instances)).and_then(|()| draft.finish(&instances, &OwnerIndex::new()));
    let edit = finished.map(|finished| xml::parse(&finished.devices.unwrap_or_default()).unwrap());
    (seen, edit)
}

/// Holds an edit of a tree against the rules, node by node (RFC 8341, section 3.4.5).
fn check_edit(tree: &Tree, access: &confine_nacm::AccessRules, edit: &Tree) -> Result<(), TestCaseError> {
    let base = nodes(tree, Tree::ROOT, &Pattern::default());
    let find = |place: &Pattern| base.iter().find(|(_, other)| other == place).map(|&(node, _)| node);
    let removed = QName::new(confine_tree::NETCONF, "operation");
    let mut gone: Vec<Pattern> = Vec::new();
    for (node, place) in nodes(edit, Tree::ROOT, &Pattern::default()) {
        if gone.iter().any(|above| above.covers(&place)) {
            continue;
        }
        if edit.attribute(node, removed) == Some("remove") {
            for (_, below) in base.iter().filter(|(_, other)| place.covers(other)) {
                prop_assert!(may(access, AccessOperation::Delete, below), "delete of {below}");
            }
            gone.push(place);
            continue;
        }
        let is_plain = matches!(edit.qname(node).local, "c" | "d" | "config" | "devices");
        match find(&place) {
            None if is_plain => {}
            None => prop_assert!(may(access, AccessOperation::Create, &place), "create of {place}"),
            Some(old) if tree.value(old) == edit.value(node) => {}
            Some(_) => prop_assert!(may(access, AccessOperation::Update, &place), "update of {place}"),
        }
    }
    Ok(())
}

/// A presence container means something by being there, and so it is a node that is made.
#[test]
fn denied_presence_container_is_not_created_above_a_leaf() {
    let rule = |target, action| Rule {
        name: "r".into(),
        module: None,
        target,
        operations: AccessOperations::NONE.with(AccessOperation::Create),
        action,
    };
    let prefixes = [("m", M), ("c", CONTROLLER)].map(|(prefix, space)| (prefix.to_owned(), space.to_owned()));
    let path = "/c:devices/c:device/c:config/m:c/m:p/m:q".to_owned();
    let leaf = RuleTarget::Path { path, prefixes: prefixes.into() };
    let rules = vec![rule(leaf, RuleAction::Permit), rule(RuleTarget::Any, RuleAction::Deny)];
    let list = RuleList { name: "l".into(), groups: vec!["modules".into()], rules };
    let (access, _) = Nacm { rule_lists: vec![list], ..Nacm::default() }.module_access("bench", "alice");
    let set = Call::Set("/devices/device[name='r1']/config/m:c/m:p/m:q".into(), "1".into());
    let datastore = |inner: &str| {
        let device = format!("<device><name>r1</name><config>{inner}</config></device>");
        xml::parse(&format!("<devices xmlns='{CONTROLLER}'>{device}</devices>")).unwrap()
    };
    let (seen, _) = play(&datastore(""), &access, std::slice::from_ref(&set));
    assert!(seen[0].contains("create of `/devices/device[name='r1']/config/c/p`"), "{}", seen[0]);
    let there = datastore(&format!("<c xmlns='{M}'><p/></c>"));
    let (seen, _) = play(&there, &access, &[set]);
    assert!(!seen[0].contains("denied"), "{}", seen[0]);
}

proptest! {
    #[test]
    fn what_is_hidden_might_as_well_not_be_there(
        datastore in datastore(),
        access in access(),
        program in proptest::collection::vec(call(), 1..8),
    ) {
        let tree = xml::parse(&datastore).unwrap();
        let (seen, edit) = play(&tree, &access, &program);
        let (seen_of_cut, _) = play(&cut(&tree, &access), &access, &program);
        for ((call, seen), of_cut) in program.iter().zip(&seen).zip(&seen_of_cut) {
            prop_assert_eq!(seen, of_cut, "{:?}", call);
        }
        if let Ok(edit) = edit {
            check_edit(&tree, &access, &edit)?;
        }
    }
}
