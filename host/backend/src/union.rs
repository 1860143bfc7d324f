//! The XPath expression that selects what several patterns match.

use confine_tree::{Pattern, PrefixTable};

/// Returns one XPath expression for all nodes that any of the patterns matches. It binds the prefixes that it has.
///
/// Controller 1.8.0 loses nodes of a union unless it is in a form that it stands:
///
/// - It puts what each path selects behind what it has, and looks up list entries as if all of it was sorted. Only what leads to an
///   entry sorts it. So the shorter paths are first: of `l[k='a']/v | n`, only `n` is returned.
/// - An entry is selected by its children (`entry/*`), which it does sort: of `l[k='b'] | l[k='a']`, only `a` is returned.
#[must_use]
pub fn union_of(patterns: &[Pattern], prefixes: &mut PrefixTable) -> String {
    let mut patterns: Vec<&Pattern> = patterns.iter().collect();
    patterns.sort_by_key(|pattern| pattern.steps.len() + usize::from(is_entry(pattern)));
    let expression = |pattern: &Pattern| {
        let children = if is_entry(pattern) { "/*" } else { "" };
        pattern.xpath(prefixes) + children
    };
    patterns.into_iter().map(expression).collect::<Vec<_>>().join(" | ")
}

fn is_entry(pattern: &Pattern) -> bool {
    pattern.steps.last().is_some_and(|step| !step.keys.is_empty())
}

#[cfg(test)]
mod tests {
    use confine_tree::{PatternStep, QName};

    use super::*;

    fn pattern(steps: &[(&str, Option<&str>)]) -> Pattern {
        let step = |(local, key): &(&str, Option<&str>)| {
            let mut step = PatternStep::new(QName::new("urn:x", local));
            step.keys.extend(key.map(|key| ("name".into(), Some(key.to_owned()))));
            step
        };
        Pattern { steps: steps.iter().map(step).collect() }
    }

    #[test]
    fn shorter_paths_are_first_and_entries_are_their_children() {
        let (top, list) = (("t", None), ("l", None));
        let entry = |key: &'static str| ("l", Some(key));
        let patterns = [
            pattern(&[top, entry("b"), ("v", None), ("w", None)]),
            pattern(&[top, entry("a")]),
            pattern(&[top, entry("b"), ("v", None)]),
            pattern(&[top, list, ("name", None)]),
            pattern(&[top, ("n", None)]),
        ];
        let union = union_of(&patterns, &mut PrefixTable::new()).replace("n1:", "").replace("n2:", "");
        assert_eq!(union, "/t/n | /t/l[name='a']/* | /t/l[name='b']/v | /t/l/name | /t/l[name='b']/v/w");
        assert_eq!(union_of(&[], &mut PrefixTable::new()), "");
    }
}
