//! The cases of RFC 8341, appendix A: from `/nacm` in a datastore to the decisions.

use confine_nacm::{AccessOperation, AccessRules, NACM, Nacm, NacmModel};
use confine_tree::{Path, Pattern, PatternStep, Predicate, QName, Tree, xml};

/// The prefix of a path is the module. The namespace is `urn:` and the module.
struct Modules;

impl NacmModel for Modules {
    fn module(&self, namespace: &str) -> Option<&str> {
        ["acme", "ietf-netconf-acm", "ietf-netconf-monitoring", "other"]
            .into_iter()
            .find(|name| namespace.strip_prefix("urn:") == Some(name))
    }
}

fn nacm(rule_lists: &str) -> Nacm {
    let text = format!(
        "<nacm xmlns='{NACM}' xmlns:acme='urn:acme' xmlns:nacm='urn:ietf-netconf-acm'>\
         <groups><group><name>admin</name><user-name>sam</user-name><user-name>andy</user-name></group>\
         <group><name>limited</name><user-name>wilma</user-name><user-name>bam-bam</user-name></group>\
         <group><name>guest</name><user-name>guest</user-name></group></groups>{rule_lists}</nacm>"
    );
    let tree = xml::parse(&text).unwrap();
    let (nacm, problems) = Nacm::read(&tree, tree.first_child(Tree::ROOT).unwrap());
    assert_eq!(problems, []);
    nacm
}

fn access(nacm: &Nacm, user: &str) -> AccessRules {
    let groups: Vec<&str> = nacm.groups_of(user).collect();
    let (access, problems) = nacm.user_access(user, &groups);
    assert_eq!(problems, []);
    access
}

fn pattern(path: &str) -> Pattern {
    let steps = Path::parse(path).unwrap().steps.into_iter().map(|step| {
        let namespace = format!("urn:{}", step.prefix.as_deref().unwrap_or_default());
        let mut resolved = PatternStep::new(QName::new(&namespace, &step.name));
        resolved.keys.extend(step.predicates.into_iter().filter_map(|predicate| match predicate {
            Predicate::Key { name, value, .. } => Some((name, value)),
            Predicate::Entry { .. } => None,
        }));
        resolved
    });
    Pattern { steps: steps.collect() }
}

/// Returns the letters of the permitted operations, as in `CRUD`.
fn may(access: &AccessRules, path: &str) -> String {
    let operations = [
        ('C', AccessOperation::Create),
        ('R', AccessOperation::Read),
        ('U', AccessOperation::Update),
        ('D', AccessOperation::Delete),
    ];
    let permitted = operations
        .iter()
        .filter(|(_, operation)| access.decide(&Modules, &pattern(path), *operation).permitted);
    permitted.map(|(letter, _)| letter).collect()
}

const ADMIN: &str = "<rule-list><name>admin-acl</name><group>admin</group><rule><name>permit-all</name><module-name>*</module-name>\
     <access-operations>*</access-operations><action>permit</action></rule></rule-list>";

// A.1: groups. A user in no group gets the defaults.
#[test]
fn group_members_get_its_rules_others_the_defaults() {
    let nacm = nacm(ADMIN);
    for (user, permitted) in [("sam", "CRUD"), ("andy", "CRUD"), ("wilma", "R"), ("stranger", "R")] {
        assert_eq!(may(&access(&nacm, user), "/acme:x"), permitted, "{user}");
    }
}

// A.2: rules for whole modules.
#[test]
fn appendix_a_module_rules() {
    let nacm = nacm(&format!(
        "<rule-list><name>guest-acl</name><group>guest</group>\
         <rule><name>deny-monitoring</name><module-name>ietf-netconf-monitoring</module-name>\
         <access-operations>*</access-operations><action>deny</action></rule></rule-list>\
         <rule-list><name>limited-acl</name><group>limited</group>\
         <rule><name>permit-monitoring</name><module-name>ietf-netconf-monitoring</module-name>\
         <access-operations>read</access-operations><action>permit</action></rule>\
         <rule><name>permit-exec</name><module-name>*</module-name><access-operations>exec</access-operations>\
         <action>permit</action></rule></rule-list>{ADMIN}"
    ));
    let state = "/ietf-netconf-monitoring:netconf-state/ietf-netconf-monitoring:sessions";
    for (user, of_state, of_others) in [("guest", "", "R"), ("wilma", "R", "R"), ("sam", "CRUD", "CRUD")] {
        let access = access(&nacm, user);
        assert_eq!(
            (may(&access, state), may(&access, "/acme:x")),
            (of_state.into(), of_others.into()),
            "{user}"
        );
        assert!(access.decide_rpc("ietf-netconf", "get").permitted);
    }
}

