//! `confine get`: what stands at a path.

use confine_backend::{ConfigRequest, Datastore, RequestUser};
use confine_tree::{Pattern, PrefixTable, ResolveError, Tree, xml};

use super::{
    json::JsonWriter,
    place::{DataPath, absolute},
    runtime,
    session::{ControllerSession, ModelDepth},
};
use crate::{cli::GetArgs, commands::show, error::Error};

pub(in crate::commands) fn run(request: &GetArgs) -> Result<(), Error> {
    let source = if request.candidate { Datastore::Candidate } else { Datastore::Running };
    let text = runtime()?.block_on(async {
        let path = absolute(&request.path)?;
        let mut session = ControllerSession::open(&request.controller).await?;
        let place = session.find(&Pattern::default(), &path, None, reach(request.json)).await?;
        text(&mut session, &place, source, request.json).await
    })?;
    show(&text)
}

/// How far the models matter: only JSON tells values by their types.
pub(super) fn reach(is_json: bool) -> ModelDepth {
    if is_json { ModelDepth::All } else { ModelDepth::Node }
}

/// What stands at a place, as XML or as JSON.
pub(super) async fn text(
    session: &mut ControllerSession,
    place: &DataPath,
    source: Datastore,
    is_json: bool,
) -> Result<String, Error> {
    let found = read(session, &place.patterns, source, None).await?;
    if found.is_empty() {
        let path = place.pattern().to_string();
        return Err(Error::Absent { path, user: session.user().to_owned() });
    }
    if is_json {
        return Ok(JsonWriter::of(&found, &place.models));
    }
    let text = xml::XmlTreeWriter::new().indent(2).write(&found, found.children(Tree::ROOT));
    Ok(text.map_err(ResolveError::from)? + "\n")
}

/// All that any of the patterns matches, at most so many levels from the root.
pub(super) async fn read(
    session: &mut ControllerSession,
    patterns: &[Pattern],
    source: Datastore,
    depth: Option<u32>,
) -> Result<Tree, Error> {
    let has_both_quotes = |value: &Option<String>| {
        value.as_deref().is_some_and(|value| value.contains('\'') && value.contains('"'))
    };
    let cannot_be_asked_for = |pattern: &&Pattern| {
        let mut steps = pattern.steps.iter();
        steps.any(|step| step.keys.iter().map(|(_, value)| value).chain(&step.entry).any(has_both_quotes))
    };
    if let Some(pattern) = patterns.iter().find(cannot_be_asked_for) {
        return Err(Error::BothQuotes { path: pattern.to_string() });
    }
    let mut prefixes = PrefixTable::new();
    let xpaths: Vec<String> = patterns.iter().map(|pattern| pattern.xpath(&mut prefixes)).collect();
    let namespaces: Vec<(&str, &str)> = prefixes.iter().collect();
    let xpath = xpaths.join(" | ");
    let read = ConfigRequest { source, xpath: &xpath, namespaces: &namespaces, depth, defaults: false };
    let found = session.backend().get_config(read, &RequestUser::Host).await?;
    Ok(confine_backend::payload_tree(&found).map_err(ResolveError::from)?)
}
