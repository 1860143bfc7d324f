//! What was read before, and need not be found out again.

use super::scope::{PrefixId, UsedPrefix};
use crate::{Name, names::Namespace, tree::BindingsId};

/// Where an element is, by the names next to it.
#[derive(Clone, Copy)]
pub(super) enum NamePlace {
    /// Outside of any other element.
    Top,
    /// The first child of an element of this name.
    FirstIn(Name),
    /// Behind a sibling of this name.
    After(Name),
}

/// How many places are known. Models have fewer, and a text that has a name of its own in each element does not take up memory for
/// what it never repeats.
const PLACES: usize = 1 << 16;

impl NamePlace {
    #[inline]
    fn index(self) -> Option<usize> {
        let index = match self {
            Self::Top => return None,
            Self::FirstIn(name) => 2 * name.index(),
            Self::After(name) => 2 * name.index() + 1,
        };
        (index < PLACES).then_some(index)
    }
}

/// An element that was read at a place.
#[derive(Clone, Copy)]
struct KnownName<'a> {
    written: &'a str,
    /// The default namespace there.
    namespace: Namespace,
    name: Name,
}

/// For each place, what was there the last times. Entries of a list have the same children in the same order, so a name need
/// not be looked up in most of them. Two are kept, because a name such as `name` is in entries and in what they contain. Names
/// with prefixes are not kept, because their meaning depends on more.
#[derive(Default)]
pub(super) struct KnownNames<'a>(Vec<[Option<KnownName<'a>>; 2]>);

impl<'a> KnownNames<'a> {
    /// Returns the name of an element, if it is one that was read last at this place, in this default namespace.
    #[inline]
    pub(super) fn get(&self, place: NamePlace, namespace: Option<Namespace>, written: &str) -> Option<Name> {
        let mut known = self.0.get(place.index()?)?.iter().flatten();
        let known = known.find(|known| known.written == written && Some(known.namespace) == namespace)?;
        Some(known.name)
    }

    /// Remembers the name of an element.
    pub(super) fn add(
        &mut self,
        place: NamePlace,
        namespace: Option<Namespace>,
        written: &'a str,
        name: Name,
    ) {
        let (Some(index), Some(namespace)) = (place.index(), namespace) else { return };
        if written.contains(':') {
            return;
        }
        if index >= self.0.len() {
            self.0.resize(index + 1, [None; 2]);
        }
        if let Some([last, before]) = self.0.get_mut(index) {
            *before = last.replace(KnownName { written, namespace, name });
        }
    }
}

/// So many declarations are kept.
const KEPT: usize = 4;

/// The attributes that were nothing but the declaration of one prefix, most recently. Leaves with identities repeat them.
#[derive(Default)]
pub(super) struct KnownDeclarations<'a> {
    recent: [Option<(&'a str, PrefixId, Namespace)>; KEPT],
    next: usize,
}

impl<'a> KnownDeclarations<'a> {
    /// Returns what these attributes declare.
    #[inline]
    pub(super) fn get(&self, attributes: &str) -> Option<(PrefixId, Namespace)> {
        let mut recent = self.recent.iter().flatten();
        recent.find(|(known, ..)| *known == attributes).map(|&(_, prefix, namespace)| (prefix, namespace))
    }

    /// Remembers what attributes declare.
    pub(super) fn add(&mut self, attributes: &'a str, (prefix, namespace): (PrefixId, Namespace)) {
        if let Some(oldest) = self.recent.get_mut(self.next) {
            *oldest = Some((attributes, prefix, namespace));
        }
        self.next = (self.next + 1) % KEPT;
    }
}

/// By number of a prefix, the bindings of the value that used this prefix most recently. Most values that use one use no other.
#[derive(Default)]
pub(super) struct KnownBindings(Vec<Option<(Namespace, BindingsId)>>);

impl KnownBindings {
    /// Returns the bindings of a value that uses these prefixes.
    pub(super) fn get(&self, used: &[UsedPrefix<'_>]) -> Option<BindingsId> {
        match used {
            [] => Some(BindingsId::NONE),
            [used] => {
                let (namespace, bindings) = (*self.0.get(used.id.index())?)?;
                (namespace == used.namespace).then_some(bindings)
            }
            _ => None,
        }
    }

    /// Remembers the bindings of a value.
    pub(super) fn add(&mut self, used: &[UsedPrefix<'_>], bindings: BindingsId) {
        let [used] = used else { return };
        let index = used.id.index();
        if index >= self.0.len() {
            self.0.resize(index + 1, None);
        }
        if let Some(known) = self.0.get_mut(index) {
            *known = Some((used.namespace, bindings));
        }
    }
}
