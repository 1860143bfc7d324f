//! Names of types and tests.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Source;

/// Returns the types that several files define, but for `Error`, which each crate has.
pub(crate) fn types_in_several_files(sources: &[Source]) -> Vec<String> {
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources {
        for name in source.program().lines().filter_map(type_name) {
            files.entry(name).or_default().insert(&source.path);
        }
    }
    let several = files.into_iter().filter(|(name, files)| *name != "Error" && files.len() > 1);
    several
        .map(|(name, files)| {
            let files: Vec<_> = files.into_iter().collect();
            format!("`{name}` is defined in {}: rename all but one", files.join(" and "))
        })
        .collect()
}

/// Returns the name of the type that a line defines.
fn type_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = ["pub(crate) ", "pub(super) ", "pub "]
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))
        .unwrap_or(line);
    let rest = ["struct ", "enum ", "trait "].iter().find_map(|keyword| line.strip_prefix(keyword))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    rest.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Returns the tests of a file, and the file.
pub(crate) fn tests(source: &Source) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in source.text.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            let name: String = rest.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
            found.push((name, source.path.clone()));
            is_test = false;
        }
    }
    found
}

#[test]
fn type_names_are_read_from_definitions() {
    let names = [
        "pub struct A<T> {",
        "    pub(crate) enum B {",
        "trait C: D {",
        "// struct E",
        "structure F",
        "struct G;",
    ]
    .map(type_name);
    assert_eq!(names, [Some("A"), Some("B"), Some("C"), None, None, Some("G")]);
}
