//! The types of leaves, resolved to a built-in type (RFC 7950, section 9).

use std::sync::Arc;

use crate::{
    link::{ModuleId, number_of},
    pattern::StringPattern,
    text_form::TextForm,
};

/// The names of the built-in types (RFC 7950, section 4.2.4).
pub(crate) const BUILT_IN_TYPES: &[&str] = &[
    "binary",
    "bits",
    "boolean",
    "decimal64",
    "empty",
    "enumeration",
    "identityref",
    "instance-identifier",
    "int8",
    "int16",
    "int32",
    "int64",
    "leafref",
    "string",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "union",
];

/// The type of a leaf: a built-in type with all restrictions of the typedefs between.
#[derive(Clone, Debug)]
pub struct LeafType {
    pub(crate) name: Box<str>,
    pub(crate) base: BaseType,
    pub(crate) default: Option<Box<str>>,
    pub(crate) units: Option<Box<str>>,
    /// Whether the type, or one that it is derived from, is for secrets, according to its name.
    pub(crate) is_secret: bool,
}

/// Parts of the names of types of passwords and their hashes, in the models of devices: `crypt-hash`, `Proprietary-password`,
/// `md5-digest-string`, and `unreadable` of Junos.
const SECRET_TYPES: [&str; 7] =
    ["crypt-", "password", "passphrase", "secret", "digest-string", "unreadable", "auth-key"];

/// Returns whether values of a type of this name are secrets.
pub(crate) fn is_secret_type(name: &str) -> bool {
    let name = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
    SECRET_TYPES.iter().any(|part| name.contains(part))
        && !name.contains("algorithm")
        && !name.contains("encryption")
}

impl LeafType {
    /// Returns the type's name as the module writes it, such as `inet:uri`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the built-in type, with its restrictions.
    pub fn base(&self) -> &BaseType {
        &self.base
    }

    /// Returns the default of the nearest typedef that has one, as its module writes it.
    pub fn default(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Returns the units of the nearest typedef that has them.
    pub fn units(&self) -> Option<&str> {
        self.units.as_deref()
    }
}

/// A built-in type with its restrictions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BaseType {
    /// `int8` to `uint64` (section 9.2).
    Integer {
        /// The integer type.
        kind: IntegerKind,
        /// The allowed values.
        range: ValueRanges,
    },
    /// `decimal64` (section 9.3).
    Decimal64 {
        /// Digits after the decimal point, from 1 to 18.
        fraction_digits: u8,
        /// The allowed values, times ten to the power of `fraction_digits`.
        range: ValueRanges,
    },
    /// `string` (section 9.4).
    String {
        /// The allowed numbers of characters.
        length: ValueRanges,
        /// The patterns, all of which must hold.
        patterns: StringPatterns,
        /// The canonical form that a typedef defines.
        form: TextForm,
    },
    /// `boolean` (section 9.5).
    Boolean,
    /// `enumeration` (section 9.6).
    Enumeration(Arc<AssignedValues>),
    /// `bits` (section 9.7).
    Bits(Arc<AssignedValues>),
    /// `binary` (section 9.8).
    Binary {
        /// The allowed numbers of bytes.
        length: ValueRanges,
    },
    /// `leafref` (section 9.9).
    Leafref {
        /// The path as the module writes it.
        path: Arc<str>,
        /// The unit that the path's prefixes belong to.
        #[doc(hidden)]
        unit: u32,
        /// Whether the target node must exist.
        require_instance: bool,
    },
    /// `identityref` (section 9.10).
    Identityref(Arc<[Identity]>),
    /// `empty` (section 9.11).
    Empty,
    /// `union` (section 9.12).
    Union(Arc<[Arc<LeafType>]>),
    /// `instance-identifier` (section 9.13).
    InstanceIdentifier {
        /// Whether the target node must exist.
        require_instance: bool,
    },
}

impl BaseType {
    /// Returns the name of the built-in type.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Integer { kind, .. } => kind.name(),
            Self::Decimal64 { .. } => "decimal64",
            Self::String { .. } => "string",
            Self::Boolean => "boolean",
            Self::Enumeration(_) => "enumeration",
            Self::Bits(_) => "bits",
            Self::Binary { .. } => "binary",
            Self::Leafref { .. } => "leafref",
            Self::Identityref(_) => "identityref",
            Self::Empty => "empty",
            Self::Union(_) => "union",
            Self::InstanceIdentifier { .. } => "instance-identifier",
        }
    }
}

