//! `describe`: a node in its YANG model.

use std::fmt::Write as _;

use confine_yang::{DefinitionStatus, YangNode};

use super::names;
use crate::{
    columns::wrapped,
    commands::{nodes::path::DataPath, output::plain},
    error::Error,
};

/// The width of the text behind a field name, in characters.
const WIDTH: usize = 84;
/// The width of field names, in characters.
const WORD: usize = 13;

pub(super) fn text(target: &DataPath) -> Result<String, Error> {
    let pattern = target.pattern();
    let node = target.node(&pattern).filter(|_| !pattern.steps.is_empty());
    let node = node.ok_or_else(|| Error::NotInModel { path: pattern.to_string() })?;
    let mut text = format!("{pattern}\n");
    for (word, what) in fields(node) {
        for (index, line) in what.lines().flat_map(|line| wrapped(line.split_whitespace(), WIDTH)).enumerate()
        {
            let word = if index == 0 { word } else { "" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", format!("  {word:<WORD$}{line}").trim_end());
        }
    }
    Ok(plain(&text))
}

fn fields(node: YangNode<'_>) -> Vec<(&'static str, String)> {
    let mut fields = vec![("kind", names::kind(node).to_owned())];
    if node.leaf_type().is_some() {
        fields.push(("type", names::type_of(node)));
        fields.extend(node.value_forms().into_iter().enumerate().map(|(index, form)| {
            let word = if index == 0 { "value" } else { "or" };
            (word, form)
        }));
    }
    fields.extend(node.defaults().into_iter().map(|default| ("default", default.to_owned())));
    fields.extend(node.units().map(|units| ("units", units.to_owned())));
    if !node.keys().is_empty() {
        fields.push(("keys", node.keys().join(", ")));
    }
    if node.is_key() {
        fields.push(("key", "of its list".to_owned()));
    } else if node.is_mandatory() {
        fields.push(("mandatory", "yes".to_owned()));
    }
    match (node.min_elements(), node.max_elements()) {
        (0, None) => {}
        (least, None) => fields.push(("entries", format!("at least {least}"))),
        (0, Some(most)) => fields.push(("entries", format!("at most {most}"))),
        (least, Some(most)) => fields.push(("entries", format!("from {least} to {most}"))),
    }
    if !node.is_config() {
        fields.push(("state", "read-only".to_owned()));
    }
    fields.extend(node.presence().map(|presence| ("presence", presence.to_owned())));
    match node.status() {
        DefinitionStatus::Current => {}
        DefinitionStatus::Deprecated => fields.push(("status", "deprecated".to_owned())),
        DefinitionStatus::Obsolete => fields.push(("status", "obsolete".to_owned())),
    }
    fields.extend(node.when().map(|when| ("when", when.to_owned())));
    fields.extend(node.musts().map(|must| ("must", must.to_owned())));
    fields.extend(node.module().map(|module| {
        let revision = module.revision().map(|revision| format!("@{revision}")).unwrap_or_default();
        ("module", format!("{}{revision}, prefix `{}`", module.name(), module.prefix()))
    }));
    fields.extend(node.description().map(|description| ("description", description.to_owned())));
    fields
}
