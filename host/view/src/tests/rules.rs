//! A module that probes what rules of `/nacm` leave it.

use confine_nacm::{NACM, Nacm};

use super::*;
use crate::ModuleRules;

struct Models;

impl confine_nacm::NacmModel for Models {
    fn module(&self, namespace: &str) -> Option<&str> {
        match namespace {
            "urn:if" => Some("if"),
            "urn:sys" => Some("sys"),
            _ => None,
        }
    }
}

const IF: &str = "/devices/device[name='r1']/config/if:interfaces";
const SYS: &str = "/devices/device[name='r1']/config/sys:system";

/// What a module may do that these rules, the content of rule-lists for `module:bench`, are about.
pub(super) fn scope(rules: &str) -> Scope {
    let nacm = format!(
        "<nacm xmlns='{NACM}'><rule-list><name>probed</name><group>module:bench</group>{rules}</rule-list></nacm>"
    );
    let tree = xml::parse(&nacm).unwrap();
    let (nacm, problems) = Nacm::read(&tree, tree.first_child(Tree::ROOT).unwrap());
    assert_eq!(problems, []);
    let (access, problems) = nacm.module_access("bench", "alice");
    assert_eq!(problems, []);
    let rules = ModuleRules::new(access, Arc::new(Models), "bench", "`/nacm`".into());
    open_scope().with_rules(Arc::new(rules))
}

/// A commit of such a module.
fn commit(rules: &str) -> Commit {
    Commit::of(scope(rules))
}

pub(super) fn rule(name: &str, path: &str, operations: &str, action: &str) -> String {
    format!(
        "<rule><name>{name}</name><path xmlns:c='{CONTROLLER}' xmlns:if='urn:if' xmlns:sys='urn:sys'>{path}</path>\
         <access-operations>{operations}</access-operations><action>{action}</action></rule>"
    )
}

pub(super) fn config(below: &str) -> String {
    format!("/c:devices/c:device/c:config/{below}")
}

