//! `confine edit`: one node of the candidate.

use std::fmt::Write as _;

use confine_backend::{Actions, Backend, Commit, Datastore, Diff, Events, Identity, Outcome, Push, Stream};
use confine_tree::{Form, Overlay, ResolveError, Tree, xml};

use super::{Place, block_on, is_managed, options};
use crate::{cli::Edit, commands::print, error::Error};

pub(in crate::commands) fn run(request: &Edit) -> Result<(), Error> {
    block_on(change(request))
}

async fn change(request: &Edit) -> Result<(), Error> {
    let place = Place::find(&request.controller, &request.path, request.value.as_deref(), false).await?;
    let is_managed = place.patterns.first().is_some_and(is_managed);
    let (mut backend, config) = edit(place, request)?;
    let who = &Identity::Host;
    backend.edit_config(Datastore::Candidate, &config, who).await?;
    let differences = Diff::Datastores(Datastore::Running, Datastore::Candidate);
    let differences = backend.datastore_diff(differences, who).await?;
    if differences.is_empty() {
        return print(b"The candidate is what `running` is: there is nothing to commit.\n");
    }
    print(shown(&differences).as_bytes())?;
    if !request.commit {
        return print(b"This is in the candidate, which `--commit` commits.\n");
    }
    if !is_managed {
        backend
            .commit(who)
            .await
            .map_err(|error| Error::NotCommitted { source: Some(error), reason: String::new() })?;
        return print(b"It is committed.\n");
    }
    let mut events =
        Events::subscribe(&options(&request.controller)?, &[Stream::ControllerTransaction]).await?;
    let commit =
        Commit { device: "*", push: Push::Commit, actions: Actions::Change, source: Datastore::Candidate };
    let begun = backend.controller_commit(commit, who).await;
    let tid = begun.map_err(|error| Error::NotCommitted { source: Some(error), reason: String::new() })?;
    let over = events.completed(tid).await?;
    if over.result == Outcome::Success {
        return print(format!("It is committed, in transaction {tid}.\n").as_bytes());
    }
    Err(Error::NotCommitted { source: None, reason: over.reason.unwrap_or_default() })
}

/// What to send for an edit, as far as the models have nothing against it.
fn edit(place: Place, request: &Edit) -> Result<(Backend, String), Error> {
    let Place { patterns, backend, models, mut overlay, prefixes, .. } = place;
    let pattern = patterns.into_iter().next().filter(|pattern| !pattern.steps.is_empty());
    let mut pattern = pattern.ok_or(Error::EditRoot)?;
    let spot = overlay.locate(&pattern);
    let node = spot.schema().and_then(|node| models.node(node));
    if node.is_some_and(|node| !node.is_config()) {
        return Err(Error::State { path: pattern.to_string() });
    }
    let form = overlay.knowledge().form(spot);
    match (&request.value, form) {
        (Some(_), Form::Container | Form::PresenceContainer | Form::List { .. }) => {
            return Err(Error::NoValue { path: pattern.to_string() });
        }
        (Some(value), form) => {
            let bound = overlay.bind(spot, value, &prefixes, &pattern.to_string())?;
            if let Some(step) =
                pattern.steps.last_mut().filter(|step| form == Form::LeafList && step.entry.is_none())
            {
                step.entry = Some(Some(bound.value.clone()));
            }
            overlay.check_settable(&pattern, &bound.value)?;
            let bindings: Vec<(&str, &str)> = bound.bindings.iter().map(|(p, n)| (&**p, &**n)).collect();
            overlay.set(&pattern, &bound.value, &bindings)?;
        }
        (None, _) if request.remove => {
            overlay.check_exact(&pattern)?;
            if pattern.key_value().is_some() {
                return Err(Error::RemoveKey { path: pattern.to_string() });
            }
            overlay.remove(&pattern)?;
        }
        (None, Form::Leaf) => {
            // What would be right is said by what is wrong with no value at all.
            let expected = node.and_then(|node| node.canonical("", &|_| None).err());
            let expected = expected.map(|mismatch| mismatch.expected).unwrap_or_default();
            return Err(Error::ValueNeeded { path: pattern.to_string(), expected });
        }
        (None, _) => {
            overlay.check_creatable(&pattern)?;
            overlay.create(&pattern)?;
        }
    }
    Ok((backend, written(&mut overlay)?))
}

fn written(overlay: &mut Overlay) -> Result<String, Error> {
    let edit = overlay.edit_config().map_err(ResolveError::from)?.unwrap_or_default();
    Ok(xml::write(&edit, Tree::ROOT).map_err(ResolveError::from)?)
}

/// Differences as the controller prints them, what goes and what comes in colours.
fn shown(differences: &[String]) -> String {
    use anstyle::{AnsiColor, Style};

    let (added, removed) = (
        Style::new().fg_color(Some(AnsiColor::Green.into())),
        Style::new().fg_color(Some(AnsiColor::Red.into())),
    );
    let mut text = String::new();
    for line in differences.iter().flat_map(|difference| difference.lines()) {
        // Writing to a string does not fail.
        let _ = match line.as_bytes().first() {
            Some(b'+') => writeln!(text, "{added}{line}{added:#}"),
            Some(b'-') => writeln!(text, "{removed}{line}{removed:#}"),
            _ => writeln!(text, "{line}"),
        };
    }
    text
}
