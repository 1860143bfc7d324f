//! Links between documents.

use crate::sources::{files, read, top};

/// Returns the relative links of Markdown files that lead nowhere.
pub(crate) fn broken_links() -> Vec<String> {
    let mut broken = Vec::new();
    for file in files("", "md") {
        let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        for link in links(&read(&file)) {
            let path = link.split(['#', '?']).next().unwrap_or_default();
            let is_relative = !path.is_empty() && !link.contains("://") && !link.starts_with("mailto:");
            if is_relative && !top().join(directory).join(path).exists() {
                broken.push(format!("{file}: there is no `{link}`: correct the link"));
            }
        }
    }
    broken
}

/// Returns the targets of inline links, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        // Code spans are every second part.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        found.extend(targets.filter(|_| !is_code).map(str::to_owned));
    }
    found
}

#[test]
fn links_are_read_outside_of_code() {
    let text = "See [a](b.md#c) and [`d`](e) but not `[f](g)`.\n```\n[h](i)\n```\n![j](k.svg \"l\")";
    assert_eq!(links(text), ["b.md#c", "e", "k.svg"]);
}
