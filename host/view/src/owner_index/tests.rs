//! Tests of the owner index.

use confine_tree::{StopSignal, xml};

use super::*;
use crate::OutsideOwners;

const SERVICES: &str = r#"<services xmlns="http://clicon.org/controller">
    <service-timeout>300</service-timeout>
    <p2p xmlns="urn:p"><site>a</site><id>1</id><created>
        <path>/devices/device[name="r1"]/config/interfaces/interface[name="x"]</path>
        <path>/devices/device[name='r1']/config/system/config/login-banner</path>
    </created></p2p>
    <p2p xmlns="urn:p"><site>a</site><id>2</id><created>
        <path>/devices/device[name='r1']/config/interfaces/interface[name='x']</path>
        <path>/devices/device[name="r1"]/config/interfaces/interface[name="x"]/config/mtu</path>
        <path>/devices/device[name="r1"]/config/interfaces/interface[name="xy"]</path>
    </created></p2p>
    <bench xmlns="urn:b"><service-name>s1</service-name><mtu>1</mtu></bench>
</services>"#;

fn owners() -> OwnerIndex {
    let keys = |list: QName<'_>| (list.local == "p2p").then(|| vec!["site".into(), "id".into()]);
    OwnerIndex::from_services(&xml::parse(SERVICES).unwrap(), keys)
}

pub(crate) const X: &str = r#"/devices/device[name="r1"]/config/interfaces/interface[name="x"]"#;

fn instance(id: &str) -> InstanceRef {
    let mut entry = PatternStep::new(QName::new("urn:p", "p2p"));
    entry.keys = [("site", "a"), ("id", id)].map(|(key, value)| (key.into(), Some(value.into()))).into();
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    InstanceRef::new(Pattern { steps: vec![services, entry] })
}

/// Returns the object with this path of an instance.
fn object<'a>(owners: &'a OwnerIndex, id: &str, path: &str) -> OwnedObject<'a> {
    owners.created_by(&instance(id)).find(|object| object.path() == path).unwrap()
}

fn names<'a>(instances: impl Iterator<Item = &'a InstanceRef>) -> Vec<String> {
    instances
        .map(|instance| instance.key().to_owned() + instance.path().steps[1].key("id").unwrap_or(""))
        .collect()
}

fn paths(owners: &OwnerIndex, id: &str) -> Vec<String> {
    owners.created_by(&instance(id)).map(OwnedObject::path).collect()
}

/// Removes an instance, and returns how many objects it had created.
fn remove(owners: &mut OwnerIndex, id: &str) -> usize {
    let count = owners.created_by(&instance(id)).count();
    owners.replace(&instance(id), []);
    count
}

/// Returns the path of an interface of `r1`, in the namespace of a model.
pub(crate) fn place(namespace: &str) -> Pattern {
    let step = |namespace: &str, local: &str, key: Option<&str>| {
        let mut step = PatternStep::new(QName::new(namespace, local));
        step.keys.extend(key.map(|key| ("name".into(), Some(key.to_owned()))));
        step
    };
    let steps = vec![
        step(CONTROLLER, "devices", None),
        step(CONTROLLER, "device", Some("r1")),
        step(CONTROLLER, "config", None),
        step(namespace, "interfaces", None),
        step(namespace, "interface", Some("x")),
    ];
    Pattern { steps }
}

fn known(namespace: &str) -> CreatedObject {
    CreatedObject { place: Some(place(namespace)), ..CreatedObject::parse(X) }
}

#[test]
fn paths_are_kept_in_one_form() {
    let owners = owners();
    let mtu = format!("{X}/config/mtu");
    let banner = r#"/devices/device[name="r1"]/config/system/config/login-banner"#;
    assert_eq!(paths(&owners, "1"), [X, banner]);
    assert_eq!(paths(&owners, "2"), [X, &mtu, &X.replace("\"x\"", "\"xy\"")]);
    assert_eq!(names(object(&owners, "1", X).owners()), ["a1", "a2"]);
    assert_eq!(names(object(&owners, "2", &mtu).owners()), ["a2"]);
}

