//! Objects that instances create, and the entries of `created` lists that name them.

use confine_tree::Pattern;

use crate::path_trie::{CONTROLLER_STEPS, entry_pattern};

/// The end of the path of an object that the controller must not find: a predicate that no node satisfies (XPath 1.0,
/// section 4.3).
const HIDDEN: &str = "[false()]";

/// What follows [`HIDDEN`] if the path alone may name several nodes: a predicate with the namespaces of the path.
const NAMESPACES: [&str; 2] = ["[false()][\"", "\"]"];

/// An object that an instance created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedObject {
    /// The path in the form of [`Pattern::created`].
    pub path: String,
    /// The path with namespaces, which the form of `created` lists lacks. None if they are not known.
    pub place: Option<Pattern>,
    /// Whether this list must hide the object from the controller, which finds it in another instance's list or
    /// in none. The controller removes what the instances of a commit had created, and crashes if two of them
    /// name the same object, or if one names a leaf with a default that is gone (seen with 1.8.0).
    pub shared: bool,
    /// Whether another node has the same path without namespaces, or may have it and the entry is hidden anyway. The entry
    /// then names them, which only this host understands; the controller would remove both nodes.
    pub ambiguous: bool,
}

impl CreatedObject {
    /// Parses an entry of a `created` list.
    pub(crate) fn parse(entry: &str) -> Self {
        let [before, after] = NAMESPACES;
        let named = entry.strip_suffix(after).and_then(|entry| entry.rsplit_once(before));
        let named = named.and_then(|(path, namespaces)| Some((path, with_namespaces(path, namespaces)?)));
        if let Some((path, place)) = named {
            return Self { path: path.to_owned(), place: Some(place), shared: true, ambiguous: true };
        }
        let (path, shared) = entry.strip_suffix(HIDDEN).map_or((entry, false), |path| (path, true));
        Self { path: path.to_owned(), place: None, shared, ambiguous: false }
    }

    /// Returns the entry of the instance's `created` list. The controller's XPath finds nothing with the entry of
    /// a shared object.
    pub fn entry(&self) -> String {
        let namespaces = self.place.as_ref().filter(|_| self.ambiguous).and_then(namespaces);
        match namespaces {
            Some(namespaces) => format!("{}{}", self.path, NAMESPACES.join(&namespaces)),
            None if self.shared => format!("{}{HIDDEN}", self.path),
            None => self.path.clone(),
        }
    }
}

/// Returns the namespaces of the steps on the device, separated by spaces. Those at the end that are the same are left
/// out. None if they cannot be written in a path.
fn namespaces(place: &Pattern) -> Option<String> {
    let mut namespaces: Vec<&str> =
        place.steps.iter().skip(CONTROLLER_STEPS).map(|step| &*step.namespace).collect();
    while let [.., last, same] = namespaces[..]
        && last == same
    {
        namespaces.pop();
    }
    let is_plain = |text: &&str| !text.is_empty() && !text.contains(['"', ' ', '[', ']']);
    namespaces.iter().all(is_plain).then(|| namespaces.join(" ")).filter(|text| !text.is_empty())
}

/// Returns the path with these namespaces.
fn with_namespaces(path: &str, namespaces: &str) -> Option<Pattern> {
    let mut place = entry_pattern(path).filter(|place| place.steps.len() > CONTROLLER_STEPS)?;
    let mut namespaces = namespaces.split(' ');
    let mut namespace = namespaces.next()?;
    for (index, step) in place.steps.iter_mut().skip(CONTROLLER_STEPS).enumerate() {
        if index > 0 {
            namespace = namespaces.next().unwrap_or(namespace);
        }
        step.namespace = namespace.into();
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner_index::tests::{X, place};

    #[test]
    fn entry_of_an_ambiguous_path_names_its_namespaces() {
        let mut object = CreatedObject {
            shared: true,
            ambiguous: true,
            place: Some(place("urn:a")),
            ..CreatedObject::parse(X)
        };
        assert_eq!(object.entry(), format!("{X}[false()][\"urn:a\"]"));
        assert_eq!(CreatedObject::parse(&object.entry()), object);
        object.place.as_mut().unwrap().steps[4].namespace = "urn:b".into();
        assert_eq!(object.entry(), format!("{X}[false()][\"urn:a urn:b\"]"));
        assert_eq!(CreatedObject::parse(&object.entry()), object);
        object.place.as_mut().unwrap().steps[4].namespace = "not \"plain\"".into();
        assert_eq!(object.entry(), format!("{X}[false()]"));
    }
}
