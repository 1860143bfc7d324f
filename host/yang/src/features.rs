//! Features and the expressions of `if-feature` (RFC 7950, section 7.20). Every defined feature is supported.

use std::collections::HashMap;

use crate::{
    Error,
    definitions::Definitions,
    keyword::Keyword,
    link::{ModuleLinks, StmtRef},
    problem_list::ProblemList,
    set::ModuleFileText,
};

/// The deepest nesting of expressions, and of features that depend on features.
const MAX_DEPTH: usize = 32;

/// The features evaluated so far, and whether they hold.
#[derive(Default)]
pub(crate) struct FeatureSet {
    known: HashMap<StmtRef, bool>,
}

/// What evaluating a feature needs.
pub(crate) struct FeatureContext<'a, 'b> {
    pub(crate) files: &'a [ModuleFileText],
    pub(crate) links: &'a ModuleLinks,
    pub(crate) definitions: &'b Definitions<'a>,
    pub(crate) problems: &'b mut ProblemList,
}

impl FeatureSet {
    /// Returns whether all `if-feature` of a statement hold. One that cannot be read does not.
    pub(crate) fn hold(&mut self, at: StmtRef, context: &mut FeatureContext<'_, '_>) -> bool {
        self.hold_at(at, context, 0)
    }

    fn hold_at(&mut self, at: StmtRef, context: &mut FeatureContext<'_, '_>, depth: usize) -> bool {
        let Some(statement) = context.links.statement(context.files, at) else { return false };
        statement.all(Keyword::IfFeature).all(|condition| {
            let at = StmtRef { unit: at.unit, id: condition.id() };
            let mut expression = FeatureExpression {
                features: self,
                context,
                at,
                words: words(condition.argument()),
                next: 0,
                depth,
            };
            let value = expression.parse_or();
            let is_whole = value.is_ok() && expression.next == expression.words.len();
            match value {
                Ok(value) if is_whole => value,
                Err(FeatureFailure::Unresolved(error)) => {
                    context.problems.push(*error);
                    false
                }
                Err(FeatureFailure::TooDeep) => {
                    let what = "nested features and parentheses";
                    context.problems.push(Error::Limit {
                        position: condition.position(),
                        what,
                        limit: MAX_DEPTH,
                    });
                    false
                }
                _ => {
                    let expected = "features joined by `and`, `or`, `not` and parentheses".to_owned();
                    context.problems.push(Error::Argument { position: condition.position(), expected });
                    false
                }
            }
        })
    }

    /// Returns whether a feature holds.
    fn holds(&mut self, feature: StmtRef, context: &mut FeatureContext<'_, '_>, depth: usize) -> bool {
        if let Some(&known) = self.known.get(&feature) {
            return known;
        }
        // A feature that depends on itself does not hold.
        self.known.insert(feature, false);
        let value = self.hold_at(feature, context, depth + 1);
        self.known.insert(feature, value);
        value
    }
}

enum FeatureFailure {
    Malformed,
    TooDeep,
    Unresolved(Box<Error>),
}

/// Splits an expression into names and parentheses.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace()
        .flat_map(|word| word.split_inclusive(['(', ')']))
        .flat_map(split_parenthesis)
        .collect()
}

fn split_parenthesis(word: &str) -> impl Iterator<Item = &str> {
    let at = if word.len() > 1 && word.ends_with(['(', ')']) { word.len() - 1 } else { 0 };
    let (name, parenthesis) = word.split_at(at);
    [name, parenthesis].into_iter().filter(|word| !word.is_empty())
}

struct FeatureExpression<'e, 'a, 'b> {
    features: &'e mut FeatureSet,
    context: &'e mut FeatureContext<'a, 'b>,
    at: StmtRef,
    words: Vec<&'e str>,
    next: usize,
    depth: usize,
}

impl FeatureExpression<'_, '_, '_> {
    fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.next) == Some(&word);
        self.next += usize::from(is_next);
        is_next
    }

    fn parse_or(&mut self) -> Result<bool, FeatureFailure> {
        let mut value = self.parse_and()?;
        while self.take_word("or") {
            value |= self.parse_and()?;
        }
        Ok(value)
    }

    fn parse_and(&mut self) -> Result<bool, FeatureFailure> {
        let mut value = self.parse_factor()?;
        while self.take_word("and") {
            value &= self.parse_factor()?;
        }
        Ok(value)
    }

    fn parse_factor(&mut self) -> Result<bool, FeatureFailure> {
        let mut is_negated = false;
        while self.take_word("not") {
            is_negated = !is_negated;
        }
        if self.depth > MAX_DEPTH {
            return Err(FeatureFailure::TooDeep);
        }
        let value = if self.take_word("(") {
            self.depth += 1;
            let value = self.parse_or()?;
            self.depth -= 1;
            if !self.take_word(")") {
                return Err(FeatureFailure::Malformed);
            }
            value
        } else {
            let name = *self.words.get(self.next).ok_or(FeatureFailure::Malformed)?;
            self.next += 1;
            if matches!(name, "and" | "or" | ")") {
                return Err(FeatureFailure::Malformed);
            }
            let found = self.context.definitions.find(Keyword::Feature, self.at, name);
            let feature = found.map_err(|error| FeatureFailure::Unresolved(Box::new(error)))?;
            self.features.holds(feature, self.context, self.depth)
        };
        Ok(value != is_negated)
    }
}
