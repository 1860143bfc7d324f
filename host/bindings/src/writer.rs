//! Writes indented lines of code.

/// Collects lines of code and indents them by the blocks that are open.
#[derive(Default)]
pub(crate) struct CodeWriter {
    text: String,
    depth: usize,
    /// Whether the last line opened a block.
    is_at_block_start: bool,
}

impl CodeWriter {
    pub(crate) fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.push_str(&"    ".repeat(self.depth));
            self.text.push_str(line);
        }
        self.text.push('\n');
        self.is_at_block_start = false;
    }

    /// Writes a line that begins a block.
    pub(crate) fn open(&mut self, line: &str) {
        self.line(line);
        self.depth += 1;
        self.is_at_block_start = true;
    }

    /// Ends the innermost block with a line.
    pub(crate) fn close(&mut self, line: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.line(line);
    }

    /// Writes a public function with a doc comment, separated from what precedes it in the block.
    pub(crate) fn function(&mut self, doc: &str, head: &str, body: &str) {
        if !self.is_at_block_start {
            self.line("");
        }
        format!("/// {doc}").lines().for_each(|line| self.line(line));
        self.open(&format!("pub fn {head} {{"));
        self.line(body);
        self.close("}");
    }

    /// Writes the unit variants of an enum, each documented by the value it stands for.
    pub(crate) fn variants(&mut self, variants: &[(String, String)]) {
        for (variant, value) in variants {
            self.line(&format!("/// `{}`", one_line(value).replace('`', "'")));
            self.line(&format!("{variant},"));
        }
    }

    /// Writes an implementation of `Display` that matches on `self`.
    pub(crate) fn display_impl(&mut self, name: &str, arms: impl FnOnce(&mut Self)) {
        self.line("");
        self.open(&format!("impl std::fmt::Display for {name} {{"));
        self.open("fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {");
        self.open("match self {");
        arms(self);
        self.close("}");
        self.close("}");
        self.close("}");
    }

    /// Writes an implementation of `FromStr` whose body reads `value`.
    pub(crate) fn parse_impl(&mut self, name: &str, error: &str, body: impl FnOnce(&mut Self)) {
        self.line("");
        self.open(&format!("impl std::str::FromStr for {name} {{"));
        self.line(&format!("type Err = {error};"));
        self.line("");
        self.open(&format!("fn from_str(value: &str) -> Result<Self, {error}> {{"));
        body(self);
        self.close("}");
        self.close("}");
    }

    /// Returns an empty writer with the indentation of a block inside this one.
    pub(crate) fn nested(&self) -> Self {
        Self { depth: self.depth + 1, ..Self::default() }
    }

    /// Removes an empty first line.
    pub(crate) fn without_empty_first_line(mut self) -> Self {
        if let Some(rest) = self.text.strip_prefix('\n') {
            self.text = rest.to_owned();
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
    }

    pub(crate) fn text(self) -> String {
        self.text
    }
}

/// Joins text from a YANG module into one line, to fit into a comment.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
