//! Reading `/nacm`.

use confine_nacm::{AccessOperation, NACM, Nacm, RuleAction, RuleProblem, RuleTarget};
use confine_tree::{QName, Tree, xml};

fn read(content: &str) -> (Nacm, Vec<RuleProblem>) {
    let tree = xml::parse(&format!("<nacm xmlns=\"{NACM}\">{content}</nacm>")).unwrap();
    let node = tree.child(Tree::ROOT, QName::new(NACM, "nacm")).unwrap();
    Nacm::read(&tree, node)
}

#[test]
fn empty_nacm_has_rfc_8341_defaults() {
    assert_eq!(read(""), (Nacm::default(), Vec::new()));
}

#[test]
fn nacm_container_is_read_in_full() {
    let (nacm, problems) = read(concat!(
        "<enable-nacm>false</enable-nacm><read-default>deny</read-default><write-default>permit</write-default>",
        "<groups><group><name>admin</name><user-name>sam</user-name><user-name>eva</user-name></group></groups>",
        "<rule-list><name>first</name><group>module:banner</group><group>*</group>",
        "<rule><name>one</name><module-name>acme</module-name><access-operations>read update</access-operations>",
        "<action>permit</action></rule>",
        "<rule><name>two</name><path xmlns:c='urn:c'>/c:a/c:b[c:k='v']</path><action>deny</action></rule>",
        "<rule><name>three</name><module-name>*</module-name><rpc-name>*</rpc-name>",
        "<access-operations>*</access-operations><action>permit</action></rule></rule-list>",
        "<rule-list><name>second</name></rule-list>",
    ));
    assert_eq!(problems, []);
    assert!(!nacm.enabled);
    assert_eq!((nacm.read_default, nacm.write_default), (RuleAction::Deny, RuleAction::Permit));
    assert_eq!(nacm.groups["admin"], ["sam", "eva"]);
    let [first, second] = &nacm.rule_lists[..] else { panic!("{nacm:?}") };
    assert_eq!((first.name.as_str(), second.name.as_str()), ("first", "second"));
    assert_eq!(first.groups, ["module:banner", "*"]);
    let [one, two, three] = &first.rules[..] else { panic!("{first:?}") };
    assert_eq!(
        (one.module.as_deref(), one.action, &one.target),
        (Some("acme"), RuleAction::Permit, &RuleTarget::Any)
    );
    assert!(
        one.operations.contains(AccessOperation::Read) && one.operations.contains(AccessOperation::Update)
    );
    assert!(
        !one.operations.contains(AccessOperation::Create)
            && !one.operations.contains(AccessOperation::Delete)
    );
    let RuleTarget::Path { path, prefixes } = &two.target else { panic!("{two:?}") };
    assert_eq!(path, "/c:a/c:b[c:k='v']");
    assert_eq!(prefixes[..], [("c".into(), "urn:c".into())]);
    assert_eq!((three.module.as_deref(), &three.target), (None, &RuleTarget::Operation("*".into())));
}

#[test]
fn undeclared_prefixes_get_their_usual_namespace() {
    let (nacm, _) = read(
        "<rule-list><name>l</name><group>modules</group><rule><name>r</name>\
         <path xmlns:own='urn:own'>/own:a[other:k='urn:x:y']/ctrl:b/$USER:c/unknown:d</path>\
         <action>deny</action></rule></rule-list>",
    );
    let known = |prefix: &str| match prefix {
        "ctrl" | "own" => vec![format!("urn:{prefix}:by-itself")],
        "other" => vec!["urn:other".to_owned(), "urn:another".to_owned()],
        _ => Vec::new(),
    };
    let nacm = nacm.with_prefixes(known);
    let RuleTarget::Path { prefixes, .. } = &nacm.rule_lists[0].rules[0].target else { panic!("{nacm:?}") };
    let prefixes: Vec<_> = prefixes.iter().map(|(prefix, of)| format!("{prefix}={of}")).collect();
    assert_eq!(prefixes, ["own=urn:own", "other=urn:other", "other=urn:another", "ctrl=urn:ctrl:by-itself"]);
}

#[test]
fn invalid_action_denies_and_is_reported() {
    let (nacm, problems) =
        read("<rule-list><name>l</name><rule><name>r</name><action>allow</action></rule></rule-list>");
    assert_eq!(nacm.rule_lists[0].rules[0].action, RuleAction::Deny);
    insta::assert_snapshot!(problems[0], @"rule `r` of rule-list `l`: its action is `allow`, not `permit` or `deny`: it denies");
}
