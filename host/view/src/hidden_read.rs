//! A read that access control answered.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use confine_tree::Pattern;

use crate::InstanceRef;

/// A read of a module that was answered with nothing, or refused, though there may be something.
#[derive(Clone, Debug)]
pub struct HiddenRead {
    /// The instance that the module ran for.
    pub instance: InstanceRef,
    /// The module's name.
    pub module: Arc<str>,
    /// What the module did not see.
    pub node: Pattern,
    /// Why: a clause, and perhaps a hint on a line of its own.
    pub reason: Arc<str>,
}

/// What a run of a module did not see of data that it saw in part.
#[derive(Clone, Debug)]
pub struct PartialSight {
    /// The first node.
    pub first: HiddenRead,
    /// The hashes of all nodes.
    pub nodes: BTreeSet<u64>,
}

impl PartialSight {
    /// Returns the hash of a node's path.
    pub(crate) fn hash(node: &Pattern) -> u64 {
        let mut hasher = DefaultHasher::new();
        node.hash(&mut hasher);
        hasher.finish()
    }
}
