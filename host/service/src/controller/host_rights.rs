//! What the host user must be permitted to do, so that commits can be served; and the rules that permit it.

use std::fmt::Write as _;

use confine_nacm::{AccessOperation, AccessRules, NACM, Nacm};
use confine_tree::{CONTROLLER, NoSchema, Pattern, PatternStep, QName, Tree, xml};

use crate::ModuleRegistry;

/// The protocol operations that the daemon carries out for itself, with the modules that define them.
const OPERATIONS: [(&str, &str); 6] = [
    ("clixon-rfc5277", "create-subscription"),
    ("ietf-netconf", "get"),
    ("ietf-netconf", "get-config"),
    ("ietf-netconf", "edit-config"),
    ("clixon-controller", "transaction-actions-done"),
    ("clixon-controller", "transaction-error"),
];

/// What to do with the rules that are printed: the first rule that matches decides.
pub(crate) const HINT: &str = "put this rule-list before all others in `/nacm`";

/// Something that the host user must be permitted.
struct RequiredRight {
    /// The name of the rule that would permit it.
    rule: String,
    /// For people.
    what: String,
    /// The rule, but for its name and its action.
    xml: String,
}

/// What the host user lacks by these rules, with the rules that would permit it; none where nothing is
/// missing. Without rules, it may not read them.
pub(crate) fn lacking(nacm: Option<&Nacm>, host_user: &str, registry: &ModuleRegistry) -> Option<String> {
    let mut needs = Vec::new();
    match nacm {
        // What else is missing cannot be known.
        None => {
            let rules = everything(host_user);
            return Some(format!("`{host_user}` is not permitted to read `/nacm`\nhint: {HINT}:\n{rules}"));
        }
        Some(nacm) => {
            let groups: Vec<&str> = nacm.groups_of(host_user).collect();
            let (access, _) = nacm.user_access(host_user, &groups);
            needs.extend(operations(&access));
            needs.extend(data(&access, registry));
        }
    }
    if needs.is_empty() {
        return None;
    }
    let what: Vec<&str> = needs.iter().map(|need| need.what.as_str()).collect();
    let mut text = format!("`{host_user}` is not permitted to {}", what.join(", "));
    // Writing to a string does not fail.
    let _ = write!(text, "\nhint: {HINT}:\n{}", rule_list(host_user, &needs));
    Some(text)
}

/// Why there may be rules that the host user does not see, though it sees others: one of these denies it a
/// part of `/nacm`. Who sees `/nacm` though they deny the whole of it is exempt from them.
pub(crate) fn hidden(nacm: &Nacm, host_user: &str) -> Option<String> {
    let groups: Vec<&str> = nacm.groups_of(host_user).collect();
    let (access, _) = nacm.user_access(host_user, &groups);
    let root = Pattern { steps: vec![PatternStep::new(QName::new(NACM, "nacm"))] };
    let sees_some = access.decide(&NoSchema, &root, AccessOperation::Read).permitted;
    let sees_all = access.permits_below(&NoSchema, &root, AccessOperation::Read);
    (sees_some && !sees_all).then(|| {
        let rules = everything(host_user);
        format!(
            "`{host_user}` is not permitted to read all of `/nacm`, where there may be rules for modules\nhint: {HINT}:\n{rules}"
        )
    })
}

/// The rules that permit all of it.
pub(crate) fn everything(host_user: &str) -> String {
    let mut needs: Vec<RequiredRight> =
        OPERATIONS.iter().map(|(_, operation)| carrying_out(operation)).collect();
    needs.push(reading("nacm", (NACM, "nacm")));
    needs.push(reading("transactions", (CONTROLLER, "transactions")));
    needs.push(reading("services", (CONTROLLER, "services")));
    rule_list(host_user, &needs)
}

fn operations(access: &AccessRules) -> Vec<RequiredRight> {
    let denied =
        OPERATIONS.iter().filter(|(module, operation)| !access.decide_rpc(module, operation).permitted);
    denied.map(|(_, operation)| carrying_out(operation)).collect()
}

fn data(access: &AccessRules, registry: &ModuleRegistry) -> Vec<RequiredRight> {
    let may_read = |path: &[(&str, &str)]| {
        let steps = path.iter().map(|&(namespace, local)| PatternStep::new(QName::new(namespace, local)));
        let path: Vec<PatternStep> = steps.collect();
        let mut above =
            (1..=path.len()).map(|steps| Pattern { steps: path.iter().take(steps).cloned().collect() });
        // Who may not read a node does not see what is below it.
        above.all(|node| access.decide(&NoSchema, &node, AccessOperation::Read).permitted)
    };
    let mut needs = Vec::new();
    if !may_read(&[(CONTROLLER, "transactions"), (CONTROLLER, "transaction")]) {
        needs.push(reading("transactions", (CONTROLLER, "transactions")));
    }
    for service in registry.services() {
        let (namespace, list) = (&*service.name.namespace, &*service.name.local);
        if !may_read(&[
            (CONTROLLER, "services"),
            (namespace, list),
            (namespace, "created"),
            (namespace, "path"),
        ]) {
            needs.push(reading("services", (CONTROLLER, "services")));
            break;
        }
    }
    needs
}

