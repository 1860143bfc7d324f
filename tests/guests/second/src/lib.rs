//! A second module of the service `probe`, which executes the commands in the leaf-list `also` of an instance. It may
//! read everything of every device.

#[path = "../../interpreter.rs"]
mod interpreter;

use confine_sdk::prelude::*;

struct Second;

impl Service for Second {
    const SERVICES: &[&str] = &["p:probe"];
    const PREFIXES: &[(&str, &str)] =
        &[("p", "urn:example:probe"), ("oc-sys", "http://openconfig.net/yang/system")];
    const READS: &[&str] = &["/devices"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        interpreter::obey(view, "also")
    }
}

confine_sdk::export!(Second);
