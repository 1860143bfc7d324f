//! The published modules that tests read, where they are there.

#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where a module cannot be read")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use confine_yang::{ModuleSet, YangSchema};

/// The workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The directory of published modules; `None`, and said so, where it is not there.
pub(crate) fn published() -> Option<PathBuf> {
    let shared =
        std::env::var_os("CONFINE_SHARED").map_or_else(|| workspace().join("../shared"), PathBuf::from);
    let directory = shared.join("yang");
    if directory.is_dir() {
        return Some(directory);
    }
    eprintln!("skipped: no published modules at `{}`; set CONFINE_SHARED", directory.display());
    None
}

/// The YANG files of a directory and of those within, by name.
pub(crate) fn yang_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(yang_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yang") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The schema of those files of a directory that are chosen.
pub(crate) fn read_where(directory: &Path, is_chosen: impl Fn(&Path) -> bool) -> YangSchema {
    let mut set = ModuleSet::default();
    for file in yang_files(directory).into_iter().filter(|file| is_chosen(file)) {
        set.add(&name(&file), &fs::read(&file).unwrap()).unwrap();
    }
    set.compile()
}

/// A file's name.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// A set of modules given as text.
pub(crate) fn set(modules: &[&str]) -> ModuleSet {
    let mut set = ModuleSet::default();
    for (number, text) in modules.iter().enumerate() {
        set.add(&format!("{number}.yang"), text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    }
    set
}

/// A schema of modules given as text, without problems.
pub(crate) fn schema(modules: &[&str]) -> YangSchema {
    let schema = set(modules).compile();
    assert!(schema.problems().is_empty(), "{}", problems(&schema));
    schema
}

/// The problems of a schema, one a line.
pub(crate) fn problems(schema: &YangSchema) -> String {
    schema.problems().iter().map(|problem| format!("{problem}\n")).collect()
}
