//! What values are in Rust.

use confine_yang::{BaseType, IntegerKind, LeafType, SchemaNodeKind, YangNode};

use super::{
    identities::IdentitySets,
    names::{camel, unused},
    one_line,
    writer::CodeWriter,
};

/// How many types a union may have, with those of the unions in it.
pub(super) const MEMBERS: usize = 64;

/// What a value is in Rust.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RustType {
    /// A number of this type.
    Number(&'static str),
    /// A decimal number with so many digits behind the point.
    Decimal(u8),
    Boolean,
    Empty,
    /// One of these names.
    Choice(Vec<String>),
    /// An identity, by the type that stands for it.
    Identity(String),
    /// A value of one of these kinds, no two of which can be taken for each other; text comes last.
    Union(Vec<Self>),
    Text,
}

impl RustType {
    pub(super) fn of(leaf: YangNode<'_>, identities: &IdentitySets) -> Self {
        let Some((node, of)) = leaf.value_type() else { return Self::Text };
        let BaseType::Union(_) = of.base() else { return Self::of_type(node, of, identities) };
        let mut members = Vec::new();
        match collect(node, of, identities, &mut members) {
            true => Self::of_members(members),
            false => Self::Text,
        }
    }

    fn of_type(node: YangNode<'_>, of: &LeafType, identities: &IdentitySets) -> Self {
        match of.base() {
            BaseType::Integer { kind, .. } => Self::Number(match kind {
                IntegerKind::Int8 => "i8",
                IntegerKind::Int16 => "i16",
                IntegerKind::Int32 => "i32",
                IntegerKind::Int64 => "i64",
                IntegerKind::Uint8 => "u8",
                IntegerKind::Uint16 => "u16",
                IntegerKind::Uint32 => "u32",
                IntegerKind::Uint64 => "u64",
            }),
            BaseType::Decimal64 { fraction_digits, .. } => Self::Decimal(*fraction_digits),
            BaseType::Boolean => Self::Boolean,
            BaseType::Empty => Self::Empty,
            BaseType::Enumeration(names) => {
                Self::Choice(names.all().iter().map(|assigned| assigned.name.to_string()).collect())
            }
            base @ BaseType::Identityref(_) => identities
                .type_of(node.schema(), base)
                .map_or(Self::Text, |name| Self::Identity(name.to_owned())),
            _ => Self::Text,
        }
    }

    /// Of the members of a union, where it can be told which one a value is; else text.
    fn of_members(members: Vec<Self>) -> Self {
        let mut kinds: Vec<Self> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for member in members {
            match member {
                // What stands behind a text may be one: the text is tried first.
                _ if kinds.contains(&Self::Text) && member != Self::Text => return Self::Text,
                Self::Choice(more) => more.into_iter().for_each(|name| {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }),
                Self::Empty => return Self::Text,
                other if !kinds.contains(&other) => kinds.push(other),
                _ => {}
            }
        }
        let count = |is: fn(&Self) -> bool| kinds.iter().filter(|kind| is(kind)).count();
        let numbers = count(|kind| matches!(kind, Self::Number(_) | Self::Decimal(_)));
        let is_number =
            |name: &String| name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        let is_boolean = |name: &String| name == "true" || name == "false";
        let are_clear = numbers <= 1
            && count(|kind| matches!(kind, Self::Identity(_))) <= 1
            && !(numbers > 0 && names.iter().any(is_number))
            && !(kinds.contains(&Self::Boolean) && names.iter().any(is_boolean));
        if !are_clear {
            return Self::Text;
        }
        if !names.is_empty() {
            kinds.insert(0, Self::Choice(names));
        }
        // An identity that is not known is whatever nothing else is.
        kinds.sort_by_key(|kind| match kind {
            Self::Identity(_) => 1,
            Self::Text => 2,
            _ => 0,
        });
        match (kinds.pop(), kinds.is_empty()) {
            (Some(only), true) => only,
            (Some(last), false) => {
                kinds.push(last);
                Self::Union(kinds)
            }
            (None, _) => Self::Text,
        }
    }

