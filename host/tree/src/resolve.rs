//! From paths as written to places in the tree.

use std::collections::HashMap;

use crate::CONTROLLER;

/// What the prefixes in a module's paths stand for.
#[derive(Clone, Debug)]
pub struct PrefixMap {
    by_prefix: HashMap<Box<str>, Box<str>>,
}

/// A prefix is declared twice, for two namespaces.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("prefix `{prefix}` is declared for `{first}` and for `{second}`: give one of them another prefix")]
pub struct PrefixError {
    /// The prefix.
    pub prefix: String,
    /// What it stood for first.
    pub first: String,
    /// What it was to stand for then.
    pub second: String,
}

impl PrefixMap {
    /// These prefixes with their namespaces, and `ctrl` for the controller's.
    pub fn new<P, N>(declared: impl IntoIterator<Item = (P, N)>) -> Result<Self, PrefixError>
    where
        P: Into<Box<str>>,
        N: Into<Box<str>>,
    {
        let mut by_prefix = HashMap::from([(Box::from("ctrl"), Box::from(CONTROLLER))]);
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

    /// The namespace that a prefix stands for.
    pub fn namespace(&self, prefix: &str) -> Option<&str> {
        self.by_prefix.get(prefix).map(|namespace| &**namespace)
    }
}
