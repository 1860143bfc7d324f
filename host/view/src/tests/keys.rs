//! Keys and leaf-list entries that are written differently and are the same.

use super::*;

static MODELS: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| {
    let modules = [
        r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
          container services { list bench { key id; leaf id { type string; } } }
          container devices { list device { key name; leaf name { type string; } container config { } } } }"#,
        "module ietf-inet-types { namespace urn:inet; prefix inet;
          typedef ipv6-address { type string { pattern '[0-9a-fA-F:.]*'; } } }",
        "module policy { namespace urn:policy; prefix pol; identity PROTOCOL; identity BGP { base PROTOCOL; }
          identity OSPF { base PROTOCOL; } }",
        "module sys { namespace urn:sys; prefix s; import ctrl { prefix c; } import policy { prefix p; }
          import ietf-inet-types { prefix inet; }
          augment /c:devices/c:device/c:config { container system {
            list protocol { key 'identifier name'; leaf identifier { type leafref { path '../config/identifier'; } }
              leaf name { type string; } leaf as { type uint32; }
              container config { leaf identifier { type identityref { base p:PROTOCOL; } } }
              list neighbor { key address; leaf address { type inet:ipv6-address; } leaf as { type uint32; } } }
            list unit { key number; leaf number { type uint16; } leaf mtu { type uint16; } }
            leaf-list server { type inet:ipv6-address; } } } }",
    ];
    compiled(modules)
});

/// A device that has its own prefix for the identities, and its own form of addresses.
const STANDING: &str = r#"
<services xmlns="http://clicon.org/controller"><bench xmlns="urn:bench"><id>s1</id></bench></services>
<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config><system xmlns="urn:sys">
  <protocol><identifier xmlns:idx="urn:policy">idx:BGP</identifier><name>main</name><as>1</as>
    <neighbor><address>2001:DB8:0:0::1</address><as>2</as></neighbor></protocol>
  <unit><number>010</number><mtu>1500</mtu></unit>
  <server>2001:DB8::53</server>
</system></config></device></devices>"#;

const SYSTEM: &str = "/devices/device[name='r1']/config/sys:system";

