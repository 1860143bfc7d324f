//! Which namespace a prefix stands for at a place in the text.

use std::collections::{BTreeMap, HashMap};

use crate::{
    name::{Names, Namespace, is_name_character, is_name_start},
    xml::XML,
};

/// The bindings in force. Resolving takes the same time however many there are.
pub(super) struct PrefixScope {
    /// How many elements are open.
    depth: usize,
    /// For each prefix what it was bound to, outermost first, and at which depth. The prefix of the
    /// default namespace is kept apart: it is asked for most.
    prefixes: HashMap<Box<str>, Vec<(usize, Namespace)>>,
    defaults: Vec<(usize, Namespace)>,
    /// What the open elements have declared, outermost first: depth and prefix.
    declared: Vec<(usize, Box<str>)>,
}

impl PrefixScope {
    /// What is declared around the text.
    pub(super) fn new(surroundings: &[(&str, &str)], names: &mut Names) -> Self {
        let mut scope = Self {
            depth: 0,
            prefixes: HashMap::new(),
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

    /// An element begins; its declarations follow.
    pub(super) fn enter(&mut self) {
        self.depth += 1;
    }

    /// Declares a prefix, or the default namespace, for the element that began last. False where that
    /// element has declared it already.
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

    /// The element that began last ends, and what it declared is no more.
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

    /// The namespace that a prefix stands for; with the empty prefix the default one.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Namespace> {
        let bound = if prefix.is_empty() { Some(&self.defaults) } else { self.prefixes.get(prefix) };
        bound?.last().map(|&(_, namespace)| namespace)
    }

    /// The bindings of what may be prefixes in a value, each once: what stands right before a colon, is
    /// a name, and is bound. Whether the value really holds names only a model can tell. Where there are more
    /// than `most`, one more than that: a value is no reason to keep anything of each of its colons.
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
    fn a_value_keeps_no_more_than_the_prefixes_that_it_may_use() {
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
