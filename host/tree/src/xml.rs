//! The tree as XML text, in and out.
//!
//! ```
//! use confine_tree::{Tree, xml};
//!
//! let text = r#"<devices xmlns="http://clicon.org/controller"><device><name>r1</name></device></devices>"#;
//! let tree = xml::parse(text)?;
//! assert_eq!(xml::write(&tree, Tree::ROOT)?, text);
//! # Ok::<(), confine_tree::Error>(())
//! ```
//!
//! What is written reads back as the same tree: names with their namespaces, values to the last
//! character, the prefixes that values use, attributes. The one exception is an empty value: XML does
//! not tell it from an absent one.

mod read;
mod write;

pub use read::{XmlError, XmlFault, XmlLimits, XmlTreeReader, parse};
pub use write::{XmlTreeWriter, escaped, write};

/// The namespace of the prefix `xml`, which is bound in every document.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Whether XML 1.0 can carry this character, if need be as a character reference (section 2.2, `Char`).
pub fn is_representable(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// The first character of a text that XML 1.0 can't carry.
pub fn unrepresentable(text: &str) -> Option<char> {
    // A cheap look at the bytes first: U+FFFE and U+FFFF begin with 0xEF.
    let suspect = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0xef;
    if !text.bytes().any(suspect) {
        return None;
    }
    text.chars().find(|&character| !is_representable(character))
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests;