// A.3: rules for protocol operations.
#[test]
fn appendix_a_operation_rules() {
    let nacm = nacm(&format!(
        "<rule-list><name>guest-limited-acl</name><group>limited</group><group>guest</group>\
         <rule><name>deny-kill-session</name><module-name>ietf-netconf</module-name><rpc-name>kill-session</rpc-name>\
         <access-operations>exec</access-operations><action>deny</action></rule>\
         <rule><name>deny-delete-config</name><module-name>ietf-netconf</module-name><rpc-name>delete-config</rpc-name>\
         <access-operations>exec</access-operations><action>deny</action></rule></rule-list>\
         <rule-list><name>limited-acl</name><group>limited</group>\
         <rule><name>permit-edit-config</name><module-name>ietf-netconf</module-name><rpc-name>edit-config</rpc-name>\
         <access-operations>exec</access-operations><action>permit</action></rule></rule-list>{ADMIN}"
    ));
    let decide_rpc =
        |user: &str, operation: &str| access(&nacm, user).decide_rpc("ietf-netconf", operation).permitted;
    for operation in ["kill-session", "delete-config"] {
        assert!(
            !decide_rpc("wilma", operation)
                && !decide_rpc("guest", operation)
                && decide_rpc("sam", operation)
        );
    }
    assert!(decide_rpc("wilma", "edit-config") && decide_rpc("guest", "edit-config"));
}

// A.4: rules for data nodes.
#[test]
fn appendix_a_data_node_rules() {
    let nacm = nacm(
        "<rule-list><name>guest-acl</name><group>guest</group>\
         <rule><name>deny-nacm</name><module-name>ietf-netconf-acm</module-name><path>/nacm:nacm</path>\
         <access-operations>*</access-operations><action>deny</action></rule></rule-list>\
         <rule-list><name>limited-acl</name><group>limited</group>\
         <rule><name>permit-parameters</name><module-name>acme</module-name>\
         <path>/acme:acme-netconf/acme:config-parameters</path>\
         <access-operations>read create update</access-operations><action>permit</action></rule></rule-list>\
         <rule-list><name>guest-limited-acl</name><group>guest</group><group>limited</group>\
         <rule><name>permit-dummy</name><module-name>acme</module-name>\
         <path>/acme:interfaces/acme:interface[acme:name='dummy']</path>\
         <access-operations>read create update</access-operations><action>permit</action></rule></rule-list>\
         <rule-list><name>admin-acl</name><group>admin</group>\
         <rule><name>permit-interface</name><module-name>acme</module-name><path>/acme:interfaces/acme:interface</path>\
         <access-operations>*</access-operations><action>permit</action></rule></rule-list>",
    );
    let dummy = "/acme:interfaces/acme:interface[name='dummy']/acme:mtu";
    let other = "/acme:interfaces/acme:interface[name='eth0']/acme:mtu";
    let parameters = "/acme:acme-netconf/acme:config-parameters/acme:x";
    let rules = "/ietf-netconf-acm:nacm/ietf-netconf-acm:groups";
    for (user, expected) in [
        ("guest", ["CRU", "R", "R", ""]),
        ("wilma", ["CRU", "R", "CRU", "R"]),
        ("sam", ["CRUD", "CRUD", "R", "R"]),
        ("stranger", ["R", "R", "R", "R"]),
    ] {
        let access = access(&nacm, user);
        let found = [dummy, other, parameters, rules].map(|path| may(&access, path));
        assert_eq!(found, expected, "{user}");
    }
}
