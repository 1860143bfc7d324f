//! A fault of the real controller in answering filters, which its clients must tolerate.

use std::collections::{HashMap, HashSet};

use confine_tree::{DataNodeKind, NodeId, Tree};

use crate::models::tree_model::TreeModel;

/// Returns the selected nodes without those that the real controller (1.8.0) loses. It looks up each entry of
/// a list among the selected ones with a binary search, as if they were in the order of the list, and misses
/// some if they are not: `list[name='b'] | list[name='a']` returns only `a`.
pub(crate) fn without_lost_entries(
    tree: &Tree,
    model: &TreeModel<'_>,
    mut selected: Vec<NodeId>,
) -> Vec<NodeId> {
    let mut lists: HashMap<_, Vec<NodeId>> = HashMap::new();
    for &node in &selected {
        lists.entry((tree.parent(node), tree.name(node))).or_default().push(node);
    }
    let mut lost = HashSet::new();
    for ((parent, name), entries) in lists {
        let (Some(parent), [first, _, ..]) = (parent, &*entries) else { continue };
        let list = model.schema_node(tree, *first);
        if model.kind(list) != Some(DataNodeKind::List) || model.ordered_by_user(list) {
            continue;
        }
        let positions: HashMap<NodeId, usize> = tree.children_named(parent, name).zip(0..).collect();
        let entries: Vec<Option<usize>> = entries.iter().map(|entry| positions.get(entry).copied()).collect();
        let is_lost = |node: &NodeId| entries.binary_search(&positions.get(node).copied()).is_err();
        lost.extend(tree.children_named(parent, name).filter(is_lost));
    }
    selected.retain(|node| !lost.contains(node));
    selected
}

#[cfg(test)]
mod tests {
    use confine_tree::{CONTROLLER, xml};

    use super::*;
    use crate::{filter::XPathFilter, testing::schema_of};

    fn names(select: &str) -> String {
        let device = |name: &str| format!("<device><name>{name}</name><port>1</port></device>");
        let devices = ["a", "b", "c"].map(device).concat();
        let tree = xml::parse(&format!("<devices xmlns='{CONTROLLER}'>{devices}</devices>")).unwrap();
        let module = format!(
            "module m {{ namespace {CONTROLLER:?}; prefix m; container devices {{ list device {{ key name; \
             leaf name {{ type string; }} leaf port {{ type uint16; }} }} }} }}"
        );
        let schema = schema_of(&[&module]);
        let selected = XPathFilter::parse(select, &[("c", CONTROLLER)]).unwrap().select(&tree);
        let found = without_lost_entries(&tree, &TreeModel::new(&schema), selected);
        let text = |node| tree.descendants(node).filter_map(|(node, _)| tree.value(node)).collect::<String>();
        found.into_iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn entries_selected_out_of_order_are_lost() {
        let device = |name: &str, rest: &str| format!("/c:devices/c:device[c:name='{name}']{rest}");
        assert_eq!(names("/c:devices/c:device"), "a1 b1 c1");
        assert_eq!(names(&format!("{} | {}", device("a", ""), device("c", ""))), "a1 c1");
        assert_eq!(names(&format!("{} | {}", device("b", ""), device("a", ""))), "a1");
        // The children of entries are not lost.
        assert_eq!(names(&format!("{} | {}", device("b", "/*"), device("a", "/*"))), "b 1 a 1");
        assert_eq!(names(&format!("{} | {}", device("b", "/c:port"), device("a", "/c:port"))), "1 1");
    }
}
