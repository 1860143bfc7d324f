use confine_netconf::{Bindings, Message};
use confine_tree::{NoSchema, xml};

use super::*;

const TREE: &str = r#"<devices xmlns="urn:c"><device><name>r1</name><config><system xmlns="urn:s"><hostname>a</hostname></system></config></device><device><name>r2</name><config><system xmlns="urn:s"><hostname>b</hostname><search>x</search><search>y</search></system></config></device></devices><services xmlns="urn:c"><bench xmlns="urn:b"><n>o'x</n></bench><bench xmlns="urn:b"><n>2</n></bench></services>"#;

/// The bindings of a message, as a filter finds them.
fn bindings() -> Bindings {
    let rpc = r#"<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:c="urn:c" xmlns:s="urn:s" xmlns:b="urn:b"><get/></rpc>"#;
    match Message::parse(rpc.into()) {
        Ok(Message::Request(request)) => request.operation.content().bindings().clone(),
        other => panic!("{other:?}"),
    }
}

fn selected(xpath: &str) -> String {
    let tree = xml::parse(TREE).unwrap();
    let part = Filter::parse(xpath, &bindings()).unwrap().select(&tree, &NoSchema).unwrap();
    xml::write(&part, Tree::ROOT).unwrap()
}

#[test]
fn the_root_is_everything() {
    assert_eq!(selected("/"), TREE);
    assert_eq!(selected("/*"), TREE);
}

#[test]
fn paths_predicates_and_unions() {
    for (xpath, expected) in [
        (
            "/c:devices/c:device/c:name",
            r#"<devices xmlns="urn:c"><device><name>r1</name></device><device><name>r2</name></device></devices>"#,
        ),
        (
            "c:devices/c:device[c:name='r2']/c:name",
            r#"<devices xmlns="urn:c"><device><name>r2</name></device></devices>"#,
        ),
        (
            "/c:devices/c:device[c:name = \"r1\"]/c:config/s:system | /c:services/b:bench[b:n='2']",
            r#"<devices xmlns="urn:c"><device><config><system xmlns="urn:s"><hostname>a</hostname></system></config></device></devices><services xmlns="urn:c"><bench xmlns="urn:b"><n>2</n></bench></services>"#,
        ),
        ("//b:bench[b:n=2]", r#"<services xmlns="urn:c"><bench xmlns="urn:b"><n>2</n></bench></services>"#),
        (
            "/c:services/b:bench[b:n=\"o'x\"]",
            r#"<services xmlns="urn:c"><bench xmlns="urn:b"><n>o'x</n></bench></services>"#,
        ),
        (
            "//s:search[.='y']",
            r#"<devices xmlns="urn:c"><device><config><system xmlns="urn:s"><search>y</search></system></config></device></devices>"#,
        ),
        (
            "/c:devices/c:device[c:config/s:system/s:search or c:name='r9']/c:name",
            r#"<devices xmlns="urn:c"><device><name>r2</name></device></devices>"#,
        ),
        (
            "/c:devices/c:device[not(c:name='r2') and c:config]/c:name",
            r#"<devices xmlns="urn:c"><device><name>r1</name></device></devices>"#,
        ),
        (
            "/c:devices/c:device[c:name!='r2']/c:name",
            r#"<devices xmlns="urn:c"><device><name>r1</name></device></devices>"#,
        ),
    ] {
        assert_eq!(selected(xpath), expected, "{xpath}");
    }
}

#[test]
fn what_is_unknown_selects_nothing_and_what_is_no_filter_is_refused() {
    for xpath in ["/devices", "/c:nosuch", "/s:devices", "/c:devices/device"] {
        assert_eq!(selected(xpath), "", "{xpath}");
    }
    let refusals: Vec<_> = ["/x:a", "", "/c:a[", "/c:a[b:c=']", "count(/c:a)", "/c:a]", "/c:a | "]
        .map(|xpath| Filter::parse(xpath, &bindings()).unwrap_err().message().to_owned())
        .into();
    insta::assert_snapshot!(refusals.join("\n"), @r"
    No namespace found for prefix: x
    xpath parser on line 1: syntax error at or before: ''
    xpath parser on line 1: syntax error at or before: ''
    xpath parser on line 1: syntax error at or before: '''
    xpath parser on line 1: syntax error at or before: '('
    xpath parser on line 1: syntax error at or before: ']'
    xpath parser on line 1: syntax error at or before: ''
    ");
    let deep = format!("/c:a{}{}", "[c:b".repeat(100), "]".repeat(100));
    assert!(Filter::parse(&deep, &bindings()).is_err());
}

#[test]
fn depth_counts_from_the_root() {
    let mut tree = xml::parse(TREE).unwrap();
    cut(&mut tree, 2);
    assert_eq!(
        xml::write(&tree, Tree::ROOT).unwrap(),
        r#"<devices xmlns="urn:c"><device/><device/></devices><services xmlns="urn:c"><bench xmlns="urn:b"/><bench xmlns="urn:b"/></services>"#
    );
}
