//! Choices: a node of one case displaces those of the others (RFC 7950, section 7.9).

use std::sync::Arc;

use super::{ChoiceInstance, LiveNode, NodeEdit, Overlay, nodes_in_choices::ChoiceMembers};
use crate::{ChoiceCase, Error, HashMap, NodeId, Pattern, PatternStep, QName, SchemaNode};

impl Overlay {
    /// Returns the choices that a node is in, each with its case.
    pub fn choices(&mut self, node: NodeId) -> Vec<(ChoiceInstance, SchemaNode)> {
        let Some(parent) = self.tree.parent(node) else { return Vec::new() };
        let cases = self.cases_of(node);
        let choice = |case: &ChoiceCase| (ChoiceInstance { parent, choice: case.choice }, case.case);
        cases.iter().flat_map(|cases| cases.iter().map(choice)).collect()
    }

    /// Returns whether the edits have set a node of any choice.
    pub fn has_chosen(&self) -> bool {
        !self.chosen.is_empty()
    }

    /// Returns whether the edits have set this case of a choice last.
    pub fn is_chosen(&self, choice: ChoiceInstance, case: SchemaNode) -> bool {
        self.chosen.of(choice).last() == Some(&case)
    }

    /// Returns the choices that a child of this name is in, each with its case.
    pub(super) fn choices_of_child(
        &mut self,
        parent: NodeId,
        name: QName<'_>,
    ) -> Vec<(ChoiceInstance, SchemaNode)> {
        let above = self.location_below(parent);
        let child = self.schema_view.child(self.tree.names(), above, name).schema;
        let cases = child.and_then(|child| self.schema_view.cases(child));
        let choice = |case: &ChoiceCase| (ChoiceInstance { parent, choice: case.choice }, case.case);
        cases.iter().flat_map(|cases| cases.iter().map(choice)).collect()
    }

    fn cases_of(&mut self, node: NodeId) -> Option<Arc<[ChoiceCase]>> {
        let schema_node = self.schema_location(node).schema?;
        self.schema_view.cases(schema_node)
    }

    /// Removes the nodes of other cases than that of a node which is being made.
    pub(super) fn displace_other_cases(&mut self, parent: LiveNode, node: NodeId) {
        if self.cases_of(node).is_none() {
            return;
        }
        for (choice, case) in self.choices(node) {
            if self.is_chosen(choice, case) {
                continue;
            }
            self.chosen.choose(choice, case);
            for other in self.in_other_cases(choice, case) {
                if self.live_child(parent, other).is_some() {
                    self.mark_removed(other);
                    self.removed.push(other);
                }
            }
        }
    }

    /// Removes a node that was found in the datastore if the edits have chosen another case, and have not made it again.
    pub(super) fn displace_loaded(&mut self, node: NodeId) {
        let choices = self.choices(node);
        let displaces = |(choice, case): &(ChoiceInstance, SchemaNode)| {
            self.chosen.of(*choice).iter().any(|chosen| chosen != case)
        };
        if self.state(node).edit == NodeEdit::Keep && choices.iter().any(displaces) {
            self.mark_removed(node);
        }
    }

    /// Returns the nodes in a parent that are in other cases of a choice, whether or not they exist now. The children of a
    /// parent are looked at once.
    pub fn in_other_cases(&mut self, choice: ChoiceInstance, case: SchemaNode) -> Vec<NodeId> {
        if !self.in_choices.contains_key(&choice.parent) {
            let children: Vec<NodeId> = self.tree.children(choice.parent).collect();
            self.lookup.visited += children.len();
            self.in_choices.insert(choice.parent, ChoiceMembers::default());
            children.into_iter().for_each(|child| self.note_in_choices(choice.parent, child));
        }
        let members = self.in_choices.get(&choice.parent).and_then(|members| members.get(&choice.choice));
        let members = members.map_or(&[][..], Vec::as_slice);
        self.lookup.visited += members.len();
        members.iter().filter(|(of, _)| *of != case).map(|&(_, node)| node).collect()
    }

    /// Notes in which choices a node is, if its parent was looked at.
    pub(super) fn note_in_choices(&mut self, parent: NodeId, node: NodeId) {
        if !self.in_choices.contains_key(&parent) {
            return;
        }
        for (ChoiceInstance { choice, .. }, case) in self.choices(node) {
            if let Some(members) = self.in_choices.get_mut(&parent) {
                members.entry(choice).or_default().push((case, node));
            }
        }
    }

    /// Returns the paths of everything that may be in other cases of the choices of which the edits have set a node: in any case
    /// if nodes of several were set. The nodes that the datastore has of all cases but the only one do not exist any more, even
    /// if that node has been removed since.
    ///
    /// # Errors
    /// Fails if the overlay's counter of [steps](Self::steps) is stopped.
    pub fn other_cases(&mut self) -> Result<Vec<Pattern>, Error> {
        let mut chosen: Vec<_> = self.chosen.all().collect();
        chosen.sort_unstable();
        let schema = self.schema_view.shared();
        let mut by_parent: HashMap<SchemaNode, ChoiceMembers<QName<'_>>> = HashMap::default();
        let mut found = Vec::new();
        for (choice, case) in chosen {
            self.steps.step()?;
            let Some(above) = self.location_below(choice.parent).schema else { continue };
            let members = match by_parent.entry(above) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(unknown) => {
                    let mut members: ChoiceMembers<QName<'_>> = HashMap::default();
                    for name in schema.children(above) {
                        self.steps.step()?;
                        let cases = schema.child(above, name).and_then(|child| self.schema_view.cases(child));
                        for known in cases.iter().flat_map(|cases| cases.iter()) {
                            members.entry(known.choice).or_default().push((known.case, name));
                        }
                    }
                    unknown.insert(members)
                }
            };
            let others = members.get(&choice.choice).map_or(&[][..], Vec::as_slice);
            let place = self.pattern(choice.parent);
            for &(_, name) in others.iter().filter(|(of, _)| Some(*of) != case) {
                self.steps.step()?;
                let step = PatternStep::new(name);
                found.push(Pattern { steps: place.steps.iter().cloned().chain([step]).collect() });
            }
        }
        Ok(found)
    }
}
