//! Written by `confine bindings` from `openconfig-interfaces@2021-04-06`, `iana-if-type@2017-01-19`: do not edit.

#![allow(clippy::all, dead_code, unreachable_pub, unused_imports)]

use ::confine_sdk as sdk;

/// The prefixes of the paths here, for `Service::PREFIXES`.
pub const PREFIXES: &[(&str, &str)] = &[
    ("ianaift", "urn:ietf:params:xml:ns:yang:iana-if-type"),
    ("oc-if", "http://openconfig.net/yang/interfaces"),
];

/// The container `/openconfig-interfaces:interfaces`.
#[derive(Clone, Debug)]
pub struct Interfaces(sdk::View);

impl Interfaces {
    /// Within `view`, which stands at the node above.
    pub fn of(view: &sdk::View) -> Self {
        Self(view.at("oc-if:interfaces"))
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

    /// Removes it, with all that is in it.
    pub fn remove(&self) -> sdk::Result<()> {
        self.0.remove(".")
    }

    /// An entry of the list `interface`.
    pub fn interface(&self, name: impl std::fmt::Display) -> interfaces::Interface {
        interfaces::Interface::at(self.0.at(sdk::path!("interface[name={}]", name)))
    }

    /// All entries of the list `interface`.
    pub fn interface_entries(&self) -> sdk::Result<Vec<interfaces::Interface>> {
        Ok(self.0.list("interface[name]")?.into_iter().map(interfaces::Interface::at).collect())
    }
}

/// What is in `/openconfig-interfaces:interfaces`.
pub mod interfaces {
    use super::{identities, sdk};

    /// An entry of the list `/openconfig-interfaces:interfaces/interface`.
    #[derive(Clone, Debug)]
    pub struct Interface(sdk::View);

    impl Interface {
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

        /// The key `name`.
        pub fn name(&self) -> sdk::Result<String> {
            self.0.key("name").or_else(|_| self.0.require("name"))
        }

        /// The container `config`.
        pub fn config(&self) -> interface::Config {
            interface::Config::at(self.0.at("config"))
        }
    }

    /// What is in `/openconfig-interfaces:interfaces/interface`.
    pub mod interface {
        use super::{identities, sdk};

        /// The container `/openconfig-interfaces:interfaces/interface/config`.
        #[derive(Clone, Debug)]
        pub struct Config(sdk::View);

        impl Config {
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

            /// Removes it, with all that is in it.
            pub fn remove(&self) -> sdk::Result<()> {
                self.0.remove(".")
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

            /// The leaf `type` (`identityref`).
            pub fn r#type(&self) -> sdk::Result<Option<identities::InterfaceType>> {
                self.0.get_as("type")
            }

            /// Sets it.
            pub fn set_type(&self, value: identities::InterfaceType) -> sdk::Result<()> {
                self.0.set("type", value)
            }

            /// Removes it.
            pub fn remove_type(&self) -> sdk::Result<()> {
                self.0.remove("type")
            }

            /// The leaf `mtu` (`uint16`).
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

            /// The leaf `loopback-mode` (`boolean`).
            pub fn loopback_mode(&self) -> sdk::Result<Option<bool>> {
                self.0.get_as("loopback-mode")
            }

            /// Sets it.
            pub fn set_loopback_mode(&self, value: bool) -> sdk::Result<()> {
                self.0.set("loopback-mode", value)
            }

            /// Removes it.
            pub fn remove_loopback_mode(&self) -> sdk::Result<()> {
                self.0.remove("loopback-mode")
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
    }
}

/// The identities that values may be.
pub mod identities {
        /// The identities derived from `ietf-interfaces:interface-type`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum InterfaceType {
            /// `ianaift:iana-interface-type`
            IanaInterfaceType,
            /// `ianaift:other`
            Other,
            /// `ianaift:ethernetCsmacd`
            EthernetCsmacd,
            /// `ianaift:ppp`
            Ppp,
            /// `ianaift:softwareLoopback`
            SoftwareLoopback,
            /// `ianaift:atm`
            Atm,
            /// `ianaift:v35`
            V35,
            /// `ianaift:propVirtual`
            PropVirtual,
            /// `ianaift:tunnel`
            Tunnel,
            /// `ianaift:l2vlan`
            L2vlan,
            /// `ianaift:l3ipvlan`
            L3ipvlan,
            /// `ianaift:ieee8023adLag`
            Ieee8023adLag,
            /// One that was not known when this was written, with a prefix of `Service::PREFIXES`.
            Unknown(String),
        }

        impl InterfaceType {
            /// The one that is written so, if it is known.
            pub fn known(value: &str) -> Option<Self> {
                Some(match value {
                    "ianaift:iana-interface-type" => Self::IanaInterfaceType,
                    "ianaift:other" => Self::Other,
                    "ianaift:ethernetCsmacd" => Self::EthernetCsmacd,
                    "ianaift:ppp" => Self::Ppp,
                    "ianaift:softwareLoopback" => Self::SoftwareLoopback,
                    "ianaift:atm" => Self::Atm,
                    "ianaift:v35" => Self::V35,
                    "ianaift:propVirtual" => Self::PropVirtual,
                    "ianaift:tunnel" => Self::Tunnel,
                    "ianaift:l2vlan" => Self::L2vlan,
                    "ianaift:l3ipvlan" => Self::L3ipvlan,
                    "ianaift:ieee8023adLag" => Self::Ieee8023adLag,
                    _ => return None,
                })
            }

            /// The one that is written so.
            pub fn of(value: &str) -> Self {
                Self::known(value).unwrap_or_else(|| Self::Unknown(value.to_owned()))
            }
        }

        impl std::fmt::Display for InterfaceType {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::IanaInterfaceType => f.write_str("ianaift:iana-interface-type"),
                    Self::Other => f.write_str("ianaift:other"),
                    Self::EthernetCsmacd => f.write_str("ianaift:ethernetCsmacd"),
                    Self::Ppp => f.write_str("ianaift:ppp"),
                    Self::SoftwareLoopback => f.write_str("ianaift:softwareLoopback"),
                    Self::Atm => f.write_str("ianaift:atm"),
                    Self::V35 => f.write_str("ianaift:v35"),
                    Self::PropVirtual => f.write_str("ianaift:propVirtual"),
                    Self::Tunnel => f.write_str("ianaift:tunnel"),
                    Self::L2vlan => f.write_str("ianaift:l2vlan"),
                    Self::L3ipvlan => f.write_str("ianaift:l3ipvlan"),
                    Self::Ieee8023adLag => f.write_str("ianaift:ieee8023adLag"),
                    Self::Unknown(value) => f.write_str(value),
                }
            }
        }

        impl std::str::FromStr for InterfaceType {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, std::convert::Infallible> {
                Ok(Self::of(value))
            }
        }
}
