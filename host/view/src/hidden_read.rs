//! A read that access control answered.

use std::sync::Arc;

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
