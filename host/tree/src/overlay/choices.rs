//! Choices: a node of one case displaces those of the others (RFC 7950, section 7.9).

use std::sync::Arc;

use super::{ChoiceInstance, LiveNode, NodeEdit, Overlay};
use crate::{ChoiceCase, NodeId, Pattern, PatternStep, QName, SchemaNode};

impl Overlay {
    /// Returns the choices that a node is in, each with its case.
    pub fn choices(&mut self, node: NodeId) -> Vec<(ChoiceInstance, SchemaNode)> {
        let Some(parent) = self.tree.parent(node) else { return Vec::new() };
        let cases = self.cases_of(node);
        let choice = |case: &ChoiceCase| (ChoiceInstance { parent, choice: case.choice }, case.case);
        cases.iter().flat_map(|cases| cases.iter().map(choice)).collect()
    }

    /// Returns the choices of which the edits have set a node, each once: with the case of it, or with none if nodes of several
    /// cases were set. The nodes that the datastore has of all cases but the only one do not exist any more, even if that node
    /// has been removed since.
    pub fn chosen_cases(&self) -> Vec<(ChoiceInstance, Option<SchemaNode>)> {
        let mut chosen: Vec<_> = self.chosen.all().collect();
        chosen.sort_unstable();
        chosen
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

    /// Returns the nodes in a parent that are in other cases of a choice, whether or not they exist now.
    pub fn in_other_cases(&mut self, choice: ChoiceInstance, case: SchemaNode) -> Vec<NodeId> {
        let children: Vec<NodeId> = self.tree.children(choice.parent).collect();
        self.lookup.visited += children.len();
        let is_other = |&child: &NodeId| {
            let cases = self.cases_of(child);
            cases.is_some_and(|cases| is_in_other_case(&cases, choice.choice, case))
        };
        children.into_iter().filter(is_other).collect()
    }

    /// Returns the paths of everything that may be in other cases of a choice; without a case, in any.
    pub fn other_cases(&mut self, choice: ChoiceInstance, case: Option<SchemaNode>) -> Vec<Pattern> {
        let Some(above) = self.location_below(choice.parent).schema else { return Vec::new() };
        let place = self.pattern(choice.parent);
        let schema = self.schema_view.shared();
        let mut found = Vec::new();
        for name in schema.children(above) {
            self.lookup.visited += 1;
            let cases = schema.child(above, name).and_then(|child| self.schema_view.cases(child));
            let is_other = |known: &ChoiceCase| known.choice == choice.choice && Some(known.case) != case;
            if cases.is_some_and(|cases| cases.iter().any(is_other)) {
                let step = PatternStep::new(name);
                found.push(Pattern { steps: place.steps.iter().cloned().chain([step]).collect() });
            }
        }
        found
    }
}

fn is_in_other_case(cases: &[ChoiceCase], choice: SchemaNode, case: SchemaNode) -> bool {
    cases.iter().any(|known| known.choice == choice && known.case != case)
}
