//! Resolves `type` statements to built-in types with their restrictions (RFC 7950, sections 7.3, 7.4 and 9).

use std::sync::Arc;

use confine_tree::{HashMap, HashSet};

use crate::{
    Error,
    build_context::BuildContext,
    keyword::Keyword,
    link::number_of,
    number::decimal64,
    pattern::StringPattern,
    statement::{StatementId, StatementRef},
    text_form::{TextForm, defined_form},
    types::{
        ANY_LENGTH, AssignedValue, AssignedValues, BUILT_IN_TYPES, BaseType, Identity, IdentityDefinition,
        IntegerKind, LeafType, StringPatterns, ValueRanges, is_secret_type,
    },
};

/// The state of a `type` statement.
enum ResolvedType {
    /// It is being resolved: meeting it again is a cycle.
    Open,
    /// It is resolved, or `None` if it has an error.
    Done(Option<Arc<LeafType>>),
}

/// Resolves types, and numbers the identities that they refer to.
pub(crate) struct TypeResolver<'a> {
    pub(crate) context: BuildContext<'a>,
    pub(crate) identities: Vec<IdentityDefinition>,
    identity_numbers: HashMap<StatementId, Identity>,
    types: HashMap<StatementId, ResolvedType>,
    /// The units that declare POSIX patterns, with `regexp-posix` of `openconfig-extensions`.
    posix_units: HashSet<u32>,
}

impl<'a> TypeResolver<'a> {
    pub(crate) fn new(context: BuildContext<'a>) -> Self {
        let is_posix = |unit: &u32| {
            let root = context.links.root(&context.set.files, *unit);
            root.is_some_and(|root| {
                root.all(Keyword::Extension).any(|use_| use_.name().ends_with(":regexp-posix"))
            })
        };
        let posix_units = (0..number_of(context.links.units.len())).filter(is_posix).collect();
        let mut resolver = Self {
            context,
            identities: Vec::new(),
            identity_numbers: HashMap::default(),
            types: HashMap::default(),
            posix_units,
        };
        resolver.gather_identities();
        resolver
    }

    /// Resolves a `type` statement. Returns `None` after reporting an error.
    pub(crate) fn resolve_type(&mut self, of: StatementRef<'a>, depth: usize) -> Option<Arc<LeafType>> {
        match self.types.get(&of.at()) {
            Some(ResolvedType::Done(known)) => return known.clone(),
            Some(ResolvedType::Open) => {
                let name = of.argument().into();
                self.context.report(Error::Cycle { position: of.position(), what: "typedef", name });
                return None;
            }
            None => {}
        }
        let limit = self.context.set.limits.expansion_depth;
        if depth > limit {
            self.context.report(Error::Limit { position: of.position(), what: "nested typedefs", limit });
            return None;
        }
        self.types.insert(of.at(), ResolvedType::Open);
        let resolved = match self.derive(of, depth) {
            Ok(resolved) => resolved.map(Arc::new),
            Err(error) => {
                self.context.report(error);
                None
            }
        };
        self.types.insert(of.at(), ResolvedType::Done(resolved.clone()));
        resolved
    }

    /// Returns `Ok(None)` if the error is already reported.
    fn derive(&mut self, statement: StatementRef<'a>, depth: usize) -> Result<Option<LeafType>, Error> {
        let name = statement.argument();
        let (base, default, units, is_secret) = if BUILT_IN_TYPES.contains(&name) {
            let Some(base) = self.built_in(statement, depth)? else { return Ok(None) };
            // A union may have a secret among its members.
            let is_secret =
                matches!(&base, BaseType::Union(members) if members.iter().any(|of| of.is_secret));
            (base, None, None, is_secret)
        } else {
            let definition = self.context.definitions.find(Keyword::Typedef, statement, name)?;
            let Some(inner) = definition.child(Keyword::Type) else { return Ok(None) };
            let Some(inner) = self.resolve_type(inner, depth + 1) else { return Ok(None) };
            let text = |keyword| definition.text(keyword).map(Box::from);
            let default = text(Keyword::Default).or_else(|| inner.default.clone());
            let units = text(Keyword::Units).or_else(|| inner.units.clone());
            let mut base = self.restrict_assigned(statement, inner.base.clone())?;
            if let BaseType::String { form, .. } = &mut base
                && let Some(module) =
                    self.context.links.module(self.context.links.module_of(definition.at().unit))
            {
                *form = defined_form(module.name(), definition.argument()).unwrap_or(*form);
            }
            // The kind of a hash is none.
            let is_text =
                matches!(base, BaseType::String { .. } | BaseType::Binary { .. } | BaseType::Union(_));
            (base, default, units, inner.is_secret || is_text && is_secret_type(name))
        };
        let base = self.restrict(statement, base);
        Ok(Some(LeafType { name: name.into(), base, default, units, is_secret }))
    }

