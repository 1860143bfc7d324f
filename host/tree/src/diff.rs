//! What is different between two trees: as an edit, and as text.

mod matching;
mod text;

use self::matching::{ChildPair, InsertAt, MatchedChild, pairs, same_subtree};
use crate::{
    DataNodeKind, Error, ModelPlace, NETCONF, NodeId, QName, SiblingKey, Tree, TreeModel, YANG,
    path::QuotedValue, same_value,
};

pub use text::diff_text;

/// The edit that makes `b` of `a` (RFC 6241, section 7.2), for [`Edit`](crate::Edit) and, as XML, for
/// `edit-config`: what is only in `a` is removed, what is only in `b` or has another value there is
/// merged. Entries that the user orders and that are new or stand elsewhere carry `insert` (RFC 7950,
/// section 7.8.6), as few as will do. Empty where there is no difference.
///
/// Only a node that has a value in one tree and children in the other is replaced.
///
/// # Errors
/// [`Error::Identity`] where a list differs whose keys are not known.
pub fn diff(a: &Tree, b: &Tree, model: &TreeModel<'_>) -> Result<Tree, Error> {
    let mut diffing = Diffing { a, b, model, edit: Tree::new(), above: Vec::new() };
    diffing.children(Tree::ROOT, Tree::ROOT, model.root())?;
    Ok(diffing.edit)
}

/// A node of `b` that is gone through. It is in the edit once something below it is.
struct Above {
    node: NodeId,
    place: ModelPlace,
    edit: Option<NodeId>,
}

struct Diffing<'a> {
    a: &'a Tree,
    b: &'a Tree,
    model: &'a TreeModel<'a>,
    edit: Tree,
    above: Vec<Above>,
}

impl<'a> Diffing<'a> {
    fn children(&mut self, x: NodeId, y: NodeId, place: ModelPlace) -> Result<(), Error> {
        let (a, b) = (self.a, self.b);
        let pairs = pairs((a, x), (b, y), self.model, place)?;
        for pair in &pairs {
            if let ChildPair::OnlyA(child) = pair {
                self.remove(child)?;
            }
        }
        for pair in pairs {
            match pair {
                ChildPair::OnlyA(_) | ChildPair::Moved(_) => {}
                ChildPair::OnlyB(child, insert) => self.add(&child, insert)?,
                ChildPair::Both(x, y, insert) => self.both(&x, &y, insert)?,
            }
        }
        Ok(())
    }

    fn remove(&mut self, child: &MatchedChild<'_>) -> Result<(), Error> {
        if self.is_nothing(self.a, child) {
            return Ok(());
        }
        let node = self.shell(self.a, child.node, child.place)?;
        self.edit.set_attribute(node, QName::new(NETCONF, "operation"), "remove");
        Ok(())
    }

    fn add(&mut self, child: &MatchedChild<'_>, insert: Option<InsertAt>) -> Result<(), Error> {
        if self.is_nothing(self.b, child) {
            return Ok(());
        }
        let parent = self.parent()?;
        let node = self.edit.append_copy(parent, self.b, child.node)?;
        self.insert(node, child.place, insert);
        Ok(())
    }

    /// Whether it makes no difference that the node is there (RFC 7950, section 7.5.1).
    fn is_nothing(&self, tree: &Tree, child: &MatchedChild<'_>) -> bool {
        self.model.kind(child.place) == Some(DataNodeKind::Container)
            && tree.first_child(child.node).is_none()
    }

