//! Which nodes have secrets as values: by their names, and by what models say.

use std::{
    collections::HashSet,
    sync::{LazyLock, PoisonError, RwLock},
};

/// Parts of names of nodes with secrets, in the models of devices. Punctuation is ignored.
const PARTS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "passkey",
    "secret",
    "credential",
    "privatekey",
    "sharedkey",
    "authkey",
    "authenticationkey",
    "encryptionkey",
    "keystring",
    "hashedvalue",
    "crypthash",
    "encrypted",
];

/// Whole names of nodes with secrets, too short to match as part of a name.
const NAMES: [&str; 8] = ["psk", "token", "community", "cleartext", "hexkey", "keydata", "keyvalue", "pwd"];

/// Ends of names of keys that everybody may know. All others whose names end with `key` are secret: those of RADIUS and TACACS
/// servers are named `key`.
const PUBLIC_KEYS: [&str; 5] = ["publickey", "sshkey", "hostkey", "foreignkey", "primarykey"];

/// The most names from models, which come from devices.
const MOST: usize = 100_000;

/// Names of nodes: namespace and local name.
type NodeNames = HashSet<(Box<str>, Box<str>)>;

/// The names of nodes with secrets in the models known so far. Like the log, it is one for the process.
static FROM_MODELS: LazyLock<RwLock<NodeNames>> = LazyLock::new(RwLock::default);

/// Masks the values of nodes with these namespaces and names in the log, from now on.
pub fn mask_in_log<'n>(names: impl IntoIterator<Item = (&'n str, &'n str)>) {
    let mut known = FROM_MODELS.write().unwrap_or_else(PoisonError::into_inner);
    for (namespace, name) in names {
        if known.len() < MOST {
            known.insert((namespace.into(), name.into()));
        }
    }
}

/// Returns whether a node has a secret as value, or in nodes below it.
pub(crate) fn is_secret(namespace: &str, name: &str) -> bool {
    has_secret_name(name) || {
        let known = FROM_MODELS.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&(namespace.into(), name.into()))
    }
}

fn has_secret_name(name: &str) -> bool {
    let mut plain = name.to_ascii_lowercase();
    plain.retain(|character| character.is_alphanumeric());
    PARTS.iter().any(|secret| plain.contains(secret))
        || NAMES.contains(&plain.as_str())
        || plain.ends_with("key") && !PUBLIC_KEYS.iter().any(|public| plain.ends_with(public))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_use_are_secret_or_not() {
        for name in [
            "key",
            "secret-key",
            "shared-secret",
            "auth_key",
            "md5-key",
            "Private_Key",
            "pre-shared-key",
            "hex-key",
            "key-string",
            "encrypted-password",
            "password-hashed",
            "authentication-key",
            "tacacs-key",
            "community",
            "encrypted-secret",
        ] {
            assert!(has_secret_name(name), "{name}");
        }
        for name in [
            "ssh-key",
            "public-key",
            "key-id",
            "keychain",
            "keys",
            "name",
            "monkeys",
            "host-key",
            "community-list",
        ] {
            assert!(!has_secret_name(name), "{name}");
        }
    }
}
