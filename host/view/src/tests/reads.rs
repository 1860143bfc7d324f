//! What a module may read by its description, and what it learns of a refusal.

use std::collections::BTreeSet;

use confine_tree::{DataNodeKind, Overlay, SchemaNode, ValueError};
use proptest::prelude::*;

use super::*;
use crate::{UndeclaredReadReporter, UndeclaredReads};

const R1: &str = "/devices/device[name='r1']/config";

/// Resolves paths as descriptions are.
fn declared(paths: &[&str]) -> Vec<Pattern> {
    let overlay = Overlay::new(Arc::new(NoSchema));
    let resolve =
        |path: &&str| overlay.resolve(&Path::parse(path).unwrap(), &Pattern::default(), &prefixes()).unwrap();
    paths.iter().map(resolve).collect()
}

/// A commit of a module that declares this.
fn commit(reads: &[&str], writes: &[&str]) -> Commit {
    let commit = Commit::of(scope(reads, writes));
    reads.iter().chain(writes).fold(commit, |commit, path| commit.declare(path))
}

fn scope(reads: &[&str], writes: &[&str]) -> Scope {
    Scope::new("bench", [service("bench")], declared(writes)).only_declared().with_reads(&declared(reads))
}

/// Tries `exists`, `find` and `read_xml` on each path. `read` and `get` are refused where `read_xml` is.
fn try_all(commit: &mut Commit, paths: &[&str]) -> String {
    commit.run("s1", async |view| {
        let mut tried = Vec::new();
        for path in paths {
            let exists = refusal(view.exists(path).await);
            let find = refusal(view.find(path).await);
            let read = refusal(view.read_xml(path).await);
            let is_refused = read.starts_with("access-denied");
            assert_eq!(refusal(view.read(path).await).starts_with("access-denied"), is_refused, "{path}");
            assert_eq!(refusal(view.get(path).await).starts_with("access-denied"), is_refused, "{path}");
            let mut results = vec![exists, find, read];
            results.dedup();
            tried.push(format!("{path}\n  {}", results.join("\n").replace('\n', "\n  ")));
        }
        tried.join("\n")
    })
}

