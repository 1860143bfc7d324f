//! Objects of two services.

use super::*;
use crate::{CreatedObject, SharingServices};

const X: &str = "/devices/device[name='r1']/config/if:interfaces/interface[name='x']";
const PATH: &str = "/devices/device[name=\"r1\"]/config/interfaces/interface[name=\"x\"]";

/// Returns an instance of a service.
fn of(service_name: &str, id: &str) -> InstanceRef {
    let mut entry = service(service_name);
    entry.keys.push(("id".into(), Some(id.into())));
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    InstanceRef::new(Pattern { steps: vec![services, entry] })
}

/// Runs instances that set a leaf each of one interface, and finishes. Returns what is sent, or why nothing is.
fn commit(instances: &[InstanceRef], owners: &OwnerIndex, sharing: SharingServices) -> String {
    commit_with(instances, owners, sharing, false)
}

/// As [`commit`], with modules that may override others if `last_wins`.
fn commit_with(
    instances: &[InstanceRef],
    owners: &OwnerIndex,
    sharing: SharingServices,
    last_wins: bool,
) -> String {
    let mut commit = Commit::new().declare("/devices/device/config/if:interfaces/interface[name]");
    let mut draft = commit.draft.take().unwrap();
    draft.declare(of("other", "").path());
    draft.share(Arc::new(sharing));
    for instance in instances {
        let scope = Scope::new(instance.service(), [service(instance.service())], Vec::new());
        let scope = Arc::new(scope.with_last_wins(last_wins));
        let meter = Meter::new(WorkAllowance::UNLIMITED);
        let mut view = View::new(draft, scope, instance.clone(), Arc::new(prefixes()), meter);
        block(view.set(&format!("{X}/{}", instance.key()), "1")).unwrap();
        draft = view.into_parts().0;
    }
    block(draft.settle(instances)).unwrap();
    match draft.finish(instances, owners) {
        Ok(finished) => finished.created.iter().map(|(_, created)| created.len().to_string()).collect(),
        Err(error) => error.to_string(),
    }
}

/// Returns an index in which these instances own the interface.
fn owned_by(instances: &[InstanceRef]) -> OwnerIndex {
    let mut owners = OwnerIndex::new();
    instances.iter().for_each(|instance| owners.replace(instance, [CreatedObject::parse(PATH)]));
    owners
}

/// The modules of the services `bench` and `other`, and what they share with.
fn modules(modules: &[(&str, &[&str])]) -> SharingServices {
    let mut sharing = SharingServices::default();
    for (name, shares_with) in modules {
        let lists: Vec<PatternStep> = shares_with.iter().map(|list| service(list)).collect();
        let own = service(name);
        sharing.add_module([own.name()].into_iter(), lists.iter().map(PatternStep::name));
    }
    sharing
}

