//! The nodes that statements define: RFC 7950, sections 7.5 to 7.20, with an example of each.

use crate::common::{is_in_input, problems, schema, set, tree_diagram};
use confine_tree::{DataNodeKind, QName, Schema as _};
use confine_yang::{BaseType, DefinitionStatus, SchemaNodeKind, YangSchema};

/// A module `m` of namespace `urn:m` with this body.
fn module(body: &str) -> String {
    format!("module m {{ yang-version 1.1; namespace urn:m; prefix m; {body} }}")
}

fn read(body: &str) -> YangSchema {
    schema(&[&module(body)])
}

#[test]
fn presence_and_non_presence_containers() {
    // 7.5.8
    let schema = read(
        r#"container system {
            container services { container ssh { presence "allows login"; leaf port { type uint16; } } }
        }"#,
    );
    let kind = |path| schema.kind(schema.find(path).unwrap().id());
    assert_eq!(kind("/m:system/services"), DataNodeKind::Container);
    assert_eq!(kind("/m:system/services/ssh"), DataNodeKind::PresenceContainer);
    assert_eq!(schema.find("/m:system/services/ssh").unwrap().presence(), Some("allows login"));
    assert_eq!(schema.find("/m:system/services").unwrap().presence(), None);
}

#[test]
fn children_are_found_by_their_local_name() {
    let other = "module o { namespace urn:o; prefix o; import m { prefix m; }
        augment /m:top { leaf a { type string; } leaf z { type string; } } }";
    let body = "container top { leaf b { type string; } choice c { case one { leaf a { type string; } } } }";
    let schema = schema(&[&module(body), other]);
    let top = schema.find("/m:top").unwrap().id();
    for local in ["a", "b", "c", "z", "top", "nothing"] {
        let all = schema.children(top).into_iter().filter(|name| name.local == local);
        let mut named = schema.children_named(top, local);
        named.sort_unstable();
        assert_eq!(named, all.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    }
    assert_eq!(schema.children_named(top, "a"), [QName::new("urn:m", "a"), QName::new("urn:o", "a")]);
}

#[test]
fn leaf_defaults_units_and_mandatory() {
    // 7.6.6
    let schema = read(
        r#"typedef percent { type uint8 { range 0..100; } units percent; default 50; }
        leaf port { type uint16; default 22; description "where to listen"; }
        leaf level { type percent; }
        leaf share { type percent; units parts; default 10; }
        leaf name { type string; mandatory true; }
        leaf needed { type percent; mandatory true; }
        leaf there { type empty; }"#,
    );
    let node = |name: &str| schema.find(&format!("/m:{name}")).unwrap();
    assert_eq!(node("port").defaults(), ["22"]);
    assert_eq!(node("port").description(), Some("where to listen"));
    assert_eq!((node("level").defaults(), node("level").units()), (vec!["50"], Some("percent")));
    assert_eq!((node("share").defaults(), node("share").units()), (vec!["10"], Some("parts")));
    assert!(node("name").is_mandatory() && !node("port").is_mandatory());
    assert!(node("needed").defaults().is_empty(), "a mandatory leaf takes no default from its type");
    assert_eq!(schema.kind(node("there").id()), DataNodeKind::EmptyLeaf);
    assert_eq!(schema.kind(node("port").id()), DataNodeKind::Leaf);
}

#[test]
fn leaf_list_order_and_defaults() {
    // 7.7.10
    let schema = read(
        "leaf-list user { type string; ordered-by user; max-elements 10; }
        leaf-list server { type string; default a; default b; min-elements 1; }
        container state { config false; leaf-list event { type string; ordered-by user; } }",
    );
    let node = |path: &str| schema.find(path).unwrap();
    assert!(schema.ordered_by_user(node("/m:user").id()));
    assert!(!schema.ordered_by_user(node("/m:server").id()));
    assert!(!schema.ordered_by_user(node("/m:state/event").id()), "the order of state is the server's");
    assert_eq!(node("/m:server").defaults(), ["a", "b"]);
    assert_eq!((node("/m:user").min_elements(), node("/m:user").max_elements()), (0, Some(10)));
    assert_eq!((node("/m:server").min_elements(), node("/m:server").max_elements()), (1, None));
    assert_eq!(schema.kind(node("/m:user").id()), DataNodeKind::LeafList);
}

