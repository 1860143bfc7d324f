//! The prefixes that a module declares for its paths.

use crate::{CONTROLLER, HashMap, QName};

/// The namespaces of the prefixes in a module's paths.
#[derive(Clone, Debug)]
pub struct PrefixMap {
    by_prefix: HashMap<Box<str>, Box<str>>,
}

/// A prefix that is declared for two namespaces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("prefix `{prefix}` is declared for `{first}` and for `{second}`: give one of them another prefix")]
pub struct PrefixError {
    /// The prefix.
    pub prefix: String,
    /// The namespace of the first declaration.
    pub first: String,
    /// The namespace of the second declaration.
    pub second: String,
}

impl PrefixMap {
    /// Creates a map of these prefixes to their namespaces, and of `ctrl` to the controller's.
    pub fn new<P, N>(declared: impl IntoIterator<Item = (P, N)>) -> Result<Self, PrefixError>
    where
        P: Into<Box<str>>,
        N: Into<Box<str>>,
    {
        let mut by_prefix: HashMap<Box<str>, Box<str>> = HashMap::default();
        by_prefix.insert("ctrl".into(), CONTROLLER.into());
        for (prefix, namespace) in declared {
            let (prefix, namespace) = (prefix.into(), namespace.into());
            match by_prefix.get(&prefix) {
                Some(first) if *first != namespace => {
                    return Err(PrefixError {
                        prefix: prefix.into(),
                        first: first.to_string(),
                        second: namespace.into(),
                    });
                }
                Some(_) => {}
                None => {
                    by_prefix.insert(prefix, namespace);
                }
            }
        }
        Ok(Self { by_prefix })
    }

    /// Returns the namespace of a prefix.
    pub fn namespace(&self, prefix: &str) -> Option<&str> {
        self.by_prefix.get(prefix).map(|namespace| &**namespace)
    }

    /// Returns the prefix of a namespace; of several, the first in alphabetical order.
    pub fn prefix(&self, namespace: &str) -> Option<&str> {
        let all = self.by_prefix.iter().filter(|(_, bound)| ***bound == *namespace);
        all.map(|(prefix, _)| &**prefix).min()
    }

    /// Returns the length in bytes of the longest namespace.
    pub fn longest(&self) -> usize {
        self.by_prefix.values().map(|namespace| namespace.len()).max().unwrap_or_default()
    }

    /// Returns the prefixes in alphabetical order.
    pub fn prefixes(&self) -> Vec<&str> {
        let mut prefixes: Vec<&str> = self.by_prefix.keys().map(|prefix| &**prefix).collect();
        prefixes.sort_unstable();
        prefixes
    }

    /// Returns the declared namespaces, without the controller's own, in alphabetical order.
    pub(crate) fn declared(&self) -> Vec<&str> {
        let all = self.by_prefix.values().map(|namespace| &**namespace);
        let mut declared: Vec<&str> = all.filter(|&namespace| namespace != CONTROLLER).collect();
        declared.sort_unstable();
        declared.dedup();
        declared
    }

    /// Returns a name for a message, with its prefix if there is one.
    pub(crate) fn show(&self, name: QName<'_>) -> String {
        match self.prefix(name.namespace) {
            Some(prefix) => format!("{prefix}:{}", name.local),
            None => format!("{} of `{}`", name.local, name.namespace),
        }
    }
}
