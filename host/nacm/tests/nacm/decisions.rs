//! Decisions: RFC 8341, section 3.4 and appendix A.

use confine_nacm::{
    AccessOperation, AccessOperations, AccessRules, DecisionReason, Nacm, NacmModel, Rule, RuleAction,
    RuleList, RuleTarget,
};
use confine_tree::{CONTROLLER, DefaultDeny, NoSchema, Path, Pattern, PatternStep, Predicate, QName};

const ACME: &str = "urn:acme";
const OTHER: &str = "urn:other";

struct Models;

impl NacmModel for Models {
    fn module(&self, namespace: &str) -> Option<&str> {
        match namespace {
            ACME => Some("acme"),
            OTHER => Some("other"),
            CONTROLLER => Some("clixon-controller"),
            _ => None,
        }
    }

    fn default_deny(&self, path: &Pattern) -> Option<DefaultDeny> {
        path.steps.iter().rev().find_map(|step| match &*step.local {
            "secret" => Some(DefaultDeny::All),
            "sealed" => Some(DefaultDeny::Write),
            _ => None,
        })
    }

    fn has_default_denies(&self) -> bool {
        true
    }
}

/// Returns a path whose prefixes are `a`, `o`, an unknown one, or none for the controller.
fn pattern(path: &str) -> Pattern {
    let steps = Path::parse(path).unwrap().steps.into_iter().map(|step| {
        let namespace = match step.prefix.as_deref() {
            Some("a") => ACME,
            Some("o") => OTHER,
            Some(_) => "urn:unknown",
            None => CONTROLLER,
        };
        let mut resolved = PatternStep::new(QName::new(namespace, &step.name));
        for predicate in step.predicates {
            match predicate {
                Predicate::Key { name, value, .. } => resolved.keys.push((name, value)),
                Predicate::Entry { value } => resolved.entry = Some(value),
            }
        }
        resolved
    });
    Pattern { steps: steps.collect() }
}

fn path(path: &str) -> RuleTarget {
    let prefixes = [("acme", ACME), ("other", OTHER), ("c", CONTROLLER)];
    RuleTarget::Path { path: path.into(), prefixes: prefixes.map(|(p, n)| (p.into(), n.into())).into() }
}

fn rule(name: &str, target: RuleTarget, operations: &[AccessOperation], action: RuleAction) -> Rule {
    let operations = match operations {
        [] => AccessOperations::ALL,
        some => some.iter().fold(AccessOperations::NONE, |set, &operation| set.with(operation)),
    };
    Rule { name: name.into(), module: None, target, operations, action }
}

fn list(name: &str, groups: &[&str], rules: Vec<Rule>) -> RuleList {
    RuleList { name: name.into(), groups: groups.iter().map(|&group| group.into()).collect(), rules }
}

fn nacm(rule_lists: Vec<RuleList>) -> Nacm {
    Nacm { rule_lists, ..Nacm::default() }
}

fn access(nacm: &Nacm, groups: &[&str]) -> AccessRules {
    let (access, problems) = nacm.user_access("alice", groups);
    assert_eq!(problems, []);
    access
}

#[track_caller]
fn expect(access: &AccessRules, at: &str, operation: AccessOperation, permitted: bool, because: &str) {
    let decision = access.decide(&Models, &pattern(at), operation);
    assert_eq!(
        (decision.permitted, decision.reason.to_string().as_str()),
        (permitted, because),
        "{at} {operation:?}"
    );
}

use AccessOperation::{Create, Delete, Read, Update};
use RuleAction::{Deny, Permit};

const DEFAULT: &str = "no rule permits it, and the default denies";

#[test]
fn defaults_permit_reading_and_deny_writing() {
    let access = access(&Nacm::default(), &["admin"]);
    assert!(access.decide(&Models, &pattern("/devices"), Read).permitted);
    for operation in [Create, Update, Delete] {
        expect(&access, "/devices", operation, false, DEFAULT);
    }
}

#[test]
fn disabled_nacm_permits_everything() {
    let off = Nacm {
        enabled: false,
        ..nacm(vec![list("all", &["*"], vec![rule("no", RuleTarget::Any, &[], Deny)])])
    };
    expect(&access(&off, &[]), "/devices", Delete, true, "access control is off");
}

