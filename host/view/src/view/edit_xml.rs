//! Edits in the form of an edit-config fragment.

use std::sync::Arc;

use confine_nacm::AccessOperation;
use confine_tree::{
    BoundValue, NodeId, NodeKind, Pattern, PatternStep, QName, ResolveError, Tree,
    xml::{XmlLimits, XmlTreeReader},
};

use super::{View, check_length};
use crate::{CallRefusal, Error, ErrorTag, edit_check::OPERATION, patterns::child, refusal::refused};

const CREATOR: QName<'_> = QName::new("http://clicon.org/lib", "creator");

/// The deepest known YANG model nests 40 levels.
const LIMITS: XmlLimits =
    XmlLimits { depth: 128, nodes: 500_000, attributes: 64, namespace: 1 << 10, bindings: 16 << 20 };

/// The operation of an element.
enum ElementOperation {
    /// Merges the node with its children.
    Merge,
    Remove,
}

impl View {
    /// Applies an edit-config fragment, or nothing of it after an error.
    pub async fn edit_xml(&mut self, config: &str) -> Result<(), Error> {
        self.writable()?;
        // Parsing costs about as much as copying the text eight times.
        self.meter.charge_bytes(config.len().saturating_mul(8)).await?;
        let mut fragment = Tree::new();
        XmlTreeReader::new()
            .limits(LIMITS)
            .read(&mut fragment, Tree::ROOT, config)
            .map_err(|error| refused(error.into()))?;
        let mark = self.draft.mark();
        let result = self.merge_fragment(&fragment).await;
        match result {
            Ok(()) => self.draft.keep(mark),
            Err(_) => self.draft.rollback(mark),
        }
        result
    }

    async fn merge_fragment(&mut self, fragment: &Tree) -> Result<(), Error> {
        let tops: Vec<NodeId> = fragment.children(Tree::ROOT).collect();
        let root = Arc::new(Pattern::default());
        // An element and the path of its parent, which its siblings share.
        let mut walk: Vec<(NodeId, Arc<Pattern>)> =
            tops.into_iter().rev().map(|node| (node, root.clone())).collect();
        while let Some((node, above)) = walk.pop() {
            self.meter.charge(1 + above.steps.len() as u64).await?;
            self.charge_path(&above).await?;
            let merged = self.merge_element(fragment, node, &above, &mut walk).await;
            let written = || child(&above, PatternStep::new(fragment.qname(node))).to_string();
            merged.map_err(|error| error.at(&written()))?;
        }
        Ok(())
    }

    async fn merge_element(
        &mut self,
        fragment: &Tree,
        node: NodeId,
        above: &Pattern,
        walk: &mut Vec<(NodeId, Arc<Pattern>)>,
    ) -> Result<(), Error> {
        let name = fragment.qname(node);
        let bare = child(above, PatternStep::new(name));
        let operation = self.operation(fragment, node)?;
        if let (Some(parent), Some(key)) = (above.steps.last(), fragment.value(node))
            && *parent.namespace == *name.namespace
            && parent.key(name.local) == Some(key)
        {
            // The key was set with its list entry.
            if let ElementOperation::Merge = operation {
                return Ok(());
            }
        }
        let overlay = &self.draft.overlay;
        let spot = overlay.locate(&bare);
        overlay.check_model(&bare).map_err(refused)?;
        // What data has shown of a node must not matter where the module has no business.
        let may_see = bare.key_value().is_some() || self.scope.writes_at_or_below(&bare);
        if !overlay.schema_view().is_certain(spot) && !may_see {
            self.permit_scope(&bare, AccessOperation::Create)?;
        }
        let form = self.draft.overlay.schema_view().kind(spot);
        let is_leaf = fragment.first_child(node).is_none();
        let text = fragment.value(node).unwrap_or_default();
        let mut step = PatternStep::new(name);
        match &form {
            NodeKind::List { keys } => {
                // Each key is looked for among the children.
                let children = fragment.children(node).count() as u64;
                self.meter.charge(children.saturating_mul(keys.len() as u64)).await?;
                for key in keys.iter() {
                    let leaf = fragment.child(node, QName::new(name.namespace, key));
                    let value = leaf.map(|leaf| fragment.value(leaf).unwrap_or_default().to_owned());
                    let value = value.ok_or_else(|| {
                        let message = format!("`{bare}` lacks its key `{key}`");
                        CallRefusal::new(ErrorTag::MissingElement, message)
                    })?;
                    step.keys.push((key.clone(), Some(value)));
                }
            }
            NodeKind::LeafList => step.entry = Some(Some(text.to_owned())),
            NodeKind::Unknown { .. } if is_leaf && has_namesake(fragment, node) => {
                step.entry = Some(Some(text.to_owned()));
            }
            NodeKind::Unknown { .. } if !is_leaf => {
                let message = format!(
                    "whether `{bare}` is a list is not known: write a pattern that leads below it, with \
                     the keys of every list as in `list[key]`, into the module's description, or use `edit`"
                );
                return Err(CallRefusal::new(ErrorTag::MissingElement, message).into());
            }
            _ => {}
        }
        let located = self.draft.overlay.located(child(above, step));
        let pattern = located.pattern();
        check_length(pattern)?;
        match operation {
            ElementOperation::Remove => {
                // Nothing below it is looked at, except for the keys: an operation there would have no effect.
                for (below, _) in fragment.descendants(node) {
                    self.operation(fragment, below)?;
                }
                self.remove_resolved(pattern).await
            }
            ElementOperation::Merge if is_leaf => match form {
                NodeKind::Container if self.draft.overlay.schema_view().is_certain(spot) => Ok(()),
                NodeKind::Container | NodeKind::PresenceContainer | NodeKind::List { .. } => {
                    self.create_resolved(&located).await
                }
                NodeKind::Unknown { .. } | NodeKind::EmptyLeaf if fragment.value(node).is_none() => {
                    self.create_resolved(&located).await
                }
                _ => {
                    let value = self.bound_value(fragment, node, spot, pattern)?;
                    self.set_bound(&located, value).await
                }
            },
            ElementOperation::Merge => {
                if matches!(form, NodeKind::Leaf | NodeKind::EmptyLeaf | NodeKind::LeafList) {
                    let message = format!("`{pattern}` is a leaf and cannot have children");
                    return Err(CallRefusal::new(ErrorTag::InvalidValue, message).into());
                }
                let is_made = matches!(form, NodeKind::List { .. } | NodeKind::PresenceContainer);
                if is_made && !is_controllers(pattern) {
                    self.create_resolved(&located).await?;
                }
                let children: Vec<NodeId> = fragment.children(node).collect();
                let pattern = Arc::new(located.into_pattern());
                walk.extend(children.into_iter().rev().map(|node| (node, pattern.clone())));
                Ok(())
            }
        }
    }

