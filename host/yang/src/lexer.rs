//! Splits the source into keywords, strings and comments (RFC 7950, section 6.1).

use crate::shown_text::ShownText;

/// A range of a module's text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextSpan {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A lexical error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LexError {
    pub(crate) line: u32,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

/// The token after a statement's argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatementEnd {
    Semicolon,
    Open,
}

/// Reads the tokens of one module.
///
/// An argument is a range of the source if the source has it verbatim. An argument with escapes, line breaks or `+` is
/// decoded to [`decoded`](Self::decoded). So a [`TextSpan`] is a range of the source followed by `decoded`.
pub(crate) struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
    pub(crate) decoded: String,
    /// The first text that YANG 1 allows and YANG 1.1 forbids. The module's version decides whether it is an error.
    pub(crate) forbidden_in_1_1: Option<LexError>,
    /// The first control character in a string (section 6, `yang-char`).
    pub(crate) control_character: Option<LexError>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        let at = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self {
            source,
            at,
            line: 1,
            line_start: at,
            decoded: String::new(),
            forbidden_in_1_1: None,
            control_character: None,
        }
    }

    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    /// Returns the text of a span of the source.
    pub(crate) fn text(&self, span: TextSpan) -> &'a str {
        self.slice(span.start as usize, span.end as usize)
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.source.get(start..end).unwrap_or_default()
    }

    /// Skips one byte.
    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
            self.line_start = self.at + 1;
        }
        self.at += 1;
    }

    pub(crate) fn unexpected(&self, expected: &'static str) -> LexError {
        let found = match self.rest().chars().next() {
            None => "the end of the text".to_owned(),
            Some(c @ ('{' | '}' | ';' | '"' | '\'' | '+')) => format!("`{c}`"),
            Some(_) => {
                let word: String = self.rest().chars().take_while(|c| !is_end(*c)).take(40).collect();
                format!("`{}`", ShownText(&word))
            }
        };
        LexError { line: self.line, expected, found }
    }

    /// Skips white space and comments.
    pub(crate) fn skip_space(&mut self) -> Result<(), LexError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.step(),
                Some(b'/') if self.rest().starts_with("//") => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                Some(b'/') if self.rest().starts_with("/*") => {
                    let Some(length) = self.rest().get(2..).and_then(|rest| rest.find("*/")) else {
                        return Err(LexError {
                            line: self.line,
                            expected: "the end of the comment, `*/`",
                            found: "the end of the text".to_owned(),
                        });
                    };
                    let end = self.at + length + 4;
                    while self.at < end {
                        self.step();
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// Skips the closing brace of a statement, if it is next.
    pub(crate) fn close(&mut self) -> bool {
        let is_next = self.peek() == Some(b'}');
        if is_next {
            self.step();
        }
        is_next
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.source.len()
    }

    /// Reads a keyword, with its prefix if it has one.
    pub(crate) fn keyword(&mut self) -> Result<TextSpan, LexError> {
        const EXPECTED: &str = "a keyword";
        let start = self.at;
        let word_end = self.rest().find(is_end).map_or(self.source.len(), |length| start + length);
        let word = self.slice(start, word_end);
        let mut parts = word.splitn(2, ':');
        let is_keyword = parts.next().is_some_and(is_identifier) && parts.next().is_none_or(is_identifier);
        if !is_keyword {
            return Err(self.unexpected(EXPECTED));
        }
        self.at = word_end;
        Ok(span(start, word_end))
    }

    /// Reads the token that ends a statement or opens its substatements.
    pub(crate) fn terminator(&mut self) -> Result<StatementEnd, LexError> {
        let terminator = match self.peek() {
            Some(b';') => StatementEnd::Semicolon,
            Some(b'{') => StatementEnd::Open,
            _ => return Err(self.unexpected("`;` or `{`")),
        };
        self.step();
        Ok(terminator)
    }

    /// Reads an argument, if one is next.
    pub(crate) fn argument(&mut self) -> Result<Option<TextSpan>, LexError> {
        match self.peek() {
            None | Some(b';' | b'{' | b'}') => Ok(None),
            Some(b'"' | b'\'') => self.quoted().map(Some),
            Some(_) => self.unquoted().map(Some),
        }
    }

    fn unquoted(&mut self) -> Result<TextSpan, LexError> {
        let start = self.at;
        let mut length = 0;
        let rest = self.rest().as_bytes();
        loop {
            match rest.get(length) {
                None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b'}') => break,
                Some(b'/') if matches!(rest.get(length + 1), Some(b'/' | b'*')) => break,
                Some(b'"' | b'\'') => {
                    self.forbid("an argument without quotes inside, or entirely in quotes");
                    length += 1;
                }
                Some(_) => length += 1,
            }
        }
        self.at += length;
        Ok(span(start, self.at))
    }

    /// Records the first text that YANG 1.1 forbids.
    fn forbid(&mut self, expected: &'static str) {
        if self.forbidden_in_1_1.is_none() {
            self.forbidden_in_1_1 = Some(self.unexpected(expected));
        }
    }

    /// Reads strings in quotes, joined by `+`.
    fn quoted(&mut self) -> Result<TextSpan, LexError> {
        let first = self.string()?;
        let mut whole: Option<TextSpan> = None;
        loop {
            let (at, line, line_start) = (self.at, self.line, self.line_start);
            self.skip_space()?;
            if self.peek() != Some(b'+') {
                (self.at, self.line, self.line_start) = (at, line, line_start);
                return Ok(whole.unwrap_or(first));
            }
            self.step();
            self.skip_space()?;
            if !matches!(self.peek(), Some(b'"' | b'\'')) {
                return Err(self.unexpected("a string in quotes after `+`"));
            }
            let whole = whole.get_or_insert_with(|| self.decode(first));
            let next = self.string()?;
            // A string that was decoded is already at the end.
            if next.start != whole.end {
                self.decode(next);
            }
            whole.end = self.decoded_end();
        }
    }

    fn decoded_end(&self) -> u32 {
        offset(self.source.len() + self.decoded.len())
    }

    /// Copies a span of the source to the decoded text, unless it is already at its end.
    fn decode(&mut self, piece: TextSpan) -> TextSpan {
        if piece.start as usize >= self.source.len() && piece.end == self.decoded_end() {
            return piece;
        }
        let start = self.decoded_end();
        self.decoded.push_str(self.slice(piece.start as usize, piece.end as usize));
        TextSpan { start, end: self.decoded_end() }
    }

    fn string(&mut self) -> Result<TextSpan, LexError> {
        let opened = self.line;
        let quote = if self.peek() == Some(b'"') { '"' } else { '\'' };
        let unclosed =
            |expected| LexError { line: opened, expected, found: "the end of the text".to_owned() };
        let before_quote = (self.line_start, self.at);
        self.step();
        let start = self.at;
        if quote == '\'' {
            let length = self.rest().find('\'').ok_or_else(|| unclosed("the closing `'` of the string"))?;
            self.finish_plain(start + length);
            return Ok(span(start, start + length));
        }
        let special =
            self.rest().find(['"', '\\', '\n']).ok_or_else(|| unclosed("the closing `\"` of the string"))?;
        if self.rest().as_bytes().get(special) == Some(&b'"') {
            self.finish_plain(start + special);
            return Ok(span(start, start + special));
        }
        self.double_quoted(before_quote)
            .map_err(|error| error.unwrap_or_else(|| unclosed("the closing `\"` of the string")))
    }

    /// Skips the rest of a verbatim string, and its closing quote.
    fn finish_plain(&mut self, end: usize) {
        while self.at < end {
            self.check_character();
            self.step();
        }
        self.step();
    }

    /// Records the first control character. It is part of the string all the same.
    fn check_character(&mut self) {
        let is_control = |b: u8| b < b' ' && !matches!(b, b'\t' | b'\r' | b'\n');
        if self.control_character.is_none() && self.peek().is_some_and(is_control) {
            self.control_character = Some(self.unexpected("a character other than a control character"));
        }
    }

    /// Reads a string with escapes or line breaks (section 6.1.3). `before_quote` is the start of its first line and the
    /// position of its quote. Returns `Err(None)` if the string does not end.
    fn double_quoted(&mut self, before_quote: (usize, usize)) -> Result<TextSpan, Option<LexError>> {
        let start = self.decoded_end();
        // White space after this is trimmed at a line break. White space from an escape is not.
        let mut kept = self.decoded.len();
        let mut copied = self.at;
        // Computed at the first line break only: a long line may have many strings.
        let mut indent = None;
        loop {
            let byte = self.peek().ok_or(None)?;
            match byte {
                b'"' => {
                    self.decoded.push_str(self.slice(copied, self.at));
                    self.step();
                    return Ok(TextSpan { start, end: self.decoded_end() });
                }
                b'\\' => {
                    self.decoded.push_str(self.slice(copied, self.at));
                    self.escape()?;
                    kept = self.decoded.len();
                    copied = self.at;
                }
                b'\n' => {
                    self.decoded.push_str(self.slice(copied, self.at));
                    let trimmed = self.decoded.trim_end_matches([' ', '\t', '\r']).len().max(kept);
                    self.decoded.truncate(trimmed);
                    self.decoded.push('\n');
                    self.step();
                    self.unindent(*indent.get_or_insert_with(|| self.column(before_quote)));
                    kept = self.decoded.len();
                    copied = self.at;
                }
                _ => {
                    self.check_character();
                    self.step();
                }
            }
        }
    }

    /// Returns the column after an opening quote (section 6.1.3). White space up to it is the indentation of the
    /// following lines.
    fn column(&self, (line_start, quote): (usize, usize)) -> usize {
        let widths = self.slice(line_start, quote).chars().map(|c| if c == '\t' { 8 } else { 1 });
        widths.sum::<usize>() + 1
    }

    fn escape(&mut self) -> Result<(), Option<LexError>> {
        let escaped = self.source.as_bytes().get(self.at + 1).ok_or(None)?;
        match escaped {
            b'n' => self.decoded.push('\n'),
            b't' => self.decoded.push('\t'),
            b'"' => self.decoded.push('"'),
            b'\\' => self.decoded.push('\\'),
            _ => {
                self.forbid("`\\n`, `\\t`, `\\\"` or `\\\\` in a string in double quotes");
                self.decoded.push('\\');
                self.step();
                return Ok(());
            }
        }
        self.at += 2;
        Ok(())
    }

    /// Skips the indentation of a line of a string.
    fn unindent(&mut self, indent: usize) {
        let mut column = 0;
        while column < indent {
            match self.peek() {
                Some(b' ') => column += 1,
                Some(b'\t') => column += 8,
                _ => return,
            }
            self.step();
        }
        // A tab that extends beyond the column leaves the rest of its width.
        self.decoded.extend(std::iter::repeat_n(' ', column - indent));
    }
}

/// Returns whether a character ends a word outside quotes.
fn is_end(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | ';' | '{' | '}' | '"' | '\'')
}

/// Returns whether the text has the form of a date, as in `2024-12-31` (RFC 7950, section 7.1.9).
pub fn is_date(text: &str) -> bool {
    let is_right = |(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { u8::is_ascii_digit(&byte) };
    text.len() == 10 && text.bytes().enumerate().all(is_right)
}

/// Returns whether the text is an identifier (RFC 7950, section 6.2).
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Converts an offset. It fits: [`YangLimits::source`](crate::YangLimits::source) is checked before, and the decoded
/// text is at most four times the source (a tab in the indentation of each line).
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn span(start: usize, end: usize) -> TextSpan {
    TextSpan { start: offset(start), end: offset(end) }
}
