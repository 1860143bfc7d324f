//! The tables of the host.

use foldhash::fast::RandomState;

/// A table by key.
///
/// Its hasher is several times as fast as that of the standard library for the short keys of this host, and makes no promise
/// against somebody who chooses keys that collide. It need not: its seed is random, nothing that a module sees depends on it,
/// and everything that a module, a device or the datastore can add to a table is paid for or bounded: by the module's meter, by
/// the size of a reply, by the limits of models. What comes from the network without such a bound has no place here.
pub type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// A set. See [`HashMap`].
pub type HashSet<K> = std::collections::HashSet<K, RandomState>;

/// The state of the hasher of [`HashMap`].
pub type HashState = RandomState;
