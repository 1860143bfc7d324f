//! The parse tree of one file: its statements with their positions.

use std::sync::Arc;

use crate::{
    Error, SourcePosition, YangLimits,
    keyword::Keyword,
    lexer::{LexError, Lexer, StatementEnd, TextSpan},
    shown_text::ShownText,
};

/// The statements of one file, in the order of the text.
#[derive(Debug)]
pub(crate) struct ParsedFile {
    pub(crate) file: Arc<str>,
    /// The source, followed by the arguments that had to be decoded.
    text: String,
    statements: Vec<StatementRecord>,
    /// The error if the module turns out to be YANG 1.1.
    pub(crate) forbidden_in_1_1: Option<Error>,
    /// What could not be read. The rest of the file is usable.
    pub(crate) problems: Vec<Error>,
    /// Whether a statement that defines nodes is ignored.
    pub(crate) lacks_nodes: bool,
}

/// One statement. Its substatements follow it; `end` is the number of the first statement after them.
#[derive(Debug)]
struct StatementRecord {
    keyword: Keyword,
    name: TextSpan,
    argument: Option<TextSpan>,
    line: u32,
    parent: u32,
    end: u32,
}

/// One statement of a [`ParsedFile`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatementRef<'a> {
    parsed: &'a ParsedFile,
    at: StatementId,
}

/// A statement of a schema: its unit, and its number in the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StatementId {
    /// 0 for a file that is not linked yet.
    pub(crate) unit: u32,
    pub(crate) number: u32,
}

impl ParsedFile {
    /// Reads one file: one statement with its substatements, and nothing after it.
    pub(crate) fn read(file: &str, source: &[u8], limits: &YangLimits) -> Result<Self, Error> {
        let file: Arc<str> = file.into();
        let start = || SourcePosition { file: Arc::clone(&file), line: 1, statement: "".into() };
        if source.len() > limits.source {
            return Err(Error::Limit { position: start(), what: "bytes of a module", limit: limits.source });
        }
        let mut problems = Vec::new();
        if let Err(error) = str::from_utf8(source) {
            let before = source.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
            problems.push(Error::Syntax {
                position: SourcePosition { line: u32::try_from(line).unwrap_or(u32::MAX), ..start() },
                expected: "text in UTF-8",
                found: "other bytes".to_owned(),
            });
        }
        let source = &*String::from_utf8_lossy(source);
        let mut reader = StatementReader {
            lexer: Lexer::new(source),
            parsed: Self {
                file: Arc::clone(&file),
                text: String::new(),
                statements: Vec::new(),
                forbidden_in_1_1: None,
                problems,
                lacks_nodes: false,
            },
            open: Vec::new(),
            depth: limits.statement_depth,
            unknown: None,
        };
        let result = reader.read();
        let StatementReader { lexer, mut parsed, open, unknown, .. } = reader;
        let forbidden = lexer.forbidden_in_1_1;
        let ignored = [unknown, lexer.control_character];
        parsed.text.reserve_exact(source.len() + lexer.decoded.len());
        parsed.text.push_str(source);
        parsed.text.push_str(&lexer.decoded);
        let position = |line| {
            let statement = open
                .last()
                .and_then(|&number| parsed.get(StatementId { unit: 0, number }))
                .map(StatementRef::title)
                .unwrap_or_default();
            SourcePosition { file: Arc::clone(&file), line, statement: statement.into() }
        };
        let syntax =
            |LexError { line, expected, found }| Error::Syntax { position: position(line), expected, found };
        match result {
            Ok(()) => {
                let forbidden = forbidden.map(syntax);
                let ignored: Vec<Error> = ignored.into_iter().flatten().map(syntax).collect();
                parsed.forbidden_in_1_1 = forbidden;
                parsed.problems.extend(ignored);
                Ok(parsed)
            }
            Err(StatementFailure::Unreadable(unreadable)) => {
                // Other bytes than UTF-8 explain the rest.
                Err(parsed.problems.first().cloned().unwrap_or_else(|| syntax(unreadable)))
            }
            Err(StatementFailure::TooDeep(line)) => Err(Error::Limit {
                position: position(line),
                what: "nested statements",
                limit: limits.statement_depth,
            }),
        }
    }

