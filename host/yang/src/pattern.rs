//! Patterns: the regular expressions of XML Schema (RFC 7950, section 9.4.5), compiled by the `regex` crate.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use crate::regex_translation::translate;

/// The sizes in bytes that a compiled pattern may have, smallest first. Those of published models stay below 1 MB.
const COMPILED_SIZES: [usize; 6] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];

/// The most memory of all compiled patterns, in bytes. Devices provide patterns; a pattern beyond that is not checked.
const MAX_COMPILED_TOTAL: usize = 256 << 20;

/// The memory of all compiled patterns.
static COMPILED: PatternMemory = PatternMemory(AtomicUsize::new(0));

/// Counts the bytes that patterns take.
#[derive(Debug)]
struct PatternMemory(AtomicUsize);

impl PatternMemory {
    /// Takes some of it. Returns whether so much was left.
    fn take(&self, size: usize) -> bool {
        let before = self.0.fetch_add(size, Ordering::Relaxed);
        let is_left = before.saturating_add(size) <= MAX_COMPILED_TOTAL;
        if !is_left {
            self.give_back(size);
        }
        is_left
    }

    fn give_back(&self, size: usize) {
        self.0.fetch_sub(size, Ordering::Relaxed);
    }
}

/// How many times more work compiling a pattern is than comparing one byte with it.
const COMPILING: u64 = 256;

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

impl CompiledPattern {
    /// Counts the memory of a pattern. None if all patterns would take too much.
    fn new(regex: regex::Regex, size: usize) -> Option<Self> {
        COMPILED.take(size).then(|| Self { regex, size })
    }
}

impl Drop for CompiledPattern {
    fn drop(&mut self) {
        COMPILED.give_back(self.size);
    }
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

    /// Returns whether the pattern permits the value. A pattern too large to compile permits every value, and so does one that
    /// would make all compiled patterns take too much memory: the backend decides.
    pub fn permits(&self, value: &str) -> bool {
        self.compiled().is_none_or(|compiled| compiled.regex.is_match(value) != self.is_inverted)
    }

    /// Returns the most that checking a value of this many bytes can cost: at worst, each state of the compiled pattern is
    /// looked at for each byte. The first time, compiling it counts too. The unit is a byte of the value times a byte of the
    /// pattern, about 0.1 ns.
    pub(crate) fn cost(&self, bytes: usize) -> u64 {
        let compiling = if self.compiled.get().is_none() { COMPILING } else { 0 };
        let work = (bytes as u64).saturating_add(compiling);
        self.compiled().map_or(0, |compiled| (compiled.size as u64).saturating_mul(work))
    }

    fn compiled(&self) -> Option<&CompiledPattern> {
        let compile = || {
            COMPILED_SIZES.into_iter().find_map(|size| {
                let mut builder = regex::RegexBuilder::new(&self.translated);
                let regex = builder.size_limit(size).dfa_size_limit(4 << 20).build().ok()?;
                CompiledPattern::new(regex, size)
            })
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_all_patterns_is_limited() {
        let memory = PatternMemory(AtomicUsize::new(0));
        assert!(memory.take(MAX_COMPILED_TOTAL - 1) && memory.take(1));
        assert!(!memory.take(1));
        memory.give_back(1);
        assert!(!memory.take(2) && memory.take(1), "what was refused is not counted");
    }

    #[test]
    fn cost_grows_with_pattern_and_value() {
        let pattern = |text: &str| StringPattern::new(text, false, false).unwrap();
        let (small, large) = (pattern("[a-z]+"), pattern("([a-z][0-9]){1,2000}"));
        let first = small.cost(1);
        assert!(first > 100 * small.cost(1), "compiling is part of it");
        large.cost(1);
        assert_eq!(small.cost(2), 2 * small.cost(1));
        assert!(large.cost(1) >= 16 * small.cost(1), "{} {}", large.cost(1), small.cost(1));
        // Too large to compile: it is not checked.
        assert_eq!(pattern("(([a-z][0-9]){1,1000}){1,1000}").cost(1), 0);
    }
}
