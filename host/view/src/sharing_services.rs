//! Which services may own objects together, by what their modules say and by what the operator says.

use std::sync::Arc;

use confine_tree::{HashMap, HashSet, QName};

use crate::InstanceRef;

/// Namespace and name of a list under `/services`.
type ListName = (Box<str>, Box<str>);

/// Which services may own objects together.
#[derive(Clone, Debug, Default)]
pub struct SharingServices {
    /// By list: for each of its modules, the lists that the module serves or shares with.
    named: HashMap<ListName, Vec<Arc<HashSet<ListName>>>>,
    /// By name of a list: the names of those that the operator lets share with it, in both directions.
    permitted: HashMap<Box<str>, HashSet<Box<str>>>,
}

impl SharingServices {
    /// Adds a module: the lists that it serves, and those that it shares objects with.
    pub fn add_module<'n>(
        &mut self,
        serves: impl Iterator<Item = QName<'n>>,
        shares_with: impl Iterator<Item = QName<'n>>,
    ) {
        let serves: Vec<ListName> = serves.map(list_name).collect();
        let named = Arc::new(serves.iter().cloned().chain(shares_with.map(list_name)).collect());
        for list in serves {
            self.named.entry(list).or_default().push(Arc::clone(&named));
        }
    }

    /// Lets two services share because the operator says so, given the names of their lists. What their modules say
    /// does not matter, nor in which namespaces the lists are.
    pub fn permit(&mut self, one: &str, other: &str) {
        for (list, with) in [(one, other), (other, one)] {
            self.permitted.entry(list.into()).or_default().insert(with.into());
        }
    }

    /// Returns whether the instances may own an object together.
    pub(crate) fn allows(&self, one: &InstanceRef, other: &InstanceRef) -> bool {
        let (Some(one), Some(other)) = (one.list(), other.list()) else { return false };
        one == other || self.permits(one.local, other.local) || {
            let (one, other) = (list_name(one), list_name(other));
            self.names(&one, &other) && self.names(&other, &one)
        }
    }

    /// Returns whether the operator lets lists of these names share.
    fn permits(&self, one: &str, other: &str) -> bool {
        self.permitted.get(one).is_some_and(|with| with.contains(other))
    }

    /// Returns whether all modules of a list name the other one.
    fn names(&self, list: &ListName, other: &ListName) -> bool {
        self.named.get(list).is_some_and(|modules| modules.iter().all(|named| named.contains(other)))
    }
}

fn list_name(list: QName<'_>) -> ListName {
    (list.namespace.into(), list.local.into())
}
