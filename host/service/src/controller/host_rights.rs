//! The rights that the host user needs to serve commits, and the rules that grant them.

use std::fmt::Write as _;

use confine_nacm::{AccessOperation, AccessRules, NACM, Nacm};
use confine_tree::{CONTROLLER, NoSchema, Pattern, PatternStep, QName, Tree, xml};

use crate::modules::registry::ModuleRegistry;

/// The protocol operations that the daemon invokes as the host user, with the YANG modules that define them.
const OPERATIONS: [(&str, &str); 6] = [
    ("clixon-rfc5277", "create-subscription"),
    ("ietf-netconf", "get"),
    ("ietf-netconf", "get-config"),
    ("ietf-netconf", "edit-config"),
    ("clixon-controller", "transaction-actions-done"),
    ("clixon-controller", "transaction-error"),
];

/// What to do with the rules that are printed. They come first because the first matching rule decides.
pub(crate) const HINT: &str = "put this rule-list before all others in `/nacm`";

/// A right that the host user needed.
struct RequiredRight {
    /// The name of the rule that grants it.
    rule: String,
    /// The right in words.
    what: String,
    /// The rule without its name and action.
    xml: String,
}

/// Returns what the host user lacks under these rules, with the rules that grant it; `None` if nothing is missing.
/// `nacm` is `None` if the host user may not read the rules.
pub(crate) fn lacking(nacm: Option<&Nacm>, host_user: &str, registry: &ModuleRegistry) -> Option<String> {
    let mut needed = Vec::new();
    match nacm {
        // What else is missing is not known.
        None => {
            let rules = all_rules(host_user);
            return Some(format!("`{host_user}` may not read `/nacm`\nhint: {HINT}:\n{rules}"));
        }
        Some(nacm) => {
            let groups: Vec<&str> = nacm.groups_of(host_user).collect();
            let (access, _) = nacm.user_access(host_user, &groups);
            needed.extend(operations(&access));
            needed.extend(data(&access, registry));
        }
    }
    if needed.is_empty() {
        return None;
    }
    let what: Vec<&str> = needed.iter().map(|need| need.what.as_str()).collect();
    let mut text = format!("`{host_user}` may not {}", what.join(", "));
    // Writing to a string does not fail.
    let _ = write!(text, "\nhint: {HINT}:\n{}", rule_list(host_user, &needed));
    Some(text)
}

/// Returns why rules may be hidden from the host user although it reads others: one of those denies it a part of `/nacm`.
/// A user who can read `/nacm` although the rules deny all of it is exempt from them.
pub(crate) fn hidden(nacm: &Nacm, host_user: &str) -> Option<String> {
    let groups: Vec<&str> = nacm.groups_of(host_user).collect();
    let (access, _) = nacm.user_access(host_user, &groups);
    let root = Pattern { steps: vec![PatternStep::new(QName::new(NACM, "nacm"))] };
    let reads_some = access.decide(&NoSchema, &root, AccessOperation::Read).permitted;
    let reads_all = access.permits_below(&NoSchema, &root, AccessOperation::Read);
    (reads_some && !reads_all).then(|| {
        let rules = all_rules(host_user);
        format!(
            "`{host_user}` may not read all of `/nacm`, which may hold rules for modules\nhint: {HINT}:\n{rules}"
        )
    })
}

/// Returns rules that grant all rights that the host user needed.
pub(crate) fn all_rules(host_user: &str) -> String {
    let mut needed: Vec<RequiredRight> =
        OPERATIONS.iter().map(|(_, operation)| right_to_invoke(operation)).collect();
    needed.push(right_to_read("nacm", (NACM, "nacm")));
    needed.push(right_to_read("transactions", (CONTROLLER, "transactions")));
    needed.push(right_to_read("services", (CONTROLLER, "services")));
    rule_list(host_user, &needed)
}

fn operations(access: &AccessRules) -> Vec<RequiredRight> {
    let denied =
        OPERATIONS.iter().filter(|(module, operation)| !access.decide_rpc(module, operation).permitted);
    denied.map(|(_, operation)| right_to_invoke(operation)).collect()
}

