//! `set`, `create`, `remove`, `edit` and `edit_xml`.

use super::*;
use crate::ViewEdit;

const A: &str = "/devices/device[name='r1']/config/if:interfaces/interface[name='a']";

fn edit(operation: &str, path: &str, value: Option<&str>) -> ViewEdit {
    ViewEdit { operation: operation.into(), path: path.into(), value: value.map(Into::into) }
}

#[test]
fn edit_has_only_changes() {
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        view.set(&format!("{A}/mtu"), "1500").await.unwrap();
        view.set(&format!("{A}/type"), "ty:eth").await.unwrap();
        view.remove(&format!("{A}/nothing")).await.unwrap();
        view.create(A).await.unwrap();
        view.set("/devices/device[name='r1']/config/sys:system/search[.='a.se']", "a.se").await.unwrap();
        view.remove("/devices/device[name='r1']/config/sys:system/search[.='c.se']").await.unwrap();
        // Seen by the module at once, and taken back by it.
        view.set(&format!("{A}/mtu"), "9000").await.unwrap();
        assert_eq!(view.get(&format!("{A}/mtu")).await.unwrap().as_deref(), Some("9000"));
        view.set(&format!("{A}/mtu"), "1500").await.unwrap();
    });
    // The instance made nothing, so it has no list any more.
    insta::assert_snapshot!(commit.finish(&["s1"], &owners()), @r#"
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/>
     </bench>
    </services>
    "#);
}

#[test]
fn edit_has_each_kind_of_change() {
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        view.set(&format!("{A}/type"), "ty:lag").await.unwrap();
        view.remove(&format!("{A}/mtu")).await.unwrap();
        view.create("/devices/device[name='r2']/config/if:interfaces/interface[name='it''s']").await.unwrap();
        view.remove("/devices/device/config/sys:system/search").await.unwrap();
        view.set("/devices/device[name='r2']/config/sys:system/search[.='n<w&']", "n<w&").await.unwrap();
        view.create("/devices/device[name='r2']/config/sys:system/if:presence").await.unwrap();
        view.set("/devices/device[name='r2']/config/sys:banner", " two\n lines\n").await.unwrap();
        view.set("/devices/device[name='r2']/config/sys:empty", "").await.unwrap();
    });
    insta::assert_snapshot!(commit.finish(&["s1"], &owners()), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r1</name>
      <config>
       <interfaces xmlns="urn:if">
        <interface>
         <name>a</name>
         <mtu xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/>
         <type xmlns:ty="urn:types">ty:lag</type>
        </interface>
       </interfaces>
       <system xmlns="urn:sys">
        <search xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">a.se</search>
        <search xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">b.se</search>
       </system>
      </config>
     </device>
     <device>
      <name>r2</name>
      <config>
       <interfaces xmlns="urn:if">
        <interface>
         <name>it's</name>
        </interface>
       </interfaces>
       <system xmlns="urn:sys">
        <search>n&lt;w&amp;</search>
        <presence xmlns="urn:if"/>
       </system>
       <banner xmlns="urn:sys"> two
     lines
    </banner>
       <empty xmlns="urn:sys"/>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created>
       <path xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">/devices/device[name="r1"]/config/interfaces/interface[name="mine"]</path>
       <path>/devices/device[name="r2"]/config/interfaces/interface[name="it's"]</path>
       <path>/devices/device[name="r2"]/config/system/search[.="n&lt;w&amp;"][false()]</path>
       <path>/devices/device[name="r2"]/config/system/presence</path>
       <path>/devices/device[name="r2"]/config/banner[false()]</path>
       <path>/devices/device[name="r2"]/config/empty[false()]</path>
      </created>
     </bench>
    </services>
    "#);
}