#[test]
fn undeclared_read_is_refused_with_the_line_to_add() {
    let mut commit = commit(&[], &["/devices/device/config/if:interfaces/interface[name]/mtu"]);
    let tried = try_all(
        &mut commit,
        &[
            &format!("{R1}/sys:system/hostname"),
            "/devices/device/config/sys:system/search[.='a.se']",
            "/devices/device[name='r1']/addr",
            "/devices",
            "/services/b:bench[id='s2']",
            &format!("{R1}/if:interfaces/interface[name='a']/type"),
        ],
    );
    insta::assert_snapshot!(tried, @"
    /devices/device[name='r1']/config/sys:system/hostname
      access-denied: access denied: read of `/devices/device[name='r1']/config/system/hostname`: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:system/hostname` to `reads` there (/devices/device[name='r1']/config/sys:system/hostname)
    /devices/device/config/sys:system/search[.='a.se']
      access-denied: access denied: read of `/devices/device/config/system/search[.='a.se']`: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:system/search` to `reads` there (/devices/device/config/sys:system/search[.='a.se'])
    /devices/device[name='r1']/addr
      access-denied: access denied: read of `/devices/device[name='r1']/addr`: the description of module `bench` does not declare it
      hint: add `/devices/device/addr` to `reads` there (/devices/device[name='r1']/addr)
    /devices
      access-denied: access denied: read of `/devices`: the description of module `bench` does not declare it
      hint: add `/devices` to `reads` there (/devices)
    /services/b:bench[id='s2']
      access-denied: access denied: read of the keys of `/services/bench[id='s2']`: the description of module `bench` does not declare it
      hint: add `/services/b:bench[id]/id` to `reads` there (/services/b:bench[id='s2'])
      access-denied: access denied: read of `/services/bench[id='s2']`: the description of module `bench` does not declare it
      hint: add `/services/b:bench[id]` to `reads` there (/services/b:bench[id='s2'])
    /devices/device[name='r1']/config/if:interfaces/interface[name='a']/type
      access-denied: access denied: read of `/devices/device[name='r1']/config/interfaces/interface[name='a']/type`: the description of module `bench` does not declare it
      hint: add `/devices/device/config/if:interfaces/interface[name]/type` to `reads` there (/devices/device[name='r1']/config/if:interfaces/interface[name='a']/type)
    ");
    assert_eq!(commit.requests(), [""; 0], "it is refused before anything is read");
}

#[test]
fn keys_on_the_way_to_declared_paths_are_readable() {
    let mut commit = commit(
        &["/devices/device/config/if:interfaces/interface[name]/mtu", "/services/b:bench[id]/mtu"],
        &["/devices/device[name='r2']/config/sys:system/hostname"],
    );
    let tried = try_all(
        &mut commit,
        &[
            "/devices/device",
            "/devices/device/name",
            "/devices/device[name='r1']",
            "/devices/device/config",
            "/devices/device/config/if:interfaces/interface",
            &format!("{R1}/if:interfaces/interface[name='a']/name"),
            &format!("{R1}/if:interfaces/interface[name='a']/mtu"),
            "/services/b:bench",
            "/devices/device/config/sys:system/hostname",
            "/devices/device[name='r2']/config/sys:system/hostname",
        ],
    );
    insta::assert_snapshot!(tried, @r#"
    /devices/device
      true
      ["/devices/device[name='r1']", "/devices/device[name='r2']"]
      access-denied: access denied: read of `/devices/device`: the description of module `bench` does not declare it
      hint: add `/devices/device` to `reads` there (/devices/device)
    /devices/device/name
      true
      ["/devices/device[name='r1']/name", "/devices/device[name='r2']/name"]
      "<name xmlns=\"http://clicon.org/controller\">r1</name><name xmlns=\"http://clicon.org/controller\">r2</name>"
    /devices/device[name='r1']
      true
      ["/devices/device[name='r1']"]
      access-denied: access denied: read of `/devices/device[name='r1']`: the description of module `bench` does not declare it
      hint: add `/devices/device` to `reads` there (/devices/device[name='r1'])
    /devices/device/config
      access-denied: access denied: read of `/devices/device/config`: the description of module `bench` does not declare it
      hint: add `/devices/device/config` to `reads` there (/devices/device/config)
    /devices/device/config/if:interfaces/interface
      true
      ["/devices/device[name='r1']/config/if:interfaces/interface[name='a']", "/devices/device[name='r1']/config/if:interfaces/interface[name='it''s \"b\"']", "/devices/device[name='r1']/config/if:interfaces/interface[name='mine']"]
      access-denied: access denied: read of `/devices/device/config/interfaces/interface`: the description of module `bench` does not declare it
      hint: add `/devices/device/config/if:interfaces/interface` to `reads` there (/devices/device/config/if:interfaces/interface)
    /devices/device[name='r1']/config/if:interfaces/interface[name='a']/name
      true
      ["/devices/device[name='r1']/config/if:interfaces/interface[name='a']/name"]
      "<name xmlns=\"urn:if\">a</name>"
    /devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu
      true
      ["/devices/device[name='r1']/config/if:interfaces/interface[name='a']/mtu"]
      "<mtu xmlns=\"urn:if\">1500</mtu>"
    /services/b:bench
      true
      ["/services/b:bench[id='s1']", "/services/b:bench[id='s2']"]
      access-denied: access denied: read of `/services/bench`: the description of module `bench` does not declare it
      hint: add `/services/b:bench` to `reads` there (/services/b:bench)
    /devices/device/config/sys:system/hostname
      access-denied: access denied: read of `/devices/device/config/system/hostname`: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:system/hostname` to `reads` there (/devices/device/config/sys:system/hostname)
    /devices/device[name='r2']/config/sys:system/hostname
      true
      ["/devices/device[name='r2']/config/sys:system/hostname"]
      "<hostname xmlns=\"urn:sys\">two</hostname>"
    "#);
}

/// Where no model is known, a path could call any leaf a key, and find out its value.
#[test]
fn learned_keys_are_not_found_unless_they_are_declared() {
    let users = "<devices xmlns='http://clicon.org/controller'><device><name>r1</name><config><users xmlns='urn:sys'>\
        <user><name>ann</name><password>one</password><role>r</role></user></users></config></device></devices>";
    let path = "/devices/device/config/sys:users/user/role";
    let mut commit = Commit::on(users, scope(&[], &[path]));
    commit.run("s1", async |view| {
        view.set(&format!("{R1}/sys:users/user[password='two']/role"), "x").await.unwrap();
        for path in [path, &format!("{R1}/sys:users/user/role")] {
            let found = view.find(path).await;
            let refused = refusal(found);
            assert!(refused.starts_with("access-denied: "), "{refused}");
        }
    });
}

#[test]
fn leaf_is_not_readable_because_a_path_calls_it_a_key() {
    let users = "<devices xmlns='http://clicon.org/controller'><device><name>r1</name><config><users xmlns='urn:sys'>\
        <user><name>ann</name><password>one</password><role>r</role></user></users></config></device></devices>";
    let path = "/devices/device/config/sys:users/user/role";
    let mut commit = Commit::on(users, scope(&[], &[path]));
    let user = format!("{R1}/sys:users/user");
    let tried = try_all(
        &mut commit,
        &[
            &format!("{user}[password]"),
            &format!("{user}[password='one']"),
            &format!("{user}[password='one']/role"),
            &format!("{user}[password='one']/password"),
            &format!("{user}[name]"),
        ],
    );
    insta::assert_snapshot!(tried, @"
    /devices/device[name='r1']/config/sys:users/user[password]
      access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user[password]` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[password]/password` to `reads` there (/devices/device[name='r1']/config/sys:users/user[password])
      access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user[password]` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[password]` to `reads` there (/devices/device[name='r1']/config/sys:users/user[password])
    /devices/device[name='r1']/config/sys:users/user[password='one']
      access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user[password='one']` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[password]/password` to `reads` there (/devices/device[name='r1']/config/sys:users/user[password='one'])
      access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user[password='one']` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[password]` to `reads` there (/devices/device[name='r1']/config/sys:users/user[password='one'])
    /devices/device[name='r1']/config/sys:users/user[password='one']/role
      access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user[password='one']/role` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[password]/role` to `reads` there (/devices/device[name='r1']/config/sys:users/user[password='one']/role)
    /devices/device[name='r1']/config/sys:users/user[password='one']/password
      access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user[password='one']/password` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[password]/password` to `reads` there (/devices/device[name='r1']/config/sys:users/user[password='one']/password)
    /devices/device[name='r1']/config/sys:users/user[name]
      access-denied: access denied: read of `/devices/device/config/users/user/name`, by which `/devices/device[name='r1']/config/users/user[name]` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[name]/name` to `reads` there (/devices/device[name='r1']/config/sys:users/user[name])
      access-denied: access denied: read of `/devices/device/config/users/user/name`, by which `/devices/device[name='r1']/config/users/user[name]` selects: the description of module `bench` does not declare it
      hint: add `/devices/device/config/sys:users/user[name]` to `reads` there (/devices/device[name='r1']/config/sys:users/user[name])
    ");
    // An edit settles the keys where no model does, and what is found shows them.
    let found = commit.run("s1", async |view| {
        view.set(&format!("{user}[password='two']/role"), "x").await.unwrap();
        let removed = refusal(view.remove(&format!("{user}[password='one']/role")).await);
        [refusal(view.find(&format!("{user}/role")).await), removed].join("\n")
    });
    insta::assert_snapshot!(found, @"
    access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user/role` selects: the description of module `bench` does not declare it
    hint: add `/devices/device/config/sys:users/user[password]/role` to `reads` there (/devices/device[name='r1']/config/sys:users/user/role)
    access-denied: access denied: read of `/devices/device/config/users/user/password`, by which `/devices/device[name='r1']/config/users/user[password='one']/role` selects: the description of module `bench` does not declare it
    hint: add `/devices/device/config/sys:users/user[password]/role` to `reads` there (/devices/device[name='r1']/config/sys:users/user[password='one']/role)
    ");
}

/// What other modules have read or declared must not show in what happens to paths that this one may not read or write.
#[test]
fn refusal_tells_nothing_of_what_others_read_and_declared() {
    let system = format!("{R1}/sys:system");
    let fragment = format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><system xmlns='urn:sys'>\
         <search>x</search></system></config></device></devices>"
    );
    let try_them = |others: &[&str]| {
        let mut commit = commit(&[], &["/devices/device/config/if:interfaces/interface[name]/mtu"]);
        let others = declared(others);
        block(commit.draft().read(&others)).unwrap();
        commit.run("s1", async |view| {
            [
                // Two namespaces might have it; the data has it in one.
                refusal(view.get(&format!("{R1}/system/hostname")).await),
                refusal(view.exists(&format!("{R1}/nosuch")).await),
                // There are several.
                refusal(view.exists(&format!("{system}/search[name='x']")).await),
                refusal(view.set(&format!("{system}/search"), "x").await),
                refusal(view.set("/devices/device/addr", "x").await),
                refusal(view.edit_xml(&fragment).await),
            ]
            .join("\n")
        })
    };
    let (nothing, everything) = (try_them(&[]), try_them(&["/devices"]));
    assert_eq!(nothing, everything);
    insta::assert_snapshot!(nothing, @"
    unknown-namespace: `system` below `/devices/device[name='r1']/config` could be `b:system`, `if:system`, `o:system`, `sys:system` or `ty:system`: write the prefix (/devices/device[name='r1']/config/system/hostname)
    unknown-namespace: `nosuch` below `/devices/device[name='r1']/config` could be `b:nosuch`, `if:nosuch`, `o:nosuch`, `sys:nosuch` or `ty:nosuch`: write the prefix (/devices/device[name='r1']/config/nosuch)
    access-denied: access denied: read of the keys of `/devices/device[name='r1']/config/system/search[name='x']`: the description of module `bench` does not declare it
    hint: add `/devices/device/config/sys:system/search[name]/name` to `reads` there (/devices/device[name='r1']/config/sys:system/search[name='x'])
    access-denied: access denied: create of `/devices/device[name='r1']/config/system/search`: the module's description declares that it writes `/devices/device/config/interfaces/interface[name]/mtu`; add it to `writes` there (/devices/device[name='r1']/config/sys:system/search)
    access-denied: access denied: create of `/devices/device/addr`: a module writes below `/devices/device/config` only (/devices/device/addr)
    access-denied: access denied: create of `/devices/device[name='r1']/config/system`: the module's description declares that it writes `/devices/device/config/interfaces/interface[name]/mtu`; add it to `writes` there (/devices/device[name='r1']/config/system)
    ");
}

#[test]
fn module_without_declared_writes_reads_all_configuration() {
    let mut commit = Commit::of(Scope::new("bench", [service("bench")], Vec::new()));
    commit.run("s1", async |view| {
        assert_eq!(view.find("/devices/device").await.unwrap().len(), 2);
        assert!(view.read_xml("/devices/device/config").await.unwrap().contains("hostname"));
        for path in ["/devices", "/devices/device[name='r1']/addr", "/services/b:bench[id='s2']/mtu"] {
            assert!(refusal(view.read(path).await).starts_with("access-denied"), "{path}");
        }
    });
    // It writes nothing of what it declares, so it reads nothing of that either.
    let mut commit = Commit::of(Scope::new("bench", [service("bench")], Vec::new()).only_declared());
    commit.run("s1", async |view| assert!(view.find("/devices/device").await.is_err()));
}

/// Who declares to write more than a module may write reads no more than that.
#[test]
fn declared_writes_widen_reads_by_device_configuration_only() {
    let mut commit = commit(&[], &["/devices", "/services/b:bench/mtu"]);
    commit.run("s1", async |view| {
        assert!(view.exists(&format!("{R1}/sys:system")).await.unwrap());
        for path in ["/devices/device[name='r1']/addr", "/devices", "/services/b:bench[id='s2']/mtu"] {
            assert!(refusal(view.read(path).await).starts_with("access-denied"), "{path}");
        }
    });
}

#[test]
fn refusing_a_read_costs_as_much_as_its_path_is_long() {
    let cost = |declared_reads: usize, steps: usize, keys: usize| {
        let reads: Vec<String> = (0..declared_reads).map(|n| format!("{R1}/sys:a/b{n}[k='{n}']/c")).collect();
        let mut commit = commit(&reads.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let keys: String = (0..keys).map(|n| format!("[k{n}='v']")).collect();
        let path = format!("{R1}/sys:a{}", format!("/x{keys}").repeat(steps));
        commit.run("s1", async |view| {
            let before = view.meter().host_work();
            assert!(refusal(view.exists(&path).await).starts_with("access-denied"));
            view.meter().host_work() - before
        })
    };
    let (one, longer, wider) = (cost(10, 50, 2), cost(10, 200, 2), cost(10, 50, 8));
    assert!(longer < 5 * one && wider < 5 * one, "{one} {longer} {wider}");
    assert_eq!(cost(400, 50, 2), one, "however much is declared");
}

#[derive(Default)]
struct Reported(Mutex<BTreeSet<String>>);

impl UndeclaredReadReporter for Reported {
    fn undeclared(&self, module: &str, path: &str) {
        self.0.lock().unwrap().insert(format!("{module} {path}"));
    }
}

#[test]
fn undeclared_read_is_reported_where_that_suffices() {
    let reported = Arc::new(Reported::default());
    let mut commit =
        Commit::of(scope(&[], &[]).with_undeclared_reads(UndeclaredReads::Report(reported.clone())));
    commit.run("s1", async |view| {
        assert_eq!(view.find("/devices/device").await.unwrap().len(), 2);
        for device in ["r1", "r2"] {
            let hostname = format!("/devices/device[name='{device}']/config/sys:system/hostname");
            assert!(view.get(&hostname).await.unwrap().is_some());
        }
        assert!(view.read("/services/b:bench[id='s2']").await.unwrap().len() > 1);
        for path in HIDDEN {
            assert!(view.exists(path).await.is_err(), "{path}");
        }
    });
    let reported = reported.0.lock().unwrap().iter().cloned().collect::<Vec<_>>();
    insta::assert_snapshot!(reported.join("\n"), @"
    bench /devices/device/config/sys:system/hostname
    bench /devices/device/name
    bench /services/b:bench[id]
    ");
}

const HIDDEN: [&str; 4] = ["/", "/nacm", "/services/o:other", "created"];

/// The steps of paths below the configuration of a device, with the key of the list.
const PLACES: [&str; 8] = [
    "",
    "/sys:a",
    "/sys:a/b",
    "/sys:a/l",
    "/sys:a/l[k='1']",
    "/sys:a/l[k='1']/v",
    "/sys:a/l/v",
    "/sys:a/l[k='2']/w",
];

fn place() -> impl Strategy<Value = String> {
    let device = prop_oneof![Just(""), Just("[name='r1']"), Just("[name='r2']")];
    prop_oneof![
        1 => Just("/devices".to_owned()),
        1 => device.clone().prop_map(|device| format!("/devices/device{device}")),
        1 => device.clone().prop_map(|device| format!("/devices/device{device}/name")),
        1 => device.clone().prop_map(|device| format!("/devices/device{device}/addr")),
        12 => (device, proptest::sample::select(&PLACES[..]))
            .prop_map(|(device, place)| format!("/devices/device{device}/config{place}")),
    ]
}

/// The rule in its simplest form. The lists are those of devices and `l`.
fn is_permitted(reads: &[Pattern], writes: &[Pattern], path: &Pattern, names_only: bool) -> bool {
    let config = &declared(&["/devices/device/config"])[0];
    let readable = |write: &Pattern| {
        let rest = config.steps.iter().skip(write.steps.len());
        let part = Pattern { steps: write.steps.iter().chain(rest).cloned().collect() };
        config.covers(&part).then_some(part)
    };
    let all: Vec<Pattern> = match writes {
        [] => reads.iter().chain([config]).cloned().collect(),
        writes => reads.iter().cloned().chain(writes.iter().filter_map(readable)).collect(),
    };
    let leads_on = |path: &Pattern| {
        let above =
            |may: &Pattern| Pattern { steps: may.steps.iter().take(path.steps.len()).cloned().collect() };
        all.iter().any(|may| may.steps.len() >= path.steps.len() && above(may).covers(path))
    };
    let is_list =
        |path: &Pattern| ["device", "l"].contains(&path.steps.last().map_or("", |step| &*step.local));
    let entry = Pattern { steps: path.steps[..path.steps.len() - 1].to_vec() };
    let is_key =
        is_list(&entry) && ["name", "k"].contains(&path.steps.last().map_or("", |step| &*step.local));
    all.iter().any(|may| may.covers(path))
        || names_only && is_list(path) && leads_on(path)
        || is_key && leads_on(&entry)
}

/// Two datastores that have nothing in common.
const DATASTORES: [&str; 2] = [
    "<devices xmlns='http://clicon.org/controller'/>",
    "<devices xmlns='http://clicon.org/controller'><device><name>r1</name><addr>x</addr><config><a xmlns='urn:sys'>\
     <b>1</b><l><k>1</k><v>1</v></l><l><k>2</k><v>1</v><w>2</w></l></a></config></device>\
     <device><name>r2</name><config><a xmlns='urn:sys'><l><k>3</k></l></a></config></device></devices>",
];

proptest! {
    #[test]
    fn refusal_depends_on_description_and_path_alone(
        reads in proptest::collection::vec(place(), 0..4),
        writes in proptest::collection::vec(place(), 0..3),
        earlier in proptest::collection::vec(place(), 0..4),
        path in place(),
    ) {
        let patterns = |paths: &[String]| declared(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let (reads, writes, pattern) = (patterns(&reads), patterns(&writes), &patterns(std::slice::from_ref(&path))[0]);
        let scope = Scope::new("bench", [service("bench")], writes.clone()).with_reads(&reads);
        let mut results = Vec::new();
        for (datastore, earlier) in [(DATASTORES[0], &[][..]), (DATASTORES[1], &earlier)] {
            let mut commit = Commit::with(Arc::new(OneList), datastore, scope.clone());
            // What another module of the commit has read.
            block(commit.draft().read(&patterns(earlier))).unwrap();
            results.push(commit.run("s1", async |view| {
                let denied = |text: String| text.starts_with("access-denied").then_some(text);
                [
                    denied(refusal(view.exists(&path).await)),
                    denied(refusal(view.find(&path).await)),
                    denied(refusal(view.get(&path).await)),
                    denied(refusal(view.read(&path).await)),
                    denied(refusal(view.read_xml(&path).await)),
                ]
            }));
        }
        prop_assert_eq!(&results[0], &results[1]);
        for (index, refused) in results[0].iter().enumerate() {
            let permitted = is_permitted(&reads, &writes, pattern, index < 2);
            prop_assert_eq!(refused.is_none(), permitted, "{} {:?}", path, refused);
        }
    }
}

/// A model in which `l` is a list with the key `k`.
struct OneList;

impl Schema for OneList {
    fn root(&self) -> Option<SchemaNode> {
        Some(SchemaNode(0))
    }
    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let at = TREE.iter().position(|&(above, local, _)| above == parent.0 && local == name.local)?;
        u32::try_from(at).ok().map(SchemaNode)
    }
    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let namespace = if parent.0 < 3 { CONTROLLER } else { "urn:sys" };
        let below = TREE.iter().skip(1).filter(|node| node.0 == parent.0);
        below.map(|&(_, local, _)| QName::new(namespace, local)).collect()
    }
    fn is_complete(&self, _: SchemaNode) -> bool {
        false
    }
    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        TREE[node.0 as usize].2
    }
    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        static KEYS: LazyLock<[Vec<Box<str>>; 2]> = LazyLock::new(|| [vec!["name".into()], vec!["k".into()]]);
        match node.0 {
            2 => &KEYS[0],
            6 => &KEYS[1],
            _ => &[],
        }
    }
    fn ordered_by_user(&self, _: SchemaNode) -> bool {
        false
    }
    fn position(&self, node: SchemaNode) -> u32 {
        node.0
    }
    fn canonical(
        &self,
        _: SchemaNode,
        value: &str,
        _: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        Ok(value.to_owned())
    }
}

/// Parent, name and kind of each node.
const TREE: [(u32, &str, DataNodeKind); 12] = {
    use DataNodeKind::{Container, Leaf, List};
    [
        (u32::MAX, "", Container),
        (0, "devices", Container),
        (1, "device", List),
        (2, "config", Container),
        (3, "a", Container),
        (4, "b", Leaf),
        (4, "l", List),
        (6, "k", Leaf),
        (6, "v", Leaf),
        (6, "w", Leaf),
        (2, "name", Leaf),
        (2, "addr", Leaf),
    ]
};
