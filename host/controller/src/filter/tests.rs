use confine_tree::{CONTROLLER, PrefixTable, xml};
use confine_yang::MountedSchema;
use proptest::prelude::*;

use super::*;
use crate::testing::{TEST, choices, meaning, pattern_of, random_tree, schema_of, test_schema};

const BENCH: &str = "http://example.com/bench";

fn datastore() -> Tree {
    let bench = |name: &str| {
        format!("<bench xmlns='{BENCH}'><service-name>{name}</service-name><mtu>1500</mtu></bench>")
    };
    let device = |name: &str| {
        let config = "<config><a xmlns='urn:a'><b>1</b><c>|</c></a></config>";
        format!("<device><name>{name}</name><port>830</port>{config}</device>")
    };
    let text = format!(
        "<services xmlns='{CONTROLLER}'>{}{}</services><devices xmlns='{CONTROLLER}'>{}{}</devices>",
        bench("s1"),
        bench("it's"),
        device("r1"),
        device("r2"),
    );
    xml::parse(&text).unwrap()
}

fn datastore_schema() -> MountedSchema {
    let controller = format!(
        "module ctrl {{ yang-version 1.1; namespace {CONTROLLER:?}; prefix c; container services; container devices {{ list device {{
           key name; leaf name {{ type string; }} leaf port {{ type uint16; }} anydata config; }} }} }}"
    );
    let service = format!(
        "module b {{ namespace {BENCH:?}; prefix b; import ctrl {{ prefix c; }} augment /c:services {{
           list bench {{ key service-name; leaf service-name {{ type string; }} leaf mtu {{ type uint16; }} }} }} }}"
    );
    schema_of(&[&controller, &service])
}

fn answer(select: &str, depth: Option<usize>) -> String {
    let namespaces = [("ctrl", CONTROLLER), ("co", CONTROLLER), ("b", BENCH), ("x", "urn:a"), ("u", "urn:u")];
    let (tree, schema) = (datastore(), datastore_schema());
    match XPathFilter::parse(select, &namespaces) {
        Err(error) => error.to_string(),
        Ok(filter) => {
            let model = TreeModel::new(&schema);
            let pruned = prune(&tree, &filter.select(&tree), &model, depth).unwrap();
            xml::XmlTreeWriter::new().scope(&[("", CONTROLLER)]).write(&pruned, [Tree::ROOT]).unwrap()
        }
    }
}

#[test]
fn filter_for_all_children_returns_the_entry() {
    for path in ["/ctrl:services/b:bench[b:service-name='s1']", "/ctrl:devices/ctrl:device", ""] {
        let inside = answer(&format!("{path}/*"), None);
        assert_eq!(inside, answer(if path.is_empty() { "/" } else { path }, None));
        assert!(inside.contains("name"), "{inside}");
    }
    insta::assert_snapshot!(answer("/ctrl:devices/ctrl:device/ctrl:name/*", None), @"");
    insta::assert_snapshot!(answer("/ctrl:devices/*/ctrl:name", None), @"the path `/ctrl:devices/*/ctrl:name` cannot be read at character 15: `*` is not supported: name the step, and leave out its keys to match every entry");
}

