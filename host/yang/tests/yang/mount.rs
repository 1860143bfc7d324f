//! Models of devices mounted in the controller's model.

use std::sync::Arc;

use crate::common::schema;
use confine_tree::{
    DataNodeKind, DefaultDeny, ModelFront, Pattern, PatternStep, QName, Schema as _, SchemaNode, is_small,
};
use confine_yang::MountedSchema;

const MOUNT: &str = "module ietf-yang-schema-mount {
    namespace urn:mount; prefix m; extension mount-point { argument label; } }";
const CONTROLLER: &str = r#"module controller {
    namespace urn:ctrl; prefix c; import ietf-yang-schema-mount { prefix mnt; }
    container devices {
        list device {
            key name;
            leaf name { type string; }
            leaf enabled { type boolean; }
            container config { presence "the root of the device's model"; mnt:mount-point "device"; }
        }
        leaf timeout { type uint32; }
    }
}"#;
const ROUTER: &str = "module router { namespace urn:r; prefix r;
    list port { key number; leaf number { type uint8; } leaf mtu { type uint16; } } }";
const LAMP: &str =
    "module lamp { namespace urn:l; prefix l; container light { leaf lit { type boolean; } } }";

fn steps(schema: &MountedSchema, from: SchemaNode, path: &[(&str, &str)]) -> Option<SchemaNode> {
    path.iter().try_fold(from, |node, (namespace, name)| schema.child(node, QName::new(namespace, name)))
}

fn mounted() -> MountedSchema {
    let mut mounted = MountedSchema::new(Arc::new(schema(&[MOUNT, CONTROLLER])), "device");
    let router = Arc::new(schema(&[ROUTER]));
    mounted.mount("r1", Arc::clone(&router));
    mounted.mount("r2", router);
    mounted.mount("l1", Arc::new(schema(&[LAMP])));
    mounted
}

#[test]
fn each_device_has_its_own_schema() {
    let schema = mounted();
    let root = schema.root().unwrap();
    let list = steps(&schema, root, &[("urn:ctrl", "devices"), ("urn:ctrl", "device")]).unwrap();
    let [r1, r2, l1] = ["r1", "r2", "l1"].map(|device| schema.entry(list, &[device]));
    assert_eq!(r1, r2, "they share a model");
    assert_ne!(r1, l1);

    let config = steps(&schema, r1, &[("urn:ctrl", "config")]).unwrap();
    assert_eq!(schema.kind(config), DataNodeKind::PresenceContainer);
    assert_eq!(schema.position(config), 2);
    assert!(schema.is_complete(config));
    assert_eq!(schema.children(config), [QName::new("urn:r", "port")]);
    let port = steps(&schema, config, &[("urn:r", "port")]).unwrap();
    assert_eq!(schema.kind(port), DataNodeKind::List);
    assert_eq!(*schema.keys(port), ["number".into()]);
    let mtu = steps(&schema, port, &[("urn:r", "mtu")]).unwrap();
    assert_eq!(schema.canonical(mtu, "016", &|_| None).as_deref(), Ok("16"));
    assert_eq!(schema.node(mtu).unwrap().path(), "/router:port/mtu");
    assert_eq!(steps(&schema, config, &[("urn:l", "light")]), None);

    let light = steps(&schema, l1, &[("urn:ctrl", "config"), ("urn:l", "light"), ("urn:l", "lit")]).unwrap();
    assert_eq!(schema.kind(light), DataNodeKind::Leaf);
}

#[test]
fn entry_answers_as_its_list() {
    let schema = mounted();
    let root = schema.root().unwrap();
    let devices = steps(&schema, root, &[("urn:ctrl", "devices")]).unwrap();
    let list = steps(&schema, devices, &[("urn:ctrl", "device")]).unwrap();
    let entry = schema.entry(list, &["r1"]);
    assert_eq!(schema.kind(entry), DataNodeKind::List);
    assert_eq!(schema.keys(entry), schema.keys(list));
    assert_eq!(schema.children(entry), schema.children(list));
    let enabled = steps(&schema, entry, &[("urn:ctrl", "enabled")]).unwrap();
    assert_eq!(steps(&schema, list, &[("urn:ctrl", "enabled")]), Some(enabled));
    let timeout = steps(&schema, devices, &[("urn:ctrl", "timeout")]).unwrap();
    assert_eq!(schema.entry(timeout, &["r1"]), timeout, "only entries of the list lead to a mounted schema");
}

#[test]
fn device_without_model_excludes_nothing() {
    let mut schema = mounted();
    let root = schema.root().unwrap();
    let list = steps(&schema, root, &[("urn:ctrl", "devices"), ("urn:ctrl", "device")]).unwrap();
    assert_eq!(schema.entry(list, &["r9"]), list);
    let config = steps(&schema, list, &[("urn:ctrl", "config")]).unwrap();
    assert!(!schema.is_complete(config));
    assert!(schema.children(config).is_empty());

    schema.mount_default(Arc::new(crate::common::schema(&[LAMP])));
    let entry = schema.entry(list, &["r9"]);
    assert!(steps(&schema, entry, &[("urn:ctrl", "config"), ("urn:l", "light")]).is_some());
    assert!(schema.mounted("r9").is_some_and(|mounted| mounted.module_by_name("lamp").is_some()));
    assert!(schema.mounted("r1").is_some_and(|mounted| mounted.module_by_name("router").is_some()));
}

