//! Choices, of which one case exists, and defaults, which are in use where nothing is set.

use super::*;

static MODELS: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| {
    let modules = [
        r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
          container services { }
          container devices { list device { key name; leaf name { type string; } container config { } } } }"#,
        "module bench { namespace urn:bench; prefix b; import ctrl { prefix c; }
          augment /c:services { list bench { key id; leaf id { type string; } leaf note { type string; default test; }
            container created { leaf-list path { type string; } } } } }",
        "module kinds { namespace urn:kinds; prefix k; identity kind; identity eth { base kind; } }",
        "module sys { yang-version 1.1; namespace urn:sys; prefix s; import ctrl { prefix c; } import kinds { prefix other; }
          augment /c:devices/c:device/c:config { container system {
            choice rate {
              case a { leaf cir { type uint32; } leaf burst { type uint32; default 7; } }
              case b { leaf pir { type uint32; } }
              case many { list step { key n; leaf n { type uint8; } } }
              case more { list other { key n; leaf n { type uint8; } } }
              choice inner { leaf low { type empty; } container high { leaf top { type uint8; default 0x10; } } }
            }
            choice mode { default fast; leaf slow { type string; default s; } leaf fast { type string; default f; } }
            leaf kind { type identityref { base other:kind; } default other:eth; }
            container inside { leaf size { type uint8; default 010; } }
            container present { presence p; leaf size { type uint8; default 1; } }
            list unit { key n; leaf n { type uint8; } leaf mtu { type uint16; default 1500; } } } } }",
    ];
    compiled(modules)
});

const SYSTEM: &str = "/devices/device[name='r1']/config/sys:system";

/// A datastore whose device has this system.
fn standing(system: &str) -> String {
    format!(
        r#"<services xmlns="http://clicon.org/controller"><bench xmlns="urn:bench"><id>s1</id></bench></services>
        <devices xmlns="http://clicon.org/controller"><device><name>r1</name><config>
        <system xmlns="urn:sys">{system}</system></config></device></devices>"#
    )
}

/// Runs each instance, which does what its lines say below the system: `set LEAF VALUE`, `create PATH`, `remove PATH`. Returns
/// what is sent for the device, in one line, or the error.
fn sent(system: &str, runs: &[(&str, &[&str])], owners: &OwnerIndex) -> String {
    let mut commit = Commit::with(MODELS.clone(), &standing(system), open_scope());
    for (id, lines) in runs {
        commit.run(id, async |view| play(view, lines).await);
    }
    let ids: Vec<&str> = runs.iter().map(|(id, _)| *id).collect();
    let sent = commit.finish(&ids, owners);
    let system = sent.split_once("<system xmlns=\"urn:sys\">").map_or(&*sent, |(_, rest)| rest);
    let system = system.split_once("</system>").map_or(system, |(system, _)| system);
    let plain = system.replace(" xmlns:nc=\"urn:ietf:params:xml:ns:netconf:base:1.0\"", "");
    plain.lines().map(str::trim).collect::<Vec<_>>().join("")
}

async fn play(view: &mut View, lines: &[&str]) {
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let path = format!("{SYSTEM}/{}", words[1]);
        match words[..] {
            ["set", _, value] => view.set(&path, value).await.unwrap(),
            ["create", _] => view.create(&path).await.unwrap(),
            ["remove", _] => view.remove(&path).await.unwrap(),
            ["has", _, expected] => {
                assert_eq!(view.exists(&path).await.unwrap().to_string(), expected, "{line}");
            }
            ["get", _, expected] => {
                let value = view.get(&path).await.unwrap();
                assert_eq!(value.as_deref().unwrap_or("none"), expected, "{line}");
            }
            _ => panic!("{line}"),
        }
    }
}

fn alone(system: &str, lines: &[&str]) -> String {
    sent(system, &[("s1", lines)], &OwnerIndex::new())
}

