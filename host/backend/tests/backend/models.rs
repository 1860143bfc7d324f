//! Reading models from a scripted controller: the requests, the results, and the requests that are repeated.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use crate::peer::{Connection, Peer, error, reply};
use confine_backend::{Backend, ModelCache, ModelStore, YangDirectories};
use confine_tree::{CONTROLLER, QName, Schema, SchemaNode};

const C: &str = r#"xmlns="http://clicon.org/controller""#;

const MOUNT: &str = "module ietf-yang-schema-mount { namespace urn:mount; prefix m; \
                     extension mount-point { argument label; } }";
const OWN: &str = r#"module clixon-controller { namespace "http://clicon.org/controller"; prefix ctrl;
  import ietf-yang-schema-mount { prefix mnt; }
  revision 2026-06-01;
  container devices { list device { key name; leaf name { type string; } leaf port { type uint16; }
    container config { presence root; mnt:mount-point "device"; } } }
  container services; }"#;
const LAMP: &str = "module lamp { namespace urn:lamp; prefix l; revision 2020-01-01;
  container lamp { leaf level { type uint8 { range 0..100; } } } }";
const BRIGHTER: &str = "module lamp { namespace urn:lamp; prefix l; revision 2021-01-01;
  container lamp { leaf level { type uint16; } leaf colour { type string; } } }";

/// A module of the peer: name, revision, text.
type Text = (&'static str, &'static str, &'static str);

#[derive(Clone)]
struct Device {
    name: &'static str,
    state: &'static str,
    since: &'static str,
    /// `None` if the controller has none yet.
    models: Option<Vec<Text>>,
}

fn open(name: &'static str, models: &[Text]) -> Device {
    Device { name, state: "OPEN", since: "monday", models: Some(models.to_vec()) }
}

/// The state of the peer.
#[derive(Clone, Default)]
struct Facts {
    own: Vec<Text>,
    devices: Vec<Device>,
    /// The configuration of the domains of devices.
    domains: &'static str,
    is_old: bool,
    /// Modules whose texts cannot be read now.
    withheld: &'static [&'static str],
    asked: Vec<String>,
}

impl Facts {
    fn answer(&mut self, operation: &str) -> String {
        self.asked.push(summary(operation));
        let inner = |name: &str| {
            let (_, rest) = operation.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<').unwrap().0.to_owned())
        };
        if operation.contains("netconf-state") {
            let schema = |(name, revision, _): &Text| {
                format!("<schema><identifier>{name}</identifier><version>{revision}</version></schema>")
            };
            let all: String = self.own.iter().map(schema).collect();
            return reply(&format!(
                r#"<data><netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><schemas>{all}</schemas></netconf-state></data>"#
            ));
        }
        if operation.starts_with("<get-schema") {
            let name = inner("identifier").unwrap();
            if self.withheld.contains(&&*name) {
                return error("operation-failed", "Not found");
            }
            let found = self.own.iter().find(|own| own.0 == name).unwrap();
            return reply(&format!(
                r#"<data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><![CDATA[{}]]></data>"#,
                found.2
            ));
        }
        if operation.starts_with("<get-config") {
            return reply(&format!("<data>{}</data>", self.domains));
        }
        if operation.starts_with("<get ") {
            let device = |device: &Device| {
                format!(
                    "<devices {C}><device><name>{}</name><conn-state>{}</conn-state>\
                     <conn-state-timestamp>{}</conn-state-timestamp></device></devices>",
                    device.name, device.state, device.since
                )
            };
            let all: String = self.devices.iter().map(device).collect();
            return reply(&format!("<data>{all}</data>"));
        }
        if self.is_old {
            return error("unknown-element", "Unrecognized RPC");
        }
        let asked = inner("device").unwrap();
        let device = self.devices.iter().find(|device| device.name == asked).unwrap();
        let Some(models) = &device.models else {
            return error("operation-failed", "No matching device YANG spec found");
        };
        let (wanted, with_text) = (inner("name"), operation.contains("<detail>"));
        if wanted.as_deref().is_some_and(|wanted| self.withheld.contains(&wanted)) {
            return error("operation-failed", "Cannot open the file");
        }
        let models = models.iter().filter(|model| wanted.as_ref().is_none_or(|wanted| model.0 == wanted));
        let schema = |(name, revision, text): &Text| {
            let data = if with_text { format!("<data><![CDATA[{text}]]></data>") } else { String::new() };
            format!("<schema {C}><name>{name}</name><revision>{revision}</revision>{data}</schema>")
        };
        reply(&models.map(schema).collect::<String>())
    }
}

