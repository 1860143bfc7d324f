//! The example service `interfaces` with the types that `confine bindings` generates, so that neither a leaf nor
//! a value can be misspelt. A second service, `values`, has a value of each type that the generator supports.

#[rustfmt::skip]
mod openconfig;
#[rustfmt::skip]
mod service;
#[rustfmt::skip]
mod values;

use confine_sdk::{Decimal64, prelude::*};
use openconfig::{Interfaces, identities::InterfaceType, interfaces::interface::Config};
use service::interfaces::Type;
use values::{Values, identities::Medium, values::Mtu};

struct Typed;

impl Service for Typed {
    const SERVICES: &[&str] = &["interfaces:interfaces", "values:values"];
    const PREFIXES: &[(&str, &str)] = &[
        ("interfaces", "urn:example:interfaces"),
        ("values", "urn:example:values"),
        ("oc-if", "http://openconfig.net/yang/interfaces"),
        ("ianaift", "urn:ietf:params:xml:ns:yang:iana-if-type"),
    ];
    const READS: &[&str] = &["/devices/device/name"];
    const WRITES: &[&str] = &["/devices/device/config/oc-if:interfaces/interface"];

    fn apply(_commit: &Commit, instance: &Instance, view: &View) -> Result<()> {
        match instance.service.as_str() {
            "values" => apply_values(&Values::at(view.clone())),
            _ => apply_interfaces(&service::Interfaces::at(view.clone())),
        }
    }
}

fn apply_interfaces(instance: &service::Interfaces) -> Result<()> {
    let Some(port) = instance.name()? else { bail!("the interface has no name") };
    for name in instance.device()? {
        let interface = interface(instance.view(), &name, &port)?;
        interface.set_type(match instance.r#type()?.unwrap_or(Type::Ethernet) {
            Type::Ethernet => InterfaceType::EthernetCsmacd,
            Type::Loopback => InterfaceType::SoftwareLoopback,
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

fn apply_values(instance: &Values) -> Result<()> {
    let Some(device) = instance.device()? else { bail!("no device is named") };
    let interface = interface(instance.view(), &device, &instance.service_name()?)?;
    interface.set_type(match instance.medium()? {
        Some(Medium::Copper) | None => InterfaceType::EthernetCsmacd,
        Some(Medium::Glass) => InterfaceType::SoftwareLoopback,
        Some(Medium::Unknown(other)) => bail!("nobody knows what `{other}` is"),
    })?;
    let mtu = match instance.mtu()? {
        Some(Mtu::Number(number)) => Some(number),
        Some(Mtu::Jumbo) => Some(9000),
        Some(Mtu::Auto) | None => None,
        Some(Mtu::Text(text)) => bail!("`{text}` is no MTU"),
    };
    if let Some(mtu) = mtu {
        interface.set_mtu(mtu)?;
    }
    let price = instance.price()?.unwrap_or_default();
    let sum: u32 = instance.level()?.into_iter().map(u32::from).sum();
    interface.set_description(format!("{} for {sum}", Decimal64::<2>::new(price.number() * 3)))
}

/// Returns the interface of this name on a device that must exist.
fn interface(view: &View, device: &str, name: &str) -> Result<Config> {
    let device = view.at(path!("/devices/device[name={}]", device));
    ensure!(device.exists("name")?, "there is no device `{}`", device.key("name")?);
    let interface = Interfaces::of(&device.at("config")).interface(name).config();
    interface.set_name(name)?;
    Ok(interface)
}

confine_sdk::export!(Typed);
