//! Interned names: a node's name is a number, and comparing two names of one tree compares numbers.

use std::{collections::HashMap, fmt};

/// A qualified name: a namespace and a local name (RFC 6241 section 3.1, XML namespaces).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QName<'a> {
    /// The namespace, empty where there is none.
    pub namespace: &'a str,
    /// The name without a prefix.
    pub local: &'a str,
}

impl<'a> QName<'a> {
    /// A name in a namespace.
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

/// Whether a name without a prefix may begin with this character (Namespaces in XML 1.0, `NCName`).
pub(crate) fn is_name_start(character: char) -> bool {
    matches!(character,
        'a'..='z' | 'A'..='Z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// Whether a name without a prefix may hold this character after its first.
pub(crate) fn is_name_character(character: char) -> bool {
    is_name_start(character)
        || matches!(character,
            '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Whether this is a name without a prefix.
pub(crate) fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(is_name_start) && characters.all(is_name_character)
}

/// A qualified name as the number that one [`Names`] gave it. It means nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

/// Names and the numbers that stand for them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    namespaces: Vec<Box<str>>,
    namespace_ids: HashMap<Box<str>, u32>,
    names: Vec<(u32, Box<str>)>,
    /// By namespace: local name to number.
    ids: Vec<HashMap<Box<str>, Name>>,
}

impl Names {
    /// The number of a name, given now if it has none yet.
    pub fn intern(&mut self, name: QName<'_>) -> Name {
        let namespace = match self.namespace_ids.get(name.namespace) {
            Some(&id) => id,
            None => {
                let id = u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX);
                self.namespaces.push(name.namespace.into());
                self.namespace_ids.insert(name.namespace.into(), id);
                self.ids.push(HashMap::new());
                id
            }
        };
        let next = Name(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let Some(ids) = self.ids.get_mut(namespace as usize) else { return next };
        if let Some(&id) = ids.get(name.local) {
            return id;
        }
        ids.insert(name.local.into(), next);
        self.names.push((namespace, name.local.into()));
        next
    }

    /// The number of a name, if it has one.
    pub fn get(&self, name: QName<'_>) -> Option<Name> {
        let namespace = *self.namespace_ids.get(name.namespace)?;
        self.ids.get(namespace as usize)?.get(name.local).copied()
    }

    /// What a number stands for; the empty name for a number of another table.
    pub fn resolve(&self, name: Name) -> QName<'_> {
        let resolved = self.names.get(name.0 as usize).and_then(|(namespace, local)| {
            Some(QName { namespace: self.namespaces.get(*namespace as usize)?, local })
        });
        resolved.unwrap_or(QName { namespace: "", local: "" })
    }
}
