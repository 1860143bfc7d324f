use proptest::prelude::*;

use super::*;
use crate::{
    Edit, ListKeys, NoSchema,
    testing::{choices, content, meaning, random_tree, test_schema},
    xml,
};

/// The edit from one to the other as XML, and the text; both trees under one element `c`.
fn differences(a: &str, b: &str) -> (String, String) {
    let [a, b] = [a, b].map(|text| xml::parse(&format!("<c xmlns='urn:test'>{text}</c>")).unwrap());
    let (schema, keys) = (test_schema(), ListKeys::new());
    let model = TreeModel::new(&schema, &keys);
    let edit = diff(&a, &b, &model).unwrap();
    let text = diff_text((&a, Tree::ROOT), (&b, Tree::ROOT), &model, model.root()).unwrap();
    (xml::write(&edit, Tree::ROOT).unwrap(), text)
}

proptest! {
    #[test]
    fn the_edit_makes_one_of_the_other(a in choices(), b in choices()) {
        let (schema, keys) = (test_schema(), ListKeys::new());
        let model = TreeModel::new(&schema, &keys);
        let [mut a, b] = [a, b].map(|choices| random_tree(&schema, &choices));
        let edit = diff(&a, &b, &model).unwrap();
        // It survives the wire.
        let text = xml::write(&edit, Tree::ROOT).unwrap();
        Edit::new(model).apply(&mut a, &xml::parse(&text).unwrap()).unwrap();
        prop_assert_eq!(meaning(&model, &a), meaning(&model, &b), "{}", text);
    }

    #[test]
    fn the_same_has_no_difference(choices in choices()) {
        let (schema, keys) = (test_schema(), ListKeys::new());
        let model = TreeModel::new(&schema, &keys);
        let tree = random_tree(&schema, &choices);
        prop_assert!(diff(&tree, &tree, &model).unwrap().is_empty());
        let root = (&tree, Tree::ROOT);
        prop_assert_eq!(diff_text(root, root, &model, model.root()).unwrap(), "");
    }

    #[test]
    fn there_is_text_where_there_is_an_edit(a in choices(), b in choices()) {
        let (schema, keys) = (test_schema(), ListKeys::new());
        let model = TreeModel::new(&schema, &keys);
        let [a, b] = [a, b].map(|choices| random_tree(&schema, &choices));
        let edit = diff(&a, &b, &model).unwrap();
        let text = diff_text((&a, Tree::ROOT), (&b, Tree::ROOT), &model, model.root()).unwrap();
        prop_assert_eq!(edit.is_empty(), text.is_empty());
    }
}

