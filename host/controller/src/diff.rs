//! The difference of two trees, as text for people.

mod matching;
mod value;

use std::fmt::Write as _;

use confine_tree::{Error, NodeId, QName, SchemaNode, Tree, xml::XmlTreeWriter};

use self::{
    matching::{ChildPair, MatchedChild, match_children, same_subtree},
    value::same_value,
};
use crate::models::tree_model::{SiblingKeyError, TreeModel};

/// Blanks per level.
const INDENT: usize = 3;

/// Why a difference cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The keys of a list entry are unknown or missing.
    #[error(transparent)]
    Keys(#[from] SiblingKeyError),
    /// XML cannot carry a value.
    #[error(transparent)]
    Tree(#[from] Error),
}

/// Returns the differences below two nodes with the same schema node, as the controller shows them: one line
/// per element, with `-` if only `a` has it and `+` if only `b` has it, within their ancestors and the keys
/// of those. Empty if there is no difference.
///
/// # Errors
/// [`DiffError::Keys`] if a list with unknown keys differs; [`DiffError::Tree`] if XML cannot carry a value.
pub(crate) fn diff_text(
    a: (&Tree, NodeId),
    b: (&Tree, NodeId),
    model: &TreeModel<'_>,
    schema_node: Option<SchemaNode>,
) -> Result<String, DiffError> {
    let mut writer = DiffWriter { a: a.0, b: b.0, model, text: String::new(), ancestors: Vec::new() };
    writer.write_children(a.1, b.1, schema_node)?;
    Ok(writer.text)
}

/// A node that both trees have. It is written when the first difference below it is.
struct CommonAncestor {
    node: NodeId,
    schema_node: Option<SchemaNode>,
    is_written: bool,
}

struct DiffWriter<'a> {
    a: &'a Tree,
    b: &'a Tree,
    model: &'a TreeModel<'a>,
    text: String,
    ancestors: Vec<CommonAncestor>,
}

impl<'a> DiffWriter<'a> {
    fn write_children(
        &mut self,
        x: NodeId,
        y: NodeId,
        schema_node: Option<SchemaNode>,
    ) -> Result<(), DiffError> {
        let (a, b) = (self.a, self.b);
        for pair in match_children((a, x), (b, y), self.model, schema_node)? {
            match pair {
                ChildPair::OnlyA(child) | ChildPair::MovedFrom(child) => {
                    self.write_subtree('-', a, child.node)?
                }
                ChildPair::OnlyB(child) | ChildPair::MovedTo(child) => {
                    self.write_subtree('+', b, child.node)?
                }
                ChildPair::Both(x, y) => self.write_common(&x, &y)?,
            }
        }
        Ok(())
    }

    /// Writes the differences of a node that both trees have.
    fn write_common(&mut self, x: &MatchedChild<'_>, y: &MatchedChild<'_>) -> Result<(), DiffError> {
        let (a, b) = (self.a, self.b);
        if a.first_child(x.node).is_some() && b.first_child(y.node).is_some() {
            self.ancestors.push(CommonAncestor {
                node: y.node,
                schema_node: y.schema_node,
                is_written: false,
            });
            self.write_children(x.node, y.node, self.model.below(y.schema_node, &y.identity))?;
            if self.ancestors.pop().is_some_and(|ancestor| ancestor.is_written) {
                let blanks = INDENT * (self.ancestors.len() + 1);
                // Writing to a string cannot fail.
                let _ = writeln!(self.text, "{:blanks$}</{}>", "", b.qname(y.node).local);
            }
        } else if !same_value(a, x.node, b, y.node) || !same_subtree((a, x.node), (b, y.node)) {
            self.write_subtree('-', a, x.node)?;
            self.write_subtree('+', b, y.node)?;
        }
        Ok(())
    }

    /// Writes a node and everything below it, with a sign at the beginning of each line.
    fn write_subtree(&mut self, sign: char, tree: &Tree, node: NodeId) -> Result<(), DiffError> {
        self.write_ancestors()?;
        let namespace = self.ancestors.last().map(|ancestor| self.b.qname(ancestor.node).namespace);
        let scope = namespace.map(|namespace| ("", namespace));
        let text = XmlTreeWriter::new().indent(INDENT).scope(scope.as_slice()).write(tree, [node])?;
        let blanks = INDENT * (self.ancestors.len() + 1);
        for line in text.lines() {
            let _ = writeln!(self.text, "{sign}{:blanks$}{line}", "");
        }
        Ok(())
    }

    /// Writes the ancestors of a difference that are not written yet.
    fn write_ancestors(&mut self) -> Result<(), DiffError> {
        let tree = self.b;
        let mut outer = None;
        for (depth, ancestor) in self.ancestors.iter_mut().enumerate() {
            let QName { namespace, local } = tree.qname(ancestor.node);
            if !std::mem::replace(&mut ancestor.is_written, true) {
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
                for key in self.model.keys(ancestor.schema_node) {
                    let Some(key) = tree.child(ancestor.node, QName::new(namespace, key)) else { continue };
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