#[test]
fn objects_below_have_it_as_an_ancestor() {
    let owners = owners();
    let mut steps = StepCounter::default();
    let found =
        owners.co_owners(&HashSet::from_iter([instance("1")]), &confine_tree::NoSchema, &mut steps).unwrap();
    assert_eq!(names(found.into_iter()), ["a2"]);
    let (one, two) = (instance("1"), instance("2"));
    let both = HashSet::from_iter([&one, &two]);
    for (set, outside) in [(HashSet::from_iter([&one]), [true, false]), (both, [false, false])] {
        let mut search = OutsideOwners::new(&owners, &set);
        let found: Vec<bool> =
            owners.created_by(&one).map(|object| search.own(object, &mut steps).unwrap()).collect();
        assert_eq!(found, outside);
    }
}

#[test]
fn owner_above_is_a_co_owner() {
    let mut owners = OwnerIndex::new();
    let below = |path: &str| CreatedObject::parse(&format!("{X}{path}"));
    owners.replace(&instance("leaf"), [below("/config/mtu")]);
    owners.replace(&instance("entry"), [below("")]);
    owners.replace(&instance("other"), [below("/config/other")]);
    let mut steps = StepCounter::default();
    let mut co_owners = |of: &str| {
        let of = HashSet::from_iter([instance(of)]);
        names(owners.co_owners(&of, &confine_tree::NoSchema, &mut steps).unwrap().into_iter())
    };
    // Who runs again makes everything again, so what others own below it counts too.
    assert_eq!(co_owners("leaf"), ["aentry", "aother"]);
    assert_eq!(co_owners("entry"), ["aleaf", "aother"]);
    let (leaf, entry) = (instance("leaf"), instance("entry"));
    let set = HashSet::from_iter([&leaf]);
    let mut outside = OutsideOwners::new(&owners, &set);
    assert!(outside.own(object(&owners, "leaf", &format!("{X}/config/mtu")), &mut steps).unwrap());
    let set = HashSet::from_iter([&entry]);
    let mut outside = OutsideOwners::new(&owners, &set);
    assert!(!outside.own(object(&owners, "entry", X), &mut steps).unwrap());
}

#[test]
fn objects_of_two_models_with_one_path_are_two() {
    let mut owners = OwnerIndex::new();
    owners.replace(&instance("1"), [known("urn:a")]);
    owners.replace(&instance("2"), [known("urn:b")]);
    assert_eq!(names(object(&owners, "1", X).owners()), ["a1"]);
    assert_eq!(object(&owners, "1", X).place(), Some(place("urn:a")));
    assert_eq!(object(&owners, "2", X).place(), Some(place("urn:b")));
    assert!(owners.is_owned(&place("urn:a")) && !owners.is_owned(&place("urn:c")));
    // What is read of a list may be either.
    owners.replace(&instance("3"), [CreatedObject::parse(X)]);
    assert_eq!(names(object(&owners, "3", X).owners()), ["a1", "a2", "a3"]);
    assert_eq!(names(object(&owners, "1", X).owners()), ["a1", "a3"]);
    assert!(owners.is_owned(&place("urn:c")));
    assert_eq!(object(&owners, "3", X).place(), None);
}

/// Returns the `created` lists of two instances that run.
fn shared(owners: &OwnerIndex, paths: [&[&str]; 2]) -> [Vec<String>; 2] {
    let created = |paths: &[&str]| {
        let object =
            |path: &&str| CreatedObject { place: Some(place("urn:i")), ..CreatedObject::parse(path) };
        paths.iter().map(object).collect::<Vec<_>>()
    };
    let mut all = [("1", paths[0]), ("2", paths[1])].map(|(id, paths)| (instance(id), created(paths)));
    owners.mark_shared(&mut all, &mut StepCounter::default()).unwrap();
    all.map(|(_, created)| created.iter().map(CreatedObject::entry).collect())
}

