//! The values that a leaf may have: descriptions for people and names for completion.

use confine_tree::LexicalForms;

use crate::{
    BaseType, LeafType, StringPattern, YangNode, YangSchema,
    text_form::TextForm,
    types::{ANY_LENGTH, AssignedValues, StringPatterns, ValueRanges},
    value_text::{BOOLEAN, EMPTY, INSTANCE_IDENTIFIER, decimal_text, integer_text, length_text, or},
};

/// The most types that are visited: unions of unions multiply.
const MAX_TYPES: usize = 256;

impl<'a> YangNode<'a> {
    /// Describes the values of the leaf, such as "a number from 0 to 65535 (`uint16`)". A union has one description
    /// per member. Empty if the node has no type.
    pub fn value_forms(self) -> Vec<String> {
        let mut forms = Vec::new();
        for (node, of) in self.value_types(MAX_TYPES).0 {
            let form = format!("{} (`{}`)", form(node.schema(), of), of.name());
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        forms
    }

    /// Returns how many lexical representations a value of the leaf has (section 9.1): the most that a member of a union has.
    pub(crate) fn lexical_forms(self) -> LexicalForms {
        let of_type = |of: &LeafType| match of.base() {
            BaseType::Integer { .. } | BaseType::Decimal64 { .. } => LexicalForms::EqualKeys,
            BaseType::String { form: TextForm::Text, .. }
            | BaseType::Boolean
            | BaseType::Enumeration(_)
            | BaseType::Empty
            | BaseType::InstanceIdentifier { .. }
            // What the target of a leafref is has been looked up.
            | BaseType::Leafref { .. }
            | BaseType::Union(_) => LexicalForms::One,
            BaseType::String { .. }
            | BaseType::Bits(_)
            | BaseType::Binary { .. }
            | BaseType::Identityref(_) => LexicalForms::DifferentKeys,
        };
        let (types, _) = self.value_types(MAX_TYPES);
        types.into_iter().map(|(_, of)| of_type(of)).max().unwrap_or(LexicalForms::One)
    }

    /// Returns the values that have a name: of enumerations, bits and booleans, and identities with their module's own
    /// prefix. Of a union, those of all members.
    pub fn named_values(self) -> Vec<String> {
        let mut values = Vec::new();
        for (node, of) in self.value_types(MAX_TYPES).0 {
            match of.base() {
                BaseType::Enumeration(all) | BaseType::Bits(all) => {
                    values.extend(all.all().iter().map(|value| value.name.to_string()));
                }
                BaseType::Boolean => values.extend(["true".to_owned(), "false".to_owned()]),
                base @ BaseType::Identityref(_) => values.extend(identities(node.schema(), base)),
                _ => {}
            }
        }
        values
    }

    /// Returns the type of the leaf, or those of all members if it is a union, each with the leaf that has it. Leafrefs
    /// are followed, unless their target is unknown. Visits at most this many types, and also returns whether these
    /// were all.
    pub fn value_types(self, most: usize) -> (Vec<(Self, &'a LeafType)>, bool) {
        let mut open: Vec<(Self, &'a LeafType)> = self.leaf_type().map(|of| (self, of)).into_iter().collect();
        let mut found = Vec::new();
        for _ in 0..most {
            let Some((node, of)) = open.pop() else { break };
            match (of.base(), node.value_type_of(of)) {
                (BaseType::Union(members), _) => {
                    open.extend(members.iter().rev().map(|member| (node, &**member)));
                }
                (BaseType::Leafref { .. }, Some(target)) => open.push(target),
                _ => found.push((node, of)),
            }
        }
        (found, open.is_empty())
    }
}

fn identities<'a>(schema: &'a YangSchema, base: &BaseType) -> impl Iterator<Item = String> + use<'a> {
    schema.identities(base).into_iter().map(|(module, name)| format!("{}:{name}", module.prefix()))
}

fn form(schema: &YangSchema, of: &LeafType) -> String {
    match of.base() {
        BaseType::Integer { range, .. } => integer_text(range),
        BaseType::Decimal64 { fraction_digits, range } => decimal_text(*fraction_digits, range),
        BaseType::String { length, patterns, .. } => {
            format!("text{}{}", of_length(length, "characters"), matching(patterns))
        }
        BaseType::Boolean => BOOLEAN.to_owned(),
        BaseType::Enumeration(values) => format!("one of {}", named(values)),
        BaseType::Bits(bits) => format!("any of {}, each once, separated by spaces", named(bits)),
        BaseType::Binary { length } => format!("bytes in base64{}", of_length(length, "bytes")),
        BaseType::Identityref(_) => {
            let names = identities(schema, of.base()).map(|name| format!("`{name}`")).collect();
            format!("an identity: {}", or(names))
        }
        BaseType::Empty => EMPTY.to_owned(),
        BaseType::InstanceIdentifier { .. } => INSTANCE_IDENTIFIER.to_owned(),
        BaseType::Leafref { path, .. } => format!("a value of `{path}`"),
        // Each member has its own description.
        BaseType::Union(_) => String::new(),
    }
}

fn named(values: &AssignedValues) -> String {
    or(values.all().iter().map(|value| format!("`{}`", &value.name)).collect())
}

fn of_length(length: &ValueRanges, what: &str) -> String {
    let is_any = length.parts() == [ANY_LENGTH];
    if is_any { String::new() } else { format!(" of {} {what}", length_text(length)) }
}

fn matching(patterns: &StringPatterns) -> String {
    let pattern = |pattern: &StringPattern| {
        let matches = if pattern.is_inverted() { "does not match" } else { "matches" };
        format!("{matches} `{}`", pattern.text())
    };
    let all: Vec<String> = patterns.iter().map(pattern).collect();
    if all.is_empty() { String::new() } else { format!(" that {}", all.join(" and ")) }
}
