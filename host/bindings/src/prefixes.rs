//! The prefixes in generated paths and values.

use std::collections::BTreeMap;

use confine_yang::{YangModule, YangNode};

use crate::{names::unused, nodes::identity_modules, selection::NodeSelection, writer::CodeWriter};

/// A prefix for each namespace: the module's own prefix, or the module's name if several modules use the
/// same prefix.
pub(crate) struct ModulePrefixes(BTreeMap<String, String>);

impl ModulePrefixes {
    /// Assigns prefixes for these nodes, all nodes below them, and the identities among their values.
    pub(crate) fn of(roots: &[YangNode<'_>], selection: &NodeSelection) -> Self {
        let mut modules = BTreeMap::new();
        roots.iter().for_each(|&root| collect_modules(root, selection, &mut modules));
        let has_unique_prefix = |module: &&YangModule| {
            modules.values().filter(|other| other.prefix() == module.prefix()).count() == 1
        };
        let (unique, shared): (Vec<&YangModule>, Vec<&YangModule>) =
            modules.values().copied().partition(has_unique_prefix);
        let mut taken: Vec<String> = unique.iter().map(|module| module.prefix().to_owned()).collect();
        let entry = |module: &YangModule| (module.namespace().to_owned(), module.prefix().to_owned());
        let mut prefixes: BTreeMap<String, String> = unique.into_iter().map(entry).collect();
        for module in shared {
            prefixes.insert(module.namespace().to_owned(), unused(module.name().to_owned(), &mut taken));
        }
        Self(prefixes)
    }

    pub(crate) fn of_module<'a>(&'a self, module: &'a YangModule) -> &'a str {
        self.0.get(module.namespace()).map_or(module.prefix(), String::as_str)
    }

    /// Writes the constant that a service assigns to its `PREFIXES`.
    pub(crate) fn write(&self, writer: &mut CodeWriter) {
        let mut all: Vec<(&str, &str)> =
            self.0.iter().map(|(namespace, prefix)| (&**prefix, &**namespace)).collect();
        all.sort_unstable();
        writer.line("/// The prefixes of the paths in this file, for `Service::PREFIXES`.");
        writer.open("pub const PREFIXES: &[(&str, &str)] = &[");
        for (prefix, namespace) in all {
            writer.line(&format!("({prefix:?}, {namespace:?}),"));
        }
        writer.close("];");
    }
}

/// Collects the modules of a node and of all nodes and identities below it, by namespace.
fn collect_modules<'a>(
    node: YangNode<'a>,
    selection: &NodeSelection,
    found: &mut BTreeMap<&'a str, &'a YangModule>,
) {
    let modules = node.module().into_iter().chain(identity_modules(node));
    found.extend(modules.map(|module| (module.namespace(), module)));
    selection.children(node).for_each(|child| collect_modules(child, selection, found));
}

#[cfg(test)]
mod tests {
    use super::NodeSelection;
    use confine_yang::ModuleSet;

    #[test]
    fn modules_with_the_same_prefix_are_prefixed_by_their_names() {
        let mut set = ModuleSet::default();
        for (name, text) in [
            ("a", "container top { leaf own { type string; } }"),
            (
                "b",
                "import a { prefix a; } augment /a:top { container more { leaf of { type identityref { base kind; } } } }
                 identity kind; identity it { base kind; }",
            ),
            ("c", "import a { prefix a; } augment /a:top { leaf other { type string; } }"),
        ] {
            let prefix = if name == "c" { "b" } else { "x" };
            let module = format!("module {name} {{ namespace urn:{name}; prefix {prefix}; {text} }}");
            set.add(&format!("{name}.yang"), module.as_bytes()).unwrap();
        }
        let text =
            crate::generate(&set.compile(), &["a", "b", "c"].map(str::to_owned), &NodeSelection::default());
        let mut quoted: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
        quoted.sort_unstable();
        quoted.dedup();
        insta::assert_snapshot!(quoted.join(" "), @". a a:top b b2 b2:it b2:more b:other of own urn:a urn:b urn:c");
    }
}
