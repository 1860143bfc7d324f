//! Compares values regardless of the prefixes they use.

use std::borrow::Cow;

use confine_tree::{NodeId, Tree, is_name_character};

type Bindings<'a> = &'a [(Box<str>, Box<str>)];

/// Whether two nodes have the same value: texts that are equal, or differ only in the prefixes for the same
/// namespaces. A missing value equals an empty one.
pub(super) fn same_value(a: &Tree, x: NodeId, b: &Tree, y: NodeId) -> bool {
    let (text, other) = (a.value(x).unwrap_or_default(), b.value(y).unwrap_or_default());
    let (bindings, others) = (a.bindings(x), b.bindings(y));
    if bindings == others || bindings.is_empty() || others.is_empty() {
        return text == other;
    }
    expand(text, bindings) == expand(other, others)
}

/// Replaces each bound prefix by its namespace, in a form that cannot occur in a value.
fn expand<'v>(value: &'v str, bindings: Bindings<'_>) -> Cow<'v, str> {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((head, tail)) = rest.split_once(':') {
        let (before, prefix) =
            head.split_at_checked(head.trim_end_matches(is_name_character).len()).unwrap_or((head, ""));
        expanded.push_str(before);
        match bindings.iter().find(|(bound, _)| **bound == *prefix) {
            Some((_, namespace)) => expanded.extend(["\0", namespace, "\0"]),
            None => expanded.extend([prefix, ":"]),
        }
        rest = tail;
    }
    if expanded.is_empty() {
        return Cow::Borrowed(value);
    }
    expanded.push_str(rest);
    Cow::Owned(expanded)
}

#[cfg(test)]
mod tests {
    use confine_tree::xml;

    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let [a, b] = [a, b].map(|text| xml::parse(text).unwrap());
        let [x, y] = [&a, &b].map(|tree| tree.first_child(Tree::ROOT).unwrap());
        same_value(&a, x, &b, y)
    }

    #[test]
    fn prefixes_are_compared_by_namespace() {
        assert!(same("<a>x</a>", "<a>x</a>"));
        assert!(same("<a/>", "<a></a>"));
        assert!(!same("<a>x</a>", "<a>y</a>"));
        assert!(same("<a xmlns:p='u'>p:x</a>", "<a xmlns:q='u'>q:x</a>"));
        assert!(!same("<a xmlns:p='u'>p:x</a>", "<a xmlns:p='v'>p:x</a>"));
        assert!(!same("<a xmlns:p='u'>p:x</a>", "<a xmlns:q='u'>q:y</a>"));
        assert!(same("<a xmlns:p='u'>/p:x[p:k='1:2']/y</a>", "<a xmlns:q='u'>/q:x[q:k='1:2']/y</a>"));
        assert!(same("<a xmlns:http='u'>http://x</a>", "<a>http://x</a>"));
        assert!(!same("<a xmlns:p='u'>p:x</a>", "<a>q:x</a>"));
    }
}
