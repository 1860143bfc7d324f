//! Identities: a type for each set of them that values are of.

use confine_yang::{BaseType, LeafType, YangModule, YangNode, YangSchema};

use super::{
    children,
    names::{TYPES, camel, unused},
    prefixes::ModulePrefixes,
    values::{MEMBERS, display, from_str, named},
    writer::CodeWriter,
};

/// The sets of identities that occur, by the identities that they are derived from.
#[derive(Default)]
pub(super) struct IdentitySets {
    sets: Vec<IdentitySet>,
    taken: Vec<String>,
}

struct IdentitySet {
    /// As `module:name`.
    bases: Vec<String>,
    type_name: String,
    /// The prefix and the name of each.
    all: Vec<(String, String)>,
}

impl IdentitySets {
    /// Those of the values of these nodes, and of all nodes below them.
    pub(super) fn of(roots: &[YangNode<'_>], prefixes: &ModulePrefixes) -> Self {
        let taken = TYPES.iter().map(|&name| name.to_owned()).collect();
        let mut identities = Self { sets: Vec::new(), taken };
        roots.iter().for_each(|&root| identities.gather(root, prefixes));
        identities
    }

    fn gather(&mut self, node: YangNode<'_>, prefixes: &ModulePrefixes) {
        each_base(node, &mut |base| self.add(node.schema(), base, prefixes));
        children(node).for_each(|child| self.gather(child, prefixes));
    }

    fn add(&mut self, schema: &YangSchema, base: &BaseType, prefixes: &ModulePrefixes) {
        let bases = bases(schema, base);
        if self.sets.iter().any(|set| set.bases == bases) {
            return;
        }
        let Some(first) = bases.first() else { return };
        let name = first.split_once(':').map_or(&**first, |(_, name)| name);
        let type_name = unused(camel(name), &mut self.taken);
        let all = schema.identities(base).into_iter();
        let all =
            all.map(|(module, name)| (prefixes.of_module(module).to_owned(), name.to_owned())).collect();
        self.sets.push(IdentitySet { bases, type_name, all });
    }

    /// The type for the values of a type.
    pub(super) fn type_of(&self, schema: &YangSchema, base: &BaseType) -> Option<&str> {
        let bases = bases(schema, base);
        self.sets.iter().find(|set| set.bases == bases).map(|set| &*set.type_name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Writes the module with the types.
    pub(super) fn write(&self, writer: &mut CodeWriter) {
        if self.is_empty() {
            return;
        }
        writer.line("");
        writer.line("/// The identities that values may be.");
        writer.open("pub mod identities {");
        let mut body = writer.nested();
        self.sets.iter().for_each(|set| set.write(&mut body));
        writer.append(body.without_first_line());
        writer.close("}");
    }
}

impl IdentitySet {
    fn write(&self, writer: &mut CodeWriter) {
        let name = &self.type_name;
        let bases = self.bases.iter().map(|base| format!("`{base}`")).collect::<Vec<_>>().join(" and ");
        let variants = self.variants();
        writer.line("");
        writer.line(&format!("/// The identities derived from {bases}."));
        if variants.is_empty() {
            writer.line("///");
            writer.line(
                "/// No module that was read has one: name those that have to `confine bindings` as well.",
            );
        }
        writer.line("#[derive(Clone, Debug, PartialEq, Eq, Hash)]");
        writer.open(&format!("pub enum {name} {{"));
        named(writer, &variants);
        writer
            .line("/// One that was not known when this was written, with a prefix of `Service::PREFIXES`.");
        writer.line("Unknown(String),");
        writer.close("}");
        writer.line("");
        writer.open(&format!("impl {name} {{"));
        writer.line("/// The one that is written so, if it is known.");
        match &variants[..] {
            [] => {
                writer.open("pub fn known(_: &str) -> Option<Self> {");
                writer.line("None");
            }
            all => {
                writer.open("pub fn known(value: &str) -> Option<Self> {");
                writer.open("Some(match value {");
                for (variant, value) in all {
                    writer.line(&format!("{value:?} => Self::{variant},"));
                }
                writer.line("_ => return None,");
                writer.close("})");
            }
        }
        writer.close("}");
        writer.line("");
        writer.line("/// The one that is written so.");
        writer.open("pub fn of(value: &str) -> Self {");
        writer.line("Self::known(value).unwrap_or_else(|| Self::Unknown(value.to_owned()))");
        writer.close("}");
        writer.close("}");
        display(writer, name, |writer| {
            for (variant, value) in &variants {
                writer.line(&format!("Self::{variant} => f.write_str({value:?}),"));
            }
            writer.line("Self::Unknown(value) => f.write_str(value),");
        });
        from_str(writer, name, "std::convert::Infallible", |writer| writer.line("Ok(Self::of(value))"));
    }

    /// The variants and how they are written. One name of several modules is told apart by their prefixes.
    fn variants(&self) -> Vec<(String, String)> {
        let mut taken = vec!["Unknown".to_owned()];
        let variant = |(prefix, name): &(String, String)| {
            let is_shared = self.all.iter().filter(|(_, other)| other == name).count() > 1;
            let variant = if is_shared { camel(&format!("{prefix}-{name}")) } else { camel(name) };
            (unused(variant, &mut taken), format!("{prefix}:{name}"))
        };
        self.all.iter().map(variant).collect()
    }
}

/// The modules of the identities that the values of a leaf may be.
pub(super) fn identity_modules(leaf: YangNode<'_>) -> Vec<&YangModule> {
    let mut modules = Vec::new();
    each_base(leaf, &mut |base| {
        modules.extend(leaf.schema().identities(base).into_iter().map(|(module, _)| module));
    });
    modules
}

/// Goes through the types of identities that a leaf has: its own, or those of the members of its union.
fn each_base<'a>(leaf: YangNode<'a>, each: &mut impl FnMut(&'a BaseType)) {
    let mut open: Vec<(YangNode<'a>, &'a LeafType)> =
        leaf.leaf_type().map(|of| (leaf, of)).into_iter().collect();
    for _ in 0..MEMBERS {
        let Some((node, of)) = open.pop() else { return };
        let Some((node, of)) = node.value_type_of(of) else { continue };
        match of.base() {
            BaseType::Union(members) => open.extend(members.iter().rev().map(|member| (node, &**member))),
            base @ BaseType::Identityref(_) => each(base),
            _ => {}
        }
    }
}

fn bases(schema: &YangSchema, base: &BaseType) -> Vec<String> {
    schema.bases(base).into_iter().map(|(module, name)| format!("{}:{name}", module.name())).collect()
}
