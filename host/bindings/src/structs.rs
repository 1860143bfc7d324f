//! Generates the types for containers and list entries, and their functions.

use std::fmt::Write as _;

use confine_yang::{BaseType, SchemaNodeKind, YangModule, YangNode};

use crate::{
    enums::write_enum,
    identities::IdentitySets,
    names::{ChildNames, escape_keyword, snake_case, unused},
    nodes::{is_container_or_list, is_leaf_or_leaf_list},
    prefixes::ModulePrefixes,
    rust_type::RustType,
    selection::NodeSelection,
    writer::{CodeWriter, one_line},
};

/// What all types of a generated file share.
pub(crate) struct BindingsContext<'s> {
    pub(crate) identities: IdentitySets,
    pub(crate) prefixes: ModulePrefixes,
    pub(crate) selection: &'s NodeSelection,
}

/// The names in the type that a function is written for.
struct MemberScope<'a> {
    names: &'a ChildNames,
    /// The module that holds the children's types.
    module: &'a str,
}

impl BindingsContext<'_> {
    /// Writes the type of a container or list, and the module with the types of its children. `names` are
    /// those of the node and its siblings.
    pub(crate) fn write_struct(
        &self,
        writer: &mut CodeWriter,
        node: YangNode<'_>,
        names: &ChildNames,
        is_root: bool,
    ) {
        let (name, module) = names.type_and_module(node);
        let child_names = ChildNames::of(node);
        let scope = MemberScope { names: &child_names, module: &module };
        let kind = if node.kind() == SchemaNodeKind::List { "An entry of the list" } else { "The container" };
        writer.line("");
        writer.line(&format!("/// {kind} `{}`.", node.path()));
        writer.line("#[derive(Clone, Debug)]");
        writer.line(&format!("pub struct {name}(sdk::View);"));
        writer.line("");
        writer.open(&format!("impl {name} {{"));
        if is_root {
            self.write_of(writer, node, &scope);
        }
        write_common_functions(writer, node);
        for child in self.selection.children(node) {
            self.write_member(writer, child, &scope);
        }
        writer.close("}");
        self.write_child_module(writer, node, &scope);
    }

    fn write_child_module(&self, writer: &mut CodeWriter, node: YangNode<'_>, scope: &MemberScope<'_>) {
        let mut body = writer.nested();
        for leaf in self.selection.children(node).filter(|leaf| is_leaf_or_leaf_list(*leaf)) {
            let value_type = RustType::of(leaf, &self.identities);
            write_enum(&mut body, leaf, &scope.names.type_and_module(leaf).0, &value_type);
        }
        for child in self.selection.children(node).filter(|child| is_container_or_list(*child)) {
            self.write_struct(&mut body, child, scope.names, false);
        }
        if body.is_empty() {
            return;
        }
        writer.line("");
        writer.line(&format!("/// The types of the nodes in `{}`.", node.path()));
        writer.open(&format!("pub mod {} {{", scope.module));
        writer.line(if self.identities.is_empty() {
            "use super::sdk;"
        } else {
            "use super::{identities, sdk};"
        });
        writer.append(body);
        writer.close("}");
    }

    /// Writes the function that finds a root node from a view of its parent.
    fn write_of(&self, writer: &mut CodeWriter, node: YangNode<'_>, scope: &MemberScope<'_>) {
        let step = self.step(node, true);
        if node.kind() == SchemaNodeKind::List {
            let (arguments, path) = self.entry(node, &step, scope);
            let head = format!("of(view: &sdk::View, {arguments}) -> Self");
            let doc = "Returns the entry with these keys, from a view of the list's parent node.";
            writer.function(doc, &head, &format!("Self(view.at({path}))"));
        } else {
            let doc = "Returns this node, from a view of its parent node.";
            writer.function(doc, "of(view: &sdk::View) -> Self", &format!("Self(view.at({step:?}))"));
        }
    }

    /// Writes the functions for a child of the type's node.
    fn write_member(&self, writer: &mut CodeWriter, node: YangNode<'_>, scope: &MemberScope<'_>) {
        let (name, function) = (node.name(), escape_keyword(&scope.names.function(node)));
        match node.kind() {
            SchemaNodeKind::Container => {
                let child_type = scope.type_of(node);
                writer.function(
                    &format!("Returns the container `{name}`."),
                    &format!("{function}(&self) -> {child_type}"),
                    &format!("{child_type}::at(self.0.at({:?}))", self.step(node, false)),
                );
            }
            SchemaNodeKind::List => self.write_list(writer, node, scope),
            SchemaNodeKind::Leaf if node.is_key() => writer.function(
                &format!("Returns the key `{name}`."),
                &format!("{function}(&self) -> sdk::Result<String>"),
                // The path of a service instance does not name its keys.
                &format!("self.0.key({name:?}).or_else(|_| self.0.require({name:?}))"),
            ),
            SchemaNodeKind::Leaf => self.write_leaf(writer, node, scope),
            SchemaNodeKind::LeafList => self.write_leaf_list(writer, node, scope),
            _ => {}
        }
    }

    fn write_list(&self, writer: &mut CodeWriter, list: YangNode<'_>, scope: &MemberScope<'_>) {
        let (name, base) = (list.name(), scope.names.function(list));
        let (step, child_type) = (self.step(list, false), scope.type_of(list));
        let entry_module = format!("{}::{}", scope.module, scope.names.type_and_module(list).1);
        let entry_scope = MemberScope { names: &ChildNames::of(list), module: &entry_module };
        let (arguments, path) = self.entry(list, &step, &entry_scope);
        writer.function(
            &format!("Returns the entry of the list `{name}` with these keys."),
            &format!("{}(&self, {arguments}) -> {child_type}", escape_keyword(&base)),
            &format!("{child_type}::at(self.0.at({path}))"),
        );
        let keys: String = list.keys().iter().map(|key| format!("[{key}]")).collect();
        writer.function(
            &format!("Returns all entries of the list `{name}`."),
            &format!("{base}_entries(&self) -> sdk::Result<Vec<{child_type}>>"),
            &format!("Ok(self.0.list(\"{step}{keys}\")?.into_iter().map({child_type}::at).collect())"),
        );
    }

    fn write_leaf_list(&self, writer: &mut CodeWriter, node: YangNode<'_>, scope: &MemberScope<'_>) {
        let (name, base, step) = (node.name(), scope.names.function(node), self.step(node, false));
        let (value, own_type) = (RustType::of(node, &self.identities), scope.type_of(node));
        let argument = value.argument(&own_type);
        let read = if value == RustType::Text { "values" } else { "values_as" };
        writer.function(
            &format!("Returns the values of the leaf-list `{name}`."),
            &format!("{}(&self) -> sdk::Result<Vec<{}>>", escape_keyword(&base), value.result(&own_type)),
            &format!("self.0.{read}({step:?})"),
        );
        let path = format!("sdk::path!(\"{step}[.={{}}]\", value)");
        writer.function(
            &format!("Adds a value to `{name}`, unless it is already there."),
            &format!("add_{base}(&self, value: {argument}) -> sdk::Result<()>"),
            &format!("self.0.set({path}, value)"),
        );
        writer.function(
            &format!("Removes a value from `{name}`."),
            &format!("remove_{base}(&self, value: {argument}) -> sdk::Result<()>"),
            &format!("self.0.remove({path})"),
        );
    }

    fn write_leaf(&self, writer: &mut CodeWriter, leaf: YangNode<'_>, scope: &MemberScope<'_>) {
        let (name, base, step) = (leaf.name(), scope.names.function(leaf), self.step(leaf, false));
        let (value, own_type) = (RustType::of(leaf, &self.identities), scope.type_of(leaf));
        let head = format!("{}(&self) -> sdk::Result", escape_keyword(&base));
        let doc = leaf_doc(leaf, &value);
        match &value {
            RustType::Empty => {
                writer.function(&doc, &format!("{head}<bool>"), &format!("self.0.exists({step:?})"));
                let head = format!("create_{base}(&self) -> sdk::Result<()>");
                writer.function(
                    &format!("Creates the leaf `{name}`."),
                    &head,
                    &format!("self.0.create({step:?})"),
                );
            }
            RustType::Text => {
                writer.function(&doc, &format!("{head}<Option<String>>"), &format!("self.0.get({step:?})"));
            }
            _ => {
                let head = format!("{head}<Option<{}>>", value.result(&own_type));
                writer.function(&doc, &head, &format!("self.0.get_as({step:?})"));
            }
        }
        if value != RustType::Empty {
            let head = format!("set_{base}(&self, value: {}) -> sdk::Result<()>", value.argument(&own_type));
            writer.function(
                &format!("Sets the leaf `{name}`."),
                &head,
                &format!("self.0.set({step:?}, value)"),
            );
        }
        let head = format!("remove_{base}(&self) -> sdk::Result<()>");
        writer.function(&format!("Removes the leaf `{name}`."), &head, &format!("self.0.remove({step:?})"));
    }

    /// Returns the arguments for the keys of a list, and the path of an entry. `scope` is that of the
    /// entry's type, with its module as seen from the function that takes the arguments.
    fn entry(&self, list: YangNode<'_>, step: &str, scope: &MemberScope<'_>) -> (String, String) {
        let mut taken = vec!["self".to_owned(), "view".to_owned()];
        let (mut arguments, mut predicates, mut values) = (Vec::new(), String::new(), Vec::new());
        for key in list.keys() {
            let Some(leaf) = list.children().find(|child| child.name() == &**key) else { continue };
            let name = escape_keyword(&unused(snake_case(key), &mut taken));
            let value_type = RustType::of(leaf, &self.identities);
            arguments.push(format!("{name}: {}", value_type.argument(&scope.type_of(leaf))));
            // Writing to a string cannot fail.
            let _ = write!(predicates, "[{key}={{}}]");
            values.push(name);
        }
        let path = format!("sdk::path!(\"{step}{predicates}\", {})", values.join(", "));
        (arguments.join(", "), path)
    }

    /// Returns a node's name as a path step: with a prefix if its parent is from another module.
    fn step(&self, node: YangNode<'_>, is_root: bool) -> String {
        let parent_module = node.parent().and_then(YangNode::module).map(YangModule::name);
        match node.module() {
            Some(module) if is_root || parent_module != Some(module.name()) => {
                format!("{}:{}", self.prefixes.of_module(module), node.name())
            }
            _ => node.name().to_owned(),
        }
    }
}

