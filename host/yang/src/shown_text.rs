//! Foreign text in messages: short, and without control characters.

use std::fmt;

use confine_tree::text::is_plain;

/// The longest text that a message shows, in characters.
const MAX_CHARACTERS: usize = 80;

/// Displays a text with the characters escaped that a terminal would interpret, cut to [`MAX_CHARACTERS`].
pub(crate) struct ShownText<'a>(pub(crate) &'a str);

impl fmt::Display for ShownText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, c) in self.0.chars().enumerate() {
            if count == MAX_CHARACTERS {
                return f.write_str("…");
            }
            if is_plain(c) { write!(f, "{c}")? } else { write!(f, "{}", c.escape_default())? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_escaped_and_cut() {
        assert_eq!(ShownText(r"a\d é").to_string(), r"a\d é");
        assert_eq!(ShownText("a\nb\u{1b}[1m\u{202e}").to_string(), r"a\nb\u{1b}[1m\u{202e}");
        assert_eq!(ShownText(&"é".repeat(80)).to_string(), "é".repeat(80));
        assert_eq!(ShownText(&"é".repeat(81)).to_string(), format!("{}…", "é".repeat(80)));
    }
}
