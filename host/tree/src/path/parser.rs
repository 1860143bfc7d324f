//! Reading paths: one pass, and for everything that is not a path of ours a sentence with the way out.

use super::{MAX_PREDICATES, MAX_STEPS, Path, PathStep, Predicate};
use crate::name::{is_name_character, is_name_start};
use crate::xml::unrepresentable;

/// How much of a path an error shows, in characters.
const EXCERPT: usize = 80;

/// A path that can't be read: the place and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path `{path}` cannot be read at character {position}: {fault}")]
pub struct PathError {
    /// The path, or that part of a long one which leads up to the fault.
    pub path: String,
    /// The character that is wrong, counted from 1; one past the last where something is missing; 0 in an
    /// empty path.
    pub position: usize,
    /// What is wrong with it.
    pub fault: PathFault,
}

/// What can be wrong with a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// Nothing at all.
    #[error("it is empty; write `.` for the instance itself and `/` for the root")]
    Empty,
    /// `..`
    #[error("`..` is not known here: write the path from the root or from the instance downwards")]
    Parent,
    /// `.` as one step of several.
    #[error("`.` stands alone, for the instance itself: leave it out of a longer path")]
    Itself,
    /// `//`, or a slash at the end.
    #[error("a step is missing here: `//` and a `/` at the end are not known, name every step")]
    EmptyStep,
    /// `*`
    #[error("`*` is not known: name the step, and leave its keys out to mean every entry")]
    Wildcard,
    /// `@name`
    #[error("attributes are not nodes of the configuration: name an element")]
    Attribute,
    /// `name(…)`
    #[error("functions are not known: name nodes, and entries by their keys as in `list[key='value']`")]
    Function,
    /// `axis::`
    #[error("axes are not known: each step is the name of a child")]
    Axis,
    /// `|`
    #[error("one path names one place: `|` is not known, write each path by itself")]
    Union,
    /// `[1]`
    #[error("entries have no numbers: name the entry by its keys, as in `list[key='value']`")]
    Position,
    /// Something else than `=`, or a second condition in one predicate.
    #[error("a predicate is one `[key='value']`: for several keys write several, as in `[a='1'][b='2']`")]
    Condition,
    /// `[key=value]`
    #[error("the value needs quotes, as in `[key='value']`")]
    Unquoted,
    /// A quote that is opened and not closed.
    #[error("the quote that opens here is not closed: inside a value, double the quote that encloses it")]
    OpenQuote,
    /// A `[` that is not closed.
    #[error("`]` is missing here")]
    OpenPredicate,
    /// Something where a `/` or `[` should be.
    #[error("`{0}` cannot stand here: after a step comes `/`, `[` or the end")]
    AfterStep(String),
    /// Something where a name should be.
    #[error("`{0}` does not begin a name: a step is `name` or `prefix:name`")]
    NotAName(String),
    /// A name that ends where it should begin.
    #[error("a name is missing here: a step is `name` or `prefix:name`")]
    NoName,
    /// A character that no value can have.
    #[error("a value cannot hold the character `{}`, which XML cannot carry", .0.escape_unicode())]
    Character(char),
    /// More than [`MAX_STEPS`].
    #[error("it has more than {MAX_STEPS} steps")]
    TooManySteps,
    /// More than [`MAX_PREDICATES`].
    #[error("the step has more than {MAX_PREDICATES} predicates")]
    TooManyPredicates,
}

/// How a quote inside a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteStyle {
    Doubled,
    Unescaped,
    /// It can't be.
    Plain,
}

pub(super) fn parse(text: &str, quotes: QuoteStyle) -> Result<Path, PathError> {
    let mut parser = PathParser { text, rest: text, quotes };
    parser.path().map_err(|fault| {
        let before = text.get(..text.len() - parser.rest.len()).unwrap_or(text).chars().count();
        let position = if text.is_empty() { 0 } else { before + 1 };
        PathError { path: excerpt(text, before), position, fault }
    })
}

/// A short path as it is; of a long one what surrounds the place `at`, counted in characters.
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
    /// What is still to be read; where it begins when a fault is found is where the fault is.
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
        self.blanks();
        let predicate = if self.rest.starts_with('.') && !self.rest.starts_with("..") {
            self.take('.');
            Predicate::Entry { value: self.value()? }
        } else if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(PathFault::Position);
        } else {
            let (prefix, name) = self.name()?;
            Predicate::Key { prefix, name, value: self.value()? }
        };
        self.blanks();
        if !self.take(']') {
            return Err(if self.rest.is_empty() { PathFault::OpenPredicate } else { PathFault::Condition });
        }
        Ok(predicate)
    }

    /// `= 'value'`, if there is one.
    fn value(&mut self) -> Result<Option<String>, PathFault> {
        self.blanks();
        if !self.take('=') {
            return Ok(None);
        }
        self.blanks();
        let quote = match self.peek() {
            Some(quote @ ('\'' | '"')) => quote,
            Some(_) => return Err(PathFault::Unquoted),
            None => return Err(PathFault::OpenPredicate),
        };
        let inside = self.rest.get(1..).unwrap_or_default();
        let (value, length) = match self.quotes {
            QuoteStyle::Doubled => doubled(inside, quote),
            QuoteStyle::Unescaped => unescaped(inside, quote),
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

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// What stands here, up to the next thing that has a meaning, for a message.
    fn word(&self) -> String {
        let mut characters = self.rest.chars();
        let first = characters.next().into_iter();
        first.chain(characters.take_while(|&c| is_name_character(c)).take(20)).collect()
    }
}

/// The value before the closing quote, and the length of both. A doubled quote is one in the value.
fn doubled(inside: &str, quote: char) -> Option<(String, usize)> {
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

/// The value before the first quote that ends both it and the predicate, and the length of both.
fn unescaped(inside: &str, quote: char) -> Option<(String, usize)> {
    let (end, _) = inside.match_indices(quote).find(|&(at, _)| {
        let after = inside.get(at + 1..).and_then(|after| after.strip_prefix(']'));
        after.is_some_and(|after| after.is_empty() || after.starts_with(['/', '[']))
    })?;
    Some((inside.get(..end)?.to_owned(), end + 1))
}
