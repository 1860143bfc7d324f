use confine_tree::xml;
use confine_yang::MountedSchema;
use proptest::prelude::*;

use super::*;
use crate::{
    models::tree_model::TreeModel,
    testing::{choices, meaning, random_tree, schema_of, test_schema},
};

const HEAD: &str = "<c xmlns='urn:test' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
                    xmlns:yang='urn:ietf:params:xml:ns:yang:1'>";

fn tree(inner: &str) -> Tree {
    xml::parse(&format!("{HEAD}{inner}</c>")).unwrap()
}

/// Returns the content of `c` after the edit, or the refusal.
fn edited_with(default: EditOperation, before: &str, config: &str) -> String {
    edited_by(&test_schema(), default, before, config)
}

fn edited_by(schema: &MountedSchema, default: EditOperation, before: &str, config: &str) -> String {
    let mut edited = tree(before);
    let config = tree(config);
    match apply(&mut edited, ModelledTree { tree: &config, schema }, default) {
        Err(refusal) => refusal.reason().trim_end().to_owned(),
        Ok(()) => {
            let text = xml::write(&edited, Tree::ROOT).unwrap();
            text.trim_start_matches("<c xmlns=\"urn:test\">").trim_end_matches("</c>").to_owned()
        }
    }
}

fn edited(before: &str, config: &str) -> String {
    edited_with(EditOperation::Merge, before, config)
}

proptest! {
    #[test]
    fn merge_into_empty_tree_and_replace_yield_the_edit(a in choices(), b in choices()) {
        let schema = test_schema();
        let model = TreeModel::new(&schema);
        let [mut a, b] = [a, b].map(|choices| random_tree(&schema, &choices));
        let mut empty = Tree::new();
        apply(&mut empty, ModelledTree { tree: &b, schema: &schema }, EditOperation::Merge).unwrap();
        prop_assert_eq!(meaning(&model, &empty), meaning(&model, &b));
        apply(&mut a, ModelledTree { tree: &b, schema: &schema }, EditOperation::Replace).unwrap();
        prop_assert_eq!(meaning(&model, &a), meaning(&model, &b));
    }

    #[test]
    fn merge_is_idempotent(a in choices(), b in choices()) {
        let schema = test_schema();
        let model = TreeModel::new(&schema);
        let [mut a, b] = [a, b].map(|choices| random_tree(&schema, &choices));
        apply(&mut a, ModelledTree { tree: &b, schema: &schema }, EditOperation::Merge).unwrap();
        let once = meaning(&model, &a);
        apply(&mut a, ModelledTree { tree: &b, schema: &schema }, EditOperation::Merge).unwrap();
        prop_assert_eq!(meaning(&model, &a), once);
    }
}

