//! `get`, `exists`, `find`, `read` and `read_xml`.

use super::*;

#[test]
fn get_returns_leaf_values() {
    let mut commit = Commit::new();
    let values = commit.run("s1", async |view| {
        let mut values = Vec::new();
        for path in [
            "mtu",
            "note",
            "nothing",
            "/services/bench[id='s2']/mtu",
            "/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu",
            "/devices/device[name='r1']/config/if:interfaces/interface[name='it''s \"b\"']/mtu",
            "/devices/device[name='r9']/config/sys:system/hostname",
            // The module's own prefix for the namespace of the value.
            "/devices/device[name='r1']/config/interfaces/interface[name='a']/type",
            "/devices/device[name='r1']/config/system",
            "/devices/device/config/sys:system/hostname",
        ] {
            values.push(refusal(view.get(path).await));
        }
        values.join("\n")
    });
    insta::assert_snapshot!(values, @r#"
    Some("1500")
    Some("")
    None
    Some("9000")
    Some("1500")
    Some("1500")
    None
    Some("ty:eth")
    unknown-namespace: `system` below `/devices/device[name='r1']/config` could be `b:system`, `if:system`, `o:system`, `sys:system` or `ty:system`: write the prefix (/devices/device[name='r1']/config/system)
    invalid-value: `/devices/device/config/system/hostname` matches 2 nodes: give all keys, or use `find` or `read` (/devices/device/config/sys:system/hostname)
    "#);
}

#[test]
fn find_returns_paths_with_keys() {
    let mut commit = Commit::new().declare("/devices/device/config/if:interfaces/interface[name]");
    let found = commit.run("s1", async |view| {
        let mut found = Vec::new();
        for path in [
            "/devices/device",
            "/devices/device/config/if:interfaces/interface",
            "/devices/device[name='r2']/config/if:interfaces/interface",
            "/services/bench",
            ".",
        ] {
            let paths = view.find(path).await.unwrap();
            // What was found can be read.
            for path in &paths {
                assert!(view.exists(path).await.unwrap(), "{path}");
            }
            found.push(paths.join("\n"));
        }
        found.join("\n\n")
    });
    insta::assert_snapshot!(found, @r#"
    /devices/device[name='r1']
    /devices/device[name='r2']

    /devices/device[name='r1']/config/if:interfaces/interface[name='a']
    /devices/device[name='r1']/config/if:interfaces/interface[name='it''s "b"']
    /devices/device[name='r1']/config/if:interfaces/interface[name='mine']



    /services/b:bench[id='s1']
    /services/b:bench[id='s2']

    /services/b:bench[id='s1']
    "#);
}

#[test]
fn read_returns_subtree_as_records_and_xml() {
    let mut commit = Commit::new();
    let (nodes, text) = commit.run("s1", async |view| {
        let path = "/devices/device[name='r1']/config/if:interfaces/interface[name='a']";
        (view.read(path).await.unwrap(), view.read_xml(path).await.unwrap())
    });
    let lines: Vec<String> = nodes
        .iter()
        .map(|node| format!("{} {} {:?} {:?}", node.depth, node.name, node.namespace, node.value))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    0 interface Some("urn:if") None
    1 name None Some("a")
    1 mtu None Some("1500")
    1 type None Some("ty:eth")
    "#);
    insta::assert_snapshot!(text, @r#"<interface xmlns="urn:if"><name>a</name><mtu>1500</mtu><type xmlns:t="urn:types">t:eth</type></interface>"#);
}

#[test]
fn read_names_namespace_where_it_changes() {
    let mut commit = Commit::new();
    let nodes = commit.run("s1", async |view| view.read("/devices/device[name='r2']").await.unwrap());
    let namespaces: Vec<(&str, Option<&str>)> =
        nodes.iter().map(|node| (node.name.as_str(), node.namespace.as_deref())).collect();
    assert_eq!(
        namespaces,
        [
            ("device", Some(CONTROLLER)),
            ("name", None),
            ("config", None),
            ("system", Some("urn:sys")),
            ("hostname", None)
        ]
    );
}

#[test]
fn read_data_is_not_requested_again() {
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        view.find("/devices/device").await.unwrap();
        assert!(view.exists("/devices/device[name='r1']").await.unwrap());
        assert!(!view.exists("/devices/device[name='r9']").await.unwrap());
        assert_eq!(view.get("/devices/device[name='r9']/config/sys:system/hostname").await.unwrap(), None);
        view.get("/devices/device[name='r1']/config/sys:system/hostname").await.unwrap();
        view.get("/devices/device[name='r1']/config/sys:system/hostname").await.unwrap();
        view.read("/devices/device[name='r1']/config").await.unwrap();
        view.get("/devices/device[name='r1']/config/sys:system/hostname").await.unwrap();
        view.find("/devices/device[name='r1']/config/sys:system/search").await.unwrap();
    });
    insta::assert_snapshot!(commit.requests().join("\n"), @r#"
    /devices/device/name
    /devices/device[name='r1']/config/system/hostname
    /devices/device[name='r1']/config
    "#);
}

/// What calls ask for, whether or not it had been read already: otherwise what is read in advance once, because it was
/// asked for before, would be forgotten again.
#[test]
fn calls_are_noted_besides_what_is_read_in_advance() {
    let mut commit = Commit::new();
    let advance = ["/devices/device/name", "/services/b:bench[id='s1']"].map(|path| commit.resolved(path));
    let remembered = commit.resolved("/devices/device[name='r1']/config/sys:system");
    block(commit.draft().read(&[remembered])).unwrap();
    commit.draft().read_in_advance(&advance);
    let noted = |commit: &mut Commit| {
        commit.run("s1", async |view| {
            view.find("/devices/device").await.unwrap();
            view.get("mtu").await.unwrap();
            for _ in 0..2 {
                view.exists("/devices/device[name='r1']/config/sys:system").await.unwrap();
                view.get("/devices/device[name='r2']/config/sys:system/hostname").await.unwrap();
            }
        });
        let noted = commit.draft().take_on_demand();
        noted.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let expected =
        ["/devices/device[name='r1']/config/system", "/devices/device[name='r2']/config/system/hostname"];
    assert_eq!(noted(&mut commit), expected);
    assert_eq!(noted(&mut commit), expected, "by the next instance");
    commit.run("s1", async |view| {
        for number in 0..2_000 {
            view.exists(&format!("/devices/device[name='no{number}']/config")).await.unwrap();
        }
    });
    assert_eq!(commit.draft().take_on_demand(), [], "it is too much");
}

#[test]
fn declared_paths_are_read_in_one_request() {
    let mut commit = Commit::new();
    let declared =
        ["/services/b:bench[id='s1']", "/devices/device/name", "/devices/device/config/sys:system"]
            .map(|path| commit.resolved(path));
    block(commit.draft().read(&declared)).unwrap();
    commit.run("s1", async |view| {
        for device in view.find("/devices/device").await.unwrap() {
            assert!(view.exists(&format!("{device}/config/sys:system")).await.unwrap());
        }
        assert_eq!(view.get("mtu").await.unwrap().as_deref(), Some("1500"));
    });
    assert_eq!(commit.requests().len(), 1);
}

#[test]
fn find_refuses_list_with_unknown_keys() {
    let mut commit = Commit::new();
    let results = commit.run("s1", async |view| {
        let path = "/devices/device[name='r1']/config/if:interfaces/interface";
        let all = view.read(path).await.unwrap().iter().filter(|node| node.depth == 0).count();
        let before = refusal(view.find(path).await);
        let after = view.find(&format!("{path}[name]")).await.unwrap().len();
        (all, before, after, view.find(path).await.unwrap().len())
    });
    assert_eq!((results.0, results.2, results.3), (3, 3, 3));
    insta::assert_snapshot!(results.1, @"missing-element: `/devices/device[name='r1']/config/interfaces/interface` is a list whose keys are not known: name them, as in `/devices/device[name='r1']/config/interfaces/interface[key='…']`, or in a pattern of the module's description, as in `/devices/device[name='r1']/config/interfaces/interface[key]` (/devices/device[name='r1']/config/if:interfaces/interface)");
}

#[test]
fn calls_are_charged_for_work() {
    let interfaces: String = (0..5000).map(|i| format!("<interface><name>{i}</name></interface>")).collect();
    let datastore = format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>\
         {interfaces}</interfaces></config></device></devices>"
    );
    let scope = open_scope;
    let mut commit = Commit::on(&datastore, scope());
    commit.run("s1", async |view| {
        let path = "/devices/device[name='r1']/config/if:interfaces";
        assert_eq!(view.read(path).await.unwrap().len(), 10_001);
    });
    assert!(commit.meter.host_work() > 20_000, "{}", commit.meter.host_work());
    // An entry by its key costs no more than the path is long.
    let before = commit.meter.host_work();
    commit.run("s1", async |view| {
        let path = "/devices/device[name='r1']/config/if:interfaces/interface[name='4999']";
        assert!(view.exists(path).await.unwrap());
        let before = view.meter().host_work();
        assert!(view.exists(path).await.unwrap());
        assert!(view.meter().host_work() - before < 50);
    });
    assert!(commit.meter.host_work() > before);

    let mut commit = Commit::on(&datastore, scope());
    commit.meter = Meter::new(WorkAllowance { host_work: 3000, ..WorkAllowance::UNLIMITED });
    let result = commit.run("s1", async |view| view.read_xml("/devices").await);
    let Err(Error::Limit(exceeded)) = result else { panic!("{result:?}") };
    assert_eq!((exceeded.limit, exceeded.allowed), (MeteredLimit::HostWork, 3000));
}

#[test]
fn reading_keys_does_not_read_the_whole_entry() {
    let mut commit = Commit::new();
    let found = commit.run("s1", async |view| {
        let interface = "/devices/device[name='r1']/config/if:interfaces/interface[name='a']";
        assert!(view.exists(&format!("{interface}/name")).await.unwrap());
        view.get(&format!("{interface}/mtu")).await.unwrap()
    });
    assert_eq!(found.as_deref(), Some("1500"));
    assert_eq!(commit.requests().len(), 2);
}

#[test]
fn result_over_the_limit_is_not_built() {
    let interfaces: String = (0..5000).map(|i| format!("<interface><name>{i}</name></interface>")).collect();
    let datastore = format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>\
         {interfaces}</interfaces></config></device></devices>"
    );
    let mut commit =
        Commit::on(&datastore, open_scope()).declare("/devices/device/config/if:interfaces/interface[name]");
    commit.meter = Meter::new(WorkAllowance { bytes_per_call: 1000, ..WorkAllowance::UNLIMITED });
    let path = "/devices/device[name='r1']/config/if:interfaces/interface";
    commit.run("s1", async |view| {
        let answers = [
            view.find(path).await.map(drop),
            view.read(path).await.map(drop),
            view.read_xml(path).await.map(drop),
        ];
        for answer in answers {
            let Err(Error::Limit(exceeded)) = answer else { panic!("{answer:?}") };
            assert_eq!((exceeded.limit, exceeded.allowed), (MeteredLimit::BytesPerCall, 1000));
            assert!(exceeded.used < 1200, "it stops where it is too long: {exceeded}");
        }
    });
}

#[test]
fn requests_are_charged() {
    let mut commit = Commit::new();
    let result = commit.run("s1", async |view| {
        let before = view.meter().host_work();
        view.exists("/devices/device[name='r9']/config/sys:system").await.unwrap();
        let (first, kept) = (view.meter().host_work() - before, view.meter().edit_bytes());
        view.exists("/devices/device[name='r9']/config/sys:system").await.unwrap();
        assert_eq!(view.meter().edit_bytes(), kept, "what is known is kept once");
        (first, view.meter().host_work() - before - first, kept)
    });
    assert!(result.0 >= 20_000 && result.1 < 100, "{result:?}");
    // Its steps are remembered in several tables.
    assert!(result.2 >= 4 * 256, "{result:?}");
}
