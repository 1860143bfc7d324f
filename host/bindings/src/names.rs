//! YANG names as Rust names. Two YANG names may become the same Rust name, or a reserved one.

use std::collections::HashMap;

use confine_tree::SchemaNode;
use confine_yang::{SchemaNodeKind, YangModule, YangNode};

use crate::nodes::bound_children;

/// The names of the types, modules and functions for the children of one node.
pub(crate) struct ChildNames {
    names: HashMap<SchemaNode, NamedChild>,
}

#[derive(Default)]
struct NamedChild {
    /// The type of a container or list, or the type of a leaf's values if the leaf has its own.
    type_name: String,
    module: String,
    function: String,
}

/// Types that the generated code uses by their short names.
pub(crate) const USED_TYPES: [&str; 8] = ["Err", "None", "Ok", "Option", "Result", "Some", "String", "Vec"];
/// Crates and modules that the generated code uses.
const USED_MODULES: [&str; 3] = ["identities", "sdk", "std"];
/// Functions that each generated type has.
const COMMON_FUNCTIONS: [&str; 6] = ["at", "create", "exists", "of", "remove", "view"];

impl ChildNames {
    pub(crate) fn of(node: YangNode<'_>) -> Self {
        let own = node.module().map(YangModule::name);
        Self::new(&bound_children(node).collect::<Vec<_>>(), own)
    }

    pub(crate) fn of_roots(roots: &[YangNode<'_>]) -> Self {
        Self::new(roots, None)
    }

    /// If nodes from several modules have the same name, those not from `own_module` are prefixed with
    /// their module's prefix.
    fn new(nodes: &[YangNode<'_>], own_module: Option<&str>) -> Self {
        let name_of = |node: &YangNode<'_>| {
            let is_shared = nodes.iter().any(|other| {
                camel_case(other.name()) == camel_case(node.name()) && module_of(*other) != module_of(*node)
            });
            match node.module().filter(|module| is_shared && own_module != Some(module.name())) {
                Some(module) => format!("{}-{}", module.prefix(), node.name()),
                None => node.name().to_owned(),
            }
        };
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut types = owned(&USED_TYPES);
        let mut modules = owned(&USED_MODULES);
        let mut functions = owned(&COMMON_FUNCTIONS);
        let mut names = HashMap::new();
        for node in nodes {
            let name = name_of(node);
            let named = NamedChild {
                type_name: unused(camel_case(&name), &mut types),
                module: escape_keyword(&unused(snake_case(&name), &mut modules)),
                function: unused_function(*node, snake_case(&name), &mut functions),
            };
            names.insert(node.id(), named);
        }
        Self { names }
    }

    /// Returns the names of a node's type and of the module with its children's types.
    pub(crate) fn type_and_module(&self, node: YangNode<'_>) -> (String, String) {
        let named = self.names.get(&node.id());
        named.map(|named| (named.type_name.clone(), named.module.clone())).unwrap_or_default()
    }

    /// Returns the name that the functions for a node are derived from.
    pub(crate) fn function(&self, node: YangNode<'_>) -> String {
        self.names.get(&node.id()).map(|named| named.function.clone()).unwrap_or_default()
    }
}

fn module_of(node: YangNode<'_>) -> Option<&str> {
    node.module().map(YangModule::name)
}

/// Returns a base name from which the names of all functions for a node can be derived.
fn unused_function(node: YangNode<'_>, name: String, taken: &mut Vec<String>) -> String {
    let (prefixes, suffixes): (&[&str], &[&str]) = match node.kind() {
        SchemaNodeKind::List => (&[], &["_entries"]),
        SchemaNodeKind::Leaf => (&["set_", "create_", "remove_"], &[]),
        SchemaNodeKind::LeafList => (&["add_", "remove_"], &[]),
        _ => (&[], &[]),
    };
    let mut base = name;
    loop {
        let prefixed = prefixes.iter().map(|prefix| format!("{prefix}{base}"));
        let suffixed = suffixes.iter().map(|suffix| format!("{base}{suffix}"));
        let all: Vec<String> = prefixed.chain(suffixed).chain([base.clone()]).collect();
        if !all.iter().any(|name| taken.contains(name)) {
            taken.extend(all);
            return base;
        }
        base.push('_');
    }
}

/// Returns the name, with a number appended if it is taken, and marks it as taken.
pub(crate) fn unused(name: String, taken: &mut Vec<String>) -> String {
    let mut number = 2;
    let mut free = name.clone();
    while taken.contains(&free) {
        free = format!("{name}{number}");
        number += 1;
    }
    taken.push(free.clone());
    free
}

/// Returns a name for a type or variant.
pub(crate) fn camel_case(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut camel = String::new();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(letters.as_str());
    }
    match camel.chars().next() {
        None => "Other".to_owned(),
        Some(first) if first.is_numeric() => format!("N{camel}"),
        // `Self` is a keyword.
        Some(_) if camel == "Self" => "SelfValue".to_owned(),
        Some(_) => camel,
    }
}

/// Returns a name for a function or module.
pub(crate) fn snake_case(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// Returns the name as a valid identifier, escaped if it is a keyword.
pub(crate) fn escape_keyword(name: &str) -> String {
    const KEYWORDS: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
        "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static",
        "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where",
        "while", "yield",
    ];
    match name {
        // These cannot be raw identifiers.
        "crate" | "self" | "super" | "_" => format!("{name}_"),
        _ if KEYWORDS.contains(&name) => format!("r#{name}"),
        _ => name.to_owned(),
    }
}
