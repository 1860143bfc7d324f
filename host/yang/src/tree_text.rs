//! The tree of a module as text, for people (RFC 8340).

use std::fmt::Write as _;

use crate::{
    Base, Keyword, Node, NodeKind, Schema, Status,
    link::{Module, ModuleId},
};

impl Schema {
    /// The tree diagram of a module: its data nodes, what it adds to others, operations and notifications
    /// (RFC 8340). `None` where there is no such module.
    pub fn tree(&self, module: &str) -> Option<String> {
        let id = self.links.module_by_name(module)?;
        let mut diagram =
            Diagram { module: id, text: format!("module: {}\n", self.links.module(id)?.name()) };
        let own = |node: &Node<'_>| node.module_id() == id;
        let top: Vec<Node<'_>> = self.root_node().schema_children().filter(own).collect();
        let (operations, data): (Vec<_>, Vec<_>) =
            top.into_iter().partition(|node| matches!(node.kind(), NodeKind::Rpc | NodeKind::Notification));
        diagram.siblings(&data, "  ");
        self.augments(id, &mut diagram);
        let (rpcs, notifications): (Vec<_>, Vec<_>) =
            operations.into_iter().partition(|node| node.kind() == NodeKind::Rpc);
        diagram.section("rpcs", &rpcs);
        diagram.section("notifications", &notifications);
        Some(diagram.text)
    }

    /// What the module adds to others.
    fn augments(&self, module: ModuleId, diagram: &mut Diagram) {
        let mut is_first = true;
        for augment in &self.nodes.augments {
            let at = self.links.statement(self.files(), augment.at);
            let outermost = Node::new(self, augment.target).and_then(outermost);
            let (Some(at), Some(outermost)) = (at, outermost) else { continue };
            if self.links.module_of(augment.at.unit) != module || outermost.module_id() == module {
                continue;
            }
            let added = augment.from..augment.to;
            let children: Vec<Node<'_>> = self
                .nodes
                .schema_children(augment.target)
                .filter(|id| added.contains(id))
                .filter_map(|id| Node::new(self, id))
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
fn outermost(mut node: Node<'_>) -> Option<Node<'_>> {
    while let Some(parent) = node.schema_parent().filter(|parent| parent.kind() != NodeKind::Root) {
        node = parent;
    }
    (node.kind() != NodeKind::Root).then_some(node)
}

struct Diagram {
    module: ModuleId,
    text: String,
}

impl Diagram {
    fn section(&mut self, title: &str, nodes: &[Node<'_>]) {
        if !nodes.is_empty() {
            let _ = write!(self.text, "\n  {title}:\n");
            self.siblings(nodes, "    ");
        }
    }

    /// Nodes of one parent, with all that is in them. Recursion is as deep as the tree, which is limited.
    fn siblings(&mut self, nodes: &[Node<'_>], indent: &str) {
        let names: Vec<String> = nodes.iter().map(|node| self.name(*node)).collect();
        // Types stand in one column, right of the longest name and its mark.
        let aligned = nodes.iter().zip(&names).filter(|(node, _)| node.kind() != NodeKind::List);
        let column = aligned.map(|(_, name)| name.len()).max().unwrap_or(0) + 4;
        for (number, (node, name)) in nodes.iter().zip(&names).enumerate() {
            let _ = write!(self.text, "{indent}{}--", status(*node));
            match node.kind() {
                NodeKind::Case => {
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
    fn name(&self, node: Node<'_>) -> String {
        let name = match node.module().filter(|_| node.module_id() != self.module).map(Module::prefix) {
            Some(prefix) => format!("{prefix}:{}", node.name()),
            None => node.name().to_owned(),
        };
        if node.kind() == NodeKind::Choice { format!("({name})") } else { name }
    }
}

/// What is within a node: data nodes, then actions, then notifications. `input` and `output` of nothing are left out.
fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut children: Vec<Node<'_>> = node
        .schema_children()
        .filter(|child| {
            let is_part = matches!(child.kind(), NodeKind::Input | NodeKind::Output);
            !is_part || child.schema_children().next().is_some()
        })
        .collect();
    children.sort_by_key(|child| match child.kind() {
        NodeKind::Action => 1,
        NodeKind::Notification => 2,
        _ => 0,
    });
    children
}

fn status(node: Node<'_>) -> char {
    match node.status() {
        Status::Current => '+',
        Status::Deprecated => 'x',
        Status::Obsolete => 'o',
    }
}

fn flags(node: Node<'_>) -> &'static str {
    match node.kind() {
        NodeKind::Rpc | NodeKind::Action => "-x",
        NodeKind::Notification => "-n",
        NodeKind::Input => "-w",
        _ if node.is_config() => "rw",
        _ if node.is_in_input() => "-w",
        _ => "ro",
    }
}

fn mark(node: Node<'_>) -> String {
    match node.kind() {
        NodeKind::List => {
            let keys: Vec<&str> = node.keys().iter().map(|key| &**key).collect();
            if keys.is_empty() { "*".to_owned() } else { format!("* [{}]", keys.join(" ")) }
        }
        NodeKind::LeafList => "*".to_owned(),
        NodeKind::Container => if node.presence().is_some() { "!" } else { "" }.to_owned(),
        NodeKind::Leaf | NodeKind::Choice | NodeKind::AnyData | NodeKind::AnyXml if !node.is_mandatory() => {
            "?".to_owned()
        }
        _ => String::new(),
    }
}

/// What stands in the column of types.
fn type_text(node: Node<'_>) -> Option<String> {
    match node.kind() {
        NodeKind::Leaf | NodeKind::LeafList => Some(match node.leaf_type() {
            Some(of) if of.name() == "leafref" => match of.base() {
                Base::Leafref { path, .. } => format!("-> {path}"),
                _ => of.name().to_owned(),
            },
            Some(of) => of.name().to_owned(),
            None => node.text(Keyword::Type).unwrap_or_default().to_owned(),
        }),
        NodeKind::AnyData => Some("anydata".to_owned()),
        NodeKind::AnyXml => Some("anyxml".to_owned()),
        _ => None,
    }
}
