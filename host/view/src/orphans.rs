//! Orphans: objects that an instance has created, that are still there, and that no instance owns.

use std::borrow::Cow;

use confine_tree::{Error as TreeError, Pattern, StepCounter};

use crate::{
    CreatedObject, InstanceRef, OwnedObject, OwnerIndex, originals::owner_name, path_trie::entry_pattern,
};

impl CreatedObject {
    /// Parses what [`record`](Self::record) returns.
    pub fn from_record(record: &str) -> Self {
        // A list may have said so, which anybody may have written: it counts like a path that names several nodes.
        Self { shared: true, ambiguous: true, ..Self::parse(record) }
    }

    /// Returns the object as text, with its namespaces if they are known.
    pub fn record(&self) -> String {
        Self { ambiguous: true, shared: true, ..self.clone() }.entry()
    }
}

impl From<OwnedObject<'_>> for CreatedObject {
    fn from(object: OwnedObject<'_>) -> Self {
        Self { path: object.path(), place: object.place(), shared: true, ambiguous: object.is_ambiguous() }
    }
}

impl OwnerIndex {
    /// Adds objects to those of an instance.
    pub fn add(&mut self, instance: &InstanceRef, objects: impl IntoIterator<Item = CreatedObject>) {
        let all: Vec<CreatedObject> =
            self.created_by(instance).map(CreatedObject::from).chain(objects).collect();
        self.replace(instance, all);
    }

    /// Returns whether an instance owns a node with the names of an object, or one above it.
    ///
    /// # Errors
    /// [`Error::Stopped`](confine_tree::Error::Stopped).
    pub fn owns_namesake(&self, object: &CreatedObject, steps: &mut StepCounter) -> Result<bool, TreeError> {
        let place = match (&object.place, entry_pattern(&object.path)) {
            (Some(place), _) => Cow::Borrowed(place),
            (None, Some(place)) => Cow::Owned(place),
            (None, None) => return Ok(false),
        };
        self.owns_names_of(&place, steps)
    }

    /// Returns whether another instance has set or removed something at, above or below a node. If the node was there, that
    /// instance does not own it, but needs it.
    ///
    /// # Errors
    /// [`Error::Stopped`](confine_tree::Error::Stopped).
    pub fn others_have_changed(
        &self,
        place: &Pattern,
        instance: &InstanceRef,
        steps: &mut StepCounter,
    ) -> Result<bool, TreeError> {
        let own = owner_name(instance);
        let originals = self.originals();
        for original in originals.at_or_above(place).chain(originals.at_or_below(place)) {
            steps.steps(1 + original.owners.len())?;
            if original.owners.iter().any(|owner| *owner != own) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner_index::tests::X;

    #[test]
    fn record_of_an_object_can_be_read_again() {
        for namespaces in ["", "[false()][\"urn:a\"]", "[false()][\"urn:a urn:b\"]"] {
            let object = CreatedObject::from_record(&format!("{X}{namespaces}"));
            assert_eq!(CreatedObject::from_record(&object.record()), object);
            assert_eq!(object.place.is_some(), !namespaces.is_empty());
        }
    }
}