fn carrying_out(operation: &str) -> RequiredRight {
    RequiredRight {
        rule: operation.to_owned(),
        what: format!("call `{operation}`"),
        xml: format!("<rpc-name>{operation}</rpc-name><access-operations>exec</access-operations>"),
    }
}

/// With the prefixes that the modules call themselves by: the controller keeps the path, not what its prefixes
/// are bound to.
fn reading(rule: &str, (namespace, local): (&str, &str)) -> RequiredRight {
    let prefix = if namespace == NACM { "nacm" } else { "ctrl" };
    RequiredRight {
        rule: format!("read-{rule}"),
        what: format!("read `/{local}`"),
        xml: format!(
            "<path xmlns:{prefix}=\"{namespace}\">/{prefix}:{local}</path>\
             <access-operations>read</access-operations>"
        ),
    }
}

/// A group for the host user, and a rule-list for the group, as they stand in `/nacm`.
fn rule_list(host_user: &str, needs: &[RequiredRight]) -> String {
    let rules: String = needs
        .iter()
        .map(|RequiredRight { rule, xml, .. }| {
            format!(
                "<rule><name>{rule}</name><module-name>*</module-name>{xml}<action>permit</action></rule>"
            )
        })
        .collect();
    let user = escaped(host_user);
    let nacm = format!(
        "<nacm xmlns=\"{NACM}\"><groups><group><name>confine</name><user-name>{user}</user-name></group></groups>\
         <rule-list><name>confine</name><group>confine</group>{rules}</rule-list></nacm>"
    );
    let indented =
        xml::parse(&nacm).and_then(|tree| xml::XmlTreeWriter::new().indent(1).write(&tree, [Tree::ROOT]));
    indented.unwrap_or(nacm)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nacm(content: &str) -> Nacm {
        let tree = xml::parse(&format!("<nacm xmlns='{NACM}'>{content}</nacm>")).unwrap();
        Nacm::read(&tree, tree.first_child(Tree::ROOT).unwrap()).0
    }

    #[test]
    fn what_the_defaults_permit_is_enough() {
        assert_eq!(lacking(Some(&nacm("")), "clicon", &ModuleRegistry::default()), None);
        let off = "<enable-nacm>false</enable-nacm><read-default>deny</read-default><exec-default>deny</exec-default>";
        assert_eq!(lacking(Some(&nacm(off)), "clicon", &ModuleRegistry::default()), None);
    }

    #[test]
    fn who_may_not_read_the_rules_is_told_how_he_may() {
        let told = lacking(None, "clicon", &ModuleRegistry::default()).unwrap();
        let (said, rules) = told.split_once(":\n").unwrap();
        insta::assert_snapshot!(said, @r#"
        `clicon` is not permitted to read `/nacm`
        hint: put this rule-list before all others in `/nacm`
        "#);
        // What else is missing cannot be known, so all of it is told.
        assert_eq!(rules, everything("clicon"));
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_else() {
        let strict = "<read-default>deny</read-default><exec-default>deny</exec-default>\
            <groups><group><name>daemons</name><user-name>clicon</user-name></group></groups>\
            <rule-list><name>daemons</name><group>daemons</group>\
            <rule><name>netconf</name><module-name>ietf-netconf</module-name><rpc-name>*</rpc-name><action>permit</action></rule>\
            <rule><name>done</name><rpc-name>transaction-actions-done</rpc-name><action>permit</action></rule>\
            </rule-list>";
        insta::assert_snapshot!(lacking(Some(&nacm(strict)), "clicon", &ModuleRegistry::default()).unwrap(), @r#"
        `clicon` is not permitted to call `create-subscription`, call `transaction-error`, read `/transactions`
        hint: put this rule-list before all others in `/nacm`:
        <nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm">
         <groups>
          <group>
           <name>confine</name>
           <user-name>clicon</user-name>
          </group>
         </groups>
         <rule-list>
          <name>confine</name>
          <group>confine</group>
          <rule>
           <name>create-subscription</name>
           <module-name>*</module-name>
           <rpc-name>create-subscription</rpc-name>
           <access-operations>exec</access-operations>
           <action>permit</action>
          </rule>
          <rule>
           <name>transaction-error</name>
           <module-name>*</module-name>
           <rpc-name>transaction-error</rpc-name>
           <access-operations>exec</access-operations>
           <action>permit</action>
          </rule>
          <rule>
           <name>read-transactions</name>
           <module-name>*</module-name>
           <path xmlns:ctrl="http://clicon.org/controller">/ctrl:transactions</path>
           <access-operations>read</access-operations>
           <action>permit</action>
          </rule>
         </rule-list>
        </nacm>
        "#);
    }

    #[test]
    fn the_rules_that_are_printed_are_enough() {
        let strict = "<read-default>deny</read-default><exec-default>deny</exec-default>";
        let printed = everything("clicon").replacen('>', &format!(">{strict}"), 1);
        let tree = xml::parse(&printed).unwrap();
        let (nacm, problems) = Nacm::read(&tree, tree.first_child(Tree::ROOT).unwrap());
        assert_eq!(problems, []);
        assert_eq!(lacking(Some(&nacm), "clicon", &ModuleRegistry::default()), None);
        assert!(lacking(Some(&nacm), "somebody", &ModuleRegistry::default()).is_some());
    }
}
