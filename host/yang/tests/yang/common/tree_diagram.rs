//! The tree diagram of a module (RFC 8340), for snapshots and for the comparison with `yanglint`.

use std::{collections::BTreeSet, fmt::Write as _, ptr};

use confine_yang::{BaseType, DefinitionStatus, SchemaNodeKind, YangModule, YangNode, YangSchema};

/// Returns the tree diagram of a module: its data nodes, the nodes it adds to other modules, its operations
/// and its notifications.
pub(crate) fn tree_diagram(schema: &YangSchema, module: &str) -> String {
    let module = schema.module_by_name(module).unwrap();
    let mut diagram = TreeDiagram { module, text: format!("module: {}\n", module.name()) };
    let own = |node: &YangNode<'_>| is_of(*node, module);
    let top: Vec<YangNode<'_>> = schema.root_node().schema_children().filter(own).collect();
    let (operations, data): (Vec<_>, Vec<_>) = top
        .into_iter()
        .partition(|node| matches!(node.kind(), SchemaNodeKind::Rpc | SchemaNodeKind::Notification));
    diagram.siblings(&data, "  ");
    diagram.augments(schema);
    let (rpcs, notifications): (Vec<_>, Vec<_>) =
        operations.into_iter().partition(|node| node.kind() == SchemaNodeKind::Rpc);
    diagram.section("rpcs", &rpcs);
    diagram.section("notifications", &notifications);
    diagram.text
}

/// Returns the names of the modules whose trees a module adds nodes to.
pub(crate) fn augmented_modules<'a>(schema: &'a YangSchema, module: &str) -> BTreeSet<&'a str> {
    let module = schema.module_by_name(module).unwrap();
    let targets = augment_targets(schema, module);
    targets.into_iter().filter_map(|target| Some(outermost(target).module()?.name())).collect()
}

/// Returns whether a node is in the `input` of an operation.
pub(crate) fn is_in_input(node: YangNode<'_>) -> bool {
    around(node).any(|outer| outer.kind() == SchemaNodeKind::Input)
}

/// Returns the schema nodes around a node, innermost first.
fn around(node: YangNode<'_>) -> impl Iterator<Item = YangNode<'_>> {
    std::iter::successors(node.schema_parent(), |outer| outer.schema_parent())
}

/// Returns the top-level node that a node is in or is.
fn outermost(node: YangNode<'_>) -> YangNode<'_> {
    around(node).filter(|outer| outer.kind() != SchemaNodeKind::Root).last().unwrap_or(node)
}

fn is_of(node: YangNode<'_>, module: &YangModule) -> bool {
    node.module().is_some_and(|found| ptr::eq(found, module))
}

/// Returns the nodes in the trees of other modules that have children of this one.
fn augment_targets<'a>(schema: &'a YangSchema, module: &YangModule) -> Vec<YangNode<'a>> {
    let mut targets = Vec::new();
    let mut open: Vec<YangNode<'_>> = schema.root_node().schema_children().collect();
    open.reverse();
    while let Some(node) = open.pop() {
        if is_of(node, module) {
            continue;
        }
        let children: Vec<YangNode<'_>> = node.schema_children().collect();
        if children.iter().any(|child| is_of(*child, module)) {
            targets.push(node);
        }
        open.extend(children.into_iter().rev());
    }
    targets
}

struct TreeDiagram<'a> {
    module: &'a YangModule,
    text: String,
}

impl TreeDiagram<'_> {
    /// Writes the nodes that the module adds to others, by the node they are added to.
    fn augments(&mut self, schema: &YangSchema) {
        for (number, target) in augment_targets(schema, self.module).into_iter().enumerate() {
            if number == 0 {
                self.text.push('\n');
            }
            let mut steps: Vec<String> = [target].into_iter().chain(around(target)).map(step).collect();
            steps.reverse();
            let _ = writeln!(self.text, "  augment {}:", steps.concat());
            let own = target.schema_children().filter(|child| is_of(*child, self.module));
            self.siblings(&own.collect::<Vec<_>>(), "    ");
        }
    }

    fn section(&mut self, title: &str, nodes: &[YangNode<'_>]) {
        if !nodes.is_empty() {
            let _ = write!(self.text, "\n  {title}:\n");
            self.siblings(nodes, "    ");
        }
    }

    /// Writes the nodes of one parent, with all that is in them.
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

    /// Returns the node's name, with the prefix of its module if that is not the module of the diagram.
    fn name(&self, node: YangNode<'_>) -> String {
        let name = match node.module().filter(|_| !is_of(node, self.module)).map(YangModule::prefix) {
            Some(prefix) => format!("{prefix}:{}", node.name()),
            None => node.name().to_owned(),
        };
        if node.kind() == SchemaNodeKind::Choice { format!("({name})") } else { name }
    }
}

/// Returns one step of the path of an augment; nothing for the root.
fn step(node: YangNode<'_>) -> String {
    node.module().map(|module| format!("/{}:{}", module.prefix(), node.name())).unwrap_or_default()
}

/// Returns the data nodes in a node, then its actions, then its notifications. An empty `input` or `output`
/// is left out.
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
        _ if is_in_input(node) => "-w",
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

/// Returns the text in the column of types.
fn type_text(node: YangNode<'_>) -> Option<String> {
    match node.kind() {
        SchemaNodeKind::Leaf | SchemaNodeKind::LeafList => Some(match node.leaf_type() {
            Some(of) if of.name() == "leafref" => match of.base() {
                BaseType::Leafref { path, .. } => format!("-> {path}"),
                _ => of.name().to_owned(),
            },
            Some(of) => of.name().to_owned(),
            None => "(unresolved)".to_owned(),
        }),
        SchemaNodeKind::AnyData => Some("anydata".to_owned()),
        SchemaNodeKind::AnyXml => Some("anyxml".to_owned()),
        _ => None,
    }
}
