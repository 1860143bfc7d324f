//! The original values of what instances change: where they are kept.

use confine_tree::Schema;
use confine_view::Originals;

/// The name of the file of [`ORIGINALS_MODULE`].
pub const ORIGINALS_FILE: &str = "confine-originals@2026-12-01.yang";

/// The YANG module in whose container they are kept.
pub const ORIGINALS_MODULE: &str = include_str!("../../yang/confine-originals@2026-12-01.yang");

/// Returns whether the controller has the YANG module in whose container they are kept, as it is now.
pub(crate) fn keeps_originals(schema: &dyn Schema) -> bool {
    schema.locate(&Originals::newest_node()).is_some()
}