// Appendix A.1: the groups of a user, and `*` for all groups.
#[test]
fn rule_list_applies_to_its_groups_only() {
    let mut nacm = nacm(vec![
        list("limited-acl", &["limited"], vec![rule("read", RuleTarget::Any, &[Read], Deny)]),
        list("admin-acl", &["admin"], vec![rule("all", RuleTarget::Any, &[], Permit)]),
        list("everybody", &["*"], vec![rule("delete", RuleTarget::Any, &[Delete], Permit)]),
    ]);
    nacm.groups.insert("admin".into(), vec!["sam".into(), "andy".into()]);
    nacm.groups.insert("limited".into(), vec!["wilma".into(), "sam".into()]);
    assert_eq!(nacm.groups_of("sam").collect::<Vec<_>>(), ["admin", "limited"]);
    assert_eq!(nacm.groups_of("eve").count(), 0);

    expect(&access(&nacm, &["admin"]), "/a:x", Update, true, "rule `all` of rule-list `admin-acl`");
    expect(&access(&nacm, &["limited"]), "/a:x", Read, false, "rule `read` of rule-list `limited-acl`");
    expect(
        &access(&nacm, &["limited", "admin"]),
        "/a:x",
        Read,
        false,
        "rule `read` of rule-list `limited-acl`",
    );
    expect(&access(&nacm, &[]), "/a:x", Delete, true, "rule `delete` of rule-list `everybody`");
    expect(&access(&nacm, &[]), "/a:x", Update, false, DEFAULT);
}

// Appendix A.2: the module of a rule is the one that defines the node.
#[test]
fn module_rule_matches_nodes_its_module_defines() {
    let mut deny = rule("deny-acme", RuleTarget::Any, &[], Deny);
    deny.module = Some("acme".into());
    let mut permit = rule("permit-other", RuleTarget::Any, &[], Permit);
    permit.module = Some("other".into());
    let nacm = nacm(vec![list("l", &["g"], vec![deny, permit])]);
    let access = access(&nacm, &["g"]);
    expect(&access, "/a:x", Read, false, "rule `deny-acme` of rule-list `l`");
    expect(&access, "/o:x/a:augmented", Read, false, "rule `deny-acme` of rule-list `l`");
    expect(&access, "/a:x/o:augmented", Update, true, "rule `permit-other` of rule-list `l`");
    // The module is not known: a rule that denies applies, a rule that permits does not.
    expect(&access, "/u:x", Read, false, "rule `deny-acme` of rule-list `l`");
    assert_eq!(
        access.decide(&NoSchema, &pattern("/o:x"), Update).reason,
        DecisionReason::Rule { list: "l", rule: "deny-acme" }
    );
}

// Appendix A.4: data nodes, with and without keys.
#[test]
fn path_rule_matches_its_node_and_descendants() {
    let nacm = nacm(vec![list(
        "limited",
        &["limited"],
        vec![
            rule("no-nacm", path("/other:nacm"), &[], Deny),
            rule(
                "one",
                path("/acme:config/acme:interface[acme:name='dummy']"),
                &[Read, Create, Update],
                Permit,
            ),
            rule("interfaces", path("/acme:config/acme:interface"), &[Read], Permit),
            rule("rest", path("/"), &[], Deny),
        ],
    )]);
    let access = access(&nacm, &["limited"]);
    expect(&access, "/o:nacm", Read, false, "rule `no-nacm` of rule-list `limited`");
    expect(&access, "/o:nacm/o:groups", Read, false, "rule `no-nacm` of rule-list `limited`");
    expect(
        &access,
        "/a:config/a:interface[name='dummy']/a:mtu",
        Update,
        true,
        "rule `one` of rule-list `limited`",
    );
    expect(
        &access,
        "/a:config/a:interface[name='dummy']",
        Delete,
        false,
        "rule `rest` of rule-list `limited`",
    );
    expect(
        &access,
        "/a:config/a:interface[name='eth0']",
        Read,
        true,
        "rule `interfaces` of rule-list `limited`",
    );
    expect(
        &access,
        "/a:config/a:interface[name='eth0']",
        Update,
        false,
        "rule `rest` of rule-list `limited`",
    );
    expect(&access, "/a:config", Read, false, "rule `rest` of rule-list `limited`");
    expect(&access, "/a:confi", Read, false, "rule `rest` of rule-list `limited`");
    expect(&access, "/o:config/a:interface", Read, false, "rule `rest` of rule-list `limited`");
}

