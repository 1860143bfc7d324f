//! Names of nodes, as a user writes them.

use confine_tree::{NodeKind, Overlay, Pattern, PatternStep, QName, Schema as _, SchemaNode};
use confine_yang::{MountedSchema, SchemaNodeKind, YangNode};

use crate::commands::nodes::path::DataPath;

/// A child in the model.
pub(super) struct ModelChild<'a> {
    pub(super) name: QName<'a>,
    /// The name, with a prefix where the name alone is ambiguous.
    pub(super) written: String,
    pub(super) node: YangNode<'a>,
}

/// The children of a node in its model, in the order of the model.
pub(super) fn children<'a>(target: &'a DataPath, pattern: &Pattern) -> Vec<ModelChild<'a>> {
    let Some(parent) = inside(&target.overlay, pattern) else { return Vec::new() };
    let models = &*target.models;
    let names = models.children(parent);
    let child = |&name: &QName<'a>| {
        let node = models.node(models.child(parent, name)?)?;
        let is_clear = names.iter().filter(|other| other.local == name.local).count() < 2;
        Some(ModelChild {
            name,
            written: if is_clear { name.local.to_owned() } else { prefixed(models, node) },
            node,
        })
    };
    names.iter().filter_map(child).collect()
}

/// The schema node whose children the children of a node are; for a list entry, that of this entry.
fn inside(overlay: &Overlay, pattern: &Pattern) -> Option<SchemaNode> {
    let spot = overlay.locate(pattern);
    let keys = pattern.steps.last().map(|step| step.keys.as_slice()).unwrap_or_default();
    let values: Option<Vec<&str>> = keys.iter().map(|(_, value)| value.as_deref()).collect();
    let values = values.filter(|values| !values.is_empty());
    values.map_or(spot, |values| overlay.schema_view().entry(spot, &values)).schema()
}

/// A name with the prefix of its module, or with the module's name where others have the same prefix.
fn prefixed(models: &MountedSchema, node: YangNode<'_>) -> String {
    let Some(module) = node.module() else { return node.name().to_owned() };
    let is_its_own = models.prefixed(module.prefix()).len() < 2;
    format!("{}:{}", if is_its_own { module.prefix() } else { module.name() }, node.name())
}

/// A step as a user writes it, with this name.
pub(super) fn step(written: &str, step: PatternStep) -> String {
    let name = step.local.len() + 1;
    let path = Pattern { steps: vec![step] }.to_string();
    format!("{written}{}", path.get(name..).unwrap_or_default())
}

/// The name of a list with its keys, as in `pair[a][b]`; other names unchanged.
pub(super) fn with_keys(child: &ModelChild<'_>) -> String {
    let keys: String = child.node.keys().iter().map(|key| format!("[{key}]")).collect();
    format!("{}{keys}", child.written)
}

pub(super) fn kind(node: YangNode<'_>) -> &'static str {
    match node.kind() {
        SchemaNodeKind::Container if node.presence().is_some() => "presence container",
        SchemaNodeKind::Container => "container",
        SchemaNodeKind::List => "list",
        SchemaNodeKind::Leaf => "leaf",
        SchemaNodeKind::LeafList => "leaf-list",
        SchemaNodeKind::AnyData | SchemaNodeKind::AnyXml => "data without a YANG model",
        _ => "",
    }
}

/// The kind of a node that is in no model.
pub(super) fn form(form: &NodeKind) -> &'static str {
    match form {
        NodeKind::Container => "container",
        NodeKind::PresenceContainer => "presence container",
        NodeKind::List { .. } => "list",
        NodeKind::Leaf | NodeKind::EmptyLeaf => "leaf",
        NodeKind::LeafList => "leaf-list",
        NodeKind::AnyData => "data without a YANG model",
        NodeKind::Unknown { .. } => "not in the model",
    }
}

/// The name of the type of a leaf, with its base type; empty for other nodes.
pub(super) fn type_of(node: YangNode<'_>) -> String {
    let Some(named) = node.leaf_type() else { return String::new() };
    let base = node.value_type().map_or(named.base().name(), |(_, of)| of.base().name());
    if named.name() == base { base.to_owned() } else { format!("{} ({base})", named.name()) }
}