#[test]
fn list_keys_come_first() {
    // 7.8.5, 7.8.6
    let schema = read(
        r#"list user {
            key "type name";
            unique "uid";
            ordered-by user;
            leaf uid { type uint32; }
            leaf name { type string; }
            container more { leaf class { type string; } }
            leaf type { type string; }
        }
        list event { config false; leaf what { type string; } }"#,
    );
    let root = schema.root().unwrap();
    let user = schema.child(root, QName::new("urn:m", "user")).unwrap();
    assert_eq!(*schema.keys(user), ["type".into(), "name".into()]);
    let names: Vec<&str> = schema.children(user).iter().map(|name| name.local).collect();
    assert_eq!(names, ["type", "name", "uid", "more"]);
    for (position, name) in names.iter().enumerate() {
        let child = schema.child(user, QName::new("urn:m", name)).unwrap();
        assert_eq!(schema.position(child) as usize, position);
        assert_eq!(schema.node(child).unwrap().is_key(), position < 2);
        assert_eq!(schema.node(child).unwrap().is_mandatory(), position < 2);
    }
    assert!(schema.ordered_by_user(user));
    assert_eq!(schema.child(user, QName::new("urn:other", "uid")), None);
    assert!(schema.keys(schema.find("/m:event").unwrap().id()).is_empty());
}

#[test]
fn choice_and_case_are_transparent() {
    // 7.9.6
    let schema = read(
        "container protocol {
            leaf first { type string; }
            choice how {
                mandatory true;
                case interval { leaf interval { type uint16; default 30; } leaf unit { type string; } }
                container daily { leaf time { type string; } }
                choice other { leaf manual { type empty; } }
            }
            leaf last { type string; }
        }",
    );
    let protocol = schema.find("/m:protocol").unwrap();
    let names: Vec<&str> = protocol.children().map(|node| node.name()).collect();
    assert_eq!(names, ["first", "interval", "unit", "daily", "manual", "last"]);
    let manual = schema.find("/m:protocol/manual").unwrap();
    assert_eq!(schema.position(manual.id()), 4);
    assert_eq!(manual.parent().unwrap().name(), "protocol");
    assert_eq!(manual.schema_parent().unwrap().kind(), SchemaNodeKind::Case);
    assert_eq!(manual.path(), "/m:protocol/manual");
    assert_eq!(schema.find("/m:protocol/how").map(|node| node.path()), None);
    insta::assert_snapshot!(tree_diagram(&schema, "m"), @"
    module: m
      +--rw protocol
         +--rw first?   string
         +--rw (how)
         |  +--:(interval)
         |  |  +--rw interval?   uint16
         |  |  +--rw unit?       string
         |  +--:(daily)
         |  |  +--rw daily
         |  |     +--rw time?   string
         |  +--:(other)
         |     +--rw (other)?
         |        +--:(manual)
         |           +--rw manual?   empty
         +--rw last?    string
    ");
}

#[test]
fn anydata_and_anyxml_exclude_nothing() {
    // 7.10.4, 7.11.4
    let schema = read("list log { config false; anydata data; } anyxml filter;");
    for path in ["/m:log/data", "/m:filter"] {
        let node = schema.find(path).unwrap();
        assert_eq!(schema.kind(node.id()), DataNodeKind::AnyData);
        assert!(!schema.is_complete(node.id()));
    }
}

