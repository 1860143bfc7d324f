//! Where an entry stood in a list that is `ordered-by user`, if a service has removed or moved it.
//!
//! The original has the entries before and after it, as attributes of its XML. It goes back next to the one of them that is
//! there. If both are gone, one that was removed goes to the end of the list, and one that was moved stays.
//!
//! `written` of an entry that was moved says beside which entries the services have left it. If it is beside neither of them,
//! somebody has moved it by hand.

use confine_tree::{BoundValue, Error as TreeError, HashMap, NodeId, Pattern, QName, Tree, xml};

use crate::{
    CreatedObject, Original,
    originals::{ORIGINALS, hash, path_text},
};

/// How many entries next to one are looked at. The position of one that has as many entries of instances before it is not kept.
pub(crate) const MOST_NEIGHBOURS: usize = 100;

/// The attributes with the paths of the entries before and after; empty if there is none.
const AFTER: QName<'_> = QName::new(ORIGINALS, "after");
const BEFORE: QName<'_> = QName::new(ORIGINALS, "before");

/// How [`Original::written`] begins for an entry that was moved. It is no hash.
const MOVED: &str = "moved ";

/// The entries beside which an entry stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginalPosition {
    /// The entry before it; none if it was the first one.
    pub(crate) after: Option<Pattern>,
    /// The entry after it.
    pub(crate) before: Option<Pattern>,
}

/// The entries that instances have removed or moved, by those beside which they stood.
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

    /// Returns the XML of the original of an entry that was moved: it has the position alone. None if it cannot be written.
    pub(crate) fn of_moved(&self, name: QName<'_>) -> Result<Option<String>, TreeError> {
        let mut tree = Tree::new();
        let name = tree.intern(name);
        let top = tree.append(Tree::ROOT, name)?;
        self.write(&mut tree, top);
        tree.attribute(top, AFTER).is_some().then(|| xml::write(&tree, top)).transpose()
    }

    /// Returns the entries on both sides.
    pub(crate) fn both(&mut self) -> impl Iterator<Item = &mut Pattern> {
        [&mut self.after, &mut self.before].into_iter().flatten()
    }

    /// Returns the entry on one side.
    pub(crate) fn beside(&self, side: Side) -> Option<&Pattern> {
        match side {
            Side::After => self.after.as_ref(),
            Side::Before => self.before.as_ref(),
        }
    }
}

/// A side of an entry.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    After,
    Before,
}

impl Original {
    /// Returns whether services have moved the entry.
    pub fn is_moved(&self) -> bool {
        self.written.as_deref().is_some_and(|written| written.starts_with(MOVED))
    }

    /// Returns whether an entry that was moved is beside one of those beside which it was left. `beside` is where it is now, as
    /// [`left_beside`] gives it.
    pub(crate) fn is_as_left(&self, beside: &str) -> bool {
        let mut pairs = self.written.iter().flat_map(|left| left.split(' ').zip(beside.split(' ')).skip(1));
        self.is_moved() && pairs.any(|(left, now)| left == now)
    }

    /// Returns the keys of its list, beside which an entry goes that is restored; none if it has no position.
    pub(crate) fn entries_beside(&self) -> Option<Pattern> {
        OriginalPosition::of(&self.before)?;
        self.place.list_keys()
    }
}

/// Returns `written` of an entry that was moved between these.
pub(crate) fn left_beside(previous: Option<&Pattern>, next: Option<&Pattern>) -> String {
    let name = |place: Option<&Pattern>| {
        let path = place.map(|place| path_text(place).unwrap_or_default());
        path.map_or_else(|| "-".into(), |path| hash(&BoundValue { value: path, bindings: Vec::new() }))
    };
    format!("{MOVED}{} {}", name(previous), name(next))
}
