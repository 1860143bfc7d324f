//! `ls`: the nodes below a path, existing or in the model.

use std::{collections::HashMap, slice};

use confine_backend::Datastore;
use confine_tree::{LiveNode, NodeKind, Overlay, Pattern, ResolveError};
use confine_yang::{SchemaNodeKind, YangNode};

use super::{names, state::ShellState};
use crate::{
    columns::table,
    commands::{
        nodes::{get, path::DataPath, session::ModelDepth},
        output::plain,
    },
    error::Error,
};

/// The most that is shown of a value, in characters.
const VALUE: usize = 60;

/// A row: name, kind, type, value, and notes.
type Row = [String; 5];

/// The nodes below a path in the candidate, or with `all` those of the model; for the path of a list, its entries.
pub(super) async fn text(shell: &mut ShellState, path: &str, all: bool) -> Result<String, Error> {
    let mut target = shell.find(path, None, ModelDepth::Children).await?;
    let pattern = target.pattern();
    let mut above = pattern.clone();
    above.steps.pop();
    target.overlay.check_exact(&above)?;
    // Down to the keys of the entries of lists, and their values.
    let depth = u32::try_from(pattern.steps.len() + 3).ok();
    let found = get::read(&mut shell.session, slice::from_ref(&pattern), Datastore::Candidate, depth).await?;
    target.overlay.load(&found, slice::from_ref(&pattern)).map_err(ResolveError::from)?;
    let is_one = target.overlay.check_exact(&pattern).is_ok();
    let found = target.overlay.find(&pattern);
    let has_children = |target: &DataPath| {
        let form = target.overlay.schema_view().kind(target.overlay.locate(&pattern));
        !matches!(form, NodeKind::Leaf | NodeKind::EmptyLeaf | NodeKind::LeafList)
    };
    let (listed, parent) = match found.first() {
        Some(&only) if is_one && has_children(&target) => (target.overlay.children(only).collect(), &pattern),
        _ => (found, &above),
    };
    let rows = match all && is_one && has_children(&target) {
        true => possible(&mut target, &pattern, &listed),
        false => present(&mut target, parent, &listed),
    };
    if rows.is_empty() {
        let text = if all {
            "The model has nothing here.\n"
        } else {
            "Nothing here. `ls -a` shows what the model allows.\n"
        };
        return Ok(text.to_owned());
    }
    Ok(plain(&(table(&rows, &[]).join("\n") + "\n")))
}

/// The existing nodes.
fn present(target: &mut DataPath, parent: &Pattern, listed: &[LiveNode]) -> Vec<Row> {
    let written: HashMap<(String, String), String> = names::children(target, parent)
        .into_iter()
        .map(|child| ((child.name.namespace.to_owned(), child.name.local.to_owned()), child.written))
        .collect();
    let row = |&live: &LiveNode| {
        let step = target.overlay.step(live.node());
        let name = (step.namespace.to_string(), step.local.to_string());
        let name = written.get(&name).cloned().unwrap_or(name.1);
        let form = target.overlay.kind(live.node());
        let node =
            target.overlay.schema_location(live.node()).schema().and_then(|node| target.models.node(node));
        let (kind, of) = match node {
            Some(node) => (names::kind(node), names::type_of(node)),
            None => (names::form(&form), String::new()),
        };
        let value = if step.entry.is_some() { String::new() } else { value(&target.overlay, live) };
        [names::step(&name, step), kind.to_owned(), of, value, String::new()]
    };
    listed.iter().map(row).collect()
}

/// The nodes of the model, with the values that exist.
fn possible(target: &mut DataPath, pattern: &Pattern, there: &[LiveNode]) -> Vec<Row> {
    let children = names::children(target, pattern);
    let row = |child: &names::ModelChild<'_>| {
        let mut those = there.iter().filter(|live| target.overlay.qname(**live) == child.name);
        let value = match (child.node.kind(), those.clone().count()) {
            (SchemaNodeKind::List | SchemaNodeKind::LeafList, 0) => String::new(),
            (SchemaNodeKind::List | SchemaNodeKind::LeafList, 1) => "1 entry".to_owned(),
            (SchemaNodeKind::List | SchemaNodeKind::LeafList, count) => format!("{count} entries"),
            _ => those.next().map(|&live| value(&target.overlay, live)).unwrap_or_default(),
        };
        let kind = names::kind(child.node).to_owned();
        [names::with_keys(child), kind, names::type_of(child.node), value, notes(child.node).to_owned()]
    };
    children.iter().map(row).collect()
}

fn notes(node: YangNode<'_>) -> &'static str {
    match node {
        _ if node.is_key() => "key",
        _ if !node.is_config() => "state",
        _ if node.is_mandatory() => "mandatory",
        _ => "",
    }
}

fn value(overlay: &Overlay, live: LiveNode) -> String {
    if !overlay.has_text(live) {
        return String::new();
    }
    let value = overlay.value(live).unwrap_or_default();
    let mut shown: String = value.chars().take(VALUE).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    confine_sandbox::text::line(&shown, usize::MAX)
}
