use confine_tree::{NoSchema, xml};
use proptest::prelude::*;

use super::*;
use crate::{
    filter::prune,
    testing::{choices, meaning, random_tree, schema_of, test_schema},
};

fn text_of(a: &Tree, b: &Tree, model: &TreeModel<'_>) -> Result<String, DiffError> {
    diff_text((a, Tree::ROOT), (b, Tree::ROOT), model, model.root())
}

/// Returns the difference of two trees, each below an element `c`.
fn difference(a: &str, b: &str) -> String {
    let [a, b] = [a, b].map(|text| xml::parse(&format!("<c xmlns='urn:test'>{text}</c>")).unwrap());
    text_of(&a, &b, &TreeModel::new(&test_schema())).unwrap()
}

proptest! {
    #[test]
    fn difference_is_empty_for_trees_with_the_same_meaning(a in choices(), b in choices()) {
        let schema = test_schema();
        let model = TreeModel::new(&schema);
        let [a, b] = [a, b].map(|choices| random_tree(&schema, &choices));
        prop_assert_eq!(text_of(&a, &a, &model).unwrap(), "");
        let same = meaning(&model, &a) == meaning(&model, &b);
        prop_assert_eq!(text_of(&a, &b, &model).unwrap().is_empty(), same);
    }
}

#[test]
fn difference_shows_only_what_changed() {
    let entry = |key: &str, value: &str| format!("<l><k>{key}</k><v>{value}</v></l>");
    let text = difference(
        &format!("<a>1</a><e/>{}{}{}", entry("x", "1"), entry("y", "1"), entry("z", "1")),
        &format!("<a>1</a><p/>{}{}<l><k>n</k></l>", entry("y", "1"), entry("x", "2\n3")),
    );
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
fn difference_shows_moved_user_ordered_entries() {
    let entries = |keys: &str| keys.chars().map(|key| format!("<o><k>{key}</k></o>")).collect::<String>();
    let text = difference(&entries("abcd"), &entries("dnabcem"));
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
    let text = difference("<n><u>1</u><u>2</u></n>", "<n><u>2</u><u>1</u></n>");
    insta::assert_snapshot!(text, @r#"
       <c xmlns="urn:test">
          <n>
    +         <u>2</u>
    -         <u>2</u>
          </n>
       </c>
    "#);
    let key = |name: &str, value: &str| format!("<{name}>{value}</{name}>");
    let entry = |x: &str| format!("<m>{}{}</m>", key("x", x), key("y", "it's &quot;"));
    let list = |entries: &str| format!("<l><k>1</k>{entries}</l>");
    let text = difference(&list(&(entry("1") + &entry("2"))), &list(&(entry("2") + &entry("1"))));
    insta::assert_snapshot!(text, @r#"
       <c xmlns="urn:test">
          <l>
             <k>1</k>
    +         <m>
    +            <x>2</x>
    +            <y>it's "</y>
    +         </m>
    -         <m>
    -            <x>2</x>
    -            <y>it's "</y>
    -         </m>
          </l>
       </c>
    "#);
}

/// As recorded from the real controller.
#[test]
fn difference_text_is_that_of_the_real_controller() {
    let before = "<interfaces xmlns='http://openconfig.net/yang/interfaces'><interface><name>x</name></interface>\
                  </interfaces>";
    let after = "<interfaces xmlns='http://openconfig.net/yang/interfaces'><interface><name>x</name></interface>\
                 <interface><name>if-d1</name><config><name>if-d1</name><type xmlns:ianaift=\
                 'urn:ietf:params:xml:ns:yang:iana-if-type'>ianaift:ethernetCsmacd</type><mtu>1500</mtu></config>\
                 </interface></interfaces>";
    let [before, after] = [before, after].map(|text| xml::parse(text).unwrap());
    let schema = schema_of(&[r#"module oc-if { namespace "http://openconfig.net/yang/interfaces"; prefix i;
      container interfaces { list interface { key name; leaf name { type string; } } } }"#]);
    let text = text_of(&before, &after, &TreeModel::new(&schema)).unwrap();
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
fn difference_never_guesses_keys() {
    let texts = ["<a><b><k>1</k></b><b><k>2</k></b></a>", "<a><b><k>1</k></b><b><k>3</k></b></a>"];
    let [a, b] = texts.map(|text| xml::parse(text).unwrap());
    let model = TreeModel::new(&NoSchema);
    assert_eq!(text_of(&a, &a, &model).unwrap(), "");
    insta::assert_snapshot!(text_of(&a, &b, &model).unwrap_err(), @"the keys of the list `/a/b` are not known; name the entry by its keys, as in `/a/b[key='value']`");
}

#[test]
fn difference_shows_a_value_that_replaces_children() {
    let model = TreeModel::new(&NoSchema);
    let texts = ["<a><b>1</b></a>", "<a><b><c>1</c></b></a>", "<a><b/></a>"];
    let trees = texts.map(|text| xml::parse(text).unwrap());
    let mut differences = String::new();
    for (a, from) in trees.iter().zip(texts) {
        for (b, to) in trees.iter().zip(texts) {
            differences += &format!("{from} {to}\n{}", text_of(a, b, &model).unwrap());
        }
    }
    insta::assert_snapshot!(differences, @r#"
    <a><b>1</b></a> <a><b>1</b></a>
    <a><b>1</b></a> <a><b><c>1</c></b></a>
       <a xmlns="">
    -      <b>1</b>
    +      <b>
    +         <c>1</c>
    +      </b>
       </a>
    <a><b>1</b></a> <a><b/></a>
       <a xmlns="">
    -      <b>1</b>
    +      <b/>
       </a>
    <a><b><c>1</c></b></a> <a><b>1</b></a>
       <a xmlns="">
    -      <b>
    -         <c>1</c>
    -      </b>
    +      <b>1</b>
       </a>
    <a><b><c>1</c></b></a> <a><b><c>1</c></b></a>
    <a><b><c>1</c></b></a> <a><b/></a>
       <a xmlns="">
    -      <b>
    -         <c>1</c>
    -      </b>
    +      <b/>
       </a>
    <a><b/></a> <a><b>1</b></a>
       <a xmlns="">
    -      <b/>
    +      <b>1</b>
       </a>
    <a><b/></a> <a><b><c>1</c></b></a>
       <a xmlns="">
    -      <b/>
    +      <b>
    +         <c>1</c>
    +      </b>
       </a>
    <a><b/></a> <a><b/></a>
    "#);
}

/// The greatest depth that the XML reader accepts, on a thread with the default stack.
#[test]
fn difference_and_prune_handle_the_deepest_tree() {
    let depth = xml::XmlLimits::default().depth;
    let nested = |value: &str| format!("{}{value}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let [a, b] = ["1", "2"].map(|value| xml::parse(&nested(value)).unwrap());
    let model = TreeModel::new(&NoSchema);
    let text = text_of(&a, &b, &model).unwrap();
    assert_eq!(text.lines().count(), 2 * depth);
    let deepest = b.descendants(Tree::ROOT).last().unwrap().0;
    let pruned = prune(&b, &[deepest], &model, None).unwrap();
    assert_eq!(xml::write(&pruned, Tree::ROOT).unwrap(), xml::write(&b, Tree::ROOT).unwrap());
}
