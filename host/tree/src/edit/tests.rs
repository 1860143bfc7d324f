use proptest::prelude::*;

use super::*;
use crate::{
    ListKeys, NoSchema,
    testing::{choices, meaning, random_tree, test_schema},
    xml,
};

const HEAD: &str = "<c xmlns='urn:test' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
                    xmlns:yang='urn:ietf:params:xml:ns:yang:1'>";

fn tree(inner: &str) -> Tree {
    xml::parse(&format!("{HEAD}{inner}</c>")).unwrap()
}

/// What becomes of the content of `c`, or the error: its tag and its text.
fn edited_with(default: Operation, before: &str, config: &str) -> String {
    let (schema, keys) = (test_schema(), ListKeys::new());
    let mut edited = tree(before);
    let edit = Edit { default, check_values: true, ..Edit::new(TreeModel::new(&schema, &keys)) };
    match edit.apply(&mut edited, &tree(config)) {
        Err(error) => format!("{}: {error}", error.tag()),
        Ok(()) => {
            let text = xml::write(&edited, Tree::ROOT).unwrap();
            text.trim_start_matches("<c xmlns=\"urn:test\">").trim_end_matches("</c>").to_owned()
        }
    }
}

fn edited(before: &str, config: &str) -> String {
    edited_with(Operation::Merge, before, config)
}

proptest! {
    #[test]
    fn merging_into_nothing_and_replacing_give_the_edit(a in choices(), b in choices()) {
        let (schema, keys) = (test_schema(), ListKeys::new());
        let edit = Edit::new(TreeModel::new(&schema, &keys));
        let [mut a, b] = [a, b].map(|choices| random_tree(&schema, &choices));
        let mut empty = Tree::new();
        edit.apply(&mut empty, &b).unwrap();
        prop_assert_eq!(meaning(&edit.model, &empty), meaning(&edit.model, &b));
        Edit { default: Operation::Replace, ..edit }.apply(&mut a, &b).unwrap();
        prop_assert_eq!(meaning(&edit.model, &a), meaning(&edit.model, &b));
    }

    #[test]
    fn merging_twice_is_merging_once(a in choices(), b in choices()) {
        let (schema, keys) = (test_schema(), ListKeys::new());
        let edit = Edit::new(TreeModel::new(&schema, &keys));
        let [mut a, b] = [a, b].map(|choices| random_tree(&schema, &choices));
        edit.apply(&mut a, &b).unwrap();
        let once = meaning(&edit.model, &a);
        edit.apply(&mut a, &b).unwrap();
        prop_assert_eq!(meaning(&edit.model, &a), once);
    }
}

