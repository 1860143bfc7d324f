//! The nodes that bindings are generated for: all, or those at some paths.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use confine_tree::{SchemaNode, did_you_mean, nearest};
use confine_yang::{YangModule, YangNode, YangSchema};

use crate::nodes::{bound_children, collect_roots};

/// The nodes to generate bindings for. Models of devices are large: the bindings of all of IOS XE are 118 MB.
#[derive(Debug, Default)]
pub struct NodeSelection {
    /// The nodes that are generated with everything below them. None if that is all nodes.
    whole: Option<HashSet<SchemaNode>>,
    /// The nodes above those, each with the children that lead to them.
    above: HashMap<SchemaNode, HashSet<SchemaNode>>,
}

/// A path that leads to no node that bindings are generated for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionError {
    path: String,
    step: String,
    /// A suggestion; may be empty.
    hint: String,
}

impl fmt::Display for SelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, step, hint } = self;
        write!(f, "`{path}` leads to no configuration of the modules: there is no `{step}`{hint}")
    }
}

impl std::error::Error for SelectionError {}

impl NodeSelection {
    /// Selects the nodes at these paths with everything below them, the nodes on the way there, and their keys. Steps
    /// are `name`, or `module:name` with the name or the prefix of a module; predicates do not matter. A path begins at the
    /// root, at the topmost nodes of `modules`, or at `/devices/device/config`.
    ///
    /// # Errors
    /// Fails if a path leads nowhere.
    pub fn at_paths(
        schema: &YangSchema,
        modules: &[String],
        paths: &[String],
    ) -> Result<Self, SelectionError> {
        let mut found = Vec::new();
        for path in paths {
            found.extend(find(schema, modules, path)?);
        }
        // The shortest first: what is below one is selected with it.
        found.sort_by_key(|node| chain(*node).len());
        let (mut whole, mut above) = (HashSet::new(), HashMap::<_, HashSet<_>>::new());
        for node in found {
            let chain = chain(node);
            if chain.iter().any(|node| whole.contains(&node.id())) {
                continue;
            }
            whole.insert(node.id());
            for (child, parent) in chain.iter().zip(chain.iter().skip(1)) {
                above.entry(parent.id()).or_default().insert(child.id());
            }
        }
        Ok(Self { whole: Some(whole), above })
    }

    /// Returns whether a node is generated, or one below it.
    pub(crate) fn has(&self, node: YangNode<'_>) -> bool {
        let Some(whole) = &self.whole else { return true };
        self.above.contains_key(&node.id()) || chain(node).iter().any(|node| whole.contains(&node.id()))
    }

    /// Returns the children of a generated node that are generated. Those of a list have its keys.
    pub(crate) fn children<'a>(&self, node: YangNode<'a>) -> impl Iterator<Item = YangNode<'a>> {
        let selected = self.above.get(&node.id());
        bound_children(node)
            .filter(move |child| child.is_key() || selected.is_none_or(|nodes| nodes.contains(&child.id())))
    }
}

/// Returns a node and all nodes above it, up to the root.
fn chain(node: YangNode<'_>) -> Vec<YangNode<'_>> {
    std::iter::successors(Some(node), |node| node.parent()).collect()
}

/// Returns the nodes that a path leads to. Without a module, its first step may lead to several.
fn find<'a>(
    schema: &'a YangSchema,
    modules: &[String],
    path: &str,
) -> Result<Vec<YangNode<'a>>, SelectionError> {
    let mut roots = Vec::new();
    collect_roots(schema.root_node(), modules, &mut roots);
    let mut at: Vec<YangNode<'a>> = Vec::new();
    let plain = without_predicates(path);
    let plain = plain.trim_start_matches("/ctrl:devices/ctrl:device/ctrl:config");
    let plain = plain.trim_start_matches("/devices/device/config");
    for (number, step) in plain.split('/').filter(|step| !step.is_empty()).enumerate() {
        let (module, name) = step.split_once(':').map_or((None, step), |(module, name)| (Some(module), name));
        let candidates: Vec<YangNode<'a>> = if number == 0 {
            let top = bound_children(schema.root_node())
                .filter(|top| !roots.iter().any(|root| root.id() == top.id()));
            roots.iter().copied().chain(top).collect()
        } else {
            at.iter().flat_map(|node| bound_children(*node)).collect()
        };
        let is_in = |node: &YangNode<'_>| {
            let named = |of: &YangModule| module.is_none_or(|name| of.name() == name || of.prefix() == name);
            node.module().is_some_and(named)
        };
        at = candidates.iter().copied().filter(|node| node.name() == name && is_in(node)).collect();
        if at.is_empty() {
            let near = nearest(name, candidates.iter().map(|node| node.name()));
            return Err(SelectionError {
                path: path.to_owned(),
                step: step.to_owned(),
                hint: did_you_mean(&near),
            });
        }
    }
    if at.is_empty() {
        return Ok(roots);
    }
    Ok(at)
}

/// Returns a path without what selects entries.
fn without_predicates(path: &str) -> String {
    let (mut depth, mut quote) = (0_usize, None);
    let is_kept = |c: &char| {
        match (*c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('[', None) => depth += 1,
            (']', None) if depth > 0 => {
                depth -= 1;
                return false;
            }
            ('\'' | '"', None) if depth > 0 => quote = Some(*c),
            _ => {}
        }
        depth == 0
    };
    path.chars().filter(is_kept).collect()
}
