//! Helpers for patterns.

use confine_tree::{Pattern, PatternStep, QName};

/// Returns a pattern with one more step.
pub(crate) fn child(pattern: &Pattern, step: PatternStep) -> Pattern {
    Pattern { steps: pattern.steps.iter().cloned().chain([step]).collect() }
}

/// Returns the path of the first key of a list entry: what is read to know whether the entry is there. None if the last step names
/// no key.
pub(crate) fn first_key(entry: &Pattern) -> Option<Pattern> {
    let step = entry.steps.last()?;
    let (key, _) = step.keys.first()?;
    Some(child(entry, PatternStep::new(QName::new(&step.namespace, key))))
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

/// Returns the path of the list of an entry.
pub(crate) fn list_of(entry: &Pattern) -> Option<Pattern> {
    let (last, above) = entry.steps.split_last()?;
    Some(Pattern { steps: above.iter().cloned().chain([PatternStep::new(last.name())]).collect() })
}

/// Returns a pattern without the values of its keys.
pub(crate) fn names_of(pattern: &Pattern) -> Pattern {
    let bare = |step: &PatternStep| match step.keys.is_empty() && step.entry.is_none() {
        true => step.clone(),
        false => PatternStep::new(step.name()),
    };
    Pattern { steps: pattern.steps.iter().map(bare).collect() }
}
