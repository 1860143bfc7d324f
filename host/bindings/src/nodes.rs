//! The schema nodes that bindings are generated for.

use confine_yang::{BaseType, SchemaNodeKind, YangModule, YangNode, YangSchema};

/// How many member types a union may have, counting those of nested unions.
pub(crate) const MAX_UNION_MEMBERS: usize = 64;

/// Returns the topmost nodes of these modules: those with no ancestor from one of them.
pub(crate) fn find_roots<'a>(schema: &'a YangSchema, modules: &[String]) -> Vec<YangNode<'a>> {
    let mut roots = Vec::new();
    collect_roots(schema.root_node(), modules, &mut roots);
    roots
}

pub(crate) fn collect_roots<'a>(parent: YangNode<'a>, modules: &[String], roots: &mut Vec<YangNode<'a>>) {
    for child in parent.children().filter(|child| child.is_config() && is_container_or_list(*child)) {
        let is_selected =
            child.module().is_some_and(|module| modules.iter().any(|name| name == module.name()));
        if !is_selected {
            collect_roots(child, modules, roots);
        } else if is_bound(child) {
            roots.push(child);
        }
    }
}

pub(crate) fn is_container_or_list(node: YangNode<'_>) -> bool {
    matches!(node.kind(), SchemaNodeKind::Container | SchemaNodeKind::List)
}

pub(crate) fn is_leaf_or_leaf_list(node: YangNode<'_>) -> bool {
    matches!(node.kind(), SchemaNodeKind::Leaf | SchemaNodeKind::LeafList)
}

/// Returns the children that bindings are generated for.
pub(crate) fn bound_children(node: YangNode<'_>) -> impl Iterator<Item = YangNode<'_>> {
    node.children().filter(|child| is_bound(*child))
}

/// Whether bindings are generated for a node. The `created` list of a service instance is the host's to
/// write, so it has none.
fn is_bound(node: YangNode<'_>) -> bool {
    let is_in_instance = || {
        let services = node.parent().and_then(YangNode::parent);
        services.is_some_and(|services| services.path() == "/clixon-controller:services")
    };
    if node.name() == "created" && is_in_instance() {
        return false;
    }
    let has_supported_kind = match node.kind() {
        SchemaNodeKind::List => !node.keys().is_empty(),
        kind => matches!(kind, SchemaNodeKind::Container | SchemaNodeKind::Leaf | SchemaNodeKind::LeafList),
    };
    node.is_config() && has_supported_kind
}

/// Returns the modules of the identities that are values of a leaf.
pub(crate) fn identity_modules(leaf: YangNode<'_>) -> impl Iterator<Item = &YangModule> {
    identityrefs(leaf).flat_map(move |base| leaf.schema().identities(base)).map(|(module, _)| module)
}

/// Returns the identityref types of a leaf: its own, or those of its union's members.
pub(crate) fn identityrefs(leaf: YangNode<'_>) -> impl Iterator<Item = &BaseType> {
    let types = leaf.value_types(MAX_UNION_MEMBERS).0.into_iter().map(|(_, of)| of.base());
    types.filter(|base| matches!(base, BaseType::Identityref(_)))
}
