//! What calls cost: twice the work for twice as much, and never more.

use super::*;
use crate::ViewEdit;

const INTERFACES: &str = "/devices/device[name='r1']/config/if:interfaces";

/// A device with so many interfaces.
fn datastore(interfaces: usize) -> String {
    let interface = |n: usize| format!("<interface><name>i{n}</name><mtu>1500</mtu></interface>");
    let interfaces: String = (0..interfaces).map(interface).collect();
    format!(
        "<services xmlns='{CONTROLLER}'><bench xmlns='urn:bench'><id>s1</id></bench></services>\
         <devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>{interfaces}\
         </interfaces></config></device></devices>"
    )
}

fn entry(name: &str) -> String {
    format!("{INTERFACES}/interface[name='{name}']")
}

fn fragment(interfaces: &str) -> String {
    format!(
        "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><interfaces xmlns='urn:if'>{interfaces}\
         </interfaces></config></device></devices>"
    )
}

/// Without rules, and with some that are looked at for each node, whether they are about it or not.
fn scopes() -> [Scope; 2] {
    let about = |n: usize| {
        let name = format!("rule {n}");
        rules::rule(
            &name,
            &rules::config(&format!("if:interfaces/if:interface[if:name='no {n}']")),
            "*",
            "deny",
        )
    };
    [open_scope(), rules::scope(&(0..10).map(about).collect::<String>())]
}

/// The work of what is done to a device with so many interfaces, all of which have been read.
fn work(scope: Scope, count: usize, run: impl AsyncFn(&mut View, usize)) -> u64 {
    let mut commit =
        Commit::on(&datastore(count), scope).declare("/devices/device/config/if:interfaces/interface[name]");
    commit.run("s1", async |view| {
        view.read(INTERFACES).await.unwrap();
        let before = view.meter().host_work();
        run(view, count).await;
        view.meter().host_work() - before
    })
}

/// The work grows with what is given or looked at, and no faster.
#[track_caller]
fn assert_linear(what: &str, run: impl AsyncFn(&mut View, usize)) {
    for scope in scopes() {
        let [once, twice, four] = [200, 400, 800].map(|count| work(scope.clone(), count, &run));
        eprintln!("{what}: {once} steps for 200, {four} for 800");
        let most = |of: u64| 2 * of + of / 4;
        assert!(twice <= most(once) && four <= most(twice), "{what}: {once}, {twice}, {four}");
        assert!(2 * four >= 5 * once, "{what} is not counted: {once}, {twice}, {four}");
    }
}

#[test]
fn cost_of_calls_on_everything_is_linear() {
    let all = || format!("{INTERFACES}/interface");
    assert_linear("find", async |view, count| assert_eq!(view.find(&all()).await.unwrap().len(), count));
    assert_linear("read", async |view, count| assert_eq!(view.read(&all()).await.unwrap().len(), 3 * count));
    assert_linear("read-xml", async |view, _| drop(view.read_xml(&all()).await.unwrap()));
    assert_linear("remove", async |view, _| view.remove(&all()).await.unwrap());
    assert_linear("edit-xml", async |view, count| {
        let interface = |n: usize| format!("<interface><name>n{n}</name><mtu>9000</mtu></interface>");
        let interfaces: String = (0..count).map(interface).collect();
        view.edit_xml(&fragment(&interfaces)).await.unwrap();
    });
    for operation in ["create", "remove"] {
        assert_linear("edit", async |view, count| {
            let edit =
                |n| ViewEdit { operation: operation.into(), path: entry(&format!("i{n}")), value: None };
            view.edit(&(0..count).map(edit).collect::<Vec<_>>()).await.unwrap();
        });
    }
}

