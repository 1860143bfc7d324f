//! The source files of the workspace.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A source file.
pub(crate) struct Source {
    /// From the top of the repository.
    pub(crate) path: String,
    /// The name of the crate's directory in `host/`; empty elsewhere.
    pub(crate) krate: String,
    /// All of it.
    pub(crate) text: String,
}

impl Source {
    /// Returns the text without the test module at its end.
    pub(crate) fn program(&self) -> &str {
        const MARK: &str = "\n#[cfg(test)]\n";
        let opens_module = |at: &usize| {
            let mut lines = self.text[at + MARK.len()..].lines().skip_while(|line| line.starts_with("#["));
            lines.next().is_some_and(|line| line.contains("mod ") && line.ends_with('{'))
        };
        let end =
            self.text.match_indices(MARK).map(|(at, _)| at).find(opens_module).unwrap_or(self.text.len());
        &self.text[..end]
    }
}

/// Returns the top of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a file, named from the top of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
}

/// Returns the files below a directory whose names end so, named from the top of the repository. What tools install or
/// build is left out.
pub(crate) fn files(directory: &str, extension: &str) -> Vec<String> {
    const LEFT_OUT: [&str; 7] = ["target", "node_modules", ".git", ".venv", "venv", "corpus", "build-tools"];
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(top().join(&directory)).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !LEFT_OUT.contains(&&*name) {
                left.push(path);
            } else if kind.is_file() && name.ends_with(&format!(".{extension}")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns what `host/*/src` has, without files that are compiled for tests only.
pub(crate) fn host() -> Vec<Source> {
    let all: Vec<Source> = files("host", "rs")
        .into_iter()
        .filter(|path| path.split('/').nth(2) == Some("src"))
        .map(source)
        .collect();
    let of_tests: BTreeSet<String> = all.iter().flat_map(test_modules).collect();
    let is_test = |path: &str| {
        of_tests
            .iter()
            .any(|module| path == format!("{module}.rs") || path.starts_with(&format!("{module}/")))
    };
    all.into_iter().filter(|source| !is_test(&source.path)).collect()
}

/// Returns all Rust sources of this repository.
pub(crate) fn all() -> Vec<Source> {
    files("", "rs").into_iter().map(source).collect()
}

fn source(path: String) -> Source {
    let krate =
        path.strip_prefix("host/").and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
    Source { text: read(&path), krate, path }
}

/// Returns the directory in which the modules of a file are.
pub(crate) fn home(path: &str) -> String {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    match stem.rsplit_once('/') {
        Some((directory, "lib" | "main" | "mod")) => directory.to_owned(),
        _ => stem.to_owned(),
    }
}

/// Returns the files, without `.rs`, of the modules that a file declares for tests only.
fn test_modules(source: &Source) -> Vec<String> {
    let mut lines = source.text.lines().peekable();
    let mut modules = Vec::new();
    while let Some(line) = lines.next() {
        let Some(next) = lines.peek().filter(|_| line.trim() == "#[cfg(test)]") else { continue };
        let declared = next.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        if let Some(name) = declared.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            modules.push(format!("{}/{name}", home(&source.path)));
        }
    }
    modules
}
