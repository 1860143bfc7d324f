//! A difference as text for people.

mod matching;
mod value;

use std::fmt::Write as _;

use confine_tree::{Error, NodeId, QName, SchemaNode, Tree, xml::XmlTreeWriter};

use self::{
    matching::{ChildPair, MatchedChild, pairs, same_subtree},
    value::same_value,
};
use crate::tree_model::{SiblingKeyError, TreeModel};

/// Blanks for each level.
const INDENT: usize = 3;

/// Why a difference cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A list entry whose keys are not known, or not there.
    #[error(transparent)]
    Keys(#[from] SiblingKeyError),
    /// A node that XML cannot carry.
    #[error(transparent)]
    Tree(#[from] Error),
}

/// What is different below two nodes at the same place, as the controller shows it: a line for each
/// element, those that only `a` has after `-`, those that only `b` has after `+`, and around them what
/// they are in, with its keys. Empty where there is no difference.
///
/// # Errors
/// [`DiffError::Keys`] where a list differs whose keys are not known; [`DiffError::Tree`] for what XML
/// can't carry.
pub(crate) fn diff_text(
    a: (&Tree, NodeId),
    b: (&Tree, NodeId),
    model: &TreeModel<'_>,
    place: Option<SchemaNode>,
) -> Result<String, DiffError> {
    let mut showing = Showing { a: a.0, b: b.0, model, text: String::new(), above: Vec::new() };
    showing.children(a.1, b.1, place)?;
    Ok(showing.text)
}

/// A node that both have. It is in the text once a difference below it is.
struct Above {
    node: NodeId,
    place: Option<SchemaNode>,
    is_shown: bool,
}

struct Showing<'a> {
    a: &'a Tree,
    b: &'a Tree,
    model: &'a TreeModel<'a>,
    text: String,
    above: Vec<Above>,
}

impl<'a> Showing<'a> {
    fn children(&mut self, x: NodeId, y: NodeId, place: Option<SchemaNode>) -> Result<(), DiffError> {
        let (a, b) = (self.a, self.b);
        for pair in pairs((a, x), (b, y), self.model, place)? {
            match pair {
                ChildPair::OnlyA(child) | ChildPair::MovedFrom(child) => self.lines('-', a, child.node)?,
                ChildPair::OnlyB(child) | ChildPair::MovedTo(child) => self.lines('+', b, child.node)?,
                ChildPair::Both(x, y) => self.both(&x, &y)?,
            }
        }
        Ok(())
    }

    fn both(&mut self, x: &MatchedChild<'_>, y: &MatchedChild<'_>) -> Result<(), DiffError> {
        let (a, b) = (self.a, self.b);
        if a.first_child(x.node).is_some() && b.first_child(y.node).is_some() {
            self.above.push(Above { node: y.node, place: y.place, is_shown: false });
            self.children(x.node, y.node, self.model.at(y.place, &y.identity))?;
            if self.above.pop().is_some_and(|above| above.is_shown) {
                let blanks = INDENT * (self.above.len() + 1);
                // Writing to a string does not fail.
                let _ = writeln!(self.text, "{:blanks$}</{}>", "", b.qname(y.node).local);
            }
        } else if !same_value(a, x.node, b, y.node) || !same_subtree((a, x.node), (b, y.node)) {
            self.lines('-', a, x.node)?;
            self.lines('+', b, y.node)?;
        }
        Ok(())
    }

    /// A node with all below it, each line after a sign.
    fn lines(&mut self, sign: char, tree: &Tree, node: NodeId) -> Result<(), DiffError> {
        self.context()?;
        let namespace = self.above.last().map(|above| self.b.qname(above.node).namespace);
        let scope = namespace.map(|namespace| ("", namespace));
        let text = XmlTreeWriter::new().indent(INDENT).scope(scope.as_slice()).write(tree, [node])?;
        let blanks = INDENT * (self.above.len() + 1);
        for line in text.lines() {
            let _ = writeln!(self.text, "{sign}{:blanks$}{line}", "");
        }
        Ok(())
    }

    /// What the difference is in, unless it has been shown.
    fn context(&mut self) -> Result<(), DiffError> {
        let tree = self.b;
        let mut outer = None;
        for (depth, above) in self.above.iter_mut().enumerate() {
            let QName { namespace, local } = tree.qname(above.node);
            if !std::mem::replace(&mut above.is_shown, true) {
                let blanks = INDENT * (depth + 1);
                let _ = write!(self.text, "{:blanks$}<{local}", "");
                if outer != Some(namespace) {
                    let _ = write!(
                        self.text,
                        " xmlns=\"{}\"",
                        namespace.replace('&', "&amp;").replace('"', "&quot;")
                    );
                }
                self.text.push_str(">\n");
                for key in self.model.keys(above.place) {
                    let Some(key) = tree.child(above.node, QName::new(namespace, key)) else { continue };
                    let key = XmlTreeWriter::new().scope(&[("", namespace)]).write(tree, [key])?;
                    let blanks = blanks + INDENT;
                    let _ = writeln!(self.text, "{:blanks$}{key}", "");
                }
            }
            outer = Some(namespace);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
