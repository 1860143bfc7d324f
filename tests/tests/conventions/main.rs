//! What holds of the sources as a whole. Each message says what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod circles;
mod documents;
mod names;
mod sources;

/// Files of `host/*/src` that may be longer than [`LINES`], each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// How long a file of `host/*/src` may be.
const LINES: usize = 600;

/// How long the name of a test may be.
const TEST_NAME: usize = 60;

/// How long the README may be.
const README: usize = 80;

#[test]
fn source_files_are_short() {
    let mut problems = Vec::new();
    for source in sources::host() {
        let (lines, path) = (source.text.lines().count(), &source.path);
        match LONG_FILES.iter().find(|(file, _)| file == path) {
            None if lines > LINES => problems.push(format!(
                "{path} has {lines} lines, more than {LINES}: split it, or add it to `LONG_FILES` with the reason"
            )),
            Some(_) if lines <= LINES => problems.push(format!("{path} is short now: remove it from `LONG_FILES`")),
            _ => {}
        }
    }
    none(&problems);
}

#[test]
fn type_names_are_found_in_one_file() {
    none(&names::types_in_several_files(&sources::host()));
}

#[test]
fn test_names_are_short() {
    let sources = sources::all();
    let long = sources.iter().flat_map(names::tests).filter(|(name, _)| name.len() > TEST_NAME);
    let told = long.map(|(name, path)| {
        format!("{path}: `{name}` has {} letters, more than {TEST_NAME}: shorten it", name.len())
    });
    none(&told.collect::<Vec<_>>());
}

#[test]
fn readme_is_short() {
    let lines = sources::read("README.md").lines().count();
    assert!(lines <= README, "README.md has {lines} lines, more than {README}: move something to docs/");
}

#[test]
fn links_of_documents_lead_somewhere() {
    none(&documents::broken_links());
}

#[test]
fn files_of_a_crate_do_not_import_in_a_circle() {
    none(&circles::circles(&sources::host()));
}

#[track_caller]
fn none(problems: &[String]) {
    assert!(problems.is_empty(), "{} to mend:\n{}", problems.len(), problems.join("\n"));
}
