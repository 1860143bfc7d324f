//! The cost of loading and of finding nodes: at most twice as much for twice as many nodes.

use std::{fmt::Write as _, sync::Arc};

use super::*;
use crate::{NoSchema, xml};

/// The container `c` with this content.
fn container(inner: &str) -> Tree {
    xml::parse(&format!("<c xmlns='urn:c'>{inner}</c>")).unwrap()
}

/// The path of the container, or of a descendant by these names, each with an optional key and its value.
fn at(steps: &[(&str, Option<(&str, &str)>)]) -> Pattern {
    let mut pattern = Pattern { steps: vec![PatternStep::new(QName::new("urn:c", "c"))] };
    for (local, key) in steps {
        let mut step = PatternStep::new(QName::new("urn:c", local));
        step.keys.extend(key.map(|(key, value)| (key.into(), Some(value.into()))));
        pattern.steps.push(step);
    }
    pattern
}

fn repeated<T>(count: usize, mut each: impl FnMut(usize) -> T) -> String
where
    T: std::fmt::Display,
{
    (0..count).fold(String::new(), |mut text, n| {
        write!(text, "{}", each(n)).unwrap();
        text
    })
}

/// Loads a fragment. Returns how many nodes were visited, and in how many steps.
fn load(overlay: &mut Overlay, fragment: &Tree, read: &Pattern) -> (usize, usize) {
    let mut loading = overlay.begin_load(std::slice::from_ref(read));
    let (mut all, mut steps) = (0, 0);
    loop {
        match overlay.load_some(fragment, &mut loading).unwrap() {
            0 => return (all, steps),
            visited => (all, steps) = (all + visited, steps + 1),
        }
    }
}

fn children(overlay: &mut Overlay) -> usize {
    let container = overlay.find(&at(&[]))[0];
    overlay.children(container).count()
}

#[track_caller]
fn assert_linear(run: impl Fn(&mut Overlay, usize) -> usize) {
    let [once, twice, four] = [500, 1000, 2000].map(|count| {
        let mut overlay = Overlay::new(Arc::new(NoSchema));
        run(&mut overlay, count) + overlay.take_visited()
    });
    let most = |of: usize| 2 * of + of / 4;
    assert!(twice <= most(once) && four <= most(twice), "{once}, {twice}, {four}");
    assert!(2 * four >= 5 * once, "the visits are not counted: {once}, {twice}, {four}");
}

#[test]
fn loading_leaves_again_is_linear() {
    assert_linear(|overlay, count| {
        let all = container(&repeated(count, |n| format!("<l{n}>1</l{n}>")));
        load(overlay, &container("<l0>1</l0>"), &at(&[("l0", None)]));
        let (first, _) = load(overlay, &all, &at(&[("l1", None)]));
        let (again, steps) = load(overlay, &all, &at(&[]));
        assert_eq!(children(overlay), count);
        // Children that were loaded before are interleaved.
        assert!(steps > count);
        first + again
    });
}

#[test]
fn loading_entries_of_unknown_keys_again_is_linear() {
    assert_linear(|overlay, count| {
        let all = container(&repeated(count, |n| format!("<l><a>1</a><b>{n}</b><y>1</y></l>")));
        let (first, _) = load(overlay, &all, &at(&[("l", None)]));
        let (again, _) = load(overlay, &all, &at(&[]));
        assert_eq!(overlay.find(&at(&[("l", None)])).len(), count);
        first + again
    });
}

#[test]
fn loading_many_lists_of_unknown_keys_again_is_linear() {
    assert_linear(|overlay, count| {
        let all = container(&repeated(count, |n| format!("<l{n}><a>1</a></l{n}><l{n}><a>2</a></l{n}>")));
        load(overlay, &all, &at(&[]));
        overlay.take_visited();
        let (again, _) = load(overlay, &all, &at(&[]));
        assert_eq!(children(overlay), 2 * count);
        again
    });
}