/// Declares the built-in integer types (section 9.2), each with its name and the type of Rust with the same bounds.
macro_rules! integer_kinds {
    ($($kind:ident $name:literal $number:ty;)*) => {
        /// A built-in integer type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are those of the types")]
        pub enum IntegerKind {
            $($kind,)*
        }

        impl IntegerKind {
            /// Returns the name of the type.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Returns the least and the greatest value.
            pub const fn bounds(self) -> (i128, i128) {
                match self {
                    $(Self::$kind => (<$number>::MIN as i128, <$number>::MAX as i128),)*
                }
            }

            /// Returns the type of this name.
            pub(crate) fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

integer_kinds! {
    Int8 "int8" i8;
    Int16 "int16" i16;
    Int32 "int32" i32;
    Int64 "int64" i64;
    Uint8 "uint8" u8;
    Uint16 "uint16" u16;
    Uint32 "uint32" u32;
    Uint64 "uint64" u64;
}

/// A value of an enumeration, or a bit of `bits`, with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedValue {
    /// Its name.
    pub name: Box<str>,
    /// An enumeration's value, from -2^31, or a bit's position, from 0 to 2^32 - 1.
    pub number: i64,
}

/// The values of an enumeration in the order of the model, or bits by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignedValues {
    all: Box<[AssignedValue]>,
    /// Indexes into `all`, sorted by name.
    by_name: Box<[u32]>,
}

impl AssignedValues {
    pub(crate) fn new(all: Vec<AssignedValue>) -> Self {
        let name = |index: &u32| all.get(*index as usize).map(|assigned| &*assigned.name);
        let mut by_name: Box<[u32]> = (0..number_of(all.len())).collect();
        by_name.sort_by(|a, b| name(a).cmp(&name(b)));
        Self { all: all.into(), by_name }
    }

    /// Returns all values or bits.
    pub fn all(&self) -> &[AssignedValue] {
        &self.all
    }

    /// Returns the value or bit of this name, with its index among all.
    pub fn get(&self, name: &str) -> Option<(usize, &AssignedValue)> {
        let order =
            |index: &u32| self.all.get(*index as usize).map(|assigned| &*assigned.name).cmp(&Some(name));
        let index = *self.by_name.get(self.by_name.binary_search_by(order).ok()?)? as usize;
        Some((index, self.all.get(index)?))
    }
}

/// The patterns of a string type: its own and those of the types it is derived from. All of them must hold.
#[derive(Clone, Debug, Default)]
pub struct StringPatterns(Option<Arc<PatternsOfType>>);

#[derive(Debug)]
struct PatternsOfType {
    own: Box<[StringPattern]>,
    inherited: StringPatterns,
}

impl StringPatterns {
    pub(crate) fn with(self, own: Vec<StringPattern>) -> Self {
        Self(Some(Arc::new(PatternsOfType { own: own.into(), inherited: self })))
    }

    /// Returns all patterns, the type's own first.
    pub fn iter(&self) -> impl Iterator<Item = &StringPattern> {
        let types = std::iter::successors(self.0.as_deref(), |of| of.inherited.0.as_deref());
        types.flat_map(|of| &of.own)
    }
}

/// The number of an identity of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub(crate) u32);

/// An identity and the identities it is derived from (RFC 7950, section 7.18).
#[derive(Clone, Debug)]
pub(crate) struct IdentityDefinition {
    pub(crate) module: ModuleId,
    pub(crate) name: Box<str>,
    pub(crate) bases: Vec<Identity>,
}

/// Ranges of numbers, ascending and disjoint (RFC 7950, sections 9.2.4 and 9.4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRanges(Arc<[(i128, i128)]>);

/// The length without restriction: characters are counted in 64 bits (section 9.4.4).
pub(crate) const ANY_LENGTH: (i128, i128) = (0, u64::MAX as i128);

impl ValueRanges {
    /// Creates ranges of one part.
    pub(crate) fn one(bounds: (i128, i128)) -> Self {
        Self(Arc::new([bounds]))
    }

    /// Returns the ranges, each as its smallest and its largest number.
    pub fn parts(&self) -> &[(i128, i128)] {
        &self.0
    }

    /// Returns whether one of the ranges contains the number.
    pub fn contains(&self, number: i128) -> bool {
        self.covers((number, number))
    }

    fn covers(&self, (from, to): (i128, i128)) -> bool {
        let at = self.0.partition_point(|&(_, end)| end < from);
        self.0.get(at).is_some_and(|&(start, end)| start <= from && to <= end)
    }

    /// Reads a range expression that restricts these ranges: parts `number` or `from..to`, separated by `|`, with
    /// `min` and `max`. Returns `None` if it is not one, or not within these ranges.
    pub(crate) fn narrow(&self, expression: &str, number: impl Fn(&str) -> Option<i128>) -> Option<Self> {
        let (&(least, _), &(_, most)) = (self.0.first()?, self.0.last()?);
        let bound = |text: &str| match text.trim() {
            "min" => Some(least),
            "max" => Some(most),
            text => number(text),
        };
        let mut parts: Vec<(i128, i128)> = Vec::new();
        for part in expression.split('|') {
            let (from, to) = match part.split_once("..") {
                Some((from, to)) => (bound(from)?, bound(to)?),
                None => (bound(part)?, bound(part)?),
            };
            let is_ascending = parts.last().is_none_or(|&(_, end)| end < from);
            if from > to || !is_ascending || !self.covers((from, to)) {
                return None;
            }
            parts.push((from, to));
        }
        Some(Self(parts.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow(ranges: &ValueRanges, expression: &str) -> Option<ValueRanges> {
        ranges.narrow(expression, |text| text.parse().ok())
    }

    #[test]
    fn ranges_narrow_and_refuse_values_outside() {
        let int8 = ValueRanges::one(IntegerKind::Int8.bounds());
        let narrowed = narrow(&int8, "min..-5 | 1 | 10 .. max").unwrap();
        assert_eq!(narrowed.parts(), [(-128, -5), (1, 1), (10, 127)]);
        for (number, is_in) in
            [(-129, false), (-128, true), (-5, true), (-4, false), (1, true), (2, false), (127, true)]
        {
            assert_eq!(narrowed.contains(number), is_in, "{number}");
        }
        assert_eq!(narrow(&narrowed, "20..max").unwrap().parts(), [(20, 127)]);
        assert_eq!(narrow(&narrowed, "min | 11").unwrap().parts(), [(-128, -128), (11, 11)]);
        for wrong in ["", "1..2", "0", "5..1", "10|1", "10..20|20", "x", "1|", "128"] {
            assert_eq!(narrow(&narrowed, wrong), None, "{wrong}");
        }
    }
}
