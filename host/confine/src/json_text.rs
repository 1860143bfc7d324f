//! JSON that a terminal may show.

use std::fmt::Write as _;

use confine_sandbox::text::is_plain;

/// Returns JSON in which the characters are escaped that JSON leaves as they are and a terminal would interpret. Line
/// breaks and tabs are between values.
pub(crate) fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_plain(character) || matches!(character, '\n' | '\t') {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_json_has_the_same_values() {
        let texts = ["a\u{1b}\u{9b}2J", "é\u{202e}\u{e0001}\n\u{7f}"];
        let escaped = escaped(&serde_json::to_string_pretty(&texts).unwrap());
        insta::assert_snapshot!(escaped, @r#"
        [
          "a\u001b\u009b2J",
          "é\u202e\udb40\udc01\n\u007f"
        ]
        "#);
        assert_eq!(serde_json::from_str::<Vec<String>>(&escaped).unwrap(), texts);
    }
}
