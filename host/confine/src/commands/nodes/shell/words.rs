//! Splits a line into words.
//!
//! Blanks separate words. Text between quotes, `'…'` or `"…"`, is one word with its blanks and without the quotes; a
//! quote in it is doubled (`'it''s'`) or put between quotes of the other kind (`"it's"`), as in a path. The predicates
//! of a path, `[name='…']`, keep their quotes and blanks: the path is parsed later. A line break between quotes is part
//! of the word.

use std::io;

use crate::error::Error;

/// The state of the scan of a line.
#[derive(Clone, Copy, Debug, Default)]
struct WordState {
    /// The open quote, with its position.
    quote: Option<(char, usize)>,
    /// The position of the open `[`.
    predicate: Option<usize>,
}

/// The part that a character plays in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CharacterKind {
    /// Separates words.
    Blank,
    /// Belongs to a word.
    Letter,
    /// Opens or closes quoted text, and belongs to no word.
    Quote,
}

impl WordState {
    fn is_open(self) -> bool {
        self.quote.is_some() || self.predicate.is_some()
    }

    fn next(&mut self, position: usize, c: char) -> CharacterKind {
        match self.quote {
            Some((quote, _)) if c == quote => self.quote = None,
            Some(_) => return CharacterKind::Letter,
            None if matches!(c, '\'' | '"') => self.quote = Some((c, position)),
            None if self.predicate.is_some() => {
                if c == ']' {
                    self.predicate = None;
                }
                return CharacterKind::Letter;
            }
            None if c.is_whitespace() => return CharacterKind::Blank,
            None => {
                if c == '[' {
                    self.predicate = Some(position);
                }
                return CharacterKind::Letter;
            }
        }
        if self.predicate.is_some() { CharacterKind::Letter } else { CharacterKind::Quote }
    }
}

/// Commands with the numbers of their first lines: a quote that is open at the end of a line continues on the
/// next one.
pub(super) struct CommandLines<I> {
    lines: I,
    number: usize,
}

impl<I> CommandLines<I> {
    pub(super) fn of(lines: I) -> Self {
        Self { lines, number: 0 }
    }
}

impl<I: Iterator<Item = io::Result<String>>> Iterator for CommandLines<I> {
    type Item = io::Result<(usize, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.number + 1;
        let mut command = String::new();
        loop {
            match self.lines.next() {
                Some(Ok(line)) => command += &line,
                Some(Err(error)) => return Some(Err(error)),
                None if self.number < first => return None,
                None => return Some(Ok((first, command))),
            }
            self.number += 1;
            if !is_open(&command) {
                return Some(Ok((first, command)));
            }
            command.push('\n');
        }
    }
}

/// Whether a command continues on another line.
pub(super) fn is_open(command: &str) -> bool {
    !is_comment(command) && matches!(split(command), Err(Error::OpenQuote { .. }))
}

pub(super) fn is_comment(command: &str) -> bool {
    command.trim_start().starts_with('#')
}

/// The words of a line.
///
/// # Errors
/// A quote or a predicate that is not closed.
pub(super) fn split(line: &str) -> Result<Vec<String>, Error> {
    let (mut words, mut word, mut state) = (Vec::new(), None::<String>, WordState::default());
    // The quote that the previous character closed.
    let mut closed = None;
    for (index, c) in line.chars().enumerate() {
        let was_quoted = state.quote.is_some();
        match state.next(index + 1, c) {
            CharacterKind::Blank => words.extend(word.take()),
            CharacterKind::Letter => word.get_or_insert_default().push(c),
            CharacterKind::Quote => {
                let word = word.get_or_insert_default();
                // A doubled quote is a literal quote.
                if !was_quoted && closed == Some(c) {
                    word.push(c);
                }
                closed = was_quoted.then_some(c);
                continue;
            }
        }
        closed = None;
    }
    words.extend(word);
    match state {
        WordState { quote: Some((quote, position)), .. } => Err(Error::OpenQuote { quote, position }),
        WordState { predicate: Some(position), .. } => Err(Error::OpenPredicate { position }),
        WordState { .. } => Ok(words),
    }
}

/// A word as it is written in a line.
pub(super) fn quote(word: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '\'' | '"' | '[' | ']');
    if !word.is_empty() && !word.starts_with('#') && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "''"))
    }
}

/// The last word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastWord<'a> {
    /// The line before it.
    pub(super) before: &'a str,
    /// The word, with its quotes.
    pub(super) word: &'a str,
    /// Where the last step of a path begins in it.
    pub(super) step: usize,
}

/// The last word of a line, which may be empty; none within quotes.
pub(super) fn last(line: &str) -> Option<LastWord<'_>> {
    let (mut state, mut start, mut step) = (WordState::default(), 0, 0);
    for (index, c) in line.char_indices() {
        let after = index + c.len_utf8();
        match state.next(index, c) {
            CharacterKind::Blank => (start, step) = (after, after),
            CharacterKind::Letter if c == '/' && !state.is_open() => step = after,
            CharacterKind::Letter => {}
            // Quoted text is not split into steps.
            CharacterKind::Quote => step = after,
        }
    }
    let is_quoted = state.quote.is_some() && state.predicate.is_none();
    let (before, word) = line.split_at_checked(start)?;
    (!is_quoted && !word.starts_with(['\'', '"'])).then_some(LastWord { before, word, step: step - start })
}

/// The steps of a path, between each `/` outside predicates.
pub(super) fn steps(path: &str) -> impl Iterator<Item = &str> {
    let mut state = WordState::default();
    path.split(move |c| {
        state.next(0, c);
        c == '/' && !state.is_open()
    })
}

