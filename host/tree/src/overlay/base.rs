//! What the datastore has, whatever the edits are.

use super::Overlay;
use crate::{Error, NodeId, Tree};

impl Overlay {
    /// Returns what the datastore has of a node with everything below it, as far as it was read; none if its names and values
    /// have more than so many bytes.
    pub fn base_subtree(&mut self, node: NodeId, most: usize) -> Result<Option<Tree>, Error> {
        let mut copy = Tree::new();
        let mut bytes = 0;
        let mut walk = vec![(node, Tree::ROOT)];
        while let Some((node, parent)) = walk.pop() {
            self.steps.step()?;
            let text = self.base_text(node);
            bytes += self.tree.qname(node).local.len() + text.value.len();
            if bytes > most {
                return Ok(None);
            }
            let name = copy.intern(self.tree.qname(node));
            let element = copy.append(parent, name)?;
            if self.tree.first_child(node).is_none() {
                copy.set_value(element, text.value, &text.borrowed())?;
            }
            let below = self.base_children(node);
            self.steps.steps(below.len())?;
            walk.extend(below.into_iter().rev().map(|child| (child, element)));
        }
        Ok(Some(copy))
    }

    /// Returns the children of a node that the datastore has or that edits made, whether or not they exist now.
    pub fn known_children(&self, node: NodeId) -> Vec<NodeId> {
        self.tree.children(node).collect()
    }

    fn base_children(&self, node: NodeId) -> Vec<NodeId> {
        self.tree.children(node).filter(|&child| self.state(child).in_base).collect()
    }
}
