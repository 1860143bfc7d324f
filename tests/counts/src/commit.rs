//! A commit of new instances, as the example service `interfaces` makes it: the calls of its runs, and what the host does with
//! them.

use std::{
    fmt::Write as _,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use confine_tree::{CONTROLLER, Pattern, PatternStep, PrefixMap, QName, xml};
use confine_view::{
    CommitDraft, Fetch, InstanceRef, Meter, OwnerIndex, Scope, Source, SourceError, View, WorkAllowance,
};
use confine_yang::{ModuleSet, MountedSchema};

const DEVICES: [&str; 4] = ["r1", "r2", "r3", "r4"];

const SERVICE: &str = "urn:example:interfaces";

/// Models like those of the controller, the service and the devices.
const MODELS: [&str; 4] = [
    r#"module clixon-controller { namespace "http://clicon.org/controller"; prefix ctrl;
      grouping created-by-service { container created { leaf-list path { type string; } } }
      container services { }
      container devices { list device { key name; leaf name { type string; } container config { } } } }"#,
    include_str!("../../../example-services/interfaces/interfaces@2026-11-23.yang"),
    "module iana-if-type { namespace urn:ietf:params:xml:ns:yang:iana-if-type; prefix ianaift;
      identity interface-type; identity ethernetCsmacd { base interface-type; } }",
    r#"module openconfig-interfaces { namespace "http://openconfig.net/yang/interfaces"; prefix oc-if;
      import clixon-controller { prefix ctrl; } import iana-if-type { prefix ianaift; }
      augment /ctrl:devices/ctrl:device/ctrl:config { container interfaces { list interface { key name;
        leaf name { type leafref { path ../config/name; } }
        container config { leaf name { type string; } leaf type { type identityref { base ianaift:interface-type; } }
          leaf mtu { type uint16; } leaf description { type string; } leaf enabled { type boolean; default true; } } } } } }"#,
];

/// All data is there from the beginning.
struct NoSource;

impl Source for NoSource {
    fn fetch<'a>(&'a self, wanted: &'a [Pattern]) -> Fetch<'a> {
        Box::pin(async move {
            Err(SourceError { message: format!("{} paths are read", wanted.len()), source: None })
        })
    }
}

/// Runs so many instances, and returns the bytes of the edit.
pub(crate) fn run(count: usize) -> usize {
    let mut set = ModuleSet::default();
    for model in MODELS {
        set.add("model.yang", model.as_bytes()).unwrap();
    }
    let schema = Arc::new(MountedSchema::new(Arc::new(set.compile()), "models"));
    let mut draft = CommitDraft::new(schema, Arc::new(NoSource));
    draft.load(&xml::parse(&datastore(count)).unwrap(), &[Pattern::default()]).unwrap();

    let prefixes = PrefixMap::new([
        ("interfaces", SERVICE),
        ("oc-if", "http://openconfig.net/yang/interfaces"),
        ("ianaift", "urn:ietf:params:xml:ns:yang:iana-if-type"),
    ]);
    let prefixes = Arc::new(prefixes.unwrap());
    let list = PatternStep::new(QName::new(SERVICE, "interfaces"));
    let resolve = |path: &str| draft.resolve(path, &Pattern::default(), &prefixes).unwrap();
    let writes = resolve("/devices/device/config/oc-if:interfaces/interface");
    let reads = resolve("/devices/device/name");
    let scope = Arc::new(Scope::new("interfaces", [list], vec![writes]).with_reads(&[reads]));
    let instances: Vec<InstanceRef> = (0..count).map(instance).collect();
    for instance in &instances {
        let meter = Meter::new(WorkAllowance::UNLIMITED);
        let mut view = View::new(draft, scope.clone(), instance.clone(), prefixes.clone(), meter);
        block(apply(&mut view));
        (draft, _) = view.into_parts();
    }
    block(draft.settle(&instances)).unwrap();
    let finished = draft.finish(&instances, &OwnerIndex::new()).unwrap();
    finished.edit.map_or(0, |edit| edit.len())
}

fn datastore(count: usize) -> String {
    let mut datastore = format!("<services xmlns='{CONTROLLER}'>");
    for number in 0..count {
        write!(
            datastore,
            "<interfaces xmlns='{SERVICE}'><service-name>s{number}</service-name><device>{}</device>\
             <name>e{number}</name><type>ethernet</type><mtu>9000</mtu><description>to site {number}</description>\
             <enabled>true</enabled></interfaces>",
            DEVICES.join("</device><device>")
        )
        .unwrap();
    }
    write!(datastore, "</services><devices xmlns='{CONTROLLER}'>").unwrap();
    for name in DEVICES {
        write!(datastore, "<device><name>{name}</name><config/></device>").unwrap();
    }
    datastore + "</devices>"
}

fn instance(number: usize) -> InstanceRef {
    let mut entry = PatternStep::new(QName::new(SERVICE, "interfaces"));
    entry.keys.push(("service-name".into(), Some(format!("s{number}"))));
    let services = PatternStep::new(QName::new(CONTROLLER, "services"));
    InstanceRef::new(Pattern { steps: vec![services, entry] })
}

/// What the example service does.
async fn apply(view: &mut View) {
    let port = view.get("name").await.unwrap().unwrap();
    assert_eq!(view.get("type").await.unwrap().as_deref(), Some("ethernet"));
    let mut devices = Vec::new();
    for node in view.read("device").await.unwrap() {
        devices.extend(node.value);
    }
    for device in devices {
        let device = format!("/devices/device[name='{device}']");
        assert!(view.exists(&format!("{device}/name")).await.unwrap());
        let config = format!("{device}/config/oc-if:interfaces/interface[name='{port}']/config");
        view.set(&format!("{config}/name"), &port).await.unwrap();
        view.set(&format!("{config}/type"), "ianaift:ethernetCsmacd").await.unwrap();
        for leaf in ["mtu", "description", "enabled"] {
            let value = view.get(leaf).await.unwrap().unwrap();
            view.set(&format!("{config}/{leaf}"), &value).await.unwrap();
        }
    }
}

/// Runs what never waits.
fn block<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