    /// Returns the built-in type that the statement names, before its restrictions. Returns `Ok(None)` if the error
    /// is already reported.
    fn built_in(&mut self, statement: StatementRef<'a>, depth: usize) -> Result<Option<BaseType>, Error> {
        let needed = |keyword: Keyword, expected| {
            statement.child(keyword).ok_or_else(|| Error::Cardinality {
                position: statement.position(),
                substatement: keyword.text(),
                found: 0,
                expected,
            })
        };
        if let Some(base) = unrestricted(statement.argument()) {
            return Ok(Some(base));
        }
        Ok(Some(match statement.argument() {
            "decimal64" => {
                let digits = needed(Keyword::FractionDigits, "exactly one")?.argument();
                let fraction_digits = digits.parse().unwrap_or(1);
                BaseType::Decimal64 { fraction_digits, range: ValueRanges::one(IntegerKind::Int64.bounds()) }
            }
            "enumeration" => {
                needed(Keyword::Enum, "at least one")?;
                BaseType::Enumeration(self.assigned(statement, Keyword::Enum, None)?)
            }
            "bits" => {
                needed(Keyword::Bit, "at least one")?;
                BaseType::Bits(self.assigned(statement, Keyword::Bit, None)?)
            }
            "leafref" => {
                let path = needed(Keyword::Path, "exactly one")?.argument().into();
                BaseType::Leafref { path, unit: statement.at().unit, require_instance: true }
            }
            "identityref" => {
                needed(Keyword::Base, "at least one")?;
                let mut bases = Vec::new();
                for base in statement.all(Keyword::Base) {
                    let found = self.context.definitions.find(Keyword::Identity, base, base.argument())?;
                    bases.extend(self.identity_numbers.get(&found.at()).copied());
                }
                BaseType::Identityref(bases.into())
            }
            "union" => {
                needed(Keyword::Type, "at least one")?;
                let mut members = Vec::new();
                for member in statement.all(Keyword::Type) {
                    match self.resolve_type(member, depth + 1) {
                        Some(member) => members.push(member),
                        // A union without one of its members would refuse the values of that member.
                        None => return Ok(None),
                    }
                }
                BaseType::Union(members.into())
            }
            _ => return Ok(None),
        }))
    }

    /// Reduces the values or bits of a typedef to those that the statement names (RFC 7950, section 9.6.4).
    fn restrict_assigned(&mut self, statement: StatementRef<'a>, base: BaseType) -> Result<BaseType, Error> {
        Ok(match base {
            BaseType::Enumeration(of) if statement.child(Keyword::Enum).is_some() => {
                BaseType::Enumeration(self.assigned(statement, Keyword::Enum, Some(&of))?)
            }
            BaseType::Bits(of) if statement.child(Keyword::Bit).is_some() => {
                BaseType::Bits(self.assigned(statement, Keyword::Bit, Some(&of))?)
            }
            base => base,
        })
    }

    /// Reads the names of an enumeration or of bits, with their numbers.
    fn assigned(
        &mut self,
        statement: StatementRef<'a>,
        keyword: Keyword,
        within: Option<&AssignedValues>,
    ) -> Result<Arc<AssignedValues>, Error> {
        let (number_keyword, bounds) = match keyword {
            Keyword::Enum => (Keyword::Value, i64::from(i32::MIN)..=i64::from(i32::MAX)),
            _ => (Keyword::Position, 0..=i64::from(u32::MAX)),
        };
        let mut all = Vec::new();
        let (mut names, mut numbers) = (HashSet::default(), HashSet::default());
        let mut next = 0;
        for item in statement.all(keyword) {
            let name = item.argument();
            let given = item.text(number_keyword).and_then(|text| text.parse().ok());
            let number = match within {
                None => given.unwrap_or(next),
                Some(within) => match within.get(name) {
                    Some((_, known)) if given.is_none_or(|given| given == known.number) => known.number,
                    _ => {
                        let expected = "a name of the restricted type, with its number".to_owned();
                        return Err(Error::Argument { position: item.position(), expected });
                    }
                },
            };
            if !bounds.contains(&number) {
                let expected = format!("a {number_keyword} from {} to {}", bounds.start(), bounds.end());
                return Err(Error::Argument { position: item.position(), expected });
            }
            if !names.insert(name) {
                return Err(Error::Duplicate {
                    position: item.position(),
                    what: keyword.text(),
                    name: name.into(),
                });
            }
            if !numbers.insert(number) {
                let name = number.to_string().into();
                return Err(Error::Duplicate {
                    position: item.position(),
                    what: number_keyword.text(),
                    name,
                });
            }
            next = if numbers.len() == 1 { number + 1 } else { next.max(number + 1) };
            if self.context.features_hold(item) {
                all.push(AssignedValue { name: name.into(), number });
            }
        }
        if keyword == Keyword::Bit {
            all.sort_by_key(|bit| bit.number);
        }
        Ok(Arc::new(AssignedValues::new(all)))
    }