#[test]
fn groupings_are_used_refined_and_augmented() {
    // 7.12.2, 7.13.3, 7.13.4
    let body = r#"
        grouping endpoint {
            typedef port { type uint16 { range 1..max; } }
            leaf ip { type string; description "where"; }
            leaf port { type port; }
            container more { presence "there is more"; leaf-list tag { type string; } }
        }
        container http {
            leaf name { type string; }
            uses endpoint {
                refine port { default 80; description "of the server"; }
                refine ip { mandatory true; }
                refine "more/tag" { max-elements 3; default a; default b; }
                augment more { leaf extra { type string; } }
            }
        }
        container plain { uses endpoint; config false; }"#;
    let schema = read(body);
    insta::assert_snapshot!(tree_diagram(&schema, "m"), @"
    module: m
      +--rw http
      |  +--rw name?   string
      |  +--rw ip      string
      |  +--rw port?   port
      |  +--rw more!
      |     +--rw tag*     string
      |     +--rw extra?   string
      +--ro plain
         +--ro ip?     string
         +--ro port?   port
         +--ro more!
            +--ro tag*   string
    ");
    let node = |path: &str| schema.find(path).unwrap();
    assert_eq!(node("/m:http/port").defaults(), ["80"]);
    assert_eq!(node("/m:http/port").description(), Some("of the server"));
    assert_eq!(node("/m:http/more/tag").max_elements(), Some(3));
    assert_eq!(node("/m:http/more/tag").defaults(), ["a", "b"]);
    assert!(node("/m:plain/port").defaults().is_empty());
    assert_eq!(node("/m:plain/ip").description(), Some("where"));
    assert!(!node("/m:plain/port").is_config());
    // The typedef is that of the grouping, which the using module does not see.
    assert_eq!(node("/m:http/port").leaf_type().unwrap().name(), "port");
}

#[test]
fn grouping_nodes_belong_to_the_using_module() {
    let library = "module library { namespace urn:l; prefix l;
        identity kind; identity fast { base kind; }
        typedef short { type string { length 1..4; } }
        grouping thing { leaf name { type short; } leaf kind { type identityref { base kind; } } leaf of { type leafref { path \"../name\"; } } } }";
    let user = module("import library { prefix lib; } container a { uses lib:thing; }");
    let schema = schema(&[library, &user]);
    let name = schema.find("/m:a/name").unwrap();
    assert_eq!(name.module().unwrap().namespace(), "urn:m");
    assert!(schema.find("/m:a/library:name").is_none());
    assert!(name.canonical("too long", &|_| None).is_err());
    let kind = schema.find("/m:a/kind").unwrap();
    let namespace = |prefix: &str| (prefix == "x").then(|| "urn:l".to_owned());
    assert!(kind.canonical("x:fast", &namespace).is_ok());
    let (target, _) = schema.find("/m:a/of").unwrap().value_type().unwrap();
    assert_eq!(target.path(), "/m:a/name");
}

#[test]
fn operations_and_notifications_are_not_data_nodes() {
    // 7.14.4, 7.15.3, 7.16.3
    let schema = read(
        r#"rpc activate { input { leaf image { type string; } } output { leaf status { type string; } } }
        rpc ping;
        list server {
            key name;
            leaf name { type string; }
            action reset { input { leaf at { type string; mandatory true; } } }
            notification overheated { leaf degrees { type int8; } }
        }
        notification failure { leaf-list interface { type string; } }"#,
    );
    let root = schema.root().unwrap();
    assert_eq!(schema.children(root), [QName::new("urn:m", "server")]);
    assert_eq!(schema.child(root, QName::new("urn:m", "activate")), None);
    let image = schema.find("/m:activate/input/image").unwrap();
    assert!(is_in_input(image) && !image.is_config());
    let status = schema.find("/m:activate/output/status").unwrap();
    assert!(!is_in_input(status) && !status.is_config());
    assert_eq!(schema.find("/m:server/reset").unwrap().kind(), SchemaNodeKind::Action);
    assert_eq!(schema.find("/m:ping/input").unwrap().children().count(), 0);
    insta::assert_snapshot!(tree_diagram(&schema, "m"), @"
    module: m
      +--rw server* [name]
         +--rw name          string
         +---x reset
         |  +---w input
         |     +---w at    string
         +---n overheated
            +--ro degrees?   int8

      rpcs:
        +---x activate
        |  +---w input
        |  |  +---w image?   string
        |  +--ro output
        |     +--ro status?   string
        +---x ping

      notifications:
        +---n failure
           +--ro interface*   string
    ");
}

#[test]
fn augment_nodes_belong_to_the_augmenting_module() {
    // 7.17.3
    let base = "module interfaces { namespace urn:if; prefix if;
        container interfaces { list ifEntry { key ifIndex; leaf ifIndex { type uint32; } leaf ifType { type string; }
            choice more { leaf none { type empty; } } } }
        rpc stats { input { leaf all { type empty; } } } }";
    let ds0 = module(
        r#"import interfaces { prefix if; }
        augment "/if:interfaces/if:ifEntry" {
            when "if:ifType='ds0'";
            leaf channel { type uint8; }
            container deep;
        }
        augment "/if:interfaces/if:ifEntry/m:deep/m:deeper" { leaf deepest { type empty; } }
        augment "/if:interfaces/if:ifEntry/deep" { container deeper; }
        augment "/if:interfaces/if:ifEntry/if:more" { leaf much { type string; } }
        augment "/if:stats/if:input" { leaf only { type string; } }"#,
    );
    // In any order of the modules.
    for modules in [[base, &ds0], [&ds0, base]] {
        let schema = schema(&modules);
        let entry = schema.find("/interfaces:interfaces/ifEntry").unwrap();
        let names: Vec<String> = entry
            .children()
            .map(|node| format!("{}:{}", node.module().unwrap().prefix(), node.name()))
            .collect();
        assert_eq!(names, ["if:ifIndex", "if:ifType", "if:none", "m:much", "m:channel", "m:deep"]);
        assert!(schema.find("/interfaces:interfaces/ifEntry/m:deep/deeper/deepest").is_some());
        assert!(schema.find("/interfaces:stats/input/m:only").is_some());
        assert!(schema.find("/interfaces:interfaces/ifEntry/channel").is_none());
    }
    let schema = schema(&[base, &ds0]);
    insta::assert_snapshot!(tree_diagram(&schema, "m"), @"
    module: m

      augment /if:interfaces/if:ifEntry:
        +--rw channel?   uint8
        +--rw deep
           +--rw deeper
              +--rw deepest?   empty
      augment /if:interfaces/if:ifEntry/if:more:
        +--:(much)
           +--rw much?   string
      augment /if:stats/if:input:
        +---w only?   string
    ");
    insta::assert_snapshot!(tree_diagram(&schema, "interfaces"), @"
    module: interfaces
      +--rw interfaces
         +--rw ifEntry* [ifIndex]
            +--rw ifIndex      uint32
            +--rw ifType?      string
            +--rw (more)?
            |  +--:(none)
            |  |  +--rw none?   empty
            |  +--:(m:much)
            |     +--rw m:much?   string
            +--rw m:channel?   uint8
            +--rw m:deep
               +--rw m:deeper
                  +--rw m:deepest?   empty

      rpcs:
        +---x stats
           +---w input
              +---w all?      empty
              +---w m:only?   string
    ");
}

#[test]
fn identities_list_all_that_derive_from_the_base() {
    // 7.18.3
    let base = "module base { yang-version 1.1; namespace urn:b; prefix b; identity alg { description any; }
        identity symmetric { base alg; } identity block { base alg; } }";
    let user = module(
        "import base { prefix c; }
        identity des { base c:symmetric; base c:block; }
        identity rsa { base c:alg; }
        leaf any { type identityref { base c:alg; } }
        leaf both { type identityref { base c:symmetric; base c:block; } }",
    );
    let schema = schema(&[base, &user]);
    let identities = |path| {
        let of = schema.find(path).unwrap().leaf_type().unwrap();
        let identities = schema.identities(of.base());
        identities.iter().map(|(module, name)| format!("{}:{name}", module.name())).collect::<Vec<_>>()
    };
    assert_eq!(identities("/m:any"), ["base:symmetric", "base:block", "m:des", "m:rsa"]);
    assert_eq!(identities("/m:both"), ["m:des"]);
}

#[test]
fn extensions_are_found_by_module_and_name() {
    // 7.19.3
    let extension =
        "module acm { namespace urn:acm; prefix acm; extension deny; extension note { argument text; } }";
    let user = module(
        "import acm { prefix a; } leaf secret { a:deny; a:note \"keep\"; type string; } leaf plain { type string; }",
    );
    let schema = schema(&[extension, &user]);
    let secret = schema.find("/m:secret").unwrap();
    assert_eq!(secret.extension("acm", "deny"), Some(""));
    assert_eq!(secret.extension("acm", "note"), Some("keep"));
    assert_eq!(secret.extension("acm", "other"), None);
    assert_eq!(secret.extension("m", "deny"), None);
    assert_eq!(schema.find("/m:plain").unwrap().extension("acm", "deny"), None);
}

#[test]
fn features_select_nodes() {
    // 7.20.1, 7.20.2
    let text = module(
        r#"feature off { if-feature off; } feature a; feature b; feature c { if-feature "a and not b"; }
        leaf always { type string; }
        leaf with-a { if-feature a; type string; }
        leaf with-b { if-feature "b"; type string; }
        leaf with-c { if-feature c; type string; }
        leaf either { if-feature "(not a) or (b and (a or c))"; type string; }
        leaf both { if-feature a; if-feature b; type string; }
        leaf level { type enumeration { enum low; enum high { if-feature b; } } }
        container box { if-feature b; }
        augment /box { leaf inside { type string; } }
        grouping more { leaf extra { type string; } leaf optional { type string; } }
        uses more { if-feature a; refine optional { if-feature b; } }"#,
    );
    let names = |features: &[&str]| {
        // A feature is off if it depends on one that depends on itself.
        let mut text = text.clone();
        for name in ["a", "b", "c"].iter().filter(|name| !features.contains(name)) {
            text =
                text.replace(&format!(" feature {name};"), &format!(" feature {name} {{ if-feature off; }}"));
            text = text.replace(
                &format!(" feature {name} {{ if-feature \""),
                &format!(" feature {name} {{ if-feature off; if-feature \""),
            );
        }
        let schema = set(&[&text]).compile();
        assert_eq!(problems(&schema), "");
        let mut names: Vec<String> =
            schema.root_node().children().map(|node| node.name().to_owned()).collect();
        if let BaseType::Enumeration(values) = schema.find("/m:level").unwrap().leaf_type().unwrap().base() {
            names.push(values.all().len().to_string());
        }
        names.join(" ")
    };
    assert_eq!(names(&[]), "always either level 1");
    assert_eq!(names(&["a"]), "always with-a level extra 1");
    assert_eq!(names(&["a", "c"]), "always with-a with-c level extra 1");
    assert_eq!(names(&["a", "b", "c"]), "always with-a with-b either both level box extra optional 2");
}

#[test]
fn deviations_remove_add_replace_and_delete() {
    // 7.20.3.3
    let base = "module base { namespace urn:b; prefix b;
        container system {
            leaf daytime { type string; }
            leaf limit { type uint8; units s; }
            leaf name { type string; default a; must \"1\"; must \"2\"; }
            list user { key name; leaf name { type string; } }
        } }";
    let deviations = module(
        r#"import base { prefix b; }
        deviation /b:system/b:daytime { deviate not-supported; }
        deviation /b:system/b:limit { deviate replace { type int8; } deviate add { default 5; config false; } }
        deviation /b:system/b:name { deviate delete { default a; must "1"; } }
        deviation /b:system/b:user { deviate add { max-elements 3; } }"#,
    );
    let schema = schema(&[base, &deviations]);
    insta::assert_snapshot!(tree_diagram(&schema, "base"), @"
    module: base
      +--rw system
         +--ro limit?   int8
         +--rw name?    string
         +--rw user* [name]
            +--rw name    string
    ");
    let node = |name: &str| schema.find(&format!("/base:system/{name}")).unwrap();
    assert!(schema.find("/base:system/daytime").is_none());
    assert_eq!(node("limit").defaults(), ["5"]);
    assert_eq!(node("limit").canonical("-1", &|_| None).as_deref(), Ok("-1"));
    assert!(node("name").defaults().is_empty());
    assert_eq!(node("name").musts().collect::<Vec<_>>(), ["2"]);
    assert_eq!(node("user").max_elements(), Some(3));
}

#[test]
fn config_and_status_are_inherited() {
    // 7.21.1, 7.21.2
    let schema = read(
        "container a { config false; leaf b { type string; } container c { leaf d { status obsolete; type string; } } }
        container e { status deprecated; leaf f { type string; } }",
    );
    let node = |path: &str| schema.find(path).unwrap();
    assert!(!node("/m:a/b").is_config() && !node("/m:a/c/d").is_config() && node("/m:e/f").is_config());
    assert_eq!(node("/m:a/c/d").status(), DefinitionStatus::Obsolete);
    assert_eq!(node("/m:e/f").status(), DefinitionStatus::Deprecated);
    assert_eq!(node("/m:a/b").status(), DefinitionStatus::Current);
}

#[test]
fn leafref_leads_to_its_target() {
    // 9.9.6
    let schema = read(
        r#"list interface {
            key "name type"; leaf name { type string; } leaf type { type uint8; }
            list address { key ip; leaf ip { type string { length 1..15; } } }
        }
        container mgmt {
            leaf ifname { type leafref { path "../../interface/name"; } }
            leaf address { type leafref { path "/m:interface[name = current()/../ifname]/address/m:ip"; } }
            leaf again { type leafref { path "../address"; } }
            leaf loop { type leafref { path "../loop"; } }
        }"#,
    );
    let target = |path: &str| schema.find(path).unwrap().value_type().map(|(node, _)| node.path());
    assert_eq!(target("/m:mgmt/ifname").as_deref(), Some("/m:interface/name"));
    assert_eq!(target("/m:mgmt/address").as_deref(), Some("/m:interface/address/ip"));
    let (node, of) = schema.find("/m:mgmt/again").unwrap().value_type().unwrap();
    assert_eq!((node.path().as_str(), of.name()), ("/m:interface/address/ip", "string"));
    assert!(schema.find("/m:mgmt/again").unwrap().canonical("more than fifteen", &|_| None).is_err());
    assert!(schema.find("/m:mgmt/loop").unwrap().value_type().is_none());
}

#[test]
fn default_deny_extensions_are_inherited() {
    // RFC 8341, section 9. Children inherit the denial.
    let nacm =
        "module ietf-netconf-acm { namespace urn:ietf:params:xml:ns:yang:ietf-netconf-acm; prefix nacm;
        extension default-deny-write; extension default-deny-all; }";
    let body = r#"
        import ietf-netconf-acm { prefix a; }
        extension default-deny-all;
        grouping key { leaf key { a:default-deny-all; type string; } }
        container system { a:default-deny-write; leaf name { type string; } uses key; }
        container secret { a:default-deny-all; leaf text { a:default-deny-write; type string; } }
        container own { m:default-deny-all; leaf text { type string; } }
        choice c { case a { a:default-deny-write; leaf in-case { type string; } } }
        leaf open { type string; }"#;
    let default_denies = |schema: &YangSchema| {
        let paths = ["system", "system/name", "system/key", "secret/text", "own/text", "in-case", "open"];
        let denied = paths.map(|path| {
            let node = schema.find(&format!("/m:{path}")).unwrap();
            format!("{path}: {:?}", schema.default_deny(node.id()))
        });
        denied.join("\n")
    };
    let denies = schema(&[nacm, &module(body)]);
    assert!(denies.has_default_denies());
    insta::assert_snapshot!(default_denies(&denies), @"
    system: Some(Write)
    system/name: Some(Write)
    system/key: Some(All)
    secret/text: Some(All)
    own/text: None
    in-case: Some(Write)
    open: None
    ");
    assert_eq!(denies.module("urn:m"), Some("m"));
    assert_eq!(denies.module("urn:none"), None);
    // Without the module that defines the extensions, they are known by name.
    assert_eq!(default_denies(&set(&[&module(body)]).compile()), default_denies(&denies));
    assert!(!read("leaf a { type string; }").has_default_denies());
}

#[test]
fn tree_diagram_marks_an_optional_leaf() {
    assert!(tree_diagram(&read("leaf a { type string; }"), "m").contains("+--rw a?   string"));
}