    /// Returns the outermost statement.
    pub(crate) fn root(&self) -> StatementRef<'_> {
        self.root_of(0)
    }

    /// Returns the outermost statement, for this unit.
    pub(crate) fn root_of(&self, unit: u32) -> StatementRef<'_> {
        StatementRef { parsed: self, at: StatementId { unit, number: 0 } }
    }

    /// Returns the statement of this number.
    pub(crate) fn get(&self, at: StatementId) -> Option<StatementRef<'_>> {
        self.statements.get(at.number as usize)?;
        Some(StatementRef { parsed: self, at })
    }

    /// Ignores a statement with its substatements from now on.
    pub(crate) fn ignore(&mut self, number: u32) {
        if let Some(statement) = self.statements.get_mut(number as usize) {
            statement.keyword = Keyword::Extension;
        }
    }

    /// Returns all statements, in the order of the source, for this unit.
    pub(crate) fn all(&self, unit: u32) -> impl Iterator<Item = StatementRef<'_>> {
        let numbers = 0..u32::try_from(self.statements.len()).unwrap_or(u32::MAX);
        numbers.map(move |number| StatementRef { parsed: self, at: StatementId { unit, number } })
    }

    fn slice(&self, span: TextSpan) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

struct StatementReader<'a> {
    lexer: Lexer<'a>,
    parsed: ParsedFile,
    /// The statements whose closing brace is still to come.
    open: Vec<u32>,
    depth: usize,
    /// The first keyword that YANG does not have.
    unknown: Option<LexError>,
}

enum StatementFailure {
    Unreadable(LexError),
    TooDeep(u32),
}

impl From<LexError> for StatementFailure {
    fn from(unreadable: LexError) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl StatementReader<'_> {
    fn read(&mut self) -> Result<(), StatementFailure> {
        loop {
            self.lexer.skip_space()?;
            if self.open.is_empty() && !self.parsed.statements.is_empty() {
                return if self.lexer.is_at_end() {
                    Ok(())
                } else {
                    Err(self.lexer.unexpected("the end of the text after the module").into())
                };
            }
            if !self.open.is_empty() && self.lexer.close() {
                self.close();
            } else if self.lexer.is_at_end() {
                let expected =
                    if self.open.is_empty() { "`module` or `submodule`" } else { "a statement or `}`" };
                return Err(self.lexer.unexpected(expected).into());
            } else {
                self.statement()?;
            }
        }
    }

    fn close(&mut self) {
        let end = self.next_id();
        let closed = self.open.pop().and_then(|id| self.parsed.statements.get_mut(id as usize));
        if let Some(statement) = closed {
            statement.end = end;
        }
    }

    fn next_id(&self) -> u32 {
        u32::try_from(self.parsed.statements.len()).unwrap_or(u32::MAX)
    }

    fn statement(&mut self) -> Result<(), StatementFailure> {
        let line = self.lexer.line();
        let name = self.lexer.keyword()?;
        let text = self.lexer.text(name);
        let keyword = match Keyword::parse(text) {
            Some(keyword) => keyword,
            None if text.contains(':') => Keyword::Extension,
            None => {
                let found = format!("`{}`", ShownText(text));
                let unknown = LexError { line, expected: "a keyword of YANG", found };
                if self.open.is_empty() {
                    return Err(unknown.into());
                }
                // Whatever it is, it may define nodes.
                self.parsed.lacks_nodes = true;
                self.unknown.get_or_insert(unknown);
                Keyword::Extension
            }
        };
        self.lexer.skip_space()?;
        let argument = self.lexer.argument()?;
        self.lexer.skip_space()?;
        let id = self.next_id();
        let parent = self.open.last().copied().unwrap_or(0);
        self.parsed.statements.push(StatementRecord { keyword, name, argument, line, parent, end: id + 1 });
        if self.lexer.terminator()? == StatementEnd::Open {
            if self.open.len() >= self.depth {
                return Err(StatementFailure::TooDeep(line));
            }
            self.open.push(id);
        }
        Ok(())
    }
}

