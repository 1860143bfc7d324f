//! Values: whether a text is a value of a type, and its canonical form (RFC 7950, section 9).

use std::cell::Cell;

use confine_tree::BoundValue;

use crate::{
    BaseType, LeafType, YangNode, YangSchema,
    lexical::{base64, is_instance_identifier},
    link::ModuleId,
    number,
    shown_text::ShownText,
    spelling::did_you_mean,
    types::{AssignedValues, Identity, IntegerKind, StringPatterns, ValueRanges},
    value_text::{
        BOOLEAN, EMPTY, INSTANCE_IDENTIFIER, backend_ranges, decimal, decimal_text, integer_text,
        length_text, or,
    },
};

/// The error for a text that is not a value of a leaf, such as "`fast` is not a value of `mtu`: a number from 0 to
/// 65535 (`uint16`)".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a value of `{leaf}`: {expected}", ShownText(value))]
pub struct ValueMismatch {
    /// The leaf's name.
    pub leaf: Box<str>,
    /// The text.
    pub value: Box<str>,
    /// What a value is, such as "a number from 0 to 65535 (`uint16`)".
    pub expected: String,
    /// The message of Clixon's backend for the same error, such as "'fast' is not a number".
    pub backend: String,
}

/// Why a text is not a value of a type, in Confine's words and in Clixon's.
pub(crate) struct ValueFault {
    expected: String,
    /// The end of the message: a suggestion; may be empty.
    hint: String,
    backend: String,
}

impl ValueFault {
    fn new(expected: impl Into<String>, backend: String) -> Self {
        Self { expected: expected.into(), hint: String::new(), backend }
    }

    fn into_mismatch(self, leaf: &str, value: &str) -> ValueMismatch {
        let expected = self.expected + &self.hint;
        ValueMismatch { leaf: leaf.into(), value: value.into(), expected, backend: self.backend }
    }
}

/// The most unions in unions that [`YangNode::type_of_value`] follows.
const MAX_NESTED_UNIONS: usize = 32;

/// The most types that one value is checked against: unions of unions multiply. Those of published models have about
/// thirty members.
const MAX_TYPES_TRIED: usize = 4_096;

/// The most work that the patterns of one value may take (see [`StringPattern::cost`](crate::pattern::StringPattern)), less
/// than half a second: 128 KiB of text for an ordinary pattern, 2 KiB for one of a megabyte.
const MAX_PATTERN_COST: u64 = 1 << 31;

/// The most bytes of a value in the words of Clixon's backend.
const MAX_SHOWN: usize = 1 << 10;

impl<'a> YangNode<'a> {
    /// Returns the type that a value has: of a union, the first member that accepts it (section 9.12); of a leafref,
    /// the type of its target. Returns `None` if no type accepts the value, or if unions are nested too deep.
    pub fn type_of_value(
        self,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Option<&'a LeafType> {
        let (mut node, mut of) = self.value_type()?;
        let reader = ValueReader::new(self.schema(), namespace);
        for _ in 0..MAX_NESTED_UNIONS {
            let BaseType::Union(members) = of.base() else { return Some(of) };
            let member = members.iter().find(|member| reader.read(node, member, value).is_ok())?;
            (node, of) = node.value_type_of(member)?;
        }
        None
    }

