//! Values: whether a text is one of a type, and its canonical form (RFC 7950, section 9).

use std::{borrow::Cow, cell::Cell};

use crate::{
    BaseType, LeafType, YangNode, YangSchema,
    link::ModuleId,
    nearest::did_you_mean,
    number,
    shown::ShownText,
    types::{ANY_LENGTH, AssignedValues, Identity, IntegerKind, ValueRanges},
};

/// That a text is not a value of a leaf.
///
/// It is written as "`fast` is not a value of `mtu`: a number from 0 to 65535 (`uint16`)".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a value of `{leaf}`: {expected}", ShownText(value))]
pub struct ValueMismatch {
    /// The leaf's name.
    pub leaf: Box<str>,
    /// The text.
    pub value: Box<str>,
    /// What a value would be, such as "a number from 0 to 65535 (`uint16`)".
    pub expected: String,
    /// The same in the words of Clixon's backend, such as "'fast' is not a number".
    pub backend: String,
}

/// What a value would be, in our words and in those of Clixon.
pub(crate) struct ValueFault {
    expected: String,
    /// What was meant perhaps, as the end of the sentence; may be empty.
    hint: String,
    backend: String,
}

impl ValueFault {
    pub(crate) fn of(self, leaf: &str, value: &str) -> ValueMismatch {
        let expected = self.expected + &self.hint;
        ValueMismatch { leaf: leaf.into(), value: value.into(), expected, backend: self.backend }
    }
}

/// Reads values of one schema with the prefixes of one document.
pub(crate) struct ValueReader<'a> {
    schema: &'a YangSchema,
    namespace: &'a dyn Fn(&str) -> Option<String>,
    /// How many types may still be tried.
    budget: Cell<usize>,
}

/// How many types a value may be tried as: unions of unions multiply. Those of published models have some thirty
/// members.
const TYPES_TRIED: usize = 4_096;

impl<'a> ValueReader<'a> {
    pub(crate) fn new(schema: &'a YangSchema, namespace: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { schema, namespace, budget: Cell::new(TYPES_TRIED) }
    }

    /// The canonical form of a value of a type that a node has. After too many types have been tried, any text is
    /// one: the backend decides.
    pub(crate) fn read(&self, node: YangNode<'_>, of: &LeafType, value: &str) -> Result<String, ValueFault> {
        let Some(left) = self.budget.get().checked_sub(1) else { return Ok(value.to_owned()) };
        self.budget.set(left);
        self.read_base(node, of, value).map_err(|wrong| {
            let name = of.name();
            // The members of a union and the target of a leafref say their own names.
            let is_told = matches!(name, "union" | "leafref");
            if is_told {
                wrong
            } else {
                ValueFault { expected: format!("{} (`{name}`)", wrong.expected), ..wrong }
            }
        })
    }

