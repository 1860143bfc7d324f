//! Why a path means nothing, or not one thing.

use super::{PrefixMap, below};
use crate::{
    Error, Pattern, QName,
    nearest::{did_you_mean, either},
};

/// Why a path means nothing, or not one thing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A prefix that nobody declared.
    #[error("the prefix `{prefix}` is not declared; declared are {}", listed(known))]
    UnknownPrefix {
        /// The prefix.
        prefix: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// A name without a prefix that could be in several namespaces.
    #[error("`{name}` below `{parent}` could be {}: write the prefix", either(candidates))]
    Ambiguous {
        /// The name.
        name: String,
        /// What it stands below.
        parent: String,
        /// What it could be.
        candidates: Vec<String>,
    },
    /// A name without a prefix that no namespace is known for.
    #[error(
        "nothing says which namespace `{name}` below `{parent}` is in: declare a prefix for it and write \
         `prefix:{name}`"
    )]
    Unplaced {
        /// The name.
        name: String,
        /// What it stands below.
        parent: String,
    },
    /// The model has no such node.
    #[error("the model has no `{name}` below `{parent}`{}", did_you_mean(nearest))]
    UnknownNode {
        /// The name.
        name: String,
        /// What it stands below.
        parent: String,
        /// What it may be meant for.
        nearest: Vec<String>,
    },
    /// It has to name one entry of a list, and does not.
    #[error("`{path}` does not say which entry: write `{write}`")]
    MissingKeys {
        /// The list.
        path: String,
        /// The pattern to write.
        write: String,
    },
    /// The keys of a list are not known, and the path does not say them.
    #[error(
        "`{path}` is a list whose keys are not known: name them, as in `{path}[key='…']`, or in a pattern \
         of the module's description, as in `{path}[key]`"
    )]
    UnknownKeys {
        /// The list.
        path: String,
    },
    /// It has to name one entry of a leaf-list, and does not.
    #[error("`{path}` is a leaf-list: write the entry's value into the path, as in `{path}[.='…']`")]
    EntryNeeded {
        /// The leaf-list.
        path: String,
    },
    /// A predicate that is not on a key.
    #[error("`{key}` is not a key of `{list}`{}", if keys.is_empty() { String::new() } else { format!(": its keys are {}", listed(keys)) })]
    NotAKey {
        /// The name in the predicate.
        key: String,
        /// The list.
        list: String,
        /// Its keys.
        keys: Vec<String>,
    },
    /// The same key twice.
    #[error("`{list}` is given its key `{key}` twice")]
    RepeatedKey {
        /// The key.
        key: String,
        /// The list.
        list: String,
    },
    /// A predicate on what is no list.
    #[error("`{path}` is not a list: write it without a predicate")]
    NoPredicates {
        /// The node.
        path: String,
    },
    /// A value that is none of the leaf's type.
    #[error("`{path}`: {reason}")]
    Value {
        /// The leaf.
        path: String,
        /// What the model says.
        reason: String,
    },
    /// What is to be done with the node cannot be done with such a node.
    #[error("`{path}` {problem}")]
    Unfit {
        /// The node.
        path: String,
        /// What it is, and what to do.
        problem: String,
    },
    /// The tree cannot hold it.
    #[error(transparent)]
    Tree(#[from] Error),
}

impl ResolveError {
    pub(super) fn ambiguous(
        local: &str,
        parent: &Pattern,
        candidates: &[QName<'_>],
        prefixes: &PrefixMap,
    ) -> Self {
        let candidates = candidates.iter().map(|&name| prefixes.show(name)).collect();
        Self::Ambiguous { name: local.into(), parent: parent.to_string(), candidates }
    }

    /// The model knows other children than `name`. A child of that name in another namespace is
    /// proposed as `prefixes` would have it written.
    pub(super) fn unknown_node(
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

    /// Step `index` of `pattern` does not say the value of each of these keys; none for a list whose
    /// keys are not known.
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

/// Names in backticks, with commas.
fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
