//! Faults of the real controller in answering filters, which its clients must tolerate.

use std::collections::{HashMap, HashSet};

use confine_tree::{DataNodeKind, NodeId, Pattern, PatternStep, Tree};

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

/// Returns which paths of a union the real controller (1.8.0) loses, of paths with whether they select the children of what they
/// match and whether they match anything.
///
/// It puts what each path selects behind what it has, and looks up entries as if all of it was sorted. What leads to an entry sorts
/// it; so a path is lost if it goes through an entry and a later one ends beside that. With the shorter paths first, none is.
pub(super) fn lost_branches<'a>(paths: impl Iterator<Item = (&'a Pattern, bool, bool)>) -> Vec<usize> {
    let paths: Vec<_> = paths.collect();
    // The last path that puts something below a node.
    let mut last: HashMap<&[PatternStep], usize> = HashMap::new();
    for (number, &(pattern, selects_children, is_found)) in paths.iter().enumerate() {
        let above = pattern.steps.len() - usize::from(!selects_children && !pattern.steps.is_empty());
        if let Some(above) = pattern.steps.get(..above).filter(|_| is_found) {
            last.insert(above, number);
        }
    }
    let is_lost = |number: usize, pattern: &Pattern, selects_children: bool| {
        let entries = pattern.steps.iter().enumerate().filter(|(_, step)| !step.keys.is_empty());
        let through = entries.filter(|&(depth, _)| selects_children || depth + 1 < pattern.steps.len());
        through.filter_map(|(depth, _)| last.get(pattern.steps.get(..depth)?)).any(|&later| later > number)
    };
    let all = paths.iter().enumerate();
    all.filter(|&(number, &(pattern, children, _))| is_lost(number, pattern, children))
        .map(|(number, _)| number)
        .collect()
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

    #[test]
    fn what_is_in_an_entry_is_lost_before_what_is_beside_it() {
        let tree = xml::parse(
            "<t xmlns='urn:t'><n>1</n><l><k>a</k><v>2</v></l><l><k>b</k><v>3</v></l><c><n>4</n></c></t>",
        )
        .unwrap();
        let found = |select: &str| {
            let nodes = XPathFilter::parse(select, &[("t", "urn:t")]).unwrap().select_some(&tree);
            nodes.into_iter().filter_map(|node| tree.value(node)).collect::<String>()
        };
        assert_eq!(found("/t:t/t:n | /t:t/t:l[t:k='a']/t:v"), "12");
        assert_eq!(found("/t:t/t:l[t:k='a']/t:v | /t:t/t:n"), "1");
        assert_eq!(found("/t:t/t:l[t:k='a']/* | /t:t/t:n"), "1");
        assert_eq!(found("/t:t/t:l[t:k='a']/t:v | /t:t/t:l[t:k='b']/t:v | /t:t/t:c/t:n"), "234");
        // Nothing is put beside it.
        assert_eq!(found("/t:t/t:l[t:k='a']/t:v | /t:t/t:x"), "2");
    }
}