    fn read_base(&self, node: YangNode<'_>, of: &LeafType, value: &str) -> Result<String, ValueFault> {
        match of.base() {
            BaseType::Integer { kind, range } => integer(*kind, range, value),
            BaseType::Decimal64 { fraction_digits, range } => decimal64(*fraction_digits, range, value),
            BaseType::String { length, patterns } => {
                check_length(length, value.chars().count(), "characters")?;
                match patterns.iter().find(|pattern| !pattern.permits(value)) {
                    None => Ok(value.to_owned()),
                    Some(pattern) => Err(ValueFault {
                        expected: format!(
                            "text that {} `{}`",
                            if pattern.is_inverted() { "does not match" } else { "matches" },
                            ShownText(pattern.text())
                        ),
                        hint: String::new(),
                        backend: format!("regexp match fail: pattern does not match {value}"),
                    }),
                }
            }
            BaseType::Boolean => match value {
                "true" | "false" => Ok(value.to_owned()),
                _ => Err(ValueFault {
                    expected: "`true` or `false`".to_owned(),
                    hint: String::new(),
                    backend: format!("'{value}' is not a boolean value"),
                }),
            },
            BaseType::Enumeration(values) => match values.get(value).is_some() {
                true => Ok(value.to_owned()),
                false => Err(ValueFault {
                    expected: format!("one of {}", listed(values)),
                    hint: nearest_of(value, values),
                    backend: format!("'{value}' does not match enumeration"),
                }),
            },
            BaseType::Bits(bits) => read_bits(bits, value),
            BaseType::Binary { length } => {
                let (canonical, bytes) = base64(value).ok_or_else(|| ValueFault {
                    expected: "bytes in base64".to_owned(),
                    hint: String::new(),
                    backend: format!("'{value}' is not base64"),
                })?;
                check_length(length, bytes, "bytes")?;
                Ok(canonical)
            }
            BaseType::Leafref { .. } => match node.value_type_of(of) {
                Some((target, of)) => self.read(target, of, value),
                // It leads to what is not known: any text may be there.
                None => Ok(value.to_owned()),
            },
            BaseType::Identityref(bases) => self.identity(node, bases, value),
            BaseType::Empty => match value {
                "" => Ok(String::new()),
                _ => Err(ValueFault {
                    expected: "nothing: the leaf is there or not".to_owned(),
                    hint: String::new(),
                    backend: format!("'{value}' is not empty"),
                }),
            },
            BaseType::Union(members) => {
                let mut expected = Vec::new();
                let mut backend = String::new();
                for member in members.iter() {
                    match self.read(node, member, value) {
                        Ok(canonical) => return Ok(canonical),
                        Err(wrong) => {
                            expected.push(wrong.expected + &wrong.hint);
                            backend = wrong.backend;
                        }
                    }
                }
                Err(ValueFault { expected: expected.join("; or "), hint: String::new(), backend })
            }
            BaseType::InstanceIdentifier { .. } => match is_instance_identifier(value) {
                true => Ok(value.to_owned()),
                false => Err(ValueFault {
                    expected: "a path to a node, such as `/p:list[p:key='1']/p:leaf`".to_owned(),
                    hint: String::new(),
                    backend: format!("'{value}' is not an instance-identifier"),
                }),
            },
        }
    }

    /// An identity keeps the prefix it is written with: its form depends on the document, so it has no
    /// canonical one (section 9.10.3).
    fn identity(&self, node: YangNode<'_>, bases: &[Identity], value: &str) -> Result<String, ValueFault> {
        let (prefix, name) = value.split_once(':').unwrap_or(("", value));
        let by_namespace = |namespace: String| self.schema.links.module_by_namespace(&namespace);
        let named: Option<ModuleId> = (self.namespace)(prefix).and_then(by_namespace);
        // Without a prefix it may mean the leaf's own module, as Clixon takes it.
        let own = Some(node.module_id()).filter(|_| prefix.is_empty());
        let is_derived = |module| {
            self.schema
                .identity(module, name)
                .is_some_and(|identity| bases.iter().all(|&base| self.schema.is_derived(identity, base)))
        };
        if [named, own].into_iter().flatten().any(is_derived) {
            return Ok(value.to_owned());
        }
        let of_base = |&base: &Identity| {
            let base = self.schema.identity_definition(base)?;
            Some(format!("`{}:{}`", self.schema.links.module(base.module)?.name(), base.name))
        };
        let base_names: Vec<String> = bases.iter().filter_map(of_base).collect();
        let bases_name = base_names.join(" and ");
        let derived = self.schema.identities(&BaseType::Identityref(bases.into()));
        let hint = if !prefix.is_empty() && named.is_none() && derived.iter().any(|(_, known)| *known == name)
        {
            format!("; no module is bound to the prefix `{prefix}`")
        } else {
            match derived.iter().find(|(_, known)| *known == name) {
                Some((module, known)) => {
                    format!("; did you mean `{known}` of the namespace `{}`?", module.namespace())
                }
                None => did_you_mean(name, derived.iter().map(|(_, known)| *known)),
            }
        };
        Err(ValueFault {
            expected: format!("an identity derived from {bases_name}"),
            hint,
            backend: format!(
                "Identityref validation failed, {value} not derived from {}",
                bases
                    .first()
                    .and_then(|&base| self.schema.identity_definition(base))
                    .map_or("", |base| &*base.name)
            ),
        })
    }
}

