//! The path that was made, or found, last: most calls are about siblings.

use super::live_node::LiveNode;
use crate::PatternStep;

/// The nodes above the node that was set or created last, or found. They exist, and making or finding them again changes nothing,
/// until something else than [`make_path`](super::Overlay::make_path) changes which nodes exist, or more is learned of their
/// kinds; and finding them, until more is loaded.
#[derive(Clone, Debug, Default)]
pub(super) struct LastPath {
    above: Vec<(PatternStep, LiveNode)>,
    /// How much was known of kinds.
    changes: u64,
}

impl LastPath {
    /// Forgets the nodes.
    pub(super) fn forget(&mut self) {
        self.above.clear();
    }

    /// Returns how many of the first steps, without the last, lead to nodes that need not be made or found again, and the last of these.
    pub(super) fn common(&mut self, steps: &[PatternStep], changes: u64) -> (usize, LiveNode) {
        if self.changes != changes {
            self.above.clear();
            self.changes = changes;
        }
        let above = steps.split_last().map_or(&[][..], |(_, above)| above);
        let common = self.above.iter().zip(above).take_while(|((made, _), step)| made == *step).count();
        self.above.truncate(common);
        (common, self.above.last().map_or(LiveNode::ROOT, |&(_, live)| live))
    }

    /// Adds a node below the last one, the so many-th on its path; nothing if those above were forgotten meanwhile.
    pub(super) fn push(&mut self, index: usize, step: &PatternStep, live: LiveNode) {
        if index == self.above.len() {
            self.above.push((step.clone(), live));
        }
    }

    /// Keeps the nodes although more is known by now: of what was made since.
    pub(super) fn keep(&mut self, changes: u64) {
        self.changes = changes;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{NoSchema, Overlay, Pattern, PatternStep, QName, Tree, xml};

    fn at(names: &[&str]) -> Pattern {
        Pattern { steps: names.iter().map(|local| PatternStep::new(QName::new("urn:x", local))).collect() }
    }

    fn edit(overlay: &mut Overlay) -> String {
        xml::write(&overlay.edit_config().unwrap().unwrap(), Tree::ROOT).unwrap()
    }

    #[test]
    fn what_was_undone_or_removed_is_made_again() {
        let mut overlay = Overlay::new(Arc::new(NoSchema));
        overlay.load(&Tree::new(), &[Pattern::default()]).unwrap();
        let mark = overlay.mark();
        overlay.set(&at(&["a", "b", "x"]), "1", &[]).unwrap();
        overlay.rollback(mark);
        assert!(overlay.edit_config().unwrap().is_none());
        overlay.set(&at(&["a", "b", "x"]), "1", &[]).unwrap();
        overlay.set(&at(&["a", "b", "y"]), "1", &[]).unwrap();
        assert_eq!(edit(&mut overlay), r#"<a xmlns="urn:x"><b><x>1</x><y>1</y></b></a>"#);
        overlay.remove(&at(&["a"])).unwrap();
        overlay.set(&at(&["a", "b", "z"]), "1", &[]).unwrap();
        assert_eq!(edit(&mut overlay), r#"<a xmlns="urn:x"><b><z>1</z></b></a>"#);
        overlay.create(&at(&["a", "b"])).unwrap();
        overlay.set(&at(&["a", "b", "c", "d"]), "1", &[]).unwrap();
        assert_eq!(edit(&mut overlay), r#"<a xmlns="urn:x"><b><z>1</z><c><d>1</d></c></b></a>"#);
    }
}
