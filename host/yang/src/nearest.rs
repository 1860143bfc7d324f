//! "Did you mean …?", as the end of a sentence.

use std::cell::Cell;

use confine_tree::nearest;

/// What of these names may be meant by `name`: "; did you mean `mtu`?", or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    confine_tree::did_you_mean(&nearest(name, names))
}

/// Hints for the first problems of a set only: each looks at many names, and there can be many problems.
pub(crate) struct SpellingHints {
    left: Cell<usize>,
}

impl Default for SpellingHints {
    fn default() -> Self {
        Self { left: Cell::new(50) }
    }
}

impl SpellingHints {
    /// As [`did_you_mean`], as long as there are hints left.
    pub(crate) fn did_you_mean<'a>(&self, name: &str, names: impl Iterator<Item = &'a str>) -> String {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left == 0 { String::new() } else { did_you_mean(name, names) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_proposed() {
        let names = ["name", "type", "mtu", "mru"];
        assert_eq!(did_you_mean("mtuu", names.into_iter()), "; did you mean `mtu`?");
        assert_eq!(did_you_mean("mxu", names.into_iter()), "; did you mean `mtu` or `mru`?");
        assert_eq!(did_you_mean("loopback", names.into_iter()), "");
    }
}