fn data(access: &AccessRules, registry: &ModuleRegistry) -> Vec<RequiredRight> {
    let may_read = |path: &[(&str, &str)]| {
        let steps = path.iter().map(|&(namespace, local)| PatternStep::new(QName::new(namespace, local)));
        let path: Vec<PatternStep> = steps.collect();
        let mut above =
            (1..=path.len()).map(|steps| Pattern { steps: path.iter().take(steps).cloned().collect() });
        // A user who may not read a node cannot read what is below it.
        above.all(|node| access.decide(&NoSchema, &node, AccessOperation::Read).permitted)
    };
    let mut needed = Vec::new();
    if !may_read(&[(CONTROLLER, "transactions"), (CONTROLLER, "transaction")]) {
        needed.push(right_to_read("transactions", (CONTROLLER, "transactions")));
    }
    for service in registry.services() {
        let (namespace, list) = (&*service.name.namespace, &*service.name.local);
        if !may_read(&[
            (CONTROLLER, "services"),
            (namespace, list),
            (namespace, "created"),
            (namespace, "path"),
        ]) {
            needed.push(right_to_read("services", (CONTROLLER, "services")));
            break;
        }
    }
    needed
}

fn right_to_invoke(operation: &str) -> RequiredRight {
    RequiredRight {
        rule: operation.to_owned(),
        what: format!("call `{operation}`"),
        xml: format!("<rpc-name>{operation}</rpc-name><access-operations>exec</access-operations>"),
    }
}

/// Uses the prefixes that YANG modules define for themselves: the controller keeps the path, but not the namespaces of its
/// prefixes.
fn right_to_read(rule: &str, (namespace, local): (&str, &str)) -> RequiredRight {
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

/// Returns a group for the host user and a rule-list for the group, as part of `/nacm`.
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
    fn nacm_defaults_grant_all_needed_rights() {
        assert_eq!(lacking(Some(&nacm("")), "clicon", &ModuleRegistry::default()), None);
        let off = "<enable-nacm>false</enable-nacm><read-default>deny</read-default><exec-default>deny</exec-default>";
        assert_eq!(lacking(Some(&nacm(off)), "clicon", &ModuleRegistry::default()), None);
    }

    #[test]
    fn unreadable_rules_are_reported_with_the_remedy() {
        let report = lacking(None, "clicon", &ModuleRegistry::default()).unwrap();
        let (message, rules) = report.split_once(":\n").unwrap();
        insta::assert_snapshot!(message, @r#"
        `clicon` may not read `/nacm`
        hint: put this rule-list before all others in `/nacm`
        "#);
        // What else is missing is not known, so all rules are printed.
        assert_eq!(rules, all_rules("clicon"));
    }

    #[test]
    fn only_missing_rights_are_reported() {
        let strict = "<read-default>deny</read-default><exec-default>deny</exec-default>\
            <groups><group><name>daemons</name><user-name>clicon</user-name></group></groups>\
            <rule-list><name>daemons</name><group>daemons</group>\
            <rule><name>netconf</name><module-name>ietf-netconf</module-name><rpc-name>*</rpc-name><action>permit</action></rule>\
            <rule><name>done</name><rpc-name>transaction-actions-done</rpc-name><action>permit</action></rule>\
            </rule-list>";
        insta::assert_snapshot!(lacking(Some(&nacm(strict)), "clicon", &ModuleRegistry::default()).unwrap(), @r#"
        `clicon` may not call `create-subscription`, call `transaction-error`, read `/transactions`
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
    fn printed_rules_grant_all_needed_rights() {
        let strict = "<read-default>deny</read-default><exec-default>deny</exec-default>";
        let printed = all_rules("clicon").replacen('>', &format!(">{strict}"), 1);
        let tree = xml::parse(&printed).unwrap();
        let (nacm, problems) = Nacm::read(&tree, tree.first_child(Tree::ROOT).unwrap());
        assert_eq!(problems, []);
        assert_eq!(lacking(Some(&nacm), "clicon", &ModuleRegistry::default()), None);
        assert!(lacking(Some(&nacm), "somebody", &ModuleRegistry::default()).is_some());
    }
}
