//! Written by `confine bindings` from `values@2026-11-27`: do not edit.

#![allow(clippy::all, dead_code, unreachable_pub, unused_imports)]

use ::confine_sdk as sdk;

/// The prefixes of the paths here, for `Service::PREFIXES`.
pub const PREFIXES: &[(&str, &str)] = &[
    ("values", "urn:example:values"),
];

/// An entry of the list `/clixon-controller:services/values:values`.
#[derive(Clone, Debug)]
pub struct Values(sdk::View);

impl Values {
    /// Within `view`, which stands at the node above.
    pub fn of(view: &sdk::View, service_name: impl std::fmt::Display) -> Self {
        Self(view.at(sdk::path!("values:values[service-name={}]", service_name)))
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

    /// The leaf `device` (`string`).
    pub fn device(&self) -> sdk::Result<Option<String>> {
        self.0.get("device")
    }

    /// Sets it.
    pub fn set_device(&self, value: impl std::fmt::Display) -> sdk::Result<()> {
        self.0.set("device", value)
    }

    /// Removes it.
    pub fn remove_device(&self) -> sdk::Result<()> {
        self.0.remove("device")
    }

    /// The leaf `medium` (`identityref`).
    pub fn medium(&self) -> sdk::Result<Option<identities::Medium>> {
        self.0.get_as("medium")
    }

    /// Sets it.
    pub fn set_medium(&self, value: identities::Medium) -> sdk::Result<()> {
        self.0.set("medium", value)
    }

    /// Removes it.
    pub fn remove_medium(&self) -> sdk::Result<()> {
        self.0.remove("medium")
    }

    /// The leaf `price` (`decimal64`).
    pub fn price(&self) -> sdk::Result<Option<sdk::Decimal64<2>>> {
        self.0.get_as("price")
    }

    /// Sets it.
    pub fn set_price(&self, value: sdk::Decimal64<2>) -> sdk::Result<()> {
        self.0.set("price", value)
    }

    /// Removes it.
    pub fn remove_price(&self) -> sdk::Result<()> {
        self.0.remove("price")
    }

    /// The leaf `mtu` (`union`).
    pub fn mtu(&self) -> sdk::Result<Option<values::Mtu>> {
        self.0.get_as("mtu")
    }

    /// Sets it.
    pub fn set_mtu(&self, value: values::Mtu) -> sdk::Result<()> {
        self.0.set("mtu", value)
    }

    /// Removes it.
    pub fn remove_mtu(&self) -> sdk::Result<()> {
        self.0.remove("mtu")
    }

    /// The entries of `level`.
    pub fn level(&self) -> sdk::Result<Vec<u8>> {
        self.0.values_as("level")
    }

    /// Adds an entry to `level`, where it is not there.
    pub fn add_level(&self, value: u8) -> sdk::Result<()> {
        self.0.set(sdk::path!("level[.={}]", value), value)
    }

    /// Removes an entry of `level`.
    pub fn remove_level(&self, value: u8) -> sdk::Result<()> {
        self.0.remove(sdk::path!("level[.={}]", value))
    }
}

/// What is in `/clixon-controller:services/values:values`.
pub mod values {
    use super::{identities, sdk};

    /// The values of `mtu`.
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    pub enum Mtu {
        /// `auto`
        Auto,
        /// `jumbo`
        Jumbo,
        /// A number.
        Number(u16),
        /// Any other text.
        Text(String),
    }

    impl std::fmt::Display for Mtu {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Self::Auto => f.write_str("auto"),
                Self::Jumbo => f.write_str("jumbo"),
                Self::Number(value) => std::fmt::Display::fmt(value, f),
                Self::Text(value) => std::fmt::Display::fmt(value, f),
            }
        }
    }

    impl std::str::FromStr for Mtu {
        type Err = String;

        fn from_str(value: &str) -> Result<Self, String> {
            if value == "auto" {
                return Ok(Self::Auto);
            }
            if value == "jumbo" {
                return Ok(Self::Jumbo);
            }
            if let Ok(known) = value.parse::<u16>() {
                return Ok(Self::Number(known));
            }
            Ok(Self::Text(value.to_owned()))
        }
    }

    impl From<u16> for Mtu {
        fn from(value: u16) -> Self {
            Self::Number(value)
        }
    }

    impl From<String> for Mtu {
        fn from(value: String) -> Self {
            Self::Text(value)
        }
    }
}

/// The identities that values may be.
pub mod identities {
        /// The identities derived from `values:medium`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Medium {
            /// `values:copper`
            Copper,
            /// `values:glass`
            Glass,
            /// One that was not known when this was written, with a prefix of `Service::PREFIXES`.
            Unknown(String),
        }

        impl Medium {
            /// The one that is written so, if it is known.
            pub fn known(value: &str) -> Option<Self> {
                Some(match value {
                    "values:copper" => Self::Copper,
                    "values:glass" => Self::Glass,
                    _ => return None,
                })
            }

            /// The one that is written so.
            pub fn of(value: &str) -> Self {
                Self::known(value).unwrap_or_else(|| Self::Unknown(value.to_owned()))
            }
        }

        impl std::fmt::Display for Medium {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::Copper => f.write_str("values:copper"),
                    Self::Glass => f.write_str("values:glass"),
                    Self::Unknown(value) => f.write_str(value),
                }
            }
        }

        impl std::str::FromStr for Medium {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, std::convert::Infallible> {
                Ok(Self::of(value))
            }
        }
}
