//! `describe`: what the model says of a node.

use std::fmt::Write as _;

use confine_yang::{DefinitionStatus, YangNode};

use super::names;
use crate::{
    commands::{nodes::place::DataPath, plain},
    error::Error,
};

/// How wide what is behind a word may be, in characters.
const WIDTH: usize = 84;
/// How wide the words are.
const WORD: usize = 13;

pub(super) fn text(place: &DataPath) -> Result<String, Error> {
    let pattern = place.pattern();
    let node = place.node(&pattern).filter(|_| !pattern.steps.is_empty());
    let node = node.ok_or_else(|| Error::NoModelOf { path: pattern.to_string() })?;
    let mut text = format!("{pattern}\n");
    for (word, what) in said(node) {
        for (index, line) in what.lines().flat_map(wrapped).enumerate() {
            let word = if index == 0 { word } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", format!("  {word:<WORD$}{line}").trim_end());
        }
    }
    Ok(plain(&text))
}

fn said(node: YangNode<'_>) -> Vec<(&'static str, String)> {
    let mut said = vec![("kind", names::kind(node).to_owned())];
    if node.leaf_type().is_some() {
        said.push(("type", names::type_of(node)));
        said.extend(node.value_forms().into_iter().enumerate().map(|(index, form)| {
            let word = if index == 0 { "value" } else { "or" };
            (word, form)
        }));
    }
    said.extend(node.defaults().into_iter().map(|default| ("default", default.to_owned())));
    said.extend(node.units().map(|units| ("units", units.to_owned())));
    if !node.keys().is_empty() {
        said.push(("keys", node.keys().join(", ")));
    }
    if node.is_key() {
        said.push(("key", "of the list that it is in".to_owned()));
    } else if node.is_mandatory() {
        said.push(("mandatory", "yes".to_owned()));
    }
    match (node.min_elements(), node.max_elements()) {
        (0, None) => {}
        (least, None) => said.push(("entries", format!("at least {least}"))),
        (0, Some(most)) => said.push(("entries", format!("at most {most}"))),
        (least, Some(most)) => said.push(("entries", format!("from {least} to {most}"))),
    }
    if !node.is_config() {
        said.push(("state", "nobody sets it".to_owned()));
    }
    said.extend(node.presence().map(|presence| ("presence", presence.to_owned())));
    match node.status() {
        DefinitionStatus::Current => {}
        DefinitionStatus::Deprecated => said.push(("status", "deprecated".to_owned())),
        DefinitionStatus::Obsolete => said.push(("status", "obsolete".to_owned())),
    }
    said.extend(node.when().map(|when| ("when", when.to_owned())));
    said.extend(node.musts().map(|must| ("must", must.to_owned())));
    said.extend(node.module().map(|module| {
        let revision = module.revision().map(|revision| format!("@{revision}")).unwrap_or_default();
        ("module", format!("{}{revision}, prefix `{}`", module.name(), module.prefix()))
    }));
    said.extend(node.description().map(|description| ("description", description.to_owned())));
    said
}

/// A line in lines that are not too wide. Blanks in it are one.
fn wrapped(line: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if last.chars().count() + 1 + word.chars().count() <= WIDTH => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
