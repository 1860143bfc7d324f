//! The Rust type for the values of a leaf.

use confine_yang::{BaseType, LeafType, YangNode};

use crate::{identities::IdentitySets, nodes::MAX_UNION_MEMBERS};

/// The Rust type for the values of a leaf.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RustType {
    /// The primitive integer of this name.
    Number(String),
    /// A decimal number with this many fraction digits.
    Decimal(u8),
    Boolean,
    Empty,
    /// An enum of these values.
    Enumeration(Vec<String>),
    /// An identity, as the enum of this name.
    Identity(String),
    /// A value of one of these types, of which no two accept the same text. The catch-all comes last.
    Union(Vec<Self>),
    Text,
}

impl RustType {
    pub(crate) fn of(leaf: YangNode<'_>, identities: &IdentitySets) -> Self {
        let Some((node, of)) = leaf.value_type() else { return Self::Text };
        let BaseType::Union(_) = of.base() else { return Self::of_type(node, of, identities) };
        match leaf.value_types(MAX_UNION_MEMBERS) {
            (members, true) => {
                let types = members.into_iter().map(|(node, of)| Self::of_type(node, of, identities));
                Self::of_members(types)
            }
            (_, false) => Self::Text,
        }
    }

    fn of_type(node: YangNode<'_>, of: &LeafType, identities: &IdentitySets) -> Self {
        match of.base() {
            BaseType::Integer { kind, .. } => {
                Self::Number(kind.name().replace("uint", "u").replace("int", "i"))
            }
            BaseType::Decimal64 { fraction_digits, .. } => Self::Decimal(*fraction_digits),
            BaseType::Boolean => Self::Boolean,
            BaseType::Empty => Self::Empty,
            BaseType::Enumeration(names) => {
                Self::Enumeration(names.all().iter().map(|assigned| assigned.name.to_string()).collect())
            }
            base @ BaseType::Identityref(_) => identities
                .type_of(node.schema(), base)
                .map_or(Self::Text, |name| Self::Identity(name.to_owned())),
            _ => Self::Text,
        }
    }

    /// Returns the type of a union with these members: text, unless each value belongs to one member.
    fn of_members(members: impl Iterator<Item = Self>) -> Self {
        let mut kinds: Vec<Self> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for member in members {
            match member {
                // A union tries its members in order, so text before other members accepts their values too.
                _ if kinds.contains(&Self::Text) && member != Self::Text => return Self::Text,
                Self::Enumeration(more) => more.into_iter().for_each(|name| {
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
        let are_distinct = numbers <= 1
            && count(|kind| matches!(kind, Self::Identity(_))) <= 1
            && !(numbers > 0 && names.iter().any(is_number))
            && !(kinds.contains(&Self::Boolean) && names.iter().any(is_boolean));
        if !are_distinct {
            return Self::Text;
        }
        if !names.is_empty() {
            kinds.insert(0, Self::Enumeration(names));
        }
        // An unknown identity can be any text that no other member accepts.
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

    /// Returns the type of a value that is read; `own_type` is the leaf's own enum.
    pub(crate) fn result(&self, own_type: &str) -> String {
        match self {
            Self::Number(name) => name.clone(),
            Self::Decimal(digits) => format!("sdk::Decimal64<{digits}>"),
            Self::Boolean => "bool".to_owned(),
            Self::Enumeration(_) | Self::Union(_) => own_type.to_owned(),
            Self::Identity(name) => format!("identities::{name}"),
            Self::Empty | Self::Text => "String".to_owned(),
        }
    }

    /// Returns the type of an argument.
    pub(crate) fn argument(&self, own_type: &str) -> String {
        match self {
            Self::Empty | Self::Text => "impl std::fmt::Display".to_owned(),
            _ => self.result(own_type),
        }
    }
}