#[test]
fn later_case_takes_the_place_of_the_earlier_one() {
    let lines = ["set cir 1", "set burst 2", "has cir true", "set pir 3", "has cir false", "has burst false"];
    assert_eq!(alone("", &lines), "<pir>3</pir>");
    let back = [&lines[..], &["set cir 4", "has pir false", "get burst 7"]].concat();
    assert_eq!(alone("", &back), "<cir>4</cir>");
    assert_eq!(alone("", &["set cir 1", "create low", "set high/top 2"]), "<high><top>2</top></high>");
    assert_eq!(alone("", &["set high/top 2", "create low", "has high false"]), "<low/>");
    assert_eq!(alone("", &["set cir 1", "set step[n='1']/n 1", "has cir false"]), "<step><n>1</n></step>");
}

#[test]
fn standing_case_is_removed_whether_or_not_it_was_read() {
    // The datastore removes the other case itself, and the backend crashes if the edit does it as well.
    let standing = "<cir>1</cir><burst>2</burst>";
    assert_eq!(alone(standing, &["has cir true", "set pir 3"]), "<pir>3</pir>");
    assert_eq!(alone(standing, &["set pir 3", "has cir false"]), "<pir>3</pir>");
    assert_eq!(alone(standing, &["set pir 3"]), "<pir>3</pir>");
    // A case that is set and removed again has displaced the other.
    let removed = r#"<cir nc:operation="remove"/><burst nc:operation="remove"/>"#;
    assert_eq!(alone(standing, &["set pir 3", "remove pir", "has cir false"]), removed);
    assert_eq!(alone(standing, &["set pir 3", "set cir 1"]), r#"<burst nc:operation="remove"/>"#);
    assert_eq!(alone(standing, &["set pir 3", "set cir 2"]), r#"<cir>2</cir><burst nc:operation="remove"/>"#);
    let steps = "<step><n>1</n></step><step><n>2</n></step>";
    assert_eq!(alone(steps, &["create low"]), "<low/>");
    assert_eq!(
        alone("<low/>", &["set high/top 1", "set kind k:eth"]),
        "<high><top>1</top></high><kind xmlns:k=\"urn:kinds\">k:eth</kind>"
    );
}

#[test]
fn batch_that_fails_brings_the_other_case_back() {
    let mut commit = Commit::with(MODELS.clone(), &standing("<cir>1</cir>"), open_scope());
    commit.run("s1", async |view| {
        let edit = |path: &str, value: &str| crate::ViewEdit {
            operation: "set".into(),
            path: format!("{SYSTEM}/{path}"),
            value: Some(value.into()),
        };
        assert!(view.edit(&[edit("pir", "3"), edit("pir", "x")]).await.is_err());
        play(view, &["has cir true", "has pir false", "get burst 7"]).await;
        assert!(view.edit(&[edit("pir", "3"), edit("burst", "2")]).await.is_ok());
        play(view, &["has cir false", "has pir false"]).await;
    });
}

#[test]
fn instances_that_want_two_cases_are_in_conflict() {
    let both: [(&str, &[&str]); 2] = [("s1", &["set cir 1"]), ("s2", &["set pir 3"])];
    insta::assert_snapshot!(sent("", &both, &OwnerIndex::new()), @r#"conflict: `bench[id='s1']` creates `/devices/device[name='r1']/config/system/cir`, and `bench[id='s2']` removes it, or sets another case of its choice, in the same commithint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `bench` in Confine's own file"#);
    let mut owners = OwnerIndex::new();
    let created = "/devices/device[name=\"r1\"]/config/system/cir";
    owners.replace(&instance("s1"), [crate::CreatedObject::parse(created)]);
    let later: [(&str, &[&str]); 1] = [("s2", &["set pir 3"])];
    insta::assert_snapshot!(sent("<cir>1</cir>", &later, &owners), @r#"conflict: `bench[id='s2']` sets another case than `/devices/device[name='r1']/config/system/cir`, which `bench[id='s1']` has createdhint: let only one of them do it; or let the last one win with `conflicts = "last-wins"` in the table of module `bench` in Confine's own file"#);
}

/// What is in other cases is looked at once, however many instances set the case.
#[test]
fn displacing_many_nodes_by_many_instances_is_linear() {
    let [once, four] = [50, 200].map(|count| {
        let steps: String = (0..count).map(|n| format!("<step><n>{n}</n></step>")).collect();
        let mut commit = Commit::with(MODELS.clone(), &standing(&steps), open_scope());
        let ids: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        for id in &ids {
            commit.run(id, async |view| play(view, &["create low"]).await);
        }
        let before = commit.draft().steps().taken();
        let sent = commit.finish(&ids.iter().map(String::as_str).collect::<Vec<_>>(), &OwnerIndex::new());
        assert!(sent.contains("<low/>"), "{sent}");
        commit.draft().steps().taken() - before
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}

/// What a parent has is looked at once, however many of its choices are decided.
#[test]
fn deciding_many_choices_of_one_parent_is_linear() {
    let costs = [25, 100].map(|count| {
        let numbered = |text: &str| (0..count).map(|n| text.replace('#', &n.to_string())).collect::<String>();
        let choices = numbered("choice c# { leaf a# { type string; } leaf b# { type string; } } ");
        let stands = standing(&numbered("<b#>1</b#>"));
        let mut commit = Commit::with(system_with(&choices), &stands, open_scope());
        commit.run("s1", async |view| {
            for n in 0..count {
                view.set(&format!("{SYSTEM}/a{n}"), "x").await.unwrap();
            }
        });
        let before = commit.draft().steps().taken();
        let sent = commit.finish(&["s1"], &OwnerIndex::new());
        assert_eq!(sent.matches("</a").count(), count, "{sent}");
        [commit.meter.host_work(), commit.draft().steps().taken() - before]
    });
    for (once, four) in costs[0].into_iter().zip(costs[1]) {
        assert!(once >= 25 && four <= 4 * once + once / 2, "{once} steps, then {four}");
    }
}

/// What is in any case is looked for once, however many cases are set one after the other.
#[test]
fn setting_many_cases_of_a_choice_is_linear() {
    let [once, four] = [50, 200].map(|count| {
        let leaves: String = (0..count).map(|n| format!("leaf c{n} {{ type string; }} ")).collect();
        let models = system_with(&format!("choice one {{ {leaves} }}"));
        let mut commit = Commit::with(models, &standing(""), open_scope());
        commit.run("s1", async |view| {
            for n in 0..count {
                view.set(&format!("{SYSTEM}/c{n}"), "x").await.unwrap();
            }
        });
        let before = commit.draft().steps().taken();
        assert_eq!(commit.draft().overlay.other_cases().unwrap().len(), count);
        commit.draft().steps().taken() - before
    });
    assert!(once >= 50 && four <= 4 * once + once / 2, "{once} steps, then {four}");
}

#[test]
fn case_that_may_not_be_deleted_is_not_displaced() {
    let mut commit = Commit::with(MODELS.clone(), &standing("<cir>1</cir>"), open_scope());
    let writes = commit.resolved(&format!("{SYSTEM}/pir"));
    commit.scope = Scope::new("bench", [service("bench")], vec![writes]).only_declared().into();
    commit.run("s1", async |view| view.set(&format!("{SYSTEM}/pir"), "3").await.unwrap());
    insta::assert_snapshot!(commit.finish(&["s1"], &OwnerIndex::new()), @"access denied: delete of `/devices/device[name='r1']/config/system/cir` by `bench[id='s1']`, which sets another case of the choice: the module's description declares that it writes `/devices/device[name='r1']/config/system/pir`; add it to `writes` there");
}

#[test]
fn default_is_the_value_of_a_leaf_that_is_not_set() {
    let lines = [
        // In use although nothing is there: the containers have no presence. As YANG writes numbers, 010 is 8.
        "get inside/size 8",
        "has inside/size false",
        "get kind k:eth",
        // Not without the node that has the leaf.
        "get present/size none",
        "get unit[n='1']/mtu none",
        "get unit[n='2']/mtu 1500",
        "has unit[n='2']/mtu false",
        // Of a case only if it is the one in use, or the default one.
        "get burst none",
        "get high/top none",
        "get fast f",
        "get slow none",
        "set slow x",
        "get fast none",
        "remove slow",
        "get fast f",
        "set cir 1",
        "get burst 7",
        "set burst 9",
        "get burst 9",
        "remove burst",
        "get burst 7",
        "create present",
        "get present/size 1",
        "set high/top 3",
        "get burst none",
        "remove high/top",
    ];
    alone("<unit><n>2</n></unit>", &lines);
    let mut commit = Commit::with(MODELS.clone(), &standing(""), open_scope());
    let note = commit.run("s1", async |view| view.get("note").await.unwrap());
    assert_eq!(note.as_deref(), Some("test"));
}

#[test]
fn owners_of_other_cases_are_found_once() {
    let [once, four] = [50, 200].map(|count: usize| {
        let (mut owners, mut set) = (OwnerIndex::new(), confine_tree::HashSet::default());
        for n in 0..count {
            for list in ["step", "other"] {
                let object = format!("/devices/device[name=\"r1\"]/config/system/{list}[n=\"{n}\"]");
                owners.replace(&instance(&format!("{list}{n}")), [crate::CreatedObject::parse(&object)]);
            }
            set.insert(instance(&format!("step{n}")));
        }
        let mut steps = confine_tree::StepCounter::default();
        assert_eq!(owners.co_owners(&set, &*MODELS.clone(), &mut steps).unwrap().len(), count);
        steps.taken()
    });
    // A few steps for each pair, and not the children that the model has.
    assert!(four <= once + 150 * 40, "{once} steps, then {four}");
}

#[test]
fn owner_of_another_case_is_a_co_owner() {
    let mut owners = OwnerIndex::new();
    let object = |path: &str| {
        crate::CreatedObject::parse(&format!("/devices/device[name=\"r1\"]/config/system/{path}"))
    };
    for (id, path) in
        [("a", "cir"), ("b", "pir"), ("many", "step[n=\"1\"]"), ("in", "high/top"), ("no", "kind")]
    {
        owners.replace(&instance(id), [object(path)]);
    }
    let co_owners = |id: &str| {
        let of = confine_tree::HashSet::from_iter([instance(id)]);
        let mut steps = confine_tree::StepCounter::default();
        let found = owners.co_owners(&of, &*MODELS.clone(), &mut steps).unwrap();
        found.into_iter().map(|owner| owner.key().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(co_owners("a"), ["b", "in", "many"]);
    assert_eq!(co_owners("many"), ["a", "b", "in"]);
    assert_eq!(co_owners("in"), ["a", "b", "many"]);
    assert_eq!(co_owners("no"), [""; 0]);
}

#[test]
fn owner_in_the_case_that_displaced_an_original_is_a_co_owner() {
    let mut owners = OwnerIndex::new();
    let object = |path: &str| {
        crate::CreatedObject::parse(&format!("/devices/device[name=\"r1\"]/config/system/{path}"))
    };
    for (id, path) in [("a", "step[n=\"1\"]"), ("b", "step[n=\"2\"]"), ("other", "kind")] {
        owners.replace(&instance(id), [object(path)]);
    }
    let mut commit = Commit::with(MODELS.clone(), &standing(""), open_scope());
    let place = commit.resolved("/devices/device[name='r1']/config/sys:system/pir");
    let original = crate::Original {
        owners: [crate::owner_name(&instance("a"))].into(),
        before: "<pir xmlns='urn:sys'>1</pir>".into(),
        ..crate::Original::only_wanted(place.clone())
    };
    owners.change_originals([(crate::originals::path_text(&place).unwrap(), Some(original))]);
    let of = confine_tree::HashSet::from_iter([instance("a")]);
    let mut steps = confine_tree::StepCounter::default();
    let found = owners.co_owners(&of, &*MODELS.clone(), &mut steps).unwrap();
    assert_eq!(found.into_iter().map(InstanceRef::key).collect::<Vec<_>>(), ["b"]);
}
