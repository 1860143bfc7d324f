//! The tree of a module as text, for people (RFC 8340).

use std::fmt::Write as _;

use crate::{
    BaseType, DefinitionStatus, Keyword, SchemaNodeKind, YangNode, YangSchema,
    link::{ModuleId, YangModule},
};

impl YangSchema {
    /// The tree diagram of a module: its data nodes, what it adds to others, operations and notifications
    /// (RFC 8340). `None` where there is no such module.
    pub fn tree(&self, module: &str) -> Option<String> {
        let id = self.links.module_by_name(module)?;
        let mut diagram =
            Diagram { module: id, text: format!("module: {}\n", self.links.module(id)?.name()) };
        let own = |node: &YangNode<'_>| node.module_id() == id;
        let top: Vec<YangNode<'_>> = self.root_node().schema_children().filter(own).collect();
        let (operations, data): (Vec<_>, Vec<_>) = top
            .into_iter()
            .partition(|node| matches!(node.kind(), SchemaNodeKind::Rpc | SchemaNodeKind::Notification));
        diagram.siblings(&data, "  ");
        self.augments(id, &mut diagram);
        let (rpcs, notifications): (Vec<_>, Vec<_>) =
            operations.into_iter().partition(|node| node.kind() == SchemaNodeKind::Rpc);
        diagram.section("rpcs", &rpcs);
        diagram.section("notifications", &notifications);
        Some(diagram.text)
    }

    /// What the module adds to others.
    fn augments(&self, module: ModuleId, diagram: &mut Diagram) {
        let mut is_first = true;
        for augment in &self.nodes.augments {
            let at = self.links.statement(self.files(), augment.at);
            let outermost = YangNode::new(self, augment.target).and_then(outermost);
            let (Some(at), Some(outermost)) = (at, outermost) else { continue };
            if self.links.module_of(augment.at.unit) != module || outermost.module_id() == module {
                continue;
            }
            let added = augment.from..augment.to;
            let children: Vec<YangNode<'_>> = self
                .nodes
                .schema_children(augment.target)
                .filter(|id| added.contains(id))
                .filter_map(|id| YangNode::new(self, id))
                .collect();
            if std::mem::take(&mut is_first) {
                diagram.text.push('\n');
            }
            let _ = writeln!(diagram.text, "  augment {}:", at.argument());
            diagram.siblings(&children, "    ");
        }
    }
}

/// The node around all others around a node, below the root.
fn outermost(mut node: YangNode<'_>) -> Option<YangNode<'_>> {
    while let Some(parent) = node.schema_parent().filter(|parent| parent.kind() != SchemaNodeKind::Root) {
        node = parent;
    }
    (node.kind() != SchemaNodeKind::Root).then_some(node)
}

struct Diagram {
    module: ModuleId,
    text: String,
}

impl Diagram {
    fn section(&mut self, title: &str, nodes: &[YangNode<'_>]) {
        if !nodes.is_empty() {
            let _ = write!(self.text, "\n  {title}:\n");
            self.siblings(nodes, "    ");
        }
    }

    /// Nodes of one parent, with all that is in them. Recursion is as deep as the tree, which is limited.
    fn siblings(&mut self, nodes: &[YangNode<'_>], indent: &str) {
        let names: Vec<String> = nodes.iter().map(|node| self.name(*node)).collect();
        // Types stand in one column, right of the longest name and its mark.
        let aligned = nodes.iter().zip(&names).filter(|(node, _)| node.kind() != SchemaNodeKind::List);
        let column = aligned.map(|(_, name)| name.len()).max().unwrap_or(0) + 4;
        for (number, (node, name)) in nodes.iter().zip(&names).enumerate() {
            let _ = write!(self.text, "{indent}{}--", status(*node));
            match node.kind() {
                SchemaNodeKind::Case => {
                    let _ = write!(self.text, ":({name})");
                }
                _ => {
                    let text = format!("{name}{}", mark(*node));
                    let _ = write!(self.text, "{} {text}", flags(*node));
                    if let Some(of) = type_text(*node) {
                        let _ = write!(self.text, "{:1$}{of}", "", column - text.len());
                    }
                }
            }
            let features: Vec<&str> = node.if_features().collect();
            if !features.is_empty() {
                let _ = write!(self.text, " {{{}}}?", features.join(","));
            }
            self.text.push('\n');
            let inner = format!("{indent}{}", if number + 1 < nodes.len() { "|  " } else { "   " });
            self.siblings(&children(*node), &inner);
        }
    }

    /// The name, with the prefix of its module where that is not the one of the diagram.
    fn name(&self, node: YangNode<'_>) -> String {
        let name = match node.module().filter(|_| node.module_id() != self.module).map(YangModule::prefix) {
            Some(prefix) => format!("{prefix}:{}", node.name()),
            None => node.name().to_owned(),
        };
        if node.kind() == SchemaNodeKind::Choice { format!("({name})") } else { name }
    }
}

/// What is within a node: data nodes, then actions, then notifications. `input` and `output` of nothing are left out.
fn children(node: YangNode<'_>) -> Vec<YangNode<'_>> {
    let mut children: Vec<YangNode<'_>> = node
        .schema_children()
        .filter(|child| {
            let is_part = matches!(child.kind(), SchemaNodeKind::Input | SchemaNodeKind::Output);
            !is_part || child.schema_children().next().is_some()
        })
        .collect();
    children.sort_by_key(|child| match child.kind() {
        SchemaNodeKind::Action => 1,
        SchemaNodeKind::Notification => 2,
        _ => 0,
    });
    children
}

fn status(node: YangNode<'_>) -> char {
    match node.status() {
        DefinitionStatus::Current => '+',
        DefinitionStatus::Deprecated => 'x',
        DefinitionStatus::Obsolete => 'o',
    }
}

fn flags(node: YangNode<'_>) -> &'static str {
    match node.kind() {
        SchemaNodeKind::Rpc | SchemaNodeKind::Action => "-x",
        SchemaNodeKind::Notification => "-n",
        SchemaNodeKind::Input => "-w",
        _ if node.is_config() => "rw",
        _ if node.is_in_input() => "-w",
        _ => "ro",
    }
}

fn mark(node: YangNode<'_>) -> String {
    match node.kind() {
        SchemaNodeKind::List => {
            let keys: Vec<&str> = node.keys().iter().map(|key| &**key).collect();
            if keys.is_empty() { "*".to_owned() } else { format!("* [{}]", keys.join(" ")) }
        }
        SchemaNodeKind::LeafList => "*".to_owned(),
        SchemaNodeKind::Container => if node.presence().is_some() { "!" } else { "" }.to_owned(),
        SchemaNodeKind::Leaf | SchemaNodeKind::Choice | SchemaNodeKind::AnyData | SchemaNodeKind::AnyXml
            if !node.is_mandatory() =>
        {
            "?".to_owned()
        }
        _ => String::new(),
    }
}

/// What stands in the column of types.
fn type_text(node: YangNode<'_>) -> Option<String> {
    match node.kind() {
        SchemaNodeKind::Leaf | SchemaNodeKind::LeafList => Some(match node.leaf_type() {
            Some(of) if of.name() == "leafref" => match of.base() {
                BaseType::Leafref { path, .. } => format!("-> {path}"),
                _ => of.name().to_owned(),
            },
            Some(of) => of.name().to_owned(),
            None => node.text(Keyword::Type).unwrap_or_default().to_owned(),
        }),
        SchemaNodeKind::AnyData => Some("anydata".to_owned()),
        SchemaNodeKind::AnyXml => Some("anyxml".to_owned()),
        _ => None,
    }
}
