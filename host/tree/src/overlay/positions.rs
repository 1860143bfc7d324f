//! Where entries go in a list that is `ordered-by user` (RFC 7950, sections 7.7.9 and 7.8.6).

use super::{LiveNode, Overlay, entry_position::EntryPosition};
use crate::{HashSet, NodeId, QName, YANG};

impl Overlay {
    /// Puts an entry that the datastore lacks to a position in its list, instead of the end. It is not one of what a run does.
    pub fn place_entry(&mut self, entry: NodeId, position: EntryPosition) {
        let Some(parent) = self.tree.parent(entry) else { return };
        if self.state(entry).in_base {
            return;
        }
        let before = match position {
            EntryPosition::First => self.tree.children_named(parent, self.tree.name(entry)).next(),
            EntryPosition::Before(next) => Some(next),
            EntryPosition::After(previous) => self.tree.next_sibling(previous),
        };
        if before != Some(entry) {
            self.tree.detach(entry);
            self.tree.attach(entry, parent, before);
        }
        self.placed.insert(entry, position);
    }

    /// Returns whether a node is an entry of a list that is `ordered-by user`.
    pub fn is_ordered_by_user(&mut self, node: NodeId) -> bool {
        let location = self.schema_location(node);
        self.schema_view.is_ordered_by_user(location)
    }

    /// Returns the entry before a node in its list, whether or not it exists now.
    pub fn entry_before(&self, node: NodeId) -> Option<NodeId> {
        self.tree.previous_sibling(node).filter(|&other| self.tree.name(other) == self.tree.name(node))
    }

    /// Returns the entry after a node in its list, whether or not it exists now.
    pub fn entry_after(&self, node: NodeId) -> Option<NodeId> {
        self.tree.next_sibling(node).filter(|&other| self.tree.name(other) == self.tree.name(node))
    }

    /// Returns the attributes of a placed entry in an edit; none if it goes to the end. `moved` are those that the edit puts to
    /// the end before.
    pub(super) fn position_attributes(
        &mut self,
        parent: LiveNode,
        entry: NodeId,
        moved: &HashSet<NodeId>,
    ) -> Vec<(QName<'static>, String)> {
        let attribute = |local: &'static str, value: String| (QName::new(YANG, local), value);
        let (insert, anchor) = match self.placed.get(&entry) {
            None => return Vec::new(),
            Some(EntryPosition::First) => return vec![attribute("insert", "first".into())],
            Some(&EntryPosition::Before(anchor)) => ("before", anchor),
            Some(&EntryPosition::After(anchor)) => ("after", anchor),
        };
        if self.live_child(parent, anchor).is_none() || moved.contains(&anchor) {
            return Vec::new();
        }
        let step = self.stored_step(anchor);
        let (name, text) = match &step.entry {
            Some(Some(value)) => ("value", Some(value.clone()).filter(|value| !value.contains('\''))),
            _ => {
                let keys = step.keys.iter().map(|(key, value)| {
                    let value = value.as_deref()?;
                    let quote = ['\'', '"'].into_iter().find(|&quote| !value.contains(quote))?;
                    Some(format!("[{key}={quote}{value}{quote}]"))
                });
                ("key", keys.collect::<Option<String>>().filter(|keys| !keys.is_empty()))
            }
        };
        text.map_or_else(Vec::new, |text| vec![attribute("insert", insert.into()), attribute(name, text)])
    }
}
