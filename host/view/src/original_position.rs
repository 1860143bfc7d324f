//! Where an entry stood in a list that is `ordered-by user`, if a service has removed it.
//!
//! The original has the entries before and after it, as attributes of its XML. It goes back next to the one of them that is
//! there, and to the end of the list if both are gone.

use confine_tree::{HashMap, NodeId, Pattern, QName, Tree, xml};

use crate::{
    CreatedObject, Original,
    originals::{ORIGINALS, Originals, path_text},
    patterns::first_key,
};

/// How many entries next to one are looked at. Those that instances have made do not count.
pub(crate) const MOST_NEIGHBOURS: usize = 100;

/// The attributes with the paths of the entries before and after; empty if there is none.
const AFTER: QName<'_> = QName::new(ORIGINALS, "after");
const BEFORE: QName<'_> = QName::new(ORIGINALS, "before");

/// The entries beside which an entry stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginalPosition {
    /// The entry before it; none if it was the first one.
    pub(crate) after: Option<Pattern>,
    /// The entry after it.
    pub(crate) before: Option<Pattern>,
}

/// The entries that instances have removed, by those beside which they stood.
#[derive(Default)]
pub(crate) struct RemovedEntries {
    pub(crate) by_previous: HashMap<Pattern, Pattern>,
    pub(crate) by_next: HashMap<Pattern, Pattern>,
}

impl OriginalPosition {
    /// Reads the position in the XML of an original; none if it has none.
    pub(crate) fn of(before: &str) -> Option<Self> {
        // Most have none.
        if !before.contains(ORIGINALS) {
            return None;
        }
        let tree = xml::parse(before).ok()?;
        let top = tree.first_child(Tree::ROOT)?;
        let place = |text: &str| CreatedObject::parse(text).place;
        let after = tree.attribute(top, AFTER)?;
        let after = if after.is_empty() { None } else { Some(place(after)?) };
        Some(Self { after, before: tree.attribute(top, BEFORE).and_then(place) })
    }

    /// Writes the position into the XML of an original.
    pub(crate) fn write(&self, tree: &mut Tree, top: NodeId) {
        let text = |place: &Option<Pattern>| match place {
            None => Some(String::new()),
            Some(place) => path_text(place),
        };
        let (Some(after), Some(before)) = (text(&self.after), text(&self.before)) else { return };
        tree.set_attribute(top, AFTER, &after);
        tree.set_attribute(top, BEFORE, &before);
    }

    fn beside(&self, side: Side) -> Option<&Pattern> {
        match side {
            Side::After => self.after.as_ref(),
            Side::Before => self.before.as_ref(),
        }
    }

    /// Returns the entries on one side of an entry, the nearest one first: the next ones are known of those that are removed
    /// too. Also whether the last one was at that end of the list.
    pub(crate) fn chain(&self, side: Side, originals: &Originals) -> (Vec<Pattern>, bool) {
        let (mut chain, mut at) = (Vec::new(), self.clone());
        while chain.len() < MOST_NEIGHBOURS {
            let Some(beside) = at.beside(side) else { return (chain, true) };
            chain.push(beside.clone());
            let removed = path_text(beside).and_then(|path| originals.get(&path));
            match removed.and_then(|original| Self::of(&original.before)) {
                Some(next) => at = next,
                None => break,
            }
        }
        (chain, false)
    }
}

/// A side of an entry.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    After,
    Before,
}

impl Originals {
    /// Returns what to read to know beside which entries one goes that is restored.
    pub fn anchors_of(&self, original: &Original) -> Vec<Pattern> {
        let Some(position) = OriginalPosition::of(&original.before) else { return Vec::new() };
        let sides = [Side::After, Side::Before];
        let anchors = sides.into_iter().flat_map(|side| position.chain(side, self).0);
        // An entry of a leaf-list has no key, and is read itself.
        anchors.map(|anchor| first_key(&anchor).unwrap_or(anchor)).collect()
    }
}
