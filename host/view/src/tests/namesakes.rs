//! Nodes of two models whose paths differ in their namespaces only, which `created` lists do not have.

use confine_tree::{HashSet, StepCounter};

use super::*;
use crate::CreatedObject;

/// A model of interfaces, in `urn:if` and in `urn:sys`.
static MODELS: LazyLock<Arc<MountedSchema>> = LazyLock::new(|| {
    let controller = r#"module ctrl { namespace "http://clicon.org/controller"; prefix c;
        container services { list bench { key id; leaf id { type string; } } }
        container devices { list device { key name; leaf name { type string; } container config { } } } }"#;
    let interfaces = |name: &str, namespace: &str| {
        format!(
            "module {name} {{ namespace {namespace}; prefix i; import ctrl {{ prefix c; }}
               augment /c:devices/c:device/c:config {{ container interfaces {{
                 list interface {{ key name; leaf name {{ type string; }} leaf mtu {{ type uint16; }} }} }} }} }}"
        )
    };
    let mut set = ModuleSet::default();
    for module in [controller.into(), interfaces("one", "urn:if"), interfaces("two", "urn:sys")] {
        set.add("test.yang", module.as_bytes()).unwrap();
    }
    Arc::new(MountedSchema::new(Arc::new(set.compile()), "none"))
});

/// Interface `b` of the second model is there, and nobody owns it.
const DEVICE: &str = r#"
<services xmlns="http://clicon.org/controller">
  <bench xmlns="urn:bench"><id>s1</id></bench><bench xmlns="urn:bench"><id>s2</id></bench>
</services>
<devices xmlns="http://clicon.org/controller"><device><name>r1</name><config>
  <interfaces xmlns="urn:sys"><interface><name>b</name><mtu>1500</mtu></interface></interfaces>
</config></device></devices>"#;

/// Runs one instance that creates interfaces, and returns the entries of its `created` list.
fn created(id: &str, model: &str, names: &[&str], hides_created: bool, owners: &mut OwnerIndex) -> String {
    let mut commit = Commit::with(MODELS.clone(), DEVICE, open_scope());
    if hides_created {
        commit.draft().hide_created();
    }
    commit.run(id, async |view| {
        for name in names {
            let path =
                format!("/devices/device[name='r1']/config/{model}:interfaces/interface[name='{name}']");
            view.set(&format!("{path}/mtu"), "1400").await.unwrap();
        }
    });
    let instances = [instance(id)];
    block(commit.draft().settle(&instances)).unwrap();
    let finished = commit.draft().finish(&instances, owners).unwrap();
    let [(_, created)] = &finished.created[..] else { panic!("{finished:?}") };
    owners.replace(&instance(id), created.clone());
    let entries: Vec<String> = created.iter().map(CreatedObject::entry).collect();
    entries.join("\n").replace("/devices/device[name=\"r1\"]/config/interfaces/interface", "…")
}

#[test]
fn entry_is_plain_unless_there_is_a_namesake() {
    insta::assert_snapshot!(created("s1", "if", &["a", "b"], false, &mut OwnerIndex::new()), @r#"
    …[name="a"]
    …[name="b"][false()]["urn:if"]
    "#);
}

/// Nodes of many models may have one path. Not all of them are looked up, so one of them may be there.
#[test]
fn few_of_many_namesakes_are_looked_up() {
    let requested = |models: usize| {
        let controller = r#"module ctrl { namespace "http://clicon.org/controller"; prefix c; container services { }
            container devices { list device { key name; leaf name { type string; } container config { } } } }"#;
        let model = |n: usize| {
            format!(
                "module m{n} {{ namespace urn:m{n}; prefix m; import ctrl {{ prefix c; }} augment \
                 /c:devices/c:device/c:config {{ list unit {{ key n; leaf n {{ type string; }} }} }} }}"
            )
        };
        let mut set = ModuleSet::default();
        for module in (0..models).map(model).chain([controller.into()]) {
            set.add("test.yang", module.as_bytes()).unwrap();
        }
        let models = Arc::new(MountedSchema::new(Arc::new(set.compile()), "none"));
        let mut commit = Commit::with(models, DEVICE, open_scope());
        let prefixes = Arc::new(PrefixMap::new([("m", "urn:m0")]).unwrap());
        let scope = commit.scope.clone();
        let draft = commit.draft.take().unwrap();
        let mut view = View::new(draft, scope, instance("s1"), prefixes, commit.meter.clone());
        block(view.create("/devices/device[name='r1']/config/m:unit[n='1']")).unwrap();
        commit.draft = Some(view.into_parts().0);
        commit.requests();
        let instances = [instance("s1")];
        block(commit.draft().settle(&instances)).unwrap();
        let requested = commit.requests().concat().matches("unit[n='1']/n").count();
        let finished = commit.draft().finish(&instances, &OwnerIndex::new()).unwrap();
        (requested, finished.created[0].1[0].entry().ends_with(r#"[false()]["urn:m0"]"#))
    };
    assert_eq!(requested(10), (10, false));
    assert_eq!(requested(40), (17, true));
}

#[test]
fn hidden_entry_names_the_namespaces() {
    insta::assert_snapshot!(created("s1", "if", &["a"], true, &mut OwnerIndex::new()), @r#"…[name="a"][false()]["urn:if"]"#);
}

#[test]
fn namesakes_of_two_instances_are_two_objects() {
    let mut owners = OwnerIndex::new();
    assert_eq!(created("s1", "if", &["a"], false, &mut owners), r#"…[name="a"]"#);
    insta::assert_snapshot!(created("s2", "sys", &["a"], false, &mut owners), @r#"…[name="a"][false()]["urn:sys"]"#);
    // The controller removes both if the first one changes, so the second one runs too.
    let mut steps = StepCounter::default();
    let co_owners =
        owners.co_owners(&HashSet::from_iter([instance("s1")]), &confine_tree::NoSchema, &mut steps).unwrap();
    assert_eq!(co_owners.into_iter().collect::<Vec<_>>(), [&instance("s2")]);
    // Then neither is left to the controller.
    insta::assert_snapshot!(created("s1", "if", &["a"], false, &mut owners), @r#"…[name="a"][false()]["urn:if"]"#);
}
