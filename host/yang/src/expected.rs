//! What values a leaf may have, for people and for who completes what they enter.

use crate::{
    Base, Node, Schema, Type,
    number::decimal64_text,
    types::{ANY_LENGTH, Assignments, Patterns, Ranges},
    value::{length_text, or, ranges_text},
};

/// How many types are gone through: unions of unions multiply.
const MOST: usize = 256;

impl<'a> Node<'a> {
    /// What its values are, each way in words: of a union, each member is a way. Empty where it has no type.
    ///
    /// "a number from 0 to 65535 (`uint16`)", "one of `up` or `down` (`state`)"
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

    /// The values that have a name: those of enumerations, bits, identities with the prefix that their module
    /// calls itself by, `true` and `false`. Of a union, those of all members.
    pub fn named_values(self) -> Vec<String> {
        let mut values = Vec::new();
        self.each_type(&mut |schema, of| match of.base() {
            Base::Enumeration(all) | Base::Bits(all) => {
                values.extend(all.all().iter().map(|value| value.name.to_string()));
            }
            Base::Boolean => values.extend(["true".to_owned(), "false".to_owned()]),
            base @ Base::Identityref(_) => values.extend(identities(schema, base)),
            _ => {}
        });
        values
    }

    /// Goes through its type, or the members of the union that it is; leafrefs are followed.
    fn each_type(self, each: &mut impl FnMut(&'a Schema, &'a Type)) {
        let mut budget = MOST;
        let mut open: Vec<(Self, &'a Type)> = self.leaf_type().map(|of| (self, of)).into_iter().collect();
        while let Some((node, of)) = open.pop() {
            let Some(left) = budget.checked_sub(1) else { return };
            budget = left;
            match of.base() {
                Base::Union(members) => open.extend(members.iter().rev().map(|member| (node, &**member))),
                Base::Leafref { .. } => match node.value_type_of(of) {
                    Some(target) => open.push(target),
                    // It leads to what is not known.
                    None => each(self.schema(), of),
                },
                _ => each(self.schema(), of),
            }
        }
    }
}

fn identities<'a>(schema: &'a Schema, base: &Base) -> impl Iterator<Item = String> + use<'a> {
    schema.identities(base).into_iter().map(|(module, name)| format!("{}:{name}", module.prefix()))
}

fn form(schema: &Schema, of: &Type) -> String {
    match of.base() {
        Base::Integer { range, .. } => format!("a number {}", ranges_text(range, |n| n.to_string())),
        Base::Decimal64 { fraction_digits, range } => {
            let text = |n: i128| {
                i64::try_from(n).map_or_else(|_| n.to_string(), |n| decimal64_text(n, *fraction_digits))
            };
            let digits = if *fraction_digits == 1 { "digit" } else { "digits" };
            let range = ranges_text(range, text);
            format!("a decimal number {range} with at most {fraction_digits} {digits} behind the point")
        }
        Base::String { length, patterns } => {
            format!("text{}{}", of_length(length, "characters"), matching(patterns))
        }
        Base::Boolean => "`true` or `false`".to_owned(),
        Base::Enumeration(values) => format!("one of {}", named(values)),
        Base::Bits(bits) => format!("any of {}, each once, split by spaces", named(bits)),
        Base::Binary { length } => format!("bytes in base64{}", of_length(length, "bytes")),
        Base::Identityref(_) => {
            let names = identities(schema, of.base()).map(|name| format!("`{name}`")).collect();
            format!("an identity: {}", or(names))
        }
        Base::Empty => "nothing: the leaf is there or not".to_owned(),
        Base::InstanceIdentifier { .. } => "a path to a node, such as `/p:list[p:key='1']/p:leaf`".to_owned(),
        Base::Leafref { path, .. } => format!("a value of `{path}`"),
        // Its members are told one by one.
        Base::Union(_) => String::new(),
    }
}

fn named(values: &Assignments) -> String {
    or(values.all().iter().map(|value| format!("`{}`", &value.name)).collect())
}

fn of_length(length: &Ranges, what: &str) -> String {
    let is_any = length.parts() == [ANY_LENGTH];
    if is_any { String::new() } else { format!(" of {} {what}", length_text(length)) }
}

fn matching(patterns: &Patterns) -> String {
    let pattern = |pattern: &crate::Pattern| {
        let matches = if pattern.is_inverted() { "does not match" } else { "matches" };
        format!("{matches} `{}`", pattern.text())
    };
    let all: Vec<String> = patterns.iter().map(pattern).collect();
    if all.is_empty() { String::new() } else { format!(" that {}", all.join(" and ")) }
}