fn integer(kind: IntegerKind, range: &ValueRanges, value: &str) -> Result<String, ValueFault> {
    let number = number::integer(value);
    match number {
        Some(number) if range.contains(number) => Ok(number.to_string()),
        _ => {
            let bounds = kind.bounds();
            let (least, most) = bounds;
            let octal = value.trim_start_matches(['-', '+']).strip_prefix('0');
            let octal = octal.filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
            let hint = match (number, octal) {
                (None, Some(_)) => "; a number that begins with `0` is octal".to_owned(),
                _ => String::new(),
            };
            Err(ValueFault {
                expected: format!("a number {}", ranges_text(range, |n| n.to_string())),
                hint,
                backend: match number {
                    None => format!("'{value}' is not a number"),
                    Some(n) if n < least || n > most => {
                        format!("Number {value} out of range: {least} - {most}")
                    }
                    Some(n) => {
                        format!("Number {n} out of range: {}", backend_ranges(range, |n| n.to_string()))
                    }
                },
            })
        }
    }
}

fn decimal64(fraction_digits: u8, range: &ValueRanges, value: &str) -> Result<String, ValueFault> {
    let text = |n: i128| {
        i64::try_from(n).map_or_else(|_| n.to_string(), |n| number::decimal64_text(n, fraction_digits))
    };
    let number = number::decimal64(value, fraction_digits);
    match number {
        Some(number) if range.contains(number.into()) => Ok(number::decimal64_text(number, fraction_digits)),
        _ => Err(ValueFault {
            expected: format!(
                "a decimal number {} with at most {fraction_digits} digit{} behind the point",
                ranges_text(range, text),
                if fraction_digits == 1 { "" } else { "s" },
            ),
            hint: String::new(),
            backend: match number {
                None => format!("'{value}' is not a number"),
                Some(n) => format!("Number {} out of range: {}", text(n.into()), backend_ranges(range, text)),
            },
        }),
    }
}

fn check_length(length: &ValueRanges, count: usize, what: &str) -> Result<(), ValueFault> {
    if i128::try_from(count).is_ok_and(|count| length.contains(count)) {
        return Ok(());
    }
    Err(ValueFault {
        expected: format!("{} {what}, not {count}", length_text(length)),
        hint: String::new(),
        backend: format!("String length {count} out of range: {}", backend_ranges(length, |n| n.to_string())),
    })
}

/// "1 to 4, 8 or at least 10".
pub(crate) fn length_text(length: &ValueRanges) -> String {
    let parts = length.parts().iter().map(|&(from, to)| match (from, to) {
        (from, to) if from == to => from.to_string(),
        (from, to) if to == ANY_LENGTH.1 => format!("at least {from}"),
        (from, to) => format!("{from} to {to}"),
    });
    or(parts.collect())
}

/// "from 1 to 4, 8 or from 10 to 20".
pub(crate) fn ranges_text(ranges: &ValueRanges, text: impl Fn(i128) -> String) -> String {
    let part = |&(from, to): &(i128, i128)| {
        if from == to { text(from) } else { format!("from {} to {}", text(from), text(to)) }
    };
    or(ranges.parts().iter().map(part).collect())
}

/// "1 - 4, 8 - 8", as Clixon writes ranges.
fn backend_ranges(ranges: &ValueRanges, text: impl Fn(i128) -> String) -> String {
    let parts: Vec<String> =
        ranges.parts().iter().map(|&(from, to)| format!("{} - {}", text(from), text(to))).collect();
    parts.join(", ")
}

/// "a, b or c".
pub(crate) fn or(mut parts: Vec<String>) -> String {
    match parts.pop() {
        Some(last) if !parts.is_empty() => format!("{} or {last}", parts.join(", ")),
        last => last.unwrap_or_default(),
    }
}

