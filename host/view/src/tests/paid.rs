//! What a call makes the host do is paid for, also where little is given and little comes of it.

use super::*;

const SYSTEM: &str = "/devices/device[name='r1']/config/sys:system";

/// A device whose system has this in it.
fn datastore(system: &str) -> String {
    format!(
        "<services xmlns='{CONTROLLER}'><bench xmlns='urn:bench'><id>s1</id></bench></services>\
         <devices xmlns='{CONTROLLER}'><device><name>r1</name><config><system xmlns='urn:sys'>{system}\
         </system></config></device></devices>"
    )
}

fn commit(system: &str) -> Commit {
    Commit::on(&datastore(system), open_scope())
}

#[test]
fn result_limit_counts_names_and_markup() {
    const ANSWER: u64 = 20_000;

    let name = "n".repeat(1000);
    let names = format!("<{name}>1</{name}>").repeat(50);
    let values = format!("<a>{}</a>", "&lt;".repeat(10_000));
    let spaces: String = (0..50).map(|n| format!("<a xmlns='urn:{n}:{name}'/>")).collect();
    for system in [names, values, spaces] {
        let mut commit = commit(&system);
        commit.run("s1", async |view| {
            let text = view.read_xml(SYSTEM).await.unwrap();
            assert!(text.len() as u64 > ANSWER);
        });
        commit.meter = Meter::new(WorkAllowance { bytes_per_call: ANSWER, ..WorkAllowance::UNLIMITED });
        commit.run("s1", async |view| {
            let read = view.read_xml(SYSTEM).await;
            assert!(
                matches!(read, Err(Error::Limit(limit)) if limit.limit == MeteredLimit::BytesPerCall),
                "{read:?}"
            );
        });
    }
}

#[test]
fn result_limit_counts_namespaces() {
    let spaces: String = (0..10).map(|n| format!("<a xmlns='urn:{n}:{}'/>", "n".repeat(1000))).collect();
    let mut commit = commit(&spaces);
    commit.meter = Meter::new(WorkAllowance { bytes_per_call: 5_000, ..WorkAllowance::UNLIMITED });
    commit.run("s1", async |view| {
        let read = view.read(SYSTEM).await;
        assert!(
            matches!(read, Err(Error::Limit(limit)) if limit.limit == MeteredLimit::BytesPerCall),
            "{read:?}"
        );
    });
}

#[test]
fn reading_entries_by_other_leaves_is_charged_each_time() {
    const ENTRIES: u64 = 1000;

    let entries: String = (0..ENTRIES).map(|n| format!("<l><a>{n}</a><b>{n}</b></l>")).collect();
    commit(&entries).run("s1", async |view| {
        view.read(SYSTEM).await.unwrap();
        for key in ["a", "b", "a", "b"] {
            let before = view.meter().host_work();
            assert!(view.exists(&format!("{SYSTEM}/l[{key}='7']")).await.unwrap());
            assert!(view.meter().host_work() - before > ENTRIES, "{}", view.meter().host_work() - before);
        }
    });
}

#[test]
fn visiting_removed_nodes_is_charged() {
    const ENTRIES: u64 = 1000;

    commit("").run("s1", async |view| {
        view.read(SYSTEM).await.unwrap();
        for n in 0..ENTRIES {
            let entry = format!("{SYSTEM}/search[.='{n}']");
            view.set(&entry, &n.to_string()).await.unwrap();
            view.remove(&entry).await.unwrap();
        }
        let before = view.meter().host_work();
        assert_eq!(view.read(SYSTEM).await.unwrap().len(), 1);
        assert!(view.meter().host_work() - before > ENTRIES);
    });
}

#[test]
fn edit_bytes_count_namespaces_of_values() {
    let mut commit = commit("").declare("/devices/device/config/sys:system/l[a]");
    commit.meter = Meter::new(WorkAllowance { edit_bytes: 20_000, ..WorkAllowance::UNLIMITED });
    let space = format!("urn:{}", "x".repeat(500));
    let entries: String = (0..20).map(|n| format!("<search>p:{n}</search><search>p:a{n}</search>")).collect();
    commit.run("s1", async |view| {
        view.read(SYSTEM).await.unwrap();
        let given = format!(
            "<devices xmlns='{CONTROLLER}' xmlns:p='{space}'><device><name>r1</name><config>\
             <system xmlns='urn:sys'>{entries}</system></config></device></devices>"
        );
        let made = view.edit_xml(&given).await;
        assert!(
            matches!(made, Err(Error::Limit(limit)) if limit.limit == MeteredLimit::EditBytes),
            "{made:?}"
        );
    });
}

/// Whether the device has a hash of a password is found out after the run.
#[test]
fn comparing_a_password_is_paid_for_where_it_is_set() {
    let cost = |value: &str| {
        let mut commit = commit("");
        commit.run("s1", async |view| {
            view.set(&format!("{SYSTEM}/password"), value).await.unwrap();
            let given = format!(
                "<devices xmlns='{CONTROLLER}'><device><name>r1</name><config><system xmlns='urn:sys'><other>{value}\
                 </other></system></config></device></devices>"
            );
            view.edit_xml(&given).await.unwrap();
            view.meter().host_work()
        })
    };
    assert!(cost("$0$secret") >= cost("$1$secret") + 2 * crate::crypt::COST);
}

#[test]
fn list_with_many_keys_is_read_whole() {
    let keys: String = (0..60).map(|n| format!("[k{n}='1']")).collect();
    let mut commit = commit("");
    commit.run("s1", async |view| {
        assert!(!view.exists(&format!("{SYSTEM}/l{keys}")).await.unwrap());
    });
    let requests = commit.requests();
    assert!(requests.iter().all(|request| !request.contains(" | ")), "{requests:?}");
}
