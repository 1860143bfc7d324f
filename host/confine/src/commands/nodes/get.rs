//! `confine get`: the configuration at a path.

use confine_backend::{ConfigRequest, Datastore, RequestUser};
use confine_tree::{Pattern, PrefixTable, ResolveError, Tree, xml};

use super::{
    json::JsonWriter,
    path::{DataPath, absolute},
    session::{ControllerSession, ModelDepth},
};
use crate::{
    cli::GetArgs,
    commands::{connect::runtime, output::show},
    error::Error,
};

pub(in crate::commands) fn run(request: &GetArgs) -> Result<(), Error> {
    let source = if request.candidate { Datastore::Candidate } else { Datastore::Running };
    let text = runtime()?.block_on(async {
        let path = absolute(&request.path)?;
        let mut session = ControllerSession::open(&request.controller).await?;
        let target = session.find(&Pattern::default(), &path, None, model_depth(request.json)).await?;
        text(&mut session, &target, source, request.json).await
    })?;
    show(&text)
}

/// How deep the models are needed: only JSON depends on the types of values.
pub(super) fn model_depth(is_json: bool) -> ModelDepth {
    if is_json { ModelDepth::All } else { ModelDepth::Node }
}

/// The configuration at a path, as XML or as JSON.
pub(super) async fn text(
    session: &mut ControllerSession,
    target: &DataPath,
    source: Datastore,
    is_json: bool,
) -> Result<String, Error> {
    let found = read(session, &target.patterns, source, None).await?;
    if found.is_empty() {
        let path = target.pattern().to_string();
        return Err(Error::Absent { path, user: session.user().to_owned() });
    }
    if is_json {
        return Ok(JsonWriter::of(&found, &target.models));
    }
    let text = xml::XmlTreeWriter::new().indent(2).write(&found, found.children(Tree::ROOT));
    Ok(text.map_err(ResolveError::from)? + "\n")
}

/// Everything that any of the patterns matches, down to `depth` levels from the root.
pub(super) async fn read(
    session: &mut ControllerSession,
    patterns: &[Pattern],
    source: Datastore,
    depth: Option<u32>,
) -> Result<Tree, Error> {
    let has_both_quotes = |value: &Option<String>| {
        value.as_deref().is_some_and(|value| value.contains('\'') && value.contains('"'))
    };
    let has_unquotable_key = |pattern: &&Pattern| {
        let mut steps = pattern.steps.iter();
        steps.any(|step| step.keys.iter().map(|(_, value)| value).chain(&step.entry).any(has_both_quotes))
    };
    if let Some(pattern) = patterns.iter().find(has_unquotable_key) {
        return Err(Error::BothQuotes { path: pattern.to_string() });
    }
    let mut prefixes = PrefixTable::new();
    let xpath = confine_backend::union_of(patterns, &mut prefixes);
    let namespaces: Vec<(&str, &str)> = prefixes.iter().collect();
    let read = ConfigRequest { source, xpath: &xpath, namespaces: &namespaces, depth, defaults: false };
    let found = session.backend().get_config(read, &RequestUser::Host).await?;
    Ok(confine_backend::payload_tree(&found).map_err(ResolveError::from)?)
}
