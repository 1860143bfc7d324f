//! Imports among the files of a crate.
//!
//! A file imports from another if a path in it, such as `crate::a::B` or `super::B`, ends at an item of that file.
//! A re-export is followed and is no import itself: who names `crate::B` in a crate whose `lib.rs` has `pub use a::B` imports
//! from `a`.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Source, home};

/// The path of a module from the root of its crate: `a::b` is `["a", "b"]`.
type Module = Vec<String>;

/// What a file has.
struct File<'s> {
    path: &'s str,
    /// Names that `use` brings in, with the whole path of each.
    imported: BTreeMap<String, Module>,
    /// The paths that it names.
    named: BTreeSet<Module>,
}

/// Returns the circles of each crate, as the imports that make it.
pub(crate) fn circles(sources: &[Source]) -> Vec<String> {
    let crates: BTreeSet<&str> = sources.iter().map(|source| source.krate.as_str()).collect();
    crates.into_iter().flat_map(|krate| of_crate(krate, sources)).collect()
}

fn of_crate(krate: &str, sources: &[Source]) -> Vec<String> {
    let root = format!("host/{krate}/src");
    let mut files: BTreeMap<Module, File<'_>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.krate == krate) {
        let home = home(&source.path);
        let below = home.strip_prefix(&root).unwrap_or_default().trim_start_matches('/');
        // The program's own root is another crate.
        if source.path.ends_with("/main.rs") {
            continue;
        }
        let module: Module = below.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let file = read(&source.path, source.program(), &module);
        files.insert(module, file);
    }
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, file) in &files {
        for named in &file.named {
            if let Some(target) = defined_in(named, &files, 0).filter(|target| *target != module) {
                arrows.entry(file.path).or_default().insert(files[target].path);
            }
        }
    }
    let told = |files: Vec<&str>| {
        let inside = |&file: &&str| {
            let to = arrows[file]
                .iter()
                .filter(|to| files.contains(to))
                .map(move |to| format!("  {file} imports from {to}"));
            to.collect::<Vec<_>>()
        };
        let imports: Vec<_> = files.iter().flat_map(inside).collect();
        format!("a circle: move what its files share to a file of its own\n{}", imports.join("\n"))
    };
    components(&arrows).into_iter().map(told).collect()
}

/// Returns the module in whose file the item of a path is defined.
fn defined_in<'f>(path: &Module, files: &'f BTreeMap<Module, File<'_>>, depth: usize) -> Option<&'f Module> {
    let length = (0..=path.len()).rev().find(|&length| files.contains_key(&path[..length]))?;
    let (module, file) = files.get_key_value(&path[..length])?;
    let Some(name) = path.get(length) else { return Some(module) };
    if depth > 8 {
        return Some(module);
    }
    if let Some(origin) = file.imported.get(name) {
        let whole: Module = origin.iter().chain(&path[length + 1..]).cloned().collect();
        return defined_in(&whole, files, depth + 1);
    }
    Some(module)
}

/// Reads the paths of a file, which is this module.
fn read<'s>(path: &'s str, text: &str, module: &Module) -> File<'s> {
    let mut file = File { path, imported: BTreeMap::new(), named: BTreeSet::new() };
    let code = without_texts(text);
    let children: BTreeSet<&str> = code
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name))
        .collect();
    for (at, _) in code.match_indices("use ") {
        if code[..at].chars().next_back().is_some_and(|c| !c.is_whitespace()) {
            continue;
        }
        let line = code[..at].rsplit('\n').next().unwrap_or_default();
        let is_reexport = line.trim_start().starts_with("pub");
        let declaration = code[at + 4..].split(';').next().unwrap_or_default();
        for (alias, whole) in leaves(declaration) {
            let Some(whole) = absolute(&whole, module, &children) else { continue };
            if alias != "*" && alias != "_" {
                file.imported.insert(alias, whole.clone());
            }
            if !is_reexport {
                file.named.insert(whole);
            }
        }
    }
    let code = without_declarations(&code);
    for mark in ["crate::", "super::"] {
        for (at, _) in code.match_indices(mark) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let path: String =
                code[at..].chars().take_while(|&c| c.is_alphanumeric() || c == '_' || c == ':').collect();
            let parts: Module = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            // Visibility such as `pub(in crate::a)` names no item.
            if parts.len() < 2 || code[..at].ends_with("in ") {
                continue;
            }
            file.named.extend(absolute(&parts, module, &children));
        }
    }
    for child in children {
        for (at, _) in code.match_indices(&format!("{child}::")) {
            if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let path: String =
                code[at..].chars().take_while(|&c| c.is_alphanumeric() || c == '_' || c == ':').collect();
            let parts = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned);
            file.named.insert(module.iter().cloned().chain(parts).collect());
        }
    }
    file
}

