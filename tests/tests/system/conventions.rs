//! The conventions of CONTRIBUTING.md that a program can check.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use confine_test_support::repository;

/// The most lines of a source file. A longer one is split, or named in [`LONG_FILES`] with its reason.
const MAX_FILE_LINES: usize = 600;
/// The most letters of a test's name.
const MAX_TEST_NAME: usize = 60;
/// The most lines of README.md.
const MAX_README_LINES: usize = 80;

/// Files that may be longer, from the repository's root, each with the reason.
const LONG_FILES: [(&str, &str); 1] =
    [("host/bindings/src/tests.rs", "snapshots of whole generated files, which are read together")];

/// The type names that several crates have: one typed error enum each.
const SHARED_NAMES: [&str; 1] = ["Error"];

#[test]
fn type_names_are_defined_in_one_file_of_host() {
    let mut files_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        for line in text.lines() {
            files_of.entry(type_name(line)).or_default().insert(path.clone());
        }
    }
    let is_shared = |name: &str| name.is_empty() || SHARED_NAMES.contains(&name);
    let repeated: Vec<String> = files_of
        .into_iter()
        .filter(|(name, files)| files.len() > 1 && !is_shared(name))
        .map(|(name, files)| format!("{name}: {}", Vec::from_iter(files).join(", ")))
        .collect();
    assert!(repeated.is_empty(), "give each type a name of its own:\n{}", repeated.join("\n"));
}

#[test]
fn source_files_are_short() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(path, lines)| *lines > MAX_FILE_LINES && !LONG_FILES.iter().any(|(long, _)| long == path))
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "split these, or name them in LONG_FILES with a reason:\n{}", long.join("\n"));
}

#[test]
fn test_names_are_short() {
    let mut long = Vec::new();
    let suites = rust_files(&repository().join("tests")).into_iter();
    for (path, text) in sources().into_iter().chain(suites) {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            match line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
                Some(rest) => {
                    let name: String =
                        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if is_test && name.len() > MAX_TEST_NAME {
                        long.push(format!("{path}: {name}"));
                    }
                    is_test = false;
                }
                None => is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
            }
        }
    }
    assert!(long.is_empty(), "shorten these to {MAX_TEST_NAME} letters:\n{}", long.join("\n"));
}

#[test]
fn readme_is_short() {
    let lines = fs::read_to_string(repository().join("README.md")).unwrap().lines().count();
    assert!(lines <= MAX_README_LINES, "README.md has {lines} lines: move details to docs/");
}

/// Imports of a crate's files point one way: no file imports from one that imports from it, even over others.
#[test]
fn files_of_a_crate_have_no_circular_imports() {
    let mut circles = Vec::new();
    for entry in fs::read_dir(repository().join("host")).unwrap() {
        let source = entry.unwrap().path().join("src");
        let imports = imports_of_crate(&source);
        for module in imports.keys() {
            let reached = reachable(&imports, module);
            if reached.contains(module) {
                circles.push(format!("{}: {module}", source.display()));
            }
        }
    }
    assert!(circles.is_empty(), "move what they share to a file of its own:\n{}", circles.join("\n"));
}

/// Returns the modules that each module imports from, by `use crate::…`.
fn imports_of_crate(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeMap<String, String> = rust_files(source)
        .into_iter()
        .filter(|(path, _)| !is_test(path) && !path.ends_with("src/lib.rs") && !path.ends_with("src/main.rs"))
        .map(|(path, text)| {
            let start = path.find("/src/").map_or(0, |at| at + "/src/".len());
            let module = path[start..].trim_end_matches(".rs").replace('/', "::");
            (module, text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned())
        })
        .collect();
    let imports = |(module, text): (&String, &String)| {
        let imported = used_paths(text)
            .into_iter()
            .filter_map(|path| owning_module(&files, &path))
            .filter(|imported| imported != module)
            .collect();
        (module.clone(), imported)
    };
    files.iter().map(imports).collect()
}

/// Returns the module of a path within its crate: the longest prefix that is a file.
fn owning_module(files: &BTreeMap<String, String>, path: &str) -> Option<String> {
    let steps: Vec<&str> = path.split("::").collect();
    (1..=steps.len()).rev().map(|length| steps[..length].join("::")).find(|prefix| files.contains_key(prefix))
}

/// Returns every path after `crate::` in the `use` declarations of a file, with nested lists written out.
fn used_paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for declaration in text.split("use crate::").skip(1) {
        let declaration: String =
            declaration.split(';').next().unwrap_or_default().split_whitespace().collect();
        write_out(&declaration, "", &mut paths);
    }
    paths
}

fn write_out(tree: &str, prefix: &str, paths: &mut Vec<String>) {
    let Some((head, list)) = tree.split_once('{') else {
        paths.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{head}");
    let list = list.strip_suffix('}').expect("a list of imports is closed");
    let (mut depth, mut item) = (0, String::new());
    for character in list.chars().chain([',']) {
        match character {
            ',' if depth == 0 => {
                if !item.is_empty() {
                    write_out(&item, &prefix, paths);
                }
                item.clear();
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        item.push(character);
    }
}

fn reachable(imports: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&String> = imports.get(from).into_iter().flatten().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module.clone()) {
            next.extend(imports.get(module).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn nested_imports_are_written_out() {
    let text = "use crate::{\n    Error,\n    a::{self, B, c::{D, e}},\n    f::g,\n};\nuse crate::h::I;\n";
    assert_eq!(used_paths(text), ["Error", "a::self", "a::B", "a::c::D", "a::c::e", "f::g", "h::I"]);
}

/// Returns the name of the type that a line defines; empty if it defines none.
fn type_name(line: &str) -> String {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let defines = matches!(words.next(), Some("struct" | "enum" | "trait"));
    let name = words.next().filter(|_| defines).unwrap_or_default();
    name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Returns whether a file holds tests, or what only tests use.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("/testing.rs")
}

/// Returns the source files of all crates of the host, with their text.
fn sources() -> Vec<(String, String)> {
    let crates = fs::read_dir(repository().join("host")).unwrap();
    crates.flat_map(|entry| rust_files(&entry.unwrap().path().join("src"))).collect()
}

/// Returns the Rust files below a directory, by path from the repository's root, with their text.
fn rust_files(directory: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten();
        let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        for path in paths {
            if path.is_dir() && !path.ends_with("target") {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(repository()).unwrap_or(&path).to_string_lossy().into_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}
