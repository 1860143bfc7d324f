//! "Did you mean …?", as the end of a message.

use std::cell::Cell;

use confine_tree::nearest;

/// Returns the names closest to `name` as the end of a message, "; did you mean `mtu`?", or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    confine_tree::did_you_mean(&nearest(name, names))
}

/// Suggestions for the first problems of a set only: each compares many names, and there can be many problems.
pub(crate) struct SpellingHints {
    left: Cell<usize>,
}

impl Default for SpellingHints {
    fn default() -> Self {
        Self { left: Cell::new(50) }
    }
}

impl SpellingHints {
    /// Returns the same as [`did_you_mean`] while hints are left, then nothing.
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
    fn did_you_mean_lists_close_names() {
        let names = ["name", "type", "mtu", "mru"];
        assert_eq!(did_you_mean("mtuu", names.into_iter()), "; did you mean `mtu`?");
        assert_eq!(did_you_mean("mxu", names.into_iter()), "; did you mean `mtu` or `mru`?");
        assert_eq!(did_you_mean("loopback", names.into_iter()), "");
    }
}
