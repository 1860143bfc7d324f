//! Makes texts safe to show.
//!
//! The text of a module, a device or a user may appear in a log, on a terminal, in XML and in the label of a metric. Its
//! length is limited, and these characters are escaped: control characters (a terminal obeys them), characters that change the
//! direction of writing or have no width (they make a text look like another), and those that XML cannot represent.

use std::fmt::{self, Write as _};

/// Returns a text as one line: line breaks and tabs are escaped too.
pub fn line(text: &str, bytes: usize) -> String {
    clean(text, bytes, false)
}

/// Returns a text with its line breaks and tabs, such as a traceback.
pub fn block(text: &str, bytes: usize) -> String {
    clean(text, bytes, true)
}

/// Displays a value as one line of limited length: for a field of a log line.
pub struct ShownLine<T>(pub T);

/// The most bytes of a [`ShownLine`].
const MAX_SHOWN: usize = 1000;

impl<T: fmt::Display> fmt::Display for ShownLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(&self.0.to_string(), MAX_SHOWN))
    }
}

/// Returns a number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns the last bytes of a text, without splitting a character.
pub fn tail(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

fn clean(text: &str, bytes: usize, lines: bool) -> String {
    let mut clean = String::with_capacity(text.len().min(bytes));
    for (position, character) in text.char_indices() {
        if clean.len() >= bytes {
            // Writing to a string does not fail.
            let _ = write!(clean, "… ({} bytes more)", text.len() - position);
            break;
        }
        if is_plain(character) || (lines && matches!(character, '\n' | '\t')) {
            clean.push(character);
        } else {
            clean.extend(character.escape_default());
        }
    }
    clean
}

/// Returns whether a character is shown as it is.
pub fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped() {
        insta::assert_snapshot!(line("a\u{1b}[31mred\r\nb\u{0}\u{202e}c\u{7f} é – ü", 100), @r"a\u{1b}[31mred\r\nb\u{0}\u{202e}c\u{7f} é – ü");
        assert_eq!(block("Traceback:\n\tline 1\u{7}", 100), "Traceback:\n\tline 1\\u{7}");
    }

    #[test]
    fn shown_line_is_escaped_and_cut() {
        assert_eq!(ShownLine("a\n\u{9b}").to_string(), "a\\n\\u{9b}");
        assert!(ShownLine("x".repeat(2 * MAX_SHOWN)).to_string().len() < MAX_SHOWN + 30);
    }

    #[test]
    fn cut_text_says_how_much_is_missing() {
        assert_eq!(line("ééééé", 4), "éé… (6 bytes more)");
        assert_eq!(line("abcd", 4), "abcd");
        assert_eq!(tail("ééééé", 5), "éé");
        assert_eq!(tail("ab", 5), "ab");
    }

    proptest! {
        #[test]
        fn any_text_becomes_bounded_and_plain(text in "\\PC*|[\u{0}-\u{ffff}]*", bytes in 0usize..64) {
            let clean = line(&text, bytes);
            prop_assert!(clean.chars().all(is_plain));
            // One escape may stand over the edge, and the note on what was cut.
            prop_assert!(clean.len() <= bytes + 10 + "… ( bytes more)".len() + 6);
        }

        #[test]
        fn plain_text_stays(text in "[a-zA-Z0-9 äöü/<>&'\"]*") {
            prop_assert_eq!(line(&text, text.len()), text);
        }
    }
}
