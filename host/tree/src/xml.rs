//! The tree as XML text, in and out.

/// The first character of a text that XML 1.0 can't carry, not even as a character reference
/// (section 2.2, `Char`).
pub fn unrepresentable(text: &str) -> Option<char> {
    let suspect = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0xef;
    if !text.bytes().any(suspect) {
        return None;
    }
    text.chars()
        .find(|&c| c < ' ' && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}'))
}
