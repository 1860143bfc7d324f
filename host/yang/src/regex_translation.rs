//! Translates the regular expressions of XML Schema (XSD 1.0 part 2, appendix F) to those of the `regex` crate.
//!
//! In XSD, an expression matches the whole text; `^` and `$` are ordinary characters; a class can subtract another
//! one, `[a-z-[aeiou]]`; `\i`, `\c` and `\p{IsGreek}` exist; `.` excludes line breaks only; there are no flags, no
//! groups but the plain one, and no lazy repetition.
//!
//! Published modules write `^` and `$` as anchors all the same, and devices read them so. At the beginning and the end of a
//! branch they are anchors here, which changes nothing in an expression that matches the whole text. Elsewhere they are
//! characters.

use std::{fmt::Write as _, iter::Peekable, str::Chars};

/// The deepest nesting of subtracted classes.
const MAX_CLASS_DEPTH: usize = 16;

/// The characters that begin an XML name (`\i`), as the inside of a class.
const NAME_START: &str = r":A-Z_a-z\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{2FF}\u{370}-\u{37D}\u{37F}-\u{1FFF}\u{200C}-\u{200D}\u{2070}-\u{218F}\u{2C00}-\u{2FEF}\u{3001}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFFD}\u{10000}-\u{EFFFF}";
/// The further characters of an XML name (`\c`).
const NAME_REST: &str = r"\-.0-9\u{B7}\u{300}-\u{36F}\u{203F}-\u{2040}";

/// The `regex` crate has categories and scripts but no blocks. A block of several ranges has several lines.
const BLOCKS: &str = include_str!("unicode_blocks.txt");

/// The general categories of Unicode that `\p{…}` names.
const CATEGORIES: &[&str] = &[
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps",
    "Pe", "Pi", "Pf", "Po", "Z", "Zs", "Zl", "Zp", "S", "Sm", "Sc", "Sk", "So", "C", "Cc", "Cf", "Co", "Cn",
];

/// Translates an expression. If `is_posix`, `^` and `$` are anchors wherever they are.
pub(crate) fn translate(text: &str, is_posix: bool) -> Result<String, &'static str> {
    let mut translator =
        RegexTranslator { rest: text.chars().peekable(), out: String::with_capacity(text.len() + 16) };
    translator.out.push_str(r"\A(?:");
    translator.expression(is_posix)?;
    translator.out.push_str(r")\z");
    Ok(translator.out)
}

struct RegexTranslator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

/// The meaning of an escape.
enum EscapeMeaning {
    Character(char),
    /// A class, written as one of the `regex` crate.
    Class(String),
}