impl<'a> StatementRef<'a> {
    fn statement(self) -> Option<&'a StatementRecord> {
        self.parsed.statements.get(self.at.number as usize)
    }

    /// Returns the statement's unit and number.
    pub(crate) fn at(self) -> StatementId {
        self.at
    }

    /// Returns the statement of this number in the same unit.
    fn numbered(self, number: u32) -> Self {
        Self { at: StatementId { number, ..self.at }, ..self }
    }

    /// Returns the number of the first statement after its substatements.
    pub(crate) fn end(self) -> u32 {
        self.statement().map_or(self.at.number, |statement| statement.end)
    }

    pub(crate) fn keyword(self) -> Keyword {
        self.statement().map_or(Keyword::Extension, |statement| statement.keyword)
    }

    /// Returns the keyword as it is written, with its prefix.
    pub(crate) fn name(self) -> &'a str {
        self.statement().map_or("", |statement| self.parsed.slice(statement.name))
    }

    /// Returns the argument, or the empty string if there is none.
    pub(crate) fn argument(self) -> &'a str {
        self.argument_if_any().unwrap_or_default()
    }

    pub(crate) fn argument_if_any(self) -> Option<&'a str> {
        self.statement()?.argument.map(|span| self.parsed.slice(span))
    }

    pub(crate) fn line(self) -> u32 {
        self.statement().map_or(0, |statement| statement.line)
    }

    /// Returns the parent statement, if there is one.
    pub(crate) fn parent(self) -> Option<Self> {
        let parent = self.statement()?.parent;
        (self.at.number != 0).then_some(self.numbered(parent))
    }

    /// Returns the substatements.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> + use<'a> {
        let end = self.statement().map_or(0, |statement| statement.end);
        let mut next = self.at.number + 1;
        std::iter::from_fn(move || {
            let child = self.numbered(next);
            if next >= end {
                return None;
            }
            next = child.statement()?.end;
            Some(child)
        })
    }

    /// Returns the substatements of one keyword.
    pub(crate) fn all(self, keyword: Keyword) -> impl Iterator<Item = Self> + use<'a> {
        self.children().filter(move |child| child.keyword() == keyword)
    }

    /// Returns the first substatement of this keyword.
    pub(crate) fn child(self, keyword: Keyword) -> Option<Self> {
        self.all(keyword).next()
    }

    /// Returns the argument of the first substatement of this keyword.
    pub(crate) fn text(self, keyword: Keyword) -> Option<&'a str> {
        self.child(keyword).map(Self::argument)
    }

    /// Returns the keyword and the argument, cut to a length that fits in a message.
    pub(crate) fn title(self) -> String {
        let mut title = self.name().to_owned();
        if let Some(argument) = self.argument_if_any() {
            title.push(' ');
            let mut words = argument.split_whitespace();
            title.extend(words.next());
            if words.next().is_some() {
                title.push_str(" …");
            }
        }
        ShownText(&title).to_string()
    }

    /// Returns the statement's position, for an error.
    pub(crate) fn position(self) -> SourcePosition {
        SourcePosition {
            file: Arc::clone(&self.parsed.file),
            line: self.line(),
            statement: self.title().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ParsedFile, String> {
        ParsedFile::read("m.yang", text.as_bytes(), &YangLimits::default()).map_err(|error| error.to_string())
    }

    /// Returns the argument of the only substatement of `a`.
    fn argument(text: &str) -> String {
        let parsed = read(&format!("module a {{\n{text}\n}}")).unwrap();
        let children: Vec<_> = parsed.root().children().collect();
        assert_eq!(children.len(), 1);
        children[0].argument().to_owned()
    }

    #[test]
    fn strings_are_read_by_rfc_7950_section_6_1_3() {
        for (text, value) in [
            ("contact plain;", "plain"),
            ("contact a+b/c;", "a+b/c"),
            (r#"contact "";"#, ""),
            (r#"contact "two words";"#, "two words"),
            (r#"contact 'as \n it "is"';"#, r#"as \n it "is""#),
            (r#"contact "tab\tquote\"slash\\line\nend";"#, "tab\tquote\"slash\\line\nend"),
            (r#"contact "not \d an escape";"#, r"not \d an escape"),
            ("contact 'a' + \"b\" +\n // why not\n 'c';", "abc"),
            (r#"contact "\\" + 'n' + "\n";"#, "\\n\n"),
            // Indentation up to the column of the quote is removed, and so is white space before a line break.
            ("contact \"one  \n         two\n           three\";", "one\ntwo\n  three"),
            ("contact \"one\r\n\ttwo\";", "one\ntwo"),
            ("contact \"one\n\t\ttwo\";", "one\n       two"),
            // White space from an escape is kept.
            ("contact \"one\\t\n   two\";", "one\t\ntwo"),
            ("contact 'one\n  two';", "one\n  two"),
        ] {
            assert_eq!(argument(text), value, "{text}");
        }
    }

    #[test]
    fn statements_have_line_and_parent() {
        let parsed =
            read("module a { /* two\nlines */\n container b {\n  leaf c;\n  x:y z { d:e; }\n }\n leaf f; }")
                .unwrap();
        let all: Vec<_> = parsed
            .all(0)
            .map(|s| (s.title(), s.line(), s.parent().map(|parent| parent.at().number)))
            .collect();
        assert_eq!(
            all,
            [
                ("module a".to_owned(), 1, None),
                ("container b".to_owned(), 3, Some(0)),
                ("leaf c".to_owned(), 4, Some(1)),
                ("x:y z".to_owned(), 5, Some(1)),
                ("d:e".to_owned(), 5, Some(3)),
                ("leaf f".to_owned(), 7, Some(0)),
            ]
        );
        let top: Vec<_> = parsed.root().children().map(StatementRef::argument).collect();
        assert_eq!(top, ["b", "f"]);
    }

    #[test]
    fn syntax_errors_have_their_line() {
        let mut errors = String::new();
        for text in [
            "",
            "module",
            "module a {\n leaf b {\n",
            "module a {\n leaf b }",
            "module a {\n leef b; }",
            "module a; }",
            "module a {\n contact \"open;\n }",
            "module a {\n contact 'open;\n }",
            "module a {\n /* open",
            "module a {\n contact 'a' + b; }",
            "module a {\n contact \"\u{1}\"; }",
            "module a {\n 1:b c; }",
        ] {
            let read = ParsedFile::read("m.yang", text.as_bytes(), &YangLimits::default());
            errors += &match read {
                Ok(parsed) => format!("{}, ignored", parsed.problems[0]),
                Err(error) => error.to_string(),
            };
            errors.push('\n');
        }
        insta::assert_snapshot!(errors, @r#"
        m.yang:1: expected `module` or `submodule`, found the end of the text
        m.yang:1: expected `;` or `{`, found the end of the text
        m.yang:3: `leaf b`: expected a statement or `}`, found the end of the text
        m.yang:2: `module a`: expected `;` or `{`, found `}`
        m.yang:2: expected a keyword of YANG, found `leef`, ignored
        m.yang:1: expected the end of the text after the module, found `}`
        m.yang:2: `module a`: expected the closing `"` of the string, found the end of the text
        m.yang:2: `module a`: expected the closing `'` of the string, found the end of the text
        m.yang:2: `module a`: expected the end of the comment, `*/`, found the end of the text
        m.yang:2: `module a`: expected a string in quotes after `+`, found `b`
        m.yang:2: expected a character other than a control character, found `\u{1}`, ignored
        m.yang:2: `module a`: expected a keyword, found `1:b`
        "#);
    }

    #[test]
    fn invalid_utf_8_deep_and_large_files_are_refused() {
        let error = ParsedFile::read("m", b"module a {\n\xff", &YangLimits::default()).unwrap_err();
        insta::assert_snapshot!(error, @"m:2: expected text in UTF-8, found other bytes");
        let error = read(&"a:b {".repeat(1_000_000)).unwrap_err();
        insta::assert_snapshot!(error, @"m.yang:1: `a:b`: nested statements are limited to 128");
        let limits = YangLimits { source: 10, ..YangLimits::default() };
        let error = ParsedFile::read("m", b"module abcdef;", &limits).unwrap_err();
        insta::assert_snapshot!(error, @"m:1: bytes of a module are limited to 10");
    }
}