    /// Returns the operation that the attributes of an element name. Attributes without effect are refused, so that
    /// no module relies on them.
    fn operation(&self, fragment: &Tree, node: NodeId) -> Result<ElementOperation, CallRefusal> {
        let mut operation = ElementOperation::Merge;
        for (name, value) in fragment.attributes(node) {
            match (name, value) {
                (OPERATION, "merge") => {}
                (OPERATION, "remove") => operation = ElementOperation::Remove,
                (OPERATION, other) => {
                    let reason = match other {
                        "replace" | "delete" | "create" => {
                            "it fails, or takes what others made, depending on what is there"
                        }
                        _ => "it is not one of RFC 6241",
                    };
                    return Err(CallRefusal::new(
                        ErrorTag::OperationNotSupported,
                        format!(
                            "`nc:operation=\"{}\"` is refused: {reason}; use `merge` or `remove`",
                            other.escape_debug()
                        ),
                    ));
                }
                (CREATOR, creator) => {
                    let own = self.instance.to_string();
                    if creator != own && creator.replace('"', "'") != own {
                        return Err(CallRefusal::new(
                            ErrorTag::AccessDenied,
                            format!(
                                "access denied: `cl:creator=\"{}\"` is not this instance, `{own}`; leave the \
                                 attribute out: Confine records what an instance creates",
                                creator.escape_debug()
                            ),
                        ));
                    }
                }
                (other, _) => {
                    return Err(CallRefusal::new(
                        ErrorTag::OperationNotSupported,
                        format!("the attribute `{}` is not known: `nc:operation` is", other.local),
                    ));
                }
            }
        }
        Ok(operation)
    }

    /// Returns the value of an element, with the prefixes that its namespace declarations bind.
    fn bound_value(
        &self,
        fragment: &Tree,
        node: NodeId,
        spot: confine_tree::SchemaLocation,
        pattern: &Pattern,
    ) -> Result<BoundValue, CallRefusal> {
        let value = fragment.value(node).unwrap_or_default();
        let bindings: Vec<(String, String)> =
            fragment.bindings(node).iter().map(|(p, n)| (p.to_string(), n.to_string())).collect();
        let Some(schema) = spot.schema() else { return Ok(BoundValue { value: value.into(), bindings }) };
        let namespace =
            |prefix: &str| bindings.iter().find(|(bound, _)| bound == prefix).map(|(_, ns)| ns.clone());
        let canonical = self.draft.overlay.schema_view().schema().canonical(schema, value, &namespace);
        let canonical = canonical.map_err(|reason| {
            refused(ResolveError::Value { path: pattern.to_string(), reason: reason.to_string() })
        })?;
        let value = if bindings.is_empty() { canonical } else { value.to_owned() };
        Ok(BoundValue { value, bindings })
    }
}

/// Returns whether an adjacent sibling has the same name.
fn has_namesake(fragment: &Tree, node: NodeId) -> bool {
    let same = |other: Option<NodeId>| other.is_some_and(|other| fragment.name(other) == fragment.name(node));
    same(fragment.next_sibling(node)) || same(fragment.previous_sibling(node))
}

/// Returns whether a node is defined by the controller, as a device and its `config` are: modules do not create
/// it.
fn is_controllers(pattern: &Pattern) -> bool {
    pattern.steps.iter().all(|step| &*step.namespace == confine_tree::CONTROLLER)
}
