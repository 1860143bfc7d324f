//! What a module may see and do.

use confine_nacm::AccessOperation;

use super::*;
use crate::{ScopeDecision, ScopeRules};

/// What no module reads, whatever it declares, in the forms that a hostile one would try.
const HIDDEN: [&str; 14] = [
    "/",
    "/services",
    "/nacm",
    "/processes",
    "/processes/services/enabled",
    "/services/o:other",
    "/services/o:other[id='o1']/secret",
    "/services/other/secret",
    "/services/b:bench/created",
    "/services/b:bench[id='s1']/created/path",
    "/services/b:bench[id='s1']/b:created/b:path[.]",
    "created/path",
    "/services/service-timeout",
    "/services/properties-of-mine",
];

/// What services have in common is for each of them to read, and for none to write.
#[test]
fn properties_are_readable_and_not_writable() {
    let datastore = format!(
        "<services xmlns='{CONTROLLER}'><properties><domain xmlns='urn:sys'>a.se</domain></properties>\
         <bench xmlns='urn:bench'><id>s1</id></bench><other xmlns='urn:other'><id>o1</id></other></services>"
    );
    let mut commit = Commit::on(&datastore, Scope::new("bench", [service("bench")], Vec::new()));
    commit.run("s1", async |view| {
        let domain = "/services/properties/sys:domain";
        assert_eq!(view.get(domain).await.unwrap().as_deref(), Some("a.se"));
        let read = view.read_xml("/services/properties").await.unwrap();
        assert!(read.contains("a.se"), "{read}");
        insta::assert_snapshot!(refusal(view.set(domain, "b.se").await), @"access-denied: access denied: create of `/services/properties/domain`: a module writes below `/devices/device/config` only (/services/properties/sys:domain)");
    });
}