#[cfg(test)]
mod tests {
    use confine_tree::{Path, PathStep, Predicate};
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap()
    }

    #[test]
    fn blanks_separate_words_outside_quotes_and_predicates() {
        for (line, expected) in [
            ("", &[][..]),
            ("  ls  -a ", &["ls", "-a"]),
            ("set mtu 'nine thousand'", &["set", "mtu", "nine thousand"]),
            ("set text \"it's\"", &["set", "text", "it's"]),
            ("set text 'it''s \"it\"'", &["set", "text", "it's \"it\""]),
            ("set text ''", &["set", "text", ""]),
            ("set text ''''", &["set", "text", "'"]),
            ("set text a'b c'd", &["set", "text", "ab cd"]),
            ("set text 'two\nlines'", &["set", "text", "two\nlines"]),
            ("cd interface[name='Gigabit Ethernet 0']", &["cd", "interface[name='Gigabit Ethernet 0']"]),
            ("cd a[ b = 'x' ][c=\"it's ]\"]/d e", &["cd", "a[ b = 'x' ][c=\"it's ]\"]/d", "e"]),
            ("get \"/devices/device[name='r 1']\"", &["get", "/devices/device[name='r 1']"]),
            ("a[b='it''s']", &["a[b='it''s']"]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn open_quote_or_predicate_is_reported_with_its_position() {
        let errors = ["set text 'a", "set text it's", "cd a[b='c d", "cd a[b='c' d", "set text a[b c"]
            .map(|line| split(line).unwrap_err().to_string());
        insta::assert_snapshot!(errors.join("\n"), @r#"
        the quote ' at character 10 is not closed
        hint: put a value with a quote in it between quotes of the other kind, as in "it's"
        the quote ' at character 12 is not closed
        hint: put a value with a quote in it between quotes of the other kind, as in "it's"
        the quote ' at character 8 is not closed
        hint: put a value with a quote in it between quotes of the other kind, as in "it's"
        the `[` at character 5 is not closed
        hint: put a value with a `[` in it between quotes
        the `[` at character 11 is not closed
        hint: put a value with a `[` in it between quotes
        "#);
    }

    #[test]
    fn last_word_is_found_with_its_last_step() {
        let found = |line| last(line).map(|last| (last.before, last.word.split_at(last.step)));
        assert_eq!(found(""), Some(("", ("", ""))));
        assert_eq!(found("l"), Some(("", ("", "l"))));
        assert_eq!(found("ls "), Some(("ls ", ("", ""))));
        assert_eq!(found("cd /a/b"), Some(("cd ", ("/a/", "b"))));
        assert_eq!(found("cd a[b='x/y z']/c["), Some(("cd ", ("a[b='x/y z']/", "c["))));
        assert_eq!(found("cd a[b='x/"), Some(("cd ", ("", "a[b='x/"))));
        assert_eq!(found("set a 'b c"), None);
        assert_eq!(found("get '/a/b'"), None);
    }

    #[test]
    fn steps_end_at_a_slash_outside_of_predicates() {
        let found = |path| steps(path).collect::<Vec<_>>();
        assert_eq!(found("a/../b"), ["a", "..", "b"]);
        assert_eq!(found("a[b='x/y'][c=\"/\"]/d/"), ["a[b='x/y'][c=\"/\"]", "d", ""]);
        assert_eq!(found(""), [""]);
    }

    #[test]
    fn command_ends_with_its_line_unless_a_quote_is_open() {
        let text = "ls\n# don't\nset a 'b\n\nc' d\ncd a[b='c\n']\n\nset 'e\nf";
        let commands = CommandLines::of(text.lines().map(|line| Ok(line.to_owned())));
        let found: Vec<(usize, String)> = commands.map(Result::unwrap).collect();
        let expected = [
            (1, "ls"),
            (2, "# don't"),
            (3, "set a 'b\n\nc' d"),
            (6, "cd a[b='c\n']"),
            (8, ""),
            (9, "set 'e\nf\n"),
        ];
        assert_eq!(found, expected.map(|(number, command)| (number, command.to_owned())));
    }

    fn path() -> impl Strategy<Value = Path> {
        let predicate = ("[a-z]{1,3}", proptest::option::of("[a-z'\"\\]\\[/ \n]{0,6}"))
            .prop_map(|(name, value)| Predicate::Key { prefix: None, name: name.into(), value });
        let step = ("[a-z]{1,3}", proptest::collection::vec(predicate, 0..3))
            .prop_map(|(name, predicates)| PathStep { prefix: None, name: name.into(), predicates });
        (any::<bool>(), proptest::collection::vec(step, 1..4))
            .prop_map(|(absolute, steps)| Path { absolute, steps })
    }

    proptest! {
        #[test]
        fn quoted_and_joined_words_are_split_into_the_same(words in proptest::collection::vec("[a-c'\"\\]\\[/#= \n\té]{0,6}", 0..6)) {
            let line = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split(&line).unwrap(), words);
        }

        #[test]
        fn path_is_one_word_with_and_without_quotes(path in path()) {
            let written = path.to_string();
            let expected = vec!["get".to_owned(), written.clone(), "--json".to_owned()];
            prop_assert_eq!(&split(&format!("get {written} --json")).unwrap(), &expected);
            prop_assert_eq!(&split(&format!("get {} --json", quote(&written))).unwrap(), &expected);
        }

        #[test]
        fn any_line_is_split_or_an_error(line in "[a-c'\"\\]\\[/#= é]{0,20}") {
            if let Ok(words) = split(&line) {
                let again = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
                prop_assert_eq!(split(&again).unwrap(), words);
            }
            if let Some(last) = last(&line) {
                prop_assert!(last.word.is_char_boundary(last.step));
            }
        }
    }
}