    /// Returns the canonical form of a value (section 9.1). `namespace` returns the namespace of a prefix in the value,
    /// including the empty prefix. If the type is not known, or the node is not a leaf, the value stays as it is.
    ///
    /// # Errors
    /// Fails if the text is not a value of the type.
    pub fn canonical(
        self,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueMismatch> {
        self.read(value, ValueReader::new(self.schema(), namespace))
    }

    /// As [`canonical`](Self::canonical), with integers as Clixon's backend reads them, and the defaults of YANG modules are
    /// written (section 9.2.1): `010` is 8, and `0x10` is 16.
    ///
    /// # Errors
    /// Fails if the text is not a value of the type.
    pub fn canonical_in_c(
        self,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, ValueMismatch> {
        let reader = ValueReader { notation: Notation::C, ..ValueReader::new(self.schema(), namespace) };
        self.read(value, reader)
    }

    /// Returns the form in which equal values are equal: the canonical one, in which an identity has the prefix that its own
    /// module declares, with its namespace. A prefix that `namespace` does not know may be that one already. None if the text
    /// is not a value of the type, or the node is not a leaf.
    pub fn normal(self, value: &str, namespace: &dyn Fn(&str) -> Option<String>) -> Option<BoundValue> {
        self.read_normal(value, ValueReader::new(self.schema(), namespace))
    }

    /// As [`normal`](Self::normal), of a default in a module, whose integers are written as in C (section 9.2.1).
    pub(crate) fn normal_default(
        self,
        value: &str,
        namespace: &dyn Fn(&str) -> Option<String>,
    ) -> Option<BoundValue> {
        self.read_normal(
            value,
            ValueReader { notation: Notation::C, ..ValueReader::new(self.schema(), namespace) },
        )
    }

    fn read_normal(self, value: &str, reader: ValueReader<'_>) -> Option<BoundValue> {
        let reader = ValueReader { normalizes: true, ..reader };
        let value = reader.read(self, self.leaf_type()?, value).ok()?;
        let module = reader.identity.get().and_then(|module| self.schema().links.module(module));
        let bindings = module.map(|module| (module.prefix().to_owned(), module.namespace().to_owned()));
        Some(BoundValue { value, bindings: bindings.into_iter().collect() })
    }

    fn read(self, value: &str, reader: ValueReader<'_>) -> Result<String, ValueMismatch> {
        let Some(of) = self.leaf_type() else { return Ok(value.to_owned()) };
        reader.read(self, of, value).map_err(|fault| fault.into_mismatch(self.name(), value))
    }
}

/// How integers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    /// As values in a datastore: decimal.
    Value,
    /// As in C.
    C,
}

/// Checks values of one schema, with the prefixes of one document.
struct ValueReader<'a> {
    schema: &'a YangSchema,
    namespace: &'a dyn Fn(&str) -> Option<String>,
    notation: Notation,
    /// Whether identities get the prefix of their own module.
    normalizes: bool,
    /// The module of the identity that was read.
    identity: Cell<Option<ModuleId>>,
    /// The number of types that may still be tried.
    budget: Cell<usize>,
    /// How much work patterns may still take.
    pattern_budget: Cell<u64>,
}

