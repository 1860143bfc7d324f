//! Makes two common mistakes: the demo shows how and when Confine reports them.

use confine_sdk::prelude::*;

struct Mistaken;

impl Service for Mistaken {
    const SERVICES: &[&str] = &["mistaken:mistaken"];
    const PREFIXES: &[(&str, &str)] =
        &[("mistaken", "urn:example:mistaken"), ("oc-if", "http://openconfig.net/yang/interfaces")];
    const READS: &[&str] = &["/devices/device/name"];
    const WRITES: &[&str] = &["/devices/device/config/oc-if:interfaces/interface"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        let is_misspelt = view.require("mistake")? == "name";
        for device in view.list("/devices/device")? {
            let config = device.at(path!("config/oc-if:interfaces/interface[name={}]/config", "eth0"));
            if is_misspelt {
                config.set("mtuu", 1500)?;
            } else {
                config.set("mtu", "fast")?;
            }
        }
        Ok(())
    }
}

confine_sdk::export!(Mistaken);
