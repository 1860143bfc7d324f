//! The canonical forms of strings whose typedefs define one: those of RFC 6991, and the same types of OpenConfig.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The canonical form that a typedef of `string` defines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextForm {
    /// The text itself.
    #[default]
    Text,
    /// Lower case.
    LowerCase,
    /// An IPv6 address as RFC 5952 writes it, perhaps with a zone.
    Ipv6Address,
    /// A prefix of IPv4 or IPv6. `masked`: with no bits beyond its length.
    Prefix {
        /// Whether bits beyond the length are zero.
        masked: bool,
    },
    /// A point in time whose offset from UTC is numeric.
    DateAndTime,
}

/// Returns the canonical form that a typedef of a module defines, if it defines one.
pub(crate) fn defined_form(module: &str, typedef: &str) -> Option<TextForm> {
    let is_ietf = match module {
        "ietf-yang-types" | "ietf-inet-types" => true,
        "openconfig-yang-types" | "openconfig-inet-types" => false,
        _ => return None,
    };
    Some(match typedef {
        "ipv6-address" | "ipv6-address-no-zone" | "ipv6-address-zoned" | "ipv6-address-link-local" => {
            TextForm::Ipv6Address
        }
        "ipv4-prefix" | "ipv6-prefix" => TextForm::Prefix { masked: is_ietf },
        "mac-address" | "phys-address" | "hex-string" | "uuid" => TextForm::LowerCase,
        // Case does not matter in names (RFC 6991, section 4).
        "domain-name" => TextForm::LowerCase,
        "date-and-time" => TextForm::DateAndTime,
        _ => return None,
    })
}

impl TextForm {
    /// Returns the canonical form of a value that the type permits. A value that cannot be read stays as it is.
    pub(crate) fn canonical(self, value: &str) -> String {
        let form = match self {
            Self::Text => None,
            Self::LowerCase => Some(value.to_ascii_lowercase()),
            Self::Ipv6Address => ipv6_address(value),
            Self::Prefix { masked } => prefix(value, masked),
            Self::DateAndTime => value.strip_suffix('Z').map(|time| format!("{time}+00:00")),
        };
        form.unwrap_or_else(|| value.to_owned())
    }
}

fn ipv6_address(value: &str) -> Option<String> {
    let (address, zone) = match value.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (value, None),
    };
    // The standard library writes addresses as RFC 5952 does.
    let address: Ipv6Addr = address.parse().ok()?;
    Some(match zone {
        Some(zone) => format!("{address}%{zone}"),
        None => address.to_string(),
    })
}

fn prefix(value: &str, masked: bool) -> Option<String> {
    let (address, length) = value.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    if address.contains(':') {
        let address: Ipv6Addr = address.parse().ok()?;
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
        let bits = if masked { u128::from(address) & mask } else { u128::from(address) };
        return Some(format!("{}/{length}", Ipv6Addr::from(bits)));
    }
    let address: Ipv4Addr = address.parse().ok()?;
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
    let bits = if masked { u32::from(address) & mask } else { u32::from(address) };
    Some(format!("{}/{length}", Ipv4Addr::from(bits)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_values_have_one_form() {
        let masked = TextForm::Prefix { masked: true };
        for (form, value, canonical) in [
            (TextForm::Ipv6Address, "2001:DB8:0:0::1", "2001:db8::1"),
            (TextForm::Ipv6Address, "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            (TextForm::Ipv6Address, "0:0:0:0:0:0:0:0", "::"),
            (TextForm::Ipv6Address, "::FFFF:1.2.3.4", "::ffff:1.2.3.4"),
            (TextForm::Ipv6Address, "FE80::0001%Eth0", "fe80::1%Eth0"),
            (TextForm::Ipv6Address, "not an address", "not an address"),
            (masked, "10.0.0.1/24", "10.0.0.0/24"),
            (masked, "10.0.0.1/32", "10.0.0.1/32"),
            (masked, "10.0.0.1/0", "0.0.0.0/0"),
            (masked, "2001:DB8:0:0::1/032", "2001:db8::/32"),
            (masked, "::1/0", "::/0"),
            (masked, "::1/129", "::1/129"),
            (TextForm::Prefix { masked: false }, "2001:DB8::1/32", "2001:db8::1/32"),
            (TextForm::LowerCase, "00:1A:2b", "00:1a:2b"),
            (TextForm::DateAndTime, "2026-11-30T06:00:00Z", "2026-11-30T06:00:00+00:00"),
            // The offset is not known.
            (TextForm::DateAndTime, "2026-11-30T06:00:00-00:00", "2026-11-30T06:00:00-00:00"),
            (TextForm::Text, "A", "A"),
        ] {
            assert_eq!(form.canonical(value), canonical, "{value}");
        }
    }

    proptest! {
        #[test]
        fn address_has_the_form_of_its_bits(bits: u128, upper: bool, length in 0_u32..=128) {
            let address = Ipv6Addr::from(bits);
            let groups: Vec<String> = address.segments().iter().map(|group| format!("{group:04x}")).collect();
            let mut long = groups.join(":");
            if upper {
                long.make_ascii_uppercase();
            }
            prop_assert_eq!(TextForm::Ipv6Address.canonical(&long), address.to_string());
            let masked = TextForm::Prefix { masked: true };
            let once = masked.canonical(&format!("{long}/{length}"));
            prop_assert_eq!(masked.canonical(&once), once.clone());
            prop_assert_eq!(masked.canonical(&format!("{address}/{length}")), once);
        }

        #[test]
        fn canonical_form_stays_as_it_is(text in "[0-9A-Fa-f:./%TZ-]{0,30}") {
            for form in [
                TextForm::Text,
                TextForm::LowerCase,
                TextForm::Ipv6Address,
                TextForm::Prefix { masked: true },
                TextForm::Prefix { masked: false },
                TextForm::DateAndTime,
            ] {
                let once = form.canonical(&text);
                prop_assert_eq!(form.canonical(&once), once.clone());
            }
        }
    }
}
