//! The prefixes that paths and values are written with.

use std::collections::BTreeMap;

use confine_yang::{YangModule, YangNode};

use super::{children, identities::identity_modules, names::unused, writer::CodeWriter};

/// A prefix for each namespace: its module's own, or where others have the same one, its module's name.
pub(super) struct ModulePrefixes(BTreeMap<String, String>);

impl ModulePrefixes {
    /// For these nodes, all that is below them, and the identities that may be values.
    pub(super) fn of(roots: &[YangNode<'_>]) -> Self {
        let mut modules = BTreeMap::new();
        roots.iter().for_each(|&root| gather(root, &mut modules));
        let is_its_own = |module: &&YangModule| {
            modules.values().filter(|other| other.prefix() == module.prefix()).count() == 1
        };
        let (own, shared): (Vec<&YangModule>, Vec<&YangModule>) =
            modules.values().copied().partition(is_its_own);
        let mut taken: Vec<String> = own.iter().map(|module| module.prefix().to_owned()).collect();
        let own = own.into_iter().map(|module| (module.namespace().to_owned(), module.prefix().to_owned()));
        let mut prefixes: BTreeMap<String, String> = own.collect();
        for module in shared {
            prefixes.insert(module.namespace().to_owned(), unused(module.name().to_owned(), &mut taken));
        }
        Self(prefixes)
    }

    pub(super) fn of_module<'a>(&'a self, module: &'a YangModule) -> &'a str {
        self.0.get(module.namespace()).map_or(module.prefix(), String::as_str)
    }

    /// Writes them for a service to declare.
    pub(super) fn write(&self, writer: &mut CodeWriter) {
        let mut all: Vec<(&str, &str)> =
            self.0.iter().map(|(namespace, prefix)| (&**prefix, &**namespace)).collect();
        all.sort_unstable();
        writer.line("/// The prefixes of the paths here, for `Service::PREFIXES`.");
        writer.open("pub const PREFIXES: &[(&str, &str)] = &[");
        for (prefix, namespace) in all {
            writer.line(&format!("({prefix:?}, {namespace:?}),"));
        }
        writer.close("];");
    }
}

/// The modules by their namespaces.
fn gather<'a>(node: YangNode<'a>, found: &mut BTreeMap<&'a str, &'a YangModule>) {
    let modules = node.module().into_iter().chain(identity_modules(node));
    found.extend(modules.map(|module| (module.namespace(), module)));
    children(node).for_each(|child| gather(child, found));
}

#[cfg(test)]
mod tests {
    use confine_yang::ModuleSet;

    /// What stands in what is written, between quotes.
    #[test]
    fn modules_of_one_prefix_are_told_apart_by_their_names() {
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
        let text = crate::bindings(&set.compile(), &["a", "b", "c"].map(str::to_owned));
        let mut quoted: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
        quoted.sort_unstable();
        quoted.dedup();
        insta::assert_snapshot!(quoted.join(" "), @". a a:top b b2 b2:it b2:more b:other of own urn:a urn:b urn:c");
    }
}
