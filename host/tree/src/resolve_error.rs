//! Why a path cannot be resolved, or does not name one node.

use crate::{
    Error, Pattern, PrefixMap, QName,
    nearest::{did_you_mean, either},
};

/// Why a path cannot be resolved, or does not name one node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A prefix that is not declared.
    #[error("the prefix `{prefix}` is not declared; the declared prefixes are {}", listed(known))]
    UnknownPrefix {
        /// The prefix.
        prefix: String,
        /// The declared prefixes.
        known: Vec<String>,
    },
    /// A name without a prefix that may be in several namespaces.
    #[error("`{name}` below `{parent}` could be {}: write the prefix", either(candidates))]
    Ambiguous {
        /// The name.
        name: String,
        /// The parent.
        parent: String,
        /// The possible names.
        candidates: Vec<String>,
    },
    /// A name without a prefix whose namespace is unknown.
    #[error(
        "the namespace of `{name}` below `{parent}` is unknown: declare a prefix for it and write `prefix:{name}`"
    )]
    Unplaced {
        /// The name.
        name: String,
        /// The parent.
        parent: String,
    },
    /// The model has no such node.
    #[error("the model has no `{name}` below `{parent}`{}", did_you_mean(nearest))]
    UnknownNode {
        /// The name.
        name: String,
        /// The parent.
        parent: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// The path must name one list entry, and does not.
    #[error("`{path}` does not say which entry: write `{write}`")]
    MissingKeys {
        /// The list.
        path: String,
        /// The path to write.
        write: String,
    },
    /// The keys of a list are neither known nor in the path.
    #[error(
        "`{path}` is a list whose keys are not known: name them, as in `{path}[key='…']`, or in a pattern \
         of the module's description, as in `{path}[key]`"
    )]
    UnknownKeys {
        /// The list.
        path: String,
    },
    /// The path must name one entry of a leaf-list, and does not.
    #[error("`{path}` is a leaf-list: write the entry's value into the path, as in `{path}[.='…']`")]
    EntryNeeded {
        /// The leaf-list.
        path: String,
    },
    /// A predicate on a name that is not a key.
    #[error("`{key}` is not a key of `{list}`{}", if keys.is_empty() { String::new() } else { format!(": its keys are {}", listed(keys)) })]
    NotAKey {
        /// The name in the predicate.
        key: String,
        /// The list.
        list: String,
        /// The keys of the list.
        keys: Vec<String>,
    },
    /// A key that occurs twice in one step.
    #[error("the path gives the key `{key}` of `{list}` twice")]
    RepeatedKey {
        /// The key.
        key: String,
        /// The list.
        list: String,
    },
    /// A predicate on a node that is not a list.
    #[error("`{path}` is not a list: write it without a predicate")]
    NoPredicates {
        /// The node.
        path: String,
    },
    /// A value that is not of the leaf's type.
    #[error("`{path}`: {reason}")]
    Value {
        /// The leaf.
        path: String,
        /// The reason from the data model.
        reason: String,
    },
    /// An operation that is not possible on such a node.
    #[error("`{path}` {problem}")]
    Unfit {
        /// The node.
        path: String,
        /// What the node is, and what to do instead.
        problem: String,
    },
    /// An error of the tree.
    #[error(transparent)]
    Tree(#[from] Error),
}

impl ResolveError {
    pub(crate) fn ambiguous(
        local: &str,
        parent: &Pattern,
        candidates: &[QName<'_>],
        prefixes: &PrefixMap,
    ) -> Self {
        let candidates = candidates.iter().map(|&name| prefixes.show(name)).collect();
        Self::Ambiguous { name: local.into(), parent: parent.to_string(), candidates }
    }

    /// Returns the error for a name that is not among the `known` children of `parent`. It suggests children
    /// with that name in another namespace, written with `prefixes`, or else similar names.
    pub(crate) fn unknown_node(
        name: QName<'_>,
        parent: &Pattern,
        known: &[QName<'_>],
        prefixes: Option<&PrefixMap>,
    ) -> Self {
        let same = known.iter().filter(|other| other.local == name.local);
        let mut nearest: Vec<String> = match prefixes {
            Some(prefixes) => same.map(|&other| prefixes.show(other)).collect(),
            None => same.map(|other| format!("{} of `{}`", other.local, other.namespace)).collect(),
        };
        let shown = match prefixes.and_then(|prefixes| prefixes.prefix(name.namespace)) {
            Some(prefix) if !nearest.is_empty() => format!("{prefix}:{}", name.local),
            _ => name.local.into(),
        };
        if nearest.is_empty() {
            let near = crate::nearest(name.local, known.iter().map(|other| other.local));
            nearest = near.into_iter().map(Into::into).collect();
        }
        Self::UnknownNode { name: shown, parent: parent.to_string(), nearest }
    }

    pub(crate) fn not_a_key(key: &str, list: String, keys: &[Box<str>]) -> Self {
        Self::NotAKey { key: key.into(), list, keys: keys.iter().map(ToString::to_string).collect() }
    }

    /// Returns the error for step `index` of `pattern`, which does not give the values of all of these keys.
    /// `keys` is empty for a list whose keys are not known, and `.` for a leaf-list.
    pub(crate) fn missing_keys(pattern: &Pattern, index: usize, keys: &[Box<str>]) -> Self {
        let prefix = |steps| Pattern { steps: pattern.steps.iter().take(steps).cloned().collect() };
        let Some(step) = pattern.steps.get(index) else {
            return Self::UnknownKeys { path: pattern.to_string() };
        };
        let path = format!("{}/{}", below(&prefix(index)), step.local);
        match keys {
            [] => Self::UnknownKeys { path },
            [entry] if **entry == *"." => Self::EntryNeeded { path },
            keys => {
                let predicates = keys.iter().map(|key| match step.key(key) {
                    Some(value) => format!("[{key}={}]", crate::path::QuotedValue(value)),
                    None => format!("[{key}='…']"),
                });
                let write = predicates.fold(path, |write, predicate| write + &predicate);
                Self::MissingKeys { path: prefix(index + 1).to_string(), write }
            }
        }
    }
}

/// Lists names in backticks, separated by commas.
fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Returns what an error text puts before `/name` for a child of the node: nothing for the root.
pub(crate) fn below(pattern: &Pattern) -> String {
    if pattern.steps.is_empty() { String::new() } else { pattern.to_string() }
}
