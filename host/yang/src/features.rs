//! Features and the expressions of `if-feature` (RFC 7950, section 7.20). Every defined feature is supported.

use crate::{Error, build_context::BuildContext, keyword::Keyword, statement::StatementRef};

/// The deepest nesting of expressions, and of features that depend on features.
const MAX_DEPTH: usize = 32;

impl BuildContext<'_> {
    /// Returns whether all `if-feature` of a statement hold. One that cannot be read is ignored.
    pub(crate) fn features_hold(&mut self, statement: StatementRef<'_>) -> bool {
        self.features_hold_at(statement, 0)
    }

    fn features_hold_at(&mut self, statement: StatementRef<'_>, depth: usize) -> bool {
        statement.all(Keyword::IfFeature).all(|condition| {
            let words = words(condition.argument());
            let mut expression = FeatureExpression { context: self, condition, words, next: 0, depth };
            let value = expression.parse_or();
            let is_whole = value.is_ok() && expression.next == expression.words.len();
            let position = condition.position();
            let error = match value {
                Ok(value) if is_whole => return value,
                Err(FeatureFailure::Unresolved(error)) => *error,
                Err(FeatureFailure::TooDeep) => {
                    Error::Limit { position, what: "nested features and parentheses", limit: MAX_DEPTH }
                }
                _ => {
                    let expected = "features joined by `and`, `or`, `not` and parentheses".to_owned();
                    Error::Argument { position, expected }
                }
            };
            self.report(error);
            true
        })
    }

    /// Returns whether a feature holds.
    fn feature_holds(&mut self, feature: StatementRef<'_>, depth: usize) -> bool {
        if let Some(&known) = self.features.get(&feature.at()) {
            return known;
        }
        // A feature that depends on itself does not hold.
        self.features.insert(feature.at(), false);
        let value = self.features_hold_at(feature, depth + 1);
        self.features.insert(feature.at(), value);
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

struct FeatureExpression<'e, 'a> {
    context: &'e mut BuildContext<'a>,
    condition: StatementRef<'e>,
    words: Vec<&'e str>,
    next: usize,
    depth: usize,
}

impl FeatureExpression<'_, '_> {
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
            let found = self.context.definitions.find(Keyword::Feature, self.condition, name);
            let feature = found.map_err(|error| FeatureFailure::Unresolved(Box::new(error)))?;
            self.context.feature_holds(feature, self.depth)
        };
        Ok(value != is_negated)
    }
}
