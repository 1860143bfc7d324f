//! The random bytes of a run: unpredictable to everybody else, and the same in every run of an instance.
//!
//! A module may make a key of them. If they were the same everywhere, everybody could compute the key; if they were
//! different in each run, every commit would replace it. They are therefore derived, by HKDF-SHA-256 (RFC 5869), from a
//! [secret of the host](HostSecret), the function that runs, and the path of the instance. Not from the module's name
//! or version, the user, the transaction or the time: none of these replaces a key. Two modules of one list are given
//! the same bytes for an instance.
//!
//! ```text
//! bytes of the n-th call = HKDF-Expand(HKDF-Extract(no salt, secret), LABEL ‖ SHA-256(origin) ‖ n, length)
//! origin = text(function) ‖ steps ‖ for each step: text(namespace) ‖ text(name) ‖ keys ‖ for each key: text(name) ‖ text(value)
//! text(t) = length of t in bytes ‖ t
//! ```
//!
//! Numbers have eight bytes, the highest first; keys are in the order of their names. Every text is preceded by its
//! length, so no two origins are the same bytes, whatever a user writes into a key. The calls of a run are counted from 0,
//! whatever their lengths: a longer key in a new version of a module leaves those after it as they are.
//!
//! **Changing any of this replaces every key that a module has made.** A test knows the bytes.

use std::fmt;

use confine_view::InstanceRef;
use hkdf::{Hkdf, InvalidLength};
use sha2::{Digest as _, Sha256};

use crate::EntryPoint;

/// The bytes that one step of HKDF-Expand derives.
pub(crate) const BLOCK: usize = 32;

/// Tells these bytes from whatever else may be derived of the secret one day.
const LABEL: &[u8] = b"confine random 1";

/// The secret of a host, from which the random bytes of its modules derive. Nothing shows it.
#[derive(Clone)]
pub struct HostSecret(Hkdf<Sha256>);

impl HostSecret {
    /// The length in bytes.
    pub const LENGTH: usize = 32;

    /// The secret with these bytes.
    pub fn new(bytes: &[u8; Self::LENGTH]) -> Self {
        Self(Hkdf::new(None, bytes))
    }

    /// A secret that everybody knows, of zeros: for test cases and demos, whose results are to be the same everywhere.
    pub fn known() -> Self {
        Self::new(&[0; Self::LENGTH])
    }
}

impl fmt::Debug for HostSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostSecret")
    }
}

/// The random bytes of one run.
pub(crate) struct RandomBytes {
    secret: HostSecret,
    origin: [u8; 32],
    calls: u64,
}

impl RandomBytes {
    /// The bytes of `describe`, which must always return the same: no secret is in them.
    pub(crate) fn of_description() -> Self {
        Self { secret: HostSecret::known(), origin: [0; 32], calls: 0 }
    }

    /// The bytes of a function that is called for an instance.
    pub(crate) fn of_instance(secret: &HostSecret, entry: EntryPoint, instance: &InstanceRef) -> Self {
        Self { secret: secret.clone(), origin: Sha256::digest(origin(entry, instance)).into(), calls: 0 }
    }

    /// Fills `bytes`, of which there are at most 255 blocks, for the next call.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), InvalidLength> {
        let call = self.calls.to_be_bytes();
        self.calls += 1;
        self.secret.0.expand_multi_info(&[LABEL, &self.origin, &call], bytes)
    }
}

/// Where bytes are used. Two functions, or two instances, have two origins.
fn origin(entry: EntryPoint, instance: &InstanceRef) -> Vec<u8> {
    let mut origin = OriginWriter::default();
    origin.text(&entry.to_string());
    let steps = &instance.path().steps;
    origin.number(steps.len());
    for step in steps {
        origin.text(&step.namespace);
        origin.text(&step.local);
        let keys = step.keys.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        origin.number(keys.len());
        for (name, value) in keys {
            origin.text(name);
            origin.text(value);
        }
    }
    origin.0
}

#[derive(Default)]
struct OriginWriter(Vec<u8>);

