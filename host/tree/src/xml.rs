//! Reading and writing trees as XML text.
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
//! Text that is written reads back as the same tree: names with their namespaces, exact values, the prefixes
//! that values use, and attributes. The only exception is an empty value, which XML does not distinguish from
//! an absent one.

mod error;
mod read;
mod write;

pub use error::{XmlError, XmlFault};
pub use read::{XmlLimits, XmlTreeReader, parse};
pub use write::{XmlTreeWriter, escaped, write};

/// The namespace of the prefix `xml`, which is bound in every document.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Returns whether XML 1.0 can represent this character, as a character reference if necessary (section 2.2,
/// `Char`).
pub fn is_representable(character: char) -> bool {
    !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Returns the first character of a text that XML 1.0 cannot represent.
pub fn unrepresentable(text: &str) -> Option<char> {
    // Checking the bytes first is cheap: U+FFFE and U+FFFF begin with 0xEF.
    let suspect = |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0xef;
    // Without an end in between, the bytes of a chunk are checked many at a time.
    let is_plain = |chunk: &[u8]| !chunk.iter().fold(false, |found, &byte| found | suspect(byte));
    if text.as_bytes().chunks(64).all(is_plain) {
        return None;
    }
    text.chars().find(|&character| !is_representable(character))
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests;
