//! The path parser: one pass, with an error that says what to write for every unsupported form.

use std::str::FromStr;

use super::error::{MAX_PREDICATES, MAX_STEPS, PathError, PathFault};
use super::{Path, PathStep, Predicate};
use crate::name::{is_name_character, is_name_start};
use crate::xml::unrepresentable;

/// The length of the excerpt of a path in an error, in characters.
const EXCERPT: usize = 80;

/// How a quote inside a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum QuoteStyle {
    /// Doubled.
    Doubled,
    /// As it is.
    Unescaped,
    /// Not at all: the value cannot contain it.
    Plain,
}

impl Path {
    /// Parses a path as modules write it.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parse(text, QuoteStyle::Doubled)
    }

    /// Parses a path as the backend writes it: in `created/path`, and for the instance in a notification
    /// (`bench[service-name='o'x']`). The backend does not escape a quote inside a value. The value ends at
    /// the first quote followed by a `]` that can end the predicate.
    pub fn parse_unescaped(text: &str) -> Result<Self, PathError> {
        parse(text, QuoteStyle::Unescaped)
    }

    /// Parses a path from an XPath 1.0 expression, in which a value cannot contain the quote that encloses
    /// it.
    pub fn parse_xpath(text: &str) -> Result<Self, PathError> {
        parse(text, QuoteStyle::Plain)
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

fn parse(text: &str, quotes: QuoteStyle) -> Result<Path, PathError> {
    let mut parser = PathParser { text, rest: text, quotes };
    parser.path().map_err(|fault| {
        let before = text.get(..text.len() - parser.rest.len()).unwrap_or(text).chars().count();
        let position = if text.is_empty() { 0 } else { before + 1 };
        PathError { path: excerpt(text, before), position, fault }
    })
}

/// Returns a short path unchanged, and of a long one the part around `at`, counted in characters.
fn excerpt(text: &str, at: usize) -> String {
    let start = if text.chars().nth(EXCERPT).is_none() { 0 } else { at.saturating_sub(EXCERPT / 2) };
    let mut characters = text.chars().skip(start);
    let mut excerpt: String = if start == 0 { String::new() } else { "…".into() };
    excerpt.extend(characters.by_ref().take(EXCERPT).map(|c| if c.is_control() { '·' } else { c }));
    if characters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

struct PathParser<'a> {
    text: &'a str,
    /// The text that is left to parse. When a fault is found, it begins at the fault.
    rest: &'a str,
    quotes: QuoteStyle,
}

impl<'a> PathParser<'a> {
    fn path(&mut self) -> Result<Path, PathFault> {
        match self.text {
            "" => return Err(PathFault::Empty),
            "/" => return Ok(Path { absolute: true, steps: Vec::new() }),
            "." => return Ok(Path { absolute: false, steps: Vec::new() }),
            _ => {}
        }
        let absolute = self.take('/');
        let mut steps = Vec::new();
        loop {
            if steps.len() == MAX_STEPS {
                return Err(PathFault::TooManySteps);
            }
            steps.push(self.step()?);
            if self.rest.is_empty() {
                return Ok(Path { absolute, steps });
            }
            if !self.take('/') {
                return Err(match self.peek() {
                    Some('|') => PathFault::Union,
                    _ => PathFault::AfterStep(self.word()),
                });
            }
        }
    }

    fn step(&mut self) -> Result<PathStep, PathFault> {
        if self.rest.is_empty() || self.rest.starts_with('/') {
            return Err(PathFault::EmptyStep);
        }
        let (prefix, name) = self.name()?;
        let mut predicates = Vec::new();
        while self.rest.starts_with('[') {
            if predicates.len() == MAX_PREDICATES {
                return Err(PathFault::TooManyPredicates);
            }
            predicates.push(self.predicate()?);
        }
        Ok(PathStep { prefix, name, predicates })
    }

    fn predicate(&mut self) -> Result<Predicate, PathFault> {
        self.take('[');
        self.skip_blanks();
        let predicate = if self.rest.starts_with('.') && !self.rest.starts_with("..") {
            self.take('.');
            Predicate::Entry { value: self.value()? }
        } else if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(PathFault::Position);
        } else {
            let (prefix, name) = self.name()?;
            Predicate::Key { prefix, name, value: self.value()? }
        };
        self.skip_blanks();
        if !self.take(']') {
            return Err(if self.rest.is_empty() { PathFault::OpenPredicate } else { PathFault::Condition });
        }
        Ok(predicate)
    }

    /// Parses `= 'value'`, if present.
    fn value(&mut self) -> Result<Option<String>, PathFault> {
        self.skip_blanks();
        if !self.take('=') {
            return Ok(None);
        }
        self.skip_blanks();
        let quote = match self.peek() {
            Some(quote @ ('\'' | '"')) => quote,
            Some(_) => return Err(PathFault::Unquoted),
            None => return Err(PathFault::OpenPredicate),
        };
        let inside = self.rest.get(1..).unwrap_or_default();
        let (value, length) = match self.quotes {
            QuoteStyle::Doubled => split_doubled(inside, quote),
            QuoteStyle::Unescaped => split_unescaped(inside, quote),
            QuoteStyle::Plain => {
                inside.split_once(quote).map(|(value, _)| (value.to_owned(), value.len() + 1))
            }
        }
        .ok_or(PathFault::OpenQuote)?;
        if let Some(character) = unrepresentable(&value) {
            return Err(PathFault::Character(character));
        }
        self.skip(1 + length);
        Ok(Some(value))
    }

    fn name(&mut self) -> Result<(Option<Box<str>>, Box<str>), PathFault> {
        let first = self.identifier()?;
        if self.rest.starts_with("::") {
            return Err(PathFault::Axis);
        }
        let (prefix, name) = if self.take(':') { (Some(first), self.identifier()?) } else { (None, first) };
        if self.rest.starts_with('(') {
            return Err(PathFault::Function);
        }
        Ok((prefix.map(Into::into), name.into()))
    }

    fn identifier(&mut self) -> Result<&'a str, PathFault> {
        match self.peek() {
            Some(first) if is_name_start(first) => {}
            None | Some('/' | '[' | ']' | '=') => return Err(PathFault::NoName),
            Some('*') => return Err(PathFault::Wildcard),
            Some('@') => return Err(PathFault::Attribute),
            Some('|') => return Err(PathFault::Union),
            Some('.') if self.rest.starts_with("..") => return Err(PathFault::Parent),
            Some('.') => return Err(PathFault::Itself),
            Some(_) => return Err(PathFault::NotAName(self.word())),
        }
        let end = self.rest.find(|c| !is_name_character(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        Ok(name)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Returns the next word of the text, for a message.
    fn word(&self) -> String {
        let mut characters = self.rest.chars();
        let first = characters.next().into_iter();
        first.chain(characters.take_while(|&c| is_name_character(c)).take(20)).collect()
    }
}

/// Returns the value before the closing quote, and the length of both. A doubled quote is one quote in the
/// value.
fn split_doubled(inside: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut rest = inside;
    loop {
        let (piece, after) = rest.split_once(quote)?;
        value.push_str(piece);
        match after.strip_prefix(quote) {
            Some(after) => {
                value.push(quote);
                rest = after;
            }
            None => return Some((value, inside.len() - after.len())),
        }
    }
}

/// Returns the value before the first quote that ends the value and the predicate, and the length of both.
fn split_unescaped(inside: &str, quote: char) -> Option<(String, usize)> {
    let (end, _) = inside.match_indices(quote).find(|&(at, _)| {
        let after = inside.get(at + 1..).and_then(|after| after.strip_prefix(']'));
        after.is_some_and(|after| after.is_empty() || after.starts_with(['/', '[']))
    })?;
    Some((inside.get(..end)?.to_owned(), end + 1))
}