#[test]
fn path_without_key_is_permitted_only_for_every_entry() {
    let nacm = nacm(vec![list(
        "l",
        &["g"],
        vec![
            rule("hidden", path("/acme:l[acme:k='1'][acme:j='2']"), &[Read], Deny),
            rule("one", path("/acme:m[acme:k='1']"), &[Update], Permit),
            rule("entry", path("/acme:s[.='x']"), &[Update], Permit),
        ],
    )]);
    let access = access(&nacm, &["g"]);
    let hidden = "rule `hidden` of rule-list `l`";
    expect(&access, "/a:l", Read, false, hidden);
    expect(&access, "/a:l[k='1']", Read, false, hidden);
    expect(&access, "/a:l[k='1'][j='2']/a:x", Read, false, hidden);
    assert!(access.decide(&Models, &pattern("/a:l[k='1'][j='3']"), Read).permitted);
    assert!(access.decide(&Models, &pattern("/a:l[k='3']"), Read).permitted);
    expect(&access, "/a:m", Update, false, DEFAULT);
    expect(&access, "/a:m[k='1']/a:x", Update, true, "rule `one` of rule-list `l`");
    expect(&access, "/a:s[.='x']", Update, true, "rule `entry` of rule-list `l`");
    expect(&access, "/a:s[.='y']", Update, false, DEFAULT);
    expect(&access, "/a:s", Update, false, DEFAULT);
}

#[test]
fn user_variable_is_the_requesting_user() {
    let nacm = nacm(vec![list(
        "l",
        &["*"],
        vec![
            rule("own", path("/acme:user[acme:name=$USER]"), &[], Permit),
            rule("text", path("/acme:text[acme:name='$USER']"), &[], Permit),
        ],
    )]);
    let access = access(&nacm, &[]);
    expect(&access, "/a:user[name='alice']", Update, true, "rule `own` of rule-list `l`");
    expect(&access, "/a:user[name='bob']", Update, false, DEFAULT);
    expect(&access, "/a:text[name='alice']", Update, false, DEFAULT);
    let (access, _) = nacm.user_access("o'b\"r", &[]);
    expect(&access, "/a:user[name='o''b\"r']", Update, true, "rule `own` of rule-list `l`");
}

#[test]
fn rule_may_permit_what_the_model_denies_by_default() {
    let mut open =
        nacm(vec![list("l", &["g"], vec![rule("one", path("/acme:b/acme:sealed"), &[Update], Permit)])]);
    open.write_default = Permit;
    let access = access(&open, &["g"]);
    let model = "the node's model denies it unless a rule permits it";
    expect(&access, "/a:b/a:sealed", Update, true, "rule `one` of rule-list `l`");
    expect(&access, "/a:b/a:sealed/a:x", Delete, false, model);
    expect(&access, "/a:b/a:secret/a:x", Read, false, model);
    assert!(access.decide(&Models, &pattern("/a:b/a:sealed"), Read).permitted);
    assert!(access.decide(&Models, &pattern("/a:b"), Update).permitted);
}

#[test]
fn unresolved_rule_never_permits_and_denies_all_matches() {
    let unresolved = |action| {
        nacm(vec![list(
            "l",
            &["g"],
            vec![
                rule("prefix", path("/ctrl:devices/x:config"), &[], action),
                rule("bare", path("/devices/config"), &[], action),
                rule("syntax", path("//devices"), &[Delete], action),
            ],
        )])
    };
    let (access, problems) = unresolved(Permit).user_access("alice", &["g"]);
    assert!(access.is_empty());
    insta::assert_snapshot!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @"
    rule `prefix` of rule-list `l`: the prefix `ctrl` in its path `/ctrl:devices/x:config` is neither declared nor that of a known YANG module: it permits nothing
    rule `prefix` of rule-list `l`: the prefix `x` in its path `/ctrl:devices/x:config` is neither declared nor that of a known YANG module: it permits nothing
    rule `bare` of rule-list `l`: `config` in its path `/devices/config` has no prefix: it permits nothing
    rule `syntax` of rule-list `l`: its path is not an instance-identifier (the path `//devices` cannot be read at character 2: a step is missing here: `//` and a trailing `/` are not supported, name every step): it permits nothing
    ");

    let (access, _) = unresolved(Deny).user_access("alice", &["g"]);
    expect(&access, "/devices/a:config", Update, false, "rule `prefix` of rule-list `l`");
    expect(&access, "/anything", Delete, false, "rule `syntax` of rule-list `l`");
    assert!(access.decide(&Models, &pattern("/devices"), Read).permitted);
}