/// What each line does: `set PATH VALUE`, `create PATH` or `remove PATH`, below the system.
async fn play(view: &mut View, lines: &[&str]) {
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let path = format!("{SYSTEM}/{}", words[1]);
        match words[..] {
            ["set", _, value] => view.set(&path, value).await,
            ["create", _] => view.create(&path).await,
            ["remove", _] => view.remove(&path).await,
            _ => panic!("{line}"),
        }
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

/// Prefixes of a module that has another one for the identities than their own module.
fn module_prefixes() -> PrefixMap {
    PrefixMap::new([("sys", "urn:sys"), ("kinds", "urn:policy")]).unwrap()
}

fn view_of(commit: &mut Commit, prefixes: PrefixMap) -> View {
    let (scope, meter) = (Arc::new(open_scope()), Meter::new(WorkAllowance::UNLIMITED));
    View::new(commit.draft.take().unwrap(), scope, instance("s1"), Arc::new(prefixes), meter)
}

/// Returns what one run on this datastore sends, after what the instance owns was stripped.
fn sent(datastore: &str, owned: &[&str], lines: &[&str]) -> String {
    let mut commit = Commit::with(MODELS.clone(), datastore, open_scope());
    let mut owners = OwnerIndex::new();
    owners.replace(&instance("s1"), owned.iter().map(|path| crate::CreatedObject::parse(path)));
    for path in owned {
        let at = crate::path_trie::entry_pattern(path).unwrap();
        let with_namespace = |mut step: PatternStep| {
            if step.namespace.is_empty() {
                step.namespace = "urn:sys".into();
            }
            step
        };
        let place = Pattern { steps: at.steps.into_iter().map(with_namespace).collect() };
        block(commit.draft().read(std::slice::from_ref(&place))).unwrap();
        commit.draft().strip(&place).unwrap();
    }
    let mut view = view_of(&mut commit, module_prefixes());
    block(play(&mut view, lines));
    commit.draft = Some(view.into_parts().0);
    let sent = commit.finish(&["s1"], &owners);
    sent.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

const BGP: &str = "protocol[identifier='kinds:BGP'][name='main']";

#[test]
fn new_entry_has_the_own_prefix_of_an_identity() {
    let ospf = "protocol[name='x'][identifier='kinds:OSPF']";
    let lines = [&*format!("set {ospf}/as 7"), "set server[.='2001:DB8::0001'] 2001:db8:0::1"];
    insta::assert_snapshot!(sent(STANDING, &[], &lines), @r#"
    <devices xmlns="http://clicon.org/controller">
    <device>
    <name>r1</name>
    <config>
    <system xmlns="urn:sys">
    <protocol>
    <identifier xmlns:pol="urn:policy">pol:OSPF</identifier>
    <name>x</name>
    <as>7</as>
    </protocol>
    <server>2001:db8::1</server>
    </system>
    </config>
    </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
    <bench xmlns="urn:bench">
    <id>s1</id>
    <created>
    <path>/devices/device[name="r1"]/config/system/protocol[identifier="pol:OSPF"][name="x"]</path>
    <path>/devices/device[name="r1"]/config/system/server[.="2001:db8::1"]</path>
    </created>
    </bench>
    </services>
    "#);
}

#[test]
fn standing_entry_is_the_same_in_any_form() {
    for lines in [
        &[&*format!("set {BGP}/as 1")][..],
        &[&format!("set {BGP}/neighbor[address='2001:db8::0001']/as 2")],
        &[&format!("create {BGP}/neighbor[address='2001:db8:0::1']"), &format!("create {BGP}")],
        &["set protocol[name='main'][identifier='pol:BGP']/as 1"],
        &["set unit[number='10']/mtu 1500", "set unit[number='0010']/mtu 1500"],
        &["set server[.='2001:db8::53'] 2001:db8::53"],
    ] {
        assert_eq!(sent(STANDING, &[], lines), "nothing", "{lines:?}");
    }
}

#[test]
fn standing_entry_is_edited_by_its_own_text() {
    let lines = [
        &*format!("set {BGP}/neighbor[address='2001:db8::1']/as 9"),
        "remove server[.='2001:db8::53']",
        "set unit[number='10']/mtu 9000",
    ];
    insta::assert_snapshot!(sent(STANDING, &[], &lines), @r#"
    <devices xmlns="http://clicon.org/controller">
    <device>
    <name>r1</name>
    <config>
    <system xmlns="urn:sys">
    <protocol>
    <identifier xmlns:idx="urn:policy">idx:BGP</identifier>
    <name>main</name>
    <neighbor>
    <address>2001:DB8:0:0::1</address>
    <as>9</as>
    </neighbor>
    </protocol>
    <unit>
    <number>010</number>
    <mtu>9000</mtu>
    </unit>
    <server xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">2001:DB8::53</server>
    </system>
    </config>
    </device>
    </devices>
    "#);
    let removed = format!("remove {BGP}");
    insta::assert_snapshot!(sent(STANDING, &[], &[&removed]), @r#"
    <devices xmlns="http://clicon.org/controller">
    <device>
    <name>r1</name>
    <config>
    <system xmlns="urn:sys">
    <protocol xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">
    <identifier xmlns:idx="urn:policy">idx:BGP</identifier>
    <name>main</name>
    </protocol>
    </system>
    </config>
    </device>
    </devices>
    "#);
}

const OWNED: &str = r#"/devices/device[name="r1"]/config/system/protocol[identifier="idx:BGP"][name="main"]"#;

#[test]
fn owned_entry_in_another_form_is_made_again_or_removed() {
    let again = [&*format!("set {BGP}/as 1"), &format!("set {BGP}/neighbor[address='2001:db8::1']/as 2")];
    for text in ["idx:BGP", "pol:BGP"] {
        let owned = OWNED.replace("idx:BGP", text);
        let kept = sent(STANDING, &[&owned], &again);
        assert!(!kept.contains("remove"), "{kept}");
        assert!(kept.contains(&OWNED.replace("&", "&amp;")), "{kept}");
        let gone = sent(STANDING, &[&owned], &[]);
        let removal = "nc:operation=\"remove\">\n<identifier xmlns:idx=\"urn:policy\">idx:BGP</identifier>";
        assert!(gone.contains(removal), "{gone}");
        assert!(!gone.contains("created"), "{gone}");
    }
}

#[test]
fn path_that_was_found_can_be_used() {
    for (prefixes, prefix) in
        [(module_prefixes(), "kinds"), (PrefixMap::new([("sys", "urn:sys")]).unwrap(), "pol")]
    {
        let mut commit = Commit::with(MODELS.clone(), STANDING, open_scope());
        let mut view = view_of(&mut commit, prefixes);
        let found = block(view.find(&format!("{SYSTEM}/protocol"))).unwrap();
        let expected = format!("protocol[identifier='{prefix}:BGP'][name='main']");
        assert_eq!(found, [format!("{SYSTEM}/{expected}")]);
        assert_eq!(block(view.get(&format!("{}/as", found[0]))).unwrap().as_deref(), Some("1"));
        let identifier = block(view.get(&format!("{}/identifier", found[0]))).unwrap();
        assert_eq!(identifier, Some(format!("{prefix}:BGP")));
        let below = block(view.find(&format!("{}/neighbor", found[0]))).unwrap();
        assert_eq!(below, [format!("{SYSTEM}/{expected}/neighbor[address='2001:db8::1']")]);
        assert!(block(view.exists(&below[0])).unwrap());
        block(view.remove(&below[0])).unwrap();
        assert!(!block(view.exists(&below[0])).unwrap());
    }
}

#[test]
fn one_request_is_enough_where_the_forms_are_the_same() {
    let datastore = STANDING.replace("idx", "pol").replace("2001:DB8:0:0::1", "2001:db8::1");
    let mut commit = Commit::with(MODELS.clone(), &datastore, open_scope());
    let mut view = view_of(&mut commit, module_prefixes());
    let path = format!("{SYSTEM}/{BGP}/neighbor[address='2001:db8::1']/as");
    assert_eq!(block(view.get(&path)).unwrap().as_deref(), Some("2"));
    commit.draft = Some(view.into_parts().0);
    assert_eq!(commit.requests().len(), 1);
}

/// What asks a list for an entry of a leaf-list, as an old path may, hides nothing from others.
#[test]
fn list_that_was_taken_for_a_leaf_list_has_its_entries() {
    let mut commit = Commit::with(MODELS.clone(), STANDING, open_scope());
    let list = commit.resolved(&format!("{SYSTEM}/unit"));
    commit.run("s1", async |view| view.read(&format!("{SYSTEM}/unit")).await.unwrap());
    let mut entry = list.clone();
    entry.steps.last_mut().unwrap().entry = Some(Some("10".into()));
    assert_eq!(commit.draft().overlay.find(&entry), []);
    let mut unit = list;
    unit.steps.last_mut().unwrap().keys.push(("number".into(), Some("10".into())));
    assert_eq!(commit.draft().overlay.find(&unit).len(), 1);
    assert_eq!(commit.draft().overlay.find(&entry), []);
    commit.run("s1", async |view| play(view, &["set unit[number='10']/mtu 1500"]).await);
    assert_eq!(commit.finish(&["s1"], &OwnerIndex::new()), "nothing");
}
