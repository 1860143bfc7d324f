//! Creates an interface on each of the devices that the instance lists.

use confine_sdk::prelude::*;

struct Interfaces;

impl Service for Interfaces {
    const SERVICES: &[&str] = &["interfaces:interfaces"];
    const PREFIXES: &[(&str, &str)] = &[
        ("interfaces", "urn:example:interfaces"),
        ("oc-if", "http://openconfig.net/yang/interfaces"),
        ("ianaift", "urn:ietf:params:xml:ns:yang:iana-if-type"),
    ];
    const READS: &[&str] = &["/devices/device/name"];
    const WRITES: &[&str] = &["/devices/device/config/oc-if:interfaces/interface"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        let port = view.require("name")?;
        let kind = match view.get("type")?.as_deref() {
            None | Some("ethernet") => "ianaift:ethernetCsmacd",
            Some("loopback") => "ianaift:softwareLoopback",
            Some(other) => bail!("unknown interface type `{other}`"),
        };
        for name in view.values("device")? {
            let device = view.at(path!("/devices/device[name={}]", name));
            ensure!(device.exists("name")?, "there is no device `{name}`");

            let config = device.at(path!("config/oc-if:interfaces/interface[name={}]/config", port));
            config.set("name", &port)?;
            config.set("type", kind)?;
            for leaf in ["mtu", "description", "enabled"] {
                if let Some(value) = view.get(leaf)? {
                    config.set(leaf, value)?;
                }
            }
        }
        Ok(())
    }
}

confine_sdk::export!(Interfaces);