impl RegexTranslator<'_> {
    fn expression(&mut self, is_posix: bool) -> Result<(), &'static str> {
        let mut open = 0_usize;
        // Whether the last item can be repeated.
        let mut repeatable = false;
        // Whether a branch begins here.
        let mut begins = true;
        while let Some(c) = self.rest.next() {
            let was_repeatable = std::mem::replace(&mut repeatable, true);
            let was_beginning = std::mem::replace(&mut begins, matches!(c, '(' | '|'));
            match c {
                '\\' => match self.escape()? {
                    EscapeMeaning::Character(c) => push_literal(&mut self.out, c),
                    EscapeMeaning::Class(class) => self.out.push_str(&class),
                },
                '.' => self.out.push_str(r"[^\n\r]"),
                '[' => {
                    let class = self.class(0)?;
                    self.out.push_str(&class);
                }
                '(' => {
                    if self.rest.peek() == Some(&'?') {
                        return Err("a group without `?`: XML Schema has plain groups only");
                    }
                    self.out.push_str("(?:");
                    open += 1;
                    repeatable = false;
                }
                ')' => {
                    open = open.checked_sub(1).ok_or("a `(` before each `)`")?;
                    self.out.push(')');
                }
                '|' => {
                    self.out.push('|');
                    repeatable = false;
                }
                '?' | '*' | '+' | '{' if !was_repeatable => {
                    return Err("a character, class or group right before `?`, `*`, `+` or `{`");
                }
                '?' | '*' | '+' => {
                    self.out.push(c);
                    repeatable = false;
                }
                '{' => {
                    self.quantity()?;
                    repeatable = false;
                }
                '^' if is_posix || was_beginning => {
                    self.out.push(c);
                    repeatable = false;
                }
                '$' if is_posix || matches!(self.rest.peek(), None | Some('|' | ')')) => {
                    self.out.push(c);
                    repeatable = false;
                }
                c => push_literal(&mut self.out, c),
            }
        }
        if open > 0 { Err("a `)` for each `(`") } else { Ok(()) }
    }

    /// Translates the rest of a quantity: `n}`, `n,}` or `n,m}`.
    fn quantity(&mut self) -> Result<(), &'static str> {
        const EXPECTED: &str = "a quantity such as `{2}`, `{2,}` or `{2,5}`";
        let mut inside = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(c) if inside.len() < 24 => inside.push(c),
                _ => return Err(EXPECTED),
            }
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| EXPECTED);
        let (least, most) = match inside.split_once(',') {
            None => (number(&inside)?, None),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        if most.is_some_and(|most| most < least) {
            return Err(EXPECTED);
        }
        let _ = write!(self.out, "{{{inside}}}");
        Ok(())
    }

    /// Reads the rest of an escape.
    fn escape(&mut self) -> Result<EscapeMeaning, &'static str> {
        let c = self.rest.next().ok_or("a character after `\\`")?;
        Ok(match c {
            'n' => EscapeMeaning::Character('\n'),
            'r' => EscapeMeaning::Character('\r'),
            't' => EscapeMeaning::Character('\t'),
            's' => EscapeMeaning::Class(r"[ \t\n\r]".to_owned()),
            'S' => EscapeMeaning::Class(r"[^ \t\n\r]".to_owned()),
            'd' => EscapeMeaning::Class(r"\p{Nd}".to_owned()),
            'D' => EscapeMeaning::Class(r"\P{Nd}".to_owned()),
            'w' => EscapeMeaning::Class(r"[^\p{P}\p{Z}\p{C}]".to_owned()),
            'W' => EscapeMeaning::Class(r"[\p{P}\p{Z}\p{C}]".to_owned()),
            'i' => EscapeMeaning::Class(format!("[{NAME_START}]")),
            'I' => EscapeMeaning::Class(format!("[^{NAME_START}]")),
            'c' => EscapeMeaning::Class(format!("[{NAME_START}{NAME_REST}]")),
            'C' => EscapeMeaning::Class(format!("[^{NAME_START}{NAME_REST}]")),
            'p' | 'P' => EscapeMeaning::Class(self.property(c == 'P')?),
            // XSD allows escapes of its own special characters only. Published modules escape others too.
            c if c.is_ascii_punctuation() || c == ' ' => EscapeMeaning::Character(c),
            _ => return Err("an escape of XML Schema, such as `\\d`, `\\p{L}` or `\\.`"),
        })
    }

    /// Translates the rest of `\p`: a category or a block of Unicode.
    fn property(&mut self, is_inverted: bool) -> Result<String, &'static str> {
        const EXPECTED: &str = "a category or block of Unicode in `\\p{…}`, such as `L` or `IsGreek`";
        if self.rest.next() != Some('{') {
            return Err(EXPECTED);
        }
        let mut name = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(c) if name.len() < 64 => name.push(c),
                _ => return Err(EXPECTED),
            }
        }
        if CATEGORIES.contains(&name.as_str()) {
            return Ok(format!("\\{}{{{name}}}", if is_inverted { 'P' } else { 'p' }));
        }
        let block = name.strip_prefix("Is").ok_or(EXPECTED)?;
        let mut class = String::from(if is_inverted { "[^" } else { "[" });
        let before = class.len();
        let bounds = |line: &'static str| line.strip_suffix(block)?.strip_suffix("; ")?.split_once("..");
        for (from, to) in BLOCKS.lines().filter_map(bounds) {
            let _ = write!(class, "\\u{{{from}}}-\\u{{{to}}}");
        }
        if class.len() == before {
            return Err(EXPECTED);
        }
        class.push(']');
        Ok(class)
    }

    /// Translates the rest of a class.
    fn class(&mut self, depth: usize) -> Result<String, &'static str> {
        const UNCLOSED: &str = "a `]` for each `[`";
        if depth > MAX_CLASS_DEPTH {
            return Err("fewer nested classes");
        }
        let mut class = String::from("[");
        if self.rest.next_if_eq(&'^').is_some() {
            class.push('^');
        }
        let mut is_empty = true;
        loop {
            let c = self.rest.next().ok_or(UNCLOSED)?;
            let from = match c {
                ']' if is_empty => return Err("something between `[` and `]`"),
                ']' => {
                    class.push(']');
                    return Ok(class);
                }
                '-' if !is_empty && self.rest.next_if_eq(&'[').is_some() => {
                    let minus = self.class(depth + 1)?;
                    if self.rest.next() != Some(']') {
                        return Err("`]` after the subtracted class");
                    }
                    // Negation binds tighter than subtraction in XSD, so the outer class is nested.
                    return Ok(format!("[{class}]--{minus}]"));
                }
                '\\' => match self.escape()? {
                    EscapeMeaning::Character(c) => c,
                    EscapeMeaning::Class(inner) => {
                        is_empty = false;
                        class.push_str(&inner);
                        continue;
                    }
                },
                c => c,
            };
            is_empty = false;
            push_literal(&mut class, from);
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && !matches!(ahead.next(), None | Some(']' | '['));
            if is_range {
                self.rest.next();
                let to = match self.rest.next().ok_or(UNCLOSED)? {
                    '\\' => match self.escape()? {
                        EscapeMeaning::Character(c) => c,
                        EscapeMeaning::Class(_) => return Err("a character at the end of a range"),
                    },
                    c => c,
                };
                if to < from {
                    return Err("ranges of characters from the lower to the higher");
                }
                class.push('-');
                push_literal(&mut class, to);
            }
        }
    }
}