    /// The type of a value that is read; `own` is that of the leaf alone.
    pub(super) fn result(&self, own: &str) -> String {
        match self {
            Self::Number(name) => (*name).to_owned(),
            Self::Decimal(digits) => format!("sdk::Decimal64<{digits}>"),
            Self::Boolean => "bool".to_owned(),
            Self::Choice(_) | Self::Union(_) => own.to_owned(),
            Self::Identity(name) => format!("identities::{name}"),
            Self::Empty | Self::Text => "String".to_owned(),
        }
    }

    /// The type of an argument.
    pub(super) fn argument(&self, own: &str) -> String {
        match self {
            Self::Empty | Self::Text => "impl std::fmt::Display".to_owned(),
            _ => self.result(own),
        }
    }

    /// Writes the type that the leaf alone has, where it has one.
    pub(super) fn write(&self, writer: &mut CodeWriter, leaf: YangNode<'_>, name: &str) {
        match self {
            Self::Choice(names) => choice(writer, leaf, name, names),
            Self::Union(kinds) => union(writer, leaf, name, kinds),
            _ => {}
        }
    }
}

/// Gathers the members of a union, and of the unions in it; whether those are all.
fn collect(
    node: YangNode<'_>,
    of: &LeafType,
    identities: &IdentitySets,
    members: &mut Vec<RustType>,
) -> bool {
    let mut open = vec![(node, of)];
    for _ in 0..MEMBERS {
        let Some((node, of)) = open.pop() else { return true };
        match (of.base(), node.value_type_of(of)) {
            (BaseType::Union(inner), _) => open.extend(inner.iter().rev().map(|member| (node, &**member))),
            (BaseType::Leafref { .. }, Some(target)) => open.push(target),
            _ => members.push(RustType::of_type(node, of, identities)),
        }
    }
    open.is_empty()
}

pub(super) fn is_leaf(node: YangNode<'_>) -> bool {
    matches!(node.kind(), SchemaNodeKind::Leaf | SchemaNodeKind::LeafList)
}

/// Writes that a type is written by matching on it.
pub(super) fn display(writer: &mut CodeWriter, name: &str, arms: impl FnOnce(&mut CodeWriter)) {
    writer.line("");
    writer.open(&format!("impl std::fmt::Display for {name} {{"));
    writer.open("fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {");
    writer.open("match self {");
    arms(writer);
    writer.close("}");
    writer.close("}");
    writer.close("}");
}

/// Writes how a type is read from `value`.
pub(super) fn from_str(writer: &mut CodeWriter, name: &str, error: &str, body: impl FnOnce(&mut CodeWriter)) {
    writer.line("");
    writer.open(&format!("impl std::str::FromStr for {name} {{"));
    writer.line(&format!("type Err = {error};"));
    writer.line("");
    writer.open(&format!("fn from_str(value: &str) -> Result<Self, {error}> {{"));
    body(writer);
    writer.close("}");
    writer.close("}");
}

/// An enumeration.
fn choice(writer: &mut CodeWriter, leaf: YangNode<'_>, name: &str, values: &[String]) {
    let variants = variants(values, &mut Vec::new());
    writer.line("");
    writer.line(&format!("/// The values of `{}`.", leaf.name()));
    writer.line("#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]");
    writer.open(&format!("pub enum {name} {{"));
    named(writer, &variants);
    writer.close("}");
    display(writer, name, |writer| {
        for (variant, value) in &variants {
            writer.line(&format!("Self::{variant} => f.write_str({value:?}),"));
        }
    });
    from_str(writer, name, "String", |writer| {
        writer.open("match value {");
        for (variant, value) in &variants {
            writer.line(&format!("{value:?} => Ok(Self::{variant}),"));
        }
        writer.line(&format!("_ => Err({:?}.to_owned()),", none_of(leaf)));
        writer.close("}");
    });
}

