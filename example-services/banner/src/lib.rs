//! Sets the login banner of every device.

use confine_sdk::prelude::*;

struct Banner;

impl Service for Banner {
    const SERVICES: &[&str] = &["banner:banner"];
    const PREFIXES: &[(&str, &str)] =
        &[("banner", "urn:example:banner"), ("oc-sys", "http://openconfig.net/yang/system")];
    const READS: &[&str] = &["/devices/device/name"];
    const WRITES: &[&str] = &["/devices/device/config/oc-sys:system/config/login-banner"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        let text = view.require("text")?;
        for device in view.list("/devices/device")? {
            device.set("config/oc-sys:system/config/login-banner", &text)?;
        }
        Ok(())
    }
}

confine_sdk::export!(Banner);
