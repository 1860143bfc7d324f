//! Helpers for patterns.

use confine_tree::{Pattern, PatternStep};

/// Returns a pattern with one more step.
pub(crate) fn child(pattern: &Pattern, step: PatternStep) -> Pattern {
    Pattern { steps: pattern.steps.iter().cloned().chain([step]).collect() }
}

/// Returns the number of bytes of a pattern's names, with their namespaces, and values.
pub(crate) fn size(pattern: &Pattern) -> usize {
    let values = |value: &Option<String>| value.as_ref().map_or(0, String::len);
    let step = |step: &PatternStep| {
        let keys: usize = step.keys.iter().map(|(key, value)| key.len() + values(value)).sum();
        step.namespace.len() + step.local.len() + keys + step.entry.as_ref().map_or(0, values)
    };
    pattern.steps.iter().map(step).sum()
}
