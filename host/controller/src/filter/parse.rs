//! The text of a filter.

use crate::refusal::{self, Refusal};

/// The most predicates inside of each other.
const MAX_DEPTH: usize = 32;

/// A path: from the root, or in a predicate from the node that it is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Whether nodes on all levels below are meant (`//`).
    pub(crate) deep: bool,
    pub(crate) test: Test,
    pub(crate) predicates: Vec<Expression>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// The node itself (`.`).
    Itself,
    /// The node above (`..`).
    Parent,
    /// Any child (`*`).
    Any,
    /// Children of this name. A name without a prefix is in no namespace, and so matches nothing.
    Name { namespace: String, local: String },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Equal(Operand, Operand),
    Different(Operand, Operand),
    /// That there is such a node.
    Exists(Path),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Path(Path),
    Literal(String),
}

/// What a prefix stands for.
type Prefixes<'p> = dyn Fn(&str) -> Option<String> + 'p;

/// Reads `path | path | …`.
pub(crate) fn union(text: &str, prefixes: &Prefixes<'_>) -> Result<Vec<Path>, Refusal> {
    let mut parser = Parser { rest: text, prefixes, depth: 0 };
    let mut paths = Vec::new();
    loop {
        paths.push(parser.path()?);
        if !parser.take("|") {
            break;
        }
    }
    match parser.rest.is_empty() {
        true => Ok(paths),
        false => Err(parser.error()),
    }
}

struct Parser<'p> {
    rest: &'p str,
    prefixes: &'p Prefixes<'p>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self) -> Refusal {
        let before: String = self.rest.chars().take(1).collect();
        refusal::failed(format!("xpath parser on line 1: syntax error at or before: '{before}'"))
    }

    /// Goes one level deeper into predicates and brackets.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(refusal::failed(format!("xpath parser: more than {MAX_DEPTH} levels of predicates")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Takes a token and the blanks around it, if it comes next.
    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn path(&mut self) -> Result<Path, Refusal> {
        let mut steps = Vec::new();
        let mut deep = self.take("//");
        if !deep && self.take("/") && self.at_end_of_path() {
            return Ok(Path { steps });
        }
        loop {
            steps.push(self.step(deep)?);
            deep = self.take("//");
            if !deep && !self.take("/") {
                return Ok(Path { steps });
            }
        }
    }

    fn at_end_of_path(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('|')
    }

    fn step(&mut self, deep: bool) -> Result<Step, Refusal> {
        let test = self.test()?;
        let mut predicates = Vec::new();
        while self.take("[") {
            predicates.push(self.nested(Self::or)?);
            if !self.take("]") {
                return Err(self.error());
            }
        }
        Ok(Step { deep, test, predicates })
    }

    fn test(&mut self) -> Result<Test, Refusal> {
        for (token, test) in [("..", Test::Parent), (".", Test::Itself), ("*", Test::Any)] {
            if self.take(token) {
                return Ok(test);
            }
        }
        self.take("child::");
        let first = self.name()?;
        if !self.rest.starts_with("::") && self.take(":") {
            let namespace = (self.prefixes)(&first);
            let namespace = namespace.ok_or_else(|| {
                refusal::bad_attribute("select", &format!("No namespace found for prefix: {first}"))
            })?;
            let local = self.name()?;
            self.take("");
            return Ok(Test::Name { namespace, local });
        }
        self.take("");
        match self.rest.starts_with(['(', ':']) {
            true => Err(self.error()),
            false => Ok(Test::Name { namespace: String::new(), local: first }),
        }
    }

    fn name(&mut self) -> Result<String, Refusal> {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return Err(self.error());
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn word(&mut self, word: &str) -> bool {
        let after = self.rest.strip_prefix(word);
        let ends = after.is_some_and(|after| after.starts_with([' ', '\t', '\n', '(']));
        ends && self.take(word)
    }

    fn or(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.comparison()?;
        while self.word("and") {
            left = Expression::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, Refusal> {
        let negated = self.rest.starts_with("not(") && self.take("not(");
        if negated || self.take("(") {
            let inner = self.nested(Self::or)?;
            return match (self.take(")"), negated) {
                (true, true) => Ok(Expression::Not(Box::new(inner))),
                (true, false) => Ok(inner),
                (false, _) => Err(self.error()),
            };
        }
        let left = self.operand()?;
        if self.take("!=") {
            return Ok(Expression::Different(left, self.operand()?));
        }
        if self.take("=") {
            return Ok(Expression::Equal(left, self.operand()?));
        }
        match left {
            Operand::Path(path) => Ok(Expression::Exists(path)),
            Operand::Literal(_) => Err(self.error()),
        }
    }

    fn operand(&mut self) -> Result<Operand, Refusal> {
        self.take("");
        let quote = self.rest.chars().next().filter(|&quote| quote == '\'' || quote == '"');
        if let Some(quote) = quote {
            let inside = self.rest.get(1..).and_then(|rest| rest.split_once(quote));
            let (literal, rest) = inside.ok_or_else(|| self.error())?;
            self.rest = rest.trim_start();
            return Ok(Operand::Literal(literal.to_owned()));
        }
        let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        if digits > 0 {
            let (number, rest) = self.rest.split_at_checked(digits).unwrap_or_default();
            self.rest = rest.trim_start();
            return Ok(Operand::Literal(number.to_owned()));
        }
        if self.rest.starts_with('/') {
            return Err(self.error());
        }
        self.path().map(Operand::Path)
    }
}
