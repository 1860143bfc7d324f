//! The prefixes that are bound at a position of the text.

use smallvec::SmallVec;

use crate::{
    HashMap,
    name::{is_name_character, is_name_start},
    names::{Names, Namespace},
    xml::XML,
};

/// The number of a prefix of one [`PrefixScope`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PrefixId(usize);

impl PrefixId {
    /// The empty prefix, which is that of the default namespace.
    const DEFAULT: Self = Self(0);

    /// Returns the number, as an index into tables kept beside the scope.
    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// A prefix in a value.
#[derive(Clone, Copy)]
pub(super) struct UsedPrefix<'v> {
    pub(super) text: &'v str,
    pub(super) id: PrefixId,
    pub(super) namespace: Namespace,
}

/// The bindings in scope. The time to resolve a prefix does not depend on their number.
pub(super) struct PrefixScope {
    /// The number of open elements.
    depth: usize,
    /// The numbers of all prefixes so far but the empty one.
    prefixes: HashMap<Box<str>, PrefixId>,
    /// By number of the prefix, the namespaces it was bound to, outermost first, with the depth.
    bound: Vec<Vec<(usize, Namespace)>>,
    /// The declarations of the open elements, outermost first: depth and prefix.
    declared: Vec<(usize, PrefixId)>,
}

impl PrefixScope {
    /// Returns the scope of the bindings that surround the text.
    pub(super) fn new(surroundings: &[(&str, &str)], names: &mut Names) -> Self {
        let mut scope = Self {
            depth: 0,
            prefixes: HashMap::default(),
            bound: vec![vec![(0, names.intern_namespace(""))]],
            declared: Vec::new(),
        };
        let xml = ("xml", XML);
        for &(prefix, namespace) in surroundings.iter().chain([&xml]) {
            let namespace = names.intern_namespace(namespace);
            let id = scope.prefix_id(prefix);
            if let Some(bound) = scope.bound.get_mut(id.0) {
                *bound = vec![(0, namespace)];
            }
        }
        scope
    }

    /// Returns the number of a prefix, and assigns one if it is new.
    pub(super) fn prefix_id(&mut self, prefix: &str) -> PrefixId {
        if prefix.is_empty() {
            return PrefixId::DEFAULT;
        }
        if let Some(&id) = self.prefixes.get(prefix) {
            return id;
        }
        let id = PrefixId(self.bound.len());
        self.bound.push(Vec::new());
        self.prefixes.insert(prefix.into(), id);
        id
    }

    /// Enters an element. Its declarations follow.
    pub(super) fn enter(&mut self) {
        self.depth += 1;
    }

    /// Declares a prefix or the default namespace for the innermost element. Returns false if that element
    /// has declared it already.
    pub(super) fn declare(&mut self, prefix: PrefixId, namespace: Namespace) -> bool {
        let Some(bound) = self.bound.get_mut(prefix.0) else { return false };
        if bound.last().is_some_and(|&(depth, _)| depth == self.depth) {
            return false;
        }
        bound.push((self.depth, namespace));
        self.declared.push((self.depth, prefix));
        true
    }

    /// Leaves the innermost element and removes its declarations.
    pub(super) fn leave(&mut self) {
        while let Some((_, prefix)) = self.declared.pop_if(|(depth, _)| *depth == self.depth) {
            self.bound.get_mut(prefix.0).and_then(Vec::pop);
        }
        self.depth -= 1;
    }

    /// Returns the default namespace.
    #[inline]
    pub(super) fn default_namespace(&self) -> Option<Namespace> {
        self.bound_to(PrefixId::DEFAULT)
    }

    /// Returns the namespace that a prefix is bound to; the empty prefix is that of the default namespace.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Namespace> {
        match prefix {
            "" => self.default_namespace(),
            _ => self.bound_to(*self.prefixes.get(prefix)?),
        }
    }

    #[inline]
    fn bound_to(&self, prefix: PrefixId) -> Option<Namespace> {
        self.bound.get(prefix.0)?.last().map(|&(_, namespace)| namespace)
    }

    /// Returns the bindings of everything in a value that may be a prefix, each once, in the order of their texts: a name
    /// right before a colon that is bound. Only a YANG model can tell whether the value really contains qualified names. If
    /// there are more than `most`, returns one more than that, so that a value with many colons does not take
    /// up memory for each of them.
    pub(super) fn used_by<'v>(&self, value: &'v str, most: usize) -> SmallVec<[UsedPrefix<'v>; 2]> {
        let mut used: SmallVec<[UsedPrefix<'v>; 2]> = SmallVec::new();
        let mut before = value;
        while let Some((head, _)) = before.rsplit_once(':') {
            let after = value.get(head.len() + 1..).unwrap_or_default();
            before = head;
            if !after.starts_with(is_name_start) {
                continue;
            }
            let start = head.trim_end_matches(is_name_character).len();
            let text = head.get(start..).unwrap_or_default();
            if text.starts_with(is_name_start)
                && text != "xml"
                && let Some(&id) = self.prefixes.get(text)
                && let Some(namespace) = self.bound_to(id)
                && let Err(place) = used.binary_search_by(|known| known.text.cmp(text))
            {
                used.insert(place, UsedPrefix { text, id, namespace });
            }
            if used.len() > most {
                break;
            }
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_keeps_at_most_the_prefixes_it_may_use() {
        let prefixes: Vec<String> = (0..100).map(|n| format!("p{n}")).collect();
        let bound: Vec<(&str, &str)> = prefixes.iter().map(|prefix| (&**prefix, "urn:x")).collect();
        let scope = PrefixScope::new(&bound, &mut Names::default());
        let value = "p1:a ".repeat(10_000);
        let one = scope.used_by(&value, 10);
        assert_eq!((one.len(), one.spilled()), (1, false));
        let value: String = prefixes.iter().map(|prefix| format!("{prefix}:a ")).collect();
        assert_eq!(scope.used_by(&value, 10).len(), 11);
        assert_eq!(scope.used_by(&value, 100).len(), 100);
    }
}
