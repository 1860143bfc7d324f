//! The texts of values.

use crate::BoundValue;

/// The longest value, in bytes, of which other forms count as the same: such values are short, and reading one takes time.
pub(super) const LONGEST_COMPARED: usize = 1 << 10;

/// A value and the bindings of the prefixes it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrefixedText<'t> {
    pub(super) value: &'t str,
    pub(super) bindings: &'t [(Box<str>, Box<str>)],
}

impl<'t> PrefixedText<'t> {
    pub(super) fn borrowed(&self) -> Vec<(&'t str, &'t str)> {
        self.bindings.iter().map(|(prefix, namespace)| (&**prefix, &**namespace)).collect()
    }

    pub(super) fn to_bound(self) -> BoundValue {
        let bindings = self.bindings.iter();
        let bindings = bindings.map(|(prefix, namespace)| (prefix.to_string(), namespace.to_string()));
        BoundValue { value: self.value.to_owned(), bindings: bindings.collect() }
    }

    /// Returns whether two values mean the same: a prefix counts as the namespace it is bound to.
    pub(super) fn means(&self, other: &Self) -> bool {
        if self.bindings.is_empty() || other.bindings.is_empty() {
            return self.value == other.value;
        }
        self.expanded() == other.expanded()
    }

    /// Returns the namespace that a prefix is bound to.
    pub(super) fn namespace(&self, prefix: &str) -> Option<&'t str> {
        self.bindings.iter().find(|(bound, _)| **bound == *prefix).map(|(_, namespace)| &**namespace)
    }

    /// Splits the value into namespace and local part if it starts with a bound prefix.
    pub(super) fn expanded(&self) -> (Option<&'t str>, &'t str) {
        let bound = self
            .value
            .split_once(':')
            .and_then(|(prefix, local)| Some((Some(self.namespace(prefix)?), local)));
        bound.unwrap_or((None, self.value))
    }
}
