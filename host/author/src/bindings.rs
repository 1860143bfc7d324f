//! Rust for authors, written from YANG: a type for each container and list, with functions that take and
//! give values of the right type.
//!
//! What is written stands on `confine_sdk` and does nothing that a path and `View::set` would not do: it
//! only leaves less to get wrong. Nodes that are state, `anydata` and what has no keys are left out. Values
//! of types that Rust has no like of, and of unions whose members cannot be told apart, are text, which the
//! host checks.

mod identities;
mod names;
mod prefixes;
#[cfg(test)]
mod tests;
mod values;
mod writer;

use std::fmt::Write as _;

use confine_yang::{BaseType, SchemaNodeKind, YangModule, YangNode, YangSchema};

use self::{
    identities::IdentitySets,
    names::{ChildNames, lower, reserved},
    prefixes::ModulePrefixes,
    values::{RustType, is_leaf},
    writer::CodeWriter,
};

/// Rust for the configuration that these modules define. `modules` are names.
///
/// Each top node of theirs, or one that they add to another module's, begins a type of its own.
pub fn bindings(schema: &YangSchema, modules: &[String]) -> String {
    let mut roots = Vec::new();
    find_roots(schema.root_node(), modules, &mut roots);
    let mut writer = CodeWriter::default();
    let all = modules.iter().filter_map(|name| schema.module_by_name(name));
    let revision =
        |module: &YangModule| module.revision().map(|revision| format!("@{revision}")).unwrap_or_default();
    let named: Vec<String> =
        all.clone().map(|module| format!("`{}{}`", module.name(), revision(module))).collect();
    writer.line(&format!("//! Written by `confine bindings` from {}: do not edit.", named.join(", ")));
    writer.line("");
    writer.line("#![allow(clippy::all, dead_code, unreachable_pub, unused_imports)]");
    writer.line("");
    writer.line("use ::confine_sdk as sdk;");
    writer.line("");
    let prefixes = ModulePrefixes::of(&roots);
    prefixes.write(&mut writer);
    let identities = IdentitySets::of(&roots, &prefixes);
    let (top, common) = (ChildNames::of_roots(&roots), BindingsContext { identities, prefixes });
    for &root in &roots {
        structure(&mut writer, root, &top, &common, true);
    }
    common.identities.write(&mut writer);
    writer.text()
}

/// What the whole file has in common.
struct BindingsContext {
    identities: IdentitySets,
    prefixes: ModulePrefixes,
}

/// The nodes of these modules that stand right below none of theirs.
fn find_roots<'a>(above: YangNode<'a>, modules: &[String], found: &mut Vec<YangNode<'a>>) {
    for child in above.children().filter(|child| child.is_config() && is_inner(*child)) {
        let is_ours = child.module().is_some_and(|module| modules.iter().any(|name| name == module.name()));
        if !is_ours {
            find_roots(child, modules, found);
        } else if is_bound(child) {
            found.push(child);
        }
    }
}

fn is_inner(node: YangNode<'_>) -> bool {
    matches!(node.kind(), SchemaNodeKind::Container | SchemaNodeKind::List)
}

/// Whether something is written for a node. What the instance of a service has created the host writes.
fn is_bound(node: YangNode<'_>) -> bool {
    let is_in_instance = || {
        let services = node.parent().and_then(YangNode::parent);
        services.is_some_and(|services| services.path() == "/clixon-controller:services")
    };
    if node.name() == "created" && is_in_instance() {
        return false;
    }
    let is_of_kind = match node.kind() {
        SchemaNodeKind::List => !node.keys().is_empty(),
        kind => matches!(kind, SchemaNodeKind::Container | SchemaNodeKind::Leaf | SchemaNodeKind::LeafList),
    };
    node.is_config() && is_of_kind
}