#[test]
fn cost_of_a_call_is_independent_of_data_size() {
    assert_linear("get", async |view, count| {
        for n in 0..count {
            let mtu = format!("{}/mtu", entry(&format!("i{n}")));
            assert_eq!(view.get(&mtu).await.unwrap().as_deref(), Some("1500"));
        }
    });
    assert_linear("exists", async |view, count| {
        for n in 0..count {
            assert!(view.exists(&entry(&format!("i{n}"))).await.unwrap());
            assert!(!view.exists(&entry(&format!("n{n}"))).await.unwrap());
        }
    });
    assert_linear("set", async |view, count| {
        for n in 0..count {
            view.set(&format!("{}/mtu", entry(&format!("n{n}"))), "9000").await.unwrap();
        }
    });
    assert_linear("create", async |view, count| {
        for n in 0..count {
            view.create(&entry(&format!("n{n}"))).await.unwrap();
        }
    });
    assert_linear("remove", async |view, count| {
        for n in 0..count {
            view.remove(&entry(&format!("i{n}"))).await.unwrap();
        }
    });
    // What one does does not make the next dearer.
    assert_linear("set and get and find in turn", async |view, count| {
        for n in 0..count {
            let mtu = format!("{}/mtu", entry(&format!("n{n}")));
            view.set(&mtu, "9000").await.unwrap();
            assert_eq!(view.get(&mtu).await.unwrap().as_deref(), Some("9000"));
            assert_eq!(view.find(&entry(&format!("n{n}"))).await.unwrap().len(), 1);
            view.remove(&entry(&format!("n{n}"))).await.unwrap();
        }
    });
}

#[test]
fn cost_of_a_text_is_its_length() {
    let long = |count: usize| "x".repeat(1000 * count);
    let name = |count: usize| "x".repeat(75 * count);
    assert_linear("get", async |view, count| drop(view.get(&entry(&name(count))).await.unwrap()));
    assert_linear("exists", async |view, count| assert!(!view.exists(&entry(&name(count))).await.unwrap()));
    assert_linear("find", async |view, count| drop(view.find(&entry(&name(count))).await.unwrap()));
    assert_linear("read", async |view, count| drop(view.read(&entry(&name(count))).await.unwrap()));
    assert_linear("read-xml", async |view, count| drop(view.read_xml(&entry(&name(count))).await.unwrap()));
    assert_linear("set", async |view, count| {
        view.set(&format!("{}/mtu", entry("i1")), &long(count)).await.unwrap();
    });
    assert_linear("create", async |view, count| view.create(&entry(&name(count))).await.unwrap());
    assert_linear("remove", async |view, count| view.remove(&entry(&name(count))).await.unwrap());
    assert_linear("edit-xml", async |view, count| {
        let interface =
            format!("<interface><name>i1</name><description>{}</description></interface>", long(count));
        view.edit_xml(&fragment(&interface)).await.unwrap();
    });
}

/// A key stands in the path of everything below it: what goes through that is paid for by the length of the
/// paths, and keeps no path of each.
#[test]
fn nodes_below_a_long_key_cost_its_path() {
    const KEY: usize = 60 << 10;
    const BELOW: usize = 200;

    let key = "k".repeat(KEY);
    let paths = (KEY * BELOW) as u64 / crate::BYTES_PER_UNIT;
    let leaves: String = (0..BELOW).map(|n| format!("<search>{n}</search>")).collect();
    let given = fragment(&format!("<interface><name>{key}</name>{leaves}</interface>"));
    let commit = |datastore: &str| {
        Commit::on(datastore, open_scope()).declare("/devices/device/config/if:interfaces/interface[name]")
    };
    let mut made = commit(&datastore(0));
    made.meter = Meter::new(WorkAllowance { edit_bytes: 100_000, ..WorkAllowance::UNLIMITED });
    made.run("s1", async |view| {
        let made = view.edit_xml(&given).await;
        assert!(
            matches!(made, Err(Error::Limit(exceeded)) if exceeded.limit == MeteredLimit::EditBytes),
            "{made:?}"
        );
    });
    let mut read = commit(&given);
    read.run("s1", async |view| {
        let search = format!("{}/search", entry(&key));
        let before = view.meter().host_work();
        assert_eq!(view.read(&search).await.unwrap().len(), BELOW);
        assert!(view.meter().host_work() - before > paths, "{}", view.meter().host_work() - before);
    });
    let mut removed = commit(&given);
    removed.meter = Meter::new(WorkAllowance { edit_bytes: 5 * KEY as u64, ..WorkAllowance::UNLIMITED });
    removed.run("s1", async |view| {
        let removed = view.remove(&format!("{}/search", entry(&key))).await;
        assert!(
            matches!(removed, Err(Error::Limit(exceeded)) if exceeded.limit == MeteredLimit::EditBytes),
            "{removed:?}"
        );
    });
}