impl OriginWriter {
    fn number(&mut self, number: usize) {
        self.0.extend((number as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.extend(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use confine_tree::{CONTROLLER, Pattern, PatternStep, QName};
    use proptest::prelude::*;

    use super::*;
    use crate::Hook;

    fn instance(namespace: &str, list: &str, keys: &[(&str, &str)]) -> InstanceRef {
        let mut entry = PatternStep::new(QName::new(namespace, list));
        entry.keys = keys.iter().map(|(name, value)| ((*name).into(), Some((*value).to_owned()))).collect();
        InstanceRef::new(Pattern { steps: vec![PatternStep::new(QName::new(CONTROLLER, "services")), entry] })
    }

    fn customer(name: &str) -> InstanceRef {
        instance("urn:vpn", "vpn", &[("customer", name)])
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn first(secret: &HostSecret, entry: EntryPoint, instance: &InstanceRef) -> String {
        let mut bytes = [0; 16];
        RandomBytes::of_instance(secret, entry, instance).fill(&mut bytes).unwrap();
        hex(&bytes)
    }

    /// Computed with another implementation. If it fails, the keys of every network change.
    #[test]
    fn bytes_are_those_of_the_documented_derivation() {
        let secret = HostSecret::new(&std::array::from_fn(|position| position as u8));
        let instance = instance("urn:vpn", "vpn", &[("site", "a'b"), ("customer", "Ünal")]);
        let mut random = RandomBytes::of_instance(&secret, EntryPoint::Apply, &instance);
        let told = [16, 0, 40, 8].map(|length| {
            let mut bytes = vec![0; length];
            random.fill(&mut bytes).unwrap();
            hex(&bytes)
        });
        assert_eq!(
            told,
            [
                "cc00e35c1224e777bce8da1bccaf78e1",
                "",
                "98d319bf7f4c0019ea550d97cb3c11feebba2eef625bee64ed67a154b098e9487b5667fa23a2ce31",
                "883f39eb7f785ffa",
            ]
        );
    }

    #[test]
    fn instances_services_functions_and_hosts_differ() {
        let hooks = [Hook::PreCommit, Hook::PostCommit, Hook::PostCommitFailed].map(EntryPoint::Hook);
        let secrets = [HostSecret::known(), HostSecret::new(&[1; 32])];
        let instances = [
            customer("a"),
            customer("b"),
            instance("urn:vpn", "vpn", &[("name", "a")]),
            instance("urn:vpn", "link", &[("customer", "a")]),
            instance("urn:other", "vpn", &[("customer", "a")]),
            instance("urn:vpn", "vpn", &[("customer", "a"), ("site", "b")]),
        ];
        let entries = hooks.into_iter().chain([EntryPoint::Apply]);
        let all: Vec<_> = entries
            .flat_map(|entry| secrets.iter().map(move |secret| (entry, secret)))
            .flat_map(|(entry, secret)| instances.iter().map(move |instance| first(secret, entry, instance)))
            .collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all.len(), 4 * 2 * 6);
    }

    #[test]
    fn order_of_the_keys_of_an_instance_does_not_matter() {
        let keys = [("a", "1"), ("b", "2")];
        let other = [("b", "2"), ("a", "1")];
        let [one, two] = [keys, other].map(|keys| origin(EntryPoint::Apply, &instance("urn:n", "l", &keys)));
        assert_eq!(one, two);
    }

    #[test]
    fn call_does_not_depend_on_the_lengths_of_those_before() {
        let take = |lengths: [usize; 3]| {
            let mut random =
                RandomBytes::of_instance(&HostSecret::known(), EntryPoint::Apply, &customer("a"));
            lengths.map(|length| {
                let mut bytes = vec![0; length];
                random.fill(&mut bytes).unwrap();
                bytes
            })
        };
        let ([short, _, last], [long, _, same]) = (take([16, 1, 8]), take([64, 4096, 8]));
        assert_eq!(last, same);
        assert!(long.starts_with(&short) && short != last[..]);
    }

    #[test]
    fn secret_is_not_shown() {
        assert_eq!(format!("{:?}", HostSecret::known()), "HostSecret");
    }

    proptest! {
        /// Keys hold whatever a user writes, also what looks like another key, and lists have few names here.
        #[test]
        fn two_instances_have_two_origins(one in any_instance(), other in any_instance()) {
            let [first, second] = [&one, &other].map(|of| origin(EntryPoint::Apply, of));
            prop_assert_eq!(first == second, one == other);
        }
    }

    fn any_instance() -> impl Strategy<Value = InstanceRef> {
        let key = ("[ab]{1,2}", "[ab/'\\]\\[=\u{0}]{0,3}");
        let keys = proptest::collection::btree_map(key.0, key.1, 0..3);
        ("[ab]{0,2}", "[ab]{0,2}", keys).prop_map(|(namespace, list, keys)| {
            let keys: Vec<_> = keys.iter().map(|(name, value)| (&**name, &**value)).collect();
            instance(&namespace, &list, &keys)
        })
    }
}
