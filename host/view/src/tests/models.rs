//! What is done with the models of devices where they are known: of `r1` here, not of `r2`.

use confine_yang::{ModuleSet, MountedSchema};

use super::*;

pub(super) const MOUNT: &str = "module ietf-yang-schema-mount { namespace urn:mount; prefix m; extension mount-point { argument label; } }";
pub(super) const OWN: &str = r#"module clixon-controller { namespace "http://clicon.org/controller"; prefix ctrl;
  import ietf-yang-schema-mount { prefix mnt; }
  container devices { list device { key name; leaf name { type string; } leaf addr { type string; }
    container config { presence root; mnt:mount-point "device"; } } }
  container services; }"#;
const SERVICE: &str = "module bench { namespace urn:bench; prefix b; import clixon-controller { prefix c; }
  augment /c:services { list bench { key id; leaf id { type string; } leaf mtu { type uint16; }
    leaf note { type string; } container created { leaf-list path { type string; } } } } }";
const TYPES: &str = "module types { namespace urn:types; prefix t; identity kind; identity eth { base kind; } identity lag { base kind; } }";
const IF: &str = "module if { namespace urn:if; prefix if; import types { prefix t; }
  container interfaces { list interface { key name; leaf name { type string; }
    leaf mtu { type uint16 { range 68..9000; } }
    leaf type { type identityref { base t:kind; } }
    leaf enabled { type empty; }
    leaf-list address { type string { pattern '[0-9./]+'; } }
    list unit { key number; leaf number { type uint8; } leaf vlan { type uint16; } }
    container tunnel { presence p; leaf to { type string; } } } } }";
const SYS: &str = "module sys { namespace urn:sys; prefix sys;
  container system { leaf hostname { type string; } leaf-list search { type string; } } }";

const OTHER: &str = "module other { namespace urn:other; prefix o;
  container system { leaf hostname { type string; } } }";

fn schema() -> Arc<dyn Schema> {
    schema_of(&[TYPES, IF, SYS])
}

fn schema_of(device: &[&str]) -> Arc<dyn Schema> {
    let compile = |modules: &[&str]| {
        let mut set = ModuleSet::default();
        for module in modules {
            set.add("m.yang", module.as_bytes()).unwrap();
        }
        let schema = set.compile();
        assert!(schema.problems().is_empty(), "{:?}", schema.problems());
        Arc::new(schema)
    };
    let mut mounted = MountedSchema::new(compile(&[MOUNT, OWN, SERVICE]), "device");
    mounted.mount("r1", compile(device));
    Arc::new(mounted)
}

fn commit() -> Commit {
    Commit::with(schema(), DATASTORE, open_scope())
}

const R1: &str = "/devices/device[name='r1']/config";
const A: &str = "/devices/device[name='r1']/config/interfaces/interface[name='a']";