#[test]
fn operations_do_what_they_say() {
    let rows = [
        ("", "<a>1</a>"),
        ("<a>1</a>", "<a>2</a>"),
        ("<a>1</a>", "<a nc:operation='create'>2</a>"),
        ("<l><k>1</k></l>", "<l nc:operation='create'><k>1</k></l>"),
        ("", "<l nc:operation='create'><k>1</k><v>2</v></l>"),
        ("", "<a nc:operation='delete'/>"),
        ("", "<a nc:operation='remove'/>"),
        ("<a>1</a><e/>", "<a nc:operation='delete'/>"),
        ("<l><k>1</k><v>1</v></l><l><k>2</k></l>", "<l nc:operation='remove'><k>1</k></l>"),
        ("<l><k>1</k><v>1</v><d><a>1</a></d></l>", "<l nc:operation='replace'><k>1</k><v>2</v></l>"),
        ("<l><k>1</k><v>1</v><d><a>1</a></d></l>", "<l><d nc:operation='replace'><a>2</a></d><k>1</k></l>"),
        ("<n><s>1</s><s>2</s></n>", "<n><s nc:operation='delete'>1</s><s>3</s></n>"),
        ("<n><s>1</s></n>", "<n><s nc:operation='delete'>2</s></n>"),
        ("<l><k>1</k></l>", "<l><v>1</v></l>"),
        ("<l><k>1</k></l>", "<l><k nc:operation='remove'>1</k></l>"),
        ("", "<z/>"),
        ("", "<l><k>1</k><z/></l>"),
        ("", "<a>bad</a>"),
        ("", "<a nc:operation='none'>1</a>"),
        ("", "<a nc:operation='x'>1</a>"),
    ];
    let results = rows.map(|(before, config)| format!("{before} + {config}\n  = {}", edited(before, config)));
    insta::assert_snapshot!(results.join("\n"), @r"
     + <a>1</a>
      = <a>1</a>
    <a>1</a> + <a>2</a>
      = <a>2</a>
    <a>1</a> + <a nc:operation='create'>2</a>
      = data-exists: `/c/a` is to be created and exists already
    <l><k>1</k></l> + <l nc:operation='create'><k>1</k></l>
      = data-exists: `/c/l[k='1']` is to be created and exists already
     + <l nc:operation='create'><k>1</k><v>2</v></l>
      = <l><k>1</k><v>2</v></l>
     + <a nc:operation='delete'/>
      = data-missing: `/c/a` does not exist
     + <a nc:operation='remove'/>
      = 
    <a>1</a><e/> + <a nc:operation='delete'/>
      = <e/>
    <l><k>1</k><v>1</v></l><l><k>2</k></l> + <l nc:operation='remove'><k>1</k></l>
      = <l><k>2</k></l>
    <l><k>1</k><v>1</v><d><a>1</a></d></l> + <l nc:operation='replace'><k>1</k><v>2</v></l>
      = <l><k>1</k><v>2</v></l>
    <l><k>1</k><v>1</v><d><a>1</a></d></l> + <l><d nc:operation='replace'><a>2</a></d><k>1</k></l>
      = <l><k>1</k><v>1</v><d><a>2</a></d></l>
    <n><s>1</s><s>2</s></n> + <n><s nc:operation='delete'>1</s><s>3</s></n>
      = <n><s>2</s><s>3</s></n>
    <n><s>1</s></n> + <n><s nc:operation='delete'>2</s></n>
      = data-missing: `/c/n/s[.='2']` does not exist
    <l><k>1</k></l> + <l><v>1</v></l>
      = missing-element: `/c/l` lacks its key `k`
    <l><k>1</k></l> + <l><k nc:operation='remove'>1</k></l>
      = bad-element: `/c/l/k` is a key: it goes with its list entry only
     + <z/>
      = unknown-element: there is no `z` under `/c` in the data model (namespace `urn:test`)
     + <l><k>1</k><z/></l>
      = unknown-element: there is no `z` under `/c/l` in the data model (namespace `urn:test`)
     + <a>bad</a>
      = invalid-value: `/c/a`: `bad` is no value of a test
     + <a nc:operation='none'>1</a>
      = bad-attribute: the attribute `operation` of `/c/a` cannot be `none`
     + <a nc:operation='x'>1</a>
      = bad-attribute: the attribute `operation` of `/c/a` cannot be `x`
    ");
}

#[test]
fn with_none_only_what_says_so_is_done() {
    let none = |before, config| edited_with(Operation::None, before, config);
    let rows = [
        ("<a>1</a>", "<a>2</a>"),
        ("<l><k>1</k><v>1</v></l>", "<l><k>1</k><v nc:operation='merge'>2</v></l>"),
        ("<l><k>1</k><v>1</v></l>", "<l><k>2</k><v nc:operation='merge'>2</v></l>"),
        ("<l><k>1</k></l>", "<l><k>1</k><d nc:operation='merge'><a>1</a></d></l>"),
    ];
    let results = rows.map(|(before, config)| format!("{before} + {config}\n  = {}", none(before, config)));
    insta::assert_snapshot!(results.join("\n"), @r"
    <a>1</a> + <a>2</a>
      = <a>1</a>
    <l><k>1</k><v>1</v></l> + <l><k>1</k><v nc:operation='merge'>2</v></l>
      = <l><k>1</k><v>2</v></l>
    <l><k>1</k><v>1</v></l> + <l><k>2</k><v nc:operation='merge'>2</v></l>
      = data-missing: `/c/l[k='2']` does not exist
    <l><k>1</k></l> + <l><k>1</k><d nc:operation='merge'><a>1</a></d></l>
      = <l><k>1</k><d><a>1</a></d></l>
    ");
}

/// RFC 7950, section 7.5.1: only a presence container means something by itself.
#[test]
fn containers_vanish_with_their_last_child() {
    assert_eq!(edited("<n><s>1</s></n>", "<n><s nc:operation='remove'>1</s></n>"), "");
    assert_eq!(edited("<a>1</a>", "<n/>"), "<a>1</a>");
    assert_eq!(edited("", "<p/>"), "<p/>");
    assert_eq!(edited("<p><a>1</a></p>", "<p><a nc:operation='remove'/></p>"), "<p/>");
}

/// Keys come first and siblings stand as in the model, however the edit has them.
#[test]
fn nodes_go_where_the_model_has_them() {
    assert_eq!(
        edited("<l><k>1</k></l>", "<l><v>2</v><m><v>3</v><y>2</y><x>1</x></m><k>2</k></l><a>1</a>"),
        "<a>1</a><l><k>1</k></l><l><k>2</k><v>2</v><m><x>1</x><y>2</y><v>3</v></m></l>",
    );
}

/// RFC 7950, section 7.7.9 and 7.8.6.
#[test]
fn entries_go_where_the_user_says() {
    let entries = |keys: &str| keys.chars().map(|key| format!("<o><k>{key}</k></o>")).collect::<String>();
    let insert =
        |key: &str, attributes: &str| edited(&entries("abc"), &format!("<o {attributes}><k>{key}</k></o>"));
    assert_eq!(insert("x", "yang:insert='first'"), entries("xabc"));
    assert_eq!(insert("x", "yang:insert='last'"), entries("abcx"));
    assert_eq!(insert("x", "yang:insert='before' yang:key=\"[k='b']\""), entries("axbc"));
    assert_eq!(insert("x", "yang:insert='after' yang:key=\"[p:k='b']\""), entries("abxc"));
    assert_eq!(insert("a", "yang:insert='last'"), entries("bca"));
    assert_eq!(insert("c", "yang:insert='first'"), entries("cab"));
    assert_eq!(insert("a", "yang:insert='after' yang:key=\"[k='b']\""), entries("bac"));
    assert_eq!(insert("b", "yang:insert='after' yang:key=\"[k='b']\""), entries("abc"));
    assert_eq!(insert("b", "nc:operation='merge'"), entries("abc"));
    assert_eq!(
        edited("<n><u>1</u><u>2</u></n>", "<n><u yang:insert='before' yang:value='2'>3</u></n>"),
        "<n><u>1</u><u>3</u><u>2</u></n>",
    );
    let refused = [
        insert("x", "yang:insert='after'"),
        insert("x", "yang:insert='after' yang:key=\"[k='z']\""),
        insert("x", "yang:insert='after' yang:key=\"[z='a']\""),
        insert("x", "yang:insert='middle'"),
        edited("", "<l yang:insert='first'><k>1</k></l>"),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r"
    missing-attribute: `/c/o[k='x']` is to be inserted before or after another entry, and the attribute `key` does not say which
    bad-attribute: `/c/o[k='x']` is to be inserted before or after `[k='z']`, which does not exist
    bad-attribute: the attribute `key` of `/c/o[k='x']` cannot be `[z='a']`
    bad-attribute: the attribute `insert` of `/c/o[k='x']` cannot be `middle`
    bad-attribute: the attribute `insert` of `/c/l[k='1']` cannot be `first`
    ");
}

#[test]
fn without_a_model_keys_must_be_known() {
    let apply = |keys: &ListKeys, before: &str, config: &str| {
        let [mut edited, config] = [before, config].map(|text| xml::parse(text).unwrap());
        match Edit::new(TreeModel::new(&NoSchema, keys)).apply(&mut edited, &config) {
            Ok(()) => xml::write(&edited, Tree::ROOT).unwrap(),
            Err(error) => format!("{}: {error}", error.tag()),
        }
    };
    let device = |name: &str, inner: &str| {
        let head = "<devices xmlns='http://clicon.org/controller'><device><name>";
        format!("{head}{name}</name><config>{inner}</config></device></devices>")
    };
    let mut keys = ListKeys::new();
    let rows = [
        apply(&keys, &device("r1", "<a xmlns='u'>1</a>"), &device("r1", "<a xmlns='u'>2</a>")),
        apply(&keys, &device("r1", ""), &device("r2", "<a xmlns='u'><b>1</b></a>")),
        apply(&keys, &device("r1", "<a xmlns='u'/><a xmlns='u'/>"), &device("r1", "<a xmlns='u'>2</a>")),
        apply(&keys, &device("r1", ""), &device("r1", "<a xmlns='u'>1</a><a xmlns='u'>2</a>")),
    ];
    insta::assert_snapshot!(rows.join("\n"), @r#"
    <devices xmlns="http://clicon.org/controller"><device><name>r1</name><config><a xmlns="u">2</a></config></device></devices>
    <devices xmlns="http://clicon.org/controller"><device><name>r1</name><config/></device><device><name>r2</name><config><a xmlns="u"><b>1</b></a></config></device></devices>
    operation-failed: the keys of the list `/devices/device/config/a` are not known; name the entry by its keys, as in `/devices/device/config/a[key='value']`
    operation-failed: the keys of the list `/devices/device/config/a` are not known; name the entry by its keys, as in `/devices/device/config/a[key='value']`
    "#);
    keys.learn_leaf_list(&[
        QName::new(crate::CONTROLLER, "devices"),
        QName::new(crate::CONTROLLER, "device"),
        QName::new(crate::CONTROLLER, "config"),
        QName::new("u", "a"),
    ])
    .unwrap();
    let added = apply(&keys, &device("r1", "<a xmlns='u'>1</a>"), &device("r1", "<a xmlns='u'>2</a>"));
    insta::assert_snapshot!(added, @r#"<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config><a xmlns="u">1</a><a xmlns="u">2</a></config></device></devices>"#);
}

#[test]
fn large_lists_are_edited_in_one_pass() {
    let entries = |from: usize, to: usize, attributes: &str| {
        (from..to).rev().map(|key| format!("<l{attributes}><k>{key}</k></l>")).collect::<String>()
    };
    let all = edited("", &entries(0, 5_000, ""));
    assert_eq!(all, entries(0, 5_000, ""));
    assert_eq!(edited(&all, &entries(1, 5_000, " nc:operation='delete'")), entries(0, 1, ""));
}