#[test]
fn invalid_edits_are_refused_with_the_reason() {
    let mut commit = Commit::new().declare("/devices/device/config/if:interfaces/interface[name]");
    let refusals = commit.run("s1", async |view| {
        let mut refusals = Vec::new();
        let list = "/devices/device[name='r1']/config/if:interfaces/interface";
        let search = "/devices/device[name='r1']/config/sys:system/search";
        refusals.push(refusal(view.set(&format!("{list}/mtu"), "1").await));
        refusals.push(refusal(view.set(&format!("{list}[name]/mtu"), "1").await));
        refusals.push(refusal(view.set(A, "1").await));
        refusals.push(refusal(view.set(&format!("{A}/name"), "b").await));
        refusals.push(refusal(view.remove(&format!("{A}/name")).await));
        refusals.push(refusal(view.set(&format!("{search}[.='a']"), "b").await));
        refusals.push(refusal(view.set(search, "b").await));
        refusals.push(refusal(view.set(&format!("{A}/mtu"), "a\u{1}b").await));
        refusals.push(refusal(view.set("/", "x").await));
        refusals.push(refusal(view.remove("/").await));
        refusals.push(refusal(view.create("/devices/device[name='r1']/config").await));
        refusals.push(refusal(view.set("/devices/device[name='r1']/config/..", "x").await));
        refusals.push(refusal(view.set("/devices/device[name='r1']/config/zz:x", "x").await));
        refusals.join("\n")
    });
    insta::assert_snapshot!(refusals, @r"
    missing-element: `/devices/device[name='r1']/config/interfaces/interface` does not say which entry: write `/devices/device[name='r1']/config/interfaces/interface[name='…']` (/devices/device[name='r1']/config/if:interfaces/interface/mtu)
    missing-element: `/devices/device[name='r1']/config/interfaces/interface[name]` does not say which entry: write `/devices/device[name='r1']/config/interfaces/interface[name='…']` (/devices/device[name='r1']/config/if:interfaces/interface[name]/mtu)
    invalid-value: `/devices/device[name='r1']/config/interfaces/interface[name='a']` has children and no value: name a leaf, or use `create` (/devices/device[name='r1']/config/if:interfaces/interface[name='a'])
    invalid-value: `/devices/device[name='r1']/config/interfaces/interface[name='a']/name` is a key with the value `a` in the path and cannot be set to `b`: create another entry (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/name)
    invalid-value: `/devices/device[name='r1']/config/interfaces/interface[name='a']/name` is a key: remove the whole entry (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/name)
    invalid-value: `/devices/device[name='r1']/config/system/search[.='a']` is the entry `a` and cannot be set to `b`: remove it and set another entry (/devices/device[name='r1']/config/sys:system/search[.='a'])
    missing-element: `/devices/device[name='r1']/config/system/search` is a leaf-list: write the entry's value into the path, as in `/devices/device[name='r1']/config/system/search[.='…']` (/devices/device[name='r1']/config/sys:system/search)
    invalid-value: `/devices/device[name='r1']/config/interfaces/interface[name='a']/mtu`: XML cannot carry the character `\u{1}`: take it out of the value (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu)
    access-denied: access denied: create of `/`: a module writes below `/devices/device/config` only (/)
    access-denied: access denied: delete of `/`: a module writes below `/devices/device/config` only (/)
    access-denied: access denied: create of `/devices/device[name='r1']/config`: a module writes below `/devices/device/config` only (/devices/device[name='r1']/config)
    invalid-value: the path `/devices/device[name='r1']/config/..` cannot be read at character 35: `..` is not supported: write the path from the root or from the instance downwards (/devices/device[name='r1']/config/..)
    unknown-namespace: the prefix `zz` is not declared; the declared prefixes are `b`, `ctrl`, `if`, `o`, `sys`, `ty` (/devices/device[name='r1']/config/zz:x)
    ");
    assert_eq!(commit.finish(&[], &owners()), "nothing");
}

#[test]
fn batch_is_atomic() {
    let mut commit = Commit::new();
    let results = commit.run("s1", async |view| {
        let mtu = format!("{A}/mtu");
        let new = "/devices/device[name='r1']/config/if:interfaces/interface[name='new']";
        let good = [edit("set", &mtu, Some("2")), edit("create", new, None), edit("remove", A, None)];
        let mut results = Vec::new();
        for bad in [
            edit("set", "/nacm", Some("x")),
            edit("set", &mtu, None),
            edit("remove", &mtu, Some("x")),
            edit("replace", &mtu, Some("x")),
        ] {
            let edits = [&good[..], &[bad]].concat();
            results.push(refusal(view.edit(&edits).await));
            assert_eq!(view.get(&mtu).await.unwrap().as_deref(), Some("1500"));
            assert!(!view.exists(new).await.unwrap());
        }
        view.edit(&good).await.unwrap();
        assert!(!view.exists(A).await.unwrap());
        assert!(view.exists(new).await.unwrap());
        results.join("\n")
    });
    insta::assert_snapshot!(results, @r#"
    access-denied: access denied: create of `/nacm`: a module writes below `/devices/device/config` only (/nacm)
    invalid-value: `set` needs a value (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu)
    invalid-value: `remove` takes no value (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu)
    operation-not-supported: the operation `replace` is not known: `set`, `create` and `remove` are (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu)
    "#);
}

#[test]
fn fragment_equals_single_calls() {
    let fragment = r#"<devices xmlns="http://clicon.org/controller" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">
      <device><name>r1</name><config><interfaces xmlns="urn:if">
        <interface><name>a</name><mtu nc:operation="remove"/><type xmlns:q="urn:types">q:eth</type></interface>
        <interface xmlns:cl="http://clicon.org/lib" cl:creator="bench[id='s1']"><name>new</name><mtu>1</mtu></interface>
        <interface nc:operation="remove"><name>mine</name></interface>
        <interface><name>it's "b"</name></interface>
      </interfaces></config></device></devices>"#;
    let mut commit = Commit::new().declare("/devices/device/config/if:interfaces/interface[name]");
    commit.run("s1", async |view| view.edit_xml(fragment).await.unwrap());
    insta::assert_snapshot!(commit.finish(&["s1"], &owners()), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r1</name>
      <config>
       <interfaces xmlns="urn:if">
        <interface>
         <name>a</name>
         <mtu xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/>
        </interface>
        <interface xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">
         <name>mine</name>
        </interface>
        <interface>
         <name>new</name>
         <mtu>1</mtu>
        </interface>
       </interfaces>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created>
       <path xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">/devices/device[name="r1"]/config/interfaces/interface[name="mine"]</path>
       <path>/devices/device[name="r1"]/config/interfaces/interface[name="new"]</path>
      </created>
     </bench>
    </services>
    "#);
}

#[test]
fn hostile_fragments_are_refused() {
    let mut commit = Commit::new().declare("/devices/device/config/if:interfaces/interface[name]");
    let device = |inner: &str| {
        format!(
            "<devices xmlns='{CONTROLLER}' xmlns:nc='urn:ietf:params:xml:ns:netconf:base:1.0' \
             xmlns:cl='http://clicon.org/lib'><device><name>r1</name><config>\
             <mtu xmlns='urn:if'>1</mtu>{inner}</config></device></devices>"
        )
    };
    let fragments = [
        format!("<!DOCTYPE a [<!ENTITY e 'x'>]>{}", device("")),
        device("&e;"),
        device("<x xmlns='urn:if' nc:operation='replace'/>"),
        device("<x xmlns='urn:if' nc:operation='delete'/>"),
        device("<x xmlns='urn:if' nc:operation='\u{85}odd'/>"),
        device("<x xmlns='urn:if' cl:creator=\"other[id='o1']\">1</x>"),
        device("<x xmlns='urn:if' other='1'>1</x>"),
        device("<x xmlns='urn:if'><y>1</y></x>"),
        device("<interfaces xmlns='urn:if'><interface><mtu>1</mtu></interface></interfaces>"),
        device(&("<x xmlns='urn:if'>".repeat(200) + &"</x>".repeat(200))),
        format!(
            "{}<nacm xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-acm'><enable-nacm>false</enable-nacm></nacm>",
            device("")
        ),
        device("").replace("<name>r1</name>", ""),
        device("").replace("<name>", "<name nc:operation='remove'>"),
        device("").replace("<name>", "<name nc:operation='replace'>"),
        device("").replace("<name>", "<name other='1'>"),
        device("").replace("<name>", "<name cl:creator=\"other[id='o1']\">"),
        device("").replace("<name>r1</name>", "<name nc:operation='merge'>r1</name><name>r2</name>"),
        device(
            "<interfaces xmlns='urn:if'><interface nc:operation='remove'><name other='1'>a</name></interface></interfaces>",
        ),
        device(
            "<interfaces xmlns='urn:if' nc:operation='remove'><mtu nc:operation='create'>1</mtu></interfaces>",
        ),
        device("").replace("<device>", "<device nc:operation='remove'>"),
        device("").replace("<config>", "<config nc:operation='remove'>"),
        device("").replace("<config>", "<addr>1</addr><config>"),
        format!(
            "<services xmlns='{CONTROLLER}'><bench xmlns='urn:bench'><id>s1</id><created><path>/x</path></created></bench></services>"
        ),
        "text".into(),
    ];
    let refusals = commit.run("s1", async |view| {
        let mut refusals = Vec::new();
        for fragment in &fragments {
            refusals.push(refusal(view.edit_xml(fragment).await));
        }
        view.edit_xml("").await.unwrap();
        refusals.join("\n")
    });
    insta::assert_snapshot!(refusals, @r#"
    malformed-message: the XML cannot be read at line 1, column 1 (`<!DOCTYPE a [<!ENTITY e 'x'>]><devices x`): a DOCTYPE is not allowed ()
    malformed-message: the XML cannot be read at line 1, column 189 (`&e;</config></device></devices>`): the entity `&e;` is not known: only amp, lt, gt, apos and quot are ()
    operation-not-supported: `nc:operation="replace"` is refused: it fails, or takes what others made, depending on what is there; use `merge` or `remove` (/devices/device[name='r1']/config/x)
    operation-not-supported: `nc:operation="delete"` is refused: it fails, or takes what others made, depending on what is there; use `merge` or `remove` (/devices/device[name='r1']/config/x)
    operation-not-supported: `nc:operation="\u{85}odd"` is refused: it is not one of RFC 6241; use `merge` or `remove` (/devices/device[name='r1']/config/x)
    access-denied: access denied: `cl:creator="other[id=\'o1\']"` is not this instance, `bench[id='s1']`; leave the attribute out: Confine records what an instance creates (/devices/device[name='r1']/config/x)
    operation-not-supported: the attribute `other` is not known: `nc:operation` is (/devices/device[name='r1']/config/x)
    missing-element: whether `/devices/device[name='r1']/config/x` is a list is not known: write a pattern that leads below it, with the keys of every list as in `list[key]`, into the module's description, or use `edit` (/devices/device[name='r1']/config/x)
    missing-element: `/devices/device[name='r1']/config/interfaces/interface` lacks its key `name` (/devices/device[name='r1']/config/interfaces/interface)
    malformed-message: the XML cannot be read at line 1, column 2439 (`<x xmlns='urn:if'><x xmlns='urn:if'><x x`): the elements are nested deeper than 128 ()
    access-denied: access denied: create of `/nacm`: a module writes below `/devices/device/config` only (/nacm)
    missing-element: `/devices/device` lacks its key `name` (/devices/device)
    invalid-value: `/devices/device[name='r1']/name` is a key: remove the whole entry (/devices/device[name='r1']/name)
    operation-not-supported: `nc:operation="replace"` is refused: it fails, or takes what others made, depending on what is there; use `merge` or `remove` (/devices/device[name='r1']/name)
    operation-not-supported: the attribute `other` is not known: `nc:operation` is (/devices/device[name='r1']/name)
    access-denied: access denied: `cl:creator="other[id=\'o1\']"` is not this instance, `bench[id='s1']`; leave the attribute out: Confine records what an instance creates (/devices/device[name='r1']/name)
    invalid-value: `/devices/device[name='r1']/name[.='r2']` is a key with the value `r1` in the path and cannot be set to `r2`: create another entry (/devices/device[name='r1']/name)
    operation-not-supported: the attribute `other` is not known: `nc:operation` is (/devices/device[name='r1']/config/interfaces/interface)
    operation-not-supported: `nc:operation="create"` is refused: it fails, or takes what others made, depending on what is there; use `merge` or `remove` (/devices/device[name='r1']/config/interfaces)
    access-denied: access denied: delete of `/devices/device[name='r1']`: a module writes below `/devices/device/config` only (/devices/device)
    access-denied: access denied: delete of `/devices/device[name='r1']/config`: a module writes below `/devices/device/config` only (/devices/device[name='r1']/config)
    access-denied: access denied: create of `/devices/device[name='r1']/addr`: a module writes below `/devices/device/config` only (/devices/device[name='r1']/addr)
    access-denied: access denied: create of `/services/bench[id='s1']`: a module writes below `/devices/device/config` only (/services/bench)
    malformed-message: the XML cannot be read at line 1, column 5 (``): text outside of any element is not allowed ()
    "#);
    assert_eq!(commit.finish(&[], &owners()), "nothing");
}

#[test]
fn edit_bytes_are_limited() {
    let mut commit = Commit::new();
    commit.meter = Meter::new(WorkAllowance { edits: 3, ..WorkAllowance::UNLIMITED });
    let result = commit.run("s1", async |view| {
        for _ in 0..3 {
            view.set(&format!("{A}/mtu"), "1").await?;
        }
        view.set(&format!("{A}/mtu"), "1").await
    });
    assert!(
        matches!(result, Err(Error::Limit(exceeded)) if exceeded.limit == MeteredLimit::Edits),
        "{result:?}"
    );
    commit.meter = Meter::new(WorkAllowance { edit_bytes: 1000, ..WorkAllowance::UNLIMITED });
    let result = commit.run("s1", async |view| view.set(&format!("{A}/mtu"), &"x".repeat(1000)).await);
    assert!(
        matches!(result, Err(Error::Limit(exceeded)) if exceeded.limit == MeteredLimit::EditBytes),
        "{result:?}"
    );
}

#[test]
fn edit_bytes_count_nodes_of_a_short_path() {
    let deep = format!("/devices/device[name='r1']/config/sys:a{}", "/a".repeat(200));
    for edit in ["set", "create", "remove"] {
        let mut commit = Commit::new();
        let kept = commit.run("s1", async |view| {
            let one = [self::edit(edit, &deep, (edit == "set").then_some("x"))];
            view.edit(&one).await.unwrap();
            let first = view.meter().edit_bytes();
            view.edit(&one).await.unwrap();
            (first, view.meter().edit_bytes() - first)
        });
        // Each step made a node and a place; the second time there was nothing to make.
        assert!(kept.0 >= 200 * 512 && kept.1 < 5000, "{edit}: {kept:?}");
    }
    // A path that only asks makes places.
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        view.exists(&format!("{deep}[k='v']")).await.unwrap();
        assert!(view.meter().edit_bytes() >= 200 * 256, "{}", view.meter().edit_bytes());
    });
}

#[test]
fn fragment_is_charged_before_it_is_parsed() {
    let mut commit = Commit::new();
    commit.meter = Meter::new(WorkAllowance { host_work: 100, ..WorkAllowance::UNLIMITED });
    let told = commit.run("s1", async |view| refusal(view.edit_xml(&"<".repeat(6400)).await));
    assert_eq!(told, "the run ends: host work limit reached: allowed 100, used 801");
}

#[test]
fn path_length_is_limited() {
    let mut commit = Commit::new().declare("/devices/device/config/if:interfaces/interface[name]");
    let long = "x".repeat(70_000);
    let told = commit.run("s1", async |view| {
        let path = format!("/devices/device[name='r1']/config/if:interfaces/interface[name='{long}']");
        let fragment = format!(
            "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>\
             <interface><name>{long}</name></interface></interfaces></config></device></devices>"
        );
        [
            refusal(view.exists(&path).await),
            refusal(view.create(&path).await),
            refusal(view.edit_xml(&fragment).await),
        ]
    });
    for told in told {
        assert!(told.starts_with("too-big: a path has 70"), "{}", &told[..100.min(told.len())]);
    }
}
