//! Text of others in messages: short, and without control characters.

use std::fmt;

/// The longest text that a message shows, in characters.
const LONGEST: usize = 80;

/// A text as a message shows it: control characters are escaped, and what is long is cut.
pub(crate) struct ShownText<'a>(pub(crate) &'a str);

impl fmt::Display for ShownText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, c) in self.0.chars().enumerate() {
            if count == LONGEST {
                return f.write_str("…");
            }
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_escaped_and_what_is_long_is_cut() {
        assert_eq!(ShownText(r"a\d é").to_string(), r"a\d é");
        assert_eq!(ShownText("a\nb\u{1b}[1m").to_string(), r"a\nb\u{1b}[1m");
        assert_eq!(ShownText(&"é".repeat(80)).to_string(), "é".repeat(80));
        assert_eq!(ShownText(&"é".repeat(81)).to_string(), format!("{}…", "é".repeat(80)));
    }
}