/// The children that something is written for.
fn children(node: YangNode<'_>) -> impl Iterator<Item = YangNode<'_>> {
    node.children().filter(|child| is_bound(*child))
}

/// The name of a node as a path has it: with a prefix where its module is another one than its parent's.
fn step(node: YangNode<'_>, common: &BindingsContext, is_root: bool) -> String {
    let around = node.parent().and_then(YangNode::module).map(YangModule::name);
    match node.module() {
        Some(own) if is_root || around != Some(own.name()) => {
            format!("{}:{}", common.prefixes.of_module(own), node.name())
        }
        _ => node.name().to_owned(),
    }
}

/// The type of a container or a list, and the module with what is within.
fn structure(
    writer: &mut CodeWriter,
    node: YangNode<'_>,
    around: &ChildNames,
    common: &BindingsContext,
    is_root: bool,
) {
    let (name, module) = around.names_of(node);
    let inner = ChildNames::of(node);
    let what = if node.kind() == SchemaNodeKind::List { "An entry of the list" } else { "The container" };
    writer.line("");
    writer.line(&format!("/// {what} `{}`.", node.path()));
    writer.line("#[derive(Clone, Debug)]");
    writer.line(&format!("pub struct {name}(sdk::View);"));
    writer.line("");
    writer.open(&format!("impl {name} {{"));
    if is_root {
        of(writer, node, &inner, &module, common);
    }
    function(
        writer,
        "The place that `view` stands at, which is one of these.",
        "at(view: sdk::View) -> Self",
        "Self(view)",
    );
    function(writer, "The place, to go on from by paths.", "view(&self) -> &sdk::View", "&self.0");
    function(writer, "Whether it is there.", "exists(&self) -> sdk::Result<bool>", r#"self.0.exists(".")"#);
    if node.kind() == SchemaNodeKind::List || node.presence().is_some() {
        function(
            writer,
            "Makes it, where it is not there.",
            "create(&self) -> sdk::Result<()>",
            r#"self.0.create(".")"#,
        );
    }
    function(
        writer,
        "Removes it, with all that is in it.",
        "remove(&self) -> sdk::Result<()>",
        r#"self.0.remove(".")"#,
    );
    for child in children(node) {
        member(writer, child, &inner, &module, common);
    }
    writer.close("}");
    let mut body = writer.nested();
    for leaf in children(node).filter(|leaf| is_leaf(*leaf)) {
        RustType::of(leaf, &common.identities).write(&mut body, leaf, &inner.names_of(leaf).0);
    }
    for child in children(node).filter(|child| is_inner(*child)) {
        structure(&mut body, child, &inner, common, false);
    }
    if !body.is_empty() {
        writer.line("");
        writer.line(&format!("/// What is in `{}`.", node.path()));
        writer.open(&format!("pub mod {module} {{"));
        writer.line(if common.identities.is_empty() {
            "use super::sdk;"
        } else {
            "use super::{identities, sdk};"
        });
        writer.append(body);
        writer.close("}");
    }
}

fn function(writer: &mut CodeWriter, what: &str, head: &str, body: &str) {
    writer.member();
    format!("/// {what}").lines().for_each(|line| writer.line(line));
    writer.open(&format!("pub fn {head} {{"));
    writer.line(body);
    writer.close("}");
}

/// How to get to a node that begins a tree.
fn of(
    writer: &mut CodeWriter,
    node: YangNode<'_>,
    inner: &ChildNames,
    module: &str,
    common: &BindingsContext,
) {
    let (step, what) = (step(node, common, true), "Within `view`, which stands at the node above.");
    match node.kind() {
        SchemaNodeKind::List => {
            let (arguments, path) = entry(node, &step, inner, module, common);
            let head = format!("of(view: &sdk::View, {arguments}) -> Self");
            function(writer, what, &head, &format!("Self(view.at({path}))"));
        }
        _ => function(writer, what, "of(view: &sdk::View) -> Self", &format!("Self(view.at({step:?}))")),
    }
}

/// The arguments for the keys of a list, and the path of an entry. `module` is that of what is in the list,
/// as seen from where the arguments stand.
fn entry(
    list: YangNode<'_>,
    step: &str,
    inner: &ChildNames,
    module: &str,
    common: &BindingsContext,
) -> (String, String) {
    let mut taken = vec!["self".to_owned(), "view".to_owned()];
    let (mut arguments, mut predicates, mut values) = (Vec::new(), String::new(), Vec::new());
    for key in list.keys() {
        let Some(leaf) = list.children().find(|child| child.name() == &**key) else { continue };
        let name = reserved(&names::unused(lower(key), &mut taken));
        let choice = format!("{module}::{}", inner.names_of(leaf).0);
        arguments.push(format!("{name}: {}", RustType::of(leaf, &common.identities).argument(&choice)));
        // Writing to a string does not fail.
        let _ = write!(predicates, "[{key}={{}}]");
        values.push(name);
    }
    let path = format!("sdk::path!(\"{step}{predicates}\", {})", values.join(", "));
    (arguments.join(", "), path)
}

/// The functions for a node in a container or list; `module` is the one with the types in it.
fn member(
    writer: &mut CodeWriter,
    node: YangNode<'_>,
    inner: &ChildNames,
    module: &str,
    common: &BindingsContext,
) {
    let (step, base) = (step(node, common, false), inner.function_of(node));
    let (name, base_name) = (node.name(), reserved(&base));
    let (type_name, node_module) = inner.names_of(node);
    let inside = format!("{module}::{type_name}");
    match node.kind() {
        SchemaNodeKind::Container => {
            let head = format!("{base_name}(&self) -> {inside}");
            function(
                writer,
                &format!("The container `{name}`."),
                &head,
                &format!("{inside}::at(self.0.at({step:?}))"),
            );
        }
        SchemaNodeKind::List => {
            let (arguments, path) =
                entry(node, &step, &ChildNames::of(node), &format!("{module}::{node_module}"), common);
            let head = format!("{base_name}(&self, {arguments}) -> {inside}");
            function(
                writer,
                &format!("An entry of the list `{name}`."),
                &head,
                &format!("{inside}::at(self.0.at({path}))"),
            );
            let keys: String = node.keys().iter().map(|key| format!("[{key}]")).collect();
            let head = format!("{base}_entries(&self) -> sdk::Result<Vec<{inside}>>");
            let body = format!("Ok(self.0.list(\"{step}{keys}\")?.into_iter().map({inside}::at).collect())");
            function(writer, &format!("All entries of the list `{name}`."), &head, &body);
        }
        SchemaNodeKind::Leaf if node.is_key() => {
            let head = format!("{base_name}(&self) -> sdk::Result<String>");
            // The place of an instance does not name itself.
            let body = format!("self.0.key({name:?}).or_else(|_| self.0.require({name:?}))");
            function(writer, &format!("The key `{name}`."), &head, &body);
        }
        SchemaNodeKind::Leaf => leaf(writer, node, &step, &base, &inside, common),
        SchemaNodeKind::LeafList => {
            let value = RustType::of(node, &common.identities);
            let argument = value.argument(&inside);
            let head = format!("{base_name}(&self) -> sdk::Result<Vec<{}>>", value.result(&inside));
            let read = if value == RustType::Text { "values" } else { "values_as" };
            function(
                writer,
                &format!("The entries of `{name}`."),
                &head,
                &format!("self.0.{read}({step:?})"),
            );
            let path = format!("sdk::path!(\"{step}[.={{}}]\", value)");
            let head = format!("add_{base}(&self, value: {argument}) -> sdk::Result<()>");
            let body = format!("self.0.set({path}, value)");
            function(writer, &format!("Adds an entry to `{name}`, where it is not there."), &head, &body);
            let head = format!("remove_{base}(&self, value: {argument}) -> sdk::Result<()>");
            function(
                writer,
                &format!("Removes an entry of `{name}`."),
                &head,
                &format!("self.0.remove({path})"),
            );
        }
        _ => {}
    }
}

fn leaf(
    writer: &mut CodeWriter,
    node: YangNode<'_>,
    step: &str,
    base: &str,
    choice: &str,
    common: &BindingsContext,
) {
    let (value, base_name) = (RustType::of(node, &common.identities), reserved(base));
    let of = node.leaf_type().map_or("", |of| of.name());
    let units = node.units().map(|units| format!(" in {}", one_line(units))).unwrap_or_default();
    let mut what = format!("The leaf `{}` (`{of}`{units}).", node.name());
    let is_union = node.value_type().is_some_and(|(_, of)| matches!(of.base(), BaseType::Union(_)));
    if value == RustType::Text && is_union {
        // What it is cannot be told by the type.
        what += " It is one of these:";
        node.value_forms().iter().for_each(|form| what += &format!("\n/// - {}", one_line(form)));
    }
    match &value {
        RustType::Empty => {
            let head = format!("{base_name}(&self) -> sdk::Result<bool>");
            function(writer, &what, &head, &format!("self.0.exists({step:?})"));
            let head = format!("create_{base}(&self) -> sdk::Result<()>");
            function(writer, "Makes it.", &head, &format!("self.0.create({step:?})"));
        }
        RustType::Text => {
            let head = format!("{base_name}(&self) -> sdk::Result<Option<String>>");
            function(writer, &what, &head, &format!("self.0.get({step:?})"));
        }
        _ => {
            let head = format!("{base_name}(&self) -> sdk::Result<Option<{}>>", value.result(choice));
            function(writer, &what, &head, &format!("self.0.get_as({step:?})"));
        }
    }
    if value != RustType::Empty {
        let head = format!("set_{base}(&self, value: {}) -> sdk::Result<()>", value.argument(choice));
        function(writer, "Sets it.", &head, &format!("self.0.set({step:?}, value)"));
    }
    let head = format!("remove_{base}(&self) -> sdk::Result<()>");
    function(writer, "Removes it.", &head, &format!("self.0.remove({step:?})"));
}

/// Text of a model as a part of a comment.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