/// The first names, and how many there are if that is not all.
fn listed(values: &AssignedValues) -> String {
    const LISTED: usize = 10;
    let names = values.all().iter().take(LISTED).map(|value| format!("`{}`", value.name)).collect();
    match values.all().len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{} or {more} others", {
            let names: Vec<String> = names;
            names.join(", ")
        }),
        _ => or(names),
    }
}

fn nearest_of(name: &str, values: &AssignedValues) -> String {
    const LISTED: usize = 10;
    // Those that are listed are seen anyway.
    if values.all().len() <= LISTED {
        String::new()
    } else {
        did_you_mean(name, values.all().iter().map(|value| &*value.name))
    }
}

/// Bits in the order of their positions, each once (section 9.7.2).
fn read_bits(bits: &AssignedValues, value: &str) -> Result<String, ValueFault> {
    let mut set = vec![false; bits.all().len()];
    for word in value.split_whitespace() {
        let is_set = bits.get(word).and_then(|(place, _)| set.get_mut(place));
        match is_set {
            Some(is_set) if !*is_set => *is_set = true,
            _ => {
                return Err(ValueFault {
                    expected: format!(
                        "any of {}, each once, split by spaces{}",
                        listed(bits),
                        nearest_of(word, bits)
                    ),
                    hint: String::new(),
                    backend: format!("'{word}' does not match enumeration"),
                });
            }
        }
    }
    let names: Vec<&str> =
        bits.all().iter().zip(&set).filter(|(_, is_set)| **is_set).map(|(bit, _)| &*bit.name).collect();
    Ok(names.join(" "))
}

/// Base64 without white space (section 9.8.2, RFC 4648 section 4), and how many bytes it stands for.
fn base64(value: &str) -> Option<(String, usize)> {
    let compact: Cow<'_, str> = if value.contains(char::is_whitespace) {
        Cow::Owned(value.split_whitespace().collect())
    } else {
        Cow::Borrowed(value)
    };
    let digits = compact.trim_end_matches('=');
    let padding = compact.len() - digits.len();
    let digit = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let are_digits = digits.bytes().all(|b| digit(b).is_some());
    // The bits behind the last byte are zero, so that one value has one form.
    let unused = match padding {
        0 => 0,
        1 => 0b11,
        2 => 0b1111,
        _ => return None,
    };
    let is_canonical = digits.bytes().last().and_then(digit).is_none_or(|last| last & unused == 0);
    let is_whole = compact.len().is_multiple_of(4) && (digits.len() + padding == compact.len());
    (are_digits && is_canonical && is_whole && (padding == 0 || !digits.is_empty()))
        .then(|| (compact.to_string(), compact.len() / 4 * 3 - padding))
}

/// Whether the text is a path as section 9.13 says: steps with names, and predicates with keys, values or positions.
fn is_instance_identifier(value: &str) -> bool {
    let mut rest = value.trim();
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let Some(step) = rest.strip_prefix('/') else { return false };
        let end = step.find(['/', '[']).unwrap_or(step.len());
        let (name, after) = step.split_at(end);
        if !is_node_name(name.trim()) {
            return false;
        }
        rest = after;
        while let Some(predicate) = rest.strip_prefix('[') {
            let Some(after) = predicate_end(predicate) else { return false };
            rest = after.trim_start();
        }
    }
    true
}

fn is_node_name(name: &str) -> bool {
    name.splitn(2, ':').all(crate::lexer::is_identifier)
}

/// What follows a predicate: `1]`, `.='v']` or `p:key='v']`.
fn predicate_end(predicate: &str) -> Option<&str> {
    let predicate = predicate.trim_start();
    let digits = predicate.trim_start_matches(|c: char| c.is_ascii_digit());
    if digits.len() < predicate.len() {
        return digits.trim_start().strip_prefix(']');
    }
    let (name, value) = predicate.split_once('=')?;
    let name = name.trim_end();
    if name != "." && !is_node_name(name) {
        return None;
    }
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (_, after) = value.get(1..)?.split_once(quote)?;
    after.trim_start().strip_prefix(']')
}