impl MemberScope<'_> {
    /// Returns the path of the type for a child.
    fn type_of(&self, child: YangNode<'_>) -> String {
        format!("{}::{}", self.module, self.names.type_and_module(child).0)
    }
}

/// Writes the functions that every type has.
fn write_common_functions(writer: &mut CodeWriter, node: YangNode<'_>) {
    writer.function("Wraps a view of this node.", "at(view: sdk::View) -> Self", "Self(view)");
    writer.function(
        "Returns the view of this node, to use with paths.",
        "view(&self) -> &sdk::View",
        "&self.0",
    );
    writer.function(
        "Returns whether this node exists.",
        "exists(&self) -> sdk::Result<bool>",
        r#"self.0.exists(".")"#,
    );
    if node.kind() == SchemaNodeKind::List || node.presence().is_some() {
        writer.function(
            "Creates this node, unless it exists.",
            "create(&self) -> sdk::Result<()>",
            r#"self.0.create(".")"#,
        );
    }
    writer.function(
        "Removes this node and everything in it.",
        "remove(&self) -> sdk::Result<()>",
        r#"self.0.remove(".")"#,
    );
}

/// Returns the doc comment of the function that reads a leaf.
fn leaf_doc(leaf: YangNode<'_>, value: &RustType) -> String {
    let type_name = leaf.leaf_type().map_or("", |of| of.name());
    let units = leaf.units().map(|units| format!(" in {}", one_line(units))).unwrap_or_default();
    let (verb, end) = match value {
        RustType::Empty => ("Returns whether", " exists."),
        _ => ("Returns", "."),
    };
    let mut doc = format!("{verb} the leaf `{}` (`{type_name}`{units}){end}", leaf.name());
    let is_union = leaf.value_type().is_some_and(|(_, of)| matches!(of.base(), BaseType::Union(_)));
    if *value == RustType::Text && is_union {
        // The Rust type does not show what the members are.
        doc += " The value is one of:";
        leaf.value_forms().iter().for_each(|form| doc += &format!("\n/// - {}", one_line(form)));
    }
    doc
}