impl<'a> ValueReader<'a> {
    fn new(schema: &'a YangSchema, namespace: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            schema,
            namespace,
            notation: Notation::Value,
            normalizes: false,
            identity: Cell::new(None),
            budget: Cell::new(MAX_TYPES_TRIED),
            pattern_budget: Cell::new(MAX_PATTERN_COST),
        }
    }

    /// Returns the canonical form of a value of a type that a node has. Once the budget is used up, any text is a
    /// value: the backend decides.
    fn read(&self, node: YangNode<'_>, of: &LeafType, value: &str) -> Result<String, ValueFault> {
        let Some(left) = self.budget.get().checked_sub(1) else { return Ok(value.to_owned()) };
        self.budget.set(left);
        self.read_base(node, of, value).map_err(|fault| {
            let name = of.name();
            // The members of a union and the target of a leafref add their own names.
            let is_named = matches!(name, "union" | "leafref");
            if is_named {
                fault
            } else {
                ValueFault { expected: format!("{} (`{name}`)", fault.expected), ..fault }
            }
        })
    }

    fn read_base(&self, node: YangNode<'_>, of: &LeafType, value: &str) -> Result<String, ValueFault> {
        match of.base() {
            BaseType::Integer { kind, range } => integer(*kind, range, value, self.notation),
            BaseType::Decimal64 { fraction_digits, range } => decimal64(*fraction_digits, range, value),
            BaseType::String { length, patterns, form } => {
                self.string(length, patterns, value)?;
                Ok(form.canonical(value))
            }
            BaseType::Boolean => match value {
                "true" | "false" => Ok(value.to_owned()),
                _ => Err(ValueFault::new(BOOLEAN, format!("'{}' is not a boolean value", shown(value)))),
            },
            BaseType::Enumeration(values) => enumeration(values, value),
            BaseType::Bits(all) => bits(all, value),
            BaseType::Binary { length } => binary(length, value),
            BaseType::Leafref { .. } => match node.value_type_of(of) {
                Some((target, of)) => self.read(target, of, value),
                // The target is unknown: any text may be a value.
                None => Ok(value.to_owned()),
            },
            BaseType::Identityref(bases) => self.identity(node, bases, value),
            BaseType::Empty => match value {
                "" => Ok(String::new()),
                _ => Err(ValueFault::new(EMPTY, format!("'{}' is not empty", shown(value)))),
            },
            BaseType::Union(members) => {
                let mut expected = Vec::new();
                let mut backend = String::new();
                for member in members.iter() {
                    match self.read(node, member, value) {
                        Ok(canonical) => return Ok(canonical),
                        Err(fault) => {
                            expected.push(fault.expected + &fault.hint);
                            backend = fault.backend;
                        }
                    }
                }
                Err(ValueFault::new(expected.join("; or "), backend))
            }
            BaseType::InstanceIdentifier { .. } => match is_instance_identifier(value) {
                true => Ok(value.to_owned()),
                false => {
                    let backend = format!("'{}' is not an instance-identifier", shown(value));
                    Err(ValueFault::new(INSTANCE_IDENTIFIER, backend))
                }
            },
        }
    }

    /// Checks the length and the patterns of a string.
    fn string(&self, length: &ValueRanges, patterns: &StringPatterns, value: &str) -> Result<(), ValueFault> {
        check_length(length, value.chars().count(), "characters")?;
        for pattern in patterns.iter() {
            let Some(left) = self.pattern_budget.get().checked_sub(pattern.cost(value.len())) else {
                return Err(ValueFault::new(
                    format!(
                        "shorter text: {} bytes take too long to compare with `{}`",
                        value.len(),
                        ShownText(pattern.text())
                    ),
                    "regexp match fail: the value is too long".into(),
                ));
            };
            self.pattern_budget.set(left);
            if !pattern.permits(value) {
                let matches = if pattern.is_inverted() { "does not match" } else { "matches" };
                return Err(ValueFault::new(
                    format!("text that {matches} `{}`", ShownText(pattern.text())),
                    format!("regexp match fail: pattern does not match {}", shown(value)),
                ));
            }
        }
        Ok(())
    }

    /// Checks an identity. It keeps its prefix: its form depends on the document, so it has no canonical one (section
    /// 9.10.3).
    fn identity(&self, node: YangNode<'_>, bases: &[Identity], value: &str) -> Result<String, ValueFault> {
        let (prefix, name) = value.split_once(':').unwrap_or(("", value));
        let by_namespace = |namespace: String| self.schema.links.module_by_namespace(&namespace);
        let named: Option<ModuleId> = (self.namespace)(prefix).and_then(by_namespace);
        // Without a prefix it may be in the leaf's own module, as in Clixon.
        let own = Some(node.module_id()).filter(|_| prefix.is_empty());
        let is_derived = |module| {
            self.schema
                .identity(module, name)
                .is_some_and(|identity| bases.iter().all(|&base| self.schema.is_derived(identity, base)))
        };
        if let Some(module) = [named, own].into_iter().flatten().find(|&module| is_derived(module)) {
            return Ok(self.identity_text(module, name, value));
        }
        let of_base = |&base: &Identity| {
            let base = self.schema.identity_definition(base)?;
            Some(format!("`{}:{}`", self.schema.links.module(base.module)?.name(), base.name))
        };
        let base_names: Vec<String> = bases.iter().filter_map(of_base).collect();
        let bases_name = base_names.join(" and ");
        let derived = self.schema.identities(&BaseType::Identityref(bases.into()));
        if self.normalizes && named.is_none() {
            let mut same =
                derived.iter().filter(|(module, known)| *known == name && module.prefix() == prefix);
            if let (Some((module, _)), None) = (same.next(), same.next())
                && let Some(module) = self.schema.links.module_by_namespace(module.namespace())
            {
                return Ok(self.identity_text(module, name, value));
            }
        }
        let hint = if !prefix.is_empty() && named.is_none() && derived.iter().any(|(_, known)| *known == name)
        {
            format!("; no module is bound to the prefix `{prefix}`")
        } else {
            match derived.iter().find(|(_, known)| *known == name) {
                Some((module, known)) => {
                    format!("; did you mean `{known}` in the namespace `{}`?", module.namespace())
                }
                None => did_you_mean(name, derived.iter().map(|(_, known)| *known)),
            }
        };
        Err(ValueFault {
            expected: format!("an identity derived from {bases_name}"),
            hint,
            backend: format!(
                "Identityref validation failed, {} not derived from {}",
                shown(value),
                bases
                    .first()
                    .and_then(|&base| self.schema.identity_definition(base))
                    .map_or("", |base| &*base.name)
            ),
        })
    }

    /// Returns the form of an identity of a module.
    fn identity_text(&self, module: ModuleId, name: &str, value: &str) -> String {
        self.identity.set(Some(module));
        match self.schema.links.module(module).filter(|_| self.normalizes) {
            Some(module) => format!("{}:{name}", module.prefix()),
            None => value.to_owned(),
        }
    }
}

