//! Where an entry stood in a list that is `ordered-by user`, if a service has removed it.
//!
//! The original has the entries before and after it, as attributes of its XML. It goes back next to the one of them that is
//! there, and to the end of the list if both are gone.

use confine_tree::{
    EntryPosition, HashMap, HashSet, LiveNode, NodeId, Overlay, Pattern, PatternStep, QName, Tree, xml,
};

use crate::{
    CommitDraft, CreatedObject, Error, Original, OwnerIndex,
    originals::{ORIGINALS, Originals, path_text},
    patterns::child,
};

/// How many entries next to one are looked at. Those that instances have made do not count.
const MOST_NEIGHBOURS: usize = 100;

/// The attributes with the paths of the entries before and after; empty if there is none.
const AFTER: QName<'_> = QName::new(ORIGINALS, "after");
const BEFORE: QName<'_> = QName::new(ORIGINALS, "before");

/// The entries beside which an entry stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginalPosition {
    /// The entry before it; none if it was the first one.
    after: Option<Pattern>,
    /// The entry after it.
    before: Option<Pattern>,
}

/// The entries that instances have removed, by those beside which they stood.
#[derive(Default)]
pub(crate) struct RemovedEntries {
    by_previous: HashMap<Pattern, Pattern>,
    by_next: HashMap<Pattern, Pattern>,
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
    fn chain(&self, side: Side, originals: &Originals) -> (Vec<Pattern>, bool) {
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

#[derive(Clone, Copy)]
enum Side {
    After,
    Before,
}

impl Originals {
    /// Returns what to read to know beside which entries one goes that is restored.
    pub fn anchors_of(&self, original: &Original) -> Vec<Pattern> {
        let Some(position) = OriginalPosition::of(&original.before) else { return Vec::new() };
        let sides = [Side::After, Side::Before];
        let anchors = sides.into_iter().flat_map(|side| position.chain(side, self).0);
        anchors.map(|anchor| identifier(&anchor)).collect()
    }
}

/// Returns what is read to know whether an entry is there: its first key or, in a leaf-list, itself.
fn identifier(entry: &Pattern) -> Pattern {
    let key = entry.steps.last().and_then(|step| {
        let (key, _) = step.keys.first()?;
        Some(PatternStep::new(QName::new(&step.namespace, key)))
    });
    key.map_or_else(|| entry.clone(), |key| child(entry, key))
}

impl CommitDraft {
    /// Returns what to read before a node is removed that a path names, so that its position is known: the keys of its list.
    pub(crate) fn neighbours_to_read(&self, place: &Pattern) -> Option<Pattern> {
        let node = self.overlay.locate(place).schema()?;
        let schema = self.overlay.schema_view().schema();
        if !schema.ordered_by_user(node) {
            return None;
        }
        let (last, above) = place.steps.split_last()?;
        let list = PatternStep::new(last.name());
        let key = schema.keys(node).first().map(|key| PatternStep::new(QName::new(&last.namespace, key)));
        Some(Pattern { steps: above.iter().cloned().chain([list]).chain(key).collect() })
    }

    /// Returns where a node is in its list, if that is `ordered-by user` and all of it was read: among those that stood there
    /// before any instance made or removed anything.
    pub(crate) fn position_of(
        &mut self,
        node: NodeId,
        owners: &OwnerIndex,
    ) -> Result<Option<OriginalPosition>, Error> {
        let place = self.overlay.pattern(node);
        let Some(list) = self.neighbours_to_read(&place) else { return Ok(None) };
        if !self.overlay.covers(&list) {
            return Ok(None);
        }
        let mut after = self.first_that_stood(node, Overlay::entry_before, owners)?;
        let mut before = self.first_that_stood(node, Overlay::entry_after, owners)?;
        // What others have removed next to it is nearer.
        let removed = match self.originals.removed.take() {
            Some(removed) => removed,
            None => self.removed_entries(owners)?,
        };
        for (nearer, beside) in
            [(removed.by_next.get(&place), &mut after), (removed.by_previous.get(&place), &mut before)]
        {
            if let Some(nearer) = nearer
                && self.standing(nearer).is_none()
            {
                *beside = Some(nearer.clone());
            }
        }
        self.originals.removed = Some(removed);
        Ok(Some(OriginalPosition { after, before }))
    }

    fn removed_entries(&mut self, owners: &OwnerIndex) -> Result<RemovedEntries, Error> {
        let mut removed = RemovedEntries::default();
        for original in owners.originals().all() {
            self.step()?;
            let Some(OriginalPosition { after, before }) = OriginalPosition::of(&original.before) else {
                continue;
            };
            removed.by_previous.extend(after.map(|after| (after, original.place.clone())));
            removed.by_next.extend(before.map(|before| (before, original.place.clone())));
        }
        Ok(removed)
    }

    fn first_that_stood(
        &mut self,
        node: NodeId,
        next: impl Fn(&Overlay, NodeId) -> Option<NodeId>,
        owners: &OwnerIndex,
    ) -> Result<Option<Pattern>, Error> {
        let mut at = node;
        for _ in 0..MOST_NEIGHBOURS {
            self.step()?;
            let Some(node) = next(&self.overlay, at) else { break };
            at = node;
            let place = self.overlay.pattern(node);
            if self.stood(node) && !owners.is_owned_at_or_above(&place) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Puts the entries that were made again where they stood.
    pub(crate) fn place_restored(&mut self, owners: &OwnerIndex) -> Result<(), Error> {
        let all = std::mem::take(&mut self.originals.positions);
        let pending: HashMap<&Pattern, &OriginalPosition> =
            all.iter().map(|(place, position)| (place, position)).collect();
        let mut seen: HashSet<&Pattern> = HashSet::default();
        for (place, _) in &all {
            // Those beside which it stood go first.
            let mut chain = Vec::new();
            let mut next = Some(place);
            while let Some((at, position)) = next.and_then(|at| pending.get_key_value(at))
                && seen.insert(at)
            {
                self.step()?;
                chain.push((*at, *position));
                next = position.after.as_ref();
            }
            for (place, position) in chain.into_iter().rev() {
                let Some(entry) = self.standing(place) else { continue };
                if let Some(position) = self.anchor(position, owners)? {
                    self.overlay.place_entry(entry.node(), position);
                }
            }
        }
        Ok(())
    }

    fn standing(&mut self, place: &Pattern) -> Option<LiveNode> {
        self.overlay.find(place).into_iter().next()
    }

    /// Returns where an entry goes now.
    fn anchor(
        &mut self,
        position: &OriginalPosition,
        owners: &OwnerIndex,
    ) -> Result<Option<EntryPosition>, Error> {
        for side in [Side::After, Side::Before] {
            let (chain, is_end) = position.chain(side, owners.originals());
            self.steps().steps(chain.len())?;
            for anchor in chain {
                if let Some(found) = self.standing(&anchor) {
                    let found = found.node();
                    return Ok(Some(match side {
                        Side::After => EntryPosition::After(found),
                        Side::Before => EntryPosition::Before(found),
                    }));
                }
            }
            if is_end && matches!(side, Side::After) {
                return Ok(Some(EntryPosition::First));
            }
        }
        Ok(None)
    }
}
