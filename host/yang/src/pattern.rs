//! Patterns: the regular expressions of XML Schema (RFC 7950, section 9.4.5), compiled by the `regex` crate.

use std::sync::OnceLock;

use crate::regex_translation::translate;

/// The sizes in bytes that a compiled pattern may have, smallest first. Those of published models stay below 1 MB.
const COMPILED_SIZES: [usize; 6] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];

/// A pattern of a string type.
///
/// It is compiled when the first value is checked: most patterns of a model never check one.
#[derive(Debug)]
pub struct StringPattern {
    text: Box<str>,
    is_inverted: bool,
    translated: String,
    compiled: OnceLock<Option<CompiledPattern>>,
}

#[derive(Debug)]
struct CompiledPattern {
    regex: regex::Regex,
    /// At least the bytes that it takes.
    size: usize,
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
        self.compiled().is_none_or(|compiled| compiled.regex.is_match(value) != self.is_inverted)
    }

    /// Returns the most that checking a value of this many bytes can cost: at worst, each state of the compiled pattern is
    /// looked at for each byte. The unit is a byte of the value times a byte of the pattern, about 0.1 ns.
    pub(crate) fn cost(&self, bytes: usize) -> u64 {
        self.compiled().map_or(0, |compiled| (compiled.size as u64).saturating_mul(bytes as u64))
    }

    fn compiled(&self) -> Option<&CompiledPattern> {
        let compile = || {
            COMPILED_SIZES.into_iter().find_map(|size| {
                let mut builder = regex::RegexBuilder::new(&self.translated);
                let regex = builder.size_limit(size).dfa_size_limit(4 << 20).build().ok()?;
                Some(CompiledPattern { regex, size })
            })
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_grows_with_pattern_and_value() {
        let pattern = |text: &str| StringPattern::new(text, false, false).unwrap();
        let (small, large) = (pattern("[a-z]+"), pattern("([a-z][0-9]){1,2000}"));
        assert_eq!(small.cost(2), 2 * small.cost(1));
        assert!(large.cost(1) >= 16 * small.cost(1), "{} {}", large.cost(1), small.cost(1));
        // Too large to compile: it is not checked.
        assert_eq!(pattern("(([a-z][0-9]){1,1000}){1,1000}").cost(1), 0);
    }
}