#[test]
fn only_what_changed_is_said() {
    let entry = |key: &str, value: &str| format!("<l><k>{key}</k><v>{value}</v></l>");
    let (edit, text) = differences(
        &format!("<a>1</a><e/>{}{}{}", entry("x", "1"), entry("y", "1"), entry("z", "1")),
        &format!("<a>1</a><p/>{}{}<l><k>n</k></l>", entry("y", "1"), entry("x", "2\n3")),
    );
    insta::assert_snapshot!(edit, @r#"
    <c xmlns="urn:test"><e xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/><l xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"><k>z</k></l><p/><l><k>x</k><v>2
    3</v></l><l><k>n</k></l></c>
    "#);
    insta::assert_snapshot!(text, @r#"
       <c xmlns="urn:test">
    +      <p/>
    -      <e/>
          <l>
             <k>x</k>
    -         <v>1</v>
    +         <v>2
    +         3</v>
          </l>
    +      <l>
    +         <k>n</k>
    +      </l>
    -      <l>
    -         <k>z</k>
    -         <v>1</v>
    -      </l>
       </c>
    "#);
}

#[test]
fn entries_that_the_user_orders_say_where_they_go() {
    let entries = |keys: &str| keys.chars().map(|key| format!("<o><k>{key}</k></o>")).collect::<String>();
    let (edit, text) = differences(&entries("abcd"), &entries("dnabcem"));
    insta::assert_snapshot!(edit, @r#"<c xmlns="urn:test"><o xmlns:yang="urn:ietf:params:xml:ns:yang:1" yang:insert="first"><k>d</k></o><o xmlns:yang="urn:ietf:params:xml:ns:yang:1" yang:insert="after" yang:key="[k='d']"><k>n</k></o><o><k>e</k></o><o><k>m</k></o></c>"#);
    insta::assert_snapshot!(text, @r#"
       <c xmlns="urn:test">
    +      <o>
    +         <k>d</k>
    +      </o>
    +      <o>
    +         <k>n</k>
    +      </o>
    +      <o>
    +         <k>e</k>
    +      </o>
    +      <o>
    +         <k>m</k>
    +      </o>
    -      <o>
    -         <k>d</k>
    -      </o>
       </c>
    "#);
    let (edit, _) = differences("<n><u>1</u><u>2</u></n>", "<n><u>2</u><u>1</u></n>");
    insta::assert_snapshot!(edit, @r#"<c xmlns="urn:test"><n><u xmlns:yang="urn:ietf:params:xml:ns:yang:1" yang:insert="first">2</u></n></c>"#);
    let key = |name: &str, value: &str| format!("<{name}>{value}</{name}>");
    let entry = |x: &str| format!("<m>{}{}</m>", key("x", x), key("y", "it's &quot;"));
    let list = |entries: &str| format!("<l><k>1</k>{entries}</l>");
    let (edit, _) = differences(&list(&(entry("1") + &entry("2"))), &list(&(entry("2") + &entry("1"))));
    insta::assert_snapshot!(edit, @r#"<c xmlns="urn:test"><l><k>1</k><m xmlns:yang="urn:ietf:params:xml:ns:yang:1" yang:insert="first"><x>2</x><y>it's "</y></m></l></c>"#);
}

/// As recorded of the controller.
#[test]
fn the_text_is_the_controllers() {
    let before = "<interfaces xmlns='http://openconfig.net/yang/interfaces'><interface><name>x</name></interface>\
                  </interfaces>";
    let after = "<interfaces xmlns='http://openconfig.net/yang/interfaces'><interface><name>x</name></interface>\
                 <interface><name>if-d1</name><config><name>if-d1</name><type xmlns:ianaift=\
                 'urn:ietf:params:xml:ns:yang:iana-if-type'>ianaift:ethernetCsmacd</type><mtu>1500</mtu></config>\
                 </interface></interfaces>";
    let [before, after] = [before, after].map(|text| xml::parse(text).unwrap());
    let namespace = "http://openconfig.net/yang/interfaces";
    let mut keys = ListKeys::new();
    keys.learn_list(&["interfaces", "interface"].map(|local| QName::new(namespace, local)), &["name"])
        .unwrap();
    let model = TreeModel::new(&NoSchema, &keys);
    let text = diff_text((&before, Tree::ROOT), (&after, Tree::ROOT), &model, model.root()).unwrap();
    insta::assert_snapshot!(text, @r#"
       <interfaces xmlns="http://openconfig.net/yang/interfaces">
    +      <interface>
    +         <name>if-d1</name>
    +         <config>
    +            <name>if-d1</name>
    +            <type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>
    +            <mtu>1500</mtu>
    +         </config>
    +      </interface>
       </interfaces>
    "#);
}

#[test]
fn keys_are_not_guessed() {
    let texts = ["<a><b><k>1</k></b><b><k>2</k></b></a>", "<a><b><k>1</k></b><b><k>3</k></b></a>"];
    let [a, b] = texts.map(|text| xml::parse(text).unwrap());
    let keys = ListKeys::new();
    let model = TreeModel::new(&NoSchema, &keys);
    assert!(diff(&a, &a, &model).unwrap().is_empty());
    insta::assert_snapshot!(diff(&a, &b, &model).unwrap_err(), @"the keys of the list `/a/b` are not known; name the entry by its keys, as in `/a/b[key='value']`");
}

#[test]
fn a_value_in_the_place_of_children_replaces_them() {
    let keys = ListKeys::new();
    let model = TreeModel::new(&NoSchema, &keys);
    let trees =
        ["<a><b>1</b></a>", "<a><b><c>1</c></b></a>", "<a><b/></a>"].map(|text| xml::parse(text).unwrap());
    for a in &trees {
        for b in &trees {
            let mut edited = a.clone();
            Edit::new(model).apply(&mut edited, &diff(a, b, &model).unwrap()).unwrap();
            assert_eq!(content(&edited, Tree::ROOT), content(b, Tree::ROOT));
        }
    }
}

/// As deep as XML is read at all, on a thread with the usual stack.
#[test]
fn depth_is_no_danger() {
    let depth = xml::XmlLimits::default().depth;
    let nested = |value: &str| format!("{}{value}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let [mut a, b] = ["1", "2"].map(|value| xml::parse(&nested(value)).unwrap());
    let keys = ListKeys::new();
    let model = TreeModel::new(&NoSchema, &keys);
    let edit = diff(&a, &b, &model).unwrap();
    assert_eq!(content(&edit, Tree::ROOT), content(&b, Tree::ROOT));
    let text = diff_text((&a, Tree::ROOT), (&b, Tree::ROOT), &model, model.root()).unwrap();
    assert_eq!(text.lines().count(), 2 * depth);
    Edit::new(model).apply(&mut a, &edit).unwrap();
    assert_eq!(content(&a, Tree::ROOT), content(&b, Tree::ROOT));
    let deepest = b.descendants(Tree::ROOT).last().unwrap().0;
    let pruned = crate::prune(&b, &[deepest], &model, None).unwrap();
    assert_eq!(content(&pruned, Tree::ROOT), content(&b, Tree::ROOT));
}