#[test]
fn object_of_another_service_is_not_shared() {
    let refused = commit(&[of("other", "o1")], &owned_by(&[of("bench", "s1")]), SharingServices::default());
    insta::assert_snapshot!(refused, @r#"
    conflict: `other[id='o1']` creates `/devices/device[name="r1"]/config/interfaces/interface[name="x"]`, which `bench[id='s1']` of another service owns
    hint: let only one of the services create it; or let both own it, with `shares_with = ["bench"]` in `[service.other]` in confine.toml, or with the other's list as `shares-with` in the options of the description of each module
    "#);
    // Instances of one service share it.
    assert_eq!(
        commit(&[of("bench", "s2")], &owned_by(&[of("bench", "s1")]), SharingServices::default()),
        "1"
    );
}

#[test]
fn operator_lets_a_module_override_other_services() {
    let owners = owned_by(&[of("bench", "s1")]);
    assert_eq!(commit_with(&[of("other", "o1")], &owners, SharingServices::default(), true), "1");
}

#[test]
fn services_share_if_all_modules_of_both_say_so() {
    let run = |modules| commit(&[of("other", "o1")], &owned_by(&[of("bench", "s1")]), modules);
    assert_eq!(run(modules(&[("bench", &["other"]), ("other", &["bench"])])), "1");
    for one_sided in [
        modules(&[("bench", &["other"]), ("other", &[])]),
        modules(&[("bench", &[]), ("other", &["bench"])]),
        modules(&[("other", &["bench"])]),
        // A second module of the list does not agree.
        modules(&[("bench", &["other"]), ("bench", &[]), ("other", &["bench"])]),
    ] {
        assert!(run(one_sided).starts_with("conflict: `other[id='o1']` creates"));
    }
}

#[test]
fn services_share_if_the_operator_says_so() {
    let permitted = |pairs: &[(&str, &str)]| {
        let mut sharing = SharingServices::default();
        pairs.iter().for_each(|(one, other)| sharing.permit(one, other));
        sharing
    };
    let from_ref = std::slice::from_ref;
    let (bench, other) = (of("bench", "s1"), of("other", "o1"));
    // What one says of the other holds for both, and modules need not agree.
    for pair in [("bench", "other"), ("other", "bench")] {
        let mut sharing = permitted(&[pair]);
        sharing.add_module([service("bench").name()].into_iter(), std::iter::empty());
        assert_eq!(commit(from_ref(&other), &owned_by(from_ref(&bench)), sharing.clone()), "1");
        assert_eq!(commit(from_ref(&bench), &owned_by(from_ref(&other)), sharing.clone()), "1");
        assert_eq!(commit(&[bench.clone(), other.clone()], &owned_by(&[]), sharing.clone()), "11");
        assert_eq!(owned_by(&[bench.clone(), other.clone()]).shared_against(&sharing).count(), 0);
    }
    // A third service that shares with one of them does not share with the other.
    let owners = owned_by(&[bench, of("third", "t1")]);
    for pairs in [&[("bench", "other")][..], &[("bench", "other"), ("bench", "third")]] {
        let refused = commit(from_ref(&other), &owners, permitted(pairs));
        assert!(refused.starts_with("conflict: `other[id='o1']` creates"), "{refused}");
        assert!(refused.contains("which `third[id='t1']` of another service owns"), "{refused}");
    }
}

/// Settings name lists without a namespace.
#[test]
fn operator_names_lists_of_any_namespace() {
    let mut elsewhere = of("other", "o1").path().clone();
    let list = elsewhere.steps.last_mut().unwrap();
    list.namespace = "urn:elsewhere".into();
    let (bench, elsewhere) = (of("bench", "s1"), InstanceRef::new(elsewhere));
    let mut sharing = SharingServices::default();
    assert!(!sharing.allows(&elsewhere, &bench));
    sharing.permit("bench", "other");
    assert!(sharing.allows(&elsewhere, &bench) && sharing.allows(&of("other", "o1"), &bench));
    // The two lists of one name do not share, and no setting can say so.
    assert!(!sharing.allows(&elsewhere, &of("other", "o1")));
}

#[test]
fn refusal_is_told_to_who_came_later() {
    let (bench, other) = (of("bench", "s1"), of("other", "o1"));
    let run = |instances: &[InstanceRef], owners: &[InstanceRef]| {
        let text = commit(instances, &owned_by(owners), SharingServices::default());
        text.split(" creates ").next().unwrap().to_owned()
    };
    let both = [bench.clone(), other.clone()];
    let reversed = [other.clone(), bench.clone()];
    let (bench_is_refused, other_is_refused) = ("conflict: `bench[id='s1']`", "conflict: `other[id='o1']`");
    // Both are new: the order of the runs counts.
    assert_eq!(run(&both, &[]), other_is_refused);
    assert_eq!(run(&reversed, &[]), bench_is_refused);
    // Who owned it before stays, in whichever order they run.
    for order in [&both, &reversed] {
        assert_eq!(run(order, std::slice::from_ref(&bench)), other_is_refused);
        assert_eq!(run(order, std::slice::from_ref(&other)), bench_is_refused);
    }
}

#[test]
fn objects_that_services_shared_before_stay_shared() {
    let (bench, other) = (of("bench", "s1"), of("other", "o1"));
    let owners = owned_by(&[bench.clone(), other.clone()]);
    let sharing = SharingServices::default();
    assert_eq!(owners.shared_against(&sharing).collect::<Vec<_>>(), [(PATH.to_owned(), &bench, &other)]);
    let allowed = modules(&[("bench", &["other"]), ("other", &["bench"])]);
    assert_eq!(owners.shared_against(&allowed).count(), 0);
    for instances in
        [&[bench.clone(), other.clone()][..], std::slice::from_ref(&other), std::slice::from_ref(&bench)]
    {
        assert_eq!(commit(instances, &owners, SharingServices::default()), "1".repeat(instances.len()));
    }
    // A third one does not join them.
    let third = of("bench", "s2");
    assert!(
        commit(&[third], &owners, SharingServices::default())
            .starts_with("conflict: `bench[id='s2']` creates")
    );
}

#[test]
fn object_that_its_owner_no_longer_makes_may_be_taken_over() {
    let (bench, other) = (of("bench", "s1"), of("other", "o1"));
    // `bench` runs, and makes it no more; here, it is deleted.
    let mut commit_both = Commit::new().declare("/devices/device/config/if:interfaces/interface[name]");
    let mut draft = commit_both.draft.take().unwrap();
    draft.declare(of("other", "").path());
    let scope = Arc::new(Scope::new("other", [service("other")], Vec::new()));
    let meter = Meter::new(WorkAllowance::UNLIMITED);
    let mut view = View::new(draft, scope, other.clone(), Arc::new(prefixes()), meter);
    block(view.set(&format!("{X}/mtu"), "1")).unwrap();
    draft = view.into_parts().0;
    let both = [other, bench.clone()];
    block(draft.settle(&both)).unwrap();
    assert_eq!(draft.finish(&both, &owned_by(&[bench])).unwrap().created[0].1.len(), 1);
}

/// What one service made is not built upon by another: it would have to stay when its owner goes.
#[test]
fn object_below_that_of_another_service_is_not_made() {
    let system = "/devices/device[name='r1']/config/sys:system/sys:shell";
    let run = |sharing: SharingServices| {
        let mut commit = Commit::new().declare("/devices/device/config/sys:system/sys:shell/sys:user[name]");
        let mut draft = commit.draft.take().unwrap();
        draft.declare(of("other", "").path());
        draft.share(Arc::new(sharing));
        let scope = Arc::new(Scope::new("other", [service("other")], Vec::new()));
        let other = of("other", "o1");
        let meter = Meter::new(WorkAllowance::UNLIMITED);
        let mut view = View::new(draft, scope, other.clone(), Arc::new(prefixes()), meter);
        block(view.create(&format!("{system}/user[name='u']"))).unwrap();
        draft = view.into_parts().0;
        block(draft.settle(std::slice::from_ref(&other))).unwrap();
        let mut owners = OwnerIndex::new();
        let above = CreatedObject::parse("/devices/device[name=\"r1\"]/config/system/shell");
        owners.replace(&of("bench", "s1"), [above]);
        let finished = draft.finish(&[other], &owners);
        finished.map_or_else(|error| error.to_string(), |finished| finished.created[0].1.len().to_string())
    };
    assert!(run(SharingServices::default()).starts_with("conflict: `other[id='o1']` creates"));
    assert_eq!(run(modules(&[("bench", &["other"]), ("other", &["bench"])])), "1");
}
