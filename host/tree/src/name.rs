//! Interned names. A node's name is a number, so comparing two names of one tree compares two numbers.

use std::{fmt, sync::Arc};

use crate::HashMap;

/// A qualified name: a namespace and a local name (RFC 6241, section 3.1, and XML namespaces).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QName<'a> {
    /// The namespace; empty if there is none.
    pub namespace: &'a str,
    /// The name without a prefix.
    pub local: &'a str,
}

impl<'a> QName<'a> {
    /// Creates a name in a namespace.
    pub const fn new(namespace: &'a str, local: &'a str) -> Self {
        Self { namespace, local }
    }
}

impl fmt::Display for QName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(self.local)
        } else {
            write!(f, "{{{}}}{}", self.namespace, self.local)
        }
    }
}

/// Returns whether a name without a prefix may begin with this character (Namespaces in XML 1.0, `NCName`).
pub(crate) fn is_name_start(character: char) -> bool {
    matches!(character,
        'a'..='z' | 'A'..='Z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// Returns whether a name without a prefix may contain this character after the first.
pub fn is_name_character(character: char) -> bool {
    is_name_start(character)
        || matches!(character,
            '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Returns whether the text is a name without a prefix.
pub fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(is_name_start) && characters.all(is_name_character)
}

/// The number of a qualified name in one [`Names`]. It is not valid in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

impl Name {
    /// Returns the number, as an index into tables kept beside the tree. Names are numbered from 0 without
    /// gaps.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

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
    names: Vec<(Namespace, Arc<str>)>,
    /// The numbers by local name, one map for each namespace.
    ids: Vec<HashMap<Arc<str>, Name>>,
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
        self.names.push((namespace, local));
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

    /// Returns the number of a name, if it has one.
    pub fn get(&self, name: QName<'_>) -> Option<Name> {
        let namespace = self.known_namespace(name.namespace)?;
        self.get_in(namespace, name.local)
    }

    /// Returns the name with this number; the empty name if the number is not in this table.
    pub fn resolve(&self, name: Name) -> QName<'_> {
        match self.names.get(name.0 as usize) {
            Some((namespace, local)) => QName::new(self.namespace(*namespace), local),
            None => QName::new("", ""),
        }
    }

    /// Returns the namespace and the local name with this number; the empty name if the number is not in this table.
    pub(crate) fn shared(&self, name: Name) -> (Arc<str>, Arc<str>) {
        let found = self.names.get(name.0 as usize).and_then(|(namespace, local)| {
            Some((self.namespaces.get(namespace.0 as usize)?.clone(), local.clone()))
        });
        found.unwrap_or_default()
    }
}
