//! XPath filters of `get` and `get-config` (RFC 6241, section 8.9): which part of a datastore is asked for.
//!
//! What people and programs filter with is understood: paths from the root and unions of them, `*` and `//`,
//! and predicates of paths, `=`, `!=`, `and`, `or`, `not()` and literals.

mod eval;
mod parse;

use crate::refusal::Refusal;
use std::collections::HashSet;

use confine_netconf::Bindings;
use confine_tree::{Error, Kind, NodeId, Schema, SchemaNode, Tree};

/// A filter that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    paths: Vec<parse::Path>,
}

impl Filter {
    /// Reads a filter; `bindings` are the prefixes in scope where it stands.
    ///
    /// # Errors
    /// What is no XPath, what is not understood, and a prefix that is not bound.
    pub(crate) fn parse(xpath: &str, bindings: &Bindings) -> Result<Self, Refusal> {
        let prefix = |prefix: &str| bindings.resolve(prefix).map(str::to_owned);
        Ok(Self { paths: parse::union(xpath, &prefix)? })
    }

    /// The nodes that the filter selects, each with all below it, and around them the nodes above with the
    /// keys of entries; all as a tree of its own.
    pub(crate) fn select(&self, tree: &Tree, schema: &dyn Schema) -> Result<Tree, Error> {
        let mut selected = HashSet::new();
        for path in &self.paths {
            selected.extend(eval::nodes(tree, path));
        }
        let mut around = HashSet::new();
        for &node in &selected {
            let mut above = tree.parent(node);
            while let Some(parent) = above.filter(|&parent| around.insert(parent)) {
                above = tree.parent(parent);
            }
        }
        let mut part = Tree::new();
        if selected.contains(&Tree::ROOT) {
            copy_below(tree, Tree::ROOT, &mut part, Tree::ROOT)?;
            return Ok(part);
        }
        let mut copying = Copying { tree, schema, selected, around, part };
        copying.children(Tree::ROOT, Tree::ROOT, schema.root())?;
        Ok(copying.part)
    }
}

struct Copying<'t> {
    tree: &'t Tree,
    schema: &'t dyn Schema,
    selected: HashSet<NodeId>,
    around: HashSet<NodeId>,
    part: Tree,
}

impl Copying<'_> {
    fn children(&mut self, from: NodeId, to: NodeId, at: Option<SchemaNode>) -> Result<(), Error> {
        let keys = at.filter(|&list| self.schema.kind(list) == Kind::List);
        let keys = keys.map(|list| self.schema.keys(list)).unwrap_or_default();
        for child in self.tree.children(from) {
            let name = self.tree.qname(child);
            let known = at.and_then(|at| self.schema.child(at, name));
            let is_key = known.is_some_and(|known| self.schema.kind(known) != Kind::List)
                && keys.iter().any(|key| **key == *name.local);
            if self.selected.contains(&child) || is_key {
                let copied = copy_node(self.tree, child, &mut self.part, to)?;
                copy_below(self.tree, child, &mut self.part, copied)?;
            } else if self.around.contains(&child) {
                let copied = copy_node(self.tree, child, &mut self.part, to)?;
                self.children(child, copied, known)?;
            }
        }
        Ok(())
    }
}

/// Copies a node without what is below it, as last child of `to`.
pub(crate) fn copy_node(from: &Tree, node: NodeId, tree: &mut Tree, to: NodeId) -> Result<NodeId, Error> {
    let name = tree.intern(from.qname(node));
    let copied = tree.append(to, name)?;
    if let Some(value) = from.value(node) {
        let bindings = from.bindings(node).iter();
        let bindings: Vec<_> = bindings.map(|(prefix, namespace)| (&**prefix, &**namespace)).collect();
        tree.set_value(copied, value, &bindings)?;
    }
    Ok(copied)
}

/// Copies all that is below a node to below another.
pub(crate) fn copy_below(from: &Tree, node: NodeId, tree: &mut Tree, to: NodeId) -> Result<(), Error> {
    // The copies of the nodes above the one that is looked at, by their depth.
    let mut above = vec![to];
    for (node, depth) in from.descendants(node).skip(1) {
        above.truncate(depth);
        let Some(&parent) = above.last() else { continue };
        above.push(copy_node(from, node, tree, parent)?);
    }
    Ok(())
}

/// Takes away what is deeper than `depth` levels below the root.
pub(crate) fn cut(tree: &mut Tree, depth: usize) {
    let deeper = tree.descendants(Tree::ROOT).filter(|&(_, at)| at == depth + 1);
    let deeper: Vec<NodeId> = deeper.map(|(node, _)| node).collect();
    for node in deeper {
        tree.detach(node);
    }
}

#[cfg(test)]
mod tests;
