//! Patterns of device names.

/// Whether `name` matches `pattern`, in which `*` is any text and `?` any character.
pub(crate) fn matches_pattern(pattern: &str, name: &str) -> bool {
    // For each length, whether the part of the pattern read so far matches a prefix of the name of that length.
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![true];
    reached.resize(name.len() + 1, false);
    for part in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        let mut any_shorter = false;
        for (at, (&before, after)) in reached.iter().zip(&mut next).enumerate() {
            any_shorter |= before;
            let one = at.checked_sub(1).and_then(|last| Some((*reached.get(last)?, *name.get(last)?)));
            *after = match part {
                '*' => any_shorter,
                part => one.is_some_and(|(before, c)| before && (part == '?' || part == c)),
            };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_wildcards_match_device_names() {
        for (pattern, name, expected) in [
            ("*", "r1", true),
            ("r1", "r1", true),
            ("r1", "r12", false),
            ("r?", "r1", true),
            ("r?", "r", false),
            ("openconfig*", "openconfig4", true),
            ("*-core-*", "a-core-core-1", true),
            ("*-core-*", "a-core", false),
            ("", "", true),
            ("", "r", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
    }
}
