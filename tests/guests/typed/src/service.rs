//! Written by `confine bindings` from `interfaces@2026-11-23`: do not edit.

#![allow(clippy::all, dead_code, unreachable_pub, unused_imports)]

use ::confine_sdk as sdk;

/// The prefixes of the paths here, for `Service::PREFIXES`.
pub const PREFIXES: &[(&str, &str)] = &[
    ("interfaces", "urn:example:interfaces"),
];

/// An entry of the list `/clixon-controller:services/interfaces:interfaces`.
#[derive(Clone, Debug)]
pub struct Interfaces(sdk::View);

impl Interfaces {
    /// Within `view`, which stands at the node above.
    pub fn of(view: &sdk::View, service_name: impl std::fmt::Display) -> Self {
        Self(view.at(sdk::path!("interfaces:interfaces[service-name={}]", service_name)))
    }

    /// The place that `view` stands at, which is one of these.
    pub fn at(view: sdk::View) -> Self {
        Self(view)
    }

    /// The place, to go on from by paths.
    pub fn view(&self) -> &sdk::View {
        &self.0
    }

    /// Whether it is there.
    pub fn exists(&self) -> sdk::Result<bool> {
        self.0.exists(".")
    }

    /// Makes it, where it is not there.
    pub fn create(&self) -> sdk::Result<()> {
        self.0.create(".")
    }

    /// Removes it, with all that is in it.
    pub fn remove(&self) -> sdk::Result<()> {
        self.0.remove(".")
    }

    /// The key `service-name`.
    pub fn service_name(&self) -> sdk::Result<String> {
        self.0.key("service-name").or_else(|_| self.0.require("service-name"))
    }

    /// The entries of `device`.
    pub fn device(&self) -> sdk::Result<Vec<String>> {
        self.0.values("device")
    }

    /// Adds an entry to `device`, where it is not there.
    pub fn add_device(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
        self.0.set(sdk::path!("device[.={}]", value), value)
    }

    /// Removes an entry of `device`.
    pub fn remove_device(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
        self.0.remove(sdk::path!("device[.={}]", value))
    }

    /// The leaf `name` (`string`).
    pub fn name(&self) -> sdk::Result<Option<String>> {
        self.0.get("name")
    }

    /// Sets it.
    pub fn set_name(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
        self.0.set("name", value)
    }

    /// Removes it.
    pub fn remove_name(&self) -> sdk::Result<()> {
        self.0.remove("name")
    }

    /// The leaf `type` (`enumeration`).
    pub fn r#type(&self) -> sdk::Result<Option<interfaces::Type>> {
        self.0.get_as("type")
    }

    /// Sets it.
    pub fn set_type(&self, value: interfaces::Type) -> sdk::Result<()> {
        self.0.set("type", value)
    }

    /// Removes it.
    pub fn remove_type(&self) -> sdk::Result<()> {
        self.0.remove("type")
    }

    /// The leaf `mtu` (`uint16` in octets).
    pub fn mtu(&self) -> sdk::Result<Option<u16>> {
        self.0.get_as("mtu")
    }

    /// Sets it.
    pub fn set_mtu(&self, value: u16) -> sdk::Result<()> {
        self.0.set("mtu", value)
    }

    /// Removes it.
    pub fn remove_mtu(&self) -> sdk::Result<()> {
        self.0.remove("mtu")
    }

    /// The leaf `description` (`string`).
    pub fn description(&self) -> sdk::Result<Option<String>> {
        self.0.get("description")
    }

    /// Sets it.
    pub fn set_description(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
        self.0.set("description", value)
    }

    /// Removes it.
    pub fn remove_description(&self) -> sdk::Result<()> {
        self.0.remove("description")
    }

    /// The leaf `enabled` (`boolean`).
    pub fn enabled(&self) -> sdk::Result<Option<bool>> {
        self.0.get_as("enabled")
    }

    /// Sets it.
    pub fn set_enabled(&self, value: bool) -> sdk::Result<()> {
        self.0.set("enabled", value)
    }

    /// Removes it.
    pub fn remove_enabled(&self) -> sdk::Result<()> {
        self.0.remove("enabled")
    }
}

/// What is in `/clixon-controller:services/interfaces:interfaces`.
pub mod interfaces {
    use super::sdk;

    /// The values of `type`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Type {
        /// `ethernet`
        Ethernet,
        /// `loopback`
        Loopback,
    }

    impl std::fmt::Display for Type {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Ethernet => f.write_str("ethernet"),
                Self::Loopback => f.write_str("loopback"),
            }
        }
    }

    impl std::str::FromStr for Type {
        type Err = String;

        fn from_str(value: &str) -> Result<Self, String> {
            match value {
                "ethernet" => Ok(Self::Ethernet),
                "loopback" => Ok(Self::Loopback),
                _ => Err("it is none of the values of `type`".to_owned()),
            }
        }
    }
}
