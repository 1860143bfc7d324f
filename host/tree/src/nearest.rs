//! The names nearest to one that was misspelt.

/// The names nearest to `name`, best first: those at most a third of its letters away, or that it begins.
///
/// Names longer than 64 bytes are not compared, so that the work is linear in the number of names.
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

/// What was meant perhaps, as the end of a sentence: "; did you mean `mtu`?", or nothing.
pub fn did_you_mean(nearest: &[impl AsRef<str>]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", either(nearest)) }
}

/// Names in backticks, one of which it is.
pub(crate) fn either(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// How many letters must be inserted, removed, replaced or swapped with the next (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(above.len());
        row.push(i + 1);
        let mut left = i + 1;
        for (j, (&y, pair)) in b.iter().zip(above.windows(2)).enumerate() {
            let &[diagonal, up] = pair else { continue };
            let mut best = (diagonal + usize::from(x != y)).min(up + 1).min(left + 1);
            let swapped = j > 0 && previous == Some(y) && b.get(j - 1) == Some(&x);
            if let (true, Some(cost)) = (swapped, j.checked_sub(1).and_then(|j| before.get(j))) {
                best = best.min(cost + 1);
            }
            row.push(best);
            left = best;
        }
        before = std::mem::replace(&mut above, row);
        previous = Some(x);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn distances() {
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
    fn the_nearest_come_first() {
        let names = ["name", "type", "mtu", "mru", "enabled", "description"];
        assert_eq!(nearest("mtuu", names.into_iter()), ["mtu"]);
        assert_eq!(nearest("mtu", names.into_iter()), ["mtu", "mru"]);
        assert_eq!(nearest("desc", names.into_iter()), ["description"]);
        assert_eq!(nearest("loopback", names.into_iter()), Vec::<&str>::new());
    }

    #[test]
    fn what_is_near_is_proposed() {
        assert_eq!(did_you_mean(&[""; 0]), "");
        assert_eq!(did_you_mean(&["mtu"]), "; did you mean `mtu`?");
        assert_eq!(did_you_mean(&["mtu", "mru"]), "; did you mean `mtu` or `mru`?");
        assert_eq!(did_you_mean(&["mtu", "mru", "mdu"]), "; did you mean `mtu`, `mru` or `mdu`?");
    }

    proptest! {
        #[test]
        fn a_distance_is_a_metric(a in "[ab-]{0,8}", b in "[ab-]{0,8}") {
            let there = distance(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(there, distance(b.as_bytes(), a.as_bytes()));
            prop_assert_eq!(there == 0, a == b);
            prop_assert!(there <= a.len().max(b.len()));
            prop_assert!(there >= a.len().abs_diff(b.len()));
        }
    }
}