/// Returns the path from the crate's root; none if it leads to another crate.
fn absolute(path: &[String], module: &Module, children: &BTreeSet<&str>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some(module.iter().chain(rest).cloned().collect()),
        "super" => {
            let (_, parent) = module.split_last()?;
            let none = BTreeSet::new();
            if rest.first().is_some_and(|next| next == "super") {
                return absolute(rest, &parent.to_vec(), &none);
            }
            Some(parent.iter().chain(rest).cloned().collect())
        }
        child if children.contains(child) => Some(module.iter().chain(path).cloned().collect()),
        _ => None,
    }
}

/// Returns each name of a `use` declaration, and the path that it stands for.
fn leaves(declaration: &str) -> Vec<(String, Module)> {
    let declaration = declaration.trim();
    if let Some((prefix, rest)) = declaration.split_once('{') {
        let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
        let prefix: Module =
            prefix.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let nested = split_outside_braces(inner).into_iter().flat_map(leaves);
        return nested
            .map(|(alias, path)| {
                if alias == "self" || path == ["self"] {
                    let alias =
                        if alias == "self" { prefix.last().cloned().unwrap_or_default() } else { alias };
                    return (alias, prefix.clone());
                }
                (alias, prefix.iter().cloned().chain(path).collect())
            })
            .collect();
    }
    let (path, alias) = match declaration.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim().to_owned())),
        None => (declaration, None),
    };
    let mut parts: Module =
        path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let Some(last) = parts.last().cloned() else { return Vec::new() };
    if last == "*" {
        parts.pop();
    }
    vec![(alias.unwrap_or(last), parts)]
}

fn split_outside_braces(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Returns the code without its `use` declarations.
fn without_declarations(code: &str) -> String {
    let mut kept = String::new();
    let mut is_declaration = false;
    for line in code.lines() {
        let start = line.trim_start();
        is_declaration |= ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
            .iter()
            .any(|use_| start.starts_with(use_));
        if !is_declaration {
            kept += line;
            kept.push('\n');
        }
        is_declaration &= !line.trim_end().ends_with(';');
    }
    kept
}

/// Returns the code without comments and without the content of text literals.
fn without_texts(code: &str) -> String {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut kept = String::new();
    let mut is_text = false;
    for line in lines {
        let mut is_escaped = false;
        for (at, c) in line.char_indices() {
            let is_quoted = line[..at].ends_with('\'') && line[at + c.len_utf8()..].starts_with('\'');
            match c {
                '"' if !is_escaped && !is_quoted => is_text = !is_text,
                _ if !is_text => kept.push(c),
                _ => {}
            }
            is_escaped = c == '\\' && !is_escaped;
        }
        kept.push('\n');
    }
    kept
}

/// Returns the groups of more than one file in which each is reached from each.
fn components<'s>(arrows: &BTreeMap<&'s str, BTreeSet<&'s str>>) -> Vec<Vec<&'s str>> {
    let reached = |from: &'s str| {
        let mut seen = BTreeSet::new();
        let mut left = vec![from];
        while let Some(file) = left.pop() {
            let next = arrows.get(file).into_iter().flatten();
            left.extend(next.filter(|file| seen.insert(**file)));
        }
        seen
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = arrows.keys().map(|&file| (file, reached(file))).collect();
    let mut found: Vec<Vec<&str>> = Vec::new();
    for (&file, files) in &all {
        if !files.contains(file) || found.iter().flatten().any(|&known| known == file) {
            continue;
        }
        let group = files.iter().filter(|&&other| all.get(other).is_some_and(|back| back.contains(file)));
        found.push(group.copied().collect());
    }
    found
}

#[test]
fn circles_are_found_through_reexports() {
    let source = |path: &str, text: &str| Source { path: path.into(), krate: "k".into(), text: text.into() };
    let mut sources = vec![
        source("host/k/src/lib.rs", "mod a;\nmod b;\npub use a::A;\n"),
        source("host/k/src/a.rs", "pub struct A;\nmod c;\n"),
        source("host/k/src/a/c.rs", "use super::A;\nuse crate::{b::{self, B}};\n"),
        source("host/k/src/b.rs", "use crate::A;\npub struct B;\n"),
    ];
    assert_eq!(circles(&sources), [""; 0]);
    sources[1].text += "use c::C;\n";
    let found = circles(&sources);
    assert_eq!(found.len(), 1, "{found:?}");
    for arrow in [
        "a.rs imports from host/k/src/a/c.rs",
        "a/c.rs imports from host/k/src/b.rs",
        "b.rs imports from host/k/src/a.rs",
    ] {
        assert!(found[0].contains(arrow), "{arrow}: {found:?}");
    }
}
