//! What a commit knows of original values.

use std::collections::HashMap;

use confine_tree::Coverage;

use crate::Original;

/// What a commit knows of original values.
#[derive(Default)]
pub(crate) struct RestoredOriginals {
    /// Whether they can be kept: the controller has the YANG module.
    pub(crate) are_kept: bool,
    /// Those that took their original value, or would have if they had not been changed by hand.
    pub(crate) taken: HashMap<String, TakenOriginal>,
    /// Those that other instances have set too: the owners that the commit does not run.
    pub(crate) kept: HashMap<String, Original>,
    /// What may be edited whatever the scopes are.
    pub(crate) places: Coverage,
    /// The paths of what is too long to be kept.
    pub(crate) too_long: Vec<String>,
}

/// An original that no instance has changed besides those of the commit.
pub(crate) struct TakenOriginal {
    pub(crate) original: Original,
    /// Somebody has changed it by hand.
    pub(crate) is_stale: bool,
}