    /// Applies the restrictions that built-in and derived types share. One that cannot be read is ignored.
    fn restrict(&mut self, statement: StatementRef<'a>, base: BaseType) -> BaseType {
        self.check_restrictions(statement, &base);
        let integer = |text: &str| text.parse().ok();
        match base {
            BaseType::Integer { kind, range } => {
                BaseType::Integer { kind, range: self.narrow(range, statement, Keyword::Range, &integer) }
            }
            BaseType::Decimal64 { fraction_digits, range } => {
                let decimal = |text: &str| decimal64(text, fraction_digits).map(i128::from);
                let range = self.narrow(range, statement, Keyword::Range, &decimal);
                BaseType::Decimal64 { fraction_digits, range }
            }
            BaseType::Binary { length } => {
                BaseType::Binary { length: self.narrow(length, statement, Keyword::Length, &integer) }
            }
            BaseType::String { length, patterns, form } => BaseType::String {
                form,
                length: self.narrow(length, statement, Keyword::Length, &integer),
                patterns: self.patterns(statement, patterns),
            },
            BaseType::Leafref { path, unit, require_instance } => {
                let require_instance = require_instance_of(statement).unwrap_or(require_instance);
                BaseType::Leafref { path, unit, require_instance }
            }
            BaseType::InstanceIdentifier { require_instance } => BaseType::InstanceIdentifier {
                require_instance: require_instance_of(statement).unwrap_or(require_instance),
            },
            base => base,
        }
    }

    /// Reports substatements that do not apply to a type. They are ignored.
    fn check_restrictions(&mut self, statement: StatementRef<'a>, base: &BaseType) {
        let base_name = base.name();
        let is_built_in = statement.argument() == base_name;
        let is_permitted = |keyword| match (keyword, base) {
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
            | (Keyword::Type, BaseType::Union(_)) => is_built_in,
            _ => false,
        };
        for wrong in statement.children().filter(|child| !is_permitted(child.keyword())) {
            self.context.report(Error::Misplaced {
                position: wrong.position(),
                parent: statement.title().into(),
                hint: format!(": it does not apply to `{base_name}`"),
            });
        }
    }

    /// Applies the `range` or `length` of a type.
    fn narrow(
        &mut self,
        ranges: ValueRanges,
        statement: StatementRef<'a>,
        keyword: Keyword,
        number: &dyn Fn(&str) -> Option<i128>,
    ) -> ValueRanges {
        let Some(restriction) = statement.child(keyword) else { return ranges };
        match ranges.clone().narrow(restriction.argument(), number) {
            Some(narrowed) => narrowed,
            None => {
                let whole = if keyword == Keyword::Range { "range" } else { "length" };
                let expected = format!(
                    "ascending parts such as `1..4 | 8 | 10..max`, all within the {whole} of the type"
                );
                self.context.report(Error::Argument { position: restriction.position(), expected });
                ranges
            }
        }
    }

    fn patterns(&mut self, statement: StatementRef<'a>, inherited: StringPatterns) -> StringPatterns {
        if statement.child(Keyword::Pattern).is_none() {
            return inherited;
        }
        let is_posix = self.posix_units.contains(&statement.at().unit);
        let mut own = Vec::new();
        for pattern in statement.all(Keyword::Pattern) {
            let is_inverted = pattern.child(Keyword::Modifier).is_some();
            match StringPattern::new(pattern.argument(), is_inverted, is_posix) {
                Ok(read) => own.push(read),
                Err(expected) => self
                    .context
                    .report(Error::Argument { position: pattern.position(), expected: expected.to_owned() }),
            }
        }
        inherited.with(own)
    }

    /// Numbers all identities, then reads the identities they are derived from.
    fn gather_identities(&mut self) {
        let all = self.context.definitions.all(Keyword::Identity);
        for statement in &all {
            if self.context.features_hold(*statement) {
                let number = Identity(number_of(self.identities.len()));
                self.identity_numbers.insert(statement.at(), number);
                self.identities.push(IdentityDefinition {
                    module: self.context.links.module_of(statement.at().unit),
                    name: statement.argument().into(),
                    bases: Vec::new(),
                });
            }
        }
        for statement in all {
            let Some(&number) = self.identity_numbers.get(&statement.at()) else { continue };
            let mut bases = Vec::new();
            for base in statement.all(Keyword::Base) {
                match self.context.definitions.find(Keyword::Identity, base, base.argument()) {
                    Ok(found) => bases.extend(self.identity_numbers.get(&found.at()).copied()),
                    Err(error) => self.context.report(error),
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

/// Returns a built-in type without mandatory substatements, before its restrictions.
fn unrestricted(name: &str) -> Option<BaseType> {
    if let Some(kind) = IntegerKind::parse(name) {
        return Some(BaseType::Integer { kind, range: ValueRanges::one(kind.bounds()) });
    }
    Some(match name {
        "string" => BaseType::String {
            length: ValueRanges::one(ANY_LENGTH),
            patterns: StringPatterns::default(),
            form: TextForm::Text,
        },
        "boolean" => BaseType::Boolean,
        "empty" => BaseType::Empty,
        "binary" => BaseType::Binary { length: ValueRanges::one(ANY_LENGTH) },
        "instance-identifier" => BaseType::InstanceIdentifier { require_instance: true },
        _ => return None,
    })
}
