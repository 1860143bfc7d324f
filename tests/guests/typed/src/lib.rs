//! What the example service `interfaces` does, with the types that `confine bindings` writes: neither a leaf
//! nor a value can be misspelt here.

#[rustfmt::skip]
mod openconfig;
#[rustfmt::skip]
mod service;

use confine_sdk::prelude::*;
use openconfig::Interfaces;
use service::interfaces::Type;

struct Typed;

impl Service for Typed {
    const SERVICES: &[&str] = &["interfaces:interfaces"];
    const PREFIXES: &[(&str, &str)] = &[
        ("interfaces", "urn:example:interfaces"),
        ("oc-if", "http://openconfig.net/yang/interfaces"),
        ("ianaift", "urn:ietf:params:xml:ns:yang:iana-if-type"),
    ];
    const READS: &[&str] = &["/devices/device/name"];
    const WRITES: &[&str] = &["/devices/device/config/oc-if:interfaces/interface"];

    fn apply(_commit: &Commit, _instance: &Instance, view: &View) -> Result<()> {
        let instance = service::Interfaces::at(view.clone());
        let Some(port) = instance.name()? else { bail!("the interface has no name") };
        for name in instance.device()? {
            let device = view.at(path!("/devices/device[name={}]", name));
            ensure!(device.exists("name")?, "there is no device `{name}`");

            let interface = Interfaces::of(&device.at("config")).interface(&port).config();
            interface.set_name(&port)?;
            interface.set_type(match instance.r#type()?.unwrap_or(Type::Ethernet) {
                Type::Ethernet => "ianaift:ethernetCsmacd",
                Type::Loopback => "ianaift:softwareLoopback",
            })?;
            if let Some(mtu) = instance.mtu()? {
                interface.set_mtu(mtu)?;
            }
            if let Some(description) = instance.description()? {
                interface.set_description(description)?;
            }
            if let Some(enabled) = instance.enabled()? {
                interface.set_enabled(enabled)?;
            }
        }
        Ok(())
    }
}

confine_sdk::export!(Typed);
