//! Suggestions for misspelt names.

/// Returns the names nearest to `name`, best first: those within an edit distance of a third of its letters,
/// and those that begin with it.
///
/// Names longer than 64 bytes are skipped, so that the work is linear in the number of names.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const LONGEST: usize = 64;
    const SUGGESTIONS: usize = 3;
    if name.is_empty() || name.len() > LONGEST {
        return Vec::new();
    }
    let furthest = (name.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> = Vec::new();
    for candidate in names.filter(|candidate| candidate.len() <= LONGEST) {
        let begins = name.len() >= 3 && candidate.starts_with(name);
        let distance = if begins { 1 } else { distance(name.as_bytes(), candidate.as_bytes()) };
        if distance <= furthest && !found.iter().any(|(_, known)| *known == candidate) {
            let at = found.partition_point(|(known, _)| *known <= distance);
            found.insert(at, (distance, candidate));
            found.truncate(SUGGESTIONS);
        }
    }
    found.into_iter().map(|(_, name)| name).collect()
}

/// Returns a suggestion that ends an error text, "; did you mean `mtu`?"; empty if there are no names.
pub fn did_you_mean(nearest: &[impl AsRef<str>]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", either(nearest)) }
}

/// Lists names in backticks, with `or` before the last.
pub(crate) fn either(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Returns the number of letters to insert, remove, replace or swap with the next (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row_before_last: Vec<usize> = Vec::new();
    let mut previous_row: Vec<usize> = (0..=b.len()).collect();
    let mut previous_letter = None;
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(previous_row.len());
        row.push(i + 1);
        let mut left = i + 1;
        for (j, (&y, pair)) in b.iter().zip(previous_row.windows(2)).enumerate() {
            let &[diagonal, up] = pair else { continue };
            let mut best = (diagonal + usize::from(x != y)).min(up + 1).min(left + 1);
            let swapped = j > 0 && previous_letter == Some(y) && b.get(j - 1) == Some(&x);
            if let (true, Some(cost)) = (swapped, j.checked_sub(1).and_then(|j| row_before_last.get(j))) {
                best = best.min(cost + 1);
            }
            row.push(best);
            left = best;
        }
        row_before_last = std::mem::replace(&mut previous_row, row);
        previous_letter = Some(x);
    }
    previous_row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn distance_counts_edits_and_swaps() {
        for (a, b, expected) in [
            ("", "", 0),
            ("mtu", "mtu", 0),
            ("mtuu", "mtu", 1),
            ("mut", "mtu", 1),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn nearest_names_come_first() {
        let names = ["name", "type", "mtu", "mru", "enabled", "description"];
        assert_eq!(nearest("mtuu", names.into_iter()), ["mtu"]);
        assert_eq!(nearest("mtu", names.into_iter()), ["mtu", "mru"]);
        assert_eq!(nearest("desc", names.into_iter()), ["description"]);
        assert_eq!(nearest("loopback", names.into_iter()), Vec::<&str>::new());
    }

    #[test]
    fn suggestion_lists_the_nearest_names() {
        assert_eq!(did_you_mean(&[""; 0]), "");
        assert_eq!(did_you_mean(&["mtu"]), "; did you mean `mtu`?");
        assert_eq!(did_you_mean(&["mtu", "mru"]), "; did you mean `mtu` or `mru`?");
        assert_eq!(did_you_mean(&["mtu", "mru", "mdu"]), "; did you mean `mtu`, `mru` or `mdu`?");
    }

    proptest! {
        #[test]
        fn distance_is_a_bounded_metric(a in "[ab-]{0,8}", b in "[ab-]{0,8}") {
            let there = distance(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(there, distance(b.as_bytes(), a.as_bytes()));
            prop_assert_eq!(there == 0, a == b);
            prop_assert!(there <= a.len().max(b.len()));
            prop_assert!(there >= a.len().abs_diff(b.len()));
        }
    }
}