#[test]
fn reply_holds_the_selected_nodes_and_their_ancestors() {
    let answers = [
        "/ctrl:devices/ctrl:device/ctrl:name",
        "co:devices/co:device[co:name='r2']/ctrl:config/x:a/x:b | co:devices/co:device[co:name='r1']/co:port",
        "/ctrl:services/b:bench[b:service-name=\"it's\"]",
        "/ctrl:services/b:bench[b:mtu='1500']/b:mtu | /ctrl:services/b:bench",
        "/ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='830']/ctrl:config/x:a[x:c='|']/x:b[.='1']",
        "/ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='22']",
        "/devices/device",
        "/ctrl:devices/ctrl:device[name='r1']",
        "/ctrl:nothing | /u:devices",
        "/nope:devices",
        "/ctrl:devices[",
        "/ctrl:devices/ctrl:device[ctrl:name='it''s']",
    ]
    .map(|select| format!("{select}\n  = {}", answer(select, None)));
    insta::assert_snapshot!(answers.join("\n"), @r#"
    /ctrl:devices/ctrl:device/ctrl:name
      = <devices><device><name>r1</name></device><device><name>r2</name></device></devices>
    co:devices/co:device[co:name='r2']/ctrl:config/x:a/x:b | co:devices/co:device[co:name='r1']/co:port
      = <devices><device><name>r1</name><port>830</port></device><device><name>r2</name><config><a xmlns="urn:a"><b>1</b></a></config></device></devices>
    /ctrl:services/b:bench[b:service-name="it's"]
      = <services><bench xmlns="http://example.com/bench"><service-name>it's</service-name><mtu>1500</mtu></bench></services>
    /ctrl:services/b:bench[b:mtu='1500']/b:mtu | /ctrl:services/b:bench
      = <services><bench xmlns="http://example.com/bench"><service-name>s1</service-name><mtu>1500</mtu></bench><bench xmlns="http://example.com/bench"><service-name>it's</service-name><mtu>1500</mtu></bench></services>
    /ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='830']/ctrl:config/x:a[x:c='|']/x:b[.='1']
      = <devices><device><name>r1</name><config><a xmlns="urn:a"><b>1</b></a></config></device></devices>
    /ctrl:devices/ctrl:device[ctrl:name='r1'][ctrl:port='22']
      = 
    /devices/device
      = 
    /ctrl:devices/ctrl:device[name='r1']
      = 
    /ctrl:nothing | /u:devices
      = 
    /nope:devices
      = the prefix `nope` in the filter `/nope:devices` is not bound to a namespace
    /ctrl:devices[
      = the path `/ctrl:devices[` cannot be read at character 15: a name is missing here: a step is `name` or `prefix:name`
    /ctrl:devices/ctrl:device[ctrl:name='it''s']
      = the path `/ctrl:devices/ctrl:device[ctrl:name='it''s']` cannot be read at character 41: a predicate holds one condition, `[key='value']`: for several keys write several predicates, as in `[a='1'][b='2']`
    "#);
}

#[test]
fn root_selects_everything_and_depth_counts_from_top() {
    let tree = datastore();
    let filter = XPathFilter::parse("/", &[]).unwrap();
    let schema = datastore_schema();
    let all = prune(&tree, &filter.select(&tree), &TreeModel::new(&schema), None).unwrap();
    assert_eq!(xml::write(&all, Tree::ROOT).unwrap(), xml::write(&tree, Tree::ROOT).unwrap());
    assert_eq!(answer("/", Some(0)), "");
    let answers = [
        answer("/", Some(1)),
        answer("/", Some(2)),
        answer("/ctrl:devices/ctrl:device/ctrl:config", Some(2)),
        answer("/ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config", Some(3)),
        answer("/ctrl:devices/ctrl:device[ctrl:name='r1']/ctrl:config", Some(4)),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r#"
    <services/><devices/>
    <services><bench xmlns="http://example.com/bench"/><bench xmlns="http://example.com/bench"/></services><devices><device/><device/></devices>
    <devices><device/><device/></devices>
    <devices><device><name/><config/></device></devices>
    <devices><device><name>r1</name><config><a xmlns="urn:a"/></config></device></devices>
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A union of the XPath of every node selects the whole tree.
    #[test]
    fn xpath_of_a_pattern_selects_its_node(choices in choices()) {
        let schema = test_schema();
        let model = TreeModel::new(&schema);
        let tree = random_tree(&schema, &choices);
        let mut prefixes = PrefixTable::new();
        let mut paths = Vec::new();
        for (node, _) in tree.descendants(Tree::ROOT).skip(1) {
            let pattern = pattern_of(&model, &tree, node);
            paths.push(pattern.xpath(&mut prefixes));
            let namespaces: Vec<_> = prefixes.iter().collect();
            let filter = XPathFilter::parse(paths.last().unwrap(), &namespaces).unwrap();
            prop_assert_eq!(&filter.branches, &[UnionBranch { pattern, selects_children: false }]);
            prop_assert_eq!(filter.select(&tree), [node]);
        }
        let namespaces: Vec<_> = prefixes.iter().collect();
        prop_assert!(namespaces.iter().all(|(_, namespace)| *namespace == TEST));
        if !paths.is_empty() {
            let selected = XPathFilter::parse(&paths.join(" | "), &namespaces).unwrap().select(&tree);
            let pruned = prune(&tree, &selected, &model, None).unwrap();
            prop_assert_eq!(meaning(&model, &pruned), meaning(&model, &tree));
            let leaves: Vec<_> =
                selected.into_iter().filter(|&node| tree.first_child(node).is_none()).collect();
            let pruned = prune(&tree, &leaves, &model, None).unwrap();
            prop_assert_eq!(meaning(&model, &pruned), meaning(&model, &tree));
        }
    }
}

/// An entry of two keys with an element between them.
fn append_entry(tree: &mut Tree, [list, a, b]: [Name; 3], values: (u8, u8)) {
    let entry = tree.append(Tree::ROOT, list).unwrap();
    for (key, value) in [(a, values.0), (list, 7), (b, values.1)] {
        let leaf = tree.append(entry, key).unwrap();
        tree.set_value(leaf, &value.to_string(), &[]).unwrap();
    }
}

proptest! {
    /// Short and long lists: only long ones are indexed.
    #[test]
    fn index_finds_the_same_entries_as_a_linear_search(
        entries in proptest::collection::vec((0..6_u8, 0..3_u8), 0..60),
        wanted in proptest::collection::vec((0..6_u8, 0..3_u8), 1..20),
    ) {
        let mut tree = Tree::new();
        let names @ [list, a, b] = ["l", "a", "b"].map(|local| tree.intern(QName::new("urn:x", local)));
        entries.into_iter().for_each(|values| append_entry(&mut tree, names, values));
        let mut index = EntryIndex::new(&tree);
        for (first, second) in wanted {
            let (first, second) = (first.to_string(), second.to_string());
            for (keys, values) in [(vec![a, b], vec![&*first, &*second]), (vec![a], vec![&*first]), (vec![b], vec![&*second])] {
                let found: Vec<NodeId> = tree
                    .children(Tree::ROOT)
                    .filter(|&node| index_key(&tree, node, &keys).unwrap() == values)
                    .collect();
                prop_assert_eq!(index.children_with_keys(Tree::ROOT, list, &keys, &values), found);
            }
        }
    }

    #[test]
    fn index_finds_children_by_name(children in proptest::collection::vec(0..25_u8, 0..200)) {
        let mut tree = Tree::new();
        let names: Vec<Name> = (0..25).map(|name| tree.intern(QName::new("", &format!("n{name}")))).collect();
        for child in children {
            tree.append(Tree::ROOT, names[usize::from(child)]).unwrap();
        }
        let mut index = EntryIndex::new(&tree);
        for name in names {
            let found: Vec<NodeId> = tree.children_named(Tree::ROOT, name).collect();
            prop_assert_eq!(index.children_with_name(Tree::ROOT, name), found);
        }
    }
}

#[test]
fn index_finds_leaf_list_entries_by_value() {
    let mut tree = Tree::new();
    let name = tree.intern(QName::new("urn:x", "search"));
    for number in 0..100 {
        let entry = tree.append(Tree::ROOT, name).unwrap();
        tree.set_value(entry, &number.to_string(), &[]).unwrap();
    }
    let mut index = EntryIndex::new(&tree);
    for (entry, number) in tree.children(Tree::ROOT).zip(0..) {
        assert_eq!(index.children_with_keys(Tree::ROOT, name, &[], &[&number.to_string()]), [entry]);
    }
    assert_eq!(index.children_with_keys(Tree::ROOT, name, &[], &["x"]), []);
}
