//! Generates the enum for the values of a leaf whose type is an enumeration or a union.

use confine_yang::YangNode;

use crate::{
    names::{camel_case, unused},
    rust_type::RustType,
    writer::CodeWriter,
};

/// Writes the enum for the values of a leaf, if the leaf needs its own.
pub(crate) fn write_enum(writer: &mut CodeWriter, leaf: YangNode<'_>, name: &str, value_type: &RustType) {
    match value_type {
        RustType::Enumeration(values) => write_enumeration(writer, leaf, name, values),
        RustType::Union(members) => write_union(writer, leaf, name, members),
        _ => {}
    }
}

fn write_enumeration(writer: &mut CodeWriter, leaf: YangNode<'_>, name: &str, values: &[String]) {
    let variants = named_variants(values, &mut Vec::new());
    writer.line("");
    writer.line(&format!("/// The values of `{}`.", leaf.name()));
    writer.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]");
    writer.open(&format!("pub enum {name} {{"));
    writer.variants(&variants);
    writer.close("}");
    writer.display_impl(name, |writer| {
        for (variant, value) in &variants {
            writer.line(&format!("Self::{variant} => f.write_str({value:?}),"));
        }
    });
    writer.parse_impl(name, "String", |writer| {
        writer.open("match value {");
        for (variant, value) in &variants {
            writer.line(&format!("{value:?} => Ok(Self::{variant}),"));
        }
        writer.line(&format!("_ => Err({:?}.to_owned()),", invalid_value(leaf)));
        writer.close("}");
    });
}

/// A variant of a union that holds a value of another type.
struct HolderVariant<'a> {
    variant: String,
    /// The Rust type in the variant.
    held: String,
    member: &'a RustType,
}

fn write_union(writer: &mut CodeWriter, leaf: YangNode<'_>, name: &str, members: &[RustType]) {
    let mut taken = Vec::new();
    let mut names = Vec::new();
    for member in members {
        if let RustType::Enumeration(values) = member {
            names = named_variants(values, &mut taken);
        }
    }
    let holders: Vec<HolderVariant<'_>> =
        members.iter().filter_map(|member| holder_variant(member, &mut taken)).collect();
    writer.line("");
    writer.line(&format!("/// The values of `{}`.", leaf.name()));
    writer.line("#[derive(Clone, Debug, PartialEq, Eq, Hash)]");
    writer.open(&format!("pub enum {name} {{"));
    writer.variants(&names);
    for HolderVariant { variant, held, member } in &holders {
        let doc = match member {
            RustType::Number(_) | RustType::Decimal(_) => "A number.",
            RustType::Boolean => "`true` or `false`.",
            RustType::Identity(_) => "An identity.",
            _ => "Any other text.",
        };
        writer.line(&format!("/// {doc}"));
        writer.line(&format!("{variant}({held}),"));
    }
    writer.close("}");
    writer.display_impl(name, |writer| {
        for (variant, value) in &names {
            writer.line(&format!("Self::{variant} => f.write_str({value:?}),"));
        }
        for HolderVariant { variant, .. } in &holders {
            writer.line(&format!("Self::{variant}(value) => std::fmt::Display::fmt(value, f),"));
        }
    });
    writer.parse_impl(name, "String", |writer| write_union_from_str(writer, leaf, &names, &holders));
    for HolderVariant { variant, held, .. } in &holders {
        writer.line("");
        writer.open(&format!("impl From<{held}> for {name} {{"));
        writer.open(&format!("fn from(value: {held}) -> Self {{"));
        writer.line(&format!("Self::{variant}(value)"));
        writer.close("}");
        writer.close("}");
    }
}

/// Writes the body of `from_str` for a union: the catch-all comes last.
fn write_union_from_str(
    writer: &mut CodeWriter,
    leaf: YangNode<'_>,
    names: &[(String, String)],
    holders: &[HolderVariant<'_>],
) {
    for (variant, value) in names {
        writer.open(&format!("if value == {value:?} {{"));
        writer.line(&format!("return Ok(Self::{variant});"));
        writer.close("}");
    }
    let is_catch_all =
        |holder: &&HolderVariant<'_>| matches!(holder.member, RustType::Text | RustType::Identity(_));
    let catch_all = holders.last().filter(is_catch_all);
    for HolderVariant { variant, held, member } in holders {
        let condition = match member {
            _ if catch_all.is_some_and(|last| last.variant == *variant) => continue,
            RustType::Identity(_) => format!("if let Some(known) = {held}::known(value) {{"),
            _ => format!("if let Ok(known) = value.parse::<{held}>() {{"),
        };
        writer.open(&condition);
        writer.line(&format!("return Ok(Self::{variant}(known));"));
        writer.close("}");
    }
    writer.line(&match catch_all {
        Some(HolderVariant { variant, member: RustType::Text, .. }) => {
            format!("Ok(Self::{variant}(value.to_owned()))")
        }
        Some(HolderVariant { variant, held, .. }) => format!("Ok(Self::{variant}({held}::of(value)))"),
        None => format!("Err({:?}.to_owned())", invalid_value(leaf)),
    });
}

fn holder_variant<'a>(member: &'a RustType, taken: &mut Vec<String>) -> Option<HolderVariant<'a>> {
    let variant = match member {
        RustType::Number(_) => "Number",
        RustType::Decimal(_) => "Decimal",
        RustType::Boolean => "Boolean",
        RustType::Identity(_) => "Identity",
        RustType::Text => "Text",
        RustType::Enumeration(_) | RustType::Empty | RustType::Union(_) => return None,
    };
    Some(HolderVariant { variant: unused(variant.to_owned(), taken), held: member.result(""), member })
}

/// Returns a variant for each name, with the name.
fn named_variants(values: &[String], taken: &mut Vec<String>) -> Vec<(String, String)> {
    values.iter().map(|value| (unused(camel_case(value), taken), value.clone())).collect()
}

fn invalid_value(leaf: YangNode<'_>) -> String {
    format!("not a value of `{}`", leaf.name())
}