/// A union of kinds.
fn union(writer: &mut CodeWriter, leaf: YangNode<'_>, name: &str, kinds: &[RustType]) {
    let mut taken = Vec::new();
    let mut names = Vec::new();
    for kind in kinds {
        if let RustType::Choice(values) = kind {
            names = variants(values, &mut taken);
        }
    }
    let holders: Vec<(String, String, &RustType)> = kinds
        .iter()
        .filter_map(|kind| {
            let variant = match kind {
                RustType::Number(_) => "Number",
                RustType::Decimal(_) => "Decimal",
                RustType::Boolean => "Boolean",
                RustType::Identity(_) => "Identity",
                RustType::Text => "Text",
                RustType::Choice(_) | RustType::Empty | RustType::Union(_) => return None,
            };
            Some((unused(variant.to_owned(), &mut taken), kind.result(""), kind))
        })
        .collect();
    writer.line("");
    writer.line(&format!("/// The values of `{}`.", leaf.name()));
    writer.line("#[derive(Clone, Debug, PartialEq, Eq, Hash)]");
    writer.open(&format!("pub enum {name} {{"));
    named(writer, &names);
    for (variant, of, kind) in &holders {
        let what = match kind {
            RustType::Number(_) | RustType::Decimal(_) => "A number.",
            RustType::Boolean => "`true` or `false`.",
            RustType::Identity(_) => "An identity.",
            _ => "Any other text.",
        };
        writer.line(&format!("/// {what}"));
        writer.line(&format!("{variant}({of}),"));
    }
    writer.close("}");
    display(writer, name, |writer| {
        for (variant, value) in &names {
            writer.line(&format!("Self::{variant} => f.write_str({value:?}),"));
        }
        for (variant, ..) in &holders {
            writer.line(&format!("Self::{variant}(value) => std::fmt::Display::fmt(value, f),"));
        }
    });
    from_str(writer, name, "String", |writer| {
        for (variant, value) in &names {
            writer.open(&format!("if value == {value:?} {{"));
            writer.line(&format!("return Ok(Self::{variant});"));
            writer.close("}");
        }
        let ends = |kind: &RustType| matches!(kind, RustType::Text | RustType::Identity(_));
        let last = holders.last().filter(|(.., kind)| ends(kind));
        for (variant, of, kind) in &holders {
            let read = match kind {
                _ if last.is_some_and(|(last, ..)| last == variant) => continue,
                RustType::Identity(_) => format!("if let Some(known) = {of}::known(value) {{"),
                _ => format!("if let Ok(known) = value.parse::<{of}>() {{"),
            };
            writer.open(&read);
            writer.line(&format!("return Ok(Self::{variant}(known));"));
            writer.close("}");
        }
        match last {
            Some((variant, _, RustType::Text)) => {
                writer.line(&format!("Ok(Self::{variant}(value.to_owned()))"))
            }
            Some((variant, of, _)) => writer.line(&format!("Ok(Self::{variant}({of}::of(value)))")),
            None => writer.line(&format!("Err({:?}.to_owned())", none_of(leaf))),
        }
    });
    for (variant, of, _) in &holders {
        writer.line("");
        writer.open(&format!("impl From<{of}> for {name} {{"));
        writer.open(&format!("fn from(value: {of}) -> Self {{"));
        writer.line(&format!("Self::{variant}(value)"));
        writer.close("}");
        writer.close("}");
    }
}

fn variants(values: &[String], taken: &mut Vec<String>) -> Vec<(String, String)> {
    values.iter().map(|value| (unused(camel(value), taken), value.clone())).collect()
}

/// Variants that stand for a name.
pub(super) fn named(writer: &mut CodeWriter, variants: &[(String, String)]) {
    for (variant, value) in variants {
        writer.line(&format!("/// {}", code(value)));
        writer.line(&format!("{variant},"));
    }
}

fn none_of(leaf: YangNode<'_>) -> String {
    format!("it is none of the values of `{}`", leaf.name())
}

fn code(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'"))
}
