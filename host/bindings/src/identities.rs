//! Generates an enum for each set of identities that a leaf can have as value.

use confine_yang::{BaseType, YangNode, YangSchema};

use crate::{
    names::{USED_TYPES, camel_case, unused},
    nodes::identityrefs,
    prefixes::ModulePrefixes,
    selection::NodeSelection,
    writer::CodeWriter,
};

/// The sets of identities that occur, each with its own base identities.
#[derive(Default)]
pub(crate) struct IdentitySets {
    sets: Vec<IdentitySet>,
    taken: Vec<String>,
}

struct IdentitySet {
    /// As `module:name`.
    bases: Vec<String>,
    type_name: String,
    /// The prefix and name of each identity.
    members: Vec<(String, String)>,
}

impl IdentitySets {
    /// Collects the sets for the values of these nodes and of all nodes below them.
    pub(crate) fn of(roots: &[YangNode<'_>], prefixes: &ModulePrefixes, selection: &NodeSelection) -> Self {
        let taken = USED_TYPES.iter().map(|&name| name.to_owned()).collect();
        let mut identities = Self { sets: Vec::new(), taken };
        roots.iter().for_each(|&root| identities.collect(root, prefixes, selection));
        identities
    }

    fn collect(&mut self, node: YangNode<'_>, prefixes: &ModulePrefixes, selection: &NodeSelection) {
        identityrefs(node).for_each(|base| self.add(node.schema(), base, prefixes));
        selection.children(node).for_each(|child| self.collect(child, prefixes, selection));
    }

    fn add(&mut self, schema: &YangSchema, base: &BaseType, prefixes: &ModulePrefixes) {
        let bases = bases(schema, base);
        if self.sets.iter().any(|set| set.bases == bases) {
            return;
        }
        let Some(first) = bases.first() else { return };
        let name = first.split_once(':').map_or(&**first, |(_, name)| name);
        let type_name = unused(camel_case(name), &mut self.taken);
        let identities = schema.identities(base).into_iter();
        let members = identities
            .map(|(module, name)| (prefixes.of_module(module).to_owned(), name.to_owned()))
            .collect();
        self.sets.push(IdentitySet { bases, type_name, members });
    }

    /// Returns the name of the enum for the values of an identityref type.
    pub(crate) fn type_of(&self, schema: &YangSchema, base: &BaseType) -> Option<&str> {
        let bases = bases(schema, base);
        self.sets.iter().find(|set| set.bases == bases).map(|set| &*set.type_name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Writes the module with the enums.
    pub(crate) fn write(&self, writer: &mut CodeWriter) {
        if self.is_empty() {
            return;
        }
        writer.line("");
        writer.line("/// The identities that are values of leaves.");
        writer.open("pub mod identities {");
        let mut body = writer.nested();
        self.sets.iter().for_each(|set| set.write(&mut body));
        writer.append(body.without_empty_first_line());
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
                "/// No module that was read defines one: name those that do to `confine bindings` as well.",
            );
        }
        writer.line("#[derive(Clone, Debug, PartialEq, Eq, Hash)]");
        writer.open(&format!("pub enum {name} {{"));
        writer.variants(&variants);
        writer.line(
            "/// An identity unknown when this file was generated, with a prefix from `Service::PREFIXES`.",
        );
        writer.line("Unknown(String),");
        writer.close("}");
        self.write_constructors(writer, &variants);
        writer.display_impl(name, |writer| {
            for (variant, value) in &variants {
                writer.line(&format!("Self::{variant} => f.write_str({value:?}),"));
            }
            writer.line("Self::Unknown(value) => f.write_str(value),");
        });
        writer.parse_impl(name, "std::convert::Infallible", |writer| writer.line("Ok(Self::of(value))"));
    }

    /// Writes the functions that make a variant from text.
    fn write_constructors(&self, writer: &mut CodeWriter, variants: &[(String, String)]) {
        writer.line("");
        writer.open(&format!("impl {} {{", self.type_name));
        writer.line("/// Returns the identity written as `value`, if it is a known one.");
        if variants.is_empty() {
            writer.open("pub fn known(_: &str) -> Option<Self> {");
            writer.line("None");
        } else {
            writer.open("pub fn known(value: &str) -> Option<Self> {");
            writer.open("Some(match value {");
            for (variant, value) in variants {
                writer.line(&format!("{value:?} => Self::{variant},"));
            }
            writer.line("_ => return None,");
            writer.close("})");
        }
        writer.close("}");
        let body = "Self::known(value).unwrap_or_else(|| Self::Unknown(value.to_owned()))";
        writer.function("Returns the identity written as `value`.", "of(value: &str) -> Self", body);
        writer.close("}");
    }

    /// Returns each variant with its value. Identities of the same name from several modules are named by
    /// their prefixes as well.
    fn variants(&self) -> Vec<(String, String)> {
        let mut taken = vec!["Unknown".to_owned()];
        let variant = |(prefix, name): &(String, String)| {
            let is_shared = self.members.iter().filter(|(_, other)| other == name).count() > 1;
            let variant = if is_shared { camel_case(&format!("{prefix}-{name}")) } else { camel_case(name) };
            (unused(variant, &mut taken), format!("{prefix}:{name}"))
        };
        self.members.iter().map(variant).collect()
    }
}

/// Returns the base identities of an identityref type, as `module:name`.
fn bases(schema: &YangSchema, base: &BaseType) -> Vec<String> {
    schema.bases(base).into_iter().map(|(module, name)| format!("{}:{name}", module.name())).collect()
}