#[test]
fn nothing_is_mounted_without_a_mount_point() {
    let mut schema = MountedSchema::new(Arc::new(schema(&[LAMP])), "device");
    schema.mount("r1", Arc::new(crate::common::schema(&[ROUTER])));
    let root = schema.root().unwrap();
    let light = steps(&schema, root, &[("urn:l", "light")]).unwrap();
    assert_eq!(schema.entry(light, &["r1"]), light);
}

#[test]
fn default_deny_and_modules_reach_through_the_mount_point() {
    let nacm = "module ietf-netconf-acm { namespace urn:nacm; prefix n; extension default-deny-all; }";
    let safe = "module safe { namespace urn:s; prefix s; import ietf-netconf-acm { prefix n; }
        container safe { leaf open { type string; } leaf key { n:default-deny-all; type string; } } }";
    let mut schema = mounted();
    assert!(!schema.has_default_denies());
    schema.mount("s1", Arc::new(crate::common::schema(&[nacm, safe])));
    assert!(schema.has_default_denies());
    for (namespace, module) in [("urn:ctrl", Some("controller")), ("urn:s", Some("safe")), ("urn:x", None)] {
        assert_eq!(schema.module(namespace), module);
    }
    for (prefix, namespaces) in [("c", &["urn:ctrl"][..]), ("s", &["urn:s"]), ("x", &[])] {
        assert_eq!(schema.prefixed(prefix), namespaces);
    }
    let locate = |device: &str, leaf: &str| {
        let mut steps =
            ["devices", "device", "config"].map(|local| PatternStep::new(QName::new("urn:ctrl", local)));
        steps[1].keys.push(("name".into(), Some(device.into())));
        let inside = ["safe", leaf].map(|local| PatternStep::new(QName::new("urn:s", local)));
        schema.locate(&Pattern { steps: steps.into_iter().chain(inside).collect() })
    };
    assert_eq!(schema.default_deny(locate("s1", "key").unwrap()), Some(DefaultDeny::All));
    assert_eq!(schema.default_deny(locate("s1", "open").unwrap()), None);
    assert_eq!(locate("r1", "key"), None);
    let config = |device: &str| {
        let list = steps(&schema, schema.root().unwrap(), &[("urn:ctrl", "devices"), ("urn:ctrl", "device")]);
        steps(&schema, schema.entry(list.unwrap(), &[device]), &[("urn:ctrl", "config")]).unwrap()
    };
    assert!(schema.excludes(config("s1"), QName::new("urn:r", "port")));
    assert!(!schema.excludes(config("s1"), QName::new("urn:s", "safe")));
    assert!(!schema.excludes(config("x1"), QName::new("urn:r", "port")));
}

/// A path as `/devices/device[name='r1']/config/r:port/mtu`, of these modules.
fn pattern(path: &str) -> Pattern {
    let step = |text: &str| {
        let (name, key) = text.split_once('=').map_or((text, None), |(name, key)| (name, Some(key)));
        let (prefix, local) = name.split_once(':').unwrap_or(("ctrl", name));
        let mut step = PatternStep::new(QName::new(&format!("urn:{prefix}"), local));
        let name = if local == "port" { "number" } else { "name" };
        step.keys.extend(key.map(|key| (name.into(), Some(key.to_owned()))));
        step
    };
    Pattern { steps: path.split('/').skip(1).map(step).collect() }
}

#[test]
fn keys_of_a_list_are_known_if_the_models_of_devices_agree() {
    let mut schema = mounted();
    let keys = |schema: &MountedSchema, path: &str| {
        let mut front = ModelFront::top(schema);
        pattern(path).steps.iter().for_each(|step| front.enter(step));
        front.keys().map(|keys| keys.join(" "))
    };
    assert_eq!(keys(&schema, "/devices/device").as_deref(), Some("name"));
    for device in ["device", "device=r1"] {
        let port = format!("/devices/{device}/config/r:port");
        assert_eq!(keys(&schema, &port).as_deref(), Some("number"), "{port}");
    }
    for path in [
        "/devices/device=r9/config/r:port",
        "/devices/device/config/l:light",
        "/devices/device/config/r:nosuch",
    ] {
        assert_eq!(keys(&schema, path), None, "{path}");
    }
    let other =
        "module router { namespace urn:r; prefix r; list port { key mtu; leaf mtu { type uint16; } } }";
    schema.mount("r3", Arc::new(crate::common::schema(&[other])));
    assert_eq!(keys(&schema, "/devices/device/config/r:port"), None);
    assert_eq!(keys(&schema, "/devices/device=r1/config/r:port").as_deref(), Some("number"));
}

#[test]
fn what_is_small_leads_through_one_open_list_and_holds_none() {
    let schema = mounted();
    let small = |path: &str| is_small(&schema, &pattern(path));
    for path in [
        "/devices/device/name",
        "/devices/device/enabled",
        "/devices/timeout",
        "/devices/device/config/l:light",
        "/devices/device/config/l:light/l:lit",
        "/devices/device=r1/config/r:port",
        "/devices/device=r1/config/r:port/r:mtu",
        "/devices/device/config/r:port=1",
    ] {
        assert!(small(path), "{path}");
    }
    for path in [
        "/devices",
        "/devices/device",
        "/devices/device=r1",
        "/devices/device=r1/config",
        "/devices/device/config",
        "/devices/device/config/r:port",
        "/devices/device/config/r:port/r:mtu",
        "/devices/device/config/r:nosuch",
        "/devices/device=r9/config/l:light",
        "/nosuch",
    ] {
        assert!(!small(path), "{path}");
    }
}
