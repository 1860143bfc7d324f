//! The prefixes that are bound at a position of the text.

use std::collections::BTreeMap;

use crate::{
    HashMap,
    name::{Names, Namespace, is_name_character, is_name_start},
    xml::XML,
};

/// The bindings in scope. The time to resolve a prefix does not depend on their number.
pub(super) struct PrefixScope {
    /// The number of open elements.
    depth: usize,
    /// For each prefix the namespaces it was bound to, outermost first, with the depth. Bindings of the
    /// default namespace are kept separately because they are looked up most often.
    prefixes: HashMap<Box<str>, Vec<(usize, Namespace)>>,
    defaults: Vec<(usize, Namespace)>,
    /// The declarations of the open elements, outermost first: depth and prefix.
    declared: Vec<(usize, Box<str>)>,
}

impl PrefixScope {
    /// Returns the scope of the bindings that surround the text.
    pub(super) fn new(surroundings: &[(&str, &str)], names: &mut Names) -> Self {
        let mut scope = Self {
            depth: 0,
            prefixes: HashMap::default(),
            defaults: vec![(0, names.intern_namespace(""))],
            declared: Vec::new(),
        };
        let xml = ("xml", XML);
        for &(prefix, namespace) in surroundings.iter().chain([&xml]) {
            let bound = (0, names.intern_namespace(namespace));
            match prefix {
                "" => scope.defaults = vec![bound],
                _ => drop(scope.prefixes.insert(prefix.into(), vec![bound])),
            }
        }
        scope
    }

    /// Enters an element. Its declarations follow.
    pub(super) fn enter(&mut self) {
        self.depth += 1;
    }

    /// Declares a prefix or the default namespace for the innermost element. Returns false if that element
    /// has declared it already.
    pub(super) fn declare(&mut self, prefix: &str, namespace: Namespace) -> bool {
        let bound = match prefix {
            "" => &mut self.defaults,
            _ => self.prefixes.entry(prefix.into()).or_default(),
        };
        if bound.last().is_some_and(|&(depth, _)| depth == self.depth) {
            return false;
        }
        bound.push((self.depth, namespace));
        self.declared.push((self.depth, prefix.into()));
        true
    }

    /// Leaves the innermost element and removes its declarations.
    pub(super) fn leave(&mut self) {
        while let Some((_, prefix)) = self.declared.pop_if(|(depth, _)| *depth == self.depth) {
            let bound = match &*prefix {
                "" => Some(&mut self.defaults),
                prefix => self.prefixes.get_mut(prefix),
            };
            bound.and_then(Vec::pop);
        }
        self.depth -= 1;
    }

    /// Returns the namespace that a prefix is bound to; the empty prefix is that of the default namespace.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Namespace> {
        let bound = if prefix.is_empty() { Some(&self.defaults) } else { self.prefixes.get(prefix) };
        bound?.last().map(|&(_, namespace)| namespace)
    }

    /// Returns the bindings of everything in a value that may be a prefix, each once: a name right before a
    /// colon that is bound. Only a YANG model can tell whether the value really contains qualified names. If
    /// there are more than `most`, returns one more than that, so that a value with many colons does not take
    /// up memory for each of them.
    pub(super) fn used_by<'v>(&self, value: &'v str, most: usize) -> Vec<(&'v str, Namespace)> {
        let mut used = BTreeMap::new();
        let mut before = value;
        while let Some((head, _)) = before.rsplit_once(':') {
            let after = value.get(head.len() + 1..).unwrap_or_default();
            before = head;
            let start = head.trim_end_matches(is_name_character).len();
            let prefix = head.get(start..).unwrap_or_default();
            if after.starts_with(is_name_start) && prefix.starts_with(is_name_start) && prefix != "xml" {
                used.extend(self.resolve(prefix).map(|namespace| (prefix, namespace)));
            }
            if used.len() > most {
                break;
            }
        }
        used.into_iter().collect()
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
        assert_eq!((one.len(), one.capacity() < 100), (1, true), "{}", one.capacity());
        let value: String = prefixes.iter().map(|prefix| format!("{prefix}:a ")).collect();
        assert_eq!(scope.used_by(&value, 10).len(), 11);
        assert_eq!(scope.used_by(&value, 100).len(), 100);
    }
}
