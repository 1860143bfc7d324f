//! Names of YANG as names of Rust. Two names of YANG may be one in Rust, or mean something there.

use std::collections::HashMap;

use confine_tree::SchemaNode;
use confine_yang::{SchemaNodeKind, YangModule, YangNode};

/// What the types and modules for the children of one node are called, and the functions for them.
pub(super) struct ChildNames {
    names: HashMap<SchemaNode, NamedChild>,
}

#[derive(Default)]
struct NamedChild {
    /// Of a container or a list its type, of a leaf that of its values, where it is its own.
    type_name: String,
    module: String,
    function: String,
}

/// Types that what is written uses by their short names.
pub(super) const TYPES: [&str; 8] = ["Err", "None", "Ok", "Option", "Result", "Some", "String", "Vec"];
/// Crates and modules that it uses.
const MODULES: [&str; 3] = ["identities", "sdk", "std"];
/// Functions that each type has.
const FUNCTIONS: [&str; 6] = ["at", "create", "exists", "of", "remove", "view"];

impl ChildNames {
    pub(super) fn of(node: YangNode<'_>) -> Self {
        let own = node.module().map(YangModule::name);
        Self::new(&super::children(node).collect::<Vec<_>>(), own)
    }

    pub(super) fn of_roots(roots: &[YangNode<'_>]) -> Self {
        Self::new(roots, None)
    }

    /// Where nodes of several modules have one name, those that are not of the `own` one are called after
    /// their module's prefix as well.
    fn new(nodes: &[YangNode<'_>], own_module: Option<&str>) -> Self {
        let name_of = |node: &YangNode<'_>| {
            let is_shared = nodes.iter().any(|other| {
                camel(other.name()) == camel(node.name()) && module_of(*other) != module_of(*node)
            });
            match node.module().filter(|module| is_shared && own_module != Some(module.name())) {
                Some(module) => format!("{}-{}", module.prefix(), node.name()),
                None => node.name().to_owned(),
            }
        };
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let (mut types, mut modules, mut functions) = (own(&TYPES), own(&MODULES), own(&FUNCTIONS));
        let mut names = HashMap::new();
        for node in nodes {
            let name = name_of(node);
            let named = NamedChild {
                type_name: unused(camel(&name), &mut types),
                module: reserved(&unused(lower(&name), &mut modules)),
                function: unused_function(*node, lower(&name), &mut functions),
            };
            names.insert(node.id(), named);
        }
        Self { names }
    }

    /// The type of a node, and the module with what is in it.
    pub(super) fn names_of(&self, node: YangNode<'_>) -> (String, String) {
        let named = self.names.get(&node.id());
        named.map(|named| (named.type_name.clone(), named.module.clone())).unwrap_or_default()
    }

    /// What the functions for a node are called after.
    pub(super) fn function_of(&self, node: YangNode<'_>) -> String {
        self.names.get(&node.id()).map(|named| named.function.clone()).unwrap_or_default()
    }
}

fn module_of(node: YangNode<'_>) -> Option<&str> {
    node.module().map(YangModule::name)
}

/// A name after which all functions for a node can be called.
fn unused_function(node: YangNode<'_>, name: String, taken: &mut Vec<String>) -> String {
    let others = match node.kind() {
        SchemaNodeKind::List => vec!["_entries"],
        _ => Vec::new(),
    };
    let before = match node.kind() {
        SchemaNodeKind::Leaf => vec!["set_", "create_", "remove_"],
        SchemaNodeKind::LeafList => vec!["add_", "remove_"],
        _ => Vec::new(),
    };
    let mut base = name;
    loop {
        let after = others.iter().map(|other| format!("{base}{other}"));
        let all: Vec<String> = before
            .iter()
            .map(|before| format!("{before}{base}"))
            .chain(after)
            .chain([base.clone()])
            .collect();
        if !all.iter().any(|name| taken.contains(name)) {
            taken.extend(all);
            return base;
        }
        base.push('_');
    }
}

/// The name, or where it is taken one like it.
pub(super) fn unused(name: String, taken: &mut Vec<String>) -> String {
    let mut number = 2;
    let mut free = name.clone();
    while taken.contains(&free) {
        free = format!("{name}{number}");
        number += 1;
    }
    taken.push(free.clone());
    free
}

/// As types and variants are written.
pub(super) fn camel(name: &str) -> String {
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
        // It is a word of the language.
        Some(_) if camel == "Self" => "SelfValue".to_owned(),
        Some(_) => camel,
    }
}

/// As functions and modules are written.
pub(super) fn lower(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// The name as it can stand where it is a word of the language.
pub(super) fn reserved(name: &str) -> String {
    const WORDS: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
        "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
        "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static",
        "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where",
        "while", "yield",
    ];
    match name {
        // These cannot be written raw.
        "crate" | "self" | "super" | "_" => format!("{name}_"),
        _ if WORDS.contains(&name) => format!("r#{name}"),
        _ => name.to_owned(),
    }
}
