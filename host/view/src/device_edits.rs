//! The changes of an edit, node by node, to find the one that was refused.

use confine_nacm::AccessOperation;
use confine_tree::{CONTROLLER, NodeId, NodeKind, Pattern, PatternStep, QName, Tree};

use crate::{
    CommitDraft,
    edit_check::{INSERT, OPERATION},
};

impl CommitDraft {
    /// Returns the changes of the device configuration in document order: created and moved list entries, set
    /// leaves and removed nodes.
    pub fn edits(&mut self) -> Vec<(AccessOperation, Pattern)> {
        let Ok(Some(edit)) = self.overlay.edit_config() else { return Vec::new() };
        let mut edits = Vec::new();
        let devices = edit.child(Tree::ROOT, QName::new(CONTROLLER, "devices"));
        if let Some(devices) = devices {
            let place = Pattern { steps: vec![PatternStep::new(edit.qname(devices))] };
            self.collect(&edit, devices, &place, &mut edits);
        }
        edits
    }

    fn collect(
        &mut self,
        edit: &Tree,
        above: NodeId,
        place: &Pattern,
        edits: &mut Vec<(AccessOperation, Pattern)>,
    ) {
        // The recursion is as deep as the edit, whose depth the XML and path readers limit.
        for node in edit.children(above) {
            if self.step().is_err() {
                return;
            }
            let step = PatternStep::new(edit.qname(node));
            let mut here = Pattern { steps: place.steps.iter().cloned().chain([step]).collect() };
            let form = self.overlay.schema_view().kind(self.overlay.locate(&here));
            if let (NodeKind::List { keys }, Some(step)) = (&form, here.steps.last_mut()) {
                for key in keys.iter() {
                    let leaf = edit.child(node, QName::new(&step.namespace, key));
                    step.keys.push((key.clone(), leaf.and_then(|leaf| edit.value(leaf)).map(Into::into)));
                }
            }
            if let (NodeKind::LeafList, Some(step)) = (&form, here.steps.last_mut()) {
                step.entry = Some(edit.value(node).map(Into::into));
            }
            if edit.attribute(node, OPERATION) == Some("remove") {
                edits.push((AccessOperation::Delete, here));
                continue;
            }
            let found = self.overlay.find(&here);
            let in_base = found.first().is_some_and(|live| self.overlay.in_base(live.node()));
            let leaf = edit.first_child(node).is_none();
            let is_moved = edit.attribute(node, INSERT).is_some();
            match (in_base, leaf || matches!(form, NodeKind::List { .. })) {
                (false, true) => edits.push((AccessOperation::Create, here.clone())),
                (true, true)
                    if leaf && found.first().is_some_and(|live| self.overlay.is_changed(live.node())) =>
                {
                    edits.push((AccessOperation::Update, here.clone()));
                }
                (true, _) if is_moved => edits.push((AccessOperation::Update, here.clone())),
                _ => {}
            }
            self.collect(edit, node, &here, edits);
        }
    }
}
