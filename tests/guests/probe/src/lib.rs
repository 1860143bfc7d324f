//! Executes the commands in the leaf-list `do` of an instance.

#[path = "../../interpreter.rs"]
mod interpreter;

use confine_sdk::prelude::*;

struct Probe;

impl Service for Probe {
    const SERVICES: &[&str] = &["p:probe", "p:pair"];
    const PREFIXES: &[(&str, &str)] = &[
        ("p", "urn:example:probe"),
        ("oc-sys", "http://openconfig.net/yang/system"),
        ("oc-if", "http://openconfig.net/yang/interfaces"),
        ("ianaift", "urn:ietf:params:xml:ns:yang:iana-if-type"),
    ];
    const READS: &[&str] = &["/devices/device/name"];
    const WRITES: &[&str] =
        &["/devices/device/config/oc-sys:system", "/devices/device/config/oc-if:interfaces/interface[name]"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        interpreter::obey(view, "do")
    }
}

confine_sdk::export!(Probe);
