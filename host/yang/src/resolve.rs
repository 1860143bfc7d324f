//! Types, from what a module writes to the built-in type and its restrictions (RFC 7950, sections 7.3, 7.4 and 9).

use std::{collections::HashSet, sync::Arc};

use crate::{
    Error, Keyword,
    build::SchemaBuilder,
    link::StmtRef,
    pattern::StringPattern,
    statement::StatementRef,
    types::{
        ANY_LENGTH, AssignedValue, AssignedValues, BaseType, Identity, IdentityDefinition, IntegerKind,
        LeafType, StringPatterns, ValueRanges,
    },
};

/// The names of the built-in types (RFC 7950, section 4.2.4).
pub(crate) const BUILT_IN: &[&str] = &[
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

/// What is known of a type statement.
pub(crate) enum ResolvedType {
    /// It is being resolved: to meet it again is a circle.
    Open,
    /// Done; `None` where it could not be.
    Done(Option<Arc<LeafType>>),
}

impl<'a> SchemaBuilder<'a> {
    /// The type that a `type` statement stands for; `None` where it cannot be told, which is reported.
    pub(crate) fn resolve_type(&mut self, at: StmtRef, depth: usize) -> Option<Arc<LeafType>> {
        match self.types.get(&at) {
            Some(ResolvedType::Done(known)) => return known.clone(),
            Some(ResolvedType::Open) => {
                let name = self.statement(at)?.argument().into();
                self.problems.push(Error::Cycle { place: self.place(at), what: "typedef", name });
                return None;
            }
            None => {}
        }
        if depth > self.set.limits.expansion_depth {
            let limit = self.set.limits.expansion_depth;
            self.problems.push(Error::Limit { place: self.place(at), what: "typedefs upon typedefs", limit });
            return None;
        }
        self.types.insert(at, ResolvedType::Open);
        let resolved = match self.derive(at, depth) {
            Ok(resolved) => resolved.map(Arc::new),
            Err(error) => {
                self.problems.push(error);
                None
            }
        };
        self.types.insert(at, ResolvedType::Done(resolved.clone()));
        resolved
    }

    /// `Ok(None)`: reported already.
    fn derive(&mut self, at: StmtRef, depth: usize) -> Result<Option<LeafType>, Error> {
        let Some(statement) = self.statement(at) else { return Ok(None) };
        let name = statement.argument();
        let (base, default, units) = if BUILT_IN.contains(&name) {
            let Some(base) = self.built_in(at, statement, depth)? else { return Ok(None) };
            (base, None, None)
        } else {
            let typedef = self.definitions.find(Keyword::Typedef, at, name)?;
            let Some(definition) = self.statement(typedef) else { return Ok(None) };
            let Some(inner) = definition.child(Keyword::Type) else { return Ok(None) };
            let inner = StmtRef { unit: typedef.unit, id: inner.id() };
            let Some(inner) = self.resolve_type(inner, depth + 1) else { return Ok(None) };
            let text = |keyword| definition.text(keyword).map(Box::from);
            let default = text(Keyword::Default).or_else(|| inner.default.clone());
            let units = text(Keyword::Units).or_else(|| inner.units.clone());
            let base = self.restrict_lists(at, statement, inner.base.clone())?;
            (base, default, units)
        };
        let base = self.restrict(at, statement, base)?;
        Ok(Some(LeafType { name: name.into(), base, default, units }))
    }

    /// The built-in type of the statement's name, before its restrictions. `Ok(None)`: reported already.
    fn built_in(
        &mut self,
        at: StmtRef,
        statement: StatementRef<'a>,
        depth: usize,
    ) -> Result<Option<BaseType>, Error> {
        let needed = |keyword: Keyword, expected| {
            statement.child(keyword).ok_or_else(|| Error::Cardinality {
                place: statement.place(),
                substatement: keyword.text(),
                found: 0,
                expected,
            })
        };
        let integer = |kind: IntegerKind| BaseType::Integer { kind, range: ValueRanges::one(kind.bounds()) };
        Ok(Some(match statement.argument() {
            "int8" => integer(IntegerKind::Int8),
            "int16" => integer(IntegerKind::Int16),
            "int32" => integer(IntegerKind::Int32),
            "int64" => integer(IntegerKind::Int64),
            "uint8" => integer(IntegerKind::Uint8),
            "uint16" => integer(IntegerKind::Uint16),
            "uint32" => integer(IntegerKind::Uint32),
            "uint64" => integer(IntegerKind::Uint64),
            "decimal64" => {
                let digits = needed(Keyword::FractionDigits, "exactly one")?.argument();
                let fraction_digits = digits.parse().unwrap_or(1);
                BaseType::Decimal64 { fraction_digits, range: ValueRanges::one(IntegerKind::Int64.bounds()) }
            }
            "string" => {
                BaseType::String { length: ValueRanges::one(ANY_LENGTH), patterns: StringPatterns::default() }
            }
            "boolean" => BaseType::Boolean,
            "empty" => BaseType::Empty,
            "binary" => BaseType::Binary { length: ValueRanges::one(ANY_LENGTH) },
            "instance-identifier" => BaseType::InstanceIdentifier { require_instance: true },
            "enumeration" => {
                needed(Keyword::Enum, "at least one")?;
                BaseType::Enumeration(self.assigned(at, statement, Keyword::Enum, None)?)
            }
            "bits" => {
                needed(Keyword::Bit, "at least one")?;
                BaseType::Bits(self.assigned(at, statement, Keyword::Bit, None)?)
            }
            "leafref" => {
                let path = needed(Keyword::Path, "exactly one")?.argument().into();
                BaseType::Leafref { path, unit: at.unit, require_instance: true }
            }
            "identityref" => {
                needed(Keyword::Base, "at least one")?;
                let mut bases = Vec::new();
                for base in statement.all(Keyword::Base) {
                    let user = StmtRef { unit: at.unit, id: base.id() };
                    let found = self.definitions.find(Keyword::Identity, user, base.argument())?;
                    bases.extend(self.identity_numbers.get(&found).copied());
                }
                BaseType::Identityref(bases.into())
            }
            "union" => {
                needed(Keyword::Type, "at least one")?;
                let mut members = Vec::new();
                for member in statement.all(Keyword::Type) {
                    let member = StmtRef { unit: at.unit, id: member.id() };
                    match self.resolve_type(member, depth + 1) {
                        Some(member) => members.push(member),
                        // A union of which a member is not known would refuse that one's values.
                        None => return Ok(None),
                    }
                }
                BaseType::Union(members.into())
            }
            _ => return Ok(None),
        }))
    }

    /// Enumerations and bits of a typedef, cut down to those that the statement names (RFC 7950, 9.6.4).
    fn restrict_lists(
        &mut self,
        at: StmtRef,
        statement: StatementRef<'a>,
        base: BaseType,
    ) -> Result<BaseType, Error> {
        Ok(match base {
            BaseType::Enumeration(of) if statement.child(Keyword::Enum).is_some() => {
                BaseType::Enumeration(self.assigned(at, statement, Keyword::Enum, Some(&of))?)
            }
            BaseType::Bits(of) if statement.child(Keyword::Bit).is_some() => {
                BaseType::Bits(self.assigned(at, statement, Keyword::Bit, Some(&of))?)
            }
            base => base,
        })
    }

    /// The names of an enumeration or of bits with their numbers.
    fn assigned(
        &mut self,
        at: StmtRef,
        statement: StatementRef<'a>,
        keyword: Keyword,
        within: Option<&AssignedValues>,
    ) -> Result<Arc<AssignedValues>, Error> {
        let (number_keyword, bounds) = match keyword {
            Keyword::Enum => (Keyword::Value, i64::from(i32::MIN)..=i64::from(i32::MAX)),
            _ => (Keyword::Position, 0..=i64::from(u32::MAX)),
        };
        let mut all = Vec::new();
        let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
        let mut next = 0;
        for item in statement.all(keyword) {
            let name = item.argument();
            let given = item.text(number_keyword).and_then(|text| text.parse().ok());
            let number = match within {
                None => given.unwrap_or(next),
                Some(within) => match within.get(name) {
                    Some((_, known)) if given.is_none_or(|given| given == known.number) => known.number,
                    _ => {
                        let expected = "a name of the type that is restricted, with its number".to_owned();
                        return Err(Error::Argument { place: item.place(), expected });
                    }
                },
            };
            if !bounds.contains(&number) {
                let expected = format!("a {number_keyword} from {} to {}", bounds.start(), bounds.end());
                return Err(Error::Argument { place: item.place(), expected });
            }
            if !names.insert(name) {
                return Err(Error::Duplicate {
                    place: item.place(),
                    what: keyword.text(),
                    name: name.into(),
                });
            }
            if !numbers.insert(number) {
                let name = number.to_string().into();
                return Err(Error::Duplicate { place: item.place(), what: number_keyword.text(), name });
            }
            next = if numbers.len() == 1 { number + 1 } else { next.max(number + 1) };
            if self.features_hold(StmtRef { unit: at.unit, id: item.id() }) {
                all.push(AssignedValue { name: name.into(), number });
            }
        }
        if keyword == Keyword::Bit {
            all.sort_by_key(|bit| bit.number);
        }
        Ok(Arc::new(AssignedValues::new(all)))
    }

    /// The restrictions that are the same for built-in and derived types.
    fn restrict(
        &mut self,
        at: StmtRef,
        statement: StatementRef<'a>,
        base: BaseType,
    ) -> Result<BaseType, Error> {
        let base_name = base.name();
        let is_own = statement.argument() == base_name;
        let is_permitted = |keyword| match (keyword, &base) {
            (Keyword::Range, BaseType::Integer { .. } | BaseType::Decimal64 { .. })
            | (Keyword::Length, BaseType::String { .. } | BaseType::Binary { .. })
            | (Keyword::Pattern, BaseType::String { .. })
            | (Keyword::Enum, BaseType::Enumeration(_))
            | (Keyword::Bit, BaseType::Bits(_))
            | (Keyword::RequireInstance, BaseType::Leafref { .. } | BaseType::InstanceIdentifier { .. })
            | (Keyword::Extension, _) => true,
            (Keyword::FractionDigits, BaseType::Decimal64 { .. })
            | (Keyword::Path, BaseType::Leafref { .. })
            | (Keyword::Base, BaseType::Identityref(_))
            | (Keyword::Type, BaseType::Union(_)) => is_own,
            _ => false,
        };
        if let Some(wrong) = statement.children().find(|child| !is_permitted(child.keyword())) {
            return Err(Error::Misplaced {
                place: wrong.place(),
                parent: statement.title().into(),
                hint: format!(": `{base_name}` is not restricted by it"),
            });
        }
        let narrow = |ranges: ValueRanges, keyword, number: &dyn Fn(&str) -> Option<i128>| {
            let Some(restriction) = statement.child(keyword) else { return Ok(ranges) };
            ranges.narrow(restriction.argument(), number).ok_or_else(|| Error::Argument {
                place: restriction.place(),
                expected: format!(
                    "ascending parts such as `1..4 | 8 | 10..max`, all within {}",
                    if keyword == Keyword::Range {
                        "the range of the type"
                    } else {
                        "the length of the type"
                    }
                ),
            })
        };
        let integer = |text: &str| text.parse().ok();
        Ok(match base {
            BaseType::Integer { kind, range } => {
                BaseType::Integer { kind, range: narrow(range, Keyword::Range, &integer)? }
            }
            BaseType::Decimal64 { fraction_digits, range } => {
                let decimal = |text: &str| crate::number::decimal64(text, fraction_digits).map(i128::from);
                BaseType::Decimal64 { fraction_digits, range: narrow(range, Keyword::Range, &decimal)? }
            }
            BaseType::Binary { length } => {
                BaseType::Binary { length: narrow(length, Keyword::Length, &integer)? }
            }
            BaseType::String { length, patterns } => BaseType::String {
                length: narrow(length, Keyword::Length, &integer)?,
                patterns: self.patterns(at, statement, patterns)?,
            },
            BaseType::Leafref { path, unit, require_instance } => {
                let require_instance = require_instance_of(statement).unwrap_or(require_instance);
                BaseType::Leafref { path, unit, require_instance }
            }
            BaseType::InstanceIdentifier { require_instance } => BaseType::InstanceIdentifier {
                require_instance: require_instance_of(statement).unwrap_or(require_instance),
            },
            base => base,
        })
    }

    fn patterns(
        &mut self,
        at: StmtRef,
        statement: StatementRef<'a>,
        inherited: StringPatterns,
    ) -> Result<StringPatterns, Error> {
        if statement.child(Keyword::Pattern).is_none() {
            return Ok(inherited);
        }
        let is_posix = self.posix_units.contains(&at.unit);
        let mut own = Vec::new();
        for pattern in statement.all(Keyword::Pattern) {
            let is_inverted = pattern.child(Keyword::Modifier).is_some();
            let read = StringPattern::new(pattern.argument(), is_inverted, is_posix);
            let read = read.map_err(|expected| Error::Argument {
                place: pattern.place(),
                expected: expected.to_owned(),
            })?;
            own.push(read);
        }
        Ok(inherited.with(own))
    }

    /// Numbers all identities, then reads what they are derived from.
    pub(crate) fn gather_identities(&mut self) {
        for at in self.definitions.all(Keyword::Identity) {
            let Some(statement) = self.statement(at) else { continue };
            if self.features_hold(at) {
                let number = Identity(crate::link::number_of(self.identities.len()));
                self.identity_numbers.insert(at, number);
                self.identities.push(IdentityDefinition {
                    module: self.links.module_of(at.unit),
                    name: statement.argument().into(),
                    bases: Vec::new(),
                });
            }
        }
        for at in self.definitions.all(Keyword::Identity) {
            let (Some(statement), Some(&number)) = (self.statement(at), self.identity_numbers.get(&at))
            else {
                continue;
            };
            let mut bases = Vec::new();
            for base in statement.all(Keyword::Base) {
                let user = StmtRef { unit: at.unit, id: base.id() };
                match self.definitions.find(Keyword::Identity, user, base.argument()) {
                    Ok(found) => bases.extend(self.identity_numbers.get(&found).copied()),
                    Err(error) => self.problems.push(error),
                }
            }
            if let Some(identity) = self.identities.get_mut(number.0 as usize) {
                identity.bases = bases;
            }
        }
    }
}

fn require_instance_of(statement: StatementRef<'_>) -> Option<bool> {
    statement.text(Keyword::RequireInstance).map(|text| text == "true")
}