fn integer(
    kind: IntegerKind,
    range: &ValueRanges,
    value: &str,
    notation: Notation,
) -> Result<String, ValueFault> {
    let number = match notation {
        Notation::Value => number::integer(value),
        Notation::C => number::c_integer(value),
    };
    match number {
        Some(number) if range.contains(number) => Ok(number.to_string()),
        _ => {
            let bounds = kind.bounds();
            let (least, most) = bounds;
            let hint = match (number, number::c_integer(value)) {
                (None, Some(meant)) => format!("; write `{meant}`"),
                _ => String::new(),
            };
            Err(ValueFault {
                expected: integer_text(range),
                hint,
                backend: match number {
                    None => format!("'{}' is not a number", shown(value)),
                    Some(n) if n < least || n > most => {
                        format!("Number {} out of range: {least} - {most}", shown(value))
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
    let number = number::decimal64(value, fraction_digits);
    match number {
        Some(number) if range.contains(number.into()) => Ok(number::decimal64_text(number, fraction_digits)),
        _ => {
            let text = |n: i128| decimal(n, fraction_digits);
            let backend = match number {
                None => format!("'{}' is not a number", shown(value)),
                Some(n) => format!("Number {} out of range: {}", text(n.into()), backend_ranges(range, text)),
            };
            Err(ValueFault::new(decimal_text(fraction_digits, range), backend))
        }
    }
}

/// Returns the beginning of a value.
fn shown(value: &str) -> &str {
    value.get(..value.floor_char_boundary(MAX_SHOWN)).unwrap_or(value)
}

fn enumeration(values: &AssignedValues, value: &str) -> Result<String, ValueFault> {
    match values.get(value) {
        Some(_) => Ok(value.to_owned()),
        None => Err(ValueFault {
            expected: format!("one of {}", listed(values)),
            hint: nearest_of(value, values),
            backend: format!("'{}' does not match enumeration", shown(value)),
        }),
    }
}

fn binary(length: &ValueRanges, value: &str) -> Result<String, ValueFault> {
    let (canonical, bytes) = base64(value)
        .ok_or_else(|| ValueFault::new("bytes in base64", format!("'{}' is not base64", shown(value))))?;
    check_length(length, bytes, "bytes")?;
    Ok(canonical)
}

fn check_length(length: &ValueRanges, count: usize, what: &str) -> Result<(), ValueFault> {
    if i128::try_from(count).is_ok_and(|count| length.contains(count)) {
        return Ok(());
    }
    Err(ValueFault::new(
        format!("{} {what}, not {count}", length_text(length)),
        format!("String length {count} out of range: {}", backend_ranges(length, |n| n.to_string())),
    ))
}

/// The most names that a message lists.
const MAX_LISTED: usize = 10;

/// Lists the first names, and the number of others.
fn listed(values: &AssignedValues) -> String {
    let names: Vec<String> =
        values.all().iter().take(MAX_LISTED).map(|value| format!("`{}`", value.name)).collect();
    match values.all().len().checked_sub(MAX_LISTED) {
        Some(others) if others > 0 => format!("{} or {others} others", names.join(", ")),
        _ => or(names),
    }
}

/// Suggests the closest names, unless all names are listed anyway.
fn nearest_of(name: &str, values: &AssignedValues) -> String {
    if values.all().len() <= MAX_LISTED {
        String::new()
    } else {
        did_you_mean(name, values.all().iter().map(|value| &*value.name))
    }
}

/// Checks bits and returns them in the order of their positions, each once (section 9.7.2).
fn bits(all: &AssignedValues, value: &str) -> Result<String, ValueFault> {
    let mut set = vec![false; all.all().len()];
    for word in value.split_whitespace() {
        let is_set = all.get(word).and_then(|(index, _)| set.get_mut(index));
        match is_set {
            Some(is_set) if !*is_set => *is_set = true,
            _ => {
                let (names, hint) = (listed(all), nearest_of(word, all));
                return Err(ValueFault::new(
                    format!("any of {names}, each once, separated by spaces{hint}"),
                    format!("'{word}' does not match enumeration"),
                ));
            }
        }
    }
    let names: Vec<&str> =
        all.all().iter().zip(&set).filter(|(_, is_set)| **is_set).map(|(bit, _)| &*bit.name).collect();
    Ok(names.join(" "))
}
