//! Modules for tests: given as text, or published ones from a directory outside the repository.

mod tree_diagram;

use std::{
    fs,
    path::{Path, PathBuf},
};

use confine_yang::{ModuleSet, YangSchema};

pub(crate) use tree_diagram::{augmented_modules, is_in_input, tree_diagram};

/// Returns the directory of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the directory of published modules. Prints that the test is skipped and returns `None` if it is missing.
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

/// Returns the YANG files of a directory and its subdirectories, by name.
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

/// Returns the schema of the chosen files of a directory.
pub(crate) fn read_where(directory: &Path, is_chosen: impl Fn(&Path) -> bool) -> YangSchema {
    let mut set = ModuleSet::default();
    for file in yang_files(directory).into_iter().filter(|file| is_chosen(file)) {
        set.add(&name(&file), &fs::read(&file).unwrap()).unwrap();
    }
    set.compile()
}

/// Returns a file's name.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Returns the set of these modules.
pub(crate) fn set(modules: &[&str]) -> ModuleSet {
    let mut set = ModuleSet::default();
    for (number, text) in modules.iter().enumerate() {
        set.add(&format!("{number}.yang"), text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    }
    set
}

/// Returns the schema of these modules, which has no problems.
pub(crate) fn schema(modules: &[&str]) -> YangSchema {
    let schema = set(modules).compile();
    assert!(schema.problems().is_empty(), "{}", problems(&schema));
    schema
}

/// Returns the problems of a schema, one a line.
pub(crate) fn problems(schema: &YangSchema) -> String {
    schema.problems().iter().map(|problem| format!("{problem}\n")).collect()
}
