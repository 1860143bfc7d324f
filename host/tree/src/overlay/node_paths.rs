//! The paths of nodes, one after another.

use smallvec::SmallVec;

use super::Overlay;
use crate::{HashMap, NodeId, Pattern, PatternStep, Tree};

/// So many steps of list entries are kept.
const KEPT: usize = 1024;

/// Returns the paths of nodes: the steps that a path has in common with the one before are not made again, nor those of list
/// entries that were met lately.
#[derive(Debug, Default)]
pub struct NodePaths {
    /// The steps of the path before, each with its node.
    steps: Vec<(NodeId, PatternStep)>,
    /// The steps of list entries.
    entries: HashMap<NodeId, PatternStep>,
    /// Whether keys have the texts that the datastore has.
    are_stored: bool,
}

impl NodePaths {
    /// Returns such paths as [`Overlay::stored_pattern`] returns them.
    pub fn stored() -> Self {
        Self { are_stored: true, ..Self::default() }
    }

    /// Returns what [`Overlay::pattern`] returns. The overlay must be the same as before, and not have been edited.
    pub fn pattern(&mut self, overlay: &mut Overlay, node: NodeId) -> Pattern {
        let mut below: SmallVec<[NodeId; 8]> = SmallVec::new();
        let (mut at, mut common) = (Some(node), 0);
        while let Some(node) = at.filter(|&node| node != Tree::ROOT) {
            if let Some(known) = self.steps.iter().rposition(|&(known, _)| known == node) {
                common = known + 1;
                break;
            }
            below.push(node);
            at = overlay.tree.parent(node);
        }
        self.steps.truncate(common);
        for node in below.into_iter().rev() {
            let step = self.step(overlay, node);
            self.steps.push((node, step));
        }
        Pattern { steps: self.steps.iter().map(|(_, step)| step.clone()).collect() }
    }

    fn step(&mut self, overlay: &mut Overlay, node: NodeId) -> PatternStep {
        if let Some(known) = self.entries.get(&node) {
            return known.clone();
        }
        let step = if self.are_stored { overlay.stored_step(node) } else { overlay.step(node) };
        if !step.keys.is_empty() {
            if self.entries.len() >= KEPT {
                self.entries.clear();
            }
            self.entries.insert(node, step.clone());
        }
        step
    }
}