#[test]
fn finding_key_at_any_position_is_linear() {
    assert_linear(|overlay, count| {
        let leaves = repeated(count, |n| format!("<m>{n}</m>"));
        load(overlay, &container(&format!("<l>{leaves}<z>1</z></l>")), &at(&[]));
        overlay.take_visited();
        overlay.learn(&at(&[("l", Some(("z", "1")))]));
        let found = overlay.find(&at(&[("l", Some(("z", "1"))), ("m", None)]));
        assert_eq!(found.len(), count);
        let last = overlay.pattern(found[count - 1].node());
        assert_eq!(last.to_string(), format!("/c/l[z='1']/m[.='{}']", count - 1));
        found.iter().for_each(|live| drop(overlay.pattern(live.node())));
        0
    });
}

/// Finding entries by other leaves than before rebuilds the table, and that work is counted.
#[test]
fn building_each_table_is_counted() {
    const ENTRIES: usize = 100;
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    load(&mut overlay, &container(&repeated(ENTRIES, |n| format!("<l><a>{n}</a><b>{n}</b></l>"))), &at(&[]));
    overlay.take_visited();
    for key in ["a", "b", "a", "b"] {
        let asked = at(&[("l", Some((key, "7")))]);
        overlay.learn(&asked);
        assert_eq!(overlay.find(&asked).len(), 1);
        assert!(overlay.take_visited() >= ENTRIES);
        assert_eq!(overlay.find(&asked).len(), 1);
        assert_eq!(overlay.take_visited(), 0);
    }
}

/// Each coverage check goes through the sets of keys that were requested.
#[test]
fn coverage_check_counts_each_set_of_keys() {
    const SETS: usize = 50;
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    for n in 0..SETS {
        load(&mut overlay, &Tree::new(), &at(&[("l", Some((&format!("k{n}"), "1")))]));
    }
    overlay.take_visited();
    assert!(!overlay.knows(&at(&[("l", None)])));
    assert!(overlay.take_visited() > SETS);
}

#[test]
fn name_in_many_namespaces_has_few_candidates() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    load(&mut overlay, &container(&repeated(500, |n| format!("<x xmlns='urn:{n}'/>"))), &at(&[]));
    let place = overlay.locate(&at(&[]));
    let candidates = overlay.schema_view().candidates(overlay.names(), place, "x");
    assert!((2..100).contains(&candidates.len()), "{}", candidates.len());
}

/// Rolling back a failed batch of edits restores every changed value, however often a module does it, without
/// storing the value again.
#[test]
fn rolled_back_value_is_not_stored_again() {
    const VALUE: usize = 1000;
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    load(&mut overlay, &container(&format!("<x>{}</x>", "v".repeat(VALUE))), &at(&[]));
    let (leaf, kept) = (at(&[("x", None)]), overlay.tree.kept());
    for _ in 0..100 {
        let mark = overlay.mark();
        overlay.set(&leaf, "1", &[]).unwrap();
        overlay.rollback(mark);
    }
    let found = overlay.find(&leaf)[0];
    assert_eq!(overlay.value(found).map(str::len), Some(VALUE));
    assert!(overlay.tree.kept() - kept <= 100, "{}", overlay.tree.kept() - kept);
}

#[test]
fn unread_paths_are_limited_in_number() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    for n in 0..5000 {
        overlay.set(&at(&[("d", None), (&format!("x{n}"), None)]), "1", &[]).unwrap();
    }
    overlay.set(&at(&[("e", None), ("x", None)]), "1", &[]).unwrap();
    assert_eq!(overlay.unread([]).unwrap(), [at(&[("d", None)]), at(&[("e", None), ("x", None)])]);
}

/// Each path has the keys of all enclosing entries.
#[test]
fn unread_paths_below_nested_new_entries_are_few() {
    let mut overlay = Overlay::new(Arc::new(NoSchema));
    let entries = vec![("l", Some(("k", "1"))); 100];
    overlay.set(&at(&[&entries[..], &[("x", None)]].concat()), "1", &[]).unwrap();
    let unread = overlay.unread([]).unwrap();
    assert_eq!(unread.len(), 9, "{unread:?}");
    assert!(unread.iter().any(|pattern| *pattern == at(&entries[..9])));
}