/// A node that looked absent would be taken for one that is gone.
#[test]
fn read_of_what_no_module_reads_is_refused() {
    let mut commit = Commit::new();
    let refusals = commit.run("s1", async |view| {
        let mut refusals = Vec::new();
        for path in HIDDEN {
            assert!(view.exists(path).await.is_err(), "{path}");
            let refused = refusal(view.exists(path).await);
            assert_eq!(refusal(view.find(path).await), refused);
            assert_eq!(refusal(view.read(path).await), refused);
            assert_eq!(refusal(view.read_xml(path).await), refused);
            assert_eq!(refusal(view.get(path).await), refused);
            refusals.push(refused);
        }
        refusals.join("\n")
    });
    insta::assert_snapshot!(refusals, @"
    access-denied: access denied: read of `/`: a module reads only `/devices`, `/services/properties` and instances of its own services (/)
    access-denied: access denied: read of `/services`: a module reads only `/devices`, `/services/properties` and instances of its own services (/services)
    access-denied: access denied: read of `/nacm`: a module reads only `/devices`, `/services/properties` and instances of its own services (/nacm)
    access-denied: access denied: read of `/processes`: a module reads only `/devices`, `/services/properties` and instances of its own services (/processes)
    access-denied: access denied: read of `/processes/services/enabled`: a module reads only `/devices`, `/services/properties` and instances of its own services (/processes/services/enabled)
    access-denied: access denied: read of `/services/other`: a module reads only `/devices`, `/services/properties` and instances of its own services (/services/o:other)
    access-denied: access denied: read of `/services/other[id='o1']/secret`: a module reads only `/devices`, `/services/properties` and instances of its own services (/services/o:other[id='o1']/secret)
    unknown-namespace: `other` below `/services` could be `b:other`, `if:other`, `o:other`, `sys:other` or `ty:other`: write the prefix (/services/other/secret)
    access-denied: access denied: read of `/services/bench/created`: only Confine reads what an instance has created (/services/b:bench/created)
    access-denied: access denied: read of `/services/bench[id='s1']/created/path`: only Confine reads what an instance has created (/services/b:bench[id='s1']/created/path)
    access-denied: access denied: read of `/services/bench[id='s1']/created/path[.]`: only Confine reads what an instance has created (/services/b:bench[id='s1']/b:created/b:path[.])
    access-denied: access denied: read of `/services/bench[id='s1']/created/path`: only Confine reads what an instance has created (created/path)
    unknown-namespace: `service-timeout` below `/services` could be `b:service-timeout`, `if:service-timeout`, `o:service-timeout`, `sys:service-timeout` or `ty:service-timeout`: write the prefix (/services/service-timeout)
    unknown-namespace: `properties-of-mine` below `/services` could be `b:properties-of-mine`, `if:properties-of-mine`, `o:properties-of-mine`, `sys:properties-of-mine` or `ty:properties-of-mine`: write the prefix (/services/properties-of-mine)
    ");
    assert_eq!(commit.requests(), [""; 0]);
}

#[test]
fn instance_is_read_without_its_created_list() {
    let mut commit = Commit::of(Scope::new("bench", [service("bench")], Vec::new()));
    let text = commit.run("s1", async |view| view.read_xml(".").await.unwrap());
    insta::assert_snapshot!(text, @r#"<bench xmlns="urn:bench"><id>s1</id><mtu>1500</mtu><note/></bench>"#);
    let mut commit = Commit::new();
    let text = commit.run("s1", async |view| view.read_xml("/services/b:bench").await.unwrap());
    insta::assert_snapshot!(text, @r#"<bench xmlns="urn:bench"><id>s1</id><mtu>1500</mtu><note/></bench><bench xmlns="urn:bench"><id>s2</id><mtu>9000</mtu></bench>"#);
}

#[test]
fn only_device_configuration_is_writable() {
    let mut commit = Commit::new();
    let paths = [
        "/devices",
        "/devices/device",
        "/devices/device[name='r1']",
        "/devices/device[name='r1']/config",
        "/devices/device[name='r1']/addr",
        "/devices/device[name='r1']/if:config/x",
        "/devices/template[name='t']",
        "/devices/if:device[name='r1']/config/if:x",
        "mtu",
        "created/path[.='/x']",
        "/services/o:other[id='o1']/secret",
        "/processes/services/enabled",
        "/sys:nacm/enable-nacm",
        "/transactions/transaction[tid='1']/result",
    ];
    let refusals = commit.run("s1", async |view| {
        let mut refusals = Vec::new();
        for path in paths {
            assert!(view.set(path, "x").await.is_err(), "{path}");
            assert!(view.create(path).await.is_err(), "{path}");
            refusals.push(refusal(view.remove(path).await));
        }
        refusals.join("\n")
    });
    insta::assert_snapshot!(refusals, @r#"
        access-denied: access denied: delete of `/devices`: a module writes below `/devices/device/config` only (/devices)
        access-denied: access denied: delete of `/devices/device`: a module writes below `/devices/device/config` only (/devices/device)
        access-denied: access denied: delete of `/devices/device[name='r1']`: a module writes below `/devices/device/config` only (/devices/device[name='r1'])
        access-denied: access denied: delete of `/devices/device[name='r1']/config`: a module writes below `/devices/device/config` only (/devices/device[name='r1']/config)
        access-denied: access denied: delete of `/devices/device[name='r1']/addr`: a module writes below `/devices/device/config` only (/devices/device[name='r1']/addr)
        access-denied: access denied: delete of `/devices/device[name='r1']/config/x`: a module writes below `/devices/device/config` only (/devices/device[name='r1']/if:config/x)
        access-denied: access denied: delete of `/devices/template[name='t']`: a module writes below `/devices/device/config` only (/devices/template[name='t'])
        access-denied: access denied: delete of `/devices/device[name='r1']/config/x`: a module writes below `/devices/device/config` only (/devices/if:device[name='r1']/config/if:x)
        access-denied: access denied: delete of `/services/bench[id='s1']/mtu`: a module writes below `/devices/device/config` only (mtu)
        access-denied: access denied: delete of `/services/bench[id='s1']/created/path[.='/x']`: a module writes below `/devices/device/config` only (created/path[.='/x'])
        access-denied: access denied: delete of `/services/other[id='o1']/secret`: a module writes below `/devices/device/config` only (/services/o:other[id='o1']/secret)
        access-denied: access denied: delete of `/processes/services/enabled`: a module writes below `/devices/device/config` only (/processes/services/enabled)
        access-denied: access denied: delete of `/nacm/enable-nacm`: a module writes below `/devices/device/config` only (/sys:nacm/enable-nacm)
        access-denied: access denied: delete of `/transactions/transaction[tid='1']/result`: a module writes below `/devices/device/config` only (/transactions/transaction[tid='1']/result)
        "#);
    assert_eq!(commit.finish(&[], &owners()), "nothing");
}

#[test]
fn module_writes_only_what_it_declares() {
    let mut commit = Commit::new();
    let writes = ["/devices/device/config/if:interfaces/interface/mtu", "/devices/device/config/sys:system"]
        .map(|path| commit.resolved(path));
    commit.scope = Scope::new("bench", [service("bench")], writes.to_vec()).into();
    let refusals = commit.run("s1", async |view| {
        let interface = "/devices/device[name='r2']/config/if:interfaces/interface[name='n']";
        view.set(&format!("{interface}/mtu"), "1").await.unwrap();
        view.set("/devices/device[name='r1']/config/sys:system/a/b/c", "1").await.unwrap();
        [
            refusal(view.set(&format!("{interface}/description"), "1").await),
            refusal(view.create(interface).await),
            refusal(view.remove("/devices/device[name='r1']/config/if:interfaces").await),
        ]
        .join("\n")
    });
    insta::assert_snapshot!(refusals, @r#"
        access-denied: access denied: create of `/devices/device[name='r2']/config/interfaces/interface[name='n']/description`: the module's description declares that it writes `/devices/device/config/interfaces/interface/mtu`, `/devices/device/config/system`; add it to `writes` there (/devices/device[name='r2']/config/if:interfaces/interface[name='n']/description)
        access-denied: access denied: create of `/devices/device[name='r2']/config/interfaces/interface[name='n']`: the module's description declares that it writes `/devices/device/config/interfaces/interface/mtu`, `/devices/device/config/system`; add it to `writes` there (/devices/device[name='r2']/config/if:interfaces/interface[name='n'])
        access-denied: access denied: delete of `/devices/device[name='r1']/config/interfaces`: the module's description declares that it writes `/devices/device/config/interfaces/interface/mtu`, `/devices/device/config/system`; add it to `writes` there (/devices/device[name='r1']/config/if:interfaces)
        "#);
    insta::assert_snapshot!(commit.finish(&[], &owners()), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r1</name>
      <config>
       <system xmlns="urn:sys">
        <a>
         <b>
          <c>1</c>
         </b>
        </a>
       </system>
      </config>
     </device>
     <device>
      <name>r2</name>
      <config>
       <interfaces xmlns="urn:if">
        <interface>
         <name>n</name>
         <mtu>1</mtu>
        </interface>
       </interfaces>
      </config>
     </device>
    </devices>
    "#);
}

#[test]
fn read_only_view_refuses_edits() {
    let mut commit = Commit::new();
    let draft = commit.draft.take().unwrap();
    let scope = commit.scope.clone();
    let view = View::new(draft, scope, instance("s1"), Arc::new(prefixes()), commit.meter.clone());
    let mut view = view.read_only();
    let path = "/devices/device[name='r1']/config/sys:system/hostname";
    block(async {
        assert_eq!(view.get(path).await.unwrap().as_deref(), Some("one"));
        for refused in [
            refusal(view.set(path, "x").await),
            refusal(view.create(path).await),
            refusal(view.remove(path).await),
            refusal(view.edit_xml("").await),
        ] {
            assert!(refused.starts_with("access-denied: access denied: this view is read-only"));
        }
    });
}

/// Hides and protects what is called `hostname` or `mtu`, and protects interface `a` from being changed.
struct Strict;

impl ScopeRules for Strict {
    fn decide(&self, access: AccessOperation, node: &Pattern) -> ScopeDecision {
        let step = node.steps.last();
        let name = step.map_or("", |step| &step.local);
        let is_a = step.is_some_and(|step| step.key("name") == Some("a"));
        match (access, name) {
            (_, "hostname") => ScopeDecision::Deny { reason: "rule `no-hostnames`".into() },
            (AccessOperation::Update | AccessOperation::Delete, "mtu") => {
                ScopeDecision::Deny { reason: "rule `keep-mtu`".into() }
            }
            (AccessOperation::Update, _) if is_a => ScopeDecision::Deny { reason: "rule `keep-a`".into() },
            _ => ScopeDecision::Permit { below: false },
        }
    }
}

#[test]
fn rules_narrow_the_scope() {
    let mut commit = Commit::of(open_scope().with_rules(Arc::new(Strict)));
    let texts = commit.run("s1", async |view| {
        let interfaces = "/devices/device[name='r1']/config/if:interfaces";
        let system = "/devices/device[name='r2']/config/sys:system";
        assert!(!view.exists(&format!("{system}/hostname")).await.unwrap());
        assert_eq!(view.read_xml(system).await.unwrap(), "<system xmlns=\"urn:sys\"/>");
        let all = view.read("/devices").await.unwrap();
        assert!(all.iter().all(|node| node.name != "hostname"));
        assert!(all.iter().any(|node| node.name == "mtu"));
        // To make is another right than to change.
        let new = format!("{interfaces}/interface[name='new']/mtu");
        view.set(&new, "1").await.unwrap();
        [
            refusal(view.set(&format!("{interfaces}/interface[name='a']/mtu"), "1").await),
            // What is there already.
            refusal(view.create(&format!("{interfaces}/interface[name='a']")).await),
            // It is not seen: whether it is there is not told.
            refusal(view.set(&format!("{system}/hostname"), "x").await),
            // Something in it may not be taken away.
            refusal(view.remove(interfaces).await),
            // So it is here, but nothing that is seen.
            refusal(view.remove(system).await),
            refusal(view.remove(&format!("{interfaces}/interface[name='a']/type")).await),
        ]
        .join("\n")
    });
    insta::assert_snapshot!(texts, @r#"
        access-denied: access denied: update of `/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu`: rule `keep-mtu` (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu)
        ()
        access-denied: access denied: create of `/devices/device[name='r2']/config/system/hostname`: rule `no-hostnames` (/devices/device[name='r2']/config/sys:system/hostname)
        access-denied: access denied: delete of `/devices/device[name='r1']/config/interfaces/interface[name='new']/mtu`: rule `keep-mtu` (/devices/device[name='r1']/config/if:interfaces)
        ()
        ()
        "#);
    // Who commits is told.
    insta::assert_snapshot!(commit.finish(&["s1"], &owners()), @"access denied: delete of `/devices/device[name='r2']/config/system/hostname`: rule `no-hostnames`");
}

/// What a module declared may be in a model that no device has: then it writes nowhere, and not anywhere.
#[test]
fn undeclared_write_is_denied_if_no_model_has_the_declared() {
    let step = |namespace: &str, local: &str| PatternStep::new(QName::new(namespace, local));
    let mut device = step(CONTROLLER, "device");
    device.keys.push(("name".into(), Some("r1".into())));
    let node = Pattern {
        steps: vec![
            step(CONTROLLER, "devices"),
            device,
            step(CONTROLLER, "config"),
            step("urn:sys", "system"),
        ],
    };
    let anywhere = Scope::new("bench", [step("urn:bench", "bench")], Vec::new());
    assert_eq!(anywhere.decide(AccessOperation::Create, &node), ScopeDecision::Permit { below: true });
    let ScopeDecision::Deny { reason } = anywhere.only_declared().decide(AccessOperation::Create, &node)
    else {
        panic!("it may write anywhere")
    };
    insta::assert_snapshot!(reason, @"what the module's description declares that it writes is in no model here");
}
