//! The values that a leaf may have: descriptions for people and names for completion.

use crate::{
    BaseType, LeafType, StringPattern, YangNode, YangSchema,
    number::decimal64_text,
    types::{ANY_LENGTH, AssignedValues, StringPatterns, ValueRanges},
    value_text::{length_text, or, ranges_text},
};

/// The most types that are visited: unions of unions multiply.
const MAX_TYPES: usize = 256;

impl<'a> YangNode<'a> {
    /// Describes the values of the leaf, such as "a number from 0 to 65535 (`uint16`)". A union has one description
    /// per member. Empty if the node has no type.
    pub fn value_forms(self) -> Vec<String> {
        let mut forms = Vec::new();
        self.each_type(&mut |schema, of| {
            let form = format!("{} (`{}`)", form(schema, of), of.name());
            if !forms.contains(&form) {
                forms.push(form);
            }
        });
        forms
    }

    /// Returns the values that have a name: of enumerations, bits and booleans, and identities with their module's own
    /// prefix. Of a union, those of all members.
    pub fn named_values(self) -> Vec<String> {
        let mut values = Vec::new();
        self.each_type(&mut |schema, of| match of.base() {
            BaseType::Enumeration(all) | BaseType::Bits(all) => {
                values.extend(all.all().iter().map(|value| value.name.to_string()));
            }
            BaseType::Boolean => values.extend(["true".to_owned(), "false".to_owned()]),
            base @ BaseType::Identityref(_) => values.extend(identities(schema, base)),
            _ => {}
        });
        values
    }

    /// Visits the type of the leaf, or each member if it is a union. Leafrefs are followed.
    fn each_type(self, each: &mut impl FnMut(&'a YangSchema, &'a LeafType)) {
        let mut budget = MAX_TYPES;
        let mut open: Vec<(Self, &'a LeafType)> = self.leaf_type().map(|of| (self, of)).into_iter().collect();
        while let Some((node, of)) = open.pop() {
            let Some(left) = budget.checked_sub(1) else { return };
            budget = left;
            match of.base() {
                BaseType::Union(members) => open.extend(members.iter().rev().map(|member| (node, &**member))),
                BaseType::Leafref { .. } => match node.value_type_of(of) {
                    Some(target) => open.push(target),
                    // The target is unknown.
                    None => each(self.schema(), of),
                },
                _ => each(self.schema(), of),
            }
        }
    }
}

fn identities<'a>(schema: &'a YangSchema, base: &BaseType) -> impl Iterator<Item = String> + use<'a> {
    schema.identities(base).into_iter().map(|(module, name)| format!("{}:{name}", module.prefix()))
}

fn form(schema: &YangSchema, of: &LeafType) -> String {
    match of.base() {
        BaseType::Integer { range, .. } => format!("a number {}", ranges_text(range, |n| n.to_string())),
        BaseType::Decimal64 { fraction_digits, range } => {
            let text = |n: i128| {
                i64::try_from(n).map_or_else(|_| n.to_string(), |n| decimal64_text(n, *fraction_digits))
            };
            let digits = if *fraction_digits == 1 { "digit" } else { "digits" };
            let range = ranges_text(range, text);
            format!(
                "a decimal number {range} with at most {fraction_digits} {digits} after the decimal point"
            )
        }
        BaseType::String { length, patterns } => {
            format!("text{}{}", of_length(length, "characters"), matching(patterns))
        }
        BaseType::Boolean => "`true` or `false`".to_owned(),
        BaseType::Enumeration(values) => format!("one of {}", named(values)),
        BaseType::Bits(bits) => format!("any of {}, each once, separated by spaces", named(bits)),
        BaseType::Binary { length } => format!("bytes in base64{}", of_length(length, "bytes")),
        BaseType::Identityref(_) => {
            let names = identities(schema, of.base()).map(|name| format!("`{name}`")).collect();
            format!("an identity: {}", or(names))
        }
        BaseType::Empty => "no value: the leaf is present or absent".to_owned(),
        BaseType::InstanceIdentifier { .. } => {
            "a path to a node, such as `/p:list[p:key='1']/p:leaf`".to_owned()
        }
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
