//! [`confine_tree::Schema`] for compiled modules.

use std::sync::Arc;

use confine_tree::{
    BoundValue, ChoiceCase, DataNodeKind, DefaultDeny, LexicalForms, QName, SchemaNode, ValueError,
};

use crate::{
    YangModule, YangNode, YangSchema,
    node_arena::{NodeFlags, SchemaNodeId, SchemaNodeKind},
    types::BaseType,
};

impl YangSchema {
    fn qname(&self, node: SchemaNodeId) -> Option<QName<'_>> {
        let node = self.nodes.get(node)?;
        Some(QName::new(self.links.module(node.module)?.namespace(), self.nodes.names.text(node.name)))
    }
}

impl confine_tree::Schema for YangSchema {
    fn root(&self) -> Option<SchemaNode> {
        Some(SchemaNode(SchemaNodeId::ROOT.0))
    }

    fn child(&self, parent: SchemaNode, name: QName<'_>) -> Option<SchemaNode> {
        let number = self.nodes.names.number(name.local)?;
        let module = self.links.module_by_namespace(name.namespace)?;
        self.nodes.data_child(SchemaNodeId(parent.0), number, Some(module)).map(|node| SchemaNode(node.0))
    }

    fn children(&self, parent: SchemaNode) -> Vec<QName<'_>> {
        let children = self.nodes.data_children(SchemaNodeId(parent.0)).iter();
        children.filter_map(|&child| self.qname(child)).collect()
    }

    fn children_named(&self, parent: SchemaNode, local: &str) -> Vec<QName<'_>> {
        let number = self.nodes.names.number(local).into_iter();
        let children = number.flat_map(|name| self.nodes.data_children_named(SchemaNodeId(parent.0), name));
        children.filter_map(|child| self.qname(child)).collect()
    }

    fn is_complete(&self, parent: SchemaNode) -> bool {
        self.knows_all_children(SchemaNodeId(parent.0)) && self.node(parent).is_some_and(YangNode::is_closed)
    }

    fn excludes(&self, parent: SchemaNode, name: QName<'_>) -> bool {
        self.child(parent, name).is_none()
            && self.knows_children(SchemaNodeId(parent.0), name.namespace)
            && self.node(parent).is_some_and(YangNode::is_closed)
    }

    fn module(&self, namespace: &str) -> Option<&str> {
        self.links.module(self.links.module_by_namespace(namespace)?).map(YangModule::name)
    }

    fn prefixed(&self, prefix: &str) -> Vec<&str> {
        let modules = self.modules().iter().filter(|module| module.prefix() == prefix);
        let mut namespaces: Vec<&str> = modules.map(YangModule::namespace).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces
    }

    fn default_deny(&self, node: SchemaNode) -> Option<DefaultDeny> {
        let node = self.nodes.get(SchemaNodeId(node.0))?;
        if node.has(NodeFlags::DENY_ALL) {
            Some(DefaultDeny::All)
        } else {
            node.has(NodeFlags::DENY_WRITE).then_some(DefaultDeny::Write)
        }
    }

    fn has_default_denies(&self) -> bool {
        self.nodes.has_default_denies
    }

    fn kind(&self, node: SchemaNode) -> DataNodeKind {
        let Some(node) = self.nodes.get(SchemaNodeId(node.0)) else { return DataNodeKind::AnyData };
        match node.kind {
            SchemaNodeKind::AnyData | SchemaNodeKind::AnyXml => DataNodeKind::AnyData,
            SchemaNodeKind::List => DataNodeKind::List,
            SchemaNodeKind::LeafList => DataNodeKind::LeafList,
            SchemaNodeKind::Leaf => match self.nodes.types.get(node.type_number as usize).map(|of| of.base())
            {
                Some(BaseType::Empty) => DataNodeKind::EmptyLeaf,
                _ => DataNodeKind::Leaf,
            },
            _ if node.has(NodeFlags::PRESENCE) => DataNodeKind::PresenceContainer,
            _ => DataNodeKind::Container,
        }
    }

    fn keys(&self, node: SchemaNode) -> &[Box<str>] {
        self.node(node).map(YangNode::keys).unwrap_or_default()
    }

    fn shared_keys(&self, node: SchemaNode) -> Arc<[Box<str>]> {
        self.node(node).map(YangNode::shared_keys).unwrap_or_default()
    }

    fn ordered_by_user(&self, node: SchemaNode) -> bool {
        self.nodes.get(SchemaNodeId(node.0)).is_some_and(|node| node.has(NodeFlags::USER_ORDERED))
    }

    fn position(&self, node: SchemaNode) -> u32 {
        self.nodes.get(SchemaNodeId(node.0)).map_or(0, |node| node.position)
    }

    fn canonical(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueError> {
        let Some(node) = self.node(node) else { return Ok(value.to_owned()) };
        node.canonical(value, namespace).map_err(|wrong| ValueError(wrong.to_string()))
    }

    fn normal(
        &self,
        node: SchemaNode,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Option<BoundValue> {
        self.node(node)?.normal(value, namespace)
    }

    fn cases(&self, node: SchemaNode) -> Vec<ChoiceCase> {
        self.node(node).map(YangNode::cases).unwrap_or_default()
    }

    fn defaults(&self, node: SchemaNode) -> Vec<BoundValue> {
        self.node(node).map(YangNode::normal_defaults).unwrap_or_default()
    }

    fn lexical_forms(&self, node: SchemaNode) -> LexicalForms {
        self.node(node).map_or(LexicalForms::One, YangNode::lexical_forms)
    }
}