#[test]
fn nodes_that_rules_hide_look_absent() {
    let rules = rule("mtu", &config("if:interfaces/if:interface[if:name='a']/if:mtu"), "read", "deny")
        + &rule("system", &config("sys:system"), "read", "deny");
    let mut commit = commit(&rules);
    let seen = commit.run("s1", async |view| {
        let mut seen = Vec::new();
        for path in [format!("{IF}/interface[name='a']/mtu"), SYS.into(), format!("{SYS}/hostname")] {
            seen.push(refusal(view.get(&path).await));
            seen.push(refusal(view.exists(&path).await));
            seen.push(refusal(view.find(&path).await));
            seen.push(refusal(view.read(&path).await));
            seen.push(refusal(view.read_xml(&path).await));
        }
        seen.push(refusal(view.find(&format!("{IF}/interface/mtu")).await));
        seen.push(refusal(view.read_xml("/devices/device[name='r1']/config").await));
        seen.join("\n")
    });
    insta::assert_snapshot!(seen, @r#"
    None
    false
    []
    []
    ""
    None
    false
    []
    []
    ""
    None
    false
    []
    []
    ""
    ["/devices/device[name='r1']/config/if:interfaces/interface[name='it''s \"b\"']/mtu", "/devices/device[name='r1']/config/if:interfaces/interface[name='mine']/mtu"]
    "<config xmlns=\"http://clicon.org/controller\"><interfaces xmlns=\"urn:if\"><interface><name>a</name><type xmlns:t=\"urn:types\">t:eth</type></interface><interface><name>it's \"b\"</name><mtu>1500</mtu></interface><interface><name>mine</name><mtu>1</mtu></interface></interfaces></config>"
    "#);
}

#[test]
fn denied_write_names_the_rule_and_the_remedy() {
    let rules = rule("keep", &config("if:interfaces/if:interface/if:mtu"), "update delete", "deny")
        + &rule("no-new", &config("if:interfaces/if:interface"), "create", "deny");
    let mut commit = commit(&rules);
    let refusals = commit.run("s1", async |view| {
        [
            refusal(view.set(&format!("{IF}/interface[name='a']/mtu"), "9000").await),
            // An entry is made for what is in it.
            refusal(view.set(&format!("{IF}/interface[name='new']/x"), "1").await),
            refusal(view.create(&format!("{IF}/interface[name='new']")).await),
            // Something in it may not be taken away.
            refusal(view.remove(&format!("{IF}/interface[name='a']")).await),
            refusal(view.remove(IF).await),
            // What is so already, and what is not there to be taken away.
            refusal(view.set(&format!("{IF}/interface[name='a']/mtu"), "1500").await),
            refusal(view.remove(&format!("{IF}/interface[name='nosuch']")).await),
            // What no rule is about.
            refusal(view.set(&format!("{SYS}/hostname"), "new").await),
            refusal(view.remove(&format!("{IF}/interface[name='a']/type")).await),
        ]
        .join("\n")
    });
    insta::assert_snapshot!(refusals, @r#"
    access-denied: access denied: update of `/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu`: rule `keep` of rule-list `probed` in `/nacm` denies it
    hint: a rule before it that permits `update` there to the group `module:bench` would allow it (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu)
    access-denied: access denied: create of `/devices/device[name='r1']/config/interfaces/interface[name='new']`: rule `no-new` of rule-list `probed` in `/nacm` denies it
    hint: a rule before it that permits `create` there to the group `module:bench` would allow it (/devices/device[name='r1']/config/if:interfaces/interface[name='new']/x)
    access-denied: access denied: create of `/devices/device[name='r1']/config/interfaces/interface[name='new']`: rule `no-new` of rule-list `probed` in `/nacm` denies it
    hint: a rule before it that permits `create` there to the group `module:bench` would allow it (/devices/device[name='r1']/config/if:interfaces/interface[name='new'])
    access-denied: access denied: delete of `/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu`: rule `keep` of rule-list `probed` in `/nacm` denies it
    hint: a rule before it that permits `delete` there to the group `module:bench` would allow it (/devices/device[name='r1']/config/if:interfaces/interface[name='a'])
    access-denied: access denied: delete of `/devices/device[name='r1']/config/interfaces/interface[name='mine']/mtu`: rule `keep` of rule-list `probed` in `/nacm` denies it
    hint: a rule before it that permits `delete` there to the group `module:bench` would allow it (/devices/device[name='r1']/config/if:interfaces)
    ()
    ()
    ()
    ()
    "#);
    insta::assert_snapshot!(commit.finish(&["s1"], &owners()), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r1</name>
      <config>
       <interfaces xmlns="urn:if">
        <interface>
         <name>a</name>
         <type xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/>
        </interface>
       </interfaces>
       <system xmlns="urn:sys">
        <hostname>new</hostname>
       </system>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/>
     </bench>
    </services>
    "#);
}

#[test]
fn rules_cause_no_needless_request() {
    let mut open =
        commit(&(rule("all", "/", "*", "permit") + &rule("no", &config("sys:system"), "*", "deny")));
    open.run("s1", async |view| {
        view.set(&format!("{IF}/interface[name='a']/mtu"), "1").await.unwrap();
        view.remove(&format!("{IF}/interface[name='mine']")).await.unwrap();
    });
    assert_eq!(open.requests(), [""; 0]);
    let mut narrow = commit(&rule("no", &config("if:interfaces/if:interface/if:mtu"), "create", "deny"));
    narrow.run("s1", async |view| {
        view.set(&format!("{IF}/interface[name='a']/mtu"), "1").await.unwrap();
        view.set(&format!("{SYS}/hostname"), "x").await.unwrap();
    });
    assert_eq!(narrow.requests(), ["/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu"]);
}

#[test]
fn rules_never_widen_the_scope() {
    let mut commit = commit(&rule("all", "/", "*", "permit"));
    commit.run("s1", async |view| {
        assert!(view.exists("/services/o:other").await.is_err());
        assert!(view.exists("created").await.is_err());
        assert!(view.set("mtu", "1").await.is_err());
        assert!(view.set("created/path[.='/x']", "/x").await.is_err());
        assert!(view.set("/devices/device[name='r1']/addr", "x").await.is_err());
    });
}

#[test]
fn what_rules_hide_of_a_read_is_kept() {
    let rules = rule("mtu", &config("if:interfaces/if:interface[if:name='a']/if:mtu"), "read", "deny")
        + &rule("mine", &config("if:interfaces/if:interface[if:name='mine']"), "read", "deny");
    let seen = |path: &str| {
        let mut commit = commit(&rules).declare(&format!("{IF}/interface[name]"));
        commit.run("s1", async |view| {
            view.read(&format!("{IF}/{path}")).await.unwrap();
            view.find(&format!("{IF}/{path}")).await.unwrap();
        });
        let draft = commit.draft();
        let partial =
            draft.partial_sights().iter().map(|sight| (sight.nodes.len(), sight.first.node.to_string()));
        (partial.collect::<Vec<_>>(), draft.hidden_reads().len())
    };
    let at = |path: &str| format!("/devices/device[name='r1']/config/interfaces/{path}");
    assert_eq!(seen("interface"), (vec![(2, at("interface[name='mine']"))], 0));
    assert_eq!(seen("interface[name='a']"), (vec![(1, at("interface[name='a']/mtu"))], 0));
    assert_eq!(seen("interface[name='mine']"), (vec![], 1));
    assert_eq!(seen("interface[name='a']/name"), (vec![], 0));
    assert_eq!(seen("interface/mtu"), (vec![(2, at("interface[name='a']/mtu"))], 0));
}

#[test]
fn finish_decides_again_after_reading() {
    // The module sees nothing of it, so that it may be made is known in the end only.
    let rules = rule("hidden", &config("if:interfaces/if:interface"), "read", "deny")
        + &rule("own", &config("if:interfaces/if:interface[if:name='b']"), "*", "deny");
    let mut commit = commit(&rules);
    let refusals = commit.run("s1", async |view| {
        [
            refusal(view.set(&format!("{IF}/interface[name='b']/mtu"), "1").await),
            refusal(view.set(&format!("{IF}/interface[name='c']/mtu"), "1").await),
        ]
        .join("\n")
    });
    insta::assert_snapshot!(refusals, @r#"
    access-denied: access denied: create of `/devices/device[name='r1']/config/interfaces/interface[name='b']`: rule `own` of rule-list `probed` in `/nacm` denies it
    hint: a rule before it that permits `create` there to the group `module:bench` would allow it (/devices/device[name='r1']/config/if:interfaces/interface[name='b']/mtu)
    ()
    "#);
}