#[test]
fn controller_finds_each_object_in_one_list() {
    let (held, marked) = (X.to_owned(), format!("{X}[false()]"));
    // Both lists show it, as another daemon left them: the last one keeps it.
    assert_eq!(shared(&owners(), [&[X], &[X]]), [vec![marked.clone()], vec![held.clone()]]);
    // The first one showed it, and keeps it.
    let mut first = owners();
    first.replace(&instance("2"), [CreatedObject::parse(&marked)]);
    first.replace(&instance("1"), [CreatedObject::parse(X)]);
    assert_eq!(shared(&first, [&[X], &[X]]), [vec![held.clone()], vec![marked.clone()]]);
    // The first one no longer owns it: the other one shows it.
    assert_eq!(shared(&owners(), [&[], &[X]]), [vec![], vec![held.clone()]]);
    // The list that showed it keeps it, although it comes later.
    let services = SERVICES.replacen("[name=\"x\"]<", "[name=\"x\"][false()]<", 1);
    let later = OwnerIndex::from_services(&xml::parse(&services).unwrap(), |list| {
        (list.local == "p2p").then(|| vec!["site".into(), "id".into()])
    });
    assert_eq!(names(object(&later, "1", X).owners()).len(), 2, "both own it all the same");
    assert_eq!(shared(&later, [&[X], &[X]]), [vec![marked], vec![held]]);
    // The first one shows what is new.
    let new = OwnerIndex::new();
    assert_eq!(shared(&new, [&[X], &[X]]), [vec![X.to_owned()], vec![format!("{X}[false()]")]]);
}

#[test]
fn marking_shared_objects_ends_when_nobody_waits() {
    let object =
        |n: usize| CreatedObject::parse(&format!("/devices/device[name=\"r1\"]/config/x[k=\"{n}\"]"));
    let mark = |count: usize, steps: &mut StepCounter| {
        OwnerIndex::new().mark_shared(&mut [(instance("1"), (0..count).map(object).collect())], steps)
    };
    let [once, four] = [100, 400].map(|count| {
        let mut steps = StepCounter::default();
        mark(count, &mut steps).unwrap();
        steps.taken()
    });
    // One for each loop.
    assert_eq!([once, four], [200, 800]);
    let stop = StopSignal::default();
    stop.stop();
    let stopped = mark(1, &mut StepCounter::new(stop));
    assert!(matches!(stopped, Err(TreeError::Stopped)), "{stopped:?}");
}

#[test]
fn object_of_another_daemon_is_held_twice_until_shared() {
    let mut owners = owners();
    let twice = |owners: &OwnerIndex| {
        owners.held_twice().map(|(path, holders)| (path, names(holders.iter()))).collect::<Vec<_>>()
    };
    assert_eq!(twice(&owners), [(X.to_owned(), vec!["a1".to_owned(), "a2".to_owned()])]);
    owners.replace(&instance("1"), [CreatedObject::parse(&format!("{X}[false()]"))]);
    assert_eq!(twice(&owners), []);
    assert_eq!(owners.holder_of(&known("urn:i")), Some(&instance("2")));
}

#[test]
fn replaced_objects_lose_their_owner() {
    let mut owners = owners();
    owners.replace(&instance("1"), [known("urn:i")]);
    assert_eq!(names(object(&owners, "2", X).owners()), ["a2", "a1"]);
    assert_eq!(paths(&owners, "1"), [X]);
    assert_eq!(remove(&mut owners, "2"), 3);
    assert_eq!(names(object(&owners, "1", X).owners()), ["a1"]);
    assert_eq!(names(owners.instances()), ["a1"]);
    assert_eq!(remove(&mut owners, "1"), 1);
    assert!(!owners.is_owned(&place("urn:i")));
    assert_eq!(owners.paths.len(), 0, "nothing is kept of what nobody owns");
}

