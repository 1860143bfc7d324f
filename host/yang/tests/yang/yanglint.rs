//! The trees of published modules and of the example services, compared with those that `yanglint` of libyang prints.
//!
//! The test needs `yanglint` on the path and the published modules. Otherwise it prints what is missing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{augmented_modules, name, published, tree_diagram, workspace, yang_files};
use confine_yang::{ModuleSet, YangSchema};

/// Texts that `yanglint` refuses or crashes on: module, text, replacement. Its output is changed back.
const REPLACED: &[(&str, &str, &str)] = &[
    // libyang 2.1 crashes on any module of this name but its own.
    ("", "module ietf-netconf {", "module x-ietf-netconf {"),
    ("", "import ietf-netconf {", "import x-ietf-netconf {"),
    ("x-ietf-netconf", "\"urn:ietf:params:xml:ns:netconf:base:1.0\"", "urn:x-ietf-netconf"),
    // Its printer crashes on annotations, and on mount points without data.
    ("clixon-lib", "md:annotation creator {", "grouping annotation-creator { leaf creator {"),
    ("clixon-lib", "A sub-object will not be noted\";", "\"; }"),
    ("clixon-controller", "yangmnt:mount-point \"device\"{", "cl:ignore-compare {"),
    // Steps without a prefix are in the module itself, which has no such nodes: the module is wrong.
    (
        "clixon-controller",
        "/nc:get-config/input/source/config-source",
        "/nc:get-config/nc:input/nc:source/nc:config-source",
    ),
    (
        "clixon-controller",
        "/nc:edit-config/input/target/config-target",
        "/nc:edit-config/nc:input/nc:target/nc:config-target",
    ),
    // The default is not a name of the enumeration: the module is wrong.
    ("clixon-controller", "default 0;", "default OPEN;"),
];

/// Modules that published ones import and that are not published themselves.
const STUBS: &[(&str, &str)] = &[
    ("clixon-restconf.yang", "module clixon-restconf { namespace urn:stub:restconf; prefix clrc; }"),
    (
        "clixon-config.yang",
        "module clixon-config { namespace urn:stub:config; prefix cc; container clixon-config; }",
    ),
];

/// Converts the output of `yanglint` to that of [`tree_diagram`].
fn as_ours(trees: &str) -> String {
    let mut ours = String::new();
    for line in trees.replace("x-ietf-netconf", "ietf-netconf").lines() {
        // The nodes of a notification are `ro` (RFC 8340, section 2.6); yanglint prints `--`.
        ours += &line.replacen("+----", "+--ro", 1).replacen("x----", "x--ro", 1);
        ours.push('\n');
    }
    ours
}

/// Removes the sections of augments: `yanglint` prints the statements, with `uses` and without inherited properties, and
/// [`tree_diagram`] prints the resulting nodes. They are compared in the tree of the augmented module.
fn without_augments(trees: &str) -> String {
    let sections = trees.split("\n\n").filter(|section| !section.starts_with("  augment "));
    sections.map(|section| format!("{}\n\n", section.trim_end())).collect()
}

/// Removes the alignment of the column of types: `yanglint` counts prefixes without their colon.
fn unaligned(trees: &str) -> String {
    let mut unaligned = String::new();
    for line in trees.lines() {
        let (indent, node) = line.split_at(line.find("--").unwrap_or(0));
        let words: Vec<&str> = node.split_whitespace().collect();
        unaligned += &format!("{indent}{}\n", words.join(" "));
    }
    unaligned
}

fn has_yanglint() -> bool {
    let found =
        Command::new("yanglint").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: no `yanglint` on the path; Debian has it in the package `libyang-tools`");
    }
    found
}

/// Returns the YANG files of the example services.
fn examples() -> Vec<PathBuf> {
    let directory = workspace().join("example-services");
    let services = fs::read_dir(directory).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let files =
        services.filter(|path| path.is_dir()).flat_map(|service| fs::read_dir(service).into_iter().flatten());
    let mut files: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yang"));
    files
}

/// Returns the schema of a module and its imports.
fn schema(module: &str, texts: &BTreeMap<String, String>) -> YangSchema {
    let mut set = ModuleSet::default();
    let mut wanted = vec![module.to_owned()];
    while let Some(next) = wanted.pop() {
        let file = file(&next, texts);
        set.add(file, texts[file].as_bytes()).unwrap();
        wanted = set.missing().into_iter().map(|missing| missing.name.into_string()).collect();
    }
    let schema = set.compile();
    assert_eq!(crate::common::problems(&schema), "");
    schema
}

/// Returns the module and the modules it augments.
fn compared_with<'a>(module: &'a str, schema: &'a YangSchema) -> Vec<&'a str> {
    [module].into_iter().chain(augmented_modules(schema, module)).collect()
}

fn file<'a>(module: &str, texts: &'a BTreeMap<String, String>) -> &'a str {
    texts.keys().find(|file| stem(file) == module).unwrap_or_else(|| panic!("no {module}"))
}

/// Returns the module's name in a file's name.
fn stem(file: &str) -> &str {
    file.split(['@', '.']).next().unwrap()
}

fn yanglint(directory: &Path, files: &[String]) -> String {
    let output = Command::new("yanglint")
        .args(["-i", "-f", "tree", "-p"])
        .arg(directory)
        .args(files.iter().map(|file| directory.join(file)))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "yanglint refused {files:?} ({}): {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn trees_match_yanglint() {
    let Some(published) = published() else { return };
    if !has_yanglint() {
        return;
    }
    let files = yang_files(&published).into_iter().chain(examples());
    let mut texts: BTreeMap<String, String> =
        files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect();
    texts.extend(STUBS.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())));

    let directory = tempfile::tempdir().unwrap();
    let theirs = |file: &str| file.replacen("ietf-netconf@", "x-ietf-netconf@", 1);
    for (file, text) in &texts {
        let file = theirs(file);
        let replaced = REPLACED.iter().filter(|(module, ..)| module.is_empty() || stem(&file) == *module);
        let text =
            replaced.fold(text.clone(), |text, (_, original, replaced)| text.replace(original, replaced));
        fs::write(directory.path().join(file), text).unwrap();
    }

    let mut differences = String::new();
    let mut compared = 0;
    for (file, text) in &texts {
        if text.trim_start().starts_with("submodule") || STUBS.iter().any(|(stub, _)| stub == file) {
            continue;
        }
        let schema = schema(stem(file), &texts);
        let modules = compared_with(stem(file), &schema);
        let ours: Vec<String> = modules.iter().map(|module| tree_diagram(&schema, module)).collect();
        let files: Vec<String> = modules.iter().map(|module| theirs(self::file(module, &texts))).collect();
        let ours = unaligned(&without_augments(&ours.join("\n")));
        let theirs = unaligned(&without_augments(&as_ours(&yanglint(directory.path(), &files))));
        if ours != theirs {
            let diff = similar::TextDiff::from_lines(&theirs, &ours)
                .unified_diff()
                .header("yanglint", file)
                .to_string();
            differences += &diff;
        }
        compared += 1;
    }
    assert!(differences.is_empty(), "{differences}");
    eprintln!("compared {compared} modules");
}