/// Summarises a request.
fn summary(operation: &str) -> String {
    let name = operation.split(['<', ' ', '/', '>']).nth(1).unwrap();
    let words = ["identifier", "device", "name"].iter().filter_map(|word| {
        let (_, rest) = operation.split_once(&format!("<{word}>"))?;
        Some(rest.split_once('<').unwrap().0)
    });
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

/// Returns the changeable state of a controller, and a connection to it.
async fn controller(facts: Facts) -> (Arc<Mutex<Facts>>, tokio::sync::Mutex<Backend>) {
    let (peer, facts) = (Peer::listen(), Arc::new(Mutex::new(facts)));
    let options = peer.options();
    let answering = facts.clone();
    tokio::spawn(async move {
        let mut connection: Connection = peer.accept().await;
        while let Some((_, operation)) = connection.next_operation().await {
            let answer = answering.lock().unwrap().answer(&operation);
            connection.send(&answer).await;
        }
    });
    (facts, tokio::sync::Mutex::new(Backend::connect(options).await.unwrap()))
}

fn asked(facts: &Mutex<Facts>) -> String {
    std::mem::take(&mut facts.lock().unwrap().asked).join("\n")
}

/// Returns the canonical form of a value, the error, or whether the leaf is unknown or excluded.
fn canonical(models: &ModelStore, device: &str, leaf: &str, value: &str) -> String {
    let schema = models.schema();
    let child = |node: SchemaNode, namespace, local| schema.child(node, QName::new(namespace, local));
    let root = schema.root().unwrap();
    let list = child(child(root, CONTROLLER, "devices").unwrap(), CONTROLLER, "device").unwrap();
    let config = child(schema.entry(list, &[device]), CONTROLLER, "config").unwrap();
    let Some(lamp) = child(config, "urn:lamp", "lamp") else {
        return if schema.excludes(config, QName::new("urn:lamp", "lamp")) { "excluded" } else { "unknown" }
            .to_owned();
    };
    match child(lamp, "urn:lamp", leaf) {
        None if schema.excludes(lamp, QName::new("urn:lamp", leaf)) => "excluded".to_owned(),
        None => "unknown".to_owned(),
        Some(leaf) => schema.canonical(leaf, value, &|_| None).unwrap_or_else(|error| error.to_string()),
    }
}

fn facts(devices: &[Device]) -> Facts {
    let own = vec![("clixon-controller", "2026-06-01", OWN), ("ietf-yang-schema-mount", "", MOUNT)];
    Facts { own, devices: devices.to_vec(), ..Facts::default() }
}

const OLD_LAMP: Text = ("lamp", "2020-01-01", LAMP);
const NEW_LAMP: Text = ("lamp", "2021-01-01", BRIGHTER);

#[tokio::test]
async fn each_model_is_requested_once() {
    let (facts, backend) =
        controller(facts(&[open("l1", &[OLD_LAMP]), open("l2", &[OLD_LAMP]), open("l3", &[NEW_LAMP])])).await;
    let mut models = ModelStore::default();
    assert_eq!(canonical(&models, "l1", "level", "x"), "unknown");
    models.read_controller_models(&backend).await.unwrap();
    assert!(models.read_device_models(&backend).await.unwrap());
    insta::assert_snapshot!(asked(&facts), @"
    get
    get-schema clixon-controller
    get-schema ietf-yang-schema-mount
    get
    get-config
    get-device-schema l1
    get-device-schema l1 lamp
    get-device-schema l2
    get-device-schema l3
    get-device-schema l3 lamp
    ");
    insta::assert_snapshot!(["l1", "l2", "l3", "l4"].map(|device| canonical(&models, device, "level", "112")).join("\n"), @"
    `112` is not a value of `level`: a number from 0 to 100 (`uint8`)
    `112` is not a value of `level`: a number from 0 to 100 (`uint8`)
    112
    unknown
    ");
    assert_eq!(canonical(&models, "l1", "colour", ""), "excluded");
    assert_eq!(canonical(&models, "l3", "colour", "red"), "red");

    // Nothing has changed: only the connection states are read.
    assert!(!models.read_device_models(&backend).await.unwrap());
    insta::assert_snapshot!(asked(&facts), @"
    get
    get-config
    ");
}

#[tokio::test]
async fn thousand_devices_with_equal_models_share_one_schema() {
    let names = (0..1_000).map(|number| &*format!("l{number}").leak());
    let devices: Vec<Device> = names.map(|name| open(name, &[OLD_LAMP])).collect();
    let (facts, backend) = controller(facts(&devices)).await;
    let mut models = ModelStore::default();
    models.read_controller_models(&backend).await.unwrap();
    models.read_device_models(&backend).await.unwrap();
    let asked = asked(&facts);
    assert_eq!(asked.lines().filter(|line| line.starts_with("get-device-schema")).count(), 1_001);
    assert_eq!(asked.lines().filter(|line| line.ends_with(" lamp")).count(), 1);
    assert_eq!(models.representative_devices(), ["l0"]);
    let schema = models.schema();
    let of = |device| schema.mounted(device).map(std::ptr::from_ref);
    assert!(of("l0").is_some() && of("l0") == of("l999"));
}

#[tokio::test]
async fn reconnected_device_is_queried_again() {
    let (facts, backend) = controller(facts(&[open("l1", &[OLD_LAMP]), open("l2", &[OLD_LAMP])])).await;
    let mut models = ModelStore::default();
    models.read_controller_models(&backend).await.unwrap();
    models.read_device_models(&backend).await.unwrap();
    asked(&facts);
    let change = |change: &dyn Fn(&mut Device)| change(facts.lock().unwrap().devices.first_mut().unwrap());

    // While it connects, its last models are used.
    change(&|l1| (l1.state, l1.since, l1.models) = ("SCHEMA-LIST", "tuesday", None));
    assert!(!models.read_device_models(&backend).await.unwrap());
    assert_eq!(canonical(&models, "l1", "colour", "red"), "excluded");
    change(&|l1| (l1.state, l1.models) = ("OPEN", Some(vec![NEW_LAMP])));
    assert!(models.read_device_models(&backend).await.unwrap());
    assert_eq!(canonical(&models, "l1", "colour", "red"), "red");
    assert_eq!(canonical(&models, "l2", "colour", "red"), "excluded");
    insta::assert_snapshot!(asked(&facts), @"
    get
    get-config
    get
    get-config
    get-device-schema l1
    get-device-schema l1 lamp
    ");

    // A device with the same models is no change. A removed device is one.
    change(&|l1| l1.since = "wednesday");
    assert!(!models.read_device_models(&backend).await.unwrap());
    facts.lock().unwrap().devices.pop();
    assert!(models.read_device_models(&backend).await.unwrap());
    assert_eq!(canonical(&models, "l2", "level", "1"), "unknown");
}

#[tokio::test]
async fn unavailable_model_leaves_its_nodes_unknown() {
    let broken: Text = ("broken", "2020-01-01", "module broken {");
    let unnamed: Text = ("../x", "2020-01-01", LAMP);
    let closed = Device { models: None, ..open("closed", &[]) };
    let devices = [closed, open("half", &[OLD_LAMP, broken, unnamed]), open("none", &[])];
    let (facts, backend) = controller(facts(&devices)).await;
    let mut models = ModelStore::default();
    models.read_controller_models(&backend).await.unwrap();
    models.read_device_models(&backend).await.unwrap();
    let values = ["closed", "half", "none"].map(|device| canonical(&models, device, "level", "101"));
    insta::assert_snapshot!(values.join("\n"), @"
    unknown
    `101` is not a value of `level`: a number from 0 to 100 (`uint8`)
    unknown
    ");
    insta::assert_snapshot!(asked(&facts), @"
    get
    get-schema clixon-controller
    get-schema ietf-yang-schema-mount
    get
    get-config
    get-device-schema closed
    get-device-schema half
    get-device-schema half broken
    get-device-schema half lamp
    get-device-schema none
    ");
}

#[tokio::test]
async fn old_controller_is_not_asked_for_device_schemas() {
    let mut old = facts(&[open("l1", &[OLD_LAMP]), open("l2", &[OLD_LAMP])]);
    (old.is_old, old.own) = (true, Vec::new());
    let (facts, backend) = controller(old).await;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("clixon-controller.yang"), OWN).unwrap();
    std::fs::write(home.path().join("ietf-yang-schema-mount.yang"), MOUNT).unwrap();
    let directories = YangDirectories { main: Some(home.path().into()), ..YangDirectories::default() };
    // The package of a service is used, but there may be more modules.
    let package = home.path().join("package");
    std::fs::create_dir(&package).unwrap();
    std::fs::write(package.join("lamp.yang"), LAMP).unwrap();
    let mut models = ModelStore::new(directories, vec![package], None);
    models.read_controller_models(&backend).await.unwrap();
    assert!(!models.read_device_models(&backend).await.unwrap());
    insta::assert_snapshot!(asked(&facts), @"
    get
    get
    get-config
    get-device-schema l1
    ");
    assert_eq!(
        canonical(&models, "l1", "level", "101"),
        "`101` is not a value of `level`: a number from 0 to 100 (`uint8`)"
    );
    assert_eq!(canonical(&models, "l1", "colour", "red"), "unknown");
    let schema = models.schema();
    let devices = schema.child(schema.root().unwrap(), QName::new(CONTROLLER, "devices")).unwrap();
    assert!(schema.excludes(devices, QName::new(CONTROLLER, "x")), "the controller's model is known");
    assert!(!schema.excludes(schema.root().unwrap(), QName::new("urn:x", "x")), "there are others");
}

#[tokio::test]
async fn service_models_are_read_when_they_appear() {
    let (facts, backend) = controller(facts(&[Device { models: None, ..open("l1", &[]) }])).await;
    let home = tempfile::tempdir().unwrap();
    let mut models = ModelStore::new(YangDirectories::default(), vec![home.path().into()], None);
    models.read_controller_models(&backend).await.unwrap();
    models.read_device_models(&backend).await.unwrap();
    assert!(!models.read_service_models().await, "there is nothing");
    assert_eq!(canonical(&models, "l1", "level", "101"), "unknown");
    asked(&facts);

    std::fs::create_dir(home.path().join("lamps")).unwrap();
    std::fs::write(home.path().join("lamps/lamp.yang"), LAMP).unwrap();
    assert!(models.read_service_models().await);
    let refused = "`101` is not a value of `level`: a number from 0 to 100 (`uint8`)";
    assert_eq!(canonical(&models, "l1", "level", "101"), refused);
    assert!(!models.read_service_models().await, "it was read");

    std::fs::write(home.path().join("lamps/lamp.yang"), BRIGHTER).unwrap();
    assert!(models.read_service_models().await);
    assert_eq!(canonical(&models, "l1", "level", "101"), "101");
    std::fs::remove_dir_all(home.path().join("lamps")).unwrap();
    assert!(models.read_service_models().await);
    assert_eq!(canonical(&models, "l1", "level", "101"), "unknown");
    assert_eq!(asked(&facts), "", "the controller has nothing to do with it");
}

#[tokio::test]
async fn service_models_extend_controller_models() {
    let (_, backend) = controller(Facts { own: Vec::new(), ..facts(&[]) }).await;
    let home = tempfile::tempdir().unwrap();
    let mut models = ModelStore::new(YangDirectories::default(), vec![home.path().into()], None);
    models.read_controller_models(&backend).await.unwrap();
    let services = |models: &ModelStore| {
        let schema = models.schema();
        let services = schema.child(schema.root().unwrap(), QName::new(CONTROLLER, "services")).unwrap();
        schema.child(services, QName::new("urn:s", "lamps")).is_some()
    };
    assert!(!services(&models));
    let yang = r#"module s { namespace urn:s; prefix s;
        import clixon-controller { prefix ctrl; } augment "/ctrl:services" { container lamps; } }"#;
    std::fs::write(home.path().join("s.yang"), yang).unwrap();
    assert!(models.read_service_models().await && services(&models));
}

#[tokio::test]
async fn missing_models_are_requested_again() {
    let other: Text = ("other", "2020-01-01", "module other { namespace urn:o; prefix o; }");
    let shy = Device { models: None, ..open("shy", &[]) };
    let devices = [open("l1", &[OLD_LAMP, other]), open("l2", &[OLD_LAMP, other]), shy];
    let (facts, backend) = controller(facts(&devices)).await;
    facts.lock().unwrap().withheld = &["lamp", "ietf-yang-schema-mount"];
    let mut models = ModelStore::default();
    models.read_controller_models(&backend).await.unwrap();
    models.read_device_models(&backend).await.unwrap();
    assert!(models.has_gaps());
    asked(&facts);

    // Still missing. Of the devices with the same models, one is asked.
    models.retry_missing(&backend).await.unwrap();
    assert!(models.has_gaps());
    insta::assert_snapshot!(asked(&facts), @"
    get
    get-schema clixon-controller
    get-schema ietf-yang-schema-mount
    get-device-schema l1 lamp
    get-device-schema shy
    ");

    facts.lock().unwrap().withheld = &["lamp"];
    models.retry_missing(&backend).await.unwrap();
    asked(&facts);
    models.retry_missing(&backend).await.unwrap();
    insta::assert_snapshot!(asked(&facts), @"
    get-device-schema l1 lamp
    get-device-schema shy
    ");

    facts.lock().unwrap().withheld = &[];
    assert_eq!(canonical(&models, "l1", "level", "101"), "unknown");
    assert!(models.retry_missing(&backend).await.unwrap());
    let refused = "`101` is not a value of `level`: a number from 0 to 100 (`uint8`)";
    assert_eq!(["l1", "l2"].map(|device| canonical(&models, device, "level", "101")), [refused; 2]);
    insta::assert_snapshot!(asked(&facts), @"
    get-device-schema l1 lamp
    get-device-schema l1 other
    get-device-schema shy
    ");
    assert!(models.has_gaps(), "one device has no models yet");

    facts.lock().unwrap().devices.last_mut().unwrap().models = Some(vec![OLD_LAMP, other]);
    assert!(models.retry_missing(&backend).await.unwrap());
    assert_eq!(canonical(&models, "shy", "level", "101"), refused);
    assert!(!models.has_gaps());
    asked(&facts);
    assert!(!models.retry_missing(&backend).await.unwrap());
    assert_eq!(asked(&facts), "");
}

#[tokio::test]
async fn models_are_cached_and_read_per_domain() {
    let home = tempfile::tempdir().unwrap();
    let cache = || ModelCache::open(home.path().join("cache")).ok();
    let start = async |directories: YangDirectories, domains: &'static str, device: &Device| {
        let (facts, backend) = controller(Facts { domains, ..facts(std::slice::from_ref(device)) }).await;
        let mut models = ModelStore::new(directories, Vec::new(), cache());
        models.read_controller_models(&backend).await.unwrap();
        assert!(models.read_device_models(&backend).await.unwrap());
        let asked = asked(&facts);
        let texts: Vec<&str> = asked.lines().filter(|line| line.starts_with("get-device-schema ")).collect();
        (texts.join("\n"), canonical(&models, device.name, "level", "101"))
    };
    let none = YangDirectories::default;
    let lamp = open("l1", &[OLD_LAMP]);
    let refused = "`101` is not a value of `level`: a number from 0 to 100 (`uint8`)";
    let (listed, fetched) = ("get-device-schema l1", "get-device-schema l1\nget-device-schema l1 lamp");
    assert_eq!(start(none(), "", &lamp).await, (fetched.into(), refused.into()));
    assert_eq!(start(none(), "", &lamp).await, (listed.into(), refused.into()));

    // In another domain the same module has another text.
    let wide: Text = ("lamp", "2020-01-01", BRIGHTER);
    let other = "<devices xmlns=\"http://clicon.org/controller\"><device><name>l1</name>\
                 <device-profile>p</device-profile></device><device-profile><name>p</name>\
                 <device-domain>wide</device-domain></device-profile></devices>";
    let wide = open("l1", &[wide]);
    assert_eq!(start(none(), other, &wide).await, (fetched.into(), "101".into()));
    assert_eq!(start(none(), other, &wide).await, (listed.into(), "101".into()));
    assert_eq!(start(none(), "", &lamp).await, (listed.into(), refused.into()));

    // An altered file is fetched and stored again.
    for entry in std::fs::read_dir(home.path().join("cache")).unwrap() {
        std::fs::write(entry.unwrap().path(), "module lamp {").unwrap();
    }
    assert_eq!(start(none(), "", &lamp).await, (fetched.into(), refused.into()));
    assert_eq!(start(none(), "", &lamp).await, (listed.into(), refused.into()));

    // The directory of the domain takes precedence.
    let files = home.path().join("mounts/default");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("lamp@2020-01-01.yang"), LAMP.replace("100", "120")).unwrap();
    let directories = YangDirectories { domains: files.parent().map(Path::to_owned), ..none() };
    assert_eq!(start(directories, "", &lamp).await, (listed.into(), "101".into()));
}
