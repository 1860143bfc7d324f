//! The original values of what instances change: where they are kept.

use confine_tree::{Pattern, PatternStep, QName, Schema};
use confine_view::{Original, Originals};

/// The name of the file of [`ORIGINALS_MODULE`].
pub const ORIGINALS_FILE: &str = "confine-originals@2026-12-01.yang";

/// The YANG module in whose container they are kept.
pub const ORIGINALS_MODULE: &str = include_str!("../../yang/confine-originals@2026-12-01.yang");

/// Returns whether the controller has the YANG module in whose container they are kept, as it is now.
pub(crate) fn keeps_originals(schema: &dyn Schema) -> bool {
    schema.locate(&Originals::newest_node()).is_some()
}

/// Returns what to read to know what stands in the place of an original: the node, and the list entry that it is in.
pub(super) fn places_of(original: &Original) -> impl Iterator<Item = Pattern> {
    let steps = &original.place.steps;
    let entry = steps.iter().rev().skip(1).position(|step| !step.keys.is_empty());
    let key = entry.and_then(|from_last| {
        let mut above = steps.get(..steps.len().checked_sub(from_last + 1)?)?.to_vec();
        let (entry, (key, _)) =
            above.last().and_then(|entry| Some((entry.clone(), entry.keys.first()?.clone())))?;
        above.push(PatternStep::new(QName::new(&entry.namespace, &key)));
        Some(Pattern { steps: above })
    });
    std::iter::once(original.place.clone()).chain(key)
}
