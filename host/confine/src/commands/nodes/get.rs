//! `confine get`: what stands at a path.

use confine_backend::{Datastore, Identity, Read};
use confine_tree::{Prefixes, ResolveError, Tree, xml};

use super::{Place, block_on, json::Json, tree};
use crate::{cli::Get, commands::print, error::Error};

pub(in crate::commands) fn run(request: &Get) -> Result<(), Error> {
    let text = block_on(read(request))?;
    print(text.as_bytes())
}

async fn read(request: &Get) -> Result<String, Error> {
    let mut place = Place::find(&request.controller, &request.path, None, request.json).await?;
    let has_both_quotes = |value: &Option<String>| {
        value.as_deref().is_some_and(|value| value.contains('\'') && value.contains('"'))
    };
    let Some(pattern) = place.patterns.first() else { return Ok(String::new()) };
    let mut steps = place.patterns.iter().flat_map(|pattern| &pattern.steps);
    if steps.any(|step| step.keys.iter().map(|(_, value)| value).chain(&step.entry).any(has_both_quotes)) {
        return Err(Error::BothQuotes { path: pattern.to_string() });
    }
    let mut prefixes = Prefixes::new();
    let xpaths: Vec<String> = place.patterns.iter().map(|pattern| pattern.xpath(&mut prefixes)).collect();
    let xpath = xpaths.join(" | ");
    let namespaces: Vec<(&str, &str)> = prefixes.iter().collect();
    let read = Read {
        source: if request.candidate { Datastore::Candidate } else { Datastore::Running },
        xpath: &xpath,
        namespaces: &namespaces,
        depth: None,
        defaults: false,
    };
    let found = tree(&place.backend.get_config(read, &Identity::Host).await?)?;
    if found.is_empty() {
        return Err(Error::Absent { path: pattern.to_string(), user: place.user });
    }
    if request.json {
        return Ok(Json::of(&found, &place.models));
    }
    let text = xml::Writer::new().indent(2).write(&found, found.children(Tree::ROOT));
    Ok(text.map_err(ResolveError::from)? + "\n")
}