/// Writes a literal character, in a class or outside.
fn push_literal(out: &mut String, c: char) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        let translated = translate(pattern, false).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        regex::Regex::new(&translated).unwrap_or_else(|error| panic!("{translated}: {error}")).is_match(value)
    }

    #[test]
    fn patterns_match_as_in_xml_schema() {
        for (pattern, yes, no) in [
            ("a|b", &["a", "b"] as &[_], &["ab", "xa", "bx", ""] as &[_]),
            ("", &[""], &["a"]),
            ("a.c", &["abc", "a\u{e9}c"], &["a\nc", "a\rc", "ac"]),
            ("^[a-f]{3}$", &["abc"], &["^abc$", "abcd"]),
            ("^[a-f]{3}", &["abc"], &["^abc"]),
            ("[a-f]{3}$", &["abc"], &["abc$"]),
            ("(^a$)|(^b$)", &["a", "b"], &["^a$", "ab"]),
            ("^a|b$", &["a", "b"], &["^a", "b$"]),
            ("((^(a|^b)$)|^$)", &["a", "b", ""], &["^a", "$"]),
            ("a^b$c", &["a^b$c"], &["abc"]),
            ("$0$.*", &["$0$x"], &["0$x"]),
            (r"[a-f]{3}\$", &["abc$"], &["abc"]),
            (r"\^a", &["^a"], &["a"]),
            ("[^$]x[$^]", &["ax$", "bx^"], &["$x$"]),
            ("^^a$$", &["^a$"], &["a"]),
            (r"\d{2,3}", &["12", "123", "\u{0661}\u{0662}"], &["1", "1234", "ab"]),
            (r"\w+", &["abc_1".trim_end_matches("_1"), "\u{e9}"], &["a-b", "a b", "a_b"]),
            (r"\s\S", &[" a", "\ta"], &["a ", "\u{a0}a"]),
            (r"\i\c*", &["a-b.c:1", "_x"], &["-a", "1a", ""]),
            ("[a-z-[aeiou]]+", &["xyz"], &["xaz", "-", "["]),
            ("[^a-z-[0-9]]", &["A", "-"], &["a", "5"]),
            ("[a-z-[a-m-[c]]]", &["c", "n"], &["a", "m"]),
            ("[-a]", &["-", "a"], &["b"]),
            ("[a-]", &["-", "a"], &["b"]),
            (r"[\-a\]]", &["-", "a", "]"], &["b", "\\"]),
            (r"[\d\.x]+", &["1.x"], &["y"]),
            (r"[^\s]", &["a"], &[" "]),
            ("[a&&b]", &["&", "a"], &["c"]),
            ("[~~a]", &["~", "a"], &["c"]),
            (r"\p{Lu}\P{Lu}", &["Aa"], &["AA", "aa"]),
            (r"\p{IsBasicLatin}*", &["abc"], &["\u{e9}"]),
            (r"\P{IsGreek}", &["a"], &["\u{3b1}"]),
            (r"[\p{N}\p{L}_]+", &["a1_"], &["-"]),
            ("(ab){2}c?", &["abab", "ababc"], &["ab", "abab?"]),
            (r"a\{1\}", &["a{1}"], &["a"]),
            ("a#b c", &["a#b c"], &["a#bc"]),
            (r"\^\$\/", &["^$/"], &[""]),
            ("(a|)b", &["ab", "b"], &["a"]),
        ] {
            for value in yes {
                assert!(matches(pattern, value), "{pattern} must match {value:?}");
            }
            for value in no {
                assert!(!matches(pattern, value), "{pattern} must not match {value:?}");
            }
        }
    }

    #[test]
    fn posix_patterns_have_anchors() {
        let regex = regex::Regex::new(&translate("^(a|b)$", true).unwrap()).unwrap();
        assert!(regex.is_match("a") && !regex.is_match("^a$"));
    }

    #[test]
    fn invalid_expressions_are_refused() {
        let mut errors = String::new();
        for pattern in [
            "(",
            "a)",
            "*",
            "a**",
            "a{",
            "a{2,1}",
            "a{x}",
            "[",
            "[]",
            "[b-a]",
            "[a-\\d]",
            "\\",
            "\\y",
            "\\p",
            "\\p{IsNowhere}",
            "\\p{Foo}",
            "(?i)a",
            "[a-[b]c]",
        ] {
            let _ = writeln!(errors, "{pattern}: {}", translate(pattern, false).unwrap_err());
        }
        insta::assert_snapshot!(errors, @r#"
        (: a `)` for each `(`
        a): a `(` before each `)`
        *: a character, class or group right before `?`, `*`, `+` or `{`
        a**: a character, class or group right before `?`, `*`, `+` or `{`
        a{: a quantity such as `{2}`, `{2,}` or `{2,5}`
        a{2,1}: a quantity such as `{2}`, `{2,}` or `{2,5}`
        a{x}: a quantity such as `{2}`, `{2,}` or `{2,5}`
        [: a `]` for each `[`
        []: something between `[` and `]`
        [b-a]: ranges of characters from the lower to the higher
        [a-\d]: a character at the end of a range
        \: a character after `\`
        \y: an escape of XML Schema, such as `\d`, `\p{L}` or `\.`
        \p: a category or block of Unicode in `\p{…}`, such as `L` or `IsGreek`
        \p{IsNowhere}: a category or block of Unicode in `\p{…}`, such as `L` or `IsGreek`
        \p{Foo}: a category or block of Unicode in `\p{…}`, such as `L` or `IsGreek`
        (?i)a: a group without `?`: XML Schema has plain groups only
        [a-[b]c]: `]` after the subtracted class
        "#);
        assert!(translate(&"[a-".repeat(100_000), false).is_err());
    }
}
