//! The skeleton of the controller's model, for use without the text of the model.

use confine_yang::ModuleSet;

/// The controller's own module.
pub(super) const CONTROLLER_MODULE: &str = "clixon-controller";

/// The modules of the skeleton: see [`ModuleSet::mark_abridged`].
const SKELETON: [(&str, &str); 2] = [
    (CONTROLLER_MODULE, include_str!("skeleton.yang")),
    ("ietf-yang-schema-mount", include_str!("schema-mount.yang")),
];

/// Adds the modules of the skeleton that a set does not have.
pub(super) fn add_skeleton(set: &mut ModuleSet) {
    for (name, text) in SKELETON {
        if !set.contains(name, None)
            && let Err(error) = set.add(name, text.as_bytes())
        {
            tracing::error!(%error, "the skeleton of the controller's model cannot be read");
        }
    }
    set.mark_abridged(CONTROLLER_MODULE);
}