    fn both(
        &mut self,
        x: &MatchedChild<'_>,
        y: &MatchedChild<'_>,
        insert: Option<InsertAt>,
    ) -> Result<(), Error> {
        let (a, b) = (self.a, self.b);
        let has_children = (a.first_child(x.node).is_some(), b.first_child(y.node).is_some());
        let has_value = |tree: &Tree, node| tree.value(node).is_some_and(|value| !value.is_empty());
        match has_children {
            (false, true) | (true, false) if has_value(a, x.node) || has_value(b, y.node) => {
                let parent = self.parent()?;
                let node = self.edit.append_copy(parent, b, y.node)?;
                self.edit.set_attribute(node, QName::new(NETCONF, "operation"), "replace");
            }
            _ if self.model.kind(y.place) == Some(DataNodeKind::AnyData) => {
                if !same_subtree((a, x.node), (b, y.node)) {
                    self.add(y, None)?;
                }
            }
            (false, false) => {
                if insert.is_some() || !same_value(a, x.node, b, y.node) {
                    self.add(y, insert)?;
                }
            }
            _ => {
                self.above.push(Above { node: y.node, place: y.place, edit: None });
                if insert.is_some() {
                    let node = self.parent()?;
                    self.insert(node, y.place, insert);
                }
                self.children(x.node, y.node, self.model.at(y.place, &y.identity))?;
                self.above.pop();
            }
        }
        Ok(())
    }

    /// The node of the edit that stands for the node which is gone through.
    fn parent(&mut self) -> Result<NodeId, Error> {
        let known = self.above.iter().rposition(|above| above.edit.is_some());
        let from = known.map_or(0, |position| position + 1);
        for position in from..self.above.len() {
            let Some(&Above { node, place, .. }) = self.above.get(position) else { break };
            let under = position.checked_sub(1).and_then(|above| self.above.get(above)?.edit);
            let made = self.shell_under(under.unwrap_or(Tree::ROOT), self.b, node, place)?;
            if let Some(above) = self.above.get_mut(position) {
                above.edit = Some(made);
            }
        }
        Ok(self.above.last().and_then(|above| above.edit).unwrap_or(Tree::ROOT))
    }

    /// A node of the edit with no more than what names it: its keys, or its value in a leaf-list.
    fn shell(&mut self, tree: &Tree, node: NodeId, place: ModelPlace) -> Result<NodeId, Error> {
        let parent = self.parent()?;
        self.shell_under(parent, tree, node, place)
    }

    fn shell_under(
        &mut self,
        parent: NodeId,
        tree: &Tree,
        node: NodeId,
        place: ModelPlace,
    ) -> Result<NodeId, Error> {
        let qname = tree.qname(node);
        let name = self.edit.intern(qname);
        let shell = self.edit.append(parent, name)?;
        match self.model.kind(place) {
            Some(DataNodeKind::LeafList) => self.edit.copy_content(shell, tree, node)?,
            _ => {
                for key in self.model.keys(place) {
                    if let Some(key) = tree.child(node, QName::new(qname.namespace, key)) {
                        self.edit.append_copy(shell, tree, key)?;
                    }
                }
            }
        }
        Ok(shell)
    }

    /// Says where an entry goes. A key gets no prefix, as none can be bound in an attribute's value: it
    /// is in the namespace of its list.
    fn insert(&mut self, node: NodeId, place: ModelPlace, insert: Option<InsertAt>) {
        let attribute = |local| QName::new(YANG, local);
        match insert {
            None => {}
            Some(InsertAt::First) => self.edit.set_attribute(node, attribute("insert"), "first"),
            Some(InsertAt::After(sibling)) => {
                self.edit.set_attribute(node, attribute("insert"), "after");
                match self.model.identify(place, self.b, sibling, || false) {
                    Ok(SiblingKey::Entry(values)) => {
                        let keys = self.model.keys(place).iter().zip(values);
                        let keys: String =
                            keys.map(|(key, value)| format!("[{key}={}]", QuotedValue(value))).collect();
                        self.edit.set_attribute(node, attribute("key"), &keys);
                    }
                    Ok(SiblingKey::Value(value)) => self.edit.set_attribute(node, attribute("value"), value),
                    // Only entries have an order.
                    Ok(SiblingKey::Alone) | Err(_) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
