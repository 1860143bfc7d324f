//! Patterns: the regular expressions of XML Schema (RFC 7950, section 9.4.5), compiled by the `regex` crate.

use std::sync::OnceLock;

use crate::regex_translation::translate;

/// The most memory of one compiled pattern, in bytes. Those of published models stay below 1 MB.
const MAX_COMPILED_SIZE: usize = 4 << 20;

/// A pattern of a string type.
///
/// It is compiled when the first value is checked: most patterns of a model never check one.
#[derive(Debug)]
pub struct StringPattern {
    text: Box<str>,
    is_inverted: bool,
    translated: String,
    compiled: OnceLock<Option<regex::Regex>>,
}

impl StringPattern {
    /// Reads a pattern. If `is_posix`, `^` and `$` at its ends are anchors, as a module declares with `regexp-posix` of
    /// `openconfig-extensions`.
    ///
    /// # Errors
    /// Returns what was expected if the text is not a regular expression of XML Schema.
    pub(crate) fn new(text: &str, is_inverted: bool, is_posix: bool) -> Result<Self, &'static str> {
        let translated = translate(text, is_posix)?;
        Ok(Self { text: text.into(), is_inverted, translated, compiled: OnceLock::new() })
    }

    /// Returns the pattern as the module writes it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether values must *not* match the pattern (`modifier invert-match`).
    pub fn is_inverted(&self) -> bool {
        self.is_inverted
    }

    /// Returns whether the pattern permits the value. A pattern too large to compile permits every value: the backend
    /// decides.
    pub fn permits(&self, value: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| {
            regex::RegexBuilder::new(&self.translated)
                .size_limit(MAX_COMPILED_SIZE)
                .dfa_size_limit(MAX_COMPILED_SIZE)
                .build()
                .ok()
        });
        compiled.as_ref().is_none_or(|regex| regex.is_match(value) != self.is_inverted)
    }
}
