//! Ownership, and what is sent.

use super::*;
use crate::{CreatedObject, FinishedCommit};

const R1: &str = "/devices/device[name='r1']/config";

impl Commit {
    /// Strips what the instances have created, as the service does before it runs them.
    fn strip(&mut self, ids: &[&str], owners: &OwnerIndex) {
        for id in ids {
            for object in owners.created_by(&instance(id)) {
                let path =
                    object.path().replace("config/interfaces", "config/if:interfaces").replace('"', "'");
                let pattern = self.resolved(&path);
                self.draft().strip(&pattern).unwrap();
            }
        }
    }

    fn finished(&mut self, ids: &[&str], owners: &OwnerIndex) -> Result<FinishedCommit, Error> {
        let instances: Vec<InstanceRef> = ids.iter().map(|id| instance(id)).collect();
        block(self.draft().settle(&instances)).unwrap();
        self.draft().finish(&instances, owners)
    }

    fn created(&mut self, ids: &[&str], owners: &OwnerIndex) -> String {
        let finished = self.finished(ids, owners).unwrap();
        let lists = finished.created.iter().map(|(instance, created)| {
            let paths: Vec<String> =
                created.iter().map(|created| format!("\n    {}", created.path)).collect();
            format!("{instance}{}", paths.concat())
        });
        lists.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn recreated_object_is_no_edit() {
    let mut commit = Commit::new();
    commit.strip(&["s1"], &owners());
    commit.run("s1", async |view| {
        view.set(&format!("{R1}/if:interfaces/interface[name='mine']/mtu"), "1").await.unwrap();
    });
    assert_eq!(commit.finish(&["s1"], &owners()), "nothing");
    // One request, for what is needed to know that.
    insta::assert_snapshot!(commit.requests().join("\n"), @"/devices/device[name='r1']/config/interfaces/interface[name='mine'] | /devices/device[name='r1']/name | /services/bench[id='s1']/created | /services/bench[id='s1']/id");
}

#[test]
fn object_that_is_not_recreated_is_removed() {
    let mut commit = Commit::new();
    commit.strip(&["s1"], &owners());
    commit.run("s1", async |_| {});
    insta::assert_snapshot!(commit.finish(&["s1"], &owners()), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r1</name>
      <config>
       <interfaces xmlns="urn:if">
        <interface xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">
         <name>mine</name>
        </interface>
       </interfaces>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove"/>
     </bench>
    </services>
    "#);
}

#[test]
fn first_entry_outside_base_is_owned_else_the_leaf() {
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        // An entry: not what is in it.
        view.set(&format!("{R1}/if:interfaces/interface[name='n']/mtu"), "1").await.unwrap();
        view.set(&format!("{R1}/if:interfaces/interface[name='n']/subs/sub[id='0']/x"), "1").await.unwrap();
        view.create(&format!("{R1}/if:interfaces/interface[name='m']")).await.unwrap();
        // In an entry that was there: the new leaf, the new entry; not the old leaf, not the key.
        view.set(&format!("{R1}/if:interfaces/interface[name='a']/mtu"), "1").await.unwrap();
        view.set(&format!("{R1}/if:interfaces/interface[name='a']/new"), "1").await.unwrap();
        view.set(&format!("{R1}/if:interfaces/interface[name='a']/name"), "a").await.unwrap();
        view.set(&format!("{R1}/if:interfaces/interface[name='a']/subs/sub[id='0']/x"), "1").await.unwrap();
        view.set(&format!("{R1}/if:interfaces/interface[name='a']/subs/sub[id='0']/y"), "1").await.unwrap();
        // Leaf-list entries: the new one.
        view.set(&format!("{R1}/sys:system/search[.='a.se']"), "a.se").await.unwrap();
        view.set(&format!("{R1}/sys:system/search[.='n.se']"), "n.se").await.unwrap();
        // Presence containers; what is in a plain one, not the container.
        view.create(&format!("{R1}/sys:system/presence")).await.unwrap();
        view.set(&format!("{R1}/sys:system/plain/x"), "1").await.unwrap();
        // Taken back.
        view.set(&format!("{R1}/sys:system/back"), "1").await.unwrap();
        view.remove(&format!("{R1}/sys:system/back")).await.unwrap();
    });
    insta::assert_snapshot!(commit.created(&["s1"], &OwnerIndex::new()), @r#"
    bench[id='s1']
        /devices/device[name="r1"]/config/interfaces/interface[name="n"]
        /devices/device[name="r1"]/config/interfaces/interface[name="m"]
        /devices/device[name="r1"]/config/interfaces/interface[name="a"]/new
        /devices/device[name="r1"]/config/interfaces/interface[name="a"]/subs/sub[id="0"]
        /devices/device[name="r1"]/config/system/search[.="n.se"]
        /devices/device[name="r1"]/config/system/presence
        /devices/device[name="r1"]/config/system/plain/x
    "#);
}

#[test]
fn object_of_two_instances_has_two_owners() {
    let mut commit = Commit::new();
    let mut owners = owners();
    for id in ["s1", "s2"] {
        commit.run(id, async |view| {
            view.set(&format!("{R1}/if:interfaces/interface[name='n']/mtu"), "1").await.unwrap();
            // Of s1 alone, from before.
            view.set(&format!("{R1}/if:interfaces/interface[name='mine']/{id}"), "1").await.unwrap();
        });
    }
    insta::assert_snapshot!(commit.created(&["s1", "s2"], &owners), @r#"
    bench[id='s1']
        /devices/device[name="r1"]/config/interfaces/interface[name="n"]
        /devices/device[name="r1"]/config/interfaces/interface[name="mine"]
    bench[id='s2']
        /devices/device[name="r1"]/config/interfaces/interface[name="n"]
        /devices/device[name="r1"]/config/interfaces/interface[name="mine"]
    "#);

    // One of them runs again; the other keeps what it owns.
    let finished = commit.finished(&["s1", "s2"], &owners).unwrap();
    finished.created.iter().for_each(|(instance, created)| owners.replace(instance, created.clone()));
    let shared = "/devices/device[name=\"r1\"]/config/interfaces/interface[name=\"n\"]";
    let object = owners.created_by(&instance("s1")).find(|object| object.path() == shared).unwrap();
    assert_eq!(object.owners().count(), 2);
    assert_eq!(object.place().unwrap().steps[3].name(), QName::new("urn:if", "interfaces"));
}

#[test]
fn created_lists_are_replaced() {
    let mut commit = Commit::new();
    let mut owners = owners();
    let stale =
        |path: &str| CreatedObject { path: path.into(), place: None, shared: false, ambiguous: false };
    let mine = "/devices/device[name=\"r1\"]/config/interfaces/interface[name=\"mine\"]";
    owners.replace(&instance("s1"), [stale(mine)]);
    commit.run("s1", async |view| {
        view.set("/devices/device[name='r2']/config/sys:banner", "x").await.unwrap();
    });
    commit.run("s2", async |view| {
        view.set("/devices/device[name='r2']/config/sys:motd", "x").await.unwrap();
    });
    // s9 was deleted: it is listed, and not there.
    insta::assert_snapshot!(commit.finish(&["s1", "s2", "s9"], &owners), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r2</name>
      <config>
       <banner xmlns="urn:sys">x</banner>
       <motd xmlns="urn:sys">x</motd>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created>
       <path xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">/devices/device[name="r1"]/config/interfaces/interface[name="mine"]</path>
       <path>/devices/device[name="r2"]/config/banner[false()]</path>
      </created>
     </bench>
     <bench xmlns="urn:bench">
      <id>s2</id>
      <created>
       <path>/devices/device[name="r2"]/config/motd[false()]</path>
      </created>
     </bench>
    </services>
    "#);
    let finished = commit.finished(&["s1", "s2", "s9"], &owners).unwrap();
    assert_eq!(changes(&finished), (vec!["r2".to_owned()], 2, 0));
    assert!(finished.devices.unwrap().starts_with("<devices "));
    assert!(finished.services.unwrap().starts_with("<services "));
}

#[test]
fn writing_to_unknown_device_is_refused() {
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        view.set("/devices/device[name='r7']/config/sys:banner", "x").await.unwrap();
    });
    insta::assert_snapshot!(refusal(commit.finished(&["s1"], &owners())), @"data-missing: the controller has no device `r7`, which `bench[id='s1']` writes to (/devices/device[name='r7'])");
}

#[test]
fn object_without_created_path_is_refused() {
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        view.create(&format!("{R1}/if:interfaces/interface[name='''\"']")).await.unwrap();
    });
    insta::assert_snapshot!(refusal(commit.finished(&["s1"], &owners())), @r#"invalid-value: instance `bench[id='s1']`: `/devices/device[name='r1']/config/interfaces/interface[name='''"']` cannot be recorded as created: the value of `name` contains both kinds of quotes, which the controller cannot represent in a path (/devices/device[name='r1']/config/interfaces/interface[name='''"'])"#);
}

#[test]
fn settle_reads_written_nodes_in_one_request() {
    let mut commit = Commit::new();
    commit.run("s1", async |view| {
        for device in ["r1", "r2"] {
            let config = format!("/devices/device[name='{device}']/config");
            view.set(&format!("{config}/if:interfaces/interface[name='a']/mtu"), "1500").await.unwrap();
            view.set(&format!("{config}/sys:system/hostname"), "one").await.unwrap();
        }
    });
    assert_eq!(commit.requests(), [""; 0]);
    insta::assert_snapshot!(commit.finish(&["s1"], &owners()), @r#"
    <devices xmlns="http://clicon.org/controller">
     <device>
      <name>r2</name>
      <config>
       <system xmlns="urn:sys">
        <hostname>one</hostname>
       </system>
       <interfaces xmlns="urn:if">
        <interface>
         <name>a</name>
         <mtu>1500</mtu>
        </interface>
       </interfaces>
      </config>
     </device>
    </devices>
    <services xmlns="http://clicon.org/controller">
     <bench xmlns="urn:bench">
      <id>s1</id>
      <created>
       <path xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="remove">/devices/device[name="r1"]/config/interfaces/interface[name="mine"]</path>
       <path>/devices/device[name="r2"]/config/interfaces/interface[name="a"]</path>
      </created>
     </bench>
    </services>
    "#);
    insta::assert_snapshot!(commit.requests().join("\n").replace(" | ", "\n"), @r"
    /devices/device[name='r1']/config/interfaces/interface[name='a']
    /devices/device[name='r1']/config/system/hostname
    /devices/device[name='r1']/name
    /devices/device[name='r2']/config/interfaces/interface[name='a']
    /devices/device[name='r2']/config/system/hostname
    /devices/device[name='r2']/name
    /services/bench[id='s1']/created
    /services/bench[id='s1']/id
    ");
}

/// As many as a large installation has: nothing here grows with the square of it.
#[test]
fn thousand_instances_on_four_devices_finish() {
    let devices: String = (1..=4).map(|i| format!("<device><name>r{i}</name><config/></device>")).collect();
    let services: String =
        (0..1000).map(|i| format!("<bench xmlns='urn:bench'><id>s{i}</id></bench>")).collect();
    let datastore = format!(
        "<devices xmlns='{CONTROLLER}'>{devices}</devices><services xmlns='{CONTROLLER}'>{services}</services>"
    );
    let mut commit = Commit::on(&datastore, open_scope());
    let ids: Vec<String> = (0..1000).map(|i| format!("s{i}")).collect();
    for id in &ids {
        commit.run(id, async |view| {
            for device in view.find("/devices/device").await.unwrap() {
                let interface = format!("{device}/config/if:interfaces/interface[name='{id}']");
                view.set(&format!("{interface}/mtu"), "1500").await.unwrap();
            }
        });
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let finished = commit.finished(&ids, &OwnerIndex::new()).unwrap();
    assert_eq!(changes(&finished).1, 8000);
    assert!(finished.created.iter().all(|(_, created)| created.len() == 4));
    assert_eq!(commit.requests().len(), 2);
}

/// The names of the devices that are sent, the number of leaves and leaf-list entries that are sent for them,
/// keys included, and the number of nodes that are removed from them.
fn changes(finished: &FinishedCommit) -> (Vec<String>, usize, usize) {
    let edit = xml::parse(finished.devices.as_deref().unwrap_or_default()).unwrap();
    let controllers = |local| QName::new(CONTROLLER, local);
    let (mut names, mut values, mut removals) = (Vec::new(), 0, 0);
    let devices = edit.child(Tree::ROOT, controllers("devices"));
    for device in devices.into_iter().flat_map(|devices| edit.children(devices)) {
        let name = edit.child(device, controllers("name")).unwrap();
        names.push(edit.value(name).unwrap().to_owned());
        let config = edit.child(device, controllers("config")).unwrap();
        for (node, _) in edit.descendants(config) {
            let removed =
                edit.attributes(node).any(|(name, value)| (name.local, value) == ("operation", "remove"));
            removals += usize::from(removed);
            values += usize::from(!removed && edit.first_child(node).is_none());
        }
    }
    (names, values, removals)
}