#[test]
fn edit_of_a_case_removes_the_other_cases() {
    let schema = schema_of(&["module test { namespace urn:test; prefix t; container c {
        choice rate { case a { leaf cir { type uint32; } leaf burst { type uint32; } } leaf pir { type uint32; } }
        list unit { key n; leaf n { type uint16; } leaf v { type string; } } } }"]);
    let edited = |before: &str, config: &str| edited_by(&schema, EditOperation::Merge, before, config);
    assert_eq!(edited("<cir>1</cir><burst>2</burst>", "<pir>3</pir>"), "<pir>3</pir>");
    assert_eq!(edited("<cir>1</cir>", "<burst>2</burst>"), "<cir>1</cir><burst>2</burst>");
    // Both in one edit stay: they are found when the datastore is validated.
    let both = edited("", "<cir>1</cir><pir>3</pir>");
    assert_eq!(both, "<cir>1</cir><pir>3</pir>");
    let both = tree(&both);
    let refused = ModelledTree { tree: &both, schema: &schema }.check().unwrap_err();
    assert!(refused.reason().contains("Element in choice statement already exists"), "{}", refused.reason());
    // A removal after the other case finds nothing, and one before it crashes the real controller.
    assert_eq!(edited("<cir>1</cir>", "<pir>3</pir><cir nc:operation='remove'/>"), "<pir>3</pir>");
    let crash = edited("<cir>1</cir>", "<cir nc:operation='remove'/><pir>3</pir>");
    assert!(crash.contains("crashes the controller"), "{crash}");
    let same = edited("<cir>1</cir><burst>2</burst>", "<cir nc:operation='remove'/><burst>3</burst>");
    assert_eq!(same, "<burst>3</burst>");
    // Keys that are numbers are compared by their values, as in C.
    let merged = edited("<unit><n>8</n><v>a</v></unit>", "<unit><n>010</n><v>b</v></unit>");
    assert_eq!(merged.matches("<unit>").count(), 1, "{merged}");
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
        ("", "<z/>"),
        ("", "<l><k>1</k><z/></l>"),
        ("", "<a>bad</a>"),
        ("", "<a nc:operation='none'>1</a>"),
        ("", "<a nc:operation='x'>1</a>"),
    ];
    let results = rows.map(|(before, config)| {
        format!("{before} + {config}\n  = {}", edited(before, config)).trim_end().to_owned()
    });
    insta::assert_snapshot!(results.join("\n"), @r"
     + <a>1</a>
      = <a>1</a>
    <a>1</a> + <a>2</a>
      = <a>2</a>
    <a>1</a> + <a nc:operation='create'>2</a>
      = application data-exists Data already exists; cannot create new resource
    <l><k>1</k></l> + <l nc:operation='create'><k>1</k></l>
      = application data-exists Data already exists; cannot create new resource
     + <l nc:operation='create'><k>1</k><v>2</v></l>
      = <l><k>1</k><v>2</v></l>
     + <a nc:operation='delete'/>
      = application data-missing Data does not exist; cannot delete resource
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
      = application data-missing Data does not exist; cannot delete resource
    <l><k>1</k></l> + <l><v>1</v></l>
      = application missing-element Mandatory key in 'list l' in test.yang <bad-element>k</bad-element>
     + <z/>
      = application unknown-element Failed to find YANG spec of XML node: z with parent: c in namespace: urn:test in file: test.yang <bad-element>z</bad-element>
     + <l><k>1</k><z/></l>
      = application unknown-element Failed to find YANG spec of XML node: z with parent: l in namespace: urn:test in file: test.yang <bad-element>z</bad-element>
     + <a>bad</a>
      = <a>bad</a>
     + <a nc:operation='none'>1</a>
      =
     + <a nc:operation='x'>1</a>
      = protocol operation-failed Bad-attribute operation: x
    ");
}

#[test]
fn default_operation_none_changes_only_marked_nodes() {
    let none = |before, config| edited_with(EditOperation::None, before, config);
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
      = <l><k>1</k><v>1</v></l><l><k>2</k><v>2</v></l>
    <l><k>1</k></l> + <l><k>1</k><d nc:operation='merge'><a>1</a></d></l>
      = <l><k>1</k><d><a>1</a></d></l>
    ");
}

/// RFC 7950, section 7.5.1: an empty container has a meaning only if it is a presence container.
#[test]
fn containers_disappear_with_their_last_child() {
    assert_eq!(edited("<n><s>1</s></n>", "<n><s nc:operation='remove'>1</s></n>"), "");
    assert_eq!(edited("<a>1</a>", "<n/>"), "<a>1</a>");
    assert_eq!(edited("", "<p/>"), "<p/>");
    assert_eq!(edited("<p><a>1</a></p>", "<p><a nc:operation='remove'/></p>"), "<p/>");
}

/// Keys come first and siblings follow the schema, whatever their order in the edit.
#[test]
fn nodes_are_sorted_as_in_the_schema() {
    assert_eq!(
        edited("<l><k>1</k></l>", "<l><v>2</v><m><v>3</v><y>2</y><x>1</x></m><k>2</k></l><a>1</a>"),
        "<a>1</a><l><k>1</k></l><l><k>2</k><v>2</v><m><x>1</x><y>2</y><v>3</v></m></l>",
    );
}

/// RFC 7950, section 7.7.9 and 7.8.6.
#[test]
fn user_ordered_entries_take_their_insert_position() {
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
    application missing-attribute Missing key attribute when insert is before or after <bad-attribute>key</bad-attribute>
    protocol operation-failed bad-attribute: key, missing-instance: [k='z']
    protocol operation-failed bad-attribute: key, missing-instance: [z='a']
    protocol operation-failed Bad-attribute operation: middle
    <l><k>1</k></l>
    ");
}

/// The edit of 5,000 entries takes linear time.
#[test]
fn large_lists_are_sorted_by_their_keys() {
    let entry = |key: usize, attributes: &str| format!("<l{attributes}><k>{key:04}</k></l>");
    let backwards: String = (0..5_000).rev().map(|key| entry(key, "")).collect();
    let all = edited("", &backwards);
    assert_eq!(all, (0..5_000).map(|key| entry(key, "")).collect::<String>());
    let most: String = (1..5_000).map(|key| entry(key, " nc:operation='delete'")).collect();
    assert_eq!(edited(&all, &most), entry(0, ""));
}
