//! Helpers for the tests of several modules.

use proptest::prelude::*;

use crate::{NodeId, Pattern, PatternStep, QName, Tree};

/// One node of a tree, in a form that can be compared and printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    depth: usize,
    name: String,
    value: Option<String>,
    bindings: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
}

/// Returns the nodes of a tree below `top`, without node numbers. An empty value counts as none.
pub(crate) fn content(tree: &Tree, top: NodeId) -> Vec<Line> {
    let owned = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    let lines = tree.descendants(top).map(|(node, depth)| Line {
        depth,
        name: tree.qname(node).to_string(),
        value: tree.value(node).filter(|value| !value.is_empty()).map(Into::into),
        bindings: tree.bindings(node).iter().map(|(prefix, ns)| owned((prefix, ns))).collect(),
        attributes: tree.attributes(node).map(|(name, value)| owned((&name.to_string(), value))).collect(),
    });
    lines.collect()
}

/// A random element for [`build`].
#[derive(Clone, Debug)]
pub(crate) struct Element {
    name: (usize, usize),
    value: Option<(String, Option<usize>)>,
    attributes: Vec<((usize, usize), String)>,
    children: Vec<Element>,
}

const NAMESPACES: [&str; 5] = [
    "urn:a",
    "http://b/?x=1&y=\"2\"",
    "urn:ietf:params:xml:ns:netconf:base:1.0",
    "",
    "http://clicon.org/lib",
];
const LOCALS: [&str; 4] = ["a", "b-c.d", "_é", "xml"];
const PREFIXES: [&str; 4] = ["p", "nc", "a1", "cl"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ a-z<>&'\"\\r\\n\\t\\]é\u{85}\u{2028}\u{fffd}𝄞-]{0,8}",
        Just("]]>".to_owned()),
        Just("&amp;#13;".to_owned()),
        Just("http://x:80/".to_owned()),
    ]
}

/// Generates elements with hostile values, names with the same local part in several namespaces, attributes,
/// and values with prefixes that are bound to different namespaces in different elements.
pub(crate) fn elements() -> impl Strategy<Value = Vec<Element>> {
    let name = || (0..NAMESPACES.len(), 0..LOCALS.len());
    let attributes = proptest::collection::vec((name(), text()), 0..3);
    let leaf = (name(), proptest::option::of((text(), proptest::option::of(0..PREFIXES.len()))), attributes)
        .prop_map(|(name, value, attributes)| Element { name, value, attributes, children: Vec::new() });
    let element = leaf.prop_recursive(4, 24, 4, |inner| {
        (inner.clone(), proptest::collection::vec(inner, 1..4)).prop_map(|(element, children)| Element {
            value: None,
            children,
            ..element
        })
    });
    proptest::collection::vec(element, 0..3)
}

/// Appends the elements as children of `parent`.
pub(crate) fn build(tree: &mut Tree, parent: NodeId, elements: &[Element]) {
    for Element { name, value, attributes, children } in elements {
        let qname = |&(ns, local): &(usize, usize)| QName::new(NAMESPACES[ns], LOCALS[local]);
        let interned = tree.intern(qname(name));
        let node = tree.append(parent, interned).unwrap();
        for (name, value) in attributes {
            tree.set_attribute(node, qname(name), value);
        }
        match value {
            Some((text, Some(prefix))) => {
                // The namespace of the prefix depends on the element.
                let binding = (PREFIXES[*prefix], NAMESPACES[if name.0 == 3 { 0 } else { name.0 }]);
                tree.set_value(node, &format!("{}:x {text}", binding.0), &[binding]).unwrap();
            }
            Some((text, None)) if !text.is_empty() => tree.set_value(node, text, &[]).unwrap(),
            Some(_) | None => {}
        }
        build(tree, node, children);
    }
}

/// Generates patterns of at most three steps whose names and values match these expressions.
pub(crate) fn patterns(
    names: &'static str,
    values: &'static str,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<Pattern>> {
    let keys = proptest::collection::btree_map("[kl]", proptest::option::of(values), 0..3);
    let entry = proptest::option::weighted(0.2, proptest::option::of(values));
    let step = (names, keys, entry).prop_map(|(local, keys, entry)| {
        let mut step = PatternStep::new(QName::new("urn:x", &local));
        step.keys = keys.into_iter().map(|(key, value)| (key.into(), value)).collect();
        step.entry = entry;
        step
    });
    let pattern = proptest::collection::vec(step, 0..4).prop_map(|steps| Pattern { steps });
    proptest::collection::vec(pattern, count)
}