#[test]
fn permits_below_is_true_only_if_certain() {
    let nacm = nacm(vec![list(
        "l",
        &["g"],
        vec![
            rule("open", path("/acme:open"), &[Update], Permit),
            rule("one", path("/acme:a/acme:b"), &[Read, Update], Deny),
            rule("entry", path("/acme:l[acme:k='1']/acme:x"), &[Read], Deny),
        ],
    )]);
    let nacm = Nacm { write_default: Permit, ..nacm };
    let access = access(&nacm, &["g"]);
    let below = |at: &str, operation| access.permits_below(&NoSchema, &pattern(at), operation);
    for at in ["/", "/a:a", "/a:a/a:b", "/a:l", "/a:l[k='1']", "/a:l[k='1']/a:x"] {
        assert!(!below(at, Read), "{at}");
    }
    for at in ["/a:x", "/a:a/a:c", "/a:l[k='2']", "/o:a"] {
        assert!(below(at, Read), "{at}");
    }
    assert!(below("/a:l", Update) && below("/a:open/a:x", Update) && !below("/a:a", Update));
    // The model may deny a node, but not against a rule.
    assert!(!access.permits_below(&Models, &pattern("/a:x"), Read));
    assert!(access.permits_below(&Models, &pattern("/a:open"), Update));
    let off = Nacm { enabled: false, ..nacm.clone() };
    assert!(self::access(&off, &["g"]).permits_below(&Models, &pattern("/"), Read));
    assert!(!self::access(&Nacm::default(), &[]).permits_below(&NoSchema, &pattern("/"), Update));
}

#[test]
fn module_is_in_its_own_and_the_modules_group() {
    let nacm = nacm(vec![
        list("everybody", &["*"], vec![rule("no", RuleTarget::Any, &[], Deny)]),
        list("banners", &["module:banner"], vec![rule("own", path("/acme:a[acme:user=$USER]"), &[], Permit)]),
        list("others", &["module:other"], vec![rule("o", path("/acme:b"), &[], Deny)]),
        list("all", &["modules"], vec![rule("a", path("/acme:a"), &[], Deny)]),
    ]);
    let (access, problems) = nacm.module_access("banner", "alice");
    assert_eq!((access.len(), problems.len()), (2, 0));
    expect(&access, "/a:a[user='alice']", Update, true, "rule `own` of rule-list `banners`");
    expect(&access, "/a:a[user='bob']", Update, false, "rule `a` of rule-list `all`");
    // Without a matching rule a module is permitted, whatever the defaults are.
    for operation in [Read, Create, Update, Delete] {
        assert!(access.decide(&NoSchema, &pattern("/a:b"), operation).permitted);
    }
    assert!(nacm.module_access("stranger", "alice").0.len() == 1);
}

// Section 3.4.4.
#[test]
fn rpc_rules_and_exec_default_decide_operations() {
    let mut edit = rule("edit", RuleTarget::Operation("edit-config".into()), &[AccessOperation::Exec], Deny);
    edit.module = Some("ietf-netconf".into());
    let nacm = nacm(vec![
        list("no-edits", &["g"], vec![edit, rule("data", path("/acme:a"), &[], Deny)]),
        list("admin", &["admin"], vec![rule("all", RuleTarget::Operation("*".into()), &[], Permit)]),
    ]);
    let nacm = Nacm { exec_default: Deny, ..nacm };
    let decide_rpc = |groups: &[&str], module: &str, operation: &str| {
        let access = access(&nacm, groups);
        let decision = access.decide_rpc(module, operation);
        (decision.permitted, decision.reason.to_string())
    };
    let edit = "rule `edit` of rule-list `no-edits`";
    assert_eq!(decide_rpc(&["g", "admin"], "ietf-netconf", "edit-config"), (false, edit.into()));
    assert!(decide_rpc(&["g", "admin"], "other", "edit-config").0);
    assert!(decide_rpc(&["admin"], "clixon-controller", "controller-commit").0);
    assert_eq!(decide_rpc(&["g"], "ietf-netconf", "get"), (false, DEFAULT.into()));
    // A rule for an operation does not apply to data.
    expect(&access(&nacm, &["admin"]), "/a:a", Update, false, DEFAULT);
}

#[test]
fn permit_all_permits_every_operation() {
    assert!(AccessRules::permit_all().decide(&NoSchema, &pattern("/nacm"), Delete).permitted);
}
