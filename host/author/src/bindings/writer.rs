//! Lines of code, indented.

/// Writes lines.
#[derive(Default)]
pub(super) struct CodeWriter {
    text: String,
    depth: usize,
    /// A block was just opened.
    is_fresh: bool,
}

impl CodeWriter {
    pub(super) fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.push_str(&"    ".repeat(self.depth));
            self.text.push_str(line);
        }
        self.text.push('\n');
        self.is_fresh = false;
    }

    /// A line that begins a block.
    pub(super) fn open(&mut self, line: &str) {
        self.line(line);
        self.depth += 1;
        self.is_fresh = true;
    }

    /// The line that ends it.
    pub(super) fn close(&mut self, line: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.line(line);
    }

    /// An empty line, unless the block begins here.
    pub(super) fn member(&mut self) {
        if !self.is_fresh {
            self.line("");
        }
    }

    /// A writer for what is to stand in a block of this one.
    pub(super) fn nested(&self) -> Self {
        Self { depth: self.depth + 1, ..Self::default() }
    }

    /// The same without an empty line at its beginning.
    pub(super) fn without_first_line(mut self) -> Self {
        if let Some(rest) = self.text.strip_prefix('\n') {
            self.text = rest.to_owned();
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
    }

    pub(super) fn text(self) -> String {
        self.text
    }
}
