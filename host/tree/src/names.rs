//! Interned names. A node's name is a number, so comparing two names of one tree compares two numbers.

use std::sync::{Arc, OnceLock};

use crate::{HashMap, Name, PatternStep, QName};

/// The number of a namespace in one [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Namespace(u32);

/// So many namespaces are compared by where they are kept before one is looked up by its text.
const COMPARED_NAMESPACES: usize = 8;

/// A table of names and their numbers.
#[derive(Clone, Debug, Default)]
pub struct Names {
    namespaces: Vec<Arc<str>>,
    namespace_ids: HashMap<Arc<str>, Namespace>,
    names: Vec<InternedName>,
    /// The numbers by local name, one map for each namespace.
    ids: Vec<HashMap<Arc<str>, Name>>,
    /// The numbers by where the table keeps the local name. Most steps of paths share it.
    by_address: HashMap<usize, Name>,
}

#[derive(Clone, Debug)]
struct InternedName {
    namespace: Namespace,
    local: Arc<str>,
    /// The step of a path that names it, once there is such a path.
    step: OnceLock<PatternStep>,
}

impl Names {
    /// Returns the number of a name, and assigns one if the name is new.
    pub fn intern(&mut self, name: QName<'_>) -> Name {
        let namespace = self.intern_namespace(name.namespace);
        self.intern_in(namespace, name.local)
    }

    /// Returns the number of a namespace, and assigns one if the namespace is new.
    pub(crate) fn intern_namespace(&mut self, namespace: &str) -> Namespace {
        if let Some(id) = self.known_namespace(namespace) {
            return id;
        }
        let id = Namespace(u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX));
        let namespace: Arc<str> = namespace.into();
        self.namespaces.push(namespace.clone());
        self.namespace_ids.insert(namespace, id);
        self.ids.push(HashMap::default());
        id
    }

    fn known_namespace(&self, namespace: &str) -> Option<Namespace> {
        // Most names that are asked for have a namespace that is shared with this table.
        let mut first = self.namespaces.iter().take(COMPARED_NAMESPACES).zip(0..);
        match first.find(|(known, _)| std::ptr::eq(&***known, namespace)) {
            Some((_, number)) => Some(Namespace(number)),
            None => self.namespace_ids.get(namespace).copied(),
        }
    }

    /// As [`intern`](Self::intern), but faster for many names of one namespace.
    pub(crate) fn intern_in(&mut self, namespace: Namespace, local: &str) -> Name {
        let next = Name(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let Some(ids) = self.ids.get_mut(namespace.0 as usize) else { return next };
        if let Some(&id) = ids.get(local) {
            return id;
        }
        let local: Arc<str> = local.into();
        ids.insert(local.clone(), next);
        self.by_address.insert(address(&local), next);
        self.names.push(InternedName { namespace, local, step: OnceLock::new() });
        next
    }

    /// Returns the namespace with this number.
    pub(crate) fn namespace(&self, namespace: Namespace) -> &str {
        self.namespaces.get(namespace.0 as usize).map_or("", |namespace| namespace)
    }

    /// As [`get`](Self::get), but faster for many names of one namespace.
    pub(crate) fn get_in(&self, namespace: Namespace, local: &str) -> Option<Name> {
        self.ids.get(namespace.0 as usize)?.get(local).copied()
    }

    /// Returns the number of the name in the same namespace as another, if it has one.
    pub(crate) fn beside(&self, name: Name, local: &str) -> Option<Name> {
        self.get_in(self.names.get(name.index())?.namespace, local)
    }

    /// Returns the number of the name in the same namespace as another, and assigns one if the name is new.
    pub(crate) fn intern_beside(&mut self, name: Name, local: &str) -> Name {
        match self.names.get(name.index()).map(|known| known.namespace) {
            Some(namespace) => self.intern_in(namespace, local),
            None => self.intern(QName::new("", local)),
        }
    }

    /// Returns the number of a name, if it has one.
    pub fn get(&self, name: QName<'_>) -> Option<Name> {
        let namespace = self.known_namespace(name.namespace)?;
        self.get_in(namespace, name.local)
    }

    /// Returns the number of the name of a step, if it has one.
    pub(crate) fn of_step(&self, step: &PatternStep) -> Option<Name> {
        self.shared_with(step).or_else(|| self.get(step.name()))
    }

    /// Returns the number of the name of a step, and assigns one if the name is new.
    pub(crate) fn intern_step(&mut self, step: &PatternStep) -> Name {
        self.shared_with(step).unwrap_or_else(|| self.intern(step.name()))
    }

    fn shared_with(&self, step: &PatternStep) -> Option<Name> {
        let name = *self.by_address.get(&address(&step.local))?;
        let namespace = self.namespaces.get(self.names.get(name.index())?.namespace.0 as usize)?;
        Arc::ptr_eq(namespace, &step.namespace).then_some(name)
    }

    /// Returns the name with this number; the empty name if the number is not in this table.
    pub fn resolve(&self, name: Name) -> QName<'_> {
        match self.names.get(name.0 as usize) {
            Some(known) => QName::new(self.namespace(known.namespace), &known.local),
            None => QName::new("", ""),
        }
    }

    /// Returns a step without predicates of the name with this number; one of the empty name if the number is not in this table.
    pub(crate) fn step(&self, name: Name) -> PatternStep {
        let Some(known) = self.names.get(name.0 as usize) else { return PatternStep::default() };
        let step = known.step.get_or_init(|| {
            let namespace = self.namespaces.get(known.namespace.0 as usize).cloned();
            PatternStep::shared(namespace.unwrap_or_default(), known.local.clone())
        });
        step.clone()
    }
}

/// Returns where a name is kept. Nothing else is there while it is kept.
fn address(name: &Arc<str>) -> usize {
    name.as_ptr().addr()
}