#[test]
fn instances_of_a_list_are_found_by_their_first_keys() {
    let owners = owners();
    let first = instance("1");
    let [services, one] = &first.path().steps[..] else { panic!() };
    let list = |keys: usize| {
        let mut step = one.clone();
        step.keys.truncate(keys);
        names(owners.instances_of(Pattern { steps: vec![services.clone(), step] }))
    };
    assert_eq!(list(0), ["a1", "a2"]);
    assert_eq!(list(1), ["a1", "a2"]);
    assert_eq!(list(2), ["a1"]);
    let other = PatternStep::new(QName::new("urn:b", "ben"));
    let other = Pattern { steps: vec![services.clone(), other] };
    assert_eq!(names(owners.instances_of(other)), [""; 0]);
}

/// Finding the co-owners of these objects of n instances takes steps in proportion to n.
#[track_caller]
fn assert_co_owners_are_linear(owners: impl Fn(usize) -> (OwnerIndex, HashSet<InstanceRef>)) {
    let [once, four] = [50, 200].map(|count| {
        let (owners, set) = owners(count);
        let mut steps = StepCounter::default();
        owners.co_owners(&set, &confine_tree::NoSchema, &mut steps).unwrap();
        steps.taken()
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
}

#[test]
fn co_owners_of_what_is_above_are_found_once() {
    assert_co_owners_are_linear(|count| {
        let (mut owners, mut set) = (OwnerIndex::new(), HashSet::default());
        for n in 0..count {
            owners.replace(&instance(&format!("above{n}")), [CreatedObject::parse(X)]);
            owners
                .replace(&instance(&n.to_string()), [CreatedObject::parse(&format!("{X}/unit[k=\"{n}\"]"))]);
            set.insert(instance(&n.to_string()));
        }
        (owners, set)
    });
}

#[test]
fn co_owners_of_what_is_below_are_found_once() {
    // Many that are found own what has many below.
    assert_co_owners_are_linear(|count| {
        let mut owners = OwnerIndex::new();
        let below = |n: usize| CreatedObject::parse(&format!("{X}/unit[k=\"{n}\"]"));
        owners.replace(&instance("below"), (0..count).map(below));
        let other = || CreatedObject::parse(&X.replace("\"x\"", "\"y\""));
        for n in 0..count {
            owners.replace(&instance(&n.to_string()), [CreatedObject::parse(X), other()]);
        }
        owners.replace(&instance("set"), [other()]);
        (owners, HashSet::from_iter([instance("set")]))
    });
}

/// What is below several objects of one path costs no more than what is below one of them.
#[test]
fn co_owners_below_nested_objects_are_found_once() {
    let steps = |nested: usize, below: usize| {
        let object = |depth: usize| format!("{X}{}", "/unit[k=\"1\"]".repeat(depth));
        let mut owners = OwnerIndex::new();
        owners.replace(&instance("set"), (0..nested).map(|depth| CreatedObject::parse(&object(depth))));
        let leaf = |n: usize| CreatedObject::parse(&format!("{}/leaf[k=\"{n}\"]", object(20)));
        owners.replace(&instance("below"), (0..below).map(leaf));
        let mut steps = StepCounter::default();
        let set = HashSet::from_iter([instance("set")]);
        assert_eq!(owners.co_owners(&set, &confine_tree::NoSchema, &mut steps).unwrap().len(), 1);
        steps.taken()
    };
    let more = |below: usize| steps(20, below) - steps(1, below);
    assert_eq!(more(10), more(1000));
}

#[test]
fn co_owners_in_many_namespaces_are_found_once() {
    assert_co_owners_are_linear(|count| {
        let (mut owners, mut set) = (OwnerIndex::new(), HashSet::default());
        for n in 0..count {
            owners.replace(&instance(&n.to_string()), [known(&format!("urn:{n}"))]);
            set.insert(instance(&n.to_string()));
        }
        (owners, set)
    });
}

/// Instances of one service may all own one object.
#[test]
fn finding_owners_of_a_shared_object_is_linear() {
    let [once, four] = [100, 400].map(|count: usize| {
        let mut owners = OwnerIndex::new();
        let all: Vec<InstanceRef> = (0..count).map(|n| instance(&n.to_string())).collect();
        all.iter().for_each(|instance| owners.replace(instance, [known("urn:a")]));
        let mut steps = StepCounter::default();
        let some: HashSet<InstanceRef> = all.iter().skip(count / 2).cloned().collect();
        assert_eq!(owners.co_owners(&some, &confine_tree::NoSchema, &mut steps).unwrap().len(), count / 2);
        let set: HashSet<&InstanceRef> = all.iter().collect();
        let mut outside = OutsideOwners::new(&owners, &set);
        for object in all.iter().flat_map(|instance| owners.created_by(instance)) {
            assert!(!outside.own(object, &mut steps).unwrap());
        }
        steps.taken()
    });
    assert!(four <= 4 * once + once / 2, "{once} steps, then {four}");
    let stop = confine_tree::StopSignal::default();
    stop.stop();
    let mut owners = OwnerIndex::new();
    owners.replace(&instance("1"), [known("urn:a")]);
    assert!(
        owners
            .co_owners(
                &HashSet::from_iter([instance("1")]),
                &confine_tree::NoSchema,
                &mut StepCounter::new(stop)
            )
            .is_err()
    );
}

#[test]
fn object_that_a_list_names_twice_is_one() {
    let mut owners = OwnerIndex::new();
    let forms = [X.to_owned(), X.replace('"', "'"), format!("{X}[false()]")];
    owners.replace(&instance("1"), forms.iter().map(|form| CreatedObject::parse(form)));
    assert_eq!(paths(&owners, "1"), [X]);
    // Something below it stays.
    owners.replace(&instance("2"), [CreatedObject::parse(&format!("{X}/mtu"))]);
    assert_eq!(remove(&mut owners, "1"), 1);
    assert!(!owners.is_owned(&place("urn:i")));
}

#[test]
fn list_that_cannot_be_read_is_kept_as_it_is() {
    let mut owners = OwnerIndex::new();
    owners.replace(&instance("1"), ["]nonsense[", "", "/x"].map(CreatedObject::parse));
    assert_eq!(paths(&owners, "1"), ["]nonsense[", "", "/x"]);
    assert_eq!(owners.created_by(&instance("1")).filter_map(OwnedObject::place).count(), 0);
}

/// However often objects come and go, what is kept is bounded by those that are there.
#[test]
fn gone_objects_are_forgotten() {
    let mut owners = OwnerIndex::new();
    owners.replace(&instance("2"), [known("urn:a"), CreatedObject::parse(&format!("{X}/mtu[false()]"))]);
    for round in 0..10 {
        let new = (0..1000).map(|n| CreatedObject::parse(&format!("/devices/{round}-{n}")));
        owners.replace(&instance("1"), new);
    }
    assert!(owners.paths.kept() < 4500, "{}", owners.paths.kept());
    assert_eq!(paths(&owners, "1").len(), 1000);
    assert_eq!(paths(&owners, "2"), [X.to_owned(), format!("{X}/mtu")]);
    assert_eq!(object(&owners, "2", X).place(), Some(place("urn:a")));
    assert_eq!(owners.holder_of(&known("urn:a")), Some(&instance("2")));
}

/// Few objects may have long keys.
#[test]
fn long_names_of_gone_objects_are_forgotten() {
    let mut owners = OwnerIndex::new();
    for round in 0..100 {
        let key = format!("{round}{}", "k".repeat(10_000));
        owners.replace(&instance("1"), [CreatedObject::parse(&format!("/devices/x[k=\"{key}\"]"))]);
    }
    assert!(owners.paths.bytes() < 200_000, "{}", owners.paths.bytes());
    assert_eq!(owners.created_by(&instance("1")).count(), 1);
}
