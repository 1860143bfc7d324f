//! What the datastore has, whatever the edits are.

use super::{NodeEdit, Overlay};
use crate::{BoundValue, Error, NodeId, Tree};

impl Overlay {
    /// Returns what the datastore has of a node with everything below it, as far as it was read; none if its names and values
    /// have more than so many bytes. `restored` returns the value of a node that counts as there with this value, whatever the
    /// datastore has; the inner option is none for a node without a value. What was [stripped](Self::strip)
    /// is left out.
    pub fn base_subtree(
        &mut self,
        node: NodeId,
        most: usize,
        restored: &dyn Fn(NodeId) -> Option<Option<BoundValue>>,
    ) -> Result<Option<Tree>, Error> {
        let mut copy = Tree::new();
        let mut bytes = 0;
        let mut walk = vec![(node, Tree::ROOT)];
        while let Some((node, parent)) = walk.pop() {
            self.steps.step()?;
            let base = self.base_text(node);
            let value = restored(node).flatten().unwrap_or_else(|| base.to_bound());
            bytes += self.tree.qname(node).local.len() + value.value.len();
            if bytes > most {
                return Ok(None);
            }
            let name = copy.intern(self.tree.qname(node));
            let element = copy.append(parent, name)?;
            if self.tree.first_child(node).is_none() {
                let bindings: Vec<(&str, &str)> =
                    value.bindings.iter().map(|(prefix, namespace)| (&**prefix, &**namespace)).collect();
                copy.set_value(element, &value.value, &bindings)?;
            }
            let all = self.known_children(node);
            self.steps.steps(all.len())?;
            let stood = |child: &NodeId| {
                (self.state(*child).in_base || restored(*child).is_some()) && !self.stripped.contains(child)
            };
            walk.extend(all.into_iter().rev().filter(stood).map(|child| (child, element)));
        }
        Ok(Some(copy))
    }

    /// Returns whether the last edit of the node itself has removed it, by other means than [`strip`](Self::strip).
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.state(node).edit == NodeEdit::Removed && !self.stripped.contains(&node)
    }

    /// Returns the children of a node that the datastore has or that edits made, whether or not they exist now.
    pub fn known_children(&self, node: NodeId) -> Vec<NodeId> {
        self.tree.children(node).collect()
    }
}