#[test]
fn model_names_keys_of_undeclared_lists() {
    let mut commit = commit();
    let found = commit.run("s1", async |view| {
        let mut found = Vec::new();
        for path in [
            format!("{R1}/interfaces/interface"),
            "/devices/device/config/if:interfaces/interface/mtu".into(),
            format!("{R1}/system/search"),
            "/devices/device".into(),
        ] {
            found.push(refusal(view.find(&path).await));
        }
        found
    });
    insta::assert_snapshot!(found.join("\n"), @r#"
    ["/devices/device[name='r1']/config/if:interfaces/interface[name='a']", "/devices/device[name='r1']/config/if:interfaces/interface[name='it''s \"b\"']", "/devices/device[name='r1']/config/if:interfaces/interface[name='mine']"]
    ["/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu", "/devices/device[name='r1']/config/if:interfaces/interface[name='it''s \"b\"']/mtu", "/devices/device[name='r1']/config/if:interfaces/interface[name='mine']/mtu"]
    ["/devices/device[name='r1']/config/sys:system/search[.='a.se']", "/devices/device[name='r1']/config/sys:system/search[.='b.se']"]
    ["/devices/device[name='r1']", "/devices/device[name='r2']"]
    "#);
    // To know which there are takes their keys.
    insta::assert_snapshot!(commit.requests().join("\n"), @"
    /devices/device[name='r1']/config/interfaces/interface/name
    /devices/device/config/interfaces/interface/mtu
    /devices/device[name='r1']/config/system/search
    /devices/device/name
    ");
}

#[test]
fn model_refuses_wrong_values_and_names() {
    let told = commit().run("s1", async |view| {
        let mut told = Vec::new();
        for (path, value) in [
            ("mtu", "fast"),
            ("mtu", "67"),
            ("mut", "1500"),
            ("type", "ty:ethernet"),
            ("type", "ety:eth"),
            ("address[.='a']", "a"),
            ("address", "10.0.0.1"),
            ("unit[number='300']/vlan", "1"),
            ("unit/vlan", "1"),
            ("tunnel", "x"),
            ("interface", "x"),
        ] {
            told.push(refusal(view.set(&format!("{A}/{path}"), value).await));
        }
        told.push(refusal(view.create(&format!("{A}/mtu")).await));
        told.push(refusal(
            view.edit_xml(&xml("r1", "<interface><name>a</name><mtu>fast</mtu></interface>")).await,
        ));
        told.push(refusal(
            view.edit_xml(&xml("r1", "<interface><name>a</name><mtuu>1</mtuu></interface>")).await,
        ));
        told.push(refusal(view.edit_xml(&xml("r1", "<interface><mtu>1500</mtu></interface>")).await));
        told.push(refusal(view.set("mtu", "x").await));
        // Of this one nothing is known.
        told.push(refusal(view.set("/devices/device[name='r2']/config/if:interfaces/mut", "fast").await));
        told
    });
    insta::assert_snapshot!(told.join("\n"), @"
    invalid-value: `fast` is not a value of `mtu`: a number from 68 to 9000 (`uint16`) (/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu)
    invalid-value: `67` is not a value of `mtu`: a number from 68 to 9000 (`uint16`) (/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu)
    unknown-element: the model has no `mut` below `/devices/device[name='r1']/config/interfaces/interface[name='a']`; did you mean `mtu`? (/devices/device[name='r1']/config/interfaces/interface[name='a']/mut)
    invalid-value: `ty:ethernet` is not a value of `type`: an identity derived from `types:kind` (`identityref`) (/devices/device[name='r1']/config/interfaces/interface[name='a']/type)
    invalid-value: `ety:eth` is not a value of `type`: an identity derived from `types:kind` (`identityref`); no module is bound to the prefix `ety` (/devices/device[name='r1']/config/interfaces/interface[name='a']/type)
    invalid-value: `a` is not a value of `address`: text that matches `[0-9./]+` (`string`) (/devices/device[name='r1']/config/interfaces/interface[name='a']/address[.='a'])
    missing-element: `/devices/device[name='r1']/config/interfaces/interface[name='a']/address` is a leaf-list: write the entry's value into the path, as in `/devices/device[name='r1']/config/interfaces/interface[name='a']/address[.='…']` (/devices/device[name='r1']/config/interfaces/interface[name='a']/address)
    invalid-value: `300` is not a value of `number`: a number from 0 to 255 (`uint8`) (/devices/device[name='r1']/config/interfaces/interface[name='a']/unit[number='300']/vlan)
    missing-element: `/devices/device[name='r1']/config/interfaces/interface[name='a']/unit` does not say which entry: write `/devices/device[name='r1']/config/interfaces/interface[name='a']/unit[number='…']` (/devices/device[name='r1']/config/interfaces/interface[name='a']/unit/vlan)
    invalid-value: `/devices/device[name='r1']/config/interfaces/interface[name='a']/tunnel` has children and no value: name a leaf, or use `create` (/devices/device[name='r1']/config/interfaces/interface[name='a']/tunnel)
    unknown-element: the model has no `interface` below `/devices/device[name='r1']/config/interfaces/interface[name='a']` (/devices/device[name='r1']/config/interfaces/interface[name='a']/interface)
    invalid-value: `/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu` is a leaf: use `set` with a value (/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu)
    invalid-value: `fast` is not a value of `mtu`: a number from 68 to 9000 (`uint16`) (/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu)
    unknown-element: the model has no `mtuu` below `/devices/device[name='r1']/config/interfaces/interface[name='a']`; did you mean `mtu`? (/devices/device[name='r1']/config/interfaces/interface[name='a']/mtuu)
    missing-element: `/devices/device[name='r1']/config/interfaces/interface` lacks its key `name` (/devices/device[name='r1']/config/interfaces/interface)
    access-denied: access denied: create of `/services/bench[id='s1']/mtu`: a module writes below `/devices/device/config` only (mtu)
    ()
    ");
}

fn xml(device: &str, interface: &str) -> String {
    format!(
        "<devices xmlns='{CONTROLLER}'><device><name>{device}</name><config><interfaces xmlns='urn:if'>\
         {interface}</interfaces></config></device></devices>"
    )
}

#[test]
fn created_paths_use_keys_of_the_model() {
    let mut commit = commit();
    let result = commit.run("s2", async |view| {
        let interface = "<interface><name>new</name><mtu>01500</mtu><type xmlns:x='urn:types'>x:lag</type>\
                         <enabled/><address>10.0.0.1/24</address><unit><vlan>007</vlan><number>1</number></unit>\
                         <tunnel/></interface>";
        view.edit_xml(&xml("r1", interface)).await?;
        view.create(&format!("{A}/tunnel")).await?;
        view.set(&format!("{A}/unit[number='007']/vlan"), "011").await?;
        view.set(&format!("{R1}/system/search[.='b.se']"), "b.se").await?;
        view.set(&format!("{R1}/system/search[.='c.se']"), "c.se").await
    });
    assert_eq!(refusal(result), "()");
    insta::assert_snapshot!(commit.finish(&["s2"], &owners()), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r1</name>
      <config>
       <interfaces xmlns="urn:if">
        <interface>
         <name>a</name>
         <tunnel/>
         <unit>
          <number>7</number>
          <vlan>11</vlan>
         </unit>
        </interface>
        <interface>
         <name>new</name>
         <mtu>1500</mtu>
         <type xmlns:x="urn:types">x:lag</type>
         <enabled/>
         <address>10.0.0.1/24</address>
         <unit>
          <number>1</number>
          <vlan>7</vlan>
         </unit>
         <tunnel/>
        </interface>
       </interfaces>
       <system xmlns="urn:sys">
        <search>c.se</search>
       </system>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s2</id>
      <created>
       <path>/devices/device[name="r1"]/config/interfaces/interface[name="new"]</path>
       <path>/devices/device[name="r1"]/config/interfaces/interface[name="a"]/tunnel</path>
       <path>/devices/device[name="r1"]/config/interfaces/interface[name="a"]/unit[number="7"]</path>
       <path>/devices/device[name="r1"]/config/system/search[.="c.se"]</path>
      </created>
     </bench>
    </services>
    "#);
}

#[test]
fn unknown_keys_are_reported_for_the_device_that_has_the_list() {
    let with_two = DATASTORE.replace(
        "<device><name>r2</name><config>",
        "<device><name>r2</name><config><interfaces xmlns=\"urn:if\"><interface><name>x</name></interface>\
         <interface><name>y</name></interface></interfaces>",
    );
    let mut commit = Commit::with(schema(), &with_two, open_scope());
    let told = commit.run("s1", async |view| {
        [
            refusal(view.find("/devices/device/config/if:interfaces/interface").await),
            refusal(view.find("/devices/device[name='r2']/config/if:interfaces/interface[name]").await),
            refusal(view.find("/devices/device/config/if:interfaces/interface").await),
        ]
    });
    insta::assert_snapshot!(told.join("\n"), @r#"
    missing-element: `/devices/device/config/interfaces/interface` is a list whose keys are not known: name them, as in `/devices/device/config/interfaces/interface[key='…']`, or in a pattern of the module's description, as in `/devices/device/config/interfaces/interface[key]` (/devices/device/config/if:interfaces/interface)
    ["/devices/device[name='r2']/config/if:interfaces/interface[name='x']", "/devices/device[name='r2']/config/if:interfaces/interface[name='y']"]
    ["/devices/device[name='r1']/config/if:interfaces/interface[name='a']", "/devices/device[name='r1']/config/if:interfaces/interface[name='it''s \"b\"']", "/devices/device[name='r1']/config/if:interfaces/interface[name='mine']", "/devices/device[name='r2']/config/if:interfaces/interface[name='x']", "/devices/device[name='r2']/config/if:interfaces/interface[name='y']"]
    "#);
}

/// A name alone would not say which of the nodes is meant.
#[test]
fn denials_name_the_module_of_an_ambiguous_name() {
    let written = ["/devices/device/config/sys:system", "/devices/device/config/if:interfaces"];
    let declared = written.map(|path| Commit::new().resolved(path)).to_vec();
    let scope = Scope::new("bench", [service("bench")], declared)
        .declared_as(&written.map(|path| Path::parse(path).unwrap()));
    let mut commit = Commit::with(schema_of(&[SYS, OTHER]), DATASTORE, scope);
    let refusals = commit.run("s1", async |view| {
        view.set(&format!("{R1}/sys:system/hostname"), "a").await.unwrap();
        let mut refusals = Vec::new();
        for path in
            [format!("{R1}/o:system/hostname"), format!("{R1}/o:nothing"), "/services/sys:bench".into()]
        {
            refusals.push(refusal(view.set(&path, "a").await));
        }
        refusals.push(refusal(view.remove(&format!("{R1}/o:system")).await));
        refusals.join("\n")
    });
    insta::assert_snapshot!(refusals, @r"
    access-denied: access denied: create of `/devices/device[name='r1']/config/other:system/hostname`: the module's description declares that it writes `/devices/device/config/sys:system`, `/devices/device/config/if:interfaces`; add it to `writes` there (/devices/device[name='r1']/config/o:system/hostname)
    unknown-element: the model has no `nothing` below `/devices/device[name='r1']/config` (/devices/device[name='r1']/config/o:nothing)
    unknown-element: the model has no `sys:bench` below `/services`; did you mean `b:bench`? (/services/sys:bench)
    access-denied: access denied: delete of `/devices/device[name='r1']/config/other:system`: the module's description declares that it writes `/devices/device/config/sys:system`, `/devices/device/config/if:interfaces`; add it to `writes` there (/devices/device[name='r1']/config/o:system)
    ");
}
